/**
 * What a function gives back before its work is done: a promise, a generator. The engine runs a function inside a mode (no
 * graph, a scope, a pass) and takes the mode back when the function returns. Work that goes on later would run in whatever
 * mode is on by then, so such a function is refused. Knows no mode.
 */
import { TapeError } from '../errors.js'

const LATER: { readonly [tag: string]: string } = {
  AsyncFunction: 'an async function',
  GeneratorFunction: 'a generator function',
  AsyncGeneratorFunction: 'an async generator function',
}

/** Throws BAD_ARGUMENT for a function that says by its kind that its work comes later; nothing of it has run then. */
export function refuseLaterWork(fn: unknown, what: string): void {
  if (typeof fn !== 'function')
    throw new TapeError(
      'BAD_ARGUMENT',
      `${what} expected a function, got ${fn === null ? 'null' : typeof fn}`,
    )
  const kind = LATER[tagOf(fn)]
  if (kind !== undefined) refuse(kind, what)
}

/** Gives `result`; throws BAD_ARGUMENT when it is work that is still to be done. */
export function finished<T>(result: T, what: string): T {
  if (typeof result !== 'object' || result === null) return result
  if (typeof (result as { then?: unknown }).then === 'function') refuse('a promise', what)
  if (Symbol.asyncIterator in result) refuse('an async iterator', what)
  const tag = tagOf(result)
  if (tag === 'Generator' || tag === 'Iterator Helper') refuse(`a ${tag.toLowerCase()}`, what)
  return result
}

function tagOf(value: object): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1)
}

function refuse(got: string, what: string): never {
  throw new TapeError(
    'BAD_ARGUMENT',
    `${what} expected a function whose work is done when it returns, got ${got}; what it does later would not be done inside. ` +
      'Wait outside, and compute inside',
  )
}
