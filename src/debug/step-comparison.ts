/** Two steps that stand for each other, event by event: lines aligned as a text diff aligns them, then what aligned lines differ in. */
import { isRecord } from '../events/checks.js'
import {
  type FunctionCalled,
  type LeafCreated,
  positionOf,
  type RecordedArray,
  type Ref,
  type RequiresGradSet,
  slotOf,
  type ValueAssigned,
} from '../events/event.js'
import { indexOf } from '../replay/compare.js'
import { alignInPasses, type Pair } from './alignment.js'
import { distanceOf } from './array-distance.js'
import type { Both, DifferenceKind, RunDifference } from './run-diff.js'
import { freezingWord, isCall, type Line, Lines, type Side, type StepRange } from './step-lines.js'

export type Found = Omit<RunDifference, 'furtherSteps'>

const SHOWN_MAX = 6

export class StepComparison {
  readonly pairs: readonly Pair[]
  private readonly a: Lines
  private readonly b: Lines
  private readonly tolerance: number
  private readonly partners: Both<ReadonlyMap<number, number>>

  constructor(a: Side, rangeA: StepRange, b: Side, rangeB: StepRange, tolerance: number) {
    this.a = new Lines(a, rangeA)
    this.b = new Lines(b, rangeB)
    this.tolerance = tolerance
    this.pairs = alignInPasses(this.a.keys, this.b.keys)
    this.partners = [new Map(this.pairs), new Map(this.pairs.map(([i, j]) => [j, i]))]
  }

  /** Positions of calls that stand for each other, in order. */
  alignedCalls(): { readonly positions: Both<number>; readonly call: FunctionCalled }[] {
    const aligned: { positions: Both<number>; call: FunctionCalled }[] = []
    let only: Both<FunctionCalled[]> = [[], []]
    for (const [i, j] of this.pairs) {
      const [x, y] = [this.a.lines[i], this.b.lines[j]]
      if (x !== undefined && y !== undefined) {
        // A part that is written differently ends in the variable that the rest goes on with.
        const [last, other] = [only[0].at(-1), only[1].at(-1)]
        if (last !== undefined && other !== undefined)
          aligned.push({ positions: [last.position, other.position], call: last })
        only = [[], []]
        if (isCall(x) && isCall(y)) aligned.push({ positions: [x.position, y.position], call: x })
      } else if (x !== undefined && isCall(x)) only[0].push(x)
      else if (y !== undefined && isCall(y)) only[1].push(y)
    }
    return aligned
  }

  /** All differences of the step, the first of each kind in each place. */
  differences(): Found[] {
    const found: Found[] = []
    let only: { a: Line[]; b: Line[] } = { a: [], b: [] }
    let before: Pair | null = null
    const close = () => {
      if (only.a.length + only.b.length > 0) found.push(...this.structure(only.a, only.b, before))
      only = { a: [], b: [] }
    }
    for (const [i, j] of this.pairs) {
      if (i < 0) only.b.push(this.b.lines[j]!)
      else if (j < 0) only.a.push(this.a.lines[i]!)
      else {
        close()
        before = [i, j]
        found.push(...this.ofLines(this.a.lines[i]!, this.b.lines[j]!))
      }
    }
    close()
    return found
  }

  private ofLines(x: Line, y: Line): Found[] {
    if (x.type === 'FunctionCalled' && y.type === 'FunctionCalled') return this.ofCalls(x, y)
    if (x.type === 'LeafCreated' && y.type === 'LeafCreated') return this.ofLeaves(x, y)
    if (x.type === 'ValueAssigned' && y.type === 'ValueAssigned') return this.ofAssignments(x, y)
    if (x.type === 'BackwardStarted' && y.type === 'BackwardStarted') {
      const said = (line: typeof x) => `createGraph ${line.createGraph}, retainGrad ${line.retainGrad}`
      if (said(x) !== said(y))
        return [
          this.found(
            'attribute',
            x,
            y,
            null,
            `the backward pass (#${x.position}) has ${said(x)} in ${this.a.side.name}, ${said(y)} in ${this.b.side.name}`,
          ),
        ]
    }
    return []
  }

  private ofCalls(x: FunctionCalled, y: FunctionCalled): Found[] {
    const found: Found[] = []
    const [one, other] = [this.a.side.name, this.b.side.name]
    const what = this.a.describe(x)
    const variable = this.a.parameterRead(x)
    for (const key of new Set([...Object.keys(x.attributes), ...Object.keys(y.attributes)])) {
      const [p, q] = [plainText(x.attributes[key]), plainText(y.attributes[key])]
      if (p === q) continue
      const drawn =
        key === 'counter' && typeof x.attributes[key] === 'number' && typeof y.attributes[key] === 'number'
      const evidence = drawn
        ? [
            `random numbers drawn before it: ${p} in ${one}, ${q} in ${other}; something else draws from the same generator`,
          ]
        : []
      found.push(
        this.found(
          'attribute',
          x,
          y,
          variable,
          `${key} of ${what} is ${p} in ${one}, ${q} in ${other}`,
          evidence,
        ),
      )
    }
    for (let slot = 0; slot < Math.max(x.inputs.length, y.inputs.length); slot++) {
      const [p, q] = [x.inputs[slot], y.inputs[slot]]
      if (p !== undefined && q !== undefined) {
        const [rows, others] = [this.a.rowsTaken(p), this.b.rowsTaken(q)]
        if (rows !== null && others !== null) {
          found.push(...this.ofRows(rows, others))
          continue
        }
        if (this.sameVariable(p, q)) continue
      }
      const said = (lines: Lines, ref: Ref | undefined) =>
        ref === undefined
          ? 'nothing'
          : `${lines.identity(ref)}${lines.nameOrNull(ref) === null ? ` (#${positionOf(ref)})` : ''}`
      found.push(
        this.found(
          'reads',
          x,
          y,
          variable,
          `${what} reads ${said(this.a, p)} in ${one} and ${said(this.b, q)} in ${other}, as input ${slot}`,
        ),
      )
    }
    for (const [slot, output] of x.outputs.entries()) {
      const other = y.outputs[slot]
      if (other === undefined) continue
      if (output.dtype !== other.dtype)
        found.push(
          this.found(
            'dtype',
            x,
            y,
            variable,
            `${what} makes ${output.dtype} in ${one}, ${other.dtype} in ${this.b.side.name}`,
          ),
        )
      if (output.shape.join() !== other.shape.join())
        found.push(
          this.found(
            'shape',
            x,
            y,
            variable,
            `${what} makes [${output.shape.join(', ')}] in ${one}, [${other.shape.join(', ')}] in ${this.b.side.name}`,
          ),
        )
    }
    return found
  }

  private sameVariable(p: Ref, q: Ref): boolean {
    if (slotOf(p) !== slotOf(q)) return false
    const [i, j] = [this.a.indexOf(p), this.b.indexOf(q)]
    // What stands in for it here is told as structure, where it stands.
    if (i !== null && j !== null) return this.isPair(i, j) || this.isUnpaired(i, 0) || this.isUnpaired(j, 1)
    if (i !== null) return this.isUnpaired(i, 0)
    if (j !== null) return this.isUnpaired(j, 1)
    return this.a.identity(p) === this.b.identity(q)
  }

  private isPair(i: number, j: number): boolean {
    return this.partners[0].get(i) === j
  }

  private isUnpaired(index: number, side: 0 | 1): boolean {
    return this.partners[side].get(index) === -1
  }

  private ofLeaves(x: LeafCreated, y: LeafCreated): Found[] {
    const [one, other] = [this.a.side.name, this.b.side.name]
    const name = x.name ?? y.name
    if (this.a.isRows(x) && this.b.isRows(y)) return this.ofRows(x, y)
    const kind: DifferenceKind =
      x.role === 'parameter' || (name !== null && x.role !== 'variable') ? 'parameter' : 'data'
    const what = `${x.role === 'constant' && x.name === null ? 'data' : x.role} ${x.name ?? ''}`.trim()
    const said = `${what} [${x.shape.join(', ')}] (#${x.position}${this.readBy(x)})`
    if (x.dtype !== y.dtype)
      return [this.found('data', x, y, name, `${said} is ${x.dtype} in ${one}, ${y.dtype} in ${other}`)]
    if (x.shape.join() !== y.shape.join())
      return [
        this.found(
          'shape',
          x,
          y,
          name,
          `${what} (#${x.position}) is [${x.shape.join(', ')}] in ${one}, [${y.shape.join(', ')}] in ${other}`,
        ),
      ]
    if (x.name !== y.name && x.name !== null && y.name !== null && x.role !== 'constant')
      return [this.found('structure', x, y, x.name, `${x.name} of ${one} is called ${y.name} in ${other}`)]
    const frozen: Found[] = []
    if (x.requiresGrad !== y.requiresGrad && x.role === 'parameter') {
      const state = (leaf: LeafCreated) => (leaf.requiresGrad ? 'learns' : 'is frozen')
      const text = `${name ?? 'a parameter'} [${x.shape.join(', ')}] (#${x.position}) ${state(x)} in ${one} and ${state(y)} in ${other} when it is first used`
      frozen.push(this.found('structure', x, y, name, text))
    }
    const difference = this.ofArrays(x, y, kind === 'data')
    if (difference === null) return frozen
    const text =
      kind === 'parameter' ? `the first value of ${name} [${x.shape.join(', ')}] differs` : `${said} differs`
    return [
      ...frozen,
      this.found(kind, x, y, name, `${text}${difference.text}`, difference.evidence, difference.rows),
    ]
  }

  /** Of a number without a name, the call that reads it: that is where it stands in the program. */
  private readBy({ position, shape, name }: LeafCreated): string {
    if (shape.length > 0 || name !== null) return ''
    const reader = this.a.lines.find((line) => isCall(line) && line.inputs.includes(position))
    return reader === undefined ? '' : `, read by ${this.a.describe(reader)}`
  }

  /** In how many elements two given arrays differ, in words; null when they are equal. */
  private ofArrays(
    x: LeafCreated | ValueAssigned,
    y: LeafCreated | ValueAssigned,
    isData = false,
  ): { text: string; evidence: string[]; rows: number[] | null } | null {
    const [p, q] = [x.value, y.value]
    if (p === null || q === null) {
      const [m, n] = [x.summary?.hash ?? null, y.summary?.hash ?? null]
      if (m === null || n === null || m === n) return null
      return { text: ': its hash is another', evidence: [], rows: null }
    }
    const distance = distanceOf(p, q, this.tolerance)
    if (distance === null) return null
    const { different, elements, first, values, ulps } = distance
    const where = first.length === 0 ? '' : `, first at [${first.join(', ')}]`
    const small = ulps !== null && ulps < 1000 ? ` (at most ${numberShort(ulps)} ulp)` : ''
    const isRows = p.shape.length > 1 || (isData && p.shape.length === 1)
    const rows = isRows && different < elements ? rowsThatDiffer(p, q) : null
    const few =
      rows !== null && rows.length <= SHOWN_MAX
        ? `, row${rows.length === 1 ? '' : 's'} ${rows.join(', ')}`
        : ''
    return {
      text:
        elements === 1
          ? `: ${values[0]} | ${values[1]}`
          : ` in ${count(different)} of ${count(elements)} elements${where}${few}: ${values[0]} | ${values[1]}${small}`,
      evidence: [`root mean square ${numberShort(rms(p))} | ${numberShort(rms(q))}`],
      rows: rows !== null && rows.length <= 1000 ? rows : null,
    }
  }

  private ofRows(x: LeafCreated, y: LeafCreated): Found[] {
    if (x.value === null || y.value === null) {
      if (x.summary?.hash === y.summary?.hash) return []
      return [this.found('rows', x, y, null, 'the batch has other rows, or in another order')]
    }
    const [p, q] = [Array.from(x.value.data), Array.from(y.value.data)]
    if (p.length === q.length && p.every((row, i) => row === q[i])) return []
    const [one, other] = [this.a.side.name, this.b.side.name]
    const list = (rows: readonly number[]) =>
      rows.slice(0, SHOWN_MAX).join(', ') + (rows.length > SHOWN_MAX ? ', …' : '')
    const [inA, inB] = [new Set(p), new Set(q)]
    const [onlyA, onlyB] = [p.filter((row) => !inB.has(row)), q.filter((row) => !inA.has(row))]
    const rows = [...onlyA, ...onlyB]
    if (onlyA.length + onlyB.length === 0 && p.length === q.length) {
      const text = `the batch has the same ${p.length} rows in another order: ${list(p)} in ${one}, ${list(q)} in ${other}`
      return [this.found('rows', x, y, null, text, [], p)]
    }
    if (p.length !== q.length) {
      const text = `the batch has ${p.length} rows in ${one}, ${q.length} in ${other}: ${list(p)} | ${list(q)}`
      return [this.found('rows', x, y, null, text, [], rows)]
    }
    const few = onlyA.length <= SHOWN_MAX && onlyA.length < p.length
    const text = few
      ? `${onlyA.length} of the batch's ${p.length} rows differ: ${list(onlyA)} in ${one}, ${list(onlyB)} in ${other}`
      : `the batch has other rows: ${list(p)} in ${one}, ${list(q)} in ${other}`
    return [this.found('rows', x, y, null, text, this.unread(), rows)]
  }

  /** Batches that were taken for a step and that no call reads: their rows are left out. */
  private unread(): string[] {
    return [this.a, this.b].flatMap(({ side, unread }) =>
      unread.map(
        ({ position, rows }) =>
          `${side.name} takes rows ${rows.slice(0, SHOWN_MAX).join(', ')}${rows.length > SHOWN_MAX ? ', …' : ''} (take #${position}), and no call reads them`,
      ),
    )
  }

  private ofAssignments(x: ValueAssigned, y: ValueAssigned): Found[] {
    if (x.source !== null || y.source !== null) return []
    const difference = this.ofArrays(x, y)
    if (difference === null) return []
    const name = this.a.name(x.variable)
    return [
      this.found(
        'assignment',
        x,
        y,
        name,
        `what is assigned from outside to ${name} (#${x.position}) differs${difference.text}`,
        difference.evidence,
        difference.rows,
      ),
    ]
  }

  /** Lines that only one run has, between two that both have. */
  private structure(onlyA: readonly Line[], onlyB: readonly Line[], before: Pair | null): Found[] {
    const [one, other] = [this.a.side.name, this.b.side.name]
    const evidence = [
      ...onlyA.map((line) => `− ${this.a.describe(line)}`),
      ...onlyB.map((line) => `+ ${this.b.describe(line)}`),
    ]
    const [callsA, callsB] = [onlyA.filter(isCall), onlyB.filter(isCall)]
    const x = callsA[0] ?? onlyA[0] ?? null
    const y = callsB[0] ?? onlyB[0] ?? null
    const variable = (x !== null ? subjectOf(this.a, x) : null) ?? (y !== null ? subjectOf(this.b, y) : null)
    const outside = [...onlyA, ...onlyB].find((line) => line.type === 'ValueAssigned' && line.source === null)
    const kind: DifferenceKind = outside === undefined ? 'structure' : 'assignment'
    const after = before === null ? '' : `, after ${this.a.describe(this.a.lines[before[0]]!)}`
    if (callsA.length > 0 && callsB.length > 0) {
      const text = `${this.chain(this.a, callsA)} of ${one} is ${this.chain(this.b, callsB)} in ${other}`
      return [this.found(kind, x, y, variable, text, evidence)]
    }
    const onlyIn = (lines: Lines, own: readonly Line[], calls: readonly Line[], name: string) => {
      const shown = calls.length > 0 ? calls : own
      const verb = shown.length === 1 || freezingsIn(shown) !== null ? 'is' : 'are'
      return `${this.chain(lines, shown)} ${verb} in ${name} only${after}`
    }
    const found: Found[] = []
    if (onlyA.length > 0 && (callsA.length > 0 || callsB.length === 0))
      found.push(this.found(kind, x, null, variable, onlyIn(this.a, onlyA, callsA, one), evidence))
    if (
      onlyB.length > 0 &&
      (callsB.length > 0 || callsA.length === 0) &&
      !(onlyA.length > 0 && callsB.length === 0 && callsA.length > 0)
    )
      found.push(this.found(kind, null, y, variable, onlyIn(this.b, onlyB, callsB, other), evidence))
    return found
  }

  /** `neg, exp, add, div (#11–#15)`. */
  private chain(lines: Lines, own: readonly Line[]): string {
    if (own.length === 1) return lines.describe(own[0]!)
    const clears = own.filter((line) => line.type === 'GradientCleared')
    if (clears.length === own.length) {
      const names = clears.slice(0, SHOWN_MAX).map((line) => lines.name(line.variable))
      return `clearGrad of ${clears.length} variables (${names.join(', ')}${clears.length > SHOWN_MAX ? ', …' : ''})`
    }
    const freezings = freezingsIn(own)
    if (freezings?.length === 1) return lines.describe(freezings[0]!)
    if (freezings !== null) {
      const names = freezings.slice(0, SHOWN_MAX).map((line) => lines.name(line.variable))
      const more = freezings.length > SHOWN_MAX ? ', …' : ''
      return `${freezingWord(freezings[0]!)} of ${freezings.length} variables (${names.join(', ')}${more})`
    }
    if (!own.every(isCall)) {
      const shown = own.slice(0, SHOWN_MAX).map((line) => lines.describe(line))
      return `${shown.join(', ')}${own.length > SHOWN_MAX ? ` and ${own.length - SHOWN_MAX} more` : ''}`
    }
    const names = own.slice(0, 2 * SHOWN_MAX).map((line) => line.function)
    const more = own.length > names.length ? ` and ${own.length - names.length} more` : ''
    const scopes = new Set(own.map(({ scope }) => scope))
    const scope = scopes.size === 1 && own[0]!.scope !== '' ? `, ${own[0]!.scope}` : ''
    const subject = lines.subject(own[0]!)
    return `${names.join(', ')}${more} (#${own[0]!.position}–#${own.at(-1)!.position}${scope}${lines.site(own[0]!)})${subject}`
  }

  private found(
    kind: DifferenceKind,
    x: Line | null,
    y: Line | null,
    variable: string | null,
    text: string,
    evidence: readonly string[] = [],
    rows: readonly number[] | null = null,
  ): Found {
    // A parameter is recorded where a call reads it first; its first value was there before the first step. What is taken for a step is
    // part of that step, though it may have been taken before.
    const line = x ?? y
    const own = this.a.range.step >= 0 ? this.a.range.step : this.b.range.step
    const step = kind === 'parameter' ? 0 : kind === 'data' && line !== null ? line.step : own
    const call = line?.type === 'FunctionCalled' ? line : null
    return {
      kind,
      step,
      positions: [x?.position ?? null, y?.position ?? null],
      function: call?.function ?? null,
      scope: call?.scope ?? null,
      variable,
      rows,
      text: `step ${step}: ${text}`,
      evidence,
    }
  }
}

/** The lines that freeze or unfreeze, where there are no others, and all do the same; else null. Freezing forgets the gradient. */
function freezingsIn(own: readonly Line[]): RequiresGradSet[] | null {
  const freezings = own.filter((line) => line.type === 'RequiresGradSet')
  const frozen = new Set(freezings.map(({ variable }) => variable))
  const isOther = (line: Line) =>
    line.type !== 'RequiresGradSet' && !(line.type === 'GradientCleared' && frozen.has(line.variable))
  return new Set(freezings.map(freezingWord)).size !== 1 || own.some(isOther) ? null : freezings
}

function subjectOf(lines: Lines, line: Line): string | null {
  if (line.type === 'FunctionCalled') return lines.parameterRead(line)
  if (line.type === 'LeafCreated') return line.name
  if ('variable' in line) return lines.nameOrNull(line.variable)
  return null
}

function plainText(value: unknown): string {
  if (value === undefined) return 'not given'
  return isRecord(value, 0) || Array.isArray(value) ? JSON.stringify(value) : String(value)
}

/** Along the first axis. */
function rowsThatDiffer(a: RecordedArray, b: RecordedArray): number[] {
  const [x, y] = [a.data, b.data]
  const rows: number[] = []
  for (let i = 0; i < x.length; i++) {
    if (Object.is(x[i], y[i])) continue
    const [row] = indexOf(i, a.shape)
    if (rows.at(-1) !== row) rows.push(row!)
  }
  return rows
}

function rms({ data }: RecordedArray): number {
  let squares = 0
  for (const value of data) squares += value ** 2
  return Math.sqrt(squares / data.length)
}

function count(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',')
}

export function numberShort(value: number): string {
  return String(Number(value.toPrecision(3)))
}
