"""What data may be: arrays with a row for each sample, or a tuple or a dict of such arrays.

Arrays, lists, Tensors (their values) and pandas objects are taken; what is asked of them is told
by the name that the caller gives: "DataLoader: x".
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np

from autograd import Tensor
from nn.parts import as_numbers, is_several, named

__all__ = ["check_lengths", "numbers_of", "rows_of", "several_hint", "several_of"]


def rows_of(what: str, data: Any) -> Any:
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
            + several_hint(data)
        ) from None
    if not array.ndim:
        got = "one number" if array.dtype.kind in "biuf" else type(data).__name__
        raise TypeError(f"{what} must be an array or a list with one row a sample, got {got}")
    return array


def _of_samples(data: Any) -> bool:
    """Whether this is a list, or a data set of PyTorch's kind, whose samples are tuples of arrays:
    NumPy would make one array of both parts where they have the same shape."""
    rows = hasattr(data, "__getitem__") and hasattr(data, "__len__")
    if not rows or isinstance(data, (tuple, dict)) or hasattr(data, "__array__") or not len(data):
        return False
    first = data[0]
    return isinstance(first, tuple) and is_several(first)


def several_hint(data: Any) -> str:
    """How several inputs are given, where this is a list of arrays with rows, which looks so."""
    if not isinstance(data, list) or not any(getattr(part, "ndim", 0) > 1 for part in data):
        return ""
    return "; several inputs are a tuple of arrays, (x1, x2), or a dict of them, not a list"


def several_of(what: str, data: Any, one: Callable[[str, Any], Any]) -> Any:
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


def numbers_of(what: str, data: Any) -> Any:
    array = as_numbers(rows_of(what, data))
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


def check_lengths(what: str, names: list[str], arrays: list[Any], cure: str = "") -> None:
    if len({len(a) for a in arrays}) > 1:
        lengths = ", ".join(f"{name} has {len(a)}" for name, a in zip(names, arrays))
        raise ValueError(
            f"{what}: each sample needs a row in every array, but {lengths} rows{cure}"
        )
