"""What to say of names that are not known: which known ones are nearest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["shifted", "unknown"]


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


def shifted(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """A hint for a state whose names differ from those wanted by what stands before them, or "".

    Args: shapes by name, of what the state holds and of what a model wants.

    >>> print(shifted({"body.0.weight": (3, 2)}, {"0.weight": (3, 2)}))
    <BLANKLINE>
        Its names have 'body.' before them; without it they fit:
        {name.removeprefix('body.'): value for name, value in state.items()}
    >>> shifted({"0.weight": (3, 2)}, {"1.weight": (9, 9)})
    ''
    """
    missing = [name for name in wanted if name not in found]
    extra = [name for name in found if name not in wanted]
    fits = _shifts({n: found[n] for n in extra}, {n: wanted[n] for n in missing})
    if not fits:
        return ""
    before, after = fits.most_common(1)[0][0]
    right = [n for n in extra if _moves(n, before, after, found, wanted)]
    chosen = _choice(before, right, found) if after else ""
    if 2 * len(right) <= min(len(missing), len(extra)) or chosen is None:
        return ""
    name = f"name.removeprefix({before!r})" if before else "name"
    told = f"Its names have {before!r} before them; without it they fit"
    if after:
        name = f"{after!r} + {name}{chosen}"
        told = f"Its names begin with {before!r}, those wanted with {after!r}"
        told = told if before else f"The names wanted have {after!r} before them"
    return f"\n    {told}:\n    {{{name}: value for name, value in state.items()}}"


def _moves(
    name: str, before: str, after: str, found: Mapping[str, Any], wanted: Mapping[str, Any]
) -> bool:
    """Whether a name is one that is wanted, of the same shape, with the one before it for the
    other."""
    new = after + name.removeprefix(before)
    fits = new in wanted and new not in found and found[name] == wanted[new]
    return fits and name.startswith(before)


def _choice(before: str, right: list[str], found: Mapping[str, Any]) -> str | None:
    """The condition that leaves alone what fits already, "" where all is moved; None for none."""
    others = [name for name in found if name not in right]
    if not others:
        return ""
    if before:
        return f" if name.startswith({before!r}) else name"
    heads = {name.split(".")[0] for name in right}
    if any(name.split(".")[0] in heads for name in others):
        return None
    return f" if name.split('.')[0] in {sorted(heads)} else name"


def _shifts(extra: Mapping[str, Any], missing: Mapping[str, Any]) -> Counter[tuple[str, str]]:
    """What stands before the same end, in names of both kinds with the same shape; how often."""
    ends: dict[str, list[str]] = {}
    for name in missing:
        for end in _ends(name):
            ends.setdefault(end, []).append(name)
    fits: Counter[tuple[str, str]] = Counter()
    for name in extra:
        for end in _ends(name):
            for other in ends.get(end, [])[:20]:
                before, after = name.removesuffix(end), other.removesuffix(end)
                last = [prefix.split(".")[-2:-1] for prefix in (before, after)]
                longer = last[0] == last[1]  # they have more alike
                moved = all(part and part[0].isdigit() for part in last)  # of a list, each its own
                if extra[name] == missing[other] and not longer and not moved:
                    fits[before, after] += 1
    return fits


def _ends(name: str) -> list[str]:
    """Of "a.b.c": itself, "b.c" and "c"."""
    parts = name.split(".")
    return [".".join(parts[k:]) for k in range(len(parts))]
