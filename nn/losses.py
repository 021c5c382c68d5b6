"""Losses as Modules; their formulas are in `nn.functional`.

May import: autograd, functional, module.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd import Tensor
from nn import functional
from nn.functional.arguments import check_reduction, check_smoothing, values
from nn.module import Module

__all__ = ["CrossEntropyLoss", "MSELoss"]


class MSELoss(Module):
    """The squared error (prediction - target)²; see `nn.functional.mse_loss`.

    >>> MSELoss()(Tensor([1.0, 3.0]), [1.0, 1.0])
    Tensor(2.)
    """

    def __init__(self, reduction: str = "mean") -> None:
        check_reduction("MSELoss", reduction)
        self.reduction = reduction

    def forward(self, prediction: Any, target: Any) -> Tensor:
        return functional.mse_loss(prediction, target, self.reduction)


class CrossEntropyLoss(Module):
    """-log of the probability that softmax(logits) gives to the target; see
    `nn.functional.cross_entropy`.

    >>> CrossEntropyLoss()(Tensor([[0.0, 0.0], [0.0, 0.0]]), [0, 1])
    Tensor(0.69314718)
    """

    def __init__(
        self,
        weight: Any = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        check_reduction("CrossEntropyLoss", reduction)
        check_smoothing("CrossEntropyLoss", label_smoothing)
        self.weight = None if weight is None else np.array(values(weight))
        self.ignore_index = ignore_index
        self.reduction, self.label_smoothing = reduction, label_smoothing

    def forward(self, logits: Any, target: Any) -> Tensor:
        return functional.cross_entropy(
            logits,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )
