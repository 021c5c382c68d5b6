"""Small neural networks on top of autograd: layers, losses and optimisers, in PyTorch's words.

    >>> import numpy as np
    >>> import nn
    >>> _ = nn.manual_seed(0)
    >>> model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))
    >>> loss_function = nn.CrossEntropyLoss()
    >>> optimizer = nn.optim.Adam(model.parameters(), lr=0.1)
    >>> x, labels = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]     # exclusive or
    >>> for step in range(100):
    ...     optimizer.zero_grad()
    ...     loss_function(model(x), labels).backward(retain_graph=False)
    ...     optimizer.step()
    >>> np.argmax(model(x), axis=1)
    array([0, 1, 1, 0])

Each file says at its top what lives there. All of them use autograd's public names only.
"""

import importlib as _importlib
import sys as _sys
import typing as _typing

import autograd as _autograd

if not hasattr(_autograd, "Tensor"):
    raise ImportError(
        f"`autograd`, found at {getattr(_autograd, '__file__', None)}, is not the package "
        "that nn needs: the PyPI package `autograd` is another library with the same import "
        "name. Remove both and install this one again:\n"
        "    pip uninstall autograd chalkgrad\n"
        "    pip install chalkgrad        (or, in the folder of its source: pip install -e .)"
    )

from nn import functional, init, optim  # noqa: E402
from nn import habits as _habits  # noqa: E402
from nn.data import DataLoader  # noqa: E402
from nn.layers import (  # noqa: E402
    ELU,
    GELU,
    MLP,
    SELU,
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    Dropout,
    Dropout1d,
    Dropout2d,
    Dropout3d,
    Flatten,
    Hardtanh,
    Identity,
    LayerNorm,
    LeakyReLU,
    Linear,
    LogSigmoid,
    LogSoftmax,
    ReLU,
    RMSNorm,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)  # fmt: skip
from nn.losses import (  # noqa: E402
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    MSELoss,
    NLLLoss,
    SmoothL1Loss,
)  # fmt: skip
from nn.module import Module, Sequential  # noqa: E402
from nn.random import manual_seed  # noqa: E402

# A pickle names the file of what it holds. Under these names older ones look for it.
_sys.modules["nn.activations"] = _sys.modules["nn.layers"]
for _family in ("activations", "class_losses", "layers", "losses"):
    _sys.modules[f"nn.functional.{_family}"] = functional

if _typing.TYPE_CHECKING:
    from nn import metrics
    from nn.clipping import clip_grad_norm_, clip_grad_value_
    from nn.files import (
        CheckpointError,
        load,
        load_checkpoint,
        load_idx,
        save,
        save_checkpoint,
    )
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
    from nn.losses.likelihoods import (
        GaussianNLLLoss,
        PoissonNLLLoss,
    )
    from nn.losses.margins import (
        CosineEmbeddingLoss,
        HingeEmbeddingLoss,
        MarginRankingLoss,
        TripletMarginLoss,
    )
    from nn.losses.sequences import CTCLoss
    from nn.metrics import accuracy, confusion_matrix, r2_score, top_k_accuracy
    from nn.optim import explain_step
    from nn.scaling import standardize
    from nn.splitting import train_test_split
    from nn.training import Callback, EarlyStopping, History, ModelCheckpoint, Trainer
    from nn.vectors import parameters_to_vector, vector_to_parameters

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
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "CTCLoss",
    "Callback",
    "CheckpointError",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "CosineEmbeddingLoss",
    "CosineSimilarity",
    "CrossEntropyLoss",
    "DataLoader",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "EarlyStopping",
    "Embedding",
    "Flatten",
    "Fold",
    "GRUCell",
    "GaussianNLLLoss",
    "GroupNorm",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "HingeEmbeddingLoss",
    "History",
    "HuberLoss",
    "Identity",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "KLDivLoss",
    "L1Loss",
    "LSTMCell",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSigmoid",
    "LogSoftmax",
    "MSELoss",
    "MarginRankingLoss",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "Mish",
    "ModelCheckpoint",
    "Module",
    "MultiheadAttention",
    "NLLLoss",
    "PReLU",
    "PackedSequence",
    "PairwiseDistance",
    "PixelShuffle",
    "PixelUnshuffle",
    "PoissonNLLLoss",
    "RMSNorm",
    "RNNCell",
    "ReLU",
    "ReLU6",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SmoothL1Loss",
    "Softmax",
    "Softmin",
    "Softplus",
    "Softsign",
    "Tanh",
    "Trainer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
    "TripletMarginLoss",
    "Unfold",
    "Upsample",
    "accuracy",
    "clip_grad_norm_",
    "clip_grad_value_",
    "confusion_matrix",
    "explain_step",
    "functional",
    "init",
    "load",
    "load_checkpoint",
    "load_idx",
    "manual_seed",
    "metrics",
    "optim",
    "pack_padded_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "parameters_to_vector",
    "r2_score",
    "save",
    "save_checkpoint",
    "standardize",
    "top_k_accuracy",
    "train_test_split",
    "vector_to_parameters",
]

# Loaded when they are first asked for, as drawing is: who writes the loop does not wait for them.
_LATER = {
    "Callback": "training", "EarlyStopping": "training", "History": "training",
    "ModelCheckpoint": "training", "Trainer": "training",
    "CheckpointError": "files", "load": "files", "load_checkpoint": "files",
    "load_idx": "files", "save": "files", "save_checkpoint": "files",
    "accuracy": "metrics", "confusion_matrix": "metrics", "r2_score": "metrics",
    "top_k_accuracy": "metrics", "clip_grad_norm_": "clipping", "clip_grad_value_": "clipping",
    "parameters_to_vector": "vectors", "vector_to_parameters": "vectors",
    "explain_step": "optim", "standardize": "scaling", "train_test_split": "splitting",
    "CELU": "layers.rarer",
    "CTCLoss": "losses.sequences",
    "CosineEmbeddingLoss": "losses.margins",
    "CosineSimilarity": "layers.similarity",
    "GLU": "layers.rarer",
    "GaussianNLLLoss": "losses.likelihoods",
    "Hardsigmoid": "layers.rarer",
    "Hardswish": "layers.rarer",
    "HingeEmbeddingLoss": "losses.margins",
    "MarginRankingLoss": "losses.margins",
    "Mish": "layers.rarer",
    "PReLU": "layers.rarer",
    "PairwiseDistance": "layers.similarity",
    "PoissonNLLLoss": "losses.likelihoods",
    "ReLU6": "layers.rarer",
    "Softmin": "layers.rarer",
    "Softsign": "layers.rarer",
    "TripletMarginLoss": "losses.margins",
    "AdaptiveAvgPool1d": "layers.pooling",
    "AdaptiveAvgPool2d": "layers.pooling",
    "AdaptiveAvgPool3d": "layers.pooling",
    "AdaptiveMaxPool1d": "layers.pooling",
    "AdaptiveMaxPool2d": "layers.pooling",
    "AdaptiveMaxPool3d": "layers.pooling",
    "AvgPool1d": "layers.pooling",
    "AvgPool2d": "layers.pooling",
    "AvgPool3d": "layers.pooling",
    "Conv1d": "layers.convolution",
    "Conv2d": "layers.convolution",
    "Conv3d": "layers.convolution",
    "ConvTranspose1d": "layers.convolution",
    "ConvTranspose2d": "layers.convolution",
    "ConvTranspose3d": "layers.convolution",
    "Fold": "layers.unfolding",
    "MaxPool1d": "layers.pooling",
    "MaxPool2d": "layers.pooling",
    "MaxPool3d": "layers.pooling",
    "PixelShuffle": "layers.resampling",
    "PixelUnshuffle": "layers.resampling",
    "Unfold": "layers.unfolding",
    "Upsample": "layers.resampling",
    "MultiheadAttention": "layers.attention",
    "GroupNorm": "layers.samples",
    "InstanceNorm1d": "layers.samples",
    "InstanceNorm2d": "layers.samples",
    "InstanceNorm3d": "layers.samples",
    "TransformerDecoder": "layers.transformer",
    "TransformerDecoderLayer": "layers.transformer",
    "TransformerEncoder": "layers.transformer",
    "TransformerEncoderLayer": "layers.transformer",
    "Embedding": "layers.embedding",
    "GRU": "layers.recurrent",
    "GRUCell": "layers.recurrent",
    "LSTM": "layers.recurrent",
    "LSTMCell": "layers.recurrent",
    "PackedSequence": "layers.packed",
    "RNN": "layers.recurrent",
    "RNNCell": "layers.recurrent",
    "pack_padded_sequence": "layers.packed",
    "pad_packed_sequence": "layers.packed",
    "pad_sequence": "layers.packed",
}  # fmt: skip
_missing = _habits.finder("nn", _habits.LAYERS, lambda: __all__, "LAYERS")


def _lazily(name: str) -> _typing.Any:
    home = _LATER.get(name, name)
    if home not in _LATER.values():
        return _missing(name)
    module = _importlib.import_module(f"nn.{home}")
    for known in _LATER:
        if _LATER[known] == home:  # what somebody has put there stays
            globals().setdefault(known, getattr(module, known))
    return globals()[name]


if not _typing.TYPE_CHECKING:  # for which a module with __getattr__ would have every name
    __getattr__ = _lazily


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
