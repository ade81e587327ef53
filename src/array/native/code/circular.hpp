/** Tangent, hyperbolic sine and cosine, inverse circular functions: twins of src/array/math, where the mathematics stands. */
#pragma once
#include "functions.hpp"

namespace {

inline vd rootOf(vd x) {
  vd y;
  for (int i = 0; i < WIDE; i++) y[i] = __builtin_sqrt(x[i]);
  return y;
}

/** As sine and cosine: wrong where |x| ≥ 2^20, which JavaScript replaces. */
struct Tan {
  static inline vd of(vd x) { return Sin::of(x) / Cos::of(x); }
};

struct Sinh {
  static inline vd of(vd x) {
    vd a = abs(x);
    vi isMiddle = a < c(22);
    vd e = Expm1::of(a);
    vd y = c(0.5) * (e + e / (e + c(1)));
    if (!all(isMiddle)) y = select(isMiddle, y, large(a));
    return withSign(y, signOf(x));
  }
  static __attribute__((noinline)) vd large(vd a) {
    vd root = Exp::of(c(0.5) * a);
    return select(a < c(709), c(0.5) * Exp::of(a), (c(0.5) * root) * root);
  }
};

struct Cosh {
  static inline vd of(vd x) {
    vd a = abs(x);
    vi isMiddle = a < c(22);
    vd e = Exp::of(a);
    vd y = c(0.5) * e + c(0.5) / e;
    return all(isMiddle) ? y : select(isMiddle, y, Sinh::large(a));
  }
};

/** arctan(k/8), and what its rounding lost; k above 8 is never asked for. */
alignas(64) constexpr double ANGLES[16] = {
  0, 0.12435499454676144, 0.24497866312686414, 0.35877067027057225, 0.4636476090008061, 0.5585993153435624,
  0.6435011087932844, 0.7188299996216245, 0.7853981633974483,
};
alignas(64) constexpr double ANGLES_LOST[16] = {
  0, -3.1253241424539383e-18, 1.0698755618734451e-17, -2.4623815582638635e-17, 2.2698777452961687e-17,
  -5.4556305485916264e-18, 1.5834785051444286e-17, -2.1478388444456983e-17, 3.061616997868383e-17,
};

/** The entries of a table of 16; only the last four bits of each row count. */
#if VECTOR_BYTES == 64 && defined(__AVX512F__)
inline vd lookUp16(const double *table, vi rows) {
  return (vd)_mm512_permutex2var_pd(_mm512_load_pd(table), (__m512i)rows, _mm512_load_pd(table + 8));
}
#else
inline vd lookUp16(const double *table, vi rows) {
  vd found;
  for (int i = 0; i < WIDE; i++) found[i] = table[rows[i] & 15];
  return found;
}
#endif

struct Arctan {
  static constexpr double HALF_PI = 1.5707963267948966;
  static constexpr double HALF_PI_LOW = 6.123233995736766e-17;

  static inline vd series(vd t) {
    vd z = t * t;
    vd inner = c(1.0 / 9) - z * (c(1.0 / 11) - z * (c(1.0 / 13) - z / c(15)));
    vd odd = c(1.0 / 3) - z * (c(1.0 / 5) - z * (c(1.0 / 7) - z * inner));
    return neg(t) * (z * odd);
  }
  static inline vd of(vd x) {
    vd a = abs(x);
    vi isLarge = a > c(1);
    vd inner = any(isLarge) ? select(isLarge, c(1) / a, a) : a;
    vd k = Pow::floorOf(inner * c(8) + c(0.5));
    vi row = bitsOf(k + c(ROUND_TO_INTEGER));
    vd mid = k * c(0.125);
    // With k = 0 these are inner − 0 and 1, which leave it as it is.
    vd t = (inner - mid) / (c(1) + inner * mid);
    vd angle = lookUp16(ANGLES, row);
    vd low = series(t) + lookUp16(ANGLES_LOST, row);
    vd y = angle + (t + low);
    if (any(isLarge)) y = select(isLarge, ((c(HALF_PI) - angle) - t) - (low - c(HALF_PI_LOW)), y);
    return withSign(y, signOf(x));
  }
};

struct Arcsin {
  static inline vd of(vd x) { return Arctan::of(x / rootOf((c(1) - x) * (c(1) + x))); }
};
struct Arccos {
  static inline vd of(vd x) { return c(2) * Arctan::of(rootOf((c(1) - x) / (c(1) + x))); }
};

struct Arctan2 {
  static inline vd of(vd y, vd x) {
    vd rise = abs(y), run = abs(x);
    vd angle = Arctan::of(rise / run);
    angle = select((rise == c(INF)) & (run == c(INF)), c(Arctan::HALF_PI / 2), angle);
    angle = select(rise == c(0), c(0), angle);
    // Straight up or down there is no left and right.
    vi isLeft = (signOf(x) != whole(0)) & ~((run == c(0)) & (rise != c(0)));
    vd turned = select(isLeft, c(3.141592653589793) - (angle - c(1.2246467991473532e-16)), angle);
    vd z = fromBits(bitsOf(turned) ^ signOf(y));
    return select((x != x) | (y != y), c(NOT_A_NUMBER), z);
  }
};

} // namespace
