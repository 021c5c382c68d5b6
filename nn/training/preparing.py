"""What `Trainer` is given as data, read and checked: arrays, pairs, data sets, loaders, weights."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np

from autograd import Tensor
from nn.data import DataLoader
from nn.parts import as_numbers, named
from nn.training.arguments import check_finite, split
from nn.training.loaders import (
    JUDGED,
    Batches,
    Loader,
    Part,
    Samples,
    has_targets,
    may_be_batch,
    rows_of,
    stacked,
)

__all__ = ["judging", "loaded", "training"]


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
    if all(may_be_batch(x, y) for x, y in pairs):
        raise TypeError(
            f"{name}: a list of (x, y), which may be samples or batches; give arrays: of samples "
            "x, y = map(np.stack, zip(*pairs)), of batches x, y = map(np.concatenate, zip(*pairs))"
        )
    return stacked(xs), stacked(ys)


def judging(
    name: str, x: Any, y: Any = None, batch_size: int | None = None, *, dtype: Any = None,
    sample_weight: Any = None,
) -> Loader:  # fmt: skip
    """What gives the data to be judged or predicted, in blocks."""
    once = not name.startswith("fit")
    x = _of_torch_in_order(name, x)
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
    if loader.transform is not None:
        raise ValueError(
            f"{name}: this DataLoader has a transform, which is for training; to judge the rows as "
            "they are, give loader.x and loader.y. If the transform belongs to all data, apply it "
            "to them before: transform(x)"
        )
    if type(loader).__iter__ is not DataLoader.__iter__:  # a user's own way through the data
        loader = copy.copy(loader)
        loader.shuffle = loader.drop_last = loader._restored = False
        return loader
    return Part(loader.x, loader.y, loader.batch_size)


def _of_torch_in_order(name: str, source: Any) -> Any:
    """The same for a DataLoader of PyTorch's; all else as it is."""
    kinds = type(source).__mro__
    kind = next((k for k in kinds if k.__module__ == "torch.utils.data.dataloader"), None)
    if kind is None:
        return source
    plan = source.batch_sampler  # None where the data set gives batches itself
    sampler = getattr(plan, "sampler", source.sampler)
    drawn, options = type(sampler).__name__, {"sampler": sampler}
    repeats = drawn == "WeightedRandomSampler" or getattr(sampler, "replacement", False)
    if drawn in ("SequentialSampler", "_InfiniteConstantSampler"):
        if not getattr(plan, "drop_last", False):
            return source
        options = {}
    elif drawn == "RandomSampler" and not repeats and len(sampler) == len(source.dataset):
        options = {}
    elif repeats or name == "predict":  # a part of the rows, in any order, has a loss
        raise ValueError(
            f"{name}: this DataLoader draws its rows by a {drawn}, which is for training; to judge "
            "all rows in their order, make one without: DataLoader(dataset, batch_size=...)"
        )
    return kind(
        source.dataset, getattr(plan, "batch_size", source.batch_size), **options,
        num_workers=source.num_workers, collate_fn=source.collate_fn,
        worker_init_fn=source.worker_init_fn,
    )  # fmt: skip


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


_PAIRS = (
    "the loader or data set must give (x, y), of several inputs ((x1, x2), y), and it gives x "
    "alone, or something else"
)


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
    loader = judging("fit: validation_data", x, y, dtype=dtype, sample_weight=weight)
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
