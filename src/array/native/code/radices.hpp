/** Fourier transforms of rows of float64 by the factors of their length: the twin of src/array/fft-radices.ts, where the method stands. */
#pragma once
#include "lanes.hpp"

namespace {

/** Numbers of as many rows as V has lanes: number k of `x` is at k·LANES. */
template <class V> constexpr std::size_t LANES = sizeof(V) / sizeof(double);
template <class V> inline V laneNumbers(const double *x, std::size_t k) { return load<V>(x + k * LANES<V>); }
template <class V> inline void setLanes(double *x, std::size_t k, V value) { store(x + k * LANES<V>, value); }

/** What a step of a transform reads and writes. `roots` has `size` cosines and as many sines; those of this length are `step` apart. */
struct RadixStep {
  std::size_t n, before, step, size;
  const double *roots;
  const double *re, *im;
  double *outRe, *outIm;
  double cosine(std::size_t k) const { return roots[k * step]; }
  double sine(std::size_t k) const { return roots[size + k * step]; }
};

template <bool isFirst, class V> inline void place(const RadixStep &z, std::size_t to, V re, V im, double cosine, double sine) {
  setLanes<V>(z.outRe, to, isFirst ? re : V(re * cosine + im * sine));
  setLanes<V>(z.outIm, to, isFirst ? im : V(im * cosine - re * sine));
}

template <bool isFirst, class V> inline void byTwo(const RadixStep &z, std::size_t i) {
  const std::size_t inner = z.n / (2 * z.before), far = inner * z.before;
  const double cosine = z.cosine(i * z.before), sine = z.sine(i * z.before);
  for (std::size_t k = 0; k < z.before; k++) {
    const std::size_t a = i + inner * 2 * k, to = i + inner * k;
    const V ar = laneNumbers<V>(z.re, a), ai = laneNumbers<V>(z.im, a), br = laneNumbers<V>(z.re, a + inner), bi = laneNumbers<V>(z.im, a + inner);
    setLanes<V>(z.outRe, to, ar + br);
    setLanes<V>(z.outIm, to, ai + bi);
    place<isFirst, V>(z, to + far, ar - br, ai - bi, cosine, sine);
  }
}

template <bool isFirst, class V> inline void byFour(const RadixStep &z, std::size_t i) {
  const std::size_t inner = z.n / (4 * z.before), far = inner * z.before, w = i * z.before;
  const double c1 = z.cosine(w), s1 = z.sine(w), c2 = z.cosine(2 * w), s2 = z.sine(2 * w), c3 = z.cosine(3 * w), s3 = z.sine(3 * w);
  for (std::size_t k = 0; k < z.before; k++) {
    const std::size_t a = i + inner * 4 * k, to = i + inner * k;
    const V r0 = laneNumbers<V>(z.re, a), r1 = laneNumbers<V>(z.re, a + inner), r2 = laneNumbers<V>(z.re, a + 2 * inner),
            r3 = laneNumbers<V>(z.re, a + 3 * inner);
    const V i0 = laneNumbers<V>(z.im, a), i1 = laneNumbers<V>(z.im, a + inner), i2 = laneNumbers<V>(z.im, a + 2 * inner),
            i3 = laneNumbers<V>(z.im, a + 3 * inner);
    const V pr = r0 + r2, pi = i0 + i2, qr = r0 - r2, qi = i0 - i2, ur = r1 + r3, ui = i1 + i3, vr = r1 - r3, vi = i1 - i3;
    setLanes<V>(z.outRe, to, pr + ur);
    setLanes<V>(z.outIm, to, pi + ui);
    place<isFirst, V>(z, to + far, qr + vi, qi - vr, c1, s1);
    place<isFirst, V>(z, to + 2 * far, pr - ur, pi - ui, c2, s2);
    place<isFirst, V>(z, to + 3 * far, qr - vi, qi + vr, c3, s3);
  }
}

constexpr std::size_t PRIME_MAX = 61;

/** P is p, or 0 where p is not known beforehand. */
template <bool isFirst, std::size_t P, class V> inline void byOdd(const RadixStep &z, std::size_t i, std::size_t prime) {
  const std::size_t p = P == 0 ? prime : P, half = (p - 1) / 2;
  constexpr std::size_t MOST = P == 0 ? PRIME_MAX / 2 : (P - 1) / 2;
  const std::size_t inner = z.n / (p * z.before), far = inner * z.before, around = z.n / p, w = i * z.before;
  double cosines[2 * MOST + 1], sines[2 * MOST + 1];
  for (std::size_t j = 0; j < p; j++) {
    cosines[j] = z.cosine(j * around);
    sines[j] = z.sine(j * around);
  }
  for (std::size_t k = 0; k < z.before; k++) {
    const std::size_t a = i + inner * p * k, to = i + inner * k;
    const V r0 = laneNumbers<V>(z.re, a), i0 = laneNumbers<V>(z.im, a);
    V sumRe[MOST], sumIm[MOST], lessRe[MOST], lessIm[MOST], allRe = r0, allIm = i0;
#pragma GCC unroll 8
    for (std::size_t j = 1; j <= half; j++) {
      const std::size_t x = a + inner * j, y = a + inner * (p - j);
      const V xr = laneNumbers<V>(z.re, x), xi = laneNumbers<V>(z.im, x), yr = laneNumbers<V>(z.re, y), yi = laneNumbers<V>(z.im, y);
      sumRe[j - 1] = xr + yr;
      sumIm[j - 1] = xi + yi;
      lessRe[j - 1] = xr - yr;
      lessIm[j - 1] = xi - yi;
      allRe = allRe + sumRe[j - 1];
      allIm = allIm + sumIm[j - 1];
    }
    setLanes<V>(z.outRe, to, allRe);
    setLanes<V>(z.outIm, to, allIm);
#pragma GCC unroll 8
    for (std::size_t q = 1; q <= half; q++) {
      V ur = r0, ui = i0, vr = V{}, vi = V{};
      std::size_t at = 0;
#pragma GCC unroll 8
      for (std::size_t j = 1; j <= half; j++) {
        at = at + q < p ? at + q : at + q - p;
        ur = ur + sumRe[j - 1] * cosines[at];
        ui = ui + sumIm[j - 1] * cosines[at];
        vr = vr + lessRe[j - 1] * sines[at];
        vi = vi + lessIm[j - 1] * sines[at];
      }
      place<isFirst, V>(z, to + q * far, ur + vi, ui - vr, z.cosine(q * w), z.sine(q * w));
      place<isFirst, V>(z, to + (p - q) * far, ur - vi, ui + vr, z.cosine((p - q) * w), z.sine((p - q) * w));
    }
  }
}

template <bool isFirst, class V> inline void radixStep(const RadixStep &z, std::size_t radix, std::size_t i) {
  switch (radix) {
  case 2: return byTwo<isFirst, V>(z, i);
  case 4: return byFour<isFirst, V>(z, i);
  case 3: return byOdd<isFirst, 3, V>(z, i, 3);
  case 5: return byOdd<isFirst, 5, V>(z, i, 5);
  case 7: return byOdd<isFirst, 7, V>(z, i, 7);
  default: return byOdd<isFirst, 0, V>(z, i, radix);
  }
}

/** Where the transform of n numbers of re and im stands after it: true says there, false says in the other two. */
template <class V>
inline bool transformLanes(double *re, double *im, double *otherRe, double *otherIm, std::size_t n, const double *roots, std::size_t size) {
  bool isHere = true;
  std::size_t rest = n, before = 1;
  for (std::size_t radix = 4; rest > 1;) {
    if (rest % radix != 0) {
      radix = radix == 4 ? 2 : radix == 2 ? 3 : radix + 2;
      continue;
    }
    const RadixStep z = {n, before, size / n, size, roots, isHere ? re : otherRe, isHere ? im : otherIm, isHere ? otherRe : re, isHere ? otherIm : im};
    radixStep<true, V>(z, radix, 0);
    const std::size_t inner = n / (radix * before);
    for (std::size_t i = 1; i < inner; i++) radixStep<false, V>(z, radix, i);
    isHere = !isHere;
    rest /= radix;
    before *= radix;
  }
  return isHere;
}

/** What rows are; the numbers of `FOURIER_ROWS`. */
enum FourierRows { COMPLEX_ROWS, REAL_ROWS, HALF_ROWS };

/** Long rows go one by one: side by side they would not fit where reading is fast. */
constexpr std::size_t LANE_ROW_MAX = 4096;

inline std::size_t spareOfRadices(std::size_t n) { return 4 * n * (n > LANE_ROW_MAX ? 1 : WIDE) + 2 * WIDE; }

template <class V>
inline void radixRows(int kind, std::size_t lanes, std::size_t n, const double *roots, const double *re, const double *im, double *outRe, double *outIm,
                      double *spare) {
  constexpr std::size_t L = LANES<V>;
  const bool isPaired = kind != COMPLEX_ROWS && n % 2 == 0;
  const std::size_t h = isPaired ? n / 2 : n, m = n / 2 + 1;
  double *a = spare, *b = a + n * L, *p = b + n * L, *q = p + n * L;
  if (lanes < L || (kind != COMPLEX_ROWS && !isPaired)) std::memset(spare, 0, 4 * n * L * sizeof(double));
  if (kind == COMPLEX_ROWS)
    for (std::size_t l = 0; l < lanes; l++)
      for (std::size_t j = 0; j < n; j++) {
        a[j * L + l] = re[l * n + j];
        b[j * L + l] = im[l * n + j];
      }
  else if (kind == REAL_ROWS && isPaired)
    for (std::size_t l = 0; l < lanes; l++)
      for (std::size_t j = 0; j < h; j++) {
        a[j * L + l] = re[l * n + 2 * j];
        b[j * L + l] = re[l * n + 2 * j + 1];
      }
  else if (kind == REAL_ROWS)
    for (std::size_t l = 0; l < lanes; l++)
      for (std::size_t j = 0; j < n; j++) a[j * L + l] = re[l * n + j];
  else if (!isPaired)
    for (std::size_t l = 0; l < lanes; l++)
      for (std::size_t k = 0; k < m; k++) {
        a[k * L + l] = re[l * m + k];
        b[k * L + l] = im[l * m + k];
      }
  else {
    for (std::size_t l = 0; l < lanes; l++)
      for (std::size_t k = 0; k < m; k++) {
        p[k * L + l] = re[l * m + k];
        q[k * L + l] = im[l * m + k];
      }
    const V first = laneNumbers<V>(p, 0), last = laneNumbers<V>(p, h);
    setLanes<V>(a, 0, first + last);
    setLanes<V>(b, 0, first - last);
    for (std::size_t k = 1; k <= h - k; k++) {
      const V ar = laneNumbers<V>(p, k), ai = laneNumbers<V>(q, k), br = laneNumbers<V>(p, h - k), bi = laneNumbers<V>(q, h - k);
      const V er = (ar + br) * 0.5, ei = (ai - bi) * 0.5, dr = (ar - br) * 0.5, di = (ai + bi) * 0.5;
      const V sr = dr * roots[k] - di * roots[n + k], si = dr * roots[n + k] + di * roots[k];
      setLanes<V>(a, k, er - si);
      setLanes<V>(b, k, ei + sr);
      setLanes<V>(a, h - k, er + si);
      setLanes<V>(b, h - k, sr - ei);
    }
  }
  // Backwards is forwards with the parts exchanged.
  if (kind == HALF_ROWS) {
    double *was = a;
    a = b;
    b = was;
  }
  if (!transformLanes<V>(a, b, p, q, h, roots, n)) {
    double *wasA = a, *wasB = b;
    a = p;
    b = q;
    p = wasA;
    q = wasB;
  }
  if (kind == COMPLEX_ROWS)
    for (std::size_t l = 0; l < lanes; l++)
      for (std::size_t j = 0; j < n; j++) {
        outRe[l * n + j] = a[j * L + l];
        outIm[l * n + j] = b[j * L + l];
      }
  else if (kind == HALF_ROWS && isPaired)
    for (std::size_t l = 0; l < lanes; l++)
      for (std::size_t j = 0; j < h; j++) {
        outRe[l * n + 2 * j] = b[j * L + l];
        outRe[l * n + 2 * j + 1] = a[j * L + l];
      }
  else if (kind == HALF_ROWS)
    for (std::size_t l = 0; l < lanes; l++)
      for (std::size_t j = 0; j < n; j++) outRe[l * n + j] = b[j * L + l];
  else {
    if (!isPaired) {
      p = a;
      q = b;
      setLanes<V>(q, 0, V{});
    } else {
      const V zr = laneNumbers<V>(a, 0), zi = laneNumbers<V>(b, 0);
      setLanes<V>(p, 0, zr + zi);
      setLanes<V>(q, 0, V{});
      setLanes<V>(p, h, zr - zi);
      setLanes<V>(q, h, V{});
      for (std::size_t k = 1; k <= h - k; k++) {
        const V ar = laneNumbers<V>(a, k), ai = laneNumbers<V>(b, k), br = laneNumbers<V>(a, h - k), bi = laneNumbers<V>(b, h - k);
        const V er = (ar + br) * 0.5, ei = (ai - bi) * 0.5, sr = (ai + bi) * 0.5, si = (br - ar) * 0.5;
        const V tr = sr * roots[k] + si * roots[n + k], ti = si * roots[k] - sr * roots[n + k];
        setLanes<V>(p, k, er + tr);
        setLanes<V>(q, k, ei + ti);
        setLanes<V>(p, h - k, er - tr);
        setLanes<V>(q, h - k, ti - ei);
      }
    }
    for (std::size_t l = 0; l < lanes; l++)
      for (std::size_t k = 0; k < m; k++) {
        outRe[l * m + k] = p[k * L + l];
        outIm[l * m + k] = q[k * L + l];
      }
  }
}

/** The transform of each row; the table is n cosines and n sines. Of n, or of its half where the rows are paired, no prime is above 61. */
inline void fourierByRadices(int kind, std::size_t rows, std::size_t n, const double *roots, const double *re, const double *im, double *outRe,
                             double *outIm, double *spare) {
  const std::size_t m = n / 2 + 1, from = kind == HALF_ROWS ? m : n, to = kind == REAL_ROWS ? m : n;
  for (std::size_t row = 0; row < rows;) {
    const bool isAlone = n > LANE_ROW_MAX || rows - row == 1;
    const std::size_t lanes = isAlone ? 1 : rows - row < (std::size_t)WIDE ? rows - row : WIDE;
    if (isAlone) radixRows<double>(kind, 1, n, roots, re + row * from, im + row * from, outRe + row * to, outIm + row * to, spare);
    else radixRows<vd>(kind, lanes, n, roots, re + row * from, im + row * from, outRe + row * to, outIm + row * to, spare);
    row += lanes;
  }
}

} // namespace
