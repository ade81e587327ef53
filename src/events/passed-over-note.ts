/**
 * What an optimizer says on the tape of parameters that it was given and never had a gradient for: a sentence, and in the line below
 * it the same as JSON. It tells a parameter that was forgotten from one that nobody meant to train.
 */
import { plainToText, textToPlain } from './plain.js'

interface PassedOver {
  /** What the optimizer is called. */
  readonly by: string
  /** Refs of the parameters. */
  readonly variables: readonly number[]
}

/** Names in the sentence; the refs say it all. */
const NAMES_MAX = 8

export function noteOfPassedOver({
  by,
  variables,
  names,
}: PassedOver & { readonly names: readonly string[] }): string {
  const shown = names.slice(0, NAMES_MAX).join(', ').replaceAll('\n', ' ')
  const more = names.length > NAMES_MAX ? ` and ${names.length - NAMES_MAX} more` : ''
  const [has, it] = names.length === 1 ? ['has', 'it'] : ['have', 'them']
  return `${by} passes over ${shown}${more}, which ${has} no gradient: it leaves ${it} as ${names.length === 1 ? 'it is' : 'they are'}\n${plainToText({ passedOver: { by, variables: [...variables] } }, 'the note')}`
}

/** What a note says of parameters that were passed over; null for any other note. */
export function passedOverInNote(text: string): PassedOver | null {
  const end = text.indexOf('\n')
  if (end < 0 || !text.startsWith('{"passedOver":', end + 1)) return null
  try {
    const { passedOver } = textToPlain(text.slice(end + 1), 'a note') as { passedOver?: Partial<PassedOver> }
    const isWhole =
      typeof passedOver?.by === 'string' &&
      Array.isArray(passedOver.variables) &&
      passedOver.variables.every((ref) => typeof ref === 'number')
    return isWhole ? (passedOver as PassedOver) : null
  } catch {
    return null // somebody's own note that begins like one
  }
}
