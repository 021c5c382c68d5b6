"""How operations and their arguments are written: what a rule in symbols is made of.

Formulas, and the ways of writing an operation with its arguments, are those that it was registered
with; one that says nothing is written as a call, "exp(x)".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd.graph.data import Edge, Node
from autograd.graph.traits import traits_of
from autograd.words import formulas
from autograd.words.names import brief
from autograd.words.numbers import short

__all__: list[str] = []

_MEMBERS = 8  # of a list argument that are told; of a longer list
_FIRST = 5  # the first ones


class Terms(NamedTuple):
    """What a rule is written with: the operation, its part of the formula, names and numbers."""

    part: str  # of the formula: "g x2"
    own: str  # how the argument in question is called: "w"
    expression: str  # "w·x"
    names: dict[str, str]  # {"x1": "w", "x2": "x"}
    values: dict[str, Any]  # {"x1": 2.0, "x2": 3.0, "y": 6.0}
    skeleton: str  # the expression with arg0, arg1, ... for the names
    arguments: list[str]  # the names
    elementwise: bool
    upstream: str  # "g", unless the learner has called something so


# ---- names ------------------------------------------------------------------------------------


def terms_of(node: Node, edge: Edge, inputs: Sequence[Node], taken: bool = False) -> Terms:
    """What a rule is written with; `taken`, whether something else in the graph is called g."""
    slots, place = _slots(node, edge, inputs)
    called = _called(slots, inputs)
    names = dict(zip(slots, called))
    values = {slot: n.value for slot, n in zip(slots, inputs)}
    if len(slots) == 1:
        for letter in ("x", "a", "array"):  # a formula's x is a rule's only argument
            names.setdefault(letter, called[0])
            values.setdefault(letter, values[slots[0]])
    expression = written_with(node, called)
    part = _part(node, edge, place, slots)
    names["y"] = expression if node.name is None else brief(node.name)
    values["y"] = node.value
    for letter in _own_letters(part, slots) & {*called, names["y"]}:
        names[letter] = f"{letter}₀"  # "s = sigmoid(x)" is not the learner's s
    own = called[place] if place < len(called) else edge.slot
    upstream = "upstream" if taken or "g" in (*called, names["y"]) else "g"
    skeleton = written_with(node, [f"arg{i}" for i in range(len(called))])
    elementwise = _is_elementwise(node, edge, part, values)
    return Terms(part, own, expression, names, values, skeleton, called, elementwise, upstream)


def _own_letters(part: str, slots: Sequence[str]) -> set[str]:
    """The letters of a formula that stand for no argument: it says itself what they mean."""
    letters = {letter for letter in formulas.letters(part) if len(letter) == 1}
    return letters - {*slots, "g", "y", "x", "a"}


def title(operation: str | None) -> str:
    """An operation's name, on one line; "f" for a function that has none.

    >>> title("relu"), title("<lambda>")
    ('relu', 'f')
    """
    return "f" if operation in (None, "", "<lambda>") else brief(str(operation))


def in_fraction(expression: str) -> str:
    """An expression behind a ∂: in parentheses, unless it is a name or a call.

    >>> in_fraction("w·x"), in_fraction("exp(x)"), in_fraction("loss")
    ('(w·x)', 'exp(x)', 'loss')
    """
    head, _, rest = expression.partition("(")
    called = rest.endswith(")") and rest.count("(") == rest.count(")") - 1
    is_name = head.replace("_", "a").replace(".", "a").isalnum() and not head[:1].isdigit()
    return expression if is_name and (called or not rest) else f"({expression})"


def _slots(node: Node, edge: Edge, inputs: Sequence[Node]) -> tuple[list[str], int]:
    """How the rule calls each of the inputs, and which of them the edge comes from."""
    count = len(inputs)
    usual = ["x"] if count == 1 else [f"x{i + 1}" for i in range(count)]
    base, _, member = edge.slot.partition("[")
    if member:  # one of a list argument
        return _members(node, base, usual), min(int(member.rstrip("]")), count - 1)
    names = traits_of(node).names
    free = [name for name in names if name not in node.settings and name[0] != "_"][:count]
    if len(free) == count and base in free:
        return free, free.index(base)
    places = [i for i, n in enumerate(inputs) if n.id == edge.source] or [0]
    return usual, edge.position if edge.position in places else places[0]


def _members(node: Node, base: str, usual: list[str]) -> list[str]:
    """How an operation calls the members of its list argument, where it says so."""
    traits = traits_of(node)
    place = traits.names.index(base) if base in traits.names else 0
    said = traits.parts[sum(traits.ruled[:place])] if traits.parts else ""
    names = list(said)[: len(usual)] if isinstance(said, dict) else []
    return names + usual[len(names) :]


def _called(slots: Sequence[str], inputs: Sequence[Node]) -> list[str]:
    """The learner's names; for constants without a name their number, for others the rule's."""
    called = []
    taken = {brief(n.name) for n in inputs if n.name}
    for slot, n in zip(slots, inputs):
        name = brief(n.name) if n.name else slot.rstrip("_")
        while not n.name and name in taken:  # the learner's own x1 is another
            name += "′"
        if not n.name and n.kind == "constant" and n.value is not None and n.shape == ():
            name = short(n.value)
        called.append(name)
    places: dict[str, list[int]] = {}
    for i, name in enumerate(called):
        places.setdefault(name, []).append(i)
    for name, uses in places.items():
        one = len(uses) > 1 and len({inputs[i].id for i in uses}) == 1
        if one and name[:1] not in "-0123456789":  # a·a has two uses of a
            for use, i in enumerate(uses):
                called[i] = name + _lowered(use + 1)
    return called


def _lowered(number: int) -> str:
    return "".join("₀₁₂₃₄₅₆₇₈₉"[int(digit)] for digit in str(number))


def told_of(edge: Edge, inputs: Sequence[Node]) -> tuple[Edge, Sequence[Node]]:
    """Of a long list the members that are told, its first ones and the one that the edge is of; of
    fewer inputs all. The edge counts among those."""
    base, _, member = edge.slot.partition("[")
    if not member or len(inputs) <= _MEMBERS:
        return edge, inputs
    own = min(int(member.rstrip("]")), len(inputs) - 1)
    places = sorted({*range(_FIRST), own})
    ids = [n.id for n in inputs]
    shown = []
    for place in places:
        n = inputs[place]
        if n.name and ids.count(n.id) > 1:
            n = n._replace(name=brief(n.name) + _lowered(ids[: place + 1].count(n.id)))
        shown.append(n)
    return edge._replace(slot=f"{base}[{places.index(own)}]"), shown


def written_with(node: Node, called: Sequence[str]) -> str:
    """The operation written with its arguments: "w·x", "exp(x)"."""
    pattern = brief(traits_of(node).pattern or "")
    if "{index}" in pattern:
        index = index_text(node.settings["index"]) if "index" in node.settings else "…"
        pattern, called = pattern.replace("{index}", index), called[:1]
    if not pattern or pattern.count("{}") != len(called):
        listed = [*called[:3], "…"] if len(called) > 4 else called
        return f"{title(node.operation)}({', '.join(listed)})"
    plain = pattern == "{} + {}" or encloses(pattern)
    return filled(pattern, [name if plain else _operand(name) for name in called])


def encloses(pattern: str) -> bool:
    """Whether the arguments stand between bars or in brackets, so that they need none of their own.

    >>> encloses("|{}|"), encloses("f({}, {})"), encloses("{}·{}"), encloses("({}) + {}")
    (True, True, False, False)
    """
    return pattern[:1] != "{" and pattern[-1:] in "|⌉⌋‖)]⟩"


def filled(pattern: str, parts: Sequence[str]) -> str:
    """A pattern with these texts in the places of its braces."""
    pieces = pattern.split("{}")
    return pieces[0] + "".join(part + piece for part, piece in zip(parts, pieces[1:]))


def index_text(index: Any) -> str:
    """What stands in the brackets of x[...]; "…" for what is long, or an array."""
    if isinstance(index, tuple) and 0 < len(index) < 4:
        return ", ".join(index_text(one) for one in index)
    if isinstance(index, slice):
        ends = ["" if end is None else str(end) for end in (index.start, index.stop, index.step)]
        return brief(":".join(ends if ends[2] else ends[:2]))
    if index is Ellipsis:
        return "..."
    return str(index) if index is None or isinstance(index, (int, np.integer)) else "…"


def _operand(name: str) -> str:
    """In parentheses, if the sign of the operation would bind tighter than what is in the name."""
    signed = name[:1] == "-" or any(c in outermost(name) for c in " +^*/")
    return f"({name})" if signed else name


def outermost(text: str) -> str:
    """What of an expression stands in no parentheses or brackets.

    >>> outermost("relu(w·x + b)/y[0, 1]")
    'relu()/y[]'
    """
    depth, outside = 0, ""
    for c in text:
        depth -= c in ")]"
        outside += c if depth == 0 else ""
        depth += c in "(["
    return outside


def _part(node: Node, edge: Edge, place: int, slots: Sequence[str]) -> str:
    """The formula for one argument, with numbers for the settings that it names."""
    formula, traits = node.formula or "", traits_of(node)
    if traits.ruled:  # arguments without a rule have no part either
        count, place = sum(traits.ruled), sum(traits.ruled[: edge.position])
    else:
        count = formula.count(",") + 1
    parts = traits.parts or formulas.split(formula, count)
    part = parts[min(place, len(parts) - 1)]
    if isinstance(part, dict):  # one for each member of a list
        texts, member = list(part.values()), edge.slot.partition("[")[2]
        part = texts[min(int(member.rstrip("]") or 0), len(texts) - 1)]
    numbers = {
        name: short(value)
        for name, value in node.settings.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
        if not formulas.is_prose(part) or "_" in name or name == "alpha"
    } | {
        name[1:]: short(value)
        for name, value in node.private.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    }
    if not part.endswith(" share"):
        return formulas.written(part, numbers)
    part = formulas.written(part.removesuffix(" share"), numbers)
    weights = {"weight", "counts", "pos_weight"} & {*slots, *node.settings}  # of rows or classes
    return part + _share(node.private.get("_share", 1)) + ", weighted" * bool(weights)


def _share(share: Any) -> str:
    """What a mean over n elements multiplies with, as "/n"."""
    count = round(1 / share) if share else 0
    if count and abs(count * share - 1) < 1e-6:
        return f"/{count}" if count > 1 else ""
    return f" {short(share)}"


def _is_elementwise(node: Node, edge: Edge, part: str, values: Mapping[str, Any]) -> bool:
    """Whether g is multiplied by one number for each element."""
    said = traits_of(node).elementwise
    if said is not None:
        return said
    if not part:
        return edge.local is not None
    found = formulas.tokens(part)
    if formulas.is_prose(part) or _JOINING & set(found):
        return False
    if "g" not in found:
        return True
    if node.shape != np.shape(edge.contribution):
        return False
    deep = any(np.ndim(values.get(letter, 0)) > len(node.shape) for letter in found)
    return not deep and (not node.shape or found.count("g") == 1)


# What joins elements: a formula with one of these multiplies g with more than numbers.
_JOINING = {"ᵀ", "@", "⊗", "·", "sum", "mean", "norm", "dot", "softmax", "log_softmax"}
