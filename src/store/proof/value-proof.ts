/** Whether the values of a tape are those that its events name, with all that is said of them. */
import { CAPTURE_BYTES } from '../../events/capture.js'
import { hashOf, summaryOf } from '../../events/content.js'
import { EVENT_KIND } from '../../events/event.js'
import { VALUE_SCALAR } from '../../events/pack.js'
import { CALL_ENTRY, GRADIENT_ENTRY } from '../../events/record-layout.js'
import type { Connection, Statement } from '../format/connection.js'
import { eventId, eventText, positionOfId, runOfId } from '../format/ids.js'
import { arrayFromBytes } from '../format/value.js'
import { BlockReader } from '../read/block-reader.js'
import { ValueRows } from '../read/stored-array.js'
import type { TextReader } from '../read/text-reader.js'
import { CHUNK_BYTES, summaryColumns } from '../write/value-store.js'
import { checkScalar, corrupt } from './corrupt.js'
import type { NamedValues } from './named-values.js'
import { type Form, formFrom } from './template-proof.js'

interface ValueRow {
  id: number
  hash: Buffer
  dtype: string
  size: number
  l2_norm: number | null
  mean: number | null
  min: number | null
  max: number | null
  zero_count: number
  non_finite_count: number
  nan_count: number | null
  bytes: Buffer | null
}

/** Each value against its hash, its summary and the events that name it. Gives how many there are. */
export function checkValues(db: Connection, named: NamedValues): number {
  const count = db.prepare('SELECT count(*) FROM _value').pluck().get() as number
  if (count > named.count) corrupt(`no event names value ${named.count + 1}`)
  const get = db.prepare('SELECT * FROM _value WHERE id = ?')
  const sizes = db
    .prepare('SELECT ordinal, length(bytes) FROM _chunk WHERE value_id = ? ORDER BY ordinal')
    .raw()
  const rows = new ValueRows(db)
  let chunks = 0
  for (let id = 1; id <= named.count; id++) {
    const row = (get.get(id) as ValueRow | undefined) ?? corrupt(`value ${id} is missing`)
    const { form, keptFirst, withBytes } = named.get(id)
    const pieces = sizes.all(id) as [number, number][]
    chunks += pieces.length
    const changed = (what: string) => corrupt(`value ${id}: its ${what} was changed after it was written`)
    if (row.dtype !== form.dtype || row.size !== form.size) changed('dtype or size')
    const { bytes } = row.bytes === null && pieces.length > 0 ? rows.content(id) : row
    if (bytes === null && withBytes && row.size > 0) corrupt(`the bytes of value ${id} are missing`)
    if (bytes !== null && !withBytes) corrupt(`there are bytes of value ${id}, of which no event keeps any`)
    if (row.bytes !== null && pieces.length > 0) corrupt(`there are chunks of value ${id}, which has none`)
    checkPieces(id, pieces)
    if (bytes === null) {
      checkCounts(row, changed)
      continue
    }
    if ((row.bytes !== null) !== keptFirst && bytes.length <= CHUNK_BYTES) changed('place')
    if (!hashOf(row.dtype, bytes).equals(row.hash)) changed('content')
    const summary = summaryOf(arrayFromBytes(row.dtype, row.size, bytes))
    const same =
      Object.is(row.l2_norm, summary.l2Norm) &&
      Object.is(row.mean, summary.mean) &&
      Object.is(row.min, summary.min) &&
      Object.is(row.max, summary.max) &&
      row.zero_count === summary.zeroCount &&
      row.non_finite_count === summary.nonFiniteCount &&
      // A content of which an earlier gradtape kept the hash first has no such count; then the chain covers that.
      (row.nan_count === summaryColumns(summary)[6] || (row.nan_count === null && !keptFirst))
    if (!same) changed('summary')
  }
  const all = db.prepare('SELECT count(*) FROM _chunk').pluck().get() as number
  if (all !== chunks) corrupt('there are chunks of a value that does not exist')
  return count
}

function checkPieces(id: number, pieces: readonly [ordinal: number, bytes: number][]): void {
  for (const [i, [ordinal, bytes]] of pieces.entries()) {
    if (ordinal !== i) corrupt(`a chunk of value ${id} is missing`)
    const isLast = i === pieces.length - 1
    if (isLast ? bytes < 1 || bytes > CHUNK_BYTES : bytes !== CHUNK_BYTES)
      corrupt(`chunk ${i} of value ${id} has ${bytes} bytes`)
  }
}

function checkCounts(
  { size, zero_count, non_finite_count, nan_count }: ValueRow,
  changed: (what: string) => never,
): void {
  for (const count of [zero_count, non_finite_count]) if (!(count >= 0 && count <= size)) changed('summary')
  if (nan_count !== null && !(nan_count >= 0 && nan_count <= non_finite_count && non_finite_count > 0))
    changed('summary')
}

/** Each row of a checkpoint belongs to one, and they are numbered without gaps. After `checkFacts`. */
export function checkCheckpoints(db: Connection): void {
  const odd = db
    .prepare(
      `SELECT k.id AS id FROM _checkpoint_value k LEFT JOIN _fact f ON f.id = k.id AND f.kind = ${EVENT_KIND.CheckpointTaken}
       GROUP BY k.id HAVING max(f.id) IS NULL OR min(k.ordinal) <> 0 OR max(k.ordinal) <> count(*) - 1
       OR count(*) <> json_array_length(max(f.payload), '$.variables')`,
    )
    .pluck()
    .get() as number | undefined
  if (odd !== undefined) corrupt(`${eventText(odd)} does not hold the values of a checkpoint`)
}

interface MaterializedRow {
  id: number
  part: number
  value_id: number | null
  scalar: unknown
  kind: string
}

/** The values that were computed again: each belongs to an event that makes one and does not hold it. */
export class MaterializedProof {
  private readonly db: Connection
  private readonly rows: Statement
  private readonly keptOf: readonly Statement[]
  private readonly blocks: BlockReader
  private readonly texts: TextReader
  private readonly named: NamedValues
  private checked = 0

  constructor(db: Connection, texts: TextReader, named: NamedValues) {
    this.db = db
    this.texts = texts
    this.named = named
    this.blocks = new BlockReader(db, texts)
    this.keptOf = ['_gradient', '_accumulated'].map((table) =>
      db.prepare(`SELECT kept FROM ${table} WHERE id = ?`).pluck(),
    )
    this.rows = db.prepare(
      'SELECT id, part, value_id, scalar, typeof(scalar) AS kind FROM _materialized WHERE commit_id = ? ORDER BY id, part',
    )
  }

  batch(commitId: number, runId: number, lastPosition: number): void {
    for (const { id, part, value_id, scalar, kind } of this.rows.all(commitId) as MaterializedRow[]) {
      const position = runOfId(id) === runId ? positionOfId(id) : 0
      const where = `value ${part} of ${eventText(id)}, computed again,`
      if (!(position >= 1 && position <= lastPosition)) corrupt(`${where} is of an event that does not exist`)
      const form =
        this.formAt(runId, position, part) ?? corrupt(`${where} is of an event that makes none, or holds it`)
      if ((value_id === null) !== (form.size === 1)) corrupt(`${where} has another form`)
      if (value_id === null) checkScalar(scalar, kind, where)
      else this.named.name(value_id, form, true)
      this.checked++
    }
  }

  finish(): void {
    const all = this.db.prepare('SELECT count(*) FROM _materialized').pluck().get() as number
    if (all !== this.checked) corrupt(`_materialized holds ${all} values, batches wrote ${this.checked}`)
  }

  private formAt(runId: number, position: number, part: number): Form | null {
    for (const { first, cells, template } of this.blocks.blocks(runId, position, position)) {
      const call = template.calls.find((candidate) => first + candidate[CALL_ENTRY.offset]! === position)
      if (call !== undefined) {
        const output = this.texts.signature(call[CALL_ENTRY.signature]!).outputs[part]
        const taken = call[CALL_ENTRY.cells]! - (call[CALL_ENTRY.attributes] === 0 ? 1 : 0)
        if (output === undefined || (part < taken && !cells.isNothing(call[CALL_ENTRY.cell]! + part)))
          return null
        return formFrom(output)
      }
      const gradient = template.gradients.find(
        (candidate) => first + candidate[CALL_ENTRY.offset]! === position,
      )
      if (gradient === undefined || !(part === 0 || (part === 1 && gradient[GRADIENT_ENTRY.held] === 2)))
        continue
      const kept = this.keptOf[part]!.get(eventId(runId, position)) as number | undefined
      const holds = kept === VALUE_SCALAR || kept === CAPTURE_BYTES
      return holds ? null : formFrom(this.texts.arrayForm(gradient[GRADIENT_ENTRY.form]!))
    }
    return null
  }
}
