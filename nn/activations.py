"""Activations as Modules, each made from its function in `nn.functional`.

May import: autograd, functional, module.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from autograd import Tensor
from nn import functional
from nn.functional.arguments import as_floats, as_tensor
from nn.module import Module

__all__ = [
    "ELU", "GELU", "Hardtanh", "LeakyReLU", "LogSigmoid", "LogSoftmax", "ReLU", "SELU", "SiLU",
    "Sigmoid", "Softmax", "Softplus", "Tanh",
]  # fmt: skip


class _Activation(Module):
    """What all activations share: options, which are the attributes that `_defaults` names."""

    _defaults: dict[str, Any] = {}

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in self._defaults)


def activation(name: str, function: Callable[..., Any]) -> type[_Activation]:
    """A Module class that applies a function to a Tensor, array or list.

    What the function takes after x are the options of the Module, with the same defaults, but for
    what it takes by name alone. A first call, on a single number with many axes, lets the function
    check them.

    >>> activation("Relu", functional.relu)()([-1.0, 2.0])
    Tensor([0., 2.])
    >>> activation("Leaky", functional.leaky_relu)(negative_slope=0.5)
    Leaky(negative_slope=0.5)
    """
    defaults = _options(function)

    def __init__(self: _Activation, *args: Any, **options: Any) -> None:
        given = _bound(name, defaults, args, options)
        try:
            function(np.zeros((1,) * 32), **given)
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"{name}: {error}") from None
        vars(self).update(given)

    def forward(self: _Activation, x: Any) -> Tensor:
        if x.__class__ is not Tensor or x.dtype.kind != "f":
            x = as_floats(as_tensor(name, "input", x))
        if not defaults:
            return function(x)
        return function(x, **{option: getattr(self, option) for option in defaults})

    __init__.__wrapped__ = _shown(function)  # type: ignore[attr-defined]
    doc = f"""The function `nn.functional.{function.__name__}` as a Module; no parameters.

    Takes a Tensor, array or list of any shape, and gives a Tensor of the same; integers become
    float64.

    >>> {name}()([-1.0, 1.0]).shape
    (2,)
    """
    members = {"forward": forward, "__init__": __init__, "_defaults": defaults, "__doc__": doc}
    return type(name, (_Activation,), {**members, "__module__": __name__})


def _plain(function: Callable[..., Any]) -> Any:
    return getattr(function, "__wrapped__", function)  # of an operation, its forward


def _shown(function: Callable[..., Any]) -> Any:
    """What `help` shows the arguments of: the function without what it takes by name alone."""
    plain = _plain(function)
    code = plain.__code__.replace(co_kwonlyargcount=0)
    shown = FunctionType(code, {}, plain.__name__, plain.__defaults__, plain.__closure__)
    shown.__annotations__ = plain.__annotations__
    return shown


def _options(function: Callable[..., Any]) -> dict[str, Any]:
    """The arguments of a function after its first, with their defaults."""
    plain = _plain(function)
    names = plain.__code__.co_varnames[1 : plain.__code__.co_argcount]
    return dict(zip(names, plain.__defaults__ or ()))


def _bound(
    name: str, defaults: dict[str, Any], args: tuple[Any, ...], options: dict[str, Any]
) -> dict[str, Any]:
    """All options of an activation: those given, in order or by name, and the defaults."""
    given = dict(zip(defaults, args))
    wrong = [option for option in options if option not in defaults or option in given]
    if wrong or len(args) > len(defaults):
        takes = ", ".join(f"{option}={value!r}" for option, value in defaults.items())
        raise TypeError(
            f"{name} takes {takes or 'no options'}, got "
            + ", ".join([*map(repr, args), *(f"{k}={v!r}" for k, v in options.items())])
        )
    return {**defaults, **given, **options}


ELU = activation("ELU", functional.elu)
GELU = activation("GELU", functional.gelu)
Hardtanh = activation("Hardtanh", functional.hardtanh)
LeakyReLU = activation("LeakyReLU", functional.leaky_relu)
LogSigmoid = activation("LogSigmoid", functional.log_sigmoid)
LogSoftmax = activation("LogSoftmax", functional.log_softmax)
ReLU = activation("ReLU", functional.relu)
SELU = activation("SELU", functional.selu)
SiLU = activation("SiLU", functional.silu)
Sigmoid = activation("Sigmoid", functional.sigmoid)
Softmax = activation("Softmax", functional.softmax)
Softplus = activation("Softplus", functional.softplus)
Tanh = activation("Tanh", functional.tanh)
