"""A list of Tensors as one argument, and several results of one operation: a hidden node each.

So the graph knows of one thing only, nodes with one gradient each, and the sweep has no case for
lists.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd.engine import Node, result
from autograd.errors import InPlaceError
from autograd.gradients import Deferred, gathered
from autograd.mode import Mode, current_mode
from autograd.rules import Operation
from autograd.values import as_array
from autograd.watching import checked

__all__: list[str] = []


def members(
    argument: Any, operation: Operation, mode: Mode, joined: Callable[[Any], Any]
) -> tuple[Any, Any, list[Any]]:
    """A list argument: one of its Tensors, a node that hands gradients on to all, the raw values.

    The node's value is the tuple of the members' values, and its gradient the list that the rule
    returns; member i takes entry i. So the sweep needs no special case for lists. The node is None
    where no member requires a gradient. `joined` makes one Tensor of a nested list of them.
    """
    if isinstance(operation.forward, np.ufunc):
        raise TypeError(
            f"{operation.name}: a list of Tensors is no operand; join them by np.stack([...])"
        )
    like = next((a for a in argument if isinstance(a, Node)), None)
    if like is None:
        raise TypeError(
            f"{operation.name}: nested lists of Tensors are no array; join each by np.stack([...])"
        )
    try:
        raw = tuple(a._value if isinstance(a, Node) else np.asarray(a) for a in argument)
    except TypeError:  # perhaps of nested lists
        flat = [joined(a) for a in argument]
        if all(a is b for a, b in zip(flat, argument)):
            raise
        return members(flat, operation, mode, joined)
    inputs = tuple(
        a if isinstance(a, Node) and a._requires_grad and mode.grad else None for a in argument
    )
    if all(a is None for a in inputs):
        return like, None, list(raw)
    hand_out = Operation(_no_forward, operation.name)
    hand_out.rules = tuple(_Entry(i) for i in range(len(raw)))
    return like, result(like, raw, hand_out, inputs, (), None, mode), list(raw)


class _Entry:
    """The rule that takes one entry of a list of gradients."""

    __slots__ = ("index",)

    def __init__(self, index: int) -> None:
        self.index = index

    def __call__(self, g: Any, y: Any) -> Any:
        return g[self.index]


def _no_forward(*args: Any) -> Any:
    raise NotImplementedError("the members of a list are not computed")


def several(
    like: Node, data: Any, operation: Operation, inputs: Any, raw: Any, kwargs: Any, mode: Mode
) -> Any:
    """Several results: one hidden node that holds the tuple, and a Tensor for each of them."""
    if inputs is None:
        node = None
        tensors = [result(like, d, operation, None, (), None, mode) for d in data]
    else:
        values = tuple(map(as_array, data))
        node = result(like, values, operation, inputs, tuple(raw), kwargs, mode)
        tensors = [  # no gradient flows through integers
            _select(node, i)
            if v.dtype.kind == "f"
            else result(node, v, operation, None, (), None, mode)
            for i, v in enumerate(values)
        ]
    if mode.anomaly:
        tensors = [checked(tensor, raw, node) for tensor in tensors]
    make = getattr(type(data), "_make", type(data))  # NumPy's named tuples keep their names
    return make(tensors)


def _select(node: Node, index: int) -> Any:
    args = (node._value, index)
    return result(node, node._value[index], _SELECT, (node,), args, None, current_mode())


def _select_rule(g: Any, y: Any, values: Any, index: int) -> Deferred:
    return Deferred(lambda parts: gathered(values, parts), (index, g))


class _Selection(Operation):
    whole = False  # the parts tell which elements were looked up


_SELECT = _Selection(_no_forward, "select")
_SELECT.define((_select_rule,), None)


def is_list(node: Node) -> bool:
    """Whether this is the hidden node that stands for the members of a list argument."""
    return node._value.__class__ is tuple and node._args == ()


def as_arguments(node: Node) -> tuple[Any, tuple[Any, ...]]:
    """The result and the arguments as Tensors, for rules that record (create_graph)."""
    if is_list(node):
        return node, ()
    args = list(node._args)
    for position, parent in enumerate(node._inputs):
        if parent is None:
            continue
        parents = (parent,)
        args[position] = parent
        if is_list(parent):
            parents = parent._inputs
            args[position] = [
                raw if member is None else member for member, raw in zip(parents, parent._value)
            ]
        for leaf in parents:
            if leaf is not None and leaf._birth > node._birth:
                raise InPlaceError(
                    f"{leaf._title()} was given new values after {node._op.name} used it, and "
                    "a second derivative would mix both; differentiate before the update"
                )
    if node._value.__class__ is tuple:
        return tuple(_select(node, i) for i in range(len(node._value))), tuple(args)
    return node, tuple(args)
