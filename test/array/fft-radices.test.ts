/** Fourier transforms of lengths of every kind, against the sum that they are. */
import { expect, test } from 'vitest'
import { fft, ifft, irfft, ndarray, rfft, type Variable } from '../../src/index.js'

const LENGTHS = [...Array.from({ length: 70 }, (_, i) => i + 1), 74, 101, 120, 121, 198, 210, 343, 512, 1001]

function drawn(n: number, seed: number): Float64Array {
  let word = seed
  return Float64Array.from({ length: n }, () => {
    word = (Math.imul(word, 1103515245) + 12345) & 0x7fffffff
    return word / 2 ** 30 - 1
  })
}

/** Σ x[j]·e^(−2πi·jk/n), from the definition. */
function sums(re: Float64Array, im: Float64Array): [number[], number[]] {
  const n = re.length
  const places = Array.from({ length: n }, (_, k) => k)
  const cosines = places.map((k) => Math.cos((2 * Math.PI * k) / n))
  const sines = places.map((k) => Math.sin((2 * Math.PI * k) / n))
  const total = (term: (j: number, at: number) => number) =>
    places.map((k) => places.reduce((sum, j) => sum + term(j, (j * k) % n), 0))
  return [
    total((j, at) => re[j]! * cosines[at]! + im[j]! * sines[at]!),
    total((j, at) => im[j]! * cosines[at]! - re[j]! * sines[at]!),
  ]
}

function near(found: Variable, expected: ArrayLike<number>, n: number, what: string): void {
  const worst = [...found.data.data].reduce(
    (most, value, i) => Math.max(most, Math.abs(value - expected[i]!)),
    0,
  )
  expect(found.size, what).toBe(expected.length)
  expect(worst, what).toBeLessThan(1e-14 * n + 1e-15)
}

test('fft and rfft of every kind of length are the sums that they are defined as, and their inverses give the array back', () => {
  for (const n of LENGTHS) {
    const [re, im] = [drawn(n, n), drawn(n, n + 1)]
    const [x, y] = [ndarray(re), ndarray(im)]
    const complex = fft(x, y)
    for (const [part, expected] of sums(re, im).entries()) near(complex[part]!, expected, n, `fft of ${n}`)
    const real = rfft(x)
    for (const [part, expected] of sums(re, new Float64Array(n)).entries())
      near(real[part]!, expected.slice(0, Math.floor(n / 2) + 1), n, `rfft of ${n}`)
    near(irfft(...real, { n }), re, n, `irfft to ${n}`)
    for (const [part, made] of ifft(...complex).entries()) near(made, [re, im][part]!, n, `ifft of ${n}`)
  }
})

test('a transform along the first axis is that of the columns, bit for bit, and of float32 that of float64, rounded once', () => {
  const [rows, n] = [30, 12]
  const x = ndarray(drawn(rows * n, 3), { shape: [rows, n] })
  const columns = ndarray(
    Float64Array.from({ length: rows * n }, (_, i) => x.data[(i % rows) * n + Math.floor(i / rows)]!),
    { shape: [n, rows] },
  )
  const [along, turned] = [rfft(x, { axis: 0 }), rfft(columns)]
  const m = rows / 2 + 1
  for (const part of [0, 1])
    for (let k = 0; k < m; k++)
      for (let j = 0; j < n; j++)
        expect(along[part]!.data.data[k * n + j]).toBe(turned[part]!.data.data[j * m + k])
  const narrow = x.astype('float32')
  const [found, exact] = [rfft(narrow), rfft(narrow.astype('float64'))]
  for (const part of [0, 1]) {
    expect(found[part]!.dtype).toBe('float32')
    expect([...found[part]!.data.data]).toEqual([...exact[part]!.data.data].map(Math.fround))
  }
})
