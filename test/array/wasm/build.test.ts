import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { compileWasm } from '../../../scripts/build-wasm.mjs'
import { PORTABLE_WASM } from '../../../src/array/wasm/portable-wasm.js'
import { STAGE, STAGE_END, staging } from '../../../src/array/wasm/staging.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))

test('compiling assembly/ gives the committed module, byte for byte', async () => {
  expect(Buffer.from(await compileWasm(root)).toString('base64')).toBe(PORTABLE_WASM)
})

test('the module imports nothing, and its memory has the one size it will ever have', async () => {
  // @types/node leaves WebAssembly to the DOM's types, which are not loaded here.
  const { WebAssembly } = globalThis as unknown as {
    WebAssembly: {
      compile(bytes: Uint8Array): Promise<object>
      Module: { imports(module: object): unknown[] }
    }
  }
  const module = await WebAssembly.compile(Buffer.from(PORTABLE_WASM, 'base64'))
  expect(WebAssembly.Module.imports(module)).toEqual([])
  const { run } = staging() ?? {}
  expect(run?.memory.buffer.byteLength).toBe(STAGE_END)
  expect(STAGE % 64).toBe(0)
})
