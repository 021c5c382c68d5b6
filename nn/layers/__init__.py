"""Layers and activations; each file holds a family: operations, functions and Modules.

>>> import nn
>>> model = nn.Sequential(nn.Linear(64, 10), nn.Softmax())
"""

import typing as _typing

from nn.habits import finder as _finder
from nn.habits import later as _later
from nn.layers.activations import (
    ELU,
    GELU,
    SELU,
    Hardtanh,
    LeakyReLU,
    LogSigmoid,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from nn.layers.channels import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
)
from nn.layers.dropout import Dropout, Dropout1d, Dropout2d, Dropout3d
from nn.layers.linear import Flatten, Identity, Linear
from nn.layers.mlp import MLP
from nn.layers.mlp import _Function as _Function  # which pickles name here
from nn.layers.normalization import LayerNorm, RMSNorm

if _typing.TYPE_CHECKING:
    from nn.layers.attention import MultiheadAttention
    from nn.layers.convolution import (
        Conv1d,
        Conv2d,
        Conv3d,
        ConvTranspose1d,
        ConvTranspose2d,
        ConvTranspose3d,
    )
    from nn.layers.embedding import Embedding
    from nn.layers.packed import (
        PackedSequence,
        pack_padded_sequence,
        pad_packed_sequence,
        pad_sequence,
    )
    from nn.layers.pooling import (
        AdaptiveAvgPool1d,
        AdaptiveAvgPool2d,
        AdaptiveAvgPool3d,
        AdaptiveMaxPool1d,
        AdaptiveMaxPool2d,
        AdaptiveMaxPool3d,
        AvgPool1d,
        AvgPool2d,
        AvgPool3d,
        MaxPool1d,
        MaxPool2d,
        MaxPool3d,
    )
    from nn.layers.rarer import (
        CELU,
        GLU,
        Hardsigmoid,
        Hardswish,
        Mish,
        PReLU,
        ReLU6,
        Softmin,
        Softsign,
    )
    from nn.layers.recurrent import (
        GRU,
        LSTM,
        RNN,
        GRUCell,
        LSTMCell,
        RNNCell,
    )
    from nn.layers.resampling import (
        PixelShuffle,
        PixelUnshuffle,
        Upsample,
    )
    from nn.layers.samples import (
        GroupNorm,
        InstanceNorm1d,
        InstanceNorm2d,
        InstanceNorm3d,
    )
    from nn.layers.similarity import (
        CosineSimilarity,
        PairwiseDistance,
    )
    from nn.layers.transformer import (
        TransformerDecoder,
        TransformerDecoderLayer,
        TransformerEncoder,
        TransformerEncoderLayer,
    )
    from nn.layers.unfolding import (
        Fold,
        Unfold,
    )

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "GRU",
    "LSTM",
    "MLP",
    "RNN",
    "SELU",
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "CosineSimilarity",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "Embedding",
    "Flatten",
    "Fold",
    "GRUCell",
    "GroupNorm",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "Identity",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LSTMCell",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSigmoid",
    "LogSoftmax",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "Mish",
    "MultiheadAttention",
    "PReLU",
    "PackedSequence",
    "PairwiseDistance",
    "PixelShuffle",
    "PixelUnshuffle",
    "RMSNorm",
    "RNNCell",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmin",
    "Softplus",
    "Softsign",
    "Tanh",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
    "Unfold",
    "Upsample",
    "pack_padded_sequence",
    "pad_packed_sequence",
    "pad_sequence",
]

# Loaded when they are first asked for.
LATER = {
    "CELU": "nn.layers.rarer",
    "CosineSimilarity": "nn.layers.similarity",
    "GLU": "nn.layers.rarer",
    "Hardsigmoid": "nn.layers.rarer",
    "Hardswish": "nn.layers.rarer",
    "Mish": "nn.layers.rarer",
    "PReLU": "nn.layers.rarer",
    "PairwiseDistance": "nn.layers.similarity",
    "ReLU6": "nn.layers.rarer",
    "Softmin": "nn.layers.rarer",
    "Softsign": "nn.layers.rarer",
    "AdaptiveAvgPool1d": "nn.layers.pooling",
    "AdaptiveAvgPool2d": "nn.layers.pooling",
    "AdaptiveAvgPool3d": "nn.layers.pooling",
    "AdaptiveMaxPool1d": "nn.layers.pooling",
    "AdaptiveMaxPool2d": "nn.layers.pooling",
    "AdaptiveMaxPool3d": "nn.layers.pooling",
    "AvgPool1d": "nn.layers.pooling",
    "AvgPool2d": "nn.layers.pooling",
    "AvgPool3d": "nn.layers.pooling",
    "Conv1d": "nn.layers.convolution",
    "Conv2d": "nn.layers.convolution",
    "Conv3d": "nn.layers.convolution",
    "ConvTranspose1d": "nn.layers.convolution",
    "ConvTranspose2d": "nn.layers.convolution",
    "ConvTranspose3d": "nn.layers.convolution",
    "Fold": "nn.layers.unfolding",
    "MaxPool1d": "nn.layers.pooling",
    "MaxPool2d": "nn.layers.pooling",
    "MaxPool3d": "nn.layers.pooling",
    "PixelShuffle": "nn.layers.resampling",
    "PixelUnshuffle": "nn.layers.resampling",
    "Unfold": "nn.layers.unfolding",
    "Upsample": "nn.layers.resampling",
    "MultiheadAttention": "nn.layers.attention",
    "GroupNorm": "nn.layers.samples",
    "InstanceNorm1d": "nn.layers.samples",
    "InstanceNorm2d": "nn.layers.samples",
    "InstanceNorm3d": "nn.layers.samples",
    "TransformerDecoder": "nn.layers.transformer",
    "TransformerDecoderLayer": "nn.layers.transformer",
    "TransformerEncoder": "nn.layers.transformer",
    "TransformerEncoderLayer": "nn.layers.transformer",
    "Embedding": "nn.layers.embedding",
    "GRU": "nn.layers.recurrent",
    "GRUCell": "nn.layers.recurrent",
    "LSTM": "nn.layers.recurrent",
    "LSTMCell": "nn.layers.recurrent",
    "PackedSequence": "nn.layers.packed",
    "RNN": "nn.layers.recurrent",
    "RNNCell": "nn.layers.recurrent",
    "pack_padded_sequence": "nn.layers.packed",
    "pad_packed_sequence": "nn.layers.packed",
    "pad_sequence": "nn.layers.packed",
}

if not _typing.TYPE_CHECKING:  # for which a module with __getattr__ would have every name
    __getattr__ = _later(globals(), LATER, _finder("nn.layers", {}, lambda: __all__))


def __dir__() -> list[str]:
    return sorted({*globals(), *LATER})
