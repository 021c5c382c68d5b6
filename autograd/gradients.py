"""What a gradient can be on its way besides one array: in parts, of several results, with hooks.

The sweep of the engine hands these on; most gradients are plain arrays and never come here.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd.errors import described

__all__: list[str] = []

_next_key = itertools.count().__next__


def locked(data: Any) -> Any:
    """A view of an array that cannot be written through; NumPy scalars and Tensors as they are."""
    if data.__class__ is not np.ndarray:
        return data
    view = data.view()
    view.setflags(write=False)
    return view


def of_dtype(gradient: Any, dtype: Any) -> Any:
    """The gradient itself where it has that dtype, else a copy in it."""
    return gradient if gradient.dtype == dtype else gradient.astype(dtype)


class Deferred:
    """A gradient given in parts, added up once when its Tensor's turn comes.

    Reading `x[i]` for every i of a long x gives as many gradients, each for one element; making
    each of them as long as x would take quadratic time. Instead each rule returns its part, parts
    add by joining their lists, and `build(parts)` makes the whole in one operation.
    """

    __slots__ = ("build", "parts", "rest")
    __array_ufunc__ = None  # array + Deferred is Deferred.__radd__

    def __init__(self, build: Callable[[list[Any]], Any], part: Any) -> None:
        self.build, self.parts, self.rest = build, [part], None

    def __add__(self, other: Any) -> Deferred:
        if other.__class__ is Deferred:
            self.parts += other.parts
            other = other.rest
        if other is not None:
            self.rest = other if self.rest is None else self.rest + other
        return self

    __radd__ = __add__

    def total(self) -> Any:
        """The sum of all parts, and of the whole gradients that came beside them."""
        whole = self.build(self.parts)
        return whole if self.rest is None else whole + self.rest


class Gradients(tuple):  # type: ignore[type-arg]
    """What a rule of several results is handed: a gradient for each, zeros where nothing came.

    Zeros may come, too; `reached(i)` says whether the output depends on result i at all, and
    `came(i)` on which of its elements.
    """

    _parts: list[tuple[int, Any]]

    def reached(self, index: int) -> bool:
        """Whether the output depends on that result."""
        return any(i == index for i, _ in self._parts)

    def came(self, index: int) -> Any:
        """Truth values of that result's shape: where the output may depend on its elements."""
        places = np.zeros(self[index].shape, bool)
        for i, part in self._parts:
            if i != index:
                continue
            if part.__class__ is not Deferred or part.rest is not None:
                places[...] = True
            else:
                for place, _ in part.parts:
                    places[place] = True
        return places


def gathered(values: Any, parts: list[tuple[int, Any]]) -> Gradients:
    """The gradients of several results from parts, each with the place of its result."""
    raw = getattr(values, "_value", values)
    sums = [np.zeros_like(getattr(value, "_value", value)) for value in raw]
    for i, part in parts:
        sums[i] = sums[i] + (part.total() if part.__class__ is Deferred else part)
    gradients = Gradients(sums)
    gradients._parts = parts
    return gradients


class Hooks:
    """What waits for the gradient of one Tensor: functions in their order, and retain_grad."""

    __slots__ = ("functions", "retain")

    def __init__(self) -> None:
        self.functions: dict[int, Callable[[Any], Any]] = {}
        self.retain = False

    def run(self, tensor: Any, g: Any) -> Any:
        """Show the gradient to every function; what one of them returns replaces it."""
        summed = g.dtype
        g = of_dtype(g, tensor._value.dtype)
        for function in list(self.functions.values()):
            answer = function(locked(g))
            if answer is None:
                continue
            if not hasattr(g, "_value"):  # plain arrays stay plain, whatever a hook answers
                answer = getattr(answer, "_value", answer)
            answer = answer if hasattr(answer, "dtype") else np.asarray(answer)
            if answer.shape != tensor._value.shape:
                raise ValueError(
                    f"a hook on {tensor._title()} of shape {tensor._value.shape} returned a "
                    f"gradient of shape {answer.shape}; it must keep the shape"
                )
            if answer.dtype.kind not in "fiub":
                raise TypeError(
                    f"a hook on {tensor._title()} returned {described(answer)}; a gradient must be "
                    "real numbers"
                )
            g = of_dtype(answer, tensor._value.dtype)
        return of_dtype(g, summed)


class HookHandle:
    """What `register_hook` returns: `remove()` takes the hook away again."""

    __slots__ = ("_functions", "_key")

    def __init__(self, functions: dict[int, Callable[[Any], Any]], function: Any) -> None:
        self._functions, self._key = functions, _next_key()
        functions[self._key] = function

    def remove(self) -> None:
        """Remove the hook; a second call does nothing."""
        self._functions.pop(self._key, None)
