/** What one way of computing offers: the same functions for each instruction set, behind pointers. */
#pragma once
#include <cstddef>

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
};
