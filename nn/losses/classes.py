"""Losses of predicted classes, as operation, function and Module; labels as rows with a one.

What logits or log probabilities cost, given the labels or the probabilities of the classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np

from autograd import Tensor, log_softmax, primitive, softmax
from nn.arguments import as_array, as_floats, as_input, as_tensor, at_first, values
from nn.checks import number, whole
from nn.habits import told
from nn.losses.mistakes import PLAIN, check_log_probabilities, check_logits
from nn.losses.reduction import (
    _Loss,
    any_rows,
    as_constant,
    check_reduction,
    divided_by,
    later,
    reduced,
    share_of,
)

__all__ = ["CrossEntropyLoss", "NLLLoss", "cross_entropy", "nll_loss", "one_hot"]

# Rows of logits or log probabilities (n, C) against labels (n,) or probabilities (n, C). `_share`
# is what each row counts, beside `counts` of labels, a column (n, 1) or None; if `_total`, the
# shares are added up.


def _one_hot(labels: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    rows = np.zeros_like(labels, dtype, shape=shape)
    rows[np.arange(len(labels)), labels] = 1
    return rows


def _label_weights(
    prediction: Any, target: Any, weight: Any = None, *, ignore_index: int = -100,
    reduction: str = "mean", label_smoothing: float = 0.0, sample_weight: Any = None,
) -> float | None:  # fmt: skip
    """What a mean over labels divides by: how many count, or their weights; probabilities' rows."""
    if reduction == "sum":
        return None
    labels = values(target)
    if labels.shape == prediction.shape:
        axis = 1 if labels.ndim > 1 else 0
        counts = np.ones(_without(labels.shape, axis))
    elif weight is None and sample_weight is None:
        return labels.size - np.count_nonzero(labels == ignore_index)
    else:
        counts = labels != ignore_index
        if weight is not None:
            weight = as_array(weight).astype(prediction.dtype, copy=False)
            known = labels if counts.all() else np.where(counts, labels, 0)
            counts = weight[known] * counts
    if sample_weight is None:
        return counts.sum(dtype=np.float64).item()  # type: ignore[no-any-return]
    rows = counts.reshape(len(counts), -1).sum(axis=1, dtype=np.float64)
    return (sample_weight @ rows).item()  # type: ignore[no-any-return]


class _OfLabels(_Loss):
    """What losses of labels share."""

    weight: Any
    ignore_index: int

    def divisor(self, prediction: Any, target: Any, sample_weight: Any = None) -> float | None:
        """The number of labels that count, or the sum of their weights; None for a sum."""
        return _label_weights(
            prediction, target, self.weight, ignore_index=self.ignore_index,
            reduction=self.reduction, sample_weight=sample_weight,
        )  # fmt: skip


# ---- of logits --------------------------------------------------------------------------------

FEW = 32  # classes; up to here they are laid along the first axis: see `_cross_entropy`


def _places(labels: Any, rows: int, classes: int) -> Any:
    """Where each row's label is in the logits, as `_cross_entropy` lays them end to end.

    Raises ValueError for a label that is out of range, also below 0: to ask and to compute in one
    call takes half the time.
    """
    if classes <= FEW:
        return np.ravel_multi_index((labels, np.arange(rows, dtype=np.intp)), (classes, rows))
    return np.ravel_multi_index((np.arange(rows, dtype=np.intp), labels), (rows, classes))


def _cross_entropy(
    logits: Any, labels: Any, counts: Any, _share: float, _total: bool, _places: Any
) -> Any:
    # Few classes are laid along the first axis, for NumPy is slow at many short rows: two thirds of
    # the time at 100 rows of 2, half of it at 1,000 rows of 10.
    few = logits.shape[1] <= FEW
    if few:
        slope = logits.T.copy()
        slope -= np.maximum.reduce(slope)
    else:
        slope = logits.copy()
        slope -= np.maximum.reduce(slope, axis=1, keepdims=True)
    flat = slope.reshape(-1)  # a view; an index into it takes half the time of [rows, labels]
    at_label = flat.take(_places)
    np.exp(slope, out=slope)
    sums = flat.take(_places)
    flat[_places] = 0
    rest = np.add.reduce(slope, 0 if few else 1)  # what the other classes add up to
    flat[_places] = -rest  # softmax(logits) - one_hot(labels) would cancel: -rest / sums
    sums += rest
    slope /= sums if few else sums[:, None]
    losses = np.log(sums, out=sums)
    losses -= at_label
    if few:
        slope = slope.T
    if counts is not None:
        losses *= counts[:, 0]
        slope *= counts
    if _total and losses.dtype.char in "fd":
        return np.add.reduce(losses) * _share, slope  # as `reduced` does, but for the call
    return reduced(losses, _share, _total), slope


def _cross_entropy_rule(
    g: Any, y: Any, logits: Any, labels: Any, counts: Any, _share: float, _total: bool,
    _places: Any, saved: Any,
) -> Any:  # fmt: skip
    slope = saved
    if slope is None:  # to be differentiated again
        slope = _less_target(softmax(logits), _one_hot(labels, logits.shape, logits.dtype))
        slope = slope if counts is None else slope * counts
    return slope * (g * _share if _total else g[:, None])


# As one would write it by hand, where no digit and no microsecond counts.


def _plain_cross_entropy(
    logits: Any, labels: Any, counts: Any, _share: float, _total: bool, _places: Any
) -> Any:
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    log_p = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    losses = -log_p[np.arange(len(labels)), labels]
    losses = losses if counts is None else losses * counts[:, 0]
    return reduced(losses, _share, _total), log_p


def _plain_cross_entropy_rule(
    g: Any, y: Any, logits: Any, labels: Any, counts: Any, _share: float, _total: bool,
    _places: Any, saved: Any,
) -> Any:  # fmt: skip
    slope = np.exp(saved)
    slope[np.arange(len(labels)), labels] -= 1
    slope = slope if counts is None else slope * counts
    return slope * (g * _share if _total else g[:, None])


def _less_target(shares: Any, target: Any) -> Any:
    """shares sum(target) - target; at a share of nearly 1 made of the others, not to cancel."""
    slope = shares * np.sum(target, axis=1, keepdims=True) - target
    most = shares > 0.5
    if not most.any():
        return slope
    rest, others = (np.sum(np.where(most, 0, a), axis=1, keepdims=True) for a in (shares, target))
    return np.where(most, shares * others - target * rest, slope)


def _cross_entropy_of_probabilities(logits: Any, target: Any, _share: float, _total: bool) -> Any:
    losses = -np.add.reduce(log_softmax(logits) * target, axis=1)
    return reduced(losses, _share, _total)


def _probabilities_by_logits(
    g: Any, y: Any, logits: Any, target: Any, _share: float, _total: bool
) -> Any:
    slope = _less_target(softmax(logits), target)
    return slope * (g * _share if _total else g[:, None])


def _probabilities_by_target(
    g: Any, y: Any, logits: Any, target: Any, _share: float, _total: bool
) -> Any:
    return log_softmax(logits) * (g * -_share if _total else -g[:, None])


_fused_cross_entropy = primitive(
    _cross_entropy, _cross_entropy_rule, formula=("g (softmax(logits) - one_hot) share",),
    saves=True, plainly=(_plain_cross_entropy, _plain_cross_entropy_rule),
)  # fmt: skip


def _plain_probabilities_rule(
    g: Any, y: Any, logits: Any, target: Any, _share: float, _total: bool
) -> Any:
    slope = softmax(logits) * np.sum(target, axis=1, keepdims=True) - target
    return slope * (g * _share if _total else g[:, None])


_fused_probabilities = primitive(
    _cross_entropy_of_probabilities,
    _probabilities_by_logits,
    _probabilities_by_target,
    formula=("g (softmax(logits) sum(target) - target) share", "-g log_softmax(logits) share"),
    plainly=(_cross_entropy_of_probabilities, _plain_probabilities_rule, _probabilities_by_target),
)


@told
@divided_by(_label_weights)
def cross_entropy(
    logits: Any,
    target: Any,
    weight: Any = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """-log of the probability that softmax(logits) gives to the target.

    Args: logits (n, C), or (C,), or (n, C, d1, ...); target, integer labels of the shape without C,
        or probabilities of the same shape; weight (C,) of each class; ignore_index, a label to pass
        over; reduction, "mean", "sum" or "none"; label_smoothing e, for (1 - e) target + e/C.
    The mean divides by the sum of the labels' weights, with probabilities by their number; of
    nothing it is nan. Raises ValueError for a wrong shape or a label out of range (never wrapped
    around), TypeError for labels that are no integers. Source: PyTorch's cross_entropy.

    >>> cross_entropy(Tensor([[0.0, 0.0], [0.0, 100.0]]), [0, 1], reduction="none")
    Tensor([0.69314718, 0.        ])
    """
    # The usual case, rows of logits and a label for each, needs few questions.
    if (
        logits.__class__ is Tensor
        and target.__class__ is np.ndarray
        and target.dtype is _INDEX
        and weight is None
        and label_smoothing.__class__ is float
        and label_smoothing == 0
        and ignore_index.__class__ is int
        and ignore_index < 0
        and reduction.__class__ is str
        and logits.dtype.char in "fd"
    ):
        shape = logits.shape
        rows = shape[0] if shape else 0
        if len(shape) == 2 and target.shape == (rows,) and rows and reduction in _TOTALS:
            try:
                places = _places(target, rows, shape[1])
            except (TypeError, ValueError):  # out of range, passed over, wider than indices
                pass
            else:
                made = logits.made_by
                if made not in PLAIN and (made or not logits.requires_grad) or shape[1] == 1:
                    check_logits("cross_entropy", logits, 1)
                share = share_of(reduction, rows)
                return _fused_cross_entropy(logits, target, None, share, True, places)
    name, weights = "cross_entropy", weight
    label_smoothing = smoothing(name, label_smoothing)
    logits, axis, weight = _checked(name, logits, weight, ignore_index, reduction)
    if logits.dtype == np.float16:  # half a precision adds up in a whole one
        wide = cross_entropy(
            logits.astype(np.float32), target, weights, ignore_index=ignore_index,
            reduction=reduction, label_smoothing=label_smoothing,
        )  # fmt: skip
        return wide.astype(np.float16)
    if logits.made_by not in PLAIN or logits.shape[axis] == 1:
        check_logits(name, logits, axis)
    target = _target(name, target)
    if target.shape == logits.shape:
        if ignore_index >= 0 and target.dtype.kind == "f":
            raise ValueError(
                f"{name}: ignore_index={ignore_index} is a label to pass over, but a target of "
                f"shape {target.shape} holds probabilities"
            )
        return _against_probabilities(logits, axis, target, weight, reduction, label_smoothing)
    compute = partial(_of_labels, weight, label_smoothing)
    return _against_labels(name, compute, logits, axis, target, weight, ignore_index, reduction)


def _of_labels(
    weight: Any, label_smoothing: float, rows: Any, labels: Any, counts: Any, share: float,
    total: bool,
) -> Any:  # fmt: skip
    if not label_smoothing:
        places = _places(labels, rows.shape[0], rows.shape[1])
        return _fused_cross_entropy(rows, labels, counts, share, total, places)
    target = _smoothed(_one_hot(labels, rows.shape, rows.dtype), weight, label_smoothing)
    return _fused_probabilities(rows, target, share, total)


def _against_probabilities(
    logits: Any, axis: int, target: Any, weight: Any, reduction: str, label_smoothing: float
) -> Any:
    outer = _without(logits.shape, axis)
    if target.dtype.kind != "f":
        raise TypeError(
            f"cross_entropy: a target of the logits' shape {logits.shape} holds probabilities, "
            f"which must be floats, got {target.dtype}; use target.astype(float), or give labels "
            f"of shape {outer}"
        )
    rows, target = _as_rows(logits, axis), _as_rows(as_input(target, logits.dtype), axis)
    target = _smoothed(target, weight, label_smoothing)
    share, total = share_of(reduction, len(rows)), reduction != "none"
    losses = _fused_probabilities(rows, target, share, total)
    return losses if total else losses.reshape(outer)


class CrossEntropyLoss(_OfLabels):
    """-log of the probability that softmax(logits) gives to the target.

    It takes logits, so put no Softmax before it (it warns of one), and integer labels (n,), or
    probabilities. Options and errors are those of `nn.functional.cross_entropy`.

    >>> CrossEntropyLoss()(Tensor([[0.0, 0.0], [0.0, 0.0]]), [0, 1])
    Tensor(0.69314718)
    """

    _function = staticmethod(cross_entropy)
    divisor = _OfLabels.divisor
    label_smoothing: float

    def __init__(
        self,
        weight: Any = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        check_ignore_index("CrossEntropyLoss", ignore_index)
        super().__init__(
            weight=as_constant("CrossEntropyLoss", "weight", weight),
            ignore_index=ignore_index,
            reduction=reduction,
            label_smoothing=smoothing("CrossEntropyLoss", label_smoothing),
        )

    def forward(self, prediction: Any, target: Any) -> Tensor:
        # As that of all losses, without a dict on the way: small steps feel it.
        return cross_entropy(
            prediction, target, self.weight, ignore_index=self.ignore_index,
            reduction=self.reduction, label_smoothing=self.label_smoothing,
        )  # fmt: skip


# ---- of log probabilities ---------------------------------------------------------------------


def _nll_loss(log_probabilities: Any, labels: Any, counts: Any, _share: float, _total: bool) -> Any:
    losses = 0 - log_probabilities[np.arange(len(labels)), labels]  # a minus alone makes -0 of 0
    return reduced(losses if counts is None else losses * counts[:, 0], _share, _total)


def _nll_rule(
    g: Any, y: Any, log_probabilities: Any, labels: Any, counts: Any, _share: float, _total: bool
) -> Any:
    slope = -_one_hot(labels, log_probabilities.shape, log_probabilities.dtype)
    slope = slope if counts is None else slope * counts
    return slope * (g * _share if _total else g[:, None])


def _plain_nll(
    log_probabilities: Any, labels: Any, counts: Any, _share: float, _total: bool
) -> Any:
    losses = -log_probabilities[np.arange(len(labels)), labels]
    return reduced(losses if counts is None else losses * counts[:, 0], _share, _total)


def _plain_nll_rule(
    g: Any, y: Any, log_probabilities: Any, labels: Any, counts: Any, _share: float, _total: bool
) -> Any:
    slope = np.zeros_like(log_probabilities)
    slope[np.arange(len(labels)), labels] = -1
    slope = slope if counts is None else slope * counts
    return slope * (g * _share if _total else g[:, None])


_fused_nll = primitive(
    _nll_loss, _nll_rule, formula=("-g one_hot share",), plainly=(_plain_nll, _plain_nll_rule)
)


@told
@divided_by(_label_weights)
def nll_loss(
    log_probabilities: Any,
    labels: Any,
    weight: Any = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Any:
    """-log of the probability of the label, from log probabilities, such as of `log_softmax`.

    Arguments, shapes, mean and errors as of `cross_entropy` with labels; of logits, that function
    is the faster one. Source: PyTorch's nll_loss.

    >>> nll_loss(np.log([[0.5, 0.5], [0.2, 0.8]]), [0, 1], reduction="none")
    Tensor([0.69314718, 0.22314355])
    """
    name = "nll_loss"
    x, axis, weight = _checked(name, log_probabilities, weight, ignore_index, reduction)
    labels = _target(name, labels)
    check_log_probabilities(name, x, axis)
    return _against_labels(name, _fused_nll, x, axis, labels, weight, ignore_index, reduction)


class NLLLoss(_OfLabels):
    """-log of the probability of the label, from log probabilities; see `nn.functional.nll_loss`.

    Put a LogSoftmax before it, or use CrossEntropyLoss without one.

    >>> NLLLoss()(np.log([[0.5, 0.5], [0.5, 0.5]]), [0, 1])
    Tensor(0.69314718)
    """

    _function = staticmethod(nll_loss)

    def __init__(
        self, weight: Any = None, ignore_index: int = -100, reduction: str = "mean"
    ) -> None:
        check_ignore_index("NLLLoss", ignore_index)
        weight = as_constant("NLLLoss", "weight", weight)
        super().__init__(weight=weight, ignore_index=ignore_index, reduction=reduction)


# ---- arguments --------------------------------------------------------------------------------


def smoothing(name: str, label_smoothing: Any) -> float:
    """A label smoothing as a plain number, which keeps float32; ValueError beyond [0, 1]."""
    if label_smoothing.__class__ is float and 0 <= label_smoothing <= 1:
        return label_smoothing  # the usual case: `number` takes ten times as long
    return number(f"{name}: label_smoothing", label_smoothing, least=0, most=1)


def check_ignore_index(name: str, ignore_index: int) -> None:
    """Raise TypeError for a label to pass over that is no integer."""
    if ignore_index.__class__ is not int and not isinstance(ignore_index, Integral):
        raise TypeError(
            f"{name}: ignore_index must be an integer, got {type(ignore_index).__name__}"
            + later(name)
        )


def _checked(
    name: str, x: Any, weight: Any, ignore_index: int, reduction: str
) -> tuple[Any, int, Any]:
    """The prediction, its axis of classes and the weights of these."""
    check_reduction(name, reduction)
    check_ignore_index(name, ignore_index)
    x = as_floats(as_tensor(name, _PREDICTIONS[name], x))
    axis = 1 if x.ndim > 1 else 0
    if not x.ndim or not x.shape[axis]:
        raise ValueError(
            f"{name}: {_PREDICTIONS[name]} need an axis of classes, (n, C) or (C,), got {x.shape}"
        )
    weight = as_constant(name, "weight", weight, x.dtype)
    if weight is not None and weight.shape != (x.shape[axis],):
        raise ValueError(
            f"{name}: weight must have one entry for each of the {x.shape[axis]} classes, got "
            f"shape {weight.shape}"
        )
    return x, axis, weight


def _target(name: str, target: Any) -> Any:
    """Labels or probabilities as a Tensor or an array of numbers."""
    if isinstance(target, Tensor):
        return target
    try:
        array = as_array(target)
    except ValueError:
        raise ValueError(f"{name}: the targets are lists of unequal lengths") from None
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"{name}: the target must be {_KINDS[name]}, got "
            f"{'None' if target is None else array.dtype}"
            + ("; number the classes: np.unique(names, return_inverse=True)[1]"
               if array.dtype.kind in "US" else "")
        )  # fmt: skip
    return array


_TOTALS = ("mean", "sum")
_PREDICTIONS = {"cross_entropy": "logits", "nll_loss": "log probabilities"}
_KINDS = {"cross_entropy": "integer labels or probabilities", "nll_loss": "integer labels"}


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return shape[:axis] + shape[axis + 1 :]


def _check_labels(name: str, labels: Any, shape: tuple[int, ...], axis: int) -> None:
    """Raise unless the labels have the shape without the classes, and are integers."""
    outer = _without(shape, axis)
    if labels.shape != outer:
        other = f", or probabilities of shape {shape}" if name == "cross_entropy" else ""
        raise ValueError(
            f"{name}: {_PREDICTIONS[name]} of shape {shape} need labels of shape {outer}{other}, "
            f"got shape {labels.shape}"
            + f"; use labels.reshape({any_rows(outer)})" * (labels.size == math.prod(outer))
            + "; the prediction comes first, then the labels" * (labels.ndim > len(shape))
        )
    if labels.dtype.kind not in "iu" and labels.size:
        raise _no_integers(name, labels)


def _no_integers(name: str, labels: Any) -> TypeError:
    return TypeError(
        f"{name}: labels must be integers, got {labels.dtype}; use labels.astype(np.int64)"
    )


_INT64 = np.dtype(np.int64)
_INDEX = np.dtype(np.intp)  # the same, but where indices have 32 bits


def _counted(name: str, labels: Any, classes: int, ignore_index: int) -> Any:
    """Which labels count (None: all of them); raises for one that is out of range."""
    if not labels.size:
        return None
    # Read without a sign, a negative label is a large one: one question for both ends. (In 8 bits
    # it would not be large enough: -100 would be 156.)
    unsigned = labels.view(np.uint64) if labels.dtype is _INT64 else labels.astype(np.uint64)
    within = np.maximum.reduce(unsigned, axis=None) < classes
    if within and not 0 <= ignore_index < classes:
        return None
    keep = labels != ignore_index
    wrong = keep & ((labels < 0) | (labels >= classes))
    if not wrong.any():
        return keep.reshape(-1)
    place, at = at_first(wrong)
    raise ValueError(
        f"{name}: label {labels[place]}{at} is out of range: with {classes} classes labels go from "
        f"0 to {classes - 1} (and ignore_index, {ignore_index}, is passed over)"
        + "; with one output, use binary_cross_entropy_with_logits instead"
        * (classes == 1)
    )


def _against_labels(
    name: str, compute: Callable[..., Any], x: Any, axis: int, target: Any, weight: Any,
    ignore_index: int, reduction: str,
) -> Any:  # fmt: skip
    labels = values(target)
    _check_labels(name, labels, x.shape, axis)
    keep = _counted(name, labels, x.shape[axis], ignore_index)
    rows, labels = _as_rows(x, axis), labels.reshape(-1).astype(np.intp, copy=False)
    if keep is not None:  # ignored rows are taken out before anything is looked up
        rows, labels = rows[keep], labels[keep]
    counts = None if weight is None else weight[labels][:, None]
    number = len(labels) if counts is None else counts.sum(dtype=np.float64)
    total = reduction != "none"
    losses = compute(rows, labels, counts, share_of(reduction, number), total)
    if total:
        return losses
    if keep is not None:  # the ignored ones: the 0 at the end
        place = np.where(keep, np.cumsum(keep) - 1, len(labels))
        losses = np.concatenate([losses, np.zeros(1, x.dtype)])[place]
    outer = _without(x.shape, axis)
    return losses if losses.shape == outer else losses.reshape(outer)


def _smoothed(target: Any, weight: Any, label_smoothing: float) -> Any:
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / target.shape[1]
    return target if weight is None else target * weight


def _as_rows(x: Any, axis: int) -> Any:
    """(n, C, d1, ...) or (C,) as rows (m, C)."""
    if x.ndim > 2:
        x = np.moveaxis(x, axis, -1)
    return x if x.ndim == 2 else x.reshape((math.prod(x.shape[:-1]), x.shape[-1]))


# ---- labels as rows ---------------------------------------------------------------------------


@told
def one_hot(labels: Any, num_classes: int = -1) -> np.ndarray:
    """For each label a row of zeros with a one at its place.

    Args: labels, integers from 0 on, of any shape; num_classes, -1 for the largest label + 1.
    Returns int64 of shape (*labels.shape, num_classes). Raises ValueError for a label out of
    range (a negative one is never wrapped around), TypeError for labels that are no integers.
    Source: PyTorch's one_hot.

    >>> one_hot([0, 2])
    array([[1, 0, 0],
           [0, 0, 1]])
    """
    labels = as_array(values(labels))
    num_classes = whole("one_hot: num_classes", num_classes)
    if labels.dtype.kind not in "iu" and labels.size:
        raise _no_integers("one_hot", labels)
    if num_classes < -1 or num_classes == -1 and not labels.size:
        raise ValueError(
            "one_hot: num_classes must be given where there are no labels, and -1 (the largest "
            f"label + 1) or more; got {num_classes} and labels of shape {labels.shape}"
        )
    classes = int(labels.max()) + 1 if num_classes == -1 else num_classes
    wrong = (labels < 0) | (labels >= classes)
    if wrong.any():
        place, at = at_first(wrong)
        raise ValueError(
            f"one_hot: label {labels[place]}{at} is out of range: "
            + ("labels go from 0 on" if num_classes == -1
               else f"labels must be at least 0 and below num_classes, {num_classes}")
        )  # fmt: skip
    return (labels[..., None] == np.arange(classes)).astype(np.int64)
