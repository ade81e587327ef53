/**
 * Told of how far long work is: in words, and as a number of what there is to do, if that is known. It throws `Cancelled` when nobody
 * wants the answer any more, which whoever tells lets pass.
 */
export type Tell = (text: string, done: number, total: number | null) => void

/** Ends work in the middle: the page that asked is closed, or asks something else. */
export class Cancelled extends Error {
  constructor() {
    super('nobody waits for the answer')
  }
}
