"""Operations as a drawing sees them: one for each result, with every use of a value.

The engine's hidden nodes (the members of a list argument, several results) are looked through: an
edge goes from each member to the operation, and each of several results is an operation by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from autograd.engine import by_birth
from autograd.gradients import locked
from autograd.tensor import Tensor

__all__: list[str] = []


class Operand(NamedTuple):
    """A value in the place of an argument."""

    source: Any  # the engine's node; None for a constant
    value: Any  # what the operation saw
    position: int  # of the argument
    slot: str  # its name in the rules
    member: int | None = None  # in a list argument

    @property
    def what(self) -> Any:
        """The Tensor that stands here; of a constant its value."""
        return self.value if self.source is None else self.source


class Step(NamedTuple):
    """One result, and the uses of other values that made it."""

    node: Any  # the engine's node of the result
    maker: Any  # the node that holds operation and arguments: the hidden one of several results
    operands: tuple[Operand, ...]
    settings: dict[str, Any]
    private: dict[str, Any]  # settings whose names begin with `_`: nothing for a reader

    @property
    def freed(self) -> bool:
        """Whether `backward(retain_graph=False)` took away what made it."""
        return self.maker._inputs is None

    def shown(self) -> dict[str, Any]:
        """What the operation shows beside its result, by its name; {} where there is nothing."""
        maker = self.maker
        shows = maker._op.shows
        if shows is None or self.freed:
            return {}
        array = shows(maker._value, *maker._args, **(maker._kwargs or {}))
        return {shows.__name__.strip("_").replace("_", " "): locked(np.asarray(array))}


def reachable(outputs: Iterable[Any]) -> list[Any]:
    """The recorded results that the outputs depend on, oldest first, as far as they still hang
    together: as `topological_order`, which refuses where a part is freed."""
    reached = set(outputs)
    order = [node for node in reached if node._inputs != ()]
    add, append = reached.add, order.append
    for node in order:  # grows while it is walked
        for parent in node._inputs or ():
            if parent is not None and parent not in reached:
                add(parent)
                if parent._inputs != ():
                    append(parent)
    order.sort(key=by_birth)
    return order


def is_hidden(node: Any) -> bool:
    """Whether this node holds several values: it has no place of its own in a drawing."""
    return node._value.__class__ is tuple


def maker_of(node: Any) -> Any:
    """The node with the operation of a result, which for one of several results is hidden."""
    inputs = node._inputs
    if inputs and len(inputs) == 1 and inputs[0] is not None and is_hidden(inputs[0]):
        if inputs[0]._args != ():  # not the members of a list
            return inputs[0]
    return node


def step_of(node: Any) -> Step:
    """What made a result: its operation, the uses of values, and the other arguments."""
    maker = maker_of(node)
    settings: dict[str, Any] = {}
    if maker is not node:
        settings["result"] = node._args[1]
    if maker._inputs is None:
        return Step(node, maker, (), settings, {})
    operands = []
    operation, names = maker._op, slots(maker)
    for position, argument in enumerate(maker._args):
        parent = maker._inputs[position] if position < len(maker._inputs) else None
        ruled = position < len(operation.rules) and operation.rules[position] is not None
        found = list(_operands(parent, argument, position, names[position], ruled))
        operands += found
        if not found and _tells(maker._op, names[position], argument):
            settings[names[position]] = _setting(argument)
    for key, argument in (maker._kwargs or {}).items():
        if operation.saves and key == "saved":
            continue
        if isinstance(argument, np.ndarray) and argument.ndim:
            operands.append(Operand(None, argument, len(maker._args), key))
        elif _tells(maker._op, key, argument):
            settings[key] = _setting(argument)
    private = {name: settings.pop(name) for name in list(settings) if name.startswith("_")}
    return Step(node, maker, tuple(operands), settings, private)


def _operands(
    parent: Any, argument: Any, position: int, slot: str, ruled: bool
) -> Iterator[Operand]:
    """The values in one argument: a Tensor, an array, a number to compute with, a list of them."""
    if parent is not None and is_hidden(parent):
        for i, (source, value) in enumerate(zip(parent._inputs or (), parent._value)):
            yield Operand(source, value, position, f"{slot}[{i}]", i)
    elif parent is not None:
        yield Operand(parent, argument, position, slot)
    elif isinstance(argument, np.ndarray) and (ruled or (argument.ndim and slot[0] != "_")):
        yield Operand(None, argument, position, slot)
    elif ruled and isinstance(argument, (np.generic, bool, int, float)):
        yield Operand(None, argument, position, slot)
    elif ruled and isinstance(argument, (list, tuple)):
        for i, value in enumerate(argument):
            if isinstance(value, np.ndarray):
                yield Operand(None, value, position, f"{slot}[{i}]", i)


# What a setting may be; other objects are the operations' own affair.
_PLAIN = (bool, int, float, str, slice, tuple, list, type(Ellipsis), type, np.generic, np.ndarray,
          np.dtype, np.ufunc, Tensor)  # fmt: skip


def _tells(operation: Any, name: str, argument: Any) -> bool:
    """Whether an argument says something: not None, and not what the rules take it to be anyway."""
    if not isinstance(argument, (bool, int, float, str)):
        return isinstance(argument, _PLAIN)
    rule = next((rule for rule in operation.rules if rule is not None), None)
    defaults = dict(getattr(rule, "__kwdefaults__", None) or {})
    code, values = getattr(rule, "__code__", None), getattr(rule, "__defaults__", None) or ()
    if code is not None:
        defaults.update(zip(code.co_varnames[code.co_argcount - len(values) :], values))
    return name not in defaults or bool(defaults[name] != argument)


def slots(maker: Any) -> list[str]:
    """How the rules of an operation call its arguments."""
    signature, count = maker._op.signature, len(maker._args)
    names = list((signature.names if signature is not None else None) or ())[:count]
    known = len(names)
    return names + [f"x{i + 1}" if count > 1 else "x" for i in range(known, count)]


def _setting(argument: Any) -> Any:
    """An argument without a gradient as a plain value, which stays what it is."""
    if argument.__class__ in (tuple, list):
        return tuple(_setting(member) for member in argument)
    if isinstance(argument, Tensor):
        return locked(argument._value)
    if isinstance(argument, np.ndarray):
        return locked(argument)
    if argument is None or argument is Ellipsis:
        return argument
    if isinstance(argument, (bool, int, float, str, slice, np.generic, np.dtype)):
        return argument
    return getattr(argument, "__name__", type(argument).__name__)
