import type { Kernel } from '../src/array/primitives.js'

export function numbers<T extends Float64Array | Float32Array>(
  Type: new (length: number) => T,
  length: number,
  seed: number,
  special: boolean,
): T
export function summands<T extends Float64Array | Float32Array>(
  Type: new (length: number) => T,
  length: number,
  seed: number,
  strange?: number | null,
): T
type Floats = Float64Array | Float32Array
export function plainMeasures(x: Floats, xo: number, y: Floats, yo: number, n: number): number[]
export function measuresOf(
  sums: { sum: number; squares: number; min: number; max: number; zeroCount: number },
  apart: number,
): number[]
export function hashOf(x: Float64Array | Float32Array | Uint8Array): string
export function kernelHashes(kernel: Kernel): Record<string, string>
export interface Golden {
  readonly kernel: string
  readonly hashes: Record<string, string>
  readonly newer: { readonly kernel: string; readonly hashes: Record<string, string> }
}

export function expectedHashes(golden: Golden, id: string): Record<string, string>
export function differences(got: Record<string, string>, expected: Record<string, string>): string[]
