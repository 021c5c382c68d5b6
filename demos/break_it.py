"""Three ways to break backpropagation, each drawn beside the right one.

Four engines walk one graph from its end, and hand on each local slope times what has come from
above. One is right: from the last result to the first, adding. The others:
    once        down from the output, depth first, each value when it is first met: too early
    every time  the same, again whenever more has come: what was there is handed on twice
    equals      in the right order, but with = instead of +=: only the last contribution is kept

Then training without zero_grad, where every step goes along all gradients so far. Expected:

    order: dy/dx = 24, and not 8 (once) or 32 (every time)
    equals: dloss/dw = 12.4, and not 12

    python demos/break_it.py                   # or, without installing: python -m demos.break_it
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # installed or not

from autograd import Tensor, draw  # noqa: E402
from demos import drawings  # noqa: E402

# ---- four engines: the gradients, what came along each line, and whose turn came when ------------


def begin(graph):
    """All gradients 0 but the output's, which is 1; nothing on any line; nobody's turn yet."""
    gradients = {node.id: 0.0 for node in graph.nodes}
    return gradients | {graph.nodes[-1].id: 1.0}, dict.fromkeys(range(len(graph.edges)), 0.0), []


def into(graph, result):
    """The numbered lines that lead to a result from values that want a gradient."""
    lines = enumerate(graph.edges)
    return [(k, edge) for k, edge in lines if edge.target == result and edge.local is not None]


def right(graph, equals=False):
    """Results in reverse: when its turn comes, all that used a value has handed on to it."""
    gradients, along, turns = begin(graph)
    for node in reversed(graph.nodes):
        turns.append(node.id)
        for k, edge in into(graph, node.id):
            along[k] = edge.local * gradients[node.id]
            gradients[edge.source] = along[k] if equals else gradients[edge.source] + along[k]
    return gradients, along, turns


def once(graph, again=False):
    """Depth first from the output: each value hands on what it has when first met (or `again`)."""
    gradients, along, turns = begin(graph)

    def visit(result):  # (recursive besides: a thousand operations in a row end in an error)
        if result in turns and not again:
            return
        turns.append(result)
        for k, edge in into(graph, result):
            along[k] += edge.local * gradients[result]
            gradients[edge.source] += edge.local * gradients[result]
        for source in dict.fromkeys(edge.source for _, edge in into(graph, result)):
            visit(source)

    visit(graph.nodes[-1].id)
    return gradients, along, turns


ENGINES = {
    "right": right,
    "equals": lambda graph: right(graph, equals=True),
    "once": once,
    "every time": lambda graph: once(graph, again=True),
}


def used_twice(x):
    p = 2 * x
    y = p * (q := p * p)
    return y, locals()


def decayed(w, x=3.0, target=1.0):
    prediction = w * x
    loss = (prediction - target) ** 2 + 0.2 * w * w  # a neuron's, with a penalty on the weight
    return loss, locals()


def compare(output, names, engines, args, picture):
    """Run engines on one graph, draw what each finds, and return it for the leaf."""
    graph = draw(output, names=names, direction="TB")
    (leaf,) = [node for node in graph.nodes if node.kind == "input"]
    called = {node.id: node.name for node in graph.nodes if node.name and node.kind != "constant"}
    panels, found = [], []
    for engine in engines:
        gradients, along, turns = ENGINES[engine](graph)
        found.append(float(gradients[leaf.id]))
        order = ", ".join(called[turn] for turn in turns if turn in called)
        texts = f"{engine}: {leaf.name} gets {found[-1]:.4g}", f"turns: {order}"
        panels.append(drawings.panel(*texts, graph, gradients, along))
    drawings.save_panels(panels, args, picture)
    return found


def descend(clear, start, steps=12):
    """The weight after each step; the graph of the second step, and what .grad held at it."""
    w, way = Tensor(start, requires_grad=True), [start]
    for step in range(steps):
        if clear:
            w.zero_grad()
        loss, names = decayed(w)
        loss.backward()
        if step == 1:
            second = draw(loss, names=names, direction="TB"), float(w.grad)
        w.data = w.data - 0.02 * w.grad
        way.append(w.item())
    return way, *second


def compare_zero_grad(start, args):
    (way, graph, now), (careless, _, held) = descend(True, start), descend(False, start)
    print("\nstep   w with zero_grad   without")
    for k, weights in enumerate(zip(way, careless)):
        print("{:4}   {:16.4f}   {:7.4f}".format(k, *weights))
    gradients, along, _ = right(graph)
    texts = f"with zero_grad: w goes along {now:.4g}", "the gradient of this step"
    panels = [drawings.panel(*texts, graph, gradients, along)]
    texts = f"without: along {held:.4g}", f"{held - now:.4g} of the last step + {now:.4g}"
    w = next(node.id for node in graph.nodes if node.name == "w")
    panels.append(drawings.panel(*texts, graph, gradients | {w: held}, along))
    drawings.save_panels(panels, args, "break_it_zero_grad")


def main():
    args = drawings.options(__doc__, formats=("svg",)).parse_args()
    start = np.random.default_rng(args.seed).uniform(0.6, 1.4) if args.seed else 1.0
    y, names = used_twice(Tensor(start, requires_grad=True))
    found = compare(y, names, ["right", "once", "every time"], args, "break_it_order")
    print("order: dy/dx = {:.4g}, and not {:.4g} (once) or {:.4g} (every time)".format(*found))
    loss, names = decayed(Tensor(start, requires_grad=True))
    found = compare(loss, names, ["right", "equals"], args, "break_it_equals")
    print("equals: dloss/dw = {:.4g}, and not {:.4g}".format(*found))
    compare_zero_grad(start, args)


if __name__ == "__main__":
    main()
