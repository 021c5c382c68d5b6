"""The graphs that tests of drawings share, from one neuron to 300 nodes: {name: how to make it}."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import nn
from autograd import Tensor
from autograd.graph.data import GraphData
from autograd.graph.folding import fold
from autograd.graph.recorder import record_data
from tests.makers import leaf, random

__all__ = ["DRAWINGS", "HOSTILE", "made"]

HOSTILE = "</title><script>alert(1)</script>\"'&]]>\u202e\x00\x1b\n\ud800\ufffe -->`${x}`%s{0}"


MODELS: list[nn.Module] = []  # kept, for graphs hold the modules' names weakly


def kept(model: nn.Module) -> nn.Module:
    MODELS.append(model)
    return model


# ---- small ------------------------------------------------------------------------------------


def neuron() -> Tensor:
    w, x, b = leaf(2.0, "w"), leaf(-1.5, "x"), leaf(4.0, "b")
    return np.tanh(w * x + b)


def two_inputs() -> Tensor:
    x1, x2, w1, w2, b = (
        leaf(v, n) for n, v in zip(("x1", "x2", "w1", "w2", "b"), (2.0, 0.0, -3.0, 1.0, 6.88))
    )
    return np.tanh(x1 * w1 + x2 * w2 + b)


def shared() -> Tensor:
    a, b = leaf(3.0, "a"), leaf(-2.0, "b")
    s = a + b
    return s * s + s * a


def square() -> Tensor:
    a = leaf(3.0, "a")
    return a * a


def broadcasting() -> Tensor:
    x, b = leaf(random(4, 3), "x"), leaf([0.5, -1.0, 2.0], "b")
    return ((x + b) * 2).sum()


def division() -> Tensor:
    a, b = leaf(1.0, "a"), leaf(0.0, "b")
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(a / b) * b


def cross_entropy() -> Tensor:
    logits = leaf(random(4, 3), "logits")
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return -np.log(p[np.arange(4), [0, 2, 1, 1]]).mean()


# ---- networks ---------------------------------------------------------------------------------


def network() -> Tensor:
    nn.manual_seed(0)
    model = kept(nn.MLP([2, 16, 16, 1]))
    return nn.MSELoss()(model(random(8, 2)), random(8, 1, seed=1))


class Residual(nn.Module):
    """A network with a way around its layers."""

    def __init__(self) -> None:
        self.first, self.second, self.norm = nn.Linear(4, 4), nn.Linear(4, 4), nn.LayerNorm(4)

    def forward(self, x: Tensor) -> Tensor:
        h = x + self.second(np.tanh(self.first(self.norm(x))))
        return h + self.second(np.tanh(self.first(self.norm(h))))


def residual() -> Tensor:
    nn.manual_seed(0)
    return (kept(Residual())(random(3, 4)) ** 2).mean()


class Head(nn.Module):
    """One head of attention, written out."""

    def __init__(self) -> None:
        self.query, self.key, self.value = nn.Linear(8, 4), nn.Linear(8, 4), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        scores = self.query(x) @ self.key(x).T / 2.0
        e = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True) @ self.value(x)


class Block(nn.Module):
    """Two heads, a way around them, and a feed-forward part with another."""

    def __init__(self) -> None:
        self.norm, self.heads, self.out = nn.LayerNorm(8), [Head(), Head()], nn.Linear(8, 8)
        self.feed = nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8))

    def forward(self, x: Tensor) -> Tensor:
        normed = self.norm(x)
        h = x + self.out(np.concatenate([head(normed) for head in self.heads], axis=-1))
        return h + self.feed(h)


def attention() -> Tensor:
    nn.manual_seed(0)
    return (kept(Block())(leaf(random(5, 8), "x")) ** 2).mean()


def scalar_layer(inputs: int = 3, units: int = 4) -> Tensor:
    """A layer of neurons, each number a node: what a scalar engine draws."""
    rng = np.random.default_rng(0)
    x = [leaf(rng.normal(), f"x{i}") for i in range(inputs)]
    total = None
    for unit in range(units):
        z = leaf(rng.normal(), f"b{unit}")
        for i in range(inputs):
            z = z + x[i] * leaf(rng.normal(), f"w{unit}{i}")
        y = np.maximum(z, 0.0)
        total = y if total is None else total + y
    assert total is not None
    return total


# ---- large ------------------------------------------------------------------------------------


def random_graph(nodes: int, seed: int = 0) -> Tensor:
    """Operations on what came not long before, now and then on something older; all is used."""
    rng = np.random.default_rng(seed)
    known: list[Tensor] = [leaf(rng.normal(), f"x{i}") for i in range(4)]
    unused = dict.fromkeys(known)
    while len(known) + len(unused) - 1 < nodes:
        one, choice = list(unused)[rng.integers(min(3, len(unused)))], rng.random()
        recent = known[-8:] if rng.random() < 0.9 else known
        other = recent[rng.integers(len(recent))]
        if choice < 0.15:
            new = leaf(rng.normal(), f"x{len(known)}")
        elif choice < 0.35:
            new = np.sin(one)
        else:
            new = one - other if choice < 0.6 else np.logaddexp(one, other)
        for argument in (one, other) if choice >= 0.35 else (one,) if choice >= 0.15 else ():
            unused.pop(argument, None)
        known.append(new)
        unused[new] = None
    total, *others = unused
    for rest in others:
        total = total + rest
    return total


def chain(length: int = 60) -> Tensor:
    x = leaf(0.5, "x")
    for _ in range(length):
        x = np.sin(x)
    return x


def fan(width: int = 40) -> Tensor:
    x = leaf(0.5, "x")
    return np.stack([x * float(k) for k in range(width)]).sum()


def data(make: Callable[[], Tensor], depth: int | None = None) -> Callable[[], GraphData]:
    def build() -> GraphData:
        recorded = record_data(make())
        return recorded if depth is None else fold(recorded, depth)

    return build


def hostile() -> GraphData:
    """Names that would break out of their place, and one of ten thousand letters."""
    a, b, c = leaf(1.0, HOSTILE), leaf([1.0, np.nan, np.inf], "long " * 2000), leaf(2.0, "Ω̈漢字🎲")
    return record_data((a * b * c).sum())


DRAWINGS: dict[str, Callable[[], GraphData]] = {
    "neuron": data(neuron),
    "two inputs": data(two_inputs),
    "shared": data(shared),
    "a*a": data(square),
    "broadcasting": data(broadcasting),
    "division by zero": data(division),
    "cross-entropy": data(cross_entropy),
    "network": data(network),
    "network, folded": data(network, 0),
    "network, layers": data(network, 1),
    "residual": data(residual),
    "attention": data(attention),
    "attention, folded": data(attention, 1),
    "scalar layer": data(scalar_layer),
    "150 nodes": data(lambda: random_graph(150)),
    "300 nodes": data(lambda: random_graph(300, seed=1)),
    "chain": data(chain),
    "fan": data(fan),
    "hostile": hostile,
    "leaf alone": lambda: record_data(leaf(1.0, "x")),
}

_made: dict[str, GraphData] = {}


def made(name: str) -> GraphData:
    """The drawing of that name, recorded once."""
    if name not in _made:
        _made[name] = DRAWINGS[name]()
    return _made[name]
