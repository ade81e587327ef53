/** The view of events, one by one: where those of each type stand, and what they say. */

import type { EventType } from '../../../events/event.js'
import { EVENT_KINDS, EVENT_TYPES } from '../../../events/event-kinds.js'
import {
  ASSIGNMENT_ENTRY,
  CALL_ENTRY,
  CLEAR_ENTRY,
  FREEZE_ENTRY,
  GRADIENT_ENTRY,
  LEAF_ENTRY,
  PASS_ENTRY,
  PASS_FLAGS,
} from '../../../events/record-layout.js'
import { field, POSITION, position, positionOfRef, refList, slot, typed } from './macros.js'
import { BLOCK_ID, EVENT_ID, ofSignature, ROOT_COUNT } from './terms.js'

const ROOTS = PASS_ENTRY.roots

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
  RequiresGradSet: 'freezes',
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
    ['RequiresGradSet', field(FREEZE_ENTRY.variable)],
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
    WHEN ${EVENT_KINDS.MetricLogged.kind} THEN (SELECT x.content FROM _metric m JOIN _text x ON x.id = m.name_id WHERE m.id = ${EVENT_ID}) WHEN ${EVENT_KINDS.BackwardStarted.kind} THEN CASE t.passes WHEN '[]' THEN ${FACT_PAYLOAD} ELSE ${PASS_DETAIL} END
    WHEN ${EVENT_KINDS.RequiresGradSet.kind} THEN json_object('requiresGrad', json(CASE ${field(FREEZE_ENTRY.requiresGrad)} WHEN 0 THEN 'false' ELSE 'true' END)) ELSE ${FACT_PAYLOAD} END`

export const EVENT_VIEWS = {
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
} as const
