"""Pooling over one, two or three axes: the maximum or the mean of each window of x.

As functions and Modules, with PyTorch's names and options; the operations are in along.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from autograd import Tensor
from nn.arguments import as_floats, as_tensor, name_of_axes
from nn.checks import Named, flag, whole
from nn.habits import told
from nn.layers.along import Along, adaptive, avg_pool, max_pool, regular
from nn.layers.windows import per_axis, span
from nn.module import Module

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
]


# ---- functions --------------------------------------------------------------------------------


def _spacious(name: Any, x: Any, axes: int) -> Any:
    """x as floats, with samples or without them, channels, and axes of space."""
    x = as_floats(x)
    if x.ndim not in (axes + 1, axes + 2) or 0 in x.shape[-axes - 1 :]:
        space = name_of_axes(axes)
        raise ValueError(
            f"{name}: expected an input of shape (N, C, {space}) or (C, {space}), none of them "
            f"empty but N, got shape {x.shape}"
        )
    return x


def _windows(
    name: Any, x: Any, axes: int, kernel_size: Any, stride: Any, padding: Any, dilation: Any,
    ceil_mode: Any, count_include_pad: bool = True,
) -> list[Along]:  # fmt: skip
    """The windows along each axis, the last one first, the order in which they are pooled."""
    kernel, stride, padding, dilation = _options(name, axes, kernel_size, stride, padding, dilation)
    ceil_mode, shape = flag(Named(name, "ceil_mode"), ceil_mode), x.shape[-axes:]
    for n, k, p, d in zip(shape, kernel, padding, dilation):
        if n + 2 * p < span(k, d):
            raise ValueError(
                f"{name}: windows of {tuple(map(span, kernel, dilation))} are larger than an input "
                f"of {shape} with padding {padding}; give a larger input or a smaller kernel_size"
            )
    options = zip(range(x.ndim - axes, x.ndim), shape, kernel, stride, padding, dilation)
    return [regular(each, ceil_mode, count_include_pad) for each in options][::-1]


def _options(
    name: Any, axes: int, kernel_size: Any, stride: Any, padding: Any, dilation: Any
) -> tuple[tuple[int, ...], ...]:
    kernel = per_axis(Named(name, "kernel_size"), kernel_size, axes, 1)
    stride = kernel if stride is None else per_axis(Named(name, "stride"), stride, axes, 1)
    dilation = per_axis(Named(name, "dilation"), dilation, axes, 1)
    padding = per_axis(Named(name, "padding"), padding, axes, 0)
    if any(2 * p > k for p, k in zip(padding, kernel)):
        raise ValueError(
            f"{name}: padding must be at most half of kernel_size, {kernel}, got {padding}: beyond "
            "it a window would hold nothing of the input"
        )
    return kernel, stride, padding, dilation


def _max(
    name: Any, axes: int, x: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any,
    ceil_mode: Any, return_indices: Any = False,
) -> Any:  # fmt: skip
    _no_indices(name, return_indices)
    x = _spacious(name, x, axes)
    return max_pool(x, _windows(name, x, axes, kernel_size, stride, padding, dilation, ceil_mode))


def _no_indices(name: Any, return_indices: Any) -> None:
    if flag(Named(name, "return_indices"), return_indices):
        raise ValueError(
            f"{name}: return_indices is not here, for there is no unpooling; the gradient of the "
            "sum of the result says where the maxima stand: grad(y.sum(), x)"
        )


def _average(
    name: Any, axes: int, x: Any, kernel_size: Any, stride: Any, padding: Any, ceil_mode: Any,
    count_include_pad: Any, divisor_override: Any = None,
) -> Any:  # fmt: skip
    include = flag(Named(name, "count_include_pad"), count_include_pad)
    divisor = _divisor(name, divisor_override)
    x = _spacious(name, x, axes)
    found = _windows(name, x, axes, kernel_size, stride, padding, 1, ceil_mode, include)
    return _averaged(x, found, divisor)


def _divisor(name: Any, divisor: Any) -> int | None:
    return None if divisor is None else whole(Named(name, "divisor_override"), divisor, least=1)


def _averaged(x: Any, found: list[Along], divisor: int | None = None) -> Any:
    sizes = [along.across(along.sizes, x.ndim) for along in found]
    return avg_pool(x, found, math.prod(sizes) if divisor is None else np.array(divisor))


def _adapted(name: Any, axes: int, x: Any, output_size: Any) -> tuple[Any, list[Along]]:
    x = _spacious(name, x, axes)
    sizes = _sizes(name, axes, output_size)
    places = zip(range(x.ndim - axes, x.ndim), x.shape[-axes:], sizes)
    return x, [adaptive(at, n, n if count is None else count) for at, n, count in places][::-1]


def _sizes(name: Any, axes: int, output_size: Any) -> tuple[int | None, ...]:
    """The lengths of the result; None for that of x."""
    given = output_size if isinstance(output_size, (tuple, list)) else [output_size] * axes
    if len(given) != axes:
        raise ValueError(
            f"{name}: output_size must have a length for each of {axes} axes, got {output_size!r}"
        )
    what = f"{name}: output_size"
    return tuple(None if n is None else whole(what, n, least=1) for n in given)


@told
def max_pool1d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    """The largest number of each window of x (N, C, L), or (C, L); as `max_pool2d`.

    >>> max_pool1d(Tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    Tensor([[3., 2.]])
    """
    options = (kernel_size, stride, padding, dilation, ceil_mode, return_indices)
    return _max("max_pool1d", 1, x, *options)


@told
def max_pool2d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    """The largest number of each window of x (N, C, H, W), or (C, H, W).

    Args: kernel_size, of the windows; stride between them, kernel_size if None; padding of -inf
        around x, at most half of kernel_size; dilation, between the elements of a window: numbers,
        or one for each axis; ceil_mode, True for a window more where it would not be full (but none
        that starts behind x); return_indices, PyTorch's, must be False.
    The gradient goes to the first of equal maxima (in the order of rows), to the last nan. Shapes:
    the result (N, C, (H + 2 padding - dilation (kernel_size - 1) - 1) // stride + 1, ...). Raises
    ValueError for windows that do not fit. Source: PyTorch's max_pool2d.

    >>> max_pool2d(Tensor([[[1.0, 2.0, 0.0], [3.0, 0.0, 5.0]]]), (2, 2), stride=1)
    Tensor([[[3., 5.]]])
    """
    options = (kernel_size, stride, padding, dilation, ceil_mode, return_indices)
    return _max("max_pool2d", 2, x, *options)


@told
def max_pool3d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    """The largest number of each window of x (N, C, D, H, W), or (C, D, H, W); as `max_pool2d`.

    >>> max_pool3d(np.ones((1, 4, 4, 6)), 2).shape
    (1, 2, 2, 3)
    """
    options = (kernel_size, stride, padding, dilation, ceil_mode, return_indices)
    return _max("max_pool3d", 3, x, *options)


@told
def avg_pool1d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:  # fmt: skip
    """The mean of each window of x (N, C, L), or (C, L); as `avg_pool2d`.

    >>> avg_pool1d(Tensor([[1.0, 1.0, 1.0]]), 3, stride=1, padding=1)
    Tensor([[0.66666667, 1.        , 0.66666667]])
    """
    options = (kernel_size, stride, padding, ceil_mode, count_include_pad)
    return _average("avg_pool1d", 1, x, *options)


@told
def avg_pool2d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Any:  # fmt: skip
    """The mean of each window of x (N, C, H, W), or (C, H, W).

    Args: kernel_size, stride and ceil_mode as of `max_pool2d`; padding of zeros;
        count_include_pad, False to divide by the elements of x alone; divisor_override, to divide
        by this number. Shapes and errors as of `max_pool2d`. Source: PyTorch's avg_pool2d.

    >>> avg_pool2d(Tensor([[[1.0, 2.0], [3.0, 6.0]]]), 2)
    Tensor([[[3.]]])
    """
    options = (kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    return _average("avg_pool2d", 2, x, *options)


@told
def avg_pool3d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Any:  # fmt: skip
    """The mean of each window of x (N, C, D, H, W), or (C, D, H, W); as `avg_pool2d`.

    >>> avg_pool3d(np.ones((1, 4, 4, 6)), 2).shape
    (1, 2, 2, 3)
    """
    options = (kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    return _average("avg_pool3d", 3, x, *options)


@told
def adaptive_avg_pool1d(x: Any, output_size: Any) -> Any:
    """The mean of windows of x (N, C, L); as `adaptive_avg_pool2d`.

    >>> adaptive_avg_pool1d(Tensor([[1.0, 2.0, 3.0, 4.0]]), 2)
    Tensor([[1.5, 3.5]])
    """
    return _averaged(*_adapted("adaptive_avg_pool1d", 1, x, output_size))


@told
def adaptive_avg_pool2d(x: Any, output_size: Any) -> Any:
    """The mean of windows of x so large that the result has a given size.

    Window i of n reaches from floor(i L / n) to ceil((i+1) L / n), so they overlap where n does not
    divide the length L. Args: x (N, C, H, W), or (C, H, W); output_size, a number, or one for each
        axis, None for that of x.
    Raises ValueError for sizes that do not fit. Source: PyTorch's adaptive_avg_pool2d.

    >>> adaptive_avg_pool2d(np.ones((8, 7, 7)), (3, None)).shape
    (8, 3, 7)
    """
    return _averaged(*_adapted("adaptive_avg_pool2d", 2, x, output_size))


@told
def adaptive_avg_pool3d(x: Any, output_size: Any) -> Any:
    """The mean of windows of x (N, C, D, H, W); as `adaptive_avg_pool2d`.

    >>> adaptive_avg_pool3d(np.ones((8, 4, 7, 7)), 1).shape
    (8, 1, 1, 1)
    """
    return _averaged(*_adapted("adaptive_avg_pool3d", 3, x, output_size))


@told
def adaptive_max_pool1d(x: Any, output_size: Any, return_indices: bool = False) -> Any:
    """The maximum of windows of x (N, C, L); as `adaptive_max_pool2d`.

    >>> adaptive_max_pool1d(Tensor([[1.0, 2.0, 3.0, 4.0]]), 2)
    Tensor([[2., 4.]])
    """
    _no_indices("adaptive_max_pool1d", return_indices)
    return max_pool(*_adapted("adaptive_max_pool1d", 1, x, output_size))


@told
def adaptive_max_pool2d(x: Any, output_size: Any, return_indices: bool = False) -> Any:
    """The maximum of windows of x so large that the result has a given size.

    Window i of n reaches from floor(i L / n) to ceil((i+1) L / n), so they overlap where n does not
    divide the length L. Args: x (N, C, H, W), or (C, H, W); output_size, a number, or one for each
        axis, None for that of x; return_indices, PyTorch's, must be False.
    Raises ValueError for sizes that do not fit. Source: PyTorch's adaptive_max_pool2d.

    >>> adaptive_max_pool2d(np.ones((8, 7, 7)), (3, None)).shape
    (8, 3, 7)
    """
    _no_indices("adaptive_max_pool2d", return_indices)
    return max_pool(*_adapted("adaptive_max_pool2d", 2, x, output_size))


@told
def adaptive_max_pool3d(x: Any, output_size: Any, return_indices: bool = False) -> Any:
    """The maximum of windows of x (N, C, D, H, W); as `adaptive_max_pool2d`.

    >>> adaptive_max_pool3d(np.ones((8, 4, 7, 7)), 1).shape
    (8, 1, 1, 1)
    """
    _no_indices("adaptive_max_pool3d", return_indices)
    return max_pool(*_adapted("adaptive_max_pool3d", 3, x, output_size))


# ---- Modules ----------------------------------------------------------------------------------


class _Pool(Module):
    """What all pools share: their axes, and options that are attributes."""

    _axes: ClassVar[int]
    _shown: ClassVar[dict[str, Any]] = {}  # options that are told where they are not these

    def extra_repr(self) -> str:
        found = [f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"]
        found += [
            f"{name}={getattr(self, name)}"
            for name, usual in self._shown.items() if getattr(self, name) != usual
        ]  # fmt: skip
        return ", ".join(found)

    def _begin(self, kernel_size: Any, stride: Any, padding: Any, dilation: Any = 1) -> None:
        """Numbers stay numbers, as PyTorch shows them."""
        name, axes = type(self).__name__, self._axes
        _options(name, axes, kernel_size, stride, padding, dilation)
        stride = kernel_size if stride is None else stride
        self.kernel_size, self.stride = _as_given(kernel_size), _as_given(stride)
        self.padding = _as_given(padding)


def _as_given(value: Any) -> Any:
    """A whole number, or a tuple of them."""
    return tuple(map(int, value)) if isinstance(value, (Sequence, np.ndarray)) else int(value)


class _MaxPool(_Pool):
    _shown = {"dilation": 1, "ceil_mode": False}

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
        return_indices: bool = False, ceil_mode: bool = False,
    ) -> None:  # fmt: skip
        name = type(self).__name__
        _no_indices(name, return_indices)
        self._begin(kernel_size, stride, padding, dilation)
        self.dilation, self.ceil_mode = _as_given(dilation), flag(f"{name}: ceil_mode", ceil_mode)

    def forward(self, x: Any) -> Tensor:
        return _max(
            self, self._axes, as_tensor(type(self).__name__, "input", x), self.kernel_size,
            self.stride, self.padding, self.dilation, self.ceil_mode,
        )  # fmt: skip


class _AvgPool(_Pool):
    _shown = {"ceil_mode": False, "count_include_pad": True, "divisor_override": None}

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True, divisor_override: int | None = None,
    ) -> None:  # fmt: skip
        name = type(self).__name__
        self._begin(kernel_size, stride, padding)
        self.ceil_mode = flag(f"{name}: ceil_mode", ceil_mode)
        self.count_include_pad = flag(f"{name}: count_include_pad", count_include_pad)
        self.divisor_override = _divisor(name, divisor_override)

    def forward(self, x: Any) -> Tensor:
        return _average(
            self, self._axes, as_tensor(type(self).__name__, "input", x), self.kernel_size,
            self.stride, self.padding, self.ceil_mode, self.count_include_pad,
            self.divisor_override,
        )  # fmt: skip


class _AdaptivePool(_Pool):
    def __init__(self, output_size: Any) -> None:
        sizes = _sizes(type(self).__name__, self._axes, output_size)
        self.output_size = sizes if isinstance(output_size, (tuple, list)) else sizes[0]

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"

    def _adapted(self, x: Any) -> tuple[Any, list[Along]]:
        x = as_tensor(type(self).__name__, "input", x)
        return _adapted(self, self._axes, x, self.output_size)


class _AdaptiveAvgPool(_AdaptivePool):
    def forward(self, x: Any) -> Tensor:
        return _averaged(*self._adapted(x))


class _AdaptiveMaxPool(_AdaptivePool):
    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        _no_indices(type(self).__name__, return_indices)
        super().__init__(output_size)

    def forward(self, x: Any) -> Tensor:
        return max_pool(*self._adapted(x))


class MaxPool1d(_MaxPool):
    """The largest number of each window: `nn.functional.max_pool1d` as a Module.

    >>> MaxPool1d(2)(np.ones((8, 4, 100))).shape
    (8, 4, 50)
    """

    _axes = 1


class MaxPool2d(_MaxPool):
    """The largest number of each window: `nn.functional.max_pool2d` as a Module.

    >>> MaxPool2d(2)(np.ones((8, 4, 28, 28))).shape
    (8, 4, 14, 14)
    """

    _axes = 2


class MaxPool3d(_MaxPool):
    """The largest number of each window: `nn.functional.max_pool3d` as a Module.

    >>> MaxPool3d(2)(np.ones((8, 1, 4, 6, 6))).shape
    (8, 1, 2, 3, 3)
    """

    _axes = 3


class AvgPool1d(_AvgPool):
    """The mean of each window: `nn.functional.avg_pool1d` as a Module.

    >>> AvgPool1d(2)(np.ones((8, 4, 100))).shape
    (8, 4, 50)
    """

    _axes = 1


class AvgPool2d(_AvgPool):
    """The mean of each window: `nn.functional.avg_pool2d` as a Module.

    >>> AvgPool2d(2)(np.ones((8, 4, 28, 28))).shape
    (8, 4, 14, 14)
    """

    _axes = 2


class AvgPool3d(_AvgPool):
    """The mean of each window: `nn.functional.avg_pool3d` as a Module.

    >>> AvgPool3d(2)(np.ones((8, 1, 4, 6, 6))).shape
    (8, 1, 2, 3, 3)
    """

    _axes = 3


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """A result of a given size: `nn.functional.adaptive_avg_pool1d` as a Module.

    >>> AdaptiveAvgPool1d(3)(np.ones((8, 5, 100))).shape
    (8, 5, 3)
    """

    _axes = 1


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """A result of a given size: `nn.functional.adaptive_avg_pool2d` as a Module.

    >>> AdaptiveAvgPool2d(3)(np.ones((8, 5, 7, 7))).shape
    (8, 5, 3, 3)
    """

    _axes = 2


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """A result of a given size: `nn.functional.adaptive_avg_pool3d` as a Module.

    >>> AdaptiveAvgPool3d(3)(np.ones((8, 5, 4, 4, 4))).shape
    (8, 5, 3, 3, 3)
    """

    _axes = 3


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """A result of a given size: `nn.functional.adaptive_max_pool1d` as a Module.

    >>> AdaptiveMaxPool1d(3)(np.ones((8, 5, 100))).shape
    (8, 5, 3)
    """

    _axes = 1


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """A result of a given size: `nn.functional.adaptive_max_pool2d` as a Module.

    >>> AdaptiveMaxPool2d(3)(np.ones((8, 5, 7, 7))).shape
    (8, 5, 3, 3)
    """

    _axes = 2


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """A result of a given size: `nn.functional.adaptive_max_pool3d` as a Module.

    >>> AdaptiveMaxPool3d(3)(np.ones((8, 5, 4, 4, 4))).shape
    (8, 5, 3, 3, 3)
    """

    _axes = 3
