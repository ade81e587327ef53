/** How a run ended, where that was not by `finish()`. */
import { finding } from '../detectors/draft.js'
import type { Finding } from '../detectors/finding.js'
import type { RunView } from './run-view.js'

export function ending(view: RunView): Finding[] {
  const { lastPosition, stepCount } = view
  const last = view.event(lastPosition)
  const at = { kind: 'run-failed', step: stepCount, position: lastPosition } as const
  if (last.type !== 'RunFinished')
    return [
      finding({
        ...at,
        level: 'note',
        text: `step ${stepCount}: the run has no end on the tape: it is still being recorded, or its process was killed here`,
      }),
    ]
  if (last.status === 'finished') return []
  if (last.status === 'interrupted')
    return [
      finding({
        ...at,
        level: 'note',
        text: `step ${stepCount}: the process ended here without finish(), and the run with it`,
      }),
    ]
  return [
    finding({
      ...at,
      level: 'symptom',
      text: `step ${stepCount}: the run failed here${last.error === null ? '; the tape does not say why' : `: ${last.error}`}`,
    }),
  ]
}
