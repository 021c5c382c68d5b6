"""Arguments as NumPy reads them: dtypes, numbers and Tensors in odd places, empty arrays, and what
NumPy forbids."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import autograd
from autograd import Tensor, grad, gradgradcheck, jvp, logsumexp
from nn import functional
from tests.makers import leaf

inf = np.inf


def gradient(f: Any, x: Tensor) -> Any:
    return grad(np.sum(f(x)), x)[0].data


x3 = np.array([1.5, -2.0, 4.0])

# ---- dtypes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [np.float32, np.int64])
def test_a_mean_in_whole_numbers_is_numpys(given: Any) -> None:
    x = np.array([[1.5, 2.7, 3.9], [-1.0, -2.0, -4.0]]).astype(given)
    for options in ({}, {"axis": 1}, {"axis": 0, "where": np.array([[True], [True]])}):
        y, wanted = np.mean(Tensor(x), dtype=int, **options), np.mean(x, dtype=int, **options)
        assert y.dtype == wanted.dtype == np.int64
        np.testing.assert_array_equal(y.data, wanted)


@pytest.mark.parametrize(
    "function", [np.var, np.std, np.nanmean, np.nanvar, np.nanstd, np.cov, np.corrcoef]
)
def test_spread_is_not_cut_to_whole_numbers(function: Any) -> None:
    with pytest.raises(TypeError, match="dtype must be one of floats, got int64; use .astype"):
        function(leaf(x3), dtype=np.int64)


def test_einsum_takes_a_dtype_that_its_casting_allows() -> None:
    a = leaf(np.full((2, 3), 0.1), dtype=np.float32)
    b = leaf(np.full((3, 2), 0.7), dtype=np.float32)
    y = np.einsum("ij,jk->ik", a, b, dtype=np.float64)
    assert y.dtype == np.float64
    np.testing.assert_array_equal(y.data, np.einsum("ij,jk->ik", a.data, b.data, dtype=np.float64))
    first, second = grad(np.sum(y), [a, b])
    assert first.dtype == second.dtype == np.float32
    np.testing.assert_allclose(first.data, np.full((2, 3), 1.4), rtol=1e-6)
    for dtype in (np.float16, np.int64):
        for x in (a.data, a):
            with pytest.raises(TypeError, match="cast"):
                np.einsum("ij->i", x, dtype=dtype)
    for casting, dtype in (("same_kind", np.float16), ("unsafe", np.int64)):
        y = np.einsum("ij->i", a, dtype=dtype, casting=casting)
        wanted = np.einsum("ij->i", a.data, dtype=dtype, casting=casting)
        assert y.dtype == wanted.dtype
        np.testing.assert_array_equal(y.data, wanted)


@pytest.mark.parametrize("f", [functional.softmax, functional.log_softmax])
def test_shares_of_half_precision_are_added_up_in_a_whole_one(f: Any) -> None:
    n = 70_000  # beyond what half a precision holds
    x = leaf(np.zeros((2, n)), dtype=np.float16)
    y = f(x, 1)
    share = 1 / n if f is functional.softmax else -np.log(n)
    np.testing.assert_array_equal(y.data, np.full((2, n), np.float16(share)))
    y[:, 0].sum().backward()
    own = (1 - 1 / n) * (1 / n if f is functional.softmax else 1)
    np.testing.assert_allclose(x.grad[:, 0], own, rtol=4e-3)


@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1}, {"weight": np.ones(70_000)}])
def test_cross_entropy_of_half_precision_is_added_up_in_a_whole_one(options: Any) -> None:
    n = 70_000
    x = leaf(np.zeros((2, n)), dtype=np.float16)
    loss = functional.cross_entropy(x, np.array([3, 4]), **options)
    assert loss.dtype == np.float16 and loss.data == np.float16(np.log(n))
    loss.backward()
    kept = 1 - options.get("label_smoothing", 0.0)
    np.testing.assert_allclose(x.grad[[0, 1], [3, 4]], -kept / 2, rtol=1e-3)


# ---- single numbers -----------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [None, 0, -1, (), (0,), (-1,)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_logsumexp_of_a_number_is_the_number(axis: Any, keepdims: bool) -> None:
    x = leaf(3.0)
    y = logsumexp(x, axis, keepdims)
    assert y.shape == () and y.data == 3
    assert gradient(lambda t: logsumexp(t, axis, keepdims), x) == 1
    assert logsumexp(leaf(3.0, dtype=np.float16), axis, keepdims).dtype == np.float16
    assert gradgradcheck(lambda t: logsumexp(t * t, axis, keepdims), x)


@pytest.mark.parametrize("axis", [1, (1,), (0, 0)])
def test_logsumexp_of_a_number_refuses_axes_that_it_has_not(axis: Any) -> None:
    with pytest.raises(ValueError, match="axis"):
        logsumexp(leaf(3.0), axis)


def test_numbers_where_arrays_are_meant() -> None:
    assert gradient(lambda t: np.take(t, 0, axis=0), leaf(3.0)) == 1
    assert gradient(lambda t: np.take(t, [0, 0, 0], axis=-1), leaf(3.0)) == 3
    assert np.diff(leaf(3.0), 0).shape == np.diff(np.array(3.0), 0).shape == ()
    np.testing.assert_array_equal(gradient(lambda t: np.heaviside(0, t), leaf(x3)), [1, 1, 1])
    np.testing.assert_array_equal(gradient(lambda t: np.heaviside(-2.0, t), leaf(x3)), [0, 0, 0])
    np.testing.assert_array_equal(gradient(lambda t: np.transpose(t, 0) * x3, leaf(x3)), x3)
    np.testing.assert_array_equal(gradient(lambda t: t.transpose(-1) * x3, leaf(x3)), x3)


# ---- Tensors where numbers are meant ------------------------------------------------------------


def test_whole_numbers_may_be_tensors() -> None:
    x, matrix = leaf(x3), leaf(np.ones((2, 3)))
    for f in (
        lambda x, n: np.split(x, n([1, 2])), lambda x, n: np.split(x, n(3)),
        lambda x, n: np.array_split(x, n([2])), lambda x, n: np.hsplit(x, n([1])),
        lambda x, n: [np.tile(x, n(2))], lambda x, n: [np.tile(x, n([2, 1]))],
    ):  # fmt: skip
        for part, wanted in zip(f(x, Tensor), f(x3, np.array), strict=True):
            np.testing.assert_array_equal(part.data, wanted)
    np.testing.assert_array_equal(np.tile(2.5, Tensor([2])), [2.5, 2.5])
    np.testing.assert_array_equal(gradient(lambda t: np.tile(t, Tensor([2, 1])), x), [2, 2, 2])
    assert [part.shape for part in np.vsplit(matrix, Tensor(2))] == [(1, 3), (1, 3)]
    for f in (lambda t: np.split(t, t), lambda t: np.tile(t, t)):
        with pytest.raises(IndexError, match="by integers"):
            f(x)


def test_true_and_false_are_counted_as_one_and_zero() -> None:
    x = np.array([True, False, True])
    y = np.bincount(x, weights=leaf(x3))
    np.testing.assert_array_equal(y.data, np.bincount(x, weights=x3))


# ---- empty arrays -------------------------------------------------------------------------------

DECOMPOSITIONS = {
    "eigvalsh": np.linalg.eigvalsh, "eigh": np.linalg.eigh, "cholesky": np.linalg.cholesky,
    "svd": lambda a: np.linalg.svd(a, full_matrices=False), "svdvals": np.linalg.svdvals,
    "det": np.linalg.det, "slogdet": np.linalg.slogdet, "inv": np.linalg.inv,
    "pinv": np.linalg.pinv, "qr": np.linalg.qr, "cond": np.linalg.cond,
    "solve": lambda a: np.linalg.solve(a, a), "power": lambda a: np.linalg.matrix_power(a, -3),
    "cond 1": lambda a: np.linalg.cond(a, 1),
}  # fmt: skip


@pytest.mark.parametrize(
    "shape", [(0, 0), (0, 3, 3), (2, 0, 0), (0, 2), (2, 0), (3, 0, 2)], ids=str
)
@pytest.mark.parametrize("f", DECOMPOSITIONS.values(), ids=DECOMPOSITIONS)
def test_decompositions_of_empty_matrices(f: Any, shape: Any) -> None:
    x = leaf(np.zeros(shape))
    try:
        wanted = f(x.data)
    except np.linalg.LinAlgError:
        with pytest.raises((np.linalg.LinAlgError, ValueError)):
            f(x)
        return
    results, wanted = ([*r] if isinstance(r, tuple) else [r] for r in (f(x), wanted))
    for y, plain in zip(results, wanted, strict=True):
        np.testing.assert_array_equal(y.data, plain)
        (first,) = grad(np.sum(y), [x], create_graph=True)
        assert first.shape == shape
        if first.requires_grad:
            assert grad(np.sum(first * first), [x])[0].shape == shape
    assert jvp(lambda t: _first(f(t)), x, np.zeros(shape))[1].shape == results[0].shape


def _first(y: Any) -> Any:
    return y[0] if isinstance(y, tuple) else y


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("function", [np.median, np.nanmedian])
def test_medians_of_nothing_are_nan(function: Any) -> None:
    for shape, options in [((0,), {}), ((0, 3), {"axis": 0}), ((2, 0), {"axis": 1}), ((2, 0), {})]:
        for keepdims in (False, True):
            x = leaf(np.zeros(shape))
            y = function(x, keepdims=keepdims, **options)
            np.testing.assert_array_equal(
                y.data, function(x.data, keepdims=keepdims, **options), strict=True
            )
            assert grad(np.sum(y), x)[0].shape == shape


# ---- what NumPy forbids -------------------------------------------------------------------------

FORBIDDEN = {
    "the power of a vector": (lambda x: np.linalg.matrix_power(x, 2), x3),
    "the power of what is not square": (lambda x: np.linalg.matrix_power(x, 1), np.ones((2, 3))),
    "half a power": (lambda x: np.linalg.matrix_power(x, 2.0), np.eye(2)),
    "a chain of one": (lambda x: np.linalg.multi_dot([x]), x3),
    "a chain of batches": (lambda x: np.linalg.multi_dot([x, x, x]), np.ones((2, 2, 2))),
    "a vector inside a chain": (lambda x: np.linalg.multi_dot([x, x[0], x]), np.eye(2)),
    "half a decimal": (lambda x: np.round(x, 0.5), x3),
    "cross products in a plane": (lambda x: np.linalg.cross(x, x), np.ones(2)),
    "cross products of one number": (lambda x: np.cross(x, x), np.ones(1)),
}
if hasattr(np, "matvec"):  # NumPy 2.2
    FORBIDDEN["a vector as the matrix"] = (lambda x: np.matvec(x, x), x3)
    FORBIDDEN["a matrix before a vector"] = (lambda x: np.vecmat(x, x), x3)


@pytest.mark.parametrize("f, x", FORBIDDEN.values(), ids=FORBIDDEN)
def test_what_numpy_forbids_is_forbidden(f: Any, x: Any) -> None:
    for argument in (x, leaf(x)):
        with pytest.raises((ValueError, TypeError)):
            f(argument)


def test_chains_of_matrices_and_vectors_are_numpys() -> None:
    a, v = np.arange(6.0).reshape(2, 3), np.array([1.0, -2.0])
    for chain in (
        [v, a],
        [v, a, a.T],
        [v, a, a.T, v],
        [a, a.T @ a, a.T],
        [np.ones((2, 2, 3)), a.T],
    ):
        y = np.linalg.multi_dot([leaf(m) for m in chain])
        np.testing.assert_allclose(y.data, np.linalg.multi_dot(chain), strict=True)


# ---- vectors in a plane -------------------------------------------------------------------------

PLANE = [
    ((2,), (2,), {}), ((2,), (3,), {}), ((3,), (2,), {}), ((4, 2), (2,), {}), ((0, 2), (0, 2), {}),
    ((2, 4), (2, 4), {"axis": 0}), ((2, 4), (4, 3), {"axisa": 0, "axisc": 0}),
    ((5, 1, 2), (4, 3), {}),
]  # fmt: skip


@pytest.mark.parametrize("first, second, options", PLANE)
def test_cross_products_in_a_plane_are_those_in_space(
    first: Any, second: Any, options: Any
) -> None:
    random = np.random.default_rng(6)
    a, b = random.normal(size=first), random.normal(size=second)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            wanted = np.cross(a, b, **options)
    except ValueError:
        pytest.skip("this NumPy takes no vectors in a plane any more")
    with pytest.warns(DeprecationWarning):
        y = np.cross(leaf(a), leaf(b), **options)
        np.testing.assert_array_equal(y.data, wanted, strict=True)
        if a.size:
            function = lambda a, b: np.cross(a, b, **options)  # noqa: E731
            assert autograd.gradcheck(function, (leaf(a), leaf(b)))
            assert gradgradcheck(function, (leaf(a), leaf(b)))
