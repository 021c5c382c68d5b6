"""Batch normalisation, channel by channel: function and Modules. Inputs are (n, C, ...)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd import Tensor
from nn.arguments import as_array, as_floats, at_least_single, values
from nn.checks import flag, number, whole
from nn.habits import told, warn
from nn.layers.normalization import Kept, constant, fitting, in_dtype_of, normalized
from nn.module import Module

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "along_channels",
    "batch_norm",
    "normalized_by",
]


@told
def batch_norm(
    x: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float | None = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Bring each channel to mean 0 and variance 1; then times weight, plus bias.

    Args: x (n, C) or (n, C, ...); running_mean, running_var, weight and bias (C,); training, True
        to take the mean and the biased variance of this batch (the running ones may be None then);
        momentum, which PyTorch's has here, changes nothing.
    Raises ValueError for other shapes, and for one value a channel in training. The running
    statistics are never written to: the layers keep them. Source: Ioffe and Szegedy, Batch
    Normalization, 2015; PyTorch's batch_norm, which updates them here.

    >>> batch_norm(Tensor([[1.0], [3.0]]), None, None, training=True, eps=0.0)
    Tensor([[-1.],
            [ 1.]])
    """
    eps = number("batch_norm: eps", eps, least=0)
    if flag("batch_norm: training", training):
        return _batch_normalized(x, weight, bias, eps)[0]
    return normalized_by("batch_norm", x, running_mean, running_var, weight, bias, eps)


def normalized_by(
    name: str, x: Any, mean: Any, variance: Any, weight: Any, bias: Any, eps: float
) -> Any:
    """By statistics that were gathered before: an affine map of each channel."""
    if mean is None or variance is None:
        raise ValueError(
            f"{name}: without the statistics of its input it needs running_mean and running_var"
        )
    x = _with_channels(x, name)
    mean, variance, weight, bias = fitting(
        name, x.shape[1:2], running_mean=mean, running_var=variance, weight=weight, bias=bias
    )
    dtype = x.dtype
    x = at_least_single(x)
    scale = 1 / np.sqrt(values(variance) + eps)
    scale = scale if weight is None else weight * scale
    y = (x - along_channels(values(mean), x)) * along_channels(scale, x)
    y = y if bias is None else y + along_channels(bias, x)
    return y.astype(dtype) if dtype == np.float16 else y


def _batch_normalized(
    x: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> tuple[Any, Any, Any]:
    """batch_norm in training, and the mean and the biased variance (C,) that it found, as arrays.

    >>> _batch_normalized(Tensor([[1.0], [3.0]]), eps=0.0)[1:]
    (array([2.]), array([1.]))
    """
    x = _with_channels(x)
    if x.size and x.size == x.shape[1]:
        raise ValueError(
            f"batch_norm: one value a channel has no variance to learn from, in an input of shape "
            f"{x.shape}; give more than one sample, or call eval() to use the running statistics "
            "(DataLoader(..., drop_last=True) leaves out a last batch of one sample)"
        )
    weight, bias = fitting("batch_norm", x.shape[1:2], weight=weight, bias=bias)
    kept = Kept()
    y = normalized(
        x, (0, *range(2, x.ndim)), along_channels(weight, x), along_channels(bias, x), eps,
        kept=kept,
    )  # fmt: skip
    return y, kept.mean.reshape(-1), kept.variance.reshape(-1)


def _with_channels(x: Any, name: str = "batch_norm") -> Any:
    x = as_floats(x)
    if x.ndim < 2:
        raise ValueError(
            f"{name}: x must be (n, C) or (n, C, ...) with C channels, got shape {x.shape}"
        )
    return x


def along_channels(array: Any, x: Any) -> Any:
    """An array (C,) with axes of length 1 behind, to stand beside x (n, C, ...)."""
    if array is None or x.ndim == 2:
        return array
    return array.reshape((-1,) + (1,) * (x.ndim - 2))


_put = object.__setattr__  # without the questions that a Module asks of what is set


class _ChannelNorm(Module):
    """What normalisations with running statistics share; n axes of places behind the channels."""

    _axes: tuple[int, ...]  # how many axes an input may have
    _shapes: str  # how they are told
    running_mean: Any
    running_var: Any
    num_batches_tracked: Any
    momentum: Any

    def _begin(
        self, num_features: int, eps: float, affine: bool, tracked: bool, bias: bool, dtype: Any
    ) -> None:
        name = type(self).__name__
        self.num_features = num_features = whole(f"{name}: num_features", num_features, least=1)
        self.eps = number(f"{name}: eps", eps, least=0)
        self.affine = flag(f"{name}: affine", affine)
        self.track_running_stats = flag(f"{name}: track_running_stats", tracked)
        bias = flag(f"{name}: bias", bias)
        self.weight = constant(1, num_features, "weight", dtype) if affine else None
        self.bias = constant(0, num_features, "bias", dtype) if affine and bias else None
        self.running_mean = np.zeros(num_features, dtype) if tracked else None
        self.running_var = np.ones(num_features, dtype) if tracked else None
        self.num_batches_tracked = np.zeros((), np.int64) if tracked else None

    def _taken(self, x: Any, channels: int = 1) -> Tensor:
        """x as a Tensor, with as many channels as there must be, on this axis."""
        x = in_dtype_of(x, self.weight, self.running_mean)
        if x.ndim in self._axes and x.shape[channels] == self.num_features:
            return x
        shapes = self._shapes.replace("C", str(self.num_features))
        flat = channels and 2 in self._axes and x.ndim > 2
        flat = flat and math.prod(x.shape[1:]) == self.num_features
        raise ValueError(
            f"{self}: expected an input of shape {shapes}, got {x.shape}"
            + "; flatten it: x.reshape(len(x), -1)" * flat
        )

    def _track(self, new: float, mean: np.ndarray, variance: np.ndarray) -> None:
        """New arrays for the running statistics: graphs recorded before keep the old ones."""
        for what, value in (("running_mean", mean), ("running_var", variance)):
            old = getattr(self, what)
            value = (1 - new) * old + new * value
            if old.dtype == np.float16:
                value = self._within_half(what, value)
            _put(self, what, value.astype(old.dtype, copy=False))

    def _within_half(self, what: str, value: np.ndarray) -> np.ndarray:
        """The same numbers, or the largest one there is: an infinite variance gives zeros later."""
        most = np.finfo(np.float16).max
        if np.isfinite(value).all() and (np.abs(value) > most).any():
            warn(
                f"{self}: {what} is beyond {most:g}, the largest number of float16, and stays "
                "there; use dtype=np.float32, or divide the input"
            )
            value = np.clip(value, -most, most)
        return value

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(_ChannelNorm):
    """Bring each channel to mean 0 and variance 1 over the batch; then times weight, plus bias.

    While training, of the batch, whose mean and unbiased variance go into the running statistics:
    new = (1 - momentum) old + momentum batch (momentum None: the plain average of all batches).
    After `eval()`, of the running statistics, which then stay as they are.
    Args: num_features C; eps, added to the variance; affine, False for no weight and bias;
        track_running_stats, False to normalise by the batch always; bias, False for none; dtype.
    Shapes: x (n, C) or (n, C, L), and the same the result. Errors and source as of
    `nn.functional.batch_norm`.

    >>> layer = BatchNorm1d(2)
    >>> layer([[1.0, 10.0], [3.0, 30.0]]).data.round(3), layer.running_mean
    (array([[-1., -1.],
            [ 1.,  1.]], dtype=float32), array([0.2, 2. ], dtype=float32))
    """

    _axes: tuple[int, ...] = (2, 3)
    _shapes = "(n, C) or (n, C, L)"

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        bias: bool = True,
        dtype: Any = np.float32,
    ) -> None:
        what = f"{type(self).__name__}: momentum"
        self.momentum = None if momentum is None else number(what, momentum, least=0, most=1)
        self._begin(num_features, eps, affine, track_running_stats, bias, dtype)

    def forward(self, x: Any) -> Tensor:
        x = self._taken(x)
        affine = (self.weight, self.bias)
        if not self.training and self.running_mean is not None:
            mean, variance = self.running_mean, self.running_var
            return batch_norm(x, mean, variance, *affine, eps=self.eps)
        y, mean, variance = _batch_normalized(x, *affine, eps=self.eps)
        if self.running_mean is not None:
            count = self.num_batches_tracked + 1
            _put(self, "num_batches_tracked", as_array(count))
            if x.size:  # of no rows there is no mean, but they are counted, as PyTorch does
                count = x.size // self.num_features
                new = self.momentum
                if new is None:
                    new = (1 / self.num_batches_tracked).item()
                self._track(new, mean, variance * (count / (count - 1)))
        return y


class BatchNorm2d(BatchNorm1d):
    """BatchNorm1d of images: x (n, C, H, W), over the batch and all places of a channel.

    >>> BatchNorm2d(3)(np.zeros((2, 3, 4, 4))).shape
    (2, 3, 4, 4)
    """

    _axes = (4,)
    _shapes = "(n, C, H, W)"


class BatchNorm3d(BatchNorm1d):
    """BatchNorm1d of volumes: x (n, C, D, H, W), over the batch and all places of a channel.

    >>> BatchNorm3d(3)(np.zeros((2, 3, 4, 4, 4))).shape
    (2, 3, 4, 4, 4)
    """

    _axes = (5,)
    _shapes = "(n, C, D, H, W)"
