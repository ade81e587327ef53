/** Jacobi's rotations: the twins of the loops in src/array/decompositions.ts. Matrices of columns lie here as rows. */
#pragma once
#include "lanes.hpp"

namespace {

struct Rotation {
  double c, s, t;
};

/** What makes an element 0, where `difference` is that of the elements of the diagonal beside it. Of two angles the smaller one. */
inline Rotation rotationOf(double difference, double element) {
  const double cotangent = difference / (2 * element);
  const double size = __builtin_fabs(cotangent);
  const double tangent = size > 1e150 ? 1 / (2 * size) : 1 / (size + __builtin_sqrt(size * size + 1));
  const double t = cotangent < 0 ? -tangent : tangent;
  const double cosine = 1 / __builtin_sqrt(t * t + 1);
  return {cosine, t * cosine, t};
}

inline void turn(double *left, double *right, const Rotation &by, std::size_t n) {
  const vd cosine = c(by.c), sine = c(by.s);
  std::size_t i = 0;
  for (; i + WIDE <= n; i += WIDE) {
    const vd a = load<vd>(left + i), b = load<vd>(right + i);
    store(left + i, cosine * a - sine * b);
    store(right + i, sine * a + cosine * b);
  }
  for (; i < n; i++) {
    const double a = left[i], b = right[i];
    left[i] = by.c * a - by.s * b;
    right[i] = by.s * a + by.c * b;
  }
}

/** Rotates the symmetric `a` until nothing off its diagonal is above `least`; `turned` gets the rotations' product, its columns as rows. */
inline void diagonalize(double *a, double *turned, std::size_t n, double least, std::size_t sweeps) {
  for (std::size_t sweep = 0; sweep < sweeps; sweep++) {
    bool isTurned = false;
    for (std::size_t p = 0; p + 1 < n; p++)
      for (std::size_t q = p + 1; q < n; q++) {
        double *left = a + p * n, *right = a + q * n;
        const double element = left[q];
        if (__builtin_fabs(element) <= least) continue;
        isTurned = true;
        const Rotation by = rotationOf(right[q] - left[p], element);
        const double first = left[p] - by.t * element, second = right[q] + by.t * element;
        // Rows are columns: of the two only the four elements where they meet are another matter.
        turn(left, right, by, n);
        left[p] = first;
        right[q] = second;
        left[q] = 0;
        right[p] = 0;
        for (std::size_t i = 0; i < n; i++) {
          if (i == p || i == q) continue;
          a[i * n + p] = left[i];
          a[i * n + q] = right[i];
        }
        turn(turned + p * n, turned + q * n, by, n);
      }
    if (!isTurned) return;
  }
}

/** Rotates pairs of `count` columns until all are orthogonal; `turned` gets the rotations' product, its columns as rows. */
inline void orthogonalize(double *columns, double *turned, std::size_t count, std::size_t n, double share, std::size_t sweeps) {
  for (std::size_t sweep = 0; sweep < sweeps; sweep++) {
    bool isTurned = false;
    for (std::size_t p = 0; p + 1 < count; p++)
      for (std::size_t q = p + 1; q < count; q++) {
        double *left = columns + p * n, *right = columns + q * n;
        double alpha = 0, beta = 0, gamma = 0;
        for (std::size_t i = 0; i < n; i++) {
          alpha += left[i] * left[i];
          beta += right[i] * right[i];
          gamma += left[i] * right[i];
        }
        if (gamma == 0 || __builtin_fabs(gamma) <= share * __builtin_sqrt(alpha) * __builtin_sqrt(beta)) continue;
        isTurned = true;
        const Rotation by = rotationOf(beta - alpha, gamma);
        turn(left, right, by, n);
        turn(turned + p * count, turned + q * count, by, count);
      }
    if (!isTurned) return;
  }
}

} // namespace
