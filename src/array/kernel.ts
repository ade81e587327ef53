/**
 * Which kernel computes now: the newest portable one until another is put in its place. Knows nothing of what kernels
 * do.
 */
import { byHalves } from './halves.js'
import { nativeKernel } from './native-kernel.js'
import { plainKernel } from './plain-kernel.js'
import type { Kernel } from './primitives.js'

export type { Kernel } from './primitives.js'

/** `portable-2`, the default: small arrays in plain loops, large ones in native code, or in WebAssembly where there is none. */
export const portableKernel2: Kernel = byHalves(nativeKernel, 'portable-2')
/** The same bits by plain loops alone. */
export const plainKernel2: Kernel = byHalves(plainKernel, 'portable-2')

/** Read by every operation; a live binding, as small arrays feel every call. */
export let kernel: Kernel = portableKernel2

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

/** Kernels that every build of gradtape has, whatever the machine, by their ids. */
const EVERYWHERE: readonly Kernel[] = [nativeKernel, portableKernel2]

/**
 * The kernel that gives the results of the one called `id`: the one that computes now, or one that this build has too.
 * Null when neither does.
 */
export function kernelCalled(id: string): Kernel | null {
  return kernel.id === id ? kernel : (EVERYWHERE.find((known) => known.id === id) ?? null)
}
