/**
 * A template as columns, one place an event: what a graph is made of (leaves, calls, gradients that are variables), and
 * nothing else. All blocks of a template share them.
 */
import { positionOf, type Ref } from '../../events/event.js'
import { CALL_ENTRY, GRADIENT_ENTRY, LEAF_ENTRY } from '../../events/record-layout.js'
import { decodeRef } from '../format/template.js'

/** What stands at a place of the graph. */
export const NODE = { none: 0, leaf: 1, call: 2, gradient: 3 } as const

export class TemplateColumns {
  readonly kinds: Uint8Array
  /** Signature of a call, form of a leaf. */
  readonly forms: Int32Array
  /** Of a call; 0 where they are in its last cell. */
  readonly attributes: Int32Array
  /** The first cell, and how many it takes. */
  readonly cells: Int32Array
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
    this.cells = new Int32Array(events)
    this.taken = new Int32Array(events)
    this.inputsAt = new Int32Array(events)
    this.inputCounts = new Int32Array(events)
  }

  addCall(call: readonly number[]): void {
    const at = this.place(call, NODE.call)
    this.attributes[at] = call[CALL_ENTRY.attributes]!
    const count = call.length - CALL_ENTRY.inputs
    this.makeRoom(count)
    this.inputsAt[at] = this.inputCount
    this.inputCounts[at] = count
    for (let i = 0; i < count; i++) this.addInput(at, call[CALL_ENTRY.inputs + i]!)
  }

  /** Where its array came from is asked rarely: then it is read from the event. */
  addLeaf(leaf: readonly number[]): void {
    this.place(leaf, NODE.leaf)
  }

  /** Only that it is there: all else of it is not of the graph. */
  addGradient(gradient: readonly number[]): void {
    const at = gradient[GRADIENT_ENTRY.offset]!
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

  /** Of a leaf or a call: their first four fields stand alike, and `forms` holds the form of the one and the signature of the other. */
  private place(entry: readonly number[], kind: number): number {
    const at = entry[CALL_ENTRY.offset]!
    // Beyond the end it is undefined.
    if (entry.length < LEAF_ENTRY.size || this.kinds[at] !== NODE.none) this.malformed = true
    this.kinds[at] = kind
    this.cells[at] = entry[CALL_ENTRY.cell]!
    this.taken[at] = entry[CALL_ENTRY.cells]!
    this.forms[at] = entry[CALL_ENTRY.signature]!
    return at
  }
}

/** Whether `ref` may be what the call at `position` reads. */
export function isMadeBefore(ref: Ref, position: number): boolean {
  return ref > 0 && positionOf(ref) > 0 && positionOf(ref) < position
}
