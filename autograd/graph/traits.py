"""What the operation of a node says of itself, for all who tell of it: writers, layouts, formulas.

A name says nothing: anybody may call an operation "clip" or "add". A recorded node has the traits
of its operation; only of one that was written by hand the name is all there is.
"""

from __future__ import annotations

from copy import copy

from autograd.graph.data import Node
from autograd.rules import Operation, known
from autograd.traits import Traits

__all__: list[str] = []

_OURS = ("autograd.", "nn.")


def traits_of(node: Node) -> Traits:
    """The traits of a node's operation; of a node without them those of its name.

    >>> traits_of(Node("n1", "output", "multiply")).sign
    '×'
    >>> from autograd import Tensor, primitive, record
    >>> multiply = primitive(lambda x: 3 * x, lambda g, y, x: 3 * g)
    >>> multiply.operation.name = "multiply"
    >>> print(traits_of(record(multiply(Tensor(1.0, requires_grad=True))).nodes[-1]).sign)
    None
    """
    if node.traits is not None:
        return node.traits
    return Traits() if node.kind == "module" else named(node.operation, node.formula)


def named(name: str | None, formula: str | None = None) -> Traits:
    """What this library's operation of that name says, of several the one with this formula."""
    found = [operation.traits for _, operation in known()
             if operation.name == name and _is_ours(operation)]  # fmt: skip
    same = [traits for traits in found if traits.formula == formula]
    if same or not found:
        return same[0] if same else Traits(formula)
    traits = copy(found[0])
    traits.formula, traits.parts, traits.names, traits.ruled = formula, (), (), ()
    return traits


def _is_ours(operation: Operation) -> bool:
    """Whether it is an operation of NumPy's or of this library's, and nobody's own."""
    if operation.function is None:  # of a function of NumPy
        return True
    return f"{getattr(operation.forward, '__module__', None)}.".startswith(_OURS)
