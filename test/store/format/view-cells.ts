/** What the views of a tape say, as texts that differ when one bit of one cell does; by this process and by Python. */
import { createHash } from 'node:crypto'
import type { plainDatabase } from '../../plain-database.js'

/** A cell as a text that says its type and all its bits. */
export function cellText(x: unknown): string {
  if (x === null || x === undefined) return 'n'
  if (typeof x === 'bigint') return `i${x}`
  if (typeof x === 'string') return `t${x}`
  if (typeof x !== 'number') return `b${Buffer.from(x as Uint8Array).toString('hex')}`
  const double = Buffer.alloc(8)
  double.writeDoubleBE(x)
  return `r${double.toString('hex')}`
}

/** How many rows a view has, and a hash over all cells of them. */
export function viewLine(view: string, rows: readonly (readonly string[])[]): string {
  const texts = rows.map((row) => row.join('|')).sort()
  return `${view} ${texts.length} ${createHash('sha256').update(texts.join('\n')).digest('hex')}`
}

/** A line for each view, in the order of their names. */
export function viewLines(db: ReturnType<typeof plainDatabase>): string[] {
  const names = db
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY name")
    .pluck()
    .all() as string[]
  return names.map((name) => {
    const rows = db.prepare(`SELECT * FROM "${name}"`).raw().safeIntegers().all() as unknown[][]
    return viewLine(
      name,
      rows.map((row) => row.map(cellText)),
    )
  })
}

/** Prints these lines for the file that it is given. */
export const PYTHON_VIEW_LINES = [
  'import sqlite3, sys, hashlib, struct',
  'db = sqlite3.connect("file:" + sys.argv[1] + "?mode=ro", uri=True)',
  'def cell(x):',
  '    if isinstance(x, float): return "r" + struct.pack(">d", x).hex()',
  '    if isinstance(x, bytes): return "b" + x.hex()',
  '    return "n" if x is None else ("i" + str(x) if isinstance(x, int) else "t" + x)',
  'for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = \'view\' ORDER BY name").fetchall():',
  '    rows = sorted("|".join(cell(x) for x in row) for row in db.execute("SELECT * FROM " + name))',
  '    print(name, len(rows), hashlib.sha256("\\n".join(rows).encode()).hexdigest())',
].join('\n')
