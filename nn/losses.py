"""Losses as Modules; their formulas are in `nn.functional`.

May import: autograd, functional, module.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd import Tensor
from nn import functional
from nn.functional.arguments import (
    as_constant,
    as_number,
    check_ignore_index,
    check_reduction,
    check_smoothing,
    elements,
)
from nn.functional.class_losses import label_weights
from nn.module import Module

__all__ = [
    "BCELoss", "BCEWithLogitsLoss", "CrossEntropyLoss", "HuberLoss", "L1Loss", "MSELoss",
    "NLLLoss", "SmoothL1Loss",
]  # fmt: skip


class _Loss(Module):
    """What all losses share: a function, and its options, which are attributes."""

    _function: Callable[..., Any]
    reduction: str

    def __init__(self, **options: Any) -> None:
        check_reduction(type(self).__name__, options["reduction"])
        self._options = tuple(options)
        vars(self).update(options)

    def forward(self, prediction: Any, target: Any) -> Tensor:
        options = {name: getattr(self, name) for name in self._options}
        return self._function(prediction, target, **options)

    def divisor(self, prediction: Any, target: Any, sample_weight: Any = None) -> float | None:
        """What the value was divided by, so that values of batches add up; None for a sum.

        sample_weight, a weight for each row, counts a row of weight 2 twice.
        """
        if sample_weight is None and self.reduction == "mean":
            return prediction.size  # as below, but for the call: small steps feel it
        return elements(prediction, target, reduction=self.reduction, sample_weight=sample_weight)

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={_shown(getattr(self, name))}" for name in self._options)


def _shown(value: Any) -> str:
    return f"<shape {value.shape}>" if isinstance(value, np.ndarray) else repr(value)


class MSELoss(_Loss):
    """The squared error (prediction - target)²; see `nn.functional.mse_loss`.

    >>> MSELoss()(Tensor([1.0, 3.0]), [1.0, 1.0])
    Tensor(2.)
    """

    _function = staticmethod(functional.mse_loss)

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)


class L1Loss(_Loss):
    """The distance |prediction - target|; see `nn.functional.l1_loss`.

    >>> L1Loss()(Tensor([1.0, 3.0]), [1.0, 1.0])
    Tensor(1.)
    """

    _function = staticmethod(functional.l1_loss)

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)


class HuberLoss(_Loss):
    """Half the squared error up to delta, linear beyond; see `nn.functional.huber_loss`.

    >>> HuberLoss()(Tensor([1.0, 3.0]), [1.0, 1.0])
    Tensor(0.75)
    """

    _function = staticmethod(functional.huber_loss)

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        delta = as_number("HuberLoss", "delta", delta, above=0)
        super().__init__(reduction=reduction, delta=delta)


class SmoothL1Loss(_Loss):
    """The distance, rounded off up to beta; see `nn.functional.smooth_l1_loss`.

    >>> SmoothL1Loss(beta=2.0)(Tensor([1.0, 3.0]), [1.0, 1.0])
    Tensor(0.5)
    """

    _function = staticmethod(functional.smooth_l1_loss)

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        beta = as_number("SmoothL1Loss", "beta", beta, least=0)
        super().__init__(reduction=reduction, beta=beta)


class BCELoss(_Loss):
    """Binary cross-entropy of probabilities; see `nn.functional.binary_cross_entropy`.

    Put a Sigmoid before it, or better use BCEWithLogitsLoss without one.

    >>> BCELoss()(Tensor([0.5, 0.5]), [0, 1])
    Tensor(0.69314718)
    """

    _function = staticmethod(functional.binary_cross_entropy)

    def __init__(self, weight: Any = None, reduction: str = "mean") -> None:
        weight = as_constant("BCELoss", "weight", weight)
        super().__init__(weight=weight, reduction=reduction)


class BCEWithLogitsLoss(_Loss):
    """Binary cross-entropy of logits; see `nn.functional.binary_cross_entropy_with_logits`.

    Put no Sigmoid before it: it makes the probabilities itself, and safely.

    >>> BCEWithLogitsLoss()(Tensor([0.0, 1000.0]), [0, 1])
    Tensor(0.34657359)
    """

    _function = staticmethod(functional.binary_cross_entropy_with_logits)

    def __init__(self, weight: Any = None, reduction: str = "mean", pos_weight: Any = None) -> None:
        weight = as_constant("BCEWithLogitsLoss", "weight", weight)
        pos_weight = as_constant("BCEWithLogitsLoss", "pos_weight", pos_weight)
        super().__init__(weight=weight, reduction=reduction, pos_weight=pos_weight)


class _OfLabels(_Loss):
    """What losses of labels share."""

    weight: Any
    ignore_index: int

    def divisor(self, prediction: Any, target: Any, sample_weight: Any = None) -> float | None:
        """The number of labels that count, or the sum of their weights; None for a sum."""
        return label_weights(
            prediction, target, self.weight, ignore_index=self.ignore_index,
            reduction=self.reduction, sample_weight=sample_weight,
        )  # fmt: skip


class CrossEntropyLoss(_OfLabels):
    """-log of the probability that softmax(logits) gives to the target.

    It takes logits, so put no Softmax before it (it warns of one), and integer labels (n,), or
    probabilities. Options and errors are those of `nn.functional.cross_entropy`.

    >>> CrossEntropyLoss()(Tensor([[0.0, 0.0], [0.0, 0.0]]), [0, 1])
    Tensor(0.69314718)
    """

    _function = staticmethod(functional.cross_entropy)
    divisor = _OfLabels.divisor
    label_smoothing: float

    def __init__(
        self,
        weight: Any = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        check_ignore_index("CrossEntropyLoss", ignore_index)
        check_smoothing("CrossEntropyLoss", label_smoothing)
        super().__init__(
            weight=as_constant("CrossEntropyLoss", "weight", weight),
            ignore_index=ignore_index,
            reduction=reduction,
            label_smoothing=label_smoothing,
        )

    def forward(self, prediction: Any, target: Any) -> Tensor:
        # As that of all losses, without a dict on the way: small steps feel it.
        return functional.cross_entropy(
            prediction, target, self.weight, ignore_index=self.ignore_index,
            reduction=self.reduction, label_smoothing=self.label_smoothing,
        )  # fmt: skip


class NLLLoss(_OfLabels):
    """-log of the probability of the label, from log probabilities; see `nn.functional.nll_loss`.

    Put a LogSoftmax before it, or use CrossEntropyLoss without one.

    >>> NLLLoss()(np.log([[0.5, 0.5], [0.5, 0.5]]), [0, 1])
    Tensor(0.69314718)
    """

    _function = staticmethod(functional.nll_loss)

    def __init__(
        self, weight: Any = None, ignore_index: int = -100, reduction: str = "mean"
    ) -> None:
        check_ignore_index("NLLLoss", ignore_index)
        weight = as_constant("NLLLoss", "weight", weight)
        super().__init__(weight=weight, ignore_index=ignore_index, reduction=reduction)
