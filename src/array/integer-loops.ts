/**
 * The plain kernel's loops over int32 and uint8 elements. What is too large wraps, as in NumPy, because a
 * typed array stores numbers modulo its width. Only products need care: those of int32 do not fit a double.
 */
import { TapeError } from '../errors.js'
import { remainder } from './math/remainder.js'
import type { BinaryOp, UnaryOp } from './primitives.js'

type Integers = Int32Array | Uint8Array

export function unaryInteger(
  op: UnaryOp,
  x: Integers,
  xo: number,
  out: Integers,
  oo: number,
  n: number,
): void {
  switch (op) {
    case 'neg':
      for (let i = 0; i < n; i++) out[oo + i] = -x[xo + i]!
      return
    case 'square':
      for (let i = 0; i < n; i++) out[oo + i] = Math.imul(x[xo + i]!, x[xo + i]!)
      return
    case 'cube':
      for (let i = 0; i < n; i++) out[oo + i] = Math.imul(Math.imul(x[xo + i]!, x[xo + i]!), x[xo + i]!)
      return
    case 'abs':
      for (let i = 0; i < n; i++) out[oo + i] = Math.abs(x[xo + i]!)
      return
    case 'relu':
      for (let i = 0; i < n; i++) out[oo + i] = Math.max(x[xo + i]!, 0)
      return
    case 'sign':
      for (let i = 0; i < n; i++) out[oo + i] = Math.sign(x[xo + i]!)
      return
    case 'floor':
    case 'ceil':
    case 'trunc':
    case 'round':
      for (let i = 0; i < n; i++) out[oo + i] = x[xo + i]!
      return
    default:
      throw new TapeError('BAD_DTYPE', `${op} expected a floating dtype, got integers; convert with astype`)
  }
}

/** Arguments as `Kernel.binary`. */
export function binaryInteger(
  op: BinaryOp,
  rows: number,
  columns: number,
  a: Integers,
  ao: number,
  ar: number,
  ac: number,
  b: Integers,
  bo: number,
  br: number,
  bc: number,
  out: Integers,
  oo: number,
): void {
  let o = oo
  for (let r = 0; r < rows; r++) {
    let p = ao + r * ar
    let q = bo + r * br
    for (let c = 0; c < columns; c++, p += ac, q += bc) out[o++] = combine(op, a[p]!, b[q]!)
  }
}

function combine(op: BinaryOp, x: number, y: number): number {
  switch (op) {
    case 'add':
      return x + y
    case 'sub':
      return x - y
    case 'mul':
      return Math.imul(x, y)
    case 'maximum':
      return Math.max(x, y)
    case 'minimum':
      return Math.min(x, y)
    case 'pow':
      return power(x, y)
    case 'remainder':
      return remainder(x, y)
    case 'div':
    case 'arctan2':
      throw new TapeError('BAD_DTYPE', `${op} expected a floating dtype, got integers; convert with astype`)
  }
}

/** By repeated squaring, modulo 2^32. */
function power(base: number, exponent: number): number {
  let result = 1
  for (let square = base, rest = exponent; rest > 0; rest >>= 1, square = Math.imul(square, square)) {
    if (rest & 1) result = Math.imul(result, square)
  }
  return result
}
