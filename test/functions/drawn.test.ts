/**
 * The contract again, at points that nobody wrote down: each function is drawn with shapes of rank 0 to 4, empty axes, extents of
 * 1, repeated and negative indices, mixed dtypes. `npm run fuzz` draws for as long as one likes.
 */
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { checkCall } from '../../scripts/fuzz/check-call.js'
import { drawCall, drawnNames } from '../../scripts/fuzz/draw-calls.js'
import { Random } from '../../scripts/fuzz/random.js'
import { ndarray } from '../../src/array/make-array.js'
import { TapeError } from '../../src/errors.js'
import { grad } from '../../src/graph/backward.js'
import { Variable } from '../../src/graph/variable.js'
import { functions, registeredHere } from './all-functions.js'

const RUNS = 50

const engine = {
  functions,
  ndarray: ndarray as (values: unknown, options?: object) => ReturnType<typeof ndarray>,
  Variable,
  grad,
  isRefusal: (error: unknown) => error instanceof TapeError,
}

/** Adjoints, which other functions call, and dropout, which has tests of its own. */
const NOT_DRAWN = new Set([
  ...['averagePool2dScatter', 'conv2dWeights', 'largerShare', 'maxPool2dGather', 'maxPool2dScatter'],
  ...[
    'bandMeans',
    'bandMeansScatter',
    'blend',
    'blendScatter',
    'halfFourier',
    'placesInOrder',
    'prodOthers',
    'realFourier',
    'reluGradient',
    'scatterSlice',
    'scatterTake',
    'volumeMaxima',
    'volumeMaximaGather',
    'volumeMaximaScatter',
    'argmin',
    'dropout',
    'randomNoise',
  ],
])

const counts = { drawn: 0, accepted: 0 }
afterAll(() => {
  process.stdout.write(`drawn calls: ${counts.drawn}, of which ${counts.accepted} were accepted\n`)
})

test('every function but adjoints is drawn', () => {
  const expected = registeredHere().filter((name) => !NOT_DRAWN.has(name))
  expect([...drawnNames].sort()).toEqual(expected)
})

test.each(drawnNames)('%s: what forward accepts, backward differentiates twice, in every dtype', (name) => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 31 - 1 }), (seed) => {
      const random = new Random(seed)
      counts.drawn++
      if (checkCall(engine, drawCall(name, random), random)) counts.accepted++
    }),
    { numRuns: RUNS },
  )
})
