"""The formats of files, by the ends of their names: .npz and .safetensors.

Any program that reads these formats reads ours; nothing is ever pickled.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, NamedTuple

from nn.files.entries import Arrays, OpenFile
from nn.files.npz import read_npz, write_npz
from nn.files.store import CheckpointError, notes_text, replacing, telling
from nn.files.tensors import read_safetensors, write_safetensors

__all__ = ["as_path", "opened", "write"]


class _Format(NamedTuple):
    writer: Callable[[str, BinaryIO, Arrays, str], None]
    reader: Callable[[str], contextlib.AbstractContextManager[OpenFile]]


_FORMATS = {
    ".npz": _Format(write_npz, read_npz),
    ".safetensors": _Format(write_safetensors, read_safetensors),
}


def as_path(caller: str, path: Any, error: type[ValueError] = ValueError) -> str:
    """The path as a str; raises `error` for a suffix that is none of ours."""
    text = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(text, str):
        raise TypeError(
            f"{caller}: the path must be a str or a Path, and comes first; got "
            f"{type(path).__name__}"
        )
    if _suffix(text) not in _FORMATS:
        hint = ""
        if _suffix(text) in (".pt", ".pth", ".pkl", ".bin"):
            hint = " (in PyTorch: safetensors.torch.save_file(model.state_dict(), path))"
        raise error(
            f"{caller}: the name of the file must end in {' or '.join(_FORMATS)}, "
            f"got {text!r}{hint}"
        )
    return text


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def write(caller: str, path: str, arrays: Arrays, notes: dict[str, Any]) -> None:
    """Put a new file in the place of an old one, at once."""
    try:
        with replacing(path) as file:
            _FORMATS[_suffix(path)].writer(caller, file, arrays, notes_text(notes, arrays))
    except OSError as error:
        raise CheckpointError(
            f"{caller}: {path!r} could not be written, and what was there is as it was: "
            f"{error.strerror or error}"
        ) from error
    except ValueError as error:  # a format that cannot hold something, a path with a NUL
        raise CheckpointError(f"{caller}: {path!r} could not be written: {error}") from error


@contextlib.contextmanager
def opened(caller: str, path: Any) -> Iterator[OpenFile]:
    """A file open for reading; whatever a damaged one leads to becomes one CheckpointError."""
    text = as_path(caller, path, CheckpointError)
    reader = _FORMATS[_suffix(text)].reader
    with telling(f"{caller}: {text!r}"):
        if not stat.S_ISREG(os.stat(text).st_mode):
            raise CheckpointError(f"{caller}: {text!r} is not a file")
        with reader(text) as file:
            yield file
