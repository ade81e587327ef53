/**
 * A part of a run as its private tables have it: commits, blocks with their cells, templates, and the events packed as the hash
 * chain covers them. For people who look at the format; readers of events use reader.ts.
 */
import { TapeError } from '../../errors.js'
import { appendEvent, payloadOf } from '../../events/append.js'
import { type PackedBatch, Packer } from '../../events/pack.js'
import { type CellContent, CellReader } from '../format/cells.js'
import type { Connection } from '../format/connection.js'
import { sqliteError } from '../format/database.js'
import { eventId, positionOfId } from '../format/ids.js'
import type { TemplateLists } from '../format/template.js'
import { Reader } from './reader.js'
import { SitedCalls } from './sited-calls.js'
import { TemplateReader } from './template-reader.js'

interface RawCommit {
  id: number
  firstPosition: number
  eventCount: number
  /** ISO 8601, UTC. */
  committedAt: string
  /** Hexadecimal, of the whole chain up to here. */
  hash: string
  /** The texts that the chain covers with this commit, and the number of the first. */
  firstText: number
  texts: readonly string[]
}

export interface RawBlock {
  id: number
  firstPosition: number
  step: number
  templateId: number
  base: number
  /** Whatever stands in a cell by itself; where arrays stand in cells, their bytes read as numbers. */
  cells: CellContent[]
}

interface RawEvent {
  position: number
  type: string
  step: number
  /** As the hash chain covers it. */
  words: number[]
}

export interface RawPart {
  commits: RawCommit[]
  blocks: RawBlock[]
  templates: ({ id: number; hash: string } & TemplateLists)[]
  events: RawEvent[]
}

/**
 * What holds events `from` to `to` of a run. The texts of a run are numbered from its beginning, so everything before is read too.
 *
 * Throws  TAPE_CORRUPT
 */
export function rawPart(db: Connection, runId: number, from: number, to: number): RawPart {
  try {
    return db.transaction(() => read(db, runId, from, to))() // one moment, though others write
  } catch (error) {
    throw sqliteError(error, `reading run ${runId}`)
  }
}

function read(db: Connection, runId: number, from: number, to: number): RawPart {
  const reader = new Reader(db)
  const packer = new Packer()
  const commits: RawCommit[] = []
  const events: RawEvent[] = []
  for (const commit of reader.commits()) {
    if (commit.run_id !== runId || commit.event_count === 0 || commit.first_position > to) continue
    const { first_position: first, event_count: count } = commit
    const isWanted = first + count > from
    const sites = new SitedCalls(reader.sites(runId, first, first + count - 1))
    for (const event of reader.events(runId, first, first + count - 1)) {
      const at = packer.cursor
      packer.site = sites.textAt(event)
      appendEvent(packer, payloadOf(event), event.version)
      const { position, type, step } = event
      if (position < from || position > to) continue
      events.push({ position, type, step, words: [...packer.packedWords.subarray(at, packer.cursor)] })
    }
    const batch: PackedBatch | null = packer.take()
    if (batch === null) throw new TapeError('TAPE_CORRUPT', `commit ${commit.id} is empty`)
    if (isWanted)
      commits.push({
        id: commit.id,
        firstPosition: first,
        eventCount: count,
        committedAt: commit.committed_at,
        hash: commit.hash.toString('hex'),
        firstText: batch.firstText,
        texts: batch.texts,
      })
  }
  const blocks = blocksOf(db, runId, from, to)
  return { commits, blocks, templates: templatesOf(db, blocks), events }
}

function blocksOf(db: Connection, runId: number, from: number, to: number): RawBlock[] {
  const rows = db
    .prepare<[number, number, number, number], [number, number, number, number, Buffer | null]>(
      `SELECT id, step, template_id, base, slots FROM _block
       WHERE id BETWEEN coalesce((SELECT max(id) FROM _block WHERE id BETWEEN ? AND ?), ?) AND ? ORDER BY id`,
    )
    .raw()
    .all(eventId(runId, 1), eventId(runId, from), eventId(runId, from), eventId(runId, to)) as [
    number,
    number,
    number,
    number,
    Buffer | null,
  ][]
  return rows.map(([id, step, templateId, base, slots]) => {
    const cells = new CellReader(slots)
    return {
      id,
      firstPosition: positionOfId(id),
      step,
      templateId,
      base,
      cells: Array.from({ length: (slots?.length ?? 0) / 8 }, (_, cell) => cells.describe(cell)),
    }
  })
}

function templatesOf(db: Connection, blocks: readonly RawBlock[]): RawPart['templates'] {
  const templates = new TemplateReader(db)
  const hashOf = db.prepare('SELECT lower(hex(hash)) FROM _template WHERE id = ?').pluck()
  return [...new Set(blocks.map(({ templateId }) => templateId))]
    .sort((a, b) => a - b)
    .map((id) => ({ id, hash: hashOf.get(id) as string, ...templates.lists(id) }))
}
