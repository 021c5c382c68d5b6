"""What the running thread is doing: recording or not, in which scope, watched by whom.

One small immutable Mode in one ContextVar, so every thread and every asyncio task has its own.

May import: nothing of this project.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from types import TracebackType
from typing import Any

__all__ = ["detect_anomaly", "enable_grad", "is_grad_enabled", "no_grad", "scope",
           "set_grad_enabled"]  # fmt: skip

_GENERATOR, _COROUTINE = 0x20, 0x80  # code flags: `inspect` has them too, but is slow to import


class Mode:
    """Whether operations are recorded, the current scope, and who watches (anomaly, profile)."""

    __slots__ = ("anomaly", "around", "grad", "plain", "profile", "scope")

    def __init__(
        self,
        grad: bool = True,
        scope: Scope | None = None,
        anomaly: bool = False,
        profile: Any = None,
        around: Mode | None = None,
    ) -> None:
        self.grad, self.scope, self.anomaly, self.profile = grad, scope, anomaly, profile
        self.around = around  # what comes back at the end of the scope
        # The one flag that the operators' short way asks for: record, and nobody watches.
        self.plain = grad and not anomaly and profile is None

    def but(self, **changes: Any) -> Mode:
        """A copy of this mode with some fields changed."""
        fields = {"grad": self.grad, "scope": self.scope, "anomaly": self.anomaly,
                  "profile": self.profile, "around": self.around}  # fmt: skip
        return Mode(**(fields | changes))


_mode: ContextVar[Mode] = ContextVar("autograd mode", default=Mode())
current_mode = _mode.get
set_mode = _mode.set


class ModeChange:
    """A change of mode, as a context manager and as a decorator."""

    def __init__(self) -> None:
        self._before: list[Mode] = []

    def _change(self, mode: Mode) -> Mode:
        raise NotImplementedError

    def _fresh(self) -> ModeChange:
        return type(self)()

    def __enter__(self) -> Any:
        mode = current_mode()
        self._before.append(mode)
        set_mode(self._change(mode))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        set_mode(self._before.pop())

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Decorate a function, a generator or a coroutine: its body runs in the changed mode."""
        flags = getattr(getattr(function, "__code__", None), "co_flags", 0)
        fresh = self._fresh  # one for each call: calls may overlap, in threads or by recursion

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
        except GeneratorExit:
            generator.close()
            raise
        except BaseException as error:
            step, arguments = generator.throw, (error,)


class no_grad(ModeChange):
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
        return mode.but(grad=False)


class enable_grad(ModeChange):
    """Record inside, also where a `no_grad` stands around it.

    >>> with no_grad(), enable_grad():
    ...     is_grad_enabled()
    True
    """

    def _change(self, mode: Mode) -> Mode:
        return mode.but(grad=True)


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
        super().__init__()
        self.mode = bool(mode)
        self._called_in = current_mode()
        set_mode(self._change(self._called_in))

    def _change(self, mode: Mode) -> Mode:
        return mode.but(grad=self.mode)

    def __enter__(self) -> Any:
        # The call has already switched; what comes back at the end is the mode before the call.
        before, self._called_in = self._called_in, current_mode()
        self._before.append(before)
        set_mode(self._change(before))
        return self

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        set_mode(self._called_in)  # used as a decorator: only the function's body is switched
        mode = self.mode
        decorator = enable_grad() if mode else no_grad()
        return decorator(function)


def is_grad_enabled() -> bool:
    """Whether operations are being recorded in this thread.

    >>> is_grad_enabled()
    True
    """
    return current_mode().grad


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
        return mode.but(anomaly=True)


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
        super().__init__()
        self.name = name
        self._last: tuple[Mode, Mode] | None = None  # (mode around, mode inside), the last seen

    def _fresh(self) -> ModeChange:
        return type(self)(self.name)

    def __enter__(self) -> Any:
        set_mode(self._change(current_mode()))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        around = current_mode().around  # not kept in self, which threads share
        assert around is not None
        set_mode(around)

    def _change(self, mode: Mode) -> Mode:
        last = self._last
        if last is not None and last[0] is mode:
            return last[1]
        name = self.name
        if hasattr(name, "within"):
            name = name.within(None if mode.scope is None else mode.scope.name)
        inside = mode.but(scope=Scope(name, mode.scope), around=mode)
        self._last = (mode, inside)
        return inside
