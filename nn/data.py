"""Data: batches, a split into two parts, and columns of one scale.

Everything here takes arrays, lists, Tensors (their values) and pandas objects, and gives fresh
arrays: writing into what comes out never changes what went in. Several arrays that belong together
are a tuple or a dict of arrays.

May import: autograd, parts, random.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from numbers import Real
from typing import Any

import numpy as np

from autograd import Tensor
from nn.parts import as_numbers, is_several, leaves, mapped, named
from nn.random import generator, get_state, set_state

__all__ = ["DataLoader", "standardize", "taken", "train_test_split"]


# ---- what data may be ---------------------------------------------------------------------------


def _rows(what: str, data: Any) -> Any:
    """The data as an array with an axis of rows; `what` names it in errors: "DataLoader: x"."""
    if isinstance(data, Tensor):
        if data.requires_grad:
            raise TypeError(
                f"{what} is a Tensor that requires a gradient, which its rows would lose; give "
                "the values alone: .detach()"
            )
        data = data.data
    if type(data).__name__ == "MaskedArray":
        raise TypeError(f"{what} is a masked array, whose mask would be lost; use .filled(value)")
    if _of_samples(data):
        raise TypeError(
            f"{what} holds samples that have parts, (x, y) each; give arrays: "
            "x, y = map(np.stack, zip(*samples)), or all of it to Trainer.fit"
        )
    try:
        array = np.asarray(data)
    except ValueError:
        pair = isinstance(data, tuple) and len(data) == 2
        raise ValueError(
            f"{what} holds lists of unequal lengths; every row must have as many values"
            + "; give x and y as two arguments, not as one tuple" * pair
            + _SEVERAL * _of_arrays(data)
        ) from None
    if not array.ndim:
        got = "one number" if array.dtype.kind in "biuf" else type(data).__name__
        raise TypeError(f"{what} must be an array or a list with one row a sample, got {got}")
    return array


_SEVERAL = "; several inputs are a tuple of arrays, (x1, x2), or a dict of them, not a list"


def _of_samples(data: Any) -> bool:
    """Whether this is a list, or a data set of PyTorch's kind, whose samples are tuples of arrays:
    NumPy would make one array of both parts where they have the same shape."""
    rows = hasattr(data, "__getitem__") and hasattr(data, "__len__")
    if not rows or isinstance(data, (tuple, dict)) or hasattr(data, "__array__") or not len(data):
        return False
    first = data[0]
    return isinstance(first, tuple) and is_several(first)


def _of_arrays(data: Any) -> bool:
    """Whether this is a list of arrays with rows, which looks like several inputs."""
    return isinstance(data, list) and any(getattr(part, "ndim", 0) > 1 for part in data)


def _several(what: str, data: Any, one: Callable[[str, Any], Any]) -> Any:
    """One array, or a tuple or a dict of them, as `one` makes them."""
    if not is_several(data):
        return one(what, data)
    kind, arrays = type(data).__name__, []
    if not data:
        raise TypeError(
            f"{what} must be an array, or a tuple or a dict of arrays; got an empty dict"
        )
    for name, part in named(what, data):
        if not getattr(part, "shape", ()) and not isinstance(part, list):
            raise TypeError(
                f"{what} must be an array, or a tuple or a dict of arrays, with a row for each "
                f"sample; got {kind} that holds {part!r:.40}"
            )
        arrays.append(one(name, part))
    if not all(isinstance(name, str) for name in (data if isinstance(data, dict) else ())):
        raise TypeError(f"{what}: the names of several inputs must be texts, got {list(data)}")
    return dict(zip(data, arrays)) if isinstance(data, dict) else tuple(arrays)


def _numbers(what: str, data: Any) -> Any:
    array = as_numbers(_rows(what, data))
    if array.dtype.kind in "biuf" or not array.size:
        return array
    cure = "use .astype(float) where every value is a number, and encode or drop the rest"
    if array.dtype.kind in "OUST" and array.ndim == 1:
        cure = "number the classes: np.unique(names, return_inverse=True)[1]"
    raise TypeError(f"{what} must hold numbers, got {array.dtype}: {_first(array)}; {cure}")


def _first(array: Any) -> str:
    """The first value that is no real number (or else the first), as an error shows it."""
    value = repr(next((v for v in array.flat if not isinstance(v, Real)), array.flat[0]))
    return value if len(value) <= 40 else value[:37] + "..."


def _check_lengths(what: str, names: list[str], arrays: list[Any], cure: str = "") -> None:
    if len({len(a) for a in arrays}) > 1:
        lengths = ", ".join(f"{name} has {len(a)}" for name, a in zip(names, arrays))
        raise ValueError(
            f"{what}: each sample needs a row in every array, but {lengths} rows{cure}"
        )


def _check_flag(what: str, flag: Any) -> bool:
    if not isinstance(flag, (bool, np.bool_)):
        raise TypeError(f"{what} must be True or False, got {flag!r}")
    return bool(flag)


# ---- batches ------------------------------------------------------------------------------------


class DataLoader:
    """Batches of data: each loop over it is an epoch of (x_batch, y_batch), or x_batch without y.

    Args: x and y, one row a sample, or each a tuple or a dict of such arrays; batch_size,
        32 if left out (or all rows if there are fewer);
        shuffle, a new order each epoch, from rng or the library's generator; drop_last, to leave
        out a last batch that is smaller; transform(x_batch), to change or augment each batch
        (`rng = nn.manual_seed(seed)` is the library's generator, which checkpoints save).
    Batches are copies. `len()` is the number of batches of an epoch. Several loops at once go
    through the data independently of each other.
    Raises ValueError for unequal lengths, no rows, a batch_size below 1 or above the rows;
    TypeError for what is no number. Source: PyTorch's DataLoader and TensorDataset in one.

    >>> loader = DataLoader([[0.0], [1.0], [2.0]], [0, 1, 1], batch_size=2)
    >>> for x, y in loader: print(x.tolist(), y)
    [[0.0], [1.0]] [0 1]
    [[2.0]] [1]
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        shuffle: bool = False,
        drop_last: bool = False,
        rng: np.random.Generator | None = None,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        self.x = _several("DataLoader: x", x, _numbers)
        self.y = None if y is None else _several("DataLoader: y", y, _numbers)
        arrays = dict([*named("x", self.x), *(named("y", self.y) if self.y is not None else ())])
        _check_lengths("DataLoader", list(arrays), list(arrays.values()), _SEVERAL * _of_arrays(x))
        self._rows = self._count()
        if not self._rows:
            raise ValueError("DataLoader: the data is empty, it has no rows")
        self.batch_size = _checked_batch_size(batch_size, self._rows)
        self.shuffle = _check_flag("DataLoader: shuffle", shuffle)
        self.drop_last = _check_flag("DataLoader: drop_last", drop_last)
        self.rng = None if rng is None else generator(rng)
        if transform is not None and not callable(transform):
            raise TypeError(f"DataLoader: transform must be a function, got {transform!r}")
        self.transform = transform
        self._newest = _Place()  # of the loop that was begun last
        self._older: _Place | None = None  # of one that went on although another was begun later
        self._restored = False

    def __len__(self) -> int:
        full, rest = divmod(self._rows, self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def _count(self) -> int:
        return len(leaves(self.x)[0])

    def __iter__(self) -> Iterator[Any]:
        if not self._restored:
            order = generator(self.rng).permutation(self._rows) if self.shuffle else None
            self._newest = _Place(order)
        self._restored = False
        return self._batches(self._newest)

    def _batches(self, place: _Place) -> Iterator[Any]:
        while place.position < len(self):
            if place is not self._newest:
                self._older = place
            start = place.position * self.batch_size
            rows = slice(start, start + self.batch_size)
            batch = self._taken(rows if place.order is None else place.order[rows])
            place.position += 1
            yield batch
        self._newest = _Place()
        self._older = None if self._older is place else self._older

    def _taken(self, rows: Any) -> Any:
        """The batch of these rows, a slice or their numbers: x alone, or (x, y)."""
        x = taken(self.x, rows)
        x = x if self.transform is None else _transformed(self.transform, x)
        return x if self.y is None else (x, taken(self.y, rows))

    def __repr__(self) -> str:
        return (
            f"DataLoader({self._rows} rows, batch_size={self.batch_size}, shuffle={self.shuffle}, "
            f"drop_last={self.drop_last})"
        )

    def state_dict(self) -> dict[str, Any]:
        """The place in the epoch under way: its order, the batches given so far, and the own rng's
        state (None if the library's generator is used).

        It tells of the loop that was begun last, also if that was broken off. Raises RuntimeError
        where loops run inside each other, for then there is more than one place.

        >>> loader = DataLoader(np.zeros((4, 1)), batch_size=2)
        >>> for batch in loader: break
        >>> loader.state_dict()
        {'order': None, 'position': 1, 'rng': None, 'rows': 4, 'batch_size': 2}
        """
        if self._older is not None:
            raise RuntimeError(
                "DataLoader.state_dict: two loops over this loader are under way, so there is no "
                "one place to save; make a DataLoader for each loop"
            )
        order = self._newest.order
        return {
            "order": None if order is None else order.copy(),
            "position": self._newest.position,
            "rng": None if self.rng is None else get_state(self.rng),
            "rows": self._rows,
            "batch_size": self.batch_size,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on at a saved place: the next loop gives the rest of that epoch, in its order.

        The loop after that draws a new order. Raises ValueError, with all complaints at once, for a
        state that does not fit, and changes nothing then. At an epoch's end (position 0, no order)
        the data and the batch size may differ from the saved ones.
        """
        complaints = [*self._misfits(state), *_rng_misfits(self.rng, state)]
        if complaints:
            raise ValueError("DataLoader.load_state_dict: " + "; ".join(complaints))
        order, position = state["order"], int(state["position"])
        order = None if order is None else np.array(order, np.intp)
        if self.rng is not None:
            set_state(state["rng"], self.rng)
        self._newest, self._older = _Place(order, position), None
        self._restored = order is not None or position > 0

    def _misfits(self, state: dict[str, Any]) -> Iterator[str]:
        """What speaks against going on at this place."""
        keys = ["order", "position", "rng", "rows", "batch_size"]
        if not isinstance(state, dict) or set(state) != set(keys):
            got = sorted(map(str, state)) if isinstance(state, dict) else type(state).__name__
            yield f"expected a dict of {keys}, got {got}"
            return
        order, position = state["order"], state["position"]
        if order is None and position == 0:
            return
        for key, here in (("rows", self._rows), ("batch_size", self.batch_size)):
            if state[key] != here:
                yield f"{key} was {state[key]} when the epoch began, and is {here} here"
        if self.shuffle != (order is not None):
            yield f"the epoch was {'not ' * self.shuffle}shuffled, but shuffle={self.shuffle} here"
        if type(position) is not int or not 0 <= position <= len(self):
            yield f"position must be an int from 0 to {len(self)}, got {position!r}"
        if order is not None and not _is_order(order, self._rows):
            yield f"order must hold each number from 0 to {self._rows - 1} once"


class _Place:
    """Where a loop stands: the order of its epoch, and the number of batches given so far."""

    __slots__ = ("order", "position")

    def __init__(self, order: Any = None, position: int = 0) -> None:
        self.order, self.position = order, position


def taken(data: Any, rows: Any) -> Any:
    """Copies of these rows, a slice or their numbers, of an array or of several."""
    if data.__class__ is not np.ndarray:
        return mapped(lambda array: taken(array, rows), data)
    if rows.__class__ is slice:
        return data[rows].copy()
    return data.take(rows, axis=0)  # a third faster than data[rows]


def _transformed(transform: Callable[[Any], Any], x: Any) -> Any:
    result, rows = transform(x), len(leaves(x)[0])
    for part in leaves(result):
        shape = getattr(part, "shape", None)
        if not shape or shape[0] != rows:
            got = type(part).__name__ if shape is None else f"shape {shape}"
            raise ValueError(
                f"DataLoader: transform must return an array with the batch's {rows} rows, got "
                f"{got}"
            )
    return result


def _checked_batch_size(batch_size: Any, rows: int) -> int:
    if batch_size is None:
        return min(32, rows)
    if isinstance(batch_size, (bool, np.bool_)) or not hasattr(batch_size, "__index__"):
        raise TypeError(f"batch_size must be an int or None, got {batch_size!r}")
    size = operator.index(batch_size)
    if size < 1:
        raise ValueError(f"batch_size must be at least 1, got {size}")
    if size > rows:
        raise ValueError(
            f"batch_size {size} is larger than the data, {rows} row{'s' * (rows > 1)}; use "
            f"batch_size={rows} for one batch of everything, or leave it out"
        )
    return size


def _is_order(order: Any, rows: int) -> bool:
    order = np.asarray(order)
    return (
        order.shape == (rows,)
        and order.dtype.kind in "iu"
        and bool(np.array_equal(np.sort(order), np.arange(rows)))
    )


def _rng_misfits(rng: np.random.Generator | None, state: Any) -> Iterator[str]:
    """What speaks against this generator taking over the saved state."""
    saved: Any = state.get("rng") if isinstance(state, dict) else None
    if rng is None and saved is not None:
        yield "the saved loader had a generator of its own: give this one rng=..."
    elif rng is not None and saved is None:
        yield "the saved loader used the library's generator: leave rng out here"
    elif rng is not None:
        try:  # on another generator of the kind, so that nothing changes
            set_state(saved, np.random.Generator(type(rng.bit_generator)()))
        except ValueError as error:
            yield f"the saved state does not fit rng: {error}"


# ---- splitting ----------------------------------------------------------------------------------


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
    parts = [_several(f"train_test_split: {n}", a, _rows) for n, a in zip(names, arrays)]
    flat = dict(entry for n, part in zip(names, parts) for entry in named(n, part))
    _check_lengths("train_test_split", list(flat), list(flat.values()))
    rows = len(leaves(parts[0])[0])
    count = _test_count(test_size, rows)
    shuffle = _check_flag("train_test_split: shuffle", shuffle)
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
    labels = _rows("train_test_split: stratify", stratify)
    _check_lengths("train_test_split", ["the data", "stratify"], [np.empty(rows), labels])
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


# ---- scaling ------------------------------------------------------------------------------------


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
    parts = [_numbers(f"standardize: {n}", part) for n, part in zip(names, (train, *others))]
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
