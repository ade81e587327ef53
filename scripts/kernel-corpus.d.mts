import type { Kernel } from '../src/array/primitives.js'

export function numbers<T extends Float64Array | Float32Array>(
  Type: new (length: number) => T,
  length: number,
  seed: number,
  special: boolean,
): T
export function hashOf(x: Float64Array | Float32Array | Uint8Array): string
export function kernelHashes(kernel: Kernel): Record<string, string>
export interface Golden {
  readonly kernel: string
  readonly hashes: Record<string, string>
  readonly newer: { readonly kernel: string; readonly hashes: Record<string, string> }
}

export function expectedHashes(golden: Golden, id: string): Record<string, string>
export function differences(got: Record<string, string>, expected: Record<string, string>): string[]
