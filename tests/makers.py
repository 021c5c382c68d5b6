"""What tests of every room make: leaves, random arrays; and what memory a call takes."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd import Tensor


def leaf(values: Any, name: str | None = None, dtype: Any = np.float64) -> Tensor:
    """A Tensor of these values, copied, to differentiate by; dtype=None leaves theirs."""
    return Tensor(np.array(values, dtype), requires_grad=True, name=name)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def random(*shape: int, seed: int = 0) -> Any:
    return rng(seed).normal(size=shape)


def tensor(*shape: int, seed: int = 0) -> Tensor:
    """A leaf of random numbers."""
    return leaf(random(*shape, seed=seed))


def memory_of(call: Callable[[], Any]) -> int:
    """The most bytes that were in use during a call, beyond those before it."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
