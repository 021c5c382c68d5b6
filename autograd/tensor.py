"""Tensor: an array, or one number, that remembers how it was computed.

Here is the class: what a Tensor is, its operators, `backward`, and NumPy's protocols, which make
`np.sin(tensor)` record. The methods that it shares with ndarray, `x.sum()` and the like, stand in
arraylike.py. What an operation computes and how it is differentiated is written under ops/, and
found through the registry.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from autograd.arraylike import ArrayLike, own_state
from autograd.engine import commit, next_birth, result, sweep
from autograd.errors import (
    AutogradError,
    InPlaceError,
    needs_float,
    numpy_name,
    restated,
)  # fmt: skip
from autograd.frames import assigns_in_place, is_numpys
from autograd.gradients import HookHandle, Hooks, locked
from autograd.habits import TENSOR, tell
from autograd.lists import as_arguments
from autograd.mode import current_mode
from autograd.recording import apply, call
from autograd.rules import Operation, declare, twins
from autograd.values import as_data, flag, is_float, operand, output_gradient

__all__ = ["Tensor"]

# What forwards and rules take and give: arrays, and NumPy's numbers as well, or Tensors where the
# gradient is to be differentiated again.
Array: TypeAlias = "np.ndarray[Any, Any] | Tensor"

new_object = object.__new__
_array = np.ndarray  # a name of its own is looked up in half the time


# ---- operators --------------------------------------------------------------------------------
# Written out for speed: on small operations a function call is most of the cost. This is the short
# way of `apply`; whatever is unusual takes the long way.


def _binary(operation: Operation, function: Callable[[Any, Any], Any]) -> tuple[Any, Any, Any]:
    """The three methods of a binary operator: `x * y`, `2 * x` and `x *= y`.

    The Python operator computes here, not the operation's ufunc: on NumPy scalars it takes a tenth
    of the time. A Python float or int is taken as it is, and stays weak in promotion (NEP 50).
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
                other = operand(other, operation)
                if other is NotImplemented:
                    return other
                if not is_float(other):  # integers take the long way, and a subclass of Tensor
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
            other = operand(other, operation)
            if other is NotImplemented:
                return other
            if not is_float(other):
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


class Tensor(ArrayLike):
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
            requires_grad = flag(requires_grad)
        # A number of our own is kept as a NumPy scalar, which computes several times faster than
        # a 0-d array; `.data` turns it into an array on the first look.
        if data.__class__ is float and dtype is None:
            self._value = np.float64(data)
        else:
            array = as_data(data, dtype)
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
        array = as_data(value, None, ".data")
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
        value = as_data(array.data if isinstance(array, Tensor) else array, None, "assign_")
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
        gradient = np.array(as_data(value, None, ".grad"), dtype=self._value.dtype)
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

    def __copy__(self) -> Tensor:
        leaf, state = _leaf(*self._leaf_state()), own_state(self, Tensor)
        if state is not None:
            leaf.__setstate__(state)
        return leaf

    def __reduce__(self) -> tuple[Any, ...]:
        return _leaf, self._leaf_state(), own_state(self, Tensor)

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


_REDUCTIONS = {
    np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min,
    np.logical_and: np.all, np.logical_or: np.any,
}  # fmt: skip
_ACCUMULATIONS = {np.add: np.cumsum, np.multiply: np.cumprod}

_NO_GRADIENT = "{}: {} does not require a gradient, so none will come; use requires_grad=True"


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
