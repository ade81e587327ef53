/**
 * Compares two runs: what they say of themselves, then every step by a few numbers, and event by event only the first step in which
 * each kind of thing differs. What is told first is the first difference that somebody made, not the first that shows.
 */
import { TapeError, valueText } from '../errors.js'
import type { Plain, RunStarted } from '../events/event.js'
import { checkOptions } from '../options.js'
import type { Recording } from '../replay/replay-run.js'
import { align, type Pair } from './alignment.js'
import { firstResult, growthOf, MetricColumns, valuesOfStep } from './diff-results.js'
import { diffResumed } from './diff-resumed.js'
import { rowsOfStep } from './rows.js'
import type { Both, DifferenceKind, DiffOptions, RunDiff, RunDifference, SaidDifference } from './run-diff.js'
import { RunView } from './run-view.js'
import { type Found, StepComparison } from './step-comparison.js'
import type { Side, StepRange } from './step-lines.js'
import { type Key, Numbers, type Scan, StepScanner } from './step-scan.js'
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
  checkDiffOptions(options)
  const names = options.names ?? namesOf(a.recording, b.recording)
  const sides: Both<Side> = [
    { recording: a.recording, name: names[0] },
    { recording: b.recording, name: names[1] },
  ]
  if (options.resume === true) return diffResumed(sides)
  return new RunComparison(sides, options).answer()
}

class RunComparison {
  private readonly sides: Both<Side>
  private readonly options: DiffOptions
  private readonly started: Both<RunStarted>
  private readonly scans: Both<Scan>
  private readonly pairs: readonly Pair[]
  private readonly skipped: { what: string; why: string }[] = []

  constructor(sides: Both<Side>, options: DiffOptions) {
    this.sides = sides
    this.options = options
    this.started = [startOf(sides[0]), startOf(sides[1])]
    const sameFile = sides[0].recording.reader.db === sides[1].recording.reader.db
    const sameCapture = JSON.stringify(this.started[0].capture) === JSON.stringify(this.started[1].capture)
    // What one version of gradtape keeps in cells, it keeps there in every file.
    const sameEngine = this.started[0].engine === this.started[1].engine
    const contents = !sameCapture ? 'hashes' : sameFile ? 'ids' : sameEngine ? 'contents' : 'hashes'
    const numbers = new Numbers()
    this.scans = [
      new StepScanner(sides[0].recording, numbers, contents).scan(),
      new StepScanner(sides[1].recording, numbers, contents).scan(),
    ]
    this.pairs = this.aligned()
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
    const metrics: Both<MetricColumns> = [new MetricColumns(this.sides[0]), new MetricColumns(this.sides[1])]
    const results = firstResult(this.sides, this.pairs, metrics, this.options.tolerance ?? 0)
    if (first === null && results !== null) {
      first = this.ofOwnFunction(results.difference(this.started))
      differences.push(first)
    }
    const growth = first === null ? [] : growthOf(this.pairs, metrics)
    const values = this.valuesAt(first)
    const names = [this.sides[0].name, this.sides[1].name] as const
    const [countA, countB] = this.scans.map(({ starts }) => starts.length - 2) as [number, number]
    const looked = `${this.pairs.length - 1} steps (${countA} and ${countB}), ${this.scans[0].calls + this.scans[1].calls} calls`
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

  /**
   * Steps that stand for each other: by what they do; where many do the same, by their rows too. A run that ended earlier has its
   * steps where the other one has them, unless rows or calls say that some are missing in between.
   */
  private aligned(): Pair[] {
    const [a, b] = this.scans
    const apartIn = (pairs: readonly Pair[]) =>
      pairs.filter(([i, j]) => i < 0 || j < 0 || a.keys.rows[i] !== b.keys.rows[j]).length
    const byShape = align(a.keys.shape, b.keys.shape)
    const wrong = apartIn(byShape)
    if (wrong < 8) return byShape
    const byIndex = indexForIndex(a.keys.shape.length, b.keys.shape.length)
    const inPlace = byIndex.filter(
      ([i, j]) => a.keys.shape[i] !== b.keys.shape[j] || a.keys.rows[i] !== b.keys.rows[j],
    )
    if (inPlace.length < wrong) return byIndex
    const byRows = align(mixed(a), mixed(b))
    return apartIn(byRows) * 4 <= wrong ? byRows : byShape
  }

  /** The differences of the first pair in which each key differs, and how many more pairs do. */
  private firstOfEachKind(): Map<DifferenceKind, RunDifference> {
    const found = new Map<DifferenceKind, RunDifference>()
    const counts: Record<string, number> = {}
    const looked = new Set<number>()
    const [a, b] = this.scans
    const structural: readonly Key[] = ['shape', 'forms', 'reads']
    const keys: readonly Key[] = ['outside', 'rows', 'settings', ...structural]
    const firsts = new Map<Key, number>()
    const combinations = new Set<string>()
    const fresh: number[] = []
    let gap = -1
    let gaps = 0
    for (const [index, [i, j]] of this.pairs.entries()) {
      if (i < 0 || j < 0) {
        gaps++
        if (gap < 0) gap = index
        continue
      }
      let apart = false
      for (const key of keys) {
        if (a.keys[key][i] === b.keys[key][j]) continue
        counts[key] = (counts[key] ?? 0) + 1
        if (!firsts.has(key)) firsts.set(key, index)
        if (key !== 'outside' && key !== 'rows') apart = true
      }
      if (!apart || fresh.length >= DETAILS_MAX) continue
      // Two forms of a step that are compared once differ in the same every time.
      const combination = `${a.keys.shape[i]} ${b.keys.shape[j]} ${a.keys.reads[i]} ${b.keys.reads[j]} ${a.repeated[i]} ${b.repeated[j]}`
      if (combinations.has(combination)) continue
      combinations.add(combination)
      fresh.push(index)
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
    if (gap >= 0 && this.options.ignoreStructure !== true) add(this.stepsOnly(gap, gaps))
    for (const index of new Set([...firsts.values(), ...fresh].sort((x, y) => x - y))) {
      if (looked.has(index)) continue
      looked.add(index)
      const [i, j] = this.pairs[index]!
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

  private stepsOnly(gap: number, gaps: number): Found {
    const [i, j] = this.pairs[gap]!
    const inA = j < 0
    const steps = this.pairs.filter((pair) => pair[inA ? 1 : 0] < 0).map((pair) => pair[inA ? 0 : 1])
    const step = inA ? i : j
    const [side, other] = inA ? this.sides : [this.sides[1], this.sides[0]]
    const [own, its] = inA ? this.scans : [this.scans[1], this.scans[0]]
    const range = rangeOf(own, step)
    const isEnd = this.pairs.slice(gap).every(([x, y]) => (inA ? y : x) < 0)
    const rows = rowsOfStep(new RunView(side.recording), step)[0]?.rows ?? null
    const batch =
      rows === null
        ? ''
        : ` (a batch of ${rows.length} rows: ${rows.slice(0, 6).join(', ')}${rows.length > 6 ? ', …' : ''})`
    const list =
      steps.length === 1
        ? ''
        : `; so are ${steps.length > 7 ? `${steps.length - 1} more, up to step ${steps.at(-1)}` : `steps ${steps.slice(1).join(', ')}`}`
    const text = isEnd
      ? `step ${step}: ${other.name} ended before it, after ${its.starts.length - 2} steps; ${side.name} has ${own.starts.length - 2}`
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
        `${side.name} has ${own.starts.length - 2} steps, ${other.name} ${its.starts.length - 2}; ${gaps} stand alone`,
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
    const inB = b.keys.rows.indexOf(a.keys.rows[i]!)
    const inA = a.keys.rows.indexOf(b.keys.rows[j]!)
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
    const at = this.pairs.find(([i, j]) => i >= Math.max(1, first.step) && j >= 1)
    if (at === undefined) return null
    const comparison = this.compare(at[0], at[1])
    return valuesOfStep(this.sides, at, comparison, this.options.tolerance ?? 0, (what, why) =>
      this.skipped.push({ what, why }),
    )
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

function rangeOf(scan: Scan, step: number): StepRange {
  if (step < 0) return { step, first: 1, last: 0 }
  return { step, first: scan.starts[step]!, last: scan.starts[step + 1]! - 1 }
}

/** The first steps pair by pair, and what only the longer one has behind them. */
function indexForIndex(a: number, b: number): Pair[] {
  return Array.from({ length: Math.max(a, b) }, (_, i) => [i < a ? i : -1, i < b ? i : -1])
}

function mixed({ keys }: Scan): number[] {
  return keys.shape.map((shape, i) => shape * 2 ** 32 + (keys.rows[i]! % 2 ** 32))
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

function startOf({ recording }: Side): RunStarted {
  return recording.reader.event(recording.id, 1) as RunStarted
}

function namesOf(a: Recording, b: Recording): Both<string> {
  if (a.id !== b.id) return [`run ${a.id}`, `run ${b.id}`]
  return ['A', 'B']
}

function saidDifferences([a, b]: Both<RunStarted>): SaidDifference[] {
  const said: SaidDifference[] = []
  const compare = (what: string, x: Plain | undefined, y: Plain | undefined) => {
    if (JSON.stringify(x) === JSON.stringify(y)) return
    if (isObject(x) && isObject(y)) {
      for (const key of new Set([...Object.keys(x), ...Object.keys(y)]))
        compare(`${what}.${key}`, x[key], y[key])
    } else said.push({ what, values: [text(x), text(y)] })
  }
  for (const field of [
    'config',
    'seed',
    'kernel',
    'capture',
    'name',
    'engine',
    'node',
    'v8',
    'platform',
  ] as const)
    compare(field, a[field], b[field])
  return said
}

function isObject(value: Plain | undefined): value is { readonly [key: string]: Plain } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function text(value: Plain | undefined): string {
  return value === undefined ? 'not given' : typeof value === 'string' ? value : JSON.stringify(value)
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
