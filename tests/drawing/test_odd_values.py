"""Every form of a drawing takes every kind of value: nan, inf, empty, huge, tiny, whole numbers."""

from __future__ import annotations

import json
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from autograd import Graph, Tensor, draw, explain, record
from autograd.words.numbers import short, statistics, strip, summary
from tests.pages import content

HUGE, TINY = np.finfo(np.float64).max, 5e-324


def some(value: Any, *shape: int, dtype: Any = np.float64) -> Any:
    """Ordinary numbers with an odd one among them."""
    array = np.linspace(-1, 2, math.prod(shape)).astype(dtype).reshape(shape)
    array[(..., *[size // 3 for size in shape])] = value
    return array


FLOATS = {
    "a number, nan": np.array(np.nan), "a number, inf": np.array(-np.inf),
    "a few, one nan": np.array([1.0, np.nan, 2.0]),
    "one nan": some(np.nan, 20), "one inf": some(np.inf, 20), "one -inf": some(-np.inf, 20),
    "one nan in a matrix": some(np.nan, 4, 30), "one inf in a matrix": some(np.inf, 4, 30),
    "one nan in three axes": some(np.nan, 2, 3, 20),
    "all nan": np.full(20, np.nan), "all nan, a matrix": np.full((5, 20), np.nan),
    "all inf": np.full(20, np.inf), "both infinities": np.array(10 * [np.inf, -np.inf]),
    "infinities and nan": np.array(7 * [np.inf, -np.inf, np.nan]),
    "nan and zeros": np.array(10 * [np.nan, 0.0]),
    "empty": np.zeros(0), "empty rows": np.zeros((3, 0)), "no rows": np.zeros((0, 3)),
    "huge": np.array(10 * [HUGE, -HUGE]), "huge, of one sign": np.full(20, HUGE) / [*range(1, 21)],
    "all huge": np.full(20, HUGE), "huge and nan": np.array(10 * [HUGE, np.nan]),
    "subnormal": np.arange(20) * TINY, "all subnormal": np.full(20, TINY),
    "of all sizes": 10.0 ** np.arange(-300, 300, 30), "zeros": np.zeros(20),
    "negative zeros": np.full(20, -0.0),
    "float32, huge": np.full(20, np.finfo(np.float32).max) * np.float32([1, -1] * 10),
    "float32, nan": some(np.nan, 20, dtype=np.float32),
    "float16, huge": np.full(20, 65504, np.float16) * np.float16([1, -1] * 10),
    "float16, inf": some(np.inf, 20, dtype=np.float16),
    "longdouble": some(np.nan, 20, dtype=np.longdouble),
    "longdouble, beyond float64": some(np.longdouble(HUGE) * 4, 20, dtype=np.longdouble),
}  # fmt: skip
CONSTANTS = {
    "int64": np.array([2**63 - 1, -(2**63)] * 10), "uint64": np.full(20, 2**64 - 1, np.uint64),
    "int8": np.arange(-128, 127, 13, dtype=np.int8), "bool": np.array([True, False] * 10),
    "all true": np.full((4, 20), True), "one int64": np.array(-(2**63)),
}  # fmt: skip


def notebook(graph: Graph) -> str:
    return "".join(graph._repr_mimebundle_().values())


FORMS: dict[str, Callable[[Graph], str]] = {
    "text": Graph.to_text, "mermaid": Graph.to_mermaid, "dot": Graph.to_dot,
    "svg": Graph.to_svg, "html": Graph.to_html, "notebook": notebook,
    "frame": lambda graph: graph.stepper()._repr_html_(),
}  # fmt: skip


def used(value: Any) -> tuple[Tensor, Tensor]:
    """A leaf, and a result in which it is used, and its values flow into gradients."""
    with np.errstate(all="ignore"):
        if value.dtype.kind == "f":
            x = Tensor(value, requires_grad=True, name="x")
            return x, np.sum(x * x + np.maximum(x, 0.5))
        x = Tensor(np.ones(value.shape), requires_grad=True, name="x")
        return x, np.sum(x * Tensor(value, name="c") + np.where(value > 0, x, 2.0))


def sound(form: str, written: str) -> None:
    """No number of the picture is odd, and what is parsed can be parsed."""
    assert len(written) > 50
    assert not re.search(r'="[^"<>]*\b(nan|inf|NaN|Infinity)\b[\d. -]*"', shapes(written))
    if form == "svg":
        ET.fromstring(written)
    if form == "html":
        json.dumps(content(written), allow_nan=False)


def shapes(written: str) -> str:
    """The attributes that say where and how large something is."""
    names = "x|y|d|width|height|fill-opacity|stroke-width|viewBox"
    return "".join(re.findall(rf' (?:{names})="[^"]*"', written))


@pytest.mark.parametrize("name", [*FLOATS, *CONSTANTS])
def test_every_form_draws_every_value(name: str) -> None:
    _, y = used({**FLOATS, **CONSTANTS}[name])
    with np.errstate(all="raise"):  # who looks for a nan may have asked for that
        graph = draw(y)
        for form, write in FORMS.items():
            sound(form, write(graph))
        for values in (True, False):
            graph = draw(y, values=values)
            for form in ("text", "mermaid", "svg"):
                sound(form, FORMS[form](graph))


@pytest.mark.parametrize("name", FLOATS)
def test_every_form_draws_every_gradient(name: str) -> None:
    with np.errstate(all="ignore"):
        seed = FLOATS[name].astype(np.float64)
    x = Tensor(np.ones(seed.shape), requires_grad=True, name="x")
    with np.errstate(all="raise"):
        graph = draw(x * 2.0 + x, gradient=seed)
        for form in ("text", "mermaid", "dot", "svg", "html"):
            sound(form, FORMS[form](graph))


@pytest.mark.parametrize("name", [*FLOATS, *CONSTANTS])
def test_every_value_is_explained(name: str) -> None:
    x, y = used({**FLOATS, **CONSTANTS}[name])
    with np.errstate(all="raise"):
        told = explain(y, x)
        assert "x" in str(told) and "x" in told._repr_markdown_()
    assert len(record(y).nodes) > 3


def test_a_nan_is_crossed_out_where_it_is() -> None:
    x = np.zeros(20)
    x[3] = np.nan
    written = draw(Tensor(x, requires_grad=True) * 1.0).to_svg()
    (strip_of_x, *_) = re.findall(r'<g class="value">((?:<rect[^>]*>)*<path.*?)</g>', written)
    crosses = re.findall(r'<path class="alarm-line" d="M([\d.]+) ', strip_of_x)
    left, width = map(
        float, re.findall(r'class="quiet" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', strip_of_x)[0]
    )
    assert len(crosses) == 1  # of 16 cells, the second has the third and the fourth of 20 entries
    assert (float(crosses[0]) - left) / width == pytest.approx(1 / 16, abs=0.01)


# ---- numbers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        [HUGE, HUGE, -HUGE, HUGE], [HUGE, HUGE / 2], [TINY, 3 * TINY], [1e-200, 3e-200, -1e-200],
        [1e160, -1e160, 3e160], [1e-170, 1e170], [0.25, 0.5, 3.0],
    ],
    ids=str,
)  # fmt: skip
def test_means_and_spreads_are_those_of_exact_arithmetic(values: list[float]) -> None:
    exact = [Fraction(value) for value in values]
    mean = sum(exact) / len(exact)
    unit = max(map(abs, exact))
    spread = math.sqrt(sum(((v - mean) / unit) ** 2 for v in exact) / len(exact)) * float(unit)
    found = statistics(values)
    assert found.mean == pytest.approx(float(mean), rel=1e-12, abs=2 * TINY)
    assert found.std == pytest.approx(spread, rel=1e-12, abs=2 * TINY)
    assert (found.min, found.max) == (min(values), max(values))


@pytest.mark.parametrize("name", [*FLOATS, *CONSTANTS])
def test_strips_are_levels_or_nan(name: str) -> None:
    with np.errstate(all="raise"):
        levels = strip({**FLOATS, **CONSTANTS}[name])
    assert all(math.isnan(level) or -1 <= level <= 1 for level in levels)


def test_words_of_odd_values() -> None:
    with np.errstate(all="raise"):
        assert summary(FLOATS["all nan"]) == "20 nan"
        assert summary(FLOATS["huge"]) == f"mean 0, {short(-HUGE)} to {short(HUGE)}"
        assert summary(FLOATS["all huge"]) == f"all {short(HUGE)}"
        assert summary(CONSTANTS["all true"]) == "all 1"
        assert summary(FLOATS["empty rows"]) == "empty"
