"""What people bring along from PyTorch: the names of methods that a Tensor has under another one.

Each raises an AttributeError that tells ours; `hasattr` goes on saying no. (`__getattr__` would do
the same, but would make every look at every attribute slower, and a Tensor is looked at often.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

__all__: list[str] = []


class Elsewhere:
    """A name that a class has not, and what is told of it: asking for it raises."""

    def __init__(self, name: str, told: str) -> None:
        self.name, self.told = name, told

    def __get__(self, instance: Any, owner: type) -> NoReturn:
        raise AttributeError(f"{owner.__name__} has no attribute {self.name!r}; {self.told}")


def tell(kind: type, names: Mapping[str, str]) -> None:
    """Let a class tell of these names what they are called here."""
    for name, told in names.items():
        setattr(kind, name, Elsewhere(name, told))
    setattr(kind, "__dir__", _listed)  # noqa: B010


def _listed(self: Any) -> list[str]:
    """What `dir` shows, which editors complete: without the names from elsewhere."""
    own = getattr(self, "__dict__", {})

    def found(name: str) -> Any:
        return own.get(
            name, next((vars(k)[name] for k in type(self).__mro__ if name in vars(k)), 0)
        )

    return [name for name in object.__dir__(self) if not isinstance(found(name), Elsewhere)]


_VALUES = (
    "values are never changed in place: compute a new Tensor, or x.assign_(array) for a leaf: "
)


def _numpys(call: str) -> str:
    return f"use np.{call}"


# Methods of PyTorch's Tensor, and of ndarray, by what to write here.
TENSOR = {
    # shapes
    **dict.fromkeys(("view", "view_as", "reshape_as"), "use reshape(*shape)"),
    **dict.fromkeys(("unsqueeze", "expand_dims"), "use np.expand_dims(x, axis), or x[:, None]"),
    "permute": "use transpose(*axes)",
    **dict.fromkeys(("movedim", "moveaxis"), "use np.moveaxis(x, source, destination)"),
    "t": "use x.T",
    "mt": "use x.mT",
    "unflatten": "use reshape(*shape)",
    **dict.fromkeys(("numel", "nelement"), "use size, the number of elements, without a call"),
    **dict.fromkeys(("dim", "ndimension"), "use ndim, without a call"),
    **dict.fromkeys(("expand", "expand_as", "broadcast_to"), "use np.broadcast_to(x, shape)"),
    "tile": "use np.tile(x, repeats)",
    "contiguous": "leave it out: there is nothing to do",
    **dict.fromkeys(("chunk", "split", "unbind"), "use np.split(x, parts, axis), or list(x)"),
    **dict.fromkeys(("cat", "concat", "concatenate"), "use np.concatenate([a, b], axis)"),
    "stack": "use np.stack([a, b], axis)",
    "flip": "use np.flip(x, axis)",
    "roll": "use np.roll(x, shift, axis)",
    # devices and dtypes
    **dict.fromkeys(
        ("cuda", "cpu", "to", "pin_memory", "device", "is_cuda", "get_device"),
        "there is one device, the CPU: leave it out (another dtype is x.astype(np.float32))",
    ),
    "half": "use x.astype(np.float16)",
    "float": "use x.astype(np.float32), or float(x) for a number",
    "double": "use x.astype(np.float64)",
    **dict.fromkeys(("int", "long"), "use x.astype(np.int64), or int(x) for a number"),
    "bool": "use x.data.astype(bool)",
    **dict.fromkeys(("type", "type_as"), "use x.dtype and x.astype(dtype)"),
    # new values
    "zero_": "use x.assign_(np.zeros(x.shape)), or x.zero_grad() for the gradient",
    "fill_": "use x.assign_(np.full(x.shape, value))",
    "fill": "use x.assign_(np.full(x.shape, value))",
    "copy_": "use x.assign_(array)",
    "set_": "use x.assign_(array)",
    "assign": "use x.assign_(array)",
    **dict.fromkeys(("normal_", "uniform_"), "use nn.init.normal_(x) or nn.init.uniform_(x)"),
    "add_": f"{_VALUES}x + y",
    "sub_": f"{_VALUES}x - y",
    "mul_": f"{_VALUES}x * y",
    "div_": f"{_VALUES}x / y",
    **dict.fromkeys(("clamp_", "clip_"), f"{_VALUES}x.clip(min, max)"),
    "relu_": f"{_VALUES}x.relu()",
    "neg_": f"{_VALUES}-x",
    "exp_": f"{_VALUES}np.exp(x)",
    "sqrt_": f"{_VALUES}np.sqrt(x)",
    "masked_fill_": f"{_VALUES}np.where(mask, value, x)",
    "detach_": "use x = x.detach()",
    # arithmetic
    **dict.fromkeys(("add", "sub", "mul", "div"), "use the operators + - * /"),
    **dict.fromkeys(("matmul", "mm", "bmm", "mv"), "use x @ y"),
    "pow": "use x ** y",
    "neg": "use -x",
    **dict.fromkeys(("eq", "ne", "lt", "le", "gt", "ge"), "use the operators == != < <= > >="),
    "square": _numpys("square(x)"),
    "rsqrt": "use 1 / np.sqrt(x)",
    "reciprocal": "use 1 / x",
    **{f: _numpys(f"{f}(x)") for f in (
        "sin", "cos", "tan", "sinh", "cosh", "log1p", "log2", "log10", "expm1", "floor", "ceil",
        "sign", "isnan", "isinf", "isfinite", "any", "all", "nonzero", "argsort", "sort", "median",
        "nansum", "unique", "fmod", "hypot", "maximum", "minimum",
    )},
    **dict.fromkeys(("asin", "acos", "atan"), "use np.arcsin, np.arccos or np.arctan"),
    "norm": "use np.linalg.norm(x)",
    **dict.fromkeys(("clamp", "clamp_min", "clamp_max"), "use clip(min, max)"),
    **dict.fromkeys(("amax", "amin"), "use max(axis) and min(axis)"),
    **{f: f"use autograd.{f}(x, axis)" for f in ("softmax", "log_softmax", "logsumexp")},
    # looking up
    "masked_fill": "use np.where(mask, value, x)",
    "where": "use np.where(mask, x, y)",
    "masked_select": "use x[mask]",
    "index_select": "use take(indices, axis)",
    "gather": "use np.take_along_axis(x, indices, axis)",
    **dict.fromkeys(("scatter_add", "scatter_add_", "index_add"), (
        "use autograd.scatter_add(x, index, values)"
    )),
    "topk": "use np.sort(x, axis) and a slice",
    "tril": _numpys("tril(x)"),
    "triu": _numpys("triu(x)"),
    # the graph
    "grad_fn": "use made_by, the name of the operation, and made_of, what it was computed from",
    "retains_grad": "use retain_grad()",
    **dict.fromkeys(("new_zeros", "new_ones"), "use Tensor(np.zeros(shape, x.dtype))"),
}  # fmt: skip

# Names of torch, and of HIPS' autograd, that this package has not.
MODULE = {
    **dict.fromkeys(("from_numpy", "as_tensor"), "use Tensor(data)"),
    "Variable": "use Tensor(data, requires_grad=True)",
    "Function": "make an operation by primitive(forward, rule, ...)",
    "elementwise_grad": "use vjp(f, x, np.ones_like(y)), or np.sum(f(x)).backward()",
    "cat": "use np.concatenate([a, b], axis)",
    "stack": "use np.stack([a, b], axis)",
    **{f: f"use np.{f}" for f in (
        "zeros", "ones", "arange", "linspace", "eye", "exp", "log", "sqrt", "sin", "cos", "tanh",
        "abs", "sum", "mean", "max", "min", "where", "matmul", "einsum", "clip", "zeros_like",
    )},
    **dict.fromkeys(("rand", "randn"), "use np.random.default_rng(seed).normal(size=shape)"),
    "manual_seed": "it is nn.manual_seed",
    **dict.fromkeys(("float32", "float64", "int64"), "use NumPy's: np.float32"),
}  # fmt: skip
