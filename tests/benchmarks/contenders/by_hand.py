"""Hand-written NumPy: what a person would write who needs this one thing and wants it fast.

The floor: no graph, buffers made once and written into, all parameters in one vector, so that
Adam is ten passes over it. It is tied to its network; a library cannot be quite as fast.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.benchmarks import models
from tests.benchmarks.work import (
    BETA1,
    BETA2,
    COMPARED_STEPS,
    DIGITS_BATCH,
    EPSILON,
    FUNCTIONS,
    RATE,
    STEP,
    STILL,
    Compared,
    Phases,
    Work,
    compared,
    digits,
    element_data,
    function_data,
    network_data,
    now,
    result,
    timed,
    value,
    vectors,
)

name, version = "by hand", np.__version__

# ---- optimisers over one vector ---------------------------------------------------------------


class Updates:
    """Each optimiser as a method step(); `w` and `g` are the parameters and the gradients.

    The running means are kept without their factors 1 - beta, which saves two passes; the factors
    are in the two numbers that each step needs anyway.
    """

    def __init__(self, w: Any, g: Any, rate: float) -> None:
        self.w, self.g, self.rate, self.steps = w, g, rate, 0
        self.m, self.v, self.t = np.zeros_like(w), np.zeros_like(w), np.empty_like(w)

    def adam(self) -> None:
        w, g, m, v, t = self.w, self.g, self.m, self.v, self.t
        self.steps += 1
        np.multiply(m, BETA1, m)
        np.add(m, g, m)
        np.multiply(v, BETA2, v)
        np.multiply(g, g, t)
        np.add(v, t, v)
        np.sqrt(v, t)
        # rate mean / (root(square) + eps), mean = m (1 - b1) / (1 - b1^n), square likewise
        root = ((1 - BETA2) / (1 - BETA2**self.steps)) ** 0.5
        np.add(t, EPSILON / root, t)
        np.divide(m, t, t)
        np.multiply(t, self.rate * (1 - BETA1) / (1 - BETA1**self.steps) / root, t)
        np.subtract(w, t, w)

    def adamw(self) -> None:
        np.multiply(self.w, 1 - self.rate * 1e-2, self.w)
        self.adam()

    def sgd(self) -> None:
        np.multiply(self.g, self.rate, self.t)
        np.subtract(self.w, self.t, self.w)

    def momentum(self) -> None:
        np.multiply(self.m, 0.9, self.m)
        np.add(self.m, self.g, self.m)
        np.multiply(self.m, self.rate, self.t)
        np.subtract(self.w, self.t, self.w)

    def rmsprop(self) -> None:
        v, g, t = self.v, self.g, self.t
        np.multiply(v, 0.99, v)
        np.multiply(g, g, t)
        np.multiply(t, 0.01, t)
        np.add(v, t, v)
        self._divided()

    def adagrad(self) -> None:
        np.multiply(self.g, self.g, self.t)
        np.add(self.v, self.t, self.v)
        self._divided()

    def _divided(self) -> None:
        np.sqrt(self.v, self.t)
        np.add(self.t, EPSILON, self.t)
        np.divide(self.g, self.t, self.t)
        np.multiply(self.t, self.rate, self.t)
        np.subtract(self.w, self.t, self.w)


METHODS = {"Adam": "adam", "AdamW": "adamw", "SGD": "sgd", "SGD momentum": "momentum",
           "RMSprop": "rmsprop", "Adagrad": "adagrad"}  # fmt: skip


def optimizer(algorithm: str, arrays: int, elements: int) -> Work:
    parameters, gradients = (np.concatenate(part) for part in vectors(arrays, elements))
    step = getattr(Updates(parameters, gradients, RATE), METHODS[algorithm])
    for _ in range(5):
        step()
    return Work(step, check=result([parameters]))


# ---- training steps ---------------------------------------------------------------------------


class Network:
    """Linear layers with ReLU between them, cross-entropy, and Adam; every buffer made once."""

    def __init__(self, weights: list[Any], batch: int) -> None:
        self.vector = np.concatenate([w.ravel() for w in weights])
        self.gradient = np.empty_like(self.vector)
        self.update = Updates(self.vector, self.gradient, RATE)
        w, g = _views(self.vector, weights), _views(self.gradient, weights)
        self.w, self.b, self.gw, self.gb = w[::2], w[1::2], g[::2], g[1::2]
        self.buffers(batch)

    def buffers(self, batch: int) -> None:
        single = np.float32
        widths = [len(b) for b in self.b]
        self.outputs = [np.empty((batch, n), single) for n in widths]
        self.gradients = [np.empty((batch, n), single) for n in widths]
        self.masks = [np.empty((batch, n), bool) for n in widths[:-1]]
        # np.maximum takes a quarter of the time against an array of its own shape.
        self.zeros = [np.zeros((batch, n), single) for n in widths[:-1]]
        self.ones = np.ones(batch, single)
        self.column, self.starts = np.empty((batch, 1), single), np.arange(batch) * widths[-1]

    def forward(self, x: Any) -> None:
        for layer, (w, b, y) in enumerate(zip(self.w, self.b, self.outputs)):
            np.dot(x, w.T, y)
            np.add(y, b, y)
            if layer < len(self.masks):
                np.maximum(y, self.zeros[layer], out=y)
            x = y

    def loss(self, labels: Any) -> float:
        """Cross-entropy; its gradient goes where the backward pass begins."""
        logits, g, column = self.outputs[-1], self.gradients[-1], self.column
        places = self.starts + labels
        np.maximum.reduce(logits, axis=1, keepdims=True, out=column)
        np.subtract(logits, column, logits)
        np.exp(logits, g)
        np.add.reduce(g, axis=1, keepdims=True, out=column)
        loss = (np.log(column).sum() - logits.take(places).sum()) / len(labels)
        np.multiply(column, len(labels), column)
        np.divide(g, column, g)
        g.reshape(-1)[places] -= 1 / len(labels)
        return float(loss)

    def backward(self, x: Any) -> None:
        for layer in range(len(self.w) - 1, -1, -1):
            g = self.gradients[layer]
            np.dot(g.T, self.outputs[layer - 1] if layer else x, self.gw[layer])
            np.dot(self.ones, g, self.gb[layer])
            if layer:
                below, mask = self.gradients[layer - 1], self.masks[layer - 1]
                np.dot(g, self.w[layer], below)
                np.greater(self.outputs[layer - 1], 0, mask)
                np.multiply(below, mask, below)

    def step(self, x: Any, labels: Any) -> float:
        self.forward(x)
        loss = self.loss(labels)
        self.backward(x)
        self.update.adam()
        return loss


def _views(vector: Any, weights: list[Any]) -> list[Any]:
    ends = np.cumsum([w.size for w in weights])
    return [vector[end - w.size : end].reshape(w.shape) for end, w in zip(ends, weights)]


def step(network: str, batch: int, compare: int = COMPARED_STEPS) -> Work:
    x, labels, weights = network_data(network, batch)
    net = Network(weights, batch)
    once = lambda: net.step(x, labels)  # noqa: E731
    check = compared(once, lambda: _views(net.vector, weights), compare)
    net.update.rate = STILL
    return Work(lambda: once() and None, check=check)


def epoch() -> Work:
    x, labels, weights = digits()
    net, random = Network(weights, DIGITS_BATCH), np.random.default_rng(0)
    rest = Network(weights, len(x) % DIGITS_BATCH)  # the same parameters, smaller buffers
    for part in ("update", "w", "b", "gw", "gb"):
        setattr(rest, part, getattr(net, part))

    def once() -> float:
        order, total = random.permutation(len(x)), 0.0
        for start in range(0, len(x), DIGITS_BATCH):
            rows = order[start : start + DIGITS_BATCH]
            total += (net if len(rows) == DIGITS_BATCH else rest).step(x[rows], labels[rows]) * len(
                rows
            )
        return total / len(x)

    check = Compared([once() for _ in range(3)])
    net.update.rate = STILL
    return Work(lambda: once() and None, check=check)


# ---- activations and losses -------------------------------------------------------------------
# {name: function (x, g) -> y, g times the slope}, and (x, target) -> the loss, its gradient.


def _sigmoid(x: Any) -> Any:
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def _relu(x: Any, g: Any) -> Any:
    return np.maximum(x, np.zeros_like(x)), g * (x > 0)


def _leaky(x: Any, g: Any) -> Any:
    return np.maximum(x, 0.01 * x), g * ((x > 0) * np.float32(0.99) + np.float32(0.01))


def _tanh(x: Any, g: Any) -> Any:
    y = np.tanh(x)
    return y, g * (1 - y * y)


def _logistic(x: Any, g: Any) -> Any:
    y = _sigmoid(x)
    return y, g * (y * (1 - y))


def _silu(x: Any, g: Any) -> Any:
    s = _sigmoid(x)
    y = x * s
    return y, g * (s + y * (1 - s))


def _softplus(x: Any, g: Any) -> Any:
    return np.log1p(np.exp(-np.abs(x))) + np.maximum(x, np.zeros_like(x)), g * _sigmoid(x)


def _elu(x: Any, g: Any) -> Any:
    e = np.exp(np.minimum(x, np.zeros_like(x)))
    return np.maximum(x, np.zeros_like(x)) + (e - 1), g * e


def _softmax(x: Any, g: Any) -> Any:
    y = np.exp(x - x.max(axis=1, keepdims=True))
    y /= y.sum(axis=1, keepdims=True)
    h = g * y
    return y, h - y * h.sum(axis=1, keepdims=True)


def _log_softmax(x: Any, g: Any) -> Any:
    y = x - x.max(axis=1, keepdims=True)
    e = np.exp(y)
    s = e.sum(axis=1, keepdims=True)
    y -= np.log(s)
    e *= g.sum(axis=1, keepdims=True) / s
    return y, g - e


def _squares(x: Any, target: Any) -> Any:
    d = x - target
    return np.dot(d.ravel(), d.ravel()) / d.size, d * (2 / d.size)


def _distances(x: Any, target: Any) -> Any:
    d = x - target
    return np.abs(d).sum() / d.size, np.sign(d) * np.float32(1 / d.size)


def _huber(x: Any, target: Any) -> Any:
    d = x - target
    slope = np.clip(d, -1, 1)
    return (slope * (d - slope * 0.5)).sum() / d.size, slope * (1 / d.size)


def _logits(x: Any, target: Any) -> Any:
    loss = (np.log1p(np.exp(-np.abs(x))) + np.maximum(x, np.zeros_like(x)) - x * target).sum()
    return loss / x.size, (_sigmoid(x) - target) * (1 / x.size)


def _cross_entropy(x: Any, labels: Any) -> Any:
    y = x - x.max(axis=1, keepdims=True)
    e = np.exp(y)
    s = e.sum(axis=1, keepdims=True)
    places = np.arange(len(x)) * x.shape[1] + labels
    loss = (np.log(s).sum() - y.take(places).sum()) / len(x)
    e /= s * len(x)
    e.reshape(-1)[places] -= 1 / len(x)
    return loss, e


ACTIVATIONS: dict[str, Callable[..., Any]] = {
    "ReLU": _relu, "LeakyReLU": _leaky, "Tanh": _tanh, "Sigmoid": _logistic, "SiLU": _silu,
    "Softplus": _softplus, "ELU": _elu, "Softmax": _softmax, "LogSoftmax": _log_softmax,
}  # fmt: skip
LOSSES: dict[str, Callable[..., Any]] = {
    "MSELoss": _squares, "L1Loss": _distances, "HuberLoss": _huber, "BCEWithLogitsLoss": _logits,
    "CrossEntropyLoss": _cross_entropy,
}  # fmt: skip


def element(function: str, shape: list[int], target: str) -> Work | None:
    run = (LOSSES if target else ACTIVATIONS).get(function)
    if run is None:
        return None
    x, other = element_data(shape, target)
    return Work(lambda: run(x, other) and None, check=result(list(run(x, other))))


# ---- single layers ------------------------------------------------------------------------------
# {name: function (parameters and input) -> y, and a function of y's gradient: its own gradients}


def _conv(weight: Any, bias: Any, x: Any) -> Any:
    """A product of all windows of 3 x 3, as rows, with the weights; x is (channels, h, w, n)."""
    c, h, w, n = x.shape
    columns = np.empty((c, 3, 3, h, w, n), x.dtype)
    padded = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
    places = [(i, j) for i in range(3) for j in range(3)]
    for i, j in places:
        columns[:, i, j] = padded[:, i : i + h, j : j + w]
    rows, kernel = columns.reshape(c * 9, -1), weight.reshape(len(weight), -1)

    def backward(g: Any) -> Any:
        g = g.reshape(len(weight), -1)
        of_columns, of_x = (kernel.T @ g).reshape(columns.shape), np.zeros_like(padded)
        for i, j in places:
            of_x[:, i : i + h, j : j + w] += of_columns[:, i, j]
        return (rows @ g.T).T.reshape(weight.shape), g.sum(axis=1), of_x[:, 1:-1, 1:-1]

    return (kernel @ rows + bias[:, None]).reshape(-1, h, w, n), backward


def _layer_norm(weight: Any, bias: Any, x: Any) -> Any:
    n = x - x.mean(axis=1, keepdims=True)
    scale = 1 / np.sqrt((n * n).mean(axis=1, keepdims=True) + np.float32(1e-5))
    n *= scale

    def backward(g: Any) -> Any:
        h = g * weight
        of_x = h - h.mean(axis=1, keepdims=True) - n * (h * n).mean(axis=1, keepdims=True)
        return (g * n).sum(axis=0), g.sum(axis=0), of_x * scale

    return n * weight + bias, backward


def _last_softmax(x: Any) -> Any:
    y = np.exp(x - x.max(axis=-1, keepdims=True))
    y /= y.sum(axis=-1, keepdims=True)

    def backward(g: Any) -> Any:
        h = g * y
        return (h - y * h.sum(axis=-1, keepdims=True),)

    return y, backward


BY_HAND: dict[str, tuple[Callable[..., Any], dict[str, tuple[int, ...]]]] = {
    "conv 3x3 64->64": (_conv, {"weight": (64, 64, 3, 3), "bias": (64,)}),
    "layer norm 1024x128": (_layer_norm, {"weight": (128,), "bias": (128,)}),
    "softmax 16x4x64x64": (_last_softmax, {}),
}


def layer(name: str) -> Work | None:
    if name not in BY_HAND:
        return None
    run, shapes = BY_HAND[name]
    values, (x,) = models.values(shapes), models.inputs(name)
    g, images = models.incoming(x.shape), models.LAYERS[name].images
    if images:
        x, g = (np.ascontiguousarray(np.moveaxis(a, 0, -1)) for a in (x, g))

    def once() -> Any:
        y, backward = run(*map(values.get, shapes), x)
        return y, *backward(g)

    found = [np.moveaxis(a, -1, 0) if images and a.shape == x.shape else a for a in once()]
    return Work(lambda: once() and None, check=result(found))


# ---- small functions, value and gradient ------------------------------------------------------


def _neuron(w: Any, x: Any, b: float) -> Any:
    out = np.tanh(w @ x + b)
    less = out - 1
    return less**2, 2 * less * (1 - out**2) * x


def _rosenbrock(x: Any) -> Any:
    a, b = x[:-1], x[1:]
    off, rest = b - a * a, 1 - a
    slope = np.empty_like(x)
    slope[:-1] = -400 * off * a - 2 * rest
    slope[-1] = 0
    slope[1:] += 200 * off
    return 100 * (off @ off) + rest @ rest, slope


def _logistic_regression(w: Any, x: Any, y: Any) -> Any:
    z = x @ w
    share = 1 / (1 + np.exp(-z))
    return (np.logaddexp(0, z) - y * z).mean(), (share - y) @ x / len(y)


def _pendulum(speed: Any, angle: Any) -> Any:
    angles, speed, angle = [], float(speed), float(angle)
    for _ in range(40):
        angles.append(angle)
        speed -= STEP * math.sin(angle)
        angle += STEP * speed
    by_angle, by_speed = 2 * angle, 0.0
    for before in reversed(angles):
        by_speed += STEP * by_angle
        by_angle -= STEP * math.cos(before) * by_speed
    return angle**2, by_speed


SLOPES = (_neuron, _rosenbrock, _logistic_regression, _pendulum)


def function(name: str) -> Work:
    """A small function, value and gradient."""
    given, of = function_data(name), dict(zip(FUNCTIONS, SLOPES))[name]
    return Work(lambda: of(*given) and None, check=result([*of(*given)]))


# ---- small operations -------------------------------------------------------------------------


def chain(kind: str, operations: int = 100) -> Work:
    """The same forward, and the same gradients, added up."""
    start = value(kind)
    x = np.float64(start) if np.ndim(start) == 0 else start
    b, a = x * 0 + 1.01, x * 0 + 0.1
    before: list[Any] = []

    def forward() -> Any:
        y = x
        for _ in range(operations // 2):
            before.append(y)
            y = y * b
            y = y + a
        return y

    def backward(y: Any) -> Any:
        g = y * 0 + 1
        of_b = of_a = None
        while before:
            y = before.pop()
            of_a = g if of_a is None else of_a + g
            of_b = g * y if of_b is None else of_b + g * y
            g = g * b
        return g, of_b, of_a

    return Work(lambda: timed(forward, backward, operations))


def multiply(kind: str, operations: int = 100) -> Work:
    """The yardstick: nothing but one multiplication, again and again."""
    start = value(kind)
    x = np.float64(start) if np.ndim(start) == 0 else start

    def once() -> Phases:
        begin = now()
        for _ in range(operations):
            x * x
        return {"both": (now() - begin) / operations}

    return Work(once)


work: dict[str, Callable[..., Work | None]] = {
    "step": step, "epoch": epoch, "optimizer": optimizer, "element": element, "chain": chain,
    "multiply": multiply, "layer": layer, "function": function,
}  # fmt: skip
