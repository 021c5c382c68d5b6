"""The table of one optimiser step: values, the predicted and the actual change of the loss."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import nn
from autograd import Tensor, no_grad
from nn.optim import SGD, Adam, Optimizer, explain_step
from nn.optim.explained import StepTable
from tests.makers import leaf

TEXT = """\
SGD: the loss goes from 9 to 5.76, by -3.24; the gradients predict -3.6

parameter  shape  old -> new  gradient  gradient × change
w          ()     3 -> 2.4    6                      -3.6
predicted                                            -3.6
actual                                              -3.24"""


def network() -> tuple[nn.Module, Any]:
    """A small model, and a closure that computes its loss."""
    nn.manual_seed(3)
    rng = np.random.default_rng(1)
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    x, y = rng.normal(size=(16, 2)), rng.normal(size=(16, 1))
    return model, lambda: nn.functional.mse_loss(model(x), y)


# ---- numbers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("lr", [0.5, 0.01, 1e-4, 1.5])
def test_of_a_quadratic_the_rest_is_the_second_order_term(lr: float) -> None:
    matrix = np.array([[2.0, 0.3], [0.3, 1.0]])
    w = leaf([3.0, -1.0])
    table = explain_step(SGD([w], lr=lr), lambda: 0.5 * (w @ (matrix @ w)))
    gradient = matrix @ [3.0, -1.0]
    step = -lr * gradient
    assert table.before == pytest.approx(0.5 * np.array([3, -1]) @ gradient, rel=1e-14)
    assert table.predicted == pytest.approx(gradient @ step, rel=1e-13)
    assert table.actual - table.predicted == pytest.approx(
        0.5 * step @ matrix @ step, rel=1e-9, abs=1e-12
    )


def test_of_a_line_the_prediction_is_exact() -> None:
    w, b = leaf([1.0, 2.0], "w"), leaf(0.5, "b")
    table = explain_step(SGD([w, b], lr=0.25), lambda: np.sum(3 * w) - 2 * b)
    assert [row.predicted for row in table.rows] == [-4.5, -1.0]
    assert table.predicted == table.actual == -5.5
    assert table.notes == ()


def test_rows_hold_what_the_step_did() -> None:
    w = leaf([1.0, 2.0], "w")
    (row,) = explain_step(SGD([w], lr=0.25), lambda: np.sum(w * w)).rows
    np.testing.assert_array_equal(row.old, [1, 2])
    np.testing.assert_array_equal(row.gradient, [2, 4])
    np.testing.assert_array_equal(row.new, [0.5, 1])
    np.testing.assert_array_equal(row.change, [-0.5, -1])
    np.testing.assert_array_equal(w.data, row.new)


def test_it_is_the_step_that_a_loop_takes() -> None:
    (one, closure), (two, loss) = network(), network()
    first, second = Adam(one.parameters(), lr=0.01), Adam(two.parameters(), lr=0.01)
    for _ in range(3):
        explain_step(first, closure)
        second.zero_grad()
        loss().backward()
        second.step()
    for p, q in zip(one.parameters(), two.parameters()):
        np.testing.assert_array_equal(p.data, q.data)
        np.testing.assert_array_equal(p.grad, q.grad)


def test_gradients_of_before_are_cleared() -> None:
    w = leaf(3.0)
    w.grad = 100.0
    (row,) = explain_step(SGD([w], lr=0.1), lambda: w * w).rows
    assert row.gradient == 6


def test_small_steps_of_a_network_go_as_predicted() -> None:
    model, closure = network()
    table = explain_step(SGD(model.parameters(), lr=1e-3), closure, names=model)
    assert table.predicted < 0
    assert table.actual == pytest.approx(table.predicted, rel=0.05)
    assert [row.name for row in table.rows] == ["0.weight", "0.bias", "2.weight", "2.bias"]


def test_recording_is_switched_on() -> None:
    w = leaf(3.0)
    with no_grad():
        assert explain_step(SGD([w], lr=0.1), lambda: w * w).predicted == pytest.approx(-3.6)


# ---- texts ------------------------------------------------------------------------------------


def test_text() -> None:
    w = leaf(3.0, "w")
    table = explain_step(SGD([w], lr=0.1), lambda: w * w)
    assert str(table) == repr(table) == TEXT


def test_large_parameters_are_told_by_their_size() -> None:
    w = leaf(np.full((3, 4), 2.0), "w")
    text = str(explain_step(SGD([w], lr=0.25), lambda: np.sum(w)))
    assert "w          (3, 4)  rms 2, moved by rms 0.25  rms 1                    -3" in text


def test_markdown_is_a_table() -> None:
    w = leaf(3.0, "w")
    text = explain_step(SGD([w], lr=0.1), lambda: w * w)._repr_markdown_()
    assert "| `w` | `()` | `3 -> 2.4` | `6` | `-3.6` |" in text
    assert "| `actual` |  |  |  | `-3.24` |" in text


@pytest.mark.parametrize("name", ["a|b", "<script>", "`x`", "two\nlines", "n" * 10_000])
def test_names_stay_names(name: str) -> None:
    w = leaf(3.0, name)
    table = explain_step(SGD([w], lr=0.1), lambda: w * w)
    assert all(line.isprintable() and len(line) < 200 for line in str(table).split("\n"))
    row = table._repr_markdown_().split("\n")[4]
    assert row.count("|") == 6
    assert "<" not in re.sub(r"`[^`]*`", "", row)


w, b = leaf(1.0, "w"), leaf(2.0, "w")
NAMES: list[tuple[str, Any, list[str]]] = [
    ("own", None, ["w #1", "w #2"]),
    ("given", {"weight": w, "bias": b, "other": 3}, ["weight", "bias"]),
    ("one given", {"bias": b}, ["w", "bias"]),
]


@pytest.mark.parametrize(("names", "expected"), [row[1:] for row in NAMES],
                         ids=[row[0] for row in NAMES])  # fmt: skip
def test_names(names: Any, expected: list[str]) -> None:
    table = explain_step(SGD([w, b], lr=0.1), lambda: w * b, names)
    assert [row.name for row in table.rows] == expected


def test_parameters_without_a_name_are_numbered() -> None:
    first, second = leaf(1.0), leaf(2.0)
    table = explain_step(SGD([first, second], lr=0.1), lambda: first * second)
    assert [row.name for row in table.rows] == ["parameter 0", "parameter 1"]


# ---- notes ------------------------------------------------------------------------------------


def test_a_step_that_is_too_large() -> None:
    w = leaf(3.0)
    table = explain_step(SGD([w], lr=1.5), lambda: w * w)
    assert (table.predicted, table.actual) == (-54.0, 27.0)
    assert "the step is too large for the curvature here; try a smaller lr" in table.notes[0]
    assert table.notes[0] in str(table)


def test_a_step_far_from_a_line() -> None:
    w = leaf(3.0)
    table = explain_step(SGD([w], lr=0.6), lambda: w * w)
    assert table.actual < 0
    assert "over a step of this size the loss is no line" in table.notes[0]


def test_randomness_is_told_from_curvature() -> None:
    w, rng = leaf(3.0), np.random.default_rng(0)
    table = explain_step(SGD([w], lr=1e-6), lambda: w * w + rng.normal())
    assert "the closure gives another loss each time" in table.notes[0]
    assert float(w.data) == pytest.approx(3 - 6e-6, abs=1e-12)  # the new value is back


def test_a_parameter_that_is_not_used() -> None:
    used, idle = leaf(3.0, "used"), leaf(1.0, "idle")
    table = explain_step(SGD([used, idle], lr=0.01), lambda: used * used)
    assert table.rows[1].gradient is None and table.rows[1].predicted == 0
    assert "no gradient came to idle" in table.notes[0]
    assert re.search(r"idle +\(\) +1 -> 1 +none +0\n", str(table))


def test_a_step_uphill() -> None:
    w = leaf(3.0)
    table = explain_step(SGD([w], lr=1e-3, maximize=True), lambda: w * w)
    assert table.predicted > 0
    assert "to first order the step goes uphill" in table.notes[0]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # log(0)
def test_a_loss_that_is_not_finite() -> None:
    w = leaf(0.0)
    table = explain_step(SGD([w], lr=0.1), lambda: np.log(w))
    assert "the loss is not finite" in table.notes[-1]
    assert "inf" in str(table)


# ---- errors -----------------------------------------------------------------------------------


class Broken(Optimizer):
    """Its step raises."""

    def update(self, value: Any, gradient: Any, state: Any, settings: Any) -> Any:
        raise ArithmeticError("broken")


v = leaf(3.0, "v")
ERRORS: list[tuple[str, Any, Any, Any, type[Exception], str]] = [
    ("optimizer", [v], lambda: v * v, None, TypeError, "first an optimiser, got list"),
    ("closure", SGD([v], lr=0.1), v * v, None, TypeError, "write lambda: loss_function(model(x)"),
    ("float", SGD([v], lr=0.1), lambda: 9.0, None, TypeError, "return loss, not float(loss)"),
    ("array", SGD([v], lr=0.1), lambda: v * np.ones(2), None, ValueError, "take its mean()"),
    ("constant", SGD([v], lr=0.1), lambda: Tensor(1.0), None, ValueError, "without no_grad()"),
    ("names", SGD([v], lr=0.1), lambda: v * v, ["v"], TypeError, "write names=model, or"),
    ("step", Broken([v], {}), lambda: v * v, None, ArithmeticError, "broken"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("optimizer", "closure", "names", "kind", "words"), [row[1:] for row in ERRORS],
    ids=[row[0] for row in ERRORS],
)  # fmt: skip
def test_errors_change_nothing(
    optimizer: Any, closure: Any, names: Any, kind: type[Exception], words: str
) -> None:
    v.grad = 7.0
    with pytest.raises(kind, match=re.escape(words)):
        explain_step(optimizer, closure, names)
    assert (float(v.data), float(v.grad)) == (3.0, 7.0)


@pytest.mark.parametrize("retain_graph", [True, False])
@pytest.mark.parametrize("gradient", [None, 7.0])
def test_a_closure_that_calls_backward_is_refused(gradient: Any, retain_graph: bool) -> None:
    w = leaf(3.0)
    w.grad = gradient

    def closure() -> Tensor:
        loss = w * w
        loss.backward(retain_graph=retain_graph)
        return loss

    with pytest.raises(ValueError, match="the closure called backward"):
        explain_step(SGD([w], lr=0.1), closure)
    assert float(w.data) == 3.0
    assert w.grad == gradient


def test_an_error_after_the_step_takes_the_step_back() -> None:
    model, loss = network()
    optimizer = Adam(model.parameters(), lr=0.1)
    explain_step(optimizer, loss)
    values = [p.data.copy() for p in model.parameters()]
    gradients = [p.grad.copy() for p in model.parameters()]
    state = optimizer.state_dict()
    calls = []

    def closure() -> Tensor:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return loss()

    with pytest.raises(KeyboardInterrupt):
        explain_step(optimizer, closure)
    for p, value, gradient in zip(model.parameters(), values, gradients):
        np.testing.assert_array_equal(p.data, value)
        np.testing.assert_array_equal(p.grad, gradient)
    for index, kept in optimizer.state_dict()["state"].items():
        for name, value in kept.items():
            np.testing.assert_array_equal(value, state["state"][index][name])


def test_it_is_exported() -> None:
    assert nn.explain_step is nn.optim.explain_step
    assert issubclass(StepTable, tuple)
