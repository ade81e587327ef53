#!/usr/bin/env python3
"""The functions that the bench measures, in PyTorch: the operands for a number of elements, and the call; names and shapes as in
../function-subjects.ts and ../function-variants.ts. Where PyTorch gives a view of a transposed or stepped array, a copy is made, as ours is one;
what is only another shape of the same memory stays a view, as ours does."""
import math

import torch
from torch.nn import functional


def side(size):
    return round(math.sqrt(size))


def row(size):
    return [numbers(size)]


def rows(size):
    return [numbers(size), numbers(size)]


def matrix(size):
    return [numbers(side(size), side(size))]


def normalized(size):
    return [numbers(side(size), side(size)), numbers(side(size)), numbers(side(size))]


def labelled(size):
    return [numbers(side(size), side(size)), torch.randint(0, side(size), (side(size),))]


def images(size):
    batch = 10 if size > 100_000 else 1
    edge = side(size / (4 * batch))
    return numbers(batch, 4, edge, edge)


def placed(size):
    return [numbers(side(size), side(size)), torch.randint(0, side(size), (side(size), side(size)))]


def dominant(size):
    with torch.no_grad():
        x = numbers(side(size), side(size))
        x = (x + x.T) / 2 + side(size) * torch.eye(side(size), dtype=torch.float64)
    return [x.requires_grad_()]


def numbers(*shape):
    return torch.empty(*shape, dtype=torch.float64).uniform_(0.1, 0.9).requires_grad_()


def two(size):
    return matrix(size) + matrix(size)


def three(size):
    return two(size) + matrix(size)


def lines(size):
    return [numbers(4, 4, size // 16)]


def volumes(_):
    return [numbers(1, 4, 13, 14, 14)]


def picture(size):
    return [images(size)]


def integers(below, *shape):
    return torch.randint(0, below, shape)


def signs(size):
    return torch.where(numbers(size).detach() < 0.5, -1.0, 1.0).to(torch.float64)


def batches(size):
    return [numbers(size // 100, 10, 10), numbers(size // 100, 10, 10)]


def normed(size):
    return [images(size), numbers(4), numbers(4)]


def kernel(*shape):
    return lambda size: [images(size), numbers(*shape)]


def padded(mode):
    return (picture, lambda x: functional.pad(x, (1, 1, 1, 1), mode=mode))


def resized(operands=picture, **options):
    return (operands, lambda x: functional.interpolate(x, **options))


def sequences(_):
    return [numbers(10, 20, 50)]


lstm = torch.nn.LSTM(50, 32, batch_first=True).double()
gru = torch.nn.GRU(50, 32, batch_first=True).double()
rnn = torch.nn.RNN(50, 32, batch_first=True).double()
attention = torch.nn.MultiheadAttention(64, 4, batch_first=True).double()
# Whose gradients are cleared after each pass, beside those of the operands.
LAYERS = {
    "LSTM": list(lstm.parameters()), "GRU": list(gru.parameters()), "RNN": list(rnn.parameters()),
    "MultiHeadAttention": list(attention.parameters()),
}

VARIANTS = {
    # Functions.
    **{name: (row, getattr(torch, other)) for name, other in {
        "ceil": "ceil", "round": "round", "trunc": "trunc", "isNan": "isnan", "isInfinite": "isinf",
        "nanToNum": "nan_to_num", "arcsinh": "arcsinh", "arctanh": "arctanh", "exp2": "exp2", "log2": "log2",
        "log10": "log10", "argmin": "argmin", "median": "median", "all": "all", "any": "any",
        "countNonZero": "count_nonzero"}.items()},
    **{name: (row, getattr(functional, other)) for name, other in {
        "celu": "celu", "hardSigmoid": "hardsigmoid", "hardSwish": "hardswish", "logSigmoid": "logsigmoid",
        "relu6": "relu6", "selu": "selu", "softsign": "softsign"}.items()},
    "variance": (row, lambda x: torch.var(x, unbiased=False)),
    **{name: (rows, getattr(torch, other)) for name, other in {
        "greater": "gt", "greaterEqual": "ge", "lessEqual": "le", "logicalOr": "logical_or", "notEqual": "ne",
        "isClose": "isclose", "allClose": "allclose", "logAddExp": "logaddexp"}.items()},
    "repeat": (matrix, lambda x: x.repeat(2, 2)),
    "repeatInterleave": (matrix, lambda x: torch.repeat_interleave(x, 2, 1)),
    "cast": (row, lambda x: x.to(torch.float32)),
    "arccosh": (lambda size: [(numbers(size).detach() + 1).requires_grad_()], torch.arccosh),
    "bincount": (lambda size: [integers(100, size)], lambda x: torch.bincount(x, minlength=100)),
    "histogram": (row, lambda x: torch.histc(x, 50, 0, 1)),
    "unique": (
        lambda size: [integers(100, size)], lambda x: torch.unique(x, return_inverse=True, return_counts=True)[0]),
    "ctcLoss": (
        lambda _: [numbers(8, 25, 50), integers(49, 8, 8) + 1],
        lambda x, t: functional.ctc_loss(x.transpose(0, 1), t, (25,) * 8, (8,) * 8)),
    "cross": (
        lambda size: [numbers(math.ceil(size / 3), 3), numbers(math.ceil(size / 3), 3)], lambda a, b: torch.cross(a, b, 1)),
    "diag": (lambda size: [numbers(side(size))], torch.diag),
    "diagonal": (matrix, lambda x: torch.diagonal(x).contiguous()),
    "flatten": (matrix, torch.flatten),
    "reshape": (matrix, lambda x: x.reshape(1, -1)),
    "expandDims": (matrix, lambda x: x.unsqueeze(1)),
    "squeeze": (lambda size: [numbers(side(size), 1, side(size))], lambda x: x.squeeze(1)),
    "sumTo": (matrix, lambda x: x.sum_to_size(x.shape[1])),
    "kron": (lambda size: matrix(side(size)) + matrix(side(size)), torch.kron),
    "moveAxis": (picture, lambda x: torch.movedim(x, 1, 3).contiguous()),
    "swapAxes": (picture, lambda x: torch.swapaxes(x, 1, 2).contiguous()),
    "tensordot": (two, lambda a, b: torch.tensordot(a, b, 1)),
    "instanceNorm": (normed, lambda x, gamma, beta: functional.instance_norm(x, weight=gamma, bias=beta)),
    "oneHot": (lambda size: [integers(10, size // 10)], lambda x: functional.one_hot(x, 10)),
    "split": (matrix, lambda x: [each.contiguous() for each in torch.tensor_split(x, 2, 1)][0]),
    "unbind": (matrix, lambda x: torch.unbind(x)[0]),
    "meshgrid": (
        lambda size: [numbers(side(size)), numbers(side(size))],
        lambda a, b: [each.contiguous() for each in torch.meshgrid(a, b, indexing="xy")][0]),
    "pixelShuffle": (picture, lambda x: functional.pixel_shuffle(x, 2)),
    "pixelUnshuffle": (picture, lambda x: functional.pixel_unshuffle(x, 2)),
    "glu": (matrix, functional.glu),
    "slogdet": (dominant, lambda x: torch.linalg.slogdet(x)[1]),
    "lstsq": (lambda size: dominant(size) + [numbers(side(size), 1)], lambda a, b: torch.linalg.lstsq(a, b)[0]),
    "matrixNorm": (matrix, torch.linalg.matrix_norm),
    "matrixPower": (matrix, lambda x: torch.linalg.matrix_power(x, 3)),
    "fft": (matrix, lambda x: torch.fft.fft(x).real),
    "ifft": (two, lambda re, im: torch.fft.ifft(torch.complex(re, im)).real),
    "rfft": (matrix, lambda x: torch.fft.rfft(x).real),
    "irfft": (two, lambda re, im: torch.fft.irfft(torch.complex(re, im))),
    "convTranspose1d": (
        lambda size: lines(size) + [numbers(4, 8, 3)], lambda x, w: functional.conv_transpose1d(x, w, padding=1)),
    "convTranspose3d": (
        lambda size: volumes(size) + [numbers(4, 8, 3, 3, 3)],
        lambda x, w: functional.conv_transpose3d(x, w, padding=1)),
    "averagePool1d": (lines, lambda x: functional.avg_pool1d(x, 2)),
    "adaptiveAveragePool1d": (lines, lambda x: functional.adaptive_avg_pool1d(x, 7)),
    "adaptiveAveragePool3d": (volumes, lambda x: functional.adaptive_avg_pool3d(x, 3)),
    "adaptiveMaxPool1d": (lines, lambda x: functional.adaptive_max_pool1d(x, 7)),
    "adaptiveMaxPool2d": (picture, lambda x: functional.adaptive_max_pool2d(x, 3)),
    "adaptiveMaxPool3d": (volumes, lambda x: functional.adaptive_max_pool3d(x, 3)),
    # Losses.
    "nllLoss": (labelled, functional.nll_loss),
    "gaussianNllLoss": (lambda size: rows(size) + row(size), functional.gaussian_nll_loss),
    "poissonNllLoss": (rows, functional.poisson_nll_loss),
    "marginRankingLoss": (lambda size: rows(size) + [signs(size)], functional.margin_ranking_loss),
    "tripletMarginLoss": (three, functional.triplet_margin_loss),
    "cosineEmbeddingLoss": (lambda size: two(size) + [signs(side(size))], functional.cosine_embedding_loss),
    "meanSquaredError of each": (rows, lambda a, b: functional.mse_loss(a, b, reduction="none")),
    "crossEntropy with weights": (
        lambda size: labelled(size) + [numbers(side(size)).detach()],
        lambda x, t, w: functional.cross_entropy(x, t, weight=w)),
    "binaryCrossEntropyWithLogits with weights": (
        lambda size: [numbers(size), numbers(size).detach()],
        lambda x, t: functional.binary_cross_entropy_with_logits(x, t, pos_weight=TWO)),
    "klDivergence of logarithms": (
        lambda size: [numbers(size), numbers(size).detach()], lambda x, t: functional.kl_div(x, t, log_target=True)),
    # Other axes.
    "sum of images": (picture, lambda x: x.sum((0, 2, 3))),
    "mean of columns": (matrix, lambda x: x.mean(0)),
    "max of columns": (matrix, lambda x: x.amax(0)),
    "prod of rows": (matrix, lambda x: x.prod(1)),
    "prod of columns": (matrix, lambda x: x.prod(0)),
    "std of rows": (matrix, lambda x: x.std(1, unbiased=False)),
    "variance of columns": (matrix, lambda x: x.var(0, unbiased=False)),
    "norm of rows": (matrix, lambda x: torch.linalg.vector_norm(x, dim=1)),
    "norm of order 1": (row, lambda x: torch.linalg.vector_norm(x, 1)),
    "norm of order 3": (row, lambda x: torch.linalg.vector_norm(x, 3)),
    "logSumExp of rows": (matrix, lambda x: x.logsumexp(1)),
    "argmax of rows": (matrix, lambda x: x.argmax(1)),
    "argmax of columns": (matrix, lambda x: x.argmax(0)),
    "median of rows": (matrix, lambda x: x.median(1)[0]),
    "any of rows": (matrix, lambda x: x.any(1)),
    "softmax of columns": (matrix, lambda x: x.softmax(0)),
    "logSoftmax of columns": (matrix, lambda x: x.log_softmax(0)),
    "cumsum of rows": (matrix, lambda x: x.cumsum(1)),
    "cumsum of columns": (matrix, lambda x: x.cumsum(0)),
    "cumprod of rows": (matrix, lambda x: x.cumprod(1)),
    "cumprod of columns": (matrix, lambda x: x.cumprod(0)),
    "sort of a row": (row, lambda x: x.sort()[0]),
    "sort of columns": (matrix, lambda x: x.sort(0)[0]),
    "topk of a row": (row, lambda x: x.topk(5)[0]),
    "flip of rows": (matrix, lambda x: x.flip(1)),
    "roll of columns": (matrix, lambda x: x.roll(3, 0)),
    "diff of columns": (matrix, lambda x: x.diff(dim=0)),
    "gather of columns": (placed, lambda x, i: x.gather(0, i)),
    "scatterAdd of columns": (lambda size: placed(size) + matrix(size), lambda x, i, v: x.scatter_add(0, i, v)),
    "take of columns": (labelled, lambda x, i: x[:, i]),
    "indexAdd of columns": (lambda size: labelled(size) + matrix(size), lambda x, i, v: x.index_add(1, i, v)),
    "slice of rows": (matrix, lambda x: x[1:].clone()),
    "slice of columns": (matrix, lambda x: x[:, 1:].contiguous()),
    "concat of columns": (two, lambda a, b: torch.cat((a, b), 1)),
    "stack of last axis": (two, lambda a, b: torch.stack((a, b), 2)),
    "transpose of images": (picture, lambda x: x.permute(0, 2, 3, 1).contiguous()),
    "broadcastTo of a column": (lambda size: [numbers(side(size), 1)], lambda x: x.expand(-1, len(x)).contiguous()),
    # Other settings.
    "add a number": (row, lambda x: x + 2),
    "mul a number": (row, lambda x: x * 2),
    "div by a number": (row, lambda x: x / 2),
    "pow 3": (row, lambda x: x ** 3),
    "pow one half": (row, lambda x: x ** 0.5),
    "where of a mask": (
        lambda size: rows(size) + [numbers(size).detach()], lambda a, b, m: torch.where(m < 0.5, a, b)),
    "where of a number": (row, lambda x: torch.where(x < 0.5, x, 0.0)),
    "add of channels": (kernel(4, 1, 1), torch.add),
    "mul of channels": (kernel(4, 1, 1), torch.mul),
    "pad reflect": padded("reflect"),
    "pad replicate": padded("replicate"),
    "pad circular": padded("circular"),
    "matmul of many": (batches, torch.matmul),
    "matmul of a vector": (lambda size: matrix(size) + [numbers(side(size))], torch.matmul),
    "einsum of many": (batches, lambda a, b: torch.einsum("bij,bjk->bik", a, b)),
    "einsum of a diagonal": (matrix, lambda x: torch.einsum("ii->i", x).contiguous()),
    "solve for a matrix": (lambda size: dominant(size) + matrix(size), torch.linalg.solve),
    "eigh with vectors": (dominant, lambda x: torch.linalg.eigh(x)[1]),
    "svd with vectors": (dominant, lambda x: torch.linalg.svd(x, full_matrices=False)[0]),
    "matrixNorm nuc": (dominant, lambda x: torch.linalg.matrix_norm(x, "nuc")),
    "cdist of order 1": (
        lambda size: [numbers(side(size), 8), numbers(side(size), 8)], lambda a, b: torch.cdist(a, b, 1)),
    "batchNorm of images": (
        normed, lambda x, gamma, beta: functional.batch_norm(x, None, None, gamma, beta, training=True)),
    "scaledDotProductAttention of all": (
        three, lambda q, k, v: torch.softmax(q @ k.T / math.sqrt(q.shape[1]), -1) @ v),
    "maxPool2d overlapping": (picture, lambda x: functional.max_pool2d(x, 3, 2, 1)),
    "averagePool2d overlapping": (picture, lambda x: functional.avg_pool2d(x, 3, 2, 1)),
    "averagePool2d without padding": (picture, lambda x: functional.avg_pool2d(x, 3, 2, 1, count_include_pad=False)),
    "maxPool3d overlapping": (volumes, lambda x: functional.max_pool3d(x, 3, 2, 1)),
    "averagePool3d overlapping": (volumes, lambda x: functional.avg_pool3d(x, 3, 2, 1)),
    "adaptiveAveragePool2d evenly": (picture, lambda x: functional.adaptive_avg_pool2d(x, 5)),
    "conv2d in steps": (kernel(8, 4, 3, 3), lambda x, w: functional.conv2d(x, w, padding=1, stride=2)),
    "conv2d of each channel": (kernel(4, 1, 3, 3), lambda x, w: functional.conv2d(x, w, padding=1, groups=4)),
    "conv2d dilated": (kernel(8, 4, 3, 3), lambda x, w: functional.conv2d(x, w, padding=2, dilation=2)),
    "conv2d of one pixel": (kernel(8, 4, 1, 1), functional.conv2d),
    "convTranspose2d in steps": (kernel(4, 8, 2, 2), lambda x, w: functional.conv_transpose2d(x, w, stride=2)),
    "interpolate nearest": resized(scale_factor=2),
    "interpolate nearestExact": resized(scale_factor=2, mode="nearest-exact"),
    "interpolate bicubic": resized(scale_factor=2, mode="bicubic"),
    "interpolate area": resized(size=20, mode="area"),
    "interpolate to half": resized(scale_factor=0.5, mode="bilinear"),
    "interpolate aligned": resized(scale_factor=2, mode="bilinear", align_corners=True),
    "interpolate linear": resized(lines, scale_factor=2, mode="linear"),
    "interpolate trilinear": resized(volumes, scale_factor=2, mode="trilinear"),
    # Layers.
    "LSTM": (sequences, lambda x: lstm(x)[0]),
    "GRU": (sequences, lambda x: gru(x)[0]),
    "RNN": (sequences, lambda x: rnn(x)[0]),
    "MultiHeadAttention": (
        lambda _: [numbers(8, 20, 64)], lambda x: attention(x, x, x, need_weights=False)[0]),
}

TWO = torch.tensor(2.0, dtype=torch.float64)

# The operands for a number of elements, and the call; shapes as in ../function-subjects.ts.
FUNCTIONS = {
    **{name: (row, getattr(torch, name)) for name in (
        "neg abs sign floor square sqrt exp expm1 log log1p sin cos tanh relu sigmoid erf sum mean max min prod norm "
        "argmax").split()},
    "std": (row, lambda x: torch.std(x, unbiased=False)),
    **{name: (rows, getattr(torch, other)) for name, other in {
        "add": "add", "sub": "sub", "mul": "mul", "div": "div", "pow": "pow", "maximum": "maximum", "minimum": "minimum",
        "less": "less"}.items()},
    "leakyRelu": (row, functional.leaky_relu),
    "softplus": (row, functional.softplus),
    "gelu": (row, functional.gelu),
    "logSumExp": (row, lambda x: torch.logsumexp(x, 0)),
    **{name: (row, getattr(torch, other)) for name, other in {
        "tan": "tan", "sinh": "sinh", "cosh": "cosh", "arcsin": "arcsin", "arccos": "arccos", "arctan": "arctan",
        "logicalNot": "logical_not"}.items()},
    **{name: (row, getattr(functional, name)) for name in "silu mish elu hardtanh".split()},
    **{name: (rows, getattr(torch, other)) for name, other in {
        "arctan2": "arctan2", "remainder": "remainder", "equal": "eq", "logicalAnd": "logical_and"}.items()},
    "l1Loss": (rows, functional.l1_loss),
    "smoothL1Loss": (rows, functional.smooth_l1_loss),
    "huberLoss": (rows, functional.huber_loss),
    "hingeLoss": (rows, lambda x, t: torch.relu(1 - x * t).mean()),
    "klDivergence": (lambda size: [numbers(size), numbers(size).detach()], functional.kl_div),
    "binaryCrossEntropyWithLogits": (
        lambda size: [numbers(size), numbers(size).detach()], functional.binary_cross_entropy_with_logits),
    "cosineSimilarity": (lambda size: matrix(size) + matrix(size), lambda a, b: functional.cosine_similarity(a, b, -1)),
    "tril": (matrix, torch.tril),
    "triu": (matrix, torch.triu),
    "trace": (matrix, torch.trace),
    "flip": (matrix, lambda x: torch.flip(x, (0, 1))),
    "argsort": (matrix, torch.argsort),
    "sort": (matrix, lambda x: torch.sort(x)[0]),
    "topk": (matrix, lambda x: torch.topk(x, min(5, x.shape[1]))[0]),
    "cumprod": (matrix, lambda x: torch.cumprod(x.reshape(-1), 0)),
    "roll": (matrix, lambda x: torch.roll(x, 3, 1)),
    "tile": (matrix, lambda x: torch.tile(x, (2, 2))),
    "diff": (matrix, torch.diff),
    "pad": (matrix, lambda x: functional.pad(x, (1, 1, 1, 1))),
    "stack": (rows, lambda a, b: torch.stack((a, b))),
    "broadcastTo": (lambda size: [numbers(side(size))], lambda x: x.expand(len(x), len(x)).contiguous()),
    "outer": (lambda size: [numbers(side(size)), numbers(side(size))], torch.outer),
    "gather": (placed, lambda x, i: torch.gather(x, 1, i)),
    "scatterAdd": (lambda size: placed(size) + matrix(size), lambda x, i, v: x.scatter_add(1, i, v)),
    "embedding": (labelled, lambda w, i: functional.embedding(i, w)),
    "crossEntropy": (labelled, lambda x, i: functional.cross_entropy(x, i, label_smoothing=0.1)),
    "einsum": (lambda size: matrix(size) + matrix(size), lambda a, b: torch.einsum("ij,kj->ik", a, b)),
    **{name: (dominant, getattr(torch.linalg, name)) for name in "inv det cholesky".split()},
    "qr": (dominant, lambda x: torch.linalg.qr(x)[0]),
    "svd": (dominant, lambda x: torch.linalg.svd(x, full_matrices=False)[1]),
    "eigh": (dominant, lambda x: torch.linalg.eigh(x)[0]),
    "solve": (lambda size: dominant(size) + [numbers(side(size), 1)], torch.linalg.solve),
    "rmsNorm": (
        lambda size: normalized(size)[:2],
        lambda x, gamma: x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-12) * gamma),
    "groupNorm": (
        lambda size: [images(size), numbers(4), numbers(4)],
        lambda x, gamma, beta: functional.group_norm(x, 2, gamma, beta)),
    "prelu": (lambda size: [numbers(side(size), side(size)), numbers(side(size))], lambda x, w: functional.prelu(x - 0.5, w)),
    "scaledDotProductAttention": (
        lambda size: matrix(size) + matrix(size) + matrix(size),
        lambda q, k, v: torch.softmax((q @ k.T / math.sqrt(q.shape[1])).masked_fill(
            torch.ones(len(q), len(q), dtype=torch.bool).triu(1), -math.inf), -1) @ v),
    "conv1d": (
        lambda size: [numbers(4, 4, size // 16), numbers(8, 4, 3)], lambda x, w: functional.conv1d(x, w, padding=1)),
    "conv3d": (
        lambda size: [numbers(1, 4, 13, 14, 14), numbers(8, 4, 3, 3, 3)], lambda x, w: functional.conv3d(x, w, padding=1)),
    "convTranspose2d": (
        lambda size: [images(size), numbers(4, 8, 3, 3)], lambda x, w: functional.conv_transpose2d(x, w, padding=1)),
    "adaptiveAveragePool2d": (lambda size: [images(size)], lambda x: functional.adaptive_avg_pool2d(x, 3)),
    "interpolate": (
        lambda size: [images(size)], lambda x: functional.interpolate(x, scale_factor=2, mode="bilinear")),
    "meanSquaredError": (rows, functional.mse_loss),
    "binaryCrossEntropy": (lambda size: [numbers(size), numbers(size).detach()], functional.binary_cross_entropy),
    "softmax": (matrix, lambda x: torch.softmax(x, -1)),
    "logSoftmax": (matrix, lambda x: torch.log_softmax(x, -1)),
    "transpose": (matrix, lambda x: x.t().contiguous()),
    "clip": (row, lambda x: torch.clamp(x, 0.3, 0.6)),
    "cumsum": (row, lambda x: torch.cumsum(x, 0)),
    "where": (rows, lambda a, b: torch.where(a < b, a, b)),
    "sum of rows": (matrix, lambda x: torch.sum(x, 1)),
    "sum of columns": (matrix, lambda x: torch.sum(x, 0)),
    "max of rows": (matrix, lambda x: torch.amax(x, 1)),
    "add a row": (lambda size: [numbers(side(size), side(size)), numbers(side(size))], torch.add),
    "mul a column": (lambda size: [numbers(side(size), side(size)), numbers(side(size), 1)], torch.mul),
    "concat": (rows, lambda a, b: torch.cat((a, b))),
    "slice": (matrix, lambda x: x[:, ::2].contiguous()),
    "take": (labelled, lambda x, i: x[i]),
    "softmaxCrossEntropy": (labelled, functional.cross_entropy),
    "layerNorm": (normalized, lambda x, gamma, beta: functional.layer_norm(x, gamma.shape, gamma, beta)),
    "batchNorm": (normalized, lambda x, gamma, beta: functional.batch_norm(x, None, None, gamma, beta, training=True)),
    "dropout": (row, functional.dropout),
    "matmul": (lambda size: matrix(size) + matrix(size), torch.matmul),
    "linear": (
        lambda size: [numbers(side(size), side(size)), numbers(side(size), 10), numbers(10)],
        lambda x, w, b: torch.addmm(b, x, w)),
    "conv2d": (lambda size: [images(size), numbers(8, 4, 3, 3)], lambda x, w: functional.conv2d(x, w, padding=1)),
    "maxPool2d": (lambda size: [images(size)], lambda x: functional.max_pool2d(x, 2)),
    "averagePool2d": (lambda size: [images(size)], lambda x: functional.avg_pool2d(x, 2)),
    "maxPool1d": (lambda size: [numbers(4, 4, size // 16)], lambda x: functional.max_pool1d(x, 2)),
    "maxPool3d": (lambda size: [numbers(1, 4, 13, 14, 14)], lambda x: functional.max_pool3d(x, 2)),
    "averagePool3d": (lambda size: [numbers(1, 4, 13, 14, 14)], lambda x: functional.avg_pool3d(x, 2)),
    "normalize": (matrix, lambda x: functional.normalize(x, dim=-1)),
    "quantile": (matrix, lambda x: torch.quantile(x, 0.3, dim=1)),
    "cdist": (lambda size: [numbers(side(size), 8), numbers(side(size), 8)], torch.cdist),
    "indexAdd": (lambda size: labelled(size) + matrix(size), lambda x, i, v: x.index_add(0, i, v)),
    "pinv": (dominant, torch.linalg.pinv),
    **VARIANTS,
}
