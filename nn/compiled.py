"""A training step as one compiled program: forward, backward and the optimiser's update."""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Callable
from functools import partial
from itertools import chain, repeat
from operator import attrgetter, is_, itemgetter, methodcaller
from typing import Any

import numpy as np

from autograd import AutogradError, Tensor, grad, is_grad_enabled
from autograd import compile as compile_function
from nn.checks import flag, number
from nn.clipping import clip_grad_norm_, clipped
from nn.interrupts import to_its_end
from nn.modes import mode_of, modes_now
from nn.module import Module
from nn.optim.joined import Joined, merged
from nn.optim.optimizer import Optimizer, is_constant
from nn.surroundings import Before, Held, Things, attributes, buffers_of, containers

__all__ = ["compile"]


class compile:
    """One training step as a program of plain NumPy calls: `step(x, y)` instead of the loop's body.

    It does what zero_grad, loss(model(x), y), backward, clip_grad_norm_ and the optimiser's step
    do, with the same numbers; a loss that is not finite raises FloatingPointError, and nothing has
    changed. State stays where it is: parameters, the optimiser's state, running statistics and
    generators go on from one to the other, so that explicit steps, files and schedules work in
    between. Gradients are not kept: `.grad` of the parameters is None afterwards.

    Args: model; loss, a function of (prediction, y) that gives one number; optimizer, of the
        model's parameters; clip_norm, the largest norm of all gradients together (None: any);
        exact, True for the very numbers of the loop, bit for bit, False for other last digits some
        hundredths sooner: Adam keeps its running means in other units (who reads its state gets the
        usual ones, rounded), rules do not look for infinite gradients, short sums are products.
    Returns what is called with a batch, x and y as arrays, and gives the loss as a float. The first
    step, and those that no program fits, run as they are written: `eager_steps` counts them, and
    `reason` says why. `source` is the step as a person would write it.

    >>> import nn
    >>> _ = nn.manual_seed(0)
    >>> model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))
    >>> optimizer = nn.optim.Adam(model.parameters(), lr=0.1)
    >>> step = nn.compile(model, nn.CrossEntropyLoss(), optimizer)
    >>> x, labels = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), np.array([0, 1, 1, 0])
    >>> losses = [step(x, labels) for _ in range(100)]
    >>> losses[-1] < 0.01, step.eager_steps
    (True, 1)
    """

    def __init__(
        self, model: Any, loss: Callable[[Any, Any], Tensor], optimizer: Optimizer,
        clip_norm: float | None = None, *, exact: bool = True,
    ) -> None:  # fmt: skip
        exact = flag("compile: exact", exact)
        for what, function in (("model", model), ("loss", loss)):
            if not callable(function):
                raise TypeError(
                    f"compile: the {what} must be a function or a Module, got "
                    f"{type(function).__name__}"
                )
        if not isinstance(optimizer, Optimizer):
            raise TypeError(
                f"compile: the optimizer must be one of nn.optim, got {type(optimizer).__name__}"
            )
        if clip_norm is not None:
            clip_norm = number("compile: clip_norm", clip_norm, above=0, finite=False)
        self.model, self.loss, self.optimizer = model, loss, optimizer
        self.clip_norm, self.exact = clip_norm, exact
        self.eager_steps = 0
        self.reason: str | None = None
        self._program = compile_function(
            self._training_step, guards=self._guards, exact=exact,
            donate_argnums=(0, 1) if COUNTED else (),
        )  # fmt: skip
        self._roots: list[Any] = [model, loss]
        self._program.around = self._roots, self._told
        self._parts: list[Part] = []
        self._buffers: list[tuple[dict[str, Any], str]] = []
        self._keys: list[str] = []  # what they are called
        self._idle: list[bool] = []  # of parameters without a gradient, whether one may come
        self._busy = threading.RLock()
        self._modules: list[Module] = []
        self._given_up: Any = None  # what the program depended on when there was none
        self._around: Things | None = None  # what the guards are made of
        self._known: list[Any] = []  # the guards, as long as those stay,
        self._modes: Any = None  # the modes of this thread, and what is stepped together
        self._joined: list[Joined] = []
        self._groups: list[dict[str, Any]] = []
        self._size_of_optimizer = 0  # how many attributes it has
        self._kinds: list[Any] = []  # of the Modules

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if name in MADE_OF and "_roots" in vars(self):  # somebody has changed it on the way
            self._around, self._roots[:] = None, [self.model, self.loss]

    def __reduce__(self) -> Any:
        given = self.model, self.loss, self.optimizer, self.clip_norm
        return partial(type(self), exact=self.exact), given

    def __call__(self, x: Any, y: Any) -> float:
        return self.step(x, y)[0]

    # What a Trainer does in its own way: how the model is called, how its predictions are judged,
    # and whether they are wanted.
    keeps_prediction = False

    def predict(self, x: Any) -> Any:
        """The model's prediction."""
        return self.model(x)

    def judge(self, prediction: Any, y: Any) -> Any:
        """The loss of a prediction."""
        return self.loss(prediction, y)

    def step(self, x: Any, y: Any) -> tuple[float, Any]:
        """Take a step: the loss, and the prediction if it is kept."""
        with self._busy:  # parameters and memory serve one step at a time
            return to_its_end(self._step, x, y)  # type: ignore[no-any-return]

    def _step(self, x: Any, y: Any) -> tuple[float, Any]:
        if not self._is_as_it_was():
            reason = self._unready()
            if reason is not None:
                return self._eagerly(x, y, reason)
            self._look_around()
        program, parts = self._program, self._parts
        if self._given_up is not None:
            if self._given_up == self._known:
                return self._eagerly(x, y, program.reason)
            self._given_up = None
        groups, before = self.optimizer.param_groups, program.eager_calls
        values, states, rates = [], [], []
        for part in parts:
            rate = groups[part.joined.group].get("lr")
            if rate.__class__ is not float:
                if not isinstance(rate, (int, float, np.number)):
                    return self._eagerly(x, y, "a rate is no number")
                rate = float(rate)
            if not 0 <= rate < math.inf:
                return self._eagerly(x, y, "a rate is negative or not finite")
            if part.joined.scales != part.scales:
                part.joined.scale(part.scales)
            part.own()
            rates.append(rate)
            values.append(part.joined.value)
            states.append(part.state())
        buffers = {key: held[name] for key, (held, name) in zip(self._keys, self._buffers)}
        try:
            loss, *found = program(values, states, rates, buffers, x, y)
        except Unlike as unlike:
            return self._eagerly(x, y, str(unlike))
        if program.eager_calls != before:
            self.eager_steps += 1
            self.reason = program.reason
            if not program.versions and program.eager_calls >= PATIENCE:
                self._given_up = self._known  # until something is otherwise
        prediction = found.pop() if self.keeps_prediction else None
        self._take(*found)
        return float(loss), prediction

    @property
    def versions(self) -> int:
        """How many programs there are."""
        return self._program.versions

    @property
    def source(self) -> str:
        """The step as a person would write it, in plain NumPy; see `autograd.compile`.

        Raises AutogradError before the second step, and for a step that is not compiled.
        """
        if not self._program.versions and self._program.reason is None:
            raise AutogradError("compile: there is no program yet; take two steps")
        return self._program.source

    def __repr__(self) -> str:
        return f"<compiled step of {type(self.model).__name__}, {self.versions} versions>"

    # ---- eagerly ------------------------------------------------------------------------------

    def _eagerly(self, x: Any, y: Any, reason: str | None) -> tuple[float, Any]:
        """The step as it is written, after which it is known what is stepped together."""
        self.eager_steps += 1
        self.reason = reason
        self.optimizer.zero_grad()
        before = Before(self._all_modules())
        try:
            prediction = self.predict(x)
            loss = self.judge(prediction, y)
            if isinstance(loss, Tensor) and loss.size == 1 and not math.isfinite(loss.item()):
                raise FloatingPointError(NOT_FINITE.format(loss.item()))
            loss.backward(retain_graph=False)
        except BaseException:
            before.put_back()
            raise
        if self.clip_norm is not None:
            groups = self.optimizer.param_groups
            clip_grad_norm_([p for group in groups for p in group["params"]], self.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return float(loss.item()), detached(prediction) if self.keeps_prediction else None

    def _all_modules(self) -> list[Module]:
        roots = [m for m in (self.model, self.loss) if isinstance(m, Module)]
        return [module for root in roots for module in root.modules()]

    # ---- what a step begins with, and leaves ---------------------------------------------------

    def _unready(self) -> str | None:
        """Why this step cannot be compiled yet; None if it is known what the optimiser steps
        together, and that is as it was."""
        optimizer = self.optimizer
        joined, groups, members = optimizer._joined, optimizer.param_groups, optimizer._members
        own = {"step", "update", "zero_grad"} & vars(optimizer).keys()
        if not optimizer._ours or own or type(optimizer).step is not Optimizer.step:
            return "the optimiser is of your own"
        if not joined or len(groups) != len(members):
            return NOT_JOINED
        for group, known in zip(groups, members):
            if [*map(id, group["params"])] != known:
                return NOT_JOINED
        if not is_grad_enabled():
            return "gradients are not recorded here"
        if len(joined) != len(self._parts) or any(
            part.joined is not j for part, j in zip(self._parts, joined)
        ):
            if not all(Part(j).is_bound() for j in joined):
                return NOT_JOINED
            optimizer._joined = joined = merged(joined)
            self._parts = list(map(Part, joined))
        return None if all(part.is_bound() for part in self._parts) else NOT_JOINED

    def _names_of_buffers(self) -> list[str]:
        """What the buffers are called, from the model or the loss on."""
        paths: dict[int, str] = {}
        for root, outer in ((self.loss, "loss."), (self.model, "")):
            for path, module in root.named_modules() if isinstance(root, Module) else ():
                paths[id(vars(module))] = f"{outer}{path}{'.' if path else ''}"
        return [paths[id(held)] + name for held, name in self._buffers]

    def _take(
        self, values: list[Any], states: list[Any], buffers: dict[str, Any] | None = None
    ) -> None:
        for part, value, state in zip(self._parts, values, states):
            part.take(value, state)
        for (held, name), array in zip(self._buffers, (buffers or {}).values()):
            held[name] = array if array.__class__ is np.ndarray else np.asarray(array)

    def _is_as_it_was(self) -> bool:
        """Whether the guards, and what they are made of, are those of the step before."""
        return (
            self._around is not None
            and self._around.are_the_same()
            and self._modes == modes_now()
            and is_grad_enabled()
            and self.optimizer._joined is self._joined
            and self.optimizer.param_groups is self._groups
            and len(vars(self.optimizer)) == self._size_of_optimizer
            and [*map(type, self._modules)] == self._kinds
            and [*map(REQUIRES_GRAD, self.optimizer._idle)] == self._idle
            and all(map(Part.is_bound, self._parts))
        )

    def _look_around(self) -> None:
        """Note what the program depends on beside the state and the batch, and where it is."""
        optimizer = self.optimizer
        groups, self._modules = optimizer.param_groups, self._all_modules()
        self._buffers = buffers_of(self._modules)
        self._keys = self._names_of_buffers()
        places: list[Any] = [groups, optimizer._joined, *groups]
        places += [group["params"] for group in groups] + [vars(m) for m in self._modules]
        for module in self._modules:
            places += containers(module)
        rates = [(group, "lr") for group in groups if "lr" in group]
        self._around = Things(places, [*rates, *self._buffers])
        if not all(is_constant(value) for group in groups for name, value in group.items()
                   if name != "params"):  # fmt: skip
            self._around = None  # what may change in itself is looked at in each step
        made_of = [self.model, self.loss, *map(type, self._modules)]
        held = chain.from_iterable(map(attributes, self._modules))
        known: list[Any] = [Held([made_of, *held]), self.clip_norm, self.exact]
        known += [bool(vars(module).get("_hooks")) for module in self._modules]
        known += map(mode_of, self._modules)
        self._idle = [*map(REQUIRES_GRAD, optimizer._idle)]
        known += [*map(id, optimizer._idle), *self._idle]
        settings = list(map(optimizer._settings, range(len(groups)), groups))
        for part in self._parts:
            known += map(id, part.joined.parameters)
            of_group = settings[part.joined.group]
            part.scales = {} if self.exact else optimizer._scales(part.joined.value, of_group)
        for of_group in settings:
            known.append({name: v for name, v in of_group.items() if name not in NO_SETTINGS})
        self._known, self._modes, self._joined = known, modes_now(), optimizer._joined
        self._groups, self._size_of_optimizer = groups, len(vars(optimizer))
        self._kinds = [*map(type, self._modules)]

    def _guards(self) -> Any:
        """What the program depends on beside the state and the batch."""
        return self._known

    def _told(self) -> set[int]:
        """What the guards tell of, or the step is given, by id."""
        found = {id(self._roots), *(id(vars(module)) for module in self._modules)}
        return found | {id(held[name]) for held, name in self._buffers}

    # ---- the step as a function ------------------------------------------------------------------

    # (Its name and its arguments' are those that `source` shows.)
    def _training_step(
        self, parameters: list[Any], states: list[dict[str, Any]], lr: list[Any],
        buffers: dict[str, Any], x: Any, y: Any,
    ) -> Any:  # fmt: skip
        """The loss, the values, states and, if there are some, buffers after the step, and the
        prediction if it is kept; nothing is left changed."""
        if any(vars(module).get("_hooks") for module in self._modules):
            raise Unlike("a Module has forward hooks")
        optimizer, joined = self.optimizer, [part.joined for part in self._parts]
        before = Before(self._modules)
        try:
            for part, value in zip(joined, parameters):
                for parameter, view in zip(part.parameters, part.parts(value)):
                    parameter.data = view
            for (held, name), array in zip(self._buffers, buffers.values()):
                held[name] = array
            prediction = self.predict(x)
            loss = self.judge(prediction, y)
            if not isinstance(loss, Tensor) or loss.size != 1:
                raise Unlike("the loss is no single number")
            cost = loss.data.reshape(())[()] if loss.ndim else loss.data[()]
            if not abs(cost) < math.inf:  # (asked of a number it takes an eighth of np.isfinite)
                raise FloatingPointError(NOT_FINITE.format(loss.item()))
            wanted = [p for part in joined for p in part.parameters]
            idle = [p for p in optimizer._idle if p.requires_grad]
            found = grad(loss, [*wanted, *idle], allow_unused=True)
            got = [g is not None for g in found]
            if got != [True] * len(wanted) + [False] * len(idle):
                raise Unlike("other parameters have a gradient than before")
            gradients: Any = [g.data for g in found[: len(wanted)]]
            if self.clip_norm is not None:  # norms are added up in the order of the groups
                given = [id(p) for group in optimizer.param_groups for p in group["params"]]
                order = sorted(range(len(wanted)), key=lambda i: given.index(id(wanted[i])))
                limited = clipped([gradients[i] for i in order], self.clip_norm)
                if limited is None:
                    raise Unlike("the norm of the gradients is not finite")
                gradients = [gradient for _, gradient in sorted(zip(order, limited), key=FIRST)]
            new_values, new_states, each = [], [], iter(gradients)
            for i, (value, rate) in enumerate(zip(parameters, lr)):
                group = joined[i].group
                joined[i].spare.clear()  # memory that a program cannot be recorded with
                laid = joined[i].laid_gradient([next(each) for _ in joined[i].parameters])
                state = states[i].copy()
                settings = optimizer._settings(group, optimizer.param_groups[group])
                if "lr" in settings:
                    settings["lr"] = rate
                update = optimizer._update_unscaled if self._parts[i].scales else optimizer.update
                new_values.append(update(value, laid, state, settings))
                new_states.append(state)
            buffers = {key: held[name] for key, (held, name) in zip(buffers, self._buffers)}
            kept = (detached(prediction),) if self.keeps_prediction else ()
            before.put_back(sources=False)
            return cost, new_values, new_states, *((buffers,) if buffers else ()), *kept
        except BaseException:
            before.put_back()
            raise
        finally:
            for part in joined:
                for parameter, view in zip(part.parameters, part.views):
                    parameter.data = view


NOT_JOINED = "the optimiser has to find out what it steps together"
PATIENCE = 6  # steps without a program, after which none is looked for
REQUIRES_GRAD, GRADIENT = attrgetter("requires_grad"), attrgetter("grad")
VALUE, NOTHING = methodcaller("numpy"), repeat(None)
NO_SETTINGS = ("params", "lr", "param_names", "initial_lr")
MADE_OF = ("model", "loss", "optimizer", "clip_norm", "exact")
FIRST = itemgetter(0)
NOT_FINITE = (
    "compile: the loss is {}; nothing was changed. To find where it arose, take the step by hand "
    "inside `with autograd.detect_anomaly():`"
)
# Whether the interpreter's reference counts can be trusted.
COUNTED = hasattr(sys, "getrefcount") and getattr(sys, "_is_gil_enabled", lambda: True)()


# References to an array that a list alone holds, counted as below.
ALONE = list(map(sys.getrefcount, [np.empty(1)]))[0] if COUNTED else 0


def detached(value: Any) -> Any:
    """Tensors without their graphs, in tuples, lists and dicts too, single numbers among them."""
    if isinstance(value, Tensor):
        return value.detach()
    if value.__class__ in (tuple, list):
        return value.__class__(map(detached, value))
    return {k: detached(v) for k, v in value.items()} if value.__class__ is dict else value


class Unlike(Exception):
    """A step that is not like the others."""


class Part:
    """Parameters that are stepped together, whose arrays a program writes into: unless somebody
    else holds one, who shall keep what it is."""

    def __init__(self, joined: Joined) -> None:
        self.joined = joined
        self.scales: dict[str, float] = {}  # what the arrays of the state lack here
        self._watched: list[Any] = []  # the arrays and views of them, and how often each is held
        self._counts: list[int] = []

    def is_bound(self) -> bool:
        """Whether the parameters still have the values that the optimiser gave them, and need
        gradients."""
        joined = self.joined
        parameters = joined.parameters
        if not all(map(is_, map(VALUE, parameters), joined.views)):
            return False
        if not all(map(is_, map(GRADIENT, parameters), NOTHING)):  # the step's own are not kept
            for parameter in parameters:
                parameter.zero_grad()
        return all(map(REQUIRES_GRAD, parameters))

    def state(self) -> dict[str, Any]:
        """The optimiser's state; step counts as floats, for they change each time."""
        return {
            name: float(entry) if entry.__class__ is int else entry
            for name, entry in self.joined.state.items()
        }

    def own(self) -> None:
        """Make sure that nobody else holds the arrays: if somebody does, copies take their
        places."""
        if self._counts and [*map(sys.getrefcount, self._watched)] == self._counts:
            return
        if not COUNTED:
            return
        joined, self._watched = self.joined, []
        for name, value in joined.state.items():
            if value.__class__ is np.ndarray:
                joined.state[name] = value.copy("K")
        self._bind(joined.value.copy("K"))

    def take(self, value: Any, state: dict[str, Any]) -> None:
        """What a step has given: the same arrays with other numbers in them, or other arrays."""
        joined, others = self.joined, value is not self.joined.value
        before = joined.state
        for name, entry in state.items():
            old = before.get(name)
            if old.__class__ is int:
                state[name] = int(entry)
            elif old.__class__ is float:
                state[name] = float(entry)
            elif entry is not old and entry.__class__ is np.ndarray:
                others = True
        joined.state = state
        if others:
            self._bind(value)

    def _bind(self, value: Any) -> None:
        joined = self.joined
        joined.value, joined.views = value, joined.parts(value)
        for parameter, view in zip(joined.parameters, joined.views):
            parameter.data = view
        arrays = [v for v in joined.state.values() if v.__class__ is np.ndarray]
        self._watched = [value, *arrays, *joined.views]
        self._counts = [] if value.base is not None else list(map(self._known, self._watched))

    def _known(self, array: Any) -> int:
        """How many references there are to an array if nobody else has one: here, in the
        optimiser, in the parameters, and in views of it."""
        joined, watched = self.joined, self._watched
        places = [*watched, joined.value, *joined.state.values(), *joined.views]
        places += [p.numpy() for p in joined.parameters]
        views = {id(view): view.base for view in watched}
        return ALONE - 1 + sum(held is array for held in [*places, *views.values()])
