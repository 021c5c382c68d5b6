"""Losses, and their rules: what a prediction costs, given the target.

May import: autograd, arguments.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd import Tensor, log_softmax, primitive, softmax
from nn.functional.arguments import (
    as_input,
    as_prediction,
    check_reduction,
    check_smoothing,
    share_of,
    values,
)

__all__ = ["cross_entropy", "mse_loss"]


def _mse_loss(prediction: Any, target: Any, share: float, total: bool) -> Any:
    squares = np.square(prediction - target)
    if not total:
        return squares
    if squares.dtype != np.float16:
        return np.add.reduce(squares, axis=None) * share
    # Half a precision overflows at 65,504: it sums in a whole one, as np.mean does.
    return (np.add.reduce(squares, axis=None, dtype=np.float32) * share).astype(np.float16)


_fused_mse = primitive(
    _mse_loss,
    lambda g, y, prediction, target, share, total: g * (2 * share) * (prediction - target),
    lambda g, y, prediction, target, share, total: g * (2 * share) * (target - prediction),
    formula="2 g (prediction - target), 2 g (target - prediction)",
)


def mse_loss(prediction: Any, target: Any, reduction: str = "mean") -> Any:
    """The squared error (prediction - target)² of each element, and their mean or sum.

    Args: prediction and target of the same shape; reduction, "mean", "sum" or "none". Raises
    ValueError for two shapes: broadcasting (n, 1) against (n,) would compare everything with
    everything. Source: PyTorch's mse_loss, which only warns there.

    >>> mse_loss(Tensor([1.0, 3.0]), [1.0, 1.0])
    Tensor(2.)
    """
    check_reduction("mse_loss", reduction)
    prediction = as_prediction(prediction)
    target = as_input(target, prediction.dtype)
    if prediction.shape != target.shape:
        cure = "give one target for each element of the prediction"
        if prediction.size == target.size:
            cure = f"reshape the target: target.reshape({prediction.shape})"
        raise ValueError(
            f"mse_loss: the prediction has shape {prediction.shape}, the target {target.shape}; "
            f"they must be the same; {cure}"
        )
    return _fused_mse(prediction, target, share_of(reduction, prediction.size), reduction != "none")


# Cross-entropy of rows of logits (n, C), with labels (n,) or with probabilities (n, C). If `total`,
# summed over all rows and multiplied by `share`. With labels `counts` is what each row counts, a
# column (n, 1), or None.


class _Kept:
    """What the forward of a loss leaves for its rule: the derivative by the logits."""

    __slots__ = ("slope",)

    slope: Any


def _cross_entropy(
    logits: Any, labels: Any, counts: Any, share: float, total: bool, kept: _Kept
) -> Any:
    rows = np.arange(len(labels))
    slope = logits - np.maximum.reduce(logits, axis=1, keepdims=True)
    at_label = slope[rows, labels]
    np.exp(slope, out=slope)
    sums = np.add.reduce(slope, axis=1, keepdims=True)
    losses = np.log(sums) - at_label[:, None]
    slope /= sums
    slope[rows, labels] -= 1  # softmax(logits) - one_hot(labels)
    if counts is not None:
        losses *= counts
        slope *= counts
    kept.slope = slope
    return np.add.reduce(losses, axis=None) * share if total else losses[:, 0]


def _cross_entropy_rule(
    g: Any, y: Any, logits: Any, labels: Any, counts: Any, share: float, total: bool, kept: _Kept
) -> Any:
    slope = kept.slope
    if isinstance(logits, Tensor):  # to be differentiated again
        slope = softmax(logits) - _one_hot(labels, logits.shape, logits.dtype)
        slope = slope if counts is None else slope * counts
    return slope * (g * share if total else g[:, None])


def _cross_entropy_of_probabilities(logits: Any, target: Any, share: float, total: bool) -> Any:
    losses = -np.add.reduce(log_softmax(logits) * target, axis=1)
    return np.add.reduce(losses) * share if total else losses


def _probabilities_by_logits(
    g: Any, y: Any, logits: Any, target: Any, share: float, total: bool
) -> Any:
    slope = softmax(logits) * np.sum(target, axis=1, keepdims=True) - target
    return slope * (g * share if total else g[:, None])


def _probabilities_by_target(
    g: Any, y: Any, logits: Any, target: Any, share: float, total: bool
) -> Any:
    return log_softmax(logits) * (g * -share if total else -g[:, None])


_fused_cross_entropy = primitive(
    _cross_entropy, _cross_entropy_rule, formula="g (softmax(logits) - one_hot)"
)
_fused_probabilities = primitive(
    _cross_entropy_of_probabilities,
    _probabilities_by_logits,
    _probabilities_by_target,
    formula="g (softmax(logits) sum(target) - target), -g log_softmax(logits)",
)


def _one_hot(labels: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    one_hot = np.zeros(shape, dtype)
    one_hot[np.arange(len(labels)), labels] = 1
    return one_hot


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
    check_reduction("cross_entropy", reduction)
    check_smoothing("cross_entropy", label_smoothing)
    logits = as_prediction(logits)
    if not logits.ndim:
        raise ValueError("cross_entropy: logits need an axis of classes, (n, C) or (C,), got ()")
    target = _target(target)
    axis = 1 if logits.ndim > 1 else 0
    classes, outer = logits.shape[axis], logits.shape[:axis] + logits.shape[axis + 1 :]
    if weight is not None:
        weight = values(weight).astype(logits.dtype)
        if weight.shape != (classes,):
            raise ValueError(
                f"cross_entropy: weight must have one entry for each of the {classes} classes, "
                f"got shape {weight.shape}"
            )
    options = (weight, reduction, label_smoothing)
    if target.shape == logits.shape:
        if target.dtype.kind != "f":
            raise TypeError(
                f"cross_entropy: a target of the logits' shape {logits.shape} holds probabilities, "
                f"which must be floats, got {target.dtype}; use target.astype(float), or give "
                f"labels of shape {outer}"
            )
        target = _as_rows(as_input(target, logits.dtype), axis)
        losses = _against_probabilities(_as_rows(logits, axis), target, *options)
    else:
        labels, keep = _checked_labels(values(target), logits.shape, outer, classes, ignore_index)
        losses = _against_labels(_as_rows(logits, axis), labels, keep, *options)
    return losses.reshape(outer) if reduction == "none" and losses.shape != outer else losses


def _target(target: Any) -> Any:
    """Labels or probabilities as a Tensor or an array of numbers."""
    if isinstance(target, Tensor):
        return target
    try:
        array = np.asarray(target)
    except ValueError:
        raise ValueError("cross_entropy: the targets are lists of unequal lengths") from None
    if array.dtype.kind not in "fiub":
        raise TypeError(
            "cross_entropy: the target must be integer labels or probabilities, got "
            f"{'None' if target is None else array.dtype}"
            + ("; number the classes: np.unique(names, return_inverse=True)[1]"
               if array.dtype.kind in "US" else "")
        )  # fmt: skip
    return array


def _checked_labels(
    labels: Any, shape: tuple[int, ...], outer: tuple[int, ...], classes: int, ignore_index: int
) -> tuple[Any, Any]:
    """The labels in one row, and which of them count (None: all of them)."""
    if labels.shape != outer:
        raise ValueError(
            f"cross_entropy: logits of shape {shape} need labels of shape {outer}, or "
            f"probabilities of shape {shape}, got shape {labels.shape}"
            + (f"; use labels.reshape({outer})" if labels.size == math.prod(outer) else "")
        )
    if labels.dtype.kind not in "iu" and labels.size:
        raise TypeError(
            f"cross_entropy: labels must be integers, got {labels.dtype}; use "
            "labels.astype(np.int64)"
        )
    if not labels.size:
        return np.zeros(0, np.intp), None
    within = labels.min() >= 0 and labels.max() < classes
    if within and not 0 <= ignore_index < classes:
        return labels.reshape(-1).astype(np.intp, copy=False), None
    keep = labels != ignore_index
    wrong = keep & ((labels < 0) | (labels >= classes))
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        at = f" at position {place[0] if len(place) == 1 else place}" if place else ""
        raise ValueError(
            f"cross_entropy: label {labels[place]}{at} is out of range: with {classes} classes "
            f"labels go from 0 to {classes - 1} (and ignore_index, {ignore_index}, is passed over)"
        )
    return labels.reshape(-1).astype(np.intp, copy=False), keep.reshape(-1)


def _against_labels(
    logits: Any, labels: Any, keep: Any, weight: Any, reduction: str, label_smoothing: float
) -> Any:
    if keep is not None:  # ignored rows are taken out before anything is looked up
        logits, labels = logits[keep], labels[keep]
    counts = None if weight is None else weight[labels][:, None]
    share = share_of(reduction, len(labels) if counts is None else counts.sum())
    total = reduction != "none"
    if label_smoothing:
        one_hot = _one_hot(labels, logits.shape, logits.dtype)
        target = _smoothed(one_hot, weight, label_smoothing)
        losses = _fused_probabilities(logits, target, share, total)
    else:
        losses = _fused_cross_entropy(logits, labels, counts, share, total, _Kept())
    if keep is None or total:
        return losses
    place = np.where(keep, np.cumsum(keep) - 1, len(labels))  # ignored ones: the 0 at the end
    return np.concatenate([losses, np.zeros(1, logits.dtype)])[place]


def _against_probabilities(
    logits: Any, target: Any, weight: Any, reduction: str, label_smoothing: float
) -> Any:
    target = _smoothed(target, weight, label_smoothing)
    return _fused_probabilities(
        logits, target, share_of(reduction, len(logits)), reduction != "none"
    )


def _smoothed(target: Any, weight: Any, label_smoothing: float) -> Any:
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / target.shape[1]
    return target if weight is None else target * weight


def _as_rows(x: Any, axis: int) -> Any:
    """(n, C, d1, ...) or (C,) as rows (m, C)."""
    if x.ndim > 2:
        x = np.moveaxis(x, axis, -1)
    return x if x.ndim == 2 else x.reshape((math.prod(x.shape[:-1]), x.shape[-1]))
