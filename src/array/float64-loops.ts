/**
 * The plain kernel's loops over Float64 elements: one small function an operation, so that each is compiled
 * for exactly one kind of array. The files for float64 and float32 differ in nothing but that word (a test
 * holds them to it): float32 is computed in double precision and rounded once, when it is stored.
 */

import { erf, gelu } from './math/erf.js'
import { exp, exp2, expm1 } from './math/exp.js'
import { cosh, sinh } from './math/hyperbolic.js'
import { arccos, arcsin, arctan, arctan2 } from './math/inverse-circular.js'
import { log, log1p } from './math/log.js'
import { pow } from './math/pow.js'
import { remainder } from './math/remainder.js'
import { rounded } from './math/rounding.js'
import { sigmoid, softplus } from './math/sigmoid.js'
import { tanh } from './math/tanh.js'
import { cos, sin, tan } from './math/trigonometry.js'
import type { BinaryOp, UnaryOp } from './primitives.js'

type Floats = Float64Array

export function unaryFloat64(op: UnaryOp, x: Floats, xo: number, out: Floats, oo: number, n: number): void {
  switch (op) {
    case 'neg':
      return negLoop(x, xo, out, oo, n)
    case 'square':
      return squareLoop(x, xo, out, oo, n)
    case 'abs':
      return absLoop(x, xo, out, oo, n)
    case 'relu':
      return reluLoop(x, xo, out, oo, n)
    case 'sign':
      return signLoop(x, xo, out, oo, n)
    case 'floor':
      return floorLoop(x, xo, out, oo, n)
    case 'cube':
      return cubeLoop(x, xo, out, oo, n)
    case 'ceil':
      return ceilLoop(x, xo, out, oo, n)
    case 'trunc':
      return truncLoop(x, xo, out, oo, n)
    case 'round':
      return roundLoop(x, xo, out, oo, n)
    case 'sqrt':
      return sqrtLoop(x, xo, out, oo, n)
    case 'reciprocal':
      return reciprocalLoop(x, xo, out, oo, n)
    case 'exp':
      return expLoop(x, xo, out, oo, n)
    case 'log':
      return logLoop(x, xo, out, oo, n)
    case 'sin':
      return sinLoop(x, xo, out, oo, n)
    case 'cos':
      return cosLoop(x, xo, out, oo, n)
    case 'tanh':
      return tanhLoop(x, xo, out, oo, n)
    case 'sigmoid':
      return sigmoidLoop(x, xo, out, oo, n)
    case 'erf':
      return erfLoop(x, xo, out, oo, n)
    case 'gelu':
      return geluLoop(x, xo, out, oo, n)
    case 'softplus':
      return softplusLoop(x, xo, out, oo, n)
    case 'expm1':
      return expm1Loop(x, xo, out, oo, n)
    case 'exp2':
      return exp2Loop(x, xo, out, oo, n)
    case 'log1p':
      return log1pLoop(x, xo, out, oo, n)
    case 'tan':
      return tanLoop(x, xo, out, oo, n)
    case 'sinh':
      return sinhLoop(x, xo, out, oo, n)
    case 'cosh':
      return coshLoop(x, xo, out, oo, n)
    case 'arcsin':
      return arcsinLoop(x, xo, out, oo, n)
    case 'arccos':
      return arccosLoop(x, xo, out, oo, n)
    case 'arctan':
      return arctanLoop(x, xo, out, oo, n)
  }
}

function negLoop(x: Floats, xo: number, out: Floats, oo: number, n: number): void {
  for (let i = 0; i < n; i++) out[oo + i] = -x[xo + i]!
}

function squareLoop(x: Floats, xo: number, out: Floats, oo: number, n: number): void {
  for (let i = 0; i < n; i++) {
    const v = x[xo + i]!
    out[oo + i] = v * v
  }
}

function absLoop(x: Floats, xo: number, out: Floats, oo: number, n: number): void {
  for (let i = 0; i < n; i++) out[oo + i] = Math.abs(x[xo + i]!)
}

function reluLoop(x: Floats, xo: number, out: Floats, oo: number, n: number): void {
  for (let i = 0; i < n; i++) out[oo + i] = Math.max(x[xo + i]!, 0)
}

function signLoop(x: Floats, xo: number, out: Floats, oo: number, n: number): void {
  for (let i = 0; i < n; i++) {
    const v = x[xo + i]!
    out[oo + i] = v > 0 ? 1 : v < 0 ? -1 : v === 0 ? 0 : v
  }
}

function floorLoop(x: Floats, xo: number, out: Floats, oo: number, n: number): void {
  for (let i = 0; i < n; i++) out[oo + i] = Math.floor(x[xo + i]!)
}

function cubeLoop(x: Floats, xo: number, out: Floats, oo: number, n: number): void {
  for (let i = 0; i < n; i++) {
    const v = x[xo + i]!
    out[oo + i] = v * v * v
  }
}

function ceilLoop(x: Floats, xo: number, out: Floats, oo: number, n: number): void {
  for (let i = 0; i < n; i++) out[oo + i] = Math.ceil(x[xo + i]!)
}

function truncLoop(x: Floats, xo: number, out: Floats, oo: number, n: number): void {
  for (let i = 0; i < n; i++) out[oo + i] = Math.trunc(x[xo + i]!)
}

function roundLoop(x: Floats, xo: number, out: Floats, oo: number, n: number): void {
  for (let i = 0; i < n; i++) out[oo + i] = rounded(x[xo + i]!)
}

function sqrtLoop(x: Floats, xo: number, out: Floats, oo: number, n: number): void {
  for (let i = 0; i < n; i++) out[oo + i] = Math.sqrt(x[xo + i]!)
}

function reciprocalLoop(x: Floats, xo: number, out: Floats, oo: number, n: number): void {
  for (let i = 0; i < n; i++) out[oo + i] = 1 / x[xo + i]!
}

function expLoop(x: Floats, xo: number, out: Floats, oo: number, n: number): void {
  for (let i = 0; i < n; i++) out[oo + i] = exp(x[xo + i]!)
}

function logLoop(x: Floats, xo: number, out: Floats, oo: number, n: number): void {
  for (let i = 0; i < n; i++) out[oo + i] = log(x[xo + i]!)
}

function sinLoop(x: Floats, xo: number, out: Floats, oo: number, n: number): void {
  for (let i = 0; i < n; i++) out[oo + i] = sin(x[xo + i]!)
}

function cosLoop(x: Floats, xo: number, out: Floats, oo: number, n: number): void {
  for (let i = 0; i < n; i++) out[oo + i] = cos(x[xo + i]!)
}

function tanhLoop(x: Floats, xo: number, out: Floats, oo: number, n: number): void {
  for (let i = 0; i < n; i++) out[oo + i] = tanh(x[xo + i]!)
}

function sigmoidLoop(x: Floats, xo: number, out: Floats, oo: number, n: number): void {
  for (let i = 0; i < n; i++) out[oo + i] = sigmoid(x[xo + i]!)
}

function erfLoop(x: Floats, xo: number, out: Floats, oo: number, n: number): void {
  for (let i = 0; i < n; i++) out[oo + i] = erf(x[xo + i]!)
}

function geluLoop(x: Floats, xo: number, out: Floats, oo: number, n: number): void {
  for (let i = 0; i < n; i++) out[oo + i] = gelu(x[xo + i]!)
}

function softplusLoop(x: Floats, xo: number, out: Floats, oo: number, n: number): void {
  for (let i = 0; i < n; i++) out[oo + i] = softplus(x[xo + i]!)
}

function exp2Loop(x: Floats, xo: number, out: Floats, oo: number, n: number): void {
  for (let i = 0; i < n; i++) out[oo + i] = exp2(x[xo + i]!)
}

function expm1Loop(x: Floats, xo: number, out: Floats, oo: number, n: number): void {
  for (let i = 0; i < n; i++) out[oo + i] = expm1(x[xo + i]!)
}

function log1pLoop(x: Floats, xo: number, out: Floats, oo: number, n: number): void {
  for (let i = 0; i < n; i++) out[oo + i] = log1p(x[xo + i]!)
}

function tanLoop(x: Floats, xo: number, out: Floats, oo: number, n: number): void {
  for (let i = 0; i < n; i++) out[oo + i] = tan(x[xo + i]!)
}

function sinhLoop(x: Floats, xo: number, out: Floats, oo: number, n: number): void {
  for (let i = 0; i < n; i++) out[oo + i] = sinh(x[xo + i]!)
}

function coshLoop(x: Floats, xo: number, out: Floats, oo: number, n: number): void {
  for (let i = 0; i < n; i++) out[oo + i] = cosh(x[xo + i]!)
}

function arcsinLoop(x: Floats, xo: number, out: Floats, oo: number, n: number): void {
  for (let i = 0; i < n; i++) out[oo + i] = arcsin(x[xo + i]!)
}

function arccosLoop(x: Floats, xo: number, out: Floats, oo: number, n: number): void {
  for (let i = 0; i < n; i++) out[oo + i] = arccos(x[xo + i]!)
}

function arctanLoop(x: Floats, xo: number, out: Floats, oo: number, n: number): void {
  for (let i = 0; i < n; i++) out[oo + i] = arctan(x[xo + i]!)
}

export function clipFloat64(
  x: Floats,
  xo: number,
  least: number,
  most: number,
  out: Floats,
  oo: number,
  n: number,
): void {
  for (let i = 0; i < n; i++) out[oo + i] = Math.min(Math.max(x[xo + i]!, least), most)
}

// Two operands over a block of rows × columns. Arguments of every loop: see `Kernel.binary`.

export function binaryFloat64(
  op: BinaryOp,
  rows: number,
  columns: number,
  a: Floats,
  ao: number,
  ar: number,
  ac: number,
  b: Floats,
  bo: number,
  br: number,
  bc: number,
  out: Floats,
  oo: number,
): void {
  switch (op) {
    case 'add':
      return addLoop(rows, columns, a, ao, ar, ac, b, bo, br, bc, out, oo)
    case 'sub':
      return subLoop(rows, columns, a, ao, ar, ac, b, bo, br, bc, out, oo)
    case 'mul':
      return mulLoop(rows, columns, a, ao, ar, ac, b, bo, br, bc, out, oo)
    case 'div':
      return divLoop(rows, columns, a, ao, ar, ac, b, bo, br, bc, out, oo)
    case 'maximum':
      return maximumLoop(rows, columns, a, ao, ar, ac, b, bo, br, bc, out, oo)
    case 'minimum':
      return minimumLoop(rows, columns, a, ao, ar, ac, b, bo, br, bc, out, oo)
    case 'pow':
      return powLoop(rows, columns, a, ao, ar, ac, b, bo, br, bc, out, oo)
    case 'arctan2':
      return arctan2Loop(rows, columns, a, ao, ar, ac, b, bo, br, bc, out, oo)
    case 'remainder':
      return remainderLoop(rows, columns, a, ao, ar, ac, b, bo, br, bc, out, oo)
  }
}

function addLoop(
  rows: number,
  columns: number,
  a: Floats,
  ao: number,
  ar: number,
  ac: number,
  b: Floats,
  bo: number,
  br: number,
  bc: number,
  out: Floats,
  oo: number,
): void {
  for (let r = 0, o = oo; r < rows; r++) {
    for (let c = 0, p = ao + r * ar, q = bo + r * br; c < columns; c++, p += ac, q += bc)
      out[o++] = a[p]! + b[q]!
  }
}

function subLoop(
  rows: number,
  columns: number,
  a: Floats,
  ao: number,
  ar: number,
  ac: number,
  b: Floats,
  bo: number,
  br: number,
  bc: number,
  out: Floats,
  oo: number,
): void {
  for (let r = 0, o = oo; r < rows; r++) {
    for (let c = 0, p = ao + r * ar, q = bo + r * br; c < columns; c++, p += ac, q += bc)
      out[o++] = a[p]! - b[q]!
  }
}

function mulLoop(
  rows: number,
  columns: number,
  a: Floats,
  ao: number,
  ar: number,
  ac: number,
  b: Floats,
  bo: number,
  br: number,
  bc: number,
  out: Floats,
  oo: number,
): void {
  for (let r = 0, o = oo; r < rows; r++) {
    for (let c = 0, p = ao + r * ar, q = bo + r * br; c < columns; c++, p += ac, q += bc)
      out[o++] = a[p]! * b[q]!
  }
}

function divLoop(
  rows: number,
  columns: number,
  a: Floats,
  ao: number,
  ar: number,
  ac: number,
  b: Floats,
  bo: number,
  br: number,
  bc: number,
  out: Floats,
  oo: number,
): void {
  for (let r = 0, o = oo; r < rows; r++) {
    for (let c = 0, p = ao + r * ar, q = bo + r * br; c < columns; c++, p += ac, q += bc)
      out[o++] = a[p]! / b[q]!
  }
}

function maximumLoop(
  rows: number,
  columns: number,
  a: Floats,
  ao: number,
  ar: number,
  ac: number,
  b: Floats,
  bo: number,
  br: number,
  bc: number,
  out: Floats,
  oo: number,
): void {
  for (let r = 0, o = oo; r < rows; r++) {
    for (let c = 0, p = ao + r * ar, q = bo + r * br; c < columns; c++, p += ac, q += bc)
      out[o++] = Math.max(a[p]!, b[q]!)
  }
}

function minimumLoop(
  rows: number,
  columns: number,
  a: Floats,
  ao: number,
  ar: number,
  ac: number,
  b: Floats,
  bo: number,
  br: number,
  bc: number,
  out: Floats,
  oo: number,
): void {
  for (let r = 0, o = oo; r < rows; r++) {
    for (let c = 0, p = ao + r * ar, q = bo + r * br; c < columns; c++, p += ac, q += bc)
      out[o++] = Math.min(a[p]!, b[q]!)
  }
}

function powLoop(
  rows: number,
  columns: number,
  a: Floats,
  ao: number,
  ar: number,
  ac: number,
  b: Floats,
  bo: number,
  br: number,
  bc: number,
  out: Floats,
  oo: number,
): void {
  for (let r = 0, o = oo; r < rows; r++) {
    for (let c = 0, p = ao + r * ar, q = bo + r * br; c < columns; c++, p += ac, q += bc)
      out[o++] = pow(a[p]!, b[q]!)
  }
}

function arctan2Loop(
  rows: number,
  columns: number,
  a: Floats,
  ao: number,
  ar: number,
  ac: number,
  b: Floats,
  bo: number,
  br: number,
  bc: number,
  out: Floats,
  oo: number,
): void {
  for (let r = 0, o = oo; r < rows; r++) {
    for (let c = 0, p = ao + r * ar, q = bo + r * br; c < columns; c++, p += ac, q += bc)
      out[o++] = arctan2(a[p]!, b[q]!)
  }
}

function remainderLoop(
  rows: number,
  columns: number,
  a: Floats,
  ao: number,
  ar: number,
  ac: number,
  b: Floats,
  bo: number,
  br: number,
  bc: number,
  out: Floats,
  oo: number,
): void {
  for (let r = 0, o = oo; r < rows; r++) {
    for (let c = 0, p = ao + r * ar, q = bo + r * br; c < columns; c++, p += ac, q += bc)
      out[o++] = remainder(a[p]!, b[q]!)
  }
}
