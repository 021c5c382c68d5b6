"""What `Trainer` is given as data, made into batches: arrays, loaders of others, pairs, data sets.

Nothing here copies everything: rows are taken, and cast to the model's floats, batch by batch.

May import: autograd, data, parts, training.arguments.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from numbers import Real
from typing import Any

import numpy as np

from autograd import Tensor
from nn.data import DataLoader, taken
from nn.parts import as_numbers, as_several, is_several, leaves, mapped, named
from nn.training.arguments import check_finite, some_rows, split
from nn.training.totals import plain

__all__ = [
    "Batches", "Loader", "answers", "ends_with_one_row", "has_targets", "held_by", "judging",
    "rows_of", "sample", "targets_of", "training",
]  # fmt: skip

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
        super().__init__(np.arange(len(dataset)), None, *args, **options)

    def chosen(self, among: Any, batch_size: int | None = None, shuffle: bool = False) -> Part:
        return Samples(self.dataset, batch_size, shuffle, among=among, dtype=self.dtype)

    def _taken(self, rows: Any) -> Any:
        samples = [self.dataset[int(place)] for place in super()._taken(rows)]
        if not self.paired:
            return self._cast(_stacked(samples))
        x, y = zip(*samples)
        return self._cast(_stacked(x)), _stacked(y)


def _stacked(samples: Any) -> Any:
    """The samples as rows; each is one array, or several."""
    first = as_several(samples[0])
    if isinstance(first, dict):
        return {name: _stacked([sample[name] for sample in samples]) for name in first}
    if is_several(first):
        return tuple(_stacked(parts) for parts in zip(*samples))
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
        """(x, y) or x, of arrays: a list or a tuple of two is (x, y)."""
        if not isinstance(batch, (tuple, list)):
            return self._rows(plain(batch))
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


# ---- making them ------------------------------------------------------------------------------


def loaded(
    name: str, x: Any, y: Any = None, batch_size: int | None = None, *, dtype: Any = None,
    once: bool = False, **options: Any,
) -> Loader:  # fmt: skip
    """What gives the batches of this data; loaders as they are.

    Args: name, of the method, for errors; once, whether one pass will do; options of `Part`.
    """
    if isinstance(x, Loader) or _gives_batches(x):
        if y is not None or batch_size is not None:
            kind = type(x).__name__
            raise ValueError(
                f"{name}: a {kind} holds its targets and its batch size itself; leave out y and "
                "batch_size"
            )
        if isinstance(x, Loader):
            return x
        if iter(x) is x and not once:
            raise TypeError(
                f"{name}: a {type(x).__name__} can be gone through once, and training does so "
                "again in every epoch; give arrays, x, y = map(np.concatenate, zip(*batches)), or "
                "an object whose __iter__ begins anew"
            )
        return Batches(name, x)
    if _is_data_set(x):
        if y is not None:
            raise ValueError(f"{name}: a {type(x).__name__} holds its targets itself; leave out y")
        return Samples(x, batch_size, dtype=dtype, **options)
    if y is None and name != "predict" and _are_pairs(x):
        x, y = _of_pairs(name, x)
    if callable(x) and not hasattr(x, "__array__") and not hasattr(x, "shape"):
        raise TypeError(f"{name}: x is a function; give what it returns: {_name(x)}()")
    return Part(x, y, batch_size, dtype=dtype, **options)


def _name(function: Any) -> str:
    return getattr(function, "__name__", type(function).__name__)


def _gives_batches(x: Any) -> bool:
    """Whether it is a loader of others, or a generator: no array, and no container of Python's."""
    plain_kinds = (list, tuple, Mapping, str, bytes, set, frozenset, range, memoryview, bytearray)
    return (
        hasattr(x, "__iter__") and not isinstance(x, plain_kinds)
        and not hasattr(x, "__array__") and not hasattr(x, "shape")
    )  # fmt: skip


def _is_data_set(x: Any) -> bool:
    return (
        hasattr(x, "__getitem__") and hasattr(x, "__len__") and not hasattr(x, "__iter__")
        and not hasattr(x, "__array__") and not hasattr(x, "shape")
    )  # fmt: skip


def _are_pairs(x: Any) -> bool:
    return (
        isinstance(x, list)
        and bool(x)
        and all(isinstance(pair, tuple) and len(pair) == 2 for pair in x)
    )


def _of_pairs(name: str, pairs: Any) -> tuple[Any, Any]:
    """x and y of a list of samples, (x, y) each."""
    xs, ys = zip(*pairs)
    if all(np.ndim(y) and np.shape(x)[:1] == np.shape(y)[:1] for x, y in pairs):
        raise TypeError(
            f"{name}: a list of (x, y), which may be samples or batches; give arrays: of samples "
            "x, y = map(np.stack, zip(*pairs)), of batches x, y = map(np.concatenate, zip(*pairs))"
        )
    return _stacked(xs), _stacked(ys)


def judging(
    name: str, x: Any, y: Any = None, batch_size: int | None = None, *, dtype: Any = None,
    sample_weight: Any = None,
) -> Loader:  # fmt: skip
    """What gives the data to be judged or predicted, in blocks."""
    once = not name.startswith("fit")
    loader = loaded(name, x, y, batch_size, dtype=dtype, once=once)
    if loader is not x and isinstance(loader, Part):
        loader.adaptive = batch_size is None
        loader.batch_size = min(JUDGED if batch_size is None else batch_size, loader._rows)
    elif isinstance(loader, DataLoader) and not isinstance(loader, Part):
        loader = _in_order(name, loader)
    if sample_weight is not None:
        loader = _with_weights(name, loader, sample_weight)
    return loader


def _in_order(name: str, loader: DataLoader) -> DataLoader:
    """A loader of the same rows for those who judge: all of them, in the data's order. It leaves
    the place and the generator of the other alone, which may be in the middle of an epoch."""
    if type(loader).__iter__ is not DataLoader.__iter__:  # a user's own way through the data
        return loader
    if loader.transform is not None:
        raise ValueError(
            f"{name}: this DataLoader has a transform, which is for training; to judge the rows as "
            "they are, give loader.x and loader.y. If the transform belongs to all data, apply it "
            "to them before: transform(x)"
        )
    return Part(loader.x, loader.y, loader.batch_size)


def training(
    x: Any, y: Any, batch_size: int | None, share: float, given: Any, shuffle: bool, dtype: Any,
    sample_weight: Any, class_weight: Any,
) -> tuple[Loader, Loader | None]:  # fmt: skip
    """Loaders of the training and of the validation rows, checked."""
    if isinstance(share, bool) or not isinstance(share, Real) or not 0 <= share < 1:
        raise ValueError(
            "fit: validation_split is the share of the rows to hold back, at least 0 and below "
            f"1 (0.2 for 20%), got {share!r}"
        )
    if share and given is not None:
        raise ValueError("fit: give validation_split or validation_data, not both")
    validation = None if given is None else _validation(given, dtype)
    whole = isinstance(x, DataLoader) or _gives_batches(x)
    if whole and (share or y is not None or batch_size is not None):
        raise ValueError(
            f"fit: a {type(x).__name__} holds its targets and its batch size itself, and is not "
            "split; leave out y, batch_size and validation_split (use validation_data)"
        )
    train = loaded("fit", x, y, dtype=dtype)
    if not has_targets(train):
        given = isinstance(train, (Batches, Samples))
        raise ValueError("fit needs targets: " + _PAIRS * given + "fit(x, y)" * (not given))
    _check_finite("", train)
    if sample_weight is not None:
        train = _with_weights("fit", train, sample_weight)
    held_out = rest = None
    if share:
        held_out, rest = split(rows_of(train) or 0, share)
        assert isinstance(train, Part)
        validation = train.chosen(held_out)
        validation.adaptive = True
    if class_weight is not None:
        train = _with_weights("fit", train, _of_classes(train, class_weight))
    return train.chosen(rest, batch_size, shuffle) if isinstance(train, Part) else train, validation


_PAIRS = "the loader or data set must give (x, y), and it gives x alone, or something else"


def _validation(given: Any, dtype: Any) -> Loader:
    """What gives the validation data: of (x, y), of (x, y, sample_weight) or of a loader."""
    x, y, weight = given, None, None
    if isinstance(given, (tuple, list)) and len(given) in (2, 3) and not _are_pairs(given):
        x, y, weight = (*given, None)[:3]
    elif not (
        isinstance(given, DataLoader) or _gives_batches(given) or _is_data_set(given)
        or _are_pairs(given)
    ):  # fmt: skip
        raise TypeError(
            f"fit: validation_data must be (x, y) or a DataLoader, got {type(given).__name__}"
        )
    what = "fit: validation_data" if isinstance(x, DataLoader) else "fit"
    loader = judging(what, x, y, dtype=dtype, sample_weight=weight)
    if not has_targets(loader):
        raise ValueError("fit: validation_data needs targets: (x, y)")
    _check_finite(" of the validation data", loader)
    return loader


def _check_finite(where: str, loader: Loader) -> None:
    if isinstance(loader, DataLoader):
        for what in ("x", "y"):
            for name, array in named(what, getattr(loader, what)):
                if array is not None:
                    check_finite(name + where, array)


# ---- weights ----------------------------------------------------------------------------------


def _with_weights(name: str, loader: Loader, given: Any) -> Part:
    """The same rows, each with its weight beside, times those that it has already."""
    if not isinstance(loader, Part) or loader.y is None:
        raise ValueError(
            f"{name}: sample_weight and class_weight go with arrays, x and y, not with a "
            f"{type(getattr(loader, 'source', loader)).__name__}; weigh classes by the loss: "
            "nn.CrossEntropyLoss(weight=...)"
        )
    try:
        weight = as_numbers(np.asarray(given.data if isinstance(given, Tensor) else given))
    except ValueError:
        weight = np.empty(0, object)
    rows = DataLoader._count(loader)
    if weight.shape != (rows,) or weight.dtype.kind not in "biuf":
        cure = "; use sample_weight.reshape(-1)" * (weight.size == rows and weight.ndim > 1)
        raise ValueError(
            f"{name}: sample_weight must be an array of {rows} numbers, one for each row, got "
            f"shape {weight.shape} of {weight.dtype}{cure}"
        )
    weight = weight.astype(np.float64)
    wrong = ~(np.isfinite(weight) & (weight >= 0))
    if wrong.any() or not weight.any():
        what = f"{weight[wrong][0]} in row {int(np.argmax(wrong))}" if wrong.any() else "only zeros"
        raise ValueError(f"{name}: weights must be finite and >= 0, and not all 0; got {what}")
    return loader.weighted(weight if loader.weight is None else weight * loader.weight)


def _of_classes(loader: Loader, given: Any) -> np.ndarray:
    """The weight of each row's class."""
    y = getattr(loader, "y", None)
    if not isinstance(y, np.ndarray) or y.size != len(y) or (y != np.rint(y)).any():
        raise ValueError(
            "fit: class_weight wants one label for each row, y of shape (n,); for other targets "
            "weigh them in the loss, nn.CrossEntropyLoss(weight=...) or nn.BCEWithLogitsLoss("
            "pos_weight=...), or give sample_weight"
        )
    if isinstance(given, str):
        raise TypeError(
            f"fit: class_weight must be a dict or an array of numbers, got {given!r}; balanced "
            "weights are len(y) / (len(np.unique(y)) * np.bincount(y))"
        )
    labels, places = np.unique(y, return_inverse=True)
    if not isinstance(given, Mapping):
        given = dict(enumerate(np.asarray(given, np.float64).reshape(-1).tolist()))
        beyond = [label for label in labels.tolist() if label >= len(given)]
    else:
        beyond = []
        strange = [label for label in given if label not in labels.tolist()]
        if strange:
            raise ValueError(
                f"fit: class_weight names the label {strange[0]!r}, which y has not; it has "
                f"{_some(labels)}"
            )
    if beyond:
        raise ValueError(
            f"fit: class_weight has {len(given)} weights, and y has the label {beyond[0]}; give "
            "one for each class, or a dict {label: weight}"
        )
    weights = [given.get(label, 1.0) for label in labels.tolist()]
    return np.asarray(weights, np.float64)[places.reshape(-1)]


def _some(labels: Any) -> str:
    return ", ".join(map(str, labels[:5].tolist())) + ", ..." * (len(labels) > 5)


# ---- reading them -----------------------------------------------------------------------------


def has_targets(loader: Loader) -> bool:
    if isinstance(loader, Batches):
        return isinstance(loader.first(), tuple)
    return loader.paired if isinstance(loader, Samples) else loader.y is not None


def held_by(loader: Loader) -> Any:
    """Where the state of a loader may be; PyTorch's is its own affair."""
    if isinstance(loader, DataLoader):
        return vars(loader)
    return {} if type(loader.source).__module__.startswith("torch") else {"source": loader.source}


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
    rows = np.unique(np.concatenate([some_rows(array, count) for array in leaves(loader.y)]))
    x, y = taken(loader.x, rows), taken(loader.y, rows)
    if not isinstance(loader, Part):
        return x if loader.transform is None else loader.transform(x), y, None
    return loader._cast(x), y, None if loader.weight is None else loader.weight[rows]


def _triple(loader: Loader, batch: Any) -> tuple[Any, Any, Any]:
    if not has_targets(loader):
        return batch, None, None
    return (*batch, None)[:3]


def answers(loader: Loader, predict: Callable[[Any], Any]) -> Iterator[tuple[Any, Any, Any]]:
    """(prediction, y, weight) of some rows at a time, in the data's order."""
    if not isinstance(loader, Part):
        paired = has_targets(loader)
        for batch in loader:
            x, y = batch if paired else (batch, None)
            yield predict(x), y, None
        return
    start, size = 0, loader.batch_size
    if loader.adaptive:
        size = _block(loader._rows, leaves(loader.x) + leaves(loader.y), FIRST)
    while start < loader._rows:
        x, y, weight = _triple(loader, loader._taken(slice(start, start + size)))
        start += size
        prediction = predict(x)
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
