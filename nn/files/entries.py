"""Entries: what an array in a file may be called and hold, and a file that is open for reading."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from autograd import Tensor
from nn.files.store import CheckpointError, as_bytes, sha256, telling

__all__ = [
    "NOTES",
    "Arrays",
    "Declared",
    "OpenFile",
    "OtherKind",
    "as_stored",
    "check_name",
    "refusal",
]

Arrays = dict[str, np.ndarray]
Declared = dict[str, tuple[np.dtype, tuple[int, ...]]]  # dtypes and shapes by name

NOTES = "__chalkgrad__"  # the entry of a .npz that holds the notes
_EXPANSION = 100  # a compressed file may grow to so many times its size,
_EXPANSION_FLOOR = 1 << 24  # or to so many bytes


def refusal(name: Any) -> str | None:
    """Why something cannot be the name of an entry; None if it can."""
    if not isinstance(name, str):
        return f"is a {type(name).__name__}, not a str"
    if not 1 <= len(name) <= 1000:
        return "is empty" if not name else "has more than 1000 characters"
    if name in (NOTES, "__metadata__"):
        return "has a meaning of its own in these files"
    if not name.isprintable() or "\\" in name:
        return "holds a backslash or a character that cannot be printed"
    if name.startswith("/") or ".." in name.split("/"):
        return "is a path that leads out of the file's folder when unpacked"
    return None


def check_name(name: str) -> None:
    """Raise ValueError for the name of an entry that a file holds and that is refused."""
    why = refusal(name)
    if why is not None:
        raise ValueError(f"its name {why}")


def as_stored(caller: str, name: Any, value: Any, place: str | None = None) -> np.ndarray:
    """The value as it is stored: a plain array in C order, of the machine's byte order."""
    why = refusal(name)
    if why is not None:
        shown = repr(name) if len(repr(name)) <= 80 else f"{repr(name)[:80]}..."
        raise (ValueError if isinstance(name, str) else TypeError)(
            f"{caller}: the name {shown} {why}; rename it"
        )
    try:
        array = np.asarray(value.numpy() if isinstance(value, Tensor) else value)
    except ValueError as error:
        raise TypeError(f"{caller}: {place or name} is no array: {error}") from error
    if array.dtype.kind not in "biuf":
        cure = ""
        if array.dtype.kind == "O":
            cure = "; nested states and other objects are for save_checkpoint"
        raise TypeError(
            f"{caller}: {place or name} holds {array.dtype.name} values; only real numbers and "
            f"bool can be stored{cure}"
        )
    return np.asarray(array, _native(array.dtype), order="C")


def _native(dtype: np.dtype) -> np.dtype:
    """The plain dtype of the machine's byte order."""
    return np.dtype(f"{dtype.kind}{dtype.itemsize}")


class OpenFile(NamedTuple):
    """An open file, whose structure has been checked."""

    path: str
    declared: Declared
    notes: dict[str, Any]  # empty where another program wrote it
    array: Callable[[str], np.ndarray]  # reads one
    left_out: dict[str, str]  # entries of other kinds than real numbers, and what they are
    expanded: tuple[int, int] = (0, 0)  # bytes of all compressed arrays, and of the file

    def read(self, bounded: bool = True) -> Arrays:
        """All arrays; those of our own files by their SHA-256."""
        claimed, size = self.expanded
        if bounded and claimed > max(_EXPANSION * size, _EXPANSION_FLOOR):
            raise CheckpointError(
                f"{self.path!r}, of {size:,} bytes, claims to hold {claimed:,}; if that is right, "
                "say what is expected: load(path, like=model)"
            )
        digests = self.notes.get("sha256")
        arrays = {}
        for name in self.declared if digests is None else digests:
            with telling(f"{self.path!r}, entry {name!r}"):
                array = self.array(name)
                if digests is not None and sha256(as_bytes(array)) != digests[name]:
                    raise CheckpointError(
                        f"{self.path!r}: {name!r} is damaged (its SHA-256 is not that of the array "
                        "that was saved); use another copy of the file"
                    )
                arrays[name] = _checked(array)
        return arrays


class OtherKind(ValueError):
    """An entry that is sound, as far as one can see, but holds no real numbers."""


def _checked(array: np.ndarray) -> np.ndarray:
    """A fresh array of the machine's byte order, in C order."""
    if array.dtype == bool and array.size and np.max(array.view(np.uint8)) > 1:
        raise ValueError("a bool that is neither 0 nor 1")
    return np.require(array, _native(array.dtype), ["C", "W"])
