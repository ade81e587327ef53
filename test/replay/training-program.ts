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
  'freeze',
  'freeze',
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
  /** This many elements in each of 128 small arrays at the start: 64 use up the budget for small arrays. */
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

function instruction(op: Op, a = 0, b = 1): Instruction {
  return { op, a, b, x: 0.5 }
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
    body: fc
      .tuple(instructions(ops, 4, 14), fc.nat(3))
      .map(([list, n]) => (n === 0 ? list : [...list, instruction('optimize')])),
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

/** One that does what must be seen, whatever chance draws: checkpoints, a run inside the run, exceptions. */
export const SURE_PROGRAM: TrainingProgram = {
  seed: 1,
  carries: false,
  ballast: 64,
  optimizer: 'adam',
  width: 9,
  prelude: [instruction('leaf'), instruction('nested', 0, 5)],
  body: [
    instruction('batch', 3, 7),
    instruction('dropout'),
    instruction('backward'),
    instruction('optimize'),
    instruction('state'),
    instruction('throwsInPass'),
  ],
  steps: [
    { skipsBody: false, detour: [] },
    { skipsBody: false, detour: [instruction('nested', 0, 7)] },
    { skipsBody: false, detour: [] },
    { skipsBody: false, detour: [instruction('throwsInStep', 0, 3)] },
  ],
  checkpointEvery: 1,
  eventsMax: 64,
  materialized: [2, 3],
}
