"""One neuron, number by number: forward, backward, and one step of gradient descent.

    n = w1 x1 + w2 x2 + b        y = tanh(n)        loss = (y - target)²

Every number on the way is printed with its gradient, d loss / d number, as the engine finds it in
one sweep from the loss back, and beside it a finite difference: the number is nudged up and down by
a millionth, and the change of the loss measured. The two must agree; if any pair does not, the
script says so and exits with status 1. Expected, with the numbers it starts from:

    loss 3.241797 before the step, 1.724069 after; all 17 checks passed

    python demos/scalar.py                     # or, without installing: python -m demos.scalar
    python demos/scalar.py --lr 0.5 --seed 7   # a larger step, from other numbers
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # installed or not

from autograd import Tensor  # noqa: E402

START = {"x1": 1.0, "x2": -2.0, "w1": 0.5, "w2": -0.25, "b": 0.1, "target": -1.0}
TRAINED = ("w1", "w2", "b")
NUDGE = 1e-6


def neuron(start, nudged=None, by=0.0):
    """All numbers of the neuron by name, in order; the one called `nudged` is moved on its way."""
    numbers = {}

    def note(name, value):
        numbers[name] = value + by if name == nudged else value
        return numbers[name]

    x1, x2, w1, w2, b, target = (note(name, start[name]) for name in START)
    w1x1 = note("w1 x1", w1 * x1)
    w2x2 = note("w2 x2", w2 * x2)
    n = note("n", w1x1 + w2x2 + b)
    y = note("y", np.tanh(n))
    error = note("y - target", y - target)
    note("loss", error * error)
    return numbers


def slope(f):
    """The derivative of f at 0 by a central difference."""
    return (f(NUDGE) - f(-NUDGE)) / (2 * NUDGE)


def agree(found, measured):
    """Whether a gradient and its finite difference are the same but for rounding."""
    return bool(abs(found - measured) <= 1e-7 * max(1.0, abs(measured)))


def main():
    parser = argparse.ArgumentParser(description="One neuron, with every number checked.")
    parser.add_argument("--lr", type=float, default=0.1, help="learning rate of the step (0.1)")
    note = "start from random numbers; 0 (without --seed, too) are the usual ones"
    parser.add_argument("--seed", type=int, default=0, help=note)
    args = parser.parse_args()
    if not 0 < args.lr < 100 or args.seed < 0:
        parser.error("--lr must be between 0 and 100, and --seed at least 0")

    start = dict(START)
    if args.seed:
        rng = np.random.default_rng(args.seed)
        start = {name: round(rng.uniform(-1, 1), 2) for name in START}
    checks = []

    # Forward: the same function, on Tensors, records a graph. Backward: one sweep through it.
    tensors = {name: Tensor(value, requires_grad=True) for name, value in start.items()}
    numbers = neuron(tensors)
    for number in numbers.values():
        number.retain_grad()  # results keep their gradients only when asked
    numbers["loss"].backward()

    print(f"{'number':<12}{'value':>12}{'gradient':>14}{'finite diff.':>14}")
    for name, number in numbers.items():
        measured = slope(lambda by, name=name: neuron(start, name, by)["loss"])
        checks.append(agree(number.grad, measured))
        verdict = "" if checks[-1] else "   differs!"
        print(f"{name:<12}{number.item():12.6f}{number.grad:14.6f}{measured:14.6f}{verdict}")

    # One step downhill: every trained number against its gradient, lr times as far.
    print(f"\none step of gradient descent, lr = {args.lr:g}")
    gradients = {name: float(tensors[name].grad) for name in TRAINED}
    for name in TRAINED:
        old = tensors[name].item()
        tensors[name].data = tensors[name].data - args.lr * tensors[name].grad
        new = tensors[name].item()
        print(f"{name:<12}{old:12.6f} - {args.lr:g} * {gradients[name]:.6f} = {new:.6f}")
        checks.append(agree(new, old - args.lr * gradients[name]))

    # How fast the loss falls along this step is known beforehand: by the sum of the squares.
    def loss_after(lr):
        moved = {name: start[name] - lr * gradients[name] for name in TRAINED}
        return neuron(start | moved)["loss"]

    expected, measured = -sum(g * g for g in gradients.values()), slope(loss_after)
    checks.append(agree(expected, measured))
    print(f"\nd loss / d lr at 0: {expected:.6f}, by finite differences {measured:.6f}")
    after = neuron(tensors)["loss"].item()
    checks.append(agree(after, loss_after(args.lr)))
    print(f"loss {numbers['loss'].item():.6f} before the step, {after:.6f} after", end="; ")

    if not all(checks):
        print(f"{checks.count(False)} of {len(checks)} checks FAILED")
        sys.exit(1)
    print(f"all {len(checks)} checks passed")


if __name__ == "__main__":
    main()
