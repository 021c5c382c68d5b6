"""Activations as functions of any shape, applied to each element.

May import: autograd, arguments.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd import log_sigmoid, log_softmax, logsumexp, relu, sigmoid, softmax, softplus

__all__ = [
    "log_sigmoid", "log_softmax", "logsumexp", "relu", "sigmoid", "softmax", "softplus", "tanh",
]  # fmt: skip


def tanh(x: Any) -> Any:
    """The hyperbolic tangent of each element: `np.tanh`.

    >>> from autograd import Tensor
    >>> tanh(Tensor([0.0]))
    Tensor([0.])
    """
    return np.tanh(x)
