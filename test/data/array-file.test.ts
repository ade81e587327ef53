/** One array from a file that NumPy wrote. */
import fs from 'node:fs'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { fromNpy, toNpy } from '../../src/formats/npy.js'
import { loadArray, ndarray, saveState } from '../../src/index.js'
import { temporaryFolder } from '../tape/temporary-tape.js'

test('an array is read as it was saved, packed or not', () => {
  const folder = temporaryFolder()
  const array = ndarray([[1.5, -2], [0, Infinity]], { dtype: 'float32' }) // biome-ignore format: a matrix
  const file = path.join(folder, 'x.npy')
  fs.writeFileSync(file, toNpy(array))
  fs.writeFileSync(`${file}.gz`, gzipSync(toNpy(array)))
  for (const one of [file, `${file}.gz`]) {
    const read = loadArray(one)
    expect([read.dtype, read.toArray()]).toEqual(['float32', array.toArray()])
  }
})

test('halves are float32, large integers are named', () => {
  const file = path.join(temporaryFolder(), 'x.npy')
  // What NumPy writes of np.array([0.5, 65504], dtype=np.float16), and of np.array([2**40]).
  const npy = (description: string, shape: string, bytes: Uint8Array) => {
    const header = `{'descr': '${description}', 'fortran_order': False, 'shape': (${shape},), }`.padEnd(117)
    return Buffer.concat([
      Buffer.from([0x93]),
      Buffer.from('NUMPY\u0001\u0000v\u0000', 'latin1'),
      Buffer.from(`${header}\n`),
      bytes,
    ])
  }
  fs.writeFileSync(file, npy('<f2', '2', Uint8Array.of(0x00, 0x38, 0xff, 0x7b)))
  expect([loadArray(file).dtype, loadArray(file).toArray()]).toEqual(['float32', [0.5, 65504]])
  fs.writeFileSync(file, npy('<i8', '1', new Uint8Array(BigInt64Array.of(2n ** 40n).buffer)))
  expect(() => loadArray(file)).toThrow(/^BAD_VALUE: .*x\.npy expected integers that fit into int32/)
  fs.writeFileSync(file, npy('<c16', '1', new Uint8Array(16)))
  expect(() => loadArray(file)).toThrow(/^BAD_DTYPE: .*x\.npy/)
  expect(fromNpy(toNpy(ndarray([1])), 'it').toArray()).toEqual([1])
})

test.each<[string, (folder: string) => unknown, RegExp]>([
  [
    'no file',
    (folder) => loadArray(path.join(folder, 'none.npy')),
    /^FILE_NOT_FOUND: loadArray expected a file/,
  ],
  [
    'another ending',
    (folder) => {
      saveState(path.join(folder, 'a.npz'), { a: ndarray([1]) })
      return loadArray(path.join(folder, 'a.npz'))
    },
    /^BAD_ARGUMENT: loadArray expected a path ending in \.npy or \.npy\.gz, .*loadState reads/,
  ],
  [
    'what is no array',
    (folder) => {
      fs.writeFileSync(path.join(folder, 'b.npy'), 'hello')
      return loadArray(path.join(folder, 'b.npy'))
    },
    /^BAD_FILE/,
  ],
])('%s is refused', (_name, act, message) => {
  const folder = temporaryFolder()
  expect(() => act(folder)).toThrow(message)
})
