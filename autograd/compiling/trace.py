"""A recording of the NumPy calls that a function makes: arrays that write down what is asked.

`Traced` arrays flow through Tensors, forwards, rules and the sweep as plain arrays do, compute what
plain arrays compute, and note every call in a `Trace`. So no derivative is written a second time:
what rules and forwards do with arrays is what the compiled program does.

A call that a program could not repeat, because what it gives depends on values in a way that
Python sees (`float(x)`, the length of `x[x > 0]`), is answered all the same, and `refused` says
why there will be no program: to record a function is to run it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from autograd.compiling.traced import Traced, plain_of, recording_of
from autograd.compiling.tracing import (
    Const,
    Kept,
    Line,
    Origin,
    Var,
    copied,
    owner_of,
    values_of,
    varies,
)  # fmt: skip
from autograd.gradients import Deferred, Gradients

__all__: list[str] = []

_array = np.ndarray

# What makes an array of its own, to be written into perhaps.
FRESH = frozenset([np.zeros_like, np.ones_like, np.empty_like, np.full_like, "copy", "astype"])


UNSEEN = (
    "np.asarray, np.array or a method of an array from outside, as in outer.dot(x), took an array "
    "out of NumPy's sight; use np.dot(outer, x), np.copy(x) and the like"
)


# What gives an array that shares memory with its argument, or may do so.
VIEWS: Any = frozenset([
    "reshape", "ravel", "squeeze", "swapaxes", "transpose", np.reshape, np.ravel, np.squeeze,
    np.swapaxes, np.transpose, np.expand_dims, np.broadcast_to, np.atleast_1d, np.atleast_2d,
    np.atleast_3d,
])  # fmt: skip


class Trace:
    """What is recorded: lines in their order, inputs, and the Tensors met on the way.

    It is also what the engine tells of each operation, in the place of a profile, so that a line
    knows to which rule it belongs, and that Tensors from around the function are found: the values
    of these are inputs, too.
    """

    def __init__(
        self,
        other: Callable[[Any], Any] | None = None,
        as_whole: frozenset[Any] = frozenset(),
        reading: bool = False,
    ) -> None:
        self.reading = reading  # operations do what they do as one would write it by hand
        self.other = other  # makes other values of those of a captured Tensor
        # Operations whose inside cannot be recorded, or whose rules cannot, (operation, "rules"):
        # they are calls themselves.
        self.as_whole = set(as_whole)
        self.suspects: set[Any] = set()
        self.rewinds: list[Callable[[], None]] = []  # what takes back draws, one by one
        self.lines: list[Line] = []
        self.inputs: list[Var] = []
        self.captured: dict[Any, Any] = {}  # leaf Tensor -> its stand-in; at the end, its value
        self.before: dict[Any, tuple[Any, Any]] = {}  # and its value and gradient until then
        # Tensors whose values were taken as plain ones, by their ids, as long as they live.
        self.read: WeakValueDictionary[int, Any] = WeakValueDictionary()
        self.constants: dict[int, Const] = {}
        self.refused: str | None = None
        self.live = True
        self.gradients: dict[int, Any] = {}  # by the number of a gradient, to what it belongs
        self.leaves: WeakValueDictionary[int, Any] = WeakValueDictionary()  # which may get hooks
        self.scopes: dict[Any, Any] = {}  # of captured Tensors, where they were met
        self.met: dict[int, Any] = {}  # for readers, by number: other leaves, and where they were
        self.tells: str | None = None  # that it prints, or the like
        self.naming: Any = None  # told of every operation, to look for names
        self._numbers: dict[Var, Traced] = {}  # of floats, as NumPy's
        self.count = 0
        self._roots: dict[int, Var] = {}  # by the id of the array that owns the memory
        self._alive: list[Any] = []  # while an array lives, no other has its id
        self._origin: Any = None
        self.sweep, self._born = 0, 0  # how many reverse sweeps have begun; where the last one is

    # ---- values ---------------------------------------------------------------------------------

    def input(self, value: Any) -> Traced:
        """A value that is given anew in each call."""
        made = self._wrap(value)
        self.inputs.append(made._var)
        return made

    def stand_in(self, tensor: Any) -> Traced:
        """The value of a Tensor from around the function, which each call reads anew."""
        if tensor not in self.captured:
            if tensor._hooks is not None:
                self.refuse(f"{tensor._title()}, which stands around it, has hooks")
            value = tensor._value
            self.before[tensor] = value, getattr(tensor, "_grad", None)
            value = copied(value) if value.__class__ is _array else value
            self.captured[tensor] = self.input(self.other(value) if self.other else value)
        return self.captured[tensor]

    def end(self) -> None:
        """Nothing more is written down; what holds the trace is let go."""
        self.live = False
        self.captured = {tensor: made._var for tensor, made in self.captured.items()}
        self.met = {n: m for n, m in self.met.items() if type(m[0]._value) is not Traced}
        self._numbers.clear()

    def refuse(self, reason: str) -> None:
        if self.refused is None:
            self.refused = reason

    def note_read(self, tensor: Any) -> None:
        """Of a Tensor from around the function a plain value was taken: the program holds only as
        long as it is the same."""
        if type(tensor._value) is not Traced:
            self.read[id(tensor)] = tensor

    def _wrap(self, value: Any) -> Traced:
        """A result as an array that writes down; a number as one without axes."""
        plain = value if value.__class__ is _array else np.asarray(value)
        if plain.ndim == 0 and value.__class__ is _array:
            value = value[()]
        owner = owner_of(plain)
        root = self._roots.get(id(owner)) if plain.ndim else None
        if root is not None and root.value.__class__ is _array and not root.value.ndim:
            root = None
        var = Var(self.count, value, root)
        self.count += 1
        if root is None:
            self._roots[id(owner)] = var
            self._alive.append(owner)
        self._alive.append(plain)
        made = plain.view(Traced)
        made._var, made._trace = var, self
        return made

    def encoded(self, value: Any) -> Any:
        """An argument as the program holds it: values and constants in the places of arrays."""
        kind = type(value)
        if kind is Kept:
            return value._var
        if kind is Traced:
            if value._trace is self:
                return value._var
            if value._trace is None:
                self.refuse(UNSEEN)
            return self.encoded(np.asarray(value))  # one that an earlier recording has left behind
        if kind is tuple or kind is list:
            return kind(self.encoded(v) for v in value)
        if kind is slice:
            return slice(*(self.encoded(v) for v in (value.start, value.stop, value.step)))
        if kind is dict:
            return {k: self.encoded(v) for k, v in value.items()}
        if isinstance(value, _array):
            return self._constant(value)
        return value

    def _constant(self, array: Any) -> Any:
        root = self._roots.get(id(owner_of(array)))
        if root is not None:
            self.refuse(UNSEEN)
        known = self.constants.get(id(array))
        if known is None:
            known = self.constants[id(array)] = Const(len(self.constants), array)
        elif not known.is_as_seen():
            self.refuse("an array from around it, or one that it made itself, changes meanwhile")
        return known

    def _all_held(self, value: Any) -> Any:
        """Another constant, or several."""
        if isinstance(value, (tuple, list)):
            make = getattr(type(value), "_make", type(value))
            return make([self._all_held(v) for v in value])
        return self._held(value)

    def _held(self, value: Any) -> Any:
        """A plain array as one that writes down, so that its methods are seen, too."""
        if type(value) is not np.ndarray or not value.ndim or value.dtype.kind not in "fiub":
            return value
        held = value.view(Traced)
        held._var, held._trace = self._constant(value), self
        return held

    # ---- calls ----------------------------------------------------------------------------------

    def call(
        self, kind: str, target: Any, compute: Callable[..., Any], args: Any, kwargs: Any,
        writes: Any = None,
    ) -> Any:  # fmt: skip
        """Write down a call, make it with the plain values, and give what it gives."""
        line = self._line(kind, target, args, kwargs)
        if writes is None and target not in FRESH and not varies((line.args, line.kwargs)):
            made = compute(*values_of(line.args), **values_of(line.kwargs))
            if not self.reading or kind != "ufunc" or not _says_something(made):
                return self._all_held(made)
        if writes is not None:
            line.writes = writes._var if type(writes) is Traced else None
            if line.writes.__class__ is Const:
                line.writes = None
            if line.writes is None:
                self.refuse(
                    f"{getattr(target, '__name__', target)} writes into an array that was made "
                    "outside; make it by np.zeros_like or np.empty_like of an argument"
                )
            elif line.writes.root.detached:
                self.refuse("it writes into a number by way of an array")
        made = compute(*values_of(line.args), **values_of(line.kwargs))
        self.lines.append(line)
        if made is None or (writes is not None and kind == "setitem"):
            return made
        if writes is not None and type(writes) is Traced and made is writes._var.value:
            line.made = [writes._var]
            return writes
        result = self._results(line, made)
        looks = kind in ("getitem", "attribute") or (kind != "ufunc" and target in VIEWS)
        if looks and line.args[0].__class__ is Var and not line.args[0].shape:
            for var in line.made:
                var.detached = True  # to NumPy it may share memory with the number
        return result

    def _line(self, kind: str, target: Any, args: Any, kwargs: Any) -> Line:
        """A call as it is written down: by what, in which phase, and how NumPy warns there."""
        line = Line(kind, target, self.encoded(args), self.encoded(kwargs))
        line.origin, line.errors, line.sweep = self._origin, np.geterr(), self.sweep
        return line

    def _results(self, line: Line, made: Any) -> Any:
        """What a call gives, as arrays that write down."""
        result, line.form = self._wrapped(line, made)
        return result

    def _wrapped(self, line: Line, made: Any) -> tuple[Any, Any]:
        if isinstance(made, (tuple, list)):
            pairs = [self._wrapped(line, m) for m in made]
            make = getattr(type(made), "_make", type(made))
            return make([result for result, _ in pairs]), tuple(form for _, form in pairs)
        if isinstance(made, (_array, np.generic, float, int, bool)):
            traced = self._wrap(made)
            line.made.append(traced._var)
            if made.__class__ is _array and not made.ndim:
                line.views.append(traced._var)
            return traced, traced._var
        if made is not None:
            name = getattr(line.target, "__name__", line.target)
            self.refuse(f"{name} gives something of the kind {type(made).__name__}")
        return made, None

    def ask(self, traced: Traced) -> bool:
        """A branch: the program is only right where it goes the same way."""
        answer = bool(traced._var.value)
        line = self._line("bool", bool, (traced,), {})
        line.expected = answer
        self.lines.append(line)
        return answer

    # ---- what the engine tells ------------------------------------------------------------------

    def forward(self, operation: Any, scope: Any, raw: Any, kwargs: Any, given: Any) -> Any:
        """Compute an operation (called by the engine, as a profile's)."""
        for position, argument in enumerate(given):
            if hasattr(argument, "_as_arguments"):
                if argument._op is None and argument._requires_grad:
                    self.leaves[id(argument)] = argument
                    if argument._hooks is not None:
                        self.refuse(f"{argument._title()} has hooks")
                if self.reading and argument._op is None and type(raw[position]) is Traced:
                    self.met.setdefault(raw[position]._var.number, (argument, scope))
                if argument._op is None and type(raw[position]) is not Traced:
                    raw[position] = self.stand_in(argument)
                    self.scopes.setdefault(argument, scope)
                elif type(raw[position]) is Traced and raw[position]._var.weak:
                    raw[position] = self._strong(raw[position])  # a Tensor of a float holds float64
                elif argument._inputs == ():  # a result that has no graph, and may be assigned to
                    self.note_read(argument)
            elif argument.__class__ in (list, tuple):
                raw[position] = self._members(argument, raw[position])
        if recording_of(raw) is not None:
            raw[:] = map(self._held, raw)
        if self.naming is not None:
            self.naming()
        before, self._origin = self._origin, None
        self._origin = Origin(operation, scope, False, 0, before)
        try:
            plainly = operation.plainly
            written = self.reading and plainly is not None
            if operation in self.as_whole and not written:
                return self._forward_as_whole(operation, raw, kwargs)
            mark, refused = len(self.lines), self.refused
            forward = plainly[0] if written else operation.forward
            data = forward(*raw, **kwargs)
            made = data[0] if operation.saves and data.__class__ is tuple else data
            if (self.refused is not None and refused is None) or (
                recording_of(raw) is self and not self._is_seen(made)
            ):
                self.refused = refused
                del self.lines[mark:]
                self.as_whole.add(operation)
                return self._forward_as_whole(operation, raw, kwargs)
            return data
        finally:
            self._origin = before

    def _is_seen(self, made: Any) -> bool:
        """Whether all arrays are such as write down, and numbers too."""
        if isinstance(made, (tuple, list)):
            return all(map(self._is_seen, made))
        if isinstance(made, (np.ndarray, np.generic)):
            return type(made) is Traced and made._trace is self
        return True

    def _forward_as_whole(self, operation: Any, raw: Any, kwargs: Any) -> Any:
        """A forward as one call of the program, whatever it does inside."""
        line = self._line("call", operation.forward, tuple(raw), kwargs)
        made = operation.forward(*plain_of(tuple(raw)), **plain_of(kwargs))
        self.lines.append(line)
        if not operation.saves:
            return self._results(line, made)
        data, kept = made
        result = self._results(line, data)
        var = Var(self.count, kept)
        self.count += 1
        line.made.append(var)
        line.form = (line.form, var)
        return result, Kept(var)

    def _strong(self, number: Traced) -> Traced:
        known = self._numbers.get(number._var)
        if known is None:
            known = self.call("function", np.float64, np.float64, (number,), {})
            self._numbers[number._var] = known
        return known

    def _members(self, given: Any, raw: Any) -> Any:
        if len(given) != len(raw):
            return raw
        found = [
            self.stand_in(t)
            if hasattr(t, "_as_arguments") and t._op is None and type(value) is not Traced
            else value
            for t, value in zip(given, raw)
        ]
        return type(raw)(found) if raw.__class__ in (list, tuple) else raw

    def backward(self, node: Any, rule: Any, g: Any, y: Any, args: Any, kwargs: Any) -> Any:
        """Ask a rule (called by the engine, as a profile's)."""
        rules = node._op.rules
        position = next((i for i, r in enumerate(rules) if r is rule), 0)
        if self._origin is None:
            self.sweep += not self.sweep or node._birth > self._born  # sweeps go from young to old
            self._born = node._birth
        before = self._origin
        self._origin = Origin(node._op, node._scope, True, position, before)
        try:
            written = self.reading and node._op.plainly is not None
            whole = not written and (node._op, "rules") in self.as_whole
            whole = whole and _is_plain((g, y, args))
            if whole or type(kwargs.get("saved")) is Kept:
                return self._rule_as_whole(node._op, rule, g, y, args, kwargs)
            mark, refused = len(self.lines), self.refused
            g = self._held(g)
            self._belongs(g, node)
            if self.reading and node._op.plainly is not None and _is_plain((g, y, args)):
                rule = node._op.plainly[1 + position]
            found = rule(g, y, *args, **kwargs)
            self._belongs(found, node._inputs[position])
            lost = self.refused is not None and refused is None
            if lost and _is_plain((g, y, args)):
                self.refused = refused
                del self.lines[mark:]
                return self._rule_as_whole(node._op, rule, g, y, args, kwargs)
            if not _is_computed(found) and recording_of((y, args)) is not None:
                # A constant, or something that NumPy did not see.
                self.suspects.add((node._op, "rules"))
            return found
        finally:
            self._origin = before

    def _belongs(self, gradient: Any, tensor: Any) -> None:
        """Note whose gradient it is, for names."""
        gradient = getattr(gradient, "_value", gradient)
        value = self.captured.get(tensor, tensor._value)
        of_both = (getattr(t, "_var", None).__class__ for t in (gradient, value))
        if all(kind is Var for kind in of_both):
            self.gradients.setdefault(gradient._var.number, []).append(value._var)

    def anew(self, function: Any, remember: Any, args: Any, kwargs: Any) -> Any:
        """Call what gives something new in each call, in the program too (called by the engine)."""
        line = self._line("call", function, args, kwargs)
        line.remember = remember
        if varies((line.args, line.kwargs)):
            self.refuse(f"{function.__name__} is called anew each time, with what was computed")
        self.rewinds.append(remember(*args, **kwargs))
        made = function(*args, **kwargs)
        self.lines.append(line)
        return self._results(line, made)

    def arrived(self, leaf: Any, g: Any) -> None:
        """Hear of the whole gradient of a leaf (called by the engine, as a profile is)."""
        self._belongs(g, leaf)

    def _rule_as_whole(
        self, operation: Any, rule: Any, g: Any, y: Any, args: Any, kwargs: Any
    ) -> Any:
        """A rule as one call of the program."""
        if not _is_simple(kwargs.get("saved")):  # the forward must be one, too
            self.as_whole.add(operation)
            self.refuse(AS_WHOLE)
        target = rule
        if isinstance(g, Gradients):
            target, g = RuleOfSeveral(rule, g), tuple(g)
        line = self._line("call", target, (g, y, *args), kwargs)
        plain = {k: v._var.value if type(v) is Kept else plain_of(v) for k, v in kwargs.items()}
        made = target(plain_of(g), plain_of(y), *plain_of(args), **plain)
        self.lines.append(line)
        return self._results(line, made)


class RuleOfSeveral:
    """A rule that is handed the gradients of several results, of which it may ask more than the
    values: where something came at all."""

    __slots__ = ("came", "reached", "rule")

    def __init__(self, rule: Any, gradients: Gradients) -> None:
        self.rule = rule
        self.reached = [gradients.reached(i) for i in range(len(gradients))]
        self.came = [gradients.came(i).tolist() for i in range(len(gradients))]

    @property
    def __name__(self) -> str:
        return str(self.rule.__name__)

    def __call__(self, g: Any, *args: Any, **kwargs: Any) -> Any:
        gradients = _AsBefore(g)
        gradients.of = self
        return self.rule(gradients, *args, **kwargs)


class _AsBefore(Gradients):
    of: RuleOfSeveral

    def reached(self, index: int) -> bool:
        return bool(self.of.reached[index])

    def came(self, index: int) -> Any:
        return np.array(self.of.came[index], bool).reshape(self[index].shape)


AS_WHOLE = "it is recorded again, with an operation as a whole"


def _says_something(constant: Any) -> bool:
    """Whether a reader is told how it is computed: numbers that are not all the same."""
    if constant.__class__ is not _array or constant.dtype.kind != "f" or constant.size < 2:
        return False
    return bool((constant != constant.flat[0]).any())


def _is_plain(value: Any) -> bool:
    """Whether nothing in it records, or comes in parts."""
    if isinstance(value, (tuple, list)):
        return all(map(_is_plain, value))
    return not hasattr(value, "_as_arguments") and not isinstance(value, Deferred)


def _is_simple(value: Any) -> bool:
    if value.__class__ in (tuple, list):
        return all(map(_is_simple, value))
    return type(value) is Kept or isinstance(
        value, (np.ndarray, np.generic, float, int, type(None))
    )


def _is_computed(made: Any) -> bool:
    """Whether nothing in it is the same in each call."""
    if isinstance(made, (tuple, list)):
        return all(map(_is_computed, made))
    if isinstance(made, (np.ndarray, np.generic)):
        return type(made) is Traced and made._var.__class__ is Var
    return True
