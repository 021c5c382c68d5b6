"""Fewer nodes: modules as boxes, and the far end of a large graph as one box.

May import: rules, calls, contracting, data, digest, traits.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from autograd.graph.calls import path_of, trained
from autograd.graph.contracting import Box, contracted, is_leaf
from autograd.graph.data import GraphData, Group, Node
from autograd.graph.digest import by_name, earlier, most
from autograd.graph.traits import traits_of
from autograd.rules import Traits

__all__: list[str] = []

FEW = 6  # constants that are drawn one by one beside the box that uses them
NEAREST = 60  # nodes of a graph that is summed up: more of one long chain tell nothing more

Path = tuple[str, ...]


# ---- by module --------------------------------------------------------------------------------


def deepest(data: GraphData) -> int:
    """The depth at which every module is a box; -1 where there are no modules."""
    return max((len(group.path) for group in data.groups), default=0) - 1


def fold(data: GraphData, depth: int) -> GraphData:
    """The graph with modules as boxes: 0 for the outermost ones, 1 for their children, and so on.

    What lies less deep stays as it is, and so do inputs. A parameter that only its module uses goes
    into the box; one that several modules share stays outside. Many constants without a name that
    only one box uses, as the steps of a sequence, are one box as well.
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
    uses = _uses(data, inside)
    boxes = [
        Box(_box(f"m{k}", path, groups.get(path), uses[path]), tuple(members),
            modules.get(path, path))
        for k, (path, members) in enumerate(inside.items())
    ]  # fmt: skip
    return contracted(data, boxes + _series(data, boxes))


def _uses(data: GraphData, inside: dict[Path, list[str]]) -> dict[Path, int]:
    """How often each parameter in a box is used there: as often as a recurrent module is called."""
    where = {name: path for path, members in inside.items() for name in members}
    own = {node.id for node in data.nodes if node.kind == "parameter" and node.id in where}
    count = Counter(
        edge.source for edge in data.edges
        if edge.source in own and where[edge.source] == where.get(edge.target)
    )  # fmt: skip
    least = dict.fromkeys(inside, 0)
    for name, times in count.items():
        least[where[name]] = min(times, least[where[name]] or times)
    return least


def _series(data: GraphData, boxes: list[Box]) -> list[Box]:
    """The constants of one shape and without a name of which one box alone uses more than a few."""
    into = {name: k for k, box in enumerate(boxes) for name in box.members}
    users: dict[str, set[int | None]] = {node.id: set() for node in data.nodes}
    for edge in data.edges:
        users[edge.source].add(into.get(edge.target))
    series: dict[tuple[int, Any], list[str]] = {}
    for node in data.nodes:
        nameless = node.kind == "constant" and node.name is None and node.id not in into
        if nameless and len(users[node.id]) == 1 and (only := users[node.id].pop()) is not None:
            series.setdefault((only, node.shape), []).append(node.id)
    return [
        Box(Node(f"c{k}", "module", None, f"{len(names):,} constants"), tuple(names), None)
        for k, names in enumerate(series.values()) if len(names) > FEW
    ]  # fmt: skip


def _path(node: Node, depth: int) -> Path | None:
    """The call of a module whose box takes a node in; None for what stays outside."""
    path = path_of(node)
    return path[: depth + 1] if len(path) > depth and node.kind != "input" else None


def _box(name: str, path: Path, group: Group | None, uses: int) -> Node:
    kind, parameters = (None, 0) if group is None else (group.kind, group.parameters)
    return Node(
        name, "module", kind, path[-1], scope=path[:-1], parameters=parameters,
        settings={"used": uses} if uses > 1 else {},
    )  # fmt: skip


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
    said: dict[str, set[Traits]] = {}
    modules = 0
    for node in inside:
        if node.kind == "module" and not node.members:
            counts.update(node.settings)
            said |= node.private.get("traits", {})
        elif node.kind == "module":
            modules += 1
        elif not is_leaf(node) and node.operation is not None:
            counts[node.operation] += 1
    count = sum(counts.values())
    parts = [earlier(count)] if count else []
    parts += [f"{modules:,} earlier module{'s' * (modules > 1)}"] if modules else []
    said |= by_name(
        (node.operation, traits_of(node))
        for node in inside if node.kind != "module" and node.operation is not None
    )  # fmt: skip
    return Node(
        "m0", "module", None, " and ".join(parts), settings=most(counts),
        private={"traits": said}, parameters=trained(inside),
    )  # fmt: skip
