"""How alike vectors are: their distance, and the cosine of the angle between them, as layers.

This file is loaded when one of them is first asked for.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd import Tensor
from nn.arguments import as_floats, as_tensor, at_least_single, in_dtype
from nn.checks import flag, number, whole
from nn.habits import told
from nn.layers.normalization import cosine_similarity
from nn.module import Module

__all__ = [
    "CosineSimilarity",
    "PairwiseDistance",
    "pairwise_distance",
]


class CosineSimilarity(Module):
    """The cosine of the angle between two vectors; see `nn.functional.cosine_similarity`.

    Args: axis, of the vectors; eps, their least length. No parameters.

    >>> CosineSimilarity()([[1.0, 0.0], [1.0, 1.0]], [[0.0, 5.0], [3.0, 3.0]])
    Tensor([0., 1.])
    """

    def __init__(self, axis: int = 1, eps: float = 1e-8) -> None:
        self.axis = whole("CosineSimilarity: axis", axis)
        self.eps = number("CosineSimilarity: eps", eps, least=0)

    def forward(self, x1: Any, x2: Any) -> Tensor:
        name = "CosineSimilarity"
        return cosine_similarity(
            as_tensor(name, "first input", x1), as_tensor(name, "second input", x2),
            self.axis, self.eps,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return f"axis={self.axis}, eps={self.eps}"


@told
def pairwise_distance(
    x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdims: bool = False
) -> Any:
    """The distance of each vector of x1 to its partner in x2: the norm of x1 - x2 + eps.

    Args: x1 and x2, (n, D) or (D,), or of other shapes that broadcast to one; p, of the norm
        (sum of |d|^p)^(1/p) over the last axis, inf for the largest |d|; eps, which keeps equal
        vectors off the point where the norm has no slope; keepdims, True to keep the last axis,
        with length 1.
    Raises ValueError for shapes that do not fit. Source: PyTorch's pairwise_distance.

    >>> pairwise_distance(Tensor([[0.0, 0.0], [1.0, 1.0]]), [[3.0, 4.0], [1.0, 2.0]], eps=0.0)
    Tensor([5., 1.])
    """
    name = "pairwise_distance"
    p = number(f"{name}: p", p, finite=False)
    eps = number(f"{name}: eps", eps)
    keepdims = flag(f"{name}: keepdims", keepdims)
    x1, x2 = as_floats(x1), as_floats(x2)
    try:
        shape = np.broadcast_shapes(x1.shape, x2.shape)
    except ValueError:
        shape = ()
    if not shape:
        raise ValueError(
            f"{name}: x1 of shape {x1.shape} and x2 of shape {x2.shape} do not fit: they are "
            "vectors along the last axis, of the same length, and as many in both, or one"
        )
    distances = np.linalg.norm(at_least_single(x1) - at_least_single(x2) + eps, p, -1, keepdims)
    return in_dtype(distances, np.result_type(x1.dtype, x2.dtype))


class PairwiseDistance(Module):
    """The distances of vectors to their partners; see `nn.functional.pairwise_distance`.

    Args: p, of the norm; eps, which is added to each difference; keepdims, True to keep the last
    axis. No parameters.

    >>> PairwiseDistance(p=1.0, eps=0.0)([[0.0, 0.0]], [[3.0, 4.0]])
    Tensor([7.])
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdims: bool = False) -> None:
        self.p = number("PairwiseDistance: p", p, finite=False)
        self.eps = number("PairwiseDistance: eps", eps)
        self.keepdims = flag("PairwiseDistance: keepdims", keepdims)

    def forward(self, x1: Any, x2: Any) -> Tensor:
        name = "PairwiseDistance"
        return pairwise_distance(
            as_tensor(name, "first input", x1), as_tensor(name, "second input", x2),
            self.p, self.eps, self.keepdims,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return f"p={self.p}, eps={self.eps}, keepdims={self.keepdims}"
