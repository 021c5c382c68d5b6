"""The optimisers: what each does with a gradient. One class each; the base does the rest.

May import: optimizer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from nn.optim.optimizer import Optimizer

__all__ = ["Adam", "SGD"]


class SGD(Optimizer):
    """Stochastic gradient descent: p - lr g, and with momentum p - lr b.

    g is the gradient plus weight_decay p; b = momentum b + (1 - dampening) g, at the first step
    b = g. With nesterov the step is g + momentum b.

    Args: params, Tensors or groups of them; maximize, to climb instead. Raises ValueError for
    negative settings and for nesterov without momentum or with dampening. Source: PyTorch's SGD.

    >>> from autograd import Tensor
    >>> p = Tensor([1.0], requires_grad=True)
    >>> (p * p).sum().backward()
    >>> SGD([p], lr=0.25).step()
    >>> p
    Tensor([0.5], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
            "nesterov": nesterov, "maximize": maximize,
        })  # fmt: skip

    def check(self, settings: Mapping[str, Any]) -> None:
        super().check(settings)
        if settings["nesterov"] and (not settings["momentum"] or settings["dampening"]):
            raise ValueError(
                "SGD: nesterov needs a momentum above 0 and dampening 0, got momentum "
                f"{settings['momentum']} and dampening {settings['dampening']}"
            )

    def update(
        self, value: Any, gradient: Any, state: dict[str, Any], settings: dict[str, Any]
    ) -> Any:
        g = -gradient if settings["maximize"] else gradient
        if settings["weight_decay"]:
            g = g + settings["weight_decay"] * value
        momentum = settings["momentum"]
        if momentum:
            buffer = state.get("momentum_buffer")
            if buffer is None:
                buffer = g.copy()  # the first step ignores dampening
            else:
                buffer = buffer * momentum + g * (1 - settings["dampening"])
            state["momentum_buffer"] = buffer
            g = g + momentum * buffer if settings["nesterov"] else buffer
        return value - settings["lr"] * g


class Adam(Optimizer):
    """Steps of about lr each, by running means m of the gradient and v of its square.

    m and v are averaged with betas and corrected for their start at 0, then
    p - lr m / (sqrt(v) + eps). weight_decay p is added to the gradient; with amsgrad v is the
    largest so far.

    Args: params, Tensors or groups of them; maximize, to climb instead. Raises ValueError for
    negative settings and for betas beyond [0, 1). Sources: Kingma and Ba, Adam, 2015 (its first
    algorithm); PyTorch's Adam.

    >>> from autograd import Tensor
    >>> p = Tensor([1.0], requires_grad=True)
    >>> (p * p).sum().backward()
    >>> Adam([p], lr=0.25).step()
    >>> p
    Tensor([0.75], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad,
            "maximize": maximize,
        })  # fmt: skip

    def update(
        self, value: Any, gradient: Any, state: dict[str, Any], settings: dict[str, Any]
    ) -> Any:
        if not state:
            state.update(step=0, exp_avg=np.zeros_like(value), exp_avg_sq=np.zeros_like(value))
        beta1, beta2 = settings["betas"]
        g = -gradient if settings["maximize"] else gradient
        if settings["weight_decay"]:
            g = g + settings["weight_decay"] * value
        m, v, step = state["exp_avg"], state["exp_avg_sq"], state["step"] + 1
        m = m + (g - m) * (1 - beta1)
        v = v * beta2 + g * g * (1 - beta2)
        state.update(step=step, exp_avg=m, exp_avg_sq=v)
        if settings["amsgrad"]:
            v = state["max_exp_avg_sq"] = np.maximum(state.get("max_exp_avg_sq", v), v)
        root = np.sqrt(v) / (1 - beta2**step) ** 0.5 + settings["eps"]
        return value - settings["lr"] / (1 - beta1**step) * (m / root)
