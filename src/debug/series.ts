/** What a run logged and what is known of its gradients, as numbers over steps, read by SQL and never event by event. */
import { SOUNDS_LIKE_LOSS } from '../detectors/loss.js'
import type { Ref } from '../events/event.js'
import { fromScalar } from '../store/format/value.js'
import type { RunView } from './run-view.js'

/** One metric of a run: a value for each time it was logged. Each column is read when it is asked for: of a million values that is much. */
export class Series {
  readonly name: string
  private readonly view: RunView
  private readonly read = new Map<string, unknown[]>()

  constructor(view: RunView, name: string) {
    this.view = view
    this.name = name
  }

  get values(): readonly number[] {
    return this.column('scalar', (scalar: number | string) => fromScalar(scalar))
  }

  get steps(): readonly number[] {
    return this.column('step', (step: number) => step)
  }

  get positions(): readonly number[] {
    return this.column('id', (id: number) => id - this.view.rows.base)
  }

  /** The variable each value was read from; 0 for a plain number. */
  get variables(): readonly Ref[] {
    return this.column('variable', (variable: Ref | null) => variable ?? 0)
  }

  private column<T, R>(name: string, of: (value: T) => R): readonly R[] {
    const known = this.read.get(name) as R[] | undefined
    if (known !== undefined) return known
    const { rows, lastPosition } = this.view
    const all = rows.reading(
      () =>
        rows.db
          .prepare(
            `SELECT ${name} FROM _metric WHERE ${RANGE} AND name_id = (SELECT id FROM _text WHERE content = ?) ORDER BY id`,
          )
          .pluck()
          .all(rows.base, rows.base + lastPosition, this.name) as T[],
    )
    const found = all.map(of)
    this.read.set(name, found)
    return found
  }
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

/** The names of what a run logged, in the order in which they came first. */
export function metricNames(view: RunView): string[] {
  const { rows } = view
  // From name to name by the index: of millions of values, a few are read.
  return rows
    .all<{ name: string }>(
      `WITH RECURSIVE named (id) AS (
         SELECT min(name_id) FROM _metric WHERE CAST(id >> 32 AS INTEGER) = ?1
         UNION ALL SELECT (SELECT min(m.name_id) FROM _metric m WHERE CAST(m.id >> 32 AS INTEGER) = ?1 AND m.name_id > named.id) FROM named WHERE named.id IS NOT NULL)
       SELECT t.content AS name FROM named JOIN _text t ON t.id = named.id
       ORDER BY (SELECT m.step FROM _metric m WHERE CAST(m.id >> 32 AS INTEGER) = ?1 AND m.name_id = named.id ORDER BY m.step LIMIT 1), named.id`,
      rows.runId,
    )
    .map(({ name }) => name)
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
    `SELECT m.id AS id, m.step AS step, ${NAME} AS name, m.scalar AS scalar, m.variable AS variable FROM _metric m WHERE m.${RANGE.replace('AND id', 'AND m.id')} AND ((typeof(m.scalar) = 'text' AND m.scalar <> '-0') OR abs(m.scalar) > 1.7976931348623157e308) AND m.variable IS ${plain ? '' : 'NOT'} NULL ORDER BY m.id LIMIT 1`,
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

function isLogged(view: RunView, name: string): boolean {
  const { rows } = view
  return (
    rows.get(
      'SELECT 1 FROM _metric WHERE CAST(id >> 32 AS INTEGER) = ? AND name_id = (SELECT id FROM _text WHERE content = ?) AND id <= ? LIMIT 1',
      rows.runId,
      name,
      rows.base + view.lastPosition,
    ) !== undefined
  )
}

/** The metric that training makes smaller: the one asked for, one called loss, one that a pass began from, one that sounds like it. */
export function lossOf(view: RunView, asked: string | null): string | null {
  if (asked !== null) return isLogged(view, asked) ? asked : null
  if (isLogged(view, 'loss')) return 'loss'
  const names = metricNames(view)
  const roots = new Set(view.shapes.firsts.slice(0, 8).flatMap((step) => view.step(step).roots))
  for (const step of view.shapes.firsts.slice(0, 8))
    for (const event of view.step(step).events)
      if (event.type === 'MetricLogged' && event.variable !== null && roots.has(event.variable))
        return event.name
  return names.find((name) => SOUNDS_LIKE_LOSS.test(name)) ?? null
}
