"""How the arguments of NumPy's functions are read: arrays, axes, counts, plain values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd.tensor import Array, Tensor
from autograd.values import as_array

__all__: list[str] = []

normalize_axis_tuple = np.lib.array_utils.normalize_axis_tuple


def array_of(a: Any) -> Array:
    """A Tensor as it is, nested lists of Tensors joined to one, anything else as an array."""
    if isinstance(a, Tensor):
        return a
    return np.stack([array_of(member) for member in a]) if _holds_tensors(a) else np.asarray(a)


def _holds_tensors(a: Any) -> bool:
    """Whether lists hold a Tensor, however deep."""
    return a.__class__ in (list, tuple) and any(
        isinstance(member, Tensor) or _holds_tensors(member) for member in a
    )


def values_of(a: Any) -> Array:
    """The plain values of a Tensor, or of an array, for questions without a gradient."""
    return a.data if isinstance(a, Tensor) else as_array(a)


def axes_of(a: Array, axis: Any) -> tuple[int, ...]:
    """The axes meant, as non-negative numbers."""
    if axis.__class__ is int and -a.ndim <= axis < a.ndim:
        return (axis % a.ndim,)
    return tuple(range(a.ndim)) if axis is None else normalize_axis_tuple(axis, a.ndim, "axis")


def axis_of(a: Array, axis: Any) -> int:
    """One axis as a non-negative number."""
    return np.lib.array_utils.normalize_axis_index(axis, a.ndim)


def count_of(a: Array, axis: Any) -> int:
    """How many elements a reduction over these axes joins."""
    return a.size if axis is None else math.prod([a.shape[i] for i in axes_of(a, axis)])


def matrices_of(a: Any, name: str) -> Array:
    """One matrix, or a batch of them."""
    a = array_of(a)
    if a.ndim < 2:
        raise ValueError(f"np.{name}: shape {a.shape}: at least two axes are needed")
    return a


def check_floats(name: str, dtype: Any) -> None:
    """Raise TypeError for a dtype in which distances from a mean would be cut to whole numbers."""
    if np.dtype(dtype).kind in "iub":
        raise TypeError(f"{name}: dtype must be one of floats, got {np.dtype(dtype)}; use .astype")


def mask_of(where: Any) -> Array:
    """What where= says, as an array of True and False."""
    mask = np.asarray(where, bool) if isinstance(where, (list, tuple)) else values_of(where)
    if mask.dtype != bool:
        raise TypeError(f"where= must be True and False, not {mask.dtype}; compare: where=x > 0")
    return mask
