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
  list: 'calls' | 'leaves' | 'gradients' | 'assignments' | 'clears' | 'passes',
): string {
  return `_block b JOIN _template t ON t.id = b.template_id JOIN json_each(t.${list}) e`
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

/** The id that a tagged cell names. */
export function idInCell(hex: string): string {
  return `(SELECT x.bits & ${ID_BITS} FROM (SELECT ${bits(hex)} AS bits) x)`
}

/** The id in a cell as a column of a row source `y`; for where a subquery needs its own name. */
export function idInLastCell(hex: string): string {
  return `SELECT y.bits & ${ID_BITS} FROM (SELECT ${bits(hex)} AS bits) y`
}

/** The id of a row of _value that a cell names, with or without bytes; NULL where it names none. */
export function valueId(hex: string): string {
  return `CASE WHEN substr(${hex}, 1, 4) IN ('7FFC', '7FFB') THEN ${idInCell(hex)} END`
}

/** The float64 of sixteen digits that `otherwise` does not name. */
function float(hex: string, otherwise: string): string {
  return `CASE substr(${hex}, 1, 4) ${otherwise} WHEN '7FF0' THEN 9e999 WHEN 'FFF0' THEN -9e999 ELSE (
    SELECT CASE WHEN x.bits < 0 THEN -1.0 ELSE 1 END * ((x.bits & 4503599627370495) + CASE WHEN x.bits >> 52 & 2047 THEN 4503599627370496 ELSE 0 END) * p.value
    FROM (SELECT ${bits(hex)} AS bits) x JOIN _power_of_two p ON p.exponent = max(x.bits >> 52 & 2047, 1) - 1075) END`
}

/** The number in a cell ('NaN' as text); NULL where something else is. */
export function number(hex: string): string {
  return float(
    hex,
    "WHEN '7FFC' THEN NULL WHEN '7FFB' THEN NULL WHEN '7FFE' THEN NULL WHEN '7FF8' THEN 'NaN'",
  )
}

/** A number of a summary; NULL where NaN stands for it. */
export function statistic(hex: string): string {
  return float(hex, "WHEN '7FF8' THEN NULL")
}

/** A number as the private tables keep it: −0 is a text there. */
export function scalar(column: string): string {
  return `CASE ${column} WHEN '-0' THEN -0.0 ELSE ${column} END`
}

/** A number when it is finite, else NULL. */
export function finite(number: string, result = number): string {
  return `CASE WHEN abs(${number}) <= ${LARGEST} THEN ${result} END`
}

/** Whether a number, or the text 'NaN', is not finite. */
export function isNotFinite(number: string): string {
  return `${number} = 'NaN' OR abs(${number}) > ${LARGEST}`
}
