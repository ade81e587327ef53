/**
 * Elementary functions on a vector of float64: the twins of src/array/math, where the mathematics and the errors stand, and of
 * src/array/wasm/assembly. The sequence of operations is the contract; each is rounded by itself.
 */
#pragma once
#include "lanes.hpp"

namespace {

/** Adding and subtracting 1.5·2^52 rounds a number below 2^51 to the nearest integer, ties to even. */
constexpr double ROUND_TO_INTEGER = 6755399441055744.0;
constexpr std::int64_t ROUND_BITS = 0x4338000000000000;
constexpr double LOG2_E = 1.4426950408889634;
constexpr double LN2_HIGH = 0.6931471805598903;
constexpr double LN2_LOW = 5.497923018708371e-14;
constexpr double SPLIT = 134217729.0;
constexpr double LEAST_NORMAL = 2.2250738585072014e-308;
constexpr double INF = __builtin_inf();
constexpr double NOT_A_NUMBER = __builtin_nan("");

/** 2^n, of n + 1.5·2^52 with n in [−1022, 1023]: the last bits of that are the integer, and go where exponents are. */
inline vd powerOfTwo(vd shifted) { return fromBits((bitsOf(shifted) + whole(1023)) << 52); }

/** y·2^n in two factors, because 2^n alone may lie outside of the format where y·2^n does not. The first product is exact. */
inline vd scale(vd y, vd n) {
  vd half = n * c(0.5) + c(ROUND_TO_INTEGER);
  vd rest = (n - (half - c(ROUND_TO_INTEGER))) + c(ROUND_TO_INTEGER);
  return (y * powerOfTwo(half)) * powerOfTwo(rest);
}

/** Integers of small size as float64, exactly. */
inline vd asDouble(vi k) { return fromBits(k + whole(ROUND_BITS)) - c(ROUND_TO_INTEGER); }

/** (bits of x − `start` in the high word) >> 20 of that word: the exponent, which changes where the high word is `start`. */
inline vi exponentSteps(vd x, std::int64_t start) {
  typedef std::uint64_t vu __attribute__((vector_size(VECTOR_BYTES)));
  vu lifted = (vu)(bitsOf(x) - whole(start << 32) + whole(0x4000000000000000));
  return (vi)(lifted >> 52) - whole(1024);
}

struct Exp {
  static constexpr double C2 = 0.5;
  static constexpr double C3 = 0.16666666666666685;
  static constexpr double C4 = 0.041666666666666526;
  static constexpr double C5 = 0.008333333333315983;
  static constexpr double C6 = 0.001388888888896801;
  static constexpr double C7 = 0.00019841269898562968;
  static constexpr double C8 = 2.480158715528519e-5;
  static constexpr double C9 = 2.7557232976642465e-6;
  static constexpr double C10 = 2.755741760561271e-7;
  static constexpr double C11 = 2.511261961121433e-8;
  static constexpr double C12 = 2.0871118996516387e-9;
  static constexpr double TINY = 5.551115123125783e-17;

  static inline vd q(vd r, vd r2) {
    vd r4 = r2 * r2;
    vd first = line(C2, C3, r) + r2 * line(C4, C5, r);
    vd last = line(C10, C11, r) + r2 * c(C12);
    return first + r4 * ((line(C6, C7, r) + r2 * line(C8, C9, r)) + r4 * last);
  }
  static inline vd shiftedOf(vd x) { return x * c(LOG2_E) + c(ROUND_TO_INTEGER); }
  /** e^r for r = high − low. */
  static inline vd finish(vd high, vd low) {
    vd r = high - low;
    vd r2 = r * r;
    vd sum = c(1) + high;
    vd lost = high - (sum - c(1));
    return sum + (lost + (r2 * q(r, r2) - low));
  }
  /** e^(x + tail) for x in [−761, 710]. */
  static inline vd withTail(vd x, vd tail) {
    vd shifted = shiftedOf(x);
    vd n = shifted - c(ROUND_TO_INTEGER);
    vd y = finish(x - n * c(LN2_HIGH), n * c(LN2_LOW) - tail);
    return all(abs(n) < c(1021)) ? y * powerOfTwo(shifted) : scale(y, n);
  }
  /** e^x for |x| < 707, where one factor of 2^n will do. It is normal and so is the result, so n is added to its exponent. */
  static inline vd inTheMiddle(vd x) {
    vd shifted = shiftedOf(x);
    vd n = shifted - c(ROUND_TO_INTEGER);
    vd y = finish(lessExactly(x, n, LN2_HIGH), n * c(LN2_LOW));
    return fromBits(bitsOf(y) + (bitsOf(shifted) << 52));
  }
  /** At the bounds the result is 0 and ∞ anyway, so x is only brought between them. */
  static __attribute__((noinline)) vd atTheEnds(vd given) {
    vd x = clamp(given, -746, 710);
    vd n = shiftedOf(x) - c(ROUND_TO_INTEGER);
    return scale(finish(x - n * c(LN2_HIGH), n * c(LN2_LOW)), n);
  }
  static inline vd of(vd x) { return allWithin(x, 707) ? inTheMiddle(x) : atTheEnds(x); }
};

struct Exp2 {
  static constexpr double LN2 = 0.6931471805599453;
  static constexpr double LN2_REST = 2.3190468138462996e-17;

  static inline vd ofRest(vd f) { return Exp::finish(f * c(LN2), f * c(-LN2_REST)); }
  /** At the bounds the result is 0 and ∞ anyway, so x is only brought between them. */
  static __attribute__((noinline)) vd atTheEnds(vd given) {
    vd x = clamp(given, -1076, 1025);
    vd n = (x + c(ROUND_TO_INTEGER)) - c(ROUND_TO_INTEGER);
    return scale(ofRest(x - n), n);
  }
  static inline vd of(vd x) {
    if (!allWithin(x, 1020)) return atTheEnds(x);
    vd shifted = x + c(ROUND_TO_INTEGER);
    vd y = ofRest(x - (shifted - c(ROUND_TO_INTEGER)));
    return fromBits(bitsOf(y) + (bitsOf(shifted) << 52));
  }
};

struct Expm1 {
  static inline vd of(vd given) {
    vd x = clamp(given, -40, 710);
    vd n = Exp::shiftedOf(x) - c(ROUND_TO_INTEGER);
    vd high = x - n * c(LN2_HIGH);
    vd low = n * c(LN2_LOW);
    vd r = high - low;
    vd r2 = r * r;
    vd factor = powerOfTwo((n - c(1)) + c(ROUND_TO_INTEGER));
    vd b = factor - c(0.5);
    vd a = factor * high;
    vd sum = b + a;
    vd lost = a - (sum - b);
    vd y = c(2) * (sum + (lost + factor * (r2 * Exp::q(r, r2) - low)));
    vd inside = select(abs(x) < c(Exp::TINY), x, y);
    vd bounded = select(given <= c(-40), c(-1), inside);
    return select(given >= c(710), c(INF), bounded);
  }
};

struct Log {
  static constexpr double R0 = 0.6666666666666737;
  static constexpr double R1 = 0.3999999999939863;
  static constexpr double R2 = 0.2857142874555123;
  static constexpr double R3 = 0.22222198273540256;
  static constexpr double R4 = 0.1818357906718003;
  static constexpr double R5 = 0.15313687509906293;
  static constexpr double R6 = 0.14799487476820689;
  static constexpr double TINY = 5.551115123125783e-17;
  static constexpr std::int64_t HIGH_WORD_SQRT_HALF = 0x3fe6a09e;

  static inline vd series(vd z) {
    vd z2 = z * z;
    vd first = line(R0, R1, z) + z2 * line(R2, R3, z);
    return z * (first + (z2 * z2) * (line(R4, R5, z) + z2 * c(R6)));
  }
  static inline vd of(vd x) {
    vi isSmall = x < c(LEAST_NORMAL);
    vd scaled = x;
    vd lift = c(0);
    if (any(isSmall)) {
      scaled = select(isSmall, x * c(18014398509481984.0), x);
      lift = select(isSmall, c(-54), c(0));
    }
    vi steps = exponentSteps(scaled, HIGH_WORD_SQRT_HALF);
    vd k = lift + asDouble(steps);
    vd f = fromBits(bitsOf(scaled) - (steps << 52)) - c(1);
    vd s = f / (c(2) + f);
    vd r = series(s * s);
    vd halfSquare = (c(0.5) * f) * f;
    vd part = s * (halfSquare + r) + k * c(LN2_LOW);
    vd y = k * c(LN2_HIGH) - ((halfSquare - part) - f);
    vi isPlain = (x > c(0)) & (x < c(INF));
    if (all(isPlain)) return y;
    vd special = select(x == c(0), c(-INF), select(x > c(0), x, c(NOT_A_NUMBER)));
    return select(isPlain, y, special);
  }
};

struct Log1p {
  /** x·2^−k, exactly, where that lies between √½ and √2. */
  static inline vd scaledDown(vd x, vd k) { return scale(x, neg(k)); }
  /** ln(1 + x) for finite x above −1. */
  static inline vd within(vd x) {
    vd u = c(1) + x;
    vd v = u - c(1);
    vd lostSum = (c(1) - (u - v)) + (x - v);
    vd k = asDouble(exponentSteps(u, Log::HIGH_WORD_SQRT_HALF));
    vd whole = scaledDown(u, k) - c(1);
    vd rest = scaledDown(lostSum, k);
    vd f = whole + rest;
    vd lost = rest - (f - whole);
    vd s = f / (c(2) + f);
    vd r = Log::series(s * s);
    vd halfSquare = (c(0.5) * f) * f;
    vd part = s * (halfSquare + r) + (k * c(LN2_LOW) + lost);
    vd y = k * c(LN2_HIGH) - ((halfSquare - part) - f);
    return select(abs(x) < c(Log::TINY), x, y);
  }
  static inline vd of(vd x) {
    vd y = within(x);
    vi isPlain = (x > c(-1)) & (x < c(INF));
    if (all(isPlain)) return y;
    vd special = select(x == c(-1), c(-INF), select(x > c(-1), x, c(NOT_A_NUMBER)));
    return select(isPlain, y, special);
  }
};

struct Sigmoid {
  static inline vd of(vd x) {
    vi isNegative = x < c(0);
    vd e = Exp::of(neg(abs(x)));
    vd denominator = c(1) + e;
    vd y = select(isNegative, e, c(1)) / denominator;
    vd better = y - y * ((c(1) - y) * (e - (denominator - c(1))));
    return select(isNegative, better, y);
  }
};

struct Softplus {
  static inline vd of(vd x) { return zeroWhere(x < c(0), x) + Log1p::within(Exp::of(neg(abs(x)))); }
};

struct Tanh {
  static constexpr double P0 = -0.33333333333333276;
  static constexpr double P1 = 0.13333333333322941;
  static constexpr double P2 = -0.053968253961650434;
  static constexpr double P3 = 0.021869488325792552;
  static constexpr double P4 = -0.008863231619573116;
  static constexpr double P5 = 0.003592082118269243;
  static constexpr double P6 = -0.0014554790041281847;
  static constexpr double P7 = 0.0005881816581234656;
  static constexpr double P8 = -0.0002327123595132919;
  static constexpr double P9 = 8.235671500087626e-5;
  static constexpr double P10 = -1.890199039270639e-5;

  static inline vd nearZero(vd x) {
    vd z = x * x;
    vd z2 = z * z;
    vd z4 = z2 * z2;
    vd last = line(P8, P9, z) + z2 * c(P10);
    vd inner = (line(P4, P5, z) + z2 * line(P6, P7, z)) + z4 * last;
    vd p = (line(P0, P1, z) + z2 * line(P2, P3, z)) + z4 * inner;
    return select(x == c(0), x, x + x * (z * p));
  }
  static inline vd elsewhere(vd x, vd a) {
    vd twice = a + a;
    vd e = Exp::inTheMiddle(select(twice > c(44), c(44), twice));
    return withSign(c(1) - c(2) / (e + c(1)), signOf(x));
  }
  static inline vd of(vd x) {
    vd a = abs(x);
    vi isSmall = a < c(0.5625);
    if (all(isSmall)) return nearZero(x);
    vd y = elsewhere(x, a);
    return any(isSmall) ? select(isSmall, nearZero(x), y) : y;
  }
};

struct Erf {
  static constexpr double P0 = 0.1283791670955126;
  static constexpr double P1 = -0.37612638903183887;
  static constexpr double P2 = 0.11283791670959352;
  static constexpr double P3 = -0.026866170645726887;
  static constexpr double P4 = 0.005223977629894127;
  static constexpr double P5 = -0.0008548327209489227;
  static constexpr double P6 = 0.00012055336995525718;
  static constexpr double P7 = -1.4925665723568035e-5;
  static constexpr double P8 = 1.64606749166284e-6;
  static constexpr double P9 = -1.6326534674930923e-7;
  static constexpr double P10 = 1.4317664506416106e-8;
  static constexpr double P11 = -9.10907592270635e-10;
  static constexpr double N0 = 0.29404113201622745;
  static constexpr double N0_LOW = 1.4164014355349003e-17;
  static constexpr double N1 = 0.0863485814234486;
  static constexpr double N2 = -0.048234891826066946;
  static constexpr double N3 = 0.022071525537819808;
  static constexpr double N4 = -0.008836077958265973;
  static constexpr double N5 = 0.0031984109204134677;
  static constexpr double N6 = -0.0010675632026436932;
  static constexpr double N7 = 0.00033290038621330056;
  static constexpr double N8 = -9.789256125470365e-5;
  static constexpr double N9 = 2.733654992127147e-5;
  static constexpr double N10 = -7.289016840963203e-6;
  static constexpr double N11 = 1.8639417259949528e-6;
  static constexpr double N12 = -4.5881510375849815e-7;
  static constexpr double N13 = 1.0901103681056146e-7;
  static constexpr double N14 = -2.49735056851122e-8;
  static constexpr double N15 = 5.585524613028724e-9;
  static constexpr double N16 = -1.3248983327184969e-9;
  static constexpr double N17 = 2.7128470970868737e-10;
  static constexpr double F0 = 0.39125437708378374;
  static constexpr double F0_LOW = -8.93681136991545e-18;
  static constexpr double F1 = 0.020781592169979466;
  static constexpr double F2 = -0.020653013645631907;
  static constexpr double F3 = 0.010184520006788041;
  static constexpr double F4 = -0.0030968933693248;
  static constexpr double F5 = 0.0004399354787292563;
  static constexpr double F6 = 6.862536363383026e-5;
  static constexpr double F7 = -3.982094295072889e-5;
  static constexpr double F8 = 2.2644342995767946e-7;
  static constexpr double F9 = 3.1821721442550547e-6;
  static constexpr double F10 = -1.9859915002233587e-7;
  static constexpr double F11 = -2.996816844767565e-7;
  static constexpr double F12 = 1.8598463920257438e-8;
  static constexpr double F13 = 3.337276260291015e-8;
  static constexpr double F14 = -1.2674547004955519e-10;
  static constexpr double F15 = -3.974558762259792e-9;
  static constexpr double F16 = -4.176570549209954e-10;
  static constexpr double F17 = 3.805986102024609e-10;
  static constexpr double F18 = 9.40512043125919e-11;
  static constexpr double F19 = -3.296085354909786e-12;
  static constexpr double ROUND_TO_20_BITS = 6442450944.0;
  static constexpr double SQRT_HALF = 0.7071067811865476;

  static inline vd series(vd z) {
    vd z2 = z * z;
    vd z4 = z2 * z2;
    vd last = line(P8, P9, z) + z2 * line(P10, P11, z);
    vd inner = (line(P4, P5, z) + z2 * line(P6, P7, z)) + z4 * last;
    return (line(P0, P1, z) + z2 * line(P2, P3, z)) + z4 * inner;
  }
  static inline vd shortOf(vd a) { return (a + c(ROUND_TO_20_BITS)) - c(ROUND_TO_20_BITS); }
  /** Below 2: what q is without N0. */
  static inline vd restNear(vd m) {
    vd d = m - c(1.3125);
    vd d2 = d * d;
    vd d4 = d2 * d2;
    vd d8 = d4 * d4;
    vd a0 = line(N1, N2, d) + d2 * line(N3, N4, d);
    vd a = a0 + d4 * (line(N5, N6, d) + d2 * line(N7, N8, d));
    vd b0 = line(N9, N10, d) + d2 * line(N11, N12, d);
    vd b = b0 + d4 * (line(N13, N14, d) + d2 * line(N15, N16, d));
    return c(N0_LOW) + d * (a + d8 * (b + d8 * c(N17)));
  }
  /** From 2 on: what q is without F0. */
  static inline vd restFar(vd m) {
    vd t = (m - c(7)) / (m + c(3));
    vd t2 = t * t;
    vd t4 = t2 * t2;
    vd t8 = t4 * t4;
    vd a0 = line(F1, F2, t) + t2 * line(F3, F4, t);
    vd a = a0 + t4 * (line(F5, F6, t) + t2 * line(F7, F8, t));
    vd b0 = line(F9, F10, t) + t2 * line(F11, F12, t);
    vd b = b0 + t4 * (line(F13, F14, t) + t2 * line(F15, F16, t));
    vd last = line(F17, F18, t) + t2 * c(F19);
    return c(F0_LOW) + t * (a + t8 * (b + t8 * last));
  }
  static inline vd expTimesQ(vd m, vd x, vd tail) {
    vi isNear = m < c(2);
    vd rest;
    if (all(isNear)) rest = restNear(m);
    else if (any(isNear)) rest = select(isNear, restNear(m), restFar(m));
    else rest = restFar(m);
    vd first = select(isNear, c(N0), c(F0));
    vd q = first + rest;
    vd lost = select(isNear, c(3.5), c(2.75)) * (rest - (q - first));
    return Exp::withTail(x, tail + lost) * q;
  }
  static inline vd elsewhere(vd x, vd a) {
    vd brief = shortOf(a);
    vd m = c(2) * (a * c(SQRT_HALF));
    vd tail = neg((a - brief) * (a + brief));
    vd y = c(1) - (c(2) * expTimesQ(m, neg(brief * brief), tail)) / m;
    return withSign(select(a >= c(6), c(1), y), signOf(x));
  }
  static inline vd of(vd x) {
    vd a = abs(x);
    vi isSmall = a < c(0.875);
    if (!any(isSmall)) return elsewhere(x, a);
    vd y = x + x * series(x * x);
    return all(isSmall) ? y : select(isSmall, y, elsewhere(x, a));
  }
};

struct Gelu {
  static inline vd nearZero(vd x, vd a) {
    vd s = x * c(Erf::SQRT_HALF);
    return (c(0.5) * x) * (c(1) + (s + s * Erf::series(a * a)));
  }
  static inline vd elsewhere(vd x, vd magnitude) {
    vi isNegative = x < c(0);
    vd brief = Erf::shortOf(magnitude);
    vd square = c(-0.5) * (brief * brief);
    vd tail = c(-0.5) * ((magnitude - brief) * (magnitude + brief));
    vd beyond = Erf::expTimesQ(magnitude, square, tail);
    vd y = select(isNegative, neg(beyond), x - beyond);
    return select(magnitude > c(39), select(isNegative, c(-0.0), x), y);
  }
  static inline vd of(vd x) {
    vd magnitude = abs(x);
    vd a = magnitude * c(Erf::SQRT_HALF);
    vi isSmall = a < c(0.46875);
    if (!any(isSmall)) return elsewhere(x, magnitude);
    vd y = nearZero(x, a);
    return all(isSmall) ? y : select(isSmall, y, elsewhere(x, magnitude));
  }
};

/** Sine and cosine of arguments below 2^20; larger ones get a wrong result here, which JavaScript replaces. */
struct Sine {
  static constexpr double S0 = -0.1666666666666663;
  static constexpr double S1 = 0.00833333333332196;
  static constexpr double S2 = -0.00019841269829504857;
  static constexpr double S3 = 2.7557313600041373e-6;
  static constexpr double S4 = -2.505074516521879e-8;
  static constexpr double S5 = 1.58961061025402e-10;
  static constexpr double C0 = 0.041666666666666595;
  static constexpr double C1 = -0.0013888888888873448;
  static constexpr double C2 = 2.480158728910544e-5;
  static constexpr double C3 = -2.7557314253061303e-7;
  static constexpr double C4 = 2.0875710774527712e-9;
  static constexpr double C5 = -1.1359041437578583e-11;
  static constexpr double TWO_OVER_PI = 0.6366197723675814;
  static constexpr double HALF_PI_1 = 1.5707963267341256;
  static constexpr double HALF_PI_2 = 6.077100509014471e-11;
  static constexpr double HALF_PI_3 = -2.5082788063426444e-20;
  static constexpr double HALF_PI_4 = 8.4784276603689e-32;
  static constexpr double TINY = 7.450580596923828e-9;

  static inline vd ofQuarters(vd x, std::int64_t quarters) {
    vd shifted = x * c(TWO_OVER_PI) + c(ROUND_TO_INTEGER);
    vd n = shifted - c(ROUND_TO_INTEGER);
    vd first = x - n * c(HALF_PI_1);
    vd b = n * c(HALF_PI_2);
    vd second = first - b;
    vd u = second - first;
    vd secondLost = (first - (second - u)) - (b + u);
    vd d = n * c(HALF_PI_3);
    vd third = second - d;
    vd v = third - second;
    vd thirdLost = (second - (third - v)) - (d + v);
    vd low = secondLost + (thirdLost - n * c(HALF_PI_4));
    vd y = third + low;
    vd tail = low - (y - third);

    // The last two bits of a shifted integer are its remainder modulo 4.
    vi quadrant = bitsOf(shifted) + whole(quarters);
    vi isCosine = (quadrant & whole(1)) != whole(0);
    vi sign = (quadrant & whole(2)) << 62;
    vd z = y * y;
    vd z2 = z * z;
    vd s = line(S0, S1, z) + z2 * (line(S2, S3, z) + z2 * line(S4, S5, z));
    vd sine = y + ((y * z) * s + tail * (c(1) - c(0.5) * z));
    vd p = line(C0, C1, z) + z2 * (line(C2, C3, z) + z2 * line(C4, C5, z));
    vd half = c(0.5) * z;
    vd w = c(1) - half;
    vd cosine = w + (((c(1) - w) - half) + (z2 * p - y * tail));
    return fromBits(bitsOf(select(isCosine, cosine, sine)) ^ sign);
  }
};
struct Sin {
  static inline vd of(vd x) { return select(abs(x) < c(Sine::TINY), x, Sine::ofQuarters(x, 0)); }
};
struct Cos {
  static inline vd of(vd x) { return Sine::ofQuarters(x, 1); }
};

/** The numbers of src/array/math/logarithm-table.ts: rows of a reciprocal and of minus its logarithm in two parts. */
alignas(64) constexpr double LOGARITHM_TABLE[64 * 3] = {
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
};

struct Pow {
  static constexpr double P0 = 0.3333333333333333;
  static constexpr double P1 = -0.24999999999999997;
  static constexpr double P2 = 0.20000000000083057;
  static constexpr double P3 = -0.16666666666766636;
  static constexpr double P4 = 0.14285713206768358;
  static constexpr double P5 = -0.12499998855961421;
  static constexpr double P6 = 0.11116482804584756;
  static constexpr double P7 = -0.10005234098943008;
  static constexpr double ROUND_TO_19_BITS = 12884901888.0;
  static constexpr double EXPONENT_LIMIT = 18446744073709551616.0;
  static constexpr std::int64_t HIGH_WORD_START = 0x3fe60000;

  static inline vd lookUp(vi rows, int column) {
    vd found;
    for (int i = 0; i < WIDE; i++) found[i] = LOGARITHM_TABLE[rows[i] * 3 + column];
    return found;
  }
  /** x^y for finite x > 0 and finite y. */
  static inline vd ofMagnitude(vd x, vd y) {
    vi isSmall = x < c(LEAST_NORMAL);
    vd scaled = select(isSmall, x * c(18014398509481984.0), x);
    vd lift = select(isSmall, c(-54), c(0));
    vi shift = exponentSteps(scaled, HIGH_WORD_START);
    vd k = lift + asDouble(shift);
    typedef std::uint64_t vu __attribute__((vector_size(VECTOR_BYTES)));
    vi rows = (vi)((vu)(bitsOf(scaled) - whole(HIGH_WORD_START << 32)) >> 46) & whole(63);
    vd m = fromBits(bitsOf(scaled) - (shift << 52));

    vd reciprocal = lookUp(rows, 0);
    vd brief = (m + c(ROUND_TO_19_BITS)) - c(ROUND_TO_19_BITS);
    vd r = brief * reciprocal - c(1);
    vd rest = (m - brief) * reciprocal;
    vd sum = r + rest;
    vd s2 = sum * sum;
    vd last = line(P4, P5, sum) + s2 * line(P6, P7, sum);
    vd p = (line(P0, P1, sum) + s2 * line(P2, P3, sum)) + (s2 * s2) * last;

    vd whole_ = (k * c(LN2_HIGH) + lookUp(rows, 1)) + r;
    vd square = c(-0.5) * (r * r);
    vd first = whole_ + square;
    vd firstLost = square - (first - whole_);
    vd second = first + rest;
    vd part = second - first;
    vd secondLost = (first - (second - part)) + (rest - part);
    vd small0 = (k * c(LN2_LOW) + lookUp(rows, 2)) - rest * (r + c(0.5) * rest);
    vd small = small0 + (s2 * sum) * p;
    vd low = (small + firstLost) + secondLost;
    vd logarithm = second + low;
    vd tail = low - (logarithm - second);

    vd exponent = clamp(y, -EXPONENT_LIMIT, EXPONENT_LIMIT);
    vd product = exponent * logarithm;
    vd a = c(SPLIT) * exponent;
    vd exponentHigh = a - (a - exponent);
    vd exponentLow = exponent - exponentHigh;
    vd b = c(SPLIT) * logarithm;
    vd logarithmHigh = b - (b - logarithm);
    vd logarithmLow = logarithm - logarithmHigh;
    vd highs = exponentHigh * logarithmHigh - product;
    vd cross = (highs + exponentHigh * logarithmLow) + exponentLow * logarithmHigh;
    vd productLost = cross + exponentLow * logarithmLow;
    vd z = Exp::withTail(product, productLost + exponent * tail);
    vd bounded = select(product > c(710), c(INF), z);
    return zeroWhere(product < c(-746), bounded);
  }
  /** Where x is 0, infinite or NaN, or y is, as C has it; `plain` holds the other lanes. */
  static __attribute__((noinline)) vd withSpecials(vd x, vd y, vd plain, vi isOdd) {
    vd magnitude = abs(x);
    vi isUp = y > c(0);
    vi oddSign = signOf(x) & isOdd;
    vd ofZero = withSign(select(isUp, c(0), c(INF)), oddSign);
    vd ofInfinity = withSign(select(isUp, c(INF), c(0)), oddSign);
    vd z = select(magnitude == c(0), ofZero, plain);
    z = select(magnitude == c(INF), ofInfinity, z);
    vi grows = (magnitude > c(1)) == isUp;
    vd toInfinity = select(magnitude == c(1), c(1), select(grows, c(INF), c(0)));
    z = select(abs(y) == c(INF), toInfinity, z);
    z = select((x != x) | (y != y), c(NOT_A_NUMBER), z);
    return select((y == c(0)) | (x == c(1)), c(1), z);
  }
  static inline vd floorOf(vd x) {
    // Above 2^52 every number is an integer.
    vd rounded = (abs(x) + c(4503599627370496.0)) - c(4503599627370496.0);
    vd near = withSign(rounded, signOf(x));
    vd down = near - select(near > x, c(1), c(0));
    return select(abs(x) < c(4503599627370496.0), down, x);
  }
  static inline vd of(vd x, vd y) {
    vd magnitude = abs(x);
    vi isPlain = (magnitude > c(0)) & (magnitude < c(INF)) & (abs(y) < c(INF));
    vd half = c(0.5) * y;
    vi isInteger = floorOf(y) == y;
    vi isOdd = isInteger & (floorOf(half) != half);
    vi isNegative = x < c(0);
    vd power = ofMagnitude(magnitude, y);
    vi flip = isNegative & isOdd & whole(SIGN);
    vd signed_ = fromBits(bitsOf(power) ^ flip);
    vd real = select(isNegative & ~isInteger, c(NOT_A_NUMBER), signed_);
    vd plain = select(y == c(1), x, real);
    return all(isPlain) ? plain : withSpecials(x, y, plain, isOdd);
  }
};

} // namespace
