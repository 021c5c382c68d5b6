"""A gradient held against finite differences, entry by entry, and what to say where they differ.

The graph is computed again with one entry of the tensor a little larger and a little smaller. Where
left and right differences do not meet, the first operation whose own values show it is the one
with the kink; where they do meet but the rules say otherwise, the operation whose rule does not fit
its forward is found.

May import: drawing.flow, drawing.notation, drawing.numbers, drawing.replay, drawing.uses.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from autograd.drawing.flow import Gradients, sweep
from autograd.drawing.notation import title
from autograd.drawing.numbers import short
from autograd.drawing.replay import Irreproducible, Replay, cost
from autograd.drawing.uses import Step

__all__: list[str] = []

ALL = 32  # entries; of larger tensors some are checked,
SAMPLE = 12  # so many,
WORK = 400_000_000  # or fewer, if that would be more work than these elements


class Entry(NamedTuple):
    """One entry of the tensor: its derivative by the rules, and by differences."""

    place: tuple[int, ...]
    rules: float
    differences: float  # (L(x+h) - L(x-h)) / 2h
    left: float  # (L(x) - L(x-h)) / h
    right: float  # (L(x+h) - L(x)) / h
    step: float  # h
    agrees: bool | None  # None: there is nothing to compare with
    remark: str = ""  # what there is to say about it


class Check(NamedTuple):
    """The comparison of a gradient with finite differences."""

    agrees: bool | None  # None: nothing could be compared
    entries: tuple[Entry, ...] = ()  # those that were compared
    size: int = 0  # how many entries the tensor has
    reason: str = ""  # why nothing was compared

    @property
    def remarks(self) -> tuple[str, ...]:
        """What there is to say, each thing once, in the order of the entries."""
        return tuple(dict.fromkeys(entry.remark for entry in self.entries if entry.remark))


def check(steps: list[Step], output: Any, tensor: Any, seed: Any, total: Any) -> Check:
    """Compare `total`, the gradient of sum(seed · output) by the tensor, with differences.

    Args: steps, all that depend on the tensor, oldest first.
    """
    size = int(np.size(total))
    if not size:
        return Check(None, size=size, reason="the tensor has no entries")
    runs = WORK // (6 * cost(steps)) if steps else SAMPLE
    if not runs:
        return Check(None, size=size, reason="to compute the graph again would take too long")
    try:
        comparison = _Comparison(Replay(steps, tensor), output, seed, total)
        places = _places(total, min(runs, ALL if size <= ALL else SAMPLE))
        entries = tuple(comparison.entry(place) for place in places)
    except Irreproducible as error:
        return Check(None, size=size, reason=_irreproducible(error))
    compared = [entry.agrees for entry in entries if entry.agrees is not None]
    return Check(all(compared) if compared else None, entries, size)


def _irreproducible(error: Irreproducible) -> str:
    why = ""
    if error.reason.startswith("gives"):
        why = " (it is random, keeps a state, or an array that it used was written into)"
    return (
        f"the forward pass cannot be repeated: {title(error.operation)}, called again, "
        f"{error.reason}{why}, so there is nothing to compare with"
    )


def _places(total: Any, count: int) -> list[tuple[int, ...]]:
    """All entries if there are so few; else the largest ones and some spread evenly."""
    size = np.size(total)
    if size <= count:
        flat = list(range(size))
    else:
        magnitudes = np.nan_to_num(np.absolute(np.ravel(total)), nan=np.inf)
        largest = np.argsort(-magnitudes, kind="stable")[: max(count // 3, 1)].tolist()
        spread = [i * size // count for i in range(count - len(largest))]
        flat = sorted(set(largest + spread))
    return [tuple(int(i) for i in np.unravel_index(k, np.shape(total))) for k in flat]


class _Ends(NamedTuple):
    """The graph at three points: with h less, as it is, with h more."""

    less: dict[Any, Any]
    still: dict[Any, Any]
    more: dict[Any, Any]
    h: float
    left: float
    right: float

    @property
    def central(self) -> float:
        return 0.5 * (self.left + self.right)

    @property
    def gap(self) -> float:
        return abs(self.right - self.left)


def _slope(ends: _Ends) -> float:
    return max(abs(ends.left), abs(ends.right))


class _Comparison:
    """One tensor's gradient, to be compared with differences in any of its entries."""

    def __init__(self, replay: Replay, output: Any, seed: Any, total: Any) -> None:
        self.replay, self.output = replay, output
        self.seed, self.total = np.asarray(seed, np.float64), np.asarray(total)
        finite = np.absolute(self.total[np.isfinite(self.total)])
        self.largest = float(finite.max(initial=0.0))
        dtypes = {step.node._value.dtype for step in replay.steps} | {self.total.dtype}
        coarse = max(float(np.finfo(dtype).eps) for dtype in dtypes if dtype.kind == "f")
        self.tolerance = min(0.05, max(1e-5, 5e3 * coarse))
        kind = np.float64 if replay.double else replay.base.dtype
        self.eps = float(np.finfo(kind).eps)
        self.level = self._level(replay.still)

    def entry(self, place: tuple[int, ...]) -> Entry:
        """Compare one entry, with smaller steps where the first is too coarse."""
        rules = float(self.total[place])
        if reason := self._nothing(place):
            return Entry(place, rules, math.nan, math.nan, math.nan, 0.0, None, reason)
        tried: list[_Ends] = []
        for h in self._steps(place):
            ends = self._ends(place, h)
            tried.append(ends)
            if self._close(rules, ends):
                remark = self._tie(ends, place)
                return self._entry(place, rules, ends, True, remark)
        if self._comes_close(rules, tried) or self._is_noise(rules, tried[0]):
            return self._entry(place, rules, tried[-1], True, "")
        return self._entry(place, rules, tried[0], False, self._why(rules, tried, place))

    def _nothing(self, place: tuple[int, ...]) -> str:
        """Why there is nothing to compare with: a value that no small step leads away from."""
        x, value = float(self.replay.base[place]), self._value(self.replay.still)
        if not math.isfinite(x):
            return f"the entry itself is {short(x)}, there is no step to take from there"
        if math.isfinite(value):
            return ""
        where = self._first(lambda v: not np.all(np.isfinite(v)), [self.replay.still])
        return f"the output itself is {short(value)}, from {where} on: nothing to compare with"

    def _entry(
        self, place: tuple[int, ...], rules: float, ends: _Ends, agrees: bool, remark: str
    ) -> Entry:
        return Entry(place, rules, ends.central, ends.left, ends.right, ends.h, agrees, remark)

    def _steps(self, place: tuple[int, ...]) -> list[float]:
        """The steps to try: the cube root of the precision is best for a smooth function."""
        x = abs(float(self.replay.base[place]))
        h = self.eps ** (1 / 3) * max(1.0, x)
        smaller = [h / 100, h / 10_000] if self.eps < 1e-12 else [h / 10]
        return [h, *smaller, *([h * x] if 0 < x < 1e-2 else [])]

    def _ends(self, place: tuple[int, ...], h: float) -> _Ends:
        x = np.asarray(self.replay.base[place], np.float64 if self.replay.double else None)
        shift = np.zeros(self.total.shape, x.dtype)
        values = []
        with np.errstate(all="ignore"):
            ahead, behind = float(x + x.dtype.type(h) - x), float(x - (x - x.dtype.type(h)))
            for sign in (-1, 1):
                shift[place] = sign * h
                values.append(self.replay.values(shift if shift.ndim else shift[()]))
            less, more = values
            still = self.replay.still
            parts = [self.seed * (b[self.output] - a[self.output])
                     for a, b in ((less, still), (still, more))]  # fmt: skip
            left, right = (float(np.sum(p)) / (d or h) for p, d in zip(parts, (behind, ahead)))
        return _Ends(less, still, more, h, left, right)

    def _level(self, values: dict[Any, Any]) -> float:
        """How large the numbers are whose differences are taken."""
        with np.errstate(all="ignore"):
            terms = np.absolute(self.seed * values[self.output])
        return float(np.sum(terms[np.isfinite(terms)]))

    def _rounding(self, h: float) -> float:
        return 30 * self.eps * max(self.level, 1e-300) / h

    def _close(self, rules: float, ends: _Ends) -> bool:
        found = ends.central
        if not (math.isfinite(rules) and math.isfinite(found)):
            return False
        room = self.tolerance * max(abs(rules), abs(found), self.largest * 1e-2)
        return abs(rules - found) <= room + self._rounding(ends.h)

    def _comes_close(self, rules: float, tried: list[_Ends]) -> bool:
        """Whether all that differs is the length of the step, as for x³ at 0: h² instead of 0."""
        errors = [abs(ends.central - rules) for ends in tried]
        return len(errors) > 1 and all(b < 0.5 * a for a, b in zip(errors, errors[1:]))

    def _is_noise(self, rules: float, ends: _Ends) -> bool:
        """Whether what differs may come of rounding in any of the operations, as where large
        numbers cancel: a value v rounded by eps moves the output by eps × v × its gradient."""
        level = 0.0
        with np.errstate(all="ignore"):
            for step, g, _ in self._backwards():
                terms = np.absolute(np.multiply(g, step.node._value, dtype=np.float64))
                level += float(np.sum(terms[np.isfinite(terms)]))
        return abs(ends.central - rules) <= 2 * self.eps * level / ends.h

    def _backwards(self) -> Iterator[tuple[Step, Any, Gradients]]:
        """Every operation from the last to the first, what comes to it and what it hands back."""
        pending = {self.output: self.seed.astype(self.output._value.dtype)}
        for step in reversed(self.replay.steps):
            g = pending.pop(step.node, None)
            if g is None:
                continue
            found = sweep([step], {step.node: g}, local=False)
            yield step, g, found
            for number, use in enumerate(step.uses):
                if use.source in self.replay.moving and (step.node, number) in found.flows:
                    flow = found.flows[step.node, number].contribution
                    before = pending.get(use.source)
                    pending[use.source] = flow if before is None else before + flow

    # ---- in words -----------------------------------------------------------------------------

    def _tie(self, ends: _Ends, place: tuple[int, ...]) -> str:
        """Of an entry that agrees: whether it stands on a kink all the same."""
        if ends.gap <= 1e-2 * _slope(ends) + 10 * self._rounding(ends.h):
            return ""
        finer = self._ends(place, ends.h / 10)
        if not 0.5 < finer.gap / ends.gap < 2:
            return ""
        return (
            f"{self._sides(ends)}; {self._where(ends)} has a kink here, and the rules take the "
            "middle, as the central difference does"
        )

    def _sides(self, ends: _Ends) -> str:
        return f"left and right differences differ: {short(ends.left)} and {short(ends.right)}"

    def _why(self, rules: float, tried: list[_Ends], place: tuple[int, ...]) -> str:
        """Why the rules and the differences do not agree."""
        first, second = tried[0], tried[1] if len(tried) > 1 else tried[0]
        if not math.isfinite(first.central):
            return self._not_finite(rules, first, second)
        growth, times = _slope(second) / (_slope(first) or 1.0), first.h / second.h
        if growth > 3:
            return self._grows(rules, first, second, growth > 0.7 * times)
        bent = first.gap > 1e-2 * _slope(first) + 10 * self._rounding(first.h)
        if bent and second.gap > 0.3 * first.gap:
            where = self._where(first)
            return (
                f"{self._sides(first)}; {where} has a kink here, and the rules take {short(rules)}"
            )
        return self._wrong_rule(rules, first)

    def _grows(self, rules: float, first: _Ends, second: _Ends, jumps: bool) -> str:
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
            if known[step.node] and not any(known.get(use.source) for use in step.uses):
                return title(step.maker._op.name)
        return "the function"

    def _not_finite(self, rules: float, first: _Ends, ends: _Ends) -> str:
        where = self._first(lambda v: not np.all(np.isfinite(v)), [ends.less, ends.more])
        said = f"by the rules {short(rules)}, but {where} has no finite value"
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

    def _value(self, values: dict[Any, Any]) -> float:
        with np.errstate(all="ignore"):
            return float(np.sum(self.seed * values[self.output]))

    def _first(self, strange: Any, runs: list[dict[Any, Any]]) -> str:
        """The first operation with a strange value that no argument of it had before."""
        for step in self.replay.steps:
            sources = [use.source for use in step.uses if use.source in runs[0]]
            for run in runs:
                if strange(run[step.node]) and not any(strange(run[s]) for s in sources):
                    return title(step.maker._op.name)
        return "the tensor itself"

    def _where(self, ends: _Ends) -> str:
        """The first operation whose two sides differ, though those of its arguments do not."""

        def bent(node: Any) -> bool:
            with np.errstate(all="ignore"):
                left = (ends.still[node] - ends.less[node]) / ends.h
                right = (ends.more[node] - ends.still[node]) / ends.h
                scale = np.maximum(np.absolute(left), np.absolute(right))
                noise = 100 * self.eps * np.absolute(ends.still[node]) / ends.h
                return bool(np.any(np.absolute(right - left) > 1e-2 * scale + noise))

        return self._made(bent)

    def _wrong_rule(self, rules: float, ends: _Ends) -> str:
        said = f"by the rules {short(rules)}, by differences {short(ends.central)}"
        name = self._misfit(ends)
        if name is None:
            return f"{said}, and no single operation is to blame: rounding may be"
        return f"{said}: the rule of {name} is not the derivative of its forward"

    def _misfit(self, ends: _Ends) -> str | None:
        """The operation that hands back another gradient than its own values call for."""
        slopes = {node: (ends.more[node] - ends.less[node]) / (2 * ends.h) for node in ends.still}
        worst, name = 10 * self.tolerance, None
        for step, g, found in self._backwards():
            wanted, given = float(np.sum(g * slopes[step.node])), 0.0
            for number, use in enumerate(step.uses):
                if use.source in slopes and (step.node, number) in found.flows:
                    flow = found.flows[step.node, number].contribution
                    given += float(np.sum(flow * slopes[use.source]))
            scale = max(abs(wanted), abs(given))
            if scale and abs(wanted - given) / scale > worst:
                worst, name = abs(wanted - given) / scale, title(step.maker._op.name)
        return name
