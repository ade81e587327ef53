/** The sites of calls beside the events of a run: whoever packs events again packs each call with its site, as it was packed first. */
import { TapeError } from '../../errors.js'
import type { TapeEvent } from '../../events/event.js'

export interface SiteRow {
  position: number
  text: string
}

export class SitedCalls {
  private readonly rows: readonly SiteRow[]
  private next = 0

  /** In the order of their positions. */
  constructor(rows: readonly SiteRow[]) {
    this.rows = rows
  }

  /**
   * The text of the site of a call; null for none. Must be told the events in order.
   *
   * Throws  TAPE_CORRUPT for a site of what is no call
   */
  textAt({ type, position }: TapeEvent): string | null {
    const row = this.rows[this.next]
    if (row === undefined || row.position > position) return null
    this.next++
    if (row.position < position || type !== 'FunctionCalled') throw misplaced(row.position)
    return row.text
  }

  /** After the last event. */
  finish(): void {
    const row = this.rows[this.next]
    if (row !== undefined) throw misplaced(row.position)
  }
}

function misplaced(position: number): TapeError {
  return new TapeError('TAPE_CORRUPT', `there is a call site at event ${position}, which is no call`)
}
