/**
 * Arithmetic on whole vectors, in place: the results take the place of the first operand. Float32 needs no float64
 * here, because + − × ÷ and √ rounded once give the same as computed in float64 and rounded then. What is left of a
 * last vector is computed from whatever lies there; nobody reads it.
 */
import {
  Abs32, Abs64, Add32, Add64, Div32, Div64, Max32, Max64, Min32, Min64, Mul32, Mul64, Neg32, Neg64,
  Reciprocal32, Reciprocal64, Relu32, Relu64, ReluSlope32, ReluSlope64, SigmoidSlope32, SigmoidSlope64,
  Sqrt32, Sqrt64, Square32, Square64, Sub32, Sub64, TanhSlope32, TanhSlope64,
} from './operations'

/** a[r, c] = op(a[r, c], b[r, c]) over contiguous rows of `bytes` each; `bStep` of 0 repeats one row of b. */
@inline function pairs<F>(a: usize, b: usize, rows: usize, bytes: usize, bStep: usize, wide: bool): void {
  for (let r: usize = 0; r < rows; r++, a += bytes, b += bStep) {
    let i: usize = 0
    for (const whole = bytes & ~15; i < whole; i += 16) {
      v128.store(a + i, changetype<F>(0).of(v128.load(a + i), v128.load(b + i)))
    }
    for (; i < bytes; i += wide ? 8 : 4) one<F>(a + i, wide ? v128.load64_zero(b + i) : v128.load32_zero(b + i), wide)
  }
}

/** a[r, c] = op(a[r, c], b[r]) over contiguous rows of `bytes` each. */
@inline function columns<F>(a: usize, b: usize, rows: usize, bytes: usize, wide: bool): void {
  for (let r: usize = 0; r < rows; r++, a += bytes, b += wide ? 8 : 4) {
    const y = wide ? v128.load64_splat(b) : v128.load32_splat(b)
    let i: usize = 0
    for (const whole = bytes & ~15; i < whole; i += 16) v128.store(a + i, changetype<F>(0).of(v128.load(a + i), y))
    for (; i < bytes; i += wide ? 8 : 4) one<F>(a + i, y, wide)
  }
}

@inline function one<F>(at: usize, y: v128, wide: bool): void {
  if (wide) v128.store64_lane(at, changetype<F>(0).of(v128.load64_zero(at), y), 0)
  else v128.store32_lane(at, changetype<F>(0).of(v128.load32_zero(at), y), 0)
}

@inline function singles<F>(at: usize, bytes: usize): void {
  for (const end = at + bytes; at < end; at += 16) v128.store(at, changetype<F>(0).of(v128.load(at)))
}

export function add64(a: usize, b: usize, rows: usize, bytes: usize, bStep: usize): void { pairs<Add64>(a, b, rows, bytes, bStep, true) }
export function add32(a: usize, b: usize, rows: usize, bytes: usize, bStep: usize): void { pairs<Add32>(a, b, rows, bytes, bStep, false) }
export function sub64(a: usize, b: usize, rows: usize, bytes: usize, bStep: usize): void { pairs<Sub64>(a, b, rows, bytes, bStep, true) }
export function sub32(a: usize, b: usize, rows: usize, bytes: usize, bStep: usize): void { pairs<Sub32>(a, b, rows, bytes, bStep, false) }
export function mul64(a: usize, b: usize, rows: usize, bytes: usize, bStep: usize): void { pairs<Mul64>(a, b, rows, bytes, bStep, true) }
export function mul32(a: usize, b: usize, rows: usize, bytes: usize, bStep: usize): void { pairs<Mul32>(a, b, rows, bytes, bStep, false) }
export function div64(a: usize, b: usize, rows: usize, bytes: usize, bStep: usize): void { pairs<Div64>(a, b, rows, bytes, bStep, true) }
export function div32(a: usize, b: usize, rows: usize, bytes: usize, bStep: usize): void { pairs<Div32>(a, b, rows, bytes, bStep, false) }
export function maximum64(a: usize, b: usize, rows: usize, bytes: usize, bStep: usize): void { pairs<Max64>(a, b, rows, bytes, bStep, true) }
export function maximum32(a: usize, b: usize, rows: usize, bytes: usize, bStep: usize): void { pairs<Max32>(a, b, rows, bytes, bStep, false) }
export function minimum64(a: usize, b: usize, rows: usize, bytes: usize, bStep: usize): void { pairs<Min64>(a, b, rows, bytes, bStep, true) }
export function minimum32(a: usize, b: usize, rows: usize, bytes: usize, bStep: usize): void { pairs<Min32>(a, b, rows, bytes, bStep, false) }
export function reluSlope64(a: usize, b: usize, rows: usize, bytes: usize, bStep: usize): void { pairs<ReluSlope64>(a, b, rows, bytes, bStep, true) }
export function reluSlope32(a: usize, b: usize, rows: usize, bytes: usize, bStep: usize): void { pairs<ReluSlope32>(a, b, rows, bytes, bStep, false) }
export function sigmoidSlope64(a: usize, b: usize, rows: usize, bytes: usize, bStep: usize): void { pairs<SigmoidSlope64>(a, b, rows, bytes, bStep, true) }
export function sigmoidSlope32(a: usize, b: usize, rows: usize, bytes: usize, bStep: usize): void { pairs<SigmoidSlope32>(a, b, rows, bytes, bStep, false) }
export function tanhSlope64(a: usize, b: usize, rows: usize, bytes: usize, bStep: usize): void { pairs<TanhSlope64>(a, b, rows, bytes, bStep, true) }
export function tanhSlope32(a: usize, b: usize, rows: usize, bytes: usize, bStep: usize): void { pairs<TanhSlope32>(a, b, rows, bytes, bStep, false) }

export function addColumns64(a: usize, b: usize, rows: usize, bytes: usize): void { columns<Add64>(a, b, rows, bytes, true) }
export function addColumns32(a: usize, b: usize, rows: usize, bytes: usize): void { columns<Add32>(a, b, rows, bytes, false) }
export function subColumns64(a: usize, b: usize, rows: usize, bytes: usize): void { columns<Sub64>(a, b, rows, bytes, true) }
export function subColumns32(a: usize, b: usize, rows: usize, bytes: usize): void { columns<Sub32>(a, b, rows, bytes, false) }
export function mulColumns64(a: usize, b: usize, rows: usize, bytes: usize): void { columns<Mul64>(a, b, rows, bytes, true) }
export function mulColumns32(a: usize, b: usize, rows: usize, bytes: usize): void { columns<Mul32>(a, b, rows, bytes, false) }
export function divColumns64(a: usize, b: usize, rows: usize, bytes: usize): void { columns<Div64>(a, b, rows, bytes, true) }
export function divColumns32(a: usize, b: usize, rows: usize, bytes: usize): void { columns<Div32>(a, b, rows, bytes, false) }
export function maximumColumns64(a: usize, b: usize, rows: usize, bytes: usize): void { columns<Max64>(a, b, rows, bytes, true) }
export function maximumColumns32(a: usize, b: usize, rows: usize, bytes: usize): void { columns<Max32>(a, b, rows, bytes, false) }
export function minimumColumns64(a: usize, b: usize, rows: usize, bytes: usize): void { columns<Min64>(a, b, rows, bytes, true) }
export function minimumColumns32(a: usize, b: usize, rows: usize, bytes: usize): void { columns<Min32>(a, b, rows, bytes, false) }

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

/** min(max(x, least), most) in place, whole vectors; float32 beside bounds that are float64. */
export function clip64(at: usize, count: usize, least: f64, most: f64): void {
  const low = f64x2.splat(least)
  const high = f64x2.splat(most)
  for (const end = at + (count << 3); at < end; at += 16) {
    v128.store(at, f64x2.min(f64x2.max(v128.load(at), low), high))
  }
}

export function clip32(at: usize, count: usize, least: f64, most: f64): void {
  const low = f64x2.splat(least)
  const high = f64x2.splat(most)
  for (const end = at + (count << 2); at < end; at += 8) {
    const x = f64x2.promote_low_f32x4(v128.load64_zero(at))
    v128.store64_lane(at, f32x4.demote_f64x2_zero(f64x2.min(f64x2.max(x, low), high)), 0)
  }
}
