/**
 * The lists of a template as JSON text, written straight from its key. Graphs that never repeat make a template a block, so
 * this is the writer's hot path for them.
 */

import { EVENT_KIND, PACKED_BACKWARD } from '../../events/event.js'
import { grown } from '../../events/grown.js'
import {
  ASSIGNMENT_KEY,
  CALL_KEY,
  CLEAR_KEY,
  FREEZE_KEY,
  GRADIENT_KEY,
  LEAF_KEY,
  PASS_KEY,
  ROW_KEY,
} from '../../events/record-layout.js'

const [COMMA, MINUS, ZERO, OPEN, CLOSE] = [44, 45, 48, 91, 93] as const
const LONGEST_NUMBER = 24

/** JSON of a list of lists of numbers, as JSON.stringify would write it. */
class ListText {
  private bytes: Buffer = Buffer.alloc(1 << 14)
  private used = 0

  clear(): void {
    this.bytes[0] = OPEN
    this.used = 1
  }

  open(): void {
    this.room(2)
    if (this.used > 1) this.bytes[this.used++] = COMMA
    this.bytes[this.used++] = OPEN
  }

  first(number: number): void {
    this.room(LONGEST_NUMBER)
    this.number(number)
  }

  next(number: number): void {
    this.room(LONGEST_NUMBER + 1)
    this.bytes[this.used++] = COMMA
    this.number(number)
  }

  close(): void {
    this.room(1)
    this.bytes[this.used++] = CLOSE
  }

  text(): string {
    this.close()
    return this.bytes.toString('latin1', 0, this.used)
  }

  private number(number: number): void {
    const { bytes } = this
    let rest = number
    if (rest < 0) {
      bytes[this.used++] = MINUS
      rest = -rest
    }
    if (rest !== (rest | 0)) {
      this.used += bytes.write(String(rest), this.used, 'latin1')
      return
    }
    let digits = 1
    for (let limit = 10; rest >= limit && digits < 10; limit *= 10) digits++
    this.used += digits
    let at = this.used
    do {
      const tens = (rest / 10) | 0
      bytes[--at] = ZERO + (rest - tens * 10)
      rest = tens
    } while (rest > 0)
  }

  private room(bytes: number): void {
    if (this.used + bytes > this.bytes.length) this.bytes = grown(this.bytes, this.used + bytes)
  }
}

/** What the columns of a template hold. */
interface TemplateTexts {
  eventCount: number
  /** calls, leaves, gradients, assignments, clears, passes, freezes */
  lists: [string, string, string, string, string, string, string]
  /** Form ids of the leaves, and the variables of assignments and freezes, as the key has them: what a template is tagged with. */
  leafForms: number[]
  assigned: number[]
  frozen: number[]
}

const texts = [
  new ListText(),
  new ListText(),
  new ListText(),
  new ListText(),
  new ListText(),
  new ListText(),
  new ListText(),
] as const

/** The texts of the template with this key. */
export function templateTexts(key: Float64Array): TemplateTexts {
  for (const text of texts) text.clear()
  const [calls, leaves, gradients, assignments, clears, passes, freezes] = texts
  const leafForms: number[] = []
  const assigned: number[] = []
  const frozen: number[] = []
  let eventCount = 0
  let cell = 0
  /** Begins an entry of an event that takes cells. */
  const begin = (list: ListText, offset: number, cells: number) => {
    list.open()
    list.first(offset)
    list.next(cell)
    list.next(cells)
    cell += cells
  }
  for (let at = 0; at < key.length; ) {
    const offset = eventCount++
    switch (key[at]) {
      case EVENT_KIND.FunctionCalled: {
        const end = at + CALL_KEY.inputs + key[at + CALL_KEY.inputCount]!
        begin(calls, offset, key[at + CALL_KEY.cells]!)
        calls.next(key[at + CALL_KEY.signature]!)
        calls.next(key[at + CALL_KEY.attributes]!)
        for (at += CALL_KEY.inputs; at < end; at++) calls.next(key[at]!)
        calls.close()
        break
      }
      case EVENT_KIND.LeafCreated:
        leafForms.push(key[at + LEAF_KEY.form]!)
        begin(leaves, offset, key[at + LEAF_KEY.cells]!)
        leaves.next(key[at + LEAF_KEY.form]!)
        leaves.next(key[at + LEAF_KEY.source]!)
        leaves.close()
        at += LEAF_KEY.size
        break
      case EVENT_KIND.GradientComputed:
        begin(gradients, offset, key[at + GRADIENT_KEY.cells]!)
        gradients.next(key[at + GRADIENT_KEY.form]!)
        gradients.next(key[at + GRADIENT_KEY.held]!)
        gradients.next(key[at + GRADIENT_KEY.pass]!)
        gradients.next(key[at + GRADIENT_KEY.variable]!)
        gradients.next(key[at + GRADIENT_KEY.gradient]!)
        gradients.close()
        at += GRADIENT_KEY.size
        break
      case EVENT_KIND.ValueAssigned:
        assigned.push(key[at + ASSIGNMENT_KEY.variable]!)
        begin(assignments, offset, key[at + ASSIGNMENT_KEY.cells]!)
        assignments.next(key[at + ASSIGNMENT_KEY.form]!)
        assignments.next(key[at + ASSIGNMENT_KEY.variable]!)
        assignments.next(key[at + ASSIGNMENT_KEY.source]!)
        assignments.close()
        at += ASSIGNMENT_KEY.size
        break
      case EVENT_KIND.GradientCleared:
        clears.open()
        clears.first(offset)
        clears.next(key[at + CLEAR_KEY.variable]!)
        clears.close()
        at += CLEAR_KEY.size
        break
      case EVENT_KIND.RequiresGradSet:
        frozen.push(key[at + FREEZE_KEY.variable]!)
        freezes.open()
        freezes.first(offset)
        freezes.next(key[at + FREEZE_KEY.requiresGrad]!)
        freezes.next(key[at + FREEZE_KEY.variable]!)
        freezes.close()
        at += FREEZE_KEY.size
        break
      case PACKED_BACKWARD: {
        // The entry leaves out how many targets there are: they are the rest of it.
        const targetCountAt = at + PASS_KEY.roots + 2 * key[at + PASS_KEY.rootCount]!
        const end = targetCountAt + 1 + key[targetCountAt]!
        passes.open()
        passes.first(offset)
        for (at += PASS_KEY.flags; at < end; at++) if (at !== targetCountAt) passes.next(key[at]!)
        passes.close()
        break
      }
      default:
        at += ROW_KEY.size
    }
  }
  return {
    eventCount,
    lists: [
      calls.text(),
      leaves.text(),
      gradients.text(),
      assignments.text(),
      clears.text(),
      passes.text(),
      freezes.text(),
    ],
    leafForms,
    assigned,
    frozen,
  }
}
