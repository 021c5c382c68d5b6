"""The base of the schedules: what it does to the rates of an optimiser, and its state.

A rate that was changed from outside, by hand or by another scheduler of the same optimiser, is not
overwritten but goes on in proportion, as PyTorch's chained schedulers do (LambdaLR overwrites it).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from nn.checks import complain, plain, whole
from nn.optim.optimizer import Check, Optimizer, without_rounding

__all__ = ["LRScheduler", "rates_of"]


def _no_rate(scheduler: LRScheduler, value: Any) -> None:
    kind = type(scheduler).__name__
    raise AttributeError(
        f"{kind}: a rate that is set here would change nothing; set optimizer.lr, from which the "
        "schedule goes on in proportion"
    )


class LRScheduler:
    """Base of the schedulers: sets the "lr" of every group of an optimiser, once an epoch.

    A subclass writes `rate`, and calls this __init__ last; its public attributes are its settings,
    and `checks` says what they must be, {name: function of (what, value)} as those of `nn.checks`.

    Args: optimizer; last_epoch, the epoch before the first one, for a run that goes on without
        `load_state_dict`: the groups then need an "initial_lr".
    Raises TypeError for what is no optimiser, ValueError for settings that make no sense.

    >>> class InverseLR(LRScheduler):
    ...     def rate(self, epoch, initial_lr):
    ...         return initial_lr / (1 + epoch)
    >>> import nn
    >>> optimizer = nn.optim.SGD(nn.Linear(2, 1).parameters(), lr=0.1)
    >>> scheduler = InverseLR(optimizer)
    >>> scheduler.step()
    >>> optimizer.param_groups[0]["lr"]
    0.05
    """

    checks: ClassVar[Mapping[str, Check]] = {}
    interval = "epoch"  # after what `Trainer` steps it; "batch" in one that counts batches
    lr = learning_rate = property(None, _no_rate)
    floor = 0.0  # what a rate changed from outside keeps its proportional distance from
    _groups: Any = None  # of the optimiser, as they were when this last set or read their rates

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self._attach(optimizer)
        self.check()
        whole(f"{type(self).__name__}: last_epoch", last_epoch, least=-1)
        for index, group in enumerate(optimizer.param_groups):
            if last_epoch >= 0 and "initial_lr" not in group:
                raise ValueError(
                    f"{type(self).__name__}: last_epoch={last_epoch} needs an 'initial_lr' in "
                    f"group {index} of the optimiser; load the optimiser's state first, or leave "
                    "last_epoch out and use the scheduler's load_state_dict"
                )
        self.last_epoch = last_epoch
        self.base_lrs: list[float] = []
        self._advance(resumed=last_epoch >= 0)

    def rate(self, epoch: int, initial_lr: float) -> float:
        """The learning rate after so many epochs, of a group that started with initial_lr."""
        raise NotImplementedError(f"{type(self).__name__} has no method `rate`; write one")

    def check(self) -> None:
        """Raise ValueError for settings that make no sense, TypeError for those of a wrong kind;
        NumPy's numbers become plain ones. Subclasses add what `checks` cannot say."""
        for name, check in self.checks.items():
            setting = getattr(self, name)
            check(f"{type(self).__name__}: {name}", setting)
            # In plain numbers rates are the same after a state was saved and loaded.
            if (found := plain(setting)) is not setting and name in vars(self):
                setattr(self, name, found)

    def step(self) -> None:
        """Set the rates of the next epoch; to be called once after every epoch."""
        self._advance()

    def get_last_lr(self) -> list[float]:
        """The rates that this scheduler set last, one for each group."""
        return list(self._last_lr)

    def state_dict(self) -> dict[str, Any]:
        """Copies of all settings and counts: plain values (not the optimiser, and no functions).

        `_last_lr` is there what the groups have now, also where it was changed from outside.
        """
        state = {key: plain(vars(self)[key]) for key in self._kept()}
        return {**state, "_last_lr": rates_of(self.optimizer)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take the settings and the place of a scheduler of this kind, and the rates of that time.

        The optimiser's own state may be loaded before or after, and before or after this scheduler
        was made. A rate that was changed since that state was loaded into it is left as it is.
        Raises ValueError that lists everything that does not fit; then nothing has changed.

        >>> import nn
        >>> optimizer = nn.optim.SGD(nn.Linear(2, 1).parameters(), lr=0.1)
        >>> scheduler = nn.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.9)
        >>> state = scheduler.state_dict()
        >>> state
        {'gamma': 0.9, 'last_epoch': 0, 'base_lrs': [0.1], '_last_lr': [0.1]}
        >>> nn.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5).load_state_dict(state)
        """
        kind = type(self).__name__
        if not isinstance(state_dict, Mapping):
            raise TypeError(
                f"load_state_dict of {kind} needs the dict that its state_dict() gives, got "
                f"{type(state_dict).__name__}"
            )
        complaints = self._complaints(state_dict)
        complain(f"load_state_dict: the state does not fit {kind}; nothing was changed", complaints)
        vars(self).update({key: plain(value) for key, value in state_dict.items()})
        groups = self.optimizer.param_groups
        if groups is self._groups:  # or else they hold what was loaded, since this was made
            for group, lr in zip(groups, self._last_lr):
                if float(group["lr"]) != lr:
                    group["lr"] = lr
        self._groups = groups

    def _kept(self) -> list[str]:
        passed_over = ("optimizer", "lr_lambdas", "_groups")
        return [key for key, v in vars(self).items() if key not in passed_over and not callable(v)]

    def _complaints(self, state: Mapping[str, Any]) -> list[str]:
        """What does not fit about a saved state."""
        mine = self._kept()
        complaints = [f"missing: {key}" for key in mine if key not in state]
        complaints += [f"unexpected: {key}" for key in state if key not in mine]
        if complaints:
            return complaints
        groups = len(self.optimizer.param_groups)
        for key in ("base_lrs", "_last_lr"):
            if key in state and not _rates(state[key], groups):
                complaints.append(
                    f"{key} must be a list of {groups} numbers >= 0, got {state[key]!r}"
                )
        trial = object.__new__(type(self))  # with the new settings
        vars(trial).update({**vars(self), **state})
        try:
            trial.check()
            whole(f"{type(self).__name__}: last_epoch", state["last_epoch"], least=0)
        except (TypeError, ValueError) as error:
            complaints.append(str(error))
        return complaints

    def _for_groups(self, setting: Any) -> list[Any]:
        """What was given for each group in a list, or once for all."""
        if isinstance(setting, (list, tuple)):
            return list(setting)
        return [setting] * len(self.optimizer.param_groups)

    def _check_count(self, given: list[Any], several: str, one: str) -> None:
        groups = len(self.optimizer.param_groups)
        if len(given) != groups:
            raise ValueError(
                f"{type(self).__name__}: {len(given)} {several} for an optimiser of {groups} "
                f"groups; give one for each, or one {one} for all"
            )

    def _attach(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(
                f"{type(self).__name__} needs an optimiser, got {type(optimizer).__name__}"
            )
        self.optimizer = optimizer
        self._groups = optimizer.param_groups

    def _advance(self, resumed: bool = False) -> None:
        """One epoch on: all rates are computed and checked before the first is set."""
        groups, epoch = self.optimizer.param_groups, self.last_epoch + 1
        rates = rates_of(self.optimizer)
        initial = [float(g.get("initial_lr", lr)) for g, lr in zip(groups, rates)]
        initial[: len(self.base_lrs)] = self.base_lrs  # groups may have been added since
        new = [
            float(self.rate(epoch, first) if resumed else self._next(index, epoch, lr, first))
            for index, (lr, first) in enumerate(zip(rates, initial))
        ]
        new = [without_rounding(lr) for lr in new]
        for index, lr in enumerate(new):
            if not 0 <= lr < math.inf:
                raise ValueError(
                    f"{type(self).__name__}: the rate of group {index} would become {lr} at epoch "
                    f"{epoch}; a learning rate must be >= 0, and finite"
                )
        for group, first, lr in zip(groups, initial, new):
            group.setdefault("initial_lr", first)
            group["lr"] = lr
        self.last_epoch, self.base_lrs, self._last_lr = epoch, initial, new
        self._groups = groups

    def _next(self, index: int, epoch: int, lr: float, initial_lr: float) -> float:
        """The rate of one group at this epoch, after lr."""
        before, now = self._pair(epoch, initial_lr)
        if lr == before:
            return now
        change = now - before
        if before == self.floor:  # the start of a group to be woken by hand: the proportion is
            before, now = self._pair(epoch, self.floor + 1)  # that of any other start
        if before == self.floor:  # the bottom of a wave: there is none
            return lr + change
        new = self.floor + (lr - self.floor) * (now - self.floor) / (before - self.floor)
        return new if new >= 0 else lr * now / before  # it was changed to below the floor

    def _pair(self, epoch: int, initial_lr: float) -> tuple[float, float]:
        """The rates of the epoch before, and of this one."""
        before = self.rate(epoch - 1, initial_lr) if epoch else initial_lr
        return before, self.rate(epoch, initial_lr)

    def __repr__(self) -> str:
        hidden = ("base_lrs", "_last_lr")
        parts = [f"{key}={vars(self)[key]!r}" for key in self._kept() if key not in hidden]
        return f"{type(self).__name__}({', '.join(parts)})"


def _rates(values: Any, count: int) -> bool:
    """Whether these are so many learning rates, or fewer: a group may have been added since."""
    return (
        isinstance(values, (list, tuple))
        and len(values) <= count
        and all(isinstance(value, (int, float)) and value >= 0 for value in values)
    )


def rates_of(optimizer: Optimizer) -> list[float]:
    """The rates of its groups."""
    return [float(group["lr"]) for group in optimizer.param_groups]
