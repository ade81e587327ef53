/**
 * Matrices taken apart in one call: Cholesky's factor, L and U, eigenvalues by a tridiagonal matrix, singular values by a triangle. Twins of
 * src/array/linear-algebra.ts, tridiagonal.ts and triangle-values.ts, where the order of every operation stands. Of float64 alone;
 * what belongs together lies in rows.
 */
#pragma once
#include "rotations.hpp"
#include "rows.hpp"

namespace {

constexpr double ODD_NAN = __builtin_nan("");

/** Σ a[i]·b[i] by eight accumulators, as src/array/orthogonal-rows.ts says. */
inline double dot(const double *a, const double *b, std::size_t n) {
  constexpr int MANY = 8 / WIDE;
  vd sums[MANY];
  for (int j = 0; j < MANY; j++) sums[j] = c(0);
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (int j = 0; j < MANY; j++) sums[j] = sums[j] + load<vd>(a + i + j * WIDE) * load<vd>(b + i + j * WIDE);
  double s[8];
  for (int j = 0; j < MANY; j++) store(s + j * WIDE, sums[j]);
  double sum = ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
  for (; i < n; i++) sum = sum + a[i] * b[i];
  return sum;
}

/** Below this a sum of squares may have lost digits. */
constexpr double FAINT = 0x1p-960;

/** √Σ x[i]². `spare` is as long. */
inline double lengthOf(const double *x, std::size_t n, double *spare) {
  const double squares = dot(x, x, n);
  if (squares >= FAINT) return __builtin_sqrt(squares);
  for (std::size_t i = 0; i < n; i++) spare[i] = x[i] * 0x1p600;
  return __builtin_sqrt(dot(spare, spare, n)) * 0x1p-600;
}

/** √(f² + g²). */
inline double hypotenuse(double f, double g) {
  const double squares = f * f + g * g;
  if (squares >= FAINT) return __builtin_sqrt(squares);
  const double a = f * 0x1p600, b = g * 0x1p600;
  return __builtin_sqrt(a * a + b * b) * 0x1p-600;
}

/** Makes x the v of a reflection I − τ·v·vᵀ, v[0] = 1, that turns x into (pivot, 0, …); τ is 0 where nothing is to be turned. */
inline double reflectionOf(double *x, std::size_t n, double *pivot, double *spare) {
  const double head = x[0];
  *pivot = head;
  bool isBare = true;
  for (std::size_t i = 1; i < n; i++) isBare &= x[i] == 0;
  x[0] = 1;
  if (isBare) return 0;
  x[0] = head;
  const double length = lengthOf(x, n, spare);
  x[0] = 1;
  *pivot = head >= 0 ? -length : length;
  const double by = head - *pivot;
  for (std::size_t i = 1; i < n; i++) x[i] = x[i] / by;
  return (*pivot - head) / *pivot;
}

/** Rows of n elements, `row` apart, times the reflection. */
inline void reflectRows(double *x, std::size_t row, std::size_t rows, std::size_t n, const double *v, double tau) {
  if (tau == 0) return;
  for (std::size_t r = 0; r < rows; r++, x += row) {
    const double share = tau * dot(x, v, n);
    const vd all = c(share);
    std::size_t i = 0;
    for (; i + WIDE <= n; i += WIDE) store(x + i, load<vd>(x + i) - all * load<vd>(v + i));
    for (; i < n; i++) x[i] = x[i] - share * v[i];
  }
}

/** The symmetric a becomes tridiagonal, `d` its diagonal and `e` what is beside it; above a's diagonal stay the reflections, in `taus` their τ. */
inline void tridiagonalize(double *a, std::size_t n, double *d, double *e, double *taus, double *spare) {
  double *w = spare, *more = spare + n;
  for (std::size_t k = 0; k + 1 < n; k++) {
    d[k] = a[k * n + k];
    const std::size_t rest = n - k - 1;
    double *v = a + k * n + k + 1, *block = a + (k + 1) * (n + 1);
    const double tau = taus[k] = reflectionOf(v, rest, e + k, more);
    if (tau == 0) continue;
    for (std::size_t i = 0; i < rest; i++) w[i] = 0;
    foldRows(false, w, v, 1, block, (std::ptrdiff_t)n, rest, rest);
    for (std::size_t i = 0; i < rest; i++) w[i] = w[i] * tau;
    const double half = tau / 2 * dot(w, v, rest);
    for (std::size_t i = 0; i < rest; i++) w[i] = w[i] - half * v[i];
    for (std::size_t r = 0; r < rest; r++) {
      double *to = block + r * n;
      const double x = v[r], y = w[r];
      const vd xs = c(x), ys = c(y);
      std::size_t i = 0;
      for (; i + WIDE <= rest; i += WIDE) store(to + i, load<vd>(to + i) - (xs * load<vd>(w + i) + ys * load<vd>(v + i)));
      for (; i < rest; i++) to[i] = to[i] - (x * w[i] + y * v[i]);
    }
  }
  d[n - 1] = a[n * n - 1];
  e[n - 1] = 0;
}

constexpr double UNIT = 0x1p-52;

/** Turns the tridiagonal matrix, and the rows of `turned` with it, until `e` is 0; whether that took few enough turns. */
inline bool diagonalizeTridiagonal(double *d, double *e, double *turned, std::size_t n, std::size_t most) {
  for (std::size_t low = 0; low < n; low++) {
    for (std::size_t times = 0;; times++) {
      std::size_t high = low;
      while (high + 1 < n && !(__builtin_fabs(e[high]) <= UNIT * (__builtin_fabs(d[high]) + __builtin_fabs(d[high + 1])))) high++;
      if (high == low) break;
      if (times == most) return false;
      const double ratio = (d[low + 1] - d[low]) / (2 * e[low]);
      const double size = hypotenuse(ratio, 1);
      double g = d[high] - d[low] + e[low] / (ratio + (ratio < 0 ? -size : size));
      double sine = 1, cosine = 1, shift = 0;
      std::size_t i = high;
      for (; i > low; i--) {
        const double f = sine * e[i - 1], b = cosine * e[i - 1];
        const double r = hypotenuse(f, g);
        e[i] = r;
        if (r == 0) break;
        sine = f / r;
        cosine = g / r;
        g = d[i] - shift;
        const double q = (d[i - 1] - g) * sine + 2 * cosine * b;
        shift = sine * q;
        d[i] = g + shift;
        g = cosine * q - b;
        turn(turned + (i - 1) * n, turned + i * n, Rotation{cosine, sine, 0}, n);
      }
      d[i] = d[i] - shift;
      if (i == low) e[low] = g;
      e[high] = 0;
    }
  }
  return true;
}

/**
 * Eigenvalues of the symmetric a into `d`, vectors into the rows of `turned`, which is the identity before. False: they were not found.
 * `spare` has 4·n elements.
 */
inline bool symmetricEigen(double *a, double *d, double *turned, std::size_t n, std::size_t most, double *spare) {
  double *e = spare, *taus = spare + n;
  tridiagonalize(a, n, d, e, taus, spare + 2 * n);
  for (std::size_t k = n - 1; k-- > 0;) {
    const std::size_t rest = n - k - 1;
    reflectRows(turned + (k + 1) * (n + 1), n, rest, rest, a + k * n + k + 1, taus[k]);
  }
  return diagonalizeTridiagonal(d, e, turned, n, most);
}

/**
 * The columns of a matrix, which lie as `count` rows of n ≥ count elements: the longest first, of what those before leave. `triangle` gets R,
 * `order` which column is where, and `units`, the first rows of the identity before, Qᵀ. `spare` has 2·count + n elements.
 */
inline void triangulate(double *columns, double *triangle, double *units, std::int32_t *order, std::size_t count, std::size_t n,
                        double *spare) {
  double *taus = spare, *pivots = spare + count, *more = spare + 2 * count;
  for (std::size_t k = 0; k < count; k++) order[k] = (std::int32_t)k;
  for (std::size_t k = 0; k < count; k++) {
    std::size_t longest = k;
    double most = -1;
    for (std::size_t r = k; r < count; r++) {
      const double squares = dot(columns + r * n + k, columns + r * n + k, n - k);
      if (squares <= most) continue;
      most = squares;
      longest = r;
    }
    if (longest != k) {
      const std::int32_t one = order[k];
      order[k] = order[longest];
      order[longest] = one;
      double *a = columns + k * n, *b = columns + longest * n;
      for (std::size_t i = 0; i < n; i++) {
        const double x = a[i];
        a[i] = b[i];
        b[i] = x;
      }
    }
    double *v = columns + k * n + k;
    taus[k] = reflectionOf(v, n - k, pivots + k, more);
    reflectRows(v + n, n, count - k - 1, n - k, v, taus[k]);
  }
  for (std::size_t r = 0; r < count; r++)
    for (std::size_t i = 0; i < count; i++) triangle[r * count + i] = i < r ? 0 : i == r ? pivots[r] : columns[i * n + r];
  for (std::size_t k = count; k-- > 0;) reflectRows(units + k * n + k, n, count - k, n - k, columns + k * n + k, taus[k]);
}

/**
 * Turns pairs of the `count` rows of `rows`, and those of `turned` with them, until all are at right angles. `squares` has `count` elements.
 */
inline void orthogonalizeRows(double *rows, std::size_t width, double *turned, std::size_t n, std::size_t count, double share,
                              std::size_t sweeps, double *squares) {
  for (std::size_t sweep = 0; sweep < sweeps; sweep++) {
    bool isTurned = false;
    for (std::size_t p = 0; p < count; p++) squares[p] = dot(rows + p * width, rows + p * width, width);
    for (std::size_t p = 0; p + 1 < count; p++)
      for (std::size_t q = p + 1; q < count; q++) {
        double *upper = rows + p * width, *lower = rows + q * width;
        const double alpha = squares[p], beta = squares[q], gamma = dot(upper, lower, width);
        if (gamma == 0 || __builtin_fabs(gamma) <= share * __builtin_sqrt(alpha) * __builtin_sqrt(beta)) continue;
        isTurned = true;
        const Rotation by = rotationOf(beta - alpha, gamma);
        turn(upper, lower, by, width);
        turn(turned + p * n, turned + q * n, by, n);
        squares[p] = alpha - by.t * gamma;
        squares[q] = beta + by.t * gamma;
      }
    if (!isTurned) return;
  }
}

/** Down to this share of the longest, lengths of rows count as alike. */
constexpr double ALIKE = 0x1p-12;

/** rows = by·rows, where `by` is a square and `next` memory of as much as the rows. */
inline void multiplyRows(const double *by, double *rows, std::size_t count, std::size_t n, double *next) {
  for (std::size_t i = 0; i < count * n; i++) next[i] = 0;
  for (std::size_t r = 0; r < count; r++) foldRows(false, next + r * n, by + r * count, 1, rows, (std::ptrdiff_t)n, count, n);
  for (std::size_t i = 0; i < count * n; i++) rows[i] = next[i];
}

/** Elements that `triangleValues` takes as spare memory. */
inline std::size_t spareOfTriangle(std::size_t count, std::size_t n) { return 4 * n + count * (2 * count + n); }

/** What singular values are made of: see src/array/triangle-values.ts. */
inline void triangleValues(double *columns, double *triangle, double *units, std::int32_t *order, std::size_t count, std::size_t n,
                           double share, std::size_t sweeps, double *spare) {
  triangulate(columns, triangle, units, order, count, n, spare);
  const double first = __builtin_fabs(triangle[0]), last = __builtin_fabs(triangle[count * count - 1]);
  if (count >= 8 && last >= first * ALIKE) {
    double *gram = spare + 4 * n, *turned = gram + count * count, *next = turned + count * count;
    for (std::size_t p = 0; p < count; p++)
      for (std::size_t q = p; q < count; q++) {
        gram[p * count + q] = gram[q * count + p] = dot(triangle + p * count, triangle + q * count, count);
        turned[p * count + q] = turned[q * count + p] = p == q ? 1 : 0;
      }
    // The eigenvalues themselves, into memory that is written anew.
    if (symmetricEigen(gram, next, turned, count, sweeps, spare)) {
      multiplyRows(turned, triangle, count, count, next);
      multiplyRows(turned, units, count, n, next);
    }
  }
  orthogonalizeRows(triangle, count, units, n, count, share, sweeps, spare);
}

/** u, zeros before, gets Lᵀ of the symmetric part of a; −1, or the row at which the matrix proved not to be positive. */
inline std::ptrdiff_t cholesky(const double *a, double *u, std::size_t n) {
  for (std::size_t j = 0; j < n; j++) {
    double *row = u + j * n;
    for (std::size_t i = j; i < n; i++) row[i] = (a[i * n + j] + a[j * n + i]) / 2;
    foldRows(true, row + j, u + j, (std::ptrdiff_t)n, u + j, (std::ptrdiff_t)n, j, n - j);
    const double square = row[j];
    if (square <= 0) return (std::ptrdiff_t)j;
    const double diagonal = __builtin_sqrt(square);
    row[j] = diagonal;
    for (std::size_t i = j + 1; i < n; i++) {
      const double x = row[i] / diagonal;
      row[i] = x == x ? x : ODD_NAN;
    }
  }
  return -1;
}

/** L and U in the place of a, whose rows are exchanged as `rows`, 0, 1, 2 … before, says; the sign of the exchanges. */
inline int factorRows(double *a, std::int32_t *rows, std::size_t n) {
  int sign = 1;
  for (std::size_t k = 0; k < n; k++) {
    std::size_t pivot = k;
    for (std::size_t i = k + 1; i < n; i++)
      if (__builtin_fabs(a[i * n + k]) > __builtin_fabs(a[pivot * n + k])) pivot = i;
    if (pivot != k) {
      sign = -sign;
      const std::int32_t one = rows[k];
      rows[k] = rows[pivot];
      rows[pivot] = one;
      double *p = a + k * n, *q = a + pivot * n;
      for (std::size_t i = 0; i < n; i++) {
        const double x = p[i];
        p[i] = q[i];
        q[i] = x;
      }
    }
    const double diagonal = a[k * n + k];
    if (diagonal == 0) continue;
    const std::size_t rest = n - k - 1;
    for (std::size_t i = k + 1; i < n; i++) a[i * n + k] = a[i * n + k] / diagonal;
    takeOuter(a + (k + 1) * n + k + 1, (std::ptrdiff_t)n, a + (k + 1) * n + k, (std::ptrdiff_t)n, a + k * n + k + 1, rest, rest);
  }
  return sign;
}

} // namespace
