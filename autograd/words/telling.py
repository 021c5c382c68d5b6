"""The forward and the backward pass as a list of steps, told one after the other.

Nothing is computed but running sums: what the steps show was recorded. The forward pass takes one
step for each operation, in the order of the drawing, and the backward pass one for each operation
that hands a gradient on, in the opposite order, with every `+=` into its inputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from autograd.graph.data import LEAVES, Edge, GraphData, Node
from autograd.graph.traits import traits_of
from autograd.words.names import brief
from autograd.words.notation import encloses, filled, index_text, told_of
from autograd.words.numbers import settled, short, summary
from autograd.words.symbols import rule

__all__: list[str] = []

_LISTED = 6  # gradients, at the end of the backward pass
_SIGNS = (("{}·{}", "{} × {}"), ("{}/{}", "{} ÷ {}"), ("{}^{}", "{} ^ {}"))  # airier with numbers


class Addition(NamedTuple):
    """One `+=`: what a use of a value adds to its gradient."""

    edge: int  # its place in the graph's edges; -1 for the seed at an output
    node: str  # whose gradient grows
    before: Any  # None: nothing had come yet
    contribution: Any
    after: Any
    symbols: str  # the rule: "∂(w·x)/∂w = x"
    numbers: str  # "1 × 3 = 3"


class Scene(NamedTuple):
    """One step: what is lit, what happens there, and why it is its turn."""

    phase: str  # "forward" or "backward"
    nodes: tuple[str, ...]  # the ids of what it is about
    title: str
    symbols: str = ""  # of the forward pass: "w × x"
    numbers: str = ""  # "2 × -1.5 = -3"
    reason: str = ""
    additions: tuple[Addition, ...] = ()


def steps(data: GraphData) -> list[Scene]:
    """The steps of the forward pass, then those of the backward pass, of a recorded graph.

    Without a recorded gradient, one step says why there is no backward pass.

    >>> from autograd.graph.data import Node
    >>> a = Node("n0", "input", name="a", value=3.0, gradient=6.0, state="computed")
    >>> y = Node("n1", "output", "multiply", value=9.0, gradient=1.0, state="computed")
    >>> uses = (Edge("n0", "n1", 0, "x1", 3.0), Edge("n0", "n1", 1, "x2", 3.0))
    >>> for step in steps(GraphData((a, y), uses)):
    ...     sums = [f"{one.before} -> {one.after}" for one in step.additions]
    ...     print(step.phase, step.title, *sums, sep=", ")
    forward, The inputs are given
    forward, n1: multiply
    backward, Seed, None -> 1.0
    backward, Back through n1: multiply, None -> 3.0, 3.0 -> 6.0
    backward, Done
    """
    return [*_forward(data), *_backward(data)] if data.nodes else []


def label(node: Node) -> str:
    """How a step calls a node: its name, or its id; a constant number is itself.

    >>> label(Node("n0", "input", name="w")), label(Node("n7", "operation", "add"))
    ('w', 'n7')
    """
    if node.name and not is_summary(node):
        return brief(node.name)
    return short(node.value) if _is_number(node) else node.id


def is_summary(node: Node) -> bool:
    """Whether a box is no module: its name says what is summed up, "970 earlier operations"."""
    return node.kind == "module" and not node.operation and " " in f"{node.name}"


def _heading(node: Node) -> str:
    """What a step is about: "loss: mse loss", "m0: 970 earlier operations"."""
    what = str(node.name) if is_summary(node) else words(node.operation)
    return f"{label(node)}: {what}" if what else label(node)


def words(operation: str | None) -> str:
    """The name of an operation as it is read.

    >>> words("mse_loss")
    'mse loss'
    """
    return (operation or "").replace("_", " ")


def _is_number(node: Node) -> bool:
    return node.kind == "constant" and node.shape == () and node.value is not None


def amount(value: Any) -> str:
    """A number or a small array written out, a larger one as shape and statistics.

    >>> amount(2.5), amount([1.0, 2.0]), amount(np.ones((8, 4))), amount(None)
    ('2.5', '[1, 2]', '(8, 4): all 1', '?')
    """
    if value is None:
        return "?"
    text = short(value)
    if text != str(np.shape(value)):
        return text
    about = summary(value)
    return f"{text}: {about if about.startswith('all ') else summary(value, 2)}"


def outputs(data: GraphData) -> tuple[Node, ...]:
    """The nodes that the backward pass starts at: what was asked for, or what nothing uses."""
    used = {edge.source for edge in data.edges}
    return tuple(node for node in data.nodes if node.kind == "output" or node.id not in used)


def output_name(data: GraphData) -> str:
    """How formulas call what is differentiated: its name, or "L".

    Where a gradient was given for the output, that is something behind it, which has no name.
    """
    named = {node.name for node in data.nodes}
    asked = outputs(data)
    if len(asked) == 1 and asked[0].name and not _is_given(asked[0].gradient):
        return brief(asked[0].name)
    return "output" if "L" in named else "L"


def is_taken(data: GraphData) -> bool:
    """Whether a value is called g, so that the gradient that comes in needs another word."""
    return any(node.name == "g" for node in data.nodes)


def _is_given(seed: Any) -> bool:
    return seed is not None and bool(np.any(np.not_equal(seed, 1)))


def incoming(data: GraphData) -> dict[str, list[int]]:
    """For each node the places of the edges that lead to it, in the order of its arguments."""
    found: dict[str, list[int]] = {node.id: [] for node in data.nodes}
    for place, edge in enumerate(data.edges):
        found[edge.target].append(place)
    for places in found.values():
        places.sort(key=lambda place: data.edges[place].position)
    return found


# ---- forward ----------------------------------------------------------------------------------


def _forward(data: GraphData) -> list[Scene]:
    nodes = {node.id: node for node in data.nodes}
    edges = incoming(data)
    given = tuple(node.id for node in data.nodes if not edges[node.id])
    scenes = [Scene("forward", given, "The inputs are given", reason=_given(data, given))]
    for node in data.nodes:
        if edges[node.id]:
            inputs = [nodes[data.edges[place].source] for place in edges[node.id]]
            scenes.append(_computed(node, inputs))
    return scenes


def _given(data: GraphData, given: tuple[str, ...]) -> str:
    count = {kind: 0 for kind in LEAVES}
    for node in data.nodes:
        if node.id in given and node.kind in count:
            count[node.kind] += 1
    parts = [f"{n} {kind}{'s' if n != 1 else ''}" for kind, n in count.items() if n]
    listed = " and ".join(", ".join(parts).rsplit(", ", 1))
    return f"The forward pass starts from {listed}." if parts else "They are where all begins."


def _computed(node: Node, inputs: list[Node]) -> Scene:
    title = _heading(node)
    if node.kind == "module":
        names = ", ".join(dict.fromkeys(label(one) for one in inputs))
        inside = f"Folded: {len(node.members)} nodes inside, {node.parameters} parameters."
        if is_summary(node):
            inside = "Summed up: too many to be told one by one."
        return Scene("forward", (node.id,), title, f"{node.operation or label(node)}({names})",
                    amount(node.value), inside)  # fmt: skip
    symbols = _written(node, [label(one) for one in inputs])
    known = ["?" if one.value is None else short(one.value) for one in inputs]
    numbers = f"{_written(node, known)} = {amount(node.value)}"
    return Scene("forward", (node.id,), title, symbols, numbers,
                "Its inputs are known, so its turn has come.")  # fmt: skip


def _written(node: Node, parts: list[str]) -> str:
    """The operation with these texts for its arguments: "a + b", "relu(a)", "sum(a, axis=1)"."""
    pattern = brief(traits_of(node).pattern or "")
    if not parts or pattern.count("{}") != len(parts) or node.settings:
        listed = [*parts, settings_text(node.settings)] if node.settings else parts
        return f"{brief(node.operation or 'f')}({', '.join(listed)})"
    for dense, airy in _SIGNS:
        pattern = airy if pattern == dense else pattern
    if encloses(pattern):
        return filled(pattern, parts)
    loose = pattern.startswith("{} ") and not pattern.startswith("{} ^")  # -2 ^ 2 is -4
    first = parts[0] if loose else _bracketed(parts[0])
    return filled(pattern, [first, *map(_bracketed, parts[1:])])


def _bracketed(text: str) -> str:
    """In parentheses where the sign before or behind would be misread: "2 - (-3)"."""
    closed = text[:1] in "[("  # an array or a shape
    return f"({text})" if text.startswith("-") or (" " in text and not closed) else text


# ---- backward ---------------------------------------------------------------------------------


class _Called(NamedTuple):
    """What a rule cannot know: the output's name, and whether something is called g."""

    output: str
    taken: bool


WHY_NOT = {
    "constant": "Nothing here requires a gradient, so there is no backward pass.",
    "freed": "The graph was freed by an earlier backward pass: run the forward pass again.",
    "not computed": "The gradients were not computed, so there is no backward pass to show.",
}


def _backward(data: GraphData) -> list[Scene]:
    if not data.grads:
        return []
    seeds = [node for node in outputs(data) if node.gradient is not None]
    if not seeds and all(edge.contribution is None for edge in data.edges):
        last = outputs(data)[-1]
        why = WHY_NOT.get(last.state, WHY_NOT["not computed"])
        return [Scene("backward", (last.id,), "No backward pass", reason=why)]
    nodes = {node.id: node for node in data.nodes}
    edges, uses = incoming(data), _uses(data)
    called = _Called(output_name(data), is_taken(data))
    output = called.output
    scenes = [_seed(data, seeds, output)]
    given = {one.node: one.after for one in scenes[0].additions}
    sums: dict[str, Any] = dict(given)
    for node in reversed(data.nodes):
        places = [place for place in edges[node.id] if data.edges[place].contribution is not None]
        if places:
            inputs = [nodes[data.edges[place].source] for place in edges[node.id]]
            why = _why_now(uses[node.id], node.id in given)
            scenes.append(_handed_on(node, inputs, places, data.edges, sums, why, called))
    return [
        *scenes,
        _done([n for n in data.nodes if n.id in sums and not edges[n.id]], sums, output),
    ]


def _done(leaves: list[Node], sums: dict[str, Any], output: str) -> Scene:
    found = [f"∂{output}/∂{label(node)} = {amount(sums[node.id])}" for node in leaves]
    listed = ", ".join([*found[:_LISTED], *["…"] * (len(found) > _LISTED)])
    names = tuple(node.id for node in leaves)
    return Scene("backward", names, "Done", "", listed, "Every gradient is complete.")


def _uses(data: GraphData) -> dict[str, int]:
    """How many uses of each node hand a gradient to it."""
    count = {node.id: 0 for node in data.nodes}
    for edge in data.edges:
        count[edge.source] += edge.contribution is not None
    return count


def _seed(data: GraphData, seeds: list[Node], output: str) -> Scene:
    """The first step: the gradient of each output with respect to itself."""
    handed: dict[str, Any] = {}
    for edge in data.edges:
        if edge.contribution is not None:
            handed[edge.source] = _sum(handed.get(edge.source), edge.contribution)
    given = {node.id: _given_gradient(node, handed.get(node.id)) for node in seeds}
    additions = tuple(
        Addition(-1, name, None, seed, seed, f"∂{output}/∂{output} = 1", amount(seed))
        for name, seed in given.items()
    )
    reason = "The gradient of the output with respect to itself is 1."
    if any(map(_is_given, given.values())):
        reason = "This gradient was given for the output; the rest is multiplied by it."
    elif len(seeds) > 1 or any(np.size(node.gradient) != 1 for node in seeds):
        what = "outputs" if len(seeds) > 1 else "output"
        reason = f"What is differentiated is the sum of the {what}: 1 for every element."
    return Scene("backward", tuple(given), "Seed", reason=reason, additions=additions)


def _given_gradient(node: Node, handed: Any) -> Any:
    """What the pass starts with at an output: its gradient but for what its uses hand in."""
    ones = np.ones_like(node.gradient)
    if handed is None:
        return node.gradient
    with np.errstate(all="ignore"):
        rest = np.subtract(node.gradient, handed)
    return rest if np.isfinite(rest).all() and not np.allclose(rest, ones) else ones


def _handed_on(
    node: Node, inputs: list[Node], places: list[int], edges: tuple[Edge, ...],
    sums: dict[str, Any], why: str, called: _Called,
) -> Scene:  # fmt: skip
    """One operation's step: it adds to the gradient of each input. Updates the running sums."""
    additions = []
    noise = {one.id: one.noise for one in inputs}
    for place in places:
        edge = edges[place]
        before, added = sums.get(edge.source), settled(edge.contribution, edge.noise)
        sums[edge.source] = after = settled(_sum(before, added), noise[edge.source])
        symbols, numbers = _rule(node, edge, inputs, called)
        additions.append(Addition(place, edge.source, before, added, after, symbols, numbers))
    return Scene("backward", (node.id,), f"Back through {_heading(node)}",
                reason=why, additions=tuple(additions))  # fmt: skip


def _rule(node: Node, edge: Edge, inputs: list[Node], called: _Called) -> tuple[str, str]:
    if node.kind == "module":
        flows = f"{edge.members} uses" if edge.members > 1 else "one use"
        return f"through {label(node)}, by {flows} inside", amount(edge.contribution)
    edge, shown = told_of(edge, inputs)
    named = [n if _is_number(n) else n._replace(name=label(n)) for n in shown]
    symbols, numbers = rule(node, edge, named, taken=called.taken)
    if symbols.startswith("∂L/"):  # the rule does not know the output's name
        symbols = f"∂{called.output}/{symbols[3:]}"
    return symbols, numbers


def rules(data: GraphData) -> dict[str, str]:
    """The rules of every operation, as its step tells them: of the node's id.

    >>> from autograd.graph.data import Node
    >>> g = Node("n1", "output", "sin", name="g", formula="g cos x")
    >>> rules(GraphData((Node("n0", "input", name="x"), g), (Edge("n0", "n1"),)))
    {'n1': '∂sin(x)/∂x = cos x'}
    """
    nodes, edges = {node.id: node for node in data.nodes}, incoming(data)
    called = _Called(output_name(data), is_taken(data))
    found = {}
    for node in data.nodes:
        if node.kind != "module" and node.formula:
            uses = [data.edges[place] for place in edges[node.id]]
            inputs = [nodes[edge.source] for edge in uses]
            texts = [
                _rule(node, edge, inputs, called)[0]
                for edge, source in zip(uses, inputs) if source.kind != "constant"
            ]  # fmt: skip
            found[node.id] = "; ".join(dict.fromkeys(texts))
    return found


def _why_now(uses: int, is_output: bool) -> str:
    if not uses:
        return "It is the output: its gradient is the seed."
    which = {1: "its only use has", 2: "both of its uses have"}.get(uses, f"all {uses} uses have")
    seed = "the seed is there, and " if is_output else ""
    share = "its share" if uses == 1 else "their shares"
    return f"Its gradient is complete: {seed}{which} handed in {share}."


def _sum(before: Any, contribution: Any) -> Any:
    if before is None:
        return contribution
    with np.errstate(all="ignore"):
        return np.add(before, contribution)


def settings_text(settings: Mapping[str, Any]) -> str:
    """Arguments that no gradient flows through, in a line.

    >>> settings_text({"axis": 1, "keepdims": True, "weight": np.ones(50)})
    'axis=1, keepdims=True, weight=(50,)'
    >>> settings_text({"index": (slice(1, None), 0)})                 # of x[i]
    'i=1:, 0'
    """
    return ", ".join(_setting(name, value) for name, value in settings.items())


def _setting(name: str, value: Any) -> str:
    if name == "index":
        return f"i={index_text(value)}"
    text = short(value) if isinstance(value, (np.ndarray, float)) else str(value)
    return f"{name}={text}" if len(text) <= 60 else f"{name}={text[:59]}…"
