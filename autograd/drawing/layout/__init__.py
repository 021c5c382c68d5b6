"""Layouts: where the nodes, edges and frames of a drawing stand.

`place` takes our own layout, which gives the same places on every machine, or Graphviz's `dot`
where that is asked for; both answer with the same `Placement`, and one writer draws both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autograd.drawing.layout import dot, layered
from autograd.drawing.layout.geometry import Placement
from autograd.graph.data import GraphData

__all__: list[str] = ["LAYOUTS", "place"]

LAYOUTS = ("auto", "own", "dot")


def place(
    data: GraphData,
    sizes: Mapping[str, tuple[float, float]],
    labels: Mapping[int, tuple[float, float]] | None = None,
    titles: Sequence[float] = (),
    layout: str = "auto",
) -> Placement:
    """Place the nodes, whose sizes are given by id, in pixels.

    `labels` are the sizes of texts at the ends of edges, by the edge's index, `titles` the widths
    of the groups' titles. `layout`: "own" (the same places on every machine; "auto" is the same) or
    "dot" (Graphviz). Where `dot` fails, ours answers, with a note.
    Raises ValueError for another layout.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"layout must be one of {', '.join(map(repr, LAYOUTS))}, got {layout!r}")
    labels = labels or {}
    titles = titles or [0.0] * len(data.groups)
    notes: tuple[str, ...] = ()
    if layout == "dot":
        try:
            return dot.place(data, sizes, labels)
        except (dot.Missing, dot.Failed) as reason:
            notes = (f"own layout: {reason}",)
    return layered.place(data, sizes, labels, titles)._replace(notes=notes)
