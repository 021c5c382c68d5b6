"""What all losses share: prediction and target as a pair, what each part counts, and the Module."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from autograd import Tensor
from nn.arguments import as_floats, as_input, as_tensor
from nn.module import Module

__all__ = [
    "REDUCTIONS",
    "any_rows",
    "as_constant",
    "check_reduction",
    "divided_by",
    "elements",
    "later",
    "paired",
    "reduced",
    "share_of",
    "summarised",
]

_F = TypeVar("_F")

REDUCTIONS = ("mean", "sum", "none")


def check_reduction(name: str, reduction: str, reductions: tuple[str, ...] = REDUCTIONS) -> None:
    """Raise ValueError for an unknown reduction, TypeError for what is no name."""
    if not isinstance(reduction, str):
        got = type(reduction).__name__
        raise TypeError(f"{name}: reduction must be a str, got {got}{later(name)}")
    if reduction not in reductions:
        raise ValueError(f"{name}: reduction must be one of {reductions}, got {reduction!r}")


def later(name: str) -> str:
    """What to say where a Module, made of options, may have been given the data."""
    return f"; the data come in a second call: {name}()(prediction, target)" * (name[-4:] == "Loss")


def as_constant(name: str, option: str, value: Any, dtype: Any = None) -> Any:
    """A copy of an option that is an array of numbers, such as weights; None stays None."""
    if value is None:
        return None
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
        return value.astype(dtype or (value.dtype if value.dtype.kind == "f" else float))
    tensor = as_tensor(name, option, value)
    if tensor.requires_grad:
        raise TypeError(
            f"{name}: {option} is a constant, without a gradient; use its .detach(){later(name)}"
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
    if not count:
        return math.nan
    return 1 / (float(count) if isinstance(count, (int, float)) else count.item())


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
    return sample_weight.sum(dtype=np.float64).item() * count / len(sample_weight)  # type: ignore[no-any-return]


def reduced(losses: Any, share: float, total: bool) -> Any:
    """`share` of each loss, and if `total` the sum of all."""
    if not total:
        return losses if share == 1 else losses * share
    if losses.dtype != np.float16:
        return np.add.reduce(losses, axis=None) * share
    # Half a precision overflows at 65,504: it sums in a whole one, as np.mean does.
    return (np.add.reduce(losses, axis=None, dtype=np.float32) * share).astype(np.float16)


def summarised(losses: Any, reduction: str) -> Any:
    """The losses that a composition has given, their mean, nan of nothing, or their sum."""
    if reduction == "none":
        return losses
    if reduction == "mean" and losses.size:
        return np.mean(losses)
    return np.sum(losses) * share_of(reduction, losses.size)


class _Loss(Module):
    """What all losses share: a function, and its options, which are attributes."""

    _function: Callable[..., Any]
    _reductions: tuple[str, ...] = REDUCTIONS
    reduction: str

    def __init__(self, **options: Any) -> None:
        check_reduction(type(self).__name__, options["reduction"], self._reductions)
        self._options = tuple(options)
        vars(self).update(options)

    def forward(self, prediction: Any, target: Any) -> Tensor:
        options = {name: getattr(self, name) for name in self._options}
        return self._function(prediction, target, **options)

    def divisor(self, prediction: Any, target: Any, sample_weight: Any = None) -> float | None:
        """What the value was divided by, so that values of batches add up; None for a sum.

        sample_weight, a weight for each row, counts a row of weight 2 twice.
        """
        if sample_weight is None and self.reduction == "mean":
            return prediction.size  # as below, but for the call: small steps feel it
        return elements(prediction, target, reduction=self.reduction, sample_weight=sample_weight)

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={_shown(getattr(self, name))}" for name in self._options)


def _shown(value: Any) -> str:
    return f"<shape {value.shape}>" if isinstance(value, np.ndarray) else repr(value)
