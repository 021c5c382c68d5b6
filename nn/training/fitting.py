"""A fit under way: its epochs, their batches, and what callbacks hear of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from autograd import Tensor, enable_grad
from nn.clipping import clip_grad_norm_
from nn.compiled import compile
from nn.interrupts import Interrupts
from nn.losses.mistakes import why_infinite
from nn.module import Module
from nn.optim.lr_scheduler import ReduceLROnPlateau
from nn.parts import called, leaves
from nn.random import get_state, set_state
from nn.training.arguments import listens_to_batches, numbers
from nn.training.held import is_users, modules
from nn.training.loaders import Loader
from nn.training.modes import LearningModes
from nn.training.progress import Silent
from nn.training.resuming import Resumable
from nn.training.totals import Divisor, Running, Weighted

__all__ = ["Fit"]


class Fit:
    """The epochs of one call of `Trainer.fit`, whose data and arguments fit.

    What outlives it, or is saved of it, stands in the trainer: model, history, number of epochs,
    open epoch, rates, modes. Args: trainer; train and validation, loaders, or no validation;
    divides, what a loss was divided by; weighted, the loss, if rows have weights; show, what tells
    of the progress.
    """

    def __init__(
        self, trainer: Resumable, train: Loader, validation: Loader | None, divides: Divisor,
        weighted: Weighted | None, show: Silent,
    ) -> None:  # fmt: skip
        self.trainer, self.train, self.validation = trainer, train, validation
        self.divides, self.weighted, self.show = divides, weighted, show
        self.last = 0  # the number of epochs when it is done
        self.step = CompiledBatch(self) if trainer.compile else None

    def run(self, epochs: int, parameters: Iterable[Tensor], held: list[Module]) -> None:
        """From the first callback to the last. Args: parameters, of model and loss; held, all
        Modules there are."""
        trainer = self.trainer
        resumed, trainer._resumed = trainer._resumed, None
        self._begin("on_train_begin", resumed)
        if resumed is not None and "parts" not in resumed:
            trainer._tell_of_older()
        self.last = trainer._first + epochs
        if trainer.epoch >= self.last:
            trainer.say(f"nothing left to train: {trainer.epoch} of {self.last} epochs are done")
        if trainer._callbacks:  # they may have brought more
            held = modules(*trainer._roots().values())
        trainer._modes = modes = LearningModes(trainer.model, trainer.loss, held)
        # NumPy's warnings of overflow are left to the test of the loss, which says where.
        quiet = np.errstate(over="ignore", invalid="ignore")
        with modes, enable_grad(), quiet, Interrupts() as interrupts:
            saved = (resumed or {}).get("modes", {})
            for name, module in trainer.model.named_modules() if saved else ():
                module.training = saved.get(name, module.training)
            modes.settle(parameters)
            try:
                self._epochs(interrupts, resumed)
            except BaseException as error:
                self._end(error)
                raise
            self._end(None)

    def _epochs(self, interrupts: Interrupts, resumed: Mapping[str, Any] | None) -> None:
        trainer, torn = self.trainer, False
        try:
            while trainer.epoch < self.last and not (interrupts.asked or trainer._stop):
                self._begin("on_epoch_begin", resumed if trainer._running.batches else None)
                resumed = None
                if trainer._stop:
                    break
                if any(is_users(type(callback)) for callback in trainer._callbacks):
                    trainer._modes.settle()
                if not self._epoch(interrupts):
                    break
                logs = self._figures()
                trainer.history.append(logs)
                trainer.epoch += 1
                trainer._running = Running()
                self._step_scheduler(logs)
                self.show.end(logs)
                if trainer._callbacks:
                    self._call("on_epoch_end", logs)
                    trainer.history.amend(_figures_of_callbacks(logs))
                    self._call("on_checkpoint", logs)
        except KeyboardInterrupt:  # of another handler, in the middle of anything
            if interrupts.asked:  # for the second time: at once
                raise
            interrupts.asked = torn = True
        if interrupts.asked and trainer.epoch < self.last:
            trainer.history.interrupted = True
            trainer.say(
                f"interrupted in epoch {trainer.epoch + 1}, after batch "
                f"{trainer._running.batches}{self._of_batches()}; the model keeps what it learned"
            )
            if not torn:  # half a step would not go on bit for bit
                self._call("on_checkpoint", {})

    def _epoch(self, interrupts: Interrupts) -> bool:
        """One pass over the training data; False where it was ended before its end."""
        trainer, show = self.trainer, self.show
        running, metrics = trainer._running, trainer.metrics
        show.start(trainer.epoch + 1, self.last, self._batches())
        show.batch(running.batches)
        listeners = [c for c in trainer._callbacks if listens_to_batches(c)]
        for batch in self.train:
            value, divisor, prediction = self._batch(*batch)
            running.add(value, divisor)
            if metrics:
                running.keep(prediction, batch[1], metrics)
            show.batch()
            trainer._rate = trainer.optimizer.param_groups[0]["lr"]
            if trainer.interval == "batch":
                trainer.scheduler.step()
            if listeners:
                changes = trainer._modes.changes
                for callback in listeners:
                    callback.on_batch_end(trainer)
                if trainer._modes.changes != changes:
                    trainer._modes.settle()
            if interrupts.asked or trainer._stop:
                return False
        return True

    def _batch(self, x: Any, y: Any, weight: Any = None) -> tuple[float, float | None, Any]:
        """One step of the optimiser: the explicit training loop.

        Returns the loss, what it was divided by, and the prediction.
        """
        trainer = self.trainer
        if self.step is not None:
            done = self.step.taken(x, y, weight)
            if done is not None:
                return done
        trainer.optimizer.zero_grad()
        prediction = trainer.model(x) if x.__class__ is np.ndarray else called(trainer.model, x)
        if self.weighted is None:
            loss, divisor = trainer.loss(prediction, y), self.divides(prediction, y)
        else:
            loss, divisor = self.weighted(prediction, y, weight)
        value = loss.item()
        if not math.isfinite(value):
            raise FloatingPointError(
                self._nothing_counts(y) if divisor == 0 else self._not_finite(loss)
            )
        loss.backward(retain_graph=False)
        if trainer.clip_norm is not None:
            groups = trainer.optimizer.param_groups
            clip_grad_norm_([p for group in groups for p in group["params"]], trainer.clip_norm)
        trainer.optimizer.step()
        return value, divisor, prediction

    def _figures(self) -> dict[str, float]:
        """The loss and the metrics of the epoch that ended, on both parts."""
        trainer = self.trainer
        logs = {"loss": trainer._running.loss()}
        if trainer.metrics:
            logs |= numbers(trainer._running.figures(trainer.metrics))
        if self.validation is not None:
            judged = trainer.evaluate(self.validation)
            logs |= {f"val_{name}": value for name, value in judged.items()}
        moved = {trainer._rate, trainer.optimizer.param_groups[0]["lr"]} != {trainer._first_rate}
        if trainer.scheduler is not None or moved or "lr" in trainer.history.history:
            logs["lr"] = float(trainer._rate)
        return logs

    def _step_scheduler(self, logs: Mapping[str, float]) -> None:
        scheduler = self.trainer.scheduler
        if self.trainer.interval == "batch":
            return
        if isinstance(scheduler, ReduceLROnPlateau):
            scheduler.step(logs.get("val_loss", logs["loss"]))
        elif scheduler is not None:
            scheduler.step()

    # ---- callbacks ----------------------------------------------------------------------------

    def _call(self, method: str, *args: Any) -> None:
        for callback in self.trainer._callbacks:
            function = getattr(callback, method, None)
            if function is not None:
                function(self.trainer, *args)

    def _begin(self, method: str, resumed: Mapping[str, Any] | None) -> None:
        """Callbacks begin. In a run that goes on everything then stands where it was, whatever they
        have drawn or set to begin: that they had done before."""
        if resumed is None:
            self._call(method)
            return
        drawn = get_state()
        self._call(method)
        self.trainer._stand_again(resumed)
        set_state(drawn)

    def _end(self, error: BaseException | None) -> None:
        """Whatever ended training, all callbacks hear of it; what fails there does not hide why."""
        failed: Exception | None = None
        for callback in self.trainer._callbacks:
            try:
                getattr(callback, "on_train_end", _nothing)(self.trainer)
            except Exception as another:
                failed = failed or another
        if failed is None:
            return
        if error is None:
            raise failed
        if hasattr(error, "add_note"):  # from Python 3.11 on
            error.add_note(f"on_train_end failed as well: {failed!r}")

    # ---- what is told -------------------------------------------------------------------------

    def _batches(self) -> int:
        """How many batches an epoch has; 0 if its loader does not know."""
        try:
            return len(self.train)
        except TypeError:
            return 0

    def _of_batches(self) -> str:
        return f" of {self._batches()}" * (self._batches() > 0)

    def _not_finite(self, loss: Any) -> str:
        named = list(self.trainer.model.named_parameters())
        bad = [name for name, p in named if not np.all(np.isfinite(p.numpy()))]
        weights = (
            f"The weights were so already: {', '.join(bad)}. The steps before were too large: try "
            "a smaller learning rate, inputs and targets of a usual size (nn.standardize), or "
            "clip_norm=1.0"
            if bad else
            "The weights are still finite: either they have grown too large (try a smaller "
            "learning rate, or nn.standardize for inputs and targets), or the loss or a layer "
            "cannot take these values"
        )  # fmt: skip
        weights = why_infinite(loss) or weights
        if any(p.dtype == np.float16 for _, p in named):
            weights += (
                ". Some are float16, which ends at 65504, and in which an optimiser's eps of 1e-8 "
                "is 0: train in single precision, model.astype(np.float32)"
            )
        return (
            f"fit: the loss is {loss.item()} in epoch {self.trainer.epoch + 1}, batch "
            f"{self.trainer._running.batches + 1}{self._of_batches()}; training stopped before "
            f"its step. {weights}. To find the operation and its line, run it again like this:\n"
            "    with autograd.detect_anomaly():\n"
            "        trainer.fit(...)"
        )

    def _nothing_counts(self, y: Any) -> str:
        labels = " or ".join(
            f"the ignore_index {ignored}"
            for ignored in [getattr(self.trainer.loss, "ignore_index", None)]
            if ignored is not None
        )
        return (
            f"fit: batch {self.trainer._running.batches + 1}{self._of_batches()} of epoch "
            f"{self.trainer.epoch + 1} has no label that counts: those of all its "
            f"{len(leaves(y)[0])} rows are {labels or 'passed over'}, or have the weight 0, and a "
            "mean of nothing is nan; training stopped before its step. Leave such rows out, use "
            'larger batches, or reduction="sum"'
        )


class CompiledBatch(compile):
    """`Fit._batch` as a compiled step."""

    keeps_prediction = True

    def __init__(self, fit: Fit) -> None:
        trainer = fit.trainer
        super().__init__(trainer.model, trainer.loss, trainer.optimizer, trainer.clip_norm)
        self.fit = fit

    def predict(self, x: Any) -> Any:
        return self.model(x) if x.__class__ is np.ndarray else called(self.model, x)

    def judge(self, prediction: Any, y: Any) -> Any:
        weighted = self.fit.weighted
        return self.loss(prediction, y) if weighted is None else weighted(prediction, *y)[0]

    def taken(self, x: Any, y: Any, weight: Any) -> tuple[float, float | None, Any] | None:
        """What a batch gives; None for one whose loss is not finite, which the trainer tells."""
        weighted, trainer = self.fit.weighted, self.fit.trainer
        for name in ("model", "loss", "optimizer", "clip_norm"):  # a callback may give others
            if (now := getattr(trainer, name)) is not getattr(self, name):
                setattr(self, name, now)
        try:
            value, prediction = self.step(x, y if weighted is None else (y, weight))
        except FloatingPointError:  # (the random numbers are put back, for the same loss again)
            return None
        if weighted is None:
            return value, self.fit.divides(prediction, y), prediction
        return value, weighted(prediction, y, weight)[1], prediction


def _nothing(trainer: Any) -> None:
    """What a callback does that has no such method."""


def _figures_of_callbacks(logs: Mapping[str, Any]) -> dict[str, float]:
    """The figures of an epoch with what callbacks added, which must be numbers with a name."""
    try:
        if all(isinstance(name, str) for name in logs):
            return numbers(logs)
    except TypeError:
        pass
    odd = next((f"{n!r}: {v!r}" for n, v in logs.items() if not isinstance(v, (int, float))), logs)
    raise TypeError(f"fit: what a callback adds to logs must be numbers by name, got {odd}")
