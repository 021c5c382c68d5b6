"""One optimiser step as a table: every parameter old -> new, and what it did to the loss.

To first order the loss changes by the sum of gradient × change. What is left over comes from
further terms: the curvature, which a step too large for it feels.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from autograd import Tensor, enable_grad
from nn.optim.optimizer import Optimizer

__all__ = ["StepTable", "explain_step"]


class Row(NamedTuple):
    """One parameter in one step."""

    name: str
    old: np.ndarray
    new: np.ndarray
    gradient: np.ndarray | None  # None: the loss does not depend on it

    @property
    def change(self) -> np.ndarray:
        """new - old, in float64."""
        return np.asarray(self.new, np.float64) - np.asarray(self.old, np.float64)

    @property
    def predicted(self) -> float:
        """The change of the loss that this parameter accounts for, to first order."""
        if self.gradient is None:
            return 0.0
        return float(np.sum(np.asarray(self.gradient, np.float64) * self.change))


class StepTable(NamedTuple):
    """What one step did: made by `explain_step`, shown by `print` and by notebooks.

    `rows` has a name, old, new, gradient, change and predicted for every parameter; `before` and
    `after` are the loss, `predicted` is the sum of gradient × change, `actual` what came of it.
    """

    optimizer: str
    rows: tuple[Row, ...]
    before: float
    after: float
    notes: tuple[str, ...] = ()

    @property
    def predicted(self) -> float:
        """The change of the loss to first order: the sum of gradient × change."""
        return math.fsum(row.predicted for row in self.rows)

    @property
    def actual(self) -> float:
        """The change of the loss."""
        return self.after - self.before

    def __str__(self) -> str:
        return "\n".join(_lines(self))

    def __repr__(self) -> str:
        return str(self)

    def _repr_markdown_(self) -> str:
        return "\n".join(_markdown(self))


def explain_step(
    optimizer: Optimizer, closure: Callable[[], Tensor], names: Any = None
) -> StepTable:
    """Take one step, and tell of every parameter how it moved and what that did to the loss.

    Calls zero_grad, backward and step, and computes the loss again, on the same data if `closure`
    uses the same; should it be far from the prediction, once more with the old parameters, to tell
    randomness (dropout) from curvature.

    Args: optimizer; closure, a function that computes and returns the loss, one number, and does
        not call backward; names, a Module, or a dict of Tensors by name (`locals()`).
    Raises TypeError and ValueError for a closure that does not do so. After an error the
    parameters, their gradients and the optimiser are as they were.

    >>> import nn
    >>> w = Tensor(3.0, requires_grad=True, name="w")
    >>> print(explain_step(nn.optim.SGD([w], lr=0.1), lambda: w * w))
    SGD: the loss goes from 9 to 5.76, by -3.24; the gradients predict -3.6
    <BLANKLINE>
    parameter  shape  old -> new  gradient  gradient × change
    w          ()     3 -> 2.4    6                      -3.6
    predicted                                            -3.6
    actual                                              -3.24
    """
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"explain_step(optimizer, closure): first an optimiser, got {type(optimizer).__name__}"
        )
    if not callable(closure):
        raise TypeError(
            "explain_step(optimizer, closure): the closure is a function that computes the loss, "
            f"got {type(closure).__name__}; write lambda: loss_function(model(x), y)"
        )
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    called = _names(parameters, names)
    gradients, state = [p.grad for p in parameters], optimizer.state_dict()
    old = [p.numpy() for p in parameters]
    try:
        with enable_grad():
            return _stepped(optimizer, closure, parameters, called)
    except BaseException:
        if any(p.numpy() is not value for p, value in zip(parameters, old)):  # it has stepped
            optimizer.load_state_dict(state)
        for parameter, value, gradient in zip(parameters, old, gradients):
            if parameter.numpy() is not value:
                parameter.data = value
            parameter.grad = gradient
        raise


def _stepped(
    optimizer: Optimizer, closure: Callable[[], Tensor], parameters: list[Tensor], names: list[str]
) -> StepTable:
    old, arrays = [np.array(p.numpy()) for p in parameters], [p.numpy() for p in parameters]
    optimizer.zero_grad()
    loss = _loss(closure())
    if any(p.grad is not None for p in parameters):
        raise ValueError(
            "explain_step: the closure called backward, which explain_step does itself; let it "
            "compute the loss and return it"
        )
    before = float(loss.data.item())
    loss.backward(retain_graph=False)
    gradients = [None if p.grad is None else np.array(p.grad) for p in parameters]
    optimizer.step()
    after = float(_loss(closure()).data.item())
    rows = tuple(
        Row(name, value, np.array(p.numpy()), gradient)
        for name, value, p, gradient in zip(names, old, parameters, gradients)
    )
    table = StepTable(type(optimizer).__name__, rows, before, after)
    again = before
    if not _is_near(table):
        again = _with(parameters, arrays, lambda: float(_loss(closure()).data.item()))
    return table._replace(notes=tuple(_notes(table, again)))


def _loss(loss: Any) -> Tensor:
    if not isinstance(loss, Tensor):
        raise TypeError(
            f"explain_step: the closure must return the loss as a Tensor, got "
            f"{type(loss).__name__}; return loss, not float(loss), and do not call backward in it"
        )
    if loss.size != 1:
        raise ValueError(
            f"explain_step: the loss must be one number, got shape {loss.shape}; take its mean()"
        )
    if not loss.requires_grad:
        raise ValueError(
            "explain_step: the loss depends on no parameter through recorded operations; compute "
            "it inside of the closure, without no_grad() and .data"
        )
    return loss


def _with(parameters: list[Tensor], values: list[Any], function: Callable[[], float]) -> float:
    """function() with other values in the parameters, which then have their own again."""
    own = [p.numpy() for p in parameters]
    try:
        for parameter, value in zip(parameters, values):
            parameter.data = value
        return function()
    finally:
        for parameter, value in zip(parameters, own):
            parameter.data = value


# ---- names and notes --------------------------------------------------------------------------


def _names(parameters: list[Tensor], names: Any) -> list[str]:
    """What the parameters are called: by `names`, or by themselves; made different by numbers."""
    known: dict[int, str] = {}
    for name, tensor in _pairs(names):
        if isinstance(tensor, Tensor):
            known.setdefault(id(tensor), str(name))
    own = [
        known.get(id(p)) or p.name or f"parameter {number}" for number, p in enumerate(parameters)
    ]
    total, counts = Counter(own), Counter[str]()
    called = []
    for name in own:
        counts[name] += 1
        called.append(f"{name} #{counts[name]}" if total[name] > 1 else name)
    return called


def _pairs(names: Any) -> Iterable[tuple[Any, Any]]:
    if names is None:
        return ()
    if hasattr(names, "named_parameters"):
        return tuple(names.named_parameters())
    if not isinstance(names, Mapping):
        raise TypeError(
            f"explain_step: names is a Module or a dict of Tensors by name, got "
            f"{type(names).__name__}; write names=model, or names=locals()"
        )
    modules = [value for value in names.values() if hasattr(value, "named_parameters")]
    inner = [pair for m in modules if not isinstance(m, type) for pair in m.named_parameters()]
    return [*names.items(), *inner]


def _is_near(table: StepTable) -> bool:
    """Whether the loss did about what was predicted."""
    room = 0.5 * abs(table.predicted) + 1e-6 * abs(table.before)
    return abs(table.actual - table.predicted) <= room


def _notes(table: StepTable, again: float) -> Iterator[str]:
    idle = [row.name for row in table.rows if row.gradient is None]
    if idle:
        yield f"no gradient came to {_listed(idle)}: the loss does not depend on it"
    if not math.isfinite(table.before) or not math.isfinite(table.after):
        yield "the loss is not finite; autograd.detect_anomaly() finds where that begins"
        return
    if table.predicted > 0:
        yield (
            "to first order the step goes uphill: momentum of earlier steps, weight decay or "
            "maximize=True can do that"
        )
    if again != table.before:
        yield (
            f"the closure gives another loss each time, {_number(table.before)} and "
            f"{_number(again)} with the same parameters: dropout, random data or running "
            "statistics are in the actual change, too"
        )
    elif not _is_near(table):
        yield _of_curvature(table)


def _of_curvature(table: StepTable) -> str:
    if table.predicted < 0 < table.actual:
        return (
            "the loss rises where the gradients say that it falls: the step is too large for the "
            "curvature here; try a smaller lr"
        )
    return "the change is far from the prediction: over a step of this size the loss is no line"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


# ---- as text ----------------------------------------------------------------------------------

HEADINGS = ("parameter", "shape", "old -> new", "gradient", "gradient × change")


def _heading(table: StepTable) -> str:
    return (
        f"{table.optimizer}: the loss goes from {_number(table.before)} to "
        f"{_number(table.after)}, by {_number(table.actual)}; the gradients predict "
        f"{_number(table.predicted)}"
    )


def _cells(table: StepTable) -> list[tuple[str, ...]]:
    cells: list[tuple[str, ...]] = [
        (_plain(row.name), str(row.old.shape), _moved(row), _gradient(row), _number(row.predicted))
        for row in table.rows
    ]
    ends = (("predicted", table.predicted), ("actual", table.actual))
    return cells + [(name, "", "", "", _number(value)) for name, value in ends]


def _lines(table: StepTable) -> Iterator[str]:
    yield _heading(table)
    yield ""
    rows = [HEADINGS, *_cells(table)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    for row in rows:
        left = [cell.ljust(width) for cell, width in zip(row[:-1], widths)]
        yield "  ".join([*left, row[-1].rjust(widths[-1])])
    yield from (f"Note: {note}." for note in table.notes)


def _markdown(table: StepTable) -> Iterator[str]:
    yield _heading(table)
    yield ""
    yield "| " + " | ".join(HEADINGS) + " |"
    yield "| --- | --- | --- | --- | ---: |"
    for row in _cells(table):
        yield "| " + " | ".join(_coded(cell) for cell in row) + " |"
    yield from (f"\n*Note:* {_coded(note)}." for note in table.notes)


def _coded(text: str) -> str:
    """Text in which Markdown and HTML mean nothing."""
    text = text.replace("`", "'").replace("|", "¦")
    return f"`{text}`" if text else ""


def _moved(row: Row) -> str:
    if row.old.size <= 2:
        return f"{_entries(row.old)} -> {_entries(row.new)}"
    return f"rms {_number(_rms(row.old))}, moved by rms {_number(_rms(row.change))}"


def _gradient(row: Row) -> str:
    if row.gradient is None:
        return "none"
    return _entries(row.gradient) if row.old.size <= 2 else f"rms {_number(_rms(row.gradient))}"


def _entries(array: np.ndarray) -> str:
    """A number, or a very small array."""
    if array.ndim == 0:
        return _number(array.item())
    return "[" + ", ".join(_number(entry) for entry in array.ravel().tolist()) + "]"


def _rms(array: np.ndarray) -> float:
    """The root of the mean square: how large an entry is."""
    return math.sqrt(np.mean(np.square(array, dtype=np.float64))) if array.size else 0.0


def _number(value: float) -> str:
    return f"{value + 0.0:.4g}"  # no -0


def _plain(name: str) -> str:
    """A name on one line, and not too long."""
    name = name if len(name) <= 40 else name[:20] + "…" + name[-19:]
    return "".join(c if c.isprintable() else " " for c in name)
