"""Checkpoints: a whole run in one file, and put back into its parts, everything or nothing."""

from __future__ import annotations

import copy
import os
from typing import Any

import numpy as np

from nn.files.entries import Arrays, Declared, OpenFile
from nn.files.formats import as_path, opened, write
from nn.files.state import declared, fit, weights
from nn.files.store import CheckpointError
from nn.files.values import decoded, encoded
from nn.module import Module
from nn.names import unknown
from nn.random import get_state, set_state

__all__ = ["check_parts", "load_checkpoint", "save_checkpoint"]


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
        trees[key] = [kind, encoded(key, _state(kind, part), arrays)]
    random = encoded("the library's generator", get_state(), arrays)
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
        values = {key: decoded(tree, arrays) for key, (_, tree) in saved.items()}
        random = decoded(file.notes["random"], arrays)
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


def _check_part(file: OpenFile, name: str, part: Any) -> None:
    """That a part was saved, as the same kind of thing; and of a Module that the shapes fit."""
    where = f"load_checkpoint: {file.path!r}"
    saved = file.notes["parts"]
    if name not in saved:
        hint = weights(saved) if isinstance(part, Module) else ""
        raise CheckpointError(f"{where}: {unknown('part', name, saved)}{hint}")
    kind, tree = saved[name]
    if kind != _kind("load_checkpoint", name, part):
        raise CheckpointError(
            f"{where}: {name} was saved from a {kind}, but a {type(part).__name__} was given to be "
            "restored"
        )
    if isinstance(part, Module) and type(part).state_dict is Module.state_dict:
        found = {key: _promised(value, file.declared) for key, value in tree["dict"]}
        wanted = declared("load_checkpoint", part)
        fit(f"{where}: {name}", file._replace(declared=found), wanted, type(part).__name__)


def _promised(tree: Any, there: Declared) -> tuple[np.dtype, tuple[int, ...]]:
    """Dtype and shape of a value, if it is an array."""
    name = tree.get("array") if isinstance(tree, dict) else None
    return there[name] if name is not None else (np.dtype(object), ())


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
