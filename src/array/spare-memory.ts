/**
 * The memory of large arrays that nobody can reach any more, for those that a pass makes next. V8 collects old arrays late, and with
 * them all garbage: a step of a model of some million parameters spent a quarter of its time there. Only floats, as gradients are.
 * Only for passes: what is made outside of them dies young, which costs little, unless it stands in old memory. Who gives memory back
 * must know that nobody has it; this file knows nothing of that.
 */
import type { DType, TypedArray } from './dtype.js'

/** Beyond this all that is spare is left to the collector: it is of sizes that are not asked for. */
const MOST_BYTES = 256 * 1024 * 1024

/** By dtype and number of elements. */
const spare = { float64: new Map<number, TypedArray[]>(), float32: new Map<number, TypedArray[]>() }
let bytes = 0
let births: TypedArray[] | null = null

/** From here on the memory of each large array that is made is added to the list; null: of none. Returns the list before. */
export function noteBirths(list: TypedArray[] | null): TypedArray[] | null {
  const before = births
  births = list
  return before
}

/** A large array was made. */
export function born(memory: TypedArray): void {
  if (births !== null) births.push(memory)
}

/** Memory for `count` elements, with whatever is in it; null where none is spare, and while no births are noted. */
export function takeSpare(dtype: DType, count: number): TypedArray | null {
  if (births === null || bytes === 0 || (dtype !== 'float64' && dtype !== 'float32')) return null
  const found = spare[dtype].get(count)?.pop()
  if (found === undefined) return null
  bytes -= found.byteLength
  wasAsked = true
  return found
}

/** Gives the whole memory of an array back, which nobody may read any more. */
export function giveBack(memory: TypedArray): void {
  if (use === 'nothing' || !(memory instanceof Float32Array || memory instanceof Float64Array)) return
  if (use === 'spoil') memory.fill(Number.NaN)
  if (bytes + memory.byteLength > MOST_BYTES) forgetAll()
  bytes += memory.byteLength
  if (!isWatched) watch()
  const alike = spare[memory instanceof Float64Array ? 'float64' : 'float32']
  const list = alike.get(memory.length)
  if (list === undefined) alike.set(memory.length, [memory])
  else list.push(memory)
}

function forgetAll(): void {
  spare.float64.clear()
  spare.float32.clear()
  bytes = 0
}

// What nobody asked for between two collections of all garbage is left to the third: a program that has trained keeps no memory for it.
let wasAsked = false
let isWatched = false
const collections = new FinalizationRegistry<null>(() => {
  if (!wasAsked) forgetAll()
  wasAsked = false
  if (bytes > 0) watch()
  else isWatched = false
})

function watch(): void {
  isWatched = true
  collections.register({}, null)
}

let use: 'all' | 'nothing' | 'spoil' = 'all'

/** For tests: nothing is kept, or what is given back is filled with NaN, so that it shows who still reads it. */
export function useSpare(wanted: typeof use): void {
  use = wanted
  forgetAll()
}
