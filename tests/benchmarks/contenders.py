"""Who is measured: this library, raw NumPy, PyTorch, micrograd and HIPS autograd.

Their operators look alike, so most cases are written once and handed a contender; what differs
is here: how a leaf is made, and how gradients are asked for. Raw NumPy has no graph: its cases
are written out by hand in cases.py.

HIPS autograd has the import name of this library, so it runs under another interpreter, which runs
this very file as a script: it takes a request a line and answers with nanoseconds.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from importlib import import_module
from importlib.metadata import version
from typing import Any

import numpy as np


class Contender:
    """One library: its name, its version, and its words for leaf, backward and second order."""

    name = ""
    scalars_only = False

    def leaf(self, value: Any) -> Any:
        raise NotImplementedError

    def ones(self, value: Any) -> Any:
        """The gradient to start from; None where the output is one number."""
        return None if np.ndim(value) == 0 else np.ones_like(value)

    def backward(self, y: Any, ones: Any) -> None:
        y.backward(ones)

    def second(self, function: Any, x: Any, ones: Any) -> Any:
        """The derivative of the derivative of `function` (elementwise) at the leaf x."""
        raise NotImplementedError


class Ours(Contender):
    name = "ours"

    def __init__(self) -> None:
        package = import_module("autograd")
        self.leaf = lambda value: package.Tensor(value, requires_grad=True)
        self.grad = package.grad
        self.version = ""

    def second(self, function: Any, x: Any, ones: Any) -> Any:
        (slope,) = self.grad(function(x), x, ones, create_graph=True)
        return self.grad(slope, x, ones)


class PyTorch(Contender):
    name = "PyTorch"

    def __init__(self) -> None:
        self.torch = import_module("torch")
        self.torch.set_num_threads(1)
        self.version = self.torch.__version__

    def leaf(self, value: Any) -> Any:
        return self.torch.tensor(value, dtype=self.torch.float64, requires_grad=True)

    def ones(self, value: Any) -> Any:
        return (
            None if np.ndim(value) == 0 else self.torch.ones(len(value), dtype=self.torch.float64)
        )

    def second(self, function: Any, x: Any, ones: Any) -> Any:
        (slope,) = self.torch.autograd.grad(function(x), x, ones, create_graph=True)
        return self.torch.autograd.grad(slope, x, ones)


class Micrograd(Contender):
    name = "micrograd"
    scalars_only = True

    def __init__(self) -> None:
        self.leaf = import_module("micrograd.engine").Value
        self.version = version("micrograd")

    def backward(self, y: Any, ones: Any) -> None:
        y.backward()


class Hips:
    """HIPS autograd, asked over a pipe: it answers with the time of one case's second order."""

    name = "HIPS"

    def __init__(self, python: str) -> None:
        self.process = subprocess.Popen(
            [python, os.path.abspath(__file__)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, cwd=os.path.dirname(os.path.abspath(__file__)),
        )  # fmt: skip
        self.version = json.loads(self.process.stdout.readline())

    def second(self, value: Any, operations: int) -> float:
        self.process.stdin.write(json.dumps([np.asarray(value).tolist(), operations]) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def polynomial(operations: int) -> Any:
    """y = y x + 1, again and again: a chain whose second derivative is not zero."""

    def function(x: Any) -> Any:
        y = x
        for _ in range(operations // 2):
            y = y * x + 1.0
        return y

    return function


def available(hips: str | None) -> tuple[dict[str, Any], list[str]]:
    """The contenders that are installed, by name, and a line for each that is not."""
    found: dict[str, Any] = {}
    missing = []
    for contender in (Ours, PyTorch, Micrograd):
        try:
            found[contender.name] = contender()
        except ImportError:
            if contender is Ours:
                raise
            missing.append(f"{contender.name} is not installed: skipped")
    if hips is None:
        missing.append("HIPS autograd: skipped; give --hips PYTHON, an interpreter that has it")
    else:
        found["HIPS"] = Hips(hips)
    return found, missing


def answer_for_hips() -> None:
    """The other end of the pipe."""
    import gc

    from autograd import elementwise_grad

    print(json.dumps(version("autograd")), flush=True)
    gc.disable()
    for line in sys.stdin:
        value, operations = json.loads(line)
        x = np.array(value) if isinstance(value, list) else value
        second = elementwise_grad(elementwise_grad(polynomial(operations)))
        start = time.perf_counter_ns()
        result = second(x)
        took = time.perf_counter_ns() - start
        assert all(math.isfinite(r) for r in np.ravel(result))
        print(took / operations, flush=True)
        gc.collect()


if __name__ == "__main__":
    answer_for_hips()
