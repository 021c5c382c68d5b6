"""What the running thread is doing: recording or not, in which scope, watched by whom.

One small immutable Mode in one ContextVar, so every thread and every asyncio task has its own.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from types import TracebackType
from typing import Any

__all__ = [
    "detect_anomaly",
    "enable_grad",
    "is_grad_enabled",
    "no_grad",
    "scope",
    "set_grad_enabled",
]

# Flags of code objects: `inspect` has them too, but is slow to import.
_GENERATOR, _COROUTINE, _ASYNC_GENERATOR = 0x20, 0x80, 0x200


class Mode:
    """Whether operations are recorded, the current scope, and who watches (anomaly, profile).

    `around` is the mode that comes back at the end of the block, and `by` the id of the ModeChange
    whose block it is: a block takes away what it put on, also where generators end out of order.
    """

    __slots__ = ("anomaly", "around", "by", "grad", "plain", "profile", "scope")

    def __init__(
        self,
        grad: bool = True,
        scope: Scope | None = None,
        anomaly: bool = False,
        profile: Any = None,
        around: Mode | None = None,
        by: int = 0,
    ) -> None:
        self.grad, self.scope, self.anomaly, self.profile = grad, scope, anomaly, profile
        self.around, self.by = around, by
        # The one flag that the operators' short way asks for: record, and nobody watches.
        self.plain = grad and not anomaly and profile is None

    def but(self, **changes: Any) -> Mode:
        """A copy of this mode with some fields changed."""
        fields = {"grad": self.grad, "scope": self.scope, "anomaly": self.anomaly,
                  "profile": self.profile, "around": self.around, "by": self.by}  # fmt: skip
        return Mode(**(fields | changes))


_mode: ContextVar[Mode] = ContextVar("autograd mode", default=Mode())  # noqa: B039 (immutable)
current_mode = _mode.get
set_mode = _mode.set


class ModeChange:
    """A change of mode, as a context manager and as a decorator.

    It keeps nothing of its own, so one of them may be entered again inside itself, and by several
    threads or tasks at a time.
    """

    def _change(self, mode: Mode) -> Mode:
        raise NotImplementedError

    def _fresh(self) -> ModeChange:
        return type(self)()

    def __enter__(self) -> Any:
        set_mode(self._change(current_mode()))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        mode: Mode | None = current_mode()
        while mode is not None and mode.by != id(self):
            mode = mode.around
        if mode is not None and mode.around is not None:
            set_mode(mode.around)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Decorate a function, a generator or a coroutine: its body runs in the changed mode."""
        flags = getattr(getattr(function, "__code__", None), "co_flags", 0)
        fresh = self._fresh  # one for each call, so that each call has a profile of its own
        if flags & _ASYNC_GENERATOR:
            name = type(self).__name__
            raise TypeError(
                f"{name} cannot decorate an asynchronous generator, {function.__name__}; write "
                f"`with {name}(...):` inside it"
            )

        if flags & _GENERATOR:

            @wraps(function)
            def decorated(*args: Any, **kwargs: Any) -> Any:
                return _stepped(function(*args, **kwargs), fresh()._change(current_mode()))

        elif flags & _COROUTINE:

            @wraps(function)
            async def decorated(*args: Any, **kwargs: Any) -> Any:
                with fresh():
                    return await function(*args, **kwargs)

        else:

            @wraps(function)
            def decorated(*args: Any, **kwargs: Any) -> Any:
                with fresh():
                    return function(*args, **kwargs)

        return decorated


def _stepped(generator: Any, mode: Mode) -> Any:
    """Run each step of a generator in its own mode, and give the caller back his in between."""
    step: Callable[..., Any] = generator.send
    arguments: tuple[Any, ...] = (None,)
    while True:
        caller = current_mode()
        set_mode(mode)
        try:
            value = step(*arguments)
        except StopIteration as stop:
            return stop.value
        finally:
            mode = current_mode()
            set_mode(caller)
        try:
            step, arguments = generator.send, ((yield value),)
        except BaseException as error:  # GeneratorExit too: close() is a step as any other
            step, arguments = generator.throw, (error,)


class _GradSwitch(ModeChange):
    """Also a decorator without parentheses: `@no_grad`."""

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        switch = super().__new__(cls)
        return switch if function is None else switch(function)


class no_grad(_GradSwitch):
    """Record nothing inside: for evaluation, and for updates of parameters.

    A context manager and a decorator; the mode before comes back also after an exception, and
    each thread has its own. As PyTorch's.

    >>> from autograd import Tensor
    >>> x = Tensor(3.0, requires_grad=True)
    >>> with no_grad():
    ...     y = x * x
    >>> y.requires_grad
    False
    """

    def _change(self, mode: Mode) -> Mode:
        return mode.but(grad=False, around=mode, by=id(self))


class enable_grad(_GradSwitch):
    """Record inside, also where a `no_grad` stands around it.

    >>> with no_grad(), enable_grad():
    ...     is_grad_enabled()
    True
    """

    def _change(self, mode: Mode) -> Mode:
        return mode.but(grad=True, around=mode, by=id(self))


class set_grad_enabled(ModeChange):
    """Switch recording on or off: at once as a call, or for a while as a context manager.

    Args: mode, True to record.

    >>> with set_grad_enabled(False):
    ...     is_grad_enabled()
    False
    >>> is_grad_enabled()
    True
    """

    def __init__(self, mode: bool) -> None:
        here = current_mode()
        self.mode = bool(mode)
        self._replaced: bool | None = here.grad
        set_mode(here.but(grad=self.mode))

    def _change(self, mode: Mode) -> Mode:
        return mode.but(grad=self.mode, around=mode, by=id(self))

    def _take_back(self) -> None:
        """Undo what the call did at once: it turned out to be meant for a block or a function."""
        if self._replaced is not None:
            set_mode(current_mode().but(grad=self._replaced))
            self._replaced = None

    def __enter__(self) -> Any:
        self._take_back()
        return super().__enter__()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        self._take_back()
        return (enable_grad() if self.mode else no_grad())(function)


def is_grad_enabled() -> bool:
    """Whether operations are being recorded in this thread.

    >>> is_grad_enabled()
    True
    """
    return current_mode().grad


class _Differentiation(ModeChange):
    """Around a function that is being differentiated, and around rules that record: records."""

    def _change(self, mode: Mode) -> Mode:
        return mode.but(grad=True, around=mode, by=id(self))


differentiation = _Differentiation()  # one for all, so that `inside` knows its blocks


def inside(change: ModeChange) -> bool:
    """Whether this thread, or task, is inside a block of this very change of mode."""
    mode: Mode | None = current_mode()
    while mode is not None and mode.by != id(change):
        mode = mode.around
    return mode is not None


class detect_anomaly(ModeChange):
    """Find where a nan or an infinity is born, in the forward or in the backward pass.

    Inside, every operation remembers the line of the program that called it, and the first one
    whose result or whose gradient holds a nan or an infinity raises AutogradError with its name,
    its shapes and that line. For debugging: it makes everything several times slower.

    >>> import numpy as np
    >>> from autograd import Tensor
    >>> x = Tensor([0.0, 4.0], requires_grad=True)
    >>> with detect_anomaly():
    ...     np.sqrt(x).sum().backward()                  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    autograd.errors.AutogradError: sqrt: its gradient holds inf...
    """

    def _change(self, mode: Mode) -> Mode:
        return mode.but(anomaly=True, around=mode, by=id(self))


class Scope:
    """Where in the program an operation was recorded: a name within an outer scope."""

    __slots__ = ("name", "outer")

    def __init__(self, name: Any, outer: Scope | None) -> None:
        self.name, self.outer = name, outer

    def __str__(self) -> str:
        names = []
        here: Scope | None = self
        while here is not None:
            names.append(str(here.name))
            here = here.outer
        return ".".join(reversed(names))


class scope(ModeChange):
    """Name the part of the program that records; nested scopes join with dots.

    The name appears in messages, profiles and drawings. `name` may be any object: `str(name)` is
    asked only when somebody reads it; one with a method `within(outer)` is asked for its name in
    the scope that has the name outer (None at the top). One `scope` may be entered again and again,
    by several threads at once: entering it from the same place costs no new objects.

    >>> from autograd import Tensor
    >>> x = Tensor(3.0, requires_grad=True)
    >>> with scope("model"), scope("head"):
    ...     y = x * x
    >>> y.scope
    'model.head'
    """

    def __init__(self, name: Any) -> None:
        self.name = name
        self._last: tuple[Mode, Mode] | None = None  # (mode around, mode inside), the last seen

    def _fresh(self) -> ModeChange:
        return type(self)(self.name)

    def __enter__(self) -> scope:
        mode, last = current_mode(), self._last
        set_mode(last[1] if last is not None and last[0] is mode else self._change(mode))
        return self

    def run(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """function(*args, **kwargs) inside: the same as with a `with` around it, but quicker.

        >>> from autograd import Tensor
        >>> scope("square").run(lambda x: x * x, [Tensor(3.0, requires_grad=True)], {}).scope
        'square'
        """
        mode, last = current_mode(), self._last
        inside = last[1] if last is not None and last[0] is mode else self._change(mode)
        set_mode(inside)
        try:
            return function(*args, **kwargs)
        finally:
            if current_mode() is inside:
                set_mode(mode)
            else:  # a generator has ended out of order
                self.__exit__(None, None, None)

    def _change(self, mode: Mode) -> Mode:
        name = self.name
        if hasattr(name, "within"):
            name = name.within(None if mode.scope is None else mode.scope.name)
        inside = mode.but(scope=Scope(name, mode.scope), around=mode, by=id(self))
        self._last = (mode, inside)
        return inside
