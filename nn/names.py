"""What to say of a name that is not known: which known one is nearest.

May import: nothing of this project.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = ["unknown"]


def unknown(what: str, name: Any, known: Iterable[str]) -> str:
    """The text of an error: the unknown name, the nearest known ones, and all of them.

    >>> unknown("activation", "rleu", ["relu", "tanh"])
    "unknown activation 'rleu'; did you mean 'relu'? Known: relu, tanh"
    >>> unknown("metric", "r2", ["accuracy", "r2_score"])
    "unknown metric 'r2'; did you mean 'r2_score'? Known: accuracy, r2_score"
    """
    import difflib  # here, for only errors need it

    listed = sorted(known)
    near = difflib.get_close_matches(str(name).lower(), listed, 1, 0.5)
    near = [known for known in listed if known.startswith(f"{name}_".lower())] or near
    hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else "."
    return f"unknown {what} {name!r}{hint} Known: {', '.join(listed)}"
