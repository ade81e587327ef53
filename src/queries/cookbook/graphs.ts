/** Questions about calls and what they read. */
import { LAST_LOSS, LAST_STEP, type Recipe } from './recipe.js'

const BLOCK = (position: string) => `(SELECT max(id) FROM block WHERE id <= (:run << 32) + ${position})`

export const GRAPHS: readonly Recipe[] = [
  {
    name: 'calls-by-function',
    question: 'Which functions were called how often, and what did they make?',
    note: 'Counted by templates: as fast for ten million calls as for ten.',
    sql: `SELECT function, sum(call_count) AS calls, sum(element_count) AS elements, sum(byte_count) AS bytes
FROM function_profile
WHERE run_id = :run
GROUP BY function
ORDER BY calls DESC, function`,
  },
  {
    name: 'bytes-by-function',
    question: 'Which functions make the most bytes?',
    sql: `SELECT function, scope, call_count, byte_count
FROM function_profile
WHERE run_id = :run
ORDER BY byte_count DESC, function
LIMIT 5`,
  },
  {
    name: 'graph-of-step',
    question: 'What was called in a step, and with what?',
    note: 'The inputs are made once, into a table of their own: joined as views, each call would be compared with each input, decoded again each time.',
    sql: `WITH i AS MATERIALIZED (
  SELECT call_position, coalesce(variable_position, 'gradient ' || gradient_position) AS input
  FROM call_input
  WHERE run_id = :run AND step = :step
)
SELECT c.position, c.function, c.shape, group_concat(i.input, ', ') AS inputs
FROM call c
LEFT JOIN i ON i.call_position = c.position
WHERE c.run_id = :run AND c.step = :step
GROUP BY c.position`,
    defaults: { step: LAST_STEP },
  },
  {
    name: 'call-at',
    question: 'What stands at a position?',
    sql: `SELECT position, step, function, scope, attributes, dtype, shape, input_count
FROM call
WHERE run_id = :run AND position = :position AND block_id = ${BLOCK(':position')}`,
    defaults: { position: LAST_LOSS },
  },
  {
    name: 'ancestors',
    question: 'What did a variable come from?',
    sql: `SELECT depth, position, kind, function, scope
FROM ancestors(:run, :position)
ORDER BY position DESC`,
    defaults: { position: LAST_LOSS },
  },
  {
    name: 'ancestors-in-sql',
    question: "The same, for programs without gradtape's functions?",
    note: 'A block is decoded for each position, so a chain of a thousand calls takes seconds.',
    sql: `WITH RECURSIVE up (position) AS (
  SELECT :position
  UNION
  SELECT i.variable_position
  FROM up
  JOIN call_input i ON i.run_id = :run AND i.call_position = up.position AND i.block_id = ${BLOCK('up.position')}
  WHERE i.variable_position IS NOT NULL
)
SELECT up.position, c.function, c.shape
FROM up
LEFT JOIN call c ON c.run_id = :run AND c.position = up.position AND c.block_id = ${BLOCK('up.position')}
ORDER BY up.position DESC`,
    defaults: { position: LAST_LOSS },
  },
  {
    name: 'readers',
    question: 'Which calls of a step read a variable?',
    sql: `SELECT call_position AS position, call_function AS function, slot
FROM call_input
WHERE run_id = :run AND step = :step AND variable_position = :position
ORDER BY call_position`,
    defaults: { step: LAST_STEP, position: '(SELECT min(position) FROM parameter WHERE run_id = :run)' },
  },
  {
    name: 'unusual-steps',
    question: 'Which steps computed something else than most?',
    note: 'A step is what it called, in order, whatever with: another learning rate is no other graph.',
    sql: `WITH listed AS (
  SELECT template_id, group_concat(function, ' ') AS functions
  FROM (SELECT template_id, function FROM template_call ORDER BY template_id, place)
  GROUP BY template_id
), steps AS (
  SELECT b.step, group_concat(l.functions, ' ') AS functions
  FROM (SELECT step, template_id FROM block WHERE run_id = :run AND step > 0 ORDER BY id) b
  JOIN listed l ON l.template_id = b.template_id
  GROUP BY b.step
)
SELECT count(*) AS steps, min(step) AS first, max(step) AS last, functions
FROM steps
GROUP BY functions
ORDER BY steps, first`,
  },
  {
    name: 'repeated-graph',
    question: 'What does the graph that is repeated most consist of?',
    isVarying: true,
    note: 'A block ends where a batch was written, so that a part of a step may stand alone.',
    sql: `SELECT t.place, t.function, t.shape, t.input_count
FROM template_call t
WHERE t.template_id = (SELECT template_id FROM block WHERE run_id = :run GROUP BY template_id ORDER BY count(*) DESC, template_id LIMIT 1)
ORDER BY t.place`,
  },
  {
    name: 'events-by-type',
    question: 'What happened how often?',
    sql: `SELECT type, count(*) AS events
FROM event
WHERE run_id = :run
GROUP BY type
ORDER BY events DESC, type`,
  },
]
