/**
 * Flattens nested JavaScript arrays into numbers and a shape. Knows no dtype but the two kinds number and
 * boolean.
 */
import { refuseOtherCopy } from '../copies.js'
import { TapeError } from '../errors.js'
import type { TypedArray } from './dtype.js'
import { RANK_MAX, type Shape } from './shape.js'

/** Numbers or booleans in rows of equal length, to any depth; a row may be a typed array. */
export type NestedArray = readonly (number | boolean | TypedArray | NestedArray)[]

type Flattened = { readonly values: number[]; readonly shape: Shape; readonly booleans: boolean }

/**
 * The numbers of nested arrays in row-major order, and their shape.
 *
 * Throws   BAD_SHAPE for more axes than arrays have; RAGGED_INPUT when rows differ in length or depth (naming the path), BAD_VALUE for what is no
 *          number or boolean.
 */
export function flattenNested(nested: NestedArray): Flattened {
  const shape: number[] = []
  for (let level: unknown = nested; isRow(level); level = level[0]) {
    shape.push(level.length)
    if (shape.length > RANK_MAX)
      throw new TapeError(
        'BAD_SHAPE',
        `ndarray expected at most ${RANK_MAX} axes; the arrays lie deeper in each other, or one contains itself`,
      )
    if (level.length === 0) break
  }
  const values: number[] = []
  const state = { values, shape, booleans: true }
  visit(nested, 0, [], state)
  return { values, shape, booleans: state.booleans && values.length > 0 }
}

type State = { readonly values: number[]; readonly shape: readonly number[]; booleans: boolean }

function visit(row: ArrayLike<unknown>, depth: number, path: number[], state: State): void {
  const expected = state.shape[depth]!
  if (row.length !== expected) {
    const first = path.map(() => 0)
    throw new TapeError(
      'RAGGED_INPUT',
      `ndarray expected rows of equal length, got ragged ones: ${nameOf(path)} has ${row.length} elements, ` +
        `${nameOf(first)} has ${expected}`,
    )
  }
  const last = depth === state.shape.length - 1
  for (let i = 0; i < row.length; i++) {
    const entry = row[i]
    if (isRow(entry)) {
      if (last) raggedDepth([...path, i], state, 'an array', 'a number')
      path.push(i)
      visit(entry, depth + 1, path, state)
      path.pop()
    } else if (typeof entry === 'number' || typeof entry === 'boolean') {
      if (!last) raggedDepth([...path, i], state, 'a number', 'an array')
      if (typeof entry === 'number') state.booleans = false
      state.values.push(Number(entry))
    } else {
      refuseOtherCopy(entry, 'ndarray')
      throw new TapeError(
        'BAD_VALUE',
        `ndarray expected numbers or booleans, got ${describe(entry)} at [${[...path, i].join('][')}]`,
      )
    }
  }
}

function raggedDepth(path: number[], state: State, got: string, first: string): never {
  throw new TapeError(
    'RAGGED_INPUT',
    `ndarray expected nesting of equal depth (${state.shape.length}), got ${got} at [${path.join('][')}] ` +
      `where [${path.map(() => 0).join('][')}] is ${first}`,
  )
}

function isRow(x: unknown): x is ArrayLike<unknown> {
  return Array.isArray(x) || (ArrayBuffer.isView(x) && !(x instanceof DataView))
}

/** `row 2`, `row [0][2]`, or `the outermost array`. */
function nameOf(path: readonly number[]): string {
  if (path.length === 0) return 'the outermost array'
  return path.length === 1 ? `row ${path[0]}` : `row [${path.join('][')}]`
}

export function describe(x: unknown): string {
  if (typeof x === 'string') return `the string ${JSON.stringify(x)}`
  if (typeof x === 'bigint') return `the bigint ${x}n (convert it with Number())`
  if (typeof x === 'object' && x !== null)
    return `an object (${x.constructor?.name ?? 'without a prototype'})`
  return String(x)
}
