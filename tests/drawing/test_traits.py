"""What an operation is, it says itself: its name tells nothing, whatever else is called so."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import nn  # noqa: F401  (registers its operations)
from autograd import Tensor, defvjp, draw, explain, grad, primitive, record, rules
from autograd.drawing.layout.ranks import turns
from autograd.graph.traits import traits_of
from autograd.words.notation import encloses, terms_of, title
from autograd.words.numbers import alarms
from autograd.words.symbols import latex, rule, sign, sign_of
from autograd.words.telling import steps, words
from tests.cases import home_of

OURS = {op.name for function, op in rules.known() if home_of(function) != "tests"}
NAMES = sorted(OURS | {"linear", "mse_loss"})
each_name = pytest.mark.parametrize("name", NAMES)


def called(name: str, forward: Any, *rules_: Any, **said: Any) -> Any:
    """A learner's own operation of that name."""
    forward.__name__ = name
    return primitive(forward, *rules_, **said)


def unit(name: str, **said: Any) -> Any:
    """v/|v|: no element is treated alone."""

    def by_v(g: Any, y: Any, v: Any) -> Any:
        return (g - y * np.sum(g * y)) / np.sqrt(np.sum(v * v))

    return called(name, lambda v: v / np.sqrt(np.sum(v * v)), by_v, **said)


def doubled(name: str, **said: Any) -> Any:
    """2 u + 3 v, of two arguments that may not change places."""
    return called(
        name, lambda u, v: 2 * u + 3 * v,
        lambda g, y, u, v: 2 * g, lambda g, y, u, v: 3 * g, **said,
    )  # fmt: skip


def told(name: str, make: Any, *values: Any, **said: Any) -> list[str]:
    """All that is said in words of a graph with this operation."""
    tensors = {f"v{k}": Tensor(v, requires_grad=True) for k, v in enumerate(values)}
    output = np.sin(make(name, **said)(*tensors.values()))
    graph = draw(output, names=tensors)
    found = [graph.to_mermaid(), graph.to_dot()]
    for tensor in tensors.values():
        explanation = explain(output, tensor, names=tensors)
        found += [str(explanation), explanation._repr_markdown_()]
    for step in steps(graph.data):
        found += [step.title, step.symbols, step.numbers, step.reason]
        found += [f"{one.symbols} {one.numbers}" for one in step.additions]
    node = graph.nodes[-2]
    assert sign_of(node) == said.get("sign", sign(name, rules.Traits()))
    return found


CASES: dict[str, tuple[Any, ...]] = {
    "a vector": (unit, [3.0, -4.0]),
    "a matrix": (unit, [[3.0, -4.0], [0.0, 1.0]]),
    "a number": (unit, 3.0),
    "two": (doubled, [1.0, 2.0], [0.5, -1.0]),
    "two numbers": (doubled, 1.0, 2.0),
    "two matrices": (doubled, [[1.0, 2.0], [3.0, 4.0]], [[0.5, -1.0], [1.0, 1.0]]),
}


@pytest.mark.parametrize("name", [name for name in NAMES if title(name) == name])
def test_no_operation_is_told_by_its_name(name: str) -> None:
    neutral_name = "z" + "q" * (len(name) - 1)
    for case in CASES.values():
        expected = told(neutral_name, *case)
        shown = title(name) if name != "<lambda>" else "f"
        for text, neutral in zip(told(name, *case), expected, strict=True):
            spellings = {  # the sign in pictures, the title in explanations, words in steps
                neutral.replace(neutral_name, spelling)
                for spelling in (
                    shown,
                    sign(name, rules.Traits()),
                    words(name),
                    shown.replace("_", "\\_"),
                    shown.replace("_", r"\_"),
                )
            }
            assert _plain(text) in set(map(_plain, spellings)), name


def _plain(text: str) -> str:
    """Without what differs between spellings of one name: "my_op", "my op", and escapes of it."""
    for old in ("#95;", r"\_", "_", "\\mathrm", "\\text", "\\operatorname", "\\", "{", "}", "$"):
        text = text.replace(old, " ")
    return " ".join(text.split())


@each_name
def test_what_it_says_itself_is_told_under_any_name(name: str) -> None:
    blend = doubled(
        name, formula=("2 g", "3 g"), sign="⊞", pattern="{} ⊞ {}", elementwise=True, symmetric=True
    )
    a, b = Tensor([1.0, 2.0], True, name="a"), Tensor([3.0, 4.0], True, name="b")
    graph = record(blend(a, b))
    first, second = graph.edges
    node, inputs = graph.nodes[-1], list(graph.nodes[:2])
    assert sign_of(node) == "⊞"
    assert rule(node, first, inputs).symbols == "∂(a ⊞ b)/∂a = 2"
    assert rule(node, second, inputs).symbols == "∂(a ⊞ b)/∂b = 3"
    np.testing.assert_array_equal(first.local, [2, 2])
    assert turns(graph.data) == [0, 0]


@each_name
def test_units_are_dead_where_an_operation_says_that_it_rectifies(name: str) -> None:
    other = called(name, lambda x: x * 0, lambda g, y, x: g * 0)
    graph = record(other(Tensor(np.ones((50, 3)), requires_grad=True)))
    assert not [alarm for alarm in alarms(graph.nodes[-1]) if "dead" in alarm]


def test_a_condition_is_kept_where_numpys_where_has_one() -> None:
    def by_x(g: Any, y: Any, mask: Any, x: Any) -> Any:
        return np.where(mask, g, 0)

    own = called("where", lambda mask, x: np.where(mask, x, 0), None, by_x)
    x = Tensor([1.0, 2.0], requires_grad=True)
    assert not explain(own(np.array([True, False]), x), x).notes[1:]
    assert "conditions of where" in explain(np.where(x.data > 1, x, 0), x).notes[-1]


def test_order_counts_where_nothing_else_is_said() -> None:
    data = record(doubled("add")(Tensor(1.0, True), Tensor(2.0, True))).data
    assert turns(data) == [-0.5, 0.5]
    assert turns(record(Tensor(1.0, True) + Tensor(2.0, True)).data) == [0, 0]


def test_operations_that_are_summed_up_are_counted_by_their_own_signs() -> None:
    multiply = called("multiply", lambda x: x * 1.0, lambda g, y, x: g)
    y = Tensor(1.0, requires_grad=True)
    for _ in range(40):
        y = multiply(y)
    for _ in range(20):
        y = np.sin(y)
    picture = draw(y, max_nodes=10).to_svg(layout="own")
    assert "multiply 40 times" in picture and "× 40 times" not in picture
    for _ in range(20):
        y = y * y
    assert "× 1" in draw(y, max_nodes=10).to_svg(layout="own") or "multiply" in picture


FORMULAS: dict[str, tuple[str, str]] = {
    "an inner product": ("(g - y (y·g))/length", "∂L/∂v = (g - unit(v) (unit(v)·g))/length"),
    "a matrix": ("g @ J", "∂L/∂v = g @ J"),
    "g twice": ("g x + g", "∂L/∂v = g v + g"),
    "a sum": ("g - sum(g y)", "∂L/∂v = g - sum(g unit(v))"),
    "words": ("g where it is large", "∂L/∂v = g where it is large"),
}


@pytest.mark.parametrize(("formula", "expected"), FORMULAS.values(), ids=FORMULAS)
def test_a_formula_that_joins_elements_is_no_slope(formula: str, expected: str) -> None:
    v = Tensor([3.0, 4.0], requires_grad=True, name="v")
    graph = record(unit("unit", formula=formula)(v))
    assert rule(graph.nodes[-1], graph.edges[0], [graph.nodes[0]]).symbols == expected


def test_a_formula_that_says_only_a_derivative_is_one() -> None:
    v = Tensor([3.0, 4.0], requires_grad=True, name="v")
    cube = primitive(lambda v: v**3, lambda g, y, v: 3 * g * v * v, formula="3 x²")
    graph = record(cube(v))
    assert rule(graph.nodes[-1], graph.edges[0], [graph.nodes[0]]).symbols == "∂f(v)/∂v = 3 v²"


def test_a_derivative_without_the_gradient_is_not_told_as_that_of_the_output() -> None:
    x = Tensor([1.0, 2.0, 4.0], requires_grad=True, name="x")
    mean = primitive(np.mean, lambda g, y, x: np.full(3, g / 3), formula="1/3 mean(ones)")
    graph = record(mean(x) * 5.0)
    said = rule(graph.nodes[1], graph.edges[0], [graph.nodes[0]]).symbols
    assert said == "∂mean(x)/∂x = 1/3 mean(ones)"


@pytest.mark.parametrize("function", [np.std, np.var])
def test_the_rules_of_spread_multiply_with_the_gradient(function: Any) -> None:
    x = Tensor([1.0, 2.0, 4.0], requires_grad=True, name="x")
    graph = record(function(x) * 5.0)
    said = rule(graph.nodes[1], graph.edges[0], [graph.nodes[0]]).symbols
    assert said.startswith("∂L/∂x = ") and " g " in f" {said.partition('= ')[2]}"


ADJOINING: dict[str, tuple[Any, str]] = {
    "2x g": (lambda x: x * x, "5 × 2·3 = 5 × 6 = 30"),
    "3x²x g": (lambda x: 0.75 * x**4, "5 × 3·3²·3 = 5 × 81 = 405"),
    "g (1+x)x": (lambda x: x**2 / 2 + x**3 / 3, "5 × (1+3)·3 = 5 × 12 = 60"),
}


@pytest.mark.parametrize("formula", ADJOINING)
def test_factors_side_by_side_are_not_read_as_one_number(formula: str) -> None:
    function, numbers = ADJOINING[formula]
    x = Tensor(3.0, requires_grad=True, name="x")
    slope = grad(function(x), x)[0].item()
    made = primitive(function, lambda g, y, x: g * slope, formula=formula)
    graph = record(made(x) * 5.0)
    said = rule(graph.nodes[1], graph.edges[0], [graph.nodes[0]])
    assert said.numbers.endswith(numbers) and "23" not in said.symbols


VECTORS = [  # vectors have no ᵀ, whatever the operation is called
    ("A @ v", lambda A, v: A @ v, ["∂L/∂A = g ⊗ v", "∂L/∂v = Aᵀ g"]),
    ("v @ A", lambda A, v: v @ A, ["∂L/∂v = A g", "∂L/∂A = v ⊗ g"]),
    ("v @ v", lambda A, v: v @ np.sin(v), ["∂L/∂v = g x2", "∂L/∂x2 = g v"]),
    ("A @ A", lambda A, v: A @ np.sin(A), ["∂L/∂A = g x2ᵀ", "∂L/∂x2 = Aᵀ g"]),
]


@pytest.mark.parametrize(("compute", "expected"), [row[1:] for row in VECTORS],
                         ids=[row[0] for row in VECTORS])  # fmt: skip
def test_products_with_vectors(compute: Any, expected: list[str]) -> None:
    A, v = Tensor(np.eye(2) + 1, True, name="A"), Tensor([1.0, 2.0], True, name="v")
    graph = record(compute(A, v))
    nodes = {node.id: node for node in graph.nodes}
    edges = [edge for edge in graph.edges if edge.target == graph.nodes[-1].id]
    inputs = [nodes[edge.source] for edge in edges]
    assert [rule(graph.nodes[-1], edge, inputs).symbols for edge in edges] == expected


def test_a_node_written_by_hand_has_its_name_alone() -> None:
    from autograd.graph.data import Node

    for name, expected in (("add", "+"), ("relu", "relu"), ("mine", "mine"), ("matmul", "@")):
        assert sign_of(Node("n1", "operation", name)) == expected
    assert sign_of(Node("m0", "module", "add")) == "add"
    called("relu", lambda x: x, lambda g, y, x: g, sign="mine")
    assert sign("relu") == "relu"


def test_traits_are_plain_data() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    node = record(x * x).nodes[-1]
    for again in (copy.deepcopy(node.traits), pickle.loads(pickle.dumps(node.traits))):
        assert again.sign == "×" and again.names == ("x1", "x2")
    assert traits_of(node) is node.traits


@pytest.mark.parametrize(
    "function", [np.sin, primitive(np.sin, lambda g, y, x: g * np.cos(x))], ids=["numpy", "own"]
)
def test_a_ufunc_says_itself_that_it_is_elementwise(function: Any) -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    np.testing.assert_array_equal(record(function(x)).edges[0].local, np.cos(x.data))


def test_defvjp_takes_what_is_said_too() -> None:
    operation = rules.operations[np.sin]
    before, traits = operation.rules, operation.traits
    try:
        defvjp(np.sin, lambda g, y, x: g * np.cos(x), formula=("g cos x",), sign="∿",
               pattern="∿({})")  # fmt: skip
        x = Tensor(1.0, requires_grad=True, name="x")
        graph = record(np.sin(x))
        assert sign_of(graph.nodes[-1]) == "∿"
        said = rule(graph.nodes[-1], graph.edges[0], [graph.nodes[0]]).symbols
        assert said == "∂(∿(x))/∂x = cos x"
        assert graph.edges[0].local is not None  # a ufunc says itself that it is elementwise
    finally:
        operation.rules, operation._said = before, traits


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a formula that is none": ({"formula": 3}, "formula is the derivative in symbols"),
    "formulas that are none": ({"formula": (3, "g")}, "a tuple of such texts"),
    "too few formulas": ({"formula": ("g",)}, "one for each rule that is not None, here 2"),
    "a sign that is none": ({"sign": 3}, "sign is a text"),
    "a pattern that is none": ({"pattern": ["{}"]}, "pattern is a text"),
    "a pattern without places": ({"pattern": "a + b"}, "in the place of each argument"),
    "a pattern with names": ({"pattern": "{a} + {}"}, "no other braces"),
}


@pytest.mark.parametrize(("said", "expected"), REFUSED.values(), ids=REFUSED)
def test_what_is_said_wrongly_is_refused(said: dict[str, Any], expected: str) -> None:
    with pytest.raises(TypeError, match="mine: ") as caught:
        doubled("mine", **said)
    assert expected in str(caught.value)


def test_brackets_are_written_where_they_are_needed() -> None:
    norm = called("norm", lambda v: abs(v), lambda g, y, v: g * np.sign(v), pattern="‖{}‖")
    a, b = Tensor(1.0, True, name="a"), Tensor(2.0, True, name="b")
    graph = record(norm(a * b))
    edge = graph.edges[-1]
    ab = graph.nodes[2]._replace(name="a + b")
    assert terms_of(graph.nodes[-1], edge, [ab]).expression == "‖a + b‖"
    assert encloses("‖{}‖") and not encloses("{}²")
    assert latex(graph.nodes[-1], edge, [ab]).isprintable()
