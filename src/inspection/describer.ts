/** What the positions of a run are called, and the dtype and shape of what was made there; no values are loaded. */
import { TapeError } from '../errors.js'
import { positionOf, type Ref, slotOf, type TapeEvent } from '../events/event.js'
import type { Lookup } from '../store/read/lookup.js'
import type { PastRun } from '../tape/past-run.js'
import { numberText } from './number-text.js'

const PAGE = 256
const PAGES_MAX = 64

export interface Form {
  dtype: string
  shape: readonly number[]
}

export class Describer {
  private readonly past: PastRun
  private readonly lookup: Lookup
  private readonly names = new Map<Ref, string | null>()
  private readonly pages = new Map<number, TapeEvent[]>()

  constructor(past: PastRun, lookup: Lookup) {
    this.past = past
    this.lookup = lookup
  }

  /** The name that the program gave; null when it gave none. */
  nameOf(ref: Ref): string | null {
    let name = this.names.get(ref)
    if (name === undefined) {
      name = this.lookup.nameOf(ref)
      this.names.set(ref, name)
    }
    return name
  }

  /** The name; else the number, of a constant that is one; else whose gradient it is; else the position, `#412`. */
  label(ref: Ref): string {
    const name = this.nameOf(ref)
    if (name !== null) return name
    const event = this.event(positionOf(ref))
    if (
      event.type === 'LeafCreated' &&
      event.role === 'constant' &&
      event.shape.length === 0 &&
      event.value !== null
    ) {
      return numberText(event.value.data[0] ?? Number.NaN)
    }
    if (event.type === 'GradientComputed')
      return `grad(${this.nameOf(event.variable) ?? positionText(event.variable)})`
    return positionText(ref)
  }

  form(ref: Ref): Form {
    const event = this.event(positionOf(ref))
    if (event.type === 'FunctionCalled') {
      const output = event.outputs[slotOf(ref)]
      if (output !== undefined) return { dtype: output.dtype, shape: output.shape }
    }
    if (event.type === 'LeafCreated' || event.type === 'GradientComputed')
      return { dtype: event.dtype, shape: event.shape }
    return { dtype: '?', shape: [] }
  }

  /** The event at a position, read in pages: neighbours are often asked for next. */
  event(position: number): TapeEvent {
    const number = Math.floor((position - 1) / PAGE)
    let page = this.pages.get(number)
    if (page === undefined) {
      const from = number * PAGE + 1
      page = [...this.past.events(from, Math.min(from + PAGE - 1, this.past.lastPosition))]
      if (this.pages.size >= PAGES_MAX) this.pages.delete(this.pages.keys().next().value ?? number)
      this.pages.set(number, page)
    }
    const event = page[(position - 1) % PAGE]
    if (event === undefined) {
      throw new TapeError(
        'TAPE_CORRUPT',
        `run "${this.past.name}" refers to position ${position} and ends at ${this.past.lastPosition}`,
      )
    }
    return event
  }
}

export function positionText(ref: Ref): string {
  const slot = slotOf(ref)
  return `#${positionOf(ref)}${slot === 0 ? '' : `.${slot}`}`
}
