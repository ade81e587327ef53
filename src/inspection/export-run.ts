/** What a run logged, for programs that show it: event files of TensorBoard, and a trace for Perfetto or chrome://tracing. */
import { fileVersion, scalarRecord } from '../formats/tensorboard.js'
import { toNumberOrNull, type Views } from '../queries/views.js'

interface RunRow {
  id: number
  name: string
  startedAt: string
  elapsedMs: number | null
}

function runRow(views: Views, run: number): RunRow | null {
  return views.first<RunRow>(
    'SELECT id, name, started_at AS startedAt, elapsed_ms AS elapsedMs FROM run WHERE id = ?',
    run,
  )
}

interface MetricRow {
  step: number
  name: string
  value: number | null
  nonFinite: string | null
  elapsedMs: number | null
}

function metricRows(views: Views, run: number): Generator<MetricRow, void, undefined> {
  return views.each<MetricRow>(
    `SELECT m.step, m.name, m.value, m.non_finite AS nonFinite, s.elapsed_ms AS elapsedMs
     FROM metric m LEFT JOIN step s ON s.run_id = m.run_id AND s.step = m.step
     WHERE m.run_id = ? ORDER BY m.position`,
    run,
  )
}

/**
 * The bytes of one event file: every metric as a scalar of its name at its step, at the time when the step began. TensorBoard keeps
 * float32.
 */
export function* tensorboardEvents(views: Views, run: number): Generator<Uint8Array, void, undefined> {
  const row = runRow(views, run)
  if (row === null) return
  const begun = Date.parse(row.startedAt) / 1_000
  yield fileVersion(begun)
  for (const { step, name, value, nonFinite, elapsedMs } of metricRows(views, run)) {
    const number = toNumberOrNull(value, nonFinite) ?? Number.NaN
    yield scalarRecord({ wallTime: begun + (elapsedMs ?? 0) / 1_000, step, tag: name, value: number })
  }
}

/** The name that TensorBoard wants of an event file. */
export function tensorboardFileName(views: Views, run: number): string {
  const begun = Math.floor(Date.parse(runRow(views, run)?.startedAt ?? '') / 1_000)
  return `events.out.tfevents.${String(begun).padStart(10, '0')}.gradtape.${run}`
}

/**
 * A trace in Chrome's JSON format, which Perfetto reads too: a slice for each step with what it did, a counter for each metric, and
 * marks for notes and checkpoints. Calls have no time of their own on the tape, so they are no slices.
 *
 * Source  "Trace Event Format", the JSON object form
 */
export function* traceEvents(views: Views, run: number): Generator<object, void, undefined> {
  const row = runRow(views, run)
  if (row === null) return
  const at = (elapsedMs: number | null) => Math.round((elapsedMs ?? 0) * 1_000)
  const place = { pid: run, tid: 1 }
  yield { ph: 'M', name: 'process_name', ...place, args: { name: `${row.name} (run ${run})` } }
  yield { ph: 'M', name: 'thread_name', ...place, args: { name: 'steps' } }
  for (const step of views.each<
    { step: number; elapsedMs: number; durationMs: number | null } & Record<string, unknown>
  >(
    `SELECT s.step, s.elapsed_ms AS elapsedMs, s.duration_ms AS durationMs, u.call_count, u.gradient_count, u.gradient_norm, u.non_finite_count
     FROM step s JOIN step_summary u ON u.run_id = s.run_id AND u.step = s.step WHERE s.run_id = ? ORDER BY s.step`,
    run,
  )) {
    const { step: number, elapsedMs, durationMs, ...args } = step
    yield {
      ph: 'X',
      name: `step ${number}`,
      cat: 'step',
      ...place,
      ts: at(elapsedMs),
      dur: at(durationMs),
      args: { step: number, ...args },
    }
  }
  for (const { step, name, value, elapsedMs } of metricRows(views, run)) {
    // A counter cannot be NaN; the step's slice says how many gradients are not finite.
    if (value !== null) yield { ph: 'C', name, ...place, ts: at(elapsedMs), args: { value, step } }
  }
  for (const mark of views.each<{ name: string; step: number; elapsedMs: number | null }>(
    `SELECT 'note: ' || n.text AS name, n.step, s.elapsed_ms AS elapsedMs FROM note n LEFT JOIN step s ON s.run_id = n.run_id AND s.step = n.step WHERE n.run_id = ?
     UNION ALL
     SELECT 'checkpoint', c.step, s.elapsed_ms FROM checkpoint c LEFT JOIN step s ON s.run_id = c.run_id AND s.step = c.step WHERE c.run_id = ?`,
    run,
    run,
  ))
    yield { ph: 'i', s: 't', name: mark.name, ...place, ts: at(mark.elapsedMs), args: { step: mark.step } }
}
