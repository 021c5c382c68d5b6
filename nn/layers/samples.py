"""Normalisation of each sample: channel by channel, and by groups of channels.

Inputs are (n, C, ...), C the channels; each function, and its Modules.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd import Tensor
from nn.arguments import as_floats
from nn.checks import flag, number, whole
from nn.habits import told
from nn.layers.channels import _ChannelNorm, along_channels, normalized_by
from nn.layers.normalization import Kept, constant, fitting, in_dtype_of, normalized
from nn.module import Module

__all__ = [
    "GroupNorm",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "group_norm",
    "instance_norm",
]


# ---- each channel -------------------------------------------------------------------------------


@told
def instance_norm(
    x: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Bring each channel of each sample to mean 0 and variance 1; then times weight, plus bias.

    Args: x (n, C, L), (n, C, H, W) or (n, C, D, H, W); running_mean, running_var, weight and bias
        (C,); use_input_stats, False to take the running statistics; momentum, which PyTorch's has
        here, changes nothing.
    Raises ValueError for other shapes, and for one value a channel. Source: Ulyanov, Vedaldi and
    Lempitsky, Instance Normalization, 2016; PyTorch's instance_norm, which updates the running
    statistics here.

    >>> instance_norm(Tensor([[[1.0, 3.0], [10.0, 30.0]]]), eps=0.0)
    Tensor([[[-1.,  1.],
             [-1.,  1.]]])
    """
    eps = number("instance_norm: eps", eps, least=0)
    if not flag("instance_norm: use_input_stats", use_input_stats):
        return normalized_by("instance_norm", x, running_mean, running_var, weight, bias, eps)
    return _instance_normalized(x, weight, bias, eps)[0]


def _instance_normalized(x: Any, weight: Any, bias: Any, eps: float) -> tuple[Any, Any, Any]:
    """instance_norm, and the mean and the biased variance (n, C) that it found, as arrays."""
    x = as_floats(x)
    places = math.prod(x.shape[2:])
    if x.ndim < 3:
        raise ValueError(f"instance_norm: x must be (n, C, ...) with places, got shape {x.shape}")
    if places == 1:
        raise ValueError(
            f"instance_norm: one value a channel has no variance, in an input of shape {x.shape}"
        )
    weight, bias = fitting("instance_norm", x.shape[1:2], weight=weight, bias=bias)
    kept = Kept()
    weight, bias = along_channels(weight, x), along_channels(bias, x)
    y = normalized(x, tuple(range(2, x.ndim)), weight, bias, eps, kept=kept)
    mean, variance = kept.mean.reshape(x.shape[:2]), kept.variance.reshape(x.shape[:2])
    return y, mean, variance


class InstanceNorm1d(_ChannelNorm):
    """Bring each channel of each sample to mean 0 and variance 1; then times weight, plus bias.

    Args: num_features C; eps, added to the variance; momentum, of the running statistics; affine,
        True for weight and bias; track_running_stats, True to gather the samples' statistics, the
        mean of them all, while training, and to normalise by these after `eval()`; bias, False for
        none; dtype.
    Shapes: x (n, C, L) or (C, L), and the same the result. Errors and source as of
    `nn.functional.instance_norm`.

    >>> InstanceNorm1d(2)([[[1.0, 3.0], [10.0, 30.0]]]).data.round(3)
    array([[[-1.,  1.],
            [-1.,  1.]]])
    """

    _axes = (2, 3)
    _shapes = "(n, C, L) or (C, L)"

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        *,
        bias: bool = True,
        dtype: Any = np.float32,
    ) -> None:
        self.momentum = number(f"{type(self).__name__}: momentum", momentum, least=0, most=1)
        self._begin(num_features, eps, affine, track_running_stats, bias, dtype)

    def forward(self, x: Any) -> Tensor:
        single = np.ndim(x) == self._axes[0]
        x = self._taken(x, 0 if single else 1)
        if single:
            x = x.reshape((1, *x.shape))
        if not self.training and self.running_mean is not None:
            statistics = self.running_mean, self.running_var
            y = normalized_by("instance_norm", x, *statistics, self.weight, self.bias, self.eps)
        else:
            y, mean, variance = _instance_normalized(x, self.weight, self.bias, self.eps)
            if self.running_mean is not None and x.size:
                places = math.prod(x.shape[2:])
                unbiased = variance.mean(axis=0) * (places / (places - 1))
                self._track(self.momentum, mean.mean(axis=0), unbiased)
        return y.reshape(y.shape[1:]) if single else y


class InstanceNorm2d(InstanceNorm1d):
    """InstanceNorm1d of images: x (n, C, H, W) or (C, H, W), over all places of a channel.

    >>> InstanceNorm2d(3)(np.zeros((2, 3, 4, 4))).shape
    (2, 3, 4, 4)
    """

    _axes = (3, 4)
    _shapes = "(n, C, H, W) or (C, H, W)"


class InstanceNorm3d(InstanceNorm1d):
    """InstanceNorm1d of volumes: x (n, C, D, H, W) or (C, D, H, W), over all places of a channel.

    >>> InstanceNorm3d(3)(np.zeros((2, 3, 4, 4, 4))).shape
    (2, 3, 4, 4, 4)
    """

    _axes = (4, 5)
    _shapes = "(n, C, D, H, W) or (C, D, H, W)"


# ---- of groups of channels --------------------------------------------------------------------


@told
def group_norm(
    x: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    """Bring each group of channels of each sample to mean 0 and variance 1; then weight and bias.

    Args: x (n, C, ...); num_groups, which divides C; weight and bias (C,), each channel's own.
    Raises ValueError for other shapes, and for one sample with one value a group. Source: Wu and
    He, Group Normalization, 2018; PyTorch's group_norm.

    >>> group_norm(Tensor([[1.0, 3.0, 10.0, 30.0]]), 2, eps=0.0)
    Tensor([[-1.,  1., -1.,  1.]])
    """
    groups = whole("group_norm: num_groups", num_groups, least=1)
    x = as_floats(x)
    if x.ndim < 2 or x.shape[1] % groups:
        raise ValueError(
            f"group_norm: x must be (n, C, ...), with C a multiple of {groups} groups, got shape "
            f"{x.shape}"
        )
    if x.size == groups == x.shape[0] * x.shape[1]:
        raise ValueError(
            f"group_norm: one value a group has no variance, in an input of shape {x.shape}"
        )
    weight, bias = fitting("group_norm", x.shape[1:2], weight=weight, bias=bias)
    apart = (groups, x.shape[1] // groups)
    grouped = x.reshape((x.shape[0], *apart, *x.shape[2:]))
    weight, bias = (
        None if array is None else array.reshape((*apart, *(1,) * (x.ndim - 2)))
        for array in (weight, bias)
    )
    eps = number("group_norm: eps", eps, least=0)
    y = normalized(grouped, tuple(range(2, grouped.ndim)), weight, bias, eps)
    return y.reshape(x.shape)


class GroupNorm(Module):
    """Bring each group of channels of each sample to mean 0 and variance 1; then weight and bias.

    Args: num_groups, which divides num_channels C; eps, added to the variance; affine, False for no
        weight and bias; bias, False for none; dtype.
    Shapes: x (n, C, ...), and the same the result. The same in training and evaluation. Errors and
    source as of `nn.functional.group_norm`.

    >>> GroupNorm(2, 4)([[1.0, 3.0, 10.0, 30.0]]).data.round(3)
    array([[-1.,  1., -1.,  1.]], dtype=float32)
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        bias: bool = True,
        dtype: Any = np.float32,
    ) -> None:
        self.num_groups = whole("GroupNorm: num_groups", num_groups, least=1)
        self.num_channels = whole("GroupNorm: num_channels", num_channels, least=1)
        if num_channels % num_groups:
            raise ValueError(
                f"GroupNorm: num_groups must divide num_channels, got {num_groups} and "
                f"{num_channels}"
            )
        self.eps = number("GroupNorm: eps", eps, least=0)
        self.affine, bias = flag("GroupNorm: affine", affine), flag("GroupNorm: bias", bias)
        self.weight = constant(1, num_channels, "weight", dtype) if affine else None
        self.bias = constant(0, num_channels, "bias", dtype) if affine and bias else None

    def forward(self, x: Any) -> Tensor:
        x = in_dtype_of(x, self.weight)
        if x.ndim < 2 or x.shape[1] != self.num_channels:
            raise ValueError(
                f"{self}: expected an input of shape (n, {self.num_channels}, ...), got {x.shape}"
            )
        return group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )
