"""What the functions of this package do with their arguments before they compute.

Arrays and lists are taken wherever a Tensor is. Layers cast inputs that need no gradient to the
dtype of their parameters, losses cast targets to the dtype of the prediction.

May import: autograd.
"""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np

from autograd import Tensor

__all__ = [
    "REDUCTIONS", "Kept", "as_floats", "as_input", "as_number", "as_prediction", "check_reduction",
    "check_smoothing", "share_of", "values",
]  # fmt: skip

REDUCTIONS = ("mean", "sum", "none")


def as_input(x: Any, dtype: Any) -> Any:
    """x as a Tensor or array, in this dtype if it needs no gradient."""
    if x.__class__ is np.ndarray and x.dtype == dtype:
        return x
    if not isinstance(x, Tensor):
        x = Tensor(x)
    return x if x.requires_grad or x.dtype == dtype else x.astype(dtype)


def values(x: Any) -> Any:
    """The plain array of what needs no gradient: of a Tensor, an array or a list."""
    return x.data if isinstance(x, Tensor) else np.asarray(x)


def check_reduction(name: str, reduction: str) -> None:
    """Raise ValueError for an unknown reduction."""
    if reduction not in REDUCTIONS:
        raise ValueError(f"{name}: reduction must be one of {REDUCTIONS}, got {reduction!r}")


def check_smoothing(name: str, label_smoothing: float) -> None:
    """Raise ValueError for a label smoothing beyond [0, 1]."""
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"{name}: label_smoothing must be in [0, 1], got {label_smoothing}")


def as_prediction(x: Any) -> Tensor:
    """x as a Tensor of floats; integers become float64."""
    return as_floats(x if isinstance(x, Tensor) else Tensor(x))


def as_floats(x: Any) -> Any:
    """x as a Tensor (of a Tensor) or an array (of anything else) of floats."""
    if not isinstance(x, Tensor):
        x = Tensor(x).data  # refuses what is no real number
    return x if x.dtype.kind == "f" else x.astype(np.float64)


def as_number(
    name: str, option: str, value: Any, *, above: float = -math.inf, least: float = -math.inf,
    finite: bool = True,
) -> float:  # fmt: skip
    """An option as a float, within its bounds: above one, at least the other, never nan."""
    if not isinstance(value, Real):
        raise TypeError(f"{name}: {option} must be a number, got {type(value).__name__}")
    number = float(value)
    if number > above and number >= least and (math.isfinite(number) or not finite):
        return number
    bounds = {f" above {above:g}": above > -math.inf, f" of at least {least:g}": least > -math.inf}
    raise ValueError(
        f"{name}: {option} must be a {'finite ' * finite}number"
        + "".join(text for text, holds in bounds.items() if holds)
        + f", got {value}"
    )


class Kept:
    """What a forward leaves for its rule, which would else compute it again.

    A rule that is handed Tensors, to be differentiated again, makes it anew from those.
    """

    __slots__ = ("value",)

    value: Any


def share_of(reduction: str, count: Any) -> float:
    """What each element counts in the reduced loss; in the mean of nothing, nan."""
    if reduction != "mean":
        return 1.0
    return 1 / float(count) if count else math.nan
