"""Operations that gather elements along axes: sums, products, extrema, running sums, sorting."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd.ops.arguments import axes_of, count_of, normalize_axis_tuple, values_of
from autograd.ops.elementwise import floating
from autograd.primitives import primitive
from autograd.rules import composes, defvjp, operations
from autograd.tensor import Array, Tensor
from autograd.values import as_array

__all__ = ["log_softmax", "logsumexp", "softmax"]


def stretched(g: Array, x: Array, axis: Any, keepdims: Any = False) -> Array:
    """g, or y, with the reduced axes put back as axes of length 1, to broadcast against x."""
    if keepdims or axis is None or _no_axis(axis) or not np.ndim(x):
        return g  # a single number broadcasts as it is
    return np.expand_dims(g, axis)


def _no_axis(axis: Any) -> bool:
    return isinstance(axis, tuple) and not axis


# ---- sums -------------------------------------------------------------------------------------


def sum_rule(
    g: Array, y: Array, a: Array, axis: Any = None, dtype: Any = None, out: Any = None,
    keepdims: Any = False,
) -> Array:  # fmt: skip
    """Every element counts once: g, handed to each of them."""
    return np.broadcast_to(stretched(g, a, axis, keepdims), a.shape)


def _sum(
    a: Array, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False
) -> Array:
    add_reduce: Any = np.add.reduce  # np.sum itself, at half its cost
    return add_reduce(a, axis, dtype, None, keepdims)


def cumsum_rule(
    g: Array, y: Array, a: Array, axis: Any = None, dtype: Any = None, out: Any = None
) -> Array:
    """Element i counts in the sums from i on: the running sum of g from the end."""
    if axis is None:
        return cumsum_rule(g, y, a.reshape(-1), 0).reshape(a.shape)
    return np.flip(np.cumsum(np.flip(g, axis), axis), axis)


defvjp(np.sum, sum_rule, formula="g for every element", sign="Σ")
operations[np.sum].forward = _sum
defvjp(np.cumsum, cumsum_rule, formula="the sum of g from there to the end")

# ---- products ---------------------------------------------------------------------------------
# Dividing the product by an element gives the product of the others, but not where the element
# is 0 or the product has left the range; there the others are multiplied out.

_ALIKE = 16  # times the smallest element: how large the others may be


def _divides(a: Array, y: Array) -> Any:
    """Whether products y of elements a can be divided by these.

    To be differentiated again, only where the elements are of about one size: of y/a by a itself
    nothing is left but rounding, which is as large as y/a², and shall not be more than the others.
    """
    again = isinstance(a, Tensor)
    a, y = values_of(a), values_of(y)
    if again and a.size:
        sizes = np.absolute(a)
        if not sizes.max() <= _ALIKE * sizes.min():
            return False
    size = np.absolute(y)
    if size.dtype.kind != "f":
        return np.all(a != 0)
    limits = np.finfo(size.dtype)  # what is below the normal numbers has lost digits
    return np.all((size >= limits.tiny) & (size <= limits.max))


def prod_rule(
    g: Array, y: Array, a: Array, axis: Any = None, dtype: Any = None, out: Any = None,
    keepdims: Any = False,
) -> Array:  # fmt: skip
    """g times the product of all other elements."""
    g = stretched(g, a, axis, keepdims)
    if _divides(a, y):
        return g * (stretched(y, a, axis, keepdims) / a)
    if a.ndim == 0 or _no_axis(axis):  # NumPy takes axis=0 for a single number too
        return g * np.ones_like(a)
    # The reduced axes, joined to one at the end: others = (product before) * (product behind), of
    # elements scaled to around 1, so that neither leaves the range where the whole does not.
    axes = tuple(range(a.ndim)) if axis is None else (axis if isinstance(axis, tuple) else (axis,))
    axes = tuple(i % a.ndim for i in axes)
    order = tuple(i for i in range(a.ndim) if i not in axes) + axes
    moved = np.transpose(a, order)
    rows = moved.reshape((*moved.shape[: a.ndim - len(axes)], -1))
    exponents = np.frexp(rows * math.sqrt(0.5))[1]
    most = np.finfo(rows.dtype).maxexp - 2  # of numbers below the normal ones it would be infinite
    exponents = np.clip(exponents, -most, most)
    rows = np.ldexp(rows, -exponents)
    exponents = np.sum(exponents, axis=-1, keepdims=True) - exponents
    one = np.ones_like(rows[..., :1])
    before = np.cumprod(np.concatenate([one, rows[..., :-1]], axis=-1), axis=-1)
    behind = np.flip(
        np.cumprod(np.concatenate([one, np.flip(rows[..., 1:], -1)], axis=-1), axis=-1), -1
    )
    others = np.ldexp(before * behind, exponents).reshape(moved.shape)
    return g * np.transpose(others, tuple(np.argsort(order)))


def cumprod_rule(
    g: Array, y: Array, a: Array, axis: Any = None, dtype: Any = None, out: Any = None
) -> Array:
    """Element i counts in the products from i on, each without a[i] itself."""
    if axis is None:
        return cumprod_rule(g, y, a.reshape(-1), 0).reshape(a.shape)
    if _divides(a, y):
        return np.flip(np.cumsum(np.flip(g * y, axis), axis), axis) / a
    # Else by Horner's scheme from the end: tail_i = g_i + a_(i+1) tail_(i+1).
    n = a.shape[axis]
    ahead = (slice(None),) * (axis % a.ndim)
    tails = [g[(*ahead, n - 1)]]
    for i in range(n - 2, -1, -1):
        tails.append(g[(*ahead, i)] + a[(*ahead, i + 1)] * tails[-1])
    one = np.ones_like(a[(*ahead, slice(0, 1))])
    before = np.concatenate([one, y[(*ahead, slice(0, n - 1))]], axis=axis)
    return before * np.stack(tails[::-1], axis=axis)


defvjp(np.prod, prod_rule, formula="g times the product of the others", sign="Π")
defvjp(np.cumprod, cumprod_rule, formula="the sum of g y from there to the end, over x")

# ---- extrema and order ------------------------------------------------------------------------


def extremum_rule(
    g: Array, y: Array, a: Array, axis: Any = None, out: Any = None, keepdims: Any = False
) -> Array:
    """g to the extreme element, shared evenly where several are tied; a nan is extreme."""
    tied = (a == stretched(y, a, axis, keepdims)) | (a != a)
    # Half a precision counts no further than to 2048.
    dtype = np.float32 if a.dtype == np.float16 else a.dtype
    count = np.sum(tied, axis=axis, keepdims=True, dtype=dtype) if not _no_axis(axis) else 1
    return np.where(tied, stretched(g, a, axis, keepdims) / count, 0)


for function, sign in ((np.max, "max"), (np.amax, "max"), (np.min, "min"), (np.amin, "min")):
    defvjp(
        function, extremum_rule, formula="g to the extreme element, shared by tied ones", sign=sign
    )


def sort_rule(
    g: Array, y: Array, a: Array, axis: Any = -1, kind: Any = None, order: Any = None, *,
    stable: Any = None,
) -> Array:  # fmt: skip
    """Each g goes back to where its element came from."""
    if axis is None:
        return sort_rule(g, y, a.reshape(-1), 0).reshape(a.shape)
    came_from = np.argsort(a, axis=axis, kind="stable")
    return np.take_along_axis(g, np.argsort(came_from, axis=axis), axis=axis)


defvjp(np.sort, sort_rule, formula="g, put back into the order of x")

# ---- the middle, and distances from the mean --------------------------------------------------
# np.mean, np.median, np.var and np.std are these (compositions sorts their arguments out): one
# operation each, for on small arrays the number of operations is what counts.


def _rows(a: Array, axis: Any) -> tuple[Any, Any]:
    """The reduced axes joined to one, the last; and how to bring an array of such rows back."""
    axes = axes_of(a, axis)
    if axes == (a.ndim - 1,):
        return a, lambda rows: rows
    if len(axes) == a.ndim:
        return a.reshape(-1), lambda rows: rows.reshape(a.shape)
    order = (*[i for i in range(a.ndim) if i not in axes], *axes)
    moved = np.transpose(a, order)
    rows = moved.reshape(*moved.shape[: a.ndim - len(axes)], count_of(a, axis))
    return rows, lambda rows: rows.reshape(moved.shape).transpose(np.argsort(order))


def median(a: Array, axis: Any = None, keepdims: Any = False) -> Array:
    """The element in the middle, or the mean of two; nan where there is one."""
    rows, _ = _rows(a, axis)
    if not rows.shape[-1]:
        return np.mean(a, axis=axis, keepdims=keepdims)  # of nothing: nan, and a warning
    middle, last = _middle(rows)
    if middle.dtype.char in "fd":  # np.mean itself, at half its cost
        y: Any = np.add.reduce(middle, -1) / middle.shape[-1]
    else:
        y = np.mean(middle, axis=-1)
    missing = np.isnan(last)
    y = np.where(missing, np.nan, y) if missing.any() else y
    return np.expand_dims(y, axes_of(a, axis)) if keepdims else y


def _middle(rows: Array) -> tuple[Any, Any]:
    """The element in the middle of each row, or the two; and the last, which a nan is."""
    n = rows.shape[-1]
    low, high = (n - 1) // 2, n // 2
    few = n <= 1000  # sorted wholly in less time
    rows = np.sort(rows, axis=-1) if few else np.partition(rows, (low, high, n - 1), axis=-1)
    return rows[..., low : high + 1], rows[..., -1]


def median_rule(g: Array, y: Array, a: Array, axis: Any = None, keepdims: Any = False) -> Array:
    """g to the element in the middle, or half of it to each of two; none where there is a nan."""
    rows, back = _rows(a, axis)
    share = stretched(g, a, axis, keepdims) / (2 - rows.shape[-1] % 2)
    return np.where(back(_where_middle(rows, y)), share, 0)


def _where_middle(rows: Array, y: Array) -> Array:
    if isinstance(rows, np.ndarray) and not np.isnan(y).any():
        middle, _ = _middle(rows)
        where = rows == middle[..., :1]
        if middle.shape[-1] == 2:
            where |= rows == middle[..., 1:]
        if np.count_nonzero(where) == middle.size:  # nothing is tied with what is in the middle
            return where
    low, high = (rows.shape[-1] - 1) // 2, rows.shape[-1] // 2
    where = np.zeros(rows.shape, bool)
    places = np.argsort(rows, axis=-1, kind="stable")[..., low : high + 1]
    np.put_along_axis(where, places, True, axis=-1)
    return where & ~np.any(np.isnan(rows), axis=-1, keepdims=True)


def _wide(a: Array) -> Array:
    """Half a precision as a whole one, which counts further than to 2048."""
    return a.astype(np.float32) if a.dtype == np.float16 else a


def _distances(a: Array, axis: Any, dtype: Any) -> tuple[Any, int]:
    """How far each element is from the mean, and of how many; half a precision in a whole one."""
    a = _wide(a) if dtype is None else a
    total = a.sum(axis, dtype, keepdims=True)
    count = count_of(a, axis)
    return a - total / count, count


def mean_of(
    a: Array, axis: Any = None, dtype: Any = None, keepdims: Any = False, _n: Any = None
) -> Array:
    """The sum divided by the number n of elements; half a precision in a whole one."""
    add_reduce: Any = np.add.reduce
    y = add_reduce(_wide(a) if dtype is None else a, axis, dtype, None, keepdims) / _n
    return y.astype(a.dtype) if a.dtype == np.float16 and dtype is None else y


def mean_rule(
    g: Array, y: Array, a: Array, axis: Any = None, dtype: Any = None, keepdims: Any = False,
    _n: Any = None,
) -> Array:  # fmt: skip
    """Every element counts the nth part: g/n, handed to each of them."""
    return np.broadcast_to(stretched(_wide(g) / _n, a, axis, keepdims), a.shape)


def weighted_mean(a: Array, weights: Array, axis: Any = None, keepdims: Any = False) -> Array:
    """The sum of the elements, each times its weight, divided by the sum of the weights."""
    total = np.sum(weights, axis=axis, keepdims=keepdims)
    return np.sum(a * weights, axis=axis, keepdims=keepdims) / total


def weighted_by_element(
    g: Array, y: Array, a: Array, weights: Array, axis: Any = None, keepdims: Any = False
) -> Array:
    return stretched(g / np.sum(weights, axis=axis, keepdims=keepdims), a, axis, keepdims) * weights


def weighted_by_weight(
    g: Array, y: Array, a: Array, weights: Array, axis: Any = None, keepdims: Any = False
) -> Array:
    share = stretched(g / np.sum(weights, axis=axis, keepdims=keepdims), a, axis, keepdims)
    return share * (a - stretched(y, a, axis, keepdims))


def variance(
    a: Array, axis: Any = None, dtype: Any = None, ddof: Any = 0, keepdims: Any = False
) -> Array:
    """The sum of the squared distances from the mean, divided by n - ddof."""
    distances, count = _distances(a, axis, dtype)
    add_reduce: Any = np.add.reduce
    total = add_reduce(distances * distances, axis, dtype, None, keepdims)
    y = np.divide(total, max(count - ddof, 0))
    return y.astype(a.dtype) if a.dtype == np.float16 and dtype is None else y


def variance_rule(
    g: Array, y: Array, a: Array, axis: Any = None, dtype: Any = None, ddof: Any = 0,
    keepdims: Any = False,
) -> Array:  # fmt: skip
    distances, count = _distances(a, axis, dtype)
    g = 2 * stretched(_wide(g), a, axis, keepdims)
    return np.divide(g, max(count - ddof, 0)) * distances


def deviation(
    a: Array, axis: Any = None, dtype: Any = None, ddof: Any = 0, keepdims: Any = False
) -> Array:
    """The square root of the variance; its gradient where that is 0 is 0."""
    if a.dtype == np.float16 and dtype is None:
        return np.sqrt(variance(a, axis, np.float32, ddof, keepdims)).astype(np.float16)
    return np.sqrt(variance(a, axis, dtype, ddof, keepdims))


def deviation_rule(
    g: Any, y: Any, a: Array, axis: Any = None, dtype: Any = None, ddof: Any = 0,
    keepdims: Any = False,
) -> Array:  # fmt: skip
    distances, count = _distances(a, axis, dtype)
    zero = y == 0
    slope = np.where(zero, 0, _wide(g) / np.where(zero, 1, y))
    return np.divide(stretched(slope, a, axis, keepdims), max(count - ddof, 0)) * distances


mean_of = primitive(mean_of, mean_rule, formula="g/n for every element")
median = primitive(median, median_rule, formula="g to the middle, or half of it to each of two")
variance = primitive(variance, variance_rule, formula="2 g (x - mean(x)) / (n - ddof)")
deviation = primitive(deviation, deviation_rule, formula="g (x - mean(x)) / ((n - ddof) y)")
weighted_mean = primitive(
    weighted_mean,
    weighted_by_element,
    weighted_by_weight,
    formula=("g weights/sum(weights)", "g (a - y)/sum(weights)"),
    elementwise=False,
)
operations[mean_of].name, operations[weighted_mean].name = "mean", "average"
operations[variance].name, operations[deviation].name = "var", "std"

# ---- what NumPy has not -----------------------------------------------------------------------


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """log(sum(exp(x))) along axes, without overflow.

    Args: x of any shape; axis and keepdims as for np.sum (a single number is a row of one). Rows
    that are all -inf give -inf, with gradient 0 (where PyTorch and the naive formula give nan). The
    derivative is softmax(x).

    >>> logsumexp(Tensor([1000.0, 1000.0]))
    Tensor(1000.69314718)
    """
    x = floating(x)
    if not x.ndim and isinstance(axis, tuple):
        axis = normalize_axis_tuple(axis, 1)[:0]
    if x.dtype == np.float16:  # half a precision is summed in a whole one
        return logsumexp(x.astype(np.float32), axis, keepdims).astype(np.float16)
    x = x.astype(np.float64) if x.dtype.kind in "iub" else x
    top = np.maximum.reduce(x, axis=axis, keepdims=True, initial=-np.inf)
    finite = np.isfinite(top)
    if finite.all():
        add_reduce: Any = np.add.reduce
        total = add_reduce(np.exp(x - top), axis=axis, keepdims=keepdims)
        return np.log(total) + top.reshape(total.shape)
    top = np.where(finite, top, 0).astype(top.dtype)
    with np.errstate(divide="ignore"):  # log(0) is the -inf that is meant
        y = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return y if keepdims else np.squeeze(y, axis=axis)


def softmax(x: Any, axis: Any = -1, *, dtype: Any = None) -> Any:
    """exp(x) / sum(exp(x)) along an axis, without overflow.

    Args: x of any shape; the result has the same, and sums to 1 along the axis; dtype, of floats,
    to convert x to first. A row that is all -inf gives nan, with gradient 0. The derivative is
    y (g - sum(g y)). Raises TypeError for another dtype.

    >>> softmax(Tensor([0.0, 0.0, 1000.0]))
    Tensor([0., 0., 1.])
    """
    x = floating(x) if dtype is None else _converted(x, dtype)
    if x.dtype.char == "e":  # half a precision is summed in a whole one
        return softmax(x.astype(np.float32), axis).astype(np.float16)
    if x.size > _FEW and np.minimum.reduce(x, axis=None) >= _LEAST:
        with np.errstate(over="ignore"):  # asking the sums saves a pass over x, 3 %
            e = np.exp(x)
            sums = _row_sums(e, axis)
        if np.maximum.reduce(sums, axis=None) < np.inf:
            e /= sums
            return e
    e = as_array(x - np.maximum.reduce(x, axis=axis, keepdims=True, initial=-np.inf))
    np.exp(e, out=e)
    e /= _row_sums(e, axis) if x.size > _FEW else np.add.reduce(e, axis=axis, keepdims=True)
    return e


_LEAST = -80  # from here on exponentials have all their digits without a maximum taken away
_FEW = 1 << 11  # elements, of which each way takes as long
_LONGEST = 1 << 12  # what is longer loses digits where BLAS adds it up


def _by_blas(a: Any, axis: Any) -> bool:
    """Whether BLAS can add up along this axis, in a fifth of the time that NumPy takes."""
    last = axis in (-1, a.ndim - 1) and 0 < a.ndim and 0 < a.shape[-1] <= _LONGEST
    return bool(last and a.flags.c_contiguous and a.dtype.char in "fd")


def _row_sums(a: Array, axis: Any) -> Array:
    if not _by_blas(a, axis):
        return np.add.reduce(a, axis=axis, keepdims=True)
    *rows, length = a.shape
    sums = a.reshape(-1, length).dot(np.ones(length, a.dtype))
    return sums.reshape(*rows, 1)


def _converted(x: Array, dtype: Any) -> Array:
    if np.dtype(dtype).kind != "f":
        raise TypeError(f"dtype must be one of floats, as np.float32, got {np.dtype(dtype)}")
    return (x if isinstance(x, Tensor) else as_array(x)).astype(dtype)


def log_softmax(x: Any, axis: Any = -1, *, dtype: Any = None) -> Any:
    """log(softmax(x)) along an axis: x - logsumexp(x), finite where x is.

    Args: x of any shape; the result has the same; dtype, of floats, to convert x to first. The
    derivative is g - softmax(x) sum(g). Raises TypeError for another dtype.

    >>> log_softmax(Tensor([0.0, 1000.0]))
    Tensor([-1000.,     0.])
    """
    return fused_log_softmax(x if dtype is None else _converted(x, dtype), axis)


def _log_softmax(x: Array, axis: Any) -> Any:
    x = floating(x)
    if x.dtype.char == "e":
        y, kept = _log_softmax(x.astype(np.float32), axis)
        return y.astype(np.float16), kept
    y = as_array(x - np.maximum.reduce(x, axis=axis, keepdims=True, initial=-np.inf))
    e = np.exp(y)
    sums = np.add.reduce(e, axis=axis, keepdims=True)
    with np.errstate(divide="ignore"):  # an empty axis: log(0), for no element
        y -= np.log(sums)
    return y, (e, sums)


def _shares(x: Array, y: Array, axis: Any) -> Array:
    """softmax(x), with y = logsumexp(x); where y is infinite its limit: nothing of a row of nothing
    (-inf), even shares of those that are inf."""
    if np.isfinite(y).all():
        return softmax(x, axis)  # not exp(x - y): at a large y that difference has lost digits
    ahead = np.where((x == y) & (x > 0), 0, -np.inf)
    return np.where(y == -np.inf, 0, softmax(np.where(np.isinf(y), ahead, x), axis))


def _logsumexp_rule(g: Array, y: Array, x: Array, axis: Any = None, keepdims: Any = False) -> Array:
    g, y = stretched(g, x, axis, keepdims), stretched(y, x, axis, keepdims)
    return g * _shares(x, y, axis if x.ndim else None)


# Where one share is nearly 1, g - sum(g y) and g - y sum(g) cancel at it: what is left is made of
# the others, small as they are, and is computed from those. At most one share is above 1/2.


def _centred(g: Any, y: Any, axis: Any) -> Array:
    """g - sum(g y), of shares y that sum to 1."""
    most = y > 0.5
    if most.any():
        g = g if g.dtype == y.dtype else g.astype(np.result_type(g, y))
        # measured from the g of the largest share, which is then no summand
        g = g - np.sum(np.where(most, g, 0), axis=axis, keepdims=True)
    return g - np.sum(g * y, axis=axis, keepdims=True)


def _softmax_slope(g: Any, y: Array, axis: Any = -1) -> Array:
    usual = _by_blas(y, axis) and g.flags.c_contiguous and g.dtype == y.dtype
    if not usual or np.maximum.reduce(y, axis=None, initial=0) > 0.5:
        return y * _centred(g, y, axis)
    slope = np.empty(y.shape, y.dtype)  # first d for each element, then g - d: broadcasting within
    slope[...] = np.vecdot(g, y)[..., None]  # arithmetic takes a sixth longer
    np.subtract(g, slope, out=slope)
    slope *= y
    return slope


def _log_softmax_slope(g: Array, y: Array, axis: Any = -1) -> Array:
    return _less_share(g, y, y > 0.5, axis)


def _less_share(g: Array, y: Array, most: Any, axis: Any, sums: Any = 1) -> Array:
    """g - y sum(g), of shares y/sums, and those that are most of all."""
    slope = as_array(y * (np.add.reduce(g, axis=axis, keepdims=True) / sums))
    slope = np.subtract(g, slope, out=slope)
    if not most.any():
        return slope
    # g (1-y) - y (sum(g) - g), both from the others
    rest, others = (
        np.add.reduce(np.where(most, 0, a), axis=axis, keepdims=True) / sums for a in (y, g)
    )
    return np.where(most, g * rest - y * others, slope)


# Their derivatives by y are meant along shares that go on to sum to 1, which is how y comes about.
softmax_slope: Any = primitive(
    _softmax_slope,
    lambda g, y, v, shares, axis=-1: softmax_slope(g, shares, axis),
    lambda g, y, v, shares, axis=-1: _centred(g, shares, axis) * _centred(v, shares, axis),
    formula="y (g - sum(g y)), (g - sum(g y)) (v - sum(v y))",
)
log_softmax_slope: Any = primitive(
    _log_softmax_slope,
    lambda g, y, v, shares, axis=-1: _centred(g, shares, axis),
    lambda g, y, v, shares, axis=-1: (
        -_centred(g, shares, axis) * np.sum(v, axis=axis, keepdims=True)
    ),
    formula="g - sum(g y), -(g - sum(g y)) sum(v)",
)


def _softmax_rule(g: Array, y: Array, x: Array, axis: Any = -1, *, dtype: Any = None) -> Array:
    first = y[..., :1] if axis == -1 and y.ndim else y  # a row is nan as a whole, or nowhere
    if np.isnan(first).any():  # perhaps a row of nothing, which has no gradient
        y = np.where(np.isnan(y) & (x == -np.inf), 0, y)
    return softmax_slope(g, y, axis)


def _log_softmax_rule(g: Array, y: Array, x: Array, axis: Any, saved: Any) -> Array:
    # Not exp(y), which has lost digits at a large y.
    if saved is None:
        return log_softmax_slope(g, softmax(x, axis), axis)
    e, sums = saved
    large = sums < 2  # the largest e is 1
    return _less_share(g, e, (e > 0.5 * sums) if large.any() else large, axis, sums)


logsumexp = primitive(logsumexp, _logsumexp_rule, formula="g softmax(x)")


# As one would write them by hand, where no digit and no microsecond counts.


def _plain_extremum_rule(
    g: Array, y: Array, a: Array, axis: Any = None, out: Any = None, keepdims: Any = False
) -> Any:
    tied = a == stretched(y, a, axis, keepdims)
    return tied * (stretched(g, a, axis, keepdims) / np.sum(tied, axis=axis, keepdims=True))


def _plain_prod_rule(
    g: Array, y: Array, a: Array, axis: Any = None, dtype: Any = None, out: Any = None,
    keepdims: Any = False,
) -> Any:  # fmt: skip
    if not _divides(a, y):
        return prod_rule(g, y, a, axis, dtype, out, keepdims)
    return stretched(g, a, axis, keepdims) * stretched(y, a, axis, keepdims) / a


operations[np.prod].plainly = np.prod, _plain_prod_rule


def _plain_variance(
    a: Array, axis: Any = None, dtype: Any = None, ddof: Any = 0, keepdims: Any = False
) -> Any:
    distances = a - np.mean(a, axis=axis, dtype=dtype, keepdims=True)
    return np.sum(distances**2, axis=axis, dtype=dtype, keepdims=keepdims) / (
        count_of(a, axis) - ddof
    )


def _plain_variance_rule(
    g: Array, y: Array, a: Array, axis: Any = None, dtype: Any = None, ddof: Any = 0,
    keepdims: Any = False,
) -> Any:  # fmt: skip
    distances = a - np.mean(a, axis=axis, dtype=dtype, keepdims=True)
    g = stretched(g, a, axis, keepdims)
    return g * 2 * distances / (count_of(a, axis) - ddof)


def _plain_deviation(
    a: Array, axis: Any = None, dtype: Any = None, ddof: Any = 0, keepdims: Any = False
) -> Any:
    return np.sqrt(_plain_variance(a, axis, dtype, ddof, keepdims))


def _plain_deviation_rule(
    g: Any, y: Any, a: Array, axis: Any = None, dtype: Any = None, ddof: Any = 0,
    keepdims: Any = False,
) -> Any:  # fmt: skip
    distances = a - np.mean(a, axis=axis, dtype=dtype, keepdims=True)
    g, y = stretched(g, a, axis, keepdims), stretched(y, a, axis, keepdims)
    return g * distances / ((count_of(a, axis) - ddof) * y)


operations[variance].plainly = _plain_variance, _plain_variance_rule
operations[deviation].plainly = _plain_deviation, _plain_deviation_rule


def _plain_logsumexp(x: Array, axis: Any = None, keepdims: bool = False) -> Any:
    top = np.max(x, axis=axis, keepdims=True)
    total = np.sum(np.exp(x - top), axis=axis, keepdims=keepdims)
    return np.log(total) + (top if keepdims else np.squeeze(top, axis=axis))


def _plain_logsumexp_rule(
    g: Array, y: Array, x: Array, axis: Any = None, keepdims: Any = False
) -> Any:
    """g exp(x - y)"""
    return stretched(g, x, axis, keepdims) * np.exp(x - stretched(y, x, axis, keepdims))


operations[logsumexp].plainly = _plain_logsumexp, _plain_logsumexp_rule


for function in (np.max, np.amax, np.min, np.amin):
    operations[function].plainly = function, _plain_extremum_rule


def _plain_softmax(x: Array, axis: Any = -1, *, dtype: Any = None) -> Any:
    shifted = x - np.max(x, axis=axis, keepdims=True)
    e = np.exp(shifted)
    return e / np.sum(e, axis=axis, keepdims=True)


def _plain_softmax_rule(g: Array, y: Array, x: Array, axis: Any = -1, *, dtype: Any = None) -> Any:
    return y * (g - np.sum(g * y, axis=axis, keepdims=True))


def _plain_log_softmax(x: Array, axis: Any) -> Any:
    shifted = x - np.max(x, axis=axis, keepdims=True)
    log_p = shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))
    return log_p, log_p


def _plain_log_softmax_rule(g: Array, y: Array, x: Array, axis: Any, saved: Any) -> Any:
    return g - np.exp(saved) * np.sum(g, axis=axis, keepdims=True)


softmax = primitive(
    softmax, _softmax_rule, formula="y (g - sum(g y))",
    plainly=(_plain_softmax, _plain_softmax_rule),
)  # fmt: skip
fused_log_softmax = primitive(
    _log_softmax, _log_softmax_rule, formula="g - softmax(x) sum(g)", saves=True,
    plainly=(_plain_log_softmax, _plain_log_softmax_rule),
)  # fmt: skip
composes(log_softmax)(log_softmax)
