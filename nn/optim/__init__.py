"""Optimisers, and schedules of their learning rates.

>>> import nn
>>> model = nn.Linear(2, 1)
>>> optimizer = nn.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
"""

import importlib as _importlib
import typing as _typing

from nn.habits import OPTIMIZERS as _OPTIMIZERS
from nn.habits import finder as _finder
from nn.optim.algorithms import SGD, Adagrad, Adam, AdamW, RMSprop
from nn.optim.optimizer import Optimizer

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Optimizer",
    "RMSprop",
    "explain_step",
    "lr_scheduler",
]

_missing = _finder("nn.optim", _OPTIMIZERS, lambda: __all__)


def _lazily(name: str) -> _typing.Any:
    """What is loaded when it is first asked for."""
    if name == "lr_scheduler":
        return _importlib.import_module("nn.optim.lr_scheduler")
    if name != "explain_step":
        return _missing(name)
    globals()[name] = found = _importlib.import_module("nn.optim.explained").explain_step
    return found


if _typing.TYPE_CHECKING:
    from nn.optim import lr_scheduler
    from nn.optim.explained import explain_step
else:  # for a type checker a module with __getattr__ would have every name
    __getattr__ = _lazily


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
