"""Graph, `record` and `draw` as users meet them: options, errors, how a graph shows itself."""

from __future__ import annotations

import os
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
from autograd import Graph, Tensor, draw, record
from tests import ROOT


def curve() -> Tensor:
    x = Tensor(3.0, requires_grad=True, name="x")
    return x * x + 2 * x


def test_one_line_of_repr() -> None:
    assert repr(draw(curve())) == "Graph(5 nodes, 6 edges; output ())"
    x = Tensor(np.ones((32, 10)), requires_grad=True)
    assert repr(draw(x + 1)) == "Graph(3 nodes, 2 edges; output (32, 10))"
    assert repr(draw(x)) == "Graph(1 node, 0 edges; output (32, 10))"
    assert repr(draw([x + 1, x.sum()])).endswith("outputs (32, 10), ())")


def test_printing_gives_the_tree() -> None:
    graph = draw(curve())
    assert str(graph) == graph.to_text()


def test_what_a_notebook_is_given() -> None:
    bundle = draw(curve())._repr_mimebundle_()
    assert set(bundle) == {"image/svg+xml", "text/html", "text/x-mermaid", "text/plain"}
    assert bundle["image/svg+xml"].lstrip().startswith(("<svg", "<?xml"))
    assert bundle["text/x-mermaid"].startswith("flowchart")


@pytest.mark.parametrize("suffix", [".txt", ".mmd", ".dot", ".svg", ".html"])
def test_saving_by_suffix(suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"graph{suffix}"
    draw(curve()).save(file)
    assert len(file.read_text(encoding="utf-8")) > 50


@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_directions(direction: str) -> None:
    graph = draw(curve(), direction=direction)
    assert graph.direction == direction
    assert graph.to_mermaid().startswith(f"flowchart {direction}")


def test_depth_folds_and_the_full_graph_is_kept() -> None:
    model = nn.MLP([2, 3, 1])
    graph = draw(model(np.ones((4, 2))).sum(), depth=0)
    assert len(graph.nodes) == 3
    assert len(graph.fold(1).nodes) == 5
    assert len(graph.fold(None).nodes) == len(record(model(np.ones((4, 2))).sum()).nodes)


def test_without_gradients() -> None:
    graph = draw(curve(), grads=False)
    assert not graph.data.grads
    assert {node.state for node in graph.nodes} == {"constant", "not computed"}


@pytest.mark.parametrize(("options", "kind", "text"), [
    ({"direction": "up"}, ValueError, "direction is 'LR' .* got 'up'"),
    ({"direction": None}, ValueError, "got None"),
    ({"values": "all"}, ValueError, "values is 'auto', True .* got 'all'"),
    ({"values": 1}, ValueError, "got 1"),
    ({"depth": -1}, ValueError, "depth is at least 0, got -1"),
    ({"depth": "all"}, TypeError, "depth is an int, got str"),
    ({"depth": True}, TypeError, "depth is an int, got bool"),
    ({"max_nodes": 0}, ValueError, "max_nodes is at least 1, got 0"),
    ({"max_nodes": 1.5}, TypeError, "max_nodes is an int, got float"),
    ({"names": ["x"]}, TypeError, r"names=locals\(\)"),
], ids=lambda value: str(value)[:30])  # fmt: skip
def test_wrong_options(options: dict[str, Any], kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        draw(curve(), **options)


def test_a_folding_depth_is_checked_too() -> None:
    with pytest.raises(ValueError, match="fold: depth is at least 0"):
        draw(curve()).fold(-2)


def test_an_array_is_no_output() -> None:
    with pytest.raises(TypeError, match=r"draw needs the Tensor .* got ndarray"):
        draw(np.ones(3))


def test_a_chain_longer_than_the_stack_is_drawn() -> None:
    x = Tensor(1.0, requires_grad=True)
    y: Any = x
    for _ in range(5_000):
        y = y + x
    graph = draw(y, max_nodes=20_000)
    assert len(graph.nodes) == 5_001 and float(graph.nodes[0].gradient) == 5_001.0


def test_a_drawing_holds_no_tensor() -> None:
    y = curve()
    gone = weakref.ref(y)
    graph = draw(y)
    del y
    assert gone() is None and len(graph.nodes) == 5


PROGRAM = """
import numpy as np, nn
from autograd import draw
nn.manual_seed(0)
model = nn.MLP([2, 4, 1])
graph = draw(model(np.arange(6.0).reshape(3, 2)).sum(), names={"model": model})
print(graph.to_text(), graph.to_mermaid(), graph.to_dot(), graph.to_svg("own"), graph.to_html())
"""


def test_the_same_program_gives_the_same_bytes() -> None:
    def run(seed: str) -> bytes:
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        return subprocess.run(
            [sys.executable, "-c", PROGRAM], capture_output=True, check=True, env=environment,
            cwd=ROOT,
        ).stdout  # fmt: skip

    first = run("1")
    assert len(first) > 10_000
    assert run("2") == first


def test_a_graph_is_made_of_data() -> None:
    data = record(curve()).data
    assert Graph(data).nodes == data.nodes
    assert Graph(data).notes == () and Graph(data).groups == ()
