"""Derivatives keep their digits over the whole range: in tails, near poles, where squares overflow.

The expected numbers are closed forms that do not cancel, in extended precision, and errors are
counted in units in the last place of the dtype. In half a precision every number is tried.
"""

import math
from fractions import Fraction

import numpy as np
import pytest

import autograd
import nn
from autograd import Tensor, grad, hessian, jacobian, jvp
from autograd.ops import slopes
from nn import functional

Long = np.longdouble
if np.finfo(Long).eps > 2e-19:
    pytest.skip("needs extended precision to compare with", allow_module_level=True)

PI = Long(math.pi) + Long(1.2246467991473532e-16)
LN2 = Long(math.log(2)) + Long(2.3190468138462996e-17)
LN10 = Long(math.log(10)) - Long(2.1707562233822494e-16)
DTYPES = [np.float16, np.float32, np.float64]


def everything(dtype):
    """Every finite number in half a precision, else numbers of all sizes and both signs."""
    if dtype is np.float16:
        x = np.arange(1 << 16).astype(np.uint16).view(np.float16)
        return x[np.isfinite(x)]
    info, rng = np.finfo(dtype), np.random.default_rng(7)
    low, high = math.log2(float(info.smallest_subnormal)), math.log2(float(info.max))
    sizes = np.exp2(rng.uniform(low, high, 1500).astype(Long)).astype(dtype)
    usual = rng.uniform(0, 1000, 1000), rng.uniform(0, 40, 1000), rng.uniform(0, 2, 1000)
    sizes = np.concatenate([sizes, *usual, 1 - np.exp2(rng.uniform(-52, 0, 200))]).astype(dtype)
    return np.concatenate([sizes, -sizes, [0, 1, info.max, -info.max, info.tiny]]).astype(dtype)


def within(low, high):
    return lambda x: (x >= low) & (x <= high)


def anywhere(x):
    return np.isfinite(x)


def positive(x):
    return x > 0


def under_the_bell(x):
    """Where a bell is a normal number; below, its derivative has no more digits than it has."""
    return np.exp(-x * x) > 100 * np.finfo(x.dtype).tiny if x.dtype != np.float16 else x == x


def logistic(x):
    return 1 / (1 + np.exp(-x))


def bell(x):
    return np.exp(-x * x / 2) / np.sqrt(2 * PI)


def product(x):
    return logistic(x) * logistic(-x)


def beyond(x):
    return np.sqrt(x - 1) * np.sqrt(x + 1)


def inside(x):
    return np.sqrt((1 - x) * (1 + x))


# function: (where, first derivative, second derivative)
TAILS = {
    np.exp: (anywhere, np.exp, np.exp),
    np.exp2: (anywhere, lambda x: LN2 * np.exp2(x), lambda x: LN2 * LN2 * np.exp2(x)),
    np.expm1: (anywhere, np.exp, np.exp),
    np.log: (within(0, np.inf), lambda x: 1 / x, lambda x: -1 / (x * x)),
    np.log2: (within(0, np.inf), lambda x: 1 / x / LN2, lambda x: -1 / (x * x) / LN2),
    np.log10: (within(0, np.inf), lambda x: 1 / x / LN10, lambda x: -1 / (x * x) / LN10),
    np.log1p: (within(-1, np.inf), lambda x: 1 / (1 + x), lambda x: -1 / (1 + x) ** 2),
    np.sqrt: (positive, lambda x: 0.5 / np.sqrt(x), lambda x: -0.25 / np.sqrt(x) / x),
    np.square: (anywhere, lambda x: 2 * x, lambda x: 2 + 0 * x),
    np.reciprocal: (anywhere, lambda x: -1 / (x * x), lambda x: 2 / (x * x * x)),
    np.tan: (
        within(-1.5, 1.5),
        lambda x: 1 + np.tan(x) ** 2,
        lambda x: 2 * np.tan(x) * (1 + np.tan(x) ** 2),
    ),
    np.sinh: (anywhere, np.cosh, np.sinh),
    np.cosh: (anywhere, np.sinh, np.cosh),
    np.tanh: (
        anywhere,
        lambda x: 1 / np.cosh(x) / np.cosh(x),
        lambda x: -2 * np.tanh(x) / np.cosh(x) / np.cosh(x),
    ),
    np.arcsin: (within(-1, 1), lambda x: 1 / inside(x), lambda x: x / inside(x) ** 3),
    np.arccos: (within(-1, 1), lambda x: -1 / inside(x), lambda x: -x / inside(x) ** 3),
    np.arctan: (anywhere, lambda x: 1 / (1 + x * x), lambda x: -2 * x / (1 + x * x) ** 2),
    np.arcsinh: (
        anywhere,
        lambda x: 1 / np.sqrt(1 + x * x),
        lambda x: -x / np.sqrt(1 + x * x) / (1 + x * x),
    ),
    np.arccosh: (within(1, np.inf), lambda x: 1 / beyond(x), lambda x: -x / beyond(x) ** 3),
    np.arctanh: (within(-1, 1), lambda x: 1 / inside(x) ** 2, lambda x: 2 * x / inside(x) ** 4),
    autograd.sigmoid: (anywhere, product, lambda x: -product(x) * np.tanh(x / 2)),
    autograd.softplus: (anywhere, logistic, product),
    autograd.log_sigmoid: (anywhere, lambda x: logistic(-x), lambda x: -product(x)),
    autograd.normal_cdf: (under_the_bell, bell, lambda x: -x * bell(x)),
    autograd.normal_density: (under_the_bell, lambda x: -x * bell(x), None),
    autograd.erf: (
        under_the_bell,
        lambda x: 2 / np.sqrt(PI) * np.exp(-x * x),
        lambda x: -4 * x / np.sqrt(PI) * np.exp(-x * x),
    ),
    functional.elu: (
        lambda x: np.isfinite(x) & (x != 0),
        lambda x: np.exp(np.minimum(x, 0)),
        lambda x: np.where(x < 0, np.exp(np.minimum(x, 0)), 0),
    ),
}


def units(found, expected):
    """The largest error in units in the last place; infinite and nan ones must be equal."""
    dtype = found.dtype
    with np.errstate(all="ignore"):
        rounded = expected.astype(dtype)
        finite = np.isfinite(rounded)
        # at the very end of the range one rounding up may overflow
        largest = ~np.isfinite(found) & finite & (np.abs(rounded) > 0.99 * np.finfo(dtype).max)
        smallest = np.isfinite(found) & ~finite & (np.abs(found) > 0.99 * np.finfo(dtype).max)
        same = (found == rounded) | (np.isnan(found) & np.isnan(rounded)) | largest | smallest
        error = np.abs(found.astype(Long) - expected) / np.spacing(np.abs(rounded))
    return np.where(same, 0, np.where(finite, error, np.inf))


def derivatives(function, x):
    """The first and the second of each element, by sweeps."""
    t = Tensor(x, requires_grad=True)
    with np.errstate(all="ignore"):
        y = function(t)
        (plain,) = grad(y, t, np.ones_like(x))
        (first,) = grad(function(t), t, np.ones_like(x), create_graph=True)
        (second,) = grad(first, t, np.ones_like(x))
        (_, forward) = jvp(function, Tensor(x), np.ones_like(x))
    return plain.data, first.data, forward.data, second.data


def name_of(function):
    return getattr(function, "__name__", str(function))


def assert_few(found, expected, x, most):
    error = units(found, expected)
    worst = int(np.nanargmax(error))
    assert error[worst] <= most, (
        f"{error[worst]:.3g} units at {x[worst]!r}: {found[worst]!r}, not {expected[worst]!r}"
    )


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.__name__)
@pytest.mark.parametrize("function", TAILS, ids=name_of)
def test_derivatives_are_exact_to_a_few_units(function, dtype):
    where, by_x, by_x_twice = TAILS[function]
    x = everything(dtype)
    with np.errstate(all="ignore"):
        x = x[where(x) & np.isfinite(function(x))]
    if dtype is np.float32 and function in (autograd.normal_cdf, autograd.normal_density):
        x = x[np.abs(x) < 2]  # beyond, the rounding of x² is left in, for the sake of gelu's time
    plain, first, forward, second = derivatives(function, x)
    with np.errstate(all="ignore"):
        once = by_x(x.astype(Long))
        twice = None if by_x_twice is None else by_x_twice(x.astype(Long))
    for found in (plain, first, forward):
        assert found.dtype == dtype
        assert_few(found, once, x, 7)
    assert second.dtype == dtype
    if twice is not None:
        assert_few(second, twice, x, 10)


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.__name__)
def test_the_slope_of_tanh_is_exact_by_cosh_and_by_exp(dtype, quick, monkeypatch):
    monkeypatch.setattr(slopes, "_quick_cosh", lambda: quick)  # as on another machine
    _, by_x, by_x_twice = TAILS[np.tanh]
    x = everything(dtype)
    *firsts, second = derivatives(np.tanh, x)
    with np.errstate(all="ignore"):
        once, twice = by_x(x.astype(Long)), by_x_twice(x.astype(Long))
    for found in firsts:
        assert_few(found, once, x, 7)
    assert_few(second, twice, x, 10)


# Where the derivative itself goes through 0 its terms cancel, as any sum does there: here errors
# are counted in units of the terms.
SHARES = {
    functional.silu: lambda x: (logistic(x), x * product(x)),
    functional.gelu: lambda x: (
        np.vectorize(lambda v: Long(math.erfc(-float(v) / math.sqrt(2)) / 2))(x), x * bell(x)
    ),
}  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.__name__)
@pytest.mark.parametrize("function", SHARES, ids=name_of)
def test_a_share_of_x_has_an_exact_slope(function, dtype):
    low = {np.float16: -4, np.float32: -2 if function is functional.gelu else -11, np.float64: -20}[
        dtype
    ]
    x = everything(dtype)
    x = x[(x > low) & np.isfinite(x)]
    with np.errstate(all="ignore"):
        first, second = SHARES[function](x.astype(Long))
        scale = np.spacing((np.abs(first) + np.abs(second)).astype(dtype))
        for found in derivatives(function, x)[:3]:
            error = np.abs(found.astype(Long) - (first + second)) / scale
            assert np.nanmax(error) <= (20 if dtype is np.float64 and low == -20 else 8)


# ---- two arguments ----------------------------------------------------------------------------


def share_of_two(x):
    return 1 / (1 + np.exp2(-x))


PAIRS = {  # function: its first and its second derivatives, by a a, a b and b b
    np.hypot: (
        lambda a, b: (a / np.sqrt(a * a + b * b), b / np.sqrt(a * a + b * b)),
        lambda a, b, r=lambda a, b: np.sqrt(a * a + b * b): (
            b / r(a, b) * b / r(a, b) / r(a, b), -a / r(a, b) * b / r(a, b) / r(a, b),
            a / r(a, b) * a / r(a, b) / r(a, b),
        ),
    ),
    np.arctan2: (
        lambda a, b: (b / (a * a + b * b), -a / (a * a + b * b)),
        lambda a, b, s=lambda a, b: a * a + b * b: (
            -2 * a / s(a, b) * b / s(a, b), None,
            2 * a / s(a, b) * b / s(a, b),
        ),
    ),
    np.logaddexp: (
        lambda a, b: (logistic(a - b), logistic(b - a)),
        lambda a, b: (product(a - b), -product(a - b), product(a - b)),
    ),
    np.logaddexp2: (
        lambda a, b: (share_of_two(a - b), share_of_two(b - a)),
        lambda a, b, p=lambda d: share_of_two(d) * share_of_two(-d) * LN2: (
            p(a - b), -p(a - b), p(a - b)
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.__name__)
@pytest.mark.parametrize("function", PAIRS, ids=name_of)
def test_derivatives_of_two_arguments(function, dtype):
    rng = np.random.default_rng(3)
    if function in (np.logaddexp, np.logaddexp2):  # whole numbers, whose difference is exact
        a, b = (rng.integers(-300, 300, 500).astype(dtype) for _ in range(2))
    else:
        info = np.finfo(dtype)
        ends = math.log2(float(info.tiny)) / 3, math.log2(float(info.max)) - 1
        a, b = (
            (rng.choice([-1, 1], 500) * np.exp2(rng.uniform(*ends, 500))).astype(dtype)
            for _ in range(2)
        )
    x, z = Tensor(a, requires_grad=True), Tensor(b, requires_grad=True)
    one = np.ones_like(a)
    by_x, by_z = grad(function(x, z), [x, z], one, create_graph=True)
    by_xx, by_xz = grad(by_x, [x, z], one)
    (by_zz,) = grad(by_z, [z], one)
    first, second = (f(a.astype(Long), b.astype(Long)) for f in PAIRS[function])
    with np.errstate(all="ignore"):
        for found, expected in zip((by_x, by_z), first, strict=True):
            assert_few(found.data, expected, a, 6)
        for found, expected in zip((by_xx, by_xz, by_zz), second, strict=True):
            if expected is not None:
                assert_few(found.data, expected, a, 10)
        if function is np.arctan2:  # (a² - b²)/(a² + b²)², in units of its terms
            u, w = (t.astype(Long) / (a.astype(Long) ** 2 + b.astype(Long) ** 2) for t in (a, b))
            error = np.abs(by_xz.data - (u - w) * (u + w))
            assert np.all(error <= 10 * np.spacing((u * u + w * w).astype(dtype)))


@pytest.mark.parametrize("function", [np.fmod, np.remainder], ids=name_of)
def test_by_the_divisor_the_quotient_that_was_taken(function):
    whole = {np.fmod: math.trunc, np.remainder: math.floor}[function]
    tenths = [(a / 10, b / 10) for a in range(102) for b in range(1, 10)]
    rng = np.random.default_rng(5)
    sizes = [tuple(np.exp2(rng.uniform(-20, 20, 2))) for _ in range(300)]
    for a, b in [*tenths, *sizes, (1e200, 1e-10), (1.0, np.inf), (5e-324, 1.0)]:
        for x1, x2 in ((a, b), (-a, b), (a, -b), (-a, -b)):
            t = Tensor(x2, requires_grad=True)
            g = grad(function(x1, t), t)[0].item()
            if np.isinf(x2):
                # all of x1 is left, or x2 + x1 where their signs differ
                assert g == (1 if function is np.remainder and x1 * x2 < 0 else 0)
                continue
            exact = -whole(Fraction(x1) / Fraction(x2))
            assert g == exact or abs(Fraction(g) - exact) <= abs(exact) * Fraction(2) ** -50


def test_divmod_and_its_parts_agree():
    x, z = Tensor(1.0, requires_grad=True), Tensor(0.1, requires_grad=True)
    quotient, rest = np.divmod(x, z)
    assert grad(rest, z)[0].item() == -quotient.item() == -9
    half = (
        Tensor(np.float16(2047), requires_grad=True),
        Tensor(np.float16(0.37), requires_grad=True),
    )
    expected = -math.trunc(Fraction(2047) / Fraction(float(np.float16(0.37))))
    assert grad(np.fmod(*half), half[1])[0].item() == np.float16(expected)


# ---- shares -----------------------------------------------------------------------------------

ROWS = [
    [0.0, -12.0], [0.0, -40.0], [40.0, 0.0, 1.0], [0.0, -5.0, -700.0], [3.0, 1.0, 2.0],
    [-88.0, 0.0, -16.0, -17.0], [0.0, 0.0, 0.0], [9.0, 9.0, -30.0],
]  # fmt: skip


def shares(row):
    """softmax, and what each share lacks of 1, both of positive terms alone."""
    e = np.exp(np.array(row, Long) - max(row))
    others = np.array([np.sum(np.delete(e, i)) for i in range(len(row))])
    return e / np.sum(e), others / np.sum(e)


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.__name__)
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_shares_have_exact_derivatives(row, dtype):
    x, n = Tensor(np.array(row, dtype)), len(row)
    p, rest = shares(row)
    one = np.eye(n, dtype=Long)
    slope = p[:, None] * np.where(one == 1, rest[:, None], -p)  # of softmax
    pairs = {
        autograd.softmax: slope,
        autograd.log_softmax: np.where(one == 1, rest, -p),
        autograd.logsumexp: p,
    }
    most = 8
    for function, expected in pairs.items():
        found = jacobian(function, x).data
        columns = [jvp(function, x, d)[1].data for d in np.eye(n, dtype=dtype)]
        for matrix in (found, np.stack(columns, axis=-1)):
            assert_few(matrix.ravel(), expected.ravel(), matrix.ravel(), most)
    found = hessian(autograd.logsumexp, x).data
    assert_few(found.ravel(), slope.ravel(), found.ravel(), most)
    for i in range(n):
        found = hessian(lambda x, i=i: autograd.log_softmax(x)[i], x).data
        assert_few(found.ravel(), -slope.ravel(), found.ravel(), most)
        found = hessian(lambda x, i=i: autograd.softmax(x)[i], x).data
        # p_i ((1_ij - p_j)(1_ik - p_k) - p_j (1_jk - p_k)): the terms are of both signs
        centred = np.where(one == 1, rest, -p)
        expected = p[i] * (centred[i][:, None] * centred[i] - slope)
        scale = p[i] * (np.abs(centred[i][:, None] * centred[i]) + np.abs(slope))
        with np.errstate(all="ignore"):
            error = np.abs(found - expected) / np.spacing(scale.astype(dtype))
        assert np.max(error) <= 2 * most


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.__name__)
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_losses_have_exact_derivatives(row, dtype):
    p, rest = shares(row)
    n = len(row)
    for label in range(n):
        expected = np.where(np.arange(n) == label, -rest, p)
        target = np.eye(n, dtype=dtype)[label]
        for against in (label, target):
            for again in (False, True):
                x = Tensor(np.array(row, dtype), requires_grad=True)
                loss = functional.cross_entropy(x, np.array(against))
                (found,) = grad(loss, x, create_graph=again)
                assert_few(found.data, expected, found.data, 8)
        slope = p[:, None] * np.where(np.eye(n) == 1, rest[:, None], -p)
        found = hessian(lambda x, k=label: functional.cross_entropy(x, np.array(k)), x).data
        assert_few(found.ravel(), slope.ravel(), found.ravel(), 8)
    for logit in row:
        for target, expected in ((0, logistic(Long(logit))), (1, -logistic(-Long(logit)))):
            for options in ({}, {"pos_weight": 3.0}):
                weight = 3 if options and target else 1
                for again in (False, True):
                    x = Tensor(np.array([logit], dtype), requires_grad=True)
                    loss = functional.binary_cross_entropy_with_logits(
                        x, np.array([target], dtype), **options
                    )
                    (found,) = grad(loss, x, create_graph=again)
                    assert_few(found.data, np.array([weight * expected]), found.data, 6)


def test_modules_follow():
    x = Tensor([20.0, -20.0], requires_grad=True)
    (g,) = grad(nn.Sigmoid()(x).sum(), x)
    assert g.tolist() == pytest.approx([2.0611536e-09] * 2, rel=1e-7)


# ---- products that leave the range ------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.__name__)
def test_products_of_the_others_stay_within_the_range(dtype):
    big = {np.float16: 2**10, np.float32: 2**70, np.float64: 2**600}[dtype]
    for row in ([big, big, 3], [1 / big, 1 / big, 1 / big, 5], [big, big, 1 / big, 1 / big, big],
                [big, 1 / big, 7, 1 / big, 1 / big]):  # fmt: skip
        a = np.array(row, dtype)
        t = Tensor(a, requires_grad=True)
        exact = [Fraction(float(v)) for v in a]
        with np.errstate(all="ignore"):
            for again in (False, True):
                (found,) = grad(np.prod(t), t, create_graph=again)
                for i, g in enumerate(found.data):
                    expected = math.prod(exact[:i] + exact[i + 1 :])
                    size = float(np.finfo(dtype).max)
                    if abs(expected) > size:
                        assert np.isinf(g)
                    else:
                        smallest = Fraction(float(np.finfo(dtype).smallest_subnormal))
                        allowed = max(expected * Fraction(float(4 * np.finfo(dtype).eps)), smallest)
                        assert abs(Fraction(float(g)) - expected) <= allowed
            (found,) = grad(np.cumprod(t)[-1], t)
            assert not np.isnan(found.data).any()


def test_the_product_of_many_about_1_beside_a_0():
    a = np.linspace(0.9, 1.1, 3001).astype(np.float32)
    a[7] = 0
    t = Tensor(a, requires_grad=True)
    (g,) = grad(np.prod(t), t)
    expected = np.prod(np.delete(a, 7).astype(Long))
    assert g.data[7] == pytest.approx(float(expected), rel=1e-4)
    assert not g.data[:7].any() and not g.data[8:].any()


# ---- powers -------------------------------------------------------------------------------------


def constants_first(x, n, order):
    """The derivative of x^n of that order: the factor first, so that it may be 0."""
    factor = Fraction(1)
    for k in range(order):
        factor *= Fraction(n) - k
    if not factor:
        return Long(0)
    return Long(factor.numerator) / Long(factor.denominator) * Long(x) ** (Long(n) - order)


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.__name__)
@pytest.mark.parametrize("n", [0, 1, 2, 3, 0.5, 0.0078125, -0.0078125, -0.5, -1, 1.5])
@pytest.mark.parametrize("as_array", [False, True])
def test_powers_at_every_order_up_to_the_ends_of_the_range(dtype, n, as_array):
    info = np.finfo(dtype)
    low, high = math.log2(float(info.tiny)), math.log2(float(info.max))
    x = np.exp2(np.linspace(low, high - 1, 400)).astype(dtype)
    t = Tensor(x, requires_grad=True)
    exponent = np.full(x.shape, n, dtype) if as_array else n
    with np.errstate(all="ignore"):
        y = t**exponent
        plain = grad(y, t, np.ones_like(x))[0].data if y.requires_grad else None
        for order in range(1, 4):
            expected = np.array([constants_first(v, n, order) for v in x])
            if not y.requires_grad:  # nothing depends on x any more
                assert not expected.any()
                continue
            (y,) = grad(y, t, np.ones_like(x), create_graph=True)
            usual = np.isfinite(expected.astype(dtype)) & (
                (np.abs(expected) >= info.tiny) | (expected == 0)
            )
            assert usual.any()
            for found in (plain, y.data) if order == 1 else (y.data,):
                assert_few(found[usual], expected[usual], x[usual], 16)


@pytest.mark.parametrize("dtype, x", [(np.float16, 0.003), (np.float32, 1e-20), (float, 1e-160),
                                      (float, 2.0), (np.float16, 2.0)])  # fmt: skip
def test_the_hessian_of_a_power_at_the_exponents_0_and_1(dtype, x):
    x = dtype(x)
    log = math.log(x)
    with np.errstate(all="ignore"):
        zero = hessian(lambda z: z[0] ** z[1], Tensor(np.array([x, 0], dtype)))
        one = hessian(lambda z: z[0] ** z[1], Tensor(np.array([x, 1], dtype)))
    rtol = 4 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(zero.data, [[0, 1 / float(x)], [1 / float(x), log * log]], rtol)
    np.testing.assert_allclose(one.data, [[0, 1 + log], [1 + log, x * log * log]], rtol)


def test_third_derivatives_of_a_power_at_the_exponent_0():
    x, y = (Tensor(v, requires_grad=True) for v in (1.5, 0.0))
    (by_x,) = grad(x**y, x, create_graph=True)
    (by_xx, by_xy) = grad(by_x, [x, y], create_graph=True)
    found = [g.item() for g in (*grad(by_xx, [x, y]), *grad(by_xy, [x, y]))]
    # y (y-1) (y-2) x^(y-3), (2y-1) x^(y-2), the same, and 2 log(x)/x at y = 0
    np.testing.assert_allclose(found, [0, -1 / 2.25, -1 / 2.25, 2 * math.log(1.5) / 1.5], 1e-14)


def test_products_with_squares_and_cubes_stay_in_the_range_of_halves():
    for n, x in ((2, 40000.0), (3, 300.0), (4, 50.0), (2.5, 2000.0)):
        t = Tensor(np.float16(x), requires_grad=True)
        u = t * np.float16(2.0**-9)
        (g,) = grad((u**n), t)
        assert_few(np.array([g.data]), Long(n) * (Long(x) / 512) ** (n - 1) / 512, [x], 8)


def test_the_share_of_a_small_power_of_two():
    t = Tensor(-750.4772243654949, requires_grad=True)
    (g,) = grad(np.logaddexp2(t, 0.0), t)
    assert abs(g.item() / 1.21295420198283457e-226 - 1) < 4e-16


# ---- half a precision on the way ----------------------------------------------------------------


def test_slopes_of_sinc_in_halves():
    x = everything(np.float16)
    x = x[np.abs(x) < 2000]
    near = x.astype(Long)
    turn = np.remainder(near, 2) * PI  # exact, so that sine and cosine see no large number
    with np.errstate(all="ignore"):
        once = (np.cos(turn) - np.sin(turn) / (PI * near)) / near
    sizes = np.abs(near) > 0.05  # nearer to 0 this form cancels
    found = derivatives(np.sinc, x)
    for slope in found[:3]:
        error = np.abs(slope[sizes].astype(Long) - once[sizes])
        assert np.max(error / (np.abs(once[sizes]) + np.abs(np.float16(1) / near[sizes]))) < 2e-3
        assert np.mean(np.sign(slope[sizes]) != np.sign(once[sizes])) < 1e-3


def bessel(x, order):
    """By its power series, all of whose terms have one sign."""
    terms = [(Long(x) / 2) ** (2 * k + order) / (Long(math.factorial(k)) * math.factorial(
        k + order)) for k in range(60)]  # fmt: skip
    return math.fsum(map(float, terms))


def test_orders_of_i0_in_halves_as_far_as_they_go():
    x = np.linspace(0.5, 13, 200).astype(np.float16)
    _, first, _, second = derivatives(np.i0, x)
    once = np.array([Long(bessel(v, 1)) for v in x])
    twice = np.array([Long(bessel(v, 0) + bessel(v, 2)) / 2 for v in x])
    assert np.isfinite(twice.astype(np.float16)).all() and twice[-1] > 40000
    assert_few(first, once, x, 2)
    assert_few(second, twice, x, 2)


def test_slopes_of_gelu_in_halves_far_below_0():
    x = everything(np.float16)
    x = x[(x < -1.5) & (x > -8)]
    cdf = np.array([Long(math.erfc(-float(v) / math.sqrt(2)) / 2) for v in x])
    wide = x.astype(Long)
    found = derivatives(functional.gelu, x)
    for slope in found[:3]:
        assert_few(slope, cdf + wide * bell(wide), x, 4)
    assert_few(found[3], (2 - wide * wide) * bell(wide), x, 6)
