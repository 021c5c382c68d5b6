"""Other sizes of images: padding, upsampling, and channels turned into pixels and back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from autograd import Tensor, primitive
from nn.arguments import as_floats, as_operand, as_tensor, at_least_single
from nn.checks import flag, number, one_of, whole
from nn.habits import told
from nn.layers.views import between, small_enough
from nn.module import Module

__all__ = [
    "PixelShuffle",
    "PixelUnshuffle",
    "Upsample",
    "interpolate",
    "pad",
    "pixel_shuffle",
    "pixel_unshuffle",
]


# ---- padding ----------------------------------------------------------------------------------


@told
def pad(x: Any, pad: Any, mode: str = "constant", value: float | None = None) -> Any:
    """Put elements around x, from the last axis on: pad = (ahead, behind, ahead, behind, ...).

    Args: x of any shape; pad, an even number of whole numbers, negative ones to cut elements off;
        mode, what is put there: "constant" for value (0 if None), "reflect" for the elements
        mirrored at the first and the last one, "replicate" for these again and again, "circular"
        for those of the other end of what is left.
    Raises ValueError for pads that do not fit. Source: PyTorch's pad; NumPy's np.pad takes Tensors
    as well.

    >>> pad(Tensor([1.0, 2.0, 3.0]), (1, 2)), pad(Tensor([1.0, 2.0, 3.0]), (2, 0), "reflect")
    (Tensor([0., 1., 2., 3., 0., 0.]), Tensor([3., 2., 1., 2., 3.]))
    """
    x = as_operand(x)
    one_of("pad: mode", mode, ("constant", "reflect", "replicate", "circular"))
    if value is not None and mode != "constant":
        raise ValueError(f"pad: value={value!r} is for mode='constant', not for {mode!r}")
    filling = 0 if value is None else number("pad: value", value, finite=False)
    counts = list(pad) if isinstance(pad, (Sequence, np.ndarray)) else [pad]
    counts = [whole("pad: pad", n) for n in counts]
    if len(counts) % 2 or len(counts) > 2 * x.ndim:
        raise ValueError(
            f"pad: pad must be (ahead, behind) for the last axes, from the last one on, of x of "
            f"shape {x.shape}, got {pad!r}"
        )
    for at in range(0, len(counts), 2):
        x = _padded(x, x.ndim - 1 - at // 2, counts[at], counts[at + 1], mode, filling)
    return x


def _padded(x: Any, axis: int, ahead: int, behind: int, mode: str, filling: float) -> Any:
    n = x.shape[axis]
    if max(0, -ahead) + max(0, -behind) > n:
        raise ValueError(
            f"pad: {(ahead, behind)} cut off more than axis {axis} of shape {x.shape} has"
        )
    kept = _part(x, axis, slice(max(0, -ahead), n - max(0, -behind)))
    if mode == "circular" and kept.shape != x.shape:  # what is left goes round, as in PyTorch
        return _padded(kept, axis, max(0, ahead), max(0, behind), mode, filling)
    most = {"constant": math.inf, "reflect": n - 1, "circular": n, "replicate": n and math.inf}
    if max(ahead, behind) > most[mode]:
        raise ValueError(
            f"pad: mode {mode!r} can put at most {max(0, most[mode])} elements beside an axis of "
            f"length {n}, got {(ahead, behind)}"
        )
    parts = [kept]
    if ahead > 0:
        first = {
            "reflect": slice(ahead, 0, -1), "circular": slice(n - ahead, n),
            "replicate": slice(0, 1),
        }.get(mode)  # fmt: skip
        parts.insert(0, _beside(x, axis, ahead, first, filling))
    if behind > 0:
        stop = n - 2 - behind
        last = {
            "reflect": slice(n - 2, None if stop < 0 else stop, -1), "circular": slice(0, behind),
            "replicate": slice(n - 1, n),
        }.get(mode)  # fmt: skip
        parts.append(_beside(x, axis, behind, last, filling))
    return np.concatenate(parts, axis=axis) if len(parts) > 1 else parts[0]


def _part(x: Any, axis: int, part: slice) -> Any:
    return x[(*(slice(None),) * axis, part)]


def _beside(x: Any, axis: int, count: int, part: slice | None, filling: float) -> Any:
    """`count` elements along an axis: a part of x, repeated if it is one, or the filling."""
    shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
    if part is None:
        return np.full(shape, filling, x.dtype)
    return np.broadcast_to(_part(x, axis, part), shape)


# ---- interpolation ----------------------------------------------------------------------------

_LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}


class _Along:
    """Which elements along one axis are read, and how much each of them counts.

    axis; length, of x; count, of the result; steps, (results, elements, shares): slices, regular
    ones, so that a whole factor has few of them, and an array of shares for all other axes.
    """

    __slots__ = ("axis", "count", "length", "steps")

    def __init__(self, axis: int, ndim: int, length: int, count: int, taps: Any, gaps: Any) -> None:
        self.axis, self.length, self.count = axis, length, count
        period, stride = gaps
        ahead, behind = (slice(None),) * axis, (1,) * (ndim - axis - 1)
        self.steps = []
        for places, shares in taps:
            for start in range(period):
                for at, stop in _runs(places[start::period], stride):
                    first, last = start + at * period, start + (stop - 1) * period
                    share = shares[first : last + 1 : period]
                    if share.any():
                        results = slice(first, last + 1, period)
                        elements = slice(int(places[first]), int(places[last]) + 1, stride)
                        self.steps.append(
                            ((*ahead, results), (*ahead, elements), share.reshape((-1, *behind)))
                        )

    def shape(self, shape: tuple[int, ...], length: int) -> tuple[int, ...]:
        return (*shape[: self.axis], length, *shape[self.axis + 1 :])


def _runs(places: Any, stride: int) -> Iterator[tuple[int, int]]:
    """Where parts of an array begin and end in which each number is larger by stride."""
    breaks = np.flatnonzero(np.diff(places) != stride) + 1
    bounds = [0, *breaks.tolist(), len(places)]
    return zip(bounds[:-1], bounds[1:]) if len(places) else iter(())


def _nearest(axis: int, ndim: int, length: int, count: int, scale: float, dtype: Any) -> _Along:
    """The last element at or before each place i scale, as PyTorch rounds that: to single precision
    (3 · (1 / 0.6) is 5, not just below it), of a product that images have in single precision, too,
    and others in that of x; images of once or twice the size have every element as often."""
    images, times = ndim == 4, count // length
    if images and count == times * length and times in (1, 2):
        places: Any = np.arange(count) // times
    else:
        precise = np.dtype(np.float32) if images else np.promote_types(dtype, np.float32)
        places = np.arange(count, dtype=precise) * precise.type(scale)
        places = np.floor(places.astype(np.float32)).astype(int)
    taps = [(np.minimum(places, length - 1), np.ones(count))]
    return _Along(axis, ndim, length, count, taps, _period(length, count, scale))


def _between(
    axis: int, ndim: int, length: int, count: int, scale: float, align_corners: bool
) -> _Along:
    if align_corners:
        at = np.arange(count) * ((length - 1) / (count - 1) if count > 1 else 0.0)
        gaps = _period(max(1, length - 1), max(1, count - 1), (length - 1) / max(1, count - 1))
    else:
        scale = 1.0 if count == length else scale  # as PyTorch: as many elements are the same ones
        at = np.maximum(0, (np.arange(count) + 0.5) * scale - 0.5)
        gaps = _period(length, count, scale)
    low = np.minimum(at.astype(int), length - 1)
    share, high = at - low, np.minimum(low + 1, length - 1)
    return _Along(axis, ndim, length, count, [(low, 1 - share), (high, share)], gaps)


def _period(length: int, count: int, scale: float) -> tuple[int, int]:
    """After how many results the same comes again, so many elements on."""
    same = math.gcd(length, count) if scale * count == length else 1
    return count // same, length // same


def _resample(x: Any, _along: Sequence[_Along]) -> Any:
    given = x.dtype
    x = at_least_single(x)
    for along in _along:
        y = np.zeros_like(x, shape=along.shape(x.shape, along.count))
        for results, elements, share in along.steps:
            y[results] += x[elements] * share.astype(x.dtype)
        x = y
    return x.astype(given, copy=False)


def _resample_back(g: Any, _along: Sequence[_Along]) -> Any:
    given = g.dtype
    g = at_least_single(g)
    for along in reversed(_along):
        x = np.zeros_like(g, shape=along.shape(g.shape, along.length))
        for results, elements, share in along.steps:
            x[elements] += g[results] * share.astype(g.dtype)
        g = x
    return g.astype(given, copy=False)


# As one would write them by hand: repeated elements, or small matrices of shares.


def _shares(along: _Along) -> Any:
    """What each result takes of each element, a matrix."""
    matrix = np.zeros((along.count, along.length))
    for results, elements, share in along.steps:
        places = np.arange(along.count)[results[-1]], np.arange(along.length)[elements[-1]]
        matrix[places] += share.reshape(-1)
    return matrix


def _repeats(along: _Along, matrix: Any) -> int:
    """How often each element comes, if that is all, else 0."""
    times, rest = divmod(along.count, max(1, along.length))
    same = not rest and (matrix == np.repeat(np.eye(along.length), times, axis=0)).all()
    return times if same else 0


def _plain_resample(x: Any, _along: Sequence[_Along]) -> Any:
    matrices = [_shares(along) for along in _along]
    times = [_repeats(along, matrix) for along, matrix in zip(_along, matrices)]
    if all(times):
        for along, n in zip(_along, times):
            x = np.repeat(x, n, axis=along.axis)
        return x
    if not small_enough(matrices):
        return _resample(x, _along)
    return between(x, [along.axis for along in _along], matrices)


def _plain_resample_back(g: Any, _along: Sequence[_Along]) -> Any:
    matrices = [_shares(along) for along in _along]
    times = [_repeats(along, matrix) for along, matrix in zip(_along, matrices)]
    if all(times):
        shape, axes = list(g.shape), []
        for along, n in sorted(zip(_along, times), key=lambda pair: -pair[0].axis):
            shape[along.axis : along.axis + 1] = [along.length, n]
        for place, along in enumerate(sorted(_along, key=lambda along: along.axis)):
            axes.append(along.axis + 1 + place)
        return np.sum(g.reshape(shape), axis=tuple(axes))
    if not small_enough(matrices):
        return _resample_back(g, _along)
    return between(g, [along.axis for along in _along], matrices, back=True)


resample: Any = primitive(
    _resample,
    lambda g, y, x, _along: resample_back(g, _along),
    formula="for each element the sum of g times its shares",
    elementwise=False,
    plainly=(_plain_resample, lambda g, y, x, _along: resample_back(g, _along)),
)
resample_back: Any = primitive(
    _resample_back,
    lambda g, y, x, _along: resample(g, _along),
    formula="g between its elements",
    elementwise=False,
    plainly=(_plain_resample_back, lambda g, y, x, _along: resample(g, _along)),
)


@told
def interpolate(
    x: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
    align_corners: bool | None = None, recompute_scale_factor: bool | None = None,
) -> Any:  # fmt: skip
    """x (N, C, *lengths) with other lengths, read between its elements.

    Args: size, the new lengths, or scale_factor, how many times the old ones (rounded down): one
        number, or one for each axis of space, of which there are one to three; mode, "nearest", or
        "linear", "bilinear" and "trilinear" for one, two and three axes; align_corners, for these,
        True to lay the first and last elements on each other, not the edges;
        recompute_scale_factor, True to go on with the quotient of the lengths, where rounding down
        makes it another than scale_factor.
    Raises ValueError for sizes and modes that do not fit. Source: PyTorch's interpolate.

    >>> x = Tensor([[[1.0, 3.0]]])
    >>> interpolate(x, scale_factor=2), interpolate(x, size=3, mode="linear", align_corners=True)
    (Tensor([[[1., 1., 3., 3.]]]), Tensor([[[1., 2., 3.]]]))
    """
    options = (size, scale_factor, mode, align_corners, recompute_scale_factor)
    _check("interpolate", *options)
    return _interpolated("interpolate", as_floats(x), *options)


def _interpolated(
    name: Any, x: Any, size: Any, scale_factor: Any, mode: str, align_corners: bool | None,
    recompute: bool | None,
) -> Any:  # fmt: skip
    axes = x.ndim - 2
    if axes not in _LINEAR or 0 in x.shape[1:]:
        raise ValueError(
            f"{name}: expected an input of shape (N, C, L), (N, C, H, W) or (N, C, D, H, W), none "
            f"of them empty but N, got shape {x.shape}"
        )
    if mode in _LINEAR.values() and mode != _LINEAR[axes]:
        raise ValueError(
            f"{name}: mode {mode!r} does not fit an input of shape {x.shape}; of {axes} axes it is "
            f"{_LINEAR[axes]!r}"
        )
    sizes, scales = _sizes_and_scales(name, x.shape[2:], size, scale_factor)
    if recompute:
        scales = [n / count for n, count in zip(x.shape[2:], sizes)]
    options = list(zip(range(2, x.ndim), (x.ndim,) * axes, x.shape[2:], sizes, scales))
    if mode == "nearest":
        return resample(x, [_nearest(*each, x.dtype) for each in options])
    return resample(x, [_between(*each, bool(align_corners)) for each in options])


def _check(
    name: Any, size: Any, scale_factor: Any, mode: Any, align_corners: Any, recompute: Any
) -> None:
    one_of(f"{name}: mode", mode, ("nearest", *_LINEAR.values()))
    if (size is None) == (scale_factor is None):
        raise ValueError(f"{name}: give size or scale_factor, one of them")
    if align_corners is not None and mode == "nearest":
        raise ValueError(f"{name}: align_corners is for the linear modes, not for 'nearest'")
    if align_corners is not None:
        flag(f"{name}: align_corners", align_corners)
    recompute = recompute is not None and flag(f"{name}: recompute_scale_factor", recompute)
    if recompute and size is not None:
        raise ValueError(f"{name}: recompute_scale_factor is for scale_factor, not for size")
    if size is not None:
        for n in size if isinstance(size, (tuple, list)) else (size,):
            whole(f"{name}: size", n, least=1)
    else:
        for n in scale_factor if isinstance(scale_factor, (tuple, list)) else (scale_factor,):
            number(f"{name}: scale_factor", n, above=0)


def _sizes_and_scales(
    name: Any, lengths: tuple[int, ...], size: Any, scale_factor: Any
) -> tuple[list[int], list[float]]:
    given = scale_factor if size is None else size
    several = list(given) if isinstance(given, (tuple, list)) else [given] * len(lengths)
    if len(several) != len(lengths):
        raise ValueError(
            f"{name}: {'scale_factor' if size is None else 'size'} {given!r} does not fit an input "
            f"with {len(lengths)} axes of space, {lengths}"
        )
    if size is not None:
        return several, [n / count for n, count in zip(lengths, several)]
    counts = [math.floor(n * float(factor)) for n, factor in zip(lengths, several)]
    if min(counts) < 1:
        raise ValueError(f"{name}: scale_factor {given!r} leaves nothing of an input of {lengths}")
    return counts, [1 / float(factor) for factor in several]


class Upsample(Module):
    """Other lengths of the axes of space: `nn.functional.interpolate` as a Module.

    >>> Upsample(scale_factor=2, mode="bilinear")(np.ones((8, 3, 14, 14))).shape
    (8, 3, 28, 28)
    """

    def __init__(
        self, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
        align_corners: bool | None = None, recompute_scale_factor: bool | None = None,
    ) -> None:  # fmt: skip
        _check("Upsample", size, scale_factor, mode, align_corners, recompute_scale_factor)
        self.size, self.scale_factor = size, scale_factor
        self.mode, self.align_corners = mode, align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, x: Any) -> Tensor:
        return _interpolated(
            self, as_floats(as_tensor("Upsample", "input", x)), self.size, self.scale_factor,
            self.mode, self.align_corners, self.recompute_scale_factor,
        )  # fmt: skip

    def extra_repr(self) -> str:
        size = f"scale_factor={self.scale_factor}" if self.size is None else f"size={self.size}"
        return f"{size}, mode={self.mode!r}"


# ---- channels as pixels -----------------------------------------------------------------------


@told
def pixel_shuffle(x: Any, upscale_factor: int) -> Any:
    """Every r² channels as one, r times as high and wide: (N, C r², H, W) to (N, C, H r, W r).

    Shapes: any axes, or none, instead of N. Raises ValueError for channels that r² does not divide.
    Source: Shi et al., Real-time single image and video super-resolution, 2016; PyTorch's
    pixel_shuffle.

    >>> pixel_shuffle(Tensor([[[1.0]], [[2.0]], [[3.0]], [[4.0]]]), 2)
    Tensor([[[1., 2.],
             [3., 4.]]])
    """
    x, r = as_operand(x), whole("pixel_shuffle: upscale_factor", upscale_factor, least=1)
    if x.ndim < 3 or x.shape[-3] % (r * r):
        raise ValueError(
            f"pixel_shuffle: expected an input (..., C, H, W) with channels that {r}² divides, got "
            f"shape {x.shape}"
        )
    *lead, channels, h, w = x.shape
    first, k = channels // (r * r), len(lead)
    x = x.reshape((*lead, first, r, r, h, w))
    x = x.transpose((*range(k + 1), k + 3, k + 1, k + 4, k + 2))
    return x.reshape((*lead, first, h * r, w * r))


@told
def pixel_unshuffle(x: Any, downscale_factor: int) -> Any:
    """The way back of `pixel_shuffle`: (N, C, H r, W r) to (N, C r², H, W).

    >>> pixel_unshuffle(np.ones((8, 3, 28, 28)), 2).shape
    (8, 12, 14, 14)
    """
    x, r = as_operand(x), whole("pixel_unshuffle: downscale_factor", downscale_factor, least=1)
    if x.ndim < 3 or x.shape[-2] % r or x.shape[-1] % r:
        raise ValueError(
            f"pixel_unshuffle: expected an input (..., C, H, W) with H and W that {r} divides, got "
            f"shape {x.shape}"
        )
    *lead, channels, h, w = x.shape
    k = len(lead)
    x = x.reshape((*lead, channels, h // r, r, w // r, r))
    x = x.transpose((*range(k + 1), k + 2, k + 4, k + 1, k + 3))
    return x.reshape((*lead, channels * r * r, h // r, w // r))


class PixelShuffle(Module):
    """Channels as pixels: `nn.functional.pixel_shuffle` as a Module.

    >>> PixelShuffle(2)(np.ones((8, 12, 14, 14))).shape
    (8, 3, 28, 28)
    """

    def __init__(self, upscale_factor: int) -> None:
        self.upscale_factor = whole("PixelShuffle: upscale_factor", upscale_factor, least=1)

    def forward(self, x: Any) -> Tensor:
        return pixel_shuffle(as_tensor("PixelShuffle", "input", x), self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Pixels as channels: `nn.functional.pixel_unshuffle` as a Module.

    >>> PixelUnshuffle(2)(np.ones((8, 3, 28, 28))).shape
    (8, 12, 14, 14)
    """

    def __init__(self, downscale_factor: int) -> None:
        self.downscale_factor = whole("PixelUnshuffle: downscale_factor", downscale_factor, least=1)

    def forward(self, x: Any) -> Tensor:
        return pixel_unshuffle(as_tensor("PixelUnshuffle", "input", x), self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"
