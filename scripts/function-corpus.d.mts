import type { ndarray } from '../src/array/make-array.js'
import type { Kernel } from '../src/array/primitives.js'
import type { Staging } from '../src/array/wasm/staging.js'
import type { grad } from '../src/graph/backward.js'
import type { createFunc } from '../src/graph/registry.js'
import type { Variable } from '../src/graph/variable.js'

export interface Engine {
  readonly createFunc: typeof createFunc
  readonly grad: typeof grad
  readonly ndarray: typeof ndarray
  readonly Variable: typeof Variable
}

export interface LoadedEngine extends Engine {
  readonly plainKernel: Kernel
  readonly portableKernel: Kernel
  readonly plainKernel2: Kernel
  readonly portableKernel2: Kernel
  readonly useKernel: (kernel: Kernel) => Kernel
  readonly registeredFuncs: () => readonly string[]
  readonly staging: () => Staging | null
}

export function functionHashes(engine: Engine): Record<string, string>
export function loadEngine(load: (part: string) => Promise<unknown>): Promise<LoadedEngine>
export function uncovered(registered: readonly string[], hashes: Record<string, string>): string[]
