/**
 * The door between JavaScript and the ways of computing. Node-API alone, so one build serves every Node; one instance a thread.
 *
 * Numbers come through one Float64Array that JavaScript fills before a call: reading them there costs nothing, while each number
 * that is passed as an argument costs 10 ns. Everything is checked against the lengths of the arrays, so that no mistake on the other
 * side reads or writes beside them: such a call throws and touches nothing.
 */
#include <node_api.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "way.hpp"

#define NAPI_EXPORT __attribute__((visibility("default")))

#if defined(__x86_64__)
extern "C" const Way gradtape_sse2, gradtape_avx2, gradtape_avx512;
#else
extern "C" const Way gradtape_vector128;
#endif

namespace {

constexpr std::size_t NUMBERS = 24;

struct Instance {
  const Way *way;
  /** The elements of a Float64Array of JavaScript's, which `holds` keeps. */
  double *numbers;
  napi_ref holds;
};

/** The ways that this processor has, the widest first. */
int waysHere(const Way **found) {
  int count = 0;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw"))
    found[count++] = &gradtape_avx512;
  if (__builtin_cpu_supports("avx2")) found[count++] = &gradtape_avx2;
  found[count++] = &gradtape_sse2;
#else
  found[count++] = &gradtape_vector128;
#endif
  return count;
}
constexpr int MOST_WAYS = 3;

Instance *instanceOf(napi_env env) {
  void *data = nullptr;
  napi_get_instance_data(env, &data);
  return static_cast<Instance *>(data);
}

/** The arguments of one call: arrays of one floating type, and places within them. */
class Call {
  static constexpr std::size_t MOST = 7;

public:
  /** `whole` is the number of the one array of another type, if there is one: bytes of 0 and 1, int32, or float32 beside float64. */
  Call(napi_env env, napi_callback_info info, std::size_t expected, std::size_t whole = MOST,
       napi_typedarray_type wholeType = napi_uint8_array)
      : env(env), instance(instanceOf(env)), whole(whole), wholeType(wholeType), isFine(take(info, expected)) {}

  /** Number `i` as a count or a place; anything else fails. */
  std::size_t count(std::size_t i) {
    const double x = instance->numbers[i];
    if (!(x >= 0 && x <= 9007199254740992.0)) {
      fail();
      return 0;
    }
    return (std::size_t)x;
  }
  /** Number `i` as a step, which may be negative. */
  std::ptrdiff_t step(std::size_t i) {
    const double x = instance->numbers[i];
    if (!(x >= -9007199254740992.0 && x <= 9007199254740992.0)) {
      fail();
      return 0;
    }
    return (std::ptrdiff_t)x;
  }

  /** Where `count` elements of array `i` begin at element `from`; null when they do not lie in it. */
  void *run(std::size_t i, std::size_t from, std::size_t count) {
    if (!isFine || count > lengths[i] || from > lengths[i] - count) {
      fail();
      return nullptr;
    }
    return at(i, from);
  }

  /** The same for rows × columns at any steps. */
  const void *block(std::size_t i, std::size_t from, std::size_t rows, std::ptrdiff_t row, std::size_t columns, std::ptrdiff_t column) {
    if (!isFine) return nullptr;
    if (rows == 0 || columns == 0) return data[i];
    std::ptrdiff_t acrossRows, acrossColumns, least = (std::ptrdiff_t)from, most = (std::ptrdiff_t)from;
    if (__builtin_mul_overflow((std::ptrdiff_t)(rows - 1), row, &acrossRows) ||
        __builtin_mul_overflow((std::ptrdiff_t)(columns - 1), column, &acrossColumns) ||
        __builtin_add_overflow(acrossRows < 0 ? least : most, acrossRows, acrossRows < 0 ? &least : &most) ||
        __builtin_add_overflow(acrossColumns < 0 ? least : most, acrossColumns, acrossColumns < 0 ? &least : &most) || least < 0 ||
        most >= (std::ptrdiff_t)lengths[i]) {
      fail();
      return nullptr;
    }
    return at(i, from);
  }

  std::size_t product(std::size_t a, std::size_t b) {
    std::size_t c;
    if (__builtin_mul_overflow(a, b, &c)) {
      fail();
      return 0;
    }
    return c;
  }

  /** What a call that cannot be done says; nothing was read or written. */
  napi_value refuse() {
    napi_throw_range_error(env, "BAD_ARGUMENT", "native code was given what does not lie within its arrays, or arrays of other types");
    return nullptr;
  }

  napi_env env;
  Instance *instance;
  bool isNarrow = false;

private:
  const std::size_t whole;
  const napi_typedarray_type wholeType;
  std::size_t lengths[MOST] = {};
  void *data[MOST] = {};

public:
  bool isFine;

private:
  /** Takes the arguments; whether they are arrays of one floating type, and there is an array for numbers. */
  bool take(napi_callback_info info, std::size_t expected) {
    std::size_t count = MOST;
    napi_value given[MOST];
    if (instance->numbers == nullptr) return false;
    if (napi_get_cb_info(env, info, &count, given, nullptr, nullptr) != napi_ok || count < expected) return false;
    for (std::size_t i = 0; i < expected; i++) {
      napi_typedarray_type type;
      if (napi_get_typedarray_info(env, given[i], &type, &lengths[i], &data[i], nullptr, nullptr) != napi_ok) return false;
      if (i == whole) {
        if (type != wholeType) return false;
        continue;
      }
      if (type != napi_float64_array && type != napi_float32_array) return false;
      if (i == 0) isNarrow = type == napi_float32_array;
      else if (isNarrow != (type == napi_float32_array)) return false;
    }
    return true;
  }
  void fail() { isFine = false; }
  void *at(std::size_t i, std::size_t from) { return static_cast<char *>(data[i]) + from * (i == whole ? (wholeType == napi_uint8_array ? 1 : 4) : isNarrow ? 4 : 8); }
};

// Each reads its numbers in the order in which calls.ts writes them.

napi_value unary(napi_env env, napi_callback_info info) {
  Call call(env, info, 2);
  if (!call.isFine) return call.refuse();
  const std::size_t op = call.count(0), n = call.count(3);
  const void *x = call.run(0, call.count(1), n);
  void *out = call.run(1, call.count(2), n);
  if (!call.isFine || op > 29) return call.refuse();
  call.instance->way->unary(call.isNarrow, (int)op, x, out, n);
  return nullptr;
}

napi_value binary(napi_env env, napi_callback_info info) {
  Call call(env, info, 3);
  if (!call.isFine) return call.refuse();
  const std::size_t op = call.count(0), rows = call.count(1), columns = call.count(2);
  const std::ptrdiff_t aRow = call.step(4), aColumn = call.step(5), bRow = call.step(7), bColumn = call.step(8);
  const void *a = call.block(0, call.count(3), rows, aRow, columns, aColumn);
  const void *b = call.block(1, call.count(6), rows, bRow, columns, bColumn);
  void *out = call.run(2, call.count(9), call.product(rows, columns));
  if (!call.isFine || op > 11) return call.refuse();
  if (rows > 0 && columns > 0) call.instance->way->binary(call.isNarrow, (int)op, rows, columns, a, aRow, aColumn, b, bRow, bColumn, out);
  return nullptr;
}

napi_value clip(napi_env env, napi_callback_info info) {
  Call call(env, info, 2);
  if (!call.isFine) return call.refuse();
  const std::size_t n = call.count(2);
  const void *x = call.run(0, call.count(0), n);
  void *out = call.run(1, call.count(1), n);
  if (!call.isFine) return call.refuse();
  call.instance->way->clip(call.isNarrow, x, call.instance->numbers[3], call.instance->numbers[4], out, n);
  return nullptr;
}

napi_value matmul(napi_env env, napi_callback_info info) {
  Call call(env, info, 3);
  if (!call.isFine) return call.refuse();
  const std::size_t m = call.count(0), k = call.count(1), n = call.count(2);
  const std::ptrdiff_t aRow = call.step(4), aColumn = call.step(5), bRow = call.step(7), bColumn = call.step(8);
  const void *a = call.block(0, call.count(3), m, aRow, k, aColumn);
  const void *b = call.block(1, call.count(6), k, bRow, n, bColumn);
  void *out = call.run(2, call.count(9), call.product(m, n));
  if (!call.isFine) return call.refuse();
  if (m > 0 && n > 0) call.instance->way->matmul(call.isNarrow, m, k, n, a, aRow, aColumn, b, bRow, bColumn, out);
  return nullptr;
}

napi_value rows(napi_env env, napi_callback_info info, bool isInto) {
  Call call(env, info, 2);
  if (!call.isFine) return call.refuse();
  const std::size_t op = call.count(0), rows = call.count(2), columns = call.count(3);
  const void *x = call.run(0, call.count(1), call.product(rows, columns));
  void *out = call.run(1, call.count(4), isInto ? columns : rows);
  if (!call.isFine || op > 3) return call.refuse();
  const Way *way = call.instance->way;
  if (isInto) way->accumulateRows(call.isNarrow, (int)op, x, rows, columns, out);
  else way->reduceRows(call.isNarrow, (int)op, x, rows, columns, out);
  return nullptr;
}
napi_value reduceRows(napi_env env, napi_callback_info info) { return rows(env, info, false); }
napi_value accumulateRows(napi_env env, napi_callback_info info) { return rows(env, info, true); }

napi_value softmaxRows(napi_env env, napi_callback_info info) {
  Call call(env, info, 2);
  if (!call.isFine) return call.refuse();
  const std::size_t isLog = call.count(0), rows = call.count(2), columns = call.count(3);
  const void *x = call.run(0, call.count(1), call.product(rows, columns));
  void *out = call.run(1, call.count(4), call.product(rows, columns));
  if (!call.isFine) return call.refuse();
  double near[1024];
  void *spare = columns <= 1024 ? near : std::malloc(columns * sizeof(double));
  if (spare == nullptr) return call.refuse();
  call.instance->way->softmaxRows(call.isNarrow, isLog != 0, x, rows, columns, out, spare);
  if (spare != near) std::free(spare);
  return nullptr;
}

/** Steps of optimizers: operands and outputs of one length, their places in the first numbers, then the length, then the rest. */
napi_value sgdStep(napi_env env, napi_callback_info info) {
  Call call(env, info, 3);
  if (!call.isFine) return call.refuse();
  const std::size_t n = call.count(3);
  const void *w = call.run(0, call.count(0), n), *g = call.run(1, call.count(1), n);
  void *out = call.run(2, call.count(2), n);
  if (!call.isFine) return call.refuse();
  call.instance->way->sgdStep(call.isNarrow, w, g, out, n, call.instance->numbers + 4);
  return nullptr;
}

napi_value momentumStep(napi_env env, napi_callback_info info) {
  Call call(env, info, 5);
  if (!call.isFine) return call.refuse();
  const std::size_t n = call.count(5);
  const void *w = call.run(0, call.count(0), n), *g = call.run(1, call.count(1), n), *v = call.run(2, call.count(2), n);
  void *outW = call.run(3, call.count(3), n), *outV = call.run(4, call.count(4), n);
  if (!call.isFine) return call.refuse();
  call.instance->way->momentumStep(call.isNarrow, w, g, v, outW, outV, n, call.instance->numbers + 6);
  return nullptr;
}

napi_value adamStep(napi_env env, napi_callback_info info) {
  Call call(env, info, 7);
  if (!call.isFine) return call.refuse();
  const std::size_t n = call.count(7);
  const void *w = call.run(0, call.count(0), n), *g = call.run(1, call.count(1), n);
  const void *m = call.run(2, call.count(2), n), *v = call.run(3, call.count(3), n);
  void *outW = call.run(4, call.count(4), n), *outM = call.run(5, call.count(5), n), *outV = call.run(6, call.count(6), n);
  if (!call.isFine) return call.refuse();
  call.instance->way->adamStep(call.isNarrow, w, g, m, v, outW, outM, outV, n, call.instance->numbers + 8);
  return nullptr;
}

/** Leaves its five numbers in the first places. */
napi_value summarize(napi_env env, napi_callback_info info) {
  Call call(env, info, 1);
  if (!call.isFine) return call.refuse();
  const std::size_t n = call.count(1);
  const void *x = call.run(0, call.count(0), n);
  if (!call.isFine) return call.refuse();
  call.instance->way->summarize(call.isNarrow, x, n, call.instance->numbers);
  return nullptr;
}

/** Leaves the sum of squares in the first place. */
napi_value distance(napi_env env, napi_callback_info info) {
  Call call(env, info, 2);
  if (!call.isFine) return call.refuse();
  const std::size_t n = call.count(2);
  const void *x = call.run(0, call.count(0), n), *y = call.run(1, call.count(1), n);
  if (!call.isFine) return call.refuse();
  call.instance->numbers[0] = call.instance->way->distance(call.isNarrow, x, y, n);
  return nullptr;
}

/** What `summarize` and `distance` leave, the distance behind the five numbers. */
napi_value measure(napi_env env, napi_callback_info info) {
  Call call(env, info, 2);
  if (!call.isFine) return call.refuse();
  const std::size_t n = call.count(2);
  const void *x = call.run(0, call.count(0), n), *y = call.run(1, call.count(1), n);
  if (!call.isFine) return call.refuse();
  call.instance->way->measure(call.isNarrow, x, y, n, call.instance->numbers);
  return nullptr;
}

/** Memory for one call, on the stack where it is little. */
class Spare {
public:
  explicit Spare(std::size_t bytes) : at(bytes <= sizeof near ? near : std::malloc(bytes)) {}
  ~Spare() {
    if (at != near) std::free(at);
  }
  Spare(const Spare &) = delete;
  Spare &operator=(const Spare &) = delete;

private:
  alignas(64) char near[16384];

public:
  void *const at;
};

/** The first seven numbers. False where one of them is too large, or spare memory of this many elements would be. */
bool readNormShape(Call &call, NormShape &z, std::size_t *places, std::size_t *spare, bool isSlope) {
  z = {call.count(0) != 0, call.count(1), call.count(2), call.count(3), call.count(4), call.count(5), call.instance->numbers[6]};
  constexpr std::size_t MOST = (std::size_t)1 << 31;
  const std::size_t depth = z.step > 0 && z.most >= 2 * z.step ? depthOf(z.images, z.most, z.step) : 0;
  if (!call.isFine || z.images == 0 || z.channels == 0 || z.inner == 0 || z.images > MOST || z.channels > MOST || z.inner > MOST ||
      z.step == 0 || z.most < 2 * z.step || (!z.isByChannel && z.inner != 1))
    return false;
  *places = call.product(call.product(z.images, z.channels), z.inner);
  if (!call.isFine) return false;
  // What normalization.hpp asks for, and never less.
  *spare = isSlope ? (6 + 4 * depth) * z.channels + 4 * z.inner : (2 + depth) * z.channels + z.inner;
  return true;
}

napi_value normalize(napi_env env, napi_callback_info info) {
  Call call(env, info, 4);
  if (!call.isFine) return call.refuse();
  NormShape z;
  std::size_t n = 0, elements = 0;
  if (!readNormShape(call, z, &n, &elements, false)) return call.refuse();
  const void *x = call.run(0, call.count(7), n), *gamma = call.run(1, call.count(8), z.channels);
  const void *beta = call.run(2, call.count(9), z.channels);
  void *out = call.run(3, call.count(10), n);
  if (!call.isFine) return call.refuse();
  const Spare spare(elements * (call.isNarrow ? 4 : 8));
  if (spare.at == nullptr) return call.refuse();
  call.instance->way->normalize(call.isNarrow, z, x, gamma, beta, out, spare.at);
  return nullptr;
}

napi_value normalizeSlopes(napi_env env, napi_callback_info info) {
  Call call(env, info, 5);
  if (!call.isFine) return call.refuse();
  NormShape z;
  std::size_t n = 0, elements = 0;
  if (!readNormShape(call, z, &n, &elements, true)) return call.refuse();
  const void *gy = call.run(0, call.count(7), n), *x = call.run(1, call.count(8), n), *gamma = call.run(2, call.count(9), z.channels);
  void *gx = call.run(3, call.count(10), n), *sums = call.run(4, call.count(11), 2 * z.channels);
  if (!call.isFine) return call.refuse();
  const Spare spare(elements * (call.isNarrow ? 4 : 8));
  if (spare.at == nullptr) return call.refuse();
  call.instance->way->normalizeSlopes(call.isNarrow, z, gy, x, gamma, gx, sums, spare.at);
  return nullptr;
}

napi_value softmaxSlope(napi_env env, napi_callback_info info) {
  Call call(env, info, 3);
  if (!call.isFine) return call.refuse();
  const std::size_t rows = call.count(0), columns = call.count(1), n = call.product(rows, columns);
  const void *gy = call.run(0, call.count(2), n), *y = call.run(1, call.count(3), n);
  void *out = call.run(2, call.count(4), n);
  if (!call.isFine) return call.refuse();
  const Spare spare(rows == 0 ? 0 : columns * sizeof(double));
  if (spare.at == nullptr) return call.refuse();
  call.instance->way->softmaxSlope(call.isNarrow, gy, y, rows, columns, out, spare.at);
  return nullptr;
}

napi_value geluSlope(napi_env env, napi_callback_info info) {
  Call call(env, info, 3);
  if (!call.isFine) return call.refuse();
  const std::size_t n = call.count(3);
  const void *gy = call.run(0, call.count(0), n), *x = call.run(1, call.count(1), n);
  void *out = call.run(2, call.count(2), n);
  if (!call.isFine) return call.refuse();
  call.instance->way->geluSlope(call.isNarrow, gy, x, out, n);
  return nullptr;
}

/** The first twelve numbers, and what they come to. */
struct Windows {
  WindowShape z;
  /** Elements of all images, of one unfolded image, and of all places of one map. */
  std::size_t images, unfolded, places;

  explicit Windows(Call &call) {
    std::size_t numbers[12];
    constexpr std::size_t MOST = (std::size_t)1 << 31;
    for (std::size_t i = 0; i < 12; i++) {
      numbers[i] = call.count(i);
      // Padding may be none; whatever else is 0 leaves nothing to do, and is not asked for.
      if (numbers[i] > MOST || (numbers[i] == 0 && i != 8 && i != 9)) call.isFine = false;
    }
    std::memcpy(&z, numbers, sizeof z);
    images = call.product(call.product(z.images, z.channels), call.product(z.rows, z.columns));
    places = call.product(z.outRows, z.outColumns);
    unfolded = call.product(call.product(z.channels, call.product(z.kernelRows, z.kernelColumns)), places);
  }
};

napi_value maxPool(napi_env env, napi_callback_info info) {
  Call call(env, info, 2);
  if (!call.isFine) return call.refuse();
  const Windows w(call);
  const void *x = call.run(0, call.count(12), w.images);
  void *out = call.run(1, call.count(13), call.product(call.product(w.z.images, w.z.channels), w.places));
  if (!call.isFine) return call.refuse();
  call.instance->way->maxPool(call.isNarrow, w.z, x, out);
  return nullptr;
}

napi_value maxPoolScatter(napi_env env, napi_callback_info info) {
  Call call(env, info, 3);
  if (!call.isFine) return call.refuse();
  const Windows w(call);
  const void *gy = call.run(0, call.count(12), call.product(call.product(w.z.images, w.z.channels), w.places));
  const void *x = call.run(1, call.count(13), w.images);
  void *gx = call.run(2, call.count(14), w.images);
  if (!call.isFine) return call.refuse();
  call.instance->way->maxPoolScatter(call.isNarrow, w.z, gy, x, gx);
  return nullptr;
}

/** Convolution and its adjoints, of images, weights and maps: the last of the arrays is written. */
enum class Part { maps, images, weights };

napi_value convolution(napi_env env, napi_callback_info info, Part wanted) {
  Call call(env, info, 3);
  if (!call.isFine) return call.refuse();
  const Windows w(call);
  const std::size_t outs = call.count(12), most = call.count(16), step = call.count(17);
  const std::size_t maps = call.product(call.product(w.z.images, outs), w.places);
  const std::size_t taps = call.product(w.z.channels, call.product(w.z.kernelRows, w.z.kernelColumns)), weights = call.product(outs, taps);
  const std::size_t first = wanted == Part::images ? maps : w.images, second = wanted == Part::weights ? maps : weights;
  const void *a = call.run(0, call.count(13), first), *b = call.run(1, call.count(14), second);
  void *out = call.run(2, call.count(15), wanted == Part::maps ? maps : wanted == Part::images ? w.images : weights);
  if (!call.isFine || outs == 0 || step == 0 || most < 2 * step) return call.refuse();
  const std::size_t placesMost = call.count(18), placesStep = call.count(19);
  if (!call.isFine || placesStep == 0 || placesMost < 2 * placesStep) return call.refuse();
  const std::size_t halvings = depthOf(w.z.images, most, step) + depthOf(w.places, placesMost, placesStep);
  const std::size_t more = wanted == Part::weights ? call.product(weights, 1 + halvings) : 0;
  const std::size_t padded = call.product(w.z.channels, call.product(w.z.rows + 2 * w.z.paddingRows, w.z.columns + 2 * w.z.paddingColumns));
  // Windows of zero padding: all of them lie within the padded image, as what is read there is not asked about again.
  const std::size_t down = call.product(w.z.outRows - 1, w.z.strideRows), across = call.product(w.z.outColumns - 1, w.z.strideColumns);
  if (!call.isFine || down + w.z.kernelRows > w.z.rows + 2 * w.z.paddingRows ||
      across + w.z.kernelColumns > w.z.columns + 2 * w.z.paddingColumns)
    return call.refuse();
  std::size_t elements;
  // Two vectors more: windows.hpp says why.
  if (__builtin_add_overflow(w.unfolded, more, &elements) || __builtin_add_overflow(elements, padded + 32, &elements)) return call.refuse();
  const std::size_t bytes = call.product(elements, call.isNarrow ? 4 : 8);
  if (!call.isFine) return call.refuse();
  const Spare spare(bytes);
  if (spare.at == nullptr) return call.refuse();
  const Way *way = call.instance->way;
  if (wanted == Part::maps) way->convolve(call.isNarrow, w.z, outs, a, b, out, spare.at);
  else if (wanted == Part::images) way->convolveTransposed(call.isNarrow, w.z, outs, a, b, out, spare.at);
  else way->convolveWeights(call.isNarrow, w.z, outs, {most, step, placesMost, placesStep}, a, b, out, spare.at);
  return nullptr;
}
napi_value convolve(napi_env env, napi_callback_info info) { return convolution(env, info, Part::maps); }
napi_value convolveTransposed(napi_env env, napi_callback_info info) { return convolution(env, info, Part::images); }
napi_value convolveWeights(napi_env env, napi_callback_info info) { return convolution(env, info, Part::weights); }

napi_value compare(napi_env env, napi_callback_info info) {
  Call call(env, info, 3, 2);
  if (!call.isFine) return call.refuse();
  const std::size_t op = call.count(0), rows = call.count(1), columns = call.count(2);
  const std::ptrdiff_t aRow = call.step(4), aColumn = call.step(5), bRow = call.step(7), bColumn = call.step(8);
  const void *a = call.block(0, call.count(3), rows, aRow, columns, aColumn);
  const void *b = call.block(1, call.count(6), rows, bRow, columns, bColumn);
  void *out = call.run(2, call.count(9), call.product(rows, columns));
  if (!call.isFine || op > 3) return call.refuse();
  if (rows > 0 && columns > 0) call.instance->way->compare(call.isNarrow, (int)op, rows, columns, a, aRow, aColumn, b, bRow, bColumn, out);
  return nullptr;
}

/** Two operands, each as long as the result or one element again and again, then bytes, then the result. */
napi_value choose(napi_env env, napi_callback_info info) {
  Call call(env, info, 4, 2);
  if (!call.isFine) return call.refuse();
  const std::size_t n = call.count(0), aStep = call.count(2), bStep = call.count(4);
  const void *a = call.run(0, call.count(1), aStep == 0 ? 1 : n), *b = call.run(1, call.count(3), bStep == 0 ? 1 : n);
  const void *is = call.run(2, call.count(5), n);
  void *out = call.run(3, call.count(6), n);
  if (!call.isFine || aStep > 1 || bStep > 1) return call.refuse();
  call.instance->way->choose(call.isNarrow, is, a, aStep == 1, b, bStep == 1, out, n);
  return nullptr;
}

napi_value largerShare(napi_env env, napi_callback_info info) {
  Call call(env, info, 4);
  if (!call.isFine) return call.refuse();
  const std::size_t n = call.count(4);
  const void *g = call.run(0, call.count(0), n), *a = call.run(1, call.count(1), n), *b = call.run(2, call.count(2), n);
  void *out = call.run(3, call.count(3), n);
  if (!call.isFine) return call.refuse();
  call.instance->way->largerShare(call.isNarrow, g, a, b, out, n);
  return nullptr;
}

napi_value gate(napi_env env, napi_callback_info info) {
  Call call(env, info, 3);
  if (!call.isFine) return call.refuse();
  const std::size_t op = call.count(0), n = call.count(4);
  const void *g = call.run(0, call.count(1), n), *x = call.run(1, call.count(2), n);
  void *out = call.run(2, call.count(3), n);
  if (!call.isFine || op > 11) return call.refuse();
  call.instance->way->gate(call.isNarrow, (int)op, g, x, call.instance->numbers[5], call.instance->numbers[6], out, n);
  return nullptr;
}

/** Numbers of float64 and of float32, one of them the other's result: number 0 says whether that is the second. */
napi_value convert(napi_env env, napi_callback_info info) {
  Call call(env, info, 2, 1, napi_float32_array);
  if (!call.isFine || call.isNarrow) return call.refuse();
  const std::size_t isToNarrow = call.count(0), n = call.count(3);
  void *wide = call.run(0, call.count(1), n), *narrow = call.run(1, call.count(2), n);
  if (!call.isFine || isToNarrow > 1) return call.refuse();
  call.instance->way->convert(isToNarrow == 1, (double *)wide, (float *)narrow, n);
  return nullptr;
}

/** Elements, a slope for each channel, and the result. */
napi_value prelu(napi_env env, napi_callback_info info) {
  Call call(env, info, 3);
  if (!call.isFine) return call.refuse();
  const std::size_t outer = call.count(0), channels = call.count(1), inner = call.count(2);
  const std::size_t n = call.product(call.product(outer, channels), inner);
  const void *x = call.run(0, call.count(3), n), *slopes = call.run(1, call.count(4), channels);
  void *out = call.run(2, call.count(5), n);
  if (!call.isFine) return call.refuse();
  call.instance->way->prelu(call.isNarrow, x, slopes, outer, channels, inner, out);
  return nullptr;
}

/** Rows of float64: s, the numbers that the rows are multiplied by, and the block. */
napi_value foldRows(napi_env env, napi_callback_info info) {
  Call call(env, info, 3);
  if (!call.isFine || call.isNarrow) return call.refuse();
  const std::size_t rows = call.count(1), columns = call.count(2);
  const std::ptrdiff_t uStep = call.step(5), aRow = call.step(7);
  void *s = call.run(0, call.count(3), columns);
  const void *u = call.block(1, call.count(4), rows, uStep, 1, 1), *a = call.block(2, call.count(6), rows, aRow, columns, 1);
  if (!call.isFine) return call.refuse();
  if (rows > 0 && columns > 0)
    call.instance->way->foldRows(call.instance->numbers[0] != 0, (double *)s, (const double *)u, uStep, (const double *)a, aRow, rows, columns);
  return nullptr;
}

/** The block, the numbers that the row is multiplied by, and the row. */
napi_value takeOuter(napi_env env, napi_callback_info info) {
  Call call(env, info, 3);
  if (!call.isFine || call.isNarrow) return call.refuse();
  const std::size_t rows = call.count(0), columns = call.count(1);
  const std::ptrdiff_t aRow = call.step(3), uStep = call.step(5);
  const void *a = call.block(0, call.count(2), rows, aRow, columns, 1), *u = call.block(1, call.count(4), rows, uStep, 1, 1);
  const void *v = call.run(2, call.count(6), columns);
  if (!call.isFine) return call.refuse();
  if (rows > 0 && columns > 0)
    call.instance->way->takeOuter((double *)const_cast<void *>(a), aRow, (const double *)u, uStep, (const double *)v, rows, columns);
  return nullptr;
}

/** A symmetric matrix, and what the product of its rotations goes into. */
napi_value diagonalize(napi_env env, napi_callback_info info) {
  Call call(env, info, 2);
  if (!call.isFine || call.isNarrow) return call.refuse();
  const std::size_t n = call.count(0), sweeps = call.count(2), size = call.product(n, n);
  void *a = call.run(0, 0, size), *turned = call.run(1, 0, size);
  if (!call.isFine) return call.refuse();
  call.instance->way->diagonalize((double *)a, (double *)turned, n, call.instance->numbers[1], sweeps);
  return nullptr;
}

/** Columns side by side, and what the product of their rotations goes into. */
napi_value orthogonalize(napi_env env, napi_callback_info info) {
  Call call(env, info, 2);
  if (!call.isFine || call.isNarrow) return call.refuse();
  const std::size_t count = call.count(0), n = call.count(1), sweeps = call.count(3);
  void *columns = call.run(0, 0, call.product(count, n)), *turned = call.run(1, 0, call.product(count, count));
  if (!call.isFine) return call.refuse();
  call.instance->way->orthogonalize((double *)columns, (double *)turned, count, n, call.instance->numbers[2], sweeps);
  return nullptr;
}

/** A symmetric matrix, the identity, which vectors take the place of, and their values. Leaves whether they were found. */
napi_value symmetricEigen(napi_env env, napi_callback_info info) {
  Call call(env, info, 3);
  if (!call.isFine || call.isNarrow) return call.refuse();
  const std::size_t n = call.count(0), most = call.count(1), size = call.product(n, n), bytes = call.product(n, 32);
  void *a = call.run(0, 0, size), *turned = call.run(1, 0, size), *values = call.run(2, 0, n);
  if (!call.isFine || n == 0) return call.refuse();
  const Spare spare(bytes);
  if (spare.at == nullptr) return call.refuse();
  const bool isFound =
      call.instance->way->symmetricEigen((double *)a, (double *)values, (double *)turned, n, most, (double *)spare.at);
  call.instance->numbers[0] = isFound ? 1 : 0;
  return nullptr;
}

/** Columns side by side, a square for R, the first rows of the identity for Qᵀ, and int32 for the order of the columns. */
napi_value triangleValues(napi_env env, napi_callback_info info) {
  Call call(env, info, 4, 3, napi_int32_array);
  if (!call.isFine || call.isNarrow) return call.refuse();
  const std::size_t count = call.count(0), n = call.count(1), sweeps = call.count(3), size = call.product(count, n);
  void *columns = call.run(0, 0, size), *triangle = call.run(1, 0, call.product(count, count)), *units = call.run(2, 0, size);
  void *order = call.run(3, 0, count);
  if (!call.isFine || count == 0 || n < count) return call.refuse();
  // Less than six times what the arrays hold, so that it is a number.
  const Spare spare(call.instance->way->spareOfTriangle(count, n) * sizeof(double));
  if (spare.at == nullptr) return call.refuse();
  call.instance->way->triangleValues((double *)columns, (double *)triangle, (double *)units, (std::int32_t *)order, count, n,
                                     call.instance->numbers[2], sweeps, (double *)spare.at);
  return nullptr;
}

/** A matrix, and zeros for its factor. Leaves −1, or the row at which it proved not to be positive. */
napi_value cholesky(napi_env env, napi_callback_info info) {
  Call call(env, info, 2);
  if (!call.isFine || call.isNarrow) return call.refuse();
  const std::size_t n = call.count(0), size = call.product(n, n);
  const void *a = call.run(0, 0, size);
  void *u = call.run(1, 0, size);
  if (!call.isFine) return call.refuse();
  call.instance->numbers[0] = (double)call.instance->way->cholesky((const double *)a, (double *)u, n);
  return nullptr;
}

/** A matrix, and int32 0, 1, 2 … for the order of its rows. Leaves the sign of the exchanges. */
napi_value factorRows(napi_env env, napi_callback_info info) {
  Call call(env, info, 2, 1, napi_int32_array);
  if (!call.isFine || call.isNarrow) return call.refuse();
  const std::size_t n = call.count(0);
  void *a = call.run(0, 0, call.product(n, n)), *rows = call.run(1, 0, n);
  if (!call.isFine) return call.refuse();
  call.instance->numbers[0] = call.instance->way->factorRows((double *)a, (std::int32_t *)rows, n);
  return nullptr;
}

/** The array that is read, the indices, the array that is written. Leaves the number of the first index that names nothing, or −1. */
napi_value atPlaces(napi_env env, napi_callback_info info) {
  Call call(env, info, 3, 1, napi_int32_array);
  if (!call.isFine) return call.refuse();
  const std::size_t op = call.count(0);
  const PlaceShape z = {call.count(1), call.count(2), call.count(3), call.count(4)};
  const std::size_t many = call.product(call.product(z.outer, z.count), z.inner), whole = call.product(call.product(z.outer, z.extent), z.inner);
  const std::size_t indices = op < 2 ? many : z.count;
  const bool isAdding = op == 1 || op == 3;
  const void *x = call.run(0, call.count(5), isAdding ? many : whole);
  const std::int32_t *which = static_cast<std::int32_t *>(call.run(1, call.count(6), indices));
  void *out = call.run(2, call.count(7), isAdding ? whole : many);
  if (!call.isFine || op > 3) return call.refuse();
  const std::ptrdiff_t beyond = call.instance->way->firstBeyond(which, indices, z.extent);
  call.instance->numbers[0] = (double)beyond;
  if (beyond < 0) call.instance->way->atPlaces(call.isNarrow, (int)op, z, x, which, out);
  return nullptr;
}

/** Rows, what comes first of each, and where that was. */
napi_value sortRows(napi_env env, napi_callback_info info) {
  Call call(env, info, 3, 2, napi_int32_array);
  if (!call.isFine) return call.refuse();
  const std::size_t isTurned = call.count(0), rows = call.count(1), n = call.count(2), wanted = call.count(3);
  const void *x = call.run(0, call.count(4), call.product(rows, n));
  void *values = call.run(1, call.count(5), call.product(rows, wanted));
  void *places = call.run(2, call.count(6), call.product(rows, wanted));
  if (!call.isFine || wanted > n || n > 0x7fffffff) return call.refuse();
  const Spare spare(n * 32);
  if (spare.at == nullptr) return call.refuse();
  call.instance->way->sortRows(call.isNarrow, isTurned != 0, x, rows, n, wanted, values, static_cast<std::int32_t *>(places), spare.at);
  return nullptr;
}

napi_value averagePool(napi_env env, napi_callback_info info) {
  Call call(env, info, 2);
  if (!call.isFine) return call.refuse();
  const Windows w(call);
  const void *x = call.run(0, call.count(12), w.images);
  void *out = call.run(1, call.count(13), call.product(call.product(w.z.images, w.z.channels), w.places));
  if (!call.isFine) return call.refuse();
  call.instance->way->averagePool(call.isNarrow, w.z, x, out);
  return nullptr;
}

napi_value averagePoolScatter(napi_env env, napi_callback_info info) {
  Call call(env, info, 2);
  if (!call.isFine) return call.refuse();
  const Windows w(call);
  const void *gy = call.run(0, call.count(12), call.product(call.product(w.z.images, w.z.channels), w.places));
  void *gx = call.run(1, call.count(13), w.images);
  if (!call.isFine) return call.refuse();
  call.instance->way->averagePoolScatter(call.isNarrow, w.z, gy, gx);
  return nullptr;
}

/** Means of neighbours, or with a first number but 0 the adjoint. */
napi_value blend(napi_env env, napi_callback_info info) {
  Call call(env, info, 2);
  if (!call.isFine) return call.refuse();
  const bool isScatter = call.count(0) != 0;
  const BlendShape z = {call.count(1), call.count(2), call.count(3), call.count(4), call.instance->numbers[5], call.count(6) != 0};
  const std::size_t before = call.product(call.product(z.outer, z.extent), z.inner), after = call.product(call.product(z.outer, z.count), z.inner);
  const void *x = call.run(0, call.count(7), isScatter ? after : before);
  void *out = call.run(1, call.count(8), isScatter ? before : after);
  constexpr std::size_t MOST = (std::size_t)1 << 31;
  if (!call.isFine || z.extent == 0 || z.extent >= MOST || z.count >= MOST || !(z.step >= 0)) return call.refuse();
  const Spare spare(call.instance->way->spareOfBlend(z.count));
  if (spare.at == nullptr) return call.refuse();
  call.instance->way->blend(call.isNarrow, isScatter, z, x, out, spare.at);
  return nullptr;
}

/** Rows of real and imaginary parts, those of their transforms, and the tables of fourier.hpp. */
napi_value fourierRows(napi_env env, napi_callback_info info) {
  Call call(env, info, 5);
  if (!call.isFine || call.isNarrow) return call.refuse();
  const std::size_t rows = call.count(0), n = call.count(1), length = call.count(2), size = call.product(rows, n);
  constexpr std::size_t MOST = (std::size_t)1 << 31;
  if (!call.isFine || n < 2 || n >= MOST || length < n || length >= MOST || (length & (length - 1)) != 0) return call.refuse();
  const void *re = call.run(0, call.count(3), size), *im = call.run(1, call.count(4), size);
  void *outRe = call.run(2, call.count(5), size), *outIm = call.run(3, call.count(6), size);
  const void *tables = call.run(4, 0, length == n ? n : 2 * n + 3 * length);
  if (!call.isFine) return call.refuse();
  const Spare spare(call.product(call.instance->way->spareOfFourier(length), sizeof(double)));
  if (!call.isFine || spare.at == nullptr) return call.refuse();
  call.instance->way->fourierRows((const double *)re, (const double *)im, rows, n, length, (const double *)tables, (double *)outRe,
                                  (double *)outIm, (double *)spare.at);
  return nullptr;
}

/** Rows and their transforms as radices.hpp has them, by what they are: 0 complex, 1 real, 2 halves of spectra; and n cosines and n sines. */
napi_value fourierByRadices(napi_env env, napi_callback_info info) {
  Call call(env, info, 5);
  if (!call.isFine || call.isNarrow) return call.refuse();
  const std::size_t kind = call.count(0), rows = call.count(1), n = call.count(2);
  if (!call.isFine || kind > 2 || n < 2 || n >= (std::size_t)1 << 31) return call.refuse();
  std::size_t rest = kind != 0 && n % 2 == 0 ? n / 2 : n;
  for (std::size_t p = 2; p <= 61; p++)
    while (rest % p == 0) rest /= p;
  if (rest != 1) return call.refuse();
  const std::size_t from = call.product(rows, kind == 2 ? n / 2 + 1 : n), to = call.product(rows, kind == 1 ? n / 2 + 1 : n);
  const void *re = call.run(0, call.count(3), from), *im = call.run(1, call.count(4), from);
  void *outRe = call.run(2, call.count(5), to), *outIm = call.run(3, call.count(6), to);
  const void *roots = call.run(4, 0, 2 * n);
  if (!call.isFine) return call.refuse();
  const Spare spare(call.product(call.instance->way->spareOfRadices(n), sizeof(double)));
  if (!call.isFine || spare.at == nullptr) return call.refuse();
  call.instance->way->fourierByRadices((int)kind, rows, n, (const double *)roots, (const double *)re, (const double *)im, (double *)outRe,
                                       (double *)outIm, (double *)spare.at);
  return nullptr;
}

/** Rows, the values at some places of each in order, and int32: where those are, and behind them the places. */
napi_value placesInOrder(napi_env env, napi_callback_info info) {
  Call call(env, info, 3, 2, napi_int32_array);
  if (!call.isFine) return call.refuse();
  const std::size_t rows = call.count(0), n = call.count(1), count = call.count(2);
  const void *x = call.run(0, call.count(3), call.product(rows, n));
  void *values = call.run(1, call.count(4), call.product(rows, count));
  std::int32_t *found = static_cast<std::int32_t *>(call.run(2, call.count(5), call.product(rows, count)));
  const std::int32_t *wanted = static_cast<const std::int32_t *>(call.run(2, call.count(6), count));
  if (!call.isFine || n == 0 || n > 0x7fffffff) return call.refuse();
  for (std::size_t k = 0; k < count; k++)
    if (wanted[k] < 0 || (std::size_t)wanted[k] >= n || (k > 0 && wanted[k] <= wanted[k - 1])) return call.refuse();
  const Spare spare(call.instance->way->spareOfPlaces(n));
  if (spare.at == nullptr) return call.refuse();
  call.instance->way->placesInOrder(call.isNarrow, x, rows, n, wanted, count, values, found, spare.at);
  return nullptr;
}

/** Vectors, others, and how far each is from each of the others. */
napi_value distances(napi_env env, napi_callback_info info) {
  Call call(env, info, 3);
  if (!call.isFine) return call.refuse();
  const std::size_t isSquare = call.count(0), batches = call.count(1), m = call.count(2), n = call.count(3), d = call.count(4);
  const void *a = call.run(0, call.count(5), call.product(call.product(batches, m), d));
  const void *b = call.run(1, call.count(6), call.product(call.product(batches, n), d));
  void *out = call.run(2, call.count(7), call.product(call.product(batches, m), n));
  constexpr std::size_t MOST = (std::size_t)1 << 31;
  if (!call.isFine || batches == 0 || m == 0 || n == 0 || d == 0 || n >= MOST || d >= MOST / 16) return call.refuse();
  const Spare spare(call.product(call.instance->way->spareOfDistances(n, d), sizeof(double)));
  if (!call.isFine || spare.at == nullptr) return call.refuse();
  call.instance->way->distances(call.isNarrow, isSquare != 0, a, b, batches, m, n, d, out, (double *)spare.at);
  return nullptr;
}

/** The first seven numbers, and the bounds in array `i` from element 7 on; counts what goes in and what comes out. */
bool readVolumes(Call &call, std::size_t i, VolumeShape &z, std::size_t *elements, std::size_t *places) {
  z = {call.count(0), call.count(1), call.count(2), call.count(3), call.count(4), call.count(5), call.count(6), nullptr};
  constexpr std::size_t MOST = (std::size_t)1 << 31;
  const std::size_t all[] = {z.layers, z.depths, z.rows, z.columns, z.outDepths, z.outRows, z.outColumns};
  for (const std::size_t one : all)
    if (one >= MOST) return false;
  *elements = call.product(call.product(call.product(z.layers, z.depths), z.rows), z.columns);
  *places = call.product(call.product(call.product(z.layers, z.outDepths), z.outRows), z.outColumns);
  z.bounds = static_cast<const std::int32_t *>(call.run(i, call.count(7), 2 * (z.outDepths + z.outRows + z.outColumns)));
  if (!call.isFine) return false;
  const std::int32_t *bound = z.bounds;
  const std::size_t counts[3] = {z.outDepths, z.outRows, z.outColumns}, extents[3] = {z.depths, z.rows, z.columns};
  for (int axis = 0; axis < 3; axis++, bound += 2 * counts[axis - 1])
    for (std::size_t k = 0; k < counts[axis]; k++)
      if (bound[k] < 0 || bound[counts[axis] + k] < bound[k] || (std::size_t)bound[counts[axis] + k] > extents[axis]) return false;
  return true;
}

napi_value volumeMaxima(napi_env env, napi_callback_info info) {
  Call call(env, info, 3, 2, napi_int32_array);
  if (!call.isFine) return call.refuse();
  VolumeShape z;
  std::size_t elements = 0, places = 0;
  if (!readVolumes(call, 2, z, &elements, &places)) return call.refuse();
  const void *x = call.run(0, call.count(8), elements);
  void *out = call.run(1, call.count(9), places);
  if (!call.isFine) return call.refuse();
  call.instance->way->volumeMaxima(call.isNarrow, z, x, out);
  return nullptr;
}

napi_value volumeMaximaScatter(napi_env env, napi_callback_info info) {
  Call call(env, info, 4, 3, napi_int32_array);
  if (!call.isFine) return call.refuse();
  VolumeShape z;
  std::size_t elements = 0, places = 0;
  if (!readVolumes(call, 3, z, &elements, &places)) return call.refuse();
  const void *gy = call.run(0, call.count(8), places), *x = call.run(1, call.count(9), elements);
  void *gx = call.run(2, call.count(10), elements);
  if (!call.isFine) return call.refuse();
  call.instance->way->volumeMaximaScatter(call.isNarrow, z, gy, x, gx);
  return nullptr;
}

/** Runs of elements from one array into another, which is another one. */
napi_value moveRuns(napi_env env, napi_callback_info info) {
  Call call(env, info, 2);
  if (!call.isFine) return call.refuse();
  const std::size_t length = call.count(0), count = call.count(1), xStep = call.count(3), outStep = call.count(5);
  if (!call.isFine || count == 0) return call.isFine ? nullptr : call.refuse();
  const std::size_t from = call.product(count - 1, xStep), to = call.product(count - 1, outStep);
  if (!call.isFine || from > SIZE_MAX - length || to > SIZE_MAX - length) return call.refuse();
  const void *x = call.run(0, call.count(2), from + length);
  void *out = call.run(1, call.count(4), to + length);
  if (!call.isFine) return call.refuse();
  call.instance->way->moveRuns(call.isNarrow, x, xStep, out, outStep, length, count);
  return nullptr;
}

constexpr int MOST_AXES = 8;

/** Elements that lie apart, copied side by side: axes, places, then extents, then steps. */
napi_value copy(napi_env env, napi_callback_info info) {
  Call call(env, info, 2);
  if (!call.isFine) return call.refuse();
  const std::size_t axes = call.count(0), from = call.count(1), to = call.count(2);
  if (!call.isFine || axes == 0 || axes > (std::size_t)MOST_AXES) return call.refuse();
  std::size_t extents[MOST_AXES], n = 1;
  std::ptrdiff_t steps[MOST_AXES], least = 0, most = 0;
  for (std::size_t i = 0; i < axes; i++) {
    extents[i] = call.count(3 + i);
    steps[i] = call.step(3 + axes + i);
    n = call.product(n, extents[i]);
    std::ptrdiff_t across;
    if (!call.isFine || extents[i] == 0 || __builtin_mul_overflow((std::ptrdiff_t)(extents[i] - 1), steps[i], &across) ||
        __builtin_add_overflow(across < 0 ? least : most, across, across < 0 ? &least : &most))
      return call.refuse();
  }
  // The farthest elements on either side: all others lie between them.
  if (least < -(std::ptrdiff_t)from) return call.refuse();
  const std::size_t span = (std::size_t)(most - least) + 1;
  const void *first = call.run(0, from - (std::size_t)-least, span);
  void *out = call.run(1, to, n);
  if (!call.isFine) return call.refuse();
  const void *x = (const char *)first + (std::size_t)-least * (call.isNarrow ? 4 : 8);
  call.instance->way->copy(call.isNarrow, (int)axes, extents, steps, x, out);
  return nullptr;
}

/** Computes by the way of this name from now on in this thread; returns whether this processor has it. */
napi_value use(napi_env env, napi_callback_info info) {
  std::size_t count = 1, length = 0;
  napi_value given;
  char name[32] = {};
  napi_get_cb_info(env, info, &count, &given, nullptr, nullptr);
  napi_value answer;
  const Way *found[MOST_WAYS];
  bool isHere = false;
  if (count == 1 && napi_get_value_string_utf8(env, given, name, sizeof name, &length) == napi_ok) {
    for (int i = 0, ways = waysHere(found); i < ways; i++) {
      if (std::strcmp(found[i]->name, name) != 0) continue;
      instanceOf(env)->way = found[i];
      isHere = true;
    }
  }
  napi_get_boolean(env, isHere, &answer);
  return answer;
}

/** Takes the Float64Array through which numbers come. */
napi_value share(napi_env env, napi_callback_info info) {
  std::size_t count = 1, length = 0;
  napi_value given;
  napi_typedarray_type type;
  void *data = nullptr;
  if (napi_get_cb_info(env, info, &count, &given, nullptr, nullptr) != napi_ok || count < 1 ||
      napi_get_typedarray_info(env, given, &type, &length, &data, nullptr, nullptr) != napi_ok || type != napi_float64_array ||
      length < NUMBERS) {
    napi_throw_range_error(env, "BAD_ARGUMENT", "native code expected a Float64Array for its numbers");
    return nullptr;
  }
  Instance *instance = instanceOf(env);
  if (instance->holds != nullptr) napi_delete_reference(env, instance->holds);
  instance->holds = nullptr;
  instance->numbers = napi_create_reference(env, given, 1, &instance->holds) == napi_ok ? static_cast<double *>(data) : nullptr;
  return nullptr;
}

void set(napi_env env, napi_value exports, const char *name, napi_callback call) {
  napi_value function;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, call, nullptr, &function) == napi_ok)
    napi_set_named_property(env, exports, name, function);
}

} // namespace

/**
 * Has the C library keep what large arrays give back; see src/array/kept-pages.ts, which can only raise its limits to 62 MiB. What
 * V8 drops in one collection may be more, and then all of it comes back in fresh pages.
 */
static void keepPages() {
#if defined(__GLIBC__)
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 256 << 20);
#endif
}

extern "C" NAPI_EXPORT napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  keepPages();
  Instance *instance = static_cast<Instance *>(std::calloc(1, sizeof(Instance)));
  if (instance == nullptr) return nullptr;
  const Way *found[MOST_WAYS];
  const int ways = waysHere(found);
  instance->way = found[0];
  napi_set_instance_data(env, instance, [](napi_env, void *data, void *) { std::free(data); }, nullptr);

  napi_value names;
  napi_create_array(env, &names);
  for (int i = 0; i < ways; i++) {
    napi_value name;
    napi_create_string_utf8(env, found[i]->name, NAPI_AUTO_LENGTH, &name);
    napi_set_element(env, names, (std::uint32_t)i, name);
  }
  napi_set_named_property(env, exports, "ways", names);
  set(env, exports, "share", share);
  set(env, exports, "use", use);
  set(env, exports, "unary", unary);
  set(env, exports, "binary", binary);
  set(env, exports, "clip", clip);
  set(env, exports, "matmul", matmul);
  set(env, exports, "reduceRows", reduceRows);
  set(env, exports, "accumulateRows", accumulateRows);
  set(env, exports, "softmaxRows", softmaxRows);
  set(env, exports, "sgdStep", sgdStep);
  set(env, exports, "momentumStep", momentumStep);
  set(env, exports, "adamStep", adamStep);
  set(env, exports, "summarize", summarize);
  set(env, exports, "distance", distance);
  set(env, exports, "measure", measure);
  set(env, exports, "normalize", normalize);
  set(env, exports, "normalizeSlopes", normalizeSlopes);
  set(env, exports, "softmaxSlope", softmaxSlope);
  set(env, exports, "geluSlope", geluSlope);
  set(env, exports, "maxPool", maxPool);
  set(env, exports, "maxPoolScatter", maxPoolScatter);
  set(env, exports, "convolve", convolve);
  set(env, exports, "convolveTransposed", convolveTransposed);
  set(env, exports, "convolveWeights", convolveWeights);
  set(env, exports, "compare", compare);
  set(env, exports, "choose", choose);
  set(env, exports, "largerShare", largerShare);
  set(env, exports, "gate", gate);
  set(env, exports, "prelu", prelu);
  set(env, exports, "convert", convert);
  set(env, exports, "foldRows", foldRows);
  set(env, exports, "takeOuter", takeOuter);
  set(env, exports, "diagonalize", diagonalize);
  set(env, exports, "orthogonalize", orthogonalize);
  set(env, exports, "symmetricEigen", symmetricEigen);
  set(env, exports, "triangleValues", triangleValues);
  set(env, exports, "cholesky", cholesky);
  set(env, exports, "factorRows", factorRows);
  set(env, exports, "atPlaces", atPlaces);
  set(env, exports, "copy", copy);
  set(env, exports, "sortRows", sortRows);
  set(env, exports, "moveRuns", moveRuns);
  set(env, exports, "volumeMaxima", volumeMaxima);
  set(env, exports, "placesInOrder", placesInOrder);
  set(env, exports, "averagePool", averagePool);
  set(env, exports, "averagePoolScatter", averagePoolScatter);
  set(env, exports, "blend", blend);
  set(env, exports, "fourierRows", fourierRows);
  set(env, exports, "fourierByRadices", fourierByRadices);
  set(env, exports, "distances", distances);
  set(env, exports, "volumeMaximaScatter", volumeMaximaScatter);
  return exports;
}

extern "C" NAPI_EXPORT int32_t node_api_module_get_api_version_v1() { return 8; }
