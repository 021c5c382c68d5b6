"""The program as it runs: one Python function, whose results are written into memory at hand.

What a line gives is written into an array that a line before has left, or one that is kept between
calls; only what the caller is given is new. Numbers are left to Python's operators, which take a
quarter of a ufunc's time.
"""

from __future__ import annotations

import keyword
import math
import re
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd.compiling.program import Program, contiguous, kind_of, layout, values_in
from autograd.compiling.tracing import Const, Line, Var

__all__: list[str] = []


EXTREMA = (np.maximum, np.minimum)


class Elsewhere(Exception):
    """A branch went another way than in the recording: the number of its line."""


LARGE = 1 << 16  # bytes; below, new memory is as cheap
_COUNTED = hasattr(sys, "getrefcount") and getattr(sys, "_is_gil_enabled", lambda: True)()


class Spare:
    """Arrays of one kind that were given away, to be written into again when they come back: new
    memory comes page by page from the system, which takes as long as to write it three times."""

    __slots__ = ("arrays", "dtype", "order", "shape")

    def __init__(self, shape: tuple[int, ...], dtype: Any, order: Any) -> None:
        self.shape, self.dtype, self.order = shape, dtype, order
        self.arrays: list[Any] = []

    def take(self) -> Any:
        """One that nobody else holds, nor a view of it; or a new one."""
        for at in range(len(self.arrays) if _COUNTED else 0):
            if sys.getrefcount(self.arrays[at]) <= 2:
                return self.arrays[at]
        new = np.empty(self.shape, self.dtype, self.order)
        self.arrays = [new, *self.arrays[:2]]
        return new


def is_elementwise(line: Line) -> bool:
    """Whether a call treats each element by itself, so that it may write where an argument is."""
    return line.kind == "ufunc" and takes_out(line) and line.target.signature is None


def takes_out(line: Line) -> bool:
    """Whether a call can be told where to write what it gives."""
    if len(line.made) != 1 or line.writes is not None or line.kwargs:
        return False
    made = line.made[0]
    if line.kind == "ufunc":
        return line.target.nout == 1 and bool(made.shape)
    if line.kind != "method" or line.target != "dot" or len(line.args) != 2:
        return False
    dtypes = [getattr(value, "dtype", None) for value in line.args]
    return bool(made.shape) and dtypes == [made.dtype] * 2 and contiguous(made)


class FastWriter:
    """Writes the text of the function, and gathers what it names."""

    def __init__(
        self, program: Program, entry_errors: dict[str, str], donated: set[Var] | None = None
    ) -> None:
        self.program, self.entry = program, entry_errors
        self.names: dict[str, Any] = {"Elsewhere": Elsewhere, "errstate": np.errstate}
        self._known: dict[int, str] = {}
        self._held: list[Any] = []
        self._buffers: dict[Var, str] = {}
        self._free: dict[Any, list[str]] = {}
        self._numbers: dict[tuple[str, Any], Any] = {}  # Python's as arrays without axes
        self._last = self._last_uses()
        self._kept = self._given_away()
        self._donated = donated or set()  # inputs that results may be written into
        self._guarded = max(
            (at for at, line in enumerate(program.lines) if line.kind == "bool"), default=-1
        )
        self._in_place = bool(self._donated)
        self._placed = self._places()
        self._lent = self._loans()
        self.text = ""
        self.spans: list[tuple[int, int, Line]] = []  # of the text: where each line stands in it

    def function(self, head: list[str], returned: str) -> tuple[str, Callable[..., Any]]:
        """The text and the function: `head` names the inputs, `returned` is what it gives."""
        lines = ["def run(args):", *("    " + text for text in head)]
        now = self.entry
        for at, line in enumerate(self.program.lines):
            errors = line.errors
            if self._in_place and at > self._guarded:  # no warning becomes an error half way
                errors = dict.fromkeys(self.entry, "ignore")
            if errors != now and errors is not None:
                if errors != self.entry:
                    states = ", ".join(f"{k}={v!r}" for k, v in errors.items())
                    lines.append(f"    with errstate({states}):")
                now = errors
            indent = "    " if now == self.entry else "        "
            texts = self._line(at, line)
            self.spans.append((len(lines), len(texts), line))
            lines += [indent + text for text in texts]
        lines.append(f"    return {returned}")
        self.text = text = "\n".join(lines) + "\n"
        code = compile(text, "<compiled by autograd>", "exec")
        exec(code, self.names)
        return text, self.names.pop("run")  # (in its own globals it would hold itself)

    def timed(self, note: Callable[[int, float], None]) -> Callable[..., Any]:
        """The function with a clock around every line: note(number, seconds)."""
        lines = self.text.split("\n")
        for number, (begin, count, _) in reversed([*enumerate(self.spans)]):
            indent = lines[begin][: len(lines[begin]) - len(lines[begin].lstrip())]
            lines[begin + count : begin + count] = [f"{indent}note({number}, clock() - begin)"]
            lines[begin:begin] = [f"{indent}begin = clock()"]
        names = {**self.names, "note": note, "clock": time.perf_counter}
        exec(compile("\n".join(lines), "<compiled by autograd>", "exec"), names)
        return names.pop("run")  # type: ignore[no-any-return]

    # ---- names ----------------------------------------------------------------------------------

    def bound(self, value: Any, name: str) -> str:
        """A name for an object that the text cannot spell."""
        if id(value) not in self._known:
            name = re.sub(r"\W", "", name).strip("_") or "f"
            name += "_" * keyword.iskeyword(name)
            given = f"{name}{len(self._known)}" if name in self.names else name
            self._known[id(value)], self.names[given] = given, value
            self._held.append(value)
        return self._known[id(value)]

    def spelled(self, value: Any) -> str:
        """A value, a constant or a structure of them as it stands in the text."""
        of = value.__class__
        if of is Var:
            return f"v{value.number}"
        if of is Const:
            return self.bound(value.array, f"c{value.number}")
        if of is tuple:
            return "(" + "".join(self.spelled(v) + ", " for v in value).strip() + ")"
        if of is list:
            return "[" + ", ".join(map(self.spelled, value)) + "]"
        if of is dict:
            return "{" + ", ".join(f"{k!r}: {self.spelled(v)}" for k, v in value.items()) + "}"
        if of is slice and any(True for _ in values_in(value)):
            parts = (value.start, value.stop, value.step)
            return "slice(" + ", ".join(map(self.spelled, parts)) + ")"
        if value is None or value is Ellipsis or of in (bool, int, str):
            return repr(value)
        if of is float and np.isfinite(value):
            return repr(value)
        return self.bound(value, "k")

    # ---- memory ---------------------------------------------------------------------------------

    def _last_uses(self) -> dict[Var, int]:
        """The last line that touches each memory."""
        last = {}
        for at, line in enumerate(self.program.lines):
            for var in [*values_in(line.args), *values_in(line.kwargs), *line.made]:
                last[var.root] = at
        return last

    def _given_away(self) -> set[Var]:
        """Memory that is not the program's own: of inputs and of what it gives."""
        kept = {var.root for var in values_in(self.program.outputs)}
        return kept | {var.root for var in self.program.inputs}

    def _memory(self, at: int, line: Line, elementwise: bool) -> str | None:
        """Where a line may write its result; None for new memory."""
        made = line.made[0]
        if made.root is not made or not made.shape:
            return None
        if made in self._placed:
            return self.bound(self._placed[made], "p")
        if made in self._lent:
            return self.spelled(self._lent[made])
        kind = layout(made)
        if made in self._kept:
            return self._donor(at, kind) or self._spare(made)
        if kind is None:
            return None
        used = [*values_in(line.args), *values_in(line.kwargs)]
        for var in used:
            dies = self._last[var.root] == at and var.root in self._buffers
            if elementwise and dies and var.root is var and layout(var) == kind:
                name = self._buffers.pop(var)
                self._buffers[made] = name
                return name
        free = self._free.setdefault(kind, [])
        if free:
            name = free.pop()
        else:
            array = np.empty(made.shape, made.dtype, kind[2])
            name = self.bound(array, f"b{len(self._known)}")
        self._buffers[made] = name
        return name

    def _donor(self, at: int, kind: Any) -> str | None:
        """An input that is not read any more, behind the last branch: nothing goes wrong then."""
        for var in self._donated:
            if layout(var) == kind and self._last.get(var, -1) <= at > self._guarded:
                self._donated.remove(var)
                return self.spelled(var)
        return None

    def _loans(self) -> dict[Var, Var]:
        """Where `v = v * beta2 + square` may be written into the input v: the product already is.
        It saves the memory of one more array, and the time to fetch it."""
        made_by = {line.made[0]: (at, line) for at, line in enumerate(self.program.lines)
                   if line.made and is_elementwise(line) and at > self._guarded}  # fmt: skip
        lent: dict[Var, Var] = {}
        for result, (at, line) in made_by.items():
            if result not in self._kept or result.root is not result:
                continue
            for between in values_in(line.args):
                before, maker = made_by.get(between, (at, None))
                if maker is None or between in self._kept or self._last[between.root] != at:
                    continue
                for var in values_in(maker.args):
                    alike = layout(var) == layout(between) == layout(result) is not None
                    if alike and var in self._donated and self._last[var] == before:
                        lent[between] = lent[result] = var
                        self._donated.remove(var)
                        break
                if result in lent:
                    break
        return lent

    def _places(self) -> dict[Var, Any]:
        """What np.concatenate puts end to end is written there at once: a view for each."""
        made_by = {line.made[0]: line for line in self.program.lines if len(line.made) == 1}
        placed: dict[Var, Any] = {}
        for line in self.program.lines:
            whole = line.made[0] if len(line.made) == 1 else None
            if whole is None or line.target is not np.concatenate or whole in self._kept:
                continue
            parts = line.args[0]
            if line.kwargs != {"axis": None} or not all(
                part.__class__ is Var and part.root is part and part not in self._kept
                and part.dtype == whole.dtype and contiguous(part) and part in made_by
                and takes_out(made_by[part]) and parts.count(part) == 1 and part not in placed
                for part in parts
            ):  # fmt: skip
                continue
            memory, end = np.empty(whole.shape, whole.dtype), 0
            for part in parts:
                size = math.prod(part.shape)
                placed[part] = memory[end : end + size].reshape(part.shape)
                end += size
            placed[whole] = memory
        return placed

    def _spare(self, made: Var) -> str | None:
        """For what the caller is given: memory of a result before, that nobody has any more."""
        kind = layout(made)
        if kind is None or made.dtype.itemsize * math.prod(made.shape) < LARGE:
            return None
        return f"{self.bound(Spare(*kind), 's')}.take()"

    def _release(self, at: int, line: Line) -> None:
        """What is not touched again is free for the lines that follow."""
        for var in [*values_in(line.args), *values_in(line.kwargs), *line.made]:
            root = var.root
            if self._last[root] == at and root in self._buffers:
                self._free[layout(root)].append(self._buffers.pop(root))

    # ---- lines ----------------------------------------------------------------------------------

    def _line(self, at: int, line: Line) -> list[str]:
        text = self._text(at, line)
        self._release(at, line)
        if line.kind == "bool":
            return [f"if {'not ' * line.expected}{text}: raise Elsewhere({at})"]
        if not line.made or line.kind == "setitem":
            return [text]
        if line.writes is not None and line.made == [line.writes]:
            return [text]
        names = [self.spelled(var) for var in line.views]
        if len(line.made) == 1 and names and line.form is line.made[0]:
            text, names = f"{text}[()]", []
        given = f"{self._pattern(line.form if line.form else line.made[0])} = {text}"
        return [given, *(f"{name} = {name}[()]" for name in names)]

    def _pattern(self, form: Any) -> str:
        """The names that a call's results are given; _ for what is nothing."""
        if form.__class__ is tuple:
            return "(" + "".join(self._pattern(f) + ", " for f in form).strip() + ")"
        return "_" if form is None else self.spelled(form)

    def _text(self, at: int, line: Line) -> str:
        kind, target, args, kwargs = line.kind, line.target, line.args, line.kwargs
        if kind == "bool":
            return self.spelled(args[0])
        if target is np.concatenate and len(line.made) == 1 and line.made[0] in self._placed:
            return self.bound(self._placed[line.made[0]], "p")  # they are there
        if kind == "operator":
            return _operation(target, [self.spelled(a) for a in args])
        if kind == "getitem":
            return f"{self.spelled(args[0])}[{self.spelled(args[1])}]"
        if kind == "setitem":
            return f"{self.spelled(args[0])}[{self.spelled(args[1])}] = {self.spelled(args[2])}"
        if kind == "attribute":
            return f"{self.spelled(args[0])}.{target}"
        one = len(line.made) == 1 and line.writes is None
        if kind == "ufunc":
            if takes_out(line):
                given = self._operands(line)
                out = self._memory(at, line, target.signature is None)
                if out is not None:  # (by its place in a third less time; NumPy warns of a third
                    given.append(f"out={out}" if target in EXTREMA else out)  # extremum)
                return self._call(self.bound(target, target.__name__), given)
            return self._called(self.bound(target, target.__name__), args, kwargs)
        if kind == "ufunc.method":
            ufunc, method = target
            name = self.bound(getattr(ufunc, method), f"{ufunc.__name__}_{method}")
            if method == "reduce" and one and set(kwargs) <= {"axis", "dtype", "keepdims"}:
                axis, keep = kwargs.get("axis", 0), kwargs.get("keepdims", False)
                if len(args) == 1:
                    out = self._memory(at, line, False) or "None"
                    given = [
                        self.spelled(args[0]),
                        self.spelled(axis),
                        self.spelled(kwargs.get("dtype")),
                    ]
                    rest = [out, self.spelled(keep)] if keep else [out] if out != "None" else []
                    return self._call(name, [*given, *rest])
            return self._called(name, args, kwargs)
        if kind == "method":
            first, *rest = args
            if target == "dot" and takes_out(line):
                out = self._memory(at, line, False)
                given = [self.spelled(rest[0]), *([out] if out else [])]
                return self._call(f"{self.spelled(first)}.dot", given)
            return self._called(f"{self.spelled(first)}.{target}", rest, kwargs)
        return self._called(self.bound(target, target.__name__), args, kwargs)

    def _operands(self, line: Line) -> list[str]:
        """The arguments of a ufunc; a number beside an array as an array without axes, which NumPy
        takes in half the time of a float."""
        if not line.made[0].shape:
            return [self.spelled(a) for a in line.args]
        numbers = [a.__class__ in (int, float) for a in line.args]
        if True in numbers and not all(numbers):
            kinds = map(kind_of, line.args)
            try:
                found = line.target.resolve_dtypes((*kinds, *[None] * line.target.nout))
            except TypeError:
                return [self.spelled(a) for a in line.args]
            return [
                self.bound(self._number(a, dtype), "k") if number else self.spelled(a)
                for a, number, dtype in zip(line.args, numbers, found)
            ]
        return [self.spelled(a) for a in line.args]

    def _number(self, value: Any, dtype: Any) -> Any:
        """One array for each number and dtype."""
        key = repr(value), dtype
        if key not in self._numbers:
            self._numbers[key] = np.array(value, dtype)
        return self._numbers[key]

    def _called(self, name: str, args: Any, kwargs: dict[str, Any]) -> str:
        given = [self.spelled(a) for a in args]
        return self._call(name, [*given, *(f"{k}={self.spelled(v)}" for k, v in kwargs.items())])

    @staticmethod
    def _call(name: str, given: list[str]) -> str:
        return f"{name}({', '.join(given)})"


def _operation(sign: str, given: list[str]) -> str:
    if len(given) == 1:
        return f"abs({given[0]})" if sign == "abs" else f"{sign}{given[0]}"
    return f"{given[0]} {sign} {given[1]}"
