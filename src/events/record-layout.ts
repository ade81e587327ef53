/**
 * The record layout: where each field stands in packed words, in the keys and lists of templates, and in the texts that events
 * share. Code that reads or writes one of these names its fields from here, and nowhere else does a number stand for a field.
 *
 * These layouts are stored, or covered by the hash chain: none of them ever changes. A new kind of record gets a new layout.
 *
 * Every layout is a list of consecutive places from 0. `size` is how many there are; a layout without one ends in a field that
 * goes on (`inputs`: all inputs of a call). What is said here is checked when this module is loaded.
 */

// ---- Packed words: one float64 each. Every record begins with its kind.

/** One value: what is kept of an array, and the number itself or the array's index in its batch. */
export const VALUE_WORDS = { tag: 0, payload: 1, size: 2 } as const

export const LEAF_WORDS = { kind: 0, form: 1, source: 2, value: 3, size: 5 } as const

/** After the inputs: how many outputs, and a value for each. Attributes below zero are those of a passing text: −1 − number. */
export const CALL_WORDS = { kind: 0, signature: 1, attributes: 2, inputCount: 3, inputs: 4 } as const

/** A call with the text of its site; after the inputs as the others. */
export const SITED_CALL_WORDS = {
  kind: 0,
  site: 1,
  signature: 2,
  attributes: 3,
  inputCount: 4,
  inputs: 5,
} as const

/** A call of one output of which nothing is kept, from packing 2 on; see `callWord`. */
export const SHORT_CALL_WORDS = { call: 0, inputs: 1 } as const

export const GRADIENT_WORDS = {
  kind: 0,
  pass: 1,
  variable: 2,
  gradient: 3,
  form: 4,
  held: 5,
  contribution: 6,
  accumulated: 8,
  size: 10,
} as const

export const ASSIGNMENT_WORDS = { kind: 0, variable: 1, source: 2, form: 3, value: 4, size: 6 } as const

/** An assignment with the norm of what it changed; NaN for none. */
export const MEASURED_ASSIGNMENT_WORDS = {
  kind: 0,
  variable: 1,
  source: 2,
  form: 3,
  updateNorm: 4,
  value: 5,
  size: 7,
} as const

export const CLEAR_WORDS = { kind: 0, variable: 1, size: 2 } as const

/** `requiresGrad` is 0 or 1. */
export const FREEZE_WORDS = { kind: 0, variable: 1, requiresGrad: 2, size: 3 } as const

export const STEP_WORDS = { kind: 0, elapsedMs: 1, size: 2 } as const

export const METRIC_WORDS = { kind: 0, name: 1, value: 2, variable: 3, size: 4 } as const

/** `count` entries follow. */
export const CHECKPOINT_WORDS = { kind: 0, count: 1, entries: 2 } as const
export const CHECKPOINT_ENTRY_WORDS = { variable: 0, form: 1, value: 2, size: 4 } as const

/** After the roots: the given gradient of each or 0, how many targets, the targets. */
export const PASS_WORDS = { kind: 0, flags: 1, rootCount: 2, roots: 3 } as const

/** All other events, as a text. */
export const TEXT_WORDS = { kind: 0, text: 1, size: 2 } as const

/** Bits of a pass's `flags`, in words and in templates. */
export const PASS_FLAGS = { createGraph: 1, retainGrad: 2, targets: 4 } as const

/** A call word is CALL_UNIT × (1 + inputs) + ATTRIBUTES_UNIT × attributes + signature; no kind is as large. */
const CALL_UNIT = 2 ** 40
const ATTRIBUTES_UNIT = 2 ** 18
const ATTRIBUTES_MAX = CALL_UNIT / ATTRIBUTES_UNIT

export function callWord(signature: number, attributes: number, inputs: number): number {
  return CALL_UNIT * (1 + inputs) + ATTRIBUTES_UNIT * attributes + signature
}

/** Whether both numbers have their place in a call word. The number of a passing text, which is below zero, has not. */
export function fitsCallWord(signature: number, attributes: number): boolean {
  return attributes >= 0 && attributes < ATTRIBUTES_MAX && signature < ATTRIBUTES_UNIT
}

/** Whether the first word of a record is a call word, and no kind. */
export function isCallWord(word: number): boolean {
  return word >= CALL_UNIT
}

export function inputsOfCallWord(word: number): number {
  return Math.floor(word / CALL_UNIT) - 1
}

export function attributesOfCallWord(word: number): number {
  // No remainders: on numbers this large they take longer than everything else that is done with a call.
  return Math.floor((word - CALL_UNIT * Math.floor(word / CALL_UNIT)) / ATTRIBUTES_UNIT)
}

export function signatureOfCallWord(word: number): number {
  return word - ATTRIBUTES_UNIT * Math.floor(word / ATTRIBUTES_UNIT)
}

// ---- Keys of templates: a block in numbers, with references relative. `cells` is how many cells of the block an event takes.

/** `attributes` 0: the last cell has their text. */
export const CALL_KEY = {
  kind: 0,
  signature: 1,
  attributes: 2,
  cells: 3,
  inputCount: 4,
  inputs: 5,
} as const

export const LEAF_KEY = { kind: 0, form: 1, cells: 2, source: 3, size: 4 } as const

export const GRADIENT_KEY = {
  kind: 0,
  form: 1,
  cells: 2,
  held: 3,
  pass: 4,
  variable: 5,
  gradient: 6,
  size: 7,
} as const

export const ASSIGNMENT_KEY = { kind: 0, form: 1, cells: 2, variable: 3, source: 4, size: 5 } as const

export const CLEAR_KEY = { kind: 0, variable: 1, size: 2 } as const

export const FREEZE_KEY = { kind: 0, requiresGrad: 1, variable: 2, size: 3 } as const

/** After the roots: the given gradient of each or 0, how many targets, the targets. */
export const PASS_KEY = { kind: 0, flags: 1, rootCount: 2, roots: 3 } as const

/** Of an event that has a row of its own: here it only takes its place. */
export const ROW_KEY = { kind: 0, size: 1 } as const

// ---- Lists of templates: JSON, one list for each kind of event, in each one entry for each event.
// `offset` is the event's place in its block, `cell` its first cell, `cells` how many it takes.

export const CALL_ENTRY = { offset: 0, cell: 1, cells: 2, signature: 3, attributes: 4, inputs: 5 } as const
export const LEAF_ENTRY = { offset: 0, cell: 1, cells: 2, form: 3, source: 4, size: 5 } as const
export const GRADIENT_ENTRY = {
  offset: 0,
  cell: 1,
  cells: 2,
  form: 3,
  held: 4,
  pass: 5,
  variable: 6,
  gradient: 7,
  size: 8,
} as const
export const ASSIGNMENT_ENTRY = {
  offset: 0,
  cell: 1,
  cells: 2,
  form: 3,
  variable: 4,
  source: 5,
  size: 6,
} as const
export const CLEAR_ENTRY = { offset: 0, variable: 1, size: 2 } as const
export const FREEZE_ENTRY = { offset: 0, requiresGrad: 1, variable: 2, size: 3 } as const
/** After the roots: the given gradient of each or 0, the targets. */
export const PASS_ENTRY = { offset: 0, flags: 1, rootCount: 2, roots: 3 } as const

/** From here on, all fields of an entry are references; 0 stands for none. */
export const FIRST_REF = {
  calls: CALL_ENTRY.inputs,
  leaves: LEAF_ENTRY.source,
  gradients: GRADIENT_ENTRY.pass,
  assignments: ASSIGNMENT_ENTRY.variable,
  clears: CLEAR_ENTRY.variable,
  passes: PASS_ENTRY.roots,
  freezes: FREEZE_ENTRY.variable,
} as const

// ---- Texts that events share: JSON lists.

export const SIGNATURE_LIST = { function: 0, scope: 1, linked: 2, outputs: 3, size: 4 } as const
export const LEAF_FORM_LIST = { role: 0, requiresGrad: 1, name: 2, dtype: 3, shape: 4, size: 5 } as const
export const ARRAY_FORM_LIST = { dtype: 0, shape: 1, size: 2 } as const

/** The numbers of a summary, wherever they stand one after the other: NaN for null. */
export const SUMMARY_FIELDS = ['l2Norm', 'mean', 'min', 'max', 'zeroCount', 'nonFiniteCount'] as const
export const SUMMARY_SIZE = SUMMARY_FIELDS.length

// ---- Checked once.

/** How many places a field takes that takes more than one. */
const WIDE: Readonly<Record<string, number>> = {
  value: VALUE_WORDS.size,
  contribution: VALUE_WORDS.size,
  accumulated: VALUE_WORDS.size,
}

/** Says where a layout is no list of consecutive places; null when it is one. */
export function layoutProblem(
  layout: Readonly<Record<string, number>>,
  wide: Readonly<Record<string, number>> = {},
): string | null {
  let next = 0
  for (const [field, place] of Object.entries(layout)) {
    if (place !== next) return `${field} expected at ${next}, stands at ${place}`
    if (field !== 'size') next += wide[field] ?? 1
  }
  return null
}

const OF_VALUES = {
  LEAF_WORDS,
  GRADIENT_WORDS,
  ASSIGNMENT_WORDS,
  MEASURED_ASSIGNMENT_WORDS,
  CHECKPOINT_ENTRY_WORDS,
}
const OF_SINGLE_PLACES = {
  VALUE_WORDS,
  CALL_WORDS,
  SITED_CALL_WORDS,
  SHORT_CALL_WORDS,
  CLEAR_WORDS,
  FREEZE_WORDS,
  STEP_WORDS,
  METRIC_WORDS,
  CHECKPOINT_WORDS,
  PASS_WORDS,
  TEXT_WORDS,
  CALL_KEY,
  LEAF_KEY,
  GRADIENT_KEY,
  ASSIGNMENT_KEY,
  CLEAR_KEY,
  FREEZE_KEY,
  PASS_KEY,
  ROW_KEY,
  CALL_ENTRY,
  LEAF_ENTRY,
  GRADIENT_ENTRY,
  ASSIGNMENT_ENTRY,
  CLEAR_ENTRY,
  FREEZE_ENTRY,
  PASS_ENTRY,
  SIGNATURE_LIST,
  LEAF_FORM_LIST,
  ARRAY_FORM_LIST,
}

function check(layouts: Readonly<Record<string, Readonly<Record<string, number>>>>, wide = {}): void {
  for (const [name, layout] of Object.entries(layouts)) {
    const problem = layoutProblem(layout, wide)
    if (problem !== null) throw new Error(`${name}: ${problem}`)
  }
}
check(OF_VALUES, WIDE)
check(OF_SINGLE_PLACES)
