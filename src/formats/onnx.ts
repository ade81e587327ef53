/**
 * ONNX files: a graph of operators with its constants, as one protocol buffer. What the operators mean is not known here; see
 * `inspection/onnx-rules.ts`.
 *
 * Source  onnx/onnx.proto, version 8 of the format
 */
import type { BinaryWriter } from '@bufbuild/protobuf/wire'

/** Version 8 of the format goes with version 17 of the operators. */
const IR_VERSION = 8
export const ONNX_OPSET = 17

export type OnnxDtype = 'float32' | 'uint8' | 'int32' | 'int64' | 'bool'

/** Numbers of TensorProto.DataType. */
export const ONNX_TYPES: Readonly<Record<OnnxDtype, number>> = {
  float32: 1,
  uint8: 2,
  int32: 6,
  int64: 7,
  bool: 9,
}

export interface OnnxValue {
  readonly name: string
  readonly dtype: OnnxDtype
  readonly shape: readonly number[]
}

export interface OnnxTensor extends OnnxValue {
  /** Row-major, little-endian. */
  readonly bytes: Uint8Array
}

/** An integer, a list of integers, a float, or a text. */
export type OnnxAttribute = number | readonly number[] | { readonly float: number } | string

export interface OnnxNode {
  readonly operator: string
  /** Names of values; '' for one that is left out. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly name: string
  readonly attributes: Readonly<Record<string, OnnxAttribute>>
}

export interface OnnxModel {
  readonly name: string
  readonly producerVersion: string
  readonly doc: string
  readonly metadata: Readonly<Record<string, string>>
  readonly inputs: readonly OnnxValue[]
  readonly outputs: readonly OnnxValue[]
  readonly initializers: readonly OnnxTensor[]
  /** Each after those whose outputs it reads. */
  readonly nodes: readonly OnnxNode[]
}

/** Numbers of fields, as onnx.proto has them. */
const MODEL = { irVersion: 1, producer: 2, producerVersion: 3, doc: 6, graph: 7, opset: 8, metadata: 14 }
const GRAPH = { node: 1, name: 2, initializer: 5, input: 11, output: 12 }
const NODE = { input: 1, output: 2, name: 3, operator: 4, attribute: 5 }
const ATTRIBUTE = { name: 1, float: 2, integer: 3, text: 4, integers: 8, type: 20 }
const ATTRIBUTE_TYPE = { float: 1, integer: 2, text: 3, integers: 7 }
const TENSOR = { extents: 1, type: 2, name: 8, bytes: 9 }

/** How a field's value is written: WireType of protocol buffers. */
const VARINT = 0
const LENGTH_DELIMITED = 2
const BITS_32 = 5

/** The bytes of the file. The library that writes it is loaded here: whoever exports nothing does not wait for its twenty files. */
export async function onnxBytes(model: OnnxModel): Promise<Uint8Array> {
  const { BinaryWriter } = await import('@bufbuild/protobuf/wire')
  const w = new BinaryWriter()
  integer(w, MODEL.irVersion, IR_VERSION)
  text(w, MODEL.producer, 'gradtape')
  text(w, MODEL.producerVersion, model.producerVersion)
  text(w, MODEL.doc, model.doc)
  message(w, MODEL.graph, () => writeGraph(w, model))
  message(w, MODEL.opset, () => integer(w, 2, ONNX_OPSET))
  for (const [key, value] of Object.entries(model.metadata)) {
    message(w, MODEL.metadata, () => {
      text(w, 1, key)
      text(w, 2, value)
    })
  }
  return w.finish()
}

function writeGraph(w: BinaryWriter, { name, nodes, initializers, inputs, outputs }: OnnxModel): void {
  for (const node of nodes) message(w, GRAPH.node, () => writeNode(w, node))
  text(w, GRAPH.name, name)
  for (const tensor of initializers) message(w, GRAPH.initializer, () => writeTensor(w, tensor))
  for (const value of inputs) message(w, GRAPH.input, () => writeValue(w, value))
  for (const value of outputs) message(w, GRAPH.output, () => writeValue(w, value))
}

function writeNode(w: BinaryWriter, node: OnnxNode): void {
  for (const input of node.inputs) text(w, NODE.input, input)
  for (const output of node.outputs) text(w, NODE.output, output)
  text(w, NODE.name, node.name)
  text(w, NODE.operator, node.operator)
  for (const [name, value] of Object.entries(node.attributes))
    message(w, NODE.attribute, () => writeAttribute(w, name, value))
}

function writeAttribute(w: BinaryWriter, name: string, value: OnnxAttribute): void {
  text(w, ATTRIBUTE.name, name)
  const type = (kind: number) => integer(w, ATTRIBUTE.type, kind)
  if (typeof value === 'number') {
    integer(w, ATTRIBUTE.integer, value)
    type(ATTRIBUTE_TYPE.integer)
  } else if (typeof value === 'string') {
    text(w, ATTRIBUTE.text, value)
    type(ATTRIBUTE_TYPE.text)
  } else if ('float' in value) {
    w.tag(ATTRIBUTE.float, BITS_32).float(value.float)
    type(ATTRIBUTE_TYPE.float)
  } else {
    for (const one of value) integer(w, ATTRIBUTE.integers, one)
    type(ATTRIBUTE_TYPE.integers)
  }
}

function writeTensor(w: BinaryWriter, { name, dtype, shape, bytes }: OnnxTensor): void {
  for (const extent of shape) integer(w, TENSOR.extents, extent)
  integer(w, TENSOR.type, ONNX_TYPES[dtype])
  text(w, TENSOR.name, name)
  w.tag(TENSOR.bytes, LENGTH_DELIMITED).bytes(bytes)
}

/** ValueInfoProto: a name, and TypeProto.Tensor with an element type and the extents. */
function writeValue(w: BinaryWriter, { name, dtype, shape }: OnnxValue): void {
  text(w, 1, name)
  message(w, 2, () =>
    message(w, 1, () => {
      integer(w, 1, ONNX_TYPES[dtype])
      message(w, 2, () => {
        for (const extent of shape) message(w, 1, () => integer(w, 1, extent))
      })
    }),
  )
}

function integer(w: BinaryWriter, field: number, value: number): void {
  w.tag(field, VARINT).int64(value)
}

function text(w: BinaryWriter, field: number, value: string): void {
  w.tag(field, LENGTH_DELIMITED).string(value)
}

function message(w: BinaryWriter, field: number, write: () => void): void {
  w.tag(field, LENGTH_DELIMITED).fork()
  write()
  w.join()
}
