/** A place in the user's code where calls are made, and the text that stands for it on the tape: `["train.mjs",36,35,"step"]`. */
import { TapeError } from '../errors.js'

/** A place in the user's code. `line` and `column` count from 1. */
export interface CallSite {
  /** Relative to the folder in which the program ran, with `/`; whole when it lies outside of that. */
  readonly file: string
  readonly line: number
  readonly column: number
  /** The function of the user's code; null at the top level of a module, and in a function without a name. */
  readonly function: string | null
}

export function siteText({ file, line, column, function: name }: CallSite): string {
  return JSON.stringify([file, line, column, name])
}

/** Throws TAPE_CORRUPT; `what` says which text it is. */
export function siteOf(text: string, what: string): CallSite {
  const list = parsed(text)
  const isPlace = (x: unknown): x is number => Number.isSafeInteger(x) && (x as number) >= 1
  if (Array.isArray(list) && list.length === 4) {
    const [file, line, column, name] = list as unknown[]
    if (typeof file === 'string' && isPlace(line) && isPlace(column))
      if (name === null || typeof name === 'string') return { file, line, column, function: name }
  }
  throw new TapeError('TAPE_CORRUPT', `${what} is no place in a program`)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null // refused with what is JSON, and no site
  }
}
