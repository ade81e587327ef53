#!/usr/bin/python3
"""Writes test/fixtures/torch-training.json.gz: what PyTorch computes for whole trainings, layers, optimizers and schedules.

Needs PyTorch 1.13 and NumPy (Debian: python3-torch); the tests themselves do not. All in float64, one thread. Weights,
inputs and batches come from a linear congruential generator that the tests have too (test/nn/congruential.ts), so the
file holds results only. With --add it keeps the results that the file holds already, and adds those that are new.
"""
import gzip
import json
import math
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
STEPS = 100


class Congruential:
    """x' = 1664525 x + 1013904223 mod 2^32; a number is x / 2^32."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (1664525 * self.state + 1013904223) % 2**32
        return self.state / 2**32

    def tensor(self, shape, bound=1.0):
        count = math.prod(shape)
        return torch.tensor([(2 * self.next() - 1) * bound for _ in range(count)]).reshape(shape)

    def integers(self, count, below):
        return torch.tensor([math.floor(self.next() * below) for _ in range(count)])


def fill(parameters, seed, bound):
    """Gives parameters values in order. A weight of two axes is drawn as gradtape keeps it, [in, out], and transposed."""
    numbers = Congruential(seed)
    with torch.no_grad():
        for transposed, parameter in parameters:
            shape = list(parameter.shape)
            values = numbers.tensor(shape[::-1] if transposed else shape, bound)
            parameter.copy_(values.T if transposed else values)


def linear_parameters(*layers):
    return [pair for layer in layers for pair in ((True, layer.weight), (False, layer.bias))]


def train(forward, optimizer):
    losses = []
    for step in range(STEPS):
        loss = forward(step)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def read_digits():
    with gzip.open(os.path.join(ROOT, "src", "data", "digits.csv.gz"), "rt") as file:
        rows = np.array([[int(field) for field in line.split(",")] for line in file])
    return torch.tensor(rows[:, :64] / 16.0), torch.tensor(rows[:, 64])


def spiral_mlp():
    numbers = Congruential(1)
    points, labels = [], []
    for i in range(300):
        arm, radius = i % 3, (i // 3) / 100
        angle = 4 * arm + 4 * radius + 0.4 * (numbers.next() - 0.5)
        points.append([radius * math.sin(angle), radius * math.cos(angle)])
        labels.append(arm)
    x, t = torch.tensor(points), torch.tensor(labels)
    a, b = torch.nn.Linear(2, 10), torch.nn.Linear(10, 3)
    fill(linear_parameters(a, b), 2, 0.5)
    batches = Congruential(3)

    def forward(step):
        rows = batches.integers(30, 300)
        return F.cross_entropy(b(torch.sigmoid(a(x[rows]))), t[rows])

    return train(forward, torch.optim.SGD([*a.parameters(), *b.parameters()], lr=1.0))


def digits_mlp():
    x, t = read_digits()
    a, b = torch.nn.Linear(64, 32), torch.nn.Linear(32, 10)
    fill(linear_parameters(a, b), 4, 0.125)
    batches = Congruential(5)

    def forward(step):
        rows = batches.integers(50, 1500)
        return F.cross_entropy(b(torch.relu(a(x[rows]))), t[rows])

    return train(forward, torch.optim.Adam([*a.parameters(), *b.parameters()], lr=0.01))


def digits_cnn():
    x, t = read_digits()
    conv, last = torch.nn.Conv2d(1, 8, 3, padding=1), torch.nn.Linear(128, 10)
    fill([(False, conv.weight), (False, conv.bias), *linear_parameters(last)], 6, 0.25)
    batches = Congruential(7)

    def forward(step):
        rows = batches.integers(32, 1500)
        images = F.max_pool2d(torch.relu(conv(x[rows].reshape(-1, 1, 8, 8))), 2)
        return F.cross_entropy(last(images.flatten(1)), t[rows])

    parameters = [*conv.parameters(), *last.parameters()]
    return train(forward, torch.optim.SGD(parameters, lr=0.05, momentum=0.9, weight_decay=1e-4))


def recurrent_parameters(layer):
    return [(True, layer.weight_ih_l0), (True, layer.weight_hh_l0), (False, layer.bias_ih_l0), (False, layer.bias_hh_l0)]


def all_recurrent_parameters(layer, layers):
    """Layer by layer, forward before backward."""
    names = [f"l{i}{direction}" for i in range(layers) for direction in ("", "_reverse")]
    kinds = [("weight_ih_", True), ("weight_hh_", True), ("bias_ih_", False), ("bias_hh_", False)]
    return [(transposed, getattr(layer, kind + name)) for name in names for kind, transposed in kinds]


def sine_lstm():
    wave = torch.tensor([math.sin(0.25 * i) for i in range(300)])
    lstm, last = torch.nn.LSTM(1, 12, batch_first=True), torch.nn.Linear(12, 1)
    fill([*recurrent_parameters(lstm), *linear_parameters(last)], 8, 0.3)
    starts = Congruential(9)

    def forward(step):
        rows = starts.integers(8, 280)[:, None] + torch.arange(12)
        outputs, _ = lstm(wave[rows].unsqueeze(2))
        return F.mse_loss(last(outputs[:, -1]), wave[rows[:, -1] + 1].unsqueeze(1))

    return train(forward, torch.optim.SGD([*lstm.parameters(), *last.parameters()], lr=0.1, momentum=0.9))


def flat(tensor):
    return tensor.detach().flatten().tolist()


def layer_case(layer, parameters, call, inputs, seed):
    """Outputs, and the gradients of all parameters and inputs, of the sum of outputs times weights."""
    fill(parameters, seed, 0.5)
    xs = [Congruential(seed + 100 + i).tensor(shape).requires_grad_() for i, shape in enumerate(inputs)]
    outputs = call(*xs)
    loss = sum((y * Congruential(seed + 200 + i).tensor(y.shape)).sum() for i, y in enumerate(outputs))
    loss.backward()
    gradients = [p.grad.T if transposed else p.grad for transposed, p in parameters]
    return {
        "outputs": [flat(y) for y in outputs],
        "gradients": [flat(g) for g in gradients],
        "inputs": [flat(x.grad) for x in xs],
    }


def attention():
    """torch's own multi-head attention keeps the three projections in one; here they are four linear layers, as ours."""
    parts = [torch.nn.Linear(6, 6) for _ in range(4)]
    reference = torch.nn.MultiheadAttention(6, 2, batch_first=True)

    def call(q, k):
        with torch.no_grad():
            reference.in_proj_weight.copy_(torch.cat([p.weight for p in parts[:3]]))
            reference.in_proj_bias.copy_(torch.cat([p.bias for p in parts[:3]]))
            reference.out_proj.weight.copy_(parts[3].weight)
            reference.out_proj.bias.copy_(parts[3].bias)
        expected, _ = reference(q, k, k)
        heads = lambda y: y.reshape(y.shape[0], y.shape[1], 2, 3).transpose(1, 2)
        query, key, value = parts[0](q), parts[1](k), parts[2](k)
        weights = torch.softmax(heads(query) @ heads(key).transpose(2, 3) / math.sqrt(3), -1)
        y = parts[3]((weights @ heads(value)).transpose(1, 2).reshape(q.shape))
        assert torch.allclose(y, expected, rtol=1e-12, atol=1e-14)
        return [y]

    return layer_case(None, linear_parameters(*parts), call, [[2, 4, 6], [2, 5, 6]], 30)


def layers():
    rnn = torch.nn.RNN(3, 4, batch_first=True)
    gru = torch.nn.GRU(3, 4, batch_first=True)
    lstm = torch.nn.LSTM(3, 4, batch_first=True)
    norm = torch.nn.LayerNorm([4, 5])
    transposed = torch.nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1, output_padding=1)
    conv = torch.nn.Conv2d(2, 3, (3, 2), stride=(2, 1), padding=1)

    stacked = {"batch_first": True, "num_layers": 2, "bidirectional": True}
    deep_rnn, deep_gru, deep_lstm = torch.nn.RNN(3, 4, **stacked), torch.nn.GRU(3, 4, **stacked), torch.nn.LSTM(3, 4, **stacked)
    grouped = torch.nn.Conv2d(4, 6, (3, 2), groups=2, dilation=(2, 1), padding=1)
    rows = torch.nn.Conv1d(4, 6, 3, groups=2, dilation=2, padding=2, stride=2)
    group_norm = torch.nn.GroupNorm(2, 4)

    def deep(layer):
        def call(x, *states):
            y, last = layer(x, states if len(states) > 1 else states[0])
            return [y, *(last if isinstance(last, tuple) else [last])]
        return call

    def run_lstm(x, h, c):
        y, (h, c) = lstm(x, (h[None], c[None]))
        return [y, h[0], c[0]]

    def run(layer):
        def call(x, h):
            y, h = layer(x, h[None])
            return [y, h[0]]
        return call

    plain = lambda layer: [(False, layer.weight), (False, layer.bias)]
    return {
        "rnn": layer_case(rnn, recurrent_parameters(rnn), run(rnn), [[2, 5, 3], [2, 4]], 20),
        "gru": layer_case(gru, recurrent_parameters(gru), run(gru), [[2, 5, 3], [2, 4]], 21),
        "lstm": layer_case(lstm, recurrent_parameters(lstm), run_lstm, [[2, 5, 3], [2, 4], [2, 4]], 22),
        "layerNorm": layer_case(norm, plain(norm), lambda x: [norm(x)], [[3, 4, 5]], 23),
        "convTranspose2d": layer_case(transposed, plain(transposed), lambda x: [transposed(x)], [[2, 2, 4, 5]], 24),
        "conv2d": layer_case(conv, plain(conv), lambda x: [conv(x)], [[2, 2, 7, 6]], 25),
        "deep rnn": layer_case(deep_rnn, all_recurrent_parameters(deep_rnn, 2), deep(deep_rnn), [[2, 5, 3], [4, 2, 4]], 26),
        "deep gru": layer_case(deep_gru, all_recurrent_parameters(deep_gru, 2), deep(deep_gru), [[2, 5, 3], [4, 2, 4]], 27),
        "deep lstm": layer_case(deep_lstm, all_recurrent_parameters(deep_lstm, 2), deep(deep_lstm), [[2, 5, 3], [4, 2, 4], [4, 2, 4]], 28),
        "grouped conv2d": layer_case(grouped, plain(grouped), lambda x: [grouped(x)], [[2, 4, 7, 6]], 29),
        "conv1d": layer_case(rows, plain(rows), lambda x: [rows(x)], [[2, 4, 9]], 31),
        "groupNorm": layer_case(group_norm, plain(group_norm), lambda x: [group_norm(x)], [[2, 4, 3]], 32),
        "attention": attention(),
    }


def batch_norm():
    """Three training batches, then one in use."""
    layer = torch.nn.BatchNorm2d(3, momentum=0.2)
    fill([(False, layer.weight), (False, layer.bias)], 40, 0.5)
    outputs = [flat(layer(Congruential(41 + i).tensor([4, 3, 2, 2], 2.0))) for i in range(3)]
    layer.eval()
    outputs.append(flat(layer(Congruential(44).tensor([4, 3, 2, 2], 2.0))))
    return {"outputs": outputs, "mean": flat(layer.running_mean), "variance": flat(layer.running_var)}


class NAdam(torch.optim.NAdam):
    """As in PyTorch 2: in 1.13 the product of momenta counts a step's momentum twice."""

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            (b1, b2), lr, eps = group["betas"], group["lr"], group["eps"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state.update(t=0, product=1.0, m=torch.zeros_like(p), v=torch.zeros_like(p))
                state["t"] += 1
                g = p.grad + group["weight_decay"] * p
                mu, after = [b1 * (1 - 0.5 * 0.96 ** (t * group["momentum_decay"])) for t in (state["t"], state["t"] + 1)]
                state["product"] *= mu
                state["m"] = b1 * state["m"] + (1 - b1) * g
                state["v"] = b2 * state["v"] + (1 - b2) * g * g
                root = (state["v"] / (1 - b2 ** state["t"])).sqrt() + eps
                p -= lr * (1 - mu) / (1 - state["product"]) * g / root
                p -= lr * after / (1 - state["product"] * after) * state["m"] / root


OPTIMIZERS = {
    "sgd": (torch.optim.SGD, dict(lr=0.1, weight_decay=0.01)),
    "sgd momentum": (torch.optim.SGD, dict(lr=0.1, momentum=0.9, dampening=0.3, weight_decay=0.01)),
    "sgd nesterov": (torch.optim.SGD, dict(lr=0.1, momentum=0.9, nesterov=True)),
    "adam": (torch.optim.Adam, dict(lr=0.05, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1)),
    "adamw": (torch.optim.AdamW, dict(lr=0.05, weight_decay=0.2)),
    "adagrad": (torch.optim.Adagrad, dict(lr=0.1, lr_decay=0.05, weight_decay=0.01, initial_accumulator_value=0.2)),
    "adadelta": (torch.optim.Adadelta, dict(lr=0.9, rho=0.8, weight_decay=0.01)),
    "rmsprop": (torch.optim.RMSprop, dict(lr=0.02, alpha=0.9, weight_decay=0.01)),
    "adam amsgrad": (torch.optim.Adam, dict(lr=0.05, amsgrad=True, weight_decay=0.1)),
    "adamw amsgrad": (torch.optim.AdamW, dict(lr=0.05, amsgrad=True)),
    "adam maximize": (torch.optim.Adam, dict(lr=0.05, maximize=True)),
    "nadam": (NAdam, dict(lr=0.05, weight_decay=0.1)),
    "radam": (torch.optim.RAdam, dict(lr=0.05, weight_decay=0.1)),
    "rmsprop centered momentum": (torch.optim.RMSprop, dict(lr=0.02, alpha=0.9, momentum=0.8, centered=True)),
}


class Decoupled:
    """An optimizer whose weight decay is taken from the parameters before each step, as PyTorch 2 does with decoupled_weight_decay."""

    def __init__(self, kind, parameters, lr, weight_decay):
        self.inner, self.kept = kind(parameters, lr=lr), 1 - lr * weight_decay

    @torch.no_grad()
    def step(self):
        for group in self.inner.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.mul_(self.kept)
        self.inner.step()


OPTIMIZERS["nadam decoupled"] = (lambda p, **o: Decoupled(NAdam, p, **o), dict(lr=0.05, weight_decay=0.1))
OPTIMIZERS["radam decoupled"] = (lambda p, **o: Decoupled(torch.optim.RAdam, p, **o), dict(lr=0.05, weight_decay=0.1))


def optimizers():
    """25 steps of two parameters, the second of which gets a gradient only at every other step."""
    results = {}
    for name, (kind, options) in OPTIMIZERS.items():
        weights, gradients = Congruential(50), Congruential(51)
        a, b = weights.tensor([3, 2]).requires_grad_(), weights.tensor([4]).requires_grad_()
        optimizer = kind([a, b], **options)
        for step in range(25):
            a.grad = gradients.tensor([3, 2])
            b.grad = gradients.tensor([4]) if step % 2 == 0 else None
            optimizer.step()
        results[name] = flat(a) + flat(b)
    return results


LBFGS = {
    "fixed steps": dict(lr=0.02, max_iter=4),
    "strong Wolfe": dict(line_search_fn="strong_wolfe"),
    "short history": dict(lr=0.5, max_iter=7, history_size=2, line_search_fn="strong_wolfe"),
    "few evaluations": dict(lr=0.3, max_iter=30, max_eval=6, tolerance_change=1e-7, line_search_fn="strong_wolfe"),
}


def valley(a, b):
    return (2 * (a[1:] - a[:-1] ** 2) ** 2 + (1 - a[:-1]) ** 2).sum() + ((b - 0.5) ** 4).sum() + (b * a[:3]).sum()


def lbfgs():
    """Steps of two parameters; the losses before them and where the parameters are after each."""
    results = {}
    for name, options in LBFGS.items():
        weights = Congruential(70)
        a, b = weights.tensor([4]).requires_grad_(), weights.tensor([3]).requires_grad_()
        optimizer = torch.optim.LBFGS([a, b], **options)
        evaluations = 0

        def closure():
            nonlocal evaluations
            evaluations += 1
            optimizer.zero_grad()
            loss = valley(a, b)
            loss.backward()
            return loss

        steps = []
        for _ in range(4):
            loss = optimizer.step(closure).item()
            steps.append({"loss": loss, "evaluations": evaluations, "parameters": flat(a) + flat(b)})
        results[name] = steps
    return results


def clipping():
    """A norm above the limit, then one below."""
    results = []
    for limit in (0.5, 50.0):
        numbers = Congruential(60)
        parameters = [torch.nn.Parameter(torch.zeros(3, 2)), torch.nn.Parameter(torch.zeros(4))]
        for parameter in parameters:
            parameter.grad = numbers.tensor(list(parameter.shape))
        norm = torch.nn.utils.clip_grad_norm_(parameters, limit)
        results.append({"norm": norm.item(), "gradients": [flat(p.grad) for p in parameters]})
    return results


def schedules():
    lr = torch.optim.lr_scheduler
    made = {
        "step": lambda o: lr.StepLR(o, 3, gamma=0.5),
        "multiStep": lambda o: lr.MultiStepLR(o, [2, 5], gamma=0.2),
        "exponential": lambda o: lr.ExponentialLR(o, 0.9),
        "cosine": lambda o: lr.CosineAnnealingLR(o, 6, eta_min=0.01),
        "warmup": lambda o: lr.LinearLR(o, start_factor=0.25, total_iters=4),
        "oneCycle": lambda o: lr.OneCycleLR(o, max_lr=0.4, total_steps=10, cycle_momentum=False),
        "lambda": lambda o: lr.LambdaLR(o, lambda n: 1 / (1 + n)),
        "restarts": lambda o: lr.CosineAnnealingWarmRestarts(o, 2, T_mult=3, eta_min=0.01),
        "restartsAlike": lambda o: lr.CosineAnnealingWarmRestarts(o, 4),
        "polynomial": lambda o: lr.PolynomialLR(o, total_iters=6, power=2.5),
        "constant": lambda o: lr.ConstantLR(o, factor=0.25, total_iters=3),
        "cyclic": lambda o: lr.CyclicLR(o, 0.01, 0.4, step_size_up=2, step_size_down=3, cycle_momentum=False),
        "cyclicHalved": lambda o: lr.CyclicLR(o, 0.01, 0.4, step_size_up=2, mode="triangular2", cycle_momentum=False),
        "cyclicShrunk": lambda o: lr.CyclicLR(o, 0.01, 0.4, step_size_up=3, step_size_down=1, mode="exp_range", gamma=0.9, cycle_momentum=False),
    }
    results = {}
    for name, make in made.items():
        parameters = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
        optimizer = torch.optim.SGD([{"params": parameters[:1]}, {"params": parameters[1:], "lr": 0.5}], lr=0.1)
        schedule = make(optimizer)
        rates = []
        for _ in range(10):
            rates.append([group["lr"] for group in optimizer.param_groups])
            optimizer.step()
            schedule.step()
        results[name] = rates
    return results


def merged(new, old):
    """What is new beside what there was, which stays as it is: other processors round otherwise."""
    if not isinstance(old, dict):
        return old
    return {**old, **{key: merged(value, old[key]) if key in old else value for key, value in new.items()}}


def main():
    results = {
        "torch": torch.__version__,
        "training": {
            "spiral MLP": spiral_mlp(),
            "digits MLP": digits_mlp(),
            "digits CNN": digits_cnn(),
            "sine LSTM": sine_lstm(),
        },
        "layers": layers(),
        "batchNorm": batch_norm(),
        "optimizers": optimizers(),
        "lbfgs": lbfgs(),
        "clipping": clipping(),
        "schedules": schedules(),
    }
    path = os.path.join(ROOT, "test", "fixtures", "torch-training.json.gz")
    if "--add" in sys.argv:
        with gzip.open(path, "rt") as file:
            results = merged(results, json.load(file))
    with open(path, "wb") as file, gzip.GzipFile(fileobj=file, mode="wb", mtime=0, filename="") as packed:
        packed.write(json.dumps(results).encode())
    for name, losses in results["training"].items():
        print(f"{name}: {losses[0]:.4f} → {losses[-1]:.4f}")


main()
