"""Bytes on the disk: written all or nothing, and sealed, so that damage is found.

Beside the arrays a file of ours holds notes (JSON), with the SHA-256 of every array, and a seal,
the SHA-256 of everything else in the file, headers and notes. So no damage to a file of ours is
read without an error. Where in a file notes and seal lie is the business of each format.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from autograd import AutogradError

__all__ = [
    "SEAL",
    "CheckpointError",
    "CheckpointNotFoundError",
    "as_bytes",
    "chunks",
    "damaged",
    "filled",
    "notes_text",
    "parsed",
    "replacing",
    "sealed",
    "sha256",
    "telling",
]

SEAL = "chalkgrad sha256 "  # and then 64 hexadecimal digits
_VERSION = 1
_CHUNK = 1 << 20  # bytes read, hashed or written at once


# ---- what goes wrong --------------------------------------------------------------------------


class CheckpointError(AutogradError, ValueError):
    """A file that cannot be trusted, does not fit, or could not be written; it names the file.

    Whatever was to be changed (a model, the old file of that name) is as it was before.

    >>> issubclass(CheckpointError, ValueError)
    True
    """

    __module__ = "nn.files"  # in tracebacks and pickles: where it is imported from


class CheckpointNotFoundError(CheckpointError, FileNotFoundError):
    """There is no file of this name: a CheckpointError that is a FileNotFoundError, too.

    >>> import nn
    >>> try:
    ...     epoch = nn.load_checkpoint("no-such-run.npz")["epoch"]
    ... except FileNotFoundError:
    ...     epoch = 0
    """

    __module__ = "nn.files"


@contextlib.contextmanager
def telling(what: str) -> Iterator[None]:
    """Turn whatever a damaged file leads to into one CheckpointError."""
    try:
        yield
    except CheckpointError:
        raise
    except FileNotFoundError as error:
        raise CheckpointNotFoundError(f"{what}: there is no such file") from error
    except OSError as error:
        raise CheckpointError(f"{what} cannot be read: {error.strerror or error}") from error
    except MemoryError as error:
        raise CheckpointError(f"{what} does not fit into memory") from error
    except ImportError:
        raise
    except Exception as error:
        raise CheckpointError(
            f"{what} is damaged, cut short, or not what its name says "
            f"({type(error).__name__}: {error}); use another copy of the file"
        ) from error


# ---- a new file at once -----------------------------------------------------------------------


@contextlib.contextmanager
def replacing(path: str) -> Iterator[BinaryIO]:
    """A temporary file that takes the place of `path` at the end, or is removed on an error."""
    target = os.path.realpath(path)  # a link stays, and what it points to is replaced
    mode = _old_mode(target)
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise OSError(f"there is no folder {folder!r}; make it by os.makedirs")
    temporary = os.path.join(folder, f".chalkgrad-{os.urandom(8).hex()}.tmp")
    try:
        with open(temporary, "x+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            with contextlib.suppress(OSError):  # of a file that another user owns
                os.chmod(temporary, mode)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(folder)


def _old_mode(target: str) -> int | None:
    """The permissions of the file to be replaced; OSError for what open(path, "w") would refuse."""
    if not os.path.lexists(target):
        return None
    status = os.stat(target)
    if not stat.S_ISREG(status.st_mode):
        raise OSError("there is something of this name that is not a file")
    os.close(os.open(target, os.O_WRONLY))  # fails for a file that is write-protected
    return stat.S_IMODE(status.st_mode)


def _sync_folder(folder: str) -> None:
    """Make the new name last over a power cut, where the system lets a folder be opened."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


# ---- values, notes and seals ------------------------------------------------------------------


def as_bytes(array: np.ndarray) -> memoryview:
    """The memory of an array in C order."""
    return array.reshape(-1).view(np.uint8).data


def chunks(view: memoryview) -> Iterator[memoryview]:
    """A megabyte at a time."""
    return (view[at : at + _CHUNK] for at in range(0, len(view), _CHUNK))


def sha256(view: memoryview) -> str:
    """As hexadecimal digits."""
    import hashlib

    return hashlib.sha256(view).hexdigest()


def filled(file: Any, count: int, dtype: np.dtype) -> np.ndarray:
    """The next so many values of a file, straight into their place."""
    values = np.empty(count, dtype)
    for chunk in chunks(as_bytes(values)):
        if file.readinto(chunk) != len(chunk):
            raise EOFError("it ends too early")
    return values


def notes_text(notes: dict[str, Any], arrays: dict[str, np.ndarray]) -> str:
    """The notes as they are written, with the SHA-256 of each array; `parsed` reads them."""
    import json

    digests = {name: sha256(as_bytes(array)) for name, array in arrays.items()}
    return json.dumps({"version": _VERSION, "sha256": digests, **notes}, separators=(",", ":"))


def sealed(file: BinaryIO, regions: list[tuple[int, int]], end: int) -> str:
    """The seal: the SHA-256 of a file up to `end`, but for the regions where the arrays lie."""
    import hashlib

    digest, at = hashlib.sha256(), 0
    for start, stop in [*sorted(regions), (end, end)]:
        file.seek(at)
        while at < start:
            block = file.read(min(_CHUNK, start - at))
            if not block:
                raise EOFError("the file ends too early")
            digest.update(block)
            at += len(block)
        at = max(at, stop)
    return SEAL + digest.hexdigest()


def parsed(text: str | bytes, names: set[str], path: str) -> dict[str, Any]:
    """The notes of a file of ours; the names are those of the arrays that it holds."""
    import json

    notes = json.loads(text)
    if notes["version"] != _VERSION:
        raise CheckpointError(
            f"{path!r} was written by a newer chalkgrad (its files have version "
            f"{notes['version']}, this one reads {_VERSION}); update it"
        )
    if set(notes["sha256"]) != names:
        raise ValueError("the notes name other arrays than there are")
    return notes


def damaged(path: str) -> CheckpointError:
    """The error for a seal that is not right."""
    return CheckpointError(
        f"{path!r} is damaged: the SHA-256 of its headers is not the one it was saved with; use "
        "another copy of the file"
    )
