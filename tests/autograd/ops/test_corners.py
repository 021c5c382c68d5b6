"""Corners of the operations where a plausible rule or composition goes wrong.

Each expectation is a closed form, NumPy's own answer on plain arrays, or a finite difference.
"""

from __future__ import annotations

import copy

import numpy as np
import pytest

from autograd import (
    Tensor,
    grad,
    gradcheck,
    gradgradcheck,
    jvp,
    log_sigmoid,
    log_softmax,
    logsumexp,
    no_grad,
    primitive,
    relu,
    sigmoid,
    softmax,
    softplus,
)  # fmt: skip
from tests.makers import leaf

inf, nan = np.inf, np.nan


def gradient(f, values):
    x = leaf(values)
    f(x).sum().backward()
    return x.grad


# ---- decompositions ---------------------------------------------------------------------------

MATRIX = np.array([[2.0, 0.3, -0.5], [0.3, 1.0, 0.2], [-0.5, 0.2, -1.5]])
DECOMPOSED = {
    "eigenvectors": lambda a: np.linalg.eigh(a)[1] ** 2,
    "eigenvalues": lambda a: np.linalg.eigh(a)[0],
    "left singular vectors": lambda a: np.linalg.svd(a)[0] ** 2,
    "right singular vectors": lambda a: np.linalg.svd(a)[2] ** 2,
    "inverse": np.linalg.inv,
    "pseudo-inverse of a tall one": lambda a: np.linalg.pinv(a[:, :2]),
}


@pytest.mark.parametrize("f", DECOMPOSED.values(), ids=DECOMPOSED)
def test_forward_derivatives_of_decompositions(f):
    """jvp differentiates the rules by their incoming gradient, at 0."""
    direction = np.array([[0.4, -0.1, 0.7], [-0.1, 0.2, 0.3], [0.7, 0.3, -0.6]])
    _, found = jvp(f, Tensor(MATRIX), Tensor(direction))
    step = 1e-6
    ends = [f(Tensor(MATRIX + sign * step * direction)).data for sign in (1, -1)]
    np.testing.assert_allclose(found.data, (ends[0] - ends[1]) / (2 * step), atol=1e-8)


def test_equal_eigenvalues():
    """Of the eigenvalues alone there are derivatives; of the vectors none, and no wrong number."""
    of_values = gradient(lambda a: np.linalg.eigh(a)[0], np.eye(3))
    np.testing.assert_allclose(of_values, np.eye(3), atol=1e-15)
    of_vectors = gradient(lambda a: np.linalg.eigh(a)[1] * [[0, 1], [2, 3]], np.eye(2))
    assert not np.all(np.isfinite(of_vectors))


def test_singular_values_of_a_matrix_of_low_rank():
    a = leaf([[1, 0], [0, 0], [0, 0]])
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    s.sum().backward()
    np.testing.assert_allclose(np.abs(a.grad).sum(), 2.0)  # u vᵀ: an orthonormal frame
    assert a.grad[0, 0] == 1


# ---- integers beside a Tensor -----------------------------------------------------------------


def test_small_integers_beside_a_tensor_do_not_overflow_in_rules():
    t = leaf(1.0)
    np.arctan2(t, np.array([100], np.int8)).sum().backward()
    assert t.grad == pytest.approx(100 / 10001)
    for exponent in (np.uint8(0), np.array([0], np.uint64)):
        x = leaf([1e10])
        (x**exponent).sum().backward()
        assert x.grad == [0]
    t = leaf(2.0)
    np.power(np.array([3], np.int8), t).sum().backward()
    assert t.grad == pytest.approx(9 * np.log(3), rel=1e-14)
    constant = Tensor(np.array([100, -100], np.int8))
    t = leaf([1.0, 1.0])
    (np.hypot(t, constant) + t * constant).sum().backward()
    np.testing.assert_allclose(t.grad, 1 / np.sqrt(10001) + np.array([100, -100]))


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.bool_])
@pytest.mark.parametrize("f", [sigmoid, softplus, log_sigmoid, softmax, log_softmax, logsumexp])
def test_functions_of_small_integers(f, dtype):
    values = np.array([0, 3, 127]).astype(dtype)
    np.testing.assert_array_equal(f(Tensor(values)).data, f(Tensor(values.astype(float))).data)


def test_an_argument_without_a_rule_stays_as_it_is():
    pick = primitive(
        lambda x, index: x[index],
        lambda g, y, x, index: g[:, None] * np.eye(x.shape[0])[index],
        None,
    )
    x = leaf([5, 6, 7])
    pick(x, np.array([2, 0])).backward([1.0, 10.0])
    np.testing.assert_array_equal(x.grad, [10, 0, 1])


def test_average_of_small_integers():
    values = np.array([100, 100], np.int8)
    assert np.average(Tensor(values), weights=values).item() == 100
    with pytest.raises(ZeroDivisionError, match="weights sum to zero"):
        np.average(leaf([1, 2]), weights=[1, -1])


# ---- inf and nan ------------------------------------------------------------------------------


def test_what_is_beside_inf_stays_finite():
    np.testing.assert_array_equal(np.diag(leaf([inf, 1])).data, np.diag([inf, 1]))
    for a, v in (([1.0, 2], [inf, 1]), ([inf, 1, 2], [1.0, 3])):
        np.testing.assert_array_equal(np.convolve(leaf(a), np.array(v)).data, np.convolve(a, v))


def test_nan_to_num_changes_nothing_in_place():
    x = leaf([1, nan, 2])
    with pytest.raises(TypeError, match="copy=False"):
        np.nan_to_num(x, copy=False)
    np.testing.assert_array_equal(x.data, [1, nan, 2])


def test_the_sweep_is_silent_to_its_end():
    x = leaf([1, 2])
    with np.errstate(over="ignore"):
        y = x[0] * 1e308 + x[0] * 1e308 + x[1]
    with np.errstate(all="raise"):
        y.backward()
        y.backward()
    np.testing.assert_array_equal(x.grad, [inf, 2])


# ---- axes -------------------------------------------------------------------------------------

WRONG_AXES = {
    "diff": lambda x: np.diff(x, axis=5),
    "rollaxis": lambda x: np.rollaxis(x, 5),
    "tensordot": lambda x: np.tensordot(x, x, axes=([5], [4])),
    "tensordot of too many": lambda x: np.tensordot(x, x, axes=3),
    "rot90": lambda x: np.rot90(x, axes=(0, 3)),
    "rot90 of one axis": lambda x: np.rot90(x, axes=(0, 0)),
    "split": lambda x: np.split(x, 1, axis=5),
    "array_split": lambda x: np.array_split(x, 1, axis=5),
    "trapezoid": lambda x: np.trapezoid(x, axis=5),
    "vsplit of a vector": lambda x: np.vsplit(x[0], 3),
    "diff -1 times": lambda x: np.diff(x, n=-1),
    "diag of a number": lambda x: np.diag(x[0, 0]),
}


@pytest.mark.parametrize("f", WRONG_AXES.values(), ids=WRONG_AXES)
def test_a_wrong_axis_raises_as_in_numpy(f):
    with pytest.raises((ValueError, IndexError)):
        f(np.ones((3, 3)))
    with pytest.raises((ValueError, IndexError), match=r"[a-z0-9]+: "):
        f(leaf(np.ones((3, 3))))


@pytest.mark.parametrize("f", [np.sum, np.prod, np.max, np.mean, np.std, logsumexp])
def test_an_axis_may_be_a_numpy_integer(f):
    values = np.arange(6.0).reshape(2, 3) ** 2
    expected = gradient(lambda x: f(x, axis=1), values)
    np.testing.assert_array_equal(gradient(lambda x: f(x, axis=np.int64(1)), values), expected)


@pytest.mark.parametrize("f", [np.sum, np.prod, np.max, np.add.reduce], ids=str)
def test_a_number_has_an_axis_0_for_reductions_as_in_numpy(f):
    assert gradient(lambda x: f(x, axis=0), 3.0) == 1


# ---- forms of calling -------------------------------------------------------------------------


def test_one_tensor_in_the_place_of_a_list():
    values = np.arange(12.0).reshape(2, 3, 2)
    weights = np.arange(12.0)
    flat = lambda x: np.concatenate(x, axis=None)  # noqa: E731
    for join in (np.concatenate, np.stack, np.vstack, np.hstack, flat):
        expected = join(values)
        weighted = lambda x, join=join: join(x).reshape(-1) * weights  # noqa: E731
        np.testing.assert_array_equal(join(leaf(values)).data, expected)
        numeric = [join(one).reshape(-1) @ weights for one in np.eye(12).reshape(12, 2, 3, 2)]
        np.testing.assert_array_equal(gradient(weighted, values).reshape(-1), numeric)


def test_nested_lists_of_tensors_are_refused():
    one = leaf(1.0)
    with pytest.raises(TypeError, match=r"np\.stack"):
        np.linalg.solve([[one, 0], [0, one]], leaf([1, 2]))
    with pytest.raises(TypeError):
        list(map(lambda t: np.linalg.solve([[t]], leaf([1])), [one]))


@pytest.mark.parametrize(
    "subscripts, shapes",
    [("i,i->", [(1,), (3,)]), ("ij,jk->ik", [(2, 1), (3, 4)]), ("ij,j->", [(2, 3), (1,)])],
    ids=str,
)
def test_einsum_with_a_letter_of_length_one(subscripts, shapes):
    operands = [leaf(0.5 + np.arange(np.prod(s)).reshape(s)) for s in shapes]
    assert gradcheck(lambda *a: np.einsum(subscripts, *a), operands)
    assert gradgradcheck(lambda *a: np.einsum(subscripts, *a), operands)


def test_einsum_by_numbers_sorts_by_number():
    x = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(np.einsum(leaf(x), [0, 26]).data, np.einsum(x, [0, 26]))


def test_take_by_booleans_takes_elements_0_and_1():
    index = np.array([True, True, False])
    np.testing.assert_array_equal(gradient(lambda x: np.take(x, index), [5, 6, 7]), [1, 2, 0])


def test_methods_have_ndarrays_positions():
    values = np.arange(6.0).reshape(2, 3)
    x = leaf(values)
    for call in (
        lambda a: a.sum(0, np.float32), lambda a: a.std(0, np.float64), lambda a: a.mean(1, None),
        lambda a: a.var(1, None, None, 1), lambda a: a.max(0, None, True), lambda a: a.ravel("C"),
        lambda a: a.cumsum(1, np.float32), lambda a: a.trace(0, 0, 1, np.float32),
        lambda a: a.take([1, 0], 1, None, "clip"), lambda a: a.reshape(3, 2, order="C"),
        lambda a: a.clip(1, 2), lambda a: a.round(1), lambda a: a.argmax(1),
    ):  # fmt: skip
        found, expected = call(x), call(values)
        np.testing.assert_array_equal(getattr(found, "data", found), expected)
        assert found.dtype == expected.dtype
    with pytest.raises(TypeError, match="out="):
        x.sum(0, None, np.empty(3))


def test_empty_arrays():
    empty = np.zeros((0, 3))
    assert np.median(Tensor(np.zeros((3, 0, 2))), axis=0).shape == (0, 2)
    assert softmax(Tensor(np.zeros(0))).shape == log_softmax(Tensor(np.zeros(0))).shape == (0,)
    np.testing.assert_array_equal(gradient(lambda x: logsumexp(x, 0), empty), empty)


@pytest.mark.parametrize("axis", [-1, 0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("ahead", [0, -70, 70, -300, 300, 1000, -inf, inf, nan])
def test_softmax_of_many_far_out(ahead, dtype, axis):
    """Many are treated in another way than few; the second row, or column, lies far out."""
    x = np.random.default_rng(0).normal(size=(60, 60)).astype(dtype)
    x = x.T if axis == 0 else x
    far = (slice(None), 1) if axis == 0 else (1, slice(None))
    x[far] += ahead
    g = np.cos(np.arange(x.size, dtype=dtype)).reshape(x.shape)
    with np.errstate(all="raise", under="ignore", invalid="ignore"):
        t = leaf(x, dtype=None)
        y = softmax(t, axis)
        y.backward(g)
    wide = x.astype(np.float64)
    with np.errstate(invalid="ignore"):
        e = np.exp(wide - wide.max(axis, keepdims=True))
        expected = e / e.sum(axis, keepdims=True)
        slope = expected * (g - (g * expected).sum(axis, keepdims=True))
    slope[far] = 0 if ahead == -inf else slope[far]
    close = {"rtol": 100 * np.finfo(dtype).eps, "atol": 10 * np.finfo(dtype).eps}
    np.testing.assert_allclose(y.data, expected, rtol=close["rtol"])
    np.testing.assert_allclose(t.grad, slope, **close)


def test_no_grad_without_parentheses():
    @no_grad
    def square(x):
        return x * x

    assert not square(leaf(3.0)).requires_grad


# ---- other arrays, other results --------------------------------------------------------------


def test_masked_arrays_and_matrices_beside_a_tensor():
    t = leaf([[1, 2], [3, 4]])
    masked = np.ma.array([[1.0, 2], [3, 4]], mask=[[True, False], [False, False]])
    for f in (lambda: t * masked, lambda: np.add(t, masked), lambda: masked * t,
              lambda: np.multiply(masked, t), lambda: np.ma.add(t, 1)):  # fmt: skip
        with pytest.raises(TypeError):
            f()
    square = np.array([[1.0, 2], [3, 4]])
    with pytest.warns(PendingDeprecationWarning):
        matrix = np.matrix(square)
    # NumPy multiplies matrices where one of two is an np.matrix: neither meaning is taken unsaid.
    for f in (lambda: t * matrix, lambda: matrix * t, lambda: t**matrix):
        with pytest.raises(TypeError, match="matrix product in NumPy; use np.asarray"):
            f()
    with pytest.raises(TypeError, match="exponent must be an integer"):
        matrix**t
    np.testing.assert_array_equal((t + matrix).data, t.data + square)
    np.testing.assert_array_equal((t @ matrix).data, t.data @ square)
    np.testing.assert_array_equal(np.multiply(matrix, t).data, t.data * square)


def test_integer_results_beside_float_ones_need_no_gradient():
    both = primitive(lambda x: (x * 2, x.astype(np.int64)), lambda g, y, x: g[0] * 2)
    double, whole = both(leaf([1.5, 2.5]))
    assert double.requires_grad and not whole.requires_grad
    np.testing.assert_array_equal(gradient(lambda x: both(x)[0], [1.5, 2.5]), [2, 2])


def test_a_copy_of_a_view_does_not_write_into_the_leaf():
    p = leaf([1, 2, 3])
    with no_grad():
        view = p[1:]
    y = p * p
    with pytest.raises(ValueError, match="read-only"):
        copy.copy(view).data[0] = 9
    y.sum().backward()
    np.testing.assert_array_equal(p.grad, [2, 4, 6])


def test_a_hook_may_not_answer_with_what_is_no_real_number():
    for answer in (np.array([1j]), np.array([None])):
        x = leaf([1.0])
        x.register_hook(lambda g, answer=answer: answer)
        with pytest.raises(TypeError, match="must be real numbers"):
            (x * 2).backward([1.0])
        assert x.grad is None


def test_a_list_changed_after_the_forward_changes_no_gradient():
    x, index = leaf([1, 2, 3]), [0, 0, 2]
    y = np.take(x, index)
    index[:] = [1, 1, 1]
    (g,) = grad(y, x, np.ones(3))
    np.testing.assert_array_equal(g.data, [2, 0, 1])


def test_relu_of_a_list_of_tensors_says_how_to_join_them():
    s = leaf(2.0)
    with pytest.raises(RuntimeError, match=r"np\.stack"):
        relu([s, s]).sum().backward()


# ---- products of vectors ----------------------------------------------------------------------


@pytest.mark.parametrize("f", [np.vecdot, np.linalg.vecdot])
def test_products_of_half_precise_vectors_are_summed_wider(f):
    ones = np.ones((5000, 2), np.float16)
    assert f(Tensor(ones), ones, axis=0).data.tolist() == [5000, 5000]
    x = leaf([[300, 300, 300, 300]], dtype=np.float16)
    y = f(x, np.array([[300, -300, 1, 1]], np.float16))
    assert y.data.tolist() == [600] and y.dtype == np.float16
    y.backward(np.ones(1, np.float16))
    assert x.grad.tolist() == [[300, -300, 1, 1]] and x.grad.dtype == np.float16


@pytest.mark.parametrize("f", [np.vecdot, np.linalg.vecdot])
@pytest.mark.parametrize(("a", "b", "axis"), [
    ((2, 3), (1,), -1), ((1,), (2, 3), -1), ((2, 3), (3,), 0), ((), (3,), -1), ((2, 0), (1,), -1),
])  # fmt: skip
def test_products_of_vectors_of_two_lengths_raise_as_numpys(f, a, b, axis):
    with pytest.raises(ValueError, match="core dimension|enough dimensions"):
        f(np.ones(a), np.ones(b), axis=axis)
    with pytest.raises(ValueError, match="vecdot: .*(one length|no axis)"):
        f(Tensor(np.ones(a)), np.ones(b), axis=axis)


# ---- norms ------------------------------------------------------------------------------------

NORMS = [
    ([300, 300], np.float16, -2), ([5000, 9000], np.float16, -1), ([0.02, 1], np.float16, -2),
    ([300, -300], np.float16, 3), ([1e10, 1e10], np.float32, -3), ([1e-15, 1], np.float32, -2),
    ([1e-30, -2e-30], np.float32, 4), ([1e80, 2e80], np.float64, -3), ([3, -4], np.float64, 2.5),
    ([1e-155, 1e-155], np.float64, 2), ([1e-200, -1e-200], np.float64, 2), ([3, 4], np.float64, -1),
    ([1e200, 3e200], np.float64, 2), ([1e-200, 1e-200], np.float64, 5), ([3, -4], np.float64, 0.5),
]  # fmt: skip


@pytest.mark.parametrize(("values", "dtype", "ord"), NORMS)
@pytest.mark.parametrize("f", [np.linalg.norm, np.linalg.vector_norm])
def test_slopes_of_norms_where_powers_leave_the_range(f, values, dtype, ord):
    """sign(x) (|x|/y)^(ord-1), and its derivative, of elements divided by the largest."""
    x = leaf(values, dtype=dtype)
    wide = x.data.astype(np.longdouble)
    unit = wide / np.abs(wide).max()
    length = np.sum(np.abs(unit) ** ord) ** (np.longdouble(1) / ord)
    slope = np.sign(unit) * (np.abs(unit) / length) ** (ord - 1)
    bend = np.diag((np.abs(unit) / length) ** (ord - 2)) - np.outer(slope, slope)
    bend = (ord - 1) * bend / length / np.abs(wide).max()
    with np.errstate(all="ignore"):
        y = f(x, ord=ord)
    (found,) = grad(y, x, create_graph=True)
    (second,) = grad(found[0], x)
    eps, whole = np.finfo(dtype).eps, length * np.abs(wide).max()
    rtol = (300 if dtype == np.float64 else 30) * eps  # y^ord, near the end of the range
    np.testing.assert_allclose(found.data, slope, rtol=rtol, atol=np.finfo(dtype).tiny)
    np.testing.assert_allclose(second.data * whole, bend[0] * whole, atol=3 * rtol)


@pytest.mark.parametrize("ord", [None, 3, 1.5])
def test_slopes_of_infinite_norms_are_the_limit(ord):
    x = leaf([[inf, 1, 0], [1, -inf, 2], [3, 4, nan], [0, 0, 0]])
    np.linalg.norm(x, ord, axis=1).sum().backward()
    assert x.grad[:2].tolist() == [[1, 0, 0], [0, -1, 0]] and x.grad[3].tolist() == [0, 0, 0]
    assert np.isnan(x.grad[2]).all()
