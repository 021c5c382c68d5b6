"""What the program's values are called in the function that was recorded: its own local names."""

from __future__ import annotations

import inspect
import sys
import warnings
from types import CodeType, FrameType, TracebackType
from typing import Any

from autograd.compiling.around import OURS
from autograd.compiling.trace import Trace
from autograd.compiling.traced import Traced
from autograd.frames import is_numpys
from autograd.recording import raw_of
from autograd.tensor import Tensor

__all__: list[str] = []

WORDED = ("autograd.ops", "nn.layers", "nn.losses", "nn.optim", "nn.compiled")
SAY_NOTHING = ("array", "arrays", "result", "found", "made", "g", "x", "y")
LOCAL, ARGUMENT = 0, 1  # how much a name tells: of a value made there, or handed in


# What takes plain values out of a Tensor, which is told `self`, `value` or `other`.
READERS = {
    function.__code__
    for function in (
        vars(Tensor)["data"].fget, Tensor.numpy, Tensor.item, Tensor.tolist, Tensor.__bool__,
        Tensor.__index__, Tensor._one, Tensor.__lt__, Tensor.__eq__, Tensor.__repr__, raw_of,
    )
}  # fmt: skip


class Names:
    """Looks, at every operation and at the end of every function, at the local variables of
    whoever is outside of this library. A value has the name that it was given where it was made,
    the first one, before that of an argument, of which the outermost function's counts.

    On the way it sees what a trace of NumPy's calls does not: that plain values are taken out of
    Tensors, and that something is printed."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.hints: dict[int, str] = {}  # what the library calls them
        self.all_ours = True  # whether no code but the library's, NumPy's and Python's has run
        self._ranked: dict[int, tuple[int, str]] = {}
        self._ours: dict[CodeType, bool] = {}  # whether code is of this library, NumPy or Python

    @property
    def found(self) -> dict[int, str]:
        return {number: name for number, (_, name) in self._ranked.items()}

    def __enter__(self) -> Names:
        self.trace.naming = self._look
        sys.setprofile(self._event)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        sys.setprofile(None)
        self.trace.naming = None

    def _event(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            if frame.f_code in READERS:
                for name in ("self", "value", "other"):
                    if isinstance(tensor := frame.f_locals.get(name), Tensor):
                        self.trace.note_read(tensor)
        elif event == "return":
            if not self._is_ours(frame):
                self.all_ours = False
                self._read(frame)
            elif str(frame.f_globals.get("__name__")).startswith(WORDED):
                self._read(frame, self.hints)
        elif event == "c_call" and (argument is print or argument is warnings.warn):
            if not is_numpys(frame):
                self.trace.tells = f"it calls {argument.__name__}, which tells in each call"

    def _look(self) -> None:
        frame: FrameType | None = sys._getframe(2)
        while frame is not None and self._is_ours(frame):
            frame = frame.f_back
        if frame is not None and frame.f_code.co_flags & inspect.CO_OPTIMIZED:  # of a function
            self._read(frame)

    def _read(self, frame: FrameType, hints: dict[int, str] | None = None) -> None:
        code = frame.f_code
        if code.co_name in ("<listcomp>", "<genexpr>", "<dictcomp>", "<setcomp>"):
            return
        arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        if arguments[:2] == ("g", "y") and hints is None:  # a rule, which calls all things so
            return
        for name, value in frame.f_locals.items():
            if not name.isidentifier() or name.startswith("_") or name in code.co_freevars:
                continue
            held = value._value if isinstance(value, Tensor) else value
            if type(held) is Traced and held._trace is self.trace:
                if hints is not None:
                    if name not in arguments and name not in SAY_NOTHING:
                        hints.setdefault(held._var.number, name)
                    continue
                rank = ARGUMENT if name in arguments else LOCAL
                known = self._ranked.get(held._var.number)
                if known is None or rank < known[0] or rank == known[0] == ARGUMENT:
                    self._ranked[held._var.number] = rank, name

    def _is_ours(self, frame: FrameType) -> bool:
        known = self._ours.get(frame.f_code)
        if known is None:
            typed_in = frame.f_code.co_filename.startswith("<")  # as examples of docstrings
            module = str(frame.f_globals.get("__name__")).split(".")[0]
            known = not typed_in and (module in OURS or module in sys.stdlib_module_names)
            self._ours[frame.f_code] = known
        return known
