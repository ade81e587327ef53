/**
 * Detectors at work on a run that is recorded: what they find comes from the thread that writes it, is taken at the next step, and
 * goes where the program wants it. The training thread looks at one number in shared memory a step.
 */
import type { Observable, Subscription } from 'rxjs'
import { FOLLOWER_FILE, follower } from '../debug/follower.js'
import { type Detector, isDetector } from '../detectors/detector.js'
import { finding } from '../detectors/draft.js'
import type { Finding } from '../detectors/finding.js'
import { noteOfFinding } from '../detectors/finding-note.js'
import { TapeError, valueText } from '../errors.js'
import type { Plain, TapeEvent } from '../events/event.js'
import { checkOptions } from '../options.js'
import type { RunWriter, Said } from '../store/write/run-writer.js'
import type { OwnDetector, RunWatch, WatchOptions } from './watch-options.js'

interface Watch extends RunWatch {
  readonly findings: Finding[]
  readonly on: NonNullable<WatchOptions['on']>
}

export class RunWatches {
  private readonly writer: RunWriter
  private readonly events$: Observable<TapeEvent>
  private readonly note: (text: string) => void
  private readonly byFollow = new Map<number, Watch>()
  private readonly own: Subscription[] = []
  private waiting: { watch: Watch; finding: Finding }[] = []
  private stoppedBy: Finding | null = null
  private isTelling = false

  constructor(writer: RunWriter, events$: Observable<TapeEvent>, note: (text: string) => void) {
    this.writer = writer
    this.events$ = events$
    this.note = note
  }

  add(detectors: readonly (Detector | OwnDetector)[], options: WatchOptions): RunWatch {
    check(detectors, options)
    const watch: Watch = { findings: [], on: options.on ?? 'note' }
    const known = detectors.filter(isDetector)
    if (known.length > 0) {
      const specs = known.map(({ detector, options: own }) => ({ detector, options: own }))
      const id = this.writer.follow(FOLLOWER_FILE, specs as unknown as Plain, follower)
      this.byFollow.set(id, watch)
    }
    for (const one of detectors) {
      if (isDetector(one)) continue
      const next = (found: Finding) => this.waiting.push({ watch, finding: found })
      const error = (thrown: unknown) =>
        next(broken(thrown instanceof Error ? thrown.message : String(thrown)))
      this.own.push(one(this.events$).subscribe({ next, error }))
    }
    return watch
  }

  /** Tells what was found since; a function that is told may throw, and what it throws comes out here. */
  tell(): void {
    if (this.isTelling) return
    for (const { follow, what } of this.writer.said()) this.hear({ follow, what })
    if (this.waiting.length === 0) return
    this.isTelling = true
    try {
      // A detector of your own may find something in the notes, too: that is told next time.
      for (let left = this.waiting.length; left > 0; left--) {
        const { watch, finding: found } = this.waiting.shift()!
        watch.findings.push(found)
        if (typeof watch.on === 'function') watch.on(found)
        else this.note(noteOfFinding(found))
        if (watch.on === 'stop' && found.level !== 'note') this.stoppedBy ??= found
      }
    } finally {
      this.isTelling = false
    }
  }

  /** Throws RUN_STOPPED when something was found that stops the run. */
  throwIfStopped(): void {
    if (this.stoppedBy === null) return
    const { kind, text } = this.stoppedBy
    throw new TapeError(
      'RUN_STOPPED',
      `the run is stopped by what was found (${kind}): ${text}; end it with run.fail(error), or look with gradtape why`,
    )
  }

  /** The run is over: what detectors of your own say to that is only in `findings`. */
  close(): void {
    for (const one of this.own) one.unsubscribe()
    for (const { watch, finding: found } of this.waiting) watch.findings.push(found)
    this.waiting = []
  }

  private hear({ follow, what }: Said): void {
    const watch = this.byFollow.get(follow)
    if (watch === undefined) return
    const said = what as unknown as Finding | { readonly broken: string }
    this.waiting.push({ watch, finding: 'broken' in said ? broken(said.broken) : said })
  }
}

/** A detector that fails does not end the training; that it looks no more is told. */
function broken(message: string): Finding {
  return finding({
    kind: 'watch-ended',
    level: 'note',
    step: null,
    text: `the watch ended and looks no more: ${message}`,
  })
}

function check(detectors: unknown, options: WatchOptions): void {
  if (
    !Array.isArray(detectors) ||
    detectors.length === 0 ||
    !detectors.every((one) => typeof one === 'function')
  )
    throw new TapeError(
      'BAD_ARGUMENT',
      `run.watch() expected a list of detectors, as [nonFinite(), lossSpike()], got ${valueText(detectors)}`,
    )
  checkOptions(options, ['on'], 'run.watch()')
  const { on = 'note' } = options
  if (on !== 'note' && on !== 'stop' && typeof on !== 'function')
    throw new TapeError(
      'BAD_ARGUMENT',
      `run.watch() expected on to be 'note', 'stop' or a function, got ${valueText(on)}`,
    )
}
