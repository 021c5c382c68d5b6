"""Losses of the distance to a target of the same shape, as operation, function and Module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd import primitive
from nn.checks import flag, number
from nn.habits import told
from nn.layers.activations import hardtanh
from nn.losses.mistakes import SUSPECT, check_prediction
from nn.losses.reduction import (
    _Loss,
    check_reduction,
    divided_by,
    elements,
    paired,
    reduced,
    share_of,
)

__all__ = [
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "MSELoss",
    "SmoothL1Loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "mse_loss",
    "smooth_l1_loss",
]

# In all of them `_share` is what each element counts, the share at the end of a formula; if
# `_total`, the shares are added up.


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


# ---- squared and absolute ---------------------------------------------------------------------


_fused_mse = _of_difference(
    "mse_loss", np.square, lambda g, d: g * 2 * d,
    ("2 g (prediction - target) share", "-2 g (prediction - target) share"),
)  # fmt: skip


@told
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


class MSELoss(_Loss):
    """The squared error (prediction - target)²; see `nn.functional.mse_loss`.

    >>> MSELoss()([1.0, 3.0], [1.0, 1.0])
    Tensor(2.)
    """

    _function = staticmethod(mse_loss)

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)


_fused_l1 = _of_difference(
    "l1_loss", np.absolute, lambda g, d: g * np.sign(d),
    ("g sign(prediction - target) share", "-g sign(prediction - target) share"),
)  # fmt: skip


@told
@divided_by(elements)
def l1_loss(prediction: Any, target: Any, reduction: str = "mean") -> Any:
    """The distance |prediction - target| of each element, and their mean or sum; slope 0 at 0.

    Arguments and errors as of `mse_loss`. Source: PyTorch's l1_loss.

    >>> l1_loss([1.0, 3.0], [1.0, 1.0])
    Tensor(1.)
    """
    return _distance(_fused_l1, "l1_loss", prediction, target, reduction)


class L1Loss(_Loss):
    """The distance |prediction - target|; see `nn.functional.l1_loss`.

    >>> L1Loss()([1.0, 3.0], [1.0, 1.0])
    Tensor(1.)
    """

    _function = staticmethod(l1_loss)

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)


# ---- a parabola near 0 ------------------------------------------------------------------------


def _huber_loss(prediction: Any, target: Any, delta: float, _share: float, _total: bool) -> Any:
    """d²/2 up to delta, from there on its tangent: c (|d| - c/2) with c = min(|d|, delta)."""
    distance = np.absolute(prediction - target)
    near = np.minimum(distance, delta)
    return reduced(near * (distance - near * 0.5), _share, _total)


def _plain_huber(prediction: Any, target: Any, delta: float, _share: float, _total: bool) -> Any:
    d = prediction - target
    size = np.absolute(d)
    losses = np.where(size <= delta, 0.5 * d**2, delta * (size - 0.5 * delta))
    return reduced(losses, _share, _total)


def _plain_huber_rule(
    g: Any, y: Any, prediction: Any, target: Any, delta: float, _share: float, _total: bool
) -> Any:
    return g * _share * np.clip(prediction - target, -delta, delta)


_fused_huber = primitive(
    _huber_loss,
    lambda g, y, prediction, target, delta, _share, _total: (
        g * _share * hardtanh(prediction - target, -delta, delta)
    ),
    lambda g, y, prediction, target, delta, _share, _total: (
        g * _share * hardtanh(target - prediction, -delta, delta)
    ),
    formula=(
        "g clip(prediction - target, -delta, delta) share",
        "-g clip(prediction - target, -delta, delta) share",
    ),
    plainly=(
        _plain_huber,
        _plain_huber_rule,
        lambda g, y, prediction, target, delta, _share, _total: _plain_huber_rule(
            g, y, target, prediction, delta, _share, _total
        ),
    ),
)


@told
@divided_by(elements)
def huber_loss(prediction: Any, target: Any, reduction: str = "mean", delta: float = 1.0) -> Any:
    """Half the squared error up to the distance delta, beyond it delta (distance - delta/2).

    Arguments and errors as of `mse_loss`; delta > 0. Source: Huber, "Robust estimation of a
    location parameter", 1964; PyTorch's huber_loss.

    >>> huber_loss([1.0, 3.0, 11.0], 3 * [1.0], reduction="none")
    Tensor([0. , 1.5, 9.5])
    """
    delta = number("huber_loss: delta", delta, above=0)
    return _distance(_fused_huber, "huber_loss", prediction, target, reduction, (delta,))


class HuberLoss(_Loss):
    """Half the squared error up to delta, linear beyond; see `nn.functional.huber_loss`.

    >>> HuberLoss()([1.0, 3.0], [1.0, 1.0])
    Tensor(0.75)
    """

    _function = staticmethod(huber_loss)

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        delta = number("HuberLoss: delta", delta, above=0)
        super().__init__(reduction=reduction, delta=delta)


@told
@divided_by(elements)
def smooth_l1_loss(prediction: Any, target: Any, reduction: str = "mean", beta: float = 1.0) -> Any:
    """The distance, less beta/2, but near 0 a parabola: huber_loss(delta=beta) / beta.

    Arguments and errors as of `mse_loss`; beta >= 0, and beta = 0 is the l1_loss. Source:
    Girshick, "Fast R-CNN", 2015; PyTorch's smooth_l1_loss.

    >>> smooth_l1_loss([1.0, 3.0, 11.0], 3 * [1.0], reduction="none", beta=2.0)
    Tensor([0., 1., 9.])
    """
    beta = number("smooth_l1_loss: beta", beta, least=0)
    if not beta:
        return _distance(_fused_l1, "smooth_l1_loss", prediction, target, reduction)
    return _distance(_fused_huber, "smooth_l1_loss", prediction, target, reduction, (beta,), beta)


class SmoothL1Loss(_Loss):
    """The distance, rounded off up to beta; see `nn.functional.smooth_l1_loss`.

    >>> SmoothL1Loss(beta=2.0)([1.0, 3.0], [1.0, 1.0])
    Tensor(0.5)
    """

    _function = staticmethod(smooth_l1_loss)

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        beta = number("SmoothL1Loss: beta", beta, least=0)
        super().__init__(reduction=reduction, beta=beta)


# ---- divergence of distributions --------------------------------------------------------------

_WITH_BATCHMEAN = ("mean", "batchmean", "sum", "none")


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


@told
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
    check_reduction("kl_div", reduction, _WITH_BATCHMEAN)
    prediction, target = paired("kl_div", prediction, target)
    if prediction.made_by in SUSPECT:
        check_prediction("kl_div", prediction)
    if reduction == "batchmean":
        share = share_of("mean", prediction.shape[0] if prediction.ndim else 1)
    else:
        share = share_of(reduction, prediction.size)
    operation = _fused_kl_of_logs if log_target else _fused_kl
    return operation(prediction, target, share, reduction != "none")


class KLDivLoss(_Loss):
    """How far log probabilities are off from probabilities; see `nn.functional.kl_div`.

    The Kullback-Leibler divergence is that with the reduction "batchmean".

    >>> KLDivLoss("batchmean")(np.log([[0.5, 0.5], [0.5, 0.5]]), [[0.5, 0.5], [1, 0]])
    Tensor(0.34657359)
    """

    _function = staticmethod(kl_div)
    _reductions = _WITH_BATCHMEAN

    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        log_target = flag("KLDivLoss: log_target", log_target)
        super().__init__(reduction=reduction, log_target=log_target)
