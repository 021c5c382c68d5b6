"""Functions that few programs need: numbers taken apart, special functions, angles unwound.

May import: tensor and everything below it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd.recording import primitive
from autograd.rules import defvjp

__all__: list[str] = []

# ---- signs, mantissas and exponents -----------------------------------------------------------

defvjp(  # 0 at 0, as of the absolute value
    np.copysign,
    lambda g, y, x1, x2: g * (np.sign(x1) * np.sign(y)),
    lambda g, y, x1, x2: np.zeros_like(g),
    formula="g sign(x1) sign(y), 0",
)
defvjp(np.modf, lambda g, y, x: g[0], formula="that of the fraction")  # the rest is a staircase
defvjp(np.ldexp, lambda g, y, x1, x2: np.ldexp(g, x2), None, formula="g 2^x2")
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

# ---- Bessel functions -------------------------------------------------------------------------


def _bessel_i(x: Any, order: int) -> Any:
    """The modified Bessel function I of a whole order >= 0, in double precision inside.

    Up to |x| = 8 its power series, whose terms are all of one sign; beyond, the mean of
    exp(x cos t) cos(order t) over half a turn, at points so many that its error is rounding.
    """
    size = np.absolute(np.asarray(x, np.float64))
    near, far = np.minimum(size, 8), np.maximum(size, 8)
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


bessel_i: Any = primitive(
    _bessel_i,
    lambda g, y, x, order: g * 0.5 * (bessel_i(x, abs(order - 1)) + bessel_i(x, order + 1)),
    formula="g (bessel_i(x, order-1) + bessel_i(x, order+1))/2",
)
defvjp(np.i0, lambda g, y, x: g * bessel_i(x, 1), formula="g bessel_i(x, 1)")
