"""What a drawing is made of: plain nodes, edges and groups, which every writer reads.

Nothing is computed here. `recorder` makes these of Tensors, `folding` makes fewer of them, layouts
place them, writers write them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

__all__: list[str] = []

Path = tuple[str, ...]  # module names from the outside in

LEAVES = ("input", "parameter", "constant")
NOTHING: Mapping[str, Any] = MappingProxyType({})


class Node(NamedTuple):
    """One value of the computation, and what made it.

    `kind` is "input", "parameter" or "constant" (leaves), "operation", "output" (an operation that
    was asked for), or "module" (folded). `state` says about the gradient what a number cannot:
    "computed" (then `gradient` is an array, also of zeros), "not computed" (nobody asked, or no
    path leads here), "constant" (none is ever computed), "freed" (the graph behind is gone).
    """

    id: str  # "n0", "n1", ... in the order of the forward pass, each after its inputs
    kind: str
    operation: str | None = None  # "multiply"; of a folded module its class, "Linear"
    name: str | None = None  # the user's name for it, a parameter's with its module: "0.weight"
    shape: tuple[int, ...] = ()
    dtype: str = "float64"
    value: Any = None  # a read-only array; None where it is not kept
    gradient: Any = None  # of the output with respect to it, an array of its shape; or None
    state: str = "not computed"
    noise: float = 0.0  # what of an entry of the gradient may be rounding alone: shown as 0
    scope: tuple[str, ...] = ()  # the modules around it, from the outside: ("MLP", "0")
    settings: Mapping[str, Any] = NOTHING  # arguments that no gradient flows through: {"axis": 1}
    private: Mapping[str, Any] = NOTHING  # those named `_...`: never shown, but rules may need them
    formula: str | None = None  # the rule in symbols, as registered: "g x2, g x1"
    members: tuple[str, ...] = ()  # of a folded module, the nodes inside
    parameters: int = 0  # of a folded module, how many numbers are trained in it
    traits: Any = None  # what the operation says of itself: see `traits`
    shown: Mapping[str, Any] = NOTHING  # what it shows beside its value: {"weights": an array}

    @property
    def is_leaf(self) -> bool:
        """Whether nothing made this value."""
        return self.kind in LEAVES


class Edge(NamedTuple):
    """One use of a value by an operation: two of them for `a * a`.

    What flows back along it is `contribution`, already summed over the axes that broadcasting had
    stretched; the contributions of all edges that leave a node add up to its gradient.
    """

    source: str  # the id of the value that is used
    target: str  # the id of the result
    position: int = 0  # which argument of the operation it is
    slot: str = "x"  # how the rule calls that argument: "x1"
    contribution: Any = None  # an array of the source's shape; None where none flows
    local: Any = None  # the derivative of the result by it, where that is one number an element
    summed: tuple[int, ...] = ()  # axes of the result that broadcasting stretched
    noise: float = 0.0  # what of an entry of the contribution may be rounding alone
    members: int = 1  # of an edge between folded modules, how many edges it stands for


class Group(NamedTuple):
    """The nodes that were recorded in one call of a module, drawn as a box around them."""

    path: tuple[str, ...]  # ("MLP", "0"): what is inside has a scope that begins with it
    title: str  # "0: Linear"
    nodes: tuple[str, ...]  # the ids of all nodes inside, inner groups' too
    parameters: int = 0
    kind: str | None = None  # the class of the module: "Linear"
    module: tuple[str, ...] = ()  # the path of the module's first call: "0" for "0 (2nd call)"


class GraphData(NamedTuple):
    """A whole drawing: the nodes in forward order, every use, the groups from the outside in."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    groups: tuple[Group, ...] = ()
    direction: str = "LR"  # "LR" or "TB"
    grads: bool = True  # whether gradients are shown
    values: str | bool = "auto"  # True: numbers; False: shapes only; "auto": what fits
    notes: tuple[str, ...] = ()  # lines for the reader: what was folded or left out, and why
    theme: str = "auto"  # of the colours: "light", "dark", or "auto", as the reader's system
    title: str = ""  # what is computed, as its author wrote it
