"""The reverse sweep for those who watch: every step that a gradient comes to, and what flows back.

It is the engine's sweep, but it goes from result to result, as a drawing does, and shows what it
hands back along every edge. It runs no hooks, reads and writes no `.grad`, and where a part of the
graph is freed it says which gradients cannot be known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from autograd.engine import fitted
from autograd.gradients import Deferred, gathered
from autograd.graph.steps import Operand, Step, is_hidden
from autograd.values import output_gradient

__all__: list[str] = []

LOCAL = 4096  # elements; of larger arrays no local derivatives are kept


def rounding(array: Any, count: int | None = None) -> float:
    """How far from 0 the sum of these numbers may be by rounding alone, where it should be 0.

    Each of n numbers is off by a few units in its last place, and such errors add up like √n:
    8 √n eps max|x|, eps that of the dtype; of whole numbers it is 0. Of a mean it is the nth part.
    `count` is how many of the numbers one sum takes in, where these are several sums.

    >>> rounding([0.1, 0.2, -0.3]) > abs(0.1 + 0.2 - 0.3) > 0
    True
    """
    values = np.asarray(array)
    if values.dtype.kind != "f" or not values.size:
        return 0.0
    largest, eps = float(np.absolute(values).max()), float(np.finfo(values.dtype).eps)
    noise = 8 * math.sqrt(values.size if count is None else count) * eps * largest
    return noise if math.isfinite(noise) else 0.0


class Flow(NamedTuple):
    """What flows back along one use."""

    contribution: Any
    local: Any = None
    summed: tuple[int, ...] = ()
    noise: float = 0.0  # what rounding alone may have left of it


class Returned:
    """All that comes back from the outputs: the gradients of (the sum of) them, of each value.

    `within` are the values that gradients are wanted of, or None for all. `unknown` are those to
    whose gradient a rule that raised would have added; `freed` says that from some place on the
    graph is gone, so that nothing older has a known gradient.
    """

    def __init__(self, seeds: dict[Any, Any], within: set[Any] | None = None) -> None:
        self.of: dict[Any, Any] = dict(seeds)
        self.within = within
        self.noise: dict[Any, float] = {}  # what of each gradient may be rounding alone
        self.flows: dict[tuple[Any, int], Flow] = {}  # by (result, number of the use)
        self.unknown: set[Any] = set()
        self.freed = False
        self.errors: list[str] = []

    def gradient(self, node: Any) -> Any:
        """The complete gradient with respect to a value, or None."""
        return None if node in self.unknown else self.of.get(node)

    def state(self, node: Any) -> str:
        """ "computed", "freed" or "not computed"."""
        if self.gradient(node) is not None:
            return "computed"
        return "freed" if self.freed else "not computed"

    def kept(self, steps: list[Step], local: bool) -> Returned:
        """Go back through all steps (oldest first), and keep what is seen."""
        known = set()
        with np.errstate(all="ignore"):  # 0/0 at a kink is no news
            for step in reversed(steps):
                known.add(step.node)
                if step.freed:  # what it was made of is gone, and may be anything older
                    self.freed = True
                    break
                for number, flow in enumerate(self._through(step, local, noisy=True)):
                    if flow is not None:
                        self.flows[step.node, number] = flow
        if self.freed:
            self.unknown |= {node for node in self.of if node not in known}
        return self

    def back(
        self, steps: list[Step], local: Callable[[Step], bool]
    ) -> Iterator[tuple[Step, Any, list[Flow | None]]]:
        """Go back through the steps (oldest first): each with its gradient, and what flows along
        its uses; then its gradient is dropped. `local` says where local derivatives are wanted."""
        for step in reversed(steps):
            flows = self._through(step, local(step))
            g = self.of.pop(step.node, None)
            if flows:
                yield step, g, flows

    def _through(self, step: Step, local: bool, noisy: bool = False) -> list[Flow | None]:
        """Hand the gradient of a step on to what it used; [] where it has none."""
        g = self.gradient(step.node)
        flows: list[Flow | None] = []
        if g is not None:
            try:
                flows = _flows(step, g, local)
            except Exception as error:  # whoever watches sees what there is
                name = step.maker._op.name
                self.errors.append(f"the rule of {name} raised {type(error).__name__}: {error}")
        for number, operand in enumerate(step.operands):
            source = operand.source
            if source is None or (self.within is not None and source not in self.within):
                continue
            if not flows:
                self.unknown.add(source)
            elif (flow := flows[number]) is not None:
                self._add(source, flow, noisy)
        return flows

    def _add(self, node: Any, flow: Flow, noisy: bool) -> None:
        before, new = self.of.get(node), flow.contribution
        if noisy:
            noise = flow.noise
            if before is not None:
                noise += self.noise.get(node, 0.0) + rounding(before, 2) + rounding(new, 2)
            self.noise[node] = noise
        self.of[node] = new if before is None else before + new


def _flows(step: Step, g: Any, local: bool) -> list[Flow | None]:
    """What flows along each use of a step; None for constants."""
    returned: dict[int, Any] = {}  # a rule is asked once, also for many members of a list
    flows: list[Flow | None] = []
    for operand in step.operands:
        if operand.source is None:
            flows.append(None)
            continue
        if operand.position not in returned:
            returned[operand.position] = _asked(step, operand.position, _incoming(step, g))
        raw = returned[operand.position]
        if operand.member is not None:
            raw = raw[operand.member]
        derivative = _local(step, operand) if local else None
        contribution = np.asarray(fitted(raw, operand.source, step.maker, []))
        summed = _summed(raw, operand.source)
        noise = rounding(raw, math.prod(np.shape(raw)[axis] for axis in summed)) if summed else 0.0
        flows.append(Flow(contribution, derivative, summed, noise))
    return flows


def _asked(step: Step, position: int, g: Any) -> Any:
    """What the rule of an argument returns, in full."""
    maker = step.maker
    rule, parent = maker._op.rules[position], maker._inputs[position]
    new = rule(g, maker._value, *maker._args, **(maker._kwargs or {}))
    if new.__class__ is Deferred:
        new = new.total()
    return fitted(new, parent, maker, []) if is_hidden(parent) else new


def _incoming(step: Step, g: Any) -> Any:
    """The gradient in the form that the rules take: for one of several results a tuple."""
    if step.maker is step.node:
        return g
    return gathered(step.maker._value, [(step.node._args[1], g)])


def _summed(raw: Any, source: Any) -> tuple[int, ...]:
    """The axes that broadcasting had stretched: over them the rule's answer is summed."""
    given, shape = np.shape(raw), source._value.shape
    extra = len(given) - len(shape)
    return tuple(
        axis
        for axis, n in enumerate(given)
        if axis < extra or (extra >= 0 and shape[axis - extra] == 1 and n != 1)
    )


def _local(step: Step, operand: Operand) -> Any:
    """The derivative of the result by one argument, where that is one number an element."""
    y = step.node._value
    numbers = y.size == 1 == operand.source._value.size
    if operand.member is not None or y.size > LOCAL or not (numbers or _elementwise(step)):
        return None
    new = _asked(step, operand.position, _incoming(step, np.ones_like(y)))
    if np.size(new) != y.size:
        return None
    return np.array(np.reshape(new, y.shape), y.dtype)


def _elementwise(step: Step) -> bool:
    return step.maker is step.node and step.maker._op.traits.elementwise is True


# ---- where it starts ----------------------------------------------------------------------------


def seed(output: Any, gradient: Any, caller: str) -> Any:
    """The gradient of an output to start from, of its shape and dtype: ones, or what is given."""
    if gradient is None:
        return np.ones_like(output._value)
    given = np.asarray(getattr(gradient, "_value", gradient))
    if given.dtype.kind not in "fiub":
        raise TypeError(f"{caller}: the gradient must be real numbers, got dtype {given.dtype}")
    return np.array(output_gradient(output, given, caller))
