"""Our own layout: columns, an order in each, places, and curves around the nodes.

The method is Sugiyama's: ranks, crossings reduced, coordinates, long edges through helpers. All is
computed as if the drawing ran from left to right, "along" it and "across" it, and turned at the
end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate

from autograd.drawing.layout.coordinates import Link, Spacing, coordinates
from autograd.drawing.layout.geometry import ARROW, Box, Placement, Point, fitted, straight
from autograd.drawing.layout.ordering import uncrossed
from autograd.drawing.layout.ranks import Layered, layered
from autograd.graph.data import GraphData

__all__: list[str] = []

Size = tuple[float, float]

CHANNEL = 40.0  # between two columns, at least
BEND = 0.16  # of the widest bend between two columns: how much the channel grows
WIDEST = 140.0  # by how much at most
PAD = 12.0  # from a frame to what is inside
TITLE = 18.0  # the height of a frame's title


def place(
    data: GraphData, sizes: Mapping[str, Size], labels: Mapping[int, Size], titles: Sequence[float]
) -> Placement:
    """Place everything; `labels` are the sizes of labels at edges' ends, `titles` of the groups'
    titles, how wide they are."""
    return _Layout(data, sizes, labels, titles).placement()


class _Layout:
    def __init__(
        self, data: GraphData, sizes: Mapping[str, Size], labels: Mapping[int, Size],
        titles: Sequence[float],
    ) -> None:  # fmt: skip
        self.data, self.labels, self.titles = data, labels, titles
        self.turned = data.direction == "TB"
        self.graph: Layered = layered(data)
        self.inner: list[set[int]] = [set() for _ in data.groups]  # of every group, those inside
        for groups in self.graph.inside:
            for k, g in enumerate(groups):
                self.inner[g].update(groups[k + 1 :])
        both = [sizes[node.id] for node in data.nodes]
        helpers = len(self.graph.rank) - len(both)
        self.along = [h if self.turned else w for w, h in both] + [0.0] * helpers
        self.across = [w if self.turned else h for w, h in both] + [2.0] * helpers
        self.layers, places = uncrossed(self.graph, self.across)
        self.index = {v: k for layer in self.layers for k, v in enumerate(layer)}
        self.ports = self._ports()
        self.room: dict[int, float] = {}  # before a vertex, for the labels of edges to it
        for e, size in labels.items():
            v = self.graph.chains[e][-1] if self.graph.chains[e] else 0
            self.room[v] = max(self.room.get(v, 0.0), size[1 if self.turned else 0])
        # From top to bottom the labels of edges stand between a frame's title and its nodes.
        self.title = TITLE + self.turned * max((h for _, h in labels.values()), default=0.0)
        spacing = Spacing(title=0.0 if self.turned else TITLE)
        widths = [w + 2 * PAD if self.turned else 0.0 for w in titles]
        links = self._links()
        self.y = coordinates(self.graph, self.layers, places, self.across, links, spacing, widths)
        self.edges = self._columns(links)

    # ---- where edges leave and arrive ---------------------------------------------------------

    def _ports(self) -> dict[tuple[int, int], float]:
        """Of (edge, 0 for its first end and 1 for its last): the place across, from the middle."""
        ends: dict[tuple[int, int], list[int]] = {}
        for e, chain in enumerate(self.graph.chains):
            if chain:
                ends.setdefault((chain[0], 0), []).append(e)
                ends.setdefault((chain[-1], 1), []).append(e)
        ports: dict[tuple[int, int], float] = {}
        for (v, side), edges in ends.items():
            edges.sort(key=lambda e: self._turn(e, side))
            steps = [self._step(e, side) for e in edges]
            if len(edges) == 1 or not (self.turned and side and edges[-1] in self.labels):
                steps[-1] = 0.0  # nothing stands behind it
            scale = min(1.0, (self.across[v] - 16) / (sum(steps) or 1.0))
            starts = accumulate(steps, initial=-sum(steps) / 2)
            ports.update(((e, side), start * scale) for e, start in zip(edges, starts))
        return ports

    def _turn(self, e: int, side: int) -> tuple[float, int, int, int]:
        """By what ends are sorted: by the order of arguments, then by where the edges go."""
        chain = self.graph.chains[e]
        beyond = self.index[chain[-2] if side else chain[1]]
        return self.graph.turns[e] * side, beyond, self.data.edges[e].position, e

    def _step(self, e: int, side: int) -> float:
        """How far behind an end the next one stands at best: labels must not touch."""
        if not side:
            return 12.0
        if not self.turned:  # labels stand over their edges
            return 19.0
        return self.labels[e][0] + 6 if e in self.labels else 18.0

    def _links(self) -> list[Link]:
        """What pulls in which direction, and how much: long edges and chains of results most."""
        leaf = [node.kind in ("input", "parameter", "constant") for node in self.data.nodes]
        links: list[Link] = []
        for e, chain in enumerate(self.graph.chains):
            for k, (u, v) in enumerate(zip(chain, chain[1:])):
                first, last = k == 0, k == len(chain) - 2
                start = self.ports[e, 0] if first else 0.0
                end = self.ports[e, 1] if last else 0.0
                weight = 1.0 if leaf[chain[0]] else 2.0
                weight *= 1 if first and last else 2 if first or last else 8
                links.append((u, v, end - start, weight))
        return links

    # ---- columns ------------------------------------------------------------------------------

    def _columns(self, links: Sequence[Link]) -> list[tuple[float, float]]:
        """(first, last) of every column, along the drawing."""
        widths = [max(self.along[v] for v in layer) for layer in self.layers]
        opening, closing = self._frame_room()
        channels = self._channels(links)
        edges, at = [], 0.0
        for r, width in enumerate(widths):
            if r:
                at += channels[r] + closing[r - 1] + opening[r]
            edges.append((at, at + width))
            at += width
        return edges

    def _frame_room(self) -> tuple[list[float], list[float]]:
        """What frames need before and after every column; titles, too, from top to bottom."""
        opening, closing = [0.0] * len(self.layers), [0.0] * len(self.layers)
        before: dict[int, float] = {}
        after: dict[int, float] = {}
        for g in reversed(range(len(self.graph.spans))):  # inner groups first
            span = self.graph.spans[g]
            if span is None:
                continue
            inner = sorted(self.inner[g])
            spans = {h: self.graph.spans[h] or (0, 0) for h in inner}
            pad = PAD + (self.title if self.turned else 0.0)
            before[g] = pad + max((before[h] for h in inner if spans[h][0] == span[0]), default=0)
            after[g] = PAD + max((after[h] for h in inner if spans[h][1] == span[1]), default=0)
            opening[span[0]] = max(opening[span[0]], before[g])
            closing[span[1]] = max(closing[span[1]], after[g])
        return opening, closing

    def _channels(self, links: Sequence[Link]) -> list[float]:
        """The room before every column: for arrows, labels and bends."""
        bends, labels = [0.0] * len(self.layers), [0.0] * len(self.layers)
        for u, v, offset, _ in links:
            r = self.graph.rank[v]
            bends[r] = max(bends[r], abs(self.y[v] + offset - self.y[u]))
        for v, room in self.room.items():
            r = self.graph.rank[v]
            labels[r] = max(labels[r], room)
        return [CHANNEL + min(WIDEST, BEND * b) + label for b, label in zip(bends, labels)]

    # ---- the answer ---------------------------------------------------------------------------

    def placement(self) -> Placement:
        boxes = {node.id: self._box(v) for v, node in enumerate(self.data.nodes)}
        routes = [self._route(e) for e in range(len(self.data.edges))]
        return fitted(boxes, routes, self._frames())

    def _span(self, v: int) -> tuple[float, float]:
        """(first, last) of a vertex along the drawing: in the middle of its column."""
        first, last = self.edges[self.graph.rank[v]]
        if v >= self.graph.nodes:
            return first, last
        rest = (last - first - self.along[v]) / 2
        return first + rest, last - rest

    def _box(self, v: int) -> Box:
        first, last = self._span(v)
        return self._turn_box(first, self.y[v] - self.across[v] / 2, last - first, self.across[v])

    def _turn_box(self, a: float, b: float, along: float, across: float) -> Box:
        return (b, a, across, along) if self.turned else (a, b, along, across)

    def _route(self, e: int) -> tuple[Point, ...]:
        """Through the columns on straight lines, between them on curves that begin and end level.

        A curve stays in the channel between two columns, where no node is.
        """
        chain = self.graph.chains[e]
        if not chain:
            return self._loop(e)
        at = self.y[chain[0]] + self.ports[e, 0]
        points: list[Point] = [(self._span(chain[0])[1], at)]
        for k, v in enumerate(chain[1:], 1):
            last = k == len(chain) - 1
            leave = self.edges[self.graph.rank[v] - 1][1]
            arrive, through = self.edges[self.graph.rank[v]]
            to = self.y[v] + (self.ports[e, 1] if last else 0.0)
            if leave > points[-1][0]:
                points.extend(straight(points[-1], (leave, at)))
            end = arrive - ARROW - (self.room.get(v, 0.0) if last else 0.0)
            points.extend(_curve((leave, at), (end, to)))
            final = self._span(v)[0] if last else through
            points.extend(straight((end, to), (final, to)))
            at = to
        edge = self.data.edges[e]
        if self.data.nodes[chain[0]].id != edge.source:  # an edge against the order of the nodes
            points.reverse()
        return tuple((y, x) for x, y in points) if self.turned else tuple(points)

    def _loop(self, e: int) -> tuple[Point, ...]:
        """An edge from a node to itself: round its corner."""
        names = [node.id for node in self.data.nodes]
        left, top, width, _ = self._box(names.index(self.data.edges[e].source))
        x, y = left + width * 0.7, top
        return ((x, y), (x, y - 12), (x + 14, y - 12), (x + 14, y - ARROW),
                *straight((x + 14, y - ARROW), (x + 14, y)))  # fmt: skip

    def _frames(self) -> list[Box | None]:
        """Around what is inside, inner frames first."""
        frames: list[Box | None] = [None] * len(self.data.groups)
        for g in reversed(range(len(frames))):
            if self.graph.spans[g] is None:
                continue
            held = [self._box(v) for v, around in enumerate(self.graph.inside)
                    if g in around and v < self.graph.nodes]  # fmt: skip
            held += [frame for h, frame in enumerate(frames) if frame and h in self.inner[g]]
            held += self._passing(g)
            left, top = min(b[0] for b in held) - PAD, min(b[1] for b in held) - PAD - self.title
            right = max(b[0] + b[2] for b in held) + PAD
            bottom = max(b[1] + b[3] for b in held) + PAD
            frames[g] = (left, top, max(right - left, self.titles[g] + 2 * PAD), bottom - top)
        return frames

    def _passing(self, g: int) -> list[Box]:
        """The lines of edges that stay inside a group, as boxes without breadth."""
        return [
            self._box(v)
            for chain in self.graph.chains for v in chain[1:-1] if g in self.graph.inside[v]
        ]  # fmt: skip


def _curve(start: Point, end: Point) -> tuple[Point, Point, Point]:
    middle = (start[0] + end[0]) / 2
    return (middle, start[1]), (middle, end[1]), end
