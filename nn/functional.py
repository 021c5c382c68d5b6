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
from nn.habits import later as _later
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
from nn.layers.channels import batch_norm
from nn.layers.dropout import dropout, dropout1d, dropout2d, dropout3d
from nn.layers.linear import linear
from nn.layers.normalization import cosine_similarity, layer_norm, normalize, rms_norm
from nn.losses.binary import binary_cross_entropy, binary_cross_entropy_with_logits
from nn.losses.classes import cross_entropy, nll_loss, one_hot
from nn.losses.distances import huber_loss, kl_div, l1_loss, mse_loss, smooth_l1_loss

if _typing.TYPE_CHECKING:
    from nn.layers.attention import scaled_dot_product_attention
    from nn.layers.rarer import (
        celu,
        glu,
        hardsigmoid,
        hardswish,
        mish,
        prelu,
        relu6,
        softmin,
        softsign,
    )
    from nn.layers.samples import group_norm, instance_norm
    from nn.layers.similarity import pairwise_distance
    from nn.losses.likelihoods import (
        gaussian_nll_loss,
        poisson_nll_loss,
    )
    from nn.losses.margins import (
        cosine_embedding_loss,
        hinge_embedding_loss,
        margin_ranking_loss,
        triplet_margin_loss,
    )
    from nn.losses.sequences import ctc_loss

__all__ = [
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "ctc_loss",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "elu",
    "gaussian_nll_loss",
    "gelu",
    "glu",
    "group_norm",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hinge_embedding_loss",
    "huber_loss",
    "instance_norm",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "logsumexp",
    "margin_ranking_loss",
    "mish",
    "mse_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pairwise_distance",
    "poisson_nll_loss",
    "prelu",
    "relu",
    "relu6",
    "rms_norm",
    "scaled_dot_product_attention",
    "selu",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "softmax",
    "softmin",
    "softplus",
    "softsign",
    "tanh",
    "triplet_margin_loss",
]

# Loaded when they are first asked for.
_LATER = {
    "celu": "nn.layers.rarer",
    "cosine_embedding_loss": "nn.losses.margins",
    "ctc_loss": "nn.losses.sequences",
    "gaussian_nll_loss": "nn.losses.likelihoods",
    "glu": "nn.layers.rarer",
    "hardsigmoid": "nn.layers.rarer",
    "hardswish": "nn.layers.rarer",
    "hinge_embedding_loss": "nn.losses.margins",
    "margin_ranking_loss": "nn.losses.margins",
    "mish": "nn.layers.rarer",
    "pairwise_distance": "nn.layers.similarity",
    "poisson_nll_loss": "nn.losses.likelihoods",
    "prelu": "nn.layers.rarer",
    "relu6": "nn.layers.rarer",
    "softmin": "nn.layers.rarer",
    "softsign": "nn.layers.rarer",
    "triplet_margin_loss": "nn.losses.margins",
    "group_norm": "nn.layers.samples",
    "instance_norm": "nn.layers.samples",
    "scaled_dot_product_attention": "nn.layers.attention",
}

logsigmoid = log_sigmoid  # PyTorch's name for it; the other one is as log_softmax

if not _typing.TYPE_CHECKING:  # for which a module with __getattr__ would have every name
    __getattr__ = _later(
        globals(), _LATER, _finder("nn.functional", _FUNCTIONS, lambda: __all__, "FUNCTIONS")
    )
