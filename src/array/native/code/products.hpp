/**
 * Matrix products. An element of the result has one accumulator that begins at 0, k ascends, product and sum are rounded apart
 * (nothing is fused: the compiler is told so). So tiles, panels and widths change no bit.
 *
 *          b  ┌──┬──┐      panel  some hundred of k × two vectors of columns, copied so that k runs without jumps
 *             │░░│  │
 *     a ┌───┐ ├──┼──┤
 *       │▒▒▒│ │██│  │ out  a tile of some rows × two vectors, its accumulators in registers
 *       └───┘ └──┴──┘
 */
#pragma once
#include "lanes.hpp"

namespace {

/** Of k in a panel; accumulators rest in `out` between two panels. */
constexpr std::size_t PANEL_K = 256;

#if VECTOR_BYTES == 64
constexpr int TILE_ROWS = 12; // 24 of 32 registers are accumulators
#else
constexpr int TILE_ROWS = 4; // 8 of 16
#endif

/** One operand: element (i, j) is at[i·row + j·column]. */
template <class T> struct Matrix {
  const T *at;
  std::ptrdiff_t row, column;
};

/** The result: element (i, j) is at[i·row + j·column]; column is 1 but for a product that was turned around. */
template <class T> struct Result {
  T *at;
  std::ptrdiff_t row, column;
};

/** ROWS × (VECTORS · lanes) elements of the product. `b` advances by `step` each k. */
template <class T, int VECTORS, int ROWS>
inline void tile(std::size_t k, const Matrix<T> &a, const T *b, std::ptrdiff_t step, const Result<T> &out, int width, bool goesOn) {
  typedef typename Lanes<T>::V V;
  constexpr int L = Lanes<T>::count;
  const bool isWhole = width == VECTORS * L && out.column == 1;
  V sum[ROWS][VECTORS];
  if (!goesOn) {
    for (int i = 0; i < ROWS; i++)
      for (int j = 0; j < VECTORS; j++) sum[i][j] = splat<T>(0);
  } else if (isWhole) {
    for (int i = 0; i < ROWS; i++)
      for (int j = 0; j < VECTORS; j++) sum[i][j] = load<V>(out.at + i * out.row + j * L);
  } else {
    for (int i = 0; i < ROWS; i++) {
      T some[VECTORS * L] = {};
      for (int j = 0; j < width; j++) some[j] = out.at[i * out.row + j * out.column];
      for (int j = 0; j < VECTORS; j++) sum[i][j] = load<V>(some + j * L);
    }
  }
  const T *p = a.at;
  for (std::size_t t = 0; t < k; t++, p += a.column, b += step) {
    V y[VECTORS];
#pragma GCC unroll 4
    for (int j = 0; j < VECTORS; j++) y[j] = load<V>(b + j * L);
#pragma GCC unroll 16
    for (int i = 0; i < ROWS; i++) {
      const V x = splat<T>(p[i * a.row]);
#pragma GCC unroll 4
      for (int j = 0; j < VECTORS; j++) sum[i][j] += x * y[j];
    }
  }
  if (isWhole) {
    for (int i = 0; i < ROWS; i++)
      for (int j = 0; j < VECTORS; j++) store(out.at + i * out.row + j * L, sum[i][j]);
  } else {
    for (int i = 0; i < ROWS; i++) {
      T some[VECTORS * L];
      for (int j = 0; j < VECTORS; j++) store(some + j * L, sum[i][j]);
      for (int j = 0; j < width; j++) out.at[i * out.row + j * out.column] = some[j];
    }
  }
}

/** All rows of a against one panel: tiles of most rows first, then of fewer. */
template <class T, int VECTORS, int ROWS>
inline void rowsFrom(std::size_t &i, std::size_t m, std::size_t k, const Matrix<T> &a, const T *b, std::ptrdiff_t step,
                     const Result<T> &out, int width, bool goesOn) {
  for (; i + ROWS <= m; i += ROWS) {
    const Matrix<T> from = {a.at + (std::ptrdiff_t)i * a.row, a.row, a.column};
    const Result<T> to = {out.at + (std::ptrdiff_t)i * out.row, out.row, out.column};
    tile<T, VECTORS, ROWS>(k, from, b, step, to, width, goesOn);
  }
}

template <class T, int VECTORS>
void panelProduct(std::size_t m, std::size_t k, const Matrix<T> &a, const T *b, std::ptrdiff_t step, const Result<T> &out,
                  int width, bool goesOn) {
  std::size_t i = 0;
  rowsFrom<T, VECTORS, TILE_ROWS>(i, m, k, a, b, step, out, width, goesOn);
#if VECTOR_BYTES == 64
  rowsFrom<T, VECTORS, 8>(i, m, k, a, b, step, out, width, goesOn);
  rowsFrom<T, VECTORS, 4>(i, m, k, a, b, step, out, width, goesOn);
#endif
  rowsFrom<T, VECTORS, 2>(i, m, k, a, b, step, out, width, goesOn);
  rowsFrom<T, VECTORS, 1>(i, m, k, a, b, step, out, width, goesOn);
}

/** panel[t, j] = b[t, j] for j < width, 0 beyond. */
template <class T> void pack(const Matrix<T> &b, std::size_t k, int width, int across, T *panel) {
  typedef typename Lanes<T>::V V;
  constexpr int L = Lanes<T>::count;
  if (b.column == 1 && width == across) {
    for (std::size_t t = 0; t < k; t++)
      for (int j = 0; j < across; j += L) store(panel + t * across + j, load<V>(b.at + (std::ptrdiff_t)t * b.row + j));
    return;
  }
  if (b.column == 1) {
    for (std::size_t t = 0; t < k; t++) {
      std::memcpy(panel + t * across, b.at + (std::ptrdiff_t)t * b.row, width * sizeof(T));
      for (int j = width; j < across; j++) panel[t * across + j] = 0;
    }
    return;
  }
  std::size_t turned = 0;
#if VECTOR_BYTES == 64 && defined(__AVX512F__)
  if (b.row == 1 && width == across) {
    for (; turned + L <= k; turned += L) {
      for (int j = 0; j < across; j += L) {
        V rows[L];
        for (int i = 0; i < L; i++) rows[i] = load<V>(b.at + (j + i) * b.column + turned);
        turn<T>(rows);
        for (int i = 0; i < L; i++) store(panel + (turned + i) * across + j, rows[i]);
      }
    }
  }
#endif
  for (int j = 0; j < width; j++) {
    const T *from = b.at + j * b.column;
    for (std::size_t t = turned; t < k; t++) panel[t * across + j] = from[(std::ptrdiff_t)t * b.row];
  }
  for (int j = width; j < across; j++)
    for (std::size_t t = 0; t < k; t++) panel[t * across + j] = 0;
}

template <class T, int VECTORS>
inline void panelOf(std::size_t m, std::size_t k, const Matrix<T> &a, const Matrix<T> &b, const Result<T> &out, int width) {
  constexpr int ACROSS = VECTORS * Lanes<T>::count;
  alignas(64) T panel[PANEL_K * ACROSS];
  // With few rows a copy is read once; then the operand itself may as well be read, and also where a copy would be equal to it.
  const bool isDirect = b.column == 1 && width == ACROSS && (m <= TILE_ROWS || b.row == ACROSS);
  std::size_t from = 0;
  do {
    const std::size_t some = k - from < PANEL_K ? k - from : PANEL_K;
    const Matrix<T> left = {a.at + (std::ptrdiff_t)from * a.column, a.row, a.column};
    const Matrix<T> right = {b.at + (std::ptrdiff_t)from * b.row, b.row, b.column};
    if (isDirect) panelProduct<T, VECTORS>(m, some, left, right.at, right.row, out, width, from > 0);
    else {
      pack(right, some, width, ACROSS, panel);
      panelProduct<T, VECTORS>(m, some, left, panel, ACROSS, out, width, from > 0);
    }
    from += some;
  } while (from < k);
}

template <class T>
void product(std::size_t m, std::size_t k, std::size_t n, const Matrix<T> &a, const Matrix<T> &b, const Result<T> &out) {
  constexpr std::size_t L = Lanes<T>::count;
  for (std::size_t j = 0; j < n;) {
    const std::size_t left = n - j;
    const std::size_t width = left > L ? (left < 2 * L ? left : 2 * L) : left;
    const Matrix<T> right = {b.at + (std::ptrdiff_t)j * b.column, b.row, b.column};
    const Result<T> to = {out.at + (std::ptrdiff_t)j * out.column, out.row, out.column};
    if (width > L) panelOf<T, 2>(m, k, a, right, to, (int)width);
    else panelOf<T, 1>(m, k, a, right, to, (int)width);
    j += width;
  }
}

/** out[i, j] = Σ a[i, t]·b[t, j]. */
template <class T>
void matmul(std::size_t m, std::size_t k, std::size_t n, const Matrix<T> &a, const Matrix<T> &b, T *out) {
  constexpr std::size_t L = Lanes<T>::count;
  // Turned around, (bᵀ·aᵀ)ᵀ: the same products in the same order. It pays where b would have to be turned to be packed, element by
  // element, and has more columns than a has rows, or where b is too narrow for a vector and a is not.
  const bool isSlowToPack = b.column != 1 && !(TURNS_SQUARES && b.row == 1);
  const bool isTurnedB = isSlowToPack && n > m && m > L / 2 && k > 32;
  const bool isNarrow = n <= L / 2 && m > n;
  if (isTurnedB || isNarrow) {
    product<T>(n, k, m, {b.at, b.column, b.row}, {a.at, a.column, a.row}, {out, 1, (std::ptrdiff_t)n});
  } else {
    product<T>(m, k, n, a, b, {out, (std::ptrdiff_t)n, 1});
  }
}

} // namespace
