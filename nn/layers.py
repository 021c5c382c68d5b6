"""Layers: Modules with parameters, and those that reshape, drop or pass on; MLP, a chain of them.

Activations have a file of their own. May import: autograd, names, random, functional, activations,
init, module.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from operator import index
from typing import Any

import numpy as np

from autograd import Tensor
from nn import activations, functional
from nn.functional.arguments import as_input, as_number
from nn.functional.layers import as_shape, batch_normalized, check_probability, fused_linear
from nn.init import named_initializer, uniform_
from nn.module import Module, Sequential
from nn.names import unknown
from nn.random import generator

__all__ = [
    "BatchNorm1d", "Dropout", "Flatten", "Identity", "LayerNorm", "Linear", "MLP",
]  # fmt: skip


def _sizes(name: str, *sizes: Any) -> tuple[int, ...]:
    """The numbers of features, all ints of at least 1."""
    try:
        found = tuple(map(index, sizes))
    except TypeError:
        raise TypeError(f"{name}: sizes must be ints, got {', '.join(map(repr, sizes))}") from None
    if min(found) < 1:
        which = "both sizes" if len(found) == 2 else "sizes"
        raise ValueError(f"{name}: {which} must be >= 1, got {', '.join(map(str, found))}")
    return found


class Linear(Module):
    """The affine map y = x Wᵀ + b of the last axis.

    Args: in_features and out_features, the lengths of the last axis of x and y; bias, False for
        none; dtype of the parameters; rng, where the first values come from: W and b even within
        ±1/sqrt(in_features).
    Shapes: x (..., in_features), y (..., out_features), weight (out_features, in_features), bias
    (out_features,). Raises ValueError for an x of another width. Source: PyTorch's nn.Linear.

    >>> layer = Linear(64, 10)
    >>> layer(np.zeros((32, 64))).shape
    (32, 10)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        dtype: Any = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        in_features, out_features = _sizes("Linear", in_features, out_features)
        self.in_features, self.out_features = in_features, out_features
        bound = 1 / math.sqrt(in_features)
        self.weight = _parameter((out_features, in_features), bound, "weight", dtype, rng)
        self.bias = _parameter((out_features,), bound, "bias", dtype, rng) if bias else None

    def forward(self, x: Any) -> Tensor:
        weight, bias = self.weight, self.bias
        if x.__class__ is not Tensor or not x.requires_grad:
            x = as_input(x, weight.dtype)
        tensors = weight.__class__ is Tensor and (bias is None or bias.__class__ is Tensor)
        linear = fused_linear if tensors else functional.linear  # the same, with questions before
        try:
            return linear(x, weight, bias)
        except ValueError:
            if x.shape[-1:] != (self.in_features,):
                raise ValueError(self._wrong_width(x.shape)) from None
            raise

    def _wrong_width(self, shape: tuple[int, ...]) -> str:
        width = f"width {shape[-1]}, in an input" if shape else "a single number, an input"
        flat = len(shape) > 2 and math.prod(shape[1:]) == self.in_features
        column = len(shape) == 1 and self.in_features == 1
        return (
            f"{self}: expected an input of width {self.in_features} (the length of its last axis), "
            f"got {width} of shape {shape}"
            + "; flatten it: x.reshape(len(x), -1)" * flat
            + "; make it a column, a row a sample: x.reshape(-1, 1)" * column
        )

    def extra_repr(self) -> str:
        bias = self.bias is not None
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={bias}"


def _parameter(
    shape: tuple[int, ...], bound: float, name: str, dtype: Any, rng: np.random.Generator | None
) -> Tensor:
    parameter = Tensor(np.empty(shape, dtype), requires_grad=True, name=name)
    return uniform_(parameter, -bound, bound, rng=rng)


class Flatten(Module):
    """Join the axes from start_axis to end_axis, both included, to one: images to rows.

    Shapes: x (n, a, b, ...), the result (n, a b ...). Raises ValueError for axes that x has not.
    Source: PyTorch's nn.Flatten.

    >>> Flatten()(np.zeros((32, 8, 8))).shape
    (32, 64)
    """

    def __init__(self, start_axis: int = 1, end_axis: int = -1) -> None:
        self.start_axis, self.end_axis = index(start_axis), index(end_axis)

    def forward(self, x: Any) -> Tensor:
        x = x if isinstance(x, Tensor) else Tensor(x)
        start, end = (a + x.ndim * (a < 0) for a in (self.start_axis, self.end_axis))
        if not 0 <= start <= end < x.ndim:
            raise ValueError(f"{self}: an input of shape {x.shape} has no such axes, in this order")
        joined = math.prod(x.shape[start : end + 1])
        return x.reshape((*x.shape[:start], joined, *x.shape[end + 1 :]))

    def extra_repr(self) -> str:
        return f"start_axis={self.start_axis}, end_axis={self.end_axis}"


class Identity(Module):
    """Gives back what it is given: the place of a layer that is taken out.

    >>> Identity()(Tensor([1.0]))
    Tensor([1.])
    """

    def forward(self, x: Any) -> Any:
        return x


class Dropout(Module):
    """Set elements to 0 with probability p while training, and divide the others by 1 - p.

    After `eval()` x comes back itself; for p = 1 all is 0. Args: p; rng, where the choice comes
    from, the library's own generator if None. Raises ValueError for p beyond [0, 1]. Source:
    Srivastava et al., Dropout, 2014; PyTorch's nn.Dropout.

    >>> Dropout(0.5).eval()(Tensor([1.0, 2.0]))
    Tensor([1., 2.])
    """

    def __init__(self, p: float = 0.5, *, rng: np.random.Generator | None = None) -> None:
        self.p = check_probability("Dropout", p)
        self.rng = None if rng is None else generator(rng)

    def forward(self, x: Any) -> Any:
        x = x if isinstance(x, Tensor) else Tensor(x)
        return functional.dropout(x, self.p, self.training, rng=self.rng)

    def extra_repr(self) -> str:
        return f"p={self.p}"


_put = object.__setattr__  # without the questions that a Module asks of what is set


class BatchNorm1d(Module):
    """Bring each channel to mean 0 and variance 1 over the batch; then times weight, plus bias.

    While training, of the batch, whose mean and unbiased variance go into the running statistics:
    new = (1 - momentum) old + momentum batch (momentum None: the plain average of all batches).
    After `eval()`, of the running statistics, which then stay as they are.
    Args: num_features C; eps, added to the variance; affine, False for no weight and bias;
        track_running_stats, False to normalise by the batch always; bias, False for none; dtype.
    Shapes: x (n, C) or (n, C, L), and the same the result. Raises ValueError for another width, and
    for one value a channel in training. Source: Ioffe and Szegedy, Batch Normalization, 2015;
    PyTorch's nn.BatchNorm1d.

    >>> layer = BatchNorm1d(2)
    >>> layer([[1.0, 10.0], [3.0, 30.0]]).data.round(3), layer.running_mean
    (array([[-1., -1.],
            [ 1.,  1.]], dtype=float32), array([0.2, 2. ], dtype=float32))
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        bias: bool = True,
        dtype: Any = np.float32,
    ) -> None:
        name = "BatchNorm1d"
        (num_features,) = _sizes(name, num_features)
        self.num_features = num_features
        self.eps = as_number(name, "eps", eps, least=0)
        self.momentum = None if momentum is None else _fraction(name, "momentum", momentum)
        self.affine, self.track_running_stats = affine, track_running_stats
        self.weight = _constant(1, num_features, "weight", dtype) if affine else None
        self.bias = _constant(0, num_features, "bias", dtype) if affine and bias else None
        tracked = track_running_stats
        self.running_mean: Any = np.zeros(num_features, dtype) if tracked else None
        self.running_var: Any = np.ones(num_features, dtype) if tracked else None
        self.num_batches_tracked: Any = np.zeros((), np.int64) if tracked else None

    def forward(self, x: Any) -> Tensor:
        x = _cast(x, self.weight, self.running_mean)
        if x.ndim not in (2, 3) or x.shape[1] != self.num_features:
            raise ValueError(self._wrong_shape(x.shape))
        affine = (self.weight, self.bias)
        if not self.training and self.running_mean is not None:
            mean, variance = self.running_mean, self.running_var
            return functional.batch_norm(x, mean, variance, *affine, eps=self.eps)
        y, mean, variance = batch_normalized(x, *affine, eps=self.eps)
        if self.running_mean is not None:
            _put(self, "num_batches_tracked", np.asarray(self.num_batches_tracked + 1))
            if x.size:  # of no rows there is no mean, but they are counted, as PyTorch does
                self._track(mean, variance, x.size // self.num_features)
        return y

    def _track(self, mean: np.ndarray, variance: np.ndarray, count: int) -> None:
        """New arrays for the running statistics: graphs recorded before keep the old ones."""
        new = 1 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
        variance = variance * (count / (count - 1))
        dtype = self.running_mean.dtype
        mean = ((1 - new) * self.running_mean + new * mean).astype(dtype, copy=False)
        variance = ((1 - new) * self.running_var + new * variance).astype(dtype, copy=False)
        _put(self, "running_mean", mean)
        _put(self, "running_var", variance)

    def _wrong_shape(self, shape: tuple[int, ...]) -> str:
        flat = len(shape) > 2 and math.prod(shape[1:]) == self.num_features
        return (
            f"{self}: expected an input of shape (n, {self.num_features}) or "
            f"(n, {self.num_features}, L), got {shape}"
            + "; flatten it: x.reshape(len(x), -1)"
            * flat
        )

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
        )


class LayerNorm(Module):
    """Bring each sample to mean 0 and variance 1 over its last axes; then times weight, plus bias.

    Args: normalized_shape, the lengths of these axes, an int for one; eps, added to the variance;
        elementwise_affine, False for no weight and bias; bias, False for none; dtype.
    Shapes: x (..., *normalized_shape), and the same the result. The same in training and
    evaluation. Raises ValueError for another shape. Source: Ba et al., Layer Normalization, 2016;
    PyTorch's nn.LayerNorm.

    >>> LayerNorm(2)([[1.0, 3.0]]).data.round(3)
    array([[-1.,  1.]], dtype=float32)
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: Any = np.float32,
    ) -> None:
        self.normalized_shape = as_shape(normalized_shape)
        self.eps = as_number("LayerNorm", "eps", eps, least=0)
        self.elementwise_affine = elementwise_affine
        affine, shape = elementwise_affine, self.normalized_shape
        self.weight = _constant(1, shape, "weight", dtype) if affine else None
        self.bias = _constant(0, shape, "bias", dtype) if affine and bias else None

    def forward(self, x: Any) -> Tensor:
        x = _cast(x, self.weight)
        shape = self.normalized_shape
        if x.shape[-len(shape) :] != shape:
            raise ValueError(
                f"{self}: expected an input whose last axes are {shape}, got shape {x.shape}"
            )
        return functional.layer_norm(x, shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


def _fraction(name: str, option: str, value: Any) -> float:
    """An option from 0 to 1, as a float."""
    if as_number(name, option, value) <= 1 and value >= 0:
        return float(value)
    raise ValueError(f"{name}: {option} must be in [0, 1], got {value}")


def _constant(value: float, shape: Any, name: str, dtype: Any) -> Tensor:
    return Tensor(np.full(shape, value, dtype), requires_grad=True, name=name)


def _cast(x: Any, *likes: Any) -> Tensor:
    """x as a Tensor, in the dtype of the first of these that there is."""
    x = x if isinstance(x, Tensor) else Tensor(x)
    dtype = next((like.dtype for like in likes if like is not None), None)
    return x if dtype is None else as_input(x, dtype)


# ---- whole networks ---------------------------------------------------------------------------


class MLP(Sequential):
    """A feedforward network: Linear layers with an activation after each but the last.

    Args: sizes, the widths from input to output; activation and output_activation (None: none), a
        name ("relu", "leaky_relu", ...), a Module class, a Module (copied for each place), a
        function of x, or a function without arguments that makes a Module; dropout, p of a Dropout
        after each activation (0: none); batch_norm, True for a BatchNorm1d before each activation;
        bias, False for Linear without; init, the name of an initialiser for the weights
        ("he_normal", "xavier_uniform", ...) or a function that fills a Tensor, with biases 0 (None:
        as Linear's); dtype; rng, where all randomness comes from.
    It is a Sequential: layers by index, names "0.weight", "2.weight". Raises ValueError for unknown
    names and sizes below 1.

    >>> MLP([784, 64, 10], dropout=0.2, init="he_normal")
    MLP(
      (0): Linear(in_features=784, out_features=64, bias=True)
      (1): ReLU()
      (2): Dropout(p=0.2)
      (3): Linear(in_features=64, out_features=10, bias=True)
    )
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: Any = "relu",
        *,
        output_activation: Any = None,
        dropout: float = 0.0,
        batch_norm: bool = False,
        bias: bool = True,
        init: str | Callable[[Tensor], Any] | None = None,
        dtype: Any = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        widths = _widths(sizes)
        if not (init is None or isinstance(init, str) or callable(init)):
            raise TypeError(
                f"MLP: init must be a name or a function that fills a Tensor, got {init!r}"
            )
        fill = named_initializer(init, rng) if isinstance(init, str) else init
        check_probability("MLP, dropout", dropout)
        if len(widths) == 2:
            _activation(activation)  # not used, but a wrong one is told
        layers: list[Module] = []
        for k, (width, next_width) in enumerate(zip(widths, widths[1:])):
            layers.append(_linear(width, next_width, bias, fill, dtype, rng))
            if k < len(widths) - 2:
                layers += [BatchNorm1d(next_width, dtype=dtype)] if batch_norm else []
                layers.append(_activation(activation))
                layers += [Dropout(dropout, rng=rng)] if dropout else []
        if output_activation is not None:
            layers.append(_activation(output_activation))
        super().__init__(*layers)


def _widths(sizes: Any) -> tuple[int, ...]:
    if not isinstance(sizes, (Sequence, np.ndarray)) or isinstance(sizes, str):
        raise TypeError(f"MLP: sizes must be a list of widths, as [784, 64, 10], got {sizes!r}")
    if len(sizes) < 2:
        raise ValueError(
            f"MLP: sizes needs the widths of input and output at least, as [784, 64, 10], got "
            f"{sizes!r}"
        )
    return _sizes("MLP", *sizes)


def _linear(
    width: int, next_width: int, bias: bool, fill: Any, dtype: Any, rng: np.random.Generator | None
) -> Linear:
    layer = Linear(width, next_width, bias, dtype=dtype, rng=rng)
    if fill is not None:
        fill(layer.weight)
        if layer.bias is not None:
            layer.bias.assign_(np.zeros(next_width))
    return layer


# Keras' names for what has another one here.
_OTHER_NAMES = {"linear": "identity", "swish": "silu"}


def _activation(given: Any) -> Module:
    """A new Module of an activation: of its name, its class, a Module, a function or a factory."""
    if isinstance(given, str):
        given = _named_activation(given)
    if isinstance(given, Module):
        return copy.deepcopy(given)
    if not callable(given):
        raise TypeError(
            "MLP: an activation is a name, a Module, a Module class or a function of x, got "
            f"{type(given).__name__}"
        )
    try:
        made = given()
    except TypeError:  # it wants an x
        if isinstance(given, type):
            raise
        return _Function(given)
    if not isinstance(made, Module):
        raise TypeError(f"MLP: {given!r} without arguments must make a Module, got {made!r}")
    return made


def _named_activation(name: str) -> type[Module]:
    """The class of a name: "leaky_relu", as the function is called, or "LeakyReLU"."""
    spelled = {n.replace("_", ""): n for n in functional.__all__}
    kinds: dict[str, type[Module]] = {"identity": Identity}
    for kind in activations.__all__:
        if isinstance(getattr(activations, kind), type):
            kinds[spelled.get(kind.lower(), kind.lower())] = getattr(activations, kind)
    plain = {n.replace("_", ""): kind for n, kind in kinds.items()}
    wanted = name.lower().replace("_", "")
    wanted = _OTHER_NAMES.get(wanted, wanted)
    if wanted not in plain:
        raise ValueError(f"MLP: {unknown('activation', name, [*kinds, *_OTHER_NAMES])}")
    return plain[wanted]


class _Function(Module):
    """A function of x as a Module."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function

    def forward(self, x: Any) -> Any:
        return self._function(x)

    def extra_repr(self) -> str:
        return getattr(self._function, "__name__", repr(self._function))
