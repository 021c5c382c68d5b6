"""NumPy functions of rows of numbers: ranges, running results, differences, polynomials."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from autograd.ops.arguments import array_of, axes_of, axis_of, matrices_of, values_of
from autograd.ops.reductions import logsumexp
from autograd.primitives import primitive
from autograd.rules import composes
from autograd.tensor import _ACCUMULATIONS, _REDUCTIONS, Array, Tensor

__all__: list[str] = []


function: Any  # in the loops below


def _at(axis: int, part: Any) -> tuple[Any, ...]:
    """The index that takes a part of one axis."""
    return (*(slice(None),) * axis, part)


def _number_or_array(a: Any) -> Any:
    """Python's own numbers stay weak in promotion."""
    return a if type(a) in (int, float) else array_of(a)


# ---- ranges -----------------------------------------------------------------------------------


@composes(np.linspace)
def linspace(
    start: Any, stop: Any, num: Any = 50, endpoint: Any = True, retstep: Any = False,
    dtype: Any = None, axis: int = 0, *, device: Any = None,
) -> Any:  # fmt: skip
    """NumPy's own steps, so that the numbers are NumPy's to the last bit."""
    num = operator.index(num)
    if num < 0:
        raise ValueError(f"np.linspace: the number of samples must not be negative, got {num}")
    start, stop = _number_or_array(start), _number_or_array(stop)
    alike: Any = [np.zeros((), a.dtype) if hasattr(a, "dtype") else a for a in (start, stop)]
    kind = np.linspace(alike[0], alike[1], 0).dtype  # as the installed NumPy promotes
    start, stop = array_of(start).astype(kind), array_of(stop).astype(kind)
    pieces = num - 1 if endpoint else num
    length = stop - start
    steps = np.arange(0, num, dtype=kind).reshape((-1,) + (1,) * length.ndim)
    step = length / pieces if pieces > 0 else np.full(length.shape, np.nan, kind)
    if pieces > 0 and np.all(step != 0):
        y = steps * step + start
    else:  # a step that underflowed, or none
        y = steps / max(pieces, 1) * length + start
    if endpoint and num > 1:
        last = np.broadcast_to(stop, y.shape[1:])[None]
        y = np.concatenate([y[:-1], last], axis=0)
    y = np.moveaxis(y, 0, axis)
    if dtype is not None and np.dtype(dtype).kind in "iu":
        y = np.floor(y)
    y = y.astype(kind if dtype is None else dtype)
    return (y, step if pieces > 0 else np.nan) if retstep else y


@composes(np.logspace)
def logspace(
    start: Any, stop: Any, num: Any = 50, endpoint: Any = True, base: Any = 10.0,
    dtype: Any = None, axis: int = 0,
) -> Array:  # fmt: skip
    if np.ndim(base):
        start, stop, base = np.broadcast_arrays(*[array_of(a) for a in (start, stop, base)])
        base = np.expand_dims(base, axis)
    powers = np.power(base, linspace(start, stop, num, endpoint, axis=axis))
    return powers if dtype is None else powers.astype(dtype)


@composes(np.geomspace)
def geomspace(
    start: Any, stop: Any, num: Any = 50, endpoint: Any = True, dtype: Any = None, axis: int = 0
) -> Array:
    start, stop = _number_or_array(start), _number_or_array(stop)
    if np.any(np.equal(start, 0)) or np.any(np.equal(stop, 0)):
        raise ValueError("np.geomspace: a geometric sequence cannot include zero")
    kind = np.result_type(
        *[getattr(a, "dtype", a) for a in (start, stop)], float(num), np.zeros((), dtype).dtype
    )
    start, stop = np.broadcast_arrays(array_of(start).astype(kind), array_of(stop).astype(kind))
    sign = np.sign(start.data if isinstance(start, Tensor) else start)
    exponents = linspace(np.log10(start / sign), np.log10(stop / sign), num, endpoint)
    y = np.power(10.0, exponents).astype(kind)
    if num > 1 and endpoint:  # the ends are as given: exp(log(x)) is not always x
        y = np.concatenate([(start / sign)[None], y[1:-1], (stop / sign)[None]], axis=0)
    elif num:
        y = np.concatenate([(start / sign)[None], y[1:]], axis=0)
    return np.moveaxis(y * sign, 0, axis).astype(kind if dtype is None else dtype)


# ---- running results --------------------------------------------------------------------------


def _from_the_beginning(running: Any, neutral: Any) -> Any:
    def cumulative(
        x: Any, *, axis: Any = None, dtype: Any = None, out: Any = None,
        include_initial: Any = False,
    ) -> Any:  # fmt: skip
        if axis is None:
            if x.ndim > 1:
                raise ValueError(
                    f"shape {x.shape}: an array of several axes needs axis=, the one to run along"
                )
            axis = 0
        y = running(x, axis=axis, dtype=dtype)
        if include_initial:
            shape = [1 if i == axis_of(y, axis) else n for i, n in enumerate(y.shape)]
            y = np.concatenate([np.full(shape, neutral, y.dtype), y], axis=axis)
        return y

    return cumulative


if hasattr(np, "cumulative_sum"):  # NumPy 2.1
    composes(np.cumulative_sum)(_from_the_beginning(np.cumsum, 0))
    composes(np.cumulative_prod)(_from_the_beginning(np.cumprod, 1))


def _running_extremum(ufunc: Any, nan_wins: bool) -> Any:
    def running(array: Any, axis: int = 0) -> Any:
        """The extreme element so far, looked up; of tied ones the last, as PyTorch's cummax."""
        values, axis = array.data, axis_of(array, axis)
        y = ufunc.accumulate(values, axis)
        behind = (1,) * (values.ndim - axis - 1)
        numbers = np.arange(values.shape[axis]).reshape((-1, *behind))
        reached = (values == y) | (np.isnan(values) if nan_wins else False)
        places = np.maximum.accumulate(np.where(reached, numbers, 0), axis)
        return np.take_along_axis(array, places, axis)

    return running


for function in (np.maximum, np.minimum, np.fmax, np.fmin):
    running = _running_extremum(function, function in (np.maximum, np.minimum))
    _ACCUMULATIONS[function] = composes(running)(running)


def running_logaddexp(array: Array, axis: int = 0) -> Array:
    """log(sum(exp(x))) of the elements so far."""
    return np.logaddexp.accumulate(array, axis)


def _running_logaddexp_rule(g: Array, y: Array, array: Array, axis: int = 0) -> Array:
    """Element i is a part exp(x_i - y_i) of y_i, which is a part exp(y_i - y_(i+1)) of the next."""
    axis, n = axis % array.ndim, array.shape[axis]
    tails = [g[_at(axis, n - 1)]] if n else []
    for i in range(n - 2, -1, -1):
        part = _part(y[_at(axis, i)], y[_at(axis, i + 1)])
        tails.append(g[_at(axis, i)] + part * tails[-1])
    return _part(array, y) * np.stack(tails[::-1], axis=axis) if n else g


def _part(x: Array, y: Array) -> Array:
    """exp(x - y), where x is a part of y; all of it where both are infinite, none of nothing."""
    same = (x == y) & np.isinf(y)
    return np.where(same, y > 0, np.exp(np.where(same, 0, x - y)))


running_logaddexp = primitive(
    running_logaddexp, _running_logaddexp_rule, formula="the sum of g exp(x - y) from there on"
)
function = np.logaddexp
_ACCUMULATIONS[function], _REDUCTIONS[function] = running_logaddexp, logsumexp

# ---- differences ------------------------------------------------------------------------------


@composes(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Array:
    ary = np.ravel(array_of(ary))
    ends = [None if end is None else np.ravel(array_of(end)) for end in (to_begin, to_end)]
    for name, end in zip(("to_begin", "to_end"), ends):
        if end is not None and not np.can_cast(end.dtype, ary.dtype, "same_kind"):
            raise TypeError(f"np.ediff1d: {name} of {end.dtype} does not fit into {ary.dtype}")
    parts = [part for part in (ends[0], ary[1:] - ary[:-1], ends[1]) if part is not None]
    return np.concatenate(parts).astype(ary.dtype) if len(parts) > 1 else parts[0]


@composes(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    f = array_of(f)
    f = f.astype(np.float64) if f.dtype.kind in "iu" else f
    axes = axes_of(f, axis)
    spacings = varargs or (1.0,)
    if len(spacings) == 1 and np.ndim(spacings[0]) == 0:
        spacings = spacings * len(axes)
    if len(spacings) != len(axes):
        raise TypeError(
            f"np.gradient: {len(varargs)} spacings for {len(axes)} axes; give one for all, or one "
            "for each"
        )
    if edge_order not in (1, 2):
        raise ValueError(f"np.gradient: edge_order must be 1 or 2, got {edge_order}")
    slopes = [_slope(f, i, spacing, edge_order) for i, spacing in zip(axes, spacings)]
    return slopes[0] if len(slopes) == 1 else tuple(slopes)


def _slope(f: Any, axis: int, spacing: Any, edge_order: int) -> Any:
    """Along one axis: a parabola through three neighbours inside, one-sided at the ends."""
    n = f.shape[axis]
    if n < edge_order + 1:
        raise ValueError(
            f"np.gradient: an axis of length {n} is too short; edge_order={edge_order} needs "
            f"{edge_order + 1} elements"
        )
    steps = _steps(spacing, n)
    f = np.moveaxis(f, axis, -1)
    if np.ndim(steps) and not isinstance(steps, Tensor) and np.all(steps == steps[0]):
        steps = steps[0]  # (those of a Tensor may be equal, too, but have a gradient each)
    if np.ndim(steps) == 0:
        inner = (f[..., 2:] - f[..., :-2]) / (2.0 * steps)
        before_first = behind_last = steps
    else:
        before, after, before_first, behind_last = steps[:-1], steps[1:], steps[0], steps[-1]
        inner = (
            -after / (before * (before + after)) * f[..., :-2]
            + (after - before) / (before * after) * f[..., 1:-1]
            + before / (after * (before + after)) * f[..., 2:]
        )
    if edge_order == 2:
        first, last = _ends_of_parabolas(f, steps)
    else:
        first = (f[..., 1:2] - f[..., :1]) / before_first
        last = (f[..., -1:] - f[..., -2:-1]) / behind_last
    slope = np.concatenate([first, inner, last], axis=-1).astype(f.dtype)
    return np.moveaxis(slope, -1, axis)


def _ends_of_parabolas(f: Array, steps: Any) -> Any:
    """The slopes at the ends of the parabolas through the first and the last three elements."""
    if np.ndim(steps) == 0:
        first, last = ([c / steps for c in cs] for cs in ((-1.5, 2.0, -0.5), (0.5, -2.0, 1.5)))
    else:
        h, k = steps[0], steps[1]
        first = [-(2.0 * h + k) / (h * (h + k)), (h + k) / (h * k), -h / (k * (h + k))]
        h, k = steps[-2], steps[-1]
        last = [k / (h * (h + k)), -(k + h) / (h * k), (2.0 * k + h) / (k * (h + k))]
    n = f.shape[-1]
    return [
        a * f[..., i : i + 1] + b * f[..., i + 1 : i + 2] + c * f[..., i + 2 : i + 3]
        for i, (a, b, c) in ((0, first), (n - 3, last))
    ]


def _steps(spacing: Any, n: int) -> Any:
    """The step between neighbours, one for all or one for each pair."""
    spacing = _number_or_array(spacing)  # NumPy's too: a number leaves half a precision as it is
    if np.ndim(spacing) == 0:
        return spacing
    if spacing.ndim > 1 or spacing.shape[0] != n:
        raise ValueError(
            f"np.gradient: a spacing of shape {spacing.shape} for an axis of length {n}; it must "
            "be one number, or a place for each element"
        )
    return np.diff(spacing.astype(np.float64) if spacing.dtype.kind in "iu" else spacing)


@composes(np.interp)
def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Array:
    """Linear between the points, constant beyond; at a point the slope of the right side."""
    x, xp, fp = (array_of(a).astype(np.float64) for a in (x, xp, fp))
    if xp.ndim != 1 or fp.ndim != 1 or xp.shape != fp.shape or not xp.size:
        raise ValueError(
            f"np.interp: xp and fp must be vectors of one length, got shapes {xp.shape} and "
            f"{fp.shape}"
        )
    if period is not None:
        if np.any(np.equal(period, 0)):
            raise ValueError("np.interp: the period must not be 0")
        period, left, right = np.absolute(period), None, None
        x, xp = np.remainder(x, period), np.remainder(xp, period)
        order = np.argsort(xp)
        xp, fp = xp[order], fp[order]
        xp = np.concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
    left, right = fp[0] if left is None else left, fp[-1] if right is None else right
    below, above = x < xp[0], x > xp[-1]
    if xp.size == 1:
        y = np.where(True, fp[0], x)
    else:
        i = np.clip(np.searchsorted(xp, x, side="right") - 1, 0, xp.size - 2)
        rise, run = fp[i + 1] - fp[i], xp[i + 1] - xp[i]
        end = (x == xp[-1]) | (run == 0)
        slope = rise / np.where(end, 1, run)
        y = np.where(end, fp[i + 1], slope * (x - xp[i]) + fp[i])
        if np.isnan(values_of(y)).any() or np.isnan(values_of(x)).any():
            y = _beside_infinite(y, slope, x, xp, fp, i)
    return np.where(below, left, np.where(above, right, y))


def _beside_infinite(y: Array, slope: Array, x: Array, xp: Array, fp: Array, i: Any) -> Array:
    """As NumPy: at a point its own value, else from the other point, else what both have."""
    missing = np.isnan(y)
    y = np.where(missing, slope * (x - xp[i + 1]) + fp[i + 1], y)
    y = np.where(np.isnan(y) & (fp[i] == fp[i + 1]), fp[i], y)
    y = np.where(missing & (x == xp[i]) & (x != xp[-1]), fp[i], y)
    return np.where(np.isnan(x), x, y)


@composes(np.correlate)
def correlate(a: Any, v: Any, mode: Any = "valid") -> Array:
    a, v = array_of(a), array_of(v)
    if a.ndim != 1 or v.ndim != 1:
        raise ValueError(f"np.correlate: vectors are needed, got shapes {a.shape} and {v.shape}")
    if a.size < v.size:  # NumPy exchanges the two, and turns the result round
        return np.flip(correlate(v, a, mode))
    return np.convolve(a, np.flip(v), mode)


# ---- polynomials: coefficients from the highest power down --------------------------------------


@composes(np.vander)
def vander(x: Any, N: Any = None, increasing: Any = False) -> Array:
    if x.ndim != 1:
        raise ValueError(f"np.vander: a vector is needed, got shape {x.shape}")
    n = x.shape[0] if N is None else N
    kind = np.promote_types(x.dtype, int)
    ones = np.ones((x.shape[0], min(n, 1)), kind)
    columns = np.broadcast_to(x.astype(kind)[:, None], (x.shape[0], max(n - 1, 0)))
    powers = np.concatenate([ones, np.cumprod(columns, axis=1)], axis=1)
    return powers if increasing else np.flip(powers, 1)


@composes(np.polyval)
def polyval(p: Any, x: Any) -> Array:
    if isinstance(x, np.poly1d):
        raise TypeError("np.polyval: a poly1d as x is not supported for Tensors; use np.polymul")
    x = array_of(x)
    y = np.zeros_like(x)
    for coefficient in array_of(p):
        y = y * x + coefficient
    return y if isinstance(y, Tensor) else Tensor(y)  # without coefficients


def _one_axis(name: str, *polynomials: Any) -> None:
    if any(p.ndim != 1 for p in polynomials):
        raise ValueError(
            f"{name}: a polynomial is a vector of coefficients, got shapes "
            f"{[p.shape for p in polynomials]}"
        )


def _aligned(a1: Array, a2: Array) -> Any:
    """Both of one length, the shorter one with zeros before."""
    a1, a2 = np.atleast_1d(array_of(a1)), np.atleast_1d(array_of(a2))
    n = max(a1.shape[0], a2.shape[0])
    if a1.shape[0] != a2.shape[0]:
        _one_axis("np.polyadd and np.polysub", a1, a2)
    return np.pad(a1, (n - a1.shape[0], 0)), np.pad(a2, (n - a2.shape[0], 0))


composes(np.polyadd)(lambda a1, a2: operator.add(*_aligned(a1, a2)))
composes(np.polysub)(lambda a1, a2: operator.sub(*_aligned(a1, a2)))


@composes(np.polymul)
def polymul(a1: Any, a2: Any) -> Array:
    trimmed = [np.trim_zeros(np.atleast_1d(array_of(a)), "f") for a in (a1, a2)]
    left, right = (a if a.size else np.zeros_like(a, shape=1) for a in trimmed)
    return np.convolve(left, right)


@composes(np.polydiv)
def polydiv(u: Any, v: Any) -> Any:
    u, v = np.atleast_1d(array_of(u)) + 0.0, np.atleast_1d(array_of(v)) + 0.0
    _one_axis("np.polydiv", u, v)
    steps, kind = max(u.shape[0] - v.shape[0] + 1, 0), np.result_type(u.dtype, v.dtype)
    quotient, remainder = [], u.astype(kind)
    for k in range(steps):
        factor = remainder[k] * (1.0 / v[0])
        quotient.append(factor)
        behind = remainder.shape[0] - v.shape[0] - k
        remainder = remainder - factor * np.pad(v, (k, behind))
    if not steps:
        quotient = [np.zeros_like(u[0], kind)]
    while np.allclose(remainder[0], 0, rtol=1e-14) and remainder.shape[0] > 1:
        remainder = remainder[1:]
    return np.stack(quotient), remainder


@composes(np.polyder)
def polyder(p: Any, m: int = 1) -> Array:
    p, m = array_of(p), int(m)
    _one_axis("np.polyder", p)
    if m < 0:
        raise ValueError(f"np.polyder: the order must not be negative, got {m}")
    for _ in range(m):
        p = p[:-1] * np.arange(p.shape[0] - 1, 0, -1)
    return p


@composes(np.polyint)
def polyint(p: Any, m: int = 1, k: Any = None) -> Array:
    p, m = array_of(p), int(m)
    k = np.atleast_1d(array_of(np.zeros(max(m, 1)) if k is None else k))
    if m < 0 or 1 != k.shape[0] < m:
        raise ValueError(
            f"np.polyint: an order that is not negative and as many constants (or one), got {m} "
            f"and {k.shape[0]}"
        )
    for i in range(m):
        divided = np.true_divide(p, np.arange(p.shape[0], 0, -1))
        p = np.concatenate([divided, k[i : i + 1] if k.shape[0] > 1 else k])
    return p


@composes(np.poly)
def poly(seq_of_zeros: Any) -> Array:
    zeros = np.atleast_1d(seq_of_zeros)
    if zeros.ndim != 1:
        raise TypeError(
            "np.poly: the eigenvalues of a matrix may be complex, which Tensors are not; give the "
            "zeros themselves"
        )
    kind = np.dtype(np.mintypecode(zeros.dtype.char))
    coefficients = np.ones(1, kind)
    for zero in zeros.astype(kind):
        coefficients = np.convolve(coefficients, np.stack([np.ones((), kind), -zero]))
    return coefficients


@composes(np.polyfit)
def polyfit(
    x: Any, y: Any, deg: Any, rcond: Any = None, full: Any = False, w: Any = None, cov: Any = False
) -> Array:
    """Least squares by the pseudo-inverse of the scaled powers, as NumPy's."""
    if full or cov:
        raise TypeError("np.polyfit: full= and cov= are not supported for Tensors; leave them out")
    x, y = array_of(x) + 0.0, array_of(y) + 0.0
    if y.dtype == np.float16:  # of x the powers are wider
        raise TypeError("np.polyfit: linear algebra takes no float16; convert by .astype")
    if deg < 0 or x.ndim != 1 or not x.size or y.ndim not in (1, 2) or len(x) != len(y):
        raise TypeError(
            f"np.polyfit: a degree from 0 on and x and y of one length are needed, got degree "
            f"{deg} and shapes {x.shape} and {y.shape}"
        )
    rcond = len(x) * np.finfo(x.dtype).eps if rcond is None else rcond
    powers = np.vander(x, int(deg) + 1)
    if w is not None:
        w = array_of(w) + 0.0
        powers, y = powers * w[:, None], (y.T * w).T
    scale = np.sqrt(np.sum(powers * powers, axis=0))
    fitted = np.linalg.pinv(powers / scale, rcond) @ y
    if np.isinf(values_of(y)).any():  # as NumPy: nan in all
        fitted = fitted * np.nan
    return (fitted.T / scale).T


# ---- elementwise ------------------------------------------------------------------------------

composes(np.fix)(lambda x, out=None: np.trunc(x))

# ---- matrices and vectors ---------------------------------------------------------------------

if hasattr(np, "matvec"):  # NumPy 2.2

    @composes(np.matvec)
    def matvec(x1: Any, x2: Any) -> Array:
        return np.matmul(matrices_of(x1, "matvec"), array_of(x2)[..., None])[..., 0]

    @composes(np.vecmat)
    def vecmat(x1: Any, x2: Any) -> Array:
        return np.matmul(array_of(x1)[..., None, :], matrices_of(x2, "vecmat"))[..., 0, :]
