/** Views of the graph: variables, calls, and the edges between them. */
import { ARRAY_FORM_LIST, CALL_ENTRY, LEAF_ENTRY, SIGNATURE_LIST } from '../../../events/record-layout.js'
import {
  cellHex,
  entries,
  field,
  finite,
  finiteOrNull,
  idInCell,
  idOf,
  inlineBytes,
  nonFinite,
  nonFiniteInCell,
  numberInCell,
  POSITION,
  position,
  positionOf,
  refOf,
  slot,
  typed,
  valueId,
} from './macros.js'
import {
  BLOCK_ID,
  bytesOfValue,
  CALLS,
  CELLS,
  ELEMENT_BYTES_OF,
  EVENT_ID,
  FIRST,
  infiniteCount,
  LEAF_CELL,
  LEAVES,
  named,
  nameGiven,
  nameLogged,
  nanCount,
  ofSignature,
  sizeOf,
} from './terms.js'

/** The outputs of a call's signature `s`, joined as `o`. */
const outputs = `json_each(s.content, '$[${SIGNATURE_LIST.outputs}]') o`

/** The site of the last call, among those that fulfil `where`, whose site is on the tape. */
function siteOf(where: string): string {
  return `(SELECT i.file || ':' || i.line || ':' || i.column_number FROM _site i WHERE i.id = (SELECT c.site_id FROM _call_site c WHERE ${where} ORDER BY c.id DESC LIMIT 1))`
}

const OUTPUTS = `${CALLS} JOIN ${outputs} ON true`

/** The ref of output `o` of the entry's call. */
const OUTPUT_REF = refOf(POSITION, 'o.key')

/** The cell of output `o`; NULL where nothing is kept of it. */
const OUTPUT_CELL = `CASE WHEN (${CELLS}) - (${field(CALL_ENTRY.attributes)} = 0) > o.key THEN ${cellHex(`(${FIRST}) + o.key`)} END`

/** The cell of a node of the view variable: `d` says whether it is a leaf or output `o` of a call. */
const NODE_CELL = `CASE d.key WHEN 0 THEN ${LEAF_CELL} ELSE ${OUTPUT_CELL} END`

/** What was computed again later of output `o`, or of gradient `g`: a column of its row. */
const outputMaterialized = (column: string) =>
  `(SELECT ${column} FROM _materialized m WHERE m.id = ${EVENT_ID} AND m.part = o.key)`

const OUTPUT_VALUE_ID = `coalesce(${outputMaterialized('m.value_id')}, ${valueId(OUTPUT_CELL)})`

const NODE_VALUE_ID = `CASE WHEN d.key = 1 AND ${outputMaterialized('1')} THEN ${outputMaterialized('m.value_id')} ELSE ${valueId(NODE_CELL)} END`

const isGradient = (at: string) => `EXISTS (SELECT 1 FROM _gradient r WHERE r.id = ${idOf('b.run_id', at)})`

export const GRAPH_VIEWS = {
  leaf: `CREATE VIEW leaf AS -- One variable that no call made: a parameter, an input, a constant. Key: run_id, position.
SELECT
  b.run_id AS run_id, -- joins run.id
  ${typed('INTEGER', POSITION)} AS position, -- of the event that made it
  b.step AS step, -- in which it was made
  n.name AS name, -- the last name it was given, or under which it was logged; null when none
  f.role AS role, -- parameter, variable, constant
  f.requires_grad AS is_grad_required, -- 0 where no gradient goes to it, as it was made; what requiresGrad was set to since is in freezing
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
  ${typed('INTEGER', 'o.key')} AS slot, -- which output of its call, from 0
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
  ${typed('INTEGER', 'o.key')} AS slot, -- which output of its call, from 0
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
  ${typed('INTEGER', 'o.key')} AS slot, -- which output of its call; 0 for a leaf
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
  ${typed('TEXT', `CASE WHEN ${isGradient(position('i.value'))} THEN 'gradient' ELSE 'variable' END`)} AS source, -- variable, or gradient (an optimizer reads these)
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
  ${typed('INTEGER', 'o.key')} AS slot, -- result number, from 0
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
  ${typed('TEXT', `CASE WHEN d.key = 0 AND ${isGradient(position('i.value'))} THEN 'gradient' ELSE 'variable' END`)} AS source, -- variable, or gradient (an optimizer reads these)
  ${typed('INTEGER', `CASE WHEN d.key = 1 THEN ${POSITION} WHEN NOT ${isGradient(position('i.value'))} THEN ${position('i.value')} END`)} AS variable_position, -- joins variable.position; null for a gradient
  ${typed('INTEGER', `CASE WHEN d.key = 1 THEN i.key WHEN NOT ${isGradient(position('i.value'))} THEN ${slot('i.value')} END`)} AS variable_slot, -- joins variable.slot; null for a gradient
  ${typed('INTEGER', `CASE WHEN d.key = 0 AND ${isGradient(position('i.value'))} THEN ${position('i.value')} END`)} AS gradient_position, -- joins gradient.position; null for a variable
  ${BLOCK_ID.replace(' --', ', --')}
  s.function AS call_function, -- call.function, without a join
  s.scope AS call_scope -- call.scope, likewise
FROM ${CALLS} JOIN json_each('["input","output"]') d ON true
JOIN json_each(CASE d.key WHEN 0 THEN e.value ELSE json_extract(s.content, '$[${SIGNATURE_LIST.outputs}]') END) i ON d.key = 1 OR i.key >= ${CALL_ENTRY.inputs}`,

  function_profile: `CREATE VIEW function_profile AS -- How often a run called a function in a scope, counted by templates. Key: run_id, function, scope.
SELECT
  u.run_id AS run_id, -- joins run.id
  s.function AS function, -- registered name
  s.scope AS scope, -- dotted name of the place in the program
  ${typed('INTEGER', 'sum(u.calls)')} AS call_count, -- how many calls
  ${typed('INTEGER', `sum(u.calls * (SELECT coalesce(sum(${sizeOf(`(o.value ->> ${ARRAY_FORM_LIST.shape})`)}), 0) FROM ${outputs}))`)} AS element_count, -- elements that they made
  ${typed('INTEGER', `sum(u.calls * (SELECT coalesce(sum(${sizeOf(`(o.value ->> ${ARRAY_FORM_LIST.shape})`)} * ${ELEMENT_BYTES_OF(`(o.value ->> ${ARRAY_FORM_LIST.dtype})`)}), 0) FROM ${outputs}))`)} AS byte_count -- bytes of these elements
FROM (
  SELECT b.run_id AS run_id, ${field(CALL_ENTRY.signature)} AS signature_id, sum(b.blocks) AS calls
  FROM (SELECT template_id, run_id, count(*) AS blocks FROM _block GROUP BY template_id, run_id) b
  JOIN _template t ON t.id = b.template_id JOIN json_each(t.calls) e ON true GROUP BY b.run_id, signature_id
) u JOIN _signature s ON s.id = u.signature_id
GROUP BY u.run_id, s.function, s.scope`,

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
} as const
