"""Operations of one's own: `primitive`, `nondifferentiable`, and their short ways to the graph."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from autograd.engine import Node, next_birth
from autograd.errors import restated
from autograd.mode import current_mode
from autograd.recording import (
    AS_THEY_ARE,
    CONTAINERS,
    NUMPY,
    UNSEEN,
    any_tensor,
    apply,
    finished,
    kept_of,
    raw_of,
    without_hidden,
)  # fmt: skip
from autograd.rules import Function, Operation, asks_tensors, hold, plain

__all__ = ["nondifferentiable", "primitive"]

_array = np.ndarray  # a name of its own is looked up in half the time


def primitive(
    forward: Callable[..., Any],
    *rules: Callable[..., Any] | None,
    formula: str | tuple[str | dict[str, str], ...] | dict[str, str] | None = None,
    sign: str | None = None,
    pattern: str | None = None,
    elementwise: bool | None = None,
    symmetric: bool = False,
    saves: bool = False,
    shows: Callable[..., Any] | None = None,
    plainly: tuple[Callable[..., Any], ...] | None = None,
) -> Callable[..., Any]:
    """Make a differentiable operation of a function on arrays and the rules of its derivative.

    Args: forward, a function of arrays; rules, one for each argument, `rule(g, y, *args,
        **kwargs)`, as `defvjp` describes. For drawings and explanations, which know of an
        operation what it says itself: formula, the derivative in symbols, or a tuple with one for
        each rule (of a list argument a dict of one for each member, by its name); sign, as "×";
        pattern, how it is written with its arguments, as "{}·{}"; elementwise, whether it treats
        every element alone; symmetric, whether its arguments may stand in any order; shows, what
        there is to see beside the result: a function (y, *args, **kwargs) that returns an array,
        which is shown under the name of that function. saves, True where the forward returns
        (result, kept): its rules, and `shows`, are then handed `saved=kept`, until the graph is
        freed, so that they need not compute it again; but rules do, from x, where saved is None:
        to be differentiated themselves. plainly, (forward, *rules) that give the same as one
        would write it by hand, where these are written for speed or for the last digit: what
        `compile(f).source` shows.
    Returns a function that takes Tensors (and, giving an array, plain arrays).

    >>> from autograd import Tensor
    >>> cube = primitive(lambda x: x**3, lambda g, y, x: g * 3 * x**2, formula="3 x²")
    >>> x = Tensor(2.0, requires_grad=True)
    >>> cube(x).backward()
    >>> x.grad
    array(12.)

    Of x tanh(x) the derivative needs tanh(x), which the forward has:

    >>> def forward(x):
    ...     t = np.tanh(x)
    ...     return x * t, t
    >>> def rule(g, y, x, saved):
    ...     t = np.tanh(x) if saved is None else saved
    ...     return g * (t + x * (1 - t * t))
    >>> gated = primitive(forward, rule, saves=True)
    >>> gated(Tensor([0.0, 20.0]))
    Tensor([ 0., 20.])
    """
    operation = Operation(forward)
    operation.define(rules, formula, sign, pattern, elementwise, symmetric, saves, shows)
    operation.plainly = plainly
    if plainly is not None and len(plainly) != 1 + len(rules):
        raise TypeError(
            f"{operation.name}: plainly has a forward and one rule for each of the {len(rules)} "
            f"here, got {len(plainly)}"
        )

    function = wraps(forward)(_written_out(operation, forward, rules, plainly))
    hold(function, operation)
    return function


def elsewhere(text: str, imports: str | None = None) -> Callable[[Function], Function]:
    """Let a plain form call a function of one array that the text has above, as the last line of
    `text` makes it.

    >>> @elsewhere("erf = np.vectorize(math.erf)", imports="import math")
    ... def erf(x):
    ...     return np.vectorize(math.erf)(x)
    """

    def mark(function: Any) -> Any:
        @wraps(function)
        def called(x: Any) -> Any:
            written_down = getattr(type(x), "__array_function__", None)
            if type(x) is _array or written_down is None:
                return function(x)
            return written_down(x, called, (type(x),), (x,), {})

        called.text, called.imports = text, imports  # type: ignore[attr-defined]
        return called

    return mark


_ASKED = (Node, *CONTAINERS, np.ndarray)  # of what is not as it is, what needs another look
_NOTHING = object()  # no argument was given


def _written_out(
    operation: Operation, forward: Callable[..., Any], rules: tuple[Any, ...], plainly: Any
) -> Callable[..., Any]:
    """What `primitive` returns: `apply` behind a short way for the usual calls.

    It is `apply` for what is usual, one or three arguments with a gradient, without a loop and
    without a call on the way. A call costs half a microsecond in a real step, where code and data
    have left the nearest caches: small networks train in a twentieth less time.
    """
    most, saves = operation.signature.out, operation.saves

    def at_length(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if any_tensor(args) or (kwargs and any_tensor(kwargs.values())):
            return apply(operation, args, kwargs)
        if kwargs or not AS_THEY_ARE.issuperset(map(type, args)):
            without_hidden(operation, (*args, *kwargs.values()))
        compute = forward
        if plainly is not None and (watching := current_mode().profile) is not None:
            if getattr(watching, "reading", False):  # inside of a rule that is written down
                compute = plainly[0]
        data = compute(*args, **kwargs)
        if saves:
            data = kept_of(data, operation)[0]
        if isinstance(data, Node) and data._requires_grad:
            raise TypeError(UNSEEN.format(operation.name, "in an object or from around it"))
        return data

    def of_one(x: Any = _NOTHING, /, *args: Any, **kwargs: Any) -> Any:
        mode = current_mode()
        usual = mode.plain and not kwargs and len(args) < most and operation.rules is rules
        for argument in args:
            if argument.__class__ not in AS_THEY_ARE and isinstance(argument, _ASKED):
                usual = False
        if not usual or not isinstance(x, Node) or not x._requires_grad:
            return at_length(args if x is _NOTHING else (x, *args), kwargs)
        raw = (x._value, *args)
        try:
            data = made = forward(*raw)
        except Exception as error:
            raise restated(operation.name, raw, error) from None
        if saves:  # of what is no pair `finished` tells
            pair = made.__class__ is tuple and len(made) == 2
            data, kwargs["saved"] = made if pair else (None, None)
        if not isinstance(data, NUMPY) or data.dtype.kind != "f":
            return finished(x, made, operation, (x,), list(raw), {}, mode)
        node = x._new()  # as in `result`, but for the call
        node._value = data
        node._requires_grad = True
        node._inputs = (x,)
        node._args = raw
        node._kwargs = kwargs or None
        node._op = operation
        node._birth = next_birth()
        node._scope = mode.scope
        node._hooks = None
        return node

    def of_three(*args: Any, **kwargs: Any) -> Any:
        mode = current_mode()
        if kwargs or not mode.plain or len(args) != 3 or operation.rules is not rules:
            return at_length(args, kwargs)
        x, y, z = args
        if not (
            isinstance(y, Node) and y._requires_grad and isinstance(z, Node) and z._requires_grad
        ):
            return at_length(args, kwargs)
        inputs: Any = args
        if isinstance(x, Node):
            if not x._requires_grad:  # a first layer's input
                inputs = (None, y, z)
            x = x._value
        elif x.__class__ is _array:
            inputs = (None, y, z)
        else:
            return at_length(args, kwargs)
        if inputs is not args and x.dtype.kind != "f":
            return at_length(args, kwargs)
        raw = (x, y._value, z._value)
        try:
            data = forward(*raw)
        except Exception as error:
            raise restated(operation.name, raw, error) from None
        if not isinstance(data, NUMPY) or data.dtype.kind != "f":
            return finished(y, data, operation, inputs, list(raw), {}, mode)
        node = y._new()
        node._value = data
        node._requires_grad = True
        node._inputs = inputs
        node._args = raw
        node._kwargs = None
        node._op = operation
        node._birth = next_birth()
        node._scope = mode.scope
        node._hooks = None
        return node

    def of_any(*args: Any, **kwargs: Any) -> Any:
        return at_length(args, kwargs)

    if None in rules or most < len(rules):  # `apply` says what is not taken
        return of_any
    return {1: of_one, 3: of_any if saves else of_three}.get(len(rules), of_any)


def nondifferentiable(
    function: Function, *, remember: Callable[..., Callable[[], None]] | None = None
) -> Function:
    """Let a function take Tensors and give plain results, without a gradient.

    For functions that find or count rather than compute. Works on NumPy's functions, and as a
    decorator on your own. Returns the function to call. Args: remember, for one that gives
        something new in each call, as random numbers: called with the same arguments, it returns a
        function that puts back what was there before. A compiled program calls such a function
        anew, and begins again where it must.

    >>> from autograd import Tensor
    >>> x = Tensor([3.0, 1.0], requires_grad=True)
    >>> _ = nondifferentiable(np.packbits)
    >>> @nondifferentiable
    ... def first(x):
    ...     return x[0]
    >>> first(x)
    np.float64(3.0)
    """
    if asks_tensors(function):  # NumPy asks our protocols by itself
        plain[function] = function
        return function

    @wraps(function)
    def unwrapped(*args: Any, **kwargs: Any) -> Any:
        args, kwargs = raw_of(args), raw_of(kwargs)
        if remember is not None and (watching := current_mode().profile) is not None:
            return watching.anew(function, remember, args, kwargs)
        return function(*args, **kwargs)

    return unwrapped  # type: ignore[return-value]
