/** How a program watches its own run; types that need nothing of Node. */
import type { Observable } from 'rxjs'
import type { Finding } from '../detectors/finding.js'
import type { TapeEvent } from '../events/event.js'

/** Findings of your own: they run on the training thread, and each event is made an object for them. */
export type OwnDetector = (source: Observable<TapeEvent>) => Observable<Finding>

export interface WatchOptions {
  /**
   * What becomes of a finding.
   *
   *   'note'    a note on the tape, of the step in which it is known (the default)
   *   'stop'    a note; and the next `run.step()` throws RUN_STOPPED, and each one after it. A finding that is only a note does
   *             not stop
   *   function  it is called with the finding, at the next step or the end of the run; what it throws comes out there
   */
  on?: 'note' | 'stop' | ((finding: Finding) => void)
}

/** What `run.watch` gives: what was found so far. */
export interface RunWatch {
  /** In the order in which it was found. */
  readonly findings: readonly Finding[]
}
