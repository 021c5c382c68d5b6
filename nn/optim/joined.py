"""Parameters that an optimiser steps as one: small arrays are laid end to end in a flat one.

A step is a dozen NumPy calls, and a call on a small array costs about a microsecond whatever its
size. Joined, six small arrays cost little more than one: Adam's step on a network of 2-16-16-2
takes less than half the time.
"""

from __future__ import annotations

import copy
import math
from sys import getrefcount
from typing import Any

import numpy as np

from autograd import Tensor
from nn.random import get_state, set_state

__all__ = ["UNSHARED", "Joined", "is_array", "kind", "merged", "mixing"]

LARGE = 1 << 16  # elements; above, to lay them end to end costs more than the calls that it saves
REUSED = 1 << 14  # elements; below, a new array costs less than to ask for an old one


def _references(arrays: list[Any]) -> int:
    """What `Joined.empty_like` counts, in the same way, for an array that it alone holds."""
    array = arrays.pop()
    return getrefcount(array)


UNSHARED = min(2, _references([np.empty(1)]))  # a debugger may have held it, too


class Joined:
    """Some parameters of one group, their values and states end to end; or one as it is."""

    def __init__(
        self, group: int, members: list[tuple[Tensor, dict[str, Any]]], flat: bool
    ) -> None:
        self.group, self.flat = group, flat
        self.parameters = [parameter for parameter, _ in members]
        self.views = [parameter.numpy() for parameter in self.parameters]
        ends = np.cumsum([view.size for view in self.views]).tolist()
        self.cuts = [
            (slice(end - view.size, end), view.shape) for end, view in zip(ends, self.views)
        ]
        states = [state for _, state in members]
        self.value = self.laid(self.views)
        self.state = {
            name: self.laid([state[name] for state in states]) if is_array(first) else first
            for name, first in states[0].items()
        } if flat else states[0]  # fmt: skip
        self.stepped = False
        self.spare: list[Any] = []  # what the step before has left behind
        self.asked = False  # whether `update` asks for it
        self.numbers: list[Any] = []  # what `update` computes with, as arrays without axes
        self.scales: dict[str, float] = {}  # factors that arrays of the state lack

    def laid(self, arrays: list[Any]) -> Any:
        """Arrays of the parameters' shapes, end to end."""
        if not self.flat:
            return arrays[0]
        if len(arrays) == 1:
            return arrays[0].reshape(-1)
        return np.concatenate(arrays, axis=None)

    def parts(self, laid: Any) -> list[Any]:
        """The other way: views of the parameters' shapes."""
        if not self.flat:
            return [laid]
        return [laid[cut].reshape(s) if len(s) != 1 else laid[cut] for cut, s in self.cuts]

    def gradients(self) -> list[Any] | None:
        """The parameters' gradients; None if one has none, or has been given another array."""
        if not self.stepped:  # its first step failed: it does not see what is written into `.data`
            return None
        if self.scales:
            self.scale({})
        found = []
        for parameter, view in zip(self.parameters, self.views):
            gradient = parameter.grad
            if gradient is None or parameter.numpy() is not view:
                return None
            found.append(gradient)
        return found

    def laid_gradient(self, gradients: list[Any]) -> Any:
        """These gradients end to end, in memory that was used before if there is some."""
        if len(gradients) == 1:
            return self.laid(gradients)
        out = self.empty_like(self.value) if self.spare else None
        return np.concatenate(gradients, axis=None, out=out)

    def empty_like(self, array: Any) -> Any:
        """An array to write into: an old one that nobody else holds, or a new one.

        New memory comes page by page from the system, whenever it had been given back: on large
        parameters that is a quarter of Adam's time, and more than half where pages are dear.
        """
        while self.spare:
            old = self.spare.pop()
            if getrefcount(old) == UNSHARED and _takes_the_place(old, array):
                return old
        return np.empty_like(array)

    def take(self, value: Any, state: dict[str, Any], gradient: Any) -> None:
        """New values and a new state; of the old ones and of the gradient the memory is kept."""
        if value.size >= REUSED:
            left = [gradient] if self.asked or len(self.parameters) > 1 else []
            if self.asked:
                left += [self.value, *filter(is_array, self.state.values())]
            self.spare = [array for array in left if array.base is None]
        self.value, self.state, self.views = value, state, self.parts(value)
        for parameter, view in zip(self.parameters, self.views):
            parameter.data = view
        self.stepped = True

    def scale(self, scales: dict[str, float]) -> None:
        """Let the arrays of the state lack these factors, and no others: they are new arrays."""
        for name in {**self.scales, **scales}:
            factor = self.scales.get(name, 1.0) / scales.get(name, 1.0)
            self.state[name] = self.state[name] * factor
        self.scales = scales

    def states(self) -> list[dict[str, Any]]:
        """The state of each parameter."""
        if self.scales:
            self.scale({})
        if not self.flat:
            return [self.state]
        laid = {
            name: self.parts(entry) if is_array(entry) else [entry] * len(self.cuts)
            for name, entry in self.state.items()
        }
        return [{name: laid[name][i] for name in laid} for i in range(len(self.cuts))]


def _takes_the_place(old: Any, array: Any) -> bool:
    """Whether what is computed for the one may be written into the other."""
    flags = old.flags
    return (
        old.shape == array.shape and old.strides == array.strides and old.dtype is array.dtype
        and flags.owndata and flags.carray
    )  # fmt: skip


def is_array(entry: Any) -> bool:
    """Whether it is one value for each element; step counts and the like are plain numbers."""
    return isinstance(entry, (np.ndarray, np.generic))


def kind(parameter: Tensor, state: dict[str, Any], most: float = LARGE) -> Any:
    """What must be equal for two parameters to be joined; None if it is to stay alone."""
    if parameter.size > most:
        return None
    entries: list[Any] = []
    for name, entry in state.items():
        if is_array(entry) and entry.shape == parameter.shape:
            entries.append((name, str(entry.dtype)))
        elif isinstance(entry, (int, float, str, type(None))):
            entries.append((name, entry))
        else:  # a list, say, that each parameter has for itself
            return None
    return str(parameter.dtype), tuple(entries)


def merged(joined: list[Joined]) -> list[Joined]:
    """The same with the large ones among them: for gradients that are computed end to end."""
    alike: dict[Any, list[Joined]] = {}
    for part in joined:
        known = kind(part.parameters[0], part.states()[0], math.inf) if part.flat else None
        alike.setdefault((part.group, known or id(part)), []).append(part)
    found = []
    for parts in alike.values():
        members = [pair for part in parts for pair in zip(part.parameters, part.states())]
        found.append(Joined(parts[0].group, members, True) if len(parts) > 1 else parts[0])
        found[-1].stepped = all(part.stepped for part in parts)
    return found


# ---- what says falsely that it is elementwise ---------------------------------------------------


def mixing(optimizer: Any, settings: dict[str, Any]) -> str | None:
    """What shows that an `update` mixes the elements of what it is given: "" where nothing does,
    None where it fails of itself.

    It is tried on two small parameters, end to end and each alone, on copies of the optimiser, with
    gradients of several sizes: what is clipped, say, mixes only where a norm is large. What draws
    its random numbers from elsewhere cannot be judged.
    """
    rng = np.random.default_rng(0)  # nobody else's
    shapes = [(2, 3), (4,)]
    start = [rng.normal(size=shape) for shape in shapes]
    sizes = (1.0, 100.0, 0.01, 1.0) * 3  # some begin to mix after a few steps
    steps = [[rng.normal(size=s) * size for s in shapes] for size in sizes]
    if "lr" in settings:
        settings = {**settings, "lr": 0.01}  # a schedule may begin at 0
    state = get_state()
    try:
        alone, again = (_tried(optimizer, start, steps, settings) for _ in range(2))
        expected = np.concatenate(alone, axis=None)
        if not _alike(expected, np.concatenate(again, axis=None)):
            return ""  # of chance
        flat = [[np.concatenate(parts, axis=None)] for parts in (start, *steps)]
        try:
            (together,) = _tried(optimizer, flat[0], flat[1:], settings)
        except Exception as error:
            return f"takes no flat array ({type(error).__name__}: {error})"
    except Exception:
        return None
    finally:
        set_state(state)
    return "" if _alike(together, expected) else "lets the elements change each other"


def _tried(
    optimizer: Any, values: list[Any], steps: list[list[Any]], settings: dict[str, Any]
) -> list[Any]:
    """The values after these steps of a copy of the optimiser, whose own attributes are copies."""
    twin = object.__new__(type(optimizer))
    for name, value in vars(optimizer).items():
        vars(twin)[name] = value if name in _OF_THE_BASE else copy.deepcopy(value)
    vars(twin).update(_joined=[], _state={}, _stepping=None)
    states = [twin.initial(value, settings) for value in values]
    with np.errstate(all="ignore"):
        for step in steps:
            new = [
                twin.update(value.copy(), gradient.copy(), state, settings.copy())
                for value, gradient, state in zip(values, step, states)
            ]
            values = [np.asarray(n, v.dtype).reshape(v.shape) for n, v in zip(new, values)]
    return values


_OF_THE_BASE = (
    "defaults", "param_groups", "_state", "_joined", "_members", "_idle", "_stepping", "_seen",
    "_flat", "_ours", "_trusted",
)  # fmt: skip


def _alike(a: Any, b: Any) -> bool:
    return a.shape == b.shape and np.allclose(a, b, 1e-9, 1e-9, equal_nan=True)
