"""What a contender's process can be asked to do, and the data for it.

A contender offers functions by kind ("step", "chain", ...); each makes a Work of its arguments.
The same data go to everybody, from one seed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

now, cpu_now = time.perf_counter_ns, time.process_time_ns
Phases = dict[str, float]

RATE = 1e-3  # of the first steps, which all contenders are compared by
# While time is taken nothing may be learned: a network trained for thousands of steps on one batch
# has dead units, whose running means decay into denormal numbers, which take ten times as long.
STILL = 1e-7
COMPARED_STEPS = 20
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


@dataclass
class Compared:
    """What shows that contenders do the same: numbers that agree to 1e-4 (losses, results), and
    weights that agree to rounding. Where a gradient is nearly 0, rounding chooses the direction in
    which Adam moves a weight: so the median of the differences counts, and all stay within a step.
    """

    numbers: list[float] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)


@dataclass
class Work:
    """`once` does the work; it returns nanoseconds by phase where it takes the time itself.

    `wait` returns when all is computed (for libraries that compute later), `operations` is what a
    figure is divided by, and `check` is what all contenders must agree on.
    """

    once: Callable[[], Phases | None]
    operations: int = 1
    wait: Callable[[], Any] = lambda: None
    check: Compared = field(default_factory=Compared)


def turn(work: Work, times: int) -> Phases:
    """One turn: the median of each phase; or wall and process time, the median of five parts,
    which is what they are between the bursts of other processes."""
    told: list[Phases] = []
    part = max(1, times // 5)
    for _ in range(0, times, part):
        cpu, start = cpu_now(), now()
        for _ in range(part):
            phases = work.once()
            if phases is not None:
                told.append(phases)
        work.wait()
        if phases is None:
            scale = part * work.operations
            told.append({"both": (now() - start) / scale, "cpu": (cpu_now() - cpu) / scale})
    return {phase: float(np.median([t[phase] for t in told])) for phase in told[0]}


def timed(forward: Callable[[], Any], backward: Callable[[Any], Any], operations: int) -> Phases:
    start = now()
    y = forward()
    middle = now()
    backward(y)
    end = now()
    return {
        "forward": (middle - start) / operations,
        "backward": (end - middle) / operations,
        "both": (end - start) / operations,
    }


# ---- data -------------------------------------------------------------------------------------


def network_data(network: str, batch: int) -> tuple[Any, Any, list[Any]]:
    """Inputs, labels and [W, b, W, b, ...] of a network such as "784-64-10"; each W (out, in)."""
    sizes = [int(n) for n in network.split("-")]
    random = np.random.default_rng(0)
    x = random.normal(size=(batch, sizes[0])).astype(np.float32)
    labels = random.integers(0, sizes[-1], size=batch)
    return x, labels, weights_of(sizes)


def weights_of(sizes: list[int]) -> list[Any]:
    random = np.random.default_rng(1)
    weights = []
    for fan_in, fan_out in zip(sizes, sizes[1:]):
        scale = (2 / fan_in) ** 0.5
        weights.append((random.normal(size=(fan_out, fan_in)) * scale).astype(np.float32))
        weights.append(np.zeros(fan_out, np.float32))
    return weights


DIGITS = "64-100-10"
DIGITS_ROWS, DIGITS_BATCH = 1347, 32


def digits() -> tuple[Any, Any, list[Any]]:
    """The training rows of the digits, from 0 to 1, their labels, and weights to start from."""
    path = Path(__file__).parents[2] / "demos" / "data" / "digits.npz"
    with np.load(path) as file:
        x, labels = file["images"][:DIGITS_ROWS], file["labels"][:DIGITS_ROWS]
    x = (x.reshape(len(x), -1) / 16).astype(np.float32)
    return x, labels.astype(np.int64), weights_of([int(n) for n in DIGITS.split("-")])


def vectors(arrays: int, elements: int) -> tuple[list[Any], list[Any]]:
    """Parameters and gradients, as many arrays with about as many elements in all."""
    random = np.random.default_rng(2)
    size = max(1, elements // arrays)
    make = lambda: [random.normal(size=size).astype(np.float32) for _ in range(arrays)]  # noqa: E731
    return make(), make()


def element_data(shape: list[int], kind: str) -> tuple[Any, Any]:
    """A prediction or input, and the incoming gradient or the target of that kind of loss."""
    random = np.random.default_rng(3)
    x = random.normal(size=shape).astype(np.float32)
    if kind == "labels":
        return x, random.integers(0, shape[1], size=shape[0])
    if kind == "zeros and ones":
        return x, random.integers(0, 2, size=shape).astype(np.float32)
    return x, random.normal(size=shape).astype(np.float32)


def sample(arrays: list[Any]) -> list[float]:
    """Some hundred elements of many, for a comparison."""
    flat = np.concatenate([np.ravel(a) for a in arrays])
    return [float(n) for n in flat[:: max(1, len(flat) // 100)]]


def result(arrays: list[Any]) -> Compared:
    """Some elements of results that must agree."""
    return Compared(sample(arrays))


def compared(step: Callable[[], float], weights: Callable[[], list[Any]], steps: int) -> Compared:
    """The losses of the first steps; and, after all of COMPARED_STEPS, some of the weights."""
    losses = [step() for _ in range(steps)]
    return Compared(losses, sample(weights()) if steps == COMPARED_STEPS else [])


# ---- small functions, value and gradient ------------------------------------------------------

FUNCTIONS = ("neuron", "Rosenbrock 10", "logistic 1000x20", "pendulum, 40 steps")
STEP = 0.05  # of the pendulum


def function_data(name: str) -> tuple[Any, ...]:
    """What a function is given; its slope is by the first."""
    random = np.random.default_rng(5)
    if name == "neuron":
        return np.array([0.5, -1.0]), np.array([2.0, 1.0]), 0.25
    if name == "Rosenbrock 10":
        return (random.normal(size=10),)
    if name == "logistic 1000x20":
        x = random.normal(size=(1000, 20))
        return random.normal(size=20), x, (random.normal(size=1000) > 0).astype(float)
    return np.float64(0.3), np.float64(1.0)


def small_function(name: str, np: Any, exp_sum: Callable[[Any], Any]) -> Callable[..., Any]:
    """A function for a library with NumPy's names; `exp_sum` is its log(1 + exp(x))."""

    def neuron(w: Any, x: Any, b: float) -> Any:
        return (np.tanh(w @ x + b) - 1) ** 2

    def rosenbrock(x: Any) -> Any:
        return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    def logistic(w: Any, x: Any, y: Any) -> Any:
        z = x @ w
        return np.mean(exp_sum(z) - y * z)

    def pendulum(speed: Any, angle: float) -> Any:
        for _ in range(40):
            speed = speed - STEP * np.sin(angle)
            angle = angle + STEP * speed
        return angle**2

    return dict(zip(FUNCTIONS, (neuron, rosenbrock, logistic, pendulum)))[name]


# ---- graphs of small operations, for whoever has operators ------------------------------------

SIZES = {"scalar": 0.5, "size 1": 1, "size 8": 8, "size 1000": 1000}


def value(kind: str) -> Any:
    size = SIZES[kind]
    return size if size == 0.5 else np.linspace(0.5, 1.0, int(size))


def ones(value: Any) -> Any:
    """The gradient to start from; None where the output is one number."""
    return None if np.ndim(value) == 0 else np.ones_like(value)


def polynomial(operations: int) -> Any:
    """y = y x + 1, again and again: a chain whose second derivative is not zero."""

    def function(x: Any) -> Any:
        y = x
        for _ in range(operations // 2):
            y = y * x + 1.0
        return y

    return function


def products(leaf: Any, operations: int) -> Any:
    """A product of two leaves with each other, over and over."""
    x, w = leaf(1.1), leaf(0.99)
    for _ in range(operations):
        x = x * w
    return x


def products_of_leaves(leaf: Any, operations: int) -> Any:
    """A product of as many new leaves as there are multiplications."""
    x = leaf(1.1)
    for _ in range(operations):
        x = x * leaf(0.99)
    return x


def mixture(leaf: Any, operations: int) -> Any:
    """Ten operations as in micrograd's own example, again and again."""
    a, b = leaf(-0.4), leaf(0.2)
    x = a
    for _ in range(operations // 10):
        c = x + b
        d = x * b + b**3
        c = c * 0.5 + d
        x = (c.relu() + x * 0.1) - d
    return x


GRAPHS = {"* two leaves": products, "* 200 leaves": products_of_leaves, "mixed": mixture}


def graph_work(leaf: Any, array: Any = lambda a: a) -> dict[str, Callable[..., Work]]:
    """The kinds of work that need only ways to make a leaf and an array, and operators."""

    def backward(y: Any, one: Any) -> None:
        y.backward() if one is None else y.backward(one)

    def chain(kind: str, operations: int = 100) -> Work:
        """x = x * b; x = x + a; ...: per operation, with two gradients each."""
        start = value(kind)
        x, b, a = (leaf(n) for n in (start, start * 0 + 1.01, start * 0 + 0.1))
        one = array(ones(start)) if np.ndim(start) else None

        def forward() -> Any:
            y = x
            for _ in range(operations // 2):
                y = y * b
                y = y + a
            return y

        return Work(lambda: timed(forward, lambda y: backward(y, one), operations))

    def single(kind: str, times: int = 50) -> Work:
        """y = x * b; y.backward(): with all that a backward call costs by itself."""
        start = value(kind)
        x, b = leaf(start), leaf(start)
        one = array(ones(start)) if np.ndim(start) else None

        def once() -> Phases:
            turns = [timed(lambda: x * b, lambda y: backward(y, one), 1) for _ in range(times)]
            return {phase: sum(t[phase] for t in turns) / times for phase in turns[0]}

        return Work(once)

    def scalars(graph: str, operations: int = 200) -> Work:
        build = GRAPHS[graph]
        return Work(
            lambda: timed(lambda: build(leaf, operations), lambda y: backward(y, None), operations)
        )

    return {"chain": chain, "single": single, "scalars": scalars}
