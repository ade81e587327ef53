/**
 * The blocks of a run in columns, a page at a time, for whoever goes through all of them: SQLite hands over a page in seven values,
 * where it would hand over seven values a block. Knows nothing of templates.
 */
import { TapeError } from '../../errors.js'
import { CellReader } from '../format/cells.js'
import type { Connection, Statement } from '../format/connection.js'
import { sqliteError } from '../format/database.js'
import { eventId, positionOfId } from '../format/ids.js'

/** Blocks of a page: few at first, as their cells may be large. */
const BLOCKS_MIN = 64
const BLOCKS_MAX = 4096
/** Bytes of cells that a page should not exceed by much. */
const BYTES_WANTED = 1 << 20

/** A block without its template. Its cells are those of the page: say `seek` before reading them. */
export interface PagedBlock {
  /** Position of its first event. */
  readonly first: number
  readonly step: number
  readonly templateId: number
  readonly base: number
  readonly cells: CellReader
  /** Where its cells stand in the page, in bytes. */
  readonly from: number
  readonly to: number
}

type Row = [
  count: number,
  ids: string,
  steps: string,
  templates: string,
  bases: string,
  lengths: string,
  cells: Buffer | null,
  firstRun: number,
  lastRun: number,
]

const PAGES = new WeakMap<Connection, Statement>()

/** Prepared once a file: who looks into a thousand steps, one by one, would else pay for that most of all. */
function pageOf(db: Connection): Statement {
  let page = PAGES.get(db)
  if (page === undefined) {
    // Blobs are put together as text, whose bytes stay what they are; a block without cells adds none.
    page = db
      .prepare(
        `SELECT count(*), json_group_array(id), json_group_array(step), json_group_array(template_id), json_group_array(base),
           json_group_array(ifnull(length(slots), 0)), CAST(group_concat(slots, '') AS BLOB), min(run_id), max(run_id)
         FROM (SELECT id, run_id, step, template_id, base, slots FROM _block WHERE id > ? AND id <= ? ORDER BY id LIMIT ?)`,
      )
      .raw()
    PAGES.set(db, page)
  }
  return page
}

/** The blocks that begin at positions `first` to `last`, in order. Throws TAPE_CORRUPT for a block of another run. */
export function* pagedBlocks(
  db: Connection,
  runId: number,
  first: number,
  last: number,
): Generator<PagedBlock> {
  try {
    const page = pageOf(db)
    const end = eventId(runId, last)
    let blocks = BLOCKS_MIN
    for (let after = eventId(runId, first - 1); ; ) {
      const row = page.get(after, end, blocks) as Row
      const [count, ids, steps, templates, bases, lengths, bytes, firstRun, lastRun] = row
      if (count === 0) return
      if (firstRun !== runId || lastRun !== runId)
        throw new TapeError('TAPE_CORRUPT', `a block of run ${runId} is listed under another run`)
      const list = JSON.parse(ids) as number[]
      const [stepOf, templateOf, baseOf, lengthOf] = [steps, templates, bases, lengths].map(
        (text) => JSON.parse(text) as number[],
      ) as [number[], number[], number[], number[]]
      const cells = new CellReader(bytes)
      for (let i = 0, from = 0; i < count; i++) {
        const to = from + lengthOf[i]!
        yield {
          first: positionOfId(list[i]!),
          step: stepOf[i]!,
          templateId: templateOf[i]!,
          base: baseOf[i]!,
          cells,
          from,
          to,
        }
        from = to
      }
      if (count < blocks) return
      after = list[count - 1]!
      const size = bytes?.length ?? 0
      if (size < BYTES_WANTED / 2) blocks = Math.min(BLOCKS_MAX, blocks * 2)
      else if (size > BYTES_WANTED) blocks = Math.max(1, blocks >> 1)
    }
  } catch (error) {
    throw sqliteError(error, `reading run ${runId}`)
  }
}
