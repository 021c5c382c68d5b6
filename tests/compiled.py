"""Compiled functions against themselves: python -m tests.compiled [--programs N] [--seed S].

`against_itself` calls a function and its compiled form with the same arguments, and asks for the
same values, kinds, errors and warnings. The command does so with random programs of programs.py,
values and gradients together, each with four more sets of data: near, farther, of the other sign
and in another order, so that branches go other ways.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd import Tensor, compile, grad
from tests.fuzz import listed
from tests.programs import LAYOUTS, NAMES, Held, Program, compiled, entries_in, entry, program_of

NEAR = {"e": 2e-2, "f": 1e-4, "d": 1e-9}  # rounding, in the unit of the largest element


def outcome(function: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[Any, Any, set[str]]:
    """What a call returns or raises, and of what it warns."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result, error = function(*args, **kwargs), None
        except Exception as raised:
            result, error = None, (type(raised), str(raised))
    return result, error, {str(warning.message) for warning in caught}


def alike(a: Any, b: Any) -> bool:
    """Whether two results are of one kind, and equal but for rounding."""
    if type(a) is not type(b):
        return False
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(map(alike, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(alike(a[key], b[key]) for key in a)
    if isinstance(a, Tensor):
        return a.requires_grad == b.requires_grad and alike(
            np.asarray(a._value), np.asarray(b._value)
        )
    if isinstance(a, (np.ndarray, np.generic)):
        if a.dtype != b.dtype or np.shape(a) != np.shape(b):
            return False
        if a.dtype.kind != "f":
            return bool(np.array_equal(a, b))
        finite = np.abs(a[np.isfinite(a)]) if np.ndim(a) else np.nan_to_num(np.abs(a))
        within = NEAR[a.dtype.char] * float(np.max(finite, initial=0.0))
        with np.errstate(all="ignore"):
            return bool(np.allclose(a, b, NEAR[a.dtype.char], within, equal_nan=True))
    return bool(a == b) or a != a


def against_itself(function: Any, *calls: Any, step: Any = None, faster: Any = None) -> Any:
    """Call both with each of the arguments, after step(i); returns the compiled function."""
    faster = compile(function) if faster is None else faster
    for i, args in enumerate(calls):
        if step is not None:
            step(i)
        args = args if isinstance(args, tuple) else (args,)
        expected, found = outcome(function, *args), outcome(faster, *args)
        assert found[1] == expected[1], (i, found[1], expected[1])
        assert alike(found[0], expected[0]), (i, found[0], expected[0], faster.reason)
        assert found[2] == expected[2], (i, found[2], expected[2])
    return faster


# ---- random programs --------------------------------------------------------------------------


def function_of(program: Program) -> Callable[..., Any]:
    """A program as a function of its leaves' arrays: all outputs, and the gradients of the sum of
    them with some weights."""
    given = [(name, x.form, x.differentiable) for name, x in program.leaves.items()]
    point = list(program.point)
    lines = [compiled(line, "exec") for line in program.lines.values()]
    texts = [compiled(text, "eval") for text in program.outputs]
    calls = {n: entry(n) for n in entries_in("\n".join(program.lines.values()))}
    names = {**NAMES, **program.constants, "entry": calls.__getitem__}

    def function(*arrays: Any) -> Any:
        here = {**names, "held": Held()}
        for (name, form, differentiable), array in zip(given, arrays):
            here[name] = Tensor(array, differentiable) if "Tensor" in form else array
        for line in lines:
            exec(line, here)
        outputs = [y for text in texts for y in listed(eval(text, here))]
        total: Any = 0.0
        for k, y in enumerate(outputs):
            if isinstance(y, Tensor) and y.requires_grad:
                total = total + np.sum(y * np.cos(np.arange(y.size) + k).reshape(y.shape))
        found: Any = [None] * len(point)
        if isinstance(total, Tensor):
            found = grad(total, [here[name] for name in point], allow_unused=True)
        return [y.detach() if isinstance(y, Tensor) else y for y in (*outputs, *found)]

    return function


def moved(rng: Any, array: Any, how: int) -> Any:
    """Other values: near, farther, of the other sign, or in another order and size."""
    array = np.asarray(array)
    if array.dtype.kind != "f":
        return array + (how >= 2)
    size = rng.uniform(-1, 1, array.shape)
    mixed = rng.permutation(array.reshape(-1)).reshape(array.shape)
    other = [array * (1 + 0.03 * size), array * (1 + 0.3 * size), -array * (1 + 0.5 * size)]
    return np.asarray([*other, mixed * 3 * size][how], array.dtype)


def check(program: Program) -> Any:
    """The compiled function, after five calls. Raises AssertionError where they differ."""
    function = function_of(program)
    faster, rng = compile(function), np.random.default_rng([program.seed, program.index])
    layouts = [LAYOUTS[leaf.layout] for leaf in program.leaves.values()]
    arrays = [np.asarray(leaf.array) for leaf in program.leaves.values()]
    with np.errstate(all="ignore"):
        for how in (None, 0, 1, 2, 3):
            values = [x if how is None else moved(rng, x, how) for x in arrays]
            values = [lay(x) for lay, x in zip(layouts, values)]
            before = [x.copy() for x in values]
            expected, found = outcome(function, *values), outcome(faster, *values)
            assert found[1] == expected[1], (how, found[1], expected[1])
            assert alike(found[0], expected[0]), (how, found[0], expected[0])
            assert alike(values, before), "an argument has changed"
    return faster


def main() -> None:
    parser = argparse.ArgumentParser(description="Random programs, compiled, against themselves.")
    parser.add_argument("--programs", type=int, default=320)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, metavar="I", help="program I alone, and its text")
    options = parser.parse_args()
    indices = range(options.programs) if options.only is None else [options.only]
    counts, reasons = Counter[str](), Counter[str]()
    for index in indices:
        program = program_of(options.seed, index)
        try:
            faster = check(program)
        except AssertionError as error:
            counts["wrong"] += 1
            print(f"program {index}: {str(error)[:500]}", flush=True)
        else:
            counts["compiled" if faster.versions else "refused"] += 1
            reasons[str(faster.reason)[:60]] += not faster.versions
        if options.only is not None:
            print(program.text())
        elif index % 250 == 249:
            print(index + 1, dict(counts), flush=True)
    print(dict(counts), *reasons.most_common(8), sep="\n")
    sys.exit(bool(counts["wrong"]))


if __name__ == "__main__":
    main()
