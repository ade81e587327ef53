/** The spiral: points in arms that no straight line parts, as in the book "Deep Learning from Scratch". */

import { ndarray } from '../array/make-array.js'
import { cos, sin } from '../array/math/trigonometry.js'
import type { NDArray } from '../array/ndarray.js'
import { normal, permutation } from '../array/random.js'
import { integerOf, numberOf, refuse } from '../functions/attributes.js'
import { checkOptions } from '../options.js'
import { TensorDataset } from './tensor-dataset.js'

export interface SpiralOptions {
  /** How many arms. Default 3. */
  classes?: number | undefined
  /** How many points in each. Default 100. */
  perClass?: number | undefined
  /** The deviation of the angle. Default 0.2. */
  noise?: number | undefined
  /** What the points and their order follow from. Default 1984. */
  seed?: number | undefined
}

/**
 * Shapes  [n, 2] float64 and [n] int32, n = classes · perClass, in random order
 * Source  Saitoh, "Deep Learning from Scratch", whose points differ: they come from NumPy's generator
 */
export function spiral(options: SpiralOptions = {}): TensorDataset<[NDArray, NDArray]> {
  checkOptions(options, ['classes', 'perClass', 'noise', 'seed'], 'spiral')
  const classes = integerOf(options.classes, 3, 1, 'classes', 'spiral')
  const perClass = integerOf(options.perClass, 100, 1, 'perClass', 'spiral')
  const noise = numberOf(options.noise, 0.2, 'noise', 'spiral')
  const seed = integerOf(options.seed, 1984, 0, 'seed', 'spiral')
  if (noise < 0) refuse(`spiral expected noise of at least 0, got ${noise}`)
  const count = classes * perClass
  const deviations = normal([count], { deviation: noise, dtype: 'float64', key: { seed, counter: 0 } }).data
  const order = permutation(count, { key: { seed, counter: 1 } }).data
  const points = new Float64Array(count * 2)
  const labels = new Int32Array(count)
  for (let row = 0; row < count; row++) {
    const at = order[row]!
    const arm = Math.floor(at / perClass)
    const radius = (at % perClass) / perClass
    const angle = 4 * arm + 4 * radius + deviations[at]!
    points[row * 2] = radius * sin(angle)
    points[row * 2 + 1] = radius * cos(angle)
    labels[row] = arm
  }
  return new TensorDataset(ndarray(points, { shape: [count, 2] }), ndarray(labels)).named('spiral')
}
