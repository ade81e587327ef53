/**
 * Training programs by chance: state that lives over many steps, a body that most steps repeat, and detours that some
 * take. Only the plan; `training-execution.ts` carries it out.
 */
import fc from 'fast-check'

/** What any training loop does. A replay of it must be able to begin at every checkpoint. */
const PLAIN = [
  'leaf',
  'special',
  'unary',
  'unary',
  'binary',
  'binary',
  'shared',
  'split',
  'matmul',
  'reduce',
  'number',
  'batch',
  'dropout',
  'cast',
  'branch',
  'backward',
  'backward',
  'backward',
  'backwardSeed',
  'assignedSeed',
  'retain',
  'createGraph',
  'grad',
  'gradCreateGraph',
  'clear',
  'update',
  'optimize',
  'optimize',
  'state',
  'outside',
  'noGrad',
  'detach',
  'parameter',
  'name',
  'log',
  'scope',
  'useGrad',
  'assignGrad',
  'throwsInCall',
  'throwsInPass',
  'throwsInStep',
  'note',
  'flush',
  'nested',
] as const
/** What carries graphs, gradients and old arrays from step to step. */
const CARRYING = [
  'hidden',
  'hidden',
  'unchain',
  'snapshot',
  'restore',
  'keep',
  'assignOutput',
  'useKept',
] as const
export type Op = (typeof PLAIN)[number] | (typeof CARRYING)[number]

export interface Instruction {
  op: Op
  a: number
  b: number
  x: number
}

export interface TrainingProgram {
  seed: number
  carries: boolean
  /** So many elements in each of 128 small arrays at the start: 64 use up the budget for small arrays. */
  ballast: number
  optimizer: 'sgd' | 'momentum' | 'adam'
  /** Rows of the data and columns of the parameters: small arrays, or arrays that are not. */
  width: number
  prelude: Instruction[]
  body: Instruction[]
  /** What each step does after the body, and whether it does the body. */
  steps: { skipsBody: boolean; detour: Instruction[] }[]
  checkpointEvery: number | null
  eventsMax: number
  materialized: [number, number]
}

function instructions(ops: readonly Op[], minLength: number, maxLength: number) {
  return fc.array(
    fc
      .tuple(fc.constantFrom(...ops), fc.nat(1000), fc.nat(1000), fc.integer({ min: -200, max: 200 }))
      .map(([op, a, b, x]) => ({ op, a, b, x: x / 100 })),
    { minLength, maxLength, size: 'max' },
  )
}

export const trainingProgram: fc.Arbitrary<TrainingProgram> = fc.boolean().chain((carries) => {
  const ops: readonly Op[] = carries ? [...PLAIN, ...CARRYING, ...CARRYING] : PLAIN
  return fc.record({
    seed: fc.nat(2 ** 31),
    carries: fc.constant(carries),
    ballast: fc.constantFrom(0, 2, 64, 64),
    optimizer: fc.constantFrom('sgd', 'momentum', 'adam'),
    width: fc.constantFrom(3, 8, 9),
    prelude: instructions(ops, 0, 5),
    body: instructions(ops, 4, 14),
    steps: fc.array(
      fc.record({
        skipsBody: fc.nat(9).map((n) => n === 0),
        detour: fc.oneof(fc.constant<Instruction[]>([]), instructions(ops, 0, 5)),
      }),
      { minLength: 3, maxLength: 7, size: 'max' },
    ),
    checkpointEvery: fc.constantFrom(null, 1, 1, 2, 3, 4),
    eventsMax: fc.constantFrom(16, 64, 32_768, 32_768, 32_768, 32_768),
    materialized: fc.tuple(fc.nat(7), fc.nat(7)),
  })
})
