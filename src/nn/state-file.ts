/** State dicts in files that other libraries read and write: NumPy's .npz and .safetensors. */
import fs from 'node:fs'
import process from 'node:process'
import { NDArray } from '../array/ndarray.js'
import { TapeError, valueText } from '../errors.js'
import { type NamedArrays, readable, requireNames } from '../formats/named-arrays.js'
import { fromNpy, toNpy } from '../formats/npy.js'
import { fromSafetensors, toSafetensors } from '../formats/safetensors.js'
import { unzipped, zipped } from '../formats/zip.js'
import { integerOf } from '../functions/attributes.js'
import { checkOptions, refuseOptions } from '../options.js'
import type { StateDict } from './state-dict.js'

/** A zip may unpack into this many bytes, or into this many times its own size; more must be allowed. */
const UNPACKED_BYTES = 64 * 2 ** 20
const UNPACKED_TIMES = 64

/**
 * Saves arrays by name. The ending says the format: `.npz` (`numpy.load` reads it) or `.safetensors`. The file appears
 * whole or not at all, and an older one of that name stays until then.
 *
 * Throws  BAD_ARGUMENT for another ending, for what is no NDArray, and for a name that could not be read again; what the file
 *         system says
 */
export function saveState(path: string, state: StateDict): void
export function saveState(path: string, state: StateDict, ...rest: readonly unknown[]): void {
  refuseOptions(rest, 'saveState')
  for (const [name, array] of Object.entries(state)) {
    if (!(array instanceof NDArray)) {
      throw new TapeError(
        'BAD_ARGUMENT',
        `saveState expected NDArrays, got ${valueText(array)} for "${name}"; of a Variable take .data`,
      )
    }
  }
  const arrays = new Map(Object.entries(state))
  const bytes = formatOf(path) === 'npz' ? toNpz(arrays) : toSafetensors(arrays, 'saveState')
  const unfinished = `${path}.${process.pid}.tmp`
  try {
    fs.writeFileSync(unfinished, bytes)
    fs.renameSync(unfinished, path)
  } catch (error) {
    fs.rmSync(unfinished, { force: true })
    throw error
  }
}

/** Settings of `loadState`. */
export interface LoadOptions {
  /**
   * How many bytes a zip may unpack into. Default 64 MiB, or 64 times the size of the file if that is more: a small file cannot fill
   * the memory unless somebody allows it.
   */
  bytesMax?: number | undefined
}

/**
 * Loads the arrays by name that `saveState`, `numpy.savez` or the safetensors library saved. An array that none here holds (of
 * complex numbers, of integers beyond int32) leaves the others readable: it is not among the names, and asking for it throws.
 *
 * Throws  FILE_NOT_FOUND; BAD_FILE for what is not the format its ending says, or unpacks into more than `bytesMax`; BAD_DTYPE,
 *         BAD_VALUE when no array of the file can be held here
 */
export function loadState(path: string, options: LoadOptions = {}): StateDict {
  checkOptions(options, ['bytesMax'], 'loadState')
  const format = formatOf(path)
  const bytes = bytesOf(path)
  const otherwise = Math.max(UNPACKED_BYTES, UNPACKED_TIMES * bytes.length)
  const bytesMax = integerOf(options.bytesMax, otherwise, 0, 'bytesMax', 'loadState')
  return stateOf(format === 'npz' ? fromNpz(bytes, bytesMax, path) : fromSafetensors(bytes, path))
}

function stateOf(arrays: NamedArrays): StateDict {
  const held = [...arrays].filter((named): named is [string, NDArray] => named[1] instanceof NDArray)
  const state = Object.fromEntries(held)
  for (const [name, refusal] of arrays) {
    if (refusal instanceof NDArray) continue
    if (held.length === 0) throw refusal
    Object.defineProperty(state, name, {
      get: () => {
        throw refusal
      },
    })
  }
  return state
}

function formatOf(path: string): 'npz' | 'safetensors' {
  if (typeof path === 'string' && path.endsWith('.npz')) return 'npz'
  if (typeof path === 'string' && path.endsWith('.safetensors')) return 'safetensors'
  throw new TapeError(
    'BAD_ARGUMENT',
    `a file of state expected a path ending in .npz or .safetensors, got ${valueText(path)}`,
  )
}

function bytesOf(path: string): Uint8Array {
  try {
    return fs.readFileSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new TapeError('FILE_NOT_FOUND', `loadState expected a file at ${path}, found none`, {
      cause: error,
    })
  }
}

function toNpz(arrays: ReadonlyMap<string, NDArray>): Uint8Array {
  requireNames(arrays.keys(), [], 'saveState')
  return zipped(new Map([...arrays].map(([name, array]) => [`${name}.npy`, toNpy(array)])), 'saveState')
}

function fromNpz(bytes: Uint8Array, bytesMax: number, path: string): NamedArrays {
  const arrays: NamedArrays = new Map()
  for (const [member, content] of unzipped(bytes, bytesMax, path)) {
    const name = member.replace(/\.npy$/, '')
    arrays.set(
      name,
      readable(() => fromNpy(content, `"${name}" in ${path}`)),
    )
  }
  return arrays
}
