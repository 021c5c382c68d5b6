"""Dropout, as function and Module."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd import Tensor
from nn.arguments import as_floats, values
from nn.checks import number
from nn.module import Module
from nn.random import generator

__all__ = ["Dropout", "check_probability", "dropout"]


def check_probability(name: str, p: float) -> float:
    """p as a float; raises ValueError beyond [0, 1], TypeError for what is no number."""
    return float(number(f"{name}: p, the probability of a zero,", p, least=0, most=1))


def dropout(
    x: Any, p: float = 0.5, training: bool = True, *, rng: np.random.Generator | None = None
) -> Any:
    """Set each element to 0 with probability p, and divide the others by 1 - p (inverted dropout).

    So the mean stays, and without training x comes back itself; also for p = 0. For p = 1 all is 0.
    Args: x of any shape; rng, where the choice comes from: one seed chooses the same elements in
        every dtype. Raises ValueError for p beyond [0, 1]. Source: Srivastava et al., Dropout,
        2014; PyTorch's dropout.

    >>> y = dropout(Tensor(np.ones(1000)), 0.25, rng=np.random.default_rng(0))
    >>> np.unique(y.data)
    array([0.        , 1.33333333])
    """
    p = check_probability("dropout", p)
    if not training or p == 0:
        return x
    x = as_floats(x)
    if p == 1:
        return np.where(False, x, 0)  # a product would give nan for an infinity
    mask = generator(rng).random(x.shape, dtype=np.float32) >= p
    return x * np.multiply(mask, 1 / (1 - p), out=np.empty_like(values(x)), dtype=x.dtype)


class Dropout(Module):
    """Set elements to 0 with probability p while training, and divide the others by 1 - p.

    After `eval()` x comes back itself. Args: p; rng, where the choice comes from, the library's own
    generator if None. Errors and source as of `nn.functional.dropout`.

    >>> Dropout(0.5).eval()(Tensor([1.0, 2.0]))
    Tensor([1., 2.])
    """

    def __init__(self, p: float = 0.5, *, rng: np.random.Generator | None = None) -> None:
        self.p = check_probability("Dropout", p)
        self.rng = None if rng is None else generator(rng)

    def forward(self, x: Any) -> Any:
        x = x if isinstance(x, Tensor) else Tensor(x)
        return dropout(x, self.p, self.training, rng=self.rng)

    def extra_repr(self) -> str:
        return f"p={self.p}"
