"""What a compiled function runs: forward and backward in plain NumPy, printed beside the graph.

    hidden = tanh(x W1 + b1)        out = hidden W2 + b2        loss = mean((out - y)²)

`compile(f)` records the NumPy calls that f makes, the engine's rules included, and writes them as a
program, which needs neither Tensors nor a graph any more. `.source` is that program as a person
would write it. Here it stands to the right of the drawing of the graph, in whose place it runs; the
program, executed by itself, gives the gradients of the engine to the last digits. Then both train
the same network from the same start; how much faster the compiled one is depends on the machine
(several times, while the arrays are small). Expected:

    the program gives the engine's gradients; both ways end at loss 0.0001 after 2000 steps

    python demos/compiled.py                   # or, without installing: python -m demos.compiled
    python demos/compiled.py --quick           # trains 200 steps: loss 0.0048
"""

import sys
import time
from itertools import zip_longest
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # installed or not

from autograd import Tensor, compile, draw, vjp  # noqa: E402
from demos import tools  # noqa: E402

RATE = 0.1


def network(W1, b1, W2, b2, x, y):
    hidden = np.tanh(x @ W1 + b1)
    out = hidden @ W2 + b2
    return np.mean((out - y) ** 2)


def loss_and_gradients(W1, b1, W2, b2, x, y):
    return vjp(lambda *weights: network(*weights, x, y), (W1, b1, W2, b2))


def beside(left, right):
    """Two texts in columns."""
    pairs = list(zip_longest(left.splitlines(), right, fillvalue=""))
    width = max(len(line) for line, _ in pairs) + 4
    return "\n".join(f"{a:<{width}}{b}".rstrip() for a, b in pairs)


def tree_of(graph):
    """The drawing of a graph without its columns of numbers."""
    lines = graph.to_text().splitlines()
    return "\n".join(line[: lines[0].index("value")].rstrip() for line in lines)


def statements_of(source):
    """The statements of a program, forward and backward."""
    return [line.strip() for line in source.split("\n\n\n")[1].splitlines()[1:]]


def train(function, weights, data, steps):
    """Gradient descent; the last loss, and the seconds that a step took."""
    begin = time.perf_counter()
    for _ in range(steps):
        loss, gradients = function(*weights, *data)
        weights = [w - RATE * g for w, g in zip(weights, gradients)]
    return float(loss), (time.perf_counter() - begin) / steps


def main():
    args = tools.options(__doc__).parse_args()
    rng, steps = np.random.default_rng(args.seed), 200 if args.quick else 2000
    weights = [rng.normal(size=shape).round(2) for shape in [(2, 3), (3,), (3, 1), (1,)]]
    x = rng.normal(size=(4, 2)).round(2)
    data = x, (x[:, :1] * x[:, 1:]).round(2)

    compiled = compile(loss_and_gradients)
    compiled(*weights, *data)
    tensors = [Tensor(w, requires_grad=True) for w in weights]
    names = dict(zip(("W1", "b1", "W2", "b2", "x", "y"), (*tensors, *data)))
    graph = draw(network(*tensors, *data), names=names)
    print(beside(tree_of(graph), statements_of(compiled.source)))

    # The program is text: executed, it is a function that knows of no engine.
    namespace = {}
    exec(compiled.source.rpartition("\nprint(")[0], namespace)
    found = namespace["loss_and_gradients"](*weights, *data)
    engine = loss_and_gradients(*weights, *data)
    right = all(np.allclose(a, b, rtol=1e-9) for a, b in zip(found[1], engine[1]))

    by_engine, seconds = train(loss_and_gradients, weights, data, steps)
    by_program, fewer = train(compiled, weights, data, steps)
    right = right and compiled.eager_calls == 0 and abs(by_engine - by_program) < 1e-9
    print(
        f"\na step takes the engine {seconds * 1e6:.0f} µs, the program {fewer * 1e6:.0f} µs:",
        end="",
    )
    print(f" {seconds / fewer:.1f} times as fast")
    verdict = "gives" if right else "does NOT give"
    print(
        f"the program {verdict} the engine's gradients; "
        f"both ways end at loss {by_program:.4f} after {steps} steps"
    )
    sys.exit(0 if right else 1)


if __name__ == "__main__":
    main()
