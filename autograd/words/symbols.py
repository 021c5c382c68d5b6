"""The sign of each operation, and its rule for one argument: in symbols and in numbers."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd.graph.data import Edge, Node
from autograd.graph.traits import named, traits_of
from autograd.traits import Traits
from autograd.words import formulas
from autograd.words.names import brief
from autograd.words.notation import Terms, in_fraction, outermost, terms_of
from autograd.words.numbers import short, summary

__all__: list[str] = []


class Rule(NamedTuple):
    """The derivative for one argument of one operation, to be read."""

    symbols: str  # "∂(w·x)/∂w = x"
    numbers: str  # "g × x = 1 × 2 = 2"


def sign(operation: str | None, traits: Any = None) -> str:
    """A short sign for an operation, or its name; without its traits by the name alone.

    >>> sign("multiply"), sign("relu"), sign("log_softmax")
    ('×', 'relu', 'log softmax')
    """
    name = operation or ""
    said = (named(name) if traits is None else traits).sign
    shown = said or ("" if name == "<lambda>" else name.strip("_").replace("_", " "))
    return brief(shown) or "f"


def sign_of(node: Node) -> str:
    """The sign of a node's operation; of a module its class.

    >>> sign_of(Node("n1", "operation", "add")), sign_of(Node("m0", "module", "add"))
    ('+', 'add')
    """
    return sign(node.operation, traits_of(node))


def sign_of_all(operation: str, said: Collection[Traits] | None) -> str:
    """The sign of several operations of one name; where they differ, the name."""
    found = {sign(operation, traits) for traits in said or (None,)}
    return found.pop() if len(found) == 1 else sign(operation, Traits())


def rule(
    node: Node, edge: Edge, inputs: Sequence[Node], output: str = "L", taken: bool = False
) -> Rule:
    """What `node` hands back along `edge` to one of its inputs, in symbols and in numbers.

    Args: inputs, the nodes of the operation's arguments in their order; one that is used twice
    stands there twice; output, what the result of the whole graph is called; taken, whether
    something in it is called g, so that what comes from there needs another word.

    >>> w, x = Node("n0", "input", name="w", value=2.0), Node("n1", "input", name="x", value=3.0)
    >>> y = Node("n2", "output", "multiply", value=6.0, gradient=1.0, formula="g x2, g x1")
    >>> rule(y, Edge("n0", "n2", 0, "x1", contribution=3.0, local=3.0), [w, x])
    Rule(symbols='∂(w·x)/∂w = x', numbers='g × x = 1 × 3 = 3')
    """
    terms = terms_of(node, edge, inputs, taken)
    return Rule(_symbols(node, edge, terms, output), _numbers(node, edge, terms))


def latex(
    node: Node, edge: Edge, inputs: Sequence[Node], output: str = "L", taken: bool = False
) -> str:
    """The rule's symbols as LaTeX, without dollars around."""
    return _latex(node, edge, terms_of(node, edge, inputs, taken), output)


# ---- in symbols -------------------------------------------------------------------------------


def _symbols(node: Node, edge: Edge, terms: Terms, output: str) -> str:
    summed = _summed(edge)
    if terms.elementwise or formulas.is_slope(terms.part):
        over = f"∂{in_fraction(terms.expression)}"
        slope = formulas.written(formulas.local(terms.part), terms.names) or "its rule"
        return f"{over}/∂{terms.own} = {slope}{summed}"
    if not terms.part:
        return f"∂{output}/∂{terms.own} = its rule, given {terms.upstream}{summed}"
    part = formulas.written(_by_shape(node, terms), terms.names | {"g": terms.upstream})
    return f"∂{output}/∂{terms.own} = {part}{summed}"


def _summed(edge: Edge) -> str:
    if not edge.summed:
        return ""
    axes = ", ".join(map(str, edge.summed))
    return f", summed over {'axis' if len(edge.summed) == 1 else 'axes'} {axes}"


def _by_shape(node: Node, terms: Terms) -> str:
    """A matrix product's rule where one factor is a vector, which has no ᵀ."""
    found = _PRODUCT.fullmatch(terms.part)
    if found is None:
        return terms.part
    first, turned, second, turned_too = found.groups()
    factors = {**terms.values, "g": np.broadcast_to(0.0, node.shape)}
    if any(factors.get(name) is None for name in (first, second)) or not (turned or turned_too):
        return terms.part
    left, right = np.ndim(factors[first]), np.ndim(factors[second])
    if turned and left == 1:
        return f"{first} ⊗ {second}" if right else f"{second} {first}"
    if turned_too and right == 1:
        return f"{first} ⊗ {second}" if left else f"{first} {second}"
    if turned_too and right == left + 1:
        return f"{second} {first}"
    return terms.part


_PRODUCT = re.compile(r"(\w+?)(ᵀ?) (\w+?)(ᵀ?)")


def _latex(node: Node, edge: Edge, terms: Terms, output: str) -> str:
    letters = {name: latex_name(name) for name in (*terms.names.values(), *terms.arguments)}
    arguments = {
        f"arg{i}": rf"({letters[name]})" if name[:1] == "-" else letters[name]
        for i, name in enumerate(terms.arguments)
    }
    expression = formulas.latex(terms.skeleton, arguments)
    names = {key: letters[name] for key, name in terms.names.items()}
    names["g"] = latex_name(terms.upstream)
    if node.name is None:
        names["y"] = expression
    over, summed = latex_name(output), rf"\text{{{_summed(edge)}}}" if edge.summed else ""
    if terms.elementwise or formulas.is_slope(terms.part):
        simple = in_fraction(terms.expression) == terms.expression
        over = rf"\,{expression}" if simple else f"({expression})"
        text = formulas.latex(formulas.local(terms.part), names) or r"\text{its rule}"
    elif not terms.part:
        text = rf"\text{{its rule, given }}{names['g']}"
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
    if not plain.isascii():
        import unicodedata  # here, for few names need it

        plain = "◌" * bool(unicodedata.combining(plain[0])) + plain  # else an accent on the brace
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
    g = node.gradient
    factors = "" if terms.elementwise else _factors(node, edge, terms)
    if factors:
        return factors
    slope = _slope(edge, g) if terms.elementwise else None
    with np.errstate(all="ignore"):
        product = None if slope is None else np.asarray(g) * np.asarray(slope)
    if product is None or _is_kept_out(product, edge):
        return f"{terms.upstream} = {_shown(g)} → {_shown(edge.contribution)}"
    first, second, third = alike(g, slope, product)
    part = formulas.local(terms.part) if terms.part else ""
    name = "slope"
    if part and not formulas.is_prose(part):
        name = _factor(formulas.written(part, terms.names))
    text = f"{terms.upstream} × {name} = {_worked_out(part, terms, g, second)}"
    by = name if _is_number(name) else _factor(second)  # "× 1", however many ones there are
    text += f"{first} × {by} = {third}"
    if edge.summed:
        return f"{text}{_summed(edge)}: {short(edge.contribution)}"
    return text + _entry(g, slope, product) * (third[:1] == "(")


def _is_kept_out(product: Any, edge: Edge) -> bool:
    """Whether a rule hands back a number where inf × 0 is none: what maximum does not choose."""
    contribution = np.asarray(edge.contribution)
    return product.shape == contribution.shape and bool(
        np.any(np.isnan(product) & ~np.isnan(contribution))
    )


def alike(*values: Any) -> list[str]:
    """Values in a few characters; if one is too large for that, the shapes of all arrays."""
    texts = [short(value) for value in values]
    if any(text[0] == "(" for text in texts):
        return [str(np.shape(v)) if np.ndim(v) else text for v, text in zip(values, texts)]
    return texts


def _entry(g: Any, slope: Any, product: Any) -> str:
    """One entry of a large product, worked out."""
    place = (0,) * np.ndim(product)
    if not np.size(product):
        return ""
    at = "0" if len(place) == 1 else ", ".join(map(str, place))
    entries = [
        short(np.broadcast_to(value, np.shape(product))[place]) for value in (g, slope, product)
    ]
    return f"; entry [{at}]: {entries[0]} × {_factor(entries[1])} = {entries[2]}"


def _slope(edge: Edge, g: Any) -> Any:
    if edge.local is not None:
        return edge.local
    g, contribution = np.asarray(g), np.asarray(edge.contribution)
    if g.shape == contribution.shape and np.all(np.isfinite(g) & (g != 0)):
        with np.errstate(all="ignore"):
            return contribution / g
    return None


def _worked_out(part: str, terms: Terms, g: Any, slope: str) -> str:
    """ "1 × (1-0.5²) = ", where the slope is not a number already, and all are single numbers."""
    if formulas.is_prose(part):
        return ""
    letters = formulas.letters(part)
    known = {name: value for name, value in terms.values.items() if name in letters}
    if not known or any(value is None or np.ndim(value) for value in (*known.values(), g)):
        return ""
    numbers = formulas.written(part, {n: short(v) for n, v in known.items()}, times="·")
    if numbers == slope:
        return ""
    return f"{short(g)} × {_factor(numbers)} = "


def _factor(text: str) -> str:
    """In parentheses, where a × before it would be misread."""
    if _is_number(text):
        return f"({text})" if text[0] == "-" else text
    outside = outermost(text)
    return f"({text})" if "+" in outside[1:] or "-" in outside or "/" in outside else text


def _shown(value: Any) -> str:
    """A value; of a large array the shape and what is in it."""
    text = short(value)
    return f"{text}, {summary(value)}" if text[0] == "(" else text


def _factors(node: Node, edge: Edge, terms: Terms) -> str:
    """A matrix product in numbers or shapes, "(2, 4) @ (4, 3) = (2, 3)"; "" if it is none."""
    g = node.gradient
    part = formulas.tokens(_by_shape(node, terms).replace("-", ""))
    known = {**terms.values, "g": g}
    factors = []
    for i, token in enumerate(part):
        value = known.get(token)
        if value is not None:
            turned = part[i + 1 : i + 2] == ["ᵀ"]
            if turned and np.ndim(value) < 2:
                return ""
            factors.append(np.swapaxes(value, -1, -2) if turned else value)
        elif not (token.isspace() or token in ("ᵀ", "⊗")):
            return ""
    if len(factors) < 2 or not _multiply(factors, edge):
        return ""
    *shown, product = alike(*factors, edge.contribution)
    return (" @ " if np.ndim(g) and "⊗" not in part else " × ").join(shown) + f" = {product}"


def _multiply(factors: list[Any], edge: Edge) -> bool:
    """Whether two matrices, or stacks of them, give what is handed back, and not the sum of it."""
    if len(factors) > 2 or edge.summed or min(map(np.ndim, factors)) < 2:
        return True
    (*one, rows, _), (*two, _, columns) = map(np.shape, factors)
    return (*np.broadcast_shapes(tuple(one), tuple(two)), rows, columns) == np.shape(
        edge.contribution
    )
