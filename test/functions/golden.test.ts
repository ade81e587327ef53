import { readFileSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { functionHashes, uncovered } from '../../scripts/function-corpus.mjs'
import { differences, expectedHashes, type Golden } from '../../scripts/kernel-corpus.mjs'
import { plainKernel2, portableKernel2, useKernel } from '../../src/array/kernel.js'
import { ndarray } from '../../src/array/make-array.js'
import { plainKernel } from '../../src/array/plain-kernel.js'
import { portableKernel } from '../../src/array/portable-kernel.js'
import { staging } from '../../src/array/wasm/staging.js'
import '../../src/functions/einsum.js'
import '../../src/functions/methods.js'
import { grad } from '../../src/graph/backward.js'
import { createFunc } from '../../src/graph/registry.js'
import { Variable } from '../../src/graph/variable.js'
import '../../src/optim/adam.js'
import '../../src/optim/adam-variants.js'
import '../../src/optim/adaptive.js'
import '../../src/optim/clip-grad-norm.js'
import '../../src/optim/sgd.js'
import { registeredHere } from './all-functions.js'

/**
 * The kernel id promises these bits, forward and backward: tapes recorded with them are replayed for ever. A change is a new
 * kernel id. `node scripts/check-kernels.mjs` holds the built library to them in other Nodes, scripts/check-browser.mjs in Chromium.
 */
const golden = JSON.parse(
  readFileSync(new URL('../fixtures/function-golden.json', import.meta.url), 'utf8'),
) as Golden

const engine = { createFunc, grad, ndarray, Variable }
const before = useKernel(plainKernel)
afterAll(() => {
  useKernel(before)
})

test('every function and its gradient give the bits that the kernel id has always given', () => {
  expect(golden.kernel).toBe(plainKernel.id)
  useKernel(plainKernel)
  expect(differences(functionHashes(engine), golden.hashes)).toEqual([])
})

test('they do so with WebAssembly too', () => {
  expect(staging()).not.toBeNull()
  useKernel(portableKernel)
  expect(differences(functionHashes(engine), golden.hashes)).toEqual([])
})

test('the kernel that adds long sums by halves gives its own bits, with WebAssembly and without', () => {
  for (const kernel of [plainKernel2, portableKernel2]) {
    useKernel(kernel)
    expect(differences(functionHashes(engine), expectedHashes(golden, 'portable-2'))).toEqual([])
  }
})

test('no registered function is missing among them', () => {
  expect(uncovered(registeredHere(), golden.hashes)).toEqual([])
  expect(uncovered(['exp', 'expo'], golden.hashes)).toEqual(['expo'])
})

test('a kernel that differs in one primitive is found, forward and backward', () => {
  useKernel({
    ...plainKernel,
    accumulateRows: (
      ...[op, x, xo, rows, columns, out, oo]: Parameters<typeof plainKernel.accumulateRows>
    ) => {
      // From the last row to the first: other roundings.
      for (let r = rows - 1; r >= 0; r--)
        plainKernel.accumulateRows(op, x, xo + r * columns, 1, columns, out, oo)
    },
  })
  const found = differences(functionHashes(engine), golden.hashes)
  expect(found).toContain('sum {axis:0,keepdims:false} [37,41] float64')
  expect(found.some((name) => name.startsWith('linear'))).toBe(true)
  expect(found.some((name) => name.startsWith('exp '))).toBe(false)
})
