/**
 * The words that the sources of the views are written with: each gives a piece of SQL. The record layout is that of
 * events/record-layout.ts, so that a view reads the field that the writer wrote.
 *
 * In what they give, `b` is a block, `t` its template, and `e` an entry of one of the template's lists, as `entries` joins them.
 */
import { CALL_ENTRY } from '../../../events/record-layout.js'

const POSITION_BITS = 4294967295
const REF_BITS = 1099511627775
const ID_BITS = 281474976710655
const LARGEST = '1.7976931348623157e308'

/** The blocks of all runs, each with the entries of one list of its template. */
export function entries(
  list: 'calls' | 'leaves' | 'gradients' | 'assignments' | 'clears' | 'passes' | 'freezes',
): string {
  return `_block b JOIN _template t ON t.id = b.template_id JOIN json_each(t.${list}) e ON true`
}

/** A field of the entry; its place is from the record layout. */
export function field(place: number): string {
  return `e.value ->> ${place}`
}

/** The position of the entry's event. */
export const POSITION = `(b.id & ${POSITION_BITS}) + (${field(CALL_ENTRY.offset)})`

/** The run and the position in the id of a row. */
export function runOf(id: string): string {
  return `${id} >> 32`
}
export function positionOf(id: string): string {
  return `${id} & ${POSITION_BITS}`
}
/** The id of the event at a position of a run. */
export function idOf(run: string, position: string): string {
  return `(${run} << 32) + ${position}`
}

/** The position that a decoded ref names. */
export function positionOfRef(ref: string): string {
  return `${ref} & ${REF_BITS}`
}
/** A ref from a position and a slot. */
export function refOf(position: string, slot: string): string {
  return `${position} + (${slot} << 40)`
}

/** The position that an encoded reference means; NULL for 0. */
export function position(encoded: string): string {
  return `CASE WHEN typeof(${encoded}) = 'real' THEN b.base - CAST(${encoded} - 0.5 AS INTEGER) WHEN ${encoded} < 0 THEN -(${encoded}) & ${REF_BITS} WHEN ${encoded} > 0 THEN ${POSITION} - (${encoded} & ${REF_BITS}) END`
}

/** The output number in an encoded reference. */
export function slot(encoded: string): string {
  return `CASE WHEN typeof(${encoded}) = 'real' THEN 0 ELSE abs(${encoded}) >> 40 END`
}

/** A JSON list of the decoded refs whose places in the entry fulfil `where`; NULL stands for 0. */
export function refList(where: string): string {
  const decoded = `CASE WHEN r.value < 0 THEN -r.value WHEN r.value > 0 THEN ${POSITION} - (r.value & ${REF_BITS}) + (r.value - (r.value & ${REF_BITS})) END`
  return `json((SELECT json_group_array(${decoded}) FROM (SELECT value FROM json_each(e.value) WHERE ${where} ORDER BY key) r))`
}

/** Hexadecimal digits of `count` cells of the block, from cell `first` on. */
export function cellHex(first: string, count = 1, skipped = 0): string {
  return `hex(substr(b.slots, 8 * (${first}) + ${8 * skipped + 1}, ${8 * count}))`
}

const digit = (hex: string, place: number) => `instr('123456789ABCDEF', substr(${hex}, ${place}, 1))`

/** Sixteen hexadecimal digits as an integer of 64 bits. */
export function bits(hex: string): string {
  return Array.from({ length: 16 }, (_, i) => `(${digit(hex, i + 1)} << ${60 - 4 * i})`).join(' | ')
}

/** The bytes of an array that stands in cells itself, from cell `first` on. */
export function inlineBytes(first: string): string {
  const count = `hex(substr(b.slots, 8 * (${first}) + 7, 2))`
  const bytes = [1, 2, 3].map((place) => `(${digit(count, place)} << ${16 - 4 * place})`).join(' | ')
  return `substr(b.slots, 8 * (${first}) + 9, ${bytes} | ${digit(count, 4)})`
}

/** The id that a tagged cell names. The digits are made once: SQLite would make them again for each of the sixteen. */
export function idInCell(hex: string): string {
  return `(WITH c (h) AS MATERIALIZED (SELECT ${hex}) SELECT (${bits('c.h')}) & ${ID_BITS} FROM c)`
}

/** The id of a row of _value that a cell names, with or without bytes; NULL where it names none. */
export function valueId(hex: string): string {
  return `(WITH c (h) AS MATERIALIZED (SELECT ${hex}) SELECT CASE WHEN substr(c.h, 1, 4) IN ('7FFC', '7FFB') THEN (${bits('c.h')}) & ${ID_BITS} END FROM c)`
}

/** The number in a cell of sixteen digits; NULL where it is not finite, and where something else stands. */
export function numberInCell(hex: string): string {
  return `(WITH c (h) AS MATERIALIZED (SELECT ${hex}), x (bits) AS MATERIALIZED (SELECT ${bits('c.h')} FROM c WHERE substr(c.h, 1, 4) NOT IN ('7FFB', '7FFC', '7FFE', '7FF8', '7FF0', 'FFF0'))
    SELECT CASE WHEN x.bits < 0 THEN -1.0 ELSE 1 END * ((x.bits & 4503599627370495) + CASE WHEN x.bits >> 52 & 2047 THEN 4503599627370496 ELSE 0 END) * p.value
    FROM x JOIN _power_of_two p ON p.exponent = max(x.bits >> 52 & 2047, 1) - 1075)`
}

/** What stands in a cell instead of a finite number, in a word; NULL where there is one, or no number. */
export function nonFiniteInCell(hex: string): string {
  return `CASE substr(${hex}, 1, 4) WHEN '7FF8' THEN 'NaN' WHEN '7FF0' THEN 'Infinity' WHEN 'FFF0' THEN '-Infinity' END`
}

/** A number that is NULL where it is not finite, of what may also be the text 'NaN', or '-0', as the private tables keep that. */
export function finiteOrNull(number: string): string {
  return `CASE typeof(${number}) WHEN 'text' THEN CASE ${number} WHEN '-0' THEN -0.0 END ELSE ${finite(number)} END`
}

/** What such a number is instead, in a word; NULL where it is finite, or there is none. */
export function nonFinite(number: string): string {
  return `CASE typeof(${number}) WHEN 'text' THEN CASE ${number} WHEN 'NaN' THEN 'NaN' END ELSE CASE WHEN ${number} > ${LARGEST} THEN 'Infinity' WHEN ${number} < -${LARGEST} THEN '-Infinity' END END`
}

/** A column with its type said: tools that read a view's types find it there. */
export function typed(type: 'INTEGER' | 'REAL' | 'TEXT' | 'BLOB', expression: string): string {
  return `CAST(${expression} AS ${type})`
}

/** A number when it is finite, else NULL. */
export function finite(number: string, result = number): string {
  return `CASE WHEN abs(${number}) <= ${LARGEST} THEN ${result} END`
}

/** An element of an array of uint8. */
export function byteIn(bytes: string, place: string, index = 0, width = 1): string {
  const pair = `hex(substr(${bytes}, ${width} * (${place}) + ${index + 1}, 1))`
  return `(${digit(pair, 1)} * 16 + ${digit(pair, 2)})`
}

/** An element of an array of int32. */
export function int32In(bytes: string, place: string): string {
  const part = (index: number) => byteIn(bytes, place, index, 4)
  const unsigned = `(${part(0)} + (${part(1)} << 8) + (${part(2)} << 16) + (${part(3)} << 24))`
  return `(${unsigned} - ((${part(3)} >> 7) << 32))`
}
