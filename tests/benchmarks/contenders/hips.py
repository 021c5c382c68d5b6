"""HIPS autograd, under an interpreter of its own: its import name is that of this library."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
sys.path[:] = [path for path in sys.path if Path(path or ".").resolve() != ROOT]

import autograd.numpy as anp  # noqa: E402
import numpy as np  # noqa: E402

from autograd import elementwise_grad, value_and_grad  # noqa: E402
from tests.benchmarks.contenders.by_hand import Updates  # noqa: E402
from tests.benchmarks.work import (  # noqa: E402
    COMPARED_STEPS,
    RATE,
    STILL,
    Phases,
    Work,
    compared,
    network_data,
    now,
    polynomial,
    value,
)

name, version = "HIPS", version_of("autograd")


def second(kind: str, operations: int = 40) -> Work:
    start = value(kind)
    differentiated = elementwise_grad(elementwise_grad(polynomial(operations)))

    def once() -> Phases:
        begin = now()
        differentiated(start)
        return {"both": (now() - begin) / operations}

    return Work(once)


def _loss(weights: list[Any], x: Any, places: Any) -> Any:
    for i in range(0, len(weights), 2):
        x = anp.dot(x, weights[i].T) + weights[i + 1]
        x = anp.maximum(x, 0) if i + 2 < len(weights) else x
    x = x - anp.max(x, axis=1, keepdims=True)
    return anp.mean(anp.log(anp.sum(anp.exp(x), axis=1)) - x[places])


def step(network: str, batch: int, compare: int = COMPARED_STEPS) -> Work:
    """It differentiates; the optimiser is the hand-written one, array by array."""
    x, labels, weights = network_data(network, batch)
    places, differentiated = (np.arange(batch), labels), value_and_grad(_loss)
    updates = [Updates(w, None, RATE) for w in weights]

    def once() -> Any:
        loss, gradients = differentiated(weights, x, places)
        for update, g in zip(updates, gradients):
            update.g = g
            update.adam()
        return loss

    check = compared(lambda: float(once()), lambda: weights, compare)
    for update in updates:
        update.rate = STILL

    def silent() -> None:
        once()

    return Work(silent, check=check)


work: dict[str, Callable[..., Work]] = {"second": second, "step": step}
