/**
 * The forward graph of one step as an ONNX model: the calls that its outputs came from, parameters and buffers as constants, batches as
 * inputs. Reads the calls from the views, so calls inside `noGrad` are in it too.
 */

import type { DType } from '../array/dtype.js'
import { isFloating } from '../array/dtype.js'
import type { NDArray } from '../array/ndarray.js'
import { TapeError, valueText } from '../errors.js'
import { positionOf, type Ref, refOf, slotOf } from '../events/event.js'
import { textToPlain } from '../events/plain.js'
import { ONNX_OPSET, type OnnxValue, onnxBytes } from '../formats/onnx.js'
import { lastLoggedVariable } from '../queries/metrics.js'
import { ENGINE_VERSION } from '../tape/version.js'
import type { InspectedRun } from './inspected-run.js'
import { OnnxBuilder, type OnnxOperand, onnxDtype } from './onnx-builder.js'
import { Refusal } from './onnx-parts.js'
import { ONNX_RULES } from './onnx-rules.js'

/** What to export. */
export interface OnnxOptions {
  /** The last when not said. */
  step?: number | undefined
  /** Names or positions of what the model computes: the variable logged last in the step when not said, `loss` before others. */
  outputs?: readonly (string | number)[] | undefined
  /** Names or positions of what the model is given. When not said: batches, and every array that training does not change. */
  inputs?: readonly (string | number)[] | undefined
}

/** A value of the model, and the variable of the run that it is. */
export interface OnnxPort extends OnnxValue {
  readonly position: number
  readonly slot: number
}

/** A model, and what it is of. */
export interface OnnxExport {
  readonly bytes: Uint8Array
  readonly step: number
  readonly opset: number
  readonly inputs: readonly OnnxPort[]
  readonly outputs: readonly OnnxPort[]
  /** Parameters, buffers and other arrays that the file holds. */
  readonly constants: readonly OnnxPort[]
  readonly callCount: number
}

interface CallRow {
  position: number
  function: string
  attributes: string | null
  scope: string
  inputs: { ref: Ref | null }[]
  outputs: { dtype: DType; shape: number[] }[]
}

/** The bytes of one message of protocol buffers are counted in 31 bits. */
const LARGEST_BYTES = 2 ** 31 - 2 ** 20

/**
 * The model of a step. float64 becomes float32.
 *
 * Throws  STEP_NOT_FOUND, VARIABLE_NOT_FOUND; ONNX_UNSUPPORTED names the calls that have no operator; BAD_ARGUMENT
 */
export async function onnxOf(run: InspectedRun, options: OnnxOptions = {}): Promise<OnnxExport> {
  return new Exporter(run, options).made()
}

class Exporter {
  private readonly run: InspectedRun
  private readonly step: number
  private readonly calls: Map<number, CallRow>
  private readonly g = new OnnxBuilder()
  private readonly operands = new Map<Ref, OnnxOperand>()
  private readonly given: ReadonlySet<Ref> | null
  private readonly wanted: readonly Ref[]
  private readonly inputs: OnnxPort[] = []
  private readonly constants: OnnxPort[] = []
  private bytes = 0

  constructor(run: InspectedRun, { step, outputs, inputs }: OnnxOptions) {
    this.run = run
    const { past } = run
    this.step = step ?? past.stepCount
    if (!Number.isInteger(this.step) || this.step < 0 || this.step > past.stepCount)
      throw new TapeError(
        'STEP_NOT_FOUND',
        `expected a step from 0 to ${past.stepCount}, got ${valueText(this.step)}`,
      )
    this.calls = callsOf(run, this.step)
    if (outputs?.length === 0)
      throw new TapeError('BAD_ARGUMENT', 'expected at least one output, got an empty list')
    const logged = outputs ?? lastOf(run, this.step)
    this.wanted = [...new Set(logged.map((what) => this.refOf(what)))]
    this.given = inputs === undefined ? null : new Set(inputs.map((what) => this.refOf(what)))
  }

  async made(): Promise<OnnxExport> {
    const order = this.callsBehind()
    this.refuseUnknown(order)
    for (const call of order) this.write(call)
    const outputs = this.wanted.map((ref) => this.port(ref, this.operandOf(ref)))
    for (const ref of this.given ?? [])
      if (!this.inputs.some(({ position, slot }) => refOf(position, slot) === ref))
        throw new TapeError(
          'BAD_ARGUMENT',
          `expected inputs that the outputs are computed from, got ${valueText(this.nameOf(ref) ?? positionOf(ref))}, which they do not read`,
        )
    const { past } = this.run
    return {
      bytes: await onnxBytes({
        name: `${this.run.info.name}, step ${this.step}`,
        producerVersion: ENGINE_VERSION,
        doc: `The forward graph of step ${this.step} of run ${past.id} ("${this.run.info.name}"), as gradtape recorded it.`,
        metadata: { run: this.run.info.name, run_id: String(past.id), step: String(this.step) },
        inputs: this.inputs,
        outputs,
        initializers: this.g.initializers,
        nodes: this.g.nodes,
      }),
      step: this.step,
      opset: ONNX_OPSET,
      inputs: this.inputs,
      outputs,
      constants: this.constants,
      callCount: order.length,
    }
  }

  private refOf(what: string | number): Ref {
    return this.run.past.variable(what, { step: this.step }).ref
  }

  /** The calls of the step that the outputs came from, in order. */
  private callsBehind(): CallRow[] {
    const found = new Set<number>()
    const open = [...this.wanted]
    for (let ref = open.pop(); ref !== undefined; ref = open.pop()) {
      const call = this.calls.get(positionOf(ref))
      if (call === undefined || found.has(call.position) || this.isGiven(ref, call)) continue
      found.add(call.position)
      for (const input of call.inputs) {
        if (input.ref === null)
          throw new TapeError(
            'ONNX_UNSUPPORTED',
            `${placeOf(call)} reads a gradient, which a forward graph does not have`,
          )
        open.push(input.ref)
      }
    }
    return [...found].sort((a, b) => a - b).map((position) => this.calls.get(position)!)
  }

  /** Whether a call's output is an input of the model: one that was asked for, or a batch that was read from a data set. */
  private isGiven(ref: Ref, call: CallRow): boolean {
    if (this.wanted.includes(ref)) return false
    if (this.given !== null) return this.given.has(ref)
    return (
      (call.function === 'take' || call.function === 'slice') &&
      call.inputs.every((input) => input.ref !== null && !this.calls.has(positionOf(input.ref))) &&
      call.inputs.every(
        (input) => this.run.past.variable(input.ref!, { step: this.step }).role === 'constant',
      )
    )
  }

  /** All that has no operator is said at once. */
  private refuseUnknown(calls: readonly CallRow[]): void {
    const unknown = calls.filter((call) => !ONNX_RULES.has(call.function))
    if (unknown.length === 0) return
    const names = [...new Set(unknown.map((call) => call.function))].sort()
    throw new TapeError(
      'ONNX_UNSUPPORTED',
      `${names.join(', ')}: no operator of ONNX stands for ${names.length === 1 ? 'this function' : 'these functions'}; the first is ${placeOf(unknown[0]!)}. Choose outputs before it, or compute the same with other functions`,
    )
  }

  private write(call: CallRow): void {
    const { knows, write } = ONNX_RULES.get(call.function)!
    const attributes = textToPlain(call.attributes ?? '{}', placeOf(call)) as Record<string, unknown>
    const strange = Object.keys(attributes).filter((key) => !knows.includes(key))
    if (strange.length > 0)
      throw new TapeError(
        'ONNX_UNSUPPORTED',
        `${placeOf(call)} has ${strange.join(', ')}, which is not exported`,
      )
    const inputs = call.inputs.map(({ ref }) => this.operandOf(ref!))
    const outputs = call.outputs.map(({ dtype, shape }, slot) => ({
      name: this.g.nameFor(
        this.nameOf(refOf(call.position, slot)) ??
          `${call.function}_${call.position}${slot === 0 ? '' : `_${slot}`}`,
      ),
      dtype,
      shape,
    }))
    this.g.begin(`${call.scope === '' ? '' : `${call.scope}/`}${call.function}_${call.position}`)
    const made = write({ attributes, inputs, outputs }, this.g)
    if (made instanceof Refusal)
      throw new TapeError('ONNX_UNSUPPORTED', `${placeOf(call)} is not exported: ${made.why}`)
    for (const [slot, value] of (typeof made === 'string' ? [made] : made).entries()) {
      this.g.call(value, outputs[slot]!.name)
      this.operands.set(refOf(call.position, slot), outputs[slot]!)
    }
  }

  /** The value in the graph that a variable is; one that no call of the graph makes is an input or a constant. */
  private operandOf(ref: Ref): OnnxOperand {
    const known = this.operands.get(ref)
    if (known !== undefined) return known
    const array = this.run.past.variable(ref, { step: this.step }).data
    const operand: OnnxOperand = {
      name: this.g.nameFor(
        this.nameOf(ref) ?? this.nameOfData(ref) ?? (array.size === 1 ? 'constant' : 'input'),
      ),
      dtype: array.dtype,
      shape: array.shape,
    }
    this.operands.set(ref, operand)
    if (this.isInput(ref, array)) this.inputs.push(this.port(ref, operand))
    else {
      this.constants.push(this.port(ref, operand))
      this.g.tensor({
        name: operand.name,
        dtype: onnxDtype(array.dtype),
        shape: array.shape,
        bytes: this.bytesOf(array),
      })
    }
    return operand
  }

  private isInput(ref: Ref, array: NDArray): boolean {
    if (this.given !== null) return this.given.has(ref)
    const { past, lookup } = this.run
    if (past.variable(ref, { step: this.step }).role === 'parameter') return false
    if (this.calls.has(positionOf(ref)) || array.size !== 1) {
      // What training assigns to is a buffer: running statistics, a mask.
      return !lookup.versions.isAssigned(ref)
    }
    return false
  }

  private bytesOf(array: NDArray): Uint8Array {
    const { data } = array
    const typed = isFloating(array.dtype) ? Float32Array.from(data) : data
    this.bytes += typed.byteLength
    if (this.bytes > LARGEST_BYTES)
      throw new TapeError(
        'ONNX_UNSUPPORTED',
        'the model has more than 2 GiB of constants, which one ONNX file cannot hold',
      )
    return new Uint8Array(typed.buffer, typed.byteOffset, typed.byteLength)
  }

  private port(ref: Ref, { name, dtype, shape }: OnnxOperand): OnnxPort {
    return { name, dtype: onnxDtype(dtype), shape, position: positionOf(ref), slot: slotOf(ref) }
  }

  private nameOf(ref: Ref): string | null {
    const { name } = this.run.past.variable(ref, { step: this.step })
    return name === null || name === '' ? null : name
  }

  /** The name of the data set that a batch is of. */
  private nameOfData(ref: Ref): string | null {
    const row = this.run.views.first<{ position: number | null }>(
      `SELECT variable_position AS position FROM call_input WHERE run_id = ? AND call_position = ? AND slot = 0 AND call_function IN ('take', 'slice')
       AND block_id = (SELECT max(id) FROM block WHERE id <= (? << 32) + ?)`,
      ...[this.run.past.id, positionOf(ref), this.run.past.id, positionOf(ref)],
    )
    return row === null || row.position === null ? null : this.nameOf(refOf(row.position, 0))
  }
}

function lastOf({ views, past }: InspectedRun, step: number): number[] {
  const logged = lastLoggedVariable(views, past.id, step)
  if (logged !== null) return [logged.position]
  throw new TapeError(
    'VARIABLE_NOT_FOUND',
    `step ${step} logged no variable, which would be the output of the model; name one (its name, or its position)`,
  )
}

/** The calls of a step, with what they read and make. */
function callsOf({ views, past }: InspectedRun, step: number): Map<number, CallRow> {
  const rows = views.all<Omit<CallRow, 'inputs' | 'outputs'>>(
    'SELECT position, function, attributes, scope FROM call WHERE run_id = ? AND step = ?',
    ...[past.id, step],
  )
  const calls = new Map(rows.map((row) => [row.position, { ...row, inputs: [], outputs: [] } as CallRow]))
  for (const row of views.each<{ at: number; position: number | null; slot: number | null }>(
    `SELECT call_position AS at, variable_position AS position, variable_slot AS slot FROM call_input
     WHERE run_id = ? AND step = ? ORDER BY call_position, call_input.slot`,
    ...[past.id, step],
  ))
    calls.get(row.at)!.inputs.push({ ref: row.position === null ? null : refOf(row.position, row.slot ?? 0) })
  for (const row of views.each<{ at: number; dtype: DType; shape: string }>(
    'SELECT call_position AS at, dtype, shape FROM call_output WHERE run_id = ? AND step = ? ORDER BY call_position, slot',
    ...[past.id, step],
  ))
    calls.get(row.at)!.outputs.push({ dtype: row.dtype, shape: JSON.parse(row.shape) as number[] })
  return calls
}

const placeOf = ({ function: name, position, scope }: CallRow): string =>
  `the call of ${name} at position ${position}${scope === '' ? '' : ` (${scope})`}`
