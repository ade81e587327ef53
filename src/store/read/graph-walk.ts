/** Walks over the graph of a run, on the columns of its templates: what a variable came from, and what came from it. */
import { positionOf, type Ref, refOf, slotOf } from '../../events/event.js'
import { plainToText } from '../../events/plain.js'
import type { Connection } from '../format/connection.js'
import { eventId } from '../format/ids.js'
import { GRAPH_PAGE, GraphBlocks, NODE, pageNumber, placeOnPage } from './graph-blocks.js'
import { Reader } from './reader.js'

const KINDS = [null, 'leaf', 'call', 'gradient'] as const

/** What a walk came to, and how far from where it began. */
export interface WalkStep {
  readonly depth: number
  readonly position: number
  /** The output of the call. */
  readonly slot: number
  readonly kind: (typeof KINDS)[number]
  /** Of a call. */
  readonly function: string | null
  readonly scope: string | null
}

/** A call, as people ask for it. */
export interface CallAt {
  readonly position: number
  readonly step: number
  readonly function: string
  readonly scope: string
  /** JSON. */
  readonly attributes: string
  /** Of the first output; null when there is none. */
  readonly dtype: string | null
  readonly shape: readonly number[] | null
  /** What it reads: position and output of each. */
  readonly inputs: readonly (readonly [position: number, slot: number])[]
  readonly blockId: number
}

export class GraphWalk {
  /** The last position of the run; 0 when the tape has no such run. */
  readonly last: number
  private readonly run: number
  private readonly reader: Reader
  private readonly blocks: GraphBlocks

  constructor(db: Connection, run: number) {
    this.run = run
    this.reader = new Reader(db)
    this.blocks = GraphBlocks.of(db, run)
    this.last = this.reader.lastPosition(run)
  }

  /** The call at a position; null where none stands. */
  callAt(position: number): CallAt | null {
    if (this.kindOf(position) !== NODE.call) return null
    const event = this.reader.event(this.run, position)
    if (event.type !== 'FunctionCalled') return null
    const [first] = event.outputs
    return {
      position,
      step: event.step,
      function: event.function,
      scope: event.scope,
      attributes: plainToText(event.attributes, 'attributes'),
      dtype: first?.dtype ?? null,
      shape: first?.shape ?? null,
      inputs: event.inputs.map((ref) => [positionOf(ref), slotOf(ref)] as const),
      blockId: eventId(this.run, this.blocks.at(position).first),
    }
  }

  /** What the variable was computed from, each once, the nearest first; at depth 0 the variable itself. */
  *ancestors(position: number, slot: number, depthMax: number): Generator<WalkStep> {
    if (this.kindOf(position) === NODE.none) return
    const from = refOf(position, slot)
    const seen = new Set<Ref>([from])
    let layer: Ref[] = [from]
    for (let depth = 0; layer.length > 0; depth++) {
      const next: Ref[] = []
      for (const ref of layer) {
        yield this.told(depth, ref)
        if (depth < depthMax) this.inputsOf(positionOf(ref), seen, next)
      }
      layer = next
    }
  }

  /** What was computed from the variable up to a position, in the order in which it was: the outputs of calls. */
  *descendants(position: number, slot: number, depthMax: number, until: number): Generator<WalkStep> {
    if (this.kindOf(position) === NODE.none) return
    const from = refOf(position, slot)
    const depths = new Depths()
    depths.set(from, 0)
    yield this.told(0, from)
    const end = Math.min(until, this.last)
    for (let at = position + 1; at <= end; at++) {
      const block = this.blocks.at(at)
      if (block.kindOf(at) !== NODE.call) continue
      let depth = Number.POSITIVE_INFINITY
      const firstInput = block.inputsAt(at)
      const endOfInputs = firstInput + block.inputCount(at)
      for (let i = firstInput; i < endOfInputs; i++) {
        const before = depths.get(block.input(i, at))
        if (before >= 0 && before < depth) depth = before + 1
      }
      if (depth > depthMax) continue
      const outputs = this.blocks.signature(block.formOf(at)).outputs.length
      for (let output = 0; output < outputs; output++) {
        const ref = refOf(at, output)
        depths.set(ref, depth)
        yield this.told(depth, ref)
      }
    }
  }

  private kindOf(position: number): number {
    if (position < 1 || position > this.last) return NODE.none
    return this.blocks.at(position).kindOf(position)
  }

  private told(depth: number, ref: Ref): WalkStep {
    const position = positionOf(ref)
    const kind = this.kindOf(position)
    const signature =
      kind === NODE.call ? this.blocks.signature(this.blocks.at(position).formOf(position)) : null
    return {
      depth,
      position,
      slot: slotOf(ref),
      kind: KINDS[kind] ?? null,
      function: signature?.function ?? null,
      scope: signature?.scope ?? null,
    }
  }

  /** Adds what the call at a position reads to `next`, where it was not seen. */
  private inputsOf(position: number, seen: Set<Ref>, next: Ref[]): void {
    if (this.kindOf(position) !== NODE.call) return
    const block = this.blocks.at(position)
    const first = block.inputsAt(position)
    const end = first + block.inputCount(position)
    for (let at = first; at < end; at++) {
      const input = block.input(at, position)
      if (seen.has(input)) continue
      seen.add(input)
      next.push(input)
    }
  }
}

/** How far variables are from where a walk began; −1 for those that it did not come to. */
class Depths {
  private readonly pages: (Int32Array | undefined)[] = []
  private readonly further = new Map<Ref, number>()

  set(ref: Ref, depth: number): void {
    if (slotOf(ref) > 0) {
      this.further.set(ref, depth)
      return
    }
    this.pages[pageNumber(ref)] ??= new Int32Array(GRAPH_PAGE).fill(-1)
    this.pages[pageNumber(ref)]![placeOnPage(ref)] = depth
  }

  get(ref: Ref): number {
    if (slotOf(ref) > 0) return this.further.get(ref) ?? -1
    return this.pages[pageNumber(ref)]?.[placeOnPage(ref)] ?? -1
  }
}
