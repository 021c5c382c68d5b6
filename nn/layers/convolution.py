"""Convolutions over one, two or three axes, and transposed ones, as functions and Modules.

Shapes, names and options are PyTorch's; the operations are in convolving.py.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from autograd import Tensor
from nn.arguments import as_floats, as_input, name_of_axes
from nn.checks import Named, flag, one_of, whole
from nn.habits import told
from nn.init import uniform_
from nn.layers.convolving import conv, conv_transpose
from nn.layers.resampling import pad
from nn.layers.windows import Windows, per_axis, span
from nn.module import Module

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
]

# ---- functions --------------------------------------------------------------------------------


def _paddings(
    name: Any, padding: Any, kernel: tuple[int, ...], stride: tuple[int, ...],
    dilation: tuple[int, ...],
) -> tuple[tuple[int, int], ...]:  # fmt: skip
    """The padding before and after each axis, of numbers or of the words 'same' and 'valid'."""
    if not isinstance(padding, str):
        return tuple((n, n) for n in per_axis(Named(name, "padding"), padding, len(kernel), 0))
    if one_of(Named(name, "padding"), padding, ("same", "valid")) == "valid":
        return ((0, 0),) * len(kernel)
    if max(stride) > 1:
        raise ValueError(
            f"{name}: padding='same' needs stride 1, got stride {stride}; give the padding in "
            "numbers: kernel_size // 2"
        )
    more = (span(k, d) - 1 for k, d in zip(kernel, dilation))
    return tuple((n // 2, n - n // 2) for n in more)  # an even kernel has one more behind


def _batched(name: Any, x: Any, channels: int, axes: int) -> tuple[Any, bool]:
    """x with an axis of samples, and whether it came without one; its channels are asked for."""
    alone = x.ndim == axes + 1
    if x.ndim != axes + 2 and not alone or x.shape[-axes - 1] != channels:
        space = name_of_axes(axes)
        shape, cure = tuple(x.shape), ""
        if x.ndim in (axes + 1, axes + 2) and shape[-1] == channels:
            cure = f"; channels come before space: np.moveaxis(x, -1, {-axes - 1})"
        elif channels == 1 and alone:
            cure = "; give it its axis of channels: x[:, None]"
        elif len(shape) == 2 and math.prod(shape[1:]) % channels == 0:
            cure = f"; unfold rows to images: x.reshape(len(x), {channels}, ...)"
        raise ValueError(
            f"{name}: expected an input of shape (N, {channels}, {space}) or ({channels}, {space}),"
            f" got {shape}{cure}"
        )
    return (x.reshape((1, *x.shape)) if alone else x), alone


def _check_weight(
    name: Any, axes: int, weight: Any, bias: Any, groups: Any, transposed: bool
) -> None:
    groups = whole(Named(name, "groups"), groups, least=1)
    shape = "(in, out / groups, *kernel)" if transposed else "(out, in / groups, *kernel)"
    if weight.ndim != axes + 2 or not weight.size:
        raise ValueError(f"{name}: weight must be {shape}, got shape {weight.shape}")
    if weight.shape[0] % groups:
        raise ValueError(
            f"{name}: groups={groups} must divide the channels, of which weight {weight.shape} has "
            f"{weight.shape[0]}; weight is {shape}"
        )
    out = weight.shape[1] * groups if transposed else weight.shape[0]
    if bias is not None and bias.shape != (out,):
        raise ValueError(
            f"{name}: bias has shape {bias.shape}, but there are {out} channels out; it must have "
            f"shape ({out},)"
        )


def _convolve(
    name: Any, axes: int, x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any,
    groups: int,
) -> Any:  # fmt: skip
    _check_weight(name, axes, weight, bias, groups, False)
    stride = per_axis(Named(name, "stride"), stride, axes, 1)
    dilation = per_axis(Named(name, "dilation"), dilation, axes, 1)
    kernel = weight.shape[2:]
    paddings = _paddings(name, padding, kernel, stride, dilation)
    x, alone = _batched(name, x, weight.shape[1] * groups, axes)
    lengths = x.shape[2:]
    for n, around, k, d in zip(lengths, paddings, kernel, dilation):
        if n + sum(around) < span(k, d):
            raise ValueError(
                f"{name}: the kernel reaches over {tuple(map(span, kernel, dilation))} elements, "
                f"more than an input of {lengths} has with padding {paddings}; give a larger "
                "input, more padding or a smaller kernel"
            )
    y = conv(x, weight, bias, Windows(lengths, kernel, stride, paddings, dilation, groups))
    return y[0] if alone else y


def _convolve_transposed(
    name: Any, axes: int, x: Any, weight: Any, bias: Any, stride: Any, padding: Any,
    output_padding: Any, groups: int, dilation: Any, output_size: Any = None,
) -> Any:  # fmt: skip
    _check_weight(name, axes, weight, bias, groups, True)
    stride = per_axis(Named(name, "stride"), stride, axes, 1)
    dilation = per_axis(Named(name, "dilation"), dilation, axes, 1)
    padding = per_axis(Named(name, "padding"), padding, axes, 0)
    more = per_axis(Named(name, "output_padding"), output_padding, axes, 0)
    kernel = weight.shape[2:]
    x, alone = _batched(name, x, weight.shape[0], axes)
    counts = x.shape[2:]
    least = tuple(
        (count - 1) * s + span(k, d) - 2 * p
        for count, s, k, d, p in zip(counts, stride, kernel, dilation, padding)
    )
    if output_size is not None:
        wanted = per_axis(Named(name, "output_size"), output_size, axes, 0)
        more = tuple(n - m for n, m in zip(wanted, least))
        if not all(0 <= n < s for n, s in zip(more, stride)):
            most = tuple(n + s - 1 for n, s in zip(least, stride))
            raise ValueError(
                f"{name}: output_size must be from {least} to {most} for an input of {counts}, got "
                f"{wanted}"
            )
    if not all(n < max(s, d) for n, s, d in zip(more, stride, dilation)):
        raise ValueError(
            f"{name}: output_padding must be smaller than stride or dilation, got {more} with "
            f"stride {stride} and dilation {dilation}"
        )
    lengths = tuple(n + m for n, m in zip(least, more))
    if min(lengths) < 1:
        raise ValueError(
            f"{name}: an input of {counts} would give an output of {lengths}; give less padding"
        )
    around = tuple((p, p) for p in padding)
    how = Windows(lengths, kernel, stride, around, dilation, groups, counts)
    y = conv_transpose(x, weight, how)
    if bias is not None:
        y = y + bias.reshape((-1, *(1 for _ in lengths)))
    return y[0] if alone else y


def _floats(*arrays: Any) -> Any:
    return (None if x is None else as_floats(x) for x in arrays)


@told
def conv1d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> Any:  # fmt: skip
    """The convolution of x (N, C, L) with kernels (O, C/groups, k); as `conv2d`, over one axis.

    >>> conv1d(Tensor([[[1.0, 2.0, 4.0, 8.0]]]), [[[-1.0, 1.0]]])
    Tensor([[[1., 2., 4.]]])
    """
    x, weight, bias = _floats(x, weight, bias)
    return _convolve("conv1d", 1, x, weight, bias, stride, padding, dilation, groups)


@told
def conv2d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> Any:  # fmt: skip
    """The convolution of x with kernels: sums of products of each kernel and what is under it.

    y[n, o, i, j] = sum over c, a, b of x[n, c, i s + a d - p, j s + b d - p] weight[o, c, a, b],
    plus bias[o], with stride s, dilation d and padding p of zeros.
    Args: stride, dilation, numbers, or one for each axis; padding, too, or 'valid' for none, or
        'same' for a result as large as x (with one more zero behind than ahead, where they are not
        even); groups, into how many parts channels are cut, each with its own kernels.
    Shapes: x (N, C, H, W), or (C, H, W) for one sample; weight (O, C/groups, h, w), bias (O,), the
    result (N, O, (H + 2p - d(h-1) - 1) // s + 1, ...). Raises ValueError for shapes that do not
    fit. Source: LeCun et al., Gradient-based learning applied to document recognition, 1998;
    PyTorch's conv2d, which does not turn the kernel either.

    >>> x = Tensor([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]])
    >>> conv2d(x, [[[[1.0, 1.0], [0.0, -1.0]]]])
    Tensor([[[-2., -1.]]])
    """
    x, weight, bias = _floats(x, weight, bias)
    return _convolve("conv2d", 2, x, weight, bias, stride, padding, dilation, groups)


@told
def conv3d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> Any:  # fmt: skip
    """The convolution of x (N, C, D, H, W) with kernels (O, C/groups, d, h, w); as `conv2d`.

    >>> conv3d(np.ones((1, 4, 4, 4)), np.ones((2, 1, 3, 3, 3)), padding="same").shape
    (2, 4, 4, 4)
    """
    x, weight, bias = _floats(x, weight, bias)
    return _convolve("conv3d", 3, x, weight, bias, stride, padding, dilation, groups)


@told
def conv_transpose1d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0,
    output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
) -> Any:  # fmt: skip
    """The transposed convolution of x (N, C, L) by kernels (C, O/groups, k); as `conv_transpose2d`.

    >>> conv_transpose1d(Tensor([[1.0, 0.0, 2.0]]), [[[1.0, 10.0]]], stride=2)
    Tensor([[ 1., 10.,  0.,  0.,  2., 20.]])
    """
    x, weight, bias = _floats(x, weight, bias)
    return _convolve_transposed(
        "conv_transpose1d", 1, x, weight, bias, stride, padding, output_padding, groups, dilation
    )


@told
def conv_transpose2d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0,
    output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
) -> Any:  # fmt: skip
    """The transposed convolution: each number of x adds a kernel, times it, to the result.

    What `conv2d` with these options hands back to its input, of x that comes back to it.
    Args: as of `conv2d`; padding is cut off the result; output_padding makes it longer behind, for
        of a stride several lengths give the same: it is smaller than stride or dilation.
    Shapes: x (N, C, H, W) or (C, H, W), weight (C, O/groups, h, w), bias (O,), the result
    (N, O, (H - 1) s - 2p + d(h-1) + 1 + output_padding, ...). Raises ValueError for shapes that do
    not fit. Source: Zeiler et al., Deconvolutional networks, 2010; PyTorch's conv_transpose2d.

    >>> conv_transpose2d(Tensor([[[1.0, 2.0]]]), [[[[1.0, 1.0], [0.0, 3.0]]]])
    Tensor([[[1., 3., 2.],
             [0., 3., 6.]]])
    """
    x, weight, bias = _floats(x, weight, bias)
    return _convolve_transposed(
        "conv_transpose2d", 2, x, weight, bias, stride, padding, output_padding, groups, dilation
    )


@told
def conv_transpose3d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0,
    output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
) -> Any:  # fmt: skip
    """The transposed convolution of x (N, C, D, H, W); as `conv_transpose2d`.

    >>> conv_transpose3d(np.ones((1, 2, 2, 2)), np.ones((1, 5, 2, 2, 2)), stride=2).shape
    (5, 4, 4, 4)
    """
    x, weight, bias = _floats(x, weight, bias)
    return _convolve_transposed(
        "conv_transpose3d", 3, x, weight, bias, stride, padding, output_padding, groups, dilation
    )


# ---- Modules ----------------------------------------------------------------------------------

_MODES = ("zeros", "reflect", "replicate", "circular")


class _Convolution(Module):
    """What all convolutions share: their options, and first values even within ±1/sqrt(fan_in)."""

    _axes: ClassVar[int]
    _transposed: ClassVar[bool] = False
    weight: Tensor
    bias: Tensor | None

    def _begin(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any, padding: Any,
        dilation: Any, groups: int, bias: bool, padding_mode: str, dtype: Any, rng: Any,
    ) -> None:  # fmt: skip
        name, axes = type(self).__name__, self._axes
        self.in_channels = whole(f"{name}: in_channels", in_channels, least=1)
        self.out_channels = whole(f"{name}: out_channels", out_channels, least=1)
        self.kernel_size = per_axis(f"{name}: kernel_size", kernel_size, axes, 1)
        self.stride = per_axis(f"{name}: stride", stride, axes, 1)
        self.dilation = per_axis(f"{name}: dilation", dilation, axes, 1)
        self.groups = groups = whole(f"{name}: groups", groups, least=1)
        _paddings(name, padding, self.kernel_size, self.stride, self.dilation)
        self.padding = (
            padding if isinstance(padding, str) else per_axis(f"{name}: padding", padding, axes, 0)
        )
        self.padding_mode = one_of(f"{name}: padding_mode", padding_mode, _MODES)
        if self._transposed and padding_mode != "zeros":
            raise ValueError(f"{name}: padding_mode must be 'zeros', got {padding_mode!r}")
        for what in ("in_channels", "out_channels"):
            if getattr(self, what) % groups:
                raise ValueError(
                    f"{name}: groups={groups} must divide {what}, {getattr(self, what)}"
                )
        first, second = self.out_channels, self.in_channels // groups
        if self._transposed:
            first, second = self.in_channels, self.out_channels // groups
        bound = 1 / math.sqrt(second * math.prod(self.kernel_size))

        def parameter(what: str, *shape: int) -> Tensor:
            values = Tensor(np.empty(shape, dtype), requires_grad=True, name=what)
            return uniform_(values, -bound, bound, rng=rng)

        bias = flag(f"{name}: bias", bias)
        self.weight = parameter("weight", first, second, *self.kernel_size)
        self.bias = parameter("bias", self.out_channels) if bias else None

    def _given(self, x: Any) -> Any:
        if x.__class__ is not Tensor or not x.requires_grad:
            x = as_input(x, self.weight.dtype)
        return x

    def extra_repr(self) -> str:
        text = (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}"
        )
        nothing = ((0,) * self._axes, (1,) * self._axes)
        for what in ("padding", "output_padding", "dilation"):
            value = getattr(self, what, nothing[0])
            text += f", {what}={value!r}" * (value != nothing[what == "dilation"])
        text += f", groups={self.groups}" * (self.groups != 1)
        text += ", bias=False" * (self.bias is None)
        return text + f", padding_mode={self.padding_mode!r}" * (self.padding_mode != "zeros")


class _Conv(_Convolution):
    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1,
        padding: Any = 0, dilation: Any = 1, groups: int = 1, bias: bool = True,
        padding_mode: str = "zeros", *, dtype: Any = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:  # fmt: skip
        self._begin(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias,
            padding_mode, dtype, rng,
        )  # fmt: skip

    def forward(self, x: Any) -> Tensor:
        x, padding = self._given(x), self.padding
        if self.padding_mode != "zeros":
            _batched(self, x, self.in_channels, self._axes)  # tells first of a wrong shape
            around = _paddings(self, padding, self.kernel_size, self.stride, self.dilation)
            pairs = [n for pair in reversed(around) for n in pair]
            x, padding = pad(x, pairs, self.padding_mode), "valid"
        return _convolve(
            self, self._axes, x, self.weight, self.bias, self.stride, padding, self.dilation,
            self.groups,
        )  # fmt: skip


class Conv1d(_Conv):
    """A convolution over the last axis of x (N, C, L), or (C, L); otherwise as `Conv2d`.

    >>> Conv1d(2, 4, 3, padding=1)(np.zeros((8, 2, 100))).shape
    (8, 4, 100)
    """

    _axes = 1


class Conv2d(_Conv):
    """A convolution over images: every kernel looks at a window of all channels, everywhere.

    Args: in_channels and out_channels; kernel_size, stride, dilation, numbers, or one for each
        axis; padding, too, or 'same' or 'valid'; groups, of channels, in_channels for a kernel of
        its own for each; bias, False for none; padding_mode, what is around x: 'zeros', 'reflect',
        'replicate' or 'circular'; dtype; rng, where the first values come from: even within
        ±1/sqrt(in_channels/groups · h · w).
    Shapes: weight (out_channels, in_channels/groups, h, w), bias (out_channels,). Those of x and
    the result, errors and source as of `nn.functional.conv2d`.

    >>> layer = Conv2d(3, 8, 5, stride=2, padding=2)
    >>> layer(np.zeros((32, 3, 28, 28))).shape
    (32, 8, 14, 14)
    """

    _axes = 2


class Conv3d(_Conv):
    """A convolution over the last three axes of x (N, C, D, H, W); otherwise as `Conv2d`.

    >>> Conv3d(1, 2, 3, padding="same")(np.zeros((4, 1, 5, 6, 7))).shape
    (4, 2, 5, 6, 7)
    """

    _axes = 3


class _ConvTranspose(_Convolution):
    _transposed = True

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1,
        padding: Any = 0, output_padding: Any = 0, groups: int = 1, bias: bool = True,
        dilation: Any = 1, padding_mode: str = "zeros", *, dtype: Any = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:  # fmt: skip
        name = type(self).__name__
        padding = per_axis(f"{name}: padding", padding, self._axes, 0)  # no word
        self.output_padding = per_axis(f"{name}: output_padding", output_padding, self._axes, 0)
        self._begin(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias,
            padding_mode, dtype, rng,
        )  # fmt: skip

    def forward(self, x: Any, output_size: Any = None) -> Tensor:
        """output_size: of the result along the axes of space, instead of output_padding."""
        x = self._given(x)
        if np.ndim(output_size) and len(output_size) == x.ndim:
            output_size = output_size[-self._axes :]  # the shape of the whole result
        return _convolve_transposed(
            self, self._axes, x, self.weight, self.bias, self.stride, self.padding,
            self.output_padding, self.groups, self.dilation, output_size,
        )  # fmt: skip


class ConvTranspose1d(_ConvTranspose):
    """A transposed convolution over the last axis of x (N, C, L); otherwise as `ConvTranspose2d`.

    >>> ConvTranspose1d(4, 2, 2, stride=2)(np.zeros((8, 4, 50))).shape
    (8, 2, 100)
    """

    _axes = 1


class ConvTranspose2d(_ConvTranspose):
    """A transposed convolution over images, which makes them larger: the way back of `Conv2d`.

    Args: in_channels and out_channels; kernel_size, stride, dilation, numbers, or one for each
        axis; padding, what is cut off; output_padding, how much longer the result is behind;
        groups, bias, dtype and rng as of `Conv2d`. `layer(x, output_size)` says the size of the
        result, or its shape, instead of output_padding.
    Shapes: weight (in_channels, out_channels/groups, h, w), bias (out_channels,). Those of x and
    the result, errors and source as of `nn.functional.conv_transpose2d`.

    >>> layer = ConvTranspose2d(8, 3, 3, stride=2, padding=1)
    >>> x = np.zeros((32, 8, 14, 14))
    >>> layer(x).shape, layer(x, output_size=(28, 28)).shape
    ((32, 3, 27, 27), (32, 3, 28, 28))
    """

    _axes = 2


class ConvTranspose3d(_ConvTranspose):
    """A transposed convolution over the last three axes of x; otherwise as `ConvTranspose2d`.

    >>> ConvTranspose3d(2, 1, 2, stride=2)(np.zeros((4, 2, 3, 3, 3))).shape
    (4, 1, 6, 6, 6)
    """

    _axes = 3
