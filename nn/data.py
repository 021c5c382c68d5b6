"""Data: batches of arrays, epoch after epoch, and the place among them.

What comes out is a copy: writing into it never changes what went in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from nn.checks import flag, whole
from nn.parts import leaves, mapped, named
from nn.random import generator, get_state, set_state
from nn.rows import check_lengths, numbers_of, several_hint, several_of

__all__ = ["DataLoader", "taken"]


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
        self.x = several_of("DataLoader: x", x, numbers_of)
        self.y = None if y is None else several_of("DataLoader: y", y, numbers_of)
        arrays = dict([*named("x", self.x), *(named("y", self.y) if self.y is not None else ())])
        check_lengths("DataLoader", list(arrays), list(arrays.values()), several_hint(x))
        self._rows = self._count()
        if not self._rows:
            raise ValueError("DataLoader: the data is empty, it has no rows")
        self.batch_size = _checked_batch_size(batch_size, self._rows)
        self.shuffle = flag("DataLoader: shuffle", shuffle)
        self.drop_last = flag("DataLoader: drop_last", drop_last)
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
        count = len(self)
        while place.position < count:
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
    if data.__class__ is rows.__class__ is np.ndarray:
        flags = data.flags
        if flags.c_contiguous and flags.aligned:
            return data.take(rows, 0)  # a third faster than data[rows], but copies others whole
        return np.ascontiguousarray(data[rows])
    if data.__class__ is np.ndarray:
        return data[rows].copy()
    return mapped(lambda array: taken(array, rows), data)


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
    size = whole("batch_size", batch_size, least=1)
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
