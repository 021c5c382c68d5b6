"""The format .npz: np.load reads ours, we read NumPy's, and no entry is believed unseen.

A file of ours has its notes in an entry `__chalkgrad__` and its seal as the archive's comment. In
one of another program the structure is checked, and a CRC-32 of each array.
"""

from __future__ import annotations

import contextlib
import math
import os
import struct
import warnings
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from nn.files.entries import NOTES, Arrays, OpenFile, OtherKind, check_name
from nn.files.store import SEAL, as_bytes, chunks, damaged, filled, parsed, sealed, telling

__all__ = ["read_npz", "write_npz"]

_NPY_HEADER = 10_000  # bytes, at most; NumPy's own bound


class _Member(NamedTuple):
    """One array of a .npz: where it lies, and what it claims to be."""

    info: Any
    dtype: np.dtype
    shape: tuple[int, ...]
    fortran: bool
    header: int  # bytes before the values


def write_npz(caller: str, file: BinaryIO, arrays: Arrays, notes: str) -> None:
    """The arrays as np.savez stores them, then the notes; the seal is the comment at the end."""
    import zipfile

    archive = zipfile.ZipFile(file, "w")  # type: ignore[arg-type]
    try:
        regions = [_add(archive, file, name, array) for name, array in arrays.items()]
        _add(archive, file, NOTES, np.frombuffer(notes.encode("ascii"), np.uint8))
        archive.comment = f"{SEAL}{64 * '0'}".encode()
        archive.close()
    except BaseException:  # which an attempt to close would hide, by an error of its own
        archive.fp = None
        raise
    end = file.seek(-len(archive.comment), os.SEEK_END)
    seal = sealed(file, regions, end)
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
        for chunk in chunks(as_bytes(array)):
            stream.write(chunk)
    return start, start + array.nbytes


@contextlib.contextmanager
def read_npz(path: str) -> Iterator[OpenFile]:
    """An open file, ours or of another program, whose every entry has been looked at."""
    import zipfile

    with open(path, "rb") as raw, zipfile.ZipFile(raw) as archive:
        members, others = _members(path, raw, archive)
        marks = SEAL.encode().split()  # one may be damaged
        ours = NOTES in members or any(mark in archive.comment for mark in marks)
        end = raw.seek(0, os.SEEK_END) - len(archive.comment)
        raw.seek(end - 22)
        if raw.read(4) != b"PK\x05\x06":
            raise damaged(path) if ours else ValueError("something follows the archive's end")
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
    own = members.pop(NOTES, None)
    if own is None or any(member.info.compress_type for member in members.values()):
        raise damaged(path)
    regions = [_region(raw, member) for member in members.values()]
    end = raw.seek(0, os.SEEK_END) - len(archive.comment)
    if archive.comment != sealed(raw, regions, end).encode():
        raise damaged(path)
    return parsed(_read_npy(archive, own).tobytes(), set(members), path)


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
        with telling(f"{path!r}, entry {info.orig_filename[:200]!r}"):
            name = info.filename.removesuffix(".npy")
            _check_entry(info, name)
            if name in members or name in others:
                raise ValueError("there are two entries of this name")
            if info.header_offset < end:
                raise ValueError("it overlaps with another entry")
            end = info.header_offset + 30 + info.compress_size
            try:
                members[name] = _member(archive, info)
            except OtherKind as kind:
                others[name] = str(kind)
    if end > raw.seek(0, os.SEEK_END):
        raise ValueError("the last entry reaches beyond the end of the file")
    return members, others


def _check_entry(info: Any, name: str) -> None:
    if info.filename != info.orig_filename:
        raise ValueError("its name has a NUL in it")
    if name != NOTES:
        check_name(name)
    if info.flag_bits & 0x2041:
        raise ValueError("it is encrypted")
    if info.compress_type == 0 and info.compress_size != info.file_size:
        raise ValueError("it is not compressed, but claims two sizes")


def _member(archive: Any, info: Any) -> _Member:
    """Read the header of one entry, of which a few kilobytes are unpacked at most."""
    import io

    if not info.filename.endswith(".npy"):
        raise OtherKind("it is no array: names of arrays end in .npy")
    if info.compress_type not in (0, 8):
        raise OtherKind("it is compressed by another method than NumPy's")
    with archive.open(info) as stream:
        head = io.BytesIO(stream.read(_NPY_HEADER))
    version = np.lib.format.read_magic(head)
    if version == (3, 0):  # what has names of fields that are not Latin
        raise OtherKind("it holds fields; only real numbers and bool are read")
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"version {version} of the .npy format is not for arrays of numbers")
    form = np.lib.format
    header = form.read_array_header_1_0 if version == (1, 0) else form.read_array_header_2_0
    with _quiet(head.getvalue()):
        shape, fortran, dtype = header(head, max_header_size=_NPY_HEADER)
    if dtype.kind not in "biuf":
        raise OtherKind(f"it holds {dtype} values; only real numbers and bool are read")
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
    """The array; zipfile checks the CRC-32 on the way."""
    with archive.open(member.info) as stream:
        stream.read(member.header)
        array = filled(stream, math.prod(member.shape), member.dtype)
        if stream.read(1):
            raise ValueError("it is longer than it claims")
    if member.fortran:
        return array.reshape(member.shape[::-1]).T
    return array.reshape(member.shape)
