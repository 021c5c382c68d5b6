"""Fewer nodes: modules as boxes, and the far end of a large graph as one box.

A set of nodes may become a box if no path leaves it and comes back: else the boxes would stand in a
circle. A module that was called twice, with something in between, becomes two boxes.

May import: data, digest, contracting.
"""

from __future__ import annotations

from collections import Counter

from autograd.drawing.contracting import Box, contracted, is_leaf, ordered
from autograd.drawing.data import GraphData, Node
from autograd.drawing.digest import earlier, most

__all__: list[str] = []

WORK = 5_000_000  # steps that may be taken to find out which calls of a module fit into one box

Path = tuple[str, ...]


# ---- by module --------------------------------------------------------------------------------


def deepest(data: GraphData) -> int:
    """The depth at which every module is a box; -1 where there are no modules."""
    return max((len(group.path) for group in data.groups), default=0) - 1


def fold(data: GraphData, depth: int) -> GraphData:
    """The graph with modules as boxes: 0 for the outermost ones, 1 for their children, and so on.

    What lies less deep stays as it is, and so do inputs. A parameter that only its module uses goes
    into the box; one that several modules share stays outside.
    """
    paths = {node.id: _path(node, depth) for node in data.nodes}
    leaves = _own_leaves(data, paths)
    groups = {group.path: group for group in data.groups}
    boxes: list[Box] = []
    calls: Counter[Path] = Counter()
    for path, inside in _calls(data, paths):
        calls[path] += 1
        name = path[-1] + (f" ({_ordinal(calls[path])} call)" if calls[path] > 1 else "")
        group = groups.get(path)
        box = Node(
            f"m{len(boxes)}",
            "module",
            None if group is None else group.kind,
            name,
            scope=path[:-1],
            parameters=0 if group is None else group.parameters,
        )
        # The leaves belong to the first call, and vanish in the others all the same.
        own = leaves.get(path, []) if calls[path] == 1 else []
        boxes.append(Box(box, (*own, *inside), path))
    return contracted(data, boxes)


def _path(node: Node, depth: int) -> Path | None:
    """The module whose box takes a node in; None for what stays outside."""
    scope = node.scope
    if node.kind == "module" and node.operation is not None and node.name is not None:
        scope = (*scope, node.name)  # the sum of a module's older operations
    inside = len(scope) > depth and node.kind != "input"
    return scope[: depth + 1] if inside else None


def _own_leaves(data: GraphData, paths: dict[str, Path | None]) -> dict[Path, list[str]]:
    """Of each module, the parameters and constants that nobody else uses."""
    shared = {edge.source for edge in data.edges if paths[edge.source] != paths[edge.target]}
    own: dict[Path, list[str]] = {}
    for node in data.nodes:
        path = paths[node.id]
        if path is not None and is_leaf(node) and node.id not in shared:
            own.setdefault(path, []).append(node.id)
    return own


def _calls(data: GraphData, paths: dict[str, Path | None]) -> list[tuple[Path, list[str]]]:
    """The operations of each box. All that a module did makes one box where that gives no circle,
    and else one box for each run of operations without others in between."""
    runs: list[tuple[Path | None, list[str]]] = []
    for node in data.nodes:
        if is_leaf(node):
            continue
        path = paths[node.id]
        if path is not None and runs and runs[-1][0] == path:
            runs[-1][1].append(node.id)
        else:
            runs.append((path, [node.id]))
    unit = {name: k for k, (_, names) in enumerate(runs) for name in names}
    edges = {(unit[e.source], unit[e.target]) for e in data.edges if e.source in unit}
    merged = _merged([path for path, _ in runs], edges)
    calls: dict[int, tuple[Path, list[str]]] = {}
    for k, (path, names) in enumerate(runs):
        if path is not None:
            calls.setdefault(merged[k], (path, []))[1].extend(names)
    return list(calls.values())


def _merged(paths: list[Path | None], edges: set[tuple[int, int]]) -> list[int]:
    """For each run the run that it is joined with: the first of its module, or itself."""
    joined = list(range(len(paths)))
    runs: dict[Path, list[int]] = {}
    for k, path in enumerate(paths):
        if path is not None:
            runs.setdefault(path, []).append(k)
    several = [group for group in runs.values() if len(group) > 1]
    if len(several) * (len(edges) + len(paths)) > WORK:
        return joined
    for group in several:
        attempt = list(joined)
        for k in group:
            attempt[k] = group[0]
        links = {(attempt[a], attempt[b]) for a, b in edges} - {(k, k) for k in set(attempt)}
        if ordered(sorted(set(attempt)), links) is not None:
            joined = attempt
    return joined


def _ordinal(number: int) -> str:
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"


# ---- by size ----------------------------------------------------------------------------------


def fitting(data: GraphData, most_nodes: int, depth: int | None = None) -> GraphData:
    """The graph with at most so many nodes, and a note on what was done to it.

    Modules are folded first, the inner ones before the outer ones; then all that is far from the
    output becomes one box.
    """
    size = len(data.nodes)
    small = data if depth is None else fold(data, depth)
    if len(small.nodes) <= most_nodes:
        return small
    last = deepest(data) if depth is None else min(depth - 1, deepest(data))
    told = ""
    for level in range(last, -1, -1):
        small = fold(data, level)
        told = f"folded at depth {level}"
        if len(small.nodes) <= most_nodes:
            break
    if len(small.nodes) > most_nodes:
        small = _nearest(small, most_nodes)
        told += " and summed up" if told else "summed up"
    note = f"{told}: the graph has {size:,} nodes, more than max_nodes={most_nodes:,}"
    return small._replace(notes=(*small.notes, note))


def _nearest(data: GraphData, most_nodes: int) -> GraphData:
    """One box for everything but the operations nearest to the output and what they use."""
    used: dict[str, list[str]] = {}
    leaves = {node.id for node in data.nodes if is_leaf(node)}
    for edge in data.edges:
        used.setdefault(edge.target, []).append(edge.source)
    inputs = [node.id for node in data.nodes if node.kind == "input"]
    kept = set(inputs[: most_nodes // 4])
    for node in reversed(data.nodes):
        if node.id in leaves:
            continue
        new = {node.id, *(name for name in used.get(node.id, ()) if name in leaves)}
        if len(kept | new) >= most_nodes:
            break
        kept |= new
    inside = [node for node in data.nodes if node.id not in kept]
    return contracted(data, [Box(_summary(inside), tuple(node.id for node in inside), None)])


def _summary(inside: list[Node]) -> Node:
    """The node for all that is too far away."""
    counts: Counter[str] = Counter()
    modules = 0
    for node in inside:
        if node.kind == "module" and not node.members:
            counts.update(node.settings)
        elif node.kind == "module":
            modules += 1
        elif not is_leaf(node) and node.operation is not None:
            counts[node.operation] += 1
    count = sum(counts.values())
    parts = [earlier(count)] if count else []
    parts += [f"{modules:,} earlier module{'s' * (modules > 1)}"] if modules else []
    trained = sum(
        node.value.size if node.kind == "parameter" else node.parameters for node in inside
    )
    return Node(
        "m0", "module", None, " and ".join(parts), settings=most(counts), parameters=trained
    )
