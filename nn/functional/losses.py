"""Losses of each element alone, and their rules.

Prediction and target have the same shape.

May import: autograd, arguments, activations, mistakes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd import Tensor, primitive, relu, sigmoid, softplus
from nn.functional.activations import hardtanh
from nn.functional.arguments import (
    as_constant,
    as_number,
    check_reduction,
    divided_by,
    elements,
    paired,
    reduced,
    share_of,
    values,
)
from nn.functional.mistakes import PLAIN, SUSPECT, check_one_logit, check_prediction

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "huber_loss", "kl_div", "l1_loss",
    "mse_loss", "smooth_l1_loss",
]  # fmt: skip

# In all of them `_share` is what each element counts, the share at the end of a formula; if
# `_total`, the shares are added up.

# ---- losses of the difference -----------------------------------------------------------------


def _of_difference(
    name: str, value: Callable[..., Any], slope: Callable[..., Any], formula: tuple[str, str]
) -> Callable[..., Any]:
    """The operation of a loss value(d), d = prediction - target, an even function.

    `slope(g, d)` is g times its derivative, which is odd: at -d it is that by the target.
    """

    def forward(prediction: Any, target: Any, _share: float, _total: bool) -> Any:
        return reduced(value(prediction - target), _share, _total)

    def by_prediction(
        g: Any, y: Any, prediction: Any, target: Any, _share: float, _total: bool
    ) -> Any:
        return slope(g * _share, prediction - target)

    def by_target(g: Any, y: Any, prediction: Any, target: Any, _share: float, _total: bool) -> Any:
        return slope(g * _share, target - prediction)

    forward.__name__ = name
    return primitive(forward, by_prediction, by_target, formula=formula)


def _huber_loss(prediction: Any, target: Any, delta: float, _share: float, _total: bool) -> Any:
    """d²/2 up to delta, from there on its tangent: c (|d| - c/2) with c = min(|d|, delta)."""
    distance = np.absolute(prediction - target)
    near = np.minimum(distance, delta)
    return reduced(near * (distance - near * 0.5), _share, _total)


def _huber_by_prediction(
    g: Any, y: Any, prediction: Any, target: Any, delta: float, _share: float, _total: bool
) -> Any:
    return g * _share * hardtanh(prediction - target, -delta, delta)


def _huber_by_target(
    g: Any, y: Any, prediction: Any, target: Any, delta: float, _share: float, _total: bool
) -> Any:
    return g * _share * hardtanh(target - prediction, -delta, delta)


_fused_mse = _of_difference(
    "mse_loss", np.square, lambda g, d: g * 2 * d,
    ("2 g (prediction - target) share", "-2 g (prediction - target) share"),
)  # fmt: skip
_fused_l1 = _of_difference(
    "l1_loss", np.absolute, lambda g, d: g * np.sign(d),
    ("g sign(prediction - target) share", "-g sign(prediction - target) share"),
)  # fmt: skip
_fused_huber = primitive(
    _huber_loss,
    _huber_by_prediction,
    _huber_by_target,
    formula=(
        "g clip(prediction - target, -delta, delta) share",
        "-g clip(prediction - target, -delta, delta) share",
    ),
)


@divided_by(elements)
def mse_loss(prediction: Any, target: Any, reduction: str = "mean") -> Any:
    """The squared error (prediction - target)² of each element, and their mean or sum.

    Args: prediction and target of the same shape; reduction, "mean", "sum" or "none". Raises
    ValueError for two shapes: broadcasting (n, 1) against (n,) would compare everything with
    everything. Source: PyTorch's mse_loss, which only warns there.

    >>> mse_loss([1.0, 3.0], [1.0, 1.0])
    Tensor(2.)
    """
    return _distance(_fused_mse, "mse_loss", prediction, target, reduction)


@divided_by(elements)
def l1_loss(prediction: Any, target: Any, reduction: str = "mean") -> Any:
    """The distance |prediction - target| of each element, and their mean or sum; slope 0 at 0.

    Arguments and errors as of `mse_loss`. Source: PyTorch's l1_loss.

    >>> l1_loss([1.0, 3.0], [1.0, 1.0])
    Tensor(1.)
    """
    return _distance(_fused_l1, "l1_loss", prediction, target, reduction)


@divided_by(elements)
def huber_loss(prediction: Any, target: Any, reduction: str = "mean", delta: float = 1.0) -> Any:
    """Half the squared error up to the distance delta, beyond it delta (distance - delta/2).

    Arguments and errors as of `mse_loss`; delta > 0. Source: Huber, "Robust estimation of a
    location parameter", 1964; PyTorch's huber_loss.

    >>> huber_loss([1.0, 3.0, 11.0], 3 * [1.0], reduction="none")
    Tensor([0. , 1.5, 9.5])
    """
    delta = as_number("huber_loss", "delta", delta, above=0)
    return _distance(_fused_huber, "huber_loss", prediction, target, reduction, (delta,))


@divided_by(elements)
def smooth_l1_loss(prediction: Any, target: Any, reduction: str = "mean", beta: float = 1.0) -> Any:
    """The distance, less beta/2, but near 0 a parabola: huber_loss(delta=beta) / beta.

    Arguments and errors as of `mse_loss`; beta >= 0, and beta = 0 is the l1_loss. Source:
    Girshick, "Fast R-CNN", 2015; PyTorch's smooth_l1_loss.

    >>> smooth_l1_loss([1.0, 3.0, 11.0], 3 * [1.0], reduction="none", beta=2.0)
    Tensor([0., 1., 9.])
    """
    beta = as_number("smooth_l1_loss", "beta", beta, least=0)
    if not beta:
        return _distance(_fused_l1, "smooth_l1_loss", prediction, target, reduction)
    return _distance(_fused_huber, "smooth_l1_loss", prediction, target, reduction, (beta,), beta)


def _distance(
    operation: Callable[..., Any], name: str, prediction: Any, target: Any, reduction: str,
    options: tuple[float, ...] = (), unit: float = 1.0,
) -> Any:  # fmt: skip
    """An operation of `_of_difference`, on checked arguments; losses are counted in units."""
    check_reduction(name, reduction)
    prediction, target = paired(name, prediction, target)
    if prediction.made_by in SUSPECT:
        check_prediction(name, prediction)
    share = share_of(reduction, prediction.size) / unit
    return operation(prediction, target, *options, share, reduction != "none")


# ---- binary cross-entropy of probabilities ----------------------------------------------------


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


def _weighted(x: Any, weight: Any) -> Any:
    return x if weight is None else x * weight


_fused_probabilities = primitive(
    _binary_cross_entropy, _binary_by_prediction, _binary_by_target,
    formula=(
        "g (prediction - target)/(prediction (1-prediction)) share",
        "g (log(1-prediction) - log(prediction)) share",
    ),
)  # fmt: skip


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


_SCALE = "the two classes are 0 and 1, and a target is one of them or between"


def _check_probabilities(name: str, what: str, x: Any, cure: str) -> None:
    array = values(x)
    if not array.size or (array.min() >= 0 and array.max() <= 1):
        return
    place = tuple(int(i) for i in np.argwhere(~((array >= 0) & (array <= 1)))[0])
    at = f" at position {place[0] if len(place) == 1 else place}" if place else ""
    if np.isnan(array[place]):
        cure = "look for it in the data, and in the model under autograd.detect_anomaly()"
    raise ValueError(f"{name}: the {what} {array[place]}{at} is not in [0, 1]; {cure}")


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


# ---- binary cross-entropy of logits -----------------------------------------------------------


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


_fused_logits = primitive(
    _binary_cross_entropy_with_logits,
    _logits_by_logits,
    _logits_by_target,
    formula=("g (sigmoid(logits) - target) share", "-g logits share"),
)


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
    if logits.made_by not in PLAIN:
        check_one_logit(name, logits)
    _check_probabilities(name, "target", target, _SCALE)
    weight = _fitting(name, "weight", weight, logits)
    pos_weight = _fitting(name, "pos_weight", pos_weight, logits)
    share = share_of(reduction, logits.size)
    return _fused_logits(logits, target, weight, pos_weight, share, reduction != "none")


# ---- divergence of distributions --------------------------------------------------------------


def _kl_div(prediction: Any, target: Any, _share: float, _total: bool) -> Any:
    log = np.log(np.where(target == 0, 1, target))  # of 0 anything, which counts nothing
    return reduced(target * (log - prediction), _share, _total)


_fused_kl = primitive(
    _kl_div,
    lambda g, y, prediction, target, _share, _total: -target * (g * _share),
    lambda g, y, prediction, target, _share, _total: (
        (np.log(target) - prediction + 1) * (g * _share)
    ),
    formula=("-g target share", "g (log(target) - prediction + 1) share"),
)


def _known(log: Any) -> Any:
    """The logs of probabilities, with any number for that of 0, which counts nothing."""
    return np.where(log == -np.inf, 0, log)


def _kl_div_of_logs(prediction: Any, target: Any, _share: float, _total: bool) -> Any:
    return reduced(np.exp(target) * (_known(target) - prediction), _share, _total)


_fused_kl_of_logs = primitive(
    _kl_div_of_logs,
    lambda g, y, prediction, target, _share, _total: -np.exp(target) * (g * _share),
    lambda g, y, prediction, target, _share, _total: (
        np.exp(target) * (_known(target) - prediction + 1) * (g * _share)
    ),
    formula=("-g exp(target) share", "g exp(target) (target - prediction + 1) share"),
)


@divided_by(elements)
def kl_div(prediction: Any, target: Any, reduction: str = "mean", log_target: bool = False) -> Any:
    """target (log(target) - prediction), of log probabilities as prediction: how far it is off.

    Args: prediction, such as of `log_softmax`, and target, probabilities, of the same shape;
    reduction, "batchmean" for the Kullback-Leibler divergence, the sum divided by the length of the
    first axis, "mean" (over the number of elements), "sum" or "none"; log_target, True for a target
    of log probabilities. A probability of 0 in the target counts 0. Errors as of `mse_loss`.
    Source: Kullback and Leibler, "On information and sufficiency", 1951; PyTorch's kl_div.

    >>> kl_div(np.log([[0.5, 0.5], [0.5, 0.5]]), [[0.5, 0.5], [1, 0]], reduction="batchmean")
    Tensor(0.34657359)
    """
    check_reduction("kl_div", reduction, ("mean", "batchmean", "sum", "none"))
    prediction, target = paired("kl_div", prediction, target)
    if prediction.made_by in SUSPECT:
        check_prediction("kl_div", prediction)
    if reduction == "batchmean":
        share = share_of("mean", prediction.shape[0] if prediction.ndim else 1)
    else:
        share = share_of(reduction, prediction.size)
    operation = _fused_kl_of_logs if log_target else _fused_kl
    return operation(prediction, target, share, reduction != "none")
