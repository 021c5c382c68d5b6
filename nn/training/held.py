"""What a run holds beside weights: Modules, generators and counts, wherever its model, loss,
metrics, optimiser, schedule, transform and callbacks keep them; to be switched, saved, put back.

Gone through are the attributes of Modules and of other objects of a program, also those that are
private, what is in lists, tuples and dicts of them, and what functions have from around them.
"""

from __future__ import annotations

import dis
import io
import operator
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache, partial
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from autograd import Tensor, scope
from nn.module import Module, Sequential, _parts
from nn.random import is_source, source_kinds, source_state, take_source_state

__all__ = [
    "AsItWas", "beginning", "changed", "hidden_parameters", "is_users", "judges", "modules",
    "resting", "same", "shared_sources", "sources", "stateful", "states_of", "take_counts",
    "take_sources",
    "unsavable",
]  # fmt: skip

Roots = Mapping[str, Any]
Counts = dict[str, dict[str, Any]]

_SIMPLE = frozenset([bool, int, float, str, type(None)])
_CLOSED = (Tensor, np.ndarray, np.generic, type, ModuleType)
# Whose objects are not gone through: nobody keeps there what a run draws from.
_OTHERS = frozenset([*sys.stdlib_module_names, "autograd", "nn", "numpy", "pandas", "matplotlib"])
_QUICK = frozenset([*_SIMPLE, Tensor, np.ndarray, scope])  # what most attributes are
_DICTS = frozenset([dict, defaultdict, OrderedDict, Counter])
_LISTS = frozenset([list, tuple, set, deque])
_COPIED = 1 << 16  # elements; of larger values a count sees only that there is another
_FLOAT64 = "numpy.float64"
_DEEP = 9  # how many lists and dicts may lie in one another in a plain value


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
    if _is_opened(value):
        attributes = vars(value)
        if isinstance(value, Module) and value._hooks:  # whose numbers count those of all Modules
            attributes = {**attributes, "_hooks": list(value._hooks.values())}
        yield from _members(place, attributes)
        for method in _methods(value) if methods else ():
            yield from _around(place, method)


def _methods(value: Any) -> Iterator[FunctionType]:
    """The functions of an object's class, and of those above it, that are a program's own."""
    for kind in type(value).__mro__ if is_users(type(value)) else ():
        if is_users(kind):
            for method in list(vars(kind).values()):
                if isinstance(method, FunctionType):
                    yield method


def _is_opened(value: Any) -> bool:
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
            yield f"{place}.{key if key.__class__ in _SIMPLE else number}", member


def _around(place: str, function: FunctionType) -> Iterator[tuple[str, Any]]:
    """What a function has from around it: by closures, defaults, and the globals that it names."""
    near = function.__globals__
    yield from _members(place, _enclosed(function))
    defaults = dict(enumerate(function.__defaults__ or ()))
    yield from _members(place, defaults | (function.__kwdefaults__ or {}))
    for name, value in _named(function.__code__, near):
        if isinstance(value, FunctionType):
            own = value.__globals__ is near or _is_programs(value.__globals__)
        else:
            own = isinstance(value, Module) or is_source(value)
            own = own or isinstance(value, _CHANGING) and len(value) <= _COPIED  # else it is data
        if own:
            yield f"{place}.{name}", value


def _enclosed(function: FunctionType) -> dict[str, Any]:
    """What a function has by closures."""
    held = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        try:
            held[name] = cell.cell_contents
        except ValueError:  # nothing yet
            pass
    return held


@lru_cache(maxsize=1024)
def _names_in(code: CodeType) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The globals that code names, also in functions and comprehensions inside it; and all that it
    names, attributes too."""
    inner = [_names_in(part) for part in code.co_consts if isinstance(part, CodeType)]
    steps = [i.argval for i in dis.get_instructions(code) if i.opname.endswith("_GLOBAL")]
    globals_ = sum((names for names, _ in inner), tuple(steps))
    return tuple(dict.fromkeys(globals_)), sum((names for _, names in inner), code.co_names)


def _named(code: CodeType, near: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The globals that code names; in place of a module of the program, what it has of them."""
    names, attributes = _names_in(code)
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
# Plain values under public names, and lists, dicts, sets and arrays of them: attributes, and what a
# function has beside it. Of a buffer the values are saved with its Module, unless its form changes.


class _Form(tuple[Any, ...]):
    """Shape and dtype of a buffer, of which the values are saved with the Module."""


def _keepers(place: str, value: Any) -> Iterator[tuple[str, dict[str, Any], Callable[..., Any]]]:
    """What a value keeps by names: a place, what is there, and what gives names something else."""
    functions: Iterable[FunctionType] = ()
    if _is_opened(value):
        yield place, vars(value), vars(value).update
        functions = _methods(value)
    elif isinstance(value, FunctionType) and is_users(value):
        yield f"{place}.{value.__name__}", vars(value), vars(value).update
        functions = [value]
    if isinstance(value, Module):
        yield f"{place}!", _switches(value), partial(_switch, value)
    for function in functions:
        yield f"{place}.{function.__name__}()", _beside(function), partial(_set_beside, function)


def _switches(module: Module) -> dict[str, Any]:
    """What of a Module itself is trained: a callback may freeze and unfreeze."""
    trained = {name: p.requires_grad for name, p in _parts(module) if isinstance(p, Tensor)}
    return {"trained": trained, "frozen": module._frozen}


def _switch(module: Module, switches: Mapping[str, Any]) -> None:
    own = dict(_parts(module))
    for name, flag in switches.get("trained", {}).items():
        if isinstance(own.get(name), Tensor):
            own[name].requires_grad_(flag)
    if "frozen" in switches:
        vars(module)["_frozen"] = switches["frozen"]


def _beside(function: FunctionType) -> dict[Any, Any]:
    """What a function has by closures, by globals that it names, and, by number, by defaults."""
    near = function.__globals__
    named = {name: near[name] for name in _names_in(function.__code__)[0] if name in near}
    return {**named, **_enclosed(function), **dict(enumerate(function.__defaults__ or ()))}


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
        if (member.__class__ in _SIMPLE or member.__class__ is not Tensor and _is_plain(member))
        and key != "training"
        and not str(key).startswith("_")
    }


def _is_plain(value: Any, deep: int = _DEEP) -> bool:
    kind = value.__class__
    if kind in _SIMPLE:
        return True
    if kind is np.ndarray or isinstance(value, np.generic):
        return value.dtype.kind in ("biuf" if kind is np.ndarray else "biufU")
    if deep == 0 or kind not in _DICTS and kind not in _LISTS:
        return False
    some = slice(64 if len(value) > _COPIED else None)  # of large ones, which take long
    if kind in _DICTS and not all(_is_plain(key, 0) for key in list(value)[some]):
        return False
    members = list(value.values() if kind in _DICTS else value)[some]
    return all(_is_plain(member, deep - 1) for member in members)


def _elements(value: Any) -> int:
    """How many a plain value holds."""
    if value.__class__ is not np.ndarray and getattr(value, "__len__", int)() > _COPIED:
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
    if value.__class__ in _SIMPLE:
        return value
    if value.__class__ is np.ndarray:
        if forms:
            return _Form((value.shape, value.dtype.str))
        return value.copy() if whole or value.size <= _COPIED else value
    if value.__class__ is np.float64:
        return _FLOAT64, float(value)
    if value.__class__ not in _LISTS and value.__class__ not in _DICTS:
        return value
    if not (whole or forms or _elements(value) <= _COPIED):
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
        return a.size <= _COPIED and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)) and any(member.__class__ not in _SIMPLE for member in a):
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
    """Remembers what these hold, and puts it back after a trial: attributes, lists and dicts, what
    functions have beside them, the values of buffers, generators.

    Args: roots; whole, also of objects that change nothing in a trial.
    """

    def __init__(self, *roots: Any, whole: bool = False) -> None:
        held = reached(roots)
        functions = [v for v in held if isinstance(v, FunctionType) and is_users(v)]
        strange = bool(functions) or any(map(is_users, set(map(type, held)))) or whole
        kinds = source_kinds()
        drawn = [value for value in held if isinstance(value, kinds)]
        # What is of this library changes nothing in a trial, and leaves everybody's sources alone.
        opened = [value for value in held if _is_opened(value)] if strange else []
        functions += [method for value in opened for method in _methods(value)]
        self._beside = [(function, _beside(function)) for function in functions]
        self._attributes = [(value, dict(vars(value))) for value in [*opened, *functions]]
        parts = [value for value in opened if isinstance(value, Module)]
        containers = (value for value in held if isinstance(value, _CHANGING) and strange)
        self._containers = [
            (value, value.copy()) for value in containers if not isinstance(value, Module)
        ]
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


_CHANGING = (list, dict, set, deque)


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


def _state(source: Any) -> Any:
    try:
        return source_state(source)
    except NotImplementedError:  # random.SystemRandom
        return None
