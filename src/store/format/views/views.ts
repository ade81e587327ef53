/**
 * The public views, as they are written: what they say is here, how it is decoded in macros.ts. A migration holds the SQL that
 * these give; a test holds the newest migration to them. `node scripts/print-views.mjs` prints that SQL, for a migration that replaces some.
 */
import { CAPTURE_BYTES, CAPTURE_HASH, CAPTURE_SUMMARY } from '../../../events/capture.js'
import { elementBytes, RECORDED_DTYPES } from '../../../events/dtypes.js'
import type { EventType } from '../../../events/event.js'
import { EVENT_KINDS, EVENT_TYPES } from '../../../events/event-kinds.js'
import { VALUE_SCALAR } from '../../../events/pack.js'
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
} from '../../../events/record-layout.js'
import {
  byteIn,
  cellHex,
  entries,
  field,
  finite,
  finiteOrNull,
  idInCell,
  idOf,
  inlineBytes,
  int32In,
  nonFinite,
  nonFiniteInCell,
  numberInCell,
  POSITION,
  position,
  positionOf,
  positionOfRef,
  refList,
  refOf,
  runOf,
  slot,
  typed,
  valueId,
} from './macros.js'

// Of the entry of a leaf, call, gradient or assignment: its first cell, how many it takes, and what is in the first.
const FIRST = field(CALL_ENTRY.cell)
const CELLS = field(CALL_ENTRY.cells)
const CELL = cellHex(FIRST)

/** The outputs of a call's signature `s`, joined as `o`. */
const outputs = `json_each(s.content, '$[${SIGNATURE_LIST.outputs}]') o`

/**
 * The last name that a variable was given by an event. Whether a tape has such events at all is asked once a query, and not once a
 * variable: `EXISTS` names nothing of the row.
 */
function nameGiven(run: string, ref: string): string {
  const kind = EVENT_KINDS.VariableNamed.kind
  return `CASE WHEN EXISTS (SELECT 1 FROM _fact WHERE kind = ${kind}) THEN (SELECT json_extract(n.payload, '$.name') FROM _fact n WHERE n.id >> 32 = ${run} AND n.kind = ${kind} AND n.subject = ${ref} ORDER BY n.id DESC LIMIT 1) END`
}

/** The name under which a variable was logged in the step that made it. `id` is that of the event that did. */
function nameLogged(id: string, ref: string): string {
  const next = `((${id} >> 32) + 1) << 32`
  const stepEnd = `coalesce((SELECT min(s.id) FROM _step s WHERE s.id > ${id} AND s.id < ${next}), ${next})`
  return `(SELECT x.content FROM _metric n JOIN _text x ON x.id = n.name_id WHERE n.variable = ${ref} AND n.id > ${id} AND n.id < ${stepEnd} ORDER BY n.id LIMIT 1)`
}

/** The bytes of a value, in one place whatever their size: in its row, or in its only chunk. */
function bytesOfValue(id: string): string {
  return `(SELECT coalesce(w.bytes, (SELECT c.bytes FROM _chunk c WHERE c.value_id = w.id AND (SELECT count(*) FROM _chunk k WHERE k.value_id = w.id) = 1)) FROM _value w WHERE w.id = ${id})`
}

/** How many elements an array of a shape has: the product of its extents. */
function sizeOf(shape: string): string {
  return `(WITH RECURSIVE p (axis, size) AS (SELECT 0, 1 UNION ALL SELECT p.axis + 1, p.size * (${shape} ->> p.axis) FROM p WHERE p.axis < json_array_length(${shape})) SELECT p.size FROM p ORDER BY p.axis DESC LIMIT 1)`
}

/** The event after the last one of the step that begins with the event `id`. */
function stepEnd(id: string): string {
  const next = `((${id} >> 32) + 1) << 32`
  return `coalesce((SELECT n.id FROM _step n WHERE n.id > ${id} AND n.id < ${next} ORDER BY n.id LIMIT 1), ${next})`
}

/** The Euclidean norm of the parameters that were assigned to in a step, of each as it was left; or of what each assignment changed. */
function assignedNorm(column: 'l2_norm' | 'update_norm'): string {
  const last = `AND NOT EXISTS (SELECT 1 FROM _assignment y WHERE y.id > a.id AND y.id < ${stepEnd('s.id')} AND y.variable_id = a.variable_id)`
  return `(SELECT sqrt(sum(a.${column} * a.${column})) FROM _assignment a JOIN _variable v ON v.id = a.variable_id JOIN _leaf_form r ON r.id = v.leaf_form_id WHERE a.id > s.id AND a.id < ${stepEnd('s.id')} AND r.role = 'parameter' ${column === 'l2_norm' ? last : ''})`
}

/** The site of the last call, among those that fulfil `where`, whose site is on the tape. */
function siteOf(where: string): string {
  return `(SELECT i.file || ':' || i.line || ':' || i.column_number FROM _site i WHERE i.id = (SELECT c.site_id FROM _call_site c WHERE ${where} ORDER BY c.id DESC LIMIT 1))`
}

/** Bytes of an element of a dtype. */
const ELEMENT_BYTES_OF = (dtype: string) =>
  `CASE ${dtype} ${RECORDED_DTYPES.filter((name) => elementBytes(name) > 1)
    .map((name) => `WHEN '${name}' THEN ${elementBytes(name)}`)
    .join(' ')} ELSE 1 END`

const ROOTS = PASS_ENTRY.roots
const ROOT_COUNT = field(PASS_ENTRY.rootCount)

/** The events of one kind that stand in templates, flat: a list of its own each. */
const LEAVES = `${entries('leaves')} JOIN _leaf_form f ON f.id = ${field(LEAF_ENTRY.form)}`
const CALLS = `${entries('calls')} JOIN _signature s ON s.id = ${field(CALL_ENTRY.signature)}`
const OUTPUTS = `${CALLS} JOIN ${outputs} ON true`

/**
 * The names of the variables of a view, as the column n.name. A name has three sources, and to find it from a variable takes a while;
 * so _name lists which places of which templates may have which names. From a name the planner finds the few blocks, and a
 * variable at a place that never had a name is not asked for one.
 */
function named(slot: string, name: string): string {
  return `LEFT JOIN _name n ON n.template_id = b.template_id AND n.place = (${field(CALL_ENTRY.offset)}) AND n.slot = ${slot} AND +n.name = ${name}`
}

/** The id of the entry's event. */
const EVENT_ID = `b.id + (${field(CALL_ENTRY.offset)})`
/** The ref of output `o` of the entry's call. */
const OUTPUT_REF = refOf(POSITION, 'o.key')
/** The cell of output `o`; NULL where nothing is kept of it. */
const OUTPUT_CELL = `CASE WHEN (${CELLS}) - (${field(CALL_ENTRY.attributes)} = 0) > o.key THEN ${cellHex(`(${FIRST}) + o.key`)} END`
/** The cell of a leaf; NULL where it has none, or several that hold an array. */
const LEAF_CELL = `CASE ${CELLS} WHEN 1 THEN ${CELL} END`

/** The cell of a node of the view variable: `d` says whether it is a leaf or output `o` of a call. */
const NODE_CELL = `CASE d.key WHEN 0 THEN ${LEAF_CELL} ELSE ${OUTPUT_CELL} END`

/** What was computed again later of output `o`, or of gradient `g`: a column of its row. */
const outputMaterialized = (column: string) =>
  `(SELECT ${column} FROM _materialized m WHERE m.id = ${EVENT_ID} AND m.part = o.key)`
const gradientMaterialized = (column: string, part: 0 | 1) =>
  `(SELECT ${column} FROM _materialized m WHERE m.id = g.id AND m.part = ${part})`
const OUTPUT_VALUE_ID = `coalesce(${outputMaterialized('m.value_id')}, ${valueId(OUTPUT_CELL)})`

const NODE_VALUE_ID = `CASE WHEN d.key = 1 AND ${outputMaterialized('1')} THEN ${outputMaterialized('m.value_id')} ELSE ${valueId(NODE_CELL)} END`

/** How many of the elements that are not finite are of one kind, of a row with the columns of a summary. */
function nanCount(row: string): string {
  return `${typed('INTEGER', `CASE ${row}.non_finite_count WHEN 0 THEN 0 ELSE ${row}.nan_count END`)} AS nan_count, -- how many of these are NaN; null when an earlier gradtape recorded it, which did not tell them apart`
}
function infiniteCount(row: string): string {
  return `${typed('INTEGER', `CASE ${row}.non_finite_count WHEN 0 THEN 0 ELSE ${row}.non_finite_count - ${row}.nan_count END`)} AS infinite_count, -- how many of these are infinite; null as nan_count`
}

/** A column of what gradient `g` holds after accumulation. */
const accumulated = (column: string) => `(SELECT ${column} FROM _accumulated a WHERE a.id = g.id)`
const VARIABLE_OF_GRADIENT = 'v.ref'
const GRADIENT_VALUE_ID = `coalesce(g.value_id, ${gradientMaterialized('m.value_id', 0)})`
const ARRAY_OF_GRADIENT = (column: string) => `(SELECT f.${column} FROM _array_form f WHERE f.id = g.form_id)`

const BLOCK_ID = `b.id AS block_id -- joins block.id: of the block that holds it, by which it is found at once; see block`

/** A column of the signature of the entry's call. Not joined: a query that only counts calls would wait for it. */
const ofSignature = (column: string) =>
  `(SELECT s.${column} FROM _signature s WHERE s.id = ${field(CALL_ENTRY.signature)})`

const ASSIGNED_REF = field(ASSIGNMENT_ENTRY.variable)
const isGradient = (at: string) => `EXISTS (SELECT 1 FROM _gradient r WHERE r.id = ${idOf('b.run_id', at)})`

/** An input of the entry's call, as templates hold it. */
function INPUT(argument: number): string {
  return field(CALL_ENTRY.inputs + argument)
}

/** The attributes of the entry's call. */
const CALL_ATTRIBUTES = `(SELECT x.content FROM _text x WHERE x.id = CASE ${field(CALL_ENTRY.attributes)} WHEN 0 THEN ${idInCell(cellHex(`(${FIRST}) + (${CELLS}) - 1`))} ELSE ${field(CALL_ENTRY.attributes)} END)`

/** A number among the attributes of the entry's call. */
function setting(name: string): string {
  return `(SELECT CASE WHEN json_type(x.content, '$.${name}') IN ('integer', 'real') THEN json_extract(x.content, '$.${name}') END FROM _text x WHERE x.id = CASE ${field(CALL_ENTRY.attributes)} WHEN 0 THEN ${idInCell(cellHex(`(${FIRST}) + (${CELLS}) - 1`))} ELSE ${field(CALL_ENTRY.attributes)} END)`
}

/** The leaf at a position of run x.run_id, found by its block. */
function leafAt(at: string): string {
  const id = idOf('x.run_id', at)
  return `${LEAVES} WHERE b.id = (SELECT max(k.id) FROM _block k WHERE k.id <= ${id}) AND ${EVENT_ID} = ${id}`
}

/** The value that the entry's assignment gave, where it is on the tape. */
const ASSIGNED_VALUE_ID = `CASE ${field(ASSIGNMENT_ENTRY.source)} WHEN 0 THEN ${valueId(LEAF_CELL)} ELSE coalesce((SELECT m.value_id FROM _materialized m WHERE m.id = (${idOf('b.run_id', position(field(ASSIGNMENT_ENTRY.source)))}) AND m.part = ${slot(field(ASSIGNMENT_ENTRY.source))}), ${sourceValueId()}) END`

// The view parameter_version finds assignments in their rows, `d` 0, or, of runs that measure none, in templates, `d` 1.

/** The id of the assignment. */
const VERSION_ID = `(CASE d.key WHEN 0 THEN m.id ELSE ${EVENT_ID} END)`
/** What the assignment's entry says. */
function ofVersion(expression: string): string {
  return `CASE d.key WHEN 0 THEN (SELECT ${expression} FROM json_each(t.assignments) e WHERE ${EVENT_ID} = m.id) ELSE ${expression} END`
}
/** A number of the summary: from the row, or from that of the value. */
function versionNumber(column: string): string {
  return `CASE d.key WHEN 0 THEN m.${column} ELSE (SELECT w.${column} FROM _value w WHERE w.id = ${ASSIGNED_VALUE_ID}) END`
}

/** The value that the source of the entry's assignment was captured with. */
function sourceValueId(): string {
  const at = `(${idOf('b.run_id', position(field(ASSIGNMENT_ENTRY.source)))})`
  const part = slot(field(ASSIGNMENT_ENTRY.source))
  const cell = `CASE WHEN (c.value ->> ${CALL_ENTRY.cells}) - (c.value ->> ${CALL_ENTRY.attributes} = 0) > (${part}) THEN hex(substr(h.slots, 8 * ((c.value ->> ${CALL_ENTRY.cell}) + (${part})) + 1, 8)) END`
  return `(SELECT ${valueId(cell)} FROM _block h JOIN _template y ON y.id = h.template_id JOIN json_each(y.calls) c ON true WHERE h.id = (SELECT max(k.id) FROM _block k WHERE k.id <= ${at}) AND h.id + (c.value ->> ${CALL_ENTRY.offset}) = ${at})`
}

/** What an event of few says, as it stands in its row. */
const FACT_PAYLOAD = `(SELECT k.payload FROM _fact k WHERE k.id = ${EVENT_ID})`

/** Where the view `event` finds the events of each type: in a list of templates, or in a table of their own. */
const EVENT_PLACES = {
  RunStarted: '_fact',
  StepStarted: '_step',
  LeafCreated: 'leaves',
  FunctionCalled: 'calls',
  BackwardStarted: 'passes',
  GradientComputed: 'gradients',
  GradientCleared: 'clears',
  GradientAssigned: '_fact',
  GradientReplaced: '_fact',
  BackwardAborted: '_fact',
  ValueAssigned: 'assignments',
  VariableNamed: '_fact',
  VariableUnchained: '_fact',
  MetricLogged: '_metric',
  CheckpointTaken: '_fact',
  NoteAdded: '_fact',
  EpochStarted: '_fact',
  RunFinished: '_fact',
} as const satisfies Record<EventType, string>

/** The types by the number of their kind, as JSON: { RunStarted: 1, … }. */
const KINDS_JSON = JSON.stringify(
  Object.fromEntries(
    [...EVENT_TYPES]
      .sort((a, b) => EVENT_KINDS[a].kind - EVENT_KINDS[b].kind)
      .map((type) => [type, EVENT_KINDS[type].kind]),
  ),
)

/** The places in block `b` of the rows of a table, as a list of lists. */
function placesIn(table: '_fact' | '_step' | '_metric', where = ''): string {
  return `(SELECT json_group_array(json_array(r.id - b.id)) FROM ${table} r WHERE r.id BETWEEN b.id AND b.id + t.event_count - 1${where})`
}

const FACTS = placesIn('_fact', ' AND r.kind = d.value')

/** The events of type `d` in block `b`: a list of entries, each of which begins with its place. */
const EVENTS_OF_TYPE = `CASE d.value ${EVENT_TYPES.filter((type) => EVENT_PLACES[type] !== '_fact')
  .map((type) => {
    const place = EVENT_PLACES[type]
    const list =
      place === '_step' || place === '_metric'
        ? placesIn(place)
        : // As a fact it is of the first version.
          place === 'passes'
          ? `CASE t.passes WHEN '[]' THEN ${FACTS} ELSE t.passes END`
          : `t.${place}`
    return `WHEN ${EVENT_KINDS[type].kind} THEN ${list}`
  })
  .join(' ')} ELSE ${FACTS} END`

/** The ref of what an event in a template is about; NULL for any other. */
const SUBJECT = `CASE d.value ${(
  [
    ['FunctionCalled', field(CALL_ENTRY.inputs)],
    ['GradientComputed', field(GRADIENT_ENTRY.variable)],
    ['GradientCleared', field(CLEAR_ENTRY.variable)],
    ['ValueAssigned', field(ASSIGNMENT_ENTRY.variable)],
  ] as const
)
  .map(([type, ref]) => `WHEN ${EVENT_KINDS[type].kind} THEN ${ref}`)
  .join(' ')} END`

/** What an event with a row of its own is about. */
const SUBJECT_IN_ROW = `CASE d.value WHEN ${EVENT_KINDS.MetricLogged.kind} THEN (SELECT m.variable FROM _metric m WHERE m.id = ${EVENT_ID}) ELSE (SELECT k.subject FROM _fact k WHERE k.id = ${EVENT_ID}) END`

/** What a pass of the second version says. */
const PASS_DETAIL = `json_object('roots', ${refList(`key >= ${ROOTS} AND key < ${ROOTS} + (${ROOT_COUNT})`)}, 'gradients', ${refList(`key >= ${ROOTS} + (${ROOT_COUNT}) AND key < ${ROOTS} + 2 * (${ROOT_COUNT})`)}, 'targets', CASE WHEN ${field(PASS_ENTRY.flags)} & ${PASS_FLAGS.targets} THEN ${refList(`key >= ${ROOTS} + 2 * (${ROOT_COUNT})`)} END, 'createGraph', json(CASE WHEN ${field(PASS_ENTRY.flags)} & ${PASS_FLAGS.createGraph} THEN 'true' ELSE 'false' END), 'retainGrad', json(CASE WHEN ${field(PASS_ENTRY.flags)} & ${PASS_FLAGS.retainGrad} THEN 'true' ELSE 'false' END))`

const EVENT_DETAIL = `CASE d.value WHEN ${EVENT_KINDS.LeafCreated.kind} THEN (SELECT f.content FROM _leaf_form f WHERE f.id = ${field(LEAF_ENTRY.form)}) WHEN ${EVENT_KINDS.FunctionCalled.kind} THEN ${ofSignature('function')}
    WHEN ${EVENT_KINDS.MetricLogged.kind} THEN (SELECT x.content FROM _metric m JOIN _text x ON x.id = m.name_id WHERE m.id = ${EVENT_ID}) WHEN ${EVENT_KINDS.BackwardStarted.kind} THEN CASE t.passes WHEN '[]' THEN ${FACT_PAYLOAD} ELSE ${PASS_DETAIL} END ELSE ${FACT_PAYLOAD} END`

/** Of a row of _label: it says that the run has the tag, and no later one says otherwise. */
const IS_TAG = `l.kind = 'tagged' AND NOT EXISTS (SELECT 1 FROM _label u WHERE u.run_id = l.run_id AND u.kind <> 'named' AND u.text = l.text AND u.id > l.id)`

/** The calls of step `s` of some functions. */
function callsOfStep(where: string): string {
  return `${entries('calls')} JOIN _signature g ON g.id = ${field(CALL_ENTRY.signature)} WHERE b.id >= s.id AND b.id < ${stepEnd('s.id')} AND ${where}`
}

/** Functions that draw random numbers when they are called: attention where it has a share of weights to drop. */
const DRAWING = "'dropout', 'scaledDotProductAttention'"
const DRAWS = `g.function IN (${DRAWING}) AND ${setting('counter')} IS NOT NULL`
/** Calls that compute otherwise in training than in use: what drops is called in training alone, batchNorm reads running statistics in use. */
const TELLS_MODE = `(g.function = 'batchNorm' OR ${DRAWS})`
const IS_TRAINING = `g.function <> 'batchNorm' OR json_array_length(e.value) = ${CALL_ENTRY.inputs + 3}`

/** The epoch that step `s` belongs to. The event stands before that of the step, and has no subject: the index finds it. */
const EPOCH_OF_STEP = `(SELECT json_extract(f.payload, '$.epoch') FROM _fact f WHERE f.id >> 32 = s.id >> 32 AND f.kind = ${EVENT_KINDS.EpochStarted.kind} AND f.subject IS NULL AND f.id < s.id ORDER BY f.id DESC LIMIT 1)`

/** The SQL of each view, as SQLite keeps it. */
export const VIEWS = {
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
  ${typed('TEXT', `substr(e.fullkey, ${'$.config.'.length + 1})`)} AS path, -- optimizer.lr, layers[0], …
  e.atom AS value, -- a number, a text, 0 or 1; null for null. NaN, infinities and -0 are texts
  ${typed('TEXT', 'e.type')} AS type -- integer, real, text, true, false, null
FROM _fact c JOIN json_tree(c.payload, '$.config') e ON e.type NOT IN ('object', 'array')
WHERE c.kind = ${EVENT_KINDS.RunStarted.kind} AND c.id & 4294967295 = 1`,

  step: `CREATE VIEW step AS -- One training iteration. What precedes the first is step 0, which has no row. Key: run_id, step.
SELECT
  ${typed('INTEGER', runOf('s.id'))} AS run_id, -- joins run.id
  s.step AS step, -- counts from 1
  ${typed('INTEGER', positionOf('s.id'))} AS position, -- of the event that began it
  s.elapsed_ms AS elapsed_ms, -- since the run started
  ${typed('REAL', `coalesce((SELECT n.elapsed_ms FROM _step n WHERE n.id > s.id AND n.id < ((s.id >> 32) + 1) << 32 ORDER BY n.id LIMIT 1), (SELECT json_extract(r.payload, '$.elapsedMs') FROM _fact r WHERE r.id >> 32 = s.id >> 32 AND r.kind = ${EVENT_KINDS.RunFinished.kind})) - s.elapsed_ms`)} AS duration_ms, -- until the next step, or the end of the run; null for the last of a run without an end
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
  ${typed('INTEGER', `(SELECT count(*) FROM _gradient g WHERE g.id > s.id AND g.id < ${stepEnd('s.id')} AND g.held <> 0)`)} AS gradient_count, -- gradients that variables held after their pass
  ${typed('REAL', `(SELECT sqrt(sum(g.l2_norm * g.l2_norm)) FROM _gradient g WHERE g.id > s.id AND g.id < ${stepEnd('s.id')} AND g.held <> 0)`)} AS gradient_norm, -- Euclidean norm of all these together, those left out that are not finite; null when there are none
  ${typed('REAL', assignedNorm('l2_norm'))} AS parameter_norm, -- Euclidean norm of the parameters that were assigned to, all together, as they are after the step; null when none was, or none was measured
  ${typed('REAL', assignedNorm('update_norm'))} AS update_norm, -- Euclidean norm of what the step changed of these; null as parameter_norm
  ${typed('INTEGER', `(SELECT coalesce(sum(g.non_finite_count), 0) FROM _gradient g WHERE g.id > s.id AND g.id < ${stepEnd('s.id')})`)} AS non_finite_count, -- elements of gradients that are NaN or infinite
  ${typed('TEXT', `(SELECT group_concat(b.template_id, ' ') FROM (SELECT template_id FROM _block WHERE id >= s.id AND id < ${stepEnd('s.id')} ORDER BY id) b)`)} AS template_ids, -- of its blocks, in order: equal for steps of one graph
  ${typed('INTEGER', `(SELECT CASE WHEN min(${IS_TRAINING}) = max(${IS_TRAINING}) THEN max(${IS_TRAINING}) END FROM ${callsOfStep(TELLS_MODE)})`)} AS is_training, -- 1 when the modules that tell were in training, 0 when none was; null when none tells, and when some were and some not: see module_mode
  ${typed('INTEGER', `(SELECT ${setting('counter')} FROM ${callsOfStep(DRAWS)} ORDER BY b.id DESC, e.key DESC LIMIT 1)`)} AS random_counter -- of the last random numbers that a call of the step drew; null when none did: see random_draw
FROM _step s`,

  leaf: `CREATE VIEW leaf AS -- One variable that no call made: a parameter, an input, a constant. Key: run_id, position.
SELECT
  b.run_id AS run_id, -- joins run.id
  ${typed('INTEGER', POSITION)} AS position, -- of the event that made it
  b.step AS step, -- in which it was made
  n.name AS name, -- the last name it was given, or under which it was logged; null when none
  f.role AS role, -- parameter, variable, constant
  f.requires_grad AS is_grad_required, -- 0 where no gradient goes to it
  f.dtype AS dtype, -- float64, float32, int32, uint8, bool
  f.shape AS shape, -- JSON
  ${typed('REAL', numberInCell(LEAF_CELL))} AS value, -- the number, of a leaf of one element; null otherwise, when it is not finite, or not captured
  ${typed('TEXT', nonFiniteInCell(LEAF_CELL))} AS non_finite, -- NaN, Infinity or -Infinity, where the number is that; null otherwise
  ${typed('INTEGER', valueId(LEAF_CELL))} AS value_id, -- joins value.id; null for one element, for an array that stands with its event, or when not captured
  ${typed('BLOB', `CASE WHEN ${CELLS} > 1 THEN ${inlineBytes(FIRST)} ELSE ${bytesOfValue(valueId(LEAF_CELL))} END`)} AS bytes, -- of an array: row-major, little-endian; null for one element, when not captured, or kept in several chunks
  ${typed('INTEGER', position(field(LEAF_ENTRY.source)))} AS source_position, -- the event whose value it has; null when it came from outside
  ${typed('INTEGER', `CASE ${field(LEAF_ENTRY.source)} WHEN 0 THEN NULL ELSE ${slot(field(LEAF_ENTRY.source))} END`)} AS source_slot, -- which output of that event
  ${BLOCK_ID}
FROM ${LEAVES} ${named('0', `coalesce(${nameGiven('b.run_id', POSITION)}, f.name, ${nameLogged(EVENT_ID, POSITION)})`)}`,

  output: `CREATE VIEW output AS -- One variable that a call made. Key: run_id, position, slot.
SELECT
  b.run_id AS run_id, -- joins run.id
  ${typed('INTEGER', POSITION)} AS position, -- of the call that made it; joins call.position
  o.key AS slot, -- which output of its call, from 0
  b.step AS step, -- in which it was made
  n.name AS name, -- the last name it was given, or under which it was logged; null when none
  s.function AS function, -- registered name of what made it
  s.scope AS scope, -- dotted name of the place in the program
  s.linked AS is_grad_enabled, -- 0 inside noGrad: it has no creator
  ${typed('TEXT', `o.value ->> ${ARRAY_FORM_LIST.dtype}`)} AS dtype, -- float64, float32, int32, uint8, bool
  ${typed('TEXT', `o.value ->> ${ARRAY_FORM_LIST.shape}`)} AS shape, -- JSON
  ${typed('REAL', `CASE WHEN ${outputMaterialized('1')} THEN ${outputMaterialized(finiteOrNull('m.scalar'))} ELSE ${numberInCell(OUTPUT_CELL)} END`)} AS value, -- the number, of one element; null otherwise, when it is not finite, or not captured
  ${typed('TEXT', `CASE WHEN ${outputMaterialized('1')} THEN ${outputMaterialized(nonFinite('m.scalar'))} ELSE ${nonFiniteInCell(OUTPUT_CELL)} END`)} AS non_finite, -- NaN, Infinity or -Infinity, where the number is that; null otherwise
  ${typed('INTEGER', OUTPUT_VALUE_ID)} AS value_id, -- joins value.id; null for one element, or when not captured
  ${typed('BLOB', bytesOfValue(OUTPUT_VALUE_ID))} AS bytes, -- of an array: row-major, little-endian; null for one element, when not captured, or kept in several chunks
  ${typed('INTEGER', `coalesce(${outputMaterialized('1')}, 0)`)} AS is_materialized, -- 1 when the value was not captured, but computed again later by a replay
  ${BLOCK_ID}
FROM ${OUTPUTS} ${named('o.key', `coalesce(${nameGiven('b.run_id', OUTPUT_REF)}, ${nameLogged(EVENT_ID, OUTPUT_REF)})`)}`,

  activation: `CREATE VIEW activation AS -- What a call computed, in numbers: an array of more than one element whose value is on the tape. Key: run_id, position, slot.
SELECT
  b.run_id AS run_id, -- joins run.id
  ${typed('INTEGER', POSITION)} AS position, -- of the call that made it; joins call.position, output.position
  o.key AS slot, -- which output of its call, from 0
  b.step AS step, -- in which it was made
  s.function AS function, -- registered name of what made it
  s.scope AS scope, -- dotted name of the place in the program
  ${typed('TEXT', `o.value ->> ${ARRAY_FORM_LIST.shape}`)} AS shape, -- JSON
  v.size AS size, -- number of elements
  v.l2_norm AS l2_norm, -- Euclidean norm; null when not finite
  v.mean AS mean, -- mean of the elements; null when not finite or empty
  ${typed('REAL', finite('v.min'))} AS min, -- smallest element; null when it is not finite
  ${typed('REAL', finite('v.max'))} AS max, -- largest element; null when it is not finite
  v.zero_count AS zero_count, -- how many elements are 0
  v.non_finite_count AS non_finite_count, -- how many elements are NaN or infinite
  ${nanCount('v')}
  ${infiniteCount('v')}
  v.id AS value_id, -- joins value.id
  ${typed('INTEGER', `coalesce(${outputMaterialized('1')}, 0)`)} AS is_materialized, -- 1 when the value was not captured, but computed again later by a replay
  ${BLOCK_ID}
FROM ${OUTPUTS} JOIN _value v ON v.id = ${OUTPUT_VALUE_ID}`,

  variable: `CREATE VIEW variable AS -- One node: a leaf, or one output of a call. Key: run_id, position, slot.
SELECT
  b.run_id AS run_id, -- joins run.id
  ${typed('INTEGER', POSITION)} AS position, -- of the event that made it
  o.key AS slot, -- which output of its call; 0 for a leaf
  b.step AS step, -- in which it was made
  n.name AS name, -- the last name it was given, or under which it was logged; null when none
  ${typed('TEXT', "CASE d.key WHEN 0 THEN f.role ELSE 'output' END")} AS role, -- parameter, variable, constant (leaves), output (of a call)
  ${typed('INTEGER', `CASE WHEN s.linked THEN ${POSITION} END`)} AS creator_position, -- joins call.position; null for a leaf, and for what noGrad made
  ${typed('TEXT', `CASE d.key WHEN 0 THEN f.dtype ELSE o.value ->> ${ARRAY_FORM_LIST.dtype} END`)} AS dtype, -- float64, float32, int32, uint8, bool
  ${typed('TEXT', `CASE d.key WHEN 0 THEN f.shape ELSE o.value ->> ${ARRAY_FORM_LIST.shape} END`)} AS shape, -- JSON
  ${typed('REAL', `CASE WHEN d.key = 1 AND ${outputMaterialized('1')} THEN ${outputMaterialized(finiteOrNull('m.scalar'))} ELSE ${numberInCell(NODE_CELL)} END`)} AS value, -- the number, of a variable of one element; null otherwise, when it is not finite, or not captured
  ${typed('TEXT', `CASE WHEN d.key = 1 AND ${outputMaterialized('1')} THEN ${outputMaterialized(nonFinite('m.scalar'))} ELSE ${nonFiniteInCell(NODE_CELL)} END`)} AS non_finite, -- NaN, Infinity or -Infinity, where the number is that; null otherwise
  ${typed('INTEGER', NODE_VALUE_ID)} AS value_id, -- joins value.id; null for one element, for a small leaf that stands with its event, or when not captured
  ${typed('BLOB', `CASE WHEN d.key = 0 AND ${CELLS} > 1 THEN ${inlineBytes(FIRST)} ELSE ${bytesOfValue(NODE_VALUE_ID)} END`)} AS bytes, -- of an array: row-major, little-endian; null for one element, when not captured, or kept in several chunks
  ${typed('INTEGER', `CASE d.key WHEN 0 THEN ${position(field(LEAF_ENTRY.source))} END`)} AS source_position, -- for a leaf: the event whose value it has; null when it came from outside
  ${typed('INTEGER', `CASE WHEN d.key = 0 AND ${field(LEAF_ENTRY.source)} <> 0 THEN ${slot(field(LEAF_ENTRY.source))} END`)} AS source_slot, -- which output of that event
  ${typed('INTEGER', `CASE d.key WHEN 1 THEN coalesce(${outputMaterialized('1')}, 0) ELSE 0 END`)} AS is_materialized, -- 1 when the value was not captured, but computed again later by a replay
  ${BLOCK_ID}
FROM _block b JOIN _template t ON t.id = b.template_id JOIN json_each('["leaf","output"]') d ON true
JOIN json_each(CASE d.key WHEN 0 THEN t.leaves ELSE t.calls END) e ON true
LEFT JOIN _leaf_form f ON d.key = 0 AND f.id = ${field(LEAF_ENTRY.form)} LEFT JOIN _signature s ON d.key = 1 AND s.id = ${field(CALL_ENTRY.signature)}
JOIN json_each(CASE d.key WHEN 0 THEN '[0]' ELSE json_extract(s.content, '$[${SIGNATURE_LIST.outputs}]') END) o ON true
${named('o.key', `coalesce(${nameGiven('b.run_id', OUTPUT_REF)}, f.name, ${nameLogged(EVENT_ID, OUTPUT_REF)})`)}`,

  parameter: `CREATE VIEW parameter AS -- One parameter of a run: a leaf that training assigns to. Key: run_id, position.
SELECT
  run_id AS run_id, -- joins run.id
  position AS position, -- joins leaf.position
  step AS step, -- in which it was made
  name AS name, -- the last name it was given; null when none
  is_grad_required AS is_grad_required, -- 0 where no gradient goes to it
  dtype AS dtype, -- float64, float32, int32, uint8, bool
  shape AS shape, -- JSON
  ${typed('INTEGER', sizeOf('shape'))} AS size, -- number of elements
  ${typed('INTEGER', `${sizeOf('shape')} * ${ELEMENT_BYTES_OF('dtype')}`)} AS byte_count, -- of its array
  block_id AS block_id -- joins block.id
FROM leaf WHERE role = 'parameter'`,

  assignment: `CREATE VIEW assignment AS -- One new value that a variable was given. Key: run_id, position.
SELECT
  b.run_id AS run_id, -- joins run.id
  ${typed('INTEGER', POSITION)} AS position, -- of the event
  b.step AS step, -- in which it happened
  ${typed('INTEGER', position(ASSIGNED_REF))} AS variable_position, -- joins variable.position
  ${typed('INTEGER', slot(ASSIGNED_REF))} AS variable_slot, -- joins variable.slot
  ${typed('INTEGER', position(field(ASSIGNMENT_ENTRY.source)))} AS source_position, -- the event whose value it is; null when it came from outside
  ${typed('INTEGER', `CASE ${field(ASSIGNMENT_ENTRY.source)} WHEN 0 THEN NULL ELSE ${slot(field(ASSIGNMENT_ENTRY.source))} END`)} AS source_slot, -- which output of that event
  ${typed('TEXT', `(SELECT f.dtype FROM _array_form f WHERE f.id = ${field(ASSIGNMENT_ENTRY.form)})`)} AS dtype, -- float64, float32, int32, uint8, bool
  ${typed('TEXT', `(SELECT f.shape FROM _array_form f WHERE f.id = ${field(ASSIGNMENT_ENTRY.form)})`)} AS shape, -- JSON
  ${typed('TEXT', '(SELECT v.name FROM _variable v WHERE v.id = m.variable_id)')} AS variable_name, -- the name the variable was made with; null when none, and when the run did not measure this assignment
  m.l2_norm AS l2_norm, -- Euclidean norm of the new value; null when not finite, and when the run did not measure this assignment
  m.mean AS mean, -- mean of the elements; null as l2_norm, and when there are none
  ${typed('REAL', finite('m.min'))} AS min, -- smallest element
  ${typed('REAL', finite('m.max'))} AS max, -- largest element
  m.zero_count AS zero_count, -- how many elements are 0
  m.non_finite_count AS non_finite_count, -- how many elements are NaN or infinite
  ${nanCount('m')}
  ${infiniteCount('m')}
  m.update_norm AS update_norm, -- Euclidean norm of the new value minus the one before; null as l2_norm
  ${BLOCK_ID}
FROM ${entries('assignments')} LEFT JOIN _assignment m ON m.id = ${EVENT_ID}`,

  call: `CREATE VIEW call AS -- One forward call of a function. Key: run_id, position.
SELECT
  b.run_id AS run_id, -- joins run.id
  ${typed('INTEGER', POSITION)} AS position, -- its place in the run; also names its first output
  b.step AS step, -- in which it was made
  ${typed('TEXT', ofSignature('function'))} AS function, -- registered name
  ${typed('TEXT', `(SELECT x.content FROM _text x WHERE x.id = CASE ${field(CALL_ENTRY.attributes)} WHEN 0 THEN ${idInCell(cellHex(`(${FIRST}) + (${CELLS}) - 1`))} ELSE ${field(CALL_ENTRY.attributes)} END)`)} AS attributes, -- JSON: what it was told besides its inputs; a number that JSON has not (NaN, infinities, -0) as {"$number":"NaN"}
  ${typed('TEXT', ofSignature('scope'))} AS scope, -- dotted name of the place in the program
  ${typed('INTEGER', ofSignature('linked'))} AS is_grad_enabled, -- 0 inside noGrad: the outputs have no creator
  ${typed('INTEGER', `json_array_length(e.value) - ${CALL_ENTRY.inputs}`)} AS input_count, -- see call_input
  ${typed('INTEGER', ofSignature('output_count'))} AS output_count, -- see call_output
  ${typed('TEXT', ofSignature('dtype'))} AS dtype, -- of the first output; null when there is none
  ${typed('TEXT', ofSignature('shape'))} AS shape, -- JSON; of the first output
  ${BLOCK_ID.replace(' --', ', --')}
  ${typed('TEXT', siteOf(`c.template_id = b.template_id AND c.place = ${field(CALL_ENTRY.offset)} AND c.id > b.run_id << 32 AND c.id <= ${EVENT_ID}`))} AS site -- file:line:column of the user's code that made it, or a call of the same place and template before it; null when it was not looked at; see call_site
FROM ${entries('calls')}`,

  call_site: `CREATE VIEW call_site AS -- Where a call stands in the user's code. Looked at in steps 1 to 3 and every hundredth, and where the graph changed: any other call has the site of the last one of its place and template. Key: run_id, position.
SELECT
  b.run_id AS run_id, -- joins run.id
  ${typed('INTEGER', positionOf('c.id'))} AS position, -- joins call.position
  b.step AS step, -- in which the call was made
  s.function AS function, -- registered name of what was called
  s.scope AS scope, -- dotted name of the place in the program
  i.file AS file, -- relative to the folder in which the program ran, where it lies in that
  i.line AS line, -- from 1
  i.column_number AS column_number, -- from 1
  i.caller AS caller, -- the function of the user's code; null at the top level of a module, and where it has no name
  c.template_id AS template_id, -- joins template_call.template_id
  c.place AS place -- joins template_call.place
FROM _call_site c JOIN _site i ON i.id = c.site_id JOIN _block b ON b.id = c.id - c.place JOIN _template t ON t.id = b.template_id
JOIN json_each(t.calls) e ON ${field(CALL_ENTRY.offset)} = c.place JOIN _signature s ON s.id = ${field(CALL_ENTRY.signature)}`,

  call_input: `CREATE VIEW call_input AS -- One thing that a call reads. Key: run_id, call_position, slot.
SELECT
  b.run_id AS run_id, -- joins run.id
  b.step AS step, -- of the call
  ${typed('INTEGER', POSITION)} AS call_position, -- joins call.position
  ${typed('INTEGER', `i.key - ${CALL_ENTRY.inputs}`)} AS slot, -- argument number, from 0
  CASE WHEN ${isGradient(position('i.value'))} THEN 'gradient' ELSE 'variable' END AS source, -- variable, or gradient (an optimizer reads these)
  ${typed('INTEGER', `CASE WHEN NOT ${isGradient(position('i.value'))} THEN ${position('i.value')} END`)} AS variable_position, -- joins variable.position; null for a gradient
  ${typed('INTEGER', `CASE WHEN NOT ${isGradient(position('i.value'))} THEN ${slot('i.value')} END`)} AS variable_slot, -- joins variable.slot; null for a gradient
  ${typed('INTEGER', `CASE WHEN ${isGradient(position('i.value'))} THEN ${position('i.value')} END`)} AS gradient_position, -- joins gradient.position; null for a variable
  ${BLOCK_ID.replace(' --', ', --')}
  ${typed('TEXT', ofSignature('function'))} AS call_function, -- call.function, without a join
  ${typed('TEXT', ofSignature('scope'))} AS call_scope -- call.scope, likewise
FROM ${entries('calls')} JOIN json_each(e.value) i ON i.key >= ${CALL_ENTRY.inputs}`,

  call_output: `CREATE VIEW call_output AS -- One thing that a call makes. Key: run_id, call_position, slot.
SELECT
  b.run_id AS run_id, -- joins run.id
  b.step AS step, -- of the call
  ${typed('INTEGER', POSITION)} AS call_position, -- joins call.position; also the position of the variable
  o.key AS slot, -- result number, from 0
  ${typed('TEXT', `o.value ->> ${ARRAY_FORM_LIST.dtype}`)} AS dtype, -- float64, float32, int32, uint8, bool
  ${typed('TEXT', `o.value ->> ${ARRAY_FORM_LIST.shape}`)} AS shape, -- JSON
  ${BLOCK_ID}
FROM ${OUTPUTS}`,

  edge: `CREATE VIEW edge AS -- One edge: to a call (direction input), or from a call to its variable (direction output). Key: run_id, call_position, direction, slot.
SELECT
  b.run_id AS run_id, -- joins run.id
  b.step AS step, -- of the call
  ${typed('INTEGER', POSITION)} AS call_position, -- joins call.position
  ${typed('TEXT', 'd.value')} AS direction, -- input or output
  ${typed('INTEGER', `CASE d.key WHEN 0 THEN i.key - ${CALL_ENTRY.inputs} ELSE i.key END`)} AS slot, -- argument or result number, from 0
  CASE WHEN d.key = 0 AND ${isGradient(position('i.value'))} THEN 'gradient' ELSE 'variable' END AS source, -- variable, or gradient (an optimizer reads these)
  ${typed('INTEGER', `CASE WHEN d.key = 1 THEN ${POSITION} WHEN NOT ${isGradient(position('i.value'))} THEN ${position('i.value')} END`)} AS variable_position, -- joins variable.position; null for a gradient
  ${typed('INTEGER', `CASE WHEN d.key = 1 THEN i.key WHEN NOT ${isGradient(position('i.value'))} THEN ${slot('i.value')} END`)} AS variable_slot, -- joins variable.slot; null for a gradient
  ${typed('INTEGER', `CASE WHEN d.key = 0 AND ${isGradient(position('i.value'))} THEN ${position('i.value')} END`)} AS gradient_position, -- joins gradient.position; null for a variable
  ${BLOCK_ID.replace(' --', ', --')}
  s.function AS call_function, -- call.function, without a join
  s.scope AS call_scope -- call.scope, likewise
FROM ${CALLS} JOIN json_each('["input","output"]') d ON true
JOIN json_each(CASE d.key WHEN 0 THEN e.value ELSE json_extract(s.content, '$[${SIGNATURE_LIST.outputs}]') END) i ON d.key = 1 OR i.key >= ${CALL_ENTRY.inputs}`,

  gradient: `CREATE VIEW gradient AS -- One gradient that a backward pass computed for one variable. Key: run_id, position.
SELECT
  b.run_id AS run_id, -- joins run.id
  ${typed('INTEGER', positionOf('g.id'))} AS position, -- its place in the run
  b.step AS step, -- in which it was computed
  g.pass AS pass_position, -- the BackwardStarted event; joins pass.position
  ${typed('INTEGER', positionOfRef(VARIABLE_OF_GRADIENT))} AS variable_position, -- joins variable.position
  ${typed('INTEGER', `${VARIABLE_OF_GRADIENT} >> 40`)} AS variable_slot, -- joins variable.slot
  ${typed('TEXT', `coalesce(${nameGiven('b.run_id', VARIABLE_OF_GRADIENT)}, v.name, ${nameLogged(idOf('b.run_id', `(${positionOfRef(VARIABLE_OF_GRADIENT)})`), VARIABLE_OF_GRADIENT)})`)} AS variable_name, -- the last name it was given, or under which it was logged; null when none
  ${typed('TEXT', "coalesce((SELECT lf.role FROM _leaf_form lf WHERE lf.id = v.leaf_form_id), 'output')")} AS variable_role, -- parameter, variable, constant (leaves), output (of a call)
  ${typed('TEXT', ARRAY_OF_GRADIENT('dtype'))} AS dtype, -- of the variable and its gradient
  ${typed('TEXT', ARRAY_OF_GRADIENT('shape'))} AS shape, -- JSON
  ${typed('REAL', finiteOrNull('g.scalar'))} AS value, -- the number, of a gradient of one element; null otherwise, and when it is not finite
  ${typed('TEXT', nonFinite('g.scalar'))} AS non_finite, -- NaN, Infinity or -Infinity, where the number is that; null otherwise
  g.l2_norm AS l2_norm, -- Euclidean norm; null when not finite
  g.mean AS mean, -- mean of the elements; null when not finite or empty
  ${typed('REAL', finite('g.min'))} AS min, -- smallest element; null when there are none, or it is not finite
  ${typed('REAL', finite('g.max'))} AS max, -- largest element; null when there are none, or it is not finite
  g.zero_count AS zero_count, -- how many elements are 0
  g.non_finite_count AS non_finite_count, -- how many elements are NaN or infinite
  ${nanCount('g')}
  ${infiniteCount('g')}
  ${typed('TEXT', `(SELECT lower(hex(w.hash)) FROM _value w WHERE w.id = ${GRADIENT_VALUE_ID})`)} AS hash, -- joins value.hash; null for one element
  ${typed('INTEGER', GRADIENT_VALUE_ID)} AS value_id, -- joins value.id; null for one element, or when not captured
  ${typed('TEXT', `CASE WHEN g.kept IN (${VALUE_SCALAR}, ${CAPTURE_BYTES}) THEN 'captured' WHEN ${gradientMaterialized('1', 0)} THEN 'materialized' WHEN g.kept = ${CAPTURE_HASH} THEN 'summary and hash' WHEN g.kept = ${CAPTURE_SUMMARY} THEN 'summary' ELSE 'nothing' END`)} AS kept, -- what the tape has of it: captured (its bytes), materialized (its bytes, computed again later), summary and hash, summary, nothing
  ${typed('BLOB', bytesOfValue(GRADIENT_VALUE_ID))} AS bytes, -- of an array: row-major, little-endian; null for one element, when not captured, or kept in several chunks
  CASE g.held WHEN 0 THEN 'none' WHEN 1 THEN 'this' ELSE 'sum' END AS held, -- what the variable's grad is after the pass: none (an intermediate variable), this gradient, or the sum of this and what it held
  ${typed('REAL', accumulated(finiteOrNull('a.scalar')))} AS accumulated_value, -- the sum, for one element; null otherwise, and when it is not finite
  ${typed('TEXT', accumulated(nonFinite('a.scalar')))} AS accumulated_non_finite, -- the sum: NaN, Infinity or -Infinity, where it is one number and that; null otherwise
  ${typed('INTEGER', `coalesce(${accumulated('a.value_id')}, ${gradientMaterialized('m.value_id', 1)})`)} AS accumulated_value_id, -- the sum: joins value.id; null when there is none, or it was not captured
  ${typed('REAL', accumulated('a.l2_norm'))} AS accumulated_l2_norm, -- the sum: its Euclidean norm; null when there is none, or it is not finite
  ${typed('INTEGER', `coalesce(${gradientMaterialized('1', 0)}, 0)`)} AS is_materialized, -- 1 when the bytes were not captured, but computed again later by a replay
  ${BLOCK_ID}
FROM _block b CROSS JOIN _template t CROSS JOIN _gradient g LEFT JOIN _variable v ON v.id = g.variable_id
WHERE t.id = b.template_id AND t.gradients <> '[]' AND g.id BETWEEN b.id AND b.id + t.event_count - 1`,

  pass: `CREATE VIEW pass AS -- One backward pass. Key: run_id, position.
SELECT
  b.run_id AS run_id, -- joins run.id
  ${typed('INTEGER', POSITION)} AS position, -- of the BackwardStarted event
  b.step AS step, -- in which it was made
  ${typed('INTEGER', ROOT_COUNT)} AS root_count, -- from how many variables it went out
  ${typed('INTEGER', `${field(PASS_ENTRY.flags)} & ${PASS_FLAGS.createGraph} <> 0`)} AS is_graph_created, -- 1 when the gradients can be differentiated again
  ${typed('INTEGER', `${field(PASS_ENTRY.flags)} & ${PASS_FLAGS.retainGrad} <> 0`)} AS is_grad_retained, -- 1 when intermediate variables kept their gradients
  ${typed('INTEGER', `${field(PASS_ENTRY.flags)} & ${PASS_FLAGS.targets} <> 0`)} AS is_targeted, -- 1 when grad() asked for certain variables
  ${BLOCK_ID}
FROM ${entries('passes')}
UNION ALL
SELECT ${runOf('id')}, ${positionOf('id')}, step, json_array_length(payload, '$.roots'), json_extract(payload, '$.createGraph'), json_extract(payload, '$.retainGrad'), json_type(payload, '$.targets') = 'array', (SELECT max(k.id) FROM _block k WHERE k.id <= _fact.id)
FROM _fact WHERE kind = ${EVENT_KINDS.BackwardStarted.kind}`,

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

  checkpoint: `CREATE VIEW checkpoint AS -- The values of all parameters and optimizer state at a step. Key: run_id, position.
SELECT
  ${typed('INTEGER', runOf('id'))} AS run_id, -- joins run.id
  ${typed('INTEGER', positionOf('id'))} AS position, -- its place in the run
  step AS step, -- at which it was taken
  ${typed('INTEGER', "json_array_length(payload, '$.variables')")} AS variable_count, -- how many variables it holds
  ${typed('INTEGER', `(SELECT coalesce(sum(coalesce(v.size * ${ELEMENT_BYTES_OF('v.dtype')}, 8)), 0) FROM _checkpoint_value k LEFT JOIN _value v ON v.id = k.value_id WHERE k.id = _fact.id)`)} AS byte_count -- of their values, each content counted as often as it is held
FROM _fact WHERE kind = ${EVENT_KINDS.CheckpointTaken.kind}`,

  checkpoint_value: `CREATE VIEW checkpoint_value AS -- The value of one variable in a checkpoint. Key: run_id, checkpoint_position, variable_position, variable_slot.
SELECT
  ${typed('INTEGER', runOf('k.id'))} AS run_id, -- joins run.id
  ${typed('INTEGER', positionOf('k.id'))} AS checkpoint_position, -- joins checkpoint.position
  c.step AS step, -- of the checkpoint
  ${typed('INTEGER', positionOfRef("json_extract(c.payload, '$.variables[' || k.ordinal || ']')"))} AS variable_position, -- joins variable.position
  ${typed('INTEGER', "json_extract(c.payload, '$.variables[' || k.ordinal || ']') >> 40")} AS variable_slot, -- joins variable.slot
  f.dtype AS dtype, -- float64, float32, int32, uint8, bool
  f.shape AS shape, -- JSON
  ${typed('REAL', finiteOrNull('k.scalar'))} AS value, -- the number, of a variable of one element; null otherwise, and when it is not finite
  ${typed('TEXT', nonFinite('k.scalar'))} AS non_finite, -- NaN, Infinity or -Infinity, where the number is that; null otherwise
  k.value_id AS value_id -- joins value.id; null for one element
FROM _checkpoint_value k JOIN _fact c ON c.id = k.id JOIN _array_form f ON f.id = k.form_id`,

  function_profile: `CREATE VIEW function_profile AS -- How often a run called a function in a scope, counted by templates. Key: run_id, function, scope.
SELECT
  u.run_id AS run_id, -- joins run.id
  s.function AS function, -- registered name
  s.scope AS scope, -- dotted name of the place in the program
  ${typed('INTEGER', 'sum(u.blocks)')} AS call_count, -- how many calls
  ${typed('INTEGER', `sum(u.blocks * (SELECT coalesce(sum(${sizeOf(`(o.value ->> ${ARRAY_FORM_LIST.shape})`)}), 0) FROM ${outputs}))`)} AS element_count, -- elements that they made
  ${typed('INTEGER', `sum(u.blocks * (SELECT coalesce(sum(${sizeOf(`(o.value ->> ${ARRAY_FORM_LIST.shape})`)} * ${ELEMENT_BYTES_OF(`(o.value ->> ${ARRAY_FORM_LIST.dtype})`)}), 0) FROM ${outputs}))`)} AS byte_count -- bytes of these elements
FROM (SELECT template_id, run_id, count(*) AS blocks FROM _block GROUP BY template_id, run_id) u
JOIN _template t ON t.id = u.template_id JOIN json_each(t.calls) e ON true JOIN _signature s ON s.id = ${field(CALL_ENTRY.signature)}
GROUP BY u.run_id, s.function, s.scope`,

  batch: `CREATE VIEW batch AS -- One row of a data set in a batch, which is a call of take with indices that no call made. Key: run_id, position, place.
WITH taken AS MATERIALIZED (
  -- Of several calls with the same indices the first: SQLite takes the other columns from the row of the minimum.
  SELECT b.run_id AS run_id, b.step AS taken_step, b.id AS block_id, min(${EVENT_ID}) AS id, ${position(INPUT(0))} AS data_position, ${position(INPUT(1))} AS index_position
  FROM ${CALLS}
  WHERE s.function = 'take' AND json_array_length(e.value) = ${CALL_ENTRY.inputs + 2}
  GROUP BY b.run_id, ${position(INPUT(1))}
), used AS MATERIALIZED (
  SELECT x.*,
    (SELECT f.dtype || ' ' || (f.role = 'constant') FROM ${leafAt('x.data_position')}) AS data_form,
    (SELECT f.name FROM ${leafAt('x.data_position')}) AS data_name,
    (SELECT f.dtype FROM ${leafAt('x.index_position')}) AS dtype,
    (SELECT CASE WHEN ${CELLS} > 1 THEN ${inlineBytes(FIRST)} ELSE ${bytesOfValue(valueId(LEAF_CELL))} END FROM ${leafAt('x.index_position')}) AS bytes,
    (SELECT ${numberInCell(LEAF_CELL)} FROM ${leafAt('x.index_position')}) AS one,
    (SELECT min(b.step) FROM ${entries('calls')} JOIN json_each(e.value) i ON i.key >= ${CALL_ENTRY.inputs} WHERE b.run_id = x.run_id AND b.step IN (x.taken_step, x.taken_step + 1) AND b.id >= x.block_id AND (${position('i.value')}) = (x.id & 4294967295)) AS used_step
  FROM taken x
)
SELECT
  u.run_id AS run_id, -- joins run.id
  ${typed('INTEGER', 'coalesce(u.used_step, u.taken_step)')} AS step, -- the step that uses it: of the first call that reads the batch, in the step that took it or the next one; else the step that took it
  ${typed('INTEGER', positionOf('u.id'))} AS position, -- of the call that took it: joins call.position; of several with the same indices the first
  u.taken_step AS taken_step, -- in which it was taken, which is often the step before
  u.data_position AS data_position, -- the data set's array: joins leaf.position
  u.data_name AS data_name, -- the name that array was made with; null when none
  ${typed('INTEGER', 'p.key')} AS place, -- in the batch, from 0
  ${typed('INTEGER', `CASE WHEN u.bytes IS NULL THEN u.one WHEN u.dtype = 'uint8' THEN ${byteIn('u.bytes', 'p.key')} ELSE ${int32In('u.bytes', 'p.key')} END`)} AS data_row, -- which row of the data set, from 0; below 0 it counts from the end
  u.block_id AS block_id -- joins block.id: of the block that holds the call
FROM used u JOIN json_each('[0' || replace(hex(zeroblob(CASE WHEN u.bytes IS NULL THEN 0 ELSE length(u.bytes) / CASE u.dtype WHEN 'uint8' THEN 1 ELSE 4 END - 1 END)), '00', ',0') || ']') p ON true
WHERE u.data_form IS NOT NULL AND u.data_form LIKE '% 1' AND u.dtype IN ('int32', 'uint8') AND (length(u.bytes) > 0 OR u.one IS NOT NULL)`,

  module_mode: `CREATE VIEW module_mode AS -- One call that tells whether its module was in training: dropout, also that of attention, is called in training alone; batchNorm reads running statistics in use. Key: run_id, position.
SELECT
  b.run_id AS run_id, -- joins run.id
  b.step AS step, -- in which it was made
  ${typed('INTEGER', POSITION)} AS position, -- of the call: joins call.position
  g.function AS function, -- dropout, scaledDotProductAttention (which drops weights) or batchNorm
  g.scope AS scope, -- dotted name of the place in the program
  ${typed('INTEGER', IS_TRAINING)} AS is_training, -- 1 in training, 0 in use
  ${BLOCK_ID}
FROM ${entries('calls')} JOIN _signature g ON g.id = ${field(CALL_ENTRY.signature)} WHERE ${TELLS_MODE}`,

  random_draw: `CREATE VIEW random_draw AS -- Random numbers that one call drew: those of its seed and counter, on every machine. Key: run_id, position.
SELECT
  b.run_id AS run_id, -- joins run.id
  b.step AS step, -- in which it was made
  ${typed('INTEGER', POSITION)} AS position, -- of the call: joins call.position
  g.function AS function, -- dropout, or scaledDotProductAttention, which drops weights
  g.scope AS scope, -- dotted name of the place in the program
  ${typed('INTEGER', setting('seed'))} AS seed, -- of the generator
  ${typed('INTEGER', setting('counter'))} AS counter, -- which draw of it, from 0
  ${typed('INTEGER', `CASE g.function WHEN 'dropout' THEN ${sizeOf('g.shape')} END`)} AS size, -- how many numbers: one an element; null for attention, where it is one a weight
  ${BLOCK_ID}
FROM ${entries('calls')} JOIN _signature g ON g.id = ${field(CALL_ENTRY.signature)} WHERE ${DRAWS}`,

  optimizer_step: `CREATE VIEW optimizer_step AS -- One call by which an optimizer made a new value of a parameter. Key: run_id, position.
SELECT
  b.run_id AS run_id, -- joins run.id
  b.step AS step, -- in which it was made
  ${typed('INTEGER', POSITION)} AS position, -- of the call: joins call.position
  s.function AS function, -- sgdStep, adamStep, …
  ${typed('INTEGER', position(INPUT(0)))} AS variable_position, -- the parameter: joins leaf.position
  ${typed('TEXT', `coalesce(${nameGiven('b.run_id', position(INPUT(0)))}, (SELECT v.name FROM _variable v WHERE v.run_id = b.run_id AND v.ref = ${position(INPUT(0))}))`)} AS variable_name, -- the last name the parameter was given; null when none
  ${typed('REAL', setting('lr'))} AS lr, -- the learning rate of this step; null when it has none that is finite
  ${typed('REAL', setting('momentum'))} AS momentum, -- null when the optimizer has none
  ${typed('REAL', setting('weightDecay'))} AS weight_decay, -- null when the optimizer has none
  ${typed('TEXT', CALL_ATTRIBUTES)} AS attributes, -- JSON: all settings
  ${BLOCK_ID}
FROM ${CALLS} WHERE s.scope = 'optimizer' OR s.scope LIKE '%.optimizer'`,

  parameter_version: `CREATE VIEW parameter_version AS -- One new value that a parameter was given, with what the tape knows of it. Key: run_id, position.
SELECT
  b.run_id AS run_id, -- joins run.id
  b.step AS step, -- in which it was assigned
  ${typed('INTEGER', positionOf(VERSION_ID))} AS position, -- of the assignment: joins assignment.position
  ${typed('INTEGER', positionOfRef('v.ref'))} AS variable_position, -- the parameter: joins leaf.position
  v.name AS variable_name, -- the name it was made with; null when none
  ${typed('INTEGER', ofVersion(position(field(ASSIGNMENT_ENTRY.source))))} AS source_position, -- the call whose output it is, mostly an optimizer's; null when it came from outside
  ${typed('INTEGER', ofVersion(`CASE ${field(ASSIGNMENT_ENTRY.source)} WHEN 0 THEN NULL ELSE ${slot(field(ASSIGNMENT_ENTRY.source))} END`))} AS source_slot, -- which output of that call
  ${typed('INTEGER', ofVersion(ASSIGNED_VALUE_ID))} AS value_id, -- joins value.id; null when the value was neither captured nor materialized, and for one element
  ${typed('REAL', versionNumber('l2_norm'))} AS l2_norm, -- Euclidean norm; null when it is not finite, and when the run did not measure what it assigned and the value is not on the tape
  ${typed('REAL', versionNumber('mean'))} AS mean, -- mean of the elements
  ${typed('REAL', finite(versionNumber('min')))} AS min, -- smallest element
  ${typed('REAL', finite(versionNumber('max')))} AS max, -- largest element
  ${typed('INTEGER', versionNumber('zero_count'))} AS zero_count, -- how many elements are 0
  ${typed('INTEGER', versionNumber('non_finite_count'))} AS non_finite_count, -- how many elements are NaN or infinite
  ${nanCount('m')}
  ${infiniteCount('m')}
  m.update_norm AS update_norm, -- Euclidean norm of this value minus the one before; null when not finite, and when the run did not measure what it assigned
  ${typed('REAL', 'm.update_norm / m.l2_norm')} AS update_ratio -- update_norm in parts of l2_norm; null when either is, and when the value is 0
FROM _block b CROSS JOIN _template t CROSS JOIN json_each('["measured","other"]') d
LEFT JOIN json_each(CASE WHEN d.key = 1 AND NOT EXISTS (SELECT 1 FROM _assignment x WHERE x.id > b.run_id << 32 AND x.id < (b.run_id + 1) << 32) THEN t.assignments END) e ON true
LEFT JOIN _assignment m ON d.key = 0 AND m.id BETWEEN b.id AND b.id + t.event_count - 1
JOIN _variable v ON v.id = CASE d.key WHEN 0 THEN m.variable_id ELSE (SELECT w.id FROM _variable w WHERE w.run_id = b.run_id AND w.ref = ${position(ASSIGNED_REF)}) END
JOIN _leaf_form r ON r.id = v.leaf_form_id AND r.role = 'parameter'
WHERE t.id = b.template_id AND t.assignments <> '[]'`,

  template_call: `CREATE VIEW template_call AS -- One call of a repeated graph, once however often it is repeated; see block. Key: template_id, place.
SELECT
  t.id AS template_id, -- joins block.template_id
  ${typed('INTEGER', field(CALL_ENTRY.offset))} AS place, -- in its blocks: the call stands at first_position + place
  s.function AS function, -- registered name
  s.scope AS scope, -- dotted name of the place in the program
  s.linked AS is_grad_enabled, -- 0 inside noGrad
  ${typed('TEXT', `(SELECT x.content FROM _text x WHERE x.id = ${field(CALL_ENTRY.attributes)})`)} AS attributes, -- JSON; null where they differ from block to block
  ${typed('INTEGER', `json_array_length(e.value) - ${CALL_ENTRY.inputs}`)} AS input_count, -- see call_input
  s.output_count AS output_count, -- see call_output
  s.dtype AS dtype, -- of the first output
  s.shape AS shape, -- JSON; of the first output
  ${typed('TEXT', siteOf(`c.template_id = t.id AND c.place = ${field(CALL_ENTRY.offset)}`))} AS site -- file:line:column of the user's code that made it last; null when it was not looked at
FROM _template t JOIN json_each(t.calls) e ON true JOIN _signature s ON s.id = ${field(CALL_ENTRY.signature)}`,

  note: `CREATE VIEW note AS -- One remark of the program or of a person. Key: run_id, position.
SELECT
  ${typed('INTEGER', runOf('id'))} AS run_id, -- joins run.id
  ${typed('INTEGER', positionOf('id'))} AS position, -- its place in the run
  step AS step, -- in which it was made
  ${typed('TEXT', "json_extract(payload, '$.text')")} AS text -- the remark
FROM _fact WHERE kind = ${EVENT_KINDS.NoteAdded.kind}`,

  event: `CREATE VIEW event AS -- Every event. Order by run_id, position, which is its key.
SELECT
  b.run_id AS run_id, -- joins run.id
  ${typed('INTEGER', POSITION)} AS position, -- 1-based place in the run, without gaps
  b.step AS step, -- in which it happened
  ${typed('TEXT', 'd.key')} AS type, -- ${EVENT_TYPES.join(', ')}
  ${typed('INTEGER', `CASE WHEN d.value = ${EVENT_KINDS.LeafCreated.kind} THEN ${POSITION} ELSE coalesce(${position(`(${SUBJECT})`)}, ${positionOfRef(`(${SUBJECT_IN_ROW})`)}) END`)} AS variable_position, -- the variable it is about; for a call its first input; null when it is about none
  ${typed('INTEGER', `CASE WHEN d.value = ${EVENT_KINDS.LeafCreated.kind} THEN 0 ELSE coalesce(${slot(`(${SUBJECT})`)}, (${SUBJECT_IN_ROW}) >> 40) END`)} AS variable_slot, -- which output of its call that variable is; null when it is about none
  ${typed('TEXT', EVENT_DETAIL)} AS detail, -- JSON of what it says; the name of a function or metric; for a leaf [role, requires_grad, name, dtype, shape]; null for nothing more
  ${BLOCK_ID}
FROM _block b JOIN _template t ON t.id = b.template_id JOIN json_each('${KINDS_JSON}') d ON true JOIN json_each(${EVENTS_OF_TYPE}) e ON true`,

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
