"""Trainer: the training loop, with validation, metrics, callbacks, progress, and a clean end."""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from autograd import Tensor, enable_grad, no_grad
from nn.checks import number, whole
from nn.clipping import clip_grad_norm_
from nn.files import CheckpointNotFoundError, as_path, check_parts, load_checkpoint
from nn.modes import OwnModes
from nn.module import Module
from nn.optim import Optimizer
from nn.optim.lr_scheduler import ReduceLROnPlateau
from nn.parts import as_several, called, leaves, mapped
from nn.random import borrowed, get_state, set_state
from nn.training.arguments import (
    check_kind,
    check_loss,
    check_parameters,
    check_scalar,
    check_scheduler,
    checked_callbacks,
    interval_of,
    is_ours,
    listens_to_batches,
    named_metrics,
    one_number,
    tell_of_hidden,
)
from nn.training.callbacks import ModelCheckpoint
from nn.training.counts import AsItWas, Counts, take_counts
from nn.training.held import (
    hidden_parameters,
    is_users,
    judges,
    modules,
    resting,
    take_sources,
)
from nn.training.history import History
from nn.training.interrupts import Interrupts
from nn.training.loaders import (
    Loader,
    answers,
    ends_with_one_row,
    has_targets,
    rows_of,
    sample,
    targets_of,
)
from nn.training.preparing import judging, training
from nn.training.progress import Silent, reporter
from nn.training.resuming import Resumable, restore_callbacks
from nn.training.totals import (
    Collected,
    Running,
    Weighted,
    check_divisor,
    check_single,
    divides,
    figures_of,
    plain,
)

__all__ = ["Trainer"]

REHEARSED = 64  # rows that go through model, loss and metrics before anything is trained


class Trainer(Resumable):
    """Trains a model, judges it and lets it predict.

    Args: model, a Module; optimizer, of its parameters; loss, a function (prediction, target) ->
        Tensor with one number; metrics, names ("accuracy", "f1", "precision", "recall", "auc",
        "top_k_accuracy", "mae", "mse", "r2_score") or functions (prediction, target) -> number, or
        a dict of functions by name; scheduler of the learning rate; clip_norm, the largest norm of
        all gradients together; interval, after which the scheduler steps, "epoch" or "batch", if it
        does not say so itself.
    The loss of an epoch is that of its rows together, whatever the batches: a loss tells by
    `divisor(prediction, target)` what its value was divided by (all of `nn` do), or by its
    `reduction`, or else it is a mean over rows. The metrics are those of the predictions made while
    the model learned. What is frozen keeps its buffers: a frozen BatchNorm1d runs as in
    evaluation, as in Keras, and Dropout goes on dropping. Parts that are in `eval()` while the
    model is not stay so. A loss that is a Module trains and evaluates with the model. These modes
    are those of the thread in which it works: others may use the model meanwhile, in its own. (So
    do threads that a forward starts: they want `contextvars.copy_context().run`.)

    >>> import nn
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
        self.epoch = 0  # epochs done, in all calls of fit
        self.history = History()
        self._first = 0  # the epoch before this fit
        self._running = Running()
        self._divides = divides(loss)
        self._weighted: Weighted | None = None  # the loss, if rows have weights
        self._rate: Any = 0.0  # of the newest step,
        self._first_rate: Any = None  # and before the first, while a fit is under way
        self._loader: Loader | None = None
        self._incoming: Loader | None = None  # the loader that a run being loaded goes on with
        self._callbacks: list[Any] = []
        self._resumed: Mapping[str, Any] | None = None
        self._began: Counts | None = None  # attributes as they were before the first fit
        self._shared: dict[str, Any] = {}  # the generators of everybody, likewise
        self._modes = OwnModes(())  # those of the fit under way,
        self._modes_before: dict[str, Any] = {}  # by name, as they were before the first fit,
        self._usual: dict[int, Any] = {}  # as they are to train in,
        self._resting: list[Module] = []  # and what evaluates there because it is frozen
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
        self._check_parameters(parameters)
        held = modules(*self._roots().values())
        weighed = sample_weight is not None or class_weight is not None
        self._divides = divides(self.loss, targets_of(train, whole=True))
        self._weighted = Weighted(self.loss) if weighed else None
        if resume_from is not None or any(isinstance(c, ModelCheckpoint) for c in callbacks):
            self._check_savable(train)
        self._rehearse(train, held, trained=True)
        if validation is not None:
            self._rehearse(validation, held)
        self._note_beginning(train)
        self._take_place(train, resume_from)
        self._loader, self._callbacks, self._reporter = train, callbacks, show
        self._stop = self.history.interrupted = False
        rates = [self.optimizer.param_groups[0]["lr"]] * 2
        self._rate, self._first_rate = (self._resumed or {}).get("rates") or rates
        try:
            resumed, self._resumed = self._resumed, None
            self._begin("on_train_begin", resumed)
            if resumed is not None and "parts" not in resumed:
                self._tell_of_older()
            last = self._first + epochs
            if self.epoch >= last:
                self.say(f"nothing left to train: {self.epoch} of {last} epochs are done")
            # NumPy's warnings of overflow are left to the test of the loss, which says where.
            quiet = np.errstate(over="ignore", invalid="ignore")
            own = OwnModes(modules(*self._roots().values()) if callbacks else held)
            with own as self._modes, enable_grad(), quiet, Interrupts() as interrupts:
                modes = (resumed or {}).get("modes", {})
                for name, module in self.model.named_modules() if modes else ():
                    module.training = modes.get(name, module.training)
                self._settle(parameters.values())
                self._run(last, validation, interrupts, resumed)
        finally:
            show.close()
            self._reporter, self._first_rate = Silent(), None
            self._usual, self._resting = {}, []
        return self.history

    def stop(self) -> None:
        """End training after the batch or, asked from `on_epoch_end`, the epoch under way."""
        self._stop = True

    def say(self, text: str) -> None:
        """Print a line beside the progress of `fit`; nothing where it shows none."""
        self._reporter.say(text)

    def _begin(self, method: str, resumed: Mapping[str, Any] | None) -> None:
        """Callbacks begin. In a run that goes on everything then stands where it was, whatever they
        have drawn or set to begin: that they had done before."""
        if resumed is None:
            self._call(method)
            return
        drawn = get_state()
        self._call(method)
        take_counts(resumed.get("counts", {}), self._counted())
        if resumed["model"] is not None:
            for part, state in self._saved_parts(resumed):
                part.load_state_dict(state)
        restore_callbacks(self._callbacks, resumed["callbacks"])
        take_sources(resumed.get("generators", {}), self._sources())
        set_state(drawn)

    def _run(
        self, last: int, validation: Loader | None, interrupts: Interrupts, resumed: Any
    ) -> None:
        try:
            self._epochs(last, validation, interrupts, resumed)
        except BaseException as error:
            self._end(error)
            raise
        self._end(None)

    def _end(self, error: BaseException | None) -> None:
        """Whatever ended training, all callbacks hear of it; what fails there does not hide why."""
        failed: Exception | None = None
        for callback in self._callbacks:
            try:
                getattr(callback, "on_train_end", _nothing)(self)
            except Exception as another:
                failed = failed or another
        if failed is None:
            return
        if error is None:
            raise failed
        if hasattr(error, "add_note"):  # from Python 3.11 on
            error.add_note(f"on_train_end failed as well: {failed!r}")

    def _epochs(
        self, last: int, validation: Loader | None, interrupts: Interrupts, resumed: Any
    ) -> None:
        torn = False
        try:
            while self.epoch < last and not (interrupts.asked or self._stop):
                self._begin("on_epoch_begin", resumed if self._running.batches else None)
                resumed = None
                if self._stop:
                    break
                if any(is_users(type(callback)) for callback in self._callbacks):
                    self._settle()
                if not self._epoch(last, interrupts):
                    break
                logs = self._figures(validation)
                self.history.append(logs)
                self.epoch += 1
                self._running = Running()
                self._step_scheduler(logs)
                self._reporter.end(logs)
                self._call("on_epoch_end", logs)
                self.history.amend(_figures_of_callbacks(logs))
                self._call("on_checkpoint", logs)
        except KeyboardInterrupt:  # of another handler, in the middle of anything
            if interrupts.asked:  # for the second time: at once
                raise
            interrupts.asked = torn = True
        if interrupts.asked and self.epoch < last:
            self._interrupted()
            if not torn:  # half a step would not go on bit for bit
                self._call("on_checkpoint", {})

    def _epoch(self, last: int, interrupts: Interrupts) -> bool:
        """One pass over the training data; False where it was ended before its end."""
        loader, running = self._loader, self._running
        assert loader is not None
        self._reporter.start(self.epoch + 1, last, self._batches())
        self._reporter.batch(running.batches)
        listeners = [c for c in self._callbacks if listens_to_batches(c)]
        for batch in loader:
            value, divisor, prediction = self._batch(*batch)
            running.add(value, divisor)
            if self.metrics:
                running.keep(prediction, batch[1], self.metrics)
            self._reporter.batch()
            self._rate = self.optimizer.param_groups[0]["lr"]
            if self.interval == "batch":
                self.scheduler.step()
            if listeners:
                changes = self._modes.changes
                for callback in listeners:
                    callback.on_batch_end(self)
                if self._modes.changes != changes:
                    self._settle()
            if interrupts.asked or self._stop:
                return False
        return True

    def _batch(self, x: Any, y: Any, weight: Any = None) -> tuple[float, float | None, Any]:
        """One step of the optimiser: the explicit training loop.

        Returns the loss, what it was divided by, and the prediction.
        """
        self.optimizer.zero_grad()
        prediction = self.model(x) if x.__class__ is np.ndarray else called(self.model, x)
        if self._weighted is None:
            loss, divisor = self.loss(prediction, y), self._divides(prediction, y)
        else:
            loss, divisor = self._weighted(prediction, y, weight)
        value = loss.item()
        if not math.isfinite(value):
            raise FloatingPointError(
                self._nothing_counts(y) if divisor == 0 else self._not_finite(value)
            )
        loss.backward(retain_graph=False)
        if self.clip_norm is not None:
            groups = self.optimizer.param_groups
            clip_grad_norm_([p for group in groups for p in group["params"]], self.clip_norm)
        self.optimizer.step()
        return value, divisor, prediction

    def _figures(self, validation: Loader | None) -> dict[str, float]:
        """The loss and the metrics of the epoch that ended, on both parts."""
        logs = {"loss": self._running.loss()}
        if self.metrics:
            logs |= _numbers(self._running.figures(self.metrics))
        if validation is not None:
            judged = self.evaluate(validation)
            logs |= {f"val_{name}": value for name, value in judged.items()}
        moved = {self._rate, self.optimizer.param_groups[0]["lr"]} != {self._first_rate}
        if self.scheduler is not None or moved or "lr" in self.history.history:
            logs["lr"] = float(self._rate)
        return logs

    def _step_scheduler(self, logs: Mapping[str, float]) -> None:
        if self.interval == "batch":
            return
        if isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step(logs.get("val_loss", logs["loss"]))
        elif self.scheduler is not None:
            self.scheduler.step()

    def _take_place(self, train: Loader, path: Any) -> None:
        """Go on where a saved run was: in its data, its open epoch and its number of epochs."""
        if path is not None:
            self._incoming, resumed = train, self._resumed
            try:  # with the loader, so that data that do not fit undo the loading, too
                load_checkpoint(path, trainer=self)
                return
            except CheckpointNotFoundError:
                pass  # the first time
            except BaseException:
                self._resumed = resumed
                raise
            finally:
                self._incoming = None
        self._first = self.epoch
        if self._resumed is None:
            self._running = Running()
            return
        if self._resumed["loader"] is not None:  # load_checkpoint(path, trainer=...) came before
            train.load_state_dict(self._resumed["loader"])
        # Callbacks of this fit begin anew, and what was set since the run was loaded stays so.
        counts = {p: v for p, v in self._resumed.get("counts", {}).items() if p[:6] == "loader"}
        self._resumed = {**self._resumed, "callbacks": [], "counts": counts, "model": None}

    def _interrupted(self) -> None:
        self.history.interrupted = True
        self.say(
            f"interrupted in epoch {self.epoch + 1}, after batch {self._running.batches}"
            f"{self._of_batches()}; the model keeps what it learned"
        )

    def _batches(self) -> int:
        """How many batches an epoch has; 0 if its loader does not know."""
        try:
            return len(self._loader) if self._loader is not None else 0
        except TypeError:
            return 0

    def _of_batches(self) -> str:
        return f" of {self._batches()}" * (self._batches() > 0)

    def _call(self, method: str, *args: Any) -> None:
        for callback in self._callbacks:
            function = getattr(callback, method, None)
            if function is not None:
                function(self, *args)

    def _settle(self, parameters: Iterable[Tensor] | None = None) -> None:
        """The modes to train in, at the begin of each epoch and after what callbacks did to them.

        A whole model, or loss, that is in evaluation is woken: a callback has judged it. Parts stay
        as they are, but what is frozen by now keeps its buffers. Args: parameters, of the model, if
        they are known; then all its Modules are, too.
        """
        own, roots = self._modes, [m for m in (self.model, self.loss) if isinstance(m, Module)]
        if parameters is None:
            own.include(modules(self.model))  # a layer may have been put in
            parameters = self.model.parameters()
        if not all(root.training for root in roots):
            own.table.update(self._usual)
            for root in roots:
                if not root.training:
                    root.train()
        for module in self._resting:
            module.training = True
        noted = any(module._frozen for module, _ in own.table.values())
        of_loss = self.loss.parameters() if isinstance(self.loss, Module) else ()
        if not noted and all(p.requires_grad for p in (*parameters, *of_loss)):
            self._resting = []  # the usual case, for which not every Module is asked
        else:
            self._resting = [m for root in roots for m in resting(root) if m.training]
        for module in self._resting:
            module.training = False
        self._usual = dict(own.table)

    @contextmanager
    def _judging(
        self, others: Mapping[str, Any] | None = None, held: list[Module] | None = None
    ) -> Iterator[None]:
        """The model, and the Modules that others hold, evaluate for a while, in this thread; held,
        all of these, if they are known."""
        others = others or {}
        with OwnModes(modules(self.model, *others.values()) if held is None else held):
            for part in (self.model, *judges(others, self.model)):
                part.eval()
            yield

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
        with self._judging(self._beside()), no_grad():
            blocks = answers(loader, self._predicted)
            figures = figures_of(
                blocks, self.loss, self.metrics, rows_of(loader), lambda: targets_of(loader)
            )
        return _numbers(figures)

    def predict(self, x: Any, *, batch_size: int | None = None) -> Any:
        """What the model gives for each row, as an array; Dropout and the like are off.

        Args: x, an array with a row for each sample, or several, or a DataLoader, as in
            `evaluate`; batch_size, how many rows to compute at a time. Threads may share the model.
        Returns a tuple or a dict of arrays where the model gives several.
        """
        loader = judging("predict", x, None, batch_size, dtype=self._dtype())
        found = Collected(rows_of(loader))
        with self._judging(), no_grad():
            for prediction, _, _ in answers(loader, self._predicted):
                found.add(prediction)
                del prediction  # before the next is made
        return found.result()

    def _predicted(self, x: Any) -> Any:
        prediction, rows = plain(called(self.model, x)), len(leaves(x)[0])
        if any(array.shape[:1] != (rows,) for array in leaves(prediction)):
            given, got = (", ".join(str(np.shape(a)) for a in leaves(v)) for v in (x, prediction))
            one = "; a single sample wants an axis of rows before it: x[None]"
            raise ValueError(
                f"the model must give a row for each row it gets: for {rows} rows, shape {given}, "
                f"it gave the shape {got}" + one * (np.ndim(x) == 1)
            )
        return prediction

    # ---- the data -----------------------------------------------------------------------------

    def _dtype(self) -> Any:
        """That of the parameters, in which floats are computed."""
        return _float_of(self.model.parameters())

    def _rehearse(self, loader: Loader, held: list[Module], trained: bool = False) -> None:
        """Send a few rows through everything, so that what does not fit changes nothing."""
        before = AsItWas(*self._counted(loader).values())
        try:
            with borrowed():
                self._try(loader, held, trained)
        finally:
            before.put_back()

    def _try(self, loader: Loader, held: list[Module], trained: bool) -> None:
        rows = 0
        try:
            x, y, weight = sample(loader, REHEARSED)
            rows = len(leaves(y)[0])
            with self._judging(self._beside(), held), no_grad():
                prediction = self._predicted(x)
                self._try_loss(mapped(Tensor, prediction), y, weight)
                if trained:
                    self._tell_of_hidden(x, held)
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

    def _tell_of_hidden(self, x: Any, held: list[Module]) -> None:
        """Warn of layers that the model uses under names which are not gone through."""
        hidden = list(hidden_parameters(held))
        if not hidden:
            return
        known = set(map(id, self.model.parameters()))
        with enable_grad():
            outputs = leaves(as_several(called(self.model, x)))
        used = _computed_from(outputs) - known
        tell_of_hidden(self.model, sorted({name for name, p in hidden if id(p) in used}))

    def _try_loss(self, prediction: Any, y: Any, weight: Any) -> None:
        check_single(self.loss, self.metrics, prediction, y)
        if weight is not None:
            check_scalar(Weighted(self.loss)(prediction, y, weight)[0])
            return
        check_scalar(self.loss(prediction, y))
        check_divisor(self.loss, self._divides(prediction, y))

    def _check_parameters(self, parameters: dict[str, Tensor]) -> None:
        others = [p for part in modules(*self._beside().values()) for p in part.parameters()]
        check_parameters(parameters, others, self.loss, self.optimizer)

    def _check_savable(self, train: Loader) -> None:
        """Raise TypeError where the run to come could not go on from its checkpoint."""
        self._loader, before = train, self._loader
        try:
            check_parts(trainer=self)
        except TypeError as error:
            raise TypeError(f"fit: nothing has changed; {error}") from error
        finally:
            self._loader = before

    def _not_finite(self, value: float) -> str:
        bad = [n for n, p in self.model.named_parameters() if not np.all(np.isfinite(p.numpy()))]
        weights = (
            f"The weights were so already: {', '.join(bad)}. The steps before were too large: try "
            "a smaller learning rate, inputs and targets of a usual size (nn.standardize), or "
            "clip_norm=1.0"
            if bad else
            "The weights are still finite: either they have grown too large (try a smaller "
            "learning rate, or nn.standardize for inputs and targets), or the loss or a layer "
            "cannot take these values"
        )  # fmt: skip
        return (
            f"fit: the loss is {value} in epoch {self.epoch + 1}, batch "
            f"{self._running.batches + 1}{self._of_batches()}; training stopped before "
            f"its step. {weights}. To find the operation and its line, run it again like this:\n"
            "    with autograd.detect_anomaly():\n"
            "        trainer.fit(...)"
        )

    def _nothing_counts(self, y: Any) -> str:
        labels = " or ".join(
            f"the ignore_index {ignored}" for ignored in [getattr(self.loss, "ignore_index", None)]
            if ignored is not None
        )  # fmt: skip
        return (
            f"fit: batch {self._running.batches + 1}{self._of_batches()} of epoch {self.epoch + 1} "
            f"has no label that counts: those of all its {len(leaves(y)[0])} rows are "
            f"{labels or 'passed over'}, or have the weight 0, and a mean of nothing is nan; "
            "training stopped before its step. Leave such rows out, use larger batches, or "
            'reduction="sum"'
        )

    def __repr__(self) -> str:
        return (
            f"Trainer({type(self.model).__name__}, {type(self.optimizer).__name__}, "
            f"{getattr(self.loss, '__name__', type(self.loss).__name__)}; {self.epoch} epochs done)"
        )


def _numbers(figures: Mapping[str, Any]) -> dict[str, float]:
    return {name: one_number(name, value) for name, value in figures.items()}


def _nothing(trainer: Any) -> None:
    """What a callback does that has no such method."""


def _float_of(parameters: Iterable[Tensor]) -> Any:
    return next((p.dtype for p in parameters if p.dtype.kind == "f"), None)


def _computed_from(outputs: list[Any]) -> set[int]:
    """The ids of all Tensors that these were recorded to be computed from."""
    stack, seen = [output for output in outputs if isinstance(output, Tensor)], set()
    while stack:
        tensor = stack.pop()
        if id(tensor) not in seen:
            seen.add(id(tensor))
            stack.extend(tensor.made_of)
    return seen


def _figures_of_callbacks(logs: Mapping[str, Any]) -> dict[str, float]:
    """The figures of an epoch with what callbacks added, which must be numbers with a name."""
    try:
        if all(isinstance(name, str) for name in logs):
            return _numbers(logs)
    except TypeError:
        pass
    odd = next((f"{n!r}: {v!r}" for n, v in logs.items() if not isinstance(v, (int, float))), logs)
    raise TypeError(f"fit: what a callback adds to logs must be numbers by name, got {odd}")
