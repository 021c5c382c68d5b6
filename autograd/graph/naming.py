"""Where a value belongs and what it is called: module scopes, parameters, the user's own names.

The modules of a scope are found by what they can do, not by their class: the name of a scope may
carry a weak reference `module`, and whoever answers `named_parameters()` is a module.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from autograd.graph.data import Path
from autograd.tensor import Tensor

__all__: list[str] = []

COPIES = 1 << 20  # elements; larger arrays are not compared


# ---- the user's names -------------------------------------------------------------------------


class Names:
    """Names of Tensors and arrays by identity: of a dict (`locals()`), or of a module.

    The first name in the dict wins, but names that start with "_" come last. What is no Tensor,
    array or module is passed over. Raises TypeError, in the name of the caller, for what is neither
    a dict nor a module.
    """

    def __init__(self, names: Any, caller: str) -> None:
        self._held: list[Any] = []  # while an object lives, no other has its id
        self._known: dict[Any, str] = {}
        self._in_modules: dict[Any, str] = {}
        self._arrays: list[tuple[str, Any]] = []
        if names is None:
            return
        if hasattr(names, "named_parameters"):
            self._module("", names)
        elif isinstance(names, Mapping):
            entries = [(str(key), value) for key, value in names.items()]
            for key, value in sorted(entries, key=lambda entry: entry[0].startswith("_")):
                self._entry(key, value)
        else:
            raise TypeError(
                f"{caller}: names takes a dict of Tensors by name, got {type(names).__name__}; "
                "write names=locals(), or names={'x': x, 'y': y}"
            )

    def _entry(self, name: str, value: Any) -> None:
        if isinstance(value, Tensor):
            self._add(self._known, value, name)
            self._add(self._known, value._value, name)
        elif isinstance(value, (np.ndarray, np.generic)):
            self._add(self._known, value, name)
        elif hasattr(value, "named_parameters") and not isinstance(value, type):
            self._module(name + ".", value)

    def _module(self, prefix: str, module: Any) -> None:
        for name, tensor in state(module):
            self._add(self._in_modules, tensor, prefix + name)
            self._add(self._in_modules, getattr(tensor, "_value", None), prefix + name)

    def _add(self, known: dict[Any, str], value: Any, name: str) -> None:
        if value is None or value.__class__ is tuple:
            return
        self._held.append(value)
        known.setdefault(id(value), name)
        if known is self._known and value.__class__ is np.ndarray and value.ndim:
            self._arrays.append((name, value))
        if (place := memory(value)) is not None:
            known.setdefault(place, name)

    def of(self, value: Any) -> str | None:
        """What the user calls this Tensor or array, itself or another view of the same memory."""
        for known in (self._known, self._in_modules):
            found = known.get(id(value)) if known else None
            if found is None and known and (place := memory(value)) is not None:
                found = known.get(place)
            if found is not None:
                return found
        return None

    def of_copy(self, value: Any) -> str | None:
        """The name of the one array that this is a copy of in another dtype: layers convert what
        they are given. None where there is none, or several might be meant."""
        if value.__class__ is not np.ndarray or not 0 < value.size <= COPIES:
            return None
        if value.dtype.kind != "f":  # layers compute with floats
            return None
        found = {
            name
            for name, array in self._arrays
            if array.shape == value.shape
            and array.dtype != value.dtype
            and np.array_equal(array.astype(value.dtype), value)
        }
        return found.pop() if len(found) == 1 else None


def memory(value: Any) -> Any:
    """What two views of the same elements have in common; None for what is no array with axes."""
    if value.__class__ is not np.ndarray or not value.ndim or not value.size:
        return None
    return value.__array_interface__["data"][0], value.shape, value.strides, value.dtype.str


# ---- scopes -----------------------------------------------------------------------------------


class Scopes:
    """Reads the scopes of operations, each of them once."""

    def __init__(self) -> None:
        self._paths: dict[int, Path] = {}
        self._chains: dict[int, list[Any]] = {}
        self._held: list[Any] = []
        self._states: dict[int, dict[int, str]] = {}
        self.classes: dict[Path, str] = {}  # the class of the module at each path
        self.gone: list[Path] = []  # of modules that nobody holds any more: graphs do not either

    def path(self, scope: Any) -> Path:
        """The names from the outside in: ("MLP", "0")."""
        if scope is None:
            return ()
        if id(scope) not in self._paths:
            self._read(scope)
        return self._paths[id(scope)]

    def _read(self, scope: Any) -> None:
        chain = []
        here = scope
        while here is not None:
            chain.append(here)
            here = here.outer
        chain.reverse()
        path = tuple(str(level.name) for level in chain)
        modules = [_module_of(level) for level in chain]
        for depth, module in enumerate(modules, 1):
            if module is not None:
                self.classes.setdefault(path[:depth], type(module).__name__)
            elif hasattr(chain[depth - 1].name, "module") and path[:depth] not in self.gone:
                self.gone.append(path[:depth])
        self._paths[id(scope)], self._chains[id(scope)] = path, modules
        self._held += [scope, modules]

    def parameter(self, scope: Any, value: Any) -> tuple[str, Path] | None:
        """The name of a module's Tensor or buffer, or of its values, from the outermost module on,
        and the path of the innermost module around that holds it; None for anything else."""
        path = self.path(scope)
        if scope is None:
            return None
        name, place = None, 0
        for depth, module in enumerate(self._chains[id(scope)], 1):
            own = {} if module is None else self._state_of(module)
            if id(value) in own:
                name, place = name or own[id(value)], depth
        return None if name is None else (name, path[:place])

    def _state_of(self, module: Any) -> dict[int, str]:
        if id(module) not in self._states:
            found: dict[int, str] = {}
            for name, tensor in state(module):
                found.setdefault(id(tensor), name)
                found.setdefault(id(getattr(tensor, "_value", tensor)), name)
                self._held += [tensor, getattr(tensor, "_value", None)]
            self._states[id(module)] = found
        return self._states[id(module)]


def _module_of(scope: Any) -> Any:
    """The module that was called in this scope; None if it is gone, or was none."""
    reference = getattr(scope.name, "module", None)
    module = reference() if callable(reference) else None
    return module if hasattr(module, "named_parameters") else None


def state(module: Any) -> Iterator[tuple[str, Any]]:
    """The parameters and buffers of a module by name, as far as it can tell them."""
    for method in ("named_parameters", "named_buffers"):
        try:
            yield from getattr(module, method, tuple)()
        except ValueError:  # an attribute that is no leaf: the module's own trouble, not ours
            continue
