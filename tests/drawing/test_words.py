"""The words of drawings and explanations, in every form: what is said is so, and said once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograd import draw, explain, grad
from autograd.command.console import main
from autograd.drawing.graph import Graph
from autograd.drawing.writers.cards import HEAT, Card, card
from autograd.drawing.writers.html import html
from autograd.graph.data import GraphData
from autograd.graph.recorder import record_data
from autograd.words.numbers import short
from autograd.words.telling import rules, steps
from tests.makers import leaf
from tests.pages import drive, needs_browser


def words_of(graph: Graph) -> dict[str, str]:
    """The forms that are text; .png and .pdf are made of DOT."""
    return {
        "text": graph.to_text(), "mermaid": graph.to_mermaid(), "dot": graph.to_dot(),
        "svg": graph.to_svg(layout="own"), "html": graph.to_html(),
    }  # fmt: skip


# ---- numbers ----------------------------------------------------------------------------------

each_form = pytest.mark.parametrize("form", ["text", "mermaid", "dot", "svg", "html"])


@each_form
@pytest.mark.parametrize("number", [2.0, 0.12345, -1.5, 3, True, np.float32(0.1)], ids=str)
def test_without_values_a_number_is_still_that_number(form: str, number: Any) -> None:
    told = words_of(draw(np.sin(leaf(3.0, "x")) * number, values=False))[form]
    shown = f"{float(number):.4g}" if number is not True else "(True|1)"
    assert re.search(rf"(?<![\d.]){shown}(?!\d)", told)
    if form == "svg":  # on its card
        assert ">constant<" not in told


@each_form
@pytest.mark.parametrize("values", ["auto", True, False])
@pytest.mark.parametrize("number", [0.12345, 12345.678, 1 / 3, -2.71828, 1.23456e-7], ids=str)
def test_a_number_is_written_with_the_same_digits_everywhere(
    form: str, values: Any, number: float
) -> None:
    told = words_of(draw(leaf(1.0, "x") * number, values=values))[form]
    shown = short(number)
    rows = {
        "text": r"^└─ (\S+)(?: +(\S+) +constant)?$",
        "mermaid": r'\["([^#<"]+)(?:<br/>constant)?"\]:::constant',
        "dot": r'n1 \[label="(.+?)(?:\\nconstant)?" ',
        "svg": r'data-node="n1".*?font-weight="bold">([^<]+)</text></g>',
        "html": r'"label":"([^x"]+)","kind":"constant".*?(?:"value":{"short":"([^"]+)"})',
    }
    (found,) = re.findall(rows[form], told, re.MULTILINE)
    assert set(filter(None, [found] if isinstance(found, str) else found)) == {shown}


# ---- means ------------------------------------------------------------------------------------

MEANS: dict[str, Any] = {
    "np.mean": np.mean,
    "method": lambda x: x.mean(),
    "axis": lambda x: np.mean(x, axis=0),
    "axes": lambda x: np.mean(x, axis=(0, 1)),
    "keepdims": lambda x: x.mean(axis=-1, keepdims=True),
    "dtype": lambda x: np.mean(x, dtype=np.float32),
    "where": lambda x: np.mean(x, where=np.array([True, False, True])),
    "where and axis": lambda x: np.mean(x, axis=1, where=np.asarray(x.data) > -0.7),
    "np.average": np.average,
    "np.nanmean": np.nanmean,
    "np.nanmean of some": lambda x: np.nanmean(x, axis=0, where=np.asarray(x.data) > -2),
}
SINGLE = {
    name: f for name, f in MEANS.items() if "where" not in name and "nan" not in name
}  # fmt: skip


@pytest.mark.parametrize("mean", MEANS.values(), ids=MEANS)
def test_a_mean_is_called_a_mean(mean: Any) -> None:
    graph = draw(mean(leaf([[0.5, -1.0, 2.0], [0.25, 1.5, -0.75]], "x")))
    assert graph.nodes[-1].operation == "mean"
    assert not {"sum", "divide"} & {node.operation for node in graph.nodes}
    for told in words_of(graph).values():
        assert "mean" in told and "÷" not in told


@pytest.mark.parametrize("mean", SINGLE.values(), ids=SINGLE)
def test_a_mean_is_one_operation(mean: Any) -> None:
    graph = draw(mean(leaf([[0.5, -1.0, 2.0], [0.25, 1.5, -0.75]], "x")))
    assert [node.operation for node in graph.nodes] == [None, "mean"]


@pytest.mark.parametrize("mean", MEANS.values(), ids=MEANS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_means_are_numpys_and_their_gradients_shares(mean: Any, dtype: Any) -> None:
    values = np.random.default_rng(5).normal(size=(4, 3)).astype(dtype)
    x = leaf(values, dtype=dtype)
    y, expected = mean(x), mean(values)
    assert y.dtype == expected.dtype
    eps = np.finfo(y.dtype).eps
    np.testing.assert_allclose(y.data, expected, rtol=4 * eps, atol=eps)
    (found,) = grad(np.sum(y.astype(np.float64)), [x])
    wide = values.astype(np.float64)
    assert y.size == expected.size
    for place in np.ndindex(values.shape):  # a mean is linear: any difference will do
        moved = wide.copy()
        moved[place] += 1 / 64
        slope = 64 * float(np.sum(np.asarray(mean(moved) - mean(wide), float)))
        assert float(found.data[place]) == pytest.approx(slope, rel=1e-3, abs=1e-4)


def test_a_weighted_mean_is_called_an_average() -> None:
    x, w = leaf([1.0, 2.0, 4.0], "x"), leaf([1.0, 2.0, 1.0], "w")
    y = np.average(x, weights=w)
    graph = draw(y)
    assert graph.nodes[-1].operation == "average"
    found = grad(y, [x, w])
    np.testing.assert_allclose(found[0].data, [0.25, 0.5, 0.25], rtol=1e-15)
    np.testing.assert_allclose(found[1].data, np.array([1 - 2.25, 2 - 2.25, 4 - 2.25]) / 4)
    told = str(explain(y, w))
    assert "∂L/∂w = g (x - average(x, w))/sum(w)" in told and "They agree" not in told
    assert "they agree" in told


def test_a_mean_tells_of_how_many() -> None:
    x = leaf([1.0, 2.0, 3.0, 4.0], "x")
    told = str(explain(x.mean(), x))
    assert "1. mean: L = mean(x)" in told
    assert "rule       ∂L/∂x = g/4 for every element" in told


# ---- titles -----------------------------------------------------------------------------------

EXPRESSIONS = {
    "a power": ("(x + 1)**2", "x=2"),
    "a call": ("relu(w*x)", "w=2", "x=3"),
    "a vector": ("x * x", "x=[1, 2]"),
    "signs": ("x * (x < 3)", "x=2"),
}


@pytest.mark.parametrize("words", EXPRESSIONS.values(), ids=EXPRESSIONS)
@pytest.mark.parametrize("suffix", ["html", "svg"])
def test_what_the_command_saves_is_called_by_its_expression(
    words: tuple[str, ...], suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"graph.{suffix}"
    assert main([*words, "--save", str(path), "--no-tree", "--no-explain"]) == 0
    saved = path.read_text(encoding="utf-8")
    escaped = words[0].replace("<", "&lt;")
    if suffix == "html":
        assert f"<title>{escaped}, forwards and backwards</title>" in saved
        assert f"<h1>{escaped}, forwards and backwards</h1>" in saved
    assert f"Computation graph of {escaped}" in saved
    assert "a computation" not in saved


def test_a_page_without_a_name_is_called_by_what_it_computes() -> None:
    page = draw(np.mean(leaf([1.0, 2.0], "x"))).to_html()
    assert "<title>mean, forwards and backwards</title>" in page


# ---- matrices ---------------------------------------------------------------------------------

SHAPES = {
    (4, 4): (4, 4), (2, 8): (2, 8), (8, 2): (8, 2), (3, 5): (3, 5), (4, 1, 4): (4, 4),
    (5, 5): (5, 5), (16,): (1, 16), (1, 16): (1, 16), (16, 1): (1, 16), (40, 3): (1, 3),
    (3, 40): (1, 16),
}  # fmt: skip


def _card(values: Any) -> Card:
    data = draw(np.sin(leaf(values))).data
    return card(data.nodes[0], data, 1)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_small_matrices_are_drawn_as_matrices(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).normal(size=shape)
    line = next(line for line in _card(values).lines if line.cells)
    rows, columns = SHAPES[shape]
    assert (line.rows, len(line.cells)) == (rows, rows * columns)
    if values.size == rows * columns and rows > 1:
        expected = values.reshape(-1) / np.absolute(values).max()
        np.testing.assert_allclose(line.cells, expected, atol=1 / 32)


def test_the_rows_of_a_matrix_stand_below_each_other() -> None:
    picture = draw(leaf(np.eye(4) - 0.5) * 1.0, grads=False).to_svg(layout="own")
    first = picture[picture.index('id="node-n0"') : picture.index('id="node-n1"')]
    found = re.findall(r'class="plus" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)"', first)
    places = [(float(x), float(y), float(width)) for x, y, width in found]
    assert len(places) == 4
    for k, (x, y, width) in enumerate(places):
        assert x == pytest.approx(places[0][0] + k * width, abs=0.2)
        assert y == pytest.approx(places[0][1] + k * HEAT, abs=0.2)


# ---- what is called g, L, or a letter of a formula --------------------------------------------


def test_the_gradient_that_comes_in_leaves_its_letter_to_who_is_called_so() -> None:
    x, w = leaf(0.5, "x"), leaf(2.0, "w")
    g = np.sin(x)
    names = {"g": g}
    told = str(explain(np.exp(g), x, names=names))
    assert "upstream   ∂L/∂g = 1.615" in told
    assert "rule       ∂sin(x)/∂x = cos x" in told
    assert "numbers    upstream × cos x" in told
    assert not re.search(r"\bg ×|\bg = ∂", told)
    data = record_data(g * w, names)
    for step in steps(data):
        for one in step.additions:
            assert not re.search(r"\bg ×|^g = ", one.numbers), one
    assert all("g cos" not in told for told in rules(data).values())


@pytest.mark.parametrize("where", ["the node", "an argument", "elsewhere"])
def test_no_rule_says_g_of_two_things(where: str) -> None:
    a, b = leaf([[1.0, 2.0], [3.0, 4.0]], "a"), leaf([[1.0, 0.0], [2.0, 1.0]], "b")
    if where == "an argument":
        a = leaf(a.data, "g")
    product = a @ b
    total = np.sum(product * product)
    names = {"g": product} if where == "the node" else {"g": total} if where == "elsewhere" else {}
    for said in (
        str(explain(total, a, names=names)),
        explain(total, a, names=names)._repr_markdown_(),
    ):
        assert "upstream" in said
        rule = said[said.index("matmul") :]
        assert "= g b" not in rule and "g\\,b" not in rule
    data = record_data(total, names)
    symbols = [one.symbols for step in steps(data) for one in step.additions]
    assert not [
        one for one in symbols if re.search(r"= g |= .*ᵀ g", one) and "g" != data.nodes[0].name
    ]
    assert [one for one in symbols if "upstream bᵀ" in one]


def test_letters_of_a_formula_are_not_the_learners() -> None:
    from nn.functional import gelu, silu

    s, p = leaf(0.5, "s"), leaf(0.25, "p")
    assert "s₀ + s s₀ (1-s₀), s₀ = sigmoid(s)" in str(explain(silu(s), s))
    assert "P + p p₀" in str(explain(gelu(p), p))


def test_the_output_leaves_its_letter_to_who_is_called_so() -> None:
    L, w = leaf(2.0, "L"), leaf(3.0, "w")
    told = str(explain(L * w, w))
    assert told.startswith("∂the output/∂w = 2")
    assert "∂(L·w)/∂w = L" in told


# ---- what is only a part ----------------------------------------------------------------------


@each_form
@pytest.mark.parametrize("how", ["detach", "data"])
@pytest.mark.parametrize("value", [3.0, [1.0, 2.0]], ids=["number", "vector"])
def test_a_use_without_a_gradient_is_told(form: str, how: str, value: Any) -> None:
    x = leaf(value, "x")
    cut = x.detach() if how == "detach" else x.data
    graph = draw(np.sum(x * cut))
    told = words_of(graph)[form].replace("&#x27;", "'").replace("\n", " ")
    assert "x is used as a constant, too" in re.sub(r"</text>.*?>", " ", told)
    assert "x is used as a constant, too" in str(explain(np.sum(x * cut), x))
    assert "as a constant, too" not in "".join(draw(np.sum(x * 3.0)).notes)


def test_a_result_that_is_used_without_its_gradient_is_told() -> None:
    x = leaf([1.0, 2.0], "x")
    h = np.tanh(x)
    names = {"h": h}
    assert "h is used as a constant, too" in draw(np.sum(h * h.detach()), names=names).notes[0]
    assert "h is used as a constant, too" in str(explain(np.sum(h * h.detach()), h, names=names))
    nameless = leaf([1.0, 2.0])
    told = draw(np.sum(nameless * nameless.data)).notes[0]
    assert "input (n0) is used as a constant, too" in told


def test_what_functions_use_without_a_gradient_is_their_own_affair() -> None:
    assert not draw(np.quantile(leaf([1.0, 3.0, 2.0], "x"), leaf(0.3, "q"))).notes


def partial() -> GraphData:
    a = leaf(3.0, "a")
    return record_data(a * a + 4.0 * a)


@needs_browser
def test_a_part_of_a_gradient_says_so_in_the_picture(tmp_path: Path) -> None:
    found = drive(html(partial(), layout="own"), """
        const seen = [];
        for (let k = 0; k <= Number($("slider").max); k += 1) {
          const texts = [...$("stage").querySelectorAll("[data-node=n0] .gradient text")];
          seen.push(texts.map((one) => one.textContent).join(" "));
          key("ArrowRight");
        }
        report(seen);
    """, tmp_path)  # fmt: skip
    assert list(dict.fromkeys(found)) == ["grad 10", "so far 4"]
    assert found[-1] == "grad 10"


@needs_browser
def test_an_array_that_grows_is_no_number(tmp_path: Path) -> None:
    W = leaf(np.ones((100, 16)), "W")
    data = record_data(np.sum(W * W))
    found = drive(html(data, layout="own"), """
        const seen = [];
        for (let k = 0; k <= Number($("slider").max); k += 1) {
          seen.push(...[...$("said").querySelectorAll(".aloud")].map((one) => one.textContent));
          key("ArrowRight");
        }
        report(seen);
    """, tmp_path)  # fmt: skip
    said = [one for one in found if "of W" in one]
    assert said[0] == "The gradient of W grows from 0 to an array of shape (100, 16) (all 1)."
    assert all("by (100" not in one and "to (100" not in one for one in found)
