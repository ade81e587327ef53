/** Fourier transforms of rows of float64, a row in each lane: the twin of src/array/fft.ts, where the method stands. */
#pragma once
#include "lanes.hpp"

namespace {

/** Vectors of one number of each row: number k of `x` is at k·WIDE. */
inline vd numberOf(const double *x, std::size_t k) { return load<vd>(x + k * WIDE); }
inline void setNumber(double *x, std::size_t k, vd value) { store(x + k * WIDE, value); }

/** In its place; n is a power of two, and the roots are n/2 cosines and as many sines. */
inline void byHalves(double *re, double *im, std::size_t n, const double *cosines, const double *sines) {
  for (std::size_t i = 0, j = 0; i < n; i++) {
    if (j > i) {
      const vd r = numberOf(re, i), s = numberOf(im, i);
      setNumber(re, i, numberOf(re, j));
      setNumber(im, i, numberOf(im, j));
      setNumber(re, j, r);
      setNumber(im, j, s);
    }
    std::size_t bit = n >> 1;
    for (; bit > 0 && (j & bit); bit >>= 1) j ^= bit;
    j |= bit;
  }
  for (std::size_t half = 1; half < n; half *= 2) {
    const std::size_t step = n / (2 * half);
    for (std::size_t start = 0; start < n; start += 2 * half)
      for (std::size_t k = 0; k < half; k++) {
        const std::size_t a = start + k, b = a + half;
        const vd cosine = c(cosines[k * step]), sine = c(sines[k * step]);
        const vd p = numberOf(re, b), q = numberOf(im, b), r = numberOf(re, a), s = numberOf(im, a);
        const vd x = p * cosine - q * sine, y = p * sine + q * cosine;
        setNumber(re, b, r - x);
        setNumber(im, b, s - y);
        setNumber(re, a, r + x);
        setNumber(im, a, s + y);
      }
  }
}

/** Elements of float64 that `fourierRows` needs beside its operands. */
inline std::size_t spareOfFourier(std::size_t length) { return 2 * length * WIDE; }

/**
 * The transform of each row. `length` is n where that is a power of two, and `tables` are its roots; else it is that of the convolution, and the
 * tables are n numbers of the chirp, `length` of its transform, real and imaginary parts of each, and the roots of `length`.
 */
inline void fourierRows(const double *re, const double *im, std::size_t rows, std::size_t n, std::size_t length, const double *tables,
                        double *outRe, double *outIm, double *spare) {
  const bool isWhole = length == n;
  const double *chirpRe = tables, *chirpIm = tables + n, *kernelRe = tables + 2 * n, *kernelIm = kernelRe + length;
  const double *cosines = isWhole ? tables : kernelIm + length, *sines = cosines + length / 2;
  double *a = spare, *b = spare + length * WIDE;
  for (std::size_t row = 0; row < rows; row += WIDE) {
    const std::size_t lanes = rows - row < (std::size_t)WIDE ? rows - row : WIDE;
    std::memset(spare, 0, 2 * length * WIDE * sizeof(double));
    for (std::size_t l = 0; l < lanes; l++)
      for (std::size_t j = 0; j < n; j++) {
        a[j * WIDE + l] = re[(row + l) * n + j];
        b[j * WIDE + l] = im[(row + l) * n + j];
      }
    if (isWhole) byHalves(a, b, n, cosines, sines);
    else {
      for (std::size_t j = 0; j < n; j++) {
        const vd x = numberOf(a, j), y = numberOf(b, j), p = c(chirpRe[j]), q = c(chirpIm[j]);
        setNumber(a, j, x * p - y * q);
        setNumber(b, j, x * q + y * p);
      }
      byHalves(a, b, length, cosines, sines);
      for (std::size_t k = 0; k < length; k++) {
        const vd x = numberOf(a, k), y = numberOf(b, k), p = c(kernelRe[k]), q = c(kernelIm[k]);
        setNumber(a, k, x * p - y * q);
        setNumber(b, k, x * q + y * p);
      }
      byHalves(b, a, length, cosines, sines);
      const vd all = c((double)length);
      for (std::size_t k = 0; k < n; k++) {
        const vd x = numberOf(a, k) / all, y = numberOf(b, k) / all, p = c(chirpRe[k]), q = c(chirpIm[k]);
        setNumber(a, k, x * p - y * q);
        setNumber(b, k, x * q + y * p);
      }
    }
    for (std::size_t l = 0; l < lanes; l++)
      for (std::size_t j = 0; j < n; j++) {
        outRe[(row + l) * n + j] = a[j * WIDE + l];
        outIm[(row + l) * n + j] = b[j * WIDE + l];
      }
  }
}

} // namespace
