"""Scaling: columns of one mean and one spread."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from nn.rows import numbers_of

__all__ = ["standardize"]


def standardize(train: Any, *others: Any) -> Any:
    """(x - mean) / std of each column, both taken from the train part alone, for all parts.

    A constant column becomes 0 (in other parts its distance from that constant). Floats keep their
    dtype, integers become float64; std divides by n. Returns one array for one, a tuple for more.
    Raises ValueError for a nan or an infinity, naming its place, and for columns that do not match.
    Source: scikit-learn's StandardScaler.

    >>> standardize([[1.0, 5.0], [3.0, 5.0]], [[5.0, 6.0]])
    (array([[-1.,  0.],
           [ 1.,  0.]]), array([[3., 1.]]))
    """
    names = ["the train part", *(f"part {k}" for k in range(1, len(others) + 1))]
    parts = [numbers_of(f"standardize: {n}", part) for n, part in zip(names, (train, *others))]
    if not parts[0].size:
        raise ValueError(f"standardize: the train part is empty, its shape is {parts[0].shape}")
    for name, part in zip(names, parts):
        if part.shape[1:] != parts[0].shape[1:]:
            raise ValueError(
                f"standardize: {name} has rows of shape {part.shape[1:]}, the train part of "
                f"{parts[0].shape[1:]}; the columns must be the same"
            )
        _check_finite(f"standardize: {name}", part)
    statistics = _statistics(parts[0])
    scaled = [_scaled(part, *statistics) for part in parts]
    return tuple(scaled) if others else scaled[0]


def _check_finite(what: str, array: Any) -> None:
    finite = np.isfinite(array)
    if not finite.all():
        row, *column = (int(i) for i in np.argwhere(~finite)[0])
        where = f"row {row}" + f", column {column[0] if len(column) == 1 else tuple(column)}" * (
            len(column) > 0
        )
        raise ValueError(
            f"{what} holds {array[(row, *column)]} in {where} (counted from 0); fill it in, or "
            "leave the row or the column out"
        )


def _blocks(array: Any) -> Iterator[tuple[slice, Any]]:
    """Some rows at a time in double precision: a copy of everything would take twice the memory."""
    step = max(1, 2**20 // max(1, math.prod(array.shape[1:])))
    for start in range(0, len(array), step):
        rows = slice(start, start + step)
        yield rows, array[rows].astype(np.float64)


def _statistics(train: Any) -> tuple[Any, Any, Any, Any]:
    """The lowest value and the span of each column; mean and std measured from there, in spans.

    So nothing overflows, and nothing is lost of a small spread around a large mean.
    """
    low, high = train.min(axis=0).astype(np.float64), train.max(axis=0).astype(np.float64)
    constant = low == high
    with np.errstate(over="ignore"):
        span = np.where(constant, 1.0, high - low)
    if not np.isfinite(span).all():
        raise ValueError("standardize: a column spans more than 1.8e308; give it a larger unit")
    mean = sum(((rows - low) / span).sum(axis=0) for _, rows in _blocks(train)) / len(train)
    squares = sum((((rows - low) / span - mean) ** 2).sum(axis=0) for _, rows in _blocks(train))
    return low, span, mean, np.where(constant, 1.0, np.sqrt(squares / len(train)))


def _scaled(part: Any, low: Any, span: Any, mean: Any, std: Any) -> Any:
    scaled = np.empty(part.shape, part.dtype if part.dtype.kind == "f" else np.float64)
    for rows, values in _blocks(part):
        scaled[rows] = ((values - low) / span - mean) / std
    return scaled
