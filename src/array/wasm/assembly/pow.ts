/** x to the power y, two at a time; the twin of src/array/math/pow.ts, where the mathematics stands. */
import {
  abs, add, all, below, c, clamp, div, line, LN2_HIGH, LN2_LOW, mul, select, SPLIT, sub,
} from './lanes'
import { expWithTail } from './exp'

const P0: f64 = 0.3333333333333333
const P1: f64 = -0.24999999999999997
const P2: f64 = 0.20000000000083057
const P3: f64 = -0.16666666666766636
const P4: f64 = 0.14285713206768358
const P5: f64 = -0.12499998855961421
const P6: f64 = 0.11116482804584756
const P7: f64 = -0.10005234098943008

const HIGH_WORD_START: i32 = 0x3fe60000
const ROUND_TO_19_BITS: f64 = 12884901888
const EXPONENT_LIMIT: f64 = 18446744073709551616.0
const LEAST_NORMAL: f64 = 2.2250738585072014e-308

/** The numbers of src/array/math/logarithm-table.ts. */
const TABLE = memory.data<f64>([
  1.447265625, -0.36967600025650427, -7.483583060028752e-14, 1.4296875, -0.35745588892177693,
  -2.6842260285856373e-14, 1.4140625, -0.3464667673461008, -1.077574303757264e-13, 1.3984375,
  -0.3353555419212171, 7.925157831386559e-14, 1.3828125, -0.32411946865431673, 1.0475750058776541e-13,
  1.369140625, -0.31418326199514013, 5.78226744752067e-14, 1.35546875, -0.30414733546740536,
  1.0863828679707913e-13, 1.33984375, -0.29255300268641804, 4.0599978860151284e-14, 1.326171875,
  -0.28229650251910243, -8.591005116461382e-14, 1.3125, -0.2719337154835557, -8.604306772808733e-14,
  1.298828125, -0.26146241561627903, -6.732357717676106e-14, 1.287109375, -0.2523989094629542,
  -4.525483213977917e-14, 1.2734375, -0.2417199368871934, 4.8230289429940886e-14, 1.26171875,
  -0.23247487874300532, -8.874507297974632e-14, 1.248046875, -0.22157982933799758, -2.943906849595697e-14,
  1.236328125, -0.21214579710476755, 9.915042767736755e-14, 1.224609375, -0.2026219155934541,
  4.119425349421142e-14, 1.212890625, -0.19300645689395424, -1.6743362111260996e-14, 1.201171875,
  -0.1832976427670019, -8.195810871501334e-15, 1.19140625, -0.17513433212775453, -9.461516580665081e-14,
  1.1796875, -0.16524957289539088, 8.372091099235912e-14, 1.169921875, -0.15693697307597176,
  3.0199991588728915e-14, 1.158203125, -0.1468697739583149, 9.72408768682066e-14, 1.1484375,
  -0.13840232285906495, -5.4183331379008994e-14, 1.138671875, -0.1298625613110289, 4.431886289018848e-14,
  1.126953125, -0.11951764146851929, -7.249000326669549e-14, 1.1171875, -0.11081436634026431,
  -2.5799991283069902e-14, 1.107421875, -0.10203467868814187, -1.0241934414218483e-13, 1.099609375,
  -0.09495500310026728, 8.467950419828151e-14, 1.08984375, -0.0860343373417436, -5.955922987625643e-14,
  1.080078125, -0.07703337648285924, 3.222480823739624e-14, 1.0703125, -0.06795066190852594,
  1.8195060030168815e-14, 1.0625, -0.06062462181648698, 5.213620639136504e-14, 1.052734375,
  -0.051390945869570714, 8.134490401032933e-14, 1.044921875, -0.04394212185638935, -1.0941417282366671e-13,
  1.037109375, -0.03643739620247288, 4.183392669768346e-14, 1.02734375, -0.026976587698300136,
  9.806050516843177e-14, 1.01953125, -0.019342962843211353, 8.041853850522586e-14, 1.01171875,
  -0.011650617220084314, 1.0903974971735932e-13, 1, 0, 0, 1, 0, 0, 0.9765625, 0.023716526617363343,
  -4.730054772033249e-14, 0.962890625, 0.03781545099673167, 8.600744742060645e-14, 0.947265625,
  0.05417573410204568, -2.1092591481336484e-14, 0.93359375, 0.06871389254797577, 7.603386951772729e-14,
  0.919921875, 0.08346653102307755, 1.2485591229479935e-14, 0.908203125, 0.09628721945205143,
  1.0004154004618119e-13, 0.89453125, 0.11145544092528326, 3.957125899799804e-14, 0.8828125,
  0.12464244520720058, 7.601671269852866e-14, 0.87109375, 0.1380056730195065, -6.278619479555556e-14,
  0.859375, 0.151549898127314, -1.1307104809870373e-13, 0.84765625, 0.16528009093917717,
  -7.424679100316254e-14, 0.8359375, 0.17920142945763473, 7.626153677429339e-14, 0.826171875,
  0.19095244599316175, 6.806942496762734e-14, 0.814453125, 0.20523840324062803, 7.830497219227196e-14,
  0.8046875, 0.21730127569003344, -5.204008743405884e-14, 0.794921875, 0.22951143959699039,
  -7.75890005756947e-14, 0.78515625, 0.24187253642048745, -7.252318953240293e-16, 0.775390625,
  0.25438834435226454, 5.28323330087437e-14, 0.765625, 0.2670627852489815, 6.371947269815667e-14, 0.7578125,
  0.27731928541629713, -6.279055732660844e-14, 0.748046875, 0.290289635858926, -6.418144637660116e-14,
  0.740234375, 0.30078841995714356, -6.212323048084214e-14, 0.73046875, 0.3140688276250785,
  -1.0263280755261064e-13,
])

/** The numbers at `column` of the rows that the high words of `offsets` give, in bytes. */
@inline function lookUp(offsets: v128, column: usize): v128 {
  const first = load<f64>(TABLE + i32x4.extract_lane(offsets, 1) + 8 * column)
  return f64x2.replace_lane(f64x2.splat(first), 1, load<f64>(TABLE + i32x4.extract_lane(offsets, 3) + 8 * column))
}

/** x^y for finite x > 0 and finite y. */
@inline function powOfMagnitude(x: v128, y: v128): v128 {
  const isSmall = below(x, c(LEAST_NORMAL))
  const scaled = select(isSmall, mul(x, c(18014398509481984)), x)
  const lift = v128.and(isSmall, c(-54))
  const steps = i32x4.sub(scaled, i32x4.splat(HIGH_WORD_START))
  const shift = i32x4.shr_s(steps, 20)
  const k = add(lift, f64x2.convert_low_i32x4_s(i32x4.shuffle(shift, shift, 1, 3, 1, 3)))
  const offsets = i32x4.mul(v128.and(i32x4.shr_s(steps, 14), i32x4.splat(63)), i32x4.splat(24))
  const m = i32x4.sub(scaled, v128.and(steps, i64x2.splat(0xfff0000000000000)))

  const reciprocal = lookUp(offsets, 0)
  const short = sub(add(m, c(ROUND_TO_19_BITS)), c(ROUND_TO_19_BITS))
  const r = sub(mul(short, reciprocal), c(1))
  const rest = mul(sub(m, short), reciprocal)
  const sum = add(r, rest)
  const s2 = mul(sum, sum)
  const last = add(line(P4, P5, sum), mul(s2, line(P6, P7, sum)))
  const p = add(add(line(P0, P1, sum), mul(s2, line(P2, P3, sum))), mul(mul(s2, s2), last))

  const whole = add(add(mul(k, c(LN2_HIGH)), lookUp(offsets, 1)), r)
  const square = mul(c(-0.5), mul(r, r))
  const first = add(whole, square)
  const firstLost = sub(square, sub(first, whole))
  const second = add(first, rest)
  const part = sub(second, first)
  const secondLost = add(sub(first, sub(second, part)), sub(rest, part))
  const small0 = sub(add(mul(k, c(LN2_LOW)), lookUp(offsets, 2)), mul(rest, add(r, mul(c(0.5), rest))))
  const small = add(small0, mul(mul(s2, sum), p))
  const low = add(add(small, firstLost), secondLost)
  const logarithm = add(second, low)
  const tail = sub(low, sub(logarithm, second))

  const exponent = clamp(y, -EXPONENT_LIMIT, EXPONENT_LIMIT)
  const product = mul(exponent, logarithm)
  const a = mul(c(SPLIT), exponent)
  const exponentHigh = sub(a, sub(a, exponent))
  const exponentLow = sub(exponent, exponentHigh)
  const b = mul(c(SPLIT), logarithm)
  const logarithmHigh = sub(b, sub(b, logarithm))
  const logarithmLow = sub(logarithm, logarithmHigh)
  const highs = sub(mul(exponentHigh, logarithmHigh), product)
  const cross = add(add(highs, mul(exponentHigh, logarithmLow)), mul(exponentLow, logarithmHigh))
  const productLost = add(cross, mul(exponentLow, logarithmLow))
  const z = expWithTail(product, add(productLost, mul(exponent, tail)))
  const bounded = select(f64x2.gt(product, c(710)), c(Infinity), z)
  return v128.andnot(bounded, below(product, c(-746)))
}

/** Where x is 0, infinite or NaN, or y is, as C has it; `plain` holds the other lanes. */
function withSpecials(x: v128, y: v128, plain: v128, isOdd: v128): v128 {
  const magnitude = abs(x)
  const isUp = f64x2.gt(y, c(0))
  const oddSign = v128.and(v128.and(x, i64x2.splat(i64.MIN_VALUE)), isOdd)

  const ofZero = v128.or(select(isUp, c(0), c(Infinity)), oddSign)
  const ofInfinity = v128.or(select(isUp, c(Infinity), c(0)), oddSign)
  let z = select(f64x2.eq(magnitude, c(0)), ofZero, plain)
  z = select(f64x2.eq(magnitude, c(Infinity)), ofInfinity, z)

  const grows = i64x2.eq(f64x2.gt(magnitude, c(1)), isUp)
  const toInfinity = select(f64x2.eq(magnitude, c(1)), c(1), select(grows, c(Infinity), c(0)))
  z = select(f64x2.eq(abs(y), c(Infinity)), toInfinity, z)
  z = select(v128.or(f64x2.ne(x, x), f64x2.ne(y, y)), c(NaN), z)
  return select(v128.or(f64x2.eq(y, c(0)), f64x2.eq(x, c(1))), c(1), z)
}

@inline export function pow(x: v128, y: v128): v128 {
  const magnitude = abs(x)
  const isPlain = v128.and(
    v128.and(f64x2.gt(magnitude, c(0)), below(magnitude, c(Infinity))),
    below(abs(y), c(Infinity)),
  )
  const half = mul(c(0.5), y)
  const isInteger = f64x2.eq(f64x2.floor(y), y)
  const isOdd = v128.and(isInteger, f64x2.ne(f64x2.floor(half), half))
  const isNegative = below(x, c(0))
  const power = powOfMagnitude(magnitude, y)
  const flip = v128.and(v128.and(isNegative, isOdd), i64x2.splat(i64.MIN_VALUE))
  const signed = v128.xor(power, flip)
  const real = select(v128.andnot(isNegative, isInteger), c(NaN), signed)
  const plain = select(f64x2.eq(y, c(1)), x, real)
  return all(isPlain) ? plain : withSpecials(x, y, plain, isOdd)
}
