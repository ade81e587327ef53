/**
 * Tapes that were changed: bits, bytes, pages, cells and rows of small tapes of all captures and schemas, each looked at by
 * everything that reads a tape, in a process of its own. A tape may be refused with one of our errors; whatever else happens, a
 * process that does not come back, and views that say something else while verify() says that nothing was changed, are failures.
 */
import { type ChildProcess, fork } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import zlib from 'node:zlib'
import * as g from 'gradtape'
import type { Probed } from '../probe-tape.js'
import type { Random } from '../random.js'
import { type Connection, plainDatabase } from '../store-internals.js'
import type { Target } from '../target.js'

/** Nobody who looks at a tape this small takes as long, also on a machine with much else to do. */
const PROBE_MS = 120_000
const FIXTURE = new URL('../../../../test/fixtures/schema-1.tape.gz', import.meta.url)
const PROBE = fileURLToPath(new URL('../probe-tape.js', import.meta.url))

type Capture = NonNullable<g.RunOptions['capture']>

/** A run in which nearly everything happens that can. */
async function recordTape(file: string, capture: Capture): Promise<void> {
  const tape = g.openTape(file)
  for (const name of ['first', 'second']) {
    const run = tape.startRun(name, {
      capture,
      seed: 1,
      checkpointEvery: 1,
      batch: { eventsMax: 30, bytesMax: 2 ** 25, ageMaxMs: 1e6 },
    } as g.RunOptions)
    const w = g.parameter(
      [
        [0.5, -1],
        [2, 0.25],
      ],
      { name: 'w' },
    )
    const wide = g.parameter(
      Array.from({ length: 100 }, (_, i) => Math.sin(i)),
      { name: 'wide' },
    )
    run.note('a remark')
    for (let i = 0; i < 3; i++) {
      run.step()
      const x = g.constant([
        [1, i],
        [i * i, -1],
      ])
      const [left, right] = g.split(g.matmul(x, w), 2, { axis: 1 })
      const h = g.mean(g.square(run.scope('block', () => g.concat([right!, left!], { axis: 1 }))))
      h.name = 'h'
      const loss = g.add(h, g.mean(g.square(wide)))
      w.clearGrad()
      wide.clearGrad()
      loss.backward()
      g.noGrad(() => {
        w.data = g.sub(w, g.mul(w.grad!, 0.01)).data
        wide.data = g.sub(wide, g.mul(wide.grad!, 0.01)).data
      })
      h.unchain()
      run.log({ loss, odd: i === 0 ? Number.NaN : -0 })
    }
    await run.finish()
    if (capture === 'replayable') tape.run(name).materialize(1, 2)
  }
  tape.close()
}

/** The tape with small pages, so that there are many and a change seldom hits nothing. */
async function withSmallPages(file: string): Promise<Buffer> {
  const small = `${file}.small`
  const db = await plainDatabase(file)
  db.pragma('page_size = 1024')
  db.prepare('VACUUM INTO ?').run(small)
  db.close()
  g.openTape(small).close()
  return fs.readFileSync(small)
}

async function makeTapes(folder: string): Promise<Buffer[]> {
  const tapes: Buffer[] = []
  const captures: Capture[] = ['replayable', 'full', 'structure', { values: 'structure', gradients: 'full' }]
  for (const [i, capture] of captures.entries()) {
    const file = path.join(folder, `${i}.tape`)
    await recordTape(file, capture)
    tapes.push(await withSmallPages(file))
  }
  const old = path.join(folder, 'old.tape')
  fs.writeFileSync(old, zlib.gunzipSync(fs.readFileSync(FIXTURE)))
  tapes.push(fs.readFileSync(old))
  g.openTape(old).close()
  tapes.push(fs.readFileSync(old))
  return tapes
}

/** Changes the file; gives what was done, in words. */
async function change(file: string, random: () => number): Promise<string> {
  const integer = (below: number) => Math.floor(random() * below)
  const kind = integer(8)
  if (kind >= 4) return changeRows(file, random)
  const bytes = fs.readFileSync(file)
  const pageBytes = bytes.readUInt16BE(16)
  const pages = bytes.length / pageBytes
  // Most of a tape is its schema, which is compared as a whole: look behind it more often.
  const place = () =>
    random() < 0.2 ? integer(bytes.length) : Math.floor((0.3 + 0.7 * random()) * bytes.length)
  if (kind === 0 || kind === 1) {
    const count = kind === 0 ? 1 : 1 + integer(8)
    const at = Array.from({ length: count }, place)
    for (const where of at) bytes[where]! ^= 1 << integer(8)
    fs.writeFileSync(file, bytes)
    return `flipped a bit at ${at}`
  }
  if (kind === 2) {
    const at = place()
    const length = Math.min(1 + integer(64), bytes.length - at)
    const fill = integer(3)
    for (let i = 0; i < length; i++) bytes[at + i] = fill === 0 ? 0 : fill === 1 ? 0xff : integer(256)
    fs.writeFileSync(file, bytes)
    return `filled ${length} bytes at ${at}`
  }
  const [a, b] = [1 + integer(pages - 1), 1 + integer(pages - 1)]
  const page = Buffer.from(bytes.subarray(a * pageBytes, (a + 1) * pageBytes))
  switch (integer(3)) {
    case 0:
      bytes.copy(bytes, a * pageBytes, b * pageBytes, (b + 1) * pageBytes)
      page.copy(bytes, b * pageBytes)
      fs.writeFileSync(file, bytes)
      return `swapped pages ${a} and ${b}`
    case 1:
      page.copy(bytes, b * pageBytes)
      fs.writeFileSync(file, bytes)
      return `copied page ${a} over ${b}`
    default:
      fs.writeFileSync(file, bytes.subarray(0, a * pageBytes))
      return `cut off before page ${a}`
  }
}

/** Changes cells and rows, as one who drops the triggers and puts them back. */
async function changeRows(file: string, random: () => number): Promise<string> {
  const db = await plainDatabase(file)
  try {
    const triggers = db.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").all() as {
      name: string
      sql: string
    }[]
    for (const { name } of triggers) db.exec(`DROP TRIGGER ${name}`)
    const done: string[] = []
    for (let i = 0; i < 1 + Math.floor(random() * 2); i++) done.push(changeRow(db, random))
    for (const { sql } of triggers) db.exec(sql)
    return done.join('; ')
  } finally {
    db.close()
  }
}

function changeRow(db: Connection, random: () => number): string {
  const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)]!
  const tables = db
    .prepare(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> '_power_of_two' AND name LIKE '\\_%' ESCAPE '\\'",
    )
    .pluck()
    .all() as string[]
  const table = pick(tables)
  const columns = (
    db.pragma(`table_xinfo(${table})`) as { name: string; pk: number; hidden: number }[]
  ).filter(({ hidden }) => hidden === 0)
  const rows = db
    .prepare(`SELECT ${columns.map(({ name }) => name)} FROM ${table}`)
    .safeIntegers()
    .all() as Record<string, unknown>[]
  if (rows.length === 0) return `nothing in ${table}`
  const row = pick(rows)
  const keys = columns.filter(({ pk }) => pk > 0)
  const where = keys.map(({ name }) => `${name} IS ?`).join(' AND ')
  const values = keys.map(({ name }) => row[name])
  const { name } = pick(columns)
  const act = random()
  try {
    if (act < 0.15) {
      db.prepare(`DELETE FROM ${table} WHERE ${where}`).run(...values)
      return `deleted ${table} ${values}`
    }
    const other = random() < 0.25 ? pick(rows)[name] : otherCell(row[name], random)
    if (act < 0.25) {
      const added = Object.entries({ ...row, [name]: other })
      db.prepare(`INSERT INTO ${table} (${added.map(([key]) => key)}) VALUES (${added.map(() => '?')})`).run(
        ...added.map(([, cell]) => cell),
      )
      return `added to ${table} ${values} with ${name} ${shown(other)}`
    }
    db.prepare(`UPDATE ${table} SET ${name} = ? WHERE ${where}`).run(other, ...values)
    return `${table}.${name} of ${values}: ${shown(row[name])} → ${shown(other)}`
  } catch {
    return `SQLite refused another ${name} in ${table}`
  }
}

function otherCell(cell: unknown, random: () => number): unknown {
  const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)]!
  const any: unknown[] = [
    null,
    0n,
    1n,
    -1n,
    2n ** 53n + 1n,
    2n ** 63n - 1n,
    0.5,
    -0,
    Number.POSITIVE_INFINITY,
    '',
    '{}',
    '[]',
    'null',
  ]
  any.push(
    'x',
    'NaN',
    '-0',
    Buffer.alloc(0),
    Buffer.of(1),
    `{"a":${'['.repeat(5000)}${']'.repeat(5000)}}`,
    '[[]]',
    '[{}]',
  )
  if (random() < 0.3) return pick(any)
  if (typeof cell === 'bigint')
    return pick([cell + 1n, cell - 1n, cell * 2n, cell + 2n ** 32n, cell + 2n ** 40n, -cell])
  if (typeof cell === 'number') return pick([-cell, cell + 1, cell / 3, Number.MAX_VALUE])
  if (Buffer.isBuffer(cell)) {
    const flipped = Buffer.from(cell)
    if (flipped.length > 0) flipped[Math.floor(random() * flipped.length)]! ^= 1 << Math.floor(random() * 8)
    return random() < 0.7 ? flipped : flipped.subarray(Math.floor(random() * flipped.length))
  }
  if (typeof cell !== 'string') return pick(any)
  const at = Math.floor(random() * cell.length)
  const numbers = [...cell.matchAll(/-?\d+(\.\d+)?/g)]
  if (numbers.length > 0 && random() < 0.6) {
    const number = pick(numbers)
    const other = pick([
      '0',
      '-1',
      '1.5',
      '1e400',
      '9007199254740993',
      '4294967296',
      `${number[0]}.0`,
      'null',
      '"x"',
      '{}',
      '[]',
      '1000000',
    ])
    return cell.slice(0, number.index) + other + cell.slice(number.index + number[0].length)
  }
  return (
    cell.slice(0, at) +
    pick(['', '"', '[', '{', 'x', '\0', '0', ',']) +
    cell.slice(at + Math.floor(random() * 3))
  )
}

const shown = (cell: unknown) => (Buffer.isBuffer(cell) ? `${cell.length} bytes` : String(cell).slice(0, 60))

/** The process that looks at tapes; started again when it did not come back. */
class Prober {
  private child: ChildProcess | null = null

  async probe(file: string): Promise<Probed> {
    // It is awaited by a timer; at the end of the process it goes with it.
    this.child ??= fork(PROBE, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.child.unref()
    this.child.channel?.unref()
    const { child } = this
    return new Promise((resolve) => {
      const end = (failure: string) => {
        child.removeAllListeners()
        child.kill('SIGKILL')
        this.child = null
        resolve({ intact: false, says: null, failures: [failure] })
      }
      const timer = setTimeout(() => end(`did not come back within ${PROBE_MS / 1000} s`), PROBE_MS)
      child.once('exit', (code, signal) => {
        clearTimeout(timer)
        end(`the process ended with ${code ?? signal}`)
      })
      child.once('message', (probed) => {
        clearTimeout(timer)
        child.removeAllListeners('exit')
        resolve(probed as Probed)
      })
      child.send(file)
    })
  }

  end(): void {
    this.child?.removeAllListeners()
    this.child?.kill('SIGKILL')
  }
}

interface Made {
  readonly folder: string
  readonly tapes: readonly Buffer[]
  /** What the views of each say. */
  readonly says: readonly (string | null)[]
}

const prober = new Prober()
let made: Promise<Made> | null = null

async function make(): Promise<Made> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gradtape-fuzz-'))
  process.once('exit', () => {
    prober.end()
    fs.rmSync(folder, { recursive: true, force: true })
  })
  const tapes = await makeTapes(folder)
  const says: (string | null)[] = []
  for (const tape of tapes) {
    const probed = await prober.probe(put(folder, tape))
    if (probed.failures.length > 0) throw new Error(`a tape that was not changed: ${probed.failures[0]}`)
    says.push(probed.says)
  }
  return { folder, tapes, says }
}

/** The tape as a file, with nothing beside it that belongs to the one before. */
function put(folder: string, tape: Buffer): string {
  for (const name of fs.readdirSync(folder))
    if (name.startsWith('changed.')) fs.rmSync(path.join(folder, name))
  const file = path.join(folder, 'changed.tape')
  fs.writeFileSync(file, tape)
  return file
}

export const target: Target = {
  name: 'tapes',
  about: 'damaged and edited tapes: refused with an error of ours, or they say what they said',
  async check(random: Random) {
    made ??= make()
    const { folder, tapes, says } = await made
    const which = random.integer(0, tapes.length - 1)
    const file = put(folder, tapes[which]!)
    const what = await change(file, () => random.unit())
    const probed = await prober.probe(file)
    const failures = [...probed.failures]
    if (probed.intact && probed.says !== says[which])
      failures.push('verify says that it is intact, and its views say something else')
    if (failures.length > 0)
      throw new Error(
        `tape ${which}, ${what}\n${failures.map((failure) => failure.split('\n').slice(0, 3).join('\n  ')).join('\n')}`,
      )
  },
}
