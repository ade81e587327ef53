/** Names that a program may give, and that code which uses names as keys, texts or SQL is likely to get wrong. */
import fc from 'fast-check'

export const HOSTILE_NAMES = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'valueOf',
  'hasOwnProperty',
  '__defineGetter__',
  'length',
  'null',
  'undefined',
  'NaN',
  '0',
  '12',
  '-1',
  ' ',
  'a.b',
  'a b',
  "it's",
  '"',
  '\\',
  '%s',
  ';--',
  '$number',
  'a\0b',
  'a\nb',
  '🦉',
  '\u202e',
  '\u2028',
  '\ufeff',
  '\ufeffw',
] as const

export const hostileName = fc.oneof(
  fc.constantFrom(...HOSTILE_NAMES),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 6 }),
)
