// Runs the examples, each in a process of its own and on a tape of its own, and ends with a table: `npm run examples`,
// or by name or number, `npm run examples -- newton 10`. What fetches something is run by name only. With --folder DIR the tapes and pictures stay there.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { openTape } from 'gradtape'
import { count, heading, line } from './demo/terminal.js'

/** A larger tape takes longer to replay than one would wait for at the end of a tour. */
const REPLAYED_BYTES_MAX = 500e6

interface Row {
  name: string
  seconds: number
  events: number
  bytes: number
  verdict: string
}

const FOLDER_OPTION = '--folder'
/** What fetches something runs only when it is asked for by name. */
const FETCHING = ['12-mnist', '13-names']
const source = fileURLToPath(new URL('examples/', import.meta.url))
const known = readdirSync(source)
  .filter((file) => /^\d\d-.*\.js$/.test(file))
  .map((file) => file.replace(/\.js$/, ''))
  .sort()

try {
  process.exitCode = main(process.argv.slice(2))
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
  process.exitCode = 1
}

function main(args: readonly string[]): number {
  const { kept, names } = parsed(args)
  const chosen =
    names.length === 0 ? known.filter((name) => !FETCHING.includes(name)) : names.map(exampleNamed)
  const folder = kept ?? mkdtempSync(path.join(os.tmpdir(), 'gradtape-examples-'))
  mkdirSync(folder, { recursive: true })
  try {
    const rows: Row[] = []
    for (const name of chosen) {
      const row = run(name, folder)
      if (row === null) return 1
      rows.push(row)
    }
    heading('Examples', `${rows.length} of ${known.length}`)
    for (const each of table(rows)) line(each)
    line(
      kept === null ? `the tapes are gone; with ${FOLDER_OPTION} DIR they stay` : `the tapes are in ${kept}`,
    )
    return rows.every(({ verdict }) => verdict !== 'diverged') ? 0 : 1
  } finally {
    if (kept === null) rmSync(folder, { recursive: true, force: true })
  }
}

function parsed(args: readonly string[]): { kept: string | null; names: string[] } {
  const at = args.indexOf(FOLDER_OPTION)
  if (at < 0) return { kept: null, names: [...args] }
  const folder = args[at + 1]
  if (folder === undefined) throw new Error(`${FOLDER_OPTION} expected the path of a folder, got nothing`)
  return { kept: path.resolve(folder), names: args.filter((_, i) => i !== at && i !== at + 1) }
}

/** `04-newton`, `04`, `4` and `newton` name the same. */
function exampleNamed(text: string): string {
  const found = known.filter(
    (name) => name === text || name.slice(3) === text || Number(name.slice(0, 2)) === Number(text),
  )
  const [name] = found
  if (name === undefined) throw new Error(`expected an example, got "${text}"; there are ${known.join(', ')}`)
  return name
}

/** Null when it failed; what it had to say is on stderr. */
function run(name: string, folder: string): Row | null {
  heading(name.slice(0, 2), name.slice(3))
  const from = performance.now()
  const { status } = spawnSync(process.execPath, [path.join(source, `${name}.js`), FOLDER_OPTION, folder], {
    stdio: 'inherit',
  })
  if (status !== 0) {
    process.stderr.write(`${name} ended with status ${status}\n`)
    return null
  }
  const seconds = (performance.now() - from) / 1_000
  const file = path.join(folder, `${name}.tape`)
  const tape = openTape(file, { readonly: true })
  try {
    const newest = tape.runs().at(-1)
    if (newest === undefined) throw new Error(`${file} holds no run`)
    const bytes = statSync(file).size
    const verdict = bytes > REPLAYED_BYTES_MAX ? '–' : tape.run(newest.id).replay().verdict
    return { name, seconds, events: newest.events, bytes, verdict }
  } finally {
    tape.close()
  }
}

function table(rows: readonly Row[]): string[] {
  const cells = [
    ['example', 'seconds', 'events', 'MB', 'replay'],
    ...rows.map(({ name, seconds, events, bytes, verdict }) => [
      name,
      seconds.toFixed(1),
      count(events),
      (bytes / 1e6).toFixed(1),
      verdict,
    ]),
  ]
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)))
  return cells.map((row) =>
    row
      .map((cell, i) => (i === 0 || i === 4 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  )
}
