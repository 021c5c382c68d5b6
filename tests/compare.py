"""What the tests of activations and losses share: random inputs, and PyTorch's derivatives."""

import numpy as np

import autograd
from autograd import Tensor
from tests.makers import random

REDUCTIONS = ["mean", "sum", "none"]


def derivatives(lib, function, inputs, probe):
    """A result, its gradients, and the gradients of a function of those."""
    result = function(*inputs)
    first = lib.grad((result * result + result).sum(), inputs, create_graph=True)
    second = lib.grad(sum((g * g * p).sum() for g, p in zip(first, probe)), inputs)
    return [result, *first, *second]


def assert_equals_pytorch(torch, ours, theirs, arrays, constants=(), rtol=1e-10):
    """The same derivatives of two functions; constants are given after the arrays."""
    probes = [random(*a.shape, seed=9) for a in arrays]
    mine = derivatives(
        autograd, lambda *x: ours(*x, *constants),
        [Tensor(a, requires_grad=True) for a in arrays], probes,
    )  # fmt: skip
    reference = derivatives(
        torch.autograd, lambda *x: theirs(*x, *map(torch.tensor, constants)),
        [torch.tensor(a, requires_grad=True) for a in arrays], list(map(torch.tensor, probes)),
    )  # fmt: skip
    for a, b in zip(mine, reference):
        assert a.shape == tuple(b.shape)
        np.testing.assert_allclose(a.data, b.detach().numpy(), rtol=rtol, atol=1e-12)
