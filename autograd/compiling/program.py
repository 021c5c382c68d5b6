"""What was recorded as a program: calls that only name new values, and none that is not needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from autograd.compiling.trace import Trace
from autograd.compiling.tracing import Const, Line, Var, same

__all__: list[str] = []


class Program:
    """Inputs, lines and what they give, in the order in which they were recorded.

    `outputs` is the structure that the function returned, with values in the places of arrays.
    """

    def __init__(self, trace: Trace, outputs: Any) -> None:
        self.inputs, self.outputs, self._given = trace.inputs, outputs, outputs
        self.lines = trace.lines
        self._gradients = trace.gradients
        self._numbers: dict[Var, list[int]] = {}
        self.names: dict[int, str] = {}
        self.hints: dict[int, str] = {}
        self.count = trace.count
        self._replaced: dict[Var, Any] = {}
        memory = {var: var.root for var in values_in(outputs)}  # as the function saw it
        self._say_shapes()
        self._rename_writes()
        self._simplify()
        self._share()
        self._part(memory)
        self.drop()

    # ---- for who reads it -----------------------------------------------------------------------

    form: Any = None  # of what is given back
    plainly = False  # whether it was recorded to be read
    around: frozenset[Var] = frozenset()  # inputs that the function takes from around it
    examples: Any = None  # values of the inputs

    def name_of(self, var: Var) -> str | None:
        """What the function itself calls a value."""
        return next((self.names[n] for n in self._aliases(var) if n in self.names), None)

    def hint_of(self, var: Var) -> str | None:
        """What the library calls it."""
        return next((self.hints[n] for n in self._aliases(var) if n in self.hints), None)

    def gradient_of(self, var: Var) -> list[Var]:
        """The values of which it is the gradient."""
        numbers = self._aliases(var)
        values = [v for number in numbers for v in self._gradients.get(number, ())]
        found = [self._resolved(self._now.get(v, v)) for v in values]
        return [v for v in found if v.__class__ is Var and v.shape == var.shape]

    def _aliases(self, var: Var) -> list[int]:
        """The numbers under which a value was recorded, its own first."""
        if not self._numbers:
            for other in [*self._now, *self._replaced]:
                last = self._resolved(self._now.get(other, other))
                if last.__class__ is Var:
                    self._numbers.setdefault(last, []).append(other.number)
        own = [] if var in self._now else [var.number]  # its name is that of what it became
        return [*own, *self._numbers.get(var, ())]

    def without_values(self) -> Program:
        """Itself, without what it was recorded with."""
        for var in [*self.inputs, *values_in(self.outputs), *self._now, *self._replaced]:
            var.value = None
        for line in self.lines:
            for var in [*values_in(line.args), *values_in(line.kwargs), *line.made]:
                var.value = None
        return self

    # ---- passes ---------------------------------------------------------------------------------

    def _resolved(self, value: Any) -> Any:
        while value.__class__ is Var and value in self._replaced:
            value = self._replaced[value]
        return value

    def _settle(self) -> None:
        """Put what stands for a value in its place, as an argument and as what views look at."""
        for line in self.lines:
            line.args = mapped(line.args, self._resolved)
            line.kwargs = mapped(line.kwargs, self._resolved)
            for var in line.made:
                var.root = self._resolved(var.root).root
        self.outputs = mapped(self.outputs, self._resolved)

    def _part(self, memory: dict[Var, Var]) -> None:
        """What were arrays of their own for the function's caller are so still: copies of what
        lasts, and of what is given twice."""
        given: dict[Any, Any] = {var.root: var.root for var in self.inputs}
        copies: dict[Var, Var] = {}
        for var, before in memory.items():
            now = self._resolved(self._now.get(var, var))
            root = now.root
            if root.__class__ is Var and given.setdefault(root, before) is before:
                continue
            copies[var] = self._copied(now)
        self.outputs = mapped(
            self._given, lambda v: copies.get(v) or self._resolved(self._now.get(v, v))
        )

    def _copied(self, value: Any) -> Var:
        line = Line("method", "copy", (value,), {})
        line.made = [self._new(value)]
        if self.lines:
            last = self.lines[-1]
            line.errors, line.origin, line.sweep = last.errors, last.origin, last.sweep
        self.lines.append(line)
        return line.made[0]

    def _new(self, like: Var) -> Var:
        var = Var.__new__(Var)
        var.number, var.root, var.value, var.weak = self.count, var, like.value, like.weak
        var.detached = False
        var.shape, var.dtype, var.strides = like.shape, like.dtype, like.strides
        self.count += 1
        return var

    def _say_shapes(self) -> None:
        """`np.zeros_like(x, dtype, "C", shape=shape)` as `np.zeros(shape)`: shapes are known, and x
        itself is not needed. `whole[i] += part` without the assignment at its end, of a view to
        itself."""
        views: dict[Var, Any] = {}  # of elements of another: which
        lines = []
        for line in self.lines:
            made = line.made[0] if len(line.made) == 1 else None
            if line.target in ALLOCATES and line.kind == "function" and made is not None:
                if line.writes is None and made.shape and contiguous(made):
                    line.target = ALLOCATES[line.target]
                    line.args, line.kwargs = (made.shape, made.dtype), {}
            if line.kind == "getitem" and made is not None and made.root is not made:
                views[made] = line.args
            if line.kind == "setitem" and line.args[2].__class__ is Var:
                if views.get(line.args[2]) is not None and _alike(
                    views[line.args[2]], line.args[:2]
                ):
                    continue
            lines.append(line)
        self.lines = lines

    def _rename_writes(self) -> None:
        """`np.exp(x, out=z)` as `z2 = np.exp(x)`, wherever nobody sees the difference: no view of z
        that is there already is used again."""
        born: dict[Var, int] = {}  # of views: the line that makes them,
        seen: dict[Var, int] = {}  # and the last that uses them
        for at, line in enumerate(self.lines):
            for var in [*values_in(line.args), *values_in(line.kwargs)]:
                seen[var] = at
            for var in line.made:
                if var.root is not var:
                    born.setdefault(var, at)
        seen.update((var, len(self.lines)) for var in values_in(self.outputs))
        views: dict[Var, list[Var]] = {}
        for var in born:
            views.setdefault(var.root, []).append(var)
        given = {var.root for var in self.inputs}
        now: dict[Var, Var] = {}
        self._now = now
        lines = []
        for at, line in enumerate(self.lines):
            target = line.writes
            plainly = (
                target is not None and target.root is target and target not in given
                and not any(born[v] < at <= seen.get(v, -1) for v in views.get(target, ()))
                and _makes(line, target)
            )  # fmt: skip
            line.args = mapped(line.args, lambda v: now.get(v, v))
            line.kwargs = mapped(line.kwargs, lambda v: now.get(v, v))
            if plainly and target is not None:
                del line.kwargs["out"]
                now[target] = new = self._new(target)
                line.made, line.writes = [new], None
                for view in views.get(target, ()):
                    if born[view] > at:
                        view.root = new
            elif target is not None:
                line.writes = now.get(target, target)
                line.made = [now.get(v, v) for v in line.made]
            lines.append(line)
        self.lines = lines
        self.outputs = mapped(self.outputs, lambda v: now.get(v, v))

    def _simplify(self) -> None:
        """Leave out what gives back what it is given: x * 1, x[()], a copy that nobody changes."""
        written = {line.writes.root for line in self.lines if line.writes is not None}
        lines = []
        for line in self.lines:
            line.args = mapped(line.args, self._resolved)
            if len(line.made) == 1 and line.writes is None:
                same_as, made = _is_only(line), line.made[0]
                if same_as is not None and not {same_as.root, made.root} & written:
                    self._replaced[made] = same_as
                    continue
            lines.append(line)
        self.lines = lines
        self._settle()

    def _share(self) -> None:
        """Compute only once what is asked for twice, unless it is written into, or given."""
        written = {line.writes.root for line in self.lines if line.writes is not None}
        kept = written | {var.root for var in values_in(self.outputs)}
        seen: dict[Any, Line] = {}
        lines = []
        for line in self.lines:
            line.args = mapped(line.args, self._resolved)
            line.kwargs = mapped(line.kwargs, self._resolved)
            if line.writes is None and line.kind not in ("bool", "call") and line.made:
                used = {var.root for var in values_in((line.args, line.kwargs))}
                if not used & written and not {var.root for var in line.made} & kept:
                    key = key_of(line)
                    if key in seen:
                        self._replaced.update(zip(line.made, seen[key].made))
                        continue
                    seen[key] = line
            lines.append(line)
        self.lines = lines
        self._settle()

    def drop(self) -> None:
        """Leave out what nothing depends on."""
        needed = set(values_in(self.outputs))
        memory = {var.root for var in needed} | {var.root for var in self.inputs}
        kept = []
        for line in reversed(self.lines):
            live = line.kind == "bool" or line.remember or any(var in needed for var in line.made)
            live = live or (line.writes is not None and line.writes.root in memory)
            if live:
                used = [*values_in(line.args), *values_in(line.kwargs)]
                needed.update(used)
                memory.update(var.root for var in used)
                kept.append(line)
        self.lines = kept[::-1]

    def without_branches(self) -> list[Line]:
        """The lines that compute, for who reads them: not those that only ask which way to go."""
        everything, self.lines = self.lines, [x for x in self.lines if x.kind != "bool"]
        try:
            self.drop()
            return self.lines
        finally:
            self.lines = everything


ALLOCATES = {np.zeros_like: np.zeros, np.ones_like: np.ones, np.empty_like: np.empty}

# ---- encoded arguments ------------------------------------------------------------------------


def mapped(value: Any, function: Callable[[Any], Any], kind: type = Var) -> Any:
    """The same structure with function(v) in the place of each value v."""
    of = value.__class__
    if of is kind:
        return function(value)
    if of is tuple or of is list:
        return of(mapped(v, function, kind) for v in value)
    if of is dict:
        return {k: mapped(v, function, kind) for k, v in value.items()}
    if of is slice:
        return slice(*(mapped(v, function, kind) for v in (value.start, value.stop, value.step)))
    return value


def values_in(value: Any) -> Iterator[Var]:
    """The values in a structure, in their order."""
    of = value.__class__
    if of is Var:
        yield value
    elif of is tuple or of is list:
        for member in value:
            yield from values_in(member)
    elif of is dict:
        for member in value.values():
            yield from values_in(member)
    elif of is slice:
        yield from values_in((value.start, value.stop, value.step))


def key_of(line: Line) -> Any:
    """What two calls have in common that give the same."""
    return (
        line.kind,
        frozen(line.target),
        frozen(line.args),
        frozen(line.kwargs),
        frozen(line.errors),
    )


def frozen(value: Any) -> Any:
    of = value.__class__
    if of is Var:
        return "v", value.number
    if of is Const:
        return "c", value.number
    if of is tuple or of is list:
        return (of.__name__, *map(frozen, value))
    if of is dict:
        return ("dict", *((k, frozen(v)) for k, v in value.items()))
    if of is slice:
        return "slice", frozen(value.start), frozen(value.stop), frozen(value.step)
    if of is float or isinstance(value, np.floating):
        return of.__name__, repr(value)  # nan is like itself, and -0.0 is not 0.0
    slots = getattr(of, "__slots__", ())
    if slots and all(hasattr(value, name) for name in slots) and not isinstance(value, np.generic):
        return of.__name__, *(frozen(getattr(value, name)) for name in slots)
    if (
        hasattr(value, "__dict__")
        and not isinstance(value, (type, np.ufunc))
        and not callable(value)
    ):
        return of.__name__, frozen(vars(value))  # made anew in each call, with the same in it
    try:
        hash(value)
    except TypeError:
        return "id", id(value)
    return of.__name__, value


def _makes(line: Line, target: Var) -> bool:
    """Whether without `out=` the call would give an array just like its target."""
    if line.kind != "ufunc" or line.made != [target] or set(line.kwargs) != {"out"}:
        return False
    shapes: list[Any] = []
    for value in line.args:
        if value.__class__ is Var or value.__class__ is Const:
            shapes.append(value.shape)
            if value.shape == target.shape and value.strides != target.strides:
                return False
        elif isinstance(value, (float, int, np.generic)):
            shapes.append(())
        else:
            return False
    try:
        *_, natural = line.target.resolve_dtypes((*map(kind_of, line.args), None))
    except TypeError:
        return False
    alike = natural == target.dtype and np.broadcast_shapes(*shapes) == target.shape
    return alike and contiguous(target)


def kind_of(value: Any) -> Any:
    """An argument of a ufunc as its `resolve_dtypes` takes it: its dtype, or float or int for a
    number of Python's own."""
    if value.__class__ in (float, int):
        return value.__class__
    if getattr(value, "weak", False):
        return float
    return value.dtype if hasattr(value, "dtype") else np.dtype(type(value))


def layout(var: Var) -> Any:
    """Shape, dtype and memory order of an array of its own; None for another order than C or F."""
    for order, shape in (("C", var.shape[::-1]), ("F", var.shape)):
        step, strides = var.dtype.itemsize, []
        for n in shape:
            strides.append(step)
            step *= n
        if var.strides == tuple(strides[::-1] if order == "C" else strides):
            return var.shape, var.dtype, order
    return None


def contiguous(var: Var) -> bool:
    found = layout(var)
    return 0 in var.shape or (found is not None and found[2] == "C")


def _is_only(line: Line) -> Any:
    """The value that a call gives back as it was, or None."""
    made = line.made[0]
    found = None
    if line.kind == "ufunc" and line.target is np.multiply and not line.kwargs:
        a, b = line.args
        if _is_one(a):
            found = b
        elif _is_one(b):
            found = a
    elif line.kind == "ufunc" and line.target is np.divide and not line.kwargs:
        found = line.args[0] if _is_one(line.args[1]) else None
    elif line.kind == "ufunc" and line.target is np.positive and not line.kwargs:
        found = line.args[0]
    elif (
        line.kind == "getitem" and line.args[1].__class__ is tuple and line.args[1] in ((), (...,))
    ):
        found = line.args[0]
    elif line.kind == "method" and line.target in ("copy", "reshape", "astype", "squeeze"):
        found = line.args[0]
        if line.target == "astype" and line.kwargs.get("copy") is not None and found == made:
            return None
    if found.__class__ is not Var:
        return None
    alike = (found.shape, found.dtype, found.strides) == (made.shape, made.dtype, made.strides)
    return found if alike and found.weak == made.weak else None


def _is_one(value: Any) -> bool:
    if value.__class__ is Const:
        return bool(value.array.dtype.kind == "f" and value.array.size and (value.array == 1).all())
    return (
        value.__class__ is not Var and isinstance(value, (int, float, np.floating)) and value == 1
    )


# ---- two recordings -----------------------------------------------------------------------------


BRANCHES = "it branches on values"


def difference(first: Program, second: Program) -> tuple[str, Line | None] | None:
    """In what two recordings of one function differ, and at which line; None where they are one
    program."""
    if [v.kind for v in first.inputs] != [v.kind for v in second.inputs]:
        return "it was given other arrays", None
    for a, b in zip(first.lines, second.lines):
        name = getattr(a.target, "__name__", None) or a.kind
        if a.kind == b.kind == "bool" and a.expected != b.expected:
            return BRANCHES, a
        if (a.kind, frozen(a.target)) != (b.kind, frozen(b.target)):
            return f"it calls {name} or something else, depending on values", a
        if [v.kind for v in a.made] != [v.kind for v in b.made]:
            return f"what {name} gives has another shape, depending on values", a
        if not _alike((a.args, a.kwargs), (b.args, b.kwargs)):
            return (
                f"{name} was given a number or an array that is not the same again: computed "
                "outside of NumPy's sight (np.asarray, plain[i] = x), or random"
            ), a
    if len(first.lines) != len(second.lines):
        return "it makes more calls or fewer, depending on values", None
    if not _alike(first.outputs, second.outputs):
        return "it returns a number or an array computed outside of NumPy's sight, or random", None
    return None


def _alike(a: Any, b: Any) -> bool:
    of = a.__class__
    if of is not b.__class__:
        return False
    if of is Var:
        return bool(a.number == b.number)
    if of is Const:
        return a.array is b.array or same(a.seen, b.seen)
    if of is tuple or of is list:
        return len(a) == len(b) and all(map(_alike, a, b))
    if of is dict:
        return a.keys() == b.keys() and all(_alike(a[k], b[k]) for k in a)
    if of is slice:
        return _alike((a.start, a.stop, a.step), (b.start, b.stop, b.step))
    return bool(frozen(a) == frozen(b))
