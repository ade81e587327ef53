/** A finding as a note on the tape: a sentence, and in the line below it the finding as JSON. */
import { passedOverInNote } from '../events/passed-over-note.js'
import { plainToText, textToPlain } from '../events/plain.js'
import type { Finding } from './finding.js'

export function noteOfFinding(finding: Finding): string {
  return `${finding.text.replaceAll('\n', ' ')}\n${plainToText({ finding }, 'the finding')}`
}

/** The finding that a note is; null for any other note. */
export function findingOfNote(text: string): Finding | null {
  const end = text.indexOf('\n')
  if (end < 0 || !text.startsWith('{"finding":', end + 1)) return null
  try {
    const { finding } = textToPlain(text.slice(end + 1), 'a note') as { finding?: unknown }
    return typeof finding === 'object' && finding !== null && 'kind' in finding && 'text' in finding
      ? (finding as Finding)
      : null
  } catch {
    return null // somebody's own note that begins like one
  }
}

/** What people read of a note: of a finding, and of what an optimizer says, the sentence. */
export function noteWords(text: string): string {
  const isOurs = findingOfNote(text) !== null || passedOverInNote(text) !== null
  return isOurs ? text.slice(0, text.indexOf('\n')) : text
}
