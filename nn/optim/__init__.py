"""Optimisers, and schedules of their learning rates.

    >>> import nn
    >>> model = nn.Linear(2, 1)
    >>> optimizer = nn.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

May import: its own files, habits.
"""

from typing import TYPE_CHECKING as _TYPE_CHECKING

from nn.habits import OPTIMIZERS as _OPTIMIZERS
from nn.habits import finder as _finder
from nn.optim import lr_scheduler
from nn.optim.algorithms import SGD, Adagrad, Adam, AdamW, RMSprop
from nn.optim.explained import explain_step
from nn.optim.optimizer import Optimizer

__all__ = [
    "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "SGD", "explain_step", "lr_scheduler",
]  # fmt: skip

if not _TYPE_CHECKING:  # for which a module with __getattr__ would have every name
    __getattr__ = _finder("nn.optim", _OPTIMIZERS, lambda: __all__)
