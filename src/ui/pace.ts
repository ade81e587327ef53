/**
 * When this page shows what was written to a tape: not while nobody can see it, and never for more than a share of the time, because
 * whoever trains needs the processor more.
 */

/** A page rests so many times as long as it took to be brought up to date, for each page that is open: all together they take one share. */
const REST = 5
const REST_MAX_MS = 5_000
/** Long work that was asked for otherwise is not waited for. */
const BUSY_MAX_MS = 3_000
const LOOK_MS = 25

export class Pace {
  private readonly update: () => void
  private readonly isBusy: () => boolean
  private isStale = false
  /** How many pages of this server are open. */
  private pages = 1
  /** Whether it is being brought up to date, or rests. */
  private isHeld = false

  /**
   * update  begins to bring the page up to date
   * isBusy  whether answers are still on their way
   */
  constructor(update: () => void, isBusy: () => boolean) {
    this.update = update
    this.isBusy = isBusy
    document.addEventListener('visibilitychange', () => this.next())
  }

  /** There is something new, of which so many pages were told. */
  changed(pages = this.pages): void {
    this.pages = Math.max(1, pages)
    this.isStale = true
    this.next()
  }

  private next(): void {
    if (!this.isStale || this.isHeld || document.hidden) return
    this.isStale = false
    this.isHeld = true
    const from = performance.now()
    this.update()
    const look = () => {
      const taken = performance.now() - from
      if (this.isBusy() && taken < BUSY_MAX_MS) {
        setTimeout(look, LOOK_MS)
        return
      }
      // What was answered is drawn before it counts as done.
      requestAnimationFrame(() =>
        setTimeout(
          () => {
            this.isHeld = false
            this.next()
          },
          Math.min(REST_MAX_MS, REST * this.pages * (performance.now() - from)),
        ),
      )
    }
    setTimeout(look, LOOK_MS)
  }
}
