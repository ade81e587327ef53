/** Rows brought into order, and runs of elements moved: the twins of src/array/sorting.ts and of copies in src/array/rearrange.ts. */
#pragma once
#include <cstdint>
#include <cstring>

namespace {

/** An element, turned where the largest comes first, and its place. */
struct Placed {
  double key;
  std::int32_t place;
};

constexpr std::size_t RUN = 8;

/** Runs of a few by insertion, which are then merged; equal elements stay in their order. Gives the one of the two that holds the result. */
inline Placed *inOrder(Placed *from, Placed *to, std::size_t n) {
  for (std::size_t start = 0; start < n; start += RUN) {
    const std::size_t stop = n - start < RUN ? n : start + RUN;
    for (std::size_t i = start + 1; i < stop; i++) {
      const Placed one = from[i];
      std::size_t at = i;
      for (; at > start && from[at - 1].key > one.key; at--) from[at] = from[at - 1];
      from[at] = one;
    }
  }
  for (std::size_t width = RUN; width < n; width *= 2) {
    for (std::size_t start = 0; start < n; start += 2 * width) {
      const std::size_t middle = n - start < width ? n : start + width, stop = n - start < 2 * width ? n : start + 2 * width;
      std::size_t a = start, b = middle, o = start;
      // Nobody can foretell which comes next: so both are looked at, and one is counted on.
      while (a < middle && b < stop) {
        const bool isFirst = from[a].key <= from[b].key;
        const Placed *next = isFirst ? from + a : from + b;
        to[o++] = *next;
        a += isFirst;
        b += !isFirst;
      }
      std::memcpy(to + o, from + a, (middle - a) * sizeof(Placed));
      o += middle - a;
      std::memcpy(to + o, from + b, (stop - b) * sizeof(Placed));
    }
    Placed *swap = from;
    from = to;
    to = swap;
  }
  return from;
}

/** The first `wanted` of each row in order, and where they were; NaN is last, or first where the largest comes first. */
template <class T>
void sortRows(bool isTurned, const T *x, std::size_t rows, std::size_t n, std::size_t wanted, T *values, std::int32_t *places, void *spare) {
  Placed *one = (Placed *)spare, *two = one + n;
  for (std::size_t r = 0; r < rows; r++, x += n, values += wanted, places += wanted) {
    std::size_t numbers = 0, odd = 0;
    for (std::size_t i = 0; i < n; i++) {
      const double key = isTurned ? -(double)x[i] : (double)x[i];
      one[numbers] = {key, (std::int32_t)i};
      numbers += key == key;
    }
    odd = n - numbers;
    const Placed *found = inOrder(one, two, numbers);
    const std::size_t first = isTurned ? odd : 0;
    for (std::size_t i = 0; i < numbers && first + i < wanted; i++) {
      places[first + i] = found[i].place;
      values[first + i] = x[found[i].place];
    }
    if (odd == 0) continue;
    std::size_t at = isTurned ? 0 : numbers;
    for (std::size_t i = 0; i < n && at < wanted; i++)
      if (x[i] != x[i]) {
        places[at] = (std::int32_t)i;
        values[at++] = x[i];
      }
  }
}

/** A number as an integer of the same order; −0 is 0, and NaN is above all. */
inline std::uint64_t orderOf(double x) {
  if (x != x) return UINT64_MAX;
  x = x + 0.0;
  std::uint64_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits >> 63 ? ~bits : bits | (std::uint64_t)1 << 63;
}

/** Memory that `placesInOrder` needs, in bytes, for rows of n. */
inline std::size_t spareOfPlaces(std::size_t n) { return n * (2 * sizeof(std::uint64_t) + sizeof(std::int32_t)) + 2048 * sizeof(std::uint32_t); }

/**
 * Which element stands at place `wanted` of n when they are in order, equal ones as they stand: found by the upper bits of all, then by the
 * next bits of those that have the same, and so on.
 */
inline std::int32_t elementAt(const std::uint64_t *keys, std::size_t n, std::size_t wanted, std::uint64_t *left, std::int32_t *which,
                              std::uint32_t *counts) {
  // The upper bits that all have say nothing; few elements are not worth many counts.
  std::uint64_t both = keys[0], either = keys[0];
  for (std::size_t i = 0; i < n; i++) {
    both &= keys[i];
    either |= keys[i];
  }
  if (both == either) return (std::int32_t)wanted;
  const int most = n <= 512 ? 7 : 11, top = 64 - __builtin_clzll(both ^ either);
  std::size_t count = n;
  for (int shift = top > most ? top - most : 0, isFirst = 1;; shift = shift > most ? shift - most : 0, isFirst = 0) {
    const std::uint64_t *from = isFirst ? keys : left, mask = ((std::uint64_t)1 << most) - 1;
    std::memset(counts, 0, (mask + 1) * sizeof(std::uint32_t));
    for (std::size_t i = 0; i < count; i++) counts[from[i] >> shift & mask]++;
    std::size_t bucket = 0;
    for (; wanted >= counts[bucket]; bucket++) wanted -= counts[bucket];
    std::size_t kept = 0;
    for (std::size_t i = 0; i < count; i++) {
      const std::uint64_t key = from[i];
      const std::int32_t place = isFirst ? (std::int32_t)i : which[i];
      left[kept] = key;
      which[kept] = place;
      kept += (key >> shift & mask) == bucket;
    }
    count = kept;
    if (count == 1) return which[0];
    if (shift == 0) return which[wanted];
  }
}

/** For each row the elements at these places of all in order, and where they are; the last place is nearly free. */
template <class T>
void placesInOrder(const T *x, std::size_t rows, std::size_t n, const std::int32_t *wanted, std::size_t count, T *values, std::int32_t *found,
                   void *spare) {
  std::uint64_t *keys = (std::uint64_t *)spare, *left = keys + n;
  std::int32_t *which = (std::int32_t *)(left + n);
  std::uint32_t *counts = (std::uint32_t *)(which + n);
  for (std::size_t r = 0; r < rows; r++, x += n, values += count, found += count) {
    std::size_t last = 0;
    for (std::size_t i = 0; i < n; i++) keys[i] = orderOf((double)x[i]);
    for (std::size_t i = 1; i < n; i++) last = keys[i] >= keys[last] ? i : last;
    std::ptrdiff_t before = -2;
    for (std::size_t k = 0; k < count; k++) {
      const std::size_t place = (std::size_t)wanted[k];
      std::size_t at;
      if (place == n - 1) at = last;
      else if ((std::ptrdiff_t)place == before + 1 && k > 0) {
        // The least of those behind the one before: among equals the next, else the least that is larger.
        const std::size_t was = (std::size_t)found[k - 1];
        const std::uint64_t key = keys[was];
        at = n;
        for (std::size_t i = 0; i < n; i++) {
          const bool isBehind = keys[i] > key || (keys[i] == key && i > was);
          if (isBehind && (at == n || keys[i] < keys[at])) at = i;
        }
      } else at = (std::size_t)elementAt(keys, n, place, left, which, counts);
      before = (std::ptrdiff_t)place;
      found[k] = (std::int32_t)at;
      values[k] = x[at];
    }
  }
}

/** `count` runs of `bytes`, a step apart on either side. */
inline void moveRuns(const char *x, std::size_t xStep, char *out, std::size_t outStep, std::size_t bytes, std::size_t count) {
  for (std::size_t i = 0; i < count; i++, x += xStep, out += outStep) std::memcpy(out, x, bytes);
}

} // namespace
