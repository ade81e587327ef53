"""Writes test/fixtures/numpy-arrays.json: what NumPy answers to calls of which gradtape promises the same answer.

Floats are the hexadecimal digits of their bits, so that sums can be compared to the last one. Inputs that would be long are
not stored (`noise` makes them here and in the test from the same integer recurrence), and of long results only the SHA-256 of their digits is.

    python3 scripts/references/numpy_arrays.py > test/fixtures/numpy-arrays.json

NumPy 2 is required: older ones cut a run into pieces of 8192 elements before they add pairwise, and so give other last bits
for longer runs.
"""
import hashlib
import json
import sys

import numpy as np

if int(np.__version__.split(".")[0]) < 2:
    sys.exit("NumPy 2 or later is required, got " + np.__version__)


def noise(n, seed, dtype="float64"):
    """Values with full mantissas and signs, by a linear congruence modulo 2**32; exact in both languages."""
    out = np.empty(n, dtype="float64")
    state = seed
    for i in range(n):
        state = (state * 1664525 + 1013904223) % 2**32
        high = state
        state = (state * 1664525 + 1013904223) % 2**32
        out[i] = (high / 2**32 - 0.5) * (state / 2**30 + 1.0)
    return out.astype(dtype)


def bits(x):
    """One array as {dtype, shape, data}."""
    x = np.asarray(x)
    kind = str(x.dtype)
    if kind == "int64" or kind == "uint64":
        kind, x = "int32", x.astype("int32")
    if kind == "float64":
        data = x.ravel().astype(">f8").tobytes().hex()
    elif kind == "float32":
        data = x.ravel().astype(">f4").tobytes().hex()
    else:
        data = [int(v) for v in x.ravel()]
    return {"dtype": kind, "shape": list(x.shape), "data": data}


def short(data):
    """The digits, or the hash of many."""
    return data if len(data) <= 320 else "sha256:" + hashlib.sha256(data.encode()).hexdigest()


def sums():
    cases = []
    lengths = [0, 1, 2, 7, 8, 9, 15, 16, 17, 63, 100, 127, 128, 129, 130, 135, 136, 137, 255, 256, 257, 264, 300, 511, 1000,
               1023, 1024, 1025, 4097, 8191, 8192, 8193, 10007, 20000, 100003]
    for n in lengths:
        for dtype in ("float64", "float32"):
            cases.append({"shape": [n], "axis": None, "dtype": dtype, "seed": n + 1})
    shapes = {
        (3, 4): [None, 0, 1, [0, 1]],
        (1, 5): [None, 0, 1],
        (5, 1): [None, 0, 1],
        (200, 3): [None, 0, 1],
        (3, 200): [None, 0, 1],
        (130, 140): [None, 0, 1],
        (2, 3, 4): [None, 0, 1, 2, [0, 1], [0, 2], [1, 2], [0, 1, 2]],
        (9, 5, 17): [None, 0, 1, 2, [0, 1], [0, 2], [1, 2]],
        (20, 1, 30): [0, 1, 2, [0, 1], [0, 2], [1, 2]],
        (20, 30, 1): [0, 1, 2, [0, 2], [1, 2]],
        (1, 20, 30): [0, 1, 2, [0, 2]],
        (3, 4, 5, 6): [None, 0, 1, 2, 3, [0, 2], [1, 3], [0, 3], [0, 2, 3], [0, 1, 3], [1, 2], [0, 1, 2]],
        (4, 3, 150, 2): [[0, 2], [0, 2, 3], [1, 3], [1, 2], [0, 1, 3]],
        (2, 1, 3, 1, 40): [[1, 4], [0, 3], [2, 3], [0, 2, 4], [2, 4]],
        (6, 3, 8, 8): [[0, 2, 3]],
        (2, 3, 9001): [2, [0, 2], [1, 2]],
        (0, 3): [None, 0, 1],
        (3, 0): [None, 0, 1],
        (2, 0, 3): [None, 0, 1, 2, [0, 1]],
    }
    for shape, axes in shapes.items():
        for axis in axes:
            for dtype in ("float64", "float32"):
                cases.append({"shape": list(shape), "axis": axis, "dtype": dtype, "seed": len(cases)})
    for case in cases:
        x = noise(int(np.prod(case["shape"])), case["seed"], case["dtype"]).reshape(case["shape"])
        axis = tuple(case["axis"]) if isinstance(case["axis"], list) else case["axis"]
        case["sum"] = short(bits(np.sum(x, axis=axis))["data"])
        if 0 < x.size < 2000:
            case["mean"] = short(bits(np.mean(x, axis=axis))["data"])
            case["prod"] = short(bits(np.prod(x, axis=axis))["data"])
    return cases


def operand(shape, dtype, seed):
    n = int(np.prod(shape))
    x = noise(n, seed)
    if dtype == "bool":
        return (x > 0).reshape(shape)
    if dtype == "uint8":
        return (np.abs(x) * 40 + 1).astype("uint8").reshape(shape)
    if dtype == "int32":
        return (x * 1e6).astype("int32").reshape(shape)
    return x.astype(dtype).reshape(shape)


def binary():
    cases = []
    kinds = ["float64", "float32", "int32", "uint8", "bool"]
    ops = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.true_divide, "maximum": np.maximum,
           "minimum": np.minimum, "equal": np.equal, "less": np.less, "greaterEqual": np.greater_equal,
           "logicalAnd": np.logical_and, "logicalOr": np.logical_or}
    with np.errstate(all="ignore"):
        for a in kinds:
            for b in kinds:
                x, y = operand((2, 3), a, 5), operand((3,), b, 6)
                group = {"a": bits(x), "b": bits(y), "out": {}}
                for name, op in ops.items():
                    if name == "sub" and a == b == "bool":
                        continue
                    group["out"][name] = bits(op(x, y))
                cases.append(group)
        shapes = [((), (2, 3)), ((2, 1), (1, 3)), ((4, 1, 3), (2, 1)), ((2, 3, 4), (3, 1)), ((2, 1, 4), (2, 3, 1)),
                  ((0, 3), (1, 3)), ((1, 3), (0, 1)), ((1,), (0,)), ((2, 1, 3, 1), (1, 4, 1, 2)), ((5, 4), (5, 1)),
                  ((3, 1, 1, 2), (2, 1, 1)), ((1, 1), ())]
        for sa, sb in shapes:
            x, y = operand(sa, "float64", 7), operand(sb, "float64", 8)
            out = {name: bits(ops[name](x, y)) for name in ("sub", "div", "less")}
            cases.append({"a": bits(x), "b": bits(y), "out": out})
    return cases


def promotion():
    kinds = ["float64", "float32", "int32", "uint8", "bool"]
    return [[a, b, str(np.promote_types(a, b))] for a in kinds for b in kinds]


def transcendental():
    cases = []
    x = np.concatenate([noise(40, 3) * 3, [0.0, 1.0, -1.0, 0.5, 20.0, -20.0]])
    names = ["exp", "log", "sqrt", "sin", "cos", "tanh", "expm1", "log1p", "floor", "sign", "reciprocal", "square", "abs"]
    for dtype in ("float64", "float32"):
        v = x.astype(dtype)
        for name in names:
            w = np.abs(v) + v.dtype.type(0.25) if name in ("log", "sqrt", "log1p", "reciprocal") else v
            cases.append({"op": name, "x": bits(w), "out": bits(getattr(np, name)(w))})
    return cases


def products():
    shapes = [((2, 3), (3, 4)), ((3,), (3,)), ((3,), (3, 2)), ((2, 3), (3,)), ((5, 2, 3), (3, 4)), ((5, 2, 3), (5, 3, 4)),
              ((2, 3), (5, 3, 4)), ((4, 1, 2, 3), (5, 3, 2)), ((3,), (4, 3, 2)), ((4, 2, 3), (3,)), ((7, 9), (9, 11)),
              ((2, 0), (0, 3)), ((0, 3), (3, 2)), ((1, 1), (1, 1)), ((33, 17), (17, 5)), ((2, 1, 3, 2), (1, 4, 2, 3))]
    cases = []
    for sa, sb in shapes:
        for dtype in ("float64", "float32", "int32", "uint8", "bool"):
            if dtype not in ("float64", "float32") and len(sa) > 2:
                continue
            x, y = operand(sa, dtype, 9), operand(sb, dtype, 10)
            cases.append({"a": list(sa), "b": list(sb), "dtype": dtype, "left": bits(x), "right": bits(y),
                          "out": bits(np.matmul(x, y))})
    return cases


def slices():
    x = np.arange(60, dtype="int32").reshape(3, 4, 5)
    cases = []
    ranges = [
        [[1, 3]], [[None, None, -1]], [[0, 2], [1, None], [None, None, 2]], [None, [-2, None]], [None, None, [-1, None, -2]],
        [[5, 9]], [[2, 0]], [[2, 0, -1]], [[None, -5, -1]], [[10, None, -1]], [[-10, 10]], [None, [3, None, -2], [4, 0, -3]],
        [], [[1, 2], [2, 3], [3, 4]], [None, [1, 1]], [[-1, None], [-3, -1], [-4, -1, 2]], [None, None, [None, None, 7]],
    ]
    for each in ranges:
        index = tuple(slice(None) if r is None else slice(*r) for r in each)
        cases.append({"ranges": each, "out": bits(x[index])})
    return cases


def rearranged():
    x = np.arange(24, dtype="int32").reshape(2, 3, 4)
    y = np.arange(100, 112, dtype="int32").reshape(1, 3, 4)
    i = np.array([[0, 2], [-1, 1]], dtype="int32")
    g = np.array([[[0, 2, 1, 1], [2, 2, 0, 1]], [[1, 0, 0, 0], [0, 1, 2, 2]]], dtype="int32")
    return {
        "transpose": [[axes, bits(np.transpose(x, axes))] for axes in (None, [0, 1, 2], [0, 2, 1], [1, 0, 2], [2, 0, 1], [-1, 0, 1])],
        "flip": [[axis, bits(np.flip(x, axis))] for axis in (None, 0, 1, 2, [0, 2])],
        "concat": bits(np.concatenate([x, y], axis=0)),
        "stack": [[axis, bits(np.stack([x, x + 1], axis=axis))] for axis in (0, 1, 3, -1)],
        "split": [[parts, axis, [bits(p) for p in np.split(x, parts, axis=axis)]]
                  for parts, axis in ((2, 0), (3, 1), ([1, 3], 2), ([0, 2, 9], -1))],
        "pad": bits(np.pad(x, [[1, 0], [0, 2], [1, 1]], constant_values=7)),
        "take": [[axis, bits(np.take(x, i, axis=axis))] for axis in (1, 2, -1)],
        "gather": bits(np.take_along_axis(x, g, axis=1)),
        "broadcastTo": bits(np.broadcast_to(y[:, :, :1], (2, 2, 3, 4))),
        "eye": bits(np.eye(3, 4)),
        "arange": [bits(np.arange(0.5, 3.0, 0.3)), bits(np.arange(5.0, 0.0, -2.0))],
    }


def extremes():
    x = np.array([[3, 1, 3, -2], [0, 5, -1, 5], [np.nan, 7, np.nan, 1]], dtype="float64")
    y = operand((4, 5), "int32", 4)
    z = operand((4, 5), "bool", 4)
    big = noise(50, 2).reshape(5, 10)
    return {
        "x": bits(x), "y": bits(y), "z": bits(z), "big": bits(big),
        "argmax": [[axis, bits(np.argmax(x, axis=axis).astype("int32"))] for axis in (None, 0, 1)],
        "argmin": [[axis, bits(np.argmin(x, axis=axis).astype("int32"))] for axis in (None, 0, 1)],
        "max": [[axis, bits(np.max(x, axis=axis))] for axis in (None, 0, 1)],
        "minInt": [[axis, bits(np.min(y, axis=axis))] for axis in (None, 0, 1)],
        "any": [[axis, bits(np.any(z, axis=axis))] for axis in (None, 0, 1)],
        "all": [[axis, bits(np.all(z, axis=axis))] for axis in (None, 0, 1)],
        "cumsum": [[axis, bits(np.cumsum(big, axis=axis))] for axis in (None, 0, 1)],
        "cumsum32": [[axis, bits(np.cumsum(big.astype("float32"), axis=axis))] for axis in (None, 0, 1)],
        "sumBool": [[axis, bits(np.sum(z, axis=axis))] for axis in (None, 0, 1)],
        "meanInt": [[axis, bits(np.mean(y, axis=axis))] for axis in (None, 0, 1)],
    }


def printed():
    arrays = [
        np.array(1.0), np.array(1e-5), np.array(-2.5), np.array(7, dtype="int32"), np.array(True), np.array(np.nan),
        np.array([1.0, 2.5, -3.25]), np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0.1, 0.25, 1 / 3]),
        np.array([1e-10, 1.0]), np.array([1e10, 1.0, -2.5]), np.array([np.nan, np.inf, -np.inf, 1.5]), np.zeros((0, 3)),
        np.array([1, -20, 300], dtype="int32"), np.array([[True, False], [False, False]]), np.arange(40.0),
        np.arange(2000.0), np.arange(2000, dtype="int32").reshape(40, 50), np.arange(24.0).reshape(2, 3, 4),
        np.array([0.1, 1 / 3, 2.0], dtype="float32"), np.array([1e-5, 3e7], dtype="float32"), noise(30, 4), np.array([0.0, -0.0]),
        noise(1200, 4).reshape(2, 20, 30), np.array([1e300, 1e-300]), np.array([123456.789, 1e5]), np.ones((2, 1, 2, 2)),
        np.array([np.nan, np.nan]), np.array(1e16), np.array(0.1, dtype="float32"), np.array([99999999.0, 1e6]),
    ]
    return [{"x": bits(x), "text": str(x)} for x in arrays if x.size <= 64] + [
        {"noise": [int(x.size), 4] if x.dtype == "float64" and x.flat[0] != 0 else None, "dtype": str(x.dtype),
         "shape": list(x.shape), "text": str(x)} for x in arrays if x.size > 64]


json.dump({
    "numpy": np.__version__, "sums": sums(), "promotion": promotion(), "binary": binary(), "transcendental": transcendental(),
    "products": products(), "slices": slices(), "rearranged": rearranged(), "extremes": extremes(), "printed": printed(),
}, sys.stdout, separators=(",", ":"))
