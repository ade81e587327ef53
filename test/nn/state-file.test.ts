/** Files of state: what NumPy and the safetensors format write is read, what is written is theirs, damage is noticed. */
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { unzipSync, zipSync } from 'fflate'
import { describe, expect, test } from 'vitest'
import { ndarray, zeros } from '../../src/array/make-array.js'
import type { TapeError } from '../../src/errors.js'
import { parameter } from '../../src/graph/leaves.js'
import type { Variable } from '../../src/graph/variable.js'
import { Module } from '../../src/nn/module.js'
import { MLP } from '../../src/nn/sequential.js'
import type { StateDict } from '../../src/nn/state-dict.js'
import { loadState, saveState } from '../../src/nn/state-file.js'
import { temporaryFolder } from '../tape/temporary-tape.js'

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/states/${name}`, import.meta.url))
const newPath = (name: string) => path.join(temporaryFolder(), name)

function plain(state: StateDict): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(state).map(([name, { dtype, shape, data }]) => [
      name,
      { dtype, shape: [...shape], data: [...data] },
    ]),
  )
}

const everything: StateDict = {
  'fc1.weight': ndarray([
    [1.5, -0, Number.NaN],
    [Infinity, 2 ** -1074, 3],
  ]),
  'fc1.bias': ndarray([0.1, 2], { dtype: 'float32' }),
  'count/steps': ndarray(7, { dtype: 'int32' }),
  ids: ndarray([-(2 ** 31), 2 ** 31 - 1], { dtype: 'int32' }),
  pixels: ndarray(new Uint8Array([0, 255, 3])),
  flags: ndarray([true, false]),
  empty: zeros([0, 3]),
  größe: ndarray([1]),
}

describe.each(['npz', 'safetensors'])('a .%s file', (ending) => {
  test('gives back every dtype and shape, bit for bit', () => {
    const file = newPath(`state.${ending}`)
    saveState(file, everything)
    const loaded = loadState(file)
    expect(plain(loaded)).toEqual(plain(everything))
    expect(Object.is(loaded['fc1.weight']!.data[1], -0)).toBe(true)
  })

  test('carries a model from one process to the next', () => {
    const [a, b] = [new MLP([3, 4, 2]), new MLP([3, 4, 2])]
    const file = newPath(`model.${ending}`)
    saveState(file, a.stateDict())
    b.loadStateDict(loadState(file))
    expect(b.forward([1, 2, 3]).data.toArray()).toEqual(a.forward([1, 2, 3]).data.toArray())
  })

  test('is the same file for the same state, and takes the place of an older one whole', () => {
    const file = newPath(`state.${ending}`)
    saveState(file, { old: ndarray([1]) })
    saveState(file, everything)
    const first = fs.readFileSync(file)
    saveState(file, everything)
    expect(fs.readFileSync(file).equals(first)).toBe(true)
    expect(fs.readdirSync(path.dirname(file))).toEqual([path.basename(file)])
  })

  test('that is cut off, empty or another kind of file is refused', () => {
    const file = newPath(`state.${ending}`)
    saveState(file, everything)
    const bytes = fs.readFileSync(file)
    for (const length of [0, 7, 60, bytes.length >> 1, bytes.length - 1]) {
      fs.writeFileSync(file, bytes.subarray(0, length))
      expect(() => loadState(file), `${length} bytes`).toThrow('BAD_FILE')
    }
    fs.writeFileSync(file, 'not at all what it says it is, and longer than any header')
    expect(() => loadState(file)).toThrow('BAD_FILE')
  })

  test('that is not there is an answer', () => {
    expect(() => loadState(`/nowhere/state.${ending}`)).toThrow(
      `FILE_NOT_FOUND: loadState expected a file at /nowhere/state.${ending}`,
    )
  })
})

describe('a .npz file', () => {
  test.each(['plain.npz', 'compressed.npz'])('of NumPy is read: %s', (name) => {
    expect(plain(loadState(fixture(name)))).toEqual({
      'fc1.weight': { dtype: 'float64', shape: [2, 3], data: [0, 0.25, 0.5, 0.75, 1, 1.25] },
      'fc1.bias': { dtype: 'float32', shape: [3], data: [0.5, -0, Infinity] },
      steps: { dtype: 'int32', shape: [], data: [7] },
      long: { dtype: 'int32', shape: [2], data: [-(2 ** 31), 2 ** 31 - 1] },
      short: { dtype: 'int32', shape: [2], data: [-5, 300] },
      bytes: { dtype: 'uint8', shape: [2], data: [0, 255] },
      flags: { dtype: 'bool', shape: [2], data: [1, 0] },
      half: { dtype: 'float32', shape: [4], data: [1.5, -(2 ** -24), 65504, Number.NaN] },
      fortran: { dtype: 'float64', shape: [2, 3], data: [0, 1, 2, 3, 4, 5] },
      big: { dtype: 'float64', shape: [2], data: [1.25, -3] },
      empty: { dtype: 'float64', shape: [0, 3], data: [] },
    })
  })

  test('has for each array what NumPy writes for it, byte for byte', () => {
    const file = newPath('same.npz')
    const theirs = unzipSync(fs.readFileSync(fixture('plain.npz')))
    const same = ['fc1.weight', 'fc1.bias', 'steps', 'bytes', 'flags', 'empty']
    const state = loadState(fixture('plain.npz'))
    saveState(file, Object.fromEntries(same.map((name) => [name, state[name]!])))
    const ours = unzipSync(fs.readFileSync(file))
    for (const name of same) expect([...ours[`${name}.npy`]!], name).toEqual([...theirs[`${name}.npy`]!])
  })

  test('with one changed bit is refused by its checksum', () => {
    const file = newPath('state.npz')
    saveState(file, { w: ndarray([1, 2, 3]) })
    const bytes = fs.readFileSync(file)
    const at = bytes.indexOf(Buffer.from(new Float64Array([2]).buffer))
    bytes[at]! ^= 1
    fs.writeFileSync(file, bytes)
    expect(() => loadState(file)).toThrow(
      `BAD_FILE: "w.npy" in ${file} does not have the checksum that the file says`,
    )
  })

  test('with numbers that no array holds is refused', () => {
    expect(() => loadState(fixture('too-long.npz'))).toThrow('BAD_VALUE: "id" in')
    expect(() => loadState(fixture('complex.npz'))).toThrow('BAD_DTYPE: "z" in')
  })
})

/** A safetensors file from its parts: eight bytes of length, little-endian, the header, the elements. */
function safetensors(header: string | object, elements: number[], length?: number): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(BigInt(length ?? json.length))
  return Buffer.concat([size, json, Buffer.from(elements)])
}

function loadBytes(bytes: Buffer): StateDict {
  const file = newPath('x.safetensors')
  fs.writeFileSync(file, bytes)
  return loadState(file)
}

describe('a .safetensors file', () => {
  test('is written as the format says, byte for byte', () => {
    const file = newPath('golden.safetensors')
    saveState(file, { flag: ndarray([true]), w: ndarray([[1, -2]], { dtype: 'float32' }) })
    // The header is padded with spaces, so that the elements begin at a multiple of 8; wider elements first.
    const header =
      '{"w":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"flag":{"dtype":"BOOL","shape":[1],"data_offsets":[8,9]}}'
    const padded = header.padEnd(Math.ceil((8 + header.length) / 8) * 8 - 8)
    const golden = safetensors(padded, [0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0, 1])
    expect(fs.readFileSync(file).equals(golden)).toBe(true)
  })

  test('of another writer is read: metadata, any order, half floats, long integers', () => {
    const state = loadBytes(
      safetensors(
        {
          __metadata__: { format: 'pt' },
          b: { dtype: 'BF16', shape: [2], data_offsets: [12, 16] },
          h: { dtype: 'F16', shape: [2], data_offsets: [8, 12] },
          i: { dtype: 'I64', shape: [], data_offsets: [0, 8] },
        },
        [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x3e, 0x01, 0x80, 0x80, 0x3f, 0x49, 0xc0],
      ),
    )
    expect(plain(state)).toEqual({
      b: { dtype: 'float32', shape: [2], data: [1, -3.140625] },
      h: { dtype: 'float32', shape: [2], data: [1.5, -(2 ** -24)] },
      i: { dtype: 'int32', shape: [], data: [-2] },
    })
  })

  test('in eight bits a number is read as float32, in both forms', () => {
    const bytes = [0x38, 0xb8, 0x7e, 0x01, 0x80, 0xff]
    const entry = (dtype: string, at: number) => ({ dtype, shape: [6], data_offsets: [at, at + 6] })
    const state = loadBytes(
      safetensors({ a: entry('F8_E4M3', 0), b: entry('F8_E5M2', 6) }, [
        ...bytes,
        0x3c,
        0xbc,
        0x7b,
        0x01,
        0x7c,
        0xff,
      ]),
    )
    expect(plain(state)).toEqual({
      a: { dtype: 'float32', shape: [6], data: [1, -1, 448, 2 ** -9, -0, Number.NaN] },
      b: { dtype: 'float32', shape: [6], data: [1, -1, 57344, 2 ** -16, Infinity, Number.NaN] },
    })
  })

  test('with arrays that none here holds gives the others, and says which and why when asked', () => {
    const state = loadBytes(
      safetensors(
        {
          c: { dtype: 'C64', shape: [1], data_offsets: [0, 8] },
          u: { dtype: 'U32', shape: [1], data_offsets: [8, 12] },
          s: { dtype: 'U16', shape: [1], data_offsets: [12, 14] },
          i: { dtype: 'I8', shape: [2], data_offsets: [14, 16] },
        },
        [0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
      ),
    )
    expect(Object.keys(state)).toEqual(['s', 'i'])
    expect(state.s!.item()).toBe(65535)
    expect(Array.from(state.i!.data)).toEqual([-1, 127])
    expect(() => state.c).toThrow(/BAD_DTYPE.*"c".*C64/)
    expect(() => state.u).toThrow(/BAD_VALUE.*4294967295/)
  })

  const one = { dtype: 'U8', shape: [2], data_offsets: [0, 2] }
  const nested = `${'['.repeat(20_000)}1${']'.repeat(20_000)}`
  const damaged: [string, Buffer, string][] = [
    ['a header longer than the file', safetensors('{}', [], 1e6), 'BAD_FILE'],
    ['a header that is absurdly long', safetensors('{}', [], 2 ** 52), 'BAD_FILE'],
    ['a header that is no JSON', safetensors('{"w"', []), 'BAD_FILE'],
    ['a header that is a list', safetensors('[]', []), 'BAD_FILE'],
    ['an entry that is null', safetensors({ w: null }, []), 'BAD_FILE'],
    ['a shape that is negative', safetensors({ w: { ...one, shape: [-2] } }, [1, 2]), 'BAD_FILE'],
    ['offsets that run backward', safetensors({ w: { ...one, data_offsets: [2, 0] } }, [1, 2]), 'BAD_FILE'],
    [
      'a gap between arrays',
      safetensors({ w: one, v: { ...one, data_offsets: [3, 5] } }, [1, 2, 3, 4, 5]),
      'BAD_FILE',
    ],
    [
      'arrays that overlap',
      safetensors({ w: one, v: { ...one, data_offsets: [1, 3] } }, [1, 2, 3]),
      'BAD_FILE',
    ],
    ['elements that no array claims', safetensors({ w: one }, [1, 2, 3]), 'BAD_FILE'],
    ['fewer elements than the shape', safetensors({ w: { ...one, shape: [3] } }, [1, 2]), 'BAD_FILE'],
    [
      'lists in each other as a shape',
      safetensors(`{"w":{"dtype":"F32","shape":${nested},"data_offsets":[0,8]}}`, [1, 2]),
      'BAD_FILE',
    ],
    [
      'more axes than anybody has',
      safetensors({ w: { ...one, shape: [...Array(2000).fill(1), 2] } }, [1, 2]),
      'BAD_SHAPE',
    ],
    ['a dtype that no array here has', safetensors({ w: { ...one, dtype: 'F8_E8M0' } }, [1, 2]), 'BAD_DTYPE'],
  ]
  test.each(damaged)('with %s is refused', (_name, bytes, code) => {
    expect(() => loadBytes(bytes)).toThrow(code)
  })
})

describe.each(['npz', 'safetensors'])('names in a .%s file', (ending) => {
  test('that are names of object members, or odd in other ways, are names like any other', () => {
    const file = newPath(`odd.${ending}`)
    const names = [
      '__proto__',
      'constructor',
      'toString',
      '',
      'a/b',
      '../up',
      'x.npy',
      '10',
      '2',
      ' ',
      'ü\u0000',
      '😀',
      '\ufeff',
      '\ufeffw',
    ]
    const state = Object.fromEntries(names.map((name, i) => [name, ndarray([i])]))
    saveState(file, state)
    const loaded = loadState(file)
    expect(Object.keys(loaded).sort()).toEqual([...names].sort())
    for (const [i, name] of names.entries()) expect(loaded[name]!.data[0], name).toBe(i)
    expect(Object.getPrototypeOf(loaded)).toBe(Object.prototype)
  })

  test('are read again as they were written, or refused before anything is written', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.constantFrom('', '\ud800', '\udfff', '__metadata__'),
        (a, b) => {
          const name = a + b
          const file = newPath(`drawn.${ending}`)
          try {
            saveState(file, { [name]: ndarray([1]) })
          } catch (error) {
            expect((error as TapeError).code).toBe('BAD_ARGUMENT')
            expect(fs.existsSync(file)).toBe(false)
            return
          }
          expect(Object.keys(loadState(file))).toEqual([name])
        },
      ),
    )
    const file = newPath(`half.${ending}`)
    expect(() => saveState(file, { 'w\ud800': ndarray([1]) })).toThrow('half of a surrogate pair')
    if (ending === 'safetensors')
      expect(() => saveState(file, { __metadata__: ndarray([1]) })).toThrow('keeps for itself')
  })
})

describe('an array that none here holds', () => {
  const w = { dtype: 'F32', shape: [1], data_offsets: [0, 4] }
  const odd = { dtype: 'F8_E8M0', shape: [2], data_offsets: [4, 6] }
  const long = { dtype: 'I64', shape: [1], data_offsets: [4, 12] }

  test('leaves the others readable, and says why when somebody asks for it', () => {
    const state = loadBytes(safetensors({ w, odd }, [0, 0, 0x80, 0x3f, 1, 2]))
    expect(plain(state)).toEqual({ w: { dtype: 'float32', shape: [1], data: [1] } })
    expect(() => state.odd).toThrow(/^BAD_DTYPE: .* expected "odd" to be one of .*, got F8_E8M0$/)
    const wide = loadBytes(safetensors({ w, long }, [0, 0, 0x80, 0x3f, 0, 0, 0, 0, 1, 0, 0, 0]))
    expect(Object.keys(wide)).toEqual(['w'])
    expect(() => wide.long).toThrow(
      /^BAD_VALUE: "long" in .* expected integers that fit into int32, got 4294967296/,
    )
  })

  test('is told by a model that needs it', () => {
    const state = loadBytes(safetensors({ w, odd }, [0, 0, 0x80, 0x3f, 1, 2]))
    class Model extends Module {
      w = parameter([0], { dtype: 'float32' })
      odd = parameter([0, 0], { dtype: 'float32' })
      override forward(): Variable {
        return this.w
      }
    }
    expect(() => new Model().loadStateDict(state)).toThrow('got F8_E8M0')
  })
})

describe('a zip of zeros', () => {
  const bomb = (size: number) => {
    const file = newPath('zeros.npz')
    const whole = newPath('whole.npz')
    saveState(whole, { w: zeros([size]) })
    const { 'w.npy': content } = unzipSync(fs.readFileSync(whole))
    fs.writeFileSync(file, zipSync({ 'w.npy': content! }, { level: 9 }))
    return file
  }

  test('that would unpack into more than 64 MiB and 64 times its size is refused unless it is allowed', () => {
    const file = bomb(10_000_000)
    expect(fs.statSync(file).size).toBeLessThan(1_000_000)
    expect(() => loadState(file)).toThrow(
      /^BAD_FILE: .* bytes when unpacked, got 80000128 .*allow it: .*bytesMax: 80000128/,
    )
    expect(loadState(file, { bytesMax: 80_000_128 }).w!.size).toBe(10_000_000)
    expect(() => loadState(file, { bytesMax: -1 })).toThrow('BAD_ARGUMENT')
  })

  test('that says less than it unpacks into is damaged', () => {
    const file = bomb(1_000_000)
    const bytes = fs.readFileSync(file)
    const entry = bytes.indexOf(Buffer.from([0x50, 0x4b, 1, 2]))
    bytes.writeUInt32LE(200, entry + 24)
    fs.writeFileSync(file, bytes)
    expect(() => loadState(file)).toThrow(/^BAD_FILE: .* expected "w.npy" to unpack into 200 bytes/)
  })
})

test('a zip holds 65,534 arrays; more are refused, and safetensors takes them', () => {
  const one = ndarray([1], { dtype: 'uint8' })
  const state = Object.fromEntries(Array.from({ length: 65_535 }, (_, i) => [`w${i}`, one]))
  const file = newPath('many.npz')
  expect(() => saveState(file, state)).toThrow(/^BAD_ARGUMENT: .* at most 65534 arrays in a zip, got 65535/)
  const other = newPath('many.safetensors')
  saveState(other, state)
  expect(Object.keys(loadState(other))).toHaveLength(65_535)
})

test('another ending, and what is no array, are refused before anything is written', () => {
  expect(() => saveState('model.json', {})).toThrow(
    'BAD_ARGUMENT: a file of state expected a path ending in .npz or .safetensors, got "model.json"',
  )
  const file = newPath('x.npz')
  expect(() => saveState(file, { w: [1] as never })).toThrow(
    'BAD_ARGUMENT: saveState expected NDArrays, got [1] for "w"',
  )
  expect(fs.existsSync(file)).toBe(false)
})
