"""What `detect_anomaly` and `profile` see of operations and rules, and what they say of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd.errors import AutogradError, shapes
from autograd.frames import user_line

__all__: list[str] = []


def watcher(mode: Any) -> Callable[..., Any]:
    """A way to call rules that measures them, or looks for nan and inf in what they return."""

    def watched(node: Any, rule: Any, g: Any, y: Any, args: Any, kwargs: Any) -> Any:
        if mode.profile is not None:
            contribution = mode.profile.backward(node, rule, g, y, args, kwargs)
        else:
            contribution = rule(g, y, *args, **kwargs)
        if mode.anomaly:
            for values in _floats([contribution]):
                if not np.all(np.isfinite(values)):
                    raise AutogradError(_anomaly("its gradient holds", values, node, g))
        return contribution

    return watched


def checked(node: Any, raw: list[Any], owner: Any = None) -> Any:
    """Under detect_anomaly: remember the user's line, and raise at a nan or inf."""
    owner = node if owner is None else owner
    owner._line = user_line()
    if node._value.dtype.kind == "f" and not np.all(np.isfinite(node._value)):
        owner._args = tuple(raw)  # also of a result that is not recorded
        raise AutogradError(_anomaly("its result holds", node._value, owner))
    return node


def _anomaly(what: str, values: Any, node: Any, g: Any = None) -> str:
    """The message for a nan or inf, naming the operation, its shapes and the user's line."""
    found = "nan" if np.any(np.isnan(values)) else "inf"
    at, formula, line = shapes(node._args), node._op.formula, getattr(node, "_line", None)
    sources = {"an input": _floats(node._args), "the incoming gradient": _floats([g])}
    already = [n for n, vs in sources.items() if not all(np.all(np.isfinite(v)) for v in vs)]
    return (
        f"{node._op.name}: {what} {found}"
        + (f" (input shapes {at})" if at else "")
        + (f"; {' and '.join(already)} already held nan or inf" if already else "")
        + (f"\n  in scope {node._scope}" if node._scope is not None else "")
        + (f"\n  its derivative is {formula}" if formula and g is not None else "")
        + (f"\n  called at {line}" if line else "\n  recorded outside of detect_anomaly()")
    )


def _floats(values: Any) -> list[Any]:
    """The arrays and numbers of float dtype among values, and in lists and tuples among them."""
    found = []
    for value in values:
        if isinstance(value, (list, tuple)):
            found += _floats(value)
        else:
            value = getattr(value, "_value", value)
            if isinstance(value, float) or getattr(value, "dtype", np.dtype(object)).kind == "f":
                found.append(value)
    return found
