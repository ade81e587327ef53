/** What a store acknowledges. */

/** What a store has of a tape, acknowledged. Whoever keeps the head can prove later what was there. */
export interface Receipt {
  readonly batches: number
  /** In hex; empty when there are no batches. */
  readonly head: string
}

export const NO_RECEIPT: Receipt = { batches: 0, head: '' }
