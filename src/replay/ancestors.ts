/**
 * The calls that a call was computed from, in the order in which they ran. They are marked from the latest down and visited
 * from the earliest up, a page at a time, without recursion: a chain may be a million calls long.
 */
import { positionOf } from '../events/event.js'
import {
  GRAPH_PAGE,
  type GraphPage,
  type GraphPages,
  NODE,
  pageNumber,
  placeOnPage,
} from '../store/graph-pages.js'

/** Visits the call at `position` and, before it, of all that it and those were computed from what `open` lets in. */
export function visitAncestors(
  pages: GraphPages,
  position: number,
  open: (page: GraphPage, at: number) => boolean,
  visit: (page: GraphPage, at: number) => void,
): void {
  const walk = new AncestorWalk(pages, open)
  walk.mark(position)
  walk.visit(visit)
}

class AncestorWalk {
  private readonly pages: GraphPages
  private readonly open: (page: GraphPage, at: number) => boolean
  private readonly marks: (Uint8Array | undefined)[] = []
  private top = 0
  private bottom = 0

  constructor(pages: GraphPages, open: (page: GraphPage, at: number) => boolean) {
    this.pages = pages
    this.open = open
  }

  mark(position: number): void {
    this.top = pageNumber(position)
    this.bottom = this.top
    this.marksOf(this.top)[placeOnPage(position)] = 1
    for (let number = this.top; number >= this.bottom; number--) {
      const marks = this.marks[number]
      if (marks !== undefined) this.markInputs(this.pages.page(number), marks)
    }
  }

  visit(visit: (page: GraphPage, at: number) => void): void {
    for (let number = this.bottom; number <= this.top; number++) {
      const marks = this.marks[number]
      if (marks !== undefined) visitMarked(this.pages.page(number), marks, visit)
    }
  }

  /** Marks what the marked calls of a page read, on this page and on earlier ones. */
  private markInputs(page: GraphPage, marks: Uint8Array): void {
    for (let at = GRAPH_PAGE - 1; at >= 0; at--) {
      if (marks[at] === 0) continue
      const end = page.inputsAt[at]! + page.inputCounts[at]!
      for (let i = page.inputsAt[at]!; i < end; i++) {
        const input = positionOf(page.inputs[i]!)
        if (input < page.first) this.markEarlier(input)
        else if (page.kinds[placeOnPage(input)] === NODE.call && this.open(page, placeOnPage(input)))
          marks[placeOnPage(input)] = 1
      }
    }
  }

  private markEarlier(position: number): void {
    const number = pageNumber(position)
    const page = this.pages.page(number)
    const at = placeOnPage(position)
    if (page.kinds[at] !== NODE.call || !this.open(page, at)) return
    if (number < this.bottom) this.bottom = number
    this.marksOf(number)[at] = 1
  }

  private marksOf(number: number): Uint8Array {
    const known = this.marks[number]
    if (known !== undefined) return known
    const made = new Uint8Array(GRAPH_PAGE)
    this.marks[number] = made
    return made
  }
}

function visitMarked(page: GraphPage, marks: Uint8Array, visit: (page: GraphPage, at: number) => void): void {
  for (let at = 0; at < GRAPH_PAGE; at++) if (marks[at] !== 0) visit(page, at)
}
