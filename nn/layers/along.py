"""The windows of a pool along one axis, and their maxima and means as operations.

Both are taken one axis after the other, the last one first: a window of k · k costs 2k, and which
of several equal maxima comes first stays as it is. So there is one implementation for any number of
axes, and windows of an adaptive pool, which are not all as long, are only other steps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from autograd import primitive
from nn.arguments import at_least_single, values
from nn.layers.views import around_each, between, few_enough, small_enough, under_each
from nn.layers.windows import Windows, span

__all__ = ["Along", "adaptive", "avg_pool", "max_pool", "regular"]

# ---- the windows along one axis ---------------------------------------------------------------


class Along:
    """The windows along one axis.

    axis; length, of x; count, of windows; steps, for each place in a window (place, windows,
    elements): slices of the windows that have it inside of x, and of the elements there; first, the
    first place of each window inside of x; apart, whether no element is in two windows, and split,
    whether moreover each is in one; sizes, of each window, what a mean divides by; geometry, where
    all windows are alike: their kernel, stride, padding and dilation.
    """

    __slots__ = (
        "apart", "axis", "count", "first", "geometry", "length", "sizes", "split", "steps"
    )  # fmt: skip

    def __init__(
        self, axis: int, length: int, count: int, steps: list[tuple[int, slice, slice]],
        first: Any, sizes: Any, apart: bool, geometry: tuple[int, ...] | None = None,
    ) -> None:  # fmt: skip
        ahead = (slice(None),) * axis
        self.geometry = geometry
        self.axis, self.length, self.count, self.apart = axis, length, count, apart
        self.steps = [(place, (*ahead, out), (*ahead, part)) for place, out, part in steps]
        self.first, self.sizes = first, sizes
        self.split = apart and length == sum(out.stop - out.start for _, out, _ in steps)

    def across(self, numbers: Any, ndim: int) -> Any:
        """Numbers, one a window, to stand beside the result."""
        return numbers.reshape([-1 if axis == self.axis else 1 for axis in range(ndim)])

    def shape(self, shape: tuple[int, ...], length: int) -> tuple[int, ...]:
        return (*shape[: self.axis], length, *shape[self.axis + 1 :])


@lru_cache(maxsize=64)  # each step asks for the same
def regular(geometry: tuple[int, ...], ceil_mode: bool, count_include_pad: bool = True) -> Along:
    """Windows of one size at even distances: axis, length, kernel, stride, padding, dilation."""
    axis, length, kernel, stride, padding, dilation = geometry
    reach = length + 2 * padding - span(kernel, dilation)
    count = reach // stride + 1
    if ceil_mode and reach % stride and count * stride < length + padding:
        count += 1  # but no window starts behind x
    starts = np.arange(count) * stride - padding
    steps = []
    for place in range(kernel):
        ahead = padding - place * dilation
        low, high = max(0, -(-ahead // stride)), min(count, (length - 1 + ahead) // stride + 1)
        if low < high:
            begin, end = low * stride - ahead, (high - 1) * stride - ahead + 1
            steps.append((place, slice(low, high), slice(begin, end, stride)))
    if count_include_pad:
        sizes = np.minimum(starts + kernel, length + padding) - starts
    else:
        sizes = np.minimum(starts + kernel, length) - np.maximum(starts, 0)
    first = np.maximum(0, -(starts // dilation))
    apart = stride >= span(kernel, dilation)
    return Along(axis, length, count, steps, first, sizes, apart, geometry[2:])


def adaptive(axis: int, length: int, count: int) -> Along:
    """Windows from floor(i n / count) to ceil((i+1) n / count), side by side where they can be."""
    if length and length % count == 0:
        kernel = length // count
        return regular((axis, length, kernel, kernel, 0, 1), False)
    starts = np.arange(count) * length // count
    sizes = -(-np.arange(1, count + 1) * length // count) - starts
    steps = [
        (place, slice(i, i + 1), slice(start + place, start + place + 1))
        for i, (start, size) in enumerate(zip(starts.tolist(), sizes.tolist()))
        for place in range(size)
    ]
    return Along(axis, length, count, steps, np.zeros(count, int), sizes, False)


def _around(g: Any, along: Along) -> Any:
    """Memory for what comes from the windows: of zeros, where some elements may be in none."""
    shape = along.shape(g.shape, along.length)
    return (np.empty_like if along.split else np.zeros_like)(g, shape=shape)


def _joined(along: Sequence[Along]) -> Windows | None:
    """The windows along all axes, if they are alike, and the axes beside each other."""
    known = [a.geometry for a in along[::-1] if a.geometry is not None]
    if len(known) < len(along):
        return None
    kernel, stride, padding, dilation = zip(*known)
    lengths, counts = zip(*((a.length, a.count) for a in along[::-1]))
    return Windows(lengths, kernel, stride, tuple((p, p) for p in padding), dilation, 1, counts)


# ---- maximum ----------------------------------------------------------------------------------


def _largest(x: Any, along: Along, nans: bool = False) -> tuple[Any, Any]:
    """The maxima along one axis, and the place of each in its window: of the first of equal ones.

    nans: whether some are nan, of which the last one counts.
    """
    shape = along.shape(x.shape, along.count)
    y, steps = np.empty_like(x, shape=shape), along.steps
    small = np.uint8 if steps and steps[-1][0] < 256 else np.intp
    which = np.zeros_like(y, small)
    if along.first.any():
        which[...] = along.across(along.first, x.ndim)
    _, windows, elements = steps[0] if steps else (0, (), ())
    if steps and windows[-1] == slice(0, along.count):
        y[...] = x[elements]
        steps = steps[1:]
    else:
        y[...] = -np.inf
    for place, windows, elements in steps:
        top, part, at = y[windows], x[elements], which[windows]
        better = np.greater(part, top)
        if nans:
            better |= np.isnan(part)
        np.maximum(top, part, out=top)
        # Places only grow, so that the larger one is the later one.
        np.maximum(at, np.multiply(better.view(np.uint8), place, dtype=small), out=at)
    if not nans and np.isnan(y).any():
        return _largest(x, along, True)
    return y, which


def _max_pool(x: Any, _along: Sequence[Along]) -> Any:
    winners = []
    for along in _along:
        x, which = _largest(x, along)
        winners.append(which)
    return x, winners


def _max_pool_rule(g: Any, y: Any, x: Any, _along: Sequence[Along], saved: Any) -> Any:
    if saved is None:
        saved = _max_pool(values(x), _along)[1]
    return to_winners(g, saved, _along)


def _where(g: Any, chosen: Any) -> Any:
    """g where chosen, else 0, by its bits: a tenth of the time of np.where."""
    bits = np.dtype(f"i{g.dtype.itemsize}")
    mask = np.negative(chosen.view(np.int8), dtype=bits)
    return np.bitwise_and(mask, g.view(bits), out=mask).view(g.dtype)


def _to_winners(g: Any, _winners: Any, _along: Sequence[Along]) -> Any:
    for along, which in zip(reversed(_along), reversed(_winners)):
        x = _around(g, along)
        for place, windows, elements in along.steps:
            part = _where(g[windows], which[windows] == place)
            if along.apart:
                x[elements] = part
            else:
                x[elements] += part
        g = x
    return g


def _of_winners(x: Any, _winners: Any, _along: Sequence[Along]) -> Any:
    for along, which in zip(_along, _winners):
        y = np.zeros_like(x, shape=which.shape)
        for place, windows, elements in along.steps:
            y[windows] += _where(x[elements], which[windows] == place)
        x = y
    return x


def _of_these(y: Any, x: Any, _along: Sequence[Along], saved: Any) -> Any:
    """Where the maxima stood, as explanations tell it."""
    return _to_winners(np.ones_like(y), saved, _along) > 0


# As one would write them by hand, where no microsecond counts.


def _plain_max_pool(x: Any, _along: Sequence[Along]) -> Any:
    how = _joined(_along)
    if how is None or not few_enough(how, math.prod(x.shape[: -len(_along)])):
        return _max_pool(x, _along)
    windows = under_each(x, how, -np.inf)
    return np.max(windows, axis=tuple(range(x.ndim, windows.ndim))), windows


def _plain_max_pool_rule(g: Any, y: Any, x: Any, _along: Sequence[Along], saved: Any) -> Any:
    """g at the maximum of each window, 0 elsewhere

    (What `argmax` gives are places, of intp, and so is what is laid out of them.)
    """
    how = _joined(_along)
    if how is None or isinstance(saved, list):
        return _max_pool_rule(g, y, x, _along, saved)
    which = np.argmax(saved.reshape((*y.shape, -1)), axis=-1)  # the first of equal maxima
    inside = np.unravel_index(which, how.kernel) if len(how.kernel) > 1 else (which,)
    index: list[Any] = []
    for axis, length in enumerate(x.shape[: -len(_along)]):
        after = (1,) * (x.ndim - axis - 1)
        index.append(np.arange(length).reshape((length, *after)) if length > 1 else 0)
    rows, columns = inside[-2:] if len(inside) > 1 else (None, inside[0])  # noqa: F841 (a text's)
    along = zip(how.counts, how.stride, how.padding, how.dilation)
    for place, (count, stride, (padding, _), dilation) in enumerate(along):
        starts = np.arange(count) * stride - padding
        starts = starts.reshape((count, *(1,) * (len(_along) - place - 1)))
        index.append((inside[place] if dilation == 1 else inside[place] * dilation) + starts)
    dx = np.zeros_like(x)
    np.add.at(dx, tuple(index), g)
    return dx


_of_these.__name__ = "maxima at"
max_pool = primitive(
    _max_pool, _max_pool_rule, formula="g at the maximum of each window, 0 elsewhere",
    elementwise=False, saves=True, shows=_of_these,
    plainly=(_plain_max_pool, _plain_max_pool_rule),
)  # fmt: skip
to_winners: Any = primitive(
    _to_winners,
    lambda g, y, x, _winners, _along: of_winners(g, _winners, _along),
    formula="g at the maximum of each window",
    elementwise=False,
)
of_winners: Any = primitive(
    _of_winners,
    lambda g, y, x, _winners, _along: to_winners(g, _winners, _along),
    formula="g at the maximum of each window, 0 elsewhere",
    elementwise=False,
)


# ---- mean -------------------------------------------------------------------------------------


def _avg_pool(x: Any, _along: Sequence[Along], _divisors: Any) -> Any:
    given = x.dtype
    x = at_least_single(x)
    for along in _along:
        if along.count == 1 and along.split:
            x = np.add.reduce(x, axis=along.axis, keepdims=True)
            continue
        y = np.zeros_like(x, shape=along.shape(x.shape, along.count))
        for _, windows, elements in along.steps:
            y[windows] += x[elements]
        x = y
    x = x / _divisors.astype(x.dtype, copy=False)
    return x.astype(given, copy=False)


def _spread(g: Any, _along: Sequence[Along], _divisors: Any) -> Any:
    given = g.dtype
    g = g / _divisors.astype(np.result_type(given, np.float32), copy=False)
    for along in reversed(_along):
        x = _around(g, along)
        for _, windows, elements in along.steps:
            if along.apart:
                x[elements] = g[windows]
            else:
                x[elements] += g[windows]
        g = x
    return g.astype(given, copy=False)


# As one would write them by hand, where no microsecond counts.


def _shared(sums: Any, divisors: Any) -> Any:
    """Sums over what they are divided by, a number where it is the same everywhere."""
    same = bool((divisors == divisors.flat[0]).all())
    return sums / (float(divisors.flat[0]) if same else np.array(divisors, sums.dtype))


def _parts(along: Along) -> Any:
    """What each mean takes of each element, a matrix."""
    matrix = np.zeros((along.count, along.length))
    for _, windows, elements in along.steps:
        matrix[np.arange(along.count)[windows[-1]], np.arange(along.length)[elements[-1]]] = 1
    return matrix / along.sizes[:, None]


def _plain_avg_pool(x: Any, _along: Sequence[Along], _divisors: Any) -> Any:
    how = _joined(_along)
    if how is None and small_enough(matrices := [_parts(along) for along in _along]):
        return between(x, [along.axis for along in _along], matrices)
    if how is None or not few_enough(how, math.prod(x.shape[: -len(_along)])):
        return _avg_pool(x, _along, _divisors)
    if all(along.count == 1 and along.split for along in _along):
        axes = tuple(range(x.ndim - len(_along), x.ndim))
        return _shared(np.sum(x, axis=axes, keepdims=True), _divisors)
    windows = under_each(x, how)
    return _shared(np.sum(windows, axis=tuple(range(x.ndim, windows.ndim))), _divisors)


def _plain_spread(g: Any, _along: Sequence[Along], _divisors: Any) -> Any:
    how = _joined(_along)
    if how is None and small_enough(matrices := [_parts(along) for along in _along]):
        return between(g, [along.axis for along in _along], matrices, back=True)
    if how is None or not few_enough(how, math.prod(g.shape[: -len(_along)])):
        return _spread(g, _along, _divisors)
    share = _shared(g, _divisors)
    if all(a.split and a.count * k == a.length for a, k in zip(_along[::-1], how.kernel)):
        for along, kernel in zip(_along[::-1], how.kernel):
            share = np.repeat(share, kernel, along.axis)
        return share
    windows = around_each(share, how)
    return np.sum(windows, axis=tuple(range(g.ndim, windows.ndim)))


avg_pool: Any = primitive(
    _avg_pool,
    lambda g, y, x, _along, _divisors: spread_evenly(g, _along, _divisors),
    formula="g over the size of the window, for each of its elements",
    elementwise=False,
    plainly=(
        _plain_avg_pool,
        lambda g, y, x, _along, _divisors: spread_evenly(g, _along, _divisors),
    ),
)
spread_evenly: Any = primitive(
    _spread,
    lambda g, y, x, _along, _divisors: avg_pool(g, _along, _divisors),
    formula="the mean of g in each window",
    elementwise=False,
    plainly=(
        _plain_spread,
        lambda g, y, x, _along, _divisors: avg_pool(g, _along, _divisors),
    ),
)
