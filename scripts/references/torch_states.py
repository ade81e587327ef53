#!/usr/bin/env python3
"""Writes test/fixtures/torch-states.json.gz: state dicts of PyTorch layers, inputs, and what PyTorch makes of them in float64, with
the gradient of the weighted sum of the output by the input. Run by hand, with Debian's python3-torch; the tests read only the fixture.
"""
import gzip
import json
import math
import os

import torch
from torch import nn

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
torch.manual_seed(20231)


def array(x):
    return {"shape": list(x.shape), "values": x.detach().reshape(-1).tolist()}


def weights(shape):
    count = math.prod(shape)
    return torch.tensor([((i * 7 + 3) % 11 - 5) / 4 for i in range(count)]).reshape(tuple(shape))


CASES = []


def stirred(module):
    """Biases and norms begin with zeros and ones, which would hide that they were exchanged."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn(parameter.shape) * 0.1)
    return module.eval()


def case(name, module, inputs, call=None):
    stirred(module)
    xs = [x.clone().requires_grad_(x.is_floating_point()) for x in inputs]
    output = (call or (lambda m, *given: m(*given)))(module, *xs)
    outputs = list(output) if isinstance(output, (list, tuple)) else [output]
    sum((weights(y.shape) * y).sum() for y in outputs).backward()
    CASES.append(
        {
            "name": name,
            "state": {key: array(value.double()) for key, value in module.state_dict().items()},
            "inputs": [array(x) for x in xs],
            "outputs": [array(y) for y in outputs],
            "gradients": [array(x.grad) if x.grad is not None else None for x in xs],
        }
    )


x = torch.randn(2, 5, 8)
memory = torch.randn(2, 3, 8)
causal = torch.full((5, 5), -math.inf).triu(1)

options = dict(dim_feedforward=12, batch_first=True)
case("encoderLayer", nn.TransformerEncoderLayer(8, 2, **options), [x])
case("encoderLayerNormFirst", nn.TransformerEncoderLayer(8, 2, norm_first=True, activation="gelu", **options), [x])
case(
    "encoderCausal",
    nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, norm_first=True, **options), 2, norm=nn.LayerNorm(8)),
    [x],
    lambda m, y: m(y, mask=causal),
)
case(
    "decoder",
    nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, **options), 2),
    [x, memory],
    lambda m, y, read: m(y, read, tgt_mask=causal),
)
case("attention", nn.MultiheadAttention(8, 4, batch_first=True), [x, memory], lambda m, q, k: m(q, k, k)[0])
case("lstm", nn.LSTM(8, 3, num_layers=2, bidirectional=True, batch_first=True), [x], lambda m, y: m(y)[0])
case("gru", nn.GRU(8, 3, num_layers=2, batch_first=True), [x], lambda m, y: m(y)[0])


class Packed(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(8, 3, bidirectional=True, batch_first=True)

    def forward(self, y):
        lengths = torch.tensor([5, 3])
        packed = nn.utils.rnn.pack_padded_sequence(y, lengths, batch_first=True)
        made, (hidden, cell) = self.rnn(packed)
        return [nn.utils.rnn.pad_packed_sequence(made, batch_first=True)[0], hidden, cell]


case("packed", Packed(), [x])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(1))
        self.last_layer = nn.Linear(8, 3)

    def forward(self, y):
        return self.last_layer(self.features(y))


net = Net()
net.train()
net(torch.randn(4, 1, 4, 4))
case("net", net, [torch.randn(2, 1, 4, 4)])

out = os.path.join(os.path.dirname(__file__), "../../test/fixtures/torch-states.json.gz")
with open(out, "wb") as raw:
    with gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, filename="") as file:
        file.write((json.dumps({"torch": torch.__version__, "cases": CASES}, separators=(",", ":")) + "\n").encode())
print(len(CASES), "cases,", os.path.getsize(out), "bytes")
