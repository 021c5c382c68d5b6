"""Median, variance, deviation, cross products: NumPy's values on special arguments, gradients by
closed formulas, and half precision that is summed in a whole one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from autograd import Tensor, grad, hessian, logsumexp
from tests.makers import leaf

inf, nan = np.inf, np.nan


def gradient(f, x):
    x = leaf(x, dtype=np.asarray(x).dtype)
    (g,) = grad(np.sum(f(x)), [x])
    return np.asarray(g)


# ---- values -------------------------------------------------------------------------------------

SPECIAL = [0.0, -0.0, 1.0, -2.5, inf, -inf, nan, 5e-324, 1e308]
DTYPES = [np.float16, np.float32, np.float64]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("function", [np.median, np.var, np.std, np.mean])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_special_values_are_numpys(function, n, dtype):
    with np.errstate(all="ignore"):
        rows = np.array(list(itertools.product(SPECIAL, repeat=n))).astype(dtype)
        wide = rows.astype(np.float32) if dtype == np.float16 else rows  # half sums in a whole one
        for options in ({"axis": 1}, {"axis": (1,), "keepdims": True}):
            found, wanted = function(leaf(rows, dtype=dtype), **options), function(wide, **options)
            assert found.dtype == dtype and found.shape == wanted.shape
            np.testing.assert_array_equal(found.data, wanted.astype(dtype))


@pytest.mark.parametrize("n", [1, 2, 5, 8, 1000, 1001, 1500])
@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 1), ()])
@pytest.mark.parametrize("keepdims", [False, True])
def test_the_median_is_numpys_and_its_gradient_is_at_the_elements_that_it_took(n, axis, keepdims):
    x = np.random.default_rng(n).permutation(3.0 * np.arange(2 * n)).reshape(2, n)
    options = {"axis": axis, "keepdims": keepdims}
    y = np.median(leaf(x), **options)
    np.testing.assert_array_equal(y.data, np.median(x, **options))
    slopes = gradient(lambda t: np.median(t, **options), x)
    h = 0.5  # no element overtakes another: the median is linear so far
    for at in np.ndindex(x.shape):
        if sum(at) > 40:
            break
        moved = x.copy()
        moved[at] += h
        change = np.sum(np.median(moved, **options) - np.median(x, **options)) / h
        assert slopes[at] == pytest.approx(change)
    assert np.sum(slopes) == pytest.approx(y.size)


@pytest.mark.parametrize(
    ("x", "y", "slopes"),
    [
        ([1.0, 3.0, 1.0], 1.0, [0, 0, 1]),  # tied: who comes to be in the middle
        ([2.0, 2.0, 2.0, 2.0], 2.0, [0, 0.5, 0.5, 0]),
        ([5.0, 2.0, 2.0, 1.0], 2.0, [0, 0.5, 0.5, 0]),
        ([1.0, 2.0, 2.0, 2.0, 9.0], 2.0, [0, 0, 1, 0, 0]),
        ([nan, 1.0, 2.0], nan, [0, 0, 0]),
        ([inf, 1.0, 2.0], 2.0, [0, 0, 1]),
        ([inf, -inf], nan, [0.5, 0.5]),
        ([inf, 1.0], inf, [0.5, 0.5]),
        ([-0.0, 0.0, 0.0], 0.0, [0, 1, 0]),
    ],
    ids=repr,
)
def test_medians_with_ties_and_special_values(x, y, slopes):
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(np.median(leaf(x)).data, y)
        np.testing.assert_array_equal(gradient(np.median, x), slopes)
        rows = [x, x[::-1], list(range(len(x)))]  # a row with ties leaves the others alone
        found = gradient(lambda t: np.median(t, axis=1), rows)
    np.testing.assert_array_equal(found[0], slopes)
    wanted = np.zeros(len(x))
    wanted[(len(x) - 1) // 2 : len(x) // 2 + 1] = 1 / (2 - len(x) % 2)
    np.testing.assert_array_equal(found[2], wanted)


def test_a_row_with_nan_and_one_with_ties_do_not_make_up_for_each_other():
    found = gradient(lambda t: np.median(t, axis=1), [[nan, 1.0, 2.0], [3.0, 3.0, 1.0]])
    np.testing.assert_array_equal(found, [[0, 0, 0], [1, 0, 0]])


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int64])
def test_medians_of_integers_are_numpys(dtype):
    x = np.array([[100, 120, 7], [1, 100, 0]]).astype(dtype)
    for axis in (None, 0, 1):
        found, wanted = np.median(Tensor(x), axis=axis), np.median(x, axis=axis)
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found.data, wanted)


@pytest.mark.parametrize("function", [np.median, np.var, np.std])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_of_nothing_it_is_nan(function):
    for shape, axis in [((0,), None), ((2, 0), 1), ((0, 2), 0), ((3, 0, 2), 0), ((3, 0, 2), 1)]:
        x = np.zeros(shape)
        found, wanted = function(leaf(x), axis=axis), function(x, axis=axis)
        np.testing.assert_array_equal(found.data, wanted)
        assert gradient(lambda t, axis=axis: function(t, axis=axis), x).shape == shape


# ---- gradients ----------------------------------------------------------------------------------


@pytest.mark.parametrize("ddof", [0, 1, 2.5, 4, 9])
@pytest.mark.parametrize("axis", [None, 1, (0, 1)])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_variance_and_deviation_by_their_formulas(axis, ddof):
    x = np.random.default_rng(3).normal(size=(3, 4))
    n = x.size if axis != 1 else 4
    divisor = max(n - ddof, 0)
    away = x - x.mean(axis, keepdims=True)
    with np.errstate(all="ignore"):
        var = np.sum(away**2, axis=axis, keepdims=True) / divisor
        for function, y, slope in [
            (np.var, var, 2 * away / divisor),
            (np.std, np.sqrt(var), away / divisor / np.sqrt(var)),
        ]:
            options = {"axis": axis, "ddof": ddof, "keepdims": True}
            found = function(leaf(x), **options)
            np.testing.assert_allclose(found.data, y.reshape(found.shape), rtol=1e-12)
            slopes = gradient(lambda t, f=function, o=options: f(t, **o), x)
            if divisor:
                np.testing.assert_allclose(slopes, slope, rtol=1e-10, atol=1e-14)
            else:
                assert not np.isfinite(slopes).any()


def test_second_derivatives_of_variance_and_deviation():
    x = np.array([0.3, -1.2, 2.0, 0.7])
    centre = np.eye(4) - 0.25
    np.testing.assert_allclose(hessian(np.var, Tensor(x)), 2 * centre / 4, atol=1e-14)
    away, std = x - x.mean(), x.std()
    wanted = centre / (4 * std) - np.outer(away, away) / (16 * std**3)
    np.testing.assert_allclose(hessian(np.std, Tensor(x)), wanted, atol=1e-13)


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_deviations_of_constants_have_no_slope(axis):
    x = np.array([[2.0, 2.0], [2.0, 2.0]])
    np.testing.assert_array_equal(gradient(lambda t: np.std(t, axis=axis), x), np.zeros((2, 2)))
    rows = np.array([[5.0, 5.0], [1.0, 3.0]])  # beside a row that has one
    found = gradient(lambda t: np.std(t, axis=1), rows)
    np.testing.assert_array_equal(found, [[0, 0], [-0.5, 0.5]])


def test_cross_products_are_numpys_to_the_last_bit():
    random = np.random.default_rng(4)
    for shapes in [[(3,), (3,)], [(5, 3), (3,)], [(2, 1, 3), (4, 3)], [(0, 3), (0, 3)]]:
        a, b = (random.normal(size=shape) for shape in shapes)
        np.testing.assert_array_equal(np.cross(leaf(a), leaf(b)).data, np.cross(a, b))
    a, b = random.normal(size=(3, 5)), random.normal(size=(5, 3))
    options = {"axisa": 0, "axisb": 1, "axisc": 0}
    np.testing.assert_array_equal(np.cross(leaf(a), b, **options).data, np.cross(a, b, **options))
    whole = np.array([[1, 2, 3], [4, 5, 6]], np.int8)
    assert np.cross(Tensor(whole), whole[::-1]).dtype == np.int8
    with pytest.raises(ValueError, match="cross: the vectors must have 3 components"):
        np.cross(leaf([1.0, 2.0, 3.0, 4.0]), leaf([1.0, 2.0, 3.0, 4.0]))


def test_second_derivatives_of_cross_products():
    a, b, c = np.random.default_rng(5).normal(size=(3, 3))
    triple = lambda t: np.sum(np.cross(t, np.cross(t, b)) * c)  # noqa: E731  a (a b) - b (a a)
    wanted = np.outer(c, b) + np.outer(b, c) - 2 * np.eye(3) * (b @ c)
    np.testing.assert_allclose(hessian(triple, Tensor(a)), wanted, atol=1e-13)


# ---- half precision -----------------------------------------------------------------------------

MANY = 300 + (np.arange(70_000) % 7).astype(np.float16)  # sums of squares leave the range
WEIGHTS = (1 + np.arange(70_000) % 3).astype(np.float16)


@pytest.mark.parametrize(
    "f",
    [
        np.mean, np.var, np.std, np.nanmean,
        lambda t: np.average(t, weights=WEIGHTS.astype(t.dtype)),
        lambda t: np.std(t.reshape(2, -1), axis=1).sum(),
        lambda t: np.mean(t.reshape(2, -1), axis=1).sum(),
    ],
    ids=["mean", "var", "std", "nanmean", "average", "std of rows", "mean of rows"],
)  # fmt: skip
def test_statistics_of_half_precision_are_those_of_double_rounded(f):
    x, exact = leaf(MANY, dtype=np.float16), leaf(MANY)
    y, wanted = f(x), f(exact)
    assert y.dtype == np.float16
    np.testing.assert_array_equal(y.data, wanted.data.astype(np.float16))
    (g,), (slopes,) = grad(y, [x], np.float16(64)), grad(wanted, [exact], 64.0)
    assert np.asarray(g).dtype == np.float16
    np.testing.assert_allclose(np.asarray(g, float), np.asarray(slopes), rtol=3e-3, atol=1e-7)


def test_logsumexp_of_half_precision_sums_in_a_whole_one():
    y = logsumexp(leaf(np.zeros(70_000), dtype=np.float16))
    assert y.dtype == np.float16 and y.data == np.float16(np.log(70_000))


@pytest.mark.parametrize("function", [np.mean, np.nanmean])
def test_means_of_half_precision_are_numpys(function):
    x = np.random.default_rng(6).normal(size=(40, 300)).astype(np.float16)
    for axis in (None, 0, 1):
        wide = function(x.astype(np.float32), axis=axis).astype(np.float16)
        half = leaf(x, dtype=np.float16)
        np.testing.assert_array_equal(function(half, axis=axis).data, wide)
        np.testing.assert_array_equal(np.mean(half, axis=axis).data, x.mean(axis))


@pytest.mark.parametrize("function", [np.max, np.min])
def test_more_tied_extremes_than_half_precision_counts(function):
    x = leaf(np.ones((2, 70_000)), dtype=np.float16)
    (g,) = grad(function(x, axis=1), [x], np.full(2, 1000, np.float16))
    np.testing.assert_array_equal(np.asarray(g), np.full((2, 70_000), np.float16(1000 / 70_000)))
