"""Sequences of different lengths in one array: padded to the longest, or packed without padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd import Tensor, scatter_add
from nn.arguments import as_tensor, values
from nn.checks import flag, number, one_of, whole

__all__ = [
    "PackedSequence", "as_lengths", "pack_padded_sequence", "pad_packed_sequence", "pad_sequence",
]  # fmt: skip


class PackedSequence(NamedTuple):
    """Sequences without padding: what `pack_padded_sequence` makes, and `nn.LSTM` takes and gives.

    data (sum of lengths, ...) holds the first steps of all sequences, then the second steps of
    those that have one, and so on, the longest sequence first; batch_sizes, how many have each
    step; sorted_indices, which sequence stands at each place (None: as they came), and
    unsorted_indices, at which place each stands. Source: PyTorch's PackedSequence.

    >>> pack_padded_sequence([[1.0, 3.0], [2.0, 0.0]], [2, 1]).batch_sizes
    array([2, 1])
    """

    data: Tensor
    batch_sizes: np.ndarray
    sorted_indices: np.ndarray | None = None
    unsorted_indices: np.ndarray | None = None


def as_lengths(name: str, lengths: Any, batch: int, steps: int) -> np.ndarray:
    """The length of each sequence, all from 1 to the number of steps; others raise ValueError."""
    found = values(lengths)
    if found.ndim != 1 or found.size and found.dtype.kind not in "iu":
        raise TypeError(
            f"{name}: lengths must be whole numbers, one for each sequence of the batch, got "
            f"{lengths!r}"
        )
    if len(found) != batch:
        raise ValueError(
            f"{name}: {len(found)} lengths for a batch of {batch} sequences; is the batch the "
            "first axis? then say batch_first=True"
        )
    found = found.astype(np.int64)
    wrong = (found < 1) | (found > steps)
    if np.any(wrong):
        place = int(np.argmax(wrong))
        raise ValueError(
            f"{name}: lengths must be from 1 to the {steps} steps of the input, got "
            f"{found[place]} at position {place}"
            + "; leave out sequences without any step"
            * bool(found[place] == 0)
        )
    return found


def _places(lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Time and sequence of every step, in the order of packed data."""
    time, row = np.nonzero(np.arange(max(lengths, default=0))[:, None] < lengths)
    return time, row


def pack_padded_sequence(
    input: Any, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Leave the padding out of a batch of sequences.

    Args: input (T, B, ...), or (B, T, ...) with batch_first; lengths, a whole number for each
        sequence; enforce_sorted, False for lengths that do not fall.
    Raises ValueError for lengths beyond 1 to T, and for unsorted ones if enforce_sorted. Layers
    take `lengths=` themselves, of any order. Source: PyTorch's pack_padded_sequence.

    >>> x = np.array([[1.0, 4.0], [2.0, 0.0], [3.0, 0.0]])           # of 3 steps, and of 1
    >>> packed = pack_padded_sequence(x, [3, 1])
    >>> packed.data, packed.batch_sizes
    (Tensor([1., 4., 2., 3.]), array([2, 1, 1]))
    """
    name = "pack_padded_sequence"
    x = as_tensor(name, "input", input)
    if x.ndim < 2:
        raise ValueError(f"{name}: input needs an axis of time and one of the batch, got {x.shape}")
    if flag(f"{name}: batch_first", batch_first):
        x = x.swapaxes(0, 1)
    found = as_lengths(name, lengths, x.shape[1], x.shape[0])
    order = back = None
    if flag(f"{name}: enforce_sorted", enforce_sorted):
        if np.any(found[1:] > found[:-1]):
            raise ValueError(
                f"{name}: lengths must fall, got {found}; pass enforce_sorted=False, and the "
                "sequences are sorted for you"
            )
    else:
        order = np.argsort(-found, kind="stable")
        back, found = np.argsort(order), found[order]
    time, row = _places(found)
    data = x[time, row if order is None else order[row]]
    return PackedSequence(data, np.bincount(time), order, back)


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, np.ndarray]:
    """The inverse of `pack_padded_sequence`: (the padded batch, the lengths).

    Args: sequence; batch_first, True for (B, T, ...); padding_value, what stands behind the end;
        total_length T, at least the longest (None: just that). Raises TypeError for what is no
        PackedSequence, ValueError for a total_length too small. Source: PyTorch's
        pad_packed_sequence.

    >>> pad_packed_sequence(pack_padded_sequence([[1.0, 4.0], [2.0, 0.0]], [2, 1]))
    (Tensor([[1., 4.],
            [2., 0.]]), array([2, 1]))
    """
    name = "pad_packed_sequence"
    first = flag(f"{name}: batch_first", batch_first)
    data, lengths, back = unpacked(name, sequence)
    if back is not None:
        lengths = lengths[back]
    time, row = _places(np.sort(lengths)[::-1])
    steps = longest = len(sequence.batch_sizes)
    if total_length is not None:
        steps = whole(f"{name}: total_length", total_length)
        if steps < longest:
            raise ValueError(
                f"{name}: total_length is {steps}, but the longest sequence has {longest} steps"
            )
    if sequence.sorted_indices is not None:
        row = np.asarray(sequence.sorted_indices)[row]
    value = _padding(name, padding_value, data.dtype)
    padded = _filled(data, (steps, len(lengths)), (time, row), value)
    return (padded.swapaxes(0, 1) if first else padded), lengths


def unpacked(name: str, sequence: Any) -> tuple[Any, np.ndarray, Any]:
    """(the data, the lengths from the longest on, at which place each sequence stands)."""
    if not isinstance(sequence, PackedSequence):
        raise TypeError(
            f"{name}: a PackedSequence is needed, as pack_padded_sequence makes it, got "
            f"{type(sequence).__name__}"
        )
    sizes = np.asarray(sequence.batch_sizes)
    lengths = np.sum(sizes[:, None] > np.arange(max(sizes, default=0)), axis=0)
    return sequence.data, lengths, sequence.unsorted_indices


def padded_rows(data: Any, lengths: np.ndarray) -> Any:
    """Packed data as (T, B, ...), the longest sequence first, with zeros behind the ends."""
    return _filled(data, (int(max(lengths, default=0)), len(lengths)), _places(lengths), 0.0)


def packed_rows(padded: Any, lengths: np.ndarray) -> Any:
    """The inverse of `padded_rows`."""
    return padded[_places(lengths)]


def _padding(name: str, value: Any, dtype: Any) -> float:
    """A number, also inf or nan, which whole numbers must be able to hold."""
    value = value if value != value else number(f"{name}: padding_value", value, finite=False)
    if dtype.kind != "f":
        least, most = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
        if not (least <= value <= most and value == int(value)):
            raise ValueError(
                f"{name}: padding_value {value} is no {dtype}, as the sequences are; give another "
                "number, or sequences of floats"
            )
    return value


def _filled(data: Any, axes: tuple[int, int], places: Any, padding: float) -> Tensor:
    """Rows of data at these places of two axes, and padding elsewhere."""
    whole = np.full((*axes, *data.shape[1:]), padding, data.dtype)
    whole[places] = 0
    return scatter_add(Tensor(whole), places, data)


def pad_sequence(
    sequences: Sequence[Any],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Sequences of different lengths as one array, the shorter ones padded.

    Args: sequences, a list of arrays or Tensors (L, ...); batch_first, True for (B, T, ...) instead
        of (T, B, ...); padding_value; padding_side, "right" for the end or "left" for the
        beginning. Raises ValueError for none, for shapes that differ in more than the length, and
        for a padding_value that sequences of whole numbers cannot hold.
    Source: PyTorch's pad_sequence.

    >>> pad_sequence([[1, 2, 3], [4]], batch_first=True)
    Tensor([[1, 2, 3],
            [4, 0, 0]])
    """
    name = "pad_sequence"
    one_of(f"{name}: padding_side", padding_side, ("left", "right"))
    rows = [as_tensor(name, f"sequence {k}", row) for k, row in enumerate(sequences)]
    if not rows:
        raise ValueError(f"{name}: no sequences were given")
    shapes = [row.shape for row in rows]
    if any(not shape or shape[1:] != shapes[0][1:] for shape in shapes):
        raise ValueError(
            f"{name}: sequences may differ in their length alone, the first axis, got the shapes "
            + ", ".join(map(str, shapes))
        )
    joined = np.concatenate(rows)
    value = _padding(name, padding_value, joined.dtype)
    lengths = np.array([len(row) for row in rows])
    steps = int(max(lengths))
    row = np.repeat(np.arange(len(rows)), lengths)
    time = np.concatenate([np.arange(n) for n in lengths])
    if padding_side == "left":
        time += np.repeat(steps - lengths, lengths)
    if flag(f"{name}: batch_first", batch_first):
        return _filled(joined, (len(rows), steps), (row, time), value)
    return _filled(joined, (steps, len(rows)), (time, row), value)
