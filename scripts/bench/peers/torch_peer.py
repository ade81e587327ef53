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

import torch
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

torch.set_num_threads(1)

FUNCTIONS = {
    "neg": torch.neg, "abs": torch.abs, "square": torch.square, "sqrt": torch.sqrt, "exp": torch.exp, "log": torch.log,
    "sin": torch.sin, "cos": torch.cos, "tanh": torch.tanh, "relu": torch.relu, "sigmoid": torch.sigmoid,
    "softplus": functional.softplus, "gelu": functional.gelu, "sum": torch.sum, "mean": torch.mean, "max": torch.max,
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div,
}
BINARY = {"add", "sub", "mul", "div"}


def ns_of(target_ms, work):
    """Nanoseconds of one call: the median over batches of a quarter of a millisecond, three at least."""
    batches, size, start = [], 1, time.perf_counter()
    begin = start
    while len(batches) < 3 or begin - start < target_ms / 1e3:
        for _ in range(size):
            work()
        end = time.perf_counter()
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
    apply = FUNCTIONS[name]
    operands = [torch.empty(size, dtype=torch.float64).uniform_(0.1, 2).requires_grad_() for _ in range(1 + (name in BINARY))]
    gradient = torch.ones_like(apply(*operands))

    def both():
        apply(*operands).backward(gradient)
        for operand in operands:
            operand.grad = None

    forward = ns_of(target_ms / 2, lambda: apply(*operands))
    return [("forward", "ns/call", forward), ("forward + backward", "ns/call", ns_of(target_ms / 2, both))]


def product(size, dtype, target_ms):
    a, b = (torch.empty(size, size, dtype=dtype).uniform_(-1, 1) for _ in range(2))
    return [("product", "GFLOP/s", 2 * size ** 3 / ns_of(target_ms, lambda: a @ b))]


def answer(work, target_ms):
    if work == "scalar chain 100000":
        return chain(1, 100_000)
    if work == "1000-call graph, repeated":
        return chain(20, 1_000)
    found = re.fullmatch(r"\w+ ([\d-]+) batch (\d+) (float\d+)", work)
    if found:
        sizes = [int(size) for size in found[1].split("-")]
        activation = "sigmoid" if work.startswith("spiral") else "relu"
        return training(sizes, int(found[2]), activation, getattr(torch, found[3]), target_ms)
    found = re.fullmatch(r"matmul (\d+)×\d+ (float\d+)", work)
    if found:
        return product(int(found[1]), getattr(torch, found[2]), target_ms)
    found = re.fullmatch(r"(\w+) of (\d+)", work)
    if found and found[1] in FUNCTIONS:
        return function(found[1], int(found[2]), target_ms)
    return []


def say(value):
    print(json.dumps(value), flush=True)


say({"name": "PyTorch " + torch.__version__})
for line in sys.stdin:
    request = json.loads(line)
    say([{"measure": m, "unit": u, "value": v} for m, u, v in answer(request["work"], request["targetMs"])])
