/** Terms of the views' SQL that several of them use: what stands where in a template, and what is looked up for a row. */
import { elementBytes, RECORDED_DTYPES } from '../../../events/dtypes.js'
import { EVENT_KINDS } from '../../../events/event-kinds.js'
import { CALL_ENTRY, LEAF_ENTRY, PASS_ENTRY } from '../../../events/record-layout.js'
import { cellHex, entries, field, idInCell, typed } from './macros.js'

// Of the entry of a leaf, call, gradient or assignment: its first cell, how many it takes, and what is in the first.
export const FIRST = field(CALL_ENTRY.cell)

export const CELLS = field(CALL_ENTRY.cells)

export const CELL = cellHex(FIRST)

/**
 * The last name that a variable was given by an event. Whether a tape has such events at all is asked once a query, and not once a
 * variable: `EXISTS` names nothing of the row. The plus takes the affinity from a column, without which the index on an expression is not
 * used, and every name a walk over all events of the kind.
 */
export function nameGiven(run: string, ref: string): string {
  const kind = EVENT_KINDS.VariableNamed.kind
  return `CASE WHEN EXISTS (SELECT 1 FROM _fact WHERE kind = ${kind}) THEN (SELECT json_extract(n.payload, '$.name') FROM _fact n WHERE n.id >> 32 = +${run} AND n.kind = ${kind} AND n.subject = ${ref} ORDER BY n.id DESC LIMIT 1) END`
}

/** The name under which a variable was logged in the step that made it. `id` is that of the event that did. */
export function nameLogged(id: string, ref: string): string {
  const next = `((${id} >> 32) + 1) << 32`
  const stepEnd = `coalesce((SELECT min(s.id) FROM _step s WHERE s.id > ${id} AND s.id < ${next}), ${next})`
  return `(SELECT x.content FROM _metric n JOIN _text x ON x.id = n.name_id WHERE n.variable = ${ref} AND n.id > ${id} AND n.id < ${stepEnd} ORDER BY n.id LIMIT 1)`
}

/** The bytes of a value, in one place whatever their size: in its row, or in its only chunk. */
export function bytesOfValue(id: string): string {
  return `(SELECT coalesce(w.bytes, (SELECT c.bytes FROM _chunk c WHERE c.value_id = w.id AND (SELECT count(*) FROM _chunk k WHERE k.value_id = w.id) = 1)) FROM _value w WHERE w.id = ${id})`
}

/** How many elements an array of a shape has: the product of its extents. */
export function sizeOf(shape: string): string {
  return `(WITH RECURSIVE p (axis, size) AS (SELECT 0, 1 UNION ALL SELECT p.axis + 1, p.size * (${shape} ->> p.axis) FROM p WHERE p.axis < json_array_length(${shape})) SELECT p.size FROM p ORDER BY p.axis DESC LIMIT 1)`
}

/** The event after the last one of the step that begins with the event `id`. */
export function stepEnd(id: string): string {
  const next = `((${id} >> 32) + 1) << 32`
  return `coalesce((SELECT n.id FROM _step n WHERE n.id > ${id} AND n.id < ${next} ORDER BY n.id LIMIT 1), ${next})`
}

/** Bytes of an element of a dtype. */
export const ELEMENT_BYTES_OF = (dtype: string) =>
  `CASE ${dtype} ${RECORDED_DTYPES.filter((name) => elementBytes(name) > 1)
    .map((name) => `WHEN '${name}' THEN ${elementBytes(name)}`)
    .join(' ')} ELSE 1 END`

export const ROOT_COUNT = field(PASS_ENTRY.rootCount)

/** The events of one kind that stand in templates, flat: a list of its own each. */
export const LEAVES = `${entries('leaves')} JOIN _leaf_form f ON f.id = ${field(LEAF_ENTRY.form)}`

export const CALLS = `${entries('calls')} JOIN _signature s ON s.id = ${field(CALL_ENTRY.signature)}`

/**
 * The names of the variables of a view, as the column n.name. A name has three sources, and to find it from a variable takes a while;
 * so _name lists which places of which templates may have which names. From a name the planner finds the few blocks, and a
 * variable at a place that never had a name is not asked for one.
 */
export function named(slot: string, name: string): string {
  return `LEFT JOIN _name n ON n.template_id = b.template_id AND n.place = (${field(CALL_ENTRY.offset)}) AND n.slot = ${slot} AND +n.name = ${name}`
}

/** The id of the entry's event. */
export const EVENT_ID = `b.id + (${field(CALL_ENTRY.offset)})`

/** The cell of a leaf; NULL where it has none, or several that hold an array. */
export const LEAF_CELL = `CASE ${CELLS} WHEN 1 THEN ${CELL} END`

/** How many of the elements that are not finite are of one kind, of a row with the columns of a summary. */
export function nanCount(row: string): string {
  return `${typed('INTEGER', `CASE ${row}.non_finite_count WHEN 0 THEN 0 ELSE ${row}.nan_count END`)} AS nan_count, -- how many of these are NaN; null when an earlier gradtape recorded it, which did not tell them apart`
}

export function infiniteCount(row: string): string {
  return `${typed('INTEGER', `CASE ${row}.non_finite_count WHEN 0 THEN 0 ELSE ${row}.non_finite_count - ${row}.nan_count END`)} AS infinite_count, -- how many of these are infinite; null as nan_count`
}

export const BLOCK_ID = `b.id AS block_id -- joins block.id: of the block that holds it, by which it is found at once; see block`

/** A column of the signature of the entry's call. Not joined: a query that only counts calls would wait for it. */
export const ofSignature = (column: string) =>
  `(SELECT s.${column} FROM _signature s WHERE s.id = ${field(CALL_ENTRY.signature)})`

/** A number among the attributes of the entry's call. */
export function setting(name: string): string {
  return `(SELECT CASE WHEN json_type(x.content, '$.${name}') IN ('integer', 'real') THEN json_extract(x.content, '$.${name}') END FROM _text x WHERE x.id = CASE ${field(CALL_ENTRY.attributes)} WHEN 0 THEN ${idInCell(cellHex(`(${FIRST}) + (${CELLS}) - 1`))} ELSE ${field(CALL_ENTRY.attributes)} END)`
}

/** Functions that draw random numbers when they are called: attention where it has a share of weights to drop. */
export const DRAWING = "'dropout', 'scaledDotProductAttention'"

export const DRAWS = `g.function IN (${DRAWING}) AND ${setting('counter')} IS NOT NULL`

/** Calls that compute differently in training and in use: what drops is called in training alone, batchNorm reads running statistics in use. */
export const TELLS_MODE = `(g.function = 'batchNorm' OR ${DRAWS})`

export const IS_TRAINING = `g.function <> 'batchNorm' OR json_array_length(e.value) = ${CALL_ENTRY.inputs + 3}`
