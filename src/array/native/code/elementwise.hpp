/** Loops over elements: one operand, two operands, gradients of activations, steps of optimizers. Twins of the loops in src/array. */
#pragma once
#include "circular.hpp"

namespace {

// One operand, whole vectors of the array's own type.

template <class T> struct Neg {
  typedef typename Lanes<T>::V V;
  static inline V of(V x) { return -x; }
};
template <class T> struct Square {
  typedef typename Lanes<T>::V V;
  static inline V of(V x) { return x * x; }
};
template <class T> struct Abs {
  typedef typename Lanes<T>::V V;
  typedef typename Lanes<T>::Mask M;
  static inline V of(V x) { return (V)((M)x & ~(M)splat<T>((T)-0.0)); }
};
template <class T> struct Relu {
  typedef typename Lanes<T>::V V;
  static inline V of(V x) { return x <= splat<T>(0) ? splat<T>(0) : x; }
};
template <class T> struct Sign {
  typedef typename Lanes<T>::V V;
  static inline V of(V x) {
    const V zero = splat<T>(0), beside = x == zero ? zero : x;
    return x > zero ? splat<T>(1) : x < zero ? splat<T>(-1) : beside;
  }
};
template <class T> struct Sqrt {
  typedef typename Lanes<T>::V V;
  static inline V of(V x) {
    V y;
    for (int i = 0; i < Lanes<T>::count; i++) y[i] = sizeof(T) == 8 ? __builtin_sqrt(x[i]) : __builtin_sqrtf(x[i]);
    return y;
  }
};
template <class T> struct Reciprocal {
  typedef typename Lanes<T>::V V;
  static inline V of(V x) { return splat<T>(1) / x; }
};

/** out[i] = F(x[i]); what is left of a last vector goes through a vector of its own. */
template <class F, class T> void mapOwn(const T *x, T *out, std::size_t n) {
  typedef typename Lanes<T>::V V;
  constexpr int L = Lanes<T>::count;
  std::size_t i = 0;
  for (; i + L <= n; i += L) store(out + i, F::of(load<V>(x + i)));
  if (i < n) {
    T last[L];
    for (int j = 0; j < L; j++) last[j] = i + j < n ? x[i + j] : (T)1;
    store(last, F::of(load<V>(last)));
    for (std::size_t j = 0; i + j < n; j++) out[i + j] = last[j];
  }
}

struct Floor {
  static inline vd of(vd x) { return Pow::floorOf(x); }
};

/** In float64, rounded once. */
struct Cube {
  static inline vd of(vd x) { return x * x * x; }
};
struct Ceil {
  static inline vd of(vd x) { return neg(Pow::floorOf(neg(x))); }
};
/** Towards 0. What rounds to 0 keeps its sign. */
struct Trunc {
  static inline vd of(vd x) { return withSign(Pow::floorOf(abs(x)), signOf(x)); }
};
/** To the nearest integer, of two that are equally near the even one, as sums are rounded. */
struct Round {
  static inline vd of(vd x) {
    const vd whole = c(4503599627370496.0), near = withSign((abs(x) + whole) - whole, signOf(x));
    return select(abs(x) < whole, near, x);
  }
};

inline void convert(const double *x, float *out, std::size_t n) {
  std::size_t i = 0;
  for (; i + WIDE <= n; i += WIDE) store(out + i, narrow(load<vd>(x + i)));
  for (; i < n; i++) out[i] = (float)x[i];
}
inline void convert(const float *x, double *out, std::size_t n) {
  std::size_t i = 0;
  for (; i + WIDE <= n; i += WIDE) store(out + i, widen(load<vh>(x + i)));
  for (; i < n; i++) out[i] = (double)x[i];
}

/** Functions of float64; float32 is computed in it and rounded once. */
template <class F> void mapWide(const double *x, double *out, std::size_t n) {
  std::size_t i = 0;
  for (; i + WIDE <= n; i += WIDE) store(out + i, F::of(load<vd>(x + i)));
  if (i < n) {
    double last[WIDE];
    for (int j = 0; j < WIDE; j++) last[j] = i + j < n ? x[i + j] : 0.5;
    store(last, F::of(load<vd>(last)));
    for (std::size_t j = 0; i + j < n; j++) out[i + j] = last[j];
  }
}
template <class F> void mapWide(const float *x, float *out, std::size_t n) {
  std::size_t i = 0;
  for (; i + WIDE <= n; i += WIDE) store(out + i, narrow(F::of(widen(load<vh>(x + i)))));
  if (i < n) {
    double last[WIDE];
    for (int j = 0; j < WIDE; j++) last[j] = i + j < n ? (double)x[i + j] : 0.5;
    store(last, F::of(load<vd>(last)));
    for (std::size_t j = 0; i + j < n; j++) out[i + j] = (float)last[j];
  }
}

/** The order of `UNARY` in src/array/native/calls.ts. */
template <class T> void unary(int op, const T *x, T *out, std::size_t n) {
  switch (op) {
    case 0: return mapOwn<Neg<T>>(x, out, n);
    case 1: return mapOwn<Square<T>>(x, out, n);
    case 2: return mapOwn<Abs<T>>(x, out, n);
    case 3: return mapOwn<Relu<T>>(x, out, n);
    case 4: return mapOwn<Sqrt<T>>(x, out, n);
    case 5: return mapOwn<Reciprocal<T>>(x, out, n);
    case 6: return mapWide<Exp>(x, out, n);
    case 7: return mapWide<Log>(x, out, n);
    case 8: return mapWide<Sin>(x, out, n);
    case 9: return mapWide<Cos>(x, out, n);
    case 10: return mapWide<Tanh>(x, out, n);
    case 11: return mapWide<Sigmoid>(x, out, n);
    case 12: return mapWide<Erf>(x, out, n);
    case 13: return mapWide<Gelu>(x, out, n);
    case 14: return mapWide<Softplus>(x, out, n);
    case 15: return mapWide<Expm1>(x, out, n);
    case 16: return mapWide<Log1p>(x, out, n);
    case 17: return mapOwn<Sign<T>>(x, out, n);
    case 18: return mapWide<Floor>(x, out, n);
    case 19: return mapWide<Tan>(x, out, n);
    case 20: return mapWide<Sinh>(x, out, n);
    case 21: return mapWide<Cosh>(x, out, n);
    case 22: return mapWide<Arcsin>(x, out, n);
    case 23: return mapWide<Arccos>(x, out, n);
    case 24: return mapWide<Arctan>(x, out, n);
    case 25: return mapWide<Ceil>(x, out, n);
    case 26: return mapWide<Trunc>(x, out, n);
    case 27: return mapWide<Round>(x, out, n);
    case 28: return mapWide<Cube>(x, out, n);
    case 29: return mapWide<Exp2>(x, out, n);
  }
}

// Two operands. `of` on vectors, `one` on single elements: the same operation.

template <class T> struct Add {
  typedef typename Lanes<T>::V V;
  static inline V of(V a, V b) { return a + b; }
  static inline T one(T a, T b) { return a + b; }
};
template <class T> struct Sub {
  typedef typename Lanes<T>::V V;
  static inline V of(V a, V b) { return a - b; }
  static inline T one(T a, T b) { return a - b; }
};
template <class T> struct Mul {
  typedef typename Lanes<T>::V V;
  static inline V of(V a, V b) { return a * b; }
  static inline T one(T a, T b) { return a * b; }
};
template <class T> struct Div {
  typedef typename Lanes<T>::V V;
  static inline V of(V a, V b) { return a / b; }
  static inline T one(T a, T b) { return a / b; }
};
/** Gradients of activations: of g where x is the input (relu) or the result (sigmoid, tanh). */
template <class T> struct ReluSlope {
  typedef typename Lanes<T>::V V;
  static inline V of(V g, V x) { return x <= splat<T>(0) ? splat<T>(0) : g; }
  static inline T one(T g, T x) { return x <= 0 ? 0 : g; }
};
template <class T> struct SigmoidSlope {
  typedef typename Lanes<T>::V V;
  static inline V of(V g, V x) { return (g * x) * (splat<T>(1) - x); }
  static inline T one(T g, T x) { return (g * x) * (1 - x); }
};
template <class T> struct TanhSlope {
  typedef typename Lanes<T>::V V;
  static inline V of(V g, V x) { return g * (splat<T>(1) - x * x); }
  static inline T one(T g, T x) { return g * (1 - x * x); }
};

template <class F, class T> inline void bothRows(const T *a, const T *b, T *out, std::size_t n) {
  typedef typename Lanes<T>::V V;
  constexpr int L = Lanes<T>::count;
  std::size_t i = 0;
  for (; i + L <= n; i += L) store(out + i, F::of(load<V>(a + i), load<V>(b + i)));
  for (; i < n; i++) out[i] = F::one(a[i], b[i]);
}
template <class F, class T> inline void rowAndOne(const T *a, T b, T *out, std::size_t n) {
  typedef typename Lanes<T>::V V;
  constexpr int L = Lanes<T>::count;
  std::size_t i = 0;
  for (const V y = splat<T>(b); i + L <= n; i += L) store(out + i, F::of(load<V>(a + i), y));
  for (; i < n; i++) out[i] = F::one(a[i], b);
}
template <class F, class T> inline void oneAndRow(T a, const T *b, T *out, std::size_t n) {
  typedef typename Lanes<T>::V V;
  constexpr int L = Lanes<T>::count;
  std::size_t i = 0;
  for (const V x = splat<T>(a); i + L <= n; i += L) store(out + i, F::of(x, load<V>(b + i)));
  for (; i < n; i++) out[i] = F::one(a, b[i]);
}

/** Two operands over rows × columns, by any steps. */
template <class T> struct Block {
  std::size_t rows, columns;
  const T *a;
  std::ptrdiff_t aRow, aColumn;
  const T *b;
  std::ptrdiff_t bRow, bColumn;
  T *out;
};

template <class F, class T> void pairs(const Block<T> &z) {
  for (std::size_t r = 0; r < z.rows; r++) {
    const T *a = z.a + (std::ptrdiff_t)r * z.aRow;
    const T *b = z.b + (std::ptrdiff_t)r * z.bRow;
    T *out = z.out + r * z.columns;
    if (z.aColumn == 1 && z.bColumn == 1) bothRows<F>(a, b, out, z.columns);
    else if (z.aColumn == 1 && z.bColumn == 0) rowAndOne<F>(a, *b, out, z.columns);
    else if (z.aColumn == 0 && z.bColumn == 1) oneAndRow<F>(*a, b, out, z.columns);
    else
      for (std::size_t i = 0; i < z.columns; i++)
        out[i] = F::one(a[(std::ptrdiff_t)i * z.aColumn], b[(std::ptrdiff_t)i * z.bColumn]);
  }
}

/** x^y and the angle have no form for one element: pieces of both operands are gathered into vectors. */
template <class F, class T> void gathered(const Block<T> &z) {
  for (std::size_t r = 0; r < z.rows; r++) {
    const T *a = z.a + (std::ptrdiff_t)r * z.aRow;
    const T *b = z.b + (std::ptrdiff_t)r * z.bRow;
    T *out = z.out + r * z.columns;
    for (std::size_t i = 0; i < z.columns; i += WIDE) {
      vd x = c(1), y = c(1);
      const int some = z.columns - i < (std::size_t)WIDE ? (int)(z.columns - i) : WIDE;
      for (int j = 0; j < some; j++) {
        x[j] = a[(std::ptrdiff_t)(i + j) * z.aColumn];
        y[j] = b[(std::ptrdiff_t)(i + j) * z.bColumn];
      }
      const vd z_ = F::of(x, y);
      for (int j = 0; j < some; j++) out[i + j] = (T)z_[j];
    }
  }
}

/** a − b·⌊a/b⌋, in float64 and rounded once. What C divides with is exact, as JavaScript's % is. */
template <class T> void remainders(const Block<T> &z) {
  for (std::size_t r = 0; r < z.rows; r++) {
    const T *a = z.a + (std::ptrdiff_t)r * z.aRow;
    const T *b = z.b + (std::ptrdiff_t)r * z.bRow;
    T *out = z.out + r * z.columns;
    for (std::size_t i = 0; i < z.columns; i++) {
      const double x = a[(std::ptrdiff_t)i * z.aColumn], y = b[(std::ptrdiff_t)i * z.bColumn];
      const double left = __builtin_fabs(x) < __builtin_fabs(y) ? x : __builtin_fmod(x, y);
      out[i] = (T)(left != 0 && (left < 0) != (y < 0) ? left + y : left);
    }
  }
}

/** The order of `BINARY` in src/array/native/calls.ts. */
template <class T> void binary(int op, const Block<T> &z) {
  switch (op) {
    case 0: return pairs<Add<T>>(z);
    case 1: return pairs<Sub<T>>(z);
    case 2: return pairs<Mul<T>>(z);
    case 3: return pairs<Div<T>>(z);
    case 4: return pairs<Larger<T>>(z);
    case 5: return pairs<Smaller<T>>(z);
    case 6: return gathered<Pow>(z);
    case 7: return pairs<ReluSlope<T>>(z);
    case 8: return pairs<SigmoidSlope<T>>(z);
    case 9: return pairs<TanhSlope<T>>(z);
    case 10: return gathered<Arctan2>(z);
    case 11: return remainders(z);
  }
}

/** min(max(x, least), most) in float64, rounded once. */
inline vd between(vd x, vd least, vd most) { return Smaller<double>::of(Larger<double>::of(x, least), most); }

template <class T> void clip(const T *x, double least, double most, T *out, std::size_t n) {
  const vd low = c(least), high = c(most);
  std::size_t i = 0;
  for (; i + WIDE <= n; i += WIDE) {
    if constexpr (sizeof(T) == 8) store(out + i, between(load<vd>(x + i), low, high));
    else store(out + i, narrow(between(widen(load<vh>(x + i)), low, high)));
  }
  for (; i < n; i++) out[i] = (T)Smaller<double>::one(Larger<double>::one(x[i], least), most);
}

// Steps of optimizers, in float64, rounded once when they are stored. An output may be its operand, so nothing is read twice.

template <class T> void sgdStep(const T *w, const T *g, T *out, std::size_t n, double lr, double weightDecay) {
#pragma GCC ivdep
  for (std::size_t i = 0; i < n; i++) {
    const double x = w[i];
    out[i] = (T)(x - lr * (g[i] + weightDecay * x));
  }
}

struct MomentumNumbers {
  double lr, momentum, fresh, weightDecay, nesterov;
};

template <class T>
void momentumStep(const T *w, const T *g, const T *v, T *outW, T *outV, std::size_t n, const MomentumNumbers &z) {
  const double lr = z.lr, momentum = z.momentum, fresh = z.fresh, weightDecay = z.weightDecay;
  if (z.nesterov != 0) {
#pragma GCC ivdep
    for (std::size_t i = 0; i < n; i++) {
      const double x = w[i];
      const double d = g[i] + weightDecay * x;
      const double velocity = momentum * v[i] + fresh * d;
      outV[i] = (T)velocity;
      outW[i] = (T)(x - lr * (d + momentum * velocity));
    }
  } else {
#pragma GCC ivdep
    for (std::size_t i = 0; i < n; i++) {
      const double x = w[i];
      const double d = g[i] + weightDecay * x;
      const double velocity = momentum * v[i] + fresh * d;
      outV[i] = (T)velocity;
      outW[i] = (T)(x - lr * velocity);
    }
  }
}

struct AdamNumbers {
  double beta1, fresh1, beta2, fresh2, decay, keep, size, correction, eps;
};

template <class T>
void adamStep(const T *w, const T *g, const T *m, const T *v, T *outW, T *outM, T *outV, std::size_t n, const AdamNumbers &z) {
  const AdamNumbers k = z;
#pragma GCC ivdep
  for (std::size_t i = 0; i < n; i++) {
    const double x = w[i];
    const double d = g[i] + k.decay * x;
    const double mean = k.beta1 * m[i] + k.fresh1 * d;
    const double square = k.beta2 * v[i] + k.fresh2 * d * d;
    outM[i] = (T)mean;
    outV[i] = (T)square;
    outW[i] = (T)(x * k.keep - (k.size * mean) / (__builtin_sqrt(square) / k.correction + k.eps));
  }
}

// Elements that lie apart, copied side by side.

/** Returns where the next element goes. */
template <class T> T *copyAxes(int axes, const std::size_t *extents, const std::ptrdiff_t *strides, const T *x, T *out) {
  const std::size_t n = extents[0];
  const std::ptrdiff_t step = strides[0];
  if (axes > 1) {
    for (std::size_t i = 0; i < n; i++) out = copyAxes(axes - 1, extents + 1, strides + 1, x + (std::ptrdiff_t)i * step, out);
    return out;
  }
  typedef typename Lanes<T>::V V;
  constexpr std::size_t L = Lanes<T>::count;
  std::size_t i = 0;
  if (step == 1) for (; i + L <= n; i += L) store(out + i, load<V>(x + i));
  for (; i < n; i++) out[i] = x[(std::ptrdiff_t)i * step];
  return out + n;
}

} // namespace
