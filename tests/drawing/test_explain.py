"""explain: every use of a Tensor, the total, and what is said where finite differences differ."""

from __future__ import annotations

import functools
import re
import weakref
from typing import Any

import numpy as np
import pytest

import autograd
import nn
from autograd import AutogradError, Explanation, GraphFreedError, Tensor, explain, grad, primitive
from autograd.explaining import differences
from autograd.explaining.explain import STEPS, USES
from tests.calls import CALLS, Call, leaves, total

each_call = pytest.mark.parametrize("call", CALLS, ids=[call.label for call in CALLS])


def number(value: Any, name: str | None = None, dtype: Any = None) -> Tensor:
    return Tensor(value, requires_grad=True, name=name, dtype=dtype)


# ---- every operation --------------------------------------------------------------------------


@functools.cache
def explained(label: str) -> list[tuple[Explanation, Any]]:
    """Each tensor of a call, explained, and its gradient by `grad`."""
    call = next(call for call in CALLS if call.label == label)
    tensors = leaves(call)
    output = total(call, tensors)
    gradients = [g.data for g in grad(output, tensors)]
    return [(explain(output, tensor), g) for tensor, g in zip(tensors, gradients)]


@each_call
def test_explain_agrees_with_finite_differences(call: Call) -> None:
    for explanation, _ in explained(call.label):
        check = explanation.check
        assert check.agrees, (check.remarks, check.reason)


@each_call
def test_total_is_the_gradient_and_the_sum_of_contributions(call: Call) -> None:
    for explanation, gradient in explained(call.label):
        assert explanation.total.shape == gradient.shape
        np.testing.assert_allclose(explanation.total, gradient, rtol=1e-12, atol=1e-14)
        summed = sum(use.contribution for use in explanation.uses)
        np.testing.assert_allclose(summed, explanation.total, rtol=1e-12, atol=1e-14)


# ---- texts ------------------------------------------------------------------------------------

TWICE = """\
∂L/∂a = 6
    at a = 3, where L = 9

a is used twice. Every use hands a gradient back, and they add up:

  1. multiply: L = a₁·a₂
     upstream   g = ∂L/∂L = 1
     rule       ∂(a₁·a₂)/∂a₁ = a₂
     numbers    g × a₂ = 1 × 3 = 3

  2. multiply: L = a₁·a₂
     upstream   g = ∂L/∂L = 1
     rule       ∂(a₁·a₂)/∂a₂ = a₁
     numbers    g × a₁ = 1 × 3 = 3

     sum        3 + 3 = 6

Check by finite differences, h = 1.8e-05: (L(a+h) - L(a-h)) / 2h = 6. They agree."""

BROADCAST = """\
∂L/∂b = [3, 5, 7]
    at b = [1, 2, 3], where L = 34

b is used once, and its gradient is what comes back from there:

  1. multiply: b·X
     upstream   g = ∂L/∂(b·X) = [[1, 1, 1], [1, 1, 1]]
     rule       ∂(b·X)/∂b = X, summed over axis 0
     numbers    g × X = [[1, 1, 1], [1, 1, 1]] × [[0, 1, 2], [3, 4, 5]] = [[0, 1, 2], [3, 4, 5]], \
summed over axis 0: [3, 5, 7]

Check by finite differences of all 3 entries: they agree."""


def test_text_of_a_square() -> None:
    a = number(3.0, "a")
    assert str(explain(a * a, a)) == TWICE


def test_text_of_a_sum_over_broadcast_axes() -> None:
    b, X = number([1.0, 2.0, 3.0]), np.arange(6.0).reshape(2, 3)
    text = str(explain(np.sum(b * X), b, names={"b": b, "X": X}))
    assert text == BROADCAST


def test_repr_is_the_text() -> None:
    a = number(3.0, "a")
    assert repr(explain(a * a, a)) == TWICE


def test_large_arrays_show_norm_range_and_largest_entries() -> None:
    x = number(np.linspace(-1, 2, 60).reshape(6, 10), "x")
    text = str(explain(np.sum(x * x), x))
    assert "∂L/∂x = an array (6, 10), norm 15.69, entries -2 to 4" in text
    assert "largest: [5, 9] 4, [5, 8] 3.898, [5, 7] 3.797" in text
    assert "(1) + (2) = an array (6, 10)" in text
    assert "Check by finite differences of 12 of the 60 entries: they agree." in text


def test_results_without_a_name_are_written_out() -> None:
    x, z = number(2.0, "x"), number(3.0, "z")
    use = explain(np.exp(z) * x, x).uses[0]
    assert use.expression == "exp(z)·x"
    assert use.rule == "∂(exp(z)·x)/∂x = exp(z)"


@pytest.mark.parametrize(
    ("named", "expected"), [({}, "∂L/∂x"), ({"output": "loss"}, "∂loss/∂x"),
                            ({"tensor": "w"}, "∂L/∂w"), ({"output": "L", "tensor": "L"},
                             "∂the output/∂L")],
)  # fmt: skip
def test_names(named: dict[str, str], expected: str) -> None:
    x = number(2.0, named.get("tensor"))
    y = np.sin(x)
    names = {named["output"]: y} if "output" in named else None
    assert str(explain(y, x, names=names)).startswith(f"{expected} = ")


def test_parameters_have_the_names_of_their_modules() -> None:
    nn.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    loss = nn.functional.mse_loss(model(np.ones((4, 2))), np.zeros((4, 1)))
    explanation = explain(loss, model[0].weight)
    assert explanation.tensor == "0.weight"
    assert explanation.uses[0].expression == "linear(x, 0.weight, 0.bias)"
    assert explanation.uses[0].scope == "Sequential.0"
    assert explanation.check.agrees  # float32, compared in float64


def test_many_uses_are_summed_up() -> None:
    x = number(1.0, "x")
    y = x
    for _ in range(99):
        y = y + x
    explanation = explain(y, x)
    assert (len(explanation.uses), explanation.more) == (USES, 100 - USES)
    assert "sum        1 + 1 + 1 + 1 + 1 + 1 + 94 more = 100" in str(explanation)


HOSTILE = ["a\nb", "x" * 10_000, "<script>", "`$|*_{", "\x1b[31m"]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_names_stay_names(name: str) -> None:
    x = number(2.0, name)
    explanation = explain(np.exp(x) * x, x)
    for line in f"{explanation}\n{explanation._repr_markdown_()}".split("\n"):
        assert line.isprintable() and len(line) < 400
    outside = re.sub(r"`[^`\n]*`|\$+[^$]*\$+", "", explanation._repr_markdown_())
    assert not re.search(r"(?<!\\)[<|$]", outside)


def test_markdown_has_formulas() -> None:
    a = number(3.0, "a")
    text = explain(a * a, a)._repr_markdown_()
    assert r"$\frac{\partial L}{\partial a}$ = `6`" in text
    assert r"$$\frac{\partial (a_{1}\cdot a_{2})}{\partial a_{2}} = a_{1}$$" in text
    assert text.count("$") % 2 == 0
    assert "Sum: `3 + 3 = 6`" in text


# ---- what is explained ------------------------------------------------------------------------


def test_an_intermediate_result() -> None:
    x = number(2.0)
    y = x * x
    z = np.sin(y) * y
    explanation = explain(z, y, names=locals())
    assert [use.result for use in explanation.uses] == ["sin(y)", "z"]
    assert float(explanation.total) == pytest.approx(4 * np.cos(4.0) + np.sin(4.0))
    assert explanation.check.agrees


def test_the_output_itself() -> None:
    y = number(2.0) * 3
    explanation = explain(y, y, names=locals())
    assert (explanation.uses, float(explanation.total)) == ((), 1.0)
    assert "y is the output itself" in str(explanation)
    assert explanation.check.agrees


def test_a_graph_of_gradients() -> None:
    x = number(2.0, "x")
    (slope,) = grad(np.sin(x) * x, x, create_graph=True)
    explanation = explain(slope, x)
    assert float(explanation.total) == pytest.approx(2 * np.cos(2.0) - 2 * np.sin(2.0))
    assert explanation.check.agrees


def test_several_results_and_lists() -> None:
    a = number([[2.0, 0.5], [0.5, 1.0]], "a")
    values, vectors = np.linalg.eigh(a)
    explanation = explain(np.sum(np.stack([values, vectors[0] ** 2])), a)
    assert len(explanation.uses) == 2
    assert explanation.check.agrees


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_coarse_dtypes_are_compared_in_float64(dtype: Any) -> None:
    x = number(np.array([0.3, -1.2], dtype))
    entry = explain(np.sum(np.exp(x) * x), x).check.entries[0]
    assert entry.agrees
    assert entry.differences == pytest.approx(1.3 * np.exp(float(x.data[0])) + 0.0, rel=1e-3)


def test_forwards_that_refuse_float64_are_compared_as_they_are() -> None:
    def single(x: Any) -> Any:
        if x.dtype != np.float32:
            raise TypeError("only float32")
        return x * x

    x = number(np.float32(1.5))
    check = explain(primitive(single, lambda g, y, x: 2 * g * x)(x), x).check
    assert check.agrees and check.entries[0].step > 1e-3


def test_an_output_with_several_elements_is_summed() -> None:
    x = number([1.0, 2.0])
    explanation = explain(x * x, x)
    np.testing.assert_array_equal(explanation.total, [2, 4])
    assert "L has shape (2,): what is explained is the gradient of the sum" in str(explanation)


def test_a_gradient_can_be_given() -> None:
    x = number([1.0, 2.0])
    explanation = explain(x * x, x, gradient=[1.0, 10.0])
    np.testing.assert_array_equal(explanation.total, [2, 40])
    assert explanation.check.agrees


def test_values_are_those_that_were_used() -> None:
    x = number(2.0)
    y = x * x
    x.assign_(5.0)
    explanation = explain(y, x)
    assert (float(explanation.value), float(explanation.total)) == (2.0, 4.0)
    assert explanation.check.agrees
    assert "was given new values after it was used" in explanation.notes[0]


def test_nothing_is_changed() -> None:
    x = number([1.0, 2.0])
    calls = []
    x.register_hook(calls.append)
    y = np.sum(nn.functional.silu(x) * x)
    y.backward()
    before = x.grad.copy()
    explanation = explain(y, x)
    assert (len(calls), len(explanation.notes)) == (1, 1)
    np.testing.assert_array_equal(x.grad, before)
    x.zero_grad()
    y.backward()  # what the forwards have kept for their rules is as it was
    np.testing.assert_array_equal(x.grad, before)


def test_the_same_twice() -> None:
    x = number(np.linspace(0, 1, 50))
    y = np.sum(np.sin(x) * x)
    assert str(explain(y, x)) == str(explain(y, x))


# ---- where they differ ------------------------------------------------------------------------

rng = np.random.default_rng(0)


def _next_mood() -> float:
    for mood in moods:
        return mood
    raise ValueError("not today")


wrong = primitive(lambda x: x**3, lambda g, y, x: g * x)
noisy = primitive(lambda x: x * rng.normal(), lambda g, y, x: g)
moods = iter([1.0])
moody = primitive(lambda x: x * _next_mood(), lambda g, y, x: g)
through = primitive(np.rint, lambda g, y, x: g)
at = number

KINKS: list[tuple[str, Any, float, str]] = [
    ("relu", autograd.relu, 0.0,
     "left and right differences differ: 0 and 1; relu has a kink here, and the rules take 0"),
    ("later", lambda x: 3 * autograd.relu(x * 2 - 2), 1.0,
     "left and right differences differ: 0 and 6; relu has a kink here, and the rules take 0"),
    ("hardtanh", nn.functional.hardtanh, 1.0,
     "left and right differences differ: 1 and 0; hardtanh has a kink here"),
    ("clip", lambda x: np.clip(x, -1, 1), 1.0,
     "left and right differences differ: 1 and 0; clip has a kink here, and the rules take 1"),
    ("rint", np.rint, 0.5, "rint jumps here"),
    ("sign", np.sign, 0.0, "sign jumps here"),
    ("of a smooth one", lambda x: np.rint(2 * x), 0.25, "rint jumps here"),
    ("floor", lambda x: np.floor(x) * x, 2.0, "floor jumps here"),
    ("sqrt", np.sqrt, 0.0, "by the rules inf, but sqrt has no finite value below"),
    ("cbrt", np.cbrt, 0.0,
     "cbrt is infinitely steep here: left and right differences grow as the step shrinks"),
    ("wrong", lambda x: np.sin(wrong(x)), 1.0,
     "by the rules 0.5403, by differences 1.621: the rule of f is not the derivative"),
    ("through", lambda x: 2 * through(x), 1.3,
     "by the rules 2, by differences 0: the rule of rint is not the derivative of its forward"),
]  # fmt: skip


@pytest.mark.parametrize(("function", "place", "words"), [row[1:] for row in KINKS],
                         ids=[row[0] for row in KINKS])  # fmt: skip
def test_it_says_where_they_differ(function: Any, place: float, words: str) -> None:
    x = number(place)
    explanation = explain(function(x), x)
    assert explanation.check.agrees is False
    assert words in explanation.check.remarks[0]
    assert "They differ!" in str(explanation)


TIES: list[tuple[str, Any, Any, str]] = [
    ("absolute", np.abs, 0.0, "-1 and 1; absolute has a kink here"),
    ("maximum", lambda x: np.maximum(x, 0.0), 0.0, "0 and 1; maximum has a kink here"),
    ("max", np.max, [1.0, 2.0, 2.0], "0 and 1; max has a kink here"),
]


@pytest.mark.parametrize(("function", "place", "words"), [row[1:] for row in TIES],
                         ids=[row[0] for row in TIES])  # fmt: skip
def test_it_says_where_the_middle_of_a_kink_is_taken(function: Any, place: Any, words: str) -> None:
    x = number(place)
    check = explain(function(x), x).check
    assert check.agrees
    assert words in check.remarks[0]


NOTHING: list[tuple[str, Any, Any, str]] = [
    ("nan", np.sum, [np.nan, 1.0], "the entry itself is nan, there is no step"),
    ("no value", lambda x: np.sqrt(x) * 2, -1.0, "the output itself is nan, from sqrt on"),
    ("infinite", lambda x: np.exp(x) + x, 1e4, "the output itself is inf, from exp on"),
    ("random", lambda x: noisy(x) * 2, 1.0, "f, called again, gives other values (it is random"),
    ("refusing", lambda x: moody(x), 1.0, "f, called again, raised ValueError: not today"),
    ("empty", np.sum, [], "the tensor has no entries"),
]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # np.sqrt(-1)
@pytest.mark.parametrize(("function", "place", "words"), [row[1:] for row in NOTHING],
                         ids=[row[0] for row in NOTHING])  # fmt: skip
def test_it_says_why_nothing_is_compared(function: Any, place: Any, words: str) -> None:
    x = number(np.asarray(place, float))
    explanation = explain(function(x), x)
    assert explanation.check.agrees is None
    assert words in re.sub(r"\s+", " ", str(explanation))


def test_a_constant_that_was_written_into_is_noticed() -> None:
    x, weights = number(2.0), np.array([1.0, 2.0])
    y = np.sum(x * weights)
    weights[0] = 100
    check = explain(y, x).check
    assert check.agrees is None
    assert "multiply, called again, gives other values" in check.reason
    assert "an array that it used was written into" in check.reason


def test_infinite_values_give_no_warning() -> None:
    x = number([1e200, 1e200])
    with np.errstate(all="ignore"):
        y = x * x - x * x  # inf - inf
    assert explain(y, x).check.agrees is None


def test_the_graph_is_freed_with_its_output() -> None:
    x = number([1.0, 2.0])
    y = np.sin(x)
    gone = weakref.ref(y)
    explanation = explain(np.sum(y * y), x)
    del y
    assert gone() is None
    assert explanation.check.agrees


@pytest.mark.parametrize("function", [lambda x: x**3, lambda x: np.sin(x) ** 3, lambda x: x**5])
def test_a_flat_place_is_no_error_of_a_rule(function: Any) -> None:
    """The difference is h² there, the rule gives 0: far from it, by any relative measure."""
    x = number([0.0, 0.0])
    check = explain(np.sum(function(x)), x).check
    assert (check.agrees, check.remarks) == (True, ())


def test_rounding_of_large_numbers_that_cancel_is_no_error_of_a_rule() -> None:
    x = number(np.arange(1.0, 5.0))
    check = explain(np.var(x**1e-8), x).check
    assert (check.agrees, check.remarks) == (True, ())


@pytest.mark.parametrize(
    ("function", "side", "quotient"),
    [(lambda x: x**1.5, "below: compared is the difference above", "(L(x+h) - L(x)) / h"),
     (lambda x: (-x) ** 2.5, "above: compared is the difference below", "(L(x) - L(x-h)) / h")],
    ids=["left edge", "right edge"],
)  # fmt: skip
def test_at_the_end_of_a_domain_one_side_is_compared(
    function: Any, side: str, quotient: str
) -> None:
    x = number(0.0)
    explanation = explain(function(x), x)
    assert explanation.check.agrees
    assert explanation.check.remarks == (f"power has no finite value {side} alone",)
    assert quotient in str(explanation) and "They agree." in str(explanation)


@pytest.mark.parametrize("function, place", [(lambda x: np.sin(x * 1e14), 1.0), (np.cos, 1e200)])
def test_what_changes_faster_than_the_steps_is_called_no_jump(function: Any, place: float) -> None:
    x = number(place)
    (remark,) = explain(function(x), x).check.remarks
    assert "it changes faster here than steps of h = " in remark


def test_a_slope_without_end_at_an_edge_is_told_by_its_growth() -> None:
    x = number(0.0)
    (remark,) = explain(np.sqrt(x), x).check.remarks
    assert remark == (
        "by the rules inf, but sqrt has no finite value below; the difference above grows without "
        "end: 406.4 at h = 6.1e-06, 4064 at h = 6.1e-08"
    )


@pytest.mark.parametrize(
    "function", [lambda x: np.where(x > 0, x, 2 * x), lambda x: (x > 0) * x], ids=["where", "mask"]
)
def test_conditions_are_said_to_be_kept(function: Any) -> None:
    x = number(0.0)
    (note,) = explain(function(x), x).notes
    assert "does not see kinks and jumps" in note


def test_conditions_beside_the_way_are_kept_too() -> None:
    x, y = number(1.0), number(1.0)
    (note,) = explain(np.where(y > x, 3, y) * x, x).notes
    assert "conditions of where" in note


def test_no_conditions_are_told_of_where_nothing_is_checked() -> None:
    x = number(np.zeros(0))
    assert explain(np.sum(np.where(x > 0, x, 0)), x).notes == ()


def test_a_value_on_the_way_that_is_called_l_keeps_its_name() -> None:
    x = number(2.0, "x")
    on_the_way = 3 * x
    names = {"x": x, "L": on_the_way}
    text = str(explain(on_the_way * on_the_way, x, names=names))
    assert text.startswith("∂the output/∂x = 36\n") and "g = ∂the output/∂L = 12\n" in text
    assert str(explain(on_the_way, x, names=names)).startswith("∂L/∂x = 3\n")


def test_of_a_long_list_a_few_members_are_told() -> None:
    x, y = number(2.0, "x"), number(3.0, "y")
    members = [x if i % 2 else y for i in range(1000)]
    uses = explain(np.sum(np.stack(members) ** 2), x).uses
    assert uses[-1].rule == "∂L/∂x₅₀ = its layer of g"  # of 500, the first 50 are kept
    assert {use.expression for use in uses} == {"stack(y₁, x₁, y₂, …)"}
    assert "x_{50}" in uses[-1].latex


def test_empty_arrays_are_called_so() -> None:
    x = number(np.zeros((0, 3)), "x")
    assert str(explain(np.sum(x), x)).startswith("∂L/∂x = an empty array (0, 3)\n")


def test_a_tensor_by_itself() -> None:
    x = number(2.0, "x")
    assert "((x+h) - (x-h)) / 2h = 1. They agree." in str(explain(x, x))


def test_a_kink_nearby_is_no_kink() -> None:
    x = number(1e-7)
    check = explain(autograd.relu(x), x).check
    assert check.agrees and not check.remarks


def test_entries_that_are_nan_do_not_hinder_the_others() -> None:
    x = number([np.nan, 1.0])
    check = explain(np.nansum(x), x).check
    assert check.agrees
    assert [entry.agrees for entry in check.entries] == [None, True]


def test_a_large_tensor_is_checked_in_a_sample() -> None:
    x = number(np.linspace(-1, 1, 1_000_000))
    check = explain(np.sum(x * x), x).check
    assert check.agrees
    assert 1 <= len(check.entries) <= differences.SAMPLE


def test_what_would_take_too_long_is_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(differences, "WORK", 10)
    x = number(1.0)
    check = explain(x * x, x).check
    assert check.agrees is None and "too long" in check.reason


# ---- errors -----------------------------------------------------------------------------------

x, unused = number(1.0, "x"), number(1.0, "unused")
freed = x * x
freed.backward(retain_graph=False)


def _raises(g: Any, y: Any, x: Any) -> Any:
    raise ZeroDivisionError("no")


ERRORS: list[tuple[str, Any, Any, type[Exception], str]] = [
    ("no output", 3.0, x, TypeError, "the output must be a Tensor, got float"),
    ("no tensor", x * x, "x", TypeError, "the tensor must be a Tensor, got str"),
    ("unused", x * x, unused, ValueError, "L does not depend on unused: no recorded operation"),
    ("constant", x * x, Tensor(2.0), ValueError, "make it Tensor(..., requires_grad=True)"),
    ("integers", x * x, Tensor([1, 2]), ValueError, "it requires no gradient"),
    ("not recorded", Tensor(2.0) * 3, x, ValueError, "L requires no gradient, so no operation"),
    ("later", x * x, (x * x) * x, ValueError, "does not depend on"),
    ("freed", freed, x, GraphFreedError, "was freed by an earlier backward"),
    ("rule", primitive(lambda x: x * 1, _raises)(x), x, AutogradError,
     "the rule of <lambda> raised ZeroDivisionError: no"),
]  # fmt: skip


@pytest.mark.parametrize(("output", "tensor", "kind", "words"), [row[1:] for row in ERRORS],
                         ids=[row[0] for row in ERRORS])  # fmt: skip
def test_errors(output: Any, tensor: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=re.escape(words)):
        explain(output, tensor)


def test_a_gradient_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(2,\), the output \(\)"):
        explain(x * x, x, gradient=[1.0, 2.0])


def test_a_graph_too_deep_is_refused_but_its_end_explained() -> None:
    start = number(1.0, "start")
    y = start
    for _ in range(STEPS + 1):
        y = y + 1e-9
    with pytest.raises(ValueError, match="operations lie between start and L, more than 100,000"):
        explain(y, start)
    assert explain(y * y, y).check.agrees


def test_an_operand_that_the_tensor_is_in_is_not_written_out() -> None:
    """∂(s·s + s)/∂s is not 1, the slope of its last use."""
    s = Tensor(-6.0, requires_grad=True)
    found = explain(s * s + s, s, names={"s": s})
    assert [use.rule for use in found.uses][-1] == "∂(x1 + s)/∂s = 1"
    assert float(found.total) == -11.0


OPERANDS = {
    "an operation": (lambda w, x, b, v: np.add(w * x, v), "∂(w·x + v)/∂v = 1"),
    "in an operation": (lambda w, x, b, v: autograd.relu(w * x + b) * v,
                        "∂(relu(w·x + b)·v)/∂v = relu(w·x + b)"),
    "too long": (lambda w, x, b, v: np.tanh(w * x + x * b + w * b) * v, "∂(x1·v)/∂v = x1"),
    "too deep": (lambda w, x, b, v: np.exp(np.sin(np.cos(abs(w)))) * v, "∂(x1·v)/∂v = x1"),
}  # fmt: skip


@pytest.mark.parametrize("compute, rule", OPERANDS.values(), ids=OPERANDS)
def test_an_operand_without_a_name_is_called_by_what_it_is_made_of(compute: Any, rule: str) -> None:
    w, x, b, v = (number(value, name) for value, name in zip([2.0, 3.0, 4.0, 5.0], "wxbv"))
    assert explain(compute(w, x, b, v), v).uses[0].rule == rule


def test_names_that_are_no_dict_are_refused_in_the_name_of_explain() -> None:
    x = number(1.0)
    with pytest.raises(TypeError, match=r"^explain: names takes a dict"):
        explain(x * 2, x, names=[x])
