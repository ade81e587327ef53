/** Elements and slices named by indices: the twins of the loops in src/array/indexing.ts. */
#pragma once
#include "lanes.hpp"
#include "way.hpp"

namespace {

/** The number of the first index that names nothing, or −1. */
inline std::ptrdiff_t firstBeyond(const std::int32_t *which, std::size_t n, std::size_t extent) {
  const std::int64_t most = (std::int64_t)extent;
  constexpr std::size_t MANY = 64;
  for (std::size_t i = 0; i < n; i += MANY) {
    // The least and the largest of some first, which vectors find; nearly always both name something.
    const std::size_t end = n - i < MANY ? n : i + MANY;
    std::int32_t low = which[i], high = which[i];
    for (std::size_t j = i; j < end; j++) {
      low = which[j] < low ? which[j] : low;
      high = which[j] > high ? which[j] : high;
    }
    if (low >= -most && high < most) continue;
    for (std::size_t j = i; j < end; j++)
      if (which[j] < -most || which[j] >= most) return (std::ptrdiff_t)j;
  }
  return -1;
}

inline std::size_t fromFront(std::int32_t index, std::size_t extent) {
  return index < 0 ? (std::size_t)((std::int64_t)index + (std::int64_t)extent) : (std::size_t)index;
}

template <class T> inline void copyRun(const T *x, T *out, std::size_t n) { std::memcpy(out, x, n * sizeof(T)); }
template <class T> inline void addRun(const T *x, T *out, std::size_t n) {
  typedef typename Lanes<T>::V V;
  constexpr std::size_t L = Lanes<T>::count;
  std::size_t i = 0;
  for (; i + L <= n; i += L) store(out + i, load<V>(out + i) + load<V>(x + i));
  for (; i < n; i++) out[i] = out[i] + x[i];
}

/** The order of `PLACES` in src/array/native/calls.ts. All indices name something. */
template <class T> void atPlaces(int op, const PlaceShape &z, const T *x, const std::int32_t *which, T *out) {
  const std::size_t block = z.extent * z.inner;
  const T *from = x;
  T *to = out;
  if (op < 2 && z.inner == 1) {
    // As below, without what an inner axis asks of each element.
    const std::int64_t extent = (std::int64_t)z.extent;
    for (std::size_t r = 0; r < z.outer; r++, which += z.count) {
      if (op == 0) {
        for (std::size_t i = 0; i < z.count; i++) to[i] = from[which[i] + (which[i] < 0 ? extent : 0)];
        from += z.extent;
        to += z.count;
      } else {
        for (std::size_t i = 0; i < z.count; i++) {
          T *place = to + which[i] + (which[i] < 0 ? extent : 0);
          *place = *place + from[i];
        }
        from += z.count;
        to += z.extent;
      }
    }
    return;
  }
  if (op == 2 && z.inner == 1) {
    const std::int64_t extent = (std::int64_t)z.extent;
    for (std::size_t r = 0; r < z.outer; r++, from += z.extent, to += z.count)
      for (std::size_t i = 0; i < z.count; i++) to[i] = from[which[i] + (which[i] < 0 ? extent : 0)];
    return;
  }
  if (op == 3 && z.inner == 1) {
    const std::int64_t extent = (std::int64_t)z.extent;
    for (std::size_t r = 0; r < z.outer; r++, from += z.count, to += z.extent)
      for (std::size_t i = 0; i < z.count; i++) {
        T *place = to + which[i] + (which[i] < 0 ? extent : 0);
        *place = *place + from[i];
      }
    return;
  }
  switch (op) {
    case 0: // out[r, i, k] = x[r, which[r, i, k], k]
      for (std::size_t r = 0; r < z.outer; r++, from += block)
        for (std::size_t i = 0; i < z.count; i++)
          for (std::size_t k = 0; k < z.inner; k++) *to++ = from[fromFront(*which++, z.extent) * z.inner + k];
      return;
    case 1: // out[r, which[r, i, k], k] += x[r, i, k]
      for (std::size_t r = 0; r < z.outer; r++, to += block)
        for (std::size_t i = 0; i < z.count; i++)
          for (std::size_t k = 0; k < z.inner; k++) {
            T *place = to + fromFront(*which++, z.extent) * z.inner + k;
            *place = *place + *from++;
          }
      return;
    case 2: // out[r, i] = x[r, which[i]]
      for (std::size_t r = 0; r < z.outer; r++, from += block)
        for (std::size_t i = 0; i < z.count; i++, to += z.inner) copyRun(from + fromFront(which[i], z.extent) * z.inner, to, z.inner);
      return;
    case 3: // out[r, which[i]] += x[r, i]
      for (std::size_t r = 0; r < z.outer; r++, to += block)
        for (std::size_t i = 0; i < z.count; i++, from += z.inner) addRun(from, to + fromFront(which[i], z.extent) * z.inner, z.inner);
      return;
  }
}

} // namespace
