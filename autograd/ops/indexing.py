"""Operations that look elements up; their gradients add up where they came from."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from autograd.gradients import Deferred
from autograd.primitives import primitive
from autograd.rules import defvjp
from autograd.tensor import Array

__all__: list[str] = []


def _is_basic(index: Any) -> bool:
    """Whether an index names no element twice: numbers, slices, newaxis, and one boolean mask."""
    if not isinstance(index, tuple):
        index = (index,)
    return all(
        i is None or i is Ellipsis or isinstance(i, (int, np.integer, slice))
        or (isinstance(i, np.ndarray) and i.dtype == bool)
        for i in index
    )  # fmt: skip


def _scatter(parts: Any, indices: Any, shape: Any, dtype: Any) -> Array:
    """Zeros of a shape, with parts[k] added at indices[k]."""
    whole = np.zeros(shape, dtype)
    for k, (part, index) in enumerate(zip(parts, indices)):
        if _is_basic(index):
            if k:
                whole[index] += part
            else:  # nothing is there yet; and 0 + -0 would be 0
                whole[index] = part
        else:
            np.add.at(whole, index, part)  # += would count an element named twice only once
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
    indices, n = np.asarray(indices).astype(np.intp, copy=False), a.shape[axis]  # True is 1
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
