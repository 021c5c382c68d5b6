"""Windows of images as columns, and back: unfold and fold, each the adjoint of the other."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np

from autograd import Tensor, primitive
from nn.arguments import as_floats, as_tensor
from nn.habits import told
from nn.layers.views import few_enough, under_each
from nn.layers.windows import (
    Windows,
    batch_first,
    batch_last,
    columns,
    per_axis,
    put_back,
    span,
)
from nn.module import Module

__all__ = ["Fold", "Unfold", "fold", "unfold"]


def _unfold(x: Any, _how: Windows) -> Any:
    """(N, C, *lengths) to (N, C · kernel, windows)."""
    rows = x.shape[1] * math.prod(_how.kernel)
    y = np.empty((1, rows, *_how.counts, x.shape[0]), x.dtype)
    for box, block in columns(batch_last(x), _how):
        part = y[(box[0], slice(None), *box[1:])]
        part[...] = block.reshape(part.shape)
    return batch_first(y.reshape((rows, math.prod(_how.counts), x.shape[0])))


def _fold(x: Any, _how: Windows) -> Any:
    """(N, C · kernel, windows) to (N, C, *lengths)."""
    batch, rows = x.shape[:2]
    wide = np.result_type(x, np.float32)
    parts = batch_last(x, wide).reshape((1, rows, *_how.counts, batch))
    channels = rows // math.prod(_how.kernel)
    y = put_back(_how, channels, batch, wide, lambda box: parts[(box[0], slice(None), *box[1:])])
    return batch_first(y).astype(x.dtype, copy=False)


# As one would write them by hand, where no microsecond counts.

FEW = 9  # places of a kernel, each of which is a line of the text


def _plain_unfold(x: Any, _how: Windows) -> Any:
    if not few_enough(_how, x.shape[0] * x.shape[1]):
        return _unfold(x, _how)
    windows = under_each(x, _how)
    axes = len(_how.kernel)
    places, windows_of = tuple(range(2 + axes, 2 + 2 * axes)), tuple(range(2, 2 + axes))
    turned = windows.transpose((0, 1, *places, *windows_of))
    return turned.reshape((x.shape[0], -1, math.prod(_how.counts)))


def _plain_fold(x: Any, _how: Windows) -> Any:
    if math.prod(_how.kernel) > FEW or x.dtype == np.float16:
        return _fold(x, _how)
    batch, channels = x.shape[0], x.shape[1] // math.prod(_how.kernel)
    parts = x.reshape((batch, channels, *_how.kernel, *_how.counts))
    lengths = [
        max(n + ahead, reach) for n, (ahead, _), reach in
        zip(_how.lengths, _how.padding, _how.spans())
    ]  # fmt: skip
    padded: Any = np.zeros_like(x, shape=(batch, channels, *lengths))
    for place in product(*map(range, _how.kernel)):
        seen = [
            slice(k * d, k * d + (count - 1) * s + 1, s if s > 1 else None)
            for k, d, count, s in zip(place, _how.dilation, _how.counts, _how.stride)
        ]
        padded[(..., *seen)] += parts[(slice(None), slice(None), *place)]
    if lengths == list(_how.lengths):
        return padded
    inside = (slice(a, a + n) for n, (a, _) in zip(_how.lengths, _how.padding))
    return padded[(..., *inside)]


columns_of: Any = primitive(
    _unfold,
    lambda g, y, x, _how: image_of(g, _how),
    formula="fold(g)",
    elementwise=False,
    plainly=(_plain_unfold, lambda g, y, x, _how: image_of(g, _how)),
)
image_of: Any = primitive(
    _fold,
    lambda g, y, x, _how: columns_of(g, _how),
    formula="unfold(g)",
    elementwise=False,
    plainly=(_plain_fold, lambda g, y, x, _how: columns_of(g, _how)),
)


def _windows(
    name: Any, lengths: tuple[int, ...], kernel_size: Any, dilation: Any, padding: Any, stride: Any
) -> Windows:
    kernel = per_axis(f"{name}: kernel_size", kernel_size, 2, 1)
    dilation = per_axis(f"{name}: dilation", dilation, 2, 1)
    padding = per_axis(f"{name}: padding", padding, 2, 0)
    stride = per_axis(f"{name}: stride", stride, 2, 1)
    for n, p, k, d in zip(lengths, padding, kernel, dilation):
        if n + 2 * p < span(k, d):
            raise ValueError(
                f"{name}: windows of {tuple(map(span, kernel, dilation))} are larger than an image "
                f"of {lengths} with padding {padding}; give a larger image or a smaller kernel_size"
            )
    return Windows(lengths, kernel, stride, tuple((p, p) for p in padding), dilation)


@told
def unfold(x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """The windows of images as columns: (N, C, H, W) to (N, C h w, L), with L windows of h · w.

    A convolution is a product of its weight and these columns. Args: numbers, or one for each axis,
    as of `conv2d`. Shapes: (C, H, W) gives (C h w, L). Raises ValueError for shapes that do not
    fit. Source: PyTorch's unfold.

    >>> unfold(Tensor([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]), 2)
    Tensor([[1., 2.],
            [2., 3.],
            [4., 5.],
            [5., 6.]])
    """
    return _unfolded("unfold", x, kernel_size, dilation, padding, stride)


def _unfolded(name: Any, x: Any, *options: Any) -> Any:
    x = as_floats(x)
    if x.ndim not in (3, 4) or not math.prod(x.shape[-3:]):
        raise ValueError(
            f"{name}: expected an input of shape (N, C, H, W) or (C, H, W), none of them empty but "
            f"N, got shape {x.shape}"
        )
    how = _windows(name, x.shape[-2:], *options)
    return columns_of(x, how) if x.ndim == 4 else columns_of(x.reshape((1, *x.shape)), how)[0]


@told
def fold(
    x: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Any:
    """Columns put back as windows into images, added where they overlap: the adjoint of `unfold`.

    Args: output_size, (H, W) of the images; the others as of `unfold`. Shapes: x (N, C h w, L) to
    (N, C, H, W), or without N. Raises ValueError for shapes that do not fit. Source: PyTorch's
    fold.

    >>> fold(Tensor([[1.0, 2.0], [2.0, 3.0]]), (1, 3), (1, 2))
    Tensor([[[1., 4., 3.]]])
    """
    return _folded("fold", x, output_size, kernel_size, dilation, padding, stride)


def _folded(name: Any, x: Any, output_size: Any, *options: Any) -> Any:
    x = as_floats(x)
    how = _windows(name, per_axis(f"{name}: output_size", output_size, 2, 1), *options)
    each, count = math.prod(how.kernel), math.prod(how.counts)
    if x.ndim not in (2, 3) or x.shape[-1] != count or x.shape[-2] % each or not x.shape[-2]:
        raise ValueError(
            f"{name}: expected an input of shape (N, C · {each}, {count}) or (C · {each}, {count}),"
            f" with {each} numbers in each of {count} windows, got shape {x.shape}"
        )
    return image_of(x, how) if x.ndim == 3 else image_of(x.reshape((1, *x.shape)), how)[0]


class _Windowed(Module):
    def _begin(self, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> None:
        name = type(self).__name__
        self.kernel_size = per_axis(f"{name}: kernel_size", kernel_size, 2, 1)
        self.dilation = per_axis(f"{name}: dilation", dilation, 2, 1)
        self.padding = per_axis(f"{name}: padding", padding, 2, 0)
        self.stride = per_axis(f"{name}: stride", stride, 2, 1)

    def _options(self) -> tuple[Any, ...]:
        return self.kernel_size, self.dilation, self.padding, self.stride

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, "
            f"stride={self.stride}"
        )


class Unfold(_Windowed):
    """The windows of images as columns: `nn.functional.unfold` as a Module.

    >>> Unfold(3)(np.ones((8, 2, 5, 5))).shape
    (8, 18, 9)
    """

    def __init__(
        self, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
    ) -> None:
        self._begin(kernel_size, dilation, padding, stride)

    def forward(self, x: Any) -> Tensor:
        return _unfolded(self, as_tensor("Unfold", "input", x), *self._options())


class Fold(_Windowed):
    """Columns put back into images: `nn.functional.fold` as a Module.

    >>> Fold((5, 5), 3)(np.ones((8, 18, 9))).shape
    (8, 2, 5, 5)
    """

    def __init__(
        self, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0,
        stride: Any = 1,
    ) -> None:  # fmt: skip
        self.output_size = per_axis("Fold: output_size", output_size, 2, 1)
        self._begin(kernel_size, dilation, padding, stride)

    def forward(self, x: Any) -> Tensor:
        return _folded(self, as_tensor("Fold", "input", x), self.output_size, *self._options())

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}, {super().extra_repr()}"
