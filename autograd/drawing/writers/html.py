"""HTML: one file that needs nothing else, to step through the forward and the backward pass.

The page is the picture as SVG, at every depth of folding, the steps as JSON, and the script of
`stepper_*.js` that shows them. No text of the user's becomes markup: the JSON is escaped, the
script writes text only, and the page's own policy allows no script but that one and no network.
"""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from html import escape
from pkgutil import get_data
from typing import Any

import numpy as np

from autograd.drawing.writers.look import DARK_PAGE
from autograd.drawing.writers.svg import svg
from autograd.graph.data import Edge, GraphData, Node
from autograd.graph.folding import fold
from autograd.words.names import cleaned
from autograd.words.numbers import alarms, settled, short, statistics, summary
from autograd.words.symbols import sign_of
from autograd.words.telling import (
    Addition,
    Scene,
    amount,
    is_summary,
    label,
    output_name,
    outputs,
    rules,
    settings_text,
    steps,
    words,
)

__all__: list[str] = []

MOST_STEPS = 600  # a graph with more nodes is stepped through with modules as boxes
MOST_DRAWN = 400  # a depth at which more boxes are visible is not offered
MOST_ENTRIES = 100  # a value with more entries is described by statistics
ENTRIES_OF_ALL = 40_000  # of large graphs fewer: the file stays below some megabytes


def html(
    data: GraphData, full: GraphData | None = None, layout: str = "own", framed: bool = False
) -> str:
    """A page that draws a graph and steps through it, as text.

    `data` is what the page shows first; `full`, if it is given, is the same graph unfolded: then
    the steps are those of its operations, and the page folds and unfolds. `layout` places the
    nodes, as in `svg`; `framed` leaves out what a frame has no room for. The page works from a
    file, with no network and no other file.

    >>> from autograd.graph.data import Node
    >>> page = html(GraphData((Node("n0", "input", name="x", value=1.0),), ()))
    >>> page.startswith("<!doctype html>"), "http://" in page.replace("http://www.w3.org/", "")
    (True, False)
    """
    full = data if full is None else full
    folded = _depths(full)
    whole, notes = _stepped(data, folded), data.notes
    if len(whole.nodes) < len(full.nodes):
        notes = (*notes, f"The steps are those of boxes, not of all {len(full.nodes):,} nodes.")
    views = _titled(data, folded, min(MOST_DRAWN, len(whole.nodes)))
    dark = DARK_PAGE[data.theme]
    pictures = [svg(_called(view), layout, dark) for _, view in views]
    script = _script()
    return _filled(
        policy=_policy(script),
        title=escape(_title(whole)),
        style=_asset("stepper.css").replace(DARK_PAGE["auto"], dark),
        frame="chalkgrad-page framed" if framed else "chalkgrad-page",
        themes="".join(_theme(name, title, data) for name, title in _THEMES.items()),
        notes="".join(f"<li>{escape(cleaned(note))}</li>" for note in notes),
        depths="".join(f"<option>{escape(title)}</option>" for title, _ in views),
        picture=pictures[0],
        others="".join(f"<template>{picture}</template>" for picture in pictures[1:]),
        data=_json(_content(whole, [view for _, view in views])),
        script=script,
    )


_THEMES = {"auto": "as the system", "light": "light", "dark": "dark"}


def _theme(name: str, title: str, data: GraphData) -> str:
    selected = " selected" if name == data.theme else ""
    return f'<option value="{name}"{selected}>{title}</option>'


def _filled(**texts: str) -> str:
    """The page's frame with a text in the place of each {{name}}."""
    parts = [part.partition("}}") for part in _asset("stepper.html").split("{{")]
    return parts[0][0] + "".join(texts[name] + rest for name, _, rest in parts[1:])


def _asset(name: str) -> str:
    found = get_data("autograd.drawing.writers", name)  # also out of a zip file
    return (found or b"").decode().replace("\r\n", "\n")


def _script() -> str:
    """The three parts in one scope of their own."""
    parts = [_asset(f"stepper_{part}.js") for part in ("words", "picture", "going")]
    return "\n".join(['"use strict";', "(() => {", *parts, "})();"])


def _policy(script: str) -> str:
    """What the browser may do: run this one script, apply styles, and nothing else."""
    digest = b64encode(sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'"
    )


def _json(content: Any) -> str:
    """JSON that ends no script element, whatever its strings hold."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text.encode("utf-8", "replace").decode()  # half a surrogate pair becomes "?"


def _title(data: GraphData) -> str:
    ends = outputs(data)
    what = data.title or ", ".join(node.name for node in ends if node.name)
    if not what and len(ends) == 1 and ends[0].operation:
        what = words(ends[0].operation)
    return f"{cleaned((what or 'a computation')[:80])}, forwards and backwards"


# ---- the depths at which the page draws -------------------------------------------------------


def _depths(full: GraphData) -> list[GraphData]:
    """The graph folded at every depth, then open; those that look the same once."""
    depths = max((len(node.scope) for node in full.nodes), default=0)
    found: dict[tuple[str, ...], GraphData] = {}
    for view in (full, *(fold(full, depth) for depth in reversed(range(depths)))):
        found.setdefault(_boxes(view), view)
    return list(found.values())[::-1]


def _stepped(data: GraphData, views: list[GraphData]) -> GraphData:
    """What is stepped through: what is shown, or a view that is more detailed but not too large."""
    fitting = [view for view in views if len(view.nodes) <= MOST_STEPS]
    return max([data, *fitting], key=lambda view: len(view.nodes))


def _titled(data: GraphData, views: list[GraphData], most: int) -> list[tuple[str, GraphData]]:
    """(title, graph) of what is shown first, then of the other views of at most so many nodes."""
    names = [f"modules at depth {depth}" for depth in range(len(views) - 1)] + ["every operation"]
    titled = {_boxes(view): (name, view) for name, view in zip(names, views)}
    first = titled.pop(_boxes(data), ("what was drawn", data))[0]
    others = [one for one in titled.values() if len(one[1].nodes) <= most]
    return [(f"{name}: {len(view.nodes)} nodes", view) for name, view in [(first, data), *others]]


def _called(view: GraphData) -> GraphData:
    """The graph with its nameless nodes called as the steps call them: "n3"."""
    names = {n.id for n in view.nodes if label(n) == n.id and not is_summary(n)}
    nodes = (n._replace(name=n.id) if n.id in names else n for n in view.nodes)
    return view._replace(nodes=tuple(nodes))


def _boxes(view: GraphData) -> tuple[str, ...]:
    return tuple(" ".join((node.id, *node.members)) for node in view.nodes)


def _standing_for(view: GraphData, whole: GraphData) -> dict[str, str]:
    """For each node that is stepped through the box that its result is in."""
    inside = {one: node.id for node in view.nodes for one in (node.members or (node.id,))}
    return {node.id: inside.get((node.members or (node.id,))[-1], "") for node in whole.nodes}


def _view(view: GraphData, whole: GraphData, most: int) -> dict[str, Any]:
    """Where the nodes and the edges of the whole graph are in this picture."""
    box = _standing_for(view, whole)
    places: dict[tuple[str, str], list[int]] = {}
    for place, edge in enumerate(view.edges):
        places.setdefault((edge.source, edge.target), []).append(place)
    met: dict[tuple[str, str], int] = {}
    edges = []
    for edge in whole.edges:
        ends = (box.get(edge.source, ""), box.get(edge.target, ""))
        drawn = places.get(ends, [-1])
        edges.append(drawn[min(met.get(ends, 0), len(drawn) - 1)])
        met[ends] = met.get(ends, 0) + 1
    return {
        "boxes": {one: place for one, place in box.items() if one != place},
        "edges": edges,
        "folded": {node.id: _node(node, most) for node in view.nodes if node.members},
    }


# ---- what the script reads --------------------------------------------------------------------


def _content(whole: GraphData, views: list[GraphData]) -> dict[str, Any]:
    most = min(MOST_ENTRIES, max(4, ENTRIES_OF_ALL // max(1, len(whole.nodes))))
    formulas = rules(whole)
    return {
        "output": output_name(whole),
        "nodes": [_node(node, most, formulas.get(node.id, "")) for node in whole.nodes],
        "edges": [_edge(edge) for edge in whole.edges],
        "steps": [_step(step) for step in steps(whole)],
        "views": [_view(view, whole, most) for view in views],
    }


def _node(node: Node, most: int, rule: str = "") -> dict[str, Any]:
    known = {
        "id": node.id,
        "label": label(node)[:200],
        "kind": "summary" if is_summary(node) else node.kind,
        "operation": node.operation or (str(node.name) if node.kind == "module" else ""),
        "sign": sign_of(node) if node.operation else "",
        "shape": str(node.shape),
        "dtype": node.dtype,
        "scope": ".".join(node.scope),
        "settings": settings_text(node.settings),
        "rule": rule,
        "parameters": node.parameters,
        "inside": len(node.members),
        "state": node.state,
        "value": _value(node.value, most),
        "gradient": _value(_shown(node.gradient, node.noise), most),
        "shown": {name: _value(array, most) for name, array in node.shown.items()},
        "alarms": list(alarms(node)),
    }
    return {name: what for name, what in known.items() if what not in ("", 0, None, [], {})}


def _value(value: Any, most: int) -> dict[str, Any] | None:
    """A value as the page shows it: a few characters, and its entries or its statistics."""
    if value is None:
        return None
    array = np.asarray(value)
    shown: dict[str, Any] = {"short": amount(value)}
    if array.ndim and 0 < array.size <= most:
        rows = array.reshape(-1, array.shape[-1]) if array.ndim > 1 else array.reshape(1, -1)
        shown["rows"] = [[short(entry) for entry in row] for row in rows]
    elif array.size > 1:
        known = statistics(array)
        shown["about"] = (
            f"{summary(array)}; standard deviation {short(known.std)}, {known.zeros} zeros "
            f"among {known.count}"
        )
    return shown


def _edge(edge: Edge) -> list[Any]:
    given = "" if edge.contribution is None else amount(_shown(edge.contribution, edge.noise))
    return [edge.source, edge.target, edge.slot, given]


def _shown(gradient: Any, noise: float) -> Any:
    return None if gradient is None else settled(gradient, noise)


def _step(step: Scene) -> dict[str, Any]:
    return {
        "phase": step.phase,
        "nodes": list(step.nodes),
        "title": step.title,
        "symbols": step.symbols,
        "numbers": step.numbers,
        "reason": step.reason,
        "additions": [_addition(one) for one in step.additions],
    }


def _addition(one: Addition) -> dict[str, Any]:
    return {
        "edge": one.edge,
        "node": one.node,
        "before": "0" if one.before is None else amount(one.before),
        "plus": amount(one.contribution),
        "after": amount(one.after),
        "symbols": one.symbols,
        "numbers": one.numbers,
    }
