"""DOT: what Graphviz reads, with every label as it was meant."""

from __future__ import annotations

import re
import shutil
import subprocess
import xml.etree.ElementTree as ET

import pytest

from autograd import Tensor, draw
from autograd.drawing.writers.dot import dot, quoted
from autograd.drawing.writers.labels import clean, lines
from autograd.drawing.writers.look import KINDS
from tests.drawing.test_mermaid import NAMES, hostile
from tests.drawings import DRAWINGS, made, neuron

needs_dot = pytest.mark.skipif(not shutil.which("dot"), reason="the program dot is not installed")


def svg_of(source: str) -> ET.Element:
    """The picture that Graphviz draws, without a warning."""
    run = subprocess.run(
        ["dot", "-Tsvg"], input=source.encode(), capture_output=True, timeout=120, check=False
    )
    assert (run.returncode, run.stderr) == (0, b"")
    return ET.fromstring(run.stdout)


def marked(picture: ET.Element, kind: str) -> list[ET.Element]:
    return [g for g in picture.iter("{http://www.w3.org/2000/svg}g") if g.get("class") == kind]


def texts(element: ET.Element) -> list[str]:
    """The lines of a label; Graphviz writes spaces at the ends as hard ones."""
    found = element.iter("{http://www.w3.org/2000/svg}text")
    return [(text.text or "").replace("\xa0", " ") for text in found]


def a_power() -> Tensor:
    return Tensor(2.0, requires_grad=True) ** Tensor(3.0, requires_grad=True)


QUOTED = {
    "plain": ("a b", '"a b"'),
    "quotation marks": ('a "b"', r'"a \"b\""'),
    "backslashes mean nothing": (r"\N \n \l", r'"\\N \\n \\l"'),
    "at the end": ("a\\", r'"a\\"'),
    "entities mean nothing": ("&lt; &", '"&amp;lt; &amp;"'),
    "no HTML": ("<b>", '"<b>"'),
}


@pytest.mark.parametrize("told, expected", QUOTED.values(), ids=QUOTED)
def test_quoted(told, expected):
    assert quoted(told) == expected


def test_lines_are_joined():
    assert quoted("a", "b") == r'"a\nb"'


@pytest.mark.parametrize("name", DRAWINGS)
def test_every_node_edge_and_group_has_one_line(name):
    data = made(name)
    written = [line.strip() for line in dot(data).splitlines()]
    assert written[:2] == ["digraph {", f"rankdir={data.direction}"] and written[-1] == "}"
    assert sum("fillcolor=" in line for line in written) == len(data.nodes)
    assert sum(" -> " in line for line in written) == len(data.edges)
    assert sum(line.startswith("subgraph cluster_") for line in written) == len(data.groups)


def test_two_uses_show_what_each_adds():
    assert dot(made("a*a")).count('n0 -> n1 [label="adds 3"]') == 2


def test_direction_and_notes_are_told():
    data = draw(neuron(), direction="TB").data._replace(notes=("first", "second"))
    assert "rankdir=TB" in dot(data) and "first</td></tr>" in dot(data)


@pytest.mark.parametrize("direction, rows", [("TB", 1), ("LR", 2)])
def test_ports_stand_side_by_side_where_edges_come_from_above_and_else_below(direction, rows):
    line = next(line for line in dot(draw(a_power(), direction=direction).data).splitlines()
                if "port=" in line)  # fmt: skip
    inner = re.findall("<table[^>]*>((?:(?!<table).)*?)</table>", line)[0]
    assert inner.count("port=") == 2 and inner.count("<tr>") == rows


def test_the_legend_tells_the_kinds_that_are_there():
    (legend,) = (line for line in dot(made("neuron")).splitlines() if "label=<" in line)
    assert KINDS["output"].title in legend and KINDS["module"].title not in legend


@pytest.mark.parametrize("note", ["<b>", "a & b", "x" * 10_000, "</table>>", ""])
def test_notes_are_no_markup(note):
    data = made("neuron")._replace(notes=(note,))
    assert dot(data).count("<b>") == 0 and len(dot(data)) < 5_000
    assert "label=<" in dot(data)


def test_kinds_have_the_colours_of_the_pictures():
    fill, line = KINDS["input"].light
    assert f'fillcolor="{fill}" color="{line}"' in dot(made("neuron"))


@needs_dot
@pytest.mark.parametrize("name", [name for name in DRAWINGS if name != "300 nodes"])
def test_graphviz_draws_it_all(name):
    data, picture = made(name), svg_of(dot(made(name)))
    assert len(marked(picture, "node")) == len(data.nodes)
    assert len(marked(picture, "edge")) == len(data.edges)
    assert len(marked(picture, "cluster")) == len(data.groups)


@needs_dot
def test_labels_come_out_as_they_went_in():
    data = hostile(NAMES)
    picture = svg_of(dot(data))
    shown = {
        node.findtext("{http://www.w3.org/2000/svg}title"): texts(node)
        for node in marked(picture, "node")
    }
    assert shown == {node.id: lines(node, data) for node in data.nodes}
    for note in NAMES:
        assert (clean(note, 120) or " ") in texts(picture)
    titles = [text for group in marked(picture, "cluster") for text in texts(group)]
    assert sorted(titles) == sorted(filter(None, (clean(group.title) for group in data.groups)))
