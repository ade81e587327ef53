// What every kernel of one id must agree on: each primitive over a fixed corpus, hashed. Imports nothing and uses
// nothing of an engine's choice, so that it runs in any Node, in a browser, on sources and on the built library.

const UNARY = [
  ...[
    'neg',
    'square',
    'abs',
    'relu',
    'sign',
    'floor',
    'exp',
    'log',
    'sqrt',
    'sin',
    'cos',
    'tanh',
    'sigmoid',
    'erf',
  ],
  ...['gelu', 'softplus', 'expm1', 'log1p', 'reciprocal', 'ceil', 'trunc', 'round', 'cube', 'exp2'],
]
const BINARY = ['add', 'sub', 'mul', 'div', 'maximum', 'minimum', 'pow']
const COMPARE = ['equal', 'notEqual', 'less', 'lessEqual', 'greater', 'greaterEqual']
const REDUCE = ['sum', 'prod', 'max', 'min']

const SPECIAL = [
  ...[0, -0, 1, -1, NaN, Infinity, -Infinity, 5e-324, -5e-324, 1e-310, 1.401298464324817e-45, -1e-40, 3.5e38],
  ...[
    1.7976931348623157e308, -1.7976931348623157e308, 2, -3, 0.5, 0.5625, 0.875, 709.8, -745.2, 1048576, -1e22,
  ],
]

const ADAM = { beta1: 0.9, fresh1: 0.1, beta2: 0.999, fresh2: 0.001, size: 0.01, correction: 0.05, eps: 1e-8 }

/** Pseudo-random 32 bits: a Weyl sequence through a mixer. */
export function words(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x9e3779b9) >>> 0
    let z = state
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
    return (z ^ (z >>> 15)) >>> 0
  }
}

/** Ordinary numbers of many sizes, and with `special` each seventh one that is not ordinary. */
export function numbers(Type, length, seed, special) {
  const word = words(seed)
  const out = new Type(length)
  for (let i = 0; i < length; i++) {
    const unit = word() / 4294967296 - 0.5
    const kind = word()
    if (special && kind % 7 === 0) out[i] = SPECIAL[(kind >>> 8) % SPECIAL.length]
    else out[i] = unit * [1, 4, 30, 1e-3, 1500, 1e-9, 1e5, 0.01][(kind >>> 4) % 8]
  }
  return out
}

/** What stands among ordinary numbers in arrays that are summed up: their squares stay finite. */
const FINITE = [
  0, -0, 5e-324, -5e-324, 2.2250738585072014e-308, -1e-310, 1.401298464324817e-45, -1e-40, 3e38, -3e38,
]

/** Numbers as `numbers`, a seventh of them of those above; with `strange` one that is not finite in the middle, or what squares beyond. */
export function summands(Type, length, seed, strange = null) {
  const word = words(seed)
  const out = numbers(Type, length, word(), false)
  for (let i = 0; i < length; i++) if (word() % 7 === 0) out[i] = FINITE[word() % FINITE.length]
  if (strange !== null && length > 0) out[word() % length] = strange
  return out
}

/**
 * What recorders keep of `n` elements of x, by the plain loop: sum, squares, minimum, maximum, zeros, and the squares of what y is
 * apart. Sums of 1024 elements each, and of these; of differences four sums each. Sums alone where the squares are not finite.
 */
export function plainMeasures(x, xo, y, yo, n) {
  let [sum, squares, min, max, zeros, apart] = [0, 0, Infinity, -Infinity, 0, 0]
  for (let start = 0; start < n; start += 1024) {
    const end = Math.min(n, start + 1024)
    const whole = end - ((end - start) % 4)
    let [s, q] = [0, 0]
    const d = [0, 0, 0, 0]
    for (let i = start; i < end; i++) {
      const v = x[xo + i]
      s += v
      q += v * v
      min = Math.min(min, v)
      max = Math.max(max, v)
      zeros += v === 0 ? 1 : 0
      const difference = v - y[yo + i]
      d[i < whole ? (i - start) % 4 : 0] += difference * difference
    }
    sum += s
    squares += q
    apart += d[0] + d[1] + (d[2] + d[3])
  }
  // A zero counts without its sign: nobody keeps that of an extreme.
  return Number.isFinite(squares) ? [sum, squares, min + 0, max + 0, zeros, apart] : [squares, apart]
}

/** The same from what another way gave. */
export function measuresOf({ sum, squares, min, max, zeroCount }, apart) {
  return Number.isFinite(squares) ? [sum, squares, min + 0, max + 0, zeroCount, apart] : [squares, apart]
}

/** 64 bits over all bits of a typed array, NaN counting as one value: two words that each take every word in. */
export function hashOf(x) {
  const copy = x.slice()
  if (copy instanceof Float64Array || copy instanceof Float32Array) {
    const bits = new Uint32Array(copy.buffer)
    const step = copy.BYTES_PER_ELEMENT / 4
    for (let i = 0; i < copy.length; i++) {
      if (copy[i] === copy[i]) continue
      bits.fill(0, i * step, (i + 1) * step)
      bits[(i + 1) * step - 1] = step === 2 ? 0x7ff80000 : 0x7fc00000
    }
  }
  const bytes = new Uint8Array(copy.buffer)
  let [a, b] = [0x811c9dc5 ^ bytes.length, 0x9747b28c]
  for (const byte of bytes) {
    a = Math.imul(a ^ byte, 0x01000193)
    b = Math.imul((b << 13) | (b >>> 19), 5) + 0x165667b1 + Math.imul(byte + 1, 0x27d4eb2f)
  }
  return [a, b].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('')
}

/** Hashes by name; `kernel` is a `Kernel` of src/array/primitives.ts. */
export function kernelHashes(kernel) {
  const hashes = {}
  const note = (name, out) => {
    hashes[name] = hashOf(out)
  }
  for (const Type of [Float64Array, Float32Array]) {
    const dtype = Type === Float64Array ? 'float64' : 'float32'
    for (const n of [0, 1, 7, 33, 1000, 17003]) {
      const x = numbers(Type, n, 1, true)
      const y = numbers(Type, n, 2, true)
      const out = new Type(n)
      const bytes = new Uint8Array(n)
      for (const op of UNARY) {
        kernel.unary(op, x, 0, out, 0, n)
        note(`${op} ${dtype} ${n}`, out)
      }
      for (const op of BINARY) {
        kernel.binary(op, 1, n, x, 0, n, 1, y, 0, n, 1, out, 0)
        note(`${op} ${dtype} ${n}`, out)
        if (n === 0) continue
        kernel.binary(op, 1, n, x, 0, n, 1, numbers(Type, 1, 3, false), 0, 0, 0, out, 0)
        note(`${op} ${dtype} ${n} with one`, out)
        kernel.binary(op, 1, n, numbers(Type, 1, 3, false), 0, 0, 0, y, 0, n, 1, out, 0)
        note(`${op} ${dtype} one with ${n}`, out)
      }
      for (const op of COMPARE) {
        kernel.compare(op, 1, n, x, 0, n, 1, y, 0, n, 1, bytes, 0)
        note(`${op} ${dtype} ${n}`, bytes)
      }
      const m = numbers(Type, n, 4, true)
      const v = numbers(Type, n, 5, true).map((value) => (value < 0 ? -value : value))
      kernel.sgdStep(x, 0, y, 0, out, 0, n, 0.1, 0.01)
      note(`sgdStep ${dtype} ${n}`, out)
      const [outM, outV] = [new Type(n), new Type(n)]
      for (const [decay, keep] of [
        [0, 1],
        [0.01, 1],
        [0, 0.999],
      ]) {
        kernel.adamStep(x, 0, y, 0, m, 0, v, 0, out, 0, outM, 0, outV, 0, n, { ...ADAM, decay, keep })
        note(`adamStep ${dtype} ${n} decay ${decay}, ${keep}: weights`, out)
        note(`adamStep ${dtype} ${n} decay ${decay}, ${keep}: mean`, outM)
        note(`adamStep ${dtype} ${n} decay ${decay}, ${keep}: square`, outV)
      }
      kernel.clip(x, 0, -0.5, 2, out, 0, n)
      note(`clip ${dtype} ${n}`, out)
    }
    for (const [rows, columns] of [
      [1, 1],
      [3, 7],
      [5, 8],
      [32, 10],
      [33, 129],
      [4, 513],
      [2, 17003],
      [601, 16],
      [2900, 3],
    ]) {
      for (const special of [false, true]) {
        const x = numbers(Type, rows * columns, rows, special)
        const row = numbers(Type, columns, columns, special)
        const name = `${dtype} ${rows}x${columns}${special ? ' special' : ''}`
        for (const op of REDUCE) {
          const byRow = new Type(rows).fill(op === 'prod' ? 1 : 0)
          kernel.reduceRows(op, x, 0, rows, columns, byRow, 0)
          note(`${op} of rows ${name}`, byRow)
          const byColumn = new Type(columns).fill(op === 'prod' ? 1 : 0)
          kernel.accumulateRows(op, x, 0, rows, columns, byColumn, 0)
          note(`${op} of columns ${name}`, byColumn)
        }
        const out = new Type(rows * columns)
        kernel.softmaxRows(x, 0, rows, columns, out, 0)
        note(`softmax ${name}`, out)
        kernel.logSoftmaxRows(x, 0, rows, columns, out, 0)
        note(`logSoftmax ${name}`, out)
        for (const op of BINARY) {
          kernel.binary(op, rows, columns, x, 0, columns, 1, row, 0, 0, 1, out, 0)
          note(`${op} with a row ${name}`, out)
          kernel.binary(op, rows, columns, x, 0, columns, 1, x, 0, columns, 0, out, 0)
          note(`${op} with a column ${name}`, out)
        }
      }
    }
    for (const [m, k, n] of [
      [1, 1, 1],
      [3, 0, 2],
      [2, 3, 5],
      [9, 8, 7],
      [32, 65, 17],
      [5, 801, 33],
      [129, 12, 258],
      [3, 2700, 5],
    ]) {
      for (const special of [false, true]) {
        const a = numbers(Type, m * k, m, special)
        const b = numbers(Type, k * n, n, special)
        const out = new Type(m * n)
        const name = `${dtype} ${m}x${k}x${n}${special ? ' special' : ''}`
        kernel.matmul(m, k, n, a, 0, k, 1, b, 0, n, 1, out, 0)
        note(`A·B ${name}`, out)
        kernel.matmul(m, k, n, a, 0, 1, m, b, 0, n, 1, out, 0)
        note(`Aᵀ·B ${name}`, out)
        kernel.matmul(m, k, n, a, 0, k, 1, b, 0, 1, k, out, 0)
        note(`A·Bᵀ ${name}`, out)
      }
    }
  }
  return hashes
}

/**
 * What the kernel `id` must give, of a golden file: `hashes` are those of the first portable kernel, `newer` holds the few
 * that are others in a later one.
 */
export function expectedHashes(golden, id) {
  if (id === golden.kernel) return golden.hashes
  if (id !== golden.newer.kernel) throw new Error(`the golden file knows no kernel "${id}"`)
  return { ...golden.hashes, ...golden.newer.hashes }
}

/** The names at which two sets of hashes differ, or that only one has. */
export function differences(got, expected) {
  const names = new Set([...Object.keys(got), ...Object.keys(expected)])
  return [...names].filter((name) => got[name] !== expected[name])
}
