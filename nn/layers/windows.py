"""Where the windows of a kernel stand on an array, and its columns: what stands under each window.

Arrays have their batch as last axis here, (C, *lengths, N), with any number of axes of space. What
is beside each other on the last axis of space is so for the whole batch, and columns are copied in
long rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np

from nn.checks import whole

__all__ = [
    "Windows",
    "batch_first",
    "batch_last",
    "columns",
    "per_axis",
    "put_back",
    "span",
]

ROOM = 1 << 18  # numbers in a block of columns: 1 MB of float32, which the caches hold


def per_axis(what: object, value: Any, axes: int, least: int | None = None) -> tuple[int, ...]:
    """One whole number for all axes, or a sequence with one for each, as a tuple.

    >>> per_axis("Conv2d: stride", 2, 2), per_axis("Conv2d: stride", (2, 1), 2)
    ((2, 2), (2, 1))
    """
    if not isinstance(value, (Sequence, np.ndarray)) or isinstance(value, str):
        return (whole(what, value, least=least),) * axes
    if np.shape(value) != (axes,):
        one = "a whole number" + f" or {axes} of them, one an axis" * (axes > 1)
        raise ValueError(f"{what} must be {one}, got {value!r}")
    return tuple(whole(what, number, least=least) for number in value)


def span(kernel: int, dilation: int) -> int:
    """How many elements a kernel reaches over."""
    return dilation * (kernel - 1) + 1


class Windows:
    """The geometry of a kernel on an array, along all axes of space.

    lengths, of the array; kernel, stride and dilation; padding, (before, after) of each axis;
    groups, of channels; counts, how many windows there are, which follows from the others.
    """

    __slots__ = ("counts", "dilation", "groups", "kernel", "lengths", "padding", "stride")

    def __init__(
        self, lengths: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...],
        padding: tuple[tuple[int, int], ...], dilation: tuple[int, ...], groups: int = 1,
        counts: tuple[int, ...] | None = None,
    ) -> None:  # fmt: skip
        self.lengths, self.kernel, self.stride = lengths, kernel, stride
        self.padding, self.dilation, self.groups = padding, dilation, groups
        self.counts = counts or tuple(
            (n + sum(around) - span(k, d)) // s + 1
            for n, around, k, s, d in zip(lengths, padding, kernel, stride, dilation)
        )

    def spans(self) -> tuple[int, ...]:
        """How far the windows reach, from the first element of the padding on."""
        along = zip(self.counts, self.kernel, self.stride, self.dilation)
        return tuple((count - 1) * s + span(k, d) for count, k, s, d in along)

    def is_whole(self) -> bool:
        """Whether the windows reach over the array, and nothing else."""
        return self.spans() == self.lengths and not any(map(any, self.padding))

    def boxes(
        self, channels: int, batch: int, beside: int
    ) -> Iterator[tuple[tuple[slice, ...], tuple[int, ...]]]:
        """Blocks of windows: their place in (groups, *counts, N), and the shape of their columns,
        (groups, C/groups, *kernel, *counts, N), of a megabyte.

        beside: rows of what is computed for a group, where these are more than those of columns.
        """
        each = (channels // self.groups, *self.kernel)
        room = max(1, ROOM // max(math.prod(each), beside))
        for box in _boxes((self.groups, *self.counts, batch), room):
            groups, *others = (part.stop - part.start for part in box)
            yield box, (groups, *each, *others)

    # Memory for the array with its padding, (phases, C, *spans, N), has the last axis of space
    # parted by its stride: every stride-th element is one phase, so that windows that are strides
    # apart stand side by side, too.

    def memory(self, channels: int, batch: int, dtype: Any) -> Any:
        *outer, last = self.spans()
        stride = self.stride[-1]
        return np.empty((stride, channels, *outer, -(-last // stride), batch), dtype)

    def phases(self) -> Iterator[tuple[int, Any, Any]]:
        """The number of each phase that windows see, the place of the array inside of it, and which
        elements of the array stand there."""
        before = [ahead for ahead, _ in self.padding]
        seen = [max(0, min(n, m - a)) for n, m, a in zip(self.lengths, self.spans(), before)]
        outer = [slice(a, a + n) for a, n in zip(before[:-1], seen)]
        rows = [slice(0, n) for n in seen[:-1]]
        stride, end = self.stride[-1], seen[-1]
        for phase in {k * self.dilation[-1] % stride for k in range(self.kernel[-1])}:
            first = (phase - before[-1]) % stride
            begin, count = (first + before[-1]) // stride, len(range(first, end, stride))
            place = (slice(None), *outer, slice(begin, begin + count))
            yield phase, place, (slice(None), *rows, slice(first, end, stride))

    def rows(self, memory: Any) -> list[Any]:
        """For each place of the kernel on the last axis of space what stands there, of all windows:
        views (groups, C/groups, *kernel[:-1], *counts, N) of memory."""
        phase, channel, *outer, last, item = memory.strides
        each = memory.shape[1] // self.groups
        shape = (self.groups, each, *self.kernel[:-1], *self.counts, memory.shape[-1])
        strides = (
            channel * each, channel, *(n * d for n, d in zip(outer, self.dilation)),
            *(n * s for n, s in zip(outer, self.stride)), last, item,
        )  # fmt: skip
        if not memory.size:
            return [np.empty(shape, memory.dtype)] * self.kernel[-1]
        places = (divmod(k * self.dilation[-1], self.stride[-1]) for k in range(self.kernel[-1]))
        return [
            np.ndarray(shape, memory.dtype, memory, which * phase + ahead * last, strides)
            for ahead, which in places
        ]


@lru_cache(maxsize=64)  # each step asks for the same, and copies a block in a few microseconds
def _boxes(lengths: tuple[int, ...], room: int) -> tuple[tuple[slice, ...], ...]:
    """Parts of an array of these lengths with about `room` elements, in order, about as large.

    >>> [[(part.start, part.stop) for part in box] for box in _boxes((3, 4), 8)]
    [[(0, 2), (0, 4)], [(2, 3), (0, 4)]]
    """
    if 0 in lengths:
        return ()
    sizes = list(lengths)
    for axis, length in enumerate(lengths):
        rest = math.prod(lengths[axis + 1 :])
        sizes[axis] = -(-length // min(length, max(1, round(length * rest / room))))
        if rest <= room:
            break
    along = [
        [slice(at, min(at + size, n)) for at in range(0, n, size)]
        for n, size in zip(lengths, sizes)
    ]
    return tuple(product(*along))


# ---- the batch as last axis -------------------------------------------------------------------


def batch_last(x: Any, dtype: Any = None) -> Any:
    """(N, C, ...) as (C, ..., N) without gaps in memory: itself where it has that order there."""
    return np.ascontiguousarray(x.transpose((*range(1, x.ndim), 0)), dtype)


def batch_first(x: Any) -> Any:
    """(C, ..., N) as a view (N, C, ...)."""
    return x.transpose((x.ndim - 1, *range(x.ndim - 1)))


# ---- columns ----------------------------------------------------------------------------------


def _laid_out(x: Any, how: Windows) -> Any:
    """x in the memory of `Windows`, with zeros around."""
    if how.stride[-1] == 1 and how.is_whole():
        return x[None]
    memory = how.memory(x.shape[0], x.shape[-1], x.dtype)
    for phase, place, elements in how.phases():
        part = memory[phase]
        for axis in range(1, len(place)):
            around = (slice(None),) * axis
            part[(*around, slice(0, place[axis].start))] = 0
            part[(*around, slice(place[axis].stop, None))] = 0
        part[place] = x[elements]
    return memory


def columns(x: Any, how: Windows, beside: int = 0) -> Iterator[tuple[tuple[slice, ...], Any]]:
    """Blocks of columns of x (C, *lengths, N): their place in (groups, *counts, N), and an array
    (groups, C/groups · kernel, windows · N), whose memory is used again for the next block."""
    channels, batch, groups = x.shape[0], x.shape[-1], how.groups
    if math.prod(how.kernel) == 1 and how.is_whole() and how.counts == how.lengths:
        box = tuple(slice(0, n) for n in (groups, *how.counts, batch))
        yield box, x.reshape((groups, channels // groups, -1))  # each element is a column
        return
    views = how.rows(_laid_out(x, how))
    inner: tuple[Any, ...] = (slice(None),) * len(how.kernel)
    memory: Any = None
    for box, shape in how.boxes(channels, batch, beside):
        if memory is None:
            memory = np.empty(math.prod(shape), x.dtype)
        block = memory[: math.prod(shape)].reshape(shape)
        for k, view in enumerate(views):
            block[(slice(None), *inner, k)] = view[(box[0], *inner, *box[1:])]
        yield box, block.reshape((shape[0], math.prod(shape[1 : 2 + len(how.kernel)]), -1))


def put_back(
    how: Windows, channels: int, batch: int, dtype: Any, block_of: Callable[[Any], Any],
    beside: int = 0,
) -> Any:  # fmt: skip
    """The adjoint of `columns`: what `block_of(box)` gives for each block of columns, each element
    added to where it stands in x (C, *lengths, N)."""
    memory = how.memory(channels, batch, dtype)
    memory[...] = 0
    views = how.rows(memory)
    places = list(product(*map(range, how.kernel[:-1])))
    for box, shape in how.boxes(channels, batch, beside):
        block = block_of(box).reshape(shape)
        for k, view in enumerate(views):
            for place in places:
                part = view[(box[0], slice(None), *place, *box[1:])]
                part += block[(slice(None), slice(None), *place, k)]
    if how.stride[-1] == 1 and how.is_whole():
        return memory[0]
    x = np.zeros((channels, *how.lengths, batch), dtype)
    for phase, place, elements in how.phases():
        x[elements] = memory[phase][place]
    return x
