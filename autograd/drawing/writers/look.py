"""How drawings look: colours of each kind in light and in dark, the typeface, widths of texts.

The colours are Okabe and Ito's, which colour-blind people can tell apart; every kind has a shape of
its own, too. The colours are written as plain attributes, for programs that know no style sheets:
light ones, which a style sheet changes where the reader's system is dark, or those of a theme.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from autograd.words.names import cleaned, without_middle

__all__: list[str] = []


class Kind(NamedTuple):
    """One kind of node: its word in the legend, (fill, stroke) in light and in dark."""

    title: str
    light: tuple[str, str]
    dark: tuple[str, str]

    def colours(self, dark: bool) -> tuple[str, str]:
        return self.dark if dark else self.light


KINDS = {
    "input": Kind("input", ("#e4f2fb", "#0072b2"), ("#12293a", "#56b4e9")),
    "parameter": Kind("parameter", ("#fdf1d8", "#b57a00"), ("#33270d", "#e69f00")),
    "constant": Kind("constant (no gradient)", ("#f3f4f5", "#848b94"), ("#202429", "#8b939d")),
    "operation": Kind("operation", ("#ffffff", "#5c6670"), ("#1d2127", "#a2abb5")),
    "output": Kind("output", ("#e0f4ed", "#00805d"), ("#0f2f26", "#35c79e")),
    "module": Kind("module (folded)", ("#f8ebf3", "#a8588a"), ("#33202c", "#d68fb8")),
}  # fmt: skip

# name: (light, dark)
PAPER = ("#ffffff", "#14171c")
INK = ("#1b1f24", "#e8eaed")
QUIET = ("#5a636d", "#a0a9b3")  # labels, shapes, what is not known
FRAME = ("#8f98a3", "#6d7681")
FRAME_FILL = ("#6b7785", "#9aa7b5")  # (nearly transparent)
ALARM = ("#b04300", "#ff9a52")
MINUS, PLUS = ("#c04a00", "#ff9a52"), ("#0072b2", "#56b4e9")  # of heat strips
NO_GRADIENT = ("#a3abb4", "#5d6671")
# Edges by the size of the gradient along them, from the smallest to the largest.
FLOW = (
    ("#9cc7de", "#2f5870"), ("#6cacd0", "#3c7a9e"), ("#3a8dbf", "#4b9cc9"),
    ("#0f6aa3", "#6fbbe6"), ("#064672", "#b5e0fb"),
)  # fmt: skip
FLOW_WIDTHS = (1.2, 1.7, 2.3, 3.0, 3.8)

THEMES = ("auto", "light", "dark")
# When a page, whose reader may choose another theme, is dark; never on paper.
DARK_PAGE = {
    "auto": "screen and (prefers-color-scheme: dark)",
    "light": "not all and (min-width: 0.5px)",
    "dark": "screen and (min-width: 0.5px)",
}

# Typefaces of one width: the table below holds for all of them.
FONT = "Helvetica, Arial, 'Liberation Sans', 'Nimbus Sans', Arimo, sans-serif"
BOLD = 1.08  # bold letters are wider


def _rules() -> Iterable[tuple[str, str, str]]:
    """(selector, property, colour) of everything that is otherwise in the dark."""
    yield ".paper", "fill", PAPER[1]
    yield ".ink", "fill", INK[1]
    yield ".quiet", "fill", QUIET[1]
    yield ".frame", "stroke", FRAME[1]
    yield ".frame", "fill", FRAME_FILL[1]
    yield ".alarm", "fill", ALARM[1]
    yield ".alarm-line", "stroke", ALARM[1]
    yield ".minus", "fill", MINUS[1]
    yield ".plus", "fill", PLUS[1]
    yield ".void", "stroke", NO_GRADIENT[1]
    yield ".void-head", "fill", NO_GRADIENT[1]
    for name, kind in KINDS.items():
        yield f".{name}", "fill", kind.dark[0]
        yield f".{name}", "stroke", kind.dark[1]
        yield f".{name}-mark", "fill", kind.dark[1]
    for k, (_, dark) in enumerate(FLOW):
        yield f".flow{k}", "stroke", dark
        yield f".flow{k}-head", "fill", dark


def style(scope: str, dark: str) -> str:
    """The style sheet; every rule holds inside the class `scope` alone. `dark`: the media that have
    dark colours, "" for none."""
    always = f"{scope} text{{font-variant-numeric:tabular-nums}}"
    rules = "".join(f"{scope} {s}{{{what}:{colour}}}" for s, what, colour in _rules())
    return f"{always}@media {dark}{{{rules}}}" if dark else always


def darkened(marks: str) -> str:
    """Marks of SVG with the dark colours of their classes in place of the light ones."""
    colours = {(name, what): colour for name, what, colour in _rules()}

    def dark(mark: re.Match[str]) -> str:
        name = f".{mark[1]}"
        return re.sub(
            r' (fill|stroke)="(#\w+)"',
            lambda old: f' {old[1]}="{colours.get((name, old[1]), old[2])}"',
            mark[0],
        )

    return re.sub(r'<\w+ class="([\w-]+)"[^>]*>', dark, marks)  # (the user's < and > are escaped)


def theme_of(theme: object, caller: str) -> str:
    """A theme that there is; ValueError for any other."""
    if isinstance(theme, str) and theme in THEMES:
        return theme
    raise ValueError(
        f"{caller}: theme is 'auto' (as the reader's system), 'light' or 'dark', got {theme!r}"
    )


# ---- texts ------------------------------------------------------------------------------------

# Widths of letters in thousandths of the font's size; of letters that are not here 556.
_WIDTHS = {
    **dict.fromkeys("ijl'", 222), **dict.fromkeys(" ,./:;!I[]\\ft|·", 278),
    **dict.fromkeys("()-r`{}", 333), **dict.fromkeys('"*', 390), "^": 469,
    **dict.fromkeys("Jcksvxyz", 500), **dict.fromkeys("+<=>~×÷−", 584),
    **dict.fromkeys("FTZ", 611), **dict.fromkeys("&ABEKPSVXY", 667),
    **dict.fromkeys("CDHNRUw", 722), **dict.fromkeys("GOQ", 778), **dict.fromkeys("Mm", 833),
    "%": 889, "W": 944, "@": 1015, "…": 1000,
}  # fmt: skip


def text_width(text: str, size: float, bold: bool = False) -> float:
    """How wide a text is, in pixels, in the typefaces named above."""
    total = sum(_WIDTHS.get(letter) or _width_beyond(letter) for letter in text)
    return total * size / 1000 * (BOLD if bold else 1)


def _width_beyond(letter: str) -> int:
    code = ord(letter)
    if code < 128:
        return 556
    return 620 if code < 0x500 else 800 if 0x2000 <= code < 0x2E80 else 1050


def shortened(text: str, room: float, size: float, bold: bool = False) -> str:
    """The text, in one line; where it is wider than `room` without its middle."""
    text = cleaned(text[:2000] + text[-2000:] if len(text) > 4000 else text)
    if text_width(text, size, bold) <= room:
        return text
    low, high = 0, len(text)  # how many letters fit: found by halving
    while low < high:
        many = (low + high + 1) // 2
        if text_width(without_middle(text, many), size, bold) <= room:
            low = many
        else:
            high = many - 1
    return without_middle(text, low)


# ---- the size of gradients ----------------------------------------------------------------------


DECADES = 4.0  # what differs by more than this many powers of ten is drawn alike


class Scale(NamedTuple):
    """Sizes of gradients from `low` to `high`, put into classes by their logarithm."""

    low: float
    high: float
    cut: bool  # whether there are smaller ones than `low`

    def level(self, size: float) -> int:
        """From 0, the smallest, to 4, the largest; 2 where all are about the same."""
        last = len(FLOW) - 1
        if not self.spread():
            return last // 2
        part = math.log(max(size, self.low) / self.low) / math.log(self.high / self.low)
        return round(part * last)

    def spread(self) -> bool:
        """Whether sizes differ by more than a factor of two."""
        return self.high / self.low > 2


def scale(sizes: Sequence[float]) -> Scale | None:
    """The scale of some sizes; those that are 0, nan or infinite have none."""
    known = [size for size in sizes if 0 < size < math.inf]
    if not known:
        return None
    high = max(known)
    low = max(min(known), high * 10**-DECADES)
    return Scale(low, high, min(known) < low) if low > 0 else Scale(high, high, True)
