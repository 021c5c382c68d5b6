"""NumPy functions that are made of the primitives: no rule of their own, so nothing to get wrong.

Each is a line or two; the signatures are NumPy's. And at the end the functions through which no
gradient can flow. (`out`, which NumPy places in the middle, is only a placeholder: never used.)
"""

from __future__ import annotations

import functools
import math
import operator
from typing import Any

import numpy as np

from autograd.arraylike import plain_index
from autograd.ops.arguments import (
    array_of,
    axes_of,
    axis_of,
    check_floats,
    count_of,
    mask_of,
    values_of,
)
from autograd.ops.elementwise import gate
from autograd.ops.linalg import cross_product
from autograd.ops.reductions import deviation, mean_of, median, variance, weighted_mean
from autograd.primitives import nondifferentiable, primitive
from autograd.rules import composes, operations
from autograd.tensor import Array, Tensor

__all__: list[str] = []


# ---- statistics -------------------------------------------------------------------------------


@composes(np.mean)
def mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, *,
    where: Any = True,
) -> Array:  # fmt: skip
    if where is not True:
        y = _mean_of_some(a, axis, dtype, keepdims, where)
    else:
        y = mean_of(a, axis, dtype, keepdims, count_of(a, axis))
    return y.astype(dtype) if dtype is not None and np.dtype(dtype).kind in "iu" else y


def _mean_of_some(a: Array, axis: Any, dtype: Any, keepdims: Any, where: Any) -> Array:
    """What is left out is 0 in the sum, and not counted: in the dtype to divide the sum by."""
    a = a if dtype is None else a.astype(dtype)
    mask = np.broadcast_to(mask_of(where), a.shape)
    wide = a.dtype if dtype is not None else np.result_type(a.dtype, np.float32)
    counts = _counted(wide, mask, a, axis, keepdims)
    return mean_of(np.where(mask, a, np.asarray(0, a.dtype)), axis, dtype, keepdims, counts)


def _counted(dtype: Any, where: Any, a: Array, axis: Any, keepdims: Any) -> Array:
    """How many elements a reduction with where= joins, as floats to divide its sum by."""
    where = where.data if isinstance(where, Tensor) else where
    counts = np.sum(np.broadcast_to(where, a.shape), axis=axis, keepdims=keepdims, dtype=np.intp)
    return counts.astype(dtype if dtype.kind == "f" else np.float64)


@composes(np.average)
def average(
    a: Any, axis: Any = None, weights: Any = None, returned: Any = False, *, keepdims: Any = False
) -> Any:
    a = array_of(a)
    if weights is None:
        y = np.mean(a, axis=axis, keepdims=keepdims)
        return (y, np.full_like(y, count_of(a, axis))) if returned else y
    weights = array_of(weights)
    # Small integers would overflow in the products.
    if a.dtype != weights.dtype or a.dtype.kind != "f":
        whole = [np.float64] if a.dtype.kind in "iub" else []
        dtype = np.result_type(a.dtype, weights.dtype, *whole)
        a, weights = a.astype(dtype), weights.astype(dtype)
    if a.dtype == np.float16:
        a, weights = a.astype(np.float32), weights.astype(np.float32)
        y, total = average(a, axis, weights, True, keepdims=keepdims)
        y = y.astype(np.float16)
        return (y, total.astype(np.float16)) if returned else y
    if weights.shape != a.shape:
        axes = axes_of(a, axis)
        if axis is None or weights.shape != tuple(a.shape[i] for i in axes):
            raise ValueError(
                f"np.average: weights of shape {weights.shape} for an array of shape {a.shape} "
                f"and axis {axis}; they must have the array's shape, or that of the axis"
            )
        others = tuple(i for i in range(a.ndim) if i not in axes)
        weights = np.transpose(weights, np.argsort(axes).tolist())
        weights = np.broadcast_to(np.expand_dims(weights, others), a.shape)
    total = np.sum(weights, axis=axis, keepdims=keepdims)
    if np.any(total == 0):
        raise ZeroDivisionError("np.average: the weights sum to zero")
    y = weighted_mean(a, weights, axis, keepdims)
    return (y, total if isinstance(total, Tensor) else Tensor(total)) if returned else y


@composes(np.var)
def var(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0,
    keepdims: Any = False, *, where: Any = True, mean: Any = None, correction: Any = None,
) -> Array:  # fmt: skip
    ddof = ddof if correction is None else correction
    if dtype is not None:
        check_floats("np.var", dtype)
    if where is not True or mean is not None:
        return _var_of_some(a, axis, dtype, ddof, keepdims, where, mean)
    return variance(a, axis, dtype, ddof, keepdims)


def _var_of_some(
    a: Array, axis: Any, dtype: Any, ddof: Any, keepdims: Any, where: Any, mean: Any
) -> Array:
    if dtype is None and np.result_type(a.dtype, getattr(mean, "dtype", a.dtype)) == np.float16:
        wide = _var_of_some(a.astype(np.float32), axis, dtype, ddof, keepdims, where, mean)
        return wide.astype(np.float16)
    dtype = np.float64 if dtype is None and a.dtype.kind in "iub" else dtype
    if mean is None:
        mean = np.mean(a, axis=axis, dtype=dtype, keepdims=True, where=where)
    if where is not True:  # what is left out may be nan
        a, mean = np.where(where, a, 0), np.where(where, mean, 0)
    deviation = a - mean
    total = np.sum(deviation * deviation, axis=axis, dtype=dtype, keepdims=keepdims)
    return total / np.maximum(_counted(total.dtype, where, a, axis, keepdims) - ddof, 0)


def _root(x: Array) -> Array:
    """The square root with gradient 0 at 0, for lengths and deviations: where, twice."""
    zero = x == 0
    return np.where(zero, 0, np.sqrt(np.where(zero, 1, x)))


@composes(np.std)
def std(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0,
    keepdims: Any = False, *, where: Any = True, mean: Any = None, correction: Any = None,
) -> Array:  # fmt: skip
    ddof = ddof if correction is None else correction
    if dtype is not None:
        check_floats("np.std", dtype)
    if where is not True or mean is not None:
        return _root(_var_of_some(a, axis, dtype, ddof, keepdims, where, mean))
    return deviation(a, axis, dtype, ddof, keepdims)


@composes(np.ptp)
def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Array:
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


@composes(np.median)
def median_(
    a: Any, axis: Any = None, out: Any = None, overwrite_input: Any = False, keepdims: Any = False
) -> Array:
    return median(a, axis, keepdims)


@composes(np.nansum)
def nansum(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False,
    initial: Any = None, where: Any = True,
) -> Array:  # fmt: skip
    a, options = np.where(np.isnan(a), 0, a), _given(initial, where)
    return np.sum(a, axis=axis, dtype=dtype, keepdims=keepdims, **options)


def _given(initial: Any, where: Any) -> dict[str, Any]:
    """These options of a reduction, if they are used."""
    if initial is None and where is True:
        return {}
    return {"where": where} if initial is None else {"initial": initial, "where": where}


@composes(np.nanmean)
def nanmean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, *,
    where: Any = True,
) -> Array:  # fmt: skip
    if a.dtype.kind != "f":
        return np.mean(a, axis=axis, dtype=dtype, keepdims=keepdims, where=where)
    if dtype is not None:
        check_floats("np.nanmean", dtype)
    return _mean_of_some(a, axis, dtype, keepdims, ~np.isnan(a) & mask_of(where))


def _nan_extremum(function: Any, worst: float) -> Any:
    def extremum(
        a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None,
        where: Any = True,
    ) -> Any:  # fmt: skip
        options = _given(initial, where)
        if a.dtype.kind != "f":
            return function(a, axis=axis, keepdims=keepdims, **options)
        found = function(np.where(np.isnan(a), worst, a), axis=axis, keepdims=keepdims, **options)
        if initial is not None:
            return found
        return np.where(np.all(np.isnan(a), axis=axis, keepdims=keepdims), np.nan, found)

    return extremum


nanmax = composes(np.nanmax)(_nan_extremum(np.max, -math.inf))
nanmin = composes(np.nanmin)(_nan_extremum(np.min, math.inf))


@composes(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Array:
    a = array_of(a)
    if n < 0:
        raise ValueError(f"n, the number of differences, must be >= 0, got {n}")
    if n == 0:  # NumPy then leaves the ends out
        return a
    axis = axis_of(a, axis)
    ends = [end for end in (prepend, a, append) if end is not None]
    if len(ends) > 1:
        row = tuple(1 if i == axis else m for i, m in enumerate(a.shape))
        ends = [np.broadcast_to(end, row) if np.ndim(end) == 0 else end for end in ends]
        a = np.concatenate(ends, axis=axis)
    ahead = (slice(None),) * axis
    for _ in range(n):
        behind, before = a[(*ahead, slice(1, None))], a[(*ahead, slice(None, -1))]
        a = Tensor(behind != before) if a.dtype == bool else behind - before  # as NumPy
    return a


@composes(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Array:
    y = array_of(y)
    axis = axis_of(y, axis)
    ahead = (slice(None),) * axis
    if x is not None:
        dx = np.diff(x, axis=-1 if np.ndim(x) == 1 else axis)
        if np.ndim(x) == 1:
            dx = dx.reshape((-1,) + (1,) * (y.ndim - 1 - axis))
    return np.sum(dx * (y[(*ahead, slice(1, None))] + y[(*ahead, slice(None, -1))]) / 2, axis=axis)


def _convolution(a: Array, v: Array) -> Array:
    return np.convolve(a, v)


# With g beyond whose ends is nothing, the gradient of a is what of v slides along g.
convolution: Any = primitive(
    _convolution,
    lambda g, y, a, v: convolution(g, np.flip(v))[v.size - 1 : g.size],
    lambda g, y, a, v: convolution(g, np.flip(a))[a.size - 1 : g.size],
    formula="g correlated with v, g correlated with a",
)


@composes(np.convolve)
def convolve(a: Any, v: Any, mode: str = "full") -> Array:
    a, v = np.atleast_1d(a), np.atleast_1d(v)
    if a.ndim != 1 or v.ndim != 1:
        raise ValueError(f"np.convolve: vectors are needed, got shapes {a.shape} and {v.shape}")
    if a.size < v.size:
        a, v = v, a
    n, m = a.size, v.size
    if not m:
        raise ValueError("np.convolve: both arrays must have at least one element")
    cut = {"full": 0, "same": (m - 1) // 2, "valid": m - 1}
    if mode not in cut:
        raise ValueError(f"np.convolve: mode must be full, same or valid, got {mode!r}")
    length = {"full": n + m - 1, "same": n, "valid": n - m + 1}[mode]
    return convolution(a, v)[cut[mode] : cut[mode] + length]


# ---- shapes -----------------------------------------------------------------------------------


@composes(np.ravel)
def ravel(a: Any, order: str = "C") -> Array:
    if order not in ("C", "K", "A"):
        raise TypeError(f"np.ravel: order={order!r} is not supported for Tensors; transpose first")
    return np.reshape(a, -1)


@composes(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> Array:
    source, destination = axes_of(a, source), axes_of(a, destination)
    if len(source) != len(destination):
        raise ValueError(
            f"np.moveaxis: {len(source)} source and {len(destination)} destination axes; each "
            "source needs one destination"
        )
    order = [i for i in range(a.ndim) if i not in source]
    for place, axis in sorted(zip(destination, source)):
        order.insert(place, axis)
    return np.transpose(a, order)


@composes(np.rollaxis)
def rollaxis(a: Any, axis: int, start: int = 0) -> Array:
    axis, start = axis_of(a, axis), start + a.ndim if start < 0 else start
    return np.moveaxis(a, axis, start - 1 if start > axis else start)


@composes(np.broadcast_arrays)
def broadcast_arrays(*args: Any) -> Any:
    shape = np.broadcast_shapes(*[np.shape(a) for a in args])
    return tuple(np.broadcast_to(a, shape) for a in args)


def _at_least(grow: Any) -> Any:
    def at_least(*arys: Any) -> Any:
        grown = tuple(grow(array_of(a)) for a in arys)
        return grown[0] if len(grown) == 1 else grown

    return at_least


atleast_1d = composes(np.atleast_1d)(_at_least(lambda a: a if a.ndim else a.reshape(1)))
atleast_2d = composes(np.atleast_2d)(_at_least(lambda a: a if a.ndim > 1 else a.reshape(1, -1)))
atleast_3d = composes(np.atleast_3d)(
    _at_least(lambda a: a if a.ndim > 2 else atleast_2d(a)[..., None])
)


@composes(np.vstack)
def vstack(tup: Any, *, dtype: Any = None) -> Array:
    return np.concatenate([atleast_2d(a) for a in tup], axis=0, dtype=dtype)


@composes(np.hstack)
def hstack(tup: Any, *, dtype: Any = None) -> Array:
    arrays = [atleast_1d(a) for a in tup]
    return np.concatenate(arrays, axis=0 if arrays[0].ndim == 1 else 1, dtype=dtype)


@composes(np.dstack)
def dstack(tup: Any) -> Array:
    return np.concatenate([atleast_3d(a) for a in tup], axis=2)


@composes(np.column_stack)
def column_stack(tup: Any) -> Array:
    return np.concatenate(
        [a if a.ndim > 1 else a.reshape(-1, 1) for a in map(array_of, tup)], axis=1
    )


@composes(np.append)
def append(arr: Any, values: Any, axis: Any = None) -> Array:
    return np.concatenate([array_of(arr), array_of(values)], axis=axis)


@composes(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    # NumPy itself says where the cuts are: it splits the numbers of the rows.
    axis = axis_of(ary, axis)
    ahead = (slice(None),) * axis
    parts = np.array_split(np.arange(ary.shape[axis]), plain_index(indices_or_sections))
    return [ary[(*ahead, slice(p[0], p[-1] + 1) if p.size else slice(0, 0))] for p in parts]


@composes(np.split)
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    axis, sections = axis_of(ary, axis), plain_index(indices_or_sections)
    if np.ndim(sections) == 0 and sections > 0 and ary.shape[axis] % sections:
        raise ValueError(
            f"np.split: an axis of length {ary.shape[axis]} does not split into "
            f"{indices_or_sections} equal parts; use np.array_split"
        )
    return array_split(ary, sections, axis)


def _of_axes(a: Array, least: int) -> Any:
    if a.ndim < least:
        raise ValueError(f"shape {a.shape}: at least {least} axes are needed")
    return a


@composes(np.vsplit)
def vsplit(ary: Any, indices_or_sections: Any) -> Any:
    return split(_of_axes(ary, 2), indices_or_sections, 0)


@composes(np.hsplit)
def hsplit(ary: Any, indices_or_sections: Any) -> Any:
    return split(_of_axes(ary, 1), indices_or_sections, 0 if ary.ndim == 1 else 1)


@composes(np.dsplit)
def dsplit(ary: Any, indices_or_sections: Any) -> Any:
    return split(_of_axes(ary, 3), indices_or_sections, 2)


@composes(np.tile)
def tile(A: Any, reps: Any) -> Array:
    A = array_of(A)
    return np.ravel(A)[np.tile(np.arange(A.size).reshape(A.shape), plain_index(reps))]


@composes(np.fliplr)
def fliplr(m: Any) -> Array:
    return np.flip(m, 1)


@composes(np.flipud)
def flipud(m: Any) -> Array:
    return np.flip(m, 0)


@composes(np.rot90)
def rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> Array:
    a, b = axes_of(m, tuple(axes))
    k = k % 4
    if k == 1:
        return np.swapaxes(np.flip(m, b), a, b)
    if k == 2:
        return np.flip(m, (a, b))
    return np.flip(np.swapaxes(m, a, b), b) if k == 3 else m


@composes(np.diag)
def diag(v: Any, k: int = 0) -> Array:
    if v.ndim == 2:
        return np.diagonal(v, k)
    if v.ndim != 1:
        raise ValueError(f"shape {v.shape}: a vector or a matrix is needed")
    n = v.shape[0] + abs(k)
    ahead = (max(k, 0), n - v.shape[0] - max(k, 0))
    return np.where(np.eye(n, k=k, dtype=bool), np.pad(v, ahead), np.zeros((), v.dtype))


@composes(np.trace)
def trace(
    a: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1, dtype: Any = None, out: Any = None
) -> Array:
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype)


# ---- products ---------------------------------------------------------------------------------


@composes(np.dot)
def dot(a: Any, b: Any) -> Array:
    a, b = array_of(a), array_of(b)
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    if b.ndim <= 2:
        return a @ b
    return np.tensordot(a, b, axes=([-1], [-2]))


@composes(np.vdot)
def vdot(a: Any, b: Any) -> Array:
    return np.ravel(a) @ np.ravel(b)


@composes(np.inner)
def inner(a: Any, b: Any) -> Array:
    a, b = array_of(a), array_of(b)
    return a * b if a.ndim == 0 or b.ndim == 0 else np.tensordot(a, b, axes=([-1], [-1]))


@composes(np.outer)
def outer(a: Any, b: Any) -> Array:
    return np.reshape(a, (-1, 1)) * np.reshape(b, (1, -1))


@composes(np.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Array:
    a, b = array_of(a), array_of(b)
    left: Any
    right: Any
    if np.ndim(axes) == 0:
        left, right = range(-axes, 0), range(axes)
    else:
        left, right = (np.atleast_1d(names).tolist() for names in axes)
    left, right = axes_of(a, tuple(left)), axes_of(b, tuple(right))
    if [a.shape[i] for i in left] != [b.shape[i] for i in right]:
        raise ValueError(
            f"axes {list(left)} of shape {a.shape} do not fit axes {list(right)} of {b.shape}: the "
            "lengths of the summed axes must be equal"
        )
    rows = [i for i in range(a.ndim) if i not in left]
    columns = [i for i in range(b.ndim) if i not in right]
    above, below = [a.shape[i] for i in rows], [b.shape[i] for i in columns]
    joined = math.prod(a.shape[i] for i in left)
    matrix_a = np.reshape(np.transpose(a, (*rows, *left)), (math.prod(above), joined))
    matrix_b = np.reshape(np.transpose(b, (*right, *columns)), (joined, math.prod(below)))
    return np.reshape(matrix_a @ matrix_b, (*above, *below))


@composes(np.kron)
def kron(a: Any, b: Any) -> Array:
    a, b = array_of(a), array_of(b)
    n = max(a.ndim, b.ndim)
    a = np.reshape(a, (1,) * (n - a.ndim) + a.shape)
    b = np.reshape(b, (1,) * (n - b.ndim) + b.shape)
    left = np.expand_dims(a, tuple(range(1, 2 * n, 2)))
    right = np.expand_dims(b, tuple(range(0, 2 * n, 2)))
    return np.reshape(left * right, tuple(i * j for i, j in zip(a.shape, b.shape)))


@composes(np.cross)
def cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: Any = None
) -> Array:
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = _last(array_of(a), axisa), _last(array_of(b), axisb)
    if a.shape[-1] != 3 or b.shape[-1] != 3:
        if not {a.shape[-1], b.shape[-1]} <= {2, 3}:
            raise ValueError(
                f"np.cross: the vectors must have 3 components, got shapes {a.shape} and {b.shape}"
            )
        np.cross(np.zeros(a.shape[-1]), np.zeros(b.shape[-1]))  # warns, or some day refuses
        if a.shape[-1] == b.shape[-1]:  # in a plane: the third component, all that is not 0
            return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
        a, b = _in_space(a), _in_space(b)
    y: Any = cross_product(a, b)
    return y if axisc == -1 else np.moveaxis(y, -1, axisc)


def _in_space(a: Array) -> Array:
    """Vectors in a plane with 0 as their third component."""
    return a if a.shape[-1] == 3 else np.pad(a, [(0, 0)] * (a.ndim - 1) + [(0, 1)])


def _last(a: Any, axis: int) -> Array:
    return a if axis == -1 and a.ndim else np.moveaxis(a, axis, -1)


@composes(np.vecdot)
def vecdot(x1: Any, x2: Any, *, axis: int = -1) -> Array:
    x1, x2 = array_of(x1), array_of(x2)
    x1, x2 = np.moveaxis(x1, axis, -1), np.moveaxis(x2, axis, -1)
    if x1.shape[-1] != x2.shape[-1]:
        raise ValueError(
            f"np.vecdot: the vectors must be of one length, got {x1.shape[-1]} and {x2.shape[-1]}"
        )
    half = np.result_type(x1.dtype, x2.dtype) == np.float16
    product = (x1.astype(np.float32) if half else x1) * x2
    total = np.sum(product, axis=-1, dtype=product.dtype)
    return total.astype(np.float16) if half else total


def _length(x: Array, axis: Any = None, keepdims: Any = False) -> Array:
    return np.linalg.norm(x, axis=axis, keepdims=keepdims)


# By the letter of the precision: lengths whose squares and cubes are in range.
_LENGTHS = {"e": (2.0**-7, 65504.0), "f": (2.0**-42, 2.0**42), "d": (2.0**-340, 2.0**340)}


def _length_rule(g: Any, y: Any, x: Array, axis: Any = None, keepdims: Any = False) -> Array:
    """g x/y, and 0 where the length is 0."""
    size = values_of(y)
    least, most = _LENGTHS.get(size.dtype.char, _LENGTHS["d"])
    if not ((size >= least) & (size <= most)).all():
        x = _rescaled(x, np.max, axis)
        y = length(x, axis, keepdims)
        y = np.where(values_of(y) == 0, math.inf, y)
    slope = g / y
    return x * (slope if keepdims or axis is None else np.expand_dims(slope, axis))


def _plain_length_rule(g: Any, y: Any, x: Array, axis: Any = None, keepdims: Any = False) -> Any:
    if not keepdims and axis is not None:
        g, y = np.expand_dims(g, axis), np.expand_dims(y, axis)
    return g * x / y


def _rescaled(x: Array, best: Any, axis: Any) -> Array:
    """A vector over a power of two, of which every norm has the same gradient.

    Elements that are infinite become ±1, and what is finite beside them 0.
    """
    known = values_of(x)
    largest = best(np.absolute(known), axis=axis, keepdims=True)
    exponents = np.frexp(np.where(np.isfinite(largest), largest, 1))[1]
    exponents = np.maximum(exponents, np.finfo(known.dtype).minexp + 1)
    x = x * np.ldexp(np.ones_like(largest), -exponents)
    infinite = np.isinf(largest)
    if infinite.any():
        x = np.where(infinite, np.where(np.isinf(known), np.sign(known), 0), x)
    return x


length: Any = primitive(
    _length, _length_rule, formula="g x/y", plainly=(_length, _plain_length_rule)
)
operations[length].name = "norm"


def _power_norm(x: Array, ord: Any, axis: int, keepdims: Any) -> Array:
    sizes = np.absolute(x)
    if ord < 0:  # 0 where an element is, which then has a kink there; but nan beside a nan
        zero = np.any(x == 0, axis=axis, keepdims=True)
        zero = zero & ~np.any(np.isnan(x), axis=axis, keepdims=True)
        total = np.sum(np.where(zero, 1, sizes) ** ord, axis=axis, keepdims=keepdims)
        return np.where(zero if keepdims else np.squeeze(zero, axis), 0, total ** (1 / ord))
    if 0 < ord < 1:  # infinitely steep at an element 0, where the subgradient 0 is taken
        zero = sizes == 0
        powers = np.where(zero, 0, np.where(zero, 1, sizes) ** ord)
    else:
        powers = sizes**ord
    total = np.sum(powers, axis=axis, keepdims=keepdims)
    zero = total == 0
    return np.where(zero, 0, np.where(zero, 1, total) ** (1 / ord))


def _power_norm_rule(g: Array, y: Array, x: Array, ord: Any, axis: int, keepdims: Any) -> Array:
    """g sign(x) (|x|/y)^(ord - 1): no power on the way is larger than its element's share in y."""
    if not keepdims:
        g, y = np.expand_dims(g, axis), np.expand_dims(y, axis)
    if x.dtype == np.float16:  # whose powers are too coarse to tell y
        x = x.astype(np.float32)
        y = power_norm(x, ord, axis, True)
    total, limits = values_of(y) ** ord, np.finfo(y.dtype)
    if not ((total >= limits.tiny) & (total <= limits.max)).all():
        x = _rescaled(x, np.max if ord > 0 else np.min, axis)
        y = power_norm(x, ord, axis, True)
    if ord > 1:
        y = np.where(zero, math.inf, y) if (zero := values_of(y) == 0).any() else y
        return g * (np.sign(x) * (np.absolute(x) / y) ** (ord - 1))
    zero = (values_of(x) == 0) | (values_of(y) == 0)
    ratio = np.where(zero, 1, y) / np.where(zero, 1, np.absolute(x))
    return g * np.where(zero, 0, np.sign(x) * ratio ** (1 - ord))


def _plain_power_norm(x: Array, ord: Any, axis: int, keepdims: Any) -> Any:
    return np.sum(np.absolute(x) ** ord, axis=axis, keepdims=keepdims) ** (1 / ord)


def _plain_power_norm_rule(g: Array, y: Array, x: Array, ord: Any, axis: int, keepdims: Any) -> Any:
    if not keepdims:
        g, y = np.expand_dims(g, axis), np.expand_dims(y, axis)
    return g * np.sign(x) * (np.absolute(x) / y) ** (ord - 1)


power_norm: Any = primitive(
    _power_norm, _power_norm_rule, formula="g sign(x) (|x|/y)^(ord-1)",
    plainly=(_plain_power_norm, _plain_power_norm_rule),
)  # fmt: skip
operations[power_norm].name = "norm"


@composes(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: Any = False) -> Array:
    """Vector and matrix norms; the gradient of the 2-norm at 0 is 0."""
    if axis is None and ord is None and x.dtype.kind == "f" and not keepdims:
        return length(x)
    x = x if x.dtype.kind == "f" else x.astype(np.float64)
    if not x.size:  # which of them are 0, and which raise, differs between versions
        return np.linalg.norm(x.data, ord, axis, keepdims) + np.sum(x) * 0
    if axis is None and ord is None:
        return length(x, None, keepdims)
    axes = axes_of(x, axis)
    if len(axes) == 1:
        return _vector_norm(x, ord, axes[0], keepdims)
    if len(axes) != 2:
        raise ValueError(f"np.linalg.norm: axis must be one or two axes, got {axis}")
    rows, columns = axes
    if ord in (None, "fro"):
        return length(x, axes, keepdims)
    if ord in (1, -1, math.inf, -math.inf):
        summed, other = (rows, columns) if abs(ord) == 1 else (columns, rows)
        sums = np.sum(np.absolute(x), axis=summed, keepdims=True)
        best = (np.max if ord > 0 else np.min)(sums, axis=other, keepdims=True)
    elif ord in (2, -2, "nuc"):
        values = np.linalg.svd(np.moveaxis(x, axes, (-2, -1)), compute_uv=False)
        best = np.expand_dims(_joined(values, ord), axes)
    else:
        raise ValueError(f"np.linalg.norm: {ord!r} is no norm of matrices")
    return best if keepdims else np.squeeze(best, axes)


def _joined(values: Any, ord: Any) -> Array:
    """Singular values, which are sorted, as a norm. Looking one up leaves the others out of it."""
    if ord == "nuc":
        return np.sum(values, axis=-1)
    best, next_best = (0, 1) if ord == 2 else (-1, -2)
    known = values.data
    if known.shape[-1] > 1 and np.any(known[..., best] == known[..., next_best]):
        return (np.max if ord == 2 else np.min)(values, axis=-1)  # the tied share the gradient
    return values[..., best]


def _vector_norm(x: Array, ord: Any, axis: int, keepdims: Any) -> Array:
    if ord in (None, 2):
        return length(x, axis, keepdims)
    if ord in (math.inf, -math.inf):
        return (np.max if ord > 0 else np.min)(np.absolute(x), axis=axis, keepdims=keepdims)
    if ord == 0:
        return np.sum(np.where(x == 0, x * 0, 1), axis=axis, keepdims=keepdims)
    if ord == 1:
        return np.sum(np.absolute(x), axis=axis, keepdims=keepdims)
    if not isinstance(ord, (int, float, np.number)):
        raise ValueError(f"np.linalg.norm: {ord!r} is no norm of vectors")
    return power_norm(x, ord, axis, keepdims)


@composes(np.linalg.matrix_power)
def matrix_power(a: Any, n: int) -> Array:
    a, n = array_of(a), operator.index(n)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise np.linalg.LinAlgError(f"np.linalg.matrix_power: shape {a.shape}: it must be square")
    if n < 0:
        a, n = np.linalg.inv(a), -n
    power = None
    while n:  # by squaring
        if n & 1:
            power = a if power is None else power @ a
        n >>= 1
        a = a @ a if n else a
    if power is None:  # the identity, whatever a holds, but connected to it
        return np.where(True, np.eye(a.shape[-1], dtype=a.dtype), a)
    return power


@composes(np.linalg.multi_dot)
def multi_dot(arrays: Any) -> Array:
    arrays = [array_of(a) for a in arrays]
    if len(arrays) == 2:
        return np.dot(*arrays)
    ndims = [a.ndim for a in arrays]
    if len(arrays) < 2 or {*ndims[1:-1]} != {2} or not {ndims[0], ndims[-1]} <= {1, 2}:
        raise ValueError(
            f"np.linalg.multi_dot: shapes {[a.shape for a in arrays]}: at least two matrices are "
            "needed (the first may be a vector, and the last); np.matmul takes batches"
        )
    return functools.reduce(np.matmul, arrays)


# ---- elementwise ------------------------------------------------------------------------------


@composes(np.round, np.around)
def round_(a: Any, decimals: int = 0, out: Any = None) -> Array:
    decimals = operator.index(decimals)
    if a.dtype.kind != "f":
        return Tensor(np.round(a.data, decimals))
    scale = 10.0 ** abs(decimals)
    return np.rint(a * scale) / scale if decimals >= 0 else np.rint(a / scale) * scale


@composes(np.divmod)
def divmod_(x1: Any, x2: Any) -> Any:
    return np.floor_divide(x1, x2), np.remainder(x1, x2)


@composes(np.float_power)
def float_power(x1: Any, x2: Any) -> Array:
    wide: Any = [x.astype(np.float64) if isinstance(x, Tensor) else np.float64(x) for x in (x1, x2)]
    return np.power(*wide)


def _like(value: Any) -> Any:
    def like(a: Array, dtype: Any = None, *, shape: Any = None) -> Tensor:
        shape = np.shape(a) if shape is None else shape
        return Tensor(np.full(shape, value, dtype or a.dtype))

    return like


zeros_like = composes(np.zeros_like, np.empty_like)(_like(0))
ones_like = composes(np.ones_like)(_like(1))


@composes(np.full_like)
def full_like(a: Any, fill_value: Any, dtype: Any = None, *, shape: Any = None) -> Array:
    shape, dtype = np.shape(a) if shape is None else shape, a.dtype if dtype is None else dtype
    if isinstance(fill_value, Tensor):
        return np.broadcast_to(fill_value.astype(dtype), shape)
    return Tensor(np.full(shape, fill_value, dtype))


def _clip(a: Array, a_min: Any, a_max: Any) -> Array:
    return np.clip(a, a_min, a_max)


def _clip_rule(g: Array, y: Array, a: Array, a_min: Any, a_max: Any) -> Array:
    """g between the bounds and at them, 0 beyond; a nan passes through, and so does its g."""
    below = False if a_min is None else a < a_min
    above = False if a_max is None else a > a_max
    return gate(g, np.logical_not(below | above))


def _plain_clip_rule(g: Array, y: Array, a: Array, a_min: Any, a_max: Any) -> Any:
    if a_min is None or a_max is None:
        return g * (a <= a_max if a_min is None else a >= a_min)
    return g * ((a >= a_min) & (a <= a_max))


clip_to_numbers = primitive(
    _clip, _clip_rule, formula="g from a_min to a_max, 0 beyond", elementwise=True,
    plainly=(_clip, _plain_clip_rule),
)  # fmt: skip


class _Asked:
    """Answers with the ufunc that asks."""

    def __array_ufunc__(self, ufunc: Any, *args: Any, **kwargs: Any) -> Any:
        return ufunc


_clip_ufunc: Any = np.zeros(()).clip(0, _Asked())  # type: ignore[call-overload]


@composes(np.clip, _clip_ufunc)  # array.clip(0, t) calls a ufunc that has no public name
def clip(
    a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, *, min: Any = None,
    max: Any = None,
) -> Array:  # fmt: skip
    """Bounds that are numbers are constants; array bounds compete with `a` as in np.maximum."""
    if (min is not None or max is not None) and (a_min is not None or a_max is not None):
        raise ValueError("np.clip: bounds as a_min and a_max, or as min and max, but not as both")
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    if np.ndim(low if low is not None else 0) == np.ndim(high if high is not None else 0) == 0:
        if not isinstance(low, Tensor) and not isinstance(high, Tensor):
            return clip_to_numbers(a, low, high)
    a = a if low is None else np.maximum(a, low)
    return a if high is None else np.minimum(a, high)


# ---- where no gradient can flow: plain results ------------------------------------------------

for function in (
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
    np.logical_and, np.logical_or, np.logical_xor, np.logical_not,
    np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert, np.signbit,
    np.isnan, np.isinf, np.isfinite, np.isclose, np.allclose, np.array_equal, np.array_equiv,
    np.all, np.any, np.isin, np.count_nonzero, np.nonzero, np.flatnonzero, np.argwhere,
    np.argmax, np.argmin, np.nanargmax, np.nanargmin, np.argsort, np.argpartition, np.lexsort,
    np.searchsorted, np.digitize,
    np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.min_scalar_type, np.common_type,
    np.iscomplexobj, np.isrealobj, np.shares_memory, np.may_share_memory,
    np.array_repr, np.array_str, np.array2string,
    np.save, np.savez, np.savez_compressed, np.savetxt,
):  # fmt: skip
    nondifferentiable(function)
