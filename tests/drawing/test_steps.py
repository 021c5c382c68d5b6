"""The steps of the forward and the backward pass: their order, their sums, their words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nn
from autograd import Tensor, draw, relu
from autograd.graph.data import Edge, GraphData, Node
from autograd.graph.recorder import record_data
from autograd.words.telling import Scene, settings_text, steps
from tests.makers import leaf


def told(output: Any, **names: Any) -> list[Scene]:
    return steps(record_data(output, names))


def backward(found: list[Scene]) -> list[Scene]:
    return [step for step in found if step.phase == "backward"]


def shared() -> list[Scene]:
    """y = a·b with b = a², so a has three uses."""
    a = leaf(3.0)
    b = a * a
    return told(a * b, a=a, b=b)


# ---- order ------------------------------------------------------------------------------------


def test_the_forward_pass_begins_with_the_leaves_and_takes_one_step_for_each_operation() -> None:
    forward = [step for step in shared() if step.phase == "forward"]
    assert [step.nodes for step in forward] == [("n0",), ("n1",), ("n2",)]
    assert [step.title for step in forward] == [
        "The inputs are given", "b: multiply", "n2: multiply"]  # fmt: skip


def test_the_backward_pass_begins_with_the_seed_and_goes_the_other_way() -> None:
    assert [step.title for step in backward(shared())] == [
        "Seed", "Back through n2: multiply", "Back through b: multiply", "Done"]  # fmt: skip


@pytest.mark.parametrize("count", [1, 7])
def test_an_operation_hands_on_only_after_all_its_uses(count: int) -> None:
    x = leaf(2.0)
    a = x * x
    done: set[str] = set()
    found = backward(told(sum([relu(a) for _ in range(count)], a), x=x, a=a))
    data_edges = record_data(sum([relu(a) for _ in range(count)], a)).edges
    for step in found[1:-1]:
        users = {edge.target for edge in data_edges if edge.source == step.nodes[0]}
        assert users <= done
        done.add(step.nodes[0])
    assert len(done) == 2 * count + 1


# ---- sums -------------------------------------------------------------------------------------


def test_both_uses_in_a_square_are_added_one_after_the_other() -> None:
    a = leaf(3.0)
    square = backward(told(a * a, a=a))[1]
    assert [(one.node, one.before, one.after) for one in square.additions] == [
        ("n0", None, 3.0), ("n0", 3.0, 6.0)]  # fmt: skip


def test_additions_go_on_from_what_earlier_steps_have_left() -> None:
    sums = [(one.before, one.after) for step in shared() for one in step.additions
            if one.node == "n0"]  # fmt: skip
    assert sums == [(None, 9.0), (9.0, 18.0), (18.0, 27.0)]


def test_the_last_sum_of_every_node_is_its_gradient() -> None:
    rng = np.random.default_rng(0)
    w, x, b = leaf(rng.normal(size=(3, 4))), leaf(rng.normal(size=(5, 4))), leaf(np.ones(3))
    data = record_data(np.sum(np.tanh(x @ w.T + b) * b))
    last = {one.node: one.after for step in steps(data) for one in step.additions}
    known = {node.id: node.gradient for node in data.nodes if node.state == "computed"}
    assert set(last) == set(known)
    assert all(np.allclose(last[name], known[name], rtol=1e-12) for name in known)


@pytest.mark.parametrize(
    ("output", "seed", "reason"),
    [
        (lambda a: a * a, 1.0, "with respect to itself is 1"),
        (lambda a: np.stack([a, a]) * a, [1.0, 1.0], "the sum of the output"),
        (lambda a: [a * a, a + a], 1.0, "the sum of the outputs"),
        (lambda a: (lambda b: [b, b * a])(a * a), 1.0, "the sum of the outputs"),
    ],
    ids=["number", "array", "two outputs", "one output behind another"],
)
def test_the_seed(output: Any, seed: Any, reason: str) -> None:
    first = backward(told(output(leaf(3.0))))[0]
    assert reason in first.reason
    for one in first.additions:
        assert (one.edge, one.before) == (-1, None)
        assert np.array_equal(one.after, seed)


def test_folded_outputs_have_their_seeds() -> None:
    nodes = tuple(
        Node(f"m{k}", "module", "Linear", f"head{k}", value=2.0, gradient=1.0, state="computed")
        for k in range(2)
    )
    first = backward(steps(GraphData(nodes, ())))[0]
    assert [one.node for one in first.additions] == ["m0", "m1"]


def test_a_box_that_several_results_leave_hands_gradients_on() -> None:
    nodes = (Node("n0", "input", value=1.0, gradient=2.0, state="computed"),
             Node("m0", "module", "Linear", "net", state="computed"))  # fmt: skip
    found = backward(steps(GraphData(nodes, (Edge("n0", "m0", contribution=2.0),))))
    assert [step.title for step in found] == ["Seed", "Back through net: Linear", "Done"]
    assert found[1].additions[0].after == 2.0


def test_the_last_step_lists_the_gradients_of_the_leaves() -> None:
    w, x = leaf(2.0), leaf(-1.5)
    assert told(w * x, w=w, x=x)[-1].numbers == "∂L/∂w = -1.5, ∂L/∂x = 2"
    many = told(sum([leaf(1.0) for _ in range(9)], w))[-1]
    assert many.numbers.count("∂L/") == 6 and many.numbers.endswith(", …")


def test_a_gradient_that_was_given_is_the_seed() -> None:
    a = leaf([1.0, 2.0])
    first = backward(steps(record_data(a * 3, gradient=np.array([1.0, -5.0]))))[0]
    assert "given" in first.reason
    assert first.additions[0].after.tolist() == [1.0, -5.0]


# ---- words ------------------------------------------------------------------------------------


WRITTEN = {
    "×": (lambda a, b: a * b, "a × b", "3 × (-2) = -6"),
    "+": (lambda a, b: a + b, "a + b", "3 + (-2) = 1"),
    "÷": (lambda a, b: a / b, "a ÷ b", "3 ÷ (-2) = -1.5"),
    "^": (lambda a, b: a**b, "a ^ b", "3 ^ (-2) = 0.1111"),
    "^ of a negative": (lambda a, b: b**2, "b ^ 2", "(-2) ^ 2 = 4"),
    "^ of a number": (lambda a, b: (-2.0) ** a, "(-2) ^ a", "(-2) ^ 3 = -8"),
    "÷ of a negative": (lambda a, b: b / a, "b ÷ a", "-2 ÷ 3 = -0.6667"),
    "call": (lambda a, b: np.arctan2(a, b), "arctan2(a, b)", "arctan2(3, -2) = 2.159"),
    "negative": (lambda a, b: -b, "-b", "-(-2) = 2"),
    "absolute": (lambda a, b: abs(b), "|b|", "|-2| = 2"),
    "square": (lambda a, b: np.square(b), "b²", "(-2)² = 4"),
    "settings": (
        lambda a, b: np.clip(b, -1, 1), "clip(b, a_min=-1, a_max=1)",
        "clip(-2, a_min=-1, a_max=1) = -1"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITTEN)
def test_an_operation_is_written_with_names_and_with_numbers(name: str) -> None:
    function, symbols, numbers = WRITTEN[name]
    a, b = leaf(3.0), leaf(-2.0)
    step = [step for step in told(function(a, b), a=a, b=b) if step.phase == "forward"][-1]
    assert (step.symbols, step.numbers) == (symbols, numbers)


def test_arrays_and_shapes_need_no_more_parentheses() -> None:
    a, b = leaf([1.0, 2.0]), leaf(np.ones((8, 2)))
    found = [step.numbers for step in told(a * -a * b) if step.phase == "forward"]
    assert found[2:] == [
        "[1, 2] × [-1, -2] = [-1, -4]", "[-1, -4] × (8, 2) = (8, 2): mean -2.5, -4 to -1"
    ]  # fmt: skip


def test_operations_are_told_in_words() -> None:
    loss = nn.functional.mse_loss(leaf([1.0]), np.zeros(1))
    titles = [step.title for step in told(loss, loss=loss)]
    assert "loss: mse loss" in titles and "Back through loss: mse loss" in titles


def test_a_gradient_that_was_given_is_not_called_the_slope_by_the_output_itself() -> None:
    x = leaf(2.0)
    y = x * x
    found = steps(record_data(y, {"x": x, "y": y}, gradient=2.5))
    assert found[-1].numbers == "∂L/∂x = 10"
    assert found[-3].additions[0].after == 2.5


def test_an_output_that_is_used_besides_has_its_seed_and_its_uses() -> None:
    p = leaf(2.0)
    q = p * p
    (reason,) = [step.reason for step in told([q, q * 3.0], q=q) if "Back through q" in step.title]
    assert reason == (
        "Its gradient is complete: the seed is there, and its only use has handed in its share."
    )


def test_a_slope_of_one_is_one_for_arrays_too() -> None:
    a, b = leaf([3.0, 4.0]), leaf([1.0, 2.0])
    numbers = [one.numbers for one in backward(told((a + b) * 2.0))[2].additions]
    assert numbers == 2 * ["g × 1 = [2, 2] × 1 = [2, 2]"]


def test_rules_are_told_in_symbols_and_in_numbers() -> None:
    w, x = leaf(2.0), leaf(-1.5)
    step = backward(told(w * x, w=w, x=x))[1]
    assert [(one.symbols, one.numbers) for one in step.additions] == [
        ("∂(w·x)/∂w = x", "g × x = 1 × (-1.5) = -1.5"),
        ("∂(w·x)/∂x = w", "g × w = 1 × 2 = 2"),
    ]


def test_rules_name_the_output_that_is_differentiated() -> None:
    x = leaf([1.0, 2.0])
    y = np.sum(x)
    assert backward(told(y, x=x, cost=y))[1].additions[0].symbols.startswith("∂cost/∂x = ")


@pytest.mark.parametrize(
    ("uses", "words"),
    [(0, "It is the output"), (1, "its only use has"), (2, "both of its uses have"),
     (3, "all 3 uses have")],
    ids=["output", "one use", "two uses", "three uses"],
)  # fmt: skip
def test_the_turn_of_an_operation_has_its_reason(uses: int, words: str) -> None:
    a = np.exp(leaf(1.0))
    output = sum([a.detach() + a for _ in range(uses)], Tensor(0.0)) if uses else a
    reasons = [step.reason for step in backward(told(output, a=a)) if "a: exp" in step.title]
    assert len(reasons) == 1 and words in reasons[0]


def test_an_infinite_gradient_that_is_kept_out_is_not_told_as_nan() -> None:
    a, b = leaf(1.0), leaf(2.0)
    step = backward(told(np.maximum(a, b) * np.inf, a=a, b=b))[2]
    assert [one.numbers for one in step.additions] == ["g = inf → 0", "g × slope = inf × 1 = inf"]
    assert [one.after for one in step.additions] == [0.0, np.inf]


def test_what_is_summed_up_is_told_as_such() -> None:
    v = y = leaf(1.0)
    for _ in range(500):
        y = y * 1.001 + 0.1
    found = steps(draw(y, names={"v": v}).data)
    count = draw(y).nodes[1].name
    assert (found[1].title, found[1].symbols) == (f"m0: {count}", "m0(v)")
    assert found[1].reason == "Summed up: too many to be told one by one."
    assert found[-2].title == f"Back through m0: {count}"
    assert found[-3].additions[0].symbols.startswith("∂(m0 ")


def test_a_module_whose_class_is_not_known_is_called_by_its_name() -> None:
    node = Node("m0", "module", None, "MSELoss", value=1.0, members=("n1",))
    x = Node("n0", "input", name="x", value=1.0)
    step = steps(GraphData((x, node), (Edge("n0", "m0"),), grads=False))[-1]
    assert (step.title, step.symbols) == ("MSELoss", "MSELoss(x)")


def test_settings_are_told_in_a_line() -> None:
    assert settings_text({"axis": (0, 1), "where": "x" * 99}) == f"axis=(0, 1), where={'x' * 59}…"


# ---- what cannot be told ----------------------------------------------------------------------


def single(state: str, gradient: Any = None) -> GraphData:
    nodes = (
        Node("n0", "input", name="a", value=3.0, state=state),
        Node("n1", "output", "exp", value=20.1, gradient=gradient, state=state),
    )
    return GraphData(nodes, (Edge("n0", "n1"),))


@pytest.mark.parametrize(
    ("state", "words"),
    [("constant", "Nothing here requires a gradient"), ("freed", "was freed"),
     ("not computed", "were not computed")],
)  # fmt: skip
def test_without_gradients_one_step_says_why(state: str, words: str) -> None:
    (step,) = backward(steps(single(state)))
    assert words in step.reason and step.additions == ()


def test_where_gradients_are_left_out_there_is_no_backward_pass() -> None:
    data = record_data(leaf(3.0) * 2.0, grads=False)
    assert backward(steps(data)) == []


def test_no_gradient_is_handed_to_constants() -> None:
    found = told(leaf(3.0) * np.array([1.0, 2.0]))
    assert [one.node for step in found for one in step.additions].count("n1") == 0


def test_the_steps_of_nothing() -> None:
    assert steps(GraphData((), ())) == []


def test_a_leaf_alone_has_its_seed() -> None:
    x = leaf(3.0)
    assert [step.title for step in told(x)] == ["The inputs are given", "Seed", "Done"]


def test_values_that_were_not_kept_are_asked_for() -> None:
    data = single("computed", 1.0)
    data = data._replace(nodes=(data.nodes[0]._replace(value=None), data.nodes[1]))
    assert steps(data)[1].numbers == "exp(?) = 20.1"


def test_infinities_are_summed_silently() -> None:
    x = leaf(0.0)
    with np.errstate(all="ignore"):
        y = np.log(x) - np.log(x)
    last = backward(told(y))[-2].additions[-1]
    assert np.isnan(last.after)


def test_sums_that_are_only_rounding_are_0() -> None:
    x = Tensor(0.1, requires_grad=True, name="x")
    data = record_data(x * 1.1 + x * 2.2 - x * 3.3)
    assert data.nodes[0].gradient != 0
    afters = [one.after for step in steps(data) for one in step.additions if one.node == "n0"]
    assert float(afters[-1]) == 0 and "∂L/∂x = 0" in steps(data)[-1].numbers
