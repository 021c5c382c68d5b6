"""A recorded graph, computed again with other values in one place; nothing else changes.

The forwards run on copies of what was recorded, float32 and float16 in float64 where they allow it,
so that small differences can be seen. Nothing of this reaches the graph itself.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from autograd.graph.steps import Step

__all__: list[str] = []

_CALL = 3_000  # what calling a forward costs, in elements of an array


class Irreproducible(Exception):
    """The forward pass, computed again, gives other values: of which operation, and which."""

    def __init__(self, operation: str, reason: str) -> None:
        super().__init__(operation, reason)
        self.operation, self.reason = operation, reason


class _Call(NamedTuple):
    """One operation, to be called again."""

    maker: Any
    args: list[Any]
    kwargs: dict[str, Any]
    moving: list[tuple[int, int | None, Any, Any]]  # (argument, member of a list, source, base)
    results: list[tuple[Any, int | None]]  # (node, which of several results)


class Replay:
    """The part of a graph between one Tensor and the output, to be computed again and again.

    Args: steps, those that depend on the tensor, oldest first; tensor; outputs, what is compared
    with the record: a graph that does not give its own values again raises Irreproducible.
    """

    def __init__(self, steps: list[Step], tensor: Any) -> None:
        self.steps, self.tensor = steps, tensor
        self.moving = {tensor} | {step.node for step in steps}
        seen = (u.value for step in steps for u in step.operands if u.source is tensor)
        self.base = next(seen, tensor._value)  # the tensor may have been changed since it was used
        try:
            self.double = True
            self._prepare()
        except Irreproducible:
            self.double = False
            self._prepare()

    def _prepare(self) -> None:
        self.calls = _calls(self.steps, self.moving, self.double)
        self.still = self.values(None)
        for step in self.steps:
            new, old = self.still[step.node], step.node._value
            eps = min(np.finfo(old.dtype).eps, 1e-5)
            with np.errstate(all="ignore"):
                scale = np.max(np.absolute(old), initial=0, where=np.isfinite(old))
                same = np.isclose(new, old, 1e4 * eps, 1e3 * eps * max(scale, 1e-3), True)
            if np.shape(new) != old.shape or not np.all(same):
                raise Irreproducible(step.maker._op.name, "gives other values")

    def values(self, shift: Any) -> dict[Any, Any]:
        """The value of each node that depends on the tensor, with `shift` added to the tensor."""
        own = np.asarray(_widened(self.base, self.double))
        values = {self.tensor: own if shift is None else own + shift}
        with np.errstate(all="ignore"):
            for call in self.calls:
                data = self._call(call, values, shift)
                for node, index in call.results:
                    values[node] = np.asarray(data if index is None else data[index])
        return values

    def _call(self, call: _Call, values: dict[Any, Any], shift: Any) -> Any:
        args = list(call.args)
        for position in {position for position, member, *_ in call.moving if member is not None}:
            args[position] = list(args[position])
        for position, member, source, base in call.moving:
            new = values[source]
            if source is self.tensor:  # what this use saw
                new = base if shift is None else base + shift
            if member is None:
                args[position] = new
            else:
                args[position][member] = new
        kept = [copy.copy(a) if _is_foreign(a) else a for a in args]  # what a forward writes into
        try:
            return call.maker._op.compute(kept, call.kwargs)
        except Exception as error:
            reason = f"raised {type(error).__name__}: {error}"
            raise Irreproducible(call.maker._op.name, reason) from error

    def cost(self) -> int:
        """About how much work one replay is, in elements of arrays."""
        return cost(self.steps)


def cost(steps: Iterable[Step]) -> int:
    """About how much work it is to compute these again, in elements of arrays."""
    total = 0
    for step in steps:
        size = step.node._value.size + sum(np.size(operand.value) for operand in step.operands)
        if step.maker._op.traits.elementwise is False:  # as a matrix product
            first = np.shape(step.operands[0].value) or (1,)
            size += step.node._value.size * max(first[-1], 1) // 8
        total += size + _CALL
    return total


def _calls(steps: list[Step], moving: set[Any], double: bool) -> list[_Call]:
    calls: dict[Any, _Call] = {}
    for step in steps:
        maker = step.maker
        index = step.settings.get("result") if maker is not step.node else None
        if maker not in calls:
            calls[maker] = _Call(
                maker,
                [_widened(a, double) for a in maker._args],
                {key: _widened(a, double) for key, a in (maker._kwargs or {}).items()},
                [
                    (one.position, one.member, one.source, _widened(one.value, double))
                    for one in step.operands
                    if one.source in moving
                ],
                [],
            )
        calls[maker].results.append((step.node, index))
    return list(calls.values())


def _widened(value: Any, double: bool) -> Any:
    """Floats, arrays of them and their dtypes in float64; anything else as it is."""
    if not double:
        return value
    if isinstance(value, (np.ndarray, np.generic)):
        return value.astype(np.float64) if value.dtype.kind == "f" else value
    if value.__class__ in (list, tuple):
        return type(value)(_widened(member, double) for member in value)
    if isinstance(value, np.dtype) and value.kind == "f":
        return np.dtype(np.float64)
    if isinstance(value, type) and issubclass(value, np.floating):
        return np.float64
    return value


def _is_foreign(value: Any) -> bool:
    """Whether an argument is an object of some class of its own, in which a forward may leave
    what its rule needs."""
    known = (np.ndarray, np.generic, np.dtype, bool, int, float, str, slice, type, list, tuple)
    return value is not None and value is not Ellipsis and not isinstance(value, known)
