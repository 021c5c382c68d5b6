"""Plain values as JSON, and their arrays: what a checkpoint holds beside states of models.

A dict in the JSON is a tag: {"array": name}, {"tuple": [...]}, {"dict": [[key, value], ...]}.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from autograd import Tensor
from nn.files.entries import Arrays, as_stored, refusal

__all__ = ["decoded", "encoded"]

_DEPTH = 100  # of nested plain values


def encoded(place: str, value: Any, arrays: Arrays, above: tuple[int, ...] = ()) -> Any:
    """The value as JSON can hold it; its arrays go into `arrays`, named by their places."""
    if value is None or isinstance(value, (bool, str)):
        return value if value is None or isinstance(value, bool) else str(value)
    if isinstance(value, int):  # exact for all readers up to 2**53, and of any size as text
        return int(value) if abs(value) < 1 << 53 else {"int": hex(value)}
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"float": repr(float(value))}
    if isinstance(value, (np.ndarray, np.generic, Tensor)):
        name = _free_name(place, arrays)
        arrays[name] = as_stored("save_checkpoint", name, value, place)
        return {"scalar" if isinstance(value, np.generic) else "array": name}
    if not isinstance(value, (list, tuple, Mapping)):
        raise TypeError(
            f"save_checkpoint: {place} is a {type(value).__name__}; a checkpoint holds None, bool, "
            "int, float, str, arrays, and lists, tuples and dicts of them, NumPy Generators, and "
            "objects that have state_dict and load_state_dict"
        )
    if id(value) in above or len(above) >= _DEPTH:
        what = "holds itself" if id(value) in above else f"is nested more than {_DEPTH} deep"
        raise ValueError(f"save_checkpoint: {place[:80]}... {what}; a checkpoint holds trees")
    above = (*above, id(value))
    if isinstance(value, Mapping):
        return {"dict": [
            [_encoded_key(place, key), encoded(f"{place}/{key}", member, arrays, above)]
            for key, member in value.items()
        ]}  # fmt: skip
    members = [encoded(f"{place}/{k}", member, arrays, above) for k, member in enumerate(value)]
    return members if isinstance(value, list) else {"tuple": members}


def _free_name(place: str, arrays: Arrays) -> str:
    """What an array is called in the file: by its place, where that can be the name of an entry."""
    if refusal(place) is None and place not in arrays:
        return place
    return next(n for n in map("array/{}".format, itertools.count(len(arrays))) if n not in arrays)


def _encoded_key(place: str, key: Any) -> Any:
    if key is None or isinstance(key, (bool, int, float, str)):
        return encoded(place, key, {})
    raise TypeError(
        f"save_checkpoint: {place} has a key of type {type(key).__name__}; keys may be str, int, "
        "float, bool and None"
    )


def decoded(tree: Any, arrays: Arrays) -> Any:
    """The value that `encoded` made the tree from."""
    if isinstance(tree, list):
        return [decoded(member, arrays) for member in tree]
    if not isinstance(tree, dict):
        return tree
    ((tag, inside),) = tree.items()
    if tag == "dict":
        return {decoded(key, arrays): decoded(member, arrays) for key, member in inside}
    if tag == "tuple":
        return tuple(decoded(member, arrays) for member in inside)
    if tag in ("array", "scalar"):
        return arrays[inside] if tag == "array" else arrays[inside][()]
    return int(inside, 16) if tag == "int" else {"float": float}[tag](inside)
