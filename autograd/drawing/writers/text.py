"""A graph as a tree for terminals: the output at the top, below every result what it is made of.

A value that is used more than once is written out where it is met first, and referred to by its
id afterwards; what comes back along each of its uses stands beside the use.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from autograd.drawing.writers.labels import (
    clean,
    contribution,
    gradient,
    parameters,
    shape,
    title,
    value,
)  # fmt: skip
from autograd.graph.data import Edge, GraphData, Node
from autograd.words.numbers import alarms

__all__: list[str] = []

_LEVELS = 10  # a branch that is deeper goes on in a section of its own, at the left margin
_WARNINGS = 10  # so many nodes are listed below the tree

# (digits, letters of a name, columns a level, columns beside the tree): the first that fits.
_STAGES = ((3, 28, 3, 5), (2, 28, 3, 5), (2, 28, 3, 4), (2, 28, 1, 4), (2, 16, 1, 4), (2, 10, 1, 4))


def text(data: GraphData, width: int = 100) -> str:
    """The graph as a Unicode tree of at most `width` columns, with values and gradients.

    Raises ValueError for a width below 40.

    >>> from autograd.graph.data import Edge, GraphData, Node
    >>> a = Node("n0", "input", name="a", value=3.0, gradient=6.0, state="computed")
    >>> y = Node("n1", "output", "multiply", value=9.0, gradient=1.0, state="computed")
    >>> uses = [Edge("n0", "n1", k, contribution=3.0) for k in range(2)]
    >>> print(text(GraphData((a, y), tuple(uses))))                    # y = a * a
                 value  gradient  this use adds
    ×            9      1
    ├─ a (n0)    3      6         3
    └─ ↑ a (n0)                   3
    """
    if width < 40:
        raise ValueError(f"to_text: the width must be at least 40 columns, got {width}")
    rows = list(_rows(data))
    lines = _table(data, rows, width) + _warnings(rows, width)
    for note in data.notes:
        lines += _wrapped(clean(note, 10_000), width)
    return "\n".join(lines) + "\n"


# ---- the tree -----------------------------------------------------------------------------------


class _Row(NamedTuple):
    """One line of the tree: a node, the use that leads to it, and how it is shown there."""

    node: Node
    use: Edge | None  # None at the head of a section
    branch: str  # "│  ├─ "
    mark: str  # "↑": written out above, "↓": below, "": here
    named: bool  # carries its id, for it is referred to
    shared: bool  # used more than once, so that its gradient is a sum
    alarms: tuple[str, ...]


def _rows(data: GraphData) -> Iterator[_Row]:
    """Every line in its order. Nothing recurses: each section is walked with a stack."""
    nodes = {node.id: node for node in data.nodes}
    uses: dict[str, list[Edge]] = {node.id: [] for node in data.nodes}
    count = dict.fromkeys(nodes, 0)
    for edge in data.edges:
        uses[edge.target].append(edge)
        count[edge.source] += 1
    for edges in uses.values():
        edges.sort(key=lambda edge: edge.position)
    written: set[str] = set()
    for root in _roots(data, count):
        later = [root] if root not in written else []
        pending = {root}
        for head in later:  # grows while it is walked
            yield from _section(head, later, pending, nodes, uses, count, written)


def _roots(data: GraphData, count: dict[str, int]) -> list[str]:
    """The outputs, last first; then whatever they do not lead to, so that nothing is left out."""
    backwards = [node.id for node in reversed(data.nodes)]
    return [i for i in backwards if not count[i]] + [i for i in backwards if count[i]]


def _section(
    head: str, later: list[str], pending: set[str], nodes: dict[str, Node],
    uses: dict[str, list[Edge]], count: dict[str, int], written: set[str],
) -> Iterator[_Row]:  # fmt: skip
    """The tree below one node; what lies too deep waits in `later` for a section of its own."""
    stack: list[tuple[str, Edge | None, str, str, int]] = [(head, None, "", "", 0)]
    while stack:
        name, use, branch, below, depth = stack.pop()
        mark = "↑" if name in written else ""
        if not mark and uses[name] and depth and (depth == _LEVELS or name in pending):
            mark = "↓"
            if name not in pending:
                pending.add(name)
                later.append(name)
        named = count[name] > 1 or mark == "↓" or (use is None and count[name] > 0)
        node = nodes[name]
        warnings = () if mark else alarms(node)
        yield _Row(node, use, branch, mark, named, count[name] > 1, warnings)
        if mark:
            continue
        written.add(name)
        for edge in reversed(uses[name]):
            last = edge is uses[name][-1]
            stack.append(
                (edge.source, edge, below + ("└─ " if last else "├─ "),
                 below + ("   " if last else "│  "), depth + 1)
            )  # fmt: skip


# ---- the columns --------------------------------------------------------------------------------


def _table(data: GraphData, rows: list[_Row], width: int) -> list[str]:
    """The rows as lines, in columns; names and numbers are shortened as the width wants it."""
    usual = data.nodes[-1].dtype if data.nodes else "float64"
    shape_title = "shape" if usual == "float64" else f"shape ({usual})"
    head = ["value", "gradient", "this use adds", shape_title, "in"]
    for digits, letters, step, kept in _STAGES:
        cells = [_cells(row, data, usual, digits) for row in rows]
        shown = [k for k in range(kept) if any(c[k] for c in cells)]
        table = [["", *(head[k] for k in shown)]]
        table += [
            [_label(row, letters, step), *(c[k] for k in shown)] for row, c in zip(rows, cells)
        ]
        widths = [max(map(columns, column)) for column in zip(*table)]
        if sum(widths) + 2 * len(shown) <= width:
            break
    return [_cut(_joined(row, widths), width) for row in table]


def _cells(row: _Row, data: GraphData, usual: str, digits: int) -> list[str]:
    """The columns of a line beside the tree."""
    node = row.node
    adds = contribution(row.use, data, digits) if row.use is not None and row.shared else ""
    if row.mark:
        return ["", "", adds, "", ""]
    about = ", ".join(filter(None, (shape(node, usual), parameters(node))))
    return [
        value(node, data, digits), gradient(node, data, digits), adds, about,
        clean(".".join(node.scope)),
    ]  # fmt: skip


def _label(row: _Row, letters: int, step: int) -> str:
    """The tree's column: "├─ ↑ tanh (n3)"."""
    name = title(row.node, letters)
    if row.named or row.alarms:
        name = f"{name} ({row.node.id})"
    branch = row.branch if step == 3 else row.branch[::3] + " " * bool(row.branch)
    return branch + (f"{row.mark} {name}" if row.mark else name) + " ⚠" * bool(row.alarms)


def _warnings(rows: list[_Row], width: int) -> list[str]:
    """What should stand out, below the tree."""
    alarmed = [row for row in rows if row.alarms]
    lines = [
        _cut(f"⚠ {title(row.node, 28)} ({row.node.id}): {'; '.join(row.alarms)}", width)
        for row in alarmed[:_WARNINGS]
    ]
    more = len(alarmed) - len(lines)
    return lines + [f"⚠ and {more} more"] * (more > 0)


def _joined(row: list[str], widths: list[int]) -> str:
    cells = (cell + " " * (width - columns(cell)) for cell, width in zip(row, widths))
    return "  ".join(cells).rstrip()


# ---- lines --------------------------------------------------------------------------------------


def columns(line: str) -> int:
    """How many columns of a terminal a text takes: Chinese letters two, accents none."""
    if line.isascii():
        return len(line)
    import unicodedata  # here, for few texts need it

    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in line)
    return len(line) + wide - sum(unicodedata.combining(c) > 0 for c in line)


def _cut(line: str, width: int) -> str:
    if columns(line) <= width:
        return line
    while columns(line) >= width:
        line = line[: -max(1, (columns(line) - width) // 2)]
    return f"{line}…"


def _wrapped(note: str, width: int) -> list[str]:
    import textwrap  # here, for only few drawings have notes

    return textwrap.wrap(f"Note: {note}", width, subsequent_indent="      ")
