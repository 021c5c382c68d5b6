"""The base of the optimisers: groups of parameters, their settings, and the state of each.

Steps follow PyTorch's order of operations. A step gives each parameter a new array rather than
writing into the old one, so a graph recorded before the step keeps the values it used.

May import: autograd.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from autograd import Tensor, enable_grad

__all__ = ["Optimizer"]


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
