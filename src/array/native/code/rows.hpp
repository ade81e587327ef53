/** Rows times numbers, taken from rows: the twins of src/array/row-updates.ts. An element has the order of its rows, first to last. */
#pragma once
#include "lanes.hpp"

namespace {

/** s[c] plus or less Σ u[r]·a[r, c]. s is no part of the block. */
inline void foldRows(bool isMinus, double *s, const double *u, std::ptrdiff_t uStep, const double *a, std::ptrdiff_t aRow,
                     std::size_t rows, std::size_t columns) {
  const double sign = isMinus ? -1 : 1;
  std::size_t i = 0;
  // Several vectors side by side: a sum waits for the one before it.
  for (; i + 4 * WIDE <= columns; i += 4 * WIDE) {
    vd w = load<vd>(s + i), x = load<vd>(s + i + WIDE), y = load<vd>(s + i + 2 * WIDE), z = load<vd>(s + i + 3 * WIDE);
    const double *p = a + i;
    for (std::size_t r = 0; r < rows; r++, p += aRow) {
      const vd share = c(sign * u[(std::ptrdiff_t)r * uStep]);
      w = w + share * load<vd>(p);
      x = x + share * load<vd>(p + WIDE);
      y = y + share * load<vd>(p + 2 * WIDE);
      z = z + share * load<vd>(p + 3 * WIDE);
    }
    store(s + i, w);
    store(s + i + WIDE, x);
    store(s + i + 2 * WIDE, y);
    store(s + i + 3 * WIDE, z);
  }
  for (; i + WIDE <= columns; i += WIDE) {
    vd w = load<vd>(s + i);
    const double *p = a + i;
    for (std::size_t r = 0; r < rows; r++, p += aRow) w = w + c(sign * u[(std::ptrdiff_t)r * uStep]) * load<vd>(p);
    store(s + i, w);
  }
  for (; i < columns; i++) {
    double w = s[i];
    for (std::size_t r = 0; r < rows; r++) w = w + sign * u[(std::ptrdiff_t)r * uStep] * a[(std::ptrdiff_t)r * aRow + (std::ptrdiff_t)i];
    s[i] = w;
  }
}

/** a[r, c] less u[r]·v[c]. v is no part of the block. */
inline void takeOuter(double *a, std::ptrdiff_t aRow, const double *u, std::ptrdiff_t uStep, const double *v, std::size_t rows,
                      std::size_t columns) {
  for (std::size_t r = 0; r < rows; r++, a += aRow) {
    const double share = u[(std::ptrdiff_t)r * uStep];
    const vd all = c(share);
    std::size_t i = 0;
    for (; i + WIDE <= columns; i += WIDE) store(a + i, load<vd>(a + i) - all * load<vd>(v + i));
    for (; i < columns; i++) a[i] = a[i] - share * v[i];
  }
}

/** Terms of a distance that are added up by themselves, so that long sums keep their digits. */
constexpr std::size_t DISTANCE_BLOCK = 64;

template <bool IS_SQUARE> inline vd termOf(vd d) {
  if constexpr (IS_SQUARE) return d * d;
  else return abs(d);
}

/** out[i, j] = Σ |a[i] − b[j]|, or the root of the sum of squares, in float64. `turned` holds b with its vectors as columns, a vector more. */
template <bool IS_SQUARE, class T>
void distancesBy(const T *a, const T *b, std::size_t m, std::size_t n, std::size_t d, T *out, double *turned) {
  const std::size_t wide = (n + WIDE - 1) / WIDE * WIDE;
  for (std::size_t k = 0; k < d; k++) {
    for (std::size_t j = 0; j < n; j++) turned[k * wide + j] = (double)b[j * d + k];
    for (std::size_t j = n; j < wide; j++) turned[k * wide + j] = 0;
  }
  for (std::size_t i = 0; i < m; i++, a += d, out += n)
    for (std::size_t j = 0; j < n; j += WIDE) {
      vd total = c(0);
      for (std::size_t from = 0; from < d; from += DISTANCE_BLOCK) {
        const std::size_t to = d - from < DISTANCE_BLOCK ? d : from + DISTANCE_BLOCK;
        vd sum = c(0);
        for (std::size_t k = from; k < to; k++) sum = sum + termOf<IS_SQUARE>(c((double)a[k]) - load<vd>(turned + k * wide + j));
        total = total + sum;
      }
      if constexpr (IS_SQUARE)
        for (int l = 0; l < WIDE; l++) total[l] = __builtin_sqrt(total[l]);
      for (std::size_t l = 0; l < (std::size_t)WIDE && j + l < n; l++) out[j + l] = (T)total[(int)l];
    }
}

template <class T>
void distances(bool isSquare, const T *a, const T *b, std::size_t batches, std::size_t m, std::size_t n, std::size_t d, T *out, double *turned) {
  for (std::size_t r = 0; r < batches; r++, a += m * d, b += n * d, out += m * n) {
    if (isSquare) distancesBy<true>(a, b, m, n, d, out, turned);
    else distancesBy<false>(a, b, m, n, d, out, turned);
  }
}

/** The two neighbours of a place along an axis, and their weights. */
struct Neighbours {
  std::size_t first, second;
  double near, far;
};

inline Neighbours neighboursAt(std::size_t i, std::size_t extent, std::size_t count, double step, bool isAligned) {
  double place = 0;
  if (!isAligned) place = ((double)i + 0.5) * step - 0.5;
  else if (count > 1) place = ((double)i * (double)(extent - 1)) / (double)(count - 1);
  if (!(place > 0)) place = 0;
  const double last = (double)(extent - 1);
  Neighbours z;
  z.first = place < last ? (std::size_t)place : extent - 1;
  z.second = z.first + 1 < extent ? z.first + 1 : extent - 1;
  double share = place - (double)z.first;
  share = share > 1 ? 1 : share;
  z.near = z.first == z.second ? 1 : 1 - share;
  z.far = z.first == z.second ? 0 : share;
  return z;
}

/** `outer` times `extent` times `inner` elements become `outer` times `count` times `inner`. `spare` holds the neighbours of all. */
template <class T>
void blend(const T *x, std::size_t outer, std::size_t extent, std::size_t count, std::size_t inner, double step, bool isAligned, T *out,
           Neighbours *spare) {
  for (std::size_t i = 0; i < count; i++) spare[i] = neighboursAt(i, extent, count, step, isAligned);
  for (std::size_t r = 0; r < outer; r++, x += extent * inner)
    for (std::size_t i = 0; i < count; i++, out += inner) {
      const Neighbours &z = spare[i];
      const T *a = x + z.first * inner, *b = x + z.second * inner;
      for (std::size_t k = 0; k < inner; k++) out[k] = (T)(z.near * (double)a[k] + z.far * (double)b[k]);
    }
}

/** The adjoint: gx, zeros before, gets each element of g at both neighbours, the nearer one first. */
template <class T>
void blendScatter(const T *g, std::size_t outer, std::size_t extent, std::size_t count, std::size_t inner, double step, bool isAligned, T *gx,
                  Neighbours *spare) {
  for (std::size_t i = 0; i < count; i++) spare[i] = neighboursAt(i, extent, count, step, isAligned);
  for (std::size_t r = 0; r < outer; r++, gx += extent * inner)
    for (std::size_t i = 0; i < count; i++, g += inner) {
      const Neighbours &z = spare[i];
      T *a = gx + z.first * inner, *b = gx + z.second * inner;
      for (std::size_t k = 0; k < inner; k++) a[k] = (T)((double)a[k] + z.near * (double)g[k]);
      for (std::size_t k = 0; k < inner; k++) b[k] = (T)((double)b[k] + z.far * (double)g[k]);
    }
}

} // namespace
