"""The order of the nodes within every column, so that few edges cross.

Sweeps to and fro put every vertex at the mean (or the median) of what it is linked to; then
neighbours change places where that undoes crossings. Groups stay together: a vertex is sorted by
the places of the groups around it first, and a group has one place for all of its columns, so what
is above it in one column is not below it in the next.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence

from autograd.drawing.layout.ranks import Layered, neighbours

__all__: list[str] = []

SWEEPS = 24  # from one beginning, at most
PATIENCE = 8  # sweeps without fewer crossings
RESTARTS = 12  # beginnings, at most
EFFORT = 3000  # vertices sorted in all of them together
BIG = 2000  # vertices: larger graphs are sorted in a hurry
GAP = 16.0  # between two vertices, while sorting

Found = tuple[int, list[list[int]], list[float]]  # crossings, columns, places


class Ordering:
    """The columns of a layered graph while they are sorted."""

    def __init__(self, graph: Layered, extents: Sequence[float]) -> None:
        self.graph, self.extents = graph, extents
        self.left: list[list[tuple[int, float]]] = [[] for _ in graph.rank]
        self.right: list[list[tuple[int, float]]] = [[] for _ in graph.rank]
        for chain, turn in zip(graph.chains, graph.turns):
            for u, v in zip(chain, chain[1:]):
                self.left[v].append((u, 0.0))
                self.right[u].append((v, turn * GAP if v == chain[-1] else 0.0))
        self.layers = [list(layer) for layer in graph.layers]
        self.place = [0.0] * len(graph.rank)  # of every vertex, across its column
        self.members: list[list[int]] = [[] for _ in graph.spans]
        for vertex, groups in enumerate(graph.inside):
            for g in groups:
                self.members[g].append(vertex)

    # ---- sorting ----------------------------------------------------------------------------

    def start(self, key: Sequence[float]) -> None:
        """Sort every column by a key of its vertices, groups kept together."""
        home = self._homes(key)
        for r in range(len(self.layers)):
            self._sort(r, key, home)

    def sweep(self, forward: bool, median: bool) -> None:
        """Sort every column by the places of its neighbours on one side."""
        home = self._homes(self.place)
        sides = self.left if forward else self.right
        columns = range(len(self.layers))
        key = list(self.place)
        for r in columns if forward else reversed(columns):
            for v in self.layers[r]:
                if sides[v]:
                    around = self._ends(sides[v])
                    key[v] = _middle(around) if median else sum(around) / len(around)
            self._sort(r, key, home)

    def transpose(self, columns: Iterable[int]) -> set[int]:
        """Let neighbours change places where fewer edges cross then.

        Answers with the columns that are worth another look.
        """
        again: set[int] = set()
        for r in columns:
            layer, changed = self.layers[r], False
            ends = {v: (self._ends(self.left[v]), self._ends(self.right[v])) for v in layer}
            for k in range(len(layer) - 1):
                u, v = layer[k], layer[k + 1]
                if self.graph.inside[u] != self.graph.inside[v]:
                    continue
                if sum(map(_inversions, ends[u], ends[v])) > 0:
                    layer[k], layer[k + 1] = v, u
                    changed = True
            if changed:
                self._spread(layer)
                again.update(range(max(r - 1, 0), min(r + 2, len(self.layers))))
        return again

    def _ends(self, links: Sequence[tuple[int, float]]) -> list[float]:
        """Where links end, in order."""
        if len(links) == 1:
            ((v, port),) = links
            return [self.place[v] + port]
        return sorted([self.place[v] + port for v, port in links])

    def crossings(self) -> int:
        """How many pairs of links cross."""
        total = 0
        for layer in self.layers:
            ends = [
                (self.place[v], self.place[w] + port) for v in layer for w, port in self.right[v]
            ]
            seen: list[float] = []
            for _, end in sorted(ends):
                total += len(seen) - bisect_right(seen, end)
                insort(seen, end)
        return total

    # ---- the parts --------------------------------------------------------------------------

    def _homes(self, key: Sequence[float]) -> list[float]:
        """One place for every group: the mean of what is inside."""
        return [sum(key[v] for v in m) / len(m) if m else 0.0 for m in self.members]

    def _sort(self, r: int, key: Sequence[float], home: Sequence[float]) -> None:
        before = {v: k for k, v in enumerate(self.layers[r])}

        def by_groups(v: int) -> list[tuple[float, int, int]]:
            around = [(home[g], 1, g) for g in self.graph.inside[v]]
            return [*around, (key[v], 0, before[v])]

        self.layers[r].sort(key=by_groups)
        self._spread(self.layers[r])

    def _spread(self, layer: Sequence[int]) -> None:
        """Places in a row around zero, each vertex with the room it needs."""
        at = -sum(self.extents[v] + GAP for v in layer) / 2
        for v in layer:
            room = self.extents[v] + GAP
            self.place[v] = at + room / 2
            at += room


def _inversions(first: list[float], second: list[float]) -> int:
    """Crossings with `first` before `second`, less those the other way round."""
    if len(first) == 1 == len(second):
        return (first[0] > second[0]) - (first[0] < second[0])
    total = 0
    for end in second:
        total += len(first) - bisect_right(first, end) - bisect_left(first, end)
    return total


def _middle(values: list[float]) -> float:
    half = len(values) // 2
    return values[half] if len(values) % 2 else (values[half - 1] + values[half]) / 2


def uncrossed(graph: Layered, extents: Sequence[float]) -> tuple[list[list[int]], list[float]]:
    """(the columns, each in the order with the fewest crossings found, the places of all).

    Sweeps only find the nearest good order: small graphs are sorted from several beginnings.
    """
    ordering = Ordering(graph, extents)
    count = len(graph.rank)
    best = _best_from(ordering, _walked(graph))
    for turn in range(min(RESTARTS, EFFORT // (count + 1))):
        if not best[0]:
            break
        key = _shaken(best[2], turn) if turn else [float(v) for v in range(count)]
        best = min(best, _best_from(ordering, key), key=_crossings)
    return best[1], best[2]


def _best_from(ordering: Ordering, key: Sequence[float]) -> Found:
    """The best of what sweeps find that begin with an order."""
    ordering.start(key)
    best: Found | None = None
    big, since = len(key) > BIG, 0
    for turn in range(SWEEPS // 4 if big else SWEEPS):
        again: Iterable[int] = range(len(ordering.layers))
        while again := sorted(ordering.transpose(again)):
            if big or turn % 4:  # one pass between the sweeps, all of them every fourth time
                break
        found = ordering.crossings()
        since += 1
        if best is None or found < best[0]:
            best, since = (found, [list(c) for c in ordering.layers], list(ordering.place)), 0
        if not found or since > PATIENCE:
            break
        ordering.sweep(forward=turn % 2 == 0, median=turn % 8 >= 4)
    assert best is not None
    return best


def _crossings(found: Found) -> int:
    return found[0]


def _shaken(places: Sequence[float], turn: int) -> list[float]:
    """Places moved about, in a way that is the same on every run."""
    far = 40.0 * (turn % 4 + 1)
    return [
        place + far * ((v * 7919 + turn * 104729) % 1009 / 504.5 - 1)
        for v, place in enumerate(places)
    ]


def _walked(graph: Layered) -> list[float]:
    """When a walk from the last node back to the leaves, first arguments first, meets a vertex."""
    links = [link for chain in graph.chains for link in zip(chain, chain[1:])]
    left, _ = neighbours(links, len(graph.rank))
    met: dict[int, float] = {}
    for start in reversed(range(graph.nodes)):
        stack = [start]
        while stack:
            v = stack.pop()
            if v not in met:
                met[v] = float(len(met))
                stack.extend(reversed(left[v]))
    return [met.get(v, 0.0) for v in range(len(graph.rank))]
