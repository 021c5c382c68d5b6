"""What layers and losses take: arrays and lists wherever a Tensor is taken, and options.

Layers cast inputs that need no gradient to the dtype of their parameters, losses cast targets to
the dtype of the prediction.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd import Tensor

__all__ = [
    "as_array",
    "as_floats",
    "as_input",
    "as_input_tensor",
    "as_operand",
    "as_tensor",
    "at_first",
    "at_least_single",
    "in_dtype",
    "name_of_axes",
    "values",
]


def as_input(x: Any, dtype: Any) -> Any:
    """x as a Tensor or array, in this dtype if it needs no gradient."""
    if x.__class__ is Tensor and x.requires_grad or x.__class__ is np.ndarray and x.dtype == dtype:
        return x
    if not isinstance(x, Tensor):
        x = _made(x)
    return x if x.requires_grad or x.dtype == dtype else x.astype(dtype)


def _made(x: Any) -> Tensor:
    """A Tensor of what is none; what a layer returned beside its output is told from arrays."""
    try:
        return Tensor(x)
    except (TypeError, ValueError):
        if not isinstance(x, tuple) or not any(isinstance(part, Tensor) for part in x):
            raise
    if hasattr(x, "batch_sizes"):
        raise TypeError(
            "a PackedSequence is for recurrent layers; take its data, packed.data, or "
            "nn.pad_packed_sequence(packed)"
        )
    raise TypeError(
        f"a tuple of {len(x)} was given where one array is needed; recurrent layers and attention "
        "return their output with more: take it out, as in y, _ = layer(x)"
    )


def as_input_tensor(x: Any, dtype: Any) -> Tensor:
    """As `as_input`, but always a Tensor."""
    x = as_input(x, dtype)
    return x if isinstance(x, Tensor) else Tensor(x)


def as_array(x: Any) -> Any:
    """np.asarray, for which NumPy need not be asked where it is an array already."""
    return x if x.__class__ is np.ndarray else np.asarray(x)


def values(x: Any) -> Any:
    """The plain array of what needs no gradient: of a Tensor, an array or a list."""
    return x.data if isinstance(x, Tensor) else as_array(x)


def as_tensor(name: Any, what: str, value: Any) -> Tensor:
    """A Tensor, or an error that says of which argument it speaks."""
    try:
        return value if isinstance(value, Tensor) else _made(value)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name}: cannot take the {what}: {error}") from None


def as_floats(x: Any) -> Any:
    """x as a Tensor (of a Tensor) or an array (of anything else) of floats."""
    if not isinstance(x, Tensor):
        x = _made(x).data  # refuses what is no real number
    return x if x.dtype.kind == "f" else x.astype(np.float64)


def as_operand(x: Any) -> Any:
    """A Tensor or an array as it is, anything else as an array; what is no number is refused."""
    return x if isinstance(x, Tensor) or x.__class__ is np.ndarray else _made(x).data


def at_least_single(x: Any) -> Any:
    """Half a precision as a whole one: squares of its numbers leave its range."""
    return x.astype(np.float32) if x.dtype == np.float16 else x


def in_dtype(x: Any, dtype: Any) -> Any:
    """x in this dtype; x itself, if it has it."""
    return x if x.dtype == dtype else x.astype(dtype)


def name_of_axes(axes: int) -> str:
    """How the axes of space are called in messages: "H, W"."""
    return ("L", "H, W", "D, H, W")[axes - 1]


def at_first(wrong: Any) -> tuple[tuple[int, ...], str]:
    """The place of the first True in an array, and how it is told: " at position 3".

    >>> at_first(np.array([False, True]))
    ((1,), ' at position 1')
    """
    place = tuple(int(i) for i in np.argwhere(wrong)[0])
    return place, f" at position {place[0] if len(place) == 1 else place}" if place else ""
