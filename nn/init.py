"""First values of parameters. Each function fills a leaf Tensor with new values and returns it.

May import: autograd, random.
"""

from __future__ import annotations

import math

import numpy as np

from autograd import Tensor
from nn.random import generator

__all__ = ["kaiming_uniform_", "uniform_"]


def uniform_(
    tensor: Tensor, a: float = 0.0, b: float = 1.0, *, rng: np.random.Generator | None = None
) -> Tensor:
    """Fill with numbers drawn evenly from [a, b).

    The same seed gives the same numbers in every dtype, but for rounding. Source: PyTorch's
    nn.init.uniform_.

    >>> uniform_(Tensor([0.0, 0.0]), 2, 3).shape
    (2,)
    """
    return tensor.assign_(generator(rng).uniform(a, b, tensor.shape))


def kaiming_uniform_(
    tensor: Tensor, a: float = 0.0, *, rng: np.random.Generator | None = None
) -> Tensor:
    """Fill a weight (fan_out, fan_in) evenly within ±bound, so that signals keep their size.

    bound = sqrt(6 / ((1 + a²) fan_in)), for a leaky relu of slope a below zero (a = 0: relu). Named
    after Kaiming He: He et al., Delving Deep into Rectifiers, 2015. `a=sqrt(5)` gives PyTorch's
    first values of a linear layer, bound = 1/sqrt(fan_in).

    >>> weight = kaiming_uniform_(Tensor(np.zeros((100, 6))))
    >>> bool(np.all(abs(weight) <= 1.0))
    True
    """
    if tensor.ndim < 2:
        raise ValueError(
            f"kaiming_uniform_ needs a weight with at least 2 axes, (fan_out, fan_in), got shape "
            f"{tensor.shape}"
        )
    bound = math.sqrt(6 / ((1 + a * a) * math.prod(tensor.shape[1:])))
    return uniform_(tensor, -bound, bound, rng=rng)
