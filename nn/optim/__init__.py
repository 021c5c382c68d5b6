"""Optimisers, and schedules of their learning rates.

    >>> import nn
    >>> model = nn.Linear(2, 1)
    >>> optimizer = nn.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

May import: its own files.
"""

from nn.optim import lr_scheduler
from nn.optim.algorithms import SGD, Adagrad, Adam, AdamW, RMSprop
from nn.optim.explained import explain_step
from nn.optim.optimizer import Optimizer

__all__ = [
    "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "SGD", "explain_step", "lr_scheduler",
]  # fmt: skip
