/**
 * Why a run went wrong. Every detector is asked; what it proposes from columns and templates is confirmed by computing a few
 * steps again; the answers are ranked so that causes come before their effects.
 */

import { sited } from '../detectors/draft.js'
import type { Finding, Findings } from '../detectors/finding.js'
import { TapeError, valueText } from '../errors.js'
import { checkOptions } from '../options.js'
import type { Recording } from '../replay/replay-run.js'
import { asOfOneMoment } from '../store/read/one-moment.js'
import { assignments } from './assignments.js'
import { diverging } from './divergence.js'
import { ending } from './ending.js'
import { evaluationMode } from './evaluation.js'
import { frozen } from './frozen.js'
import { noGradient, zeroGradients } from './gradient-flow.js'
import { nonFinite } from './non-finite.js'
import { notCleared, twice } from './passes.js'
import { precision } from './precision.js'
import { resumedState } from './resumed.js'
import { rowOrder } from './row-order.js'
import { RunView } from './run-view.js'
import { metricNames } from './series.js'
import { settings } from './settings.js'
import { deadUnits, exploding, vanishing } from './signals.js'
import { spikes } from './spikes.js'
import { sharedWeight, targetLeak } from './structure.js'
import { unmoved } from './unmoved.js'
import { userFunctions } from './user-functions.js'

export interface WhyOptions {
  /** The step that `precision` computes again; one that stands for the run when not given. */
  step?: number
  /** The metric that training makes smaller; the one called loss, or that a pass began from, when not given. */
  metric?: string
  /** Only these kinds of findings; all when not given. */
  only?: readonly string[]
  /** A run that went well: what is found in it, too, at the same call and variable, is a note. */
  like?: Asked
}

/** A recorded run: what `tape.run` gives. */
interface Asked {
  readonly id: number
  readonly name: string
  /** @internal */
  readonly recording: Recording
}

/** A detector on a recorded run, and the kinds it can find. */
interface Look {
  readonly kinds: readonly string[]
  readonly look: (view: RunView, options: WhyOptions) => Finding[]
}

/** In the order in which one explains another: what stands first explains what stands after it. */
const LOOKS: readonly Look[] = [
  { kinds: ['outside-assignment'], look: assignments },
  { kinds: ['settings', 'no-update'], look: (view, { metric }) => settings(view, metric ?? null) },
  { kinds: ['no-update'], look: unmoved },
  { kinds: ['resumed-state'], look: resumedState },
  { kinds: ['not-deterministic'], look: userFunctions },
  { kinds: ['row-mismatch', 'row-order', 'row-repeated', 'row-shared'], look: rowOrder },
  { kinds: ['no-gradient', 'no-update'], look: noGradient },
  { kinds: ['frozen'], look: frozen },
  { kinds: ['not-cleared'], look: notCleared },
  { kinds: ['counted-twice'], look: twice },
  { kinds: ['non-finite-data', 'non-finite-birth', 'non-finite'], look: nonFinite },
  { kinds: ['target-leak'], look: targetLeak },
  { kinds: ['evaluation-mode'], look: evaluationMode },
  { kinds: ['shared-weight'], look: sharedWeight },
  { kinds: ['exploding'], look: exploding },
  { kinds: ['diverging'], look: diverging },
  { kinds: ['vanishing'], look: vanishing },
  { kinds: ['zero-gradient'], look: zeroGradients },
  { kinds: ['dead-units', 'saturated'], look: deadUnits },
  { kinds: ['precision'], look: (view, { step }) => precision(view, step ?? null) },
  { kinds: ['loss-spike'], look: (view, { metric }) => spikes(view, metric ?? null) },
  { kinds: ['run-failed'], look: ending },
]

export const WHY_KINDS: readonly string[] = [...new Set(LOOKS.flatMap(({ kinds }) => kinds))]

/** @internal Throws BAD_ARGUMENT for options, kinds and metrics that it does not know; STEP_NOT_FOUND. */
export function why(recording: Recording, options: WhyOptions = {}): Findings {
  checkWhyOptions(options)
  return asOfOneMoment(recording.reader.db, () => findingsOf(recording, options))
}

function findingsOf(recording: Recording, options: WhyOptions): Findings {
  const began = performance.now()
  const view = new RunView(recording)
  const { only, step, metric } = options
  if (step !== undefined) view.recording.lookup.stepRange(step, view.lastPosition)
  if (metric !== undefined) checkMetric(view, metric)
  if (options.like !== undefined) checkOther(recording, options.like)
  const found: Found[] = []
  for (const [rank, { kinds, look }] of LOOKS.entries()) {
    if (only !== undefined && !kinds.some((kind) => only.includes(kind))) continue
    const before = view.stepsReplayed
    const since = performance.now()
    const findings = view.attempt(kinds.join(', '), () => look(view, options)) ?? []
    const cost = {
      stepsReplayed: view.stepsReplayed - before,
      milliseconds: Math.round(performance.now() - since),
    }
    for (const one of findings)
      if (only === undefined || only.includes(one.kind))
        found.push({ finding: { ...sited(one, (position) => view.siteOf(position)), cost }, rank })
  }
  return {
    findings: (options.like === undefined
      ? withEffects(found)
      : withoutUsual(withEffects(found), options.like, options)
    )
      .sort(inOrder)
      .map(({ finding }) => finding),
    looked: lookedText(view, performance.now() - began),
    skipped: [...view.skipped].map(([what, reason]) => ({ what, why: reason })),
  }
}

/** What the good run has, too, does not tell why this one went wrong. */
function withoutUsual(found: readonly Found[], like: Asked, { metric, only }: WhyOptions): Found[] {
  const usual = new Map<string, Finding>()
  // A metric that only this run logged is no mistake in what was asked of the other.
  const isLogged = metric === undefined || metricNames(new RunView(like.recording)).includes(metric)
  const asked = {
    ...(isLogged && metric !== undefined ? { metric } : {}),
    ...(only === undefined ? {} : { only }),
  }
  for (const one of why(like.recording, asked).findings) usual.set(placeOf(one), one)
  return found.map((one) => {
    const other = usual.get(placeOf(one.finding))
    // That another run failed, too, makes no failure usual.
    if (other === undefined || one.finding.kind === 'run-failed') return one
    const evidence = [
      ...one.finding.evidence,
      `usual     run ${like.id} ("${like.name}") has it too: ${other.text}`,
    ]
    return { ...one, finding: { ...one.finding, level: 'note', evidence } }
  })
}

/** What makes two findings of two runs the same: not the step, and not the numbers. */
function placeOf({ kind, function: name, scope, variable }: Finding): string {
  return JSON.stringify([kind, name, scope, variable])
}

/** What makes an infinity only of numbers that grew too large. */
const SUMS: ReadonlySet<string> = new Set([
  'linear',
  'matmul',
  'add',
  'sum',
  'mul',
  'square',
  'conv2d',
  'einsum',
])

/** What a training that diverges brings about. */
const EFFECTS: ReadonlySet<string> = new Set([
  'non-finite-birth',
  'non-finite',
  'dead-units',
  'saturated',
  'vanishing',
  'zero-gradient',
  'loss-spike',
])

/**
 * A sum that overflows after gradients had exploded is their effect, and no cause of its own. What dies, overflows or jumps once the
 * training diverges is the effect of that.
 */
function withEffects(found: readonly Found[]): Found[] {
  const exploded = found.find(
    ({ finding: { kind, level } }) => kind === 'exploding' && level === 'cause',
  )?.finding
  const diverged = found.find(({ finding: one }) => one.kind === 'diverging')?.finding
  return found.map((one) => {
    const { kind, step, value, function: name } = one.finding
    const isAfter = (cause: Finding | undefined, least: number) =>
      step !== null && typeof cause?.step === 'number' && step - cause.step >= least
    const isOverflow = kind === 'non-finite-birth' && Math.abs(value ?? 0) === Number.POSITIVE_INFINITY
    const isEffect =
      (isOverflow && isAfter(exploded, 1) && SUMS.has(name ?? '')) ||
      // Where a single row or update made it diverge, the jump of the loss names it.
      (EFFECTS.has(kind) && isAfter(diverged, 0) && (kind !== 'loss-spike' || diverged?.level === 'cause')) ||
      (kind === 'diverging' && isAfter(exploded, 0))
    return isEffect ? { ...one, finding: { ...one.finding, level: 'symptom' } } : one
  })
}

interface Found {
  readonly finding: Finding
  readonly rank: number
}

const LEVELS = { cause: 0, symptom: 1, note: 2 }

function inOrder(a: Found, b: Found): number {
  return (
    LEVELS[a.finding.level] - LEVELS[b.finding.level] ||
    a.rank - b.rank ||
    (a.finding.step ?? 0) - (b.finding.step ?? 0)
  )
}

function lookedText(view: RunView, milliseconds: number): string {
  const steps = `${view.stepCount} ${view.stepCount === 1 ? 'step' : 'steps'}`
  const again = view.stepsReplayed === 0 ? '' : `; ${view.stepsReplayed} computed again`
  const kinds = view.shapes.counts.length
  return `${steps} of ${kinds} ${kinds === 1 ? 'kind' : 'kinds'}${again} (${(milliseconds / 1000).toFixed(1)} s)`
}

function checkMetric(view: RunView, metric: string): void {
  const names = metricNames(view)
  if (!names.includes(metric))
    throw new TapeError(
      'BAD_ARGUMENT',
      `why() expected metric to be one that run "${view.recording.name}" logged (${names.length === 0 ? 'it logged none' : names.slice(0, 12).join(', ')}), got ${valueText(metric)}`,
    )
}

/** All that is found in a run is found in it, too. */
function checkOther({ reader, id, name }: Recording, like: Asked): void {
  if (like.id === id && like.recording.reader.db === reader.db)
    throw new TapeError(
      'BAD_ARGUMENT',
      `why() expected like to be another run, one that went well, got run ${id} ("${name}") itself`,
    )
}

function checkWhyOptions(options: WhyOptions): void {
  checkOptions(options, ['step', 'metric', 'only', 'like'], 'why()')
  const { metric, only, step, like } = options
  if (like !== undefined && !(typeof like === 'object' && like !== null && 'recording' in like))
    throw new TapeError(
      'BAD_ARGUMENT',
      `why() expected like to be a run that went well, as tape.run(…) gives it, got ${valueText(like)}`,
    )
  if (step !== undefined && typeof step !== 'number')
    throw new TapeError(
      'BAD_ARGUMENT',
      `why() expected step to be the number of a step, got ${valueText(step)}`,
    )
  if (only !== undefined && !Array.isArray(only))
    throw new TapeError('BAD_ARGUMENT', `why() expected only to be a list of kinds, got ${valueText(only)}`)
  if (metric !== undefined && typeof metric !== 'string')
    throw new TapeError('BAD_ARGUMENT', `why() expected metric to be a name, got ${valueText(metric)}`)
  for (const kind of only ?? [])
    if (!WHY_KINDS.includes(kind))
      throw new TapeError(
        'BAD_ARGUMENT',
        `why() expected only kinds of ${WHY_KINDS.join(', ')}, got ${valueText(kind)}`,
      )
}
