/** What a graph of ONNX is put together with: nodes, constants and names, one of each name. */
import type { DType } from '../array/dtype.js'
import {
  ONNX_TYPES,
  type OnnxAttribute,
  type OnnxDtype,
  type OnnxNode,
  type OnnxTensor,
} from '../formats/onnx.js'

/** A value of the run, under the name that it has in the graph. */
export interface OnnxOperand {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly number[]
}

/** ONNX has float64, but runtimes lack it in many operators: floats are float32 throughout. */
export function onnxDtype(dtype: DType): OnnxDtype {
  return dtype === 'float64' ? 'float32' : dtype
}

export class OnnxBuilder {
  readonly nodes: OnnxNode[] = []
  readonly initializers: OnnxTensor[] = []
  private readonly taken = new Set<string>()
  private readonly constants = new Map<string, string>()
  private place = ''
  private firstNode = 0

  /** A call begins, by whose place its nodes are called. */
  begin(place: string): void {
    this.place = place
    this.firstNode = this.nodes.length
  }

  /** A name that nothing has yet: as wanted, or with a number behind it. Runtimes take a NUL for the end of a name. */
  nameFor(wanted: string): string {
    const whole = wanted.replaceAll('\0', '\ufffd')
    let name = whole
    for (let i = 2; this.taken.has(name); i++) name = `${whole}_${i}`
    this.taken.add(name)
    return name
  }

  /** Adds a node with one output, whose name it gives. */
  node(
    operator: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
  ): string {
    const output = this.nameFor(`${this.place}/${operator}`)
    this.nodes.push({ operator, inputs, outputs: [output], name: output, attributes })
    return output
  }

  /** Gives a value the name that the run's variable has in the graph. One that the call was given keeps the name that it has. */
  call(value: string, name: string): void {
    const last = this.nodes.at(-1)
    if (this.nodes.length > this.firstNode && last?.outputs.length === 1 && last.outputs[0] === value) {
      this.nodes[this.nodes.length - 1] = { ...last, outputs: [name] }
      return
    }
    this.nodes.push({
      operator: 'Identity',
      inputs: [value],
      outputs: [name],
      name: this.nameFor(`${this.place}/Identity`),
      attributes: {},
    })
  }

  tensor(tensor: OnnxTensor): string {
    this.initializers.push(tensor)
    return tensor.name
  }

  /** A constant of float32. Equal ones are kept once. */
  floats(values: readonly number[] | Float32Array, shape: readonly number[]): string {
    return this.constant('float32', Float32Array.from(values), shape)
  }

  float(value: number): string {
    return this.floats([value], [])
  }

  /** A constant of int64, as operators want axes and shapes. */
  integers(values: readonly number[], shape: readonly number[] = [values.length]): string {
    return this.constant('int64', BigInt64Array.from(values, BigInt), shape)
  }

  int32s(values: readonly number[], shape: readonly number[]): string {
    return this.constant('int32', Int32Array.from(values), shape)
  }

  /** The value in another dtype; itself where it has that. */
  as(operand: OnnxOperand, dtype: DType): string {
    const [from, to] = [onnxDtype(operand.dtype), onnxDtype(dtype)]
    return from === to ? operand.name : this.cast(operand.name, to)
  }

  cast(name: string, to: OnnxDtype): string {
    return this.node('Cast', [name], { to: ONNX_TYPES[to] })
  }

  reshape(name: string, shape: readonly number[]): string {
    return this.node('Reshape', [name, this.integers(shape)], shape.includes(0) ? { allowzero: 1 } : {})
  }

  private constant(dtype: OnnxDtype, values: ArrayBufferView, shape: readonly number[]): string {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
    const key = `${dtype} ${JSON.stringify(shape)} ${Buffer.from(bytes).toString('latin1')}`
    const known = this.constants.get(key)
    if (known !== undefined) return known
    const name = this.tensor({ name: this.nameFor('constant'), dtype, shape, bytes })
    this.constants.set(key, name)
    return name
  }
}
