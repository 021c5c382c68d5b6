"""What may happen between the epochs of a training run: early stopping, checkpoints, your own."""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from nn.checks import number, whole
from nn.files import CheckpointError, as_path, save_checkpoint
from nn.metrics import rises
from nn.training.held import stateful

__all__ = ["Callback", "EarlyStopping", "ModelCheckpoint"]


class Callback:
    """Base of the callbacks: methods that `Trainer.fit` calls, each doing nothing here.

    Any object with some of these methods will do. All get the trainer: `trainer.model`,
    `trainer.epoch` (epochs done), `trainer.history`, `trainer.stop()`. `logs` are the epoch's
    figures by name, a dict: what is put into it reaches later callbacks and the History. A callback
    with `state_dict` and `load_state_dict` is part of a saved run.

    >>> class Talk(Callback):
    ...     def on_epoch_end(self, trainer, logs):
    ...         print(trainer.epoch, logs)
    """

    def on_train_begin(self, trainer: Any) -> None:
        """Before the first epoch of a `fit`. One that goes on (`resume_from`) began before: what is
        drawn or set here then is put back, of the run and of callbacks that tell their state."""

    def on_epoch_begin(self, trainer: Any) -> None:
        """Before each epoch; and, as `on_train_begin`, where a run goes on in the middle of one."""

    def on_batch_end(self, trainer: Any) -> None:
        """After each step of the optimiser."""

    def on_epoch_end(self, trainer: Any, logs: dict[str, float]) -> None:
        """After each epoch, with its figures."""

    def on_checkpoint(self, trainer: Any, logs: Mapping[str, float]) -> None:
        """After all `on_epoch_end` (and, with no figures, after Ctrl-C): the moment to save.

        Not after an error, and not where another handler of Ctrl-C raised KeyboardInterrupt in the
        middle of a step.
        """

    def on_train_end(self, trainer: Any) -> None:
        """After the last epoch, or whatever else ended training: Ctrl-C, `stop`, or an error, which
        is raised after it."""


class _Watch:
    """Compares a figure of each epoch with the best so far."""

    def __init__(self, owner: str, monitor: str, mode: str, min_delta: float = 0.0) -> None:
        if mode not in ("auto", "min", "max"):
            raise ValueError(f'{owner}: mode must be "min", "max" or "auto", got {mode!r}')
        self.owner, self.monitor, self.min_delta = owner, monitor, min_delta
        self.sign = -1.0 if self._falling(mode) else 1.0
        self.best = math.nan

    def _falling(self, mode: str) -> bool:
        if mode != "auto":
            return mode == "min"
        name = self.monitor.removeprefix("val_")
        if (rising := rises(name)) is not None:
            return not rising
        if name == "loss" or "error" in name:
            return True
        if "accuracy" in name:
            return False
        raise ValueError(
            f"{self.owner}: is a lower or a higher {self.monitor!r} better? "
            'Say mode="min" or mode="max"'
        )

    def value(self, logs: Mapping[str, float]) -> float:
        """The watched figure."""
        if self.monitor in logs:
            return logs[self.monitor]
        cure = f'; write monitor="{min(logs, key=len)}", or another of them'
        if self.monitor.startswith("val_"):
            cure = "; there is no validation: give fit a validation_split or validation_data"
        raise ValueError(
            f"{self.owner} watches {self.monitor!r}, but an epoch has only {', '.join(logs)}{cure}"
        )

    def better(self, value: float) -> bool:
        """Whether it is better than the best by more than min_delta; then it is the best."""
        if math.isnan(value) or self.sign * (value - self.best) <= self.min_delta:
            return False
        self.best = value  # (a best of nan, the first, is always beaten)
        return True


class EarlyStopping(Callback):
    """Ends training when a figure no longer gets better, and takes the best epoch's weights back.

    Args: monitor, the figure; patience, how many epochs without a new best end the run; min_delta,
        how much better a new best must be; mode, "min", "max" or, for losses, errors, accuracies
        and the metrics of `nn.metrics`, "auto"; restore_best, whether model and loss get the
        parameters and buffers of the best epoch when training ends, by whatever: also by an error,
        such as a loss of nan.
    After a run `.best` and `.best_epoch` tell what was found, `.stopped` whether it ended the run.
    Raises ValueError for a monitored figure that the run has not. Source: Keras' EarlyStopping.

    >>> stopping = EarlyStopping("val_accuracy", patience=3)
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 5,
        min_delta: float = 0.0,
        mode: str = "auto",
        restore_best: bool = True,
    ) -> None:
        patience = whole("EarlyStopping: patience", patience, least=1)
        min_delta = number("EarlyStopping: min_delta", min_delta, least=0)
        self._options = (type(self).__name__, monitor, mode, min_delta)
        self.patience, self.restore_best = patience, restore_best
        self._begin()

    def _begin(self) -> None:
        self._watch = _Watch(*self._options)
        self.best_epoch = self.waited = 0
        self.best_state: dict[str, Any] | None = None  # of the model
        self.best_parts: dict[str, Any] = {}  # of a loss that has a state, by place

    @property
    def best(self) -> float:
        """The best figure so far; nan before there is one."""
        return self._watch.best

    @property
    def stopped(self) -> bool:
        """Whether patience is at its end."""
        return self.waited >= self.patience

    def on_train_begin(self, trainer: Any) -> None:
        self._begin()

    def on_epoch_begin(self, trainer: Any) -> None:
        if self.stopped:  # a run resumed after its end
            trainer.stop()

    def on_epoch_end(self, trainer: Any, logs: Mapping[str, float]) -> None:
        if self._watch.better(self._watch.value(logs)):
            self.best_epoch, self.waited = trainer.epoch, 0
            if self.restore_best:
                self.best_state = trainer.model.state_dict()
                parts = _parts(trainer)
                self.best_parts = {p: copy.deepcopy(parts[p].state_dict()) for p in parts}
            return
        self.waited += 1
        if self.stopped:
            trainer.stop()

    def on_train_end(self, trainer: Any) -> None:
        monitor, epochs = self._watch.monitor, f"{self.waited} epoch{'s' * (self.waited > 1)}"
        found = f"its best, {self.best:.4f}, was in epoch {self.best_epoch}"
        if self.stopped:
            trainer.say(f"stopped early: {monitor} has not got better for {epochs}; {found}")
        if self.best_state is not None:
            before = trainer.model.state_dict()
            trainer.model.load_state_dict(self.best_state)
            for place, part in _parts(trainer).items():
                if place in self.best_parts:
                    part.load_state_dict(self.best_parts[place])
            if any(not np.array_equal(before[n], v) for n, v in self.best_state.items()):
                trainer.say(f"the model has the weights of epoch {self.best_epoch} again")

    def state_dict(self) -> dict[str, Any]:
        """Where it stands: the best so far, its weights, the epochs waited."""
        return {
            "best": self.best,
            "best_epoch": self.best_epoch,
            "waited": self.waited,
            "best_state": self.best_state,
            "best_parts": self.best_parts,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self._watch.best = state["best"]
        self.best_epoch, self.waited = state["best_epoch"], state["waited"]
        self.best_state = state["best_state"]
        self.best_parts = state.get("best_parts", {})  # older versions had none


def _parts(trainer: Any) -> dict[str, Any]:
    """The loss, or what it is made of, where that has a state."""
    return stateful({"loss": trainer.loss}, trainer.model)


class ModelCheckpoint(Callback):
    """Saves the whole run after each epoch: `fit(..., resume_from=path)` goes on from there.

    Args: path, a .npz or .safetensors file, replaced as a whole each time; it may hold the epoch's
        number and figures, "run-{epoch:03}-{val_loss:.2f}.npz". monitor, a figure: then only an
        epoch that is the best so far by it is saved; mode, as in EarlyStopping. every, save only
        every so many epochs.
    After Ctrl-C the run is saved too, in the middle of its epoch (but not with a monitor).
    All that the run holds is saved, see `Trainer.state_dict`; what cannot be, such as an iterator
    that a layer keeps, is refused when `fit` begins.
    `load_checkpoint(path, trainer=trainer)` restores the whole run,
    `load_checkpoint(path)["trainer"]["model"]` holds the weights alone.

    >>> checkpoint = ModelCheckpoint("best.npz", monitor="val_accuracy")
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        monitor: str | None = None,
        mode: str = "auto",
        every: int = 1,
    ) -> None:
        self.every = whole("ModelCheckpoint: every", every, least=1)
        self.path = as_path("ModelCheckpoint", path)
        self._watch = None if monitor is None else _Watch(type(self).__name__, monitor, mode)

    def on_train_begin(self, trainer: Any) -> None:
        folder = os.path.dirname(self.path) or "."
        if "{" not in folder and not os.path.isdir(folder):  # now, and not after a long epoch
            raise CheckpointError(
                f"ModelCheckpoint: there is no folder {folder!r} for {self.path!r}; make it by "
                "os.makedirs"
            )

    def on_checkpoint(self, trainer: Any, logs: Mapping[str, float]) -> None:
        if self._watch is not None:
            wanted = bool(logs) and self._watch.better(self._watch.value(logs))
        else:
            wanted = not logs or trainer.epoch % self.every == 0
        if wanted:
            save_checkpoint(self._named(trainer.epoch, logs), trainer=trainer)

    def _named(self, epoch: int, logs: Mapping[str, float]) -> str:
        known = {"epoch": epoch, **logs}
        if not logs:  # in the middle of an epoch, which has no figures yet
            known = _Unnamed(known)
        try:
            return self.path.format_map(known)
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(
                f"ModelCheckpoint: the path {self.path!r} asks for what an epoch has not "
                f"({error}); it has {', '.join(known)}"
            ) from None

    def state_dict(self) -> dict[str, Any]:
        """The best figure so far."""
        return {"best": self._watch.best if self._watch else None}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        if self._watch is not None and state["best"] is not None:
            self._watch.best = state["best"]


class _Unnamed(dict[str, Any]):
    """Names that have no figure yet are nan."""

    def __missing__(self, name: str) -> float:
        return math.nan
