"""Five classic expressions as graphs, with every value, gradient and contribution.

    neuron         loss = (tanh(w1 x1 + w2 x2 + b) - target)²
    shared         y = s s + s  with  s = a b: three uses, three contributions that add up
    broadcasting   a row is added to each row of a table, so its gradient is a sum over the rows
    cross_entropy  softmax and -log of the right class: at the logits it is p - wanted
    division       y = (a - b) / (a + b)

Each is drawn, saved as a picture (SVG) and as a page to step through (HTML; open it in a browser),
and printed as a tree. Then one value of each is explained, use by use, and what is said above is
checked. Expected: dy/ds = -6 - 6 + 1 = -11 in `shared`, and at the end

    all 5 checks passed

    python demos/draw_expression.py            # or: python -m demos.draw_expression
    python demos/draw_expression.py --only shared --formats svg txt mmd
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # installed or not

from autograd import Tensor, draw, explain  # noqa: E402
from demos import drawings  # noqa: E402

LABEL = 2  # the right class in cross_entropy


# ---- the expressions: each returns its output, all its names, and what to explain ----------------


def neuron(leaf):
    x1, x2 = leaf(1.0), leaf(-2.0)
    w1, w2, b = leaf(0.5), leaf(-0.25), leaf(0.1)
    n = w1 * x1 + w2 * x2 + b
    y = np.tanh(n)
    loss = (y - -1.0) ** 2
    return loss, locals(), "w2"


def shared(leaf):
    a, b = leaf(2.0), leaf(-3.0)
    s = a * b
    y = s * s + s
    return y, locals(), "s"


def broadcasting(leaf):
    table = leaf([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])  # (3, 2)
    row = leaf([0.5, -1.0])  # (2,)
    moved = table + row
    total = np.sum(moved * moved)
    return total, locals(), "row"


def cross_entropy(leaf):
    logits = leaf([2.0, 1.0, 0.0])  # of three classes
    e = np.exp(logits)
    p = e / np.sum(e)
    loss = -np.log(p[LABEL])
    return loss, locals(), "logits"


def division(leaf):
    a, b = leaf(3.0), leaf(1.0)
    difference = a - b
    total = a + b
    y = difference / total
    return y, locals(), "b"


EXPRESSIONS = {f.__name__: f for f in (neuron, shared, broadcasting, cross_entropy, division)}

# ---- what the docstring claims, in plain NumPy --------------------------------------------------


def claimed(name, names):
    """The gradient that the explained value must have."""
    v = {key: item.data for key, item in names.items() if isinstance(item, Tensor)}
    if name == "neuron":
        return 2 * (v["y"] + 1) * (1 - v["y"] ** 2) * v["x2"]
    if name == "shared":
        return v["s"] + v["s"] + 1
    if name == "broadcasting":
        return (2 * (v["table"] + v["row"])).sum(axis=0)
    if name == "cross_entropy":
        return v["p"] - np.eye(3)[LABEL]
    return -2 * v["a"] / v["total"] ** 2


def main():
    parser = drawings.options(__doc__)
    parser.add_argument("--only", choices=EXPRESSIONS, help="one expression instead of all")
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)

    def leaf(usual):
        value = rng.uniform(-2, 2, np.shape(usual)).round(2) if args.seed else usual
        return Tensor(value, requires_grad=True)

    checks = []
    for name in [args.only] if args.only else EXPRESSIONS:
        output, names, asked = EXPRESSIONS[name](leaf)
        graph = draw(output, names=names)
        print(
            f"---- {name} ----\n\n{graph.to_text()}\n{explain(output, names[asked], names=names)}\n"
        )
        drawings.save_graph(graph, args, name)

        (node,) = [node for node in graph.nodes if node.name == asked]
        checks.append(np.allclose(node.gradient, claimed(name, names), rtol=1e-9))
        verdict = "as" if checks[-1] else "NOT as"
        print(f"the gradient of {asked} is {verdict} expected: {node.gradient.tolist()}\n")

    if not all(checks):
        print(f"{checks.count(False)} of {len(checks)} checks FAILED")
        sys.exit(1)
    print(f"all {len(checks)} checks passed")


if __name__ == "__main__":
    main()
