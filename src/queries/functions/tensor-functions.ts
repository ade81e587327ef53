/**
 * The SQL functions on arrays. Each takes an array as the bytes of a view's column with their dtype, or as the id of a
 * value; and NULL where SQL takes it: what is not known has no norm.
 */
import type { FunctionHost } from './host.js'
import { refuse, type StoredValues, type Tensor, tensorOf } from './tensor.js'
import {
  alongAxis,
  cosine,
  distance,
  dot,
  element,
  elements,
  histogram,
  norm,
  quantile,
  rows,
  text,
} from './tensor-numbers.js'

/** Where a function takes one array: (value_id, …) or (bytes, dtype, …); `shape` follows where an index has parts. */
interface Given {
  readonly tensor: Tensor | null
  /** What follows the array. */
  readonly rest: readonly unknown[]
}

export function registerTensorFunctions(host: FunctionHost, stored: StoredValues): void {
  // `least`: how many parameters follow array and shape at least; null where no shape is taken.
  const take = (name: string, parameters: readonly unknown[], least: number | null): Given => {
    const [source, second] = parameters
    const isBytes = source instanceof Uint8Array
    // NULL for bytes comes with the dtype that would have been theirs.
    const hasDtype = isBytes || (source === null && typeof second === 'string' && !second.startsWith('['))
    const after = parameters.slice(hasDtype ? 2 : 1)
    const hasShape = least !== null && after.length > least && isList(after[0])
    return {
      tensor: tensorOf(name, source ?? null, hasDtype ? second : null, hasShape ? after[0] : null, stored),
      rest: hasShape ? after.slice(1) : after,
    }
  }
  const scalar = (
    name: string,
    least: number | null,
    most: number,
    compute: (tensor: Tensor, rest: readonly unknown[]) => unknown,
  ) => {
    host.function(name, { varargs: true, directOnly: true }, (...parameters: unknown[]) => {
      const { tensor, rest } = take(name, parameters, least)
      if (rest.length > most) refuse(name, `no more than ${most} after the array`, rest)
      return tensor === null ? null : compute(tensor, rest)
    })
  }
  scalar('tensor_norm', null, 0, norm)
  scalar('tensor_text', 0, 0, text)
  scalar('tensor_get', 1, 1, (tensor, [index]) => element('tensor_get', tensor, index ?? null))
  scalar('tensor_quantile', null, 1, (tensor, [q]) => quantile('tensor_quantile', tensor, q ?? null))
  scalar('tensor_slice', 1, 2, (tensor, [from, to]) => rows('tensor_slice', tensor, from ?? null, to))

  const pair = (name: string, compute: (a: Tensor, b: Tensor) => number) => {
    host.function(name, { varargs: true, directOnly: true }, (...parameters: unknown[]) => {
      const first = take(name, parameters, null)
      const second = take(name, first.rest, null)
      if (second.rest.length > 0) refuse(name, 'two arrays', `${second.rest.length} more`)
      const [a, b] = [first.tensor, second.tensor]
      if (a === null || b === null) return null
      if (a.data.length !== b.data.length)
        refuse(name, 'two arrays of one size', `${a.data.length} and ${b.data.length} elements`)
      return compute(a, b)
    })
  }
  pair('tensor_dot', dot)
  pair('tensor_cosine', cosine)
  pair('tensor_distance', distance)

  const table = (
    name: string,
    columns: string[],
    parameters: string[],
    each: (tensor: Tensor, rest: readonly unknown[]) => Iterable<readonly unknown[]>,
    least: number | null,
  ) => {
    host.table?.(name, {
      columns,
      parameters,
      directOnly: true,
      *rows(...given: unknown[]) {
        const { tensor, rest } = take(name, given, least)
        if (tensor !== null) yield* each(tensor, rest)
      },
    })
  }
  table(
    'tensor_elements',
    ['i', 'j', 'k', 'position', 'value'],
    ['source', 'dtype_or_shape', 'shape'],
    (tensor) => elements(tensor),
    0,
  )
  table(
    'tensor_axis',
    ['position', 'value'],
    ['source', 'a', 'b', 'c', 'd'],
    (tensor, [axis, reduction]) => alongAxis('tensor_axis', tensor, axis ?? null, reduction ?? null),
    2,
  )
  table(
    'tensor_histogram',
    ['bin', 'low', 'high', 'count'],
    ['source', 'a', 'b'],
    (tensor, [bins]) => histogram('tensor_histogram', tensor, bins ?? null),
    null,
  )
}

function isList(value: unknown): boolean {
  return typeof value === 'string' && value.trimStart().startsWith('[')
}
