"""A table of a model: its Modules, their output shapes, and how much of it is trained."""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable
from types import CellType, FunctionType, MethodType
from typing import Any, NamedTuple

import numpy as np

from autograd import Tensor, no_grad
from nn.random import borrowed, is_source

__all__ = ["Row", "Summary", "summarize"]

SAMPLES = 2  # of the batch that goes through the model: an axis of this length in front is n
MORE = 4  # of a second one, where other axes are as long: n is which grows with it


class Row(NamedTuple):
    """One Module: its path in the model ("" for the model itself), its class, the shape of its
    output with "n" for the batch (None if not known), how many parameters it holds itself, how many
    of these are trained, how many times it was called, and what else there is to say."""

    name: str
    kind: str
    output_shape: Any
    parameters: int
    trainable: int
    calls: int
    note: str


class Summary:
    """What `model.summary` found; printed as a table.

    `rows`, one for each Module; `total`, `trainable` and `frozen`, numbers of parameters, each
    counted once; `memory`, bytes of parameters and buffers; `shapes`, whether a batch went through.
    """

    def __init__(self, rows: list[Row], memory: int, shapes: bool) -> None:
        self.rows, self.memory, self.shapes = rows, memory, shapes
        self.total = sum(row.parameters for row in rows)
        self.trainable = sum(row.trainable for row in rows)
        self.frozen = self.total - self.trainable

    def __repr__(self) -> str:
        titles = ["name", "class", "output shape", "parameters", "trainable", ""]
        rows = [titles, *map(_cells, self.rows)]
        columns = [k for k in range(len(titles)) if self.shapes or k != 2]
        table = _aligned([[row[k] for k in columns] for row in rows], "lllrrl"[-len(columns) :])
        line = "-" * max(map(len, table))
        return "\n".join([table[0], line, *table[1:], line, *self._totals()])

    def _totals(self) -> list[str]:
        numbers = [f"{n:,}" for n in (self.total, self.trainable, self.frozen)]
        width = max(map(len, numbers))
        names = ("parameters", "trainable", "frozen")
        totals = [f"{name:<11}{number:>{width}}" for name, number in zip(names, numbers)]
        return [*totals, f"{'memory':<11}{_bytes(self.memory)}"]


def summarize(model: Any, input_shape: Any = None) -> Summary:
    """The Summary of a Module; see Module.summary.

    >>> import nn
    >>> summarize(nn.MLP([4, 8, 3])).total
    67
    """
    modules = list(model.named_modules())
    calls: dict[int, list[Any]] = {}
    if input_shape is not None:
        calls = _calls(model, modules, _inputs(model, input_shape, SAMPLES))
        doubtful = any(map(_is_doubtful, calls.values()))
        again = _calls(model, modules, _inputs(model, input_shape, MORE)) if doubtful else {}
        calls = {key: _named(shapes, again.get(key)) for key, shapes in calls.items()}
    seen: set[int] = set()
    rows = [_row(name, module, calls.get(id(module)), seen) for name, module in modules]
    state = [*model.parameters(), *model.buffers()]
    memory = sum(v.size * v.dtype.itemsize for v in state)
    return Summary(rows, memory, input_shape is not None)


def _row(name: str, module: Any, shapes: list[Any] | None, seen: set[int]) -> Row:
    """seen: the parameters that were counted in rows above."""
    below = {id(p) for child in module.children() for p in child.parameters()}
    own = [p for p in module.parameters() if id(p) not in below]
    new = [p for p in own if id(p) not in seen]
    seen.update(map(id, new))
    trainable = sum(p.size for p in new if p.requires_grad)
    notes = []
    if len(new) < len(own):
        notes.append("shares parameters, counted above")
    if any(not p.requires_grad for p in own):
        notes.append("partly frozen" if any(p.requires_grad for p in own) else "frozen")
    if shapes is not None and len(shapes) != 1:
        notes.append(f"called {len(shapes)} times" if shapes else "not called")
    return Row(
        name, type(module).__name__, shapes[-1] if shapes else None, sum(p.size for p in new),
        trainable, len(shapes or ()), ", ".join(notes),
    )  # fmt: skip


# ---- one batch through the model --------------------------------------------------------------


def _calls(model: Any, modules: list[tuple[str, Any]], inputs: list[Any]) -> dict[int, list[Any]]:
    """The shapes that each Module gives, of every call, by its id."""
    twins = _Twins(model)
    calls: dict[int, list[Any]] = {}
    twin = twins.of(model)
    with no_grad(), borrowed():
        twin.eval()
        for _, module in modules:
            own, shapes = twins.of(module), calls.setdefault(id(module), [])
            vars(own)["forward"] = _noting(own.forward, shapes)
        twin(*inputs)
    return calls


def _inputs(model: Any, input_shape: Any, samples: int) -> list[Any]:
    """A batch of zeros for each input, in the dtype of the parameters; whole numbers, which other
    layers take as well, where the model looks something up. The batch is the first axis, or of
    sequences the second where the model says so."""
    several = isinstance(input_shape, (tuple, list)) and any(
        isinstance(part, (tuple, list)) for part in input_shape
    )
    floats = (p.dtype for p in model.parameters() if p.dtype.kind == "f")
    dtype = next(floats, np.dtype(np.float32))
    if any(getattr(module, "_looks_up", False) for module in model.modules()):
        dtype = np.dtype(np.int64)
    shapes = [_lengths(shape) for shape in (input_shape if several else [input_shape])]
    at = 1 if getattr(model, "batch_first", True) is False else 0
    return [Tensor(np.zeros((*s[:at], samples, *s[at:]), dtype)) for s in shapes]


def _lengths(shape: Any) -> tuple[int, ...]:
    try:
        found = tuple(map(operator.index, shape if isinstance(shape, (tuple, list)) else [shape]))
    except TypeError:
        raise TypeError(
            "summary: input_shape is an int or a tuple of ints, without the batch axis, or a list "
            f"of these for several inputs, got {shape!r}"
        ) from None
    if any(n < 0 for n in found):
        raise ValueError(
            f"summary: input_shape {shape!r} has a negative length; it is the shape of one sample, "
            "without the batch axis"
        )
    return found


def _noting(forward: Callable[..., Any], shapes: list[Any]) -> Callable[..., Any]:
    """forward, which also notes down the shape of each result."""

    def noting(*args: Any, **kwargs: Any) -> Any:
        result = forward(*args, **kwargs)
        shapes.append(_shapes(result))
        return result

    return noting


def _shapes(result: Any) -> Any:
    """The shape of an output; of several outputs a list or a dict of them; None of None."""
    if isinstance(result, dict):
        return {key: _shapes(part) for key, part in result.items()}
    if isinstance(result, (tuple, list)):
        return [_shapes(part) for part in result]
    return None if result is None else tuple(getattr(result, "shape", ()))


def _is_doubtful(shape: Any) -> bool:
    """Whether another axis than the first is as long as the batch."""
    if isinstance(shape, (dict, list)):
        return any(map(_is_doubtful, shape.values() if isinstance(shape, dict) else shape))
    return shape is not None and SAMPLES in shape[1:]


def _named(shape: Any, again: Any) -> Any:
    """The shapes with n for the batch: the axis in front, or, where they are known of a larger
    batch, too, what is longer there."""
    same = type(shape) is type(again) and len(shape or ()) == len(again or ())
    if isinstance(shape, dict):
        return {key: _named(part, again.get(key) if same else None) for key, part in shape.items()}
    if isinstance(shape, list):
        return [_named(*pair) for pair in zip(shape, again if same else [None] * len(shape))]
    if shape is None or not same:
        return ("n", *shape[1:]) if shape and shape[0] == SAMPLES else shape
    return tuple("n" if pair == (SAMPLES, MORE) else pair[0] for pair in zip(shape, again))


class _Twins:
    """Twins of Modules, with the same parameters, and buffers and generators of their own: whatever
    a forward does to them, the Modules stay as they are, and other threads may go on with them."""

    def __init__(self, model: Any) -> None:
        # What was given (it must live on), and its twin.
        self._made: dict[int, tuple[Any, Any]] = {id(b): (b, b.copy()) for b in model.buffers()}

    def of(self, given: Any) -> Any:
        """The twin, or what was given where nothing of it can change."""
        if id(given) not in self._made:
            self._made[id(given)] = given, given  # it may hold itself
            self._made[id(given)] = given, self._twin(given)
        return self._made[id(given)][1]

    def _twin(self, given: Any) -> Any:
        if is_source(given):
            return copy.deepcopy(given)
        if isinstance(given, (dict, list)) or _is_module(given):
            return self._filled(given)
        if isinstance(given, tuple):
            members = [self.of(member) for member in given]
            same = all(map(operator.is_, members, given))
            return given if same else getattr(type(given), "_make", type(given))(members)
        if isinstance(given, MethodType):
            return MethodType(given.__func__, self.of(given.__self__))
        if isinstance(given, FunctionType) and given.__closure__:
            return self._function(given)
        return given

    def _filled(self, given: Any) -> Any:
        """A copy that has the twins of all members."""
        twin = copy.copy(given)
        self._made[id(given)] = given, twin
        for holder in (twin, getattr(twin, "__dict__", None)):
            if isinstance(holder, dict):
                holder.update({key: self.of(member) for key, member in holder.items()})
            elif isinstance(holder, list):
                holder[:] = map(self.of, holder)
        return twin

    def _function(self, given: FunctionType) -> FunctionType:
        """The same function, with the twins of the Modules that it has from around it."""
        cells = given.__closure__ or ()
        if not any(map(_holds_module, cells)):
            return given
        twins = [CellType(self.of(c.cell_contents)) if _holds_module(c) else c for c in cells]
        code, name = given.__code__, given.__name__
        twin = FunctionType(code, given.__globals__, name, given.__defaults__, tuple(twins))
        twin.__kwdefaults__ = given.__kwdefaults__
        return twin


def _is_module(value: Any) -> bool:
    return hasattr(value, "named_modules") and not isinstance(value, type)


def _holds_module(cell: Any) -> bool:
    try:
        return _is_module(cell.cell_contents)
    except ValueError:  # nothing yet
        return False


# ---- the table --------------------------------------------------------------------------------


def _cells(row: Row) -> list[str]:
    counts = [f"{row.parameters:,}", f"{row.trainable:,}"]
    shape = "" if row.output_shape is None else _shown(row.output_shape)
    return [row.name, row.kind, shape, *counts, row.note]


def _shown(shape: Any) -> str:
    if isinstance(shape, tuple):
        return f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})"
    if isinstance(shape, dict):
        return "{" + ", ".join(f"{key}: {_shown(part)}" for key, part in shape.items()) + "}"
    return str(shape) if shape is None else f"[{', '.join(map(_shown, shape))}]"


def _aligned(rows: list[list[str]], sides: str) -> list[str]:
    """Rows of cells as lines, in columns as wide as their widest cell; sides are "l" or "r"."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = (
        [c.ljust(width) if side == "l" else c.rjust(width) for c, width, side in zip(*parts)]
        for parts in ((row, widths, sides) for row in rows)
    )
    return ["  ".join(line).rstrip() for line in lines]


def _bytes(count: int) -> str:
    """12 bytes, 34.5 KiB: with the largest unit of which there is at least one."""
    size, unit = float(count), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{count:,} bytes" if unit == "bytes" else f"{size:.1f} {unit} ({count:,} bytes)"
