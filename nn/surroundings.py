"""What a compiled step depends on: attributes of Modules, settings, and whether they still are."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from itertools import accumulate, chain
from operator import is_
from typing import Any

import numpy as np

from nn.module import Module
from nn.random import get_state, is_source, set_state, source_state, take_source_state

__all__ = ["Before", "Held", "Things", "attributes", "buffers_of", "containers"]


class Held(list[Any]):
    """Values in a row, which are alike if they are the very same objects."""

    def __init__(self, rows: Iterable[Iterable[Any]]) -> None:
        super().__init__(value for row in rows for value in row)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Held) and len(self) == len(other) and all(map(is_, self, other))

    def __ne__(self, other: object) -> bool:
        return not self == other


def buffers_of(modules: list[Module]) -> list[tuple[dict[str, Any], str]]:
    """The arrays among the attributes of Modules, as (the dict that holds it, its name)."""
    return [
        (vars(module), name)
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, np.ndarray)
    ]


def attributes(module: Module) -> list[Iterable[Any]]:
    """The attributes of a Module that a step does not change itself, and what its lists and dicts
    hold."""
    own = [
        value
        for name, value in vars(module).items()
        if not isinstance(value, np.ndarray) and name not in ("_scope", "_hooks")
    ]
    return [own, *containers(module)]


def containers(module: Module) -> list[Any]:
    """The lists, tuples and dicts among the attributes of a Module; of dicts values and keys."""
    found: list[Any] = []
    for value in vars(module).values():
        if value.__class__ is dict:
            found += [value.values(), value.keys()]
        elif value.__class__ is list or value.__class__ is tuple:
            found.append(value)
    return found


class Things:
    """What is in some dicts and lists, and whether it still is: the very same objects.

    Fifty are compared in two microseconds: the loop is the interpreter's own.
    """

    def __init__(self, places: list[Any], moving: Iterable[tuple[dict[str, Any], str]]) -> None:
        self._live = [place.values() if isinstance(place, dict) else place for place in places]
        self._held = [*chain.from_iterable(self._live)]
        self._lengths = [*map(len, self._live)]
        self._moving: list[tuple[dict[str, Any], str, int]] = []  # what may be something else
        begins = accumulate(map(len, places), initial=0)
        where = {id(place): begin for place, begin in zip(places, begins)}
        for place, name in moving:
            self._moving.append((place, name, where[id(place)] + [*place].index(name)))

    def are_the_same(self) -> bool:
        held = self._held
        for place, name, at in self._moving:
            now = place.get(name)
            if now.__class__ is not held[at].__class__:
                return False
            held[at] = now
        return [*map(len, self._live)] == self._lengths and all(
            map(is_, chain.from_iterable(self._live), held)
        )


class Before:
    """The arrays of Modules, and where their sources of random numbers stand, before a step."""

    def __init__(self, modules: list[Module]) -> None:
        self._arrays = [(held, name, held[name]) for held, name in buffers_of(modules)]
        found = {id(v): v for module in modules for v in vars(module).values() if is_source(v)}
        self._sources, self._drawn = list[tuple[Any, Any]](), get_state()
        for source in found.values():
            with suppress(NotImplementedError):  # the system's own, which stands nowhere
                self._sources.append((source, source_state(source)))

    def put_back(self, sources: bool = True) -> None:
        for held, name, array in self._arrays:
            held[name] = array
        if sources:
            set_state(self._drawn)
            for source, state in self._sources:
                take_source_state(state, source)
