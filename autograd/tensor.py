"""Tensor: an array, or one number, that remembers how it was computed.

Here is the class: what a Tensor is, its operators and methods, and NumPy's protocols, which make
`np.sin(tensor)` record. What an operation computes and how it is differentiated is written under
ops/, and found through the registry.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from autograd.engine import HookHandle, Hooks, Node, commit, locked, next_birth, sweep
from autograd.errors import (
    AutogradError,
    InPlaceError,
    needs_float,
    not_real,
    numpy_name,
    restated,
)  # fmt: skip
from autograd.frames import assigns_in_place, is_numpys, passes_keyword
from autograd.habits import TENSOR, tell
from autograd.mode import current_mode
from autograd.recording import apply, as_arguments, call, plain_array, result
from autograd.rules import Operation, declare, methods, operations, twins

__all__ = ["Tensor"]

new_object = object.__new__
_array = np.ndarray  # a name of its own is looked up in half the time
Shape = tuple[int, ...]


# ---- operators --------------------------------------------------------------------------------
# Written out for speed: on small operations a function call is most of the cost. This is the short
# way of `apply`; whatever is unusual takes the long way.


def _binary(operation: Operation, function: Callable[[Any, Any], Any]) -> tuple[Any, Any, Any]:
    """The three methods of a binary operator: `x * y`, `2 * x` and `x *= y`.

    The Python operator itself is the forward, for on NumPy scalars it takes a tenth of the ufunc's
    time. A Python float or int is taken as it is, and stays weak in promotion (NEP 50).
    """
    get_mode, make, birth, float64 = current_mode, new_object, next_birth, np.float64

    def forward(self: Tensor, other: Any) -> Any:
        inputs: Any
        mode = get_mode()
        a = self._value
        if other.__class__ is Tensor:
            b = other._value
            if self._requires_grad:
                if other._requires_grad:
                    inputs = (self, other)
                else:
                    inputs = (self, None) if b.dtype.kind == "f" else None
            else:
                inputs = (None, other) if other._requires_grad and a.dtype.kind == "f" else None
        else:
            kind = other.__class__
            if kind is not float and kind is not int and kind is not float64:
                other = _operand(other, operation)
                if other is NotImplemented:
                    return other
                if not _is_float(other):  # integers take the long way, and a subclass of Tensor
                    return apply(operation, (self, other))
            b = other
            inputs = (self, None) if self._requires_grad else None
        if inputs is None or not mode.plain:
            return apply(operation, (self, other))
        try:
            data = function(a, b)
        except Exception as error:
            raise restated(operation.name, (a, b), error) from None
        node = make(Tensor)
        node._value = data
        node._requires_grad = True
        node._inputs = inputs
        node._args = (a, b)
        node._kwargs = None
        node._op = operation
        node._birth = birth()
        node._scope = mode.scope
        node._hooks = None
        return node

    def reflected(self: Tensor, other: Any) -> Any:
        kind = other.__class__
        if kind is not float and kind is not int and kind is not float64:
            other = _operand(other, operation)
            if other is NotImplemented:
                return other
            if not _is_float(other):
                return apply(operation, (other, self))
        mode = get_mode()
        if not (mode.plain and self._requires_grad):
            return apply(operation, (other, self))
        b = self._value
        try:
            data = function(other, b)
        except Exception as error:
            raise restated(operation.name, (other, b), error) from None
        return result(self, data, operation, (None, self), (other, b), None, mode)

    def in_place(self: Tensor, other: Any) -> Any:
        # Python's default, x = x * y, but for leaves that require a gradient: `with no_grad(): w -=
        # step` gives w the new values, as PyTorch's users write it, and while recording it raises.
        new = forward(self, other)
        is_leaf = self._requires_grad and self._inputs == () and self._op is None
        if not is_leaf or new is NotImplemented:
            return new
        if get_mode().grad:
            raise InPlaceError(
                f"{operation.name} in place, of {self._title()} that requires a gradient, would "
                "leave the leaf as it is and only give its name to a new Tensor. To update it: "
                "`with no_grad(): p -= step`; for a new Tensor: y = p - step"
            )
        return self.assign_(new)

    return forward, reflected, in_place


def _number(value: Any) -> Any:
    """An array without axes as the number in it, anything else as it is."""
    return value[()] if value.__class__ is _array and not value.ndim else value


def power(x1: Any, x2: Any) -> Any:
    """`x1 ** x2`. NumPy computes it for numbers otherwise than for arrays without axes, down to the
    last bit; which of the two a leaf holds is chance: a look at `.data` makes it an array."""
    return _number(x1) ** _number(x2)


_POWER = declare(operator.pow)
_POWER.forward, _POWER.name, _POWER.operands = power, "power", 2
twins[np.power] = (operator.pow,)


def _unary(ufunc: Any) -> Any:
    operation = declare(ufunc)
    return lambda self: apply(operation, (self,))


def _comparison(function: Callable[[Any, Any], Any]) -> Any:
    """Comparisons give plain arrays: no gradient can flow through them."""

    def compare(self: Tensor, other: Any) -> Any:
        other = other._value if isinstance(other, Tensor) else other
        try:
            return function(self._value, other)
        except ValueError as error:
            raise restated("comparison", (self._value, other), error) from None

    return compare


_compare_equal = _comparison(operator.eq)


def _equal(self: Tensor, other: Any) -> Any:
    if isinstance(other, (list, tuple, Tensor)) and is_numpys(sys._getframe(1), "numpy.testing"):
        # np.testing.assert_equal(tensor, list) wants one answer, as it gets of two lists.
        return np.array_equal(np.asarray(self), np.asarray(other), equal_nan=True)
    return _compare_equal(self, other)


def _operand(value: Any, operation: Operation) -> Any:
    """A plain operand beside a Tensor; NotImplemented for what is no number or array."""
    if isinstance(value, Tensor):  # of a subclass
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
        return _operand(np.asarray(value), operation)
    return NotImplemented


_MATRIX = (
    "{}: beside an np.matrix, * and ** mean the matrix product in NumPy; use np.asarray(matrix), "
    "and @ for the product"
)


def _is_float(value: Any) -> bool:
    """Whether this is a plain array or NumPy scalar of floats."""
    return isinstance(value, (np.ndarray, np.floating)) and value.dtype.kind == "f"


class Tensor(Node):
    """An n-dimensional array of numbers that records a graph and differentiates it.

    Args: data, anything that `np.asarray` takes: numbers and lists become float64 or int64 (with
        `requires_grad`, float64), an array keeps its dtype and is not copied; requires_grad,
        whether operations on it are recorded; dtype, to convert to; name, for messages and
        drawings.

    Values are never changed in place: `assign_`, `p.data = ...` and optimisers give a Tensor a new
    array, so a graph recorded before goes on with the values that it saw.

    Raises TypeError for complex numbers, objects and strings, and for `requires_grad` on an
    integer or boolean array.

    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> y = (x * x).sum()
    >>> y.backward()
    >>> x.grad                                           # the gradient of sum(x²): 2x
    array([2., 4., 6.])
    """

    __slots__ = ()

    __hash__ = object.__hash__  # by identity, though == compares elements

    def __init__(
        self, data: Any, requires_grad: bool = False, *, dtype: Any = None, name: str | None = None
    ) -> None:
        if requires_grad is not False and requires_grad is not True:
            requires_grad = _flag(requires_grad)
        # A number of our own is kept as a NumPy scalar, which computes several times faster than
        # a 0-d array; `.data` turns it into an array on the first look.
        if data.__class__ is float and dtype is None:
            self._value = np.float64(data)
        else:
            array = _as_data(data, dtype)
            if requires_grad and array.dtype.kind != "f":
                if array.dtype.kind != "i" or dtype or not isinstance(data, (int, list, tuple)):
                    raise TypeError(needs_float(array.dtype))
                array = array.astype(np.float64)  # Python's own ints: 3 means 3.0
            shared = array.ndim or isinstance(data, (np.ndarray, Tensor))
            self._value = array if shared else array[()]
        self._requires_grad = requires_grad
        self._inputs = self._args = ()
        self._kwargs = self._op = self._scope = self._hooks = self._grad = None
        self._birth = 0
        if name is not None:
            self.name = name

    # ---- what it is ---------------------------------------------------------------------------

    @property
    def data(self) -> Any:
        """The values as a plain NumPy array, without a copy; read-only if an operation made them.

        Assigning gives the Tensor another array of the same shape, which it shares, and that
        array's dtype (`assign_` keeps the dtype); graphs recorded before keep the values that they
        used. Of a leaf that requires a gradient `p.data += 1` means `p.data = p.data + 1`, so that
        neither they nor the array that the leaf was made of see it. Raises InPlaceError on a
        result, ValueError on another shape.

        >>> p = Tensor([1.0, 2.0], requires_grad=True)
        >>> p.data = p.data - 0.5
        >>> p
        Tensor([0.5, 1.5], requires_grad=True)
        """
        data = self._value
        if self._op is not None:
            if assigns_in_place(sys._getframe(1)):
                self._rebind(data)  # raises
            return locked(data)
        if data.__class__ is not _array:
            self._value = data = np.array(data)  # from now on, writing into .data is seen
        if self._requires_grad and assigns_in_place(sys._getframe(1)):
            return data.copy(order="K")  # for `+=` to write into, and to be assigned
        return data

    @data.setter
    def data(self, value: Any) -> None:
        old = self._value  # the way of optimisers, a third of the time of all the questions below
        if (
            value.__class__ is _array is old.__class__
            and value.dtype is old.dtype
            and value.shape == old.shape
            and self._inputs == ()
        ):
            self._value, self._op, self._birth = value, None, next_birth()
            return
        array = _as_data(value, None, ".data")
        self._rebind(array if array.ndim or array is value else array[()])

    def assign_(self, array: Any) -> Tensor:
        """Give this leaf new values: a checked copy of `array`, in the shape and dtype it has.

        For updates of parameters. Graphs recorded before keep the values that they used, and
        arrays taken from `.data` before keep theirs. Returns self. Raises ValueError on another
        shape, TypeError if the values do not convert, InPlaceError on a result; then nothing has
        changed.

        >>> p = Tensor([1.0, 2.0], requires_grad=True)
        >>> p.assign_([5, 6])
        Tensor([5., 6.], requires_grad=True)
        """
        value = _as_data(array.data if isinstance(array, Tensor) else array, None, "assign_")
        if value.dtype.kind == "f" and self._value.dtype.kind != "f":
            raise TypeError(f"assign_: {value.dtype} values do not fit into {self._value.dtype}")
        value = value.astype(self._value.dtype)
        self._rebind(value if value.ndim else value[()])
        return self

    def _rebind(self, value: Any) -> None:
        if self._inputs != ():
            raise InPlaceError(
                f"the values of {self._title()} cannot be changed: an operation made them and its "
                "graph depends on them; make a new Tensor, or detach() this one first"
            )
        if value.shape != self._value.shape:
            raise ValueError(
                f"new values of shape {value.shape} for {self._title()} of shape "
                f"{self._value.shape}: the shape must stay; make a new Tensor for another shape"
            )
        if self._requires_grad and value.dtype.kind != "f":
            raise TypeError(needs_float(value.dtype))
        gradient = getattr(self, "_grad", None)
        if gradient is not None and gradient.dtype != value.dtype:
            self._grad = gradient.astype(value.dtype)
        self._value = value
        self._op = None
        self._birth = next_birth()  # a second derivative through the old values can be told

    @property
    def grad(self) -> Any:
        """The gradient that `backward` has gathered, a plain array of the data's shape and dtype,
        or None. Assigning checks the shape (ValueError) and takes a copy.

        >>> x = Tensor(3.0, requires_grad=True)
        >>> (x * x).backward()
        >>> x.grad
        array(6.)
        """
        try:
            gradient = self._grad
        except AttributeError:  # of a result: the slot was never set
            return None
        if gradient is None or gradient.__class__ is _array:
            return gradient
        self._grad = gradient = np.array(getattr(gradient, "_value", gradient))
        return gradient

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is None:
            self._grad = None
            return
        gradient = np.array(_as_data(value, None, ".grad"), dtype=self._value.dtype)
        if gradient.shape != self._value.shape:
            raise ValueError(
                f".grad of {self._title()} must have its shape {self._value.shape}, "
                f"got {gradient.shape}"
            )
        self._grad = gradient

    @property
    def requires_grad(self) -> bool:
        """Whether operations on this Tensor are recorded. Can be set on leaves of float dtype."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, flag: bool) -> None:
        self.requires_grad_(flag)

    def requires_grad_(self, flag: bool = True) -> Tensor:
        """Record operations on this leaf from now on, or no longer; returns self.

        Raises TypeError unless the dtype is a float, AutogradError on the result of a recorded
        operation (use detach()).

        >>> Tensor([1.0]).requires_grad_()
        Tensor([1.], requires_grad=True)
        """
        if flag and self._value.dtype.kind != "f":
            raise TypeError(needs_float(self._value.dtype))
        if self._inputs != ():
            if flag:
                return self
            raise AutogradError(
                f"requires_grad of {self._title()} cannot be switched off: an operation made it; "
                "use detach()"
            )
        if flag and self._op is not None:  # an unrecorded result becomes a leaf, on its own memory
            self._value = self._value.copy() if isinstance(self._value, np.ndarray) else self._value
            self._op = None
        self._requires_grad = bool(flag)
        return self

    @property
    def name(self) -> str | None:
        """A name for messages and drawings, or None."""
        return getattr(self, "_name", None)

    @name.setter
    def name(self, name: str | None) -> None:
        if name is not None and not isinstance(name, str):
            raise TypeError(f"name must be a str or None, got {type(name).__name__}")
        self._name = name

    @property
    def scope(self) -> str:
        """Where it was recorded: the names of the scopes around, joined by dots ("" at the top)."""
        return "" if self._scope is None else str(self._scope)

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made it: gradients end here."""
        return self._inputs == ()

    @property
    def made_by(self) -> str | None:
        """The name of the operation that made it, as `repr` shows it; None of what was made by
        hand. Known of every result, also of one that was not recorded.

        >>> (Tensor([1.0, 2.0]) * 3).made_by, Tensor([1.0]).made_by
        ('multiply', None)
        """
        return None if self._op is None else self._op.name

    @property
    def made_of(self) -> tuple[Tensor, ...]:
        """The Tensors that a gradient goes on to: those that it was recorded to be computed from.

        >>> x, w = Tensor([1.0, 2.0]), Tensor(3.0, requires_grad=True)
        >>> (x * w).made_of
        (Tensor(3., requires_grad=True),)
        """
        found: list[Tensor] = []
        for parent in self._inputs or ():  # None once freed
            if parent is not None and parent._value.__class__ is tuple:  # a list, or several
                found += (p for p in parent._inputs or () if p is not None)
            elif parent is not None:
                found.append(parent)
        return tuple(found)

    @property
    def shape(self) -> Shape:
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
    def T(self) -> Tensor:
        """All axes reversed (differentiable)."""
        return call(np.transpose, self)

    @property
    def mT(self) -> Tensor:
        """The last two axes exchanged (differentiable): the transpose of each matrix."""
        if self._value.ndim < 2:
            raise ValueError(f"mT needs at least 2 axes, got shape {self._value.shape}")
        return call(np.swapaxes, self, -1, -2)

    # ---- differentiation ----------------------------------------------------------------------

    def backward(self, gradient: Any = None, *, retain_graph: bool = True) -> None:
        """Add d(self)/d(leaf) to the `.grad` of every leaf that requires a gradient.

        Args: gradient, of this Tensor's shape, the vector of the vector-Jacobian product (1 for a
            scalar); retain_graph, False to free the graph on the way: less memory, once only.

        A second call adds again. If anything fails, no `.grad` has changed.
        Raises ValueError for a non-scalar without `gradient` or a gradient of the wrong shape,
        AutogradError where nothing requires a gradient, GraphFreedError on a freed graph.

        >>> x = Tensor([1.0, 2.0], requires_grad=True)
        >>> (x * x).backward([1.0, 10.0])
        >>> x.grad
        array([ 2., 40.])
        """
        if not self._requires_grad:
            raise AutogradError(
                f"backward: {self._title()} does not depend on anything that requires a gradient; "
                "create the parameters with requires_grad=True, and compute outside of no_grad()"
            )
        data = self._value
        if gradient is None and isinstance(data, np.generic):  # a loss, quickly
            seed = data.__class__(1)
        else:
            seed = output_gradient(self, gradient, "backward")
            seed = getattr(seed, "_value", seed)
        commit(sweep([self], [seed], retain_graph=retain_graph))

    def zero_grad(self) -> None:
        """Set `.grad` to None."""
        self._grad = None

    def retain_grad(self) -> None:
        """Keep the gradient of this result in `.grad` too (leaves do so anyway)."""
        if not self._requires_grad:
            raise AutogradError(_NO_GRADIENT.format("retain_grad", self._title()))
        if self._inputs != ():
            self._hooks = self._hooks or Hooks()
            self._hooks.retain = True

    def register_hook(self, function: Callable[[Any], Any]) -> HookHandle:
        """Call `function(gradient)` whenever backward has this Tensor's whole gradient.

        The gradient is a read-only array (a Tensor under create_graph); what the function returns,
        unless None, replaces it and must keep the shape (ValueError). Returns a handle with
        `remove()`.

        >>> x = Tensor(3.0, requires_grad=True)
        >>> handle = x.register_hook(lambda g: g * 10)
        >>> (x * x).backward()
        >>> float(x.grad)
        60.0
        """
        if not callable(function):
            raise TypeError(f"register_hook needs a function, got {type(function).__name__}")
        if not self._requires_grad:
            raise AutogradError(_NO_GRADIENT.format("register_hook", self._title()))
        self._hooks = self._hooks or Hooks()
        return HookHandle(self._hooks.functions, function)

    def detach(self) -> Tensor:
        """The same values as a leaf that needs no gradient; shares the data."""
        return Tensor(self.numpy() if self._op is None else locked(self._value))

    def _as_arguments(self) -> tuple[Any, tuple[Any, ...]]:
        return as_arguments(self)

    # ---- leaving and copying ------------------------------------------------------------------

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

    def clone(self) -> Tensor:
        """A copy of the values through which gradients flow."""
        return call(np.copy, self)

    copy = clone

    def astype(self, dtype: Any, *, casting: Any = "unsafe", copy: bool = True) -> Tensor:
        """Convert the values; to a float dtype this is differentiable. See ndarray.astype.

        Raises TypeError where `casting` does not allow it. `copy=False` returns the Tensor itself
        where it has that dtype already.

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
        return np.array(self.data, dtype=dtype, copy=copy)

    def __copy__(self) -> Tensor:
        leaf, state = _leaf(*self._leaf_state()), self._own_state()
        if state is not None:
            leaf.__setstate__(state)
        return leaf

    def __reduce__(self) -> tuple[Any, ...]:
        return _leaf, self._leaf_state(), self._own_state()

    def _own_state(self) -> Any:
        """What a subclass has added, None where there is nothing: (attributes, slots that are set),
        or what its own `__getstate__` says."""
        getstate = getattr(type(self), "__getstate__", None)
        if getstate is not getattr(object, "__getstate__", None):  # objects have one since 3.11
            return getstate(self)  # type: ignore[misc]
        slots = {
            name: getattr(self, name)
            for kind in type(self).__mro__ if not issubclass(Tensor, kind)
            for name in _slots(kind) if hasattr(self, name)
        }  # fmt: skip
        attributes = getattr(self, "__dict__", {})
        return (attributes, slots) if attributes or slots else None

    def __setstate__(self, state: Any) -> None:
        attributes, slots = state if isinstance(state, tuple) else (state, {})
        if attributes:
            self.__dict__.update(attributes)
        for name, value in slots.items():
            object.__setattr__(self, name, value)

    def _leaf_state(self) -> tuple[Any, ...]:
        if self._inputs != ():
            raise AutogradError(
                f"{self._title()} belongs to a graph and cannot be copied or pickled alone; use "
                ".detach() for its values (to plot them, say), or .clone() for a copy in the graph"
            )
        value = self._value if self._op is None else self.data  # of a result: read-only
        return value, self._requires_grad, self.name, self.grad, type(self)

    def __repr__(self) -> str:
        text = np.array2string(np.asarray(self._value), separator=", ", prefix="Tensor(")
        notes = [text]
        if self._value.dtype not in (np.float64, np.int64, np.bool_):
            notes.append(f"dtype={self._value.dtype}")
        if self.name is not None:
            notes.append(f"name={self.name!r}")
        if self._inputs != ():
            notes.append(f"made by {self._op.name}")
        elif self._requires_grad:
            notes.append("requires_grad=True")
        return f"Tensor({', '.join(notes)})"

    # ---- operators and comparisons ------------------------------------------------------------

    __add__, __radd__, __iadd__ = _binary(declare(np.add), operator.add)
    __sub__, __rsub__, __isub__ = _binary(declare(np.subtract), operator.sub)
    __mul__, __rmul__, __imul__ = _binary(declare(np.multiply), operator.mul)
    __truediv__, __rtruediv__, __itruediv__ = _binary(declare(np.divide), operator.truediv)
    __floordiv__, __rfloordiv__, __ifloordiv__ = _binary(
        declare(np.floor_divide), operator.floordiv
    )
    __mod__, __rmod__, __imod__ = _binary(declare(np.remainder), operator.mod)
    _raised, __rpow__, __ipow__ = _binary(_POWER, power)
    __matmul__, __rmatmul__, __imatmul__ = _binary(declare(np.matmul), operator.matmul)
    __neg__, __pos__, __abs__ = _unary(np.negative), _unary(np.positive), _unary(np.absolute)

    def __pow__(self, exponent: Any, modulus: None = None) -> Any:
        if modulus is not None:
            raise TypeError("pow(x, y, z): a power modulo z is for Python's integers; use x**y % z")
        return self._raised(exponent)

    def __divmod__(self, other: Any) -> tuple[Any, Any]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Any, Any]:
        return other // self, other % self

    # Comparisons give plain arrays.
    __lt__, __le__ = _comparison(operator.lt), _comparison(operator.le)
    __gt__, __ge__ = _comparison(operator.gt), _comparison(operator.ge)
    __eq__, __ne__ = _equal, _comparison(operator.ne)

    # ---- a container of numbers, as ndarray is ------------------------------------------------

    def __getitem__(self, index: Any) -> Tensor:
        return apply(_LOOKUP, (self, _plain_index(index)))

    def __setitem__(self, index: Any, value: Any) -> None:
        raise InPlaceError(
            "x[i] = v would change a Tensor in place, and a gradient could be lost: compute a new "
            "one with np.where(mask, v, x), or give a leaf new values with x.assign_(array)"
        )

    def __len__(self) -> int:
        if not self._value.ndim:
            raise TypeError("len() of a Tensor with 0 axes (one number)")
        return self._value.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self._value.ndim:
            raise TypeError("iteration over a Tensor with 0 axes (one number)")
        return (self[i] for i in range(self._value.shape[0]))

    def __contains__(self, value: Any) -> bool:
        return bool(np.any(self == value))

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

    def __format__(self, specification: str) -> str:
        if not specification:
            return str(self)
        return format(self._one("format")[()], specification)

    # ---- ndarray's methods, and a few more for short scripts ----------------------------------

    def sum(
        self, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False,
        initial: Any = None, where: Any = True,
    ) -> Tensor:  # fmt: skip
        """Sum over all elements or some axes; see np.sum."""
        if initial is None and where is True:
            return call(np.sum, self, axis, dtype, out, keepdims)
        return call(np.sum, self, axis, dtype, out, keepdims, initial=initial, where=where)

    def mean(
        self, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False, *,
        where: Any = True,
    ) -> Tensor:  # fmt: skip
        """Mean over all elements or some axes; see np.mean."""
        if where is True:
            return call(np.mean, self, axis, dtype, out, keepdims)
        return call(np.mean, self, axis, dtype, out, keepdims, where=where)

    def max(
        self, axis: Any = None, out: None = None, keepdims: bool = False, initial: Any = None,
        where: Any = True,
    ) -> Tensor:  # fmt: skip
        """Largest element; tied elements share the gradient evenly. See np.max."""
        if initial is None and where is True:
            return call(np.max, self, axis, out, keepdims)
        return call(np.max, self, axis, out, keepdims, initial=initial, where=where)

    def min(
        self, axis: Any = None, out: None = None, keepdims: bool = False, initial: Any = None,
        where: Any = True,
    ) -> Tensor:  # fmt: skip
        """Smallest element; tied elements share the gradient evenly. See np.min."""
        if initial is None and where is True:
            return call(np.min, self, axis, out, keepdims)
        return call(np.min, self, axis, out, keepdims, initial=initial, where=where)

    def prod(
        self, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False,
        initial: Any = None, where: Any = True,
    ) -> Tensor:  # fmt: skip
        """Product over all elements or some axes; see np.prod."""
        if initial is None and where is True:
            return call(np.prod, self, axis, dtype, out, keepdims)
        return call(np.prod, self, axis, dtype, out, keepdims, initial=initial, where=where)

    def var(
        self, axis: Any = None, dtype: Any = None, out: None = None, ddof: float = 0,
        keepdims: bool = False, *, where: Any = True, mean: Any = None,
    ) -> Tensor:  # fmt: skip
        """Variance, the sum of squares divided by n - ddof (as NumPy: 0); see np.var."""
        if where is True and mean is None:
            return call(np.var, self, axis, dtype, out, ddof, keepdims)
        return call(np.var, self, axis, dtype, out, ddof, keepdims, where=where, mean=mean)

    def std(
        self, axis: Any = None, dtype: Any = None, out: None = None, ddof: float = 0,
        keepdims: bool = False, *, where: Any = True, mean: Any = None,
    ) -> Tensor:  # fmt: skip
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

    def reshape(self, *shape: Any, order: str = "C", copy: bool | None = None) -> Tensor:
        """The same elements in another shape: reshape(2, 3), reshape((2, 3)), -1 for the rest."""
        return call(np.reshape, self, shape[0] if len(shape) == 1 else shape, order)

    def transpose(self, *axes: Any) -> Tensor:
        """Axes in another order: transpose(1, 0), transpose((1, 0)); without any, reversed."""
        return call(np.transpose, self, axes[0] if len(axes) == 1 else axes or None)

    def swapaxes(self, axis1: int, axis2: int) -> Tensor:
        """Two axes exchanged."""
        return call(np.swapaxes, self, axis1, axis2)

    def ravel(self, order: str = "C") -> Tensor:
        """All elements along one axis."""
        return call(np.ravel, self, order)

    flatten = ravel

    def squeeze(self, axis: Any = None) -> Tensor:
        """Without the axes of length 1."""
        return call(np.squeeze, self, axis)

    def repeat(self, repeats: Any, axis: int | None = None) -> Tensor:
        """Each element several times; see np.repeat."""
        return call(np.repeat, self, repeats, axis)

    def clip(self, min: Any = None, max: Any = None, out: None = None) -> Tensor:
        """Limited to [min, max]; see np.clip."""
        return call(np.clip, self, min, max, out)

    def round(self, decimals: int = 0, out: None = None) -> Tensor:
        """Rounded; the gradient is 0."""
        return call(np.round, self, decimals, out)

    def cumsum(self, axis: int | None = None, dtype: Any = None, out: None = None) -> Tensor:
        """Running sums; see np.cumsum."""
        return call(np.cumsum, self, axis, dtype, out)

    def dot(self, other: Any) -> Tensor:
        """Matrix or inner product; see np.dot."""
        return call(np.dot, self, other)

    def take(
        self, indices: Any, axis: int | None = None, out: None = None, mode: str = "raise"
    ) -> Tensor:
        """Elements at indices along an axis; see np.take."""
        return call(np.take, self, indices, axis, out, mode)

    def trace(
        self, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: None = None
    ) -> Tensor:
        """Sum along a diagonal; see np.trace."""
        return call(np.trace, self, offset, axis1, axis2, dtype, out)

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        """The elements of a diagonal; see np.diagonal."""
        return call(np.diagonal, self, offset, axis1, axis2)

    def exp(self) -> Tensor:
        """e to the power of each element."""
        return call(np.exp, self)

    def log(self) -> Tensor:
        """The natural logarithm of each element."""
        return call(np.log, self)

    def sqrt(self) -> Tensor:
        """The square root of each element."""
        return call(np.sqrt, self)

    def abs(self) -> Tensor:
        """The absolute value of each element."""
        return call(np.absolute, self)

    def relu(self) -> Tensor:
        """max(x, 0) of each element."""
        return methods["relu"](self)

    def sigmoid(self) -> Tensor:
        """1 / (1 + exp(-x)) of each element."""
        return methods["sigmoid"](self)

    def tanh(self) -> Tensor:
        """The hyperbolic tangent of each element."""
        return call(np.tanh, self)

    # ---- NumPy's protocols --------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """np.sin(tensor) comes here (NEP 13), and so does array + tensor."""
        if method == "__call__":
            return call(ufunc, *inputs, **kwargs)
        if method == "reduce" and ufunc in _REDUCTIONS:
            kwargs.setdefault("axis", 0)
            return call(_REDUCTIONS[ufunc], *inputs, **kwargs)
        if method == "accumulate" and ufunc in _ACCUMULATIONS:
            if not np.ndim(inputs[0]):
                raise TypeError(
                    f"{numpy_name(ufunc)}.accumulate: a number has no elements to accumulate; use "
                    "np.cumsum(x), or x.reshape(1)"
                )
            return call(_ACCUMULATIONS[ufunc], *inputs, **({"axis": 0} | kwargs))
        if method == "at":
            raise TypeError(
                f"{numpy_name(ufunc)}.at writes into an array, which no graph can record; "
                "autograd.scatter_add computes what np.add.at does, as a new Tensor"
            )
        if method == "outer" and not kwargs:
            a, b = inputs
            return call(ufunc, np.reshape(a, np.shape(a) + (1,) * np.ndim(b)), b)
        if method == "at" and ufunc is np.add:
            raise TypeError(
                "np.add.at writes in place, which Tensors do not allow; a new Tensor is "
                "autograd.scatter_add(x, index, values)"
            )
        raise TypeError(
            f"{numpy_name(ufunc)}.{method} does not work on Tensors; it has no rule. Use the "
            "function itself and reductions such as np.sum, or .detach() for plain values"
        )

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """np.sum(tensor), np.stack([tensor, tensor]) and the like come here (NEP 18)."""
        return call(func, *args, **kwargs)


tell(Tensor, TENSOR)

# An empty Tensor for a new result. Not a method, whose call would cost as much again; static, since
# newer Pythons bind a partial that they find in a class.
Tensor._new = staticmethod(partial(new_object, Tensor))  # type: ignore[method-assign]


def _plain_index(index: Any) -> Any:
    """An index with Tensors replaced by their values, and lists by arrays."""
    if isinstance(index, tuple):
        return tuple(_plain_index(i) for i in index)
    if isinstance(index, Tensor):
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
operations[Tensor.astype] = _ASTYPE

_LOOKUP = declare(operator.getitem)

_REDUCTIONS = {
    np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min,
    np.logical_and: np.all, np.logical_or: np.any,
}  # fmt: skip
_ACCUMULATIONS = {np.add: np.cumsum, np.multiply: np.cumprod}

_NO_GRADIENT = "{}: {} does not require a gradient, so none will come; use requires_grad=True"


# How the vector of the vector-Jacobian product is given; other callers take none.
_WITH_VECTOR = {
    "backward": "y.backward(gradient)", "grad": "grad(y, x, grad_outputs)", "vjp": "vjp(f, x, v)",
}  # fmt: skip


def output_gradient(output: Tensor, gradient: Any, caller: str) -> Any:
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
    if isinstance(gradient, Tensor):
        value = gradient._value
    else:
        value = gradient = _as_data(gradient, None, caller)
    if value.shape != data.shape:
        raise ValueError(
            f"{caller}: the gradient has shape {value.shape}, the output {data.shape}; they must "
            "be the same"
        )
    if value.dtype != data.dtype:
        gradient = gradient.astype(data.dtype)
    return gradient


def _as_data(data: Any, dtype: Any, name: str = "Tensor") -> Any:
    """np.asarray, refusing what cannot be differentiated or computed with."""
    if isinstance(data, np.ndarray) and data.__class__ is not np.ndarray:
        data = plain_array(data, name)
    try:
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


def _flag(requires_grad: Any) -> bool:
    if isinstance(requires_grad, np.bool_):
        return bool(requires_grad)
    raise TypeError(
        f"requires_grad must be True or False, got {requires_grad!r}; a dtype is given by name, "
        "Tensor(data, dtype=np.float32)"
    )


def _slots(kind: type) -> list[str]:
    """The attributes that a class keeps in slots of its own, under the names that they have."""
    names = vars(kind).get("__slots__", ())
    names = [names] if isinstance(names, str) else list(names)
    hidden = [n for n in names if n.startswith("__") and not n.endswith("__")]
    return [
        f"_{kind.__name__.lstrip('_')}{n}" if n in hidden else n
        for n in names if n not in ("__dict__", "__weakref__")
    ]  # fmt: skip


def _leaf(
    data: Any, requires_grad: bool, name: str | None, gradient: Any, kind: type[Tensor] = Tensor
) -> Tensor:
    """A leaf from its parts, for copy and pickle; of a subclass without its `__init__`, which may
    take other arguments."""
    leaf = new_object(kind)
    Tensor.__init__(leaf, data, requires_grad, name=name)
    if gradient is not None:
        leaf.grad = gradient
    return leaf
