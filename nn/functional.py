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
    from nn.layers.convolution import (
        conv1d,
        conv2d,
        conv3d,
        conv_transpose1d,
        conv_transpose2d,
        conv_transpose3d,
    )
    from nn.layers.embedding import embedding
    from nn.layers.pooling import (
        adaptive_avg_pool1d,
        adaptive_avg_pool2d,
        adaptive_avg_pool3d,
        adaptive_max_pool1d,
        adaptive_max_pool2d,
        adaptive_max_pool3d,
        avg_pool1d,
        avg_pool2d,
        avg_pool3d,
        max_pool1d,
        max_pool2d,
        max_pool3d,
    )
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
    from nn.layers.resampling import (
        interpolate,
        pad,
        pixel_shuffle,
        pixel_unshuffle,
    )
    from nn.layers.samples import group_norm, instance_norm
    from nn.layers.similarity import pairwise_distance
    from nn.layers.unfolding import (
        fold,
        unfold,
    )
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
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "ctc_loss",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "elu",
    "embedding",
    "fold",
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
    "interpolate",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "logsumexp",
    "margin_ranking_loss",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "mish",
    "mse_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "pairwise_distance",
    "pixel_shuffle",
    "pixel_unshuffle",
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
    "unfold",
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
    "adaptive_avg_pool1d": "nn.layers.pooling",
    "adaptive_avg_pool2d": "nn.layers.pooling",
    "adaptive_avg_pool3d": "nn.layers.pooling",
    "adaptive_max_pool1d": "nn.layers.pooling",
    "adaptive_max_pool2d": "nn.layers.pooling",
    "adaptive_max_pool3d": "nn.layers.pooling",
    "avg_pool1d": "nn.layers.pooling",
    "avg_pool2d": "nn.layers.pooling",
    "avg_pool3d": "nn.layers.pooling",
    "conv1d": "nn.layers.convolution",
    "conv2d": "nn.layers.convolution",
    "conv3d": "nn.layers.convolution",
    "conv_transpose1d": "nn.layers.convolution",
    "conv_transpose2d": "nn.layers.convolution",
    "conv_transpose3d": "nn.layers.convolution",
    "fold": "nn.layers.unfolding",
    "interpolate": "nn.layers.resampling",
    "max_pool1d": "nn.layers.pooling",
    "max_pool2d": "nn.layers.pooling",
    "max_pool3d": "nn.layers.pooling",
    "pad": "nn.layers.resampling",
    "pixel_shuffle": "nn.layers.resampling",
    "pixel_unshuffle": "nn.layers.resampling",
    "unfold": "nn.layers.unfolding",
    "group_norm": "nn.layers.samples",
    "instance_norm": "nn.layers.samples",
    "scaled_dot_product_attention": "nn.layers.attention",
    "embedding": "nn.layers.embedding",
}

logsigmoid = log_sigmoid  # PyTorch's name for it; the other one is as log_softmax

if not _typing.TYPE_CHECKING:  # for which a module with __getattr__ would have every name
    __getattr__ = _later(
        globals(), _LATER, _finder("nn.functional", _FUNCTIONS, lambda: __all__, "FUNCTIONS")
    )


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
