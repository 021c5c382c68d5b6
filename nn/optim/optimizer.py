"""The base of the optimisers: groups of parameters, their settings, and the state of each.

Steps follow PyTorch's order of operations. A step gives each parameter a new array rather than
writing into the old one, so a graph recorded before the step keeps the values it used.
"""

from __future__ import annotations

import copy
import math
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from operator import is_
from typing import Any, ClassVar

import numpy as np

from autograd import Tensor, enable_grad
from nn.checks import PLAIN, complain, number, plain
from nn.memory import keep_freed_memory
from nn.names import unknown
from nn.optim.joined import UNSHARED, Joined, kind, mixing

__all__ = ["NOTES", "Check", "Optimizer", "Setting", "not_negative", "without_rounding"]

NOTES = ("initial_lr",)  # what schedulers note in a group, beside the optimiser's settings
# Settings of PyTorch's that choose how it computes and not what: passed over in its states.
PYTORCHS = ("foreach", "capturable", "differentiable", "fused", "param_names")
NO_SETTINGS = ("params", "param_names")  # of a group
OTHER_NAMES = {
    "learning_rate": "lr", "epsilon": "eps", "rho": "alpha", "decay": "weight_decay",
    "beta_1": "betas", "beta_2": "betas", "beta1": "betas", "beta2": "betas",
}  # fmt: skip
Check = Callable[[str, Any], Any]
not_negative: Check = partial(number, least=0)


class Setting:
    """A setting of all groups as an attribute of the optimiser: `optimizer.lr = 0.01` is what it
    looks like. One that a class has not is refused, for nobody would read it; what a class keeps
    under such a name by itself is its own affair."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, optimizer: Optimizer | None, owner: type) -> Any:
        own = {} if optimizer is None else vars(optimizer)
        if self.name in own:
            return own[self.name]
        found = [group[self.name] for group in own.get("param_groups", ()) if self.name in group]
        if not found:
            raise AttributeError(f"{owner.__name__} has no attribute {self.name!r}")
        if any(value != found[0] for value in found):
            raise AttributeError(
                f"the groups of this {owner.__name__} have a {self.name} each, {found}; ask one "
                f'for it: optimizer.param_groups[0]["{self.name}"]'
            )
        return found[0]

    def __set__(self, optimizer: Optimizer, value: Any) -> None:
        own, name = vars(optimizer), self.name
        of_class = sys._getframe(1).f_locals.get("self") is optimizer  # in a method of its own
        if of_class or "param_groups" not in own:
            own[name] = value
            return
        if name in optimizer.defaults:
            for group in optimizer.param_groups:  # all are asked before the first is changed
                optimizer.check({**_settings(group), name: value})
            for group in optimizer.param_groups:
                group[name] = value
        elif name not in own:
            raise AttributeError(_no_setting(optimizer, name, value))
        if name in own:
            own[name] = value


def _no_setting(optimizer: Optimizer, name: str, value: Any) -> str:
    kind, ours = type(optimizer).__name__, OTHER_NAMES.get(name)
    return (
        f"{kind}.{name} = {value!r} would change nothing: the settings of {kind} are "
        + (", ".join(optimizer.defaults) or "none")
        + f"; it is called {ours!r} here" * (ours in optimizer.defaults)
    )


class Optimizer:
    """Base of the optimisers: groups of parameters with their settings, and the state of each.

    A subclass writes `update`, the step for one array, and `initial`, the state before the first
    step if it keeps one, and calls this __init__ with its settings. What these must be it says in
    `checks`, {name: function of (what, value)} as those of `nn.checks`.

    Args: params, Tensors, or (name, Tensor) as of `named_parameters()`, or dicts {"params": those,
        setting: value} for groups with settings of their own; defaults, the settings for all the
        others.
    A setting is an attribute as well: `optimizer.lr = 0.01` sets that of all groups.
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

    checks: ClassVar[Mapping[str, Check]] = {"lr": not_negative, "initial_lr": not_negative}
    lr: Any  # a Setting, as all others are
    newer: ClassVar[tuple[str, ...]] = ()  # settings that older states of PyTorch do not have

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self._show_settings()
        self.param_groups: list[dict[str, Any]] = []
        self._state: dict[Tensor, dict[str, Any]] = defaultdict(dict)
        self._joined: list[Joined] = []  # what is stepped together, and the state of it
        self._members: list[list[int]] = []  # all parameters when it was found out, by their id,
        self._idle: list[Tensor] = []  # and those of them without a gradient
        self._stepping: Joined | None = None  # the one whose update is under way
        self._seen: dict[int, Any] = {}  # groups as they were, and their settings in plain numbers
        owner = next(kind for kind in type(self).__mro__ if "update" in vars(kind))
        self._flat = vars(owner).get("elementwise", False)
        # Ours write into nothing that they are given; others are given copies.
        self._ours = owner.__module__.startswith("nn.optim.")
        self._trusted = self._ours or not self._flat  # else the first step looks closely
        self.check(defaults)
        for group in self._groups(params):
            self.add_param_group(group)

    # Whether `update` treats every element by itself, and so may be given several parameters end to
    # end in one flat array. To be said by the very class that writes `update`.
    elementwise = False

    @property
    def state(self) -> dict[Tensor, dict[str, Any]]:
        """What is kept of each parameter between steps: {parameter: {name: array or number}}.

        Of one that has made no step yet it is an empty dict, as PyTorch's.
        """
        for joined in self._joined:
            if joined.stepped and joined.state:
                self._state.update(zip(joined.parameters, joined.states()))
        self._joined = []
        return self._state

    def initial(self, value: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The state of one parameter before its first step: what `update` needs to find there."""
        return {}

    def update(
        self, value: Any, gradient: Any, state: dict[str, Any], settings: dict[str, Any]
    ) -> Any:
        """The new value of one parameter: a fresh array.

        `state` is the parameter's own dict, kept between steps; put new arrays into it.
        `settings` are those of its group. `value` and `gradient` are copies: to write into them, as
        PyTorch's optimisers do, changes no graph and no array of anybody else.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method `update`; write one")

    def _scales(self, value: Any, settings: Mapping[str, Any]) -> dict[str, float]:
        """Factors that arrays of the state lack while `_update_unscaled` steps them."""
        return {}

    def _update_unscaled(
        self, value: Any, gradient: Any, state: dict[str, Any], settings: dict[str, Any]
    ) -> Any:
        """`update` where last digits do not count, of a state whose arrays lack their `_scales`."""
        return self.update(value, gradient, state, settings)

    def empty_like(self, array: Any) -> Any:
        """An array of the shape and dtype of this one, for `update` to write its results into.

        It has no values yet. It may be one that an earlier step has left behind, and that nobody
        else holds: large parameters are stepped in half the time and less, for new memory is dear.

        >>> class Descent(Optimizer):
        ...     def update(self, value, gradient, state, settings):
        ...         return np.subtract(value, gradient, out=self.empty_like(value))
        >>> p = Tensor([3.0], requires_grad=True)
        >>> p.grad = [1.0]
        >>> Descent([p], {}).step()
        >>> p
        Tensor([2.], requires_grad=True)
        """
        joined = self._stepping
        if joined is None:
            return np.empty_like(array)
        joined.asked = True
        return joined.empty_like(array)

    def _numbers(self, dtype: Any, *numbers: float) -> list[Any]:
        """Numbers as arrays without axes, for one `update` to compute with: beside a small array
        they take half the time of Python's own. The next step fills the same arrays; of numbers
        that are being recorded, a program makes its own."""
        if numbers[-1].__class__ is not float:
            return list(numbers)
        kept = [] if self._stepping is None else self._stepping.numbers
        if len(kept) != len(numbers) or kept[0].dtype is not dtype:
            kept[:] = [np.empty((), dtype) for _ in numbers]
        for array, value in zip(kept, numbers):
            array[()] = value
        return kept

    def check(self, settings: Mapping[str, Any]) -> None:
        """Raise ValueError for settings that make no sense, TypeError for those of a wrong kind;
        subclasses add their own."""
        kind = type(self).__name__
        for name, setting in settings.items():
            if (check := self.checks.get(name)) is not None:
                check(f"{kind}: {name}", setting)
            elif isinstance(setting, (float, np.floating)) and math.isnan(setting):
                raise ValueError(f"{kind}: {name} must be a number, got nan")

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient; one whose `.grad` is None is left alone.

        Args: closure, a function that computes the loss and calls backward, before the step.
        Returns what closure returned.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        settings = list(map(self._settings, range(len(self.param_groups)), self.param_groups))
        gradients = self._gradients()
        if gradients is None:  # the first step, or other parameters than before
            keep_freed_memory()
            self._join(settings)
            gradients = [[p.grad for p in joined.parameters] for joined in self._joined]
            if not self._trusted:
                self._check_elementwise(settings)
        stepped = self._joined  # (an update that looks at `state` takes them apart)
        changes = []  # all are computed before the first is made: an error changes nothing
        for joined, parts in zip(stepped, gradients):
            value, gradient = joined.value, joined.laid_gradient(parts)
            state, self._stepping = joined.state.copy(), joined
            if self._ours:
                new = self.update(value, gradient, state, settings[joined.group])
            else:
                new = self._updated(value, gradient, state, settings[joined.group])
            if new.__class__ is not np.ndarray or new.dtype is not value.dtype:
                new = self._as_array(new, value)
            if new.shape != value.shape:
                raise ValueError(self._wrong_shape(new, value, gradient))
            changes.append((new, state, gradient))
        self._joined = stepped
        for joined, change in zip(stepped, changes):
            joined.take(*change)
        return loss

    def _updated(
        self, value: Any, gradient: Any, state: dict[str, Any], settings: dict[str, Any]
    ) -> Any:
        """`update` of a class that is not ours, on copies; the new value is nobody else's.

        PyTorch's optimisers write into what they are given. Graphs recorded before, arrays taken
        from `.data` and the gradient must not see it, nor what is written in later steps into an
        array that was returned and kept.
        """
        new = self.update(value.copy("K"), gradient.copy("K"), state, settings)
        if new.__class__ is not np.ndarray:
            return new
        return new if new.base is None and sys.getrefcount(new) <= UNSHARED else new.copy("K")

    def _check_elementwise(self, settings: list[dict[str, Any]]) -> None:
        """Raise ValueError for an `update` that says elementwise and mixes elements: tried on small
        arrays end to end and alone, with gradients of several sizes."""
        for group in {joined.group for joined in self._joined}:
            mixed = mixing(self, settings[group])
            if mixed is None:
                return  # the step itself will tell
            if mixed:
                raise ValueError(
                    f"{type(self).__name__} says elementwise = True, but its update {mixed}: given "
                    "several parameters end to end in one flat array it would mix them. Take that "
                    "line out: each parameter is then stepped alone, in its own shape"
                )
        self._trusted = True

    def _settings(self, number: int, group: dict[str, Any]) -> dict[str, Any]:
        """The settings of a group in plain numbers: those of the step before, if still the same."""
        # The same means the very same objects: 0.1 equals np.float32(0.1), which is another rate.
        names, values, settings = self._seen.get(number, (None, (), {}))
        if [*group] != names or not all(map(is_, group.values(), values)):
            settings = _settings(group)
            if any(v.__class__ is float and not 0 <= v < math.inf for v in settings.values()):
                self.check(self.defaults | settings)  # somebody has set it by hand
            if all(is_constant(group[name]) for name in settings):
                self._seen[number] = [*group], [*group.values()], settings
        return settings.copy()

    def _gradients(self) -> list[list[Any]] | None:
        """The gradients of what is stepped together; None if that is not known, or not any more."""
        if not self._joined:
            return None
        found = []
        for joined in self._joined:
            gradients = joined.gradients()
            if gradients is None:
                return None
            found.append(gradients)
        for parameter in self._idle:
            if parameter.grad is not None:
                return None
        for group, members in zip(self.param_groups, self._members):
            if [*map(id, group["params"])] != members:
                return None
        return found if len(self.param_groups) == len(self._members) else None

    def _join(self, settings: list[dict[str, Any]]) -> None:
        """Find out what can be stepped together."""
        state = self.state
        kinds: dict[Any, list[Any]] = {}
        idle = []
        for position, group in enumerate(self.param_groups):
            for place, parameter in enumerate(group["params"]):
                if parameter.grad is None:
                    idle.append(parameter)
                    continue
                kept = state.get(parameter) or self.initial(parameter.numpy(), settings[position])
                alike = (kind(parameter, kept) if self._flat else None) or place
                kinds.setdefault((position, alike), []).append((parameter, kept))
        self._joined = [
            Joined(position, found, self._flat) for (position, _), found in kinds.items()
        ]
        self._members = [list(map(id, group["params"])) for group in self.param_groups]
        self._idle = idle

    def _as_array(self, new: Any, value: Any) -> np.ndarray:
        """A step must not change the dtype: float32 / np.sqrt(2) is float64."""
        if new is None:
            raise TypeError(
                f"{type(self).__name__}.update returned None; it must return the new array (is a "
                "`return` missing?)"
            )
        return np.asarray(new, dtype=value.dtype)

    def _wrong_shape(self, new: Any, value: Any, gradient: Any) -> str:
        return (
            f"{type(self).__name__}.step: the update of a parameter of shape {value.shape}, with a "
            f"gradient of shape {gradient.shape}, has shape {new.shape}; the shape must stay"
        )

    def _show_settings(self) -> None:
        """Each setting as an attribute, unless the class has something else of that name."""
        for name in self.defaults:
            if not any(name in vars(kind) for kind in type(self).__mro__):
                setattr(type(self), name, Setting(name))

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._show_settings()  # in this process there may have been no other of this class

    def __getstate__(self) -> dict[str, Any]:
        no_longer: dict[str, Any] = {
            "_joined": [], "_members": [], "_idle": [], "_stepping": None, "_seen": {},
        }  # fmt: skip
        return {**vars(self), "_state": self.state, **no_longer}

    # ---- state --------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Copies of the settings and of the state, in PyTorch's format, with arrays for Tensors.

        Returns {"state": {index: {name: value}}, "param_groups": [{settings, "params": indices}]};
        parameters are counted over all groups.

        >>> p = Tensor([1.0], requires_grad=True)
        >>> class Still(Optimizer):
        ...     update = lambda self, value, gradient, state, settings: value.copy()
        >>> Still([p], {"lr": 0.1}).state_dict()
        {'state': {}, 'param_groups': [{'lr': 0.1, 'params': [0]}]}
        """
        numbers: dict[Tensor, int] = {}
        kept = self.state
        groups = []
        for group in self.param_groups:
            settings = _settings(group)
            indices = [numbers.setdefault(p, len(numbers)) for p in group["params"]]
            names = {name: list(group[name]) for name in ("param_names",) if name in group}
            groups.append({**settings, **names, "params": indices})
        state = {
            index: {name: _copied(value) for name, value in kept[parameter].items()}
            for parameter, index in numbers.items()
            if parameter in kept
        }
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take settings and state that `state_dict`, or PyTorch's, has given.

        Arrays, and PyTorch's Tensors, are copied, and cast to the dtypes of the parameters; a
        parameter without a saved state starts anew. PyTorch's settings of how to compute (foreach,
        fused and the like) are passed over.

        Raises ValueError that lists everything that does not fit, TypeError for what is no such
        dict; then nothing has changed.
        """
        saved_groups, saved_states = _parts(state_dict)
        sizes = [len(group["params"]) for group in saved_groups]
        mine = [len(group["params"]) for group in self.param_groups]
        complaints = []
        if sizes != mine:
            complaints.append(f"groups of {sizes} parameters, expected {mine}")
        groups = [
            {**{key: old[key] for key in NO_SETTINGS if key in old},
             **self._settings_from(f"group {i}", saved, complaints)}
            for i, (old, saved) in enumerate(zip(self.param_groups, saved_groups))
        ]  # fmt: skip
        states = {}
        if sizes == mine:
            states = self._states_from(saved_groups, saved_states, complaints)
        name = type(self).__name__
        complain(f"load_state_dict: the state does not fit {name}; nothing was changed", complaints)
        self.param_groups, self._state = groups, defaultdict(dict, states)
        self._joined = []

    def _settings_from(
        self, title: str, saved: Mapping[str, Any], complaints: list[str]
    ) -> dict[str, Any]:
        """The settings of one saved group; what is wrong with them is added to the complaints."""
        given = {k: v for k, v in saved.items() if k != "params" and k not in PYTORCHS}
        for name in self.newer:
            if name in self.defaults:
                given.setdefault(name, self.defaults[name])
        missing = [name for name in self.defaults if name not in given]
        if missing:
            complaints.append(f"{title}: missing settings {', '.join(missing)}")
        for name in given:
            if name not in self.defaults and name not in NOTES:
                complaints.append(f"{title}: {unknown('setting', name, self.defaults)}")
        settings = {name: plain(value) for name, value in given.items()}
        if "lr" in settings:
            settings["lr"] = without_rounding(settings["lr"])
        for name, default in self.defaults.items():  # a JSON file knows no tuples
            if isinstance(default, tuple) and isinstance(settings.get(name), list):
                settings[name] = tuple(settings[name])
        try:
            self.check(self.defaults | settings)
        except (TypeError, ValueError) as error:
            complaints.append(f"{title}: {error}")
        return settings

    def _states_from(
        self, saved_groups: Any, saved_states: Any, complaints: list[str]
    ) -> dict[Tensor, dict[str, Any]]:
        """The states of all parameters; what is wrong with them is added to the complaints."""
        places = {}
        for group, saved in zip(self.param_groups, saved_groups):
            for parameter, index in zip(group["params"], saved["params"]):
                if index in places:
                    complaints.append(f"parameter {index} is listed twice")
                places[index] = parameter, group
        states = {}
        for index, saved in saved_states.items():
            if index not in places:
                complaints.append(f"state of parameter {index!r}, which no group lists")
            elif saved:  # an empty one is that of a parameter that made no step
                parameter, settings = places[index]
                title, fresh = f"parameter {index}", self.initial(parameter.numpy(), settings)
                missing = [name for name in fresh if name not in saved]
                if missing:
                    complaints.append(f"{title}: missing {', '.join(missing)}")
                states[parameter] = {
                    name: _entry(f"{title}: {name}", value, fresh.get(name, parameter), complaints)
                    for name, value in saved.items()
                }
        return states

    # ---- groups -------------------------------------------------------------------------------

    def zero_grad(self) -> None:
        """Set the `.grad` of every parameter to None."""
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.zero_grad()

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Take in more parameters: {"params": Tensors, and any settings of their own}.

        The names of (name, Tensor) are kept as "param_names", as PyTorch does. Raises as the
        constructor does; then nothing has changed.
        """
        name = type(self).__name__
        if not isinstance(group, Mapping) or "params" not in group:
            raise TypeError(f'{name}: a group is a dict {{"params": Tensors}}, got {group!r}')
        params = group["params"]
        if isinstance(params, (set, frozenset)):
            raise TypeError(f"{name}: parameters need an order, got a set; give a list")
        params = [params] if isinstance(params, Tensor) else list(params)
        names, params = _named(name, params)
        if not params:
            raise ValueError(
                f"{name} got an empty parameter list; pass model.parameters() of a model that has "
                "some (an iterator serves only once: make it anew, or keep a list; and what has a "
                "name that starts with _ is no part of a model)"
            )
        names = list(group.get("param_names", names))
        for key in group:
            if key not in NO_SETTINGS and key not in self.defaults and key not in NOTES:
                raise ValueError(f"{name}: {unknown('setting', key, self.defaults)}")
        seen = {id(p) for g in self.param_groups for p in g["params"]}
        for position, parameter in enumerate(params):
            self._check_parameter(position, parameter)
            if id(parameter) in seen:
                raise ValueError(
                    f"{name}: parameter {position}, of shape {parameter.shape}, is given twice and "
                    "would be moved twice in each step; give each parameter once"
                )
            seen.add(id(parameter))
        settings = self.defaults | {key: group[key] for key in group if key not in NO_SETTINGS}
        self.check(settings)
        called = {"param_names": names} if names else {}
        self.param_groups.append({"params": params, **called, **settings})

    def _check_parameter(self, position: int, parameter: Any) -> None:
        name = type(self).__name__
        if not isinstance(parameter, Tensor):
            raise TypeError(
                f"{name}: parameter {position} must be a Tensor, got {type(parameter).__name__}; "
                f"give it the parameters of a model: {name}(model.parameters())"
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
        of_module = hasattr(params, "parameters")  # a Sequential is iterable, too
        if of_module or not isinstance(params, Iterable):
            cure = f"; write {name}(model.parameters())" * of_module
            raise TypeError(f"{name} takes a list of Tensors, got {type(params).__name__}{cure}")
        if not isinstance(params, (set, frozenset)):
            params = list(params)
            if params and all(isinstance(p, Mapping) for p in params):
                return params
        return [{"params": params}]

    def __repr__(self) -> str:
        lines = []
        for group in self.param_groups:
            settings = ", ".join(f"{k}={v}" for k, v in group.items() if k not in NO_SETTINGS)
            lines.append(f"\n  {len(group['params'])} parameters: {settings}")
        return f"{type(self).__name__}({''.join(lines)}\n)"


for _name in ("lr", *OTHER_NAMES):
    setattr(Optimizer, _name, Setting(_name))


def _named(kind: str, params: list[Any]) -> tuple[list[str], list[Any]]:
    """The names of (name, Tensor), [] where none has one, and the Tensors."""
    pairs = [p for p in params if isinstance(p, tuple) and len(p) == 2 and isinstance(p[0], str)]
    if not pairs:
        return [], params
    if len(pairs) < len(params):
        raise TypeError(
            f"{kind}: {len(pairs)} parameters come with a name and {len(params) - len(pairs)} "
            "without; give all of them as (name, Tensor), as named_parameters() does, or none"
        )
    return [name for name, _ in pairs], [p for _, p in pairs]


def _parts(state_dict: Any) -> tuple[Any, Any]:
    """The groups and the states of a state dict, of the right kinds all the way down."""
    try:
        groups, states = state_dict["param_groups"], state_dict["state"]
        fits = isinstance(groups, (list, tuple)) and isinstance(states, Mapping)
        for index in [index for group in groups for index in group["params"]]:
            fits = fits and isinstance(index, (int, str))
        fits = fits and all(isinstance(g, Mapping) for g in groups)
        fits = fits and all(isinstance(state, Mapping) for state in states.values())
    except (AttributeError, KeyError, IndexError, TypeError):
        fits = False
    if not fits:
        raise TypeError(
            "load_state_dict needs the dict that an optimiser's state_dict() gives, "
            '{"state": {index: {name: value}}, "param_groups": [{setting: value, "params": '
            f"indices}}]}}; got {type(state_dict).__name__}"
        )
    return groups, states


def _entry(title: str, value: Any, like: Any, complaints: list[str]) -> Any:
    """A copy of one entry of a saved state, in the shape and dtype of `like`, or as it is."""
    if hasattr(value, "__array__") and not isinstance(value, Tensor):  # one of PyTorch, too
        value = np.asarray(value)
    if isinstance(value, (np.ndarray, np.generic, Tensor)) and not isinstance(like, int):
        array = np.asarray(_values(value))
        if array.shape != like.shape:
            complaints.append(f"{title} has shape {array.shape}, expected {like.shape}")
        elif not np.can_cast(array.dtype, like.dtype, "same_kind"):
            complaints.append(f"{title} holds {array.dtype} values, expected {like.dtype}")
        else:
            return np.array(array, like.dtype)
    elif isinstance(like, int):  # a count of steps, in PyTorch a Tensor of one float
        count = plain(value)
        if isinstance(count, (int, float)) and count >= 0 and count == count // 1:
            return int(count)
        complaints.append(f"{title} must be a whole number >= 0, got {value!r}")
    elif isinstance(like, np.ndarray):
        complaints.append(f"{title} must be an array of shape {like.shape}, got {value!r}")
    return copy.deepcopy(value)


def _values(value: Any) -> Any:
    return value.numpy() if isinstance(value, Tensor) else value


def _copied(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic, Tensor)):
        return np.array(_values(value))
    return copy.deepcopy(value)


def _settings(group: dict[str, Any]) -> dict[str, Any]:
    """The settings of a group in plain numbers."""
    settings = group.copy()
    del settings["params"]
    settings.pop("param_names", None)
    for name, value in group.items():
        if value.__class__ not in PLAIN and name in settings:
            settings[name] = plain(value)
    return settings


def is_constant(setting: Any) -> bool:
    """Whether it can never change in itself, as a list or an array could."""
    if setting.__class__ is tuple:
        return all(is_constant(member) for member in setting)
    return setting.__class__ in PLAIN or isinstance(setting, np.number)


def without_rounding(lr: Any) -> Any:
    """0 for a rate a hair below it, where schedules that fall to 0 may end; others as they are."""
    return 0.0 if isinstance(lr, float) and -1e-12 < lr < 0 else lr
