"""First and second derivatives of ours beside PyTorch's, in float64."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd
from autograd import Tensor


def derivatives(lib: Any, inputs: list[Any], function: Callable[..., Any]) -> list[Any]:
    """The result, the gradients of the sum of its cubes, and those of the sum of their squares."""
    y = function(*inputs)
    first = lib.grad((y * y * y).sum(), inputs, create_graph=True)
    second = lib.grad(sum((g * g).sum() for g in first), inputs)
    return [y, *first, *second]


def assert_as_pytorch(
    ours: Callable[..., Any], theirs: Callable[..., Any], *arrays: Any, rtol: float = 1e-9
) -> None:
    """Both functions give the same of these arrays, and so do their derivatives of both orders."""
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    mine = derivatives(autograd, [Tensor(a, requires_grad=True) for a in arrays], ours)
    other = derivatives(
        torch.autograd, [torch.tensor(a, requires_grad=True) for a in arrays], theirs
    )
    for found, reference in zip(mine, other):
        reference = reference.detach().numpy()
        assert found.shape == reference.shape
        scale = max(1.0, abs(reference).max(initial=0))
        np.testing.assert_allclose(found.data, reference, rtol=rtol, atol=rtol * scale)
