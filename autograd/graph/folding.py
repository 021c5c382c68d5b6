"""Fewer nodes: modules as boxes, and the far end of a large graph as one box."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from autograd.graph.calls import ordered, path_of, trained
from autograd.graph.data import Edge, GraphData, Group, Node, Path
from autograd.graph.digest import by_name, earlier, most
from autograd.graph.traits import traits_of
from autograd.traits import Traits

__all__: list[str] = []

FEW = 6  # constants that are drawn one by one beside the box that uses them
NEAREST = 60  # nodes of a graph that is summed up: more of one long chain tell nothing more


class Folded(NamedTuple):
    """A set of nodes, and the node that takes its place: all of it but what its members tell."""

    node: Node
    members: tuple[str, ...]
    module: tuple[str, ...] | None  # the path of the module's first call


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
        if path is not None and not (node.is_leaf and node.id in shared):
            inside.setdefault(path, []).append(node.id)
    uses = _uses(data, inside)
    boxes = [
        Folded(_box(f"m{k}", path, groups.get(path), uses[path]), tuple(members),
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


def _series(data: GraphData, boxes: list[Folded]) -> list[Folded]:
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
        Folded(Node(f"c{k}", "module", None, f"{len(names):,} constants"), tuple(names), None)
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
    done = ""
    for level in range(last, -1, -1):
        small = fold(data, level)
        done = f"folded at depth {level}"
        if len(small.nodes) <= most_nodes:
            break
    if len(small.nodes) > most_nodes:
        small = _nearest(small, most_nodes)
        done += " and summed up" if done else "summed up"
    note = f"{done}: the graph has {size:,} nodes, more than max_nodes={most_nodes:,}"
    return small._replace(notes=(*small.notes, note))


def _size(node: Node) -> int:
    """How many nodes this one stands for: more than one for the sum of older operations."""
    counts = node.settings.values() if node.kind == "module" and not node.members else ()
    return sum(counts) or 1


def _nearest(data: GraphData, most_nodes: int) -> GraphData:
    """One box for everything but the operations nearest to the output and what they use."""
    most_nodes = min(most_nodes, NEAREST)
    used: dict[str, list[str]] = {}
    leaves = {node.id for node in data.nodes if node.is_leaf}
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
    return contracted(data, [Folded(_summary(inside), tuple(node.id for node in inside), None)])


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
        elif not node.is_leaf and node.operation is not None:
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


# ---- the graph with nodes in place of sets of them ----------------------------------------------


def contracted(data: GraphData, boxes: list[Folded]) -> GraphData:
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
        box: [name for name in names if not before[name].is_leaf]
        for box, names in leaving.items()
    }  # fmt: skip
    return {box: results[box] or list(names) for box, names in leaving.items()}


def _filled(box: Folded, leaving: list[Node]) -> Node:
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
    results = {"results": len(leaving)} if not all(node.is_leaf for node in leaving) else {}
    settings = {**node.settings, **results}
    return node._replace(settings=settings, state=min(states, default="not computed"))


def _edges(data: GraphData, boxes: list[Folded], into: dict[str, str]) -> list[Edge]:
    """The edges between what is left. Those from one value to one box become one."""
    leaves = {node.id for node in data.nodes if node.is_leaf}
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


def _order(data: GraphData, into: dict[str, str], edges: list[Edge]) -> list[str]:
    """Every node after what it uses, as near as can be to the order before; a leaf right before
    its first use."""
    leaves = {node.id for node in data.nodes if node.is_leaf and node.id not in into}
    first: dict[str, int] = {}
    for place, node in enumerate(data.nodes):
        if not node.is_leaf:
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
