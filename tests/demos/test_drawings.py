"""What the demos that draw graphs show, and that the pictures of the README are those they make."""

import argparse
import math
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from autograd import Tensor, draw
from demos import break_it, drawings
from demos.second_derivative import by_hand
from tests import ROOT
from tests.demos.test_demos import FILES, SKETCHING, run

PICTURES = ROOT / "demos" / "pictures"
NUMBER = re.compile(r"-?\d+\.?\d*(?:e[-+]?\d+)?|nan|inf")


def texts(svg):
    """All that is written in an SVG, in order: labels, and what the pointer shows."""
    elements = ElementTree.fromstring(svg).iter()
    return [e.text for e in elements if e.text and e.tag.split("}")[1] in ("text", "title", "desc")]


def alike(new, old):
    """Whether texts are the same but for rounding: numbers agree to three digits."""
    if NUMBER.sub("#", new) != NUMBER.sub("#", old):
        return False
    pairs = zip(NUMBER.findall(new), NUMBER.findall(old))
    return all(
        math.isclose(float(a), float(b), rel_tol=2e-3, abs_tol=1e-9) or a == b for a, b in pairs
    )


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """What each of the demos prints, and the folder with its files, in all forms but images."""
    folder = tmp_path_factory.mktemp("drawings")
    printed = {}
    for name in SKETCHING:
        formats = ["svg"] if name == "break_it" else ["svg", "html", "txt", "mmd", "dot"]
        printed[name] = run(f"demos/{name}.py", "--save", folder / name, "--formats", *formats)
    return printed, folder


# ---- the pictures of the README -----------------------------------------------------------------


@pytest.mark.parametrize("name", SKETCHING)
def test_pictures_of_the_readme_are_what_the_demo_draws(name, drawn):
    new = sorted((drawn[1] / name).glob("*.svg"))
    assert new, "no picture"
    for path in new:
        old = texts((PICTURES / path.name).read_text(encoding="utf-8"))
        assert [pair for pair in zip(texts(path.read_text("utf-8")), old) if not alike(*pair)] == []
        assert len(texts(path.read_text("utf-8"))) == len(old) > 10


@pytest.mark.parametrize("name", SKETCHING)
def test_every_picture_stands_in_the_section_of_its_demo(name, drawn):
    text = (ROOT / "demos/README.md").read_text(encoding="utf-8")
    section = text.split(f"\n## {name}.py: ")[1].split("\n## ")[0]
    shown = re.findall(r"!\[[^]]{15,}\]\(pictures/(\w+\.svg)\)", section)
    assert sorted(shown) == sorted(path.name for path in (drawn[1] / name).glob("*.svg"))


def test_no_picture_is_left_over(drawn):
    made = {path.name for path in drawn[1].rglob("*.svg")}
    assert {path.name for path in PICTURES.glob("*.svg")} == made


def test_the_pictures_of_the_front_page_are_there():
    shown = re.findall(r"!\[[^]]{15,}\]\(([^)]+)\)", (ROOT / "README.md").read_text("utf-8"))
    assert shown and [path for path in shown if not (ROOT / path).is_file()] == []


@pytest.mark.parametrize("first, second, same", [
    ("value 2.5", "value 2.5", True),
    ("value 0.7864, 3 nodes", "value 0.7865, 3 nodes", True),
    ("1.2e-17", "0", True),
    ("value 2.5", "value 2.6", False),
    ("value 2.5", "gradient 2.5", False),
    ("nan", "1", False),
])  # fmt: skip
def test_texts_are_compared_but_for_rounding(first, second, same):
    assert alike(first, second) == same


# ---- what all of them do ------------------------------------------------------------------------


@pytest.mark.parametrize("name", SKETCHING)
def test_prints_what_its_docstring_promises(name, drawn):
    promise = re.search(r"Expected(?s:.*?)\n\n((?:    .+\n)+)", FILES[name]).group(1)
    for line in promise.splitlines():
        assert f"{line.strip()}\n" in drawn[0][name]


@pytest.mark.parametrize("name", [name for name in SKETCHING if name != "break_it"])
def test_saves_each_graph_in_every_form(name, drawn):
    files = {path.suffix: path for path in (drawn[1] / name).iterdir()}
    assert sorted(files) == [".dot", ".html", ".mmd", ".svg", ".txt"]
    assert len({p.stem for p in (drawn[1] / name).iterdir()}) * 5 == len(
        list((drawn[1] / name).iterdir())
    )


@pytest.mark.parametrize("name", SKETCHING)
def test_other_seeds_give_other_numbers_and_hold_too(name, tmp_path):
    first, again, other = (
        run(f"demos/{name}.py", "--seed", seed, "--save", tmp_path, "--formats", "svg")
        for seed in "556"
    )
    assert first == again != other
    assert "NOT" not in other and "FAILED" not in other


@pytest.mark.parametrize("value", ["README.md", "no such folder/drawings"])
def test_refuses_places_that_are_no_folder(value):
    text = run("demos/draw_network.py", "--save", value, status=2)
    assert "argument --save: " in text and "folder" in text and "parameters" not in text


def test_refuses_other_formats():
    assert "jpeg" in run("demos/draw_network.py", "--formats", "jpeg", status=2)


# ---- each of them -------------------------------------------------------------------------------

WRONG_RULE = """
import numpy as np, sys
from autograd import defvjp
sys.argv = ["demos", "--only", "cross_entropy", "--formats"]
from demos import draw_expression
defvjp(np.log, lambda g, y, x: g / x / 2)
draw_expression.main()
"""


def test_expressions_fail_where_a_rule_is_wrong():
    text = run("-c", WRONG_RULE, status=1)
    assert "NOT as expected" in text and "1 of 1 checks FAILED" in text


def test_a_network_may_be_larger(tmp_path):
    arguments = ["--hidden", "64", "--layers", "4", "--formats", "--save", tmp_path / "new"]
    assert "12737 numbers in 10 arrays: 9 boxes" in run("demos/draw_network.py", *arguments)


def test_the_second_derivative_by_hand_is_right():
    w, x, nudge = 0.7, 1.3, 1e-5
    higher, lower = by_hand(w + nudge, x)[0], by_hand(w - nudge, x)[0]
    assert by_hand(w, x)[1] == pytest.approx((higher - lower) / (2 * nudge), rel=1e-8)


# ---- the wrong engines --------------------------------------------------------------------------


def tangle(x):
    """An expression in which most values are used several times."""
    a = x * x
    b = np.sin(a) * x + a
    c = b * a - b
    return c * c + b / (a + 2)


def gradients_of(graph, engine):
    found, _, _ = break_it.ENGINES[engine](graph)
    return [found[node.id] for node in graph.nodes if node.gradient is not None]


def test_the_right_engine_is_right():
    graph = draw(tangle(Tensor(0.8, requires_grad=True)))
    true = [float(node.gradient) for node in graph.nodes if node.gradient is not None]
    assert gradients_of(graph, "right") == pytest.approx(true, rel=1e-12)


@pytest.mark.parametrize("engine", ["equals", "once", "every time"])
def test_the_others_are_right_where_nothing_is_used_twice(engine):
    graph = draw(np.sin(Tensor(0.8, requires_grad=True) * 3) + 1)
    assert gradients_of(graph, engine) == pytest.approx(gradients_of(graph, "right"))


@pytest.mark.parametrize("engine", ["equals", "once", "every time"])
def test_and_wrong_where_values_are(engine):
    graph = draw(tangle(Tensor(0.8, requires_grad=True)))
    assert not np.isclose(gradients_of(graph, engine)[0], gradients_of(graph, "right")[0])


@pytest.mark.parametrize(
    "picture, panels, rings", [("order", 3, 2), ("equals", 2, 1), ("zero_grad", 2, 1)]
)
def test_panels_stand_side_by_side_and_what_is_wrong_is_ringed(picture, panels, rings, drawn):
    svg = (drawn[1] / f"break_it/break_it_{picture}.svg").read_text(encoding="utf-8")
    tree = ElementTree.fromstring(svg)
    inner = tree.findall("{*}svg")
    rights = [float(part.get("x")) + float(part.get("width")) for part in inner]
    assert len(inner) == panels and svg.count('class="ring"') == rings
    assert [float(part.get("x")) for part in inner] == [0, *rights[:-1]]
    assert float(tree.get("width")) == rights[-1]
    ids = [element.get("id") for element in tree.iter() if element.get("id")]
    assert len(ids) == len(set(ids)) > 10


def test_panels_are_saved_only_as_svg(tmp_path):
    args = argparse.Namespace(formats=[], save=tmp_path / "none")
    drawings.save_panels([], args, "name")
    assert not Path(args.save).exists()
