/** How long a batch of events becomes. Apart from the stream, as who writes batches needs no stream, and no RxJS. */
export interface BatchLimits {
  /** Events in one batch. */
  eventsMax: number
  /** Bytes of arrays in one batch. */
  bytesMax: number
  /** How long an event waits at most while the program computes. */
  ageMaxMs: number
}

/** Small enough to stay in a processor's cache on the way from one thread to the other; commits join several of them. */
export const BATCH_LIMITS: BatchLimits = { eventsMax: 8192, bytesMax: 2 * 2 ** 20, ageMaxMs: 200 }

/** Every event is a batch. */
export const STRICT_LIMITS: BatchLimits = { ...BATCH_LIMITS, eventsMax: 1 }

/** A batch ends after this many words, however few events they make: calls of thousands of inputs are long. */
export const WORDS_MAX = 131_072

/** How much longer than `ageMaxMs` a batch may wait for a good place to end. */
export const PATIENCE = 2
