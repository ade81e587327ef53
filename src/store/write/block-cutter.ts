/**
 * Cuts the packed events of a batch into blocks, and writes a row for each. What stands in a block is block-parts.ts's business.
 */
import { EVENT_KIND, PACKED_BACKWARD } from '../../events/event.js'
import type { PackedBatch } from '../../events/pack.js'
import { visitRecord } from '../../events/visit-words.js'
import { eventId } from '../format/ids.js'
import { BlockParts } from './block-parts.js'
import type { Rows } from './event-rows.js'
import type { NameStore } from './name-store.js'
import type { TemplateStore } from './template-store.js'
import type { TextNumbers } from './text-numbers.js'
import type { StoredValue } from './value-store.js'
import type { VariableStore } from './variable-store.js'

/** What follows from these two is where blocks are cut, which verification holds every tape to (proof/block-proof.ts). */
export const BLOCK_EVENTS_MAX = 256
/** A forward part of a step below this stands in one block with the pass that follows. */
export const SHORT_EVENTS_MAX = 64

/** Where the run's repetitions begin, carried from batch to batch. */
export interface Repetitions {
  /** First position of the step (or, without steps, backward pass) under way, and of the one before. */
  current: number
  previous: number
}

export class BlockCutter {
  private readonly parts: BlockParts
  private blockFirst = 0
  private blockCount = 0
  private stepNumber = 0
  private runId = 0
  private runBase = 0
  private repetitions: Repetitions = { current: 1, previous: 1 }
  private readonly templates: TemplateStore
  private readonly names: NameStore
  private readonly rows: Rows

  constructor(
    texts: TextNumbers,
    templates: TemplateStore,
    variables: VariableStore,
    names: NameStore,
    rows: Rows,
  ) {
    this.parts = new BlockParts(texts, variables, names, rows)
    this.names = names
    this.templates = templates
    this.rows = rows
  }

  /** Writes the rows of a batch; gives the repetitions as they are after it. */
  write(
    batch: PackedBatch,
    runId: number,
    stored: readonly StoredValue[],
    repetitions: Repetitions,
  ): Repetitions {
    const { parts } = this
    const { words, count, firstPosition } = batch
    this.runId = runId
    this.runBase = eventId(runId, 0)
    this.stepNumber = batch.firstStep
    this.repetitions = { ...repetitions }
    parts.beginBatch(words, runId, stored)
    this.names.begin()
    this.begin(firstPosition)
    let at = 0
    for (let i = 0; i < count; i++) {
      const position = firstPosition + i
      this.cutBefore(words[at]!, position)
      parts.own = position
      parts.place = this.blockCount
      at = visitRecord(words, at, parts)
      this.blockCount++
    }
    this.end()
    return this.repetitions
  }

  /** Ends the block before an event of this kind, where blocks begin. */
  private cutBefore(kind: number, position: number): void {
    if (kind === EVENT_KIND.StepStarted) {
      this.end()
      this.stepNumber++
      this.repeat(position)
    } else if (this.cutsAtPass(kind)) {
      this.end()
      if (this.stepNumber === 0) this.repeat(position)
    } else if (this.blockCount === BLOCK_EVENTS_MAX) this.end()
    else return
    this.begin(position)
  }

  private repeat(position: number): void {
    this.repetitions = { previous: this.repetitions.current, current: position }
  }

  /** A pass repeats by itself; where a step is short enough for one block, the step does. */
  private cutsAtPass(kind: number): boolean {
    if (kind !== EVENT_KIND.BackwardStarted && kind !== PACKED_BACKWARD) return false
    return this.stepNumber === 0 || this.blockCount >= SHORT_EVENTS_MAX
  }

  private begin(position: number): void {
    this.blockFirst = position
    this.blockCount = 0
    const { parts } = this
    parts.blockFirst = position
    parts.stepNumber = this.stepNumber
    parts.previous = this.repetitions.previous
    parts.beginBlock()
  }

  private end(): void {
    if (this.blockCount === 0) return
    const { key, keyLength, base, cells } = this.parts
    const row = this.rows._block
    row.add(this.runBase + this.blockFirst)
    row.add(this.runId)
    row.add(this.stepNumber)
    const template = this.templates.idOf(key, keyLength)
    this.names.ended(this.runBase + this.blockFirst, template)
    row.add(template)
    row.add(base)
    row.add(cells.count === 0 ? null : cells.bytes())
    row.endRow()
    if (this.parts.sites.length > 0) this.addSites(template)
  }

  private addSites(template: number): void {
    const { sites } = this.parts
    const row = this.rows._call_site
    for (let i = 0; i < sites.length; i += 2) {
      row.add(this.runBase + this.blockFirst + sites[i]!)
      row.add(template)
      row.add(sites[i]!)
      row.add(sites[i + 1]!)
      row.endRow()
    }
    this.parts.sites = []
  }
}
