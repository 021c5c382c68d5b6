"""A graph as a Mermaid flowchart, for GitHub, wikis and notebooks: text that they draw themselves.

Labels are written so that no name can break the chart: what Mermaid, or the Markdown in it, would
take for a sign of its own is written as a code, `#34;` for a quotation mark.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from autograd.drawing.writers.labels import clean, contribution, ids, lines, nested, shared
from autograd.drawing.writers.look import FRAME, FRAME_FILL, INK, KINDS
from autograd.graph.data import GraphData, Node

__all__: list[str] = []

# Mermaid draws no more than these unless its page allows it; a chart cannot ask for more.
_MOST_EDGES, _MOST_LETTERS = 500, 50_000

# Every sign of ASCII that could mean something is written as a code; a minus stays one before a
# digit. Then there is what Mermaid looks for after it has read the codes: formulas, line ends and
# icons, all broken by a space of no width, and what it writes for codes itself, ﬂ°°60¶ß.
_CODED = re.compile(r"-(?!\d)|[^a-zA-Z0-9 .,:=()\[\]/%\x80-\U0010ffff-]")
_READ_LATER = re.compile(r"(?<=\$)(?=\$)|(?<=\\)(?=n)|(?<=:)(?=fa-)|(?<=ﬂ)(?=°)|(?<=¶)(?=ß)")
_LIST = re.compile(r"^(\d+)([.)])(?!\d)")  # "1. first" would be one


_SHAPES = {
    "input": '(["{}"])', "parameter": '(["{}"])', "constant": '["{}"]',
    "operation": '("{}")', "output": '[["{}"]]', "module": '[["{}"]]',
}  # fmt: skip


def mermaid(data: GraphData) -> str:
    """The graph as a Mermaid flowchart: groups as subgraphs, a class for each kind of node.

    >>> from autograd.graph.data import Edge, GraphData, Node
    >>> a = Node("n0", "input", name="a", value=3.0, gradient=6.0, state="computed")
    >>> y = Node("n1", "output", "multiply", value=9.0, gradient=1.0, state="computed")
    >>> uses = [Edge("n0", "n1", k, contribution=3.0) for k in range(2)]
    >>> print(mermaid(GraphData((a, y), tuple(uses))).split("  classDef")[0])      # y = a * a
    flowchart LR
      n0(["a = 3<br/>gradient 6"]):::input
      n1[["× = 9<br/>gradient 1"]]:::output
      n0 -->|"adds 3"| n1
      n0 -->|"adds 3"| n1
    """
    head = [f"flowchart {data.direction}"]
    chart = "\n".join(head + [*_boxes(data), *_arrows(data), *_classes(data)]) + "\n"
    notes = [*data.notes, *_warnings(data, chart)]
    return "".join(f"%% {_comment(note)}\n" for note in notes) + chart


def _boxes(data: GraphData) -> Iterator[str]:
    """Every node, inside the subgraphs that it belongs to."""
    names = ids(data)
    indent = "  "
    for action, k, group, own in nested(data):
        if action == "close":
            indent = indent[2:]
            yield f"{indent}end"
            continue
        if group is not None:
            yield f'{indent}subgraph group{k}["{coded(clean(group.title))}"]'
            indent += "  "
        for node in own:
            label = "<br/>".join(coded(line) for line in lines(node, data))
            shape = _SHAPES.get(node.kind, '["{}"]').format(label)
            yield f"{indent}{names[node.id]}{shape}:::{_class(node)}"


def _arrows(data: GraphData) -> Iterator[str]:
    names, sums = ids(data), shared(data)
    for edge in data.edges:
        adds = contribution(edge, data, 3) if edge.source in sums else ""
        label = f'|"adds {coded(adds)}"|' if adds else ""
        yield f"  {names[edge.source]} -->{label} {names[edge.target]}"


def _classes(data: GraphData) -> Iterator[str]:
    kinds, dark = {_class(node) for node in data.nodes}, data.theme == "dark"
    for name, kind in KINDS.items():
        if name in kinds:
            fill, line = kind.colours(dark)  # with its own ink, so that any page can be read
            yield f"  classDef {name} fill:{fill},stroke:{line},color:{INK[dark]}"
    if data.groups:  # nearly transparent, for light pages and dark ones
        yield f"  classDef frame fill:{FRAME_FILL[dark]}14,stroke:{FRAME[dark]}"
        yield f"  class {','.join(f'group{k}' for k in range(len(data.groups)))} frame"


def _class(node: Node) -> str:
    return node.kind if node.kind in KINDS else "operation"


def coded(text: str) -> str:
    """A label's text inside quotation marks, where it means nothing but itself.

    >>> coded('a "quoted" <b>, 100% - ok'), coded("1. first"), coded("-1.5")
    ('a #34;quoted#34; #60;b#62;, 100% #45; ok', '1#46; first', '-1.5')
    """
    text = " ".join(text.split()) or " "
    text = _CODED.sub(lambda sign: f"#{ord(sign[0])};", _READ_LATER.sub("\u200b", text))
    return _LIST.sub(lambda sign: f"{sign[1]}#{ord(sign[2])};", text)


def _comment(note: str) -> str:
    """A note as a comment; braces would make it a directive."""
    return clean(note, 1000).replace("{", "(").replace("}", ")")


def _warnings(data: GraphData, chart: str) -> list[str]:
    """What Mermaid will not draw by itself."""
    found = []
    if len(data.edges) > _MOST_EDGES:
        found.append(f"maxEdges: {len(data.edges)} (the default is {_MOST_EDGES})")
    if len(chart) > _MOST_LETTERS:
        found.append(f"maxTextSize: {len(chart) + 1000} (the default is {_MOST_LETTERS})")
    settings = ", ".join(found)
    note = f"Too large for Mermaid as it comes: call mermaid.initialize with {settings}; or fold."
    return [note] if found else []
