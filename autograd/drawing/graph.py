"""Graph, what `record` and `draw` return: the data of a drawing, which writes itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd.drawing.writers.dot import dot
from autograd.drawing.writers.files import save
from autograd.drawing.writers.html import html
from autograd.drawing.writers.look import theme_of
from autograd.drawing.writers.mermaid import mermaid
from autograd.drawing.writers.notebook import Frame, image
from autograd.drawing.writers.svg import svg
from autograd.drawing.writers.text import text
from autograd.graph.data import Edge, GraphData, Group, Node
from autograd.graph.folding import fitting, fold
from autograd.graph.recorder import record_data
from autograd.words.telling import outputs

__all__ = ["Graph", "draw", "record"]

DIRECTIONS = ("LR", "TB")
VALUES = ("auto", True, False)


class Graph:
    """A recorded computation: plain nodes and edges, which write themselves in many forms.

    Made by `record` and `draw`. In a notebook it shows itself as a picture; `print` shows a tree.

    >>> from autograd import Tensor, draw
    >>> x = Tensor(3.0, requires_grad=True, name="x")
    >>> graph = draw(x * x + 2 * x)
    >>> graph
    Graph(5 nodes, 6 edges; output ())
    >>> [(node.id, node.kind, node.operation) for node in graph.nodes[:2]]
    [('n0', 'input', None), ('n1', 'operation', 'multiply')]
    >>> [float(edge.contribution) for edge in graph.edges[:2]]      # the two uses in x * x
    [3.0, 3.0]
    """

    def __init__(self, data: GraphData, full: GraphData | None = None) -> None:
        self.data = data
        self._full = data if full is None else full

    # ---- what it holds ------------------------------------------------------------------------

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The values in the order of the forward pass, each after those that it is made of."""
        return self.data.nodes

    @property
    def edges(self) -> tuple[Edge, ...]:
        """Every use of a value by an operation: two for `a * a`."""
        return self.data.edges

    @property
    def groups(self) -> tuple[Group, ...]:
        """The modules that are open, with the ids of the nodes inside."""
        return self.data.groups

    @property
    def direction(self) -> str:
        """ "LR", left to right, or "TB", top to bottom."""
        return self.data.direction

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader should know: what was folded or left out, and why."""
        return self.data.notes

    def fold(self, depth: int | None) -> Graph:
        """The graph with modules as boxes: 0 for the outermost, 1 for their children, and so on;
        None opens everything."""
        depth = _depth(depth, "fold")
        return Graph(self._full if depth is None else fold(self._full, depth), self._full)

    def _titled(self, title: str) -> Graph:
        """The graph with a title for pages and pictures, as its author wrote what is computed."""
        return Graph(self.data._replace(title=title), self._full._replace(title=title))

    # ---- writers ------------------------------------------------------------------------------

    def to_text(self) -> str:
        """A tree for terminals, from the output down to the leaves."""
        return text(self.data)

    def to_mermaid(self) -> str:
        """A flowchart in Mermaid's language, which GitHub and many editors draw."""
        return mermaid(self.data)

    def to_dot(self) -> str:
        """The graph in DOT, the language of Graphviz."""
        return dot(self.data)

    def to_svg(self, layout: str = "own", *, theme: str | None = None) -> str:
        """A picture, the same on every machine; layout "dot" places the nodes by Graphviz. `theme`
        is "light", "dark" or "auto", as the reader's system; as it comes, what `draw` was given."""
        return svg(self._themed(theme, "to_svg"), layout)

    def to_html(self, *, theme: str | None = None) -> str:
        """One page, without network, that steps through the forward and the backward pass; `theme`
        as in `to_svg`."""
        return html(self._themed(theme, "to_html"), self._whole())

    def stepper(self, *, theme: str | None = None, height: int | None = None) -> Frame:
        """The page of `to_html` in a frame, for a notebook, where several stand below each other.

        Args: theme, as in `to_svg`; height, of the frame in pixels (as it comes, what picture and
        words need). Raises ValueError for another theme, or a height below 200.

        >>> from autograd import Tensor, draw
        >>> x = Tensor(3.0, requires_grad=True, name="x")
        >>> draw(x * x).stepper(height=500)
        <a page in a frame, 500 pixels high, which a notebook shows>
        """
        if height is not None and (not _is_int(height) or height < 200):
            raise ValueError(f"stepper: height is an int of at least 200 pixels, got {height!r}")
        data = self._themed(theme, "stepper")
        return Frame(html(data, self._whole(), framed=True), svg(data), height)

    def _themed(self, theme: str | None, caller: str) -> GraphData:
        return self.data if theme is None else self.data._replace(theme=theme_of(theme, caller))

    def _whole(self) -> GraphData | None:
        return None if self._full is self.data else self._full

    def save(self, path: Any, *, theme: str | None = None) -> Any:
        """Write a file in the form that its suffix names: .txt .mmd .dot .svg .html .png .pdf; the
        last two need Graphviz. `theme` as in `to_svg`: "light" for a slide. Returns the path."""
        themed = self if theme is None else Graph(self._themed(theme, "save"), self._whole())
        return save(themed, path)

    def __repr__(self) -> str:
        ends = outputs(self.data)
        shapes = ", ".join(str(node.shape) for node in ends[:3]) + ", ..." * (len(ends) > 3)
        return (
            f"Graph({_counted(len(self.nodes), 'node')}, {_counted(len(self.edges), 'edge')}; "
            f"output{'s' * (len(ends) > 1)} {shapes})"
        )

    def __str__(self) -> str:
        return self.to_text()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        picture = self.to_svg()
        return {  # (JupyterLab would draw text/vnd.mermaid itself and not show the picture)
            "image/svg+xml": picture,
            "text/html": image(picture),
            "text/x-mermaid": self.to_mermaid(),
            "text/plain": self.to_text(),
        }


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"


# ---- making one -------------------------------------------------------------------------------


def record(output: Any, *, names: Any = None, gradient: Any = None) -> Graph:
    """The whole graph behind an output as plain data, with all values and gradients.

    Args: output, a Tensor or a list of them; names, a dict of Tensors by name (`locals()`);
        gradient, of the output's shape, to start from instead of ones.
    Returns a Graph of every value and every use; no Tensor is changed, no `.grad` touched.
    Raises TypeError for what is no Tensor, ValueError for a graph too large to be written down.

    >>> from autograd import Tensor
    >>> a = Tensor(2.0, requires_grad=True)
    >>> graph = record(a * a, names={"a": a})
    >>> [(node.id, node.name, float(node.gradient)) for node in graph.nodes]
    [('n0', 'a', 4.0), ('n1', None, 1.0)]
    """
    return Graph(record_data(output, names, gradient=gradient))


def draw(
    output: Any,
    *,
    names: Any = None,
    grads: bool = True,
    values: str | bool = "auto",
    direction: str = "LR",
    depth: int | None = None,
    max_nodes: int = 300,
    gradient: Any = None,
    theme: str = "auto",
) -> Graph:
    """A drawing of the graph behind an output, with the gradients of (the sum of) the output.

    Args: output, a Tensor or a list of them; names, a dict of Tensors by name (`locals()`), or a
        module; grads, whether gradients are shown; values, True for numbers, False for shapes only
        (gradients are then the colours of edges), "auto" for what fits; direction, "LR" or "TB";
        depth, to fold modules (see `Graph.fold`); max_nodes, above which modules are folded, and
        then the far end summed up; gradient, of the output's shape, to start from instead of ones;
        theme, of all pictures and pages: "light", "dark" or "auto", as the reader's system.
    Returns a Graph; nothing is changed, no `.grad` touched.

    >>> from autograd import Tensor
    >>> x, y = Tensor(3.0, requires_grad=True), Tensor(2.0, requires_grad=True)
    >>> draw((x * y) ** 2, names=locals()).nodes[0].name
    'x'
    """
    _checked(direction, values, max_nodes)
    theme, depth = theme_of(theme, "draw"), _depth(depth, "draw")
    full = record_data(output, names, grads, gradient=gradient, digest=True, caller="draw")
    full = full._replace(direction=direction, values=values, theme=theme)
    return Graph(fitting(full, max_nodes, depth), full)


def _checked(direction: Any, values: Any, max_nodes: Any) -> None:
    if direction not in DIRECTIONS:
        raise ValueError(
            f"draw: direction is 'LR' (left to right) or 'TB' (top to bottom), got {direction!r}"
        )
    if not isinstance(values, (bool, str)) or values not in VALUES:
        raise ValueError(
            f"draw: values is 'auto', True (numbers) or False (shapes only), got {values!r}"
        )
    if not _is_int(max_nodes):
        raise TypeError(f"draw: max_nodes is an int, got {type(max_nodes).__name__}")
    if max_nodes < 1:
        raise ValueError(f"draw: max_nodes is at least 1, got {max_nodes}")


def _depth(depth: Any, caller: str) -> int | None:
    if depth is None:
        return None
    cure = "0 for the outermost modules as boxes, 1 for their children, None to open all"
    if not _is_int(depth):
        raise TypeError(f"{caller}: depth is an int, got {type(depth).__name__}; {cure}")
    if depth < 0:
        raise ValueError(f"{caller}: depth is at least 0, got {depth}; {cure}")
    return int(depth)


def _is_int(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)
