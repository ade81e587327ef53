/** A map from refs to objects, for millions of them: pages of arrays instead of one hash table. */
import { isPosition, type Ref } from '../events/event.js'

/** A position has 32 bits: its page and its place there are cut out of them. */
const PAGE_BITS = 12
const PAGE = 1 << PAGE_BITS

export class RefMap<T> {
  private readonly pages: (T | undefined)[][] = []
  /** Outputs of a call other than the first are few. */
  private readonly others = new Map<Ref, T>()

  get(ref: Ref): T | undefined {
    return isPosition(ref) ? this.pages[ref >>> PAGE_BITS]?.[ref & (PAGE - 1)] : this.others.get(ref)
  }

  /** Whether there may be one of the page (see `pageNumber`) on which a position stands. */
  hasOnPage(position: number): boolean {
    return this.pages[position >>> PAGE_BITS] !== undefined || this.others.size > 0
  }

  set(ref: Ref, value: T): void {
    if (!isPosition(ref)) {
      this.others.set(ref, value)
      return
    }
    const at = ref >>> PAGE_BITS
    let page = this.pages[at]
    if (page === undefined) {
      page = new Array<T | undefined>(PAGE).fill(undefined)
      this.pages[at] = page
    }
    page[ref & (PAGE - 1)] = value
  }
}
