/**
 * One way of computing, compiled once for each instruction set with its WAY (a name) and VECTOR_BYTES. Nothing is fused, and no
 * sum is reordered: so all ways give the same bits, those of the plain loops in src/array.
 */
#include "products.hpp"
#include "reductions.hpp"
#include "way.hpp"

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

} // namespace

extern "C" __attribute__((visibility("hidden"))) const Way NAME_OF(WAY) = {
    TEXT_OF(WAY), unaryOf,        binaryOf,  clipOf,         matmulOf,   reduceRowsOf,
    accumulateRowsOf, softmaxRowsOf, sgdStepOf, momentumStepOf, adamStepOf, summarizeOf,
    distanceOf,
};
