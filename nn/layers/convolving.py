"""Convolution as three operations over any number of axes, each linear in both of its arguments.

They are each other's rules: conv; what it hands to its input, which is the transposed convolution;
and what it hands to its weight. So there are derivatives of all orders. Inside, and in the memory
of results, the batch is the last axis.
"""

from __future__ import annotations

import math
from itertools import groupby, product
from typing import Any

import numpy as np

from autograd import primitive
from nn.layers.views import around_each, few_enough, under_each
from nn.layers.windows import Windows, batch_first, batch_last, columns, put_back, span

__all__ = ["conv", "conv_transpose", "conv_weight"]

_array = np.ndarray

# ---- products of each group -------------------------------------------------------------------

SMALL = 10**6  # products up to this many multiplications OpenBLAS does at once, without packing


def _pieces(width: int, each: int, most: int) -> int:
    """Into how many parts, of a power of two columns, a product is cut that is faster so, or 1."""
    while most >= 32 and (width % most or each * most > SMALL):
        most //= 2
    return width // most if width and most >= 32 else 1


def _products(a: Any, b: Any) -> Any:
    """a b of each group; a (groups, M, K) is small, b (groups, K, n) is wide."""
    groups, rows, inner = a.shape
    if inner == 1:  # NumPy would not give it to BLAS
        return a * b
    count = _pieces(b.shape[-1], rows * inner, 128) if 1 < rows <= 32 else 1
    if count == 1:
        return np.matmul(a, b)
    y = np.empty((groups, rows, b.shape[-1]), b.dtype)
    part, into = (c.reshape((*c.shape[:2], count, -1)).transpose(0, 2, 1, 3) for c in (b, y))
    np.matmul(a[:, None], part, out=into)
    return y


def _products_of_rows(a: Any, b: Any) -> Any:
    """a bᵀ of each group; a (groups, M, n) and b (groups, K, n) are wide, the result is small."""
    rows, inner, width = a.shape[1], b.shape[1], a.shape[-1]
    if width == 1:
        return a * b.transpose(0, 2, 1)
    count = _pieces(width, rows * inner, 1024) if rows <= 64 and 1 < inner <= 32 else 1
    if count == 1:
        return np.matmul(a, b.transpose(0, 2, 1))
    a, b = (c.reshape((*c.shape[:2], count, -1)).transpose(0, 2, 1, 3) for c in (a, b))
    return np.add.reduce(np.matmul(a, b.transpose(0, 1, 3, 2)), 1)


# ---- depthwise: one channel a group, without columns ------------------------------------------


def _has_bands(x: Any, weight: Any, how: Windows) -> bool:
    """Whether `_banded` takes less time: rows are short, and products have some columns."""
    single = weight.shape[:2] == (how.groups, 1) and len(how.kernel) == 2
    short = single and how.dilation[0] == 1 and how.lengths[1] <= 32 and x.shape[-1] >= 16
    return short and math.isfinite(np.vdot(x, x))  # 0 beside a band times inf would be nan


def _banded(x: Any, weight: Any, how: Windows) -> Any:
    """The depthwise convolution of planes, (C, H, W, N): what the rows under a kernel, end to end,
    give to a row of the result is a matrix with bands. BLAS is at it half as long as at columns."""
    (rows, width), (high, wide), (count, places) = how.lengths, how.kernel, how.counts
    (down, along), ((top, _), (left, _)) = how.stride, how.padding
    bands = np.zeros((len(x), places, high, width), x.dtype)
    for j in range(wide):
        at = np.arange(places) * along + (j * how.dilation[1] - left)
        inside = np.flatnonzero((at >= 0) & (at < width))
        bands[:, inside, :, at[inside]] = weight[:, 0, :, j]
    y = np.empty((len(x), *how.counts, x.shape[-1]), x.dtype)
    channel, row, *inner = x.strides

    def seen(place: int) -> tuple[int, int]:  # the kernel's rows that stand on x, and not around
        return max(0, top - place * down), min(high, top + rows - place * down)

    for (i, end), group in groupby(range(count), seen):
        first, *more = group
        part = y[:, first : first + 1 + len(more)]
        if i >= end or not x.size:
            part[...] = 0
            continue
        shape = (len(x), part.shape[1], (end - i) * width, x.shape[-1])
        start, strides = (first * down + i - top) * row, (channel, row * down, *inner)
        under = np.ndarray(shape, x.dtype, x, start, strides)
        matrix = bands[:, None, :, i:end].reshape((len(x), 1, places, -1))
        np.matmul(matrix, under, out=part)
    return y


def _dots(g: Any, x: Any, how: Windows) -> Any:
    """The depthwise `conv_weight`: g times what stands under one place of the kernel, long rows of
    both, in half the time of columns."""
    y: Any = np.empty((len(x), 1, *how.kernel), x.dtype)
    for place in product(*map(range, how.kernel)):
        of_g, of_x = [slice(None)], [slice(None)]
        along = zip(place, how.lengths, how.counts, how.stride, how.dilation, how.padding)
        for k, length, count, stride, dilation, (before, _) in along:
            ahead = k * dilation - before  # windows from first to last have this place on x
            first = max(0, -(ahead // stride))
            last = max(first, min(count, (length - 1 - ahead) // stride + 1))
            of_g.append(slice(first, last))
            of_x.append(slice(first * stride + ahead, last * stride + ahead, stride))
        a, b = g[tuple(of_g)], x[tuple(of_x)]
        shape = (*a.shape[:-2], a.shape[-2] * a.shape[-1])
        sums = np.vecdot(a.reshape(shape), b.reshape(shape))
        y[(..., 0, *place)] = np.add.reduce(sums, tuple(range(1, sums.ndim)))
    return y


# ---- the three operations ---------------------------------------------------------------------


def _by_group(y: Any, groups: int) -> Any:
    """(C, ...) as (groups, C/groups, ...)."""
    return y.reshape((groups, y.shape[0] // groups, *y.shape[1:]))


def _wide(*arrays: Any) -> Any:
    """The dtype to compute in: half a precision is summed in a whole one."""
    return np.result_type(*arrays, np.float32)


def _convolved(x: Any, weight: Any, bias: Any, how: Windows) -> Any:
    """The convolution, the batch last: (C, *lengths, N) to (O, *counts, N)."""
    out, groups = weight.shape[0], how.groups
    if _has_bands(x, weight, how):
        y = _banded(x, weight, how)
        return y if bias is None else np.add(y, bias.reshape((-1, 1, 1, 1)), out=y)
    y = np.empty((groups, out // groups, *how.counts, x.shape[-1]), x.dtype)
    w = weight.reshape((groups, out // groups, -1))
    b = None if bias is None else bias.reshape((*y.shape[:2], *(1 for _ in y.shape[2:])))
    for box, block in columns(x, how, out // groups):
        part = y[(box[0], slice(None), *box[1:])]
        block = _products(w[box[0]], block).reshape(part.shape)
        if part.size == y.size:  # all of it: one array less
            y = part = block
        if b is not None:
            np.add(block, b[box[0]], out=part)
        elif part is not block:
            part[...] = block
    return y.reshape((out, *y.shape[2:]))


def _conv(x: Any, weight: Any, bias: Any, _how: Windows) -> Any:
    dtype = np.result_type(x, weight) if bias is None else np.result_type(x, weight, bias)
    wide = _wide(x, weight) if bias is None else _wide(x, weight, bias)
    weight = np.ascontiguousarray(weight, wide)
    y = batch_first(_convolved(batch_last(x, wide), weight, bias, _how))
    return y.astype(dtype, copy=False)


def _conv_transpose(x: Any, weight: Any, _how: Windows) -> Any:
    dtype, wide = np.result_type(x, weight), _wide(x, weight)
    x, weight = batch_last(x, wide), np.ascontiguousarray(weight, wide)
    turned = _turned(weight, _how)
    y = _scattered(x, weight, _how) if turned is None else _convolved(x, turned[0], None, turned[1])
    return batch_first(y).astype(dtype, copy=False)


def _turned(weight: Any, how: Windows) -> Any:
    """The weight and the windows of the convolution that this transposed one is, where there is
    one, and it is not longer than the other way."""
    out, each = weight.shape[:2]
    before = [span(k, d) - 1 - a for k, d, (a, _) in zip(how.kernel, how.dilation, how.padding)]
    longer = [n - count for n, count in zip(how.lengths, how.counts)]
    after = [n + span(k, d) - 1 - a for n, k, d, a in zip(longer, how.kernel, how.dilation, before)]
    if max(how.stride) > 1 or out > 2 * each * how.groups or min(before + after) < 0:
        return None
    w = np.flip(_by_group(weight, how.groups).swapaxes(1, 2), tuple(range(3, weight.ndim + 1)))
    w = np.ascontiguousarray(w).reshape((each * how.groups, -1, *how.kernel))
    padding = tuple(zip(before, after))
    return w, Windows(how.counts, how.kernel, how.stride, padding, how.dilation, how.groups)


def _scattered(x: Any, weight: Any, how: Windows) -> Any:
    """The transposed convolution by columns, each added to where it came from; the batch last."""
    out, groups = weight.shape[0], how.groups
    w = np.ascontiguousarray(weight.reshape((groups, out // groups, -1)).transpose(0, 2, 1))
    parts = _by_group(x, groups)

    def block(box: Any) -> Any:
        part = parts[(box[0], slice(None), *box[1:])]
        return _products(w[box[0]], part.reshape((*part.shape[:2], -1)))

    channels = weight.shape[1] * groups
    return put_back(how, channels, x.shape[-1], x.dtype, block, out // groups)


def _conv_weight(g: Any, x: Any, _how: Windows) -> Any:
    """What the convolution of x hands to its weight, of g that comes back."""
    dtype, wide, groups = np.result_type(g, x), _wide(g, x), _how.groups
    out, channels = g.shape[1], x.shape[1]
    g, x = batch_last(g, wide), batch_last(x, wide)
    if out == channels == groups and _how.stride[-1] == 1 and g.shape[-2] * g.shape[-1] >= 256:
        return _dots(g, x, _how).astype(dtype, copy=False)
    parts, each = _by_group(g, groups), out // groups
    sums = np.zeros((groups, channels // groups * math.prod(_how.kernel), each), wide)
    for box, block in columns(x, _how, each):
        part = parts[(box[0], slice(None), *box[1:])]
        sums[box[0]] += _products_of_rows(block, part.reshape((*part.shape[:2], -1)))
    y = np.ascontiguousarray(sums.transpose(0, 2, 1), dtype)
    return y.reshape((out, channels // groups, *_how.kernel))


def _over_channels(g: Any) -> Any:
    """The sum of each channel; BLAS adds long rows in half the time of np.sum."""
    if g.__class__ is not _array:
        return np.sum(g, axis=(0, *range(2, g.ndim)))
    g = batch_last(g)
    g = g.reshape((g.shape[0], math.prod(g.shape[1:])))
    return g.dot(np.ones(g.shape[1], g.dtype))


# As one would write them by hand, where no microsecond counts: in a window (i, j) the letters say
# what is multiplied and added up.

_SPACE, _PLACES = {1: "h", 2: "hw", 3: "dhw"}, {1: "i", 2: "ij", 3: "ijk"}


def _summed(letters: str, how: Windows, *arrays: Any) -> Any:
    """np.einsum, in whose letters S stands for the axes of space and K for those of the kernel;
    arrays are (N, C, ...) or, K alone, (O, C, ...): of groups they are parted, by an axis g."""
    axes, groups = len(how.kernel), how.groups
    letters = letters.replace("S", _SPACE[axes]).replace("K", _PLACES[axes])
    if groups == 1:
        return np.einsum(letters, *arrays, optimize=True)
    terms, _, result = letters.partition("->")
    given = []
    for term, array in zip(terms.split(","), arrays):
        at = int(term[0] == "n")  # the axis of channels that is parted
        shape = (*array.shape[:at], groups, array.shape[at] // groups, *array.shape[at + 1 :])
        given.append(array.reshape(shape))
    parted = ",".join(_with_groups(term) for term in terms.split(","))
    y = np.einsum(f"{parted}->{_with_groups(result)}", *given, optimize=True)
    at = int(result[0] == "n")
    return y.reshape((*y.shape[:at], y.shape[at] * y.shape[at + 1], *y.shape[at + 2 :]))


def _with_groups(term: str) -> str:
    return f"ng{term[1:]}" if term[0] == "n" else f"g{term}"


def _plain_conv(x: Any, weight: Any, bias: Any, _how: Windows) -> Any:
    if not few_enough(_how, x.shape[0] * x.shape[1]):
        return _conv(x, weight, bias, _how)
    windows = under_each(x, _how)
    y = _summed("ncSK,ocK->noS", _how, windows, weight)
    return y if bias is None else y + bias[(slice(None), *(None for _ in _how.kernel))]


def _plain_conv_transpose(x: Any, weight: Any, _how: Windows) -> Any:
    if not few_enough(_how, x.shape[0] * x.shape[1] * math.prod(_how.stride)):
        return _conv_transpose(x, weight, _how)
    windows = around_each(x, _how)
    turned = weight[(..., *(slice(None, None, -1) for _ in _how.kernel))]
    return _summed("noSK,ocK->ncS", _how, windows, turned)


def _plain_conv_weight(g: Any, x: Any, _how: Windows) -> Any:
    if not few_enough(_how, x.shape[0] * x.shape[1]):
        return _conv_weight(g, x, _how)
    windows = under_each(x, _how)
    return _summed("noS,ncSK->ocK", _how, g, windows)


conv = primitive(
    _conv,
    lambda g, y, x, weight, bias, _how: conv_transpose(g, weight, _how),
    lambda g, y, x, weight, bias, _how: conv_weight(g, x, _how),
    lambda g, y, x, weight, bias, _how: _over_channels(g),
    formula=(
        "g ⋆ turned weight, the sum over all windows that x is in",
        "x ⋆ g, the sum over all windows of g times the x there",
        "sum of g over all windows",
    ),
    elementwise=False,
    plainly=(
        _plain_conv,
        lambda g, y, x, weight, bias, _how: conv_transpose(g, weight, _how),
        lambda g, y, x, weight, bias, _how: conv_weight(g, x, _how),
        lambda g, y, x, weight, bias, _how: np.sum(g, axis=(0, *range(2, g.ndim))),
    ),
)
conv_transpose: Any = primitive(
    _conv_transpose,
    lambda g, y, x, weight, _how: conv(g, weight, None, _how),
    lambda g, y, x, weight, _how: conv_weight(x, g, _how),
    formula=("g ⋆ weight", "g ⋆ x, the sum over all windows of x times the g there"),
    elementwise=False,
    plainly=(
        _plain_conv_transpose,
        lambda g, y, x, weight, _how: conv(g, weight, None, _how),
        lambda g, y, x, weight, _how: conv_weight(x, g, _how),
    ),
)
conv_weight: Any = primitive(
    _conv_weight,
    lambda g, y, a, x, _how: conv(x, g, None, _how),
    lambda g, y, a, x, _how: conv_transpose(a, g, _how),
    formula=("x ⋆ g", "a ⋆ turned g"),
    elementwise=False,
    plainly=(
        _plain_conv_weight,
        lambda g, y, a, x, _how: conv(x, g, None, _how),
        lambda g, y, a, x, _how: conv_transpose(a, g, _how),
    ),
)
