"""Plain values that a run keeps beside its weights, such as counts:
what has changed since it began, to be saved and restored; and all as it was, to be put back.
"""

from __future__ import annotations

import operator
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np

from autograd import Tensor
from nn.module import Module, parts_of
from nn.random import is_source, take_source_state
from nn.training.held import (
    CHANGING,
    COPIED,
    SIMPLE,
    Roots,
    enclosed,
    found,
    is_opened,
    is_users,
    methods_of,
    names_in,
    shared_sources,
    state_of,
)

__all__ = ["AsItWas", "Counts", "beginning", "changed", "same", "take_counts"]

Counts = dict[str, dict[str, Any]]

_DICTS = frozenset([dict, defaultdict, OrderedDict, Counter])
_LISTS = frozenset([list, tuple, set, deque])
_FLOAT64 = "numpy.float64"
_DEEP = 9  # how many lists and dicts may lie in one another in a plain value


# Plain values under public names, and lists, dicts, sets and arrays of them: attributes, and what a
# function has beside it. Of a buffer the values are saved with its Module, unless its form changes.


class _Form(tuple[Any, ...]):
    """Shape and dtype of a buffer, of which the values are saved with the Module."""


def _keepers(place: str, value: Any) -> Iterator[tuple[str, dict[str, Any], Callable[..., Any]]]:
    """What a value keeps by names: a place, what is there, and what gives names something else."""
    functions: Iterable[FunctionType] = ()
    if is_opened(value):
        yield place, vars(value), vars(value).update
        functions = methods_of(value)
    elif isinstance(value, FunctionType) and is_users(value):
        yield f"{place}.{value.__name__}", vars(value), vars(value).update
        functions = [value]
    if isinstance(value, Module):
        yield f"{place}!", _switches(value), partial(_switch, value)
    for function in functions:
        yield f"{place}.{function.__name__}()", _beside(function), partial(_set_beside, function)


def _switches(module: Module) -> dict[str, Any]:
    """What of a Module itself is trained: a callback may freeze and unfreeze."""
    trained = {name: p.requires_grad for name, p in parts_of(module) if isinstance(p, Tensor)}
    return {"trained": trained, "frozen": module._frozen}


def _switch(module: Module, switches: Mapping[str, Any]) -> None:
    own = dict(parts_of(module))
    for name, flag in switches.get("trained", {}).items():
        if isinstance(own.get(name), Tensor):
            own[name].requires_grad_(flag)
    if "frozen" in switches:
        vars(module)["_frozen"] = switches["frozen"]


def _beside(function: FunctionType) -> dict[Any, Any]:
    """What a function has by closures, by globals that it names, and, by number, by defaults."""
    near = function.__globals__
    named = {name: near[name] for name in names_in(function.__code__)[0] if name in near}
    return {**named, **enclosed(function), **dict(enumerate(function.__defaults__ or ()))}


def _set_beside(function: FunctionType, new: Mapping[Any, Any]) -> None:
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or ()))
    for name, value in new.items():
        if name in cells:
            cells[name].cell_contents = value
        elif isinstance(name, str):  # of a default only what is inside changes
            function.__globals__[name] = value


def _counted(members: Mapping[str, Any]) -> dict[str, Any]:
    """The public ones that are plain values, or lists, dicts, sets and arrays of such."""
    return {
        key: member
        for key, member in list(members.items())
        if (member.__class__ in SIMPLE or member.__class__ is not Tensor and _is_plain(member))
        and key != "training"
        and not str(key).startswith("_")
    }


def _is_plain(value: Any, deep: int = _DEEP) -> bool:
    kind = value.__class__
    if kind in SIMPLE:
        return True
    if kind is np.ndarray or isinstance(value, np.generic):
        return value.dtype.kind in ("biuf" if kind is np.ndarray else "biufU")
    if deep == 0 or kind not in _DICTS and kind not in _LISTS:
        return False
    some = slice(64 if len(value) > COPIED else None)  # of large ones, which take long
    if kind in _DICTS and not all(_is_plain(key, 0) for key in list(value)[some]):
        return False
    members = list(value.values() if kind in _DICTS else value)[some]
    return all(_is_plain(member, deep - 1) for member in members)


def _elements(value: Any) -> int:
    """How many a plain value holds."""
    if value.__class__ is not np.ndarray and getattr(value, "__len__", int)() > COPIED:
        return len(value)
    if value.__class__ in _DICTS:
        return sum(map(_elements, list(value.values())))
    if value.__class__ in _LISTS:
        return sum(map(_elements, list(value)))
    return getattr(value, "size", 1)


def _kept(value: Any, forms: bool = False, whole: bool = True) -> Any:
    """A copy of a plain value, of what checkpoints hold: sets and deques as lists, and what they
    would take for a float of Python, which computes in another precision, with its name.

    Args: forms, for only the forms of arrays; whole, False to leave large values as they are.
    """
    if value.__class__ in SIMPLE:
        return value
    if value.__class__ is np.ndarray:
        if forms:
            return _Form((value.shape, value.dtype.str))
        return value.copy() if whole or value.size <= COPIED else value
    if value.__class__ is np.float64:
        return _FLOAT64, float(value)
    if value.__class__ not in _LISTS and value.__class__ not in _DICTS:
        return value
    if not (whole or forms or _elements(value) <= COPIED):
        return value
    if value.__class__ in _DICTS:
        plain = {k: k.item() if isinstance(k, np.generic) else k for k in list(value)}
        return {key: _kept(value[k], forms) for k, key in plain.items()}
    ordered = sorted(value, key=repr) if value.__class__ is set else list(value)
    members = [_kept(member, forms) for member in ordered]
    return tuple(members) if value.__class__ is tuple else members


def _counts(roots: Roots) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """What counts, by place, and whether its arrays are buffers."""
    for place, value in found(roots):
        for own, members, _ in _keepers(place, value):
            yield own, _counted(members), own is place and isinstance(value, Module)


def beginning(roots: Roots) -> Counts:
    """What counts, as it is before it changes."""
    held: Counts = {}
    for place, members, forms in _counts(roots):
        kept = {key: _kept(member, forms, False) for key, member in members.items()}
        held.setdefault(place, {}).update(kept)
    return held


def changed(roots: Roots, before: Counts) -> Counts:
    """What counts and is not as it was before, or new."""
    held: Counts = {}
    for place, members, forms in _counts(roots):
        known = before.get(place, {})
        for key, member in members.items():
            if key not in known or not same(_kept(member, forms, False), known[key]):
                held.setdefault(place, {})[key] = _kept(member)
    return held


def same(a: Any, b: Any) -> bool:
    """Whether two values are equal and of one kind, all the way down; of large arrays, the same."""
    if a is b or a.__class__ is not b.__class__:
        return a is b
    if isinstance(a, np.ndarray):
        return a.size <= COPIED and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)) and any(member.__class__ not in SIMPLE for member in a):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def take_counts(saved: Counts, roots: Roots) -> None:
    """Give names the values that were saved."""
    for place, value in list(found(roots)):
        for own, members, give in _keepers(place, value):
            if own in saved:
                new = _restored(saved[own])
                give({key: _given(members.get(key), value) for key, value in new.items()})


def _restored(value: Any) -> Any:
    """A fresh value of one that was kept."""
    if isinstance(value, dict):
        return {key: _restored(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        if len(value) == 2 and isinstance(value, tuple) and value[0] == _FLOAT64:
            return np.float64(value[1])
        return type(value)(map(_restored, value))
    return value.copy() if isinstance(value, np.ndarray) else value


def _given(old: Any, new: Any) -> Any:
    """A fresh value, in the list, dict, set or deque that is there, for others may hold it."""
    kind = old.__class__
    if isinstance(new, dict):
        new = {key: _given(_at(old, key), member) for key, member in new.items()}
    elif isinstance(new, list):
        new = [_given(_at(old, k), member) for k, member in enumerate(new)]
    if kind in _DICTS and isinstance(new, dict) or kind is set and isinstance(new, list):
        old.clear(), old.update(new)
    elif kind in (list, deque) and isinstance(new, list):
        old.clear(), old.extend(new)
    else:
        return new
    return old


def _at(holder: Any, key: Any) -> Any:
    if holder.__class__ in _DICTS:
        return holder.get(key)
    return holder[key] if holder.__class__ in (list, deque) and key < len(holder) else None


# ---- trials -------------------------------------------------------------------------------------


class AsItWas:
    """Remembers what a run holds, and puts it back after a trial: attributes, lists and dicts, what
    functions have beside them, the values of buffers, generators.

    What is all of this library changes nothing in a trial, and draws from nothing.

    Args: held, all that was reached; whole, to remember that, too.
    """

    def __init__(self, held: list[Any], whole: bool = False) -> None:
        functions = [v for v in held if v.__class__ is FunctionType and is_users(v)]
        strange = whole or bool(functions) or any(map(is_users, set(map(type, held))))
        held = held if strange else []
        opened = [value for value in held if is_opened(value)]
        functions += [method for value in opened for method in methods_of(value)]
        self._beside = [(function, _beside(function)) for function in functions]
        self._attributes = [(value, dict(vars(value))) for value in [*opened, *functions]]
        parts = [value for value in opened if isinstance(value, Module)]
        self._containers = [
            (value, value.copy())
            for value in held
            if isinstance(value, CHANGING) and not isinstance(value, Module)
        ]
        buffers = {id(buffer): buffer for part in parts for buffer in _buffers(part)}
        self._buffers = [(buffer, buffer.copy()) for buffer in buffers.values()]
        drawn = [*filter(is_source, held), *(shared_sources().values() if strange else ())]
        self._sources = [(source, state_of(source)) for source in drawn]

    def put_back(self) -> None:
        for holder, before in self._attributes:
            now = vars(holder)
            for key in [key for key in now if key not in before and key != "_scope"]:
                del now[key]
            now.update({k: v for k, v in before.items() if k not in now or now[k] is not v})
        for function, before in self._beside:
            now = _beside(function)
            other = {k: v for k, v in before.items() if k not in now or now[k] is not v}
            _set_beside(function, other)
        for container, members in self._containers:
            _refill(container, members)
        for buffer, values in self._buffers:
            if not np.array_equal(buffer, values, equal_nan=buffer.dtype.kind == "f"):
                buffer[...] = values  # it was written into
        for source, state in self._sources:
            if state is not None:
                take_source_state(state, source)


def _refill(container: Any, members: Any) -> None:
    """A list or dict with the members that it had, if it has others now."""
    now, before = (
        [*c, *c.values()] if isinstance(c, dict) else list(c) for c in (container, members)
    )
    if len(now) != len(before) or not all(map(operator.is_, now, before)):
        container.clear()
        ordered = isinstance(container, (list, deque))
        container.extend(members) if ordered else container.update(members)


def _buffers(module: Module) -> Iterable[np.ndarray]:
    """The buffers that a Module holds itself, and maybe others."""
    own = [value for key, value in vars(module).items() if not key.startswith("_")]
    if any(isinstance(value, (dict, list, tuple)) for value in own):
        return module.buffers()
    return [value for value in own if isinstance(value, np.ndarray)]
