"""How a run is saved and goes on: the part of Trainer that a fit from the start hardly needs."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from nn.files import CheckpointNotFoundError, check_parts, load_checkpoint
from nn.module import Module
from nn.optim import Optimizer
from nn.training.arguments import check_places
from nn.training.counts import AsItWas, Counts, beginning, changed, same, take_counts
from nn.training.held import (
    reached,
    shared_sources,
    sources,
    stateful,
    states_of,
    take_sources,
    unsavable,
)
from nn.training.history import History
from nn.training.loaders import Loader, held_by
from nn.training.modes import LearningModes
from nn.training.totals import Running

__all__ = ["Resumable"]


class Resumable:
    """A run with a state: what it holds, saved and loaded. Its attributes are those of Trainer."""

    model: Module
    optimizer: Optimizer
    loss: Any
    scheduler: Any
    metrics: dict[str, Any]
    clip_norm: float | None
    compile: bool
    interval: str
    epoch: int
    history: History
    _first: int
    _running: Running
    _rate: Any
    _first_rate: Any
    _loader: Loader | None
    _incoming: Loader | None
    _callbacks: list[Any]
    _resumed: Mapping[str, Any] | None
    _began: Counts | None
    _shared: dict[str, Any]
    _modes: LearningModes
    _modes_before: dict[str, Any]
    _stop: bool

    def evaluate(self, x: Any) -> dict[str, float]:
        raise NotImplementedError

    def say(self, text: str) -> None:
        raise NotImplementedError

    # ---- what it holds ------------------------------------------------------------------------

    def _beside(self) -> dict[str, Any]:
        """What judges the model."""
        metrics = {f"metrics.{name}": metric for name, metric in self.metrics.items()}
        return {"loss": self.loss, **metrics}

    def _roots(self) -> dict[str, Any]:
        """Where all that a run holds is looked for."""
        steps = {"optimizer": self.optimizer, "scheduler": self.scheduler}
        functions = getattr(self.scheduler, "lr_lambdas", None)
        return {"model": self.model, **self._beside(), **steps, "scheduler.lr_lambdas": functions}

    def _counted(self, loader: Loader | None = None) -> dict[str, Any]:
        """The same, and the parts of the loader."""
        loader = self._loader if loader is None else loader
        return self._roots() | ({} if loader is None else {"loader": held_by(loader)})

    def _sources(self) -> dict[str, Any]:
        """All generators, those of callbacks too, and those that belong to everybody."""
        callbacks: dict[str, Any] = {}
        for callback in self._callbacks:  # by kind, for another one may be among them
            kind = f"callbacks.{type(callback).__name__}."
            callbacks[f"{kind}{sum(n.startswith(kind) for n in callbacks)}"] = callback
        return sources(self._counted() | callbacks) | shared_sources()

    def _note_beginning(self, train: Loader | None = None) -> None:
        """How things are at first: what is otherwise later is part of the run."""
        if self._began is None:
            self._modes_before = {n: m.training for n, m in self.model.named_modules()}
            self._began = beginning(self._counted(train))
            self._shared = states_of(shared_sources())

    # ---- saving and resuming ------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """The whole run: model, optimiser and scheduler; loss, metrics and callbacks that have a
        state; all generators; history, and place in the data; and what has changed since it began:
        plain values, lists and arrays that layers, loss, metrics, optimiser and transform keep
        under public names (functions too, beside them), and what is frozen or evaluates.

        For `save_checkpoint(path, trainer=trainer)`, which adds the library's generator; at any
        time, also inside of `on_batch_end`.
        """
        scheduler = getattr(self.scheduler, "state_dict", None)
        roots, first = self._counted(), self._first_rate
        why = unsavable(roots)
        if why is not None:
            raise TypeError(f"this run could not go on from its checkpoint: {why}")
        states = states_of(self._sources())
        for place in shared_sources():  # what nobody has drawn from is left alone
            if same(states[place], self._shared.get(place, states[place])):
                del states[place]
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": scheduler() if scheduler else None,
            "epoch": self.epoch,
            "first": self._first,
            "history": {name: list(column) for name, column in self.history.history.items()},
            "loader": None if self._loader is None else self._loader.state_dict(),
            "running": self._running.state_dict(),
            "rates": None if first is None else [float(self._rate), float(first)],
            "parts": {p: part.state_dict() for p, part in self._stateful().items()},
            "generators": states,
            "counts": {} if self._began is None else changed(roots, self._began),
            "modes": self._modes.changed(self._modes_before),
            "callbacks": [
                {"kind": type(c).__name__, "state": c.state_dict()}
                for c in self._callbacks if hasattr(c, "state_dict")
            ],
        }  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take a run over; the next `fit` goes on with it, in the middle of an epoch if need be.

        Raises ValueError for a state that does not fit; then nothing has changed.
        """
        if not isinstance(state, Mapping) or not _KEYS <= set(state):
            raise ValueError("load_state_dict: this is not the state of a Trainer")
        if (state["scheduler"] is None) != (not hasattr(self.scheduler, "state_dict")):
            has = "no scheduler" if state["scheduler"] is None else "a scheduler"
            raise ValueError(f"load_state_dict: the saved run has {has}, unlike this Trainer")
        parts = self._saved_parts(state)
        if state["loader"] is not None and self._incoming is not None:
            parts.append((self._incoming, state["loader"]))
        held = self._sources_from(state.get("generators"))
        before = [(part, _snapshot(part)) for part, _ in parts]
        stood, was = states_of(held), AsItWas(reached(self._roots().values()), whole=True)
        self._note_beginning()
        try:
            take_counts(state.get("counts", {}), self._roots())  # as buffers may have other shapes
            for part, new in parts:
                part.load_state_dict(new)
            take_sources(state.get("generators", {}), held)
        except Exception:
            was.put_back()
            for part, old in before:
                part.load_state_dict(old)
            take_sources(stood, held)
            raise
        self.epoch, self._first = state["epoch"], state["first"]
        self.history = History()
        self.history.history = {name: list(column) for name, column in state["history"].items()}
        self._running = Running(state["running"])
        self._resumed = state

    def _check_savable(self, train: Loader) -> None:
        """Raise TypeError where the run to come could not go on from its checkpoint."""
        self._loader, before = train, self._loader
        try:
            check_parts(trainer=self)
        except TypeError as error:
            raise TypeError(f"fit: nothing has changed; {error}") from error
        finally:
            self._loader = before

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

    def _stand_again(self, resumed: Mapping[str, Any]) -> None:
        """Everything as it was in a saved run, of which callbacks and loader are there by now."""
        take_counts(resumed.get("counts", {}), self._counted())
        if resumed["model"] is not None:
            for part, state in self._saved_parts(resumed):
                part.load_state_dict(state)
        _restore_callbacks(self._callbacks, resumed["callbacks"])
        take_sources(resumed.get("generators", {}), self._sources())

    def _tell_of_older(self) -> None:
        """What older versions did not save of a run."""
        own = self._stateful().items()
        parts = [p for p, part in own if isinstance(part, Module) and [*part.parameters()]]
        lacking = [*parts, *sources(self._roots())]
        if lacking:
            self.say(
                f"saved by an older version, without the state of {', '.join(lacking)}: there the "
                "run goes on from what is here"
            )

    def _stateful(self) -> dict[str, Any]:
        return stateful(self._beside(), self.model)

    def _saved_parts(self, state: Mapping[str, Any]) -> list[tuple[Any, Any]]:
        """What is to take a state, but for the loader, and the state."""
        parts: list[tuple[Any, Any]] = []
        parts += [(self.model, state["model"]), (self.optimizer, state["optimizer"])]
        if state["scheduler"] is not None:
            parts.append((self.scheduler, state["scheduler"]))
        return parts + self._parts_from(state.get("parts"))

    def _parts_from(self, saved: Mapping[str, Any] | None) -> list[tuple[Any, Any]]:
        """Loss and metrics, and the states that they are to take."""
        own = self._stateful()
        if saved is None:  # of a version that did not save them
            return []
        # (What has none may get one by what has changed since the beginning, or lose its own.)
        mine = [place for place, part in own.items() if part.state_dict() or place in saved]
        check_places("a state", [p for p in saved if saved[p] or p in own], mine)
        return [(part, saved[place]) for place, part in own.items() if place in saved]

    def _sources_from(self, saved: Mapping[str, Any] | None) -> dict[str, Any]:
        """The generators that are to be put where they were; those of the loader and of callbacks
        come later, in `fit`."""
        if saved is None:
            return {}
        own, shared = sources(self._roots()), shared_sources()
        mine = [p for p in saved if p.partition(".")[0] in _ROOTS]
        check_places("a generator", mine, list(own))
        return own | {place: shared[place] for place in shared if place in saved}


_ROOTS = ("model", "loss", "metrics", "optimizer", "scheduler")
# What the state of a Trainer has had at all times.
_KEYS = {
    "model", "optimizer", "scheduler", "epoch", "first", "history", "loader", "running",
    "callbacks",
}  # fmt: skip


def _snapshot(part: Any) -> Any:
    """A state of which nothing changes when the part does: of ours it is a copy anyway."""
    state = part.state_dict()
    return state if isinstance(part, (Module, Optimizer)) else copy.deepcopy(state)


def _restore_callbacks(callbacks: list[Any], states: list[Mapping[str, Any]]) -> None:
    """Each takes the next saved state of its own kind."""
    left = list(states)
    for callback in callbacks:
        kind = type(callback).__name__
        saved = next((s for s in left if s["kind"] == kind), None)
        if saved is not None and hasattr(callback, "load_state_dict"):
            left.remove(saved)
            callback.load_state_dict(saved["state"])
