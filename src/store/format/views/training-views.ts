/** Views of what training does: gradients, parameters and their versions, checkpoints, batches, modes, random numbers. */
import { CAPTURE_BYTES, CAPTURE_HASH, CAPTURE_SUMMARY } from '../../../events/capture.js'
import { EVENT_KINDS } from '../../../events/event-kinds.js'
import { VALUE_SCALAR } from '../../../events/pack.js'
import {
  ASSIGNMENT_ENTRY,
  CALL_ENTRY,
  FREEZE_ENTRY,
  PASS_ENTRY,
  PASS_FLAGS,
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
  numberInCell,
  POSITION,
  position,
  positionOf,
  positionOfRef,
  refOf,
  runOf,
  slot,
  typed,
  valueId,
} from './macros.js'
import {
  BLOCK_ID,
  bytesOfValue,
  CALLS,
  CELLS,
  DRAWS,
  ELEMENT_BYTES_OF,
  EVENT_ID,
  FIRST,
  IS_TRAINING,
  infiniteCount,
  LEAF_CELL,
  LEAVES,
  nameGiven,
  nameLogged,
  nanCount,
  ROOT_COUNT,
  setting,
  sizeOf,
  TELLS_MODE,
} from './terms.js'

const gradientMaterialized = (column: string, part: 0 | 1) =>
  `(SELECT ${column} FROM _materialized m WHERE m.id = g.id AND m.part = ${part})`

/** A column of what gradient `g` holds after accumulation. */
const accumulated = (column: string) => `(SELECT ${column} FROM _accumulated a WHERE a.id = g.id)`

const VARIABLE_OF_GRADIENT = 'v.ref'

const GRADIENT_VALUE_ID = `coalesce(g.value_id, ${gradientMaterialized('m.value_id', 0)})`

const ARRAY_OF_GRADIENT = (column: string) => `(SELECT f.${column} FROM _array_form f WHERE f.id = g.form_id)`

const ASSIGNED_REF = field(ASSIGNMENT_ENTRY.variable)

/** The leaf whose `requiresGrad` the entry sets. */
const FROZEN = field(FREEZE_ENTRY.variable)

/** An input of the entry's call, as templates hold it. */
function INPUT(argument: number): string {
  return field(CALL_ENTRY.inputs + argument)
}

/** The attributes of the entry's call. */
const CALL_ATTRIBUTES = `(SELECT x.content FROM _text x WHERE x.id = CASE ${field(CALL_ENTRY.attributes)} WHEN 0 THEN ${idInCell(cellHex(`(${FIRST}) + (${CELLS}) - 1`))} ELSE ${field(CALL_ENTRY.attributes)} END)`

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

/** A column of the view pass: from the entry, or, of a pass of the first version, from its event `k`. */
function ofPass(entry: string, event: string): string {
  return `CASE t.passes WHEN '[]' THEN (SELECT ${event} FROM _fact k WHERE k.id = ${EVENT_ID}) ELSE ${entry} END`
}

function passFlag(name: keyof typeof PASS_FLAGS): string {
  return `${field(PASS_ENTRY.flags)} & ${PASS_FLAGS[name]} <> 0`
}

export const TRAINING_VIEWS = {
  parameter: `CREATE VIEW parameter AS -- One parameter of a run: a leaf that training assigns to. Key: run_id, position.
SELECT
  run_id AS run_id, -- joins run.id
  position AS position, -- joins leaf.position
  step AS step, -- in which it was made
  name AS name, -- the last name it was given; null when none
  is_grad_required AS is_grad_required, -- 0 where no gradient goes to it, as it was made; what was frozen and unfrozen since is in freezing
  dtype AS dtype, -- float64, float32, int32, uint8, bool
  shape AS shape, -- JSON
  ${typed('INTEGER', sizeOf('shape'))} AS size, -- number of elements
  ${typed('INTEGER', `${sizeOf('shape')} * ${ELEMENT_BYTES_OF('dtype')}`)} AS byte_count, -- of its array
  block_id AS block_id -- joins block.id
FROM leaf WHERE role = 'parameter'`,

  freezing: `CREATE VIEW freezing AS -- One stretch of a run in which a leaf required a gradient, or did not: of every parameter, and of any other leaf whose requiresGrad was set. Key: run_id, variable_position, variable_slot, position.
SELECT
  x.run_id AS run_id, -- joins run.id
  x.step AS step, -- in which the stretch begins
  ${typed('INTEGER', 'x.position')} AS position, -- where it begins: the event RequiresGradSet, or that of the leaf
  ${typed('INTEGER', 'x.variable_position')} AS variable_position, -- the leaf: joins leaf.position, parameter.position
  ${typed('INTEGER', 'x.variable_slot')} AS variable_slot, -- 0; of what a call made inside noGrad, which output of the call
  ${typed('TEXT', `coalesce(${nameGiven('x.run_id', refOf('x.variable_position', 'x.variable_slot'))}, first_value(x.name) OVER w)`)} AS variable_name, -- the last name it was given; null when none
  ${typed('INTEGER', 'x.is_grad_required')} AS is_grad_required, -- 0 while it is frozen
  ${typed('INTEGER', 'lead(x.step) OVER w')} AS end_step, -- in which the next stretch begins; null for the last
  ${typed('INTEGER', 'lead(x.position) OVER w')} AS end_position -- of the event that ends it; null for the last
FROM (
  SELECT b.run_id AS run_id, b.step AS step, ${POSITION} AS position, ${POSITION} AS variable_position, 0 AS variable_slot, f.requires_grad AS is_grad_required, f.name AS name
  FROM ${LEAVES} WHERE f.role = 'parameter' OR ${EVENT_ID} IN (SELECT ${idOf('b.run_id', `(${position(FROZEN)})`)} FROM ${entries('freezes')})
  UNION ALL SELECT b.run_id, b.step, ${POSITION}, ${position(FROZEN)}, ${slot(FROZEN)}, ${field(FREEZE_ENTRY.requiresGrad)}, NULL
  FROM ${entries('freezes')}
) x WINDOW w AS (PARTITION BY x.run_id, x.variable_position, x.variable_slot ORDER BY x.position)`,

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
  ${typed('TEXT', "CASE g.held WHEN 0 THEN 'none' WHEN 1 THEN 'this' ELSE 'sum' END")} AS held, -- what the variable's grad is after the pass: none (an intermediate variable), this gradient, or the sum of this and what it held
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
  ${typed('INTEGER', ofPass(ROOT_COUNT, "json_array_length(k.payload, '$.roots')"))} AS root_count, -- from how many variables it went out
  ${typed('INTEGER', ofPass(passFlag('createGraph'), "json_extract(k.payload, '$.createGraph')"))} AS is_graph_created, -- 1 when the gradients can be differentiated again
  ${typed('INTEGER', ofPass(passFlag('retainGrad'), "json_extract(k.payload, '$.retainGrad')"))} AS is_grad_retained, -- 1 when intermediate variables kept their gradients
  ${typed('INTEGER', ofPass(passFlag('targets'), "json_type(k.payload, '$.targets') = 'array'"))} AS is_targeted, -- 1 when grad() asked for certain variables
  ${BLOCK_ID}
FROM _block b JOIN _template t ON t.id = b.template_id JOIN json_each(CASE t.passes WHEN '[]' THEN (SELECT json_group_array(json_array(r.id - b.id)) FROM _fact r WHERE r.id BETWEEN b.id AND b.id + t.event_count - 1 AND r.kind = ${EVENT_KINDS.BackwardStarted.kind}) ELSE t.passes END) e ON true`,

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
  ${typed('INTEGER', 'u.data_position')} AS data_position, -- the data set's array: joins leaf.position
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
  ${typed('REAL', finite('(m.update_norm / m.l2_norm)'))} AS update_ratio -- update_norm in parts of l2_norm; null when either is, when the value is 0, and when it is more than a number can be
FROM _block b CROSS JOIN _template t CROSS JOIN json_each('["measured","other"]') d
LEFT JOIN json_each(CASE WHEN d.key = 1 AND NOT EXISTS (SELECT 1 FROM _assignment x WHERE x.id > b.run_id << 32 AND x.id < (b.run_id + 1) << 32) THEN t.assignments END) e ON true
LEFT JOIN _assignment m ON d.key = 0 AND m.id BETWEEN b.id AND b.id + t.event_count - 1
JOIN _variable v ON v.id = CASE d.key WHEN 0 THEN m.variable_id ELSE (SELECT w.id FROM _variable w WHERE w.run_id = b.run_id AND w.ref = ${position(ASSIGNED_REF)}) END
JOIN _leaf_form r ON r.id = v.leaf_form_id AND r.role = 'parameter'
WHERE t.id = b.template_id AND t.assignments <> '[]'`,
} as const
