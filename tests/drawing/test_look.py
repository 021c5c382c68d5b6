"""How drawings look: texts are measured and shortened, gradients classed, colours readable."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autograd import Graph, Tensor, draw
from autograd.drawing.writers import look
from autograd.drawing.writers.dot import dot
from autograd.drawing.writers.legend import wrapped
from autograd.drawing.writers.look import FLOW, KINDS, scale, shortened, text_width
from autograd.drawing.writers.mermaid import mermaid
from autograd.drawing.writers.svg import svg
from autograd.words.names import cleaned
from tests.drawings import DRAWINGS, made

# ---- texts and scales ---------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "w", "a long name of many words", "漢字" * 50, "i" * 3000])
def test_shortened_texts_fit(text: str) -> None:
    short = shortened(text, 80, 11)
    assert text_width(short, 11) <= 80
    assert short == text or "…" in short


def test_control_characters_are_taken_away() -> None:
    assert cleaned(" a\x00b\n\tc\u202e\ud800 ") == "ab c"


def test_lines_of_words_fit() -> None:
    assert wrapped("one two three", text_width("one two ", 11)) == ["one two", "three"]
    assert all(text_width(line, 11) <= 60 for line in wrapped("x" * 500, 60))


def test_sizes_are_classed_by_their_logarithm() -> None:
    made_of = scale([0.0, 1e-2, 1.0, 100.0, np.nan, np.inf])
    assert made_of is not None
    assert [made_of.level(size) for size in (1e-2, 0.1, 1, 10, 100)] == list(range(len(FLOW)))


def test_what_is_nearly_zero_does_not_flatten_the_rest() -> None:
    made_of = scale([1e-18, 0.1, 1.0])
    assert made_of is not None and made_of.cut
    assert made_of.level(1e-18) == 0 and made_of.level(0.1) < made_of.level(1.0)


def test_equal_sizes_are_drawn_alike() -> None:
    made_of = scale([1.0, 1.5])
    assert made_of is not None and made_of.level(1.0) == made_of.level(1.5) == 2
    assert scale([0.0, np.nan]) is None


# ---- colours ------------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    """Of "#rrggbb", as the Web Content Accessibility Guidelines define it."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("kind", KINDS)
def test_texts_can_be_read_and_outlines_seen(kind: str, mode: int) -> None:
    fill, outline = KINDS[kind][1 + mode]
    for ink in (look.INK, look.QUIET, look.ALARM):
        assert contrast(ink[mode], fill) >= 4.5
        assert contrast(ink[mode], look.PAPER[mode]) >= 4.5
    assert contrast(outline, look.PAPER[mode]) >= 3


COLOUR = re.compile(r"#[0-9a-f]{6}\b")


def of_mode(mode: int) -> set[str]:
    """All colours that a theme has."""
    pairs = [look.PAPER, look.INK, look.QUIET, look.FRAME, look.FRAME_FILL, look.ALARM, look.MINUS,
             look.PLUS, look.NO_GRADIENT, *look.FLOW]  # fmt: skip
    return {pair[mode] for pair in pairs} | {c for kind in KINDS.values() for c in kind[1 + mode]}


@pytest.mark.parametrize("name", DRAWINGS)
@pytest.mark.parametrize("theme, mode", [("light", 0), ("dark", 1)])
def test_a_theme_is_in_every_mark_and_asks_no_system(name: str, theme: str, mode: int) -> None:
    """Also programs that know no style sheets draw it so."""
    written = svg(made(name)._replace(theme=theme))
    assert "@media" not in written and "prefers" not in written
    found = set(COLOUR.findall(written))
    assert len(found) > 4 and found <= of_mode(mode)


@pytest.mark.parametrize("write", [dot, mermaid])
def test_the_languages_have_the_colours_of_the_theme(write: Callable[..., str]) -> None:
    for theme, mode in (("light", 0), ("auto", 0), ("dark", 1)):
        found = set(COLOUR.findall(write(made("network")._replace(theme=theme))))
        assert len(found) > 4 and found <= of_mode(mode)


def test_the_theme_of_the_drawing_is_what_its_writers_take() -> None:
    x = Tensor(2.0, requires_grad=True)
    dark = draw(x * 3.0, theme="dark")
    assert dark.to_svg() == draw(x * 3.0).to_svg(theme="dark") != dark.to_svg(theme="light")
    assert dark.to_html() == draw(x * 3.0).to_html(theme="dark") != dark.to_html(theme="auto")
    assert dark.fold(0).to_svg() == dark.to_svg()
    assert dark.stepper(theme="light")._repr_html_() == draw(x * 3.0, theme="light").stepper(
    )._repr_html_()  # fmt: skip


@pytest.mark.parametrize("theme", ["Dark", "", None, True, 1, ["dark"], "system"])
def test_other_themes_are_refused(theme: Any) -> None:
    x = Tensor(2.0, requires_grad=True)
    told = rf"draw: theme is 'auto' .*'light' or 'dark', got {re.escape(repr(theme))}"
    with pytest.raises(ValueError, match=told):
        draw(x * 3.0, theme=theme)
    for write in (Graph.to_svg, Graph.to_html, Graph.stepper):
        if theme is not None:  # that of the drawing
            with pytest.raises(ValueError, match=rf"^{write.__name__}: theme is"):
                write(draw(x * 3.0), theme=theme)  # type: ignore[operator]


@pytest.mark.parametrize("height", [0, 199, -500, 400.0, "400px", True])
def test_frames_have_a_height_in_pixels(height: Any) -> None:
    x = Tensor(2.0, requires_grad=True)
    with pytest.raises(ValueError, match="stepper: height is an int of at least 200 pixels, got"):
        draw(x * 3.0).stepper(height=height)


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
def test_larger_gradients_stand_out_more(mode: int) -> None:
    steps = [contrast(colours[mode], look.PAPER[mode]) for colours in FLOW]
    assert steps == sorted(steps) and steps[0] > 1.7
    assert list(look.FLOW_WIDTHS) == sorted(look.FLOW_WIDTHS)
