"""A graph as SVG: one file, no script, light and dark.

Every node is a group with the id "node-n3" and `data-node="n3"`, every edge has `data-edge`, its
index, so that other writers can light them up.

May import: drawing.data, drawing.look, drawing.cards, drawing.numbers, drawing.symbols,
drawing.layout.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from autograd.drawing.cards import (
    CELL, HEAT, SIDE, TEXT, TITLE, TOP, Card, Line, card, line_height,
)  # fmt: skip
from autograd.drawing.data import Edge, GraphData, Node
from autograd.drawing.layout import place
from autograd.drawing.layout.geometry import Box, Placement, Point, pieces
from autograd.drawing.look import (
    ALARM, FLOW, FLOW_WIDTHS, FONT, FRAME, FRAME_FILL, INK, KINDS, MINUS, NO_GRADIENT, PAPER, PLUS,
    QUIET, Scale, cleaned, shortened, style, text_width,
)  # fmt: skip
from autograd.drawing.numbers import alarms, short
from autograd.drawing.symbols import sign

__all__: list[str] = []

MARGIN = 20.0
HEAD = 7.0  # the length of an arrow's head
LABEL = 10.0  # the size of letters on edges
SMALL = 11.0  # in the legend
ROUND = {"input": 14, "parameter": 2, "constant": 6, "operation": 6, "output": 6, "module": 4}


def svg(data: GraphData, layout: str = "auto") -> str:
    """The drawing as an SVG document.

    Args: layout, "own", "dot" (Graphviz) or "auto": `dot` where it is installed.
    Raises ValueError for another layout.
    """
    return _Picture(data, layout).document()


def escaped(text: str) -> str:
    """A text for XML, in one line; quotes and control characters cannot end it."""
    for sign_, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(sign_, entity)
    return text


def number(value: float) -> str:
    """A coordinate: at most one decimal."""
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text


class _Picture:
    def __init__(self, data: GraphData, layout: str) -> None:
        self.data = data
        self.nodes = {node.id: node for node in data.nodes}
        self.uses: dict[str, int] = {}
        self.arguments: dict[str, int] = {}
        for edge in data.edges:
            self.uses[edge.source] = self.uses.get(edge.source, 0) + 1
            self.arguments[edge.target] = self.arguments.get(edge.target, 0) + 1
        self.cards = {node.id: self._card(node) for node in data.nodes}
        self.labels = {
            k: text for k, edge in enumerate(data.edges) if (text := self._label(edge))
        }  # fmt: skip
        self.titles = [shortened(group.title, 180, TEXT, True) for group in data.groups]
        self.placement: Placement = place(
            data,
            {i: (c.width, c.height) for i, c in self.cards.items()},
            {k: (text_width(t, LABEL) + 8, LABEL + 3) for k, t in self.labels.items()},
            [text_width(title, TEXT, True) for title in self.titles],
            layout,
        )
        sizes = [size for edge in data.edges if 0 < (size := _size(edge)) < math.inf]
        self.scale = Scale(min(sizes), max(sizes)) if sizes else None

    def _card(self, node: Node) -> Card:
        ends = max(self.uses.get(node.id, 0), self.arguments.get(node.id, 0))
        return card(node, self.data, ends)

    def _label(self, edge: Edge) -> str:
        """What flows along an edge, where it does not say itself: gradients that add, sums."""
        parts = []
        if edge.members > 1:
            parts.append(f"{edge.members} edges")
        if not self.data.grads or edge.contribution is None:
            return parts[0] if parts else ""
        if self.uses[edge.source] > 1 and not np.ndim(edge.contribution):
            parts.append(short(edge.contribution))
        if edge.summed:
            axes = ", ".join(map(str, edge.summed))
            parts.append(f"Σ axis {axes}" if len(edge.summed) == 1 else f"Σ axes {axes}")
        return " ".join(parts)

    # ---- the document -------------------------------------------------------------------------

    def document(self) -> str:
        legend, below, least = self._legend()
        width = max(self.placement.width, least) + 2 * MARGIN
        height = self.placement.height + below + 2 * MARGIN
        shift = MARGIN + max(0.0, (least - self.placement.width) / 2)
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="chalkgrad" role="img" '
            f'aria-label="{escaped(self._name())}" viewBox="0 0 {number(width)} {number(height)}" '
            f'width="{number(width)}" height="{number(height)}" font-family="{FONT}" '
            f'font-size="{number(TEXT)}">',
            f"<title>{escaped(self._name())}</title>",
            f"<desc>{escaped(self._description())}</desc>",
            f"<style>{style('.chalkgrad')}</style>",
            f'<rect class="paper" width="100%" height="100%" fill="{PAPER[0]}"/>',
            f'<g transform="translate({number(shift)} {number(MARGIN)})">',
            *self._frames(),
            *(self._edge(k, edge) for k, edge in enumerate(self.data.edges)),
            *(self._edge_label(k, text) for k, text in self.labels.items()),
            *(self._node(node) for node in self.data.nodes),
            "</g>",
            f'<g class="legend" transform="translate({number(MARGIN)} '
            f'{number(self.placement.height + 2 * MARGIN)})">',
            *legend,
            "</g>",
            "</svg>",
        ]
        return "\n".join(parts) + "\n"

    def _name(self) -> str:
        ends = [node for node in self.data.nodes if node.kind == "output"]
        name = cleaned(ends[-1].name or sign(ends[-1].operation)) if ends else ""
        return f"Computation graph of {_clipped(name)}" if name else "Computation graph"

    def _description(self) -> str:
        counts: dict[str, int] = {}
        for node in self.data.nodes:
            counts[node.kind] = counts.get(node.kind, 0) + 1
        kinds = ", ".join(f"{count} {kind}" for kind, count in counts.items())
        text = f"{len(self.data.nodes)} nodes ({kinds}) and {len(self.data.edges)} edges."
        return " ".join([text, *map(cleaned, self.data.notes)])

    # ---- frames and edges ---------------------------------------------------------------------

    def _frames(self) -> list[str]:
        parts = []
        for group, title, frame in zip(self.data.groups, self.titles, self.placement.frames):
            if frame is None:
                continue
            x, y, width, height = frame
            title = shortened(title, width - 16, TEXT, True)
            count = f", {group.parameters:,} parameters" if group.parameters else ""
            parts.append(
                f'<g class="group"><title>{escaped(_clipped(group.title))}{count}</title>'
                f'<rect class="frame" x="{number(x)}" y="{number(y)}" width="{number(width)}" '
                f'height="{number(height)}" rx="8" fill="{FRAME_FILL[0]}" fill-opacity="0.06" '
                f'stroke="{FRAME[0]}" stroke-width="1"/>'
                f'<text class="quiet" x="{number(x + 9)}" y="{number(y + 16)}" font-weight="bold" '
                f'fill="{QUIET[0]}">{escaped(title)}</text></g>'
            )
        return parts

    def _edge(self, k: int, edge: Edge) -> str:
        route = self.placement.routes[k]
        if not route:
            return ""
        name, colour, width, dash = self._flow(edge)
        tip, base = route[-1], _towards(route[-1], route[-2], HEAD - 1)
        path = _path((*route[:-1], base))
        head = "alarm" if name == "alarm-line" else f"{name}-head"
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        return (
            f'<g class="edge" data-edge="{k}" data-source="{escaped(edge.source)}" '
            f'data-target="{escaped(edge.target)}"><title>{escaped(self._story(edge))}</title>'
            f'<path class="{name}" d="{path}" fill="none" stroke="{colour}" '
            f'stroke-width="{width}"{dashes}/>'
            f'<path class="{head}" d="{_arrow(tip, route[-2], width)}" fill="{colour}"/></g>'
        )

    def _flow(self, edge: Edge) -> tuple[str, str, float, str]:
        """(class, light colour, width, dashes) by the size of the gradient along an edge."""
        size = _size(edge)
        if not self.data.grads or edge.contribution is None:
            return "void", NO_GRADIENT[0], 1.2, ""
        if not math.isfinite(size):
            return "alarm-line", ALARM[0], 2.4, "7 3"
        if not size or self.scale is None:
            return "void", NO_GRADIENT[0], 1.4, "2 3"
        level = self.scale.level(size)
        return f"flow{level}", FLOW[level][0], FLOW_WIDTHS[level], ""

    def _story(self, edge: Edge) -> str:
        source, target = self.nodes[edge.source], self.nodes[edge.target]
        text = f"{_called(source)} → {_called(target)}, argument {edge.position + 1}"
        if edge.contribution is not None and self.data.grads:
            text += f"; gradient back along it: {short(edge.contribution)}"
        if edge.summed:
            text += f", summed over axes {', '.join(map(str, edge.summed))}"
        return text

    def _edge_label(self, k: int, text: str) -> str:
        route = self.placement.routes[k]
        if not route:
            return ""
        width = text_width(text, LABEL)
        (x, y), down = route[-1], self.data.direction == "TB"
        left, base = (x + 5, y - HEAD - 3) if down else (x - HEAD - 3 - width, y - 4)
        return (
            f'<g data-edge-label="{k}"><rect class="paper" x="{number(left - 1)}" '
            f'y="{number(base - LABEL + 1)}" width="{number(width + 2)}" '
            f'height="{number(LABEL + 1)}" fill="{PAPER[0]}" fill-opacity="0.8"/>'
            f'<text class="ink" x="{number(left)}" y="{number(base)}" '
            f'font-size="{number(LABEL)}" fill="{INK[0]}">{escaped(text)}</text></g>'
        )

    # ---- nodes --------------------------------------------------------------------------------

    def _node(self, node: Node) -> str:
        x, y, width, height = box = self.placement.boxes[node.id]
        parts = [
            f'<g id="node-{escaped(node.id)}" data-node="{escaped(node.id)}" '
            f'class="node kind-{escaped(node.kind)}">',
            f"<title>{escaped(self._tale(node))}</title>",
            *_shape(node.kind, box, bool(alarms(node))),
        ]
        top = y + TOP
        for line in self.cards[node.id].lines:
            parts.append(_line(line, x, top, width))
            top += line_height(line)
        return "".join([*parts, "</g>"])

    def _tale(self, node: Node) -> str:
        """All that is known of a node, for the pointer and for screen readers."""
        parts = [f"{node.id}: {node.kind} {_called(node)}"]
        if node.shape:
            parts.append(f"shape {node.shape} {node.dtype}")
        if node.settings:
            parts.append(", ".join(f"{k}={_clipped(str(v))}" for k, v in node.settings.items()))
        if node.value is not None:
            parts.append(f"value {short(node.value)}")
        if self.data.grads:
            known = node.gradient is not None
            parts.append(f"gradient {short(node.gradient) if known else node.state}")
        if node.scope:
            parts.append(f"in {_clipped('.'.join(node.scope))}")
        return cleaned("; ".join([*parts, *alarms(node)]))

    # ---- the legend ---------------------------------------------------------------------------

    def _legend(self) -> tuple[list[str], float, float]:
        """(parts, their height, their width): what occurs in this drawing, and the notes."""
        room = max(self.placement.width, 420.0)
        parts: list[str] = []
        x, y, widest = 0.0, 12.0, 0.0
        for mark, width, text in self._entries():
            wide = width + 6 + text_width(text, SMALL) + 18
            if x and x + wide > room:
                x, y = 0.0, y + 20
            parts.append(
                f'<g transform="translate({number(x)} {number(y)})">{mark}<text class="quiet" '
                f'x="{number(width + 6)}" y="4" fill="{QUIET[0]}">{escaped(text)}</text></g>'
            )
            x += wide
            widest = max(widest, x - 18)
        notes = [*self.data.notes, *self.placement.notes]
        for note in notes:
            y += 20
            text = shortened(note, max(room, 420.0), SMALL)
            widest = max(widest, text_width(text, SMALL))
            parts.append(
                f'<text class="quiet" x="0" y="{number(y + 4)}" fill="{QUIET[0]}">'
                f"{escaped(text)}</text>"
            )
        return parts, y + 10, widest

    def _entries(self) -> list[tuple[str, float, str]]:
        """(mark, its width, words) of every entry."""
        kinds = {node.kind for node in self.data.nodes}
        entries = [
            ("".join(_shape(name, (0, -7, 22, 14), False)), 22.0, kind.title)
            for name, kind in KINDS.items() if name in kinds
        ]  # fmt: skip
        flows = [self._flow(edge) for edge in self.data.edges]
        names = {name for name, *_ in flows}
        if self.scale is not None:
            entries.append(self._scale_entry())
        if any(name == "void" and dash for name, _, _, dash in flows):
            entries.append((_sample("void", NO_GRADIENT[0], 1.4, "2 3"), 26.0, "gradient 0"))
        if any(name == "void" and not dash for name, _, _, dash in flows):
            text = "no gradient" if self.data.grads else "use"
            entries.append((_sample("void", NO_GRADIENT[0], 1.2, ""), 26.0, text))
        if "alarm-line" in names:
            entries.append((_sample("alarm-line", ALARM[0], 2.4, "7 3"), 26.0, "nan or inf"))
        if any(line.cells for made in self.cards.values() for line in made.lines):
            cells = _strip([-1, -0.5, 0, 0.5, 1], 0, -HEAT / 2, 5 * CELL)
            entries.append((cells, 5 * CELL, "negative to positive"))
        return entries

    def _scale_entry(self) -> tuple[str, float, str]:
        assert self.scale is not None
        if not self.scale.spread():
            mark = _sample("flow2", FLOW[2][0], FLOW_WIDTHS[2], "")
            return mark, 26.0, f"gradient of size {short(self.scale.high, 2)}"
        marks = [
            f'<g transform="translate({k * 18} 0)">'
            f"{_sample(f'flow{k}', FLOW[k][0], FLOW_WIDTHS[k], '', 16)}</g>"
            for k in range(len(FLOW))
        ]
        low, high = short(self.scale.low, 2), short(self.scale.high, 2)
        return "".join(marks), 18.0 * len(FLOW) - 2, f"size of the gradient, {low} to {high}"


# ---- pieces of a drawing ------------------------------------------------------------------------


def _shape(kind: str, box: Box, alarmed: bool) -> list[str]:
    """A card without its texts: each kind has a shape of its own, beside its colour."""
    x, y, width, height = box
    name = kind if kind in KINDS else "operation"
    fill, stroke = KINDS[name].light
    small = height < 20

    def rect(grow: float, extra: str = "", shift: float = 0.0) -> str:
        corner = min(ROUND[name] + max(0.0, grow), height / 2 if name == "input" else height / 3)
        return (
            f'<rect class="{name}" x="{number(x - grow + shift)}" y="{number(y - grow - shift)}" '
            f'width="{number(width + 2 * grow)}" height="{number(height + 2 * grow)}" '
            f'rx="{number(corner)}" fill="{fill}" stroke="{stroke}"{extra}/>'
        )

    parts = []
    if name == "module":
        parts.append(rect(0, shift=2 if small else 4))
    dash = ' stroke-dasharray="4 3"' if name == "constant" else ""
    parts.append(rect(0, dash))
    if name == "output":
        parts.append(rect(-2.5 if small else -3))
    if name == "parameter":
        parts.append(
            f'<rect class="parameter-mark" x="{number(x)}" y="{number(y)}" width="4" '
            f'height="{number(height)}" fill="{stroke}"/>'
        )
    if alarmed:
        parts.append(
            f'<rect class="alarm-line" x="{number(x - 3)}" y="{number(y - 3)}" '
            f'width="{number(width + 6)}" height="{number(height + 6)}" rx="9" fill="none" '
            f'stroke="{ALARM[0]}" stroke-width="2"/>'
        )
    return parts


def _line(line: Line, x: float, top: float, width: float) -> str:
    """One line of a card."""
    if line.cells:
        return _strip(line.cells, x + SIDE, top, width - 2 * SIDE)
    title = line.style == "title"
    base = top + (13 if title else 11)
    left = _text(line.left, x + SIDE, base, line.style or ("" if not line.right else "label"))
    if not line.right:
        return left
    words = "quiet" if line.style == "quiet" else "name" if title else "number"
    return left + _text(line.right, x + width - SIDE, base, words, end=True)


def _text(text: str, x: float, y: float, kind: str, end: bool = False) -> str:
    colours = {"quiet": QUIET, "label": QUIET, "alarm": ALARM}
    name = {"quiet": "quiet", "label": "quiet", "alarm": "alarm"}.get(kind, "ink")
    colour = colours.get(kind, INK)[0]
    extra = f' font-size="{number(TITLE)}"' if kind == "title" else ""
    extra += ' font-weight="bold"' if kind in ("title", "name", "alarm") else ""
    extra += ' text-anchor="end"' if end else ""
    if text in ("nan", "inf", "-inf"):
        name, colour, extra = "alarm", ALARM[0], extra + ' font-weight="bold"'
    return (
        f'<text class="{name}" x="{number(x)}" y="{number(y)}" fill="{colour}"{extra}>'
        f"{escaped(text)}</text>"
    )


def _strip(cells: Sequence[float], x: float, y: float, width: float) -> str:
    """A row of colours from -1 to 1, the stronger the larger; nan is crossed out."""
    step = width / len(cells)
    parts = [
        f'<rect class="quiet" x="{number(x)}" y="{number(y)}" width="{number(width)}" '
        f'height="{number(HEAT)}" fill="{QUIET[0]}" fill-opacity="0.14"/>'
    ]
    for k, value in enumerate(cells):
        at = x + k * step
        if math.isnan(value):
            parts.append(
                f'<path class="alarm-line" d="M{number(at)} {number(y)}l{number(step)} '
                f'{number(HEAT)}m0 -{number(HEAT)}l-{number(step)} {number(HEAT)}" fill="none" '
                f'stroke="{ALARM[0]}" stroke-width="1.5"/>'
            )
        elif value:
            name, colour = ("plus", PLUS[0]) if value > 0 else ("minus", MINUS[0])
            parts.append(
                f'<rect class="{name}" x="{number(at)}" y="{number(y)}" width="{number(step)}" '
                f'height="{number(HEAT)}" fill="{colour}" fill-opacity="{abs(value):.3g}"/>'
            )
    return "".join(parts)


def _sample(name: str, colour: str, width: float, dash: str, length: int = 26) -> str:
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<path class="{name}" d="M0 0H{length}" fill="none" stroke="{colour}" '
        f'stroke-width="{width}"{dashes}/>'
    )


def _path(route: Sequence[Point]) -> str:
    """A row of cubic curves; straight ones as lines."""
    parts = [f"M{number(route[0][0])} {number(route[0][1])}"]
    for a, b, c, d in pieces(tuple(route)):
        if _level(a, b, c, d):
            parts.append(f"L{number(d[0])} {number(d[1])}")
        else:
            parts.append("C" + " ".join(f"{number(x)} {number(y)}" for x, y in (b, c, d)))
    return "".join(parts)


def _level(*points: Point) -> bool:
    """Whether a curve is a line along an axis."""
    return any(max(p[k] for p in points) - min(p[k] for p in points) < 0.05 for k in (0, 1))


def _towards(start: Point, end: Point, length: float) -> Point:
    across, down = end[0] - start[0], end[1] - start[1]
    whole = math.hypot(across, down) or 1.0
    return start[0] + across / whole * length, start[1] + down / whole * length


def _arrow(tip: Point, before: Point, width: float) -> str:
    """A head at the end of an edge, pointing from `before` to `tip`."""
    x, y = _towards(tip, before, HEAD)
    half = (2.6 + width * 0.45) / HEAD
    side, up = (tip[1] - y) * half, (tip[0] - x) * half
    return (
        f"M{number(tip[0])} {number(tip[1])}L{number(x - side)} {number(y + up)}"
        f"L{number(x + side)} {number(y - up)}Z"
    )


def _size(edge: Edge) -> float:
    """The size of the gradient along an edge: the root of the mean square; 0 where none flows."""
    if edge.contribution is None:
        return 0.0
    array = np.asarray(edge.contribution, dtype=np.float64)
    if not array.size:
        return 0.0
    largest = float(np.absolute(array).max())
    if not largest or not math.isfinite(largest):
        return largest
    return largest * float(np.sqrt(np.mean(np.square(array / largest))))


def _called(node: Node) -> str:
    made = "" if node.operation is None else sign(node.operation)
    return cleaned(" ".join(filter(None, (_clipped(node.name or ""), made)))) or node.id


def _clipped(text: str) -> str:
    """Of a very long text the beginning and the end."""
    text = cleaned(text)
    return text if len(text) <= 10_000 else f"{text[:5000]}…{text[-5000:]}"
