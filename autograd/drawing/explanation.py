"""What `explain` returns: plain data about one gradient, which writes itself for people.

May import: drawing.differences, drawing.notation, drawing.numbers, drawing.symbols.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from autograd.drawing.differences import Check, Entry
from autograd.drawing.notation import in_fraction, title
from autograd.drawing.numbers import short, statistics
from autograd.drawing.symbols import latex_name

__all__ = ["Explanation"]

SHOWN = 6  # uses that the text tells in full,
ROWS = 5  # and entries


class Use(NamedTuple):
    """One use of the tensor by an operation, and the gradient that it hands back."""

    operation: str  # "multiply"
    result: str  # what it computes, by its name or in symbols: "w·x"
    expression: str  # in symbols
    scope: str  # the module in which it was recorded, "MLP.0", or ""
    rule: str  # in symbols: "∂(w·x)/∂w = x"
    numbers: str  # "g × x = 1 × 3 = 3"
    latex: str  # the rule again
    upstream: Any  # the gradient of the output with respect to the result
    local: Any  # the derivative of the result by the tensor, where it is one number an element
    contribution: Any  # what is handed back, of the tensor's shape
    summed: tuple[int, ...]  # axes that broadcasting had stretched


class Explanation(NamedTuple):
    """Why the gradient of one Tensor is what it is: made by `explain`, shown by `print`.

    The fields are plain data: the names of the output and the tensor, their values, every use of
    the tensor, the total of what the uses hand back, and the check by finite differences.

    >>> from autograd import Tensor, explain
    >>> a = Tensor(3.0, requires_grad=True, name="a")
    >>> explanation = explain(a * a, a)
    >>> [float(use.contribution) for use in explanation.uses], float(explanation.total)
    ([3.0, 3.0], 6.0)
    >>> explanation.check.agrees
    True
    """

    output: str
    tensor: str
    result: Any  # the output's value
    value: Any  # the tensor's
    uses: tuple[Use, ...]
    more: int  # uses beyond those, which are in the total all the same
    total: Any
    check: Check
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join(_lines(self))

    def __repr__(self) -> str:
        return str(self)

    def _repr_markdown_(self) -> str:
        return "\n".join(_markdown(self))


# ---- for terminals ----------------------------------------------------------------------------


def _lines(told: Explanation) -> Iterator[str]:
    yield f"{_fraction(told.output, told.tensor)} = {_value(told.total)}"
    where = f"where {told.output} = {_value(told.result)}"
    yield f"    at {told.tensor} = {_value(told.value)}, {where}"
    yield from (f"    {line}" for line in _largest(told))
    yield ""
    yield _opening(told)
    for number, use in enumerate(told.uses[:SHOWN], 1):
        yield ""
        yield f"{number:3}. {_heading(use)}"
        over = _fraction(told.output, in_fraction(use.result))
        yield f"     upstream   g = {over} = {_value(use.upstream)}"
        yield f"     rule       {use.rule}"
        yield f"     numbers    {use.numbers}"
    if (total := _sum(told)) != "":
        yield ""
        yield f"     sum        {total}"
    yield ""
    yield from _checked(told)
    for note in told.notes:
        yield from textwrap.wrap(f"Note: {note}.", 96)


def _fraction(output: str, tensor: str) -> str:
    return f"∂{output}/∂{tensor}"


def _value(value: Any) -> str:
    """A value in a line; of a large array its shape, its norm and its range."""
    text = short(value)
    if text[0] != "(":
        return text
    known = statistics(value)
    odd = [f"{n} {what}" for n, what in ((known.nan, "nan"), (known.inf, "inf")) if n]
    with np.errstate(all="ignore"):
        norm = short(np.linalg.norm(np.asarray(value, np.float64)))
    low, high = short(known.min), short(known.max)
    entries = f"all entries {low}" if low == high else f"entries {low} to {high}"
    return ", ".join([f"an array {text}", f"norm {norm}", entries, *odd])


def _largest(told: Explanation) -> list[str]:
    """The largest entries of a gradient that is too large to be written out."""
    total = np.asarray(told.total)
    if not total.size or short(total)[0] != "(":
        return []
    flat = np.nan_to_num(np.absolute(total.ravel()), nan=np.inf)
    if not flat.any():
        return []
    first = np.argsort(-flat, kind="stable")[:3]
    places = [tuple(int(i) for i in np.unravel_index(k, total.shape)) for k in first]
    return [f"largest: {', '.join(f'{_place(p)} {short(total[p])}' for p in places)}"]


def _place(place: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, place))}]"


def _opening(told: Explanation) -> str:
    count = len(told.uses) + told.more
    if not count:
        return f"{told.tensor} is the output itself: its gradient by itself is the one given."
    if count == 1:
        return f"{told.tensor} is used once, and its gradient is what comes back from there:"
    times = "twice" if count == 2 else f"{count:,} times"
    return f"{told.tensor} is used {times}. Every use hands a gradient back, and they add up:"


def _heading(use: Use) -> str:
    named = use.expression if use.result == use.expression else f"{use.result} = {use.expression}"
    return f"{title(use.operation)}: {named}" + (f"   in {use.scope}" if use.scope else "")


def _sum(told: Explanation) -> str:
    """ "3 + 3 = 6", with what is not told in full summed up."""
    if len(told.uses) + told.more < 2:
        return ""
    shown = told.uses[:SHOWN]
    rest = len(told.uses) - len(shown) + told.more
    terms = [short(use.contribution) for use in shown]
    if any(text[0] == "(" for text in terms):
        terms = [f"({number})" for number in range(1, len(shown) + 1)]
    terms += [f"{rest:,} more"] if rest else []
    return f"{' + '.join(terms)} = {_value(told.total)}".replace("+ -", "- ")


def _checked(told: Explanation) -> Iterator[str]:
    check = told.check
    if check.agrees is None:
        reason = check.reason or check.remarks[0]
        yield from textwrap.wrap(f"Not checked by finite differences: {reason}.", 96)
        return
    wrong = [entry for entry in check.entries if entry.agrees is False]
    if len(check.entries) == check.size == 1:
        entry = check.entries[0]
        quotient = f"({told.output}({told.tensor}+h) - {told.output}({told.tensor}-h)) / 2h"
        yield (
            f"Check by finite differences, h = {short(entry.step, 2)}: {quotient} = "
            f"{short(entry.differences, 6)}. {'They agree.' if entry.agrees else 'They differ!'}"
        )
    else:
        compared = sum(entry.agrees is not None for entry in check.entries)
        which = "all" if compared == check.size else f"{compared} of the"
        yield (
            f"Check by finite differences of {which} {check.size:,} entries: "
            + (f"{len(wrong)} of them differ!" if wrong else "they agree.")
        )
    yield from (f"    {line}" for line in _remarks(check, wrong))


def _remarks(check: Check, wrong: list[Entry]) -> Iterator[str]:
    """What there is to say about entries: those that differ first."""
    told = wrong + [e for e in check.entries if e.remark and e.agrees is not False]
    for entry in told[:ROWS]:
        at = f"{_place(entry.place)}: " if check.size > 1 else ""
        yield from textwrap.wrap(at + entry.remark + ".", 92, subsequent_indent="  ")
    if len(told) > ROWS:
        yield f"... and {len(told) - ROWS} more entries"


# ---- for notebooks ----------------------------------------------------------------------------


def _markdown(told: Explanation) -> Iterator[str]:
    output, tensor = latex_name(told.output), latex_name(told.tensor)
    yield rf"**Gradient** $\frac{{\partial {output}}}{{\partial {tensor}}}$ = {_code(told.total)}"
    yield ""
    yield f"at ${tensor}$ = {_code(told.value)}, where ${output}$ = {_code(told.result)}. "
    yield from (_coded(line) for line in _largest(told))
    yield ""
    yield _opening(told).replace(told.tensor, f"${tensor}$", 1)
    yield ""
    for number, use in enumerate(told.uses[:SHOWN], 1):
        yield f"{number}. **{title(use.operation).replace('_', ' ')}**: {_coded(use.expression)}"
        yield ""
        yield f"    $${use.latex}$$"
        yield ""
        yield f"    {_coded(use.numbers)}"
        yield ""
    if (total := _sum(told)) != "":
        yield f"Sum: {_coded(total)}"
        yield ""
    check = list(_checked(told))
    yield f"*{check[0].split(': ')[0]}:* {_coded(check[0].partition(': ')[2])}"
    yield from (f"\n- {_coded(line.strip())}" for line in check[1:])
    yield from (f"\n*Note:* {_coded(note)}" for note in told.notes)


def _code(value: Any) -> str:
    return _coded(_value(value))


def _coded(text: str) -> str:
    """Text in which Markdown and HTML mean nothing."""
    return "`" + text.replace("`", "'") + "`"
