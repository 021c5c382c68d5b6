"""Activations that fewer models use, each as operation, function and Module.

Those of small devices, of piecewise polynomials; smooth ones; those that let a share of x through,
which is learned, or the other half of x. This file is loaded when one of them is first asked for.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd import Tensor, primitive, relu, sigmoid, softmax, softplus
from nn.arguments import as_floats, as_input, as_tensor, at_least_single
from nn.checks import number, whole
from nn.habits import told
from nn.layers.activations import activation, at_most, hardtanh, kept_off
from nn.module import Module

__all__ = [
    "CELU",
    "GLU",
    "Hardsigmoid",
    "Hardswish",
    "Mish",
    "PReLU",
    "ReLU6",
    "Softmin",
    "Softsign",
    "celu",
    "glu",
    "hardsigmoid",
    "hardswish",
    "mish",
    "prelu",
    "relu6",
    "softmin",
    "softsign",
]


# ---- piecewise polynomials --------------------------------------------------------------------


@told
def relu6(x: Any) -> Any:
    """x between 0 and 6, and the bound beyond; the slope at both bounds is 0.

    Source: Krizhevsky, "Convolutional deep belief networks on CIFAR-10", 2010; PyTorch's relu6.

    >>> relu6(Tensor([-3.0, 0.5, 8.0]))
    Tensor([0. , 0.5, 6. ])
    """
    return hardtanh(x, 0.0, 6.0)


ReLU6 = activation("ReLU6", relu6, __name__)


def _hardsigmoid(x: Any) -> Any:
    return (np.clip(at_least_single(x) + 3, 0, 6) / 6).astype(x.dtype, copy=False)


_fused_hardsigmoid = primitive(
    _hardsigmoid,
    lambda g, y, x: kept_off(~((x > -3) & (x < 3)), g) / 6,
    formula="g/6 where -3 < x < 3",
    elementwise=True,
    plainly=(lambda x: np.clip(x + 3, 0, 6) / 6, lambda g, y, x: g * ((x > -3) & (x < 3)) / 6),
)


@told
def hardsigmoid(x: Any) -> Any:
    """(x + 3) / 6 between 0 and 1, and the bound beyond: a sigmoid of three straight lines.

    Its slope is 1/6, and 0 at x = -3 and 3. Source: PyTorch's hardsigmoid, which rounds the slope
    to single precision.

    >>> hardsigmoid(Tensor([-4.0, 0.0, 1.5]))
    Tensor([0.  , 0.5 , 0.75])
    """
    return _fused_hardsigmoid(as_floats(x))


Hardsigmoid = activation("Hardsigmoid", hardsigmoid, __name__)


def _hardswish(x: Any) -> Any:
    wide = at_least_single(x)  # from -3 on downwards it is 0, also at -inf
    return (np.maximum(wide, -3) * (np.clip(wide + 3, 0, 6) / 6)).astype(x.dtype, copy=False)


def _hardswish_rule(g: Any, y: Any, x: Any) -> Any:
    slope = (2 * np.clip(x, -3, 3) + 3) / 6 * (x < 3) + (x >= 3)
    return kept_off(x <= -3, g) * slope


_fused_hardswish = primitive(
    _hardswish,
    _hardswish_rule,
    formula="g (x/3 + 1/2) where -3 < x < 3, g above",
    elementwise=True,
    plainly=(
        lambda x: x * np.clip(x + 3, 0, 6) / 6,
        lambda g, y, x: g * (x > -3) * np.where(x < 3, x / 3 + 0.5, 1),
    ),
)


@told
def hardswish(x: Any) -> Any:
    """x hardsigmoid(x): 0 up to -3, x from 3 on, and a parabola between.

    The slope at -3 is 0, at 3 it is 1. Source: Howard et al., "Searching for MobileNetV3", 2019;
    PyTorch's hardswish.

    >>> hardswish(Tensor([-4.0, 1.0, 4.0]))
    Tensor([-0.        ,  0.66666667,  4.        ])
    """
    return _fused_hardswish(as_floats(x))


Hardswish = activation("Hardswish", hardswish, __name__)


# ---- smooth -----------------------------------------------------------------------------------


def _celu(x: Any, alpha: float) -> Any:
    wide = at_least_single(x)
    t = np.tanh(at_most(wide, 0) / (2 * alpha))  # exp(z) - 1 = 2t / (1 - t), t = tanh(z/2): see elu
    return (relu(wide) + t * (2 * alpha) / (1 - t)).astype(x.dtype, copy=False)


def _celu_slope(x: Any, alpha: float) -> Any:
    wide = at_least_single(x)
    return np.exp(at_most(wide, 0) / alpha).astype(x.dtype, copy=False)


_fused_celu_slope = primitive(
    _celu_slope,
    lambda g, y, x, alpha: g * (y * (x < 0)) / alpha,
    formula="g y/alpha where x < 0",
    elementwise=True,
)


_fused_celu = primitive(
    _celu,
    lambda g, y, x, alpha: g * _fused_celu_slope(x, alpha),
    formula="g where x > 0, g exp(x/alpha) elsewhere",
    elementwise=True,
    plainly=(
        lambda x, alpha: np.where(x > 0, x, alpha * (np.exp(x / alpha) - 1)),
        lambda g, y, x, alpha: g * np.where(x > 0, 1, np.exp(x / alpha)),
    ),
)


@told
def celu(x: Any, alpha: float = 1.0) -> Any:
    """x where x > 0, alpha (exp(x/alpha) - 1) elsewhere: an elu whose slope is 1 at 0.

    Raises ValueError unless alpha > 0. Source: Barron, "Continuously differentiable exponential
    linear units", 2017; PyTorch's celu, which takes a negative alpha too.

    >>> celu(Tensor([-1000.0, 2.0]), alpha=0.5)
    Tensor([-0.5,  2. ])
    """
    return _fused_celu(as_floats(x), number("celu: alpha", alpha, above=0))


CELU = activation("CELU", celu, __name__)


# With e = exp(x) is tanh(log(1 + e)) = n/d, n = e (e + 2) and d = n + 2; its derivative is
# 4 e (e + 1) / d². Beyond 22 they are 1 and 0 in every precision. By s = sigmoid(x) and r = 1 - s
# they are s (1 + r)/(1 + r²) and 4 s r²/(1 + r²)².


def _mish_share(x: Any) -> Any:
    r = sigmoid(-x)
    return sigmoid(x) * (1 + r) / (1 + r * r)


def _bend(x: Any) -> Any:
    r = sigmoid(-x)
    return sigmoid(x) * r * r * 4 / (1 + r * r) ** 2


_mish_share = primitive(
    _mish_share, lambda g, y, x: g * _bend(x), formula="g (1-y²) sigmoid(x)", elementwise=True
)


def _far_below(x: Any, y: Any, factor: Any) -> Any:
    """y, but `factor` exp(x) where exp(x) alone may leave the range of normal numbers."""
    low = x < -64
    if not np.logical_or.reduce(low, axis=None):
        return y
    half = np.exp(np.clip(x, -2000, 0) * 0.5)
    return np.where(low, factor * half * half, y)


def _mish(x: Any) -> Any:
    wide = at_least_single(x)
    e = np.exp(np.minimum(wide, 22))
    share = e * (e + 2)
    share /= share + 2
    bounded = np.maximum(wide, -2000)  # at -inf it is 0
    y = _far_below(wide, bounded * share, bounded)
    return y.astype(x.dtype, copy=False), (e, share)


def _mish_rule(g: Any, y: Any, x: Any, saved: Any) -> Any:
    x = at_least_single(x)
    if saved is None:  # far out 0 times an infinite x would be nan
        near = np.clip(x, -800, 800)
        return g * (_mish_share(near) + near * _bend(near))
    e, share = saved
    near = np.clip(x, -2000, 22)
    d = e * (e + 2) + 2
    slope = share + near * (4 * (e / d) * ((e + 1) / d))
    return g * _far_below(x, slope, near + 1)


def _plain_mish(x: Any) -> Any:
    t = np.tanh(softplus(x))
    return x * t, t


def _plain_mish_rule(g: Any, y: Any, x: Any, saved: Any) -> Any:
    """g (t + x (1-t²) sigmoid(x)), t = tanh(softplus(x))"""
    return g * (saved + x * (1 - saved**2) / (1 + np.exp(-x)))


_fused_mish = primitive(
    _mish, _mish_rule, formula="g (t + x (1-t²) sigmoid(x)), t = tanh(softplus(x))",
    elementwise=True, saves=True, plainly=(_plain_mish, _plain_mish_rule),
)  # fmt: skip


@told
def mish(x: Any) -> Any:
    """x tanh(softplus(x)) of each element: close to silu, with a slightly deeper dip below 0.

    Source: Misra, "Mish: a self regularized non-monotonic activation function", 2019; PyTorch's
    mish, which is nan at -inf, where the limit is 0.

    >>> mish(Tensor([0.0, 1.0, 1000.0]))
    Tensor([0.00000000e+00, 8.65098388e-01, 1.00000000e+03])
    """
    return _fused_mish(as_floats(x))


Mish = activation("Mish", mish, __name__)


def _softsign(x: Any) -> Any:
    most = np.finfo(x.dtype).max  # for infinity over infinity is nan
    near = np.clip(x, -most, most)
    return near / (1 + np.absolute(near))


def _softsign_rule(g: Any, y: Any, x: Any) -> Any:
    size = 1 + np.absolute(x)
    return g / size / size  # the square of the size leaves the range before its share does


_fused_softsign = primitive(
    _softsign, _softsign_rule, formula="g/(1+|x|)²", elementwise=True,
    plainly=(
        lambda x: x / (1 + np.absolute(x)), lambda g, y, x: g / (1 + np.absolute(x)) ** 2
    ),
)  # fmt: skip


@told
def softsign(x: Any) -> Any:
    """x / (1 + |x|) of each element: between -1 and 1, as tanh, which it nears more slowly.

    Source: PyTorch's softsign, which is nan at infinity, where this is 1.

    >>> softsign(Tensor([-1.0, 0.0, 3.0]))
    Tensor([-0.5 ,  0.  ,  0.75])
    """
    return _fused_softsign(as_floats(x))


Softsign = activation("Softsign", softsign, __name__)


@told
def softmin(x: Any, axis: int = -1, *, dtype: Any = None) -> Any:
    """softmax(-x): shares of 1 along an axis, the largest where x is the least.

    Source: PyTorch's softmin.

    >>> softmin(Tensor([0.0, np.log(3)]))
    Tensor([0.75, 0.25])
    """
    return softmax(-as_floats(x), axis, dtype=dtype)


Softmin = activation("Softmin", softmin, __name__)


# ---- shares of x ------------------------------------------------------------------------------


def _halves(x: Any, axis: int) -> tuple[Any, Any]:
    """The first and the second half of x along an axis."""
    first: list[slice] = [slice(None)] * x.ndim
    second = first.copy()
    middle = x.shape[axis] // 2
    first[axis], second[axis] = slice(None, middle), slice(middle, None)
    return x[tuple(first)], x[tuple(second)]


def _glu(x: Any, axis: int) -> Any:
    a, b = _halves(at_least_single(x), axis)
    z = np.exp(-np.absolute(b))  # sigmoid(b) is max(z, b >= 0) / (1 + z), and this lets it not lose
    share = np.maximum(z, b >= 0) / (1 + z)  # the digits of 1 - sigmoid(b)
    return (a * share).astype(x.dtype, copy=False), (z, share)


def _glu_rule(g: Any, y: Any, x: Any, axis: int, saved: Any) -> Any:
    a, b = _halves(at_least_single(x), axis)
    if saved is None:
        share = sigmoid(b)
        return np.concatenate([g * share, g * a * share * sigmoid(-b)], axis)
    z, share = saved
    rest = np.maximum(z, b < 0) / (1 + z)
    return np.concatenate([g * share, g * a * share * rest], axis)


def _plain_glu(x: Any, axis: int) -> Any:
    a, b = _halves(x, axis)
    share = sigmoid(b)
    return a * share, share


def _plain_glu_rule(g: Any, y: Any, x: Any, axis: int, saved: Any) -> Any:
    return np.concatenate([g * saved, g * y * (1 - saved)], axis)


_fused_glu = primitive(
    _glu, _glu_rule, formula=("g s and g a s (1-s), s = sigmoid(b)",), elementwise=False,
    saves=True, plainly=(_plain_glu, _plain_glu_rule),
)  # fmt: skip


@told
def glu(x: Any, axis: int = -1) -> Any:
    """a sigmoid(b), of the halves a and b of x along an axis: b says how much of a goes through.

    Shapes: x (..., 2n, ...), the result (..., n, ...). Raises ValueError for an axis that is not
    there or of an odd length. Source: Dauphin et al., "Language modeling with gated convolutional
    networks", 2017; PyTorch's glu.

    >>> glu(Tensor([4.0, 6.0, 0.0, 1000.0]))
    Tensor([2., 6.])
    """
    x = as_floats(x)
    place = whole("glu: axis", axis)
    if not -x.ndim <= place < x.ndim:
        raise ValueError(f"glu: axis {place} does not fit an array of shape {x.shape}")
    if x.shape[place] % 2:
        raise ValueError(
            f"glu: axis {place} of an array of shape {x.shape} has the odd length "
            f"{x.shape[place]}; it is cut into two halves: let the layer before have twice as many "
            "outputs"
        )
    return _fused_glu(x, place % x.ndim)


class GLU(Module):
    """Half of x, each element times the sigmoid of its partner in the other half.

    Args: axis, the one that is halved. Shapes and errors as of `nn.functional.glu`; no parameters.

    >>> GLU()(np.ones((3, 8))).shape
    (3, 4)
    """

    def __init__(self, axis: int = -1) -> None:
        self.axis = whole("GLU: axis", axis)

    def forward(self, x: Any) -> Tensor:
        return glu(as_tensor("GLU", "input", x), self.axis)

    def extra_repr(self) -> str:
        return f"axis={self.axis}"


def _prelu(x: Any, weight: Any) -> Any:
    return np.where(x > 0, x, x * weight)


_fused_prelu = primitive(
    _prelu,
    lambda g, y, x, weight: np.where(x > 0, g, g * weight),
    lambda g, y, x, weight: kept_off(x > 0, g) * at_most(x, 0),
    formula=("g where x > 0, g weight elsewhere", "g x where x <= 0"),
    pattern="prelu({}, {})",
    elementwise=True,
    plainly=(
        _prelu,
        lambda g, y, x, weight: np.where(x > 0, g, g * weight),
        lambda g, y, x, weight: g * np.minimum(x, 0),
    ),
)


@told
def prelu(x: Any, weight: Any) -> Any:
    """x where x > 0, weight x elsewhere, with a weight that is learned: of all, or of each channel.

    Shapes: x any, weight (1,) or (), or (C,) for an x of shape (n, C, ...); the slope at 0 is the
    weight. Raises ValueError for a weight that does not fit. Source: He et al., "Delving deep into
    rectifiers", 2015; PyTorch's prelu.

    >>> prelu(Tensor([[-2.0, -2.0, 3.0]]), Tensor([0.5, 0.25, 0.25]))
    Tensor([[-1. , -0.5,  3. ]])
    """
    x, weight = as_floats(x), as_floats(weight)
    if weight.ndim > 1 or weight.size != 1 and (x.ndim < 2 or x.shape[1] != weight.size):
        raise ValueError(
            f"prelu: a weight of shape {weight.shape} does not fit an x of shape {x.shape}: give "
            "one number, or one for each channel, which stand along axis 1"
        )
    shape = (-1,) + (1,) * (x.ndim - 2) if weight.size != 1 else ()
    return _fused_prelu(x, weight.reshape(shape))


class PReLU(Module):
    """A leaky relu whose slope below 0 is learned: `weight`, one number, or one for each channel.

    Args: num_parameters, 1, or the number of channels, which are axis 1 of the input; init, the
        first slope; dtype of the slopes.
    Shapes: x any, the result the same. Raises ValueError for an input with another number of
    channels. Weight decay pulls the slopes to 0: leave them out of it. Source: PyTorch's PReLU.

    >>> PReLU(3)(-np.ones((2, 3))).tolist()
    [[-0.25, -0.25, -0.25], [-0.25, -0.25, -0.25]]
    """

    _function = staticmethod(prelu)

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, *, dtype: Any = np.float32
    ) -> None:
        self.num_parameters = whole("PReLU: num_parameters", num_parameters, least=1)
        self.init = number("PReLU: init", init)
        start = np.full(self.num_parameters, self.init, dtype)
        self.weight = Tensor(start, requires_grad=True, name="weight")

    def forward(self, x: Any) -> Tensor:
        return prelu(as_input(x, self.weight.dtype), self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}, init={self.init}"
