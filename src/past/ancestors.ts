/**
 * The calls that a call was computed from, in the order in which they ran. They are marked from the latest down and visited
 * from the earliest up, a page at a time, without recursion: a chain may be a million calls long.
 */
import { positionOf } from '../events/event.js'
import {
  GRAPH_PAGE,
  type GraphBlock,
  type GraphBlocks,
  NODE,
  pageNumber,
  placeOnPage,
} from '../store/read/graph-blocks.js'

export interface AncestorVisitor {
  /** Whether the walk is to go on to the call at `position`; asked in no particular order, at least once. */
  opens(block: GraphBlock, position: number): boolean
  visit(block: GraphBlock, position: number): void
}

/** Visits the call at `position` and, before it, of all that it and those were computed from what the visitor opens. */
export function visitAncestors(graph: GraphBlocks, position: number, visitor: AncestorVisitor): void {
  const walk = new AncestorWalk(graph, visitor)
  walk.mark(position)
  walk.visit()
}

/** @internal */
export class AncestorWalk {
  private readonly graph: GraphBlocks
  private readonly visitor: AncestorVisitor
  private readonly marks: (Uint8Array | undefined)[] = []
  private top = 0
  private bottom = 0

  constructor(graph: GraphBlocks, visitor: AncestorVisitor) {
    this.graph = graph
    this.visitor = visitor
  }

  mark(position: number): void {
    this.top = pageNumber(position)
    this.bottom = this.top
    this.marksOf(this.top)[placeOnPage(position)] = 1
    for (let number = this.top; number >= this.bottom; number--) {
      const marks = this.marks[number]
      if (marks !== undefined) this.markInputs(number * GRAPH_PAGE, marks)
    }
  }

  visit(): void {
    for (let number = this.bottom; number <= this.top; number++) {
      const marks = this.marks[number]
      if (marks !== undefined) this.visitMarked(number * GRAPH_PAGE, marks)
    }
  }

  /** Marks what the marked calls of a page read, on this page and on earlier ones. */
  private markInputs(first: number, marks: Uint8Array): void {
    let block: GraphBlock | null = null
    for (let at = GRAPH_PAGE - 1; at >= 0; at--) {
      if (marks[at] === 0) continue
      const position = first + at
      if (block === null || position < block.first) block = this.graph.at(position)
      const begin = block.inputsAt(position)
      const end = begin + block.inputCount(position)
      for (let i = begin; i < end; i++) {
        const input = positionOf(block.input(i, position))
        const itsBlock = input >= block.first ? block : this.graph.at(input)
        if (itsBlock.kindOf(input) !== NODE.call || !this.visitor.opens(itsBlock, input)) continue
        if (input >= first) marks[input - first] = 1
        else this.markEarlier(input)
      }
    }
  }

  private markEarlier(position: number): void {
    const number = pageNumber(position)
    if (number < this.bottom) this.bottom = number
    this.marksOf(number)[placeOnPage(position)] = 1
  }

  private visitMarked(first: number, marks: Uint8Array): void {
    let block: GraphBlock | null = null
    for (let at = 0; at < GRAPH_PAGE; at++) {
      if (marks[at] === 0) continue
      const position = first + at
      if (block === null || position >= block.end) block = this.graph.at(position)
      this.visitor.visit(block, position)
    }
  }

  private marksOf(number: number): Uint8Array {
    const known = this.marks[number]
    if (known !== undefined) return known
    const made = new Uint8Array(GRAPH_PAGE)
    this.marks[number] = made
    return made
  }
}
