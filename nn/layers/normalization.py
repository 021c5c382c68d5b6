"""Batch and layer normalisation, as operation, functions and Modules; vectors of length 1."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from operator import index
from typing import Any

import numpy as np

from autograd import Tensor, primitive
from nn.arguments import (
    as_floats,
    as_input,
    as_operand,
    at_least_single,
    values,
)
from nn.checks import number, whole
from nn.module import Module

__all__ = [
    "BatchNorm1d",
    "LayerNorm",
    "batch_norm",
    "cosine_similarity",
    "layer_norm",
    "normalize",
]

# Batch and layer normalisation are one operation, over other axes: normal = (x - mean) / std, and
# y = normal weight + bias. Fused, with the gradient in closed form, it takes half the time of its
# parts or less.


class _Kept:
    """What the forward of a normalisation leaves for its rules and for running statistics."""

    __slots__ = ("mean", "normal", "scale", "variance")

    mean: Any
    normal: Any
    scale: Any
    variance: Any


def _share(x: Any, axes: tuple[int, ...]) -> float:
    """What each element counts in a mean over these axes; of none, anything will do."""
    return 1 / max(1, math.prod(x.shape[axis] for axis in axes))


def _normalize(
    x: Any, weight: Any, bias: Any, axes: tuple[int, ...], eps: float, _kept: _Kept
) -> Any:
    share = _share(x, axes)
    _kept.mean = np.add.reduce(x, axis=axes, keepdims=True) * share
    normal = x - _kept.mean
    y = np.square(normal)
    _kept.variance = np.add.reduce(y, axis=axes, keepdims=True) * share
    _kept.scale = 1 / np.sqrt(_kept.variance + eps)
    normal *= _kept.scale
    _kept.normal = normal
    if weight is None:
        return normal if bias is None else normal + bias
    if y.dtype != weight.dtype or bias is not None and y.dtype != bias.dtype:
        return normal * weight + (0 if bias is None else bias)
    np.multiply(normal, weight, out=y)  # the memory of the squares, which are done with
    if bias is not None:
        y += bias
    return y


def _standard(x: Any, axes: tuple[int, ...], eps: float, kept: _Kept) -> tuple[Any, Any]:
    """(x - mean) / std and 1 / std: as kept, or recorded, to be differentiated again."""
    if not isinstance(x, Tensor):
        return kept.normal, kept.scale
    share = _share(x, axes)
    centred = x - np.sum(x, axis=axes, keepdims=True) * share
    variance = np.sum(np.square(centred), axis=axes, keepdims=True) * share
    scale = 1 / np.sqrt(variance + eps)
    return centred * scale, scale


def _normalize_by_x(
    g: Any, y: Any, x: Any, weight: Any, bias: Any, axes: tuple[int, ...], eps: float, _kept: _Kept
) -> Any:
    """The gradient without its parts along (1, 1, ...) and along normal: those change nothing."""
    normal, scale = _standard(x, axes, eps, _kept)
    g = g if weight is None else g * weight
    share = _share(x, axes)
    mean = np.add.reduce(g, axis=axes, keepdims=True) * share
    along = g * normal
    along = normal * (np.add.reduce(along, axis=axes, keepdims=True) * share)
    along += mean  # on arrays in place; on Tensors too, where g alone may be an array
    g = g - along
    g *= scale
    return g


def _normalize_by_weight(
    g: Any, y: Any, x: Any, weight: Any, bias: Any, axes: tuple[int, ...], eps: float, _kept: _Kept
) -> Any:
    return g * _standard(x, axes, eps, _kept)[0]


_fused_normalize = primitive(
    _normalize,
    _normalize_by_x,
    _normalize_by_weight,
    lambda g, y, x, weight, bias, axes, eps, _kept: g,
    formula=(
        "(g w - mean(g w) - n mean(g w n))/std, with n = (x - mean)/std and the weights w",
        "g n, with n = (x - mean)/std",
        "g",
    ),
)


def _normalized(
    x: Any, axes: tuple[int, ...], weight: Any, bias: Any, eps: float, kept: _Kept
) -> Any:
    """The fused operation; half a precision computes in a whole one, or its sums would overflow."""
    if x.dtype != np.float16:
        return _fused_normalize(x, weight, bias, axes, eps, kept)
    return _fused_normalize(x.astype(np.float32), weight, bias, axes, eps, kept).astype(x.dtype)


def _fitting(name: str, shape: tuple[int, ...], **arrays: Any) -> Iterator[Any]:
    """The arrays, or None, of which each must have this shape."""
    for what, array in arrays.items():
        array = None if array is None else as_operand(array)
        if array is not None and array.shape != shape:
            raise ValueError(f"{name}: {what} must have the shape {shape}, got {array.shape}")
        yield array


def _constant(value: float, shape: Any, name: str, dtype: Any) -> Tensor:
    return Tensor(np.full(shape, value, dtype), requires_grad=True, name=name)


def _cast(x: Any, *likes: Any) -> Tensor:
    """x as a Tensor, in the dtype of the first of these that there is."""
    x = x if isinstance(x, Tensor) else Tensor(x)
    dtype = next((like.dtype for like in likes if like is not None), None)
    return x if dtype is None else as_input(x, dtype)


# ---- layer by layer of samples ----------------------------------------------------------------


def layer_norm(
    x: Any,
    normalized_shape: int | Sequence[int],
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
) -> Any:
    """Bring each sample to mean 0 and variance 1 over its last axes; then times weight, plus bias.

    y = (x - mean) / sqrt(variance + eps) * weight + bias, the variance biased. Shapes: x
    (..., *normalized_shape), weight and bias normalized_shape. Raises ValueError for other shapes.
    Source: Ba et al., Layer Normalization, 2016; PyTorch's layer_norm.

    >>> layer_norm(Tensor([[1.0, 3.0], [10.0, 30.0]]), 2, eps=0.0)
    Tensor([[-1.,  1.],
            [-1.,  1.]])
    """
    shape = _as_shape(normalized_shape)
    x = as_floats(x)
    if x.shape[-len(shape) :] != shape:
        raise ValueError(
            f"layer_norm: the last axes of x must be normalized_shape, {shape}, but x has shape "
            f"{x.shape}"
        )
    weight, bias = _fitting("layer_norm", shape, weight=weight, bias=bias)
    return _normalized(x, tuple(range(-len(shape), 0)), weight, bias, eps, _Kept())


def _as_shape(shape: int | Sequence[int]) -> tuple[int, ...]:
    """The shape that an int or a sequence of them stands for; at least one axis."""
    sizes = shape if isinstance(shape, Sequence) else (shape,)
    found = tuple(whole("layer_norm: normalized_shape", size, least=1) for size in sizes)
    if not found:
        raise ValueError("layer_norm: normalized_shape needs an axis at least, got ()")
    return found


class LayerNorm(Module):
    """Bring each sample to mean 0 and variance 1 over its last axes; then times weight, plus bias.

    Args: normalized_shape, the lengths of these axes, an int for one; eps, added to the variance;
        elementwise_affine, False for no weight and bias; bias, False for none; dtype.
    Shapes: x (..., *normalized_shape), and the same the result. The same in training and
    evaluation. Formula, errors and source as of `nn.functional.layer_norm`.

    >>> LayerNorm(2)([[1.0, 3.0]]).data.round(3)
    array([[-1.,  1.]], dtype=float32)
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: Any = np.float32,
    ) -> None:
        self.normalized_shape = _as_shape(normalized_shape)
        self.eps = number("LayerNorm: eps", eps, least=0)
        self.elementwise_affine = bool(elementwise_affine)
        affine, shape = elementwise_affine, self.normalized_shape
        self.weight = _constant(1, shape, "weight", dtype) if affine else None
        self.bias = _constant(0, shape, "bias", dtype) if affine and bias else None

    def forward(self, x: Any) -> Tensor:
        x = _cast(x, self.weight)
        shape = self.normalized_shape
        if x.shape[-len(shape) :] != shape:
            raise ValueError(
                f"{self}: expected an input whose last axes are {shape}, got shape {x.shape}"
            )
        return layer_norm(x, shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


# ---- channel by channel of a batch ------------------------------------------------------------


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

    Args: x (n, C) or (n, C, L); running_mean, running_var, weight and bias (C,); training, True to
        take the mean and the biased variance of this batch (the running ones may be None then);
        momentum, which PyTorch's has here, changes nothing.
    Raises ValueError for other shapes, and for one value a channel in training. The running
    statistics are never written to: `nn.BatchNorm1d` keeps them. Source: Ioffe and Szegedy, Batch
    Normalization, 2015; PyTorch's batch_norm, which updates them here.

    >>> batch_norm(Tensor([[1.0], [3.0]]), None, None, training=True, eps=0.0)
    Tensor([[-1.],
            [ 1.]])
    """
    if training:
        return _batch_normalized(x, weight, bias, eps)[0]
    if running_mean is None or running_var is None:
        raise ValueError("batch_norm: without training it needs running_mean and running_var")
    x = _with_channels(x)
    mean, variance, weight, bias = _fitting(
        "batch_norm", x.shape[1:2], running_mean=running_mean, running_var=running_var,
        weight=weight, bias=bias,
    )  # fmt: skip
    dtype = x.dtype
    x = x.astype(np.float32) if dtype == np.float16 else x
    scale = 1 / np.sqrt(values(variance) + eps)
    scale = scale if weight is None else weight * scale
    y = (x - _along_channels(values(mean), x)) * _along_channels(scale, x)
    y = y if bias is None else y + _along_channels(bias, x)
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
    weight, bias = _fitting("batch_norm", x.shape[1:2], weight=weight, bias=bias)
    kept = _Kept()
    y = _normalized(
        x, (0, *range(2, x.ndim)), _along_channels(weight, x), _along_channels(bias, x), eps, kept
    )
    return y, kept.mean.reshape(-1), kept.variance.reshape(-1)


def _with_channels(x: Any) -> Any:
    x = as_floats(x)
    if x.ndim < 2:
        raise ValueError(
            f"batch_norm: x must be (n, C) or (n, C, L) with C channels, got shape {x.shape}"
        )
    return x


def _along_channels(array: Any, x: Any) -> Any:
    """An array (C,) with axes of length 1 behind, to stand beside x (n, C, ...)."""
    if array is None or x.ndim == 2:
        return array
    return array.reshape((-1,) + (1,) * (x.ndim - 2))


_put = object.__setattr__  # without the questions that a Module asks of what is set


class BatchNorm1d(Module):
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
        name = "BatchNorm1d"
        self.num_features = num_features = whole(f"{name}: num_features", num_features, least=1)
        self.eps = number(f"{name}: eps", eps, least=0)
        self.momentum = (
            None if momentum is None else number(f"{name}: momentum", momentum, least=0, most=1)
        )
        self.affine, self.track_running_stats = bool(affine), bool(track_running_stats)
        self.weight = _constant(1, num_features, "weight", dtype) if affine else None
        self.bias = _constant(0, num_features, "bias", dtype) if affine and bias else None
        tracked = track_running_stats
        self.running_mean: Any = np.zeros(num_features, dtype) if tracked else None
        self.running_var: Any = np.ones(num_features, dtype) if tracked else None
        self.num_batches_tracked: Any = np.zeros((), np.int64) if tracked else None

    def forward(self, x: Any) -> Tensor:
        x = _cast(x, self.weight, self.running_mean)
        if x.ndim not in (2, 3) or x.shape[1] != self.num_features:
            raise ValueError(self._wrong_shape(x.shape))
        affine = (self.weight, self.bias)
        if not self.training and self.running_mean is not None:
            mean, variance = self.running_mean, self.running_var
            return batch_norm(x, mean, variance, *affine, eps=self.eps)
        y, mean, variance = _batch_normalized(x, *affine, eps=self.eps)
        if self.running_mean is not None:
            _put(self, "num_batches_tracked", np.asarray(self.num_batches_tracked + 1))
            if x.size:  # of no rows there is no mean, but they are counted, as PyTorch does
                self._track(mean, variance, x.size // self.num_features)
        return y

    def _track(self, mean: np.ndarray, variance: np.ndarray, count: int) -> None:
        """New arrays for the running statistics: graphs recorded before keep the old ones."""
        new = 1 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
        variance = variance * (count / (count - 1))
        dtype = self.running_mean.dtype
        mean = ((1 - new) * self.running_mean + new * mean).astype(dtype, copy=False)
        variance = ((1 - new) * self.running_var + new * variance).astype(dtype, copy=False)
        _put(self, "running_mean", mean)
        _put(self, "running_var", variance)

    def _wrong_shape(self, shape: tuple[int, ...]) -> str:
        flat = len(shape) > 2 and math.prod(shape[1:]) == self.num_features
        return (
            f"{self}: expected an input of shape (n, {self.num_features}) or "
            f"(n, {self.num_features}, L), got {shape}"
            + "; flatten it: x.reshape(len(x), -1)"
            * flat
        )

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
        )


# ---- lengths of vectors -----------------------------------------------------------------------


def normalize(x: Any, p: float = 2.0, axis: int | Sequence[int] = 1, eps: float = 1e-12) -> Any:
    """Bring each vector along an axis to length 1: x / max(norm, eps).

    Args: x of any shape; p, of the norm (sum of |x|^p)^(1/p), inf for the largest |x|; axis, one,
        or several whose elements are one vector; eps, the least divisor, so that a vector of zeros
        stays one (its gradient is g / eps). Raises ValueError for an axis that x has not. Source:
        PyTorch's normalize.

    >>> normalize(Tensor([[3.0, 4.0], [0.0, 0.0]]))
    Tensor([[0.6, 0.8],
            [0. , 0. ]])
    """
    p = number("normalize: p", p, finite=False)
    eps = number("normalize: eps", eps, least=0)
    given = as_floats(x)
    x = at_least_single(given if given.ndim else given.reshape(1))
    y = x / _length(x, p, _axes("normalize", axis, x), eps)
    return _as_given(y.reshape(given.shape), given.dtype)


def cosine_similarity(x1: Any, x2: Any, axis: int = 1, eps: float = 1e-8) -> Any:
    """The cosine of the angle between vectors along an axis: their product, both of length 1.

    sum(x1 / max(norm(x1), eps) * x2 / max(norm(x2), eps)). Args: x1 and x2, of shapes that
        broadcast to one; axis, of that shape, and gone in the result; eps, the least length.
    Raises ValueError for shapes that do not fit, or for an axis that is not there. Source:
    PyTorch's cosine_similarity, which differentiates the length also of a vector shorter than eps.

    >>> cosine_similarity(Tensor([[1.0, 0.0], [1.0, 1.0]]), [[0.0, 5.0], [3.0, 3.0]])
    Tensor([0., 1.])
    """
    name = "cosine_similarity"
    eps = number(f"{name}: eps", eps, least=0)
    x1, x2 = as_floats(x1), as_floats(x2)
    dtype = np.result_type(x1.dtype, x2.dtype)
    try:
        shape = np.broadcast_shapes(x1.shape, x2.shape) or (1,)
    except ValueError:
        raise ValueError(
            f"{name}: x1 of shape {x1.shape} and x2 of shape {x2.shape} do not fit: each axis must "
            "be as long in both, or 1"
        ) from None
    x1, x2 = (np.broadcast_to(at_least_single(x), shape) for x in (x1, x2))
    axes = _axes(name, index(axis), x1)
    cosines = (x1 / _length(x1, 2.0, axes, eps)) * (x2 / _length(x2, 2.0, axes, eps))
    return _as_given(np.sum(cosines, axis=axes), dtype)


def _length(x: Any, p: float, axes: tuple[int, ...], eps: float) -> Any:
    """The norms, at least eps, of the vectors along these axes, which stay, with length 1."""
    if len(axes) > 1:  # of a matrix np.linalg.norm would take another norm
        rest = [n for axis, n in enumerate(x.shape) if axis not in axes]
        size = math.prod(x.shape[axis] for axis in axes)
        joined = np.moveaxis(x, axes, range(len(axes))).reshape((size, *rest))
        norms = np.expand_dims(np.linalg.norm(joined, p, 0), axes)
    else:
        norms = np.linalg.norm(x, p, axes[0], True)
    return np.clip(norms, eps, None)


def _axes(name: str, axis: Any, x: Any) -> tuple[int, ...]:
    """One axis or several as a tuple of different ones from 0 on, which x has."""
    try:
        given = tuple(map(index, axis if isinstance(axis, Sequence) else (axis,)))
    except TypeError:
        raise TypeError(f"{name}: axis must be an int or several, got {axis!r}") from None
    axes = tuple(a % x.ndim for a in given)
    if not axes or len(set(axes)) < len(axes) or not all(-x.ndim <= a < x.ndim for a in given):
        raise ValueError(
            f"{name}: axis {axis} does not fit an array of shape {x.shape}; axis=-1 is the last"
        )
    return axes


def _as_given(y: Any, dtype: Any) -> Any:
    return y.astype(dtype) if y.dtype != dtype else y
