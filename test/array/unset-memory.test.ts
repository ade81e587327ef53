/**
 * Large results are made in memory that nobody zeroed. So every operation must write all of it: here that memory is full of a
 * pattern which is no number anybody would compute, and no element of any result may differ from what zeroed memory gives.
 */
import { afterEach, expect, test } from 'vitest'
import * as gradtape from '../../src/index.js'

type Floating = 'float64' | 'float32'
const { ndarray, noGrad } = gradtape
const library = { ...gradtape }
const usual = Buffer.allocUnsafeSlow

afterEach(() => {
  Buffer.allocUnsafeSlow = usual
})

let asked = 0
function fillWith(byte: number): void {
  Buffer.allocUnsafeSlow = (size: number) => {
    asked++
    return usual(size).fill(byte)
  }
}

/** Above the size from which memory is asked for one by one. */
const N = 90
const numbers = (dtype: Floating, ...shape: number[]) => {
  const size = shape.reduce((a, b) => a * b, 1)
  return ndarray(
    Float64Array.from({ length: size }, (_, i) => ((i * 7919) % 1009) / 1009 + 0.01),
    { shape, dtype },
  )
}

const CALLS: Record<string, (dtype: Floating) => gradtape.Variable> = {
  ...Object.fromEntries(
    (
      'neg abs sign floor square sqrt exp exp2 expm1 log log1p sin cos tanh relu sigmoid softplus gelu erf leakyRelu softmax logSoftmax ' +
      'transpose std cumsum'
    )
      .split(' ')
      .map((name) => [name, (dtype: Floating) => call(name, numbers(dtype, N, N))]),
  ),
  ...Object.fromEntries(
    'add sub mul div maximum minimum pow matmul'.split(' ').flatMap((name) => [
      [name, (dtype: Floating) => call(name, numbers(dtype, N, N), numbers(dtype, N, N))],
      [`${name} with a row`, (dtype: Floating) => call(name, numbers(dtype, N, N), numbers(dtype, N))],
      [`${name} of a row`, (dtype: Floating) => call(name, numbers(dtype, N), numbers(dtype, N, N))],
      [`${name} of many`, (dtype: Floating) => call(name, numbers(dtype, 3, N, N), numbers(dtype, 1, N, N))],
    ]),
  ),
  'matmul over nothing': (dtype) => call('matmul', numbers(dtype, N, 0), numbers(dtype, 0, N)),
  'matmul over much': (dtype) => call('matmul', numbers(dtype, N, 1500), numbers(dtype, 1500, N)),
  concat: (dtype) => gradtape.concat([numbers(dtype, N, N), numbers(dtype, 3, N)]),
  'broadcastTo a row': (dtype) => gradtape.broadcastTo(numbers(dtype, N), [N, N]),
  'broadcastTo a number': (dtype) => gradtape.broadcastTo(numbers(dtype, 1), [N, N]),
  take: (dtype) =>
    gradtape.take(
      numbers(dtype, 5, N),
      Int32Array.from({ length: N }, (_, i) => i % 5),
    ),
  slice: (dtype) =>
    gradtape.slice(numbers(dtype, 2 * N, N), [
      [null, null, 2],
      [null, null, -1],
    ]),
  where: (dtype) => gradtape.where(gradtape.less(numbers(dtype, N, N), 0.5), numbers(dtype, N, N), 2),
  clip: (dtype) => gradtape.clip(numbers(dtype, N, N), { min: 0.2, max: 0.6 }),
  layerNorm: (dtype) => gradtape.layerNorm(numbers(dtype, N, N), numbers(dtype, N), numbers(dtype, N)),
  conv2d: (dtype) =>
    gradtape.conv2d(numbers(dtype, 2, 3, 20, 20), numbers(dtype, 9, 3, 3, 3), undefined, {
      padding: 2,
      stride: 1,
    }),
  maxPool2d: (dtype) =>
    gradtape.maxPool2d(numbers(dtype, 2, 3, 60, 60), { kernel: 3, stride: 1, padding: 1 }),
}

/** Bit for bit. */
function isSame([a, b]: ArrayBufferView[]): boolean {
  const bytes = (x: ArrayBufferView) => Buffer.from(x.buffer, x.byteOffset, x.byteLength)
  return bytes(a!).equals(bytes(b!))
}

function call(name: string, ...operands: unknown[]): gradtape.Variable {
  const apply = library[name as 'add'] as unknown as (...xs: unknown[]) => gradtape.Variable
  return apply(...operands)
}

test.each(['float64', 'float32'] as const)(
  'no element of a result or a gradient is left as it was, in %s',
  (dtype) => {
    for (const [name, make] of Object.entries(CALLS)) {
      const results = [0, 0xa5].map((byte) => {
        fillWith(byte)
        return noGrad(() => make(dtype)).data.data
      })
      expect(isSame(results), name).toBe(true)
    }
    const gradients = [0, 0xa5].map((byte) => {
      fillWith(byte)
      const x = new gradtape.Variable(numbers(dtype, N, N))
      const w = new gradtape.Variable(numbers(dtype, N, N))
      const h = gradtape.layerNorm(gradtape.gelu(gradtape.matmul(x, w)), numbers(dtype, N), numbers(dtype, N))
      gradtape
        .softmaxCrossEntropy(
          gradtape.tanh(h),
          Int32Array.from({ length: N }, (_, i) => i),
        )
        .backward()
      return [x.grad!.data.data, w.grad!.data.data]
    })
    expect(gradients[1]).toEqual(gradients[0])
  },
)

test('such memory is used', () => {
  asked = 0
  fillWith(0)
  gradtape.exp(numbers('float64', N, N))
  expect(asked).toBeGreaterThan(0)
})

test.each(['SGD', 'Adam', 'AdamW', 'RMSProp', 'AdaGrad'] as const)(
  'a step of %s writes all that it makes',
  (name) => {
    const states = [0, 0xa5].map((byte) => {
      fillWith(byte)
      const w = gradtape.parameter(numbers('float32', N, N))
      const optimizer = new library[name]([w], { lr: 0.1 })
      for (let i = 0; i < 3; i++) {
        w.clearGrad()
        gradtape.sum(gradtape.square(w)).backward()
        optimizer.step()
      }
      return w.data.data
    })
    expect(isSame(states)).toBe(true)
  },
)
