/** One variable: its value, its versions, the gradients recorded for it, and what it is. */
import type { NDArray } from '../array/ndarray.js'
import { TapeError } from '../errors.js'
import type { CallSite } from '../events/call-site.js'
import { summarized } from '../events/content.js'
import { type ArraySummary, positionOf, slotOf } from '../events/event.js'
import type { Variable } from '../graph/variable.js'
import { type GradientRow, gradientsOfVariable, lastGradientsOfVariable } from '../queries/gradients.js'
import { type Assignment, assignmentSpan, assignmentsTo } from '../queries/variables.js'
import type { Views } from '../queries/views.js'
import type { InspectedRun } from './inspected-run.js'
import { type Origin, originOf } from './value-origin.js'

/** An array and what it comes to. */
export interface ArrayWithSummary {
  array: NDArray
  summary: ArraySummary
}

/** One variable of a run, as a step read it. */
export interface VariableState {
  variable: Variable
  position: number
  /** Which output of its call it is; 0 for a leaf. */
  slot: number
  /** In which step it was made. */
  step: number
  /** `parameter`, `variable`, `constant`, `output of matmul`, `output of a call inside noGrad`. */
  kind: string
  isOutput: boolean
  /** Where in the user's code the call was made that it comes from; null for a leaf, and where the tape does not say. */
  site: CallSite | null
  origin: Origin | 'not captured'
  dtype: string
  shape: readonly number[]
  /** Null when it was not captured, and nothing that it follows from was. */
  value: ArrayWithSummary | null
  gradient: ArrayWithSummary | null
  /** Positions of other parameters that have its name, 20 at most: a name alone does not say which one is meant. */
  others: number[]
}

/** What became of it, which is as long as the run. */
export interface VariableHistory {
  assignments: Assignment[]
  gradients: GradientRow[]
}

/** The same with its history. */
export interface VariableReport extends VariableState, VariableHistory {}

/** The same history in short. */
export interface VariableHistoryInShort {
  /** Null for no assignment. */
  assigned: { count: number; first: Assignment; last: Assignment } | null
  gradientCount: number
  /** The last ones, in order. */
  gradients: GradientRow[]
}

const OTHERS_MAX = 20

/**
 * A variable by its name or position, with `step` as that step read it.
 *
 * Throws  VARIABLE_NOT_FOUND, STEP_NOT_FOUND, UNREGISTERED_FUNC; KERNEL_MISMATCH, REPLAY_DIVERGED for what is computed again
 */
export function reportOnVariable(
  run: InspectedRun,
  what: string | number,
  step: number | null = null,
): VariableReport {
  const state = stateOfVariable(run, what, step)
  return { ...state, ...historyOfVariable(run, state, step) }
}

/** All assignments to a variable and all its gradients, of one step when given. */
export function historyOfVariable(
  { past, views }: InspectedRun,
  { position, slot }: VariableState,
  step: number | null,
): VariableHistory {
  return {
    assignments: slot === 0 ? assignmentsTo(views, past.id, position) : [],
    gradients: gradientsOfVariable(views, past.id, { position, slot }, step),
  }
}

/** The same in short: how many there are, and the last gradients; of 500,000 steps in a third of the time. */
export function historyInShort(
  { past, views }: InspectedRun,
  { position, slot }: VariableState,
  step: number | null,
  limit: number,
): VariableHistoryInShort {
  const { count, last } = lastGradientsOfVariable(views, past.id, { position, slot }, step, limit)
  return {
    assigned: slot === 0 ? assignmentSpan(views, past.id, position) : null,
    gradientCount: count,
    gradients: last,
  }
}

/** The same without its history. Throws as `reportOnVariable`. */
export function stateOfVariable(
  { past, views, lookup, say }: InspectedRun,
  what: string | number,
  step: number | null = null,
): VariableState {
  const variable = past.variable(what, step === null ? {} : { step })
  const { ref, creator, role } = variable
  const position = positionOf(ref)
  const slot = slotOf(ref)
  const range = step === null ? null : lookup.stepRange(step, past.lastPosition)
  const readAt =
    range === null ? past.lastPosition + 1 : (lookup.firstReader(ref, range.from, range.to) ?? range.to + 1)
  const value = captured(() => variable.data)
  const maker = say.event(position)
  const isOutput = creator !== null || maker.type === 'FunctionCalled'
  const { dtype, shape } = value?.array ?? say.form(ref)
  return {
    variable,
    position,
    slot,
    step: maker.step,
    kind: creator !== null ? `output of ${creator.name}` : isOutput ? 'output of a call inside noGrad' : role,
    isOutput,
    site: isOutput ? past.siteOf(position) : null,
    origin: value === null ? 'not captured' : originOf(lookup, (at) => say.event(at), ref, readAt),
    dtype,
    shape,
    value,
    gradient: captured(() => variable.grad?.data ?? null),
    others:
      role === 'parameter' && variable.name !== null
        ? namedAlike(views, past.id, variable.name, position)
        : [],
  }
}

function namedAlike(views: Views, runId: number, name: string, position: number): number[] {
  return views
    .all<{ position: number }>(
      'SELECT position FROM parameter WHERE run_id = ? AND name = ? AND position <> ? ORDER BY position LIMIT ?',
      ...[runId, name, position, OTHERS_MAX],
    )
    .map((row) => row.position)
}

/** Null when there is none, or the run was not to keep what it follows from. */
function captured(read: () => NDArray | null): ArrayWithSummary | null {
  try {
    const array = read()
    return array === null ? null : { array, summary: summarized(array, true) }
  } catch (error) {
    if (error instanceof TapeError && error.code === 'VALUE_NOT_CAPTURED') return null
    throw error
  }
}
