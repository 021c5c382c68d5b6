"""Mermaid: charts that the real program draws, and labels that come out as they went in."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from autograd.drawing.writers.labels import clean, lines
from autograd.drawing.writers.look import KINDS
from autograd.drawing.writers.mermaid import mermaid
from autograd.graph.data import Edge, GraphData, Group, Node
from tests.drawings import DRAWINGS, made
from tests.pages import BROWSER, drive

# What `npm install mermaid` brings: node_modules/mermaid/dist/mermaid.min.js
MERMAID = os.environ.get("CHALKGRAD_MERMAID", "")
needs_mermaid = pytest.mark.skipif(
    not (BROWSER and MERMAID),
    reason="wants chromium, and the path of mermaid.min.js in CHALKGRAD_MERMAID",
)

# Names that Mermaid, its Markdown, its formulas or its icons would read as something else.
NAMES = [
    "a\"b'c", "<script>alert(1)</script>", "<b>x</b>&amp;&lt;", "end", "subgraph", "1. list",
    "- list", "+ list", "* star", "10. ten", "1) one", "12) twelve", "# head", "#35;", "#lt;",
    "&#60;", "`code`", "**bold** _it_ __x__", "$$x^2$$", "$x$", "ünïcode 漢字 😀", "new\nline",
    "x" * 10_000, "%%{init: {}}%%", "[link](http://x)", "http://a.b/c", "www.example.com",
    "e@f.com", "|pipe|", "{brace}", "\\n \\\\", "   pad   ", "~~~", "---", "===", "> quote", "1.",
    "a;b", "click n0 href", "-1.5", "1.2.3", "fa:fa-car", "\x1b[31m", "\u202eabc", "\ud800", "-",
    "+", "a -- b --> c", "0.weight", ":::x", "ﬂ°°60¶ß", "- 5", "\t- tab", "10%", "",
]  # fmt: skip


def hostile(names: list[str]) -> GraphData:
    """A leaf of each name, in a module of that name; all of them are added up."""
    nodes = [Node(f"n{k}", "input", name=name, value=1.0) for k, name in enumerate(names)]
    total = Node(f"n{len(nodes)}", "output", "add", value=1.0)
    groups = [Group(("m", str(k)), name, (f"n{k}",)) for k, name in enumerate(names)]
    edges = [Edge(node.id, total.id, k) for k, node in enumerate(nodes)]
    return GraphData((*nodes, total), tuple(edges), tuple(groups), notes=tuple(names))


def statements(data: GraphData) -> list[str]:
    return [line.strip() for line in mermaid(data).splitlines() if not line.startswith("%%")]


# ---- what is written --------------------------------------------------------------------------


@pytest.mark.parametrize("name", DRAWINGS)
def test_every_node_edge_and_group_has_one_line(name):
    data = made(name)
    written = statements(data)
    assert written[0] == f"flowchart {data.direction}"
    assert sum(":::" in line for line in written) == len(data.nodes)
    assert sum(" -->" in line for line in written) == len(data.edges)
    assert sum(line.startswith("subgraph ") for line in written) == len(data.groups)
    assert written.count("end") == len(data.groups)


def test_two_uses_show_what_each_adds():
    arrows = [line for line in statements(made("a*a")) if "-->" in line]
    assert arrows == ['n0 -->|"adds 3"| n1', 'n0 -->|"adds 3"| n1']


def test_kinds_have_the_colours_of_the_pictures():
    fill, line = KINDS["parameter"].light
    assert f"classDef parameter fill:{fill},stroke:{line}" in mermaid(made("network"))


def test_groups_lie_inside_their_groups():
    nodes = tuple(Node(f"n{k}", "operation", "sin") for k in range(3))
    groups = (Group(("a",), "a", ("n0", "n1")), Group(("a", "b"), "b", ("n1",)))
    shown = [
        line for line in statements(GraphData(nodes, (), groups)) if not line.startswith("class")
    ]
    assert [re.split(r"[(\[]", line)[0] for line in shown[1:]] == [
        "n2", "subgraph group0", "n0", "subgraph group1", "n1", "end", "end"
    ]  # fmt: skip


def test_two_calls_of_one_module_are_two_groups():
    nodes = tuple(Node(f"n{k}", "operation", "sin") for k in range(2))
    groups = (Group(("a",), "a", ("n0",)), Group(("a",), "a", ("n1",)))
    shown = statements(GraphData(nodes, (), groups))
    assert [line[:3] for line in shown[1:7]] == ["sub", "n0(", "end", "sub", "n1(", "end"]


def test_strange_ids_are_replaced_everywhere():
    nodes = (Node('a"]', "input", name="a"), Node("end", "output", "sin"))
    shown = statements(GraphData(nodes, (Edge('a"]', "end"),)))
    assert shown[1].startswith("node0(") and "node0 --> node1" in shown


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_no_name_leaves_its_quotation_marks(name):
    for line in statements(hostile([name, "b"])):
        assert line.count('"') in (0, 2), line
        assert not re.search(r"[<>`{}|\\]", re.sub(r"<br/>|-->", "", line)), line
    assert "\x1b" not in mermaid(hostile([name])) and len(mermaid(hostile([name]))) < 3_000


def test_notes_are_comments_and_no_directives():
    notes = [line for line in mermaid(hostile(NAMES)).splitlines() if line.startswith("%%")]
    assert len(notes) == len(NAMES) and not any("{" in note for note in notes)


def test_charts_beyond_the_limits_say_what_to_set():
    nodes = [Node("n0", "input", name="x"), Node("n1", "output", "sum")]
    data = GraphData(tuple(nodes), tuple(Edge("n0", "n1", k) for k in range(501)))
    assert mermaid(data).startswith("%% Too large for Mermaid as it comes")
    assert "maxEdges: 501" in mermaid(data) and "Too large" not in mermaid(made("attention"))


# ---- what the real program draws --------------------------------------------------------------


def draws(charts: list[str], tmp_path: Path) -> list[Any]:
    """For each chart its labels and the number of its arrows; a text where Mermaid refuses.

    Charts with a hundred arrows are only read (None): to draw them takes long.
    """
    page = (
        f'<!doctype html><meta charset="utf-8"><script src="{Path(MERMAID).as_uri()}"></script>'
        "<body><div id='place'></div></body>"
    )
    script = """
        mermaid.initialize({startOnLoad: false, maxTextSize: 1e6, maxEdges: 2000});
        (async () => {
          const found = [];
          for (const [k, chart] of CHARTS.entries()) {
            try {
              await mermaid.parse(chart);
              if (chart.split("-->").length > 100) { found.push(null); continue; }
              $("place").innerHTML = (await mermaid.render("chart" + k, chart)).svg;
              const labels = (kind) => [...document.querySelectorAll(kind)].map((label) => {
                label.querySelectorAll("br").forEach((end) => end.replaceWith("\\n"));
                return label.textContent.replace(/\\u200b/g, "").trim();
              });
              found.push({nodes: labels(".node .nodeLabel"), groups: labels(".cluster .nodeLabel"),
                          arrows: document.querySelectorAll("path.flowchart-link").length,
                          elements: document.querySelectorAll("#place script, #place b").length});
            } catch (error) { found.push(String(error)); }
          }
          report(found);
        })();
    """.replace("CHARTS", json.dumps(charts).replace("<", "\\u003c"))
    return drive(page, script, tmp_path)


@needs_mermaid
def test_mermaid_reads_every_graph_and_draws_it(tmp_path):
    found = draws([mermaid(made(name)) for name in DRAWINGS], tmp_path)
    assert sum(drawn is not None for drawn in found) > len(DRAWINGS) / 2
    for name, drawn in zip(DRAWINGS, found, strict=True):
        data = made(name)
        assert not isinstance(drawn, str), f"{name}: {drawn}"
        if drawn is None:
            continue
        assert len(drawn["nodes"]) == len(data.nodes), name
        assert drawn["arrows"] == len(data.edges), name


@needs_mermaid
def test_labels_come_out_as_they_went_in(tmp_path):
    data = hostile([name for name in NAMES if name])
    (drawn,) = draws([mermaid(data)], tmp_path)
    assert isinstance(drawn, dict), drawn
    wanted = [[" ".join(line.split()) for line in lines(node, data)] for node in data.nodes]
    assert sorted(drawn["nodes"]) == sorted("\n".join(label) for label in wanted)
    titles = [" ".join(clean(group.title).split()) for group in data.groups]
    assert sorted(drawn["groups"]) == sorted(titles)
    assert drawn["elements"] == 0
