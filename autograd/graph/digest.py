"""The older part of a graph that is too large to be drawn, in a few boxes.

Operations that follow each other in the order of their birth make one box. Such runs can never
stand in a circle, however they use each other's results, and to find them takes one walk.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from autograd.graph.data import Path
from autograd.graph.naming import Scopes
from autograd.graph.steps import is_hidden, maker_of
from autograd.traits import Traits

__all__: list[str] = []

BOXES = 100  # at most; else one box for everything
LEAVES = 10  # inputs of the older part that are drawn
SHOWN = 4  # operations that are counted by name


class Run:
    """A run of operations, and how many numbers are trained in it."""

    def __init__(self, path: Path, nodes: list[Any]) -> None:
        self.path, self.last = path, nodes[-1]
        self.name = path[-1] if path else earlier(len(nodes))
        made = [maker_of(node)._op for node in nodes]
        self.counts = most(Counter(operation.name for operation in made))
        self.traits = by_name((operation.name, operation.traits) for operation in set(made))
        self.parameters = 0


class Digest:
    """The boxes, the box of each older result, and the edges between boxes.

    `leaves` are all that the older operations use, and `inputs` those that are drawn, each with the
    boxes that use it.
    """

    def __init__(self, older: list[Any], newer: list[Any], scopes: Scopes) -> None:
        self.boxes: list[Run] = []
        self.box_of: dict[Any, int] = {}
        for path, nodes in _runs(older, scopes):
            self.box_of.update(dict.fromkeys(nodes, len(self.boxes)))
            self.boxes.append(Run(path, nodes))
        self.between: Counter[tuple[int, int]] = Counter()
        self.leaves: set[Any] = set()
        self.inputs: dict[Any, Counter[int]] = {}
        later = {source for node in newer for source in sources(node)}
        for node in older:
            self._uses(node, later, scopes)
        self.notes = [
            f"the graph is large: its {len(older):,} older operations are summed up, without "
            f"values and gradients, in {len(self.boxes)} box{'es' * (len(self.boxes) > 1)}"
        ]

    def _uses(self, node: Any, later: set[Any], scopes: Scopes) -> None:
        here = self.box_of[node]
        for source in sources(node):
            there = self.box_of.get(source)
            if there is not None:
                if there != here:
                    self.between[there, here] += 1
            elif source in self.inputs:
                self.inputs[source][here] += 1
            elif source not in self.leaves:
                self.leaves.add(source)
                parameter = scopes.parameter(maker_of(node)._scope, source) is not None
                if not parameter and len(self.inputs) < LEAVES:
                    self.inputs[source] = Counter([here])
                elif parameter and source not in later:
                    self.boxes[here].parameters += source._value.size


def _runs(older: list[Any], scopes: Scopes) -> list[tuple[Path, list[Any]]]:
    """The operations in runs of one module, as finely as the number of boxes allows."""
    paths = [scopes.path(maker_of(node)._scope) for node in older]
    for depth in range(min(3, max(map(len, set(paths)))), 0, -1):
        cut = [path[:depth] for path in paths]
        if sum(1 for _ in groupby(cut)) <= BOXES:
            nodes = iter(older)
            return [(path, [next(nodes) for _ in run]) for path, run in groupby(cut)]
    return [((), older)]


def sources(node: Any) -> Iterator[Any]:
    """The values with a gradient that an operation used, members of lists one by one."""
    for parent in maker_of(node)._inputs or ():
        if parent is None:
            continue
        if not is_hidden(parent):
            yield parent
        else:
            yield from (member for member in parent._inputs or () if member is not None)


def most(counter: Counter[str]) -> dict[str, int]:
    """How often each operation occurs, the most frequent ones by name."""
    others = counter.pop("others", 0)
    counts = counter.most_common()
    shown = dict(counts[:SHOWN])
    if others := others + sum(count for _, count in counts[SHOWN:]):
        shown["others"] = others
    return shown


def by_name(made: Iterable[tuple[str, Traits]]) -> dict[str, set[Traits]]:
    """What the operations of each name say of themselves."""
    found: dict[str, set[Traits]] = {}
    for name, traits in made:
        found.setdefault(name, set()).add(traits)
    return found


def earlier(count: int) -> str:
    """The name of a box that holds so many operations."""
    return f"{count:,} earlier operation{'s' * (count != 1)}"
