/**
 * The calls that a call was computed from, in the order in which they ran. They are found from the latest down and visited
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
  walk.find(position)
  walk.visit()
}

/** @internal */
export class AncestorWalk {
  private readonly graph: GraphBlocks
  private readonly visitor: AncestorVisitor
  /** For each page 1 at the places of the calls that were found. */
  private readonly pages: (Uint8Array | undefined)[] = []
  private top = 0
  private bottom = 0

  constructor(graph: GraphBlocks, visitor: AncestorVisitor) {
    this.graph = graph
    this.visitor = visitor
  }

  find(position: number): void {
    this.top = pageNumber(position)
    this.bottom = this.top
    this.foundOn(this.top)[placeOnPage(position)] = 1
    for (let number = this.top; number >= this.bottom; number--) {
      const found = this.pages[number]
      if (found !== undefined) this.findInputs(number * GRAPH_PAGE, found)
    }
  }

  visit(): void {
    for (let number = this.bottom; number <= this.top; number++) {
      const found = this.pages[number]
      if (found !== undefined) this.visitFound(number * GRAPH_PAGE, found)
    }
  }

  /** Finds what the calls found on a page read, on this page and on earlier ones. */
  private findInputs(first: number, found: Uint8Array): void {
    let block: GraphBlock | null = null
    for (let at = GRAPH_PAGE - 1; at >= 0; at--) {
      if (found[at] === 0) continue
      const position = first + at
      if (block === null || position < block.first) block = this.graph.at(position)
      const begin = block.inputsAt(position)
      const end = begin + block.inputCount(position)
      for (let i = begin; i < end; i++) {
        const input = positionOf(block.input(i, position))
        const itsBlock = input >= block.first ? block : this.graph.at(input)
        if (itsBlock.kindOf(input) !== NODE.call || !this.visitor.opens(itsBlock, input)) continue
        if (input >= first) found[input - first] = 1
        else this.findEarlier(input)
      }
    }
  }

  private findEarlier(position: number): void {
    const number = pageNumber(position)
    if (number < this.bottom) this.bottom = number
    this.foundOn(number)[placeOnPage(position)] = 1
  }

  private visitFound(first: number, found: Uint8Array): void {
    let block: GraphBlock | null = null
    for (let at = 0; at < GRAPH_PAGE; at++) {
      if (found[at] === 0) continue
      const position = first + at
      if (block === null || position >= block.end) block = this.graph.at(position)
      this.visitor.visit(block, position)
    }
  }

  private foundOn(number: number): Uint8Array {
    const known = this.pages[number]
    if (known !== undefined) return known
    const made = new Uint8Array(GRAPH_PAGE)
    this.pages[number] = made
    return made
  }
}
