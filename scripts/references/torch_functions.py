#!/usr/bin/env python3
"""Writes test/fixtures/torch-functions.json: what PyTorch says in float64 about the values, gradients and second-derivative
products of the functions in src/functions/. Run by hand, with Debian's python3-torch; the tests read only the fixture.

For outputs y of inputs x, with fixed weights v and u (see `weights`):
  gradients  g_i = d(sum v*y)/dx_i
  seconds    s_i = d(sum_j sum u_j*g_j)/dx_i
"""
import json
import math
import os
import sys

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
torch.manual_seed(20230)


def normal(*shape):
    return torch.randn(shape)


def positive(*shape):
    return torch.rand(shape) * 2 + 0.2


def share(*shape):
    return torch.rand(shape) * 0.9 + 0.05


def ints(values, *shape):
    return torch.tensor(values, dtype=torch.int32).reshape(shape if shape else (len(values),))


def weights(shape, salt):
    count = math.prod(shape)
    return torch.tensor([((i * 7 + salt * 3) % 11 - 5) / 4 for i in range(count)]).reshape(tuple(shape))


def long(x):
    return x.long()


CASES = []


def case(name, call, *inputs, **attributes):
    CASES.append((name, call, inputs, attributes))


# --- element by element -----------------------------------------------------------------------------------------------
PAIRS = [((4,), (4,)), ((2, 3), (3,)), ((), (2, 3)), ((2, 1), (1, 3)), ((2, 1, 3), (4, 1))]
for a, b in PAIRS:
    case("add", torch.add, normal(*a), normal(*b))
    case("sub", torch.sub, normal(*a), normal(*b))
    case("mul", torch.mul, normal(*a), normal(*b))
    case("div", torch.div, normal(*a), positive(*b))
    case("maximum", torch.maximum, normal(*a), normal(*b))
    case("minimum", torch.minimum, normal(*a), normal(*b))
    case("pow", torch.pow, positive(*a), normal(*b))
ties = torch.tensor([1.0, 2.0, 3.0, -0.5])
case("maximum", torch.maximum, ties, torch.tensor([1.0, 1.0, 4.0, -0.5]))
case("minimum", torch.minimum, ties, torch.tensor([1.0, 1.0, 4.0, -0.5]))

WIDE = torch.tensor([-30.0, -12.5, -6.0, -3.1, -1.0, -0.4, -1e-3, 1e-5, 0.3, 1.0, 2.7, 6.0, 11.0, 31.0])
for x in [normal(5), normal(2, 3), normal(), normal(2, 2, 3)]:
    case("neg", torch.neg, x)
    case("square", torch.square, x)
    case("abs", torch.abs, x)
    case("exp", torch.exp, x)
    case("expm1", torch.expm1, x)
    case("sin", torch.sin, x * 3)
    case("cos", torch.cos, x * 3)
    case("tanh", torch.tanh, x)
    case("sigmoid", torch.sigmoid, x)
    case("relu", torch.relu, x)
    case("leakyRelu", lambda t: F.leaky_relu(t, 0.01), x)
    case("leakyRelu", lambda t: F.leaky_relu(t, 0.2), x, slope=0.2)
    case("erf", torch.erf, x)
    case("gelu", F.gelu, x)
    case("softplus", F.softplus, x)
    case("clip", lambda t: torch.clamp(t, -0.5, 0.5), x, min=-0.5, max=0.5)
    case("clip", lambda t: torch.clamp(t, min=0.1), x, min=0.1)
    case("pow", lambda t: torch.pow(t, 3), x, exponent=3)
    case("pow", lambda t: torch.pow(t, 2), x, exponent=2)
    case("pow", lambda t: torch.pow(t, -2), x, exponent=-2)
    case("sign", torch.sign, x)
    case("floor", torch.floor, x * 3)
for x in [positive(5), positive(2, 3), positive()]:
    case("sqrt", torch.sqrt, x)
    case("log", torch.log, x)
    case("log1p", torch.log1p, x)
    case("pow", lambda t: torch.pow(t, 0.5), x, exponent=0.5)
    case("pow", lambda t: torch.pow(t, -1.7), x, exponent=-1.7)
case("sigmoid", torch.sigmoid, WIDE)
case("tanh", torch.tanh, WIDE[3:11])
case("softplus", lambda t: F.softplus(t, threshold=1000), WIDE)
case("exp", torch.exp, WIDE)
case("erf", torch.erf, WIDE[2:12])
case("gelu", F.gelu, WIDE[3:])
case("relu", torch.relu, torch.tensor([-1.0, 0.0, 2.0]))
case("abs", torch.abs, torch.tensor([-1.0, 0.0, 2.0]))
case("clip", lambda t: torch.clamp(t, -1, 1), torch.tensor([-2.0, -1.0, 0.5, 1.0, 3.0]), min=-1, max=1)

condition = torch.tensor([[True, False, True], [False, False, True]])
case("where", lambda c, a, b: torch.where(c, a, b), condition, normal(2, 3), normal(2, 3))
case("where", lambda c, a, b: torch.where(c, a, b), condition[0], normal(2, 1), normal(3))
a, b = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([[1.0], [2.5]])
for name, call in [("equal", torch.eq), ("notEqual", torch.ne), ("less", torch.lt), ("lessEqual", torch.le),
                   ("greater", torch.gt), ("greaterEqual", torch.ge)]:
    case(name, call, a, b)
case("logicalAnd", torch.logical_and, torch.tensor([0.0, 1.0, 2.0]), torch.tensor([[0.0], [3.0]]))
case("logicalOr", torch.logical_or, torch.tensor([0.0, 1.0, 2.0]), torch.tensor([[0.0], [3.0]]))
case("logicalNot", torch.logical_not, torch.tensor([0.0, 1.0, 2.0]))

# --- reductions -------------------------------------------------------------------------------------------------------
AXES = [{}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"axis": [0, 2]}, {"axis": 1}]


def axes_of(options, ndim):
    axis = options.get("axis", list(range(ndim)))
    return axis if isinstance(axis, list) else [axis]


def reduce(call):
    return lambda options: lambda x: call(x, axes_of(options, x.dim()), options.get("keepdims", False))


def product(x, axes, keepdims):
    for axis in sorted([axis % x.dim() for axis in axes], reverse=True):
        x = torch.prod(x, dim=axis, keepdim=True)
    return squeeze_all(x, axes, keepdims)


def squeeze_all(x, axes, keepdims):
    if keepdims:
        return x
    for axis in sorted([axis % x.dim() for axis in axes], reverse=True):
        x = x.squeeze(axis)
    return x


REDUCTIONS = {
    "sum": lambda x, d, k: torch.sum(x, dim=d, keepdim=k),
    "mean": lambda x, d, k: torch.mean(x, dim=d, keepdim=k),
    "max": lambda x, d, k: torch.amax(x, dim=d, keepdim=k),
    "min": lambda x, d, k: torch.amin(x, dim=d, keepdim=k),
    "prod": product,
    "logSumExp": lambda x, d, k: torch.logsumexp(x, dim=d, keepdim=k),
    "norm": lambda x, d, k: torch.linalg.vector_norm(x, dim=d, keepdim=k),
    "var": lambda x, d, k: torch.var(x, dim=d, keepdim=k, unbiased=False),
    "std": lambda x, d, k: torch.std(x, dim=d, keepdim=k, unbiased=False),
}
for name, call in REDUCTIONS.items():
    for options in AXES:
        case(name, reduce(call)(options), normal(3, 3, 4), **options)
    case(name, reduce(call)({}), normal(5))
    case(name, reduce(call)({"axis": 0}), normal(4, 2), axis=0)
case("max", lambda x: torch.amax(x, dim=[1]), torch.tensor([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]), axis=1)
case("min", lambda x: torch.amin(x, dim=[0, 1]), torch.tensor([[1.0, 3.0, 1.0], [2.0, 1.0, 2.0]]))
case("prod", lambda x: torch.prod(x, dim=1), torch.tensor([[1.5, 0.0, 3.0], [0.0, 2.0, 0.0], [1.0, 2.0, -3.0]]), axis=1)
case("var", lambda x: torch.var(x, dim=0, unbiased=True), normal(4, 3), axis=0, ddof=1)
case("std", lambda x: torch.std(x, dim=0, unbiased=True), normal(4, 3), axis=0, ddof=1)
case("norm", lambda x: torch.linalg.vector_norm(x, ord=3, dim=1), normal(3, 4), axis=1, ord=3)
case("norm", lambda x: torch.linalg.vector_norm(x, ord=1, dim=1), normal(3, 4), axis=1, ord=1)
case("cumsum", lambda x: torch.cumsum(x, 0), normal(3, 4), axis=0)
case("cumsum", lambda x: torch.cumsum(x, -1), normal(3, 4), axis=-1)
case("argmax", lambda x: torch.argmax(x, 1), normal(3, 4), axis=1)
case("argmin", lambda x: torch.argmin(x), normal(3, 4))
case("topk", lambda x: torch.topk(x, 3), normal(2, 6), k=3)
case("topk", lambda x: torch.topk(x, 2, dim=0, largest=False), normal(5, 2), k=2, axis=0, largest=False)
for x, axis in [(normal(3, 4), -1), (normal(2, 3, 2), 1), (normal(4, 2), 0)]:
    case("softmax", lambda t, axis=axis: torch.softmax(t, axis), x, axis=axis)
    case("logSoftmax", lambda t, axis=axis: torch.log_softmax(t, axis), x, axis=axis)
extreme = torch.tensor([[1000.0, -1000.0, 0.0], [-1000.0, -1000.5, -1001.0], [5.0, 5.0, 5.0]])
case("softmax", lambda t: torch.softmax(t, 1), extreme, axis=1)
case("logSoftmax", lambda t: torch.log_softmax(t, 1), extreme, axis=1)

# --- shapes -----------------------------------------------------------------------------------------------------------
case("reshape", lambda x: x.reshape(3, 2), normal(2, 3), shape=[3, 2])
case("reshape", lambda x: x.reshape(-1), normal(2, 3), shape=[-1])
case("transpose", lambda x: x.permute(1, 0), normal(2, 3))
case("transpose", lambda x: x.permute(2, 0, 1), normal(2, 3, 4), axes=[2, 0, 1])
case("broadcastTo", lambda x: x.expand(2, 3, 4), normal(3, 1), shape=[2, 3, 4])
case("sumTo", lambda x: x.sum_to_size(3, 1), normal(2, 3, 4), shape=[3, 1])
case("expandDims", lambda x: x.unsqueeze(1), normal(2, 3), axis=1)
case("squeeze", lambda x: x.squeeze(0), normal(1, 3), axis=0)
case("flip", lambda x: x.flip(0, 1), normal(2, 3))
case("flip", lambda x: x.flip(1), normal(2, 3), axis=1)
case("concat", lambda *xs: torch.cat(xs, 0), normal(2, 3), normal(1, 3), axis=0)
case("concat", lambda *xs: torch.cat(xs, -1), normal(2, 3), normal(2, 1), normal(2, 2), axis=-1)
case("stack", lambda *xs: torch.stack(xs, 1), normal(2, 3), normal(2, 3), axis=1)
case("split", lambda x: torch.split(x, 2), normal(4, 3), parts=2)
case("split", lambda x: torch.split(x, [1, 3, 1], 1), normal(2, 5), parts=[1, 4], axis=1)
case("slice", lambda x: x[1:4:2, :-1], normal(5, 4), ranges=[[1, 4, 2], [None, -1]])
case("pad", lambda x: F.pad(x, (2, 1, 0, 1), value=0.5), normal(2, 3), widths=[[0, 1], [2, 1]], value=0.5)

# --- indices ----------------------------------------------------------------------------------------------------------
case("take", lambda x, i: x[long(i)], normal(5, 3), ints([4, 0, 4, 2]))
case("take", lambda x, i: torch.index_select(x, 1, long(i)), normal(2, 4), ints([3, 3, 1]), axis=1)
case("take", lambda x, i: x[long(i)], normal(5, 2), ints([4, 0, 4, 2], 2, 2))
case("embedding", lambda w, i: F.embedding(i, w), normal(5, 3), ints([4, 0, 4, 2], 2, 2))
case("oneHot", lambda i: F.one_hot(long(i), 4).double(), ints([3, 0, 1]), classes=4)
case("gather", lambda x, i: torch.gather(x, 1, long(i)), normal(3, 4), ints([0, 3, 3, 1, 2, 0], 3, 2), axis=1)
case("gather", lambda x, i: torch.gather(x, 0, long(i)), normal(3, 2), ints([0, 2, 2, 2], 2, 2), axis=0)
case("scatterAdd", lambda x, i, v: x.scatter_add(1, long(i), v), normal(3, 4), ints([0, 3, 3, 3, 2, 0], 3, 2), normal(3, 2), axis=1)

# --- products ---------------------------------------------------------------------------------------------------------
for a, b in [((3, 4), (4, 2)), ((4,), (4,)), ((3, 4), (4,)), ((4,), (4, 3)), ((2, 3, 4), (4, 2)), ((3, 4), (2, 4, 2)),
             ((2, 1, 3, 4), (3, 4, 2)), ((2, 3, 4), (4,)), ((4,), (2, 4, 3))]:
    case("matmul", torch.matmul, normal(*a), normal(*b))
case("matmul", lambda a, b: a.mT @ b, normal(4, 3), normal(4, 2), transposeA=True)
case("matmul", lambda a, b: a @ b.mT, normal(2, 3, 4), normal(2, 4), transposeB=True)
case("matmul", lambda a, b: a.mT @ b.mT, normal(4, 3), normal(2, 4), transposeA=True, transposeB=True)
case("linear", lambda x, w, b: x @ w + b, normal(5, 3), normal(3, 2), normal(2))
case("linear", lambda x, w: x @ w, normal(5, 3), normal(3, 2))
case("linear", lambda x, w, b: x @ w + b, normal(2, 2, 3), normal(3, 2), normal(2))
for equation, shapes in [("ij,jk->ik", [(2, 3), (3, 4)]), ("bij,bjk->bik", [(2, 2, 3), (2, 3, 2)]), ("ii->i", [(3, 3)]),
                         ("ij->", [(2, 3)]), ("i,j,k->kji", [(2,), (3,), (2,)]), ("ij,ij->i", [(2, 3), (2, 3)]),
                         ("...ij,...jk->...ik", [(2, 1, 2, 3), (3, 3, 2)]), ("bhqd,bhkd->bhqk", [(2, 2, 3, 2), (2, 2, 4, 2)]),
                         ("ij,jj,k->i", [(2, 3), (3, 3), (2,)])]:
    case("einsum", lambda *xs, equation=equation: torch.einsum(equation, *xs), *[normal(*s) for s in shapes], equation=equation)

# --- losses -----------------------------------------------------------------------------------------------------------
case("softmaxCrossEntropy", lambda x, t: F.cross_entropy(x, long(t)), normal(5, 4), ints([3, 0, 1, 1, 2]))
case("softmaxCrossEntropy", lambda x, t: F.cross_entropy(x, long(t)), extreme, ints([0, 2, 1]))
case("softmaxCrossEntropy", lambda x, t: F.cross_entropy(x, long(t)), extreme, ints([1, 0, 2]))
case("softmaxCrossEntropy", lambda x, t: F.cross_entropy(x.reshape(-1, 3), long(t).reshape(-1)), normal(2, 2, 3), ints([2, 0, 1, 1], 2, 2))
case("softmaxCrossEntropy", F.cross_entropy, normal(3, 4), torch.softmax(normal(3, 4), 1))
case("meanSquaredError", F.mse_loss, normal(4, 3), normal(4, 3))
case("meanSquaredError", F.mse_loss, normal(6), normal(6))
case("binaryCrossEntropy", lambda p, t: -(t * p.log() + (1 - t) * (1 - p).log()).mean(), share(4, 2), share(4, 2))
# By its formula: the second derivative of F.binary_cross_entropy adds 1e-12 to p(1 - p), which shows here.
case("binaryCrossEntropy", lambda p, t: -(t * p.log() + (1 - t) * torch.log1p(-p)).mean(), torch.tensor([1e-9, 1 - 1e-9, 0.25]), ints([1, 0, 1]))

# --- images -----------------------------------------------------------------------------------------------------------
case("conv2d", F.conv2d, normal(2, 2, 5, 4), normal(3, 2, 3, 2))
case("conv2d", lambda x, w, b: F.conv2d(x, w, b, stride=2, padding=(1, 2)), normal(2, 2, 5, 4), normal(3, 2, 2, 3), normal(3), stride=2, padding=[1, 2])
case("conv2d", lambda x, w, b: F.conv2d(x, w, b, stride=(3, 2), padding=1), normal(1, 3, 7, 6), normal(2, 3, 3, 3), normal(2), stride=[3, 2], padding=1)
case("convTranspose2d", F.conv_transpose2d, normal(2, 3, 2, 3), normal(3, 2, 2, 3))
case("convTranspose2d", lambda x, w, b: F.conv_transpose2d(x, w, b, stride=(2, 3), padding=1, output_padding=(1, 2)),
     normal(2, 3, 2, 3), normal(3, 2, 3, 2), normal(2), stride=[2, 3], padding=1, extra=[1, 2])
case("maxPool2d", lambda x: F.max_pool2d(x, 2), normal(2, 2, 5, 4), kernel=2)
case("maxPool2d", lambda x: F.max_pool2d(x, (3, 2), stride=(2, 1), padding=1), normal(1, 2, 5, 4), kernel=[3, 2], stride=[2, 1], padding=1)
case("averagePool2d", lambda x: F.avg_pool2d(x, 2), normal(2, 2, 5, 4), kernel=2)
case("averagePool2d", lambda x: F.avg_pool2d(x, (3, 2), stride=(2, 1), padding=1), normal(1, 2, 5, 4), kernel=[3, 2], stride=[2, 1], padding=1)

# --- normalisation and attention --------------------------------------------------------------------------------------
case("layerNorm", lambda x, g, b: F.layer_norm(x, (4,), g, b), normal(3, 4), normal(4), normal(4))
case("layerNorm", lambda x, g, b: F.layer_norm(x, (2, 3), g, b, 0.1), normal(2, 2, 3), normal(2, 3), normal(2, 3), eps=0.1)
case("batchNorm", lambda x, g, b: F.batch_norm(x, None, None, g, b, True), normal(5, 3), normal(3), normal(3))
case("batchNorm", lambda x, g, b: F.batch_norm(x, None, None, g, b, True, eps=0.1), normal(2, 3, 2, 2), normal(3), normal(3), eps=0.1)
case("batchNorm", lambda x, g, b, m, v: (x - m) / torch.sqrt(v + 1e-5) * g + b, normal(4, 3), normal(3), normal(3), normal(3), positive(3))


def attention(q, k, v, mask=None, causal=False):
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores + mask if mask.is_floating_point() else scores.masked_fill(~mask, -math.inf)
    if causal:
        scores = scores.masked_fill(~torch.ones(scores.shape[-2:], dtype=torch.bool).tril(), -math.inf)
    return torch.softmax(scores, -1) @ v


case("scaledDotProductAttention", attention, normal(2, 3, 4), normal(2, 5, 4), normal(2, 5, 3))
case("scaledDotProductAttention", lambda *xs: attention(*xs, causal=True), normal(3, 2), normal(3, 2), normal(3, 2), causal=True)
case("scaledDotProductAttention", attention, normal(2, 2, 3, 4), normal(5, 4), normal(5, 3), normal(3, 5))
case("scaledDotProductAttention", attention, normal(3, 4), normal(3, 4), normal(3, 2),
     torch.tensor([[True, False, True], [True, True, False], [False, False, True]]))


# --- what was added later, at the end, so that the numbers drawn before stay ---------------------------------------------
for x in [normal(5), normal(2, 3), normal()]:
    case("silu", F.silu, x)
    case("mish", F.mish, x)
    case("elu", F.elu, x)
    case("elu", lambda t: F.elu(t, 0.7), x, alpha=0.7)
    case("hardtanh", lambda t: F.hardtanh(t, -0.5, 0.4), x, min=-0.5, max=0.4)
    case("tan", torch.tan, x)
    case("sinh", torch.sinh, x)
    case("cosh", torch.cosh, x)
    case("arctan", torch.arctan, x * 3)
    case("arcsin", torch.arcsin, torch.tanh(x))
    case("arccos", torch.arccos, torch.tanh(x))
case("silu", F.silu, WIDE)
case("elu", F.elu, WIDE)
case("sinh", torch.sinh, WIDE)
case("cosh", torch.cosh, WIDE)
case("tan", torch.tan, WIDE)
case("arctan", torch.arctan, WIDE)
case("hardtanh", F.hardtanh, torch.tensor([-2.0, -1.0, 0.5, 1.0, 3.0]))
case("prelu", F.prelu, normal(2, 3), share(3))
case("prelu", F.prelu, normal(2, 3, 2), share(1))
for a, b in PAIRS:
    case("arctan2", torch.arctan2, normal(*a), normal(*b))
    case("remainder", torch.remainder, normal(*a) * 5, positive(*b))
case("remainder", torch.remainder, torch.tensor([-7.0, 7.0, -7.0, 7.0]), torch.tensor([3.0, -3.0, -3.0, 3.0]))
for name, order in [("inf", math.inf), ("-inf", -math.inf), (0, 0), (0.5, 0.5), (-1, -1), (-2.5, -2.5)]:
    case("norm", lambda x, order=order: torch.linalg.vector_norm(x, ord=order, dim=1), normal(3, 4), axis=1, ord=name)
    case("norm", lambda x, order=order: torch.linalg.vector_norm(x, ord=order), normal(3, 4), ord=name)
case("cumprod", lambda x: torch.cumprod(x, 0), normal(3, 4), axis=0)
case("cumprod", lambda x: torch.cumprod(x, -1), normal(3, 4), axis=-1)
case("cumprod", lambda x: torch.cumprod(x, 1), torch.tensor([[1.5, 0.0, 3.0, 2.0], [0.0, 2.0, 0.0, 0.5]]), axis=1)
case("sort", lambda x: torch.sort(x), normal(2, 5))
case("sort", lambda x: torch.sort(x, 0, True), normal(5, 2), axis=0, descending=True)
case("tile", lambda x: torch.tile(x, (2, 1, 3)), normal(2, 3), repeats=[2, 1, 3])
case("tile", lambda x: torch.tile(x, (2,)), normal(2, 3), repeats=[2])
case("roll", lambda x: torch.roll(x, (1, -2), (0, 1)), normal(3, 4), shifts=[1, -2], axis=[0, 1])
case("roll", lambda x: torch.roll(x, 5), normal(3, 4), shifts=[5])
case("triu", lambda x: torch.triu(x, 1), normal(2, 3, 4), diagonal=1)
case("tril", lambda x: torch.tril(x, -1), normal(3, 3), diagonal=-1)
case("unique", lambda x: torch.unique(x, return_inverse=True, return_counts=True), torch.tensor([[3.0, 1.0], [1.0, -2.0]]))
case("bincount", lambda x: torch.bincount(long(x), minlength=5), ints([2, 0, 2, 1]), minLength=5)
case("bincount", lambda x, w: torch.bincount(long(x), w.detach()), ints([2, 0, 2, 1]), normal(4))
case("histogram", lambda x: [one.detach() for one in torch.histogram(x.detach(), 4)], normal(20), bins=4)
case("histogram", lambda x: [one.detach() for one in torch.histogram(x.detach(), 4, range=(-1, 1))], normal(20), bins=4, min=-1, max=1)
WEIGHT = [1.0, 0.5, 2.0, 3.0]
for smoothing in [0.0, 0.1]:
    for reduction in ["mean", "sum", "none"]:
        for weight in [None, WEIGHT]:
            held = None if weight is None else torch.tensor(weight)
            given = {"labelSmoothing": smoothing, "reduction": reduction, **({} if weight is None else {"weight": weight})}
            ask = lambda x, t, w=held, s=smoothing, r=reduction: F.cross_entropy(x, long(t), weight=w, label_smoothing=s, reduction=r)
            case("crossEntropy", ask, normal(5, 4), ints([3, 0, -100, 1, 2]), **given)
            soft = lambda x, t, w=held, s=smoothing, r=reduction: F.cross_entropy(x, t, weight=w, label_smoothing=s, reduction=r)
            case("crossEntropy", soft, normal(5, 4), torch.softmax(normal(5, 4), 1), **given)
case("crossEntropy", lambda x, t: F.cross_entropy(x, long(t), ignore_index=1), normal(5, 4), ints([3, 0, 1, 1, 2]), ignoreIndex=1)
case("crossEntropy", lambda x, t: F.cross_entropy(x, long(t)), extreme, ints([0, 2, 1]))
for reduction in ["mean", "sum", "none"]:
    def logits(x, t, p=1.0, r=reduction):
        losses = (1 - t) * F.softplus(x, threshold=1000) + p * t * F.softplus(-x, threshold=1000)
        return losses if r == "none" else getattr(losses, r)()
    both = lambda x, t, r=reduction: F.binary_cross_entropy_with_logits(x, t, reduction=r)
    case("binaryCrossEntropyWithLogits", both, normal(4, 2), share(4, 2), reduction=reduction)
    case("binaryCrossEntropyWithLogits", lambda x, t, g=logits: g(x, t, 2.5), normal(4, 2), share(4, 2), reduction=reduction, posWeight=2.5)
    for name, call, more in [
        ("l1Loss", F.l1_loss, {}), ("smoothL1Loss", F.smooth_l1_loss, {}), ("huberLoss", F.huber_loss, {}),
        ("smoothL1Loss", lambda a, b, reduction: F.smooth_l1_loss(a, b, reduction=reduction, beta=0.3), {"beta": 0.3}),
        ("huberLoss", lambda a, b, reduction: F.huber_loss(a, b, reduction=reduction, delta=0.3), {"delta": 0.3}),
        ("klDivergence", lambda a, b, reduction: F.kl_div(a, b, reduction=reduction, log_target=True), {"logTarget": True}),
    ]:
        case(name, lambda a, b, call=call, r=reduction: call(a, b, reduction=r), normal(4, 3), normal(4, 3), reduction=reduction, **more)
    case("klDivergence", lambda a, b, r=reduction: F.kl_div(a, b, reduction=r), normal(4, 3), share(4, 3), reduction=reduction)

    def hinge(x, t, r=reduction):
        losses = torch.relu(1 - x * t)
        return losses if r == "none" else getattr(losses, r)()
    case("hingeLoss", hinge, normal(4, 3), normal(4, 3), reduction=reduction)
case("klDivergence", lambda a, b: F.kl_div(a, b, reduction="batchmean"), normal(4, 3), share(4, 3), reduction="batchMean")
case("binaryCrossEntropyWithLogits", logits, WIDE, torch.tensor([0.0, 1.0] * 7), reduction="none")
case("cosineSimilarity", lambda a, b: F.cosine_similarity(a, b, dim=1), normal(4, 3), normal(4, 3))
case("cosineSimilarity", lambda a, b: F.cosine_similarity(a, b, dim=0), normal(4, 3), normal(4, 3), axis=0)
case("groupNorm", lambda x, g, b: F.group_norm(x, 2, g, b), normal(2, 4, 3), normal(4), normal(4), groups=2)
case("groupNorm", lambda x, g, b: F.group_norm(x, 4, g, b, 0.1), normal(2, 4, 3, 2), normal(4), normal(4), groups=4, eps=0.1)
case("rmsNorm", lambda x, g: x / torch.sqrt((x * x).mean(-1, keepdim=True) + 0.1) * g, normal(3, 4), normal(4), eps=0.1)
case("rmsNorm", lambda x, g: x / torch.sqrt((x * x).mean(-1, keepdim=True) + 2.220446049250313e-16) * g, normal(3, 4), normal(4))



def dominant(*shape):
    return normal(*shape) / 4 + 3 * torch.eye(shape[-1])


for shape in [(3, 3), (2, 4, 4)]:
    case("inv", torch.linalg.inv, dominant(*shape))
    case("det", torch.linalg.det, dominant(*shape))
    case("slogdet", lambda x: [torch.linalg.slogdet(x)[0].detach(), torch.linalg.slogdet(x)[1]], dominant(*shape))
    a = dominant(*shape)
    case("cholesky", torch.linalg.cholesky, (a + a.mT) / 2)
    case("solve", torch.linalg.solve, dominant(*shape), normal(shape[-1], 2))


# --- what is made of registered functions: called by its own name, with these arguments behind the operands ---------------
COMPOSED = []


def composed(name, call, *inputs, args=()):
    COMPOSED.append((name, call, inputs, list(args)))


composed("argsort", torch.argsort, normal(2, 5))
composed("argsort", lambda x: torch.argsort(x, 0, True), normal(5, 2), args=[{"axis": 0, "descending": True}])
composed("repeat", lambda x: x.repeat(2, 1, 3), normal(2, 3), args=[[2, 1, 3]])
composed("repeatInterleave", lambda x: torch.repeat_interleave(x, 2), normal(2, 3), args=[2])
composed("repeatInterleave", lambda x: torch.repeat_interleave(x, torch.tensor([2, 0, 1]), 1), normal(2, 3), args=[[2, 0, 1], {"axis": 1}])
composed("diff", torch.diff, normal(2, 5))
composed("diff", lambda x: torch.diff(x, 2, 0), normal(4, 2), args=[{"n": 2, "axis": 0}])
composed("outer", torch.outer, normal(3), normal(4))
composed("trace", torch.trace, normal(3, 3))
composed("trace", torch.trace, normal(2, 4))
composed("mod", torch.remainder, normal(5) * 5, positive(5))
composed("instanceNorm", lambda x, g, b: F.instance_norm(x, weight=g, bias=b), normal(2, 3, 4), normal(3), normal(3))
composed("instanceNorm", lambda x, g, b: F.instance_norm(x, weight=g, bias=b, eps=0.1), normal(2, 3, 2, 3), normal(3), normal(3), args=[{"eps": 0.1}])
for reduction in ["mean", "sum", "none"]:
    near = lambda a, b, t, r=reduction: F.cosine_embedding_loss(a, b, t, margin=0.2, reduction=r)
    composed("cosineEmbeddingLoss", near, normal(5, 3), normal(5, 3), ints([1, -1, -1, 1, -1]), args=[{"margin": 0.2, "reduction": reduction}])
composed("averagePool2d", lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False), normal(2, 2, 5, 6), args=[{"kernel": 3, "stride": 2, "padding": 1, "countPadding": False}])
for size in [1, [2, 3], [5, 2]]:
    composed("adaptiveAveragePool2d", lambda x, s=size: F.adaptive_avg_pool2d(x, s), normal(2, 2, 5, 6), args=[size])
    composed("adaptiveMaxPool2d", lambda x, s=size: F.adaptive_max_pool2d(x, s), normal(2, 2, 5, 6), args=[size])
composed("conv1d", lambda x, w, b: F.conv1d(x, w, b, 2, 1, 2), normal(2, 3, 8), normal(4, 3, 2), normal(4), args=[{"stride": 2, "padding": 1, "dilation": 2}])
composed("conv2d", lambda x, w, b: F.conv2d(x, w, b, 1, 1, 2, 2), normal(2, 4, 6, 5), normal(6, 2, 2, 2), normal(6), args=[{"padding": 1, "dilation": 2, "groups": 2}])
composed("embedding", lambda w, i: F.embedding(long(i), w, 1), normal(4, 3), ints([2, 1, 1, 0, 2]), args=[{"paddingIndex": 1}])


# --- writing ----------------------------------------------------------------------------------------------------------
def plain(x):
    """An array as the fixture holds it. JSON has no NaN or infinity; none may occur."""
    kinds = {torch.float64: "float64", torch.int32: "int32", torch.int64: "int32", torch.bool: "bool"}
    stored = torch.zeros(x.shape) if x._is_zerotensor() else x.detach()  # zeros may have no memory
    values = stored.reshape(-1).tolist()
    for value in values:
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"a value is {value}")
    return {"dtype": kinds[x.dtype], "shape": list(x.shape), "values": [float(v) if x.is_floating_point() else int(v) for v in values]}


def record(name, call, inputs, attributes, key="attributes"):
    leaves = [x.clone().requires_grad_(True) if x.is_floating_point() else x for x in inputs]
    wanted = [x for x in leaves if x.is_floating_point()]
    made = call(*leaves)
    outputs = [made] if torch.is_tensor(made) else list(made)
    row = {"name": name, key: attributes, "inputs": [plain(x) for x in inputs], "outputs": [plain(y) for y in outputs]}
    roots = [y for y in outputs if y.requires_grad]
    if not roots or name in ("sign", "floor", "ceil", "trunc", "round", "unique"):
        return row
    total = sum((y * weights(y.shape, i)).sum() for i, y in enumerate(roots))
    first = torch.autograd.grad(total, wanted, create_graph=True, allow_unused=True)
    first = [torch.zeros_like(x) if g is None else g for g, x in zip(first, wanted)]
    row["gradients"] = [plain(g) for g in first]
    slope = sum((g * weights(g.shape, i + 1)).sum() for i, g in enumerate(first))
    second = [None] * len(wanted)
    if slope.requires_grad:
        second = torch.autograd.grad(slope, wanted, allow_unused=True)
    row["seconds"] = [plain(torch.zeros_like(x) if g is None else g) for g, x in zip(second, wanted)]
    return row


# --- matrices taken apart: last, so that what is drawn above stays as it was ----------------------------------------------
def signed(u, *others):
    """Signs are free. Ours make the largest element of a column of the first positive; rows of `others` turn with it."""
    at = u.abs().argmax(-2, keepdim=True)
    signs = torch.sign(u.gather(-1 - 1, at)).detach()
    return [u * signs] + [other * signs.mT for other in others]


def eigh_of(x):
    values, vectors = torch.linalg.eigh((x + x.mT) / 2)
    return [values] + signed(vectors)


def svd_of(x):
    u, s, vt = torch.linalg.svd(x, full_matrices=False)
    u, vt = signed(u, vt)
    return [u, s, vt]


for shape in [(3, 3), (2, 4, 4), (5, 3), (2, 4)]:
    case("qr", lambda x: list(torch.linalg.qr(x)), normal(*shape))
    case("svd", svd_of, normal(*shape))
for shape in [(3, 3), (2, 4, 4)]:
    case("eigh", eigh_of, normal(*shape))

def rotary_of(x, base=10000.0, offset=0, interleaved=False):
    """PyTorch has no such function; these are the formulas of "RoFormer"."""
    length, d = x.shape[-2:]
    places = torch.arange(length).double()[:, None] + offset
    angles = places * base ** (-2.0 * torch.arange(d // 2).double() / d)
    a, b = (x[..., 0::2], x[..., 1::2]) if interleaved else (x[..., : d // 2], x[..., d // 2 :])
    left, right = a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()
    return torch.stack([left, right], -1).flatten(-2) if interleaved else torch.cat([left, right], -1)


case("rotary", rotary_of, normal(2, 5, 6))
case("rotary", lambda x: rotary_of(x, 100.0, 7, True), normal(3, 4), base=100.0, offset=7, interleaved=True)
for size in [(2, 3), (7, 5)]:
    for mode in ["nearest", "bilinear"]:
        composed("interpolate", lambda x, m=mode, s=size: F.interpolate(x, size=s, mode=m), normal(2, 2, 4, 3), args=[{"size": list(size), "mode": mode}])
    composed("interpolate", lambda x, s=size: F.interpolate(x, size=s, mode="bilinear", align_corners=True), normal(1, 2, 4, 3), args=[{"size": list(size), "mode": "bilinear", "alignCorners": True}])
composed("interpolate", lambda x: F.interpolate(x, scale_factor=2, mode="nearest"), normal(1, 1, 2, 3), args=[{"scale": 2}])
composed("conv3d", F.conv3d, normal(2, 2, 4, 5, 3), normal(3, 2, 2, 3, 2), normal(3))
composed("conv3d", lambda x, w, b: F.conv3d(x, w, b, stride=(2, 1, 2), padding=(1, 2, 0), dilation=(1, 2, 1), groups=2), normal(1, 4, 5, 5, 4), normal(2, 2, 3, 2, 2), normal(2), args=[{"stride": [2, 1, 2], "padding": [1, 2, 0], "dilation": [1, 2, 1], "groups": 2}])

# --- what a comparison of every option with PyTorch found, and the options that it went through --------------------------------
composed("embedding", lambda w, i: F.embedding(long(i), w, padding_idx=-1), normal(4, 3), ints([3, 0, 3, 1], 2, 2), args=[{"paddingIndex": -1}])
composed("interpolate", lambda x: F.interpolate(x, scale_factor=(1.3, 2.2), mode="bilinear"), normal(1, 1, 3, 3), args=[{"scale": [1.3, 2.2], "mode": "bilinear"}])
edge = torch.tensor([1.0, 2.0, 3.0, 0.0, 0.3])
for name, call in [("smoothL1Loss", F.smooth_l1_loss), ("huberLoss", F.huber_loss)]:
    composed(name, call, edge, torch.tensor([1.0, 1.0, 3.25, -1.0, 0.3]))
for smoothing in [0.0, 0.2]:
    for reduction in ["mean", "sum", "none"]:
        for weight in [None, [0.0, 1.0, 2.0]]:
            given = {"reduction": reduction, "labelSmoothing": smoothing, "ignoreIndex": 1, **({} if weight is None else {"weight": weight})}
            ask = lambda x, t, w=weight, s=smoothing, r=reduction: F.cross_entropy(
                x.permute(0, 2, 1), long(t), weight=None if w is None else torch.tensor(w), label_smoothing=s, reduction=r, ignore_index=1)
            composed("crossEntropy", ask, normal(2, 3, 3), ints([2, 1, 0, 1, 2, 2], 2, 3), args=[given])
for groups in [1, 2]:
    for stride in [1, 2]:
        for padding in [0, 1]:
            for dilation in [1, 2]:
                given = dict(stride=stride, padding=padding, dilation=dilation, groups=groups)
                for name, call, size, kernel in [("conv1d", F.conv1d, [6], [3]), ("conv2d", F.conv2d, [5, 4], [2, 2]), ("conv3d", F.conv3d, [3, 4, 3], [2, 1, 2])]:
                    if name == "conv3d" and (stride, padding) != (2, 1):
                        continue
                    composed(name, lambda x, w, b, c=call, g=given: c(x, w, b, **g), normal(1, 2, *size), normal(2, 2 // groups, *kernel), normal(2), args=[given])
for kernel, stride, padding in [(3, 2, 1), ((2, 3), (1, 2), (1, 1)), (1, 1, 0), ((3, 1), (2, 2), (1, 0))]:
    given = {"kernel": kernel, "stride": stride, "padding": padding}
    composed("maxPool2d", lambda x, k=kernel, s=stride, p=padding: F.max_pool2d(x, k, s, p), normal(1, 2, 5, 4), args=[given])
    composed("averagePool2d", lambda x, k=kernel, s=stride, p=padding: F.avg_pool2d(x, k, s, p, count_include_pad=False), normal(1, 2, 5, 4), args=[{**given, "countPadding": False}])
for size in [(5, 7), (3, 2)]:
    for to in [(1, 1), (2, 3), (4, 5)]:
        composed("adaptiveAveragePool2d", lambda x, t=to: F.adaptive_avg_pool2d(x, t), normal(1, 2, *size), args=[list(to)])
        composed("adaptiveMaxPool2d", lambda x, t=to: F.adaptive_max_pool2d(x, t), normal(1, 2, *size), args=[list(to)])
for order in [2, 1, 0.5, 3, -1, -2.5]:
    for axis in [[0, 2], [-1]]:
        composed("norm", lambda x, o=order, a=axis: torch.linalg.vector_norm(x, ord=o, dim=a, keepdim=True), normal(2, 3, 2), args=[{"ord": order, "axis": axis, "keepdims": True}])
for ddof in [0, 1, 2]:
    composed("std", lambda x, d=ddof: torch.std(x, dim=(0, 2), correction=d), normal(3, 2, 4), args=[{"ddof": ddof, "axis": [0, 2]}])
for zeros in [[0.0, 2.0, 3.0], [0.0, 0.0, 3.0], [0.0, 0.0, 0.0]]:
    composed("cumprod", lambda x: torch.cumprod(x, -1), torch.tensor([zeros, zeros[::-1]]), args=[{"axis": -1}])
for descending in [False, True]:
    composed("sort", lambda x, d=descending: torch.sort(x, stable=True, descending=d), torch.tensor([2.0, 1.0, 2.0, 1.0, 2.0]), args=[{"descending": descending}])


# --- Fourier transforms, as pairs of real arrays, and CTC ----------------------------------------------------------------------
def parts(y):
    return [y.real, y.imag]


for n in [1, 4, 5, 6, 12]:
    composed("fft", lambda a, b: parts(torch.fft.fft(torch.complex(a, b))), normal(2, n), normal(2, n))
    composed("ifft", lambda a, b: parts(torch.fft.ifft(torch.complex(a, b), dim=0)), normal(n, 2), normal(n, 2), args=[{"axis": 0}])
    composed("rfft", lambda x: parts(torch.fft.rfft(x, dim=1)), normal(2, n, 2), args=[{"axis": 1}])
    composed("irfft", lambda a, b, n=n: torch.fft.irfft(torch.complex(a, b), n=n), normal(2, n // 2 + 1), normal(2, n // 2 + 1), args=[{"n": n}])


def ctc_of(x, targets, inputs, counts, blank, reduction):
    """By its definition, so that it has the derivative by x itself and a second one; F.ctc_loss says the same loss."""
    losses = []
    for row in range(len(x)):
        labels = [blank]
        for label in targets[row, : counts[row]].tolist():
            labels += [label, blank]
        ways = [x[row, 0, labels[s]] if s < 2 else None for s in range(len(labels))]
        for time in range(1, inputs[row]):
            now = []
            for s in range(len(labels)):
                from_ = [ways[s], ways[s - 1] if s > 0 else None]
                from_.append(ways[s - 2] if s > 1 and labels[s] != blank and labels[s] != labels[s - 2] else None)
                from_ = [one for one in from_ if one is not None]
                now.append(x[row, time, labels[s]] + torch.logsumexp(torch.stack(from_), 0) if from_ else None)
            ways = now
        losses.append(-torch.logsumexp(torch.stack([one for one in ways[-2:] if one is not None]), 0))
    losses = torch.stack(losses)
    said = F.ctc_loss(x.detach().permute(1, 0, 2), targets.long(), torch.tensor(inputs), torch.tensor(counts), blank, "none")
    assert torch.allclose(said, losses, rtol=1e-12)
    if reduction == "none":
        return losses
    return losses.sum() if reduction == "sum" else (losses / torch.tensor(counts).clamp(min=1)).mean()


for reduction in ["mean", "sum", "none"]:
    composed("ctcLoss", lambda x, t, r=reduction: ctc_of(x, t, [6, 4, 6], [3, 1, 2], 0, r), torch.log_softmax(normal(3, 6, 4), 2), ints([1, 1, 3, 2, 1, 1, 3, 2, 3], 3, 3),
             args=[{"inputLengths": [6, 4, 6], "targetLengths": [3, 1, 2], "reduction": reduction}])
composed("ctcLoss", lambda x, t: ctc_of(x, t, [5, 5], [2, 2], 3, "mean"), torch.log_softmax(normal(2, 5, 4), 2), ints([1, 0, 2, 2], 2, 2), args=[{"blank": 3}])

for norm in ["ortho", "forward"]:
    for n in [3, 7]:
        given = {"norm": norm, "n": n, "axis": 0}
        composed("fft", lambda a, b, n=n, norm=norm: parts(torch.fft.fft(torch.complex(a, b), n, 0, norm)), normal(5, 2), normal(5, 2), args=[given])
        composed("ifft", lambda a, b, n=n, norm=norm: parts(torch.fft.ifft(torch.complex(a, b), n, 0, norm)), normal(5, 2), normal(5, 2), args=[given])
        composed("rfft", lambda x, n=n, norm=norm: parts(torch.fft.rfft(x, n, 0, norm)), normal(5, 2), args=[given])
        composed("irfft", lambda a, b, n=n, norm=norm: torch.fft.irfft(torch.complex(a, b), n, 0, norm), normal(5, 2), normal(5, 2), args=[given])

# --- what the suites of others have and PyTorch's users look for: made of functions ---------------------------------------------
for name, call in [("log2", torch.log2), ("log10", torch.log10)]:
    composed(name, call, positive(2, 3))
for name, call in [("exp2", torch.exp2), ("arcsinh", torch.arcsinh), ("logSigmoid", F.logsigmoid), ("selu", F.selu), ("softsign", F.softsign), ("relu6", F.relu6), ("hardSwish", F.hardswish)]:
    composed(name, call, normal(3, 4))
composed("arcsinh", torch.arcsinh, torch.tensor([0.0, 1e-9, -1.0, 1e10, -40.0]))
composed("arccosh", torch.arccosh, positive(2, 3) + 1)
composed("arctanh", torch.arctanh, torch.tanh(normal(2, 3)))
composed("celu", lambda x: F.celu(x, 2.5), normal(3, 4), args=[{"alpha": 2.5}])
composed("glu", lambda x: F.glu(x, 0), normal(4, 3), args=[{"axis": 0}])
composed("gelu", lambda x: F.gelu(x, approximate="tanh"), normal(3, 4), args=[{"approximate": "tanh"}])
composed("logAddExp", torch.logaddexp, normal(2, 3), normal(3))
composed("ceil", lambda x: torch.ceil(x).detach(), normal(5) * 3)
composed("round", lambda x: torch.round(x).detach(), torch.tensor([0.5, 1.5, -0.5, 2.4, -2.6]))
composed("trunc", lambda x: torch.trunc(x).detach(), normal(5) * 3)
for offset in [-1, 0, 2]:
    composed("diagonal", lambda x, o=offset: torch.diagonal(x, o, -2, -1), normal(2, 3, 4), args=[{"offset": offset}])
    composed("diag", lambda x, o=offset: torch.diag_embed(x, o), normal(2, 3), args=[{"offset": offset}])
composed("kron", torch.kron, normal(2, 3), normal(3, 2))
composed("kron", torch.kron, normal(2), normal(3, 2))
composed("tensordot", torch.tensordot, normal(2, 3, 4), normal(3, 4, 2))
composed("tensordot", lambda a, b: torch.tensordot(a, b, ([0, 2], [1, 0])), normal(2, 3, 4), normal(4, 2, 2), args=[{"axes": [[0, -1], [1, 0]]}])
composed("cross", torch.linalg.cross, normal(2, 3), normal(2, 3))
composed("swapAxes", lambda x: x.swapaxes(0, -1), normal(2, 3, 4), args=[0, -1])
composed("moveAxis", lambda x: x.movedim((0, 1), (-1, -2)), normal(2, 3, 4), args=[[0, 1], [-1, -2]])
composed("flatten", lambda x: x.flatten(1), normal(2, 3, 2), args=[{"from": 1}])
for mode in ["reflect", "replicate", "circular"]:
    composed("pad", lambda x, m=mode: F.pad(x, (2, 0, 1, 2), mode=m), normal(1, 2, 3, 4), args=[[[0, 0], [0, 0], [1, 2], [2, 0]], {"mode": mode}])
for name, call, size, kernel in [("convTranspose1d", F.conv_transpose1d, [4], [3]), ("convTranspose2d", F.conv_transpose2d, [3, 4], [2, 3]), ("convTranspose3d", F.conv_transpose3d, [3, 2, 3], [2, 2, 3])]:
    composed(name, call, normal(2, 2, *size), normal(2, 3, *kernel), normal(3))
    for stride, padding, dilation, groups, extra in [(2, 1, 1, 2, 1), (1, 1, 2, 1, 0), (3, 0, 2, 2, 2)]:
        given = dict(stride=stride, padding=padding, dilation=dilation, groups=groups)
        composed(name, lambda x, w, b, c=call, g=given, e=extra: c(x, w, b, output_padding=e, **g), normal(1, 2, *size), normal(2, 2, *kernel), normal(2 * groups), args=[{**given, "extra": extra}])
for mode, size, shape in [("linear", [7], (2, 2, 4)), ("bicubic", [3, 7], (1, 2, 4, 5)), ("trilinear", [2, 5, 3], (1, 2, 3, 3, 4)), ("area", [3, 4], (1, 2, 5, 6)), ("nearest-exact", [7, 3], (1, 2, 4, 5)), ("nearest-exact", [5], (2, 2, 3))]:
    ours = "nearestExact" if mode == "nearest-exact" else mode
    composed("interpolate", lambda x, m=mode, s=size: F.interpolate(x, size=s, mode=m), normal(*shape), args=[{"size": size, "mode": ours}])
    if mode in ("linear", "bicubic", "trilinear"):
        composed("interpolate", lambda x, m=mode: F.interpolate(x, scale_factor=1.7, mode=m), normal(*shape), args=[{"scale": 1.7, "mode": mode}])
        composed("interpolate", lambda x, m=mode, s=size: F.interpolate(x, size=s, mode=m, align_corners=True), normal(*shape), args=[{"size": size, "mode": mode, "alignCorners": True}])
for reduction in ["mean", "sum", "none"]:
    given = {"reduction": reduction, "weight": [1.0, 0.5, 2.0, 0.0]}
    composed("nllLoss", lambda x, t, r=reduction: F.nll_loss(x, long(t), torch.tensor([1.0, 0.5, 2.0, 0.0]), reduction=r), normal(5, 4), ints([0, 3, -100, 2, 1]), args=[given])
    composed("tripletMarginLoss", lambda a, p, n, r=reduction: F.triplet_margin_loss(a, p, n, margin=0.7, reduction=r), normal(4, 3), normal(4, 3), normal(4, 3), args=[{"margin": 0.7, "reduction": reduction}])
    composed("marginRankingLoss", lambda a, b, t, r=reduction: F.margin_ranking_loss(a, b, t, margin=0.3, reduction=r), normal(5), normal(5), ints([1, -1, 1, 1, -1]), args=[{"margin": 0.3, "reduction": reduction}])

for name, call, size, kernel in [("conv1d", F.conv1d, [6], [4]), ("conv2d", F.conv2d, [5, 4], [3, 2]), ("conv3d", F.conv3d, [3, 4, 3], [2, 3, 2])]:
    composed(name, lambda x, w, b, c=call: c(x, w, b, padding="same"), normal(1, 2, *size), normal(2, 2, *kernel), normal(2), args=[{"padding": "same"}])
    composed(name, lambda x, w, b, c=call: c(x, w, b, padding="same", dilation=2, groups=2), normal(1, 2, *size), normal(2, 1, *kernel), normal(2), args=[{"padding": "same", "dilation": 2, "groups": 2}])

# --- pooling of rows and volumes, windows that reach beyond, and what else was looked for and not found -------------------------
for kernel, stride, padding, size in [(2, None, 0, 5), (3, 2, 1, 6), (3, 2, 1, 7), (4, 3, 2, 9), (2, 3, 0, 6), (3, 1, 1, 4)]:
    for ceil in [False, True]:
        step = kernel if stride is None else stride
        given = {"kernel": kernel, "padding": padding, "ceilMode": ceil, **({} if stride is None else {"stride": stride})}
        volume = (1, 2, size, size - 1, size)
        for axes, shape in [(1, (2, 2, size)), (2, (1, 2, size, size - 1)), (3, volume)]:
            most = [F.max_pool1d, F.max_pool2d, F.max_pool3d][axes - 1]
            mean = [F.avg_pool1d, F.avg_pool2d, F.avg_pool3d][axes - 1]
            if kernel > size - 1 and axes > 1 and not ceil:
                continue
            composed(f"maxPool{axes}d", lambda x, m=most, k=kernel, s=step, p=padding, c=ceil: m(x, k, s, p, ceil_mode=c), normal(*shape), args=[given])
            for counts in [True, False]:
                composed(f"averagePool{axes}d", lambda x, m=mean, k=kernel, s=step, p=padding, c=ceil, n=counts: m(x, k, s, p, c, n), normal(*shape), args=[{**given, "countPadding": counts}])
uneven = {"kernel": [2, 3, 1], "stride": [1, 2, 2], "padding": [1, 0, 0], "ceilMode": True}
composed("maxPool3d", lambda x: F.max_pool3d(x, (2, 3, 1), (1, 2, 2), (1, 0, 0), ceil_mode=True), normal(2, 1, 3, 4, 4), args=[uneven])
composed("averagePool3d", lambda x: F.avg_pool3d(x, (2, 3, 1), (1, 2, 2), (1, 0, 0), True, False), normal(2, 1, 3, 4, 4), args=[{**uneven, "countPadding": False}])
for size in [1, 3, 4, 7]:
    composed("adaptiveAveragePool1d", lambda x, s=size: F.adaptive_avg_pool1d(x, s), normal(2, 2, 6), args=[size])
    composed("adaptiveMaxPool1d", lambda x, s=size: F.adaptive_max_pool1d(x, s), normal(2, 2, 6), args=[size])
for size in [1, [2, 3, 2], [3, 1, 5]]:
    composed("adaptiveAveragePool3d", lambda x, s=size: F.adaptive_avg_pool3d(x, s), normal(1, 2, 4, 3, 5), args=[size])
    composed("adaptiveMaxPool3d", lambda x, s=size: F.adaptive_max_pool3d(x, s), normal(1, 2, 4, 3, 5), args=[size])
for shape in [(3, 3), (4, 2), (2, 5), (2, 3, 2)]:
    case("pinv", torch.linalg.pinv, normal(*shape))
composed("lstsq", lambda a, b: torch.linalg.pinv(a) @ b, normal(4, 2), normal(4, 3))
composed("lstsq", lambda a, b: torch.linalg.pinv(a) @ b, normal(2, 4), normal(2))
for power in [-3, 0, 1, 2, 5]:
    composed("matrixPower", lambda x, n=power: torch.linalg.matrix_power(x, n), dominant(2, 3, 3) / 3, args=[power])
for order in ["fro", "nuc", 1, -1, 2, -2]:
    for shape in [(3, 3), (2, 4, 3)]:
        composed("matrixNorm", lambda x, o=order: torch.linalg.matrix_norm(x, o), normal(*shape), args=[{"ord": order}])
    composed("matrixNorm", lambda x, o=order: torch.linalg.matrix_norm(x, o, dim=(2, 0), keepdim=True), normal(3, 2, 4), args=[{"ord": order, "axis": [2, 0], "keepdims": True}])
for axes in [[0, 2], [1], [-1, 1]]:
    inside = [axis % 3 for axis in axes]
    rest = [axis for axis in range(3) if axis not in inside]
    back = [(rest + inside).index(axis) for axis in range(3)]
    composed("softmax", lambda x, r=rest, i=inside, b=back: torch.softmax(x.permute(*r, *i).flatten(len(r)), -1).reshape([x.shape[a] for a in r + i]).permute(b), normal(2, 3, 4), args=[{"axis": axes}])
    composed("logSoftmax", lambda x, r=rest, i=inside, b=back: torch.log_softmax(x.permute(*r, *i).flatten(len(r)), -1).reshape([x.shape[a] for a in r + i]).permute(b), normal(2, 3, 4), args=[{"axis": axes}])
for reduction in ["mean", "sum", "none"]:
    given = {"reduction": reduction}
    composed("meanSquaredError", lambda a, b, r=reduction: F.mse_loss(a, b, reduction=r), normal(3, 2), normal(3, 2), args=[given])
    composed("binaryCrossEntropy", lambda p, t, r=reduction: F.binary_cross_entropy(p, t.double(), reduction=r), share(3, 2), ints([0, 1, 1, 0, 1, 1], 3, 2), args=[given])
    weighted = lambda p, t, r=reduction: -{"mean": torch.mean, "sum": torch.sum, "none": lambda x: x}[r]((t * p.log() + (1 - t) * torch.log1p(-p)) * torch.tensor([0.5, 2.0]))
    composed("binaryCrossEntropy", weighted, share(3, 2), share(3, 2), args=[{**given, "weight": [0.5, 2.0]}])
    composed("gaussianNllLoss", lambda x, t, v, r=reduction: F.gaussian_nll_loss(x, t, v, full=r == "sum", reduction=r), normal(3, 2), normal(3, 2), positive(3, 2), args=[{**given, "full": reduction == "sum"}])
    for full in [False, True]:
        counts = ints([0, 1, 2, 5])
        composed("poissonNllLoss", lambda x, t, r=reduction, f=full: F.poisson_nll_loss(x, t, full=f, reduction=r), normal(4), counts, args=[{**given, "full": full}])
        composed("poissonNllLoss", lambda x, t, r=reduction, f=full: F.poisson_nll_loss(x, t, log_input=False, full=f, reduction=r), positive(4), counts, args=[{**given, "full": full, "logInput": False}])
composed("normalize", lambda x: F.normalize(x, dim=-1), normal(3, 4))
composed("normalize", lambda x: F.normalize(x, 1.0, dim=0, eps=0.5), normal(3, 4) / 4, args=[{"ord": 1, "axis": 0, "eps": 0.5}])
for order in [1, 2, 3]:
    composed("cdist", lambda a, b, o=order: torch.linalg.vector_norm(a.unsqueeze(-2) - b.unsqueeze(-3), o, -1), normal(2, 3, 4), normal(5, 4), args=[{"ord": order}])
for q in [0, 0.3, 0.5, 1, [0.25, 0.9]]:
    composed("quantile", lambda x, s=q: torch.quantile(x, torch.tensor(s, dtype=x.dtype), dim=1), normal(3, 5), args=[q, {"axis": 1}])
for way in ["lower", "higher", "midpoint", "nearest"]:
    composed("quantile", lambda x, w=way: torch.quantile(x, 0.4, interpolation=w), normal(2, 3), args=[0.4, {"interpolation": way}])
composed("median", lambda x: x.median(), normal(6), args=[{"interpolation": "lower"}])
composed("median", lambda x: torch.quantile(x, 0.5, dim=0, keepdim=True), normal(4, 3), args=[{"axis": 0, "keepdims": True}])
composed("unbind", lambda x: list(torch.unbind(x, 1)), normal(2, 3, 2), args=[{"axis": 1}])
composed("indexAdd", lambda x, i, v: x.index_add(1, long(i), v), normal(2, 3), ints([2, 0, 2]), normal(2, 3), args=[{"axis": 1}])
composed("pixelShuffle", lambda x: F.pixel_shuffle(x, 2), normal(2, 8, 2, 3), args=[2])
composed("pixelUnshuffle", lambda x: F.pixel_unshuffle(x, 3), normal(1, 2, 6, 3), args=[3])

for name, call in [("ceil", torch.ceil), ("trunc", torch.trunc), ("round", torch.round)]:
    case(name, call, torch.tensor([-2.5, -0.5, 0.5, 1.5, 1.2, -1.7]))
for name, call in [("selu", F.selu), ("hardSigmoid", lambda x: F.relu6(x + 3) / 6), ("hardSwish", F.hardswish)]:
    case(name, call, normal(3, 4) * 3)
case("diff", lambda x: torch.diff(x, dim=1), normal(2, 3, 2), axis=1)
for offset in [0, 1, -2]:
    case("diag", lambda x, o=offset: torch.diag_embed(x, o), normal(2, 3), offset=offset)
case("cross", lambda a, b: torch.linalg.cross(a, b, dim=0), normal(3, 2), normal(3, 2), axis=0)
for order in [1, 2]:
    case("cdist", lambda a, b, o=order: torch.linalg.vector_norm(a.unsqueeze(-2) - b.unsqueeze(-3), o, -1), normal(3, 4), normal(5, 4), ord=order)
case("exp2", torch.exp2, normal(2, 3))

here = os.path.dirname(os.path.abspath(__file__))
target = os.path.join(here, "..", "..", "test", "fixtures", "torch-functions.json")
rows = [record(*one) for one in CASES]
made = [record(*one, key="args") for one in COMPOSED]
if "--add" in sys.argv:
    # What the file holds stays: other processors round otherwise. New cases stand behind the others of their list.
    with open(target, encoding="utf-8") as file:
        held = json.load(file)
    rows[: len(held["cases"])] = held["cases"]
    made[: len(held["composed"])] = held["composed"]
with open(target, "w", encoding="utf-8") as file:
    file.write('{"source":"PyTorch %s, float64","cases":[\n' % torch.__version__)
    file.write(",\n".join(json.dumps(row, separators=(",", ":")) for row in rows))
    file.write('\n],"composed":[\n')
    file.write(",\n".join(json.dumps(row, separators=(",", ":")) for row in made))
    file.write("\n]}\n")
print(f"{len(rows)} cases of {len({row['name'] for row in rows})} functions, {len(made)} of what is made of them, {os.path.getsize(target)} bytes")
