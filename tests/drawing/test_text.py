"""The tree for terminals: what stands where, and that nothing is lost, however deep or wide."""

from __future__ import annotations

import numpy as np
import pytest

from autograd import draw
from autograd.drawing.writers.text import columns, text
from autograd.graph.data import Edge, GraphData, Node
from tests.drawings import DRAWINGS, HOSTILE, made
from tests.makers import leaf


def tree(output, **options):
    return draw(output, **options).to_text()


NEURON = """\
               value  gradient
^              1      1
├─ relu        1      2
│  └─ +        1      2
│     ├─ ×     -3     2
│     │  ├─ w  2      -3
│     │  └─ x  -1.5   4
│     └─ b     4      2
└─ 2           2      constant
"""

SHARED = """\
                 value  gradient  this use adds
×                9      1
├─ + (n2)        3      6         3
│  ├─ a (n0)     1      12        6
│  └─ +          2      6
│     ├─ ↑ a (n0)                 6
│     └─ 1       1      constant
└─ ↑ + (n2)                       3
"""


def test_output_at_the_top_and_inputs_below():
    from autograd import relu

    w, x, b = leaf(2.0, "w"), leaf(-1.5, "x"), leaf(4.0, "b")
    assert tree(relu(w * x + b) ** 2.0) == NEURON


def test_a_value_used_twice_is_written_once_and_its_uses_add_up():
    a = leaf(3.0, "a")
    assert tree(a * a) == (
        "             value  gradient  this use adds\n"
        "×            9      1\n"
        "├─ a (n0)    3      6         3\n"
        "└─ ↑ a (n0)                   3\n"
    )


def test_shapes_and_dtypes_have_a_column_where_there_are_any():
    shown = tree(np.sum(leaf(np.ones((4, 3)), "x", np.float32) * 2))
    assert "shape (float32)" in shown.splitlines()[0] and "(4, 3)" in shown
    assert "shape" not in tree(leaf(1.0, "x") * 2.0)


def data(state, **options):
    node = Node("n0", "input", name="x", value=1.0, state=state)
    return GraphData((node, Node("n1", "output", "sin", value=0.8)), (Edge("n0", "n1"),), **options)


@pytest.mark.parametrize("state", ["not computed", "constant", "freed"])
def test_states_without_a_gradient_are_told_apart(state):
    assert text(data(state)).splitlines()[2].split("  ")[-1].strip() == state


def test_zero_is_a_number():
    assert tree(leaf(3.0, "x") * 0.0).splitlines()[2].split() == ["├─", "x", "3", "0"]


def test_without_gradients_there_is_no_column_for_them():
    shown = tree(leaf(3.0, "x") * 2.0, grads=False)
    assert "gradient" not in shown and "value" in shown


def test_without_values_shapes_remain():
    shown = tree(np.sum(leaf([3.0, 4.0], "x") * 2.0), values=False)
    assert "(2,)" in shown and not [n for n in ("value", "gradient", "computed") if n in shown]


def test_without_values_a_gradient_that_is_missing_is_told_all_the_same():
    x = leaf([3.0, 4.0], "x")
    last = np.sum(np.exp(x))
    last.backward(retain_graph=False)
    assert "freed" in tree(last, values=False)


def test_a_gradient_that_is_only_rounding_is_0():
    x = leaf(0.1, "x")
    row = next(line for line in tree(x * 1.1 + x * 2.2 - x * 3.3).splitlines() if "─ x" in line)
    assert row.split()[-3:] == ["0.1", "0", "1.1"]


def test_what_should_stand_out_is_listed_below():
    shown = text(made("division by zero"))
    assert "log (n3) ⚠" in shown and "⚠ log (n3): inf in the value\n" in shown


def test_many_alarms_are_counted():
    x = leaf(np.nan, "x")
    for _ in range(30):
        x = x * 1.0
    assert text(draw(x).data).endswith("more\n")


def test_notes_are_the_last_lines():
    note = "Only the beginning is shown. " * 8
    lines = text(data("computed", notes=(note,)), width=60).splitlines()
    assert lines[-5].startswith("Note: Only") and max(map(len, lines)) <= 60
    assert " ".join(line.strip() for line in lines[-5:]).endswith("shown.")


@pytest.mark.parametrize("width", [40, 60, 100])
@pytest.mark.parametrize("name", DRAWINGS)
def test_no_line_is_wider_than_asked(name, width):
    lines = text(made(name), width).splitlines()
    assert max(map(columns, lines)) <= width


@pytest.mark.parametrize("name", DRAWINGS)
def test_every_node_stands_there_once_and_every_use_has_a_line(name):
    drawn = made(name)
    shown = text(drawn, 400)
    lines = shown.splitlines()
    lines = lines[1 : 1 + sum(not line.startswith(("⚠", "Note:")) for line in lines[1:])]
    sections = sum(not line.startswith(("│", "├", "└", " ")) for line in lines)
    assert len(lines) == len(drawn.edges) + sections


@pytest.mark.parametrize("width", [39, 0, -1])
def test_too_narrow(width):
    with pytest.raises(ValueError, match=rf"at least 40 columns, got {width}"):
        text(data("computed"), width)


def chain(length, both):
    """x after x; with `both`, each step uses the first x as well."""
    nodes = [Node("n0", "input", name="x", value=1.0)]
    edges = []
    for k in range(1, length + 1):
        nodes.append(Node(f"n{k}", "operation", "add", value=1.0))
        edges.append(Edge(f"n{k - 1}", f"n{k}"))
        edges += [Edge("n0", f"n{k}", 1)] * both
    return GraphData(tuple(nodes), tuple(edges))


@pytest.mark.parametrize("both", [False, True], ids=["one input", "two inputs"])
def test_a_chain_of_ten_thousand_stays_on_the_screen(both):
    lines = text(chain(10_000, both)).splitlines()
    assert max(map(columns, lines)) <= 100
    assert sum("└─ ↓ + (n" in line or "├─ ↓ + (n" in line for line in lines) == 999
    assert len(lines) == 1 + (20_000 if both else 10_000) + 1000


def test_sections_are_found_by_their_id():
    shown = text(chain(25, False)).splitlines()
    deferred = [line.split("(")[1].split(")")[0] for line in shown if "↓" in line]
    heads = [line.split()[1].strip("()") for line in shown[2:] if line.startswith("+ ")]
    assert deferred == heads == ["n15", "n5"]


def test_hostile_names_stay_in_their_line():
    shown = text(made("hostile"))
    assert "\x1b" not in shown and "\x00" not in shown and "\u202e" not in shown
    assert "\\x1b" in tree(leaf(1.0, "\x1b[31m") * 2.0)
    assert len(HOSTILE) > 40 and shown.encode()


def test_wide_letters_are_counted_twice():
    assert columns("漢字") == 4 and columns("é") == 1 and columns("e\u0301") == 1


def test_the_same_bytes_every_time():
    assert text(made("attention")) == text(made("attention"))
