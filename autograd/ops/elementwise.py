"""Operations that treat every element alone, and their derivatives: one line for each.

In a rule g is the incoming gradient and y the result. Where calculus has no answer (a kink, a
bound) the comment says which subgradient is taken; they are PyTorch's. A rule may return a
gradient of the broadcast shape: the sweep sums it back.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from autograd.ops.slopes import (
    LN2,
    LN10,
    one_minus_square,
    over_radius,
    over_squared_distance,
    over_squared_radius,
    power_by_base,
    power_by_exponent,
    root_beyond_one,
    sigmoid_slope,
    tanh_slope,
    times,
)
from autograd.primitives import primitive
from autograd.rules import defvjp, methods, operations
from autograd.tensor import Array, Tensor
from autograd.values import are_finite, as_array

__all__ = ["log_sigmoid", "relu", "sigmoid", "softplus"]


function: Any  # in the loops below


def zeros(g: Array, y: Array, *args: Any) -> Array:
    """The rule of a staircase: its slope is 0 wherever it has one, and at the steps too."""
    return np.zeros_like(g)


# ---- arithmetic -------------------------------------------------------------------------------

defvjp(
    np.add, lambda g, y, x1, x2: g, lambda g, y, x1, x2: g,
    formula="g, g", sign="+", pattern="{} + {}", symmetric=True,
)  # fmt: skip
defvjp(
    np.subtract, lambda g, y, x1, x2: g, lambda g, y, x1, x2: -g,
    formula="g, -g", sign="−", pattern="{} - {}",
)  # fmt: skip
defvjp(
    np.multiply, lambda g, y, x1, x2: g * x2, lambda g, y, x1, x2: g * x1,
    formula="g x2, g x1", sign="×", pattern="{}·{}", symmetric=True,
)  # fmt: skip
defvjp(
    np.divide, lambda g, y, x1, x2: g / x2, lambda g, y, x1, x2: -g * y / x2,
    formula="g/x2, -g x1/x2²", sign="÷", pattern="{}/{}",
)  # fmt: skip
defvjp(np.negative, lambda g, y, x: -g, formula="-g", sign="−", pattern="-{}")
defvjp(np.positive, lambda g, y, x: g, formula="g", sign="+", pattern="+{}")
defvjp(  # x² may leave the range
    np.reciprocal, lambda g, y, x: -g / x / x, formula="-g/x²", sign="1/x", pattern="1/{}"
)
defvjp(np.square, lambda g, y, x: g * (2 * x), formula="2 g x", sign="x²", pattern="{}²")
defvjp(np.sqrt, lambda g, y, x: g * 0.5 / y, formula="g/(2 √x)", sign="√", pattern="√{}")
defvjp(np.cbrt, lambda g, y, x: g / 3 / y / y, formula="g/(3 ∛x²)", sign="∛", pattern="∛{}")

defvjp(
    np.power, power_by_base, power_by_exponent,
    formula="g x2 x1^(x2-1), g y log(x1)", sign="^", pattern="{}^{}",
)  # fmt: skip

# ---- exponentials and logarithms --------------------------------------------------------------

defvjp(np.exp, lambda g, y, x: g * y, formula="g y")
defvjp(np.exp2, lambda g, y, x: g * (y * LN2), formula="g y log 2")
defvjp(np.expm1, lambda g, y, x: g * np.exp(x), formula="g exp(x)")  # y + 1 would cancel
defvjp(np.log, lambda g, y, x: g / x, formula="g/x")
defvjp(np.log2, lambda g, y, x: g * (1 / LN2 / x), formula="g/(x log 2)")
defvjp(np.log10, lambda g, y, x: g * (1 / LN10 / x), formula="g/(x log 10)")
defvjp(np.log1p, lambda g, y, x: g / (x + 1), formula="g/(1+x)")

# ---- trigonometric and hyperbolic -------------------------------------------------------------
# Where a slope such as 1 - y² would lose its digits, or leave the range before x does, its factors
# are operations of their own: slopes.py.

defvjp(np.sin, lambda g, y, x: g * np.cos(x), formula="g cos x")
defvjp(np.cos, lambda g, y, x: -g * np.sin(x), formula="-g sin x")
defvjp(np.tan, lambda g, y, x: g + g * y * y, formula="g (1+y²)")

defvjp(np.arcsin, lambda g, y, x: g / np.sqrt(one_minus_square(x)), formula="g/√(1-x²)")
defvjp(np.arccos, lambda g, y, x: -g / np.sqrt(one_minus_square(x)), formula="-g/√(1-x²)")
defvjp(np.arctan, lambda g, y, x: g * over_squared_radius(1, x), formula="g/(1+x²)")
defvjp(np.sinh, lambda g, y, x: g * np.cosh(x), formula="g cosh x")
defvjp(np.cosh, lambda g, y, x: g * np.sinh(x), formula="g sinh x")
defvjp(np.arcsinh, lambda g, y, x: g / np.hypot(x, 1), formula="g/√(x²+1)")
defvjp(np.arccosh, lambda g, y, x: g / root_beyond_one(x), formula="g/√(x²-1)")
defvjp(np.arctanh, lambda g, y, x: g / one_minus_square(x), formula="g/(1-x²)")
for function in (np.deg2rad, np.radians):
    defvjp(function, lambda g, y, x: g * float(np.pi / 180), formula="g π/180", sign="radians")
for function in (np.rad2deg, np.degrees):
    defvjp(function, lambda g, y, x: g * float(180 / np.pi), formula="g 180/π", sign="degrees")

defvjp(
    np.arctan2,  # NumPy names its arguments x1 (the height) and x2 (the width)
    lambda g, y, x1, x2: g * over_squared_distance(x2, x1, x2),
    lambda g, y, x1, x2: -g * over_squared_distance(x1, x1, x2),
    formula="g x2/(x1²+x2²), -g x1/(x1²+x2²)",
)
defvjp(  # nan at the origin, where the cone has its tip
    np.hypot,
    lambda g, y, x1, x2: g * over_radius(x1, x2),
    lambda g, y, x1, x2: g * over_radius(x2, x1),
    formula="g x1/y, g x2/y",
    symmetric=True,
)

defvjp(np.tanh, times(tanh_slope), formula="g/cosh(x)²")

# ---- kinks ------------------------------------------------------------------------------------

for function in (np.absolute, np.fabs):
    defvjp(  # 0 at 0
        function, lambda g, y, x: g * np.sign(x), formula="g sign(x)", sign="|x|", pattern="|{}|"
    )


def _gate(x: Array, mask: Array) -> Array:
    """x where the mask holds, 0 elsewhere, in a tenth of the time that np.where takes."""
    if isinstance(x, np.floating):
        return x if mask else type(x)(0)
    if mask.shape == x.shape:  # in the mask's own floats, which is quicker than x * mask
        product = mask.astype(x.dtype)
        product *= x
    else:
        product = x * mask
    # A product with 0 is 0 but for inf and nan. The sum of squares, one fast call, tells of them;
    # where it only overflows, np.where gives the same answer later.
    flat = product.ravel("K")
    return product if are_finite(flat) else np.where(mask, x, 0)


gate: Any = primitive(
    _gate, lambda g, y, x, mask: gate(g, mask), formula="g where the mask holds", elementwise=True,
    plainly=(lambda x, mask: x * mask, lambda g, y, x, mask: g * mask),
)  # fmt: skip


def winner(g: Any, won: Any, tied: Any) -> Array:
    """All of g to the winner, half of it at a tie, and 0 (not 0·g: g may be inf) to the loser."""
    share = gate(g, won)
    return share + gate(g * 0.5, tied) if tied.any() else share


defvjp(  # a nan wins, as in the forward
    np.maximum,
    lambda g, y, x1, x2: winner(g, (x1 > x2) | (x1 != x1), x1 == x2),
    lambda g, y, x1, x2: winner(g, (x2 > x1) | (x2 != x2), x1 == x2),
    formula="g where x1 > x2, g where x2 > x1, half each where equal",
    sign="max",
    symmetric=True,
)
defvjp(
    np.minimum,
    lambda g, y, x1, x2: winner(g, (x1 < x2) | (x1 != x1), x1 == x2),
    lambda g, y, x1, x2: winner(g, (x2 < x1) | (x2 != x2), x1 == x2),
    formula="g where x1 < x2, g where x2 < x1, half each where equal",
    sign="min",
    symmetric=True,
)
defvjp(  # a nan loses; the first argument wins a tie
    np.fmax,
    lambda g, y, x1, x2: gate(g, (x1 >= x2) | (x2 != x2)),
    lambda g, y, x1, x2: gate(g, ~((x1 >= x2) | (x2 != x2))),
    formula="g where x1 >= x2, g where x1 < x2",
    symmetric=True,
)
defvjp(
    np.fmin,
    lambda g, y, x1, x2: gate(g, (x1 <= x2) | (x2 != x2)),
    lambda g, y, x1, x2: gate(g, ~((x1 <= x2) | (x2 != x2))),
    formula="g where x1 <= x2, g where x1 > x2",
    symmetric=True,
)


# ---- steps ------------------------------------------------------------------------------------

defvjp(np.floor, zeros, formula="0", sign="⌊x⌋", pattern="⌊{}⌋")
defvjp(np.ceil, zeros, formula="0", sign="⌈x⌉", pattern="⌈{}⌉")
for function in (np.trunc, np.rint, np.sign):
    defvjp(function, zeros, formula="0")
defvjp(np.floor_divide, zeros, zeros, formula="0, 0", sign="//", pattern="{} // {}")
defvjp(np.heaviside, zeros, lambda g, y, x1, x2: gate(g, np.equal(x1, 0)), formula="0, g at 0")
defvjp(
    np.remainder,
    lambda g, y, x1, x2: g,
    lambda g, y, x1, x2: -g * np.floor_divide(x1, x2),
    formula="g, -g floor(x1/x2)",
    sign="%",
    pattern="{} % {}",
)
defvjp(  # x1/x2 may be rounded up to a whole number that the forward did not take away
    np.fmod,
    lambda g, y, x1, x2: g,
    lambda g, y, x1, x2: (
        -g * np.copysign(np.floor_divide(abs(x1), abs(x2)), x1) * np.copysign(1, x2)
    ),
    formula="g, -g trunc(x1/x2)",
)

# ---- copies and cures -------------------------------------------------------------------------

defvjp(np.copy, lambda g, y, a: g, formula="g", elementwise=True)


def where_by_x(g: Array, y: Array, condition: Any, x: Array, y_: Array) -> Array:
    """g where the condition holds.

    The branch that was not chosen gets 0, but if that branch is infinitely steep there, 0 times
    infinity makes nan of it further up. The cure: keep the bad values out by a second where.

    >>> x = Tensor([0.0, 4.0], requires_grad=True)
    >>> np.where(x > 0, np.sqrt(x), 0).sum().backward()
    >>> x.grad
    array([ nan, 0.25])
    >>> x.zero_grad()
    >>> safe = np.where(x > 0, x, 1)
    >>> np.where(x > 0, np.sqrt(safe), 0).sum().backward()
    >>> x.grad
    array([0.  , 0.25])
    """
    return np.where(condition, g, 0)


def where_by_y(g: Array, y: Array, condition: Any, x: Array, y_: Array) -> Array:
    return np.where(condition, 0, g)


defvjp(
    np.where, None, where_by_x, where_by_y, elementwise=True,
    formula=("g where the condition holds", "g where the condition fails"),
)  # fmt: skip


# ---- what NumPy has not -----------------------------------------------------------------------


def relu(x: Any) -> Any:
    """max(x, 0) of each element; the gradient at 0 is 0. relu(nan) is nan, with gradient 1.

    Args: x of any shape; the result has the same. Source: PyTorch's relu.

    >>> x = Tensor([-1.0, 0.0, 2.0], requires_grad=True)
    >>> relu(x).sum().backward()
    >>> x.grad
    array([0., 0., 1.])
    """
    if isinstance(x, np.floating):  # one number: the ufunc would take ten times as long
        return type(x)(0) if x <= 0 else x
    x = as_array(x)
    # An array of zeros as the other operand takes half the time that the number 0 takes.
    if x.ndim < 3:
        return np.maximum(x, np.zeros(x.shape, x.dtype))
    y = np.zeros_like(x)  # in the order of memory of images, and in the memory of the result
    return np.maximum(x, y, out=y)


def floating(x: Array) -> Array:
    """x as an array of floats: in small integers -x, x + y and exp(x) overflow or lose digits."""
    x = as_array(x)
    return x if x.dtype.kind == "f" else x.astype(np.float64)


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)) of each element, without overflow at any x.

    Args: x of any shape; the result has the same. The derivative is y sigmoid(-x), which is
    y (1 - y) without its cancelling where y is nearly 1.

    >>> sigmoid(Tensor([0.0, 1000.0, -1000.0]))
    Tensor([0.5, 1. , 0. ])
    """
    x = floating(x)
    if not x.ndim:
        z = np.exp(-np.absolute(x))  # in (0, 1]
        return np.maximum(z, x >= 0) / (1 + z)  # 1/(1+z) from 0 on, z/(1+z) below
    z = np.absolute(x)  # the same, in memory that is at hand
    np.exp(np.negative(z, z), z)
    y = np.maximum(z, x >= 0)
    z += 1
    y /= z
    return y


def softplus(x: Any) -> Any:
    """log(1 + exp(x)) of each element, a smooth relu, without overflow at any x.

    Args: x of any shape; the result has the same. The derivative is sigmoid(x).

    >>> softplus(Tensor([0.0, 1000.0, -1000.0]))
    Tensor([6.93147181e-01, 1.00000000e+03, 0.00000000e+00])
    """
    x = floating(x)
    # log(1 + z) is log(u) + (z - (u - 1))/u with u = 1 + z rounded, to 2 units in the last place;
    # np.log1p takes three times as long in single precision.
    if not x.ndim:
        z = np.exp(-np.absolute(x))
        u = z + 1
        return (z - (u - 1)) / u + np.log(u) + np.maximum(x, x.dtype.type(0))
    z = np.absolute(x)  # the same, in memory that is at hand
    np.exp(np.negative(z, z), z)
    u = z + 1
    v = u - 1
    z -= v
    z /= u
    z += np.log(u, u)
    v.fill(0)
    z += np.maximum(x, v, out=v)
    return z


def log_sigmoid(x: Any) -> Any:
    """log(sigmoid(x)) of each element, finite at every finite x.

    Args: x of any shape; the result has the same. The derivative is sigmoid(-x).

    >>> log_sigmoid(Tensor([0.0, -1000.0]))
    Tensor([-6.93147181e-01, -1.00000000e+03])
    """
    return -softplus(-floating(x))


def _relu_rule(g: Any, y: Any, x: Array) -> Array:
    if g.__class__ is y.__class__ is np.ndarray:  # as in _gate, without all its questions
        product = y.astype(bool).astype(y.dtype)  # y != 0, in half the time where y is small
        product *= g
        flat = product.ravel("K")
        return product if are_finite(flat) else np.where(y != 0, g, 0)
    return gate(g, y != 0) if isinstance(g, Tensor) or isinstance(y, Tensor) else _gate(g, y != 0)


# As one would write them by hand, where no digit and no microsecond counts.


def _plain_relu_rule(g: Array, y: Array, x: Array) -> Any:
    """g where x > 0"""
    return (x > 0) * g


def _plain_tanh_rule(g: Array, y: Array, x: Array) -> Any:
    """g (1 - y²)"""
    return g * (1 - y**2)


def _plain_sigmoid_rule(g: Array, y: Array, x: Array) -> Any:
    """g y (1 - y)"""
    return g * y * (1 - y)


def _plain_softplus_rule(g: Array, y: Array, x: Array) -> Any:
    """g sigmoid(x)"""
    return g / (1 + np.exp(-x))


def _plain_power_by_base(g: Any, y: Any, x1: Any, x2: Any) -> Any:
    if isinstance(x2, (float, int)):
        if x2 == 2:
            return g * 2 * x1
        if x2 == 0.5:
            return g * 0.5 / y
    return g * x2 * x1 ** (x2 - 1)


def _plain_power_by_exponent(g: Any, y: Any, x1: Any, x2: Any) -> Any:
    return g * y * np.log(x1)


for function in (np.power, operator.pow):
    operations[function].plainly = (
        operations[function].forward, _plain_power_by_base, _plain_power_by_exponent,
    )  # fmt: skip
operations[np.reciprocal].plainly = np.reciprocal, lambda g, y, x: -g / x**2
operations[np.cbrt].plainly = np.cbrt, lambda g, y, x: g / (3 * y**2)
operations[np.exp2].plainly = np.exp2, lambda g, y, x: g * y * float(np.log(2))
operations[np.log2].plainly = np.log2, lambda g, y, x: g / (x * float(np.log(2)))
operations[np.log10].plainly = np.log10, lambda g, y, x: g / (x * float(np.log(10)))
operations[np.log1p].plainly = np.log1p, lambda g, y, x: g / (1 + x)
operations[np.tan].plainly = np.tan, lambda g, y, x: g * (1 + y**2)
operations[np.arcsinh].plainly = np.arcsinh, lambda g, y, x: g / np.sqrt(x**2 + 1)
for function in (np.deg2rad, np.radians):
    operations[function].plainly = function, lambda g, y, x: g * float(np.pi) / 180
for function in (np.rad2deg, np.degrees):
    operations[function].plainly = function, lambda g, y, x: g * 180 / float(np.pi)


def _plain_winner(g: Array, won: Any, tied: Any) -> Any:
    return g * won + 0.5 * g * tied if tied.any() else g * won


operations[np.maximum].plainly = (
    np.maximum,
    lambda g, y, x1, x2: _plain_winner(g, x1 > x2, x1 == x2),
    lambda g, y, x1, x2: _plain_winner(g, x2 > x1, x1 == x2),
)
operations[np.minimum].plainly = (
    np.minimum,
    lambda g, y, x1, x2: _plain_winner(g, x1 < x2, x1 == x2),
    lambda g, y, x1, x2: _plain_winner(g, x2 < x1, x1 == x2),
)
operations[np.fmax].plainly = (
    np.fmax, lambda g, y, x1, x2: g * (x1 >= x2), lambda g, y, x1, x2: g * (x1 < x2)
)  # fmt: skip
operations[np.fmin].plainly = (
    np.fmin, lambda g, y, x1, x2: g * (x1 <= x2), lambda g, y, x1, x2: g * (x1 > x2)
)  # fmt: skip
operations[np.fmod].plainly = (
    np.fmod, lambda g, y, x1, x2: g, lambda g, y, x1, x2: -g * np.trunc(x1 / x2)
)  # fmt: skip


def _plain_log_sigmoid_rule(g: Array, y: Array, x: Array) -> Any:
    """g sigmoid(-x)"""
    return g / (1 + np.exp(x))


relu = primitive(
    relu, _relu_rule, formula="g where x > 0", elementwise=True,
    plainly=(lambda x: np.maximum(x, 0), _plain_relu_rule),
)  # fmt: skip
operations[relu].traits.rectifies = True
sigmoid = primitive(
    sigmoid, times(sigmoid_slope), formula="g y sigmoid(-x)", elementwise=True,
    plainly=(lambda x: 1 / (1 + np.exp(-x)), _plain_sigmoid_rule),
)  # fmt: skip
operations[np.tanh].plainly = np.tanh, _plain_tanh_rule
softplus = primitive(
    softplus, lambda g, y, x: g * sigmoid(x), formula="g sigmoid(x)", elementwise=True,
    plainly=(lambda x: np.logaddexp(0, x), _plain_softplus_rule),
)  # fmt: skip
log_sigmoid = primitive(
    log_sigmoid, lambda g, y, x: g * sigmoid(-x), formula="g sigmoid(-x)", elementwise=True,
    plainly=(lambda x: -np.logaddexp(0, -x), _plain_log_sigmoid_rule),
)  # fmt: skip
methods.update(relu=relu, sigmoid=sigmoid)
