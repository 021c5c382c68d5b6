"""A gradient held against finite differences, entry by entry, and what to say where they differ.

The graph is computed again with one entry of the tensor a little larger and a little smaller; where
that does not give what the rules do, `reasons` says why.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from autograd.explaining.reasons import Ends, Reasons
from autograd.graph.replay import Irreproducible, Replay, cost
from autograd.graph.steps import Step
from autograd.words.notation import title
from autograd.words.numbers import short

__all__: list[str] = []

ALL = 32  # entries; of larger tensors some are checked,
SAMPLE = 12  # so many,
WORK = 400_000_000  # or fewer, if that would be more work than these elements


class Entry(NamedTuple):
    """One entry of the tensor: its derivative by the rules, and by differences."""

    place: tuple[int, ...]
    rules: float
    differences: float  # (L(x+h) - L(x-h)) / 2h, or where L has one side only the next two
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
        self.reasons = Reasons(replay, output, self.seed, self.tolerance, self.eps)

    def entry(self, place: tuple[int, ...]) -> Entry:
        """Compare one entry, with smaller steps where the first is too coarse."""
        rules = float(self.total[place])
        if reason := self._nothing(place):
            return Entry(place, rules, math.nan, math.nan, math.nan, 0.0, None, reason)
        tried: list[Ends] = []
        for h in self._steps(place):
            ends = self._ends(place, h)
            tried.append(ends)
            if self._close(rules, ends):
                remark = self._tie(ends, place)
                return self._entry(place, rules, ends, True, remark)
        if self._comes_close(rules, tried) or self._is_noise(rules, tried[0]):
            return self._entry(place, rules, tried[-1], True, self.reasons.one_sided(tried[-1]))
        return self._entry(
            place,
            rules,
            tried[0],
            False,
            self.reasons.why(rules, tried, 10 * self._rounding(tried[0].h)),
        )

    def _nothing(self, place: tuple[int, ...]) -> str:
        """Why there is nothing to compare with: a value that no small step leads away from."""
        x, value = float(self.replay.base[place]), self.reasons.value(self.replay.still)
        if not math.isfinite(x):
            return f"the entry itself is {short(x)}, there is no step to take from there"
        if math.isfinite(value):
            return ""
        where = self.reasons.first(lambda v: not np.all(np.isfinite(v)), [self.replay.still])
        return f"the output itself is {short(value)}, from {where} on: nothing to compare with"

    def _entry(
        self, place: tuple[int, ...], rules: float, ends: Ends, agrees: bool, remark: str
    ) -> Entry:
        return Entry(place, rules, ends.central, ends.left, ends.right, ends.h, agrees, remark)

    def _steps(self, place: tuple[int, ...]) -> list[float]:
        """The steps to try: the cube root of the precision is best for a smooth function."""
        x = abs(float(self.replay.base[place]))
        h = self.eps ** (1 / 3) * max(1.0, x)
        smaller = [h / 100, h / 10_000] if self.eps < 1e-12 else [h / 10]
        return [h, *smaller, *([h * x] if 0 < x < 1e-2 else [])]

    def _ends(self, place: tuple[int, ...], h: float) -> Ends:
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
        return Ends(less, still, more, h, left, right)

    def _level(self, values: dict[Any, Any]) -> float:
        """How large the numbers are whose differences are taken."""
        with np.errstate(all="ignore"):
            terms = np.absolute(self.seed * values[self.output])
        return float(np.sum(terms[np.isfinite(terms)]))

    def _rounding(self, h: float) -> float:
        return 30 * self.eps * max(self.level, 1e-300) / h

    def _close(self, rules: float, ends: Ends) -> bool:
        found = ends.central
        if not (math.isfinite(rules) and math.isfinite(found)):
            return False
        room = self.tolerance * max(abs(rules), abs(found), self.largest * 1e-2)
        return abs(rules - found) <= room + self._rounding(ends.h)

    def _comes_close(self, rules: float, tried: list[Ends]) -> bool:
        """Whether all that differs is the length of the step, as for x³ at 0: h² instead of 0."""
        errors = [abs(ends.central - rules) for ends in tried]
        return len(errors) > 1 and all(b < 0.5 * a for a, b in zip(errors, errors[1:]))

    def _is_noise(self, rules: float, ends: Ends) -> bool:
        """Whether what differs may come of rounding in any of the operations, as where large
        numbers cancel: a value v rounded by eps moves the output by eps × v × its gradient."""
        level = 0.0
        with np.errstate(all="ignore"):
            for step, g, _ in self.reasons.backwards():
                terms = np.absolute(np.multiply(g, step.node._value, dtype=np.float64))
                level += float(np.sum(terms[np.isfinite(terms)]))
        return abs(ends.central - rules) <= 2 * self.eps * level / ends.h

    # ---- in words -----------------------------------------------------------------------------

    def _tie(self, ends: Ends, place: tuple[int, ...]) -> str:
        """Of an entry that agrees: whether it stands on a kink all the same."""
        if ends.edge:
            return self.reasons.one_sided(ends)
        if ends.gap <= 1e-2 * ends.slope + 10 * self._rounding(ends.h):
            return ""
        finer = self._ends(place, ends.h / 10)
        if not 0.5 < finer.gap / ends.gap < 2:
            return ""
        return (
            f"{self.reasons.sides(ends)}; {self.reasons.where(ends)} has a kink here, and the "
            "rules take the middle, as the central difference does"
        )
