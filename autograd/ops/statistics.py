"""Reductions with where= and initial=, statistics that pass over nan, quantiles, histograms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd.ops.arguments import array_of, axes_of, check_floats, mask_of, values_of
from autograd.ops.compositions import _root
from autograd.ops.indexing import scatter
from autograd.primitives import primitive
from autograd.recording import with_options
from autograd.rules import Signature, composes
from autograd.tensor import Array, Tensor

__all__: list[str] = []


def _rows(a: Array, axes: tuple[int, ...]) -> Array:
    """The reduced axes joined to one, the last."""
    others = [i for i in range(a.ndim) if i not in axes]
    n = math.prod(a.shape[i] for i in axes)
    return np.reshape(np.transpose(a, (*others, *axes)), (*[a.shape[i] for i in others], n))


def _restored(y: Array, axes: tuple[int, ...], keepdims: Any) -> Any:
    return np.expand_dims(y, axes) if keepdims else y


# ---- where= and initial= ----------------------------------------------------------------------
# What is left out is replaced by what changes nothing, and the initial value is one element more.
# So its gradient, and ties with it, are those of any element.


def _with_options(function: Any, neutral: Any) -> Any:
    def reduction(
        a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False,
        initial: Any = None, where: Any = True,
    ) -> Any:  # fmt: skip
        a = array_of(a)
        a = a if dtype is None else a.astype(dtype)
        if where is not True:
            mask = np.broadcast_to(mask_of(where), a.shape)
            a = np.where(mask, a, np.asarray(neutral(a.dtype), a.dtype))
        if initial is None:
            return function(a, axis=axis, keepdims=keepdims)
        if np.ndim(initial):
            raise ValueError(f"initial= must be one number, got shape {np.shape(initial)}")
        axes = () if axis == () else axes_of(a, axis) if a.ndim else ()
        rows = _rows(a, axes)
        if rows.dtype.kind in "iub" and function in (np.sum, np.prod):
            rows = rows.astype(np.result_type(rows.dtype, np.int_))  # as NumPy adds small ones
        initial = np.asarray(initial, rows.dtype) if type(initial) in (int, float) else initial
        first = np.broadcast_to(array_of(initial).astype(rows.dtype), (*rows.shape[:-1], 1))
        y = function(np.concatenate([first, rows], axis=-1), axis=-1)
        return _restored(y, axes, keepdims)

    return reduction


def _bound(low: bool) -> Any:
    """What no element is below, or above: in each dtype."""

    def bound(dtype: Any) -> Any:
        if dtype.kind == "f":
            return -np.inf if low else np.inf
        if dtype.kind == "b":
            return not low
        return np.iinfo(dtype).min if low else np.iinfo(dtype).max

    return bound


def _extremum(function: Any, worst: Any) -> Any:
    reduction = _with_options(function, worst)

    def extremum(
        a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None,
        where: Any = True,
    ) -> Any:  # fmt: skip
        if initial is None and where is not True:
            raise ValueError(
                f"np.{function.__name__}: of nothing there is no extreme element, so where= needs "
                "initial= beside it"
            )
        return reduction(a, axis, None, None, keepdims, initial, where)

    return extremum


total, product = _with_options(np.sum, lambda dtype: 0), _with_options(np.prod, lambda dtype: 1)
largest = _extremum(np.max, _bound(low=True))
smallest = _extremum(np.min, _bound(low=False))
for names, reduction in (
    ((np.sum,), total), ((np.prod,), product),
    ((np.max, np.amax), largest), ((np.min, np.amin), smallest),
):  # fmt: skip
    with_options.update(dict.fromkeys(names, (reduction, Signature(reduction, skip=0))))

# ---- passing over nan -------------------------------------------------------------------------


@composes(np.nanprod)
def nanprod(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False,
    initial: Any = None, where: Any = True,
) -> Array:  # fmt: skip
    a = np.where(np.isnan(a), 1, a)
    return product(a, axis, dtype, None, keepdims, initial, where)


@composes(np.nancumsum)
def nancumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Array:
    return np.cumsum(np.where(np.isnan(a), 0, a), axis=axis, dtype=dtype)


@composes(np.nancumprod)
def nancumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Array:
    return np.cumprod(np.where(np.isnan(a), 1, a), axis=axis, dtype=dtype)


def _in_halves(a: Array, dtype: Any, mean: Any) -> bool:
    """Whether a variance would be summed in half a precision, which counts no further than 2048."""
    return dtype is None and np.result_type(a.dtype, getattr(mean, "dtype", a.dtype)) == np.float16


def _nanvar(a: Array, axis: Any, dtype: Any, ddof: Any, keepdims: Any, **options: Any) -> Array:
    if a.dtype.kind != "f":
        return np.var(a, axis=axis, dtype=dtype, ddof=ddof, keepdims=keepdims, **options)
    if dtype is not None:
        check_floats("np.nanvar", dtype)
    correction, given = options["correction"], options["mean"]
    if _in_halves(a, dtype, options["mean"]):
        return _nanvar(a.astype(np.float32), axis, dtype, ddof, keepdims, **options).astype(a.dtype)
    ddof = ddof if correction is None else correction
    counted = ~np.isnan(a) & np.broadcast_to(mask_of(options["where"]), a.shape)
    count = np.sum(counted, axis=axis, keepdims=True)
    if given is None:
        total = np.sum(np.where(counted, a, 0), axis=axis, dtype=dtype, keepdims=True)
        given = total / count.astype(total.dtype)
    deviation = (np.where(counted, a, 0) - np.where(counted, given, 0)).astype(a.dtype)
    total = np.sum(deviation * deviation, axis=axis, dtype=dtype, keepdims=keepdims)
    freedom = np.reshape(count, total.shape) - ddof
    scaled = total / np.where(freedom > 0, freedom, 1).astype(total.dtype)
    return np.where(freedom > 0, scaled, np.nan)


@composes(np.nanvar)
def nanvar(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0,
    keepdims: Any = False, *, where: Any = True, mean: Any = None, correction: Any = None,
) -> Array:  # fmt: skip
    return _nanvar(a, axis, dtype, ddof, keepdims, where=where, mean=mean, correction=correction)


@composes(np.nanstd)
def nanstd(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0,
    keepdims: Any = False, *, where: Any = True, mean: Any = None, correction: Any = None,
) -> Array:  # fmt: skip
    half = _in_halves(a, dtype, mean)
    variance = _nanvar(
        a.astype(np.float32) if half else a, axis, dtype, ddof, keepdims, where=where, mean=mean,
        correction=correction,
    )  # fmt: skip
    return _root(variance).astype(a.dtype) if half else _root(variance)


@composes(np.nanmedian)
def nanmedian(
    a: Any, axis: Any = None, out: Any = None, overwrite_input: Any = False, keepdims: Any = False
) -> Array:
    if a.dtype.kind != "f":
        return np.median(a, axis=axis, keepdims=keepdims)
    axes = axes_of(a, axis)
    rows = np.sort(_rows(a, axes), axis=-1)  # nan stands at the end
    if not rows.shape[-1]:
        return np.mean(a, axis=axis, keepdims=keepdims)  # of nothing: nan, and a warning
    count = np.sum(~np.isnan(rows), axis=-1, keepdims=True)
    middle = np.concatenate([np.maximum(count - 1, 0) // 2, count // 2], axis=-1)
    middle = np.minimum(middle, rows.shape[-1] - 1)
    y = np.mean(np.take_along_axis(rows, middle, axis=-1), axis=-1)
    return _restored(y, axes, keepdims)


# ---- quantiles --------------------------------------------------------------------------------

# Methods that take an element, and do not go between two of them.
_TAKING = ("inverted_cdf", "closest_observation", "lower", "higher", "nearest")

# How fast the place moves with q: n + 1 - alpha - beta (Hyndman and Fan, 1996).
_PACE = {
    "linear": -1.0, "hazen": 0.0, "weibull": 1.0, "median_unbiased": 1 / 3,
    "normal_unbiased": 1 / 4, "interpolated_inverted_cdf": 0.0,
}  # fmt: skip


def _places(rows: Array, counts: Array, q: Any, method: Any, weights: Array) -> Any:
    """Where the quantiles lie in the sorted rows, (*rows, quantiles), e.g. at 2.5.

    NumPy itself says it: the quantile of 0, 1, ..., n-1 is the place.
    """
    flat = q.reshape(-1)
    if weights is not None:
        ranks = np.argsort(np.argsort(rows, axis=-1), axis=-1)
        found = np.quantile(ranks, flat, axis=-1, method=method, weights=weights)
        return np.moveaxis(found, 0, -1)
    places = np.zeros((*rows.shape[:-1], flat.size))
    for n in np.unique(counts[counts > 0]):
        places[counts == n] = np.quantile(np.arange(n, dtype=np.float64), flat, method=method)
    return places


def _quantile(
    a: Array, q: Any, axis: Any, method: Any, keepdims: Any, weights: Array, skip: bool
) -> Array:
    a = array_of(a)
    axes, plain_q = axes_of(a, axis), values_of(q)
    unsorted = _rows(a, axes)
    rows, holes = np.sort(unsorted, axis=-1), np.isnan(values_of(unsorted))
    n = rows.shape[-1]
    dtype = np.quantile(np.zeros(1, a.dtype), q.data if isinstance(q, Tensor) else q,
                        method=method).dtype  # fmt: skip
    if weights is not None:
        weights = _weight_rows(a, axis, axes, weights)
        if skip:
            weights = np.where(holes & ~np.all(holes, axis=-1, keepdims=True), 0, weights)
    counts = n - np.sum(holes, axis=-1) if skip else np.full(holes.shape[:-1], n)
    if skip and not a.size:
        return np.mean(a, axis=axis, keepdims=keepdims)  # as NumPy: for every q the same nan
    if not n:
        raise IndexError(f"np.quantile: there is no quantile of nothing (shape {a.shape})")
    places = _places(values_of(unsorted), counts, plain_q, method, weights)
    y: Any = _between(rows, places, counts, q, plain_q, method, dtype).astype(dtype)
    if not skip and holes.any():
        y = np.where(np.any(holes, axis=-1)[..., None], np.nan, y)
    y = np.moveaxis(_restored(y, axes, keepdims), -1, 0)
    return np.reshape(y, plain_q.shape + y.shape[1:])


def _between(
    rows: Array, places: Array, counts: Array, q: Any, plain_q: Any, method: Any, dtype: Any
) -> Array:
    """The elements at these places, or on the straight line between two."""
    lower = np.floor(places).astype(np.intp)
    low = np.take_along_axis(rows, lower, axis=-1)
    last = np.maximum(counts - 1, 0)[..., None]
    if method in _TAKING or (method == "linear" and plain_q.dtype.kind in "iu"):
        return low
    high = np.take_along_axis(rows, np.minimum(lower + 1, last), axis=-1)
    share = places - lower
    near = share >= 0.5  # as NumPy, from the nearer end
    base, share, rise = np.where(near, high, low), share - near, high - low
    if isinstance(q, Tensor) and q.requires_grad and method in _PACE:
        pace = np.where((places > 0) & (places < last), counts[..., None] + _PACE[method], 0)
        share = share + (np.reshape(q, -1) - plain_q.reshape(-1)) * pace
    return base + rise * share.astype(dtype)


def _weight_rows(a: Array, axis: Any, axes: tuple[int, ...], weights: Array) -> Array:
    if isinstance(weights, Tensor) and weights.requires_grad:
        raise TypeError(
            "np.quantile: it moves in steps with the weights, so they have no gradient; use their "
            ".detach()"
        )
    weights = values_of(weights)
    if weights.shape != a.shape:
        if axis is None or weights.shape != tuple(a.shape[i] for i in axes):
            raise ValueError(
                f"np.quantile: weights of shape {weights.shape} for an array of shape {a.shape} "
                f"and axis {axis}; they must have the array's shape, or that of the axis"
            )
        weights = np.transpose(weights, np.argsort(axes).tolist())
        weights = np.expand_dims(weights, tuple(i for i in range(a.ndim) if i not in axes))
    return _rows(np.broadcast_to(weights, a.shape), axes)


def _quantiles(percent: bool, skip: bool) -> Any:
    def quantiles(
        a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: Any = False,
        method: Any = "linear", keepdims: Any = False, *, weights: Any = None,
    ) -> Any:  # fmt: skip
        if isinstance(q, (list, tuple)):
            q = array_of(q)
        q = q / 100 if percent else q
        return _quantile(a, q, axis, method, keepdims, weights, skip)

    return quantiles


composes(np.quantile)(_quantiles(percent=False, skip=False))
composes(np.percentile)(_quantiles(percent=True, skip=False))
composes(np.nanquantile)(_quantiles(percent=False, skip=True))
composes(np.nanpercentile)(_quantiles(percent=True, skip=True))

# ---- covariance -------------------------------------------------------------------------------


@composes(np.cov)
def cov(
    m: Any, y: Any = None, rowvar: Any = True, bias: Any = False, ddof: Any = None,
    fweights: Any = None, aweights: Any = None, *, dtype: Any = None,
) -> Array:  # fmt: skip
    if dtype is not None:
        check_floats("np.cov", dtype)
    if ddof is not None and ddof != int(ddof):
        raise ValueError(f"np.cov: ddof must be a whole number, got {ddof}")
    m, both = array_of(m), [array_of(t) for t in (m, y) if t is not None]
    if any(t.ndim > 2 for t in both):
        raise ValueError(f"np.cov: at most 2 axes, got shapes {[t.shape for t in both]}")
    kind = np.result_type(*[t.dtype for t in both], np.float64) if dtype is None else dtype
    tables = [np.atleast_2d(t.astype(kind)) for t in both]
    if not rowvar:
        tables = [
            t.T if (m.ndim != 1 if i == 0 else t.shape[0] != 1) else t for i, t in enumerate(tables)
        ]
    x = tables[0] if len(tables) == 1 else np.concatenate(tables, axis=0)
    if not x.shape[0]:
        return np.zeros_like(x, shape=(0, 0))
    ddof = (0 if bias else 1) if ddof is None else ddof
    weights = _weights(fweights, aweights, x)
    if weights is None:
        freedom, mean = x.shape[1] - ddof, np.mean(x, axis=1, keepdims=True)
    else:
        mean, total = np.average(x, axis=1, weights=weights, returned=True, keepdims=True)
        freedom = total = total[0, 0]
        if ddof:
            spread = (
                ddof if aweights is None else np.sum(weights * array_of(aweights)) / total * ddof
            )
            freedom = total - spread
    deviation = x - mean
    weighted = deviation if weights is None else deviation * weights
    factor = np.true_divide(1, freedom) if freedom > 0 else np.inf
    return np.squeeze((deviation @ weighted.T * factor).astype(kind))


def _weights(fweights: Array, aweights: Array, x: Array) -> Array:
    """The product of the weights by frequency and by importance; None without any."""
    product: Any = None
    for name, weights in (("fweights", fweights), ("aweights", aweights)):
        if weights is None:
            continue
        weights = array_of(weights).astype(np.float64)
        if weights.ndim != 1 or weights.shape[0] != x.shape[1]:
            raise RuntimeError(
                f"np.cov: {name} of shape {weights.shape} for {x.shape[1]} samples; one for each "
                "is needed"
            )
        values = values_of(weights)
        if name == "fweights" and np.any(values != np.rint(values)):
            raise TypeError("np.cov: fweights count repetitions, so they must be whole numbers")
        if np.any(values < 0):
            raise ValueError(f"np.cov: {name} must not be negative")
        product = weights if product is None else product * weights
    return product


@composes(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: Any = True, *, dtype: Any = None) -> Array:
    c = np.cov(x, y, rowvar, dtype=dtype)
    if not c.ndim:
        return c / c
    deviation = np.sqrt(np.diagonal(c))
    return np.clip(c / deviation[:, None] / deviation, -1, 1)


# ---- counting with weights --------------------------------------------------------------------


@composes(np.bincount)
def bincount(x: Any, weights: Any = None, minlength: int = 0) -> Array:
    """Counts are plain; sums of weights that are a Tensor are a Tensor."""
    x = values_of(x)
    x = x.astype(np.intp, copy=False) if x.dtype.kind in "bi" else x  # where it has 32 bits, too
    if not isinstance(weights, Tensor):
        return np.bincount(x, weights, minlength)
    if weights.shape != x.shape:
        raise ValueError(
            f"np.bincount: weights of shape {weights.shape} for an x of shape {x.shape}; each "
            "number needs one weight"
        )
    size = len(np.bincount(x, None, minlength))
    return scatter([weights.astype(np.float64)], [x], (size,), np.dtype(np.float64))


@composes(np.histogram_bin_edges)
def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Array:
    """Evenly from the smallest to the largest element, through which gradients flow."""
    ends, values = _ends(range), values_of(a)
    if np.ndim(bins) == 1:
        bins = array_of(bins)
        np.histogram_bin_edges(values, values_of(bins), ends)  # they must increase
        return bins
    shares = None if weights is None else values_of(weights)
    edges = np.histogram_bin_edges(values, bins, ends, shares)
    if range is None and not values.size:
        return edges
    low, high = (np.min(a), np.max(a)) if range is None else range
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, len(edges), dtype=edges.dtype)


def _ends(range: Any) -> Any:
    """The range with Tensors replaced by their values."""
    if range is None:
        return None
    return tuple(end.data if isinstance(end, Tensor) else end for end in range)


def _weighed(weights: Array, a: Array, bins: Any, range: Any, found: Array, inside: Array) -> Any:
    return np.histogram(a, bins, range, weights=weights)[0]


weighed = primitive(  # `found` is the bin of each element, `inside` whether it has one
    _weighed,
    lambda g, y, weights, a, bins, range, found, inside: np.where(
        inside, g[np.where(inside, found, 0)], 0
    ),
    formula="g of its bin",
)


@composes(np.histogram)
def histogram(
    a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    """Counts are plain; sums of weights that are a Tensor are a Tensor, and so are the edges."""
    edges = histogram_bin_edges(a, bins, range, weights)
    places, values = values_of(edges), np.ravel(values_of(a))
    if isinstance(weights, Tensor) and weights.dtype.kind == "f":
        if weights.shape != np.shape(a):
            raise ValueError(
                f"np.histogram: weights of shape {weights.shape} for an array of shape "
                f"{np.shape(a)}; each element needs one weight"
            )
        found = np.searchsorted(places, values, side="right") - 1
        found[values == places[-1]] = len(places) - 2  # the last bin holds its right edge, too
        inside = (values >= places[0]) & (values <= places[-1])
        bins = values_of(bins) if np.ndim(bins) else bins
        counts: Any = weighed(np.ravel(weights), values, bins, _ends(range), found, inside)
    else:
        shares = None if weights is None else np.ravel(values_of(weights))
        bins = values_of(bins) if np.ndim(bins) else bins
        counts = np.histogram(values, bins, _ends(range), weights=shares)[0]
        counts = Tensor(counts) if isinstance(weights, Tensor) else counts
    if density:
        counts = counts / np.diff(edges).astype(np.float64) / np.sum(counts)
    return counts, edges
