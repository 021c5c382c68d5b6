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
from nn import layers as _layers  # noqa: E402
from nn import losses as _losses  # noqa: E402
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
    from nn.layers import (
        CELU,
        GLU,
        GRU,
        LSTM,
        RNN,
        AdaptiveAvgPool1d,
        AdaptiveAvgPool2d,
        AdaptiveAvgPool3d,
        AdaptiveMaxPool1d,
        AdaptiveMaxPool2d,
        AdaptiveMaxPool3d,
        AvgPool1d,
        AvgPool2d,
        AvgPool3d,
        Conv1d,
        Conv2d,
        Conv3d,
        ConvTranspose1d,
        ConvTranspose2d,
        ConvTranspose3d,
        CosineSimilarity,
        Embedding,
        Fold,
        GroupNorm,
        GRUCell,
        Hardsigmoid,
        Hardswish,
        InstanceNorm1d,
        InstanceNorm2d,
        InstanceNorm3d,
        LSTMCell,
        MaxPool1d,
        MaxPool2d,
        MaxPool3d,
        Mish,
        MultiheadAttention,
        PackedSequence,
        PairwiseDistance,
        PixelShuffle,
        PixelUnshuffle,
        PReLU,
        ReLU6,
        RNNCell,
        Softmin,
        Softsign,
        TransformerDecoder,
        TransformerDecoderLayer,
        TransformerEncoder,
        TransformerEncoderLayer,
        Unfold,
        Upsample,
        pack_padded_sequence,
        pad_packed_sequence,
        pad_sequence,
    )
    from nn.losses import (
        CosineEmbeddingLoss,
        CTCLoss,
        GaussianNLLLoss,
        HingeEmbeddingLoss,
        MarginRankingLoss,
        PoissonNLLLoss,
        TripletMarginLoss,
    )
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
    "compile",
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
    "Callback": "nn.training",
    "EarlyStopping": "nn.training",
    "History": "nn.training",
    "ModelCheckpoint": "nn.training",
    "Trainer": "nn.training",
    "CheckpointError": "nn.files",
    "load": "nn.files",
    "load_checkpoint": "nn.files",
    "load_idx": "nn.files",
    "save": "nn.files",
    "save_checkpoint": "nn.files",
    "accuracy": "nn.metrics",
    "confusion_matrix": "nn.metrics",
    "r2_score": "nn.metrics",
    "top_k_accuracy": "nn.metrics",
    "compile": "nn.compiled",
    "clip_grad_norm_": "nn.clipping",
    "clip_grad_value_": "nn.clipping",
    "parameters_to_vector": "nn.vectors",
    "vector_to_parameters": "nn.vectors",
    "explain_step": "nn.optim",
    "standardize": "nn.scaling",
    "train_test_split": "nn.splitting",
    **_layers.LATER,
    **_losses.LATER,
}
_missing = _habits.finder("nn", _habits.LAYERS, lambda: __all__, "LAYERS")
_found = _habits.later(globals(), _LATER, _missing)


def _lazily(name: str) -> _typing.Any:
    if f"nn.{name}" in _LATER.values():  # the module itself
        return _importlib.import_module(f"nn.{name}")
    return _found(name)


if not _typing.TYPE_CHECKING:  # for which a module with __getattr__ would have every name
    __getattr__ = _lazily


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
