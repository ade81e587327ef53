/**
 * The stream of a run: takes each event as it happens, gives it its position, hands whole batches to the writer and
 * single events to those who subscribed. Knows nothing of files.
 *
 * Two doors, one order: `batches$` carries every event, packed; `events$` carries the same events as objects, before the
 * call that made them returns. Objects cost more than the calls they tell of, so they are made only while somebody
 * listens.
 */
import { Observable } from 'rxjs/internal/Observable'
import { Subject } from 'rxjs/internal/Subject'
import { TIMER_MAX_MS } from '../options.js'
import { appendEvent } from './append.js'
import { BATCH_LIMITS, type BatchLimits, PATIENCE, WORDS_MAX } from './batch-limits.js'
import type { BackwardStarted, Payload, RecordedArray, Ref, TapeEvent } from './event.js'
import { type PackedBatch, Packer } from './pack.js'
import { Unpacker } from './unpack.js'
import { checkBeforeWriting } from './validate.js'

/** The clock is looked at each time this many events were added, or, when they are slow, after about this long. */
const LOOK_EVERY_MAX = 64
const LOOK_EVERY_MS = 10

/** Where the batches go. */
export interface Outlet {
  /** What writing failed with. */
  readonly failure: Error | null
  /** Takes arrays of the event that was packed last, while they are warm; null: they wait with their batch. */
  readonly keeper: ArrayKeeper | null
  /** Asked now and then whether something else is to be done: an end, when a signal asks for it. */
  attend(): void
}

export interface ArrayKeeper {
  /**
   * Keeps those of the waiting arrays and texts that it has not kept yet, and may put something else in the places of arrays. No
   * when there is no more room for texts: then the batch ends.
   */
  keep(values: RecordedArray[], texts: readonly string[]): boolean
}

/** Where nobody looks. */
const NOBODY = new Int32Array(1)

export class EventStream {
  readonly events$: Observable<TapeEvent>
  readonly batches$ = new Subject<PackedBatch>()
  readonly packer: Packer
  /** Null while nobody writes, as in a replay. */
  outlet: Outlet | null = null
  private readonly subject = new Subject<TapeEvent>()
  private readonly unpacker: Unpacker
  private readonly isPublic: boolean
  readonly limits: BatchLimits
  private oldestAt = 0
  /** The batch has waited for its time, and ends at the next good place. */
  private due = false
  /** Where the batch stood at the last good place to end. */
  private goodPlace = { events: 0, bytes: 0, words: 0 }
  /** With fewer events than this waiting, and no arrays to keep, there is nothing to do after an event. */
  private calmUntil = 0
  private lookEvery = 1
  private lookAt = 1
  private timer: NodeJS.Timeout | null = null
  /** Its first cell says how many words of the batch are whole events; whoever shares it may look at any time. */
  published: Int32Array = NOBODY

  /**
   * after     where the run stands already, for a stream that goes on in its middle
   * isPublic  anybody appends and listens: what is appended is checked before it is packed, and events are frozen. A replay
   *           appends what was read, and keeps its events to itself
   */
  constructor(
    limits: BatchLimits = BATCH_LIMITS,
    after: { position: number; step: number } = { position: 0, step: 0 },
    isPublic = true,
  ) {
    this.limits = limits
    this.isPublic = isPublic
    this.packer = new Packer(after)
    const textOf = (number: number) => this.packer.texts.textOf(number)
    this.unpacker = isPublic ? new Unpacker(textOf) : new Unpacker(textOf, (event) => event)
    this.events$ = new Observable((subscriber) => {
      this.calmUntil = 0
      return this.subject.subscribe(subscriber)
    })
  }

  /** What writing failed with; the operation under way throws it when all its events are appended. */
  get failure(): Error | null {
    return this.outlet === null ? null : this.outlet.failure
  }

  get position(): number {
    return this.packer.position
  }

  get step(): number {
    return this.packer.step
  }

  /** Appends an event of any type; gives its position. Throws BAD_ARGUMENT for what no reader would accept. */
  append(payload: Payload): number {
    if (this.isPublic) checkBeforeWriting(payload, this.packer.position + 1)
    if (payload.type === 'StepStarted' || payload.type === 'BackwardStarted') this.beforeRepetition()
    const at = this.packer.cursor
    const step = this.packer.step
    const position = appendEvent(this.packer, payload)
    this.appended(at, step)
    return position
  }

  /** `append` of a StepStarted, for who has nothing to be checked: a step has three such events, and objects for them cost more than the rest. */
  stepStarted(elapsedMs: number): number {
    this.beforeRepetition()
    const { cursor, step } = this.packer
    const position = this.packer.stepStarted(elapsedMs)
    this.appended(cursor, step)
    return position
  }

  /** The same of a MetricLogged; its name is a text that a file gives back as it is. */
  metricLogged(name: string, value: number, variable: Ref | null): number {
    const { cursor, step } = this.packer
    const position = this.packer.metric(name, value, variable)
    this.appended(cursor, step)
    return position
  }

  /** The same of a BackwardStarted, of refs that this run gave. */
  backwardStarted(pass: Payload<BackwardStarted>): number {
    this.beforeRepetition()
    const { cursor, step } = this.packer
    const position = this.packer.backwardStarted(pass)
    this.appended(cursor, step)
    return position
  }

  /** Must follow each event packed directly into `packer`: `at` and `step` are its cursor and step from before. */
  appended(at: number, step: number): void {
    const { packer } = this
    const { cursor } = packer
    if (packer.waiting < this.calmUntil && !packer.hasFresh && cursor < WORDS_MAX) {
      this.published[0] = cursor
      return
    }
    this.lookAfter(at, step)
  }

  private lookAfter(at: number, step: number): void {
    const { packer } = this
    const { observed } = this.subject
    if (observed) this.tell(at, step)
    const { waiting } = packer
    const { eventsMax, bytesMax } = this.limits
    if (packer.hasFresh && !this.keepFresh()) {
      this.flush()
      return
    }
    this.published[0] = packer.cursor
    if (waiting >= eventsMax || packer.valueBytes >= bytesMax || packer.cursor >= WORDS_MAX) {
      this.flush()
      return
    }
    if (waiting === 1) this.startAge()
    else if (waiting >= this.lookAt) {
      this.look(waiting)
      this.outlet?.attend()
    }
    // `look` may have ended the batch.
    this.calmUntil = observed || packer.waiting === 0 ? 0 : Math.min(this.lookAt, eventsMax)
  }

  private keepFresh(): boolean {
    const { packer } = this
    packer.hasFresh = false
    return this.outlet?.keeper?.keep(packer.waitingValues, packer.texts.waiting) ?? true
  }

  /** Ends a batch that has waited too long; looking at the clock costs more than packing an event, so it is done rarely. */
  private look(waiting: number): void {
    const age = performance.now() - this.oldestAt
    this.due = age > this.limits.ageMaxMs
    if (age > PATIENCE * this.limits.ageMaxMs) this.flush()
    this.lookEvery = Math.max(1, Math.min(LOOK_EVERY_MAX, Math.floor((LOOK_EVERY_MS * waiting) / age)))
    this.lookAt = waiting + this.lookEvery
  }

  /**
   * Steps and passes repeat, and what repeats is stored once if batches do not cut through it: so a batch ends here when
   * another step or pass as long as the last one would not go into it, rather than in the middle of that one.
   */
  private beforeRepetition(): void {
    const { goodPlace, packer } = this
    const { waiting: events, valueBytes: bytes, cursor: words } = packer
    if (events === 0) return
    if (
      this.due ||
      2 * events - goodPlace.events > this.limits.eventsMax ||
      2 * bytes - goodPlace.bytes > this.limits.bytesMax ||
      2 * words - goodPlace.words > WORDS_MAX
    ) {
      this.flush()
    } else {
      goodPlace.events = events
      goodPlace.bytes = bytes
      goodPlace.words = words
    }
  }

  /** Hands over what waits, however little. */
  flush(): void {
    if (this.timer !== null) clearTimeout(this.timer)
    this.timer = null
    this.lookAt = this.lookEvery
    this.due = false
    this.calmUntil = 0
    this.goodPlace.events = this.goodPlace.bytes = this.goodPlace.words = 0
    const batch = this.packer.take()
    if (batch !== null) this.batches$.next(batch)
  }

  /** No more events: both doors close. */
  complete(): void {
    this.flush()
    this.subject.complete()
    this.batches$.complete()
  }

  private startAge(): void {
    this.oldestAt = performance.now()
    // Nobody takes batches in a replay. A timer would keep the stream and its memory for as long as it runs.
    if (!this.batches$.observed) return
    // A program that waits (for data, for a person) would keep its last events back if there were no timer.
    this.timer ??= setTimeout(
      () => {
        this.timer = null
        this.flush()
      },
      Math.min(this.limits.ageMaxMs, TIMER_MAX_MS),
    ).unref()
  }

  private tell(at: number, step: number): void {
    const { packer } = this
    const { packedWords, waitingValues, position } = packer
    this.subject.next(this.unpacker.event(packedWords, at, waitingValues, position, step))
  }
}
