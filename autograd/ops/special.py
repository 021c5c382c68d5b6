"""Functions that few programs need: special ones, numbers taken apart, angles unwound."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from autograd.ops.elementwise import floating, gate, sigmoid
from autograd.ops.slopes import BLOCK, lead, share_of_two
from autograd.primitives import elsewhere, primitive
from autograd.rules import defvjp, operations
from autograd.tensor import Array, Tensor  # noqa: F401  (the examples use Tensor)
from autograd.values import as_array

__all__ = ["erf", "normal_cdf", "normal_density"]

# ---- signs, mantissas and exponents -----------------------------------------------------------

defvjp(  # 0 at 0, as of the absolute value
    np.copysign,
    lambda g, y, x1, x2: g * (np.sign(x1) * np.sign(y)),
    lambda g, y, x1, x2: np.zeros_like(g),
    formula="g sign(x1) sign(y), 0",
)
defvjp(np.modf, lambda g, y, x: g[0], formula="that of the fraction")  # the rest is a staircase
defvjp(np.ldexp, lambda g, y, x1, x2: np.ldexp(g, x2), None, formula="g times 2^x2")
defvjp(
    np.frexp,
    lambda g, y, x: np.ldexp(g[0], -np.frexp(x)[1]),
    formula="that of the mantissa, times 2^-exponent",
)

# ---- angles -----------------------------------------------------------------------------------

defvjp(  # whole turns are added, which are constants
    np.unwrap,
    lambda g, y, p, discont=None, axis=-1, *, period=2 * math.pi: g,
    formula="g",
)

# ---- logarithms of sums -----------------------------------------------------------------------

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

# ---- what is not finite -----------------------------------------------------------------------


def _nan_to_num(
    x: Array, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Array:
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

# ---- sinc -------------------------------------------------------------------------------------


def _sinc_derivative(x: Array, order: int) -> Array:
    """The derivative of that order of sin(πx)/(πx), also at 0.

    Far from 0, x f⁽ⁿ⁾ + n f⁽ⁿ⁻¹⁾ = πⁿ⁻¹ sin(πx + nπ/2), which is Leibniz' rule for x f = sin(πx)/π;
    near 0, where that loses its digits, the power series.
    """
    x = as_array(x)
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


def _plain_sinc_rule(g: Array, y: Array, x: Array) -> Any:
    """g (cos πx - y)/x, and 0 at 0"""
    slope = (np.cos(math.pi * x) - y) / np.where(x == 0, 1, x)  # 0 over 0 would be nan
    return g * slope


defvjp(
    np.sinc, lambda g, y, x: g * sinc_derivative(x, 1),
    formula="g (cos πx - y)/x, and 0 at 0", elementwise=True,
)  # fmt: skip
operations[np.sinc].plainly = np.sinc, _plain_sinc_rule

# ---- Bessel functions -------------------------------------------------------------------------


def _bessel_i(x: Array, order: int) -> Array:
    """The modified Bessel function I of a whole order >= 0, in double precision inside.

    Up to |x| = 8 its power series, whose terms are all of one sign; beyond, the mean of
    exp(x cos t) cos(order t) over half a turn, at points so many that its error is rounding.
    """
    size = np.absolute(as_array(x).astype(np.float64, copy=False))
    near, far = np.minimum(size, 8), np.clip(size, 8, 1000)  # where it is infinite
    term = (near / 2) ** order / math.factorial(order)
    series = term
    for k in range(1, 40):
        term = term * (near / 2) * (near / 2) / (k * (k + order))
        series = series + term
    points = 128 + order
    mean = np.zeros_like(far)
    for k in range(points):
        t = math.pi * (k + 0.5) / points
        mean += np.exp(far * (-2 * math.sin(t / 2) ** 2)) * math.cos(order * t)
    # exp(far) in two factors: it overflows before I does
    value = np.where(size <= 8, series, mean / points * np.exp(far / 2) * np.exp(far / 2))
    value = value if order % 2 == 0 else value * np.sign(x)
    return value.astype(np.result_type(x, np.float16))[()]


def _single(x: Array) -> Array:
    """Half a precision in a whole one: the neighbours leave its range before their mean does."""
    return x.astype(np.float32) if x.dtype == np.float16 else x


# As one would write it by hand: the mean alone, which is right to rounding everywhere.


@lru_cache(maxsize=32)
def _bessel_of_each(order: int) -> Any:
    turned = "np.cos(t)" if order == 1 else f"np.cos({order} * t)" if order else ""
    mean = f"np.mean(np.exp(x * np.cos(t)){' * ' * bool(order)}{turned})"

    @elsewhere(
        "t = np.pi * (np.arange(128) + 0.5) / 128  # half a turn\n"
        f"bessel{order} = np.vectorize(lambda x: {mean})"
    )
    def of_each(x: Array) -> Array:
        t = np.pi * (np.arange(128) + 0.5) / 128
        return np.vectorize(lambda z: np.mean(np.exp(z * np.cos(t)) * np.cos(order * t)), [float])(
            x
        )[()]

    return of_each


def _plain_bessel(x: Array, order: int) -> Any:
    if not np.size(x):
        return _bessel_i(x, order)
    y = _bessel_of_each(order)(x)
    dtype = np.result_type(x, np.float16)
    return y if y.dtype == dtype else y.astype(dtype)


def _plain_bessel_rule(g: Array, y: Array, x: Array, order: int) -> Any:
    return g * 0.5 * (_plain_bessel(x, abs(order - 1)) + _plain_bessel(x, order + 1))


bessel_i: Any = primitive(
    _bessel_i,
    lambda g, y, x, order: (
        g * 0.5 * (bessel_i(_single(x), abs(order - 1)) + bessel_i(_single(x), order + 1))
    ),
    formula="g times the mean of both neighbours in order",
    plainly=(_plain_bessel, _plain_bessel_rule),
)
defvjp(
    np.i0,
    lambda g, y, x: g * bessel_i(_single(x), 1),
    formula="g times the Bessel function of order 1",
)
operations[np.i0].plainly = np.i0, lambda g, y, x: g * _plain_bessel(x, 1)

# ---- the normal distribution ------------------------------------------------------------------

# With q = (a-5)/(a+5) from -1 at a = 0 to 1 at infinity, the tail of the normal distribution,
# the probability of more than a, is exp(-a²/2)/(1+a) times one polynomial in q: the scaling of
# Shepherd and Laframboise, "Chebyshev approximation of (1+2x)exp(x²)erfc x in 0 <= x < inf", Math.
# Comp. 36 (1981). These are our own Chebyshev coefficients, converted to powers, highest first. The
# tail is right to 2 units in the last place at small a, to 9 (a²/2 is rounded) at a = 8.
_TAIL_IN_DOUBLE = (
    -3.815816262632953e-10, -2.8220772290629865e-10, 4.4011596227599254e-09,
    3.627373163401201e-09, -3.095201755804207e-08, -2.6286205089898754e-08,
    1.9627809920091187e-07, 1.27878221820937e-07, -1.3074486019237587e-06,
    -7.034644683537101e-08, 9.05982468125664e-06, -9.896097759279782e-06,
    -5.36075811148722e-05, 0.00018233414511643843, 7.791597409338999e-06,
    -0.00167607234455447, 0.006522000667783896, -0.015170415402514863,
    0.024536963243678652, -0.026401042966308307, 0.010002352385229382,
    0.031030368425963708, -0.09155228183400904, 0.46151582985003775,
)  # fmt: skip
_TAIL_IN_SINGLE = (
    -9.4569793821e-06, -3.1048404464e-05, 1.8147120670e-04, -1.7848740090e-05, -1.6754058767e-03,
    6.5366684486e-03, -1.5170663728e-02, 2.4532804907e-02, -2.6401000006e-02, 1.0002862516e-02,
    3.1030365674e-02, -9.1552299812e-02, 4.6151582988e-01,
)  # fmt: skip


def _by_blocks(compute: Any, x: Array) -> Array:
    """compute(x), of half a precision in a whole one, in blocks that stay in the cache."""
    x = floating(x)
    wide = x.astype(np.float32) if x.dtype == np.float16 else x
    if not x.ndim:
        result = compute(wide.reshape(1))[0]
    elif x.size <= BLOCK:
        result = compute(wide)
    else:
        result = np.empty(x.shape, wide.dtype)
        flat, source = result.reshape(-1), wide.reshape(-1)
        for start in range(0, flat.size, BLOCK):
            flat[start : start + BLOCK] = compute(source[start : start + BLOCK])
    return result if result.dtype == x.dtype else result.astype(x.dtype)


def _bell(a: Array, rate: float, exact: bool = True) -> Array:
    """exp(-rate a²) for |a| up to 40. The rounding of the square, which would cost as many digits
    as it has before the point, is made good: a² is s + r, a = high + low of half its digits. (Not
    for gelu in single precision, which would take a fifth longer.)"""
    s = a * a
    if not exact:
        s *= -rate
        return np.exp(s, out=s)
    high = a * (4097 if a.dtype == np.float32 else 134217729)
    high -= high - a
    low = a - high
    r = high * high - s
    low *= high + a
    r += low
    r *= -rate
    s *= -rate
    np.exp(s, out=s)
    r *= s
    s += r
    return s


def _normal_tail(a: Any) -> Any:
    """The probability that a standard normal number is above a >= 0."""
    first, *others = _TAIL_IN_SINGLE if a.dtype == np.float32 else _TAIL_IN_DOUBLE
    q = (a - 5) / (a + 5)
    polynomial = q * first
    for coefficient in others[:-1]:
        polynomial += coefficient
        polynomial *= q
    polynomial += others[-1]
    polynomial *= _bell(a, 0.5, exact=a.dtype != np.float32)
    polynomial /= 1 + a
    return polynomial


def normal_cdf(x: Any) -> Any:
    """The probability that a standard normal number is below x: (1 + erf(x/√2)) / 2.

    Args: x of any shape; the result has the same. Small probabilities keep their digits. The
    derivative is normal_density(x).

    >>> normal_cdf(Tensor([-1.0, 0.0, 1.0]))
    Tensor([0.15865525, 0.5       , 0.84134475])
    """
    return _by_blocks(_cdf, x)


def _cdf(x: Array) -> Array:
    tail = _normal_tail(_at_most_40(np.absolute(x)))  # beyond 40 it is 0 in every precision
    np.subtract(x > 0, tail, out=tail)
    return np.absolute(tail, out=tail)


def _at_most_40(a: Array) -> Any:
    """min(a, 40); to ask whether there is something to do takes a quarter of the time."""
    return a if np.maximum.reduce(a, axis=None, initial=0) <= 40 else np.minimum(a, 40)


def _density(x: Array) -> Array:
    bell = _bell(_at_most_40(np.absolute(x)), 0.5, exact=x.dtype != np.float32)
    bell *= 1 / math.sqrt(2 * math.pi)
    return bell


def normal_density(x: Any) -> Any:
    """exp(-x²/2) / √(2π), the density of standard normal numbers at x.

    Args: x of any shape; the result has the same. The derivative is -x normal_density(x).

    >>> normal_density(Tensor([0.0, 1.0]))
    Tensor([0.39894228, 0.24197072])
    """
    return _by_blocks(_density, x)


_ERF_SERIES = [(-1) ** n / (math.factorial(n) * (2 * n + 1)) for n in range(13)]


def _erf(x: Array) -> Array:
    """Up to 1/2 the power series of erf(x)/x, beyond the tail of the normal distribution."""
    near = np.clip(x, -0.5, 0.5)
    square = near * near
    series = square * _ERF_SERIES[-1]
    for coefficient in _ERF_SERIES[-2:0:-1]:
        series += coefficient
        series *= square
    series += 1
    series *= near * (2 / math.sqrt(math.pi))
    size = np.absolute(x)
    tail = 1 - 2 * _normal_tail(_at_most_40(size * math.sqrt(2)))
    return np.where(size <= 0.5, series, np.copysign(tail, x))


def erf(x: Any) -> Any:
    """The error function 2/√π times the integral of exp(-t²) from 0 to x, of each element.

    Args: x of any shape; the result has the same. The derivative is 2/√π exp(-x²).

    >>> erf(Tensor([-1000.0, 0.0, 0.5]))
    Tensor([-1.        ,  0.        ,  0.52049988])
    """
    return _by_blocks(_erf, x)


def _erf_slope(x: Array) -> Array:
    return _by_blocks(
        lambda z: _bell(_at_most_40(np.absolute(z)), 1.0) * (2 / math.sqrt(math.pi)), x
    )


# As one would write them by hand, where no digit and no microsecond counts: Python's `math` has the
# error function of one number.


@elsewhere("erf = np.vectorize(math.erf)", imports="import math")
def erf_of_each(x: Array) -> Array:
    return np.vectorize(math.erf, [float])(x)[()]


def _plain_erf(x: Any) -> Any:
    x = floating(x)
    if not x.size:
        return _by_blocks(_erf, x)
    y = erf_of_each(x)
    return y if x.dtype == np.float64 else y.astype(x.dtype)


def _plain_cdf(x: Any) -> Any:
    return 0.5 * (1 + _plain_erf(x / math.sqrt(2)))


def _plain_density(x: Any) -> Any:
    return np.exp(-(floating(x) ** 2) / 2) / math.sqrt(2 * math.pi)


def _plain_erf_slope(x: Any) -> Any:
    return 2 * np.exp(-(x**2)) / math.sqrt(math.pi)


def _plain_cdf_rule(g: Array, y: Array, x: Array) -> Any:
    """g exp(-x²/2)/√(2π)"""
    return g * _plain_density(x)


# In the rules of bells x is bounded: far out 0 times an infinite x would be nan.
normal_density = primitive(
    normal_density, lambda g, y, x: -g * (y * np.clip(x, -40, 40)),
    formula="-g y x", elementwise=True, plainly=(_plain_density, lambda g, y, x: -g * y * x),
)  # fmt: skip
normal_cdf = primitive(
    normal_cdf, lambda g, y, x: g * normal_density(x),
    formula="g normal_density(x)", elementwise=True, plainly=(_plain_cdf, _plain_cdf_rule),
)  # fmt: skip
erf_slope = primitive(
    _erf_slope, lambda g, y, x: -g * (y * (2 * np.clip(x, -40, 40))),
    formula="-2 g y x", elementwise=True,
    plainly=(_plain_erf_slope, lambda g, y, x: -2 * g * y * x),
)  # fmt: skip
erf = primitive(
    erf, lambda g, y, x: g * erf_slope(x), formula="2 g exp(-x²)/√(π)", elementwise=True,
    plainly=(_plain_erf, lambda g, y, x: g * _plain_erf_slope(x)),
)  # fmt: skip
