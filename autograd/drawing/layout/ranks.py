"""Which column every node stands in, and the helpers that carry long edges through the columns.

A result stands right of everything it is made of; a leaf right before its first use.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from autograd.graph.data import GraphData
from autograd.graph.traits import traits_of

__all__: list[str] = []


class Layered(NamedTuple):
    """The graph with a helper vertex wherever a long edge passes a column.

    Vertices are numbers: first the nodes in their order, then the helpers. Every link joins two
    neighbouring columns.
    """

    nodes: int
    rank: list[int]  # of every vertex
    layers: list[list[int]]  # the vertices of every column
    chains: list[list[int]]  # of every edge: its vertices from the left to the right
    inside: list[tuple[int, ...]]  # of every vertex: the groups around it, from the outside
    spans: list[tuple[int, int] | None]  # of every group: its first and its last column
    turns: list[float]  # of every edge: where it arrives among its target's arguments, -0.5 to 0.5


def layered(data: GraphData) -> Layered:
    """Give every node its column, and every long edge its helpers."""
    pairs = ordered_pairs(data)
    inside, framed = nesting(data)
    rank = ranks([pair for pair in pairs if pair is not None], inside)
    spans = [_span(g, inside, rank) if framed[g] else None for g in range(len(framed))]
    chains: list[list[int]] = []
    for pair in pairs:
        if pair is None:
            chains.append([])
            continue
        u, v = pair
        helpers = range(len(rank), len(rank) + rank[v] - rank[u] - 1)
        columns = range(rank[u] + 1, rank[v])
        inside.extend(_passed(inside[u], inside[v], r, spans) for r in columns)
        rank.extend(columns)
        chains.append([u, *helpers, v])
    _fill_gaps(rank, inside, spans)
    layers: list[list[int]] = [[] for _ in range(max(rank, default=-1) + 1)]
    for vertex, r in enumerate(rank):
        layers[r].append(vertex)
    return Layered(len(data.nodes), rank, layers, chains, inside, spans, turns(data))


def turns(data: GraphData) -> list[float]:
    """Of every edge, where it arrives: -0.5 for the first argument to 0.5 for the last.

    0 for all where the order says nothing.
    """
    found = [0.0] * len(data.edges)
    for arriving in arguments(data).values():
        for place, e in enumerate(arriving):
            found[e] = place / (len(arriving) - 1) - 0.5
    return found


def arguments(data: GraphData) -> dict[str, list[int]]:
    """Of every node whose arguments have an order to keep: its edges, by number, in that order."""
    free = {n.id for n in data.nodes if n.kind == "module" or traits_of(n).symmetric}
    found: dict[str, list[int]] = {}
    for e, edge in enumerate(data.edges):  # those of a list of arrays have one position
        if edge.target not in free:
            found.setdefault(edge.target, []).append(e)
    return {
        name: sorted(arriving, key=lambda e: data.edges[e].position)
        for name, arriving in found.items()
        if len(arriving) > 1
    }


def _fill_gaps(
    rank: list[int], inside: list[tuple[int, ...]], spans: list[tuple[int, int] | None]
) -> None:
    """A helper in every column of a group that has nothing there: its frame passes there, too."""
    filled = {(g, r) for groups, r in zip(inside, rank) for g in groups}
    around = {g: groups[: k + 1] for groups in inside for k, g in enumerate(groups)}
    for g in reversed(range(len(spans))):  # inner groups first: what fills them fills the outer
        span = spans[g]
        for r in range(span[0], span[1] + 1) if span else ():
            if (g, r) not in filled:
                rank.append(r)
                inside.append(around[g])
                filled.update((outer, r) for outer in around[g])


def ordered_pairs(data: GraphData) -> list[tuple[int, int] | None]:
    """Every edge as two numbers, the earlier node first; None for an edge from a node to itself."""
    number = {node.id: k for k, node in enumerate(data.nodes)}
    found: list[tuple[int, int] | None] = []
    for edge in data.edges:
        u, v = number[edge.source], number[edge.target]
        found.append(None if u == v else (min(u, v), max(u, v)))
    return found


def ranks(pairs: Sequence[tuple[int, int]], inside: Sequence[tuple[int, ...]]) -> list[int]:
    """Columns by the longest path from the leaves; what only leaves lead to is pulled along.

    Leaves stand right of frames that they do not belong to, though no edge leads to them: so the
    frames of modules that follow each other stand side by side, and nothing has to go around.
    """
    inputs, uses = neighbours(pairs, len(inside))
    behind = leaves_behind(inputs, uses, inside)
    rank = [0] * len(inside)
    for v in range(len(rank)):
        rank[v] = max((rank[u] + 1 for u in [*inputs[v], *behind[v]]), default=0)
    loose = [True] * len(rank)  # it and all it is made of can move right, no edge gets longer
    for v in range(len(rank)):
        loose[v] = all(loose[u] and (not inputs[u] or len(set(uses[u])) == 1) for u in inputs[v])
    room = [len(rank)] * len(rank)  # how far right a node may stand
    for v in reversed(range(len(rank))):
        if uses[v] and (loose[v] or len(set(uses[v])) > len(set(inputs[v]))):
            rank[v] = room[v]
        for u in (*inputs[v], *behind[v]):
            room[u] = min(room[u], rank[v] - 1)
    first = min(rank, default=0)
    return [r - first for r in rank]


def neighbours(
    pairs: Sequence[tuple[int, int]], count: int
) -> tuple[list[list[int]], list[list[int]]]:
    """(inputs, uses): of every vertex, where its edges come from and where they go."""
    inputs: list[list[int]] = [[] for _ in range(count)]
    uses: list[list[int]] = [[] for _ in range(count)]
    for u, v in pairs:
        inputs[v].append(u)
        uses[u].append(v)
    return inputs, uses


def leaves_behind(
    inputs: Sequence[Sequence[int]], uses: Sequence[Sequence[int]],
    inside: Sequence[tuple[int, ...]],
) -> list[list[int]]:  # fmt: skip
    """Of every leaf, the earlier nodes that it stands behind.

    They are what comes into one of its groups, and what its first use takes out of another group.
    """
    behind: list[list[int]] = [[] for _ in inside]
    came: dict[int, dict[int, None]] = {}  # of every group, what came into it so far
    for v in range(len(inside)):
        if not inputs[v]:
            for g in inside[v]:
                behind[v] += came.get(g, ())
            for u in inputs[min(uses[v])] if uses[v] else ():
                if u < v and len(_common(inside[u], inside[v])) < len(inside[u]):
                    behind[v].append(u)
        for w in uses[v]:
            for g in inside[w][len(_common(inside[v], inside[w])) :]:
                came.setdefault(g, {})[v] = None
    return behind


def beside(data: GraphData) -> list[tuple[str, str]]:
    """Ids of nodes that shall stand one behind the other though no edge says so."""
    pairs = [pair for pair in ordered_pairs(data) if pair is not None]
    behind = leaves_behind(*neighbours(pairs, len(data.nodes)), nesting(data)[0])
    return [
        (data.nodes[u].id, data.nodes[v].id)
        for v, before in enumerate(behind) for u in dict.fromkeys(before)
    ]  # fmt: skip


def nesting(data: GraphData) -> tuple[list[tuple[int, ...]], list[bool]]:
    """(the groups around every node, whether a group can be framed).

    A group that neither lies inside another nor apart from it cannot.
    """
    number = {node.id: k for k, node in enumerate(data.nodes)}
    inside: list[tuple[int, ...]] = [() for _ in data.nodes]
    framed = []
    for g, group in enumerate(data.groups):
        members = {number[i] for i in group.nodes if i in number}
        framed.append(len({inside[v] for v in members}) == 1)
        if framed[-1]:
            for v in members:
                inside[v] = (*inside[v], g)
    return inside, framed


def _span(g: int, inside: Sequence[tuple[int, ...]], rank: Sequence[int]) -> tuple[int, int]:
    columns = [r for groups, r in zip(inside, rank) if g in groups]
    return min(columns), max(columns)


def _passed(
    start: tuple[int, ...], end: tuple[int, ...], r: int,
    spans: Sequence[tuple[int, int] | None],
) -> tuple[int, ...]:  # fmt: skip
    """The groups that an edge is in when it passes a column: it leaves those of its source, and
    comes into those of its target, on the side where their neighbours are."""
    for groups in (end, start):
        here = [g for g in groups if (span := spans[g]) is not None and span[0] <= r <= span[1]]
        if len(here) > len(_common(start, end)):
            return tuple(here)
    return _common(start, end)


def _common(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    """The groups that lie around both."""
    same = 0
    while same < min(len(one), len(other)) and one[same] == other[same]:
        same += 1
    return one[:same]
