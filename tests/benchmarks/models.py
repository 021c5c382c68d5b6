"""Networks and single layers, each written once: `nn` is this library's or PyTorch's.

What they are made of has the same names, shapes and defaults in both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Build = Callable[[Any], Any]  # from an `nn` to a Module, or another function of Tensors


@dataclass(frozen=True)
class Network:
    """`shape` is that of one sample; with `words`, of whole numbers below that, and not of
    pixels. There are as many labels as the result has rows, below `classes`."""

    build: Build
    batch: int
    shape: tuple[int, ...]
    classes: int = 10
    words: int = 0
    labels: int = 1  # for each sample


@dataclass(frozen=True)
class Layer:
    """`shapes` are those of its inputs, with `words` of whole numbers below that. Images lie in
    memory as each library's own convolutions leave them. `by_x`: whether the inputs have gradients,
    which the first layer of a network does not ask for."""

    build: Build
    shapes: tuple[tuple[int, ...], ...]
    words: int = 0
    images: bool = False
    by_x: bool = True


# ---- networks -----------------------------------------------------------------------------------


def _wide(nn: Any) -> Any:
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Flatten(), nn.Linear(21632, 128), nn.ReLU(),
        nn.Linear(128, 10),
    )  # fmt: skip


def _lenet(nn: Any) -> Any:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84),
        nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


def _blocks(nn: Any) -> Any:
    layers = []
    for channels, more in ((3, 32), (32, 64), (64, 64)):
        layers += [nn.Conv2d(channels, more, 3, padding=1), nn.BatchNorm2d(more), nn.ReLU()]
        layers += [nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(1024, 10))


def _of_words(nn: Any) -> Any:
    class OfWords(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(10_000, 64)
            self.lstm = nn.LSTM(64, 128, batch_first=True)
            self.dense, self.head = nn.Linear(128, 128), nn.Linear(128, 2)

        def forward(self, x: Any) -> Any:
            y, _ = self.lstm(self.words(x))
            return self.head(nn.functional.relu(self.dense(y[:, -1])))

    return OfWords()


def _gpt(approximate: str) -> Build:
    def build(nn: Any) -> Any:
        class Block(nn.Module):  # type: ignore[misc]
            def __init__(self, width: int, heads: int) -> None:
                super().__init__()
                self.heads = heads
                self.before, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
                self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
                self.mlp = nn.Sequential(
                    nn.Linear(width, 4 * width), nn.GELU(approximate), nn.Linear(4 * width, width)
                )

            def forward(self, x: Any) -> Any:
                n, t, width = x.shape
                parts = self.qkv(self.before(x)).reshape(n, t, 3, self.heads, -1)
                q, k, v = (parts[:, :, i].swapaxes(1, 2) for i in range(3))
                y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
                x = x + self.out(y.swapaxes(1, 2).reshape(n, t, width))
                return x + self.mlp(self.after(x))

        class GPT(nn.Module):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__()
                self.words, self.places = nn.Embedding(65, 128), nn.Embedding(64, 128)
                self.blocks = nn.Sequential(*[Block(128, 4) for _ in range(4)])
                self.last, self.head = nn.LayerNorm(128), nn.Linear(128, 65)

            def forward(self, x: Any) -> Any:
                y = self.blocks(self.words(x) + self.places.weight)
                return self.head(self.last(y)).reshape(-1, 65)

        return GPT()

    return build


NETWORKS: dict[str, Network] = {
    "LeNet": Network(_lenet, 32, (1, 28, 28)),
    "conv 32, 21632-128-10": Network(_wide, 32, (1, 28, 28)),
    "3 x conv-BN-ReLU-pool": Network(_blocks, 32, (3, 32, 32)),
    "Embedding, LSTM, Dense": Network(_of_words, 64, (80,), classes=2, words=10_000),
    "GPT": Network(_gpt("none"), 16, (64,), classes=65, words=65, labels=64),
    "GPT, gelu by tanh": Network(_gpt("tanh"), 16, (64,), classes=65, words=65, labels=64),
}


def samples(name: str, batch: int) -> tuple[Any, Any]:
    """Inputs of a network, and labels."""
    network, random = NETWORKS[name], np.random.default_rng(0)
    x = _input((batch, *network.shape), network.words, random)
    return x, random.integers(0, network.classes, size=batch * network.labels)


# ---- single layers ------------------------------------------------------------------------------

IMAGES, SEQUENCES = (32, 64, 16, 16), (64, 80, 64)


def _conv(*arguments: int, **settings: int) -> Build:
    return lambda nn: nn.Conv2d(*arguments, **settings)


def _recurrent(kind: str, *sizes: int) -> Build:
    return lambda nn: getattr(nn, kind)(*sizes, batch_first=True)


def _attention(nn: Any) -> Any:
    return lambda *qkv: nn.functional.scaled_dot_product_attention(*qkv, is_causal=True)


LAYERS: dict[str, Layer] = {
    "conv 3x3 64->64": Layer(_conv(64, 64, 3, padding=1), (IMAGES,), images=True),
    "conv 1x1 64->64": Layer(_conv(64, 64, 1), (IMAGES,), images=True),
    "conv 5x5 1->6": Layer(_conv(1, 6, 5, padding=2), ((32, 1, 28, 28),), images=True, by_x=False),
    "conv depthwise": Layer(_conv(64, 64, 3, padding=1, groups=64), (IMAGES,), images=True),
    "conv depthwise, stride 2": Layer(
        _conv(64, 64, 3, padding=1, groups=64, stride=2), (IMAGES,), images=True
    ),
    "conv 3d 8->16": Layer(
        lambda nn: nn.Conv3d(8, 16, 3, padding=1), ((16, 8, 8, 8, 8),), images=True
    ),
    "max pool 2x2": Layer(lambda nn: nn.MaxPool2d(2), ((32, 32, 32, 32),), images=True),
    "max pool 3x3": Layer(lambda nn: nn.MaxPool2d(3, 2, 1), ((32, 32, 32, 32),), images=True),
    "batch norm of images": Layer(lambda nn: nn.BatchNorm2d(64), (IMAGES,), images=True),
    "LSTM 64->128, 80 steps": Layer(_recurrent("LSTM", 64, 128), (SEQUENCES,)),
    "LSTM 16->32, 20 steps": Layer(_recurrent("LSTM", 16, 32), ((16, 20, 16),)),
    "GRU 64->128, 80 steps": Layer(_recurrent("GRU", 64, 128), (SEQUENCES,)),
    "RNN 64->128, 80 steps": Layer(_recurrent("RNN", 64, 128), (SEQUENCES,)),
    "softmax 16x4x64x64": Layer(lambda nn: nn.Softmax(-1), ((16, 4, 64, 64),)),
    "layer norm 1024x128": Layer(lambda nn: nn.LayerNorm(128), ((1024, 128),)),
    "gelu 1024x512": Layer(lambda nn: nn.GELU(), ((1024, 512),)),
    "gelu by tanh 1024x512": Layer(lambda nn: nn.GELU("tanh"), ((1024, 512),)),
    "Embedding 10,000x64": Layer(
        lambda nn: nn.Embedding(10_000, 64), ((64, 80),), words=10_000, by_x=False
    ),
    "attention 16x4x64x32": Layer(_attention, ((16, 4, 64, 32),) * 3),
}


def inputs(name: str) -> list[Any]:
    layer, random = LAYERS[name], np.random.default_rng(3)
    return [_input(shape, layer.words, random) for shape in layer.shapes]


def incoming(shape: tuple[int, ...]) -> Any:
    """The gradient of a layer's result."""
    return np.random.default_rng(4).normal(size=shape).astype(np.float32)


# ---- what both have -----------------------------------------------------------------------------


def _input(shape: tuple[int, ...], words: int, random: np.random.Generator) -> Any:
    if words:
        return random.integers(0, words, size=shape)
    return random.normal(size=shape).astype(np.float32)


def begin(module: Any, array: Callable[[Any], Any]) -> Any:
    """The module with the values that all begin with; `array` makes of them what it holds."""
    parameters = dict(module.named_parameters())
    for name, value in values({name: tuple(p.shape) for name, p in parameters.items()}).items():
        parameters[name].data = array(value)
    return module


def values(shapes: dict[str, tuple[int, ...]]) -> dict[str, Any]:
    """What the parameters of these names and shapes begin with."""
    random, found = np.random.default_rng(1), {}
    for name, shape in sorted(shapes.items()):
        value = random.normal(size=shape) / max(1, np.prod(shape[1:])) ** 0.5
        if len(shape) == 1:  # a bias, or what normalised numbers are multiplied by
            value = value * 0.1 + name.endswith("weight")
        found[name] = value.astype(np.float32)
    return found


def first(result: Any) -> Any:
    """A recurrent layer gives its last state beside its result."""
    return result[0] if isinstance(result, tuple) else result
