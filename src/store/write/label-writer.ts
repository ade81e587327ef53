/**
 * Writes names and tags that runs are given after they began: rows of their own, each list of changes in one transaction that the
 * hash chain covers. What the run recorded does not change, and whoever records it goes on.
 */
import { TapeError, valueText } from '../../errors.js'
import { isStorable } from '../../events/checks.js'
import { chained, GENESIS, type LabelChange, labelsPayload } from '../format/chain.js'
import type { Connection } from '../format/connection.js'
import { sqliteError } from '../format/database.js'
import { checkContent } from '../format/own-content.js'

/** What a run is to be called, and which tags it is to have or not; what is so already is not written again. */
export interface Labels {
  readonly name?: string
  readonly tags?: readonly string[]
  readonly untag?: readonly string[]
}

/** Gives how many changes were written. Throws WRITE_FAILED, TAPE_BUSY */
export function labelRun(db: Connection, runId: number, labels: Labels): number {
  return writing(db, runId, () => {
    const { name, tags } = db.prepare('SELECT name, tags FROM run WHERE id = ?').get(runId) as {
      name: string
      tags: string
    }
    const has = new Set(JSON.parse(tags) as string[])
    const changes: LabelChange[] = []
    if (labels.name !== undefined && labels.name !== name) changes.push({ kind: 'named', text: labels.name })
    for (const text of new Set(labels.tags)) if (!has.has(text)) changes.push({ kind: 'tagged', text })
    for (const text of new Set(labels.untag)) if (has.has(text)) changes.push({ kind: 'untagged', text })
    if (changes.length > 0) insert(db, runId, changes, new Date().toISOString())
    return changes.length
  })
}

/** Writes changes as another tape has them. */
export function copyLabels(
  db: Connection,
  runId: number,
  changes: readonly LabelChange[],
  committedAt: string,
): void {
  writing(db, runId, () => insert(db, runId, changes, committedAt))
}

/** Throws  BAD_ARGUMENT for what is no tag */
export function checkTags(given: unknown, who: string): asserts given is readonly string[] {
  if (!Array.isArray(given) || given.length === 0)
    throw new TapeError('BAD_ARGUMENT', `${who} expected a list of tags, got ${valueText(given)}`)
  for (const tag of given as unknown[])
    if (typeof tag !== 'string' || tag.trim() !== tag || tag === '' || !isStorable(tag))
      throw new TapeError(
        'BAD_ARGUMENT',
        `${who} expected each tag to be a text that is not empty and has no space at its ends, got ${valueText(tag)}`,
      )
}

function writing<T>(db: Connection, runId: number, write: () => T): T {
  checkContent(db)
  try {
    return db.transaction(write).immediate()
  } catch (error) {
    throw sqliteError(error, `writing the name or tags of run ${runId}`)
  }
}

function insert(db: Connection, runId: number, changes: readonly LabelChange[], committedAt: string): void {
  const last = db.prepare('SELECT id, hash FROM _commit ORDER BY id DESC LIMIT 1').get() as
    | { id: number; hash: Buffer }
    | undefined
  const commitId = (last?.id ?? 0) + 1
  const row = db.prepare('INSERT INTO _label (commit_id, run_id, kind, text) VALUES (?, ?, ?, ?)')
  for (const { kind, text } of changes) row.run(commitId, runId, kind, text)
  const hash = chained(last?.hash ?? GENESIS, labelsPayload(runId, committedAt, changes))
  db.prepare(
    'INSERT INTO _commit (id, run_id, first_position, event_count, committed_at, hash) VALUES (?, ?, 0, 0, ?, ?)',
  ).run(commitId, runId, committedAt, hash)
}
