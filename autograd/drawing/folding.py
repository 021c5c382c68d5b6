"""Fewer nodes: modules as boxes, and the far end of a large graph as one box.

May import: data, digest, contracting, calls.
"""

from __future__ import annotations

from collections import Counter

from autograd.drawing.calls import path_of, trained
from autograd.drawing.contracting import Box, contracted, is_leaf
from autograd.drawing.data import GraphData, Group, Node
from autograd.drawing.digest import earlier, most

__all__: list[str] = []

NEAREST = 60  # nodes of a graph that is summed up: more of one long chain tell nothing more

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
    groups = {group.path: group for group in data.groups}
    modules = {group.path: group.module or group.path for group in data.groups}
    paths = {node.id: _path(node, depth) for node in data.nodes}
    into = {name: modules.get(path, path) if path else None for name, path in paths.items()}
    shared = {edge.source for edge in data.edges if into[edge.source] != into[edge.target]}
    inside: dict[Path, list[str]] = {}
    for node in data.nodes:
        path = paths[node.id]
        if path is not None and not (is_leaf(node) and node.id in shared):
            inside.setdefault(path, []).append(node.id)
    return contracted(data, [
        Box(_box(f"m{k}", path, groups.get(path)), tuple(members), modules.get(path, path))
        for k, (path, members) in enumerate(inside.items())
    ])  # fmt: skip


def _path(node: Node, depth: int) -> Path | None:
    """The call of a module whose box takes a node in; None for what stays outside."""
    path = path_of(node)
    return path[: depth + 1] if len(path) > depth and node.kind != "input" else None


def _box(name: str, path: Path, group: Group | None) -> Node:
    kind, parameters = (None, 0) if group is None else (group.kind, group.parameters)
    return Node(name, "module", kind, path[-1], scope=path[:-1], parameters=parameters)


# ---- by size ----------------------------------------------------------------------------------


def fitting(data: GraphData, most_nodes: int, depth: int | None = None) -> GraphData:
    """The graph with at most so many nodes, and a note on what was done to it.

    Modules are folded first, the inner ones before the outer ones; then all that is far from the
    output becomes one box.
    """
    size = sum(_size(node) for node in data.nodes)
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


def _size(node: Node) -> int:
    """How many nodes this one stands for: more than one for the sum of older operations."""
    counts = node.settings.values() if node.kind == "module" and not node.members else ()
    return sum(counts) or 1


def _nearest(data: GraphData, most_nodes: int) -> GraphData:
    """One box for everything but the operations nearest to the output and what they use."""
    most_nodes = min(most_nodes, NEAREST)
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
    return Node(
        "m0", "module", None, " and ".join(parts), settings=most(counts), parameters=trained(inside)
    )
