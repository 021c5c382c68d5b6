"""The optimisers: what each does with a gradient. One class each; the base does the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np

from nn.checks import flag, number
from nn.optim.joined import REUSED
from nn.optim.optimizer import NOTES, Check, Optimizer, Setting, not_negative

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "RMSprop"]


def _betas(what: str, value: Any) -> None:
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ValueError(f"{what} must be two numbers, got {value!r}")
    for i, beta in enumerate(value):
        number(f"{what}[{i}]", beta, least=0, below=1)


_flag: Check = partial(flag, numbers=True)
# What all of them have.
COMMON: dict[str, Check] = {
    **Optimizer.checks, "weight_decay": not_negative, "maximize": _flag
}  # fmt: skip


def downhill(value: Any, gradient: Any, maximize: bool, decay: float) -> Any:
    """The gradient of what is to get smaller: turned round to climb, plus decay times the value."""
    g = -gradient if maximize else gradient
    return g + decay * value if decay else g


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

    elementwise = True
    checks = {**COMMON, "momentum": not_negative, "dampening": number, "nesterov": _flag}

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
        g = downhill(value, gradient, settings["maximize"], settings["weight_decay"])
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
    p - lr m / (sqrt(v) + eps). weight_decay p is added to the gradient, or with
    decoupled_weight_decay p shrinks by lr weight_decay (AdamW); with amsgrad v is the largest so
    far.

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

    elementwise = True
    checks = {
        **COMMON, "betas": _betas, "eps": not_negative, "amsgrad": _flag,
        "decoupled_weight_decay": _flag,
    }  # fmt: skip
    newer = ("decoupled_weight_decay",)

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
        decoupled_weight_decay: bool = False,
    ) -> None:
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad,
            "maximize": maximize, "decoupled_weight_decay": decoupled_weight_decay,
        })  # fmt: skip

    def initial(self, value: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
        return {"step": 0, "exp_avg": np.zeros_like(value), "exp_avg_sq": np.zeros_like(value)}

    def update(
        self, value: Any, gradient: Any, state: dict[str, Any], settings: dict[str, Any]
    ) -> Any:
        lr, (beta1, beta2) = settings["lr"], settings["betas"]
        maximize, decay = settings["maximize"], settings["weight_decay"]
        if decay and settings["decoupled_weight_decay"]:
            value, decay = value * (1 - lr * decay), 0.0
        g = gradient
        if maximize or decay:
            g = downhill(value, gradient, maximize, decay)
        step, m, v = state["step"] + 1, state["exp_avg"], state["exp_avg_sq"]
        small = (
            value.ndim and value.size < REUSED and m.__class__ is v.__class__ is np.ndarray
            and g.dtype is m.dtype is v.dtype is value.dtype and m.shape == v.shape == value.shape
        )  # fmt: skip
        # Small arrays are made soonest by the operations themselves.
        made: list[Any] = [None] * 3 if small else [self.empty_like(value) for _ in range(3)]
        change, square, new = made
        most = state.get("max_exp_avg_sq", v) if settings["amsgrad"] else None
        # lr m' / (sqrt(v') + eps), where m' = m / (1 - beta1^step) and v' = v / root².
        root = (1 - beta2**step) ** 0.5
        half = root if value.dtype == np.float16 else None  # in which eps root may be 0
        factor = root if half is None else 1.0
        numbers = self._numbers(
            value.dtype, 1 - beta1, 1 - beta2, beta2, settings["eps"] * factor,
            lr * factor / (1 - beta1**step),
        )  # fmt: skip
        if value.size < MANY or most is not None or not _alike(value, g, m, v, change, square, new):
            change, square, new, most = _adam(
                numbers, half, most, value, g, m, v, change, square, new
            )
        else:
            flat = [array.reshape(-1) for array in (value, g, m, v, change, square, new)]
            for start in range(0, value.size, BLOCK):
                _adam(numbers, half, None, *[array[start : start + BLOCK] for array in flat])
        state["step"], state["exp_avg"], state["exp_avg_sq"] = step, change, square
        if most is not None:
            state["max_exp_avg_sq"] = most
        return new

    def _scales(self, value: Any, settings: Mapping[str, Any]) -> dict[str, float]:
        if settings["amsgrad"] or value.dtype.itemsize < 4:
            return {}
        beta1, beta2 = settings["betas"]
        return {"exp_avg": 1 - beta1, "exp_avg_sq": 1 - beta2}

    def _update_unscaled(
        self, value: Any, gradient: Any, state: dict[str, Any], settings: dict[str, Any]
    ) -> Any:
        """With the factors 1 - beta of both running means in the two numbers that a step needs
        anyway: two passes over all elements less."""
        lr, (beta1, beta2), decay = settings["lr"], settings["betas"], settings["weight_decay"]
        if decay and settings["decoupled_weight_decay"]:
            value, decay = value * (1 - lr * decay), 0.0
        g = gradient
        if settings["maximize"] or decay:
            g = downhill(value, gradient, settings["maximize"], decay)
        step = state["step"] + 1
        m = state["exp_avg"] * beta1 + g
        v = state["exp_avg_sq"] * beta2 + g * g
        root = ((1 - beta2) / (1 - beta2**step)) ** 0.5
        change = m / (np.sqrt(v) + settings["eps"] / root)
        change *= lr * (1 - beta1) / (1 - beta1**step) / root
        state["step"], state["exp_avg"], state["exp_avg_sq"] = step, m, v
        return value - change


# More elements than the cache holds seven arrays of are stepped so many at a time.
MANY, BLOCK = 1 << 21, 1 << 17


def _alike(*arrays: Any) -> bool:
    """Whether the same elements of all lie beside each other in memory."""
    return all(
        a.__class__ is np.ndarray and a.shape == arrays[0].shape and a.flags.c_contiguous
        for a in arrays
    )


def _adam(
    numbers: list[Any], half: float | None, most: Any, value: Any, g: Any, m: Any, v: Any,
    change: Any, square: Any, new: Any,
) -> tuple[Any, Any, Any, Any]:  # fmt: skip
    """The new m, v, value and, for amsgrad, largest v; in the last three arrays, if not None.

    m + (g - m) (1 - beta1) and v beta2 + g g (1 - beta2) are in arrays that are new anyway. One
    more, `new`, serves for all the rest: a fifth less time than with an array each.
    """
    rest1, rest2, beta2, eps, rate = numbers
    change = np.subtract(g, m, change)
    change *= rest1
    change += m
    square = np.multiply(g, g, square)
    square *= rest2
    new = np.multiply(v, beta2, new)
    square += new
    if most is not None:
        most = np.maximum(most, square)
    np.sqrt(square if most is None else most, new)
    if half is not None:
        new /= half
    new += eps
    np.divide(change, new, new)
    new *= rate
    return change, square, np.subtract(value, new, new), most


class AdamW(Adam):
    """Adam whose weight decay is decoupled: p shrinks by lr weight_decay, apart from the gradient.

    Args, errors: as Adam's. Sources: Loshchilov and Hutter, Decoupled weight decay regularization,
    2019; PyTorch's AdamW.

    >>> from autograd import Tensor
    >>> p = Tensor([1.0], requires_grad=True)
    >>> (0 * p).sum().backward()
    >>> AdamW([p], lr=0.5, weight_decay=0.1).step()
    >>> p
    Tensor([0.95], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad,
            maximize=maximize, decoupled_weight_decay=True,
        )  # fmt: skip

    def check(self, settings: Mapping[str, Any]) -> None:
        super().check(settings)
        if not settings["decoupled_weight_decay"]:
            raise ValueError(
                "AdamW: decoupled_weight_decay must be True; use Adam for decay in the gradient"
            )


class RMSprop(Optimizer):
    """The gradient divided by the root of a running mean v of its square.

    v = alpha v + (1 - alpha) g², then p - lr g / (sqrt(v) + eps). With centered, the square of a
    running mean of g is taken from v; with momentum, b = momentum b + g / (sqrt(v) + eps) and
    p - lr b. weight_decay p is added to the gradient.

    Args: params, Tensors or groups of them; maximize, to climb instead. Raises ValueError for
    negative settings and for an alpha above 1. Sources: Tieleman and Hinton, 2012 (lecture 6);
    Graves, Generating sequences with recurrent neural networks, 2013 (centered); PyTorch's RMSprop.

    >>> from autograd import Tensor
    >>> p = Tensor([1.0], requires_grad=True)
    >>> (p * p).sum().backward()
    >>> RMSprop([p], lr=0.25, alpha=0.75).step()
    >>> p
    Tensor([0.5], requires_grad=True)
    """

    elementwise = True
    checks = {
        **COMMON, "alpha": partial(number, least=0, most=1), "eps": not_negative,
        "momentum": not_negative, "centered": _flag,
    }  # fmt: skip

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {
            "lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay,
            "momentum": momentum, "centered": centered, "maximize": maximize,
        })  # fmt: skip

    def initial(self, value: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
        return {"step": 0, "square_avg": np.zeros_like(value)}

    def update(
        self, value: Any, gradient: Any, state: dict[str, Any], settings: dict[str, Any]
    ) -> Any:
        g = downhill(value, gradient, settings["maximize"], settings["weight_decay"])
        alpha, momentum = settings["alpha"], settings["momentum"]
        v = state["square_avg"] * alpha + g * g * (1 - alpha)
        state.update(step=state["step"] + 1, square_avg=v)
        if settings["centered"]:
            m = state.get("grad_avg", 0.0)
            m = state["grad_avg"] = m + (g - m) * (1 - alpha)
            v = v - m * m
        g = g / (np.sqrt(v) + settings["eps"])
        if momentum:
            g = state["momentum_buffer"] = state.get("momentum_buffer", 0.0) * momentum + g
        return value - settings["lr"] * g


class Adagrad(Optimizer):
    """The gradient divided by the root of the sum s of all its squares.

    s = s + g², then p - rate g / (sqrt(s) + eps), where rate = lr / (1 + (step - 1) lr_decay). s
    starts at initial_accumulator_value. weight_decay p is added to the gradient.

    Args: params, Tensors or groups of them; maximize, to climb instead. Raises ValueError for
    negative settings. Sources: Duchi, Hazan and Singer, Adaptive subgradient methods, 2011;
    PyTorch's Adagrad.

    >>> from autograd import Tensor
    >>> p = Tensor([1.0], requires_grad=True)
    >>> (p * p).sum().backward()
    >>> Adagrad([p], lr=0.25).step()
    >>> p
    Tensor([0.75], requires_grad=True)
    """

    elementwise = True
    checks = {
        **COMMON, "lr_decay": not_negative, "initial_accumulator_value": not_negative,
        "eps": not_negative,
    }  # fmt: skip

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {
            "lr": lr, "lr_decay": lr_decay, "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value, "eps": eps,
            "maximize": maximize,
        })  # fmt: skip

    def initial(self, value: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
        return {"step": 0, "sum": np.full_like(value, settings["initial_accumulator_value"])}

    def update(
        self, value: Any, gradient: Any, state: dict[str, Any], settings: dict[str, Any]
    ) -> Any:
        g = downhill(value, gradient, settings["maximize"], settings["weight_decay"])
        rate = settings["lr"] / (1 + state["step"] * settings["lr_decay"])
        total = state["sum"] + g * g
        state.update(step=state["step"] + 1, sum=total)
        return value - rate * (g / (np.sqrt(total) + settings["eps"]))


# A setting of one of them is refused by those that would not read it.
for _name in sorted({name for kind in __all__ for name in globals()[kind].checks}):
    if _name not in NOTES:
        setattr(Optimizer, _name, Setting(_name))
