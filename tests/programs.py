"""Random programs for fuzz.py: lines of Python, made of the calls in cases.py and calls.py.

Every call stays near its own point, where it is smooth: its arrays are new leaves, or the point's
values moved a little by earlier results. Operators, methods, views and reused values join them.
`WHOLE` programs make every call once, and (seed, index) alone decide what a program is.
"""

from __future__ import annotations

import re
import warnings
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from typing import Any

import numpy as np

import autograd
from autograd import Tensor, no_grad
from tests.calls import CALLS
from tests.cases import CASES, Case

WHOLE = 320  # so many programs make every call once: about six calls in each


def _case_of(call: Any) -> Case:
    arrays = tuple(map(np.asarray, call.arrays))
    return Case(lambda *xs: call.function(list(xs)), arrays, {}, label=call.label)


ENTRIES = CASES + [_case_of(call) for call in CALLS if not isinstance(call.function, Case)]

OPERATORS = {
    np.add: "{} + {}", np.subtract: "{} - {}", np.multiply: "{} * {}", np.divide: "{} / {}",
    np.power: "{} ** {}", np.matmul: "{} @ {}", np.remainder: "{} % {}", np.negative: "-{}",
    np.floor_divide: "{} // {}", np.absolute: "abs({})", np.positive: "+{}",
}  # fmt: skip

# Steps between the calls: a and b are earlier results. One that NumPy refuses is not taken.
JOINTS = """
a + b; a - b; a * b; a / (3 + np.cos(b)); a @ b; a ** 2; 1 - a; -a; a + a; a * a; 0.5 * a
[0.5] * a[None]; np.float64(2) - a; np.float32(0.5) * a; a * np.arange(3)
np.array(0.5) / (2 + a * a); a.T; a[1:]; a[::-1]; a[..., None]; a[None] + b
a[[0, -1, 0]]; a[..., 0]; a.reshape(-1)
a.ravel()[::2]; a.sum(axis=0); a.sum(axis=-1, keepdims=True); a.mean(); a - a.mean(axis=0)
a.swapaxes(0, -1); np.tanh(a); np.sin(a) * a; np.exp(-a * a); np.where(a > 0.3, a, b)
np.stack([a, a]); np.concatenate([a.ravel(), b.ravel(), a.ravel()])
np.broadcast_to(a, (2, *a.shape))
""".strip().replace("\n", "; ").split("; ")  # fmt: skip
SQUASHED = ("np.sin({0})", "np.tanh({0})", "np.cos({0})", "{0} / (1 + {0} * {0})")

_NAME, _ENTRY = re.compile(r"\b[tkx]\d+\b"), re.compile(r"entry\((\d+)\)")


def names_in(text: str) -> set[str]:
    return set(_NAME.findall(text))


def entries_in(text: str) -> list[int]:
    return [int(position) for position in _ENTRY.findall(text)]


# ---- what the text of a program may use -------------------------------------------------------


def entry(position: int) -> Callable[..., Any]:
    """A call of the table, for one that has no name of its own."""
    return ENTRIES[position].via or ENTRIES[position].function


def slanted(array: Any) -> Any:
    """The same values, those along the first axis next to each other in memory."""
    return np.array(np.transpose(array)).T


def backwards(array: Any) -> Any:
    """The same values behind negative strides."""
    return np.flip(np.array(np.flip(array)))


def spaced(array: Any) -> Any:
    """The same values with gaps between them in memory."""
    return np.repeat(np.asarray(array)[..., None], 2, axis=-1)[..., 0]


class Held:
    """Makes constants, which stay the same when a program runs again with moved leaves."""

    def __init__(self, values: list[Any] | None = None) -> None:
        self.values: list[Any] = []
        self.given = None if values is None else iter(values)

    def __call__(self, value: Any) -> Any:
        stored = raw(value) if self.given is None else next(self.given)
        self.values.append(stored)
        return Tensor(stored) if isinstance(value, Tensor) else stored


def raw(value: Any) -> Any:
    """Plain arrays for Tensors, also for several."""
    if isinstance(value, (tuple, list)):
        return [raw(member) for member in value]
    return value.data if isinstance(value, Tensor) else value


held, inf, nan = Held(), np.inf, np.nan
LAYOUTS = {"": np.asarray, "slanted": slanted, "backwards": backwards, "spaced": spaced}
__all__ = [
    "Tensor",
    "autograd",
    "backwards",
    "entry",
    "held",
    "inf",
    "nan",
    "no_grad",
    "np",
    "slanted",
    "spaced",
]
NAMES = {name: globals()[name] for name in __all__}
compiled = lru_cache(5000)(lambda text, mode: compile(text, "<program>", mode))


# ---- programs ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Leaf:
    """What a program is given: an array, and how it stands there."""

    array: Any
    layout: str = ""
    form: str = "Tensor({}, requires_grad=True)"  # or without a gradient, or as it is

    @property
    def differentiable(self) -> bool:
        return "True" in self.form

    def text(self) -> str:
        array = f"np.array({self.array.tolist()}, dtype=np.{self.array.dtype})"
        if not self.array.size:
            array = f"np.zeros({self.array.shape}, dtype=np.{self.array.dtype})"
        return self.form.format(f"{self.layout}({array})" if self.layout else array)

    def given(self, array: Any, tensors: bool) -> Any:
        array = LAYOUTS[self.layout](array)
        return Tensor(array, self.differentiable) if tensors and "Tensor" in self.form else array


@dataclass(frozen=True)
class Program:
    """Lines of Python that assign to t0, t1, ..., over leaves x0, ... and constants k0, ..."""

    seed: int
    index: int
    leaves: dict[str, Leaf] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)
    lines: dict[str, str] = field(default_factory=dict)  # by the name that each assigns to
    outputs: tuple[str, ...] = ()
    retained: tuple[str, ...] = ()  # results whose gradients are asked for, too

    @property
    def point(self) -> dict[str, Any]:
        """The values to differentiate by."""
        return {name: leaf.array for name, leaf in self.leaves.items() if leaf.differentiable}

    def run(
        self, point: dict[str, Any], tensors: bool, hold: Held, visit: Any = None
    ) -> dict[str, Any]:
        """All names after the last line; visit(target, line, names) is called after each."""
        names = {**NAMES, **self.constants, "held": hold}
        for name, leaf in self.leaves.items():
            names[name] = leaf.given(point.get(name, leaf.array), tensors)
        for target, line in self.lines.items():
            exec(compiled(line, "exec"), names)
            if not tensors:
                names[target] = raw(names[target])  # nn's functions make Tensors of arrays
            if visit:
                visit(target, line, names)
        return names

    def results(self, names: dict[str, Any]) -> list[Any]:
        return [eval(compiled(text, "eval"), names) for text in self.outputs]

    def cast(self, dtype_of: Callable[[str], Any]) -> Program:
        """The program with its floats in other dtypes."""

        def cast(name: str, value: Any) -> Any:
            floats = isinstance(value, np.ndarray) and value.dtype.kind == "f"
            return value.astype(dtype_of(name)) if floats else value

        leaves = {n: replace(leaf, array=cast(n, leaf.array)) for n, leaf in self.leaves.items()}
        constants = {name: cast(name, value) for name, value in self.constants.items()}
        return replace(self, leaves=leaves, constants=constants)

    def reduced(self, outputs: tuple[str, ...]) -> Program:
        """The program with only these outputs, and what they need."""
        used, lines = names_in(" ".join(outputs)), {}
        for target, line in reversed(self.lines.items()):
            if target in used:
                lines[target] = line
                used |= names_in(line)
        return replace(
            self, lines=dict(reversed(lines.items())), outputs=outputs,
            leaves={name: leaf for name, leaf in self.leaves.items() if name in used},
            constants={name: value for name, value in self.constants.items() if name in used},
            retained=tuple(text for text in self.retained if names_in(text) <= used),
        )  # fmt: skip

    def text(self) -> str:
        """The program as a script."""
        given = [f"{name} = {leaf.text()}" for name, leaf in self.leaves.items()]
        given += [f"{name} = {_literal(value)}" for name, value in self.constants.items()]
        lines = list(self.lines.values())
        comments = [f"# entry({n}): {ENTRIES[n].label}" for n in entries_in("\n".join(lines))]
        last = f"outputs = [{', '.join(self.outputs)}]"
        return "\n".join(["from tests.programs import *", *comments, *given, *lines, last])


def _literal(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return Leaf(value, form="{}").text()
    if callable(value):  # a dtype or a function, which a script may not know
        return f"np.{value.__name__}"
    return repr(value)


# ---- writing one ------------------------------------------------------------------------------


@cache
def name_of(position: int) -> str:
    """What a program calls a function: np.sin, np.linalg.inv, autograd.relu, or entry(12)."""
    function = entry(position)
    for place, home in (("np", np), ("np.linalg", np.linalg), ("autograd", autograd)):
        name = str(getattr(function, "__name__", "")).lstrip("_")
        if getattr(home, name, None) is function:
            return f"{place}.{name}"
    return f"entry({position})"


@cache
def movable(position: int) -> list[bool]:
    """For each array of a call whether it may be moved; one that may not lies at a bound."""
    case, found = ENTRIES[position], []
    for i in range(len(case.arrays)):
        try:
            for step in (0.06, -0.06):
                case([a + step * (i == k) for k, a in enumerate(case.arrays)])
        except ValueError:
            found.append(False)
        else:
            found.append(True)
    return found


def share(seed: int, index: int) -> list[int]:
    """The calls that a program makes: its part of an endless row of shuffled tables."""
    rounds, place = divmod(index, WHOLE)
    return dealt(tuple(call.label for call in ENTRIES), seed, rounds)[place]


@lru_cache(8)
def dealt(labels: tuple[str, ...], seed: int, rounds: int) -> list[list[int]]:
    """The positions of all calls, dealt out to programs. Each call draws its own place, so that a
    new one moves no other, and changes the program alone that it comes into."""
    places: list[list[tuple[float, int]]] = [[] for _ in range(WHOLE)]
    seen: Counter[str] = Counter()
    for position, label in enumerate(labels):
        seen[label] += 1
        key = zlib.crc32(f"{label} {seen[label]}".encode())
        rng = np.random.default_rng([seed, rounds, key])
        places[int(rng.integers(WHOLE))].append((rng.random(), position))
    return [[position for _, position in sorted(place)] for place in places]


class Expression(str):
    """What stands in a program where an array stood in a case."""


class Writer:
    """Writes a program line by line, running it on plain arrays: it knows what may follow."""

    def __init__(self, seed: int, index: int) -> None:
        self.rng = np.random.default_rng([seed, index])
        self.leaves: dict[str, Leaf] = {}
        self.constants: dict[str, Any] = {}
        self.lines: dict[str, str] = {}
        self.names: dict[str, Any] = {**NAMES, "held": Held()}
        self.tensors: set[str] = set()  # the names of Tensors
        self.moving: set[str] = set()  # the names of those that require a gradient
        self.pool: list[str] = []  # what later lines may use
        if self.chance(0.3):
            whole = self.rng.integers(-3, 4, self.pick([(), (3,), (2, 1)]))
            self.leaf(np.asarray(whole, self.pick(["int64", "int32", "int8"])), "Tensor({})")
        for position in share(seed, index):
            self.call(position)
            for _ in range(self.rng.integers(2)):
                self.join()
        results = [text for text in self.pool if text[0] == "t"]
        results = results or [self.leaf(np.asarray(1.0), Leaf.form)]
        used = {name for t, line in self.lines.items() for name in names_in(line) - {t}}
        self.program = Program(
            seed, index, self.leaves, self.constants, self.lines,
            tuple(text for text in results if not names_in(text) <= used or self.chance(0.3)),
            tuple(text for text in results if self.chance(0.2)),
        )  # fmt: skip

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def pick(self, options: Any) -> Any:
        return options[int(self.rng.integers(len(options)))]

    def call(self, position: int) -> None:
        """A call of the table, as a function, a method or an operator."""
        case, name = ENTRIES[position], name_of(position)
        places = [i for i, free in enumerate(movable(position)) if free]
        sure = self.pick(places) if places else None  # one array at least has a gradient
        args, kwargs = case.filled(
            Expression(self.argument(array, i == sure) if i in places else self.constant(array))
            for i, array in enumerate(case.arrays)
        )
        words = [self.spelled(value) for value in args]
        options = [f"{key}={self.spelled(value)}" for key, value in kwargs.items()]
        forms = [f"{name}({', '.join(words + options)})"]
        method = name.split(".")[-1]
        if args and isinstance(args[0], Expression) and self.tensors & names_in(words[0]):
            if name == f"np.{method}" and hasattr(np.ndarray, method) and hasattr(Tensor, method):
                forms.append(f"({words[0]}).{method}({', '.join(words[1:] + options)})")
            if case.function in OPERATORS:
                forms.append(OPERATORS[case.function].format(*(f"({word})" for word in words)))
        if case.label.startswith("getitem"):
            forms = [f"({words[0]})[{words[1]}]"]
        written = self.line(self.pick(forms), any_result=True)  # methods lack some options
        assert written or self.line(forms[0], any_result=True), forms[0]

    def argument(self, base: Any, sure: bool) -> str:
        """A leaf with the base's values, or these moved a little by an earlier result."""
        kind = self.rng.random()
        sources = [text for text in self.pool if names_in(text) <= self.moving or not sure]
        if kind < 0.4 or not sources:
            moved = base + 0.05 * self.rng.uniform(-1, 1, base.shape) * self.chance(0.5)
            forms = [Leaf.form] if sure or kind > 0.08 else ["{}", "Tensor({})"]
            return self.leaf(np.asarray(moved), self.pick(forms))
        if kind < 0.48 and not sure:
            return self.constant(base)
        source = self.fitting(self.pick(sources), base.shape)
        self.line(self.pick(SQUASHED).format(source), any_result=True)
        return f"{self.constant(base)} + 0.05 * {list(self.lines)[-1]}"

    def fitting(self, source: str, shape: tuple[int, ...]) -> str:
        """An earlier result as something that broadcasts to a shape."""
        given = np.shape(eval(source, self.names))
        size, wanted = int(np.prod(given)), int(np.prod(shape))
        if len(given) <= len(shape) and self.chance(0.9):
            if all(n in (1, m) for n, m in zip(given[::-1], shape[::-1])):
                return source
        if size >= wanted and self.chance(0.5):
            return f"{source}.ravel()[:{wanted}].reshape({shape})"
        if size and self.chance(0.7):
            return f"{source}.ravel()[{self.constant(self.rng.integers(0, size, shape))}]"
        return f"{source}.sum()"

    def leaf(self, array: Any, form: str) -> str:
        name = f"x{len(self.leaves)}"
        leaf = self.leaves[name] = Leaf(array, self.pick(list(LAYOUTS)), form)
        self.names[name] = leaf.given(array, False)
        if form != "{}":
            self.tensors.add(name)
            self.moving |= {name} if leaf.differentiable else set()
            self.pool += [name] * usable(array)
        return name

    def constant(self, value: Any) -> str:
        name = f"k{len(self.constants)}"
        self.constants[name] = self.names[name] = value
        return name

    def spelled(self, value: Any) -> str:
        """An argument as text; what has none becomes a constant."""
        if isinstance(value, (tuple, list)):
            inside = ", ".join(self.spelled(member) for member in value)
            return f"[{inside}]" if isinstance(value, list) else f"({inside}{',' * bool(value)})"
        if isinstance(value, (int, float, str, slice, type(None))):
            return str(value) if isinstance(value, Expression) else repr(value)
        return "..." if value is Ellipsis else self.constant(value)

    def line(self, expression: str, any_result: bool = False) -> bool:
        """Add a line; False where NumPy refuses it, or later lines could not use its result."""
        target = f"t{len(self.lines)}"
        text = f"{target} = {expression}"
        try:
            value = raw(eval(compiled(expression, "eval"), self.names))
        except (TypeError, ValueError, IndexError, AttributeError):
            return False
        parts = {target: value}
        if isinstance(value, list):
            parts = {f"{target}[{i}]": part for i, part in enumerate(value)}
        good = [name for name, part in parts.items() if usable(part)]
        if not good and not any_result:
            return False
        if self.tensors & names_in(expression):
            self.tensors.add(target)
        if self.moving & names_in(expression):
            self.moving.add(target)
        if good == [target] and self.chance(0.1) and not any_result:
            self.moving.discard(target)
            text = f"with no_grad():\n    {text}\n{target} = held({target})"
        elif good == [target] and self.chance(0.05):
            text, value = f"{text} * 1\n{target} += 2", value * 1 + 2
        self.names[target], self.lines[target] = value, text
        self.pool += good
        return True

    def join(self) -> None:
        """A step of plain arithmetic on earlier results."""
        for _ in range(10 if self.pool else 0):
            step = re.sub(r"\ba\b", self.pick(self.pool), self.pick(JOINTS))
            if self.line(re.sub(r"\bb\b", self.pick(self.pool[-6:]), step)):
                return


def usable(value: Any) -> bool:
    """Whether later lines can bear it: not large in any sense."""
    small = getattr(value, "size", 99) <= 48 and value.dtype.kind in "if"
    return bool(small and np.all(np.absolute(value) < 100))


@lru_cache(1000)
def program_of(seed: int, index: int) -> Program:
    """The program of this number."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Writer(seed, index).program
