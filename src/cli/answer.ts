/**
 * What a command answers, and how that reaches whoever asked: a text or one JSON document on standard output,
 * an exit code, errors on standard error.
 */
import process from 'node:process'
import { TapeError } from '../errors.js'
import { ENGINE_VERSION } from '../tape/version.js'
import { toJson } from './json.js'
import { clearProgress } from './progress.js'
import { writeErrorLine, writeLine } from './terminal.js'

export const EXIT = { fine: 0, no: 1, usage: 2, bug: 70 } as const

export interface Answer {
  /** What --json prints. Only the one that is wanted is made. */
  readonly json: () => unknown
  /** What a person reads, without the last newline. */
  readonly text: () => string
  /** Whether the answer is no (diverged, not intact): exit code 1. */
  readonly no?: boolean
}

/** The tapes that the command at work reads. */
const reading = new Set<string>()

/** Notes that the command at work reads the tape; gives what takes the note back. */
export function noteTape(file: string): () => void {
  reading.add(file)
  return () => reading.delete(file)
}

/** The error, or what is wrong with a tape that the command reads when that is behind it. */
export async function explained(error: unknown): Promise<unknown> {
  if (error instanceof TapeError) return error
  return (await import('../inspection/damage.js')).damageBehind(error, reading)
}

/** Takes what is to be done once the answer is printed: closing what the answer is read from. */
export type Later = (close: () => void) => void

/** Prints what `act` answers, or why it cannot. A command that has printed its answer itself gives null. */
export async function answer(
  options: { json?: boolean },
  act: (later: Later) => Answer | null | Promise<Answer | null>,
): Promise<void> {
  const closing: (() => void)[] = []
  try {
    const given = await act((close) => closing.push(close))
    if (given === null) return
    if (options.json === true) printJson(given.json())
    else print(given.text())
    if (given.no === true) process.exitCode = EXIT.no
  } catch (error) {
    reportFailure(await explained(error), options.json === true)
  } finally {
    for (const close of closing.reverse()) close()
  }
}

/** Writes a text to standard output; what a tape brings along cannot steer the terminal. */
export function print(text: string): void {
  clearProgress()
  writeLine(text)
}

/** One document for programs. It needs no mending: what could steer a terminal is escaped in it as JSON has it. */
export function printJson(document: unknown): void {
  clearProgress()
  process.stdout.write(`${toJson(document)}\n`)
}

export function printError(text: string): void {
  clearProgress()
  writeErrorLine(text)
}

/** Says what went wrong and sets the exit code: 1 for what the user can mend, 70 for what only we can. */
export function reportFailure(error: unknown, json: boolean): void {
  const known = error instanceof TapeError
  const message = error instanceof Error ? error.message : String(error)
  process.exitCode = known ? EXIT.no : EXIT.bug
  if (known) printError(message)
  else {
    const stack = error instanceof Error ? (error.stack ?? message) : message
    printError(
      `${stack}\n\nThis is a bug in gradtape ${ENGINE_VERSION}. Please report it, with the lines above and the command.`,
    )
  }
  if (json) printJson({ error: { code: known ? error.code : 'INTERNAL', message } })
}
