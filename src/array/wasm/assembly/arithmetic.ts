/**
 * Arithmetic on whole vectors, in place: the results take the place of the first operand. Float32 needs no float64
 * here, because + − × ÷ and √ rounded once give the same as computed in float64 and rounded then. What is left of a
 * last vector is computed from whatever lies there; nobody reads it.
 */

// A type parameter is what AssemblyScript resolves at compile time; a function passed as a value it would call.

class Add64 { @inline of(a: v128, b: v128): v128 { return f64x2.add(a, b) } }
class Add32 { @inline of(a: v128, b: v128): v128 { return f32x4.add(a, b) } }
class Sub64 { @inline of(a: v128, b: v128): v128 { return f64x2.sub(a, b) } }
class Sub32 { @inline of(a: v128, b: v128): v128 { return f32x4.sub(a, b) } }
class Mul64 { @inline of(a: v128, b: v128): v128 { return f64x2.mul(a, b) } }
class Mul32 { @inline of(a: v128, b: v128): v128 { return f32x4.mul(a, b) } }
class Div64 { @inline of(a: v128, b: v128): v128 { return f64x2.div(a, b) } }
class Div32 { @inline of(a: v128, b: v128): v128 { return f32x4.div(a, b) } }
class Max64 { @inline of(a: v128, b: v128): v128 { return f64x2.max(a, b) } }
class Max32 { @inline of(a: v128, b: v128): v128 { return f32x4.max(a, b) } }
class Min64 { @inline of(a: v128, b: v128): v128 { return f64x2.min(a, b) } }
class Min32 { @inline of(a: v128, b: v128): v128 { return f32x4.min(a, b) } }
class Neg64 { @inline of(x: v128): v128 { return f64x2.neg(x) } }
class Neg32 { @inline of(x: v128): v128 { return f32x4.neg(x) } }
class Square64 { @inline of(x: v128): v128 { return f64x2.mul(x, x) } }
class Square32 { @inline of(x: v128): v128 { return f32x4.mul(x, x) } }
class Abs64 { @inline of(x: v128): v128 { return f64x2.abs(x) } }
class Abs32 { @inline of(x: v128): v128 { return f32x4.abs(x) } }
class Relu64 { @inline of(x: v128): v128 { return f64x2.max(x, f64x2.splat(0)) } }
class Relu32 { @inline of(x: v128): v128 { return f32x4.max(x, f32x4.splat(0)) } }
class Sqrt64 { @inline of(x: v128): v128 { return f64x2.sqrt(x) } }
class Sqrt32 { @inline of(x: v128): v128 { return f32x4.sqrt(x) } }
class Reciprocal64 { @inline of(x: v128): v128 { return f64x2.div(f64x2.splat(1), x) } }
class Reciprocal32 { @inline of(x: v128): v128 { return f32x4.div(f32x4.splat(1), x) } }

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
