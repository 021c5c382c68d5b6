"""The errors of this library, and the words in which NumPy's own errors are told again.

May import: nothing of this project.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["AutogradError", "GradcheckError", "GraphFreedError", "InPlaceError"]


class AutogradError(RuntimeError):
    """Base of this library's own errors.

    Wrong shapes raise ValueError and wrong kinds TypeError, as NumPy does; this class and its
    children are for what only a library that records graphs can meet.

    >>> issubclass(GraphFreedError, AutogradError)
    True
    """


class GraphFreedError(AutogradError):
    """Backward met a part of the graph that `backward(retain_graph=False)` has already freed."""


class InPlaceError(AutogradError):
    """A value that a graph depends on was, or would have been, changed in place."""


class GradcheckError(AutogradError):
    """A gradient differs from its finite difference; the message gives input, element and both."""


# Told again under these kinds, so that `except ValueError` and the like go on working. Anything
# else, a FloatingPointError under np.errstate above all, passes through as it is.
RESTATED = (np.exceptions.AxisError, np.linalg.LinAlgError, IndexError, TypeError, ValueError)


def shapes(arguments: Any) -> str:
    """The shapes of those arguments that have one: '(2, 3) and (4,)'."""
    found = [str(a.shape) for a in arguments if hasattr(a, "shape")]
    return " and ".join(found) if len(found) < 3 else ", ".join(found)


def restated(name: str, arguments: Any, error: Exception) -> Exception:
    """The same kind of error, saying which operation met which shapes, and what helps."""
    kind = next((k for k in RESTATED if isinstance(error, k)), None)
    if kind is None:
        return error
    text = str(error).rstrip(".")
    if kind is ValueError and name == "matmul":
        return ValueError(_matmul_message(arguments, text))
    if kind is ValueError and "broadcast" in text:
        return ValueError(
            f"{name}: shapes {shapes(arguments)} do not broadcast: counted from the last axis, "
            "each pair of lengths must be equal or contain a 1. Add an axis (x[:, None]) or "
            "reshape one of them."
        )
    hint = ""
    if "repeat" in text and "axis" in text:
        hint = "; name each axis once"
    elif kind is np.exceptions.AxisError:
        ndim = max((a.ndim for a in arguments if hasattr(a, "ndim")), default=0)
        hint = f"; axis goes from {-ndim} to {ndim - 1}" if ndim else "; a scalar has no axis"
    elif kind is IndexError:
        hint = "; an index i of an axis of length n must satisfy -n <= i < n"
    at = shapes(arguments)
    return kind(f"{name}: {text}" + (f" (shape {at})" if at else "") + hint)


def _matmul_message(arguments: Any, text: str) -> str:
    a, b = (np.asarray(argument) for argument in arguments[:2])
    if not a.ndim or not b.ndim:
        return f"matmul: shapes {a.shape} and {b.shape}: a scalar has no axis to sum; use * instead"
    inner, outer = a.shape[-1], b.shape[-2] if b.ndim > 1 else b.shape[0]
    if inner == outer:
        return f"matmul: the leading axes of shapes {a.shape} and {b.shape} do not broadcast"
    cure = ""
    if b.ndim > 1 and b.shape[-1] == inner:
        cure = "; transposing the second fits: a @ b.mT"
    elif a.ndim > 1 and a.shape[-2] == outer:
        cure = "; transposing the first fits: a.mT @ b"
    return (
        f"matmul: shapes {a.shape} and {b.shape} do not fit: the last axis of the first has length "
        f"{inner}, but the {'last axis but one' if b.ndim > 1 else 'axis'} of the second has "
        f"length {outer}; they must be equal{cure}"
    )
