import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import {
  differences,
  expectedHashes,
  type Golden,
  hashOf,
  kernelHashes,
} from '../../../scripts/kernel-corpus.mjs'
import { plainKernel2, portableKernel2 } from '../../../src/array/kernel.js'
import { plainKernel } from '../../../src/array/plain-kernel.js'
import { portableKernel } from '../../../src/array/portable-kernel.js'
import { staging } from '../../../src/array/wasm/staging.js'

/**
 * The kernel id promises these bits: tapes recorded with them are replayed for ever. A change is a new kernel id.
 * `node scripts/check-kernels.mjs` holds the built library to them in other Nodes, scripts/check-browser.mjs in Chromium.
 */
const golden = JSON.parse(
  readFileSync(new URL('../../fixtures/kernel-golden.json', import.meta.url), 'utf8'),
) as Golden

test('the plain kernel gives the bits that its id has always given', () => {
  expect(golden.kernel).toBe(plainKernel.id)
  expect(Object.keys(golden.hashes).length).toBeGreaterThan(500)
  expect(differences(kernelHashes(plainKernel), golden.hashes)).toEqual([])
})

test('the portable kernel gives the same bits at every size, with WebAssembly', () => {
  expect(staging()).not.toBeNull()
  expect(differences(kernelHashes(portableKernel), golden.hashes)).toEqual([])
})

test('the kernel that adds long sums by halves differs in long sums alone, and both its ways agree', () => {
  const expected = expectedHashes(golden, 'portable-2')
  expect(differences(kernelHashes(plainKernel2), expected)).toEqual([])
  expect(differences(kernelHashes(portableKernel2), expected)).toEqual([])
  for (const name of differences(expected, golden.hashes)) {
    expect(name).toMatch(/^sum of columns .*(601x16|2900x3)$|^A.*·B.* 3x2700x5$/)
  }
})

test('the hash sees one bit, the sign of zero, the length and the order, and takes all NaN for one', () => {
  const odd = new Float64Array(1)
  new Uint32Array(odd.buffer).set([5, 0xfff80000])
  expect(hashOf(odd)).toBe(hashOf(Float64Array.of(NaN)))
  const others = [
    [1, 2],
    [2, 1],
    [1, 2, 0],
    [1, 2 + 2 ** -51],
    [0, 2],
    [-0, 2],
  ].map((x) => hashOf(Float64Array.from(x)))
  expect(new Set(others).size).toBe(6)
})

test('a kernel that differs in one place is found', () => {
  const off = {
    ...plainKernel,
    clip: (...[x, xo, least, , out, oo, n]: Parameters<typeof plainKernel.clip>) =>
      plainKernel.clip(x, xo, least, 2.5, out, oo, n),
  }
  const found = differences(kernelHashes(off), golden.hashes)
  expect(found).toContain('clip float64 17003')
  expect(found.every((name) => name.startsWith('clip'))).toBe(true)
})
