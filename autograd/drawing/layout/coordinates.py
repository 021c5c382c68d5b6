"""Where every vertex stands within its column: edges as straight as the order allows.

First sweeps to and fro pull every vertex towards the middle of its neighbours. Then whole rows of
vertices that touch each other or lie on one line are moved together, as long as that makes the sum
of the bends smaller; what is left over is straight lines with bends between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from autograd.drawing.layout.ranks import Layered

__all__: list[str] = []

NEAR = 1e-6
PASSES = 12
EFFORT = 60_000  # moves that are looked at; after that many no further pass begins
TIGHT = 0.7  # how much a frame pulls together, where a link pulls with 1 and more


class Rules(NamedTuple):
    """What keeps vertices apart. The borders of groups are vertices, too: first[g] and last[g]."""

    after: list[list[tuple[int, float]]]  # of every vertex: what stands behind it, how far at least
    before: list[list[tuple[int, float]]]
    order: list[int]  # every vertex behind all that stands before it


class Spacing(NamedTuple):
    """The distances, in pixels."""

    nodes: float = 22.0  # between two nodes
    lines: float = 11.0  # between two lines that pass
    mixed: float = 15.0  # between a node and a line
    frame: float = 12.0  # from a frame to what is inside, and to what is outside
    title: float = 0.0  # what a frame's title takes before its first node


Link = tuple[int, int, float, float]  # two vertices, how much further the second's end is, weight


def coordinates(
    graph: Layered, layers: Sequence[Sequence[int]], places: Sequence[float],
    extents: Sequence[float], links: Sequence[Link], spacing: Spacing, widths: Sequence[float],
) -> list[float]:  # fmt: skip
    """The place of every vertex's middle; `widths` are those of the groups' titles."""
    rules = separation(graph, layers, extents, spacing, widths)
    x = list(places) + [0.0] * (2 * len(graph.spans))
    joined = _joined(len(x), links)
    shifts = [_shifts(layer, graph, extents, spacing) for layer in layers]
    for turn in range(8):
        for r in range(len(layers)) if turn % 2 else reversed(range(len(layers))):
            _pull(layers[r], shifts[r], x, joined)
    for g in range(len(graph.spans)):
        inside = [x[v] for v, groups in enumerate(graph.inside) if g in groups]
        x[len(graph.rank) + 2 * g] = min(inside, default=0.0)
        x[len(graph.rank) + 2 * g + 1] = max(inside, default=0.0)
    x = _apart(x, rules)
    borders = range(len(graph.rank), len(x), 2)
    _straighten(x, rules, _joined(len(x), [*links, *((b, b + 1, 0.0, TIGHT) for b in borders)]))
    return x[: len(graph.rank)]


def _joined(count: int, links: Sequence[Link]) -> list[list[tuple[int, float, float]]]:
    """Of every vertex: (neighbour, where its end is seen from the vertex's middle, weight)."""
    joined: list[list[tuple[int, float, float]]] = [[] for _ in range(count)]
    for u, v, offset, weight in links:
        joined[u].append((v, offset, weight))
        joined[v].append((u, -offset, weight))
    return joined


# ---- who stands apart from whom ---------------------------------------------------------------


def separation(
    graph: Layered, layers: Sequence[Sequence[int]], extents: Sequence[float],
    spacing: Spacing, widths: Sequence[float],
) -> Rules:  # fmt: skip
    """Every two neighbours in a column, with the borders of groups between them."""
    count = len(graph.rank) + 2 * len(graph.spans)
    after: list[list[tuple[int, float]]] = [[] for _ in range(count)]
    before: list[list[tuple[int, float]]] = [[] for _ in range(count)]

    def keep(u: int, v: int, distance: float) -> None:
        after[u].append((v, distance))
        before[v].append((u, distance))

    for r, layer in enumerate(layers):
        row = _with_borders(graph, layer, r)
        for u, v in zip(row, row[1:]):
            keep(u, v, _distance(u, v, graph, extents, spacing))
    for g, span in enumerate(graph.spans):
        if span is not None:
            first = len(graph.rank) + 2 * g
            keep(first, first + 1, widths[g])
    return Rules(after, before, _topological(after, before))


def _with_borders(graph: Layered, layer: Sequence[int], r: int) -> list[int]:
    """A column's vertices, with the first and last border of each group around them."""
    base = len(graph.rank)
    row: list[int] = []
    around: tuple[int, ...] = ()
    for v in layer:
        wanted = tuple(g for g in graph.inside[v] if _passes(graph, g, r))
        same = 0
        while same < min(len(around), len(wanted)) and around[same] == wanted[same]:
            same += 1
        row.extend(base + 2 * g + 1 for g in reversed(around[same:]))
        row.extend(base + 2 * g for g in wanted[same:])
        row.append(v)
        around = wanted
    row.extend(base + 2 * g + 1 for g in reversed(around))
    return row


def _passes(graph: Layered, g: int, r: int) -> bool:
    span = graph.spans[g]
    return span is not None and span[0] <= r <= span[1]


def _distance(u: int, v: int, graph: Layered, extents: Sequence[float], spacing: Spacing) -> float:
    """How far apart the middles of two neighbours must be."""
    borders = len(graph.rank)
    if u >= borders or v >= borders:
        room = sum(extents[w] / 2 for w in (u, v) if w < borders) + spacing.frame
        return room + (spacing.title if u >= borders and (u - borders) % 2 == 0 else 0.0)
    lines = (u >= graph.nodes) + (v >= graph.nodes)
    apart = (spacing.nodes, spacing.mixed, spacing.lines)[lines]
    return (extents[u] + extents[v]) / 2 + apart


def _topological(
    after: list[list[tuple[int, float]]], before: list[list[tuple[int, float]]]
) -> list[int]:
    waiting = [len(b) for b in before]
    order = [v for v, n in enumerate(waiting) if not n]
    for v in order:
        for w, _ in after[v]:
            waiting[w] -= 1
            if not waiting[w]:
                order.append(w)
    assert len(order) == len(after), "the order of the columns contradicts itself"
    return order


def _apart(x: list[float], rules: Rules) -> list[float]:
    """Places that keep all distances: half way between pushing all down and pushing all up."""
    down, up = list(x), list(x)
    for v in rules.order:
        down[v] = max([down[v], *(down[u] + d for u, d in rules.before[v])])
    for v in reversed(rules.order):
        up[v] = min([up[v], *(up[w] - d for w, d in rules.after[v])])
    return [(a + b) / 2 for a, b in zip(down, up)]


# ---- pulling ----------------------------------------------------------------------------------


def _shifts(
    layer: Sequence[int], graph: Layered, extents: Sequence[float], spacing: Spacing
) -> list[float]:
    """How far every vertex of a column stands from the first, at least."""
    distances = [_distance(u, v, graph, extents, spacing) for u, v in zip(layer, layer[1:])]
    return list(accumulate(distances, initial=0.0))


def _pull(
    layer: Sequence[int], shifts: Sequence[float], x: list[float],
    joined: list[list[tuple[int, float, float]]],
) -> None:  # fmt: skip
    """Each vertex of a column towards the mean of its neighbours, as near as the distances let.

    Least squares in a fixed order: vertices that would come too near are joined to blocks, and a
    block stands at the mean of what its vertices want.
    """
    blocks: list[tuple[float, float, float, int]] = []  # mean, weighted wishes, weights, how many
    for v, shift in zip(layer, shifts):
        total = weight = 0.0
        for u, offset, w in joined[v]:
            total += w * (x[u] + offset)
            weight += w
        if not weight:
            total, weight = 0.1 * x[v], 0.1
        total, many = total - shift * weight, 1
        while blocks and blocks[-1][0] > total / weight:
            _, wishes, weights, others = blocks.pop()
            total, weight, many = total + wishes, weight + weights, many + others
        blocks.append((total / weight, total, weight, many))
    means = [mean for mean, _, _, many in blocks for _ in range(many)]
    for v, mean, shift in zip(layer, means, shifts):
        x[v] = mean + shift


# ---- straightening ----------------------------------------------------------------------------


def _straighten(x: list[float], rules: Rules, joined: list[list[tuple[int, float, float]]]) -> None:
    """Move vertices, and rows of them, while that takes bends away."""
    mover = _Mover(x, rules, joined)
    active: set[int] = set(range(len(x)))  # what may have room to move since the last pass
    for turn in range(PASSES):
        mover.touched = set()
        for way in (1, -1):
            seen: set[int] = set()
            for v in sorted(active, reverse=turn % 2 == 0):
                if v not in seen:
                    line = mover.line(v)
                    seen.update(line)
                    mover.move(line, way, aligned=True)
                mover.move([v], way, aligned=False)
        active = mover.touched
        if not active or mover.tried > EFFORT:
            return


class _Mover:
    """Moves groups of vertices, one way, as far as the bends get smaller by it."""

    def __init__(
        self, x: list[float], rules: Rules, joined: list[list[tuple[int, float, float]]]
    ) -> None:
        self.x, self.rules, self.joined = x, rules, joined
        self.tried = 0  # how many moves were looked at
        self.touched: set[int] = set()  # what has moved, and all that stands or hangs next to it

    def line(self, start: int) -> list[int]:
        """What is joined with a vertex by straight links."""
        x, found, line = self.x, {start}, [start]
        for u in line:  # grows while it is walked
            for v, offset, _ in self.joined[u]:
                if v not in found and abs(x[v] + offset - x[u]) < NEAR:
                    found.add(v)
                    line.append(v)
        return line

    def move(self, start: list[int], way: int, aligned: bool) -> None:
        """Move some vertices with what they touch (and what that is aligned with), if it helps."""
        x = self.x
        self.tried += 1
        if not self._bent(start, way):
            return
        group, room = self._pushed(start, way, aligned)
        gain = 0.0
        for u in group:
            for v, offset, weight in self.joined[u]:
                if v not in group:
                    bend = way * (x[v] + offset - x[u])
                    gain += weight if bend > NEAR else -weight
                    if NEAR < bend < room:
                        room = bend
        if gain <= NEAR:
            return
        for u in group:
            x[u] += way * room
            self.touched.add(u)
            self.touched.update(v for v, *_ in self.joined[u])
            self.touched.update(v for v, _ in self.rules.after[u])
            self.touched.update(v for v, _ in self.rules.before[u])

    def _bent(self, start: list[int], way: int) -> bool:
        """Whether anything pulls that way."""
        x = self.x
        for u in start:
            for v, offset, _ in self.joined[u]:
                if way * (x[v] + offset - x[u]) > NEAR:
                    return True
        return False

    def _pushed(self, start: list[int], way: int, aligned: bool) -> tuple[set[int], float]:
        """(all that moves along, how far until something else is touched)."""
        x, joined, room = self.x, self.joined, float("inf")
        ahead = self.rules.after if way > 0 else self.rules.before
        group, stack = set(start), list(start)
        near: list[tuple[int, float]] = []
        while stack:
            u = stack.pop()
            for v, distance in ahead[u]:
                if v not in group:
                    slack = way * (x[v] - x[u]) - distance
                    if slack >= NEAR:
                        near.append((v, slack))
                        continue
                    group.add(v)
                    stack.append(v)
            if aligned:
                for v, offset, _ in joined[u]:
                    if v not in group and abs(x[v] + offset - x[u]) < NEAR:
                        group.add(v)
                        stack.append(v)
        for v, slack in near:
            if slack < room and v not in group:
                room = slack
        return group, room
