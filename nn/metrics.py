"""Metrics: how good predictions are, as plain numbers. No gradient goes through them.

Every metric is a function of (prediction, target), in this order; scikit-learn's is the other one.
Arrays, lists and Tensors (also with a gradient) are taken. What no number can be made of raises:
empty data, nan, labels that no class has, shapes that do not belong together. `ignore_index` is a
label to pass over, such as that of padding.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from autograd import Tensor
from nn.checks import number
from nn.names import unknown
from nn.parts import as_numbers

__all__ = [
    "accuracy",
    "by_name",
    "confusion_matrix",
    "f1_score",
    "mean_absolute_error",
    "mean_squared_error",
    "precision_score",
    "r2_score",
    "recall_score",
    "rises",
    "roc_auc_score",
    "summed",
    "top_k_accuracy",
]

_MOST_CLASSES = 10_000  # a matrix of 800 MB


def _adds_up(sums: Callable[..., Any], figure: Callable[..., Any]) -> Callable[[Any], Any]:
    """Say of a metric how it is added up: the sums of some rows, and the figure of all sums.

    Both take the metric's options.
    """

    def mark(metric: Any) -> Any:
        metric.sums, metric.figure = sums, figure
        return metric

    return mark


def summed(metric: Any) -> tuple[Callable[..., Any], Callable[..., Any]] | None:
    """(sums, figure) of a metric of this file that is added up over blocks of rows, else None.

    >>> sums, figure = summed(accuracy)
    >>> figure(sums([0.1, 0.9], [0, 1]) + sums([0.8], [0]))
    0.6666666666666666
    """
    if isinstance(metric, partial):
        found = None if metric.args else summed(metric.func)
        return found and (
            partial(found[0], **metric.keywords),
            partial(found[1], **metric.keywords),
        )
    sums = getattr(metric, "sums", None)
    return (sums, metric.figure) if getattr(metric, "__module__", "") == __name__ and sums else None


def _share(what: str, sums: Any, **options: Any) -> float:
    """What was summed, divided by how many there are."""
    total, count = sums.tolist()
    if not count:
        raise ValueError(f"{what}: there is nothing to judge: every label is the ignore_index")
    return total / count


# ---- classes ------------------------------------------------------------------------------------


def _right(
    prediction: Any, target: Any, threshold: float = 0.5, ignore_index: int | None = None
) -> Any:
    """How many samples are right, and how many there are."""
    scores, targets = _kept("accuracy", prediction, target, ignore_index)
    if not len(targets):
        return np.zeros(2)
    if scores.ndim == 2 and scores.shape[1] > 1:
        right = np.argmax(scores, axis=1) == _labels("accuracy", scores, targets)
    else:
        right = _binary_right(scores, targets, threshold)
    return np.array([np.count_nonzero(right), len(right)], float)


@_adds_up(_right, partial(_share, "accuracy"))
def accuracy(
    prediction: Any, target: Any, threshold: float = 0.5, ignore_index: int | None = None
) -> float:
    """The part of the samples whose class is predicted right, from 0.0 to 1.0.

    Args: prediction, scores or logits (n, C), the largest (the first of equals) being the predicted
        class; target, labels (n,), or one-hot rows or probabilities (n, C); of images and sequences
        also (n, C, ...) and labels (n, ...), each place a sample. With two classes also
        one score a sample, (n,) or (n, 1), and as many targets 0 or 1: class 1 is predicted above
        threshold, 0.5 for probabilities; 0.0 for logits.
    Raises ValueError for shapes and labels that do not fit, for nan, and for scores beyond [0, 1]
    at threshold 0.5: they look like logits. Source: scikit-learn's accuracy_score, from scores.

    >>> accuracy([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]], [1, 0, 0])
    0.6666666666666666
    >>> accuracy([-2.0, 3.0], [0, 1], threshold=0.0)
    1.0
    """
    return _share("accuracy", _right(prediction, target, threshold, ignore_index))


def _binary_right(scores: Any, targets: Any, threshold: Any, what: str = "accuracy") -> Any:
    """Whether each sample, of one score, is on its side of the threshold."""
    _check_threshold(what, threshold)
    scores, targets = _binary(what, scores, targets, threshold)
    return (scores > threshold) == targets


def _check_threshold(what: str, threshold: Any) -> None:
    number(f"{what}: threshold", threshold, finite=False)


def _binary(what: str, scores: Any, targets: Any, threshold: float | None) -> tuple[Any, Any]:
    """One score and a target 0 or 1 for each sample, (n,) both."""
    if scores.ndim > 2 or scores.size != len(scores) or targets.shape not in (
        (len(scores),), (len(scores), 1)
    ):  # fmt: skip
        raise ValueError(
            f"{what}: prediction has shape {scores.shape}, target {targets.shape}; give scores "
            "(n, C) with labels (n,) or one-hot rows (n, C), or one score a sample, (n,) or "
            "(n, 1), with n targets 0 or 1"
        )
    scores, targets = scores.reshape(-1), targets.reshape(-1)
    if not np.isin(targets, (0, 1)).all():
        wrong = targets[~np.isin(targets, (0, 1))][0]
        cure = (
            "for more classes give scores (n, C), and for labels predicted already use "
            "np.mean(prediction == target)"
        )
        if (targets != np.rint(targets)).any():
            cure = 'for a target that is a number, no class, use "r2_score", "mae" or "mse"'
        raise ValueError(f"{what}: one score a sample needs targets 0 or 1, got {wrong}; {cure}")
    if threshold == 0.5 and (scores.min() < 0 or scores.max() > 1):
        raise ValueError(
            f"{what}: scores from {scores.min():.4g} to {scores.max():.4g} are no probabilities; "
            "they look like logits: use threshold=0.0, or apply a sigmoid first"
        )
    return scores, targets


def _among_best(prediction: Any, target: Any, k: int = 5, ignore_index: int | None = None) -> Any:
    scores, targets = _kept("top_k_accuracy", prediction, target, ignore_index)
    if scores.ndim != 2:
        raise ValueError(f"top_k_accuracy: prediction must be (n, C), got shape {scores.shape}")
    k, classes = _positive("top_k_accuracy: k", k), scores.shape[1]
    if k > classes:
        raise ValueError(f"top_k_accuracy: k is {k}, but there are only {classes} classes")
    if not len(targets):
        return np.zeros(2)
    labels = _labels("top_k_accuracy", scores, targets)[:, None]
    at_label = np.take_along_axis(scores, labels, axis=1)
    before = (scores > at_label) | ((scores == at_label) & (np.arange(classes) < labels))
    return np.array([np.count_nonzero(before.sum(axis=1) < k), len(labels)], float)


@_adds_up(_among_best, partial(_share, "top_k_accuracy"))
def top_k_accuracy(
    prediction: Any, target: Any, k: int = 5, ignore_index: int | None = None
) -> float:
    """The part of the samples whose class is among the k largest scores, from 0.0 to 1.0.

    Args: prediction, scores or logits (n, C); target, labels (n,), or one-hot rows or probabilities
        (n, C); k, from 1 to C. Of equal scores the first counts as larger, as in accuracy, which
        this is for k = 1.
    Raises ValueError as accuracy does, and for k > C. Source: scikit-learn's top_k_accuracy_score
    (there the last of equals counts as larger).

    >>> top_k_accuracy([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]], [1, 2], k=2)
    0.5
    """
    return _share("top_k_accuracy", _among_best(prediction, target, k, ignore_index))


def confusion_matrix(
    prediction: Any, target: Any, num_classes: int | None = None, ignore_index: int | None = None
) -> Any:
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
    predicted, targets = _kept(what, prediction, target, ignore_index)
    if not len(targets):
        raise ValueError(f"{what}: there is nothing to count: every label is the ignore_index")
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


# ---- precision and recall -----------------------------------------------------------------------

_AVERAGES = ("binary", "macro", "micro", "weighted")


def _hits(
    what: str, prediction: Any, target: Any, average: str | None = None, threshold: float = 0.5,
    ignore_index: int | None = None,
) -> Any:  # fmt: skip
    """For each class how often it was found, was there, and was predicted: (C, 3)."""
    scores, targets = _kept(what, prediction, target, ignore_index)
    if not len(targets):
        return np.zeros((2, 3))
    if scores.ndim == 2 and scores.shape[1] > 1:
        labels, classes = _labels(what, scores, targets), scores.shape[1]
        predicted = np.argmax(scores, axis=1)
    elif scores.ndim == 1 and scores.dtype.kind in "iu" and targets.ndim == 1:
        predicted, labels, classes = _predicted_labels(what, scores, targets, None)
    else:
        _check_threshold(what, threshold)
        scores, targets = _binary(what, scores, targets, threshold)
        predicted, labels, classes = scores > threshold, targets.astype(bool), 2
    classes = max(classes, 2)
    counted = (labels[predicted == labels], labels, predicted)
    return np.stack([np.bincount(c.astype(np.intp), minlength=classes) for c in counted], axis=1)


def _averaged(what: str, score: Callable[[Any], Any], hits: Any, average: str | None) -> float:
    """A score of the classes, averaged as scikit-learn does."""
    if average not in (None, *_AVERAGES):
        raise ValueError(f"{what}: average must be one of {_AVERAGES} or None, got {average!r}")
    if not hits.any():
        raise ValueError(f"{what}: there is nothing to judge: every label is the ignore_index")
    average = average or ("binary" if len(hits) == 2 else "macro")
    if average == "micro":
        return float(score(hits.sum(axis=0)))
    if average == "binary":
        if len(hits) != 2:
            raise ValueError(
                f'{what}: average="binary" is for two classes, and there are {len(hits)}; use '
                '"macro", "micro" or "weighted"'
            )
        return float(score(hits[1]))
    hits = hits[hits.any(axis=1)]  # classes that are neither there nor predicted do not count
    weights = hits[:, 1] if average == "weighted" else np.ones(len(hits))
    return float(np.sum(score(hits) * weights) / np.sum(weights))


def _ratio(numerator: Any, denominator: Any) -> Any:
    """0 where nothing was there or predicted, as scikit-learn says."""
    return np.where(denominator, numerator / np.where(denominator, denominator, 1), 0.0)


def _precision(hits: Any, average: str | None = None, **options: Any) -> float:
    return _averaged("precision_score", lambda h: _ratio(h[..., 0], h[..., 2]), hits, average)


def _recall(hits: Any, average: str | None = None, **options: Any) -> float:
    return _averaged("recall_score", lambda h: _ratio(h[..., 0], h[..., 1]), hits, average)


def _f1(hits: Any, average: str | None = None, **options: Any) -> float:
    return _averaged(
        "f1_score", lambda h: _ratio(2 * h[..., 0], h[..., 1] + h[..., 2]), hits, average
    )


@_adds_up(partial(_hits, "precision_score"), _precision)
def precision_score(
    prediction: Any, target: Any, average: str | None = None, threshold: float = 0.5,
    ignore_index: int | None = None,
) -> float:  # fmt: skip
    """How much of what was predicted as a class is of it: right / predicted.

    Args: prediction and target as of `accuracy`, or predicted labels, integers (n,); average,
        "binary", the score of class 1, which is meant with two classes; with more "macro", the mean
        over the classes that occur; "micro", of all classes' counts together; "weighted", by how
        often each is there; threshold, above which one score means class 1; ignore_index, a label
        to pass over.
    It is 0.0 for a class that was never predicted. Source: scikit-learn's precision_score, whose
    argument order is the other one.

    >>> precision_score([0.9, 0.8, 0.7, 0.2], [1, 0, 1, 1])
    0.6666666666666666
    """
    return _precision(
        _hits("precision_score", prediction, target, None, threshold, ignore_index), average
    )


@_adds_up(partial(_hits, "recall_score"), _recall)
def recall_score(
    prediction: Any, target: Any, average: str | None = None, threshold: float = 0.5,
    ignore_index: int | None = None,
) -> float:  # fmt: skip
    """How much of a class was found: right / there. Arguments as of `precision_score`.

    It is 0.0 for a class that is not there. Source: scikit-learn's recall_score.

    >>> recall_score([0.9, 0.8, 0.3, 0.2], [1, 0, 1, 0])
    0.5
    """
    return _recall(
        _hits("recall_score", prediction, target, None, threshold, ignore_index), average
    )


@_adds_up(partial(_hits, "f1_score"), _f1)
def f1_score(
    prediction: Any, target: Any, average: str | None = None, threshold: float = 0.5,
    ignore_index: int | None = None,
) -> float:  # fmt: skip
    """The harmonic mean of precision and recall: 2 right / (predicted + there).

    Arguments as of `precision_score`. Source: scikit-learn's f1_score.

    >>> f1_score([0.9, 0.8, 0.7, 0.2], [1, 0, 1, 1])
    0.6666666666666666
    """
    return _f1(_hits("f1_score", prediction, target, None, threshold, ignore_index), average)


# ---- ranking ------------------------------------------------------------------------------------


def roc_auc_score(prediction: Any, target: Any, ignore_index: int | None = None) -> float:
    """How probable it is that a sample of class 1 has a higher score than one of class 0.

    That is the area under the ROC curve; equal scores count one half. Args: prediction, one score a
        sample, (n,) or (n, 1), probabilities or logits, and targets 0 or 1; or scores (n, C) with
        labels (n,): of each class against the rest, the mean over the classes that are there (of
        two classes, of class 1); logits are made probabilities by softmax; ignore_index, a label to
        pass over.
    Raises ValueError where there is only one class. Source: scikit-learn's roc_auc_score, with
    multi_class="ovr" (which wants every class there); its argument order is the other one.

    >>> roc_auc_score([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    0.75
    """
    scores, targets = _kept("roc_auc_score", prediction, target, ignore_index)
    if not len(targets):
        raise ValueError(
            "roc_auc_score: there is nothing to judge: every label is the ignore_index"
        )
    if scores.ndim == 2 and scores.shape[1] > 1:
        labels = _labels("roc_auc_score", scores, targets)
        scores = _probabilities(scores)
    else:
        scores, labels = _binary("roc_auc_score", scores, targets, None)
        scores = scores[:, None]
    present = np.unique(labels.astype(np.int64))
    if len(present) == 1:
        raise ValueError(
            f"roc_auc_score: the target has only class {present[0]}; it compares samples of a "
            "class with samples of others"
        )
    if scores.shape[1] <= 2:
        return _area(scores[:, -1], labels == 1)
    return float(np.mean([_area(scores[:, k], labels == k) for k in present]))


def _probabilities(scores: Any) -> Any:
    """Rows that add up to 1: the scores themselves, or their softmax."""
    scores = scores.astype(np.float64)
    if scores.min() >= 0 and np.abs(scores.sum(axis=1) - 1).max() < 1e-2:
        return scores
    if scores.shape[1] == 2:  # the same order as of the softmax, and nothing is rounded to 1
        return scores[:, 1:] - scores[:, :1]
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _area(scores: Any, positive: Any) -> float:
    """By the ranks of the positive samples, the mean rank for equal scores (Mann and Whitney)."""
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2)[place.reshape(-1)]
    n, m = np.count_nonzero(positive), np.count_nonzero(~positive)
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * m))


# ---- distances ----------------------------------------------------------------------------------


def _differences(what: str, prediction: Any, target: Any) -> Any:
    predicted, targets = _both(what, prediction, target, finite=True)
    _check_same(what, predicted, targets)
    return np.subtract(predicted, targets, dtype=np.float64)


def _check_same(what: str, predicted: Any, targets: Any) -> None:
    if predicted.shape != targets.shape:
        cure = "they must be the same, (n,) or (n, outputs)"
        if predicted.size == targets.size:
            cure = f"reshape the target: target.reshape({predicted.shape})"
        raise ValueError(
            f"{what}: prediction has shape {predicted.shape}, target {targets.shape}; {cure}"
        )


def _absolute(prediction: Any, target: Any) -> Any:
    error = _differences("mean_absolute_error", prediction, target)
    return np.array([np.abs(error, out=error).sum(), error.size])


def _squares(prediction: Any, target: Any) -> Any:
    error = _differences("mean_squared_error", prediction, target)
    return np.array([np.square(error, out=error).sum(), error.size])


@_adds_up(_absolute, partial(_share, "mean_absolute_error"))
def mean_absolute_error(prediction: Any, target: Any) -> float:
    """The mean of |prediction - target| over all elements; both have the same shape.

    Source: scikit-learn's mean_absolute_error.

    >>> mean_absolute_error([2.5, 0.0, 2.0, 8.0], [3.0, -0.5, 2.0, 7.0])
    0.5
    """
    return _share("mean_absolute_error", _absolute(prediction, target))


@_adds_up(_squares, partial(_share, "mean_squared_error"))
def mean_squared_error(prediction: Any, target: Any) -> float:
    """The mean of (prediction - target)² over all elements; both have the same shape.

    Source: scikit-learn's mean_squared_error.

    >>> mean_squared_error([2.5, 0.0, 2.0, 8.0], [3.0, -0.5, 2.0, 7.0])
    0.375
    """
    return _share("mean_squared_error", _squares(prediction, target))


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


_BY_NAME: dict[str, Callable[..., float]] = {
    "accuracy": accuracy, "auc": roc_auc_score, "f1": f1_score, "f1_score": f1_score,
    "mae": mean_absolute_error, "mean_absolute_error": mean_absolute_error,
    "mean_squared_error": mean_squared_error, "mse": mean_squared_error,
    "precision": precision_score, "precision_score": precision_score, "r2_score": r2_score,
    "recall": recall_score, "recall_score": recall_score, "roc_auc_score": roc_auc_score,
    "top_k_accuracy": top_k_accuracy,
}  # fmt: skip
_FALLING = {mean_absolute_error, mean_squared_error}


def rises(name: str) -> bool | None:
    """Whether more is better of the metric of this name; None for a name that is not known.

    >>> rises("f1"), rises("mse"), rises("figure")
    (True, False, None)
    """
    return _BY_NAME[name] not in _FALLING if name in _BY_NAME else None


def by_name(name: str) -> Callable[..., float]:
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


def _kept(metric: str, prediction: Any, target: Any, ignore_index: int | None) -> tuple[Any, Any]:
    """Both as of `_both`, without the samples whose label is to be passed over."""
    predicted, targets = _both(metric, prediction, target)
    if predicted.ndim == targets.ndim + 1 > 2 and predicted.shape[2:] == targets.shape[1:]:
        # a label at each place of images or sequences, as cross_entropy takes them: each counts
        predicted = np.moveaxis(predicted, 1, -1).reshape(-1, predicted.shape[1])
        targets = targets.reshape(-1)
    if ignore_index is None or targets.size != len(targets):
        return predicted, targets
    if isinstance(ignore_index, (bool, np.bool_)) or not hasattr(ignore_index, "__index__"):
        raise TypeError(f"{metric}: ignore_index must be an integer, got {ignore_index!r}")
    keep = targets.reshape(-1) != operator.index(ignore_index)
    return (predicted, targets) if keep.all() else (predicted[keep], targets[keep])


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
        array = values.data if isinstance(values, Tensor) else as_numbers(np.asarray(values))
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
