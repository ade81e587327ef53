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

inline vd larger(Whole, vd a, vd b) { return Larger<double>::of(a, b); }
inline vf larger(Whole, vf a, vf b) { return Larger<float>::of(a, b); }
template <class T> inline T larger(Single, T a, T b) { return Larger<T>::one(a, b); }

/** f(place, rows, columns, maximum) for the windows of one layer; `line` holds a row: a maximum does not depend on the order. */
template <class T, class F> inline void eachMaximum(const WindowShape &z, const T *x, T *line, F f) {
  for (std::size_t r = 0, place = 0; r < z.outRows; r++) {
    const Span down = rowsOf(z, r);
    sweep<T>(z.columns, [&](auto tag, std::size_t i) {
      auto most = like(tag, (T)-INF);
      for (std::ptrdiff_t row = down.from; row < down.to; row++) most = larger(tag, most, at(tag, x + row * (std::ptrdiff_t)z.columns + i));
      put(tag, line + i, most);
    });
    for (std::size_t s = 0; s < z.outColumns; s++, place++) {
      const Span across = columnsOf(z, s);
      T most = (T)-INF;
      for (std::ptrdiff_t i = across.from; i < across.to; i++) most = Larger<T>::one(most, line[i]);
      f(place, down, across, most);
    }
  }
}

/** `line` holds a row, here and below. */
template <class T> void maxPool(const WindowShape &z, const T *x, T *out, T *line) {
  const std::size_t area = z.rows * z.columns, places = z.outRows * z.outColumns;
  for (std::size_t layer = 0; layer < z.images * z.channels; layer++, x += area, out += places)
    eachMaximum(z, x, line, [&](std::size_t place, const Span &, const Span &, T most) { out[place] = most; });
}

/** gx, zeros before, gets each element of gy where its window has the maximum, shared evenly. */
template <class T> void maxPoolScatter(const WindowShape &z, const T *gy, const T *x, T *gx, T *line) {
  const std::size_t area = z.rows * z.columns, places = z.outRows * z.outColumns;
  for (std::size_t layer = 0; layer < z.images * z.channels; layer++, x += area, gx += area, gy += places)
    eachMaximum(z, x, line, [&](std::size_t place, const Span &down, const Span &across, T most) {
      std::ptrdiff_t count = 0, last = 0;
      for (std::ptrdiff_t row = down.from * (std::ptrdiff_t)z.columns; row < down.to * (std::ptrdiff_t)z.columns; row += z.columns)
        for (std::ptrdiff_t i = row + across.from; i < row + across.to; i++) {
          const bool isMet = (x[i] == most) | (x[i] != x[i]);
          count += isMet;
          last = isMet ? i : last;
        }
      if (count == 1) {
        gx[last] = gx[last] + gy[place];
        return;
      }
      const double share = (double)gy[place] / (double)count;
      for (std::ptrdiff_t row = down.from * (std::ptrdiff_t)z.columns; row < down.to * (std::ptrdiff_t)z.columns; row += z.columns)
        for (std::ptrdiff_t i = row + across.from; i < row + across.to; i++)
          if ((x[i] == most) | (x[i] != x[i])) gx[i] = (T)((double)gx[i] + share);
    });
}

/** f(line of `windows`, line of the image, first and last column that lie in it) for each line of an unfolded image. */
template <class F> inline void eachLine(const WindowShape &z, F f) {
  std::size_t line = 0;
  for (std::size_t c = 0; c < z.channels; c++)
    for (std::size_t i = 0; i < z.kernelRows; i++)
      for (std::size_t j = 0; j < z.kernelColumns; j++) {
        const std::ptrdiff_t stride = z.strideColumns, outs = z.outColumns, column = (std::ptrdiff_t)j - (std::ptrdiff_t)z.paddingColumns;
        const std::ptrdiff_t room = (std::ptrdiff_t)z.columns - 1 - column;
        std::ptrdiff_t first = column < 0 ? (-column + stride - 1) / stride : 0, last = room < 0 ? 0 : room / stride + 1;
        first = first < outs ? first : outs;
        last = last < outs ? last : outs;
        last = last < first ? first : last;
        std::ptrdiff_t y = (std::ptrdiff_t)i - (std::ptrdiff_t)z.paddingRows;
        for (std::size_t r = 0; r < z.outRows; r++, y += z.strideRows, line += z.outColumns) {
          const bool isInside = y >= 0 && y < (std::ptrdiff_t)z.rows;
          const std::ptrdiff_t from = ((std::ptrdiff_t)(c * z.rows) + y) * (std::ptrdiff_t)z.columns + column;
          f(line, from, isInside ? first : outs, isInside ? last : outs);
        }
      }
}

/** windows[(c, i, j), (r, s)] = image[c, r·stride + i − padding, …]; 0 outside. */
template <class T> void unfold(const WindowShape &z, const T *image, T *windows) {
  const std::ptrdiff_t outs = z.outColumns, stride = z.strideColumns;
  eachLine(z, [&](std::size_t line, std::ptrdiff_t from, std::ptrdiff_t first, std::ptrdiff_t last) {
    T *to = windows + line;
    std::ptrdiff_t s = 0;
    for (; s < first; s++) to[s] = 0;
    if (stride == 1) for (; s < last; s++) to[s] = image[from + s];
    else for (; s < last; s++) to[s] = image[from + s * stride];
    for (; s < outs; s++) to[s] = 0;
  });
}

/** The adjoint: adds every element of `windows` to where it was read. */
template <class T> void fold(const WindowShape &z, const T *windows, T *image) {
  const std::ptrdiff_t stride = z.strideColumns;
  eachLine(z, [&](std::size_t line, std::ptrdiff_t from, std::ptrdiff_t first, std::ptrdiff_t last) {
    const T *x = windows + line;
    if (stride == 1) for (std::ptrdiff_t s = first; s < last; s++) image[from + s] = image[from + s] + x[s];
    else for (std::ptrdiff_t s = first; s < last; s++) image[from + s * stride] = image[from + s * stride] + x[s];
  });
}

/** `spare` holds an unfolded image, here and below. */
template <class T> void convolve(const WindowShape &z, std::size_t outs, const T *x, const T *w, T *out, T *spare) {
  const std::size_t area = z.channels * z.rows * z.columns, taps = z.taps(), places = z.places();
  for (std::size_t i = 0; i < z.images; i++, x += area, out += outs * places) {
    unfold(z, x, spare);
    matmul<T>(outs, taps, places, {w, (std::ptrdiff_t)taps, 1}, {spare, (std::ptrdiff_t)places, 1}, out);
  }
}

/** `out`, images of zeros before, gets the windows that each element of y stands for. */
template <class T> void convolveTransposed(const WindowShape &z, std::size_t maps, const T *y, const T *w, T *out, T *spare) {
  const std::size_t area = z.channels * z.rows * z.columns, taps = z.taps(), places = z.places();
  for (std::size_t i = 0; i < z.images; i++, y += maps * places, out += area) {
    matmul<T>(taps, maps, places, {w, 1, (std::ptrdiff_t)taps}, {y, (std::ptrdiff_t)places, 1}, spare);
    fold(z, spare, out);
  }
}

/** `spare` holds also a result, and one for each depth of halving. */
template <class T>
void convolveWeights(const WindowShape &z, std::size_t outs, Cut cut, const T *x, const T *gy, T *out, T *spare) {
  const std::size_t area = z.channels * z.rows * z.columns, taps = z.taps(), places = z.places(), size = outs * taps;
  T *part = spare + taps * places;
  halved<T>(cut, 0, z.images, size, out, part + size, [&](std::size_t from, std::size_t count, T *sum) {
    for (std::size_t i = from; i < from + count; i++) {
      unfold(z, x + i * area, spare);
      matmul<T>(outs, places, taps, {gy + i * outs * places, (std::ptrdiff_t)places, 1}, {spare, 1, (std::ptrdiff_t)places}, part);
      sweep<T>(size, [&](auto tag, std::size_t j) { put(tag, sum + j, at(tag, sum + j) + at(tag, part + j)); });
    }
  });
}

} // namespace
