import type { Kernel } from '../src/array/primitives.js'

export function hashOf(x: Float64Array | Float32Array | Uint8Array): string
export function kernelHashes(kernel: Kernel): Record<string, string>
export function differences(got: Record<string, string>, expected: Record<string, string>): string[]
