/**
 * Arithmetic on whole vectors, in place: the results take the place of the first operand. Float32 needs no float64
 * here, because + − × ÷ and √ rounded once give the same as computed in float64 and rounded then. What is left of a
 * last vector is computed from whatever lies there; nobody reads it.
 */
import {
  Abs32, Abs64, Add32, Add64, Div32, Div64, Gate32, Gate64, Max32, Max64, Min32, Min64, Mul32, Mul64,
  Neg32, Neg64, Reciprocal32, Reciprocal64, Relu32, Relu64, Sqrt32, Sqrt64, Square32, Square64, Sub32,
  Sub64,
} from './operations'

/**
 * a[r, c] = op(a[r, c], b[r, c]) over contiguous rows of `bytes` each; `bStep` of 0 repeats one row of b. Rows that are
 * no whole number of vectors must come alone, as rows follow each other without a gap.
 */
@inline function pairs<F>(a: usize, b: usize, rows: usize, bytes: usize, bStep: usize): void {
  for (let r: usize = 0; r < rows; r++, a += bytes, b += bStep) {
    for (let i: usize = 0; i < bytes; i += 16) {
      v128.store(a + i, changetype<F>(0).of(v128.load(a + i), v128.load(b + i)))
    }
  }
}

@inline function singles<F>(at: usize, bytes: usize): void {
  for (const end = at + bytes; at < end; at += 16) v128.store(at, changetype<F>(0).of(v128.load(at)))
}

export function add64(a: usize, b: usize, rows: usize, bytes: usize, bStep: usize): void { pairs<Add64>(a, b, rows, bytes, bStep) }
export function add32(a: usize, b: usize, rows: usize, bytes: usize, bStep: usize): void { pairs<Add32>(a, b, rows, bytes, bStep) }
export function sub64(a: usize, b: usize, rows: usize, bytes: usize, bStep: usize): void { pairs<Sub64>(a, b, rows, bytes, bStep) }
export function sub32(a: usize, b: usize, rows: usize, bytes: usize, bStep: usize): void { pairs<Sub32>(a, b, rows, bytes, bStep) }
export function mul64(a: usize, b: usize, rows: usize, bytes: usize, bStep: usize): void { pairs<Mul64>(a, b, rows, bytes, bStep) }
export function mul32(a: usize, b: usize, rows: usize, bytes: usize, bStep: usize): void { pairs<Mul32>(a, b, rows, bytes, bStep) }
export function div64(a: usize, b: usize, rows: usize, bytes: usize, bStep: usize): void { pairs<Div64>(a, b, rows, bytes, bStep) }
export function div32(a: usize, b: usize, rows: usize, bytes: usize, bStep: usize): void { pairs<Div32>(a, b, rows, bytes, bStep) }
export function maximum64(a: usize, b: usize, rows: usize, bytes: usize, bStep: usize): void { pairs<Max64>(a, b, rows, bytes, bStep) }
export function maximum32(a: usize, b: usize, rows: usize, bytes: usize, bStep: usize): void { pairs<Max32>(a, b, rows, bytes, bStep) }
export function minimum64(a: usize, b: usize, rows: usize, bytes: usize, bStep: usize): void { pairs<Min64>(a, b, rows, bytes, bStep) }
export function minimum32(a: usize, b: usize, rows: usize, bytes: usize, bStep: usize): void { pairs<Min32>(a, b, rows, bytes, bStep) }
export function gate64(a: usize, b: usize, rows: usize, bytes: usize, bStep: usize): void { pairs<Gate64>(a, b, rows, bytes, bStep) }
export function gate32(a: usize, b: usize, rows: usize, bytes: usize, bStep: usize): void { pairs<Gate32>(a, b, rows, bytes, bStep) }

export function neg64(at: usize, count: usize): void { singles<Neg64>(at, count << 3) }
export function neg32(at: usize, count: usize): void { singles<Neg32>(at, count << 2) }
export function square64(at: usize, count: usize): void { singles<Square64>(at, count << 3) }
export function square32(at: usize, count: usize): void { singles<Square32>(at, count << 2) }
export function abs64(at: usize, count: usize): void { singles<Abs64>(at, count << 3) }
export function abs32(at: usize, count: usize): void { singles<Abs32>(at, count << 2) }
export function relu64(at: usize, count: usize): void { singles<Relu64>(at, count << 3) }
export function relu32(at: usize, count: usize): void { singles<Relu32>(at, count << 2) }
export function sqrt64(at: usize, count: usize): void { singles<Sqrt64>(at, count << 3) }
export function sqrt32(at: usize, count: usize): void { singles<Sqrt32>(at, count << 2) }
export function reciprocal64(at: usize, count: usize): void { singles<Reciprocal64>(at, count << 3) }
export function reciprocal32(at: usize, count: usize): void { singles<Reciprocal32>(at, count << 2) }
