"""What the functions of this package do with their arguments, and how losses are reduced.

Arrays and lists are taken wherever a Tensor is. Layers cast inputs that need no gradient to the
dtype of their parameters, losses cast targets to the dtype of the prediction.

May import: autograd.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, TypeVar

import numpy as np

from autograd import Tensor

__all__ = [
    "REDUCTIONS", "any_rows", "as_constant", "as_floats", "as_input", "as_number",
    "as_tensor", "check_ignore_index", "check_reduction", "check_smoothing", "divided_by",
    "elements", "paired", "reduced", "share_of", "values",
]  # fmt: skip

_F = TypeVar("_F")

REDUCTIONS = ("mean", "sum", "none")


def as_input(x: Any, dtype: Any) -> Any:
    """x as a Tensor or array, in this dtype if it needs no gradient."""
    if x.__class__ is Tensor and x.requires_grad or x.__class__ is np.ndarray and x.dtype == dtype:
        return x
    if not isinstance(x, Tensor):
        x = Tensor(x)
    return x if x.requires_grad or x.dtype == dtype else x.astype(dtype)


def values(x: Any) -> Any:
    """The plain array of what needs no gradient: of a Tensor, an array or a list."""
    return x.data if isinstance(x, Tensor) else np.asarray(x)


def as_tensor(name: str, what: str, value: Any) -> Tensor:
    """A Tensor, or an error that says of which argument it speaks."""
    try:
        return value if isinstance(value, Tensor) else Tensor(value)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name}: cannot take the {what}: {error}") from None


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
    beyond = number > above or above == -math.inf  # -inf is a number, too
    if beyond and number >= least and (math.isfinite(number) or not finite):
        return number
    bounds = {f" above {above:g}": above > -math.inf, f" of at least {least:g}": least > -math.inf}
    raise ValueError(
        f"{name}: {option} must be a {'finite ' * finite}number"
        + "".join(text for text, holds in bounds.items() if holds)
        + f", got {value}"
    )


# ---- losses -----------------------------------------------------------------------------------


def check_reduction(name: str, reduction: str, reductions: tuple[str, ...] = REDUCTIONS) -> None:
    """Raise ValueError for an unknown reduction, TypeError for what is no name."""
    if not isinstance(reduction, str):
        got = type(reduction).__name__
        raise TypeError(f"{name}: reduction must be a str, got {got}{_later(name)}")
    if reduction not in reductions:
        raise ValueError(f"{name}: reduction must be one of {reductions}, got {reduction!r}")


def check_smoothing(name: str, label_smoothing: float) -> None:
    """Raise ValueError for a label smoothing beyond [0, 1]."""
    if label_smoothing.__class__ is float and 0 <= label_smoothing <= 1:
        return  # the usual case: as_number takes ten times as long
    if not 0 <= as_number(name, "label_smoothing", label_smoothing) <= 1:
        raise ValueError(f"{name}: label_smoothing must be in [0, 1], got {label_smoothing}")


def check_ignore_index(name: str, ignore_index: int) -> None:
    """Raise TypeError for a label to pass over that is no integer."""
    if ignore_index.__class__ is not int and not isinstance(ignore_index, Integral):
        raise TypeError(
            f"{name}: ignore_index must be an integer, got {type(ignore_index).__name__}"
            + _later(name)
        )


def _later(name: str) -> str:
    """What to say where a Module, made of options, may have been given the data."""
    return f"; the data come in a second call: {name}()(prediction, target)" * (name[-4:] == "Loss")


def as_constant(name: str, option: str, value: Any, dtype: Any = None) -> Any:
    """A copy of an option that is an array of numbers, such as weights; None stays None."""
    if value is None:
        return None
    tensor = as_tensor(name, option, value)
    if tensor.requires_grad:
        raise TypeError(
            f"{name}: {option} is a constant, without a gradient; use its .detach(){_later(name)}"
        )
    return np.array(tensor.numpy(), dtype or (tensor.dtype if tensor.dtype.kind == "f" else float))


def paired(name: str, prediction: Any, target: Any) -> tuple[Tensor, Any]:
    """A prediction in floats, and its target of exactly the same shape in the same dtype.

    Broadcasting (n, 1) against (n,) would compare everything with everything: it is refused.
    """
    prediction = as_floats(as_tensor(name, "prediction", prediction))
    if target.__class__ is not np.ndarray or target.dtype != prediction.dtype:
        target = as_input(as_tensor(name, "target", target), prediction.dtype)
    if prediction.shape == target.shape:
        return prediction, target
    cure = "give one target for each element of the prediction"
    if prediction.size == target.size:
        cure = f"reshape the target: target.reshape({any_rows(prediction.shape)})"
    raise ValueError(
        f"{name}: the prediction has shape {prediction.shape}, the target {target.shape}; "
        f"they must be the same; {cure}"
    )


def any_rows(shape: tuple[int, ...]) -> str:
    """What to write into reshape() for this shape, with however many rows: "-1, 1"."""
    return ", ".join(map(str, (-1, *shape[1:]))) if shape else "()"


def share_of(reduction: str, count: Any) -> float:
    """What each element counts in the reduced loss; in the mean of nothing, nan."""
    if reduction != "mean":
        return 1.0
    return 1 / float(count) if count else math.nan


def divided_by(divisor: Callable[..., Any]) -> Callable[[_F], _F]:
    """Say of a loss what its mean divides by: a function of the same arguments, None for a sum.

    With `sample_weight`, a weight for each row, it counts a row of weight 2 twice.
    """

    def mark(loss: Any) -> Any:
        loss.divisor = divisor
        return loss

    return mark


def elements(
    prediction: Any, target: Any, *options: Any, reduction: str = "mean",
    sample_weight: Any = None, **more: Any,
) -> float | None:  # fmt: skip
    """What a mean over elements divides by: their number."""
    if reduction == "sum":
        return None
    count = np.size(prediction) if isinstance(prediction, (list, tuple)) else prediction.size
    if reduction == "batchmean":
        count = len(prediction) if prediction.ndim else 1
    if sample_weight is None:
        return count
    return float(sample_weight.sum(dtype=np.float64)) * count / len(sample_weight)


def reduced(losses: Any, share: float, total: bool) -> Any:
    """`share` of each loss, and if `total` the sum of all."""
    if not total:
        return losses if share == 1 else losses * share
    if losses.dtype != np.float16:
        return np.add.reduce(losses, axis=None) * share
    # Half a precision overflows at 65,504: it sums in a whole one, as np.mean does.
    return (np.add.reduce(losses, axis=None, dtype=np.float32) * share).astype(np.float16)
