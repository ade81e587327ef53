/**
 * Arithmetic on one vector, as classes: a type parameter is what AssemblyScript resolves at compile time; a function passed as a
 * value it would call.
 */

export class Add64 { @inline of(a: v128, b: v128): v128 { return f64x2.add(a, b) } }
export class Add32 { @inline of(a: v128, b: v128): v128 { return f32x4.add(a, b) } }
export class Sub64 { @inline of(a: v128, b: v128): v128 { return f64x2.sub(a, b) } }
export class Sub32 { @inline of(a: v128, b: v128): v128 { return f32x4.sub(a, b) } }
export class Mul64 { @inline of(a: v128, b: v128): v128 { return f64x2.mul(a, b) } }
export class Mul32 { @inline of(a: v128, b: v128): v128 { return f32x4.mul(a, b) } }
export class Div64 { @inline of(a: v128, b: v128): v128 { return f64x2.div(a, b) } }
export class Div32 { @inline of(a: v128, b: v128): v128 { return f32x4.div(a, b) } }
export class Max64 { @inline of(a: v128, b: v128): v128 { return f64x2.max(a, b) } }
export class Max32 { @inline of(a: v128, b: v128): v128 { return f32x4.max(a, b) } }
export class Min64 { @inline of(a: v128, b: v128): v128 { return f64x2.min(a, b) } }
export class Min32 { @inline of(a: v128, b: v128): v128 { return f32x4.min(a, b) } }
/** 0 where b ≤ 0, else a. */
export class ReluSlope64 { @inline of(a: v128, b: v128): v128 { return v128.andnot(a, f64x2.le(b, f64x2.splat(0))) } }
export class ReluSlope32 { @inline of(a: v128, b: v128): v128 { return v128.andnot(a, f32x4.le(b, f32x4.splat(0))) } }
/** The gradient of x where b = sigmoid(x), or b = tanh(x), and a is the gradient of b. */
export class SigmoidSlope64 { @inline of(a: v128, b: v128): v128 { return f64x2.mul(f64x2.mul(a, b), f64x2.sub(f64x2.splat(1), b)) } }
export class SigmoidSlope32 { @inline of(a: v128, b: v128): v128 { return f32x4.mul(f32x4.mul(a, b), f32x4.sub(f32x4.splat(1), b)) } }
export class TanhSlope64 { @inline of(a: v128, b: v128): v128 { return f64x2.mul(a, f64x2.sub(f64x2.splat(1), f64x2.mul(b, b))) } }
export class TanhSlope32 { @inline of(a: v128, b: v128): v128 { return f32x4.mul(a, f32x4.sub(f32x4.splat(1), f32x4.mul(b, b))) } }
export class Neg64 { @inline of(x: v128): v128 { return f64x2.neg(x) } }
export class Neg32 { @inline of(x: v128): v128 { return f32x4.neg(x) } }
export class Square64 { @inline of(x: v128): v128 { return f64x2.mul(x, x) } }
export class Square32 { @inline of(x: v128): v128 { return f32x4.mul(x, x) } }
export class Abs64 { @inline of(x: v128): v128 { return f64x2.abs(x) } }
export class Abs32 { @inline of(x: v128): v128 { return f32x4.abs(x) } }
export class Relu64 { @inline of(x: v128): v128 { return f64x2.max(x, f64x2.splat(0)) } }
export class Relu32 { @inline of(x: v128): v128 { return f32x4.max(x, f32x4.splat(0)) } }
export class Sqrt64 { @inline of(x: v128): v128 { return f64x2.sqrt(x) } }
export class Sqrt32 { @inline of(x: v128): v128 { return f32x4.sqrt(x) } }
export class Reciprocal64 { @inline of(x: v128): v128 { return f64x2.div(f64x2.splat(1), x) } }
export class Reciprocal32 { @inline of(x: v128): v128 { return f32x4.div(f32x4.splat(1), x) } }
