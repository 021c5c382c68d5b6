"""States of models: arrays by name, written to a file and read from one that fits."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from autograd import Tensor
from nn.files.entries import Declared, OpenFile, as_stored
from nn.files.formats import as_path, opened, write
from nn.files.store import CheckpointError
from nn.habits import warn
from nn.module import Module
from nn.names import shifted

__all__ = ["declared", "fit", "load", "save", "weights"]


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
    float32 holds what NumPy has not: bfloat16, as most published files have it, and float8. Entries
    that are no real numbers (strings, objects, dates) are left out with a warning.
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
    wanted = None if like is None else declared("load", like)
    with opened("load", path) as file:
        if "parts" in file.notes:
            parts = file.notes["parts"]
            raise CheckpointError(
                f"load: {file.path!r} is the checkpoint of a whole run; use "
                f"load_checkpoint(path, name=object, ...). It holds: {_listed(parts)}"
                f"{weights(parts)}"
            )
        if wanted is not None:
            fit(f"load: {file.path!r}", file, wanted, type(like).__name__)
        _tell_left_out(file)
        return file.read(bounded=wanted is None)


def _tell_left_out(file: OpenFile) -> None:
    """Warn of entries that are no real numbers; where there is nothing else, raise."""
    if not file.left_out:
        return
    told = "; ".join(f"entry {name!r}: {why}" for name, why in [*file.left_out.items()][:20])
    more = f"; and {len(file.left_out) - 20} more" if len(file.left_out) > 20 else ""
    if not file.declared:
        raise CheckpointError(
            f"load: {file.path!r} holds nothing that can be read here: {told}{more}"
        )
    cure = f"; np.load({file.path!r}) reads strings and dates" * file.path.lower().endswith(".npz")
    warn(f"load: {file.path!r}: left out what is no real numbers: {told}{more}{cure}")


def weights(parts: Any) -> str:
    """Where the weights are in the checkpoint of a Trainer, which ModelCheckpoint writes."""
    return '. The weights alone: load_checkpoint(path)["trainer"]["model"]' * ("trainer" in parts)


# ---- what fits --------------------------------------------------------------------------------


def declared(caller: str, like: Any) -> Declared:
    """The dtypes and shapes by name, of a Module or a dict of arrays."""
    if isinstance(like, Module):
        like = {**dict(like.named_parameters()), **dict(like.named_buffers())}
    if not isinstance(like, Mapping):
        raise TypeError(
            f"{caller}: `like` must be a Module or a dict of arrays, got {type(like).__name__}"
        )
    values = {name: v.numpy() if isinstance(v, Tensor) else v for name, v in like.items()}
    return {name: (np.asarray(value).dtype, np.shape(value)) for name, value in values.items()}


def fit(where: str, file: OpenFile, wanted: Declared, what: str) -> None:
    """Raise CheckpointError that lists everything in which a file does not fit."""
    found, left_out = file.declared, file.left_out
    both = [name for name in wanted if name in found]
    missing = [name for name in wanted if name not in found and name not in left_out]
    unexpected = [name for name in found if name not in wanted]
    shapes = [{name: shape for name, (_, shape) in part.items()} for part in (found, wanted)]
    complaints = {
        "missing": missing,
        "unexpected": unexpected,
        "no real numbers": [f"{name}: {left_out[name]}" for name in wanted if name in left_out],
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
            + shifted(*shapes)
        )


def _listed(names: Any) -> str:
    names = list(map(str, names))
    return ", ".join(names[:20]) + (f", and {len(names) - 20} more" if len(names) > 20 else "")
