/** Events of the file as the packed batch that they were written from: what its hash covers. The one way from rows back to batches. */
import { appendEvent, payloadOf } from '../../events/append.js'
import type { TapeEvent } from '../../events/event.js'
import type { PackedBatch, Packer } from '../../events/pack.js'
import type { Reader } from '../read/reader.js'
import { SitedCalls } from '../read/sited-calls.js'

/**
 * Packs the events of a run from one position to another; `each` sees every event before it is packed.
 *
 * packer   has packed all events of the run before: it numbers the texts of later ones
 *
 * Returns  the batch; null when there are no events
 * Throws   TAPE_CORRUPT
 */
export function packAgain(
  reader: Reader,
  packer: Packer,
  runId: number,
  [first, last]: readonly [first: number, last: number],
  each: (event: TapeEvent) => void,
): PackedBatch | null {
  const sites = new SitedCalls(reader.sites(runId, first, last))
  for (const event of reader.events(runId, first, last, false)) {
    each(event)
    packer.site = sites.textAt(event)
    appendEvent(packer, payloadOf(event), event.version)
  }
  sites.finish()
  return packer.take()
}
