"""The fuzzer itself: a run that makes every call once, and what it finds when a rule is wrong."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autograd import rules
from tests.fuzz import Fault, check, told
from tests.programs import ENTRIES, WHOLE, dealt, program_of, raw, share

PROGRAMS = [program_of(0, index) for index in range(WHOLE)]


def test_no_program_has_a_fault() -> None:
    faults, unsure = [], 0
    for program in PROGRAMS:
        try:
            unsure += not check(program)
        except Fault as fault:
            faults.append(told(program, fault))
    assert not faults, "\n".join(faults)
    assert unsure <= WHOLE / 20


def test_every_call_takes_part_once() -> None:
    calls = [position for index in range(WHOLE) for position in share(0, index)]
    assert sorted(calls) == list(range(len(ENTRIES)))
    assert calls != [position for index in range(WHOLE) for position in share(1, index)]


def test_a_new_call_changes_one_program() -> None:
    labels = tuple(call.label for call in ENTRIES)
    before, after = dealt(labels, 0, 0), dealt(("new", *labels), 0, 0)
    moved = [k for k in range(WHOLE) if [p + 1 for p in before[k]] != after[k]]
    assert len(moved) == 1 and 0 in after[moved[0]]


def test_programs_hold_what_they_should() -> None:
    text = "\n".join(program.text() for program in PROGRAMS)
    for part in (
        "no_grad", "held", "slanted", "backwards", "spaced", "int8", "np.zeros((0,", "+= 2",
        ").sum(", ") @ (", ".ravel()[k", "requires_grad=True", "nan",
    ):  # fmt: skip
        assert part in text
    assert re.search(r"Tensor\(np.array\([-\d.]+, dtype=np.float64\)", text)  # without axes
    assert re.search(r"(t\d+) \* \1\b", text)  # the same Tensor twice


def test_seed_and_index_decide_the_program_and_its_text_runs() -> None:
    for index in (3, WHOLE + 4):
        program = program_of(7, index)
        assert program_of.__wrapped__(7, index).text() == program.text()
        names: dict[str, Any] = {}
        with np.errstate(all="ignore"):
            exec(program.text(), names)
            expected = program.results(program.run({}, False, names["held"].__class__()))
        for y, z in zip(names["outputs"], expected, strict=True):
            np.testing.assert_allclose(raw(y), z, rtol=1e-12, atol=1e-12)


# ---- faults planted on purpose ----------------------------------------------------------------


def stretched(g: Any, y: Any, x1: Any, x2: Any) -> Any:
    """hypot's rule, wrong where the first argument is broadcast."""
    return g * (x1 / y) * (2 if x1.shape != y.shape else 1)


def in_place(g: Any, y: Any, x1: Any, x2: Any) -> Any:
    """logaddexp's rule, which writes into the gradient that it is handed."""
    g *= np.exp(x1 - y)
    return g


def in_single(g: Any, y: Any, x1: Any, x2: Any) -> Any:
    """arctan2's rule, some percent off in all but float64."""
    return g * x2 / (x1 * x1 + x2 * x2) * (1 if x1.dtype == np.float64 else 1.2)


RULES: dict[str, tuple[Any, Any, set[str]]] = {
    "first order, of rare shapes": (np.hypot, stretched, {"gradient", "jvp"}),
    "in place": (np.logaddexp, in_place, {"gradient", "jvp", "error"}),
    "second order": (np.arctan, lambda g, y, x: g / (1 + raw(x) ** 2), {"second"}),
    "second order, by y": (np.exp2, lambda g, y, x: g * raw(y) * np.log(2.0), {"second"}),
    "not linear in g": (np.sinh, lambda g, y, x: raw(g) * np.cosh(x), {"jvp", "second"}),
    "one dtype": (np.arctan2, in_single, {"precision"}),
}
FORWARDS: dict[str, tuple[Any, Callable[..., Any]]] = {
    "values in single": (np.cbrt, lambda x: np.cbrt(x.astype("f")).astype(x.dtype)),
    "a wider dtype": (np.log1p, lambda x: np.log1p(x, dtype=np.float64)),
}


def faults_with(function: Any) -> list[str]:
    """What the checks say of those of the programs that call a function."""
    found = []
    for program in PROGRAMS:
        if f"np.{function.__name__}(" in program.text():
            try:
                check(program)
            except Fault as fault:
                found.append(fault.check)
    return found


@pytest.mark.parametrize(("function", "rule", "checks"), RULES.values(), ids=RULES)
def test_a_wrong_rule_is_found(
    monkeypatch: pytest.MonkeyPatch, function: Any, rule: Any, checks: set[str]
) -> None:
    assert not faults_with(function)
    operation = rules.operations[function]
    monkeypatch.setattr(operation, "rules", (rule, *operation.rules[1:]))
    found = faults_with(function)
    assert found and set(found) <= checks


@pytest.mark.parametrize(("function", "forward"), FORWARDS.values(), ids=FORWARDS)
def test_a_wrong_value_is_found(
    monkeypatch: pytest.MonkeyPatch, function: Any, forward: Any
) -> None:
    monkeypatch.setattr(rules.operations[function], "forward", forward)
    assert set(faults_with(function)) == {"value"}


def test_a_fault_is_told_with_a_short_program_and_its_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    operation = rules.operations[np.arctan]
    monkeypatch.setattr(operation, "rules", (lambda g, y, x: g,))
    for program in (p for p in PROGRAMS if "np.arctan(" in p.text()):
        try:
            check(program)  # some use it without a gradient
        except Fault as fault:
            text = told(program, fault)
            break
    else:
        pytest.fail("no program has found the fault")
    assert f"python -m tests.fuzz --seed 0 --only {program.index}" in text
    assert len(text) < len(program.text())


def test_command() -> None:
    command = [sys.executable, "-W", "error", "-m", "tests.fuzz", "--only", "5", "--seed", "2"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert program_of(2, 5).text() in told
    assert "1 programs, 0 with a fault" in told
