import { afterEach, expect, test } from 'vitest'
import { add } from '../../src/array/elementwise.js'
import { currentKernel, type Kernel, useKernel } from '../../src/array/kernel.js'
import { ndarray, scalar } from '../../src/array/ndarray.js'
import { plainKernel } from '../../src/array/plain-kernel.js'
import { portableKernel } from '../../src/array/portable-kernel.js'
import { matmul } from '../../src/array/products.js'
import { sum } from '../../src/array/reductions.js'

afterEach(() => {
  useKernel(portableKernel)
})

test('the portable kernel computes unless another was put in its place', () => {
  expect(currentKernel()).toBe(portableKernel)
  expect([portableKernel.id, plainKernel.id]).toEqual(['portable-1', 'portable-1'])
})

test('a kernel that was put in place gets the primitives, and the one before is returned', () => {
  const calls: string[] = []
  const watched: Kernel = {
    ...plainKernel,
    id: 'watched',
    binary(op, rows, columns, ...rest) {
      calls.push(`${op} ${rows}×${columns}`)
      plainKernel.binary(op, rows, columns, ...rest)
    },
    matmul(m, k, n, ...rest) {
      calls.push(`matmul ${m}×${k}×${n}`)
      plainKernel.matmul(m, k, n, ...rest)
    },
    reduceRows(op, x, xOffset, rows, columns, ...rest) {
      calls.push(`${op} ${rows}×${columns}`)
      plainKernel.reduceRows(op, x, xOffset, rows, columns, ...rest)
    },
  }
  expect(useKernel(watched)).toBe(portableKernel)
  const x = ndarray([
    [1, 2, 3],
    [4, 5, 6],
  ])
  expect(add(x, ndarray([1, 1, 1])).toArray()).toEqual([
    [2, 3, 4],
    [5, 6, 7],
  ])
  matmul(x, x, { transposeB: true })
  sum(x, { axis: 1 })
  add(scalar(1, 'float64'), scalar(2, 'float64'))
  expect(calls).toEqual(['add 2×3', 'matmul 2×3×2', 'sum 2×3'])
  expect(useKernel(portableKernel)).toBe(watched)
})
