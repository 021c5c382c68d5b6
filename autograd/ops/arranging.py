"""NumPy functions that choose, join and place elements, and that few programs need.

Most of them ask NumPy itself where each element goes, by giving it the elements' numbers, and look
them up there: `x[np.delete(np.arange(n), i)]`. So the signatures and the errors are NumPy's.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd.arraylike import plain_index
from autograd.ops.arguments import array_of, axes_of, axis_of, values_of
from autograd.ops.indexing import add_at, scatter
from autograd.primitives import nondifferentiable, primitive
from autograd.rules import composes, defvjp
from autograd.tensor import Array
from autograd.values import as_array, zeros

__all__ = ["scatter_add"]


function: Any  # in the loops below


def _numbered(shape: Any) -> Any:
    """An array of this shape that holds its elements' numbers."""
    return np.arange(math.prod(shape)).reshape(shape)


def _along(a: Array, axis: Any) -> tuple[Any, int]:
    """The array and the axis meant; without one, all elements along the only axis."""
    return (np.ravel(a), 0) if axis is None else (a, axis_of(a, axis))


# ---- adding at places -------------------------------------------------------------------------


def scatter_add(x: Any, index: Any, values: Any) -> Any:
    """A new Tensor, x with values added at x[index]; what is named twice gets both.

    `np.add.at(x, index, values)`, which writes in place, as a function; PyTorch's `index_add` and
    `scatter_add`. Args: x of any shape; index, anything that x[index] takes; values, broadcast to
    the shape of x[index]. The result has x's shape and dtype; the gradient of x is g, of values
    g[index]. Raises TypeError if the values do not fit into x's dtype.

    >>> from autograd import Tensor
    >>> scatter_add(np.zeros(3), [0, 0, 2], Tensor([1.0, 10.0, 5.0]))
    Tensor([11.,  0.,  5.])
    """
    return scatter_add_of_arrays(array_of(x), plain_index(index), array_of(values))


def _scatter_add(x: Array, index: Any, values: Array) -> Array:
    if not np.can_cast(values.dtype, x.dtype, "same_kind"):
        raise TypeError(
            f"scatter_add: {values.dtype} values do not fit into an array of {x.dtype}; convert it "
            "by .astype(np.float64)"
        )
    y = as_array(x).copy("C")
    add_at(y, index, values)
    return y


scatter_add_of_arrays = primitive(
    _scatter_add,
    lambda g, y, x, index, values: g,
    None,
    lambda g, y, x, index, values: g[index],
    formula="g, g at the places",
)


# ---- taking some ------------------------------------------------------------------------------


@composes(np.delete)
def delete(arr: Any, obj: Any, axis: Any = None) -> Array:
    arr, axis = _along(arr, axis)
    return np.take(arr, np.delete(np.arange(arr.shape[axis]), plain_index(obj)), axis=axis)


@composes(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Array:
    arr, axis = _along(array_of(arr), axis)
    values, obj, n = array_of(values).astype(arr.dtype), plain_index(obj), arr.shape[axis]
    values = values.reshape((1,) * (arr.ndim - values.ndim) + values.shape)
    if not isinstance(obj, slice) and np.ndim(obj) == 0:
        values = np.moveaxis(values, 0, axis)
    marked = np.insert(np.arange(n), obj, -1)
    count = len(marked) - n
    if count == 1:  # one place takes any number of layers
        count, place = values.shape[axis], int(np.argmin(marked))
        new = np.concatenate([np.arange(place), n + np.arange(count), np.arange(place, n)])
    else:
        new = np.insert(np.arange(n), obj, n + np.arange(count))
    layers = np.broadcast_to(values, (*arr.shape[:axis], count, *arr.shape[axis + 1 :]))
    return np.take(np.concatenate([arr, layers], axis=axis), new, axis=axis)


@composes(np.resize)
def resize(a: Any, new_shape: Any) -> Array:
    places = np.resize(np.arange(a.size), new_shape)
    if not a.size:
        return np.zeros_like(a, shape=places.shape)
    return np.ravel(a)[places]


@composes(np.compress)
def compress(condition: Any, a: Any, axis: Any = None, out: Any = None) -> Array:
    a, axis = _along(array_of(a), axis)
    places = np.compress(values_of(condition), np.arange(a.shape[axis]))
    return np.take(a, places, axis=axis)


@composes(np.extract)
def extract(condition: Any, arr: Any) -> Array:
    return np.take(array_of(arr), np.flatnonzero(values_of(condition)))


@composes(np.choose)
def choose(a: Any, choices: Any, out: Any = None, mode: Any = "raise") -> Array:
    stacked = np.stack(np.broadcast_arrays(*[array_of(choice) for choice in choices]))
    places = np.choose(values_of(a), list(_numbered(stacked.shape)), mode=mode)
    return np.ravel(stacked)[places]


@composes(np.trim_zeros)
def trim_zeros(filt: Any, trim: Any = "fb", axis: Any = None) -> Array:
    filt = array_of(filt)
    if trim.lower() not in ("fb", "bf", "f", "b"):
        raise ValueError(f"np.trim_zeros: trim must be 'f', 'b' or 'fb', got {trim!r}")
    axes, index = axes_of(filt, axis), []
    for i, places in enumerate(np.nonzero(values_of(filt))):
        first, last = (int(places.min()), int(places.max()) + 1) if places.size else (0, 0)
        keep = places.size > 0
        begin = first if "f" in trim.lower() or not keep else None
        end = last if "b" in trim.lower() or not keep else None
        index.append(slice(begin, end) if i in axes else slice(None))
    return filt[tuple(index)]


def partition_rule(
    g: Array, y: Array, a: Array, kth: Any, axis: Any = -1, kind: Any = "introselect",
    order: Any = None,
) -> Array:  # fmt: skip
    """Each g goes back to where its element came from; both are brought to the sorted order."""
    if axis is None:
        return partition_rule(g, y, a.reshape(-1), kth, 0).reshape(a.shape)
    ranks = np.argsort(np.argsort(a, axis=axis, kind="stable"), axis=axis)
    ordered = np.take_along_axis(g, np.argsort(y, axis=axis, kind="stable"), axis=axis)
    return np.take_along_axis(ordered, ranks, axis=axis)


defvjp(np.partition, partition_rule, formula="g, put back into the order of x")

# ---- sets -------------------------------------------------------------------------------------


@composes(np.unique)
def unique(
    ar: Any, return_index: Any = False, return_inverse: Any = False, return_counts: Any = False,
    axis: Any = None, *, equal_nan: Any = True, sorted: Any = True,
) -> Any:  # fmt: skip
    """The values are looked up, each where it comes first, so that is where its gradient goes."""
    _, first, *others = np.unique(
        values_of(ar), True, return_inverse, return_counts, axis, equal_nan=equal_nan
    )
    values = np.ravel(ar)[first] if axis is None else np.take(ar, first, axis=axis)
    found = (values, *([first] if return_index else []), *others)
    if len(found) == 1:
        return values if sorted else _in_order(values, np.unique(values_of(ar), sorted=False))
    return found


def _in_order(values: Array, wanted: Any) -> Any:
    """Ascending values in another order."""
    return values[np.searchsorted(values_of(values), wanted)]


def _unique_parts(function: Any) -> Any:
    def unique_parts(x: Array) -> Any:
        return function(values_of(x))._replace(values=unique(x, equal_nan=False))

    return unique_parts


for function in (np.unique_all, np.unique_counts, np.unique_inverse):
    composes(function)(_unique_parts(function))
composes(np.unique_values)(
    lambda x: _in_order(unique(x, equal_nan=False), np.unique_values(values_of(x)))
)


@composes(np.union1d)
def union1d(ar1: Any, ar2: Any) -> Array:
    return unique(np.concatenate([array_of(ar1), array_of(ar2)], axis=None))


@composes(np.intersect1d)
def intersect1d(ar1: Any, ar2: Any, assume_unique: Any = False, return_indices: Any = False) -> Any:
    """Gradients go to the first of the two that requires one."""
    ar1, ar2 = array_of(ar1), array_of(ar2)
    values, *places = np.intersect1d(values_of(ar1), values_of(ar2), assume_unique, True)
    first = getattr(ar1, "requires_grad", False) or not getattr(ar2, "requires_grad", False)
    found = np.ravel(ar1)[places[0]] if first else np.ravel(ar2)[places[1]]
    found = found.astype(values.dtype)
    return (found, *places) if return_indices else found


@composes(np.setdiff1d)
def setdiff1d(ar1: Any, ar2: Any, assume_unique: Any = False) -> Array:
    found = np.ravel(array_of(ar1)) if assume_unique else np.unique(array_of(ar1))
    return found[~np.isin(values_of(found), values_of(ar2))]


@composes(np.setxor1d)
def setxor1d(ar1: Any, ar2: Any, assume_unique: Any = False) -> Array:
    both = [np.ravel(array_of(a)) if assume_unique else np.unique(array_of(a)) for a in (ar1, ar2)]
    joined = np.sort(np.concatenate(both))
    values = values_of(joined)
    step = np.concatenate([[True], values[1:] != values[:-1], [True]])
    return joined[step[1:] & step[:-1]] if values.size else joined


# ---- by conditions ----------------------------------------------------------------------------


@composes(np.select)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Array:
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ValueError(
            f"np.select: {len(condlist)} conditions and {len(choicelist)} choices; each condition "
            "needs one choice"
        )
    if any(array_of(condition).dtype != bool for condition in condlist):
        raise TypeError("np.select: conditions must be boolean arrays, as x > 0 gives")
    choices = [c if type(c) in (int, float) else array_of(c) for c in (*choicelist, default)]
    result, dtype = choices[-1], np.result_type(*[getattr(c, "dtype", c) for c in choices])
    for condition, choice in zip(condlist[::-1], choices[-2::-1]):
        result = np.where(condition, choice, result)
    return result.astype(dtype)


@composes(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Array:
    x = array_of(x)
    condlist = [values_of(c) for c in condlist] if np.ndim(condlist) else condlist
    if np.isscalar(condlist) or (np.ndim(condlist[0]) == 0 and x.ndim):
        condlist = [condlist]
    conditions = [np.asarray(c) for c in np.asarray(condlist, dtype=bool)]
    if len(conditions) == len(funclist) - 1:
        conditions.append(~np.any(conditions, axis=0))
    if len(conditions) != len(funclist):
        raise ValueError(
            f"np.piecewise: {len(conditions)} conditions and {len(funclist)} functions; there must "
            "be as many functions, or one more"
        )
    y = np.zeros_like(x)
    for condition, function in zip(conditions, funclist):
        if np.any(condition):
            value = function(x[condition], *args, **kw) if callable(function) else function
            value = array_of(value).astype(x.dtype)
            placed = scatter([value], [condition], x.shape, x.dtype)
            y = np.where(condition, placed, y)
    return y


# ---- joining and cutting ----------------------------------------------------------------------


@composes(np.block)
def block(arrays: Any) -> Array:
    depth = _depth(arrays)
    leaves = list(_leaves(arrays))
    ndim = max(depth, *[a.ndim for a in leaves], 1)
    return _blocks(arrays, depth, ndim) if depth else leaves[0]


def _depth(arrays: Any) -> int:
    """How deep the lists are nested: everywhere alike."""
    if not isinstance(arrays, list):
        if isinstance(arrays, tuple):
            raise TypeError("np.block: blocks are nested in lists, not in tuples")
        return 0
    depths = {_depth(a) for a in arrays}
    if len(depths) != 1:
        raise ValueError(
            "np.block: every list must be nested equally deep and hold something"
            + (f"; found depths {sorted(depths)}" if depths else "; found an empty list")
        )
    return depths.pop() + 1


def _leaves(arrays: Any) -> Any:
    if isinstance(arrays, list):
        for a in arrays:
            yield from _leaves(a)
    else:
        yield array_of(arrays)


def _blocks(arrays: Any, depth: int, ndim: int) -> Any:
    """The innermost lists are joined along the last axis, those around along the one before."""
    if depth:
        return np.concatenate([_blocks(a, depth - 1, ndim) for a in arrays], axis=-depth)
    a = array_of(arrays)
    return np.reshape(a, (1,) * (ndim - a.ndim) + a.shape)


@composes(np.meshgrid)
def meshgrid(*xi: Any, copy: Any = True, sparse: Any = False, indexing: str = "xy") -> Any:
    if indexing not in ("xy", "ij"):
        raise ValueError(f"np.meshgrid: indexing must be 'xy' or 'ij', got {indexing!r}")
    order = list(range(len(xi)))
    if indexing == "xy":
        order[:2] = order[:2][::-1]
    shapes = [[-1 if i == axis else 1 for i in range(len(xi))] for axis in order]
    grids = [np.reshape(array_of(x), shape) for x, shape in zip(xi, shapes)]
    return tuple(grids) if sparse else np.broadcast_arrays(*grids)


@composes(np.diagflat)
def diagflat(v: Any, k: int = 0) -> Array:
    return np.diag(np.ravel(array_of(v)), k)


@composes(np.matrix_transpose)
def matrix_transpose(x: Any) -> Array:
    if x.ndim < 2:
        raise ValueError(f"np.matrix_transpose: at least 2 axes are needed, got shape {x.shape}")
    return np.swapaxes(x, -1, -2)


_sliding = np.lib.stride_tricks.sliding_window_view


def _windows(x: Array, window_shape: Any, axis: Any) -> Array:
    return _sliding(x, window_shape, axis)


def _overlapped(parts: Any, shape: Any, window_shape: Any, axis: Any) -> Array:
    """Zeros of a shape, with each window of parts added where it lies."""
    whole = zeros(shape, parts.dtype, parts)
    windows = _sliding(whole, window_shape, axis, writeable=True)
    starts, places = windows.shape[: whole.ndim], windows.shape[whole.ndim :]
    axes = [] if axis is None else (np.atleast_1d(axis) % whole.ndim).tolist()
    if len({*axes}) < len(axes) or math.prod(places) <= math.prod(starts):
        # one place in all windows: no element twice
        for place in np.ndindex(places):
            windows[(..., *place)] += parts[(..., *place)]
    else:  # one window, unless it goes along an axis twice: no element twice either
        for start in np.ndindex(starts):
            windows[start] += parts[start]
    return whole


windows: Any = primitive(
    _windows,
    lambda g, y, x, window_shape, axis: overlapped(g, x.shape, window_shape, axis),
    formula="g added where the windows lie",
)
overlapped: Any = primitive(
    _overlapped,
    lambda g, y, parts, shape, window_shape, axis: windows(g, window_shape, axis),
    formula="windows of g",
)


@composes(_sliding)
def sliding_window_view(
    x: Any, window_shape: Any, axis: Any = None, *, subok: Any = False, writeable: Any = False
) -> Array:
    if writeable:
        raise TypeError("sliding_window_view: writeable=True would change a Tensor in place")
    return windows(x, window_shape, axis)


@composes(np.apply_along_axis)
def apply_along_axis(func1d: Any, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Array:
    arr = array_of(arr)
    axis = axis_of(arr, axis)
    moved = np.moveaxis(arr, axis, -1)
    *around, n = moved.shape
    rows = np.reshape(moved, (math.prod(around), n))
    if not len(rows):
        raise ValueError(f"np.apply_along_axis: no row to apply to in shape {arr.shape}")
    results = [array_of(func1d(row, *args, **kwargs)) for row in rows]
    whole = np.stack(results).astype(results[0].dtype).reshape((*around, *results[0].shape))
    new = range(results[0].ndim)
    return np.moveaxis(whole, [len(around) + i for i in new], [axis + i for i in new])


@composes(np.apply_over_axes)
def apply_over_axes(func: Any, a: Any, axes: Any) -> Array:
    for axis in np.atleast_1d(axes).tolist():
        result = func(a, axis % a.ndim)
        if result.ndim != a.ndim:
            result = np.expand_dims(result, axis % a.ndim)
        if result.ndim != a.ndim:
            raise ValueError(
                f"np.apply_over_axes: the function made shape {result.shape} of {a.shape}; it must "
                "keep the number of axes, or take one away"
            )
        a = result
    return a


if hasattr(np, "unstack"):  # NumPy 2.1

    @composes(np.unstack)
    def unstack(x: Any, *, axis: int = 0) -> Any:
        if not x.ndim:
            raise ValueError("np.unstack: a single number has no axis to unstack")
        return tuple(np.moveaxis(x, axis, 0))


if hasattr(np, "astype"):  # NumPy 2.1

    @composes(np.astype)
    def astype(x: Any, dtype: Any, *, copy: Any = True, device: Any = None) -> Array:
        if device not in (None, "cpu"):
            raise ValueError(f"np.astype: the only device is 'cpu', got {device!r}")
        return x.astype(dtype)


# ---- what real numbers are among complex ones -------------------------------------------------

composes(np.real)(lambda val: np.copy(val))
composes(np.conjugate)(lambda x: x.astype(np.int8) if x.dtype.kind == "b" else np.copy(x))
composes(np.imag)(lambda val: np.zeros_like(val))
composes(np.real_if_close)(lambda a, tol=100: np.copy(a))


@composes(np.angle)
def angle(z: Any, deg: Any = False) -> Array:
    """0, or half a turn for negative numbers."""
    turned = np.arctan2(0, z)
    return turned * (180 / np.pi) if deg else turned


# ---- places and whole numbers: plain results --------------------------------------------------

for function in (
    np.ix_, np.diag_indices_from, np.tril_indices_from, np.triu_indices_from, np.unravel_index,
    np.ravel_multi_index, np.einsum_path, np.isreal, np.iscomplex, np.isposinf, np.isneginf,
    np.gcd, np.lcm, np.left_shift, np.right_shift,
    *([np.bitwise_count] if hasattr(np, "bitwise_count") else []),
):  # fmt: skip
    nondifferentiable(function)
