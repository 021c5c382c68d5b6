"""What is measured. A case gives each contender a function that does the work once and returns
{phase: nanoseconds per operation}; the rounds, the order and the statistics are __main__'s.

Raw NumPy does the same work by hand: the same forward, and the same gradients, added up.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.benchmarks.contenders import polynomial

now = time.perf_counter_ns
Phases = dict[str, float]
RAW = "raw NumPy"
MULTIPLY = "one np multiply"


@dataclass
class Case:
    """One comparison; `rounds` limits the rounds of slow cases, `unit` is what a figure counts."""

    name: str
    contenders: dict[str, Callable[[], Phases]]
    unit: str = "ns/op"
    rounds: int = 1000
    keep: Any = None  # what must live as long as the case


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


# ---- one small operation ----------------------------------------------------------------------

SIZES: dict[str, Any] = {"scalar": 0.5, "size 1": 1, "size 8": 8, "size 1000": 1000}


def value(kind: str) -> Any:
    size = SIZES[kind]
    return size if size == 0.5 else np.linspace(0.5, 1.0, size)


def chain(contender: Any, start: Any, operations: int) -> Phases:
    """x = x * b; x = x + a; ...: per operation, with two gradients each."""
    x, b, a = (
        contender.leaf(start),
        contender.leaf(start * 0 + 1.01),
        contender.leaf(start * 0 + 0.1),
    )
    ones = contender.ones(start)

    def forward() -> Any:
        y = x
        for _ in range(operations // 2):
            y = y * b
            y = y + a
        return y

    return timed(forward, lambda y: contender.backward(y, ones), operations)


def chain_by_hand(start: Any, operations: int) -> Phases:
    x = np.float64(start) if np.ndim(start) == 0 else start
    b, a = x * 0 + 1.01, x * 0 + 0.1
    before: list[Any] = []

    def forward() -> Any:
        y = x
        for _ in range(operations // 2):
            before.append(y)
            y = y * b
            y = y + a
        return y

    def backward(y: Any) -> Any:
        g = y * 0 + 1
        of_b = of_a = None
        for y in reversed(before):
            of_a = g if of_a is None else of_a + g
            of_b = g * y if of_b is None else of_b + g * y
            g = g * b
        return g, of_b, of_a

    return timed(forward, backward, operations)


def multiply(start: Any, operations: int) -> Phases:
    """The yardstick: nothing but one multiplication, again and again."""
    x = np.float64(start) if np.ndim(start) == 0 else start
    begin = now()
    for _ in range(operations):
        x * x
    return {"both": (now() - begin) / operations}


def single(contender: Any, start: Any, times: int) -> Phases:
    """y = x * b; y.backward(): with all that a backward call costs by itself."""
    x, b, ones = contender.leaf(start), contender.leaf(start), contender.ones(start)
    forward = backward = 0
    for _ in range(times):
        begin = now()
        y = x * b
        middle = now()
        contender.backward(y, ones)
        backward += now() - middle
        forward += middle - begin
    phases = {"forward": forward, "backward": backward, "both": forward + backward}
    return {phase: took / times for phase, took in phases.items()}


def small_operations(found: dict[str, Any]) -> list[Case]:
    cases = []
    for kind in SIZES:
        start = value(kind)
        able = [c for c in found.values() if hasattr(c, "leaf")]
        able = [c for c in able if np.ndim(start) == 0 or not c.scalars_only]
        runs = {c.name: lambda c=c, s=start: chain(c, s, 100) for c in able}
        runs[RAW] = lambda s=start: chain_by_hand(s, 100)
        runs[MULTIPLY] = lambda s=start: multiply(s, 100)
        cases.append(Case(f"chain {kind}", runs))
    for kind in SIZES:
        start = value(kind)
        runs = {c.name: lambda c=c, s=start: single(c, s, 50) for c in able}
        cases.append(Case(f"single {kind}", runs))
    return cases


# ---- second order -----------------------------------------------------------------------------


def second_order(found: dict[str, Any]) -> list[Case]:
    """Forward, gradient with its graph, and gradient of the gradient, per operation of forward."""
    operations, cases = 40, []
    function = polynomial(operations)

    def run(contender: Any, start: Any) -> Phases:
        if contender.name == "HIPS":
            return {"both": contender.second(start, operations)}
        x, ones = contender.leaf(start), contender.ones(start)
        begin = now()
        contender.second(function, x, ones)
        return {"both": (now() - begin) / operations}

    for kind in ("scalar", "size 8"):
        start = value(kind)
        able = [c for c in found.values() if c.name != "micrograd"]
        runs = {c.name: lambda c=c, s=start: run(c, s) for c in able}
        cases.append(Case(f"second order {kind}", runs, rounds=200))
    return cases


# ---- graphs of scalars ------------------------------------------------------------------------


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


def scalar_graphs(found: dict[str, Any]) -> list[Case]:
    def run(contender: Any, graph: Any, operations: int) -> Phases:
        return timed(lambda: graph(contender.leaf, operations), lambda y: y.backward(), operations)

    able = [c for c in found.values() if hasattr(c, "leaf")]
    return [
        Case(f"200 scalars {name}", {c.name: lambda c=c, g=graph: run(c, g, 200) for c in able})
        for name, graph in [
            ("* two leaves", products), ("* 200 leaves", products_of_leaves), ("mixed", mixture),
        ]
    ]  # fmt: skip


# ---- a long chain, each in a fresh process ----------------------------------------------------


def long_chain(contender: Any, operations: int, collect: bool, memory: bool) -> Phases:
    """A chain of scalars: forward, backward, release; or the peak of memory instead."""
    x, b, a = contender.leaf(0.5), contender.leaf(1.0), contender.leaf(0.1)
    if memory:
        tracemalloc = importlib.import_module("tracemalloc")
        tracemalloc.start()
    if not collect:
        gc.disable()
    begin = now()
    y = x
    for _ in range(operations // 2):
        y = y * b
        y = y + a
    built = now()
    y.backward()
    swept = now()
    del y
    released = now()
    if memory:
        return {"memory": tracemalloc.get_traced_memory()[1] / operations}
    spans = {"forward": built - begin, "backward": swept - built, "release": released - swept}
    spans["both"] = released - begin
    return {phase: span / operations for phase, span in spans.items()}


def in_fresh_process(name: str, operations: int, collect: bool, memory: bool) -> Phases:
    request = json.dumps([name, operations, collect, memory])
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", "--chain", request],
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def long_chains(found: dict[str, Any], quick: bool) -> list[Case]:
    cases = []
    for exponent in range(3, 6 if quick else 7):
        size = 10**exponent
        for memory, what in [(False, "chain"), (True, "memory")]:
            runs: dict[str, Any] = {}
            for name in ("ours", "PyTorch"):
                if name not in found or (memory and name != "ours"):
                    continue
                runs[name] = lambda n=name, s=size, m=memory: in_fresh_process(n, s, False, m)
                if not memory and name == "ours":
                    runs["ours, GC on"] = lambda s=size: in_fresh_process("ours", s, True, False)
            unit = "bytes/op" if memory else "ns/op"
            cases.append(Case(f"long {what} 10^{exponent}", runs, unit, rounds=1 if memory else 3))
    return cases


# ---- import time ------------------------------------------------------------------------------


def imports() -> list[Case]:
    """Milliseconds in fresh processes; what counts is the difference to NumPy alone.

    Bytecode is cached, in a folder of its own, as it is after any installation by pip.
    """
    cache = tempfile.TemporaryDirectory()
    settings = {key: word for key, word in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    settings["PYTHONPYCACHEPREFIX"] = cache.name

    def run(statement: str) -> Phases:
        code = (
            f"import time; start = time.perf_counter(); {statement}; "
            "print(1000 * (time.perf_counter() - start))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE, text=True, check=True, env=settings,
        )  # fmt: skip
        return {"both": float(done.stdout)}

    runs = {
        "ours": lambda: run("import autograd, nn"),
        RAW: lambda: run("import numpy"),
    }
    case = Case("import", runs, "ms", rounds=31)
    case.keep = cache
    return [case]


# ---- a whole training step --------------------------------------------------------------------

NETWORKS = {"2-16-16-2": 100, "784-64-64-10": 32}  # sizes and batch


def network_data(sizes: list[int], batch: int) -> tuple[Any, Any, list[Any]]:
    random = np.random.default_rng(0)
    x = random.normal(size=(batch, sizes[0])).astype(np.float32)
    labels = random.integers(0, sizes[-1], size=batch)
    weights = []
    for fan_in, fan_out in zip(sizes, sizes[1:]):
        weights.append((random.normal(size=(fan_out, fan_in)) / fan_in**0.5).astype(np.float32))
        weights.append(np.zeros(fan_out, np.float32))
    return x, labels, weights


def step_of(nn: Any, optim: Any, optimizer: str, sizes: list[int], x: Any, labels: Any) -> Any:
    """One training step of a library that speaks PyTorch's words."""
    layers: list[Any] = []
    for fan_in, fan_out in zip(sizes, sizes[1:]):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    model, loss_of = nn.Sequential(*layers[:-1]), nn.CrossEntropyLoss()
    update = getattr(optim, optimizer)(model.parameters(), lr=1e-3)

    def step() -> None:
        update.zero_grad()
        loss_of(model(x), labels).backward()
        update.step()

    return step


def step_by_hand(optimizer: str, x: Any, labels: Any, weights: list[Any]) -> Any:
    """The same step in NumPy: ReLU network, cross-entropy, SGD or Adam in place."""
    rows = np.arange(len(labels))
    firsts, seconds = [np.zeros_like(w) for w in weights], [np.zeros_like(w) for w in weights]
    layers, steps = len(weights) // 2, 0

    def step() -> None:
        nonlocal steps
        steps += 1
        inputs = [x]
        for layer in range(layers):
            z = inputs[-1] @ weights[2 * layer].T
            z += weights[2 * layer + 1]
            inputs.append(np.maximum(z, 0) if layer < layers - 1 else z)
        logits = inputs.pop()
        g = np.exp(logits - logits.max(axis=1, keepdims=True))
        g /= g.sum(axis=1, keepdims=True)
        g[rows, labels] -= 1
        g /= len(labels)
        gradients: list[Any] = []
        for layer in reversed(range(layers)):
            gradients[:0] = [g.T @ inputs[layer], g.sum(axis=0)]
            if layer:
                g = g @ weights[2 * layer]
                g *= inputs[layer] > 0
        for w, g, m, v in zip(weights, gradients, firsts, seconds):
            if optimizer == "SGD":
                w -= 1e-3 * g
                continue
            m += 0.1 * (g - m)
            v += 0.001 * (g * g - v)
            root = np.sqrt(v / (1 - 0.999**steps))
            w -= 1e-3 / (1 - 0.9**steps) * m / (root + 1e-8)

    return step


def training_steps(found: dict[str, Any]) -> list[Case]:
    try:
        nn: Any = importlib.import_module("nn")
    except ImportError as error:
        print(f"nn is not to be had ({error}): training steps without it")
        nn = None
    cases = []
    for network, batch in NETWORKS.items():
        sizes = [int(n) for n in network.split("-")]
        x, labels, weights = network_data(sizes, batch)
        for optimizer in ("SGD", "Adam"):
            copies = [w.copy() for w in weights]
            steps = {RAW: step_by_hand(optimizer, x, labels, copies)}
            if hasattr(nn, "Linear"):
                ours = step_of(nn, getattr(nn, "optim", nn), optimizer, sizes, x, labels)
                steps = {"ours": ours} | steps
            if "PyTorch" in found:
                torch = found["PyTorch"].torch
                data = torch.from_numpy(x), torch.from_numpy(labels)
                steps["PyTorch"] = step_of(torch.nn, torch.optim, optimizer, sizes, *data)

            def run(step: Callable[[], None]) -> Phases:
                begin = now()
                for _ in range(5):
                    step()
                return {"both": (now() - begin) / 5e3}

            runs = {name: lambda s=step: run(s) for name, step in steps.items()}
            cases.append(Case(f"step {network} {optimizer}", runs, "µs/step", rounds=200))
    return cases


def chain_for_parent(request: str) -> None:
    """What `in_fresh_process` runs there."""
    from tests.benchmarks import contenders

    name, operations, collect, memory = json.loads(request)
    contender = {"ours": contenders.Ours, "PyTorch": contenders.PyTorch}[name]()
    print(json.dumps(long_chain(contender, operations, collect, memory)))


def all_cases(found: dict[str, Any], quick: bool) -> list[Case]:
    return [
        *small_operations(found), *second_order(found), *scalar_graphs(found),
        *long_chains(found, quick), *imports(), *training_steps(found),
    ]  # fmt: skip
