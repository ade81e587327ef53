/**
 * The numbers that a recorder keeps of an array: sums of elements and of their squares, extremes, zeros, and how far it is from
 * another. Twins of the loops in src/events/content.ts and src/array/wasm/summaries.ts, which say in which order is added.
 *
 * Each 1024 elements are a chunk with accumulators of its own, and a chunk waits for one addition after the other. So eight chunks
 * go side by side, one in each lane of a vector: what is loaded of eight chunks is turned in registers, from eight elements of one
 * chunk to one element of eight chunks. Each chunk adds its own elements in its own order, so the bits are those of one alone.
 */
#pragma once
#include "lanes.hpp"

namespace {

constexpr std::size_t CHUNK = 1024;
constexpr int SIDE = 8;

/** As many elements as a vector has float64. */
inline vd wide(const double *at) { return load<vd>(at); }
inline vd wide(const float *at) { return widen(load<vh>(at)); }

/** One float64 of each of eight chunks. */
constexpr int PARTS = SIDE / WIDE;
struct Side {
  vd part[PARTS];
};

/** Sums of eight chunks. */
struct SideSums {
  Side sums, squares;
  template <bool isNarrow> inline void add(int i, vd x) {
    sums.part[i] += x;
#if VECTOR_BYTES == 64 && defined(__AVX512F__)
    // The square of a float32 is exact in float64, so one rounding is the rounding of the sum, as it is with two instructions.
    if (isNarrow) {
      squares.part[i] = (vd)_mm512_fmadd_pd((__m512d)x, (__m512d)x, (__m512d)squares.part[i]);
      return;
    }
#endif
    squares.part[i] += x * x;
  }
};

#if VECTOR_BYTES >= 32 && defined(__AVX__)
/** Four elements of two chunks. */
inline __m256 ofTwo(const float *low, const float *high) {
  return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(low)), _mm_loadu_ps(high), 1);
}
/** One element of all eight chunks, of float32. */
inline void addTurned(SideSums &z, __m256d pairs) {
  const __m256 x = _mm256_castpd_ps(pairs);
#if VECTOR_BYTES == 64
  z.add<true>(0, widen((vh)x));
#else
  z.add<true>(0, (vd)_mm256_cvtps_pd(_mm256_castps256_ps128(x)));
  z.add<true>(1, (vd)_mm256_cvtps_pd(_mm256_extractf128_ps(x, 1)));
#endif
}
/** Adds elements j to j + 3 of chunks that begin at p[0] to p[7]. */
constexpr std::size_t STRIDE_NARROW = 4, STRIDE_WIDE = 2;
inline void addSide(SideSums &z, const float *const *p, std::size_t j) {
  const __m256 a = ofTwo(p[0] + j, p[4] + j), b = ofTwo(p[1] + j, p[5] + j);
  const __m256 d = ofTwo(p[2] + j, p[6] + j), e = ofTwo(p[3] + j, p[7] + j);
  const __m256d ab = _mm256_castps_pd(_mm256_unpacklo_ps(a, b)), de = _mm256_castps_pd(_mm256_unpacklo_ps(d, e));
  addTurned(z, _mm256_unpacklo_pd(ab, de));
  addTurned(z, _mm256_unpackhi_pd(ab, de));
  const __m256d abHigh = _mm256_castps_pd(_mm256_unpackhi_ps(a, b)), deHigh = _mm256_castps_pd(_mm256_unpackhi_ps(d, e));
  addTurned(z, _mm256_unpacklo_pd(abHigh, deHigh));
  addTurned(z, _mm256_unpackhi_pd(abHigh, deHigh));
}
#if VECTOR_BYTES == 64
/** Two elements of four chunks, every second one. */
inline __m512d ofFour(const double *const *p, std::size_t j) {
  __m512d x = _mm512_castpd128_pd512(_mm_loadu_pd(p[0] + j));
  x = _mm512_insertf64x2(x, _mm_loadu_pd(p[2] + j), 1);
  x = _mm512_insertf64x2(x, _mm_loadu_pd(p[4] + j), 2);
  return _mm512_insertf64x2(x, _mm_loadu_pd(p[6] + j), 3);
}
inline void addSide(SideSums &z, const double *const *p, std::size_t j) {
  const __m512d even = ofFour(p, j), odd = ofFour(p + 1, j);
  // With a mask of all lanes: gcc 12 warns of what the plain ones leave undefined. The instruction is the same.
  z.add<false>(0, (vd)_mm512_maskz_unpacklo_pd(0xff, even, odd));
  z.add<false>(0, (vd)_mm512_maskz_unpackhi_pd(0xff, even, odd));
}
#else
inline __m256d ofTwo(const double *low, const double *high) {
  return _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(low)), _mm_loadu_pd(high), 1);
}
inline void addSide(SideSums &z, const double *const *p, std::size_t j) {
  for (int i = 0; i < 2; i++, p += 4) {
    const __m256d even = ofTwo(p[0] + j, p[2] + j), odd = ofTwo(p[1] + j, p[3] + j);
    z.add<false>(i, (vd)_mm256_unpacklo_pd(even, odd));
    z.add<false>(i, (vd)_mm256_unpackhi_pd(even, odd));
  }
}
#endif
#else
constexpr std::size_t STRIDE_NARROW = 2, STRIDE_WIDE = 2;
template <class T> inline void addSide(SideSums &z, const T *const *p, std::size_t j) {
  for (int i = 0; i < PARTS; i++, p += 2) {
    const vd a = wide(p[0] + j), b = wide(p[1] + j);
    z.add<false>(i, vd{a[0], b[0]});
    z.add<false>(i, vd{a[1], b[1]});
  }
}
#endif

/** What `summarize` adds up. Where the squares are not finite, the rest is not to be relied on. */
struct Sums {
  double sum = 0, squares = 0;
};

/** Adds `count` whole chunks, at most eight, to `z`, in order. */
template <class T> void addChunks(Sums &z, const T *x, int count) {
  constexpr std::size_t STRIDE = sizeof(T) == 4 ? STRIDE_NARROW : STRIDE_WIDE;
  const T *p[SIDE];
  // Lanes that are not needed go with the first chunk.
  for (int k = 0; k < SIDE; k++) p[k] = k < count ? x + k * CHUNK : x;
  SideSums side = {};
  for (std::size_t j = 0; j < CHUNK; j += STRIDE) addSide(side, p, j);
  for (int k = 0; k < count; k++) {
    z.sum += side.sums.part[k / WIDE][k % WIDE];
    z.squares += side.squares.part[k / WIDE][k % WIDE];
  }
}

/** Less than a chunk. */
template <class T> void addRest(Sums &z, const T *x, std::size_t n) {
  double s = 0, q = 0;
  for (std::size_t j = 0; j < n; j++) {
    const double v = x[j];
    s += v;
    q += v * v;
  }
  z.sum += s;
  z.squares += q;
}

template <class T> struct Extremes {
  typedef typename Lanes<T>::V V;
  typedef typename Lanes<T>::Mask M;
  static constexpr int L = Lanes<T>::count;
  /** So many vectors side by side: a comparison need not wait for the one before it. */
  static constexpr int SIDES = 4;
  V low[SIDES], high[SIDES];
  T least = (T)INF, most = (T)-INF;
  std::size_t zeros = 0;

  inline Extremes() {
    for (int k = 0; k < SIDES; k++) {
      low[k] = splat<T>((T)INF);
      high[k] = splat<T>((T)-INF);
    }
  }

  /** `n` must be below 2^31: a lane counts no further. */
  inline void add(const T *x, std::size_t n) {
    M seen[SIDES] = {};
    std::size_t at = 0;
    for (; at + SIDES * L <= n; at += SIDES * L) {
#pragma GCC unroll 4
      for (int k = 0; k < SIDES; k++) take(load<V>(x + at + k * L), k, seen[k]);
    }
    for (; at + L <= n; at += L) take(load<V>(x + at), 0, seen[0]);
    for (int k = 1; k < SIDES; k++) seen[0] += seen[k];
    for (int j = 0; j < L; j++) zeros += (std::size_t)seen[0][j];
    for (; at < n; at++) {
      least = x[at] < least ? x[at] : least;
      most = x[at] > most ? x[at] : most;
      zeros += x[at] == 0;
    }
  }
  inline void finish() {
    for (int k = 0; k < SIDES; k++) {
      for (int j = 0; j < L; j++) {
        least = low[k][j] < least ? low[k][j] : least;
        most = high[k][j] > most ? high[k][j] : most;
      }
    }
  }

private:
  inline void take(V v, int k, M &seen) {
    low[k] = v < low[k] ? v : low[k];
    high[k] = v > high[k] ? v : high[k];
    seen -= (M)(v == splat<T>(0));
  }
};

/** Four sums of a chunk. */
typedef double Strands __attribute__((vector_size(32)));
inline double ofStrands(Strands s) { return (s[0] + s[1]) + (s[2] + s[3]); }

/** (x − y)² of four elements. */
template <class T> inline Strands squares(const T *x, const T *y) {
  typedef T Four __attribute__((vector_size(4 * sizeof(T))));
  const Strands d = __builtin_convertvector(load<Four>(x), Strands) - __builtin_convertvector(load<Four>(y), Strands);
  return d * d;
}

#if VECTOR_BYTES == 64 && defined(__AVX512F__)
/** Two chunks. */
struct TwoStrands {
  __m512d sums = _mm512_setzero_pd();

  template <class T> inline void add(const T *x, const T *y) {
    const __m512d a = eight(x, y), b = eight(x + CHUNK, y + CHUNK);
    // The first four of each chunk, then the second four.
    sums = _mm512_add_pd(sums, _mm512_maskz_shuffle_f64x2(0xff, a, b, 0x44));
    sums = _mm512_add_pd(sums, _mm512_maskz_shuffle_f64x2(0xff, a, b, 0xee));
  }
  inline void into(double &total) const {
    const vd s = (vd)sums;
    total += ofStrands(Strands{s[0], s[1], s[2], s[3]});
    total += ofStrands(Strands{s[4], s[5], s[6], s[7]});
  }

private:
  template <class T> static inline __m512d eight(const T *x, const T *y) {
    const vd d = wide(x) - wide(y);
    return (__m512d)(d * d);
  }
};
constexpr std::size_t STRIDE_APART = 8;
#else
struct TwoStrands {
  Strands first = {}, second = {};

  template <class T> inline void add(const T *x, const T *y) {
    first += squares(x, y);
    second += squares(x + CHUNK, y + CHUNK);
  }
  inline void into(double &total) const {
    total += ofStrands(first);
    total += ofStrands(second);
  }
};
constexpr std::size_t STRIDE_APART = 4;
#endif

/**
 * Adds the squares of x − y to `total`: four sums in each chunk, what is left of the chunk onto the first, then (0+1)+(2+3), and the
 * chunks in order: `distanceOf` in src/events/content.ts. Four chunks side by side, as one alone waits for its additions.
 */
template <class T> void addDistance(double &total, const T *x, const T *y, std::size_t n) {
  std::size_t at = 0;
  for (; at + 4 * CHUNK <= n; at += 4 * CHUNK) {
    TwoStrands low, high;
    for (std::size_t i = at; i < at + CHUNK; i += STRIDE_APART) {
      low.add(x + i, y + i);
      high.add(x + i + 2 * CHUNK, y + i + 2 * CHUNK);
    }
    low.into(total);
    high.into(total);
  }
  for (; at < n; at += CHUNK) {
    const std::size_t end = n - at < CHUNK ? n : at + CHUNK;
    Strands s = {};
    std::size_t i = at;
    for (; i + 4 <= end; i += 4) s += squares(x + i, y + i);
    double first = s[0];
    for (; i < end; i++) {
      const double d = (double)x[i] - (double)y[i];
      first += d * d;
    }
    total += (first + s[1]) + (s[2] + s[3]);
  }
}

/** All of it, eight chunks after eight chunks. */
template <class T> class Summary {
public:
  /** Adds `n` elements: eight chunks, or what is left of the array. */
  inline void add(const T *x, std::size_t n) {
    const std::size_t whole = n / CHUNK;
    if (whole > 0) addChunks(sums, x, (int)whole);
    if (n > whole * CHUNK) addRest(sums, x + whole * CHUNK, n - whole * CHUNK);
    // This second look finds them in the first cache.
    extremes.add(x, n);
  }
  inline void into(double *numbers) {
    extremes.finish();
    numbers[0] = sums.sum;
    numbers[1] = sums.squares;
    numbers[2] = extremes.least;
    numbers[3] = extremes.most;
    numbers[4] = (double)extremes.zeros;
  }

private:
  Sums sums;
  Extremes<T> extremes;
};

constexpr std::size_t GROUP = SIDE * CHUNK;

/**
 * Sums of elements and of their squares (one accumulator for each 1024 elements, these added in order), minimum, maximum and
 * zeros. Where the squares are not finite, the rest is not to be relied on.
 */
template <class T> void summarize(const T *x, std::size_t n, double *numbers) {
  Summary<T> summary;
  for (std::size_t at = 0; at < n; at += GROUP) summary.add(x + at, n - at < GROUP ? n - at : GROUP);
  summary.into(numbers);
}

template <class T> double distance(const T *x, const T *y, std::size_t n) {
  double total = 0;
  addDistance(total, x, y, n);
  return total;
}

/** `summarize` of x, and sixth its `distance` from y, while what was read of x is in the first cache. */
template <class T> void measure(const T *x, const T *y, std::size_t n, double *numbers) {
  Summary<T> summary;
  double total = 0;
  for (std::size_t at = 0; at < n; at += GROUP) {
    const std::size_t some = n - at < GROUP ? n - at : GROUP;
    addDistance(total, x + at, y + at, some);
    summary.add(x + at, some);
  }
  summary.into(numbers);
  numbers[5] = total;
}

} // namespace
