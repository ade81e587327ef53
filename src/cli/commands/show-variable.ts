/** One variable: its value, its versions, the gradients recorded for it, and the calls it came from. */

import { creatorLists, creatorTree } from '../../inspection/creators.js'
import { positionText } from '../../inspection/describer.js'
import type { InspectedRun } from '../../inspection/inspected-run.js'
import { numberText } from '../../inspection/number-text.js'
import {
  type ArrayWithSummary,
  historyInShort,
  historyOfVariable,
  stateOfVariable,
  type VariableHistoryInShort,
} from '../../inspection/variable-report.js'
import type { Answer } from '../answer.js'
import { arrayJson, arrayText } from '../array-words.js'
import { creatorTreeText } from '../creator-tree.js'
import { variableKey } from '../open.js'
import { paint } from '../paint.js'
import { oneLine, table } from '../table.js'
import { indented, plural, shapeText, siteWords, summaryText } from '../words.js'

const ROWS_MAX = 12

export interface VariableOptions {
  step: number | null
  depth: number
  full: boolean
}

/** Throws  VARIABLE_NOT_FOUND, STEP_NOT_FOUND, UNREGISTERED_FUNC; KERNEL_MISMATCH, REPLAY_DIVERGED for what is computed again */
export function showVariable(run: InspectedRun, what: string, options: VariableOptions): Answer {
  const { step, depth, full } = options
  const { past, say } = run
  const report = stateOfVariable(run, variableKey(what), step)
  const { variable, kind, origin, dtype, shape, value, gradient, others } = report
  return {
    json: () => ({
      run: { id: past.id, name: past.name },
      variable: {
        name: variable.name,
        position: report.position,
        slot: report.slot,
        step: report.step,
        kind: report.isOutput ? 'output' : kind,
        function: variable.creator?.name ?? null,
        site: report.site,
        origin,
        dtype,
        shape,
        values: null,
        ...(value === null ? {} : arrayJson(value.array, full)),
        summary: value?.summary ?? null,
      },
      others,
      gradient: gradient === null ? null : { ...arrayJson(gradient.array, full), summary: gradient.summary },
      ...historyOfVariable(run, report, step),
      creators: creatorLists(variable, say),
    }),
    text: () => {
      const at = positionText(variable.ref)
      const title = `${paint('bold', oneLine(variable.name ?? at))}, ${kind}, ${dtype} ${shapeText(shape)}`
      const lines = [
        `${title}, made at ${at} in step ${report.step}${step === null ? '' : `, as step ${step} read it`}${report.site === null ? '' : oneLine(`, at ${siteWords(report.site)}`)}`,
        ...(others.length === 0
          ? []
          : [
              paint(
                'yellow',
                `  ${plural(others.length, 'other parameter')} of this name: ${others.map((position) => `#${position}`).join(' ')}; --variable ${others[0]} shows that one`,
              ),
            ]),
        ...(value === null ? ['  its value was not captured'] : arrayLines(value, full)),
      ]
      if (origin === 'computed again' || origin === 'materialized')
        lines.push(
          paint(
            'dim',
            `  not captured; ${origin === 'materialized' ? 'materialized later' : origin}, bit for bit`,
          ),
        )
      const history = historyInShort(run, report, step, ROWS_MAX)
      if (history.assigned !== null) {
        const { count, first, last } = history.assigned
        lines.push(
          `  ${plural(count, 'assignment')}, from step ${first.step} (#${first.position}) to step ${last.step} (#${last.position})`,
        )
      }
      if (gradient !== null) lines.push('', paint('bold', 'its last gradient'), ...arrayLines(gradient, full))
      if (history.gradientCount > 0) lines.push('', gradientTable(history))
      if (variable.creator !== null)
        lines.push('', paint('bold', 'made from'), creatorTreeText(creatorTree(variable, say, depth)))
      return lines.join('\n')
    },
  }
}

function arrayLines({ array, summary }: ArrayWithSummary, full: boolean): string[] {
  return [
    indented(arrayText(array, full)),
    `  ${summaryText(summary)}`,
    paint('dim', `  sha256 ${summary.hash}`),
  ]
}

function gradientTable({ gradients, gradientCount }: VariableHistoryInShort): string {
  const right = 'right' as const
  const headings = [
    { title: 'gradient', align: right },
    ...['step', 'norm', 'mean', 'min', 'max', 'not finite'].map((title) => ({ title, align: right })),
    { title: 'afterwards' },
    { title: 'on the tape' },
  ]
  const rows = gradients.map((row) => [
    `#${row.position}`,
    String(row.step),
    numberText(row.l2Norm),
    numberText(row.mean),
    numberText(row.min),
    numberText(row.max),
    numberText(row.nonFiniteCount),
    { none: 'not kept', this: 'kept', sum: 'added' }[row.held],
    row.kept,
  ])
  const more = gradientCount - gradients.length
  return (
    table(headings, rows) +
    (more > 0 ? paint('dim', `\n… and ${more} before; --json has all, --step those of one step`) : '')
  )
}
