"""Limits on gradients, between `backward` and the optimiser's step."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from autograd import AutogradError, Tensor
from nn.checks import number

__all__ = ["clip_grad_norm_", "clip_grad_value_", "clipped"]


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> float:
    """Scale all gradients by one number, so that their norm, taken together, is max_norm at most.

    gradient := gradient min(1, max_norm / (norm + 1e-6)). Args: parameters, a Tensor or several,
        those without a gradient are passed over; norm_type, 2, 1, any p > 0, or inf;
        error_if_nonfinite, True to raise AutogradError (a RuntimeError) for a norm of nan or inf.
    Returns the norm before, computed in float64. The gradients are new arrays; those held elsewhere
    keep their values. Source: Pascanu et al., On the difficulty of training recurrent neural
    networks, 2013; PyTorch's clip_grad_norm_.

    >>> p = Tensor([1.0, 1.0], requires_grad=True)
    >>> (p * [3.0, 4.0]).sum().backward()
    >>> clip_grad_norm_(p, 1.0), p.grad.round(3)
    (5.0, array([0.6, 0.8]))
    """
    max_norm = number("clip_grad_norm_: max_norm", max_norm, least=0, finite=False)
    norm_type = number("clip_grad_norm_: norm_type", norm_type, above=0, finite=False)
    trained = _with_gradients("clip_grad_norm_", parameters)
    with np.errstate(over="ignore", invalid="ignore"):  # a square that overflows is taken again
        norms = np.array([_norm(p.grad, norm_type) for p in trained])
        norm = _norm(norms, norm_type)
    if error_if_nonfinite and not math.isfinite(norm):
        raise AutogradError(_nonfinite(trained, norms, norm))
    with np.errstate(invalid="ignore"):  # inf / inf is nan, and so is 0 inf
        share = max_norm / np.float64(norm + 1e-6)
        for parameter in () if share >= 1 else trained:
            parameter.grad = _scaled(parameter.grad, share)
    return norm


def clipped(gradients: list[Any], max_norm: float) -> list[Any] | None:
    """The same numbers as of clip_grad_norm_, without a branch: arrays times 1 or less.

    None where the norm is not finite, or so large that a share of float64 would be needed.
    """
    flat = [g.reshape(-1).astype(np.float64) for g in gradients]
    norms = np.stack([np.sqrt(f @ f) for f in flat])
    norm = np.sqrt(norms @ norms)
    if not norm < math.inf:
        return None
    share = np.minimum(max_norm / (norm + 1e-6), 1.0)
    if share < max(np.finfo(g.dtype).tiny for g in gradients):
        return None
    return [g * share.astype(g.dtype) for g in gradients]


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Bring each element of the gradients into [-clip_value, clip_value].

    The gradients are new arrays. Raises ValueError for a negative clip_value. Source: PyTorch's
    clip_grad_value_.

    >>> p = Tensor([1.0, 1.0], requires_grad=True)
    >>> (p * [3.0, -0.5]).sum().backward()
    >>> clip_grad_value_([p], 1.0)
    >>> p.grad
    array([ 1. , -0.5])
    """
    clip_value = number("clip_grad_value_: clip_value", clip_value, least=0, finite=False)
    for parameter in _with_gradients("clip_grad_value_", parameters):
        parameter.grad = np.clip(parameter.grad, -clip_value, clip_value)


def _with_gradients(name: str, parameters: Any) -> list[Tensor]:
    """The parameters that have a gradient, each once."""
    given = {id(p): p for p in given_parameters(name, parameters)}
    return [p for p in given.values() if p.grad is not None]


def given_parameters(name: str, parameters: Any) -> list[Tensor]:
    """A list of Tensors, of one or of several; TypeError and ValueError for anything else."""
    given = [parameters] if isinstance(parameters, Tensor) else parameters
    if not isinstance(given, Iterable) or isinstance(given, dict):
        raise TypeError(
            f"{name}: parameters must be a Tensor or several, got {type(given).__name__}"
            + "; use .parameters()" * hasattr(given, "parameters")
            + "; use .values()" * isinstance(given, dict)
        )
    given = list(given)
    for parameter in given:
        if not isinstance(parameter, Tensor):
            raise TypeError(
                f"{name}: parameters must be Tensors, got {type(parameter).__name__}; give it "
                "model.parameters()"
            )
    if not given:
        raise ValueError(
            f"{name}: there are no parameters; a generator that was gone through before is empty: "
            "call model.parameters() again"
        )
    return given


def _norm(values: np.ndarray, p: float) -> float:
    """The p-norm in float64, in which no float32 can overflow; of nothing it is 0."""
    values = np.ravel(values).astype(np.float64)
    if p == 2 and (square := float(values @ values)) and math.isfinite(square):
        return math.sqrt(square)
    largest = float(np.max(np.abs(values), initial=0.0))
    if largest == 0 or p == math.inf or not math.isfinite(largest):
        return largest
    return largest * float(np.sum((np.abs(values) / largest) ** p)) ** (1 / p)


def _scaled(gradient: np.ndarray, share: Any) -> np.ndarray:
    """A share too small for the gradient's dtype stays one of float64."""
    exact = share < np.finfo(gradient.dtype).tiny
    return gradient * (share if exact else float(share))


def _nonfinite(trained: list[Tensor], norms: np.ndarray, norm: float) -> str:
    first = int(np.argmin(np.isfinite(norms)))
    found = trained[first]
    return (
        f"clip_grad_norm_: the norm of the gradients is {norm}, first that of parameter "
        f"{first + 1} of {len(trained)}, {found.name or 'one'} of shape {found.shape}; "
        "nothing was scaled. Run the step inside `with autograd.detect_anomaly():` to find where "
        "it arose"
    )
