/**
 * A template as columns, one place an event: what a graph is made of (leaves, calls, gradients that are variables), and
 * nothing else. A block's page is filled from them by copying.
 */

/** What stands at a place of the graph. */
export const NODE = { none: 0, leaf: 1, call: 2, gradient: 3 } as const

export class TemplateColumns {
  readonly kinds: Uint8Array
  /** Signature of a call, form of a leaf. */
  readonly forms: Int32Array
  /** Of a call; 0 where they are in its last slot. */
  readonly attributes: Int32Array
  /** The first slot, and how many it takes. */
  readonly slots: Int32Array
  readonly taken: Int32Array
  /** Where what a call reads begins in `inputs`, and how much that is. */
  readonly inputsAt: Int32Array
  readonly inputCounts: Int32Array
  inputs = new Float64Array(16)
  inputCount = 0
  malformed = false

  constructor(events: number) {
    this.kinds = new Uint8Array(events)
    this.forms = new Int32Array(events)
    this.attributes = new Int32Array(events)
    this.slots = new Int32Array(events)
    this.taken = new Int32Array(events)
    this.inputsAt = new Int32Array(events)
    this.inputCounts = new Int32Array(events)
  }

  /** offset, slot, taken, signature, attributes, input… */
  addCall(call: readonly number[]): void {
    const at = this.place(call, NODE.call)
    this.attributes[at] = call[4]!
    const count = call.length - 5
    if (this.inputCount + count > this.inputs.length) {
      const larger = new Float64Array(Math.max(this.inputs.length * 2, this.inputCount + count))
      larger.set(this.inputs)
      this.inputs = larger
    }
    this.inputsAt[at] = this.inputCount
    this.inputCounts[at] = count
    for (let i = 0; i < count; i++) this.inputs[this.inputCount++] = call[5 + i]!
  }

  /** How many references the events from one place to another have. */
  inputCountBetween(from: number, to: number): number {
    if (from === 0 && to === this.kinds.length) return this.inputCount
    let count = 0
    for (let at = from; at < to; at++) count += this.inputCounts[at]!
    return count
  }

  /** offset, slot, taken, form, and where the array came from, which is asked rarely: then it is read from the event. */
  addLeaf(leaf: readonly number[]): void {
    this.place(leaf, NODE.leaf)
  }

  /** offset, and what is not of the graph */
  addGradient(gradient: readonly number[]): void {
    const at = gradient[0]!
    if (this.kinds[at] !== NODE.none) this.malformed = true
    this.kinds[at] = NODE.gradient
  }

  private place(entry: readonly number[], kind: number): number {
    const at = entry[0]!
    // Beyond the end it is undefined.
    if (entry.length < 5 || this.kinds[at] !== NODE.none) this.malformed = true
    this.kinds[at] = kind
    this.slots[at] = entry[1]!
    this.taken[at] = entry[2]!
    this.forms[at] = entry[3]!
    return at
  }
}
