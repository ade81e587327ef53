/** A run in one page: how it was started and went, what it logged, what it trained, what it called. */
import type { RunStarted } from '../events/event.js'
import { type FunctionCount, functionCounts } from '../queries/calls.js'
import { type CheckpointCount, checkpointCount } from '../queries/checkpoints.js'
import { type MetricCourse, metricCourses } from '../queries/metrics.js'
import { namedParameters, type ParameterRow } from '../queries/variables.js'
import type { RunInfo } from '../tape/run-info.js'
import type { InspectedRun } from './inspected-run.js'

/** A run in one page. */
export interface RunOverview {
  run: RunInfo &
    Pick<
      RunStarted,
      | 'seed'
      | 'capture'
      | 'kernel'
      | 'engine'
      | 'node'
      | 'v8'
      | 'platform'
      | 'host'
      | 'pid'
      | 'parent'
      | 'config'
    >
  checkpoints: CheckpointCount
  metrics: MetricCourse[]
  parameters: ParameterRow[]
  functions: FunctionCount[]
}

export function overviewOf({ past, info, views }: InspectedRun): RunOverview {
  const { seed, capture, kernel, engine, node, v8, platform, host, pid, parent, config } = past.started
  return {
    run: { ...info, seed, capture, kernel, engine, node, v8, platform, host, pid, parent, config },
    checkpoints: checkpointCount(views, past.id),
    metrics: metricCourses(views, past.id),
    parameters: namedParameters(views, past.id),
    functions: functionCounts(views, past.id),
  }
}
