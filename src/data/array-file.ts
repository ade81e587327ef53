/** One array in a file of NumPy's. Several by name are `loadState`. */
import type { NDArray } from '../array/ndarray.js'
import { TapeError, valueText } from '../errors.js'
import { fromNpy } from '../formats/npy.js'
import { refuseOptions } from '../options.js'
import { bytesOfFile } from './file-bytes.js'

/**
 * The array of a `.npy` file, as `numpy.save` writes it, or of a `.npy.gz`. float16 becomes float32, integers int32 where they fit.
 *
 * Throws   FILE_NOT_FOUND; BAD_FILE for what is no such file; BAD_DTYPE and BAD_VALUE for elements that no array here holds
 */
export function loadArray(path: string): NDArray
export function loadArray(path: string, ...rest: readonly unknown[]): NDArray {
  refuseOptions(rest, 'loadArray')
  if (typeof path !== 'string' || !/\.npy(\.gz)?$/.test(path))
    throw new TapeError(
      'BAD_ARGUMENT',
      `loadArray expected a path ending in .npy or .npy.gz, got ${valueText(path)}; loadState reads .npz and .safetensors`,
    )
  return fromNpy(bytesOfFile(path, 'loadArray'), path)
}
