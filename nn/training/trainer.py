"""Trainer: the training loop, with validation, metrics, callbacks, progress, and a clean end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from autograd import Tensor, no_grad
from nn.checks import flag, number, whole
from nn.files import as_path
from nn.module import Module
from nn.optim import Optimizer
from nn.training.arguments import (
    check_kind,
    check_loss,
    check_parameters,
    check_scheduler,
    checked_callbacks,
    interval_of,
    named_metrics,
    numbers,
)
from nn.training.callbacks import ModelCheckpoint
from nn.training.counts import Counts
from nn.training.fitting import Fit
from nn.training.held import reached
from nn.training.history import History
from nn.training.loaders import Loader, answers, has_targets, rows_of, targets_of
from nn.training.modes import LearningModes, evaluating
from nn.training.preparing import judging, training
from nn.training.progress import Silent, reporter
from nn.training.rehearsal import Rehearsal
from nn.training.resuming import Resumable
from nn.training.totals import Collected, Running, Weighted, divides, figures_of

__all__ = ["Trainer"]


class Trainer(Resumable):
    """Trains a model, judges it and lets it predict.

    Args: model, a Module; optimizer, of its parameters; loss, a function (prediction, target) ->
        Tensor with one number; metrics, names ("accuracy", "f1", "precision", "recall", "auc",
        "top_k_accuracy", "mae", "mse", "r2_score") or functions (prediction, target) -> number, or
        a dict of functions by name; scheduler of the learning rate; clip_norm, the largest norm of
        all gradients together; interval, after which the scheduler steps, "epoch" or "batch", if it
        does not say so itself; compile, True to take the steps by one compiled program, as
        `nn.compile` does: the same numbers sooner, but `.grad` is None when callbacks look.
    The loss of an epoch is that of its rows together, whatever the batches: a loss tells by
    `divisor(prediction, target)` what its value was divided by (all of `nn` do), or by its
    `reduction`, or else it is a mean over rows. The metrics are those of the predictions made while
    the model learned. What is frozen keeps its buffers: a frozen BatchNorm1d runs as in
    evaluation, as in Keras, and Dropout goes on dropping. Parts that are in `eval()` while the
    model is not stay so. A loss that is a Module trains and evaluates with the model. These modes
    are those of the thread in which it works: others may use the model meanwhile, in its own. (So
    do threads that a forward starts: they want `contextvars.copy_context().run`.)

    >>> import nn, numpy as np
    >>> _ = nn.manual_seed(0)
    >>> x = np.linspace(-1, 1, 200)[:, None]
    >>> model = nn.MLP([1, 16, 1], "tanh")
    >>> trainer = Trainer(model, nn.optim.Adam(model.parameters(), lr=0.01), nn.MSELoss(),
    ...                   metrics=["r2_score"])
    >>> history = trainer.fit(x, x**2, epochs=60, validation_split=0.2, progress=False)
    >>> len(history["val_loss"]), trainer.evaluate(x, x**2)["r2_score"] > 0.95
    (60, True)
    """

    def __init__(
        self,
        model: Module,
        optimizer: Optimizer,
        loss: Callable[[Any, Any], Tensor],
        metrics: Any = (),
        *,
        scheduler: Any = None,
        clip_norm: float | None = None,
        interval: str | None = None,
        compile: bool = False,
    ) -> None:
        check_kind("model", model, Module, "nn.Sequential(...)")
        check_kind("optimizer", optimizer, Optimizer, "nn.optim.Adam(model.parameters())")
        check_loss(loss)
        check_scheduler(scheduler, optimizer)
        if clip_norm is not None:
            clip_norm = number("Trainer: clip_norm", clip_norm, above=0, finite=False)
        self.model, self.optimizer, self.loss, self.scheduler = model, optimizer, loss, scheduler
        self.metrics = named_metrics(metrics, loss)
        self.clip_norm, self.interval = clip_norm, interval_of(scheduler, interval)
        self.compile = flag("Trainer: compile", compile)
        self.epoch = 0  # epochs done, in all calls of fit
        self.history = History()
        self._first = 0  # the epoch before this fit
        self._running = Running()
        self._rate: Any = 0.0  # of the newest step,
        self._first_rate: Any = None  # and before the first, while a fit is under way
        self._loader: Loader | None = None
        self._incoming: Loader | None = None  # the loader that a run being loaded goes on with
        self._callbacks: list[Any] = []
        self._resumed: Mapping[str, Any] | None = None
        self._began: Counts | None = None  # attributes as they were before the first fit
        self._shared: dict[str, Any] = {}  # the generators of everybody, likewise
        self._modes = LearningModes(model, loss, ())  # those of the fit under way,
        self._modes_before: dict[str, Any] = {}  # and by name, as they were before the first fit
        self._stop = False
        self._reporter = Silent()

    # ---- training -----------------------------------------------------------------------------

    def fit(
        self,
        x: Any,
        y: Any = None,
        *,
        epochs: int = 1,
        batch_size: int | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        shuffle: bool = True,
        callbacks: Iterable[Any] = (),
        progress: bool | int | str = True,
        resume_from: str | os.PathLike[str] | None = None,
    ) -> History:
        """Train for some epochs; returns the History of all epochs of this Trainer so far.

        Args: x and y, arrays with a row for each sample, or for x a DataLoader (PyTorch's Dataset
            and DataLoader too); of several inputs a tuple, for model(x1, x2), or a dict, for
            model(a=x1, b=x2); batch_size, 32 (or all rows, if fewer) where not given;
            validation_split, the share of the rows that is not trained on but judged after each
            epoch (drawn evenly, and always the same rows of as many, so that a later fit learns
            from none of them); validation_data, (x, y), (x, y, sample_weight) or a DataLoader,
            instead; sample_weight, a number for each row: one of weight 2 counts as two; for the
            loss alone, which must have a reduction; class_weight, {label: weight} or an array, the
            same by the row's label, in training; shuffle, a new order each epoch; callbacks, see
            `nn.Callback`; progress, True, False, "bar", or k for a line every k epochs;
            resume_from, a checkpoint of this fit to go on with, if there is one yet, up to `epochs`
            in all.
        Ctrl-C ends training after the batch under way and keeps what was learned.
        Raises ValueError and TypeError for what does not fit, before anything is changed;
        FloatingPointError for a loss that is nan or infinite, before its step is made.
        """
        callbacks = checked_callbacks(callbacks)
        epochs = whole("fit: epochs", epochs, least=1)
        show = reporter(progress)
        if resume_from is not None:
            as_path("fit: resume_from", resume_from)
        parameters = dict(self.model.named_parameters())  # asked for once: it is a long walk
        train, validation = training(
            x, y, batch_size, validation_split, validation_data, shuffle,
            _float_of(parameters.values()), sample_weight, class_weight,
        )  # fmt: skip
        of_loss = dict(self.loss.named_parameters()) if isinstance(self.loss, Module) else {}
        beside = self._beside()
        check_parameters(parameters, of_loss, beside.values(), self.optimizer)
        weighed = sample_weight is not None or class_weight is not None
        weighted = Weighted(self.loss) if weighed else None
        divide = divides(self.loss, targets_of(train, whole=True))
        if resume_from is not None or any(isinstance(c, ModelCheckpoint) for c in callbacks):
            self._check_savable(train)
        held = reached(self._roots().values(), methods=False)  # gone through once
        rehearsal = Rehearsal(self.model, self.loss, self.metrics, beside, divide, held)
        rehearsal.of(train, trained=True)
        if validation is not None:
            rehearsal.of(validation)
        self._note_beginning(train)
        self._take_place(train, resume_from)
        self._loader, self._callbacks, self._reporter = train, callbacks, show
        self._stop = self.history.interrupted = False
        rates = [self.optimizer.param_groups[0]["lr"]] * 2
        self._rate, self._first_rate = (self._resumed or {}).get("rates") or rates
        try:
            fit = Fit(self, train, validation, divide, weighted, show)
            fit.run(epochs, [*parameters.values(), *of_loss.values()], rehearsal.modules)
        finally:
            show.close()
            self._reporter, self._first_rate = Silent(), None
        return self.history

    def stop(self) -> None:
        """End training after the batch or, asked from `on_epoch_end`, the epoch under way."""
        self._stop = True

    def say(self, text: str) -> None:
        """Print a line beside the progress of `fit`; nothing where it shows none."""
        self._reporter.say(text)

    # ---- judging and predicting ---------------------------------------------------------------

    def evaluate(
        self, x: Any, y: Any = None, *, batch_size: int | None = None, sample_weight: Any = None
    ) -> dict[str, float]:
        """The loss and the metrics of the model as it is, of all rows together.

        Args: x and y as in `fit`; batch_size, how many rows to compute at a time; sample_weight, as
            in `fit`, for the loss. Of a DataLoader, also one that is made for training, all rows
            are taken, in the data's order; one with a transform is refused.
        Losses and metrics of `nn`, but for r2_score and "auc", and those of one's own with a
        `divisor`, are added up; others get all predictions at once (targets are not to be written).

        >>> import nn
        >>> layer = nn.Linear(1, 1)
        >>> nn.init.zeros_(layer.weight), nn.init.ones_(layer.bias)  # doctest: +ELLIPSIS
        (Tensor(...), Tensor(...))
        >>> trainer = Trainer(layer, nn.optim.SGD(layer.parameters()), nn.MSELoss())
        >>> trainer.evaluate([[1.0], [2.0]], [[1.0], [3.0]])
        {'loss': 2.0}
        """
        loader = judging(
            "evaluate", x, y, batch_size, dtype=self._dtype(), sample_weight=sample_weight
        )
        if not has_targets(loader):
            raise ValueError("evaluate needs targets: evaluate(x, y)")
        with evaluating(self.model, self._beside()), no_grad():
            blocks = answers(loader, self.model)
            figures = figures_of(
                blocks, self.loss, self.metrics, rows_of(loader), lambda: targets_of(loader)
            )
        return numbers(figures)

    def predict(self, x: Any, *, batch_size: int | None = None) -> Any:
        """What the model gives for each row, as an array; Dropout and the like are off.

        Args: x, an array with a row for each sample, or several, or a DataLoader, as in
            `evaluate`; batch_size, how many rows to compute at a time. Threads may share the model.
        Returns a tuple or a dict of arrays where the model gives several.
        """
        loader = judging("predict", x, None, batch_size, dtype=self._dtype())
        found = Collected(rows_of(loader))
        with evaluating(self.model, {}), no_grad():
            for prediction, _, _ in answers(loader, self.model):
                found.add(prediction)
                del prediction  # before the next is made
        return found.result()

    def _dtype(self) -> Any:
        """That of the parameters, in which floats are computed."""
        return _float_of(self.model.parameters())

    def __repr__(self) -> str:
        return (
            f"Trainer({type(self.model).__name__}, {type(self.optimizer).__name__}, "
            f"{getattr(self.loss, '__name__', type(self.loss).__name__)}; {self.epoch} epochs done)"
        )


def _float_of(parameters: Iterable[Tensor]) -> Any:
    return next((p.dtype for p in parameters if p.dtype.kind == "f"), None)
