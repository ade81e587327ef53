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

/** `count` runs of `bytes`, a step apart on either side. */
inline void moveRuns(const char *x, std::size_t xStep, char *out, std::size_t outStep, std::size_t bytes, std::size_t count) {
  for (std::size_t i = 0; i < count; i++, x += xStep, out += outStep) std::memcpy(out, x, bytes);
}

} // namespace
