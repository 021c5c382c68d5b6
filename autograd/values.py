"""Plain values: what a Tensor can be made of, what may stand beside one, where gradients start."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd.engine import Node
from autograd.errors import not_real

__all__: list[str] = []


def plain_array(array: Any, name: str) -> Any:
    """A plain array of one of a subclass (np.matrix, say); masked ones are refused."""
    if type(array).__module__.startswith("numpy.ma"):
        raise TypeError(
            f"{name}: a masked array would lose its mask; use array.filled(value) first"
        )
    return np.asarray(array)


def as_array(x: Any) -> Any:
    """np.asarray, which a third of the time is enough for."""
    return x if x.__class__ is np.ndarray else np.asarray(x)


def is_number(x: Any) -> bool:
    """Whether this is one number, in an array or not, for Python to compute with: not one that
    writes down what is computed (see compiling)."""
    return not x.ndim and (type(x) is np.ndarray or isinstance(x, np.generic))


def zeros(shape: Any, dtype: Any, like: Any) -> Any:
    """Zeros to write into, of the kind of `like`: what is computed from it will stand there."""
    if type(like) is np.ndarray or isinstance(like, np.generic):
        return np.zeros(shape, dtype)
    return np.zeros_like(like, dtype, "C", shape=shape)


def are_finite(flat: Any) -> Any:
    """Whether no number is nan or infinite, by the sum of squares, one fast call. Where it only
    overflows the answer is wrongly no."""
    return flat.dot(flat) < math.inf


def operand(value: Any, operation: Any) -> Any:
    """A plain operand beside a Tensor; NotImplemented for what is no number or array."""
    if isinstance(value, Node):  # of a subclass
        return value
    if isinstance(value, (np.ndarray, np.generic)):
        if value.dtype.kind not in "fiub":
            raise TypeError(not_real(operation.name, value.dtype))
        if isinstance(value, np.ndarray) and value.__class__ is not np.ndarray:
            if isinstance(value, np.matrix) and operation.name in ("multiply", "power"):
                raise TypeError(_MATRIX.format(operation.name))
            return plain_array(value, operation.name)
        return value
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, complex):
        raise TypeError(not_real(operation.name, np.dtype(complex)))
    if getattr(value, "__array_ufunc__", True) is None:  # it asks NumPy to stand back
        return NotImplemented
    if isinstance(value, (list, tuple)) or hasattr(value, "__array__"):
        return operand(np.asarray(value), operation)
    return NotImplemented


_MATRIX = (
    "{}: beside an np.matrix, * and ** mean the matrix product in NumPy; use np.asarray(matrix), "
    "and @ for the product"
)


def is_float(value: Any) -> bool:
    """Whether this is a plain array or NumPy scalar of floats."""
    return isinstance(value, (np.ndarray, np.floating)) and value.dtype.kind == "f"


def as_data(data: Any, dtype: Any, name: str = "Tensor") -> Any:
    """np.asarray, refusing what cannot be differentiated or computed with."""
    if isinstance(data, np.ndarray) and data.__class__ is not np.ndarray:
        data = plain_array(data, name)
    try:
        if data.__class__ is np.ndarray:
            array = data if dtype is None else data.astype(dtype, copy=False)
        else:
            array = np.asarray(data, dtype=dtype)
    except ValueError as error:
        if "inhomogeneous" not in str(error):
            raise ValueError(f"{name}: {error}") from None
        raise ValueError(
            f"{name}: the nested lists are of unequal lengths, so they are no array; pad them to "
            "one length, or make a Tensor of each"
        ) from None
    if array.dtype.kind not in "fiub":
        raise TypeError(not_real(name, array.dtype))
    return array


def flag(requires_grad: Any) -> bool:
    """requires_grad as a bool; what is none is refused."""
    if isinstance(requires_grad, np.bool_):
        return bool(requires_grad)
    raise TypeError(
        f"requires_grad must be True or False, got {requires_grad!r}; a dtype is given by name, "
        "Tensor(data, dtype=np.float32)"
    )


# How the vector of the vector-Jacobian product is given; other callers take none.
_WITH_VECTOR = {
    "backward": "y.backward(gradient)", "grad": "grad(y, x, grad_outputs)", "vjp": "vjp(f, x, v)",
}  # fmt: skip


def output_gradient(output: Node, gradient: Any, caller: str) -> Any:
    """The gradient to start from: 1 for a scalar, else what is given, checked."""
    data = output._value
    if gradient is None:
        if data.size != 1:
            raise ValueError(
                f"{caller}: the output has shape {data.shape}, but only a single number has one "
                "gradient. Reduce it first, as in y.sum() or y.mean()"
                + (
                    f", or give the vector of the vector-Jacobian product, of shape {data.shape}: "
                    f"{_WITH_VECTOR[caller]}"
                    if caller in _WITH_VECTOR
                    else ""
                )
            )
        return data.__class__(1) if isinstance(data, np.generic) else np.ones_like(data)
    if isinstance(gradient, Node):
        value = gradient._value
    else:
        value = gradient = as_data(gradient, None, caller)
    if value.shape != data.shape:
        raise ValueError(
            f"{caller}: the gradient has shape {value.shape}, the output {data.shape}; they must "
            "be the same"
        )
    if value.dtype != data.dtype:
        gradient = gradient.astype(data.dtype)
    return gradient
