"""Module, the base of layers, models and losses, and Sequential, a chain of them.

A Module's state is found by walking its attributes, and lists, tuples and dicts among them, in the
order in which they were set: a Tensor is a parameter, an ndarray of numbers a buffer, a Module a
child. There is nothing to register. A name that starts with `_` is private and is passed over.
"""

from __future__ import annotations

import itertools
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeVar

import numpy as np

from autograd import Tensor, scope
from nn.arguments import as_tensor
from nn.checks import floating
from nn.habits import MODULE, elsewhere, misfit, told, warn
from nn.modes import mode_of, set_mode
from nn.names import shifted
from nn.summary import Summary, summarize

__all__ = ["Module", "Sequential"]

Self = TypeVar("Self", bound="Module")


class Keys(NamedTuple):
    """What `load_state_dict(strict=False)` passed over."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class HookHandle:
    """Takes back a hook that `register_forward_hook` has added; also at the end of a `with`."""

    def __init__(self, module: Module, number: int) -> None:
        self._module, self._number = weakref.ref(module), number

    def remove(self) -> None:
        """Call the hook no more; a second time nothing happens."""
        module = self._module()
        if module is not None:
            module._set_hooks({k: f for k, f in module._hooks.items() if k != self._number})

    def __enter__(self) -> HookHandle:
        return self

    def __exit__(self, *error: Any) -> None:
        self.remove()


class _Hooked(scope):
    """The scope of a Module that has hooks, which run after its forward. So a Module without any
    pays nothing for them."""

    def __init__(self, module: Module) -> None:
        super().__init__(_Place(module))
        self._module = weakref.ref(module)

    def run(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        module = self._module()
        assert module is not None
        hooks = list(module._hooks.values())  # as they are now: one may remove itself

        def forward(*args: Any, **kwargs: Any) -> Any:
            output = function(*args, **kwargs)
            for hook in hooks:
                new = hook(module, args, output)
                output = output if new is None else new
            return output

        return super().run(forward, args, kwargs)


class _NoSwitch:
    """An attribute of PyTorch's Tensors or of Keras' layers, which on a Module would do nothing."""

    def __init__(self, name: str, own: bool) -> None:
        self.name, self.own = name, own

    def __get__(self, module: Module | None, owner: type) -> Any:
        if module is not None and self.name in vars(module):
            return vars(module)[self.name]
        raise AttributeError(
            f"{owner.__name__} has no attribute {self.name!r}; {self._cure('...')}"
        )

    def __set__(self, module: Module, value: Any) -> None:
        frame = sys._getframe(1)
        while frame.f_code.co_name == "__setattr__" and frame.f_back is not None:
            frame = frame.f_back
        if not self.own or frame.f_locals.get("self") is not module:  # not in a method of its own
            kind = type(module).__name__
            raise AttributeError(
                f"{kind}.{self.name} = {value!r} would change nothing: a Module has no such "
                f"switch; {self._cure(value)}"
            )
        vars(module)[self.name] = value

    def _cure(self, value: Any) -> str:
        which = value if value.__class__ is bool else "False"
        return f"write module.requires_grad_({which}), which freezes or frees all its parameters"


@elsewhere(MODULE)
class Module:
    """Base of everything that has parameters: write `__init__` and `forward`, and call it.

    >>> import nn
    >>> class Net(nn.Module):
    ...     def __init__(self):
    ...         self.hidden = nn.Linear(4, 8)
    ...         self.out = nn.Linear(8, 3)
    ...     def forward(self, x):
    ...         return self.out(np.tanh(self.hidden(x)))
    >>> model = Net()
    >>> model(np.ones((5, 4))).shape
    (5, 3)
    >>> [name for name, parameter in model.named_parameters()]
    ['hidden.weight', 'hidden.bias', 'out.weight', 'out.bias']
    """

    requires_grad, trainable = (
        _NoSwitch("requires_grad", own=False),
        _NoSwitch("trainable", own=True),
    )
    _scope: scope | None = None
    _hooks: dict[int, Callable[[Any, Any, Any], Any]] = {}
    _trains = True  # the mode before train() or eval() was called
    _frozen = False  # whether requires_grad_(False) was called last: of a part without parameters

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if isinstance(vars(cls).get("training"), bool):  # it would hide the property
            cls._trains = cls.training  # type: ignore[assignment]
            del cls.training
        if cls.__module__.startswith("nn.") and "__init__" in vars(cls):
            cls.__init__ = told(cls.__init__)  # type: ignore[method-assign]

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The computation; to be written by every subclass, and called as `module(...)`."""
        raise NotImplementedError(f"{type(self).__name__} has no method `forward`; write one")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """forward(...), recorded in a scope that has the module's name."""
        if self._scope is None:
            self._scope = _Hooked(self) if self._hooks else scope(_Place(self))
            if not type(self).__module__.startswith("nn."):  # ours leave nothing lying about
                return self._scope.run(partial(_watched, self), args, kwargs)
        try:
            return self._scope.run(self.forward, args, kwargs)
        except (TypeError, ValueError) as error:
            if type(self).forward.__module__.startswith("nn."):
                _explain(error, self, args, kwargs)
            raise

    @property
    def training(self) -> bool:
        """Whether train() or eval() was called last; where a Trainer works, in its thread alone."""
        return mode_of(self)

    @training.setter
    def training(self, mode: bool) -> None:
        set_mode(self, mode)

    def register_forward_hook(self, hook: Callable[[Any, Any, Any], Any]) -> HookHandle:
        """Call hook(module, inputs, output) after every forward of this Module.

        inputs is the tuple of what stands in the call without a name; what the hook returns, unless
        None, takes the place of the output. Several hooks run in the order in which they came.
        Returns a handle with `remove()`. Source: PyTorch's register_forward_hook.

        >>> import nn
        >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
        >>> shapes = []
        >>> handle = model[0].register_forward_hook(lambda m, inputs, y: shapes.append(y.shape))
        >>> _ = model(np.ones((5, 2)))
        >>> handle.remove()
        >>> _ = model(np.ones((7, 2)))
        >>> shapes
        [(5, 3)]
        """
        if not callable(hook):
            raise TypeError(
                f"register_forward_hook needs a function (module, inputs, output), got "
                f"{type(hook).__name__}"
            )
        number = next(_hook_numbers)
        self._set_hooks({**self._hooks, number: hook})
        return HookHandle(self, number)

    def _set_hooks(self, hooks: dict[int, Callable[[Any, Any, Any], Any]]) -> None:
        vars(self)["_hooks"] = hooks
        vars(self)["_scope"] = _Hooked(self) if hooks else None

    def __setattr__(self, name: str, value: Any) -> None:
        if value.__class__ not in _SIMPLE and name[:1] != "_" and _looks_like_state(value):
            old, frame = vars(self).get(name), sys._getframe(1)
            if not _looks_like_state(old) and (setter := _setter(self, frame)):
                warn(_counts_as_state(setter, self, name, value))
            elif isinstance(old, Tensor) and old.requires_grad and not _is_result(value):
                if frame.f_locals.get("self") is not self:  # a method of its own may mean it
                    warn(_no_longer_trained(self, name, value))
        object.__setattr__(self, name, value)

    # ---- what it holds ------------------------------------------------------------------------

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """All Tensors, as (name, Tensor), each once; "0.weight" is `weight` of what is called "0".

        Raises ValueError for a Tensor that is the result of a recorded operation.
        """
        return ((name, self._leaf(name, v)) for name, v in _walk(self) if isinstance(v, Tensor))

    def named_buffers(self) -> Iterator[tuple[str, np.ndarray]]:
        """All arrays (state that is not trained), as (name, array), each once."""
        return ((name, v) for name, v in _walk(self) if isinstance(v, np.ndarray))

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """This Module, called "", and all below it, as (name, Module), each once."""
        return ((name, v) for name, v in _walk(self) if isinstance(v, Module))

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The Modules that this one holds itself, as (name, Module), each once."""
        found: dict[int, tuple[str, Module]] = {}
        for name, value in parts_of(self):
            if isinstance(value, Module):
                found.setdefault(id(value), (name, value))
        return iter(found.values())

    def parameters(self) -> Iterator[Tensor]:
        """All parameters, each once: what an optimiser is given."""
        return (tensor for _, tensor in self.named_parameters())

    def buffers(self) -> Iterator[np.ndarray]:
        """All buffers, each once."""
        return (array for _, array in self.named_buffers())

    def modules(self) -> Iterator[Module]:
        """This Module and all below it, each once."""
        return (module for _, module in self.named_modules())

    def children(self) -> Iterator[Module]:
        """The Modules that this one holds itself, each once."""
        return (module for _, module in self.named_children())

    # ---- state --------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all parameters and buffers, as plain arrays by name.

        (PyTorch gives its Tensors themselves, which go on changing while one trains.)

        >>> import nn
        >>> {name: array.shape for name, array in nn.Linear(2, 3).state_dict().items()}
        {'weight': (3, 2), 'bias': (3,)}
        """
        return {name: np.array(_values(v)) for name, v in self._state().items()}

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> Keys:
        """Take the values of a state dict, cast to the dtypes of this Module.

        Args: state_dict, arrays (or Tensors) by name; strict, False to pass over missing and
            unexpected names. Returns those names.
        Raises ValueError that lists all missing, unexpected and wrongly shaped entries at once,
        TypeError for an entry that is not real numbers; then nothing has changed.

        >>> import nn
        >>> nn.Linear(2, 3).load_state_dict({"weight": np.zeros((2, 3))})
        Traceback (most recent call last):
        ValueError: load_state_dict: the state does not fit Linear; nothing was changed:
            missing: bias
            wrong shape: weight is (2, 3), expected (3, 2)
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(
                f"load_state_dict needs a dict of arrays by name, got {type(state_dict).__name__}"
            )
        mine = self._state()
        given = {name: _array(name, value) for name, value in state_dict.items()}
        keys = Keys([n for n in mine if n not in given], [n for n in given if n not in mine])
        wrong = [
            f"{name} is {given[name].shape}, expected {value.shape}"
            for name, value in mine.items()
            if name in given and given[name].shape != value.shape
        ]
        complaints = {"wrong shape": wrong}
        if strict:
            complaints = {"missing": keys[0], "unexpected": keys[1], "wrong shape": wrong}
        shapes = [{name: v.shape for name, v in state.items()} for state in (given, mine)]
        if any(complaints.values()):
            raise ValueError(
                f"load_state_dict: the state does not fit {type(self).__name__}; nothing was "
                "changed:"
                + "".join(
                    f"\n    {kind}: {', '.join(map(str, c))}" for kind, c in complaints.items() if c
                )
                + shifted(*shapes)
            )
        fit = len(mine) - len(keys.missing_keys)
        if fit < len(keys.missing_keys) and (hint := shifted(*shapes)):
            kind = type(self).__name__
            what = f"no name of the state is one of {kind}, so nothing was changed"
            if fit:
                what = f"{kind} has {len(mine)} names, and only {fit} of them are in the state"
            warn(f"load_state_dict: {what}.{hint}")
        new = {n: _cast(n, given[n], value) for n, value in mine.items() if n in given}
        self._take([(mine[name], array) for name, array in new.items()])
        return keys

    def astype(self: Self, dtype: Any) -> Self:
        """Convert all floating-point parameters and buffers, in this Module; returns it.

        >>> import nn
        >>> nn.Linear(2, 3).astype(np.float64).weight.dtype
        dtype('float64')
        """
        dtype = floating("astype: dtype", dtype)
        floats = [v for v in self._state().values() if v.dtype.kind == "f"]
        self._take([(v, np.array(_values(v), dtype)) for v in floats])
        return self

    def zero_grad(self) -> None:
        """Set the `.grad` of every parameter to None."""
        for parameter in self.parameters():
            parameter.zero_grad()

    def requires_grad_(self: Self, flag: bool = True) -> Self:
        """Train the parameters from now on, or (False) freeze them; returns the Module.

        Modules below that have no parameters note it as well: in `Trainer.fit` the statistics of a
        frozen BatchNorm1d stay as they are. Dropout goes on dropping.
        """
        parameters = list(self.named_parameters())
        for name, parameter in parameters:  # all are asked before the first is changed
            if flag and parameter.dtype.kind != "f":
                raise TypeError(
                    f"requires_grad_: {name} of {type(self).__name__} holds {parameter.dtype}; "
                    "only floating-point parameters can be trained"
                )
        for _, parameter in parameters:
            parameter.requires_grad_(flag)
        for module in self.modules():
            vars(module).pop("_frozen", None)
            if not flag:
                module._frozen = True
        return self

    def train(self: Self, mode: bool = True) -> Self:
        """Set `training` here and in all Modules below; returns the Module.

        One below that has a method `train` of its own is asked through it: a part that is to stay
        in evaluation mode writes `def train(self, mode=True): return super().train(False)`.
        """
        stack: list[Module] = [self]
        seen: set[int] = set()
        while stack:
            module = stack.pop()
            if id(module) in seen:
                continue
            seen.add(id(module))
            own_way = type(module).train is not Module.train or "train" in vars(module)
            if own_way and module is not self:
                module.train(mode)
            else:
                module.training = bool(mode)
                stack.extend(module.children())
        return self

    def eval(self: Self) -> Self:
        """The same as train(False): to use the model rather than to train it."""
        return self.train(False)

    def apply(self: Self, function: Callable[[Module], Any]) -> Self:
        """Call function(module) for all Modules below and then for this one; returns it."""
        for module in list(_bottom_up(self, set())):
            function(module)
        return self

    def summary(self, input_shape: Any = None) -> Summary:
        """A table of all Modules: output shapes, parameters, and how many of them are trained.

        Args: input_shape, of one sample, without the batch axis: an int, a tuple of ints, or a list
            of these for several inputs; None to leave the output shapes out. Two samples of zeros
            go through the model in evaluation mode, and four where two leave it open which axis is
            that of the batch; it is left as it was.
        Returns a Summary with `.total .trainable .frozen .memory .rows`.

        >>> import nn
        >>> model = nn.MLP([4, 8, 3])
        >>> _ = model[0].requires_grad_(False)
        >>> model.summary(4)
        name  class   output shape  parameters  trainable
        ---------------------------------------------------------
              MLP     (n, 3)                 0          0
        0     Linear  (n, 8)                40          0  frozen
        1     ReLU    (n, 8)                 0          0
        2     Linear  (n, 3)                27         27
        ---------------------------------------------------------
        parameters 67
        trainable  27
        frozen     40
        memory     268 bytes
        """
        return summarize(self, input_shape)

    def _state(self) -> dict[str, Any]:
        """The parameters and buffers themselves, by name."""
        state: dict[str, Any] = {}
        for name, value in _walk(self):
            if isinstance(value, Module):
                continue
            if name in state:
                raise ValueError(f"two entries of {type(self).__name__} are called {name!r}")
            state[name] = self._leaf(name, value) if isinstance(value, Tensor) else value
        return state

    def _leaf(self, name: str, tensor: Tensor) -> Tensor:
        if tensor.is_leaf:
            return tensor
        raise ValueError(
            f"{name} of {type(self).__name__} is a Tensor that an operation made, and so no "
            f"parameter. Give it a name that starts with an underscore, or detach() it"
        )

    def _take(self, new: Iterable[tuple[Any, np.ndarray]]) -> None:
        """Give Tensors new values, and put new arrays where the old buffers were.

        Buffers are not written into: a graph recorded before goes on with the values it saw.
        """
        buffers = {}
        for old, array in new:
            if isinstance(old, Tensor):
                old.data = array
            else:
                buffers[id(old)] = old, array
        for holder in _holders(self) if buffers else ():
            for key, member in _items(holder):
                fresh = _exchanged(member, buffers)
                if fresh is not member:
                    holder[key] = fresh

    # ---- appearance, copying ------------------------------------------------------------------

    def extra_repr(self) -> str:
        """What `repr` shows between the parentheses; for subclasses to write."""
        return ""

    def __repr__(self) -> str:
        return _tree(self, ())

    def __getstate__(self) -> dict[str, Any]:
        state = {key: value for key, value in _pairs(vars(self)) if key != "_scope"}
        if self.training != state.get("training", self._trains):  # a mode of this thread
            state["training"] = self.training
        return state


class Sequential(Module):
    """Modules one after another: the result of each is the input of the next.

    >>> import nn
    >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    >>> model
    Sequential(
      (0): Linear(in_features=2, out_features=3, bias=True)
      (1): ReLU()
      (2): Linear(in_features=3, out_features=1, bias=True)
    )
    >>> len(model), model[:2](np.ones((5, 2))).shape
    (3, (5, 3))
    """

    def __init__(self, *layers: Module) -> None:
        self._layers: list[Module] = []
        for layer in layers:
            self.append(layer)

    def forward(self, x: Any) -> Any:
        """The last layer's result, from x through all layers in turn."""
        for layer in self._layers:
            x = layer(x)
        return x

    def append(self, layer: Module) -> Sequential:
        """Add a layer at the end; returns the Sequential."""
        self._layers.append(_layer(layer))
        return self

    def extend(self, layers: Iterable[Module]) -> Sequential:
        """Add layers at the end, of a list or another Sequential; returns the Sequential."""
        self._layers += [_layer(layer) for layer in layers]
        return self

    def insert(self, index: int, layer: Module) -> Sequential:
        """Put a layer before that of this index; returns the Sequential."""
        if not -len(self) <= index <= len(self):
            raise IndexError(f"Sequential: no place {index} to insert at among {len(self)} layers")
        self._layers.insert(index, _layer(layer))
        return self

    def pop(self, index: int = -1) -> Module:
        """Take out a layer, the last one unless told otherwise; returns it."""
        return self._layers.pop(self._checked(index))

    def __getitem__(self, index: int | slice) -> Any:
        """A layer, or for a slice a Sequential of the same layers."""
        found = self._layers[self._checked(index)]
        return Sequential(*found) if isinstance(found, list) else found

    def __setitem__(self, index: int, layer: Module) -> None:
        self._layers[self._checked(index)] = _layer(layer)

    def __delitem__(self, index: int | slice) -> None:
        del self._layers[self._checked(index)]

    def _checked(self, index: Any) -> Any:
        if isinstance(index, slice) or -len(self) <= index < len(self):
            return index
        raise IndexError(f"Sequential: no layer {index} among {len(self)} layers")

    def __len__(self) -> int:
        return len(self._layers)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._layers)


def _layer(layer: Any) -> Module:
    if isinstance(layer, Module):
        return layer
    cure = ""
    if isinstance(layer, (list, tuple)):
        cure = "; unpack it: Sequential(*layers)"
    elif isinstance(layer, type):
        cure = f"; make one: {layer.__name__}()"
    elif isinstance(layer, str) or callable(layer):
        cure = "; activations are Modules, too: nn.ReLU()"
    raise TypeError(f"Sequential takes Modules, got {type(layer).__name__}{cure}")


# ---- state that nobody meant -------------------------------------------------------------------

_hook_numbers = itertools.count()


def _looks_like_state(value: Any) -> bool:
    """Whether it would count as a buffer, or as a parameter that nobody can have meant as one."""
    if isinstance(value, _CONTAINERS):
        members = value.values() if isinstance(value, dict) else value
        return any(_looks_like_state(v) for v in members if isinstance(v, (Tensor, np.ndarray)))
    if isinstance(value, Tensor):
        return not (value.is_leaf and value.requires_grad)
    return isinstance(value, np.ndarray) and value.dtype.kind in _NUMBERS


def _is_result(value: Any) -> bool:
    return isinstance(value, Tensor) and not value.is_leaf


def _no_longer_trained(module: Module, name: str, value: Any) -> str:
    kind = "array" if isinstance(value, np.ndarray) else type(value).__name__
    return (
        f"{type(module).__name__}.{name} was a parameter, and the {kind} in its place is none that "
        f"is trained; for new values write {name}.assign_(array), for another parameter {name} = "
        "Tensor(array, requires_grad=True); if it is to stay as it is, freeze the old one before: "
        f"{name}.requires_grad_(False)"
    )


def _setter(module: Module, frame: Any) -> str:
    """What this frame belongs to, or is called by: "forward" or "a hook" of this very module; else
    ""."""
    while frame is not None:
        code = frame.f_code
        if code.co_name == "forward":
            hooks = frame.f_globals is globals() and not code.co_argcount  # in _Hooked.run
            held = "module" if hooks else code.co_varnames[0] if code.co_argcount else ""
            if frame.f_locals.get(held) is module:
                return "a hook" if hooks else "forward"
        frame = frame.f_back
    return ""


def _watched(module: Module, /, *args: Any, **kwargs: Any) -> Any:
    """The first forward of a Module: what it leaves in lists and dicts is told."""
    kinds = {name: value.__class__ for name, value in vars(module).items()}
    before = {name for name, _ in parts_of(module)}
    output = module.forward(*args, **kwargs)
    for name, value in parts_of(module):
        outer, dot, _ = name.partition(".")
        if not dot or name in before or not _looks_like_state(value):
            continue
        if vars(module).get(outer).__class__ is kinds.get(outer):  # else told when it was set
            warn(_counts_as_state("forward", module, name, value))
            break
    return output


def _explain(error: Exception, module: Module, args: Any, kwargs: Any) -> None:
    """Raise what tells more of an error in a forward of ours, if its arguments are the reason: they
    do not fit, or one that must be there is no array."""
    forward, name = type(module).forward, type(module).__name__
    if isinstance(error, TypeError) and (text := misfit(forward, (module, *args), kwargs)):
        raise TypeError(text) from None
    raw = str(error).startswith(("Tensor: ", "setting an array element"))
    names = forward.__code__.co_varnames[1 : forward.__code__.co_argcount]
    needed = names[: len(names) - len(forward.__defaults__ or ())]
    for what, value in {**dict(zip(names, args)), **kwargs}.items():
        if value is None and what not in needed:
            continue
        try:
            as_tensor(name, "input" if what == "x" else what, value)
        except (TypeError, ValueError) as told:
            if raw or str(told).endswith(str(error)):
                raise told from None


def _counts_as_state(setter: str, module: Module, name: str, value: Any) -> str:
    kind = "a buffer" if isinstance(value, np.ndarray) else "a parameter"
    kind = kind if isinstance(value, (np.ndarray, Tensor)) else "parameters and buffers"
    attribute = name.partition(".")[0]
    return (
        f"{setter} of {type(module).__name__} sets self.{name}, which counts as state of the model "
        f"({kind}, saved and loaded with it), for its name has no underscore before it. If it is "
        f"only for looking at, call it self._{attribute}; if it is meant, set it in __init__"
    )


# ---- walking ----------------------------------------------------------------------------------


def _items(holder: Any) -> list[tuple[Any, Any]]:
    """The public (key, member) pairs of the attributes of a Module, a dict, a list or a tuple."""
    return [(key, member) for key, member in _pairs(holder) if not str(key).startswith("_")]


def _pairs(holder: Any) -> Iterable[tuple[Any, Any]]:
    """What a container holds now: into a dict another thread may put something meanwhile."""
    return list(holder.items()) if isinstance(holder, dict) else enumerate(holder)


def _contents(module: Module) -> list[Any]:
    """Where the state of one Module lies: its attributes, and for a Sequential its layers."""
    return [vars(module), *([module._layers] if isinstance(module, Sequential) else [])]


_STATE = (Tensor, np.ndarray, Module)
_NUMBERS = "biufc"  # kinds of arrays that are buffers; names of classes, say, are no state
_CONTAINERS = (dict, list, tuple)  # what is gone through
_SIMPLE = frozenset([bool, int, float, str, type(None)])  # most attributes: they hold nothing


def _opened(module: Module) -> Iterator[tuple[str, Any]]:
    """Everything that a Module holds itself, with its name: values, and the containers of them."""
    stack = [("", content) for content in reversed(_contents(module))]
    seen = set()
    while stack:
        name, value = stack.pop()
        yield name, value
        if isinstance(value, _CONTAINERS) and id(value) not in seen:
            seen.add(id(value))  # a list may hold itself
            inside = [
                (_joined(name, key), member)
                for key, member in _pairs(value)
                if member.__class__ not in _SIMPLE and not str(key).startswith("_")
            ]
            stack.extend(reversed(inside))


def parts_of(module: Module) -> list[tuple[str, Any]]:
    """The Tensors, arrays and Modules that a Module holds itself, in the order they were set."""
    held = [
        (name, value)
        for name, value in vars(module).copy().items()  # another thread may add one meanwhile
        if value.__class__ not in _SIMPLE and not name.startswith("_")
    ]
    if isinstance(module, Sequential):
        held += [(str(i), layer) for i, layer in enumerate(module._layers)]
    for _, value in held:
        if isinstance(value, _CONTAINERS):  # seldom (a Module may be a list, too)
            held = list(_opened(module))
            break
    return [
        (name, value)
        for name, value in held
        if isinstance(value, _STATE)
        and (value.__class__ is not np.ndarray or value.dtype.kind in _NUMBERS)
    ]


def _walk(root: Module) -> Iterator[tuple[str, Any]]:
    """All Tensors, arrays and Modules from a Module down, itself first, each object once."""
    stack: list[tuple[str, Any]] = [("", root)]
    seen = set()
    while stack:
        name, value = stack.pop()
        if id(value) not in seen:
            seen.add(id(value))
            yield name, value
            if isinstance(value, Module):
                parts = [(_joined(name, part), member) for part, member in parts_of(value)]
                stack.extend(reversed(parts))


def _bottom_up(module: Module, seen: set[int]) -> Iterator[Module]:
    seen.add(id(module))
    for child in module.children():
        if id(child) not in seen:
            yield from _bottom_up(child, seen)
    yield module


def _joined(outer: str, key: Any) -> str:
    return f"{outer}.{key}" if outer else str(key)


def _holders(root: Module) -> list[Any]:
    """All dicts and lists in which a buffer may lie."""
    modules = list(root.modules())
    return [v for m in modules for _, v in _opened(m) if isinstance(v, (dict, list))]


def _exchanged(value: Any, new: dict[int, tuple[Any, np.ndarray]]) -> Any:
    """The new array for an old one; a tuple that holds one is made anew."""
    if isinstance(value, np.ndarray) and id(value) in new:
        return new[id(value)][1]
    if isinstance(value, tuple):
        members = [_exchanged(member, new) for member in value]
        if any(fresh is not member for fresh, member in zip(members, value)):
            return getattr(type(value), "_make", type(value))(members)
    return value


def _values(value: Any) -> Any:
    """The array of a parameter or buffer, without a copy."""
    return value.numpy() if isinstance(value, Tensor) else value


def _array(name: str, value: Any) -> np.ndarray:
    """An entry of a state dict as an array of real numbers."""
    if isinstance(value, Mapping):  # a checkpoint of PyTorch: {"model_state_dict": ..., "epoch": 3}
        raise TypeError(
            f"load_state_dict: {name!r} is a dict, and no array; if it is the state of the model, "
            f"give that: load_state_dict(state[{name!r}])"
        )
    try:
        return (value if isinstance(value, Tensor) else Tensor(value)).numpy()
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"load_state_dict: {name}: {error}") from error


def _cast(name: str, array: np.ndarray, like: Any) -> np.ndarray:
    if not np.can_cast(array.dtype, like.dtype, "same_kind"):
        raise TypeError(
            f"load_state_dict: {name} holds {array.dtype} values, which do not fit into "
            f"{like.dtype}"
        )
    return np.array(array, like.dtype)


def _tree(module: Module, above: tuple[Module, ...]) -> str:
    """The lines of `repr`; a Module inside itself is not opened again."""
    title = type(module).__name__
    if module in above:
        return f"{title}(...)"
    lines = [module.extra_repr()] if module.extra_repr() else []
    children = [
        f"({name}): {_tree(part, (*above, module))}"
        for name, part in parts_of(module)
        if isinstance(part, Module)
    ]
    if not children:
        return f"{title}({', '.join(lines)})"
    inside = "\n".join([*lines, *children]).replace("\n", "\n  ")
    return f"{title}(\n  {inside}\n)"


# ---- names of scopes --------------------------------------------------------------------------


class _Name(str):
    """The name of a Module where it was called; through it those called inside find theirs."""

    module: weakref.ref[Module]


class _Place:
    """Finds the name of a Module in the scope around: what it is called in the Module that called
    it, or else its class. Holds the Modules weakly, for graphs and scopes hold the names."""

    __slots__ = ("_found", "_module")

    def __init__(self, module: Module) -> None:
        self._module = weakref.ref(module)
        self._found: tuple[Any, _Name] | None = None  # for the caller that was asked of last

    def within(self, outer: Any) -> _Name:
        """The name inside the scope that has the name outer (asked by `scope` when it is new)."""
        caller = outer.module if isinstance(outer, _Name) else None
        found = self._found  # put there as a whole: several threads may ask
        if found is None or found[0] is not caller:
            module, around = self._module(), caller() if caller else None
            names = _walk(around) if around is not None else ()
            name = next((name for name, value in names if value is module and name), None)
            fresh = _Name(name or type(module).__name__)
            fresh.module = self._module
            self._found = found = caller, fresh
        return found[1]
