"""Layers: Modules with parameters.

May import: autograd, functional, init, module, random.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd import Tensor
from nn import functional
from nn.functional.arguments import as_input
from nn.init import uniform_
from nn.module import Module

__all__ = ["Linear"]


class Linear(Module):
    """The affine map y = x Wᵀ + b of the last axis.

    Args: in_features and out_features, the lengths of the last axis of x and y; bias, False for
        none; dtype of the parameters; rng, where the first values come from: W and b even within
        ±1/sqrt(in_features).
    Shapes: x (..., in_features), y (..., out_features), weight (out_features, in_features), bias
    (out_features,). Raises ValueError for an x of another width. Source: PyTorch's nn.Linear.

    >>> layer = Linear(64, 10)
    >>> layer(np.zeros((32, 64))).shape
    (32, 10)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        dtype: Any = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        if min(in_features, out_features) < 1:
            raise ValueError(f"Linear: both sizes must be >= 1, got {in_features}, {out_features}")
        self.in_features, self.out_features = in_features, out_features
        bound = 1 / math.sqrt(in_features)
        self.weight = _parameter((out_features, in_features), bound, "weight", dtype, rng)
        self.bias = _parameter((out_features,), bound, "bias", dtype, rng) if bias else None

    def forward(self, x: Any) -> Tensor:
        x = as_input(x, self.weight.dtype)
        if x.shape[-1:] != (self.in_features,):
            raise ValueError(self._wrong_width(x.shape))
        return functional.linear(x, self.weight, self.bias)

    def _wrong_width(self, shape: tuple[int, ...]) -> str:
        width = f"width {shape[-1]}, in an input" if shape else "a single number, an input"
        flat = len(shape) > 2 and math.prod(shape[1:]) == self.in_features
        return (
            f"{self}: expected an input of width {self.in_features} (the length of its last axis), "
            f"got {width} of shape {shape}" + ("; flatten it: x.reshape(len(x), -1)" * flat)
        )

    def extra_repr(self) -> str:
        bias = self.bias is not None
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={bias}"


def _parameter(
    shape: tuple[int, ...], bound: float, name: str, dtype: Any, rng: np.random.Generator | None
) -> Tensor:
    parameter = Tensor(np.empty(shape, dtype), requires_grad=True, name=name)
    return uniform_(parameter, -bound, bound, rng=rng)
