"""What `Trainer` checks before it changes anything, and how it reads its arguments."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from autograd import Tensor
from nn import metrics as known_metrics
from nn.functional import binary_cross_entropy_with_logits, cross_entropy, nll_loss
from nn.habits import warn
from nn.losses import BCEWithLogitsLoss, CrossEntropyLoss, NLLLoss
from nn.module import Module
from nn.names import unknown
from nn.optim.lr_scheduler import ReduceLROnPlateau
from nn.training.callbacks import Callback
from nn.training.held import modules

__all__ = [
    "check_finite",
    "check_kind",
    "check_loss",
    "check_parameters",
    "check_places",
    "check_scalar",
    "check_scheduler",
    "checked_callbacks",
    "interval_of",
    "is_ours",
    "listens_to_batches",
    "named_metrics",
    "numbers",
    "one_number",
    "some_rows",
    "split",
    "tell_of_hidden",
]

_TAKEN = ("loss", "lr", "epoch")  # names of other figures


def _told(value: Any) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else repr(value)


def check_kind(name: str, value: Any, kind: type, example: str) -> None:
    if not isinstance(value, kind):
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        raise TypeError(
            f"Trainer: {name} must be {article} {kind.__name__}, such as {example}; "
            f"got {_told(value)}"
        )


def check_loss(loss: Any) -> None:
    if isinstance(loss, type) or not callable(loss):
        several = isinstance(loss, (dict, list, tuple))  # as Keras has them
        raise TypeError(
            "Trainer: loss must be a function of (prediction, target), such as nn.MSELoss(); "
            f"got {_told(loss)}"
            + "; of several outputs write one function, which adds their losses"
            * several
        )
    if getattr(loss, "reduction", "mean") == "none":
        raise ValueError('Trainer: the loss must be one number: use reduction="mean", not "none"')


def check_scheduler(scheduler: Any, optimizer: Any) -> None:
    if scheduler is None:
        return
    if isinstance(scheduler, type) or not hasattr(scheduler, "step"):
        raise TypeError(
            f"Trainer: scheduler must have a method step, got {_told(scheduler)}; for example "
            "nn.optim.lr_scheduler.StepLR(optimizer, 10)"
        )
    if getattr(scheduler, "optimizer", optimizer) is not optimizer:
        raise ValueError(
            "Trainer: the scheduler moves the rates of another optimizer; make both of the same: "
            f"{type(scheduler).__name__}(optimizer, ...)"
        )


def interval_of(scheduler: Any, given: Any) -> str:
    """After what a scheduler steps, "epoch" or "batch": as told, or as it says itself."""
    interval = getattr(scheduler, "interval", "epoch") if given is None else given
    if interval not in ("epoch", "batch"):
        raise ValueError(
            f'Trainer: interval, after which the scheduler steps, must be "epoch" or "batch", got '
            f"{interval!r}"
        )
    if interval == "batch" and (scheduler is None or isinstance(scheduler, ReduceLROnPlateau)):
        what = "there is no scheduler" if scheduler is None else "it watches the loss of epochs"
        raise ValueError(
            f'Trainer: interval="batch" is for a scheduler that steps after each batch, but {what}'
        )
    return interval


def check_scalar(loss: Any) -> None:
    if not isinstance(loss, Tensor):
        raise ValueError(
            f"fit: the loss must be a Tensor with one number, got {type(loss).__name__}; return "
            "what was computed of the prediction, without float(), .item() or .data on the way"
        )
    if loss.shape != ():
        raise ValueError(
            f"fit: the loss must be a Tensor with one number, got shape {loss.shape}; take the "
            "mean of it"
        )


def check_finite(name: str, array: np.ndarray) -> None:
    """Raise ValueError for nan and infinity; looked at in blocks, for a mask is as long as data."""
    if array.dtype.kind != "f":
        return
    place, found = None, 0
    for start, block in _blocks(array):
        finite = np.isfinite(block)
        if not finite.all():
            found += int(np.count_nonzero(~finite))
            if place is None:
                row, *rest = (int(i) for i in np.argwhere(~finite)[0])
                place = (start + row, *rest)
    if place is not None:
        others = found - 1
        raise ValueError(
            f"fit: {name} holds {array[place]} at {list(place)} (the row comes first)"
            + f", and {others:,} more such values" * bool(others)
            + "; leave such rows out"
            + ", or fill them: np.nan_to_num makes each nan a 0" * bool(np.isnan(array[place]))
        )


_METHODS = [name for name in vars(Callback) if name.startswith("on_")]


def checked_callbacks(callbacks: Any) -> list[Any]:
    methods, listed = _METHODS, list(callbacks) if isinstance(callbacks, Iterable) else [callbacks]
    for callback in listed:
        is_class = isinstance(callback, type)
        if is_class or not any(hasattr(callback, name) for name in methods):
            raise TypeError(
                f"fit: a callback is an object with some of the methods {', '.join(methods)}; "
                f"got {_told(callback)}"
                + (f"; make one of it: {callback.__name__}(...)" if is_class else "")
            )
        for name in dir(callback):  # a name misspelled, or Keras', would never be called
            if name.startswith("on_") and name not in methods:
                what = f"method of a callback, in {type(callback).__name__}:"
                raise TypeError(f"fit: {unknown(what, name, methods)}")
    return listed


def listens_to_batches(callback: Any) -> bool:
    method = getattr(type(callback), "on_batch_end", None)
    return hasattr(callback, "on_batch_end") and method is not Callback.on_batch_end


def check_parameters(
    parameters: Mapping[str, Tensor], of_loss: Mapping[str, Tensor], beside: Iterable[Any],
    optimizer: Any,
) -> None:  # fmt: skip
    """Raise ValueError if nothing can be trained, or the optimiser trains what is not there; warn
    of what it lacks. Args: parameters, of the model by name; of_loss, likewise; beside, all that
    judges the model."""
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    known, trains = set(map(id, parameters.values())), _any_trains(parameters.values())
    if not (trains and held <= known):  # seldom
        others = [p for part in modules(*beside) for p in part.parameters()]
        trains = trains or _any_trains(p for p in others if id(p) in held)
        known.update(map(id, others))
    if not trains:
        why = "the model has no parameters"
        if parameters:
            why = "all parameters of the model are frozen; use requires_grad_() on some"
        raise ValueError(f"fit: there is nothing to train: {why}")
    for group in optimizer.param_groups:
        for p in group["params"]:
            if id(p) not in known:
                raise ValueError(
                    f"fit: the optimizer holds a parameter of shape {p.shape} that the model has "
                    "not; was it made before a layer was replaced? Make a new one: "
                    f"{type(optimizer).__name__}(model.parameters(), ...). (A loss with parameters "
                    "must be a Module.)"
                )
    # (What a function as a loss has from around it, such as a teacher, need not be trained.)
    named = [*parameters.items(), *((f"{name} of the loss", p) for name, p in of_loss.items())]
    left = [name for name, p in named if p.requires_grad and id(p) not in held]
    if left:
        shown = ", ".join(left[:8]) + f" and {len(left) - 8} more" * (len(left) > 8)
        warn(
            f"fit: the optimizer does not have {shown}, so training leaves them as they are. Was "
            "it made before a layer was added? Make a new one of all: "
            f"{type(optimizer).__name__}(model.parameters(), ...). If they are to stay so, freeze "
            "them: requires_grad_(False), of that part of the model"
        )


def _any_trains(parameters: Iterable[Tensor]) -> bool:
    return any(p.requires_grad for p in parameters)


def tell_of_hidden(model: Module, names: list[str]) -> None:
    """Warn of attributes with these names, whose parameters the model uses and does not have."""
    if names:
        public = ", ".join(f"self.{name.lstrip('_')}" for name in names)
        warn(
            f"fit: {type(model).__name__} computes with parameters in {', '.join(names)}, but a "
            "name that starts with _ is passed over: they are not trained, saved or loaded. Call "
            f"it {public}; or, if they are to stay as they are, freeze them: requires_grad_(False)"
        )


def check_places(what: str, saved: list[str], own: list[str]) -> None:
    """Raise ValueError unless a run has in the same places what the saved one had."""
    gone, new = [p for p in saved if p not in own], [p for p in own if p not in saved]
    if gone or new:
        has = f"has {what} at {', '.join(gone or new)}"
        who = ("the saved run", "this one") if gone else ("this Trainer", "the saved run")
        raise ValueError(
            f"load_state_dict: {who[0]} {has}, unlike {who[1]}; make model, loss and metrics as "
            "they were"
        )


def some_rows(target: np.ndarray, count: int) -> set[int]:
    """Numbers of rows: the first, and where the target is lowest and highest, and maybe wrong."""
    extremes = [_extreme(target, -1), _extreme(target, 1)] if target.size else []
    return {*range(min(count - 2, len(target))), *extremes}


def _extreme(target: np.ndarray, sign: int) -> int:
    """The row of the highest value, or the lowest; NumPy would copy all that is not writable."""
    width, found, best = math.prod(target.shape[1:]), 0, None
    for start, block in _blocks(target):
        place = int(block.argmax() if sign > 0 else block.argmin())
        value = sign * block.reshape(-1)[place].item()
        if best is None or value > best:
            found, best = start + place // width, value
    return found


def _blocks(array: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """The number of its first row, and some rows at a time."""
    step = max(1, 2**18 // max(1, math.prod(array.shape[1:])))
    for start in range(0, len(array), step):
        yield start, array[start : start + step]


def split(rows: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers to hold out, and the rest: the same for as many rows, whatever the seed."""
    count = round(rows * share)
    if not 0 < count < rows:
        raise ValueError(
            f"fit: validation_split={share} of {rows} rows holds out {count} and leaves "
            f"{rows - count} to train on; both parts need some"
        )
    order = np.random.default_rng(rows).permutation(rows)
    return np.sort(order[:count]), np.sort(order[count:])


def named_metrics(metrics: Any, loss: Any) -> dict[str, Callable[[Any, Any], Any]]:
    if isinstance(metrics, str) or callable(metrics) or not isinstance(metrics, Iterable):
        metrics = [] if metrics is None else [metrics]
    named = metrics.items() if isinstance(metrics, Mapping) else map(_with_name, metrics)
    found: dict[str, Callable[[Any, Any], Any]] = {}
    for name, metric in named:
        function = known_metrics.by_name(metric) if isinstance(metric, str) else metric
        if not callable(function) or not isinstance(name, str) or name in _TAKEN:
            raise TypeError(
                'Trainer: a metric is a name such as "accuracy", or a function of (prediction, '
                f"target) that is not called {', '.join(map(repr, _TAKEN))}; got "
                f"{metric!r}, called {name!r}"
            )
        if name in found:
            raise ValueError(
                f"Trainer: two metrics are called {name!r}; name them: metrics={{name: function}}"
            )
        found[name] = _fitted(function, loss)
    return found


def _fitted(metric: Any, loss: Any) -> Any:
    """A metric of `nn.metrics` that reads predictions and labels as the loss does."""
    options: dict[str, Any] = {}
    base = getattr(loss, "func", loss)
    if metric in _WITH_THRESHOLD and (
        isinstance(loss, BCEWithLogitsLoss) or base is binary_cross_entropy_with_logits
    ):
        options["threshold"] = 0.0  # a probability of 1/2 is a logit of 0
    if metric in _WITH_LABELS:
        if isinstance(loss, (CrossEntropyLoss, NLLLoss)):
            options["ignore_index"] = loss.ignore_index
        elif base in (cross_entropy, nll_loss):
            options["ignore_index"] = getattr(loss, "keywords", {}).get("ignore_index", -100)
    return partial(metric, **options) if options else metric


_WITH_THRESHOLD = (
    known_metrics.accuracy, known_metrics.f1_score, known_metrics.precision_score,
    known_metrics.recall_score,
)  # fmt: skip
_WITH_LABELS = (*_WITH_THRESHOLD, known_metrics.top_k_accuracy, known_metrics.roc_auc_score)


def is_ours(metric: Any) -> bool:
    """Whether a metric is one of `nn.metrics`."""
    return getattr(getattr(metric, "func", metric), "__module__", "") == known_metrics.__name__


def _with_name(metric: Any) -> tuple[str, Any]:
    if isinstance(metric, str):
        return metric, metric
    return getattr(metric, "__name__", type(metric).__name__), metric


def one_number(name: str, value: Any) -> float:
    """What a metric gave, as a float; TypeError for what is no single number."""
    value = value.data if isinstance(value, Tensor) else value
    shape = np.shape(value) if hasattr(value, "shape") else ()
    try:
        if not (shape or isinstance(value, (str, bytes)) or np.iscomplexobj(value)):
            return float(value)
    except (TypeError, ValueError, OverflowError):
        pass
    got = f"an array of shape {shape}" if shape else type(value).__name__
    raise TypeError(
        f"Trainer: the metric {name!r} must give one number, got {got}; take the mean of it"
    )


def numbers(figures: Mapping[str, Any]) -> dict[str, float]:
    """The same for the figures of several, by name."""
    return {name: one_number(name, value) for name, value in figures.items()}
