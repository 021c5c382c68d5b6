"""SciPy's solvers, handed the transforms as they are: every method that takes derivatives.

They take plain numbers and arrays of their own dtype; the minima and roots are known ones.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nn
from autograd import Tensor, hessian, hvp, jacobian, value_and_grad, vjp
from tests import ROOT

optimize = pytest.importorskip("scipy.optimize", reason="works with SciPy")

START = np.array([-1.2, 1.0, 0.8])
SECOND = {"Newton-CG", "dogleg", "trust-ncg", "trust-krylov", "trust-exact", "trust-constr"}
FIRST = ["CG", "BFGS", "L-BFGS-B", "TNC", "SLSQP", "trust-constr"]

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


def valley(x: Any) -> Any:
    """Rosenbrock's function: 0 at (1, 1, 1)."""
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def bowl(x: Any) -> Any:
    """Convex, so that also `dogleg` can go down: 0 at (1, 2, 3)."""
    d = x - np.array([1.0, 2.0, 3.0], x.dtype)
    return (d**4 + d * d).sum() + (d[0] - d[1]) ** 2


def minimum(f: Any, method: str, x0: Any, **more: Any) -> Any:
    with warnings.catch_warnings():  # of single precision, that the gradient ended before tol
        warnings.simplefilter("ignore")
        return optimize.minimize(f, x0, jac=True, method=method, **more).x


# ---- minimize ---------------------------------------------------------------------------------


@each_dtype
@pytest.mark.parametrize("method", FIRST)
def test_methods_that_take_gradients(method: str, dtype: Any) -> None:
    if dtype == np.float32 and method in ("TNC", "SLSQP"):
        pytest.skip("SciPy's own code takes float64 alone")
    found = minimum(value_and_grad(bowl), method, START.astype(dtype))
    np.testing.assert_allclose(found, [1, 2, 3], atol=2e-2 if dtype == np.float32 else 1e-4)


@pytest.mark.parametrize("method", ["CG", "BFGS", "L-BFGS-B", "SLSQP", "trust-constr"])
def test_a_curved_valley(method: str) -> None:
    found = minimum(value_and_grad(valley), method, START)
    np.testing.assert_allclose(found, np.ones(3), atol=2e-3)


@each_dtype
@pytest.mark.parametrize("given", ["hess", "hessp"])
@pytest.mark.parametrize("method", sorted(SECOND))
def test_methods_that_take_second_derivatives(method: str, given: str, dtype: Any) -> None:
    if given == "hessp" and method in ("dogleg", "trust-exact"):
        pytest.skip("it wants the whole Hessian")
    second: dict[str, Any] = {
        "hess": lambda x: hessian(bowl, x),
        "hessp": lambda x, p: hvp(bowl, x, p)[1],
    }
    found = minimum(value_and_grad(bowl), method, START.astype(dtype), **{given: second[given]})
    np.testing.assert_allclose(found, [1, 2, 3], atol=2e-2 if dtype == np.float32 else 1e-4)


def test_every_method_of_minimize_that_takes_a_gradient_is_here() -> None:
    from scipy.optimize._minimize import MINIMIZE_METHODS

    without = {"nelder-mead", "powell", "cobyla", "cobyqa"}
    here = {m.lower() for m in (*FIRST, *SECOND)}
    assert {m.lower() for m in MINIMIZE_METHODS} - without == here


@pytest.mark.parametrize("method", FIRST)
def test_data_come_by_args(method: str) -> None:
    def distance(x: Any, a: Any, scale: float) -> Any:
        return ((x - a) ** 2).sum() * scale

    found = minimum(value_and_grad(distance), method, np.zeros(3), args=(START, 2.0))
    np.testing.assert_allclose(found, START, atol=1e-6)


def test_a_gradient_of_its_own_and_constraints() -> None:
    """min x² + y² with x + 2y = 5: (1, 2)."""
    constraint = {
        "type": "eq", "fun": lambda x: x[0] + 2 * x[1] - 5,
        "jac": lambda x: jacobian(lambda x: x[0] + 2 * x[1] - 5, x),
    }  # fmt: skip
    found = optimize.minimize(
        lambda x: (x * x).sum(), np.zeros(2), jac=lambda x: vjp(lambda x: (x * x).sum(), x)[1],
        method="SLSQP", constraints=constraint,
    ).x  # fmt: skip
    np.testing.assert_allclose(found, [1, 2], atol=1e-7)


def test_a_nonlinear_constraint_with_its_hessian() -> None:
    """min x + y on the circle of radius √2: (-1, -1)."""

    def circle(x: Any) -> Any:
        return np.stack([x[0] ** 2 + x[1] ** 2])

    constraint = optimize.NonlinearConstraint(
        circle, 2, 2, jac=lambda x: jacobian(circle, x),
        hess=lambda x, v: hessian(lambda x: (circle(x) * v).sum(), x),
    )  # fmt: skip
    found = minimum(
        value_and_grad(lambda x: x[0] + x[1]), "trust-constr", np.array([0.5, -1.5]),
        hess=lambda x: np.zeros((2, 2)), constraints=constraint,
    )  # fmt: skip
    np.testing.assert_allclose(found, [-1, -1], atol=1e-5)


def test_steps_are_those_of_a_hand_written_gradient() -> None:
    def by_hand(x: Any) -> tuple[Any, Any]:
        d = x[1:] - x[:-1] ** 2
        slope = np.zeros_like(x)
        slope[1:] += 200 * d
        slope[:-1] += -400 * x[:-1] * d - 2 * (1 - x[:-1])
        return (100 * d**2 + (1 - x[:-1]) ** 2).sum(), slope

    for method in ("CG", "BFGS", "L-BFGS-B"):
        ours = optimize.minimize(value_and_grad(valley), START, jac=True, method=method)
        theirs = optimize.minimize(by_hand, START, jac=True, method=method)
        assert abs(ours.nfev - theirs.nfev) <= 2
        np.testing.assert_allclose(ours.x, theirs.x, atol=1e-5)


def test_a_single_number() -> None:
    found = optimize.minimize(value_and_grad(lambda x: ((x - 3) ** 2).sum()), 0.0, jac=True)
    np.testing.assert_allclose(found.x, [3.0])
    slope = value_and_grad(np.cos)
    found = optimize.root_scalar(
        lambda x: value_and_grad(np.cos)(x), x0=1.0, fprime=True, method="newton"
    )
    assert found.root == pytest.approx(np.pi / 2)
    found = optimize.root_scalar(
        lambda x: (*slope(x), hessian(np.cos, x)), x0=1.0, fprime=True, fprime2=True,
        method="halley",
    )  # fmt: skip
    assert found.root == pytest.approx(np.pi / 2)


# ---- roots and least squares ------------------------------------------------------------------


def equations(x: Any) -> Any:
    """0 at (1, 1) and (-1, -1)."""
    return np.stack([x[0] * x[1] - 1, x[0] ** 2 - x[1] ** 2])


@each_dtype
@pytest.mark.parametrize("method", ["hybr", "lm"])
def test_root(method: str, dtype: Any) -> None:
    found = optimize.root(
        equations, np.array([2.0, 0.5], dtype), jac=lambda x: jacobian(equations, x), method=method
    )
    np.testing.assert_allclose(found.x, [1, 1], atol=1e-6)
    found = optimize.root(  # value and Jacobian together
        lambda x: (equations(x), jacobian(equations, x)), np.array([2.0, 0.5], dtype), jac=True,
        method=method,
    )  # fmt: skip
    np.testing.assert_allclose(found.x, [1, 1], atol=1e-6)


def residuals(x: Any) -> Any:
    t = np.linspace(0, 1, 9)
    return x[0] * np.exp(x[1] * t) - 2.0 * np.exp(-1.5 * t)


@each_dtype
@pytest.mark.parametrize("method", ["trf", "dogbox", "lm"])
def test_least_squares(method: str, dtype: Any) -> None:
    found = optimize.least_squares(
        residuals, np.ones(2, dtype), jac=lambda x: jacobian(residuals, x), method=method
    )
    np.testing.assert_allclose(found.x, [2.0, -1.5], atol=1e-5)
    found = optimize.curve_fit(
        lambda t, a, b: a * np.exp(b * t), np.linspace(0, 1, 9),
        2.0 * np.exp(-1.5 * np.linspace(0, 1, 9)), p0=[1.0, 1.0],
        jac=lambda t, a, b: jacobian(lambda x: x[0] * np.exp(x[1] * t), np.stack([a, b])),
    )  # fmt: skip
    np.testing.assert_allclose(found[0], [2.0, -1.5], atol=1e-6)


@pytest.mark.parametrize("f", [valley, bowl])
def test_their_checks_by_differences_agree(f: Callable[[Any], Any]) -> None:
    error = optimize.check_grad(f, lambda x: value_and_grad(f)(x)[1], START)
    assert error < 1e-4
    slope = lambda x: value_and_grad(f)(x)[1]  # noqa: E731
    np.testing.assert_allclose(
        optimize.approx_fprime(START, slope, 1e-7), hessian(f, START), rtol=1e-4, atol=1e-4
    )


def test_an_equation_of_motion_with_its_jacobian() -> None:
    integrate = pytest.importorskip("scipy.integrate")

    def f(t: float, x: Any) -> Any:
        return np.stack([x[1], -x[0]])

    found = integrate.solve_ivp(
        f, (0, np.pi), [1.0, 0.0], method="BDF", rtol=1e-8, atol=1e-8,
        jac=lambda t, x: jacobian(lambda x: f(t, x), x),
    )  # fmt: skip
    np.testing.assert_allclose(found.y[:, -1], [-1, 0], atol=1e-5)


def test_the_lines_of_the_readme() -> None:
    text = (ROOT / "autograd/README.md").read_text(encoding="utf-8")
    (code,) = [c for c in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "scipy" in c]
    names = {
        "np": np, "value_and_grad": value_and_grad, "hessian": hessian, "jacobian": jacobian,
    }  # fmt: skip
    found = []
    for line in code.splitlines():
        if line.startswith(("minimize(", "least_squares(")):
            found.append(eval(line, names).x)
        else:
            exec(line, names)
    for x, expected in zip(found, [np.ones(5), np.ones(5), [1, np.log(2)]], strict=True):
        np.testing.assert_allclose(x, expected, atol=1e-4)


# ---- a network --------------------------------------------------------------------------------


def test_a_network_is_trained_through_a_vector_of_its_parameters() -> None:
    model = nn.MLP([1, 8, 1], activation="tanh", rng=np.random.default_rng(0))
    parameters = list(model.parameters())
    x = np.linspace(-1, 1, 20)[:, None]

    def loss_and_gradient(vector: Any) -> tuple[Any, Any]:
        nn.vector_to_parameters(vector, parameters)
        model.zero_grad()
        loss = nn.functional.mse_loss(model(x), x**2)
        loss.backward()
        return loss.item(), np.concatenate([p.grad.ravel() for p in parameters])

    start = nn.parameters_to_vector(parameters).numpy()
    found = optimize.minimize(loss_and_gradient, start, jac=True, method="L-BFGS-B")
    nn.vector_to_parameters(Tensor(found.x), parameters)
    assert nn.functional.mse_loss(model(x), x**2).item() < 1e-3
    assert parameters[0].dtype == np.float32
