"""How pieces of a program are spelled: expressions, numbers, arrays, names, and long lines."""

from __future__ import annotations

import keyword
import re
from typing import Any

import numpy as np

from autograd.compiling.tracing import Const, Origin, Var
from autograd.words.formulas import split

__all__: list[str] = []

WIDTH = 88  # of a line of text, with its comment
SHOWN = 64  # elements; larger arrays are not written out

# How tightly an expression holds together, as in Python.
LOOSE, COMPARED, BITS, SUMMED, MULTIPLIED, SIGNED, RAISED, ATOM = range(8)

IN_PLACE = {np.add: "+=", np.subtract: "-=", np.multiply: "*=", np.divide: "/="}


class Expression:
    """A piece of text, how tightly it holds together, and what may stand in its place.

    `reads` are the values that it names. `minus` is the same without its sign, `turned` what it is
    the transpose of, `loose` (with its shape) what serves in its place where it is broadcast,
    `mask` the truth values of which it has made numbers, `denied` the opposite of truth values,
    `summed` (array, options, count) of what it is the sum, `factors` of what it is the product,
    `reshaped` itself in another shape, `swapped` b - a of a - b.
    """

    __slots__ = (
        "denied", "factors", "level", "loose", "mask", "minus", "origins", "product", "reads",
        "reshaped", "stays", "summed", "swapped", "text", "turned", "view",
    )  # fmt: skip

    def __init__(self, text: str, level: int = ATOM, of: Any = ()) -> None:
        parts = [of] if isinstance(of, Expression) else [p for p in of if p is not None]
        self.text, self.level = text, level
        self.reads: frozenset[Var] = frozenset().union(*(p.reads for p in parts))
        self.origins: tuple[Any, ...] = tuple(dict.fromkeys(o for p in parts for o in p.origins))
        self.minus: Expression | None = None
        self.denied: Expression | None = None
        self.swapped: Expression | None = None
        self.turned: Expression | None = None
        self.loose: tuple[Expression, tuple[int, ...]] | None = None
        self.mask: Expression | None = None
        self.summed: Any = None
        self.factors: Any = None
        self.view: str | None = None  # how it is looked at in this way, with {} for what
        self.reshaped: Expression | None = None
        self.product = False  # made by * and / alone, so that a sign may move through it
        self.stays = False  # so short a way of looking at something that it needs no name

    def at(self, level: int) -> str:
        """The text as an operand of something that tight."""
        return self.text if self.level >= level else f"({self.text})"

    def negated(self) -> Expression:
        """The same with its sign changed."""
        for other in (self.minus, self.swapped):
            if other is not None:
                other.origins = tuple(dict.fromkeys((*other.origins, *self.origins)))
                return other
        if self.product and not self.text.startswith("-"):
            made = Expression(f"-{self.text}", self.level, self)
            made.product = True
        else:
            made = Expression(f"-{self.at(SIGNED)}", SIGNED, self)
        made.minus = self
        return made

    def opposite(self) -> Expression:
        """The opposite of truth values."""
        if self.denied is not None:
            return self.denied
        found = Expression(f"~{self.at(SIGNED)}", SIGNED, self)
        found.denied = self
        return found


def identifier(name: str) -> str:
    """`0.weight` as weight0, `layers.1.bias` as layers_1_bias."""
    parts = name.split(".")
    if len(parts) == 2 and parts[0].isdigit():
        parts = [parts[1] + parts[0]]
    text = re.sub(r"\W", "_", "_".join(parts))
    return text if text.isidentifier() and not keyword.iskeyword(text) else f"v_{text}"


KNOWN = {
    float(value): text
    for text, value in {
        "np.pi": np.pi, "np.log(2)": np.log(2), "np.log(10)": np.log(10),
        "np.sqrt(np.pi)": np.sqrt(np.pi), "np.sqrt(2 * np.pi)": np.sqrt(2 * np.pi),
        "np.sqrt(2 / np.pi)": np.sqrt(2 / np.pi), "np.sqrt(0.5)": np.sqrt(0.5),
        "np.finfo(float).eps": np.finfo(float).eps, "np.log(2 * np.pi)": np.log(2 * np.pi),
    }.items()
}  # fmt: skip


def number(value: Any) -> str:
    """A number as Python spells it."""
    if isinstance(value, (bool, np.bool_)):
        return repr(bool(value))
    if isinstance(value, (int, np.integer)):
        return repr(int(value))
    if value != value:
        return "np.nan"
    if abs(value) == np.inf:
        return "-np.inf" if value < 0 else "np.inf"
    if isinstance(value, np.floating) and value.dtype != np.float64:
        return str(value)
    if value in KNOWN:
        return KNOWN[value]
    text = repr(float(value))
    if len(text) > 12 and 1 < value < 1000 and np.sqrt(round(float(value) ** 2)) == value:
        return f"np.sqrt({round(float(value) ** 2)})"
    return text


def complement(value: Any, text: str) -> str | None:
    """0.9 of 0.09999999999999998: what was taken from 1, if that is shorter to spell."""
    if len(text) < 16 or not isinstance(value, (float, np.float64)) or not 0 < value < 1:
        return None
    rest = round(1 - float(value), 12)
    return repr(rest) if 1 - rest == value and len(repr(rest)) < 12 else None


def dtype_name(array: Any) -> str:
    return "bool" if array.dtype == bool else f"np.{array.dtype.name}"


def held(array: Any) -> str:
    """An array from around the function, by what makes it."""
    if array.size and (array == array.flat[0]).all():
        shape = array.shape if array.ndim > 1 else array.size
        value, kind = number(array.flat[0]), dtype_name(array)
        known = {"0.0": "np.zeros(", "1.0": "np.ones("}.get(value, "")
        usual = "" if array.dtype in (np.float64, np.int64, bool) else f", {kind}"
        return f"{known}{shape}{usual})" if known else f"np.full({shape}, {value}{usual})"
    if array.size > SHOWN:
        return stand_in(array)
    return example("c = ", array)


def counted(array: Any) -> str | None:
    """`np.arange(n)`, if an array is that, perhaps along another axis or at other steps."""
    if not array.size or array.dtype != np.int64 or array.size < max(array.shape, default=0):
        return None
    flat = array.reshape(-1)
    if array.ndim == 1 and (flat == np.arange(flat.size)).all():
        return f"np.arange({flat.size})"
    if flat.size != max(array.shape) or flat.size < 2 + (array.ndim == 1):
        return None
    first, step = int(flat[0]), int(flat[1] - flat[0])
    end = first + step * (flat.size - 1) + 1
    if step < 1 or (flat != np.arange(first, end, step)).any():
        return None
    bounds = f"{end}" if (first, step) == (0, 1) else f"{first}, {end}"
    axes = ["None" if n == 1 else ":" for n in array.shape]
    shape = f"[{', '.join(axes)}]" if array.ndim > 1 else ""
    return f"np.arange({bounds}{f', {step}' * (step > 1)}){shape}"


def example(head: str, value: Any) -> str:
    """A value, whose digits make it again, behind `head`."""
    if np.ndim(value) == 0:
        plain = np.asarray(value)[()]
        text = number(plain)
        usual = plain.dtype in (np.float64, np.int64, bool)
        return text if usual else f"{dtype_name(plain)}({text})"
    suffix = "" if value.dtype in (np.float64, np.int64, bool) and value.size else ", "
    if suffix:
        suffix += dtype_name(value)
    if not value.size:
        return f"np.zeros({value.shape}{suffix})"
    prefix = " " * len(f"{head}np.array(")

    def spelled(width: int, aligned: bool) -> str:
        return np.array2string(
            value, width, separator=", ", prefix=prefix, floatmode="unique",
            threshold=value.size + 1, formatter=None if aligned else {"float_kind": number},
        )  # fmt: skip

    def fits(text: str) -> bool:
        return len(f"{prefix} {text.rpartition(chr(10))[2].strip()}{suffix})") <= WIDTH

    text = spelled(WIDTH - 1, value.ndim > 1)
    if value.ndim > 1 and ("    " in text.replace(f"\n{prefix}", "") or not fits(text)):
        text = spelled(WIDTH - 1, False)
    if not fits(text):
        text = spelled(WIDTH - 1 - len(suffix), False)
    text = re.sub(r"(?<![.\w])(nan|inf)\b", r"np.\1", re.sub(r"\n\n+", "\n", text))
    return f"np.array({text}{suffix})"


def stand_in(value: Any) -> str:
    """Random numbers of the kind of an array that is too large to write it out."""
    shape = value.shape
    if value.dtype.kind in "iu":
        text = f"rng.integers({int(value.min())}, {int(value.max()) + 1}, {shape})"
        return text if value.dtype == np.int64 else f"{text}.astype({dtype_name(value)})"
    if value.dtype.kind == "b":
        return f"rng.random({shape}) < 0.5"
    text = f"rng.uniform(size={shape})" if not (value < 0).any() else f"rng.normal(size={shape})"
    return text if value.dtype == np.float64 else f"{text}.astype({dtype_name(value)})"


def wrapped(head: str, parts: list[str], tail: str, room: int = WIDTH) -> list[str]:
    """head, parts, tail on one line, or the parts on indented lines of their own."""
    whole = f"{head}{', '.join(parts)}{tail}"
    if len(whole) <= room:
        return [whole]
    indent = " " * (len(head) - len(head.lstrip()) + 4)
    lines, line = [head], indent
    for part in parts:
        if len(line) + len(part) > room - 1 and line.strip():
            lines.append(line.rstrip())
            line = indent
        line += f"{part}, "
    return [*lines, line.rstrip(), indent[:-4] + tail]


def broken(statement: str, room: int) -> list[str]:
    """A statement on several lines, if it is long: at its sums, its products or its arguments."""
    if len(statement) <= room or "\n" in statement or "#" in statement:
        return [statement]
    head, sign, rest = statement.partition(" = ")
    if not sign:
        return [statement]
    for signs in ((" + ", " - "), (" * ", " / ", " @ ")):
        pieces = _pieces(rest, signs)
        if len(pieces) > 1:
            lines, line = [], "    "
            for piece in pieces:
                if len(line) + len(piece) > room and line.strip():
                    lines.append(line.rstrip())
                    line = "    "
                line += f"{piece} "
            return [f"{head} = (", *lines, line.rstrip(), ")"]
    opening = rest.find("(")
    if rest.endswith(")") and re.fullmatch(r"[\w.]+", rest[:opening]):
        parts = [p.removeprefix(", ") for p in _pieces(rest[opening + 1 : -1], (", ",))]
        if max(map(len, parts)) + 6 <= room:
            return wrapped(f"{head} = {rest[: opening + 1]}", parts, ")", room)
    return [statement]


def _pieces(text: str, signs: tuple[str, ...]) -> list[str]:
    """Text cut before these signs, where no bracket is open."""
    pieces, depth, start = [], 0, 0
    for i, letter in enumerate(text):
        depth += (letter in "([{") - (letter in ")]}")
        if depth == 0 and any(text.startswith(sign, i) for sign in signs):
            pieces.append(text[start:i].strip())
            start = i
    return [*pieces, text[start:].strip()]


def comment(origin: Origin | None, plainly: bool) -> str:
    """Which rule a statement is: the operation, and its derivative in symbols; of a plain form what
    that says of itself."""
    if origin is None or not origin.backward:
        return ""
    operation, position = origin.operation, origin.position
    if plainly and operation.plainly is not None:
        if (said := operation.plainly[1 + position].__doc__) is not None:
            return f"{operation.name}: {said.splitlines()[0]}"
    parts = operation.traits.parts
    if not parts and operation.formula:
        parts = split(operation.formula, len(operation.rules))
    formula = parts[position] if position < len(parts) else None
    if formula.__class__ is dict or not formula:
        return str(operation.name)
    return f"{operation.name}: {formula.removesuffix(' share')}"


def is_ones(value: Any) -> bool:
    return value.__class__ is Const and value.array.size > 0 and bool((value.array == 1).all())
