/**
 * Normalisation to mean 0 and variance 1, and its gradients, in one call each: the roundings, and the order of every sum, are those
 * of the steps in src/array/normalization.ts. Per row, as for layerNorm, or per channel, as for batchNorm. The gradients of softmax
 * and gelu stand here too: like these they are several steps of src/functions in one.
 */
#pragma once
#include "reductions.hpp"

namespace {

/** Tags for loops that run over whole vectors first and single elements last. */
struct Whole {};
struct Single {};

template <class T> inline typename Lanes<T>::V at(Whole, const T *x) { return load<typename Lanes<T>::V>(x); }
template <class T> inline T at(Single, const T *x) { return *x; }
template <class T> inline void put(Whole, T *x, typename Lanes<T>::V v) { store(x, v); }
template <class T> inline void put(Single, T *x, T v) { *x = v; }
template <class T> inline typename Lanes<T>::V like(Whole, T x) { return splat<T>(x); }
template <class T> inline T like(Single, T x) { return x; }

/** f(tag, i) for each i below n, by vectors of T as long as they fit. */
template <class T, class F> inline void sweep(std::size_t n, F f) {
  constexpr std::size_t L = Lanes<T>::count;
  std::size_t i = 0;
  for (; i + L <= n; i += L) f(Whole{}, i);
  for (; i < n; i++) f(Single{}, i);
}

/** A sum that began at 0, divided as JavaScript divides it: in float64, rounded once. */
template <class T> inline T meanOf(T sum, std::size_t n) { return (T)((double)((T)0 + sum) / (double)n); }
template <class T> inline T rootOf(T x) { return sizeof(T) == 8 ? __builtin_sqrt(x) : __builtin_sqrtf(x); }

/** How a long sum is cut, as in src/array/halves.ts; `most` is endless where a kernel adds all one after another. */
struct Cut {
  std::size_t most, step;
};

/**
 * out[0 … width) = the sum over `count` parts from `from` on: `block` adds some of them to what is there, and blocks are added by
 * halves. `spare` holds a width for each depth.
 */
template <class T, class Block>
void halved(Cut cut, std::size_t from, std::size_t count, std::size_t width, T *out, T *spare, Block block) {
  if (count <= cut.most) {
    for (std::size_t i = 0; i < width; i++) out[i] = 0;
    return block(from, count, out);
  }
  std::size_t half = count / 2;
  half -= half % cut.step;
  halved(cut, from, half, width, out, spare + width, block);
  halved(cut, from + half, count - half, width, spare, spare + width, block);
  for (std::size_t i = 0; i < width; i++) out[i] = out[i] + spare[i];
}

/** Σ over rows of `term(tag, element, column)`, added to out[0 … columns). */
template <class T, class Term> inline void addRows(std::size_t from, std::size_t count, std::size_t columns, T *out, Term term) {
  sweep<T>(columns, [&](auto tag, std::size_t i) {
    auto sum = at(tag, out + i);
    for (std::size_t r = from; r < from + count; r++) sum = sum + term(tag, r * columns + i, i);
    put(tag, out + i, sum);
  });
}

// --- rows ------------------------------------------------------------------------------------------------------------------

/** What a row is normalised by; leaves (x − mean) in `centred`. `spare` holds a row. */
template <class T> inline T deviationOfRow(const T *x, std::size_t n, T eps, T *centred, T *spare) {
  const T mean = meanOf(pairwise(x, n), n);
  sweep<T>(n, [&](auto tag, std::size_t i) {
    const auto d = at(tag, x + i) - like(tag, mean);
    put(tag, centred + i, d);
    put(tag, spare + i, d * d);
  });
  return rootOf<T>(meanOf(pairwise(spare, n), n) + eps);
}

/** `spare` holds a row. */
template <class T>
void normalizeRows(const T *x, const T *gamma, const T *beta, T eps, std::size_t rows, std::size_t columns, T *out, T *spare) {
  for (std::size_t r = 0; r < rows; r++, x += columns, out += columns) {
    const T deviation = deviationOfRow(x, columns, eps, out, spare);
    sweep<T>(columns, [&](auto tag, std::size_t i) {
      put(tag, out + i, (at(tag, out + i) / like(tag, deviation)) * at(tag, gamma + i) + at(tag, beta + i));
    });
  }
}

/** `sums` gets those of gamma, then those of beta. `spare` holds three rows, and two for each depth of halving. */
template <class T>
void normalizeRowsSlopes(const T *gy, const T *x, const T *gamma, T eps, Cut cut, std::size_t rows, std::size_t columns, T *gx,
                         T *sums, T *spare) {
  T *hat = spare, *first = spare + columns, *second = spare + 2 * columns;
  halved<T>(cut, 0, rows, 2 * columns, sums, spare + 3 * columns, [&](std::size_t from, std::size_t count, T *some) {
    for (std::size_t r = from; r < from + count; r++) {
      const T *g = gy + r * columns;
      const T deviation = deviationOfRow(x + r * columns, columns, eps, hat, first);
      sweep<T>(columns, [&](auto tag, std::size_t i) {
        const auto xHat = at(tag, hat + i) / like(tag, deviation);
        const auto h = at(tag, g + i) * at(tag, gamma + i);
        put(tag, hat + i, xHat);
        put(tag, first + i, h);
        put(tag, second + i, h * xHat);
      });
      const T mean = meanOf(pairwise(first, columns), columns), slope = meanOf(pairwise(second, columns), columns);
      T *to = gx + r * columns;
      sweep<T>(columns, [&](auto tag, std::size_t i) {
        const auto xHat = at(tag, hat + i), d = at(tag, g + i);
        put(tag, to + i, ((at(tag, first + i) - like(tag, mean)) - xHat * like(tag, slope)) / like(tag, deviation));
        put(tag, some + i, at(tag, some + i) + d * xHat);
        put(tag, some + columns + i, at(tag, some + columns + i) + d);
      });
    }
  });
}

// --- channels --------------------------------------------------------------------------------------------------------------

/** Images of `channels` with `inner` elements each; where inner is 1, rows of a matrix. */
struct Channels {
  std::size_t images, channels, inner;
  std::size_t each() const { return images * inner; }
};

/** Mean and deviation of each channel. `spare` holds `inner`, and `channels` for each depth of halving. */
template <class T> void channelStatistics(const T *x, const Channels &z, T eps, Cut cut, T *mean, T *deviation, T *spare) {
  const std::size_t n = z.channels, inner = z.inner;
  T *more = spare + inner;
  halved<T>(cut, 0, z.images, n, mean, more, [&](std::size_t from, std::size_t count, T *sum) {
    if (inner == 1)
      return addRows(from, count, n, sum, [&](auto tag, std::size_t at_, std::size_t) { return at(tag, x + at_); });
    for (std::size_t i = from * n, channel = 0; i < (from + count) * n; i++, channel = channel + 1 == n ? 0 : channel + 1)
      sum[channel] = sum[channel] + pairwise(x + i * inner, inner);
  });
  for (std::size_t i = 0; i < n; i++) mean[i] = meanOf(mean[i], z.each());
  halved<T>(cut, 0, z.images, n, deviation, more, [&](std::size_t from, std::size_t count, T *sum) {
    if (inner == 1)
      return addRows(from, count, n, sum, [&](auto tag, std::size_t at_, std::size_t i) {
        const auto d = at(tag, x + at_) - at(tag, mean + i);
        return d * d;
      });
    for (std::size_t i = from * n, channel = 0; i < (from + count) * n; i++, channel = channel + 1 == n ? 0 : channel + 1) {
      const T *p = x + i * inner;
      sweep<T>(inner, [&](auto tag, std::size_t j) {
        const auto d = at(tag, p + j) - like(tag, mean[channel]);
        put(tag, spare + j, d * d);
      });
      sum[channel] = sum[channel] + pairwise(spare, inner);
    }
  });
  for (std::size_t i = 0; i < n; i++) deviation[i] = rootOf<T>(meanOf(deviation[i], z.each()) + eps);
}

/** f(tag, element, channel) over all elements, where a channel's number is like(…) or at(…) as `of` says. */
template <class T, class F> inline void overChannels(const Channels &z, F f) {
  if (z.inner == 1) {
    for (std::size_t r = 0; r < z.images; r++)
      sweep<T>(z.channels, [&](auto tag, std::size_t i) {
        f(tag, r * z.channels + i, [&](const T *numbers) { return at(tag, numbers + i); });
      });
    return;
  }
  for (std::size_t i = 0, channel = 0; i < z.images * z.channels; i++, channel = channel + 1 == z.channels ? 0 : channel + 1)
    sweep<T>(z.inner, [&](auto tag, std::size_t j) {
      f(tag, i * z.inner + j, [&](const T *numbers) { return like(tag, numbers[channel]); });
    });
}

/** `spare` holds 2 · channels, and what channelStatistics asks for. */
template <class T>
void normalizeChannels(const T *x, const T *gamma, const T *beta, T eps, Cut cut, const Channels &z, T *out, T *spare) {
  T *mean = spare, *deviation = spare + z.channels;
  channelStatistics(x, z, eps, cut, mean, deviation, spare + 2 * z.channels);
  overChannels<T>(z, [&](auto tag, std::size_t i, auto of) {
    put(tag, out + i, ((at(tag, x + i) - of(mean)) / of(deviation)) * of(gamma) + of(beta));
  });
}

/**
 * `sums` gets those of gamma, then those of beta. `spare` holds 6 · channels, 4 · inner, and 4 · channels for each depth of halving.
 */
template <class T>
void normalizeChannelsSlopes(const T *gy, const T *x, const T *gamma, T eps, Cut cut, const Channels &z, T *gx, T *sums, T *spare) {
  const std::size_t n = z.channels, inner = z.inner;
  T *mean = spare, *deviation = spare + n, *four = spare + 2 * n, *lines = spare + 6 * n, *more = lines + 4 * inner;
  channelStatistics(x, z, eps, cut, mean, deviation, lines);
  // x̂ waits where gx will stand.
  overChannels<T>(z, [&](auto tag, std::size_t i, auto of) { put(tag, gx + i, (at(tag, x + i) - of(mean)) / of(deviation)); });
  // Of h = gy·gamma, h·x̂, gy·x̂ and gy.
  halved<T>(cut, 0, z.images, 4 * n, four, more, [&](std::size_t from, std::size_t count, T *sum) {
    if (inner == 1) {
      sweep<T>(n, [&](auto tag, std::size_t i) {
        auto a = at(tag, sum + i), b = at(tag, sum + n + i), d = at(tag, sum + 2 * n + i), e = at(tag, sum + 3 * n + i);
        const auto scale = at(tag, gamma + i);
        for (std::size_t r = from; r < from + count; r++) {
          const auto g = at(tag, gy + r * n + i), xHat = at(tag, gx + r * n + i), h = g * scale;
          a = a + h;
          b = b + h * xHat;
          d = d + g * xHat;
          e = e + g;
        }
        put(tag, sum + i, a);
        put(tag, sum + n + i, b);
        put(tag, sum + 2 * n + i, d);
        put(tag, sum + 3 * n + i, e);
      });
      return;
    }
    for (std::size_t i = from * n, channel = 0; i < (from + count) * n; i++, channel = channel + 1 == n ? 0 : channel + 1) {
      const T *g = gy + i * inner, *xHat = gx + i * inner;
      sweep<T>(inner, [&](auto tag, std::size_t j) {
        const auto d = at(tag, g + j), hat = at(tag, xHat + j), h = d * like(tag, gamma[channel]);
        put(tag, lines + j, h);
        put(tag, lines + inner + j, h * hat);
        put(tag, lines + 2 * inner + j, d * hat);
      });
      for (int k = 0; k < 3; k++) sum[k * n + channel] = sum[k * n + channel] + pairwise(lines + k * inner, inner);
      sum[3 * n + channel] = sum[3 * n + channel] + pairwise(g, inner);
    }
  });
  for (std::size_t i = 0; i < 2 * n; i++) sums[i] = four[2 * n + i];
  for (std::size_t i = 0; i < 2 * n; i++) four[i] = meanOf(four[i], z.each());
  overChannels<T>(z, [&](auto tag, std::size_t i, auto of) {
    const auto h = at(tag, gy + i) * of(gamma);
    put(tag, gx + i, ((h - of(four)) - at(tag, gx + i) * of(four + n)) / of(deviation));
  });
}

// --- softmax and gelu ------------------------------------------------------------------------------------------------------

/** gx = y·(gy − Σ gy·y), row by row. `spare` holds a row. */
template <class T>
void softmaxSlope(const T *gy, const T *y, std::size_t rows, std::size_t columns, T *out, T *spare) {
  for (std::size_t r = 0; r < rows; r++, gy += columns, y += columns, out += columns) {
    sweep<T>(columns, [&](auto tag, std::size_t i) { put(tag, spare + i, at(tag, gy + i) * at(tag, y + i)); });
    const T sum = (T)0 + pairwise(spare, columns);
    sweep<T>(columns, [&](auto tag, std::size_t i) {
      put(tag, out + i, at(tag, y + i) * (at(tag, gy + i) - like(tag, sum)));
    });
  }
}

inline vd fromWide(vd x, double) { return x; }
inline vh fromWide(vd x, float) { return narrow(x); }
inline vd toWide(vd x) { return x; }
inline vd toWide(vh x) { return widen(x); }

/** gy·(Φ(x) + x·φ(x)), each step rounded to T, for as many elements as a vector has float64. */
template <class T, class V> inline V geluSlopeOf(V gy, V x) {
  const V none = {};
  const V scaled = x * (none + (T)Erf::SQRT_HALF);
  const V distribution = (fromWide(Erf::of(toWide(scaled)), T()) + (none + (T)1)) * (none + (T)0.5);
  const V density = fromWide(Exp::of(toWide((x * x) * (none + (T)-0.5))), T()) * (none + (T)0.3989422804014327);
  return gy * (distribution + x * density);
}

template <class T, class V> inline void geluSlopes(const T *gy, const T *x, T *out, std::size_t n) {
  std::size_t i = 0;
  for (; i + WIDE <= n; i += WIDE) store(out + i, geluSlopeOf<T>(load<V>(gy + i), load<V>(x + i)));
  if (i == n) return;
  T g[WIDE], last[WIDE];
  for (int j = 0; j < WIDE; j++) {
    g[j] = i + j < n ? gy[i + j] : (T)1;
    last[j] = i + j < n ? x[i + j] : (T)1;
  }
  store(last, geluSlopeOf<T>(load<V>(g), load<V>(last)));
  for (std::size_t j = 0; i + j < n; j++) out[i + j] = last[j];
}
inline void geluSlope(const double *gy, const double *x, double *out, std::size_t n) { geluSlopes<double, vd>(gy, x, out, n); }
inline void geluSlope(const float *gy, const float *x, float *out, std::size_t n) { geluSlopes<float, vh>(gy, x, out, n); }

} // namespace
