r"""A graph in the DOT language, for Graphviz: groups as clusters, colours by kind.

Labels of nodes, edges and groups are plain strings. Graphviz reads two languages inside a string:
backslashes (`\n` is a line's end, `\N` the node's name) and entities of HTML (`&amp;`); both are
escaped. Two are written in Graphviz's HTML: the legend, for a string has one colour, and where the
order of the arguments counts the node, with a port for each on the side where they arrive. Without
ports Graphviz may draw a - b as b - a.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autograd.drawing.layout.ranks import arguments
from autograd.drawing.writers.labels import (
    clean,
    contribution,
    ids,
    lines,
    nested,
    shared,
)
from autograd.drawing.writers.look import FRAME, INK, KINDS, PAPER, QUIET
from autograd.drawing.writers.marks import escaped
from autograd.graph.data import GraphData, Node

__all__: list[str] = []

_ROUND = ("input", "parameter")
_FONT = 'fontname="Helvetica,Arial,sans-serif"'


def dot(data: GraphData) -> str:
    """The graph in the DOT language; `dot -Tsvg` draws it.

    >>> from autograd.graph.data import Edge, GraphData, Node
    >>> x = Node("n0", "input", name="x", value=3.0, gradient=2.0, state="computed")
    >>> y = Node("n1", "output", "sin", value=0.1411, gradient=1.0, state="computed")
    >>> print(dot(GraphData((x, y), (Edge("n0", "n1"),))))             # doctest: +ELLIPSIS
    digraph {
      rankdir=LR
      ...
      n0 -> n1
    }
    """
    dark = data.theme == "dark"
    head = [
        f"  rankdir={data.direction}",
        f'  graph [{_FONT} fontsize=11 style="rounded" color="{FRAME[dark]}"'
        f' fontcolor="{INK[dark]}" bgcolor="{PAPER[dark]}" labeljust=l'
        " nodesep=0.25 ranksep=0.4]",
        f'  node [{_FONT} fontsize=11 shape=box style="rounded,filled"'
        ' margin="0.12,0.06" height=0]',
        f'  edge [{_FONT} fontsize=9 color="{QUIET[dark]}"'
        f' fontcolor="{QUIET[dark]}" arrowsize=0.7]',
    ]
    head.append(f"  label=<{_legend(data)}>")
    return "\n".join(["digraph {", *head, *_boxes(data), *_arrows(data), "}"]) + "\n"


def _boxes(data: GraphData) -> Iterator[str]:
    """Every node, inside the clusters that it belongs to."""
    names, ordered = ids(data), arguments(data)
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
            ports = len(ordered.get(node.id, ()))
            yield f"{indent}{names[node.id]} [{_attributes(node, data, ports)}]"


def _attributes(node: Node, data: GraphData, ports: int) -> str:
    """Label, shape and colours; a double border for what was asked for."""
    dark, words = data.theme == "dark", lines(node, data)
    fill, line = KINDS.get(node.kind, KINDS["operation"]).colours(dark)
    attributes = [
        f"label={_ported(words, ports, data) if ports else quoted(*words)}",
        f'fillcolor="{fill}"', f'color="{line}"', f'fontcolor="{INK[dark]}"',
    ]  # fmt: skip
    if node.kind in _ROUND:
        attributes.append('shape=ellipse margin="0.02,0.02"')
    if node.kind == "constant":
        attributes.append('style="filled"')
    if node.kind in ("output", "module"):
        attributes.append("peripheries=2")
    return " ".join(attributes)


def _ported(texts: Sequence[str], count: int, data: GraphData) -> str:
    """The lines of a node, with a port for each argument before them, in their order."""
    cells = (f'<td port="a{k}" width="8" height="8"></td>' for k in range(count))
    text = "<br/>".join(map(escaped, texts))
    ports = (" " if data.direction == "TB" else "</tr><tr>").join(cells)  # a row, or a column
    below = "</tr><tr>" if data.direction == "TB" else ""
    table = '<table border="0" cellspacing="0" cellpadding="0"><tr>{}</tr></table>'.format
    both = table(f'<td>{table(ports)}</td>{below}<td cellpadding="3">{text}</td>')
    return f'<{both}> margin="0.04,0"'


def _arrows(data: GraphData) -> Iterator[str]:
    names, sums = ids(data), shared(data)
    side = "n" if data.direction == "TB" else "w"
    port = {
        e: f":a{k}:{side}" for arriving in arguments(data).values() for k, e in enumerate(arriving)
    }
    for k, edge in enumerate(data.edges):
        adds = contribution(edge, data, 3) if edge.source in sums else ""
        label = f" [label={quoted(f'adds {adds}')}]" if adds else ""
        yield f"  {names[edge.source]} -> {names[edge.target]}{port.get(k, '')}{label}"


def _legend(data: GraphData) -> str:
    """A table below the picture: the colour of each kind that is there, and the notes."""
    there = {node.kind for node in data.nodes}
    cells = [
        '<td border="1" style="rounded" color="{1}" bgcolor="{0}">{2}</td>'.format(
            *kind.colours(data.theme == "dark"), escaped(kind.title)
        )
        for name, kind in KINDS.items()
        if name in there
    ]
    across = f'colspan="{max(len(cells), 1)}" align="left"'
    notes = [
        f"<tr><td {across}>{escaped(clean(note, 120)) or ' '}</td></tr>" for note in data.notes
    ]
    rows = [f"<tr>{''.join(cells)}</tr>"] * bool(cells) + notes or ["<tr><td></td></tr>"]
    return f'<table border="0" cellspacing="6" cellpadding="4">{"".join(rows)}</table>'


def quoted(*texts: str) -> str:
    r"""Lines as one string of DOT, in which they mean nothing but themselves.

    >>> print(quoted('a "b" <c>', "N & back\\slash"))
    "a \"b\" <c>\nN &amp; back\\slash"
    """
    escaped = (
        line.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"') for line in texts
    )
    return '"' + "\\n".join(escaped) + '"'
