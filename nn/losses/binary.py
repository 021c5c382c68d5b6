"""Losses of yes or no, from probabilities and from logits: operation, function and Module.

Prediction and target have the same shape.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd import Tensor, primitive, relu, sigmoid, softplus
from nn.arguments import at_first, values
from nn.habits import told
from nn.losses.mistakes import PLAIN, SUSPECT, check_one_logit, check_prediction
from nn.losses.reduction import (
    _Loss,
    as_constant,
    check_reduction,
    divided_by,
    elements,
    paired,
    reduced,
    share_of,
)

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
]

# In both `_share` is what each element counts, the share at the end of a formula; if `_total`, the
# shares are added up.


def _weighted(x: Any, weight: Any) -> Any:
    return x if weight is None else x * weight


def _fitting(name: str, option: str, value: Any, prediction: Any) -> Any:
    """Weights as an array in the prediction's dtype, which broadcasts to its shape."""
    weight = as_constant(name, option, value, prediction.dtype)
    if weight is None:
        return None
    try:
        fits = np.broadcast_shapes(weight.shape, prediction.shape) == prediction.shape
    except ValueError:
        fits = False
    if fits:
        return weight
    raise ValueError(
        f"{name}: {option} of shape {weight.shape} does not broadcast to the prediction's shape "
        f"{prediction.shape}; give one number for each element, or for each column"
    )


_SCALE = "the two classes are 0 and 1, and a target is one of them or between"


def _check_probabilities(name: str, what: str, x: Any, cure: str) -> None:
    array = values(x)
    if not array.size or (array.min() >= 0 and array.max() <= 1):
        return
    place, at = at_first(~((array >= 0) & (array <= 1)))
    if np.isnan(array[place]):
        cure = "look for it in the data, and in the model under autograd.detect_anomaly()"
    raise ValueError(f"{name}: the {what} {array[place]}{at} is not in [0, 1]; {cure}")


# ---- of probabilities -------------------------------------------------------------------------


def _least(x: Any) -> float:
    """What a divisor is at least: 1e-12 as in PyTorch, or the smallest normal number."""
    return max(1e-12, float(np.finfo(x.dtype).tiny))


def _clamped_log(p: Any) -> Any:
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(p), -100)


def _clamped_log_rest(p: Any) -> Any:
    with np.errstate(divide="ignore"):
        return np.maximum(np.log1p(-p), -100)


_fused_log = primitive(
    _clamped_log, lambda g, y, p: g / np.maximum(p, _least(p)), formula="g/p", elementwise=True
)


_fused_log_rest = primitive(
    _clamped_log_rest, lambda g, y, p: -g / np.maximum(1 - p, _least(p)),
    formula="-g/(1-p)", elementwise=True,
)  # fmt: skip


def _binary_cross_entropy(
    prediction: Any, target: Any, weight: Any, _share: float, _total: bool
) -> Any:
    right = target * _fused_log(prediction) + (1 - target) * _fused_log_rest(prediction)
    return reduced(0 - _weighted(right, weight), _share, _total)  # a minus alone makes -0 of 0


def _binary_by_prediction(
    g: Any, y: Any, prediction: Any, target: Any, weight: Any, _share: float, _total: bool
) -> Any:
    """Where the logs are clamped, it is not 0 but large, and leads away from there."""
    variance = np.maximum(prediction * (1 - prediction), _least(prediction))
    return _weighted((prediction - target) / variance, weight) * (g * _share)


def _binary_by_target(
    g: Any, y: Any, prediction: Any, target: Any, weight: Any, _share: float, _total: bool
) -> Any:
    slope = _fused_log_rest(prediction) - _fused_log(prediction)
    return _weighted(slope, weight) * (g * _share)


# As one would write them by hand, where no digit counts.


def _plain_cross_entropy(
    prediction: Any, target: Any, weight: Any, _share: float, _total: bool
) -> Any:
    losses = -(target * np.log(prediction) + (1 - target) * np.log(1 - prediction))
    return reduced(_weighted(losses, weight), _share, _total)


def _plain_by_prediction(
    g: Any, y: Any, prediction: Any, target: Any, weight: Any, _share: float, _total: bool
) -> Any:
    slope = (prediction - target) / (prediction * (1 - prediction))
    return _weighted(slope, weight) * (g * _share)


def _plain_by_target(
    g: Any, y: Any, prediction: Any, target: Any, weight: Any, _share: float, _total: bool
) -> Any:
    slope = np.log(1 - prediction) - np.log(prediction)
    return _weighted(slope, weight) * (g * _share)


_fused_probabilities = primitive(
    _binary_cross_entropy, _binary_by_prediction, _binary_by_target,
    plainly=(_plain_cross_entropy, _plain_by_prediction, _plain_by_target),
    formula=(
        "g (prediction - target)/(prediction (1-prediction)) share",
        "g (log(1-prediction) - log(prediction)) share",
    ),
)  # fmt: skip


@told
@divided_by(elements)
def binary_cross_entropy(
    prediction: Any, target: Any, weight: Any = None, *, reduction: str = "mean"
) -> Any:
    """-t log(p) - (1 - t) log(1 - p) of probabilities p and targets t, both in [0, 1].

    Args: prediction and target of the same shape; weight of each element, of a shape that
    broadcasts to theirs; reduction, "mean" (over the number of elements), "sum" or "none". Each log
    is at least -100. Raises ValueError for a value outside of [0, 1], naming it and its place. From
    logits, `binary_cross_entropy_with_logits` is exact. Source: PyTorch's binary_cross_entropy.

    >>> binary_cross_entropy([0.5, 0.0], [1, 1], reduction="none")
    Tensor([  0.69314718, 100.        ])
    """
    name = "binary_cross_entropy"
    check_reduction(name, reduction)
    prediction, target = paired(name, prediction, target)
    if prediction.made_by in SUSPECT:
        check_prediction(name, prediction)
    cure = "apply a sigmoid first, or give logits to binary_cross_entropy_with_logits"
    _check_probabilities(name, "prediction", prediction, cure)
    _check_probabilities(name, "target", target, _SCALE)
    weight = _fitting(name, "weight", weight, prediction)
    share = share_of(reduction, prediction.size)
    return _fused_probabilities(prediction, target, weight, share, reduction != "none")


class BCELoss(_Loss):
    """Binary cross-entropy of probabilities; see `nn.functional.binary_cross_entropy`.

    Put a Sigmoid before it, or better use BCEWithLogitsLoss without one.

    >>> BCELoss()(Tensor([0.5, 0.5]), [0, 1])
    Tensor(0.69314718)
    """

    _function = staticmethod(binary_cross_entropy)

    def __init__(self, weight: Any = None, reduction: str = "mean") -> None:
        weight = as_constant("BCELoss", "weight", weight)
        super().__init__(weight=weight, reduction=reduction)


# ---- of logits --------------------------------------------------------------------------------


def _binary_cross_entropy_with_logits(
    logits: Any, target: Any, weight: Any, pos_weight: Any, _share: float, _total: bool
) -> Any:
    # Every term is small where the loss is: softplus(x) - t x would lose its digits there.
    small = softplus(-np.absolute(logits))
    if pos_weight is None:
        losses = relu(logits)
        losses -= logits * target
        losses += small
    else:
        positive, rest = target * pos_weight, 1 - target
        losses = (positive + rest) * small + rest * relu(logits) + positive * relu(-logits)
    return reduced(_weighted(losses, weight), _share, _total)


def _sigmoid_less(x: Any, target: Any) -> Any:
    """sigmoid(x) - target, exact also where the first is nearly 1."""
    if isinstance(x, Tensor) or isinstance(target, Tensor) or not x.ndim:
        return sigmoid(x) * (1 - target) - sigmoid(-x) * target
    z = np.absolute(x)  # sigmoid(x) is max(z, x >= 0)/(1 + z) with z = exp(-|x|)
    np.exp(np.negative(z, z), z)
    slope = np.maximum(z, x >= 0)
    slope -= target
    slope -= z * target
    z += 1
    slope /= z
    return slope


def _logits_by_logits(
    g: Any, y: Any, logits: Any, target: Any, weight: Any, pos_weight: Any, _share: float,
    _total: bool,
) -> Any:  # fmt: skip
    if pos_weight is None:
        slope = _sigmoid_less(logits, target)
    else:
        slope = sigmoid(logits) * (1 - target) - sigmoid(-logits) * (target * pos_weight)
    return _weighted(slope, weight) * (g * _share)


def _logits_by_target(
    g: Any, y: Any, logits: Any, target: Any, weight: Any, pos_weight: Any, _share: float,
    _total: bool,
) -> Any:  # fmt: skip
    slope = -logits if pos_weight is None else pos_weight * softplus(-logits) - softplus(logits)
    return _weighted(slope, weight) * (g * _share)


# As one would write them by hand, where no digit counts.


def _plain_with_logits(
    logits: Any, target: Any, weight: Any, pos_weight: Any, _share: float, _total: bool
) -> Any:
    if pos_weight is None:
        losses = np.logaddexp(0, logits) - logits * target
    else:
        losses = (1 - target) * np.logaddexp(0, logits)
        losses = losses + pos_weight * target * np.logaddexp(0, -logits)
    return reduced(_weighted(losses, weight), _share, _total)


def _plain_logits_by_logits(
    g: Any, y: Any, logits: Any, target: Any, weight: Any, pos_weight: Any, _share: float,
    _total: bool,
) -> Any:  # fmt: skip
    p = sigmoid(logits)
    if pos_weight is None:
        slope = p - target
    else:
        slope = (1 - target) * p - pos_weight * target * (1 - p)
    return _weighted(slope, weight) * (g * _share)


_fused_logits = primitive(
    _binary_cross_entropy_with_logits,
    _logits_by_logits,
    _logits_by_target,
    formula=("g (sigmoid(logits) - target) share", "-g logits share"),
    plainly=(_plain_with_logits, _plain_logits_by_logits, _logits_by_target),
)


@told
@divided_by(elements)
def binary_cross_entropy_with_logits(
    logits: Any,
    target: Any,
    weight: Any = None,
    *,
    reduction: str = "mean",
    pos_weight: Any = None,
) -> Any:
    """-w t log(sigmoid(x)) - (1 - t) log(1 - sigmoid(x)) of logits x, finite at every finite x.

    Args: logits and target (in [0, 1]) of the same shape; weight of each element, and w =
    pos_weight of the class 1, for instance the zeros for each one, both of a shape that broadcasts
    to theirs; reduction, "mean" (over the number of elements), "sum" or "none". Raises ValueError
    for other targets. Source: PyTorch's binary_cross_entropy_with_logits, which takes those.

    >>> binary_cross_entropy_with_logits([0.0, -1000.0], [1, 1], reduction="none")
    Tensor([6.93147181e-01, 1.00000000e+03])
    """
    name = "binary_cross_entropy_with_logits"
    check_reduction(name, reduction)
    logits, target = paired(name, logits, target)
    made = logits.made_by
    if made not in PLAIN and (made or not logits.requires_grad):  # a leaf that is trained is meant
        check_one_logit(name, logits)
    _check_probabilities(name, "target", target, _SCALE)
    weight = _fitting(name, "weight", weight, logits)
    pos_weight = _fitting(name, "pos_weight", pos_weight, logits)
    share = share_of(reduction, logits.size)
    return _fused_logits(logits, target, weight, pos_weight, share, reduction != "none")


class BCEWithLogitsLoss(_Loss):
    """Binary cross-entropy of logits; see `nn.functional.binary_cross_entropy_with_logits`.

    Put no Sigmoid before it: it makes the probabilities itself, and safely.

    >>> BCEWithLogitsLoss()(Tensor([0.0, 1000.0]), [0, 1])
    Tensor(0.34657359)
    """

    _function = staticmethod(binary_cross_entropy_with_logits)

    def __init__(self, weight: Any = None, reduction: str = "mean", pos_weight: Any = None) -> None:
        weight = as_constant("BCEWithLogitsLoss", "weight", weight)
        pos_weight = as_constant("BCEWithLogitsLoss", "pos_weight", pos_weight)
        super().__init__(weight=weight, reduction=reduction, pos_weight=pos_weight)
