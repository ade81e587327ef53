/**
 * Which kernel computes now: the portable one until another is put in its place. Knows nothing of what kernels
 * do.
 */
import { portableKernel } from './portable-kernel.js'
import type { Kernel } from './primitives.js'

export type { Kernel } from './primitives.js'

/** Read by every operation; a live binding, as small arrays feel every call. */
export let kernel: Kernel = portableKernel

/** The kernel that computes now; its `id` is what runs record. */
export function currentKernel(): Kernel {
  return kernel
}

/** Puts a kernel in place for all operations from now on, and returns the one before. */
export function useKernel(next: Kernel): Kernel {
  const before = kernel
  kernel = next
  return before
}
