/** One variable: its value, its versions, the gradients recorded for it, and the calls it came from. */

import type { NDArray } from '../../array/ndarray.js'
import { computationOf } from '../../drawing/computation.js'
import { TapeError } from '../../errors.js'
import { summarized } from '../../events/content.js'
import { type ArraySummary, positionOf, slotOf } from '../../events/event.js'
import { Describer, positionText } from '../../inspection/describer.js'
import { numberText } from '../../inspection/number-text.js'
import { originOf } from '../../inspection/value-origin.js'
import { type GradientRow, gradientsOfVariable } from '../../queries/gradients.js'
import { assignmentsTo } from '../../queries/variables.js'
import type { Answer } from '../answer.js'
import { arrayJson, arrayText } from '../array-words.js'
import { creatorTree } from '../creator-tree.js'
import { type OpenRun, variableKey } from '../open.js'
import { paint } from '../paint.js'
import { oneLine, table } from '../table.js'
import { indented, plural, shapeText, summaryText } from '../words.js'

const ROWS_MAX = 12

export interface VariableOptions {
  step: number | null
  depth: number
  full: boolean
}

/** Throws  VARIABLE_NOT_FOUND, STEP_NOT_FOUND, UNREGISTERED_FUNC; KERNEL_MISMATCH, REPLAY_DIVERGED for what is computed again */
export function showVariable(
  { past, views, lookup }: OpenRun,
  what: string,
  options: VariableOptions,
): Answer {
  const { step, depth, full } = options
  const say = new Describer(past, lookup)
  const variable = past.variable(variableKey(what), step === null ? {} : { step })
  const { ref, creator, role } = variable
  const position = positionOf(ref)
  const slot = slotOf(ref)
  const range = step === null ? null : lookup.stepRange(step, past.lastPosition)
  const readAt =
    range === null ? past.lastPosition + 1 : (lookup.firstReader(ref, range.from, range.to) ?? range.to + 1)
  const value = shownArray(() => variable.data)
  const origin = value === null ? 'not captured' : originOf(lookup, (at) => say.event(at), ref, readAt)
  const gradient = shownArray(() => variable.grad?.data ?? null)
  const form = value?.array ?? say.form(ref)
  const versions = slot === 0 ? assignmentsTo(views, past.id, position) : []
  const gradients = gradientsOfVariable(views, past.id, { position, slot }, step)
  const kind =
    creator !== null
      ? `output of ${creator.name}`
      : say.event(position).type === 'FunctionCalled'
        ? 'output of a call inside noGrad'
        : role
  return {
    json: () => ({
      run: { id: past.id, name: past.name },
      variable: {
        name: variable.name,
        position,
        slot,
        step: say.event(position).step,
        kind: creator === null && kind === role ? role : 'output',
        function: creator?.name ?? null,
        origin,
        dtype: form.dtype,
        shape: form.shape,
        values: null,
        ...(value === null ? {} : arrayJson(value.array, full)),
        summary: value?.summary ?? null,
      },
      gradient: gradient === null ? null : { ...arrayJson(gradient.array, full), summary: gradient.summary },
      assignments: versions,
      gradients,
      creators: creatorsJson(variable, say),
    }),
    text: () => {
      const title = `${paint('bold', oneLine(variable.name ?? positionText(ref)))}, ${kind}, ${form.dtype} ${shapeText(form.shape)}`
      const lines = [
        `${title}, made at ${positionText(ref)} in step ${say.event(position).step}${step === null ? '' : `, as step ${step} read it`}`,
        ...(value === null ? ['  its value was not captured'] : arrayLines(value, full)),
      ]
      if (origin === 'computed again' || origin === 'materialized')
        lines.push(
          paint(
            'dim',
            `  not captured; ${origin === 'materialized' ? 'materialized later' : origin}, bit for bit`,
          ),
        )
      if (versions.length > 0) {
        const last = versions.at(-1)
        lines.push(
          `  ${plural(versions.length, 'assignment')}, from step ${versions[0]?.step} (#${versions[0]?.position}) to step ${last?.step} (#${last?.position})`,
        )
      }
      if (gradient !== null) lines.push('', paint('bold', 'its last gradient'), ...arrayLines(gradient, full))
      if (gradients.length > 0) lines.push('', gradientTable(gradients))
      if (creator !== null) lines.push('', paint('bold', 'made from'), creatorTree(variable, say, depth))
      return lines.join('\n')
    },
  }
}

interface Shown {
  array: NDArray
  summary: ArraySummary
}

/** Null when there is none, or the run was not to keep what it follows from. */
function shownArray(read: () => NDArray | null): Shown | null {
  try {
    const array = read()
    return array === null ? null : { array, summary: summarized(array, true) }
  } catch (error) {
    if (error instanceof TapeError && error.code === 'VALUE_NOT_CAPTURED') return null
    throw error
  }
}

function arrayLines({ array, summary }: Shown, full: boolean): string[] {
  return [
    indented(arrayText(array, full)),
    `  ${summaryText(summary)}`,
    paint('dim', `  sha256 ${summary.hash}`),
  ]
}

function gradientTable(gradients: readonly GradientRow[]): string {
  const right = 'right' as const
  const shown = gradients.slice(-ROWS_MAX)
  const headings = [
    { title: 'gradient', align: right },
    ...['step', 'norm', 'mean', 'min', 'max', 'not finite'].map((title) => ({ title, align: right })),
    { title: 'afterwards' },
    { title: 'on the tape' },
  ]
  const rows = shown.map((row) => [
    `#${row.position}`,
    String(row.step),
    numberText(row.l2Norm),
    numberText(row.mean),
    numberText(row.min),
    numberText(row.max),
    numberText(row.nonFiniteCount),
    { nothing: 'not kept', contribution: 'kept', accumulated: 'added' }[row.held],
    row.kept,
  ])
  const more = gradients.length - shown.length
  return (
    table(headings, rows) +
    (more > 0 ? paint('dim', `\n… and ${more} before; --json has all, --step those of one step`) : '')
  )
}

/** The computation as two flat lists, joined by the ids of variables: deep chains make no deep document. */
function creatorsJson(root: Parameters<typeof computationOf>[0], say: Describer): object {
  const { variables, calls } = computationOf(root)
  const ids = new Map(variables.map((variable, i) => [variable, i]))
  return {
    variables: variables.map((variable, id) => ({
      id,
      position: positionOf(variable.ref),
      slot: slotOf(variable.ref),
      name: variable.name ?? say.nameOf(variable.ref),
      ...say.form(variable.ref),
    })),
    calls: calls.map((call) => ({
      position: call.position,
      function: call.name,
      attributes: call.attributes,
      inputs: call.inputs.map((input) => ids.get(input)),
      outputs: call.outputs.map((output) => ids.get(output)),
    })),
  }
}
