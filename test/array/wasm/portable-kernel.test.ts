import { describe, expect, test } from 'vitest'
import { differences, kernelHashes } from '../../../scripts/kernel-corpus.mjs'
import { plainKernel } from '../../../src/array/plain-kernel.js'
import { portableKernel } from '../../../src/array/portable-kernel.js'
import { softmaxFits } from '../../../src/array/wasm/arithmetic.js'
import { staging } from '../../../src/array/wasm/staging.js'
import { both, describeWay } from '../kernel-contract.js'

describeWay('WebAssembly', portableKernel)

describe.each([Float64Array, Float32Array])('WebAssembly in %o', (Type) => {
  test('computes rows that just fit the staging memory, and on those that do not', () => {
    for (const [columns, fits] of [
      [2_000_000, true],
      [2_010_000, false],
    ] as const) {
      expect(softmaxFits(columns)).toBe(fits)
      const x = new Type(columns).fill(0.5)
      x[77] = 3
      both(portableKernel, Type, columns, `softmax of ${columns}`, (kernel, out, to) =>
        kernel.softmaxRows(x, 0, 1, columns, out, to),
      )
    }
  })
})

test('integers take the plain way', () => {
  const x = Int32Array.from({ length: 5000 }, (_, i) => (i * 7919) % 1000)
  const [got, expected] = [new Int32Array(5000), new Int32Array(5000)]
  portableKernel.binary('mul', 1, 5000, x, 0, 5000, 1, x, 0, 5000, 1, got, 0)
  plainKernel.binary('mul', 1, 5000, x, 0, 5000, 1, x, 0, 5000, 1, expected, 0)
  expect(got).toEqual(expected)
})

test('the corpus does go through WebAssembly', () => {
  const memory = staging()
  const first = memory?.float64.slice(0x160000 / 8, 0x160000 / 8 + 100)
  expect(differences(kernelHashes(portableKernel), kernelHashes(plainKernel))).toEqual([])
  expect(memory?.float64.slice(0x160000 / 8, 0x160000 / 8 + 100)).not.toEqual(first)
})
