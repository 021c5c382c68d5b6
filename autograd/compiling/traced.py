"""Arrays that write down what is asked of them, while their recording is under way."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd.compiling.tracing import Var, varies

__all__: list[str] = []

# What tells nothing but shapes and dtypes: asked of the values, and not part of the program.
STATIC = frozenset([
    np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.may_share_memory,
    np.shares_memory, np.iscomplexobj, np.isrealobj, np.common_type, np.min_scalar_type,
])  # fmt: skip

# The shape of what these give depends on values.
OF_ANY_LENGTH = frozenset([
    np.nonzero, np.flatnonzero, np.argwhere, np.unique, np.compress, np.extract, np.trim_zeros,
    np.union1d, np.intersect1d, np.setdiff1d, np.setxor1d, np.bincount, np.histogram, np.delete,
    np.insert, np.array_split, np.split,
])  # fmt: skip

# What writes into its first argument and gives nothing.
WRITERS = frozenset([
    np.copyto, np.put, np.putmask, np.place, np.fill_diagonal, np.put_along_axis
])  # fmt: skip


class Traced(np.ndarray):
    """An array that writes down what is asked of it, while its recording is under way.

    `__class__` says ndarray: rules and forwards take the ways that they take for plain arrays.
    Afterwards it is an array like any other.
    """

    _var: Any = None  # (not `var` and `trace`, which are methods of arrays)
    _trace: Any = None
    __array_priority__ = 1e6

    __class__ = property(lambda self: np.ndarray)  # type: ignore[assignment]

    @property
    def base(self) -> Any:  # type: ignore[override]
        var = self._var
        return None if var is None or var.root is var else var.root.value

    # ---- NumPy's protocols ----------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if any(hasattr(i, "_as_arguments") for i in inputs):
            return NotImplemented  # a Tensor's affair
        trace = recording_of((*inputs, *kwargs.get("out", ())))
        if trace is None:
            return getattr(ufunc, method)(*plain_of(inputs), **plain_of(kwargs))
        out = kwargs.get("out", (None,))
        if not kwargs and ufunc in OPERATORS and all(map(_is_number, inputs)):
            sign, operation = OPERATORS[ufunc]
            return trace.call("operator", sign, operation, inputs, kwargs)
        if method == "at":
            return trace.call("ufunc.method", (ufunc, "at"), ufunc.at, inputs, kwargs, inputs[0])
        if any(o is not None for o in out):
            return _into(trace, ufunc, method, inputs, kwargs, out)
        kwargs.pop("out", None)
        if method == "__call__":
            return trace.call("ufunc", ufunc, ufunc, inputs, kwargs)
        return trace.call("ufunc.method", (ufunc, method), getattr(ufunc, method), inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if not all(issubclass(kind, np.ndarray) for kind in types):
            return NotImplemented  # a Tensor's affair
        trace = recording_of((self, args, kwargs))
        if trace is None or function in STATIC:
            return function(*plain_of(args), **plain_of(kwargs))
        one_where = function is np.where and len(args) == 1
        if (function in OF_ANY_LENGTH or one_where) and varies(trace.encoded((args, kwargs))):
            trace.refuse(f"the shape of what np.{function.__name__} gives depends on values")
        alike = function in (np.zeros_like, np.ones_like) and kwargs.get("shape") is None
        if alike and type(args[0]) is Traced and not args[0].ndim:
            return function(args[0]._var.value, *args[1:], **kwargs)[()]
        writes = args[0] if function in WRITERS and args else kwargs.get("out")
        if kwargs.get("out", 0) is None:
            kwargs = {k: v for k, v in kwargs.items() if k != "out"}
        return trace.call("function", function, function, args, kwargs, writes)

    # ---- what is read by Python -----------------------------------------------------------------

    def _read(self, what: str) -> Any:
        if self._var.__class__ is Var and self._trace.live:
            self._trace.refuse(f"{what} takes the value out of the program")
        return np.asarray(self)

    def __bool__(self) -> bool:
        trace = self._trace
        if trace is None or not trace.live or self.size != 1 or self._var.__class__ is not Var:
            return bool(np.asarray(self))
        return trace.ask(self)  # type: ignore[no-any-return]

    def __float__(self) -> float:
        return float(self._read("float()"))

    def __int__(self) -> int:
        return int(self._read("int()"))

    def __index__(self) -> int:
        return self._read("an index").__index__()  # type: ignore[no-any-return]

    def __complex__(self) -> complex:
        return complex(self._read("complex()"))

    def __iter__(self) -> Any:
        if not self.ndim:
            return iter(np.asarray(self))  # raises
        return (self[i] for i in range(len(self)))

    def __contains__(self, item: Any) -> bool:
        return bool((self == item).any())

    def _shown(self) -> Any:
        """What is shown of it; a float of Python's own is, as a rule, to be in what is returned."""
        return self._read("its text") if getattr(self._var, "weak", False) else np.asarray(self)

    def __repr__(self) -> str:
        return repr(self._shown())

    def __str__(self) -> str:
        return str(self._shown())

    def __format__(self, spec: str) -> str:
        return format(self._shown()[()], spec)

    def __reduce__(self) -> Any:
        return self._read("pickling").__reduce__()

    def __round__(self, digits: int | None = None) -> Any:
        if getattr(self._var, "weak", False) or digits is None:  # Python's own rounds otherwise
            return round(self._read("round()")[()].item(), digits)
        return self.round(digits)

    def __copy__(self) -> Any:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copy()

    def __pow__(self, other: Any) -> Any:  # type: ignore[override]
        return _power(self, other)

    def __rpow__(self, other: Any) -> Any:  # type: ignore[override]
        return _power(other, self)

    # ---- indices --------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Any:
        trace = recording_of((self, index))
        if trace is None:
            return np.asarray(self)[plain_of(index)]
        if _picks(index):
            trace.refuse("the shape of what x[mask] gives depends on values; use np.where")
        return trace.call("getitem", None, _getitem, (self, index), {})

    def __setitem__(self, index: Any, value: Any) -> None:
        trace = recording_of((self, index, value))
        if trace is not None and not self.ndim and index in ((), ...) and not np.ndim(value):
            # A number is not written into: the name stands for the new one.
            made = trace.call("function", self.dtype.type, self.dtype.type, (value,), {})
            self._var, self._trace = made._var, trace
            np.asarray(self)[()] = made._var.value
            return
        if trace is None:
            np.asarray(self)[plain_of(index)] = plain_of(value)
            return
        trace.call("setitem", None, _setitem, (self, index, value), {}, self)

    # ---- methods --------------------------------------------------------------------------------

    @property
    def T(self) -> Any:  # type: ignore[override]
        return self._attribute("T")

    @property
    def mT(self) -> Any:  # type: ignore[override]
        return self._attribute("mT")

    @property  # type: ignore[misc]
    def real(self) -> Any:  # type: ignore[override]
        return self._attribute("real")

    @property  # type: ignore[misc]
    def imag(self) -> Any:  # type: ignore[override]
        return self._attribute("imag")

    @property
    def flat(self) -> Any:  # type: ignore[override]
        return self.reshape(-1)

    def _attribute(self, name: str) -> Any:
        trace = recording_of((self,))
        if trace is None:
            return getattr(np.asarray(self), name)
        return trace.call("attribute", name, lambda x: getattr(x, name), (self,), {})

    def view(self, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        if args or kwargs:
            trace = recording_of((self,))
            if not trace:
                return np.asarray(self).view(*args, **kwargs)
            return trace.call(
                "method", "view", lambda x, *a, **k: x.view(*a, **k), (self, *args), kwargs
            )
        again = super().view()
        again._var, again._trace = self._var, self._trace
        return again


def _item(self: Any, *args: Any) -> Any:
    """A float of Python's own, which takes the dtype of what stands beside it: so does this."""
    trace = recording_of((self,))
    if trace is None or args or self.size != 1 or self.dtype.kind != "f":
        return _take_item(self, *args)
    return trace.call("method", "item", lambda x: x.item(), (self,), {})


def _method(name: str, reads: bool = False, writes: bool = False) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        trace = recording_of((self, args, kwargs))
        if trace is None or reads:
            if trace is not None and self._var.__class__ is Var:
                trace.refuse(f".{name}() takes values out of the program")
            return getattr(np.asarray(self), name)(*plain_of(args), **plain_of(kwargs))
        compute = lambda x, *args, **kwargs: getattr(x, name)(*args, **kwargs)  # noqa: E731
        into = self if writes else kwargs.get("out")
        return trace.call("method", name, compute, (self, *args), kwargs, into)

    return method


for _name in (
    "all any argmax argmin argpartition argsort astype choose clip conj conjugate copy cumprod "
    "cumsum diagonal dot flatten max mean min prod ptp ravel repeat reshape round searchsorted "
    "squeeze std sum swapaxes take trace transpose var"
).split():
    if hasattr(np.ndarray, _name):
        setattr(Traced, _name, _method(_name))
for _name in ("fill", "partition", "put", "sort"):
    setattr(Traced, _name, _method(_name, writes=True))
for _name in ("compress", "dump", "nonzero", "tobytes", "tofile", "tolist"):
    setattr(Traced, _name, _method(_name, reads=True))
_take_item = _method("item", reads=True)
Traced.item = _item  # type: ignore[method-assign, assignment]


# On numbers Python's operators are what NumPy's numbers have: the same, in a quarter of the time.
OPERATORS: dict[Any, tuple[str, Callable[..., Any]]] = {
    np.add: ("+", operator.add), np.subtract: ("-", operator.sub), np.multiply: ("*", operator.mul),
    np.divide: ("/", operator.truediv), np.less: ("<", operator.lt),
    np.less_equal: ("<=", operator.le), np.greater: (">", operator.gt),
    np.greater_equal: (">=", operator.ge), np.equal: ("==", operator.eq),
    np.not_equal: ("!=", operator.ne), np.negative: ("-", operator.neg),
    np.absolute: ("abs", abs),
}  # fmt: skip


def _is_number(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim == 0 and type(value) is Traced
    return isinstance(value, (float, int, np.generic))


def _getitem(x: Any, index: Any) -> Any:
    return x[index]


def _setitem(x: Any, index: Any, value: Any) -> None:
    x[index] = value


def _raised(a: Any, b: Any) -> Any:
    return a**b


def _power(a: Any, b: Any) -> Any:
    """Of numbers NumPy computes it otherwise than of arrays, down to the last bit."""
    trace = recording_of((a, b))
    plain = plain_of((a, b))
    if trace is None:
        return plain[0] ** plain[1]
    if np.ndim(plain[0]) == np.ndim(plain[1]) == 0:
        return trace.call("operator", "**", _raised, (a, b), {})
    if type(a) is Traced and a.ndim:
        return np.ndarray.__pow__(a, b)
    return np.power(a, b)


def _into(trace: Any, ufunc: Any, method: str, inputs: Any, kwargs: Any, out: Any) -> Any:
    """A ufunc that writes its result into an array."""
    if len(out) > 1 or method not in ("__call__", "reduce", "accumulate"):
        trace.refuse(f"np.{ufunc.__name__} writes into several arrays")
    kwargs = {k: v for k, v in kwargs.items() if k != "out"}
    (target,) = out[:1]
    compute = ufunc if method == "__call__" else getattr(ufunc, method)
    if type(target) is Traced and not target.ndim and target._trace is trace:
        # A number is not written into: the name stands for the new one.
        made = compute(*inputs, **kwargs)
        target._var = made._var
        np.asarray(target)[...] = made._var.value
        return target
    kind, named = ("ufunc", ufunc) if method == "__call__" else ("ufunc.method", (ufunc, method))
    return trace.call(kind, named, compute, inputs, {**kwargs, "out": target}, target)


def _picks(index: Any) -> bool:
    """Whether an index picks elements by truth values that were computed."""
    for part in index if index.__class__ is tuple else (index,):
        if type(part) is Traced and part.dtype.kind == "b" and part._var.__class__ is Var:
            return True
    return False


def recording_of(value: Any) -> Any:
    """The recording that is under way for one of these; None if there is none."""
    kind = type(value)
    if kind is Traced:
        return value._trace if value._trace is not None and value._trace.live else None
    if kind is tuple or kind is list:
        members = value
    elif kind is dict:
        members = value.values()
    else:
        return None
    for member in members:
        found = recording_of(member)
        if found is not None:
            return found
    return None


def plain_of(value: Any) -> Any:
    """The same with plain arrays in the places of traced ones."""
    kind = type(value)
    if kind is Traced:
        return np.asarray(value)
    if kind is tuple or kind is list:
        return kind(plain_of(v) for v in value)
    if kind is dict:
        return {k: plain_of(v) for k, v in value.items()}
    return value
