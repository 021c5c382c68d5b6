"""Layers, activations and losses as functions, under PyTorch's names.

Each is written in the file of its family, in `nn/layers` or `nn/losses`.

    >>> from autograd import Tensor
    >>> from nn import functional
    >>> functional.relu(Tensor([-1.0, 2.0]))
    Tensor([0., 2.])
"""

import typing as _typing

from nn.habits import FUNCTIONS as _FUNCTIONS
from nn.habits import finder as _finder
from nn.layers.activations import (
    elu,
    gelu,
    hardtanh,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    logsumexp,
    relu,
    selu,
    sigmoid,
    silu,
    softmax,
    softplus,
    tanh,
)
from nn.layers.dropout import dropout
from nn.layers.linear import linear
from nn.layers.normalization import batch_norm, cosine_similarity, layer_norm, normalize
from nn.losses.binary import binary_cross_entropy, binary_cross_entropy_with_logits
from nn.losses.classes import cross_entropy, nll_loss, one_hot
from nn.losses.distances import huber_loss, kl_div, l1_loss, mse_loss, smooth_l1_loss

__all__ = [
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cosine_similarity",
    "cross_entropy",
    "dropout",
    "elu",
    "gelu",
    "hardtanh",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "logsumexp",
    "mse_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "relu",
    "selu",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "softmax",
    "softplus",
    "tanh",
]

logsigmoid = log_sigmoid  # PyTorch's name for it; the other one is as log_softmax

if not _typing.TYPE_CHECKING:  # for which a module with __getattr__ would have every name
    __getattr__ = _finder("nn.functional", _FUNCTIONS, lambda: __all__)
