/** A run in one page: how it went, what it logged, what it trained, what it called. */

import { plainToText } from '../../events/plain.js'
import type { InspectedRun } from '../../inspection/inspected-run.js'
import { numberText } from '../../inspection/number-text.js'
import { overviewOf } from '../../inspection/run-overview.js'
import type { FunctionCount } from '../../queries/calls.js'
import type { MetricCourse } from '../../queries/metrics.js'
import type { ParameterRow } from '../../queries/variables.js'
import type { Answer } from '../answer.js'
import { paint } from '../paint.js'
import { oneLine, table } from '../table.js'
import {
  bytesText,
  captureText,
  countText,
  durationText,
  indented,
  momentText,
  parentText,
  shapeText,
  sparkline,
} from '../words.js'

export function showRun(run: InspectedRun): Answer {
  const overview = overviewOf(run)
  const { checkpoints, metrics, parameters, functions } = overview
  return {
    json: () => overview,
    text: () => {
      const info = overview.run
      const { seed, capture, kernel, engine, node, v8, platform, host, pid, parent, config } = info
      const facts: [string, string][] = [
        [
          'status',
          paint(info.status === 'failed' ? 'red' : 'green', info.status) +
            (info.error === null ? '' : `: ${oneLine(info.error)}`),
        ],
        ['started', `${momentText(info.startedAt)} on ${host}, process ${pid}`],
        ['duration', durationText(info.elapsedMs)],
        ['steps', countText(info.steps)],
        ['events', countText(info.events)],
        ['kernel', kernel],
        ['versions', `gradtape ${engine}, Node ${node}, V8 ${v8}, ${platform}`],
        ['seed', String(seed)],
        ['capture', captureText(capture)],
        ['config', plainToText(config, 'config')],
      ]
      if (checkpoints.count > 0)
        facts.push([
          'checkpoints',
          `${countText(checkpoints.count)} of ${bytesText(checkpoints.bytes)} in all, the last at step ${checkpoints.lastStep}`,
        ])
      if (parent !== null) facts.push(['parent', parentText(parent)])
      const width = Math.max(...facts.map(([title]) => title.length))
      const sections = [
        `${paint('bold', oneLine(info.name))}, run ${info.id} of ${run.tape.path}`,
        indented(facts.map(([title, text]) => `${title.padEnd(width)}  ${oneLine(text)}`).join('\n')),
      ]
      if (metrics.length > 0) sections.push('', metricTable(metrics))
      if (parameters.length > 0) sections.push('', parameterTable(parameters))
      if (functions.length > 0) sections.push('', functionTable(functions))
      return sections.join('\n')
    },
  }
}

function metricTable(metrics: readonly MetricCourse[]): string {
  const right = 'right' as const
  const headings = [
    { title: 'metric' },
    { title: 'first', align: right },
    { title: 'last', align: right },
    { title: 'min', align: right },
    { title: 'at step', align: right },
    { title: 'curve' },
  ]
  const rows = metrics.map((metric) => [
    oneLine(metric.name),
    numberText(metric.first),
    numberText(metric.last),
    numberText(metric.min),
    metric.minStep === null ? '–' : String(metric.minStep),
    sparkline(metric.curve) +
      (metric.firstNonFiniteStep === null ? '' : `  not finite from step ${metric.firstNonFiniteStep}`),
  ])
  return table(headings, rows)
}

function parameterTable(parameters: readonly ParameterRow[]): string {
  const headings = [
    { title: 'parameter' },
    { title: 'dtype' },
    { title: 'shape' },
    { title: 'position', align: 'right' as const },
  ]
  return table(
    headings,
    parameters.map(({ name, dtype, shape, position }) => [
      oneLine(name),
      dtype,
      shapeText(shape),
      String(position),
    ]),
  )
}

function functionTable(functions: readonly FunctionCount[]): string {
  return table(
    [{ title: 'function' }, { title: 'calls', align: 'right' }],
    functions.map(({ name, calls }) => [oneLine(name), countText(calls)]),
  )
}
