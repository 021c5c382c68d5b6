"""MLP, a whole network: a chain of Linear layers with activations between them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from autograd import Tensor
from nn.checks import flag, whole
from nn.init import named_initializer
from nn.layers.channels import BatchNorm1d
from nn.layers.dropout import Dropout, check_probability
from nn.layers.linear import Identity, Linear
from nn.module import Module, Sequential
from nn.names import unknown

__all__ = ["MLP"]


class MLP(Sequential):
    """A feedforward network: Linear layers with an activation after each but the last.

    Args: sizes, the widths from input to output; activation and output_activation (None: none), a
        name ("relu", "leaky_relu", ...), a Module class, a Module (copied for each place), a
        function of x, or a function without arguments that makes a Module; dropout, p of a Dropout
        after each activation (0: none); batch_norm, True for a BatchNorm1d before each activation;
        bias, False for Linear without; init, the name of an initialiser for the weights
        ("he_normal", "xavier_uniform", ...) or a function that fills a Tensor, with biases 0 (None:
        as Linear's); dtype; rng, where all randomness comes from.
    It is a Sequential: layers by index, names "0.weight", "2.weight". Raises ValueError for unknown
    names and sizes below 1.

    >>> MLP([784, 64, 10], dropout=0.2, init="he_normal")
    MLP(
      (0): Linear(in_features=784, out_features=64, bias=True)
      (1): ReLU()
      (2): Dropout(p=0.2)
      (3): Linear(in_features=64, out_features=10, bias=True)
    )
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: Any = "relu",
        *,
        output_activation: Any = None,
        dropout: float = 0.0,
        batch_norm: bool = False,
        bias: bool = True,
        init: str | Callable[[Tensor], Any] | None = None,
        dtype: Any = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        widths = _widths(sizes)
        if not (init is None or isinstance(init, str) or callable(init)):
            raise TypeError(
                f"MLP: init must be a name or a function that fills a Tensor, got {init!r}"
            )
        fill = named_initializer(init, rng) if isinstance(init, str) else init
        check_probability("MLP, dropout", dropout)
        batch_norm = flag("MLP: batch_norm", batch_norm)
        if len(widths) == 2:
            _activation(activation)  # not used, but a wrong one is told
        layers: list[Module] = []
        for k, (width, next_width) in enumerate(zip(widths, widths[1:])):
            layers.append(_linear(width, next_width, bias, fill, dtype, rng))
            if k < len(widths) - 2:
                layers += [BatchNorm1d(next_width, dtype=dtype)] if batch_norm else []
                layers.append(_activation(activation))
                layers += [Dropout(dropout, rng=rng)] if dropout else []
        if output_activation is not None:
            layers.append(_activation(output_activation))
        super().__init__(*layers)


def _widths(sizes: Any) -> tuple[int, ...]:
    if not isinstance(sizes, (Sequence, np.ndarray)) or isinstance(sizes, str):
        raise TypeError(f"MLP: sizes must be a list of widths, as [784, 64, 10], got {sizes!r}")
    if len(sizes) < 2:
        raise ValueError(
            f"MLP: sizes needs the widths of input and output at least, as [784, 64, 10], got "
            f"{sizes!r}"
        )
    return tuple(whole(f"MLP: sizes[{i}]", size, least=1) for i, size in enumerate(sizes))


def _linear(
    width: int, next_width: int, bias: bool, fill: Any, dtype: Any, rng: np.random.Generator | None
) -> Linear:
    layer = Linear(width, next_width, bias, dtype=dtype, rng=rng)
    if fill is not None:
        fill(layer.weight)
        if layer.bias is not None:
            layer.bias.assign_(np.zeros(next_width))
    return layer


# Keras' names for what has another one here.
_OTHER_NAMES = {"linear": "identity", "swish": "silu"}


def _activation(given: Any) -> Module:
    """A new Module of an activation: of its name, its class, a Module, a function or a factory."""
    if isinstance(given, str):
        given = _named_activation(given)
    if isinstance(given, Module):
        return copy.deepcopy(given)
    if not callable(given):
        raise TypeError(
            "MLP: an activation is a name, a Module, a Module class or a function of x, got "
            f"{type(given).__name__}"
        )
    try:
        made = given()
    except TypeError:  # it wants an x
        if isinstance(given, type):
            raise
        return _Function(given)
    if not isinstance(made, Module):
        raise TypeError(f"MLP: {given!r} without arguments must make a Module, got {made!r}")
    return made


# Where activations are; the second is loaded for a name that the first has not.
_ROOMS = ("nn.layers.activations", "nn.layers.rarer")


def _named_activation(name: str) -> type[Module]:
    """The class of a name: "leaky_relu", as the function is called, or "LeakyReLU"."""
    wanted = name.lower().replace("_", "")
    wanted = _OTHER_NAMES.get(wanted, wanted)
    kinds: dict[str, Any] = {"identity": Identity}
    for room in map(import_module, _ROOMS):
        found = [vars(room)[public] for public in room.__all__ if public[0].isupper()]
        kinds.update({k._function.__name__: k for k in found if hasattr(k, "_function")})
        plain = {n.replace("_", ""): kind for n, kind in kinds.items()}
        if wanted in plain:
            return plain[wanted]
    raise ValueError(f"MLP: {unknown('activation', name, [*kinds, *_OTHER_NAMES])}")


class _Function(Module):
    """A function of x as a Module."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function

    def forward(self, x: Any) -> Any:
        return self._function(x)

    def extra_repr(self) -> str:
        return getattr(self._function, "__name__", repr(self._function))
