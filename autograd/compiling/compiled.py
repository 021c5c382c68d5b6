"""Compiled functions: each runs as the NumPy program which it amounts to."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable
from functools import partial, update_wrapper
from types import MethodType
from typing import Any

import numpy as np

from autograd.compiling.around import MOST, Surroundings
from autograd.compiling.plain import written
from autograd.compiling.program import BRANCHES, difference
from autograd.compiling.recordings import (
    Arguments,
    Recording,
    agree,
    begin_of,
    far,
    leaves,
    other,
    rounding_of,
    telling_nobody,
)  # fmt: skip
from autograd.compiling.trace import AS_WHOLE
from autograd.compiling.versions import ELSEWHERE, MISSING, Version
from autograd.errors import AutogradError
from autograd.mode import current_mode, differentiation, inside
from autograd.profiling import profile
from autograd.tensor import Tensor

__all__ = ["compile"]

VERSIONS = 16  # are kept; the oldest goes
MISSES = 2  # of a branch inside of an operation, which is called as a whole then
TRIES = 8  # of one kind of call, which is left to the function then
UNSERVED = 64  # kinds of calls are tried in a row, of which none comes again
ATTEMPTS = 24  # to record a function, with more operations as a whole each time
# Values of quite another size, with which a program must give what the function gives: factors of
# floats, and what is added to whole numbers.
FAR = [(-30.0, 1), (1000.0, -1)]
OTHERWISE = "its program gives something else: values went a way that NumPy does not see"
UNSEEN = (OTHERWISE, "it raises an error, depending on values, where NumPy does not see it")


class compile:
    """Make a function faster: recorded once, it runs as one program of plain NumPy calls.

    Args: function, of Tensors, arrays and numbers (also in tuples, lists and dicts), that computes
        and has no effect but what it returns; `value_and_grad(f)` and the other transforms, too;
        guards, a function whose result is compared (==) in each call with what it was, in place of
        a look at what the function finds around it; donate_argnums, the places of arguments whose
        arrays the program may write its results into, as JAX's: for who needs them no more; exact,
        False for other last digits a little sooner: of short sums, and where a gradient is
        infinite, nan in the place of a 0 that a rule would have seen to.
    Returns what is called in its place. The first call with arrays of new shapes or dtypes, or
    with other whole numbers, strings or flags, records the function: it runs several times, on
    these values and on others, and is compiled only if it makes the same NumPy calls, and the
    program gives what the function gives. What it does beside returning something is taken back.
    `source` shows the program as a person would write it.

    Where that is not so (it branches on values, draws random numbers, prints, reads a number by
    `float(x)`, gets a Tensor that requires a gradient), the function itself is called, as if
    nothing had happened: `reason` says why, and `eager_calls` counts. Tensors from around the
    function are read anew in each call; what it finds there in variables, lists and attributes of
    objects must be the very same things, and arrays must hold the same numbers (of more than 4096
    some are compared), or it is recorded again. So what changes in each call is best an argument.

    >>> import numpy as np
    >>> from autograd import value_and_grad
    >>> slope = compile(value_and_grad(lambda x: (x * x).sum()))
    >>> slope(np.array([1.0, 2.0]))
    (np.float64(5.0), array([2., 4.]))
    >>> slope(np.array([3.0, 4.0]))
    (np.float64(25.0), array([6., 8.]))

    What it runs, as a program that runs by itself:

    >>> def cost(w, x, target):
    ...     error = np.tanh(x @ w) - target
    ...     return np.sum(error**2)
    >>> slope = compile(value_and_grad(cost))
    >>> _ = slope(np.array([0.5, -1.0]), np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0.0, 1.0]))
    >>> print(slope.source)
    import numpy as np
    <BLANKLINE>
    <BLANKLINE>
    def cost(w, x, target):
        # forward
        h1 = np.tanh(x @ w)
        error = h1 - target
        value = np.sum(error**2)
        # backward
        # matmul: x1ᵀ g; power: g x2 x1^(x2-1); tanh: g (1 - y²)
        dw = x.T @ (2 * error * (1 - h1**2))
        return value, dw
    <BLANKLINE>
    <BLANKLINE>
    w = np.array([0.5, -1.0])
    x = np.array([[1., 2.],
                  [3., 4.]])
    target = np.array([0.0, 1.0])
    print(cost(w, x, target))
    <BLANKLINE>
    """

    def __init__(
        self, function: Callable[..., Any], *, guards: Callable[[], Any] | None = None,
        donate_argnums: tuple[int, ...] = (), exact: bool = True,
    ) -> None:  # fmt: skip
        if not callable(function):
            raise TypeError(f"compile takes a function, got {type(function).__name__}")
        if exact is not True and exact is not False:
            raise TypeError(f"compile: exact must be True or False, got {exact!r}")
        self.function, self.guards, self.donate_argnums = function, guards, donate_argnums
        self.exact = exact
        # Beside guards: what to look at as well, and of what of it the guards tell.
        self.around: tuple[Any, Callable[[], set[int]]] | None = None
        self.eager_calls = 0
        self.reason: str | None = None
        self._versions: list[Version] = []
        self._as_whole: frozenset[Any] = frozenset()
        self._tried: dict[Any, tuple[int, str | None]] = {}
        self._unserved = 0  # kinds of calls tried since a program was last of use
        self._recording = threading.Lock()
        update_wrapper(self, function) if hasattr(function, "__name__") else None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        mode = current_mode()
        if not mode.anomaly and (mode.profile is None or mode.profile.__class__ is profile):
            for version in self._versions:
                result = version.run((args, kwargs), mode.grad, mode.profile)
                if result is MISSING:
                    continue
                if result is ELSEWHERE:
                    if version.missed and max(version.missed.values()) >= MISSES:
                        self._as_whole |= version.missed.keys()
                        self._put(version, away=True)
                    return self._eagerly(version.reason, args, kwargs)
                self._unserved = 0
                if version is not self._versions[0]:  # the next call is likely to be like this one
                    self._put(version)
                return result
        reason = _unsuited(args, kwargs, mode)
        if reason is not None:
            return self._eagerly(reason, args, kwargs)
        key = _signature((args, kwargs)), mode.grad
        tried, reason = self._tried.get(key, (0, None))
        if self._unserved >= UNSERVED:
            tried, reason = TRIES, "no call is like another; give what changes as float or array"
        if tried >= TRIES or not self._recording.acquire(blocking=False):
            return self._eagerly(reason, args, kwargs)
        try:
            version, again = record(
                self.function, args, kwargs, mode, self.guards, self.donate_argnums,
                self._as_whole, self.around, self.exact,
            )  # fmt: skip
            if version.__class__ is str:
                result, reason = self._eagerly(version, args, kwargs), version
            else:
                result, reason = self.function(*args, **kwargs), None
                if not agree(result, again):
                    self.reason = reason = OTHERWISE
                    self.eager_calls += 1
            # (What raises has not been tried.)
            self._unserved += 1
            if len(self._tried) >= 2 * VERSIONS and key not in self._tried:
                self._tried.pop(next(iter(self._tried)))
            if reason is None:
                self._versions = [version, *self._versions][:VERSIONS]
                self._tried[key] = tried + 1, "what it finds around it is never the same"
            else:
                # (What once went a way out of sight may go it again.)
                self._tried[key] = TRIES if reason in UNSEEN else tried + TRIES // 2, reason
            return result
        finally:
            self._recording.release()

    def _put(self, version: Version, away: bool = False) -> None:
        """Put a version first, or away, unless another thread does the like."""
        if self._recording.acquire(blocking=False):
            rest = [v for v in self._versions if v is not version]
            self._versions = rest if away else [version, *rest]
            self._recording.release()

    def _eagerly(self, reason: str | None, args: Any, kwargs: Any) -> Any:
        """What the function itself gives."""
        self.reason = reason or self.reason
        self.eager_calls += 1
        return self.function(*args, **kwargs)

    @property
    def versions(self) -> int:
        """How many programs there are, one for each kind of call."""
        return len(self._versions)

    @property
    def source(self) -> str:
        """The program of the latest version as a person would write it, in plain NumPy.

        Raises AutogradError before the first call, and for a function that is not compiled.
        """
        if not self._versions:
            raise AutogradError(
                "compile: there is no program yet; call the function once"
                if self.reason is None
                else f"compile: {_name(self.function)} is not compiled: {self.reason}"
            )
        return written(self._versions[0].program, _name(self.function))

    def __repr__(self) -> str:
        return f"<compiled {_name(self.function)}, {self.versions} versions>"

    def __reduce__(self) -> Any:
        """Copied and pickled as a function is, without its programs."""
        name = getattr(self, "__qualname__", "")
        found = sys.modules.get(getattr(self, "__module__", ""))
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is self:
            return name
        settings: Any = {"guards": self.guards, "donate_argnums": self.donate_argnums}
        return partial(compile, **settings, exact=self.exact), (self.function,)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)


def _name(function: Any) -> str:
    """The name of a function, or of the one that a transform was given."""
    if getattr(function, "__module__", None) == "autograd.transforms" and function.__closure__:
        given = [c.cell_contents for c in function.__closure__ if callable(c.cell_contents)]
        function = given[0] if given else function
    return getattr(function, "__name__", type(function).__name__)


def _unsuited(args: Any, kwargs: Any, mode: Any) -> str | None:
    if mode.profile is not None or mode.anomaly:
        return "under profile() and detect_anomaly() the function itself is called"
    if mode.around is not None and inside(differentiation):
        return "inside of a function that is being differentiated the function itself is called"
    if sys.getprofile() is not None:
        return "a profiler watches, and so recordings cannot"
    for leaf in leaves((args, kwargs)):
        if isinstance(leaf, Tensor):
            if type(leaf) is not Tensor:
                return "an argument is of a subclass of Tensor"
            if leaf._requires_grad and mode.grad:
                return (
                    "an argument requires a gradient, and what is returned would be no part of its "
                    "graph; compile what differentiates, as in compile(value_and_grad(f)), and "
                    "give it plain arrays or .detach()"
                )
            if leaf._value.__class__ is tuple:
                return "an argument stands for a list"
        elif isinstance(leaf, np.ndarray) and type(leaf) is not np.ndarray:
            return f"an argument is of a subclass of ndarray, {type(leaf).__name__}"
        elif isinstance(leaf, (np.ndarray, np.generic)):
            if leaf.dtype.kind not in "fiub":
                return f"an argument holds {leaf.dtype}"
        elif not isinstance(leaf, (int, float, str, type(None), np.dtype, type)):
            return f"an argument is of the kind {type(leaf).__name__}"
    return None


def _signature(value: Any) -> Any:
    """What two calls that are served by one version have in common."""
    kind = value.__class__
    if kind is tuple or kind is list:
        return (kind.__name__, *map(_signature, value))
    if kind is dict:
        return ("dict", *((k, _signature(v)) for k, v in value.items()))
    if kind is Tensor:
        return "Tensor", _signature(value._value)
    if kind is np.ndarray:
        return "array", value.shape, value.dtype.str, value.strides
    if kind is float or isinstance(value, np.generic):
        return kind.__name__
    return kind.__name__, value


def record(
    function: Any, args: Any, kwargs: Any, mode: Any, guards: Any = None,
    donated: tuple[int, ...] = (), as_whole: frozenset[Any] = frozenset(), beside: Any = None,
    exact: bool = True,
) -> tuple[Any, Any]:  # fmt: skip
    """A version for calls like this one and what it gives; or why there is none, and None. What
    the function does beside is taken back: it has not been called yet."""
    if not set(np.geterr().values()) <= {"ignore", "warn"}:
        return "np.errstate asks for more than warnings", None
    arguments = Arguments(args, kwargs, False)
    with warnings.catch_warnings(), telling_nobody():
        warnings.simplefilter("ignore")
        for _ in range(2):
            around = Surroundings(function if guards is None else beside and beside[0])
            if guards is not None and beside is not None:
                around.leave(beside[1]())
            if around.too_many:
                return f"it has more than {MOST} objects around it", None
            try:
                found = _trusted(
                    function, arguments, mode, around, guards, donated, as_whole, exact
                )
            except Exception as error:  # (of ours)
                return f"its program cannot be written: {type(error).__name__}: {error}", None
            finally:
                around.put_back()
            if not around.grown:
                break
    return found


def _trusted(
    function: Any, arguments: Arguments, mode: Any, around: Surroundings, guards: Any,
    donated: tuple[int, ...], as_whole: frozenset[Any], exact: bool,
) -> tuple[Any, Any]:  # fmt: skip
    """What `record` gives: two recordings, of these values and of others, must be one program."""
    rng = np.random.default_rng(0)
    first = Recording(function, arguments, mode, around, None, as_whole)
    if around.grown:
        return "it makes something around it when it is first called", None
    # The nearer the other values, the likelier it is that branches go the same way.
    nearness = [(near, whole) for near in (0.001, 0.01, 0.1, 0.5, None) for whole in (True, False)]
    for _ in range(ATTEMPTS):
        reason, at = first.why(), None
        if reason is None:
            change = partial(other, rng, *nearness[-1])
            second = Recording(function, arguments, mode, around, change, as_whole)
            reason = second.why()
        if reason is None:
            reason, at = difference(first.program, second.program) or (None, None)
        if reason is None:
            break
        before = as_whole, arguments.fixed_floats, len(nearness)
        other_way = reason == BRANCHES or (first.why() is None and second.raised)
        if at is not None and at.origin is not None:
            operation = at.origin.operation
            rules = operation, "rules"
            as_whole |= {rules if at.origin.backward and rules not in as_whole else operation}
        if other_way and before[0] == as_whole:
            nearness = nearness[:-1] or nearness
        elif (at is None or at.origin is None) and first.why() is None and not other_way:
            suspects = first.trace.suspects
            as_whole |= {s for s in suspects if s[0] in first.trace.as_whole} - as_whole or suspects
        as_whole |= first.trace.as_whole
        if first.trace.refused not in (None, AS_WHOLE) and _has_floats(arguments):
            arguments = Arguments(*arguments.given, True)  # floats as they are, for ever
        if before == (as_whole, arguments.fixed_floats, len(nearness)):
            break
        first = Recording(function, arguments, mode, around, None, as_whole)
    if reason is not None:
        return reason, None
    # Of the second recording: what one of its constants knows of the values shows in the result.
    told = Recording(function, arguments, mode, around, None, as_whole, True)  # for who reads it
    if told.trace.tells is not None:
        return told.trace.tells, None
    second.trace.read.update(told.trace.read)
    version = Version(second, around, mode, guards, donated, exact)
    result = _dry(version, arguments.copied(), mode)
    if result is MISSING or result is ELSEWHERE:
        return version.reason or "its program does not take what it was recorded with", None
    # Of layers of this library its tests have found what lies hidden.
    known = guards is not None and told.all_ours and not told.raised
    begins = begin_of(result)
    if told.why() is not None or not agree(
        begins, begin_of(told.values), least=rounding_of(begins)
    ):
        told = first
    for scale, step in FAR if guards is None else FAR[: not known]:
        given = arguments.copied(partial(far, scale, step))
        found = _dry(version, given, mode)
        if found is MISSING or found is ELSEWHERE:
            continue
        given = arguments.copied(partial(far, scale, step))
        try:
            expected = function(*given[0], **given[1])
        except Exception:
            return UNSEEN[1], None
        finally:
            version.rewind()
            around.put_back()
        if not agree(expected, found, 0.5):
            return OTHERWISE, None
    version.missed.clear()
    second.program.without_values()
    version.program = told.described().without_values()
    return version, result


def _dry(version: Version, given: Any, mode: Any) -> Any:
    """What a program gives; what it draws is put back."""
    version.remember()
    try:
        return version.run(given, mode.grad)
    finally:
        version.rewind()


def _has_floats(arguments: Arguments) -> bool:
    return not arguments.fixed_floats and any(x.__class__ is float for x in arguments.leaves)
