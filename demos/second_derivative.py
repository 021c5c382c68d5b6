"""The graph of a gradient: what the backward pass computes is a computation, too.

    y = tanh(w x)        dy/dw = x (1 - y²)        d²y/dw² = -2 x² y (1 - y²)

With `create_graph=True` the sweep records its own work. The first picture is the graph of y, the
second that of its slope: both begin with w x, for the rule of tanh computes 1 - y² from that, as
1/cosh², which keeps its digits where y is nearly 1. It can be differentiated like any other, and so
on. Then Newton's method, which wants two derivatives, finds the lowest point
of a curve in a few steps, where gradient descent takes many. Expected, with the usual numbers:

    slope 0.786448 and bend -0.726862 as by hand; Newton in 5 steps, gradient descent in 57

    python demos/second_derivative.py          # or: python -m demos.second_derivative
    python demos/second_derivative.py --seed 3
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # installed or not

from autograd import Tensor, draw, grad  # noqa: E402
from demos import drawings  # noqa: E402


def by_hand(w, x):
    """The first and the second derivative of tanh(w x) by w."""
    y = np.tanh(w * x)
    return x * (1 - y * y), -2 * x * x * y * (1 - y * y)


def curve(w):
    """A valley that is steeper on one side; lowest where 2 sinh(w) = 3, at asinh(1.5)."""
    return np.exp(w) + np.exp(-w) - 3 * w


def descend(step, start, tolerance=1e-10, limit=1000):
    """Repeat w -> w - step(slope, bend) until the slope is 0; all w on the way."""
    way = [start]
    while len(way) < limit:
        w = Tensor(way[-1], requires_grad=True)
        (slope,) = grad(curve(w), w, create_graph=True)
        (bend,) = grad(slope, w)
        if abs(slope.item()) < tolerance:
            break
        way.append(way[-1] - step(slope.item(), bend.item()))
    return way


def main():
    args = drawings.options(__doc__).parse_args()
    start_w, start_x = 0.5, 1.0
    if args.seed:
        start_w, start_x = np.random.default_rng(args.seed).uniform(0.2, 1.5, 2).round(2).tolist()

    w = Tensor(start_w, requires_grad=True)
    x = Tensor(start_x)
    y = np.tanh(w * x)
    (slope,) = grad(y, w, create_graph=True)
    (bend,) = grad(slope, w)
    names = {"w": w, "x": x, "y": y, "slope": slope}

    for name, output in {"value": y, "slope": slope}.items():
        graph = draw(output, names=names)
        print(f"---- the graph of the {name}: {len(graph.nodes)} nodes\n\n{graph.to_text()}\n")
        drawings.save_graph(graph, args, f"second_derivative_{name}")
    right = np.allclose((slope.item(), bend.item()), by_hand(start_w, start_x), rtol=1e-12)

    newton = descend(lambda slope, bend: slope / bend, start=0.0)
    plain = descend(lambda slope, bend: 0.1 * slope, start=0.0)
    print("step   Newton        gradient descent")
    for k in (0, 1, 2, 3, 4, 5):
        print(f"{k:4}   {newton[min(k, len(newton) - 1)]:.10f}  {plain[k]:.10f}")
    right = right and all(abs(way[-1] - np.arcsinh(1.5)) < 1e-9 for way in (newton, plain))

    verdict = "as" if right else "NOT as"
    print(
        f"\nslope {slope.item():.6f} and bend {bend.item():.6f} {verdict} by hand; "
        f"Newton in {len(newton) - 1} steps, gradient descent in {len(plain) - 1}"
    )
    sys.exit(0 if right else 1)


if __name__ == "__main__":
    main()
