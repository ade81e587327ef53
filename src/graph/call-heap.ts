/** A max-heap of calls by `order`: the walk of backward always goes on with the latest call. Knows nothing of gradients. */
import type { CallLinks } from './call-links.js'

export class CallHeap {
  private readonly calls: CallLinks[] = []

  push(call: CallLinks): void {
    const { calls } = this
    let i = calls.length
    calls.push(call)
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (calls[parent]!.order >= call.order) break
      calls[i] = calls[parent]!
      i = parent
    }
    calls[i] = call
  }

  /** The latest call, or null when none is left. */
  pop(): CallLinks | null {
    const { calls } = this
    const top = calls[0]
    if (top === undefined) return null
    const last = calls.pop()!
    const count = calls.length
    if (count === 0) return top
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= count) break
      if (child + 1 < count && calls[child + 1]!.order > calls[child]!.order) child++
      if (calls[child]!.order <= last.order) break
      calls[i] = calls[child]!
      i = child
    }
    calls[i] = last
    return top
  }
}
