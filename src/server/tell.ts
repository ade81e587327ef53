/** Told of how far long work is: in words, and as a number of what there is to do, if that is known. */
export type Tell = (text: string, done: number, total: number | null) => void
