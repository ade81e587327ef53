/**
 * Columns of numbers, one number a step, of which a window is in memory: a run may have more steps than there should be numbers in
 * a process. Pages that count evenly (a loop repeats one graph, and its steps have one length) take two numbers; of the others the
 * last used are kept, and the rest lies in a file without a name.
 */
import fs from 'node:fs'
import { UnnamedFile } from './unnamed-file.js'

const PAGE_BITS = 13
const PAGE = 1 << PAGE_BITS
/** Pages in memory, of 64 KiB each. */
const RESIDENT_MAX = 64

/** A full page: evenly rising numbers, or which of the pages it is that the store keeps. */
type Page = { readonly first: number; readonly rise: number } | number

/** Where the pages of columns are. Close it when its columns are no longer read. */
export class StepColumns {
  private readonly residentMax: number
  /** The pages in memory by their number, the last used at the end. */
  private readonly resident = new Map<number, Float64Array>()
  private pages = 0
  private file: UnnamedFile | null = null
  private readonly written = new Set<number>()
  private isFileRefused = false

  constructor(residentMax: number = RESIDENT_MAX) {
    this.residentMax = residentMax
  }

  /** A column of the steps from `from` on. */
  column(from: number): StepColumn {
    return new StepColumn(this, from)
  }

  /** @internal Keeps a page; gives its number. */
  keep(values: Float64Array): number {
    this.makeRoom()
    this.resident.set(this.pages, values)
    return this.pages++
  }

  /** @internal */
  page(number: number): Float64Array {
    let values = this.resident.get(number)
    if (values === undefined) {
      values = new Float64Array(PAGE)
      fs.readSync(this.file!.fd, values, 0, PAGE * 8, number * PAGE * 8)
      this.makeRoom()
    } else this.resident.delete(number)
    this.resident.set(number, values)
    return values
  }

  close(): void {
    this.file?.close()
    this.file = null
  }

  private makeRoom(): void {
    if (this.resident.size < this.residentMax || this.isFileRefused) return
    const [oldest, values] = this.resident.entries().next().value as [number, Float64Array]
    if (!this.written.has(oldest) && !this.write(oldest, values)) return
    this.resident.delete(oldest)
  }

  /** False where no file can be written: then all stays in memory, which is dear, but an answer. */
  private write(number: number, values: Float64Array): boolean {
    try {
      this.file ??= new UnnamedFile()
      const written = fs.writeSync(this.file.fd, values, 0, PAGE * 8, number * PAGE * 8)
      this.isFileRefused = written < PAGE * 8
      if (!this.isFileRefused) this.written.add(number)
      return !this.isFileRefused
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === undefined) throw error
      this.isFileRefused = true
      return false
    }
  }
}

/** One number a step, in order. */
export class StepColumn {
  /** The first step that has a number. */
  readonly from: number
  /** The step behind the last that has one. */
  end: number
  private readonly store: StepColumns
  private readonly pages: Page[] = []
  private last = new Float64Array(PAGE)
  private count = 0
  /** The page read last; `full` is null where it counts evenly. */
  private at = -1
  private full: Float64Array | null = null
  private first = 0
  private rise = 0

  /** @internal Use `StepColumns.column`. */
  constructor(store: StepColumns, from: number) {
    this.store = store
    this.from = from
    this.end = from
  }

  push(value: number): void {
    this.last[this.count++] = value
    this.end++
    if (this.count < PAGE) return
    const rise = this.last[1]! - this.last[0]!
    if (risesEvenly(this.last, rise)) this.pages.push({ first: this.last[0]!, rise })
    else {
      this.pages.push(this.store.keep(this.last))
      this.last = new Float64Array(PAGE)
    }
    this.count = 0
  }

  /** The number of a step; NaN for one that has none. */
  of(step: number): number {
    const index = step - this.from
    if (!(index >= 0 && step < this.end)) return Number.NaN
    const page = index >>> PAGE_BITS
    const place = index & (PAGE - 1)
    if (page === this.pages.length) return this.last[place]!
    if (page !== this.at) this.turnTo(page)
    return this.full === null ? this.first + place * this.rise : this.full[place]!
  }

  /** The first step that has a number; −1 for none. */
  stepOf(value: number): number {
    for (let step = this.from; step < this.end; step++) if (this.of(step) === value) return step
    return -1
  }

  private turnTo(page: number): void {
    const held = this.pages[page]!
    this.at = page
    if (typeof held === 'number') this.full = this.store.page(held)
    else {
      this.full = null
      this.first = held.first
      this.rise = held.rise
    }
  }
}

function risesEvenly(values: Float64Array, rise: number): boolean {
  const first = values[0]!
  for (let i = 1; i < values.length; i++) if (values[i] !== first + i * rise) return false
  return true
}
