"""The marks that SVG drawings are made of: outlines of cards, texts, strips, lines and arrows.

Every mark has its light colours as plain attributes and a class, by which the style sheet gives it
its dark ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from autograd.drawing.layout.geometry import Box, Point, pieces
from autograd.drawing.writers import look
from autograd.drawing.writers.cards import HEAT, SIDE, SPACE, TITLE, Line, Tiled
from autograd.graph.data import Edge
from autograd.words.names import cleaned
from autograd.words.numbers import settled

__all__: list[str] = []

HEAD = 7.0  # the length of an arrow's head
CORNERS = {"input": 14, "parameter": 2, "constant": 6, "operation": 6, "output": 6, "module": 4}


def escaped(text: str) -> str:
    """A text as XML, in content and in quotes; in one line, without control characters."""
    text = cleaned(text)
    for letter, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(letter, entity)
    return text


def number(value: float) -> str:
    """A coordinate: at most one decimal."""
    text = f"{value:.1f}"
    text = text[:-2] if text.endswith(".0") else text
    return "0" if text == "-0" else text


def text_mark(
    text: str, x: float, y: float, name: str = "ink", size: float = 0.0, *,
    bold: bool = False, end: bool = False,
) -> str:  # fmt: skip
    """A text whose line begins (or ends) at a point; `name`: "ink", "quiet" or "alarm"."""
    colour = {"quiet": look.QUIET, "alarm": look.ALARM}.get(name, look.INK)[0]
    extra = f' font-size="{number(size)}"' if size else ""
    extra += ' font-weight="bold"' if bold else ""
    extra += ' text-anchor="end"' if end else ""
    return (
        f'<text class="{name}" x="{number(x)}" y="{number(y)}" fill="{colour}"{extra}>'
        f"{escaped(text)}</text>"
    )


# ---- cards --------------------------------------------------------------------------------------


def outline(kind: str, box: Box, alarmed: bool = False) -> str:
    """A card without its texts: each kind has a shape of its own, beside its colour."""
    x, y, width, height = box
    name = kind if kind in look.KINDS else "operation"
    small = height < 20  # in the legend
    parts = []
    if name == "module":  # a pile of cards
        parts.append(_card(name, x + (2 if small else 4), y - (2 if small else 4), width, height))
    parts.append(_card(name, x, y, width, height))
    if name == "output":  # a double line
        rim = 2.5 if small else 3
        parts.append(_card(name, x + rim, y + rim, width - 2 * rim, height - 2 * rim))
    if name == "parameter":
        parts.append(
            f'<rect class="parameter-mark" x="{number(x)}" y="{number(y)}" width="4" '
            f'height="{number(height)}" fill="{look.KINDS[name].light[1]}"/>'
        )
    if alarmed:
        parts.append(
            f'<rect class="alarm-line" x="{number(x - 3)}" y="{number(y - 3)}" '
            f'width="{number(width + 6)}" height="{number(height + 6)}" rx="9" fill="none" '
            f'stroke="{look.ALARM[0]}" stroke-width="2"/>'
        )
    return "".join(parts)


def _card(name: str, x: float, y: float, width: float, height: float) -> str:
    fill, stroke = look.KINDS[name].light
    corner = min(CORNERS[name], height / 2 if name == "input" else height / 3)
    dash = ' stroke-dasharray="4 3"' if name == "constant" else ""
    return (
        f'<rect class="{name}" x="{number(x)}" y="{number(y)}" width="{number(width)}" '
        f'height="{number(height)}" rx="{number(corner)}" fill="{fill}" stroke="{stroke}"{dash}/>'
    )


def card_line(line: Line, x: float, top: float, width: float) -> str:
    """One line of a card, between its two sides."""
    if line.tiles is not None:
        return pictures(line.tiles, x + SIDE, top)
    if line.cells:
        return strip(line.cells, x + SIDE, top, width - 2 * SIDE, line.rows)
    title, last = line.style == "title", x + width - SIDE
    base = top + (13 if title else 11)
    name = line.style if line.style in ("quiet", "alarm") else "ink"
    left = "quiet" if line.right and not title else name
    drawn = line.left and text_mark(
        line.left, x + SIDE, base, left, TITLE if title else 0, bold=title or name == "alarm"
    )
    if not line.right:
        return drawn
    odd = line.right in ("nan", "inf", "-inf")
    right = text_mark(line.right, last, base, "alarm" if odd else name, bold=title or odd, end=True)
    return drawn + right


def strip(cells: Sequence[float], x: float, top: float, width: float, rows: int = 1) -> str:
    """Rows of colours from -1 to 1, the stronger the larger; nan is crossed out."""
    columns = len(cells) // rows
    step, y = width / columns, top
    parts = [
        f'<rect class="quiet" x="{number(x)}" y="{number(y)}" width="{number(width)}" '
        f'height="{number(HEAT * rows)}" fill="{look.QUIET[0]}" fill-opacity="0.14"/>'
    ]
    for k, value in enumerate(cells):
        at, y = x + k % columns * step, top + k // columns * HEAT
        if math.isnan(value):
            parts.append(
                f'<path class="alarm-line" d="M{number(at)} {number(y)}l{number(step)} '
                f'{number(HEAT)}m0 -{number(HEAT)}l-{number(step)} {number(HEAT)}" fill="none" '
                f'stroke="{look.ALARM[0]}" stroke-width="1.5"/>'
            )
        elif value:
            name, colour = ("plus", look.PLUS[0]) if value > 0 else ("minus", look.MINUS[0])
            parts.append(
                f'<rect class="{name}" x="{number(at)}" y="{number(y)}" width="{number(step)}" '
                f'height="{number(HEAT)}" fill="{colour}" fill-opacity="{abs(value):.3g}"/>'
            )
    return "".join(parts)


def pictures(tiles: Tiled, x: float, top: float) -> str:
    """Small pictures in the colours of a strip, one path for all cells of a colour; nan stands out.

    Coordinates are whole pixels, and a row of cells is one stroke along its upper side that turns
    down around each run of the colour: so pictures take a tenth of what single cells would.
    """
    (count, rows, columns), cell = tiles.matrices.shape, tiles.cell
    width, height = columns * cell, rows * cell
    paths: dict[float | None, str] = {}
    ground = ""
    for first in range(0, count, tiles.columns):
        here = tiles.matrices[first : first + tiles.columns]
        y = first // tiles.columns * (height + SPACE)
        starts = [k * (width + SPACE) for k in range(len(here))]
        ground += "".join(f"M{left} {y}h{width}v{height}h-{width}" for left in starts)
        for row in range(rows):
            for level, runs in _runs(here[:, row].tolist(), starts, cell).items():
                path, at = f"M0 {y + row * cell}", 0
                for start, length in runs:
                    path += f"h{start - at}v{cell}h{length}v-{cell}"
                    at = start + length
                paths[level] = paths.get(level, "") + path.replace("h0v", "v")
    marks = [  # paper first: on a coloured card blue and orange are what they are
        f'<path class="paper" d="{ground}" fill="{look.PAPER[0]}"/>',
        f'<path class="quiet" d="{ground}" fill="{look.QUIET[0]}" fill-opacity="0.14"/>',
    ]
    for level, path in sorted(paths.items(), key=lambda one: (one[0] is None, one[0] or 0)):
        name, colour = ("plus", look.PLUS) if (level or 0) > 0 else ("minus", look.MINUS)
        name, colour = ("alarm", look.ALARM) if level is None else (name, colour)
        opacity = "" if level is None else f' fill-opacity="{abs(level):.3g}"'
        marks.append(f'<path class="{name}" d="{path}" fill="{colour[0]}"{opacity}/>')
    return f'<g transform="translate({number(x)} {number(top)})">{"".join(marks)}</g>'


def _runs(
    rows: list[list[float]], starts: list[int], cell: int
) -> dict[float | None, list[tuple[int, int]]]:
    """(start, length) of each run of equal cells in rows side by side, by what they hold, None for
    nan; cells of 0 are left out."""
    found: dict[float | None, list[tuple[int, int]]] = {}
    for row, at in zip(rows, starts):
        for level, cells in groupby(None if math.isnan(one) else one for one in row):
            length = sum(cell for _ in cells)
            if level != 0:
                found.setdefault(level, []).append((at, length))
            at += length
    return found


# ---- edges --------------------------------------------------------------------------------------


class Stroke(NamedTuple):
    """How an edge is drawn: its class, light colour, width and dashes."""

    name: str
    colour: str
    width: float
    dashes: str = ""

    def line(self, route: str) -> str:
        dashes = f' stroke-dasharray="{self.dashes}"' if self.dashes else ""
        return (
            f'<path class="{self.name}" d="{route}" fill="none" stroke="{self.colour}" '
            f'stroke-width="{self.width}"{dashes}/>'
        )

    def head(self, tip: Point, before: Point) -> str:
        """An arrow's head that points from `before` to `tip`."""
        name = "alarm" if self is ODD else f"{self.name}-head"
        x, y = _towards(tip, before, HEAD)
        half = (2.6 + self.width * 0.45) / HEAD
        side, up = (tip[1] - y) * half, (tip[0] - x) * half
        return (
            f'<path class="{name}" d="M{number(tip[0])} {number(tip[1])}'
            f'L{number(x - side)} {number(y + up)}L{number(x + side)} {number(y - up)}Z" '
            f'fill="{self.colour}"/>'
        )


USE = Stroke("void", look.NO_GRADIENT[0], 1.2)
ZERO = Stroke("void", look.NO_GRADIENT[0], 1.4, "2 3")
ODD = Stroke("alarm-line", look.ALARM[0], 2.4, "7 3")
FLOWS = tuple(
    Stroke(f"flow{k}", colours[0], width)
    for k, (colours, width) in enumerate(zip(look.FLOW, look.FLOW_WIDTHS))
)


def stroke(edge: Edge, grads: bool, scale: look.Scale | None) -> Stroke:
    """By the size of the gradient that flows back along an edge."""
    if not grads or edge.contribution is None:
        return USE
    size = gradient_size(edge)
    if not math.isfinite(size):
        return ODD
    return FLOWS[scale.level(size)] if size and scale is not None else ZERO


def gradient_size(edge: Edge) -> float:
    """The root of the mean square of what flows along an edge; 0 where nothing does."""
    if edge.contribution is None or not np.size(edge.contribution):
        return 0.0
    with np.errstate(all="ignore"):  # of what is small beside the largest nothing may be left
        array = np.absolute(np.asarray(settled(edge.contribution, edge.noise), dtype=np.float64))
        largest = float(array.max())
        if not largest or not math.isfinite(largest):
            return largest
        return largest * float(np.sqrt(np.mean(np.square(array / largest))))


def arrow(route: Sequence[Point], drawn: Stroke) -> str:
    """An edge along its route, its end under the arrow's head."""
    base = _towards(route[-1], route[-2], HEAD - 1)
    return drawn.line(_path((*route[:-1], base))) + drawn.head(route[-1], route[-2])


def _path(route: Sequence[Point]) -> str:
    """A row of cubic curves; straight ones as lines."""
    parts = [f"M{number(route[0][0])} {number(route[0][1])}"]
    for a, b, c, d in pieces(tuple(route)):
        if _straight(a, b, c, d):
            parts.append(f"L{number(d[0])} {number(d[1])}")
        else:
            parts.append("C" + " ".join(f"{number(x)} {number(y)}" for x, y in (b, c, d)))
    return "".join(parts)


def _straight(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Whether a curve is a line along an axis."""
    return any(abs(b[k] - a[k]) + abs(c[k] - a[k]) + abs(d[k] - a[k]) < 0.05 for k in (0, 1))


def _towards(start: Point, end: Point, length: float) -> Point:
    across, down = end[0] - start[0], end[1] - start[1]
    whole = math.hypot(across, down) or 1.0
    return start[0] + across / whole * length, start[1] + down / whole * length
