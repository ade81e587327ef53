import { afterEach, expect, test } from 'vitest'
import { add } from '../../src/array/elementwise.js'
import {
  currentKernel,
  type Kernel,
  kernelCalled,
  portableKernel2,
  useKernel,
} from '../../src/array/kernel.js'
import { ndarray } from '../../src/array/make-array.js'
import { nativeKernel } from '../../src/array/native-kernel.js'
import { scalar } from '../../src/array/ndarray.js'
import { plainKernel } from '../../src/array/plain-kernel.js'
import { portableKernel } from '../../src/array/portable-kernel.js'
import { matmul } from '../../src/array/products.js'
import { sum } from '../../src/array/reductions.js'

afterEach(() => {
  useKernel(portableKernel2)
})

test('the portable kernel computes unless another was put in its place', () => {
  expect(currentKernel()).toBe(portableKernel2)
  expect([portableKernel2.id, portableKernel.id, plainKernel.id]).toEqual([
    ...['portable-2', 'portable-1', 'portable-1'],
  ])
})

test('a kernel is found by its id: the one in place before another of the same id, and none that is not here', () => {
  expect(kernelCalled('portable-1')).toBe(nativeKernel)
  expect(kernelCalled('portable-2')).toBe(portableKernel2)
  expect(kernelCalled('portable-3')).toBe(null)
  useKernel(plainKernel)
  expect(kernelCalled('portable-1')).toBe(plainKernel)
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
  expect(useKernel(watched)).toBe(portableKernel2)
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
