"""Higher orders of an operation whose rule is written by hand, on plain arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd import Tensor, grad

__all__ = ["recorded_gradients"]


def recorded_gradients(
    composition: Callable[..., Any], arguments: Sequence[Any], g: Any
) -> list[Any]:
    """What a rule returns that was handed Tensors: the gradients of sum(result g), recorded.

    Args: composition, the same function made of single operations, of one result or of several;
        arguments, arrays and Tensors; g, the gradient of each result.
    Returns a gradient for each argument: zeros where the result does not depend on it, None for
    what is no Tensor.

    >>> x = Tensor(3.0, requires_grad=True)
    >>> (slope,) = recorded_gradients(lambda x: x * x, [x], np.array(1.0))
    >>> slope.backward(); x.grad
    array(2.)
    """
    # Each as a result of its own, for one may have been made of another: x of a weight, say.
    fresh = [+a if isinstance(a, Tensor) and a.requires_grad else a for a in arguments]
    wanted = [a for a in fresh if isinstance(a, Tensor) and a.requires_grad]
    results = composition(*fresh)
    if isinstance(results, (tuple, list)):
        loss = sum(np.sum(result * part) for result, part in zip(results, g))
    else:
        loss = np.sum(results * g)
    found = dict(zip(map(id, wanted), grad(loss, wanted, create_graph=True, allow_unused=True)))
    return [
        np.zeros_like(a) if id(a) in found and found[id(a)] is None else found.get(id(a))
        for a in fresh
    ]
