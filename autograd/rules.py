"""The registry of derivatives: which function has which rules.

Nothing is differentiated here. A rule is `rule(g, y, *args, **kwargs)`: g is the gradient of the
final output with respect to the result y, the rest are the arguments of the call, and it returns
the gradient with respect to one argument: a vector-Jacobian product. The first rule belongs to the
first argument, and so on. Rules speak plain NumPy: handed arrays they return arrays, handed
Tensors they record a graph, and that is all there is to higher derivatives. An argument whose name
begins with `_` is the operation's own affair, and no drawing shows it.

`defvjp` gives rules to a function of NumPy's; of a function of one's own `primitive`, which stands
in primitives.py, makes an operation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar
from weakref import WeakValueDictionary, ref

import numpy as np

from autograd.errors import writes_in_place
from autograd.traits import Traits, check_said, texts

__all__ = ["Operation", "defvjp"]

Function = TypeVar("Function", bound=Callable[..., Any])


class Signature:
    """The arguments that a rule or a composition takes, read off its code.

    A keyword that is not among `names` is refused by name, since no rule would see it; so is an
    argument beyond `most`, or one in the place of NumPy's `out`.
    """

    __slots__ = ("functions", "most", "names", "out")

    def __init__(self, function: Callable[..., Any], skip: int) -> None:
        code: Any = getattr(function, "__code__", None)
        takes_any = code is None or code.co_flags & 0x08  # **kwargs, or not written in Python
        count = 0 if takes_any else code.co_argcount + code.co_kwonlyargcount
        self.names = None if takes_any else code.co_varnames[skip:count]
        takes_more = takes_any or code.co_flags & 0x04  # *args
        self.most = 1 << 30 if takes_more else code.co_argcount - skip
        self.out = self.names.index("out") if self.names and "out" in self.names else self.most
        self.functions = [function]  # whose defaults count, the last one's most

    def leave_out(self, name: str) -> None:
        """What only rules are handed, and no caller gives."""
        if self.names and name in self.names:
            if self.names.index(name) < self.most < 1 << 30:
                self.most -= 1
                self.out = min(self.out, self.most)
            self.names = tuple(n for n in self.names if n != name)

    @property
    def defaults(self) -> dict[str, Any]:
        """What is taken for arguments that are left out; seldom asked for, so not kept."""
        return {name: value for f in self.functions for name, value in defaults_of(f).items()}


def defaults_of(function: Any) -> dict[str, Any]:
    """What a function written in Python takes for the arguments that are left out."""
    code: Any = getattr(function, "__code__", None)
    given = getattr(function, "__defaults__", None)
    return dict(zip(code.co_varnames[code.co_argcount - len(given) :], given)) if given else {}


class Operation:
    """A function that the graph can record: its forward, and a rule for each argument."""

    __slots__ = (
        "_said", "forward", "function", "name", "operands", "pair", "plainly", "rules", "saves",
        "shows", "signature", "single", "__weakref__",
    )  # fmt: skip

    whole = True  # its rules want a gradient added up, not in parts (gradients.Deferred)

    def __init__(self, forward: Callable[..., Any], name: str | None = None) -> None:
        self.forward = forward
        self.name: str = name or getattr(forward, "__name__", type(forward).__name__).lstrip("_")
        self.rules: tuple[Callable[..., Any] | None, ...] = ()
        # How many arrays a ufunc or an operator takes, and nothing else; 0 for what is neither.
        self.operands: int = getattr(forward, "nin", 0) if getattr(forward, "nout", 0) == 1 else 0
        self.single = self.pair = False
        # Whether its forward returns (result, kept), and its rules are handed saved=kept.
        self.saves = False
        self.shows: Any = None  # a function of (y, *args) that gives what there is to see beside y
        self.plainly: Any = None  # (forward, *rules) as one would write them by hand, to be read
        self.signature: Any = None  # a Signature, from `define` on
        self._said: Any = ()  # what `define` was told, of which `traits` makes its own
        self.function: Any = None  # a weak reference to what `primitive` made of it

    def compute(self, args: Iterable[Any], kwargs: dict[str, Any]) -> Any:
        """The result of its forward alone, of arguments as a node holds them."""
        if not self.saves:
            return self.forward(*args, **kwargs)
        return self.forward(*args, **{k: v for k, v in kwargs.items() if k != "saved"})[0]

    @property
    def traits(self) -> Traits:
        """What it says of itself, made when it is first asked for: not when it is imported."""
        said = self._said
        if said.__class__ is tuple:
            traits = Traits(*said)
            if traits.elementwise is None and isinstance(self.forward, np.ufunc):
                traits.elementwise = self.forward.signature is None
            traits.names = getattr(self.signature, "names", None) or ()
            traits.ruled = tuple(rule is not None for rule in self.rules)
            self._said = said = traits
        return said  # type: ignore[no-any-return]

    @property
    def formula(self) -> str | None:
        """The derivative in symbols, for messages."""
        return self.traits.formula

    def define(
        self, rules: tuple[Callable[..., Any] | None, ...], formula: Any = None,
        sign: Any = None, pattern: Any = None, elementwise: Any = None, symmetric: bool = False,
        saves: bool = False, shows: Any = None,
    ) -> None:  # fmt: skip
        """Give the operation its rules; None stands for an argument that has no gradient. What it
        says of itself is described at `primitive`."""
        known = [rule for rule in rules if rule is not None]
        if not known or not all(callable(rule) for rule in known):
            raise TypeError(
                f"the rules of {self.name} must be functions rule(g, y, *args, **kwargs), one for "
                f"each argument (None for one without a gradient), got {rules!r}"
            )
        parts: tuple[str, ...] = ()
        if isinstance(formula, dict):
            formula = (formula,)
        plainly = formula.__class__ is str and sign is None and pattern is None and shows is None
        if not plainly:
            check_said(self.name, len(known), formula, sign, pattern, shows)
            if isinstance(formula, tuple):  # what is multiplied at their ends is no word to read
                parts = formula
                formula = ", ".join(t.removesuffix(" share") for part in parts for t in texts(part))
        self.rules = rules
        self._said = formula, parts, sign, pattern, elementwise, symmetric
        self.signature = Signature(known[0], skip=2)
        self.signature.functions.append(self.forward)
        self.saves, self.shows, self.plainly = saves, shows, None
        if saves:
            for rule in known:
                names = Signature(rule, skip=2).names
                if names is not None and "saved" not in names:
                    raise TypeError(
                        f"{self.name}: with saves=True each rule is handed what the forward kept, "
                        f"as in lambda g, y, x, saved: ...; one takes ({', '.join(names)})"
                    )
                # An option that is given by position would come in its place.
                if names and "saved" in names[: max(0, rule.__code__.co_argcount - 3)]:
                    raise TypeError(
                        f"{self.name}: with saves=True a rule takes saved behind all arguments of "
                        f"the forward; one takes ({', '.join(names)})"
                    )
            self.signature.leave_out("saved")
        # Of arrays and nothing else: `apply` has a short way for one of them, the sweep for two.
        counts = (self.operands, len(self.signature.names or ()), len(rules))
        self.single, self.pair = counts == (1, 1, 1), counts == (2, 2, 2)

    def __repr__(self) -> str:
        return f"<operation {self.name}>"


class Operations(dict[Callable[..., Any], Operation]):
    """The operations of NumPy's functions. What `primitive` makes holds its own, so that both go
    when nobody holds them any more; it is found here, too."""

    def __missing__(self, function: Any) -> Operation:
        if not is_primitive(function):
            raise KeyError(function)
        return function.operation  # type: ignore[no-any-return]


# The three things that a function of NumPy can be to a Tensor. They only grow: by `defvjp`, by
# `composes`, and by `nondifferentiable` of primitives.py.
operations = Operations()
compositions: dict[Callable[..., Any], tuple[Callable[..., Any], Signature]] = {}
plain: dict[Callable[..., Any], Callable[..., Any]] = {}
_primitives: WeakValueDictionary[int, Operation] = WeakValueDictionary()  # by id, in their order

# Operators that are recorded as operations of their own, by the function whose rules they share.
twins: dict[Callable[..., Any], tuple[Callable[..., Any], ...]] = {}

# This library's own functions that are methods of Tensor as well, by name.
methods: dict[str, Callable[..., Any]] = {}


def declare(function: Callable[..., Any]) -> Operation:
    """The operation of a function, made without rules if there is none yet."""
    try:
        return operations[function]
    except KeyError:
        return operations.setdefault(function, Operation(function))


def known() -> list[tuple[Any, Operation]]:
    """Every function that is recorded, and its operation: NumPy's, and what `primitive` has made
    (None where only graphs still hold it)."""
    made = [(operation.function(), operation) for operation in _primitives.values()]
    return [*operations.items(), *made]


def hold(function: Any, operation: Operation) -> None:
    """Make a function the one that records this operation, for as long as somebody holds it."""
    function.operation, operation.function = operation, ref(function)
    _primitives[id(operation)] = operation


def is_primitive(function: Any) -> bool:
    """Whether this is what `primitive` has made, and no wrapper that took over its attributes."""
    operation = getattr(function, "operation", None)
    return isinstance(operation, Operation) and operation.function() is function


def asks_tensors(function: Any) -> bool:
    """Whether NumPy asks the arguments of this function what to do (NEP 13 and NEP 18)."""
    return isinstance(function, np.ufunc) or hasattr(function, "_implementation")


def defvjp(
    function: Callable[..., Any],
    *rules: Callable[..., Any] | None,
    formula: str | tuple[str, ...] | None = None,
    sign: str | None = None,
    pattern: str | None = None,
    elementwise: bool | None = None,
    symmetric: bool = False,
) -> None:
    """Register the derivative of a NumPy function, so that it works on Tensors.

    Each rule is `rule(g, y, *args, **kwargs)` and returns the gradient with respect to its
    argument: g is the incoming gradient (the result's shape), y the result. Write it in NumPy
    functions and array methods; broadcasting is undone for you. For several results g and y are
    tuples (zeros where nothing came); for a list argument the rule returns a list. What is said
    of the operation beside its rules (formula, sign, pattern, elementwise, symmetric) is for
    drawings and explanations, as at `primitive`.

    Raises TypeError if a rule is not a function, and for a function that NumPy does not hand over
    to Tensors (one of your own, most of SciPy's): for these there is `primitive`. A second call
    replaces the first.

    >>> import numpy as np
    >>> from autograd import Tensor, defvjp
    >>> defvjp(np.spacing, lambda g, y, x: np.zeros_like(x))      # a staircase: slope 0
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> np.spacing(x).sum().backward()
    >>> x.grad
    array([0., 0.])
    """
    if not callable(function):
        raise TypeError(f"defvjp: first the function, then its rules; {function!r} is no function")
    name = getattr(function, "__name__", "f").replace("<lambda>", "f")
    if (cure := writes_in_place(function)) is not None:
        raise TypeError(
            f"defvjp: np.{name} writes into its argument, which no graph can record; use {cure}"
        )
    if not (asks_tensors(function) or function in operations or is_primitive(function)):
        raise TypeError(
            f"defvjp: NumPy does not hand calls of {function!r} over to Tensors, so its rules "
            "would never be asked; make an operation of it and call that: "
            f"{name} = primitive({name}, rule)"
        )
    if elementwise is None and isinstance(function, np.ufunc):
        elementwise = function.signature is None
    for same in (function, *twins.get(function, ())):
        operation = declare(same)
        operation.define(
            rules, formula, sign, pattern, elementwise, symmetric, operation.saves, operation.shows
        )


def composes(*functions: Callable[..., Any]) -> Callable[[Function], Function]:
    """Decorate the Tensor version of NumPy functions that is made of other operations."""

    def register(composition: Function) -> Function:
        for function in functions:
            compositions[function] = composition, Signature(composition, skip=0)
        return composition

    return register
