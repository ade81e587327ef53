/** The start of an epoch in words, for the command line and the page. */
import type { EpochStarted } from '../events/event.js'

/** epoch 3 of digits train: 30 batches of 50 */
export function epochWords({ epoch, batch, batches, batchSize, dataset, part }: EpochStarted): string {
  const name = [dataset, part].filter((word) => word !== null).join(' ')
  const from = batch === 0 ? '' : `, from batch ${batch} on`
  return `epoch ${epoch}${name === '' ? '' : ` of ${name}`}: ${batches} batches of ${batchSize}${from}`
}
