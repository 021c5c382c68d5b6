"""Every transform, compiled: what it gives by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nn
from autograd import (
    Tensor,
    compile,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    logsumexp,
    no_grad,
    relu,
    softmax,
    value_and_grad,
    vjp,
)
from tests.compiled import against_itself

rng = np.random.default_rng(0)
W = rng.normal(size=(4, 4))
X, Y, V = (rng.normal(size=4) for _ in range(3))

FUNCTIONS: list[Callable[[Any], Any]] = [
    lambda x: np.sum(np.tanh(W @ x) * np.exp(-x * x)),
    lambda x: np.sum((1 - x[:-1]) ** 2 + 100 * (x[1:] - x[:-1] ** 2) ** 2),  # Rosenbrock
    lambda x: logsumexp(W @ x) + relu(x).sum() - softmax(x)[1],
    lambda x: np.linalg.norm(np.outer(x, x) + 3 * np.eye(4)) * np.log1p(x @ x),
    lambda x: np.prod(np.where(x > 0, x, np.sin(x)) + 2) / np.sqrt(1 + x.var()),
    lambda x: np.sum(np.sort(x) * np.arange(4.0)) ** 3 + np.cumsum(x)[-1] * np.max(x),
]


def vectors(f: Any) -> Any:
    return lambda x: x * f(x)


TRANSFORMS: dict[str, Callable[..., Any]] = {
    "value_and_grad": lambda f, x, v: value_and_grad(f)(x),
    "grad": lambda f, x, v: slope(f, x),
    "grad of grad": lambda f, x, v: curvature(f, x, v),
    "vjp": lambda f, x, v: vjp(vectors(f), x, v),
    "jvp": lambda f, x, v: jvp(vectors(f), x, v),
    "hvp": lambda f, x, v: hvp(f, x, v),
    "hessian": lambda f, x, v: hessian(f, x),
    "jacobian": lambda f, x, v: jacobian(vectors(f), x),
    "jacobian of value_and_grad": lambda f, x, v: jacobian(lambda x: x * f(x) + v, x),
}


def slope(f: Any, x: Any) -> Any:
    x = Tensor(x, requires_grad=True)
    return grad(f(x), [x])[0].detach()


def curvature(f: Any, x: Any, v: Any) -> Any:
    x = Tensor(x, requires_grad=True)
    (g,) = grad(f(x), [x], create_graph=True)
    return grad((g * v).sum(), [x])[0].detach()


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("f", FUNCTIONS)
def test_transforms(name: str, f: Callable[..., Any]) -> None:
    transform = TRANSFORMS[name]
    run = lambda x, v: transform(f, x, v)  # noqa: E731
    calls = [(X, V), (Y, X), (X * 0.5, Y), (-Y, -V)]
    faster = against_itself(run, *calls, *calls, *calls)
    before = faster.eager_calls  # where branches of operations went another way
    against_itself(run, *calls, faster=faster)
    assert faster.versions == 1 and faster.eager_calls == before <= 4, faster.reason


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_in_other_precisions(dtype: Any) -> None:
    f = lambda x: np.sum(np.tanh(x) * np.exp(-x * x))  # noqa: E731
    faster = against_itself(value_and_grad(f), X.astype(dtype), Y.astype(dtype))
    assert faster.eager_calls == 0
    value, slope = faster(X.astype(dtype))
    assert value.dtype == slope.dtype == dtype


def test_by_several_arguments() -> None:
    def loss(w: Any, b: Any, x: Any) -> Any:
        return np.mean((np.tanh(x @ w) + b) ** 2)

    x = rng.normal(size=(5, 4))
    run = lambda w, b, x: value_and_grad(loss)(w, b, x)  # noqa: E731
    faster = against_itself(run, (W, V, x), (W * 2, X, x + 1))
    assert faster.versions == 1 and faster.eager_calls == 0


def test_the_gradient_is_the_true_one() -> None:
    """Against a closed form: no other path of this library."""
    faster = compile(value_and_grad(lambda x: np.sum(np.sin(x) * x)))
    faster(X)
    value, slope = faster(Y)
    assert faster.eager_calls == 0
    np.testing.assert_allclose(value, np.sum(np.sin(Y) * Y), rtol=1e-14)
    np.testing.assert_allclose(slope, np.cos(Y) * Y + np.sin(Y), rtol=1e-14)


# ---- around and inside ------------------------------------------------------------------------


def test_inside_of_a_function_that_is_differentiated() -> None:
    square = compile(lambda x: x * x + 1)
    square(X)
    square(X)
    assert jacobian(square, X).diagonal().tolist() == (2 * X).tolist()
    value, slope = value_and_grad(lambda x: (square(x) * x).sum())(X)
    np.testing.assert_allclose(slope, 3 * X**2 + 1, rtol=1e-14)
    np.testing.assert_allclose(hessian(lambda x: square(x).sum(), X), 2 * np.eye(4), atol=1e-15)
    x = Tensor(X, requires_grad=True)
    square(x).sum().backward()
    assert x.grad.tolist() == (2 * X).tolist() and square.versions == 1


def test_compiled_inside_of_compiled() -> None:
    inner = compile(lambda x: x * x + 1)
    faster = against_itself(lambda x: inner(x) * 2, X, Y)
    assert faster.versions == 1 and faster.eager_calls == 0
    inner(X)
    assert against_itself(value_and_grad(lambda x: inner(x).sum()), X, Y).versions == 1


def test_calling_itself() -> None:
    @compile
    def power(x: Any, n: int) -> Any:
        return x if n == 0 else x * power(x, n - 1)

    for x in (X, Y, V):
        np.testing.assert_allclose(power(x, 3), x**4, rtol=1e-14)


def test_without_gradients() -> None:
    w = Tensor(V, requires_grad=True)

    def product(x: Any) -> Any:
        return w * x

    faster = compile(product)
    with no_grad():
        assert np.array_equal(faster(X).data, V * X) and np.array_equal(faster(Y).data, V * Y)
    assert faster.versions == 1 and faster(X).requires_grad
    inside = compile(no_grad()(product))
    assert not inside(X).requires_grad and not inside(Y).requires_grad and inside.versions == 1


def test_networks() -> None:
    x, labels = rng.normal(size=(6, 4)).astype(np.float32), np.array([0, 1, 2, 2, 1, 0])
    model = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.LayerNorm(8), nn.Linear(8, 3))
    parameters, loss = list(model.parameters()), nn.CrossEntropyLoss(label_smoothing=0.1)
    optimizer = nn.optim.Adam(parameters)

    def step(x: Any, y: Any) -> Any:
        value = loss(model(x), y)
        return value.detach(), [g.detach() for g in grad(value, parameters)]

    def train(i: int) -> None:
        for p, g in zip(parameters, step(x, labels)[1]):
            p.grad = g.data
        optimizer.step()

    calls = [(x, labels), (x * 2, labels[::-1].copy()), (x, labels), (x, labels + 1), (x, labels)]
    faster = against_itself(step, *calls, step=train)
    assert faster.versions == 1 and faster.eager_calls == 1, faster.reason
