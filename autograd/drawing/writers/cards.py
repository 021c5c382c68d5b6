"""What stands on the card of a node: its lines, and how large the card is.

A card tells the sign of the operation, the name, shape and dtype, the value and its gradient; an
array beyond a few numbers as statistics over a strip of colours, or over a small picture of each
matrix, where there are three and more axes: of kernels, images, the weights of attention.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from autograd.drawing.writers.look import shortened, text_width
from autograd.graph.data import GraphData, Node
from autograd.words.names import cleaned
from autograd.words.numbers import (
    alarms,
    in_blocks,
    settled,
    short,
    statistics,
    strip,
    summary,
    tiles,
)
from autograd.words.symbols import sign_of, sign_of_all
from autograd.words.telling import settings_text

__all__: list[str] = []

TITLE, TEXT = 14.0, 11.0  # sizes of letters
SIDE, TOP = 10.0, 8.0  # from the border of a card to its texts
LINE, HEAT = 15.0, 7.0  # heights
CELL = 6.0  # the width of a strip's cell
GAP = 10.0  # between a label and its text
WIDEST = 200.0  # of a text; longer ones lose their middle
NARROWEST = 52.0
ROWS, WIDE = 8, 16  # of a matrix that is written out, or drawn entry by entry
SMALL, LARGE, SPACE = 32, 64, 3  # pixels of a picture, of one of few, and between them
PIXELS, MANY = 2, 16  # of a cell at least; pictures on a card at most
MOST = 5  # operations that are counted in a module


class Tiled(NamedTuple):
    """Small pictures side by side in rows, of square cells."""

    matrices: Any  # of numbers from -1 to 1, in steps: (count, rows, columns)
    columns: int  # pictures in a row
    cell: int  # pixels

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of all."""
        count, rows, columns = self.matrices.shape
        down = -(-count // self.columns)
        return (
            self.columns * (columns * self.cell + SPACE) - SPACE,
            down * (rows * self.cell + SPACE) - SPACE,
        )


class Line(NamedTuple):
    """A line of a card: texts on the left and on the right, a strip of colours, or pictures."""

    left: str = ""
    right: str = ""
    style: str = ""  # "title", "quiet" or ""; "alarm" for what should stand out
    cells: tuple[float, ...] = ()
    rows: int = 1  # of the cells
    part: str = ""  # "value", "gradient" or "value shown" (beside the value): what it tells of
    tiles: Tiled | None = None


class Card(NamedTuple):
    """All lines of a node, with the card's size."""

    lines: tuple[Line, ...]
    width: float
    height: float


def card(node: Node, data: GraphData, ends: int, labels: float = 0.0) -> Card:
    """The card of a node; `ends`, how many edges begin or end there on one side, `labels`, how
    wide the labels of those are that end there."""
    lines = tuple(_fitted(line) for line in _lines(node, data))
    width = max(NARROWEST, *(_width(line) + 2 * SIDE for line in lines))
    height = 2 * TOP + sum(line_height(line) for line in lines) + 2
    room = (ends - 1) * (6 if ends > 12 else 14) + 20
    if data.direction == "TB":
        width = max(width, room, labels + 2 * SIDE)
    else:
        height = max(height, room)
    return Card(lines, float(round(width)), float(round(height)))


def _lines(node: Node, data: GraphData) -> list[Line]:
    if node.kind == "constant" and not node.name and not node.shape and node.value is not None:
        return [Line(short(node.value), style="title")]  # just the number: its border says the rest
    warnings = [
        Line(f"! {alarm}", style="alarm", part="gradient" if "gradient" in alarm else "value")
        for alarm in _alarms(node)
    ]
    value = [line._replace(part=line.part or "value") for line in _value(node, data)]
    gradient = [line._replace(part="gradient") for line in _gradient(node, data)]
    return [*_title(node), *_shape(node), *value, *gradient, *warnings]


def line_height(line: Line) -> float:
    """How much of the card's height a line takes."""
    if line.tiles is not None:
        return line.tiles.size[1] + 5
    return HEAT * line.rows + 3 if line.cells else LINE + (3 if line.style == "title" else 0)


def _title(node: Node) -> list[Line]:
    """The sign of an operation and its name; of a leaf or a module the name, a long one in two
    lines: where it belongs, "encoder.layers.0.", and what it is there."""
    if node.kind != "module" and node.operation is not None:
        return [Line(sign_of(node), node.name or "", style="title")]
    name = cleaned(node.name or node.operation or node.kind)
    place, dot, last = name.rpartition(".")
    if not place or not last or text_width(name, TITLE, bold=True) <= WIDEST:
        return [Line(name, style="title")]
    return [Line(place + dot, style="quiet"), Line(last, style="title")]


def _shape(node: Node) -> list[Line]:
    lines = _inside(node) if node.kind == "module" else []
    if node.settings and node.kind != "module":
        lines.append(Line(settings_text(node.settings), style="quiet"))
    if node.shape:
        shape = "×".join(map(str, node.shape))
        lines.append(Line(f"{shape} · {node.dtype}", style="quiet"))
    return lines


def _inside(node: Node) -> list[Line]:
    """What a folded module stands for."""
    lines = []
    if node.operation and node.operation not in (node.name or ""):
        lines.append(node.operation)
    if node.parameters:
        lines.append(f"{node.parameters:,} parameters")
    if node.members:
        lines.append(f"{len(node.members):,} node{'s' * (len(node.members) != 1)}")
    counts = [(name, count) for name, count in node.settings.items() if isinstance(count, int)]
    said = node.private.get("traits", {})
    lines += [
        f"{sign_of_all(name, said.get(name))} {count:,} times" for name, count in counts[:MOST]
    ]
    return [Line(line, style="quiet") for line in lines]


def _value(node: Node, data: GraphData) -> list[Line]:
    if data.values is False:
        return []
    if node.value is None:
        known = node.kind == "module"
        return [] if known else [Line("value", "freed" if node.state == "freed" else "not kept",
                                      "quiet")]  # fmt: skip
    lines = _numbers("value", node.value, data)
    for name, array in node.shown.items():
        lines += [line._replace(part="value shown") for line in _numbers(name, array, data)]
    return lines


def _gradient(node: Node, data: GraphData) -> list[Line]:
    if not data.grads or node.kind == "module" and node.gradient is None:
        return []
    if node.gradient is None:
        quiet = data.values is False and node.state == "constant"
        return [] if quiet else [Line("grad", node.state, "quiet")]
    if data.values is False:  # no numbers; that a gradient is missing is told all the same
        return []
    return _numbers("grad", settled(node.gradient, node.noise), data)


def _numbers(label: str, value: Any, data: GraphData) -> list[Line]:
    """A few numbers as they are, more of them as statistics and a strip."""
    array = np.asarray(value)
    text = short(array)
    if not array.ndim or text.startswith("["):
        return [Line(label, text)]
    if data.values is True and (rows := _rows(array)):
        return [Line("" if k else label, row) for k, row in enumerate(rows)]
    lines = [Line(label, _range(array))]
    if array.dtype.kind in "fiu" and array.size:
        known = statistics(array)
        if not (known.min != known.max or known.nan or known.inf):
            return lines
        if array.ndim > 2 and min(array.shape[-2:]) > 1:
            lines += _pictures(array)
        else:
            many = _strips(array)
            shown = strip(array) if many == 1 else strip(array.reshape(-1), array.size)
            lines.append(Line(cells=tuple(map(_shade, shown)), rows=many))
    return lines


def _pictures(array: Any) -> list[Line]:
    """A small picture of each matrix; where these are too many of the first ones."""
    found = tiles(array, MANY)
    width = max(SMALL, int(WIDEST) // len(found.matrices) - SPACE)
    height = min(LARGE, width)
    matrices = in_blocks(found.matrices, height // PIXELS, width // PIXELS)
    count, rows, columns = matrices.shape
    cell = max(PIXELS, min(height // rows, width // columns))
    fit = max(1, int(WIDEST + 2 * SPACE) // (columns * cell + SPACE))
    each = found.each if 1 < found.each <= count else count  # what belongs together begins a row
    wide = min(fit, count) // each * each or -(-each // -(-each // fit))
    line = Line(tiles=Tiled(np.round(matrices * 8) / 8, wide, cell))
    counted = f"the first {count} of {found.of:,}"
    return [line] if count == found.of else [line, Line(counted, style="quiet")]


def _shade(level: float) -> float:
    """In steps that an eye can tell apart; nan stays nan."""
    return level if math.isnan(level) else round(level * 16) / 16


def _strips(array: Any) -> int:
    """How many rows of colours an array takes: a matrix that is small one for each of its own."""
    if array.ndim < 2 or not 1 < array.shape[-1] <= WIDE:
        return 1
    rows = array.size // array.shape[-1]
    return rows if rows <= ROWS else 1


def _rows(array: Any) -> list[str]:
    """Every number of a vector or a matrix that is not too large for a card; else nothing."""
    if array.ndim > 2 or not array.size or len(array) > ROWS:
        return []
    rows = [short(row, digits=3, letters=100) for row in np.atleast_2d(array)]
    room = WIDEST - text_width("value", TEXT) - GAP
    fits = all(row.startswith("[") and text_width(row, TEXT) <= room for row in rows)
    return rows if fits else []


def _range(array: Any) -> str:
    """Statistics with fewer digits than `summary` gives: a card is small."""
    known = statistics(array)
    if known.min == known.max or known.nan + known.inf == known.count:
        return summary(array)
    text = f"mean {short(known.mean, 2)}, {short(known.min, 2)} to {short(known.max, 2)}"
    odd = "".join(f", {n} {what}" for n, what in ((known.nan, "nan"), (known.inf, "inf")) if n)
    return text + odd


def _alarms(node: Node) -> list[str]:
    """What stands out, in brief; not nan and inf of a number, which its line shows already."""
    found = [a for a in alarms(node) if node.shape or not a.startswith(("nan in", "inf in"))]
    return [alarm.split(" give ")[0] for alarm in found]


def _fitted(line: Line) -> Line:
    """The line with texts that are not wider than a card may be."""
    bold, size = line.style in ("title", "alarm"), _size(line)
    left = shortened(line.left, WIDEST, size, bold)
    if not line.right:
        return line._replace(left=left)
    room = max(60.0, WIDEST - text_width(left, size, bold) - GAP)
    return line._replace(left=left, right=shortened(line.right, room, TEXT, bold))


def _size(line: Line) -> float:
    return TITLE if line.style == "title" else TEXT


def _width(line: Line) -> float:
    if line.tiles is not None:
        return float(line.tiles.size[0])
    if line.cells:
        return len(line.cells) // line.rows * CELL
    bold = line.style in ("title", "alarm")
    left = text_width(line.left, _size(line), bold)
    return left + (GAP + text_width(line.right, TEXT, bold) if line.right else 0)
