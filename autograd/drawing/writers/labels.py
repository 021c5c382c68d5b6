"""What the writers of text share: titles, the lines of a node's box, groups inside groups."""

from __future__ import annotations

from collections.abc import Iterator

from autograd.graph.data import Edge, GraphData, Group, Node
from autograd.words.names import cleaned
from autograd.words.notation import index_text
from autograd.words.numbers import alarms, settled, short, statistics, summary
from autograd.words.symbols import sign_of

__all__: list[str] = []

LETTERS = 40  # no name takes more


def clean(text: object, letters: int = LETTERS) -> str:
    """A name in one line of printable characters, shortened in its middle.

    >>> clean("two\\nlines"), clean("x" * 10_000, 9)
    ('two\\\\nlines', 'xxxx…xxxx')
    """
    return cleaned(text, letters, escaped=True)


def title(node: Node, letters: int = LETTERS) -> str:
    """What a node is called: "w", "loss: mean(axis=0)", "0: Linear"."""
    if is_number(node):
        return short(node.value)
    made = ""
    if node.operation:
        made = clean(node.operation if node.kind == "module" else sign_of(node), letters)
        settings = "" if node.kind == "module" else _settings(node)
        made += settings if len(made + settings) <= letters else ""
    named = [clean(node.name, letters)] if node.name else []
    return ": ".join(named + [made] * bool(made)) or node.kind


def is_number(node: Node) -> bool:
    """Whether this is a plain number, which is called by its value and needs it no second time."""
    nameless = node.kind == "constant" and node.name is None
    return nameless and not node.shape and node.value is not None


def _settings(node: Node) -> str:
    """The arguments of an operation that are short enough to be told: "(axis=1)"."""
    listed = [
        f"{key}={value}" if key != "index" else f"i={index_text(value)}"
        for key, value in node.settings.items()
        if key == "index" or type(value) in (bool, int, float, tuple) and len(str(value)) <= 12
    ]
    return f"({', '.join(listed)})" if listed else ""


def parameters(node: Node) -> str:
    """How many numbers are trained in a folded module, and how often it uses them."""
    if not node.parameters:
        return ""
    uses = node.settings.get("used", 1)
    return f"{node.parameters:,} parameters" + (f", used {uses:,} times" if uses > 1 else "")


def number(value: object, data: GraphData, digits: int = 4) -> str:
    """A value: written out where it is small, else its least and greatest entry, and its mean.

    `digits` below 4 asks for as few characters as can be.
    """
    text = short(value, digits, letters=60 if data.values is True else 28 if digits > 2 else 20)
    if not text.startswith("("):
        return text
    known = statistics(value)
    if digits >= 4 or known.nan or known.inf or known.min == known.max:
        return summary(value, digits)
    return f"{short(known.min, digits)} to {short(known.max, digits)}"


def value(node: Node, data: GraphData, digits: int = 4) -> str:
    """The value of a node; "" where it is not wanted. A plain number has as many digits as in its
    title, however few are asked for."""
    if data.values is False:
        return ""
    if is_number(node):
        return short(node.value)
    if node.value is None:
        return "" if node.kind == "module" else "freed" if node.state == "freed" else "not kept"
    return number(node.value, data, digits)


def gradient(node: Node, data: GraphData, digits: int = 4) -> str:
    """The gradient; where there is none, why: "not computed", "constant" or "freed". Without values
    only what is missing is told: "not computed" and "freed"."""
    if not data.grads:
        return ""
    if node.state == "computed" and node.gradient is not None:
        known = settled(node.gradient, node.noise)
        return "" if data.values is False else number(known, data, digits)
    quiet = node.kind == "module" or (data.values is False and node.state == "constant")
    return "" if quiet else node.state


def contribution(use: Edge, data: GraphData, digits: int = 4) -> str:
    """What comes back along a use; "" where nothing does, or it is not wanted."""
    if not data.grads or data.values is False or use.contribution is None:
        return ""
    return number(settled(use.contribution, use.noise), data, digits)


def shape(node: Node, usual: str = "float64") -> str:
    """Shape and dtype, as far as they say more than "a number of the usual dtype"."""
    text = str(node.shape) if node.shape else ""
    quiet = node.dtype == usual or (node.kind == "constant" and not node.shape)
    return text if quiet else f"{text} {node.dtype}".lstrip()


def lines(node: Node, data: GraphData) -> list[str]:
    """The lines of a node's box: title, shape, value, gradient, alarms."""
    name, worth, back = title(node), value(node, data, 3), gradient(node, data, 3)
    if worth not in ("", name) and not node.shape and ": " not in name and len(name) < 16:
        name, worth = f"{name} = {worth}", ""
    found = [name, parameters(node), shape(node) if node.shape else ""]
    found += [worth] * (worth != name) + [back] * (node.state != "computed" and name != back)
    found += [f"gradient {back}"] * (back != "" and node.state == "computed")
    return [line for line in found if line] + [f"⚠ {alarm}" for alarm in alarms(node)]


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
