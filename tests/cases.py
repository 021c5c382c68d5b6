"""Calls of every function that takes Tensors, for the sweep in test_registry.py.

`case(np.sum, A, axis=0)` stands for np.sum(A, axis=0), to be differentiated by every float64 array
in it, in lists and keywords too. The points lie away from kinks: subgradients are tested elsewhere.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

import autograd
from autograd import Tensor, rules
from autograd.ops import (
    arranging,
    compositions,
    decompositions,
    elementwise,
    indexing,
    linalg,
    matrices,
    reductions,
    sequences,
    shape,
    slopes,
    special,
    statistics,
)  # fmt: skip

_rng = np.random.default_rng(27)
_BEGINNING = _rng.bit_generator.state


@dataclass(frozen=True)
class Case:
    """A call, and a form of it through which the complex step gives exact derivatives.

    `exact` True: NumPy's function itself, which takes complex numbers; a function: the same values
    by an analytic formula; None: there is none, so finite differences must do.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    exact: Any = True
    via: Any = None  # called in place of the function, e.g. to use its results in an invariant way
    connected: bool = True  # False: the result is a constant, without a graph
    label: str = ""

    @property
    def arrays(self) -> list[Any]:
        """The differentiable arrays, in order."""
        return list(_leaves((self.args, self.kwargs)))

    def __call__(self, arrays: Iterable[Any], through: Any = None) -> Any:
        """The call with other values (arrays or Tensors) in place of its arrays."""
        args, kwargs = self.filled(arrays)
        return (through or self.via or self.function)(*args, **kwargs)

    def filled(self, arrays: Iterable[Any]) -> tuple[Any, Any]:
        """args and kwargs with other values in place of the arrays."""
        return _filled((self.args, self.kwargs), iter(arrays))


def _differentiable(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype == np.float64


def _leaves(value: Any) -> Iterable[Any]:
    if _differentiable(value):
        yield value
    elif isinstance(value, (tuple, list, dict)):
        for member in value.values() if isinstance(value, dict) else value:
            yield from _leaves(member)


def _filled(value: Any, arrays: Any) -> Any:
    if _differentiable(value):
        return next(arrays)
    if isinstance(value, dict):
        return {key: _filled(member, arrays) for key, member in value.items()}
    return type(value)(_filled(v, arrays) for v in value) if type(value) in (tuple, list) else value


def home_of(function: Any) -> str:
    """The package that a function belongs to; ufuncs tell theirs only since NumPy 2.1."""
    return (getattr(function, "__module__", None) or "numpy").split(".")[0]


def name_of(function: Any) -> str:
    """linalg.inv for numpy.linalg.inv, for test ids and messages."""
    module = getattr(function, "__module__", None) or ""
    prefix = "linalg." if module.startswith("numpy.linalg") else ""
    return prefix + getattr(function, "__name__", repr(function)).lstrip("_")


# Taken on import, before other tests and doctests register functions of their own.
REGISTERED = [
    f for f in (*dict(rules.known()), *rules.compositions)
    if home_of(f) in ("numpy", "autograd", "_operator")
    and f is not compositions._clip_ufunc  # np.clip's, under another name
    and f is not np.fix  # which warns since NumPy 2.5; test_more_numpy asks it
]  # fmt: skip

CASES: list[Case] = []


def case(
    function: Any, *args: Any, exact: Any = True, via: Any = None, connected: bool = True,
    **kwargs: Any,
) -> None:  # fmt: skip
    """Add a call to the table; NumPy's own scalars stand for arrays without axes."""
    args = tuple(np.asarray(a) if isinstance(a, np.float64) else a for a in args)
    shapes = "-".join("x".join(map(str, a.shape)) or "0d" for a in _leaves((args, kwargs)))
    options = ",".join(f"{k}={v}" for k, v in kwargs.items() if not isinstance(v, np.ndarray))
    label = f"{name_of(function)}({shapes}{',' * bool(options)}{options})".replace(" ", "")
    CASES.append(Case(function, args, kwargs, exact, via, connected, label))
    _rng.bit_generator.state = _BEGINNING  # a new line does not move the points of those after it


# ---- points -----------------------------------------------------------------------------------


def between(low: float, high: float, *sizes: int) -> Any:
    return np.asarray(_rng.uniform(low, high, sizes))


def anywhere(*sizes: int) -> Any:
    return between(-1.5, 1.5, *sizes)


def positive(*sizes: int) -> Any:
    return between(0.4, 2.0, *sizes)


def nonzero(*sizes: int) -> Any:
    """Of both signs, away from 0."""
    return np.asarray(positive(*sizes) * np.where(_rng.random(sizes) < 0.5, -1, 1))


def apart(*sizes: int) -> Any:
    """No two elements close to each other, and none close to a multiple of 0.5."""
    n = int(np.prod(sizes))
    return (0.5 * _rng.permutation(n).reshape(sizes) - 0.25 * n - 0.13) * 1.0


def layouts(draw: Any) -> list[Any]:
    """One axis, none, size 0, size 1, a transposed view, negative strides."""
    return [
        draw(4), draw(), draw(0, 3), draw(1, 2, 1), draw(3, 2).T, draw(5, 2)[::-2, ::-1],
    ]  # fmt: skip


PAIRS = [
    ((3,), (3,)), ((3, 1), (1, 4)), ((4,), (2, 3, 4)), ((), (2, 3)), ((2, 3), ()), ((), ()),
    ((2, 1, 3), (1, 2, 1)), ((0, 3), (1, 3)), ((1,), (0,)),
]  # fmt: skip


def pairs(left: Any, right: Any) -> list[tuple[Any, Any]]:
    """Two operands that broadcast, among them views that are not contiguous."""
    return [
        *((left(*a), right(*b)) for a, b in PAIRS),
        (left(3, 2).T, right(5)[::-2]),
    ]


AXES: list[dict[str, Any]] = [
    {}, {"axis": None, "keepdims": True}, {"axis": 0}, {"axis": -1, "keepdims": True},
    {"axis": (0, -1)}, {"axis": (0, 2), "keepdims": True}, {"axis": 1, "keepdims": False},
]  # fmt: skip


def reduced(draw: Any) -> list[tuple[Any, dict[str, Any]]]:
    """An array and the axes to reduce, in every form that NumPy takes."""
    return [
        *((draw(2, 3, 2), axes) for axes in AXES),
        (draw(), {}), (draw(1, 3), {"axis": 0}), (draw(3, 2).T, {"axis": 0}),
        (draw(6)[::-2], {"axis": -1, "keepdims": True}), (draw(2, 2), {"axis": ()}),
        (draw(2, 0, 3), {"axis": 0}), (draw(2, 0, 3), {"axis": (0, 2)}),
    ]  # fmt: skip


def x_axes(x: Any, axis: Any) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(x.ndim))
    return tuple(i % x.ndim for i in (axis if isinstance(axis, tuple) else (axis,)))


def modulus(x: Any) -> Any:
    """|x| in a form that is analytic away from 0."""
    return x * np.sign(x.real)


def symmetric(a: Any) -> Any:
    return (a + np.swapaxes(a, -1, -2)) / 2


def definite(n: int, *batch: int) -> Any:
    """Matrices whose symmetric part is positive definite, with eigenvalues well apart."""
    return anywhere(*batch, n, n) * 0.3 + np.diag(1.5 * np.arange(1, n + 1))


# ---- one argument, element by element ---------------------------------------------------------

ELEMENTWISE: dict[Any, tuple[Any, Any]] = {
    np.negative: (anywhere, True),
    np.positive: (anywhere, True),
    np.reciprocal: (nonzero, True),
    np.square: (anywhere, True),
    np.sqrt: (positive, True),
    np.cbrt: (nonzero, lambda x: np.sign(x.real) * modulus(x) ** (1 / 3)),
    np.exp: (anywhere, True),
    np.exp2: (anywhere, True),
    np.expm1: (anywhere, True),
    np.log: (positive, True),
    np.log2: (positive, True),
    np.log10: (positive, True),
    np.log1p: (positive, True),
    np.sin: (anywhere, True),
    np.cos: (anywhere, True),
    np.tan: (lambda *s: between(-1, 1, *s), True),
    np.arcsin: (lambda *s: between(-0.9, 0.9, *s), True),
    np.arccos: (lambda *s: between(-0.9, 0.9, *s), True),
    np.arctan: (anywhere, True),
    np.sinh: (anywhere, True),
    np.cosh: (anywhere, True),
    np.tanh: (anywhere, True),
    np.arcsinh: (anywhere, True),
    np.arccosh: (lambda *s: between(1.2, 3, *s), True),
    np.arctanh: (lambda *s: between(-0.9, 0.9, *s), True),
    np.deg2rad: (anywhere, lambda x: x * (np.pi / 180)),
    np.radians: (anywhere, lambda x: x * (np.pi / 180)),
    np.rad2deg: (anywhere, lambda x: x * (180 / np.pi)),
    np.degrees: (anywhere, lambda x: x * (180 / np.pi)),
    np.absolute: (nonzero, modulus),
    np.fabs: (nonzero, modulus),
    np.sinc: (anywhere, True),
    np.copy: (anywhere, True),
    np.nan_to_num: (anywhere, True),
    np.floor: (apart, lambda x: x * 0 + np.floor(x.real)),
    np.ceil: (apart, lambda x: x * 0 + np.ceil(x.real)),
    np.trunc: (apart, lambda x: x * 0 + np.trunc(x.real)),
    np.rint: (apart, lambda x: x * 0 + np.rint(x.real)),
    np.sign: (nonzero, lambda x: x * 0 + np.sign(x.real)),
    autograd.relu: (nonzero, lambda x: x * (x.real > 0)),
    autograd.sigmoid: (lambda *s: 3 * anywhere(*s), lambda x: 1 / (1 + np.exp(-x))),
    autograd.softplus: (lambda *s: 3 * nonzero(*s), lambda x: np.log(1 + np.exp(x))),
    autograd.log_sigmoid: (lambda *s: 3 * nonzero(*s), lambda x: -np.log(1 + np.exp(-x))),
}
for function, (draw, exact) in ELEMENTWISE.items():
    for x in layouts(draw):
        case(function, x, exact=exact)

case(np.sinc, np.array([0.0, 1e-4, -0.01, 0.3, 1.0, 2.5]))
case(np.nan_to_num, np.array([np.nan, np.inf, -np.inf, 2.0]), nan=1.0, posinf=3.0, exact=None)
for x in layouts(anywhere):
    case(np.round, x + 0.13, exact=lambda a, decimals=0: a * 0 + np.round(a.real, decimals))
case(np.round, np.array([0.12, -0.57, 3.31]), decimals=1,
     exact=lambda a, decimals: a * 0 + np.round(a.real, decimals))  # fmt: skip
case(np.around, apart(3) * 70, decimals=-1, exact=lambda a, decimals: a * 0 + np.round(a.real, -1))
for x in layouts(anywhere):
    case(slopes.one_minus_square, x)
for order in (0, 1, 2, 5):
    places = np.array([0.0, 0.05, -0.4, 1.2, 3.0])
    case(special.sinc_derivative, places, order, exact=None)
    case(special.sinc_derivative, np.array(0.7), order, exact=None)
for x in layouts(apart):
    case(compositions.clip_to_numbers, x, -0.5, 0.5)
    case(np.clip, x, -0.5, 0.5)
    case(elementwise.gate, x, x > 0, exact=lambda x, mask: np.where(mask, x, 0))
case(np.clip, apart(4), None, 0.5)
case(np.clip, apart(4), a_min=-0.5, a_max=None)
case(np.clip, apart(2, 3), np.array([-0.4, 0.1, -2.0]), np.array([[0.6], [2.1]]))
case(np.clip, apart(3), np.array(-0.3), 0.7)
for x in layouts(anywhere):
    case(Tensor.astype, x, np.float64, via=lambda x, dtype: x.astype(dtype),
         exact=lambda x, dtype: +x)  # fmt: skip
    case(np.zeros_like, x, connected=False)
    case(np.ones_like, x, connected=False)
    case(np.empty_like, x, connected=False, via=lambda a: np.zeros_like(np.empty_like(a)))
    case(np.full_like, x, 2.5, connected=False)
case(np.zeros_like, anywhere(2), shape=(3,), connected=False)
case(np.ones_like, anywhere(2), dtype=np.float32, connected=False)

# ---- two arguments, element by element --------------------------------------------------------


def signed_remainder(x1: Any, x2: Any, whole: Any) -> Any:
    return x1 - x2 * whole(x1.real / x2.real)


def nothing(x1: Any, x2: Any) -> Any:
    return x1 * 0 + x2 * 0


def other(*sizes: int) -> Any:
    """No element close to one of `apart`'s."""
    return apart(*sizes) + 0.17


def divisor(*sizes: int) -> Any:
    """Quotients of `dividend` by it lie away from whole numbers."""
    return between(2.5, 3.0, *sizes) * np.sign(nonzero(*sizes))


def dividend(*sizes: int) -> Any:
    return between(0.4, 2.1, *sizes) * np.sign(nonzero(*sizes))


BINARY: dict[Any, tuple[Any, Any, Any]] = {
    np.add: (anywhere, anywhere, True),
    np.subtract: (anywhere, anywhere, True),
    np.multiply: (anywhere, anywhere, True),
    np.divide: (anywhere, nonzero, True),
    np.power: (positive, anywhere, True),
    np.float_power: (positive, anywhere, True),
    np.arctan2: (nonzero, nonzero,
                 lambda x1, x2: 2 * np.arctan(x1 / (np.sqrt(x1 * x1 + x2 * x2) + x2))),
    np.hypot: (nonzero, nonzero, lambda x1, x2: np.sqrt(x1 * x1 + x2 * x2)),
    np.logaddexp: (anywhere, anywhere, lambda x1, x2: np.log(np.exp(x1) + np.exp(x2))),
    np.logaddexp2: (anywhere, anywhere, lambda x1, x2: np.log2(np.exp2(x1) + np.exp2(x2))),
    np.maximum: (apart, other, True),
    np.minimum: (apart, other, True),
    np.fmax: (apart, other, True),
    np.fmin: (apart, other, True),
    np.remainder: (dividend, divisor, lambda x1, x2: signed_remainder(x1, x2, np.floor)),
    np.fmod: (dividend, divisor, lambda x1, x2: signed_remainder(x1, x2, np.trunc)),
    np.floor_divide: (dividend, divisor,
                      lambda x1, x2: nothing(x1, x2) + np.floor(x1.real / x2.real)),
    np.heaviside: (nonzero, anywhere, lambda x1, x2: nothing(x1, x2) + (x1.real > 0)),
}  # fmt: skip
for function, (left, right, exact) in BINARY.items():
    for a, b in pairs(left, right):
        case(function, a, b, exact=exact)


for sizes in (((3, 1), (1, 4)), ((), (2,)), ((), ())):
    case(np.divmod, dividend(*sizes[0]), divisor(*sizes[1]),
         exact=lambda x1, x2: (nothing(x1, x2) + np.floor(x1.real / x2.real),
                               signed_remainder(x1, x2, np.floor)))  # fmt: skip
case(np.power, nonzero(4), np.array([0, 1, 2, 3]))
case(np.power, nonzero(3), 3)
case(np.power, nonzero(3), -2)
case(np.power, 2.5, anywhere(3))
for function, whole in ((np.remainder, np.floor), (np.fmod, np.trunc)):
    case(function, np.array([7.3, -7.3, 9.9]), np.array([2.0, 2.0, -4.0]),
         exact=lambda x1, x2, whole=whole: signed_remainder(x1, x2, whole))  # fmt: skip
MASK = np.array([True, False, True])
for a, b in pairs(anywhere, anywhere):
    case(np.where, _rng.random(np.broadcast_shapes(a.shape, b.shape)) < 0.5, a, b)
case(np.where, MASK, anywhere(2, 3), 0.0)
case(np.where, MASK[:, None], 1, anywhere(3))

# ---- matrix products --------------------------------------------------------------------------

for a, b in [
    ((3,), (3,)), ((2, 3), (3,)), ((2,), (2, 3)), ((2, 3), (3, 2)), ((2, 2, 3), (3, 2)),
    ((2, 3), (2, 3, 2)), ((2, 1, 2, 3), (3, 3, 1)), ((3,), (2, 3, 2)), ((2, 2, 3), (3,)),
    ((1, 2, 3), (2, 3, 1)), ((2, 0), (0, 3)), ((0, 2), (2, 3)), ((0,), (0,)), ((0, 2, 3), (3, 1)),
]:  # fmt: skip
    case(np.matmul, anywhere(*a), anywhere(*b))
case(np.matmul, anywhere(3, 2).T, anywhere(4, 3)[::-2].T[::-1])
for a, b in [
    ((), ()), ((), (2, 3)), ((2,), ()), ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)),
    ((2, 3), (3, 2)), ((2, 2), (3, 2, 2)), ((2, 1, 3), (2, 3, 2)), ((2, 0), (0, 3)),
]:  # fmt: skip
    case(np.dot, anywhere(*a), anywhere(*b))
for a, b in [((), ()), ((), (3,)), ((3,), (3,)), ((2, 3), (4, 3)), ((3,), (2, 2, 3))]:
    case(np.inner, anywhere(*a), anywhere(*b))
for a, b in [((), ()), ((3,), (2,)), ((2, 2), (3,)), ((0,), (2,))]:
    case(np.outer, anywhere(*a), anywhere(*b))
for a, b in [((3,), (3,)), ((2, 3), (3, 2)), ((), ())]:
    case(np.vdot, anywhere(*a), anywhere(*b), exact=lambda a, b: np.ravel(a) @ np.ravel(b))


def plain_vecdot(x1: Any, x2: Any, axis: int = -1) -> Any:
    x1, x2 = np.broadcast_arrays(np.moveaxis(x1, axis, -1), np.moveaxis(x2, axis, -1))
    return np.einsum("...i,...i->...", x1, x2)


case(np.vecdot, anywhere(3), anywhere(3), exact=plain_vecdot)
case(np.vecdot, anywhere(2, 3), anywhere(3), exact=plain_vecdot)
case(np.vecdot, anywhere(3, 2), anywhere(3, 1), axis=0, exact=plain_vecdot)
case(np.tensordot, anywhere(2, 3), anywhere(2, 3))
case(np.tensordot, anywhere(2, 3), anywhere(3, 2), axes=1)
case(np.tensordot, anywhere(2), anywhere(3), axes=0)
case(np.tensordot, anywhere(2, 3, 2), anywhere(3, 2, 2), axes=([1, 0], [0, 1]))
case(np.tensordot, anywhere(2, 3), anywhere(3, 2), axes=(-1, 0))
case(np.tensordot, anywhere(2, 0), anywhere(0, 2), axes=1)
for a, b in [((2,), (3,)), ((2, 2), (2, 3)), ((2,), (2, 2)), ((), (3,)), ((2, 1, 2), (2,))]:
    case(np.kron, anywhere(*a), anywhere(*b))
case(np.cross, anywhere(3), anywhere(3))
case(np.cross, anywhere(2, 3), anywhere(3))
case(np.cross, anywhere(3, 2), anywhere(3, 2), axis=0)
case(np.cross, anywhere(3, 2), anywhere(2, 3), axisa=0, axisc=0)
case(np.linalg.multi_dot, [anywhere(2, 3), anywhere(3, 2), anywhere(2, 2)])
case(np.linalg.multi_dot, [anywhere(3), anywhere(3, 2), anywhere(2)])
for n in (-2, -1, 0, 1, 2, 3, 5):
    case(np.linalg.matrix_power, definite(2), n)
case(np.linalg.matrix_power, definite(2, 2), 3)
for subscripts, *sizes in [
    ("ij,jk->ik", (2, 3), (3, 2)), ("ij,jk", (2, 3), (3, 2)), ("ii->i", (3, 3)), ("ii", (3, 3)),
    ("ij->", (2, 3)), ("ij->ji", (2, 3)), ("i,i,i->i", (3,), (3,), (3,)), ("i,j->ij", (2,), (3,)),
    ("...ij,...jk->...ik", (2, 2, 3), (3, 2)), ("bij,bjk->bik", (2, 2, 3), (2, 3, 2)),
    ("ij,j", (2, 3), (3,)), ("i->", (0,)), ("iij->j", (2, 2, 3)), ("...i->...", (2, 3)),
    ("ba", (2, 3)),
    ("ij,kl->il", (2, 3), (2, 2)), (",i->i", (), (3,)), ("->", ()), ("ii,jj->ij", (2, 2), (3, 3)),
    ("i...,i...", (2, 3), (2, 3)), ("a...b,b", (2, 3, 2), (2,)), ("...,...", (3, 1), (1, 2)),
]:  # fmt: skip
    case(np.einsum, subscripts, *[anywhere(*s) for s in sizes])
case(np.einsum, anywhere(2, 3), [0, 1], anywhere(3, 2), [1, 2], [2, 0])
case(np.einsum, anywhere(2, 2), [0, 0])
case(np.einsum, "ij,jk,kl->il", anywhere(2, 2), anywhere(2, 3), anywhere(3, 2), optimize=True)
case(linalg.einsum_of_list, [anywhere(2, 3), anywhere(3, 2)], ["ij", "jk"], "ik")
case(linalg.einsum_of_list, [anywhere(2, 2)], ["ii"], "i")

# ---- reductions -------------------------------------------------------------------------------

for function in (np.sum, np.prod, np.mean):
    for x, axes in reduced(nonzero):
        if x.size or function is not np.mean:  # the mean of nothing warns, and is nan
            case(function, x, **axes)
for zeros in ([0.0, 2.0, 3.0], [0.0, 2.0, 0.0], [0.0, 0.0, 0.0], [0.0]):
    case(np.prod, np.array(zeros))
    case(np.cumprod, np.array(zeros))
case(np.prod, np.array([[0.0, 2.0], [3.0, 0.5]]), axis=1, keepdims=True)
case(np.prod, np.array([[[0.0, 2.0], [3.0, 0.5]]] * 2), axis=(0, -1))
case(np.cumprod, np.array([[0.0, 2.0], [3.0, 0.0]]), axis=0)
for function in (np.max, np.amax, np.min, np.amin, np.ptp):
    for x, axes in reduced(apart):
        if x.size or axes["axis"] == 0 and x.shape == (0,):
            case(function, x, **axes)
    case(function, apart(0, 2), axis=1)
for function in (np.median,):
    for x, axes in reduced(apart):
        if x.size and axes.get("axis") != ():
            case(function, x, **axes)


def plain_var(
    a: Any, axis: Any = None, ddof: float = 0, keepdims: bool = False, correction: Any = None
) -> Any:
    ddof = ddof if correction is None else correction
    count = np.prod([a.shape[i] for i in x_axes(a, axis)]) if axis != () else 1
    deviation = a - np.mean(a, axis=axis, keepdims=True)
    return np.sum(deviation * deviation, axis=axis, keepdims=keepdims) / (count - ddof)


def plain_std(*args: Any, **kwargs: Any) -> Any:
    return np.sqrt(plain_var(*args, **kwargs))


for x, axes in reduced(anywhere):
    if x.size:
        case(np.var, x, **axes, exact=plain_var)
        if x.ndim and axes.get("axis") != () and x.shape != (1, 3):  # std of one value: at its kink
            case(np.std, x, **axes, exact=plain_std)
case(np.var, anywhere(2, 3), axis=1, ddof=1, exact=plain_var)
case(np.std, anywhere(2, 3), axis=(0, 1), ddof=1, keepdims=True, exact=plain_std)
case(np.std, anywhere(4), correction=1, exact=plain_std)
case(np.average, anywhere(2, 3))
case(np.average, anywhere(2, 3), axis=0)
case(np.average, anywhere(2, 3), axis=1, weights=positive(3))
case(np.average, anywhere(2, 3), weights=positive(2, 3), keepdims=True)
case(np.average, anywhere(2, 3), axis=-1, weights=positive(2, 3), keepdims=True)
case(np.average, anywhere(2, 3, 2), axis=(2, 0), weights=positive(2, 2))
HOLES = np.array([[0.5, np.nan, -1.3], [2.2, 1.1, np.nan]])
for axes in ({}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"axis": (0, 1)}):
    case(np.nansum, HOLES, **axes)
    case(np.nanmean, HOLES, **axes)
    case(np.nanmax, HOLES, **axes, exact=lambda a, **k: np.max(np.where(np.isnan(a), -9, a), **k))
    case(np.nanmin, HOLES, **axes, exact=lambda a, **k: np.min(np.where(np.isnan(a), 9, a), **k))
for function in (np.nansum, np.nanmean, np.nanmax, np.nanmin):
    case(function, np.array(0.7))
    case(function, apart(3, 2).T, axis=0)
for function in (np.cumsum, np.cumprod):
    for x, axes in [
        (nonzero(2, 3), {}), (nonzero(2, 3), {"axis": 0}), (nonzero(2, 3, 2), {"axis": -2}),
        (nonzero(3, 2).T, {"axis": 1}), (nonzero(5)[::-2], {"axis": 0}), (nonzero(), {}),
        (nonzero(0), {}), (nonzero(2, 0), {"axis": 0}), (nonzero(1, 2), {"axis": 0}),
    ]:  # fmt: skip
        case(function, x, **axes)
for x, axes in [
    (apart(4), {}), (apart(2, 3), {"axis": 0}), (apart(2, 3), {"axis": None}), (apart(0), {}),
    (apart(3, 2).T, {"axis": -1}), (apart(5)[::-2], {"kind": "stable"}), (apart(2, 0), {"axis": 0}),
]:  # fmt: skip
    case(np.sort, x, **axes)


def plain_logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))


for x, axes in reduced(anywhere):
    if x.size:
        case(autograd.logsumexp, x, **axes, exact=plain_logsumexp)
for x, axes in [
    (anywhere(3), {}), (anywhere(2, 3), {"axis": 0}), (anywhere(2, 3, 2), {"axis": (1, 2)}),
    (anywhere(3, 2).T, {"axis": 1}), (anywhere(0, 3), {}), (anywhere(2, 3), {"axis": None}),
]:  # fmt: skip
    case(autograd.softmax, x, **axes,
         exact=lambda x, axis=-1: np.exp(x - plain_logsumexp(x, axis, True)))  # fmt: skip
    case(autograd.log_softmax, x, **axes,
         exact=lambda x, axis=-1: x - plain_logsumexp(x, axis, True))  # fmt: skip

case(np.diff, anywhere(4))
case(np.diff, anywhere(2, 4), n=2, axis=1)
case(np.diff, anywhere(3, 2), n=0)
case(np.diff, anywhere(3, 2), axis=0, prepend=anywhere(1, 2), append=anywhere())
case(np.diff, anywhere(1), n=1)
case(np.trapezoid, anywhere(4))
case(np.trapezoid, anywhere(2, 3), dx=0.5, axis=0)
case(np.trapezoid, anywhere(2, 3), x=anywhere(3))
case(np.trapezoid, anywhere(2, 3), x=anywhere(2), axis=0)
case(np.trapezoid, anywhere(2, 3), x=anywhere(2, 3))
case(np.trapezoid, anywhere(2, 3), x=anywhere(2, 3), axis=0)
for mode in ("full", "same", "valid"):
    case(np.convolve, anywhere(5), anywhere(3), mode=mode)
    case(np.convolve, anywhere(2), anywhere(5), mode=mode)
    case(np.convolve, anywhere(4), anywhere(4), mode=mode)
case(np.convolve, anywhere(), anywhere(2))


def plain_norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """The norms that are sums and extrema, with analytic absolute values."""
    if ord in (None, 2, "fro"):
        return np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))
    if ord in (np.inf, -np.inf):
        return (np.max if ord > 0 else np.min)(modulus(x), axis=axis, keepdims=keepdims)
    if ord == 0:
        return np.sum(x * 0 + 1, axis=axis, keepdims=keepdims)
    return np.sum(modulus(x) ** ord, axis=axis, keepdims=keepdims) ** (1 / ord)


for x, axes in [(nonzero(3), {}), (nonzero(2, 3), {}), (nonzero(2, 3, 2), {"keepdims": True}),
                (nonzero(), {}), (nonzero(3, 2).T, {"axis": 0}),
                (nonzero(2, 3, 2), {"axis": (0, -1)})]:  # fmt: skip
    case(np.linalg.norm, x, **axes, exact=plain_norm)
for ord in (None, 0, 1, 2, 3, 2.5, -1, np.inf, -np.inf):
    case(np.linalg.norm, nonzero(4), ord=ord, exact=plain_norm)
    case(np.linalg.norm, nonzero(2, 3), ord=ord, axis=-1, keepdims=True, exact=plain_norm)
for ord in (1, -1, np.inf, -np.inf, 2, -2, "fro", "nuc"):
    analytic = plain_norm if ord == "fro" else None
    case(np.linalg.norm, nonzero(2, 3), ord=ord, axis=(0, 1), exact=analytic)
    case(np.linalg.norm, nonzero(3, 2, 2), ord=ord, axis=(2, 0), keepdims=True, exact=analytic)
case(np.linalg.norm, nonzero(2, 3), ord=1, exact=None)

# ---- shapes -----------------------------------------------------------------------------------

A, B, V = anywhere(2, 3), anywhere(2, 3), anywhere(4)
SLANTED, BACKWARDS, EMPTY, NUMBER = anywhere(3, 2).T, anywhere(5)[::-2], anywhere(0, 3), anywhere()
case(np.reshape, A, (3, 2))
case(np.reshape, SLANTED, -1)
case(np.reshape, NUMBER, (1, 1))
case(np.reshape, EMPTY, (3, 0))
case(np.ravel, A)
case(np.ravel, SLANTED)
case(np.ravel, NUMBER)
case(np.squeeze, anywhere(1, 2, 1))
case(np.squeeze, anywhere(1, 2, 1), axis=-1)
case(np.squeeze, anywhere(1, 2, 1), axis=(0, 2))
case(np.expand_dims, A, axis=1)
case(np.expand_dims, NUMBER, axis=(0, 1))
case(np.expand_dims, A, axis=(0, -1))
case(np.broadcast_to, A, (2, 2, 3))
case(np.broadcast_to, anywhere(2, 1), (2, 3))
case(np.broadcast_to, NUMBER, (2, 2))
case(np.broadcast_to, anywhere(1, 3), (0, 3))
case(np.broadcast_arrays, anywhere(3, 1), anywhere(1, 2), NUMBER)
case(np.transpose, A)
case(np.transpose, anywhere(2, 3, 1), axes=(2, 0, 1))
case(np.transpose, anywhere(2, 3, 1), axes=(-1, 0, -2))
case(np.transpose, NUMBER)
case(np.swapaxes, anywhere(2, 3, 1), 0, -1)
case(np.moveaxis, anywhere(2, 3, 1), 0, -1)
case(np.moveaxis, anywhere(2, 3, 1), [0, 1], [-1, 0])
case(np.rollaxis, anywhere(2, 3, 1), 2)
case(np.rollaxis, anywhere(2, 3, 1), 0, 3)
case(np.rollaxis, anywhere(2, 3, 1), -1, start=-2)
for function in (np.atleast_1d, np.atleast_2d, np.atleast_3d):
    for x in (NUMBER, V, A, anywhere(1, 2, 2), anywhere(1, 2, 1, 2)):
        case(function, x)
    case(function, NUMBER, V)
case(np.concatenate, [A, B])
case(np.concatenate, (A, anywhere(2, 1)), axis=-1)
case(np.concatenate, [A, V, anywhere(1, 1, 1)], axis=None)
case(np.concatenate, [EMPTY, A], axis=0)
case(np.concatenate, [A, np.ones((1, 3), dtype=np.float32), SLANTED], axis=0)
case(np.stack, [A, B])
case(np.stack, (A, B, SLANTED), axis=-1)
case(np.stack, [NUMBER, anywhere(), anywhere()])
case(np.vstack, [V, anywhere(2, 4)])
case(np.hstack, [V, anywhere(2)])
case(np.hstack, [A, anywhere(2, 1)])
case(np.hstack, [NUMBER, V])
case(np.dstack, [A, SLANTED])
case(np.dstack, [V, anywhere(4)])
case(np.column_stack, [V, anywhere(4, 2), anywhere(4)])
case(np.append, A, B)
case(np.append, A, anywhere(1, 3), axis=0)
case(np.append, A, 2.0)
for function, x in [(np.split, anywhere(4, 2)), (np.array_split, anywhere(5, 2))]:
    case(function, x, 2)
    case(function, x, [1, 3])
    case(function, x, np.array([0, 3, 7]))
    case(function, x, 2, axis=-1)
    case(function, x, [-1])
case(np.array_split, V, 6)
case(np.split, V, [3, 1])
case(np.vsplit, anywhere(4, 2), 2)
case(np.hsplit, V, 2)
case(np.hsplit, anywhere(2, 4), [1, 2])
case(np.dsplit, anywhere(1, 2, 4), 2)
for reps in (2, (2, 2), (1, 2, 1), (0,), ()):
    case(np.tile, A, reps)
case(np.tile, NUMBER, 3)
case(np.repeat, A, 2)
case(np.repeat, A, 2, axis=-1)
case(np.repeat, A, [2, 0], axis=0)
case(np.repeat, A, [1], axis=1)
case(np.repeat, V, np.array([1, 0, 2, 1]))
case(np.repeat, NUMBER, 3)
case(np.repeat, A, 0, axis=0)
case(np.flip, A)
case(np.flip, A, axis=(0, 1))
case(np.flip, SLANTED, axis=-1)
case(np.fliplr, A)
case(np.flipud, A)
for k in (-1, 0, 1, 2, 3, 5):
    case(np.rot90, A, k=k)
case(np.rot90, anywhere(2, 3, 2), axes=(2, 0))
case(np.roll, A, 1)
case(np.roll, A, -2, axis=1)
case(np.roll, A, (1, 2), axis=(0, 1))
case(np.roll, BACKWARDS, 4)
for function in (np.tril, np.triu):
    for k in (-1, 0, 1):
        case(function, anywhere(3, 3), k=k)
    case(function, anywhere(2, 2, 3))
for k in (-1, 0, 2):
    case(np.diagonal, anywhere(3, 4), offset=k)
    case(np.diag, anywhere(3, 4), k=k)
    case(np.diag, V, k=k)
    case(np.trace, anywhere(3, 4), offset=k)
case(np.diagonal, anywhere(2, 3, 2), axis1=-1, axis2=0)
case(np.trace, anywhere(2, 3, 2), axis1=0, axis2=2)
for x, width in [
    (V, 2), (A, 1), (A, (1, 2)), (A, ((1, 0), (0, 2))), (A, ((1,), (2,))), (NUMBER, 0),
    (SLANTED, [[0, 1], [1, 0]]),
]:  # fmt: skip
    case(np.pad, x, width)
for mode in ("edge", "reflect", "symmetric", "wrap"):
    case(np.pad, A, ((1, 1), (2, 1)), mode=mode)
    case(np.pad, V, 6, mode=mode)
case(np.pad, A, 1, constant_values=3)
case(np.pad, A, 1, constant_values=((1, 2), (3, 4)))
case(shape.pad_with_constants, A, ((1, 0), (0, 2)), 1.5)

# ---- looking up -------------------------------------------------------------------------------

ROWS, TWICE = np.array([1, 0, 1]), np.array([[0, 0], [-1, 2]])
for x, index in [
    (V, 1), (V, -1), (V, slice(None, None, -2)), (V, Ellipsis), (V, None), (V, TWICE),
    (V, [0, 0, 3]), (A, (None, 1, slice(1, None))),
    (V, np.array([True, False, True, True])), (V, np.array([], dtype=int)), (V, np.int64(2)),
    (A, 0), (A, (0, 1)), (A, (slice(None), [2, 0, 2])), (A, (Ellipsis, 0)),
    (A, ROWS), (A, (ROWS, ROWS)), (A, (ROWS[:, None], [0, 2])), (A, np.ones((2, 3), dtype=bool)),
    (A, (np.array([True, False]), 1)), (A, (slice(0, 0),)), (SLANTED, (1, slice(None, None, -1))),
    (anywhere(2, 3, 2), (0, slice(None), ROWS)), (anywhere(2, 3, 2), (ROWS, Ellipsis, 1)),
    (NUMBER, ()), (NUMBER, None), (NUMBER, Ellipsis), (NUMBER, True), (V, False), (V, True),
    (anywhere(2, 2, 3), (slice(None), np.eye(2, 3, dtype=bool))),
]:  # fmt: skip
    case(operator.getitem, x, index)
for x, indices, options in [
    (V, TWICE, {}), (V, 1, {}), (A, [5, 0], {}), (A, ROWS, {"axis": 0}), (A, TWICE, {"axis": -1}),
    (A, 1, {"axis": 1}), (V, [9, -5], {"mode": "wrap"}), (V, [9, -5], {"mode": "clip"}),
    (SLANTED, ROWS, {"axis": 1}), (A, [7, -8], {"axis": 0, "mode": "wrap"}), (V, [], {}),
]:  # fmt: skip
    case(np.take, x, np.array(indices, dtype=int), **options)
case(np.take_along_axis, A, np.array([[0, 0], [2, 1]]), axis=1)
case(np.take_along_axis, A, np.array([[1, 0, 1]]), axis=0)
case(np.take_along_axis, A, np.array([5, 0, 0]), axis=None)
case(np.take_along_axis, anywhere(1, 3), np.array([[0], [2]]), axis=-1)
case(np.take_along_axis, A, np.array([[0, -1]]), axis=1)
case(indexing.scatter, [anywhere(3), anywhere()], [np.array([0, 0, 2]), 1], (4,), np.float64,
     exact=None)  # fmt: skip
case(indexing.scatter, [A, anywhere(3)], [slice(1, None), 0], (3, 3), np.float64,
     exact=None)  # fmt: skip

# ---- decompositions ---------------------------------------------------------------------------

for a in (definite(1), definite(3), definite(2, 2), definite(3)[::-1, ::-1].T, anywhere(0, 2, 2)):
    case(np.linalg.inv, a)
    case(np.linalg.det, a)
    case(np.linalg.slogdet, a, exact=lambda a: np.log(np.linalg.det(a)),
         via=lambda a: np.linalg.slogdet(a)[1])  # fmt: skip
    case(np.linalg.slogdet, -a, exact=None, via=lambda a: np.linalg.slogdet(a).logabsdet)
    case(np.linalg.cholesky, a, exact=None, via=lambda a: np.linalg.cholesky(symmetric(a)))
    case(np.linalg.eigh, a, exact=None, via=lambda a: np.linalg.eigh(symmetric(a))[0])
    case(np.linalg.eigh, a, exact=None,
         via=lambda a: np.sin(np.linalg.eigh(symmetric(a)).eigenvectors) ** 2)  # fmt: skip
case(np.linalg.cholesky, definite(3), upper=True, exact=None,
     via=lambda a, upper: np.linalg.cholesky(symmetric(a), upper=upper))  # fmt: skip
case(np.linalg.eigh, definite(3), UPLO="U", exact=None,
     via=lambda a, UPLO: [r**2 for r in np.linalg.eigh(symmetric(a), UPLO)])  # fmt: skip
for singular in ([[1.0, 2.0], [2.0, 4.0]], [[0.0, 0.0], [0.0, 3.0]], [[0.0]], np.zeros((3, 3))):
    case(np.linalg.det, np.array(singular))
for b in (anywhere(3), anywhere(3, 2), anywhere(3, 0)):
    case(np.linalg.solve, definite(3), b)
for a, b in ((definite(2, 3), anywhere(2, 1)), (definite(2, 3), anywhere(3, 2, 2)),
             (definite(2), anywhere(3, 2, 1)), (definite(2, 3), anywhere(2))):  # fmt: skip
    case(np.linalg.solve, a, b)


def plain_pinv(a: Any, **options: Any) -> Any:
    t = np.swapaxes(a, -1, -2)
    if a.shape[-1] > a.shape[-2]:
        return t @ np.linalg.inv(a @ t)
    return np.linalg.inv(t @ a) @ t


for a in (definite(3), definite(3)[:2], definite(3)[:, :2], definite(3, 2)[..., :2]):
    case(np.linalg.pinv, a, exact=plain_pinv)
    case(np.linalg.svd, a, compute_uv=False, exact=None)
    for function, options in (
        (np.linalg.svd, {"full_matrices": False}),
        (decompositions.thin_svd, {}),
    ):
        case(function, a, **options, exact=None,
             via=lambda a, f=function, **k: [np.sin(part) ** 2 for part in f(a, **k)])  # fmt: skip
case(np.linalg.pinv, definite(3), rtol=1e-12, exact=plain_pinv)
case(np.linalg.svd, definite(2), exact=None,
     via=lambda a: np.linalg.svd(a)[0] ** 2 * np.linalg.svd(a)[1])  # fmt: skip

# ---- einsum, two operands at a time -----------------------------------------------------------


def of(*shape: int) -> Any:
    return _rng.normal(size=shape)


for terms, sizes in [
    (("ij", "jk", "ik"), [(2, 3), (3, 2)]), (("ij", "jk", "ki"), [(2, 3), (3, 2)]),
    (("bij", "bkj", "bik"), [(2, 2, 3), (2, 2, 3)]), (("ij", "ij", ""), [(2, 3), (2, 3)]),
]:  # fmt: skip
    case(linalg.einsum_of_two, *[of(*s) for s in sizes], *terms)

# ---- what few programs need: arranging, sequences, statistics -----------------------------------


def plain_values(a: Any) -> Any:
    return (a.data if isinstance(a, Tensor) else a).ravel().tolist()


def unbool(a: Any) -> Any:
    """Histograms of truth values warn."""
    return a.astype(np.uint8) if a.dtype == bool else a


S23, S4, S234 = anywhere(2, 3), anywhere(4), anywhere(2, 3, 4)
for obj in (1, -1, slice(None, None, 2), [0, 2], np.array([True, False, True])):
    case(np.delete, anywhere(3), obj)
    case(np.delete, anywhere(2, 3), obj, axis=1)
    if not isinstance(obj, np.ndarray) or hasattr(np, "matvec"):  # a mask only since NumPy 2.2
        case(np.insert, anywhere(3), obj, anywhere(), exact=None)
        case(np.insert, anywhere(2, 3), obj, anywhere(2, 1), axis=1, exact=None)
case(np.delete, anywhere(2, 3).T, [1, 1])
case(np.insert, anywhere(3), 1, anywhere(2), exact=None)
case(np.insert, anywhere(3), [1], anywhere(2), exact=None)
case(np.insert, anywhere(3), [2, 0, 2], anywhere(3), exact=None)
case(np.insert, anywhere(2, 3), 1, anywhere(2), axis=1, exact=None)
case(np.insert, anywhere(2, 3), [1, 1], anywhere(2, 2), axis=1, exact=None)
case(np.insert, anywhere(2, 3), 0, 2.5, axis=0, exact=None)
case(np.insert, anywhere(2, 3), -2, anywhere(3, 2), axis=1, exact=None)
for new_shape in (5, (2, 2), (3, 4), (0, 2)):
    case(np.resize, anywhere(2, 3), new_shape)
for x, options in [(anywhere(2, 3), {"axis": 1}), (anywhere(2, 3), {"axis": 0}), (anywhere(4), {})]:
    case(np.compress, [True, False, True][: x.shape[options.get("axis", 0)]], x, **options)
case(np.extract, np.array([[True, False, True], [False, False, True]]), anywhere(2, 3))
case(np.choose, np.array([[0, 1, 1], [1, 0, 0]]), [anywhere(2, 3), anywhere(3)])
case(np.choose, np.array([3, -1, 1]), [anywhere(3), anywhere(3)], mode="wrap")
case(np.choose, np.array([3, -1, 1]), [anywhere(), anywhere(3)], mode="clip")
for trim in ("fb", "f", "b"):
    case(np.trim_zeros, anywhere(4), trim=trim)
for kth, options in [(2, {}), ([0, 3], {}), (1, {"axis": None}), (-2, {"axis": 0})]:
    case(np.partition, apart(3, 4), kth, **options, exact=None)
REPEATED = np.array([2, 0, 2, 1, 0])
for function in (np.unique, np.unique_all, np.unique_counts, np.unique_inverse, np.unique_values):
    case(function, apart(2, 3), exact=None, via=lambda x, f=function: (
        r if isinstance(r := f(x), (np.ndarray, Tensor)) else r[0]))  # fmt: skip
case(np.unique, apart(4), return_index=True, return_inverse=True, return_counts=True, exact=None,
     via=lambda x, **k: np.unique(x, **k)[0])  # fmt: skip
case(np.unique, apart(3, 2), axis=0, exact=None)
for index in ([0, 0, 1], np.array([[True, False, True]] * 2), (slice(None), [2, 2]), 1):
    case(arranging.scatter_add_of_arrays, anywhere(2, 3), index, anywhere(2, 3)[index], exact=None)
case(arranging.scatter_add_of_arrays, anywhere(3), [1, 1], anywhere(), exact=None)
SHARED = apart(5)
case(np.union1d, apart(2, 2) + 3, apart(3) - 3, exact=None)
case(np.setxor1d, apart(2, 2) + 3, apart(3) - 3, exact=None)
case(np.intersect1d, SHARED + 0, [7.5], exact=None,
     via=lambda a, b: np.intersect1d(a, [*plain_values(a)[1:4], *b]))  # fmt: skip
case(np.setdiff1d, SHARED.reshape(5, 1), [7], exact=None,
     via=lambda a, b: np.setdiff1d(a, [*plain_values(a)[1:4], *b]))  # fmt: skip
case(np.setdiff1d, apart(4), [2, 3], assume_unique=True, exact=None)
case(np.select, [np.array([True, False, False]), np.array([True, True, False])],
     [anywhere(3), anywhere(3)], default=0.5)  # fmt: skip
case(np.select, [np.array([[True], [False]])], [anywhere(3)], default=2)
case(np.piecewise, apart(5), [REPEATED > 1, REPEATED == 1], [np.sin, np.exp, 2.0])
case(np.piecewise, apart(2, 3), [np.arange(6).reshape(2, 3) > 2],
     [lambda x, k: x * k, lambda x, k: x**2 + k], 3.0)  # fmt: skip
case(np.piecewise, anywhere(), [True], [np.sin])
case(np.block, [[anywhere(2, 2), anywhere(2, 1)], [anywhere(1, 3)]])
case(np.block, [anywhere(2), anywhere(), anywhere(3)])
case(np.block, [[anywhere(2)], [anywhere(2)]])
case(np.block, anywhere(2))
case(np.block, [[[anywhere(1, 2, 1)], [anywhere(1, 1, 1)]]])
for options in ({}, {"indexing": "ij"}, {"sparse": True}):
    case(np.meshgrid, anywhere(2), anywhere(3), anywhere(), **options)
case(np.meshgrid, anywhere(2))
case(np.meshgrid, anywhere(2), anywhere(3), copy=False)
case(np.diagflat, anywhere(2, 2))
case(np.diagflat, anywhere(), k=-1)
case(np.matrix_transpose, anywhere(2, 3, 4))
sliding = np.lib.stride_tricks.sliding_window_view
case(sliding, anywhere(5), 3)
case(sliding, anywhere(3, 4), (2, 2))
case(sliding, anywhere(3, 4), 2, axis=1)
case(sliding, anywhere(4), (2, 2), axis=(0, 0))
case(np.apply_along_axis, np.sum, 0, anywhere(2, 3))
case(np.apply_along_axis, lambda row, k: np.diff(row) * k, 1, anywhere(2, 3, 2), 2.0)
case(np.apply_along_axis, lambda row: np.outer(row, row), -1, anywhere(2, 2))
case(np.apply_over_axes, np.sum, anywhere(2, 3, 2), [0, -1])
case(np.apply_over_axes, lambda a, axis: np.cumsum(a, axis=axis), anywhere(2, 3), 1)
if hasattr(np, "unstack"):
    case(np.unstack, anywhere(3, 2))
    case(np.unstack, anywhere(3, 2), axis=-1)
if hasattr(np, "astype"):
    case(np.astype, anywhere(3), np.float64, exact=lambda x, dtype: +x)
for x in (anywhere(2, 3), anywhere()):
    case(np.real, x, exact=lambda val: +val)
    case(np.conjugate, x, exact=lambda x: +x)
    case(np.real_if_close, x, exact=lambda a: +a)
    case(np.imag, x, connected=False, exact=lambda val: val * 0)
case(np.angle, positive(3) * np.array([1, -1, 1]), exact=lambda z: z * 0 + np.angle(z.real))
case(np.angle, -positive(2), deg=True, exact=lambda z, deg: z * 0 + 180)
case(np.ldexp, anywhere(3), np.array([-2, 0, 5]), exact=lambda x, i: x * 2.0**i)

for options in ({}, {"num": 4, "endpoint": False}, {"num": 1}, {"num": 0},
                {"num": 3, "retstep": True}):  # fmt: skip
    case(np.linspace, anywhere(), anywhere(), **{"num": 5, **options})
case(np.linspace, anywhere(2, 1), anywhere(3), 4, axis=1)
case(np.linspace, 0, anywhere(2), 3)
for sign in (1, -1):
    case(np.geomspace, sign * positive(), sign * positive() + sign, 4)
case(np.geomspace, positive(2), positive(2), 3, endpoint=False, axis=1)
case(np.logspace, anywhere(), anywhere(), 4)
case(np.logspace, anywhere(2), anywhere(2), 3, base=2.0, endpoint=False)
case(np.logspace, anywhere(), anywhere(), 3, base=positive(2))
if hasattr(np, "cumulative_sum"):
    for function in (np.cumulative_sum, np.cumulative_prod):
        case(function, anywhere(4))
        case(function, anywhere(2, 3), axis=1, include_initial=True)
        case(function, anywhere(2, 3), axis=0)
for key in (np.maximum, np.minimum, np.fmax, np.fmin):
    for x, axis in ((apart(5), 0), (apart(3, 4), 0), (apart(3, 4), -1)):
        case(sequences._ACCUMULATIONS[key], x, axis=axis, exact=None,
             via=lambda x, axis, key=key: key.accumulate(x, axis))  # fmt: skip
for x, axis in ((anywhere(4), 0), (anywhere(2, 3), 1), (anywhere(0), 0), (anywhere(3, 2), -2)):
    case(sequences.running_logaddexp, x, axis,
         exact=lambda array, axis: np.log(np.cumsum(np.exp(array), axis)))  # fmt: skip
case(np.ediff1d, anywhere(2, 2))
case(np.ediff1d, anywhere(3), to_end=anywhere(2), to_begin=anywhere(), exact=None)
for spacing in ((), (0.5,), (np.asarray(0.7),), (np.array([0.0, 1.5, 2.0, 4.0]),)):
    for edge_order in (1, 2):
        case(np.gradient, anywhere(4), *spacing, edge_order=edge_order, exact=None)
case(np.gradient, anywhere(3, 4))
case(np.gradient, anywhere(3, 4), np.asarray(0.5), np.array([0.0, 1.0, 3.0, 3.5]), edge_order=2,
     exact=None)  # fmt: skip
case(np.gradient, anywhere(3, 4), axis=-1)
case(np.gradient, anywhere(3, 4, 2), 2, axis=(1, 0))
case(np.gradient, anywhere(3), np.array([1.0, 2.0, 3.0]), exact=None)
case(np.gradient, anywhere(4), np.array([1.0, 2.0, 3.0, 4.0]), edge_order=2, exact=None)
KNOTS = np.array([-1.0, 0.2, 0.7, 2.0])
for points in (np.array([-2.0, -0.5, 0.3, 1.1, 2.5]), np.array([[0.5], [-0.9]]), np.array(0.45)):
    case(np.interp, points, KNOTS + 0.0, anywhere(4), exact=None)
    case(np.interp, points, KNOTS + 0.0, anywhere(4), left=-2.0, right=3.0, exact=None)
case(np.interp, np.array([0.4, 7.3, -5.2]), KNOTS[::-1] * 1.0, anywhere(4), period=4.5, exact=None)
case(np.interp, np.array([0.4, 7.3]), [0, 1, 2], anywhere(3), exact=None)
case(np.interp, np.array([0.4, 7.3]), [1.0], anywhere(1), exact=None)
for mode in ("full", "same", "valid"):
    for sizes in ((5, 3), (3, 5), (2, 5), (4, 4)):
        case(np.correlate, *[anywhere(n) for n in sizes], mode=mode,
             exact=lambda a, v, mode: np.correlate(a, np.conj(v), mode))  # fmt: skip
case(np.correlate, anywhere(3), anywhere(2), exact=lambda a, v: np.correlate(a, np.conj(v)))
for options in ({}, {"N": 2}, {"increasing": True}, {"N": 1}, {"N": 0}):
    case(np.vander, anywhere(3), **options)
case(np.polyval, anywhere(3), anywhere(2, 2))
case(np.polyval, anywhere(3), anywhere())
case(np.polyval, [1, 2, 3], anywhere(2))
case(np.polyadd, anywhere(3), anywhere(2))
case(np.polysub, anywhere(2), anywhere(3))
case(np.polymul, anywhere(3), anywhere(2), exact=lambda a1, a2: np.convolve(a1, a2))
case(np.polydiv, anywhere(4), positive(2), exact=None,  # (how many zeros lead depends on rounding)
     via=lambda u, v: (np.polydiv(u, v)[0], np.polydiv(u, v)[1][-1:]))  # fmt: skip
case(np.polydiv, anywhere(2), [1, 2, 3], exact=None, via=lambda u, v: np.polydiv(u, v)[1])
case(np.polyder, anywhere(4), m=2)
case(np.polyder, anywhere(4))
case(np.polyint, anywhere(3))
case(np.polyint, anywhere(2), m=2, k=[1.5, -2.0])
case(np.poly, anywhere(3), exact=None)
case(np.polyfit, np.array([-1.0, -0.4, 0.7, 1.3]), anywhere(4), 1, exact=None)
case(np.polyfit, np.array([-1.0, -0.4, 0.7, 1.3]), anywhere(4, 2), 1, w=positive(4), exact=None)
if hasattr(np, "matvec"):
    for left, right in (((2, 3), (3,)), ((2, 2, 3), (2, 3)), ((2, 3), (4, 3))):
        case(np.matvec, anywhere(*left), anywhere(*right))
        case(np.vecmat, anywhere(*right), anywhere(*left[:-2], 3, 2), exact=lambda v, m: (
            np.einsum("...i,...ij->...j", v, m)))  # fmt: skip

for axes in ({}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"axis": (0, 1)}):
    case(np.nanprod, HOLES, **axes, exact=lambda a, **k: np.prod(np.where(np.isnan(a), 1, a), **k))
    case(np.nanmedian, HOLES, **axes, exact=None)
    if axes.get("axis") != 0:  # the deviation of one value: at its kink
        case(np.nanstd, HOLES, **axes, exact=None)
    case(np.nanvar, HOLES, **axes, exact=None)
for function in (np.nancumsum, np.nancumprod):
    case(function, HOLES, exact=None)
    case(function, HOLES, axis=1, exact=None)
case(np.nanvar, HOLES, ddof=1, where=np.array([True, True, False]), exact=None)
case(np.nanvar, anywhere(2, 3), axis=1, mean=anywhere(2, 1).astype(np.float32), exact=None)
case(np.nanstd, anywhere(2, 3), axis=1, correction=1, exact=None)
case(np.nanmedian, apart(2, 3))
for function, q in ((np.quantile, 0.3), (np.percentile, 30.0), (np.nanquantile, 0.8),
                    (np.nanpercentile, 80)):  # fmt: skip
    x = HOLES if "nan" in function.__name__ else apart(2, 5)
    case(function, x, q, exact=None)
    case(function, x, q, axis=1, keepdims=True, exact=None)
    case(function, x, [q / 2, q], axis=0, exact=None)
    case(function, apart(2, 5), [[q], [q / 3]], axis=(1, 0), keepdims=True, exact=None)
    case(function, apart(7), np.asarray(float(q)), exact=None)
    case(function, apart(3, 4), q, axis=1, weights=np.arange(12).reshape(3, 4) % 5,
         method="inverted_cdf", exact=None)  # fmt: skip
case(np.quantile, apart(3, 4), 0.4, axis=1, weights=[1, 2, 0, 4], method="inverted_cdf",
     exact=None)  # fmt: skip
for method in (
    "inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf",
    "hazen", "weibull", "median_unbiased", "normal_unbiased", "linear", "lower", "higher",
    "midpoint", "nearest",
):  # fmt: skip
    case(np.quantile, apart(3, 4), [0.0, 0.05, 0.21, 0.5, 0.77, 1.0], axis=1, method=method,
         exact=None)  # fmt: skip
for options in ({}, {"rowvar": False}, {"bias": True}, {"ddof": 0}):
    case(np.cov, anywhere(2, 4), **options, exact=None)
case(np.cov, anywhere(4), exact=None)
case(np.cov, anywhere(2, 4), anywhere(4), exact=None)
case(np.cov, anywhere(2, 4), y=anywhere(3, 4), exact=None)
case(np.cov, anywhere(2, 4), fweights=np.array([1, 3, 2, 1]), exact=None)
case(np.cov, anywhere(2, 4), fweights=np.array([1, 3, 2, 1]), aweights=positive(4), exact=None)
case(np.cov, anywhere(2, 4), aweights=positive(4), bias=True, exact=None)
case(np.corrcoef, anywhere(2, 4), exact=None)
case(np.corrcoef, anywhere(4), anywhere(4), exact=None)
case(np.corrcoef, anywhere(4, 2), rowvar=False, exact=None)
case(np.bincount, REPEATED, anywhere(5), exact=None)
case(np.bincount, REPEATED, weights=anywhere(5), minlength=6, exact=None)
case(np.histogram_bin_edges, apart(5), 3,
     via=lambda a, bins: np.histogram_bin_edges(unbool(a), bins))  # fmt: skip
case(np.histogram_bin_edges, apart(5), bins=4, range=(-1.0, 2.0), connected=False,
     via=lambda a, **k: np.histogram_bin_edges(unbool(a), **k) + np.zeros_like(a, shape=5),
     )  # fmt: skip
PLACES = [0.1, 0.5, 1.7, 2.2, 3.0]
for options in ({"bins": 3}, {"bins": [0, 1, 1.5, 3]}, {"bins": 4, "range": (0.3, 2.5)}):
    case(np.histogram, PLACES, weights=positive(5), **options, exact=None,
         via=lambda a, **k: np.histogram(a, **k)[0])  # fmt: skip
    case(np.histogram, PLACES, weights=positive(5), density=True, **options, exact=None,
         via=lambda a, **k: np.histogram(a, **k)[0])  # fmt: skip
case(np.histogram, apart(6), bins=4, weights=positive(6), exact=None,
     via=lambda a, **k: np.histogram(unbool(a), **k))  # fmt: skip
case(np.histogram, apart(6), bins=4, density=True, exact=None,
     via=lambda a, **k: np.histogram(unbool(a), **k))  # fmt: skip
case(np.histogram, apart(6), exact=None, via=lambda a: np.histogram(unbool(a))[1])

MASKS = np.array([[True, False, True], [True, True, False]])
for function in (np.sum, np.prod, np.mean, np.nansum, np.nanprod, np.nanmean):
    for axes in ({}, {"axis": 1}, {"axis": 0, "keepdims": True}, {"axis": (0, 1)}):
        case(function, nonzero(2, 3), where=MASKS, **axes)
    case(function, nonzero(2, 3), where=MASKS[:, :1])
for function in (np.sum, np.prod, np.nansum, np.nanprod):
    case(function, nonzero(2, 3), axis=1, initial=0.7)
    case(function, nonzero(2, 3), initial=1.5, where=MASKS)
    case(function, nonzero(0, 3), axis=0, initial=2)
for function in (np.max, np.amax, np.min, np.amin, np.nanmax, np.nanmin):
    sign = -1 if "min" in function.__name__ else 1
    case(function, apart(2, 3), axis=1, initial=-sign * 0.01)
    case(function, apart(2, 3), axis=1, initial=-9.0 * sign, where=MASKS)
    case(function, apart(2, 3), initial=9.0 * sign, keepdims=True)
    case(function, apart(2, 0), axis=1, initial=9.0 * sign)
for function, exact in ((np.var, None), (np.std, None)):
    case(function, anywhere(2, 3), where=MASKS, exact=exact)
    case(function, anywhere(2, 3), axis=1, where=MASKS, ddof=1, keepdims=True, exact=exact)
    case(function, anywhere(2, 3), axis=1, mean=anywhere(2, 1).astype(np.float32), exact=exact)
for options in ({}, {"axis": 0}, {"axis": 1, "weights": positive(3)}, {"weights": positive(2, 3)}):
    case(np.average, anywhere(2, 3), returned=True, **options,
         via=lambda a, **k: np.average(a, **k)[0])  # fmt: skip
case(np.average, anywhere(2, 3), axis=1, returned=True, weights=positive(3))
case(np.diff, anywhere(3, 2), n=0, prepend=1.0, append=2.0)

# ---- slopes, special functions, numbers taken apart -------------------------------------------

for shape_ in ((4,), (), (0, 3), (2, 3)):
    x, z = between(-2, 2, *shape_), between(0.3, 2, *shape_)
    case(slopes.tanh_slope, x, exact=lambda x: 1 / np.cosh(x) ** 2)
    case(slopes.sigmoid_slope, x, exact=lambda x: 1 / (2 + np.exp(x) + np.exp(-x)))
    case(slopes.root_beyond_one, z + 1.1, exact=lambda x: np.sqrt(x * x - 1))
    case(slopes.over_radius, x, z, exact=lambda x1, x2: x1 / np.sqrt(x1 * x1 + x2 * x2))
    case(slopes.over_squared_radius, x, z, exact=lambda x1, x2: x1 / (x1 * x1 + x2 * x2))
    case(np.copysign, z, x, exact=lambda a, b: a * np.sign(b.real))
    case(np.ldexp, x, np.array(3), exact=lambda a, n: a * 2.0**n)
    case(np.i0, x, exact=None)
    for order in (0, 1, 4):
        case(special.bessel_i, 3 * x, order, exact=None)
    case(autograd.erf, x, exact=None)
    # not near a step, where the fraction and the exponent jump
    fractions = between(0.1, 0.4, *shape_) + 3
    case(np.modf, fractions, exact=None, via=lambda x: list(np.modf(x)))
    case(np.frexp, fractions, exact=None, via=lambda x: np.frexp(x)[0])
case(np.ldexp, between(-2, 2, 3, 1), np.array([1, -2]), exact=lambda a, n: a * 2.0**n)
case(np.copysign, between(0.5, 2, 3, 1), between(-2, -1, 2), exact=lambda a, b: -a + 0 * b)
case(special.bessel_i, np.array([7.9, -8.2, 20.0, -30.0]), 2, exact=None)
case(np.i0, np.array([0.0, 7.5, 9.0]), exact=None)
for options in ({}, {"axis": 0}, {"period": 2.0}, {"discont": 4.0}):
    case(np.unwrap, np.array([[0.1, 3.0, -3.0], [4.3, 9.0, 0.6]]), **options, exact=None)

# Shares are meant to sum to 1, so they come from a softmax here.
for shape_, axis in (((3,), -1), ((2, 3), 0), ((2, 2, 2), (0, 2)), ((2, 2), None)):
    for scale in (1, 6):  # also where one share is most of all
        for function, plain in (
            (reductions.softmax_slope, lambda g, y, a: y * (g - np.sum(g * y, a, keepdims=True))),
            (reductions.log_softmax_slope, lambda g, y, a: g - y * np.sum(g, a, keepdims=True)),
        ):
            case(
                function, between(-1, 1, *shape_), scale * between(-1, 1, *shape_), axis,
                via=lambda g, x, a, f=function: f(g, autograd.softmax(x, a), a),
                exact=lambda g, x, a, f=plain: (
                    f(g, np.exp(x) / np.sum(np.exp(x), a, keepdims=True), a)
                ),
            )  # fmt: skip
for shape_, axis in (((3,), -1), ((2, 3), 0), ((0, 3), -1)):
    case(
        reductions.fused_log_softmax, 4 * between(-1, 1, *shape_), axis,
        exact=lambda x, axis: x - plain_logsumexp(x, axis, True),
    )  # fmt: skip
for shape_ in ((4,), (), (0, 3)):
    for function in (special.erf_slope, autograd.normal_cdf, autograd.normal_density):
        case(function, between(-3, 3, *shape_), exact=None)

# ---- statistics and cross products, each one operation ----------------------------------------

for size, options in [
    ((5,), {}), ((4,), {}), ((2, 3), {"axis": 1}), ((3, 2), {"axis": 0, "keepdims": True}),
    ((2, 3, 2), {"axis": (0, 2)}), ((2, 3, 2), {"axis": (2, 0), "keepdims": True}), ((), {}),
]:  # fmt: skip
    case(reductions.median, of(*size), **options)
    case(reductions.variance, of(*size), **options, exact=plain_var)
    if size:  # the deviation of one element: at its kink
        case(reductions.deviation, of(*size), **options, exact=plain_std)
case(reductions.variance, of(5), ddof=1, exact=plain_var)
case(reductions.deviation, of(3, 2), axis=0, ddof=1, exact=plain_std)
for first, second in [((3,), (3,)), ((2, 3), (3,)), ((2, 1, 3), (2, 3)), ((0, 3), (3,))]:
    case(linalg.cross_product, of(*first), of(*second))

# ---- decompositions, again ---------------------------------------------------------------------


def regular(*sizes: int) -> Any:
    return anywhere(*sizes, sizes[-1]) + 3 * np.eye(sizes[-1])


def plain_cofactors(a: Any, directions: Any) -> Any:
    """By the inverse, which is as good for regular matrices."""
    inverse = np.linalg.inv(a)
    whole = np.linalg.det(a)[..., None, None] * np.swapaxes(inverse, -1, -2)
    for d in directions:
        moved = inverse @ d
        trace = np.trace(moved, axis1=-2, axis2=-1)[..., None, None]
        along = np.swapaxes(moved @ inverse, -1, -2)
        whole = trace * whole - np.linalg.det(a)[..., None, None] * along
    return whole


for sizes in ((1,), (2,), (3,), (5,), (2, 4)):
    case(decompositions.cofactors, regular(*sizes), [], exact=plain_cofactors)
    case(decompositions.cofactors, regular(*sizes), [regular(*sizes)], exact=plain_cofactors)
for n, directions in ((2, 2), (3, 3), (5, 2)):
    case(
        decompositions.cofactors,
        regular(n),
        [anywhere(n, n) for _ in range(directions)],
        exact=None,
    )
for rank in range(5):  # singular, by the singular values
    low = anywhere(5, rank) @ anywhere(rank, 5)
    case(np.linalg.det, low)
    case(decompositions.cofactors, low, [anywhere(5, 5)], exact=None)
case(decompositions.uncertain, anywhere(2, 3), np.zeros((1, 3), bool))
case(np.linalg.slogdet, regular(2, 4), exact=None, via=lambda a: np.linalg.slogdet(a)[1])

# NumPy 2's names in np.linalg.
case(np.linalg.matmul, anywhere(2, 3), anywhere(3, 2))
case(np.linalg.matmul, anywhere(2, 1, 3), anywhere(2, 3, 2))
case(np.linalg.outer, anywhere(2), anywhere(3))
for offset in (0, 1, -1):
    case(np.linalg.diagonal, anywhere(2, 3, 3), offset=offset)
    case(np.linalg.trace, anywhere(2, 3, 4), offset=offset)
case(np.linalg.cross, anywhere(2, 3), anywhere(2, 3))
case(np.linalg.cross, anywhere(3, 2), anywhere(3, 2), axis=0)
case(
    np.linalg.vecdot, anywhere(2, 3), anywhere(2, 3), exact=lambda x1, x2: np.sum(x1 * x2, axis=-1)
)
case(np.linalg.vecdot, anywhere(3, 2), anywhere(3, 2), axis=0,
     exact=lambda x1, x2, axis: np.sum(x1 * x2, axis=axis))  # fmt: skip
case(np.linalg.tensordot, anywhere(2, 3, 2), anywhere(3, 2, 2))
case(np.linalg.tensordot, anywhere(2, 3), anywhere(3, 2), axes=([0], [1]))
case(np.linalg.matrix_transpose, anywhere(2, 3, 4))
for options in ({}, {"ord": 1}, {"ord": 2, "keepdims": True}, {"ord": "nuc"}, {"ord": -2}):
    case(np.linalg.matrix_norm, anywhere(2, 3, 2) + np.eye(3, 2), **options, exact=None)
for options in (
    {}, {"ord": 3}, {"ord": 1, "axis": 1}, {"axis": (0, 2), "keepdims": True}, {"ord": -2},
    {"axis": (2, 1), "ord": 2.5},
):  # fmt: skip
    case(np.linalg.vector_norm, regular(2, 3) + 5, **options, exact=None)
case(np.linalg.svdvals, anywhere(2, 3, 2), exact=None)
case(np.linalg.eigvalsh, anywhere(2, 3, 3), exact=None,
     via=lambda a: np.linalg.eigvalsh(symmetric(a)))  # fmt: skip
case(np.linalg.eigvalsh, anywhere(3, 3), UPLO="U", exact=None,
     via=lambda a, UPLO: np.linalg.eigvalsh(symmetric(a), UPLO))  # fmt: skip

# Orthogonal factors, least squares, conditions, tensors as matrices.
for a in (regular(3), regular(4)[:, :2], regular(4)[:2], regular(2, 3)[..., :2], anywhere(3, 1)):
    case(np.linalg.qr, a, exact=None)
    case(matrices.thin_qr, a, exact=None)
    case(np.linalg.qr, a, mode="r", exact=None)
for b in (anywhere(4), anywhere(4, 3)):
    for a in (regular(4)[:, :2], regular(4)):
        case(np.linalg.lstsq, a, b, exact=None, via=lambda a, b: np.linalg.lstsq(a, b)[:2])
    case(np.linalg.lstsq, regular(5)[:4], b, exact=None,
         via=lambda a, b: [np.linalg.lstsq(a, b, rcond=1e-9)[i] for i in (0, 3)])  # fmt: skip
for p in (None, 2, -2, 1, -1, np.inf, "fro", "nuc"):
    case(np.linalg.cond, regular(2, 3), p, exact=None)
case(np.linalg.cond, anywhere(4, 2), exact=None)
case(np.linalg.tensorinv, regular(6).reshape(2, 3, 6), exact=None)
case(np.linalg.tensorinv, regular(4).reshape(4, 2, 2), ind=1, exact=None)
case(np.linalg.tensorsolve, regular(6).reshape(2, 3, 6), anywhere(2, 3), exact=None)
case(np.linalg.tensorsolve, regular(6).reshape(2, 6, 3), anywhere(6), axes=(0,), exact=None,
     via=lambda a, b, axes: np.linalg.tensorsolve(a, b, axes=axes))  # fmt: skip

for x, options in (
    (anywhere(3), {}), (anywhere(2, 3), {}), (anywhere(2, 3), {"axis": 1}), (anywhere(), {}),
    (anywhere(2, 3, 2), {"axis": (0, 2), "keepdims": True}),
):  # fmt: skip
    case(compositions.length, x, **options, exact=plain_norm)
BIN_OF, IS_INSIDE = np.array([0, 0, 1, 2, 0]), np.array([True, True, True, True, False])
case(statistics.weighed, np.array([0.5, -1.2, 2.0, 0.3, 1.1]), [1, 2, 3, 5, 9], [1, 3, 4, 5], None,
     BIN_OF, IS_INSIDE, exact=None)  # fmt: skip
for base, exponent in (
    (positive(3), anywhere(3)), (positive(2, 1), anywhere(1, 3)), (positive(), anywhere()),
    (nonzero(4), 2), (nonzero(4), 3.0), (positive(2), -1), (positive(2), 0.5), (2.5, anywhere(2)),
    (positive(0), anywhere(0)),
):  # fmt: skip
    case(operator.pow, base, exponent)

# ---- norms of any order -----------------------------------------------------------------------

for _ord in (3, -2, 0.5):
    for _keepdims in (False, True):
        case(
            compositions.power_norm, between(0.5, 2, 2, 3), _ord, 1, _keepdims,
            exact=lambda x, ord, axis, keepdims: (x**ord).sum(axis, keepdims=keepdims) ** (1 / ord),
        )  # fmt: skip

# Factors of powers, convolutions, windows and what overlaps.
for x1, x2 in (
    (between(0.5, 2.0, 3), between(0.5, 2.0, 3)),
    (between(0.5, 2.0, 2, 1), between(0.5, 2.0, 1, 3)),
    (
        between(
            0.5,
            2.0,
        ),
        between(
            0.5,
            2.0,
        ),
    ),
):
    case(slopes.falling, x1, x2, 1, (1, 0), exact=None)
    case(slopes.falling, x1, x2, 2, (1, -1, 0), exact=None)
for sizes in ((5, 3), (2, 4), (3, 3), (1, 2)):
    case(compositions.convolution, *[between(0.5, 2.0, n) for n in sizes], exact=np.convolve)
for whole, window, axis in (
    ((6,), 4, None), ((6,), 2, 0), ((3, 4), (2, 3), None), ((3, 4), 2, 1), ((3, 4), (2, 2), (1, 1)),
):  # fmt: skip
    case(arranging.windows, between(0.5, 2.0, *whole), window, axis, exact=sliding)
    parts = sliding(np.zeros(whole), window, axis)
    case(arranging.overlapped, between(0.5, 2.0, *parts.shape), whole, window, axis, exact=None)
case(slopes.share_of_two, np.array([-30.0, -1.5, 0.3, 2.0]), exact=None)


# ---- means ------------------------------------------------------------------------------------
# np.mean and np.average are one operation each, told of how many elements, and of the weights.

for sizes, axis in (((4,), None), ((2, 3), 0), ((2, 3), (0, 1)), ((2, 3), -1), ((), None)):
    values, weights = _rng.normal(size=sizes), _rng.uniform(0.5, 2, sizes)
    count = values.size if axis is None else values.size // np.sum(values, axis=axis).size
    for keepdims in (False, True):
        case(reductions.mean_of, values, axis=axis, keepdims=keepdims, _n=count)
        case(reductions.weighted_mean, values, weights, axis=axis, keepdims=keepdims)
