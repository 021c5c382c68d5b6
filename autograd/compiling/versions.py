"""A program for one kind of call, and the questions whether a call is of that kind."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from autograd.compiling.around import FEW, Surroundings, contents, of_namespace, unchanged
from autograd.compiling.fast import Elsewhere, FastWriter
from autograd.compiling.loosening import loosen
from autograd.compiling.recordings import RECORDING, Output, Recording
from autograd.compiling.tracing import Const, Var, values_of
from autograd.tensor import Tensor

__all__: list[str] = []

MISSING: Any = object()  # no version for this call
ELSEWHERE: Any = object()  # a version, whose program does not go this way


class Version:
    """A program for one kind of call, and the questions whether a call is of that kind."""

    def __init__(
        self, recording: Recording, around: Surroundings, mode: Any, guards: Any = None,
        donated: tuple[int, ...] = (), exact: bool = True,
    ) -> None:  # fmt: skip
        if not exact:
            loosen(recording.program)
        self.program, self.grad = recording.program, mode.grad
        self.reason: str | None = None
        given = {var for i in donated for var in recording.arguments.inputs_of(i, recording.trace)}
        self.writer = writer = FastWriter(self.program, RECORDING, given)
        writer.names.update(missing=MISSING, Tensor=Tensor, as_tensor=_as_tensor, array=np.ndarray)
        head = [
            *([] if guards is None else _asked_of(guards, writer)),
            *_asked_around(around, writer),
            *_asked_tensors(list(recording.trace.read.values()), writer),
            *self._asked(recording, writer),
        ]
        returned = _returned(recording.form, recording.program.outputs, writer)
        self.text, self._run = writer.function(head, returned)
        lines = enumerate(self.program.lines)
        self._branches = {at: line.origin for at, line in lines if line.kind == "bool"}
        self.missed: dict[Any, int] = {}  # operations whose branches went another way, how often
        self._rewinds: list[Any] = []
        # Its memory serves one call at a time.
        self._lock = threading.Lock()
        self._draws = [
            (line.remember, values_of(line.args), values_of(line.kwargs))
            for line in self.program.lines
            if line.remember is not None
        ]

    def run(self, given: Any, grad: bool, profile: Any = None) -> Any:
        if grad is not self.grad:
            return MISSING
        if not self._lock.acquire(False):
            self.reason = "another thread was in the same program"
            return ELSEWHERE
        try:
            self.remember()
            return self._run(given) if profile is None else self._profiled(given, profile)
        except Elsewhere as elsewhere:
            self.rewind()
            self.reason = "a branch went another way than when it was recorded"
            origin = self._branches[elsewhere.args[0]]
            if origin is not None:  # inside of an operation, that could be called as a whole
                entry = (origin.operation, "rules") if origin.backward else origin.operation
                self.missed[entry] = self.missed.get(entry, 0) + 1
        except Exception as error:  # the function itself shall say it
            self.rewind()
            self.reason = f"its program raised {type(error).__name__}: {error}"
        finally:
            self._lock.release()
        return ELSEWHERE

    def remember(self) -> None:
        """Note where the sources stand from which the program draws,"""
        self._rewinds = [remember(*args, **kwargs) for remember, args, kwargs in self._draws]

    def rewind(self) -> None:
        """and put them back there."""
        for put_back in self._rewinds:
            put_back()

    def _profiled(self, given: Any, profile: Any) -> Any:
        """A run in which a profile hears of every line."""
        texts, spans = self.text.split("\n"), self.writer.spans

        def note(number: int, seconds: float) -> None:
            begin, _, line = spans[number]
            scope = None if line.origin is None else line.origin.scope
            phase = "backward" if line.backward else "forward"
            profile.add(phase, texts[begin].strip(), scope, seconds, None)

        return self.writer.timed(note)(given)

    def _asked(self, recording: Recording, writer: FastWriter) -> list[str]:
        """The text that takes the inputs out of the arguments, or gives up."""
        arguments, inputs = recording.arguments, iter(recording.trace.inputs)
        lines = list(self._taken(arguments.given, "args", arguments, inputs, writer))
        for leaf in list(recording.trace.leaves.values()):
            if leaf not in recording.trace.captured:
                lines.append(f"if {writer.bound(leaf, 't')}._hooks is not None: return missing")
        for tensor in recording.trace.captured:
            var = next(inputs)
            name = f"v{var.number}"
            held = writer.bound(tensor, "t")
            lines.append(f"if {held}._hooks is not None: return missing")
            lines.append(f"{name} = {held}._value")
            lines.extend(_fits(var, name, writer))
        return lines

    def _taken(
        self, value: Any, path: str, arguments: Any, inputs: Iterator[Var], writer: FastWriter
    ) -> Iterator[str]:
        kind = value.__class__
        if kind is tuple or kind is list:
            yield (
                f"if {path}.__class__ is not {kind.__name__} or len({path}) != {len(value)}: "
                "return missing"
            )
            for i, member in enumerate(value):
                yield from self._taken(member, f"{path}[{i}]", arguments, inputs, writer)
        elif kind is dict:
            keys = writer.bound(list(value), "keys")
            yield f"if {path}.__class__ is not dict or list({path}) != {keys}: return missing"
            for key, member in value.items():
                of_key = f"{path}[{writer.bound(key, 'key')}]"
                yield from self._taken(member, of_key, arguments, inputs, writer)
        elif not arguments.is_value(value):
            kind_name, held = writer.bound(kind, "kind"), writer.bound(value, "given")
            yield f"if {path}.__class__ is not {kind_name} or {path} != {held}: return missing"
        else:
            var = next(inputs)
            name = f"v{var.number}"
            if kind is Tensor:
                needs = " or a._requires_grad" if self.grad else ""
                yield f"a = {path}"
                yield f"if a.__class__ is not Tensor{needs}: return missing"
                yield f"{name} = a._value"
            else:
                yield f"{name} = {path}"
            yield from _fits(var, name, writer)


def _asked_of(guards: Any, writer: FastWriter) -> list[str]:
    """The text that asks whether what a program depends on is what it was, as guards tell it."""
    writer.names.update(guards=guards, guarded=guards())
    return ["if guards() != guarded: return missing"]


def _asked_around(around: Surroundings, writer: FastWriter) -> list[str]:
    """The text that asks whether what the function finds around it is what it was."""
    lines: list[str] = []
    for held, name, value in around.names:
        place, outer = writer.bound(held, "names"), writer.bound(value, "outer")
        now = f"get({name!r})" if of_namespace(held) else name
        lines.append(f"if {place}.{now} is not {outer}: return missing")
    writer.names.update(unchanged=unchanged, contents=contents)
    for found, members in around.objects:
        place, outer = writer.bound(found, "held"), writer.bound(members, "members")
        lines.append(f"if not unchanged({place}, {outer}): return missing")
    for array, before in around.arrays:
        lines += _asked_array(writer.bound(array, "outer"), array, before, writer)
    return lines


def _asked_tensors(tensors: list[Any], writer: FastWriter) -> list[str]:
    """The text that asks whether Tensors have the values that the program took for granted."""
    lines: list[str] = []
    for tensor in tensors:
        value = tensor._value
        name = f"{writer.bound(tensor, 't')}._value"
        lines.append(f"if {name} is not {writer.bound(value, 'value')}: return missing")
        if value.__class__ is np.ndarray:
            lines += _asked_array(name, value, contents(value), writer)
    return lines


def _asked_array(name: str, array: Any, before: bytes, writer: FastWriter) -> list[str]:
    now = f"{name}.tobytes()" if array.size <= FEW else f"contents({name})"
    return [f"if {now} != {writer.bound(before, 'bytes')}: return missing"]


def _fits(var: Var, name: str, writer: FastWriter) -> list[str]:
    """Whether a value is of the kind that was recorded."""
    if var.weak:
        return [f"if {name}.__class__ is not float: return missing"]
    dtype = writer.bound(var.dtype, "dtype")
    if not var.shape:
        number = writer.bound(var.dtype.type, "number")
        return [
            f"if {name}.__class__ is not {number}:",
            f"    if {name}.__class__ is not array or {name}.shape: return missing",
            f"    if {name}.dtype != {dtype}: return missing",
            f"    {name} = {name}[()]",
        ]
    return [
        f"if {name}.__class__ is not array or {name}.shape != {var.shape} or "
        f"{name}.dtype != {dtype} or {name}.strides != {var.strides}: return missing"
    ]


def _returned(form: Any, outputs: Any, writer: FastWriter) -> str:
    """The text of what is given back."""
    kind = form.__class__
    if kind is Output:
        value = outputs[form.place]
        text = writer.spelled(value)
        if value.__class__ is Const:
            text = f"{text}.copy()"
        return f"as_tensor({text})" if form.of_tensor else text
    inner = [
        _returned(member, outputs, writer) for member in (form.values() if kind is dict else form)
    ]
    if kind is tuple:
        return "(" + "".join(text + ", " for text in inner).strip() + ")"
    if kind is list:
        return "[" + ", ".join(inner) + "]"
    return (
        "{"
        + ", ".join(f"{writer.bound(key, 'key')}: {text}" for key, text in zip(form, inner))
        + "}"
    )


_new = object.__new__


def _as_tensor(value: Any) -> Tensor:
    """What an operation that is not recorded gives."""
    tensor: Any = _new(Tensor)
    tensor._value, tensor._requires_grad = value, False
    tensor._inputs = tensor._args = ()
    tensor._kwargs = tensor._op = tensor._scope = tensor._hooks = tensor._grad = None
    tensor._birth = 0
    return tensor  # type: ignore[no-any-return]
