"""A network drawn three times: folded, open, and number by number.

The network 2 -> 16 -> 16 -> 1 and its loss on four points:

    folded     its five layers are boxes with their class, shapes and counts of parameters
    open       each layer's operations in its box, the parameters by their names
    scalars    a network of 2 -> 2 -> 1 made of single numbers: every weight is a node of its own

The third says why the other two exist: three neurons fill a page, while the 337 numbers of the
first network are six arrays, and a handful of operations. Expected:

    337 numbers in 6 arrays: 5 boxes folded; 3 neurons of single numbers: 30 nodes

    python demos/draw_network.py               # or, installed or not: python -m demos.draw_network
    python demos/draw_network.py --hidden 64 --layers 4
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # installed or not

import nn  # noqa: E402
from autograd import Tensor, draw  # noqa: E402
from demos import drawings, tools  # noqa: E402

POINTS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
WANTED = np.array([[0.0], [1.0], [1.0], [0.0]])  # one or the other, but not both


def network(sizes):
    """The network, and its loss on the four points."""
    model = nn.MLP(sizes, "tanh", dtype=np.float64)
    return model, nn.functional.mse_loss(model(POINTS), WANTED)


def neuron(inputs, weights, bias):
    """tanh(w1 x1 + w2 x2 + ... + b), one number at a time."""
    total = bias
    for w, x in zip(weights, inputs):
        total = total + w * x
    return np.tanh(total)


def scalars(rng):
    """The loss of 2 -> 2 -> 1 on one point, and the names of all its numbers."""
    names = {"x1": Tensor(1.0), "x2": Tensor(-2.0)}

    def parameter(name):
        names[name] = Tensor(round(rng.uniform(-1, 1), 2), requires_grad=True)
        return names[name]

    def unit(name, inputs):
        weights = [parameter(f"{name}.w{k}") for k in range(1, len(inputs) + 1)]
        names[name] = neuron(inputs, weights, parameter(f"{name}.b"))
        return names[name]

    hidden = [unit(name, [names["x1"], names["x2"]]) for name in ("h1", "h2")]
    y = unit("y", hidden)
    names["loss"] = (y - 1.0) ** 2
    return names["loss"], names


def main():
    parser = drawings.options(__doc__)
    parser.add_argument("--hidden", type=tools.count, default=16, help="units in a layer (16)")
    parser.add_argument("--layers", type=tools.count, default=2, help="hidden layers (2)")
    args = parser.parse_args()
    nn.manual_seed(args.seed)

    model, loss = network([2, *[args.hidden] * args.layers, 1])
    print(model.summary(2))
    names = {"points": POINTS, "wanted": WANTED, "loss": loss}
    folded, opened = draw(loss, names=names, depth=1), draw(loss, names=names, direction="TB")
    single_loss, names = scalars(np.random.default_rng(args.seed))
    single = draw(single_loss, names=names, direction="TB")
    for name, graph in {"folded": folded, "open": opened, "scalars": single}.items():
        print(f"\n---- {name}: {len(graph.nodes)} nodes, {len(graph.edges)} lines")
        drawings.save_graph(graph, args, f"network_{name}")
    print(f"\n{folded.to_text()}\n")

    parameters = list(model.parameters())
    numbers = sum(parameter.size for parameter in parameters)
    boxes = sum(node.kind == "module" for node in folded.nodes)
    print(
        f"{numbers} numbers in {len(parameters)} arrays: {boxes} boxes folded; "
        f"3 neurons of single numbers: {len(single.nodes)} nodes"
    )


if __name__ == "__main__":
    main()
