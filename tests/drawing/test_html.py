"""The file of the page that steps through a graph: what is in it, and what cannot get into it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from autograd import Tensor
from autograd.drawing.writers import html as writer
from autograd.drawing.writers.html import html
from autograd.graph.data import GraphData, Node
from autograd.graph.folding import fold
from autograd.graph.recorder import record_data
from tests import ROOT
from tests.makers import leaf
from tests.pages import HOSTILE, Tags, content, markup, network, shared


def test_the_page_is_one_file_that_names_no_other() -> None:
    page = html(shared())
    tags = Tags(page).found
    assert not [a for _, a in tags if {"src", "href", "action", "data"} & set(a)
                and not (a.get("href") or "").startswith("#")]  # fmt: skip
    assert not {tag for tag, _ in tags} & {"link", "img", "iframe", "object", "embed", "base"}
    assert "@import" not in page and "url(http" not in page
    assert set(re.findall(r"https?://[\w.]+", page)) <= {"http://www.w3.org"}  # SVG's own name


def test_the_policy_allows_the_script_of_the_page_alone() -> None:
    ((_, meta),) = [
        (tag, a) for tag, a in Tags(html(shared())).found
        if a.get("http-equiv") == "Content-Security-Policy"
    ]  # fmt: skip
    policy = meta["content"] or ""
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "script-src 'unsafe-inline'" not in policy


def test_the_same_graph_gives_the_same_bytes() -> None:
    assert html(shared(), layout="own") == html(shared(), layout="own")


@pytest.mark.parametrize("name", HOSTILE)
def test_names_become_no_markup(name: str) -> None:
    usual, hostile = html(shared(), layout="own"), html(shared(HOSTILE[name]), layout="own")
    assert markup(hostile) == markup(usual)
    hostile.encode("utf-8")
    assert len(content(hostile)["nodes"]) == len(content(usual)["nodes"])


@pytest.mark.parametrize("name", HOSTILE)
def test_titles_notes_and_settings_become_no_markup(name: str) -> None:
    def page(text: str) -> str:
        node = Node("n0", "output", text, text, value=np.ones(2), shape=(2,), formula=text,
                    scope=(text,), settings={text[:40] or "x": text})  # fmt: skip
        return html(GraphData((node,), (), notes=(text,)), layout="own")

    usual, hostile = page("usual"), page(HOSTILE[name])
    assert "\x1b" not in hostile and hostile.encode("utf-8")
    assert markup(hostile) == markup(usual)
    assert content(hostile)["nodes"][0]["kind"] == "output"


def test_what_is_not_finite_is_told_in_words() -> None:
    x = leaf([np.inf, np.nan, 1.0])
    found = content(html(record_data(x * 2.0, {"x": x})))
    assert found["nodes"][0]["value"]["rows"] == [["inf", "nan", "1"]]


def test_small_values_come_with_their_entries_and_large_ones_with_statistics() -> None:
    x = leaf(np.arange(12.0).reshape(2, 2, 3))
    nodes = content(html(record_data(x.sum())))["nodes"]
    assert nodes[0]["value"]["rows"][3] == ["9", "10", "11"]
    y = leaf(np.zeros((32, 10)))
    nodes = content(html(record_data(y.sum())))["nodes"]
    assert "rows" not in nodes[0]["value"]
    assert "320 zeros among 320" in nodes[0]["value"]["about"]


def test_boxes_say_what_they_are() -> None:
    boxes = (Node("m0", "module", None, "70 earlier operations", members=("n0",)),
             Node("m1", "module", None, "MSELoss", members=("n1",)))  # fmt: skip
    nodes = content(html(GraphData(boxes, ())))["nodes"]
    told = [(n["label"], n["kind"], n["operation"]) for n in nodes]
    assert told == [("m0", "summary", "70 earlier operations"), ("MSELoss", "module", "MSELoss")]


def test_states_of_gradients_stay_apart() -> None:
    a, c = leaf(0.0), Tensor(2.0)
    nodes = content(html(record_data(a * c, {"a": a, "c": c})))["nodes"]
    assert [node["state"] for node in nodes] == ["computed", "constant", "computed"]
    assert [node["gradient"]["short"] for node in nodes if "gradient" in node] == ["2", "1"]


def test_a_zero_gradient_is_zero() -> None:
    a = leaf(0.0)
    nodes = content(html(record_data(a * a, {"a": a})))["nodes"]
    assert (nodes[0]["state"], nodes[0]["gradient"]["short"]) == ("computed", "0")


def test_a_network_is_offered_at_every_depth() -> None:
    full = network()
    page = html(fold(full, 0), full)
    views = content(page)["views"]
    counts = [len(box["folded"]) for box in views]
    assert counts[0] and counts[-1] == 0
    assert page.count("<template>") == len(views) - 1 == page.count("<option>") - 1


def test_every_node_has_its_box_and_every_use_its_edge_at_every_depth() -> None:
    full = network()
    for depth in (0, 1):
        view = fold(full, depth)
        ids = {node.id for node in view.nodes}
        known = content(html(view, full))
        boxes = known["views"][0]["boxes"]
        assert {boxes.get(node.id, node.id) for node in full.nodes} == ids
        for (source, target, *_), line in zip(known["edges"], known["views"][0]["edges"]):
            ends = boxes.get(source, source), boxes.get(target, target)
            assert (line == -1) == (ends[0] == ends[1])
            if line >= 0:
                assert ends == (view.edges[line].source, view.edges[line].target)


def test_the_two_uses_in_a_square_are_two_edges() -> None:
    a = leaf(3.0)
    assert content(html(record_data(a * a)))["views"][0]["edges"] == [0, 1]


@pytest.mark.parametrize("most", [9, 6, 5], ids=["all but one", "modules", "the outermost modules"])
def test_a_graph_with_too_many_nodes_is_stepped_through_with_modules_as_boxes(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = network()
    shown, finer = fold(full, 0), fold(full, 1)
    assert (len(shown.nodes), len(finer.nodes), len(full.nodes)) == (3, 6, 10)
    monkeypatch.setattr(writer, "MOST_STEPS", most)
    page = html(shown, full)
    known = content(page)
    assert len(known["nodes"]) == (6 if most >= 6 else 3)
    assert all(view["folded"] for view in known["views"])  # none is more detailed than the steps
    boxes = known["views"][0]["boxes"]
    drawn = {node.id for node in shown.nodes}
    assert {boxes.get(node["id"], node["id"]) for node in known["nodes"]} == drawn
    assert f"not of all {len(full.nodes)} nodes" in page


def test_what_is_drawn_in_full_is_stepped_through_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    full = network()
    monkeypatch.setattr(writer, "MOST_STEPS", 5)
    assert len(content(html(full, full))["nodes"]) == len(full.nodes)


def test_depths_with_too_many_boxes_are_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    full = network()
    monkeypatch.setattr(writer, "MOST_DRAWN", len(full.nodes) - 1)
    views = content(html(fold(full, 0), full))["views"]
    assert all(view["folded"] for view in views)


def test_a_long_chain_gives_a_file_of_moderate_size() -> None:
    x = leaf(np.ones(90))
    y = x
    for _ in range(300):
        y = y * 1.01
    assert len(html(record_data(y), layout="own")) < 3_000_000


def test_all_files_of_the_page_are_packed() -> None:
    folder = Path(writer.__file__).parent
    files = {file.name for file in folder.iterdir() if file.is_file() and file.suffix != ".py"}
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert '"drawing/writers/stepper*"' in project
    assert files and all(name.startswith("stepper") for name in files)
