"""The format IDX, in which MNIST comes, plain or packed by gzip."""

from __future__ import annotations

import math
import os
import zlib
from typing import Any, BinaryIO

import numpy as np

__all__ = ["load_idx"]


_IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_GZIP = b"\x1f\x8b"
_MOST_PACKED = 1032  # deflate makes no more than 1,032 bytes out of one


def load_idx(path: str | os.PathLike[str]) -> Any:
    """The array in an IDX file, MNIST's format, plain or packed by gzip (seen by its content).

    The file holds two zero bytes, a code of the type (8: uint8, 9: int8, 11: int16, 12: int32,
    13: float32, 14: float64), the number of axes, the length of each as 4 bytes, and the values,
    all of them with the highest byte first. Returns a writable array in the machine's byte order.
    Raises ValueError naming the file and what is wrong with it. Source: Yann LeCun, The MNIST
    database (1998).

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "labels-idx1-ubyte")
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 5, 0, 4]))
    ...     load_idx(path)
    array([5, 0, 4], dtype=uint8)
    """
    name, size = os.fspath(path), os.path.getsize(path)
    with open(path, "rb") as file:
        packed = file.read(2) == _GZIP
        file.seek(0)
        if not packed:
            return _read_idx(name, file, size)
        import gzip  # here, for only packed files need it

        try:
            with gzip.GzipFile(fileobj=file) as unpacked:
                return _read_idx(name, unpacked, size * _MOST_PACKED)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(
                f"load_idx: {name} is a damaged or truncated gzip file ({error}); fetch it again"
            ) from error


def _read_idx(name: str, file: Any, at_most: int) -> Any:
    """The array of an open file that holds at most so many bytes."""
    dtype, shape = _idx_header(name, file)
    expected = math.prod(shape) * dtype.itemsize
    says = f"load_idx: {name} says that it holds {dtype.newbyteorder('=')} values of shape {shape}"
    if expected > at_most:  # before anything of that size is asked for
        raise ValueError(
            f"{says}, {expected} bytes, which the file is too small for; fetch it again"
        )
    data = file.read(expected + 1)
    if len(data) != expected:
        seen = "more" if len(data) > expected else f"only {len(data)}"
        raise ValueError(f"{says}, {expected} bytes, but there are {seen}; fetch it again")
    return np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def _idx_header(name: str, file: BinaryIO) -> tuple[np.dtype[Any], tuple[int, ...]]:
    start = file.read(4)
    if len(start) < 4:
        raise ValueError(f"load_idx: {name} holds {len(start)} bytes, too few for an IDX file")
    zeros, code, ndim = start[:2], start[2], start[3]
    if zeros != b"\0\0" or code not in _IDX_TYPES or ndim > 32:
        raise ValueError(
            f"load_idx: {name} is no IDX file: it begins with the bytes {start.hex(' ')}, not with "
            f"00 00, a type ({', '.join(f'{c:02x}' for c in _IDX_TYPES)}) and a number of axes"
        )
    lengths = file.read(4 * ndim)
    if len(lengths) < 4 * ndim:
        raise ValueError(f"load_idx: {name} ends within the lengths of its {ndim} axes")
    return np.dtype(_IDX_TYPES[code]), tuple(np.frombuffer(lengths, ">u4").tolist())
