"""What arguments must be: whole numbers, numbers, flags, one of some words: checked here alone.

`what` names the argument in messages, as "Adam: lr". A value of the wrong kind raises TypeError,
one out of range ValueError. NumPy's numbers, and Tensors of one element, are numbers; a truth value
is none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from operator import ge, gt, le, lt
from typing import Any

import numpy as np

from autograd import Tensor

__all__ = ["PLAIN", "Named", "complain", "flag", "floating", "number", "one_of", "plain", "whole"]


class Named:
    """An argument in messages, "name: what", put together where it is told: the name may be a
    layer, whose `repr` takes ten times as long as the check.

    >>> str(Named("Conv2d", "stride"))
    'Conv2d: stride'
    """

    __slots__ = ("name", "what")

    def __init__(self, name: Any, what: str) -> None:
        self.name, self.what = name, what

    def __str__(self) -> str:
        return f"{self.name}: {self.what}"


PLAIN = frozenset([float, int, bool])  # what needs no second look


def plain(value: Any) -> Any:
    """A NumPy number as Python's, which leaves float32 arrays float32; also inside of lists."""
    if value.__class__ in PLAIN:
        return value
    if isinstance(value, (tuple, list)):
        return (list if isinstance(value, list) else tuple)(plain(member) for member in value)
    single = isinstance(value, (np.generic, np.ndarray, Tensor)) and value.size == 1
    return value.item() if single else value


def number(
    what: object, value: Any, *, least: float | None = None, above: float | None = None,
    most: float | None = None, below: float | None = None, finite: bool = True,
) -> float:  # fmt: skip
    """A number within these bounds, not nan; finite, False for one that may be infinite.

    >>> number("momentum", np.float32(0.5), least=0, below=1)
    0.5
    """
    found = value if value.__class__ is float else _number(what, value)
    if (
        (least is None or found >= least)
        and (above is None or found > above)
        and (most is None or found <= most)
        and (below is None or found < below)
        and (-math.inf < found < math.inf or (not finite and found == found))
    ):
        return float(found)
    limits = ((least, ">=", ge), (above, "above", gt), (most, "<=", le), (below, "below", lt))
    for limit, word, holds in limits:
        if limit is not None and not holds(found, limit):
            raise ValueError(f"{what} must be {word} {limit:g}, got {found}")
    kind = "number" if math.isnan(found) else "finite number"
    raise ValueError(f"{what} must be a {kind}, got {found}")


def _number(what: object, value: Any) -> Any:
    """A number of any kind as one of Python's."""
    found = plain(value)
    if isinstance(value, Tensor) and value.requires_grad:  # its gradient would be lost
        found = None
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        raise TypeError(f"{what} must be a number, got {value!r}")
    return found


def whole(what: object, value: Any, *, least: int | None = None) -> int:
    """A whole number: of Python, of NumPy, or what says that it is one by `__index__`.

    >>> whole("patience", np.int64(3), least=1)
    3
    """
    if isinstance(value, (bool, np.bool_)) or not hasattr(value, "__index__"):
        raise TypeError(f"{what} must be a whole number, got {value!r}")
    try:
        found = value.__index__()
    except TypeError:  # of an array of several, or of floats
        raise TypeError(f"{what} must be a whole number, got {value!r}") from None
    if least is not None and found < least:
        raise ValueError(f"{what} must be >= {least}, got {found}")
    return int(found)


def flag(what: object, value: Any, *, numbers: bool = False) -> bool:
    """True or False; numbers, True to take 1 and 0 for them, as files have them."""
    found = plain(value)
    counted = numbers and found.__class__ in PLAIN and found in (0, 1)
    if found.__class__ is not bool and not counted:
        raise TypeError(f"{what} must be True or False, got {value!r}")
    return bool(found)


def floating(what: object, value: Any) -> np.dtype[Any]:
    """A dtype of real numbers with a point: np.float32, "float64", ...

    >>> floating("Linear: dtype", "float64")
    dtype('float64')
    """
    try:
        found = np.dtype(value)
    except TypeError:
        found = np.dtype(bool)
    if found.kind != "f" or value is None:  # which NumPy takes for float64, PyTorch for float32
        raise TypeError(f"{what} must be np.float16, np.float32 or np.float64, got {value!r}")
    return found


def one_of(what: object, value: Any, words: Iterable[str]) -> str:
    """One of these words."""
    words = list(words)
    if not isinstance(value, str) or value not in words:
        known = ", ".join(map(repr, words[:-1])) + f" or {words[-1]!r}"
        raise ValueError(f"{what} must be {known}, got {value!r}")
    return value


def complain(head: str, complaints: list[str]) -> None:
    """Raise ValueError that lists everything that is wrong, a line each; nothing for nothing."""
    if complaints:
        raise ValueError(f"{head}:" + "".join(f"\n    {complaint}" for complaint in complaints))
