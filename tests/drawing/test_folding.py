"""Folding: modules as boxes, calls told apart, and large graphs in a few nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nn
from autograd import Graph, Tensor, draw, record
from autograd.graph.calls import ordered


class Block(nn.Module):
    """A residual block: an operation of its own between its layers."""

    def __init__(self) -> None:
        self.norm, self.linear = nn.LayerNorm(4), nn.Linear(4, 4)

    def forward(self, x: Any) -> Any:
        return x + self.linear(self.norm(x)) * 0.5


class Recurrent(nn.Module):
    """A cell that is called again and again, and a head that reads every state."""

    def __init__(self, steps: int) -> None:
        self.steps, self.cell, self.head = steps, nn.Linear(2, 2), nn.Linear(2, 1)

    def forward(self, h: Any) -> Any:
        total = 0.0
        for _ in range(self.steps):
            h = self.cell(np.tanh(h))
            total = total + self.head(h).sum()
        return total


class Tied(nn.Module):
    """Two layers with one weight."""

    def __init__(self) -> None:
        self.first, self.second = nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)
        self.second.weight = self.first.weight

    def forward(self, x: Any) -> Any:
        return self.second(np.tanh(self.first(x)))


MODELS = {
    "mlp": (lambda: nn.MLP([4, 5, 2]), (3, 4)),
    "blocks": (lambda: nn.Sequential(Block(), Block(), nn.Linear(4, 1)), (3, 4)),
    "recurrent": (lambda: Recurrent(4), (1, 2)),
    "tied": (Tied, (2, 3)),
}
Make = tuple[Callable[[], nn.Module], tuple[int, ...]]
each_model = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
each_depth = pytest.mark.parametrize("depth", [0, 1, 2, 3])


def graph_of(make: Make) -> Graph:
    model, shape = make[0](), make[1]
    x = Tensor(np.linspace(-1, 1, int(np.prod(shape))).reshape(shape), requires_grad=True, name="x")
    return record((model(x) ** 2).sum())


def chain(length: int) -> Tensor:
    x = Tensor(1.0, requires_grad=True, name="x")
    y: Any = x
    for _ in range(length):
        y = y * 1.0001 + x
    return y


# ---- any graph at any depth -------------------------------------------------------------------


@each_depth
@each_model
def test_a_folded_graph_is_in_order_and_without_circles(make: Make, depth: int) -> None:
    graph = graph_of(make).fold(depth)
    place = {node.id: k for k, node in enumerate(graph.nodes)}
    assert len(place) == len(graph.nodes)
    assert all(place[edge.source] < place[edge.target] for edge in graph.edges)
    assert [place[e.target] for e in graph.edges] == sorted(place[e.target] for e in graph.edges)


@each_depth
@each_model
def test_every_node_is_somewhere_once(make: Make, depth: int) -> None:
    full = graph_of(make)
    graph = full.fold(depth)
    inside = [name for node in graph.nodes for name in node.members or (node.id,)]
    assert sorted(inside) == sorted(node.id for node in full.nodes)


@each_depth
@each_model
def test_contributions_still_add_up_where_one_result_leaves(make: Make, depth: int) -> None:
    graph = graph_of(make).fold(depth)
    checked = 0
    for node in graph.nodes:
        flowing = [edge.contribution for edge in graph.edges if edge.source == node.id]
        if node.gradient is None or not flowing:
            continue
        np.testing.assert_allclose(sum(flowing), node.gradient, rtol=1e-5, atol=1e-6)
        checked += 1
    assert checked


@each_depth
@each_model
def test_groups_hold_the_nodes_that_say_so(make: Make, depth: int) -> None:
    graph = graph_of(make).fold(depth)
    for group in graph.groups:
        n = len(group.path)
        assert len(group.path) <= depth or not group.nodes or graph.nodes
        expected = [node.id for node in graph.nodes if node.scope[:n] == group.path]
        assert list(group.nodes) == expected


@each_model
def test_folding_deeper_than_there_are_modules_changes_nothing(make: Make) -> None:
    full = graph_of(make)
    assert full.fold(9).data == full.data


# ---- what a box says --------------------------------------------------------------------------


def test_the_outermost_module_as_one_box() -> None:
    graph = graph_of(MODELS["mlp"]).fold(0)
    assert [(node.kind, node.name) for node in graph.nodes] == [
        ("input", "x"), ("module", "MLP"), ("constant", None), ("operation", None),
        ("output", None),
    ]  # fmt: skip
    box = graph.nodes[1]
    assert (box.operation, box.shape, box.parameters) == ("MLP", (3, 2), 37)
    assert box.state == "computed" and box.gradient.shape == box.value.shape == (3, 2)


def test_its_layers_as_boxes() -> None:
    graph = graph_of(MODELS["mlp"]).fold(1)
    found = [(n.name, n.operation, n.shape, n.parameters) for n in graph.nodes if n.members]
    assert found == [
        ("0", "Linear", (3, 5), 25),
        ("1", "ReLU", (3, 5), 0),
        ("2", "Linear", (3, 2), 12),
    ]
    assert [group.title for group in graph.groups] == ["MLP"]


def test_a_layer_called_again_is_a_second_box() -> None:
    graph = graph_of(MODELS["recurrent"]).fold(1)
    names = [node.name for node in graph.nodes if node.kind == "module"]
    assert names[0] == "cell" and "cell (2nd call)" in names and "cell (4th call)" in names


def test_a_module_that_feeds_nothing_back_stays_one_box() -> None:
    head = [node for node in graph_of(MODELS["recurrent"]).fold(1).nodes if node.name == "head"]
    assert len(head) == 1 and head[0].settings["results"] == 4 and head[0].value is None


def test_a_second_call_gets_no_edge_from_the_first_ones_parameters() -> None:
    layer = nn.Linear(2, 2)
    graph = record(layer(np.tanh(layer(np.ones((1, 2))))).sum()).fold(0)
    titles = {node.id: node.name or node.operation for node in graph.nodes}
    between = [(titles[edge.source], titles[edge.target]) for edge in graph.edges[1:]]
    assert between == [
        ("Linear", "tanh"), ("tanh", "Linear (2nd call)"), ("Linear (2nd call)", "sum"),
    ]  # fmt: skip


def test_a_parameter_of_two_modules_stays_outside() -> None:
    graph = graph_of(MODELS["tied"]).fold(1)
    shared = [node for node in graph.nodes if node.kind == "parameter"]
    assert [(node.name, node.scope) for node in shared] == [("first.weight", ("Tied",))]
    assert len([edge for edge in graph.edges if edge.source == shared[0].id]) == 2


def test_an_edge_into_a_box_counts_the_uses_it_stands_for() -> None:
    class Square(nn.Module):
        def forward(self, x: Any) -> Any:
            return x * x

    x = Tensor([1.0, 2.0], requires_grad=True, name="x")
    (edge,) = [edge for edge in record(Square()(x).sum()).fold(0).edges if edge.source == "n0"]
    assert edge.members == 2
    assert edge.contribution.tolist() == [2.0, 4.0]


def test_opening_again_gives_the_full_graph() -> None:
    full = graph_of(MODELS["blocks"])
    assert full.fold(0).fold(None).data == full.data
    assert len(full.fold(0).fold(1).nodes) == len(full.fold(1).nodes)


# ---- too many nodes ---------------------------------------------------------------------------


def test_more_than_max_nodes_folds_modules_and_says_so() -> None:
    model = nn.MLP([4] * 12)
    y = model(np.ones((2, 4))).sum()
    graph = draw(y, max_nodes=30)
    assert len(graph.nodes) <= 30
    assert graph.notes[-1].startswith("folded at depth 1: the graph has")
    assert len(draw(y, max_nodes=10).nodes) == 3


def test_an_explicit_depth_folds_further_where_it_must() -> None:
    model = nn.MLP([4] * 12)
    y = model(np.ones((2, 4))).sum()
    assert len(draw(y, depth=1, max_nodes=10).nodes) == 3


@pytest.mark.parametrize("most", [1, 2, 3, 10, 50])
def test_without_modules_the_far_end_becomes_one_box(most: int) -> None:
    graph = draw(chain(100), max_nodes=most)
    assert len(graph.nodes) <= most
    assert graph.nodes[-1].kind == ("output" if most > 3 else graph.nodes[-1].kind)
    box = next(node for node in graph.nodes if node.kind == "module")
    assert "earlier operations" in str(box.name) and sum(box.settings.values()) <= 200
    assert f"more than max_nodes={most}" in graph.notes[-1]


@pytest.mark.parametrize("most", range(1, 7))
def test_the_far_end_of_modules_becomes_one_box(most: int) -> None:
    layers = nn.Linear(2, 2), nn.Tanh(), nn.LayerNorm(2), nn.ReLU(), nn.MLP([2, 2])
    y: Any = Tensor([[1.0, 2.0]], requires_grad=True, name="x")
    for layer in layers:
        y = layer(y)
    graph = draw(y, max_nodes=most)
    assert len(graph.nodes) == most
    assert sum("earlier module" in str(node.name) for node in graph.nodes) == (most < 6)


def test_the_most_frequent_operations_are_counted_by_name() -> None:
    x = y = Tensor(0.5, requires_grad=True, name="x")
    functions = {np.sin: 5, np.cos: 4, np.tanh: 3, np.arctan: 2, np.sinh: 1, np.cbrt: 1}
    for function, times in functions.items():
        for _ in range(times):
            y = function(y)
    for _ in range(4):
        y = y * x
    box = next(node for node in draw(y, max_nodes=6).nodes if node.kind == "module")
    assert box.settings == {"sin": 5, "cos": 4, "tanh": 3, "arctan": 2, "others": 2}


def test_the_operations_nearest_to_the_output_keep_their_gradients() -> None:
    full, graph = record(chain(100)), draw(chain(100), max_nodes=20)
    expected = {node.id: node.gradient for node in full.nodes}
    kept = [node for node in graph.nodes if node.kind != "module"]
    assert len(kept) > 10
    assert all(node.gradient == expected[node.id] for node in kept)


def test_a_graph_too_large_to_be_written_down_is_summed_up() -> None:
    y = chain(15_000)
    graph = draw(y)
    assert len(graph.nodes) <= 300
    box = next(node for node in graph.nodes if node.kind == "module")
    assert str(box.name).endswith("earlier operations")
    assert {"multiply", "add"} == set(box.settings) and sum(box.settings.values()) > 29_000
    x = next(node for node in graph.nodes if node.name == "x")
    assert x.state == "not computed" and x.gradient is None  # most of it is not seen
    assert float(graph.nodes[-1].gradient) == 1.0
    assert any("summed up" in note for note in graph.notes)


def test_record_refuses_what_is_too_large() -> None:
    with pytest.raises(ValueError, match=r"30,000 operations, more than 20,000; draw\(output\)"):
        record(chain(15_000))


def test_a_large_graph_of_modules_is_folded() -> None:
    model = Recurrent(6_000)
    graph = draw(model(np.ones((1, 2))))
    assert [(node.kind, node.operation) for node in graph.nodes][-1] == ("module", "Recurrent")
    assert graph.nodes[-1].parameters == 9


@pytest.mark.parametrize("depth", [None, 1])
def test_what_is_trained_in_a_graph_too_large_counts_once(depth: int | None) -> None:
    model = Recurrent(6_000)
    graph = draw(model(np.ones((1, 2))), depth=depth, max_nodes=100_000)
    drawn = sum(np.prod(node.shape) for node in graph.nodes if node.kind == "parameter")
    assert drawn + sum(node.parameters for node in graph.nodes) == 9  # also what both parts use


class Weighed(nn.Module):
    """Times every one of some arrays, which are no part of it."""

    def __init__(self, arrays: list[Any]) -> None:
        self._arrays = arrays

    def forward(self, x: Any) -> Any:
        for array in self._arrays:
            x = x * array
        return x


def test_constants_that_two_boxes_share_are_in_no_series() -> None:
    shared = [np.full(2, k + 1.0) for k in range(8)]
    model = nn.Sequential(Weighed(shared), Weighed(shared))
    graph = draw(model(Tensor([1.0, 2.0], requires_grad=True)), depth=1)
    assert [node.kind for node in graph.nodes] == ["input", *["constant"] * 8, "module", "module"]


# ---- order ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("links", "order"), [
    ({(0, 1), (1, 2)}, [0, 1, 2]),
    ({(2, 0)}, [1, 2, 0]),
    ({(0, 1), (1, 0)}, None),
    (set(), [0, 1, 2]),
], ids=["chain", "backwards", "circle", "apart"])  # fmt: skip
def test_units_come_after_those_that_lead_to_them(links: Any, order: list[int] | None) -> None:
    assert ordered(range(3), links) == order


# ---- recurrent networks -------------------------------------------------------------------------


class Cell(nn.Module):
    def __init__(self) -> None:
        self.inner, self.outer = nn.Linear(4, 4), nn.Linear(2, 4)

    def forward(self, x: Any, h: Any) -> Any:
        return np.tanh(self.inner(h) + self.outer(x))


def unrolled(cell: Cell, steps: int) -> Tensor:
    h: Any = np.zeros((1, 4), np.float32)
    for x in np.random.default_rng(0).normal(size=(steps, 1, 2)).astype(np.float32):
        h = cell(x, h)
    return h.sum()


def test_a_long_recurrence_is_its_cell_and_how_often_it_is_used() -> None:
    cell = Cell()
    graph = draw(unrolled(cell, 100))
    by_name = {node.name: node for node in graph.nodes}
    assert by_name["Cell"].settings == {"used": 100} and by_name["Cell"].parameters == 32
    assert len(by_name["100 constants"].members) == 100
    assert [node.shape for node in graph.nodes if node.kind == "constant"] == [(1, 4)]
    assert "32 parameters, used 100 times" in graph.to_text()
    assert "used 100 times" in graph.to_svg("own") and "100 constants" in graph.to_html()


def test_a_short_recurrence_is_open_and_folded_keeps_its_few_constants() -> None:
    cell = Cell()
    graph = draw(unrolled(cell, 3))
    assert not [node for node in graph.nodes if node.kind == "module"]
    assert [node.kind for node in graph.fold(0).nodes].count("constant") == 4


def test_a_module_that_uses_its_parameters_once_says_nothing_of_it() -> None:
    model = nn.MLP([2, 4, 1])
    graph = draw(model(np.ones((3, 2))).sum(), depth=0)
    assert all("used" not in node.settings for node in graph.nodes)
