"""Several arrays as one: a tuple or a dict of arrays, each with a row for each sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from numbers import Real
from typing import Any

import numpy as np

__all__ = ["as_numbers", "as_several", "called", "is_several", "leaves", "mapped", "named"]


def is_several(value: Any) -> bool:
    """Whether this is a dict, or a tuple of arrays; one of lists or numbers is a list of rows.

    >>> is_several((np.zeros(3), np.ones(3))), is_several(((0, 1), (1, 1)))
    (True, False)
    """
    return isinstance(value, dict) or isinstance(value, tuple) and _of_arrays(value)


def as_several(value: Any) -> Any:
    """A list of arrays, as a model may give them, as a tuple; all else as it is."""
    return tuple(value) if isinstance(value, list) and _of_arrays(value) else value


def _of_arrays(value: Any) -> bool:
    return any(getattr(part, "shape", ()) for part in value)


def mapped(function: Callable[[Any], Any], value: Any) -> Any:
    """What a function makes of each array, in a tuple or a dict as they came; or of the one."""
    if isinstance(value, tuple):
        return tuple(function(part) for part in value)
    if isinstance(value, dict):
        return {name: function(part) for name, part in value.items()}
    return function(value)


def leaves(value: Any) -> list[Any]:
    """The arrays, in their order.

    >>> leaves({"a": 1, "b": 2}), leaves(3)
    ([1, 2], [3])
    """
    if isinstance(value, tuple):
        return list(value)
    return list(value.values()) if isinstance(value, dict) else [value]


def named(what: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Each array with its name: "x" for one, "x[0]" or "x['a']" for several."""
    if isinstance(value, tuple):
        yield from ((f"{what}[{place}]", part) for place, part in enumerate(value))
    elif isinstance(value, dict):
        yield from ((f"{what}[{key!r}]", part) for key, part in value.items())
    else:
        yield what, value


def called(function: Callable[..., Any], value: Any) -> Any:
    """A function of several inputs: of the parts of a tuple in order, of those of a dict by name.

    >>> called(pow, (2, 3))
    8
    """
    if isinstance(value, tuple):
        return function(*value)
    return function(**value) if isinstance(value, dict) else function(value)


def as_numbers(array: Any) -> Any:
    """An array of objects that are all numbers, such as columns of pandas, as one of numbers.

    Whole numbers stay whole; what holds anything else, None for instance, is given back as it is.

    >>> as_numbers(np.array([1, 2], dtype=object))
    array([1, 2])
    """
    if array.dtype != object or not array.size:
        return array
    kinds = {type(value) for value in array.flat}
    if not all(issubclass(kind, (Real, np.bool_)) for kind in kinds):
        return array
    for flags, kind in (((bool, np.bool_), np.bool_), ((int, np.integer), np.int64)):
        if all(issubclass(k, flags) and (kind is np.bool_ or k is not bool) for k in kinds):
            try:
                return array.astype(kind)
            except OverflowError:  # beyond 64 bits
                pass
    return array.astype(np.float64)
