"""Every function of the registry at special values: zeros, the ends of the range, inf and nan.

Values and dtypes are NumPy's own, bit for bit where NumPy computes them; gradients are limits, or
what TRAPS and PyTorch say where there is none. What is excepted stands in a table, with the reason.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd
from autograd import Tensor, grad
from nn import functional
from tests.cases import CASES, REGISTERED, home_of, name_of

inf, nan = np.inf, np.nan
DTYPES = [np.float64, np.float32, np.float16]
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.__name__)


def special(dtype: Any) -> Any:
    """0, -0, ±1, ± the smallest and the largest numbers of every kind, ±inf, nan."""
    info = np.finfo(dtype)
    sizes = [0.0, 1.0, info.smallest_subnormal, info.tiny, info.max, inf, 0.5, 2.0]
    return np.array([*sizes, *[-s for s in sizes], nan], dtype)


# Where LAPACK may refuse inf and nan, or never come to an end.
TAME = {"linalg.lstsq", "polyfit"}

# ---- values -----------------------------------------------------------------------------------


def fillings(case: Any, dtype: Any, orders: int = 2) -> Any:
    """The arrays of a case filled with special values, in several orders."""
    values = special(dtype)
    for k in range(orders):
        rng = np.random.default_rng(k)
        arrays = [np.asarray(rng.choice(values, a.shape)).astype(dtype) for a in case.arrays]
        if case.function is np.interp and len(arrays) > 1:
            arrays[1].sort()  # of points that do not increase there is no right answer
        if name_of(case.function) in TAME:
            arrays = [np.where(np.abs(a) <= 2, a, 1).astype(dtype) for a in arrays]
        yield arrays


def outcome(call: Any) -> tuple[list[Any] | None, type | None]:
    try:
        with np.errstate(all="ignore"):
            result = call()
    except Exception as error:
        return None, type(error)
    return list(result) if isinstance(result, (tuple, list)) else [result], None


# Compositions: the same to rounding, for a sum is rounded anew; and what they are made of.
ROUNDED = {
    "var", "std", "average", "mean", "nanmean", "median", "trapezoid", "convolve", "vdot", "inner",
    "dot", "tensordot", "cross", "vecdot", "linalg.norm", "multi_dot", "linalg.multi_dot",
    "linalg.matrix_power", "matmul", "einsum", "einsum_of_list", "kron", "outer", "trace", "diff",
    "ptp", "nansum", "nanmax", "nanmin", "round", "around", "float_power", "linalg.svd",
    *TAME,
}  # fmt: skip

# What decides between a number, inf and nan where NumPy's own answer is one of several.
EXCEPTED = {
    "dot": "BLAS passes over a factor 0: of 0 times nan it makes 0",
    "inner": "as dot",
    "linalg.matrix_power": "the order of the factors decides what overflows",
    "convolve": "in half a precision each product is rounded, where NumPy adds up wider ones",
    "vecdot": "as convolve",
    "interp": "where a slope leaves the range, versions of NumPy answer differently",
    "einsum": "BLAS adds a product in one step, so that what is too large for a number, less inf, "
    "is -inf and not nan",
}

# The same of float16 alone: a result that overflows on NumPy's way to it, and on ours does not.
HALVES = {
    "average": "products and their sum are of a whole precision",
    "std": "the root is taken of the variance in a whole precision",
    "nanvar": "summed in a whole precision, as var",
    "nanstd": "as nanvar",
    "nanmedian": "the two in the middle are added in a whole precision",
}

# Of 0 and -0, which are equal, NumPy's answer is the one that its way of sorting, or of comparing,
# meets first. That differs from processor to processor, and with return_index=; ours is the one
# that the gradient goes to. And between two points or elements a product 0 is added to them.
EITHER_ZERO = {
    "unique", "unique_all", "unique_counts", "unique_inverse", "unique_values", "union1d",
    "quantile", "percentile", "nanquantile", "nanpercentile", "running",
    "interp",
}  # fmt: skip


@each_dtype
@pytest.mark.parametrize("function", REGISTERED, ids=name_of)
def test_values_and_dtypes_are_numpys(function: Any, dtype: Any) -> None:
    cases = [c for c in CASES if c.function is function]
    assert cases, f"add cases to tests/cases.py for {name_of(function)}"
    for case in cases:
        for arrays in fillings(case, dtype):
            expected, refused = outcome(lambda c=case, a=arrays: c(a))
            found, why = outcome(lambda c=case, a=arrays: c([Tensor(x) for x in a]))
            if expected is None or found is None:
                assert refused and why, (case.label, arrays, refused, why)
                continue
            for y, z in zip(found, expected, strict=True):
                y = y.data if isinstance(y, Tensor) else np.asarray(y)
                assert (y.dtype, y.shape) == (np.asarray(z).dtype, np.shape(z)), case.label
                if not excepted(name_of(function), dtype):
                    same(name_of(function), case.label, arrays, y, np.asarray(z))


def excepted(name: str, dtype: Any) -> bool:
    return name in EXCEPTED or (name in HALVES and dtype == np.float16)


def test_what_is_excepted_exists() -> None:
    assert {*EXCEPTED, *HALVES, *EITHER_ZERO, *DECOMPOSED} <= {
        name_of(function) for function in REGISTERED
    }


def same(name: str, label: str, arrays: Any, y: Any, z: Any) -> None:
    if name in ROUNDED and y.dtype.kind == "f":
        tolerance = 64 * float(np.finfo(y.dtype).eps)
        with np.errstate(all="ignore"):
            atol = tolerance if name in TAME else 0
            np.testing.assert_allclose(y, z, tolerance, atol, err_msg=f"{label} {arrays}")
    else:
        np.testing.assert_array_equal(y, z, err_msg=f"{label} {arrays}")
        if y.dtype.kind == "f":
            number = ~np.isnan(y) & ((y != 0) | (name not in EITHER_ZERO))
            np.testing.assert_array_equal(
                np.signbit(y)[number], np.signbit(z)[number], err_msg=f"{label} {arrays}"
            )


# ---- between infinite values --------------------------------------------------------------------


def test_interpolation_between_infinite_values_is_numpys() -> None:
    values = special(np.float64)[:-1]
    for seed in range(400):
        rng = np.random.default_rng(seed)
        n = rng.integers(1, 6)
        points = np.sort(rng.choice(values if seed % 2 else np.array([-inf, 0, 1, 2, inf]), n))
        heights = rng.choice(values, n)
        x = np.concatenate([rng.choice(values, 3), rng.choice(points, 2), [0.5, 1.5, nan]])
        options = {"left": -7.0, "right": 8.0} if seed % 3 == 0 else {}
        t = Tensor(x, requires_grad=True)
        with np.errstate(all="ignore"):
            y, expected = (np.interp(a, points, heights, **options) for a in (t, x))
            (g,) = grad(np.sum(y), t)
        np.testing.assert_array_equal(y.data, expected, err_msg=f"{x} {points} {heights}")
        within = np.isfinite(x) & np.isin(x, points, invert=True)
        at = np.clip(np.searchsorted(points, x) - 1, 0, max(n - 2, 0))
        if n > 1:  # there is no slope between an infinite value and another
            jump = within & (x > points[0]) & (x < points[-1]) & np.isinf(heights[at + 1])
            assert not np.isfinite(g.data[jump]).any()


@pytest.mark.parametrize("value", [inf, -inf, nan])
def test_least_squares_of_data_with_inf_or_nan(value: float) -> None:
    a, x = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]]), np.array([1.0, 2.0, 4.0])
    for b in (np.array([1.0, value, 2.0]), np.array([[1.0, 3.0], [value, 1.0], [2.0, 1.0]])):
        for function in (lambda b: np.linalg.lstsq(a, b)[0], lambda b: np.polyfit(x, b, 1)):
            t = Tensor(b, requires_grad=True)
            with np.errstate(all="ignore"):
                y, expected = function(t), function(b)
                (g,) = grad(np.sum(y), t)
            np.testing.assert_allclose(y.data, expected, rtol=1e-13)
            assert np.isnan(g.data).all() or np.isnan(value)  # linear in what is nan


def test_condition_of_matrices_with_inf_or_nan() -> None:
    matrices = [np.diag([1.0, inf]), np.diag([nan, 1.0]), np.zeros((2, 2)), np.diag([1.0, 2.0])]
    for p in (None, 1, -1, inf, -inf, "fro"):
        for matrix in matrices:
            expected, refused = outcome(lambda a=matrix, p=p: np.linalg.cond(a, p))
            found, why = outcome(lambda a=matrix, p=p: np.linalg.cond(Tensor(a), p))
            assert refused == why
            if expected is not None:
                np.testing.assert_array_equal(found[0].data, expected[0], err_msg=f"{p} {matrix}")


# ---- gradients of every function: shape, dtype, and both ways the same ------------------------


def gradients(case: Any, arrays: Any, again: bool) -> Any:
    tensors = [Tensor(a, requires_grad=True) for a in arrays]
    with np.errstate(all="ignore"):
        result = case(tensors)
        outputs = list(result) if isinstance(result, (tuple, list)) else [result]
        outputs = [y for y in outputs if isinstance(y, Tensor) and y.requires_grad]
        if not outputs or not tensors:
            return []
        ones = [np.ones(y.shape, y.dtype) for y in outputs]
        return grad(outputs, tensors, ones, create_graph=again, allow_unused=True)


DECOMPOSED = {
    "linalg.inv", "linalg.solve", "linalg.det", "linalg.slogdet", "linalg.svd", "linalg.pinv",
    "thin_svd", "linalg.svdvals", "linalg.eigvalsh", "linalg.cond", "linalg.lstsq", "polyfit",
    "linalg.cholesky", "linalg.eigh", "linalg.norm",
}  # fmt: skip


@each_dtype
@pytest.mark.parametrize("function", REGISTERED, ids=name_of)
def test_gradients_have_the_shape_and_dtype_of_their_input(function: Any, dtype: Any) -> None:
    for case in (c for c in CASES if c.function is function):
        for arrays in fillings(case, dtype, orders=1):
            if outcome(lambda c=case, a=arrays: c([Tensor(x) for x in a]))[0] is None:
                continue
            try:
                plain, recorded = (gradients(case, arrays, again) for again in (False, True))
            except np.linalg.LinAlgError:  # NumPy's own refusal, of nan and of singular matrices
                assert name_of(function) in DECOMPOSED
                continue
            for x, g, h in zip(arrays, plain, recorded):
                if g is not None:
                    assert (g.shape, g.dtype) == (h.shape, h.dtype) == (x.shape, x.dtype)


# ---- gradients where there is a limit ---------------------------------------------------------

# The slope at -inf, -0, 0 and inf; None where the value is nan, or nothing is asked.
LIMITS = {
    np.negative: (-1, -1, -1, -1), np.positive: (1, 1, 1, 1), np.absolute: (-1, 0, 0, 1),
    np.fabs: (-1, 0, 0, 1), np.reciprocal: (0, -inf, -inf, 0), np.square: (-inf, 0, 0, inf),
    np.sqrt: (None, -inf, inf, 0), np.cbrt: (0, inf, inf, 0), np.exp: (0, 1, 1, inf),
    np.exp2: (0, np.log(2), np.log(2), inf), np.expm1: (0, 1, 1, inf),
    np.log: (None, -inf, inf, 0), np.log2: (None, -inf, inf, 0), np.log10: (None, -inf, inf, 0),
    np.log1p: (None, 1, 1, 0), np.sin: (None, 1, 1, None), np.cos: (None, 0, 0, None),
    np.tan: (None, 1, 1, None), np.arcsin: (None, 1, 1, None), np.arccos: (None, -1, -1, None),
    np.arctan: (0, 1, 1, 0), np.sinh: (inf, 1, 1, inf), np.cosh: (-inf, 0, 0, inf),
    np.tanh: (0, 1, 1, 0), np.arcsinh: (0, 1, 1, 0), np.arccosh: (None, None, None, 0),
    np.arctanh: (None, 1, 1, None), np.sinc: (None, 0, 0, None), np.floor: (0, 0, 0, 0),
    np.ceil: (0, 0, 0, 0), np.trunc: (0, 0, 0, 0), np.rint: (0, 0, 0, 0), np.sign: (0, 0, 0, 0),
    np.nan_to_num: (0, 1, 1, 0), np.i0: (None, 0, 0, None),
    autograd.relu: (0, 0, 0, 1), autograd.sigmoid: (0, 0.25, 0.25, 0),
    autograd.softplus: (0, 0.5, 0.5, 1), autograd.log_sigmoid: (1, 0.5, 0.5, 0),
    autograd.erf: (0, 2 / np.sqrt(np.pi), 2 / np.sqrt(np.pi), 0),
    autograd.normal_cdf: (0, 1 / np.sqrt(2 * np.pi), 1 / np.sqrt(2 * np.pi), 0),
    autograd.normal_density: (0, 0, 0, 0),
}  # fmt: skip


@each_dtype
@pytest.mark.parametrize("function", LIMITS, ids=name_of)
def test_slope_far_out_and_at_0(function: Any, dtype: Any) -> None:
    x = np.array([-inf, -0.0, 0.0, inf], dtype)
    asked = np.array([e is not None for e in LIMITS[function]])
    expected = np.array([0 if e is None else e for e in LIMITS[function]], float)
    for again in (False, True):
        t = Tensor(x, requires_grad=True)
        with np.errstate(all="ignore"):
            (g,) = grad(function(t), t, np.ones_like(x), create_graph=again)
        np.testing.assert_allclose(
            g.data[asked], expected[asked].astype(dtype), rtol=3 * float(np.finfo(dtype).eps)
        )


# function: (arguments, gradients), one pair of numbers after the other
PAIRS = {
    np.hypot: [((inf, 2), (1, 0)), ((-inf, 2), (-1, 0)), ((2, inf), (0, 1)), ((0, -inf), (0, -1))],
    np.arctan2: [
        ((1, inf), (0, 0)), ((1, -inf), (0, 0)), ((inf, 1), (0, 0)), ((-inf, inf), (0, 0)),
        ((0, 2), (0.5, 0)), ((2, 0), (0, -0.5)), ((0, 0), (0, 0)),
    ],
    np.logaddexp: [
        ((inf, inf), (0.5, 0.5)), ((-inf, -inf), (0, 0)), ((inf, 3), (1, 0)), ((3, inf), (0, 1)),
        ((-inf, 3), (0, 1)), ((inf, -inf), (1, 0)),
    ],
    np.logaddexp2: [((inf, inf), (0.5, 0.5)), ((-inf, -inf), (0, 0)), ((inf, 3), (1, 0))],
    np.power: [
        ((0.5, inf), (0, 0)), ((2, -inf), (0, 0)), ((0, inf), (0, 0)), ((2, inf), (inf, inf)),
        ((inf, 2), (inf, inf)), ((inf, -1), (0, 0)), ((inf, 0.5), (0, inf)), ((inf, 0), (0, inf)),
        ((1, inf), (inf, 0)), ((0, 0), (0, 0)), ((0, 2), (0, 0)), ((0, 0.5), (inf, 0)),
    ],
    np.divide: [((1, inf), (0, 0)), ((inf, 2), (0.5, -inf)), ((1, 0), (inf, -inf))],
    np.multiply: [((inf, 2), (2, inf)), ((2, -inf), (-inf, 2))],
    np.maximum: [((inf, inf), (0.5, 0.5)), ((inf, -inf), (1, 0)), ((-inf, -inf), (0.5, 0.5))],
    np.minimum: [((inf, inf), (0.5, 0.5)), ((inf, -inf), (0, 1))],
    np.fmax: [((inf, inf), (1, 0)), ((nan, 2), (0, 1)), ((-inf, nan), (1, 0))],
    np.fmin: [((inf, inf), (1, 0)), ((nan, 2), (0, 1))],
    np.fmod: [((3, inf), (1, 0)), ((-3, inf), (1, 0)), ((-0.0, 2), (1, 0)), ((5, -2), (1, 2))],
    np.remainder: [((3, inf), (1, 0)), ((-3, inf), (1, 1)), ((5, -2), (1, 3))],
    np.copysign: [((inf, -1), (-1, 0)), ((-3, inf), (-1, 0)), ((0, -2), (0, 0))],
    np.heaviside: [((0, inf), (0, 1)), ((inf, 2), (0, 0))],
    np.floor_divide: [((inf, 2), (0, 0)), ((3, inf), (0, 0))],
}  # fmt: skip


@each_dtype
@pytest.mark.parametrize("function", PAIRS, ids=name_of)
def test_slopes_of_two_arguments(function: Any, dtype: Any) -> None:
    for arguments, expected in PAIRS[function]:
        for again in (False, True):
            tensors = [Tensor(np.array(a, dtype), requires_grad=True) for a in arguments]
            with np.errstate(all="ignore"):
                found = grad(function(*tensors), tensors, create_graph=again)
            np.testing.assert_array_equal(
                [g.item() for g in found], expected, err_msg=f"{arguments}"
            )


# function, vector, gradient of its sum
VECTORS = {
    "logsumexp of one inf": (autograd.logsumexp, [1, inf], [0, 1]),
    "logsumexp of two inf": (autograd.logsumexp, [inf, 1, inf], [0.5, 0, 0.5]),
    "logsumexp of inf and -inf": (autograd.logsumexp, [-inf, inf], [0, 1]),
    "logsumexp of -inf": (autograd.logsumexp, [-inf, 0], [0, 1]),
    "logsumexp of nothing": (autograd.logsumexp, [-inf, -inf], [0, 0]),
    "logsumexp of nan": (autograd.logsumexp, [nan, 0], [nan, nan]),
    "rows": (lambda x: autograd.logsumexp(x, 1), [[1, inf], [0, 0], [-inf, -inf]],
             [[0, 1], [0.5, 0.5], [0, 0]]),
    "softmax beside -inf": (lambda x: autograd.softmax(x)[1:], [-inf, 0, 0], [0, 0, 0]),
    "max": (np.max, [inf, 1, inf], [0.5, 0, 0.5]), "min": (np.min, [inf, 1, -inf], [0, 0, 1]),
    "max of -inf": (np.max, [-inf, -inf], [0.5, 0.5]), "max of nan": (np.max, [nan, inf], [1, 0]),
    "sort": (lambda x: np.sort(x)[2:], [inf, -inf, 3], [1, 0, 0]),
    "median": (np.median, [inf, -inf, 3], [0, 0, 1]),
    "median of inf": (np.median, [inf, inf, 3], [1, 0, 0]),
    "sum": (np.sum, [inf, -inf], [1, 1]), "mean": (np.mean, [inf, 2], [0.5, 0.5]),
    "cumsum": (np.cumsum, [inf, 1, nan], [3, 2, 1]), "prod": (np.prod, [inf, 2], [2, inf]),
    "prod with 0": (np.prod, [0, inf, 2], [inf, 0, nan]),
    "cumprod": (np.cumprod, [2, inf], [inf, 2]), "nansum": (np.nansum, [nan, inf], [0, 1]),
    "nanmax": (np.nanmax, [nan, inf, 1], [0, 1, 0]),
}  # fmt: skip


@each_dtype
@pytest.mark.parametrize("name", VECTORS)
def test_gradients_of_vectors(name: str, dtype: Any) -> None:
    function, values, expected = VECTORS[name]
    for again in (False, True):
        t = Tensor(np.array(values, dtype), requires_grad=True)
        with np.errstate(all="ignore"):
            y = function(t)
            (g,) = grad(y, t, np.ones(y.shape, y.dtype), create_graph=again)
        np.testing.assert_array_equal(g.data, expected)


# ---- nothing at all ---------------------------------------------------------------------------

EMPTY = [
    (np.sum, {}), (np.sum, {"axis": 0}), (np.sum, {"axis": (0, 1)}), (np.prod, {}),
    (np.prod, {"axis": 1}), (np.prod, {"axis": (0, 1), "keepdims": True}), (np.cumsum, {}),
    (np.cumsum, {"axis": 1}), (np.cumprod, {"axis": 0}), (np.cumprod, {}), (np.sort, {"axis": 0}),
    (np.sort, {"axis": None}), (np.diff, {"axis": 1}), (np.nansum, {"axis": 0}),
]  # fmt: skip
OWN = [
    (f, {"axis": axis}) for f in (autograd.softmax, autograd.log_softmax, autograd.logsumexp)
    for axis in (0, 1, -1)
]  # fmt: skip


@each_dtype
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)], ids=str)
@pytest.mark.parametrize(("function", "options"), EMPTY + OWN, ids=str)
def test_gradients_of_nothing(function: Any, options: Any, shape: Any, dtype: Any) -> None:
    t = Tensor(np.zeros(shape, dtype), requires_grad=True)
    y = function(t, **options)
    if home_of(function) == "numpy":
        expected = function(np.zeros(shape, dtype), **options)
        np.testing.assert_array_equal(y.data, expected)
        assert y.dtype == expected.dtype
    for again in (False, True):
        (g,) = grad(y, t, np.ones(y.shape, y.dtype), create_graph=again)
        assert (g.shape, g.dtype) == (shape, dtype)


# ---- PyTorch ----------------------------------------------------------------------------------

# NumPy's function: PyTorch's name for it, and where ours is the limit but PyTorch's is not
TORCH = {
    "negative": "negative", "square": "square", "sqrt": "sqrt", "exp": "exp", "exp2": "exp2",
    "expm1": "expm1", "log": "log", "log2": "log2", "log1p": "log1p", "sin": "sin", "cos": "cos",
    "tan": "tan", "arcsin": "arcsin", "arccos": "arccos", "arctan": "arctan", "sinh": "sinh",
    "cosh": "cosh", "arctanh": "arctanh", "tanh": "tanh", "floor": "floor", "sign": "sign",
    "nan_to_num": "nan_to_num", "reciprocal": "reciprocal", "log10": "log10",
    "arcsinh": "arcsinh", "arccosh": "arccosh", "absolute": "abs", "sinc": "sinc",
}  # fmt: skip
OURS_IS_THE_LIMIT = {  # PyTorch's square, product or first series term leaves the range
    "log10": "max", "arcsinh": "max", "arccosh": "max", "sinc": "tiny max",
}  # fmt: skip
NAN = {"absolute": "PyTorch's slope of |nan| is 0, ours nan, as the value is"}


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=lambda d: d.__name__)
@pytest.mark.parametrize("name", TORCH)
def test_slopes_are_pytorchs(name: str, dtype: Any) -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    x, info = special(dtype), np.finfo(dtype)
    excepted = {"max": np.abs(x) == info.max, "tiny": (np.abs(x) <= info.tiny) & (x != 0)}
    left = np.ones(x.shape, bool)
    for kind in OURS_IS_THE_LIMIT.get(name, "").split():
        left &= ~excepted[kind]
    if name in NAN:
        left &= ~np.isnan(x)
    a = Tensor(x, requires_grad=True)
    b = torch.tensor(x, requires_grad=True)
    with np.errstate(all="ignore"):
        (found,) = grad(getattr(np, name)(a), a, np.ones_like(x))
    (expected,) = torch.autograd.grad(getattr(torch, TORCH[name])(b), b, torch.ones_like(b))
    np.testing.assert_allclose(found.data[left], expected.numpy()[left], rtol=1e-6)


# function: limits of its first and second derivative at inf
FAR_OUT = {
    "silu": (functional.silu, 1, 0), "gelu": (functional.gelu, 1, 0),
    "gelu_tanh": (lambda x: functional.gelu(x, "tanh"), 1, 0),
    "softplus": (autograd.softplus, 1, 0), "elu": (functional.elu, 1, 0),
    "cbrt": (np.cbrt, 0, 0), "sqrt": (np.sqrt, 0, 0), "normal_cdf": (autograd.normal_cdf, 0, 0),
}  # fmt: skip


@each_dtype
@pytest.mark.parametrize("name", FAR_OUT)
@pytest.mark.parametrize("shape", [(), (3,)])
def test_limits_far_out(name: str, shape: Any, dtype: Any) -> None:
    function, once, twice = FAR_OUT[name]
    t = Tensor(np.full(shape, inf, dtype), requires_grad=True)
    ones = np.ones(shape, dtype)
    with np.errstate(all="ignore"):
        (plain,) = grad(function(t), t, ones)
        (first,) = grad(function(t), t, ones, create_graph=True)
        (second,) = grad(first, t, ones)
    np.testing.assert_array_equal([plain.data, first.data], np.full((2, *shape), once))
    np.testing.assert_array_equal(second.data, np.full(shape, twice))
