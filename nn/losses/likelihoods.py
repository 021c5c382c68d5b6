"""The likelihood of a number, or of a count, as a loss: operation, function and Module.

The prediction says which distribution it comes from. This file is loaded when one of them is first
asked for.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd import Tensor, primitive
from nn.arguments import (
    as_floats,
    as_input,
    as_tensor,
    at_first,
    at_least_single,
    in_dtype,
    values,
)
from nn.checks import flag, number
from nn.habits import told
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
    "GaussianNLLLoss",
    "PoissonNLLLoss",
    "gaussian_nll_loss",
    "poisson_nll_loss",
]

# In both `_share` is what each element counts, the share at the end of a formula; if `_total`, the
# shares are added up.


def _refuse(name: str, what: str, x: Any, wrong: Any, cure: str) -> None:
    """Raise ValueError if one of these numbers is wrong, naming it and its place."""
    if not wrong.any():
        return
    array = values(x)
    place, at = at_first(wrong)
    raise ValueError(f"{name}: the {what} {array[place]:g}{at} is below 0; {cure}")


# ---- normal -----------------------------------------------------------------------------------


def _raised(var: Any, eps: float) -> Any:
    return np.maximum(var, eps)


# Where it is raised to eps, the variance keeps its gradient, as in PyTorch: it may grow again.
_raised = primitive(_raised, lambda g, y, var, eps: g, formula="g", elementwise=True)


def _gaussian(
    prediction: Any, target: Any, var: Any, _constant: float, _share: float, _total: bool
) -> Any:
    losses = np.square(prediction - target)
    losses /= var
    losses += np.log(var)
    return reduced(losses * 0.5 + _constant, _share, _total)


def _gaussian_by_var(
    g: Any, y: Any, prediction: Any, target: Any, var: Any, _constant: float, _share: float,
    _total: bool,
) -> Any:  # fmt: skip
    d = prediction - target
    return g * (0.5 * _share) * (1 - d / var * d) / var


def _plain_gaussian(
    prediction: Any, target: Any, var: Any, _constant: float, _share: float, _total: bool
) -> Any:
    losses = 0.5 * (np.log(var) + (prediction - target) ** 2 / var)
    return reduced(losses + _constant if _constant else losses, _share, _total)


def _plain_gaussian_by_var(
    g: Any, y: Any, prediction: Any, target: Any, var: Any, _constant: float, _share: float,
    _total: bool,
) -> Any:  # fmt: skip
    return g * _share * 0.5 * (1 - (prediction - target) ** 2 / var) / var


_fused_gaussian = primitive(
    _gaussian,
    lambda g, y, prediction, target, var, _constant, _share, _total: (
        g * _share * (prediction - target) / var
    ),
    lambda g, y, prediction, target, var, _constant, _share, _total: (
        g * _share * (target - prediction) / var
    ),
    _gaussian_by_var,
    formula=(
        "g (prediction - target)/var share",
        "-g (prediction - target)/var share",
        "g (1 - (prediction - target)²/var)/(2 var) share",
    ),
    plainly=(
        _plain_gaussian,
        lambda g, y, prediction, target, var, _constant, _share, _total: (
            g * _share * (prediction - target) / var
        ),
        lambda g, y, prediction, target, var, _constant, _share, _total: (
            g * _share * (target - prediction) / var
        ),
        _plain_gaussian_by_var,
    ),
)


@told
@divided_by(elements)
def gaussian_nll_loss(
    prediction: Any,
    target: Any,
    var: Any,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Any:
    """(log(var) + (prediction - target)² / var) / 2, of predicted means and variances.

    Args: prediction and target of the same shape; var, of the same shape, or with a last axis of
        length 1 or without it, or one number; full, True to add log(2π)/2; eps, the least variance,
        below which var is raised (and keeps its gradient); reduction, "mean" (over the number of
        elements), "sum" or "none".
    Raises ValueError for other shapes, and for a variance below 0. Source: Nix and Weigend,
    "Estimating the mean and variance of the target probability distribution", 1994; PyTorch's
    gaussian_nll_loss.

    >>> gaussian_nll_loss([1.0, 3.0], [1.0, 1.0], [1.0, 4.0], reduction="none")
    Tensor([0.        , 1.19314718])
    """
    name = "gaussian_nll_loss"
    check_reduction(name, reduction)
    full, eps = flag(f"{name}: full", full), number(f"{name}: eps", eps, above=0)
    prediction, target = paired(name, prediction, target)
    var = _variance(name, var, prediction)
    constant = 0.5 * math.log(2 * math.pi) if full else 0.0
    dtype, share = prediction.dtype, share_of(reduction, prediction.size)
    prediction, target, var = map(at_least_single, (prediction, target, var))
    var = np.broadcast_to(_raised(var, eps), prediction.shape)
    losses = _fused_gaussian(prediction, target, var, constant, share, reduction != "none")
    return in_dtype(losses, dtype)


def _variance(name: str, var: Any, prediction: Any) -> Any:
    """Variances as floats, of a shape that broadcasts to that of the prediction."""
    var = as_floats(as_tensor(name, "var", var))
    var = as_input(var, prediction.dtype)
    shape = prediction.shape
    if var.ndim and var.shape == shape[:-1] != shape:
        var = np.expand_dims(var, -1)
    fits = (
        not var.ndim
        or var.ndim == len(shape)
        and all(n in (wide, 1) for n, wide in zip(var.shape, shape))
    )
    if not fits:
        raise ValueError(
            f"{name}: var of shape {var.shape} does not fit the prediction's shape {shape}; give "
            "a variance for each element, or for each row: (n, 1)"
        )
    cure = "end the model in what is positive: functional.softplus(x), or np.exp(x)"
    _refuse(name, "var", var, values(var) < 0, cure)
    return var


class GaussianNLLLoss(_Loss):
    """-log of normal densities, of means and variances; see `nn.functional.gaussian_nll_loss`.

    It takes (prediction, target, var); of a model that gives both, a Trainer takes
    `lambda outputs, target: loss_function(outputs[0], target, outputs[1])`.

    >>> GaussianNLLLoss()([1.0, 3.0], [1.0, 1.0], [1.0, 4.0])
    Tensor(0.59657359)
    """

    _function = staticmethod(gaussian_nll_loss)

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(
            full=flag("GaussianNLLLoss: full", full),
            eps=number("GaussianNLLLoss: eps", eps, above=0),
            reduction=reduction,
        )

    def forward(self, prediction: Any, target: Any, var: Any) -> Tensor:  # type: ignore[override]
        options = {name: getattr(self, name) for name in self._options}
        return gaussian_nll_loss(prediction, target, var, **options)

    def divisor(  # type: ignore[override]
        self, prediction: Any, target: Any, var: Any = None, sample_weight: Any = None
    ) -> float | None:
        """What the value was divided by, so that values of batches add up; None for a sum."""
        return elements(prediction, target, reduction=self.reduction, sample_weight=sample_weight)


# ---- counts -----------------------------------------------------------------------------------


def _poisson(
    prediction: Any, target: Any, log_input: bool, full: bool, eps: float, _share: float,
    _total: bool,
) -> Any:  # fmt: skip
    if log_input:
        losses = np.exp(prediction) - target * prediction
    else:
        losses = prediction - target * np.log(prediction + eps)
    if full:
        many = np.maximum(target, 1)  # of 1 and less, log(target!) is taken for 0
        stirling = many * np.log(many) - many + 0.5 * np.log(2 * math.pi * many)
        losses += np.where(target > 1, stirling, 0)
    return reduced(losses, _share, _total)


def _poisson_by_prediction(
    g: Any, y: Any, prediction: Any, target: Any, log_input: bool, full: bool, eps: float,
    _share: float, _total: bool,
) -> Any:  # fmt: skip
    slope = np.exp(prediction) - target if log_input else 1 - target / (prediction + eps)
    return g * _share * slope


def _poisson_by_target(
    g: Any, y: Any, prediction: Any, target: Any, log_input: bool, full: bool, eps: float,
    _share: float, _total: bool,
) -> Any:  # fmt: skip
    slope = -prediction if log_input else -np.log(prediction + eps)
    if full:
        many = np.where(target > 1, target, 1)
        slope = slope + np.where(target > 1, np.log(many) + 0.5 / many, 0)
    return g * _share * slope


_fused_poisson = primitive(
    _poisson, _poisson_by_prediction, _poisson_by_target,
    formula=("g (exp(prediction) - target) share", "-g prediction share"),
)  # fmt: skip


@told
@divided_by(elements)
def poisson_nll_loss(
    prediction: Any,
    target: Any,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Any:
    """exp(prediction) - target prediction, of predicted logarithms of rates, and counts.

    Args: prediction and target of the same shape; log_input, False for a prediction of the rates
        themselves, whose loss is prediction - target log(prediction + eps); full, True to add
        Stirling's formula for log(target!), where the target is above 1; reduction, "mean" (over
        the number of elements), "sum" or "none".
    Raises ValueError for two shapes, and for counts or rates below 0. Source: PyTorch's
    poisson_nll_loss.

    >>> poisson_nll_loss(np.log([2.0, 2.0]), [0, 1], reduction="none")
    Tensor([2.        , 1.30685282])
    """
    name = "poisson_nll_loss"
    check_reduction(name, reduction)
    log_input, full = flag(f"{name}: log_input", log_input), flag(f"{name}: full", full)
    eps = number(f"{name}: eps", eps, least=0)
    prediction, target = paired(name, prediction, target)
    _refuse(name, "target", target, values(target) < 0, "it is a count")
    if not log_input:
        cure = "it is a rate; log_input=True takes its logarithm, any number"
        _refuse(name, "prediction", prediction, values(prediction) < 0, cure)
    dtype, share = prediction.dtype, share_of(reduction, prediction.size)
    prediction, target = map(at_least_single, (prediction, target))
    losses = _fused_poisson(prediction, target, log_input, full, eps, share, reduction != "none")
    return in_dtype(losses, dtype)


class PoissonNLLLoss(_Loss):
    """-log of the Poisson probability of counts; see `nn.functional.poisson_nll_loss`.

    >>> PoissonNLLLoss()(np.log([2.0, 2.0]), [0, 1])
    Tensor(1.65342641)
    """

    _function = staticmethod(poisson_nll_loss)

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        eps: float = 1e-8,
        reduction: str = "mean",
    ) -> None:
        super().__init__(
            log_input=flag("PoissonNLLLoss: log_input", log_input),
            full=flag("PoissonNLLLoss: full", full),
            eps=number("PoissonNLLLoss: eps", eps, least=0),
            reduction=reduction,
        )
