/** Sums, maxima and minima, and softmax. Twins of src/array/reduce-loops.ts. */
#pragma once
#include "elementwise.hpp"

namespace {

template <class T> struct Eight;
template <> struct Eight<double> { typedef double V __attribute__((vector_size(64))); };
template <> struct Eight<float> { typedef float V __attribute__((vector_size(32))); };

template <class T, class V> inline T ofEight(V r) {
  return ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
}

/** A block of at most 128 elements: 8 accumulators, then what is left from left to right. */
template <class T> inline T blockSum(const T *x, std::size_t n) {
  typedef typename Eight<T>::V V;
  T sum = 0;
  std::size_t i = 0;
  if (n >= 8) {
    V r = load<V>(x);
    for (i = 8; i + 8 <= n; i += 8) r += load<V>(x + i);
    sum = ofEight<T>(r);
  }
  for (; i < n; i++) sum += x[i];
  return sum;
}

/** Two neighbouring blocks, the second at least as long: side by side, as one alone waits for its additions. */
template <class T> inline T twoBlocks(const T *x, std::size_t n, std::size_t m) {
  typedef typename Eight<T>::V V;
  const T *y = x + n;
  V r = load<V>(x), s = load<V>(y);
  std::size_t i = 8;
  for (; i + 8 <= n; i += 8) {
    r += load<V>(x + i);
    s += load<V>(y + i);
  }
  for (; i + 8 <= m; i += 8) s += load<V>(y + i);
  T second = ofEight<T>(s);
  for (; i < m; i++) second += y[i];
  return ofEight<T>(r) + second;
}

/** The pairwise sum, in NumPy's order. */
template <class T> T pairwise(const T *x, std::size_t n) {
  if (n <= 128) return blockSum(x, n);
  const std::size_t half = (n >> 1) - ((n >> 1) % 8);
  // The first half of what is longer than a block is a multiple of 8, and at least 64.
  if (n - half <= 128) return twoBlocks(x, half, n - half);
  return pairwise(x, half) + pairwise(x + half, n - half);
}

/** op of `start` and all elements, in strands: neither order nor repetition changes a maximum. */
template <class F, class T> T extreme(const T *x, std::size_t n, T start) {
  typedef typename Lanes<T>::V V;
  constexpr int L = Lanes<T>::count;
  T result = start;
  std::size_t i = 0;
  if (n >= 4 * L) {
    V a = splat<T>(start), b = a, d = a, e = a;
    for (; i + 4 * L <= n; i += 4 * L) {
      a = F::of(a, load<V>(x + i));
      b = F::of(b, load<V>(x + i + L));
      d = F::of(d, load<V>(x + i + 2 * L));
      e = F::of(e, load<V>(x + i + 3 * L));
    }
    const V most = F::of(F::of(a, b), F::of(d, e));
    for (int j = 0; j < L; j++) result = F::one(result, (T)most[j]);
  }
  for (; i < n; i++) result = F::one(result, x[i]);
  return result;
}

/** out[r] = op(out[r], op of row r); the order of `REDUCE` in src/array/native/calls.ts. */
template <class T> void reduceRows(int op, const T *x, std::size_t rows, std::size_t columns, T *out) {
  for (std::size_t r = 0; r < rows; r++, x += columns) {
    if (op == 0) out[r] = out[r] + pairwise(x, columns);
    else if (op == 1) for (std::size_t i = 0; i < columns; i++) out[r] *= x[i];
    else if (op == 2) out[r] = extreme<Larger<T>>(x, columns, out[r]);
    else out[r] = extreme<Smaller<T>>(x, columns, out[r]);
  }
}

/** out[c] = op(out[c], x[r, c]), row by row, four vectors of columns at a time. */
template <class F, class T> void rowsInto(const T *x, std::size_t rows, std::size_t columns, T *out) {
  typedef typename Lanes<T>::V V;
  constexpr int L = Lanes<T>::count;
  std::size_t i = 0;
  for (; i + 4 * L <= columns; i += 4 * L) {
    V a = load<V>(out + i), b = load<V>(out + i + L), d = load<V>(out + i + 2 * L), e = load<V>(out + i + 3 * L);
    const T *p = x + i;
    for (std::size_t r = 0; r < rows; r++, p += columns) {
      a = F::of(a, load<V>(p));
      b = F::of(b, load<V>(p + L));
      d = F::of(d, load<V>(p + 2 * L));
      e = F::of(e, load<V>(p + 3 * L));
    }
    store(out + i, a);
    store(out + i + L, b);
    store(out + i + 2 * L, d);
    store(out + i + 3 * L, e);
  }
  for (; i + L <= columns; i += L) {
    V a = load<V>(out + i);
    const T *p = x + i;
    for (std::size_t r = 0; r < rows; r++, p += columns) a = F::of(a, load<V>(p));
    store(out + i, a);
  }
  if (i < columns) {
    const T *p = x;
    for (std::size_t r = 0; r < rows; r++, p += columns)
      for (std::size_t j = i; j < columns; j++) out[j] = F::one(out[j], p[j]);
  }
}

template <class T> void accumulateRows(int op, const T *x, std::size_t rows, std::size_t columns, T *out) {
  switch (op) {
    case 0: return rowsInto<Add<T>>(x, rows, columns, out);
    case 1: return rowsInto<Mul<T>>(x, rows, columns, out);
    case 2: return rowsInto<Larger<T>>(x, rows, columns, out);
    case 3: return rowsInto<Smaller<T>>(x, rows, columns, out);
  }
}

/** ln of one number, by the vector's formula. */
inline double logOf(double x) { return Log::of(c(x))[0]; }

/**
 * Rows of softmax, or of its logarithm. Some rows at a time, so that the exponentials run over whole vectors even where a row
 * is short, and what they need is still in the first cache. `spare` holds a row.
 */
template <class T> void softmaxRows(bool isLog, const T *x, std::size_t rows, std::size_t columns, T *out, T *spare) {
  constexpr std::size_t MOST_ROWS = 64, AIM = 2048;
  T most[MOST_ROWS];
  std::size_t some = columns == 0 ? 1 : AIM / columns;
  some = some < 1 ? 1 : some > MOST_ROWS ? MOST_ROWS : some;
  for (std::size_t from = 0; from < rows; from += some) {
    const std::size_t count = rows - from < some ? rows - from : some;
    const T *p = x + from * columns;
    T *q = out + from * columns;
    for (std::size_t r = 0; r < count; r++) {
      most[r] = extreme<Larger<T>>(p + r * columns, columns, (T)-INF);
      rowAndOne<Sub<T>>(p + r * columns, most[r], q + r * columns, columns);
    }
    if (isLog) {
      // The output keeps x − max, so the exponentials go beside it.
      for (std::size_t r = 0; r < count; r++) {
        T *row = q + r * columns;
        mapWide<Exp>(row, spare, columns);
        const T logSum = (T)logOf(pairwise(spare, columns));
        rowAndOne<Sub<T>>(row, logSum, row, columns);
      }
    } else {
      mapWide<Exp>(q, q, count * columns);
      for (std::size_t r = 0; r < count; r++) {
        T *row = q + r * columns;
        rowAndOne<Div<T>>(row, pairwise(row, columns), row, columns);
      }
    }
  }
}

} // namespace
