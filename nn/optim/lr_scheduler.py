"""Schedules of learning rates: one class each, which says what the rate is after so many epochs.

    >>> import nn
    >>> optimizer = nn.optim.SGD(nn.Linear(2, 1).parameters(), lr=0.1)
    >>> scheduler = nn.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    >>> for epoch in range(4):
    ...     scheduler.step()        # after the optimiser's steps of the epoch
    >>> scheduler.get_last_lr()
    [0.025]

A rate that was changed from outside, by hand or by another scheduler of the same optimiser, is not
overwritten but goes on in proportion, as PyTorch's chained schedulers do (LambdaLR overwrites it).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from nn.checks import complain, number, one_of, plain, whole
from nn.habits import SCHEDULES, finder
from nn.optim.optimizer import Check, Optimizer, not_negative, without_rounding

__all__ = [
    "CosineAnnealingLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "ReduceLROnPlateau",
    "StepLR",
]


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
        return {**state, "_last_lr": _rates_of(self.optimizer)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take the settings and the place of a scheduler of this kind, and the rates of that time.

        The optimiser's own state may be loaded before or after, and before or after this scheduler
        was made. A rate that was changed since that state was loaded into it is left as it is.
        Raises ValueError that lists everything that does not fit; then nothing has changed.

        >>> import nn
        >>> optimizer = nn.optim.SGD(nn.Linear(2, 1).parameters(), lr=0.1)
        >>> scheduler = ExponentialLR(optimizer, gamma=0.9)
        >>> state = scheduler.state_dict()
        >>> state
        {'gamma': 0.9, 'last_epoch': 0, 'base_lrs': [0.1], '_last_lr': [0.1]}
        >>> ExponentialLR(optimizer, gamma=0.5).load_state_dict(state)
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
        rates = _rates_of(self.optimizer)
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


class StepLR(LRScheduler):
    """The rate times gamma after every step_size epochs: initial_lr gamma^(epoch // step_size).

    Raises ValueError for a step_size below 1 and a negative gamma. Source: PyTorch's StepLR.
    """

    checks = {"step_size": partial(whole, least=1), "gamma": not_negative}

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, epoch: int, initial_lr: float) -> float:
        return initial_lr * self.gamma ** (epoch // self.step_size)


def _rising(what: str, value: Any) -> None:
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"{what} must be a list, got {value!r}")
    for i, epoch in enumerate(value):
        whole(f"{what}[{i}]", epoch, least=0)
    if list(value) != sorted(value):
        raise ValueError(f"{what} must be rising, got {value}")


class MultiStepLR(LRScheduler):
    """The rate times gamma at each of the milestones, epochs in rising order.

    One that is listed twice counts twice. Raises ValueError for milestones that fall and a negative
    gamma. Source: PyTorch's MultiStepLR.

    >>> import nn
    >>> optimizer = nn.optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
    >>> scheduler = MultiStepLR(optimizer, milestones=[30, 80])
    >>> [round(scheduler.rate(epoch, 1.0), 6) for epoch in (0, 29, 30, 79, 80)]
    [1.0, 1.0, 0.1, 0.1, 0.01]
    """

    checks = {"milestones": _rising, "gamma": not_negative}

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        listed = list(milestones) if isinstance(milestones, Iterable) else milestones
        self.milestones, self.gamma = listed, gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, epoch: int, initial_lr: float) -> float:
        return initial_lr * self.gamma ** bisect_right(self.milestones, epoch)


class ExponentialLR(LRScheduler):
    """The rate times gamma after every epoch: initial_lr gamma^epoch.

    Raises ValueError for a negative gamma. Source: PyTorch's ExponentialLR.
    """

    checks = {"gamma": not_negative}

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, epoch: int, initial_lr: float) -> float:
        return initial_lr * self.gamma**epoch


class CosineAnnealingLR(LRScheduler):
    """The rate falls along half a cosine wave to eta_min at epoch T_max, and rises again after it.

    eta_min + (initial_lr - eta_min) (1 + cos(pi epoch / T_max)) / 2. Raises ValueError for a T_max
    of 0 or less and a negative eta_min. Sources: Loshchilov and Hutter, SGDR, 2017 (without
    restarts); PyTorch's CosineAnnealingLR.

    >>> import nn
    >>> optimizer = nn.optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
    >>> scheduler = CosineAnnealingLR(optimizer, T_max=10)
    >>> [round(scheduler.rate(epoch, 1.0), 6) for epoch in (0, 5, 10, 15, 20)]
    [1.0, 0.5, 0.0, 0.5, 1.0]
    """

    checks = {"T_max": partial(number, above=0, finite=False), "eta_min": not_negative}

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    @property
    def floor(self) -> float:  # type: ignore[override]
        return self.eta_min

    def rate(self, epoch: int, initial_lr: float) -> float:
        wave = (1 + math.cos(math.pi * epoch / self.T_max)) / 2
        return self.eta_min + (initial_lr - self.eta_min) * wave


class LinearLR(LRScheduler):
    """The rate times a factor that goes evenly from start_factor to end_factor in total_iters
    epochs, and stays there: a warm-up.

    Raises ValueError for a start_factor beyond (0, 1], an end_factor beyond [0, 1] and a
    total_iters of 0 or less. Source: PyTorch's LinearLR.

    >>> import nn
    >>> optimizer = nn.optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
    >>> scheduler = LinearLR(optimizer, start_factor=0.5, total_iters=4)
    >>> [scheduler.rate(epoch, 1.0) for epoch in range(6)]
    [0.5, 0.625, 0.75, 0.875, 1.0, 1.0]
    """

    checks = {
        "start_factor": partial(number, above=0, most=1),
        "end_factor": partial(number, least=0, most=1),
        "total_iters": partial(number, above=0, finite=False),
    }

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def rate(self, epoch: int, initial_lr: float) -> float:
        share = min(epoch, self.total_iters) / self.total_iters
        return initial_lr * (self.start_factor + (self.end_factor - self.start_factor) * share)


class LambdaLR(LRScheduler):
    """The initial rate times what a function of the epoch gives, whatever the rate was before.

    Args: lr_lambda, a function, or a list of one for each group. Raises ValueError for another
    number of functions. They are not saved by `state_dict`. Source: PyTorch's LambdaLR.

    >>> import nn
    >>> optimizer = nn.optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
    >>> scheduler = LambdaLR(optimizer, lambda epoch: 1 / (1 + epoch))
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        self.lr_lambdas = lr_lambda
        super().__init__(optimizer, last_epoch)

    def check(self) -> None:
        functions = self._for_groups(self.lr_lambdas)
        for function in functions:
            if not callable(function):
                raise TypeError(f"LambdaLR: lr_lambda must be a function, got {function!r}")
        self._check_count(functions, "functions", "function")

    def _advance(self, resumed: bool = False) -> None:
        self.check()  # a group may have been added since
        super()._advance()

    def _next(self, index: int, epoch: int, lr: float, initial_lr: float) -> float:
        factor = self._for_groups(self.lr_lambdas)[index](epoch)
        return initial_lr * number("LambdaLR: the factor", factor, finite=False)


class ReduceLROnPlateau(LRScheduler):
    """The rate times factor whenever a metric has not got better for more than `patience` epochs.

    Args: mode, "min" or "max", what is better; factor; patience; threshold, by how much it must be
        better: a share of the best ("rel") or a difference ("abs"), as threshold_mode says;
        cooldown, epochs after a reduction that do not count; min_lr, a number or one for each
        group; eps, the least change of a rate that is made.
    Raises ValueError for settings that make no sense. Source: PyTorch's ReduceLROnPlateau.

    >>> import nn
    >>> optimizer = nn.optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
    >>> scheduler = ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    >>> for loss in (0.4, 0.3, 0.31, 0.3):
    ...     scheduler.step(loss)
    >>> scheduler.get_last_lr()
    [0.5]
    """

    checks = {
        "mode": partial(one_of, words=("min", "max")),
        "threshold_mode": partial(one_of, words=("rel", "abs")),
        "factor": partial(number, least=0, below=1), "threshold": not_negative,
        "eps": not_negative, "best": partial(number, finite=False),
        **dict.fromkeys(
            ("patience", "cooldown", "num_bad_epochs", "cooldown_counter"), partial(whole, least=0)
        ),
    }  # fmt: skip

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        self._attach(optimizer)
        self.mode, self.factor, self.patience = mode, factor, patience
        self.threshold, self.threshold_mode = threshold, threshold_mode
        self.cooldown, self.eps = cooldown, eps
        self.min_lr = list(min_lr) if isinstance(min_lr, (list, tuple)) else min_lr
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = self.last_epoch = 0
        self.check()
        self._last_lr = _rates_of(optimizer)

    def check(self) -> None:
        super().check()
        least = self._for_groups(self.min_lr)
        self._check_count(least, "values of min_lr", "number")
        for value in least:
            not_negative("ReduceLROnPlateau: min_lr", value)

    def step(self, metrics: Any) -> None:  # type: ignore[override]
        """Count an epoch with this metric, a number; nan is never better.

        Raises TypeError for what is no single number.
        """
        self.check()  # a group may have been added since
        try:
            current = float(plain(metrics))
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"ReduceLROnPlateau.step needs a number, the metric to watch, got {metrics!r}"
            ) from error
        self.last_epoch += 1
        if self._better(current):
            self.best, self.num_bad_epochs = current, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown_counter - 1, 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = _rates_of(self.optimizer)
        self._groups = self.optimizer.param_groups

    def _better(self, current: float) -> bool:
        sign = 1 if self.mode == "max" else -1
        by = sign * self.threshold
        bound = self.best * (1 + by) if self.threshold_mode == "rel" else self.best + by
        return sign * current > sign * bound

    def _reduce(self) -> None:
        for group, least in zip(self.optimizer.param_groups, self._for_groups(self.min_lr)):
            old = float(group["lr"])
            new = max(old * self.factor, least)
            if old - new > self.eps:
                group["lr"] = new


def _rates(values: Any, count: int) -> bool:
    """Whether these are so many learning rates, or fewer: a group may have been added since."""
    return (
        isinstance(values, (list, tuple))
        and len(values) <= count
        and all(isinstance(value, (int, float)) and value >= 0 for value in values)
    )


def _rates_of(optimizer: Optimizer) -> list[float]:
    return [float(group["lr"]) for group in optimizer.param_groups]


if not TYPE_CHECKING:  # for which a module with __getattr__ would have every name
    __getattr__ = finder("nn.optim.lr_scheduler", SCHEDULES, lambda: __all__)
