/**
 * A template as columns, one place an event: what a graph is made of (leaves, calls, gradients that are variables), and
 * nothing else. All blocks of a template share them.
 */
import { positionOf, type Ref } from '../../events/event.js'
import { decodeRef } from '../format/template.js'

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
  /** Where what a call reads begins in `near` and `inputs`, and how much that is. */
  readonly inputsAt: Int32Array
  readonly inputCounts: Int32Array
  /** What calls read, as the template has it: see `decodeRef`. */
  inputs = new Float64Array(16)
  /** The same of nearly all: how far before the call, or the position below zero; 0 for those that need decoding. */
  near = new Int32Array(16)
  malformed = false
  private inputCount = 0
  /** The first event of a block must stand behind this, or a call would read itself or what comes later. */
  private reach = -1
  /** Offsets of calls and indices of inputs that need decoding. */
  private readonly far: [offset: number, at: number][] = []

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
    this.makeRoom(count)
    this.inputsAt[at] = this.inputCount
    this.inputCounts[at] = count
    for (let i = 0; i < count; i++) this.addInput(at, call[5 + i]!)
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

  /** Whether in a block that begins at `first` every call reads what was made before it. */
  readsOnlyBefore(first: number, base: number): boolean {
    if (this.reach >= first) return false
    return this.far.every(([offset, at]) => {
      const ref = decodeRef(this.inputs[at]!, first + offset, base)
      return isMadeBefore(ref, first + offset)
    })
  }

  private addInput(offset: number, encoded: number): void {
    const at = this.inputCount++
    const whole = encoded | 0
    this.inputs[at] = encoded
    if (whole === encoded && whole !== 0) {
      this.near[at] = whole
      this.reach = Math.max(this.reach, Math.abs(whole) - offset)
    } else this.far.push([offset, at])
  }

  private makeRoom(count: number): void {
    if (this.inputCount + count <= this.inputs.length) return
    const length = Math.max(this.inputs.length * 2, this.inputCount + count)
    const [inputs, near] = [new Float64Array(length), new Int32Array(length)]
    inputs.set(this.inputs)
    near.set(this.near)
    this.inputs = inputs
    this.near = near
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

/** Whether `ref` may be what the call at `position` reads. */
export function isMadeBefore(ref: Ref, position: number): boolean {
  return ref > 0 && positionOf(ref) > 0 && positionOf(ref) < position
}
