"""What a run holds beside weights: Modules, generators and counts, wherever its model, loss,
metrics, transform and callbacks keep them; to be switched, saved, and put back.

Gone through are the attributes of Modules and of other objects of a program, also those that are
private, what is in lists, tuples and dicts of them, and what functions have from around them.

May import: autograd, random, module.
"""

from __future__ import annotations

import io
import operator
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from autograd import Tensor, scope
from nn.module import Module, Sequential
from nn.random import is_source, source_state, take_source_state

__all__ = [
    "AsItWas", "changed", "counts", "hidden_parameters", "is_users", "judges", "modules", "resting",
    "same", "shared_sources", "sources", "stateful", "states_of", "take_counts", "take_sources",
    "unsavable",
]  # fmt: skip

Roots = Mapping[str, Any]
Counts = dict[str, dict[str, Any]]

_SIMPLE = frozenset([bool, int, float, str, type(None)])
_CLOSED = (Tensor, np.ndarray, np.generic, type, ModuleType)
# Whose objects are not gone through: nobody keeps there what a run draws from.
_OTHERS = frozenset([*sys.stdlib_module_names, "autograd", "nn", "numpy", "pandas", "matplotlib"])
_QUICK = frozenset([*_SIMPLE, Tensor, np.ndarray, scope])  # what most attributes are
_COPIED = 1 << 16  # elements; of larger arrays a count sees only that there is another


def found(roots: Roots) -> Iterator[tuple[str, Any]]:
    """All objects that these hold, each once, with its place: "model.3.rng"."""
    stack = [(name, value) for name, value in reversed(list(roots.items()))]
    seen: dict[int, Any] = {}  # the objects too, for their ids are taken again after them
    while stack:
        place, value = stack.pop()
        if id(value) in seen or isinstance(value, _CLOSED):
            continue
        seen[id(value)] = value
        yield place, value
        stack.extend(reversed(list(_inside(place, value))))


def reached(roots: Iterable[Any], methods: bool = True) -> list[Any]:
    """The same without the places, and quicker; methods, False to leave those of classes out."""
    stack, held = list(roots), {}
    while stack:
        value = stack.pop()
        if id(value) in held or isinstance(value, _CLOSED):
            continue
        held[id(value)] = value
        if value.__class__ is list or value.__class__ is tuple:
            inside = value
        elif isinstance(value, Module) and not (methods and is_users(type(value))):
            inside = [*vars(value).values(), *(value if isinstance(value, list) else ())]
            inside += value.values() if isinstance(value, dict) else ()
        else:
            inside = [member for _, member in _inside("", value, methods)]
        stack += [member for member in inside if member.__class__ not in _QUICK]
    return list(held.values())


def _inside(place: str, value: Any, methods: bool = True) -> Iterator[tuple[str, Any]]:
    """What one object holds itself; with what the methods of its class name from around them."""
    if isinstance(value, FunctionType):
        yield from _around(place, value) if is_users(value) else ()
    elif isinstance(value, MethodType):
        yield place, value.__self__
        yield place, value.__func__
    elif isinstance(value, partial):
        yield place, value.func
        yield from _members(place, dict(enumerate(value.args)) | value.keywords)
    if isinstance(value, dict):
        yield from _members(place, value)
    elif isinstance(value, (list, tuple)):
        yield from _members(place, dict(enumerate(value)))
    if isinstance(value, Sequential):
        yield from _members(place, dict(enumerate(value)))
    if _is_opened(value):
        yield from _members(place, vars(value))
        for kind in type(value).__mro__ if methods else ():
            if is_users(kind):
                for method in list(vars(kind).values()):
                    if isinstance(method, FunctionType):
                        yield from _around(place, method)


def _is_opened(value: Any) -> bool:
    """Whether to look at the attributes of an object."""
    if isinstance(value, Module):
        return True
    return hasattr(value, "__dict__") and is_users(type(value))


def is_users(kind: Any) -> bool:
    """Whether a class or a function is part of a program, and not of a library."""
    return str(kind.__module__).partition(".")[0] not in _OTHERS


def _members(place: str, members: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    for key, member in list(members.items()):
        if member.__class__ not in _QUICK:
            yield f"{place}.{key}", member


def _around(place: str, function: FunctionType) -> Iterator[tuple[str, Any]]:
    """What a function has from around it: by closures, defaults, and the globals that it names."""
    code, near = function.__code__, function.__globals__
    for name, cell in zip(code.co_freevars, function.__closure__ or ()):
        try:
            yield from _members(place, {name: cell.cell_contents})
        except ValueError:  # nothing yet
            pass
    defaults = dict(enumerate(function.__defaults__ or ()))
    yield from _members(place, defaults | (function.__kwdefaults__ or {}))
    for name, value in _named(code.co_names, near):
        if isinstance(value, FunctionType):
            own = value.__globals__ is near or _is_programs(value.__globals__)
        else:
            own = isinstance(value, Module) or is_source(value)
        if own:
            yield f"{place}.{name}", value


def _named(names: Iterable[str], near: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The globals of these names; in place of a module of the program, what it has of them."""
    for name in names:
        value = near.get(name)
        if isinstance(value, ModuleType) and _is_programs(vars(value)):
            yield from ((f"{name}.{n}", vars(value)[n]) for n in names if n in vars(value))
        elif value is not None:
            yield name, value


def _is_programs(module: dict[str, Any]) -> bool:
    """Whether the globals of a module are those of the program that runs, not installed ones."""
    top = str(module.get("__name__")).partition(".")[0]
    return top not in _OTHERS and "-packages" not in (module.get("__file__") or "-packages")


# ---- Modules ------------------------------------------------------------------------------------


def modules(*roots: Any) -> list[Module]:
    """All Modules that these hold."""
    return [value for value in reached(roots, methods=False) if isinstance(value, Module)]


def hidden_parameters(held: Iterable[Module]) -> Iterator[tuple[str, Tensor]]:
    """(name, leaf) of what wants a gradient below a name of these that starts with "_"; it may be
    found under another name as well."""
    for module in held:
        if not is_users(type(module)):
            continue
        for name, value in list(vars(module).items()):
            if name[:1] != "_" or value.__class__ in _SIMPLE:
                continue
            inside = [v for part in modules(value) for v in list(vars(part).values())]
            for tensor in (value, *inside):
                if isinstance(tensor, Tensor) and tensor.is_leaf and tensor.requires_grad:
                    yield name, tensor


def judges(roots: Roots, model: Module) -> list[Module]:
    """The outermost Modules that these hold, beside the model."""
    own = [root for root in roots.values() if isinstance(root, Module)]
    others = {p: r for p, r in roots.items() if not isinstance(r, Module) and any(_inside(p, r))}
    inside = stateful(others, model).values() if others else ()
    return own + [part for part in inside if isinstance(part, Module)]


def stateful(roots: Roots, model: Module) -> dict[str, Any]:
    """What has a state of its own beside the model, by place: Modules, and such of the roots
    themselves as say so. Parts of a Module that was found, and what is private, are left out.
    """
    known = set(map(id, model.modules()))
    parts: dict[str, Any] = {}
    for place, value in found(roots):
        if isinstance(value, Module) and id(value) not in known and "._" not in place:
            known.update(map(id, value.modules()))
            parts[place] = value
        elif roots.get(place) is value and id(value) not in known and _says_state(value):
            if callable(getattr(value, "load_state_dict", None)):
                parts[place] = value
    return parts


def _says_state(value: Any) -> bool:
    return callable(getattr(value, "state_dict", None)) and not isinstance(value, Module)


def resting(model: Module) -> list[Module]:
    """The Modules with buffers that are frozen, alone or as parts of what is frozen."""
    stack: list[tuple[Module, bool]] = [(model, False)]
    seen: set[tuple[int, bool]] = set()
    rest = []
    while stack:
        module, frozen = stack.pop()
        parameters = list(module.parameters())
        if parameters:
            frozen = not any(p.requires_grad for p in parameters)
        else:
            frozen = frozen or module._frozen
        if (id(module), frozen) in seen:
            continue
        seen.add((id(module), frozen))
        children = list(module.children())
        below = {id(buffer) for child in children for buffer in child.buffers()}
        if frozen and any(id(buffer) not in below for buffer in module.buffers()):
            rest.append(module)
        stack.extend((child, frozen) for child in children)
    return rest


# ---- generators ---------------------------------------------------------------------------------


def sources(roots: Roots) -> dict[str, Any]:
    """All generators of random numbers that these hold, by place."""
    held: dict[str, Any] = {}
    for place, value in found(roots):
        if is_source(value):
            while place in held:  # two in one function
                place += "'"
            held[place] = value
    return held


def take_sources(states: Mapping[str, Any], held: Mapping[str, Any]) -> None:
    """Put generators where they were, those that have a saved state."""
    for place, source in held.items():
        if place in states:
            try:
                take_source_state(states[place], source)
            except ValueError as error:
                raise ValueError(f"the generator {place}: {error}") from error


def shared_sources() -> dict[str, Any]:
    """Those that belong to everybody: what np.random.normal and random.random draw from."""
    shared = {"numpy.random": np.random.mtrand._rand}  # type: ignore[attr-defined]
    python = sys.modules.get("random")
    return shared if python is None else {**shared, "random": python.getstate.__self__}


def states_of(held: Mapping[str, Any]) -> dict[str, Any]:
    """Where these generators stand, all that stand somewhere."""
    states = {place: _state(source) for place, source in held.items()}
    return {place: state for place, state in states.items() if state is not None}


def _is_iterator(value: Any) -> bool:
    """Whether it goes on by itself; a file that is only written does not."""
    if isinstance(value, io.IOBase):
        return not value.closed and value.readable()
    return hasattr(type(value), "__next__") and not isinstance(value, Module)


def unsavable(roots: Roots) -> str | None:
    """Why what these hold could not be saved; None if it can."""
    for place, value in found(roots):
        if is_source(value):
            try:
                source_state(value)
            except NotImplementedError:
                return f"{place} is a {type(value).__name__}, which has no place to go back to"
        elif _is_iterator(value):
            return (
                f"{place} is a {type(value).__name__}, whose place cannot be saved; hold a "
                "numpy.random.Generator, a number or an array instead"
            )
        elif roots.get(place) is value and _says_state(value):
            if not callable(getattr(value, "load_state_dict", None)):
                return (
                    f"{place} is a {type(value).__name__}, which has a method state_dict but no "
                    "load_state_dict; write one"
                )
        elif type(value).__module__.startswith("torch") and type(value).__name__ == "Generator":
            return f"{place} is PyTorch's Generator; use a numpy.random.Generator instead"
    return None


# ---- counts -------------------------------------------------------------------------------------


def counts(roots: Roots) -> Counts:
    """Public attributes that are plain values, and of what is no Module the arrays, by place."""
    return {
        place: {
            key: _kept(member)
            for key, member in list(vars(value).items())
            if key != "training" and not str(key).startswith("_") and _is_count(value, member)
        }
        for place, value in found(roots)
        if _is_opened(value)
    }


def _is_count(holder: Any, member: Any) -> bool:
    if member.__class__ in _SIMPLE or isinstance(member, np.generic):
        return True
    return member.__class__ is np.ndarray and not isinstance(holder, Module)


def _kept(value: Any) -> Any:
    return value.copy() if value.__class__ is np.ndarray and value.size <= _COPIED else value


def changed(now: Counts, before: Counts) -> Counts:
    """What is not as it was before, or new."""
    differ = {
        place: {
            key: value
            for key, value in members.items()
            if key not in before.get(place, {}) or not same(value, before[place][key])
        }
        for place, members in now.items()
    }
    return {place: members for place, members in differ.items() if members}


def same(a: Any, b: Any) -> bool:
    """Whether two values are equal and of one kind, all the way down; of large arrays, the same."""
    if a is b or a.__class__ is not b.__class__:
        return a is b
    if isinstance(a, np.ndarray):
        return a.size <= _COPIED and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)) and any(member.__class__ not in _SIMPLE for member in a):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def take_counts(saved: Counts, roots: Roots) -> None:
    """Give attributes the values that were saved."""
    for place, value in found(roots):
        if place in saved and _is_opened(value):
            vars(value).update({key: _kept(member) for key, member in saved[place].items()})


# ---- trials -------------------------------------------------------------------------------------


class AsItWas:
    """Remembers what these hold, and puts it back after a trial: attributes, lists and dicts of
    Modules, the values of buffers, generators."""

    def __init__(self, *roots: Any) -> None:
        held = reached(roots)
        strange = any(is_users(v if isinstance(v, FunctionType) else type(v)) for v in held)
        drawn = list(filter(is_source, held))
        # What is of this library changes nothing in a trial, and leaves everybody's sources alone.
        opened = [value for value in held if _is_opened(value)] if strange else []
        self._attributes = [(value, dict(vars(value))) for value in opened]
        parts = [value for value in opened if isinstance(value, Module)]
        self._containers = [
            (value, value.copy())
            for part in parts for value in vars(part).values()
            if value.__class__ is list or value.__class__ is dict
        ]  # fmt: skip
        buffers = {id(buffer): buffer for part in parts for buffer in _buffers(part)}
        self._buffers = [(buffer, buffer.copy()) for buffer in buffers.values()]
        drawn += shared_sources().values() if strange else ()
        self._sources = [(source, _state(source)) for source in drawn]

    def put_back(self) -> None:
        for holder, before in self._attributes:
            now = vars(holder)
            for key in [key for key in now if key not in before and key != "_scope"]:
                del now[key]
            now.update({k: v for k, v in before.items() if k not in now or now[k] is not v})
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
    listed = isinstance(container, list)
    now, before = (c if listed else [*c, *c.values()] for c in (container, members))
    if len(now) != len(before) or not all(map(operator.is_, now, before)):
        container.clear()
        container.extend(members) if listed else container.update(members)


def _buffers(module: Module) -> Iterable[np.ndarray]:
    """The buffers that a Module holds itself, and maybe others."""
    own = [value for key, value in vars(module).items() if not key.startswith("_")]
    if any(isinstance(value, (dict, list, tuple)) for value in own):
        return module.buffers()
    return [value for value in own if isinstance(value, np.ndarray)]


def _state(source: Any) -> Any:
    try:
        return source_state(source)
    except NotImplementedError:  # random.SystemRandom
        return None
