"""What the writers of text share: titles, the lines of a node's box, groups inside groups.

May import: drawing.data, numbers, symbols.
"""

from __future__ import annotations

from collections.abc import Iterator

from autograd.drawing.data import Edge, GraphData, Group, Node
from autograd.drawing.numbers import alarms, short, summary
from autograd.drawing.symbols import sign

__all__: list[str] = []

LETTERS = 40  # no name takes more

# Fill, line and ink of each kind, far enough apart for colour-blind eyes.
COLOURS = {
    "input": ("#dbe9f6", "#0072b2", "#111111"),
    "parameter": ("#fbe3cc", "#d55e00", "#111111"),
    "constant": ("#eeeeee", "#777777", "#111111"),
    "operation": ("#ffffff", "#444444", "#111111"),
    "output": ("#d5efe6", "#009e73", "#111111"),
    "module": ("#f3e1ee", "#aa4499", "#111111"),
}


def clean(told: object, letters: int = LETTERS) -> str:
    """A name in one line of printable characters, shortened in its middle.

    >>> clean("two\\nlines"), clean("x" * 10_000, 9)
    ('two\\\\nlines', 'xxxx…xxxx')
    """
    name = str(told)
    if len(name) > letters:
        half = letters // 2
        name = f"{name[: letters - half - 1]}…{name[-half:]}"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)


def title(node: Node) -> str:
    """What a node is called: "w", "loss: mean(axis=0)", "0: Linear, 272 parameters"."""
    if node.kind == "constant" and node.name is None and not node.shape and node.value is not None:
        return short(node.value)
    known = bool(node.operation) and node.kind != "module"
    made = sign(node.operation or "") if known else clean(node.operation or "")
    if node.settings and known:
        settings = ", ".join(f"{key}={value}" for key, value in node.settings.items())
        made = clean(f"{made}({settings})")
    named = [clean(node.name)] if node.name else []
    told = ": ".join(named + [made] * bool(made)) or node.kind
    return f"{told}, {node.parameters:,} parameters" if node.parameters else told


def number(value: object, data: GraphData) -> str:
    """A value: written out where it is small, else a line about it."""
    told = short(value, letters=60 if data.values is True else 28)
    return summary(value) if told.startswith("(") else told


def value(node: Node, data: GraphData) -> str:
    """The value of a node; "" where it is not kept, or not wanted."""
    return "" if node.value is None or data.values is False else number(node.value, data)


def gradient(node: Node, data: GraphData) -> str:
    """The gradient; where there is none, why: "not computed", "constant" or "freed"."""
    if not data.grads:
        return ""
    if node.state == "computed" and node.gradient is not None:
        return "computed" if data.values is False else number(node.gradient, data)
    return node.state


def contribution(use: Edge, data: GraphData) -> str:
    """What comes back along a use; "" where nothing does, or it is not wanted."""
    if not data.grads or data.values is False or use.contribution is None:
        return ""
    return number(use.contribution, data)


def shape(node: Node) -> str:
    """Shape and dtype, as far as they say more than "a float64 number"."""
    told = str(node.shape) if node.shape else ""
    return told if node.dtype == "float64" else f"{told} {node.dtype}".lstrip()


def lines(node: Node, data: GraphData) -> list[str]:
    """The lines of a node's box: title, shape, value, gradient, alarms."""
    name, worth, back = title(node), value(node, data), gradient(node, data)
    if worth and worth != name:
        name, worth = (f"{name} = {worth}", "") if len(name + worth) < 24 else (name, worth)
    told = [name, shape(node), worth if worth != name else ""]
    told += [f"gradient {back}" if back and node.state == "computed" else back]
    return [line for line in told if line] + [f"⚠ {alarm}" for alarm in alarms(node)]


def shared(data: GraphData) -> set[str]:
    """The ids of the nodes that are used more than once, whose gradients are sums."""
    count: dict[str, int] = {}
    for edge in data.edges:
        count[edge.source] = count.get(edge.source, 0) + edge.members
    return {name for name, uses in count.items() if uses > 1}


def ids(data: GraphData) -> dict[str, str]:
    """The ids as every language takes them: a plain one as it is, any other by its number."""
    return {
        node.id: node.id if node.id[:1] == "n" and node.id[1:].isdecimal() else f"node{k}"
        for k, node in enumerate(data.nodes)
    }


def nested(data: GraphData) -> Iterator[tuple[str, int, Group | None, list[Node]]]:
    """("open", k, group, its own nodes) and ("close", k, group, []) for the k-th group.

    Groups are opened inside their outer groups, in their order; first of all come the nodes that
    are in no group, with k = -1.
    """
    inside: dict[str, int] = {}
    for k in sorted(range(len(data.groups)), key=lambda k: len(data.groups[k].path)):
        inside.update(dict.fromkeys(data.groups[k].nodes, k))  # the innermost is the last
    own: dict[int, list[Node]] = {k: [] for k in range(-1, len(data.groups))}
    for node in data.nodes:
        own[inside.get(node.id, -1)].append(node)
    children = _children(data.groups)
    yield "open", -1, None, own[-1]
    stack = [("open", k) for k in reversed(children[-1])]
    while stack:
        action, k = stack.pop()
        yield action, k, data.groups[k], own[k] if action == "open" else []
        if action == "open":
            stack += [("close", k)] + [("open", child) for child in reversed(children[k])]


def _children(groups: tuple[Group, ...]) -> dict[int, list[int]]:
    """Which groups lie directly in which: those of the longest path that theirs begins with."""
    children: dict[int, list[int]] = {k: [] for k in range(-1, len(groups))}
    places: dict[tuple[str, ...], list[int]] = {}
    for k, group in enumerate(groups):
        places.setdefault(group.path, []).append(k)
    for k, group in enumerate(groups):
        around = (
            outer
            for length in range(len(group.path) - 1, 0, -1)
            for outer in places.get(group.path[:length], ())
            if set(group.nodes) <= set(groups[outer].nodes)
        )
        children[next(around, -1)].append(k)
    return children
