#!/usr/bin/env python3
"""PyTorch beside the bench, one thread. Reads requests from stdin, one JSON object a line: {"work", "targetMs"}; answers
each with a JSON list of {"measure", "unit", "value"}, empty when it has nothing like that work."""
import json
import math
import os
import re
import sqlite3
import statistics
import sys
import tempfile
import time

# Debian's OpenBLAS has threads of its own, which torch.set_num_threads does not know: its products took two cores.
for name in ('OPENBLAS_NUM_THREADS', 'OMP_NUM_THREADS', 'MKL_NUM_THREADS'):
    os.environ[name] = '1'

import torch
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from torch_functions import FUNCTIONS, LAYERS

torch.set_num_threads(1)


def ns_of(target_ms, work, clock=time.perf_counter, least=3):
    """Nanoseconds of one call: the median over batches of a quarter of a millisecond, `least` at least."""
    batches, size, start = [], 1, clock()
    begin = start
    while len(batches) < least or begin - start < target_ms / 1e3:
        for _ in range(size):
            work()
        end = clock()
        if end - begin < 0.000125:
            size *= 2
        else:
            batches.append((end - begin) / size)
        begin = end
    return statistics.median(batches) * 1e9


def chain(graphs, calls):
    forward = backward = 0.0
    for _ in range(graphs):
        y = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
        a = time.perf_counter()
        for _ in range(calls):
            y = y * 1.0000001
        b = time.perf_counter()
        y.backward()
        forward += b - a
        backward += time.perf_counter() - b
    each = 1e9 / graphs / calls
    return [("forward", "ns/call", forward * each), ("backward", "ns/call", backward * each)]


class Recording(TorchDispatchMode):
    """What one would write by hand to have the operators of a step: their names, operands and shapes."""

    def __init__(self):
        super().__init__()
        self.rows = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        operands = json.dumps([id(each) for each in args if isinstance(each, torch.Tensor)])
        shape = json.dumps(list(result.shape)) if isinstance(result, torch.Tensor) else None
        self.rows.append((str(func), operands, id(result), shape))
        return result


def training(sizes, batch, activation, dtype, target_ms):
    torch.manual_seed(0)
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        bound = math.sqrt(3 / inputs)
        weight = torch.empty(inputs, outputs, dtype=dtype).uniform_(-bound, bound).requires_grad_()
        layers.append((weight, torch.zeros(outputs, dtype=dtype, requires_grad=True)))
    parameters = [each for layer in layers for each in layer]
    x = torch.empty(batch, sizes[0], dtype=dtype).uniform_(-1, 1)
    t = torch.randint(0, sizes[-1], (batch,))
    optimizer = torch.optim.SGD(parameters, lr=0.1)
    activate = getattr(torch, activation)

    def step():
        h = x
        for i, (weight, bias) in enumerate(layers):
            h = torch.addmm(bias, h, weight)
            if i < len(layers) - 1:
                h = activate(h)
        loss = functional.cross_entropy(h, t)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    for _ in range(3):
        step()
    found = [("step", "µs/step", ns_of(target_ms, step) / 1e3)]
    with tempfile.TemporaryDirectory() as folder:
        found.append(("step, operators and norms to sqlite3", "µs/step", by_hand(step, parameters, folder, target_ms)))
    return found


class ConvNet(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(1, 8, 3, padding=1)
        self.conv2 = torch.nn.Conv2d(8, 16, 3, padding=1)
        self.fc = torch.nn.Linear(64, 10)

    def forward(self, x):
        half = functional.max_pool2d(torch.relu(self.conv1(x)), 2)
        return self.fc(functional.max_pool2d(torch.relu(self.conv2(half)), 2).flatten(1))


class Forecast(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = torch.nn.LSTM(1, 16, batch_first=True)
        self.fc = torch.nn.Linear(16, 1)

    def forward(self, x):
        return self.fc(self.lstm(x)[0][:, -1])


LETTERS = 60
LENGTH = 16
# With 3 blocks of width 512 and these, a model has 10.5 million parameters.
WORDS = 1000


class Block(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm1 = torch.nn.LayerNorm(width)
        self.attention = torch.nn.MultiheadAttention(width, 4, batch_first=True)
        self.norm2 = torch.nn.LayerNorm(width)
        self.widen = torch.nn.Linear(width, 4 * width)
        self.narrow = torch.nn.Linear(4 * width, width)
        self.register_buffer("mask", torch.triu(torch.ones(LENGTH, LENGTH, dtype=torch.bool), 1))

    def forward(self, x):
        h = self.norm1(x)
        y = x + self.attention(h, h, h, attn_mask=self.mask, need_weights=False)[0]
        return y + self.narrow(functional.gelu(self.widen(self.norm2(y))))


class GPT(torch.nn.Module):
    def __init__(self, width, blocks=2, letters=LETTERS):
        super().__init__()
        self.letter = torch.nn.Embedding(letters, width)
        self.place = torch.nn.Embedding(LENGTH, width)
        self.blocks = torch.nn.Sequential(*[Block(width) for _ in range(blocks)])
        self.norm = torch.nn.LayerNorm(width)
        self.head = torch.nn.Linear(width, letters, bias=False)
        self.register_buffer("places", torch.arange(LENGTH))

    def forward(self, codes):
        x = self.blocks(self.letter(codes) + self.place(self.places))
        return self.head(self.norm(x)).flatten(0, 1)


def model(name, target_ms):
    torch.manual_seed(0)
    if name.startswith("digits-cnn"):
        module, x, t = ConvNet(), torch.rand(50, 1, 8, 8), torch.randint(0, 10, (50,))
        optimizer = torch.optim.SGD(module.parameters(), lr=0.05, momentum=0.9)
        loss_of = functional.cross_entropy
    elif name.startswith("lstm-sine"):
        module, x, t = Forecast(), torch.rand(20, 20, 1), torch.rand(20, 1)
        optimizer = torch.optim.AdamW(module.parameters(), lr=0.01)
        loss_of = functional.mse_loss
    else:
        large = name.startswith("gpt of 10 million")
        module = GPT(512, 3, WORDS) if large else GPT(int(name.split()[1]))
        letters = WORDS if large else LETTERS
        x, t = torch.randint(0, letters, (10, LENGTH)), torch.randint(0, letters, (10 * LENGTH,))
        optimizer = torch.optim.AdamW(module.parameters(), lr=0.001, betas=(0.9, 0.99))
        loss_of = functional.cross_entropy

    def step():
        loss = loss_of(module(x), t)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    for _ in range(3):
        step()
    found = [("step", "µs/step", ns_of(target_ms, step) / 1e3)]
    if name.startswith("gpt of 10 million"):
        found.append(("8 tokens generated", "µs", ns_of(target_ms, lambda: generate(module)) / 1e3))
    return found


@torch.no_grad()
def generate(module):
    """Each token from all that came before; the module has no cache."""
    module.eval()
    codes = torch.zeros(1, LENGTH, dtype=torch.int64)
    for place in range(8):
        codes[0, place + 1] = module(codes)[place].argmax()
    module.train()


def by_hand(step, parameters, folder, target_ms):
    db = sqlite3.connect(os.path.join(folder, "run.db"))
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("CREATE TABLE operator (name TEXT, operands TEXT, result INTEGER, shape TEXT)")
    db.execute("CREATE TABLE gradient (parameter INTEGER, norm REAL)")

    def recorded():
        with Recording() as recording:
            step()
        with db:
            db.executemany("INSERT INTO operator VALUES (?, ?, ?, ?)", recording.rows)
            db.executemany("INSERT INTO gradient VALUES (?, ?)", [(i, p.grad.norm().item()) for i, p in enumerate(parameters)])

    ns = ns_of(target_ms, recorded)
    db.close()
    return ns / 1e3


def function(name, size, target_ms):
    make, apply = FUNCTIONS[name]
    operands = make(size)
    leaves = [each for each in operands if each.requires_grad] + LAYERS.get(name, [])
    y = apply(*operands)
    found = [("forward", "ns/call", ns_of(target_ms / 2, lambda: apply(*operands), time.process_time, 15))]
    if not isinstance(y, torch.Tensor) or not y.requires_grad:
        return found
    gradient = torch.ones_like(y)

    def both():
        apply(*operands).backward(gradient)
        for leaf in leaves:
            leaf.grad = None

    return found + [("forward + backward", "ns/call", ns_of(target_ms / 2, both, time.process_time, 15))]


def product(size, dtype, target_ms):
    a, b = (torch.empty(size, size, dtype=dtype).uniform_(-1, 1) for _ in range(2))
    return [("product", "GFLOP/s", 2 * size ** 3 / ns_of(target_ms, lambda: a @ b))]


def oblong(a_transposed, b_transposed, m, k, n, dtype, target_ms):
    a = torch.rand((k, m) if a_transposed else (m, k), dtype=dtype)
    b = torch.rand((n, k) if b_transposed else (k, n), dtype=dtype)
    a = a.T if a_transposed else a
    b = b.T if b_transposed else b
    return [("product", "GFLOP/s", 2 * m * k * n / ns_of(target_ms, lambda: a @ b))]


def answer(work, target_ms):
    if work == "scalar chain 100000":
        return chain(1, 100_000)
    if work == "1000-call graph, repeated":
        return chain(20, 1_000)
    if work.startswith("model "):
        return model(work[len("model "):], target_ms)
    found = re.fullmatch(r"\w+ ([\d-]+) batch (\d+) (float\d+)", work)
    if found:
        sizes = [int(size) for size in found[1].split("-")]
        activation = "sigmoid" if work.startswith("spiral") else "relu"
        return training(sizes, int(found[2]), activation, getattr(torch, found[3]), target_ms)
    found = re.fullmatch(r"matmul (\d+)×\d+ (float\d+)", work)
    if found:
        return product(int(found[1]), getattr(torch, found[2]), target_ms)
    found = re.fullmatch(r"product (\w)(\w) (\d+)×(\d+)×(\d+) (float\d+)", work)
    if found:
        m, k, n = (int(found[i]) for i in (3, 4, 5))
        return oblong(found[1] == "t", found[2] == "t", m, k, n, getattr(torch, found[6]), target_ms)
    found = re.fullmatch(r"([\w ]+) of (\d+)", work)
    if found and found[1] in FUNCTIONS:
        return function(found[1], int(found[2]), target_ms)
    return []


def say(value):
    print(json.dumps(value), flush=True)


say({"name": "PyTorch " + torch.__version__})
for line in sys.stdin:
    request = json.loads(line)
    say([{"measure": m, "unit": u, "value": v} for m, u, v in answer(request["work"], request["targetMs"])])
