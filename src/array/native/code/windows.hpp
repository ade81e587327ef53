/**
 * What runs over the windows of images: maxima and where they were, convolution and its two adjoints. Twins of src/array/pooling.ts
 * and src/array/convolution.ts, where the order of every sum stands.
 */
#pragma once
#include "normalization.hpp"
#include "products.hpp"
#include "way.hpp"

namespace {

/** The part inside of `extent` of the window that begins at `start`. */
struct Span {
  std::ptrdiff_t from, to;
  Span(std::ptrdiff_t start, std::size_t size, std::size_t extent)
      : from(start < 0 ? 0 : start), to(start + (std::ptrdiff_t)size < (std::ptrdiff_t)extent ? start + (std::ptrdiff_t)size : (std::ptrdiff_t)extent) {}
};

inline Span rowsOf(const WindowShape &z, std::size_t r) {
  return Span((std::ptrdiff_t)(r * z.strideRows) - (std::ptrdiff_t)z.paddingRows, z.kernelRows, z.rows);
}
inline Span columnsOf(const WindowShape &z, std::size_t s) {
  return Span((std::ptrdiff_t)(s * z.strideColumns) - (std::ptrdiff_t)z.paddingColumns, z.kernelColumns, z.columns);
}

/** The elements of a window: `tall` times `wide` from `first` on, in rows of `columns`. */
struct Window {
  std::ptrdiff_t first, tall, wide, columns;
};

/** f(place, where its layer begins, window) for all windows; `KERNEL` is their height and width where that is known here. */
template <int KERNEL, class F> inline void eachWindow(const WindowShape &z, F f) {
  const std::ptrdiff_t columns = z.columns, area = z.rows * z.columns;
  std::ptrdiff_t base = 0;
  std::size_t place = 0;
  for (std::size_t layer = 0; layer < z.images * z.channels; layer++, base += area)
    for (std::size_t r = 0; r < z.outRows; r++) {
      if constexpr (KERNEL > 0) {
        std::ptrdiff_t first = (std::ptrdiff_t)(r * z.strideRows) * columns;
        for (std::size_t s = 0; s < z.outColumns; s++, place++, first += z.strideColumns) f(place, base, Window{first, KERNEL, KERNEL, columns});
      } else {
        const Span down = rowsOf(z, r);
        for (std::size_t s = 0; s < z.outColumns; s++, place++) {
          const Span across = columnsOf(z, s);
          f(place, base, Window{down.from * columns + across.from, down.to - down.from, across.to - across.from, columns});
        }
      }
    }
}

template <class F> inline void eachElement(const Window &w, F f) {
  for (std::ptrdiff_t r = 0; r < w.tall; r++)
    for (std::ptrdiff_t i = 0; i < w.wide; i++) f(w.first + r * w.columns + i);
}

/** JavaScript's Math.max of a window: nearly always by plain comparisons, which leave NaN out and take −0 for 0. */
template <class T> inline T maximumOf(const Window &w, const T *x) {
  T most = (T)-INF;
  bool isOdd = false;
  eachElement(w, [&](std::ptrdiff_t i) {
    most = x[i] > most ? x[i] : most;
    isOdd |= x[i] != x[i];
  });
  if (!isOdd && (most != 0 || !__builtin_signbit(most))) return most;
  eachElement(w, [&](std::ptrdiff_t i) { most = Larger<T>::one(most, x[i]); });
  return most;
}

/** Whether all windows are 2 by 2 and lie in the image, as they nearly always do. */
inline bool isByTwo(const WindowShape &z) {
  return z.kernelRows == 2 && z.kernelColumns == 2 && z.paddingRows == 0 && z.paddingColumns == 0 &&
         (z.outRows - 1) * z.strideRows + 2 <= z.rows && (z.outColumns - 1) * z.strideColumns + 2 <= z.columns;
}

template <int KERNEL, class T> void maxPoolBy(const WindowShape &z, const T *x, T *out) {
  eachWindow<KERNEL>(z, [&](std::size_t place, std::ptrdiff_t base, const Window &w) { out[place] = maximumOf(w, x + base); });
}
template <class T> void maxPool(const WindowShape &z, const T *x, T *out) {
  if (isByTwo(z)) maxPoolBy<2>(z, x, out);
  else maxPoolBy<0>(z, x, out);
}

template <int KERNEL, class T> void maxPoolScatterBy(const WindowShape &z, const T *gy, const T *x, T *gx) {
  eachWindow<KERNEL>(z, [&](std::size_t place, std::ptrdiff_t base, const Window &w) {
    const T *from = x + base;
    T *to = gx + base;
    const T most = maximumOf(w, from);
    const auto isMet = [&](std::ptrdiff_t i) { return (from[i] == most) | (from[i] != from[i]); };
    int count = 0;
    eachElement(w, [&](std::ptrdiff_t i) { count += isMet(i); });
    // No element is −0, which a sum that began at 0 never is: so to add 0 changes none.
    // Read from a table, as nobody can foretell which it is.
    const double shares[2] = {0, (double)gy[place] / (double)count};
    eachElement(w, [&](std::ptrdiff_t i) { to[i] = (T)((double)to[i] + shares[isMet(i)]); });
  });
}
/** gx, zeros before, gets each element of gy where its window has the maximum, shared evenly. */
template <class T> void maxPoolScatter(const WindowShape &z, const T *gy, const T *x, T *gx) {
  if (isByTwo(z)) maxPoolScatterBy<2>(z, gy, x, gx);
  else maxPoolScatterBy<0>(z, gy, x, gx);
}

/** f(place, where its layer begins, the first and the last layers of a window as places, the window in the first) for all windows. */
template <class F> inline void eachVolume(const VolumeShape &z, F f) {
  const std::ptrdiff_t columns = z.columns, area = z.rows * z.columns, volume = area * (std::ptrdiff_t)z.depths;
  const std::int32_t *deep = z.bounds, *down = deep + 2 * z.outDepths, *across = down + 2 * z.outRows;
  std::ptrdiff_t base = 0;
  std::size_t place = 0;
  for (std::size_t layer = 0; layer < z.layers; layer++, base += volume)
    for (std::size_t p = 0; p < z.outDepths; p++)
      for (std::size_t r = 0; r < z.outRows; r++)
        for (std::size_t s = 0; s < z.outColumns; s++, place++)
          f(place, base, deep[p] * area, deep[z.outDepths + p] * area,
            Window{down[r] * columns + across[s], down[z.outRows + r] - down[r], across[z.outColumns + s] - across[s], columns});
}

template <class F> inline void eachOfVolume(const Window &w, std::ptrdiff_t near, std::ptrdiff_t far, std::ptrdiff_t area, F f) {
  for (std::ptrdiff_t depth = near; depth < far; depth += area)
    for (std::ptrdiff_t r = 0; r < w.tall; r++)
      for (std::ptrdiff_t i = 0; i < w.wide; i++) f(depth + w.first + r * w.columns + i);
}

/** `maximumOf` of a window of a volume. */
template <class T> inline T volumeMaximumOf(const Window &w, std::ptrdiff_t near, std::ptrdiff_t far, std::ptrdiff_t area, const T *x) {
  T most = (T)-INF;
  bool isOdd = false;
  eachOfVolume(w, near, far, area, [&](std::ptrdiff_t i) {
    most = x[i] > most ? x[i] : most;
    isOdd |= x[i] != x[i];
  });
  if (!isOdd && (most != 0 || !__builtin_signbit(most))) return most;
  eachOfVolume(w, near, far, area, [&](std::ptrdiff_t i) { most = Larger<T>::one(most, x[i]); });
  return most;
}

template <class T> void volumeMaxima(const VolumeShape &z, const T *x, T *out) {
  const std::ptrdiff_t area = z.rows * z.columns;
  eachVolume(z, [&](std::size_t place, std::ptrdiff_t base, std::ptrdiff_t near, std::ptrdiff_t far, const Window &w) {
    out[place] = volumeMaximumOf(w, near, far, area, x + base);
  });
}

/** gx, zeros before, gets each element of gy where its window has the maximum, shared evenly. */
template <class T> void volumeMaximaScatter(const VolumeShape &z, const T *gy, const T *x, T *gx) {
  const std::ptrdiff_t area = z.rows * z.columns;
  eachVolume(z, [&](std::size_t place, std::ptrdiff_t base, std::ptrdiff_t near, std::ptrdiff_t far, const Window &w) {
    const T *from = x + base;
    T *to = gx + base;
    const T most = volumeMaximumOf(w, near, far, area, from);
    std::ptrdiff_t count = 0, last = 0;
    eachOfVolume(w, near, far, area, [&](std::ptrdiff_t i) {
      const bool isMet = (from[i] == most) | (from[i] != from[i]);
      count += isMet;
      last = isMet ? i : last;
    });
    if (count == 1) {
      to[last] = (T)((double)to[last] + (double)gy[place]);
      return;
    }
    const double share = (double)gy[place] / (double)count;
    eachOfVolume(w, near, far, area, [&](std::ptrdiff_t i) {
      if (from[i] == most || from[i] != from[i]) to[i] = (T)((double)to[i] + share);
    });
  });
}

/** The sum of each window divided by `size`, in float64, rounded once. */
template <int KERNEL, class T> void averagePoolBy(const WindowShape &z, double size, const T *x, T *out) {
  eachWindow<KERNEL>(z, [&](std::size_t place, std::ptrdiff_t base, const Window &w) {
    const T *from = x + base;
    double total = 0;
    eachElement(w, [&](std::ptrdiff_t i) { total = total + (double)from[i]; });
    out[place] = (T)(total / size);
  });
}
template <class T> void averagePool(const WindowShape &z, const T *x, T *out) {
  const double size = (double)(z.kernelRows * z.kernelColumns);
  if (isByTwo(z)) averagePoolBy<2>(z, size, x, out);
  else averagePoolBy<0>(z, size, x, out);
}

template <int KERNEL, class T> void averagePoolScatterBy(const WindowShape &z, double size, const T *gy, T *gx) {
  eachWindow<KERNEL>(z, [&](std::size_t place, std::ptrdiff_t base, const Window &w) {
    T *to = gx + base;
    const double each = (double)gy[place] / size;
    eachElement(w, [&](std::ptrdiff_t i) { to[i] = (T)((double)to[i] + each); });
  });
}
/** gx, zeros before, gets of each element of gy its share at all places of its window. */
template <class T> void averagePoolScatter(const WindowShape &z, const T *gy, T *gx) {
  const double size = (double)(z.kernelRows * z.kernelColumns);
  if (isByTwo(z)) averagePoolScatterBy<2>(z, size, gy, gx);
  else averagePoolScatterBy<0>(z, size, gy, gx);
}

/** Elements of an image with zeros around it: a run may be read, and written, a vector beyond its end. */
template <class T> inline std::size_t paddedSize(const WindowShape &z) { return z.paddedSize() + Lanes<T>::count; }

/** The image into the middle of `padded`, whose rim stays. */
template <class T> inline void padImage(const WindowShape &z, const T *image, T *padded) {
  const std::size_t tall = z.rows + 2 * z.paddingRows, wide = z.columns + 2 * z.paddingColumns;
  for (std::size_t c = 0; c < z.channels; c++)
    for (std::size_t r = 0; r < z.rows; r++) {
      T *to = padded + (c * tall + r + z.paddingRows) * wide + z.paddingColumns;
      for (std::size_t i = 0; i < z.columns; i++) to[i] = image[(c * z.rows + r) * z.columns + i];
    }
}

/** windows[(c, i, j), (r, s)] = image[c, r·stride + i − padding, …]; 0 outside. A vector beyond the end is written too. */
template <class T> void unfold(const WindowShape &z, const T *image, T *windows, T *padded) {
  typedef typename Lanes<T>::V V;
  constexpr std::size_t L = Lanes<T>::count;
  const std::size_t tall = z.rows + 2 * z.paddingRows, wide = z.columns + 2 * z.paddingColumns, outs = z.outColumns;
  padImage(z, image, padded);
  T *to = windows;
  for (std::size_t c = 0; c < z.channels; c++)
    for (std::size_t i = 0; i < z.kernelRows; i++)
      for (std::size_t j = 0; j < z.kernelColumns; j++)
        for (std::size_t r = 0; r < z.outRows; r++, to += outs) {
          const T *from = padded + (c * tall + i + r * z.strideRows) * wide + j;
          if (z.strideColumns == 1) for (std::size_t s = 0; s < outs; s += L) store(to + s, load<V>(from + s));
          else for (std::size_t s = 0; s < outs; s++) to[s] = from[s * z.strideColumns];
        }
}

/** The same turned around: windows[(r, s), (c, i, j)]. */
template <class T> void unfoldTurned(const WindowShape &z, const T *image, T *windows, T *padded) {
  typedef T Some __attribute__((vector_size(16)));
  constexpr std::size_t L = 16 / sizeof(T);
  const std::size_t tall = z.rows + 2 * z.paddingRows, wide = z.columns + 2 * z.paddingColumns;
  padImage(z, image, padded);
  T *to = windows;
  for (std::size_t r = 0; r < z.outRows; r++)
    for (std::size_t s = 0; s < z.outColumns; s++) {
      const T *corner = padded + r * z.strideRows * wide + s * z.strideColumns;
      for (std::size_t c = 0; c < z.channels; c++)
        for (std::size_t i = 0; i < z.kernelRows; i++, to += z.kernelColumns) {
          const T *from = corner + (c * tall + i) * wide;
          for (std::size_t j = 0; j < z.kernelColumns; j += L) store(to + j, load<Some>(from + j));
        }
    }
}

/** The adjoint: image, overwritten, gets every element of `windows` added to where it was read. */
template <class T> void fold(const WindowShape &z, const T *windows, T *image, T *padded) {
  typedef T Some __attribute__((vector_size(16)));
  constexpr std::size_t L = 16 / sizeof(T);
  const std::size_t tall = z.rows + 2 * z.paddingRows, wide = z.columns + 2 * z.paddingColumns, outs = z.outColumns;
  std::memset(padded, 0, z.paddedSize() * sizeof(T));
  const T *from = windows;
  for (std::size_t c = 0; c < z.channels; c++)
    for (std::size_t i = 0; i < z.kernelRows; i++)
      for (std::size_t j = 0; j < z.kernelColumns; j++)
        for (std::size_t r = 0; r < z.outRows; r++, from += outs) {
          T *to = padded + (c * tall + i + r * z.strideRows) * wide + j;
          std::size_t s = 0;
          if (z.strideColumns == 1) {
            for (; s + L <= outs; s += L) store(to + s, load<Some>(to + s) + load<Some>(from + s));
            for (; s < outs; s++) to[s] = to[s] + from[s];
          } else
            for (; s < outs; s++) to[s * z.strideColumns] = to[s * z.strideColumns] + from[s];
        }
  for (std::size_t c = 0; c < z.channels; c++)
    for (std::size_t r = 0; r < z.rows; r++) {
      const T *line = padded + (c * tall + r + z.paddingRows) * wide + z.paddingColumns;
      for (std::size_t i = 0; i < z.columns; i++) image[(c * z.rows + r) * z.columns + i] = line[i];
    }
}

/** Whether windows are single pixels, one beside the other: then an image is what it would be unfolded. */
inline bool isByPixel(const WindowShape &z) {
  return z.kernelRows == 1 && z.kernelColumns == 1 && z.strideRows == 1 && z.strideColumns == 1 && z.paddingRows == 0 && z.paddingColumns == 0 &&
         z.outRows == z.rows && z.outColumns == z.columns;
}

/** `spare` holds an unfolded image and a padded one, and a vector behind each. */
template <class T> void convolve(const WindowShape &z, std::size_t outs, const T *x, const T *w, T *out, T *spare) {
  const std::size_t area = z.channels * z.rows * z.columns, taps = z.taps(), places = z.places();
  T *windows = spare + paddedSize<T>(z);
  if (isByPixel(z)) {
    for (std::size_t i = 0; i < z.images; i++, x += area, out += outs * places)
      matmul<T>(outs, taps, places, {w, (std::ptrdiff_t)taps, 1}, {x, (std::ptrdiff_t)places, 1}, out);
    return;
  }
  std::memset(spare, 0, paddedSize<T>(z) * sizeof(T));
  for (std::size_t i = 0; i < z.images; i++, x += area, out += outs * places) {
    unfold(z, x, windows, spare);
    matmul<T>(outs, taps, places, {w, (std::ptrdiff_t)taps, 1}, {windows, (std::ptrdiff_t)places, 1}, out);
  }
}

/** `spare` holds what it does for `convolve`. `out` gets the windows that each element of y stands for. */
template <class T> void convolveTransposed(const WindowShape &z, std::size_t maps, const T *y, const T *w, T *out, T *spare) {
  const std::size_t area = z.channels * z.rows * z.columns, taps = z.taps(), places = z.places();
  T *windows = spare + paddedSize<T>(z);
  if (isByPixel(z)) {
    for (std::size_t i = 0; i < z.images; i++, y += maps * places, out += area)
      matmul<T>(taps, maps, places, {w, 1, (std::ptrdiff_t)taps}, {y, (std::ptrdiff_t)places, 1}, out);
    return;
  }
  for (std::size_t i = 0; i < z.images; i++, y += maps * places, out += area) {
    matmul<T>(taps, maps, places, {w, 1, (std::ptrdiff_t)taps}, {y, (std::ptrdiff_t)places, 1}, windows);
    fold(z, windows, out, spare);
  }
}

/** The product, and its sum over k by halves where it is long. `spare` holds a result for each depth of halving. */
template <class T>
void halvedProduct(Cut cut, std::size_t m, std::size_t k, std::size_t n, const Matrix<T> &a, const Matrix<T> &b, T *out, T *spare) {
  if (k <= cut.most) return matmul<T>(m, k, n, a, b, out);
  std::size_t half = k / 2;
  half -= half % cut.step;
  const std::ptrdiff_t from = (std::ptrdiff_t)half;
  halvedProduct<T>(cut, m, half, n, a, b, out, spare);
  halvedProduct<T>(cut, m, k - half, n, {a.at + from * a.column, a.row, a.column}, {b.at + from * b.row, b.row, b.column}, spare, spare + m * n);
  sweep<T>(m * n, [&](auto tag, std::size_t j) { put(tag, out + j, at(tag, out + j) + at(tag, spare + j)); });
}

/** `spare` holds what it does for `convolve`, a result, and one for each depth of halving, of the places' sums and of the images'. */
template <class T>
void convolveWeights(const WindowShape &z, std::size_t outs, const SumCuts &cuts, const T *x, const T *gy, T *out, T *spare) {
  const std::size_t area = z.channels * z.rows * z.columns, taps = z.taps(), places = z.places(), size = outs * taps;
  const Cut ofPlaces = {cuts.placesMost, cuts.placesStep};
  T *windows = spare + paddedSize<T>(z), *part = windows + taps * places + Lanes<T>::count;
  T *halves = part + size, *more = halves + depthOf(places, cuts.placesMost, cuts.placesStep) * size;
  std::memset(spare, 0, paddedSize<T>(z) * sizeof(T));
  halved<T>({cuts.most, cuts.step}, 0, z.images, size, out, more, [&](std::size_t from, std::size_t count, T *sum) {
    for (std::size_t i = from; i < from + count; i++) {
      const bool isPixel = isByPixel(z);
      if (!isPixel) unfoldTurned(z, x + i * area, windows, spare);
      const Matrix<T> seen = isPixel ? Matrix<T>{x + i * area, 1, (std::ptrdiff_t)places} : Matrix<T>{windows, (std::ptrdiff_t)taps, 1};
      halvedProduct<T>(ofPlaces, outs, places, taps, {gy + i * outs * places, (std::ptrdiff_t)places, 1}, seen, part, halves);
      sweep<T>(size, [&](auto tag, std::size_t j) { put(tag, sum + j, at(tag, sum + j) + at(tag, part + j)); });
    }
  });
}

} // namespace
