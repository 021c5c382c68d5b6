"""The legend under an SVG drawing: what occurs in it, and the notes for the reader."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from autograd.drawing.writers import look
from autograd.drawing.writers.cards import CELL, HEAT
from autograd.drawing.writers.marks import FLOWS, ODD, USE, ZERO, Stroke, outline, strip, text_mark
from autograd.graph.data import GraphData
from autograd.words.names import cleaned
from autograd.words.numbers import short

__all__: list[str] = []

SIZE = 11.0  # of letters
ROW = 20.0
APART = 18.0  # between two entries
LEAST = 480.0  # how much room a legend has, under however small a drawing
SAMPLE = 26.0


class Legend(NamedTuple):
    """Marks below each other, and what they take."""

    parts: list[str]
    width: float
    height: float


Entry = tuple[str, float, str]  # a mark, its width, words


def legend(
    data: GraphData, strokes: Collection[Stroke], scale: look.Scale | None,
    strips: tuple[bool, bool], notes: Iterable[str], room: float,
) -> Legend:  # fmt: skip
    """Entries side by side, as many as fit, and every note in lines of its own.

    strips, whether there are strips of colours, and small pictures.
    """
    room = max(room, LEAST)
    parts: list[str] = []
    x, y, widest = 0.0, ROW / 2, 0.0
    for mark, width, words in _entries(data, strokes, scale, strips):
        wide = width + 6 + look.text_width(words, SIZE)
        if x and x + wide > room:
            x, y = 0.0, y + ROW
        parts.append(
            f'<g transform="translate({x:.1f} {y:.1f})">{mark}'
            f"{text_mark(words, width + 6, 4, 'quiet')}</g>"
        )
        widest = max(widest, x + wide)
        x += wide + APART
    for note in notes:
        y += 4
        for line in wrapped(note, room):
            y += SIZE + 5
            parts.append(text_mark(line, 0, y, "quiet"))
            widest = max(widest, look.text_width(line, SIZE))
    return Legend(parts, widest, y + ROW / 2)


def wrapped(text: str, room: float) -> list[str]:
    """The text in lines that fit; a word that does not loses its middle."""
    lines: list[str] = []
    for word in cleaned(text).split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and look.text_width(longer, SIZE) <= room:
            lines[-1] = longer
        else:
            lines.append(look.shortened(word, room, SIZE))
    return lines


def _entries(
    data: GraphData,
    strokes: Collection[Stroke],
    scale: look.Scale | None,
    strips: tuple[bool, bool],
) -> Iterator[Entry]:
    kinds = {node.kind for node in data.nodes}
    for name, kind in look.KINDS.items():
        if name in kinds:
            yield outline(name, (0, -7, 22, 14)), 22.0, kind.title
    if scale is not None and any(stroke in FLOWS for stroke in strokes):
        yield _sizes(scale)
    for stroke, words in (
        (ZERO, "gradient 0"),
        (USE, "no gradient" if data.grads else "use of a value"),
        (ODD, "nan or inf"),
    ):
        if stroke in strokes:
            yield stroke.line(f"M0 0H{SAMPLE:g}"), SAMPLE, words
    if any(strips):
        cells = (-1, -0.5, 0, 0.5, 1)
        means = {(True, False): "columns", (False, True): "blocks"}.get(
            strips, "columns and blocks"
        )
        words = f"entries or means of {means}, negative to positive"
        yield strip(cells, 0, -HEAT / 2, 5 * CELL), 5 * CELL, words


def _sizes(scale: look.Scale) -> Entry:
    """The colours and widths of edges, from the smallest gradient to the largest."""
    if not scale.spread():
        words = f"gradient of size {short(scale.high, 2)}"
        return FLOWS[scale.level(scale.high)].line(f"M0 0H{SAMPLE:g}"), SAMPLE, words
    marks = (flow.line(f"M{k * 18} 0h16") for k, flow in enumerate(FLOWS))
    least = f"{'below ' if scale.cut else ''}{short(scale.low, 2)}"
    words = f"size of the gradient, {least} to {short(scale.high, 2)}"
    return "".join(marks), 18.0 * len(FLOWS) - 2, words
