/** What somebody can do who knows gradtape: edits rows around the triggers, and writes every hash of the chain anew. */

import { Packer } from '../../src/events/pack.js'
import { chainHash, GENESIS, materializedHash } from '../../src/store/format/chain.js'
import type { Connection } from '../../src/store/format/connection.js'
import { Digests } from '../../src/store/format/digests.js'
import { packAgain } from '../../src/store/proof/pack-again.js'
import { addDigest } from '../../src/store/proof/verify.js'
import { Reader } from '../../src/store/read/reader.js'
import { plainConnection } from '../tape/temporary-tape.js'
import { withoutTriggers } from './schema.js'

/** Makes `edit` and then a chain that fits it; the tape verifies again unless the edit broke more than hashes. */
export function forge(file: string, edit: (db: Connection) => void): void {
  const db = plainConnection(file)
  withoutTriggers(db, () => {
    edit(db)
    rehash(db)
  })
  db.close()
}

function rehash(db: Connection): void {
  const reader = new Reader(db)
  const packers = new Map<number, Packer>()
  const write = db.prepare('UPDATE _commit SET hash = ? WHERE id = ?')
  const digests = new Digests()
  let before: Buffer = GENESIS
  for (const commit of reader.commits()) {
    const packer = packers.get(commit.run_id) ?? new Packer()
    packers.set(commit.run_id, packer)
    if (commit.event_count === 0) {
      const rows = reader.materializedBy(commit.id, commit.run_id)
      before = materializedHash(before, commit.run_id, commit.committed_at, rows)
      write.run(before, commit.id)
      continue
    }
    const range = [commit.first_position, commit.first_position + commit.event_count - 1] as const
    const batch = packAgain(reader, packer, commit.run_id, [...range], () => {})
    if (batch === null) throw new Error(`batch ${commit.id} is empty`)
    digests.clear()
    for (const value of batch.values) addDigest(digests, value)
    before = chainHash(before, commit.run_id, commit.committed_at, batch, digests)
    write.run(before, commit.id)
  }
}
