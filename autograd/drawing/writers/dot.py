r"""A graph in the DOT language, for Graphviz: groups as clusters, colours by kind.

Labels of nodes, edges and groups are plain strings. Graphviz reads two languages inside a string:
backslashes (`\n` is a line's end, `\N` the node's name) and entities of HTML (`&amp;`); both are
escaped. The legend alone is written in Graphviz's HTML, for a string has one colour.

May import: drawing.data, look, writers.labels, writers.marks.
"""

from __future__ import annotations

from collections.abc import Iterator

from autograd.drawing.data import GraphData, Node
from autograd.drawing.look import FRAME, INK, KINDS, PAPER, QUIET
from autograd.drawing.writers.labels import (
    clean,
    contribution,
    ids,
    lines,
    nested,
    shared,
)
from autograd.drawing.writers.marks import escaped

__all__: list[str] = []

_ROUND = ("input", "parameter")
_FONT = 'fontname="Helvetica,Arial,sans-serif"'


def dot(data: GraphData) -> str:
    """The graph in the DOT language; `dot -Tsvg` draws it.

    >>> from autograd.drawing.data import Edge, GraphData, Node
    >>> x = Node("n0", "input", name="x", value=3.0, gradient=2.0, state="computed")
    >>> y = Node("n1", "output", "sin", value=0.1411, gradient=1.0, state="computed")
    >>> print(dot(GraphData((x, y), (Edge("n0", "n1"),))))             # doctest: +ELLIPSIS
    digraph {
      rankdir=LR
      ...
      n0 -> n1
    }
    """
    head = [
        f"  rankdir={data.direction}",
        f'  graph [{_FONT} fontsize=11 style="rounded" color="{FRAME[0]}"'
        f' fontcolor="{INK[0]}" bgcolor="{PAPER[0]}" labeljust=l'
        " nodesep=0.25 ranksep=0.4]",
        f'  node [{_FONT} fontsize=11 shape=box style="rounded,filled"'
        ' margin="0.12,0.06" height=0]',
        f'  edge [{_FONT} fontsize=9 color="{QUIET[0]}" fontcolor="{QUIET[0]}" arrowsize=0.7]',
    ]
    head.append(f"  label=<{_legend(data)}>")
    return "\n".join(["digraph {", *head, *_boxes(data), *_arrows(data), "}"]) + "\n"


def _boxes(data: GraphData) -> Iterator[str]:
    """Every node, inside the clusters that it belongs to."""
    names = ids(data)
    indent = "  "
    for action, k, group, own in nested(data):
        if action == "close":
            indent = indent[2:]
            yield f"{indent}}}"
            continue
        if group is not None:
            yield f"{indent}subgraph cluster_{k} {{"
            indent += "  "
            yield f"{indent}label={quoted(clean(group.title))}"
        for node in own:
            yield f"{indent}{names[node.id]} [{_attributes(node, data)}]"


def _attributes(node: Node, data: GraphData) -> str:
    """Label, shape and colours; a double border for what was asked for."""
    fill, line = KINDS.get(node.kind, KINDS["operation"]).light
    told = [
        f"label={quoted(*lines(node, data))}",
        f'fillcolor="{fill}"', f'color="{line}"', f'fontcolor="{INK[0]}"',
    ]  # fmt: skip
    if node.kind in _ROUND:
        told.append('shape=ellipse margin="0.02,0.02"')
    if node.kind == "constant":
        told.append('style="filled"')
    if node.kind in ("output", "module"):
        told.append("peripheries=2")
    return " ".join(told)


def _arrows(data: GraphData) -> Iterator[str]:
    names, sums = ids(data), shared(data)
    for edge in data.edges:
        adds = contribution(edge, data, 3) if edge.source in sums else ""
        label = f" [label={quoted(f'adds {adds}')}]" if adds else ""
        yield f"  {names[edge.source]} -> {names[edge.target]}{label}"


def _legend(data: GraphData) -> str:
    """A table below the picture: the colour of each kind that is there, and the notes."""
    there = {node.kind for node in data.nodes}
    cells = [
        f'<td border="1" style="rounded" color="{kind.light[1]}" bgcolor="{kind.light[0]}">'
        f"{escaped(kind.title)}</td>"
        for name, kind in KINDS.items()
        if name in there
    ]
    across = f'colspan="{max(len(cells), 1)}" align="left"'
    notes = [
        f"<tr><td {across}>{escaped(clean(note, 120)) or ' '}</td></tr>" for note in data.notes
    ]
    rows = [f"<tr>{''.join(cells)}</tr>"] * bool(cells) + notes or ["<tr><td></td></tr>"]
    return f'<table border="0" cellspacing="6" cellpadding="4">{"".join(rows)}</table>'


def quoted(*told: str) -> str:
    r"""Lines as one string of DOT, in which they mean nothing but themselves.

    >>> print(quoted('a "b" <c>', "N & back\\slash"))
    "a \"b\" <c>\nN &amp; back\\slash"
    """
    escaped = (
        line.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"') for line in told
    )
    return '"' + "\\n".join(escaped) + '"'
