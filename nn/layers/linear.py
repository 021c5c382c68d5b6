"""The affine map of the last axis, as operation, function and Module; Flatten and Identity."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd import Tensor, primitive
from nn.arguments import as_input, as_operand
from nn.checks import flag, whole
from nn.habits import told
from nn.init import uniform_
from nn.module import Module

__all__ = ["Flatten", "Identity", "Linear", "linear"]

# Of two plain matrices the product is taken by their method, which is the shortest way to BLAS; the
# rules ask for them themselves, for a function to do so would take half as long as the product.

_array = np.ndarray
_SINGLE = np.dtype(np.float32)


def _linear(x: Any, weight: Any, bias: Any = None) -> Any:
    if x.ndim == weight.ndim == 2 and x.shape[1] == weight.shape[1]:
        if x.base is not None and x.flags.fnc:  # flattened images, with their batch innermost
            y = weight.dot(x.T).T.copy("C")
        else:
            y = _product(x, weight)
    elif weight.ndim == 2 and x.ndim and x.shape[-1] == weight.shape[1]:
        y = _product(_rows(x), weight).reshape((*x.shape[:-1], weight.shape[0]))
    else:  # asked here of the plain arrays, whose shapes cost a third of the time of the Tensors'
        raise ValueError(
            f"linear: x of shape {x.shape} and weight of shape {weight.shape} do not fit: the last "
            "axis of x must be as long as that of weight, which is (out, in)"
        )
    if bias is None:
        return y
    if bias.shape != y.shape[-1:]:
        raise ValueError(
            f"linear: bias has shape {bias.shape}, but weight {weight.shape} has "
            f"{weight.shape[0]} outputs; bias must have shape {weight.shape[:1]}"
        )
    if y.dtype is not bias.dtype:
        return y + bias
    y += bias  # y is nobody else's
    return y


def _product(x: Any, weight: Any) -> Any:
    """x Wᵀ of two matrices.

    OpenBLAS is slow at few rows times the rows of another matrix. Turned round, columns times rows,
    with a small copy before and after, it takes three quarters of the time at 32 rows of 784 and
    128 outputs, half of it at 16, a third at 4 and 512 outputs. The limits are measured: within
    them it is sooner with one thread; with two, from 24 rows on, steps take as long as before.
    """
    rows, (outputs, width) = x.shape[0], weight.shape
    few = 1 < rows <= 64 and 2 * rows <= outputs and 4 * rows <= width >= 32
    if not (few and rows * outputs >= 1280 and x.dtype is weight.dtype is _SINGLE):
        return x.dot(weight.T)
    if rows > 16 and width % 256 == 0:  # columns that drive each other out of the cache: some room
        x, narrow = np.empty((rows, width + 16), _SINGLE)[:, :width], x
        x[:] = narrow
    return weight.dot(x.T.copy()).T.copy()


def _rows(x: Any) -> Any:
    """All leading axes as one: a product for each of them takes two to five times as long."""
    return x.reshape((math.prod(x.shape[:-1]), x.shape[-1]))


def _linear_by_x(g: Any, y: Any, x: Any, weight: Any, bias: Any = None) -> Any:
    if g.__class__ is weight.__class__ is _array:
        if g.ndim > 2:
            return _rows(g).dot(weight).reshape(x.shape)
        if x.__class__ is _array and x.base is not None and x.flags.fnc:  # so is its gradient
            return weight.T.dot(g.T).T
        return g.dot(weight) if g.ndim == 2 else np.matmul(g, weight)
    return np.matmul(g, weight)


def _linear_by_weight(g: Any, y: Any, x: Any, weight: Any, bias: Any = None) -> Any:
    """gᵀ x: over all leading axes the sum of the outer products."""
    if x.ndim != 2:
        g, x = _rows(g), _rows(x)
    if g.__class__ is x.__class__ is _array:
        return g.T.dot(x)
    return np.matmul(g.T, x)


def _linear_by_bias(g: Any, y: Any, x: Any, weight: Any, bias: Any = None) -> Any:
    return g if g.ndim < 3 else _rows(g)  # the sweep adds up rows


_fused_linear = primitive(
    _linear,
    _linear_by_x,
    _linear_by_weight,
    _linear_by_bias,
    formula=("g weight", "gᵀ x", "g"),
    elementwise=False,
)


@told
def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """x Wᵀ + b over the last axis.

    Shapes: x (..., in), weight (out, in), bias (out,), the result (..., out).

    >>> linear(Tensor([1.0, 2.0]), Tensor([[1.0, 1.0], [0.0, 10.0]]), Tensor([0.0, 1.0]))
    Tensor([ 3., 21.])
    """
    if x.__class__ is not Tensor:
        x = as_operand(x)
    if weight.__class__ is not Tensor:
        weight = as_operand(weight)
    if bias is not None and bias.__class__ is not Tensor:
        bias = as_operand(bias)
    return _fused_linear(x, weight, bias)


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
        in_features = whole("Linear: in_features", in_features, least=1)
        out_features = whole("Linear: out_features", out_features, least=1)
        bias = flag("Linear: bias", bias)
        self.in_features, self.out_features = in_features, out_features
        bound = 1 / math.sqrt(in_features)
        self.weight = _parameter((out_features, in_features), bound, "weight", dtype, rng)
        self.bias = _parameter((out_features,), bound, "bias", dtype, rng) if bias else None

    def forward(self, x: Any) -> Tensor:
        weight, bias = self.weight, self.bias
        if x.__class__ is not Tensor or not x.requires_grad:
            x = as_input(x, weight.dtype)
        tensors = weight.__class__ is Tensor and (bias is None or bias.__class__ is Tensor)
        operation = _fused_linear if tensors else linear  # the same, with questions before
        try:
            return operation(x, weight, bias)
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
        self.start_axis = whole("Flatten: start_axis", start_axis)
        self.end_axis = whole("Flatten: end_axis", end_axis)

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
