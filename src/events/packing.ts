/** How the events of a run are packed where the hash chain covers them: its first event says which way. */

/**
 * Nearly all calls are of one output that is not kept: packing 2 has one word for all of such a call but its inputs, a third of
 * what it took before. In packing 3 assignments say what they changed, too.
 */
export type Packing = 1 | 2 | 3
/** That of new runs. */
export const PACKING = 3
