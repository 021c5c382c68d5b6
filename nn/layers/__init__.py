"""Layers and activations; each file holds a family: operations, functions and Modules.

>>> import nn
>>> model = nn.Sequential(nn.Linear(64, 10), nn.Softmax())
"""

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
from nn.layers.dropout import Dropout
from nn.layers.linear import Flatten, Identity, Linear
from nn.layers.mlp import MLP
from nn.layers.mlp import _Function as _Function  # which pickles name here
from nn.layers.normalization import BatchNorm1d, LayerNorm

__all__ = [
    "ELU",
    "GELU",
    "MLP",
    "SELU",
    "BatchNorm1d",
    "Dropout",
    "Flatten",
    "Hardtanh",
    "Identity",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSigmoid",
    "LogSoftmax",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]
