/**
 * What a report on a run says, as data: how it was started and went, what it logged, how its gradients flowed, what `why` finds,
 * the graph and the rows of a step, and what proves it. Its size does not grow with the number of steps.
 */

import type { RunProof } from '../debug/recompute.js'
import type { Findings } from '../detectors/finding.js'
import { computationOf } from '../drawing/computation.js'
import { pictureOf } from '../drawing/picture.js'
import { toSvg } from '../drawing/svg.js'
import { TapeError } from '../errors.js'
import type { Plain } from '../events/event.js'
import { checkOptions } from '../options.js'
import { lastLoggedVariable } from '../queries/metrics.js'
import { RunCourses } from '../queries/run-courses.js'
import type { VerifyReport } from '../store/proof/verify.js'
import type { InspectedRun } from './inspected-run.js'
import {
  columnsOf,
  curveOf,
  flowOf,
  type ReportCurve,
  type ReportFlow,
  stepRangeOf,
} from './report-curves.js'
import { overviewOf, type RunOverview } from './run-overview.js'
import { visibleText } from './visible-text.js'

/** Settings of `inspection.report`. */
export interface ReportOptions {
  /** The step whose graph and rows are shown. Default: that of the first finding, else the last. */
  step?: number
  /**
   * What is proven. `sample` steps are drawn and computed again, 3 when not said; 0 for none, `'all'` for every step. The chain is walked unless
   * `verify` is false.
   */
  sample?: number | 'all'
  verify?: boolean
  /** Told now and then how far it is: what is done, and how many events of how many. */
  onProgress?: (what: string, done: number, total: number) => void
}

/** The rows of a batch. */
export interface ReportRows {
  readonly name: string | null
  readonly count: number
  /** The first of them. */
  readonly rows: readonly number[]
}

/** What is shown of one step. */
export interface ReportStep {
  readonly step: number
  /** The computation behind its loss, drawn; null with the reason in `noGraph`. */
  readonly graph: string | null
  readonly noGraph: string | null
  readonly rows: readonly ReportRows[]
}

/** A report on a run. `reportHtml` makes one page of it. */
export interface RunReport {
  readonly tape: string
  readonly madeAt: string
  readonly engine: string
  readonly overview: RunOverview
  readonly config: { readonly [key: string]: Plain }
  /** The steps over which curves and the map go, and how many columns the map has. */
  readonly steps: { readonly first: number; readonly last: number; readonly columns: number }
  readonly curves: readonly ReportCurve[]
  /** How many metrics there are besides those shown. */
  readonly curvesLeftOut: number
  readonly flow: readonly ReportFlow[]
  readonly flowLeftOut: number
  readonly findings: Findings
  readonly step: ReportStep | null
  readonly notes: readonly { readonly step: number; readonly text: string }[]
  readonly notesLeftOut: number
  /** Null when it was not asked for. */
  readonly chain: VerifyReport | null
  /** For each key that has sealed the tape, whether its seals hold; none when the chain was not walked. */
  readonly seals: readonly { readonly key: string; readonly code: string | null; readonly text: string }[]
  readonly proof: RunProof | null
}

const CURVES_MAX = 40
const FLOW_MAX = 80
const NOTES_MAX = 100
const ROWS_MAX = 200
const CURVE_COLUMNS = 480
const FLOW_COLUMNS = 120
/** A graph of more nodes is drawn by its scopes. */
const NODES_READABLE = 60

/** @internal Throws  STEP_NOT_FOUND, BAD_ARGUMENT */
export async function runReport(
  run: InspectedRun,
  engine: string,
  options: ReportOptions = {},
): Promise<RunReport> {
  checkOptions(options, ['step', 'sample', 'verify', 'onProgress'], 'report()')
  const { past, tape, views } = run
  const { sample = 3, verify = true, onProgress } = options
  if (sample !== 'all' && !(Number.isSafeInteger(sample) && sample >= 0))
    throw new TapeError('BAD_ARGUMENT', "report() expected sample to be an integer from 0, or 'all'")
  if (options.step !== undefined) run.lookup.stepRange(options.step, past.lastPosition)
  const courses = new RunCourses(past.id)
  courses.extend(views)
  const steps = stepRangeOf(courses)
  const metrics = [...courses.metrics]
  const flowColumns = columnsOf(steps.first, steps.last, FLOW_COLUMNS)
  const curveColumns = columnsOf(steps.first, steps.last, CURVE_COLUMNS)
  const findings = past.why()
  const shown = options.step ?? findings.findings.find(({ step }) => step !== null)?.step ?? past.stepCount
  const notes = views.all<{ step: number; text: string }>(
    'SELECT step, text FROM note WHERE run_id = ? ORDER BY position LIMIT ?',
    past.id,
    NOTES_MAX + 1,
  )
  const chain = verify ? tape.verify((done, total) => onProgress?.('verify', done, total)) : null
  return {
    tape: tape.path,
    madeAt: new Date().toISOString(),
    engine,
    overview: overviewOf(run),
    config: past.started.config,
    steps: { ...steps, columns: flowColumns.length },
    curves: metrics.slice(0, CURVES_MAX).map(([name, course]) => curveOf(name, course, curveColumns)),
    curvesLeftOut: Math.max(0, metrics.length - CURVES_MAX),
    flow: courses.gradients.slice(0, FLOW_MAX).map((gradient) => flowOf(gradient, flowColumns)),
    flowLeftOut: Math.max(0, courses.gradients.length - FLOW_MAX),
    findings,
    step: past.stepCount === 0 && options.step === undefined ? null : await stepOf(run, shown),
    notes: notes.slice(0, NOTES_MAX),
    notesLeftOut: notes.length > NOTES_MAX ? noteCount(run) - NOTES_MAX : 0,
    chain,
    seals: chain === null ? [] : tape.sealsByKey(chain),
    proof:
      sample === 0
        ? null
        : past.recompute({
            ...(sample === 'all' ? {} : { sample }),
            onProgress: (done, total) => onProgress?.('recompute', done, total),
          }),
  }
}

async function stepOf(run: InspectedRun, step: number): Promise<ReportStep> {
  const { past } = run
  const rows = past
    .rowsOf(step)
    .map(({ name, rows }) => ({ name, count: rows.length, rows: rows.slice(0, ROWS_MAX) }))
  try {
    return { step, graph: await graphOf(run, step), noGraph: null, rows }
  } catch (error) {
    // A report on a run that cannot be drawn is still one: the reason stands in the picture's place.
    if (!(error instanceof TapeError)) throw error
    return { step, graph: null, noGraph: error.message, rows }
  }
}

/** Throws  VARIABLE_NOT_FOUND, GRAPH_TOO_LARGE, UNREGISTERED_FUNC */
async function graphOf({ past, views, say }: InspectedRun, step: number): Promise<string> {
  const logged = lastLoggedVariable(views, past.id, step)
  if (logged === null)
    throw new TapeError(
      'VARIABLE_NOT_FOUND',
      `step ${step} logged no variable, so there is no loss to begin from`,
    )
  const computation = computationOf(past.variable(logged.position, { step }))
  const nodes = computation.calls.length + computation.variables.length
  const graph = pictureOf(
    computation,
    (variable) => {
      const { dtype, shape } = say.form(variable.ref)
      const name = variable.name ?? say.nameOf(variable.ref)
      return [
        ...(name === null ? [] : [name]),
        `${shape.length === 0 ? '' : `[${shape.join(', ')}] `}${dtype}`,
      ]
    },
    nodes > NODES_READABLE ? 'scopes' : 'auto',
  )
  const nodesShown = graph.nodes.map((node) => ({ ...node, lines: node.lines.map(visibleText) }))
  return toSvg({ ...graph, nodes: nodesShown }, 'ask for a part of it with gradtape graph')
}

function noteCount({ views, past }: InspectedRun): number {
  return views.first<{ n: number }>('SELECT count(*) AS n FROM note WHERE run_id = ?', past.id)!.n
}
