"""What people bring along from PyTorch and Keras: names that are others here, and mistakes.

A name that is not here raises an AttributeError which tells ours, or what to use instead; `hasattr`
goes on saying no. A mistake that might be meant gives a warning, at the line that made it.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from importlib import import_module
from typing import Any, NoReturn, TypeVar

from nn.checks import Named, floating
from nn.names import unknown

__all__ = [
    "ARGUMENTS",
    "FUNCTIONS",
    "LAYERS",
    "MODULE",
    "OPTIMIZERS",
    "SCHEDULES",
    "elsewhere",
    "finder",
    "later",
    "misfit",
    "told",
    "warn",
]

Function = TypeVar("Function", bound=Callable[..., Any])

# ---- mistakes ----------------------------------------------------------------------------------


def warn(text: str) -> None:
    """A UserWarning at the nearest line outside of this library and NumPy: there it is made, and
    there Python shows it once."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and _package(frame.f_globals) in ("autograd", "nn", "numpy"):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, UserWarning, stacklevel=level)


def _package(names: Mapping[str, Any]) -> str:
    return str(names.get("__name__", "")).partition(".")[0]


# ---- names -------------------------------------------------------------------------------------


def finder(
    module: str, names: Mapping[str, str], known: Callable[[], Iterable[str]], more: str = ""
) -> Callable[[str], NoReturn]:
    """The `__getattr__` of a module: an AttributeError with what is told of a name from elsewhere,
    or with the nearest name that there is; more, the name of a table of `nn.left_out`, which is
    loaded for it.

    >>> finder("nn", {"Parameter": "it is a Tensor"}, lambda: ["ReLU"])("Parameter")
    Traceback (most recent call last):
    AttributeError: module 'nn' has no attribute 'Parameter'; it is a Tensor
    """

    def missing(name: str) -> NoReturn:
        text = f"module {module!r} has no attribute {name!r}"
        told = names.get(name, "")
        if more and not told and not name.startswith("_"):
            told = getattr(import_module("nn.left_out"), more).get(name, "")
        if told:
            text += f"; {told}"
        elif not name.startswith("_"):  # what tools ask for
            alike = [k for k in known() if _plain(k) == _plain(name)]
            other = unknown("name", name, known()).removeprefix(f"unknown name {name!r}")
            text += f"; did you mean {alike[0]!r}?" if alike else other
        raise AttributeError(text)

    return missing


def later(
    names: dict[str, Any], homes: Mapping[str, str], missing: Callable[[str], Any]
) -> Callable[[str], Any]:
    """The `__getattr__` of a module some of whose names are loaded when they are first asked for.

    Args: names, of the module, its globals(); homes, for each such name the module that has it;
    missing, what to do with any other name.

    >>> found = {}
    >>> later(found, {"sqrt": "math", "pi": "math"}, finder("nn", {}, list))("sqrt")(9.0)
    3.0
    >>> sorted(found)
    ['pi', 'sqrt']
    """

    def found(name: str) -> Any:
        if name not in homes:
            return missing(name)
        module = import_module(homes[name])
        for known, home in homes.items():
            if home == homes[name]:  # what somebody has put there stays
                names.setdefault(known, getattr(module, known))
        return names[name]

    return found


def _plain(name: str) -> str:
    return name.lower().replace("_", "")


class _Elsewhere:
    """A name that a class of ours has not, and what is told of it: asking for it raises.

    `__getattr__` would do the same, but would make every look at every attribute slower.
    """

    # (Tensors have one of their own in autograd/habits.py: nn uses only autograd's public names,
    # and to make it one of them for these few lines would show users what is of no use to them.)

    def __init__(self, name: str, told: str) -> None:
        self.name, self.told = name, told

    def __get__(self, instance: Any, owner: type) -> NoReturn:
        raise AttributeError(f"{owner.__name__} has no attribute {self.name!r}; {self.told}")


def elsewhere(names: Mapping[str, str]) -> Callable[[type], type]:
    """A decorator of a class: what it tells of names from elsewhere. An attribute of such a name
    that a subclass or an instance has is found as any other.

    >>> @elsewhere({"cuda": "there is one device"})
    ... class Layer: pass
    >>> Layer().cuda()
    Traceback (most recent call last):
    AttributeError: Layer has no attribute 'cuda'; there is one device
    >>> hasattr(Layer(), "cuda")
    False
    """

    def decorate(kind: type) -> type:
        for name, told in names.items():
            setattr(kind, name, _Elsewhere(name, told))
        setattr(kind, "__dir__", _listed)  # noqa: B010
        return kind

    return decorate


def _listed(self: Any) -> list[str]:
    """What `dir` shows, which editors complete: without the names from elsewhere."""
    own = getattr(self, "__dict__", {})

    def found(name: str) -> Any:
        return own.get(
            name, next((vars(k)[name] for k in type(self).__mro__ if name in vars(k)), 0)
        )

    return [name for name in object.__dir__(self) if not isinstance(found(name), _Elsewhere)]


def told(function: Function) -> Function:
    """A decorator of a function: a call that does not fit its arguments raises a TypeError which
    tells the nearest one, or ours for what only PyTorch's has. (All classes of ours have it: see
    Module.)

    >>> @told
    ... def spread(x, axis=0): ...
    >>> spread([1.0], dim=0)
    Traceback (most recent call last):
    TypeError: spread has no argument dim=; it is called axis=, as NumPy's
    >>> spread([1.0], axes=0)
    Traceback (most recent call last):
    TypeError: spread: unknown argument 'axes'; did you mean 'axis'? It takes (x, axis=0)
    """

    @wraps(function)
    def asked(*args: Any, **options: Any) -> Any:
        if options and not ARGUMENTS.keys().isdisjoint(options):
            name = next(name for name in options if name in ARGUMENTS)
            raise TypeError(f"{_whose(function, args)} has no argument {name}=; {ARGUMENTS[name]}")
        if "dtype" in options and function.__name__ == "__init__":
            what = Named(_whose(function, args), "dtype")
            options["dtype"] = floating(what, options["dtype"])
        try:
            return function(*args, **options)
        except TypeError:
            if text := misfit(function, args, options):
                raise TypeError(text) from None
            raise

    return asked  # type: ignore[return-value]


def misfit(function: Callable[..., Any], args: tuple[Any, ...], options: Mapping[str, Any]) -> str:
    """What is wrong with a call of a function, or a method and its object; "" for nothing.

    >>> misfit(lambda x, axis=0: x, (), {})
    "<lambda>: missing a required argument: 'x'; it takes (x, axis=0)"
    """
    import inspect  # here, for only errors need it

    signature = inspect.signature(function)
    try:
        signature.bind(*args, **options)
    except TypeError as error:
        why = f"{error};"
    else:
        return ""
    known = list(signature.parameters.values())[function.__name__ in _METHODS :]
    names = [p.name for p in known]
    wrong = [name for name in options if name not in names]
    if wrong and not any(p.kind == p.VAR_KEYWORD for p in known):
        why = unknown("argument", wrong[0], names).partition(" Known:")[0]
        why = why[:-1] + ";" if why.endswith(".") else why
    known = [p.replace(annotation=p.empty) for p in known]
    takes = inspect.Signature(
        [p if p.default is p.empty else p.replace(default=_Shown(p.default)) for p in known]
    )
    it = "It" if why.endswith("?") else "it"
    return f"{_whose(function, args)}: {why} {it} takes {takes if names else 'no arguments'}"


_METHODS = ("__init__", "forward")  # whose first argument is an object


def _whose(function: Callable[..., Any], args: tuple[Any, ...]) -> str:
    """The public name of a function, or of the class of ours whose method it is."""
    if function.__name__ not in _METHODS:
        return function.__name__
    kinds = [k.__name__ for k in type(args[0]).__mro__ if k.__module__.startswith("nn.")]
    name = next(name for name in kinds if not name.startswith("_"))
    return name + ".forward" * (function.__name__ == "forward")


class _Shown:
    """A default as it is written: float32, not <class 'numpy.float32'>."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return getattr(self.value, "__name__", repr(self.value))


_DEVICE = "there is one device, the CPU: leave it out"
_LIST = "a plain list in an attribute does: its Modules are found"
_DICT = "a plain dict in an attribute does: its Modules are found"
_TENSOR = (
    "a Tensor in an attribute is a parameter: self.w = Tensor(array, requires_grad=True), of "
    "autograd"
)
_UTILS = (
    "what it has stands in nn itself: nn.clip_grad_norm_, nn.parameters_to_vector, "
    "nn.pack_padded_sequence and others"
)
_HOOK = "there are register_forward_hook here, and register_hook of a Tensor"

_NONE = "there is none here"
# What is told of arguments that functions and classes have not.
ARGUMENTS = {
    "dim": "it is called axis=, as NumPy's",
    "keepdim": "it is called keepdims=, as NumPy's",
    "start_dim": "it is called start_axis=, as NumPy's axes",
    "end_dim": "it is called end_axis=, as NumPy's axes",
    "inplace": "results are always new: leave it out",
    "device": _DEVICE,
    **dict.fromkeys(("size_average", "reduce"), "use reduction='mean', 'sum' or 'none'"),
    **dict.fromkeys(("proj_size", "add_bias_kv", "add_zero_attn", "antialias"), _NONE),
    **dict.fromkeys(("max_norm", "norm_type", "scale_grad_by_freq"), _NONE),
    "sparse": "gradients are whole here: leave it out",
    **dict.fromkeys(("enable_nested_tensor", "mask_check"), f"{_NONE}: leave it out"),
}

# What is told of names that `nn` has not.
LAYERS = {
    "Parameter": _TENSOR,
    "parameter": _TENSOR,
    "Buffer": "an array in an attribute is a buffer: self.mean = np.zeros(3)",
    **dict.fromkeys(("ModuleList", "ParameterList"), _LIST),
    **dict.fromkeys(("ModuleDict", "ParameterDict"), _DICT),
    **dict.fromkeys(
        ("BatchNorm", "BatchNormalization"), "use nn.BatchNorm1d, of images nn.BatchNorm2d"
    ),
    "Swish": "use nn.SiLU",
    "Softmax2d": "use nn.Softmax(axis=1)",
    "Unflatten": "use x.reshape((-1, *shape)) in your forward",
    "Dense": "use nn.Linear(in_features, out_features)",
    "Activation": "activations are Modules: nn.ReLU()",
    "Input": "no layer needs it: give nn.Linear the number of its inputs",
    "Model": "derive from nn.Module, or use nn.Sequential(...)",
    **dict.fromkeys(("DataParallel", "cuda", "device"), _DEVICE),
    "utils": _UTILS,
    **dict.fromkeys(("no_grad", "enable_grad"), "it is of autograd: from autograd import no_grad"),
    **dict.fromkeys(("Tensor", "tensor"), "it is of autograd: from autograd import Tensor"),
    "F": "it is nn.functional",
}

# What is told of names that `nn.functional` has not.
FUNCTIONS = {
    "swish": "use silu",
    "mse": "use mse_loss",
    "bce_with_logits": "use binary_cross_entropy_with_logits",
}  # fmt: skip

_MAKE = "there is none here: write its update in a subclass of nn.optim.Optimizer"
# What is told of names that `nn.optim` and its schedules have not.
OPTIMIZERS = {
    **dict.fromkeys(("Adadelta", "Adamax", "NAdam", "RAdam", "Rprop", "Lion", "Muon"), _MAKE),
    "LBFGS": "scipy.optimize.minimize(autograd.value_and_grad(f), x, jac=True) has it",
    "SparseAdam": "gradients are whole here: use Adam",
    "RMSProp": "it is RMSprop",
    "AdaGrad": "it is Adagrad",
}
_RATE = "there is none here: use LambdaLR(optimizer, f), or write a rate(epoch, initial_lr)"
SCHEDULES = {
    **dict.fromkeys(
        ("OneCycleLR", "CyclicLR", "CosineAnnealingWarmRestarts", "PolynomialLR"), _RATE
    ),
    **dict.fromkeys(("SequentialLR", "ChainedScheduler", "MultiplicativeLR", "ConstantLR"), _RATE),
    "ReduceLR": "it is ReduceLROnPlateau",
}

_PREPARE = "it is of nn.Trainer: nn.Trainer(model, optimizer, loss)"
# What is told of names that a Module has not.
MODULE = {
    **dict.fromkeys(("cuda", "cpu", "to", "share_memory", "to_empty"), (
        f"{_DEVICE}; another dtype is astype(np.float64)"
    )),
    "half": "use astype(np.float16)",
    "float": "use astype(np.float32)",
    "double": "use astype(np.float64)",
    "register_buffer": "an array in an attribute is a buffer: self.mean = np.zeros(3)",
    "register_parameter": _TENSOR,
    **dict.fromkeys(("add_module", "register_module"), "set an attribute: self.head = layer"),
    **dict.fromkeys(
        ("register_forward_pre_hook", "register_backward_hook", "register_full_backward_hook"),
        _HOOK,
    ),
    **dict.fromkeys(("freeze", "unfreeze"), "use requires_grad_(False) and requires_grad_(True)"),
    "add": "use append(layer), of a Sequential",
    **dict.fromkeys(("fit", "evaluate", "predict"), _PREPARE),
    "compile": "there is nothing to compile; loss and optimiser are given to nn.Trainer",
    "count_params": "use summary().total",
    **dict.fromkeys(("get_weights", "set_weights"), "use state_dict() and load_state_dict(state)"),
    **dict.fromkeys(("save", "save_weights"), "use nn.save(path, model)"),
    "load_weights": "use model.load_state_dict(nn.load(path))",
}  # fmt: skip
