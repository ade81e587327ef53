/** `value_of`: the value of a variable in a step, recomputed where the tape does not hold it. It needs the engine, so it stands apart. */
import { TapeError } from '../../errors.js'
import { openTape } from '../../tape/open-tape.js'
import type { Tape } from '../../tape/tape.js'
import type { FunctionHost } from './host.js'
import { type FunctionOptions, fileAt, pathOf } from './stored-functions.js'
import { integerOf, refuse } from './tensor.js'

interface Value {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly data: Float64Array | Float32Array | Int32Array | Uint8Array
}

/** What says that there is nothing to know, which SQL writes as NULL. */
const UNKNOWN = new Set(['VARIABLE_NOT_FOUND', 'VALUE_NOT_CAPTURED'])

/** Registers `value_of` as a function and as a table. */
export function registerValueOf(
  host: FunctionHost,
  { path = pathOf(host), isOnlyTape = true }: FunctionOptions = {},
): void {
  let opened: Tape | null = null
  const valueAt = (run: unknown, step: unknown, name: unknown): Value | null => {
    if (run == null || step == null || name == null) return null
    if (!isOnlyTape) refuse('value_of', 'one tape: with several a run is not named by its number', path)
    const id = integerOf(run) ?? refuse('value_of', 'the number of a run', run)
    const at = integerOf(step) ?? refuse('value_of', 'the number of a step', step)
    if (typeof name !== 'string') refuse('value_of', 'the name of a variable', name)
    // A connection of its own: that of the query is busy while it calls a function.
    opened ??= openTape(fileAt(path), { readonly: true })
    const past = opened.run(id)
    try {
      const { data } = past.variable(name as string, { step: at })
      return { dtype: data.dtype, shape: data.shape, data: data.data }
    } catch (error) {
      if (error instanceof TapeError && UNKNOWN.has(error.code)) return null
      throw error
    }
  }

  host.function('value_of', { directOnly: true }, (run: unknown, step: unknown, name: unknown) => {
    const value = valueAt(run, step, name)
    if (value === null) return null
    return numberOf(value) ?? bytesOf(value)
  })
  host.table?.('value_of', {
    columns: ['dtype', 'shape', 'value', 'bytes'],
    parameters: ['run', 'at', 'name'],
    directOnly: true,
    *rows(run: unknown, step: unknown, name: unknown) {
      const value = valueAt(run, step, name)
      if (value === null) return
      yield [value.dtype, JSON.stringify(value.shape), numberOf(value), bytesOf(value)]
    },
  })
}

/** Of one element: an integer where the dtype has only these. */
function numberOf({ dtype, data }: Value): number | bigint | null {
  if (data.length !== 1) return null
  return dtype === 'float64' || dtype === 'float32' ? data[0]! : BigInt(data[0]!)
}

function bytesOf({ data }: Value): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength)
}
