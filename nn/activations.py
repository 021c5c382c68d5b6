"""Activations as Modules, each made from its function in `nn.functional`.

May import: autograd, functional, module.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autograd import Tensor
from nn import functional
from nn.module import Module

__all__ = ["ReLU", "Sigmoid", "Tanh"]


def activation(name: str, function: Callable[[Any], Any]) -> type[Module]:
    """A Module class that applies a function to each element of a Tensor, array or list.

    >>> activation("Relu", functional.relu)()([-1.0, 2.0])
    Tensor([0., 2.])
    """

    def forward(self: Module, x: Any) -> Tensor:
        return function(x if isinstance(x, Tensor) else Tensor(x))

    doc = f"""The function `nn.functional.{function.__name__}` as a Module; no parameters.

    Takes a Tensor, array or list of any shape, and gives a Tensor of the same.

    >>> {name}()([0.0])
    {function(Tensor([0.0]))!r}
    """
    return type(name, (Module,), {"forward": forward, "__doc__": doc, "__module__": __name__})


ReLU = activation("ReLU", functional.relu)
Sigmoid = activation("Sigmoid", functional.sigmoid)
Tanh = activation("Tanh", functional.tanh)
