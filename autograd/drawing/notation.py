"""How operations and their arguments are written: what a rule in symbols is made of.

The formulas are the registered ones. Here stand only the ways of writing an operation with its
arguments, and formulas that call an argument otherwise than the rule does.

May import: drawing.data, drawing.formulas, drawing.look, drawing.numbers, rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd.drawing import formulas
from autograd.drawing.data import Edge, Node
from autograd.drawing.look import without_middle
from autograd.drawing.numbers import short
from autograd.rules import known

__all__: list[str] = []

# How an operation is written with its arguments; others are written as calls, exp(x).
WRITTEN = {
    "absolute": "|{}|", "add": "{} + {}", "cbrt": "∛{}", "ceil": "⌈{}⌉", "divide": "{}/{}",
    "fabs": "|{}|", "float_power": "{}^{}", "floor": "⌊{}⌋", "floor_divide": "{} // {}",
"matmul": "{} @ {}", "multiply": "{}·{}", "negative": "-{}",
    "one_minus_square": "1 - {}²", "positive": "+{}", "power": "{}^{}", "reciprocal": "1/{}",
    "remainder": "{} % {}", "sqrt": "√{}", "square": "{}²", "subtract": "{} - {}",
}  # fmt: skip

# Formulas as registered, and the same with the arguments' own names; `share` is 1 but for means.
REWRITTEN: dict[str, tuple[str, ...]] = {
    "g W, gᵀ x, g": ("g weight", "gᵀ x", "g"),
    "g where the condition holds, g where not": (
        "g where the condition holds", "g where the condition fails"),
    "each its part of g": ("its part of g",),
    "each its layer of g": ("its layer of g",),
    "each its places of g": ("g at its places",),
    "g summed over the new axes": ("g",),
    "2 g d and -2 g d, d = prediction - target": (
        "2 g (prediction - target) share", "-2 g (prediction - target) share"),
    "g sign(d) and -g sign(d)": (
        "g sign(prediction - target) share", "-g sign(prediction - target) share"),
    "g clip(d, -delta, delta) and its negative": (
        "g clip(prediction - target, -delta, delta) share",
        "-g clip(prediction - target, -delta, delta) share"),
    "g (p - t) / (p (1-p)), g (log(1-p) - log p)": (
        "g (prediction - target)/(prediction (1-prediction)) share",
        "g (log(1-prediction) - log(prediction)) share"),
    "g (sigmoid(x) - t), -g x": ("g (sigmoid(logits) - target) share", "-g logits share"),
    "g (softmax(logits) - one_hot)": ("g (softmax(logits) - one_hot) share",),
    "g (softmax(logits) sum(target) - target), -g log_softmax(logits)": (
        "g (softmax(logits) sum(target) - target) share", "-g log_softmax(logits) share"),
    "-g one_hot": ("-g one_hot share",),
    "(g w - mean(g w) - n mean(g w n)) / std, g n, g, with n = (x - mean) / std": (
        "(g w - mean(g w) - n mean(g w n))/std, with n = (x - mean)/std and the weights w",
        "g n, with n = (x - mean)/std", "g"),
}  # fmt: skip

# Operations that treat every element alone, beside NumPy's ufuncs.
ELEMENTWISE = {
    "astype", "clip", "clamped_log", "clamped_log_rest", "copy", "elu", "elu_slope", "gate", "gelu",
    "gelu_tanh", "hardtanh", "leaky_relu", "log_sigmoid", "nan_to_num", "normal_cdf",
    "normal_density", "one_minus_square", "relu", "sigmoid", "silu", "sinc", "sinc_derivative",
    "softplus", "where",
}  # fmt: skip

_LONGEST = 24  # letters of a name; longer ones lose their middle
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
    upstream: str  # "g", unless the learner has called something else so


# ---- names ------------------------------------------------------------------------------------


def cleaned(name: str) -> str:
    """A name on one line, and not too long: of long ones the middle is left out.

    >>> cleaned("a" * 20 + "b" * 20), cleaned("two\\nlines")
    ('aaaaaaaaaaaa…bbbbbbbbbbb', 'two lines')
    """
    if len(name) > _LONGEST:
        name = without_middle(name, _LONGEST - 1)
    return "".join(c if c.isprintable() else " " for c in name)


def terms_of(node: Node, edge: Edge, inputs: Sequence[Node]) -> Terms:
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
    names["y"] = expression if node.name is None else cleaned(node.name)
    values["y"] = node.value
    own = called[place] if place < len(called) else edge.slot
    upstream = "upstream" if "g" in called else "g"
    skeleton = written_with(node, [f"arg{i}" for i in range(len(called))])
    elementwise = _is_elementwise(node, edge, part)
    return Terms(part, own, expression, names, values, skeleton, called, elementwise, upstream)


def title(operation: str | None) -> str:
    """An operation's name, on one line; "f" for a function that has none.

    >>> title("relu"), title("<lambda>")
    ('relu', 'f')
    """
    return "f" if operation in (None, "", "<lambda>") else cleaned(str(operation))


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
        return usual, min(int(member.rstrip("]")), count - 1)
    operation = _registered(node)
    names = (operation.signature.names if operation is not None else None) or ()
    free = [name for name in names if name not in node.settings and name[0] != "_"][:count]
    if len(free) == count and base in free:
        return free, free.index(base)
    places = [i for i, n in enumerate(inputs) if n.id == edge.source] or [0]
    return usual, edge.position if edge.position in places else places[0]


def _registered(node: Node) -> Any:
    """The operation in the registry: of several with one name, the one with this formula."""
    for _, operation in known():
        if operation.name == node.operation and operation.formula == node.formula:
            return operation
    return None


def _called(slots: Sequence[str], inputs: Sequence[Node]) -> list[str]:
    """The learner's names; for constants without a name their number, for others the rule's."""
    called = []
    taken = {cleaned(n.name) for n in inputs if n.name}
    for slot, n in zip(slots, inputs):
        name = cleaned(n.name) if n.name else slot.rstrip("_")
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
    told = []
    for place in places:
        n = inputs[place]
        if n.name and ids.count(n.id) > 1:
            n = n._replace(name=cleaned(n.name) + _lowered(ids[: place + 1].count(n.id)))
        told.append(n)
    return edge._replace(slot=f"{base}[{places.index(own)}]"), told


def written_with(node: Node, called: Sequence[str]) -> str:
    """The operation written with its arguments: "w·x", "exp(x)"."""
    pattern = WRITTEN.get(node.operation or "")
    if node.operation == "getitem":
        return f"{_operand(called[0])}[{index_text(node.settings.get('index'))}]"
    if pattern is None or pattern.count("{}") != len(called):
        listed = [*called[:3], "…"] if len(called) > 4 else called
        return f"{title(node.operation)}({', '.join(listed)})"
    plain = pattern in ("{} + {}", "|{}|", "⌈{}⌉", "⌊{}⌋")
    return pattern.format(*(name if plain else _operand(name) for name in called))


def index_text(index: Any) -> str:
    """What stands in the brackets of x[...]; "…" for what is long, or an array."""
    if isinstance(index, tuple) and 0 < len(index) < 4:
        return ", ".join(index_text(one) for one in index)
    if isinstance(index, slice):
        ends = ["" if end is None else str(end) for end in (index.start, index.stop, index.step)]
        return cleaned(":".join(ends if ends[2] else ends[:2]))
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
    formula = node.formula or ""
    operation = _registered(node)
    if operation is not None:  # arguments without a rule have no part either
        ruled = [one is not None for one in operation.rules]
        count, place = sum(ruled), sum(ruled[: edge.position])
    else:
        count = formula.count(",") + 1
    parts = REWRITTEN.get(formula) or formulas.split(formula, count)
    part = parts[min(place, len(parts) - 1)]
    numbers = {
        name: short(value)
        for name, value in node.settings.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
        if not formulas.is_prose(part) or "_" in name or name == "alpha"
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


def _is_elementwise(node: Node, edge: Edge, part: str) -> bool:
    """Whether g is multiplied by one number for each element."""
    ufunc = getattr(np, node.operation or "", None)
    if isinstance(ufunc, np.ufunc):
        return ufunc.signature is None
    if node.operation in ELEMENTWISE:
        return True
    if not part or node.operation == "linear":
        return not part and edge.local is not None
    words = set(formulas.tokens(part))
    if formulas.is_prose(part) or "ᵀ" in part or words & {"sum", "mean", "softmax", "log_softmax"}:
        return False
    return "g" not in words or node.shape == np.shape(edge.contribution)
