/**
 * Which version of a variable a call read: where a run assigned to it, where it was cut from its creator, and where its `requiresGrad` was
 * set.
 */
import { EVENT_KIND, type Ref } from '../../events/event.js'
import { FREEZE_ENTRY } from '../../events/record-layout.js'
import { EntryLookup } from './entry-lookup.js'
import type { RunRows } from './run-rows.js'

/** What a variable was from some position on. */
interface VersionRow {
  /** The event that made the value, or cut the variable off; 0 for what the variable was made with. */
  position: number
  /** True when the event is a VariableUnchained: the same value, but no creator. */
  unchained: boolean
  /** What `requiresGrad` was set to last; null when it was as the variable was made. */
  requiresGrad: boolean | null
  /** Valid for what comes after this position: that of the event, or of one that set `requiresGrad` since. */
  after: number
  /** Valid for calls before this position. */
  until: number
}

/** What `requiresGrad` was for events after `after`, up to `until`. */
interface Stretch {
  after: number
  until: number
  requiresGrad: boolean | null
}

export class VersionLookup {
  private readonly rows: RunRows
  private readonly assignments: EntryLookup
  private readonly freezes: EntryLookup
  private assignedRefs: Set<Ref> | null = null
  private frozenRefs: Set<Ref> | null = null
  private readonly versionAt = new Stretches<VersionRow>()
  private readonly stretches = new Stretches<Stretch>()

  constructor(rows: RunRows) {
    this.rows = rows
    this.assignments = new EntryLookup(rows, 'assignments')
    this.freezes = new EntryLookup(rows, 'freezes')
  }

  /** The version of a variable that a call at `position` reads; null for the first, which the variable was made with. */
  before(ref: Ref, position: number): VersionRow | null {
    if (!this.isVersioned(ref)) return null
    let version = this.versionAt.at(ref, position)
    if (version === undefined) {
      const assigned = this.assignments.find(ref, 'before', position) ?? 0
      const unchained = this.unchained(ref, 'before', position) ?? 0
      const freeze = this.stretch(ref, position)
      version = {
        position: Math.max(assigned, unchained),
        unchained: unchained > assigned,
        requiresGrad: freeze.requiresGrad,
        after: Math.max(assigned, unchained, freeze.after),
        until: Math.min(
          this.assignments.find(ref, 'from', position) ?? Number.POSITIVE_INFINITY,
          this.unchained(ref, 'from', position) ?? Number.POSITIVE_INFINITY,
          freeze.until,
        ),
      }
      this.versionAt.add(ref, version)
    }
    return version.position === 0 && version.requiresGrad === null ? null : version
  }

  /** The event that gave a variable the value it had before `position`; null for the value it was made with. A cut makes no value. */
  assignedBefore(ref: Ref, position: number): number | null {
    let version = this.before(ref, position)
    while (version?.unchained) version = this.before(ref, version.position)
    return version === null || version.position === 0 ? null : version.position
  }

  /** What the variable's `requiresGrad` was set to last before `position`; null when it was as the variable was made. */
  requiresGradAt(ref: Ref, position: number): boolean | null {
    return this.isFrozenOnce(ref) ? this.stretch(ref, position).requiresGrad : null
  }

  /** Whether the run assigned to no variable, cut none, and set `requiresGrad` of none. */
  get none(): boolean {
    return this.assigned().size === 0 && this.noneFrozen
  }

  /** Whether the run assigned to the variable, cut it from its creator, or set its `requiresGrad`. */
  isVersioned(ref: Ref): boolean {
    return this.isAssigned(ref) || this.isFrozenOnce(ref)
  }

  /** The same but for its `requiresGrad`. */
  isAssigned(ref: Ref): boolean {
    const assigned = this.assigned()
    return assigned.size > 0 && assigned.has(ref)
  }

  /** Whether the run set `requiresGrad` of the variable. */
  isFrozenOnce(ref: Ref): boolean {
    const frozen = this.frozen()
    return frozen.size > 0 && frozen.has(ref)
  }

  /** The variables of which the run set `requiresGrad`. */
  get everFrozen(): ReadonlySet<Ref> {
    return this.frozen()
  }

  /** Where `requiresGrad` of a variable was set last before a position, and to what; null where it was not. */
  lastSet(ref: Ref, before: number): { position: number; requiresGrad: boolean } | null {
    const { after, requiresGrad } = this.stretch(ref, before)
    return requiresGrad === null ? null : { position: after, requiresGrad }
  }

  /** Whether the run set `requiresGrad` of no variable. */
  get noneFrozen(): boolean {
    return this.frozen().size === 0
  }

  /** Whether the variable was cut from its creator before `position`. */
  unchainedBefore(ref: Ref, position: number): boolean {
    return this.unchained(ref, 'before', position) !== null
  }

  /** Where the variable was first cut from its creator; null when it never was. */
  firstCut(ref: Ref): number | null {
    return this.isAssigned(ref) ? this.unchained(ref, 'from', 1) : null
  }

  private assigned(): Set<Ref> {
    return this.assignedRefs ?? this.findAssigned()
  }

  private frozen(): Set<Ref> {
    this.frozenRefs ??= this.freezes.refs()
    return this.frozenRefs
  }

  private findAssigned(): Set<Ref> {
    const cut = this.rows.all<{ ref: number }>(
      `SELECT DISTINCT subject AS ref FROM _fact WHERE id >> 32 = ? AND kind = ${EVENT_KIND.VariableUnchained}`,
      this.rows.runId,
    )
    this.assignedRefs = this.assignments.refs()
    for (const { ref } of cut) this.assignedRefs.add(ref)
    return this.assignedRefs
  }

  /** What `requiresGrad` was for what reads the variable at `position`. */
  private stretch(ref: Ref, position: number): Stretch {
    if (!this.isFrozenOnce(ref)) return AS_MADE
    const known = this.stretches.at(ref, position)
    if (known !== undefined) return known
    const set = this.freezes.find(ref, 'before', position)
    const stretch = {
      after: set ?? 0,
      until: this.freezes.find(ref, 'from', position) ?? Number.POSITIVE_INFINITY,
      requiresGrad: set === null ? null : this.freezes.entry(set)[FREEZE_ENTRY.requiresGrad] === 1,
    }
    this.stretches.add(ref, stretch)
    return stretch
  }

  private unchained(ref: Ref, which: 'before' | 'from', position: number): number | null {
    const order = which === 'before' ? 'id < ? ORDER BY id DESC' : 'id >= ? ORDER BY id'
    const row = this.rows.get<{ id: number }>(
      `SELECT id FROM _fact WHERE id >> 32 = ? AND kind = ${EVENT_KIND.VariableUnchained} AND subject = ? AND ${order} LIMIT 1`,
      this.rows.runId,
      ref,
      this.rows.base + position,
    )
    return row === undefined ? null : row.id - this.rows.base
  }
}

/** What is known of stretches of a run, by variable: a parameter may have one for each of a million steps. */
class Stretches<T extends { readonly after: number; readonly until: number }> {
  /** In order. */
  private readonly known = new Map<Ref, T[]>()

  /** The one that holds for what reads the variable at a position; undefined for one that is not known. */
  at(ref: Ref, position: number): T | undefined {
    const list = this.known.get(ref)
    const found = list?.[placeIn(list, position) - 1]
    return found !== undefined && position <= found.until ? found : undefined
  }

  add(ref: Ref, stretch: T): void {
    const list = this.known.get(ref)
    if (list === undefined) this.known.set(ref, [stretch])
    else list.splice(placeIn(list, stretch.after + 1), 0, stretch)
  }
}

/** How many of them begin before a position. */
function placeIn(list: readonly { readonly after: number }[], position: number): number {
  let [from, to] = [0, list.length]
  while (from < to) {
    const middle = (from + to) >> 1
    if (list[middle]!.after < position) from = middle + 1
    else to = middle
  }
  return from
}

const AS_MADE: Stretch = { after: 0, until: Number.POSITIVE_INFINITY, requiresGrad: null }
