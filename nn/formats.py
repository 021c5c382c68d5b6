"""The two formats of files, .npz and .safetensors: written all or nothing, read with suspicion.

Any program that reads these formats reads ours; nothing is ever pickled. Beside the arrays a file
of ours holds notes (JSON), with the SHA-256 of every array, and a seal, the SHA-256 of everything
else in the file, headers and notes. A .npz has the notes in an entry `__chalkgrad__` and the seal
as the archive's comment; a .safetensors has both as the metadata `chalkgrad`. So no damage to a
file of ours is read without an error. A file that another program wrote is checked in its
structure; a value changed in it cannot be seen (.npz has a CRC-32 of each array, .safetensors has
nothing).

May import: autograd.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import stat
import struct
import warnings
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from autograd import AutogradError, Tensor

__all__ = [
    "Arrays", "CheckpointError", "CheckpointNotFoundError", "Declared", "OpenFile", "as_path",
    "as_stored", "opened", "refusal", "write",
]  # fmt: skip

Arrays = dict[str, np.ndarray]
Declared = dict[str, tuple[np.dtype, tuple[int, ...]]]  # dtypes and shapes by name

_NOTES = "__chalkgrad__"  # the entry of a .npz that holds the notes
_KEY = "chalkgrad"  # the metadata of a .safetensors that hold seal and notes
_SEAL = "chalkgrad sha256 "  # and then 64 hexadecimal digits
_VERSION = 1
_CHUNK = 1 << 20  # bytes read, hashed or written at once
_NPY_HEADER = 10_000  # bytes, at most; NumPy's own bound
_SAFETENSORS_HEADER = 100_000_000  # bytes, at most; the library's own bound
_EXPANSION = 100  # a compressed file may grow to so many times its size,
_EXPANSION_FLOOR = 1 << 24  # or to so many bytes


class CheckpointError(AutogradError, ValueError):
    """A file that cannot be trusted, does not fit, or could not be written; it names the file.

    Whatever was to be changed (a model, the old file of that name) is as it was before.

    >>> issubclass(CheckpointError, ValueError)
    True
    """


class CheckpointNotFoundError(CheckpointError, FileNotFoundError):
    """There is no file of this name: a CheckpointError that is a FileNotFoundError, too.

    >>> import nn
    >>> try:
    ...     epoch = nn.load_checkpoint("no-such-run.npz")["epoch"]
    ... except FileNotFoundError:
    ...     epoch = 0
    """


# ---- what may be stored, and what fits --------------------------------------------------------


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
            f"{caller}: the name of the file must end in .npz or .safetensors, got {text!r}{hint}"
        )
    return text


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def refusal(name: Any) -> str | None:
    """Why something cannot be the name of an entry; None if it can."""
    if not isinstance(name, str):
        return f"is a {type(name).__name__}, not a str"
    if not 1 <= len(name) <= 1000:
        return "is empty" if not name else "has more than 1000 characters"
    if name in (_NOTES, "__metadata__"):
        return "has a meaning of its own in these files"
    if not name.isprintable() or "\\" in name:
        return "holds a backslash or a character that cannot be printed"
    if name.startswith("/") or ".." in name.split("/"):
        return "is a path that leads out of the file's folder when unpacked"
    return None


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


# ---- writing ----------------------------------------------------------------------------------


def write(caller: str, path: str, arrays: Arrays, notes: dict[str, Any]) -> None:
    """Put a new file in the place of an old one, at once."""
    try:
        with _replacing(path) as file:
            _FORMATS[_suffix(path)].writer(caller, file, arrays, notes)
    except OSError as error:
        raise CheckpointError(
            f"{caller}: {path!r} could not be written, and what was there is as it was: "
            f"{error.strerror or error}"
        ) from error
    except ValueError as error:  # a format that cannot hold something, a path with a NUL
        raise CheckpointError(f"{caller}: {path!r} could not be written: {error}") from error


@contextlib.contextmanager
def _replacing(path: str) -> Iterator[BinaryIO]:
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


def _bytes(array: np.ndarray) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def _chunks(view: memoryview) -> Iterator[memoryview]:
    return (view[at : at + _CHUNK] for at in range(0, len(view), _CHUNK))


def _sha256(view: memoryview) -> str:
    import hashlib

    return hashlib.sha256(view).hexdigest()


def _notes_text(notes: dict[str, Any], digests: dict[str, str]) -> str:
    import json

    return json.dumps({"version": _VERSION, "sha256": digests, **notes}, separators=(",", ":"))


def _sealed(file: BinaryIO, regions: list[tuple[int, int]], end: int) -> str:
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
    return _SEAL + digest.hexdigest()


# ---- reading ----------------------------------------------------------------------------------


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
            with _telling(f"{self.path!r}, entry {name!r}"):
                array = self.array(name)
                if digests is not None and _sha256(_bytes(array)) != digests[name]:
                    raise CheckpointError(
                        f"{self.path!r}: {name!r} is damaged (its SHA-256 is not that of the array "
                        "that was saved); use another copy of the file"
                    )
                arrays[name] = _checked(array)
        return arrays


class _OtherKind(ValueError):
    """An entry that is sound, as far as one can see, but holds no real numbers."""


def _checked(array: np.ndarray) -> np.ndarray:
    """A fresh array of the machine's byte order, in C order."""
    if array.dtype == bool and array.size and np.max(array.view(np.uint8)) > 1:
        raise ValueError("a bool that is neither 0 nor 1")
    return np.require(array, _native(array.dtype), ["C", "W"])


@contextlib.contextmanager
def _telling(what: str) -> Iterator[None]:
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


@contextlib.contextmanager
def opened(caller: str, path: Any) -> Iterator[OpenFile]:
    text = as_path(caller, path, CheckpointError)
    reader = _FORMATS[_suffix(text)].reader
    with _telling(f"{caller}: {text!r}"):
        if not stat.S_ISREG(os.stat(text).st_mode):
            raise CheckpointError(f"{caller}: {text!r} is not a file")
        with reader(text) as file:
            yield file


def _parsed(text: str | bytes, names: set[str], path: str) -> dict[str, Any]:
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


def _damaged(path: str) -> CheckpointError:
    return CheckpointError(
        f"{path!r} is damaged: the SHA-256 of its headers is not the one it was saved with; use "
        "another copy of the file"
    )


# ---- .npz -------------------------------------------------------------------------------------


class _Member(NamedTuple):
    """One array of a .npz: where it lies, and what it claims to be."""

    info: Any
    dtype: np.dtype
    shape: tuple[int, ...]
    fortran: bool
    header: int  # bytes before the values


def _write_npz(caller: str, file: BinaryIO, arrays: Arrays, notes: dict[str, Any]) -> None:
    """The arrays as np.savez stores them, then the notes; the seal is the comment at the end."""
    import zipfile

    archive = zipfile.ZipFile(file, "w")  # type: ignore[arg-type]
    try:
        regions = [_add(archive, file, name, array) for name, array in arrays.items()]
        digests = {name: _sha256(_bytes(array)) for name, array in arrays.items()}
        text = _notes_text(notes, digests).encode("ascii")
        _add(archive, file, _NOTES, np.frombuffer(text, np.uint8))
        archive.comment = f"{_SEAL}{64 * '0'}".encode()
        archive.close()
    except BaseException:  # which an attempt to close would hide, by an error of its own
        archive.fp = None
        raise
    end = file.seek(-len(archive.comment), os.SEEK_END)
    seal = _sealed(file, regions, end)
    file.seek(end)
    file.write(seal.encode())


def _add(archive: Any, file: BinaryIO, name: str, array: np.ndarray) -> tuple[int, int]:
    """Add one array; returns where in the file its values lie. Always the same bytes: no clock."""
    import io
    import zipfile

    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(array))
    info = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
    info.create_system, info.external_attr = 3, 0o644 << 16
    info.file_size = len(header.getvalue()) + array.nbytes
    with archive.open(info, "w") as stream:
        stream.write(header.getvalue())
        start = file.tell()
        for chunk in _chunks(_bytes(array)):
            stream.write(chunk)
    return start, start + array.nbytes


@contextlib.contextmanager
def _read_npz(path: str) -> Iterator[OpenFile]:
    import zipfile

    with open(path, "rb") as raw, zipfile.ZipFile(raw) as archive:
        members, others = _members(path, raw, archive)
        marks = _SEAL.encode().split()  # one may be damaged
        ours = _NOTES in members or any(mark in archive.comment for mark in marks)
        end = raw.seek(0, os.SEEK_END) - len(archive.comment)
        raw.seek(end - 22)
        if raw.read(4) != b"PK\x05\x06":
            raise _damaged(path) if ours else ValueError("something follows the archive's end")
        if min((info.header_offset for info in archive.infolist()), default=end - 22):
            raise ValueError("something precedes the first entry")
        notes = _npz_notes(path, raw, archive, members) if ours else {}
        grown = [m.info.file_size for m in members.values() if m.info.compress_type]
        yield OpenFile(
            path,
            {name: (member.dtype, member.shape) for name, member in members.items()},
            notes,
            lambda name: _read_npy(archive, members[name]),
            others,
            (sum(grown), raw.seek(0, os.SEEK_END)),
        )


def _npz_notes(
    path: str, raw: BinaryIO, archive: Any, members: dict[str, _Member]
) -> dict[str, Any]:
    """The notes of a file of ours, once the seal is found to be right."""
    own = members.pop(_NOTES, None)
    if own is None or any(member.info.compress_type for member in members.values()):
        raise _damaged(path)
    regions = [_region(raw, member) for member in members.values()]
    end = raw.seek(0, os.SEEK_END) - len(archive.comment)
    if archive.comment != _sealed(raw, regions, end).encode():
        raise _damaged(path)
    return _parsed(_read_npy(archive, own).tobytes(), set(members), path)


def _region(raw: BinaryIO, member: _Member) -> tuple[int, int]:
    """From where to where in the file the values of an entry lie that is not compressed."""
    raw.seek(member.info.header_offset + 26)
    start = member.info.header_offset + 30 + sum(struct.unpack("<HH", raw.read(4)))
    return start + member.header, start + member.info.file_size


def _members(path: str, raw: BinaryIO, archive: Any) -> tuple[dict[str, _Member], dict[str, str]]:
    """All entries by name, each checked to be an array that is as long as it claims; and those of
    other kinds, with what they are."""
    members: dict[str, _Member] = {}
    others: dict[str, str] = {}
    end = 0
    for info in sorted(archive.infolist(), key=lambda info: info.header_offset):
        with _telling(f"{path!r}, entry {info.orig_filename[:200]!r}"):
            name = info.filename.removesuffix(".npy")
            _check_entry(info, name)
            if name in members or name in others:
                raise ValueError("there are two entries of this name")
            if info.header_offset < end:
                raise ValueError("it overlaps with another entry")
            end = info.header_offset + 30 + info.compress_size
            try:
                members[name] = _member(archive, info)
            except _OtherKind as kind:
                others[name] = str(kind)
    if end > raw.seek(0, os.SEEK_END):
        raise ValueError("the last entry reaches beyond the end of the file")
    return members, others


def _check_entry(info: Any, name: str) -> None:
    if info.filename != info.orig_filename:
        raise ValueError("its name has a NUL in it")
    why = None if name == _NOTES else refusal(name)
    if why is not None:
        raise ValueError(f"its name {why}")
    if info.flag_bits & 0x2041:
        raise ValueError("it is encrypted")
    if info.compress_type == 0 and info.compress_size != info.file_size:
        raise ValueError("it is not compressed, but claims two sizes")


def _member(archive: Any, info: Any) -> _Member:
    """Read the header of one entry, of which a few kilobytes are unpacked at most."""
    import io

    if not info.filename.endswith(".npy"):
        raise _OtherKind("it is no array: names of arrays end in .npy")
    if info.compress_type not in (0, 8):
        raise _OtherKind("it is compressed by another method than NumPy's")
    with archive.open(info) as stream:
        head = io.BytesIO(stream.read(_NPY_HEADER))
    version = np.lib.format.read_magic(head)
    if version == (3, 0):  # what has names of fields that are not Latin
        raise _OtherKind("it holds fields; only real numbers and bool are read")
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"version {version} of the .npy format is not for arrays of numbers")
    form = np.lib.format
    header = form.read_array_header_1_0 if version == (1, 0) else form.read_array_header_2_0
    with _quiet(head.getvalue()):
        shape, fortran, dtype = header(head, max_header_size=_NPY_HEADER)
    if dtype.kind not in "biuf":
        raise _OtherKind(f"it holds {dtype} values; only real numbers and bool are read")
    if any(type(length) is not int or length < 0 for length in shape):
        raise ValueError(f"it has the shape {shape}")
    claimed = head.tell() + math.prod(shape) * dtype.itemsize
    if claimed != info.file_size:
        raise ValueError(f"it claims to have {claimed:,} bytes, but has {info.file_size:,}")
    return _Member(info, dtype, shape, fortran, head.tell())


@contextlib.contextmanager
def _quiet(head: bytes) -> Iterator[None]:
    """No warning for a header that Python 2 wrote, with 2L for 2, or that has odd backslashes.

    Only for those: the filters of warnings are shared by all threads.
    """
    line = head.partition(b"\n")[0]
    if b"L" not in line and b"\\" not in line:
        yield
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _read_npy(archive: Any, member: _Member) -> np.ndarray:
    """The array, straight into its place; zipfile checks the CRC-32 on the way."""
    array = np.empty(math.prod(member.shape), member.dtype)
    with archive.open(member.info) as stream:
        stream.read(member.header)
        for chunk in _chunks(_bytes(array)):
            if stream.readinto(chunk) != len(chunk):
                raise EOFError("it ends too early")
        if stream.read(1):
            raise ValueError("it is longer than it claims")
    if member.fortran:
        return array.reshape(member.shape[::-1]).T
    return array.reshape(member.shape)


# ---- .safetensors -----------------------------------------------------------------------------

_SAFETENSORS_DTYPES = {
    "BOOL": "b1", "U8": "u1", "I8": "i1", "U16": "u2", "I16": "i2", "U32": "u4", "I32": "i4",
    "U64": "u8", "I64": "i8", "F16": "f2", "F32": "f4", "F64": "f8",
}  # fmt: skip


def _from_bfloat16(bits: np.ndarray) -> np.ndarray:
    """The upper half of a float32."""
    return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)


def _from_byte(
    mantissa: int, bias: int, special: Callable[[np.ndarray], np.ndarray]
) -> Callable[[np.ndarray], np.ndarray]:
    """How a float of 8 bits is read: a sign, an exponent, so many bits of mantissa; `special` puts
    what is no number into the table of all 256."""

    def read(codes: np.ndarray) -> np.ndarray:
        code = np.arange(256)
        exponent, fraction = (code & 127) >> mantissa, code & ((1 << mantissa) - 1)
        whole = fraction + (exponent > 0) * (1 << mantissa)
        size = np.ldexp(whole.astype(np.float32), np.maximum(exponent, 1) - bias - mantissa)
        table = special(np.copysign(size, 127.5 - code).astype(np.float32))
        return table.take(codes.astype(np.intp))

    return read


def _with(table: np.ndarray, **values: list[int]) -> np.ndarray:
    """The table with nan, inf and -inf in these places."""
    for value, places in values.items():
        table[places] = float(value.replace("minus_", "-"))
    return table


def _from_exponent(codes: np.ndarray) -> np.ndarray:
    """Powers of two, which scale the others: 2^(code - 127), and 255 is nan."""
    powers = np.ldexp(np.ones(256, np.float32), np.minimum(np.arange(256) - 127, 127))
    return _with(powers, nan=[255]).take(codes.astype(np.intp))


# Kinds that NumPy has not, and how they are read as float32, which holds each value exactly.
# Sources: Micikevicius et al., "FP8 formats for deep learning", 2022; the OCP specification
# "Microscaling formats", 2023; and for FNUZ, without infinities and -0, ONNX's page on float8.
_NARROW: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {
    "BF16": ("<u2", _from_bfloat16),
    "F8_E4M3": ("u1", _from_byte(3, 7, lambda table: _with(table, nan=[127, 255]))),
    "F8_E5M2": ("u1", _from_byte(2, 15, lambda table: _with(
        table, nan=[125, 126, 127, 253, 254, 255], inf=[124], minus_inf=[252]
    ))),
    "F8_E4M3FNUZ": ("u1", _from_byte(3, 8, lambda table: _with(table, nan=[128]))),
    "F8_E5M2FNUZ": ("u1", _from_byte(2, 16, lambda table: _with(table, nan=[128]))),
    "F8_E8M0": ("u1", _from_exponent),
}  # fmt: skip


def _library(caller: str) -> Any:
    """The library safetensors, or an ImportError that says how to get it."""
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            f"{caller}: .safetensors files need the library safetensors: "
            'pip install "chalkgrad[safetensors]" (or use .npz, which needs nothing)'
        ) from error
    return safetensors


def _write_safetensors(caller: str, file: BinaryIO, arrays: Arrays, notes: dict[str, Any]) -> None:
    """As the library writes it; then the seal is put into the metadata, over zeros."""
    library = _library(caller)
    for name, array in arrays.items():
        if array.dtype.str[1:] not in _SAFETENSORS_DTYPES.values():
            raise ValueError(f"{name} holds {array.dtype}, which .safetensors has not; use .npz")
    digests = {name: _sha256(_bytes(array)) for name, array in arrays.items()}
    blank = _SEAL + 64 * "0"
    metadata = {_KEY: f"{blank} {_notes_text(notes, digests)}"}
    content = library.numpy.save(arrays, metadata)
    size = 8 + int.from_bytes(content[:8], "little")
    if size > _SAFETENSORS_HEADER:
        raise ValueError("its names and plain values are more than .safetensors can hold; use .npz")
    header = content[:size]
    file.write(header.replace(blank.encode(), _header_seal(header).encode(), 1))
    file.write(memoryview(content)[size:])


def _header_seal(header: bytes) -> str:
    return _SEAL + _sha256(memoryview(header))


@contextlib.contextmanager
def _read_safetensors(path: str) -> Iterator[OpenFile]:
    with open(path, "rb") as raw:
        library = _library("load")
        header, kinds = _header(raw)
        if not kinds <= _SAFETENSORS_DTYPES.keys():  # the library reads none of such a file
            yield _with_other_kinds(path, raw, header)
            return
    with _opened_twice(library, path) as (header, file):
        declared = {}
        for name in file.keys():  # noqa: SIM118
            with _telling(f"{path!r}, entry {name[:200]!r}"):
                why = refusal(name)
                if why is not None:
                    raise ValueError(f"its name {why}")
                part = file.get_slice(name)
                dtype = np.dtype(_SAFETENSORS_DTYPES[part.get_dtype()])
                declared[name] = dtype, tuple(part.get_shape())
        notes = _safetensors_notes(path, header, file.metadata() or {}, set(declared))
        yield OpenFile(path, declared, notes, file.get_tensor, {})


@contextlib.contextmanager
def _opened_twice(library: Any, path: str) -> Iterator[tuple[bytes, Any]]:
    """The header and the library's view of one and the same file, which may be replaced meanwhile
    by another process that saves."""
    while True:
        with open(path, "rb") as raw:
            header, _ = _header(raw)
            with library.safe_open(path, framework="numpy") as file:
                if os.path.samestat(os.fstat(raw.fileno()), os.stat(path)):
                    yield header, file
                    return


def _header(raw: BinaryIO) -> tuple[bytes, set[str]]:
    """The header, with the eight bytes of its length before it, and the kinds of values that it
    names; every name is in it once."""
    import json

    size = os.fstat(raw.fileno()).st_size
    length = int.from_bytes(raw.read(8), "little")
    if size < 8 or length > min(size - 8, _SAFETENSORS_HEADER):
        raise ValueError("its header is longer than the file, or than 100 MB")
    raw.seek(0)
    header = raw.read(8 + length)
    entries = json.loads(header[8:], object_pairs_hook=_each_once)
    named = {n: e for n, e in entries.items() if n != "__metadata__"}
    return header, {e["dtype"] for e in named.values() if "dtype" in e}


def _with_other_kinds(path: str, raw: BinaryIO, header: bytes) -> OpenFile:
    """A file that holds kinds which NumPy has not, checked in the same structure, but here: the
    entries lie one after another, without a gap, and fill the file."""
    import json

    entries = json.loads(header[8:])
    metadata = entries.pop("__metadata__", {})
    declared: Declared = {}
    others, places = {}, {}
    end = len(header)
    for name, entry in sorted(entries.items(), key=lambda item: item[1]["data_offsets"]):
        with _telling(f"{path!r}, entry {name[:200]!r}"):
            why = refusal(name)
            if why is not None:
                raise ValueError(f"its name {why}")
            kind, shape = entry["dtype"], tuple(entry["shape"])
            first, last = (len(header) + offset for offset in entry["data_offsets"])
            if first != end or last < first or any(type(n) is not int or n < 0 for n in shape):
                raise ValueError(f"it has the shape {shape} and the place {entry['data_offsets']}")
            end = last
            stored, read = _NARROW.get(kind) or (_SAFETENSORS_DTYPES.get(kind), np.asarray)
            if stored is None:
                others[name] = (
                    f"it holds {kind} values, which NumPy has not; in PyTorch, convert the tensors "
                    "by .float() and save them again"
                )
                continue
            dtype = np.dtype(stored).newbyteorder("<")
            if math.prod(shape) * dtype.itemsize != last - first:
                raise ValueError(f"{last - first:,} bytes are no {kind} values of shape {shape}")
            declared[name] = np.dtype(np.float32) if kind in _NARROW else dtype, shape
            places[name] = first, dtype, read
    if end != os.fstat(raw.fileno()).st_size:
        raise ValueError("its entries do not fill the file")
    notes = _safetensors_notes(path, header, metadata, set(declared))

    def array(name: str) -> np.ndarray:
        first, dtype, read = places[name]
        values = np.empty(math.prod(declared[name][1]), dtype)
        raw.seek(first)
        for chunk in _chunks(_bytes(values)):
            if raw.readinto(chunk) != len(chunk):  # type: ignore[attr-defined]
                raise EOFError("it ends too early")
        return read(values).reshape(declared[name][1])

    return OpenFile(path, declared, notes, array, others)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) != len(pairs):
        raise ValueError("there are two entries of one name")
    return names


def _safetensors_notes(
    path: str, header: bytes, metadata: dict[str, str], names: set[str]
) -> dict[str, Any]:
    """The notes of a file of ours, once the seal is found to be right; else {}."""
    if _KEY not in metadata and not any(text.startswith(_SEAL) for text in metadata.values()):
        return {}
    found = re.match(rf"({_SEAL}[0-9a-f]{{64}}) ", metadata.get(_KEY, ""))
    if found is None:
        raise _damaged(path)
    blank = (_SEAL + 64 * "0").encode()
    if found[1] != _header_seal(header.replace(found[1].encode(), blank, 1)):
        raise _damaged(path)
    return _parsed(metadata[_KEY][found.end() :], names, path)


class _Format(NamedTuple):
    writer: Callable[[str, BinaryIO, Arrays, dict[str, Any]], None]
    reader: Callable[[str], contextlib.AbstractContextManager[OpenFile]]


_FORMATS = {
    ".npz": _Format(_write_npz, _read_npz),
    ".safetensors": _Format(_write_safetensors, _read_safetensors),
}
