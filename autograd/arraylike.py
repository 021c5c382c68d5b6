"""What a Tensor has of an array: shape, indexing, conversions, and ndarray's methods, a line each.

A method is NumPy's function of that name, which records; see the functions for what they do.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Iterator
from types import FunctionType
from typing import Any, TypeVar

import numpy as np

from autograd.engine import Node
from autograd.errors import AutogradError, InPlaceError
from autograd.frames import is_numpys, passes_keyword
from autograd.gradients import locked
from autograd.recording import apply, call
from autograd.rules import Operation, declare, methods, operations

__all__: list[str] = []

_array = np.ndarray
Self = TypeVar("Self", bound="ArrayLike")


def plain_index(index: Any) -> Any:
    """An index with Tensors replaced by their values, and lists by arrays."""
    if isinstance(index, tuple):
        return tuple(plain_index(i) for i in index)
    if isinstance(index, Node):
        index = index._value
    if isinstance(index, list):
        index = np.asarray(index, dtype=None if index else np.intp)
    if isinstance(index, np.ndarray) and index.dtype.kind not in "iub":
        raise IndexError(
            f"a Tensor is indexed by integers, slices and booleans, not by {index.dtype} values"
        )
    return index


_ASTYPE = Operation(lambda x, dtype: x.astype(dtype), "astype")
_ASTYPE.define(  # the sweep brings every gradient to x's dtype
    (lambda g, y, x, dtype: g,), "1", elementwise=True
)
_LOOKUP = declare(operator.getitem)


class ArrayLike(Node):
    """The half of Tensor that NumPy's users know from ndarray."""

    __slots__ = ()

    # ---- what it is ---------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis, as ndarray.shape."""
        return self._value.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._value.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self._value.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy dtype of the values."""
        return self._value.dtype

    @property
    def T(self: Self) -> Self:
        """All axes reversed (differentiable)."""
        return call(np.transpose, self)

    @property
    def mT(self: Self) -> Self:
        """The last two axes exchanged (differentiable): the transpose of each matrix."""
        if self._value.ndim < 2:
            raise ValueError(f"mT needs at least 2 axes, got shape {self._value.shape}")
        return call(np.swapaxes, self, -1, -2)

    def __repr__(self) -> str:
        text = np.array2string(np.asarray(self._value), separator=", ", prefix="Tensor(")
        notes = [text]
        if self._value.dtype not in (np.float64, np.int64, np.bool_):
            notes.append(f"dtype={self._value.dtype}")
        if (name := getattr(self, "_name", None)) is not None:
            notes.append(f"name={name!r}")
        if self._inputs != ():
            notes.append(f"made by {self._op.name}")
        elif self._requires_grad:
            notes.append("requires_grad=True")
        return f"Tensor({', '.join(notes)})"

    def __format__(self, specification: str) -> str:
        if not specification:
            return str(self)
        return format(self._one("format")[()], specification)

    # ---- leaving, and other dtypes ------------------------------------------------------------

    def numpy(self) -> Any:
        """The values as a plain array, without the graph; as `.data` (read-only for results)."""
        data = self._value
        if self._op is not None:
            return locked(data if data.__class__ is _array else np.array(data))
        if data.__class__ is not _array:
            self._value = data = np.array(data)  # from now on, writing into it is seen
        return data

    def item(self) -> Any:
        """The one element as a Python number; ValueError if there are more or fewer."""
        if self._value.size != 1:
            raise ValueError(
                f"item() needs exactly one element, this Tensor of shape {self._value.shape} has "
                f"{self._value.size}; use .tolist() for all of them"
            )
        return self._value.item()

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers."""
        return self._value.tolist()

    def clone(self: Self) -> Self:
        """A copy of the values through which gradients flow."""
        return call(np.copy, self)

    copy = clone

    def astype(self: Self, dtype: Any, *, casting: Any = "unsafe", copy: bool = True) -> Self:
        """Convert the values; to a float dtype this is differentiable. See ndarray.astype.

        Raises TypeError where `casting` does not allow it. `copy=False` returns the Tensor itself
        where it has that dtype already.

        >>> from autograd import Tensor
        >>> Tensor([1.0, 2.5]).astype(np.float32).dtype
        dtype('float32')
        """
        dtype = np.dtype(dtype)
        if casting != "unsafe" and not np.can_cast(self._value.dtype, dtype, casting):
            raise TypeError(
                f"astype: casting={casting!r} does not allow {self._value.dtype} to become {dtype}"
            )
        if not copy and self._value.dtype == dtype:
            return self
        return apply(_ASTYPE, (self, dtype))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if self._requires_grad:
            raise TypeError(
                "a Tensor that requires a gradient does not become an array by itself, for its "
                "gradient would be lost: use np.stack([...]) to join Tensors (nested lists row by "
                "row, or by np.block), or .detach() or "
                ".data for the values alone. A function that takes arrays only becomes an "
                "operation by f = primitive(f, rule)"
            )
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    # ---- a container of numbers ---------------------------------------------------------------

    def __getitem__(self: Self, index: Any) -> Self:
        return apply(_LOOKUP, (self, plain_index(index)))

    def __setitem__(self, index: Any, value: Any) -> None:
        raise InPlaceError(
            "x[i] = v would change a Tensor in place, and a gradient could be lost: compute a new "
            "one with np.where(mask, v, x), or give a leaf new values with x.assign_(array)"
        )

    def __len__(self) -> int:
        if not self._value.ndim:
            raise TypeError("len() of a Tensor with 0 axes (one number)")
        return self._value.shape[0]

    def __iter__(self: Self) -> Iterator[Self]:
        if not self._value.ndim:
            raise TypeError("iteration over a Tensor with 0 axes (one number)")
        return (self[i] for i in range(self._value.shape[0]))

    def __contains__(self, value: Any) -> bool:
        return bool(np.any(self == value))

    # ---- a single number ----------------------------------------------------------------------

    def __bool__(self) -> bool:
        if self._value.size != 1:
            raise ValueError(
                f"the truth value of a Tensor of shape {self._value.shape} is ambiguous; use "
                "np.any(t) or np.all(t), or len(t) for its length"
            )
        return bool(self._value)

    def __float__(self) -> float:
        value = float(self._one("float"))
        caller = sys._getframe(1)
        if self._requires_grad and (is_numpys(caller) or passes_keyword(caller, "initial")):
            raise AutogradError(
                "a NumPy function has asked a Tensor that requires a gradient for its plain number "
                "(as np.sum(array, initial=t) does), and the gradient would be lost: make a Tensor "
                "of the array, too, or give t.detach()"
            )
        return value

    def __int__(self) -> int:
        return int(self._one("int"))

    def __index__(self) -> int:
        return operator.index(self._value)

    def _one(self, kind: str) -> Any:
        if self._value.ndim:
            raise TypeError(
                f"{kind}() needs a single number, got a Tensor of shape {self._value.shape}; "
                + ("use .item()" if self._value.size == 1 else "take one element or the sum first")
            )
        return self._value

    # ---- ndarray's methods, and a few more for short scripts ----------------------------------

    def sum(
        self: Self, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False,
        initial: Any = None, where: Any = True,
    ) -> Self:  # fmt: skip
        """Sum over all elements or some axes; see np.sum."""
        if initial is None and where is True:
            return call(np.sum, self, axis, dtype, out, keepdims)
        return call(np.sum, self, axis, dtype, out, keepdims, initial=initial, where=where)

    def mean(
        self: Self, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False,
        *, where: Any = True,
    ) -> Self:  # fmt: skip
        """Mean over all elements or some axes; see np.mean."""
        if where is True:
            return call(np.mean, self, axis, dtype, out, keepdims)
        return call(np.mean, self, axis, dtype, out, keepdims, where=where)

    def max(
        self: Self, axis: Any = None, out: None = None, keepdims: bool = False, initial: Any = None,
        where: Any = True,
    ) -> Self:  # fmt: skip
        """Largest element; tied elements share the gradient evenly. See np.max."""
        if initial is None and where is True:
            return call(np.max, self, axis, out, keepdims)
        return call(np.max, self, axis, out, keepdims, initial=initial, where=where)

    def min(
        self: Self, axis: Any = None, out: None = None, keepdims: bool = False, initial: Any = None,
        where: Any = True,
    ) -> Self:  # fmt: skip
        """Smallest element; tied elements share the gradient evenly. See np.min."""
        if initial is None and where is True:
            return call(np.min, self, axis, out, keepdims)
        return call(np.min, self, axis, out, keepdims, initial=initial, where=where)

    def prod(
        self: Self, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False,
        initial: Any = None, where: Any = True,
    ) -> Self:  # fmt: skip
        """Product over all elements or some axes; see np.prod."""
        if initial is None and where is True:
            return call(np.prod, self, axis, dtype, out, keepdims)
        return call(np.prod, self, axis, dtype, out, keepdims, initial=initial, where=where)

    def var(
        self: Self, axis: Any = None, dtype: Any = None, out: None = None, ddof: float = 0,
        keepdims: bool = False, *, where: Any = True, mean: Any = None,
    ) -> Self:  # fmt: skip
        """Variance, the sum of squares divided by n - ddof (as NumPy: 0); see np.var."""
        if where is True and mean is None:
            return call(np.var, self, axis, dtype, out, ddof, keepdims)
        return call(np.var, self, axis, dtype, out, ddof, keepdims, where=where, mean=mean)

    def std(
        self: Self, axis: Any = None, dtype: Any = None, out: None = None, ddof: float = 0,
        keepdims: bool = False, *, where: Any = True, mean: Any = None,
    ) -> Self:  # fmt: skip
        """Standard deviation, the root of `var`; see np.std."""
        if where is True and mean is None:
            return call(np.std, self, axis, dtype, out, ddof, keepdims)
        return call(np.std, self, axis, dtype, out, ddof, keepdims, where=where, mean=mean)

    def argmax(self, axis: Any = None, out: Any = None, *, keepdims: bool = False) -> Any:
        """Index of the largest element, a plain array; see np.argmax."""
        return call(np.argmax, self, axis, out, keepdims=keepdims)

    def argmin(self, axis: Any = None, out: Any = None, *, keepdims: bool = False) -> Any:
        """Index of the smallest element, a plain array; see np.argmin."""
        return call(np.argmin, self, axis, out, keepdims=keepdims)

    def reshape(self: Self, *shape: Any, order: str = "C", copy: bool | None = None) -> Self:
        """The same elements in another shape: reshape(2, 3), reshape((2, 3)), -1 for the rest."""
        return call(np.reshape, self, shape[0] if len(shape) == 1 else shape, order)

    def transpose(self: Self, *axes: Any) -> Self:
        """Axes in another order: transpose(1, 0), transpose((1, 0)); without any, reversed."""
        return call(np.transpose, self, axes[0] if len(axes) == 1 else axes or None)

    def swapaxes(self: Self, axis1: int, axis2: int) -> Self:
        """Two axes exchanged."""
        return call(np.swapaxes, self, axis1, axis2)

    def ravel(self: Self, order: str = "C") -> Self:
        """All elements along one axis."""
        return call(np.ravel, self, order)

    flatten = ravel

    def squeeze(self: Self, axis: Any = None) -> Self:
        """Without the axes of length 1."""
        return call(np.squeeze, self, axis)

    def repeat(self: Self, repeats: Any, axis: int | None = None) -> Self:
        """Each element several times; see np.repeat."""
        return call(np.repeat, self, repeats, axis)

    def clip(self: Self, min: Any = None, max: Any = None, out: None = None) -> Self:
        """Limited to [min, max]; see np.clip."""
        return call(np.clip, self, min, max, out)

    def round(self: Self, decimals: int = 0, out: None = None) -> Self:
        """Rounded; the gradient is 0."""
        return call(np.round, self, decimals, out)

    def cumsum(self: Self, axis: int | None = None, dtype: Any = None, out: None = None) -> Self:
        """Running sums; see np.cumsum."""
        return call(np.cumsum, self, axis, dtype, out)

    def dot(self: Self, other: Any) -> Self:
        """Matrix or inner product; see np.dot."""
        return call(np.dot, self, other)

    def take(
        self: Self, indices: Any, axis: int | None = None, out: None = None, mode: str = "raise"
    ) -> Self:
        """Elements at indices along an axis; see np.take."""
        return call(np.take, self, indices, axis, out, mode)

    def trace(
        self: Self,
        offset: int = 0,
        axis1: int = 0,
        axis2: int = 1,
        dtype: Any = None,
        out: None = None,
    ) -> Self:
        """Sum along a diagonal; see np.trace."""
        return call(np.trace, self, offset, axis1, axis2, dtype, out)

    def diagonal(self: Self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Self:
        """The elements of a diagonal; see np.diagonal."""
        return call(np.diagonal, self, offset, axis1, axis2)

    def exp(self: Self) -> Self:
        """e to the power of each element."""
        return call(np.exp, self)

    def log(self: Self) -> Self:
        """The natural logarithm of each element."""
        return call(np.log, self)

    def sqrt(self: Self) -> Self:
        """The square root of each element."""
        return call(np.sqrt, self)

    def abs(self: Self) -> Self:
        """The absolute value of each element."""
        return call(np.absolute, self)

    def relu(self: Self) -> Self:
        """max(x, 0) of each element."""
        return methods["relu"](self)

    def sigmoid(self: Self) -> Self:
        """1 / (1 + exp(-x)) of each element."""
        return methods["sigmoid"](self)

    def tanh(self: Self) -> Self:
        """The hyperbolic tangent of each element."""
        return call(np.tanh, self)


operations[ArrayLike.astype] = _ASTYPE

for _name, _method in vars(ArrayLike).items():  # as messages and pages of reference call them
    if isinstance(_method, FunctionType):
        _method.__qualname__ = f"Tensor.{_name}"


# ---- what subclasses add, for copy and pickle ---------------------------------------------------


def own_state(tensor: Any, base: type) -> Any:
    """What a subclass of `base` has added, None where there is nothing: (attributes, slots that are
    set), or what its own `__getstate__` says."""
    getstate = getattr(type(tensor), "__getstate__", None)
    if getstate is not getattr(object, "__getstate__", None):  # objects have one since 3.11
        return getstate(tensor)  # type: ignore[misc]
    slots = {
        name: getattr(tensor, name)
        for kind in type(tensor).__mro__ if not issubclass(base, kind)
        for name in _slots(kind) if hasattr(tensor, name)
    }  # fmt: skip
    attributes = getattr(tensor, "__dict__", {})
    return (attributes, slots) if attributes or slots else None


def _slots(kind: type) -> list[str]:
    """The attributes that a class keeps in slots of its own, under the names that they have."""
    names = vars(kind).get("__slots__", ())
    names = [names] if isinstance(names, str) else list(names)
    hidden = [n for n in names if n.startswith("__") and not n.endswith("__")]
    return [
        f"_{kind.__name__.lstrip('_')}{n}" if n in hidden else n
        for n in names if n not in ("__dict__", "__weakref__")
    ]  # fmt: skip
