/** Views of the tape itself, its runs and their steps, and of what the program logged and remarked. */
import { EVENT_KINDS } from '../../../events/event-kinds.js'
import { CALL_ENTRY } from '../../../events/record-layout.js'
import {
  entries,
  field,
  finiteOrNull,
  idOf,
  nonFinite,
  positionOf,
  positionOfRef,
  runOf,
  typed,
} from './macros.js'
import { DRAWS, IS_TRAINING, setting, stepEnd, TELLS_MODE } from './terms.js'

/** Digits of a square are kept in two whole numbers of this many each. */
const HALF = 2 ** 36

/**
 * The Euclidean norm of the norms in a column of the rows that `from` gives, all together; NULL when there are none, or it is not finite.
 *
 * Squares of numbers beyond 1e154 would overflow, so they are taken in parts of the largest. And newer versions of SQLite add real
 * numbers in another way than older ones: so each square is cut into two whole numbers, whose sums are the same in all.
 */
function normOfNorms(column: string, from: string): string {
  const square = `(${column} / x.most) * (${column} / x.most) * ${HALF}.0`
  const high = `CAST(${square} AS INTEGER)`
  const low = `CAST((${square} - ${high}) * ${HALF}.0 AS INTEGER)`
  const sum = `(SELECT (sum(${high}) + sum(${low}) / ${HALF}.0) / ${HALF}.0 FROM ${from})`
  return `(SELECT nullif(x.most * sqrt(coalesce(${sum}, 0)), 9e999) FROM (SELECT max(${column}) AS most FROM ${from}) x)`
}

/** The gradients of step `s` that variables held after their pass. */
const GRADIENTS_OF_STEP = `_gradient g WHERE g.id > s.id AND g.id < ${stepEnd('s.id')} AND g.held <> 0`

/** The Euclidean norm of the parameters that were assigned to in a step, of each as it was left; or of what each assignment changed. */
function assignedNorm(column: 'l2_norm' | 'update_norm'): string {
  const last = `AND NOT EXISTS (SELECT 1 FROM _assignment y WHERE y.id > a.id AND y.id < ${stepEnd('s.id')} AND y.variable_id = a.variable_id)`
  return normOfNorms(
    `a.${column}`,
    `_assignment a JOIN _variable v ON v.id = a.variable_id JOIN _leaf_form r ON r.id = v.leaf_form_id WHERE a.id > s.id AND a.id < ${stepEnd('s.id')} AND r.role = 'parameter' ${column === 'l2_norm' ? last : ''}`,
  )
}

/** Of a row of _label: it says that the run has the tag, and no later one takes it away. */
const IS_TAG = `l.kind = 'tagged' AND NOT EXISTS (SELECT 1 FROM _label u WHERE u.run_id = l.run_id AND u.kind <> 'named' AND u.text = l.text AND u.id > l.id)`

/** The calls of step `s` of some functions. */
function callsOfStep(where: string): string {
  return `${entries('calls')} JOIN _signature g ON g.id = ${field(CALL_ENTRY.signature)} WHERE b.id >= s.id AND b.id < ${stepEnd('s.id')} AND ${where}`
}

/** The epoch that step `s` belongs to. The event stands before that of the step, and has no subject: the index finds it. */
const EPOCH_OF_STEP = `(SELECT json_extract(f.payload, '$.epoch') FROM _fact f WHERE f.id >> 32 = s.id >> 32 AND f.kind = ${EVENT_KINDS.EpochStarted.kind} AND f.subject IS NULL AND f.id < s.id ORDER BY f.id DESC LIMIT 1)`

/** Whether entry `e` of a config is a number that JSON has not: it stands in an object of its own. */
const IS_NUMBER = `(e.key = '$number' AND e.type = 'text' AND e.atom IN ('NaN', 'Infinity', '-Infinity', '-0') AND (SELECT count(*) FROM json_each(c.payload, e.path)) = 1)`

/** How long step `s` took. */
const DURATION_OF_STEP = typed(
  'REAL',
  `coalesce((SELECT n.elapsed_ms FROM _step n WHERE n.id > s.id AND n.id < ((s.id >> 32) + 1) << 32 ORDER BY n.id LIMIT 1), (SELECT json_extract(r.payload, '$.elapsedMs') FROM _fact r WHERE r.id >> 32 = s.id >> 32 AND r.kind = ${EVENT_KINDS.RunFinished.kind})) - s.elapsed_ms`,
)

export const RUN_VIEWS = {
  tape: `CREATE VIEW tape AS -- The tape itself: one row.
SELECT
  ${typed('INTEGER', '(SELECT max(version) FROM _migration)')} AS schema_version, -- of the tables and views
  ${typed('INTEGER', '(SELECT count(*) FROM _run)')} AS run_count, -- see run
  ${typed('INTEGER', '(SELECT count(*) FROM _commit)')} AS commit_count, -- see tape_commit
  ${typed('TEXT', '(SELECT lower(hex(c.hash)) FROM _commit c ORDER BY c.id DESC LIMIT 1)')} AS head_hash -- of the last batch: what \`verify --expect\` is given; null while there is none
FROM (SELECT 1) one`,

  run: `CREATE VIEW run AS -- One recorded computation. Key: id.
SELECT
  r.id AS id, -- number of the run in this tape
  ${typed('TEXT', `coalesce((SELECT l.text FROM _label l WHERE l.run_id = r.id AND l.kind = 'named' ORDER BY l.id DESC LIMIT 1), r.name)`)} AS name, -- the last name it was given, or that it was started with; several runs may share one
  ${typed('TEXT', "coalesce(json_extract(finished.payload, '$.status'), 'recording')")} AS status, -- finished, failed, interrupted; recording: no end is recorded, so it is still going on or its process was killed
  ${typed('TEXT', "json_extract(started.payload, '$.startedAt')")} AS started_at, -- UTC, ISO 8601
  ${typed('REAL', "json_extract(finished.payload, '$.elapsedMs')")} AS elapsed_ms, -- from start to end; null while no end is recorded
  ${typed('INTEGER', '(SELECT coalesce(max(s.step), 0) FROM _step s WHERE CAST(s.id >> 32 AS INTEGER) = +r.id)')} AS step_count, -- training steps begun
  ${typed('INTEGER', '(SELECT c.first_position + c.event_count - 1 FROM _commit c WHERE c.run_id = r.id ORDER BY c.first_position DESC LIMIT 1)')} AS event_count, -- events in the file
  ${typed('INTEGER', '(SELECT coalesce(sum(u.blocks * json_array_length(t.calls)), 0) FROM (SELECT template_id, count(*) AS blocks FROM _block WHERE run_id = r.id GROUP BY template_id) u JOIN _template t ON t.id = u.template_id)')} AS call_count, -- rows of call that are of this run, counted by templates: at once
  ${typed('INTEGER', '(SELECT min(b.step) FROM _block b WHERE b.id = (SELECT max(k.id) FROM _block k WHERE k.id <= (SELECT min(g.id) FROM _gradient g WHERE g.id > r.id << 32 AND g.id < (r.id + 1) << 32 AND g.non_finite_count > 0)))')} AS first_non_finite_step, -- in which a gradient had a NaN or an infinity first; null when none had
  ${typed('TEXT', "json_extract(finished.payload, '$.error')")} AS error, -- what made it fail; null when nothing did
  ${typed('INTEGER', "json_extract(started.payload, '$.seed')")} AS seed, -- seed of its random numbers
  ${typed('TEXT', "json_extract(started.payload, '$.config')")} AS config, -- JSON, as the user gave it; a number that JSON has not (NaN, infinities, -0) as {"$number":"NaN"}; see run_config
  ${typed('TEXT', "json_extract(started.payload, '$.capture')")} AS capture, -- how much is stored
  ${typed('TEXT', "json_extract(started.payload, '$.kernel')")} AS kernel, -- id of the code that computed; one id, one result
  ${typed('TEXT', "json_extract(started.payload, '$.engine')")} AS engine, -- version of gradtape
  ${typed('TEXT', "json_extract(started.payload, '$.node')")} AS node, -- version of Node
  ${typed('TEXT', "json_extract(started.payload, '$.v8')")} AS v8, -- version of V8
  ${typed('TEXT', "json_extract(started.payload, '$.platform')")} AS platform, -- operating system and processor
  ${typed('TEXT', "json_extract(started.payload, '$.host')")} AS host, -- name of the machine
  ${typed('INTEGER', "json_extract(started.payload, '$.pid')")} AS pid, -- process that recorded it
  ${typed('INTEGER', "json_extract(started.payload, '$.parent.run')")} AS parent_run_id, -- joins run.id, for a fork: the run it began from; null for any other
  ${typed('INTEGER', "json_extract(started.payload, '$.parent.step')")} AS parent_step, -- for a fork: the step it began from; null for any other
  r.name AS first_name, -- the name it was started with
  ${typed('TEXT', `(SELECT json_group_array(t.text) FROM (SELECT l.text FROM _label l WHERE ${IS_TAG} AND l.run_id = r.id ORDER BY l.text) t)`)} AS tags -- JSON: the tags that it has, sorted; see tag
FROM _run r
JOIN _fact started ON started.id = ${idOf('r.id', '1')}
LEFT JOIN _fact finished ON finished.id >> 32 = +r.id AND finished.kind = ${EVENT_KINDS.RunFinished.kind}`,

  tag: `CREATE VIEW tag AS -- One tag that a run has. Key: run_id, name.
SELECT
  l.run_id AS run_id, -- joins run.id
  l.text AS name, -- the tag
  c.committed_at AS tagged_at -- UTC, ISO 8601
FROM _label l JOIN _commit c ON c.id = l.commit_id
WHERE ${IS_TAG}`,

  label: `CREATE VIEW label AS -- One change of a run's name or tags. Key: id.
SELECT
  l.id AS id, -- in the order in which they were made, over all runs of the tape
  l.run_id AS run_id, -- joins run.id
  l.kind AS kind, -- named, tagged, untagged
  l.text AS text, -- the name, or the tag
  l.commit_id AS commit_id, -- joins tape_commit.id
  c.committed_at AS labelled_at -- UTC, ISO 8601
FROM _label l JOIN _commit c ON c.id = l.commit_id`,

  run_config: `CREATE VIEW run_config AS -- One entry of a run's config, nested ones by their path. Key: run_id, path.
SELECT
  ${typed('INTEGER', runOf('c.id'))} AS run_id, -- joins run.id
  ${typed('TEXT', `substr(CASE WHEN ${IS_NUMBER} THEN e.path ELSE e.fullkey END, ${'$.config.'.length + 1})`)} AS path, -- optimizer.lr, layers[0], …
  CASE WHEN ${IS_NUMBER} AND e.atom = '-0' THEN -0.0 ELSE e.atom END AS value, -- a number, a text, 0 or 1; null for null. NaN and infinities are their names, and their type is real
  ${typed('TEXT', `CASE WHEN ${IS_NUMBER} THEN 'real' ELSE e.type END`)} AS type -- integer, real, text, true, false, null
FROM _fact c JOIN json_tree(c.payload, '$.config') e ON e.type NOT IN ('object', 'array')
WHERE c.kind = ${EVENT_KINDS.RunStarted.kind} AND c.id & 4294967295 = 1`,

  step: `CREATE VIEW step AS -- One training iteration. What precedes the first is step 0, which has no row. Key: run_id, step.
SELECT
  ${typed('INTEGER', runOf('s.id'))} AS run_id, -- joins run.id
  s.step AS step, -- counts from 1
  ${typed('INTEGER', positionOf('s.id'))} AS position, -- of the event that began it
  s.elapsed_ms AS elapsed_ms, -- since the run started
  ${DURATION_OF_STEP} AS duration_ms, -- until the next step, or the end of the run; null for the last of a run without an end
  ${typed('INTEGER', EPOCH_OF_STEP)} AS epoch -- of the DataLoader whose batches the steps used last, from 0; null before any did
FROM _step s`,

  epoch: `CREATE VIEW epoch AS -- One epoch of a DataLoader whose batches steps used. Key: run_id, position.
SELECT
  ${typed('INTEGER', runOf('f.id'))} AS run_id, -- joins run.id
  ${typed('INTEGER', positionOf('f.id'))} AS position, -- of the event that says so
  ${typed('INTEGER', "json_extract(f.payload, '$.epoch')")} AS epoch, -- from 0, as the loader counts; joins step.epoch
  ${typed('INTEGER', 'f.step + 1')} AS first_step, -- the first step that used a batch of it
  ${typed('INTEGER', `coalesce((SELECT n.step FROM _fact n WHERE n.id >> 32 = f.id >> 32 AND n.kind = f.kind AND n.subject IS NULL AND n.id > f.id ORDER BY n.id LIMIT 1), (SELECT max(s.step) FROM _step s WHERE CAST(s.id >> 32 AS INTEGER) = f.id >> 32))`)} AS last_step, -- the last step before the next epoch, or of the run
  ${typed('INTEGER', "json_extract(f.payload, '$.batch')")} AS first_batch, -- the batch that the first step used, from 0; more than 0 where the run began in the middle of an epoch
  ${typed('INTEGER', "json_extract(f.payload, '$.batches')")} AS batch_count, -- of a whole epoch
  ${typed('INTEGER', "json_extract(f.payload, '$.batchSize')")} AS batch_size, -- rows of a batch; the last may have fewer
  ${typed('INTEGER', "json_extract(f.payload, '$.data')")} AS data_position, -- the data set's first array: joins leaf.position, batch.data_position; null when the run had not met it
  ${typed('TEXT', "json_extract(f.payload, '$.dataset')")} AS data_set, -- the name of the data set; null when nobody said
  ${typed('TEXT', "json_extract(f.payload, '$.part')")} AS part -- which part of it: train, test, …; null when nobody said
FROM _fact f WHERE f.kind = ${EVENT_KINDS.EpochStarted.kind}`,

  step_summary: `CREATE VIEW step_summary AS -- A step in a few numbers. Key: run_id, step.
SELECT
  ${typed('INTEGER', runOf('s.id'))} AS run_id, -- joins run.id
  s.step AS step, -- joins step.step
  ${typed('INTEGER', EPOCH_OF_STEP)} AS epoch, -- as step.epoch
  ${typed('INTEGER', `(SELECT sum(json_array_length(t.calls)) FROM _block b JOIN _template t ON t.id = b.template_id WHERE b.id >= s.id AND b.id < ${stepEnd('s.id')})`)} AS call_count, -- calls of functions
  ${typed('INTEGER', `(SELECT count(*) FROM ${GRADIENTS_OF_STEP})`)} AS gradient_count, -- gradients that variables held after their pass
  ${typed('REAL', normOfNorms('g.l2_norm', GRADIENTS_OF_STEP))} AS gradient_norm, -- Euclidean norm of all these together, those left out that are not finite; null when there are none, and when it is not finite itself
  ${typed('REAL', assignedNorm('l2_norm'))} AS parameter_norm, -- Euclidean norm of the parameters that were assigned to, all together, as they are after the step; null when none was, or none was measured
  ${typed('REAL', assignedNorm('update_norm'))} AS update_norm, -- Euclidean norm of what the step changed of these; null as parameter_norm
  ${typed('INTEGER', `(SELECT coalesce(sum(g.non_finite_count), 0) FROM _gradient g WHERE g.id > s.id AND g.id < ${stepEnd('s.id')})`)} AS non_finite_count, -- elements of gradients that are NaN or infinite
  ${typed('TEXT', `(SELECT group_concat(b.template_id, ' ') FROM (SELECT template_id FROM _block WHERE id >= s.id AND id < ${stepEnd('s.id')} ORDER BY id) b)`)} AS template_ids, -- of its blocks, in order: equal for steps of one graph
  ${typed('INTEGER', `(SELECT CASE WHEN min(${IS_TRAINING}) = max(${IS_TRAINING}) THEN max(${IS_TRAINING}) END FROM ${callsOfStep(TELLS_MODE)})`)} AS is_training, -- 1 when the modules that tell were in training, 0 when none was; null when none tells, and when some were and some not: see module_mode
  ${typed('INTEGER', `(SELECT ${setting('counter')} FROM ${callsOfStep(DRAWS)} ORDER BY b.id DESC, e.key DESC LIMIT 1)`)} AS random_counter, -- of the last random numbers that a call of the step drew; null when none did: see random_draw
  ${DURATION_OF_STEP} AS duration_ms -- as step.duration_ms
FROM _step s`,

  metric: `CREATE VIEW metric AS -- One number logged by the program. Key: run_id, position.
SELECT
  ${typed('INTEGER', runOf('m.id'))} AS run_id, -- joins run.id
  ${typed('INTEGER', positionOf('m.id'))} AS position, -- its place in the run
  m.step AS step, -- in which it was logged
  t.content AS name, -- as given to run.log
  ${typed('REAL', finiteOrNull('m.scalar'))} AS value, -- the number; null when it is not finite
  ${typed('TEXT', nonFinite('m.scalar'))} AS non_finite, -- NaN, Infinity or -Infinity, where the number is that; null otherwise
  ${typed('INTEGER', positionOfRef('m.variable'))} AS variable_position, -- the variable it was read from: joins variable.position; null for a plain number
  ${typed('INTEGER', 'm.variable >> 40')} AS variable_slot -- joins variable.slot; null for a plain number
FROM _metric m JOIN _text t ON t.id = m.name_id`,

  note: `CREATE VIEW note AS -- One remark of the program or of a person. Key: run_id, position.
SELECT
  ${typed('INTEGER', runOf('id'))} AS run_id, -- joins run.id
  ${typed('INTEGER', positionOf('id'))} AS position, -- its place in the run
  step AS step, -- in which it was made
  ${typed('TEXT', "json_extract(payload, '$.text')")} AS text -- the remark
FROM _fact WHERE kind = ${EVENT_KINDS.NoteAdded.kind}`,
} as const
