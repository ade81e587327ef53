/**
 * Vectors of any width, in the compiler's own vector types, and short names for what the formulas of functions.hpp need. Every
 * operation here is one of IEEE 754 or moves bits, so each width gives the same bits.
 *
 * A way (way.cpp) says how wide its vectors are before it includes this.
 */
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#if defined(__AVX__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

#ifndef VECTOR_BYTES
#error "way.cpp says how wide its vectors are"
#endif

// All of this is internal to a way: two ways must never share a compiled function.
namespace {

constexpr int WIDE = VECTOR_BYTES / 8;   // float64 in a vector
constexpr int NARROW = VECTOR_BYTES / 4; // float32 in a vector

typedef double vd __attribute__((vector_size(VECTOR_BYTES)));
typedef float vf __attribute__((vector_size(VECTOR_BYTES)));
typedef std::int64_t vi __attribute__((vector_size(VECTOR_BYTES)));
typedef std::int32_t vn __attribute__((vector_size(VECTOR_BYTES)));
/** As many float32 as a vector has float64. */
typedef float vh __attribute__((vector_size(VECTOR_BYTES / 2)));

/** The vector of a type of elements, and the integers of its masks. */
template <class T> struct Lanes;
template <> struct Lanes<double> {
  typedef vd V;
  typedef vi Mask;
  static constexpr int count = WIDE;
};
template <> struct Lanes<float> {
  typedef vf V;
  typedef vn Mask;
  static constexpr int count = NARROW;
};

template <class V, class T> inline V load(const T *at) {
  V v;
  std::memcpy(&v, at, sizeof v);
  return v;
}

template <class V, class T> inline void store(T *at, V v) { std::memcpy(at, &v, sizeof v); }

/** One number in every lane, −0 included. */
template <class T> inline typename Lanes<T>::V splat(T x) {
  typename Lanes<T>::V v;
  for (int i = 0; i < Lanes<T>::count; i++) v[i] = x;
  return v;
}
inline vd c(double x) { return splat<double>(x); }

#if VECTOR_BYTES == 64 && defined(__AVX512F__)
// gcc converts by halves and puts them together again. With a mask of all lanes, as gcc 12 warns of what the plain ones leave undefined.
inline vd widen(vh x) { return (vd)_mm512_maskz_cvtps_pd(0xff, (__m256)x); }
inline vh narrow(vd x) { return (vh)_mm512_maskz_cvtpd_ps(0xff, (__m512d)x); }
#else
inline vd widen(vh x) { return __builtin_convertvector(x, vd); }
inline vh narrow(vd x) { return __builtin_convertvector(x, vh); }
#endif

inline vi bitsOf(vd x) { return (vi)x; }
inline vd fromBits(vi x) { return (vd)x; }
inline vi whole(std::int64_t x) {
  vi v = {};
  return v + x;
}

constexpr std::int64_t SIGN = INT64_MIN;

inline vd abs(vd x) { return fromBits(bitsOf(x) & ~whole(SIGN)); }
inline vd neg(vd x) { return fromBits(bitsOf(x) ^ whole(SIGN)); }
inline vi signOf(vd x) { return bitsOf(x) & whole(SIGN); }
inline vd withSign(vd x, vi sign) { return fromBits(bitsOf(x) | sign); }

/** Per lane: where the mask is set `a`, else `b`. */
inline vd select(vi mask, vd a, vd b) { return mask ? a : b; }
inline vd zeroWhere(vi mask, vd a) { return fromBits(bitsOf(a) & ~mask); }

#if VECTOR_BYTES == 64 && defined(__AVX512DQ__)
inline bool any(vi mask) { return _mm512_movepi64_mask((__m512i)mask) != 0; }
inline bool all(vi mask) { return _mm512_movepi64_mask((__m512i)mask) == 0xff; }
#elif VECTOR_BYTES == 32 && defined(__AVX__)
inline bool any(vi mask) { return _mm256_movemask_pd((__m256d)mask) != 0; }
inline bool all(vi mask) { return _mm256_movemask_pd((__m256d)mask) == 0xf; }
#elif VECTOR_BYTES == 16 && defined(__SSE2__)
inline bool any(vi mask) { return _mm_movemask_pd((__m128d)mask) != 0; }
inline bool all(vi mask) { return _mm_movemask_pd((__m128d)mask) == 0x3; }
#else
inline bool any(vi mask) {
  std::int64_t seen = 0;
  for (int i = 0; i < WIDE; i++) seen |= mask[i];
  return seen != 0;
}
inline bool all(vi mask) {
  std::int64_t seen = -1;
  for (int i = 0; i < WIDE; i++) seen &= mask[i];
  return seen != 0;
}
#endif

#if VECTOR_BYTES == 64 && defined(__AVX512DQ__)
/** Whether |x| < bound in all lanes; a NaN is not. */
inline bool allWithin(vd x, double bound) {
  return _mm512_cmp_pd_mask((__m512d)abs(x), (__m512d)c(bound), _CMP_LT_OQ) == 0xff;
}
/** x − n·b, where the product is exact: then it is rounded once, in one instruction as in two. */
inline vd lessExactly(vd x, vd n, double b) { return (vd)_mm512_fnmadd_pd((__m512d)n, (__m512d)c(b), (__m512d)x); }
#else
inline bool allWithin(vd x, double bound) { return all(abs(x) < c(bound)); }
inline vd lessExactly(vd x, vd n, double b) { return x - n * c(b); }
#endif

#if VECTOR_BYTES == 64 && defined(__AVX512F__)
constexpr bool TURNS_SQUARES = true;

/** Lane i is lane which[i] of a and b in a row. */
inline vf pick(vf a, vn which, vf b) { return (vf)_mm512_permutex2var_ps((__m512)a, (__m512i)which, (__m512)b); }
inline vd pick(vd a, vi which, vd b) { return (vd)_mm512_permutex2var_pd((__m512d)a, (__m512i)which, (__m512d)b); }

/** Turns a square: lane j of row i becomes lane i of row j. By halves: two rows exchange the halves of each group of their lanes. */
template <class T> inline void turn(typename Lanes<T>::V *rows) {
  typedef typename Lanes<T>::V V;
  constexpr int L = Lanes<T>::count;
#pragma GCC unroll 4
  for (int half = L / 2; half > 0; half /= 2) {
    typename Lanes<T>::Mask upper, lower;
    for (int i = 0; i < L; i++) {
      upper[i] = i & half ? L + i - half : i;
      lower[i] = i & half ? L + i : i + half;
    }
#pragma GCC unroll 16
    for (int i = 0; i < L; i++) {
      if (i & half) continue;
      const V a = rows[i], b = rows[i + half];
      rows[i] = pick(a, upper, b);
      rows[i + half] = pick(a, lower, b);
    }
  }
}
#else
constexpr bool TURNS_SQUARES = false; // narrower vectors would gain little
#endif

/** a + b·x, two roundings. */
inline vd line(double a, double b, vd x) { return c(a) + x * c(b); }

/** x within [low, high]; NaN stays. */
inline vd clamp(vd x, double low, double high) {
  x = select(x < c(low), c(low), x);
  return select(x > c(high), c(high), x);
}

/** JavaScript's Math.max and Math.min: NaN beats every number, and +0 is above −0. */
template <class T> struct Larger {
  typedef typename Lanes<T>::V V;
  typedef typename Lanes<T>::Mask M;
  static inline V of(V a, V b) {
    V most = a > b ? a : b;
    most = a == b ? (V)((M)a & (M)b) : most;
    return (a != a) | (b != b) ? a + b : most;
  }
  static inline T one(T a, T b) {
    if (a != a || b != b) return a + b;
    if (a == b) return a + b == 0 ? (__builtin_signbit(a) ? b : a) : a;
    return a > b ? a : b;
  }
};
template <class T> struct Smaller {
  typedef typename Lanes<T>::V V;
  typedef typename Lanes<T>::Mask M;
  static inline V of(V a, V b) {
    V least = a < b ? a : b;
    least = a == b ? (V)((M)a | (M)b) : least;
    return (a != a) | (b != b) ? a + b : least;
  }
  static inline T one(T a, T b) {
    if (a != a || b != b) return a + b;
    if (a == b) return a + b == 0 ? (__builtin_signbit(a) ? a : b) : a;
    return a < b ? a : b;
  }
};

} // namespace
