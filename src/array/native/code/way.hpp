/** What one way of computing offers: the same functions for each instruction set, behind pointers. */
#pragma once
#include <cstddef>
#include <cstdint>

/** How windows lie on images: numbers of images, channels and elements, and where windows begin. */
struct WindowShape {
  std::size_t images, channels, rows, columns, kernelRows, kernelColumns, strideRows, strideColumns, paddingRows, paddingColumns, outRows,
      outColumns;
  std::size_t taps() const { return channels * kernelRows * kernelColumns; }
  std::size_t places() const { return outRows * outColumns; }
  /** Elements of an image with zeros around it. */
  std::size_t paddedSize() const { return channels * (rows + 2 * paddingRows) * (columns + 2 * paddingColumns); }
};

/**
 * What is normalised: `images` times `channels` times `inner` elements. By rows, inner is 1, an image is a row and its channels are the
 * elements. Where sums are not cut, `most` is endless.
 */
struct NormShape {
  bool isByChannel;
  std::size_t images, channels, inner, most, step;
  double eps;
};

/** How sums are cut: of images, and of places within an image. */
struct SumCuts {
  std::size_t most, step, placesMost, placesStep;
};

/** How often at most a sum of `count` parts is cut in two, one cut within the other. */
inline std::size_t depthOf(std::size_t count, std::size_t most, std::size_t step) {
  std::size_t depth = 0;
  for (; count > most; depth++) {
    const std::size_t half = count / 2;
    count -= half - half % step;
  }
  return depth;
}

/** Indices along an axis of `extent` elements, `count` of them, with what lies before and behind that axis. */
struct PlaceShape {
  std::size_t outer, extent, count, inner;
};

/** Windows of volumes: for each axis where each begins, and for each where it ends, one axis after the other. */
struct VolumeShape {
  std::size_t layers, depths, rows, columns, outDepths, outRows, outColumns;
  const std::int32_t *bounds;
};

/** Along an axis of `extent` places, `count` means of neighbours. */
struct BlendShape {
  std::size_t outer, extent, count, inner;
  double step;
  bool isAligned;
};

/** Operands as the addon has checked them. `isNarrow` says float32, else float64. */
struct Way {
  const char *name;
  void (*unary)(bool isNarrow, int op, const void *x, void *out, std::size_t n);
  void (*binary)(bool isNarrow, int op, std::size_t rows, std::size_t columns, const void *a, std::ptrdiff_t aRow,
                 std::ptrdiff_t aColumn, const void *b, std::ptrdiff_t bRow, std::ptrdiff_t bColumn, void *out);
  void (*clip)(bool isNarrow, const void *x, double least, double most, void *out, std::size_t n);
  void (*matmul)(bool isNarrow, std::size_t m, std::size_t k, std::size_t n, const void *a, std::ptrdiff_t aRow,
                 std::ptrdiff_t aColumn, const void *b, std::ptrdiff_t bRow, std::ptrdiff_t bColumn, void *out);
  void (*reduceRows)(bool isNarrow, int op, const void *x, std::size_t rows, std::size_t columns, void *out);
  void (*accumulateRows)(bool isNarrow, int op, const void *x, std::size_t rows, std::size_t columns, void *out);
  void (*softmaxRows)(bool isNarrow, bool isLog, const void *x, std::size_t rows, std::size_t columns, void *out, void *spare);
  void (*sgdStep)(bool isNarrow, const void *w, const void *g, void *out, std::size_t n, const double *numbers);
  void (*momentumStep)(bool isNarrow, const void *w, const void *g, const void *v, void *outW, void *outV, std::size_t n,
                       const double *numbers);
  void (*adamStep)(bool isNarrow, const void *w, const void *g, const void *m, const void *v, void *outW, void *outM, void *outV,
                   std::size_t n, const double *numbers);
  void (*summarize)(bool isNarrow, const void *x, std::size_t n, double *numbers);
  double (*distance)(bool isNarrow, const void *x, const void *y, std::size_t n);
  void (*measure)(bool isNarrow, const void *x, const void *y, std::size_t n, double *numbers);
  // From here on, `spare` is memory of the call's own: as many elements as the code that is called says.
  void (*normalize)(bool isNarrow, const NormShape &z, const void *x, const void *gamma, const void *beta, void *out, void *spare);
  void (*normalizeSlopes)(bool isNarrow, const NormShape &z, const void *gy, const void *x, const void *gamma, void *gx, void *sums,
                          void *spare);
  void (*softmaxSlope)(bool isNarrow, const void *gy, const void *y, std::size_t rows, std::size_t columns, void *out, void *spare);
  void (*geluSlope)(bool isNarrow, const void *gy, const void *x, void *out, std::size_t n);
  void (*maxPool)(bool isNarrow, const WindowShape &z, const void *x, void *out);
  void (*maxPoolScatter)(bool isNarrow, const WindowShape &z, const void *gy, const void *x, void *gx);
  void (*convolve)(bool isNarrow, const WindowShape &z, std::size_t outs, const void *x, const void *w, void *out, void *spare);
  void (*convolveTransposed)(bool isNarrow, const WindowShape &z, std::size_t maps, const void *y, const void *w, void *out, void *spare);
  void (*convolveWeights)(bool isNarrow, const WindowShape &z, std::size_t outs, const SumCuts &cuts, const void *x,
                          const void *gy, void *out, void *spare);
  // `is` and the outcome of a comparison are bytes of 0 and 1.
  void (*compare)(bool isNarrow, int op, std::size_t rows, std::size_t columns, const void *a, std::ptrdiff_t aRow,
                  std::ptrdiff_t aColumn, const void *b, std::ptrdiff_t bRow, std::ptrdiff_t bColumn, void *out);
  void (*choose)(bool isNarrow, const void *is, const void *a, bool aMoves, const void *b, bool bMoves, void *out, std::size_t n);
  void (*largerShare)(bool isNarrow, const void *g, const void *a, const void *b, void *out, std::size_t n);
  /** x above 0, x times the slope of its channel elsewhere: `outer` times `channels` times `inner` elements. */
  void (*prelu)(bool isNarrow, const void *x, const void *slopes, std::size_t outer, std::size_t channels, std::size_t inner, void *out);
  void (*gate)(bool isNarrow, int op, const void *g, const void *x, double p, double q, void *out, std::size_t n);
  // Of float64 alone.
  void (*foldRows)(bool isMinus, double *s, const double *u, std::ptrdiff_t uStep, const double *a, std::ptrdiff_t aRow,
                   std::size_t rows, std::size_t columns);
  void (*takeOuter)(double *a, std::ptrdiff_t aRow, const double *u, std::ptrdiff_t uStep, const double *v, std::size_t rows,
                    std::size_t columns);
  void (*diagonalize)(double *a, double *turned, std::size_t n, double least, std::size_t sweeps);
  void (*orthogonalize)(double *columns, double *turned, std::size_t count, std::size_t n, double share, std::size_t sweeps);
  bool (*symmetricEigen)(double *a, double *d, double *turned, std::size_t n, std::size_t most, double *spare);
  std::size_t (*spareOfTriangle)(std::size_t count, std::size_t n);
  void (*triangleValues)(double *columns, double *triangle, double *units, std::int32_t *order, std::size_t count, std::size_t n,
                         double share, std::size_t sweeps, double *spare);
  std::ptrdiff_t (*cholesky)(const double *a, double *u, std::size_t n);
  int (*factorRows)(double *a, std::int32_t *rows, std::size_t n);
  std::ptrdiff_t (*firstBeyond)(const std::int32_t *which, std::size_t n, std::size_t extent);
  void (*atPlaces)(bool isNarrow, int op, const PlaceShape &z, const void *x, const std::int32_t *which, void *out);
  /** out[i…] = x[Σ i·stride], out contiguous, of at least one axis and one element. */
  void (*copy)(bool isNarrow, int axes, const std::size_t *extents, const std::ptrdiff_t *strides, const void *x, void *out);
  /** `spare` holds two of the elements of order.hpp for each of a row. */
  void (*sortRows)(bool isNarrow, bool isTurned, const void *x, std::size_t rows, std::size_t n, std::size_t wanted, void *values,
                   std::int32_t *places, void *spare);
  void (*moveRuns)(bool isNarrow, const void *x, std::size_t xStep, void *out, std::size_t outStep, std::size_t length, std::size_t count);
  void (*volumeMaxima)(bool isNarrow, const VolumeShape &z, const void *x, void *out);
  void (*volumeMaximaScatter)(bool isNarrow, const VolumeShape &z, const void *gy, const void *x, void *gx);
  /** Bytes of `spare`. */
  std::size_t (*spareOfPlaces)(std::size_t n);
  void (*placesInOrder)(bool isNarrow, const void *x, std::size_t rows, std::size_t n, const std::int32_t *wanted, std::size_t count,
                        void *values, std::int32_t *found, void *spare);
  std::size_t (*spareOfDistances)(std::size_t n, std::size_t d);
  void (*distances)(bool isNarrow, bool isSquare, const void *a, const void *b, std::size_t batches, std::size_t m, std::size_t n,
                    std::size_t d, void *out, double *spare);
  void (*averagePool)(bool isNarrow, const WindowShape &z, const void *x, void *out);
  void (*averagePoolScatter)(bool isNarrow, const WindowShape &z, const void *gy, void *gx);
  /** Bytes of `spare`. */
  std::size_t (*spareOfBlend)(std::size_t count);
  void (*blend)(bool isNarrow, bool isScatter, const BlendShape &z, const void *x, void *out, void *spare);
  std::size_t (*spareOfFourier)(std::size_t length);
  void (*convert)(bool isToNarrow, double *wide, float *narrow, std::size_t n);
  void (*fourierRows)(const double *re, const double *im, std::size_t rows, std::size_t n, std::size_t length, const double *tables,
                      double *outRe, double *outIm, double *spare);
  std::size_t (*spareOfRadices)(std::size_t n);
  void (*fourierByRadices)(int kind, std::size_t rows, std::size_t n, const double *roots, const double *re, const double *im, double *outRe,
                           double *outIm, double *spare);
};
