/** What a run logged and what is known of its gradients, as numbers over steps, read by SQL and never event by event. */
import { SOUNDS_LIKE_LOSS } from '../detectors/loss.js'
import type { Ref } from '../events/event.js'
import { fromScalar } from '../store/format/value.js'
import type { RunView } from './run-view.js'

/** One metric of a run: a value for each time it was logged. */
export interface Series {
  readonly name: string
  readonly steps: readonly number[]
  readonly values: readonly number[]
  readonly positions: readonly number[]
  /** The variable each value was read from; 0 for a plain number. */
  readonly variables: readonly Ref[]
}

/** A first time that something was not finite. */
export interface NonFinite {
  readonly position: number
  readonly step: number
  /** The metric's name, or null for a gradient. */
  readonly metric: string | null
  /** The variable concerned; 0 for a plain number. */
  readonly variable: Ref
  readonly value: number
}

const NAME = '(SELECT content FROM _text t WHERE t.id = m.name_id)'
const RANGE = 'id > ? AND id <= ?'

export function metricNames(view: RunView): { name: string; count: number; plain: boolean }[] {
  const { rows } = view
  return rows
    .all<{ name: string; count: number; plain: number }>(
      `SELECT t.content AS name, g.count AS count, g.plain AS plain FROM (SELECT name_id, count(*) AS count, max(variable IS NULL) AS plain, min(id) AS first FROM _metric WHERE ${RANGE} GROUP BY name_id) g JOIN _text t ON t.id = g.name_id ORDER BY g.first`,
      rows.base,
      rows.base + view.lastPosition,
    )
    .map(({ name, count, plain }) => ({ name, count, plain: plain === 1 }))
}

export function seriesOf(view: RunView, name: string): Series {
  const { rows } = view
  const steps: number[] = []
  const values: number[] = []
  const positions: number[] = []
  const variables: number[] = []
  for (const row of rows.all<{ id: number; step: number; scalar: number | string; variable: number | null }>(
    `SELECT id, step, scalar, variable FROM _metric WHERE ${RANGE} AND name_id = (SELECT id FROM _text WHERE content = ?) ORDER BY id`,
    rows.base,
    rows.base + view.lastPosition,
    name,
  )) {
    steps.push(row.step)
    values.push(fromScalar(row.scalar))
    positions.push(row.id - rows.base)
    variables.push(row.variable ?? 0)
  }
  return { name, steps, values, positions, variables }
}

/** The first metric that is not finite: of variables before plain numbers of the same step. */
export function firstNonFiniteMetric(view: RunView, plain: boolean): NonFinite | null {
  const { rows } = view
  const row = rows.get<{
    id: number
    step: number
    name: string
    scalar: number | string
    variable: number | null
  }>(
    `SELECT m.id AS id, m.step AS step, ${NAME} AS name, m.scalar AS scalar, m.variable AS variable FROM _metric m WHERE m.${RANGE.replace('AND id', 'AND m.id')} AND (typeof(m.scalar) = 'text' OR abs(m.scalar) > 1.7976931348623157e308) AND m.variable IS ${plain ? '' : 'NOT'} NULL ORDER BY m.id LIMIT 1`,
    rows.base,
    rows.base + view.lastPosition,
  )
  if (row === undefined) return null
  return {
    position: row.id - rows.base,
    step: row.step,
    metric: row.name,
    variable: row.variable ?? 0,
    value: fromScalar(row.scalar),
  }
}

/** Gradients of which something is out of bounds, from the first on: not finite, or of a norm above `norm`. */
export function oddGradients(
  view: RunView,
  norm: number,
  limit: number,
): (NonFinite & { norm: number; pass: Ref })[] {
  const { rows } = view
  return rows
    .all<{ id: number; ref: number; l2_norm: number | null; bad: number; pass: number }>(
      `SELECT g.id AS id, v.ref AS ref, g.l2_norm AS l2_norm, g.non_finite_count AS bad, g.pass AS pass FROM _gradient g JOIN _variable v ON v.id = g.variable_id WHERE g.id > ? AND g.id <= ? AND (g.non_finite_count > 0 OR g.l2_norm > ?) ORDER BY g.id LIMIT ?`,
      rows.base,
      rows.base + view.lastPosition,
      norm,
      limit,
    )
    .map(({ id, ref, l2_norm, bad, pass }) => ({
      position: id - rows.base,
      step: stepAt(view, id - rows.base),
      metric: null,
      variable: ref,
      value: bad > 0 ? Number.NaN : (l2_norm ?? Number.NaN),
      norm: l2_norm ?? Number.NaN,
      pass,
    }))
}

/** The step in which a position stands. */
export function stepAt(view: RunView, position: number): number {
  const { rows } = view
  return (
    rows.get<{ step: number }>(
      'SELECT step FROM _step WHERE id > ? AND id <= ? ORDER BY id DESC LIMIT 1',
      rows.base,
      rows.base + position,
    )?.step ?? 0
  )
}

/** The metric that training makes smaller: the one asked for, one called loss, one that a pass began from, one that sounds like it. */
export function lossOf(view: RunView, asked: string | null): string | null {
  const names = metricNames(view).map(({ name }) => name)
  if (asked !== null) return names.includes(asked) ? asked : null
  if (names.includes('loss')) return 'loss'
  const roots = new Set(view.shapes.firsts.slice(0, 8).flatMap((step) => view.step(step).roots))
  for (const step of view.shapes.firsts.slice(0, 8))
    for (const event of view.step(step).events)
      if (event.type === 'MetricLogged' && event.variable !== null && roots.has(event.variable))
        return event.name
  return names.find((name) => SOUNDS_LIKE_LOSS.test(name)) ?? null
}
