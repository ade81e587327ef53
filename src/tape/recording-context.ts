/**
 * Which run records, where several are open. While runs nest, the innermost does. Once the program begins a step of another
 * open run, each run records what happens in the asynchronous contexts that its steps begin, so that two training loops that
 * take turns at their awaits stay apart. Before that nothing of it costs anything.
 */
import { AsyncLocalStorage, createHook } from 'node:async_hooks'
import { mode } from '../graph/mode.js'
import type { StreamRecorder } from '../recorder/stream-recorder.js'

/** The recorders of the open runs, the innermost last. */
const open: StreamRecorder[] = []
/** Made when runs first take turns. */
let contexts: AsyncLocalStorage<StreamRecorder> | null = null
const turns = createHook({
  before() {
    if (mode.recorder === null || open.includes(mode.recorder as StreamRecorder)) choose()
  },
})

/** The runs that are open, the innermost last; the list itself, which changes. */
export const openRecorders: readonly StreamRecorder[] = open

/** A run begins, and records from now on. */
export function beginRecording(recorder: StreamRecorder): void {
  open.push(recorder)
  contexts?.enterWith(recorder)
  mode.recorder = recorder
}

/** A step of an open run begins: it records from here on, in this asynchronous context. */
export function continueRecording(recorder: StreamRecorder): void {
  if (contexts === null) {
    if (mode.recorder === recorder) return
    contexts = new AsyncLocalStorage()
    turns.enable()
  }
  contexts.enterWith(recorder)
  mode.recorder = recorder
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
    if (mode.recorder !== null) choose()
  }
}

function choose(): void {
  const here = contexts?.getStore()
  mode.recorder = here !== undefined && open.includes(here) ? here : (open.at(-1) ?? null)
}
