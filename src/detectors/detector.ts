/**
 * Detectors: operators that make findings of the events of a run. The same ones look at a run that is recorded, on the thread that
 * writes it; beside it, from another process; and at one that ended long ago. They are told of a step when it is complete.
 */
import { Observable } from 'rxjs/internal/Observable'
import { TapeError, valueText } from '../errors.js'
import type { Plain, TapeEvent } from '../events/event.js'
import { checkOptions } from '../options.js'
import { EventFacts } from './event-facts.js'
import type { Finding } from './finding.js'
import type { StepFacts } from './step-facts.js'

/** What looks at one run, step after step. */
export interface StepWatch {
  /** What a complete step shows. Steps come in their order, step 0 first. */
  step(facts: StepFacts): Finding[]
  /** What the end shows; no step follows. */
  end?(): Finding[]
}

export type DetectorOptions = { readonly [option: string]: Plain }

/** An operator that makes findings of the events of one run, in their order: `past.events$.pipe(nonFinite())`. */
export interface Detector {
  (source: Observable<TapeEvent>): Observable<Finding>
  /** The function that made it: `nonFinite`, `lossSpike`, … */
  readonly detector: string
  readonly options: DetectorOptions
}

/** A detector as plain data: what another thread makes one of. */
export interface DetectorSpec {
  readonly detector: string
  readonly options: DetectorOptions
}

const MAKERS = new Map<string, (options: DetectorOptions) => StepWatch>()

/**
 * @internal Gives the function that makes detectors of a kind.
 *
 * defaults  the options there are, and what they are when nothing is said; each a number above 0, a text, or null
 */
export function detectorKind<O extends DetectorOptions>(
  name: string,
  defaults: O,
  make: (options: O) => StepWatch,
): (options?: Partial<O>) => Detector {
  MAKERS.set(name, (options) => make(options as O))
  return (given = {}) => {
    checkOptions(given, Object.keys(defaults), `${name}()`)
    const options = { ...defaults, ...given }
    for (const [option, value] of Object.entries(options)) checkOption(name, option, value, defaults[option]!)
    const watch = () => make(options as O)
    const operator = (source: Observable<TapeEvent>) => findingsOf(source, watch())
    return Object.assign(operator, { detector: name, options: Object.freeze(options) })
  }
}

function checkOption(name: string, option: string, value: unknown, usual: Plain): void {
  const isFine =
    typeof usual === 'number'
      ? typeof value === 'number' && value > 0
      : value === null || (typeof value === 'string' && value !== '')
  if (!isFine)
    throw new TapeError(
      'BAD_ARGUMENT',
      `${name}() expected ${option} to be ${typeof usual === 'number' ? 'a number above 0' : 'a name'}, got ${valueText(value)}`,
    )
}

/** @internal What looks at a run for a detector that came as plain data. */
export function watchOf({ detector, options }: DetectorSpec): StepWatch {
  const make = MAKERS.get(detector)
  if (make === undefined)
    throw new TapeError(
      'BAD_ARGUMENT',
      `expected a detector of ${[...MAKERS.keys()].join(', ')}, got ${valueText(detector)}`,
    )
  return make(options)
}

/** @internal Whether it is one of gradtape's, which another thread can make anew. */
export function isDetector(value: unknown): value is Detector {
  return typeof value === 'function' && MAKERS.has((value as Partial<Detector>).detector ?? '')
}

/** @internal Throws BAD_ARGUMENT unless it is a list of detectors of gradtape. */
export function checkDetectors(detectors: unknown, what: string): asserts detectors is readonly Detector[] {
  if (Array.isArray(detectors) && detectors.length > 0 && detectors.every(isDetector)) return
  throw new TapeError(
    'BAD_ARGUMENT',
    `${what} expected a list of detectors, as [nonFinite(), lossSpike()], got ${valueText(detectors)}`,
  )
}

function findingsOf(source: Observable<TapeEvent>, watch: StepWatch): Observable<Finding> {
  return new Observable((subscriber) => {
    const facts = new EventFacts()
    const tell = (step: StepFacts | null) => {
      if (step !== null) for (const one of watch.step(step)) subscriber.next(one)
    }
    // What cannot be read (a tape that was closed) is the observer's to hear, as any failure of the source is.
    const orFail = (work: () => void) => {
      try {
        work()
      } catch (error) {
        subscriber.error(error)
      }
    }
    return source.subscribe({
      next: (event) => orFail(() => tell(facts.add(event))),
      error: (error) => subscriber.error(error),
      complete: () =>
        orFail(() => {
          tell(facts.complete())
          for (const one of watch.end?.() ?? []) subscriber.next(one)
          subscriber.complete()
        }),
    })
  })
}
