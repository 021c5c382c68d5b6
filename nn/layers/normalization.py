"""Normalisation as an operation, and of layers: functions and Modules; vectors of length 1."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from operator import index
from typing import Any
from weakref import ref

import numpy as np

from autograd import Tensor, primitive
from nn.arguments import (
    as_floats,
    as_input,
    as_operand,
    at_least_single,
    in_dtype,
)
from nn.checks import flag, number, whole
from nn.habits import told
from nn.module import Module

__all__ = [
    "Kept",
    "LayerNorm",
    "RMSNorm",
    "constant",
    "cosine_similarity",
    "fitting",
    "in_dtype_of",
    "layer_norm",
    "normalize",
    "normalized",
    "rms_norm",
]

# All normalisations are one operation, over other axes: n = (x - mean) / std, and y = n weight +
# bias. Fused, with the gradient in closed form, it takes half the time of its parts or less.

_LONGEST = 1024  # summed by BLAS in one go; what is longer loses digits, and is summed in parts


class _Sums:
    """Sums over some axes of arrays of one shape and layout; the axes stay, with length 1.

    BLAS adds in a fourth of the time that NumPy takes. It wants the memory's own order of the axes,
    which need not be that of the shape: convolutions lay the batch innermost.
    """

    def __init__(
        self, shape: tuple[int, ...], strides: tuple[int, ...] | None, axes: tuple[int, ...],
        kind: str,
    ) -> None:  # fmt: skip
        order = list(range(len(shape)))
        if strides is not None:
            order.sort(key=lambda i: -strides[i])
        self.order = None if strides is None else order
        self.back = None if strides is None else [order.index(i) for i in range(len(shape))]
        self.axes = tuple(k for k, i in enumerate(order) if i in axes)
        self.shape = [1 if i in axes else shape[i] for i in order]
        self.count = math.prod([shape[i] for i in axes])
        self.steps = self._steps([(i in axes, shape[i]) for i in order], kind)

    def _steps(self, lengths: list[tuple[bool, int]], kind: str) -> list[tuple[Any, ...]]:
        """What is to be done, from the innermost axis on: shapes, and ones to multiply by."""
        if kind not in "fd" or not all(length for _, length in lengths):
            return []
        runs: list[list[Any]] = []  # neighbours that are summed, or are not, are one axis
        for summed, length in lengths:
            if runs and runs[-1][0] == summed:
                runs[-1][1] *= length
            else:
                runs.append([summed, length])
        steps: list[tuple[Any, ...]] = []
        rest = 1
        while runs:
            summed, length = runs.pop()
            before = math.prod(n for _, n in runs)
            if not summed:
                rest *= length
            elif rest > 1:
                shape = (length, rest) if before == 1 else (before, length, rest)
                steps.append((shape, np.ones(length, kind), False))
            else:
                width = length if length <= _LONGEST else min(length & -length, _LONGEST)
                width = length if width < 16 else width
                steps.append(((before * length // width, width), np.ones(width, kind), True))
                if width < length:
                    steps.append(((before, length // width), None, False))
        return steps

    def __call__(self, x: Any, other: Any = None) -> Any:
        """The sums of x, or of x times another array."""
        if self.order is not None:
            x = x.transpose(self.order)
            other = None if other is None else other.transpose(self.order)
        if self.steps and x.flags.c_contiguous:
            for shape, ones, rows in self.steps:
                if other is not None and not (rows and other.flags.c_contiguous):
                    x, other = x * other, None
                x = x.reshape(shape)
                if ones is None:
                    x = np.add.reduce(x, axis=1)
                elif not rows:
                    x = x.T.dot(ones) if x.ndim == 2 else np.matmul(ones, x)
                else:
                    x = x.dot(ones) if other is None else np.vecdot(x, other.reshape(shape))
                    other = None
            x = x.reshape(self.shape)
        else:
            x = np.add.reduce(x if other is None else x * other, axis=self.axes, keepdims=True)
        return x if self.back is None else x.transpose(self.back)


_sums = lru_cache(maxsize=256)(_Sums)


def _sums_of(x: Any, axes: tuple[int, ...]) -> _Sums:
    return _sums(x.shape, None if x.flags.c_contiguous else x.strides, axes, x.dtype.char)


class Kept:
    """What a forward leaves for its rules, and for running statistics: mean, variance, n and 1/std;
    and the sums of g and of g n, which are taken once for all rules.

    Those are over the `inner` axes: of the axes those along which weight and bias are the same.
    """

    __slots__ = ("_last", "inner", "mean", "normal", "scale", "sums", "variance")

    inner: tuple[int, ...]
    mean: Any
    normal: Any
    scale: Any
    sums: _Sums
    variance: Any

    def __init__(self) -> None:
        self._last: Any = None

    def of(self, g: Any) -> tuple[Any, Any]:
        """The sums of g and of g n over the inner axes."""
        if self._last is None or self._last[0]() is not g:
            sums = _sums_of(self.normal, self.inner)
            self._last = ref(g), (sums(g), sums(g, self.normal))
        return self._last[1]  # type: ignore[no-any-return]


def _inner(axes: tuple[int, ...], like: Any, x: Any) -> tuple[int, ...]:
    if like is None:
        return axes
    ahead = x.ndim - like.ndim
    return tuple([i for i in axes if i < ahead or like.shape[i - ahead] == 1])


def _normalize(
    x: Any, weight: Any, bias: Any, axes: tuple[int, ...], eps: float, centre: bool, _kept: Kept
) -> Any:
    _kept.inner = _inner(axes, bias if weight is None else weight, x)
    _kept.sums = sums = _sums_of(x, axes)
    share = 1 / max(1, sums.count)  # of nothing, anything will do
    _kept.mean = mean = sums(x) * share if centre else None
    normal = x - mean if centre else x
    _kept.variance = sums(normal, normal) * share
    _kept.scale = scale = 1 / np.sqrt(_kept.variance + eps)
    _kept.normal = normal = np.multiply(normal, scale, out=normal if centre else None)
    if weight is None:
        return normal if bias is None else normal + bias
    y = normal * weight
    if bias is None:
        return y
    return y + bias if y.dtype != bias.dtype else np.add(y, bias, out=y)


def _again(x: Any, axes: tuple[int, ...], eps: float, centre: bool, kept: Kept) -> tuple[Any, Any]:
    """n and 1/std, to be differentiated again, if x is."""
    if not isinstance(x, Tensor):
        return kept.normal, kept.scale
    if centre:
        x = x - np.mean(x, axis=axes, keepdims=True)
    scale = 1 / np.sqrt(np.mean(np.square(x), axis=axes, keepdims=True) + eps)
    return x * scale, scale


def _normalize_by_x(
    g: Any, y: Any, x: Any, weight: Any, bias: Any, axes: tuple[int, ...], eps: float,
    centre: bool, _kept: Kept,
) -> Any:  # fmt: skip
    """The gradient without its parts along (1, 1, ...) and along n: those change nothing."""
    if isinstance(y, Tensor):
        normal, scale = _again(x, axes, eps, centre, _kept)
        g = g if weight is None else g * weight
        along = normal * np.mean(g * normal, axis=axes, keepdims=True)
        return (g - (along + np.mean(g, axis=axes, keepdims=True) if centre else along)) * scale
    normal, scale, sums = _kept.normal, _kept.scale, _kept.sums
    share = 1 / max(1, sums.count)
    if _kept.inner == axes:  # the weights are a factor of all
        mean, along = _kept.of(g)
        scale = scale if weight is None else scale * weight
    else:
        parts: Any = _kept.of(g) if _kept.inner else ()
        if weight is not None:
            g, parts = g * weight, [part * weight for part in parts]
        if parts:
            mean, along = (np.add.reduce(part, axis=axes, keepdims=True) for part in parts)
        else:
            mean, along = sums(g) if centre else None, sums(g, normal)
    along = normal * (along * share)
    if centre:
        along += mean * share
    g = np.subtract(g, along, out=along)
    g *= scale
    return g


def _normalize_by_weight(
    g: Any, y: Any, x: Any, weight: Any, bias: Any, axes: tuple[int, ...], eps: float,
    centre: bool, _kept: Kept,
) -> Any:  # fmt: skip
    if isinstance(y, Tensor):
        return g * _again(x, axes, eps, centre, _kept)[0]
    return _kept.of(g)[1] if _kept.inner else _as_rows(g * _kept.normal, weight)


def _normalize_by_bias(
    g: Any, y: Any, x: Any, weight: Any, bias: Any, axes: tuple[int, ...], eps: float,
    centre: bool, _kept: Kept,
) -> Any:  # fmt: skip
    if isinstance(y, Tensor):
        return g
    return _kept.of(g)[0] if _kept.inner else _as_rows(g, bias)


def _as_rows(g: Any, weight: Any) -> Any:
    """Gradients by weights (n,) as rows, which the sweep adds up by BLAS."""
    return g.reshape(-1, weight.size) if weight.ndim == 1 < g.ndim else g


# As one would write it by hand, where no microsecond counts.


def _plain_normalize(
    x: Any, weight: Any, bias: Any, axes: tuple[int, ...], eps: float, centre: bool, _kept: Kept
) -> Any:
    axis = axes[0] if len(axes) == 1 else axes
    _kept.inner = _inner(axes, bias if weight is None else weight, x)
    _kept.sums = _sums_of(x, axes)
    _kept.mean = np.mean(x, axis=axis, keepdims=True) if centre else None
    centered = x - _kept.mean if centre else x
    _kept.variance = variance = np.mean(centered**2, axis=axis, keepdims=True)
    _kept.scale = scale = 1 / np.sqrt(variance + eps)
    _kept.normal = normal = centered * scale
    y = normal if weight is None else normal * weight
    return y if bias is None else y + bias


def _plain_by_x(
    g: Any, y: Any, x: Any, weight: Any, bias: Any, axes: tuple[int, ...], eps: float,
    centre: bool, _kept: Kept,
) -> Any:  # fmt: skip
    axis = axes[0] if len(axes) == 1 else axes
    g = g if weight is None else g * weight
    along = _kept.normal * np.mean(g * _kept.normal, axis=axis, keepdims=True)
    if centre:
        return (g - np.mean(g, axis=axis, keepdims=True) - along) * _kept.scale
    return (g - along) * _kept.scale


_fused_normalize = primitive(
    _normalize,
    _normalize_by_x,
    _normalize_by_weight,
    _normalize_by_bias,
    formula=(
        "(g weight - mean(g weight) - n mean(g weight n))/std, with n = (x - mean)/std and "
        "the weight 1 where there is none",
        "g n, with n = (x - mean)/std",
        "g",
    ),
    plainly=(
        _plain_normalize,
        _plain_by_x,
        lambda g, y, x, weight, bias, axes, eps, centre, _kept: g * _kept.normal,
        lambda g, y, x, weight, bias, axes, eps, centre, _kept: g,
    ),
)


def normalized(
    x: Any, axes: tuple[int, ...], weight: Any, bias: Any, eps: float, *, centre: bool = True,
    kept: Kept | None = None,
) -> Any:  # fmt: skip
    """The fused operation; half a precision computes in a whole one, or its sums would overflow.

    centre, False to leave the mean as it is; kept, where mean and variance can be had afterwards.

    >>> normalized(np.array([[1.0, 3.0]]), (1,), None, None, 0.0)
    array([[-1.,  1.]])
    """
    kept = Kept() if kept is None else kept
    if x.dtype != np.float16:
        return _fused_normalize(x, weight, bias, axes, eps, centre, kept)
    x = x.astype(np.float32)
    return _fused_normalize(x, weight, bias, axes, eps, centre, kept).astype(np.float16)


def fitting(name: str, shape: tuple[int, ...], **arrays: Any) -> Iterator[Any]:
    """The arrays, or None, of which each must have this shape."""
    for what, array in arrays.items():
        array = None if array is None else as_operand(array)
        if array is not None and array.shape != shape:
            raise ValueError(f"{name}: {what} must have the shape {shape}, got {array.shape}")
        yield array


def constant(value: float, shape: Any, name: str, dtype: Any) -> Tensor:
    """A parameter that begins as this number everywhere."""
    return Tensor(np.full(shape, value, dtype), requires_grad=True, name=name)


def in_dtype_of(x: Any, *likes: Any) -> Tensor:
    """x as a Tensor, in the dtype of the first of these that there is."""
    x = x if isinstance(x, Tensor) else Tensor(x)
    dtype = next((like.dtype for like in likes if like is not None), None)
    return x if dtype is None else as_input(x, dtype)


# ---- layer by layer of samples ----------------------------------------------------------------


@told
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
    x, axes = _last_axes("layer_norm", x, normalized_shape)
    weight, bias = fitting("layer_norm", x.shape[axes[0] :], weight=weight, bias=bias)
    eps = number("layer_norm: eps", eps, least=0)
    return normalized(x, axes, weight, bias, eps)


def _last_axes(name: str, x: Any, normalized_shape: Any) -> tuple[Any, tuple[int, ...]]:
    """x as floats, and the axes of this shape, which are its last."""
    shape = _as_shape(name, normalized_shape)
    x = as_floats(x)
    if x.shape[-len(shape) :] != shape:
        raise ValueError(
            f"{name}: the last axes of x must be normalized_shape, {shape}, but x has shape "
            f"{x.shape}"
        )
    return x, tuple(range(x.ndim - len(shape), x.ndim))


def _as_shape(name: str, shape: int | Sequence[int]) -> tuple[int, ...]:
    """The shape that an int or a sequence of them stands for; at least one axis."""
    sizes = shape if isinstance(shape, Sequence) else (shape,)
    found = tuple(whole(f"{name}: normalized_shape", size, least=1) for size in sizes)
    if not found:
        raise ValueError(f"{name}: normalized_shape needs an axis at least, got ()")
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
        self.normalized_shape = _as_shape("LayerNorm", normalized_shape)
        self.eps = number("LayerNorm: eps", eps, least=0)
        affine = flag("LayerNorm: elementwise_affine", elementwise_affine)
        bias = flag("LayerNorm: bias", bias)
        self.elementwise_affine, shape = affine, self.normalized_shape
        self.weight = constant(1, shape, "weight", dtype) if affine else None
        self.bias = constant(0, shape, "bias", dtype) if affine and bias else None

    def forward(self, x: Any) -> Tensor:
        x = _of_shape(self, x)
        return layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


def _of_shape(layer: Any, x: Any) -> Tensor:
    x, shape = in_dtype_of(x, layer.weight), layer.normalized_shape
    if x.shape[-len(shape) :] != shape:
        raise ValueError(
            f"{layer}: expected an input whose last axes are {shape}, got shape {x.shape}"
        )
    return x


@told
def rms_norm(
    x: Any, normalized_shape: int | Sequence[int], weight: Any = None, eps: float | None = None
) -> Any:
    """Divide each sample by the root of its mean square over its last axes; then times weight.

    y = x / sqrt(mean(x²) + eps) * weight: layer_norm without the mean. Args: eps, None for the
    distance from 1 to the next number of x's dtype. Shapes: x (..., *normalized_shape), weight
    normalized_shape. Raises ValueError for other shapes. Source: Zhang and Sennrich, Root Mean
    Square Layer Normalization, 2019; PyTorch's rms_norm.

    >>> rms_norm(Tensor([[1.0, 7.0]]), 2, eps=0.0)
    Tensor([[0.2, 1.4]])
    """
    x, axes = _last_axes("rms_norm", x, normalized_shape)
    (weight,) = fitting("rms_norm", x.shape[axes[0] :], weight=weight)
    eps = float(np.finfo(x.dtype).eps) if eps is None else number("rms_norm: eps", eps, least=0)
    return normalized(x, axes, weight, None, eps, centre=False)


class RMSNorm(Module):
    """Divide each sample by the root of its mean square over its last axes; then times weight.

    Args: normalized_shape, the lengths of these axes, an int for one; eps, added to the mean square
        (None: the distance from 1 to the next number of the input's dtype); elementwise_affine,
        False for no weight; dtype.
    Shapes: x (..., *normalized_shape), and the same the result. Formula, errors and source as of
    `nn.functional.rms_norm`.

    >>> RMSNorm(2)([[1.0, 7.0]]).data.round(3)
    array([[0.2, 1.4]], dtype=float32)
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        *,
        dtype: Any = np.float32,
    ) -> None:
        self.normalized_shape = _as_shape("RMSNorm", normalized_shape)
        self.eps = None if eps is None else number("RMSNorm: eps", eps, least=0)
        self.elementwise_affine = flag("RMSNorm: elementwise_affine", elementwise_affine)
        affine, shape = elementwise_affine, self.normalized_shape
        self.weight = constant(1, shape, "weight", dtype) if affine else None

    def forward(self, x: Any) -> Tensor:
        return rms_norm(_of_shape(self, x), self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


# ---- lengths of vectors -----------------------------------------------------------------------


@told
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
    return in_dtype(y.reshape(given.shape), given.dtype)


@told
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
    axes = _axes(name, whole(f"{name}: axis", axis), x1)
    cosines = (x1 / _length(x1, 2.0, axes, eps)) * (x2 / _length(x2, 2.0, axes, eps))
    return in_dtype(np.sum(cosines, axis=axes), dtype)


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
