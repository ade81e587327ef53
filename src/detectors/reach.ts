/** Parameters that training does not reach: without a gradient, because something cuts the graph; without an update. */
import { type FunctionCalled, type LeafCreated, positionOf, type Ref } from '../events/event.js'
import { passedOverInNote } from '../events/passed-over-note.js'
import { callText, finding, namesText } from './draft.js'
import type { Finding } from './finding.js'
import type { StepEvents } from './step-events.js'
import type { LeafFacts, RunFacts } from './step-facts.js'

/** Fewer steps with a pass say nothing. */
export const REACH_STEPS = 3

/** What a parameter that linked calls read got in the run. */
export interface Reached {
  readonly ref: Ref
  /** The first linked call that reads it in a step with a pass, and the events of that step. */
  readonly readBy: FunctionCalled
  readonly events: StepEvents
  gradients: number
  updates: number
  /** The number of steps in which it could have had one. */
  steps: number
  assigned: boolean
  /** An optimizer was given it. */
  wanted: boolean
}

interface Given {
  gradients: number
  updates: number
  assigned: boolean
  wanted: boolean
}

/** Steps that differ are counted together, up to this many. */
const WAITING_MAX = 32

/** Counts, step by step, what each parameter gets. */
export class ReachWatch {
  private readonly run: RunFacts
  private readonly waiting = new Map<StepEvents, number>()
  private readonly found = new Map<Ref, Reached>()
  private readonly given = new Map<Ref, Given>()
  /** Whether parameters required a gradient as they were made; null for what is no parameter. */
  private readonly madeTrainable = new Map<Ref, boolean | null>()
  /** What `requiresGrad` of parameters was set to since. */
  private readonly set = new Map<Ref, boolean>()

  constructor(run: RunFacts) {
    this.run = run
  }

  /** `count` steps that are like this one. */
  add(events: StepEvents, count: number): void {
    // The same step as before is only counted: most of a run are such.
    this.waiting.set(events, (this.waiting.get(events) ?? 0) + count)
    if (this.waiting.size > WAITING_MAX) this.addWaiting()
  }

  private addWaiting(): void {
    for (const [events, count] of this.waiting) this.addAll(events, count)
    this.waiting.clear()
  }

  private addAll(events: StepEvents, count: number): void {
    for (const event of events.events)
      if (event.type === 'NoteAdded')
        for (const ref of passedOverInNote(event.text)?.variables ?? []) this.of(ref).wanted = true
    if (events.passes.length > 0) this.addReads(events, count)
    for (const event of events.events)
      if (event.type === 'RequiresGradSet') this.set.set(event.variable, event.requiresGrad)
    for (const { variable } of events.gradients) this.of(variable).gradients += count
    for (const { variable, source } of events.assignments) {
      if (source === null) this.of(variable).assigned = true
      else this.of(variable).updates += count
    }
  }

  /** The parameters, in the order in which they were read first. */
  get reached(): Reached[] {
    this.addWaiting()
    for (const [ref, reached] of this.found) Object.assign(reached, this.given.get(ref))
    return [...this.found.values()]
  }

  private addReads(events: StepEvents, count: number): void {
    const seen = new Set<Ref>()
    let leading: ReadonlySet<number> | null = null
    for (const call of events.events) {
      if (call.type === 'RequiresGradSet') this.set.set(call.variable, call.requiresGrad)
      if (call.type !== 'FunctionCalled') continue
      if (!call.linked) {
        // Made without a creator, and of the loss all the same: an evaluation leads to no loss.
        if (!call.inputs.some((ref) => this.isTrainable(ref, events))) continue
        leading ??= events.ancestors(events.roots)
        if (!leading.has(call.position)) continue
      }
      for (const ref of call.inputs) {
        if (seen.has(ref) || !this.isTrainable(ref, events)) continue
        seen.add(ref)
        const reached = this.found.get(ref)
        if (reached !== undefined) reached.steps += count
        else
          this.found.set(ref, {
            ref,
            readBy: call,
            events,
            gradients: 0,
            updates: 0,
            steps: count,
            assigned: false,
            wanted: false,
          })
      }
    }
  }

  /** Whether a parameter learns, as far as the events have come: what is frozen has no gradient, and should have none. */
  private isTrainable(ref: Ref, events: StepEvents): boolean {
    // What the step itself made is before us; only what lies further back is asked for, and kept.
    const here = events.at(positionOf(ref))
    let made: boolean | null | undefined
    if (here !== null) made = madeTrainable(here.type === 'LeafCreated' ? here : null)
    else {
      made = this.madeTrainable.get(ref)
      if (made === undefined) {
        made = madeTrainable(this.run.leafOf(ref))
        if (made !== null || this.madeTrainable.size < 65_536) this.madeTrainable.set(ref, made)
      }
    }
    return made !== null && (this.set.get(ref) ?? made)
  }

  private of(ref: Ref): Given {
    let one = this.given.get(ref)
    if (one === undefined) {
      one = { gradients: 0, updates: 0, assigned: false, wanted: false }
      if (this.found.has(ref) || this.given.size < 65_536) this.given.set(ref, one)
    }
    return one
  }
}

function madeTrainable(leaf: LeafFacts | null): boolean | null {
  return leaf?.role === 'parameter' ? leaf.requiresGrad : null
}

/** Parameters of which a whole front of the model has no update are frozen on purpose, as far as a tape can tell. */
function looksFrozen(run: RunFacts, missed: readonly Reached[], updated: readonly Reached[]): boolean {
  if (missed.length < 2 || updated.length === 0) return false
  const modules = (all: readonly Reached[]) =>
    new Set(all.map(({ ref }) => (run.nameOf(ref) ?? '').replace(/\.?[^.]*$/, '')))
  const trained = modules(updated)
  const firstTrained = Math.min(...updated.map(({ readBy }) => readBy.position))
  return (
    [...modules(missed)].every((one) => !trained.has(one)) &&
    missed.every(({ readBy }) => readBy.step <= updated[0]!.readBy.step && readBy.position < firstTrained)
  )
}

/** Parameters that have gradients, and that no optimizer has. */
export function notUpdated(run: RunFacts, missed: readonly Reached[], updated: readonly Reached[]): Finding {
  const { ref, readBy: call, gradients } = missed[0]!
  const names = namesText(
    run,
    missed.map((one) => one.ref),
  )
  const [has, it] = missed.length === 1 ? ['has', 'it'] : ['have', 'them']
  return finding({
    kind: 'no-update',
    level: looksFrozen(run, missed, updated) ? 'note' : 'cause',
    step: call.step,
    position: call.position,
    function: call.function,
    scope: call.scope,
    variable: run.label(ref),
    text: `step ${call.step}: ${names}, read by ${callText(call)}, ${has} a gradient in ${gradients} steps and never an update: no optimizer has ${it}`,
    evidence: [`beside    ${updated.length} other parameters are updated`],
  })
}

/** Whether an optimizer was given one of the parameters: then it was to be trained, whatever stands around it. */
export function isWanted(without: readonly Reached[]): boolean {
  return without.some(({ wanted }) => wanted)
}

const WANTED = 'so        an optimizer was given it and passes over it in each step'

/**
 * Whether something that is trained stands beside what is cut off, where the two come together, and something that is trained behind
 * that. If not, it looks meant: a front that is frozen, a teacher, a target that is held still.
 */
export function joinsTrained(
  run: RunFacts,
  events: StepEvents,
  join: FunctionCalled,
  without: readonly Reached[],
): boolean {
  const isTrained = (ref: Ref) =>
    run.leafOf(ref)?.role === 'parameter' && !without.some((other) => other.ref === ref)
  const reaching = events.ancestors(events.roots, true)
  const behind = events.descendants([join.position])
  const reads = (position: number) => (events.at(position) as FunctionCalled).inputs.some(isTrained)
  return (
    [...reaching].some((position) => position < join.position && reads(position)) &&
    [...reaching].some((position) => behind.has(position) && reads(position))
  )
}

/** Functions whose result has no gradient: indices, comparisons, steps. A test holds the list to the functions. */
export const WITHOUT_GRADIENT: ReadonlySet<string> = new Set([
  'argmax',
  'argmin',
  'bincount',
  'ceil',
  'equal',
  'floor',
  'greater',
  'greaterEqual',
  'histogram',
  'less',
  'lessEqual',
  'logicalAnd',
  'logicalNot',
  'logicalOr',
  'notEqual',
  'oneHot',
  'round',
  'sign',
  'trunc',
  'unique',
])

/** The first call behind one that cuts the way where something trained comes in, too; null where there is none. */
function joinBehind(
  events: StepEvents,
  stop: FunctionCalled,
  reaching: ReadonlySet<number>,
  without: readonly Reached[],
  run: RunFacts,
): FunctionCalled | null {
  const behind = events.descendants([stop.position])
  for (const position of [...behind].sort((a, b) => a - b)) {
    if (!reaching.has(position)) continue
    const join = events.at(position) as FunctionCalled
    if (joinsTrained(run, events, join, without)) return join
  }
  return null
}

/** Where the way from parameters to the loss is cut; null where nothing of the step reads what was made of them. */
export function withoutGradient(run: RunFacts, without: readonly Reached[]): Finding | null {
  const { ref, events, readBy } = without[0]!
  const { step } = readBy
  const refs = without.map((one) => one.ref)
  const after = events.descendants(refs)
  const reaching = events.ancestors(events.roots, true)
  const isCut = (leaf: LeafCreated) =>
    leaf.source !== null && after.has(positionOf(leaf.source)) && !leaf.requiresGrad
  const cutLeaf = events.leaves.find(
    (leaf) => isCut(leaf) && events.readers(leaf.position).some(({ position }) => reaching.has(position)),
  )
  const names = namesText(run, refs)
  const have = `${without.length === 1 ? 'has' : 'have'} no gradient`
  if (cutLeaf !== undefined) {
    const reader = events.readers(cutLeaf.position).find(({ position }) => reaching.has(position))!
    const maker = events.makerOf(cutLeaf.source!)
    const made = maker === null ? run.label(cutLeaf.source!) : callText(maker)
    const beside = joinsTrained(run, events, reader, without)
    return finding({
      kind: 'no-gradient',
      level: beside || isWanted(without) ? 'cause' : 'note',
      step,
      position: reader.position,
      function: reader.function,
      scope: reader.scope,
      variable: run.label(ref),
      text: `step ${step}: ${names} ${have}: what ${made} made is detached (#${cutLeaf.position}) before ${callText(reader)} reads it`,
      evidence: [
        `reads     ${made} depends on ${names}; #${cutLeaf.position} has its value and no creator`,
        ...(isWanted(without) ? [WANTED] : []),
      ],
    })
  }
  const stop = [...after]
    .sort((a, b) => a - b)
    .map((position) => events.at(position) as FunctionCalled)
    .find((call) => reaching.has(call.position) && WITHOUT_GRADIENT.has(call.function))
  if (stop !== undefined) {
    const join = joinBehind(events, stop, reaching, without, run)
    return finding({
      kind: 'no-gradient',
      level: join === null && !isWanted(without) ? 'note' : 'cause',
      step,
      position: stop.position,
      function: stop.function,
      scope: stop.scope,
      variable: run.label(ref),
      text: `step ${step}: ${names} ${have}: ${callText(stop)} has no derivative${join === null ? '' : `, and ${callText(join)} reads what comes of it`}`,
      evidence: [`so        the way back ends at ${stop.function}`, ...(isWanted(without) ? [WANTED] : [])],
    })
  }
  const dead = [...after].filter((position) => !reaching.has(position)).sort((a, b) => a - b)
  const lastCall = dead.length === 0 ? null : (events.at(dead.at(-1)!) as FunctionCalled)
  const cutCall = dead.map((position) => events.at(position) as FunctionCalled).find(({ linked }) => !linked)
  if (lastCall === null) return null
  const leads = cutCall !== undefined && events.ancestors(events.roots).has(cutCall.position)
  const where = leads ? cutCall : lastCall
  const join = [...reaching]
    .sort((a, b) => a - b)
    .map((position) => events.at(position) as FunctionCalled)
    .find(({ inputs }) => inputs.some((one) => after.has(positionOf(one))))
  const isMeant = join === undefined || !joinsTrained(run, events, join, without)
  // What nothing reads is a branch that is not in the loss; a tape cannot tell whether that is meant.
  return finding({
    kind: 'no-gradient',
    level: leads && (!isMeant || isWanted(without)) ? 'cause' : 'note',
    step,
    position: where.position,
    function: where.function,
    scope: where.scope,
    variable: run.label(ref),
    text: leads
      ? `step ${step}: ${names} ${have}: ${callText(where)} was made without a creator (noGrad) and leads to the loss`
      : `step ${step}: ${names} ${have}: the way from ${callText(where)} does not lead to the loss`,
  })
}
