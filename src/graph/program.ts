/** A function as the list of its calls: plain data, so that a tape can keep it as the attributes of one call. */
import { TapeError } from '../errors.js'
import type { Attributes } from './attributes.js'

/** One call of a program. Variables are numbered: the inputs first, then each output as it is made. */
export interface ProgramCall {
  readonly function: string
  readonly attributes: Attributes
  readonly inputs: readonly number[]
  readonly outputs: number
  /** False where the function had switched the graph off. */
  readonly linked?: boolean
}

export interface Program {
  readonly program: readonly ProgramCall[]
  readonly inputs: number
  /** The number of the variable that each output is. */
  readonly results: readonly number[]
  /** Whether each output wants a gradient. */
  readonly wanting: readonly boolean[]
}

/** Throws BAD_ARGUMENT for attributes that describe no program; a tape from elsewhere may say anything. */
export function programOf(attributes: Attributes, what: string): Program {
  const { inputs, results, wanting } = attributes
  const known = knownAfter(attributes)
  const fine =
    known >= 0 &&
    Array.isArray(results) &&
    results.length > 0 &&
    results.every((number) => isCount(number) && number >= (inputs as number) && number < known) &&
    new Set(results).size === results.length &&
    Array.isArray(wanting) &&
    wanting.length === results.length &&
    wanting.every((want) => typeof want === 'boolean')
  if (!fine) refuse(what)
  return attributes as unknown as Program
}

/** How many variables a program numbers; −1 for what is no program. */
export function knownAfter({ program, inputs }: Attributes): number {
  if (!isCount(inputs) || !Array.isArray(program)) return -1
  let known = inputs
  for (const call of program as readonly unknown[]) {
    if (!isCall(call, known)) return -1
    known += call.outputs
  }
  return known
}

function isCall(value: unknown, known: number): value is ProgramCall {
  if (typeof value !== 'object' || value === null) return false
  const call = value as { readonly [key in keyof ProgramCall]?: unknown }
  return (
    typeof call.function === 'string' &&
    typeof call.attributes === 'object' &&
    call.attributes !== null &&
    Array.isArray(call.inputs) &&
    call.inputs.every((number) => isCount(number) && number < known) &&
    isCount(call.outputs) &&
    call.outputs > 0 &&
    (call.linked === undefined || typeof call.linked === 'boolean')
  )
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

export function refuse(what: string): never {
  throw new TapeError(
    'BAD_ARGUMENT',
    `${what} is made by ${what}(fn, …inputs); these attributes describe no program`,
  )
}
