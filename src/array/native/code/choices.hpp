/** Comparisons, and what is chosen by them. Bytes of 1 and 0 say whether. Twins of the loops and steps in src/array and src/functions. */
#pragma once
#include "circular.hpp"

namespace {

/** As many bytes as a vector of T has elements. */
template <class T> struct Bytes;
template <> struct Bytes<double> {
  typedef std::int8_t V __attribute__((vector_size(WIDE)));
};
template <> struct Bytes<float> {
  typedef std::int8_t V __attribute__((vector_size(NARROW)));
};

struct Equal {
  template <class V> static inline auto of(V a, V b) { return a == b; }
};
struct NotEqual {
  template <class V> static inline auto of(V a, V b) { return a != b; }
};
struct Less {
  template <class V> static inline auto of(V a, V b) { return a < b; }
};
struct LessEqual {
  template <class V> static inline auto of(V a, V b) { return a <= b; }
};

/** One row, or one number again and again. */
template <class T> struct Run {
  const T *x;
  inline typename Lanes<T>::V at(std::size_t i) const { return load<typename Lanes<T>::V>(x + i); }
  inline T one(std::size_t i) const { return x[i]; }
};
template <class T> struct Same {
  typename Lanes<T>::V v;
  T x;
  explicit Same(T x) : v(splat<T>(x)), x(x) {}
  inline typename Lanes<T>::V at(std::size_t) const { return v; }
  inline T one(std::size_t) const { return x; }
};

template <class F, class T, class A, class B> inline void compareRow(const A &a, const B &b, std::uint8_t *out, std::size_t n) {
  typedef typename Bytes<T>::V V8;
  constexpr std::size_t L = Lanes<T>::count;
  std::size_t i = 0;
  for (; i + L <= n; i += L) store(out + i, (V8)(__builtin_convertvector(F::of(a.at(i), b.at(i)), V8) & 1));
  for (; i < n; i++) out[i] = F::of(a.one(i), b.one(i)) ? 1 : 0;
}

/** As `Block`, with bytes for the outcome. */
template <class T> struct Comparison {
  std::size_t rows, columns;
  const T *a;
  std::ptrdiff_t aRow, aColumn;
  const T *b;
  std::ptrdiff_t bRow, bColumn;
  std::uint8_t *out;
};

template <class F, class T> void compareRows(const Comparison<T> &z) {
  for (std::size_t r = 0; r < z.rows; r++) {
    const T *a = z.a + (std::ptrdiff_t)r * z.aRow;
    const T *b = z.b + (std::ptrdiff_t)r * z.bRow;
    std::uint8_t *out = z.out + r * z.columns;
    if (z.aColumn == 1 && z.bColumn == 1) compareRow<F, T>(Run<T>{a}, Run<T>{b}, out, z.columns);
    else if (z.aColumn == 1 && z.bColumn == 0) compareRow<F, T>(Run<T>{a}, Same<T>(*b), out, z.columns);
    else if (z.aColumn == 0 && z.bColumn == 1) compareRow<F, T>(Same<T>(*a), Run<T>{b}, out, z.columns);
    else
      for (std::size_t i = 0; i < z.columns; i++)
        out[i] = F::of(a[(std::ptrdiff_t)i * z.aColumn], b[(std::ptrdiff_t)i * z.bColumn]) ? 1 : 0;
  }
}

/** The order of `COMPARE` in src/array/native/calls.ts. */
template <class T> void compare(int op, const Comparison<T> &z) {
  switch (op) {
    case 0: return compareRows<Equal, T>(z);
    case 1: return compareRows<NotEqual, T>(z);
    case 2: return compareRows<Less, T>(z);
    case 3: return compareRows<LessEqual, T>(z);
  }
}

template <class T, class A, class B> inline void chooseRow(const std::uint8_t *is, const A &a, const B &b, T *out, std::size_t n) {
  typedef typename Lanes<T>::Mask M;
  constexpr std::size_t L = Lanes<T>::count;
  std::size_t i = 0;
  for (; i + L <= n; i += L) {
    const M mask = __builtin_convertvector(load<typename Bytes<T>::V>(is + i), M) != 0;
    store(out + i, mask ? a.at(i) : b.at(i));
  }
  for (; i < n; i++) out[i] = is[i] != 0 ? a.one(i) : b.one(i);
}

/** out[i] = is[i] ≠ 0 ? a[i] : b[i]; a step of 0 repeats the first. */
template <class T> void choose(const std::uint8_t *is, const T *a, bool aMoves, const T *b, bool bMoves, T *out, std::size_t n) {
  if (n == 0) return;
  if (aMoves && bMoves) chooseRow(is, Run<T>{a}, Run<T>{b}, out, n);
  else if (aMoves) chooseRow(is, Run<T>{a}, Same<T>(*b), out, n);
  else if (bMoves) chooseRow(is, Same<T>(*a), Run<T>{b}, out, n);
  else chooseRow(is, Same<T>(*a), Same<T>(*b), out, n);
}

/** What of g goes to a when the larger of a and b is taken: all, half where they are equal, none. */
template <class T> void largerShare(const T *g, const T *a, const T *b, T *out, std::size_t n) {
  typedef typename Lanes<T>::V V;
  constexpr std::size_t L = Lanes<T>::count;
  std::size_t i = 0;
  for (; i + L <= n; i += L) {
    const V d = load<V>(g + i), x = load<V>(a + i), y = load<V>(b + i);
    const V upper = x == y ? d * splat<T>((T)0.5) : d;
    store(out + i, x < y ? splat<T>(0) : upper);
  }
  for (; i < n; i++) out[i] = a[i] < b[i] ? 0 : a[i] == b[i] ? g[i] * (T)0.5 : g[i];
}

/** x above 0, x times the slope of its channel elsewhere. */
template <class T> void prelu(const T *x, const T *slopes, std::size_t outer, std::size_t channels, std::size_t inner, T *out) {
  typedef typename Lanes<T>::V V;
  constexpr std::size_t L = Lanes<T>::count;
  const V zero = splat<T>(0);
  if (inner == 1) {
    for (std::size_t r = 0; r < outer; r++, x += channels, out += channels) {
      std::size_t i = 0;
      for (; i + L <= channels; i += L) {
        const V v = load<V>(x + i);
        store(out + i, v > zero ? v : v * load<V>(slopes + i));
      }
      for (; i < channels; i++) out[i] = x[i] > 0 ? x[i] : x[i] * slopes[i];
    }
    return;
  }
  for (std::size_t r = 0; r < outer * channels; r++, x += inner, out += inner) {
    const T slope = slopes[r % channels];
    const V all = splat<T>(slope);
    std::size_t i = 0;
    for (; i + L <= inner; i += L) {
      const V v = load<V>(x + i);
      store(out + i, v > zero ? v : v * all);
    }
    for (; i < inner; i++) out[i] = x[i] > 0 ? x[i] : x[i] * slope;
  }
}

// Gates: of g by x, with two numbers p and q. In float64, rounded to T after each operation, which is the arithmetic of T.

template <class T> inline vd rounded(vd x) {
  if constexpr (sizeof(T) == 8) return x;
  else return widen(narrow(x));
}

/** g above 0, p·g elsewhere. */
template <class T> struct Leaky {
  static inline vd of(vd g, vd x, vd p, vd) { return select(x > c(0), g, rounded<T>(g * p)); }
};
/** g above 0, p·(eˣ − 1) elsewhere. */
template <class T> struct Elu {
  static inline vd of(vd g, vd x, vd p, vd) {
    const vi isAbove = x > c(0);
    if (all(isAbove)) return g;
    return select(isAbove, g, rounded<T>(rounded<T>(Expm1::of(x)) * p));
  }
};
/** g above 0, g·(p·eˣ) elsewhere. */
template <class T> struct EluSlope {
  static inline vd of(vd g, vd x, vd p, vd) {
    const vi isAbove = x > c(0);
    if (all(isAbove)) return g;
    return select(isAbove, g, rounded<T>(g * rounded<T>(rounded<T>(Exp::of(x)) * p)));
  }
};
/** g from p to q, 0 elsewhere. */
template <class T> struct Within {
  static inline vd of(vd g, vd x, vd p, vd q) { return fromBits(bitsOf(g) & ((x >= p) & (x <= q))); }
};
/** 0 up to p and from q on, g elsewhere. */
template <class T> struct Between {
  static inline vd of(vd g, vd x, vd p, vd q) { return zeroWhere((x <= p) | (x >= q), g); }
};

/** q·g above 0, p·(eˣ − 1) elsewhere. */
template <class T> struct Selu {
  static inline vd of(vd g, vd x, vd p, vd q) {
    const vi isAbove = x > c(0);
    const vd above = rounded<T>(g * q);
    if (all(isAbove)) return above;
    return select(isAbove, above, rounded<T>(rounded<T>(Expm1::of(x)) * p));
  }
};
/** q·g above 0, g·(p·eˣ) elsewhere. */
template <class T> struct SeluSlope {
  static inline vd of(vd g, vd x, vd p, vd q) {
    const vi isAbove = x > c(0);
    const vd above = rounded<T>(g * q);
    if (all(isAbove)) return above;
    return select(isAbove, above, rounded<T>(g * rounded<T>(rounded<T>(Exp::of(x)) * p)));
  }
};
/** min(max(x + p, 0), q)/q, or with `TIMES` g times that. */
template <class T, bool TIMES> struct HardSigmoid {
  static inline vd of(vd g, vd x, vd p, vd q) {
    vd y = rounded<T>(x + p);
    y = select(y <= c(0), c(0), y);
    y = rounded<T>(select(y >= q, q, y) / q);
    if constexpr (TIMES) return rounded<T>(g * y);
    else return y;
  }
};
/** g·(x/p + 1/2) between −p and p, 0 below, g above. */
template <class T> struct HardSwishSlope {
  static inline vd of(vd g, vd x, vd p, vd) {
    const vd between = rounded<T>(g * rounded<T>(rounded<T>(x / p) + c(0.5)));
    return select(x <= -p, c(0), select(x >= p, g, between));
  }
};

/** Losses of the difference, which is rounded; the rest is in float64 and rounded once. */
template <class T> struct SmoothL1 {
  static inline vd of(vd g, vd x, vd p, vd q) {
    const vd d = abs(rounded<T>(g - x));
    return select(d < p, (c(0.5) * d * d) / p, d - q);
  }
};
template <class T> struct Huber {
  static inline vd of(vd g, vd x, vd p, vd q) {
    const vd d = abs(rounded<T>(g - x));
    return select(d <= p, c(0.5) * d * d, p * (d - q));
  }
};
template <class F> inline void gates(const double *g, const double *x, vd p, vd q, double *out, std::size_t n) {
  std::size_t i = 0;
  for (; i + WIDE <= n; i += WIDE) store(out + i, F::of(load<vd>(g + i), load<vd>(x + i), p, q));
  if (i == n) return;
  double d[WIDE], last[WIDE];
  for (int j = 0; j < WIDE; j++) {
    d[j] = i + j < n ? g[i + j] : 0.5;
    last[j] = i + j < n ? x[i + j] : 0.5;
  }
  store(last, F::of(load<vd>(d), load<vd>(last), p, q));
  for (std::size_t j = 0; i + j < n; j++) out[i + j] = last[j];
}
template <class F> inline void gates(const float *g, const float *x, vd p, vd q, float *out, std::size_t n) {
  std::size_t i = 0;
  for (; i + WIDE <= n; i += WIDE) store(out + i, narrow(F::of(widen(load<vh>(g + i)), widen(load<vh>(x + i)), p, q)));
  if (i == n) return;
  float d[WIDE], last[WIDE];
  for (int j = 0; j < WIDE; j++) {
    d[j] = i + j < n ? g[i + j] : 0.5f;
    last[j] = i + j < n ? x[i + j] : 0.5f;
  }
  store(last, narrow(F::of(widen(load<vh>(d)), widen(load<vh>(last)), p, q)));
  for (std::size_t j = 0; i + j < n; j++) out[i + j] = last[j];
}

/** The order of `GATE` in src/array/native/calls.ts. */
template <class T> void gate(int op, const T *g, const T *x, double p, double q, T *out, std::size_t n) {
  const vd first = c(p), second = c(q);
  switch (op) {
    case 0: return gates<Leaky<T>>(g, x, first, second, out, n);
    case 1: return gates<Elu<T>>(g, x, first, second, out, n);
    case 2: return gates<EluSlope<T>>(g, x, first, second, out, n);
    case 3: return gates<Within<T>>(g, x, first, second, out, n);
    case 4: return gates<Between<T>>(g, x, first, second, out, n);
    case 5: return gates<Selu<T>>(g, x, first, second, out, n);
    case 6: return gates<SeluSlope<T>>(g, x, first, second, out, n);
    case 7: return gates<HardSigmoid<T, false>>(g, x, first, second, out, n);
    case 8: return gates<HardSigmoid<T, true>>(g, x, first, second, out, n);
    case 9: return gates<HardSwishSlope<T>>(g, x, first, second, out, n);
    case 10: return gates<SmoothL1<T>>(g, x, first, second, out, n);
    case 11: return gates<Huber<T>>(g, x, first, second, out, n);
  }
}

} // namespace
