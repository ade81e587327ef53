/**
 * Finds the kernel that a run was computed by.
 */
import { currentKernel, type Kernel, kernelCalled } from '../array/kernel.js'
import { TapeError } from '../errors.js'
import type { RunStarted } from '../events/event.js'

/**
 * @internal The kernel that computes as the run did: the one in place, or one that every build has.
 *
 * Throws  KERNEL_MISMATCH when there is none here
 */
export function kernelOf({ kernel, engine }: RunStarted): Kernel {
  const found = kernelCalled(kernel)
  if (found !== null) return found
  throw new TapeError(
    'KERNEL_MISMATCH',
    `the run was computed by kernel "${kernel}", this process has "${currentKernel().id}", which may round differently; ${
      kernel.startsWith('blas-')
        ? 'replay it with GRADTAPE_KERNEL=blas, on the same library, core type and thread count'
        : `replay it with the kernel that computed it (gradtape ${engine})`
    }`,
  )
}
