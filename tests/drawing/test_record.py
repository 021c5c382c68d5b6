"""What `record` writes down: nodes, uses, names, gradients; and what it leaves alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nn
from autograd import Tensor, grad, no_grad, primitive, record, scope
from autograd.graph import recorder
from autograd.graph.data import GraphData, Node
from autograd.graph.recorder import record_data
from tests.cases import CASES, Case
from tests.makers import leaf


def by_name(data: Any) -> dict[str, Node]:
    return {node.name: node for node in data.nodes if node.name is not None}


def kinds(data: Any) -> list[tuple[str, str | None]]:
    return [(node.kind, node.operation) for node in data.nodes]


# ---- the registry sweep -----------------------------------------------------------------------


def recorded(case: Case) -> tuple[list[Tensor], list[Tensor], GraphData]:
    xs = [leaf(a) for a in case.arrays]
    result = case(xs)
    results = list(result) if isinstance(result, (tuple, list)) else [result]
    outputs = [y for y in results if isinstance(y, Tensor) and y.requires_grad]
    return xs, outputs, record_data(outputs, {f"x{k}": x for k, x in enumerate(xs)})


def connected(case: Case) -> bool:
    result = case([leaf(a) for a in case.arrays])
    results = list(result) if isinstance(result, (tuple, list)) else [result]
    return any(isinstance(y, Tensor) and y.requires_grad for y in results)


DRAWN = [case for case in CASES if case.connected and connected(case)]
FIRST = list({case.function: case for case in reversed(DRAWN)}.values())  # one of each function
each_case = pytest.mark.parametrize("case", DRAWN, ids=[c.label for c in DRAWN])
each_function = pytest.mark.parametrize("case", FIRST, ids=[c.label for c in FIRST])


@each_case
def test_gradients_are_those_of_the_engine(case: Case) -> None:
    xs, outputs, data = recorded(case)
    ones = [np.ones(y.shape) for y in outputs]
    expected = grad(outputs, xs, ones, allow_unused=True)
    # What looks at the values of an input alone is drawn as a constant of its name.
    nodes = by_name(data._replace(nodes=tuple(n for n in data.nodes if n.kind != "constant")))
    for k, gradient in enumerate(expected):
        if gradient is not None:
            drawn = nodes[f"x{k}"].gradient
            np.testing.assert_allclose(drawn, gradient.data, rtol=1e-12, atol=1e-12)


@each_case
def test_contributions_add_up_to_the_gradient(case: Case) -> None:
    _, _, data = recorded(case)
    outputs = {node.id for node in data.nodes if node.kind == "output"}
    sums: dict[str, Any] = {}
    for edge in data.edges:
        if edge.contribution is not None:
            sums[edge.source] = sums.get(edge.source, 0) + edge.contribution
    checked = [node for node in data.nodes if node.id in sums and node.id not in outputs]
    assert checked or not data.edges  # some calls give back their argument
    for node in checked:
        assert node.state == "computed"
        np.testing.assert_allclose(sums[node.id], node.gradient, rtol=1e-12, atol=1e-12)


@each_function
def test_upstream_times_local_is_the_contribution(case: Case) -> None:
    _, _, data = recorded(case)
    gradients = {node.id: node.gradient for node in data.nodes}
    for edge in data.edges:
        if edge.local is not None:
            whole = gradients[edge.target] * edge.local
            axes = edge.summed
            found = np.sum(whole, axis=axes).reshape(edge.contribution.shape)
            np.testing.assert_allclose(found, edge.contribution, rtol=1e-12, atol=1e-12)
    assert all(edge.local is None or edge.local.size <= 4096 for edge in data.edges)


@each_function
def test_nodes_come_after_what_they_use_and_leaves_right_before(case: Case) -> None:
    _, _, data = recorded(case)
    place = {node.id: k for k, node in enumerate(data.nodes)}
    assert [node.id for node in data.nodes] == [f"n{k}" for k in range(len(place))]
    assert all(place[edge.source] < place[edge.target] for edge in data.edges)
    assert [edge.target for edge in data.edges] == sorted(
        (edge.target for edge in data.edges), key=place.__getitem__
    )
    assert not [node for node in data.nodes if isinstance(node.value, tuple)]


# ---- uses -------------------------------------------------------------------------------------


def test_a_square_has_two_edges_that_add() -> None:
    a = leaf(3.0)
    data = record(a * a)
    assert [float(edge.contribution) for edge in data.edges] == [3.0, 3.0]
    assert float(data.nodes[0].gradient) == 6.0


def test_three_uses_are_three_contributions() -> None:
    x = leaf(2.0, "x")
    data = record(x * 3 + x * x)
    found = [float(edge.contribution) for edge in data.edges if edge.source == "n0"]
    assert found == [3.0, 2.0, 2.0] or sorted(found) == [2.0, 2.0, 3.0]
    assert float(by_name(data)["x"].gradient) == 7.0


def test_a_stretched_input_says_over_which_axes_it_was_summed() -> None:
    x, b, c = leaf(np.ones((4, 3)), "x"), leaf(np.ones(3), "b"), leaf(np.ones((4, 1)), "c")
    edges = {edge.slot: edge for edge in record(((x + b) * c).sum()).edges}
    assert [edge.summed for edge in record(x + b).edges] == [(), (0,)]
    assert edges["x2"].summed == (1,)
    assert edges["x2"].contribution.shape == (4, 1)


def test_members_of_a_list_are_uses_of_the_operation() -> None:
    a, b = leaf([1.0, 2.0], "a"), leaf([3.0, 4.0], "b")
    data = record(np.stack([a, np.zeros(2), b, a]))
    assert [edge.slot for edge in data.edges] == [f"arrays[{k}]" for k in range(4)]
    assert [edge.contribution is None for edge in data.edges] == [False, True, False, False]
    assert by_name(data)["a"].gradient.tolist() == [2.0, 2.0]


@pytest.mark.parametrize(("count", "expected"), [(0, None), (1, "a")], ids=["empty", "one entry"])
def test_views_are_called_alike_where_they_have_elements_in_common(
    count: int, expected: str | None
) -> None:
    x, whole = leaf(np.ones(count)), np.ones(4)
    data = record(np.sum(x * whole[:count]), names={"x": x, "a": whole[:count]})
    assert [node.name for node in data.nodes if node.kind == "constant"] == [expected]


def test_each_of_several_results_is_an_operation() -> None:
    a = leaf([[2.0, 1.0], [1.0, 3.0]], "a")
    values, vectors = np.linalg.eigh(a)
    data = record(values.sum() + (vectors**2).sum())
    made = [node for node in data.nodes if node.operation == "eigh"]
    assert [node.settings["result"] for node in made] == [0, 1]
    np.testing.assert_allclose(by_name(data)["a"].gradient, np.eye(2), atol=1e-12)


def test_constants_are_nodes_and_other_arguments_settings() -> None:
    x, c = leaf(np.ones((2, 3)), "x"), np.full((2, 3), 2.0)
    data = record((x * c + c).sum(axis=1, keepdims=True), names={"c": c})
    assert [(node.kind, node.name) for node in data.nodes[:2]] == [
        ("input", "x"),
        ("constant", "c"),
    ]
    assert len([node for node in data.nodes if node.kind == "constant"]) == 1
    assert dict(data.nodes[-1].settings) == {"axis": 1, "keepdims": True}


def test_settings_leave_out_defaults_and_inner_objects() -> None:
    x = leaf(np.ones((2, 3)))
    assert dict(record(x.sum(axis=0, keepdims=False)).nodes[-1].settings) == {"axis": 0}
    assert dict(record(x[1, ::2]).nodes[-1].settings) == {"index": (1, slice(None, None, 2))}
    inner = record(nn.LayerNorm(3)(x)).nodes[-1].settings
    assert all(isinstance(value, (int, float, tuple)) for value in inner.values())


def test_equal_python_numbers_are_different_constants() -> None:
    x = leaf(1.0)
    constants = [node for node in record(x * 2 + 2).nodes if node.kind == "constant"]
    assert [node.value.item() for node in constants] == [2, 2]
    assert [node.state for node in constants] == ["constant", "constant"]


def test_values_are_the_ones_that_were_used_and_cannot_be_written() -> None:
    w = leaf([1.0, 2.0], "w")
    y = (w * w).sum()
    w.data = np.array([10.0, 20.0])
    node = by_name(record(y))["w"]
    assert node.value.tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="read-only"):
        node.value[0] = 5.0
    with pytest.raises(ValueError, match="read-only"):
        node.gradient[0] = 5.0


# ---- names ------------------------------------------------------------------------------------


def test_a_tensors_own_name_wins() -> None:
    x = leaf(1.0, "own")
    assert record(x * 2, names={"given": x}).nodes[0].name == "own"


def test_the_first_name_wins_and_underscores_come_last() -> None:
    x = leaf(1.0)
    names = {"_": x, "first": x, "second": x}
    assert record(x * 2, names=names).nodes[0].name == "first"
    assert record(x * 2, names={"_": x}).nodes[0].name == "_"


def test_locals_name_results_and_arrays_and_pass_over_the_rest() -> None:
    x, c = leaf([1.0, 2.0]), Tensor([3.0, 4.0])
    text, number, y = "text", 3.0, x * c
    data = record(y.sum(), names=locals())
    assert {"x", "c", "y"} == set(by_name(data))
    assert (text, number) == ("text", 3.0)


def test_a_view_and_a_copy_in_another_dtype_keep_the_name() -> None:
    model = nn.Linear(3, 1)
    inputs = np.arange(6.0).reshape(2, 3)
    assert "inputs" in by_name(record(model(inputs).sum(), names=locals()))


def test_a_module_gives_the_names_of_its_parameters() -> None:
    model = nn.MLP([2, 3, 1])
    weight = model[0].weight
    assert record((weight * 2).sum(), names=model).nodes[0].name in ("0.weight", "weight")
    bare = leaf(1.0)
    model.extra = bare
    assert record(bare * 2, names=model).nodes[0].name == "extra"
    assert record(bare * 2, names={"net": model}).nodes[0].name == "net.extra"


# ---- scopes -----------------------------------------------------------------------------------


def test_scopes_parameters_and_groups_of_a_network() -> None:
    model = nn.MLP([2, 3, 1])
    data = record(model(np.ones((4, 2))).sum())
    parameters = {n.name: n.scope for n in data.nodes if n.kind == "parameter"}
    assert parameters == {
        "0.weight": ("MLP", "0"), "0.bias": ("MLP", "0"),
        "2.weight": ("MLP", "2"), "2.bias": ("MLP", "2"),
    }  # fmt: skip
    assert [(group.path, group.title, group.parameters) for group in data.groups] == [
        (("MLP",), "MLP", 13),
        (("MLP", "0"), "0: Linear", 9),
        (("MLP", "1"), "1: ReLU", 0),
        (("MLP", "2"), "2: Linear", 4),
    ]
    assert data.nodes[0].kind == "constant" and data.nodes[0].scope == ()


def test_frozen_parameters_are_constants_with_their_names() -> None:
    model = nn.MLP([2, 3, 1])
    model[0].requires_grad_(False)
    data = record(model(np.ones((4, 2))).sum())
    assert "0.weight" not in {n.name for n in data.nodes if n.kind == "parameter"}
    assert data.groups[0].parameters == 4


def test_the_parameters_of_a_module_that_is_gone_are_inputs() -> None:
    y = nn.MLP([2, 3, 1])(np.ones((4, 2))).sum()
    data = record(y)
    assert "parameter" not in {node.kind for node in data.nodes}
    assert [group.title for group in data.groups] == ["MLP", "0", "1", "2"]
    assert any(note.startswith("the module MLP is gone, for graphs") for note in data.notes)


def test_no_note_is_made_where_a_module_without_parameters_is_gone() -> None:
    model = nn.MLP([2, 3, 1])
    assert record(nn.MSELoss()(model(np.ones((4, 2))), np.ones((4, 1)))).data.notes == ()


def test_of_a_module_that_is_there_and_of_plain_scopes_no_note_is_made() -> None:
    model = nn.MLP([2, 3, 1])
    with scope("outer"):
        y = model(np.ones((4, 2))).sum()
    assert record(y).notes == ()


def test_scopes_without_modules_are_groups_too() -> None:
    x = leaf(3.0)
    with scope("outer"), scope("inner"):
        y = x * x
    data = record(y)
    assert [(group.path, group.title) for group in data.groups] == [
        (("outer",), "outer"), (("outer", "inner"), "inner"),
    ]  # fmt: skip
    assert data.nodes[0].scope == ()


def test_two_calls_with_something_between_are_two_groups() -> None:
    layer = nn.Linear(2, 2)
    data = record(layer(np.tanh(layer(np.ones((1, 2))))).sum())
    assert [group.path for group in data.groups] == [("Linear",), ("Linear (2nd call)",)]
    assert [group.module for group in data.groups] == [("Linear",), ("Linear",)]


# ---- nothing is touched -----------------------------------------------------------------------


def test_a_second_backward_changes_nothing_in_the_drawing() -> None:
    x = leaf([1.0, 2.0], "x")
    y = (x * x).sum()
    first = record(y).to_text()
    y.backward()
    y.backward()
    assert record(y).to_text() == first
    assert x.grad.tolist() == [4.0, 8.0]


def test_no_grad_field_is_touched_and_no_hook_is_run() -> None:
    x = leaf([1.0, 2.0], "x")
    seen: list[Any] = []
    x.register_hook(seen.append)
    data = record((x * x).sum())
    assert x.grad is None and seen == []
    assert any("hooks were not run" in note for note in data.notes)


def test_recording_works_under_no_grad() -> None:
    x = leaf(3.0, "x")
    y = x * x
    with no_grad():
        assert by_name(record(y))["x"].gradient == 6.0


def test_recording_a_graph_twice_gives_equal_texts() -> None:
    model = nn.MLP([2, 3, 1])
    y = model(np.ones((4, 2))).sum()
    assert record(y).to_text() == record(y).to_text()


# ---- honest states ----------------------------------------------------------------------------


def test_an_output_without_a_graph_is_one_node() -> None:
    x = leaf([1.0, 2.0])
    with no_grad():
        data = record(x * 2)
    assert kinds(data) == [("output", "multiply")]
    assert data.nodes[0].state == "constant"
    assert "requires no gradient" in data.notes[0]


@pytest.mark.parametrize(("tensor", "kind", "state"), [
    (leaf(2.0), "input", "computed"), (Tensor(2.0), "constant", "constant"),
], ids=["leaf", "constant"])  # fmt: skip
def test_a_leaf_alone_is_one_node(tensor: Tensor, kind: str, state: str) -> None:
    data = record(tensor)
    assert [(node.kind, node.state) for node in data.nodes] == [(kind, state)]


def test_a_freed_graph_is_drawn_as_far_as_it_hangs_together() -> None:
    x = leaf([1.0, 2.0], "x")
    h = x * x
    y = (h + x).sum()
    h.sum().backward(retain_graph=False)
    data = record(y)
    assert [node.operation for node in data.nodes] == ["multiply", None, "add", "sum"]
    assert [node.state for node in data.nodes] == ["freed", "freed", "computed", "computed"]
    assert by_name(data)["x"].gradient is None  # what came through h cannot be known
    assert any("freed by backward" in note for note in data.notes)


def test_a_freed_output_is_one_node() -> None:
    x = leaf(3.0)
    y = x * x
    y.backward(retain_graph=False)
    assert [(node.kind, node.state) for node in record(y).nodes] == [("output", "freed")]


def test_without_gradients_nothing_is_computed() -> None:
    x = leaf(3.0)
    data = record_data(x * x, grads=False)
    assert {node.state for node in data.nodes} == {"not computed"}
    assert all(edge.contribution is None for edge in data.edges) and not data.grads


def test_gradients_beyond_the_memory_limit_are_not_computed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recorder, "BYTES", 100)
    x = leaf(np.ones(10), "x")
    data = record((x * x).sum())
    assert {node.state for node in data.nodes} == {"not computed"}
    assert data.notes[0].startswith("gradients are not computed: to keep them all would take")


def test_a_zero_gradient_is_computed() -> None:
    x = leaf([-1.0, -2.0], "x")
    node = by_name(record(np.maximum(x, np.zeros(2)).sum()))["x"]
    assert node.state == "computed" and node.gradient.tolist() == [0.0, 0.0]


def test_a_rule_that_raises_is_told_and_the_rest_is_drawn() -> None:
    def broken(g: Any, y: Any, x: Any) -> Any:
        raise RuntimeError("no such slope")

    f = primitive(lambda x: x * 2, broken)
    x = leaf(3.0, "x")
    data = record(f(x) + 1.0)
    assert [node.state for node in data.nodes if node.kind != "constant"] == [
        "not computed", "computed", "computed",
    ]  # fmt: skip
    assert "no such slope" in data.notes[0]


# ---- outputs ----------------------------------------------------------------------------------


def test_a_vector_has_the_gradients_of_its_sum_and_says_so() -> None:
    x = leaf([1.0, 2.0], "x")
    data = record(x * x)
    assert by_name(data)["x"].gradient.tolist() == [2.0, 4.0]
    assert "sum of its elements" in data.notes[0]


def test_a_gradient_to_start_from() -> None:
    x = leaf([1.0, 2.0], "x")
    data = record(x * x, gradient=[1.0, 10.0])
    assert by_name(data)["x"].gradient.tolist() == [2.0, 40.0]


def test_several_outputs() -> None:
    x = leaf(3.0, "x")
    y = x * x
    data = record([y, y * 2])
    assert [node.kind for node in data.nodes] == ["input", "output", "constant", "output"]
    assert by_name(data)["x"].gradient == 18.0
    assert "sum of all outputs" in data.notes[0]


def test_the_graph_of_a_gradient() -> None:
    x = leaf(2.0, "x")
    (slope,) = grad(x**3, x, create_graph=True)
    assert by_name(record(slope))["x"].gradient == 12.0


@pytest.mark.parametrize(("output", "kind", "text"), [
    (3.0, TypeError, "got float"),
    (np.ones(2), TypeError, "got ndarray"),
    ("y", TypeError, "got str"),
    ([leaf(1.0), 2.0], TypeError, "got float"),
    ([], ValueError, "empty list"),
], ids=["float", "array", "text", "list", "nothing"])  # fmt: skip
def test_what_is_no_output_is_refused(output: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        record(output)


@pytest.mark.parametrize(("gradient", "kind", "text"), [
    (np.ones(3), ValueError, r"the gradient has shape \(3,\), the output \(2,\)"),
    (["a", "b"], TypeError, "must be real numbers"),
], ids=["shape", "text"])  # fmt: skip
def test_a_wrong_gradient_is_refused(gradient: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        record(leaf([1.0, 2.0]) * 2, gradient=gradient)


def test_a_gradient_for_several_outputs_is_refused() -> None:
    x = leaf(1.0)
    with pytest.raises(ValueError, match="got 2 outputs"):
        record([x * 2, x * 3], gradient=1.0)


def test_names_that_are_no_dict_are_refused() -> None:
    with pytest.raises(TypeError, match=r"^record: names takes a dict .* got list"):
        record(leaf(1.0) * 2, names=["x"])


# ---- arguments that are nobody's business -----------------------------------------------------


def test_private_arguments_are_no_settings_and_no_operands() -> None:
    scaled = primitive(
        lambda x, power, _table: x**power * _table,
        lambda g, y, x, power, _table: g * power * x ** (power - 1) * _table,
        formula="g power x^(power-1)",
    )
    x = leaf([1.0, 2.0], "x")
    data = record(scaled(x, 2, np.array([3.0, 4.0]))).data
    assert [(edge.source, edge.slot) for edge in data.edges] == [("n0", "x")]
    assert data.nodes[-1].settings == {"power": 2}
    assert list(data.nodes[-1].private) == ["_table"]


LOSSES = {
    "mse": (lambda x: nn.functional.mse_loss(x, np.zeros((2, 2))), {}),
    "huber": (lambda x: nn.functional.huber_loss(x, np.zeros((2, 2)), delta=0.5), {"delta": 0.5}),
    "cross-entropy": (lambda x: nn.functional.cross_entropy(x, [0, 1], [1.0, 2.0]), {}),
    "binary": (lambda x: nn.functional.binary_cross_entropy_with_logits(x, np.ones((2, 2))), {}),
    "gelu": (lambda x: nn.functional.gelu(x), {}),
}


@pytest.mark.parametrize("compute, settings", LOSSES.values(), ids=LOSSES)
def test_fused_operations_tell_only_what_the_learner_gave(compute: Any, settings: Any) -> None:
    graph = record(compute(leaf([[0.0, 1.0], [2.0, 3.0]])))
    assert graph.nodes[-1].settings == settings
    written = graph.to_text() + graph.to_svg("own") + graph.to_mermaid() + graph.to_html()
    assert not [
        word for word in ("_share", "_total", "_kept", "share=", "total=") if word in written
    ]
