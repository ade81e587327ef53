/**
 * Compares two runs: what they say of themselves, then every step by a few numbers, and event by event only the first step in which
 * each kind of thing differs. What is told first is the first difference that somebody made, not the first that shows.
 */
import { TapeError, valueText } from '../errors.js'
import type { RunStarted } from '../events/event.js'
import { checkOptions } from '../options.js'
import type { Recording } from '../replay/replay-run.js'
import { asOfOneMoment } from '../store/read/one-moment.js'
import { alignedSteps } from './aligned-steps.js'
import { type Pair, pairsOf, type Stretch } from './alignment.js'
import { firstGradient, firstResult, valuesOfStep } from './diff-results.js'
import { diffResumed } from './diff-resumed.js'
import { type EqualBeginning, equalBeginning } from './equal-beginning.js'
import { growthOf, loggedApart } from './logged-apart.js'
import { rowsOfStep } from './rows.js'
import type { Both, DifferenceKind, DiffOptions, RunDiff, RunDifference } from './run-diff.js'
import { RunView } from './run-view.js'
import { saidDifferences } from './said-differences.js'
import { StepColumns } from './step-columns.js'
import { type Found, StepComparison } from './step-comparison.js'
import type { Side, StepRange } from './step-lines.js'
import { type Key, type Scan, StepScanner } from './step-scan.js'
import { ownCalls, unsteadyHere } from './user-functions.js'

/** The order in which differences of one step are told. */
const RANKS: readonly DifferenceKind[] = [
  'data',
  'parameter',
  'assignment',
  'steps',
  'rows',
  'structure',
  'dtype',
  'shape',
  'attribute',
  'reads',
  'value',
  'state',
]

const STRUCTURE: ReadonlySet<DifferenceKind> = new Set(['structure', 'dtype', 'shape', 'steps', 'reads'])

/** This many pairs of steps at most are looked at event by event, besides the first of each kind. */
const DETAILS_MAX = 12

/** What has to do with a run that can be compared. */
interface Comparable {
  /** @internal */
  readonly recording: Recording
}

/**
 * What differs between two runs, the first difference that was made before those that follow from it; they may be on different
 * tapes, of different lengths, programs, dtypes and captures.
 *
 * Throws  BAD_ARGUMENT for an option that it does not know; TAPE_CORRUPT
 */
export function diffRuns(a: Comparable, b: Comparable, options: DiffOptions = {}): RunDiff {
  for (const run of [a, b] as (Comparable | undefined)[])
    if (typeof run?.recording !== 'object')
      throw new TapeError(
        'BAD_ARGUMENT',
        `diffRuns expected two runs of tapes, as openTape(…).run(…) gives them, got ${valueText(run)}`,
      )
  checkDiffOptions(options)
  const names = options.names ?? namesOf(a.recording, b.recording)
  const sides: Both<Side> = [
    { recording: a.recording, name: names[0] },
    { recording: b.recording, name: names[1] },
  ]
  return asOfOneMoment(a.recording.reader.db, () =>
    asOfOneMoment(b.recording.reader.db, () => differencesOf(sides, options)),
  )
}

function differencesOf(sides: Both<Side>, options: DiffOptions): RunDiff {
  if (options.resume === true) return diffResumed(sides)
  const columns = new StepColumns()
  try {
    return new RunComparison(sides, options, columns).answer()
  } finally {
    columns.close()
  }
}

class RunComparison {
  private readonly sides: Both<Side>
  private readonly options: DiffOptions
  private readonly started: Both<RunStarted>
  private readonly scans: Both<Scan>
  /** Null for runs of two files. */
  private readonly beginning: EqualBeginning | null
  /** How the steps stand for each other, from the first that may differ; those before it stand for themselves. */
  private readonly stretches: readonly Stretch[]
  private readonly skipped: { what: string; why: string }[] = []

  constructor(sides: Both<Side>, options: DiffOptions, columns: StepColumns) {
    this.sides = sides
    this.options = options
    const [a, b] = [sides[0].recording, sides[1].recording]
    this.started = [startOf(a), startOf(b)]
    const sameFile = a.reader.db === b.reader.db
    const sameCapture = JSON.stringify(this.started[0].capture) === JSON.stringify(this.started[1].capture)
    // What one version of gradtape keeps in cells, it keeps there in every file.
    const sameEngine = this.started[0].engine === this.started[1].engine
    const contents = !sameCapture ? 'hashes' : sameFile ? 'ids' : sameEngine ? 'contents' : 'hashes'
    const scanners = [new StepScanner(a, contents), new StepScanner(b, contents)] as const
    const isSame = (step: number) => scanners[0].textOf(step) === scanners[1].textOf(step)
    this.beginning = sameFile ? equalBeginning(a, b, isSame) : null
    const from = this.beginning?.steps ?? 0
    this.scans = [scanners[0].scan(columns, from), scanners[1].scan(columns, from)]
    this.stretches = alignedSteps(this.scans)
    if (!sameCapture)
      this.skipped.push({
        what: 'values that one capture keeps and the other does not',
        why: 'the runs were recorded with different captures',
      })
    if (options.ignoreStructure === true)
      this.skipped.push({ what: 'structure, shapes and dtypes', why: 'asked to ignore them' })
  }

  answer(): RunDiff {
    const said = saidDifferences(this.started)
    const found = this.firstOfEachKind()
    const differences = this.ranked(found)
    let first = differences[0] ?? null
    const tolerance = this.options.tolerance ?? 0
    const logged = loggedApart(this.sides, this.stretches, tolerance)
    const gradient = firstGradient(this.sides, this.beginning, tolerance)
    const results = firstResult(logged.first, gradient)
    if (first === null && results !== null) {
      first = this.ofOwnFunction(results.difference(this.started))
      differences.push(first)
    }
    const growth = first === null ? [] : growthOf(this.sides, this.stretches, logged)
    const values = this.valuesAt(first)
    const names = [this.sides[0].name, this.sides[1].name] as const
    const [countA, countB] = this.scans.map(stepsOf) as [number, number]
    const pairs = this.stretches.reduce((sum, { count }) => sum + count, this.scans[0].from)
    const looked = `${pairs - 1} steps (${countA} and ${countB}), ${this.scans[0].calls + this.scans[1].calls} calls`
    const [one, other] = this.started
    if (first?.kind === 'parameter' && first.step === 0 && one.seed !== other.seed) {
      // Values that a run draws when it begins come from its seed, as a rule; the tape does not say so of each.
      first = { ...first, text: `${first.text}; the seeds differ, too: ${one.seed} | ${other.seed}` }
      differences[0] = first
    }
    if (first !== null && results !== null && first.kind !== 'value') {
      first = { ...first, evidence: [...first.evidence, ...results.evidence(first)] }
      differences[0] = first
    }
    return {
      equal: first === null,
      names,
      text:
        first === null
          ? `equal: ${names[0]} and ${names[1]} computed the same, in ${countA} steps`
          : first.text,
      first,
      differences,
      said,
      values,
      growth,
      same: this.same(differences),
      looked,
      skipped: this.skipped,
    }
  }

  /** The differences of the first pair in which each key differs, and how many more pairs do. */
  private firstOfEachKind(): Map<DifferenceKind, RunDifference> {
    const found = new Map<DifferenceKind, RunDifference>()
    const counts: Record<string, number> = {}
    const [a, b] = this.scans
    const structural: readonly Key[] = ['shape', 'forms', 'reads']
    const keys: readonly Key[] = ['outside', 'rows', 'settings', ...structural]
    /** Pairs that are looked at event by event. */
    const firsts = new Map<Key, Pair>()
    const fresh: Pair[] = []
    const combinations = new Set<string>()
    let gap: Gap | null = null
    let gaps = 0
    for (const [at, stretch] of this.stretches.entries()) {
      if (stretch.a < 0 || stretch.b < 0) {
        gaps += stretch.count
        gap ??= { ...stretch, at }
        continue
      }
      for (let step = 0; step < stretch.count; step++) {
        const [i, j] = [stretch.a + step, stretch.b + step]
        let apart = false
        for (const key of keys) {
          if (a.keys[key].of(i) === b.keys[key].of(j)) continue
          counts[key] = (counts[key] ?? 0) + 1
          if (!firsts.has(key)) firsts.set(key, [i, j])
          if (key !== 'outside' && key !== 'rows') apart = true
        }
        if (!apart || fresh.length >= DETAILS_MAX) continue
        // Two forms of a step that are compared once differ in the same every time.
        const [x, y] = [a.keys, b.keys]
        const combination = `${x.shape.of(i)} ${y.shape.of(j)} ${x.reads.of(i)} ${y.reads.of(j)} ${a.repeated.of(i)} ${b.repeated.of(j)}`
        if (combinations.has(combination)) continue
        combinations.add(combination)
        fresh.push([i, j])
      }
    }
    const add = (difference: Found) => {
      const known = found.get(difference.kind)
      if (known === undefined) found.set(difference.kind, { ...difference, furtherSteps: 0 })
      else if (known.step === difference.step)
        found.set(difference.kind, {
          ...known,
          evidence: [
            ...known.evidence,
            `also ${difference.text.replace(/^step \d+: /, '')}`,
            ...difference.evidence,
          ],
        })
      else if (difference.step < known.step) found.set(difference.kind, { ...difference, furtherSteps: 0 })
    }
    if (gap !== null && this.options.ignoreStructure !== true) add(this.stepsOnly(gap, gaps))
    const looked = new Map([...firsts.values(), ...fresh].map((pair) => [pair[0], pair]))
    for (const [i, j] of [...looked.values()].sort(([x], [y]) => x - y)) {
      for (const difference of this.compare(i, j).differences()) {
        if (this.options.ignoreStructure === true && STRUCTURE.has(difference.kind)) continue
        add(this.withRowsElsewhere(difference, i, j))
      }
    }
    // Where the structure differs, so do all keys; then steps cannot be counted by them.
    if (found.has('structure') && (counts.shape ?? 0) > 1) delete counts.settings
    for (const [kind, key] of Object.entries(KEY_OF_KIND) as [DifferenceKind, Key][]) {
      const known = found.get(kind)
      if (known !== undefined)
        found.set(kind, { ...known, furtherSteps: Math.max(0, (counts[key] ?? 1) - 1) })
    }
    return found
  }

  private compare(i: number, j: number): StepComparison {
    return new StepComparison(
      this.sides[0],
      rangeOf(this.scans[0], i),
      this.sides[1],
      rangeOf(this.scans[1], j),
      this.options.tolerance ?? 0,
    )
  }

  /** By step and rank; what follows from another difference stands behind it. */
  private ranked(found: Map<DifferenceKind, RunDifference>): RunDifference[] {
    const structure = found.get('structure')
    const rows = found.get('rows')
    const placeOf = ({ kind, step }: RunDifference): number => {
      // Layers that come or go draw other random numbers, so parameters that come later are others.
      if (kind === 'parameter' && structure !== undefined && structure.step <= 1 && this.parametersDiffer)
        return structure.step
      // A batch of another size makes outputs of other shapes.
      if (kind === 'shape' && rows !== undefined && rows.step <= step) return step + 0.5
      return step
    }
    const rankOf = ({ kind }: RunDifference): number =>
      kind === 'parameter' && structure !== undefined && structure.step <= 1 && this.parametersDiffer
        ? RANKS.indexOf('structure') + 0.5
        : RANKS.indexOf(kind)
    return [...found.values()].sort((x, y) => placeOf(x) - placeOf(y) || rankOf(x) - rankOf(y))
  }

  /** Whether the models have other parameters, and not only other values of them. */
  private get parametersDiffer(): boolean {
    const listOf = ({ recording }: Side) => parameterForms(recording).join('\n')
    return listOf(this.sides[0]) !== listOf(this.sides[1])
  }

  private stepsOnly(gap: Gap, gaps: number): Found {
    const inA = gap.b < 0
    const alone = this.stretches.filter((stretch) => (inA ? stretch.b : stretch.a) < 0)
    const count = alone.reduce((sum, stretch) => sum + stretch.count, 0)
    const firstOf = (stretch: Stretch) => (inA ? stretch.a : stretch.b)
    const step = firstOf(gap)
    const [side, other] = inA ? this.sides : [this.sides[1], this.sides[0]]
    const [own, its] = inA ? this.scans : [this.scans[1], this.scans[0]]
    const range = rangeOf(own, step)
    const isEnd = this.stretches.slice(gap.at).every((stretch) => (inA ? stretch.b : stretch.a) < 0)
    const rows = rowsOfStep(new RunView(side.recording), step)[0]?.rows ?? null
    const batch =
      rows === null
        ? ''
        : ` (a batch of ${rows.length} rows: ${rows.slice(0, 6).join(', ')}${rows.length > 6 ? ', …' : ''})`
    const last = firstOf(alone.at(-1)!) + alone.at(-1)!.count - 1
    const few = count > 7 ? [] : [...pairsOf(alone)].map(([i, j]) => (inA ? i : j)).slice(1)
    const list =
      count === 1
        ? ''
        : `; so are ${count > 7 ? `${count - 1} more, up to step ${last}` : `steps ${few.join(', ')}`}`
    const text = isEnd
      ? `step ${step}: ${other.name} ended before it, after ${stepsOf(its)} steps; ${side.name} has ${stepsOf(own)}`
      : `step ${step}: the step of ${side.name}${batch} is missing in ${other.name}${list}`
    return {
      kind: 'steps',
      step,
      positions: inA ? [range.first, null] : [null, range.first],
      function: rows === null ? null : 'take',
      scope: null,
      variable: null,
      rows,
      text,
      evidence: [
        `${side.name} has ${stepsOf(own)} steps, ${other.name} ${stepsOf(its)}; ${gaps} stand alone`,
      ],
    }
  }

  /** Where all that was given is equal, a function that is not gradtape's made the difference; the result only shows it. */
  private ofOwnFunction(difference: RunDifference): RunDifference {
    const views = this.sides.map(({ recording }) => new RunView(recording)) as [RunView, RunView]
    const [unsteady] = views.flatMap((view) => unsteadyHere(view))
    for (const { skipped } of views) for (const [what, why] of skipped) this.skipped.push({ what, why })
    const own = views.map((view) => ownCalls(view)[0] ?? null)
    const call = own[0] ?? own[1] ?? null
    if (unsteady === undefined && call === null) return difference
    const about = unsteady ?? call!
    const positions = own.map((one) => one?.position ?? null) as [number | null, number | null]
    const text =
      unsteady?.text ??
      `step ${call!.step}: ${call!.function} (#${call!.position}) is not gradtape's, and nothing else can make what follows differ: it gives other results, or is another function`
    return {
      ...difference,
      step: about.step ?? difference.step,
      positions,
      function: about.function,
      scope: about.scope,
      variable: null,
      text,
      evidence: [`shows     ${difference.text.replace(/, though.*/, '')}`, ...(unsteady?.evidence ?? [])],
    }
  }

  /** Where the other run reads the rows that one reads here. */
  private withRowsElsewhere(difference: Found, i: number, j: number): Found {
    if (difference.kind !== 'rows') return difference
    const [a, b] = this.scans
    const inB = b.stepWithRows(a.keys.rows.of(i))
    const inA = a.stepWithRows(b.keys.rows.of(j))
    const evidence: string[] = []
    const [one, other] = [this.sides[0].name, this.sides[1].name]
    if (inB >= 0) evidence.push(`${other} reads these rows of ${one} in step ${inB}`)
    if (inA >= 0) evidence.push(`${one} reads these rows of ${other} in step ${inA}`)
    const exchanged = inA >= 0 && inA === inB ? `; steps ${i} and ${inA} are exchanged` : ''
    return {
      ...difference,
      text: difference.text + exchanged,
      evidence: [...difference.evidence, ...evidence],
    }
  }

  private valuesAt(first: RunDifference | null): RunDiff['values'] {
    if (first === null) return null
    const at = this.pairFrom(Math.max(1, first.step))
    if (at === null) return null
    const comparison = this.compare(at[0], at[1])
    const how = {
      tolerance: this.options.tolerance ?? 0,
      isSameBefore: this.beginning !== null && at[0] <= this.beginning.steps,
    }
    return valuesOfStep(this.sides, at, comparison, how, (what, why) => this.skipped.push({ what, why }))
  }

  /** The first pair of steps whose first is `step` or later, and whose second is no beginning. */
  private pairFrom(step: number): Pair | null {
    if (step < this.scans[0].from) return [step, step]
    for (const { a, b, count } of this.stretches) {
      if (a < 0 || b < 0) continue
      const skipped = Math.max(0, step - a, 1 - b)
      if (skipped < count) return [a + skipped, b + skipped]
    }
    return null
  }

  private same(differences: readonly RunDifference[]): string[] {
    const kinds = new Set(differences.map(({ kind }) => kind))
    const same: string[] = []
    const [one, other] = this.started
    if (JSON.stringify(one.config) === JSON.stringify(other.config)) same.push('config')
    if (one.seed === other.seed) same.push('seed')
    if (one.kernel === other.kernel) same.push('kernel')
    const words: readonly [DifferenceKind, string][] = [
      ['data', 'data'],
      ['parameter', 'first values of parameters'],
      ['structure', 'structure'],
      ['attribute', 'settings of calls'],
      ['rows', 'rows'],
    ]
    for (const [kind, word] of words) if (!kinds.has(kind)) same.push(word)
    return same
  }
}

/** In how many steps a kind of difference stands is counted by the key that it makes differ. */
const KEY_OF_KIND: Partial<Record<DifferenceKind, Key>> = {
  rows: 'rows',
  attribute: 'settings',
  structure: 'shape',
  dtype: 'forms',
  reads: 'reads',
}

/** Steps that one run has and the other has not, and which of the stretches they are. */
interface Gap extends Stretch {
  readonly at: number
}

/** Without what precedes the first. */
function stepsOf({ end }: Scan): number {
  return end - 1
}

function rangeOf(scan: Scan, step: number): StepRange {
  if (step < 0) return { step, first: 1, last: 0 }
  return { step, first: scan.startOf(step), last: scan.startOf(step + 1) - 1 }
}

function parameterForms({ reader, id }: Recording): string[] {
  const rows = reader.db
    .prepare(
      `SELECT DISTINCT f.content AS content FROM _block b JOIN _template t ON t.id = b.template_id JOIN json_each(t.leaves) e
       JOIN _leaf_form f ON f.id = e.value ->> 3 WHERE b.run_id = ? AND b.step <= 1 AND f.role = 'parameter' ORDER BY f.content`,
    )
    .all(id) as { content: string }[]
  return rows.map(({ content }) => content)
}

function startOf({ reader, id }: Recording): RunStarted {
  return reader.event(id, 1) as RunStarted
}

function namesOf(a: Recording, b: Recording): Both<string> {
  if (a.id !== b.id) return [`run ${a.id}`, `run ${b.id}`]
  return ['A', 'B']
}

function checkDiffOptions(options: DiffOptions): void {
  checkOptions(options, ['ignoreStructure', 'tolerance', 'resume', 'names'], 'diffRuns')
  const { tolerance = 0 } = options
  if (typeof tolerance !== 'number' || !(tolerance >= 0 && tolerance < 1))
    throw new TapeError(
      'BAD_ARGUMENT',
      `diffRuns expected tolerance to be a share from 0 to below 1, got ${valueText(tolerance)}`,
    )
}
