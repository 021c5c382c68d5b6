"""Optimisers: what they do with a gradient. One class each; the base does the rest.

Steps follow PyTorch's order of operations. A step gives each parameter a new array rather than
writing into the old one, so a graph recorded before the step keeps the values it used.

May import: autograd.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from autograd import Tensor, enable_grad

__all__ = ["Adam", "Optimizer", "SGD"]


class Optimizer:
    """Base of the optimisers: groups of parameters with their settings, and the state of each.

    A subclass writes `update`, the step for one array, and calls this __init__ with its settings.

    Args: params, Tensors, or dicts {"params": Tensors, setting: value} for groups with settings of
        their own; defaults, the settings for all others.
    Raises ValueError for no parameters, one given twice or one that is no leaf, TypeError for what
    is no Tensor.

    >>> class SignSGD(Optimizer):
    ...     def __init__(self, params, lr=0.01):
    ...         super().__init__(params, {"lr": lr})
    ...     def update(self, value, gradient, state, settings):
    ...         return value - settings["lr"] * np.sign(gradient)
    >>> p = Tensor([1.0, 2.0], requires_grad=True)
    >>> (p * p).sum().backward()
    >>> SignSGD([p]).step()
    >>> p
    Tensor([0.99, 1.99], requires_grad=True)
    """

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self.state: dict[Tensor, dict[str, Any]] = {}
        self.check(defaults)
        for group in self._groups(params):
            self.add_param_group(group)

    def update(
        self, value: Any, gradient: Any, state: dict[str, Any], settings: dict[str, Any]
    ) -> Any:
        """The new value of one parameter: a fresh array.

        `state` is the parameter's own dict, empty before the first step and kept between steps;
        `settings` are those of its group. The arrays given are not to be written into.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method `update`; write one")

    def check(self, settings: Mapping[str, Any]) -> None:
        """Raise ValueError for settings that make no sense; subclasses add their own."""
        kind = type(self).__name__
        for name in ("lr", "momentum", "dampening", "weight_decay", "eps"):
            if name not in settings:
                continue
            value = _plain(settings[name])
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise TypeError(f"{kind}: {name} must be a number, got {settings[name]!r}")
            if name != "dampening" and not value >= 0:
                raise ValueError(f"{kind}: {name} must be >= 0, got {value}")
        betas = settings.get("betas", (0.0, 0.0))
        if not isinstance(betas, (tuple, list)) or len(betas) != 2:
            raise ValueError(f"{kind}: betas must be two numbers, got {betas!r}")
        for i, beta in enumerate(betas):
            if not 0 <= beta < 1:
                raise ValueError(
                    f"{type(self).__name__}: betas[{i}] must be at least 0 and below 1, got {beta}"
                )

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient; one whose `.grad` is None is left alone.

        Args: closure, a function that computes the loss and calls backward, before the step.
        Returns what closure returned.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            settings = {name: _plain(value) for name, value in group.items() if name != "params"}
            for parameter in group["params"]:
                gradient = parameter.grad
                if gradient is not None:
                    state = self.state.setdefault(parameter, {})
                    new = self.update(parameter.data, gradient, state, settings)
                    if new is None:
                        raise TypeError(
                            f"{type(self).__name__}.update returned None; it must return the new "
                            "array (is a `return` missing?)"
                        )
                    # A step must not change the dtype: float32 / np.sqrt(2) is float64.
                    parameter.data = np.asarray(new, dtype=parameter.dtype)
        return loss

    def zero_grad(self) -> None:
        """Set the `.grad` of every parameter to None."""
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.zero_grad()

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Take in more parameters: {"params": Tensors, and any settings of their own}.

        Raises as the constructor does; then nothing has changed.
        """
        name = type(self).__name__
        params = group["params"]
        params = [params] if isinstance(params, Tensor) else list(params)
        if not params:
            raise ValueError(
                f"{name} got an empty parameter list; pass model.parameters() of a model that has "
                "some (an iterator serves only once: make it anew, or keep a list)"
            )
        unknown = [key for key in group if key != "params" and key not in self.defaults]
        if unknown:
            raise ValueError(
                f"{name} has no setting {unknown[0]!r}; it has {', '.join(self.defaults)}"
            )
        seen = {id(p) for g in self.param_groups for p in g["params"]}
        for position, parameter in enumerate(params):
            self._check_parameter(position, parameter)
            if id(parameter) in seen:
                raise ValueError(
                    f"{name}: parameter {position}, of shape {parameter.shape}, is given twice and "
                    "would be moved twice in each step; give each parameter once"
                )
            seen.add(id(parameter))
        settings = self.defaults | {key: group[key] for key in group if key != "params"}
        self.check(settings)
        self.param_groups.append({"params": params, **settings})

    def _check_parameter(self, position: int, parameter: Any) -> None:
        name = type(self).__name__
        if not isinstance(parameter, Tensor):
            raise TypeError(
                f"{name}: parameter {position} must be a Tensor, got {type(parameter).__name__}"
            )
        if not parameter.is_leaf:
            raise ValueError(
                f"{name}: parameter {position}, of shape {parameter.shape}, is the result of an "
                "operation; only leaves can be trained: make it by "
                "Tensor(array, requires_grad=True)"
            )

    def _groups(self, params: Iterable[Any]) -> list[Mapping[str, Any]]:
        name = type(self).__name__
        if isinstance(params, Tensor):
            raise TypeError(f"{name} takes a list of Tensors, got one Tensor; write {name}([p])")
        if not isinstance(params, Iterable):
            cure = ""
            if hasattr(params, "parameters"):
                cure = f"; write {name}(model.parameters())"
            raise TypeError(f"{name} takes a list of Tensors, got {type(params).__name__}{cure}")
        params = list(params)
        if params and all(isinstance(p, Mapping) for p in params):
            return params
        return [{"params": params}]

    def __repr__(self) -> str:
        lines = []
        for group in self.param_groups:
            settings = ", ".join(f"{k}={v}" for k, v in group.items() if k != "params")
            lines.append(f"\n  {len(group['params'])} parameters: {settings}")
        return f"{type(self).__name__}({''.join(lines)}\n)"


def _plain(setting: Any) -> Any:
    """A NumPy number as Python's, which leaves float32 parameters float32."""
    if isinstance(setting, (tuple, list)):
        return tuple(_plain(member) for member in setting)
    single = isinstance(setting, (np.generic, np.ndarray, Tensor)) and setting.size == 1
    return setting.item() if single else setting


class SGD(Optimizer):
    """Stochastic gradient descent: p - lr g, and with momentum p - lr b.

    g is the gradient plus weight_decay p; b = momentum b + (1 - dampening) g, at the first step
    b = g. With nesterov the step is g + momentum b.

    Args: params, Tensors or groups of them; maximize, to climb instead. Raises ValueError for
    negative settings and for nesterov without momentum or with dampening. Source: PyTorch's SGD.

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
