/**
 * Follows a run in its file, while it is written or afterwards, and shows its steps to detectors: one after the other, each when it is
 * complete, each once. Equal steps are stored once and looked into once, so a run of millions of calls is read in seconds. What it
 * keeps does not grow with the run.
 */
import '../detectors/all.js'
import { type DetectorSpec, type StepWatch, watchOf } from '../detectors/detector.js'
import { sited } from '../detectors/draft.js'
import type { Finding } from '../detectors/finding.js'
import type { UpdateGroup } from '../detectors/settings-watch.js'
import { StepEvents } from '../detectors/step-events.js'
import type {
  AssignedFact,
  BatchFact,
  GradientFact,
  LeafFacts,
  MetricFact,
  RunFacts,
  StepFacts,
} from '../detectors/step-facts.js'
import { type Plain, positionOf, type Ref, slotOf, type TapeEvent } from '../events/event.js'
import type { Connection, Statement } from '../store/format/connection.js'
import { fromScalar } from '../store/format/value.js'
import type { Block } from '../store/read/block-reader.js'
import { Lookup } from '../store/read/lookup.js'
import { present } from '../store/read/present.js'
import { Reader } from '../store/read/reader.js'
import { PAGE, RunRows } from '../store/read/run-rows.js'
import { SiteLookup } from '../store/read/site-lookup.js'
import type { MakeFollower } from '../store/write/follow.js'
import { threadFile } from '../store/write/thread.js'
import { type BatchSource, takenIn } from './batches.js'
import { updatesOfAll } from './block-updates.js'
import { stepKey } from './step-key.js'

/** What is known of steps of one list of templates. */
interface Shape {
  readonly number: number
  like: StepEvents | null
}

const SHAPES_MAX = 1024
const NODES_MAX = 16_384
/** More templates than this number are told apart no further than by their place; ids are far below it. */
const TEMPLATES_MAX = 2 ** 26
/** Steps whose metrics and gradients are read at once. */
const TOGETHER = 256
const LEAVES_MAX = 65_536

interface OpenStep {
  readonly step: number
  readonly first: number
  /** Its last position; known when it is complete. */
  last: number
  readonly blocks: Block[]
  /** Stands for the list of its templates. */
  node: number
}

export class Follower {
  private readonly source: FollowedRun
  private readonly watches: readonly StepWatch[]
  private nodes = 0
  private readonly nextNode = new Map<number, number>()
  private readonly shapes = new Map<number, Shape>()
  private readonly shapeOfKey = new Map<string, Shape>()
  private shapeCount = 0
  private lastShape = -1
  private repeats = 0
  /** Positions before this one were read. */
  private next = 1
  private open: OpenStep = { step: 0, first: 1, last: 0, blocks: [], node: 0 }
  private shown = -1
  private isOver = false

  /** `from` is the step that it begins with; what precedes it is not looked at. */
  constructor(db: Connection, runId: number, detectors: readonly DetectorSpec[], from = 0) {
    this.source = new FollowedRun(db, runId)
    this.watches = detectors.map(watchOf)
    if (from === 0) return
    this.next = this.source.beginOf(from)
    this.shown = from - 1
    this.open = { step: this.shown, first: this.next, last: 0, blocks: [], node: 0 }
  }

  /** The last step that was shown. */
  get step(): number {
    return Math.max(0, this.shown)
  }

  /**
   * Looks at what was written since; gives what was found. A step is complete when the next one has begun.
   *
   * settle  the step under way counts as complete, too; what is added to it later is not looked at
   */
  look(settle = false): Finding[] {
    const last = this.source.lastPosition
    const found: Finding[] = []
    let complete: OpenStep[] = []
    const show = () => {
      found.push(...this.show(complete))
      complete = []
    }
    while (this.next <= last) {
      const to = Math.min(last, this.next + PAGE - 1)
      for (const step of this.read(this.next, to)) complete.push(step)
      this.next = to + 1
      if (complete.length >= TOGETHER) show()
    }
    if (settle && this.open.step > this.shown && last >= this.open.first)
      complete.push({ ...this.open, last })
    show()
    return found
  }

  /** What the end of the run shows; nothing follows. */
  end(): Finding[] {
    const found = this.look(true)
    if (this.isOver) return found
    this.isOver = true
    for (const watch of this.watches) found.push(...this.source.sited(watch.end?.() ?? []))
    return found
  }

  /** The steps that are complete when the positions were read. */
  private read(from: number, to: number): OpenStep[] {
    const complete: OpenStep[] = []
    const steps = this.source.stepsBegun(from, to)
    let s = 0
    const begin = (until: number) => {
      for (; s < steps.length && steps[s]!.position <= until; s++) {
        const { step, position } = steps[s]!
        this.open.last = position - 1
        if (this.open.step > this.shown) complete.push(this.open)
        this.open = { step, first: position, last: 0, blocks: [], node: 0 }
      }
    }
    for (const block of this.source.rows.blocks(from, to)) {
      if (block.first < from) continue // read with the page before
      begin(block.first)
      this.add(block)
    }
    begin(to)
    return complete
  }

  private add(block: Block): void {
    const { open } = this
    open.blocks.push(block)
    const key = open.node * TEMPLATES_MAX + block.templateId
    let node = this.nextNode.get(key)
    if (node === undefined) {
      node = ++this.nodes
      // A run whose steps never repeat must not keep them all.
      if (this.nextNode.size >= 65_536) this.nextNode.clear()
      this.nextNode.set(key, node)
    }
    open.node = node
  }

  private show(steps: readonly OpenStep[]): Finding[] {
    if (steps.length === 0) return []
    const [from, to] = [steps[0]!.first, steps.at(-1)!.last]
    const metrics = new Positioned(() => this.source.metrics(from, to))
    const gradients = new Positioned(() => this.source.gradients(from, to))
    const assigned = new Positioned(() => this.source.assigned(from, to))
    const found: Finding[] = []
    for (const open of steps) {
      const shape = this.shapeOf(open)
      this.repeats = shape.number === this.lastShape ? this.repeats + 1 : 0
      this.lastShape = shape.number
      const facts = new FollowedStep(this.source, open, shape, this.repeats, { metrics, gradients, assigned })
      this.source.now = open.last + 1
      for (const watch of this.watches) {
        const told = watch.step(facts)
        if (told.length > 0) found.push(...this.source.sited(told))
      }
      this.shown = open.step
    }
    return found
  }

  private shapeOf({ node, blocks }: OpenStep): Shape {
    let shape = this.shapes.get(node)
    if (shape === undefined) {
      // The same step, cut in another place, is of the same shape.
      const key = blocks.length === 0 ? '' : stepKey(blocks, this.source.rows.texts)
      shape = this.shapeOfKey.get(key)
      if (shape === undefined) {
        shape = { number: this.shapeCount++, like: null }
        if (this.shapeOfKey.size >= SHAPES_MAX) this.shapeOfKey.clear()
        this.shapeOfKey.set(key, shape)
      }
      if (this.shapes.size >= NODES_MAX) this.shapes.clear()
      this.shapes.set(node, shape)
    }
    return shape
  }
}

/** Rows of many steps, read at once when the first is asked for, and handed out step by step, in order. */
class Positioned<T extends { readonly position: number }> {
  private readonly read: () => readonly T[]
  private all: readonly T[] | null = null
  private next = 0

  constructor(read: () => readonly T[]) {
    this.read = read
  }

  /** Those from `first` to `last`; steps come in their order. */
  of({ first, last }: Pick<OpenStep, 'first' | 'last'>): T[] {
    this.all ??= this.read()
    while (this.next < this.all.length && this.all[this.next]!.position < first) this.next++
    const from = this.next
    while (this.next < this.all.length && this.all[this.next]!.position <= last) this.next++
    return this.all.slice(from, this.next)
  }
}

/** The run in its file, as far as it is written. */
class FollowedRun implements RunFacts, BatchSource {
  readonly rows: RunRows
  /** Names are those that there were before this position. */
  now = 1
  private readonly reader: Reader
  private readonly lookup: Lookup
  private readonly sites: SiteLookup
  private readonly leaves = new Map<Ref, LeafFacts | null>()
  private readonly statements = new Map<string, Statement>()
  private readonly forms = new Map<number, { shape: readonly number[]; size: number }>()
  private readonly refs = new Map<number, Ref>()

  constructor(db: Connection, runId: number) {
    this.rows = new RunRows(db, runId)
    this.reader = new Reader(db)
    this.lookup = new Lookup(db, runId)
    this.sites = new SiteLookup(db, runId)
  }

  get lastPosition(): number {
    return this.reader.lastPosition(this.rows.runId)
  }

  /** Where a step begins. Throws STEP_NOT_FOUND. */
  beginOf(step: number): number {
    return this.lookup.stepRange(step, this.lastPosition).from
  }

  nameOf(ref: Ref): string | null {
    return this.lookup.nameOf(ref, this.now)
  }

  label(ref: Ref): string {
    return this.nameOf(ref) ?? `#${positionOf(ref)}${slotOf(ref) === 0 ? '' : `.${slotOf(ref)}`}`
  }

  leafOf(ref: Ref): LeafFacts | null {
    let leaf = this.leaves.get(ref)
    if (leaf === undefined) {
      const event = this.event(positionOf(ref))
      leaf = event.type === 'LeafCreated' ? event : null
      if (this.leaves.size >= LEAVES_MAX) this.leaves.clear()
      this.leaves.set(ref, leaf)
    }
    return leaf
  }

  event(position: number): TapeEvent {
    return this.reader.event(this.rows.runId, position)
  }

  events(step: number, from: number, to: number): StepEvents {
    return new StepEvents(step, [...this.reader.events(this.rows.runId, from, to, false)])
  }

  sited(found: readonly Finding[]): Finding[] {
    return found.map((one) => sited(one, (position) => this.sites.siteOf(position)))
  }

  stepsBegun(from: number, to: number): { step: number; position: number }[] {
    const { base } = this.rows
    return this.raw<[id: number, step: number]>(
      'SELECT id, step FROM _step WHERE id BETWEEN ? AND ? ORDER BY id',
      from,
      to,
    ).map(([id, step]) => ({ step, position: id - base }))
  }

  metrics(from: number, to: number): MetricFact[] {
    const { rows } = this
    return this.raw<[id: number, name: number, scalar: number | string, variable: number | null]>(
      'SELECT id, name_id, scalar, variable FROM _metric WHERE id BETWEEN ? AND ? ORDER BY id',
      from,
      to,
    ).map(([id, name, scalar, variable]) => ({
      name: rows.texts.text(name),
      value: fromScalar(scalar),
      position: id - rows.base,
      variable: variable ?? 0,
    }))
  }

  gradients(from: number, to: number): GradientFact[] {
    const { rows } = this
    return this.raw<GradientRow>(
      'SELECT id, variable_id, form_id, l2_norm, zero_count, non_finite_count FROM _gradient WHERE id BETWEEN ? AND ? ORDER BY id',
      from,
      to,
    ).map(([id, variable, form, norm, zeros, bad]) => {
      const { shape, size } = this.formOf(form)
      const position = id - rows.base
      return {
        position,
        variable: this.refOf(variable),
        shape,
        size,
        norm,
        zeros: zeros ?? 0,
        nonFinite: bad ?? 0,
      }
    })
  }

  assigned(from: number, to: number): AssignedFact[] {
    return this.raw<[id: number, variable: number, norm: number | null, updateNorm: number | null]>(
      'SELECT id, variable_id, l2_norm, update_norm FROM _assignment WHERE id BETWEEN ? AND ? ORDER BY id',
      from,
      to,
    ).map(([id, variable, norm, updateNorm]) => ({
      position: id - this.rows.base,
      variable: this.refOf(variable),
      norm,
      updateNorm,
    }))
  }

  private raw<R>(sql: string, from: number, to: number): R[] {
    const { rows } = this
    let statement = this.statements.get(sql)
    if (statement === undefined) {
      statement = rows.db.prepare(sql).raw()
      this.statements.set(sql, statement)
    }
    const prepared = statement
    return rows.reading(() => prepared.all(rows.base + from, rows.base + to) as R[])
  }

  private formOf(id: number): { shape: readonly number[]; size: number } {
    let form = this.forms.get(id)
    if (form === undefined) {
      const { shape } = this.rows.texts.arrayForm(id)
      form = { shape, size: shape.reduce((product, one) => product * one, 1) }
      if (this.forms.size >= LEAVES_MAX) this.forms.clear()
      this.forms.set(id, form)
    }
    return form
  }

  /** The ref that a row of `_variable` stands for. */
  private refOf(id: number): Ref {
    let ref = this.refs.get(id)
    if (ref === undefined) {
      ref = present(
        this.rows.get<{ ref: Ref }>('SELECT ref FROM _variable WHERE id = ?', id),
        `variable ${id}`,
      ).ref
      if (this.refs.size >= LEAVES_MAX) this.refs.clear()
      this.refs.set(id, ref)
    }
    return ref
  }
}

type GradientRow = [
  id: number,
  variable: number,
  form: number,
  norm: number | null,
  zeros: number | null,
  nonFinite: number | null,
]

interface Columns {
  readonly metrics: Positioned<MetricFact>
  readonly gradients: Positioned<GradientFact>
  readonly assigned: Positioned<AssignedFact>
}

class FollowedStep implements StepFacts {
  readonly step: number
  readonly shape: number
  readonly repeats: number
  readonly run: FollowedRun
  private readonly columns: Columns
  private knownMetrics: readonly MetricFact[] | null = null
  private knownGradients: readonly GradientFact[] | null = null
  private knownAssigned: readonly AssignedFact[] | null = null
  private readonly open: OpenStep
  private readonly kind: Shape
  private knownOwn: StepEvents | null = null
  private knownBatches: readonly BatchFact[] | null = null

  constructor(run: FollowedRun, open: OpenStep, kind: Shape, repeats: number, columns: Columns) {
    this.run = run
    this.open = open
    this.step = open.step
    this.kind = kind
    this.shape = kind.number
    this.repeats = repeats
    this.columns = columns
  }

  get metrics(): readonly MetricFact[] {
    this.knownMetrics ??= this.columns.metrics.of(this.open)
    return this.knownMetrics
  }

  get gradients(): readonly GradientFact[] {
    this.knownGradients ??= this.columns.gradients.of(this.open)
    return this.knownGradients
  }

  get assigned(): readonly AssignedFact[] {
    this.knownAssigned ??= this.columns.assigned.of(this.open)
    return this.knownAssigned
  }

  readonly own = (): StepEvents => {
    this.knownOwn ??= this.run.events(this.step, this.open.first, this.open.last)
    return this.knownOwn
  }

  get like(): StepEvents {
    this.kind.like ??= this.own()
    return this.kind.like
  }

  get updates(): readonly UpdateGroup[] {
    return updatesOfAll(this.run, this.open.blocks)
  }

  get batches(): readonly BatchFact[] {
    this.knownBatches ??= this.open.blocks
      .flatMap((block) => takenIn(this.run, block))
      .filter(({ indices }) => indices >= this.open.first)
      .map(({ position, step, data, indices, scope, rows, isReadHere }) => ({
        position,
        step: isReadHere ? step : step + 1,
        data,
        indices,
        scope,
        rows,
      }))
    return this.knownBatches
  }
}

/** @internal For who follows a run while it is written: says the findings, as plain data. */
export const follower: MakeFollower = (db, runId, data) => {
  const own = new Follower(db, runId, data as unknown as readonly DetectorSpec[])
  return {
    look: (settled) => (settled === 'run' ? own.end() : own.look(settled === 'step')) as unknown as Plain[],
  }
}

/** @internal The built file that has it, for another thread; null where that cannot be named. */
export const FOLLOWER_FILE = threadFile(() => new URL('./follower.js', import.meta.url))?.href ?? null
