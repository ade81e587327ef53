/** How a query and its parameters are said on the command line. */
import fs from 'node:fs'
import process from 'node:process'
import { TapeError } from '../errors.js'
import type { Cell } from '../queries/sql.js'

/** How `--param` is read, for --help. */
export const PARAMETER_RULE = `A parameter's value is a number when it looks like one (30, -1, 0.1, 1e-3), NULL when it is null, bytes when it is x'00ff', and
a text otherwise. Single quotes make a text of anything: --param "name='30'".`

/**
 * A value as it is written after `name=`: null, a whole number (INTEGER), another number (REAL), x'…' (bytes), '…' (text), and
 * a text otherwise.
 *
 * Throws  BAD_ARGUMENT for a whole number beyond 64 bits
 */
function parameterValue(text: string): Cell {
  if (/^null$/i.test(text)) return null
  if (/^[+-]?\d+$/.test(text)) {
    const value = BigInt(text.replace(/^\+/, ''))
    if (BigInt.asIntN(64, value) === value) return value
    throw new TapeError(
      'BAD_ARGUMENT',
      `expected a whole number of 64 bits, got ${text}; as a text: '${text}'`,
    )
  }
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text)) return Number(text)
  const bytes = /^x'((?:[\da-f]{2})*)'$/i.exec(text)?.[1]
  if (bytes !== undefined) return Buffer.from(bytes, 'hex')
  const quoted = /^'((?:[^']|'')*)'$/.exec(text)?.[1]
  return quoted === undefined ? text : quoted.replaceAll("''", "'")
}

/** Each `name=value` of an option that may be repeated. Throws BAD_ARGUMENT. */
export function pairsOf(option: string, pairs: readonly string[]): Map<string, string> {
  const found = new Map<string, string>()
  for (const pair of pairs) {
    const at = pair.indexOf('=')
    const name = pair
      .slice(0, Math.max(0, at))
      .trim()
      .replace(/^[:@$?]/, '')
    if (name === '') throw new TapeError('BAD_ARGUMENT', `${option} expected NAME=VALUE, got "${pair}"`)
    if (found.has(name)) throw new TapeError('BAD_ARGUMENT', `${option} gives "${name}" twice; give it once`)
    found.set(name, pair.slice(at + 1))
  }
  return found
}

export function parametersFrom(pairs: readonly string[]): Map<string, Cell> {
  return new Map([...pairsOf('--param', pairs)].map(([name, text]) => [name, parameterValue(text)]))
}

/**
 * The statement: as it was given, from a file, or from standard input (`-`, or nothing where that is no terminal). Null when nobody
 * gave one.
 *
 * Throws  BAD_ARGUMENT when it is given twice, FILE_NOT_FOUND
 */
export async function statementFrom(
  given: string | undefined,
  file: string | undefined,
): Promise<string | null> {
  if (given !== undefined && file !== undefined)
    throw new TapeError('BAD_ARGUMENT', 'expected one statement, got one as an argument and one as --file')
  if (given === '-' || file === '-') return readStandardInput()
  if (given !== undefined) return given
  if (file === undefined) return process.stdin.isTTY === true ? null : readStandardInput()
  try {
    return fs.readFileSync(file, 'utf8').replace(/^\ufeff/, '')
  } catch (error) {
    throw new TapeError(
      'FILE_NOT_FOUND',
      `--file expected a file with a statement, got ${file}: ${(error as Error).message}`,
      { cause: error },
    )
  }
}

async function readStandardInput(): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
    .toString('utf8')
    .replace(/^\ufeff/, '')
}
