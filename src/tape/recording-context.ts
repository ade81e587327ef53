/**
 * Which run records, where several are open: each records what happens in the asynchronous contexts that its start and its steps
 * begin, so that two training loops that take turns at their awaits stay apart; where runs nest in one context, the innermost does. A
 * context that nobody marked belongs to the run that was alone before. While only one run is open, nothing of it costs anything.
 */
import { AsyncLocalStorage, createHook } from 'node:async_hooks'
import { mode } from '../graph/mode.js'
import type { StreamRecorder } from '../recorder/stream-recorder.js'

/** The recorders of the open runs, the innermost last. */
const open: StreamRecorder[] = []

/** Who records in an asynchronous context, and who when that has ended. */
interface Place {
  readonly recorder: StreamRecorder
  readonly outer: Place | null
}

/** Made when a second run begins. */
let contexts: AsyncLocalStorage<Place> | null = null
/** The run that was open then: what was under way has no mark, and is its own. */
let alone: StreamRecorder | null = null
const turns = createHook({
  before() {
    if (mode.recorder === null || open.includes(mode.recorder as StreamRecorder)) choose()
  },
})

/** The runs that are open, the innermost last; the list itself, which changes. */
export const openRecorders: readonly StreamRecorder[] = open

/** A run begins, and records from now on. */
export function beginRecording(recorder: StreamRecorder): void {
  if (open.length > 0) {
    const outer = marks().getStore() ?? null
    marks().enterWith({ recorder, outer })
  }
  open.push(recorder)
  mode.recorder = recorder
}

/** A step of an open run begins: it records from here on, in this asynchronous context. */
export function continueRecording(recorder: StreamRecorder): void {
  if (open.length > 1 && contexts?.getStore()?.recorder !== recorder)
    marks().enterWith({ recorder, outer: null })
  mode.recorder = recorder
}

function marks(): AsyncLocalStorage<Place> {
  if (contexts === null) {
    contexts = new AsyncLocalStorage()
    alone = open.at(-1) ?? null
    turns.enable()
  }
  return contexts
}

/** A run ends; the innermost of the others records, or the one whose context this is. */
export function endRecording(recorder: StreamRecorder): void {
  const at = open.indexOf(recorder)
  if (at >= 0) open.splice(at, 1)
  if (mode.recorder === recorder) choose()
  if (open.length < 2 && contexts !== null) {
    turns.disable()
    contexts.disable()
    contexts = null
    alone = null
    if (mode.recorder !== null) choose()
  }
}

function choose(): void {
  let here = contexts?.getStore() ?? null
  while (here !== null && !open.includes(here.recorder)) here = here.outer
  if (here !== null) mode.recorder = here.recorder
  else mode.recorder = alone !== null && open.includes(alone) ? alone : (open.at(-1) ?? null)
}
