"""Layers, activations and losses as functions; each file holds one family of them.

    >>> from autograd import Tensor
    >>> from nn import functional
    >>> functional.relu(Tensor([-1.0, 2.0]))
    Tensor([0., 2.])

May import: its own files.
"""

from nn.functional.activations import (
    log_sigmoid,
    log_softmax,
    logsumexp,
    relu,
    sigmoid,
    softmax,
    softplus,
    tanh,
)
from nn.functional.layers import linear
from nn.functional.losses import cross_entropy, mse_loss

__all__ = [
    "cross_entropy", "linear", "log_sigmoid", "log_softmax", "logsumexp", "mse_loss", "relu",
    "sigmoid", "softmax", "softplus", "tanh",
]  # fmt: skip
