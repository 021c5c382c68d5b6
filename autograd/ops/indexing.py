"""Operations that look elements up; their gradients add up where they came from."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from autograd.gradients import Deferred
from autograd.primitives import primitive
from autograd.rules import defvjp
from autograd.tensor import Array
from autograd.values import as_array, zeros

__all__: list[str] = []

_FEW = 1 << 10  # numbers, of which np.add.at itself is as fast
_BLOCK = 1 << 16  # places that are written out at once
_PAIRS = {"f": np.complex64, "d": np.complex128}


def _is_basic(index: Any) -> bool:
    """Whether an index names no element twice: numbers, slices, newaxis, and one boolean mask."""
    if not isinstance(index, tuple):
        index = (index,)
    return all(
        i is None or i is Ellipsis or isinstance(i, (int, np.integer, slice))
        or (isinstance(i, np.ndarray) and i.dtype == bool)
        for i in index
    )  # fmt: skip


def add_at(whole: np.ndarray, index: Any, part: Any, empty: bool = False) -> None:
    """`np.add.at`, and where whole rows are named, in a seventh of its time: their numbers at flat
    places, two at once as a complex one. The sums are the same, in the same order. empty, where
    whole is zeros: what comes to a row first is written, not added, which takes a third less."""
    index = index if isinstance(index, tuple) else (index,)
    many = np.size(part) > _FEW and getattr(part, "dtype", None) == whole.dtype
    rows = _rows(whole, index) if many else None
    if rows is None:
        np.add.at(whole, index, part)
        return
    inner = whole.shape[len(index) :]
    flat, width = whole.reshape(-1), math.prod(inner)
    added = np.broadcast_to(part, (*rows.shape, *inner)).reshape(-1)
    rows = rows.reshape(-1)
    if empty and _FEW <= len(rows) <= math.prod(whole.shape[: len(index)]):
        parts, order = added.reshape(-1, width), np.arange(len(rows))
        first = np.empty(len(flat) // width, np.intp)
        first[rows[::-1]] = order[::-1]  # of what names the same place the last stays
        flat.reshape(-1, width)[rows[::-1]] = parts[::-1]
        again = np.flatnonzero(first[rows] != order)
        rows, added = rows[again], parts[again].reshape(-1)
    if width % 2 == 0 and whole.dtype.char in _PAIRS and whole.dtype.isnative:
        pair = _PAIRS[whole.dtype.char]
        flat, added, width = flat.view(pair), added.view(pair), width // 2
    rows, inside, block = rows[:, None] * width, np.arange(width), max(1, _BLOCK // width)
    for k in range(0, len(rows), block):
        places = (rows[k : k + block] + inside).reshape(-1)
        np.add.at(flat, places, added[k * width : (k + block) * width])


def _rows(whole: np.ndarray, index: tuple[Any, ...]) -> Any:
    """The numbers of the rows that arrays of whole numbers name, one for each leading axis; None
    where an index is of another kind, or out of range."""
    if not whole.flags.c_contiguous or not 0 < len(index) < whole.ndim:
        return None
    rows: Any = 0
    for i, n in zip(index, whole.shape):
        if not (isinstance(i, np.ndarray) and i.dtype.kind in "iu" and i.size):
            return None
        if np.min(i) < -n or np.max(i) >= n:
            return None
        i = i.astype(np.intp, copy=False)
        rows = rows * n + np.where(i < 0, i + n, i)
    return rows


def _scatter(parts: Any, indices: Any, shape: Any, dtype: Any) -> Array:
    """Zeros of a shape, with parts[k] added at indices[k]."""
    whole = zeros(shape, dtype, parts[0])
    for k, (part, index) in enumerate(zip(parts, indices)):
        if _is_basic(index):
            if k:
                whole[index] += part
            else:  # nothing is there yet; and 0 + -0 would be 0
                whole[index] = part
        else:
            add_at(whole, index, part, not k)  # += would count an element named twice only once
    return whole


# The inverse of looking up. It takes all parts at once: see Deferred in the engine.
scatter = primitive(
    _scatter,
    lambda g, y, parts, indices, shape, dtype: [g[index] for index in indices],
    formula=("g at its places",),
)


def lookup_rule(g: Array, y: Array, x: Array, index: Any) -> Deferred:
    """g goes where the element came from, once for each time that it was looked up."""
    shape, dtype = x.shape, g.dtype

    def build(parts: list[tuple[Any, Any]]) -> Any:
        return scatter([part for _, part in parts], [i for i, _ in parts], shape, dtype)

    return Deferred(build, (index, g))


defvjp(
    operator.getitem, lookup_rule,
    formula="g at the places looked up, 0 elsewhere", sign="x[i]", pattern="{}[{index}]",
)  # fmt: skip


def take_rule(
    g: Array, y: Array, a: Array, indices: Any, axis: Any = None, out: Any = None,
    mode: str = "raise",
) -> Any:  # fmt: skip
    """As looking up with an index; modes wrap and clip say which element was meant."""
    if axis is None or not a.ndim:
        return take_rule(g, y, a.reshape(-1), indices, 0, None, mode).total().reshape(a.shape)
    indices, n = as_array(indices).astype(np.intp, copy=False), a.shape[axis]  # True is 1
    if mode == "wrap":
        indices = indices % n
    elif mode == "clip":
        indices = np.clip(indices, 0, n - 1)
    return lookup_rule(g, y, a, (*(slice(None),) * (axis % a.ndim), indices))


defvjp(np.take, take_rule, formula="g at the places taken, 0 elsewhere")


def take_along_axis_rule(g: Array, y: Array, arr: Array, indices: Any, axis: Any = -1) -> Any:
    """As looking up, with the other axes' indices written out."""
    if axis is None:
        return lookup_rule(g, y, arr.reshape(-1), indices).total().reshape(arr.shape)
    axis = axis % arr.ndim
    index = list(np.ogrid[tuple(slice(n) for n in arr.shape)])
    index[axis] = indices
    return lookup_rule(g, y, arr, tuple(index))


defvjp(np.take_along_axis, take_along_axis_rule, formula="g at the places taken, 0 elsewhere")
