/**
 * The stream of a run: takes each event as it happens, gives it its position, hands whole batches to the writer and
 * single events to whoever subscribed. Knows nothing of files.
 *
 * Two doors, one order: `batches$` carries every event, packed; `events$` carries the same events as objects, before the
 * call that made them returns. Objects cost more than the calls they tell of, so they are made only while somebody
 * listens.
 */
import { Observable, Subject } from 'rxjs'
import type { Payload, TapeEvent } from './event.js'
import { type PackedBatch, Packer } from './pack.js'
import { Unpacker, WordReader } from './unpack.js'

export interface BatchLimits {
  /** Events in one batch. */
  eventsMax: number
  /** Bytes of arrays in one batch. */
  bytesMax: number
  /** How long an event waits at most while the program computes. */
  ageMaxMs: number
}

export const BATCH_LIMITS: BatchLimits = { eventsMax: 8192, bytesMax: 32 * 2 ** 20, ageMaxMs: 200 }

const CLOCK_EVERY = 64
/** How much longer than `ageMaxMs` a batch may wait for a good place to end. */
const PATIENCE = 2

export class EventStream {
  readonly events$: Observable<TapeEvent>
  readonly batches$ = new Subject<PackedBatch>()
  readonly packer: Packer
  /** What writing failed with; whoever calls next throws it. */
  failure: Error | null = null
  private readonly subject = new Subject<TapeEvent>()
  private readonly unpacker = new Unpacker((number) => this.packer.textOf(number))
  private readonly limits: BatchLimits
  private oldestAt = 0
  private timer: NodeJS.Timeout | null = null

  /** `after`: where the run stands already, for a stream that goes on in its middle. */
  constructor(
    limits: BatchLimits = BATCH_LIMITS,
    after: { position: number; step: number } = { position: 0, step: 0 },
  ) {
    this.limits = limits
    this.packer = new Packer(after)
    this.events$ = new Observable((subscriber) => this.subject.subscribe(subscriber))
  }

  get position(): number {
    return this.packer.position
  }

  get step(): number {
    return this.packer.step
  }

  /** Appends an event of any type; gives its position. */
  append(payload: Payload): number {
    if (payload.type === 'StepStarted' || payload.type === 'BackwardStarted') this.beforeRepetition()
    const at = this.packer.cursor
    const step = this.packer.step
    const position = this.packer.append(payload)
    this.appended(at, step)
    return position
  }

  /** Must follow each event packed directly into `packer`: `at` and `step` are its cursor and step from before. */
  appended(at: number, step: number): void {
    const { packer } = this
    if (this.subject.observed) this.tell(at, step)
    const waiting = packer.waiting
    if (waiting === 1) this.startAge()
    else if (waiting >= this.limits.eventsMax || packer.valueBytes >= this.limits.bytesMax) this.flush()
    else if (
      waiting % CLOCK_EVERY === 0 &&
      performance.now() - this.oldestAt > PATIENCE * this.limits.ageMaxMs
    )
      this.flush()
  }

  /**
   * Steps and passes repeat, and what repeats is stored once if batches do not cut through it: so a batch that is
   * about due ends here rather than in the middle of the next step.
   */
  private beforeRepetition(): void {
    const { waiting } = this.packer
    if (waiting === 0) return
    if (
      waiting * PATIENCE >= this.limits.eventsMax ||
      performance.now() - this.oldestAt > this.limits.ageMaxMs
    )
      this.flush()
  }

  /** Hands over what waits, however little. */
  flush(): void {
    if (this.timer !== null) clearTimeout(this.timer)
    this.timer = null
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
    // A program that waits (for data, for a person) would otherwise keep its last events back.
    this.timer ??= setTimeout(() => {
      this.timer = null
      this.flush()
    }, this.limits.ageMaxMs).unref()
  }

  private tell(at: number, step: number): void {
    const { packer } = this
    const words = new WordReader(packer.packedWords, at, packer.waitingValues)
    this.subject.next(this.unpacker.event(words, packer.position, step))
  }
}
