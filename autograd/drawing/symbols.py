"""The sign of each operation, and its rule for one argument: in symbols and in numbers.

The rules' formulas are the registered ones; here stand only signs, the way in which an operation is
written with its arguments, and formulas that name their arguments otherwise than the rule does.

May import: drawing.data, drawing.formulas, drawing.numbers, rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd.drawing import formulas
from autograd.drawing.data import Edge, Node
from autograd.drawing.numbers import short, summary
from autograd.rules import operations

__all__: list[str] = []

SIGNS = {
    "absolute": "|x|", "add": "+", "amax": "max", "amin": "min", "broadcast_to": "broadcast",
    "cbrt": "∛", "ceil": "⌈x⌉", "concatenate": "concat", "deg2rad": "radians", "divide": "÷",
    "einsum": "einsum", "expand_dims": "expand", "fabs": "|x|", "float_power": "^",
    "floor": "⌊x⌋", "floor_divide": "//", "getitem": "x[i]", "inv": "x⁻¹", "<lambda>": "f",
    "matmul": "@", "maximum": "max", "minimum": "min", "multiply": "×", "negative": "−",
    "one_minus_square": "1−x²", "positive": "+", "power": "^", "prod": "Π", "rad2deg": "degrees",
    "reciprocal": "1/x", "remainder": "%", "sqrt": "√", "square": "x²", "subtract": "−",
    "sum": "Σ", "transpose": "xᵀ",
}  # fmt: skip

# How an operation is written with its arguments; others are written as calls, exp(x).
WRITTEN = {
    "absolute": "|{}|", "add": "{} + {}", "cbrt": "∛{}", "ceil": "⌈{}⌉", "divide": "{}/{}",
    "fabs": "|{}|", "float_power": "{}^{}", "floor": "⌊{}⌋", "floor_divide": "{} // {}",
    "getitem": "{}[…]", "matmul": "{} @ {}", "multiply": "{}·{}", "negative": "-{}",
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
        "g (prediction - target) share/(prediction (1-prediction))",
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


class Rule(NamedTuple):
    """The derivative for one argument of one operation, to be read."""

    symbols: str  # "∂(w·x)/∂w = x"
    numbers: str  # "g × x = 1 × 2 = 2"


class Terms(NamedTuple):
    """What a rule is written with: the operation, its part of the formula, names and numbers."""

    part: str  # of the formula: "g x2"
    own: str  # how the argument in question is called: "w"
    expression: str  # "w·x"
    names: dict[str, str]  # {"x1": "w", "x2": "x"}
    values: dict[str, Any]  # {"x1": 2.0, "x2": 3.0, "y": 6.0}
    elementwise: bool
    upstream: str  # "g", unless the learner has called something else so


def sign(operation: str | None) -> str:
    """A short sign for an operation, or its name.

    >>> sign("multiply"), sign("relu"), sign("log_softmax")
    ('×', 'relu', 'log softmax')
    """
    name = operation or ""
    return SIGNS.get(name) or cleaned(name.strip("_").replace("_", " ")) or "f"


def rule(node: Node, edge: Edge, inputs: Sequence[Node]) -> Rule:
    """What `node` hands back along `edge` to one of its inputs, in symbols and in numbers.

    Args: inputs, the nodes of the operation's arguments in their order; one that is used twice
    stands there twice.

    >>> w, x = Node("n0", "input", name="w", value=2.0), Node("n1", "input", name="x", value=3.0)
    >>> y = Node("n2", "output", "multiply", value=6.0, gradient=1.0, formula="g x2, g x1")
    >>> rule(y, Edge("n0", "n2", 0, "x1", contribution=3.0, local=3.0), [w, x])
    Rule(symbols='∂(w·x)/∂w = x', numbers='g × x = 1 × 3 = 3')
    """
    terms = _terms(node, edge, inputs)
    return Rule(_symbols(node, edge, terms), _numbers(node, edge, terms))


def latex(node: Node, edge: Edge, inputs: Sequence[Node]) -> str:
    """The rule's symbols as LaTeX, without dollars around."""
    return _latex(node, edge, _terms(node, edge, inputs))


# ---- names ------------------------------------------------------------------------------------


def cleaned(name: str) -> str:
    """A name on one line, and not too long: of long ones the middle is left out.

    >>> cleaned("a" * 20 + "b" * 20), cleaned("two\\nlines")
    ('aaaaaaaaaaaa…bbbbbbbbbbb', 'two lines')
    """
    if len(name) > _LONGEST:
        name = name[: _LONGEST // 2] + "…" + name[1 - _LONGEST // 2 :]
    return "".join(c if c.isprintable() else " " for c in name)


def _terms(node: Node, edge: Edge, inputs: Sequence[Node]) -> Terms:
    slots, place = _slots(node, edge, inputs)
    called = _called(slots, inputs)
    names = dict(zip(slots, called))
    values = {slot: n.value for slot, n in zip(slots, inputs)}
    if len(slots) == 1:
        for letter in ("x", "a", "array"):  # a formula's x is a rule's only argument
            names.setdefault(letter, called[0])
            values.setdefault(letter, values[slots[0]])
    expression = _expression(node, called)
    part = _part(node, edge, place)
    names["y"] = expression if node.name is None else cleaned(node.name)
    values["y"] = node.value
    own = called[place] if place < len(called) else edge.slot
    upstream = "upstream" if "g" in called else "g"
    return Terms(part, own, expression, names, values, _is_elementwise(node, edge, part), upstream)


def _slots(node: Node, edge: Edge, inputs: Sequence[Node]) -> tuple[list[str], int]:
    """How the rule calls each of the inputs, and which of them the edge comes from."""
    count = len(inputs)
    usual = ["x"] if count == 1 else [f"x{i + 1}" for i in range(count)]
    base, _, member = edge.slot.partition("[")
    if member:  # one of a list argument
        return usual, min(int(member.rstrip("]")), count - 1)
    operation = _registered(node)
    names = (operation.signature.names if operation is not None else None) or ()
    free = [name for name in names if name not in node.settings][:count]
    if len(free) == count and base in free:
        return free, free.index(base)
    places = [i for i, n in enumerate(inputs) if n.id == edge.source] or [0]
    return usual, edge.position if edge.position in places else places[0]


def _registered(node: Node) -> Any:
    """The operation in the registry: of several with one name, the one with this formula."""
    for operation in operations.values():
        if operation.name == node.operation and operation.formula == node.formula:
            return operation
    return None


def _called(slots: Sequence[str], inputs: Sequence[Node]) -> list[str]:
    """The learner's names; for constants without a name their number, for others the rule's."""
    called = []
    for slot, n in zip(slots, inputs):
        name = cleaned(n.name) if n.name else slot.rstrip("_")
        if not n.name and n.kind == "constant" and n.value is not None and n.shape == ():
            name = short(n.value)
        called.append(name)
    for name in {name for name in called if called.count(name) > 1}:  # a·a has two uses of a
        uses = [i for i, other in enumerate(called) if other == name]
        if len({inputs[i].id for i in uses}) == 1 and name[:1] not in "-0123456789":
            for use, i in enumerate(uses):
                called[i] = name + "".join("₀₁₂₃₄₅₆₇₈₉"[int(digit)] for digit in str(use + 1))
    return called


def _expression(node: Node, called: Sequence[str]) -> str:
    """The operation written with its arguments: "w·x", "exp(x)"."""
    pattern = WRITTEN.get(node.operation or "")
    if node.operation == "getitem":
        called = called[:1]
    if pattern is None or pattern.count("{}") != len(called):
        listed = [*called[:3], "…"] if len(called) > 4 else called
        return f"{cleaned(node.operation or 'f').replace('<lambda>', 'f')}({', '.join(listed)})"
    plain = pattern in ("{} + {}", "|{}|", "⌈{}⌉", "⌊{}⌋")
    return pattern.format(*(name if plain else _operand(name) for name in called))


def _operand(name: str) -> str:
    """In parentheses, if the sign of the operation would bind tighter than what is in the name."""
    return f"({name})" if name[:1] == "-" or any(c in name for c in " +^*/") else name


def _part(node: Node, edge: Edge, place: int) -> str:
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
    if part.endswith(" share") and numbers.get("share") == "1":
        part = part.removesuffix(" share")
    part = formulas.written(part, numbers)
    weights = [w for w in ("weight", "counts", "pos_weight") if node.settings.get(w) is not None]
    return part + ", weighted" * bool(weights)


def _is_elementwise(node: Node, edge: Edge, part: str) -> bool:
    """Whether g is multiplied by one number for each element."""
    ufunc = getattr(np, node.operation or "", None)
    if isinstance(ufunc, np.ufunc):
        return ufunc.signature is None
    if node.operation in ELEMENTWISE:
        return True
    return edge.local is not None and _registered(node) is None


# ---- in symbols -------------------------------------------------------------------------------


def _symbols(node: Node, edge: Edge, terms: Terms) -> str:
    summed = _summed(edge)
    if not terms.part:
        return f"∂L/∂{terms.own} = its rule, given {terms.upstream}{summed}"
    if terms.elementwise:
        name = terms.expression
        over = f"∂({name})" if not name[-1:] == ")" or not name[0].isalpha() else f"∂{name}"
        slope = formulas.written(formulas.local(terms.part), terms.names)
        return f"{over}/∂{terms.own} = {slope}{summed}"
    part = formulas.written(_by_shape(node, terms), terms.names | {"g": terms.upstream})
    return f"∂L/∂{terms.own} = {part}{summed}"


def _summed(edge: Edge) -> str:
    if not edge.summed:
        return ""
    axes = ", ".join(map(str, edge.summed))
    return f", summed over {'axis' if len(edge.summed) == 1 else 'axes'} {axes}"


def _by_shape(node: Node, terms: Terms) -> str:
    """A matrix product's rule where one factor is a vector, which has no ᵀ."""
    ranks = [np.ndim(terms.values.get(slot, 0)) for slot in ("x1", "x2")]
    if node.operation != "matmul" or ranks == [2, 2]:
        return terms.part
    by_left = terms.part == "g x2ᵀ"
    if ranks == [1, 1]:
        return "g x2" if by_left else "g x1"
    if ranks[1] == 1:
        return "g ⊗ x2" if by_left else terms.part
    if ranks[0] == 1:
        return "x2 g" if by_left else "x1 ⊗ g"
    return terms.part


def _latex(node: Node, edge: Edge, terms: Terms) -> str:
    letters = {name: latex_name(name) for name in terms.names.values()}
    expression = formulas.latex(terms.expression, letters)
    names = {key: letters[name] for key, name in terms.names.items()}
    if node.name is None:
        names["y"] = expression
    over, summed = "L", rf"\text{{{_summed(edge)}}}" if edge.summed else ""
    if not terms.part:
        text = r"\text{its rule, given }g"
    elif terms.elementwise:
        over, text = rf"({expression})", formulas.latex(formulas.local(terms.part), names)
    else:
        text = formulas.latex(_by_shape(node, terms), names)
    own = letters.get(terms.own, terms.own)
    return rf"\frac{{\partial {over}}}{{\partial {own}}} = {text}{summed}"


def latex_name(name: str) -> str:
    r"""A learner's name as LaTeX: letters as they are, words upright, digits at the end lowered.

    >>> latex_name("w"), latex_name("x1"), latex_name("a₂"), latex_name("0.weight")
    ('w', 'x_{1}', 'a_{2}', '\\mathrm{0.weight}')
    """
    plain = name.translate(str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789"))
    stem = plain.rstrip("0123456789")
    if len(stem) == 1 and stem.isalpha():
        return stem + (f"_{{{plain[1:]}}}" if plain[1:] else "")
    if _is_number(name):
        return name
    return rf"\mathrm{{{formulas.escaped(plain)}}}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


# ---- in numbers -------------------------------------------------------------------------------


def _numbers(node: Node, edge: Edge, terms: Terms) -> str:
    """The upstream gradient times the local derivative, and what becomes of it."""
    if edge.contribution is None or node.gradient is None:
        return ""
    g, result = node.gradient, short(edge.contribution)
    factors = "" if terms.elementwise else _factors(node, terms, g)
    if factors:
        return f"{factors} = {result}"
    slope = _slope(edge, g) if terms.elementwise else None
    if slope is None:
        return f"{terms.upstream} = {_shown(g)} → {_shown(edge.contribution)}"
    part = formulas.local(terms.part) if terms.part else ""
    numbers = f"{short(g)} × {_factor(short(slope))} = "
    if part and not formulas.is_prose(part):
        numbers = f"{terms.upstream} × {_factor(formulas.written(part, terms.names))} = " + (
            _worked_out(part, terms, g, slope) + numbers
        )
    else:
        numbers = f"{terms.upstream} × slope = {numbers}"
    if not edge.summed:
        return numbers + result
    with np.errstate(all="ignore"):
        product = short(np.asarray(g) * np.asarray(slope))
    return f"{numbers}{product}{_summed(edge)}: {result}"


def _slope(edge: Edge, g: Any) -> Any:
    if edge.local is not None:
        return edge.local
    g, contribution = np.asarray(g), np.asarray(edge.contribution)
    if g.shape == contribution.shape and np.all(np.isfinite(g) & (g != 0)):
        with np.errstate(all="ignore"):
            return contribution / g
    return None


def _worked_out(part: str, terms: Terms, g: Any, slope: Any) -> str:
    """ "1 × (1-0.5²) = ", where the slope is not a number already, and all are single numbers."""
    letters = formulas.letters(part)
    known = {name: value for name, value in terms.values.items() if name in letters}
    if not known or any(value is None or np.ndim(value) for value in (*known.values(), g)):
        return ""
    numbers = formulas.written(part, {n: short(v) for n, v in known.items()}, times="·")
    if numbers == short(slope):
        return ""
    return f"{short(g)} × {_factor(numbers)} = "


def _factor(text: str) -> str:
    """In parentheses, where a × before it would be misread."""
    depth, outside = 0, ""
    for c in text:
        depth -= c in ")]"
        outside += c if depth == 0 else ""
        depth += c in "(["
    return f"({text})" if "+" in outside[1:] or "-" in outside or "/" in outside else text


def _shown(value: Any) -> str:
    """A value; of a large array the shape and what is in it."""
    text = short(value)
    return f"{text}, {summary(value)}" if text[0] == "(" else text


def _factors(node: Node, terms: Terms, g: Any) -> str:
    """The values or shapes that are multiplied: "(2, 4) @ (4, 3)"; "" if it is no such product."""
    part = formulas.tokens(_by_shape(node, terms).replace("-", ""))
    known = {**terms.values, "g": g}
    shown = []
    for i, token in enumerate(part):
        value = known.get(token)
        if value is not None:
            turned = part[i + 1 : i + 2] == ["ᵀ"]
            shown.append(short(np.swapaxes(value, -1, -2) if turned else value))
        elif not (token.isspace() or token in ("ᵀ", "⊗")):
            return ""
    return (" @ " if np.ndim(g) and "⊗" not in part else " × ").join(shown)
