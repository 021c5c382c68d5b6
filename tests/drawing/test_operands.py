"""The order of arguments, where it counts: a - b is never drawn as b - a, by whichever layout."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autograd import Tensor
from autograd.drawing.layout import place
from autograd.drawing.writers.cards import card
from autograd.drawing.writers.dot import dot
from autograd.graph.data import GraphData
from autograd.graph.recorder import record_data
from autograd.graph.traits import traits_of
from tests.drawing.test_layout import each_direction, needs_dot
from tests.drawings import DRAWINGS, made
from tests.makers import leaf, random


def numbers() -> tuple[Tensor, Tensor]:
    return leaf(2.0, "a"), leaf(3.0, "b")


def matrices() -> tuple[Tensor, Tensor]:
    return leaf(random(3, 3), "A"), leaf(random(3, 3, seed=1), "B")


def many(join: Callable[[list[Tensor]], Any]) -> Any:
    parts = [leaf(random(2, seed=k), f"p{k}") for k in range(12)]
    return np.sum(join(parts) * join(parts[::-1]) + join(parts[6:] + parts[:6]))


def both(function: Callable[[Any, Any], Any], given: Callable[[], Any] = numbers) -> Any:
    """f(a, b) beside f(b, a): what shows one of them right may show the other wrong."""
    a, b = given()
    return np.sum(function(a, b) - function(b, a))


PROGRAMS: dict[str, Callable[[], Any]] = {
    "a**b - b**a": lambda: both(lambda a, b: a**b),
    "differences": lambda: both(lambda a, b: a - b),
    "quotients": lambda: both(lambda a, b: a / b),
    "powers of differences": lambda: both(lambda a, b: (a - b) ** (b - a + 3.0)),
    "arctan2": lambda: both(np.arctan2), "remainders": lambda: both(np.remainder),
    "copysign": lambda: both(np.copysign),
    "a/a**a": lambda: (lambda a: a / a**a)(numbers()[0]),
    "constants": lambda: (lambda a, b: (a - 1.0) / (1.0 - b) ** 2.0)(*numbers()),
    "matmul": lambda: both(lambda a, b: a @ b, matrices),
    "where": lambda: both(lambda a, b: np.where(np.eye(3) > 0, a, b), matrices),
    "where of itself": lambda: both(lambda a, b: np.where(a.data > 0, a * b, b - a), matrices),
    "clip": lambda: both(lambda a, b: np.clip(a - b, a * 0.1, b * 2.0)),
    "einsum": lambda: both(lambda a, b: np.einsum("ij,jk->ki", a, b), matrices),
    "outer": lambda: both(lambda a, b: np.outer(a[0], b[1]), matrices),
    "solve": lambda: both(np.linalg.solve, matrices),
    "concatenate": lambda: many(np.concatenate), "stack": lambda: many(np.stack),
    "three deep": lambda: both(lambda a, b: (a * 2.0 - b) ** (a / b) - (b - a) / (a**b)),
}  # fmt: skip


def program(name: str) -> GraphData:
    return record_data(PROGRAMS[name]())


def out_of_order(data: GraphData, ends: list[tuple[float, float]]) -> list[str]:
    """The nodes whose arguments arrive in another order than that of the call."""
    across = 0 if data.direction == "TB" else 1
    arrivals: dict[str, list[tuple[int, float]]] = {}
    for edge, end in zip(data.edges, ends):  # (the parts of a list come in their order)
        arrivals.setdefault(edge.target, []).append((edge.position, end[across]))
    wrong = []
    for node in data.nodes:
        if node.kind != "module" and not traits_of(node).symmetric:
            found = sorted(arrivals.get(node.id, ()), key=lambda one: one[0])
            if any(b - a < 1 for (_, a), (_, b) in zip(found, found[1:])):
                wrong.append(f"{node.id} {node.operation} {found}")
    return wrong


def placed(data: GraphData, layout: str) -> list[tuple[float, float]]:
    uses = [edge.target for edge in data.edges]
    cards = {node.id: card(node, data, uses.count(node.id)) for node in data.nodes}
    sizes = {name: (made.width, made.height) for name, made in cards.items()}
    placement = place(data, sizes, layout=layout)
    assert placement.notes == ()
    return [route[-1] for route in placement.routes]


def by_graphviz(data: GraphData) -> list[tuple[float, float]]:
    """Where `dot` ends the edges of a graph in its language, in their order."""
    run = subprocess.run(
        ["dot", "-Tjson"], input=dot(data).encode(), capture_output=True, timeout=120, check=True
    )
    assert run.stderr == b""
    answer = json.loads(run.stdout)
    ids = {thing["_gvid"]: thing["name"] for thing in answer.get("objects", ())}
    tips: dict[tuple[str, ...], list[tuple[float, float]]] = {}
    for edge in answer.get("edges", ()):
        (tip,) = (word for word in edge["pos"].split() if word.startswith("e,"))
        x, y = map(float, tip[2:].split(","))
        ends = ids[edge["tail"]], ids[edge["head"]], edge.get("headport", "")
        tips.setdefault(ends, []).append((x, -y))
    lines = [line.strip() for line in dot(data).splitlines() if " -> " in line]
    written = [re.fullmatch(r"(\w+) -> (\w+):?([\w:]*)( \[.*\])?", line) for line in lines]
    return [tips[found[1], found[2], found[3]].pop(0) for found in written if found]


@pytest.mark.parametrize("name", PROGRAMS)
@each_direction
@pytest.mark.parametrize("layout", ["own", pytest.param("dot", marks=needs_dot)])
def test_arguments_arrive_in_their_order(name: str, direction: str, layout: str) -> None:
    data = program(name)._replace(direction=direction)
    assert out_of_order(data, placed(data, layout)) == []


@needs_dot
@pytest.mark.parametrize("name", PROGRAMS)
@each_direction
def test_graphviz_draws_the_language_in_that_order(name: str, direction: str) -> None:
    data = program(name)._replace(direction=direction)
    assert out_of_order(data, by_graphviz(data)) == []


@needs_dot
@pytest.mark.parametrize("name", [name for name in DRAWINGS if name != "300 nodes"])
def test_so_it_does_with_larger_graphs(name: str) -> None:
    data = made(name)
    assert out_of_order(data, placed(data, "dot")) == []
    assert out_of_order(data, by_graphviz(data)) == []


def test_a_swap_is_seen() -> None:
    data = program("differences")
    ends = placed(data, "own")
    assert out_of_order(data, ends) == []
    assert [edge.position for edge in data.edges[:2]] == [0, 1]
    assert len(out_of_order(data, [ends[1], ends[0], *ends[2:]])) == 1
