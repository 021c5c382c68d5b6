"""Sets of nodes made into one node each, with the edges between what is left.

May import: data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heappush
from typing import Any, NamedTuple

from autograd.graph.data import Edge, GraphData, Group, Node

__all__: list[str] = []


class Box(NamedTuple):
    """A set of nodes, and the node that takes its place: all of it but what its members tell."""

    node: Node
    members: tuple[str, ...]
    module: tuple[str, ...] | None  # the path of the module's first call


def is_leaf(node: Node) -> bool:
    """Whether nothing made this value."""
    return node.kind in ("input", "parameter", "constant")


def contracted(data: GraphData, boxes: list[Box]) -> GraphData:
    """The graph with each box in place of its members; a box of one folded node is that node."""
    alone = {node.id for node in data.nodes if node.kind == "module"}
    boxes = [box for box in boxes if len(box.members) > 1 or not alone.issuperset(box.members)]
    into = {name: box.node.id for box in boxes for name in box.members}
    before = {node.id: node for node in data.nodes}
    leaving = _leaving(data, into, before)
    new = {box.node.id: _filled(box, [before[k] for k in leaving[box.node.id]]) for box in boxes}
    edges = _edges(data, boxes, into)
    closed = {(*box.node.scope, str(box.node.name)) for box in boxes if box.module is not None}
    order = _order(data, into, edges)
    placed = [new[name] if name in new else _outside(before[name], closed) for name in order]
    where = {node.id: place for place, node in enumerate(placed)}
    edges.sort(key=lambda edge: where[edge.target])
    groups = tuple(_groups(data.groups, placed))
    return data._replace(nodes=tuple(placed), edges=tuple(edges), groups=groups)


def _leaving(
    data: GraphData, into: dict[str, str], before: dict[str, Node]
) -> dict[str, list[str]]:
    """Of each box, the results that are used outside of it, or that were asked for."""
    leaving: dict[str, dict[str, None]] = {box: {} for box in into.values()}
    for edge in data.edges:
        box = into.get(edge.source)
        if box is not None and into.get(edge.target) != box:
            leaving[box][edge.source] = None
    for name, box in into.items():
        if before[name].kind == "output":
            leaving[box][name] = None
    results = {
        box: [name for name in names if not is_leaf(before[name])]
        for box, names in leaving.items()
    }  # fmt: skip
    return {box: results[box] or list(names) for box, names in leaving.items()}


def _filled(box: Box, leaving: list[Node]) -> Node:
    """A box's node with what leaves it: the value and the gradient of one result, or how many."""
    node = box.node._replace(members=box.members)
    if not leaving:
        return node
    last = leaving[-1]
    node = node._replace(shape=last.shape, dtype=last.dtype)
    if len(leaving) == 1:
        return node._replace(
            value=last.value, gradient=last.gradient, state=last.state, noise=last.noise
        )
    states = {one.state for one in leaving} - {"computed"}
    results = {"results": len(leaving)} if not all(map(is_leaf, leaving)) else {}
    settings = {**node.settings, **results}
    return node._replace(settings=settings, state=min(states, default="not computed"))


def _edges(data: GraphData, boxes: list[Box], into: dict[str, str]) -> list[Edge]:
    """The edges between what is left. Those from one value to one box become one."""
    leaves = {node.id for node in data.nodes if is_leaf(node)}
    modules = {box.node.id: box.module for box in boxes}
    found: dict[Any, list[Edge]] = {}
    for number, edge in enumerate(data.edges):
        source = into.get(edge.source, edge.source)
        target = into.get(edge.target, edge.target)
        if source == target:
            continue
        if edge.source in leaves and source in modules and modules[source] == modules.get(target):
            continue  # a module's own parameter, in another call of it
        key = (source, target) if edge.target in into else number
        found.setdefault(key, []).append(edge)
    arguments: dict[str, int] = {}
    joined = []
    for edges in found.values():
        target = into.get(edges[0].target, edges[0].target)
        position = None
        if edges[0].target in into:
            position = arguments[target] = arguments.get(target, -1) + 1
        joined.append(_joined(edges, into, position))
    return joined


def _joined(edges: list[Edge], into: dict[str, str], position: int | None) -> Edge:
    first = edges[0]
    edge = first._replace(
        source=into.get(first.source, first.source), target=into.get(first.target, first.target)
    )
    if position is None:
        return edge
    contribution = None
    same = len({edge.source for edge in edges}) == 1
    if same and all(one.contribution is not None for one in edges):
        contribution = first.contribution
        for one in edges[1:]:
            contribution = contribution + one.contribution
    return Edge(
        edge.source, edge.target, position, f"x{position + 1}", contribution,
        noise=sum(one.noise for one in edges), members=sum(one.members for one in edges),
    )  # fmt: skip


def _outside(node: Node, closed: set[tuple[str, ...]]) -> Node:
    """A node that stayed out of a box, in the innermost module around it that is open."""
    for depth in range(1, len(node.scope) + 1):
        if node.scope[:depth] in closed:
            return node._replace(scope=node.scope[: depth - 1])
    return node


def _groups(groups: Iterable[Group], nodes: list[Node]) -> Iterator[Group]:
    """The modules that are still open."""
    inside: dict[tuple[str, ...], list[str]] = {}
    for node in nodes:
        for depth in range(1, len(node.scope) + 1):
            inside.setdefault(node.scope[:depth], []).append(node.id)
    for group in groups:
        if group.path in inside:
            yield group._replace(nodes=tuple(inside[group.path]))


# ---- order ------------------------------------------------------------------------------------


def _order(data: GraphData, into: dict[str, str], edges: list[Edge]) -> list[str]:
    """Every node after what it uses, as near as can be to the order before; a leaf right before
    its first use."""
    leaves = {node.id for node in data.nodes if is_leaf(node) and node.id not in into}
    first: dict[str, int] = {}
    for place, node in enumerate(data.nodes):
        if not is_leaf(node):
            first.setdefault(into.get(node.id, node.id), place)
    for box in into.values():  # one of leaves only
        first.setdefault(box, -1 - len(first))
    names = {place: name for name, place in first.items()}
    links = {(first[e.source], first[e.target]) for e in edges if e.source not in leaves}
    order = ordered(sorted(names), links)
    assert order is not None, "the boxes stand in a circle"
    using: dict[str, list[str]] = {}
    for edge in edges:
        if edge.source in leaves:
            using.setdefault(edge.target, []).append(edge.source)
    placed: dict[str, None] = {}
    for place in order:
        placed.update(dict.fromkeys(using.get(names[place], ())))
        placed[names[place]] = None
    placed.update(dict.fromkeys(node.id for node in data.nodes if node.id in leaves))
    return list(placed)


def ordered(units: Iterable[int], links: set[tuple[int, int]]) -> list[int] | None:
    """The units with each after those that lead to it, small numbers first; None for a circle."""
    waiting = dict.fromkeys(units, 0)
    following: dict[int, list[int]] = {}
    for source, target in links:
        waiting[target] += 1
        following.setdefault(source, []).append(target)
    ready = [unit for unit, count in waiting.items() if not count]
    heapify(ready)
    order = []
    while ready:
        unit = heappop(ready)
        order.append(unit)
        for target in following.get(unit, ()):
            waiting[target] -= 1
            if not waiting[target]:
                heappush(ready, target)
    return order if len(order) == len(waiting) else None
