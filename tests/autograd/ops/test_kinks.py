"""Kinks and singular points: what the gradient is where calculus has no answer, or only a limit.

Every expected number is written out. Where PyTorch is the reference, the same numbers are asked of
PyTorch too (where it is installed), so the table cannot drift away from it.
"""

import warnings
from typing import NamedTuple

import numpy as np
import pytest

from autograd import (
    Tensor,
    grad,
    hessian,
    jacobian,
    log_sigmoid,
    log_softmax,
    logsumexp,
    relu,
    sigmoid,
    softmax,
    softplus,
)
from autograd.ops.elementwise import where_by_x

inf, nan = np.inf, np.nan


class Case(NamedTuple):
    """A function, where it is taken, its gradients for g = 1, and PyTorch's name for it."""

    name: str
    function: object
    inputs: tuple
    gradients: tuple
    torch: object = None  # called with (torch, *tensors); None where PyTorch is no reference


def gradients_of(function, inputs, dtype=np.float64):
    """The gradients of the sum of all elements, with NumPy's warnings of the forward muted."""
    tensors = [Tensor(np.array(x, dtype), requires_grad=True) for x in inputs]
    with np.errstate(all="ignore"):
        y = function(*tensors)
    found = grad(y, tensors, np.ones(y.shape), allow_unused=True)
    return [None if g is None else g.data for g in found]


# fmt: off
TIES = [
    Case("max of all", np.max, ([3, 1, 3],), ([.5, 0, .5],), lambda t, x: t.amax(x)),
    Case("max, three tied", np.max, ([2, 2, 2],), ([1/3, 1/3, 1/3],), lambda t, x: t.amax(x)),
    Case("max of a matrix", np.max, ([[1, 5], [5, 5]],), ([[0, 1/3], [1/3, 1/3]],),
         lambda t, x: t.amax(x)),
    Case("max along an axis", lambda x: np.max(x, axis=1), ([[1, 1, 0], [0, 2, 2]],),
         ([[.5, .5, 0], [0, .5, .5]],), lambda t, x: t.amax(x, 1)),
    Case("max along two axes", lambda x: np.max(x, axis=(0, 2)), ([[[1, 1], [0, 4]]],),
         ([[[.5, .5], [0, 1]]],), lambda t, x: t.amax(x, (0, 2))),
    Case("min of all", np.min, ([1, 3, 1],), ([.5, 0, .5],), lambda t, x: t.amin(x)),
    Case("min along an axis, kept", lambda x: np.min(x, axis=-1, keepdims=True),
         ([[1, 1, 2, 1]],), ([[1/3, 1/3, 0, 1/3]],), lambda t, x: t.amin(x, -1, True)),
    Case("max with infinities", np.max, ([inf, -inf, inf],), ([.5, 0, .5],),
         lambda t, x: t.amax(x)),
    Case("max of a nan", np.max, ([3, nan, 3],), ([0, 1, 0],), lambda t, x: t.max(x)),
    Case("maximum", np.maximum, ([1, 2, 3], [1, 3, 2]), ([.5, 0, 1], [.5, 1, 0]),
         lambda t, a, b: t.maximum(a, b)),
    Case("minimum", np.minimum, ([1, 2, 3], [1, 3, 2]), ([.5, 1, 0], [.5, 0, 1]),
         lambda t, a, b: t.minimum(a, b)),
    Case("maximum of a nan", np.maximum, ([nan, 1], [1, nan]), ([1, 0], [0, 1])),
    Case("maximum of infinities", np.maximum, ([inf, -inf], [inf, -inf]), ([.5, .5], [.5, .5]),
         lambda t, a, b: t.maximum(a, b)),
    Case("fmax", np.fmax, ([1, 2, 3], [1, 3, 2]), ([1, 0, 1], [0, 1, 0]),
         lambda t, a, b: t.fmax(a, b)),
    Case("fmin", np.fmin, ([1, 2, 3], [1, 3, 2]), ([1, 1, 0], [0, 0, 1]),
         lambda t, a, b: t.fmin(a, b)),
    Case("fmax of a nan", np.fmax, ([nan, 1, nan], [1, nan, nan]), ([0, 1, 1], [1, 0, 0]),
         lambda t, a, b: t.fmax(a, b)),
    Case("fmin of a nan", np.fmin, ([nan, 1, nan], [1, nan, nan]), ([0, 1, 1], [1, 0, 0]),
         lambda t, a, b: t.fmin(a, b)),
    Case("ptp of constants", np.ptp, ([2, 2],), ([0, 0],)),
]

AT_THE_KINK = [
    Case("absolute", np.absolute, ([-2, 0, -0., 3],), ([-1, 0, 0, 1],), lambda t, x: t.abs(x)),
    Case("fabs", np.fabs, ([-2, 0, 3],), ([-1, 0, 1],), lambda t, x: t.abs(x)),
    Case("L1 loss", lambda p, y: np.mean(np.absolute(p - y)), ([1, 2], [1, 4]),
         ([0, -.5], [0, .5]), lambda t, p, y: t.nn.functional.l1_loss(p, y)),
    Case("relu", relu, ([-1, 0, -0., 2],), ([0, 0, 0, 1],), lambda t, x: t.relu(x)),
    Case("relu of a nan", relu, ([nan],), ([1],), lambda t, x: t.relu(x)),
    Case("relu of infinities", relu, ([-inf, inf],), ([0, 1],), lambda t, x: t.relu(x)),
    Case("clip, a number at the bound", lambda x: np.clip(x, -1, 1), ([-2, -1, 0, 1, 2],),
         ([0, 1, 1, 1, 0],), lambda t, x: t.clamp(x, -1, 1)),
    Case("clip, below only", lambda x: np.clip(x, 0, None), ([-1, 0, 1],), ([0, 1, 1],),
         lambda t, x: t.clamp(x, min=0)),
    Case("clip, above only", lambda x: np.clip(x, None, 0), ([-1, 0, 1],), ([1, 1, 0],),
         lambda t, x: t.clamp(x, max=0)),
    Case("clip, bounds the wrong way round", lambda x: np.clip(x, 1, -1), ([-1, 0, 1],),
         ([0, 0, 0],), lambda t, x: t.clamp(x, 1, -1)),
    # one half each: PyTorch 2.13 gives all of it to x, see test_against_torch
    Case("clip, a Tensor at the bound", np.clip, ([-2, -1, 0, 1, 2], [-1.] * 5, [1.] * 5),
         ([0, .5, 1, .5, 0], [1, .5, 0, 0, 0], [0, 0, 0, .5, 1])),
    Case("sign", np.sign, ([-1, 0, 1],), ([0, 0, 0],), lambda t, x: t.sign(x)),
    Case("floor at a step", np.floor, ([1, 1.5],), ([0, 0],), lambda t, x: t.floor(x)),
    Case("round at a half", np.round, ([.5, 1.5],), ([0, 0],), lambda t, x: t.round(x)),
    Case("remainder at a multiple", np.remainder, ([4, -4], [2, 2]), ([1, 1], [-2, 2]),
         lambda t, a, b: t.remainder(a, b)),
    Case("nan_to_num", np.nan_to_num, ([nan, inf, -inf, 2],), ([0, 0, 0, 1],),
         lambda t, x: t.nan_to_num(x)),
]

INFINITE_SLOPES = [
    Case("sqrt", np.sqrt, ([0, -1],), ([inf, nan],), lambda t, x: t.sqrt(x)),
    Case("log", np.log, ([0, -1],), ([inf, -1],), lambda t, x: t.log(x)),
    Case("log2", np.log2, ([0],), ([inf],), lambda t, x: t.log2(x)),
    Case("log1p", np.log1p, ([-1],), ([inf],), lambda t, x: t.log1p(x)),
    Case("cbrt", np.cbrt, ([0],), ([inf],)),
    Case("reciprocal", np.reciprocal, ([0],), ([-inf],), lambda t, x: t.reciprocal(x)),
    Case("arcsin", np.arcsin, ([-1, 1],), ([inf, inf],), lambda t, x: t.arcsin(x)),
    Case("arccos", np.arccos, ([-1, 1],), ([-inf, -inf],), lambda t, x: t.arccos(x)),
    Case("arccosh", np.arccosh, ([1],), ([inf],), lambda t, x: t.arccosh(x)),
    Case("arctanh", np.arctanh, ([-1, 1],), ([inf, inf],), lambda t, x: t.arctanh(x)),
]

POWERS = [
    Case("0^0", np.power, ([0], [0]), ([0], [0]), lambda t, x, y: x**y),
    Case("0^2", np.power, ([0], [2]), ([0], [0]), lambda t, x, y: x**y),
    Case("0^1", np.power, ([0], [1]), ([1], [0]), lambda t, x, y: x**y),
    Case("0^-1", np.power, ([0], [-1]), ([-inf], [-inf]), lambda t, x, y: x**y),
    Case("0^0.5", np.power, ([0], [.5]), ([inf], [0]), lambda t, x, y: x**y),
    Case("(-2)^2", np.power, ([-2], [2]), ([-4], [nan]), lambda t, x, y: x**y),
    Case("x**0", lambda x: x**0, ([-1, 0, 2, nan],), ([0, 0, 0, 0],), lambda t, x: x**0),
    Case("x**0.0", lambda x: x**0., ([-1, 0, 2],), ([0, 0, 0],), lambda t, x: x**0.),
    Case("x**2", lambda x: x**2, ([-1, 0],), ([-2, 0],), lambda t, x: x**2),
    Case("x**1", lambda x: x**1, ([-1, 0],), ([1, 1],), lambda t, x: x**1),
    Case("x**0.5", lambda x: x**.5, ([0, 4],), ([inf, .25],), lambda t, x: x**.5),
    Case("x**-1", lambda x: x**-1., ([0],), ([-inf],), lambda t, x: x**-1.),
    Case("0**y", lambda y: 0**y, ([0, 2, -1],), ([0, 0, -inf],), lambda t, y: 0**y),
]

NORMS_AND_MOMENTS = [
    Case("2-norm at 0", np.linalg.norm, ([0, 0],), ([0, 0],), lambda t, x: t.linalg.norm(x)),
    Case("Frobenius norm at 0", np.linalg.norm, ([[0, 0], [0, 0]],), ([[0, 0], [0, 0]],),
         lambda t, x: t.linalg.norm(x)),
    Case("Frobenius norm by name", lambda x: np.linalg.norm(x, "fro"), ([[0, 0]],), ([[0, 0]],),
         lambda t, x: t.linalg.norm(x, "fro")),
    Case("norms of rows, one 0", lambda x: np.linalg.norm(x, axis=1), ([[0, 0], [3, 4]],),
         ([[0, 0], [.6, .8]],), lambda t, x: t.linalg.norm(x, dim=1)),
    Case("1-norm at 0", lambda x: np.linalg.norm(x, 1), ([0, 0],), ([0, 0],),
         lambda t, x: t.linalg.norm(x, 1)),
    Case("inf-norm at 0", lambda x: np.linalg.norm(x, inf), ([0, 0],), ([0, 0],),
         lambda t, x: t.linalg.norm(x, inf)),
    Case("inf-norm, tied", lambda x: np.linalg.norm(x, inf), ([2, -2, 1],), ([.5, -.5, 0],),
         lambda t, x: t.linalg.norm(x, inf)),
    Case("3-norm at 0", lambda x: np.linalg.norm(x, 3), ([0, 0],), ([0, 0],),
         lambda t, x: t.linalg.norm(x, 3)),
    Case("half-norm, one element 0", lambda x: np.linalg.norm(x, .5), ([0, 2],), ([0, 1],),
         lambda t, x: t.linalg.norm(x, .5)),
    Case("matrix 1-norm at 0", lambda x: np.linalg.norm(x, 1), ([[0, 0], [0, 0]],),
         ([[0, 0], [0, 0]],), lambda t, x: t.linalg.norm(x, 1)),
    Case("matrix inf-norm at 0", lambda x: np.linalg.norm(x, inf), ([[0, 0], [0, 0]],),
         ([[0, 0], [0, 0]],), lambda t, x: t.linalg.norm(x, inf)),
    Case("std of constants", np.std, ([2, 2, 2],), ([0, 0, 0],),
         lambda t, x: t.std(x, correction=0)),
    Case("std, ddof 1, of constants", lambda x: np.std(x, ddof=1), ([2, 2],), ([0, 0],),
         lambda t, x: t.std(x)),
    Case("std of one element", np.std, ([5],), ([0],), lambda t, x: t.std(x, correction=0)),
    Case("std, ddof 1, of one element", lambda x: np.std(x, ddof=1), ([5],), ([nan],),
         lambda t, x: t.std(x)),
    Case("var, ddof 1, of one element", lambda x: np.var(x, ddof=1), ([5],), ([nan],),
         lambda t, x: t.var(x)),
    Case("var of constants", np.var, ([2, 2],), ([0, 0],), lambda t, x: t.var(x, correction=0)),
    Case("prod, one 0", np.prod, ([0, 2, 3],), ([6, 0, 0],), lambda t, x: t.prod(x)),
    Case("prod, two 0s", np.prod, ([0, 0, 3],), ([0, 0, 0],), lambda t, x: t.prod(x)),
    Case("prod along an axis", lambda x: np.prod(x, axis=1), ([[0, 2, 3], [1, 2, 3], [0, 0, 1]],),
         ([[6, 0, 0], [6, 3, 2], [0, 0, 0]],), lambda t, x: t.prod(x, 1)),
    Case("cumprod, one 0", np.cumprod, ([0, 2, 3],), ([9, 0, 0],),
         lambda t, x: t.cumprod(x, 0)),
    Case("cumprod, two 0s", np.cumprod, ([2, 0, 3, 0, 4],), ([1, 8, 0, 0, 0],),
         lambda t, x: t.cumprod(x, 0)),
    # PyTorch gives these cofactors or zeros, as the rounding of its factorisation falls
    Case("det of a singular matrix", np.linalg.det, ([[1, 2], [2, 4]],), ([[4, -2], [-2, 1]],)),
    Case("det of zeros", np.linalg.det, ([[0, 0], [0, 0]],), ([[0, 0], [0, 0]],),
         lambda t, x: t.linalg.det(x)),
]

ORIGINS = [
    Case("where(x > 0, sqrt(x), 0)", lambda x: np.where(x > 0, np.sqrt(x), 0), ([-1, 0, 4],),
         ([nan, nan, .25],), lambda t, x: t.where(x > 0, t.sqrt(x), 0)),
    Case("hypot", np.hypot, ([0], [0]), ([nan], [nan]), lambda t, a, b: t.hypot(a, b)),
    Case("hypot on an axis", np.hypot, ([0], [2]), ([0], [1]), lambda t, a, b: t.hypot(a, b)),
    Case("arctan2", np.arctan2, ([0], [0]), ([0], [0]), lambda t, a, b: t.arctan2(a, b)),
    Case("sinc", np.sinc, ([0],), ([0],), lambda t, x: t.sinc(x)),
]

NOTHING = [  # rows that are all -inf; PyTorch gives nan for them
    Case("logsumexp", logsumexp, ([-inf, -inf],), ([0, 0],)),
    Case("logsumexp of rows", lambda x: logsumexp(x, axis=1), ([[-inf, -inf], [0, 0]],),
         ([[0, 0], [.5, .5]],)),
    Case("softmax", lambda x: softmax(x) * [1., 2.], ([-inf, -inf],), ([0, 0],)),
    Case("softmax of rows", lambda x: softmax(x, axis=1) * [3., 1.], ([[-inf, -inf], [0, 0]],),
         ([[0, 0], [.5, -.5]],)),
    Case("logaddexp", np.logaddexp, ([-inf], [-inf]), ([0], [0])),
    Case("logaddexp2", np.logaddexp2, ([-inf], [-inf]), ([0], [0])),
]

SOME_INFINITE = [
    Case("logsumexp", logsumexp, ([-inf, 0],), ([0, 1],), lambda t, x: t.logsumexp(x, 0)),
    Case("log_softmax", lambda x: log_softmax(x)[1:], ([-inf, 0, 0],), ([0, 0, 0],),
         lambda t, x: t.log_softmax(x, 0)[1:]),
    Case("logaddexp", np.logaddexp, ([-inf, inf, 0, inf], [0, 0, inf, -inf]),
         ([0, 1, 0, 1], [1, 0, 1, 0]), lambda t, a, b: t.logaddexp(a, b)),
    Case("logaddexp2", np.logaddexp2, ([-inf, inf], [0, 0]), ([0, 1], [1, 0]),
         lambda t, a, b: t.logaddexp2(a, b)),
    Case("exp", np.exp, ([-inf, inf],), ([0, inf],), lambda t, x: t.exp(x)),
    Case("tanh", np.tanh, ([-inf, inf],), ([0, 0],), lambda t, x: t.tanh(x)),
    Case("sigmoid", sigmoid, ([-inf, inf],), ([0, 0],), lambda t, x: t.sigmoid(x)),
    Case("softplus", softplus, ([-inf, inf],), ([0, 1],),
         lambda t, x: t.nn.functional.softplus(x)),
]
# fmt: on

CASES = [
    *TIES, *AT_THE_KINK, *INFINITE_SLOPES, *POWERS, *NORMS_AND_MOMENTS, *ORIGINS, *NOTHING,
    *SOME_INFINITE,
]  # fmt: skip
WITH_TORCH = [case for case in CASES if case.torch is not None]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_gradient_at_the_kink(case, dtype):
    tolerance = {np.float64: 1e-14, np.float32: 1e-6}[dtype]
    found = gradients_of(case.function, case.inputs, dtype)
    for g, expected in zip(found, case.gradients):
        assert g.dtype == dtype
        np.testing.assert_allclose(g, expected, rtol=tolerance, atol=0)


@pytest.mark.parametrize("case", WITH_TORCH, ids=lambda case: case.name)
def test_pytorch_gives_the_same_gradient(case):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    tensors = [torch.tensor(np.array(x, float), requires_grad=True) for x in case.inputs]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch warns of too few degrees of freedom
        y = case.torch(torch, *tensors)
    found = torch.autograd.grad(y, tensors, torch.ones_like(y), allow_unused=True)
    for g, expected in zip(found, case.gradients):
        np.testing.assert_allclose(g.numpy(), expected, rtol=1e-14, atol=1e-13)


def test_gradient_of_x_to_the_0_stays_connected():
    x = Tensor([0.0, 2.0], requires_grad=True)
    y = x**0
    assert y.requires_grad
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [0, 0])


def test_log_of_a_negative_number_has_the_value_nan():
    with pytest.warns(RuntimeWarning, match="invalid value"):
        assert np.isnan(np.log(Tensor(-1.0, requires_grad=True)).item())


def test_relu_of_nan_is_nan():
    np.testing.assert_array_equal(relu(Tensor([nan, -1.0, 1.0])).data, [nan, 0, 1])


def test_relu_hands_an_infinite_gradient_on_beside_a_nan():
    x = Tensor([nan, 1.0, -1.0], requires_grad=True)
    relu(x).backward([1.0, inf, inf])
    assert x.grad.tolist() == [1, inf, 0]


# ---- where, and its cure ----------------------------------------------------------------------


def test_a_second_where_cures_the_nan():
    x = Tensor([-1.0, 0.0, 4.0], requires_grad=True)
    safe = np.where(x > 0, x, 1)
    y = np.where(x > 0, np.sqrt(safe), 0)
    y.sum().backward()
    np.testing.assert_array_equal(y.data, [0, 0, 2])
    np.testing.assert_array_equal(x.grad, [0, 0, 0.25])


def test_the_docstring_of_where_shows_the_cure():
    assert "safe = np.where(x > 0, x, 1)" in where_by_x.__doc__


# ---- second order -----------------------------------------------------------------------------

# fmt: off
SECOND_ORDER = [  # name, function, x, the Hessian of its sum: the true limit
    # NumPy's sinc is sin(pi x)/(pi x): the -1/3 of sin(x)/x times pi²
    ("sinc", np.sinc, 0.0, -np.pi**2 / 3),
    ("sin(x)/x", lambda x: np.sinc(x / np.pi), 0.0, -1 / 3),
    ("sinc near 0", np.sinc, 1e-9, -np.pi**2 / 3),
    ("x**2", lambda x: x**2, 0.0, 2.0),
    ("x**3", lambda x: x**3, 0.0, 0.0),
    ("x**1", lambda x: x**1, 0.0, 0.0),
    ("x**0", lambda x: x**0, 0.0, 0.0),
    ("x*|x|", lambda x: x * np.absolute(x), 0.0, 0.0),
    ("sqrt", np.sqrt, 0.0, -inf),
    ("log", np.log, 0.0, -inf),
    ("arcsin at 1", np.arcsin, 1.0, inf),
    ("arcsin at -1", np.arcsin, -1.0, -inf),
    ("arccos at 1", np.arccos, 1.0, -inf),
    ("arccosh at 1", np.arccosh, 1.0, -inf),
    ("arctanh at 1", np.arctanh, 1.0, inf),
    ("absolute", np.absolute, 0.0, 0.0),
    ("relu", relu, 0.0, 0.0),
    ("prod, one 0", np.prod, [0.0, 2.0, 3.0], [[0, 3, 2], [3, 0, 0], [2, 0, 0]]),
    ("prod, two 0s", np.prod, [0.0, 0.0, 3.0], [[0, 3, 0], [3, 0, 0], [0, 0, 0]]),
    ("prod, three 0s", np.prod, [0.0, 0.0, 0.0], np.zeros((3, 3))),
    ("cumprod", lambda x: np.cumprod(x).sum(), [0.0, 2.0, 3.0],
     [[0, 4, 2], [4, 0, 0], [2, 0, 0]]),
    ("std of constants", np.std, [2.0, 2.0], np.zeros((2, 2))),
    ("2-norm at 0", np.linalg.norm, [0.0, 0.0], np.zeros((2, 2))),
    ("logsumexp of nothing", logsumexp, [-inf, -inf], np.zeros((2, 2))),
    ("softmax of nothing", lambda x: softmax(x)[0], [-inf, -inf], np.zeros((2, 2))),
    ("softplus far out", lambda x: softplus(x).sum(), [-1000.0, 1000.0], np.zeros((2, 2))),
    ("log_sigmoid far out", lambda x: log_sigmoid(x).sum(), [-1000.0, 1000.0], np.zeros((2, 2))),
    ("log_softmax far out", lambda x: log_softmax(x)[0], [-1000.0, 1000.0], np.zeros((2, 2))),
    ("det of zeros", lambda x: np.linalg.det(x.reshape(2, 2)), [0.0, 0.0, 0.0, 0.0],
     [[0, 0, 0, 1], [0, 0, -1, 0], [0, -1, 0, 0], [1, 0, 0, 0]]),
]
# fmt: on


@pytest.mark.parametrize(
    "function, x, expected", [case[1:] for case in SECOND_ORDER], ids=[c[0] for c in SECOND_ORDER]
)
def test_second_order_is_the_true_limit(function, x, expected):
    with np.errstate(all="ignore"):
        found = hessian(function, Tensor(x))
    np.testing.assert_allclose(found.data, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("function", [np.hypot, np.arctan2], ids=["hypot", "arctan2"])
def test_second_order_without_a_limit_is_nan(function):
    (aa, ab), (ba, bb) = hessian(function, (Tensor(0.0), Tensor(0.0)))
    assert all(np.isnan(h.data) for h in (aa, ab, ba, bb))


def test_sinc_keeps_its_digits_at_every_order():
    x = Tensor([0.0, 1e-12, 1e-4, 0.4, 0.6, 3.0])
    third = jacobian(lambda x: jacobian(lambda x: jacobian(np.sinc, x).sum(0), x).sum(0), x)
    z = np.pi * x.data
    series = z / 5 - z**3 / 42  # the closed form loses its digits near 0
    far = np.where(z > 0.1, z, 1)
    closed = (3 * far**2 - 6) * np.sin(far) + (6 * far - far**3) * np.cos(far)
    expected = np.pi**3 * np.where(z > 0.1, closed / far**4, series)
    np.testing.assert_allclose(np.diagonal(third.data), expected, rtol=1e-11, atol=0)


# ---- far out: finite, and without a floating-point warning --------------------------------------

FAR = [-1000.0, -745.0, -100.0, 0.0, 100.0, 745.0, 1000.0]


# fmt: off
FAR_OUT = [  # name, function, values and derivatives at FAR, to the last digit that matters
    ("softplus", softplus, [0, 0, 3.720075976020836e-44, np.log(2), 100, 745, 1000],
     [0, 0, 3.720075976020836e-44, .5, 1, 1, 1]),
    ("log_sigmoid", log_sigmoid, [-1000, -745, -100, -np.log(2), -3.720075976020836e-44, 0, 0],
     [1, 1, 1, .5, 3.720075976020836e-44, 0, 0]),
    ("sigmoid", sigmoid, [0, 0, 3.720075976020836e-44, .5, 1, 1, 1],
     [0, 0, 3.720075976020836e-44, .25, 3.720075976020836e-44, 0, 0]),
    ("tanh", np.tanh, [-1, -1, -1, 0, 1, 1, 1], [0, 0, 0, 1, 0, 0, 0]),
]
FAR_ROWS = [  # name, function, row, value, the gradient of its weighted sum 1, 2, 3
    ("log_softmax", log_softmax, [-1000, 1000, 0], [-2000, 0, -1000], [1, -4, 3]),
    ("softmax", softmax, [-1000, 1000, 0], [0, 1, 0], [0, 0, 0]),
    ("softmax of huge equals", softmax, [1000, 1000, -1000], [.5, .5, 0], [-.25, .25, 0]),
    ("log_softmax of huge equals", log_softmax, [1000, 1000, -1000],
     [-np.log(2), -np.log(2), -2000 - np.log(2)], [-2, -1, 3]),
    ("logsumexp", lambda x, axis=None: logsumexp(x, axis=axis, keepdims=True), [-1000, 1000, 0],
     [1000], [0, 1, 0]),
    ("logsumexp of tiny", lambda x, axis=None: logsumexp(x, axis=axis, keepdims=True),
     [-1000, -1000, -1000], [-1000 + np.log(3)], [1/3, 1/3, 1/3]),
]
# fmt: on


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "function, values, slopes", [c[1:] for c in FAR_OUT], ids=[c[0] for c in FAR_OUT]
)
def test_far_out_values_and_slopes_are_finite_and_silent(function, values, slopes, dtype):
    x = Tensor(np.array(FAR, dtype), requires_grad=True)
    with np.errstate(all="raise", under="ignore"):
        y = function(x)
        y.backward(np.ones(len(FAR), dtype))
    tolerance = {np.float64: 1e-15, np.float32: 1e-6}[dtype]
    assert y.dtype == x.grad.dtype == dtype
    smallest = {np.float64: 1e-300, np.float32: 1e-37}[dtype]  # of e^-745 a few bits are left
    np.testing.assert_allclose(y.data, values, rtol=tolerance, atol=smallest)
    np.testing.assert_allclose(x.grad, slopes, rtol=tolerance, atol=2e-16)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "function, row, value, gradient", [c[1:] for c in FAR_ROWS], ids=[c[0] for c in FAR_ROWS]
)
def test_far_out_rows_are_finite_and_silent(function, row, value, gradient, dtype):
    x = Tensor(np.array([row, row], dtype), requires_grad=True)
    tolerance = {np.float64: 1e-13, np.float32: 3e-5}[dtype]  # of 1000 three digits are gone
    with np.errstate(all="raise", under="ignore"):
        y = function(x, axis=-1)
        weights = np.arange(1.0, 1 + y.shape[-1]).astype(dtype)
        y.backward(np.broadcast_to(weights, y.shape))
    for i in range(2):
        np.testing.assert_allclose(y.data[i], value, rtol=tolerance)
        np.testing.assert_allclose(x.grad[i], gradient, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rows_of_nothing_are_silent_where_they_have_a_value(dtype):
    x = Tensor(np.array([[-inf, -inf], [0, -inf]], dtype), requires_grad=True)
    with np.errstate(all="raise", under="ignore"):
        y = logsumexp(x, axis=1)
        y.sum().backward()
    np.testing.assert_array_equal(y.data, [-inf, 0])
    np.testing.assert_array_equal(x.grad, [[0, 0], [1, 0]])


# ---- warnings -----------------------------------------------------------------------------------

WARNING_FORWARD = [
    ("log(0)", np.log, 0.0, "divide by zero"),
    ("log(-1)", np.log, -1.0, "invalid value"),
    ("sqrt(-1)", np.sqrt, -1.0, "invalid value"),
    ("1/0", lambda x: 1 / x, 0.0, "divide by zero"),
    ("exp(1000)", np.exp, 1000.0, "overflow"),
    ("arcsin(2)", np.arcsin, 2.0, "invalid value"),
]


@pytest.mark.parametrize(
    "function, x, message", [c[1:] for c in WARNING_FORWARD], ids=[c[0] for c in WARNING_FORWARD]
)
def test_forward_warns_as_numpy_does(function, x, message):
    with pytest.warns(RuntimeWarning, match=message):
        plain = function(np.array([x]))
    with pytest.warns(RuntimeWarning, match=message):
        y = function(Tensor([x], requires_grad=True))
    np.testing.assert_array_equal(y.data, plain)


SILENT_BACKWARD = [
    ("sqrt(0)", np.sqrt, 0.0, inf),
    ("cbrt(0)", np.cbrt, 0.0, inf),
    ("0**0.5", lambda x: x**0.5, 0.0, inf),
    ("arcsin(1)", np.arcsin, 1.0, inf),
    ("hypot(0, 0)", lambda x: np.hypot(x, 0.0), 0.0, nan),
    ("where(0 > 0, sqrt(0), 0)", lambda x: np.where(x > 0, np.sqrt(x), 0), 0.0, nan),
]


@pytest.mark.parametrize("raising", [False, True], ids=["default", "errstate raise"])
@pytest.mark.parametrize(
    "function, x, expected", [c[1:] for c in SILENT_BACKWARD], ids=[c[0] for c in SILENT_BACKWARD]
)
def test_the_reverse_sweep_is_silent(function, x, expected, raising):
    x = Tensor([x], requires_grad=True)
    y = function(x)
    with warnings.catch_warnings(), np.errstate(**({"all": "raise"} if raising else {})):
        warnings.simplefilter("error")
        y.sum().backward()
    np.testing.assert_array_equal(x.grad, [expected])


def test_the_reverse_sweep_gives_numpys_error_state_back():
    x = Tensor([0.0], requires_grad=True)
    y = np.sqrt(x)
    with np.errstate(divide="raise"):
        y.sum().backward()
        assert np.geterr()["divide"] == "raise"


@pytest.mark.parametrize(
    "cut",
    [relu, lambda x: np.maximum(x, 0), lambda x: np.clip(x, 0, 9), lambda x: np.fmax(0, x)],
    ids=["relu", "maximum", "clip", "fmax"],
)
@pytest.mark.parametrize("shape", [(), (1,), (3, 1)], ids=str)
def test_an_infinite_gradient_stops_where_the_unit_is_dead(cut, shape):
    dead, alive = (Tensor(np.full(shape, value), requires_grad=True) for value in (-1.0, 4.0))
    with np.errstate(divide="ignore"):
        (np.sqrt(cut(dead)) + np.log(cut(dead)) + np.sqrt(cut(alive))).sum().backward()
    assert np.all(dead.grad == 0)
    assert np.all(alive.grad == 0.25)
