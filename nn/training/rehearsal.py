"""The rehearsal of a fit: a few rows go through everything before anything is trained."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from autograd import Tensor, enable_grad, no_grad
from nn.module import Module
from nn.parts import as_several, called, leaves, mapped
from nn.random import borrowed
from nn.training.arguments import check_scalar, is_ours, one_number, tell_of_hidden
from nn.training.counts import AsItWas
from nn.training.held import hidden_parameters, reached
from nn.training.loaders import Loader, ends_with_one_row, held_by, predicted, sample
from nn.training.modes import evaluating
from nn.training.totals import Divisor, Weighted, check_divisor, check_single

__all__ = ["Rehearsal"]

REHEARSED = 64  # rows


class Rehearsal:
    """Tries some rows of data, so that what does not fit changes nothing; all is then as it was.

    Args: model; loss; metrics; beside, the latter two by place; divides, what the loss was divided
        by; held, all that the run holds.
    """

    def __init__(
        self, model: Module, loss: Any, metrics: Mapping[str, Any], beside: Mapping[str, Any],
        divides: Divisor, held: list[Any],
    ) -> None:  # fmt: skip
        self.model, self.loss, self.metrics = model, loss, metrics
        self.beside, self.divides, self.held = beside, divides, held
        self.modules = [value for value in held if isinstance(value, Module)]

    def of(self, loader: Loader, trained: bool = False) -> None:
        """Args: trained, whether this is what the model is to be trained on."""
        everything = reached([held_by(loader)], known=self.held)
        before = AsItWas(everything, whole=loader.transform is not None)
        try:
            with borrowed():
                self._try(loader, trained)
        finally:
            before.put_back()

    def _try(self, loader: Loader, trained: bool) -> None:
        rows = 0
        try:
            x, y, weight = sample(loader, REHEARSED)
            rows = len(leaves(y)[0])
            with evaluating(self.model, self.beside, self.modules), no_grad():
                prediction = predicted(self.model, x)
                self._try_loss(mapped(Tensor, prediction), y, weight)
                if trained:
                    self._tell_of_hidden(x)
            if trained and ends_with_one_row(loader):
                with no_grad():  # BatchNorm1d cannot train on it; a copy keeps its statistics
                    called(copy.deepcopy(self.model).train(), mapped(lambda array: array[:1], x))
        except Exception as error:
            if hasattr(error, "add_note"):  # from Python 3.11 on
                error.add_note(
                    f"fit tried {rows} rows of the data before its first step; nothing has changed"
                )
            raise
        for name, metric in self.metrics.items():
            try:
                one_number(name, metric(prediction, y))
            except ValueError:  # it may want more rows than these, or more kinds of them
                if getattr(loader, "_rows", 0) >= REHEARSED and is_ours(metric):
                    raise

    def _try_loss(self, prediction: Any, y: Any, weight: Any) -> None:
        check_single(self.loss, self.metrics, prediction, y)
        if weight is not None:
            check_scalar(Weighted(self.loss)(prediction, y, weight)[0])
            return
        check_scalar(self.loss(prediction, y))
        check_divisor(self.loss, self.divides(prediction, y))

    def _tell_of_hidden(self, x: Any) -> None:
        """Warn of layers that the model uses under names which are not gone through."""
        hidden = list(hidden_parameters(self.modules))
        if not hidden:
            return
        known = set(map(id, self.model.parameters()))
        with enable_grad():
            outputs = leaves(as_several(called(self.model, x)))
        used = _computed_from(outputs) - known
        tell_of_hidden(self.model, sorted({name for name, p in hidden if id(p) in used}))


def _computed_from(outputs: list[Any]) -> set[int]:
    """The ids of all Tensors that these were recorded to be computed from."""
    stack, seen = [output for output in outputs if isinstance(output, Tensor)], set()
    while stack:
        tensor = stack.pop()
        if id(tensor) not in seen:
            seen.add(id(tensor))
            stack.extend(tensor.made_of)
    return seen
