"""Graphviz's layout, asked through the package graphviz: places only, the drawing is ours.

Whatever goes wrong here, the package or the program missing, an error, a run that takes too long,
has one of two exceptions, after which our own layout takes over.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from autograd.drawing.layout.geometry import Box, Placement, Point, fitted, straight
from autograd.drawing.layout.ranks import arguments, beside
from autograd.graph.data import GraphData

__all__: list[str] = []

Size = tuple[float, float]

POINTS = 72.0  # an inch
LARGEST = 600  # nodes; beyond, `dot` may take minutes
SECONDS = 20.0  # how long it may take


class Missing(Exception):
    """What Graphviz needs is not there, or it is not made for graphs of this size."""


class Failed(Exception):
    """Graphviz was asked, and gave no answer that could be read."""


def place(data: GraphData, sizes: Mapping[str, Size], labels: Mapping[int, Size]) -> Placement:
    """Place everything by `dot`; raises Missing or Failed, and nothing else."""
    try:
        import graphviz
    except ImportError:
        raise Missing("the package graphviz is not installed") from None
    if len(data.nodes) > LARGEST:
        raise Missing(f"the graph has more than {LARGEST} nodes")
    try:
        return read(data, _run(graphviz, source(data, sizes, labels)), sizes)
    except graphviz.ExecutableNotFound:
        raise Missing("the program dot of Graphviz is not installed") from None
    except Exception as error:  # whatever another program answers
        raise Failed(f"dot failed ({type(error).__name__})") from error


def _run(graphviz: Any, text: str) -> dict[str, Any]:
    """What `dot` answers, as JSON; in a thread, for the package knows no time limit."""
    import json

    answers: list[Any] = []

    def run() -> None:
        try:
            answers.append(graphviz.Source(text).pipe(format="json", quiet=True))
        except Exception as error:
            answers.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(SECONDS)
    if not answers:
        raise TimeoutError
    if isinstance(answers[0], Exception):
        raise answers[0]
    answer: dict[str, Any] = json.loads(answers[0])
    return answer


# ---- the question -------------------------------------------------------------------------------


def source(data: GraphData, sizes: Mapping[str, Size], labels: Mapping[int, Size]) -> str:
    """The graph for `dot`: boxes of fixed sizes, without any text of the user's."""
    number = {node.id: k for k, node in enumerate(data.nodes)}
    room = max((size[data.direction == "TB"] for size in labels.values()), default=0.0)
    lines = [
        "digraph {",
        f"rankdir={data.direction}; nodesep=0.35; ranksep={(44 + room) / POINTS:.3f};",
        "newrank=true; nslimit=4; nslimit1=4; mclimit=1;",
        'node [shape=box, fixedsize=true, label=""]; edge [arrowsize=0.6];',
    ]
    ordered = arguments(data)
    port = {e: place for arriving in ordered.values() for place, e in enumerate(arriving)}
    side = "n" if data.direction == "TB" else "w"
    for k, node in enumerate(data.nodes):
        width, height = (size / POINTS for size in sizes[node.id])
        ports = _ports(len(ordered[node.id])) if node.id in ordered else ""
        lines.append(f"v{k} [width={width:.3f}, height={height:.3f}{ports}];")
    lines += _clusters(data, number)
    for k, edge in enumerate(data.edges):
        weight = 1 if data.nodes[number[edge.source]].operation is None else 8
        ends = f"v{number[edge.source]} -> v{number[edge.target]}"
        if k in port:
            ends += f":p{port[k]}:{side}"
        lines.append(f'{ends} [id="e{k}", weight={weight}];')
    for u, v in beside(data):
        lines.append(f"v{number[u]} -> v{number[v]} [style=invis, weight=0];")
    return "\n".join([*lines, "}"])


def _ports(count: int) -> str:
    """A box of fields across the drawing: each argument arrives at its own, in their order."""
    fields = "|".join(f"<p{k}>" for k in range(count))
    return f', shape=record, label="{fields}", fontsize=1, margin=0'


def _clusters(data: GraphData, number: Mapping[str, int]) -> list[str]:
    """Groups as clusters, one inside the other; by walking a stack, however deep they are."""
    lines: list[str] = []
    around: list[set[str]] = []
    left = list(reversed(range(len(data.groups))))
    while left:
        g = left.pop()
        members = set(data.groups[g].nodes)
        while around and not members <= around[-1]:
            around.pop()
            lines.append("}")
        lines.append(f'subgraph cluster_{g} {{ margin=14; label=" "; fontsize=11;')
        lines += [f"v{number[i]};" for i in data.groups[g].nodes if i in number]
        around.append(members)
    return lines + ["}"] * len(around)


# ---- the answer ---------------------------------------------------------------------------------


def read(data: GraphData, answer: Mapping[str, Any], sizes: Mapping[str, Size]) -> Placement:
    """Places from what `dot -Tjson` answered: points from the lower left corner, middles."""
    objects = {entry["name"]: entry for entry in answer.get("objects", ())}

    def turned(x: float, y: float) -> Point:
        return x, -y

    boxes: dict[str, Box] = {}
    for k, node in enumerate(data.nodes):
        x, y = turned(*_numbers(objects[f"v{k}"]["pos"]))
        width, height = sizes[node.id]
        boxes[node.id] = (x - width / 2, y - height / 2, width, height)
    frames: list[Box | None] = []
    for g in range(len(data.groups)):
        place = objects.get(f"cluster_{g}", {}).get("bb")
        if place is None:
            frames.append(None)
            continue
        x1, y1, x2, y2 = _numbers(place)
        frames.append((x1, -y2, x2 - x1, y2 - y1))
    routes: dict[str, tuple[Point, ...]] = {}
    for edge in answer.get("edges", ()):
        if "id" in edge:  # those that nobody sees have none
            routes[edge["id"]] = _route([turned(x, y) for x, y in _points(edge["pos"])])
    found = tuple(routes[f"e{k}"] for k in range(len(data.edges)))
    return fitted(boxes, found, frames)


def _points(text: str) -> list[tuple[float, float]]:
    """`e,x,y x,y ...`: the arrow's tip first; returned last."""
    words = text.split()
    tips = [word[2:] for word in words if word.startswith("e,")]
    words = [word for word in words if not word.startswith(("e,", "s,"))]
    return [tuple(_numbers(word)) for word in [*words, *tips]]  # type: ignore[misc]


def _route(points: Sequence[Point]) -> tuple[Point, ...]:
    """The curves, and a straight end up to the tip."""
    return (*points[:-1], *straight(points[-2], points[-1]))


def _numbers(text: str) -> list[float]:
    return [float(word) for word in text.split(",")]
