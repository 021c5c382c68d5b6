"""Signs of operations, and their rules in symbols and in numbers, against computed numbers."""

from __future__ import annotations

import functools
import re
from typing import Any

import numpy as np
import pytest

import autograd
import nn
from autograd import Tensor, primitive, record
from autograd.graph.data import Edge, Node
from autograd.ops.special import sinc_derivative
from autograd.words import formulas, notation
from autograd.words.numbers import short
from autograd.words.symbols import latex, latex_name, rule, sign
from tests.calls import CALLS, OPERATIONS, Call, leaves, total
from tests.makers import leaf

each_call = pytest.mark.parametrize("call", CALLS, ids=[call.label for call in CALLS])


def uses(output: Tensor, names: Any = None) -> list[tuple[Node, Edge, list[Node]]]:
    """Every use in a graph that hands something back, with the operation and its inputs."""
    data = record(output, names=names).data
    nodes = {node.id: node for node in data.nodes}
    edges: dict[str, list[Edge]] = {}
    for edge in data.edges:
        edges.setdefault(edge.target, []).append(edge)
    return [
        (nodes[target], edge, [nodes[e.source] for e in found])
        for target, found in edges.items()
        for edge in found
        if edge.contribution is not None
    ]


@functools.cache
def uses_of(label: str) -> list[tuple[Node, Edge, list[Node]]]:
    """Those of a call, recorded once for all tests."""
    call = next(call for call in CALLS if call.label == label)
    return uses(total(call, leaves(call)))


def rules_of(output: Tensor, names: Any = None) -> list[tuple[str, str]]:
    return [tuple(rule(*use)) for use in uses(output, names)]


# ---- every operation --------------------------------------------------------------------------


def told(operation: Any) -> str:
    """The name, and where its forward stands: a lambda has no other."""
    code = getattr(operation.forward, "__code__", None)
    return operation.name + (f" ({code.co_filename}:{code.co_firstlineno})" if code else "")


def test_the_calls_reach_every_operation() -> None:
    reached = set()
    for call in CALLS:
        pending = [total(call, leaves(call))]
        for node in pending:  # grows while it is walked
            if node is not None and node._op is not None:
                reached.add(node._op)
                pending += node._inputs
    missing = [told(operation) for operation in OPERATIONS if operation not in reached]
    assert not missing, f"add calls to tests/calls.py for {', '.join(missing)}"


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_operation_has_a_sign_and_a_formula(operation: Any) -> None:
    assert 0 < len(sign(operation.name, operation.traits)) <= 24
    assert "_" not in sign(operation.name, operation.traits)
    assert operation.formula


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_operation_says_as_much_as_it_has_arguments(operation: Any) -> None:
    traits = operation.traits
    assert len(traits.parts) in (0, sum(traits.ruled))
    assert (traits.pattern or "{}").count("{}") <= max(len(traits.names), len(traits.ruled))
    assert traits.ruled == tuple(one is not None for one in operation.rules)


@each_call
def test_every_use_has_a_rule(call: Call) -> None:
    for node, edge, inputs in uses_of(call.label):
        said = rule(node, edge, inputs)
        assert re.match(r"∂.+/∂.+ = \S", said.symbols)
        assert "its rule" not in said.symbols
        assert not re.search(r"\bshare\b", said.symbols)
        assert said.numbers.split(" ")[-1]
        written = latex(node, edge, inputs)
        assert written.count("{") == written.count("}")
        assert "$" not in written and "\n" not in written


KNOWN = {name: getattr(np, name) for name in (
    "cos", "cosh", "exp", "floor", "log", "sign", "sin", "sinh", "sqrt", "tanh", "trunc", "cbrt",
    "clip",
)}  # fmt: skip
KNOWN |= {
    "sigmoid": autograd.sigmoid, "pi": np.pi, "sinc_derivative": sinc_derivative, "ldexp": np.ldexp,
    "normal_density": lambda x: np.exp(-x * x / 2) / np.sqrt(2 * np.pi),
}  # fmt: skip


def computed(part: str, values: dict[str, Any]) -> Any:
    """What a formula says, as a number."""
    letters = {name: f"(values[{name!r}])" for name in values}
    code = formulas.written(part, letters, times="*")
    code = re.sub(r"\blog (\d+)", r"log(\1)", code)
    code = re.sub(r"\|([^|]+)\|", r"abs(\1)", code)
    for sign_, python in (("√", "sqrt"), ("∛", "cbrt"), ("²", "**2"), ("^", "**"), ("π(", "pi*(")):
        code = code.replace(sign_, python)
    with np.errstate(all="ignore"):
        return eval(code.replace("π", "pi"), {**KNOWN, "values": values})


@each_call
def test_formulas_give_the_derivatives(call: Call) -> None:
    for node, edge, inputs in uses_of(call.label):
        terms = notation.terms_of(node, edge, inputs)
        part = formulas.local(terms.part)
        if terms.elementwise and edge.local is not None and not formulas.is_prose(part):
            found = computed(part, {k: v for k, v in terms.values.items() if v is not None})
            np.testing.assert_allclose(
                np.broadcast_to(found, edge.local.shape), edge.local, rtol=1e-9, atol=1e-12
            )


NUMBERS = re.compile(r"= ([^=×]+) × ([^=×]+) = ([^=×]+)$")


@each_call
def test_numbers_agree(call: Call) -> None:
    for node, edge, inputs in uses_of(call.label):
        numbers = rule(node, edge, inputs).numbers
        ends = short(edge.contribution), str(np.shape(edge.contribution))
        assert numbers.endswith(ends) or "entry" in numbers or "→" in numbers
        found = NUMBERS.search(numbers)
        if found and np.ndim(node.gradient) == np.ndim(edge.contribution) == 0:
            g, slope, product = (float(text.strip("()")) for text in found.groups())
            assert product == pytest.approx(g * slope, rel=2e-3, abs=1e-12)


# ---- texts ------------------------------------------------------------------------------------


w, x, g = leaf(2.0), leaf(3.0), leaf(-0.5)
W, X = Tensor(np.ones((2, 3)), True), Tensor(np.ones((3, 4)), True)
b = Tensor([1.0, 2.0], requires_grad=True)
cube = primitive(lambda x: x**3, lambda g, y, x: 3 * g * x * x)
cube_with_formula = primitive(lambda x: x**3, lambda g, y, x: 3 * g * x * x, formula="3 g x²")
cube_by_derivative = primitive(lambda x: x**3, lambda g, y, x: 3 * g * x * x, formula="3 x²")
blend = primitive(
    lambda u, v: u * u * v, lambda g, y, u, v: 2 * g * u * v, lambda g, y, u, v: g * u * u,
    formula="2 g u v, g u²",
)  # fmt: skip
NAMES = {"w": w, "x": x, "W": W, "X": X, "b": b, "g": g}

TEXTS: list[tuple[str, Any, list[tuple[str, str]]]] = [
    ("product", w * x, [("∂(w·x)/∂w = x", "g × x = 1 × 3 = 3"),
                        ("∂(w·x)/∂x = w", "g × w = 1 × 2 = 2")]),
    ("square", w * w, [("∂(w₁·w₂)/∂w₁ = w₂", "g × w₂ = 1 × 2 = 2"),
                       ("∂(w₁·w₂)/∂w₂ = w₁", "g × w₁ = 1 × 2 = 2")]),
    ("number", w * -2.0, [("∂(w·(-2))/∂w = -2", "g × (-2) = 1 × (-2) = -2")]),
    ("quotient", w / x, [("∂(w/x)/∂w = 1/x", "g × (1/x) = 1 × (1/3) = 1 × 0.3333 = 0.3333"),
                         ("∂(w/x)/∂x = -w/x²",
                          "g × (-w/x²) = 1 × (-2/3²) = 1 × (-0.2222) = -0.2222")]),
    ("power", w**3, [("∂(w^3)/∂w = 3 w^(3-1)",
                      "g × 3 w^(3-1) = 1 × 3·2^(3-1) = 1 × 12 = 12")]),
    ("tanh", np.tanh(w), [("∂tanh(w)/∂w = 1/cosh(w)²",
                           "g × (1/cosh(w)²) = 1 × (1/cosh(2)²) = 1 × 0.07065 = 0.07065")]),
    ("relu", autograd.relu(w), [("∂relu(w)/∂w = 1 where w > 0, else 0",
                                 "g × slope = 1 × 1 = 1")]),
    ("g is the learner's", g * x, [("∂(g·x)/∂g = x", "upstream × x = 1 × 3 = 3"),
                                   ("∂(g·x)/∂x = g", "upstream × g = 1 × (-0.5) = -0.5")]),
    ("no formula", cube(w), [("∂f(w)/∂w = its rule", "g × slope = 1 × 12 = 12")]),
    ("a formula", cube_with_formula(w), [("∂f(w)/∂w = 3 w²",
                                          "g × 3 w² = 1 × 3·2² = 1 × 12 = 12")]),
    ("a derivative", cube_by_derivative(w), [("∂f(w)/∂w = 3 w²",
                                              "g × 3 w² = 1 × 3·2² = 1 × 12 = 12")]),
    ("two arguments", blend(w, x), [("∂f(w, x)/∂w = 2 w x",
                                     "g × 2 w x = 1 × 2·2·3 = 1 × 12 = 12"),
                                    ("∂f(w, x)/∂x = w²", "g × w² = 1 × 2² = 1 × 4 = 4")]),
    ("matrices", W @ X, [("∂L/∂W = g Xᵀ", "(2, 4) @ (4, 3) = (2, 3)"),
                         ("∂L/∂X = Wᵀ g", "(3, 2) @ (2, 4) = (3, 4)")]),
    ("vectors", b @ b, [("∂L/∂b₁ = g b₂", "1 × [1, 2] = [1, 2]"),
                        ("∂L/∂b₂ = g b₁", "1 × [1, 2] = [1, 2]")]),
    ("broadcast", b * np.ones((3, 2)), [
        ("∂(b·x2)/∂b = x2, summed over axis 0",
         "g × x2 = [[1, 1], [1, 1], [1, 1]] × [[1, 1], [1, 1], [1, 1]] = "
         "[[1, 1], [1, 1], [1, 1]], summed over axis 0: [3, 3]")]),
    ("large", np.sin(Tensor(np.zeros((7, 8)), True)), [
        ("∂sin(x)/∂x = cos x",
         "g × cos x = (7, 8) × (7, 8) = (7, 8); entry [0, 0]: 1 × 1 = 1")]),
    ("sum", b.sum(), [("∂L/∂b = g for every element", "g = 1 → [1, 1]")]),
    ("list", np.stack([w, x]), [("∂L/∂w = its layer of g", "g = [1, 1] → 1"),
                                ("∂L/∂x = its layer of g", "g = [1, 1] → 1")]),
    ("lookup", b[1], [("∂L/∂b = g at the places looked up, 0 elsewhere", "g = 1 → [0, 1]")]),
    ("weights", nn.functional.cross_entropy(Tensor(np.zeros((2, 2)), True), [0, 1], weight=[1, 3]),
     [("∂L/∂logits = g (softmax(logits) - one_hot)/4, weighted",
       "g = 1 → (2, 2), mean 0, -0.375 to 0.375")]),
    ("a mean", nn.functional.mse_loss(b, np.zeros(2)),
     [("∂L/∂b = 2 g (b - target)/2", "g = 1 → [1, 2]")]),
    ("a setting", np.clip(w, -1, 1), [("∂clip(w)/∂w = 1 from -1 to 1, 0 beyond",
                                       "g × slope = 1 × 0 = 0")]),
]  # fmt: skip


@pytest.mark.parametrize(("output", "expected"), [row[1:] for row in TEXTS],
                         ids=[row[0] for row in TEXTS])  # fmt: skip
def test_texts(output: Tensor, expected: list[tuple[str, str]]) -> None:
    assert rules_of(output, NAMES) == expected


@pytest.mark.parametrize("axis", [0, 1])
def test_a_gradient_of_the_operation_is_needed_for_numbers(axis: int) -> None:
    node = Node("n2", "output", "multiply", formula="g x2, g x1", value=6.0)
    inputs = [Node("n0", "input", name="w", value=2.0), Node("n1", "input", name="x", value=3.0)]
    said = rule(node, Edge(f"n{axis}", "n2", axis, f"x{axis + 1}"), inputs)
    assert said == (("∂(w·x)/∂w = x", "∂(w·x)/∂x = w")[axis], "")


def test_numbers_without_a_local_derivative_are_found() -> None:
    node = Node("n1", "output", "exp", formula="g y", value=1.0, gradient=2.0)
    inputs = [Node("n0", "input", name="x", value=0.0)]
    said = rule(node, Edge("n0", "n1", contribution=2.0), inputs)
    assert said.numbers == "g × exp(x) = 2 × 1 = 2"


def test_names_like_those_of_rules_are_told_apart() -> None:
    node = Node("n2", "output", "multiply", formula="g x2, g x1", value=6.0, gradient=1.0)
    inputs = [Node("n0", "operation", value=3.0), Node("n1", "input", name="x1", value=2.0)]
    said = rule(node, Edge("n1", "n2", 1, "x2", contribution=3.0, local=3.0), inputs)
    assert said == ("∂(x1′·x1)/∂x1 = x1′", "g × x1′ = 1 × 3 = 3")


def test_exponents_are_no_signs() -> None:
    node = Node("n1", "output", "multiply", formula="g x2, g x1", value=0.0, gradient=2.0)
    inputs = [Node("n0", "input", name="x", value=0.0), Node("n2", "constant", value=1e-8)]
    said = rule(node, Edge("n0", "n1", slot="x1", contribution=2e-8, local=1e-8), inputs)
    assert said.numbers == "g × 1e-08 = 2 × 1e-08 = 2e-08"


def test_an_accent_without_a_letter_stands_on_a_circle() -> None:
    assert latex_name("\u0301x") == "\\mathrm{◌\u0301x}"


HOSTILE = ["a\nb", "x" * 10_000, "<b>&'\"", "$\\frac{", "`*_|", "\x1b[31m", "日本", ""]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_names_stay_names(name: str) -> None:
    named = Tensor(2.0, requires_grad=True, name=name)
    for use in uses(np.exp(named * x)):
        for text in rule(*use):
            assert text.isprintable() and len(text) < 300
        written = latex(*use)
        assert written.isprintable()
        assert "$" not in written and "<" not in written
        assert re.sub(r"\\[{}]", "", written).count("{") == re.sub(r"\\[{}]", "", written).count(
            "}"
        )


@pytest.mark.parametrize(
    ("operation", "expected"),
    [("add", "+"), ("multiply", "×"), ("<lambda>", "f"), ("my_function", "my function"),
     ("", "f"), (None, "f"), ("evil\n<b>", "evil <b>")],
)  # fmt: skip
def test_signs(operation: str | None, expected: str) -> None:
    assert sign(operation) == expected


LATEX = [
    (w * w, r"\frac{\partial (w_{1}\cdot w_{2})}{\partial w_{1}} = w_{2}"),
    (np.sqrt(w), r"\frac{\partial (\sqrt{w})}{\partial w} = 1/(2\,\sqrt{w})"),
    (W @ X, r"\frac{\partial L}{\partial W} = g\,X^{\top}"),
    (np.exp(w), r"\frac{\partial \,\operatorname{exp}(w)}{\partial w} = \operatorname{exp}(w)"),
    (w**3, r"\frac{\partial (w^{3})}{\partial w} = 3\,w^{3-1}"),
]


@pytest.mark.parametrize(("output", "expected"), LATEX, ids=[text for _, text in LATEX])
def test_latex(output: Tensor, expected: str) -> None:
    assert latex(*uses(output, NAMES)[0]) == expected
