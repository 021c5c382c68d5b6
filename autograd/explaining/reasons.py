"""What to say where a gradient and finite differences do not meet: which operation is the reason.

Kinks, jumps, edges of what a function is defined for, and rules that do not fit their forwards all
show in the values of the operations themselves, a step to the left and a step to the right.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from autograd.graph.flow import Flow, Returned
from autograd.graph.replay import Replay
from autograd.graph.steps import Step
from autograd.words.notation import title
from autograd.words.numbers import short

__all__: list[str] = []


class Ends(NamedTuple):
    """The graph at three points: with h less, as it is, with h more."""

    less: dict[Any, Any]
    still: dict[Any, Any]
    more: dict[Any, Any]
    h: float
    left: float
    right: float

    @property
    def central(self) -> float:
        """The mean of both sides; at the end of where the function is defined, the one it has."""
        if self.edge:
            return self.left if math.isfinite(self.left) else self.right
        return 0.5 * (self.left + self.right)

    @property
    def edge(self) -> bool:
        """Whether only one side has a finite value."""
        return math.isfinite(self.left) != math.isfinite(self.right)

    @property
    def gap(self) -> float:
        return abs(self.right - self.left)

    @property
    def slope(self) -> float:
        return max(abs(self.left), abs(self.right))


class Reasons:
    """Finds the operation that is the reason, and says so."""

    def __init__(
        self, replay: Replay, output: Any, seed: Any, tolerance: float, eps: float
    ) -> None:
        self.replay, self.output, self.seed = replay, output, seed
        self.tolerance, self.eps = tolerance, eps

    def backwards(self) -> Iterator[tuple[Step, Any, list[Flow | None]]]:
        """Every operation from the last to the first, what comes to it and what it hands back."""
        start = self.seed.astype(self.output._value.dtype)
        returned = Returned({self.output: start}, self.replay.moving)
        return returned.back(self.replay.steps, lambda step: False)

    def sides(self, ends: Ends) -> str:
        return f"left and right differences differ: {short(ends.left)} and {short(ends.right)}"

    def why(self, rules: float, tried: list[Ends], rounding: float) -> str:
        """Why the rules and the differences do not agree."""
        first, second = tried[0], tried[1] if len(tried) > 1 else tried[0]
        if not (math.isfinite(first.left) and math.isfinite(first.right)):
            return self._not_finite(rules, first, second)
        growth, times = second.slope / (first.slope or 1.0), first.h / second.h
        if growth > 3 and tried[-1].slope < abs(rules) < math.inf:
            return (
                f"by the rules {short(rules)}, but it changes faster here than steps of h = "
                f"{short(tried[-1].h, 2)} can follow: they find {short(tried[-1].central)}"
            )
        if growth > 3:
            return self._grows(rules, first, second, growth > 0.7 * times)
        bent = first.gap > 1e-2 * first.slope + rounding
        if bent and second.gap > 0.3 * first.gap:
            where = self.where(first)
            return (
                f"{self.sides(first)}; {where} has a kink here, and the rules take {short(rules)}"
            )
        return self._wrong_rule(rules, first)

    def _grows(self, rules: float, first: Ends, second: Ends, jumps: bool) -> str:
        """What to say of differences that grow without end as the step shrinks."""

        def steeper(node: Any) -> bool:
            with np.errstate(all="ignore"):
                sizes = [
                    max(float(np.max(np.absolute(e.more[node] - e.still[node]), initial=0)),
                        float(np.max(np.absolute(e.still[node] - e.less[node]), initial=0))) / e.h
                    for e in (first, second)
                ]  # fmt: skip
            return sizes[1] > 3 * sizes[0]

        where = self._made(steeper)
        return (
            f"{where} {'jumps' if jumps else 'is infinitely steep'} here: left and right "
            f"differences grow as the step shrinks ({short(second.left)} and {short(second.right)} "
            f"at h = {short(second.h)}), and the rules take {short(rules)}"
        )

    def _made(self, strange: Any) -> str:
        """The first operation of which something holds that holds of none of its arguments."""
        known = {step.node: strange(step.node) for step in self.replay.steps}
        for step in self.replay.steps:
            if known[step.node] and not any(known.get(operand.source) for operand in step.operands):
                return title(step.maker._op.name)
        return "the function"

    def _not_finite(self, rules: float, first: Ends, ends: Ends) -> str:
        said = f"by the rules {short(rules)}, but {self._bounded(ends)} has no finite value"
        if math.isfinite(ends.right):
            side, other, found, before = "below", "above", ends.right, first.right
        elif math.isfinite(ends.left):
            side, other, found, before = "above", "below", ends.left, first.left
        else:
            return f"{said} on either side of here"
        at = f"{short(found)} at h = {short(ends.h, 2)}"
        if abs(found) > 3 * abs(before):
            before_at = f"{short(before)} at h = {short(first.h, 2)}"
            return f"{said} {side}; the difference {other} grows without end: {before_at}, {at}"
        return f"{said} {side}; the difference {other} alone is {at}"

    def _bounded(self, ends: Ends) -> str:
        return self.first(lambda v: not np.all(np.isfinite(v)), [ends.less, ends.more])

    def one_sided(self, ends: Ends) -> str:
        """Of an entry that agrees: whether it stands where the function ends."""
        if not ends.edge:
            return ""
        other, side = ("below", "above") if math.isfinite(ends.right) else ("above", "below")
        return (
            f"{self._bounded(ends)} has no finite value {other}: compared is the difference "
            f"{side} alone"
        )

    def value(self, values: dict[Any, Any]) -> float:
        with np.errstate(all="ignore"):
            return float(np.sum(self.seed * values[self.output]))

    def first(self, strange: Any, runs: list[dict[Any, Any]]) -> str:
        """The first operation with a strange value that no argument of it had before."""
        for step in self.replay.steps:
            sources = [operand.source for operand in step.operands if operand.source in runs[0]]
            for run in runs:
                if strange(run[step.node]) and not any(strange(run[s]) for s in sources):
                    return title(step.maker._op.name)
        return "the tensor itself"

    def where(self, ends: Ends) -> str:
        """The first operation whose two sides differ, though those of its arguments do not."""

        def bent(node: Any) -> bool:
            with np.errstate(all="ignore"):
                left = (ends.still[node] - ends.less[node]) / ends.h
                right = (ends.more[node] - ends.still[node]) / ends.h
                scale = np.maximum(np.absolute(left), np.absolute(right))
                noise = 100 * self.eps * np.absolute(ends.still[node]) / ends.h
                return bool(np.any(np.absolute(right - left) > 1e-2 * scale + noise))

        return self._made(bent)

    def _wrong_rule(self, rules: float, ends: Ends) -> str:
        said = f"by the rules {short(rules)}, by differences {short(ends.central)}"
        name = self._misfit(ends)
        if name is None:
            return f"{said}, and no single operation is to blame: rounding may be"
        return f"{said}: the rule of {name} is not the derivative of its forward"

    def _misfit(self, ends: Ends) -> str | None:
        """The operation that hands back another gradient than its own values call for."""
        slopes = {node: (ends.more[node] - ends.less[node]) / (2 * ends.h) for node in ends.still}
        worst, name = 10 * self.tolerance, None
        for step, g, flows in self.backwards():
            wanted, given = float(np.sum(g * slopes[step.node])), 0.0
            for operand, flow in zip(step.operands, flows):
                if flow is not None and operand.source in slopes:
                    given += float(np.sum(flow.contribution * slopes[operand.source]))
            scale = max(abs(wanted), abs(given))
            if scale and abs(wanted - given) / scale > worst:
                worst, name = abs(wanted - given) / scale, title(step.maker._op.name)
        return name
