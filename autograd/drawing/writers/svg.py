"""A graph as SVG: one file, no script, light and dark.

Every node is a group with the id "node-n3" and `data-node="n3"`, every edge has `data-edge`, its
index, so that other writers can light them up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from autograd.drawing.layout import place
from autograd.drawing.layout.geometry import Box
from autograd.drawing.writers import look
from autograd.drawing.writers.cards import TEXT, Card, card, line_height
from autograd.drawing.writers.legend import legend
from autograd.drawing.writers.marks import (
    HEAD,
    arrow,
    card_line,
    escaped,
    gradient_size,
    number,
    outline,
    stroke,
    text_mark,
)
from autograd.graph.data import Edge, GraphData, Group, Node
from autograd.words.names import cleaned
from autograd.words.numbers import alarms, settled, short
from autograd.words.symbols import sign_of
from autograd.words.telling import settings_text

__all__: list[str] = []

MARGIN = 20.0
LABEL = 10.0  # the size of letters on edges
LONGEST = 180.0  # of a frame's title
LETTERS = 10_000  # of a name in full


def svg(data: GraphData, layout: str = "own", dark: str | None = None) -> str:
    """The drawing as an SVG document, in the colours of its theme.

    Args: layout, "own" or "dot" (Graphviz); dark, for a page whose reader may choose another theme:
    the media that have dark colours.
    Raises ValueError for another layout.
    """
    if dark is not None:
        return _Picture(data, layout, dark).document()
    media = "(prefers-color-scheme:dark)" if data.theme == "auto" else ""
    document = _Picture(data, layout, media).document()
    return look.darkened(document) if data.theme == "dark" else document


class _Picture:
    """One drawing: sizes are measured, places are asked for, then everything is written."""

    def __init__(self, data: GraphData, layout: str, dark: str) -> None:
        self.data, self.dark = data, dark
        self.nodes = {node.id: node for node in data.nodes}
        uses = Counter(edge.source for edge in data.edges)
        arguments = Counter(edge.target for edge in data.edges)
        labels = (_label(edge, data, uses[edge.source]) for edge in data.edges)
        self.labels = {k: label for k, label in enumerate(labels) if label}
        wide = {k: look.text_width(label, LABEL) + 8 for k, label in self.labels.items()}
        arriving: dict[str, float] = {}
        for k, width in wide.items():
            target = data.edges[k].target
            arriving[target] = arriving.get(target, 0.0) + width + 6
        self.cards: dict[str, Card] = {
            i: card(node, data, max(uses[i], arguments[i]), arriving.get(i, 0.0))
            for i, node in self.nodes.items()
        }
        self.titles = [look.shortened(g.title, LONGEST, TEXT, True) for g in data.groups]
        self.placement = place(
            data,
            {i: (made.width, made.height) for i, made in self.cards.items()},
            {k: (width, LABEL + 3) for k, width in wide.items()},
            [look.text_width(title, TEXT, True) for title in self.titles],
            layout,
        )
        self.scale = look.scale([gradient_size(edge) for edge in data.edges if data.grads])
        self.strokes = [stroke(edge, data.grads, self.scale) for edge in data.edges]

    # ---- the document -------------------------------------------------------------------------

    def document(self) -> str:
        placement = self.placement
        lines = [line for made in self.cards.values() for line in made.lines]
        strips = any(line.cells for line in lines), any(line.tiles is not None for line in lines)
        notes = (*self.data.notes, *placement.notes)
        below = legend(
            self.data, set(self.strokes), self.scale, strips, notes, placement.width
        )  # fmt: skip
        width = max(placement.width, below.width) + 2 * MARGIN
        height = placement.height + below.height + 2.5 * MARGIN
        title = escaped(_heading(self.data))
        parts = [
            '<svg xmlns="http://www.w3.org/2000/svg" class="chalkgrad" role="img" '
            f'aria-label="{title}" viewBox="0 0 {number(width)} {number(height)}" '
            f'width="{number(width)}" height="{number(height)}" font-family="{look.FONT}" '
            f'font-size="{number(TEXT)}">',
            f"<title>{title}</title>",
            f"<desc>{escaped(_description(self.data))}</desc>",
            f"<style>{look.style('.chalkgrad', self.dark)}</style>",
            f'<rect class="paper" width="100%" height="100%" fill="{look.PAPER[0]}"/>',
            f'<g transform="translate({number((width - placement.width) / 2)} {number(MARGIN)})">',
            *self._drawing(),
            "</g>",
            f'<g class="legend" transform="translate({number(MARGIN)} '
            f'{number(placement.height + 2 * MARGIN)})">',
            *below.parts,
            "</g>",
            "</svg>",
        ]
        return "\n".join(parts) + "\n"

    def _drawing(self) -> Iterator[str]:
        """Frames, edges over them, then texts and nodes over the edges."""
        framed = [
            (group, title, frame)
            for group, title, frame in zip(self.data.groups, self.titles, self.placement.frames)
            if frame is not None
        ]
        for group, _, frame in framed:
            yield _frame(group, frame)
        for k in range(len(self.data.edges)):
            yield self._edge(k)
        for _, title, frame in framed:
            yield _frame_title(title, frame)
        for k, label in self.labels.items():
            yield self._edge_label(k, label)
        for node in self.data.nodes:
            yield self._node(node)

    def _edge(self, k: int) -> str:
        edge = self.data.edges[k]
        source, target = self.nodes[edge.source], self.nodes[edge.target]
        story = f"{_called(source)} → {_called(target)}, argument {edge.position + 1}"
        if edge.contribution is not None and self.data.grads:
            story += f"; gradient back along it: {short(settled(edge.contribution, edge.noise))}"
        if edge.summed:
            story += f", summed over axes {', '.join(map(str, edge.summed))}"
        return (
            f'<g class="edge" data-edge="{k}" data-source="{escaped(edge.source)}" '
            f'data-target="{escaped(edge.target)}"><title>{escaped(story)}</title>'
            f"{arrow(self.placement.routes[k], self.strokes[k])}</g>"
        )

    def _edge_label(self, k: int, label: str) -> str:
        """At the edge's end: there lines are farthest apart."""
        width = look.text_width(label, LABEL)
        (x, y), down = self.placement.routes[k][-1], self.data.direction == "TB"
        left, base = (x + 5, y - HEAD - 3) if down else (x - HEAD - 3 - width, y - 4)
        return (
            f'<g data-edge-label="{k}">'
            f"{_ground(left - 1, base - LABEL + 1, width + 2, LABEL + 1)}"
            f"{text_mark(label, left, base, size=LABEL)}</g>"
        )

    def _node(self, node: Node) -> str:
        x, y, width, height = box = self.placement.boxes[node.id]
        warnings = alarms(node)
        parts = [
            f'<g id="node-{escaped(node.id)}" data-node="{escaped(node.id)}" '
            f'class="node kind-{escaped(node.kind)}">',
            f"<title>{escaped(self._tale(node, warnings))}</title>",
            outline(node.kind, box, bool(warnings)),
        ]
        lines = self.cards[node.id].lines
        top = y + (height - sum(map(line_height, lines))) / 2
        for line in lines:
            drawn = card_line(line, x, top, width)
            parts.append(f'<g class="{line.part}">{drawn}</g>' if line.part else drawn)
            top += line_height(line)
        return "".join([*parts, "</g>"])

    def _tale(self, node: Node, warnings: tuple[str, ...]) -> str:
        """All that is known of a node, for the pointer and for screen readers."""
        parts = [f"{node.id}: {node.kind} {_called(node)}"]
        if node.shape:
            parts.append(f"shape {node.shape} {node.dtype}")
        if node.settings:
            parts.append(_clipped(settings_text(node.settings)))
        if node.value is not None:
            parts.append(f"value {short(node.value)}")
        if self.data.grads:
            known = node.gradient is not None
            amount = short(settled(node.gradient, node.noise)) if known else node.state
            parts.append(f"gradient {amount}")
        if node.scope:
            parts.append(f"in {_clipped('.'.join(node.scope))}")
        return "; ".join([*parts, *warnings])


# ---- words ------------------------------------------------------------------------------------


def _label(edge: Edge, data: GraphData, uses: int) -> str:
    """What an edge does not say otherwise: gradients that add, and sums that broadcasting left."""
    parts = [f"{edge.members} edges"] if edge.members > 1 else []
    if data.grads and edge.contribution is not None:
        if uses > 1 and not np.ndim(edge.contribution):
            parts.append(short(settled(edge.contribution, edge.noise)))
        if edge.summed:
            axes = ", ".join(map(str, edge.summed))
            parts.append(f"Σ ax{'is' if len(edge.summed) == 1 else 'es'} {axes}")
    return " ".join(parts)


def _heading(data: GraphData) -> str:
    ends = [node for node in data.nodes if node.kind == "output"]
    name = _clipped(data.title or ends[-1].name or sign_of(ends[-1])) if ends else ""
    return f"Computation graph of {name}" if name else "Computation graph"


def _description(data: GraphData) -> str:
    counts: dict[str, int] = {}
    for node in data.nodes:
        counts[node.kind] = counts.get(node.kind, 0) + 1
    kinds = ", ".join(f"{count} {cleaned(kind)}" for kind, count in counts.items())
    text = f"{len(data.nodes)} nodes ({kinds}) and {len(data.edges)} edges."
    return " ".join([text, *map(_clipped, data.notes)])


def _called(node: Node) -> str:
    made = "" if node.operation is None else sign_of(node)
    return " ".join(filter(None, (_clipped(node.name or ""), _clipped(made)))) or node.id


def _clipped(text: str) -> str:
    """In one line; of a very long text the beginning and the end."""
    text = cleaned(text)
    half = LETTERS // 2
    return text if len(text) <= LETTERS else f"{text[:half]}…{text[-half:]}"


# ---- frames -----------------------------------------------------------------------------------


def _frame(group: Group, frame: Box) -> str:
    x, y, width, height = frame
    count = f", {group.parameters:,} parameters" if group.parameters else ""
    return (
        f'<g class="group"><title>{escaped(_clipped(group.title))}{count}</title>'
        f'<rect class="frame" x="{number(x)}" y="{number(y)}" width="{number(width)}" '
        f'height="{number(height)}" rx="8" fill="{look.FRAME_FILL[0]}" fill-opacity="0.06" '
        f'stroke="{look.FRAME[0]}" stroke-width="1"/></g>'
    )


def _frame_title(title: str, frame: Box) -> str:
    """Over the edges, on a ground of its own: from top to bottom they pass here."""
    x, y, width, _ = frame
    title = look.shortened(title, width - 16, TEXT, True)
    ground = _ground(x + 7, y + 5, look.text_width(title, TEXT, True) + 4, 15)
    return ground + text_mark(title, x + 9, y + 16, "quiet", bold=True)


def _ground(x: float, y: float, width: float, height: float) -> str:
    """Paper under a text, so that lines behind it do not cross it out."""
    return (
        f'<rect class="paper" x="{number(x)}" y="{number(y)}" width="{number(width)}" '
        f'height="{number(height)}" rx="2" fill="{look.PAPER[0]}" fill-opacity="0.8"/>'
    )
