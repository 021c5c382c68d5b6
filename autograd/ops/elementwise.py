"""Operations that treat every element alone, and their derivatives: one line for each.

In a rule g is the incoming gradient and y the result. Where calculus has no answer (a kink, a
bound) the comment says which subgradient is taken; they are PyTorch's. A rule may return a
gradient of the broadcast shape: the sweep sums it back.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib import introspect

from autograd.primitives import primitive
from autograd.rules import composes, defvjp, methods, operations
from autograd.tensor import Tensor, power

__all__ = ["log_sigmoid", "relu", "sigmoid", "softplus"]


function: Any  # in the loops below


def zeros(g: Any, y: Any, *args: Any) -> Any:
    """The rule of a staircase: its slope is 0 wherever it has one, and at the steps too."""
    return np.zeros_like(g)


_half = np.float16

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


def _falling(x1: Any, x2: Any, n: Any, polynomial: Any) -> Any:
    """polynomial(x2) x1^(x2-n), also 0 where the first is 0 and the second infinite."""
    x2 = x2.astype(np.result_type(x1, x2))
    factor, y = polynomial[0], power(x1, x2 - n)
    for coefficient in polynomial[1:]:
        factor = factor * x2 + coefficient
    return np.where((factor == 0) | ((y == 0) & np.isinf(x2)), 0, factor * y)


# What x2 x1^(x2-1) becomes at every order. As a product, its derivatives at x2 = 0 would be 0 times
# what may be infinite, though d/dx2 of it is not 0.
falling: Any = primitive(
    _falling,
    lambda g, y, x1, x2, n, polynomial: (
        g * falling(x1, x2, n + 1, tuple(np.polymul(polynomial, (1, -n)).tolist()))
    ),
    lambda g, y, x1, x2, n, polynomial: (
        g * falling(x1, x2, n, tuple(np.asarray(np.polyder(polynomial)).tolist()) or (0,))
        + g * (y * np.log(np.where((x1 == 0) | np.isinf(x1), 1, x1)))
    ),
    formula="g times the slope of the power, g times its derivative by the exponent",
)


def power_by_base(g: Any, y: Any, x1: Any, x2: Any) -> Any:
    """g x2 x1^(x2-1); at x2 = 0 that is 0, also where x1^-1 is infinite; at an infinite x2 its
    limit, 0, where x1^x2 vanishes."""
    if isinstance(x2, (float, int)):
        if x2 == 2:  # products take a tenth of the time of np.power
            return g * x2 * x1
        if x2 == 3:
            return g * x2 * x1 * x1
        if x2 == 4:
            return g * x2 * x1 * x1 * x1
        if x2 == 0.5 and y.__class__ is not Tensor and y.dtype.char != "e":
            return g * (0.5 / abs(y))  # as of np.sqrt, in half the time; NumPy's root of -0 is -0
        infinite = math.isinf(x2)
    else:
        infinite = np.isinf(x2).any()
    one = y.dtype.type(1)  # of a wide y: in a narrow x2's own dtype 1 less would be rounded
    if one.__class__ is _half:  # half a precision ends before the product does
        x1, one = x1.astype(np.float32), np.float32(1)
    constant = x2 == 0
    if constant is not False and (constant is True or constant.any()):  # np.any costs more
        if isinstance(x2, Tensor):
            return g * falling(x1, x2, 1, (1, 0))
        x1 = np.where(constant, 1, x1)
    slope = power(x1, x2 - one)
    if infinite:
        x2 = np.where(np.isinf(x2) & (slope == 0), 0, x2)
    elif _overflowed(slope):
        return _in_halves(g, x1, x2, slope, one)
    return g * x2 * slope


def _overflowed(values: Any) -> Any:
    """Whether some are infinite; a sum of squares, one fast call, tells that none is."""
    values = values.data if isinstance(values, Tensor) else values
    if values.ndim == 1:  # (np.vdot would take half as long again)
        return not math.isfinite(values.dot(values)) and np.isinf(values).any()
    if not values.ndim:
        return math.isinf(values)
    return not math.isfinite(np.vdot(values, values)) and np.isinf(values).any()


def _in_halves(g: Any, x1: Any, x2: Any, slope: Any, one: Any) -> Any:
    """g x2 x1^(x2-1) where the power leaves the range, perhaps before the product does."""
    far = np.isinf(slope) & np.isfinite(x1) & (x1 != 0)
    half = power(np.absolute(np.where(far, x1, 1)), (x2 - one) / 2)
    near = power(np.where(far, 1, x1), x2 - one)  # where twice, for the orders to come
    return np.where(far, g * x2 * half * np.where(slope < 0, -half, half), g * x2 * near)


def power_by_exponent(g: Any, y: Any, x1: Any, x2: Any) -> Any:
    """g y log(x1); 0 for x1 = 0 and x2 >= 0, and for an infinite x1 and x2 < 0, where that is 0
    times infinity."""
    settled = (x1 == 0) & (x2 >= 0)
    if np.isinf(x1).any():
        settled = settled | ((x1 == np.inf) & (x2 < 0))
    if y.dtype == np.float16:
        y = y.astype(np.float32)
    if getattr(x1, "dtype", y.dtype) != y.dtype:
        x1 = x1.astype(y.dtype)
    return g * (y * np.log(np.where(settled, 1, x1) if settled.any() else x1))


defvjp(
    np.power, power_by_base, power_by_exponent,
    formula="g x2 x1^(x2-1), g y log(x1)", sign="^", pattern="{}^{}",
)  # fmt: skip

# ---- exponentials and logarithms --------------------------------------------------------------

LN2, LN10 = float(np.log(2.0)), float(np.log(10.0))

defvjp(np.exp, lambda g, y, x: g * y, formula="g y")
defvjp(np.exp2, lambda g, y, x: g * (y * LN2), formula="g y log 2")
defvjp(np.expm1, lambda g, y, x: g * np.exp(x), formula="g exp(x)")  # y + 1 would cancel
defvjp(np.log, lambda g, y, x: g / x, formula="g/x")
defvjp(np.log2, lambda g, y, x: g * (1 / LN2 / x), formula="g/(x log 2)")
defvjp(np.log10, lambda g, y, x: g * (1 / LN10 / x), formula="g/(x log 10)")
defvjp(np.log1p, lambda g, y, x: g / (x + 1), formula="g/(1+x)")

# ---- trigonometric and hyperbolic -------------------------------------------------------------
# A slope such as 1 - y² has no digits left where y is nearly 1, and in 1 + x² the square leaves the
# range before x does. The factors of such slopes are operations of their own, in a form that does
# neither; their rules are products again, so that every order keeps its digits.

defvjp(np.sin, lambda g, y, x: g * np.cos(x), formula="g cos x")
defvjp(np.cos, lambda g, y, x: -g * np.sin(x), formula="-g sin x")
defvjp(np.tan, lambda g, y, x: g + g * y * y, formula="g (1+y²)")


# 1 - x² in a form that loses no digits near ±1. An operation of its own, since the product rule
# would make its slope there nan at second order, where an infinite g meets the factor 0.
def _one_minus_square(x: Any) -> Any:
    return (1 - x) * (1 + x)


one_minus_square = primitive(
    _one_minus_square, lambda g, y, x: g * (-2 * x),
    formula="-2 g x", sign="1−x²", pattern="1 - {}²", elementwise=True,
)  # fmt: skip


def _over_radius(x1: Any, x2: Any) -> Any:
    """x1/√(x1²+x2²); where x1 alone is infinite its limit, a sign."""
    r = np.hypot(x1, x2)
    if np.isinf(r).any():
        return np.where(np.isinf(x1) & np.isfinite(x2), np.sign(x1), x1 / r)
    return x1 / r


def _over_squared_radius(x1: Any, x2: Any) -> Any:
    """x1/(x1²+x2²), and 0 far out; 1/(x2 + i x1) has the parts x2/(x1²+x2²) and minus this."""
    largest = np.maximum(abs(x1), abs(x2))
    a, b = x1 / largest, x2 / largest
    quotient = a / (a * a + b * b) / largest
    infinite = np.isinf(largest)
    return np.where(infinite, 0, quotient).astype(quotient.dtype) if infinite.any() else quotient


over_radius: Any = primitive(
    _over_radius,
    lambda g, y, x1, x2: g * over_radius(x2, x1) * over_radius(x2, x1) / np.hypot(x1, x2),
    lambda g, y, x1, x2: -g * y * over_radius(x2, x1) / np.hypot(x1, x2),
    formula="g (1-y²)/√(x1²+x2²), -g y x2/(x1²+x2²)",
    elementwise=True,
)
over_squared_radius: Any = primitive(
    _over_squared_radius,
    lambda g, y, x1, x2: g * (over_squared_radius(x2, x1) - y) * (over_squared_radius(x2, x1) + y),
    lambda g, y, x1, x2: -2 * g * y * over_squared_radius(x2, x1),
    formula="g (x2²-x1²)/(x1²+x2²)², -2 g x1 x2/(x1²+x2²)²",
    elementwise=True,
)


def _root_beyond_one(x: Any) -> Any:
    """√(x²-1), without the square."""
    x = abs(x)
    return np.sqrt(x - 1) * np.sqrt(x + 1)


root_beyond_one = primitive(
    _root_beyond_one,
    lambda g, y, x: g * np.where(np.isinf(y), np.sign(x), x / y),
    formula="g x/√(x²-1)",
    sign="√(x²−1)",
    elementwise=True,
)

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


def over_squared_distance(x: Any, x1: Any, x2: Any) -> Any:
    """One of x1 and x2 over x1² + x2², and 0 at the origin, where the second derivative is nan."""
    slope = over_squared_radius(x, x2 if x is x1 else x1)
    origin = (x1 == 0) & (x2 == 0)
    return np.where(origin, 0, slope) if origin.any() else slope


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


def _times(slope: Any, compute: Any) -> Any:
    """The rule g * slope(x); `compute` is its forward, into whose memory the product is written,
    for memory costs more than products."""

    def rule(g: Any, y: Any, x: Any) -> Any:
        if x.__class__ is not np.ndarray:
            return g * slope(x)
        result = compute(x)
        if g.__class__ is not np.ndarray or g.dtype is not result.dtype or g.shape != result.shape:
            return g * result
        result *= g
        return result

    return rule


BLOCK = 1 << 16  # elements, whose intermediate results stay in the cache; smaller: more calls


def _by_blocks(compute: Any, x: Any) -> Any:
    """compute(part, memory for its result); half a precision in a whole one, faster too."""
    half = x.dtype == np.float16
    result = np.empty(x.shape, np.float32 if half else x.dtype)
    if x.size <= BLOCK and not half:
        compute(x, result)
        return result
    flat, source = result.reshape(-1), x.reshape(-1)
    for start in range(0, flat.size, BLOCK):
        part = source[start : start + BLOCK]
        compute(part.astype(np.float32) if half else part, flat[start : start + BLOCK])
    return result.astype(x.dtype) if half else result


@lru_cache(1)
def _quick_cosh() -> bool:
    """Whether NumPy computes cosh of several numbers at once on this machine. Elsewhere it takes
    ten times as long as exp, here two thirds."""
    found = introspect.opt_func_info(func_name="^cosh$").get("cosh", {})
    here = [found.get(kind, {}).get("current", "baseline") for kind in ("ff", "dd")]
    return not any(current.startswith("baseline") for current in here)


def _square_of_sech(x: Any, z: Any) -> None:
    # Where the quotient is 0, for cosh(x) overflows, so is its square.
    if _quick_cosh():
        np.divide(1, np.cosh(x, z), z)
    else:
        np.exp(x, z)
        z += 1 / z
        np.divide(2, z, z)
    z *= z


def _over_square(x: Any, z: Any) -> None:
    np.absolute(x, z)
    np.exp(np.negative(z, z), z)
    u = z + 1
    u *= u
    z /= u


def _tanh_slope(x: Any) -> Any:
    """1/cosh(x)² as (2/(exp(x)+exp(-x)))², small where it is small."""
    if not x.ndim:  # one number: ufuncs would take five times as long
        z = math.exp(-abs(float(x)))
        return x.dtype.type((2 * z / (1 + z * z)) ** 2)
    return _by_blocks(_square_of_sech, x)


def _sigmoid_slope(x: Any) -> Any:
    """sigmoid(x) sigmoid(-x) as z/(1+z)² with z = exp(-|x|), even and small on both sides."""
    if not x.ndim:
        z = math.exp(-abs(float(x)))
        return x.dtype.type(z / ((1 + z) * (1 + z)))
    return _by_blocks(_over_square, x)


tanh_slope = primitive(
    _tanh_slope, lambda g, y, x: g * (-2 * y * np.tanh(x)),
    formula="-2 g y tanh(x)", sign="1/cosh²", elementwise=True,
)  # fmt: skip
sigmoid_slope = primitive(
    _sigmoid_slope, lambda g, y, x: -g * (y * np.tanh(0.5 * x)),
    formula="-g y tanh(x/2)", elementwise=True,
)  # fmt: skip

defvjp(np.tanh, _times(tanh_slope, _tanh_slope), formula="g/cosh(x)²")

# ---- kinks ------------------------------------------------------------------------------------

for function in (np.absolute, np.fabs):
    defvjp(  # 0 at 0
        function, lambda g, y, x: g * np.sign(x), formula="g sign(x)", sign="|x|", pattern="|{}|"
    )


def _gate(x: Any, mask: Any) -> Any:
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
    return product if math.isfinite(np.vdot(product, product)) else np.where(mask, x, 0)


gate: Any = primitive(
    _gate, lambda g, y, x, mask: gate(g, mask), formula="g where the mask holds", elementwise=True
)


def winner(g: Any, won: Any, tied: Any) -> Any:
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


def _clip(a: Any, a_min: Any, a_max: Any) -> Any:
    return np.clip(a, a_min, a_max)


def _clip_rule(g: Any, y: Any, a: Any, a_min: Any, a_max: Any) -> Any:
    """g between the bounds and at them, 0 beyond; a nan passes through, and so does its g."""
    below = False if a_min is None else a < a_min
    above = False if a_max is None else a > a_max
    return gate(g, np.logical_not(below | above))


clip_to_numbers = primitive(
    _clip, _clip_rule, formula="g from a_min to a_max, 0 beyond", elementwise=True
)


class _Asked:
    """Answers with the ufunc that asks."""

    def __array_ufunc__(self, ufunc: Any, *args: Any, **kwargs: Any) -> Any:
        return ufunc


_clip_ufunc: Any = np.zeros(()).clip(0, _Asked())  # type: ignore[call-overload]


@composes(np.clip, _clip_ufunc)  # array.clip(0, t) calls a ufunc that has no public name
def clip(
    a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, *, min: Any = None,
    max: Any = None,
) -> Any:  # fmt: skip
    """Bounds that are numbers are constants; array bounds compete with `a` as in np.maximum."""
    if (min is not None or max is not None) and (a_min is not None or a_max is not None):
        raise ValueError("np.clip: bounds as a_min and a_max, or as min and max, but not as both")
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    if np.ndim(low if low is not None else 0) == np.ndim(high if high is not None else 0) == 0:
        if not isinstance(low, Tensor) and not isinstance(high, Tensor):
            return clip_to_numbers(a, low, high)
    a = a if low is None else np.maximum(a, low)
    return a if high is None else np.minimum(a, high)


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


def where_by_x(g: Any, y: Any, condition: Any, x: Any, y_: Any) -> Any:
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


def where_by_y(g: Any, y: Any, condition: Any, x: Any, y_: Any) -> Any:
    return np.where(condition, 0, g)


defvjp(
    np.where, None, where_by_x, where_by_y, elementwise=True,
    formula=("g where the condition holds", "g where the condition fails"),
)  # fmt: skip


def _nan_to_num(
    x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Any:
    if not copy:
        raise TypeError("copy=False would change a Tensor in place; leave it out")
    return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


defvjp(
    np.nan_to_num,
    lambda g, y, x, copy=True, nan=0.0, posinf=None, neginf=None: gate(g, np.isfinite(x)),
    formula="g where x is finite",
    elementwise=True,
)
operations[np.nan_to_num].forward = _nan_to_num

# ---- logarithms of sums -----------------------------------------------------------------------


def lead(y: Any, x1: Any, x2: Any) -> Any:
    """x1 - x2, for the sigmoid; of nothing (both -inf) x1 has no share at all, and of two that are
    infinite it has one half, as at any tie."""
    settled = (x1 == x2) & np.isinf(y)
    return np.where(settled, np.where(y < 0, -np.inf, 0), x1 - x2) if settled.any() else x1 - x2


def _share_of_two(x: Any) -> Any:
    """1/(1+2^-x): x log 2, rounded, would cost the sigmoid as many digits as it has itself."""
    z = np.exp2(-np.absolute(x))
    return np.where(x >= 0, 1, z) / (1 + z)


share_of_two: Any = primitive(
    _share_of_two,
    lambda g, y, x: g * (y * share_of_two(-x) * LN2),
    formula="g y (1-y) log 2",
    elementwise=True,
)

defvjp(
    np.logaddexp,
    lambda g, y, x1, x2: g * sigmoid(lead(y, x1, x2)),
    lambda g, y, x1, x2: g * sigmoid(lead(y, x2, x1)),
    formula="g sigmoid(x1-x2), g sigmoid(x2-x1)",
    symmetric=True,
)
defvjp(
    np.logaddexp2,
    lambda g, y, x1, x2: g * share_of_two(lead(y, x1, x2)),
    lambda g, y, x1, x2: g * share_of_two(lead(y, x2, x1)),
    formula="g 2^x1/(2^x1+2^x2), g 2^x2/(2^x1+2^x2)",
    symmetric=True,
)

# ---- sinc -------------------------------------------------------------------------------------


def _sinc_derivative(x: Any, order: int) -> Any:
    """The derivative of that order of sin(πx)/(πx), also at 0.

    Far from 0, x f⁽ⁿ⁾ + n f⁽ⁿ⁻¹⁾ = πⁿ⁻¹ sin(πx + nπ/2), which is Leibniz' rule for x f = sin(πx)/π;
    near 0, where that loses its digits, the power series.
    """
    x = np.asarray(x)
    if x.dtype.itemsize < 8:  # near a zero of the derivative the recurrence takes a few digits
        return _sinc_derivative(x.astype(np.float64), order).astype(x.dtype)
    far = np.absolute(x) > (order + 2) / np.pi
    z = np.where(far, x, 1)
    recurred = np.sinc(z)
    for n in range(1, order + 1):
        recurred = (np.pi ** (n - 1) * np.sin(np.pi * z + n * np.pi / 2) - n * recurred) / z
    near = np.where(far, 0, x)
    series = np.zeros_like(near)
    for k in range((order + 1) // 2, order // 2 + 20):  # (-1)^k π^2k x^(2k-n) / ((2k+1) (2k-n)!)
        power = 2 * k - order
        coefficient = (-1) ** k * np.pi ** (2 * k) / ((2 * k + 1) * math.factorial(power))
        series = series + coefficient * near**power
    return np.where(far, recurred, series).astype(x.dtype)


sinc_derivative: Any = primitive(
    _sinc_derivative,
    lambda g, y, x, order: g * sinc_derivative(x, order + 1),
    formula="g sinc_derivative(x, order+1)",
    elementwise=True,
)
defvjp(
    np.sinc, lambda g, y, x: g * sinc_derivative(x, 1),
    formula="g (cos πx - y)/x, and 0 at 0", elementwise=True,
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
    x = np.asarray(x)
    # An array of zeros as the other operand takes half the time that the number 0 takes.
    return np.maximum(x, np.zeros(x.shape, x.dtype))


def floating(x: Any) -> Any:
    """x as an array of floats: in small integers -x, x + y and exp(x) overflow or lose digits."""
    x = np.asarray(x)
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


def _relu_rule(g: Any, y: Any, x: Any) -> Any:
    if g.__class__ is y.__class__ is np.ndarray:  # as in _gate, without all its questions
        product = y.astype(bool).astype(y.dtype)  # y != 0, in half the time where y is small
        product *= g
        return product if math.isfinite(np.vdot(product, product)) else np.where(y != 0, g, 0)
    return gate(g, y != 0) if isinstance(g, Tensor) or isinstance(y, Tensor) else _gate(g, y != 0)


relu = primitive(relu, _relu_rule, formula="g where x > 0", elementwise=True)
operations[relu].traits.rectifies = True
sigmoid = primitive(
    sigmoid, _times(sigmoid_slope, _sigmoid_slope), formula="g y sigmoid(-x)", elementwise=True
)
softplus = primitive(
    softplus, lambda g, y, x: g * sigmoid(x), formula="g sigmoid(x)", elementwise=True
)
log_sigmoid = primitive(
    log_sigmoid, lambda g, y, x: g * sigmoid(-x), formula="g sigmoid(-x)", elementwise=True
)
methods.update(relu=relu, sigmoid=sigmoid)
