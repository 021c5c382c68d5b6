"""Splitting: the rows of arrays in two parts, one to train on and one to test on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nn.checks import flag
from nn.data import taken
from nn.parts import leaves, named
from nn.random import generator
from nn.rows import check_lengths, rows_of, several_of

__all__ = ["train_test_split"]


def train_test_split(
    *arrays: Any,
    test_size: float = 0.25,
    stratify: Any = None,
    shuffle: bool = True,
    rng: np.random.Generator | None = None,
) -> list[Any]:
    """Two parts of each array, the same rows in all: [a_train, a_test, b_train, b_test, ...].

    An array may also be a tuple or a dict of arrays, several inputs: all get the same rows.
    Args: test_size, a part of the rows (0.25, rounded up) or their number (an int); stratify,
        labels that both parts shall have in proportion (the rest goes to the largest remainders);
        shuffle=False takes the last rows for the test; rng, or the library's generator.
    Raises ValueError for unequal lengths, for an empty part, for a class of one row. Source:
    scikit-learn's train_test_split.

    >>> y = [0, 0, 0, 0, 0, 0, 1, 1]
    >>> x_train, x_test, y_train, y_test = train_test_split(np.eye(8), y, stratify=y, test_size=0.5)
    >>> x_train.shape, sorted(y_test.tolist())
    ((4, 8), [0, 0, 0, 1])
    """
    if not arrays:
        raise ValueError("train_test_split: give at least one array")
    names = [f"array {k}" for k in range(len(arrays))]
    parts = [several_of(f"train_test_split: {n}", a, rows_of) for n, a in zip(names, arrays)]
    flat = dict(entry for n, part in zip(names, parts) for entry in named(n, part))
    check_lengths("train_test_split", list(flat), list(flat.values()))
    rows = len(leaves(parts[0])[0])
    count = _test_count(test_size, rows)
    shuffle = flag("train_test_split: shuffle", shuffle)
    if stratify is not None:
        if not shuffle:
            raise ValueError("train_test_split: stratify needs shuffle=True: it chooses the rows")
        train, test = _stratified(_classes(stratify, rows), count, generator(rng))
    else:
        order = generator(rng).permutation(rows) if shuffle else np.arange(rows)
        train, test = order[: rows - count], order[rows - count :]
    return [taken(a, chosen) for a in parts for chosen in (train, test)]


def _test_count(test_size: Any, rows: int) -> int:
    if isinstance(test_size, (bool, np.bool_)) or not isinstance(
        test_size, (int, float, np.integer, np.floating)
    ):
        raise TypeError(
            "train_test_split: test_size must be a part (0.25) or a number of rows, got "
            f"{test_size!r}"
        )
    if isinstance(test_size, (int, np.integer)):
        count = int(test_size)
    elif 0 < test_size < 1:  # 0.07 of 100 rows is 7, although 0.07 * 100 is 7.000000000000001
        count = max(1, math.ceil(round(float(test_size) * rows, 9)))
    else:
        count = 0
    if not 1 <= count <= rows - 1:
        raise ValueError(
            f"train_test_split: test_size {test_size} of {rows} rows leaves a part empty; give a "
            f"part between 0 and 1, or an int from 1 to {rows - 1}"
            if rows > 1
            else f"train_test_split: {rows} rows do not make two parts"
        )
    return count


def _classes(stratify: Any, rows: int) -> Any:
    """The labels as numbers 0, 1, ..., one for each row."""
    labels = rows_of("train_test_split: stratify", stratify)
    check_lengths("train_test_split", ["the data", "stratify"], [np.empty(rows), labels])
    try:
        names, numbers, counts = np.unique(
            labels, return_inverse=True, return_counts=True, axis=0 if labels.ndim > 1 else None
        )
    except TypeError as error:
        raise TypeError(f"train_test_split: stratify cannot be sorted: {error}") from None
    if counts.min() < 2:
        lonely = names[counts.argmin()].tolist()
        raise ValueError(
            f"train_test_split: class {lonely!r} of stratify has 1 row, which cannot be in both "
            "parts; leave it out, join it with another, or do without stratify"
        )
    return numbers.reshape(-1)


def _stratified(labels: Any, count: int, rng: np.random.Generator) -> tuple[Any, Any]:
    sizes = np.bincount(labels.astype(np.intp, copy=False)).astype(np.int64)  # products are large
    for part, number in (("test", count), ("train", len(labels) - count)):
        if number < len(sizes):
            raise ValueError(
                f"train_test_split: a {part} part of {number} rows has no room for the "
                f"{len(sizes)} classes of stratify"
            )
    wanted, remainder = np.divmod(sizes * count, len(labels))  # in integers: ties are exact
    wanted[np.argsort(-remainder, kind="stable")[: count - wanted.sum()]] += 1
    sizes, wanted = sizes.astype(np.intp, copy=False), wanted.astype(np.intp, copy=False)
    order = rng.permutation(len(labels))
    by_class = np.argsort(labels[order], kind="stable")  # places in `order`, class after class
    within = np.arange(len(labels)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    in_test = np.empty(len(labels), bool)
    in_test[by_class] = within < np.repeat(wanted, sizes)
    return order[~in_test], order[in_test]
