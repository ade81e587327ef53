/** Places drawn in proportion to weights, from uniform numbers in [0, 1). Who draws says from what key. */
import { log } from '../array/math/log.js'

/** `count` places, of which each may come again, from as many numbers. */
export function drawAgain(weights: ArrayLike<number>, units: ArrayLike<number>, count: number): Int32Array {
  const ends = new Float64Array(weights.length)
  let total = 0
  for (let i = 0; i < weights.length; i++) ends[i] = total += weights[i]!
  return Int32Array.from({ length: count }, (_, i) => {
    const at = units[i]! * total
    let [low, high] = [0, weights.length - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if (ends[middle]! > at) high = middle
      else low = middle + 1
    }
    // A number so near to 1 that it meets the end falls to the last place that has a weight.
    while (low > 0 && weights[low] === 0) low--
    return low
  })
}

/** `count` different places, from a number for each place. */
export function drawOnce(weights: Float64Array, units: ArrayLike<number>, count: number): Int32Array {
  // The place with the least −ln(u)/weight comes first: these are exponential times, whose order is that of draws by weight.
  const times = Float64Array.from(weights, (weight, i) =>
    weight === 0 ? Infinity : -log(1 - units[i]!) / weight,
  )
  const places = Array.from({ length: weights.length }, (_, i) => i)
  places.sort((a, b) => (times[a]! < times[b]! ? -1 : times[a]! > times[b]! ? 1 : a - b))
  return Int32Array.from(places.slice(0, count))
}
