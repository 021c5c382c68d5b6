"""What gives the batches of a run: rows of arrays, samples of a data set, a loader of others.

Nothing here copies everything: rows are taken, and cast to the model's floats, batch by batch.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from nn.data import DataLoader, taken
from nn.parts import as_several, called, is_several, leaves, mapped
from nn.training.arguments import some_rows
from nn.training.totals import plain

__all__ = [
    "JUDGED",
    "Batches",
    "Loader",
    "Part",
    "Samples",
    "answers",
    "ends_with_one_row",
    "has_targets",
    "held_by",
    "may_be_batch",
    "predicted",
    "rows_of",
    "sample",
    "stacked",
    "targets_of",
]

JUDGED = 1024  # rows that are computed at a time where nothing is learned, at most
FIRST = 128  # of these the first, of which it is not known yet how wide the results are
LITTLE, FEWEST = 2**18, 2**15  # bytes of rows that are one block, and that are worth a block


# ---- kinds of loaders -------------------------------------------------------------------------


class Part(DataLoader):
    """Some rows of data, by their numbers, in the floats that the model computes in.

    With weights a batch is (x, y, weight).
    """

    def __init__(
        self, x: Any, y: Any = None, batch_size: int | None = None, shuffle: bool = False, *,
        among: Any = None, dtype: Any = None, weight: Any = None,
    ) -> None:  # fmt: skip
        self.among, self.dtype, self.weight = among, dtype, weight
        self.adaptive = False  # whether to be judged in blocks of as many rows as memory suggests
        super().__init__(x, y, batch_size, shuffle)

    def chosen(self, among: Any, batch_size: int | None = None, shuffle: bool = False) -> Part:
        """These of the rows, or all of them."""
        return Part(
            self.x, self.y, batch_size, shuffle, among=among, dtype=self.dtype, weight=self.weight
        )

    def weighted(self, weight: Any) -> Part:
        """The same rows with weights."""
        part = copy.copy(self)
        part.weight = weight
        return part

    def _count(self) -> int:
        return super()._count() if self.among is None else len(self.among)

    def _taken(self, rows: Any) -> Any:
        rows = rows if self.among is None else self.among[rows]
        x = self._cast(taken(self.x, rows))
        if self.weight is not None:
            return x, taken(self.y, rows), self.weight[rows]
        return x if self.y is None else (x, taken(self.y, rows))

    def _cast(self, x: Any) -> Any:
        if x.__class__ is not np.ndarray:
            return mapped(self._cast, x)
        wanted = self.dtype is not None and x.dtype.kind == "f"
        return x.astype(self.dtype, copy=False) if wanted else x


class Samples(Part):
    """The rows of a data set of PyTorch's kind: `dataset[i]` is x, or (x, y), of one sample."""

    def __init__(self, dataset: Any, *args: Any, **options: Any) -> None:
        self.dataset = dataset
        first = dataset[0]
        self.paired = isinstance(first, (tuple, list)) and len(first) == 2
        if self.paired and may_be_batch(*first) and not _of_torch(dataset):
            raise TypeError(
                f"{type(dataset).__name__}[0] is (x, y) of one sample, or of one batch; of batches "
                "write a method __iter__ that gives them, of samples give arrays: "
                "x, y = map(np.stack, zip(*dataset))"
            )
        super().__init__(np.arange(len(dataset)), None, *args, **options)

    def chosen(self, among: Any, batch_size: int | None = None, shuffle: bool = False) -> Part:
        return Samples(self.dataset, batch_size, shuffle, among=among, dtype=self.dtype)

    def _taken(self, rows: Any) -> Any:
        samples = [self.dataset[int(place)] for place in super()._taken(rows)]
        if not self.paired:
            return self._cast(stacked(samples))
        x, y = zip(*samples)
        return self._cast(stacked(x)), stacked(y)


def may_be_batch(x: Any, y: Any) -> bool:
    """Whether these could be rows and their targets: they have as many."""
    counts = [np.shape(array)[:1] for array in leaves(x) + leaves(y)]
    return () not in counts and len(set(counts)) == 1


def _of_torch(thing: Any) -> bool:
    return any(kind.__module__.partition(".")[0] == "torch" for kind in type(thing).__mro__)


def stacked(samples: Any) -> Any:
    """The samples as rows; each is one array, or several."""
    first = as_several(samples[0])
    if isinstance(first, dict):
        return {name: stacked([sample[name] for sample in samples]) for name in first}
    if is_several(first):
        return tuple(stacked(parts) for parts in zip(*samples))
    return np.stack([np.asarray(sample) for sample in samples])


class Batches:
    """The batches of a loader that is not ours, such as PyTorch's: (x, y), or x alone.

    A run that uses it can be saved between its epochs, not in the middle of one, for its order is
    its own affair.
    """

    y = transform = None

    def __init__(self, name: str, source: Any) -> None:
        self.name, self.source, self.position = name, source, 0
        self._begun: Iterator[Any] | None = None  # an epoch of which the first batch is known
        self._first: Any = None

    def first(self) -> Any:
        """The first batch of the next epoch."""
        if self._begun is None:
            self._begun = iter(self.source)
            try:
                self._first = self._arrays(next(self._begun))
            except StopIteration:
                raise ValueError(f"{self.name}: the loader gives no batch") from None
        return self._first

    def __iter__(self) -> Iterator[Any]:
        first, rest = self.first(), self._begun
        self._begun = self._first = None
        assert rest is not None
        self.position = 1
        yield first
        for batch in rest:
            self.position += 1
            yield self._arrays(batch)
        self.position = 0

    def __len__(self) -> int:
        return len(self.source)

    def _arrays(self, batch: Any) -> Any:
        """(x, y) or x, of arrays: a list or a tuple of two is (x, y), of one is x."""
        if not isinstance(batch, (tuple, list)):
            return self._rows(plain(batch))
        if len(batch) == 1:  # PyTorch's TensorDataset(x)
            return self._rows(plain(batch[0]))
        if len(batch) != 2:
            raise ValueError(
                f"{self.name}: a batch must be (x, y), or x alone, and this one has {len(batch)} "
                "parts; join the inputs: ((x1, x2), y)"
            )
        return self._rows(plain(batch[0])), self._rows(plain(batch[1]))

    def _rows(self, value: Any) -> Any:
        if not all(array.ndim for array in leaves(value)):
            raise ValueError(
                f"{self.name}: the loader gives single samples, not batches with an axis of rows; "
                "put it into a loader that makes batches: torch.utils.data.DataLoader(dataset, "
                "batch_size=32)"
            )
        return value

    def state_dict(self) -> dict[str, Any]:
        """The number of batches given so far."""
        return {"order": None, "position": self.position, "rng": None, "rows": 0, "batch_size": 0}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on between two epochs; ValueError for a place in the middle of one."""
        if not isinstance(state, Mapping) or state.get("position", 0) != 0:
            raise ValueError(
                f"{self.name}: the saved run ended in the middle of an epoch, and a loader that is "
                "not nn.DataLoader cannot go on there; save at the end of epochs, or use "
                "nn.DataLoader(x, y)"
            )


Loader = DataLoader | Batches


# ---- reading them -----------------------------------------------------------------------------


def has_targets(loader: Loader) -> bool:
    if isinstance(loader, Batches):
        return isinstance(loader.first(), tuple)
    return loader.paired if isinstance(loader, Samples) else loader.y is not None


def held_by(loader: Loader) -> Any:
    """Where the state of a loader may be; PyTorch's is its own affair."""
    if isinstance(loader, DataLoader):
        return vars(loader)
    return {} if _of_torch(loader.source) else {"source": loader.source}


def rows_of(loader: Loader) -> int | None:
    """How many rows the loader gives, if that is known."""
    return loader._rows if isinstance(loader, Part) else None


def ends_with_one_row(loader: Loader) -> bool:
    """Whether some batch has one row only."""
    if isinstance(loader, Batches):
        return False
    rest = loader._rows % loader.batch_size
    return loader.batch_size == 1 or (rest == 1 and not loader.drop_last)


def targets_of(loader: Loader, whole: bool = False) -> Any:
    """All targets, without a copy and not to be written into; None where only the batches tell.

    Args: whole, whether those of other rows of the same data may be among them.
    """
    if whole and isinstance(loader, DataLoader) and not isinstance(loader, Samples):
        return loader.y if type(loader).__iter__ is DataLoader.__iter__ else None
    if not isinstance(loader, Part) or loader.y is None:
        return None
    return mapped(_locked, loader.y if loader.among is None else taken(loader.y, loader.among))


def _locked(array: Any) -> Any:
    view = array.view()
    view.flags.writeable = False
    return view


def sample(loader: Loader, count: int) -> tuple[Any, Any, Any]:
    """x, y and weight of some rows, among them those with the lowest and highest targets."""
    if isinstance(loader, Batches):
        return _triple(loader, loader.first())
    if isinstance(loader, Samples):
        return _triple(loader, loader._taken(np.arange(min(count, loader._rows))))
    chosen = set().union(*(some_rows(array, count) for array in leaves(loader.y)))
    rows = np.array(sorted(chosen), np.intp)
    x, y = taken(loader.x, rows), taken(loader.y, rows)
    if not isinstance(loader, Part):
        return x if loader.transform is None else loader.transform(x), y, None
    return loader._cast(x), y, None if loader.weight is None else loader.weight[rows]


def _triple(loader: Loader, batch: Any) -> tuple[Any, Any, Any]:
    if not has_targets(loader):
        return batch, None, None
    return (*batch, None)[:3]


def predicted(model: Callable[..., Any], x: Any) -> Any:
    """What a model gives for these rows, as arrays; ValueError unless it is as many rows."""
    prediction, rows = plain(called(model, x)), len(leaves(x)[0])
    if any(isinstance(part, (tuple, dict)) for part in leaves(prediction)):
        raise TypeError(
            "the model must give an array, or a tuple or dict of arrays, but gave one in another;"
            " recurrent layers give their last states beside the output: end in a Module of your "
            "own that takes it out, as in y, _ = layer(x)"
        )
    if any(array.shape[:1] != (rows,) for array in leaves(prediction)):
        given, got = (", ".join(str(np.shape(a)) for a in leaves(v)) for v in (x, prediction))
        cure = ""
        if all(np.ndim(array) == 1 for array in leaves(x)):
            cure = "; a single sample wants an axis of rows before it: x[None]"
        if all(array.shape[1:2] == (rows,) for array in leaves(prediction)):
            cure = "; rows come first: layers of sequences take batch_first=True"
        raise ValueError(
            f"the model must give a row for each row it gets: for {rows} rows, shape {given}, "
            f"it gave the shape {got}{cure}"
        )
    return prediction


def answers(loader: Loader, model: Callable[..., Any]) -> Iterator[tuple[Any, Any, Any]]:
    """(prediction, y, weight) of some rows at a time, in the data's order."""
    if not isinstance(loader, Part):
        paired = has_targets(loader)
        for batch in loader:
            x, y = batch if paired else (batch, None)
            yield predicted(model, x), y, None
        return
    start, size = 0, loader.batch_size
    if loader.adaptive:
        size = _block(loader._rows, leaves(loader.x) + leaves(loader.y), FIRST)
    while start < loader._rows:
        x, y, weight = _triple(loader, loader._taken(slice(start, start + size)))
        start += size
        prediction = predicted(model, x)
        if loader.adaptive:
            size = _block(loader._rows, leaves(x) + leaves(y) + leaves(prediction))
        block = prediction, y, weight
        del x, y, weight, prediction
        yield block
        del block  # before the next is made


def _block(rows: int, arrays: list[Any], most: int = JUDGED) -> int:
    """How many rows to compute at a time: few beside all, but enough to be worth it."""
    width = max(1, sum(a.nbytes // max(1, len(a)) for a in arrays if a is not None))
    if rows * width <= LITTLE:
        return min(rows, JUDGED)
    return max(1, min(max(rows // 128, FEWEST // width), max(most, rows // 128), JUDGED))
