"""Random programs against NumPy and differences: python -m tests.fuzz [--programs N] [--seed S].

Each program of programs.py runs on Tensors and on plain arrays, and these must hold:

    value      every line gives NumPy's values, dtype and shape; nothing given is written into
    gradient   that of grad is the differences of the values; backward, retain_grad and
               create_graph give the same
    jvp        it is the differences of the values, and v·Ju = u·Jᵀv
    second     Hessian times vector is the differences of the gradients, and u·Hv = v·Hu
    precision  in float16, float32 and mixtures: NumPy's values and dtypes, gradients in the dtypes
               of their inputs and as good as rounding allows, errors where NumPy has them

A fault is told with a shorter program that still shows it; --only I repeats program I.
"""

from __future__ import annotations

import argparse
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from autograd import Tensor, grad, jvp
from autograd.ops import decompositions
from tests.cases import CASES
from tests.programs import (
    ENTRIES,
    WHOLE,
    Held,
    Program,
    compiled,
    entries_in,
    names_in,
    program_of,
    raw,
)  # fmt: skip

STEP = 2e-4  # of differences
ROUNDING, KINK = 2e-8, 1e-4  # what rounding does to them and what only a kink does, relative


class Fault(Exception):
    """What is wrong with a program: the name of the check, and the numbers."""

    def __init__(self, check: str, message: str) -> None:
        super().__init__(f"{check}: {message}")
        self.check = check
        self.program: Program | None = None  # the form of it in which the fault was found


def near(check: str, what: str, found: Any, expected: Any, allowed: Any, skip: Any = False) -> None:
    found, expected = np.asarray(found, float), np.asarray(expected, float)
    same = (np.absolute(found - expected) <= allowed) | (found == expected)
    same |= np.isnan(found) & np.isnan(expected) | skip
    if not np.all(same):
        place = tuple(int(i) for i in np.argwhere(~same)[0])
        within = np.broadcast_to(allowed, same.shape)[place]
        numbers = f"{found[place]:.12g}, expected {expected[place]:.12g} within {within:.2g}"
        raise Fault(check, f"{what}, element {place}: {numbers}")


# ---- values -----------------------------------------------------------------------------------

EQUAL = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 1e-5, np.dtype(np.float16): 1e-2}


def listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (tuple, list)) else [value]


def largest(value: Any) -> float:
    return float(np.max(np.absolute(value), initial=0, where=np.isfinite(value)))


def check_values(program: Program) -> dict[str, Any]:
    """Compare every line, on what Tensors held before it, with NumPy. Returns all names."""
    hold, plain = Held(), program.run({}, False, Held())
    given = {name: (plain[name], np.array(plain[name])) for name in program.leaves}
    plain["held"] = Held()

    def compare(target: str, line: str, names: dict[str, Any]) -> None:
        exec(compiled(line, "exec"), plain)
        found, expected = names[target], raw(plain[target])
        plain[target] = raw(found)
        if len(listed(found)) != len(listed(expected)):
            raise Fault("value", f"{target} has {len(listed(found))} results")
        used = [names[name] for name in names_in(line) - {target}]
        if not isinstance(found, (Tensor, tuple, list)) and any(
            isinstance(x, Tensor) for x in used
        ):
            raise Fault("value", f"{target} is {type(found).__name__}, not a Tensor")
        for y, z in zip(listed(plain[target]), listed(expected)):
            dtypes = np.asarray(y).dtype, np.asarray(z).dtype
            own = any(position >= len(CASES) for position in entries_in(line))  # nn's
            if np.shape(y) != np.shape(z) or dtypes[0] != dtypes[1] and not own:
                kinds = f"{np.shape(y)} {dtypes[0]}, NumPy's {np.shape(z)} {dtypes[1]}"
                raise Fault("value", f"{target} is {kinds}")
            # Where precisions are mixed, what is rounded on the way is a question of the order.
            mixed = {raw(x).dtype for x in used if hasattr(x, "dtype")} & set(EQUAL)
            judged = {*dtypes, *(mixed if len(mixed) > 1 else ())}
            size = max(EQUAL.get(dtype, 0) for dtype in judged) * (1 + largest(z))
            near("value", target, y, z, size)

    names = program.run({}, True, hold, compare)
    for name, (array, before) in given.items():
        near("value", f"{name}, which was given", array, before, 0)
    return {**names, "held": hold}


# ---- derivatives ------------------------------------------------------------------------------


def flat(arrays: Iterable[Any]) -> Any:
    """All elements in one row, in float64."""
    return np.concatenate([np.zeros(0), *(np.ravel(raw(a)).astype(float) for a in arrays)])


def gradients(
    outputs: list[Any], xs: list[Tensor], vs: list[Any], again: bool = False
) -> list[Any]:
    """The gradients of the sum of v y by the xs; zeros where nothing depends on one."""
    pairs = [(y, v) for y, v in zip(outputs, vs) if getattr(y, "requires_grad", False)]
    found: tuple[Any, ...] = (None,) * len(xs)
    if pairs and xs:
        ys, seeds = zip(*pairs)
        found = grad(list(ys), xs, list(seeds), create_graph=again, allow_unused=True)
    return [Tensor(np.zeros(x.shape, x.dtype)) if g is None else g for x, g in zip(xs, found)]


class Found:
    """A run of a program with its first gradients, which all checks of derivatives share."""

    def __init__(self, program: Program, names: dict[str, Any], vs: Any = None) -> None:
        self.program, self.names, self.hold = program, names, names["held"]
        self.point = program.point
        self.xs = [names[name] for name in self.point]
        self.outputs = program.results(names)
        self.vs = vs or [self.weight(y) for y in self.outputs]
        self.gradients = gradients(self.outputs, self.xs, self.vs)
        self.unsure = False

    def weight(self, y: Any) -> Any:
        """What an output's elements count, in its dtype."""
        rng = np.random.default_rng(np.size(y))
        signed = rng.uniform(0.5, 1.5, np.shape(y)) * rng.choice([-1, 1], np.shape(y))
        return signed.astype(y.dtype if y.dtype.kind == "f" else float)

    def direction(self, salt: int) -> list[Any]:
        rng = np.random.default_rng([self.program.index, salt])
        return [np.asarray(rng.uniform(-1, 1, a.shape)) for a in self.point.values()]

    def moved(self, along: list[Any], step: float, tensors: bool) -> tuple[list[Any], list[Any]]:
        """The outputs and the leaves where these are a step further."""
        point = {n: np.asarray(a + step * d) for (n, a), d in zip(self.point.items(), along)}
        names = self.program.run(point, tensors, Held(self.hold.values))
        return self.program.results(names), [names[name] for name in point]

    def __call__(self, *xs: Tensor) -> Any:
        """The program as a function of its leaves, with one row of results."""
        names = {**self.names, **dict(zip(self.point, xs)), "held": Held(self.hold.values)}
        for line in self.program.lines.values():
            exec(compiled(line, "exec"), names)
        return np.concatenate([np.ravel(y) for y in self.program.results(names)])


def differences(f: Callable[[float], Any]) -> tuple[Any, Any, Any]:
    """f'(0) of a row of results, how far off it may be, and where it is not known at all.

    Central differences of two steps, and what they tend to. A kink or a jump nearby makes them
    disagree.
    """
    short, long = ((f(h) - f(-h)) / (2 * h) for h in (STEP, 2 * STEP))
    best = (4 * short - long) / 3
    scale = 1 + largest(best)
    unsure = ~(np.absolute(short - long) <= KINK * scale)
    return best, 2 * np.absolute(best - short) + ROUNDING * scale, unsure


def check_first(run: Found) -> None:
    """The gradient and the Jacobian times a vector, in one direction of all leaves together."""
    along, row = run.direction(1), flat(run.vs)
    slopes, allowed, unsure = differences(lambda h: flat(run.moved(along, h, False)[0]))
    run.unsure |= bool(np.any(unsure))
    pulled = float(flat(run.gradients) @ flat(along))
    near("gradient", "in a direction, by differences", pulled, row @ slopes,
         np.absolute(row) @ allowed, skip=np.any(unsure))  # fmt: skip
    at, vectors = tuple(Tensor(x.data) for x in run.xs), tuple(map(Tensor, along))
    pushed = flat([jvp(run, at, vectors)[1]])
    near("jvp", "by differences", pushed, slopes, allowed, unsure)
    size = 1e-9 * (1 + np.absolute(row) @ np.absolute(pushed))
    near("jvp", "v·Ju, by u·Jᵀv", row @ pushed, pulled, size)


def check_ways(run: Found) -> list[Any]:
    """backward, retain_grad and create_graph give the same. Returns what can be differentiated."""
    retained = {text: eval(compiled(text, "eval"), run.names) for text in run.program.retained}
    retained = {t: y for t, y in retained.items() if getattr(y, "_op", None) and y.requires_grad}
    for tensor in retained.values():
        tensor.retain_grad()
    for y, v in zip(run.outputs, run.vs):
        if getattr(y, "requires_grad", False):
            y.backward(v)
    for y, v in zip(run.outputs, run.vs):
        near("gradient", "the gradient given to backward", v, run.weight(y), 0)
    recorded = gradients(run.outputs, run.xs, run.vs, again=True)
    inside = gradients(run.outputs, list(retained.values()), run.vs)
    asked = [*zip(run.point, run.xs, run.gradients), *zip(retained, retained.values(), inside)]
    for name, tensor, g in asked:
        kept = np.zeros(g.shape) if tensor.grad is None else tensor.grad
        near("gradient", f"by {name}, from backward", kept, g.data, 1e-10 * (1 + largest(g.data)))
    for name, g, again in zip(run.point, run.gradients, recorded):
        size = 1e-10 * (1 + largest(g.data))
        near("gradient", f"by {name}, with create_graph", again.data, g.data, size)
    return recorded


def check_second(run: Found, recorded: list[Any]) -> None:
    one, two = run.direction(2), run.direction(3)
    slopes, allowed, unsure = differences(
        lambda h: flat(gradients(*run.moved(one, h, True), run.vs))
    )
    run.unsure |= bool(np.any(unsure))
    products = []
    for along in (one, two):
        total = sum((np.sum(g * d) for g, d in zip(recorded, along)), start=Tensor(0.0))
        products.append(flat(gradients([total], run.xs, [np.float64(1)])))
    near("second", "Hv, by differences", products[0], slopes, allowed, unsure)
    size = 1e-9 * (1 + np.absolute(products[0]) @ np.absolute(flat(two)))
    left, right = products[0] @ flat(two), products[1] @ flat(one)
    near("second", "u·Hv, by v·Hu", left, right, size, skip=np.any(unsure))


# ---- other dtypes -----------------------------------------------------------------------------


def is_judged(program: Program) -> bool:
    """Whether other precisions give nearly the same. The order that np.partition leaves is another
    in another dtype, and the cofactors of singular matrices are sums that cancel."""
    text = "\n".join(program.lines.values())
    called = {ENTRIES[position].function for position in entries_in(text)}
    return "np.partition(" not in text and decompositions.cofactors not in called


def lowered(program: Program) -> Program:
    """The program in float32, in float16, or with a dtype for every leaf and constant."""
    dtypes = [np.float32, np.float16, np.float64]
    nns = any(position >= len(CASES) for position in entries_in("\n".join(program.lines.values())))
    # nn's losses mix no dtypes: theirs is the prediction's.
    kind = int(np.random.default_rng([program.seed, program.index]).integers(2 if nns else 3))
    lower = program.cast(
        lambda name: dtypes[kind if kind < 2 else sum(map(ord, name), program.index) % 3]
    )
    try:
        lower.run({}, False, Held())
    except (TypeError, ValueError) as error:  # numpy.linalg takes no float16
        try:
            lower.run({}, True, Held())
            # Of arrays nn's losses take the prediction's dtype, of Tensors with gradient the wider.
            agrees = nns
        except type(error):
            agrees = True
        if agrees:
            return program.cast(lambda name: np.float32)
        raise Fault("precision", f"nothing raised where NumPy raises {error!r}") from None
    return lower


def check_precision(lower: Program) -> None:
    """The values, and the gradients against those in float64 at the same place."""
    names = check_values(lower)
    run = Found(lower, names)
    values = [*lower.point.values(), *(names[target] for target in lower.lines)]
    dtypes = {np.asarray(y).dtype for value in values for y in listed(raw(value))}
    eps = max(float(np.finfo(dtype).eps) for dtype in dtypes if dtype.kind == "f")
    exact = unrounded(run, 0, 0)
    # One draw can be off by next to nothing where a line's result decides; three hardly are.
    draws = [unrounded(run, eps, draw) for draw in range(3)]
    for which in ("", ", with create_graph"):
        found = run.gradients
        if which:
            found = gradients(run.outputs, run.xs, run.vs, again=True)
        for name, x, g, z, *others in zip(run.point, run.xs, found, exact, *draws):
            if g.dtype != x.dtype:
                raise Fault("precision", f"{name} is {x.dtype}, its gradient{which} {g.dtype}")
            spread = max(float(np.max(np.absolute(other - z), initial=0)) for other in others)
            if largest(z) < 1e4 and spread < 0.1 * largest(z):  # else rounding decides
                size = 10 * spread + 50 * eps * largest(z) + eps
                near("precision", f"the gradient by {name}{which}", g.data, z, size)


def unrounded(run: Found, size: float, draw: int) -> list[Any]:
    """The gradients in float64, all leaves and every line's result off by as much as rounding
    would have them; the leaves too, for lines like np.cos(x.sum()) round between."""
    rng = np.random.default_rng([5, draw])

    def off(y: Any) -> Any:
        return y * (1 + size * rng.uniform(-1, 1, y.shape))

    def disturb(target: str, line: str, names: dict[str, Any]) -> None:
        value = names[target]
        parts = [off(y) if isinstance(y, Tensor) else y for y in listed(value)]
        names[target] = parts if isinstance(value, (tuple, list)) else parts[0]

    hold, program = Held(), run.program.cast(lambda name: np.float64)
    point = {name: np.asarray(off(array)) for name, array in program.point.items()}
    names = program.run(point, True, hold, disturb if size else None)
    again = Found(program, {**names, "held": hold}, [v.astype(float) for v in run.vs])
    return [g.data for g in again.gradients]


# ---- all of it --------------------------------------------------------------------------------


def check(program: Program) -> bool:
    """Raises the first Fault; False if differences met a kink or a steep place."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            run = Found(program, check_values(program))
            check_first(run)
            check_second(run, check_ways(run))
            if is_judged(program):
                program = lowered(program)
                check_precision(program)
        except Fault as fault:
            fault.program = program
            raise
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            message = f"{type(error).__name__}: {error} ({last.filename}:{last.lineno})"
            raise Fault("error", message) from error
    return not run.unsure


def told(program: Program, fault: Fault) -> str:
    """The fault, and the program with as few outputs as still fail the same check."""
    command = f"python -m tests.fuzz --seed {program.seed} --only {program.index}"
    for output in program.outputs:
        smaller = program.reduced(tuple(text for text in program.outputs if text != output))
        try:
            if smaller.point:
                check(smaller)
        except Fault as other:
            if other.check == fault.check:
                program, fault = smaller, other
    return f"{fault}\nagain: {command}\n{(fault.program or program).text()}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Random programs against NumPy and differences.")
    parser.add_argument("--programs", type=int, default=WHOLE, help=f"how many (default {WHOLE})")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, metavar="I", help="program I alone, and its text")
    options = parser.parse_args()
    indices = range(options.programs) if options.only is None else [options.only]
    faults = unsure = 0
    for index in indices:
        program = program_of(options.seed, index)
        try:
            unsure += not check(program)
        except Fault as fault:
            faults += 1
            print(f"\nprogram {index}, {told(program, fault)}", flush=True)
        if options.only is not None:
            print(program.text())
        elif index % 1000 == 999:
            print(f"{index + 1} programs, {faults} with a fault", flush=True)
    print(f"{len(indices)} programs, {faults} with a fault; {unsure} met a kink or a steep place")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
