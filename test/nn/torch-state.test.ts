/** Layers with the state of a PyTorch layer compute what it computed, and what does not fit is told. The states are PyTorch's own. */
import fs from 'node:fs'
import zlib from 'node:zlib'
import { describe, expect, test } from 'vitest'
import {
  BatchNorm,
  Conv2d,
  GRU,
  gelu,
  grad,
  Linear,
  LSTM,
  loadTorchState,
  Module,
  MultiHeadAttention,
  mul,
  type NDArray,
  ndarray,
  relu,
  reshape,
  Sequential,
  type StateDict,
  sum,
  TransformerDecoder,
  TransformerEncoder,
  TransformerEncoderLayer,
  Variable,
} from '../../src/index.js'

interface Plain {
  shape: number[]
  values: number[]
}
interface Reference {
  name: string
  state: Record<string, Plain>
  inputs: Plain[]
  outputs: Plain[]
  gradients: (Plain | null)[]
}

const file = new URL('../fixtures/torch-states.json.gz', import.meta.url)
const { cases } = JSON.parse(zlib.gunzipSync(fs.readFileSync(file)).toString()) as { cases: Reference[] }
const referenceOf = (name: string) => cases.find((one) => one.name === name)!
const arrayOf = ({ values, shape }: Plain) => ndarray(Float64Array.from(values), { shape })
const stateOf = ({ state }: Reference): StateDict =>
  Object.fromEntries(Object.entries(state).map(([name, plain]) => [name, arrayOf(plain)]))

function weights(shape: readonly number[]): NDArray {
  const size = shape.reduce((product, extent) => product * extent, 1)
  return ndarray(
    Float64Array.from({ length: size }, (_, i) => (((i * 7 + 3) % 11) - 5) / 4),
    { shape },
  )
}

function expectClose(actual: Variable, expected: Plain): void {
  expect(actual.shape).toEqual(expected.shape)
  actual.data.data.forEach((value, i) => {
    expect(Math.abs(value - expected.values[i]!)).toBeLessThanOrEqual(
      1e-12 * Math.max(1, Math.abs(expected.values[i]!)),
    )
  })
}

/** Loads the state, runs the layer, and holds outputs and gradients to the reference. */
function check<M extends Module>(
  name: string,
  model: M,
  call: (model: M, ...xs: Variable[]) => Variable[],
): void {
  const reference = referenceOf(name)
  const report = loadTorchState(model, stateOf(reference))
  expect([report.missing, report.unexpected, report.misfits]).toEqual([[], [], []])
  model.eval()
  const xs = reference.inputs.map((plain) => new Variable(arrayOf(plain)))
  const outputs = call(model, ...xs)
  outputs.forEach((output, i) => {
    expectClose(output, reference.outputs[i]!)
  })
  const total = outputs.map((y) => sum(mul(y, weights(y.shape)))).reduce((a, b) => a.add(b))
  grad(total, xs).forEach((gradient, i) => {
    expectClose(gradient, reference.gradients[i]!)
  })
}

describe('a layer with the state of PyTorch computes what PyTorch computes', () => {
  const options = { feedForward: 12 }
  test('TransformerEncoderLayer, either way round', () => {
    check('encoderLayer', new TransformerEncoderLayer(8, 2, options), (m, x) => [m.forward(x!)])
    check(
      'encoderLayerNormFirst',
      new TransformerEncoderLayer(8, 2, { ...options, normFirst: true, activation: gelu }),
      (m, x) => [m.forward(x!)],
    )
  })
  test('TransformerEncoder, causal, with a last normalisation', () => {
    const model = new TransformerEncoder(8, 2, {
      ...options,
      layers: 2,
      normFirst: true,
      norm: true,
      causal: true,
    })
    check('encoderCausal', model, (m, x) => [m.forward(x!)])
  })
  test('TransformerDecoder', () => {
    check('decoder', new TransformerDecoder(8, 2, { ...options, layers: 2 }), (m, x, memory) => [
      m.forward(x!, memory!),
    ])
  })
  test('MultiheadAttention', () => {
    check('attention', new MultiHeadAttention(8, 4), (m, q, k) => [m.forward(q!, k!, k!)])
  })
  test('LSTM and GRU of several layers and directions', () => {
    check('lstm', new LSTM(8, 3, { layers: 2, bidirectional: true }), (m, x) => [m.forward(x!).outputs])
    check('gru', new GRU(8, 3, { layers: 2 }), (m, x) => [m.forward(x!).outputs])
  })
  test('a packed sequence, by lengths', () => {
    class Packed extends Module {
      rnn = new LSTM(8, 3, { bidirectional: true })
      override forward(x: Variable) {
        return this.rnn.forward(x, { lengths: [5, 3] })
      }
    }
    check('packed', new Packed(), (m, x) => {
      const { outputs, hidden, cell } = m.forward(x!)
      return [outputs, hidden, cell]
    })
  })
  test('a model of convolution, batch normalisation and a Sequential, with underscores in its names', () => {
    class Net extends Module {
      features = new Sequential(new Conv2d(1, 2, 3), new BatchNorm(2), relu, (x) =>
        reshape(x, [x.shape[0]!, 8]),
      )
      lastLayer = new Linear(8, 3)
      override forward(x: Variable) {
        return this.lastLayer.forward(this.features.forward(x))
      }
    }
    check('net', new Net(), (m, x) => [m.forward(x!)])
    const { loaded, ignored } = loadTorchState(new Net(), stateOf(referenceOf('net')))
    expect(ignored).toEqual(['features.1.num_batches_tracked'])
    expect(loaded.filter(({ transposed }) => transposed)).toEqual([
      { name: 'lastLayer.weight', from: 'last_layer.weight', transposed: true, rows: null, converted: null },
    ])
    expect(loaded.map(({ from }) => from)).toContain('features.1.running_var')
  })
})

describe('what does not fit', () => {
  class Two extends Module {
    first = new Linear(2, 3)
    second = new Linear(3, 1)
    override forward(x: Variable) {
      return this.second.forward(this.first.forward(x))
    }
  }
  const fitting = {
    'first.weight': ndarray([
      [1, 2],
      [3, 4],
      [5, 6],
    ]),
    'first.bias': ndarray([1, 2, 3]),
    'second.weight': ndarray([[1, 2, 3]], { dtype: 'float32' }),
    'second.bias': ndarray([0]),
  }

  test('is listed, and nothing is loaded', () => {
    const model = new Two()
    const before = model.stateDict()
    const { 'second.bias': _, ...rest } = fitting
    const state = {
      ...rest,
      'third.weight': ndarray([1]),
      'first.weight': ndarray([
        [1, 2, 3],
        [4, 5, 6],
      ]),
    }
    expect(() => loadTorchState(model, state)).toThrow(
      /STATE_MISMATCH.*nothing was loaded.*missing: second.bias.*not in the model: third.weight.*first.weight expected \[2, 3\] from "first.weight" \(transposed\), got \[2, 3\]/,
    )
    expect(model.stateDict()).toEqual(before)
  })

  test('is left out when only what fits is asked for', () => {
    const model = new Two()
    const { 'second.bias': _, ...rest } = fitting
    const report = loadTorchState(model, { ...rest, 'third.weight': ndarray([1]) }, { partial: true })
    expect(report.missing).toEqual(['second.bias'])
    expect(report.unexpected).toEqual(['third.weight'])
    expect(report.loaded.map(({ name, converted }) => [name, converted])).toEqual([
      ['first.weight', null],
      ['first.bias', null],
      ['second.weight', 'float32'],
    ])
    expect(model.first.weight.data.toArray()).toEqual([
      [1, 3, 5],
      [2, 4, 6],
    ])
    expect(() => loadTorchState(model, { other: ndarray([1]) }, { partial: true })).toThrow(/STATE_MISMATCH/)
  })

  test('an array that cannot be read says why when its turn comes', () => {
    const state = Object.defineProperty({ ...fitting }, 'second.bias', {
      enumerable: true,
      get: () => {
        throw new Error('of complex numbers')
      },
    })
    expect(() => loadTorchState(new Two(), state)).toThrow(/complex/)
    expect(() => loadTorchState({} as never, fitting)).toThrow(/expected a Module/)
    expect(() => loadTorchState(new Two(), fitting, { strict: false } as never)).toThrow(/strict/)
  })
})
