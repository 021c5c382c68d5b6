"""Which column every node stands in, and the helpers that carry long edges through the columns.

A result stands right of everything it is made of; a leaf right before its first use.

May import: drawing.data.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from autograd.drawing.data import GraphData

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

    def neighbours(self) -> tuple[list[list[int]], list[list[int]]]:
        """(left, right): what every vertex is linked to, once for each link."""
        left: list[list[int]] = [[] for _ in self.rank]
        right: list[list[int]] = [[] for _ in self.rank]
        for chain in self.chains:
            for u, v in zip(chain, chain[1:]):
                right[u].append(v)
                left[v].append(u)
        return left, right


def layered(data: GraphData) -> Layered:
    """Give every node its column, and every long edge its helpers."""
    pairs = ordered_pairs(data)
    rank = ranks(len(data.nodes), [pair for pair in pairs if pair is not None])
    inside, spans = nesting(data, rank)
    chains: list[list[int]] = []
    for pair in pairs:
        if pair is None:
            chains.append([])
            continue
        u, v = pair
        helpers = range(len(rank), len(rank) + rank[v] - rank[u] - 1)
        shared = _common(inside[u], inside[v])
        rank.extend(range(rank[u] + 1, rank[v]))
        inside.extend(shared for _ in helpers)
        chains.append([u, *helpers, v])
    _fill_gaps(rank, inside, spans)
    layers: list[list[int]] = [[] for _ in range(max(rank, default=-1) + 1)]
    for vertex, r in enumerate(rank):
        layers[r].append(vertex)
    return Layered(len(data.nodes), rank, layers, chains, inside, spans)


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


def ranks(count: int, pairs: Sequence[tuple[int, int]]) -> list[int]:
    """Columns by the longest path from the leaves; what only leaves lead to is pulled along."""
    inputs: list[list[int]] = [[] for _ in range(count)]
    uses: list[list[int]] = [[] for _ in range(count)]
    for u, v in pairs:
        inputs[v].append(u)
        uses[u].append(v)
    rank = [0] * count
    for v in range(count):
        rank[v] = max((rank[u] + 1 for u in inputs[v]), default=0)
    loose = [True] * count  # it and all it is made of can move right without stretching an edge
    for v in range(count):
        loose[v] = all(loose[u] and (not inputs[u] or len(set(uses[u])) == 1) for u in inputs[v])
    for v in reversed(range(count)):
        if not uses[v]:
            continue
        room = min(rank[w] for w in uses[v]) - 1
        if loose[v] or len(set(uses[v])) > len(set(inputs[v])):
            rank[v] = room
    first = min(rank, default=0)
    return [r - first for r in rank]


def nesting(
    data: GraphData, rank: Sequence[int]
) -> tuple[list[tuple[int, ...]], list[tuple[int, int] | None]]:
    """(the groups around every node, the columns of every group).

    A group that neither lies inside another nor apart from it cannot be framed: None.
    """
    number = {node.id: k for k, node in enumerate(data.nodes)}
    inside: list[tuple[int, ...]] = [() for _ in data.nodes]
    spans: list[tuple[int, int] | None] = []
    for g, group in enumerate(data.groups):
        members = sorted({number[i] for i in group.nodes if i in number})
        if not members or len({inside[v] for v in members}) > 1:
            spans.append(None)
            continue
        for v in members:
            inside[v] = (*inside[v], g)
        columns = [rank[v] for v in members]
        spans.append((min(columns), max(columns)))
    return inside, spans


def _common(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    """The groups that lie around both."""
    same = 0
    while same < min(len(one), len(other)) and one[same] == other[same]:
        same += 1
    return one[:same]
