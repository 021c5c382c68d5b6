"""What a recording writes down: values, constants, and lines that make values of values."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

__all__: list[str] = []

_array = np.ndarray


class Var:
    """A value of the program: what holds it while it is recorded, and what is known of it.

    `root` is the value whose memory it lies in: itself, unless it is a view. A value without axes
    is a number to the program, as NumPy gives one. `weak`: a float of Python's own, which takes
    the dtype of what stands beside it.
    """

    __slots__ = ("_lies_in", "detached", "dtype", "number", "shape", "strides", "value", "weak")
    dtype: Any
    shape: Any
    strides: Any

    def __init__(self, number: int, value: Any, root: Var | None = None) -> None:
        self.number, self.value, self._lies_in = number, value, root
        self.weak, self.detached = value.__class__ is float, False
        self.shape, self.dtype, self.strides = (), None, ()  # of what an operation keeps
        if isinstance(value, (_array, np.generic, float, int)):
            array = value if value.__class__ is _array else np.asarray(value)
            self.shape, self.dtype, self.strides = array.shape, array.dtype, array.strides

    @property
    def root(self) -> Var:
        return self if self._lies_in is None else self._lies_in

    @root.setter
    def root(self, root: Var) -> None:
        self._lies_in = None if root is self else root  # no cycle, which would live on

    @property
    def kind(self) -> tuple[Any, ...]:
        """What must be the same in a second recording."""
        return self.number, self.shape, self.dtype, self.strides, self.root.number, self.weak

    def __repr__(self) -> str:
        return f"v{self.number}"


class Const:
    """An array that the function did not compute from its arguments: held, not copied, unless it
    was written into later. To lines it is a value like others."""

    __slots__ = ("array", "number", "seen")
    weak = detached = False

    def __init__(self, number: int, array: Any) -> None:
        self.number, self.array, self.seen = number, array, _glance(array)

    value = property(lambda self: self.array)
    root = property(lambda self: self)
    shape = property(lambda self: self.array.shape)
    dtype = property(lambda self: self.array.dtype)
    strides = property(lambda self: self.array.strides)

    def is_as_seen(self) -> bool:
        return same(self.seen, _glance(self.array))

    def __repr__(self) -> str:
        return f"c{self.number}"


MUCH = 1 << 20  # elements; larger arrays are not copied, and some of them looked at


def _glance(array: Any) -> Any:
    """A copy to compare with later."""
    if array.size <= MUCH:
        return copied(array)
    return array.reshape(-1)[:: array.size // MUCH + 1].copy()


def same(a: Any, b: Any) -> bool:
    """Whether two arrays are alike in dtype, layout and every bit that counts."""
    return (
        a.dtype == b.dtype and a.shape == b.shape and a.strides == b.strides
        and (a is b or bool(np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")))
    )  # fmt: skip


def copied(array: Any) -> Any:
    """A copy that lies in memory just as the array does."""
    copy = array.copy("K")
    if copy.strides == array.strides:
        return copy
    low, high = byte_bounds(array)
    memory = np.empty(high - low, np.uint8)
    start = array.__array_interface__["data"][0] - low
    copy = np.ndarray(array.shape, array.dtype, memory, start, array.strides)
    copy[...] = array
    return copy


class Line:
    """One call: `kind` tells how it is written, `target` what is called.

    Kinds: "ufunc" (a ufunc itself), "ufunc.method" (target: the ufunc and the method's name),
    "function", "method" (by name), "attribute", "getitem", "setitem", "operator" (of numbers, by
    its sign), "bool" (a branch: `expected` is how it went), "call" (a forward or a rule as a
    whole). `made` are the values that it gives, in the `form` in which it gives them.
    """

    __slots__ = (
        "args", "errors", "expected", "form", "kind", "kwargs", "made", "origin", "remember",
        "sweep", "target", "views", "writes",
    )  # fmt: skip

    def __init__(self, kind: str, target: Any, args: Any, kwargs: Any) -> None:
        self.kind, self.target, self.args, self.kwargs = kind, target, args, kwargs
        self.made: list[Var] = []  # what it gives
        self.writes: Var | None = None  # what it writes into
        self.expected: Any = None
        self.form: Any = None
        self.views: list[Var] = []  # of what it gives, arrays without axes: numbers, here
        self.origin: Any = None
        self.errors: Any = None
        self.remember: Any = None  # of what gives something new in each call
        self.sweep = 0  # how many reverse sweeps had begun

    @property
    def backward(self) -> bool:
        """Whether it belongs to a reverse sweep: to a rule, or to what is silent beside them."""
        if self.origin is not None:
            return bool(self.origin.told.backward)
        return self.errors is not None and self.errors["divide"] == "ignore"

    def __repr__(self) -> str:
        name = getattr(self.target, "__name__", self.target)
        return f"{self.made} = {self.kind} {name} {self.args} {self.kwargs}"


class Origin:
    """Which operation made a call: its forward, or (`backward`) the rule of one argument; `told` is
    the rule around it, of which a reader is told."""

    __slots__ = ("_told", "backward", "operation", "position", "scope")

    def __init__(
        self, operation: Any, scope: Any, backward: bool, position: int = 0, around: Any = None
    ) -> None:
        self.operation, self.scope = operation, scope
        self.backward, self.position = backward, position
        self._told: Origin | None = None if around is None else around.told

    @property
    def told(self) -> Origin:
        return self if self._told is None else self._told


class Kept:
    """What stands for that which a forward keeps, when it is recorded as a whole."""

    __slots__ = ("_var",)

    def __init__(self, var: Var) -> None:
        self._var = var


def varies(value: Any) -> bool:
    """Whether encoded arguments hold a value that is not the same in each call."""
    kind = value.__class__
    if kind is tuple or kind is list:
        return any(map(varies, value))
    if kind is dict:
        return any(map(varies, value.values()))
    if kind is slice:
        return varies((value.start, value.stop, value.step))
    return kind is Var


def owner_of(array: Any) -> Any:
    """The array in whose memory this one lies."""
    while True:
        base = _base(array)
        if not isinstance(base, _array):  # of windows an object that holds the array
            base = getattr(base, "base", getattr(base, "obj", None))
        if not isinstance(base, _array):
            return array
        array = base


_base = np.ndarray.base.__get__  # type: ignore[attr-defined]


def values_of(value: Any) -> Any:
    """Encoded arguments as what is computed with."""
    kind = value.__class__
    if kind is Var or kind is Const:
        return value.value
    if kind is tuple or kind is list:
        return kind(values_of(v) for v in value)
    if kind is dict:
        return {k: values_of(v) for k, v in value.items()}
    if kind is slice:
        return slice(values_of(value.start), values_of(value.stop), values_of(value.step))
    return value
