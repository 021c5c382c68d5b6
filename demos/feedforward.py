"""A feedforward network by hand and by the library: every number forward, every gradient back.

1. One layer, y = f(W x + b), with W = [[2, 1], [1, 3]], x = [1, 2] and b = [0, 1]: W x = [4, 7] and
   y = [4, 8], for f the identity or relu. Back through it, with g the gradient of y:
   d = g f'(W x + b),   dW = d xᵀ,   db = d,   dx = Wᵀ d.
2. The activations and their slopes: relu(z) = max(z, 0) has slope 1 above 0 and 0 elsewhere, at 0
   too; sigmoid(z) = 1 / (1 + exp(-z)) has slope y (1 - y), at most a quarter.
3. A network with two hidden layers of two units, all weights and biases 1, and the input 1: its
   hidden outputs are [2, 2] and [5, 5], its output is 11. Back through it goes the chain rule.

Each number by hand stands next to the library's, which comes from `nn` and one `backward()`. If any
pair does not agree, the script says so and exits with status 1. Expected:

    y = [4. 8.], and the network's output is [11.]; all 75 checks passed

    python demos/feedforward.py                # or, without installing: python -m demos.feedforward
    python demos/feedforward.py --seed 7       # the same with random numbers
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # installed or not

import nn  # noqa: E402
from autograd import Tensor  # noqa: E402
from demos import tools  # noqa: E402

FUNCTIONS = {  # by name: the library's module; by hand, the value, and the slope at z, y = f(z)
    "identity": (nn.Identity(), lambda z: z, lambda z, y: np.ones_like(z)),
    "relu": (nn.ReLU(), lambda z: np.maximum(z, 0), lambda z, y: np.where(z > 0, 1.0, 0.0)),
    "sigmoid": (nn.Sigmoid(), lambda z: 1 / (1 + np.exp(-z)), lambda z, y: y * (1 - y)),
}


def compare(name, by_hand, by_library):
    """Print an array, both ways; a list of whether they agree, number by number."""
    pair = [np.array2string(v + 0.0, precision=4).replace("\n", "") for v in (by_hand, by_library)]
    fits = by_hand.shape == by_library.shape
    agree = np.ravel(fits and np.isclose(by_hand, by_library, rtol=1e-12, atol=1e-12)).tolist()
    print(f"  {name:<9}{pair[0]:>42}{pair[1]:>42}{'' if all(agree) else '   differs!'}")
    return agree


def linear(weight, bias):
    """The library's layer with these weights."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], dtype=np.float64)
    layer.load_state_dict({"weight": weight, "bias": bias})
    return layer


def one_layer(function, number):
    """Part 1: forward and backward through f(W x + b); the result, and the checks."""
    module, f, slope = FUNCTIONS[function]
    W, b, x = number([[2, 1], [1, 3]]), number([0, 1]), number([1, 2])
    g = number([1, -2])  # what the layers behind this one would send back

    z = W @ x + b
    y = f(z)
    d = g * slope(z, y)

    layer, inputs = linear(W, b), Tensor(x, requires_grad=True)
    outputs = module(layer(inputs))
    outputs.backward(g)

    print(f"\n1. One layer, y = f(W x + b), f = {function}")
    checks = compare("W x", W @ x, (layer.weight @ x).data)
    checks += compare("y", y, outputs.data)
    checks += compare("dW", np.outer(d, x), layer.weight.grad)
    checks += compare("db", d, layer.bias.grad)
    checks += compare("dx", W.T @ d, inputs.grad)
    return y, checks


def activation(function, number):
    """Part 2: an activation and its slope at five points."""
    module, f, slope = FUNCTIONS[function]
    z = number([-2, -0.5, 0, 0.5, 2])
    points = Tensor(z, requires_grad=True)
    y = module(points)
    y.backward(np.ones(5))
    print(f"\n2. {function} at z = {z}")
    return compare("value", f(z), y.data) + compare("slope", slope(z, f(z)), points.grad)


def network(number):
    """Part 3: 1 input, two hidden layers of 2 units with relu, 1 output; all numbers 1."""
    W1, W2, W3 = number(np.ones((2, 1))), number(np.ones((2, 2))), number(np.ones((1, 2)))
    b1, b2, b3 = number([1, 1]), number([1, 1]), number([1])
    x = number([1])

    h1 = np.maximum(W1 @ x + b1, 0)
    h2 = np.maximum(W2 @ h1 + b2, 0)
    y = W3 @ h2 + b3

    d3 = np.ones(1)  # the gradient of y itself; from here the chain rule goes back
    d2 = (W3.T @ d3) * (h2 > 0)  # through the third layer, and through relu
    d1 = (W2.T @ d2) * (h1 > 0)

    layers = [linear(W1, b1), nn.ReLU(), linear(W2, b2), nn.ReLU(), linear(W3, b3)]
    model = nn.Sequential(*layers)
    inputs = Tensor(x, requires_grad=True)
    model(inputs).backward(d3)

    print("\n3. Two hidden layers")
    checks = compare("hidden 1", h1, model[:2](x).data)
    checks += compare("hidden 2", h2, model[:4](x).data)
    checks += compare("output", y, model(x).data)
    for k, (d, came_in) in enumerate([(d1, x), (d2, h1), (d3, h2)]):
        checks += compare(f"dW{k + 1}", np.outer(d, came_in), layers[2 * k].weight.grad)
        checks += compare(f"db{k + 1}", d, layers[2 * k].bias.grad)
    return y, checks + compare("dx", W1.T @ d1, inputs.grad)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    note = "random numbers; 0 (without --seed, too) are the usual ones"
    parser.add_argument("--seed", type=tools.natural, default=0, help=note)
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)

    def number(usual):
        """The usual numbers, or with a seed random ones in an array of the same shape."""
        usual = np.array(usual, dtype=float)
        return rng.uniform(-1, 1, usual.shape).round(2) if args.seed else usual

    print(f"{'':11}{'by hand':>42}{'by the library':>42}")
    checks = one_layer("identity", number)[1] + one_layer("sigmoid", number)[1]
    y, more = one_layer("relu", number)
    checks += more + activation("relu", number) + activation("sigmoid", number)
    output, more = network(number)
    checks += more
    print(f"\ny = {y}, and the network's output is {output}", end="; ")
    if not all(checks):
        print(f"{checks.count(False)} of {len(checks)} checks FAILED")
        sys.exit(1)
    print(f"all {len(checks)} checks passed")


if __name__ == "__main__":
    main()
