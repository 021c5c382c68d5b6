"""Programs rewritten for who reads them: what calls say in a way that no person would choose."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd.compiling.program import frozen, key_of, mapped, values_in
from autograd.compiling.spelling import IN_PLACE
from autograd.compiling.tracing import Const, Line, Var

__all__: list[str] = []


def again(line: Line, kind: str, target: Any, args: Any, kwargs: Any) -> Line:
    """Another call in the place of a line."""
    made = Line(kind, target, args, kwargs)
    made.made, made.form, made.views, made.writes = line.made, line.form, line.views, line.writes
    made.origin, made.errors, made.sweep = line.origin, line.errors, line.sweep
    made.remember = line.remember
    return made


def once(lines: list[Line], outputs: Any) -> list[Line]:
    """Backward does not compute again what forward has."""
    written = {line.writes.root for line in lines if line.writes is not None}
    kept = written | {var.root for var in values_in(outputs)}
    seen: dict[Any, Line] = {}
    same: dict[Any, Any] = {}
    found = []
    for line in lines:
        args, kwargs = (mapped(a, lambda v: same.get(v, v)) for a in (line.args, line.kwargs))
        line = again(line, line.kind, line.target, args, kwargs)
        if line.writes is None and line.kind != "call" and line.made:
            if not {var.root for var in [*values_in((args, kwargs)), *line.made]} & kept:
                key = key_of(line)[:-1]
                if key in seen:
                    same.update(zip(line.made, seen[key].made))
                    continue
                seen[key] = line
        found.append(line)
    return found


def without_ones(lines: list[Line], outputs: Any) -> tuple[list[Line], Any]:
    """x in the place of x plus 0 and the like, and nothing for `x *= ones`. (Of x times ones, which
    a rule may be all about, the writer knows.)"""
    last_write = {line.writes.root: at for at, line in enumerate(lines) if line.writes is not None}
    written = set(last_write)
    same: dict[Any, Any] = {}

    def now(value: Any) -> Any:
        while value in same:
            value = same[value]
        return value

    found = []
    for at, line in enumerate(lines):
        args, kwargs = (mapped(a, now) for a in (line.args, line.kwargs))
        line = again(line, line.kind, line.target, args, kwargs)
        if len(line.made) == 1 and line.kind in ("ufunc", "operator", "function"):
            made, kept = line.made[0], _kept(line.target, args)
            if kept.__class__ is Var and (kept.shape, kept.dtype) == (made.shape, made.dtype):
                if line.writes is not None and kept is line.writes:
                    continue
                told = line.target in (np.multiply, "*") or line.writes is not None or kept.weak
                settled = -1 < last_write.get(kept.root, -1) < at  # nobody writes into it any more
                if made.root not in written and line.writes is None and not kept.weak:
                    if settled or (not told and kept.root not in written):
                        same[made] = kept
                        continue
        found.append(line)
    return found, mapped(outputs, now)


def _kept(target: Any, args: Any) -> Any:
    """Which argument is the result, for the others change nothing."""
    if target is np.broadcast_to and args:
        return args[0]  # if it has the shape
    if target is np.where and len(args) == 3 and (asked := _settled(args[0])) is not None:
        return args[1 if asked else 2]
    if len(args) != 2 or (neutral := NEUTRAL.get(target)) is None:
        return None
    for one, other in [args[::-1]] if target in (np.subtract, "-") else [args, args[::-1]]:
        if _settled(one) == neutral:
            return other
    return None


NEUTRAL: dict[Any, Any] = {
    np.multiply: 1, "*": 1, np.add: 0, "+": 0, np.subtract: 0, "-": 0, np.bitwise_and: True,
    np.logical_and: True, np.bitwise_or: False, np.logical_or: False,
}  # fmt: skip


def _settled(value: Any) -> Any:
    """The number that is everywhere in a constant; None of anything else."""
    array = value.array if value.__class__ is Const else value
    if not isinstance(array, (np.ndarray, np.generic, float, int)) or not np.size(array):
        return None
    first = np.asarray(array).flat[0]
    return first.item() if np.all(array == first) else None


def without_copies(
    lines: list[Line], inputs: Any, outputs: Any
) -> tuple[list[Line], tuple[Any, ...]]:
    """What is returned itself, not a copy of it, where nothing else lies in its memory."""
    given = {var.root for var in inputs}
    roots = [var.root for var in values_in(outputs)]
    last = {line.made[0]: line for line in lines if len(line.made) == 1}
    same: dict[Any, Any] = {}
    for var in values_in(outputs):
        line = last.get(var)
        if line is None or (line.kind, line.target) != ("method", "copy") or len(line.args) > 1:
            continue
        of = line.args[0]
        if of.__class__ is Var and of.root not in given and of.root not in roots:
            if outputs.count(var) == 1:
                same[var] = of
                roots.append(of.root)
    left = [line for line in lines if not (line.made and line.made[0] in same)]
    return left, mapped(outputs, lambda v: same.get(v, v))


def updating(lines: list[Line]) -> list[Line]:
    """`part = whole[i]`, `more = part + x`, `whole[i] = more` as `whole[i] += x`."""
    found: list[Line] = []
    uses: dict[Var, int] = {}
    for line in lines:
        for var in {*values_in(line.args), *values_in(line.kwargs)}:
            uses[var] = uses.get(var, 0) + 1
    for line in lines:
        part = line.writes
        if (
            part is not None and line.kind == "ufunc" and line.target in IN_PLACE
            and line.args[0] is part and uses[part] == 1 and line.made == [part]
        ):  # fmt: skip
            for before in [b for b in found[-4:] if b.kind == "getitem" and b.made == [part]]:
                whole, index = before.args  # `part = whole[i]`, `part += x`
                if whole.__class__ is Var and whole.root is whole:
                    found.remove(before)
                    line = again(line, "update", line.target, (whole, index, line.args[1]), {})
                    line.made, line.form, line.writes = [], None, whole
        if line.kind == "setitem" and len(found) > 1:
            read, change = found[-2:]
            if (
                read.kind == "getitem" and change.kind in ("ufunc", "operator")
                and change.target in IN_PLACE and change.made == [line.args[2]]
                and not change.kwargs and change.writes is None
                and read.made == [change.args[0]] and read.args[0] is line.args[0]
                and frozen(read.args[1]) == frozen(line.args[1])
            ):  # fmt: skip
                line = again(line, "update", change.target, (*line.args[:2], change.args[1]), {})
                del found[-2:]
        found.append(line)
    return found


def filled(lines: list[Line]) -> list[Line]:
    """`z = np.empty(...)`, `np.exp(x, out=z)` as `z = np.exp(x)`."""
    empty: dict[Var, Line] = {}
    dropped: set[int] = set()
    found = []
    for line in lines:
        target = line.writes
        if target in empty and set(line.kwargs) == {"out"} and line.kind == "ufunc":
            if target not in set(values_in(line.args)) and line.made == [target]:
                dropped.add(id(empty[target]))
                line = again(line, line.kind, line.target, line.args, {})
                line.writes = None
        for var in [*values_in(line.args), *values_in(line.kwargs)]:
            empty.pop(var, None)
            empty.pop(var.root, None)
        if line.made:
            empty.pop(line.made[0], None)
        if line.target in (np.empty, np.empty_like) and line.kind == "function":
            empty[line.made[0]] = line
        found.append(line)
    return [line for line in found if id(line) not in dropped]


def with_vectors(lines: list[Line]) -> list[Line]:
    """`(a @ v[:, None])[..., 0]` as `a @ v`: the rule serves stacks of matrices, too."""
    made_by = {line.made[0]: line for line in lines if len(line.made) == 1}
    uses: dict[Var, int] = {}
    for line in lines:
        for var in [*values_in(line.args), *values_in(line.kwargs)]:
            uses[var] = uses.get(var, 0) + 1
    dropped: set[int] = set()
    found = []
    for line in lines:
        if line.kind == "getitem" and frozen(line.args[1]) == frozen((..., 0)):
            product = made_by.get(line.args[0])
            if product is not None and product.target is np.matmul and uses[line.args[0]] == 1:
                column = made_by.get(product.args[1]) if product.args[1].__class__ is Var else None
                if (
                    column is not None and column.kind == "getitem"
                    and frozen(column.args[1]) == frozen((..., None))
                    and len(column.args[0].shape) == 1 and uses[product.args[1]] == 1
                ):  # fmt: skip
                    dropped |= {id(product), id(column)}
                    args = product.args[0], column.args[0]
                    line = again(line, "ufunc", np.matmul, args, {})
        found.append(line)
    return [line for line in found if id(line) not in dropped]
