"""Determinants and decompositions where matrices are singular, or nearly, or values are equal.

Determinants are compared with minors in exact arithmetic; decompositions with closed forms and
differences of what NumPy computes, and where the vectors of equal values are not determined, every
derivative has to be nan: no number that depends on how they happened to be chosen.
"""

from __future__ import annotations

import itertools
import tracemalloc
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from autograd import Tensor, grad, hessian, jacobian, jvp, vjp
from tests.makers import leaf

inf, nan = np.inf, np.nan
rng = np.random.default_rng(8)


def orthogonal(n: int) -> Any:
    return np.linalg.qr(rng.normal(size=(n, n)))[0]


# ---- determinants -----------------------------------------------------------------------------


def exact_det(rows: list[list[Fraction]]) -> Fraction:
    """By Gauss' elimination in fractions."""
    rows, product = [list(row) for row in rows], Fraction(1)
    for k in range(len(rows)):
        pivot = next((i for i in range(k, len(rows)) if rows[i][k] != 0), None)
        if pivot is None:
            return Fraction(0)
        if pivot != k:
            rows[k], rows[pivot], product = rows[pivot], rows[k], -product
        product *= rows[k][k]
        for i in range(k + 1, len(rows)):
            factor = rows[i][k] / rows[k][k]
            rows[i] = [x - factor * y for x, y in zip(rows[i], rows[k])]
    return product


def sign(order: list[int]) -> int:
    return (-1) ** sum(p > q for p, q in itertools.combinations(order, 2))


def exact_derivative(a: Any, order: int) -> Any:
    """All derivatives of det of that order: signed minors without the rows and columns named."""
    n, found = len(a), np.zeros((*a.shape,) * order)
    whole = [[Fraction(float(x)) for x in row] for row in a]
    for rows in itertools.permutations(range(n), order):
        kept = [i for i in range(n) if i not in rows]
        for columns in itertools.permutations(range(n), order):
            left = [j for j in range(n) if j not in columns]
            minor = exact_det([[whole[i][j] for j in left] for i in kept])
            place = tuple(k for pair in zip(rows, columns) for k in pair)
            found[place] = float(minor) * sign([*rows, *kept]) * sign([*columns, *left])
    return found


def derivative(a: Any, order: int, dtype: Any = np.float64) -> Any:
    """By the rules, as jacobians of jacobians."""

    def lifted(f: Any) -> Any:
        return lambda x: jacobian(f, x)

    f: Any = np.linalg.det
    for _ in range(order):
        f = lifted(f)
    return f(Tensor(np.array(a, dtype))).data


def of_values(*values: float) -> Any:
    n = len(values)
    return orthogonal(n) @ np.diag(values) @ orthogonal(n)


def of_rank(n: int, rank: int) -> Any:
    return rng.normal(size=(n, rank)) @ rng.normal(size=(rank, n))


MATRICES = {
    "2x2, det 1e-17": np.array([[0.1, 0.7], [0.3, 2.1]]),
    "2x2, regular": np.array([[2.0, 1.0], [0.5, 3.0]]),
    "3x3, zeros": np.zeros((3, 3)),
    "4x4, zeros": np.zeros((4, 4)),
    "4x4, one element": np.diag([0.0, 2.0, 0.0, 0.0]),
    "4x4, singular and of integers": np.arange(16.0).reshape(4, 4),
    **{f"{n}x{n}, rank {k}": of_rank(n, k) for n in (3, 4, 5) for k in range(1, n + 1)},
    **{f"4x4, {v}": of_values(1, *v) for v in (
        (1, 1, 1e-3), (1, 1, 1e-8), (1, 1, 1e-15), (1, 1e-8, 1e-8), (1, 1e-5, 1e-10), (1, 1e-15, 0),
        (1e-4, 1e-8, 1e-12), (1e-7, 1e-7, 1e-7),
    )},
}  # fmt: skip


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("a", MATRICES.values(), ids=MATRICES)
def test_derivatives_of_determinants_are_minors(a: Any, order: int) -> None:
    expected, found = exact_derivative(a, order), derivative(a, order)
    # An error of the matrix in its last digits moves them by the derivatives that come next.
    scale = max(
        np.abs(exact_derivative(a, order + 1)).max() * np.abs(a).max(), np.abs(expected).max()
    )
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-13 * scale)


@pytest.mark.parametrize("name", [
    "2x2, det 1e-17", "3x3, zeros", "3x3, rank 1", "3x3, rank 2", "3x3, rank 3",
])  # fmt: skip
def test_third_derivatives_of_determinants(name: str) -> None:
    a = MATRICES[name]
    np.testing.assert_array_equal(derivative(a, 3), exact_derivative(a, 3))


@pytest.mark.parametrize(
    "values", [(1, 1, 1e-9, 0), (1, 1e-9, 1e-9, 1e-12), (0, 0, 0, 2), (3, 2, 1, 1)]
)
def test_higher_derivatives_in_directions(values: Any) -> None:
    """Of a diagonal matrix, along diagonals: of the product of the values."""
    directions = rng.uniform(1, 2, (3, 4))
    x = leaf(np.diag(np.array(values, float)))
    y = np.linalg.det(x)
    for d in directions:
        (slope,) = grad(y, x, create_graph=True)
        y = (slope * np.diag(d)).sum()
    expected = 0.0
    for place in range(4):  # which factor is not differentiated
        others = [i for i in range(4) if i != place]
        for chosen in itertools.permutations(others):
            expected += values[place] * np.prod([directions[k, i] for k, i in enumerate(chosen)])
    assert float(y.data) == pytest.approx(expected, rel=1e-12)


def test_second_derivatives_of_2x2_determinants_are_exact() -> None:
    expected = [[0, 0, 0, 1], [0, 0, -1, 0], [0, -1, 0, 0], [1, 0, 0, 0]]
    for a in ([[0.1, 0.7], [0.3, 2.1]], [[1e-200, 3.0], [1e200, 7.0]], np.eye(2), np.zeros((2, 2))):
        assert hessian(np.linalg.det, Tensor(np.array(a))).data.reshape(4, 4).tolist() == expected


@pytest.mark.parametrize("n", [4, 9])
def test_hessians_of_determinants_are_symmetric(n: int) -> None:
    for small in (1e-4, 1e-9, 1e-16):
        found = hessian(np.linalg.det, Tensor(of_values(*[1.0] * (n - 2), small, small))).data
        found = found.reshape(n * n, n * n)
        np.testing.assert_allclose(found, found.T, rtol=0, atol=1e-14 * np.abs(found).max())


def test_large_singular_matrices_take_little_memory() -> None:
    """The Laplacian of a complete graph: each cofactor counts its spanning trees, n^(n-2)."""
    n = 80
    x = leaf(n * np.eye(n) - np.ones((n, n)))
    tracemalloc.start()
    (slope,) = grad(np.linalg.det(x), x, create_graph=True)
    (second,) = grad(slope[0, 0], x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 * x.data.nbytes
    np.testing.assert_allclose(slope.data, float(n) ** (n - 2), rtol=1e-10)
    # Without one more row and column: forests of two trees, 2 n^(n-3) of them.
    np.testing.assert_allclose(np.diagonal(second.data)[1:], 2.0 * float(n) ** (n - 3), rtol=1e-10)


def test_a_determinant_that_underflows() -> None:
    values = np.array([1e-3] * 79 + [1e-100])
    x = leaf(np.diag(values))
    y = np.linalg.det(x)
    (slope,) = grad(y, x)
    assert y.data == 0
    np.testing.assert_allclose(slope.data[-1, -1], 1e-237, rtol=1e-10)
    assert np.abs(slope.data - np.diag(np.diag(slope.data))).max() < 1e-250


FOUR, FIVE = np.random.default_rng(31).normal(size=(4, 4)), np.diag([1.0, 2, -1, 3, 0.5]) + 0.25
FAR = {
    "4x4, 1e-12 in float32": (FOUR * 1e-12, np.float32),
    "4x4, 1e10 in float32": (FOUR * 1e10, np.float32),
    "5x5, graded in float32": (np.diag([1e7] + [1e-7] * 4), np.float32),
    **{f"4x4, {size}": (FOUR * size, np.float64) for size in (1e-80, 1e-90, 1e-120, 1e80, 1e100)},
    **{f"5x5, {size}": (FIVE * size, np.float64) for size in (1e-62, 1e-75, 1e62, 1e75)},
    **{f"3x3, {size}": (FOUR[1:, 1:] * size, np.float64) for size in (1e-120, 1e140)},
    "4x4, rank 3, 1e-90": (FOUR[:, :3] @ FOUR[:3] * 1e-90, np.float64),
    "4x4, rank 2, 1e90": (FOUR[:, :2] @ FOUR[:2] * 1e90, np.float64),
    "5x5, graded": (np.diag([1e60] + [1e-50] * 4), np.float64),
    "5x5, graded rows": (FIVE * 10.0 ** np.array([[100], [0], [-100], [-200], [-250]]), np.float64),
    "2x2, far apart": (np.array([[1e-300, 1e300], [1e200, 1e-200]]), np.float64),
}  # fmt: skip


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize(("a", "dtype"), FAR.values(), ids=FAR)
def test_minors_in_range_of_determinants_that_are_not(a: Any, dtype: Any, order: int) -> None:
    """Where the determinant leaves the range of numbers, or its product with an inverse."""
    a = a.astype(dtype)
    expected = exact_derivative(a, order)
    with np.errstate(all="ignore"):  # the determinant itself overflows
        found = derivative(a, order, dtype)
    assert found.dtype == dtype
    # Of singular matrices the minors that vanish are as exact as the product of the elements.
    product = np.prod(np.sort(np.abs(a).max(1))[order:])
    scale = max(np.abs(expected).max(), product) or 1.0
    np.testing.assert_allclose(found / scale, expected / scale, atol=100 * np.finfo(dtype).eps)


def test_batches_of_determinants_in_range_and_beyond() -> None:
    batch = [FOUR * size for size in (1e-90, 1.0, 1e80, 0.0)]
    x, along = leaf(batch), np.random.default_rng(4).normal(size=(4, 4, 4))
    with np.errstate(over="ignore"):
        total = np.linalg.det(x).sum()
    (slopes,) = grad(total, x, create_graph=True)
    (seconds,) = grad((slopes * along).sum(), x)
    for a, d, slope, second in zip(batch, along, slopes.data, seconds.data):
        for found, expected in (
            (slope, exact_derivative(a, 1)), (second, np.tensordot(exact_derivative(a, 2), d)),
        ):  # fmt: skip
            scale = np.abs(expected).max() or 1.0
            np.testing.assert_allclose(found / scale, expected / scale, atol=2e-14)


def test_minors_beyond_the_range_are_infinite_with_their_sign() -> None:
    for a in (FOUR[1:, 1:], FOUR):
        x = leaf(a * 1e160)
        with np.errstate(over="ignore"):
            y = np.linalg.det(x)
        (slope,) = grad(y, x)
        np.testing.assert_array_equal(slope, np.sign(exact_derivative(a, 1)) * inf)


EMPTY = {
    "det": np.linalg.det, "slogdet": lambda a: np.linalg.slogdet(a)[1], "inv": np.linalg.inv,
    "eigvalsh": np.linalg.eigvalsh, "eigenvectors": lambda a: np.linalg.eigh(a)[1],
    "svdvals": np.linalg.svdvals, "pinv": np.linalg.pinv, "cond": np.linalg.cond,
    "left vectors": lambda a: np.linalg.svd(a, full_matrices=False)[0],
    "cond of inf": lambda a: np.linalg.cond(a, inf),
    "least cond": lambda a: np.linalg.cond(a, -2),
}  # fmt: skip


@pytest.mark.parametrize("shape", [
    (0, 3), (3, 0), (0, 0), (2, 0, 0), (2, 3, 0), (2, 0, 3), (0, 3, 3), (0, 4, 4), (0, 2, 3),
])  # fmt: skip
@pytest.mark.parametrize("f", EMPTY.values(), ids=EMPTY)
def test_empty_matrices_go_through_both_orders_as_numpys(f: Any, shape: Any) -> None:
    x = leaf(np.zeros(shape))
    try:
        expected = f(np.zeros(shape))
    except np.linalg.LinAlgError:
        with pytest.raises(np.linalg.LinAlgError):
            f(x)
        return
    y = f(x)
    assert (y.shape, y.dtype) == (expected.shape, expected.dtype)
    (slope,) = grad((y * y).sum(), x, create_graph=True)
    (second,) = grad(slope.sum(), x)
    assert slope.shape == second.shape == shape


def test_batches_of_singular_and_regular_matrices() -> None:
    batch = [of_values(3, 2, 1, 1), of_rank(4, 3), of_rank(4, 2), np.zeros((4, 4))]
    x = leaf(batch)
    along = rng.normal(size=x.shape)
    (slopes,) = grad(np.linalg.det(x).sum(), x, create_graph=True)
    (seconds,) = grad((slopes * along).sum(), x)
    for a, d, slope, second in zip(batch, along, slopes.data, seconds.data):
        np.testing.assert_allclose(slope, exact_derivative(a, 1), rtol=0, atol=1e-13 * 50)
        expected = np.tensordot(exact_derivative(a, 2), d)
        np.testing.assert_allclose(second, expected, rtol=0, atol=1e-13 * 50)


def test_a_matrix_of_nan_spoils_no_other_determinant() -> None:
    x = leaf([np.full((4, 4), nan), of_rank(4, 3)])
    with np.errstate(invalid="ignore"):
        total = np.linalg.det(x).sum()
    (slopes,) = grad(total, x, create_graph=True)
    assert np.isnan(slopes.data[0]).all() and np.isfinite(slopes.data[1]).all()
    (seconds,) = grad((slopes[1] * rng.normal(size=(4, 4))).sum(), x)
    assert np.isfinite(seconds.data[1]).all()


def test_determinants_in_single_precision() -> None:
    for a in (MATRICES["4x4, rank 2"], MATRICES["4x4, rank 3"], MATRICES["4x4, rank 4"]):
        a = a.astype(np.float32)
        for order in (1, 2):
            found = derivative(a, order, np.float32)
            assert found.dtype == np.float32
            np.testing.assert_allclose(found, exact_derivative(a, order), rtol=0, atol=1e-4)


def test_forward_derivatives_of_determinants() -> None:
    for a in (MATRICES["4x4, rank 3"], MATRICES["2x2, det 1e-17"]):
        along = rng.normal(size=a.shape)
        _, found = jvp(np.linalg.det, Tensor(a), Tensor(along))
        expected = np.sum(exact_derivative(a, 1) * along)
        np.testing.assert_allclose(found.data, expected, rtol=0, atol=1e-13 * 20)


def test_logarithms_of_determinants_near_singular_matrices() -> None:
    """As good as the condition allows, and symmetric at second order."""
    for small in (1e-3, 1e-6, 1e-9):
        a = of_values(1, 1, small)
        det = float(exact_det([[Fraction(float(v)) for v in row] for row in a]))
        slope, second = exact_derivative(a, 1), exact_derivative(a, 2)
        first = jacobian(lambda x: np.linalg.slogdet(x)[1], Tensor(a)).data
        np.testing.assert_allclose(first, slope / det, rtol=0, atol=1e-14 / small**2)
        found = hessian(lambda x: np.linalg.slogdet(x)[1], Tensor(a)).data
        expected = second / det - np.multiply.outer(slope, slope) / det**2
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14 / small**3)
        flat = found.reshape(9, 9)
        np.testing.assert_allclose(flat, flat.T, rtol=0, atol=1e-15 * np.abs(flat).max())


def test_the_logarithm_of_a_singular_determinant_is_infinitely_steep() -> None:
    x = leaf([[[1, 2], [2, 4]], [[2, 0], [0, 4]]])
    np.linalg.slogdet(x)[1].sum().backward()
    np.testing.assert_array_equal(x.grad, [[[inf, -inf], [-inf, inf]], [[0.5, 0], [0, 0.25]]])


@pytest.mark.parametrize("f", [
    np.linalg.inv, lambda x: np.linalg.solve(x, np.eye(3)), np.linalg.pinv,
], ids=["inv", "solve", "pinv"])  # fmt: skip
def test_inverses_near_singular_matrices(f: Any) -> None:
    """The derivative of element (i, j) by (k, l) is -b_ik b_lj, in fractions."""
    for small in (1e-3, 1e-6):
        a = of_values(1, 1, small)
        rows = [[Fraction(float(v)) for v in row] for row in a]
        adjugate, det = exact_derivative(a, 1).T, float(exact_det(rows))
        b = adjugate / det
        found = jacobian(f, Tensor(a)).data
        expected = -np.einsum("ik,lj->ijkl", b, b)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14 / small**3)


# ---- singular values and eigenvalues that are equal or vanish ---------------------------------

B = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
S = np.arange(9.0).reshape(3, 3)


def thin(a: Any) -> Any:
    return np.linalg.svd(a, full_matrices=False)


def rebuilt(k: Any = None, weights: Any = B) -> Any:
    def f(a: Any) -> Any:
        u, s, vh = thin(a)
        return np.sum(weights * ((u[..., :k] * s[..., None, :k]) @ vh[..., :k, :]), axis=(-2, -1))

    return f


def eigen(a: Any) -> Any:
    return np.linalg.eigh(0.5 * (a + np.swapaxes(a, -1, -2)))


def recomposed(weights: Any = S) -> Any:
    def f(a: Any) -> Any:
        w, v = eigen(a)
        return np.sum(weights * ((v * w[..., None, :]) @ np.swapaxes(v, -1, -2)), axis=(-2, -1))

    return f


def last_vector(a: Any) -> Any:
    v = eigen(a)[1][:, -1]
    return np.sum(S * np.outer(v, v))


def reversed_columns(a: Any) -> Any:
    v = eigen(a)[1][:, ::-1]
    return np.sum(S * (v[:, :1] @ v[:, :1].T))


def transposed_rows(a: Any) -> Any:
    u, s, vh = thin(a)
    return np.sum(B * ((u.T[:1].T * s[:1]) @ vh.T[:, :1].T))


LOW = np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
TWICE = np.diag([1.0, 1.0, 2.0])
TURN = orthogonal(3)
DETERMINED = {
    "distinct singular values": (rebuilt(), np.array([[1.0, 0], [0, 2], [1, 3]])),
    "a square matrix with one 0": (rebuilt(weights=B[:2]), LOW[:2]),
    "a square 3x3 with one 0": (rebuilt(weights=S), TURN @ np.diag([2.0, 1, 0]) @ TURN.T),
    "truncated, the others 0": (rebuilt(1), LOW),
    "truncated, the others 0, wide": (rebuilt(1, B.T), LOW.T),
    "truncated, the others rounded 0": (
        rebuilt(1, np.ones((5, 4))), np.outer([1.0, 2, 3, 4, 5], [1, -1, 2, 0.3])
    ),
    "truncated after transposing": (transposed_rows, LOW),
    "truncated, the others equal": (rebuilt(1, S), np.diag([3.0, 1.0, 1.0])),
    "one element of u": (lambda a: thin(a)[0][0, 0] * 1.0, np.array([[3.0, 1], [1, 2], [0, 1]])),
    "distinct eigenvalues": (recomposed(), np.diag([1.0, 1.5, 2.0])),
    "the vector of a single eigenvalue": (last_vector, TWICE),
    "the same, turned": (last_vector, TURN @ TWICE @ TURN.T),
    "the same, counted from behind": (reversed_columns, TWICE),
    "the largest eigenvalue": (lambda a: eigen(a)[0][-1], TWICE),
    "the sum of the eigenvalues": (lambda a: eigen(a)[0].sum(), np.eye(3)),
    "squares of singular values": (lambda a: (thin(a)[1] ** 2).sum(), np.eye(3)),
    "squares, of zeros": (lambda a: (thin(a)[1] ** 2).sum(), np.zeros((3, 2))),
    "spectral norm": (lambda a: np.linalg.norm(a, 2), np.diag([3.0, 1.0, 1.0])),
    "pseudo-inverse of equal values": (lambda a: np.sum(S * np.linalg.pinv(a)), np.eye(3)),
}  # fmt: skip


@pytest.mark.parametrize(("f", "a"), DETERMINED.values(), ids=DETERMINED)
def test_what_is_determined_is_right_both_ways(f: Any, a: Any) -> None:
    slope = vjp(f, Tensor(a))[1].data
    numeric, step = np.zeros_like(a), 1e-5
    for place in np.ndindex(a.shape):
        ends = [a.copy(), a.copy()]
        ends[0][place] += step
        ends[1][place] -= step
        numeric[place] = (f(ends[0]) - f(ends[1])) / (2 * step)
    np.testing.assert_allclose(slope, numeric, atol=1e-7)
    along = rng.normal(size=a.shape)
    moved = jvp(f, Tensor(a), Tensor(along))[1].data
    np.testing.assert_allclose(moved, np.sum(slope * along), rtol=1e-10, atol=1e-12)


UNDETERMINED = {
    "a tall matrix of low rank": (rebuilt(), LOW),
    "a wide matrix of low rank": (rebuilt(weights=B.T), LOW.T),
    "zeros": (rebuilt(), np.zeros((3, 2))),
    "square zeros": (rebuilt(weights=S), np.zeros((3, 3))),
    "a column of zeros": (rebuilt(), np.array([[1.0, 0], [2, 0], [3, 0]])),
    "two zeros of three": (rebuilt(weights=S), np.diag([2.0, 0, 0])),
    "rounded zeros": (rebuilt(weights=S), np.outer([1.0, 2, 3], [0.3, -1, 7])),
    "equal singular values": (rebuilt(weights=S), np.diag([3.0, 1, 1])),
    "rounded equal values": (rebuilt(weights=S), orthogonal(3)),
    "u alone": (lambda a: (thin(a)[0] * B).sum(), LOW),
    "u with its values": (lambda a: (thin(a)[0] * thin(a)[1] * B).sum(), np.eye(3)[:, :2]),
    "equal eigenvalues": (recomposed(), TWICE),
    "equal eigenvalues 0": (recomposed(), np.diag([0.0, 0.0, 2.0])),
    "rounded equal eigenvalues": (recomposed(), TURN @ TWICE @ TURN.T),
    "one vector of two": (lambda a: (eigen(a)[1][:, 0] ** 2 @ [1.0, 2, 3]), TWICE),
    "projector on all": (lambda a: np.sum(S * (eigen(a)[1] @ eigen(a)[1].T)), np.eye(3)),
}  # fmt: skip


@pytest.mark.parametrize(("f", "a"), UNDETERMINED.values(), ids=UNDETERMINED)
def test_what_is_not_determined_is_nan_both_ways(f: Any, a: Any) -> None:
    assert np.isnan(vjp(f, Tensor(a))[1].data).all()
    for along in (rng.normal(size=a.shape), np.ones(a.shape), np.eye(*a.shape)):
        assert np.isnan(jvp(f, Tensor(a), Tensor(along))[1].data)


def test_no_element_of_a_jacobian_is_a_silent_zero() -> None:
    def whole(a: Any) -> Any:
        u, s, vh = thin(a)
        return (u * s) @ vh

    assert np.isnan(jacobian(whole, Tensor(LOW)).data).all()


def test_only_the_undetermined_of_a_batch_is_nan() -> None:
    good, bad = np.diag([1.0, 3.0, 2.0]), TWICE
    for f in (recomposed(), rebuilt(weights=S)):
        slope = vjp(lambda a, f=f: f(a).sum(), Tensor(np.stack([bad, good])))[1].data
        assert np.isnan(slope[0]).all()
        np.testing.assert_allclose(slope[1], vjp(f, Tensor(good))[1].data, rtol=1e-13)
        moved = jvp(f, Tensor(np.stack([bad, good])), Tensor(np.ones((2, 3, 3))))[1].data
        assert np.isnan(moved[0])
        assert moved[1] == pytest.approx(S.sum(), rel=1e-12)


def test_second_derivatives_of_values_that_others_do_not_touch() -> None:
    """Of the largest eigenvalue: 2 Σ (v·E v_i)²/(w - w_i); of the spectral norm the same kind."""
    found = hessian(lambda a: eigen(a)[0][-1], Tensor(TWICE)).data
    e = rng.normal(size=(3, 3))
    e = e + e.T
    expected = 2 * (e[2, 0] ** 2 + e[2, 1] ** 2) / (2 - 1)
    assert np.einsum("ij,ijkl,kl", e, found, e) == pytest.approx(expected, rel=1e-12)
    found = hessian(lambda a: np.linalg.norm(a, 2), Tensor(np.diag([2.0, 0, 0]))).data
    e = rng.normal(size=(3, 3))
    expected = (e[0, 1:] @ e[0, 1:] + e[1:, 0] @ e[1:, 0]) / 2
    assert np.einsum("ij,ijkl,kl", e, found, e) == pytest.approx(expected, rel=1e-12)


def test_the_pseudo_inverse_keeps_its_derivative_at_low_rank() -> None:
    """Along matrices of the same rank, which is where it has one."""
    left, right = rng.normal(size=(5, 2)), rng.normal(size=(2, 4))
    a, weights = left @ right, rng.normal(size=(4, 5))
    slope = vjp(lambda x: np.sum(weights * np.linalg.pinv(x)), Tensor(a))[1].data
    d, step = rng.normal(size=(5, 2)), 1e-6
    ends = [np.sum(weights * np.linalg.pinv((left + s * d) @ right)) for s in (step, -step)]
    assert np.sum(slope * (d @ right)) == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-7)


# ---- orthogonal factors, least squares, conditions --------------------------------------------


def test_orthogonal_factors_of_dependent_columns_are_nan_both_ways() -> None:
    bad, good = np.array([[1.0, 2], [2, 4], [3, 6]]), np.array([[1.0, 2], [2, 5], [3, 1]])

    def f(a: Any) -> Any:
        q, r = np.linalg.qr(a)
        return (q * B).sum((-2, -1)) + r.sum((-2, -1))

    slope = vjp(lambda a: f(a).sum(), Tensor(np.stack([bad, good])))[1].data
    assert np.isnan(slope[0]).all() and np.isfinite(slope[1]).all()
    moved = jvp(f, Tensor(np.stack([bad, good])), Tensor(np.ones((2, 3, 2))))[1].data
    assert np.isnan(moved[0]) and moved[1] == pytest.approx(slope[1].sum(), rel=1e-12)


def test_qr_refuses_what_is_not_determined() -> None:
    assert np.linalg.qr(leaf(np.eye(2)), mode="complete")[0].shape == (2, 2)
    with pytest.raises(TypeError, match="complete.*reduced"):
        np.linalg.qr(leaf(B), mode="complete")
    with pytest.raises(TypeError, match="raw"):
        np.linalg.qr(leaf(B), mode="raw")


@pytest.mark.parametrize("a", [B, B.T, B[:2], LOW], ids=["tall", "wide", "square", "low rank"])
@pytest.mark.parametrize("columns", [(), (2,)], ids=["vector", "matrix"])
def test_least_squares_are_numpys(a: Any, columns: Any) -> None:
    b = rng.normal(size=(a.shape[0], *columns))
    found, expected = np.linalg.lstsq(leaf(a), leaf(b)), np.linalg.lstsq(a, b)
    assert found[2] == expected[2] and not isinstance(found[2], Tensor)
    for i in (0, 1, 3):
        assert found[i].shape == expected[i].shape
        np.testing.assert_allclose(found[i].data, expected[i], atol=1e-12)


@pytest.mark.parametrize("p", [None, 2, -2, 1, -1, inf, "fro"])
@pytest.mark.parametrize("a", [np.zeros((2, 2)), np.ones((2, 2)), B[:2]], ids=["0", "1", "regular"])
def test_condition_numbers_are_numpys(a: Any, p: Any) -> None:
    found, expected = np.linalg.cond(Tensor(a), p).data, np.linalg.cond(a, p)
    # The last singular value of ones may be 0, or rounded.
    if np.isinf(expected) or expected > 1e14:
        assert found > 1e14
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


def test_ranks_are_plain() -> None:
    assert np.linalg.matrix_rank(leaf(LOW)) == 1
    assert not isinstance(np.linalg.matrix_rank(leaf(LOW)), Tensor)


# ---- norms ------------------------------------------------------------------------------------

ORDERS = [None, 0, 1, 2, 3, 0.5, -0.5, -1, -2, -3, inf, -inf]
POINTS = [
    [0, 0], [0, 2], [0, 0, 3], [inf], [inf, inf], [-inf, 1], [inf, 0], [nan, 1], [3, 4],
    [1e-300, 1],
]  # fmt: skip


@pytest.mark.parametrize("ord", ORDERS)
@pytest.mark.parametrize("values", POINTS, ids=str)
def test_norms_of_special_values_are_numpys(ord: Any, values: Any) -> None:
    with np.errstate(all="ignore"):
        expected = np.linalg.norm(np.array(values, float), ord)
        np.testing.assert_allclose(np.linalg.norm(leaf(values), ord).data, expected, rtol=1e-14)
        rows = np.linalg.norm(leaf([values]), ord, axis=1, keepdims=True)
    np.testing.assert_allclose(rows.data, [[expected]], rtol=1e-14)


@pytest.mark.parametrize("ord", [-0.5, -1, -2, -3])
def test_norms_of_negative_order_are_0_at_a_vanishing_element(ord: float) -> None:
    """As the smallest of the sizes: a kink there, and no other element matters."""
    x = leaf([[0, 2], [3, 4]])
    with np.errstate(all="ignore"):
        norms = np.linalg.norm(x, ord, axis=1)
    norms.sum().backward()
    assert norms.data[0] == 0
    y = norms.data[1]
    np.testing.assert_allclose(x.grad, [[0, 0], [(3 / y) ** (ord - 1), (4 / y) ** (ord - 1)]])


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0), (2, 0, 3), (0, 2, 2)], ids=str)
@pytest.mark.parametrize("ord", [None, "fro", "nuc", 1, -1, 2, -2, inf, -inf])
@pytest.mark.parametrize("keepdims", [False, True])
def test_norms_of_empty_matrices_are_numpys(shape: Any, ord: Any, keepdims: bool) -> None:
    empty = np.zeros(shape, np.float32)
    x = Tensor(empty, requires_grad=True)
    try:
        expected = np.linalg.norm(empty, ord, (-2, -1), keepdims)
    except ValueError:
        with pytest.raises(ValueError):
            np.linalg.norm(x, ord, (-2, -1), keepdims)
        return
    found = np.linalg.norm(x, ord, (-2, -1), keepdims)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(found.data, expected)
    found.sum().backward()
    assert x.grad.shape == shape
