"""The format .safetensors, which PyTorch and others read, by the library of that name.

A file of ours has seal and notes as the metadata `chalkgrad`. In one of another program the
structure is checked, but a value changed in it cannot be seen: the format has no sums.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import numpy as np

from nn.files.entries import Arrays, Declared, OpenFile, check_name
from nn.files.store import SEAL, damaged, filled, parsed, sha256, telling

__all__ = ["read_safetensors", "write_safetensors"]

_KEY = "chalkgrad"  # the metadata that hold seal and notes
_HEADER = 100_000_000  # bytes, at most; the library's own bound


_DTYPES = {
    "BOOL": "b1", "U8": "u1", "I8": "i1", "U16": "u2", "I16": "i2", "U32": "u4", "I32": "i4",
    "U64": "u8", "I64": "i8", "F16": "f2", "F32": "f4", "F64": "f8",
}  # fmt: skip


# ---- kinds that NumPy has not -----------------------------------------------------------------


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


# ---- writing and reading ----------------------------------------------------------------------


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


def write_safetensors(caller: str, file: BinaryIO, arrays: Arrays, notes: str) -> None:
    """As the library writes it; then the seal is put into the metadata, over zeros."""
    library = _library(caller)
    for name, array in arrays.items():
        if array.dtype.str[1:] not in _DTYPES.values():
            raise ValueError(f"{name} holds {array.dtype}, which .safetensors has not; use .npz")
    blank = SEAL + 64 * "0"
    metadata = {_KEY: f"{blank} {notes}"}
    content = library.numpy.save(arrays, metadata)
    size = 8 + int.from_bytes(content[:8], "little")
    if size > _HEADER:
        raise ValueError("its names and plain values are more than .safetensors can hold; use .npz")
    header = content[:size]
    file.write(header.replace(blank.encode(), _header_seal(header).encode(), 1))
    file.write(memoryview(content)[size:])


def _header_seal(header: bytes) -> str:
    return SEAL + sha256(memoryview(header))


@contextlib.contextmanager
def read_safetensors(path: str) -> Iterator[OpenFile]:
    """An open file, ours or of another program, whose structure has been checked."""
    with open(path, "rb") as raw:
        library = _library("load")
        header, kinds = _header(raw)
        if not kinds <= _DTYPES.keys():  # the library reads none of such a file
            yield _with_other_kinds(path, raw, header)
            return
    with _opened_twice(library, path) as (header, file):
        declared = {}
        for name in file.keys():  # noqa: SIM118
            with telling(f"{path!r}, entry {name[:200]!r}"):
                check_name(name)
                part = file.get_slice(name)
                dtype = np.dtype(_DTYPES[part.get_dtype()])
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
    if size < 8 or length > min(size - 8, _HEADER):
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
        with telling(f"{path!r}, entry {name[:200]!r}"):
            check_name(name)
            kind, shape = entry["dtype"], tuple(entry["shape"])
            first, last = (len(header) + offset for offset in entry["data_offsets"])
            if first != end or last < first or any(type(n) is not int or n < 0 for n in shape):
                raise ValueError(f"it has the shape {shape} and the place {entry['data_offsets']}")
            end = last
            stored, read = _NARROW.get(kind) or (_DTYPES.get(kind), np.asarray)
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
        raw.seek(first)
        shape = declared[name][1]
        return read(filled(raw, math.prod(shape), dtype)).reshape(shape)

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
    if _KEY not in metadata and not any(text.startswith(SEAL) for text in metadata.values()):
        return {}
    found = re.match(rf"({SEAL}[0-9a-f]{{64}}) ", metadata.get(_KEY, ""))
    if found is None:
        raise damaged(path)
    blank = (SEAL + 64 * "0").encode()
    if found[1] != _header_seal(header.replace(found[1].encode(), blank, 1)):
        raise damaged(path)
    return parsed(metadata[_KEY][found.end() :], names, path)
