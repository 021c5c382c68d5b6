"""The calls of modules as groups of nodes that a box can be drawn around.

A group is good for a box if no path leaves it and comes back. All that a module did makes one group
where that holds; else, as for a layer that is used twice, each run of its operations is a group of
its own: "0", "0 (2nd call)".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush

from autograd.graph.data import Edge, Group, Node, Path

__all__: list[str] = []

WORK = 5_000_000  # steps that may be taken to find out which runs of a module fit into one group


def grouped(
    nodes: Sequence[Node], edges: Sequence[Edge], classes: Mapping[Path, str]
) -> tuple[tuple[Node, ...], tuple[Group, ...]]:
    """The nodes, with the calls of one module told apart in their scopes, and the groups.

    `classes` are the classes of the modules by path. The outer groups come first.
    """
    paths = {node.id: path_of(node) for node in nodes}
    names: dict[Path, str] = {}  # of each renamed call, the name of its module
    for depth in range(max(map(len, paths.values()), default=0)):
        counts: Counter[Path] = Counter()
        for path, inside in _calls(nodes, edges, paths, depth):
            counts[path] += 1
            if counts[path] > 1:
                call = f"{path[-1]} ({_ordinal(counts[path])} call)"
                names[(*path[:-1], call)] = path[-1]
                for name in inside:
                    old = paths[name]
                    paths[name] = (*old[:depth], call, *old[depth + 1 :])
    _leaves_follow(nodes, edges, paths)
    placed = tuple(_placed(node, paths[node.id]) for node in nodes)
    return placed, _groups(placed, names, classes)


def path_of(node: Node) -> Path:
    """The modules around a node; the box that sums up a module's older operations is inside it."""
    if node.kind == "module" and node.operation is not None and node.name is not None:
        return (*node.scope, node.name)
    return node.scope


def _placed(node: Node, path: Path) -> Node:
    if path == path_of(node):
        return node
    if len(path) > len(node.scope):
        return node._replace(scope=path[:-1], name=path[-1])
    return node._replace(scope=path)


def _leaves_follow(nodes: Sequence[Node], edges: Sequence[Edge], paths: dict[str, Path]) -> None:
    """A leaf lies in the call that uses it first."""
    leaves = {node.id for node in nodes if node.is_leaf and node.scope}
    for edge in edges:
        if edge.source in leaves:
            leaves.remove(edge.source)
            depth = len(paths[edge.source])
            if len(paths[edge.target]) >= depth:
                paths[edge.source] = paths[edge.target][:depth]


def _groups(
    nodes: Sequence[Node], names: Mapping[Path, str], classes: Mapping[Path, str]
) -> tuple[Group, ...]:
    inside: dict[Path, list[Node]] = {}
    for node in nodes:
        for depth in range(1, len(node.scope) + 1):
            inside.setdefault(node.scope[:depth], []).append(node)
    groups = []
    for path, members in inside.items():
        module = tuple(names.get(path[: k + 1], name) for k, name in enumerate(path))
        kind, name = classes.get(module), path[-1]
        title = name if kind is None or kind == module[-1] else f"{name}: {kind}"
        ids = tuple(node.id for node in members)
        groups.append(Group(path, title, ids, trained(members), kind, module))
    return tuple(groups)


def trained(nodes: Sequence[Node]) -> int:
    """How many numbers are trained in these nodes."""
    own = sum(node.value.size for node in nodes if node.kind == "parameter")
    return own + sum(node.parameters for node in nodes)


# ---- what makes one call ----------------------------------------------------------------------


def _calls(
    nodes: Sequence[Node], edges: Sequence[Edge], paths: Mapping[str, Path], depth: int
) -> list[tuple[Path, list[str]]]:
    """The ids of the operations of each call of each module at one depth."""
    runs: list[tuple[Path | None, list[str]]] = []
    for node in nodes:
        if node.is_leaf:
            continue
        whole = paths[node.id]
        path = whole[: depth + 1] if len(whole) > depth else None
        if path is not None and runs and runs[-1][0] == path:
            runs[-1][1].append(node.id)
        else:
            runs.append((path, [node.id]))
    unit = {name: k for k, (_, names) in enumerate(runs) for name in names}
    links = {(unit[e.source], unit[e.target]) for e in edges if e.source in unit}
    first = _merged([path for path, _ in runs], links)
    calls: dict[int, tuple[Path, list[str]]] = {}
    for k, (path, names) in enumerate(runs):
        if path is not None:
            calls.setdefault(first[k], (path, []))[1].extend(names)
    return list(calls.values())


def _merged(paths: list[Path | None], links: set[tuple[int, int]]) -> list[int]:
    """For each run the run that it is joined with: the first of its module, or itself."""
    joined = list(range(len(paths)))
    runs: dict[Path, list[int]] = {}
    for k, path in enumerate(paths):
        if path is not None:
            runs.setdefault(path, []).append(k)
    several = [group for group in runs.values() if len(group) > 1]
    if len(several) * (len(links) + len(paths)) > WORK:
        return joined
    for group in several:
        attempt = list(joined)
        for k in group:
            attempt[k] = group[0]
        between = {(attempt[a], attempt[b]) for a, b in links if attempt[a] != attempt[b]}
        if ordered(sorted(set(attempt)), between) is not None:
            joined = attempt
    return joined


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


def _ordinal(number: int) -> str:
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"
