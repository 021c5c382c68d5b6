"""What layers compute, and the rules of it.

May import: autograd, arguments, random.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from numbers import Real
from operator import index
from typing import Any

import numpy as np

from autograd import Tensor, primitive
from nn.functional.arguments import as_floats, as_number, values
from nn.random import generator

__all__ = [
    "as_shape", "batch_norm", "batch_normalized", "check_probability", "cosine_similarity",
    "dropout", "fused_linear", "layer_norm", "linear", "normalize", "one_hot",
]  # fmt: skip


def _operand(x: Any) -> Any:
    """A Tensor or an array as it is, anything else as an array; what is no number is refused."""
    return x if isinstance(x, Tensor) or x.__class__ is np.ndarray else Tensor(x).data


# ---- linear -----------------------------------------------------------------------------------
# Of two plain matrices the product is taken by their method, which is the shortest way to BLAS; the
# rules ask for them themselves, for a function to do so would take half as long as the product.

_array = np.ndarray


def _linear(x: Any, weight: Any, bias: Any = None) -> Any:
    if x.ndim == weight.ndim == 2 and x.shape[1] == weight.shape[1]:
        y = x.dot(weight.T)
    elif weight.ndim == 2 and x.ndim and x.shape[-1] == weight.shape[1]:
        y = np.matmul(x, weight.T)
    else:  # asked here of the plain arrays, whose shapes cost a third of the time of the Tensors'
        raise ValueError(
            f"linear: x of shape {x.shape} and weight of shape {weight.shape} do not fit: the last "
            "axis of x must be as long as that of weight, which is (out, in)"
        )
    if bias is None:
        return y
    if bias.shape != y.shape[-1:]:
        raise ValueError(
            f"linear: bias has shape {bias.shape}, but weight {weight.shape} has "
            f"{weight.shape[0]} outputs; bias must have shape {weight.shape[:1]}"
        )
    if y.dtype is not bias.dtype:
        return y + bias
    y += bias  # y is nobody else's
    return y


def _linear_by_x(g: Any, y: Any, x: Any, weight: Any, bias: Any = None) -> Any:
    if g.__class__ is weight.__class__ is _array and g.ndim == 2:
        return g.dot(weight)
    return np.matmul(g, weight)


def _linear_by_weight(g: Any, y: Any, x: Any, weight: Any, bias: Any = None) -> Any:
    """gᵀ x: over all leading axes the sum of the outer products."""
    if x.ndim != 2:
        rows = math.prod(x.shape[:-1])
        g, x = g.reshape((rows, weight.shape[0])), x.reshape((rows, weight.shape[1]))
    if g.__class__ is x.__class__ is _array:
        return g.T.dot(x)
    return np.matmul(g.T, x)


fused_linear = primitive(
    _linear,
    _linear_by_x,
    _linear_by_weight,
    lambda g, y, x, weight, bias=None: g,
    formula=("g weight", "gᵀ x", "g"),
    elementwise=False,
)


def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """x Wᵀ + b over the last axis.

    Shapes: x (..., in), weight (out, in), bias (out,), the result (..., out).

    >>> linear(Tensor([1.0, 2.0]), Tensor([[1.0, 1.0], [0.0, 10.0]]), Tensor([0.0, 1.0]))
    Tensor([ 3., 21.])
    """
    if x.__class__ is not Tensor:
        x = _operand(x)
    if weight.__class__ is not Tensor:
        weight = _operand(weight)
    if bias is not None and bias.__class__ is not Tensor:
        bias = _operand(bias)
    return fused_linear(x, weight, bias)


# ---- normalisation ----------------------------------------------------------------------------
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
        array = None if array is None else _operand(array)
        if array is not None and array.shape != shape:
            raise ValueError(f"{name}: {what} must have the shape {shape}, got {array.shape}")
        yield array


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
    shape = as_shape(normalized_shape)
    x = as_floats(x)
    if x.shape[-len(shape) :] != shape:
        raise ValueError(
            f"layer_norm: the last axes of x must be normalized_shape, {shape}, but x has shape "
            f"{x.shape}"
        )
    weight, bias = _fitting("layer_norm", shape, weight=weight, bias=bias)
    return _normalized(x, tuple(range(-len(shape), 0)), weight, bias, eps, _Kept())


def as_shape(shape: int | Sequence[int]) -> tuple[int, ...]:
    """The shape that an int or a sequence of them stands for; at least one axis."""
    try:
        found = tuple(map(index, shape if isinstance(shape, Sequence) else (shape,)))
    except TypeError:
        raise TypeError(f"layer_norm: normalized_shape must be ints, got {shape!r}") from None
    if not found or min(found) < 1:
        raise ValueError(f"layer_norm: normalized_shape needs lengths >= 1, got {shape!r}")
    return found


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
        return batch_normalized(x, weight, bias, eps)[0]
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


def batch_normalized(
    x: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> tuple[Any, Any, Any]:
    """batch_norm in training, and the mean and the biased variance (C,) that it found, as arrays.

    >>> batch_normalized(Tensor([[1.0], [3.0]]), eps=0.0)[1:]
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


# ---- lengths of vectors ------------------------------------------------------------------------


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
    p = as_number("normalize", "p", p, finite=False)
    eps = as_number("normalize", "eps", eps, least=0)
    given = as_floats(x)
    x = _at_least_single(given if given.ndim else given.reshape(1))
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
    eps = as_number(name, "eps", eps, least=0)
    x1, x2 = as_floats(x1), as_floats(x2)
    dtype = np.result_type(x1.dtype, x2.dtype)
    try:
        shape = np.broadcast_shapes(x1.shape, x2.shape) or (1,)
    except ValueError:
        raise ValueError(
            f"{name}: x1 of shape {x1.shape} and x2 of shape {x2.shape} do not fit: each axis must "
            "be as long in both, or 1"
        ) from None
    x1, x2 = (np.broadcast_to(_at_least_single(x), shape) for x in (x1, x2))
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


def _at_least_single(x: Any) -> Any:
    """Half a precision as a whole one: squares of its numbers leave its range."""
    return x.astype(np.float32) if x.dtype == np.float16 else x


def _as_given(y: Any, dtype: Any) -> Any:
    return y.astype(dtype) if y.dtype != dtype else y


# ---- dropout, labels --------------------------------------------------------------------------


def check_probability(name: str, p: float) -> float:
    """p as a float; raises ValueError beyond [0, 1], TypeError for what is no number."""
    if not isinstance(p, Real):
        raise TypeError(f"{name}: p must be a number, got {type(p).__name__}")
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: p, the probability of a zero, must be in [0, 1], got {p}")
    return float(p)


def dropout(
    x: Any, p: float = 0.5, training: bool = True, *, rng: np.random.Generator | None = None
) -> Any:
    """Set each element to 0 with probability p, and divide the others by 1 - p (inverted dropout).

    So the mean stays, and without training x comes back itself; also for p = 0. For p = 1 all is 0.
    Args: x of any shape; rng, where the choice comes from: one seed chooses the same elements in
        every dtype. Raises ValueError for p beyond [0, 1]. Source: Srivastava et al., Dropout,
        2014; PyTorch's dropout.

    >>> y = dropout(Tensor(np.ones(1000)), 0.25, rng=np.random.default_rng(0))
    >>> np.unique(y.data)
    array([0.        , 1.33333333])
    """
    p = check_probability("dropout", p)
    if not training or p == 0:
        return x
    x = as_floats(x)
    if p == 1:
        return np.where(False, x, 0)  # a product would give nan for an infinity
    mask = generator(rng).random(x.shape, dtype=np.float32) >= p
    return x * np.multiply(mask, 1 / (1 - p), dtype=x.dtype)


def one_hot(labels: Any, num_classes: int = -1) -> np.ndarray:
    """For each label a row of zeros with a one at its place.

    Args: labels, integers from 0 on, of any shape; num_classes, -1 for the largest label + 1.
    Returns int64 of shape (*labels.shape, num_classes). Raises ValueError for a label out of
    range (a negative one is never wrapped around), TypeError for labels that are no integers.
    Source: PyTorch's one_hot.

    >>> one_hot([0, 2])
    array([[1, 0, 0],
           [0, 0, 1]])
    """
    labels, num_classes = np.asarray(values(labels)), index(num_classes)
    if labels.dtype.kind not in "iu" and labels.size:
        raise TypeError(
            f"one_hot: labels must be integers, got {labels.dtype}; use labels.astype(np.int64)"
        )
    if num_classes < -1 or num_classes == -1 and not labels.size:
        raise ValueError(
            "one_hot: num_classes must be given where there are no labels, and -1 (the largest "
            f"label + 1) or more; got {num_classes} and labels of shape {labels.shape}"
        )
    classes = int(labels.max()) + 1 if num_classes == -1 else num_classes
    wrong = np.argwhere((labels < 0) | (labels >= classes))
    if len(wrong):
        place = tuple(int(i) for i in wrong[0])
        at = f" at position {place[0] if len(place) == 1 else place}" if place else ""
        raise ValueError(
            f"one_hot: label {labels[place]}{at} is out of range: "
            + ("labels go from 0 on" if num_classes == -1
               else f"labels must be at least 0 and below num_classes, {num_classes}")
        )  # fmt: skip
    return (labels[..., None] == np.arange(classes)).astype(np.int64)
