"""Small pictures on cards: of kernels, of maps, and of what an operation has to show itself."""

from __future__ import annotations

import copy
import pickle
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
from autograd import Tensor, draw, explain, primitive, record
from autograd.drawing.writers import look
from autograd.drawing.writers.cards import MANY, SPACE, Tiled, card
from autograd.drawing.writers.html import html
from autograd.drawing.writers.marks import pictures
from autograd.drawing.writers.svg import svg
from autograd.graph.data import GraphData, Node
from autograd.words.numbers import in_blocks, tiles
from tests.makers import random
from tests.pages import content, drive, needs_browser

nan, inf = np.nan, np.inf


def node(value: Any, **told: Any) -> Node:
    array = np.asarray(value)
    return Node("n0", "input", shape=array.shape, dtype=str(array.dtype), value=array, **told)


def tiled(value: Any) -> tuple[Tiled, list[str]]:
    """The pictures of a value on its card, and the texts below them."""
    lines = card(node(value), GraphData((), ()), 1).lines
    (place,) = (k for k, line in enumerate(lines) if line.tiles is not None)
    found = lines[place].tiles
    assert found is not None
    below = [line.left for line in lines[place + 1 :] if line.part == "value"]
    return found, below


def painted(text: str, shape: tuple[int, int]) -> np.ndarray:
    """The pixels of a drawing's marks (height, width): the opacity of blue, minus that of orange,
    nan where something stands out; 9 where nothing is drawn at all."""
    pixels = np.full(shape, 9.0)
    for path in ET.fromstring(text):
        level = float(path.get("fill-opacity", 1))
        kind = path.get("class")
        for left, top, width, height in boxes(path.get("d", "")):
            part = pixels[top : top + height, left : left + width]
            assert part.size == width * height, "outside of the picture"
            part[:] = {"paper": 9, "quiet": 0, "plus": level, "minus": -level, "alarm": nan}[kind]
    return pixels


def boxes(path: str) -> list[tuple[int, int, int, int]]:
    """The boxes that a path goes around: right along the upper side, down, right, and up."""
    found, x, y, down = [], 0, 0, None
    for letter, numbers in re.findall("([Mhv])([-0-9 ]+)", path):
        steps = [int(n) for n in numbers.split()]
        if letter == "M":
            x, y = steps
            down = None
        elif letter == "h" and down is not None:
            found.append((x, y - down, steps[0], down))
            x, down = x + steps[0], None
        elif letter == "h" and steps[0] > 0:
            x += steps[0]
        elif letter == "v" and steps[0] > 0:
            y, down = y + steps[0], steps[0]
        elif letter == "v":
            y += steps[0]
    if "v-" not in path:  # the grounds: right, down, left
        pattern = r"M(\d+) (\d+)h(\d+)v(\d+)h-\d+"
        return [tuple(map(int, box)) for box in re.findall(pattern, path)]  # type: ignore[misc]
    return found


# ---- which, how many, how large -----------------------------------------------------------------


@pytest.mark.parametrize(
    "shape, shown, columns, below",
    [
        ((6, 1, 3, 3), 6, 6, []),  # kernels
        ((8, 1, 5, 5), 8, 4, []),
        ((4, 6, 12, 12), 12, 6, ["the first 12 of 24"]),  # maps of whole samples, a sample a row
        ((4, 8, 24, 24), 16, 4, ["the first 16 of 32"]),  # two rows a sample
        ((1, 96, 7, 7), 16, 6, ["the first 16 of 96"]),
        ((100, 3, 6, 6), 15, 6, ["the first 15 of 300"]),
        ((2, 5, 8), 2, 2, []),  # sequences
        ((1, 1, 28, 28), 1, 1, []),
        ((2, 2, 2, 4, 4), 8, 4, []),
        ((3000, 2, 2), 16, 4, ["the first 16 of 3,000"]),
    ],
    ids=str,
)
def test_first_matrices_are_shown_and_the_rest_is_counted(
    shape: tuple[int, ...], shown: int, columns: int, below: list[str]
) -> None:
    found, texts = tiled(random(*shape))
    assert len(found.matrices) == shown <= MANY
    assert (found.columns, texts) == (columns, below)
    assert max(found.size) <= 210


def test_matrices_and_thin_arrays_are_strips_as_ever() -> None:
    for shape in ((9, 9), (40,), (5, 4, 1), (5, 1, 4), (24, 1, 1)):
        lines = card(node(random(*shape)), GraphData((), ()), 1).lines
        assert not any(line.tiles for line in lines) and any(line.cells for line in lines)
    few = card(node(np.ones((1, 2, 2)) * 2), GraphData((), ()), 1).lines
    assert few[-1].right == "constant" or "[[[2, 2], [2, 2]]]" in [line.right for line in few]
    same = card(node(np.ones((2, 9, 9))), GraphData((), ()), 1).lines
    assert not any(line.tiles or line.cells for line in same)


def test_large_matrices_are_means_of_blocks() -> None:
    image = np.arange(28.0 * 28).reshape(1, 28, 28)
    found, _ = tiled(np.repeat(image, 16, axis=0))
    assert found.matrices.shape == (16, 14, 14) and found.cell == 2
    means = image.reshape(14, 2, 14, 2).mean(axis=(1, 3)) / (28 * 28 - 1)
    assert np.abs(found.matrices[3] - means).max() <= 1 / 16
    assert tiled(image)[0].matrices.shape == (1, 28, 28)


def test_blocks_at_the_ends_are_smaller() -> None:
    matrix = np.arange(15.0).reshape(1, 3, 5)
    assert in_blocks(matrix, 2, 3).tolist() == [[[3, 5, 6.5], [10.5, 12.5, 14]]]


def test_magnitudes_are_parts_of_the_largest_of_all() -> None:
    values = np.zeros((20, 2, 2))
    values[0, 0, 0], values[19, 1, 1] = 2, -8
    assert tiles(values, 4).matrices[0].tolist() == [[0.25, 0], [0, 0]]
    values[0, 1] = nan, -inf
    assert str(tiles(values, 4).matrices[0].tolist()) == "[[0.25, 0.0], [nan, -1.0]]"
    assert np.isfinite(tiles(np.full((3, 2, 2), 1e308), 4).matrices).all()


def test_whole_numbers_and_halves_have_pictures_too() -> None:
    whole, _ = tiled(np.arange(-4, 14).reshape(2, 3, 3))
    half, _ = tiled(np.arange(-4, 14).reshape(2, 3, 3).astype(np.float16))
    assert np.array_equal(whole.matrices, half.matrices)
    assert whole.matrices[1, 2, 2] == 1 and whole.matrices[0, 0, 0] < 0


# ---- how they are drawn -------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 3, 4), (5, 2, 2), (7, 6, 5), (16, 14, 14), (4, 1, 9, 9)])
@pytest.mark.parametrize("odd", [False, True])
def test_every_pixel_is_that_of_its_cell(shape: tuple[int, ...], odd: bool) -> None:
    values = random(*shape) * (random(*shape, seed=1) > 0)
    if odd:
        values.flat[::5] = nan
        values.flat[3] = inf
    found, _ = tiled(values)
    width, height = found.size
    pixels = painted(pictures(found, 0, 0), (height, width))
    count, rows, columns = found.matrices.shape
    wanted = np.full((height, width), 9.0)
    for k, matrix in enumerate(found.matrices):
        top = k // found.columns * (rows * found.cell + SPACE)
        left = k % found.columns * (columns * found.cell + SPACE)
        cells = np.kron(matrix, np.ones((found.cell, found.cell)))
        wanted[top : top + cells.shape[0], left : left + cells.shape[1]] = cells
    assert np.array_equal(pixels, wanted, equal_nan=True)


def test_pictures_stay_small_files() -> None:
    found, _ = tiled(random(32, 14, 14))
    assert len(pictures(found, 0, 0)) < 40_000
    smooth, _ = tiled(np.outer(np.arange(14), np.arange(14)) * np.ones((16, 1, 1)))
    assert len(pictures(smooth, 0, 0)) < 12_000


def convolved() -> Any:
    nn.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2))
    x = random(2, 1, 8, 8).astype(np.float32)
    loss = (model(x) ** 2).sum()
    return draw(loss, names={"model": model, "x": x, "loss": loss})


def test_kernels_maps_and_their_gradients_are_on_the_cards() -> None:
    graph = convolved()
    root = ET.fromstring(graph.to_svg())
    drawn = {}
    for group in root.iter():
        if group.get("data-node"):
            parts = [part for part in group if part.get("class") in ("value", "gradient")]
            drawn[group.get("data-node")] = [
                part.get("class") for part in parts for mark in part if mark.tag.endswith("}g")
            ]
    by_name = {n.name or n.operation: drawn[n.id] for n in graph.nodes}
    assert by_name["x"] == ["value"]
    assert all(
        by_name[name] == ["value", "gradient"] for name in ("0.weight", "conv", "relu", "max_pool")
    )
    assert by_name["0.bias"] == by_name["loss"] == []
    hidden = ET.fromstring(draw(graph.nodes[0].value * 1.0 * Tensor(1.0, requires_grad=True),
                                values=False).to_svg())  # fmt: skip
    assert not [e for e in hidden.iter() if e.get("class") == "value"]


def test_languages_of_text_tell_shapes_as_ever() -> None:
    graph = convolved()
    for text in (graph.to_text(), graph.to_mermaid(), graph.to_dot()):
        assert "(4, 1, 3, 3)" in text and "the first" not in text


def test_the_legend_tells_what_a_cell_is() -> None:
    assert "entries or means of blocks, negative" in svg(GraphData((node(random(3, 4, 4)),), ()))
    both = GraphData((node(random(3, 4, 4)), node(random(30))._replace(id="n1")), ())
    assert "entries or means of columns and blocks, negative" in svg(both)
    assert "entries or means of columns, negative" in svg(GraphData((node(random(30)),), ()))


def test_dark_pictures_are_dark() -> None:
    text = svg(GraphData((node(random(3, 4, 4)),), (), theme="dark"))
    light = {look.PAPER[0], look.PLUS[0], look.MINUS[0]}
    assert not light & set(re.findall(r' fill="(#\w+)"', text))


# ---- what an operation shows itself -------------------------------------------------------------


def scores(x: Any) -> tuple[Any, Any]:
    e = np.exp(x)
    return np.log(e.sum()), e


def scores_rule(g: Any, y: Any, x: Any, saved: Any) -> Any:
    return g * np.exp(x - y)


def the_shares(y: Any, x: Any, saved: Any) -> Any:
    return saved / saved.sum()


def test_an_operation_says_what_there_is_to_see() -> None:
    operation = primitive(scores, scores_rule, saves=True, shows=the_shares)
    values = np.log([[[1.0, 2.0], [4.0, 1.0]], [[6.0, 1.0], [0.5, 0.5]]])
    x = Tensor(values, requires_grad=True, name="x")
    y = operation(x)
    shown = record(y).nodes[-1].shown
    np.testing.assert_allclose(shown["the shares"], np.exp(x.data) / 16)
    assert ">the shares<" in draw(y).to_svg()
    assert "\n     the shares an array (2, 2, 2), norm 0.4821, entries" in str(explain(y, x))
    assert "`the shares: an array (2, 2, 2), norm" in explain(y, x)._repr_markdown_()
    for again in (copy.deepcopy(shown), pickle.loads(pickle.dumps(shown))):
        assert again.keys() == {"the shares"}
    y.backward(retain_graph=False)
    assert record(y).nodes[-1].shown == {}  # freed, and what was kept with it


def test_it_is_shown_whatever_the_arguments() -> None:
    def double(x: Any, factor: float = 2.0) -> Any:
        return factor * x

    def used(y: Any, x: Any, factor: float = 2.0) -> Any:
        return np.full(3, factor)

    operation = primitive(double, lambda g, y, x, factor=2.0: factor * g, shows=used)
    x = Tensor(3.0, requires_grad=True)
    assert record(operation(x)).nodes[-1].shown["used"].tolist() == [2, 2, 2]
    assert record(operation(x, factor=5.0)).nodes[-1].shown["used"].tolist() == [5, 5, 5]
    operation = primitive(double, lambda g, y, x, factor=2.0: factor * g)
    assert record(operation(x)).nodes[-1].shown == {}


@pytest.mark.parametrize("wrong", ["weights", 3, {"a": 1}])
def test_what_is_no_function_cannot_show(wrong: Any) -> None:
    with pytest.raises(TypeError, match="shows is a function"):
        primitive(lambda x: x, lambda g, y, x: g, shows=wrong)


def test_the_members_of_a_list_have_a_text_each() -> None:
    def joined(parts: Any) -> Any:
        return parts[0] * parts[1]

    def rule(g: Any, y: Any, parts: Any) -> list[Any]:
        return [g * parts[1], g * parts[0]]

    a, b = Tensor(2.0, requires_grad=True), Tensor(3.0, requires_grad=True, name="b")
    y = primitive(joined, rule, formula={"left": "g right", "right": "g left"})([a, b])
    assert explain(y, a, names={"a": a}).uses[0].rule == "∂joined(a, b)/∂a = b"
    assert explain(y, b).uses[0].rule == "∂joined(left, b)/∂b = left"
    assert explain(y, b).uses[0].expression == "joined(left, b)"
    assert record(y).nodes[-1].formula == "g right, g left"
    with pytest.raises(TypeError, match="formula is the derivative in symbols"):
        primitive(joined, rule, formula={"left": 3})


# ---- in the page --------------------------------------------------------------------------------


def attended() -> Any:
    q, k, v = (Tensor(random(2, 4, 3, seed=n), requires_grad=True, name=c)
               for n, c in enumerate("qkv"))  # fmt: skip
    return draw((nn.functional.scaled_dot_product_attention(q, k, v) ** 2).sum())


def test_the_page_has_what_is_shown() -> None:
    known = {n["id"]: n for n in content(attended().to_html())["nodes"]}
    assert len(known["n3"]["shown"]["weights"]["rows"]) == 8
    assert all("shown" not in n for name, n in known.items() if name != "n3")


@needs_browser
def test_the_details_of_a_node_have_its_pictures(tmp_path: Path) -> None:
    found = drive(html(attended().data), """
        const seen = () => {
          const box = document.querySelector("#details");
          return [[...box.querySelectorAll("h3")].map((one) => one.textContent),
                  [...box.querySelectorAll("svg")].map((one) => one.getAttribute("viewBox"))];
        };
        const pick = () => document.querySelector("[data-node=n3]").dispatchEvent(
          new MouseEvent("click", {bubbles: true}));
        $("first").click(); pick();
        const early = seen();
        $("last").click();
        report([early, seen()]);
    """, tmp_path)  # fmt: skip
    early, late = found
    assert early == [["Value", "Gradient, ∂L/∂n3", "Uses"], []]
    assert late[0] == ["Value", "weights", "Gradient, ∂L/∂n3", "Uses"]
    assert late[1] == ["0 0 99 64", "0 0 131 64", "0 0 99 64"]
