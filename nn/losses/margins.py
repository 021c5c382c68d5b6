"""Losses that want two things nearer, or farther apart, than a margin: functions and Modules.

Compositions of NumPy's functions; what is within the margin costs nothing. A target of 1 or -1 says
what is wanted. This file is loaded when one of them is first asked for.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd import Tensor, primitive
from nn.arguments import as_floats, as_tensor, at_first, at_least_single, in_dtype, values
from nn.checks import flag, number
from nn.habits import told
from nn.layers.similarity import pairwise_distance
from nn.losses.reduction import (
    _Loss,
    any_rows,
    as_constant,
    check_reduction,
    divided_by,
    elements,
    paired,
    summarised,
)

__all__ = [
    "CosineEmbeddingLoss",
    "HingeEmbeddingLoss",
    "MarginRankingLoss",
    "TripletMarginLoss",
    "cosine_embedding_loss",
    "hinge_embedding_loss",
    "margin_ranking_loss",
    "triplet_margin_loss",
]


# ---- what they share --------------------------------------------------------------------------


def _hinge(x: Any) -> Any:
    return np.maximum(x, 0)


_hinge = primitive(_hinge, lambda g, y, x: g * (x >= 0), formula="g where x >= 0", elementwise=True)


def _alike(name: str, **inputs: Any) -> list[Tensor]:
    """Tensors of floats in one dtype, which must have one shape."""
    found = {what: as_floats(as_tensor(name, what, x)) for what, x in inputs.items()}
    if len({x.shape for x in found.values()}) > 1:
        shapes = ", ".join(f"{what} {x.shape}" for what, x in found.items())
        raise ValueError(f"{name}: all inputs must have the same shape, got {shapes}")
    dtype = np.result_type(*found.values())
    return [in_dtype(x, dtype) for x in found.values()]


def _signs(name: str, target: Any, x: Any, shape: tuple[int, ...]) -> Any:
    """A target of 1 and -1 as an array in the dtype of x, of this shape."""
    signs = as_constant(name, "target", target, x.dtype)
    if signs is None or signs.shape != shape:
        cure = "give a 1 or a -1 for each"
        if signs is not None and signs.size == np.prod(shape):
            cure = f"reshape the target: target.reshape({any_rows(shape)})"
        raise ValueError(
            f"{name}: the target must have shape {shape}, got "
            f"{None if signs is None else signs.shape}; {cure}"
        )
    wrong = np.absolute(signs) != 1
    if wrong.any():
        place, at = at_first(wrong)
        raise ValueError(
            f"{name}: the target {signs[place]:g}{at} is neither 1 nor -1"
            + "; of labels 0 and 1 make them: 2 * labels - 1" * bool(signs[place] == 0)
        )
    return signs


def _vectors(
    x: Any, *others: Any, reduction: str = "mean", sample_weight: Any = None, **options: Any
) -> float | None:
    """What a mean over vectors, along the last axis, divides by: their number."""
    first = values(x)
    first = first[..., 0] if first.ndim else first
    return elements(first, None, reduction=reduction, sample_weight=sample_weight)


class _OfThree(_Loss):
    """What losses of three arguments share."""

    def forward(self, x1: Any, x2: Any, target: Any) -> Tensor:  # type: ignore[override]
        options = {name: getattr(self, name) for name in self._options}
        return self._function(x1, x2, target, **options)

    def divisor(  # type: ignore[override]
        self, first: Any, second: Any, third: Any, sample_weight: Any = None
    ) -> float | None:
        """What the value was divided by, so that values of batches add up; None for a sum."""
        counted = type(self)._function.divisor  # type: ignore[attr-defined]
        return counted(first, second, third, reduction=self.reduction, sample_weight=sample_weight)


# ---- numbers ----------------------------------------------------------------------------------


@told
@divided_by(elements)
def hinge_embedding_loss(
    prediction: Any, target: Any, margin: float = 1.0, reduction: str = "mean"
) -> Any:
    """prediction where the target is 1, max(0, margin - prediction) where it is -1.

    The prediction is a distance, small between what is alike (1), and larger than the margin
    between what is not (-1). Args: prediction and target of the same shape; margin; reduction,
    "mean" (over the number of elements), "sum" or "none". The slope at the margin is -1. Raises
    ValueError for two shapes, and for other targets. Source: PyTorch's hinge_embedding_loss.

    >>> hinge_embedding_loss([0.25, 0.25, 3.0], [1, -1, -1], reduction="none")
    Tensor([0.25, 0.75, 0.  ])
    """
    name = "hinge_embedding_loss"
    check_reduction(name, reduction)
    margin = number(f"{name}: margin", margin)
    prediction, target = paired(name, prediction, target)
    signs = _signs(name, target, prediction, prediction.shape)
    losses = np.where(signs > 0, prediction, _hinge(margin - prediction))
    return summarised(losses, reduction)


class HingeEmbeddingLoss(_Loss):
    """Distances of pairs that are alike, or not; see `nn.functional.hinge_embedding_loss`.

    >>> HingeEmbeddingLoss()([0.25, 0.25], [1, -1])
    Tensor(0.5)
    """

    _function = staticmethod(hinge_embedding_loss)

    def __init__(self, margin: float = 1.0, reduction: str = "mean") -> None:
        margin = number("HingeEmbeddingLoss: margin", margin)
        super().__init__(margin=margin, reduction=reduction)


@told
@divided_by(elements)
def margin_ranking_loss(
    x1: Any, x2: Any, target: Any, margin: float = 0.0, reduction: str = "mean"
) -> Any:
    """max(0, margin - target (x1 - x2)): x1 is to be the larger one (1), or x2 (-1), by a margin.

    Args: x1, x2 and target of the same shape; margin; reduction, "mean" (over the number of
    elements), "sum" or "none". At the margin the slope is as below it. Raises ValueError for other
    shapes and targets. Source: PyTorch's margin_ranking_loss.

    >>> margin_ranking_loss([2.0, 2.0], [1.0, 1.0], [1, -1], reduction="none")
    Tensor([0., 1.])
    """
    name = "margin_ranking_loss"
    check_reduction(name, reduction)
    margin = number(f"{name}: margin", margin)
    x1, x2 = _alike(name, x1=x1, x2=x2)
    signs = _signs(name, target, x1, x1.shape)
    return summarised(_hinge(margin - signs * (x1 - x2)), reduction)


class MarginRankingLoss(_OfThree):
    """Which of two is to be the larger one; see `nn.functional.margin_ranking_loss`.

    >>> MarginRankingLoss()([2.0, 2.0], [1.0, 1.0], [1, -1])
    Tensor(0.5)
    """

    _function = staticmethod(margin_ranking_loss)

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        margin = number("MarginRankingLoss: margin", margin)
        super().__init__(margin=margin, reduction=reduction)


# ---- vectors ----------------------------------------------------------------------------------


@told
@divided_by(_vectors)
def cosine_embedding_loss(
    x1: Any, x2: Any, target: Any, margin: float = 0.0, reduction: str = "mean"
) -> Any:
    """1 - cosine of the angle of x1 and x2 where the target is 1, max(0, cosine - margin) at -1.

    Args: x1 and x2 of one shape, (n, D) or (D,); target (n,) or (); margin, from -1 to 1;
    reduction, "mean" (over the number of vectors), "sum" or "none". 1e-12 is added to each squared
    length. Raises ValueError for other shapes and targets. Source: PyTorch's cosine_embedding_loss.

    >>> cosine_embedding_loss(np.eye(2), [[0.0, 2.0], [1.0, 0.0]], [1, -1], reduction="none")
    Tensor([1., 0.])
    """
    name = "cosine_embedding_loss"
    check_reduction(name, reduction)
    margin = number(f"{name}: margin", margin, least=-1, most=1)
    x1, x2 = _alike(name, x1=x1, x2=x2)
    _check_vectors(name, x1)
    signs = _signs(name, target, x1, x1.shape[:-1])
    dtype = x1.dtype
    x1, x2 = at_least_single(x1), at_least_single(x2)
    lengths = [np.sqrt(np.sum(x * x, axis=-1) + 1e-12) for x in (x1, x2)]
    cosines = np.sum(x1 * x2, axis=-1) / lengths[0] / lengths[1]
    losses = np.where(signs > 0, 1 - cosines, _hinge(cosines - margin))
    return in_dtype(summarised(losses, reduction), dtype)


class CosineEmbeddingLoss(_OfThree):
    """The angle of vectors that are alike, or not; see `nn.functional.cosine_embedding_loss`.

    >>> CosineEmbeddingLoss()([[1.0, 0.0]], [[0.0, 1.0]], [1])
    Tensor(1.)
    """

    _function = staticmethod(cosine_embedding_loss)

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        margin = number("CosineEmbeddingLoss: margin", margin, least=-1, most=1)
        super().__init__(margin=margin, reduction=reduction)


@told
@divided_by(_vectors)
def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Any:
    """max(0, margin + distance to the positive - distance to the negative), of each anchor.

    Args: anchor, positive and negative of one shape, (n, D) or (D,); margin > 0; p and eps as of
        `pairwise_distance`; swap, True to take the distance of positive and negative where it is
        the smaller one; reduction, "mean" (over the number of anchors), "sum" or "none".
    At the margin the slope is as below it. Raises ValueError for other shapes. Source: Balntas et
    al., "Learning local feature descriptors with triplets", 2016; PyTorch's triplet_margin_loss.

    >>> triplet_margin_loss([[0.0, 0.0]], [[3.0, 4.0]], [[0.0, 2.0]], eps=0.0)
    Tensor(4.)
    """
    name = "triplet_margin_loss"
    check_reduction(name, reduction)
    margin = number(f"{name}: margin", margin, above=0)
    anchor, positive, negative = _alike(name, anchor=anchor, positive=positive, negative=negative)
    _check_vectors(name, anchor)
    near = pairwise_distance(anchor, positive, p, eps)
    far = pairwise_distance(anchor, negative, p, eps)
    if flag(f"{name}: swap", swap):
        far = np.minimum(far, pairwise_distance(positive, negative, p, eps))
    return summarised(_hinge(margin + near - far), reduction)


class TripletMarginLoss(_OfThree):
    """An anchor nearer to its like than to another; see `nn.functional.triplet_margin_loss`.

    >>> TripletMarginLoss(eps=0.0)([[0.0, 0.0]], [[3.0, 4.0]], [[0.0, 2.0]])
    Tensor(4.)
    """

    _function = staticmethod(triplet_margin_loss)

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        name = "TripletMarginLoss"
        super().__init__(
            margin=number(f"{name}: margin", margin, above=0),
            p=number(f"{name}: p", p, finite=False),
            eps=number(f"{name}: eps", eps),
            swap=flag(f"{name}: swap", swap),
            reduction=reduction,
        )

    def forward(  # type: ignore[override]
        self, anchor: Any, positive: Any, negative: Any
    ) -> Tensor:
        return super().forward(anchor, positive, negative)


def _check_vectors(name: str, x: Any) -> None:
    if not x.ndim:
        raise ValueError(f"{name}: the inputs are vectors along the last axis, (n, D), got numbers")
