"""What `explain` returns: plain data about one gradient, which writes itself for people."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from autograd.explaining.differences import Check, Entry
from autograd.words.notation import in_fraction, title
from autograd.words.numbers import short, statistics
from autograd.words.symbols import latex_name

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
    shown: Mapping[str, Any]  # what else the operation has to show: {"weights": an array}
    letter: str = "g"  # what the rule calls the upstream gradient


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


def _lines(why: Explanation) -> Iterator[str]:
    yield f"{_fraction(why.output, why.tensor)} = {_value(why.total)}"
    where = f"where {why.output} = {_value(why.result)}"
    yield f"    at {why.tensor} = {_value(why.value)}, {where}"
    yield from (f"    {line}" for line in _largest(why))
    yield ""
    yield _opening(why)
    for number, use in enumerate(why.uses[:SHOWN], 1):
        yield ""
        yield f"{number:3}. {_heading(use)}"
        yield f"     upstream   {_upstream(why, use)}"
        yield f"     rule       {use.rule}"
        yield from (f"     {name:<10} {_what(array)}" for name, array in use.shown.items())
        yield f"     numbers    {use.numbers}"
    if (total := _sum(why)) != "":
        yield ""
        yield f"     sum        {total}"
    yield ""
    yield from _checked(why)
    for note in why.notes:
        yield from textwrap.wrap(f"Note: {note}.", 96)


def _fraction(output: str, tensor: str) -> str:
    return f"∂{output}/∂{tensor}"


def _value(value: Any) -> str:
    """A value in a line; of a large array its shape, its norm and its range."""
    text = short(value)
    if text[0] != "(":
        return text
    if not np.size(value):
        return f"an empty array {text}"
    known = statistics(value)
    odd = [f"{n} {what}" for n, what in ((known.nan, "nan"), (known.inf, "inf")) if n]
    with np.errstate(all="ignore"):
        norm = short(np.linalg.norm(np.asarray(value, np.float64)))
    low, high = short(known.min), short(known.max)
    entries = f"all entries {low}" if low == high else f"entries {low} to {high}"
    return ", ".join([f"an array {text}", f"norm {norm}", entries, *odd])


def _what(array: Any) -> str:
    """An array that an operation shows; of truth values the places of the true ones."""
    if array.dtype.kind != "b":
        return _value(array)
    places = [_place(tuple(place)) for place in np.argwhere(array)[:ROWS].tolist()]
    count = int(np.count_nonzero(array))
    more = f" and {count - ROWS:,} more" if count > ROWS else ""
    return ", ".join(places) + more


def _largest(why: Explanation) -> list[str]:
    """The largest entries of a gradient that is too large to be written out."""
    total = np.asarray(why.total)
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


def _opening(why: Explanation) -> str:
    count = len(why.uses) + why.more
    if not count:
        return f"{why.tensor} is the output itself: its gradient by itself is the one given."
    if count == 1:
        return f"{why.tensor} is used once, and its gradient is what comes back from there:"
    times = "twice" if count == 2 else f"{count:,} times"
    return f"{why.tensor} is used {times}. Every use hands a gradient back, and they add up:"


def _heading(use: Use) -> str:
    return f"{title(use.operation)}: {_made(use)}" + (f"   in {use.scope}" if use.scope else "")


def _made(use: Use) -> str:
    """ "y = w·x", or without a name "w·x"."""
    return use.expression if use.result == use.expression else f"{use.result} = {use.expression}"


def _upstream(why: Explanation, use: Use) -> str:
    over = _fraction(why.output, in_fraction(use.result))
    head = "" if use.letter == "upstream" else f"{use.letter} = "  # the line is called so already
    return f"{head}{over} = {_value(use.upstream)}"


def _sum(why: Explanation) -> str:
    """ "3 + 3 = 6", with what is not why in full summed up."""
    if len(why.uses) + why.more < 2:
        return ""
    shown = why.uses[:SHOWN]
    rest = len(why.uses) - len(shown) + why.more
    terms = [short(use.contribution) for use in shown]
    if any(text[0] == "(" for text in terms):
        terms = [f"({number})" for number in range(1, len(shown) + 1)]
    terms += [f"{rest:,} more"] if rest else []
    return f"{' + '.join(terms)} = {_value(why.total)}".replace("+ -", "- ")


def _checked(why: Explanation) -> Iterator[str]:
    yield from textwrap.wrap(_verdict(why), 100)
    for remark in _remarks(why.check):
        wrapped = textwrap.wrap(remark, 92, subsequent_indent="  ")
        yield from (f"    {line}" for line in wrapped)


def _verdict(why: Explanation) -> str:
    """Whether rules and differences agree, in a sentence."""
    check = why.check
    if check.agrees is None:
        return f"Not checked by finite differences: {check.reason or check.remarks[0]}."
    if len(check.entries) == check.size == 1:
        entry = check.entries[0]
        return (
            f"Check by finite differences, h = {short(entry.step, 2)}: {_quotient(why, entry)} = "
            f"{short(entry.differences, 6)}. {'They agree.' if entry.agrees else 'They differ!'}"
        )
    compared = [entry.agrees for entry in check.entries if entry.agrees is not None]
    which = "all" if len(compared) == check.size else f"{len(compared)} of the"
    verdict = "they agree." if check.agrees else f"{compared.count(False)} of them differ!"
    return f"Check by finite differences of {which} {check.size:,} entries: {verdict}"


def _quotient(why: Explanation, entry: Entry) -> str:
    """ "(L(x+h) - L(x-h)) / 2h", or where L has one side only the difference of that side."""
    of = why.output if why.output != why.tensor else ""
    ends = [f"{of}({why.tensor}{sign})" for sign in ("+h", "", "-h")]
    if np.isfinite(entry.right) == np.isfinite(entry.left):
        return f"({ends[0]} - {ends[2]}) / 2h"
    pair = ends[:2] if np.isfinite(entry.right) else ends[1:]
    return f"({' - '.join(pair)}) / h"


def _remarks(check: Check) -> Iterator[str]:
    """What there is to say about entries: those that differ first."""
    if check.agrees is None:
        return
    remarked = sorted((e for e in check.entries if e.remark), key=lambda e: e.agrees is not False)
    for entry in remarked[:ROWS]:
        at = f"{_place(entry.place)}: " if check.size > 1 else ""
        yield at + entry.remark + "."
    if len(remarked) > ROWS:
        yield f"... and {len(remarked) - ROWS} more entries"


# ---- for notebooks ----------------------------------------------------------------------------


def _markdown(why: Explanation) -> Iterator[str]:
    output, tensor = latex_name(why.output), latex_name(why.tensor)
    yield rf"**Gradient** $\frac{{\partial {output}}}{{\partial {tensor}}}$ = {_code(why.total)}"
    yield ""
    yield f"at ${tensor}$ = {_code(why.value)}, where ${output}$ = {_code(why.result)}"
    yield from (f"; {_words(line)}" for line in _largest(why))
    yield ""
    yield _opening(why).replace(why.tensor, f"${tensor}$", 1)
    yield ""
    for number, use in enumerate(why.uses[:SHOWN], 1):
        operation = title(use.operation).replace("_", " ")
        yield f"{number}. **{_words(operation)}**: {_coded(_made(use))}"
        yield ""
        yield f"    $${use.latex}$$"
        yield ""
        shown = [f"{name}: {_what(array)}" for name, array in use.shown.items()]
        also = "".join(f", {_coded(text)}" for text in shown)
        yield f"    with {_coded(_upstream(why, use))}{also}: {_coded(use.numbers)}"
        yield ""
    if (total := _sum(why)) != "":
        yield f"Sum: {_coded(total)}"
        yield ""
    yield _words(_verdict(why))
    yield from (f"\n- {_words(remark)}" for remark in _remarks(why.check))
    yield from (f"\n*Note:* {_words(note)}." for note in why.notes)


def _code(value: Any) -> str:
    return _coded(_value(value))


def _coded(text: str) -> str:
    """Text as it is, in which Markdown and HTML mean nothing."""
    return "`" + text.replace("`", "'") + "`"


def _words(text: str) -> str:
    """Text as words, in which Markdown, HTML and formulas mean nothing."""
    text = text.replace("$", "＄").replace("&", "&amp;").replace("<", "&lt;")
    return "".join("\\" + c if c in "\\`*_[]#|~" else c for c in text)
