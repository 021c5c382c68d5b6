"""The text of a compiled function: what a person would have written, and what it computes.

The goldens are read, not only compared: whoever changes the writer runs
`python -m tests.autograd.compiling.test_source`, and looks at each.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
from autograd import Tensor, compile, defvjp, grad, hessian, primitive, softmax, value_and_grad
from autograd.errors import AutogradError
from autograd.rules import operations
from tests.calls import CALLS
from tests.cases import CASES

GOLDENS = Path(__file__).parent / "goldens"


def numbers(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng([seed, *shape]).uniform(-2, 2, shape).round(2)


def with_gradients(loss: Callable[..., Any], count: int) -> Callable[..., Any]:
    """The loss and its gradients with respect to the first arguments."""

    def compute(*values: Any) -> Any:
        leaves = [Tensor(value, requires_grad=True) for value in values[:count]]
        total = loss(*leaves, *values[count:])
        return total.detach(), [g.detach() for g in grad(total, leaves)]

    compute.__name__ = loss.__name__
    return compute


# ---- six programs -------------------------------------------------------------------------------


def neuron(w, b, x, target):
    out = np.tanh(w @ x + b)
    return (out - target) ** 2 / 2


def softmax_regression(W, b, x, labels):
    logits = x @ W + b
    e = np.exp(logits - np.max(logits, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    return -np.mean(np.log(p[np.arange(len(labels)), labels]))


def batch_norm(x, gamma, beta):
    centered = x - np.mean(x, axis=0)
    var = np.mean(centered**2, axis=0)
    z = centered / np.sqrt(var + 1e-5)
    out = gamma * z + beta
    return np.sum(out**3)


def attention(q, k, v):
    weights = softmax(q @ k.T / np.sqrt(q.shape[-1]))
    out = weights @ v
    return np.sum(out**2)


def two_layers() -> Callable[..., Any]:
    model = nn.Sequential(
        nn.Linear(2, 4, rng=np.random.default_rng(0)),
        nn.ReLU(),
        nn.Linear(4, 3, rng=np.random.default_rng(1)),
    )
    parameters = list(model.parameters())

    def two_layers(x, labels):
        loss = nn.functional.cross_entropy(model(x), labels)
        return loss.detach(), [g.detach() for g in grad(loss, parameters)]

    return two_layers


def second_derivative(x):
    return hessian(lambda x: np.sin(x) * np.exp(-(x**2)), x)


LABELS = np.array([0, 2, 1, 1])
PROGRAMS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "neuron": (with_gradients(neuron, 2), (numbers(2), np.float64(0.3), numbers(2, seed=1), 0.7)),
    "softmax_regression": (
        with_gradients(softmax_regression, 2),
        (numbers(2, 3), numbers(3), numbers(4, 2), LABELS),
    ),
    "two_layers": (two_layers(), (numbers(4, 2).astype(np.float32), LABELS)),
    "batch_norm": (with_gradients(batch_norm, 3), (numbers(5, 2), numbers(2), numbers(2, seed=1))),
    "attention": (
        with_gradients(attention, 3),
        (numbers(3, 2), numbers(4, 2), numbers(4, 2, seed=1)),
    ),
    "second_derivative": (second_derivative, (1.2,)),
}


def text_of(name: str) -> str:
    function, values = PROGRAMS[name]
    compiled = compile(function)
    compiled(*values)
    return compiled.source


def executed(text: str) -> Any:
    """What the text would print, of a fresh namespace with NumPy alone."""
    head, _, tail = text.rpartition("print(")
    namespace: dict[str, Any] = {}
    with np.errstate(all="ignore"):
        exec(f"{head}printed = ({tail}", namespace)
    return namespace["printed"]


def plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [plain(member) for member in value]
    return value.data if isinstance(value, Tensor) else value


def near(a: Any, b: Any) -> bool:
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(near, a, b))
    if a is None or b is None:
        return a is b
    a, b = np.asarray(a), np.asarray(b)
    tolerance = {"e": 1e-2, "f": 1e-4}.get(a.dtype.char, 1e-8)
    return (a.shape, a.dtype) == (b.shape, b.dtype) and np.allclose(
        a, b, tolerance, tolerance, equal_nan=True
    )


@pytest.mark.parametrize("name", PROGRAMS)
def test_text_reads_as_a_person_would_write_it(name):
    assert text_of(name) == (GOLDENS / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PROGRAMS)
def test_text_gives_the_numbers_of_the_function(name):
    function, values = PROGRAMS[name]
    assert near(plain(function(*values)), executed((GOLDENS / f"{name}.txt").read_text("utf-8")))


# ---- others, which no golden shows --------------------------------------------------------------


def program_of(function: Callable[..., Any]) -> Callable[..., Any]:
    """The results of a call and the gradients of a weighted sum of them."""

    def compute(*values: Any) -> Any:
        leaves = [Tensor(value, requires_grad=True) for value in values]
        results = function(leaves)
        results = results if isinstance(results, (tuple, list)) else [results]
        results = [y for y in results if isinstance(y, Tensor)]
        rng = np.random.default_rng(3)
        weighted = [
            np.sum(y * rng.uniform(0.5, 1.5, y.shape)) for y in results if y.dtype.kind == "f"
        ]
        gradients = grad(sum(weighted, start=0.0), leaves, allow_unused=True)
        return [y.detach() for y in results], [None if g is None else g.detach() for g in gradients]

    return compute


SWEPT = {f"{i} {case.label}": (case, case.arrays) for i, case in enumerate(CASES) if case.connected}
SWEPT |= {f"call {case.label}": (case.function, case.arrays) for case in CALLS}
SWEPT = {label: call for i, (label, call) in enumerate(SWEPT.items()) if i % 12 == 0 and call[1]}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("label", SWEPT)
def test_text_of_every_twelfth_call_computes_what_the_call_does(label):
    function, arrays = SWEPT[label]
    compiled = compile(program_of(function))
    result = compiled(*arrays)
    if not compiled.versions:
        assert compiled.reason
        return
    text = compiled.source
    if "not written out here" in text or "rng = " in text:
        assert ast.parse(text)  # it says so, and is Python
        return
    assert near(plain(result), executed(text)) and max(map(len, text.splitlines())) <= 88


# ---- how things are written ---------------------------------------------------------------------


def source(function: Callable[..., Any], *values: Any) -> str:
    compiled = compile(function)
    compiled(*values)
    return compiled.source


def lines(function: Callable[..., Any], *values: Any) -> list[str]:
    """The statements of the function alone."""
    text = source(function, *values)
    body = text.split("):\n")[1].split("\n\n\n")[0]
    return [line.strip() for line in body.splitlines()]


def test_names_are_those_of_where_values_were_made():
    def dense(x, W):
        z = x @ W
        return np.tanh(z)

    def f(x, W1, W2):
        hidden = dense(x, W1)
        return dense(hidden, W2)

    assert lines(f, numbers(2, 3), numbers(3, 4), numbers(4, 2)) == [
        "z = x @ W1",
        "hidden = np.tanh(z)",
        "z2 = hidden @ W2",
        "y = np.tanh(z2)",
        "return y",
    ]


def test_slices_and_gradients_of_parts_are_added_up():
    def f(x):
        return np.sum((x[1:] - x[:-1]) ** 2)

    text = lines(value_and_grad(f), numbers(4))
    assert text[:3] == ["# forward", "h1 = x[1:] - x[:-1]", "value = np.sum(h1**2)"]
    assert "dx = np.zeros(4)" in text and any(line.startswith("dx[1:] +=") for line in text)


def test_headings_are_right_also_after_the_backward_pass():
    def step(x):
        value, slope = value_and_grad(lambda x: np.sum(x**4))(x)
        return x - 0.1 * slope

    assert [
        t for t in lines(step, numbers(3)) if t in ("# forward", "# backward", "# afterwards")
    ] == [
        "# backward",
        "# afterwards",
    ]
    assert "#" not in "".join(lines(lambda x: np.exp(x) + 1, numbers(3)))


def test_means_signs_and_transposes_are_written_plainly():
    x = numbers(3, 2)
    assert lines(lambda x: x - np.mean(x, axis=0), x)[0] == "y = x - np.mean(x, axis=0)"
    assert lines(lambda x: 1 + -np.exp(x), x)[0] == "y = 1 - np.exp(x)"
    assert lines(lambda x, y: (x.T @ y).T, x, x + 1)[0] == "y2 = y.T @ x"
    assert lines(lambda x: np.maximum(x, 0.0), x)[0] == "y = np.maximum(x, 0)"
    assert lines(lambda x: x * np.float32(0.1), x.astype("f"))[0] == "y = x * 0.1"


def test_larger_inputs_have_random_numbers_in_their_place():
    text = source(lambda x, i: x[i] * 2, numbers(40, 30), np.arange(40)[::-1])
    assert "x = rng.normal(size=(40, 30))" in text
    assert executed(text).shape == (40, 30)


def test_long_statements_and_arguments_are_broken():
    def f(*xs):
        return sum(x * np.sin(x) for x in xs)

    text = source(lambda *xs: f(*xs), *[numbers(2) + i for i in range(12)])
    assert max(map(len, text.splitlines())) <= 88
    assert near(executed(text), f(*[numbers(2) + i for i in range(12)]))


def test_numbers_are_numpys_where_pythons_would_do_otherwise():
    text = source(lambda x: x.reshape(1), np.float64(2))
    assert "x = np.float64(2.0)" in text
    assert "x = 2.0" in source(lambda x: x * 3, np.float64(2))
    with np.errstate(all="ignore"):
        assert executed(source(lambda x: 1 / x, np.float64(0))) == np.inf


def test_what_is_too_long_is_imported_and_draws_are_written():
    x = nn.functional.log_softmax(numbers(4, 3))
    text = source(lambda x: nn.functional.ctc_loss(Tensor(x), [1], (4,), (1,)).detach(), x)
    assert "from nn.losses.sequences import _ctc as ctc  # not written out here" in text
    drop = source(lambda x: nn.functional.dropout(Tensor(x), 0.5), numbers(2, 3).astype(np.float32))
    assert "np.random.default_rng().random((2, 3), np.float32)" in drop
    assert set(np.unique(executed(drop) == 0)) <= {True, False}


def test_inputs_have_the_names_of_heads_keywords_and_keys():
    class Model:
        def loss(self, weights, x):
            return np.sum(weights["W"] @ x + weights["b"])

    text = source(Model().loss, {"W": numbers(2), "b": np.float64(1)}, numbers(2))
    assert "def loss(W, b, x):" in text


# ---- operations that offer a plain form ---------------------------------------------------------


def test_an_operation_may_offer_a_plain_form():
    def clever(x):
        return np.log1p(np.expm1(x) + 0.0) ** 2

    def rule(g, y, x):
        return g * 2 * np.log1p(np.expm1(x))

    def written(x):
        return x**2

    def written_rule(g, y, x):
        """2 g x"""
        return g * 2 * x

    square = primitive(clever, rule, formula="2 g log(exp(x))", plainly=(written, written_rule))
    text = "\n".join(lines(value_and_grad(lambda x: np.sum(square(x))), numbers(3) ** 2))
    assert "value = np.sum(x**2)" in text and "# clever: 2 g x" in text and "log" not in text


def test_a_plain_form_that_computes_something_else_is_not_shown():
    wrong = primitive(
        lambda x: x * 2, lambda g, y, x: g * 2, plainly=(lambda x: x * 3, lambda g, y, x: g * 3)
    )
    assert lines(lambda x: wrong(x), numbers(3))[0] == "y = x * 2"


def test_a_plain_form_has_a_rule_for_each():
    with pytest.raises(TypeError, match="plainly has a forward and one rule for each of the 1"):
        primitive(lambda x: x * 2, lambda g, y, x: g * 2, plainly=(lambda x: x + x,))


def test_other_rules_for_a_function_of_numpys_are_shown():
    def tanh_text():
        return "\n".join(lines(value_and_grad(lambda x: np.sum(np.tanh(x))), numbers(3)))

    assert "# tanh: g (1 - y²)" in tanh_text()
    kept = operations[np.tanh]
    before = kept.rules, kept._said, kept.signature, kept.plainly
    try:
        defvjp(np.tanh, lambda g, y, x: g * (1 - y) * (1 + y), formula="g (1-y)(1+y)")
        assert "(1 - " in tanh_text() and "# tanh: g (1-y)(1+y)" in tanh_text()
    finally:
        kept.rules, kept._said, kept.signature, kept.plainly = before


def test_there_is_no_text_before_the_first_call():
    with pytest.raises(AutogradError, match="there is no program yet; call the function once"):
        _ = compile(np.sin).source


if __name__ == "__main__":
    for name in PROGRAMS:
        (GOLDENS / f"{name}.txt").write_text(text_of(name), encoding="utf-8")
        print(text_of(name))
