"""Figures of many batches as those of all rows at once: what is summed, and what divides.

A loss or a metric may say what its value was divided by: `divisor(prediction, target)` is the
number of elements, the sum of the labels' weights, or None for a sum. Then value times divisor adds
up over batches of any size.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from numbers import Real
from typing import Any

import numpy as np

from autograd import Tensor
from nn.losses import CrossEntropyLoss, NLLLoss
from nn.metrics import summed
from nn.module import Module
from nn.parts import as_several, is_several, leaves, mapped
from nn.training.arguments import check_scalar, is_ours

__all__ = [
    "Collected",
    "Divisor",
    "Running",
    "Weighted",
    "check_divisor",
    "check_single",
    "divides",
    "figures_of",
    "plain",
]

# Rows, and bytes, of predictions and targets that an epoch keeps until its metrics add them up.
FOLDED, HEAVY = 1024, 2**20

Divisor = Callable[[Any, Any], "float | None"]


# ---- what divides -----------------------------------------------------------------------------


def divides(loss: Any, targets: Any = None) -> Divisor:
    """What the value of a loss was divided by: what it says, or else the rows; None for a sum.

    Args: targets, all of them, if they are known: then not every batch need be looked through.
    """
    said = _said(loss)
    if said is not None:
        return _size if _all_count(loss, targets) else said
    return _nothing if _reduction(loss) == "sum" else _rows


def _all_count(loss: Any, targets: Any) -> bool:
    """Whether every label counts, and as one."""
    labels = isinstance(targets, np.ndarray) and targets.dtype.kind in "iu" and targets.size > 0
    if not labels or type(loss) not in (CrossEntropyLoss, NLLLoss) or loss.weight is not None:
        return False
    passed = loss.ignore_index
    return loss.reduction == "mean" and not targets.min() <= passed <= targets.max()


def _size(prediction: Any, target: Any) -> int:
    return target.size


def _said(function: Any) -> Divisor | None:
    if isinstance(function, partial):
        said = None if function.args else _said(function.func)
        return None if said is None else partial(said, **function.keywords)
    if "divisor" not in getattr(function, "__dict__", ()) and not _of_its_class(type(function)):
        return None
    return function.divisor if callable(function.divisor) else None


def _of_its_class(kind: type) -> bool:
    """Whether a class says what divides: not one that only computes anew what it inherits."""
    for parent in kind.__mro__:
        if "divisor" in vars(parent):
            return True
        if "forward" in vars(parent) or "__call__" in vars(parent):
            return False
    return False


def _nothing(prediction: Any, target: Any) -> None:
    return None


def _rows(prediction: Any, target: Any) -> int:
    return len(leaves(target)[0])


def _reduction(loss: Any) -> str:
    if isinstance(loss, partial) and "reduction" in loss.keywords:
        return loss.keywords["reduction"]
    return getattr(loss, "reduction", "mean")


def check_divisor(loss: Any, divisor: Any) -> None:
    """Raise TypeError for what a loss of one's own says that cannot have divided anything."""
    if divisor is not None and not (isinstance(divisor, Real) and float(divisor) >= 0):
        raise TypeError(
            f"Trainer: divisor(prediction, target) of the loss {_name(loss)} must be a number >= "
            f"0, what its value was divided by, or None for a sum; got {divisor!r}"
        )


def _name(loss: Any) -> str:
    return getattr(loss, "__name__", type(loss).__name__)


# ---- weights of rows --------------------------------------------------------------------------


class Weighted:
    """A loss with a weight for each row: one of weight 2 counts as if it were there twice.

    sum(weight loss) / sum(weight divisor) over the rows, the numerator alone for a sum. The loss
    must give the value of each row, with reduction="none".
    """

    def __init__(self, loss: Any) -> None:
        self.loss, self._each = loss, _unreduced(loss)
        self._copied = not (_takes_reduction(loss) or _is_ours(loss))

    def __call__(self, prediction: Any, target: Any, weight: Any) -> tuple[Tensor, float | None]:
        """The loss, and what it was divided by."""
        losses = self._of_rows(prediction, target)
        if not isinstance(losses, Tensor) or losses.shape[:1] != weight.shape:
            raise ValueError(
                f'sample_weight: with reduction="none" the loss {_name(self.loss)} must give a '
                f"Tensor with a row for each of the {len(weight)} rows, got "
                f"{getattr(losses, 'shape', type(losses).__name__)}"
            )
        column = weight.astype(losses.dtype).reshape(-1, *[1] * (losses.ndim - 1))
        total = np.sum(losses * column)
        divisor = self._divisor(prediction, target, weight, losses)
        if divisor is None:
            return total, None
        return total * (1 / divisor if divisor else math.nan), divisor

    def _of_rows(self, prediction: Any, target: Any) -> Any:
        if not self._copied:
            return self._each(prediction, target)
        # A copy has the attributes of the loss, which may change in it, but for the reduction.
        each, reduction = self._each, self.loss.reduction
        vars(each).update(vars(self.loss), reduction="none")
        if isinstance(each, Module):
            each.training = self.loss.training
        losses = each(prediction, target)
        left = ("reduction", "training")
        vars(self.loss).update({k: v for k, v in vars(each).items() if k not in left})
        self.loss.reduction = reduction
        return losses

    def _divisor(self, prediction: Any, target: Any, weight: Any, losses: Tensor) -> float | None:
        said = _said(self.loss)
        if said is not None and _is_ours(self.loss):
            return said(prediction, target, sample_weight=weight)  # type: ignore[call-arg]
        if _reduction(self.loss) == "sum":
            return None
        return weight.sum(dtype=np.float64).item() * losses.size / len(weight)  # type: ignore[no-any-return]


def _is_ours(loss: Any) -> bool:
    if isinstance(loss, partial):
        return _is_ours(loss.func)
    kinds = (kind for kind in type(loss).__mro__ if "divisor" in vars(kind))
    home = loss if hasattr(loss, "__code__") else next(kinds, type(loss))
    return home.__module__.startswith("nn.losses")


def _unreduced(loss: Any) -> Any:
    """The same loss with a value for each row."""
    if _takes_reduction(loss):
        return partial(loss, reduction="none")
    if hasattr(loss, "reduction"):
        each = copy.copy(loss)
        each.reduction = "none"
        return each
    raise ValueError(
        f"fit: sample_weight needs the loss of each row, but {_name(loss)} gives one number for "
        "all; use one with a reduction, such as nn.MSELoss(), or give yours a parameter reduction "
        'that can be "none"'
    )


def _takes_reduction(function: Any) -> bool:
    if isinstance(function, partial):
        return _takes_reduction(function.func)
    function = getattr(function, "__wrapped__", function)  # of a decorated one, what is written
    code = getattr(function, "__code__", None)
    return code is not None and (
        "reduction" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    )


# ---- what is gathered -------------------------------------------------------------------------


class Running:
    """What batches have gathered so far: losses, and for the metrics what was predicted.

    Metrics that add up take in what was predicted every few rows, so that it need not be kept.
    """

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        state = state or {}
        self.total, self.plain = state.get("total", 0.0), state.get("plain", 0.0)
        self.divisor = state.get("rows", 0)  # "rows", as it was called when nothing else divided
        self.batches, self.summed = state.get("batches", 0), state.get("summed", False)
        outcome = state.get("outcome")
        self.pairs = [] if outcome is None else [tuple(outcome)]
        self.sums: dict[str, Any] = dict(state.get("sums") or {})
        self._kept = 0 if outcome is None else _rows(*self.pairs[0])
        self._heavy = 0  # (bytes)

    def add(self, loss: float, divisor: float | None) -> None:
        self.plain += loss
        self.batches += 1
        self.summed = divisor is None
        if divisor:  # what is divided by nothing adds nothing, and is nan
            self.total += loss * divisor
            self.divisor += divisor

    def loss(self) -> float:
        """The mean of all, or where the loss is a sum, the sum."""
        if self.summed:
            return self.plain
        if self.batches == 1 and self.divisor:
            return self.plain  # as it is, not multiplied and divided
        return self.total / self.divisor if self.divisor else math.nan

    def keep(self, prediction: Any, target: Any, metrics: Mapping[str, Any]) -> None:
        """Take in what was predicted, for the metrics."""
        prediction = plain(prediction)
        self.pairs.append((prediction, target))
        self._kept += _rows(prediction, target)
        self._heavy += sum(a.nbytes for kept in (prediction, target) for a in leaves(kept))
        if (self._kept >= FOLDED or self._heavy >= HEAVY) and all(map(_sums, metrics.values())):
            self._fold(metrics)

    def count(self, prediction: Any, target: Any, metrics: Mapping[str, Any]) -> None:
        """Add what these metrics, which add up, find in more rows."""
        for name, metric in metrics.items():
            part = _sums(metric)[0](prediction, target)
            self.sums[name] = _added(self.sums[name], part) if name in self.sums else part

    def figures(self, metrics: Mapping[str, Any]) -> dict[str, Any]:
        """What each metric says of all that was kept and counted."""
        if not self.sums:
            outcome = self.outcome()
            return {name: metric(*outcome) for name, metric in metrics.items()}
        if self.pairs:
            self._fold(metrics)
        return {name: _sums(metric)[1](self.sums[name]) for name, metric in metrics.items()}

    def _fold(self, metrics: Mapping[str, Any]) -> None:
        self.count(*self.outcome(), metrics)
        self.pairs, self._kept, self._heavy = [], 0, 0

    def outcome(self) -> tuple[Any, Any]:
        """All predictions and all targets that are kept."""
        predictions, targets = zip(*self.pairs)
        return _joined(predictions), _joined(targets)

    def state_dict(self) -> dict[str, Any]:
        outcome = self.outcome() if self.pairs else None
        return {
            "total": self.total, "plain": self.plain, "rows": self.divisor,
            "batches": self.batches, "summed": self.summed, "outcome": outcome,
            "sums": dict(self.sums),
        }  # fmt: skip


def plain(prediction: Any) -> Any:
    """What a model gave as arrays: one, or a tuple (also of a list) or a dict of them."""
    if isinstance(prediction, Tensor):
        return prediction.data
    prediction = as_several(prediction)
    if is_several(prediction):
        return mapped(plain, prediction)
    return np.asarray(prediction)


def _sums(metric: Any) -> Any:
    """(sums of some rows, the figure of such sums added up) of a metric that adds up, or None."""
    known = summed(metric)
    if known is not None or (said := _said(metric)) is None:
        return known
    return partial(_sum_and_divisor, metric, said), _quotient


def _sum_and_divisor(metric: Any, said: Divisor, prediction: Any, target: Any) -> Any:
    value, divisor = float(metric(prediction, target)), said(prediction, target)
    if divisor is None:
        return np.array([value, np.nan])
    return np.array([value * divisor if divisor else 0.0, divisor])


def _quotient(sums: Any) -> float:
    total, divisor = sums.tolist()
    if math.isnan(divisor):
        return total
    return total / divisor if divisor else math.nan


def check_single(loss: Any, metrics: Mapping[str, Any], prediction: Any, target: Any) -> None:
    """Raise TypeError where a model gives several outputs, or targets are several, to what takes
    one."""
    if not (isinstance(prediction, (tuple, dict)) or isinstance(target, (tuple, dict))):
        return
    several, what = prediction, "the model gives {} outputs"
    if not isinstance(prediction, (tuple, dict)):
        several, what = target, "y has {} parts"
    what = what.format(len(several))
    key = repr(next(iter(several))) if isinstance(several, dict) else 0
    if _said(loss) is not None and _is_ours(loss):
        raise TypeError(
            f"Trainer: {what}, and the loss {_name(loss)} takes one; write a function of all: "
            "def loss(prediction, target): return nn.functional."
            f"mse_loss(prediction[{key}], target[{key}]) + ..."
        )
    for name, metric in metrics.items():
        if is_ours(metric):
            raise TypeError(
                f"Trainer: {what}, and the metric {name!r} takes one; name a function of each: "
                "metrics={"
                f'"{name}": lambda prediction, target: nn.metrics.{_plain_name(metric)}('
                f"prediction[{key}], target[{key}])}}"
            )


def _plain_name(metric: Any) -> str:
    return _name(getattr(metric, "func", metric))


def _joined(blocks: Any) -> Any:
    """The rows of several blocks, each one array or several."""
    first = blocks[0]
    if isinstance(first, tuple):
        return tuple(np.concatenate(parts) for parts in zip(*blocks))
    if isinstance(first, dict):
        return {name: np.concatenate([block[name] for block in blocks]) for name in first}
    return np.concatenate(blocks)


def _added(a: Any, b: Any) -> Any:
    """Sums of two blocks; of labels, one block may know more classes than the other."""
    if a.shape == b.shape:
        return a + b
    total = np.zeros(max(a.shape, b.shape), a.dtype)
    total[: len(a)] += a
    total[: len(b)] += b
    return total


class Collected:
    """What a model gives for each row: arrays that are made once, and filled block by block."""

    def __init__(self, rows: int | None) -> None:
        self.rows, self.filled = rows, 0
        self._blocks: list[Any] = []  # where the number of rows is not known before the end
        self._arrays: list[Any] = []
        self._kind: Any = None

    def add(self, block: Any) -> None:
        """Take in the next rows, one array or several."""
        parts = leaves(block)
        if self.rows is None:
            self._blocks.append(block)
            self.filled += len(parts[0])
            return
        if not self._arrays:
            self._kind = block
            self._arrays = [np.empty((self.rows, *a.shape[1:]), a.dtype) for a in parts]
        for place, part in enumerate(parts):
            self._fill(place, part)
        self.filled += len(parts[0])

    def _fill(self, place: int, part: Any) -> None:
        array = self._arrays[place]
        if part.shape[1:] != array.shape[1:]:
            raise ValueError(
                f"the model must give rows of one shape: it gave {array.shape[1:]} for the first "
                f"rows, and {part.shape[1:]} for those after row {self.filled}"
            )
        if part.dtype != array.dtype:
            with np.errstate(invalid="ignore"):  # what is not filled yet may be anything
                array = array.astype(np.result_type(array, part), copy=False)
            self._arrays[place] = array
        array[self.filled : self.filled + len(part)] = part

    def result(self) -> Any:
        """All rows, one array or several as the blocks came."""
        if self.rows is None:
            return _joined(self._blocks)
        arrays = iter(self._arrays)
        return mapped(lambda part: next(arrays), self._kind)


# ---- judging ----------------------------------------------------------------------------------


def figures_of(
    blocks: Iterable[Any],
    loss: Any,
    metrics: Mapping[str, Any],
    rows: int | None,
    whole: Callable[[], Any],
) -> dict[str, Any]:
    """The loss and the metrics of all rows: in blocks what adds up, the rest on everything at once.

    Args: blocks, (prediction, target, weight) of some rows at a time; rows, how many there are, or
        None; whole, gives all targets, or None where only the blocks tell.
    """
    running, predictions, targets = Running(), Collected(rows), Collected(rows)
    adding = {name: metric for name, metric in metrics.items() if _sums(metric)}
    rest = {name: metric for name, metric in metrics.items() if name not in adding}
    at_once = _said(loss) is None
    known = whole() if rest or at_once else None
    for prediction, target, weight in blocks:
        check_single(loss, metrics, prediction, target)
        if not at_once or weight is not None:
            running.add(*_judged_block(loss, prediction, target, weight))
        running.count(prediction, target, adding)
        if rest or at_once and weight is None:
            predictions.add(prediction)
            if known is None:
                targets.add(target)
        del prediction, target
    figures = running.figures(adding) if adding else {}
    if running.batches:
        figures["loss"] = running.loss()
    if predictions.filled:
        outcome = predictions.result(), targets.result() if known is None else known
        figures |= {name: metric(*outcome) for name, metric in rest.items()}
        if "loss" not in figures:
            figures["loss"] = _value(loss(mapped(Tensor, outcome[0]), outcome[1]))
    return {name: figures[name] for name in ("loss", *metrics)}


def _value(loss: Any) -> float:
    check_scalar(loss)
    return loss.item()


def _judged_block(loss: Any, prediction: Any, target: Any, weight: Any) -> tuple[float, Any]:
    tensors = mapped(Tensor, prediction)
    if weight is not None:
        value, divisor = Weighted(loss)(tensors, target, weight)
        return value.item(), divisor
    return _value(loss(tensors, target)), divides(loss)(tensors, target)
