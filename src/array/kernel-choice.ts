/**
 * Kernels by the names that users give: `portable`, `portable-1` and `blas`. Apart from kernel.ts, because naming the BLAS
 * kernel brings in Node's modules, and the arrays themselves also run in a browser.
 */
import process from 'node:process'
import { TapeError } from '../errors.js'
import { blasKernel } from './blas-kernel.js'
import { type Kernel, portableKernel2, useKernel } from './kernel.js'
import { nativeKernel } from './native-kernel.js'

/** A kernel by the name that users give it. */
export type KernelName = 'portable' | 'portable-1' | 'blas'

/**
 * Has all operations from now on computed by the kernel of this name, and returns the kernel before.
 *
 * `portable` gives the same bits on every machine. `portable-1` is what it was before long sums were added by halves, for a
 * program that goes on where a run of that time ended; to read and replay such a run nobody has to choose it. `blas` gives large matrix products to OpenBLAS or Accelerate:
 * faster, and the same bits only where its id is the same.
 *
 * Throws   KERNEL_UNAVAILABLE when the machine has no BLAS or koffi is not installed.
 *          BAD_ARGUMENT for another name.
 */
export function setKernel(name: KernelName): Kernel {
  return useKernel(kernelNamed(name))
}

/** The kernel that GRADTAPE_KERNEL names, put in place; nothing happens when it is unset or empty. */
export function setKernelFromEnvironment(): void {
  const name = process.env.GRADTAPE_KERNEL
  if (name !== undefined && name !== '') useKernel(kernelNamed(name, ' in GRADTAPE_KERNEL'))
}

function kernelNamed(name: string, where = ''): Kernel {
  if (name === 'portable') return portableKernel2
  if (name === 'portable-1') return nativeKernel
  if (name === 'blas') return blasKernel()
  throw new TapeError(
    'BAD_ARGUMENT',
    `expected a kernel, 'portable', 'portable-1' or 'blas', got '${String(name)}'${where}`,
  )
}
