"""What is said of a value in a few characters: numbers, statistics, heat strips, alarms.

Nothing is drawn here; every writer takes its texts of numbers from here, so that a value reads
the same in all of them. Arrays are whatever a node holds: arrays, NumPy scalars, Python numbers.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from autograd.graph.data import Node
from autograd.graph.flow import rounding
from autograd.graph.traits import traits_of

__all__: list[str] = []

_PLAIN = 1e6  # numbers below are written without an exponent
_SQUARED = (1e-140, 1e140)  # what many of can be squared and added without becoming 0 or infinite
CHANCE = 100  # batches of which one may show a dead unit by chance alone


def short(value: Any, digits: int = 4, letters: int = 28) -> str:
    """One number, or a small array, in a few characters; of a larger array its shape.

    `digits` is how many significant digits a number keeps, `letters` how many characters an array
    may take.

    >>> short(2.5), short(-0.000012), short(1 / 3), short(float("nan"))
    ('2.5', '-1.2e-05', '0.3333', 'nan')
    >>> short([1.0, -2.0, 3.0]), short(np.zeros((32, 10)))
    ('[1, -2, 3]', '(32, 10)')
    """
    array = np.asarray(value)
    if array.ndim == 0:
        return _number(array.item(), digits)
    if 0 < array.size <= letters // 2:
        text = _nested(array.tolist(), digits)
        if len(text) <= letters:
            return text
    return str(array.shape)


def _number(value: Any, digits: int) -> str:
    if not isinstance(value, float):
        text = str(value)  # True, 7, and whatever else an array may hold
        if not isinstance(value, int) or len(text) <= 9:
            return text
        value = float(value)
    if math.isfinite(value) and 1 <= abs(value) < _PLAIN:  # 12345.6 is 12346, not 1.235e+04
        digits = max(digits, len(str(int(abs(value)))))
    text = f"{value:.{digits}g}"
    return "0" if text == "-0" else text


def _nested(entries: Any, digits: int) -> str:
    """Nested lists as text; as deep as an array has axes, 64 at most."""
    if not isinstance(entries, list):
        return _number(entries, digits)
    return f"[{', '.join(_nested(entry, digits) for entry in entries)}]"


class Statistics(NamedTuple):
    """What is known of an array: of its finite entries the first four, nan if there are none."""

    min: float
    mean: float
    max: float
    std: float
    zeros: int
    nan: int
    inf: int
    count: int  # type: ignore[assignment]  # (hides the tuple's method, which nobody needs)


def settled(array: Any, noise: float) -> Any:
    """The array with 0 in place of what is noise: nobody should read a meaning into -9.3e-18.

    >>> settled([1.0, -9.3e-18], 1e-16).tolist()
    [1.0, 0.0]
    """
    values = np.asarray(array)
    return np.where(np.absolute(values) <= noise, 0, values) if noise else values


def _floats(array: Any) -> Any:
    """As float64; what is beyond its range is infinite."""
    with np.errstate(all="ignore"):
        return np.asarray(array, np.float64)


def statistics(array: Any) -> Statistics:
    """Least, mean and greatest finite entry, their spread, and counts; never a warning. A mean that
    is only `rounding` is 0.

    >>> statistics([0.0, 4.0, np.inf, np.nan])
    Statistics(min=0.0, mean=2.0, max=4.0, std=2.0, zeros=1, nan=1, inf=1, count=4)
    """
    given = np.asarray(array).ravel()
    flat = _floats(given)  # float16 would overflow in the sum
    finite = flat[np.isfinite(flat)]
    nan = int(np.isnan(flat).sum())
    counts = (int((flat == 0).sum()), nan, flat.size - finite.size - nan, flat.size)
    if not finite.size:
        return Statistics(math.nan, math.nan, math.nan, math.nan, *counts)
    low, high = float(finite.min()), float(finite.max())
    unit = max(-low, high)
    unit = 1.0 if _SQUARED[0] < unit < _SQUARED[1] else unit or 1.0
    with np.errstate(all="ignore"):
        parts = finite if unit == 1 else finite / unit
        mean, std = float(parts.mean()) * unit, float(parts.std()) * unit
        noise = rounding(given[np.isfinite(flat)]) / finite.size
    mean = 0.0 if abs(mean) <= noise else mean
    return Statistics(low, min(max(mean, low), high), high, std, *counts)


def summary(array: Any, digits: int = 4) -> str:
    """A line about an array.

    >>> summary([-3.0, 0.5, 2.5]), summary(np.ones(9)), summary([0.0, np.nan, 1.0])
    ('mean 0, -3 to 2.5', 'all 1', 'mean 0.5, 0 to 1, 1 nan')
    """
    known = statistics(array)
    if not known.count:
        return "empty"
    parts = []
    if known.nan + known.inf < known.count:
        mean, least, most = (short(n, digits) for n in (known.mean, known.min, known.max))
        same = known.min == known.max
        parts.append(f"all {least}" if same else f"mean {mean}, {least} to {most}")
    parts += [
        f"{count} {what}" for count, what in ((known.nan, "nan"), (known.inf, "inf")) if count
    ]
    return ", ".join(parts)


def strip(array: Any, cells: int = 16) -> list[float]:
    """The array as a row of at most `cells` numbers from -1 to 1, for a strip of colours.

    A cell is an entry, or, where these are too many, the mean of a column (of the last axis; of
    several columns side by side, if need be), in parts of the array's largest magnitude: columns
    whose entries cancel are pale. A column with a nan is nan, one with an infinity ±1.

    >>> strip([1.0, -2.0, 0.0]), strip([1.0, 3.0, 0.0, -8.0], cells=2)
    ([0.5, -1.0, 0.0], [0.25, -0.5])
    >>> strip([[4.0, 1.0], [-4.0, 3.0]], cells=2)
    [0.0, 0.5]
    """
    values = _floats(array)
    if not values.size:
        return []
    if values.size <= cells or values.ndim < 2 or values.shape[-1] == 1:
        values = values.reshape(1, -1)
    columns = values.reshape(-1, values.shape[-1])
    largest = float(np.absolute(columns[np.isfinite(columns)]).max(initial=0.0)) or 1.0
    with np.errstate(all="ignore"):  # where the user asked for errors, too
        scaled = np.where(np.isinf(columns), np.sign(columns), columns / largest)
    runs = np.array_split(scaled, min(cells, columns.shape[1]), axis=1)
    infinite = np.array_split(np.isinf(columns), len(runs), axis=1)
    return [_level(run, where) for run, where in zip(runs, infinite)]


def _level(run: Any, infinite: Any) -> float:
    """What a cell shows: the mean; nan where there is one, and the sign of an infinity."""
    if infinite.any() and not np.isnan(run).any():
        return float(run[infinite][0])
    return float(run.mean())


class Tiles(NamedTuple):
    """The first matrices of an array of three or more axes, as numbers from -1 to 1."""

    matrices: Any  # (count, rows, columns)
    of: int  # how many there are in all
    each: int  # how many stand together, along the axis before them


def tiles(array: Any, most: int) -> Tiles:
    """The first `most` matrices of an array, in parts of its largest magnitude.

    Of several groups of matrices (the maps of one sample, the kernels of one result) whole ones
    are taken, if one fits.

    >>> tiles(np.ones((4, 6, 1, 2)), 16).matrices.shape
    (12, 1, 2)
    """
    values = np.asarray(array)
    (*ahead, rows, columns), each = values.shape, values.shape[-3]
    count = math.prod(ahead)
    shown = min(count, most // each * each if each <= most else most)
    values = _floats(values)
    largest = float(np.absolute(values[np.isfinite(values)]).max(initial=0.0)) or 1.0
    matrices = values.reshape(count, rows, columns)[:shown]
    with np.errstate(all="ignore"):
        scaled = np.where(np.isinf(matrices), np.sign(matrices), matrices / largest)
    return Tiles(scaled, count, each)


def in_blocks(matrices: Any, rows: int, columns: int) -> Any:
    """Matrices of at most so many rows and columns: means of blocks, smaller ones at the ends.

    >>> in_blocks(np.array([[[0.0, 2.0, 4.0]]]), 1, 2)
    array([[[1., 4.]]])
    """
    for axis, most in ((1, rows), (2, columns)):
        length = matrices.shape[axis]
        starts = np.arange(0, length, -(-length // most))
        counts = np.diff([*starts, length]).reshape(-1, *[1] * (2 - axis))
        with np.errstate(all="ignore"):
            matrices = np.add.reduceat(matrices, starts, axis) / counts
    return matrices


def alarms(node: Node) -> tuple[str, ...]:
    """What should stand out in a node: nan, inf, units that are dead, a gradient that vanished.

    A unit is dead where relu gives 0 for every row of a batch: no gradient reaches its weights. It
    takes so many rows that, were each 0 in half of them by chance, one in a hundred batches would
    show such a unit.

    >>> alarms(Node("n0", "input", value=np.array([1.0, np.nan]), shape=(2,)))
    ('nan in the value',)
    """
    found = _not_finite(node.value, "value") + _not_finite(node.gradient, "gradient")
    found += _dead(node)
    if node.state == "computed" and node.gradient is not None:
        gradient = np.asarray(node.gradient)
        if gradient.size > 1 and not gradient.any():
            found.append("gradient is all zero")
    return tuple(found)


def _not_finite(value: Any, what: str) -> list[str]:
    if value is None or np.asarray(value).dtype.kind not in "fc":
        return []
    array = np.asarray(value)
    tests = (("nan", np.isnan), ("inf", np.isinf))
    return [f"{name} in the {what}" for name, test in tests if test(array).any()]


def _dead(node: Node) -> list[str]:
    if node.value is None or not traits_of(node).rectifies:
        return []
    value = np.asarray(node.value)
    if value.ndim != 2 or value.shape[1] * CHANCE > 2.0 ** len(value):
        return []  # of few rows about so many units give 0 by chance
    dead = int((value == 0).all(axis=0).sum())
    return [f"dead: {dead} of {value.shape[1]} units give 0 for every row"] if dead else []
