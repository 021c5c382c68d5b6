"""Files: the state of a model, and the checkpoint of a whole run, as .npz or .safetensors.

How they are written and read, and checked, is in formats; here is what is in them, and how it gets
into models, optimisers and generators: everything, or nothing.

May import: autograd, formats, names, random, module.
"""

from __future__ import annotations

import copy
import itertools
import math
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from autograd import Tensor
from nn.formats import (
    Arrays,
    CheckpointError,
    CheckpointNotFoundError,
    Declared,
    OpenFile,
    as_path,
    as_stored,
    opened,
    refusal,
    write,
)
from nn.module import Module
from nn.names import unknown
from nn.random import get_state, set_state

__all__ = [
    "CheckpointError", "CheckpointNotFoundError", "check_parts", "load", "load_checkpoint", "save",
    "save_checkpoint",
]  # fmt: skip

_DEPTH = 100  # of nested plain values


# ---- states of models -------------------------------------------------------------------------


def save(path: str | os.PathLike[str], state: Module | Mapping[str, Any]) -> None:
    """Write the parameters and buffers of a Module, or any dict of arrays, to a file.

    Args: path, ending in .npz (np.load reads it) or .safetensors (PyTorch and others read it; needs
        `pip install "chalkgrad[safetensors]"`); state, a Module, or arrays or Tensors by name.
    A file of that name is replaced at once or, whatever happens, not at all: a run killed in the
    middle leaves the old file as it was, and maybe a `.chalkgrad-*.tmp` that may be deleted.
    Raises TypeError for what is not real numbers, ValueError for another suffix and for a name that
    could not be stored, CheckpointError where the file cannot be written.

    >>> import nn, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = f"{folder.name}/model.npz"
    >>> model = nn.Linear(2, 3)
    >>> nn.save(path, model)
    >>> {name: array.shape for name, array in nn.load(path).items()}
    {'weight': (3, 2), 'bias': (3,)}
    >>> folder.cleanup()
    """
    name = as_path("save", path)
    if isinstance(state, Module):
        state = state.state_dict()
    if not isinstance(state, Mapping):
        raise TypeError(
            f"save takes a Module or a dict of arrays by name, got {type(state).__name__}; for "
            "optimisers, schedulers and whole runs use save_checkpoint(path, name=object, ...)"
        )
    write("save", name, {key: as_stored("save", key, value) for key, value in state.items()}, {})


def load(
    path: str | os.PathLike[str], like: Module | Mapping[str, Any] | None = None
) -> dict[str, np.ndarray]:
    """Read a file of arrays, as a dict of fresh arrays by name.

    Args: path, ending in .npz or .safetensors, of `save` or any other program; like, a Module or a
        dict of arrays that the file must fit: the same names and shapes, and dtypes that
        `load_state_dict` would cast (float64 to float32, but no float to int). This is checked
        before any array is read. The arrays come as they are in the file.
    Any damage to a file that `save` wrote is found. In one of another program the structure is
    checked, but a changed value cannot be seen; and without `like` its compressed entries may grow
    to 100 times the file's size, or 16 MiB.
    Raises CheckpointError, naming file and entry, for any file that is damaged, hostile, of another
    kind or does not fit (all that does not is listed), and CheckpointNotFoundError where there is
    none. To take a part of a state: `model.load_state_dict(nn.load(path), strict=False)`.

    >>> import nn, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = f"{folder.name}/model.npz"
    >>> nn.save(path, nn.Linear(2, 3))
    >>> model = nn.Linear(2, 3)
    >>> model.load_state_dict(nn.load(path, like=model))
    Keys(missing_keys=[], unexpected_keys=[])
    >>> folder.cleanup()
    """
    wanted = None if like is None else _declared("load", like)
    with opened("load", path) as file:
        if "parts" in file.notes:
            parts = file.notes["parts"]
            raise CheckpointError(
                f"load: {file.path!r} is the checkpoint of a whole run; use "
                f"load_checkpoint(path, name=object, ...). It holds: {_listed(parts)}"
                f"{_weights(parts)}"
            )
        if wanted is not None:
            _fit(f"load: {file.path!r}", file.declared, wanted, type(like).__name__)
        return file.read(bounded=wanted is None)


# ---- whole runs -------------------------------------------------------------------------------


def save_checkpoint(path: str | os.PathLike[str], /, **parts: Any) -> None:
    """Write a whole run to one file: model, optimiser, scheduler, place in the data, anything.

    Args: path, as of `save`; parts, by name: objects with `state_dict` and `load_state_dict`, NumPy
        Generators, and plain values: None, bool, int, float, str, arrays, and lists, tuples and
        dicts of them. The library's own generator is always saved; one that a layer was given
        (rng=...) is a part like any other (a Trainer saves those of its layers itself).
    Written as by `save`, all or nothing. Raises TypeError and ValueError, naming the place, for
    what cannot be stored; CheckpointError where the file cannot be written.

    Killed at any time and started again, this loop ends with the same weights, bit for bit:

    >>> import nn, os, tempfile
    >>> def run(path, epochs):
    ...     model = nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.1), nn.Linear(8, 1))
    ...     optimizer = nn.optim.Adam(model.parameters(), lr=0.01)
    ...     scheduler = nn.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.9)
    ...     loader = nn.DataLoader(np.eye(2), np.ones((2, 1)), batch_size=1, shuffle=True)
    ...     parts = dict(model=model, optimizer=optimizer, scheduler=scheduler, loader=loader)
    ...     epoch = nn.load_checkpoint(path, **parts)["epoch"] if os.path.exists(path) else 0
    ...     while epoch < epochs:
    ...         for x, y in loader:
    ...             optimizer.zero_grad()
    ...             nn.MSELoss()(model(x), y).backward()
    ...             optimizer.step()
    ...         scheduler.step()
    ...         epoch += 1
    ...         nn.save_checkpoint(path, **parts, epoch=epoch)
    ...     return model.state_dict()
    >>> folder = tempfile.TemporaryDirectory()
    >>> a, b = f"{folder.name}/a.npz", f"{folder.name}/b.npz"
    >>> _ = nn.manual_seed(0); unbroken = run(a, 5)
    >>> _ = nn.manual_seed(0); _ = run(b, 3); resumed = run(b, 5)
    >>> all(np.array_equal(resumed[name], unbroken[name]) for name in unbroken)
    True
    >>> folder.cleanup()
    """
    name = as_path("save_checkpoint", path)
    if not parts:
        raise ValueError("save_checkpoint: nothing to save; name the parts: model=model, ...")
    write("save_checkpoint", name, *_contents(parts))


def check_parts(**parts: Any) -> None:
    """Raise what `save_checkpoint` would for these parts, without writing anything."""
    _contents(parts)


def _contents(parts: dict[str, Any]) -> tuple[Arrays, dict[str, Any]]:
    """What a checkpoint consists of."""
    arrays: Arrays = {}
    trees = {}
    for key, part in parts.items():
        kind = _kind("save_checkpoint", key, part)
        trees[key] = [kind, _encoded(key, _state(kind, part), arrays)]
    random = _encoded("the library's generator", get_state(), arrays)
    return arrays, {"parts": trees, "random": random}


def load_checkpoint(path: str | os.PathLike[str], /, **parts: Any) -> dict[str, Any]:
    """Restore the given parts from a file of `save_checkpoint`; returns all the others.

    Args: path; parts, by the names they were saved under: objects with `load_state_dict`, and NumPy
        Generators. The library's own generator is always restored.
    Returns a dict of what was saved and not given: plain values, and states of objects.
    All or nothing: if anything fails, every part is put back to what it was.
    Raises CheckpointError, naming the file, where it is damaged or of another kind, has no part of
    a given name, or a part does not take its state; CheckpointNotFoundError where there is none.

    >>> import nn, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = f"{folder.name}/run.npz"
    >>> rng = np.random.default_rng(0)
    >>> nn.save_checkpoint(path, rng=rng, epoch=7, history={"loss": [0.5, 0.25]})
    >>> first = rng.random()
    >>> nn.load_checkpoint(path, rng=rng)
    {'epoch': 7, 'history': {'loss': [0.5, 0.25]}}
    >>> rng.random() == first
    True
    >>> folder.cleanup()
    """
    for key, part in parts.items():
        if _kind("load_checkpoint", key, part) == "value":
            raise TypeError(
                f"load_checkpoint: {key} is a {type(part).__name__}, which cannot be changed in "
                f"place; leave it out, and take it from the result: load_checkpoint(...)[{key!r}]"
            )
    with opened("load_checkpoint", path) as file:
        if "parts" not in file.notes:
            raise CheckpointError(
                f"load_checkpoint: {file.path!r} holds arrays, but not the checkpoint of a run; "
                "use load(path), or write it by save_checkpoint"
            )
        saved = file.notes["parts"]
        for key, part in parts.items():
            _check_part(file, key, part)
        arrays = file.read()
        values = {key: _decoded(tree, arrays) for key, (_, tree) in saved.items()}
        random = _decoded(file.notes["random"], arrays)
    _restore(file.path, parts, values, random)
    return {key: value for key, value in values.items() if key not in parts}


def _kind(caller: str, name: str, part: Any) -> str:
    """Of what kind a part is; raises TypeError for an object that cannot be restored."""
    if isinstance(part, np.random.Generator):
        return "generator"
    if not callable(getattr(part, "state_dict", None)) or isinstance(part, type):
        return "value"
    if not callable(getattr(part, "load_state_dict", None)):
        raise TypeError(
            f"{caller}: {name} is a {type(part).__name__}, which has a method state_dict but no "
            "load_state_dict; write one"
        )
    return "object"


def _state(kind: str, part: Any) -> Any:
    """What is saved of a part."""
    if kind == "generator":
        return get_state(part)
    return part.state_dict() if kind == "object" else part


def _weights(parts: Any) -> str:
    """Where the weights are in the checkpoint of a Trainer, which ModelCheckpoint writes."""
    return '. The weights alone: load_checkpoint(path)["trainer"]["model"]' * ("trainer" in parts)


def _check_part(file: OpenFile, name: str, part: Any) -> None:
    """That a part was saved, as the same kind of thing; and of a Module that the shapes fit."""
    where = f"load_checkpoint: {file.path!r}"
    saved = file.notes["parts"]
    if name not in saved:
        hint = _weights(saved) if isinstance(part, Module) else ""
        raise CheckpointError(f"{where}: {unknown('part', name, saved)}{hint}")
    kind, tree = saved[name]
    if kind != _kind("load_checkpoint", name, part):
        raise CheckpointError(
            f"{where}: {name} was saved from a {kind}, but a {type(part).__name__} was given to be "
            "restored"
        )
    if isinstance(part, Module) and type(part).state_dict is Module.state_dict:
        found = {key: _promised(value, file.declared) for key, value in tree["dict"]}
        wanted = _declared("load_checkpoint", part)
        _fit(f"{where}: {name}", found, wanted, type(part).__name__)


def _promised(tree: Any, declared: Declared) -> tuple[np.dtype, tuple[int, ...]]:
    """Dtype and shape of a value, if it is an array."""
    name = tree.get("array") if isinstance(tree, dict) else None
    return declared[name] if name is not None else (np.dtype(object), ())


def _restore(path: str, parts: dict[str, Any], values: dict[str, Any], random: Any) -> None:
    """Give all parts their new states, or none."""
    before = {name: _snapshot(part) for name, part in parts.items()}
    own, touched = get_state(), []
    try:
        for name, part in parts.items():
            touched.append(name)
            _put(part, values[name])
        touched.append("the library's generator")
        set_state(random)
    except BaseException as error:  # also when Ctrl-C comes in the middle
        set_state(own)
        changed = [n for n in touched if n in parts and not _put_back(parts[n], before[n])]
        if not isinstance(error, Exception):
            raise
        after = f"{', '.join(changed)} could not be put back" if changed else "nothing was changed"
        raise CheckpointError(
            f"load_checkpoint: {path!r}: {touched[-1]} does not take its saved state; {after}: "
            f"{error}"
        ) from error


def _snapshot(part: Any) -> Any:
    """The state of a part, of which nothing changes when the part does."""
    return copy.deepcopy(_state(_kind("load_checkpoint", "a part", part), part))


def _put(part: Any, state: Any) -> None:
    if isinstance(part, np.random.Generator):
        set_state(state, part)
    else:
        part.load_state_dict(state)


def _put_back(part: Any, state: Any) -> bool:
    """Undo what `_put` did; whether the part took it."""
    try:
        _put(part, state)
    except Exception:
        return False
    return True


# ---- plain values as JSON ---------------------------------------------------------------------
# A dict in the JSON is a tag: {"array": name}, {"tuple": [...]}, {"dict": [[key, value], ...]}.


def _encoded(place: str, value: Any, arrays: Arrays, above: tuple[int, ...] = ()) -> Any:
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
            [_encoded_key(place, key), _encoded(f"{place}/{key}", member, arrays, above)]
            for key, member in value.items()
        ]}  # fmt: skip
    members = [_encoded(f"{place}/{k}", member, arrays, above) for k, member in enumerate(value)]
    return members if isinstance(value, list) else {"tuple": members}


def _free_name(place: str, arrays: Arrays) -> str:
    """What an array is called in the file: by its place, where that can be the name of an entry."""
    if refusal(place) is None and place not in arrays:
        return place
    return next(n for n in map("array/{}".format, itertools.count(len(arrays))) if n not in arrays)


def _encoded_key(place: str, key: Any) -> Any:
    if key is None or isinstance(key, (bool, int, float, str)):
        return _encoded(place, key, {})
    raise TypeError(
        f"save_checkpoint: {place} has a key of type {type(key).__name__}; keys may be str, int, "
        "float, bool and None"
    )


def _decoded(tree: Any, arrays: Arrays) -> Any:
    """The value that `_encoded` made the tree from."""
    if isinstance(tree, list):
        return [_decoded(member, arrays) for member in tree]
    if not isinstance(tree, dict):
        return tree
    ((tag, inside),) = tree.items()
    if tag == "dict":
        return {_decoded(key, arrays): _decoded(member, arrays) for key, member in inside}
    if tag == "tuple":
        return tuple(_decoded(member, arrays) for member in inside)
    if tag in ("array", "scalar"):
        return arrays[inside] if tag == "array" else arrays[inside][()]
    return int(inside, 16) if tag == "int" else {"float": float}[tag](inside)


# ---- what fits -------------------------------------------------------------------------------


def _declared(caller: str, like: Any) -> Declared:
    """The dtypes and shapes by name, of a Module or a dict of arrays."""
    if isinstance(like, Module):
        like = {**dict(like.named_parameters()), **dict(like.named_buffers())}
    if not isinstance(like, Mapping):
        raise TypeError(
            f"{caller}: `like` must be a Module or a dict of arrays, got {type(like).__name__}"
        )
    values = {name: v.numpy() if isinstance(v, Tensor) else v for name, v in like.items()}
    return {name: (np.asarray(value).dtype, np.shape(value)) for name, value in values.items()}


def _fit(where: str, found: Declared, wanted: Declared, what: str) -> None:
    """Raise CheckpointError that lists everything in which a file does not fit."""
    both = [name for name in wanted if name in found]
    complaints = {
        "missing": [name for name in wanted if name not in found],
        "unexpected": [name for name in found if name not in wanted],
        "wrong shape": [
            f"{name} is {found[name][1]}, expected {wanted[name][1]}"
            for name in both if found[name][1] != wanted[name][1]
        ],
        "wrong dtype": [
            f"{name} is {found[name][0]}, expected {wanted[name][0]}"
            for name in both if not np.can_cast(found[name][0], wanted[name][0], "same_kind")
        ],
    }  # fmt: skip
    if any(complaints.values()):
        raise CheckpointError(
            f"{where} does not fit {what}; no array was read and nothing was changed:"
            + "".join(f"\n    {kind}: {_listed(c)}" for kind, c in complaints.items() if c)
        )


def _listed(names: Any) -> str:
    names = list(map(str, names))
    return ", ".join(names[:20]) + (f", and {len(names) - 20} more" if len(names) > 20 else "")
