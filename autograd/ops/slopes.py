"""Slopes that keep their digits, as operations: what some rules of elementwise are made of.

A slope such as 1 - y² has no digits left where y is nearly 1, and in 1 + x² the square leaves the
range before x does. The factors of such slopes are operations of their own, in a form that does
neither; their rules are products again, so that every order keeps its digits.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib import introspect

from autograd.primitives import primitive
from autograd.tensor import Array, Tensor, power
from autograd.values import are_finite, is_number

__all__: list[str] = []

LN2, LN10 = float(np.log(2.0)), float(np.log(10.0))

# ---- powers -----------------------------------------------------------------------------------

_half = np.float16


def _falling(x1: Array, x2: Array, n: Any, polynomial: Any) -> Array:
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


def power_by_base(g: Any, y: Any, x1: Array, x2: Array) -> Array:
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


def _overflowed(values: Array) -> Any:
    """Whether some are infinite; the sum of squares tells that none is."""
    values = values.data if isinstance(values, Tensor) else values
    if values.ndim == 1:  # (np.vdot would take half as long again)
        return not are_finite(values) and np.isinf(values).any()
    if not values.ndim:
        return abs(values) == math.inf
    flat = values.ravel("K")
    return not are_finite(flat) and np.isinf(values).any()


def _in_halves(g: Array, x1: Array, x2: Array, slope: Array, one: Any) -> Array:
    """g x2 x1^(x2-1) where the power leaves the range, perhaps before the product does."""
    far = np.isinf(slope) & np.isfinite(x1) & (x1 != 0)
    half = power(np.absolute(np.where(far, x1, 1)), (x2 - one) / 2)
    near = power(np.where(far, 1, x1), x2 - one)  # where twice, for the orders to come
    return np.where(far, g * x2 * half * np.where(slope < 0, -half, half), g * x2 * near)


def power_by_exponent(g: Any, y: Any, x1: Array, x2: Array) -> Array:
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


# ---- on and beyond the circle -----------------------------------------------------------------


# 1 - x² in a form that loses no digits near ±1. An operation of its own, since the product rule
# would make its slope there nan at second order, where an infinite g meets the factor 0.
def _one_minus_square(x: Array) -> Array:
    return (1 - x) * (1 + x)


one_minus_square = primitive(
    _one_minus_square, lambda g, y, x: g * (-2 * x),
    formula="-2 g x", sign="1−x²", pattern="1 - {}²", elementwise=True,
    plainly=(lambda x: 1 - x**2, lambda g, y, x: -2 * g * x),
)  # fmt: skip


def _over_radius(x1: Array, x2: Array) -> Array:
    """x1/√(x1²+x2²); where x1 alone is infinite its limit, a sign."""
    r = np.hypot(x1, x2)
    if np.isinf(r).any():
        return np.where(np.isinf(x1) & np.isfinite(x2), np.sign(x1), x1 / r)
    return x1 / r


def _over_squared_radius(x1: Array, x2: Array) -> Array:
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
    plainly=(
        lambda x1, x2: x1 / np.hypot(x1, x2),
        lambda g, y, x1, x2: g * (1 - y**2) / np.hypot(x1, x2),
        lambda g, y, x1, x2: -g * y * x2 / (x1**2 + x2**2),
    ),
)


over_squared_radius: Any = primitive(
    _over_squared_radius,
    lambda g, y, x1, x2: g * (over_squared_radius(x2, x1) - y) * (over_squared_radius(x2, x1) + y),
    lambda g, y, x1, x2: -2 * g * y * over_squared_radius(x2, x1),
    formula="g (x2²-x1²)/(x1²+x2²)², -2 g x1 x2/(x1²+x2²)²",
    elementwise=True,
    plainly=(
        lambda x1, x2: x1 / (x1**2 + x2**2),
        lambda g, y, x1, x2: g * (x2**2 - x1**2) / (x1**2 + x2**2) ** 2,
        lambda g, y, x1, x2: -2 * g * x1 * x2 / (x1**2 + x2**2) ** 2,
    ),
)


def _root_beyond_one(x: Array) -> Array:
    """√(x²-1), without the square."""
    x = abs(x)
    return np.sqrt(x - 1) * np.sqrt(x + 1)


root_beyond_one = primitive(
    _root_beyond_one,
    lambda g, y, x: g * np.where(np.isinf(y), np.sign(x), x / y),
    formula="g x/√(x²-1)",
    sign="√(x²−1)",
    elementwise=True,
    plainly=(lambda x: np.sqrt(x**2 - 1), lambda g, y, x: g * x / y),
)


def over_squared_distance(x: Array, x1: Array, x2: Array) -> Array:
    """One of x1 and x2 over x1² + x2², and 0 at the origin, where the second derivative is nan."""
    slope = over_squared_radius(x, x2 if x is x1 else x1)
    origin = (x1 == 0) & (x2 == 0)
    return np.where(origin, 0, slope) if origin.any() else slope


# ---- shares of two ----------------------------------------------------------------------------


def lead(y: Array, x1: Array, x2: Array) -> Any:
    """x1 - x2, for the sigmoid; of nothing (both -inf) x1 has no share at all, and of two that are
    infinite it has one half, as at any tie."""
    settled = (x1 == x2) & np.isinf(y)
    return np.where(settled, np.where(y < 0, -np.inf, 0), x1 - x2) if settled.any() else x1 - x2


def _share_of_two(x: Array) -> Array:
    """1/(1+2^-x): x log 2, rounded, would cost the sigmoid as many digits as it has itself."""
    z = np.exp2(-np.absolute(x))
    return np.where(x >= 0, 1, z) / (1 + z)


share_of_two: Any = primitive(
    _share_of_two,
    lambda g, y, x: g * (y * share_of_two(-x) * LN2),
    formula="g y (1-y) log 2",
    elementwise=True,
    plainly=(lambda x: 1 / (1 + np.exp2(-x)), lambda g, y, x: g * y * (1 - y) * LN2),
)

# ---- of many numbers, in memory at hand -------------------------------------------------------


def times(slope: Any) -> Any:
    """The rule g * slope(x). On arrays the product is written into the slope's memory, for memory
    costs more than products."""
    compute = slope.operation.forward

    def rule(g: Array, y: Array, x: Array) -> Array:
        if x.__class__ is not np.ndarray:
            return g * slope(x)
        result = compute(x)
        if g.__class__ is not np.ndarray or g.dtype is not result.dtype or g.shape != result.shape:
            return g * result
        result *= g
        return result

    return rule


BLOCK = 1 << 16  # elements, whose intermediate results stay in the cache; smaller: more calls


def _by_blocks(compute: Any, x: Any) -> Array:
    """compute(part, memory for its result); half a precision in a whole one, faster too."""
    if x.ndim > 2 and not x.flags.c_contiguous:  # images that lie in memory in another order
        order = sorted(range(x.ndim), key=lambda axis: -x.strides[axis])
        return _by_rows(compute, x.transpose(order)).transpose(np.argsort(order))
    return _by_rows(compute, x)


def _by_rows(compute: Any, x: Array) -> Array:
    half = x.dtype == np.float16
    result = np.empty_like(x, np.float32 if half else None, "C")
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


def _tanh_slope(x: Array) -> Array:
    """1/cosh(x)² as (2/(exp(x)+exp(-x)))², small where it is small."""
    if is_number(x):  # ufuncs would take five times as long
        z = math.exp(-abs(float(x)))
        return x.dtype.type((2 * z / (1 + z * z)) ** 2)
    return _by_blocks(_square_of_sech, x)


def _sigmoid_slope(x: Array) -> Array:
    """sigmoid(x) sigmoid(-x) as z/(1+z)² with z = exp(-|x|), even and small on both sides."""
    if is_number(x):
        z = math.exp(-abs(float(x)))
        return x.dtype.type(z / ((1 + z) * (1 + z)))
    return _by_blocks(_over_square, x)


tanh_slope = primitive(
    _tanh_slope, lambda g, y, x: g * (-2 * y * np.tanh(x)),
    formula="-2 g y tanh(x)", sign="1/cosh²", elementwise=True,
    plainly=(lambda x: 1 / np.cosh(x) ** 2, lambda g, y, x: -2 * g * y * np.tanh(x)),
)  # fmt: skip


sigmoid_slope = primitive(
    _sigmoid_slope, lambda g, y, x: -g * (y * np.tanh(0.5 * x)),
    formula="-g y tanh(x/2)", elementwise=True,
)  # fmt: skip
