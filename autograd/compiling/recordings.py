"""A function recorded: run with arrays that write down, on the values given and on others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from typing import Any

import numpy as np

from autograd.compiling.around import Surroundings
from autograd.compiling.names import Names
from autograd.compiling.program import Program
from autograd.compiling.spelling import SHOWN, stand_in
from autograd.compiling.trace import Trace
from autograd.compiling.tracing import copied, values_of
from autograd.graph.naming import Scopes
from autograd.mode import set_mode
from autograd.tensor import Tensor

__all__: list[str] = []

# How NumPy tells of what is no number, while a function is recorded: to nobody. What the function
# itself asks for, and the silence of the reverse sweep, can be told from it.
RECORDING: Any = dict.fromkeys(("divide", "over", "under", "invalid"), "call")


def telling_nobody() -> np.errstate:
    """A context in which NumPy tells nobody of overflows and the like."""
    return np.errstate(call=lambda kind, flag: None, **RECORDING)


def leaves(value: Any) -> list[Any]:
    """What stands in a structure of tuples, lists and dicts, in order."""
    kind = value.__class__
    if kind is tuple or kind is list:
        return [leaf for member in value for leaf in leaves(member)]
    if kind is dict:
        return [leaf for member in value.values() for leaf in leaves(member)]
    return [value]


class Arguments:
    """The arguments of a call: which of them are values of the program, and where they stand."""

    def __init__(self, args: Any, kwargs: Any, fixed_floats: bool) -> None:
        self.given, self.fixed_floats = (args, kwargs), fixed_floats
        self.leaves = leaves(self.given)

    def is_value(self, leaf: Any) -> bool:
        if leaf.__class__ is float:
            return not self.fixed_floats
        return isinstance(leaf, (Tensor, np.ndarray, np.generic))

    def inputs_of(self, position: int, trace: Trace) -> list[Any]:
        """The inputs that the argument in this place holds."""
        args = self.given[0]
        counts = [sum(map(self.is_value, leaves(arg))) for arg in args]
        begin = sum(counts[:position])
        return trace.inputs[begin : begin + counts[position]] if position < len(args) else []

    def names(self, function: Any, trace: Trace) -> dict[int, str]:
        """What arguments are called by the function's head, by keywords and the keys of dicts."""
        args, kwargs = self.given
        code: Any = getattr(function, "__code__", None)
        known = code.co_varnames[: code.co_argcount] if code is not None else ()
        known = known[hasattr(function, "__self__") :]
        inputs, found = iter(trace.inputs), dict[int, str]()
        for i, value in enumerate(args):
            self._note_names(value, known[i] if i < len(known) else None, inputs, found)
        self._note_names(kwargs, None, inputs, found)
        return found

    def _note_names(
        self, value: Any, name: str | None, inputs: Iterator[Any], found: dict[int, str]
    ) -> None:
        kind = value.__class__
        if kind is tuple or kind is list:
            for i, member in enumerate(value):
                of_member = name and (name if len(value) == 1 else f"{name}{i}")
                self._note_names(member, of_member, inputs, found)
        elif kind is dict:
            for key, member in value.items():
                self._note_names(member, key if isinstance(key, str) else name, inputs, found)
        elif self.is_value(value):
            number = next(inputs).number
            if name is not None:
                found[number] = name

    def traced(self, trace: Trace, changed: Callable[[Any], Any] | None) -> Any:
        """The same structure for the function to be recorded with: copies that write down."""

        def stand_in(leaf: Any) -> Any:
            if not self.is_value(leaf):
                return leaf
            value = leaf._value if leaf.__class__ is Tensor else leaf
            if changed is not None:
                value = changed(value)
            elif value.__class__ is np.ndarray:
                value = copied(value)
            made = trace.input(value)
            return Tensor(made) if leaf.__class__ is Tensor else made

        return rebuilt(self.given, stand_in)

    def copied(self, changed: Callable[[Any], Any] | None = None) -> Any:
        """The arguments with copies of all arrays, or with other values."""
        return rebuilt(self.given, partial(self._copied, changed))

    def _copied(self, changed: Callable[[Any], Any] | None, leaf: Any) -> Any:
        if leaf.__class__ is Tensor:
            return Tensor(self._copied(changed, leaf._value))
        if changed is not None and self.is_value(leaf):
            return changed(leaf)
        return copied(leaf) if leaf.__class__ is np.ndarray else leaf


def rebuilt(value: Any, function: Callable[[Any], Any]) -> Any:
    """The same structure with function(leaf) in the place of each leaf."""
    kind = value.__class__
    if kind is tuple or kind is list:
        return kind(rebuilt(v, function) for v in value)
    if kind is dict:
        return {k: rebuilt(v, function) for k, v in value.items()}
    return function(value)


class Recording:
    """One run of the function with arrays that write down, of the arguments' values or of other
    ones."""

    def __init__(
        self, function: Any, arguments: Arguments, mode: Any, around: Surroundings,
        changed: Any = None, as_whole: frozenset[Any] = frozenset(), reading: bool = False,
    ) -> None:  # fmt: skip
        self.trace = trace = Trace(changed, as_whole, reading)
        self.function, self.arguments, self.raised = function, arguments, False
        names = Names(trace)
        args, kwargs = arguments.traced(trace, changed)
        set_mode(mode.but(profile=trace))
        try:
            # (To look for names takes as long as all the rest.)
            look = names if reading else nullcontext()
            with telling_nobody(), look:
                self.given = function(*args, **kwargs)
        except Exception:  # (the error itself holds the frames that hold it)
            self.raised = True
        finally:
            set_mode(mode)
            trace.end()
            self.rewind()
        self.names, self.hints, self.all_ours = names.found, names.hints, names.all_ours
        self._check_effects((args, kwargs))
        if (done := around.put_back()) is not None:
            trace.refused = done
        if not self.raised:
            self.form, outputs = outputs_of(self.given, trace)
            if reading:
                self.values = [values_of(value) for value in outputs]
            del self.given  # what nobody else holds was made inside
            if trace.refused is None:
                self.program = Program(trace, outputs)

    def described(self) -> Program:
        """Its program, with what a reader wants to know."""
        program, trace, scopes = self.program, self.trace, Scopes()
        program.form, program.plainly = self.form, trace.reading
        program.around = frozenset(trace.captured.values())
        program.examples = {
            v: v.value if np.size(v.value) <= SHOWN else stand_in(v.value) for v in trace.inputs
        }
        program.names, program.hints = dict(self.names), self.hints
        for number, name in self.arguments.names(self.function, trace).items():
            program.names.setdefault(number, name)
        for number, (tensor, scope) in trace.met.items():  # whose values it was given
            if (found := scopes.parameter(scope, tensor)) is not None:
                program.names[number] = found[0]
        for tensor, var in trace.captured.items():
            found = scopes.parameter(trace.scopes.get(tensor), tensor)
            name = found[0] if found is not None else tensor.name
            if name is not None:
                program.names[var.number] = name
        return program

    def why(self) -> str | None:
        """Why there is no program."""
        return "it raises an error" if self.raised else self.trace.refused

    def _check_effects(self, given: Any) -> None:
        """What it has done beside returning something."""
        trace = self.trace
        inputs = {var.root for var in trace.inputs}
        if any(line.writes is not None and line.writes.root in inputs for line in trace.lines):
            trace.refuse("it writes into an array that it was given")
        for leaf in leaves(given):
            if isinstance(leaf, Tensor) and getattr(leaf, "_grad", None) is not None:
                trace.refuse("it leaves a gradient in an argument; return it instead")
        for tensor, (value, gradient) in trace.before.items():
            if tensor._value is not value or getattr(tensor, "_grad", None) is not gradient:
                trace.refuse(f"it changes {tensor._title()}, which stands around it")
                tensor._value, tensor._grad = value, gradient
        for leaf in leaves(getattr(self, "given", None)):
            if isinstance(leaf, Tensor) and leaf._requires_grad:
                trace.refuse(
                    "what it returns requires a gradient, and would be no part of a graph; compile "
                    "what differentiates, as in compile(value_and_grad(f)), or call it under "
                    "no_grad()"
                )

    def rewind(self) -> None:
        """Take back what the function drew."""
        for take_back in reversed(self.trace.rewinds):
            take_back()


class Output:
    """What stands for a value in the form of what is returned: its place among the outputs."""

    __slots__ = ("of_tensor", "place")

    def __init__(self, place: int, of_tensor: bool) -> None:
        self.place, self.of_tensor = place, of_tensor


def outputs_of(value: Any, trace: Trace) -> tuple[Any, tuple[Any, ...]]:
    """The form of what a function returns, and the values in it."""
    found: list[Any] = []
    return rebuilt(value, partial(_output, trace, found)), tuple(found)


def _output(trace: Trace, found: list[Any], value: Any) -> Output:
    kind, of_tensor = type(value), isinstance(value, Tensor)
    known = (Tensor, np.ndarray, np.generic, float, int, str, type(None))
    if not isinstance(value, known) or (of_tensor and kind is not Tensor):
        trace.refuse(f"it returns a {kind.__name__}")
    found.append(trace.encoded(value._value if of_tensor else value))
    return Output(len(found) - 1, of_tensor)


# ---- other values ------------------------------------------------------------------------------


MANY = 1 << 14  # elements


def other(rng: Any, nearness: float | None, whole: bool, value: Any) -> Any:
    """Other values of the same kind and about the same size: the elements in another order, and
    changed; whole numbers are drawn from those that are there, so that there are more of some, also
    those in arrays of floats if `whole`, as labels of two classes are. Near values keep their
    places."""
    if value.__class__ is float:
        return float(other(rng, nearness, whole, np.float64(value)))
    array = copied(np.asarray(value))
    if not array.size:
        return value
    kind = array.dtype.kind
    if kind != "f" or (whole and array.size > 1 and _is_whole(array)):
        array[...] = _drawn(rng, array)
    elif nearness is not None:
        with np.errstate(all="ignore"):
            array *= rng.uniform(1 - nearness, 1 + nearness, array.shape).astype(array.dtype)
    else:
        # Of many it is enough to move them along, and to change them in turns.
        many = array.size > MANY
        flat = array.reshape(-1)
        mixed = np.roll(flat, flat.size // 3) if many else rng.permutation(flat)
        with np.errstate(all="ignore"):
            some = flat[:: flat.size // MANY] if many else flat
            finite = np.abs(some[np.isfinite(some)])
            size = finite.mean() if finite.size and finite.any() else 1.0
            factor = rng.uniform(0.5, 1.5, 1009 if many else array.size).astype(array.dtype)
            factor = np.resize(factor, array.shape)
            np.multiply(mixed.reshape(array.shape), factor, out=array)
            factor -= array.dtype.type(1)
            factor *= array.dtype.type(0.1 * size)
            array += factor
    return array if value.__class__ is np.ndarray else array[()]


def _is_whole(array: Any) -> bool:
    with np.errstate(all="ignore"):
        return bool((array == np.rint(array)).all() and (array != array.flat[0]).any())


def _drawn(rng: Any, array: Any) -> Any:
    """Elements drawn from those that are there, some of them more often than before: how many there
    are must not be the same again either. If these are all one, its neighbours."""
    flat = array.reshape(-1)
    if (flat != flat[0]).any():
        found = flat[rng.integers(0, flat.size, flat.shape)]
        while found.size <= MANY and _counts(found) == _counts(flat):
            found = flat[rng.integers(0, flat.size, flat.shape)]
        return found.reshape(array.shape)
    return ~array if array.dtype.kind == "b" else np.where(array > 0, array - 1, array + 1)


def _counts(flat: Any) -> list[int]:
    """How often elements are there, whichever they are."""
    return sorted(np.unique(flat, return_counts=True)[1].tolist())


def far(scale: float, step: int, value: Any) -> Any:
    """Quite other values of the same kind: of one sign."""
    if value.__class__ is float:
        return abs(value) * scale
    array = copied(np.asarray(value))
    kind = array.dtype.kind
    with np.errstate(all="ignore"):
        if kind == "f":
            np.multiply(np.abs(array), array.dtype.type(scale), out=array)
        elif kind in "iu":
            array += array.dtype.type(step)
        elif kind == "b" and step:
            np.logical_not(array, out=array)
    return array if value.__class__ is np.ndarray else array[()]


def begin_of(value: Any) -> list[Any]:
    """The first elements of all arrays, to look whether two results are near."""
    return [x if np.size(x) < MANY else x.flat[:MANY] for x in map(_raw, leaves(value))]


def _raw(leaf: Any) -> Any:
    return leaf._value if isinstance(leaf, Tensor) else leaf


def rounding_of(values: list[Any]) -> float:
    """How far the rounding of the largest number reaches: as large may be what cancels to 0."""
    most = 0.0
    for value in map(np.asarray, values):
        if value.dtype.kind == "f":
            largest = np.max(np.abs(value[np.isfinite(value)]), initial=0.0)
            most = max(most, float(largest) * float(np.finfo(value.dtype).eps))
    return most


def agree(a: Any, b: Any, within: float = 1.0, least: float = 0.0) -> bool:
    """Whether two results are alike but for rounding, to (1000 eps)**within of the largest, or to
    `least`."""
    if isinstance(a, Tensor) or isinstance(b, Tensor):
        alike = isinstance(a, Tensor) and isinstance(b, Tensor)
        return alike and agree(a._value, b._value, within, least)
    if isinstance(a, (tuple, list)):
        return (
            type(a) is type(b)
            and len(a) == len(b)
            and all(agree(x, y, within, least) for x, y in zip(a, b))
        )
    if isinstance(a, dict):
        return (
            isinstance(b, dict) and a.keys() == b.keys()
            and all(agree(a[k], b[k], within, least) for k in a)
        )  # fmt: skip
    if not isinstance(a, (np.ndarray, np.generic, float)):
        return bool(a == b) if a is not None else b is None
    x, y = np.asarray(a), np.asarray(b)
    if x.shape != y.shape or x.dtype != y.dtype:
        return False
    if (same := bool(np.array_equal(x, y))) or x.dtype.kind != "f":  # (a quarter of allclose)
        return same
    with np.errstate(all="ignore"):
        largest = np.max(np.abs(x[np.isfinite(x)]), initial=0.0)
        near = (1e3 * float(np.finfo(x.dtype).eps)) ** within
        most = max(near * float(largest), least)
        return bool(np.allclose(x, y, near, most, equal_nan=True))
