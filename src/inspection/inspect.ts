/** The one door of this room for programs: what the commands `show` and `gradient` answer, as data. */
import { TapeError, valueText } from '../errors.js'
import type { Tape } from '../tape/tape.js'
import { ENGINE_VERSION } from '../tape/version.js'
import { type CreatorNode, creatorTree } from './creators.js'
import { type GradientAnswer, type GradientQuestion, gradientsOf } from './gradients.js'
import { type InspectedRun, inspectedRun } from './inspected-run.js'
import { type OnnxExport, type OnnxOptions, onnxOf } from './onnx-graph.js'
import { overviewOf, type RunOverview } from './run-overview.js'
import { type ReportOptions, type RunReport, runReport } from './run-report.js'
import { eventsOfStep, type StepEvents } from './step-events.js'
import { reportOnVariable, type VariableReport } from './variable-report.js'

/**
 * Questions about one run of an open tape, answered as data: what `gradtape show` and `gradtape gradient` print.
 *
 *     const inspection = inspect(openTape('runs.tape', { readonly: true }), 'digits')
 *     inspection.gradients({ of: 'loss', step: 412 }).gradients[0].recorded // { by: 'bits', equal: true, … }
 *
 * which   id or name of the run; the newest when not said
 * Throws  RUN_NOT_FOUND
 */
export function inspect(tape: Tape, which?: number | string): Inspection {
  if (typeof (tape as Tape | undefined)?.runs !== 'function')
    throw new TapeError(
      'BAD_ARGUMENT',
      `inspect expected a tape, as openTape gives it, got ${valueText(tape)}`,
    )
  return new Inspection(inspectedRun(tape, which))
}

/** Answers questions about one run. `inspect(tape, run)` gives one; it answers until the tape is closed. */
export class Inspection {
  private readonly run: InspectedRun

  /** @internal Use `inspect`. */
  constructor(run: InspectedRun) {
    this.run = run
  }

  /** How the run was started and went, what it logged, trained and called. */
  overview(): RunOverview {
    return overviewOf(this.run)
  }

  /**
   * The events of a step in order, the first `limit` of them.
   *
   * Throws  STEP_NOT_FOUND
   */
  step(step: number, { limit }: { limit?: number } = {}): StepEvents {
    return eventsOfStep(this.run, step, limit)
  }

  /**
   * A variable by its name or position: its value and where that comes from, its versions, its gradients. With `step` as
   * that step read it.
   *
   * Throws  VARIABLE_NOT_FOUND, STEP_NOT_FOUND, UNREGISTERED_FUNC; KERNEL_MISMATCH, REPLAY_DIVERGED for what is computed again
   */
  variable(what: string | number, { step }: { step?: number } = {}): VariableReport {
    return reportOnVariable(this.run, what, step ?? null)
  }

  /**
   * The calls that a variable came from, read from the top; `depth` calls deep, 8 when not said.
   *
   * Throws  as `variable`
   */
  creators(
    what: string | number,
    { step, depth = 8 }: { step?: number; depth?: number } = {},
  ): CreatorNode[] {
    const { past, say } = this.run
    return creatorTree(past.variable(what, step === undefined ? {} : { step }), say, depth)
  }

  /**
   * Gradients computed from the file, each compared bit for bit with what the run recorded of it.
   *
   * Throws  VARIABLE_NOT_FOUND, STEP_NOT_FOUND, NOT_SCALAR, NOT_DIFFERENTIABLE, UNREGISTERED_FUNC
   */
  gradients(question: GradientQuestion): GradientAnswer {
    return gradientsOf(this.run, question)
  }

  /**
   * All that a report says, as data; `reportHtml` makes the page of it. Walks the chain of the tape, and computes drawn steps again.
   *
   * Throws  STEP_NOT_FOUND, BAD_ARGUMENT
   */
  report(options: ReportOptions = {}): Promise<RunReport> {
    return runReport(this.run, ENGINE_VERSION, options)
  }

  /**
   * The forward graph of a step as an ONNX model: what `gradtape export --to onnx` writes. Floats are float32; shapes are those of
   * the step.
   *
   * Throws  STEP_NOT_FOUND, VARIABLE_NOT_FOUND; ONNX_UNSUPPORTED names the functions that have no operator
   */
  onnx(options: OnnxOptions = {}): Promise<OnnxExport> {
    return onnxOf(this.run, options)
  }
}
