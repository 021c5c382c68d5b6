"""Metrics: how good predictions are, as plain numbers. No gradient goes through them.

Every metric is a function of (prediction, target), in this order; scikit-learn's is the other one.
Arrays, lists and Tensors (also with a gradient) are taken. What no number can be made of raises:
empty data, nan, labels that no class has, shapes that do not belong together.

May import: autograd, names.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd import Tensor
from nn.names import unknown

__all__ = ["accuracy", "by_name", "confusion_matrix", "r2_score", "top_k_accuracy"]

_MOST_CLASSES = 10_000  # a matrix of 800 MB


def accuracy(prediction: Any, target: Any, threshold: float = 0.5) -> float:
    """The part of the samples whose class is predicted right, from 0.0 to 1.0.

    Args: prediction, scores or logits (n, C), the largest (the first of equals) being the predicted
        class; target, labels (n,), or one-hot rows or probabilities (n, C). With two classes also
        one score a sample, (n,) or (n, 1), and as many targets 0 or 1: class 1 is predicted above
        threshold, 0.5 for probabilities; 0.0 for logits.
    Raises ValueError for shapes and labels that do not fit, for nan, and for scores beyond [0, 1]
    at threshold 0.5: they look like logits. Source: scikit-learn's accuracy_score, from scores.

    >>> accuracy([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]], [1, 0, 0])
    0.6666666666666666
    >>> accuracy([-2.0, 3.0], [0, 1], threshold=0.0)
    1.0
    """
    scores, targets = _both("accuracy", prediction, target)
    if scores.ndim == 2 and scores.shape[1] > 1:
        labels = _labels("accuracy", scores, targets)
        return float(np.mean(np.argmax(scores, axis=1) == labels))
    return _binary_accuracy(scores, targets, threshold)


def _binary_accuracy(scores: Any, targets: Any, threshold: Any) -> float:
    if isinstance(threshold, bool) or not isinstance(
        threshold, (int, float, np.integer, np.floating)
    ):
        raise TypeError(f"accuracy: threshold must be a number, got {threshold!r}")
    if threshold != threshold:
        raise ValueError("accuracy: threshold is nan; no score is above or below it")
    if scores.ndim > 2 or scores.size != len(scores) or targets.shape not in (
        (len(scores),), (len(scores), 1)
    ):  # fmt: skip
        raise ValueError(
            f"accuracy: prediction has shape {scores.shape}, target {targets.shape}; give scores "
            "(n, C) with labels (n,) or one-hot rows (n, C), or one score a sample, (n,) or "
            "(n, 1), with n targets 0 or 1"
        )
    scores, targets = scores.reshape(-1), targets.reshape(-1)
    if not np.isin(targets, (0, 1)).all():
        wrong = targets[~np.isin(targets, (0, 1))][0]
        raise ValueError(
            f"accuracy: one score a sample needs targets 0 or 1, got {wrong}; for more classes "
            "give scores (n, C), and for labels predicted already use "
            "np.mean(prediction == target)"
        )
    if threshold == 0.5 and (scores.min() < 0 or scores.max() > 1):
        raise ValueError(
            f"accuracy: scores from {scores.min():.4g} to {scores.max():.4g} are no probabilities; "
            "they look like logits: use threshold=0.0, or apply a sigmoid first"
        )
    return float(np.mean((scores > threshold) == targets))


def top_k_accuracy(prediction: Any, target: Any, k: int = 5) -> float:
    """The part of the samples whose class is among the k largest scores, from 0.0 to 1.0.

    Args: prediction, scores or logits (n, C); target, labels (n,), or one-hot rows or probabilities
        (n, C); k, from 1 to C. Of equal scores the first counts as larger, as in accuracy, which
        this is for k = 1.
    Raises ValueError as accuracy does, and for k > C. Source: scikit-learn's top_k_accuracy_score
    (there the last of equals counts as larger).

    >>> top_k_accuracy([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]], [1, 2], k=2)
    0.5
    """
    scores, targets = _both("top_k_accuracy", prediction, target)
    if scores.ndim != 2:
        raise ValueError(f"top_k_accuracy: prediction must be (n, C), got shape {scores.shape}")
    k, classes = _positive("top_k_accuracy: k", k), scores.shape[1]
    if k > classes:
        raise ValueError(f"top_k_accuracy: k is {k}, but there are only {classes} classes")
    labels = _labels("top_k_accuracy", scores, targets)[:, None]
    at_label = np.take_along_axis(scores, labels, axis=1)
    before = (scores > at_label) | ((scores == at_label) & (np.arange(classes) < labels))
    return float(np.mean(before.sum(axis=1) < k))


def confusion_matrix(prediction: Any, target: Any, num_classes: int | None = None) -> Any:
    """How often each class was taken for each other: an array (C, C) of counts.

    Row i, column j counts the samples of class i that were predicted as j; the diagonal is right.
    Args: prediction, scores (n, C), or predicted labels (n,); target, labels (n,), or one-hot rows
        (n, C); num_classes, C if it is not given by the scores or by the largest label.
    Source: scikit-learn's confusion_matrix, whose argument order is the other one.

    >>> confusion_matrix([0, 1, 1, 2], [0, 1, 2, 2])
    array([[1, 0, 0],
           [0, 1, 0],
           [0, 1, 1]])
    """
    what = "confusion_matrix"
    predicted, targets = _both(what, prediction, target)
    given = None if num_classes is None else _positive(f"{what}: num_classes", num_classes)
    if predicted.ndim == 2 and predicted.shape[1] > 1:
        classes = predicted.shape[1]
        targets = _labels(what, predicted, targets)
        predicted = np.argmax(predicted, axis=1).astype(np.intp, copy=False)
        if given not in (None, classes):
            raise ValueError(
                f"{what}: num_classes is {given}, but the scores have {classes} columns"
            )
    else:
        predicted, targets, classes = _predicted_labels(what, predicted, targets, given)
    counts = np.bincount(targets * classes + predicted, minlength=classes**2)
    return counts.reshape(classes, classes)


def _predicted_labels(
    what: str, predicted: Any, targets: Any, classes: int | None
) -> tuple[Any, Any, int]:
    """Labels (n,) of both, checked, and the number of classes."""
    if predicted.ndim != 1 or predicted.shape != targets.shape:
        raise ValueError(
            f"{what}: prediction has shape {predicted.shape}, target {targets.shape}; give scores "
            "(n, C) or predicted labels (n,), with labels (n,)"
        )
    _check_whole(f"{what}: prediction", predicted)
    _check_whole(f"{what}: target", targets)
    if classes is None:
        classes = max(1, int(max(predicted.max(), targets.max())) + 1)
    if classes > _MOST_CLASSES:
        raise ValueError(
            f"{what}: {classes} classes are too many; number the labels from 0: "
            "np.unique(labels, return_inverse=True)[1]"
        )
    predicted = _in_range(f"{what}: prediction", predicted, classes)
    return predicted, _in_range(f"{what}: target", targets, classes), classes


def r2_score(prediction: Any, target: Any) -> float:
    """How much of the target's variance the prediction explains: 1.0 is perfect, 0.0 is the mean.

    R² = 1 - sum((target - prediction)²) / sum((target - mean(target))²), below zero for a
    prediction that is worse than the mean; the mean over columns for (n, outputs). Where a column
    of the target is constant it counts 1.0 if it is predicted exactly, else 0.0.
    Args: prediction and target of the same shape, (n,) or (n, outputs), with n at least 2.
    Source: scikit-learn's r2_score, whose argument order is the other one.

    >>> r2_score([2.5, 0.0, 2.0, 8.0], [3.0, -0.5, 2.0, 7.0])
    0.9486081370449679
    """
    predicted, targets = _both("r2_score", prediction, target, finite=True)
    if predicted.shape != targets.shape or predicted.ndim > 2:
        cure = "they must be the same, (n,) or (n, outputs)"
        if predicted.size == targets.size and predicted.ndim <= 2:
            cure = f"reshape the target: target.reshape({predicted.shape})"
        raise ValueError(
            f"r2_score: prediction has shape {predicted.shape}, target {targets.shape}; {cure}"
        )
    if len(targets) < 2:
        raise ValueError("r2_score needs at least 2 samples: one alone has no variance")
    p, t = predicted.astype(np.float64), targets.astype(np.float64)
    span = t.max(axis=0) - t.min(axis=0)
    unit = np.where(span == 0, 1.0, span)  # measured in spans, squares neither overflow nor vanish
    error = np.sum(((t - p) / unit) ** 2, axis=0)
    variance = np.sum(((t - t.mean(axis=0)) / unit) ** 2, axis=0)
    constant = np.where(error == 0, 1.0, 0.0)
    return float(np.mean(np.where(span == 0, constant, 1 - error / np.where(span, variance, 1))))


_BY_NAME: dict[str, Callable[[Any, Any], float]] = {
    "accuracy": accuracy, "r2_score": r2_score, "top_k_accuracy": top_k_accuracy,
}  # fmt: skip


def by_name(name: str) -> Callable[[Any, Any], float]:
    """The metric of this name, of those that give one number; ValueError for an unknown one.

    >>> by_name("accuracy") is accuracy
    True
    """
    if not isinstance(name, str):
        raise TypeError(f"a metric is found by its name, a str, got {name!r}")
    if name not in _BY_NAME:
        raise ValueError(unknown("metric", name, _BY_NAME))
    return _BY_NAME[name]


# ---- what predictions and targets may be --------------------------------------------------------


def _both(metric: str, prediction: Any, target: Any, finite: bool = False) -> tuple[Any, Any]:
    """Both as arrays of numbers, with the same number of rows and without nan."""
    arrays = []
    for what, values in ((f"{metric}: prediction", prediction), (f"{metric}: target", target)):
        array = _numbers(what, values)
        bad = ~np.isfinite(array) if finite else np.isnan(array)
        if bad.any():
            place = tuple(int(i) for i in np.argwhere(bad)[0])
            where = place[0] if len(place) == 1 else place
            raise ValueError(f"{what} is {array[place]} at position {where}")
        arrays.append(array)
    if len(arrays[0]) != len(arrays[1]):
        raise ValueError(
            f"{metric}: prediction has {len(arrays[0])} rows (shape {arrays[0].shape}), target "
            f"{len(arrays[1])} (shape {arrays[1].shape}); each sample needs one in both"
        )
    return arrays[0], arrays[1]


def _numbers(what: str, values: Any) -> Any:
    try:
        array = values.data if isinstance(values, Tensor) else np.asarray(values)
    except ValueError:
        raise ValueError(f"{what} holds lists of unequal lengths") from None
    if array.dtype.kind not in "biuf":
        cure = "number the classes: np.unique(names, return_inverse=True)[1]"
        raise TypeError(f"{what} must hold numbers, got {array.dtype}; {cure}")
    if not array.ndim:
        raise ValueError(f"{what} must have one row a sample, got the number {array}")
    if not array.size:
        raise ValueError(f"{what} is empty, its shape is {array.shape}")
    return array


def _labels(what: str, scores: Any, targets: Any) -> Any:
    """The target's label of each row of scores (n, C)."""
    if targets.shape == scores.shape:
        if targets.min() < 0 or np.abs(targets.sum(axis=1, dtype=np.float64) - 1).max() > 1e-2:
            raise ValueError(
                f"{what}: a target of the prediction's shape {scores.shape} must have rows that "
                "are one-hot or probabilities, which add up to 1; give labels (n,), or compare yes "
                "and no of each class: accuracy(prediction.reshape(-1), target.reshape(-1))"
            )
        return np.argmax(targets, axis=1)
    if targets.shape != scores.shape[:1]:
        cure = "; use target.reshape(-1)" if targets.size == len(scores) else ""
        raise ValueError(
            f"{what}: scores of shape {scores.shape} need labels of shape {scores.shape[:1]} or "
            f"rows of shape {scores.shape}, got shape {targets.shape}{cure}"
        )
    _check_whole(f"{what}: target", targets)
    return _in_range(f"{what}: target", targets, scores.shape[1])


def _check_whole(what: str, labels: Any) -> None:
    """2.0 is label 2, but 2.5 is none."""
    broken = ~np.isfinite(labels) | (labels != np.rint(labels))
    if broken.any():
        raise ValueError(
            f"{what} must hold labels, whole numbers, got {labels[broken][0]}; of scores (n, C) "
            "take np.argmax(scores, axis=1), of probabilities (n,) take p > 0.5"
        )


def _in_range(what: str, labels: Any, classes: int) -> Any:
    """The labels as integers; one that no class has raises."""
    wrong = (labels < 0) | (labels >= classes)
    if wrong.any():
        place = int(np.argmax(wrong))
        raise ValueError(
            f"{what} has label {labels[place]} at position {place}; with {classes} classes labels "
            f"go from 0 to {classes - 1}"
        )
    return labels.astype(np.intp)  # what bincount takes, also where it has 32 bits


def _positive(what: str, number: Any) -> int:
    if isinstance(number, (bool, np.bool_)) or not hasattr(number, "__index__"):
        raise TypeError(f"{what} must be an int, got {number!r}")
    if operator.index(number) < 1:
        raise ValueError(f"{what} must be at least 1, got {number}")
    return operator.index(number)
