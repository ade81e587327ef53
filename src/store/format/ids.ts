/** How a row of the file names an event: one number for the run and the position in it. */

/** `id` of an event is run × this + position. */
export const RUN_UNIT = 2 ** 32
