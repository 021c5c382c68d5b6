"""What a function finds around it: the variables that it names, and the objects behind them.

A program holds what was there when it was recorded. Whether it still is, each call asks: names,
attributes and members of containers are to be the very same objects, arrays to hold the same
numbers (of large ones some are looked at).
"""

from __future__ import annotations

import dis
import pickle
import sys
from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import chain
from operator import is_
from types import (
    BuiltinFunctionType,
    CellType,
    CodeType,
    FunctionType,
    MappingProxyType,
    MethodType,
    ModuleType,
)
from typing import Any

import numpy as np

from autograd.compiling.tracing import MUCH
from autograd.mode import ModeChange
from autograd.tensor import Tensor

__all__: list[str] = []

OURS = ("autograd", "nn", "numpy")
MOST = 10_000  # objects that are looked at
FEW = 4096  # elements; of larger arrays not all are compared in each call
_LEAVES = (
    np.generic, np.dtype, np.ufunc, int, float, complex, str, bytes, type(None),
    BuiltinFunctionType, CodeType, ModeChange,
)  # fmt: skip
# Modules with locks, events, queues, files and the like.
OF_THREADS = frozenset([
    "threading", "_thread", "queue", "asyncio", "concurrent", "multiprocessing", "contextvars",
    "logging", "io", "_io", "socket", "subprocess", "weakref", "sched",
])  # fmt: skip
# Instructions by which code reads or gives a global name.
GLOBALS = frozenset([
    "LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS", "STORE_GLOBAL", "DELETE_GLOBAL",
])  # fmt: skip
_METHODS = (FunctionType, staticmethod, classmethod, property)
_CONTAINERS = (list, tuple, dict, set, frozenset, deque)


class Surroundings:
    """The names and objects that a function depends on, as they are now.

    `names` are (where it stands: a module's or a class's dict, or an object with that attribute;
    name; value), `objects` (an object's dict, a list or another container; what is in it).
    """

    def __init__(self, function: Any) -> None:
        self.names: list[tuple[Any, str, Any]] = []
        self.objects: list[tuple[Any, tuple[Any, ...]]] = []
        self.arrays: list[tuple[Any, bytes]] = []
        self._before: list[tuple[Any, Any]] = []  # things, and what they were
        self._sources = _global_sources()
        self._used: dict[str, None] = {}  # names that the functions look up beyond their own ones
        self._spaces: list[Any] = []  # dicts of modules and classes, in which they may find them
        self._seen: set[int] = set()
        self._known: set[tuple[int, str]] = set()  # of names
        self._waiting: list[Any] = [function]
        while self._waiting and len(self._seen) < MOST:
            found = self._waiting.pop()
            if id(found) not in self._seen and not isinstance(found, _LEAVES):
                self._seen.add(id(found))
                self._look_at(found)
        self.too_many, self.grown = bool(self._waiting), False

    def _look_at(self, found: Any) -> None:
        kind = found.__class__
        if kind is FunctionType:
            self._function(found)
        elif kind is MethodType:
            self._waiting += [found.__func__, found.__self__]
        elif kind is partial:
            self._waiting += [found.func, found.args, found.keywords]
        elif kind in (staticmethod, classmethod):
            self._waiting.append(found.__func__)
        elif kind is property:
            self._waiting.append(found.fget)
        elif isinstance(found, np.ndarray):
            self.arrays.append((found, contents(found)))
            self._before.append((found, found.copy() if found.size <= MUCH else None))
        elif isinstance(found, Tensor):
            self._before.append((found, (found._value, getattr(found, "_grad", None))))
        elif isinstance(found, (ModuleType, type)):
            if not _is_library(found.__name__ if kind is ModuleType else found.__module__):
                self._space(vars(found))
                self._waiting += getattr(found, "__mro__", ())
        elif isinstance(found, np.random.Generator):
            bits = found.bit_generator
            self._sources.append(
                _Source(partial(getattr, bits, "state"), partial(setattr, bits, "state"))
            )
        elif isinstance(found, np.random.RandomState):
            self._sources.append(_Source(found.get_state, found.set_state))
        elif type(found).__name__ == "Random" and type(found).__module__ == "random":
            self._sources.append(_Source(found.getstate, found.setstate))  # type: ignore[attr-defined]
        elif isinstance(found, _CONTAINERS):
            self._container(found)
        else:
            self._object(found)

    def _container(self, found: Any) -> None:
        members = tuple(found.values() if isinstance(found, dict) else found)
        if not isinstance(found, (tuple, frozenset)):
            self.objects.append((found, (*members, *found) if isinstance(found, dict) else members))
            self._before.append((found, found.copy()))
        self._waiting += members

    def _object(self, found: Any) -> None:
        if type(found).__module__.split(".")[0] in OF_THREADS:
            return  # another thread may change it meanwhile, and that is not to be put back
        self.names.append((found, "__class__", type(found)))
        held = getattr(found, "__dict__", None)
        if isinstance(held, dict):
            if "function" in held and hasattr(found, "eager_calls"):  # compiled itself
                self._waiting.append(found.function)
                return
            self._container(held)
        for kind in type(found).__mro__:
            self._waiting.append(kind)
            slots = kind.__dict__.get("__slots__", ())
            if not _is_library(kind.__module__):
                for name in (slots,) if isinstance(slots, str) else slots:
                    if hasattr(found, name):
                        self._name(found, name, getattr(found, name))
        if callable(found):
            self._waiting.append(type(found).__call__)

    def _function(self, function: FunctionType) -> None:
        self._waiting += [*(function.__defaults__ or ()), getattr(function, "__wrapped__", None)]
        self._waiting += (function.__kwdefaults__ or {}).values()
        if function.__dict__:
            self._container(function.__dict__)
        for cell in function.__closure__ or ():
            try:
                self._name(cell, "cell_contents", cell.cell_contents)
            except ValueError:  # an empty one
                continue
        if (function.__module__ or "").split(".")[0] not in OURS:
            for part in ("__code__", "__defaults__", "__kwdefaults__"):
                self.names.append((function, part, getattr(function, part)))
            if function.__kwdefaults__:
                self._container(function.__kwdefaults__)
            new = [name for name in _names(function.__code__) if name not in self._used]
            self._used.update(dict.fromkeys(new))
            for space in self._spaces:
                for name in new:
                    self._named(space, name)
            for name in _names(function.__code__, GLOBALS):
                self._named(function.__globals__, name)

    def _space(self, space: Any) -> None:
        """The attributes of a module or a class, as far as somebody names them."""
        self._spaces.append(space)
        for name, value in list(space.items()):
            if name in self._used:
                self._named(space, name)
            elif space.__class__ is MappingProxyType and value.__class__ in _METHODS:
                self._waiting.append(value)  # which a base class may call

    def _named(self, space: Any, name: str) -> None:
        if name in space:
            self._name(space, name, space[name])

    def _name(self, held: Any, name: str, value: Any) -> None:
        known = (id(held), name) in self._known
        if not known and not isinstance(value, (ModuleType, type, BuiltinFunctionType)):
            self._known.add((id(held), name))
            self.names.append((held, name, value))
            if held.__class__ in (dict, CellType):
                self._before.append((held, (name, value)))
        self._waiting.append(value)

    def leave(self, things: set[int]) -> None:
        """Ask nothing of these, known by their id: somebody else does."""
        self.objects = [entry for entry in self.objects if id(entry[0]) not in things]
        self.arrays = [entry for entry in self.arrays if id(entry[0]) not in things]

    def put_back(self) -> str | None:
        """Take back what a call has done to what stands around it; told in words, None if nothing.
        (One place for each kind of thing.)"""
        told = []
        for held, before in self._before:
            if _has_grown(held, before):
                self.grown = True  # a scope, which is made when it is first entered
            else:
                told.append(_put_back(held, before))
        told += [source.put_back() for source in self._sources]
        return next(filter(None, told), None)


def _put_back(held: Any, before: Any) -> str | None:
    """Give an object what it was or had before, and tell it where it has something else now."""
    if held.__class__ is CellType:
        if held.cell_contents is before[1]:
            return None
        held.cell_contents = before[1]
        return "it gives a variable around it another value"
    if isinstance(held, Tensor):
        if held._value is before[0] and getattr(held, "_grad", None) is before[1]:
            return None
        held._value, held._grad = before
        return f"it changes {held._title()}, which stands around it"
    if isinstance(held, np.ndarray):
        if before is None or held.tobytes() == before.tobytes():
            return None
        held[...] = before
        return "it writes into an array that stands around it"
    if before.__class__ is tuple:
        name, value = before
        if held.get(name) is value:
            return None
        held[name] = value
        return f"it gives {name}, which stands around it, another value"
    if unchanged(held, tuple([*before.values(), *before] if isinstance(before, dict) else before)):
        return None
    held.clear()
    held.extend(before) if isinstance(held, (list, deque)) else held.update(before)
    return f"it changes a {type(held).__name__}, or an object's attributes, that stands around it"


def _has_grown(held: Any, before: Any) -> bool:
    """Whether an object's dict has all that it had, and scopes beside."""
    if held.__class__ is not dict or before.__class__ is not dict or len(held) == len(before):
        return False
    new = [value for key, value in held.items() if key not in before]
    return all(isinstance(value, ModeChange) for value in new) and all(
        held.get(key) is value for key, value in before.items()
    )


class _Source:
    """A source of random numbers, and where it stood."""

    def __init__(self, ask: Callable[[], Any], put: Callable[[Any], Any]) -> None:
        self.ask, self.put, self.before = ask, put, ask()

    def put_back(self) -> str | None:
        if pickle.dumps(self.ask()) == pickle.dumps(self.before):
            return None
        self.put(self.before)
        return "it draws random numbers"


def _global_sources() -> list[_Source]:
    """Those that everybody draws from, as far as somebody has loaded them."""
    asked = [("numpy.random", "get_state", "set_state"), ("random", "getstate", "setstate"),
             ("nn.random", "get_state", "set_state")]  # fmt: skip
    loaded = [(sys.modules[m], ask, put) for m, ask, put in asked if m in sys.modules]
    return [_Source(getattr(m, ask), getattr(m, put)) for m, ask, put in loaded]


def unchanged(held: Any, members: tuple[Any, ...]) -> bool:
    """Whether a container, or an object's dict, holds the very same things; of a dict `members`
    are the values and then the keys."""
    if isinstance(held, dict):
        return 2 * len(held) == len(members) and all(map(is_, chain(held.values(), held), members))
    return len(held) == len(members) and all(map(is_, held, members))


def contents(array: Any, most: int = FEW) -> bytes:
    """The elements of an array, or some of them, to compare with later."""
    if array.size <= most:
        return bytes(array.tobytes())
    return bytes(array.flat[:: array.size // 256].tobytes())


def of_namespace(held: Any) -> bool:
    """Whether a name is looked up in a dict, and not an attribute."""
    return held.__class__ in (dict, MappingProxyType)


def _is_library(name: Any) -> bool:
    """Whether a module is ours, Python's own or an installed one."""
    top = str(name).partition(".")[0]
    if top in OURS or top == "builtins" or top in sys.stdlib_module_names:
        return True
    path = getattr(sys.modules.get(str(name)), "__file__", None) or ""
    return "site-packages" in path or "dist-packages" in path


def _names(code: CodeType, only: frozenset[str] | None = None) -> list[str]:
    """The names that code, and the functions inside it, look up beyond their own variables: also
    attributes, unless by `only` these instructions."""
    names, waiting = dict[str, None](), [code]
    for found in waiting:
        if only is None:
            names.update(dict.fromkeys(found.co_names))
        else:
            told = dis.get_instructions(found)
            names.update({step.argval: None for step in told if step.opname in only})
        waiting += [c for c in found.co_consts if c.__class__ is CodeType]
    return list(names)
