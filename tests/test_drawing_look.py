"""How drawings look: texts are measured and shortened, gradients classed, colours readable."""

from __future__ import annotations

import numpy as np
import pytest

from autograd.drawing import look
from autograd.drawing.look import FLOW, KINDS, cleaned, scale, shortened, text_width
from autograd.drawing.writers.legend import wrapped

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


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
def test_larger_gradients_stand_out_more(mode: int) -> None:
    steps = [contrast(colours[mode], look.PAPER[mode]) for colours in FLOW]
    assert steps == sorted(steps) and steps[0] > 1.7
    assert list(look.FLOW_WIDTHS) == sorted(look.FLOW_WIDTHS)
