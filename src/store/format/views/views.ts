/**
 * The public views, as they are written: what they say is here, how it is decoded in macros.ts. A migration holds the SQL that
 * these give; a test holds the newest migration to them. `node scripts/print-views.mjs` prints that SQL, for a migration that replaces some.
 */
import { elementBytes, RECORDED_DTYPES } from '../../../events/dtypes.js'
import type { EventType } from '../../../events/event.js'
import { EVENT_KINDS, EVENT_TYPES } from '../../../events/event-kinds.js'
import {
  ARRAY_FORM_LIST,
  ASSIGNMENT_ENTRY,
  CALL_ENTRY,
  CLEAR_ENTRY,
  GRADIENT_ENTRY,
  LEAF_ENTRY,
  PASS_ENTRY,
  PASS_FLAGS,
  SIGNATURE_LIST,
  SUMMARY_FIELDS,
  SUMMARY_SIZE,
} from '../../../events/record-layout.js'
import {
  cellHex,
  entries,
  field,
  finite,
  idInLastCell,
  idOf,
  inlineBytes,
  isNotFinite,
  number,
  POSITION,
  position,
  positionOf,
  positionOfRef,
  refList,
  refOf,
  runOf,
  scalar,
  slot,
  statistic,
  valueId,
} from './macros.js'

// Of the entry of a leaf, call, gradient or assignment: its first cell, how many it takes, and what is in the first.
const FIRST = field(CALL_ENTRY.cell)
const CELLS = field(CALL_ENTRY.cells)
const CELL = cellHex(FIRST)

/** The outputs of a call's signature `s`, joined as `o`. */
const outputs = `json_each(s.content, '$[${SIGNATURE_LIST.outputs}]') o`

/** The last name that a variable was given by an event. */
function nameGiven(run: string, at: string, output: string): string {
  return `(SELECT json_extract(n.payload, '$.name') FROM _fact n WHERE n.id >> 32 = +${run} AND n.kind = ${EVENT_KINDS.VariableNamed.kind} AND n.subject = ${refOf(at, output)} ORDER BY n.id DESC LIMIT 1)`
}

/** The name under which a variable was logged in the step that made it. */
function nameLogged(run: string, at: string, output: string): string {
  const id = idOf(run, at)
  const next = `(${run} + 1) << 32`
  const stepEnd = `coalesce((SELECT min(s.id) FROM _step s WHERE s.id > ${id} AND s.id < ${next}), ${next})`
  return `(SELECT x.content FROM _metric n JOIN _text x ON x.id = n.name_id WHERE n.variable = ${refOf(at, output)} AND n.id > ${id} AND n.id < ${stepEnd} ORDER BY n.id LIMIT 1)`
}

/** A number of the summary in the view `gradient`. */
function ofSummary(name: (typeof SUMMARY_FIELDS)[number]): string {
  return statistic(`substr(g.summary, ${1 + 16 * SUMMARY_FIELDS.indexOf(name)}, 16)`)
}

/** Bytes of an element of the value `v`; those of one byte are the rest. */
const ELEMENT_BYTES_SQL = `CASE v.dtype ${RECORDED_DTYPES.filter((dtype) => elementBytes(dtype) > 1)
  .map((dtype) => `WHEN '${dtype}' THEN ${elementBytes(dtype)}`)
  .join(' ')} ELSE 1 END`

const ROOTS = PASS_ENTRY.roots
const ROOT_COUNT = field(PASS_ENTRY.rootCount)

/**
 * Where the view `event` finds the events of each type: in _fact, with all others that stand there, or by a query of its own.
 * BackwardStarted stands in both: in _fact as version 1.
 */
const EVENT_ROWS = {
  StepStarted: `SELECT ${runOf('id')}, ${positionOf('id')}, step, 'StepStarted', NULL, NULL FROM _step`,
  MetricLogged: `SELECT ${runOf('m.id')}, ${positionOf('m.id')}, m.step, 'MetricLogged', ${positionOfRef('m.variable')}, x.content FROM _metric m JOIN _text x ON x.id = m.name_id`,
  LeafCreated: `SELECT b.run_id, ${POSITION}, b.step, 'LeafCreated', ${POSITION}, f.content
  FROM ${entries('leaves')} JOIN _leaf_form f ON f.id = ${field(LEAF_ENTRY.form)}`,
  FunctionCalled: `SELECT b.run_id, ${POSITION}, b.step, 'FunctionCalled', ${position(field(CALL_ENTRY.inputs))}, s.function
  FROM ${entries('calls')} JOIN _signature s ON s.id = ${field(CALL_ENTRY.signature)}`,
  GradientComputed: `SELECT b.run_id, ${POSITION}, b.step, 'GradientComputed', ${position(field(GRADIENT_ENTRY.variable))}, NULL
  FROM ${entries('gradients')}`,
  ValueAssigned: `SELECT b.run_id, ${POSITION}, b.step, 'ValueAssigned', ${position(field(ASSIGNMENT_ENTRY.variable))}, NULL
  FROM ${entries('assignments')}`,
  GradientCleared: `SELECT b.run_id, ${POSITION}, b.step, 'GradientCleared', ${position(field(CLEAR_ENTRY.variable))}, NULL
  FROM ${entries('clears')}`,
  BackwardStarted: `SELECT b.run_id, ${POSITION}, b.step, 'BackwardStarted', NULL, json_object('roots', ${refList(`key >= ${ROOTS} AND key < ${ROOTS} + (${ROOT_COUNT})`)}, 'gradients', ${refList(`key >= ${ROOTS} + (${ROOT_COUNT}) AND key < ${ROOTS} + 2 * (${ROOT_COUNT})`)}, 'targets', CASE WHEN ${field(PASS_ENTRY.flags)} & ${PASS_FLAGS.targets} THEN ${refList(`key >= ${ROOTS} + 2 * (${ROOT_COUNT})`)} END, 'createGraph', json(CASE WHEN ${field(PASS_ENTRY.flags)} & ${PASS_FLAGS.createGraph} THEN 'true' ELSE 'false' END), 'retainGrad', json(CASE WHEN ${field(PASS_ENTRY.flags)} & ${PASS_FLAGS.retainGrad} THEN 'true' ELSE 'false' END))
  FROM ${entries('passes')}`,
  RunStarted: 'fact',
  GradientAssigned: 'fact',
  GradientReplaced: 'fact',
  BackwardAborted: 'fact',
  VariableNamed: 'fact',
  VariableUnchained: 'fact',
  CheckpointTaken: 'fact',
  NoteAdded: 'fact',
  RunFinished: 'fact',
} satisfies Record<EventType, string>

/** The types that stand in _fact, by kind, five or so a line. */
const FACT_TYPES = `CASE kind ${inLines(
  EVENT_TYPES.filter((type) => EVENT_ROWS[type] === 'fact' || type === 'BackwardStarted')
    .sort((a, b) => EVENT_KINDS[a].kind - EVENT_KINDS[b].kind)
    .map((type) => `WHEN ${EVENT_KINDS[type].kind} THEN '${type}'`),
)} END`

/** Four words on each line, as the migrations have them. */
function inLines(words: readonly string[]): string {
  return words.map((word, i) => (i === 0 ? word : `${i % 4 === 0 ? '\n    ' : ' '}${word}`)).join('')
}

const EVENT_BRANCHES = Object.values(EVENT_ROWS)
  .filter((row) => row !== 'fact')
  .map((row) => `\nUNION ALL ${row}`)
  .join('')

/** The SQL of each view, as SQLite keeps it. */
export const VIEWS = {
  run: `CREATE VIEW run AS -- One recorded computation.
SELECT
  r.id AS id, -- number of the run in this tape
  r.name AS name, -- the name it was started with; several runs may share one
  coalesce(json_extract(finished.payload, '$.status'), 'recording') AS status, -- finished, failed, interrupted; recording: no end is recorded, so it is still going on or its process was killed
  json_extract(started.payload, '$.startedAt') AS started_at, -- UTC, ISO 8601
  json_extract(finished.payload, '$.elapsedMs') AS elapsed_ms, -- from start to end; null while no end is recorded
  (SELECT coalesce(max(s.step), 0) FROM _step s WHERE s.id >> 32 = +r.id) AS step_count, -- training steps begun
  (SELECT c.first_position + c.event_count - 1 FROM _commit c WHERE c.run_id = r.id ORDER BY c.first_position DESC LIMIT 1) AS event_count, -- events in the file
  json_extract(finished.payload, '$.error') AS error, -- what made it fail
  json_extract(started.payload, '$.seed') AS seed, -- seed of its random numbers
  json_extract(started.payload, '$.config') AS config, -- JSON, as the user gave it
  json_extract(started.payload, '$.capture') AS capture, -- how much is stored
  json_extract(started.payload, '$.kernel') AS kernel, -- id of the code that computed; one id, one result
  json_extract(started.payload, '$.engine') AS engine, -- version of gradtape
  json_extract(started.payload, '$.node') AS node, -- version of Node
  json_extract(started.payload, '$.v8') AS v8, -- version of V8
  json_extract(started.payload, '$.platform') AS platform, -- operating system and processor
  json_extract(started.payload, '$.host') AS host, -- name of the machine
  json_extract(started.payload, '$.pid') AS pid, -- process that recorded it
  json_extract(started.payload, '$.parent.run') AS parent_run_id, -- for a fork: the run it began from
  json_extract(started.payload, '$.parent.step') AS parent_step -- for a fork: the step it began from
FROM _run r
JOIN _fact started ON started.id = ${idOf('r.id', '1')}
LEFT JOIN _fact finished ON finished.id >> 32 = +r.id AND finished.kind = ${EVENT_KINDS.RunFinished.kind}`,

  step: `CREATE VIEW step AS -- One training iteration. What precedes the first is step 0, which has no row.
SELECT
  ${runOf('id')} AS run_id, -- joins run.id
  step AS step, -- counts from 1
  ${positionOf('id')} AS position, -- of the event that began it
  elapsed_ms AS elapsed_ms -- since the run started
FROM _step`,

  variable: `CREATE VIEW variable AS -- One node: a leaf, or one output of a call.
SELECT
  v.run_id AS run_id, -- joins run.id
  v.position AS position, -- of the event that made it
  v.slot AS slot, -- which output of its call; 0 for a leaf
  v.step AS step, -- in which it was made
  coalesce(${nameGiven('v.run_id', 'v.position', 'v.slot')}, v.name,
    ${nameLogged('v.run_id', 'v.position', 'v.slot')}) AS name, -- the last name it was given, or under which it was logged; null when none
  v.role AS role, -- parameter, variable, constant (leaves), output (of a call)
  v.creator AS creator_position, -- joins call.position; null for a leaf, and for what noGrad made
  v.dtype AS dtype, -- float64, float32, int32, uint8, bool
  v.shape AS shape, -- JSON
  CASE WHEN m.id IS NOT NULL THEN ${scalar('m.scalar')} ELSE ${number('v.content')} END AS value, -- the number, of a variable of one element ('NaN' as text); null otherwise, or when not captured
  coalesce(m.value_id, ${valueId('v.content')}) AS value_id, -- joins value.id; null for a variable of one element, or when not captured
  v.source AS source_position, -- for a leaf: the event whose value it has; null when it came from outside
  m.id IS NOT NULL AS materialized, -- 1 when the value was not captured, but computed again later by a replay
  v.bytes AS bytes, -- of a small leaf that stands with its event and not in value: row-major, little-endian
  v.block_id AS block_id -- joins block.id: of the block that holds it, by which it is found at once; see block
FROM (
  SELECT b.run_id, ${POSITION} AS position, 0 AS slot, b.step, f.name, f.role, NULL AS creator, f.dtype, f.shape,
    CASE ${CELLS} WHEN 1 THEN ${CELL} END AS content,
    CASE WHEN ${CELLS} > 1 THEN ${inlineBytes(FIRST)} END AS bytes, ${position(field(LEAF_ENTRY.source))} AS source, b.id AS block_id
  FROM ${entries('leaves')} JOIN _leaf_form f ON f.id = ${field(LEAF_ENTRY.form)}
  UNION ALL
  SELECT b.run_id, ${POSITION}, o.key, b.step, NULL, 'output', CASE WHEN s.linked THEN ${POSITION} END, o.value ->> ${ARRAY_FORM_LIST.dtype}, o.value ->> ${ARRAY_FORM_LIST.shape},
    CASE WHEN (${CELLS}) - (${field(CALL_ENTRY.attributes)} = 0) > o.key THEN ${cellHex(`(${FIRST}) + o.key`)} END, NULL, NULL, b.id
  FROM ${entries('calls')} JOIN _signature s ON s.id = ${field(CALL_ENTRY.signature)} JOIN ${outputs}
) v LEFT JOIN _materialized m ON m.id = ${idOf('v.run_id', 'v.position')} AND m.part = v.slot`,

  call: `CREATE VIEW call AS -- One forward call of a function.
SELECT
  b.run_id AS run_id, -- joins run.id
  ${POSITION} AS position, -- its place in the run; also names its first output
  b.step AS step, -- in which it was made
  s.function AS function, -- registered name
  x.content AS attributes, -- JSON: what it was told besides its inputs
  s.scope AS scope, -- dotted name of the place in the program
  s.linked AS linked, -- 0 inside noGrad: the outputs have no creator
  json_array_length(e.value) - ${CALL_ENTRY.inputs} AS input_count, -- see edge
  s.output_count AS output_count, -- see edge
  s.dtype AS dtype, -- of the first output
  s.shape AS shape, -- JSON; of the first output
  b.id AS block_id -- joins block.id: of the block that holds it, by which it is found at once; see block
FROM ${entries('calls')} JOIN _signature s ON s.id = ${field(CALL_ENTRY.signature)} LEFT JOIN _text x ON x.id = CASE ${field(CALL_ENTRY.attributes)} WHEN 0 THEN (
  ${idInLastCell(cellHex(`(${FIRST}) + (${CELLS}) - 1`))}) ELSE ${field(CALL_ENTRY.attributes)} END`,

  edge: `CREATE VIEW edge AS -- One edge: variable to call (direction input), or call to variable (direction output).
SELECT
  b.run_id AS run_id, -- joins run.id
  ${POSITION} AS call_position, -- joins call.position
  'input' AS direction, -- input or output
  i.key - ${CALL_ENTRY.inputs} AS slot, -- argument or result number, from 0
  ${position('i.value')} AS variable_position, -- joins variable.position
  ${slot('i.value')} AS variable_slot, -- joins variable.slot
  b.id AS block_id -- joins block.id: of the block that holds it, by which it is found at once; see block
FROM ${entries('calls')} JOIN json_each(e.value) i ON i.key >= ${CALL_ENTRY.inputs}
UNION ALL
SELECT b.run_id, ${POSITION}, 'output', o.key, ${POSITION}, o.key, b.id
FROM ${entries('calls')} JOIN _signature s ON s.id = ${field(CALL_ENTRY.signature)} JOIN ${outputs}`,

  gradient: `CREATE VIEW gradient AS -- One gradient that a backward pass computed for one variable.
SELECT
  g.run_id AS run_id, -- joins run.id
  g.position AS position, -- its place in the run
  g.step AS step, -- in which it was computed
  g.pass AS pass_position, -- the BackwardStarted event; joins event.position
  g.variable AS variable_position, -- joins variable.position
  g.variable_slot AS variable_slot, -- joins variable.slot
  coalesce(${nameGiven('g.run_id', 'g.variable', 'g.variable_slot')},
    (SELECT lf.name FROM _block lb JOIN _template lt ON lt.id = lb.template_id JOIN json_each(lt.leaves) le
    ON le.value ->> 0 = (g.variable) - (lb.id & 4294967295) JOIN _leaf_form lf ON lf.id = le.value ->> 3
    WHERE lb.id = (SELECT max(id) FROM _block WHERE id BETWEEN (g.run_id << 32) AND (g.run_id << 32) + (g.variable))),
    ${nameLogged('g.run_id', 'g.variable', 'g.variable_slot')}) AS variable_name, -- the last name it was given, or under which it was logged; null when none
  f.dtype AS dtype, -- of the variable and its gradient
  f.shape AS shape, -- JSON
  g.scalar AS value, -- the number, of a gradient of one element ('NaN' as text); null otherwise
  CASE WHEN g.summary IS NOT NULL THEN ${ofSummary('l2Norm')} WHEN typeof(g.scalar) = 'real' THEN ${finite('g.scalar', 'abs(g.scalar)')} WHEN g.scalar IS NULL THEN v.l2_norm END AS l2_norm, -- Euclidean norm; null when not finite
  CASE WHEN g.summary IS NOT NULL THEN ${ofSummary('mean')} WHEN typeof(g.scalar) = 'real' THEN ${finite('g.scalar')} WHEN g.scalar IS NULL THEN v.mean END AS mean, -- mean of the elements; null when not finite or empty
  CASE WHEN g.summary IS NOT NULL THEN ${ofSummary('min')} WHEN typeof(g.scalar) = 'real' THEN g.scalar WHEN g.scalar IS NULL THEN v.min END AS min, -- smallest element; null when there are none or one is NaN
  CASE WHEN g.summary IS NOT NULL THEN ${ofSummary('max')} WHEN typeof(g.scalar) = 'real' THEN g.scalar WHEN g.scalar IS NULL THEN v.max END AS max, -- largest element; null when there are none or one is NaN
  CASE WHEN g.summary IS NOT NULL THEN CAST(${ofSummary('zeroCount')} AS INTEGER) WHEN g.scalar IS NULL THEN v.zero_count ELSE g.scalar = 0.0 END AS zero_count, -- how many elements are 0
  CASE WHEN g.summary IS NOT NULL THEN CAST(${ofSummary('nonFiniteCount')} AS INTEGER) WHEN g.scalar IS NULL THEN v.non_finite_count ELSE ${isNotFinite('g.scalar')} END AS non_finite_count, -- how many elements are NaN or infinite
  nullif(lower(hex(v.hash)), '') AS hash, -- joins value.hash; null for one element
  coalesce(g.value_id, m.value_id) AS value_id, -- joins value.id; null for one element, or when not captured
  CASE g.held WHEN 0 THEN 'nothing' WHEN 1 THEN 'contribution' ELSE 'accumulated' END AS held, -- what the variable's grad is after the pass: nothing (an intermediate variable), this contribution, or this added to what it held
  ${number('g.accumulated')} AS accumulated_value, -- when accumulated: the sum, for one element
  coalesce(a.value_id, ${valueId('g.accumulated')}) AS accumulated_value_id, -- when accumulated: joins value.id
  CASE WHEN g.accumulated_summary IS NOT NULL THEN ${statistic('g.accumulated_summary')} END AS accumulated_l2_norm, -- its Euclidean norm when its bytes were not captured; else see value
  m.id IS NOT NULL AS materialized, -- 1 when the bytes were not captured, but computed again later by a replay
  g.block_id AS block_id -- joins block.id: of the block that holds it, by which it is found at once; see block
FROM (
  SELECT b.id AS block_id, b.run_id, ${POSITION} AS position, b.step, ${position(field(GRADIENT_ENTRY.pass))} AS pass, ${position(field(GRADIENT_ENTRY.variable))} AS variable, ${slot(field(GRADIENT_ENTRY.variable))} AS variable_slot,
    ${field(GRADIENT_ENTRY.form)} AS form_id, ${field(GRADIENT_ENTRY.held)} AS held,
    CASE WHEN ${CELLS} IN (1, 2) THEN ${number(CELL)} END AS scalar,
    CASE WHEN ${CELLS} IN (1, 2) THEN ${valueId(CELL)} END AS value_id,
    CASE ${CELLS} WHEN 2 THEN ${cellHex(`(${FIRST}) + 1`)} END AS accumulated,
    CASE WHEN ${CELLS} >= ${SUMMARY_SIZE} THEN ${cellHex(FIRST, SUMMARY_SIZE)} END AS summary,
    CASE ${CELLS} WHEN ${2 * SUMMARY_SIZE} THEN ${cellHex(FIRST, 1, SUMMARY_SIZE)} END AS accumulated_summary
  FROM ${entries('gradients')}
) g JOIN _array_form f ON f.id = g.form_id LEFT JOIN _materialized m ON m.id = (g.run_id << 32) + g.position AND m.part = 0
  LEFT JOIN _materialized a ON a.id = (g.run_id << 32) + g.position AND a.part = 1
  LEFT JOIN _value v ON v.id = coalesce(g.value_id, m.value_id)`,

  value: `CREATE VIEW value AS -- The bytes of an array, once per distinct content. An array of one element stands with its event instead.
SELECT
  id AS id, -- number of the value in this tape
  lower(hex(hash)) AS hash, -- SHA-256 over the dtype's name, a zero byte, and the bytes
  dtype AS dtype, -- float64, float32, int32, uint8, bool
  size AS size, -- number of elements
  l2_norm AS l2_norm, -- Euclidean norm; null when not finite
  mean AS mean, -- mean of the elements; null when not finite or empty
  min AS min, -- smallest element; null when there are none or one is NaN
  max AS max, -- largest element; null when there are none or one is NaN
  zero_count AS zero_count, -- how many elements are 0
  non_finite_count AS non_finite_count, -- how many elements are NaN or infinite
  coalesce(length(bytes), (SELECT sum(length(c.bytes)) FROM _chunk c WHERE c.value_id = v.id)) AS byte_count, -- null when the bytes were not captured
  coalesce(bytes, (SELECT c.bytes FROM _chunk c WHERE c.value_id = v.id AND (SELECT count(*) FROM _chunk k WHERE k.value_id = v.id) = 1)) AS bytes, -- row-major, little-endian; null when not captured, or kept in several chunks
  CASE WHEN bytes IS NOT NULL THEN 1 ELSE (SELECT count(*) FROM _chunk c WHERE c.value_id = v.id) END AS chunk_count -- in how many pieces the bytes are kept; 0 when they were not captured
FROM _value v`,

  metric: `CREATE VIEW metric AS -- One number logged by the program.
SELECT
  ${runOf('m.id')} AS run_id, -- joins run.id
  ${positionOf('m.id')} AS position, -- its place in the run
  m.step AS step, -- in which it was logged
  t.content AS name, -- as given to run.log
  ${scalar('m.scalar')} AS value, -- the number ('NaN' as text)
  ${positionOfRef('m.variable')} AS variable_position -- the variable it was read from; null for a plain number
FROM _metric m JOIN _text t ON t.id = m.name_id`,

  checkpoint: `CREATE VIEW checkpoint AS -- The values of all parameters and optimizer state at a step.
SELECT
  ${runOf('id')} AS run_id, -- joins run.id
  ${positionOf('id')} AS position, -- its place in the run
  step AS step, -- at which it was taken
  json_array_length(payload, '$.variables') AS variable_count, -- how many variables it holds
  (SELECT coalesce(sum(coalesce(v.size * ${ELEMENT_BYTES_SQL}, 8)), 0) FROM _checkpoint_value k LEFT JOIN _value v ON v.id = k.value_id WHERE k.id = _fact.id) AS byte_count -- of their values, each content counted as often as it is held
FROM _fact WHERE kind = ${EVENT_KINDS.CheckpointTaken.kind}`,

  note: `CREATE VIEW note AS -- One remark of the program or of a person.
SELECT
  ${runOf('id')} AS run_id, -- joins run.id
  ${positionOf('id')} AS position, -- its place in the run
  step AS step, -- in which it was made
  json_extract(payload, '$.text') AS text -- the remark
FROM _fact WHERE kind = ${EVENT_KINDS.NoteAdded.kind}`,

  event: `CREATE VIEW event AS -- Every event. Order by run_id, position.
SELECT
  ${runOf('id')} AS run_id, -- joins run.id
  ${positionOf('id')} AS position, -- 1-based place in the run, without gaps
  step AS step, -- in which it happened
  ${FACT_TYPES} AS type, -- what happened
  ${positionOfRef('subject')} AS variable_position, -- the variable it is about, if it is about one; for a call its first input
  payload AS detail -- JSON, or the name of the function, leaf or metric
FROM _fact${EVENT_BRANCHES}`,

  block: `CREATE VIEW block AS -- A stretch of events that are stored together. What stands at position p of run r is in the block with the id (SELECT max(id) FROM block WHERE id <= (r << 32) + p).
SELECT
  b.id AS id, -- the run's number << 32, plus the position of its first event
  b.run_id AS run_id, -- joins run.id
  ${positionOf('b.id')} AS first_position, -- in the run
  t.event_count AS event_count, -- how many events it holds
  b.step AS step, -- in which they happened
  b.template_id AS template_id -- equal for blocks of one graph: what they have in common is stored once
FROM _block b JOIN _template t ON t.id = b.template_id`,
} as const
