"""grad, jacobian, hessian, vjp, jvp, hvp, value_and_grad: against closed forms and PyTorch.

Then orders higher than two, and what the functions accept, refuse and leave alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autograd import (
    AutogradError,
    Tensor,
    grad,
    hessian,
    hvp,
    is_grad_enabled,
    jacobian,
    jvp,
    no_grad,
    value_and_grad,
    vjp,
)
from tests.makers import leaf


def assert_close(actual: Any, expected: Any, rtol: float = 1e-12) -> None:
    assert isinstance(actual, Tensor)
    assert actual.shape == np.shape(expected)
    np.testing.assert_allclose(actual.data, expected, rtol=rtol, atol=1e-14)


# ---- grad -------------------------------------------------------------------------------------


def test_grad_returns_a_tuple_of_tensors() -> None:
    x = leaf(3.0)
    found = grad(x * x, x)
    assert type(found) is tuple and len(found) == 1
    assert_close(found[0], 6.0)
    assert not found[0].requires_grad


def test_grad_touches_no_grad_attribute() -> None:
    x, y = leaf(3.0), leaf(4.0)
    z = x * y
    z.retain_grad()
    grad(z * z, [x, z])
    assert x.grad is None and y.grad is None and z.grad is None


def test_grad_of_intermediate_results() -> None:
    x = leaf(2.0)
    y = x * x
    z = y * y * x
    by_x, by_y = grad(z, [x, y])
    assert_close(by_x, 5 * 2.0**4)
    assert_close(by_y, 2 * 4.0 * 2.0)


def test_grad_by_the_output_itself_and_by_a_leaf_that_is_the_output() -> None:
    x = leaf([1.0, 2.0])
    y = (x * x).sum()
    assert_close(grad(y, y)[0], 1.0)
    assert_close(grad(x, x, [5.0, 6.0])[0], [5.0, 6.0])


def test_grad_by_the_same_input_twice() -> None:
    x = leaf(3.0)
    first, second = grad(x * x, [x, x])
    assert_close(first, 6.0)
    assert_close(second, 6.0)


def test_grad_adds_over_outputs() -> None:
    x = leaf(3.0)
    y, z = x * x, x**3
    assert_close(grad([y, z], x)[0], 6.0 + 27.0)
    assert_close(grad([y, z], x, [2.0, 10.0])[0], 2 * 6.0 + 10 * 27.0)


def test_grad_of_the_same_output_twice_counts_it_twice() -> None:
    x = leaf(3.0)
    y = x * x
    assert_close(grad([y, y], x)[0], 12.0)
    assert_close(grad([y, y], x, [1.0, 10.0])[0], 66.0)


def test_grad_of_an_output_and_of_what_it_is_made_of() -> None:
    x = leaf(3.0)
    y = x * x
    z = y * 10
    assert_close(grad([z, y], x)[0], 66.0)
    assert_close(grad([z, y], y)[0], 11.0)


@pytest.mark.parametrize("wrap", [lambda v: v, lambda v: [v], lambda v: Tensor(v), lambda v: (v,)],
                         ids=["array", "list of one", "Tensor", "tuple of one"])  # fmt: skip
def test_grad_outputs_of_one_output(wrap: Callable[[Any], Any]) -> None:
    x = leaf([1.0, 2.0])
    assert_close(grad(x * x, x, wrap(np.array([1.0, 10.0])))[0], [2.0, 40.0])


def test_grad_outputs_of_one_output_in_a_list() -> None:
    x = leaf([1.0, 2.0])
    assert_close(grad([x * x], x, [[1.0, 10.0]])[0], [2.0, 40.0])
    assert_close(grad([x * x], x, [Tensor([1.0, 10.0])])[0], [2.0, 40.0])


def test_some_grad_outputs_may_be_none() -> None:
    x = leaf([1.0, 2.0])
    assert_close(grad([x * x, x.sum()], x, [[1.0, 10.0], None])[0], [3.0, 41.0])


def test_grad_outputs_take_the_outputs_dtype() -> None:
    x = Tensor(np.ones(2, np.float32), requires_grad=True)
    (g,) = grad(x * x, x, np.ones(2))
    assert g.dtype == np.float32


def test_grad_is_differentiable_by_grad_outputs() -> None:
    x, v = leaf([1.0, 2.0]), leaf([5.0, 7.0])
    (g,) = grad(x * x, x, v, create_graph=True)
    assert_close(grad(g.sum(), v)[0], [2.0, 4.0])


def test_unused_input() -> None:
    x, y = leaf(3.0), leaf(4.0)
    with pytest.raises(AutogradError, match="input 1, .* is not used .* allow_unused=True"):
        grad(x * x, [x, y])
    by_x, by_y = grad(x * x, [x, y], allow_unused=True)
    assert_close(by_x, 6.0)
    assert by_y is None


@pytest.mark.parametrize("create_graph", [False, True])
def test_grad_by_many_inputs_leaves_out_the_rest_of_the_graph(create_graph: bool) -> None:
    xs = [leaf(float(i)) for i in range(1, 5)]
    product = xs[0] * xs[1] * xs[2] * xs[3]
    found = grad(product, xs[1:3], create_graph=create_graph)
    assert [g.item() for g in found] == [12.0, 8.0]
    assert all(g.requires_grad is create_graph for g in found)


MISTAKES: dict[str, tuple[Callable[[Tensor], Any], type[Exception], str]] = {
    "a vector without grad_outputs": (lambda x: grad(x * x, x), ValueError, "Reduce it first"),
    "wrong shape": (lambda x: grad(x * x, x, np.ones(3)), ValueError, r"\(3,\), the output \(2,\)"),
    "too many": (lambda x: grad([x.sum()], x, [1.0, 1.0]), ValueError, "2 grad_outputs for 1"),
    "output without a graph": (lambda x: grad(Tensor(1.0), x), AutogradError, "an output"),
    "input without gradient": (lambda x: grad(x.sum(), Tensor(1.0)), AutogradError, "an input"),
    "output no Tensor": (
        lambda x: grad([2.0], x),
        TypeError,
        "outputs must be a Tensor or a list of them, got float",
    ),
    "input no Tensor": (
        lambda x: grad(x.sum(), [x.data]),
        TypeError,
        "inputs must be a Tensor or a list",
    ),
}


@pytest.mark.parametrize(("wrong", "kind", "text"), MISTAKES.values(), ids=MISTAKES)
def test_grad_refuses(wrong: Callable[[Tensor], Any], kind: type[Exception], text: str) -> None:
    x = leaf([1.0, 2.0])
    with pytest.raises(kind, match=text):
        wrong(x)
    assert_close(grad((x * x).sum(), x)[0], [2.0, 4.0])  # nothing is broken


# ---- closed forms -----------------------------------------------------------------------------

A = np.array([[2.0, -1.0, 0.5], [0.3, 1.5, -0.7]])
X = np.array([0.4, -1.1, 0.8])
V = np.array([1.0, -2.0, 0.5])
S = A.T @ A


def linear(x: Any) -> Any:
    return A @ x


def quadratic(x: Any) -> Any:
    return x @ S @ x / 2


def test_jacobian_of_a_linear_map_is_its_matrix() -> None:
    assert_close(jacobian(linear, Tensor(X)), A)


def test_jacobian_of_an_elementwise_function_is_diagonal() -> None:
    assert_close(jacobian(np.sin, Tensor(X)), np.diag(np.cos(X)))


def test_jacobian_has_the_shape_of_the_output_and_the_input() -> None:
    x = Tensor(np.arange(6.0).reshape(2, 3))
    found = jacobian(lambda x: x.T * 2, x)
    assert_close(found, 2 * np.einsum("il,jk->ijkl", np.eye(3), np.eye(2)))


def test_jacobian_of_and_by_numbers() -> None:
    assert_close(jacobian(lambda x: x**3, Tensor(2.0)), 12.0)
    assert_close(jacobian(lambda x: (x * x).sum(), Tensor(X)), 2 * X)
    assert_close(jacobian(lambda x: x * X, Tensor(2.0)), X)


def test_jacobian_of_nothing() -> None:
    assert_close(jacobian(lambda x: x[:0], Tensor(X)), np.zeros((0, 3)))
    assert_close(jacobian(lambda x: x.sum(), Tensor(np.zeros((0, 2)))), np.zeros((0, 2)))


def test_hessian_of_a_quadratic_form_is_its_matrix() -> None:
    assert_close(hessian(quadratic, Tensor(X)), S)


def test_hessian_of_a_number() -> None:
    assert_close(hessian(lambda x: x**4, Tensor(3.0)), 108.0)


def test_hessian_of_a_matrix_has_four_axes() -> None:
    x = Tensor(np.arange(1.0, 5).reshape(2, 2))
    found = hessian(lambda x: (x**3).sum(), x)
    assert_close(found, np.einsum("ij,ik,jl->ijkl", 6 * x.data, np.eye(2), np.eye(2)))


def test_products_with_vectors() -> None:
    value, product = vjp(linear, Tensor(X), [3.0, -1.0])
    assert_close(value, A @ X)
    assert_close(product, A.T @ [3.0, -1.0])
    value, product = jvp(linear, Tensor(X), V)
    assert_close(value, A @ X)
    assert_close(product, A @ V)
    value, product = hvp(quadratic, Tensor(X), V)
    assert_close(value, X @ S @ X / 2)
    assert_close(product, S @ V)


def test_vjp_of_a_number_needs_no_vector() -> None:
    assert_close(vjp(quadratic, Tensor(X))[1], S @ X)


def test_value_and_grad() -> None:
    value, slope = value_and_grad(quadratic)(Tensor(X))
    assert_close(value, X @ S @ X / 2)
    assert_close(slope, S @ X)


# ---- tuples -----------------------------------------------------------------------------------

P, Q = np.array([1.0, 2.0]), np.array([0.5, -1.0, 3.0])
PQ = (Tensor(P), Tensor(Q))


def bilinear(p: Any, q: Any) -> Any:
    return np.sum(p[:, None] ** 2 * q)


def test_jacobian_of_a_tuple() -> None:
    by_p, by_q = jacobian(lambda p, q: np.outer(p, q), PQ)
    assert_close(by_p, np.einsum("ik,j->ijk", np.eye(2), Q))
    assert_close(by_q, np.einsum("i,jk->ijk", P, np.eye(3)))


def test_hessian_of_a_tuple_is_a_tuple_of_tuples() -> None:
    (pp, pq), (qp, qq) = hessian(bilinear, PQ)
    assert_close(pp, 2 * np.sum(Q) * np.eye(2))
    assert_close(pq, np.repeat(2 * P[:, None], 3, axis=1))
    assert_close(qp, pq.data.T)
    assert_close(qq, np.zeros((3, 3)))


def test_products_with_tuples() -> None:
    u, w = np.array([0.3, -0.2]), np.array([1.0, 0.0, 2.0])
    by_p, by_q = 2 * P * np.sum(Q), np.full(3, np.sum(P**2))
    value, (slope_p, slope_q) = value_and_grad(bilinear)(PQ)
    assert_close(value, bilinear(P, Q))
    assert_close(slope_p, by_p)
    assert_close(slope_q, by_q)
    assert_close(jvp(bilinear, PQ, (u, w))[1], by_p @ u + by_q @ w)
    _, (product_p, product_q) = hvp(bilinear, PQ, (u, w))
    assert_close(product_p, 2 * np.sum(Q) * u + 2 * P * np.sum(w))
    assert_close(product_q, np.full(3, 2 * P @ u))


def test_a_tuple_of_one_gives_tuples_of_one() -> None:
    x = (Tensor(X),)
    assert_close(jacobian(linear, x)[0], A)
    assert_close(hessian(quadratic, x)[0][0], S)
    assert_close(hvp(quadratic, x, (V,))[1][0], S @ V)


# ---- inputs that are not used, constants ------------------------------------------------------


def constant(*xs: Any) -> Tensor:
    return Tensor(5.0)


def test_a_constant_has_zero_derivatives() -> None:
    x = Tensor(X)
    assert_close(jacobian(constant, x), np.zeros(3))
    assert_close(hessian(constant, x), np.zeros((3, 3)))
    assert_close(vjp(constant, x)[1], np.zeros(3))
    assert_close(jvp(constant, x, V)[1], 0.0)
    assert_close(hvp(constant, x, V)[1], np.zeros(3))


def test_an_input_that_is_not_used_has_zero_derivatives() -> None:
    def f(p: Any, q: Any) -> Any:
        return (q * q).sum()

    assert_close(jacobian(f, PQ)[0], np.zeros(2))
    assert_close(hessian(f, PQ)[0][1], np.zeros((2, 3)))
    assert_close(vjp(f, PQ)[1][0], np.zeros(2))
    assert_close(jvp(f, PQ, (P, Q))[1], 2 * Q @ Q)
    assert_close(hvp(f, PQ, (P, Q))[1][0], np.zeros(2))


def test_a_linear_function_has_second_derivative_zero() -> None:
    assert_close(hessian(lambda x: x.sum(), Tensor(X)), np.zeros((3, 3)))
    assert_close(hvp(lambda x: x.sum(), Tensor(X), V)[1], np.zeros(3))


def test_zero_derivatives_keep_the_dtype() -> None:
    x = Tensor(X.astype(np.float32))
    assert jacobian(lambda x: Tensor(np.float32(1)), x).dtype == np.float32
    assert hessian(lambda x: x.sum(), x).dtype == np.float32


@pytest.mark.parametrize("requires_grad", [False, True])
def test_x_used_besides_the_argument_is_a_constant(requires_grad: bool) -> None:
    x = Tensor(X, requires_grad=requires_grad)
    assert_close(jacobian(lambda a: (a * x).sum(), x), X)
    assert_close(vjp(lambda a: (a * x).sum(), x)[1], X)


# ---- plain results, or differentiable again ---------------------------------------------------

EVERY: dict[str, Callable[[Tensor], Tensor]] = {
    "vjp": lambda x: vjp(lambda x: x**3, x, V)[1],
    "jvp": lambda x: jvp(lambda x: x**3, x, V)[1],
    "hvp": lambda x: hvp(lambda x: (x**4).sum(), x, V)[1],
    "jacobian": lambda x: jacobian(lambda x: x**3, x),
    "hessian": lambda x: hessian(lambda x: (x**4).sum(), x),
    "value_and_grad": lambda x: value_and_grad(lambda x: (x**3).sum(), create_graph=True)(x)[1],
    "value": lambda x: value_and_grad(lambda x: (x**3).sum())(x)[0],
}
DERIVATIVE_OF_SUM = {
    "vjp": 6 * X * V, "jvp": 6 * X * V, "hvp": 24 * X * V, "jacobian": 6 * X, "hessian": 24 * X,
    "value_and_grad": 6 * X, "value": 3 * X**2,
}  # fmt: skip


@pytest.mark.parametrize("name", EVERY)
def test_results_are_plain_for_a_plain_x(name: str) -> None:
    found = EVERY[name](Tensor(X))
    assert not found.requires_grad and found.is_leaf


@pytest.mark.parametrize("name", EVERY)
def test_results_are_differentiable_again_when_x_requires_it(name: str) -> None:
    x = Tensor(X, requires_grad=True)
    EVERY[name](x).sum().backward()
    np.testing.assert_allclose(x.grad, DERIVATIVE_OF_SUM[name], rtol=1e-12)


@pytest.mark.parametrize("name", EVERY)
def test_results_are_differentiable_in_the_middle_of_a_graph(name: str) -> None:
    y = Tensor(X / 2, requires_grad=True)
    EVERY[name](y * 2).sum().backward()
    np.testing.assert_allclose(y.grad, 2 * DERIVATIVE_OF_SUM[name], rtol=1e-12)


@pytest.mark.parametrize("name", EVERY)
def test_x_and_its_gradient_stay_as_they_are(name: str) -> None:
    x = Tensor(X, requires_grad=True)
    EVERY[name](x)
    assert x.grad is None and x.data is X


@pytest.mark.parametrize("name", EVERY)
def test_works_under_no_grad_and_leaves_it_on(name: str) -> None:
    expected = EVERY[name](Tensor(X))
    with no_grad():
        assert_close(EVERY[name](Tensor(X)), expected.data)
        assert not is_grad_enabled()


REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "vjp without v": (lambda: vjp(linear, Tensor(X)), ValueError, "Reduce it first"),
    "vjp, wrong v": (lambda: vjp(linear, Tensor(X), V), ValueError, r"shape \(3,\), the output"),
    "vjp of a constant, wrong v": (lambda: vjp(constant, Tensor(X), V), ValueError, "shape"),
    "jvp, wrong v": (lambda: jvp(linear, Tensor(X), [1.0]), ValueError, "v must have the shapes"),
    "hvp, wrong v": (lambda: hvp(quadratic, Tensor(X), [1.0]), ValueError, "v must have the shape"),
    "hvp of a vector": (lambda: hvp(linear, Tensor(X), V), ValueError, "Reduce it first"),
    "hessian of a vector": (lambda: hessian(linear, Tensor(X)), ValueError, "Reduce it first"),
    "a vector's gradient": (lambda: value_and_grad(linear)(Tensor(X)), ValueError, "Reduce it"),
    "f gives an array": (lambda: jacobian(lambda x: x.data, Tensor(X)), TypeError, "got ndarray"),
    "f gives two": (lambda: jacobian(lambda x: (x, x), Tensor(X)), TypeError, "one Tensor, got tu"),
}  # fmt: skip


@pytest.mark.parametrize(("wrong", "kind", "text"), REFUSED.values(), ids=REFUSED)
def test_refused(wrong: Callable[[], Any], kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        wrong()


# ---- higher orders ----------------------------------------------------------------------------


def derivative(f: Callable[[Any], Any], order: int) -> Callable[[Any], Any]:
    """The order-th derivative of a function of one number, by nesting."""
    return f if order == 0 else lambda x: value_and_grad(derivative(f, order - 1))(x)[1]


@pytest.mark.parametrize("order", range(1, 6))
@pytest.mark.parametrize("x", [-1.3, 0.0, 0.7])
def test_higher_derivatives_of_sin(order: int, x: float) -> None:
    assert_close(derivative(np.sin, order)(Tensor(x)), np.sin(x + order * np.pi / 2))


@pytest.mark.parametrize("order", range(1, 8))
@pytest.mark.parametrize("x", [-2.0, 0.0, 0.5])
def test_higher_derivatives_of_a_power(order: int, x: float) -> None:
    exact = math.perm(6, order) * x ** (6 - order) if order <= 6 else 0.0
    assert_close(derivative(lambda x: x**6, order)(Tensor(x)), exact)


def sinc_series(x: float, order: int) -> float:
    """The derivative of sin(πx)/(πx) from its power series, for x near 0."""
    return math.fsum(
        (-1) ** k * math.pi ** (2 * k) / math.factorial(2 * k + 1)
        * math.perm(2 * k, order) * x ** (2 * k - order)
        for k in range((order + 1) // 2, 25)
    )  # fmt: skip


def test_the_limits_of_sinc_at_0_are_the_known_ones() -> None:
    limits = [0.0, -(np.pi**2) / 3, 0.0, np.pi**4 / 5]
    for order, limit in enumerate(limits, start=1):
        assert_close(derivative(np.sinc, order)(Tensor(0.0)), limit)


@pytest.mark.parametrize("order", range(1, 5))
@pytest.mark.parametrize("x", [0.0, 1e-300, 1e-8, -1e-3, 0.05, 0.3])
def test_derivatives_of_sinc_near_0(order: int, x: float) -> None:
    assert_close(derivative(np.sinc, order)(Tensor(x)), sinc_series(x, order), rtol=1e-11)


@pytest.mark.parametrize("order", range(1, 5))
def test_grad_goes_to_any_order_by_create_graph(order: int) -> None:
    x = leaf(0.4)
    y = np.exp(2 * x)
    for _ in range(order):
        (y,) = grad(y, x, create_graph=True)
    assert_close(y, 2**order * np.exp(0.8))


def test_third_derivatives_are_jacobians_of_the_hessian() -> None:
    found = jacobian(lambda x: hessian(lambda x: (x**3).sum() * x[0], x), Tensor([2.0, 3.0]))
    expected = np.zeros((2, 2, 2))
    expected[0, 0, 0] = 24 * 2.0
    for place in ((0, 1, 1), (1, 0, 1), (1, 1, 0)):
        expected[place] = 6 * 3.0
    expected[1, 1, 1] = 6 * 2.0
    assert_close(found, expected)


# ---- PyTorch ----------------------------------------------------------------------------------

ROWS = np.array([[0.3, -0.8], [1.2, 0.5], [-0.4, 0.9]])
VECTOR_FUNCTIONS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "elementwise": lambda m, x, w: m.sin(x) * m.exp(x),
    "layer": lambda m, x, w: m.tanh(x @ w),
    "normed": lambda m, x, w: (x @ w) / m.sqrt((x * x).sum() + 1),
}
SCALAR_FUNCTIONS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "energy": lambda m, x, w: (m.tanh(x @ w) ** 2).sum(),
    "log of a sum": lambda m, x, w: m.log(m.exp(x @ w).sum()),
    "product": lambda m, x, w: m.prod(x) * m.cos(x.sum()),
}


def with_torch() -> Any:
    return pytest.importorskip("torch", reason="the comparison needs PyTorch")


def torch_pair(torch: Any, f: Callable[[Any, Any, Any], Any]) -> tuple[Any, Any]:
    """The function for Tensors, and the same for PyTorch's."""
    return lambda x: f(np, x, ROWS), lambda x: f(torch, x, torch.tensor(ROWS))


@pytest.mark.parametrize("name", VECTOR_FUNCTIONS)
def test_first_order_agrees_with_pytorch(name: str) -> None:
    torch = with_torch()
    ours, theirs = torch_pair(torch, VECTOR_FUNCTIONS[name])
    functional, x = torch.autograd.functional, torch.tensor(X)
    assert_close(jacobian(ours, Tensor(X)), functional.jacobian(theirs, x).numpy(), rtol=1e-10)
    v = np.linspace(0.5, 1.5, ours(Tensor(X)).size)
    for found, expected in (
        (vjp(ours, Tensor(X), v), functional.vjp(theirs, x, torch.tensor(v))),
        (jvp(ours, Tensor(X), V), functional.jvp(theirs, x, torch.tensor(V))),
    ):
        for a, b in zip(found, expected, strict=True):
            assert_close(a, b.numpy(), rtol=1e-10)


@pytest.mark.parametrize("name", SCALAR_FUNCTIONS)
def test_second_order_agrees_with_pytorch(name: str) -> None:
    torch = with_torch()
    ours, theirs = torch_pair(torch, SCALAR_FUNCTIONS[name])
    functional, x = torch.autograd.functional, torch.tensor(X)
    assert_close(hessian(ours, Tensor(X)), functional.hessian(theirs, x).numpy(), rtol=1e-10)
    found, expected = hvp(ours, Tensor(X), V), functional.hvp(theirs, x, torch.tensor(V))
    for a, b in zip(found, expected, strict=True):
        assert_close(a, b.numpy(), rtol=1e-10)


def test_tuples_agree_with_pytorch() -> None:
    torch = with_torch()
    functional, xs = torch.autograd.functional, (torch.tensor(X), torch.tensor(ROWS))

    def f(m: Any) -> Callable[[Any, Any], Any]:
        return lambda x, w: (m.tanh(x @ w) * m.exp(x.sum())).sum()

    ours = (Tensor(X), Tensor(ROWS))
    for row, torch_row in zip(hessian(f(np), ours), functional.hessian(f(torch), xs), strict=True):
        for a, b in zip(row, torch_row, strict=True):
            assert_close(a, b.numpy(), rtol=1e-10)
    for a, b in zip(jacobian(f(np), ours), functional.jacobian(f(torch), xs), strict=True):
        assert_close(a, b.numpy(), rtol=1e-10)
