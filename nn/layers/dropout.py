"""Dropout of elements and of whole channels, as functions and Modules."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd import Tensor
from nn.arguments import as_floats, name_of_axes, values
from nn.checks import flag, number
from nn.habits import told
from nn.module import Module
from nn.random import generator, uniform

__all__ = [
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "check_probability",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
]


def check_probability(name: str, p: float) -> float:
    """p as a float; raises ValueError beyond [0, 1], TypeError for what is no number."""
    return float(number(f"{name}: p, the probability of a zero,", p, least=0, most=1))


@told
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
    return _dropped("dropout", x, p, training, rng)


def _dropped(
    name: str, x: Any, p: float, training: bool, rng: np.random.Generator | None, places: int = 0
) -> Any:
    """x without some of its elements, or of its channels, each of which has so many axes."""
    p = check_probability(name, p)
    if places and np.ndim(x) not in (places + 1, places + 2):
        shape = f"C, {name_of_axes(places)}"
        raise ValueError(f"{name}: x must be (n, {shape}) or ({shape}), got shape {np.shape(x)}")
    if not flag(f"{name}: training", training) or p == 0:
        return x
    x = as_floats(x)
    if p == 1:
        return np.where(False, x, 0)  # a product would give nan for an infinity
    mask = uniform(rng, x.shape[: x.ndim - places]) >= p
    factor = x.dtype.type(1 / (1 - p))
    if places:
        return x * (mask.reshape(mask.shape + (1,) * places) * factor)
    # In the order of x's own memory, which the result then has as well.
    return x * np.multiply(mask, factor, out=np.empty_like(values(x)))


class Dropout(Module):
    """Set elements to 0 with probability p while training, and divide the others by 1 - p.

    After `eval()` x comes back itself. Args: p; rng, where the choice comes from, the library's own
    generator if None. Errors and source as of `nn.functional.dropout`.

    >>> Dropout(0.5).eval()(Tensor([1.0, 2.0]))
    Tensor([1., 2.])
    """

    _function = staticmethod(dropout)

    def __init__(self, p: float = 0.5, *, rng: np.random.Generator | None = None) -> None:
        self.p = check_probability(type(self).__name__, p)
        self.rng = None if rng is None else generator(rng)

    def forward(self, x: Any) -> Any:
        x = x if isinstance(x, Tensor) else Tensor(x)
        return self._function(x, self.p, self.training, rng=self.rng)

    def extra_repr(self) -> str:
        return f"p={self.p}"


# ---- whole channels ---------------------------------------------------------------------------


@told
def dropout1d(
    x: Any, p: float = 0.5, training: bool = True, *, rng: np.random.Generator | None = None
) -> Any:
    """Dropout of whole channels of x (n, C, L) or (C, L): neighbours tell too much of each other.

    Args and errors as of `dropout`. Source: Tompson et al., Efficient object localization using
    convolutional networks, 2015; PyTorch's dropout1d.

    >>> y = dropout1d(np.ones((100, 3)), rng=np.random.default_rng(0))
    >>> np.unique(y.sum(axis=1))
    array([0., 6.])
    """
    return _dropped("dropout1d", x, p, training, rng, 1)


@told
def dropout2d(
    x: Any, p: float = 0.5, training: bool = True, *, rng: np.random.Generator | None = None
) -> Any:
    """Dropout of whole channels of images, x (n, C, H, W) or (C, H, W); see `dropout1d`.

    PyTorch's dropout2d takes three axes as (n, C, L), and warns that this will change.

    >>> dropout2d(np.ones((2, 3, 4, 4)), 1.0).sum()
    np.float64(0.0)
    """
    return _dropped("dropout2d", x, p, training, rng, 2)


@told
def dropout3d(
    x: Any, p: float = 0.5, training: bool = True, *, rng: np.random.Generator | None = None
) -> Any:
    """Dropout of whole channels of volumes, x (n, C, D, H, W) or (C, D, H, W); see `dropout1d`.

    >>> dropout3d(np.ones((2, 3, 4, 4, 4)), 1.0).sum()
    np.float64(0.0)
    """
    return _dropped("dropout3d", x, p, training, rng, 3)


class Dropout1d(Dropout):
    """Set whole channels to 0 with probability p while training; see `nn.functional.dropout1d`.

    >>> Dropout1d(0.5).eval()(Tensor([[1.0, 2.0]]))
    Tensor([[1., 2.]])
    """

    _function = staticmethod(dropout1d)


class Dropout2d(Dropout):
    """Set whole channels of images to 0 with probability p while training.

    As `nn.functional.dropout2d`.

    >>> Dropout2d(0.5).eval()(np.ones((2, 3, 4, 4))).shape
    (2, 3, 4, 4)
    """

    _function = staticmethod(dropout2d)


class Dropout3d(Dropout):
    """Set whole channels of volumes to 0 with probability p while training.

    As `nn.functional.dropout3d`.

    >>> Dropout3d(0.5).eval()(np.ones((2, 3, 4, 4, 4))).shape
    (2, 3, 4, 4, 4)
    """

    _function = staticmethod(dropout3d)
