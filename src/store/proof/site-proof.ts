/** Whether the site of each call is listed under the template and the place that the call has. What it says the chain covers. */
import type { Connection, Statement } from '../format/connection.js'
import { eventId, positionOfId } from '../format/ids.js'
import { corrupt } from './corrupt.js'
import type { UsedTexts } from './used-texts.js'

interface SiteRow {
  id: number
  template_id: number
  place: number
  site_id: number
  block_id: number
  block_template_id: number
}

export class SiteProof {
  private readonly used: UsedTexts
  private readonly rows: Statement

  constructor(db: Connection, used: UsedTexts) {
    this.used = used
    this.rows = db.prepare(
      `SELECT c.id, c.template_id, c.place, c.site_id, b.id AS block_id, b.template_id AS block_template_id FROM _call_site c
       LEFT JOIN _block b ON b.id = (SELECT max(id) FROM _block WHERE id <= c.id) WHERE c.id BETWEEN ? AND ? ORDER BY c.id`,
    )
  }

  /** Checks the rows of events `first` to `last`, of which each is known to be of a call. */
  batch(runId: number, first: number, last: number): void {
    for (const row of this.rows.all(eventId(runId, first), eventId(runId, last)) as SiteRow[]) {
      this.used._site.add(row.site_id)
      if (row.template_id !== row.block_template_id || row.place !== row.id - row.block_id)
        corrupt(
          `the site of the call at event ${positionOfId(row.id)} of run ${runId} is listed under another call`,
        )
    }
  }
}
