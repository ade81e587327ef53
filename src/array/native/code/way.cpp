/**
 * One way of computing, compiled once for each instruction set with its WAY (a name) and VECTOR_BYTES. Nothing is fused, and no
 * sum is reordered: so all ways give the same bits, those of the plain loops in src/array.
 */
#include "choices.hpp"
#include "factors.hpp"
#include "fourier.hpp"
#include "order.hpp"
#include "places.hpp"
#include "products.hpp"
#include "radices.hpp"
#include "reductions.hpp"
#include "rotations.hpp"
#include "rows.hpp"
#include "summaries.hpp"
#include "way.hpp"
#include "windows.hpp"

#define JOIN(a, b) a##b
#define NAME_OF(way) JOIN(gradtape_, way)
#define TEXT(x) #x
#define TEXT_OF(x) TEXT(x)

namespace {

typedef const double *D;
typedef const float *F;

void unaryOf(bool isNarrow, int op, const void *x, void *out, std::size_t n) {
  if (isNarrow) unary(op, (F)x, (float *)out, n);
  else unary(op, (D)x, (double *)out, n);
}

void binaryOf(bool isNarrow, int op, std::size_t rows, std::size_t columns, const void *a, std::ptrdiff_t aRow,
              std::ptrdiff_t aColumn, const void *b, std::ptrdiff_t bRow, std::ptrdiff_t bColumn, void *out) {
  if (isNarrow) binary<float>(op, {rows, columns, (F)a, aRow, aColumn, (F)b, bRow, bColumn, (float *)out});
  else binary<double>(op, {rows, columns, (D)a, aRow, aColumn, (D)b, bRow, bColumn, (double *)out});
}

void clipOf(bool isNarrow, const void *x, double least, double most, void *out, std::size_t n) {
  if (isNarrow) clip((F)x, least, most, (float *)out, n);
  else clip((D)x, least, most, (double *)out, n);
}

void matmulOf(bool isNarrow, std::size_t m, std::size_t k, std::size_t n, const void *a, std::ptrdiff_t aRow,
              std::ptrdiff_t aColumn, const void *b, std::ptrdiff_t bRow, std::ptrdiff_t bColumn, void *out) {
  if (isNarrow) matmul<float>(m, k, n, {(F)a, aRow, aColumn}, {(F)b, bRow, bColumn}, (float *)out);
  else matmul<double>(m, k, n, {(D)a, aRow, aColumn}, {(D)b, bRow, bColumn}, (double *)out);
}

void reduceRowsOf(bool isNarrow, int op, const void *x, std::size_t rows, std::size_t columns, void *out) {
  if (isNarrow) reduceRows(op, (F)x, rows, columns, (float *)out);
  else reduceRows(op, (D)x, rows, columns, (double *)out);
}

void accumulateRowsOf(bool isNarrow, int op, const void *x, std::size_t rows, std::size_t columns, void *out) {
  if (isNarrow) accumulateRows(op, (F)x, rows, columns, (float *)out);
  else accumulateRows(op, (D)x, rows, columns, (double *)out);
}

void softmaxRowsOf(bool isNarrow, bool isLog, const void *x, std::size_t rows, std::size_t columns, void *out, void *spare) {
  if (isNarrow) softmaxRows(isLog, (F)x, rows, columns, (float *)out, (float *)spare);
  else softmaxRows(isLog, (D)x, rows, columns, (double *)out, (double *)spare);
}

void sgdStepOf(bool isNarrow, const void *w, const void *g, void *out, std::size_t n, const double *numbers) {
  if (isNarrow) sgdStep((F)w, (F)g, (float *)out, n, numbers[0], numbers[1]);
  else sgdStep((D)w, (D)g, (double *)out, n, numbers[0], numbers[1]);
}

void momentumStepOf(bool isNarrow, const void *w, const void *g, const void *v, void *outW, void *outV, std::size_t n,
                    const double *numbers) {
  const MomentumNumbers z = {numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]};
  if (isNarrow) momentumStep((F)w, (F)g, (F)v, (float *)outW, (float *)outV, n, z);
  else momentumStep((D)w, (D)g, (D)v, (double *)outW, (double *)outV, n, z);
}

void adamStepOf(bool isNarrow, const void *w, const void *g, const void *m, const void *v, void *outW, void *outM, void *outV,
                std::size_t n, const double *numbers) {
  AdamNumbers z;
  std::memcpy(&z, numbers, sizeof z);
  if (isNarrow) adamStep((F)w, (F)g, (F)m, (F)v, (float *)outW, (float *)outM, (float *)outV, n, z);
  else adamStep((D)w, (D)g, (D)m, (D)v, (double *)outW, (double *)outM, (double *)outV, n, z);
}

void summarizeOf(bool isNarrow, const void *x, std::size_t n, double *numbers) {
  if (isNarrow) summarize((F)x, n, numbers);
  else summarize((D)x, n, numbers);
}

double distanceOf(bool isNarrow, const void *x, const void *y, std::size_t n) {
  return isNarrow ? distance((F)x, (F)y, n) : distance((D)x, (D)y, n);
}

void measureOf(bool isNarrow, const void *x, const void *y, std::size_t n, double *numbers) {
  if (isNarrow) measure((F)x, (F)y, n, numbers);
  else measure((D)x, (D)y, n, numbers);
}

template <class T> void normalizeAs(const NormShape &z, const void *x, const void *gamma, const void *beta, void *out, void *spare) {
  const T *from = (const T *)x, *scale = (const T *)gamma, *shift = (const T *)beta;
  if (z.isByChannel)
    normalizeChannels<T>(from, scale, shift, (T)z.eps, {z.most, z.step}, {z.images, z.channels, z.inner}, (T *)out, (T *)spare);
  else normalizeRows<T>(from, scale, shift, (T)z.eps, z.images, z.channels, (T *)out, (T *)spare);
}
void normalizeOf(bool isNarrow, const NormShape &z, const void *x, const void *gamma, const void *beta, void *out, void *spare) {
  if (isNarrow) normalizeAs<float>(z, x, gamma, beta, out, spare);
  else normalizeAs<double>(z, x, gamma, beta, out, spare);
}

template <class T>
void normalizeSlopesAs(const NormShape &z, const void *gy, const void *x, const void *gamma, void *gx, void *sums, void *spare) {
  const T *g = (const T *)gy, *from = (const T *)x, *scale = (const T *)gamma;
  const Cut cut = {z.most, z.step};
  if (z.isByChannel)
    normalizeChannelsSlopes<T>(g, from, scale, (T)z.eps, cut, {z.images, z.channels, z.inner}, (T *)gx, (T *)sums, (T *)spare);
  else normalizeRowsSlopes<T>(g, from, scale, (T)z.eps, cut, z.images, z.channels, (T *)gx, (T *)sums, (T *)spare);
}
void normalizeSlopesOf(bool isNarrow, const NormShape &z, const void *gy, const void *x, const void *gamma, void *gx, void *sums,
                       void *spare) {
  if (isNarrow) normalizeSlopesAs<float>(z, gy, x, gamma, gx, sums, spare);
  else normalizeSlopesAs<double>(z, gy, x, gamma, gx, sums, spare);
}

void softmaxSlopeOf(bool isNarrow, const void *gy, const void *y, std::size_t rows, std::size_t columns, void *out, void *spare) {
  if (isNarrow) softmaxSlope((F)gy, (F)y, rows, columns, (float *)out, (float *)spare);
  else softmaxSlope((D)gy, (D)y, rows, columns, (double *)out, (double *)spare);
}

void geluSlopeOf(bool isNarrow, const void *gy, const void *x, void *out, std::size_t n) {
  if (isNarrow) geluSlope((F)gy, (F)x, (float *)out, n);
  else geluSlope((D)gy, (D)x, (double *)out, n);
}

void maxPoolOf(bool isNarrow, const WindowShape &z, const void *x, void *out) {
  if (isNarrow) maxPool(z, (F)x, (float *)out);
  else maxPool(z, (D)x, (double *)out);
}

void maxPoolScatterOf(bool isNarrow, const WindowShape &z, const void *gy, const void *x, void *gx) {
  if (isNarrow) maxPoolScatter(z, (F)gy, (F)x, (float *)gx);
  else maxPoolScatter(z, (D)gy, (D)x, (double *)gx);
}

void compareOf(bool isNarrow, int op, std::size_t rows, std::size_t columns, const void *a, std::ptrdiff_t aRow,
               std::ptrdiff_t aColumn, const void *b, std::ptrdiff_t bRow, std::ptrdiff_t bColumn, void *out) {
  std::uint8_t *to = (std::uint8_t *)out;
  if (isNarrow) compare<float>(op, {rows, columns, (F)a, aRow, aColumn, (F)b, bRow, bColumn, to});
  else compare<double>(op, {rows, columns, (D)a, aRow, aColumn, (D)b, bRow, bColumn, to});
}

void chooseOf(bool isNarrow, const void *is, const void *a, bool aMoves, const void *b, bool bMoves, void *out, std::size_t n) {
  const std::uint8_t *which = (const std::uint8_t *)is;
  if (isNarrow) choose(which, (F)a, aMoves, (F)b, bMoves, (float *)out, n);
  else choose(which, (D)a, aMoves, (D)b, bMoves, (double *)out, n);
}

void largerShareOf(bool isNarrow, const void *g, const void *a, const void *b, void *out, std::size_t n) {
  if (isNarrow) largerShare((F)g, (F)a, (F)b, (float *)out, n);
  else largerShare((D)g, (D)a, (D)b, (double *)out, n);
}

void convertOf(bool isToNarrow, double *wide, float *narrow, std::size_t n) {
  if (isToNarrow) convert(wide, narrow, n);
  else convert(narrow, wide, n);
}

void gateOf(bool isNarrow, int op, const void *g, const void *x, double p, double q, void *out, std::size_t n) {
  if (isNarrow) gate(op, (F)g, (F)x, p, q, (float *)out, n);
  else gate(op, (D)g, (D)x, p, q, (double *)out, n);
}

void preluOf(bool isNarrow, const void *x, const void *slopes, std::size_t outer, std::size_t channels, std::size_t inner, void *out) {
  if (isNarrow) prelu((F)x, (F)slopes, outer, channels, inner, (float *)out);
  else prelu((D)x, (D)slopes, outer, channels, inner, (double *)out);
}

void placesInOrderOf(bool isNarrow, const void *x, std::size_t rows, std::size_t n, const std::int32_t *wanted, std::size_t count,
                     void *values, std::int32_t *found, void *spare) {
  if (isNarrow) placesInOrder((F)x, rows, n, wanted, count, (float *)values, found, spare);
  else placesInOrder((D)x, rows, n, wanted, count, (double *)values, found, spare);
}

/** Elements of float64 for `distances`. */
std::size_t spareOfDistances(std::size_t n, std::size_t d) { return (n + WIDE) * d; }

void distancesOf(bool isNarrow, bool isSquare, const void *a, const void *b, std::size_t batches, std::size_t m, std::size_t n, std::size_t d,
                 void *out, double *spare) {
  if (isNarrow) distances(isSquare, (F)a, (F)b, batches, m, n, d, (float *)out, spare);
  else distances(isSquare, (D)a, (D)b, batches, m, n, d, (double *)out, spare);
}

void averagePoolOf(bool isNarrow, const WindowShape &z, const void *x, void *out) {
  if (isNarrow) averagePool(z, (F)x, (float *)out);
  else averagePool(z, (D)x, (double *)out);
}

void averagePoolScatterOf(bool isNarrow, const WindowShape &z, const void *gy, void *gx) {
  if (isNarrow) averagePoolScatter(z, (F)gy, (float *)gx);
  else averagePoolScatter(z, (D)gy, (double *)gx);
}

std::size_t spareOfBlend(std::size_t count) { return count * sizeof(Neighbours); }

void blendOf(bool isNarrow, bool isScatter, const BlendShape &z, const void *x, void *out, void *spare) {
  Neighbours *const all = (Neighbours *)spare;
  if (isScatter) {
    if (isNarrow) blendScatter((F)x, z.outer, z.extent, z.count, z.inner, z.step, z.isAligned, (float *)out, all);
    else blendScatter((D)x, z.outer, z.extent, z.count, z.inner, z.step, z.isAligned, (double *)out, all);
  } else if (isNarrow) blend((F)x, z.outer, z.extent, z.count, z.inner, z.step, z.isAligned, (float *)out, all);
  else blend((D)x, z.outer, z.extent, z.count, z.inner, z.step, z.isAligned, (double *)out, all);
}

void volumeMaximaOf(bool isNarrow, const VolumeShape &z, const void *x, void *out) {
  if (isNarrow) volumeMaxima(z, (F)x, (float *)out);
  else volumeMaxima(z, (D)x, (double *)out);
}

void volumeMaximaScatterOf(bool isNarrow, const VolumeShape &z, const void *gy, const void *x, void *gx) {
  if (isNarrow) volumeMaximaScatter(z, (F)gy, (F)x, (float *)gx);
  else volumeMaximaScatter(z, (D)gy, (D)x, (double *)gx);
}

void sortRowsOf(bool isNarrow, bool isTurned, const void *x, std::size_t rows, std::size_t n, std::size_t wanted, void *values,
                std::int32_t *places, void *spare) {
  if (isNarrow) sortRows(isTurned, (F)x, rows, n, wanted, (float *)values, places, spare);
  else sortRows(isTurned, (D)x, rows, n, wanted, (double *)values, places, spare);
}

void moveRunsOf(bool isNarrow, const void *x, std::size_t xStep, void *out, std::size_t outStep, std::size_t length, std::size_t count) {
  const std::size_t size = isNarrow ? sizeof(float) : sizeof(double);
  moveRuns((const char *)x, xStep * size, (char *)out, outStep * size, length * size, count);
}

void atPlacesOf(bool isNarrow, int op, const PlaceShape &z, const void *x, const std::int32_t *which, void *out) {
  if (isNarrow) atPlaces(op, z, (F)x, which, (float *)out);
  else atPlaces(op, z, (D)x, which, (double *)out);
}

void copyOf(bool isNarrow, int axes, const std::size_t *extents, const std::ptrdiff_t *strides, const void *x, void *out) {
  if (isNarrow) copyAxes<float>(axes, extents, strides, (F)x, (float *)out);
  else copyAxes<double>(axes, extents, strides, (D)x, (double *)out);
}

void convolveOf(bool isNarrow, const WindowShape &z, std::size_t outs, const void *x, const void *w, void *out, void *spare) {
  if (isNarrow) convolve(z, outs, (F)x, (F)w, (float *)out, (float *)spare);
  else convolve(z, outs, (D)x, (D)w, (double *)out, (double *)spare);
}

void convolveTransposedOf(bool isNarrow, const WindowShape &z, std::size_t maps, const void *y, const void *w, void *out, void *spare) {
  if (isNarrow) convolveTransposed(z, maps, (F)y, (F)w, (float *)out, (float *)spare);
  else convolveTransposed(z, maps, (D)y, (D)w, (double *)out, (double *)spare);
}

void convolveWeightsOf(bool isNarrow, const WindowShape &z, std::size_t outs, const SumCuts &cuts, const void *x, const void *gy,
                       void *out, void *spare) {
  if (isNarrow) convolveWeights(z, outs, cuts, (F)x, (F)gy, (float *)out, (float *)spare);
  else convolveWeights(z, outs, cuts, (D)x, (D)gy, (double *)out, (double *)spare);
}

} // namespace

extern "C" __attribute__((visibility("hidden"))) const Way NAME_OF(WAY) = {
    TEXT_OF(WAY), unaryOf,        binaryOf,  clipOf,         matmulOf,   reduceRowsOf,
    accumulateRowsOf, softmaxRowsOf, sgdStepOf, momentumStepOf, adamStepOf, summarizeOf,
    distanceOf, measureOf,   normalizeOf,    normalizeSlopesOf, softmaxSlopeOf, geluSlopeOf, maxPoolOf,
    maxPoolScatterOf, convolveOf, convolveTransposedOf, convolveWeightsOf, compareOf, chooseOf, largerShareOf, preluOf, gateOf,
    foldRows, takeOuter, diagonalize, orthogonalize, symmetricEigen, spareOfTriangle, triangleValues, cholesky, factorRows, firstBeyond, atPlacesOf, copyOf,
    sortRowsOf, moveRunsOf, volumeMaximaOf, volumeMaximaScatterOf,
    spareOfPlaces, placesInOrderOf, spareOfDistances, distancesOf,
    averagePoolOf, averagePoolScatterOf, spareOfBlend, blendOf, spareOfFourier, convertOf, fourierRows,
    spareOfRadices, fourierByRadices,
};
