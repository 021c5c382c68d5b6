"""The commonest mistakes with losses, seen by what made the prediction, and by its values.

A loss that is given what it makes itself computes something else without a word: softmax twice,
sigmoid twice, the logarithm of nothing. Where that cannot be meant it is refused, else there is one
warning. What a Linear layer gives is not looked at, which is the usual case, nor is a leaf that is
trained itself.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd import Tensor
from nn.arguments import values
from nn.habits import warn

__all__ = [
    "PLAIN",
    "SUSPECT",
    "check_log_probabilities",
    "check_logits",
    "check_one_logit",
    "check_prediction",
    "why_infinite",
]

# What makes most logits; none of it makes probabilities.
PLAIN = frozenset(["linear", "add", "matmul", "subtract"])
# What hands values on as they are, in another order or shape.
_THROUGH = frozenset([
    "reshape", "squeeze", "expand_dims", "getitem", "transpose", "astype", "copy", "clip",
    "concatenate", "stack", "take", "diagonal", "flip", "broadcast_to",
])  # fmt: skip
# What a loss of probabilities or numbers looks at: softmax, also behind one of those.
SUSPECT = _THROUGH | {"softmax"}
# What bounds each number by itself, and between which bounds.
_BOUNDED = {
    "sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "hardtanh": (-1.0, 1.0), "relu": (0.0, math.inf),
    "hardsigmoid": (0.0, 1.0),
    "softsign": (-1.0, 1.0),
}  # fmt: skip


def _origin(tensor: Tensor) -> Tensor:
    """What made the values, as far as it was recorded."""
    for _ in range(9):
        if tensor.made_by not in _THROUGH or not tensor.made_of:
            break
        tensor = tensor.made_of[0]
    return tensor


def why_infinite(loss: Any) -> str:
    """What is told of an infinite loss in which a target of CTC may not fit into its times."""
    waiting = [loss]
    for _ in range(50):  # what a loss is put together of is near its end
        if not waiting:
            break
        tensor = waiting.pop(0)
        if tensor.made_by == "ctc" and np.isposinf(tensor.data).any():
            return (
                "CTC gives infinity for a target that does not fit into its times, of which it "
                "needs one a label, and one more between equal ones: give longer inputs, or "
                "nn.CTCLoss(zero_infinity=True), which passes it over"
            )
        waiting += tensor.made_of
    return ""


def _is_trained(x: Tensor) -> bool:
    """Whether it is a leaf with a gradient: no model has made it, and whoever did knows what."""
    return x.made_by is None and x.requires_grad


def _adds_up(x: Any, axis: int) -> bool:
    """Whether these are probabilities along an axis: none negative, their sums 1, not all of them 0
    or 1. A first look at one sum answers for most that are none."""
    if not x.size:
        return False
    rows = x if axis in (-1, x.ndim - 1) else np.moveaxis(x, axis, -1)
    slack = 1e-2 if x.dtype == np.float16 else 1e-5
    first = rows[(0,) * (rows.ndim - 1)]
    if not abs(np.add.reduce(first, dtype=np.float64) - 1) <= slack:
        return False
    sums = np.add.reduce(rows, axis=-1, dtype=np.float64)
    if not (np.absolute(sums - 1).max() <= slack and rows.min() >= 0):
        return False
    return rows.shape[-1] == 1 or bool(((rows > 0) & (rows < 1)).any())


def _is_sigmoid_by_hand(tensor: Tensor) -> bool:
    """Whether it is 1 / (1 + exp(-x)), or exp(x) / (1 + exp(x))."""
    if tensor.made_by not in ("divide", "reciprocal", "power"):
        return False
    sums = [t for t in tensor.made_of if t.made_by == "add"]
    return any(part.made_by == "exp" for t in sums for part in t.made_of)


_BOUNDS_TOLD = {
    "sigmoid": "to (0, 1)", "softmax": "to (0, 1)", "tanh": "to (-1, 1)", "hardtanh": "to [-1, 1]",
    "relu": "to what is not negative, with a gradient of 0 elsewhere",
    "hardsigmoid": "to [0, 1]",
    "softsign": "to (-1, 1)",
}  # fmt: skip


def _bound_by(x: Any, tensor: Tensor) -> str:
    """The activation that bounded these values ("" for none that is known here)."""
    kind = "sigmoid" if _is_sigmoid_by_hand(tensor) else tensor.made_by or ""
    low, high = _BOUNDED.get(kind, (0.0, 0.0))
    if kind not in _BOUNDED or not x.size:
        return ""
    # The bounds are asked of the values: somebody's own operation may have the same name, and a
    # hardtanh other bounds, which nothing has reached that is small.
    least, most = x.min(), x.max()
    reached = kind != "hardtanh" or least == low or most == high
    return kind if low <= least and most <= high and reached else ""


def check_logits(name: str, logits: Tensor, axis: int) -> None:
    """Warn of a softmax, or of another activation, before a loss that makes its own softmax; refuse
    one class alone."""
    if _is_trained(logits):
        return
    x, made = values(logits), _origin(logits)
    if x.size and x.shape[axis] == 1 and made.made_by != "softmax":
        raise ValueError(
            f"{name}: the prediction of shape {x.shape} has one class, so the loss is 0 and its "
            "gradient 0, whatever the model gives. For yes or no with one output use "
            "BCEWithLogitsLoss, for a number MSELoss, and for classes an output for each"
        )
    softmax = made.made_by == "softmax" and x.size and x.min() >= 0 and x.max() <= 1
    if softmax or _adds_up(x, axis):
        classes = x.shape[axis]
        if classes == 1:
            raise ValueError(_always_one(name))
        least = math.log(1 + (classes - 1) / math.e)
        warn(
            f"{name}: the prediction holds probabilities (of a Softmax?), but {name} takes logits "
            f"and applies a softmax itself. After two of them the loss of {classes} classes stays "
            f"above {least:.2f}, and gradients are small. Take the Softmax out of the model, and "
            "where you want probabilities use nn.functional.softmax(model(x))"
        )
    elif kind := _bound_by(x, made):
        warn(
            f"{name}: the prediction comes out of a {kind}, which limits it "
            f"{_BOUNDS_TOLD[kind]}; but {name} takes logits, any numbers, and applies a softmax "
            f"itself. Take the {kind} after the last layer out of the model"
        )


def check_one_logit(name: str, logits: Tensor) -> None:
    """Warn of a sigmoid, or of another activation, before a loss that makes its own sigmoid; refuse
    the softmax of one output."""
    if _is_trained(logits):
        return
    made = _origin(logits)
    kind = _bound_by(values(logits), made)
    if made.made_by == "softmax":
        kind = "softmax"
        if _is_one(made):
            raise ValueError(_always_one(name))
    if kind:
        both = kind in ("tanh", "hardtanh", "softsign")
        warn(
            f"{name}: the prediction comes out of a {kind}, which limits it {_BOUNDS_TOLD[kind]}; "
            f"but {name} takes logits, any numbers, and applies a sigmoid itself, whose result "
            + ("then never comes near 0 or 1" if both else "then never falls below 1/2")
            + f". Take the {kind} after the last layer out of the model"
            + (
                ", or use BCELoss, which takes probabilities"
                if kind in ("sigmoid", "hardsigmoid")
                else ""
            )
        )


def check_prediction(name: str, prediction: Tensor) -> None:
    """Refuse the softmax of one output, and softmax before a loss of log probabilities; warn of one
    along the batch."""
    made = _origin(prediction)
    if made.made_by != "softmax":
        return
    p = values(made)
    if _is_one(made):
        raise ValueError(_always_one(name))
    if name == "kl_div":
        raise ValueError(
            "kl_div: the prediction holds probabilities, of a softmax, but kl_div takes their "
            "logarithms; use log_softmax instead of softmax"
        )
    several = p.ndim == 2 and p.shape[1] > 1  # of one column it is meant, as where rows are ranked
    if several and not _adds_up(p, 1) and _adds_up(p, 0):
        warn(_along_batch(name, "softmax"))


def check_log_probabilities(name: str, x: Tensor, axis: int) -> None:
    """Refuse probabilities and logits before a loss that takes log probabilities."""
    if _is_trained(x):
        return
    data, made = values(x), _origin(x)
    if not data.size:
        return
    if made.made_by == "log_softmax":
        p = np.exp(data[:1] if data.ndim > 1 else data)  # of one row only: of all it takes long
        if not _adds_up(p, axis) and p.max() < 1 and not _hidden(made, x):
            warn(_along_batch(name, "log_softmax"))
        return
    highest = data.max()
    if not highest > 1e-3 or x.made_by is None and not _adds_up(data, axis):
        return
    found = "logits" if data.min() < 0 else "probabilities, or logits"
    found = "probabilities" if _adds_up(data, axis) else found
    raise ValueError(
        f"{name}: the prediction holds {highest:.4g}, but the logarithm of a probability is at "
        f"most 0: these are {found}. End the model in LogSoftmax"
        + " instead, or give logits to cross_entropy (CrossEntropyLoss), which is the faster way"
        * (name == "nll_loss")
    )


def _hidden(made: Tensor, x: Tensor) -> bool:
    """Whether some of the classes were taken away since."""
    return made.shape != x.shape


def _is_one(softmax: Tensor) -> bool:
    """Whether it is of one output: a softmax of more than one holds smaller numbers."""
    p = values(softmax)
    return bool(p.size) and p.min() == 1


def _always_one(name: str) -> str:
    return (
        f"{name}: the prediction is the softmax of one output, which is always 1, with a gradient "
        "of 0: nothing can be learned. For yes or no with one output take the Softmax out and use "
        "BCEWithLogitsLoss; for classes let the last layer have an output for each"
    )


def _along_batch(name: str, operation: str) -> str:
    return (
        f"{name}: the {operation} was not taken over the classes: what adds up to 1 are the "
        "samples of the batch, so each prediction depends on the others. Take it over the axis of "
        f"the classes, mostly the last: {operation}(x, axis=-1)"
    )
