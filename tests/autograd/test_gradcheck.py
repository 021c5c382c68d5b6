"""gradcheck and gradgradcheck: they pass right functions, catch wrong rules, and say where.

Wrong rules are fed in through `primitive`; each is wrong in one way that people really get wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autograd import AutogradError, GradcheckError, Tensor, gradcheck, gradgradcheck, primitive
from tests.makers import leaf


def matrix() -> Tensor:
    return Tensor(np.array([[0.5, -1.2, 0.3], [1.7, 0.9, -0.4]]), requires_grad=True)


def cube(rule: Callable[..., Any]) -> Callable[..., Any]:
    """x³ with a rule of one's own."""
    return primitive(lambda x: x**3, rule)


# ---- what is right passes ---------------------------------------------------------------------

RIGHT: dict[str, tuple[Callable[..., Any], tuple[Tensor, ...]]] = {
    "elementwise": (lambda x: np.sin(x) * x, (leaf([0.3, -1.2]),)),
    "0-d": (lambda x: np.exp(x) * x, (Tensor(0.7, requires_grad=True),)),
    "two inputs": (lambda x, y: x * y + y**2, (leaf([1.0, 2.0]), leaf([3.0, -1.0]))),
    "broadcasting": (lambda x, y: x * y, (matrix(), leaf([0.4, 1.1, -2.0]))),
    "matrix product": (lambda x, y: x @ y, (matrix(), Tensor(np.eye(3) + 1, requires_grad=True))),
    "several outputs": (lambda x: [np.sin(x), (x * x).sum()], (leaf([0.3, -1.2]),)),
    "linear": (lambda x: 3 * x, (leaf([0.3, -1.2]),)),
    "constant": (lambda x: np.floor(x), (leaf([0.3, -1.2]),)),
    "an input that is not used": (lambda x, y: x * x, (leaf([1.0]), leaf([2.0]))),
    "a constant input": (lambda x, y: x * y, (leaf([1.0, 2.0]), Tensor(np.array([3.0, 4.0])))),
    "an integer input": (lambda x, i: x[i] * x[i], (leaf([1.0, 2.0]), Tensor(np.array([1, 1, 0])))),
    "empty": (lambda x: np.sin(x), (Tensor(np.zeros((0, 2)), requires_grad=True),)),
    "transposed view": (lambda x: x**3, (Tensor(np.arange(1.0, 7).reshape(2, 3).T, True),)),
    "own rule": (cube(lambda g, y, x: g * 3 * x**2), (leaf([0.5, -1.5]),)),
}


@pytest.mark.parametrize("check", [gradcheck, gradgradcheck])
@pytest.mark.parametrize(("f", "inputs"), RIGHT.values(), ids=RIGHT)
def test_right_functions_pass(
    check: Callable[..., bool], f: Callable[..., Any], inputs: tuple[Tensor, ...]
) -> None:
    assert check(f, inputs) is True


# ---- what is wrong is caught ------------------------------------------------------------------


def changing_g(g: Any, y: Any, x: Any) -> Any:
    g *= 3 * x**2
    return g


def wrong_for_the_last(g: Any, y: Any, x: Any) -> Any:
    right = g * 3 * x**2
    return right + 0.01 * (np.arange(x.size).reshape(x.shape) == x.size - 1)


WRONG_FIRST: dict[str, Callable[..., Any]] = {
    "factor 2": lambda g, y, x: 2 * g * 3 * x**2,
    "factor 1.01": lambda g, y, x: 1.01 * g * 3 * x**2,
    "sign": lambda g, y, x: -g * 3 * x**2,
    "forgets g": lambda g, y, x: 3 * x**2,
    "squares g": lambda g, y, x: g * g * 3 * x**2,
    "changes g in place": changing_g,
    "wrong for one element": wrong_for_the_last,
    "nothing": lambda g, y, x: np.zeros_like(x),
    "nan": lambda g, y, x: g * np.nan,
    "mixes elements": lambda g, y, x: (g * 3 * x**2)[::-1],
    "off by a constant": lambda g, y, x: g * 3 * x**2 + 1e-3,
}


@pytest.mark.parametrize("rule", WRONG_FIRST.values(), ids=WRONG_FIRST)
def test_wrong_rules_are_caught(rule: Callable[..., Any]) -> None:
    with pytest.raises(GradcheckError):
        gradcheck(cube(rule), matrix())


@pytest.mark.parametrize("rule", WRONG_FIRST.values(), ids=WRONG_FIRST)
def test_wrong_rules_are_caught_in_the_middle_of_a_function(rule: Callable[..., Any]) -> None:
    f = cube(rule)
    with pytest.raises(GradcheckError):
        gradcheck(lambda x: np.exp(-(f(np.sin(x)) + x)), matrix())


def test_a_transposed_result_is_caught() -> None:
    square = Tensor(np.array([[1.0, 2.0], [3.0, 4.0]]), requires_grad=True)
    with pytest.raises(GradcheckError):
        gradcheck(cube(lambda g, y, x: (g * 3 * x**2).T), square)


def test_a_transposed_result_of_another_shape_is_caught() -> None:
    with pytest.raises(AutogradError, match="its rule returned a gradient of shape"):
        gradcheck(cube(lambda g, y, x: (g * 3 * x**2).T), matrix())


@pytest.mark.parametrize("ignored", [0, 1])
def test_an_ignored_input_is_caught(ignored: int) -> None:
    rules: list[Any] = [lambda g, y, a, b: g * b, lambda g, y, a, b: g * a]
    rules[ignored] = lambda g, y, a, b: np.zeros_like(a)
    product = primitive(lambda a, b: a * b, *rules)
    with pytest.raises(GradcheckError, match=f"of input {ignored}"):
        gradcheck(product, [leaf([1.0, 2.0]), leaf([3.0, 4.0])])


def test_swapped_rules_are_caught() -> None:
    product = primitive(lambda a, b: a * b, lambda g, y, a, b: g * a, lambda g, y, a, b: g * b)
    with pytest.raises(GradcheckError):
        gradcheck(product, [leaf([1.0, 2.0]), leaf([3.0, 4.0])])


def test_a_dropped_graph_is_caught() -> None:
    with pytest.raises(GradcheckError, match="does not depend on the inputs"):
        gradcheck(lambda x: Tensor(x.data**2), leaf([1.0, 2.0]))


def test_a_partly_dropped_graph_is_caught() -> None:
    with pytest.raises(GradcheckError):
        gradcheck(lambda x: x * Tensor(x.data), leaf([1.0, 2.0]))


def test_the_wrong_one_of_several_outputs_is_named() -> None:
    wrong = cube(WRONG_FIRST["sign"])
    with pytest.raises(GradcheckError, match="output 1 .* input 0"):
        gradcheck(lambda x: (x * x, wrong(x)), leaf([1.0, 2.0]))


# Right for raw arrays, wrong when the rule itself is differentiated.
WRONG_SECOND: dict[str, Callable[..., Any]] = {
    "uses .data": lambda g, y, x: g * 3 * getattr(x, "data", x) ** 2,
    "drops the graph of g": lambda g, y, x: np.asarray(getattr(g, "_value", g)) * 3 * x**2,
    "drops all graphs": lambda g, y, x: getattr(g, "_value", g) * 3 * getattr(x, "_value", x) ** 2,
    "uses y's values": lambda g, y, x: g * 3 * getattr(y, "_value", y) / x,
}


@pytest.mark.parametrize("rule", WRONG_SECOND.values(), ids=WRONG_SECOND)
def test_rules_right_only_at_first_order_are_caught_at_second(rule: Callable[..., Any]) -> None:
    x = leaf([0.7, -1.3])
    if rule is not WRONG_SECOND["uses .data"]:
        assert gradcheck(cube(rule), x)
    with pytest.raises(GradcheckError):
        gradgradcheck(cube(rule), x)


def test_wrong_second_derivatives_of_a_helper_are_caught() -> None:
    slope = primitive(lambda x: 3 * x**2, lambda g, y, x: g * 5 * x)  # 6 x would be right
    f = cube(lambda g, y, x: g * slope(x))
    assert gradcheck(f, leaf([0.7, -1.3]))
    with pytest.raises(GradcheckError):
        gradgradcheck(f, leaf([0.7, -1.3]))


# ---- what it says -----------------------------------------------------------------------------


def test_the_message_names_input_element_and_both_values() -> None:
    f = cube(lambda g, y, x: g * 3 * x**2 + np.array([0.0, 0.0, 1.0]) * g)
    with pytest.raises(GradcheckError) as caught:
        gradcheck(lambda a, x: f(x) + a, [leaf([0.0, 0.0, 0.0]), leaf([1.0, 1.0, 2.0])])
    message = str(caught.value)
    for part in ("output 0", "input 1", "element (2,)", "13 by the rules", "12", "differences"):
        assert part in message


# ---- what it takes ----------------------------------------------------------------------------

NO_INPUTS: dict[str, tuple[Any, type[Exception], str]] = {
    "float32": (Tensor(np.ones(2, np.float32), requires_grad=True), TypeError, "float64"),
    "float16": ([Tensor(np.ones(2, np.float16), requires_grad=True)], TypeError, "float16"),
    "an array": ([leaf([1.0]), np.ones(2)], TypeError, "input 1 must be a Tensor, got ndarray"),
    "a number": ([2.0], TypeError, "input 0 must be a Tensor, got float"),
    "nothing to check": ([Tensor([1.0])], ValueError, "no input requires a gradient"),
}


@pytest.mark.parametrize("check", [gradcheck, gradgradcheck])
@pytest.mark.parametrize(("inputs", "kind", "text"), NO_INPUTS.values(), ids=NO_INPUTS)
def test_inputs_that_cannot_be_checked(
    check: Callable[..., bool], inputs: Any, kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=text):
        check(lambda *xs: xs[0] * 2, inputs)


@pytest.mark.parametrize("check", [gradcheck, gradgradcheck])
def test_f_must_return_tensors(check: Callable[..., bool]) -> None:
    with pytest.raises(TypeError, match="f must return Tensors, got ndarray"):
        check(lambda x: [x.data], leaf([1.0]))


def test_a_single_tensor_needs_no_list() -> None:
    assert gradcheck(np.sin, leaf([1.0]))
    assert gradgradcheck(np.sin, leaf([1.0]))


def test_tolerances_are_the_callers() -> None:
    slightly = cube(lambda g, y, x: g * 3 * x**2 * (1 + 1e-4))
    assert gradcheck(slightly, leaf([1.0, 2.0]))
    with pytest.raises(GradcheckError):
        gradcheck(slightly, leaf([1.0, 2.0]), rtol=1e-6, atol=1e-6)
    with pytest.raises(GradcheckError):  # a step of 1 makes the differences wrong, not the rule
        gradcheck(cube(lambda g, y, x: g * 3 * x**2), leaf([1.0, 2.0]), eps=1.0)


# ---- what it leaves behind --------------------------------------------------------------------


def raising_at(call: int) -> Callable[[Tensor], Tensor]:
    calls = iter(range(1000))

    def f(x: Tensor) -> Tensor:
        if next(calls) == call:
            raise ZeroDivisionError("now")
        return x * x

    return f


@pytest.mark.parametrize("check", [gradcheck, gradgradcheck])
@pytest.mark.parametrize("call", [0, 1, 2, 3])
def test_inputs_are_unchanged_when_f_raises(check: Callable[..., bool], call: int) -> None:
    x = leaf([1.0, 2.0])
    values = x.data
    with pytest.raises(ZeroDivisionError):
        check(raising_at(call), x)
    assert x.data is values
    assert values.tolist() == [1.0, 2.0]
    assert x.grad is None


@pytest.mark.parametrize("check", [gradcheck, gradgradcheck])
def test_inputs_and_their_gradients_are_unchanged(check: Callable[..., bool]) -> None:
    x = leaf([1.0, 2.0])
    (x * x).sum().backward()
    values, slope = x.data, x.grad
    assert check(lambda x: x**3, x)
    wrong = WRONG_FIRST["sign"] if check is gradcheck else WRONG_SECOND["uses y's values"]
    with pytest.raises(GradcheckError):
        check(cube(wrong), x)
    assert x.data is values and values.tolist() == [1.0, 2.0]
    assert x.grad is slope and slope.tolist() == [2.0, 4.0]
