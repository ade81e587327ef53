/** Batches that come out of order, and labels of other rows than the inputs. */
import { detectorKind, type StepWatch } from './detector.js'
import { finding, rowsText } from './draft.js'
import type { Finding } from './finding.js'
import type { BatchFact, LeafFacts, StepFacts } from './step-facts.js'

/** This many batches in order show that order is meant. */
const PATTERN = 10
/** What follows a break is looked at for this many batches; more breaks than BREAKS_MAX among them are another pattern. */
const AFTER = 8
const BREAKS_MAX = 3

/** Whether a batch is a stretch of rows, one after the other. */
export function isStretch({ rows }: { rows: readonly number[] }): boolean {
  return rows.length > 0 && rows.every((row, i) => i === 0 || row === rows[i - 1]! + 1)
}

/** Whether a batch goes on where the one before ended, or begins anew. */
export function follows(before: { rows: readonly number[] }, next: { rows: readonly number[] }): boolean {
  return next.rows[0] === before.rows.at(-1)! + 1 || (next.rows[0] === 0 && next.rows[0] !== before.rows[0])
}

interface Order {
  last: BatchFact
  inOrder: number
  odd: { batch: BatchFact; before: BatchFact; breaks: number; left: number } | null
  isOver: boolean
}

class RowsWatch implements StepWatch {
  private readonly orders = new Map<string, Order>()
  private equal = 0
  private mismatchTold = false
  private orderTold = false
  private last: StepFacts | null = null

  step(facts: StepFacts): Finding[] {
    this.last = facts
    const found = this.mismatch(facts)
    for (const batch of facts.batches) found.push(...this.order(facts, batch))
    return found
  }

  end(): Finding[] {
    for (const order of this.orders.values()) if (order.odd !== null) return this.told(order, this.last!)
    return []
  }

  private order(facts: StepFacts, batch: BatchFact): Finding[] {
    if (this.orderTold) return []
    const key = `${batch.data} ${batch.scope}`
    const known = this.orders.get(key)
    if (known === undefined) {
      if (this.orders.size < 64)
        this.orders.set(key, { last: batch, inOrder: 0, odd: null, isOver: !isStretch(batch) })
      return []
    }
    if (known.isOver) return []
    if (!isStretch(batch)) {
      known.isOver = true
      return []
    }
    const { last, odd } = known
    known.last = batch
    const isNext = follows(last, batch)
    if (odd === null) {
      if (isNext) known.inOrder++
      else if (known.inOrder >= PATTERN) known.odd = { batch, before: last, breaks: 1, left: AFTER }
      else known.isOver = true
      return []
    }
    if (!isNext && ++odd.breaks > BREAKS_MAX) known.isOver = true
    if (known.isOver || --odd.left > 0) return []
    return this.told(known, facts)
  }

  private told(order: Order, { run }: StepFacts): Finding[] {
    if (this.orderTold || order.odd === null || order.isOver) return []
    this.orderTold = true
    const { batch, before } = order.odd
    const { rows, position, step, scope } = batch
    return [
      finding({
        kind: 'row-order',
        level: 'cause',
        step,
        position,
        function: 'take',
        scope,
        variable: run.label(batch.data),
        rows,
        text: `step ${step}: take (#${position}${scope === '' ? '' : ` in ${scope}`}) takes rows out of order: ${rows[0]} to ${rows.at(-1)} after ${before.rows[0]} to ${before.rows.at(-1)}; ${rowsText(rows)}`,
      }),
    ]
  }

  private mismatch({ batches, run }: StepFacts): Finding[] {
    // Two at a time: of more it cannot be told which belong together.
    const [a, b] = batches
    if (batches.length !== 2 || a === undefined || b === undefined || a.data === b.data) return []
    const [of, by] = [run.leafOf(a.data), run.leafOf(b.data)]
    if (of === null || by === null || of.shape[0] !== by.shape[0] || a.rows.length !== b.rows.length)
      return []
    const at = a.indices === b.indices ? -1 : a.rows.findIndex((row, i) => row !== b.rows[i])
    if (at < 0) this.equal++
    if (at < 0 || this.mismatchTold || (this.equal < 3 && !isLabels(by))) return []
    this.mismatchTold = true
    const rows = [...new Set([a.rows[at]!, b.rows[at]!])]
    const { step } = b
    return [
      finding({
        kind: 'row-mismatch',
        level: 'cause',
        step,
        position: b.position,
        function: 'take',
        scope: b.scope,
        variable: run.label(b.data),
        rows,
        text: `step ${step}: take (#${b.position}) takes other rows of ${run.label(b.data)} than take (#${a.position}) takes of ${run.label(a.data)}: place ${at} of the batch is row ${b.rows[at]} beside row ${a.rows[at]}; ${rowsText(rows)}`,
      }),
    ]
  }
}

/** Whether a leaf holds labels: integers, one a row. */
function isLabels({ dtype, shape }: LeafFacts): boolean {
  return dtype === 'int32' && shape.length === 1
}

/** Batches that come out of order where order is meant, and labels of other rows than the inputs. */
export const rowOrder = detectorKind('rowOrder', {}, () => new RowsWatch())
