"""How an operation comes into the graph: its arguments sorted out, computed, and remembered.

`apply` records one operation; `call` is asked by NumPy's protocols, and finds what a function is to
a Tensor: an operation, a composition of them, or one with plain results.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from autograd.engine import Node, next_birth, result
from autograd.errors import (
    RESTATED,
    not_real,
    numpy_name,
    restated,
    without_derivative,
)  # fmt: skip
from autograd.gradients import locked
from autograd.lists import members, several
from autograd.mode import Mode, current_mode
from autograd.rules import (
    Operation,
    Signature,
    compositions,
    is_primitive,
    operations,
    plain,
)  # fmt: skip
from autograd.values import plain_array
from autograd.watching import checked

__all__: list[str] = []

_array = np.ndarray  # a name of its own is looked up in half the time
NUMPY = (_array, np.generic)
AS_THEY_ARE = frozenset(  # what most arguments are
    [_array, float, int, bool, type(None), str, np.float64, np.float32, np.int64, np.bool_]
)
CONTAINERS = (list, tuple, dict)


def apply(operation: Operation, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> Any:
    """Compute an operation, and record it if an argument requires a gradient.

    Returns a Tensor, or for several results the same kind of tuple full of Tensors.
    """
    mode = current_mode()
    if operation.single and not kwargs and mode.plain:  # the short way of f(x)
        only = args[0]
        if isinstance(only, Node) and only._requires_grad:
            args = (only._value,)
            return result(only, operation.forward(*args), operation, (only,), args, None, mode)
    signature = operation.signature
    if kwargs or len(args) > signature.out:
        args, kwargs = _bound(operation, args, kwargs or {})
    rules = operation.rules
    count = len(rules)
    raw: list[Any] = []
    inputs: list[Any] = []  # as long as the rules, or as the arguments if these are fewer
    recorded = integers = False  # integers: a plain operand holds them (see _floating)
    like: Any = None
    for position, argument in enumerate(args):
        parent = None
        if isinstance(argument, Node):
            like = argument
            if argument._requires_grad and mode.grad:
                parent = argument
            argument = argument._value
        elif argument.__class__ in AS_THEY_ARE:
            pass
        elif isinstance(argument, CONTAINERS):
            if operation.function is not None:
                without_hidden(operation, (argument,))
            if argument.__class__ in (list, tuple):
                if any_tensor(argument):
                    like, parent, argument = members(argument, operation, mode, _joined)
                else:
                    argument = _as_operand(argument, operation, position)
        elif isinstance(argument, _array):
            argument = plain_array(argument, operation.name)
        raw.append(argument)
        if parent is not None:
            if position >= count or rules[position] is None:
                raise TypeError(
                    f"{operation.name}: argument {position + 1} has no derivative, but a Tensor "
                    "that requires a gradient was given; use its .detach()"
                )
            recorded = True
            inputs.append(parent)
        elif position < count:
            inputs.append(None)
            if isinstance(argument, NUMPY) and argument.dtype.kind != "f":
                integers = True
    if kwargs:
        if operation.function is not None:
            without_hidden(operation, kwargs.values())
        if any_tensor(kwargs.values()):
            kwargs = _without_gradient(operation, kwargs)
    try:
        if mode.profile is None:
            data = operation.forward(*raw, **kwargs) if kwargs else operation.forward(*raw)
        else:
            data = mode.profile.forward(operation, mode.scope, raw, kwargs or {}, args)
    except Exception as error:
        raise restated(operation.name, raw, error) from None
    parents = tuple(inputs) if recorded else None
    if data.__class__ is not _array or data.dtype.kind != "f" or integers or mode.anomaly:
        return finished(like, data, operation, parents, raw, kwargs or {}, mode, integers)
    node = like._new()  # as in `result`, but for the call
    node._value = data
    node._op = operation
    node._scope = mode.scope
    node._hooks = None
    node._kwargs = kwargs or None
    if parents is None:
        node._requires_grad, node._inputs, node._args, node._birth = False, (), (), 0
    else:
        node._requires_grad, node._inputs, node._args = True, parents, tuple(raw)
        node._birth = next_birth()
    return node


def finished(
    like: Any, data: Any, operation: Operation, parents: Any, raw: list[Any],
    kwargs: dict[str, Any], mode: Mode, integers: bool = False,
) -> Any:  # fmt: skip
    """What an operation has computed, whatever it is, as a Tensor or as several."""
    if operation.saves:
        data, kept = kept_of(data, operation)
        if parents is not None:
            kwargs = {**kwargs, "saved": kept}
    if data.__class__ is not _array:
        if isinstance(data, (tuple, list)):
            return several(like, data, operation, parents, raw, kwargs, mode)
        if not hasattr(data, "dtype"):
            data = np.asarray(data)
    if data.dtype.kind != "f":
        if data.dtype.kind not in "iub":
            raise TypeError(not_real(operation.name, data.dtype))
        parents = None  # no gradient flows through integers
    if integers and parents is not None:
        for position, (parent, rule) in enumerate(zip(parents, operation.rules)):
            if parent is None and rule is not None and raw[position] is not None:
                raw[position] = _floating(raw[position], data)
    args = () if parents is None else tuple(raw)
    node = result(like, data, operation, parents, args, kwargs, mode)
    return checked(node, raw) if mode.anomaly else node


def kept_of(data: Any, operation: Operation) -> tuple[Any, Any]:
    """The result and what a forward with saves=True keeps."""
    if data.__class__ is not tuple or len(data) != 2:
        raise TypeError(
            f"{operation.name}: with saves=True the forward returns (result, kept), a tuple of "
            f"two, got {type(data).__name__}"
        )
    return data


# Reductions in their forms with where= or initial=, which their rules do not take: compositions,
# of ops/statistics.py.
with_options: dict[Any, tuple[Callable[..., Any], Signature]] = {}

_WHERE = np.where


def call(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a NumPy function on Tensors: record it, compose it, or give its plain result."""
    if (operation := operations.get(function)) is not None and operation.rules:
        if kwargs and ("where" in kwargs or "initial" in kwargs) and function in with_options:
            made_of: Any = with_options[function]
        elif function is _WHERE and len(args) == 1:  # places, which are plain
            return call(np.nonzero, *args)
        else:
            return apply(operation, args, kwargs)
    else:
        made_of = compositions.get(function)
    if made_of is not None:
        composition, signature = made_of
        if kwargs or len(args) > signature.out:
            kwargs = _accepted(function, signature, args, kwargs)
        try:
            return composition(*args, **kwargs)
        except RESTATED as error:
            raise restated(function.__name__, args, error) from None
    if function in plain:
        args, kwargs = raw_of(args), raw_of(kwargs)
        try:
            return plain[function](*args, **kwargs)
        except Exception as error:
            raise restated(function.__name__, args, error) from None
    if is_primitive(function):  # of our own, in the place of a ufunc's method
        return function(*args, **kwargs)
    raise TypeError(without_derivative(function))


# ---- arguments as arrays ----------------------------------------------------------------------


def _floating(argument: Any, data: Any) -> Any:
    """An array of integers beside a Tensor in the result's dtype, for rules compute with it: x2 - 1
    and x2 * x2 would overflow in small integers."""
    if isinstance(argument, NUMPY) and argument.dtype.kind in "iu":
        return argument.astype(data.dtype)
    return argument


def _as_operand(argument: Any, operation: Operation, position: int) -> Any:
    """A list of numbers as an array, where rules would compute with it; a copy of others."""
    rules = operation.rules
    if position >= len(rules) or rules[position] is None:
        return list(argument) if argument.__class__ is list else argument
    return argument if any(isinstance(a, np.ndarray) for a in argument) else np.asarray(argument)


def _joined(a: Any) -> Any:
    """Nested lists that hold Tensors as one Tensor, anything else as it is."""
    if a.__class__ not in (list, tuple):
        return a
    members = [_joined(member) for member in a]
    return call(np.stack, members) if any(isinstance(m, Node) for m in members) else a


# ---- calling conventions ----------------------------------------------------------------------

# Keywords of NumPy that no rule takes, with the values that mean "not used".
_UNUSED: dict[str, tuple[Any, ...]] = {
    "out": (None,), "where": (True,), "dtype": (None,), "casting": ("same_kind",),
    "order": ("K", "C", None), "subok": (True, False), "signature": (None,), "copy": (None,),
}  # fmt: skip
_CURES = {
    "out": "; a result is always a new Tensor: y = f(x), and a = a + x instead of a += x",
    "where": "; select with np.where(mask, x, 0) before, or np.where(mask, f(x), 0) after",
    "dtype": "; convert before or after with .astype(dtype)",
    "initial": "; add or compare the initial value afterwards",
    "dim": "; it is called axis=, as NumPy's",
    "keepdim": "; it is called keepdims=, as NumPy's",
}


def _accepted(function: Any, signature: Signature, args: Any, kwargs: Any) -> dict[str, Any]:
    """The keywords that a rule or composition knows; what none knows is refused by name."""
    if not kwargs and len(args) <= signature.most and args[signature.out] is None:
        return kwargs
    if len(args) > signature.most:
        raise TypeError(
            f"{_name_of(function)}: {len(args)} arguments given, but on Tensors it takes at "
            f"most {signature.most} ({', '.join(signature.names or ())}); its rules are written "
            "rule(g, y, *args, **kwargs)"
        )
    if len(args) > signature.out and args[signature.out] is not None:
        kwargs = {**kwargs, "out": args[signature.out]}
    names = signature.names
    accepted = {}
    for key, value in kwargs.items():
        if names is None or (key in names and key != "out"):
            accepted[key] = value
        elif getattr(value, "ndim", 0) or not any(
            value is unused or value == unused for unused in _UNUSED.get(key, ())
        ):
            raise TypeError(
                f"{_name_of(function)}: the argument {key}= is not supported for Tensors"
                + _CURES.get(key, "")
            )
    return accepted


def _bound(operation: Operation, args: Any, kwargs: dict[str, Any]) -> tuple[Any, Any]:
    """Keyword arguments that have a gradient moved to their positions, unknown ones refused."""
    signature = operation.signature
    kwargs = _accepted(operation, signature, args, kwargs)
    args = list(args)
    names = (signature.names or ())[len(args) : len(operation.rules)]
    for place, name in enumerate(names):
        if name in kwargs:
            args.append(kwargs.pop(name))
        elif name in signature.defaults and any_tensor(map(kwargs.get, names[place:])):
            args.append(signature.defaults[name])  # left out before a Tensor that is given
        else:
            break
    return tuple(args), kwargs


UNSEEN = (
    "{}: a Tensor {} is not seen, and its rule would not be asked; give each Tensor as an argument "
    "of its own, or several in one flat list"
)


def without_hidden(operation: Operation, arguments: Iterable[Any]) -> None:
    """Refuse Tensors inside of dicts, and of lists in a list, for which no rule would be asked."""
    for argument in arguments:
        if argument.__class__ in AS_THEY_ARE or not isinstance(argument, CONTAINERS):
            continue
        waiting = [a for a in argument if isinstance(a, CONTAINERS)]
        if argument.__class__ not in (list, tuple):
            waiting = [argument]
        while waiting:
            value = waiting.pop()
            if isinstance(value, Node):
                raise TypeError(UNSEEN.format(operation.name, "inside of a dict or a nested list"))
            if isinstance(value, CONTAINERS):
                waiting += value.values() if isinstance(value, dict) else value


def _without_gradient(operation: Operation, kwargs: dict[str, Any]) -> dict[str, Any]:
    for key, value in kwargs.items():
        members = value if value.__class__ in (list, tuple) else (value,)
        if any(isinstance(member, Node) and member._requires_grad for member in members):
            raise TypeError(
                f"{operation.name}: a Tensor that requires a gradient was given as {key}=, which "
                "has no derivative there; use its .detach()"
            )
    return raw_of(kwargs)


def any_tensor(arguments: Any) -> bool:
    for argument in arguments:
        if argument.__class__ is np.ndarray:
            continue
        if isinstance(argument, Node):
            return True
        if argument.__class__ in (list, tuple) and any(isinstance(a, Node) for a in argument):
            return True
    return False


def raw_of(value: Any) -> Any:
    """The same structure of tuples, lists and dicts with each Tensor's values in its place."""
    if isinstance(value, Node):
        return value._value if value._op is None else locked(value._value)
    if value.__class__ in (tuple, list):
        return type(value)(raw_of(v) for v in value)
    if value.__class__ is dict:
        return {key: raw_of(v) for key, v in value.items()}
    return value


def _name_of(function: Any) -> str:
    return function.name if isinstance(function, Operation) else numpy_name(function)
