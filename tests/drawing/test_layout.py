"""Where drawings put things: nothing overlaps, lines go around nodes, few of them cross."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from autograd.drawing.layout import dot, place
from autograd.drawing.layout.geometry import Box, Placement, Point, pieces, sampled
from autograd.drawing.writers.cards import card
from autograd.graph.data import Edge, GraphData, Group, Node
from autograd.graph.traits import traits_of
from tests.drawings import DRAWINGS, made

LABELS = {0: (40.0, 13.0), 2: (30.0, 13.0)}


def has_dot() -> bool:
    try:
        import graphviz  # noqa: F401
    except ImportError:
        return False
    return shutil.which("dot") is not None


needs_dot = pytest.mark.skipif(
    not has_dot(), reason="needs the program dot and the package graphviz"
)
each_drawing = pytest.mark.parametrize("name", [n for n in DRAWINGS if n != "300 nodes"])
each_direction = pytest.mark.parametrize("direction", ["LR", "TB"])
each_layout = pytest.mark.parametrize("layout", ["own", pytest.param("dot", marks=needs_dot)])

_placed: dict[tuple[str, str, str], tuple[GraphData, Placement]] = {}


def placed(name: str, direction: str, layout: str) -> tuple[GraphData, Placement]:
    """A drawing with sizes as its cards have them, placed once."""
    key = name, direction, layout
    if key not in _placed:
        data = made(name)._replace(direction=direction)
        cards = [card(node, data, 2) for node in data.nodes]
        sizes = {node.id: (c.width, c.height) for node, c in zip(data.nodes, cards)}
        labels = {k: size for k, size in LABELS.items() if k < len(data.edges)}
        titles = [60.0 for _ in data.groups]
        _placed[key] = data, place(data, sizes, labels, titles, layout)
    return _placed[key]


def apart(one: Box, other: Box) -> bool:
    across = one[0] + one[2] <= other[0] + 0.1 or other[0] + other[2] <= one[0] + 0.1
    return across or one[1] + one[3] <= other[1] + 0.1 or other[1] + other[3] <= one[1] + 0.1


def within(inner: Box, outer: Box) -> bool:
    return (
        outer[0] <= inner[0] + 0.1
        and outer[1] <= inner[1] + 0.1
        and inner[0] + inner[2] <= outer[0] + outer[2] + 0.1
        and inner[1] + inner[3] <= outer[1] + outer[3] + 0.1
    )


def on(point: Point, box: Box, room: float) -> bool:
    """Whether a point lies in a box, further inside than `room`."""
    x, y = point[0] - box[0], point[1] - box[1]
    return room < x < box[2] - room and room < y < box[3] - room


# ---- nothing overlaps -------------------------------------------------------------------------


@each_drawing
@each_direction
@each_layout
def test_no_node_overlaps_another(name: str, direction: str, layout: str) -> None:
    data, placement = placed(name, direction, layout)
    assert len(placement.boxes) == len(data.nodes)
    pairs = combinations(placement.boxes.items(), 2)
    assert [(a, b) for (a, one), (b, other) in pairs if not apart(one, other)] == []


@each_drawing
@each_direction
def test_frames_hold_their_own_nodes_and_no_others(name: str, direction: str) -> None:
    data, placement = placed(name, direction, "own")
    for group, frame in zip(data.groups, placement.frames):
        assert frame is not None
        for node, box in placement.boxes.items():
            assert (within if node in group.nodes else apart)(box, frame), (group.title, node)


@each_drawing
@each_direction
def test_frames_lie_in_each_other_or_apart(name: str, direction: str) -> None:
    data, placement = placed(name, direction, "own")
    framed = list(zip(data.groups, placement.frames))
    for (outer, one), (inner, other) in combinations(framed, 2):
        assert one is not None and other is not None
        nested = set(inner.nodes) <= set(outer.nodes)
        assert within(other, one) if nested else apart(one, other), (outer.title, inner.title)


@each_drawing
@each_direction
@each_layout
def test_everything_lies_on_the_page(name: str, direction: str, layout: str) -> None:
    _, placement = placed(name, direction, layout)
    page = (0.0, 0.0, placement.width, placement.height)
    boxes = [*placement.boxes.values(), *filter(None, placement.frames)]
    assert [box for box in boxes if not within(box, page)] == []


# ---- edges ------------------------------------------------------------------------------------


@each_drawing
@each_direction
def test_no_edge_passes_through_a_node(name: str, direction: str) -> None:
    data, placement = placed(name, direction, "own")
    boxes = list(placement.boxes.items())
    for edge, route in zip(data.edges, placement.routes):
        for point in sampled(route):
            assert [node for node, box in boxes if on(point, box, 0.5)] == [], edge


@each_drawing
@each_direction
def test_no_edge_passes_the_label_of_another(name: str, direction: str) -> None:
    data = made(name)._replace(direction=direction)
    ends = Counter(edge.target for edge in data.edges)
    labels = {k: (40.0, 13.0) for k, e in enumerate(data.edges) if 1 < ends[e.target] < 9}
    cards = [card(node, data, ends[node.id], 46.0 * ends[node.id]) for node in data.nodes]
    sizes = {node.id: (c.width, c.height) for node, c in zip(data.nodes, cards)}
    routes = place(data, sizes, labels, layout="own").routes
    for k in labels:
        x, y = routes[k][-1]
        label = (x + 5, y - 20, 32, 11) if direction == "TB" else (x - 42, y - 14, 32, 11)
        others = (route for e, route in enumerate(routes) if e != k)
        assert not any(on(point, label, 1.5) for route in others for point in sampled(route)), k


@each_drawing
@each_direction
@each_layout
def test_edges_join_the_nodes_that_they_should(name: str, direction: str, layout: str) -> None:
    data, placement = placed(name, direction, layout)
    for edge, route in zip(data.edges, placement.routes):
        for point, node in ((route[0], edge.source), (route[-1], edge.target)):
            x, y, width, height = placement.boxes[node]
            assert on(point, (x - 3, y - 3, width + 6, height + 6), 0), edge
            assert not on(point, placement.boxes[node], 3), edge


@each_direction
def test_edges_between_the_same_nodes_are_apart(direction: str) -> None:
    _, placement = placed("a*a", direction, "own")
    first, second = placement.routes
    across = 0 if direction == "TB" else 1
    for one, other in ((first[0], second[0]), (first[-1], second[-1])):
        assert abs(one[across] - other[across]) > 8


def test_a_chain_is_one_straight_line() -> None:
    data, placement = placed("chain", "LR", "own")
    assert len({round(y, 3) for route in placement.routes for _, y in route}) == 1


@pytest.mark.parametrize("name", ["neuron", "broadcasting", "network"])
@each_direction
def test_a_result_stands_in_line_with_one_that_it_is_made_of(name: str, direction: str) -> None:
    data, placement = placed(name, direction, "own")
    across = 0 if direction == "TB" else 1
    results = {edge.target for edge in data.edges}
    bends: dict[str, list[float]] = {}
    for edge, route in zip(data.edges, placement.routes):
        if edge.source in results:
            bends.setdefault(edge.target, []).append(np.ptp([point[across] for point in route]))
    assert bends and all(min(found) < 0.5 for found in bends.values())


def segments(routes: tuple[tuple[Point, ...], ...]) -> np.ndarray:
    """Rows (x1, y1, x2, y2, edge) of all routes; lines along an axis as one."""
    rows = []
    for e, route in enumerate(routes):
        points = list(route[:1])
        for piece in pieces(route):
            flat = any(np.ptp([p[k] for p in piece]) < 0.1 for k in (0, 1))
            points += list(sampled(piece, 1 if flat else 6))[1:]
        rows += [(*p, *q, e) for p, q in zip(points, points[1:])]
    return np.array(rows).reshape(-1, 5)


def crossings(data: GraphData, placement: Placement) -> int:
    """How many pairs of edges cross that have no end in common."""
    table = segments(placement.routes)
    x1, y1, x2, y2, edge = table.T
    ends = np.array([(e.source, e.target) for e in data.edges])
    found: set[tuple[int, int]] = set()
    for k, (a, b, c, d, e) in enumerate(table):
        rest = slice(k + 1, None)
        sides = [  # on which side of one line each end of the other lies
            (c - a) * (y1[rest] - b) - (d - b) * (x1[rest] - a),
            (c - a) * (y2[rest] - b) - (d - b) * (x2[rest] - a),
            (x2 - x1)[rest] * (b - y1[rest]) - (y2 - y1)[rest] * (a - x1[rest]),
            (x2 - x1)[rest] * (d - y1[rest]) - (y2 - y1)[rest] * (c - x1[rest]),
        ]
        hit = (sides[0] * sides[1] < 0) & (sides[2] * sides[3] < 0)
        found.update((int(e), int(other)) for other in edge[rest][hit])
    return sum(
        1 for one, other in {(min(p), max(p)) for p in found}
        if one != other and not set(ends[one]) & set(ends[other])
    )  # fmt: skip


@needs_dot
@each_drawing
@each_direction
def test_not_many_more_crossings_than_graphviz(name: str, direction: str) -> None:
    own, theirs = (crossings(*placed(name, direction, layout)) for layout in ("own", "dot"))
    assert own <= 2 * theirs + 2


def test_crossings_are_counted() -> None:
    cross = (((0.0, 0.0), (3.0, 3.0), (6.0, 6.0), (9.0, 9.0)),
             ((0.0, 9.0), (3.0, 6.0), (6.0, 3.0), (9.0, 0.5)))  # fmt: skip
    data = GraphData((), (Edge("a", "b"), Edge("c", "d")))
    placement = Placement({}, cross, (), 9, 9)
    assert crossings(data, placement) == 1
    assert crossings(data._replace(edges=(Edge("a", "b"), Edge("a", "d"))), placement) == 0


# ---- direction, order, determinism --------------------------------------------------------------


@each_drawing
@each_direction
def test_results_stand_behind_what_they_are_made_of(name: str, direction: str) -> None:
    data, placement = placed(name, direction, "own")
    along = 1 if direction == "TB" else 0
    for edge in data.edges:
        source, target = placement.boxes[edge.source], placement.boxes[edge.target]
        assert source[along] + source[along + 2] < target[along]


@each_drawing
@each_direction
def test_first_arguments_arrive_first_where_the_order_counts(name: str, direction: str) -> None:
    data, placement = placed(name, direction, "own")
    across = 0 if direction == "TB" else 1
    arrivals: dict[str, list[tuple[int, float]]] = {}
    for edge, route in zip(data.edges, placement.routes):
        arrivals.setdefault(edge.target, []).append((edge.position, route[-1][across]))
    for node in data.nodes:
        if node.kind != "module" and not traits_of(node).symmetric:
            found = sorted(arrivals.get(node.id, ()))
            assert [at for _, at in found] == sorted(at for _, at in found), node


@needs_dot
@pytest.mark.parametrize("name", ["network", "attention"])
@each_direction
@each_layout
def test_frames_that_follow_each_other_stand_in_a_row(
    name: str, direction: str, layout: str
) -> None:
    data, placement = placed(name, direction, layout)
    along = 1 if direction == "TB" else 0
    titles = [f"{k}: {kind}" for k, kind in ((0, "LayerNorm"), (1, "Linear"), (2, "ReLU"))]
    titles = titles if name == "attention" else ["0: Linear", "1: ReLU", "2: Linear", "3: ReLU"]
    row = [f for g, f in zip(data.groups, placement.frames) if g.title in titles and f]
    assert len(row) == len(titles)
    for one, other in zip(row, row[1:]):
        assert one[along] + one[along + 2] < other[along]


@pytest.mark.parametrize("name", ["attention", "150 nodes"])
def test_the_same_places_every_time(name: str) -> None:
    data = made(name)
    sizes = {node.id: (90.0, 60.0) for node in data.nodes}
    assert place(data, sizes, layout="own") == place(data, sizes, layout="own")


# ---- odd graphs -------------------------------------------------------------------------------


def graph(count: int, *edges: tuple[int, int], groups: Any = ()) -> GraphData:
    nodes = tuple(Node(f"n{k}", "operation", "add") for k in range(count))
    uses = tuple(Edge(f"n{u}", f"n{v}") for u, v in edges)
    return GraphData(nodes, uses, tuple(
        Group((title,), title, tuple(f"n{k}" for k in members)) for title, members in groups
    ))  # fmt: skip


ODD = {
    "nothing": graph(0),
    "no edges": graph(3),
    "two parts": graph(4, (0, 1), (2, 3)),
    "a circle": graph(3, (0, 1), (1, 2), (2, 0)),
    "to itself": graph(2, (0, 0), (0, 1)),
    "a group with a hole": graph(3, (0, 1), (1, 2), groups=[("a", (0, 2))]),
    "a group around nothing": graph(1, groups=[("a", ())]),
    "groups that overlap": graph(3, (0, 1), (1, 2), groups=[("a", (0, 1)), ("b", (1, 2))]),
    "a group around all": graph(2, (0, 1), groups=[("a", (0, 1)), ("b", (0, 1))]),
    "side by side": graph(
        6, (0, 2), (1, 3), (2, 4), (3, 5), (0, 3), groups=[("a", (0, 2, 4)), ("b", (1, 3, 5))]
    ),
}


@pytest.mark.parametrize("data", ODD.values(), ids=ODD)
@each_direction
@each_layout
def test_odd_graphs_are_placed(data: GraphData, direction: str, layout: str) -> None:
    data = data._replace(direction=direction)
    placement = place(data, {node.id: (60.0, 40.0) for node in data.nodes}, layout=layout)
    assert placement.boxes.keys() == {node.id for node in data.nodes}
    assert len(placement.routes) == len(data.edges) and all(placement.routes)
    assert all(apart(a, b) for a, b in combinations(placement.boxes.values(), 2))


def test_a_node_in_the_midst_of_a_group_stands_beside_its_frame() -> None:
    data = ODD["a group with a hole"]
    placement = place(data, {node.id: (60.0, 40.0) for node in data.nodes}, layout="own")
    (frame,) = placement.frames
    assert frame is not None and apart(placement.boxes["n1"], frame)
    assert all(within(placement.boxes[i], frame) for i in ("n0", "n2"))


@pytest.mark.parametrize("count", [2000])
def test_long_chains_are_placed_without_recursion(count: int) -> None:
    data = graph(count, *((k, k + 1) for k in range(count - 1)))
    placement = place(data, {node.id: (60.0, 40.0) for node in data.nodes}, layout="own")
    assert placement.height == 40


# ---- which layout -----------------------------------------------------------------------------


def test_other_layouts_are_refused() -> None:
    with pytest.raises(ValueError, match="layout must be one of 'auto', 'own', 'dot', got 'neato'"):
        place(graph(1), {"n0": (1.0, 1.0)}, layout="neato")


def broken(*_: Any, **__: Any) -> Any:
    raise OSError("no such thing")


@pytest.mark.parametrize("name", ["150 nodes", "network"])
def test_our_own_layout_is_what_comes_with_graphviz_or_without(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dot, "place", broken)  # nobody asks
    data = made(name)
    sizes = {node.id: (90.0, 60.0) for node in data.nodes}
    own = place(data, sizes, layout="own")
    assert place(data, sizes) == place(data, sizes, layout="auto") == own


@needs_dot
def test_without_dot_our_own_layout_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    data, sizes = graph(2, (0, 1)), {"n0": (60.0, 40.0), "n1": (60.0, 40.0)}
    monkeypatch.setenv("PATH", "")
    placement = place(data, sizes, layout="dot")
    own = place(data, sizes, layout="own")
    assert placement._replace(notes=()) == own
    assert placement.notes == ("own layout: the program dot of Graphviz is not installed",)
    assert place(data, sizes, layout="auto") == own  # asked for nothing: nothing to say


@needs_dot
def test_whatever_dot_does_our_own_layout_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    data, sizes = graph(2, (0, 1)), {"n0": (60.0, 40.0), "n1": (60.0, 40.0)}
    monkeypatch.setattr(dot, "_run", broken)
    assert place(data, sizes, layout="dot").notes == ("own layout: dot failed (OSError)",)


@needs_dot
def test_dot_is_not_waited_for_longer_than_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dot, "SECONDS", 0.0)
    data, sizes = made("attention"), {n.id: (60.0, 40.0) for n in made("attention").nodes}
    assert place(data, sizes, layout="dot").notes == ("own layout: dot failed (TimeoutError)",)


@needs_dot
def test_large_graphs_are_not_given_to_dot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dot, "LARGEST", 1)
    data, sizes = graph(2, (0, 1)), {"n0": (60.0, 40.0), "n1": (60.0, 40.0)}
    assert place(data, sizes, layout="dot").notes == (
        "own layout: the graph has more than 1 nodes",
    )


def test_without_the_package_our_own_layout_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "graphviz", None)
    data, sizes = graph(2, (0, 1)), {"n0": (60.0, 40.0), "n1": (60.0, 40.0)}
    assert place(data, sizes) == place(data, sizes, layout="own")
    assert place(data, sizes, layout="dot").notes == (
        "own layout: the package graphviz is not installed",
    )
