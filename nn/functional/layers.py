"""What layers compute, and the rules of it.

May import: autograd, arguments.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd import Tensor, primitive

__all__ = ["linear"]


def _linear(x: Any, weight: Any, bias: Any = None) -> Any:
    y = np.matmul(x, weight.T)
    if bias is None:
        return y
    if y.dtype != bias.dtype:
        return y + bias
    y += bias  # y is nobody else's
    return y


def _linear_by_weight(g: Any, y: Any, x: Any, weight: Any, bias: Any = None) -> Any:
    """gᵀ x: over all leading axes the sum of the outer products."""
    if x.ndim != 2:
        rows = math.prod(x.shape[:-1])
        g, x = g.reshape((rows, weight.shape[0])), x.reshape((rows, weight.shape[1]))
    return g.T @ x


_fused_linear = primitive(
    _linear,
    lambda g, y, x, weight, bias=None: g @ weight,
    _linear_by_weight,
    lambda g, y, x, weight, bias=None: g,
    formula="g W, gᵀ x, g",
)


def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """x Wᵀ + b over the last axis.

    Shapes: x (..., in), weight (out, in), bias (out,), the result (..., out).

    >>> linear(Tensor([1.0, 2.0]), Tensor([[1.0, 1.0], [0.0, 10.0]]), Tensor([0.0, 1.0]))
    Tensor([ 3., 21.])
    """
    x, weight = (a if isinstance(a, Tensor) else np.asarray(a) for a in (x, weight))
    bias = bias if bias is None or isinstance(bias, Tensor) else np.asarray(bias)
    if not x.ndim or weight.ndim != 2 or x.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"linear: x of shape {x.shape} and weight of shape {weight.shape} do not fit: the last "
            "axis of x must be as long as that of weight, which is (out, in)"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(
            f"linear: bias has shape {bias.shape}, but weight {weight.shape} has "
            f"{weight.shape[0]} outputs; bias must have shape {weight.shape[:1]}"
        )
    return _fused_linear(x, weight, bias)
