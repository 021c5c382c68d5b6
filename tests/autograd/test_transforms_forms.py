"""The forms of x and of results: plain for plain, Tensors for Tensors, again where it is needed.

What f is handed, when the backward pass is recorded, what may not be given, and which hints are
given. The numbers of the transforms themselves are in test_transforms.py.
"""

from __future__ import annotations

import asyncio
import threading
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import nn
from autograd import (
    Tensor,
    enable_grad,
    grad,
    gradcheck,
    gradgradcheck,
    hessian,
    hvp,
    is_grad_enabled,
    jacobian,
    jvp,
    no_grad,
    primitive,
    record,
    value_and_grad,
    vjp,
)

X = np.array([0.4, -1.1, 0.8])
V = np.array([1.0, -2.0, 0.5])


def cubes(x: Any) -> Any:
    return x**3


def cubic(x: Any) -> Any:
    return (x**3).sum()


# Every transform: how it is called, and what it gives, in a tuple.
EVERY: dict[str, tuple[Callable[[Any], Any], tuple[Any, ...]]] = {
    "value_and_grad": (lambda x: value_and_grad(cubic)(x), (np.sum(X**3), 3 * X**2)),
    "create_graph": (
        lambda x: value_and_grad(cubic, create_graph=True)(x), (np.sum(X**3), 3 * X**2),
    ),
    "vjp": (lambda x: vjp(cubes, x, V), (X**3, 3 * X**2 * V)),
    "jvp": (lambda x: jvp(cubes, x, V), (X**3, 3 * X**2 * V)),
    "hvp": (lambda x: hvp(cubic, x, V), (np.sum(X**3), 6 * X * V)),
    "jacobian": (lambda x: (jacobian(cubes, x),), (np.diag(3 * X**2),)),
    "hessian": (lambda x: (hessian(cubic, x),), (np.diag(6 * X),)),
}  # fmt: skip
each = pytest.mark.parametrize("name", EVERY)


def arrays_of(found: Any) -> list[Any]:
    """All results, one after the other, out of tuples of tuples."""
    return [a for f in found for a in arrays_of(f)] if isinstance(found, tuple) else [found]


# ---- plain for plain --------------------------------------------------------------------------


@each
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_arrays_give_plain_results_of_their_dtype(name: str, dtype: Any) -> None:
    call, expected = EVERY[name]
    for a, b in zip(call(X.astype(dtype)), expected, strict=True):
        assert type(a) is np.ndarray or isinstance(a, np.floating) and np.ndim(b) == 0
        assert a.dtype == dtype and a.shape == np.shape(b)
        np.testing.assert_allclose(a, b, rtol=1e-6 if dtype == np.float32 else 1e-13, atol=1e-15)


@each
def test_tensors_give_tensors(name: str) -> None:
    call, expected = EVERY[name]
    for a, b in zip(call(Tensor(X)), expected, strict=True):
        assert type(a) is Tensor and a.is_leaf and not a.requires_grad
        np.testing.assert_allclose(a.data, b, rtol=1e-13, atol=1e-15)


@each
def test_plain_and_tensor_results_are_the_same_bits(name: str) -> None:
    call, _ = EVERY[name]
    for a, b, c in zip(call(X), call(Tensor(X)), call(Tensor(X, requires_grad=True)), strict=True):
        np.testing.assert_array_equal(a, b.data)
        np.testing.assert_array_equal(a, c.data)


WHOLE = {
    "ints": [1, 2, 3],
    "floats": [1.0, 2.0, 3.0],
    "integer array": np.arange(1, 4),
    "booleans": np.arange(1, 4) > 1,
    "mixed": [True, 2, 3.0],
    "a tuple of one": (np.int8(3),),
}


@pytest.mark.parametrize("data", WHOLE.values(), ids=WHOLE)
def test_whole_numbers_become_float64(data: Any) -> None:
    value, slope = value_and_grad(lambda x: (x * x).sum())(data)
    slope = slope[0] if isinstance(data, tuple) else slope
    exact = np.asarray(data, np.float64).reshape(np.shape(slope))
    assert isinstance(value, np.float64) and slope.dtype == np.float64
    np.testing.assert_array_equal(slope, 2 * exact)
    assert value == np.sum(exact**2)


@pytest.mark.parametrize("x", [3, 3.0, np.float32(3), np.array(3.0), np.array(3)], ids=repr)
def test_a_number_gives_numbers(x: Any) -> None:
    kind = np.float32 if isinstance(x, np.float32) else np.float64
    found = [
        *value_and_grad(lambda x: x**3)(x), jacobian(lambda x: x**3, x),
        hessian(lambda x: x**3, x), *vjp(lambda x: x**3, x, 2), *jvp(lambda x: x**3, x, 2),
        *hvp(lambda x: x**3, x, 2),
    ]  # fmt: skip
    assert [type(a) for a in found] == [kind] * len(found)
    assert [float(a) for a in found] == [27, 27, 27, 18, 27, 54, 27, 54, 27, 36]


def test_a_tuple_has_the_form_of_its_entries() -> None:
    def f(p: Any, q: Any) -> Any:
        return (p * p).sum() * q.sum()

    x = (Tensor(X), V.astype(np.float32))
    value, slopes = value_and_grad(f)(x)
    assert [type(t) for t in (value, *slopes)] == [Tensor, Tensor, np.ndarray]
    assert slopes[1].dtype == np.float32
    assert [type(t) for t in jacobian(f, x)] == [Tensor, np.ndarray]
    assert [type(t) for t in arrays_of(hessian(f, x))] == [Tensor, Tensor, Tensor, np.ndarray]
    assert [type(t) for t in arrays_of(hvp(f, x, x))] == [Tensor, Tensor, np.ndarray]
    assert [type(t) for t in jvp(f, x, x)] == [Tensor, Tensor]
    value, slopes = value_and_grad(f)((X, V))
    assert type(value) is np.float64 and [type(t) for t in slopes] == [np.ndarray, np.ndarray]


@pytest.mark.parametrize("wrap", [np.asarray, Tensor, list], ids=["array", "Tensor", "list"])
@pytest.mark.parametrize("form", [np.asarray, Tensor], ids=["x an array", "x a Tensor"])
def test_v_may_have_any_form(form: Any, wrap: Any) -> None:
    for transform in (vjp, jvp):
        product = transform(cubes, form(X), wrap(V))[1]
        assert type(product) is (np.ndarray if form is np.asarray else Tensor)
        np.testing.assert_allclose(getattr(product, "data", product), 3 * X**2 * V)
    np.testing.assert_allclose(hvp(cubic, X, wrap(V))[1], 6 * X * V)


SHARING: dict[str, Callable[[Any], Any]] = {
    "itself": lambda x: x,
    "a view": lambda x: x[::-1],
    "a shift": lambda x: x + 1.0,
    "a sum": lambda x: x.sum(),
    "with a constant": lambda x: (x * V).sum(),
    "a stretch": lambda x: np.broadcast_to(x, (2, 3)),
}


@pytest.mark.parametrize("f", SHARING.values(), ids=SHARING)
def test_plain_results_can_be_written_and_share_no_memory(f: Callable[[Any], Any]) -> None:
    x, constant = X.copy(), V.copy()
    v = np.ones(np.shape(f(x)))
    found = [*vjp(f, x, v), *jvp(f, x, constant), jacobian(f, x)]
    for a in found:
        if isinstance(a, np.ndarray):
            a *= 7.0
            a += 1.0
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(constant, V)
    np.testing.assert_array_equal(v, np.ones_like(v))


def test_x_may_be_written_to_between_calls() -> None:
    """As optimisers do: x is theirs."""
    x = X.copy()
    value, product = vjp(lambda x: x, x, V)
    x[:] = 0
    np.testing.assert_array_equal(value, X)
    np.testing.assert_array_equal(product, V)


@pytest.mark.parametrize("kind", [int, bool, np.int8], ids=str)
def test_functions_with_integer_values_have_derivatives_zero(kind: Any) -> None:
    def f(x: Any) -> Any:
        return x.astype(kind)

    x = X.astype(np.float32)
    value, product = jvp(f, x, V)
    assert value.dtype == kind and product.dtype == np.float32
    np.testing.assert_array_equal(product, np.zeros(3))
    value, product = vjp(f, x, V)
    assert value.dtype == kind and product.dtype == np.float32
    np.testing.assert_array_equal(product, np.zeros(3))
    np.testing.assert_array_equal(jacobian(f, x), np.zeros((3, 3)))
    assert type(jvp(f, Tensor(x), V)[1]) is Tensor
    for found in (value_and_grad, hessian):
        slope = found(lambda x: f(x)[0]) if found is value_and_grad else None
        slope = slope(x)[1] if slope else hessian(lambda x: f(x)[0], x)
        assert not np.any(slope)
    np.testing.assert_array_equal(hvp(lambda x: f(x)[0], x, V)[1], np.zeros(3))
    with pytest.raises(ValueError, match="v must have the shapes"):
        jvp(f, x, [1.0])


def test_further_arguments_are_constants_for_f() -> None:
    def f(x: Any, a: Any, *, b: Any = 0.0) -> Any:
        return (a * x * x).sum() + b

    value, slope = value_and_grad(f)(X, V, b=5.0)
    assert value == np.sum(V * X * X) + 5.0
    np.testing.assert_array_equal(slope, 2 * V * X)
    value, slopes = value_and_grad(lambda p, q, a: (p * q * a).sum())((X, V), 2.0)
    np.testing.assert_array_equal(slopes[1], X * 2.0)


# ---- recorded, or not -------------------------------------------------------------------------


def spy() -> tuple[Callable[[Any], Any], list[type]]:
    """The square, and what kinds of arguments its rule has been handed."""
    seen: list[type] = []

    def rule(g: Any, y: Any, x: Any) -> Any:
        seen.append(type(x))
        return g * 2 * x

    return primitive(lambda x: x * x, rule), seen


@pytest.mark.parametrize("x", [X, Tensor(X), Tensor(X, requires_grad=True)],
                         ids=["array", "Tensor", "requires a gradient"])  # fmt: skip
def test_the_backward_pass_is_recorded_only_when_asked_for(x: Any) -> None:
    square, seen = spy()
    value_and_grad(lambda x: np.sum(square(x)))(x)
    assert issubclass(seen.pop(), (np.ndarray, np.generic)) and not seen
    value_and_grad(lambda x: np.sum(square(x)), create_graph=True)(x)
    assert seen == [Tensor]


def test_the_value_depends_on_an_x_that_requires_a_gradient_and_the_gradient_does_not() -> None:
    x = Tensor(X, requires_grad=True)
    value, slope = value_and_grad(cubic)(x * 2)
    assert value.requires_grad and not slope.requires_grad
    value.backward()
    np.testing.assert_allclose(x.grad, 2 * 3 * (2 * X) ** 2)


def test_without_a_graph_it_takes_no_more_memory_than_backward() -> None:
    w = np.random.default_rng(0).normal(size=(300, 300)) / 20
    data = np.ones((200, 300))

    def loss(w: Any) -> Any:
        x = data
        for _ in range(5):
            x = np.tanh(x @ w)
        return np.mean(x * x)

    def by_hand() -> None:
        leaf = Tensor(w, requires_grad=True)
        loss(leaf).backward()

    def peak(f: Callable[[], Any]) -> int:
        f()
        tracemalloc.start()
        f()
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    for x in (w, Tensor(w), Tensor(w, requires_grad=True)):
        assert peak(lambda x=x: value_and_grad(loss)(x)) < 1.1 * peak(by_hand)


def slope_of(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The gradient by value_and_grad as it is usually written."""
    return lambda x: value_and_grad(f)(x)[1]


FORMS = [np.asarray, Tensor, lambda x: Tensor(x, requires_grad=True)]
each_form = pytest.mark.parametrize("form", FORMS, ids=["array", "Tensor", "requires a gradient"])


@each_form
def test_inside_every_transform_it_is_recorded(form: Any) -> None:
    """f(x) = Σ x⁴: the gradient 4x³, its derivatives 12x² and 24x."""
    x, s = form(X), slope_of(lambda x: (x**4).sum())
    close = np.testing.assert_allclose

    def raw(t: Any) -> Any:
        return getattr(t, "data", t)

    close(raw(jacobian(s, x)), np.diag(12 * X**2))
    close(raw(vjp(s, x, V)[1]), 12 * X**2 * V)
    close(raw(jvp(s, x, V)[1]), 12 * X**2 * V)
    close(raw(value_and_grad(lambda x: s(x).sum())(x)[1]), 12 * X**2)
    close(raw(hvp(lambda x: s(x).sum(), x, V)[1]), 24 * X * V)
    close(raw(hessian(lambda x: s(x).sum(), x)), np.diag(24 * X))


@each_form
def test_three_levels_of_every_pair_of_transforms(form: Any) -> None:
    """x⁵ has third derivative 60 x²."""
    first: dict[str, Callable[[Callable[[Any], Any]], Callable[[Any], Any]]] = {
        "value_and_grad": slope_of,
        "jacobian": lambda f: lambda x: jacobian(f, x),
        "vjp": lambda f: lambda x: vjp(f, x)[1],
        "jvp": lambda f: lambda x: jvp(f, x, np.ones(()))[1],
    }
    for outer in first.values():
        for middle in first.values():
            for inner in first.values():
                found = outer(middle(inner(lambda x: x**5)))(form(0.7))
                assert type(found) is (np.float64 if form is np.asarray else Tensor)
                assert float(found) == pytest.approx(60 * 0.7**2, rel=1e-13)
    found = hessian(slope_of(lambda x: x**5), form(0.7))
    assert float(found) == pytest.approx(60 * 0.7**2, rel=1e-13)


def test_a_rule_that_differentiates_serves_the_second_order() -> None:
    """Rules are handed Tensors when they are to record: what they call records, too."""
    fourth = primitive(
        lambda x: x**4, lambda g, y, x: g * value_and_grad(lambda x: (x**4).sum())(x)[1]
    )
    np.testing.assert_allclose(hessian(lambda x: fourth(x).sum(), X), np.diag(12 * X**2))
    x = Tensor(X, requires_grad=True)
    (slope,) = grad(fourth(x).sum(), x, create_graph=True)
    np.testing.assert_allclose(grad(slope.sum(), x)[0].data, 12 * X**2)


def test_recording_is_of_this_thread_and_of_this_task() -> None:
    square, seen = spy()
    slope = slope_of(lambda x: np.sum(square(x)))

    def f(x: Any) -> Any:
        thread = threading.Thread(target=slope, args=(X,))
        thread.start()
        thread.join()
        return (x * x).sum()

    value_and_grad(f)(X)
    assert len(seen) == 1 and seen[0] is not Tensor

    async def inner() -> None:
        slope(X)

    async def outer() -> None:
        task = asyncio.ensure_future(inner())  # begins with the context of its creation
        value_and_grad(cubic)(X)
        await task

    seen.clear()
    asyncio.run(outer())
    assert len(seen) == 1 and seen[0] is not Tensor


def test_recording_ends_with_f_also_if_it_raises() -> None:
    square, seen = spy()

    def fails(x: Any) -> Any:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        value_and_grad(fails)(X)
    slope_of(lambda x: np.sum(square(x)))(X)
    assert seen[0] is not Tensor


@each
def test_no_grad_around_is_kept_and_does_no_harm(name: str) -> None:
    call, expected = EVERY[name]
    with no_grad():
        found = call(X)
        assert not is_grad_enabled()
    np.testing.assert_allclose(found[-1], expected[-1], atol=1e-15)
    with enable_grad():
        np.testing.assert_array_equal(call(X)[-1], found[-1])


# ---- what f takes from around it --------------------------------------------------------------
# Of h(a) = (∂/∂x (a x)² at x = c) = 2 a² c, the derivative by a is 4 a c.

INNER: dict[str, Callable[[Callable[[Any], Any], Any], Any]] = {
    "value_and_grad": lambda f, x: value_and_grad(f)(x)[1],
    "vjp": lambda f, x: vjp(f, x)[1],
    "jvp": lambda f, x: jvp(f, x, np.ones(()))[1],
    "jacobian": lambda f, x: jacobian(f, x),
}


@pytest.mark.parametrize("inner", INNER.values(), ids=INNER)
@pytest.mark.parametrize("form", [float, Tensor], ids=["plain", "Tensor"])
def test_a_result_that_depends_on_an_outer_variable_stays_in_its_graph(
    inner: Callable[..., Any], form: Any
) -> None:
    def h(a: Any) -> Any:
        found = inner(lambda x: (a * x) ** 2, form(0.3))
        assert isinstance(found, Tensor) and found.requires_grad
        return found

    for outer in (*INNER.values(), lambda f, x: hessian(lambda a: f(a) * a / 3, x)):
        assert float(outer(h, 0.7)) == pytest.approx(4 * 0.7 * 0.3, rel=1e-13)


@pytest.mark.parametrize("form", [float, Tensor], ids=["plain", "Tensor"])
def test_so_do_second_derivatives_and_values(form: Any) -> None:
    def second(a: Any) -> Any:  # of (a x)³ by x, twice: 6 a³ x
        found = [
            hessian(lambda x: (a * x) ** 3, form(0.3)),
            hvp(lambda x: (a * x) ** 3, form(0.3), 1.0)[1],
        ]
        value = vjp(lambda x: (a * x) ** 3, form(0.3))[0]
        assert all(isinstance(t, Tensor) for t in (*found, value))
        return np.stack([*found, value])

    expected = [18 * 0.7**2 * 0.3] * 2 + [3 * 0.7**2 * 0.3**3]
    np.testing.assert_allclose(jacobian(second, 0.7), expected, rtol=1e-13)


def test_a_result_that_depends_on_no_outer_variable_is_plain_inside_too() -> None:
    kinds: list[type] = []

    def h(a: Any) -> Any:
        value, slope = value_and_grad(cubic)(X)
        kinds.extend([type(value), type(slope), type(jacobian(cubes, X)), type(hessian(cubic, X))])
        kinds.extend(map(type, jvp(cubes, X, V)))
        return a * slope.sum()

    assert value_and_grad(h)(2.0)[1] == pytest.approx(np.sum(3 * X**2))
    assert kinds == [np.float64] + [np.ndarray] * 5


def test_a_vector_may_depend_on_an_outer_variable() -> None:
    for transform in (vjp, jvp):
        found = jacobian(lambda v, t=transform: t(cubes, X, v)[1], V)
        np.testing.assert_allclose(found, np.diag(3 * X**2))
    np.testing.assert_allclose(jacobian(lambda v: hvp(cubic, X, v)[1], V), np.diag(6 * X))


def test_outside_of_transforms_plain_stays_plain_whatever_f_takes_from_around() -> None:
    w = Tensor(V, requires_grad=True)
    value, slope = value_and_grad(lambda x: (w * x * x).sum())(X)
    assert type(value) is np.float64 and type(slope) is np.ndarray
    np.testing.assert_allclose(slope, 2 * V * X)
    assert w.grad is None
    value, slope = value_and_grad(lambda x: (w * x * x).sum(), create_graph=True)(X)
    slope.sum().backward()  # asked for: a graph that leads to w
    np.testing.assert_allclose(w.grad, 2 * X)


def test_the_graph_behind_x_is_left_alone() -> None:
    x = Tensor(X, requires_grad=True)
    middle = x * 2
    middle.retain_grad()
    value_and_grad(cubic)(middle)
    hessian(cubic, middle)
    assert x.grad is None and middle.grad is None


@pytest.mark.parametrize("outer", INNER.values(), ids=INNER)
def test_where_x_is_used_besides_the_argument_only_the_outer_transform_sees_it(outer: Any) -> None:
    """∂/∂z (z² x) = 2 z x; at z = x it is 2x², whose derivative is 4x."""

    def slope(x: Any) -> Any:
        found = [value_and_grad(lambda z: z * z * x)(x)[1], vjp(lambda z: z * z * x, x)[1],
                 jvp(lambda z: z * z * x, x, 1.0)[1], jacobian(lambda z: z * z * x, x)]  # fmt: skip
        assert [float(s) for s in found] == [pytest.approx(2 * 0.7**2)] * 4
        return sum(found) / 4

    assert float(outer(slope, 0.7)) == pytest.approx(4 * 0.7, rel=1e-14)


# ---- what f is handed -------------------------------------------------------------------------


@each_form
def test_f_may_write_in_place_onto_its_argument(form: Any) -> None:
    """y = 2 (x + 1), and Σ y³ has gradient 6 y² and second derivatives 24 y."""
    y = 2 * (X + 1)

    def shifted(x: Any) -> Any:
        x += 1
        x *= 2
        return x**3

    def f(x: Any) -> Any:
        return shifted(x).sum()

    x = form(X)
    for name, found, expected in (
        ("value_and_grad", value_and_grad(f)(x)[1], 6 * y**2),
        ("create_graph", value_and_grad(f, create_graph=True)(x)[1], 6 * y**2),
        ("vjp", vjp(shifted, x, V)[1], 6 * y**2 * V),
        ("jvp", jvp(shifted, x, V)[1], 6 * y**2 * V),
        ("hvp", hvp(f, x, V)[1], 24 * y * V),
        ("jacobian", jacobian(shifted, x), np.diag(6 * y**2)),
        ("hessian", hessian(f, x), np.diag(24 * y)),
    ):
        found = getattr(found, "data", found)
        np.testing.assert_allclose(found, expected, rtol=1e-13, err_msg=name)
    np.testing.assert_array_equal(getattr(x, "data", x), X)


def test_what_f_is_handed_is_a_variable_that_requires_a_gradient() -> None:
    def f(x: Any) -> Any:
        assert type(x) is Tensor and x.requires_grad and x.dtype == np.float64
        with pytest.raises(ValueError, match="read-only"):  # what is the caller's stays his
            x.data[0] = 5.0
        return x.sum()

    for x in (X, Tensor(X), Tensor(X, requires_grad=True)):
        value_and_grad(f)(x)


def test_it_is_drawn_as_an_input() -> None:
    drawn = []

    def f(x: Any) -> Any:
        y = np.sin(x)
        drawn.append(record(y, names={"x": x}))
        return y

    for x in (0.5, Tensor(0.5), Tensor(0.5, requires_grad=True)):
        value_and_grad(f)(x)
        assert [(n.kind, n.name) for n in drawn.pop().nodes] == [("input", "x"), ("output", None)]


# ---- what is refused, and hints ---------------------------------------------------------------

PARAMETERS: dict[str, Any] = {
    "list of arrays": [X, V],
    "list of Tensors": [Tensor(X), Tensor(V)],
    "list of one": [X],
    "list of numbers as Tensors": [Tensor(1.0), Tensor(2.0)],
    "list of pairs": [(X, V), (X, V)],
    "list of dicts": [{"w": X}],
    "dict": {"w": X, "b": V},
    "dict of numbers": {"w": 1.0},
    "empty dict": {},
    "a model": nn.Linear(2, 1),
    "its parameters": nn.Linear(2, 1).parameters(),
    "tuple of lists": ([X, V], X),
    "tuple of tuples": ((X, V), X),
    "tuple of dicts": ({"w": X},),
}


@pytest.mark.parametrize("x", PARAMETERS.values(), ids=PARAMETERS)
def test_several_variables_are_a_tuple(x: Any) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: value_and_grad(cubic)(x), lambda: vjp(cubes, x, V), lambda: jvp(cubes, x, V),
        lambda: hvp(cubic, x, V), lambda: jacobian(cubes, x), lambda: hessian(cubic, x),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(TypeError, match="as a tuple") as caught:
            call()
        assert "tuple(params.values())" in str(caught.value)
        assert "tuple(model.parameters())" in str(caught.value)


def test_so_is_a_vector_for_them() -> None:
    for transform in (jvp, hvp):
        with pytest.raises(TypeError, match=r"v holds several .* as a tuple"):
            transform(lambda p, q: (p * q).sum(), (X, V), [X, V])


def test_the_cures_for_lists_and_dicts_work() -> None:
    params = {"w": X, "b": V}
    value, slopes = value_and_grad(lambda w, b: (w * b).sum())(tuple(params.values()))
    np.testing.assert_array_equal(slopes[0], V)
    value, slopes = value_and_grad(lambda *ps: (ps[0] * ps[1]).sum())(tuple([X, V]))
    np.testing.assert_array_equal(slopes[1], X)
    model = nn.Linear(2, 1)
    x = tuple(model.parameters())
    value, slopes = value_and_grad(lambda w, b: nn.functional.linear(np.ones((3, 2)), w, b).sum())(
        x
    )
    np.testing.assert_array_equal(slopes[1].data, [3.0])


def test_arrays_of_other_kinds_are_arrays() -> None:
    class Own(np.ndarray):
        pass

    for x in (X.view(Own), X.astype(">f8"), np.broadcast_to(X[:1], 3), X[::-1]):
        slope = value_and_grad(cubic)(x)[1]
        assert type(slope) is np.ndarray
        np.testing.assert_allclose(slope, 3 * np.asarray(x) ** 2)
    with pytest.raises(TypeError, match="mask"):
        value_and_grad(cubic)(np.ma.array(X, mask=[1, 0, 0]))


def test_a_list_of_lists_of_numbers_is_an_array() -> None:
    value, slope = value_and_grad(lambda x: (x * x).sum())([[1, 2], [3, 4]])
    np.testing.assert_array_equal(slope, [[2, 4], [6, 8]])


HINTS: dict[str, tuple[Callable[[], Any], str]] = {
    "grad(f)": (lambda: grad(cubic), r"value_and_grad\(f\)\(x\)\[1\]"),
    "grad(f, x)": (lambda: grad(cubic, X), r"value_and_grad\(f\)\(x\)\[1\]"),
    "grad(f, 0)": (lambda: grad(np.sin, 0), r"value_and_grad\(f\)\(x\)\[1\]"),
    "grad(model)": (lambda: grad(nn.Linear(2, 1)), r"value_and_grad\(f\)\(x\)\[1\]"),
    "grad(y)": (lambda: grad(Tensor(X)), r"grad\(y, x\)"),
    "jacobian(f)": (lambda: jacobian(cubes), r"jacobian\(f, x\)"),
    "hessian(f)": (lambda: hessian(cubic), r"hessian\(f, x\)"),
    "jacobian of a result": (lambda: jacobian(Tensor(X), Tensor(X)), r"must be a function.*Tensor"),
    "value_and_grad of a result": (lambda: value_and_grad(Tensor(X))(X), "must be a function"),
    "f gives a list": (lambda: jacobian(lambda x: [x[0], x[1]], X), r"np\.stack\(\[\.\.\.\]\)"),
    "value_and_grad(f, x)": (lambda: value_and_grad(cubic, X), "positional"),
}


@pytest.mark.parametrize(("wrong", "text"), HINTS.values(), ids=HINTS)
def test_hints(wrong: Callable[[], Any], text: str) -> None:
    with pytest.raises(TypeError, match=text):
        wrong()


def test_a_gradient_computed_by_threads_is_recorded_too() -> None:
    def summed(x: Tensor) -> Any:
        one = lambda k: (value_and_grad(lambda z: np.sum(z**3))(x)[1] * k).sum()  # noqa: E731
        with ThreadPoolExecutor(2) as pool:
            return sum(pool.map(one, [1.0, 2.0]))

    for x in (Tensor([1.0, 2.0]), Tensor([1.0, 2.0], requires_grad=True)):
        assert jacobian(summed, x).tolist() == [18.0, 36.0]
    assert jacobian(lambda x: summed(x * 2), Tensor([1.0])).tolist() == [18.0 * 4]


def test_gradcheck_calls_f_as_a_transform_does() -> None:
    def in_place(x: Tensor) -> Tensor:
        x += 1
        x *= x
        return x

    x = Tensor([1.0, 2.0], requires_grad=True)
    assert gradcheck(in_place, x) and gradgradcheck(in_place, x)
    assert gradcheck(lambda x: value_and_grad(lambda z: np.sum(z**3))(x)[1], x)
    assert x.tolist() == [1.0, 2.0] and x.grad is None
