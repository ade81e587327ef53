/**
 * The plain kernel's comparisons: any element type in, bytes of 0 and 1 out. A comparison with NaN is false,
 * `notEqual` true.
 */
import type { TypedArray } from './dtype.js'
import type { CompareOp } from './primitives.js'

/** Arguments as `Kernel.compare`. `a ≥ b` is computed as `b ≤ a`, so four loops serve six operations. */
export function compareLoop(
  op: CompareOp,
  rows: number,
  columns: number,
  a: TypedArray,
  ao: number,
  ar: number,
  ac: number,
  b: TypedArray,
  bo: number,
  br: number,
  bc: number,
  out: Uint8Array,
  oo: number,
): void {
  if (op === 'greater') return compareLoop('less', rows, columns, b, bo, br, bc, a, ao, ar, ac, out, oo)
  if (op === 'greaterEqual')
    return compareLoop('lessEqual', rows, columns, b, bo, br, bc, a, ao, ar, ac, out, oo)
  if (a instanceof Float64Array && b instanceof Float64Array)
    return compareFloat64(op, rows, columns, a, ao, ar, ac, b, bo, br, bc, out, oo)
  let o = oo
  for (let r = 0; r < rows; r++) {
    let p = ao + r * ar
    let q = bo + r * br
    switch (op) {
      case 'equal':
        for (let c = 0; c < columns; c++, p += ac, q += bc) out[o++] = a[p]! === b[q]! ? 1 : 0
        break
      case 'notEqual':
        for (let c = 0; c < columns; c++, p += ac, q += bc) out[o++] = a[p]! !== b[q]! ? 1 : 0
        break
      case 'less':
        for (let c = 0; c < columns; c++, p += ac, q += bc) out[o++] = a[p]! < b[q]! ? 1 : 0
        break
      case 'lessEqual':
        for (let c = 0; c < columns; c++, p += ac, q += bc) out[o++] = a[p]! <= b[q]! ? 1 : 0
        break
    }
  }
}

/** The same loops; written twice so that the commonest element type has loops compiled for it alone. */
function compareFloat64(
  op: CompareOp,
  rows: number,
  columns: number,
  a: Float64Array,
  ao: number,
  ar: number,
  ac: number,
  b: Float64Array,
  bo: number,
  br: number,
  bc: number,
  out: Uint8Array,
  oo: number,
): void {
  let o = oo
  for (let r = 0; r < rows; r++) {
    let p = ao + r * ar
    let q = bo + r * br
    switch (op) {
      case 'equal':
        for (let c = 0; c < columns; c++, p += ac, q += bc) out[o++] = a[p]! === b[q]! ? 1 : 0
        break
      case 'notEqual':
        for (let c = 0; c < columns; c++, p += ac, q += bc) out[o++] = a[p]! !== b[q]! ? 1 : 0
        break
      case 'less':
        for (let c = 0; c < columns; c++, p += ac, q += bc) out[o++] = a[p]! < b[q]! ? 1 : 0
        break
      case 'lessEqual':
        for (let c = 0; c < columns; c++, p += ac, q += bc) out[o++] = a[p]! <= b[q]! ? 1 : 0
        break
    }
  }
}
