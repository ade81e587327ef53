/** Questions about runs, their times, checkpoints and the tape itself. */
import { OTHER_RUN, type Recipe } from './recipe.js'

export const RUNS: readonly Recipe[] = [
  {
    name: 'runs',
    question: 'What is on the tape?',
    sql: `SELECT id, name, status, step_count, event_count, call_count, first_non_finite_step
FROM run
ORDER BY id`,
  },
  {
    name: 'config',
    question: 'With what was a run started?',
    sql: `SELECT path, value, type
FROM run_config
WHERE run_id = :run
ORDER BY path`,
  },
  {
    name: 'config-difference',
    question: 'In what do the configs of two runs differ?',
    sql: `SELECT path, max(CASE run_id WHEN :run THEN value END) AS this, max(CASE run_id WHEN :other THEN value END) AS other
FROM run_config
WHERE run_id IN (:run, :other)
GROUP BY path
HAVING count(*) < 2 OR min(value) <> max(value)
ORDER BY path`,
    defaults: { other: OTHER_RUN },
  },
  {
    name: 'runs-that-match',
    question: 'Which runs had a certain setting?',
    sql: `SELECT r.id, r.name, r.status, c.value
FROM run r
JOIN run_config c ON c.run_id = r.id AND c.path = :path
WHERE c.value = :value
ORDER BY r.id`,
    defaults: { path: "'optimizer.kind'", value: "'adam'" },
  },
  {
    name: 'lineage',
    question: 'From which runs does a run stem?',
    sql: `WITH RECURSIVE up (id, depth) AS (
  SELECT :run, 0
  UNION
  SELECT r.parent_run_id, up.depth + 1 FROM up JOIN run r ON r.id = up.id WHERE r.parent_run_id IS NOT NULL
)
SELECT r.id, r.name, r.parent_run_id, r.parent_step
FROM up
JOIN run r ON r.id = up.id
ORDER BY up.depth`,
  },
  {
    name: 'time-per-step',
    question: 'How long did each step take?',
    isVarying: true,
    sql: `SELECT step, elapsed_ms, duration_ms
FROM step
WHERE run_id = :run
ORDER BY step`,
  },
  {
    name: 'slowest-steps',
    question: 'Which steps took longest?',
    isVarying: true,
    note: 'A call has no time of its own on the tape; a step has.',
    sql: `SELECT s.step, s.duration_ms, u.call_count
FROM step s
JOIN step_summary u ON u.run_id = s.run_id AND u.step = s.step
WHERE s.run_id = :run
ORDER BY s.duration_ms DESC
LIMIT 10`,
  },
  {
    name: 'throughput',
    question: 'How many steps did a run do in a second?',
    isVarying: true,
    sql: `SELECT id, name, step_count, elapsed_ms, step_count * 1000.0 / elapsed_ms AS steps_per_s
FROM run
ORDER BY id`,
  },
  {
    name: 'checkpoints',
    question: 'When were checkpoints taken, and how large are they?',
    sql: `SELECT step, position, variable_count, byte_count
FROM checkpoint
WHERE run_id = :run
ORDER BY position`,
  },
  {
    name: 'checkpoint-contents',
    question: 'What is in the last checkpoint?',
    sql: `SELECT c.step, l.name, c.dtype, c.shape, c.value
FROM checkpoint_value c
LEFT JOIN leaf l ON l.run_id = c.run_id AND l.position = c.variable_position
WHERE c.run_id = :run AND c.checkpoint_position = (SELECT max(position) FROM checkpoint WHERE run_id = :run)
ORDER BY c.variable_position`,
  },
  {
    name: 'notes',
    question: 'What did somebody remark?',
    sql: `SELECT step, text
FROM note
WHERE run_id = :run
ORDER BY position`,
  },
  {
    name: 'commits',
    question: 'When was what written, and by which hashes is it closed?',
    isVarying: true,
    sql: `SELECT id, first_position, event_count, committed_at, hash
FROM tape_commit
WHERE run_id = :run
ORDER BY id`,
  },
  {
    name: 'tape',
    question: 'What is this file?',
    isVarying: true,
    sql: `SELECT *
FROM tape`,
  },
]
