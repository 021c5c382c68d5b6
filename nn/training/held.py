"""What a run holds beside weights: Modules and generators, wherever its model, loss, metrics,
optimiser, schedule, transform and callbacks keep them; to be switched, saved, put back.

Gone through are the attributes of Modules and of other objects of a program, also those that are
private, what is in lists, tuples and dicts of them, and what functions have from around them.
"""

from __future__ import annotations

import dis
import io
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache, partial
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from autograd import Tensor, scope
from nn.module import Module, Sequential
from nn.random import is_source, source_state, take_source_state

__all__ = [
    "CHANGING",
    "COPIED",
    "SIMPLE",
    "Roots",
    "enclosed",
    "found",
    "hidden_parameters",
    "is_opened",
    "is_users",
    "judges",
    "methods_of",
    "modules",
    "names_in",
    "reached",
    "resting",
    "shared_sources",
    "sources",
    "state_of",
    "stateful",
    "states_of",
    "take_sources",
    "unsavable",
]

Roots = Mapping[str, Any]

SIMPLE = frozenset([bool, int, float, str, type(None)])
_CLOSED = (Tensor, np.ndarray, np.generic, type, ModuleType)
_CONTAINERS = (dict, list, tuple)
_OPEN = (*_CONTAINERS, FunctionType, MethodType, partial)  # of whatever class
# Whose objects are not gone through: nobody keeps there what a run draws from.
_OTHERS = frozenset([*sys.stdlib_module_names, "autograd", "nn", "numpy", "pandas", "matplotlib"])
CHANGING = (list, dict, set, deque)
COPIED = 1 << 16  # elements; of larger values a count sees only that there is another
_QUICK = frozenset([*SIMPLE, Tensor, np.ndarray, scope])  # what most attributes are


def found(roots: Roots) -> Iterator[tuple[str, Any]]:
    """All objects that these hold, each once, with its place: "model.3.rng"."""
    stack = [(name, value) for name, value in reversed(list(roots.items()))]
    seen: dict[int, Any] = {}  # the objects too, for their ids are taken again after them
    taken: set[str] = set()
    while stack:
        place, value = stack.pop()
        if id(value) in seen or isinstance(value, _CLOSED):
            continue
        seen[id(value)] = value
        while place in taken:  # an attribute and a global, or two in one function
            place += "'"
        taken.add(place)
        yield place, value
        stack.extend(reversed(list(_inside(place, value))))


def reached(roots: Iterable[Any], known: Iterable[Any] = (), methods: bool = True) -> list[Any]:
    """The same without the places, and quicker; after what is known, and has been gone through but
    for the methods of classes. Args: methods, False to leave these out again."""
    stack, held = list(roots), {id(value): value for value in known}
    if methods and any(map(is_users, set(map(type, held.values())))):
        for value in known:
            stack += [m for method in methods_of(value) for _, m in _around("", method)]
    while stack:
        value = stack.pop()
        if id(value) in held or isinstance(value, _CLOSED):
            continue
        held[id(value)] = value
        if value.__class__ is list or value.__class__ is tuple:
            inside = value
        elif value.__class__ is dict:
            inside = list(value.values())
        elif isinstance(value, Module) and not (methods and is_users(type(value))):
            inside = list(vars(value).values())
            if isinstance(value, _CONTAINERS):
                inside += value.values() if isinstance(value, dict) else value
        elif not (isinstance(value, _OPEN) or is_users(type(value))):
            continue
        else:
            inside = [member for _, member in _inside("", value, methods)]
        stack += [member for member in inside if member.__class__ not in _QUICK]
    return list(held.values())


def _inside(place: str, value: Any, methods: bool = True) -> Iterator[tuple[str, Any]]:
    """What one object holds itself; with what the methods of its class name from around them."""
    if isinstance(value, FunctionType):
        yield from _around(place, value) if is_users(value) else ()
    elif isinstance(value, MethodType):
        yield f"{place}.self", value.__self__
        yield f"{place}.function", value.__func__
    elif isinstance(value, partial):
        yield f"{place}.function", value.func
        yield from _members(place, dict(enumerate(value.args)) | value.keywords)
    if isinstance(value, dict):
        yield from _members(place, value)
    elif isinstance(value, (list, tuple)):
        yield from _members(place, dict(enumerate(value)))
    if isinstance(value, Sequential):
        yield from _members(place, dict(enumerate(value)))
    if is_opened(value):
        attributes = vars(value)
        if isinstance(value, Module) and value._hooks:  # whose numbers count those of all Modules
            attributes = {**attributes, "_hooks": list(value._hooks.values())}
        yield from _members(place, attributes)
        for method in methods_of(value) if methods else ():
            yield from _around(place, method)


def methods_of(value: Any) -> Iterator[FunctionType]:
    """The functions of an object's class, and of those above it, that are a program's own."""
    for kind in type(value).__mro__ if is_users(type(value)) else ():
        if is_users(kind):
            for method in list(vars(kind).values()):
                if isinstance(method, FunctionType):
                    yield method


def is_opened(value: Any) -> bool:
    """Whether to look at the attributes of an object."""
    if isinstance(value, Module):
        return True
    return hasattr(value, "__dict__") and is_users(type(value))


def is_users(kind: Any) -> bool:
    """Whether a class or a function is part of a program, and not of a library."""
    return _is_users(kind.__module__)


@lru_cache(1024)
def _is_users(module: Any) -> bool:
    return str(module).partition(".")[0] not in _OTHERS


def _members(place: str, members: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    for number, (key, member) in enumerate(list(members.items())):
        if member.__class__ not in _QUICK:
            yield f"{place}.{key if key.__class__ in SIMPLE else number}", member


def _around(place: str, function: FunctionType) -> Iterator[tuple[str, Any]]:
    """What a function has from around it: by closures, defaults, and the globals that it names."""
    near = function.__globals__
    yield from _members(place, enclosed(function))
    defaults = dict(enumerate(function.__defaults__ or ()))
    yield from _members(place, defaults | (function.__kwdefaults__ or {}))
    for name, value in _named(function.__code__, near):
        if isinstance(value, FunctionType):
            own = value.__globals__ is near or _is_programs(value.__globals__)
        else:
            own = isinstance(value, Module) or is_source(value)
            own = own or isinstance(value, CHANGING) and len(value) <= COPIED  # else it is data
        if own:
            yield f"{place}.{name}", value


def enclosed(function: FunctionType) -> dict[str, Any]:
    """What a function has by closures."""
    held = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        try:
            held[name] = cell.cell_contents
        except ValueError:  # nothing yet
            pass
    return held


@lru_cache(maxsize=1024)
def names_in(code: CodeType) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The globals that code names, also in functions and comprehensions inside it; and all that it
    names, attributes too."""
    inner = [names_in(part) for part in code.co_consts if isinstance(part, CodeType)]
    steps = [i.argval for i in dis.get_instructions(code) if i.opname.endswith("_GLOBAL")]
    globals_ = sum((names for names, _ in inner), tuple(steps))
    return tuple(dict.fromkeys(globals_)), sum((names for _, names in inner), code.co_names)


def _named(code: CodeType, near: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The globals that code names; in place of a module of the program, what it has of them."""
    names, attributes = names_in(code)
    for name in names:
        value = near.get(name)
        if isinstance(value, ModuleType) and _is_programs(vars(value)):
            yield from ((f"{name}.{n}", vars(value)[n]) for n in attributes if n in vars(value))
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
            if name[:1] != "_" or value.__class__ in SIMPLE:
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
    return {place: value for place, value in found(roots) if is_source(value)}


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
    states = {place: state_of(source) for place, source in held.items()}
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


def state_of(source: Any) -> Any:
    try:
        return source_state(source)
    except NotImplementedError:  # random.SystemRandom
        return None
