/** One variable: its value, its versions, the gradients recorded for it, and the calls it came from. */
import { REF_SLOT_UNIT } from '../../events/event.js'
import { computationOf } from '../../graph/computation.js'
import { type GradientRow, gradientsOfVariable } from '../../queries/gradients.js'
import { assignmentsTo } from '../../queries/variables.js'
import type { Answer } from '../answer.js'
import { arrayJson, arrayText } from '../array-words.js'
import { creatorTree } from '../creator-tree.js'
import { Describer, positionText } from '../describer.js'
import { type OpenRun, variableKey } from '../open.js'
import { paint } from '../paint.js'
import { oneLine, table } from '../table.js'
import { indented, numberText, plural, shapeText, summarize, summaryText } from '../words.js'

const ROWS_MAX = 12

export interface VariableOptions {
  step: number | null
  depth: number
  full: boolean
}

/** Throws  VARIABLE_NOT_FOUND, STEP_NOT_FOUND, VALUE_NOT_CAPTURED, UNREGISTERED_FUNC */
export function showVariable(
  { past, views, lookup }: OpenRun,
  what: string,
  options: VariableOptions,
): Answer {
  const { step, depth, full } = options
  const say = new Describer(past, lookup)
  const variable = past.variable(variableKey(what), step === null ? {} : { step })
  const { ref, data, creator, role } = variable
  const position = ref % REF_SLOT_UNIT
  const slot = Math.floor(ref / REF_SLOT_UNIT)
  const summary = summarize(data)
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
        ...arrayJson(data, full),
        summary,
      },
      assignments: versions,
      gradients,
      creators: creatorsJson(variable, say),
    }),
    text: () => {
      const title = `${paint('bold', oneLine(variable.name ?? positionText(ref)))}, ${kind}, ${data.dtype} ${shapeText(data.shape)}`
      const lines = [
        `${title}, made at ${positionText(ref)} in step ${say.event(position).step}${step === null ? '' : `, as step ${step} read it`}`,
        indented(arrayText(data, full)),
        `  ${summaryText(summary)}`,
        `  sha256 ${summary.hash}`,
      ]
      if (versions.length > 0) {
        const last = versions.at(-1)
        lines.push(
          `  ${plural(versions.length, 'assignment')}, from step ${versions[0]?.step} (#${versions[0]?.position}) to step ${last?.step} (#${last?.position})`,
        )
      }
      if (gradients.length > 0) lines.push('', gradientTable(gradients))
      if (creator !== null) lines.push('', paint('bold', 'made from'), creatorTree(variable, say, depth))
      return lines.join('\n')
    },
  }
}

function gradientTable(gradients: readonly GradientRow[]): string {
  const right = 'right' as const
  const shown = gradients.slice(-ROWS_MAX)
  const headings = [
    { title: 'gradient', align: right },
    ...['step', 'norm', 'mean', 'min', 'max', 'not finite'].map((title) => ({ title, align: right })),
    { title: 'afterwards' },
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
      position: variable.ref % REF_SLOT_UNIT,
      slot: Math.floor(variable.ref / REF_SLOT_UNIT),
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
