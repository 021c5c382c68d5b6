"""Schedules of learning rates: one class each, which says what the rate is after so many epochs.

    >>> import nn
    >>> optimizer = nn.optim.SGD(nn.Linear(2, 1).parameters(), lr=0.1)
    >>> scheduler = nn.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    >>> for epoch in range(4):
    ...     scheduler.step()        # after the optimiser's steps of the epoch
    >>> scheduler.get_last_lr()
    [0.025]

What they have in common, and what becomes of a rate that was changed from outside, is in
`nn/optim/scheduler.py`.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from nn.checks import number, one_of, plain, whole
from nn.habits import SCHEDULES, finder
from nn.optim.optimizer import Optimizer, not_negative
from nn.optim.scheduler import LRScheduler, rates_of

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
        self._last_lr = rates_of(optimizer)

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
        self._last_lr = rates_of(self.optimizer)
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


if not TYPE_CHECKING:  # for which a module with __getattr__ would have every name
    __getattr__ = finder("nn.optim.lr_scheduler", SCHEDULES, lambda: __all__)
