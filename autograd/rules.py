"""The registry of derivatives: which function has which rules.

Nothing is computed here. A rule is `rule(g, y, *args, **kwargs)`: g is the gradient of the final
output with respect to the result y, the rest are the arguments of the call, and it returns the
gradient with respect to one argument: a vector-Jacobian product. The first rule belongs to the
first argument, and so on. Rules speak plain NumPy: handed arrays they return arrays, handed
Tensors they record a graph, and that is all there is to higher derivatives. An argument whose name
begins with `_` is the operation's own affair, and no drawing shows it.

May import: nothing of this project.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["Operation", "defvjp"]

Function = TypeVar("Function", bound=Callable[..., Any])


class Signature:
    """The arguments that a rule or a composition takes, read off its code.

    A keyword that is not among `names` is refused by name, since no rule would see it; so is an
    argument beyond `most`, or one in the place of NumPy's `out`.
    """

    __slots__ = ("most", "names", "out")

    def __init__(self, function: Callable[..., Any], skip: int) -> None:
        code: Any = getattr(function, "__code__", None)
        takes_any = code is None or code.co_flags & 0x08  # **kwargs, or not written in Python
        count = 0 if takes_any else code.co_argcount + code.co_kwonlyargcount
        self.names = None if takes_any else code.co_varnames[skip:count]
        takes_more = takes_any or code.co_flags & 0x04  # *args
        self.most = 1 << 30 if takes_more else code.co_argcount - skip
        self.out = self.names.index("out") if self.names and "out" in self.names else self.most


class Operation:
    """A function that the graph can record: its forward, and a rule for each argument."""

    __slots__ = ("forward", "formula", "name", "pair", "rules", "signature", "single")

    whole = True  # its rules want a gradient added up, not in parts (see the engine's Deferred)

    def __init__(self, forward: Callable[..., Any], name: str | None = None) -> None:
        self.forward = forward
        self.name: str = name or getattr(forward, "__name__", type(forward).__name__).lstrip("_")
        self.rules: tuple[Callable[..., Any] | None, ...] = ()
        self.single = self.pair = False
        self.signature: Any = None  # a Signature, from `define` on
        self.formula: str | None = None

    def define(self, rules: tuple[Callable[..., Any] | None, ...], formula: str | None) -> None:
        """Give the operation its rules; None stands for an argument that has no gradient."""
        known = [rule for rule in rules if rule is not None]
        if not known or not all(callable(rule) for rule in known):
            raise TypeError(
                f"the rules of {self.name} must be functions rule(g, y, *args, **kwargs), one for "
                f"each argument (None for one without a gradient), got {rules!r}"
            )
        self.rules, self.formula = rules, formula
        self.signature = Signature(known[0], skip=2)
        # The engine has short ways for ufuncs of one array and of two, and no other argument.
        kind = (getattr(self.forward, "nin", 0), getattr(self.forward, "nout", 0))
        counts = (len(self.signature.names or ()), len(rules))
        self.single, self.pair = (kind == (n, 1) and counts == (n, n) for n in (1, 2))

    def __repr__(self) -> str:
        return f"<operation {self.name}>"


# The three things that a function can be to a Tensor. They only grow, by the functions below.
operations: dict[Callable[..., Any], Operation] = {}
compositions: dict[Callable[..., Any], tuple[Callable[..., Any], Signature]] = {}
plain: dict[Callable[..., Any], Callable[..., Any]] = {}

# This library's own functions that are methods of Tensor as well, by name.
methods: dict[str, Callable[..., Any]] = {}


def declare(function: Callable[..., Any]) -> Operation:
    """The operation of a function, made without rules if there is none yet."""
    if function not in operations:
        operations[function] = Operation(function)
    return operations[function]


def defvjp(
    function: Callable[..., Any], *rules: Callable[..., Any] | None, formula: str | None = None
) -> None:
    """Register the derivative of a NumPy function, so that it works on Tensors.

    Each rule is `rule(g, y, *args, **kwargs)` and returns the gradient with respect to its
    argument: g is the incoming gradient (the result's shape), y the result. Write it in NumPy
    functions and array methods; broadcasting is undone for you. For several results g and y are
    tuples (zeros where nothing came); for a list argument the rule returns a list. `formula` is
    the derivative in symbols, for messages and explanations.

    Raises TypeError if a rule is not a function. A second call replaces the first.

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
    declare(function).define(rules, formula)


def composes(*functions: Callable[..., Any]) -> Callable[[Function], Function]:
    """Decorate the Tensor version of NumPy functions that is made of other operations."""

    def register(composition: Function) -> Function:
        for function in functions:
            compositions[function] = composition, Signature(composition, skip=0)
        return composition

    return register
