/** Views of how the file keeps it: bytes, blocks, batches. */
import { finite, positionOf, typed } from './macros.js'
import { infiniteCount, nanCount } from './terms.js'

export const STORAGE_VIEWS = {
  value: `CREATE VIEW value AS -- The bytes of an array, once per distinct content. An array of one element stands with its event instead. Key: id.
SELECT
  id AS id, -- number of the value in this tape
  ${typed('TEXT', 'lower(hex(hash))')} AS hash, -- SHA-256 over the dtype's name, a zero byte, and the bytes
  dtype AS dtype, -- float64, float32, int32, uint8, bool (one byte an element)
  size AS size, -- number of elements; the shape stands with what names the value
  l2_norm AS l2_norm, -- Euclidean norm; null when not finite
  mean AS mean, -- mean of the elements; null when not finite or empty
  ${typed('REAL', finite('min'))} AS min, -- smallest element; null when there are none, or it is not finite
  ${typed('REAL', finite('max'))} AS max, -- largest element; null when there are none, or it is not finite
  zero_count AS zero_count, -- how many elements are 0
  non_finite_count AS non_finite_count, -- how many elements are NaN or infinite
  ${nanCount('v')}
  ${infiniteCount('v')}
  ${typed('INTEGER', 'coalesce(length(bytes), (SELECT sum(length(c.bytes)) FROM _chunk c WHERE c.value_id = v.id))')} AS byte_count, -- null when the bytes were not captured
  ${typed('BLOB', 'coalesce(bytes, (SELECT c.bytes FROM _chunk c WHERE c.value_id = v.id AND (SELECT count(*) FROM _chunk k WHERE k.value_id = v.id) = 1))')} AS bytes, -- row-major, little-endian; null when not captured, or kept in several chunks: see chunk
  ${typed('INTEGER', 'CASE WHEN bytes IS NOT NULL THEN 1 ELSE (SELECT count(*) FROM _chunk c WHERE c.value_id = v.id) END')} AS chunk_count -- in how many pieces the bytes are kept; 0 when they were not captured
FROM _value v`,

  chunk: `CREATE VIEW chunk AS -- A piece of the bytes of a value that is too large for one row. Key: value_id, ordinal.
SELECT
  value_id AS value_id, -- joins value.id
  ordinal AS ordinal, -- its place, from 0
  bytes AS bytes -- at most 16 MiB; put one after the other they are the value's bytes
FROM _chunk`,

  block: `CREATE VIEW block AS -- A stretch of events that are stored together. What stands at position p of run r is in the block with the id (SELECT max(id) FROM block WHERE id <= (r << 32) + p). Key: id.
SELECT
  b.id AS id, -- the run's number << 32, plus the position of its first event
  b.run_id AS run_id, -- joins run.id
  ${typed('INTEGER', positionOf('b.id'))} AS first_position, -- in the run
  t.event_count AS event_count, -- how many events it holds
  b.step AS step, -- in which they happened
  b.template_id AS template_id -- equal for blocks of one graph: what they have in common is stored once; see template_call
FROM _block b JOIN _template t ON t.id = b.template_id`,

  tape_commit: `CREATE VIEW tape_commit AS -- One batch: events, values that were materialized, or labels, closed by a hash. Key: id.
SELECT
  id AS id, -- in the order in which they were written, over all runs of the tape
  run_id AS run_id, -- joins run.id
  first_position AS first_position, -- of its events in the run; 0 for values that were materialized and for labels
  event_count AS event_count, -- how many events
  committed_at AS committed_at, -- UTC, ISO 8601
  ${typed('TEXT', 'lower(hex(hash))')} AS hash -- SHA-256 over the hash before it and all that the batch holds
FROM _commit`,
} as const
