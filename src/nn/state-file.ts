/** State dicts in files that other libraries read and write: NumPy's .npz and .safetensors. */
import fs from 'node:fs'
import process from 'node:process'
import { unzipSync, zipSync } from 'fflate'
import { NDArray } from '../array/ndarray.js'
import { TapeError } from '../errors.js'
import { show } from '../functions/attributes.js'
import { fromNpy, toNpy } from './npy.js'
import { fromSafetensors, toSafetensors } from './safetensors.js'
import type { StateDict } from './state-dict.js'
import { crc32, zipSums } from './zip-sums.js'

/** So that equal states are equal files: the first time that a zip can tell. */
const ZIP_TIME = '1980-01-01T00:00:00'

/**
 * Saves arrays by name. The ending says the format: `.npz` (`numpy.load` reads it) or `.safetensors`. The file appears
 * whole or not at all, and an older one of that name stays until then.
 *
 * Throws  BAD_ARGUMENT for another ending or for what is no NDArray; what the file system says
 */
export function saveState(path: string, state: StateDict): void {
  for (const [name, array] of Object.entries(state)) {
    if (!(array instanceof NDArray)) {
      throw new TapeError(
        'BAD_ARGUMENT',
        `saveState expected NDArrays, got ${show(array)} for "${name}"; of a Variable take .data`,
      )
    }
  }
  const bytes = formatOf(path) === 'npz' ? toNpz(state) : toSafetensors(state)
  const unfinished = `${path}.${process.pid}.tmp`
  try {
    fs.writeFileSync(unfinished, bytes)
    fs.renameSync(unfinished, path)
  } catch (error) {
    fs.rmSync(unfinished, { force: true })
    throw error
  }
}

/**
 * Loads the arrays by name that `saveState`, `numpy.savez` or the safetensors library saved.
 *
 * Throws  FILE_NOT_FOUND; BAD_FILE for what is not the format its ending says; BAD_DTYPE, BAD_VALUE for elements that no
 *         array here holds
 */
export function loadState(path: string): StateDict {
  const format = formatOf(path)
  const bytes = bytesOf(path)
  return format === 'npz' ? fromNpz(bytes, path) : fromSafetensors(bytes, path)
}

function formatOf(path: string): 'npz' | 'safetensors' {
  if (typeof path === 'string' && path.endsWith('.npz')) return 'npz'
  if (typeof path === 'string' && path.endsWith('.safetensors')) return 'safetensors'
  throw new TapeError(
    'BAD_ARGUMENT',
    `a file of state expected a path ending in .npz or .safetensors, got ${show(path)}`,
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

function toNpz(state: StateDict): Uint8Array {
  const members = Object.entries(state).map(([name, array]) => [`${name}.npy`, toNpy(array)] as const)
  return zipSync(Object.fromEntries(members), { level: 0, mtime: ZIP_TIME })
}

function fromNpz(bytes: Uint8Array, path: string): StateDict {
  const members = unzipped(bytes, path)
  const sums = zipSums(bytes)
  return Object.fromEntries(
    Object.entries(members).map(([member, content]) => {
      if (sums?.get(member) !== crc32(content)) {
        throw new TapeError(
          'BAD_FILE',
          `"${member}" in ${path} does not have the checksum that the file says; it is damaged`,
        )
      }
      const name = member.replace(/\.npy$/, '')
      return [name, fromNpy(content, `"${name}" in ${path}`)]
    }),
  )
}

function unzipped(bytes: Uint8Array, path: string): Record<string, Uint8Array> {
  try {
    return unzipSync(bytes)
  } catch (error) {
    throw new TapeError('BAD_FILE', `${path} expected a zip of arrays; it is damaged, or no .npz file`, {
      cause: error,
    })
  }
}
