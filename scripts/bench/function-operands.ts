// What measured functions are given: arrays of about a number of elements, the same in every round.
import { type NDArray, ndarray } from 'gradtape'
import { randomArray } from './workload.js'

const made = new Map<string, NDArray>()

/** Numbers from 0.1 to 0.9, where every function is smooth; made once, because a million of them take longer than most calls. */
export function numbers(seed: number, ...shape: number[]): NDArray {
  const key = `${seed}: ${shape}`
  const known = made.get(key)
  if (known !== undefined) return known
  const size = shape.reduce((product, extent) => product * extent, 1)
  const array = ndarray(randomArray(size, seed, 0.1, 0.9), { shape })
  made.set(key, array)
  return array
}

export function indices(below: number, size: number): NDArray {
  return ndarray(
    randomArray(size, 5, 0, below).map((value) => Math.floor(value)),
    { dtype: 'int32' },
  )
}

/** A column for each element of a square matrix. */
export function places(size: number): NDArray {
  const edge = side(size)
  return ndarray(indices(edge, edge * edge).data, { shape: [edge, edge], dtype: 'int32' })
}

/** A symmetric matrix whose diagonal outweighs the rest: it can be inverted and is positive. */
export function dominant(edge: number): NDArray {
  const given = numbers(1, edge, edge).data
  const values = Float64Array.from(
    given,
    (value, i) =>
      (value + given[(i % edge) * edge + Math.floor(i / edge)]!) / 2 +
      (i % edge === Math.floor(i / edge) ? edge : 0),
  )
  return ndarray(values, { shape: [edge, edge] })
}

export const side = (size: number) => Math.round(Math.sqrt(size))
export const row = (size: number) => [numbers(1, size)]
export const rows = (size: number) => [numbers(1, size), numbers(2, size)]
export const matrix = (size: number) => [numbers(1, side(size), side(size))]
export const invertible = (size: number) => [dominant(side(size))]
export const normalized = (size: number) => [
  numbers(1, side(size), side(size)),
  numbers(2, side(size)),
  numbers(3, side(size)),
]
/** Images of four channels. */
export const images = (size: number) => numbers(1, size > 100_000 ? 10 : 1, 4, ...square(size))
const square = (size: number) => {
  const edge = side(size / (size > 100_000 ? 40 : 4))
  return [edge, edge]
}
