"""SVG drawings: well-formed, nothing slips in, nothing is cut off, everything is told."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograd import Tensor
from autograd.drawing.writers.look import KINDS, text_width
from autograd.drawing.writers.svg import svg
from autograd.graph.data import Edge, GraphData, Group, Node
from autograd.graph.recorder import record_data
from autograd.words.names import cleaned
from tests import ROOT
from tests.drawings import DRAWINGS, HOSTILE, made

SVG = "{http://www.w3.org/2000/svg}"
ELEMENTS = {"svg", "title", "desc", "style", "g", "rect", "path", "text"}
ATTRIBUTES = {
    "class", "role", "aria-label", "viewBox", "width", "height", "font-family", "font-size",
    "font-weight", "text-anchor", "x", "y", "rx", "d", "fill", "fill-opacity", "stroke",
    "stroke-width", "stroke-dasharray", "transform", "id", "data-node", "data-edge", "data-source",
    "data-target", "data-edge-label",
}  # fmt: skip

each_drawing = pytest.mark.parametrize("name", DRAWINGS)
each_direction = pytest.mark.parametrize("direction", ["LR", "TB"])

_drawn: dict[tuple[str, str], str] = {}


def drawn(name: str, direction: str = "LR") -> str:
    key = name, direction
    if key not in _drawn:
        _drawn[key] = svg(made(name)._replace(direction=direction), "own")
    return _drawn[key]


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text.encode("utf-8"))


def texts(element: ET.Element) -> list[str]:
    return [text.text or "" for text in element.iter(f"{SVG}text")]


def one(kind: str = "input", **told: Any) -> GraphData:
    return GraphData((Node("n0", kind, **told),), ())


def element(text: str, **attributes: str) -> ET.Element:
    """The one element that has these attributes."""
    (found,) = (
        e for e in parsed(text).iter()
        if all(e.get(name.replace("_", "-")) == value for name, value in attributes.items())
    )  # fmt: skip
    return found


def box(rect: ET.Element) -> tuple[float, ...]:
    """left, top, right, bottom"""
    x, y, width, height = (float(rect.get(name) or 0) for name in ("x", "y", "width", "height"))
    return x, y, x + width, y + height


# ---- well-formed, and nothing slips in ----------------------------------------------------------


@each_drawing
@each_direction
def test_is_xml_of_known_elements_and_attributes(name: str, direction: str) -> None:
    root = parsed(drawn(name, direction))
    assert {e.tag.removeprefix(SVG) for e in root.iter()} <= ELEMENTS
    assert {a for e in root.iter() for a in e.attrib} <= ATTRIBUTES
    assert root.get("role") == "img" and root.get("aria-label")
    assert [child.tag.removeprefix(SVG) for child in root[:2]] == ["title", "desc"]


@each_drawing
def test_every_node_and_every_edge_can_be_found(name: str) -> None:
    root, data = parsed(drawn(name)), made(name)
    groups = {e.get("id"): e.get("data-node") for e in root.iter() if e.get("data-node")}
    assert groups == {f"node-{node.id}": node.id for node in data.nodes}
    edges = [e for e in root.iter() if e.get("data-edge")]
    assert [e.get("data-edge") for e in edges] == [str(k) for k in range(len(data.edges))]
    ends = [(e.get("data-source"), e.get("data-target")) for e in edges]
    assert ends == [(edge.source, edge.target) for edge in data.edges]


def test_hostile_names_stay_texts() -> None:
    text = drawn("hostile")
    title = element(text, id="node-n0").find(f"{SVG}title")
    assert title is not None and cleaned(HOSTILE) in (title.text or "")
    assert "<script" not in text and "\x00" not in text and "\x1b" not in text
    text.encode("utf-8")  # no lone surrogates


@pytest.mark.parametrize("where", ["id", "kind", "operation", "name", "dtype", "scope", "settings"])
def test_hostile_data_stays_text(where: str) -> None:
    told: Any = {"scope": (HOSTILE,), "settings": {HOSTILE: HOSTILE}}.get(where, HOSTILE)
    node = Node("n0", "operation", "add", shape=(2,))._replace(**{where: told})
    group = Group((HOSTILE,), HOSTILE, (node.id,))
    root = parsed(svg(GraphData((node,), (), (group,), notes=(HOSTILE,)), "own"))
    assert {e.tag.removeprefix(SVG) for e in root.iter()} <= ELEMENTS
    assert {a for e in root.iter() for a in e.attrib} <= ATTRIBUTES


def test_a_long_name_of_a_parameter_stands_in_two_lines() -> None:
    name = "encoder.layers.0.self_attention.in_projection_weight"
    told = texts(element(svg(one("parameter", name=name), "own"), id="node-n0"))
    assert told[:2] == ["encoder.layers.0.self_attention.", "in_projection_weight"]


def test_a_long_name_is_shortened_on_the_card_and_whole_in_its_title() -> None:
    name = "a" * 5000 + "z" * 5000
    node = element(svg(one(name=name), "own"), id="node-n0")
    assert re.fullmatch("a+…z+", texts(node)[0]) and len(texts(node)[0]) < 40
    assert name in (node.findtext(f"{SVG}title") or "")


PROGRAM = """
from tests.drawings import made
from autograd.drawing.writers.svg import svg
import sys
for name in ("attention", "scalar layer", "hostile"):
    sys.stdout.buffer.write(svg(made(name), "own").encode())
"""


def test_the_same_bytes_on_every_run() -> None:
    runs = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT), "PATH": ""},
        ).stdout
        for seed in ("1", "2")
    ]  # fmt: skip
    assert runs[0] == runs[1] and len(runs[0]) > 10_000


# ---- nothing is cut -----------------------------------------------------------------------------


@each_drawing
@each_direction
def test_labels_fit_their_cards(name: str, direction: str) -> None:
    for node in parsed(drawn(name, direction)).iter():
        if not node.get("data-node"):
            continue
        box = [r for r in node if r.get("class") in KINDS][0]
        left, width = (float(box.get(key) or 0) for key in ("x", "width"))
        for text in node.iter(f"{SVG}text"):
            size, bold = float(text.get("font-size") or 11), bool(text.get("font-weight"))
            wide, x = text_width(text.text or "", size, bold), float(text.get("x") or 0)
            start = x - wide if text.get("text-anchor") == "end" else x
            assert left + 3 <= start and start + wide <= left + width - 3, text.text


@each_drawing
@each_direction
def test_labels_of_edges_touch_no_card_no_title_and_no_other_label(
    name: str, direction: str
) -> None:
    root = parsed(drawn(name, direction))
    grounds = [box(g[0]) for g in root.iter(f"{SVG}g") if g.get("data-edge-label")]
    cards = [box(g[1]) for g in root.iter(f"{SVG}g") if g.get("data-node")]
    titles = [box(r) for r in root.findall(f"{SVG}g/{SVG}rect[@class='paper']")]
    assert (len(cards), len(titles)) == (len(made(name).nodes), len(made(name).groups))
    for k, one in enumerate(grounds):
        for other in (*cards, *titles, *grounds[k + 1 :]):
            across = min(one[2], other[2]) - max(one[0], other[0])
            assert across < 3 or min(one[3], other[3]) - max(one[1], other[1]) < 3


@each_drawing
def test_texts_of_a_line_do_not_touch(name: str) -> None:
    for node in parsed(drawn(name)).iter():
        rows: dict[str, list[ET.Element]] = {}
        for text in node.iter(f"{SVG}text") if node.get("data-node") else ():
            rows.setdefault(text.get("y") or "", []).append(text)
        for left, right in (row for row in rows.values() if len(row) == 2):
            ends = [float(t.get("x") or 0) for t in (left, right)]
            sizes = [(float(t.get("font-size") or 11), bool(t.get("font-weight")))
                     for t in (left, right)]  # fmt: skip
            wide = [text_width(t.text or "", *size) for t, size in zip((left, right), sizes)]
            assert ends[0] + wide[0] + 5 <= ends[1] - wide[1], (left.text, right.text)


BROWSER = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome", "chrome")
     if (path := shutil.which(name))), None
)  # fmt: skip
MEASURE = """
const cut = [];
for (const node of document.querySelectorAll("[data-node]")) {
  const card = node.querySelector("rect").getBBox();
  for (const text of node.querySelectorAll("text")) {
    const box = text.getBBox();
    if (box.x < card.x || box.x + box.width > card.x + card.width ||
        box.y < card.y || box.y + box.height > card.y + card.height) cut.push(text.textContent);
  }
}
for (const svg of document.querySelectorAll("svg")) {
  const page = svg.getBoundingClientRect();
  for (const part of svg.querySelectorAll("text, rect, path")) {
    const box = part.getBoundingClientRect();
    if (box.left < page.left - 1 || box.right > page.right + 1 || box.top < page.top - 1 ||
        box.bottom > page.bottom + 1) cut.push(part.outerHTML.slice(0, 200));
  }
}
document.body.innerHTML = "";
document.title = JSON.stringify({cut, drawings: %d});
"""


@pytest.mark.skipif(BROWSER is None, reason="needs the browser chromium")
def test_a_browser_cuts_no_text_and_nothing_off_the_page(tmp_path: Path) -> None:
    names = [name for name in DRAWINGS if "hostile" not in name]
    pictures = "\n".join(drawn(name, way) for name in names for way in ("LR", "TB"))
    page = tmp_path / "page.html"
    script = MEASURE % (2 * len(names))
    page.write_text(f"<!doctype html><meta charset=utf-8>{pictures}<script>{script}</script>",
                    encoding="utf-8")  # fmt: skip
    shown = subprocess.run(
        [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}",
         "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=120,
    ).stdout  # fmt: skip
    found = re.search("<title>(.*?)</title>", shown.split("</svg>")[-1])
    assert found is not None, shown[-2000:]
    assert json.loads(found[1]) == {"cut": [], "drawings": 2 * len(names)}


@pytest.mark.skipif(shutil.which("rsvg-convert") is None, reason="needs the program rsvg-convert")
def test_a_program_without_style_sheets_draws_it_light(tmp_path: Path) -> None:
    (tmp_path / "a.svg").write_text(drawn("network"), encoding="utf-8")
    run = subprocess.run(
        ["rsvg-convert", "a.svg", "-o", "a.png"], cwd=tmp_path, capture_output=True, text=True
    )
    assert run.returncode == 0 and not run.stderr
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


# ---- what is told -------------------------------------------------------------------------------


def test_a_node_tells_its_name_value_and_gradient() -> None:
    a = Tensor(3.0, requires_grad=True, name="a")
    node = element(svg(record_data(a * a), "own"), data_node="n0")
    assert texts(node) == ["a", "value", "3", "grad", "6"]


def test_both_edges_of_a_square_tell_their_share() -> None:
    root = parsed(drawn("a*a"))
    labels = [texts(e) for e in root.iter() if e.get("data-edge-label")]
    assert labels == [["3"], ["3"]]


def test_sums_over_stretched_axes_are_told() -> None:
    labels = [texts(e) for e in parsed(drawn("broadcasting")).iter() if e.get("data-edge-label")]
    assert ["Σ axis 0"] in labels


@pytest.mark.parametrize("state, gradient, told", [
    ("computed", np.zeros(()), "0"),
    ("computed", np.full((), np.nan), "nan"),
    ("not computed", None, "not computed"),
    ("freed", None, "freed"),
    ("constant", None, "constant"),
])  # fmt: skip
def test_states_of_a_gradient_are_told_apart(state: str, gradient: Any, told: str) -> None:
    data = one(value=np.float64(1), gradient=gradient, state=state)
    assert texts(element(svg(data, "own"), id="node-n0"))[-2:] == ["grad", told]


def test_an_operation_tells_its_sign_its_name_and_its_settings() -> None:
    data = one("operation", operation="sum", name="total", settings={"axis": 1}, shape=(2,))
    assert texts(element(svg(data, "own"), id="node-n0"))[:3] == ["Σ", "total", "axis=1"]


def test_an_index_is_told_as_it_was_written() -> None:
    x = Tensor(np.ones((4, 3)), requires_grad=True)
    told = texts(element(svg(record_data(x[1:3, ..., 0]), "own"), id="node-n1"))
    assert told[:2] == ["x[i]", "i=1:3, ..., 0"]


def test_a_module_tells_what_it_holds() -> None:
    data = one("module", operation="Linear", name="0", parameters=1234, members=("n1", "n2"))
    told = texts(element(svg(data, "own"), id="node-n0"))
    assert told == ["0", "Linear", "1,234 parameters", "2 nodes"]


def test_alarms_stand_out() -> None:
    node = element(drawn("hostile"), id="node-n1")
    assert "! nan in the value" in texts(node)
    assert [rect for rect in node if rect.get("class") == "alarm-line"]


@pytest.mark.parametrize("change, hidden", [
    ({}, set()), ({"grads": False}, {"grad"}), ({"values": False}, {"value", "grad"}),
], ids=["all", "no gradients", "no values"])  # fmt: skip
def test_values_and_gradients_can_be_left_out(change: dict[str, Any], hidden: set[str]) -> None:
    data = made("neuron")._replace(**change)
    words = set(texts(element(svg(data, "own"), id="node-n0")))
    assert not words & hidden and ({"value", "grad"} <= words or hidden)


@pytest.mark.parametrize("state, told", [
    ("computed", []), ("constant", []), ("not computed", ["grad", "not computed"]),
    ("freed", ["grad", "freed"]),
])  # fmt: skip
def test_without_values_only_missing_gradients_are_told(state: str, told: list[str]) -> None:
    gradient = 1.0 if state == "computed" else None
    data = one("constant" if state == "constant" else "input", name="x", value=2.0, state=state,
               gradient=gradient)._replace(values=False)  # fmt: skip
    assert texts(element(svg(data, "own"), id="node-n0"))[1:] == told


def test_gradients_that_are_only_rounding_are_0() -> None:
    x = Tensor(0.1, requires_grad=True, name="x")
    data = record_data(x * 1.1 + x * 2.2 - x * 3.3)
    assert 0 < abs(data.nodes[0].gradient) < 1e-15
    told = texts(element(svg(data, "own"), id="node-n0"))
    assert told[-2:] == ["grad", "0"]


def test_large_arrays_are_a_strip_of_colours() -> None:
    data = one(value=np.linspace(-1, 1, 100), shape=(100,))
    rects = [r.get("class") for r in element(svg(data, "own"), id="node-n0").iter(f"{SVG}rect")]
    assert 7 <= rects.count("minus") <= 8 and 7 <= rects.count("plus") <= 8


def test_small_arrays_are_numbers() -> None:
    data = one(value=np.array([1.0, -2.5]), shape=(2,))
    assert "[1, -2.5]" in texts(element(svg(data, "own"), id="node-n0"))


def test_matrices_are_written_out_when_asked_for() -> None:
    data = one(value=np.arange(12.0).reshape(4, 3), shape=(4, 3))._replace(values=True)
    told = texts(element(svg(data, "own"), id="node-n0"))
    assert told[2:7] == ["value", "[0, 1, 2]", "[3, 4, 5]", "[6, 7, 8]", "[9, 10, 11]"]


# ---- legend -------------------------------------------------------------------------------------


def legend(text: str) -> list[str]:
    return texts(element(text, **{"class": "legend"}))


def test_the_legend_has_what_occurs_and_no_more() -> None:
    assert legend(drawn("shared")) == [
        "input", "operation", "output", "size of the gradient, 1 to 5"
    ]  # fmt: skip
    assert legend(svg(one("constant"), "own")) == ["constant (no gradient)"]


def test_the_legend_tells_of_zeros_and_of_what_is_not_finite() -> None:
    assert {"gradient 0", "nan or inf"} <= set(legend(drawn("division by zero")))


@each_drawing
def test_entries_of_the_legend_keep_apart(name: str) -> None:
    rows: dict[str, list[tuple[float, float]]] = {}
    for entry in element(drawn(name), **{"class": "legend"}).iter(f"{SVG}g"):
        x, _, y = (entry.get("transform") or "")[len("translate(") : -1].partition(" ")
        text = entry.find(f"{SVG}text")
        if text is not None and entry.get("class") != "legend":
            start = float(x)
            rows.setdefault(y, []).append(
                (start, start + float(text.get("x") or 0) + text_width(text.text or "", 11.0))
            )
    assert rows
    for row in rows.values():
        assert all(end + 10 < start for (_, end), (start, _) in zip(row, row[1:]))


def test_notes_are_wrapped_and_whole() -> None:
    note = "folded at depth 1: " + " ".join(f"word{k}" for k in range(60))
    lines = legend(svg(one()._replace(notes=(note,)), "own"))[1:]
    assert len(lines) > 1 and " ".join(lines) == note


@each_drawing
def test_every_colour_has_a_dark_one(name: str) -> None:
    root = parsed(drawn(name))
    style = root.findtext(f"{SVG}style") or ""
    dark = style.split("@media (prefers-color-scheme:dark)")[1]
    for e in root.iter():
        for what in ("fill", "stroke"):
            if (e.get(what) or "none") != "none":
                assert f".chalkgrad .{e.get('class')}{{{what}:" in dark


# ---- other layouts ------------------------------------------------------------------------------


def test_other_layouts_are_refused() -> None:
    with pytest.raises(ValueError, match="layout must be one of"):
        svg(one(), "circle")


def test_edges_of_any_order_are_drawn() -> None:
    nodes = tuple(Node(f"n{k}", "operation", "add") for k in range(3))
    edges = (Edge("n2", "n0"), Edge("n0", "n1"), Edge("n1", "n1"))
    root = parsed(svg(GraphData(nodes, edges), "own"))
    assert sum(1 for e in root.iter() if e.get("data-edge")) == 3
