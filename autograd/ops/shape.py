"""Operations that move elements without changing them: each rule moves the gradients back."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd.ops.indexing import scatter
from autograd.primitives import primitive
from autograd.rules import composes, defvjp, operations
from autograd.tensor import Array

__all__: list[str] = []


# ---- other shapes -----------------------------------------------------------------------------


def _reshape(
    a: Array, shape: Any = None, order: str = "C", *, newshape: Any = None, copy: Any = None
) -> Array:
    if order not in ("C", "A"):
        raise TypeError(f"order={order!r} is not supported for Tensors; transpose first")
    return a.reshape(newshape if shape is None else shape)  # NumPy 2.0 calls it newshape


defvjp(
    np.reshape,
    lambda g, y, a, shape=None, order="C", *, newshape=None, copy=None: g.reshape(a.shape),
    formula="g in the shape of x",
)
operations[np.reshape].forward = _reshape
defvjp(np.squeeze, lambda g, y, a, axis=None: g.reshape(a.shape), formula="g in the shape of x")
defvjp(
    np.expand_dims, lambda g, y, a, axis: g.reshape(a.shape),
    formula="g in the shape of x", sign="expand",
)  # fmt: skip
defvjp(  # the sweep undoes every broadcast, this one too
    np.broadcast_to, lambda g, y, array, shape: g, formula=("g",), sign="broadcast"
)
defvjp(
    np.transpose,
    lambda g, y, a, axes=None: g.transpose(
        None if axes is None else np.argsort(np.atleast_1d(axes) % g.ndim).tolist()
    ),
    formula="g with its axes put back",
    sign="xᵀ",
)
defvjp(
    np.swapaxes,
    lambda g, y, a, axis1, axis2: g.swapaxes(axis1, axis2),
    formula="g with its axes put back",
)

# ---- joining ----------------------------------------------------------------------------------


def concatenate_rule(
    g: Array, y: Array, arrays: Any, axis: Any = 0, out: Any = None, *, dtype: Any = None
) -> Any:
    """Each array gets its own part of g."""
    if axis is None:
        parts = concatenate_rule(g, y, [a.reshape(-1) for a in arrays], 0)
        return _as_given([part.reshape(a.shape) for part, a in zip(parts, arrays)], arrays)
    ahead = (slice(None),) * (axis % g.ndim)
    parts, start = [], 0
    for a in arrays:
        end = start + a.shape[axis]
        parts.append(g[(*ahead, slice(start, end))])
        start = end
    return _as_given(parts, arrays)


def stack_rule(
    g: Array, y: Array, arrays: Any, axis: Any = 0, out: Any = None, *, dtype: Any = None
) -> Any:
    """Each array gets its own layer of g."""
    ahead = (slice(None),) * (axis % g.ndim)
    return _as_given([g[(*ahead, i)] for i in range(len(arrays))], arrays)


def _as_given(parts: list[Any], arrays: Any) -> Any:
    """A list of gradients for a list of arrays; one gradient for one array that was given."""
    return parts if isinstance(arrays, (list, tuple)) else np.stack(parts)


defvjp(np.concatenate, concatenate_rule, formula=("its part of g",), sign="concat")
defvjp(np.stack, stack_rule, formula=("its layer of g",))

# ---- turning and cutting ----------------------------------------------------------------------

defvjp(np.flip, lambda g, y, m, axis=None: np.flip(g, axis), formula="g flipped back")
defvjp(np.tril, lambda g, y, m, k=0: np.tril(g, k), formula="the lower triangle of g")
defvjp(np.triu, lambda g, y, m, k=0: np.triu(g, k), formula="the upper triangle of g")
defvjp(
    np.roll,
    lambda g, y, a, shift, axis=None: np.roll(g, np.negative(shift), axis),
    formula="g rolled back",
)


def repeat_rule(g: Array, y: Array, a: Array, repeats: Any, axis: Any = None) -> Array:
    """The copies' gradients add up."""
    if axis is None:
        return repeat_rule(g, y, a.reshape(-1), repeats, 0).reshape(a.shape)
    axis = axis % a.ndim
    if np.ndim(repeats) == 0:
        copies = (*a.shape[:axis], a.shape[axis], repeats, *a.shape[axis + 1 :])
        return np.sum(g.reshape(copies), axis=axis + 1)
    index = np.repeat(np.arange(a.shape[axis]), repeats)
    return scatter([g], [(*(slice(None),) * axis, index)], a.shape, g.dtype)


defvjp(np.repeat, repeat_rule, formula="the sum of the copies' g")


def diagonal_rule(
    g: Array, y: Array, a: Array, offset: Any = 0, axis1: Any = 0, axis2: Any = 1
) -> Array:
    """g on the diagonal of zeros."""
    places = np.diagonal(np.arange(a.size).reshape(a.shape), offset, axis1, axis2)
    return scatter([g], [places], (a.size,), g.dtype).reshape(a.shape)


defvjp(np.diagonal, diagonal_rule, formula="g on the diagonal")

# ---- padding ----------------------------------------------------------------------------------

# Modes in which every new element is a copy of an old one, so that padding is looking up.
_COPYING = ("edge", "reflect", "symmetric", "wrap")


def _pad(array: Array, pad_width: Any, constant_values: Any) -> Array:
    return np.pad(array, pad_width, constant_values=constant_values)


def _pad_rule(g: Array, y: Array, array: Array, pad_width: Any, constant_values: Any) -> Array:
    """The frame is constant: the middle of g."""
    widths = np.broadcast_to(pad_width, (array.ndim, 2)).tolist()
    return g[tuple(slice(w[0], w[0] + n) for w, n in zip(widths, array.shape))]


pad_with_constants = primitive(_pad, _pad_rule, formula="the middle of g")


@composes(np.pad)
def pad(
    array: Any, pad_width: Any, mode: Any = "constant", *, constant_values: Any = 0,
    reflect_type: str = "even",
) -> Array:  # fmt: skip
    """Modes constant, edge, reflect, symmetric and wrap; np.pad has others, refused here."""
    if isinstance(pad_width, dict):  # NumPy 2.2: {axis: widths}
        widths = {axis % array.ndim: width for axis, width in pad_width.items()}
        pad_width = [np.broadcast_to(widths.get(i, 0), 2).tolist() for i in range(array.ndim)]
    if mode == "constant":
        return pad_with_constants(array, pad_width, constant_values)
    if mode not in _COPYING or reflect_type != "even":
        odd = f" with reflect_type={reflect_type!r}" if mode in _COPYING else ""
        raise TypeError(
            f"np.pad: mode={mode!r}{odd} is not supported for Tensors; use one of "
            f"{('constant', *_COPYING)}"
        )
    places = np.pad(np.arange(array.size).reshape(array.shape), pad_width, mode)
    return array.reshape(-1)[places]
