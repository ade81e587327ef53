/**
 * The lists of a template as JSON text, written straight from its key. Graphs that never repeat make a template a block, so
 * this is the writer's hot path for them.
 */
import { EVENT_KIND, PACKED_BACKWARD } from '../../events/event.js'

const [COMMA, MINUS, ZERO, OPEN, CLOSE] = [44, 45, 48, 91, 93] as const
const LONGEST_NUMBER = 24

/** JSON of a list of lists of numbers, as JSON.stringify would write it. */
class ListText {
  private bytes = Buffer.allocUnsafe(1 << 14)
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
    if (this.used + bytes <= this.bytes.length) return
    const larger = Buffer.allocUnsafe(this.bytes.length * 2)
    this.bytes.copy(larger, 0, 0, this.used)
    this.bytes = larger
  }
}

/** What the columns of a template hold. */
export interface TemplateTexts {
  eventCount: number
  /** calls, leaves, gradients, assignments, clears, passes */
  lists: [string, string, string, string, string, string]
  /** Form ids of the leaves, and the variables of assignments, as the key has them: what a template is marked with. */
  leafForms: number[]
  assigned: number[]
}

const texts = [
  new ListText(),
  new ListText(),
  new ListText(),
  new ListText(),
  new ListText(),
  new ListText(),
] as const

/** The texts of the template with this key (its layout is described in template.ts). */
export function templateTexts(key: Float64Array): TemplateTexts {
  for (const text of texts) text.clear()
  const [calls, leaves, gradients, assignments, clears, passes] = texts
  const leafForms: number[] = []
  const assigned: number[] = []
  let eventCount = 0
  let slot = 0
  for (let at = 0; at < key.length; ) {
    const offset = eventCount++
    switch (key[at]) {
      case EVENT_KIND.FunctionCalled: {
        const end = at + 5 + key[at + 4]!
        begin(calls, offset, slot, key[at + 3]!)
        calls.next(key[at + 1]!)
        calls.next(key[at + 2]!)
        slot += key[at + 3]!
        for (at += 5; at < end; at++) calls.next(key[at]!)
        calls.close()
        break
      }
      case EVENT_KIND.LeafCreated:
        leafForms.push(key[at + 1]!)
        begin(leaves, offset, slot, key[at + 2]!)
        leaves.next(key[at + 1]!)
        leaves.next(key[at + 3]!)
        leaves.close()
        slot += key[at + 2]!
        at += 4
        break
      case EVENT_KIND.GradientComputed:
        begin(gradients, offset, slot, key[at + 2]!)
        gradients.next(key[at + 1]!)
        for (let i = 3; i < 7; i++) gradients.next(key[at + i]!)
        gradients.close()
        slot += key[at + 2]!
        at += 7
        break
      case EVENT_KIND.ValueAssigned:
        assigned.push(key[at + 3]!)
        begin(assignments, offset, slot, key[at + 2]!)
        assignments.next(key[at + 1]!)
        assignments.next(key[at + 3]!)
        assignments.next(key[at + 4]!)
        assignments.close()
        slot += key[at + 2]!
        at += 5
        break
      case EVENT_KIND.GradientCleared:
        clears.open()
        clears.first(offset)
        clears.next(key[at + 1]!)
        clears.close()
        at += 2
        break
      case PACKED_BACKWARD: {
        const targetsAt = at + 3 + 2 * key[at + 2]!
        const end = targetsAt + 1 + key[targetsAt]!
        passes.open()
        passes.first(offset)
        for (at += 1; at < end; at++) if (at !== targetsAt) passes.next(key[at]!)
        passes.close()
        break
      }
      default:
        at += 1
    }
  }
  return {
    eventCount,
    lists: [calls.text(), leaves.text(), gradients.text(), assignments.text(), clears.text(), passes.text()],
    leafForms,
    assigned,
  }
}

function begin(list: ListText, offset: number, slot: number, slots: number): void {
  list.open()
  list.first(offset)
  list.next(slot)
  list.next(slots)
}
