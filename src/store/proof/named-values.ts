/** The values that events name, as a walk over a tape meets them. */
import { corrupt } from './corrupt.js'
import type { Form } from './template-proof.js'

interface Named {
  readonly form: Form
  /** Whether the event that named it first kept its bytes. */
  readonly keptFirst: boolean
  withBytes: boolean
}

/** The values that events name. They are numbered in the order in which they are named first. */
export class NamedValues {
  private readonly byId: Named[] = []

  get count(): number {
    return this.byId.length
  }

  /** Must be told in the order in which events were written. */
  name(id: number, form: Form, withBytes: boolean): void {
    const known = this.byId[id - 1]
    if (known === undefined) {
      if (id !== this.byId.length + 1)
        corrupt(`value ${id} is named where value ${this.byId.length + 1} was expected`)
      this.byId.push({ form, keptFirst: withBytes, withBytes })
      return
    }
    if (known.form.dtype !== form.dtype || known.form.size !== form.size)
      corrupt(
        `value ${id} is named as ${form.size} ${form.dtype} and as ${known.form.size} ${known.form.dtype}`,
      )
    known.withBytes ||= withBytes
  }

  get(id: number): Named {
    return this.byId[id - 1] ?? corrupt(`no event names value ${id}`)
  }
}

/** A value that an event of the batch names, in the order in which values are stored. */
export interface Naming {
  readonly position: number
  readonly id: number
  readonly form: Form
  readonly withBytes: boolean
}
