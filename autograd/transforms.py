"""Functions of functions: gradients, Jacobians, Hessians and their products with vectors.

Each takes f and x, calls f on variables that stand for x, and gives results in the form of x:
Tensors for a Tensor, plain NumPy numbers and arrays for what is plain, as SciPy's functions want
them, and a tuple for a tuple (then f takes as many arguments). If x requires a gradient, what they
return can be differentiated again, and so it can inside a function that is being differentiated.
All of it is the one reverse sweep, run again on its own graph where need be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd.engine import Node, commit, next_birth, sweep, topological_order
from autograd.errors import AutogradError
from autograd.mode import differentiation, inside
from autograd.rules import declare
from autograd.tensor import Tensor
from autograd.values import output_gradient

__all__ = ["grad", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"]

Function = Callable[..., Any]
Tensors = Any  # a Tensor, an array or a number, or a tuple of them

_NOT_GIVEN: Any = object()


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor] = _NOT_GIVEN,
    grad_outputs: Any = None,
    *,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Any, ...]:
    """The gradients of (the sum of) outputs with respect to inputs; no `.grad` is touched.

    Args: outputs and inputs, a Tensor or several; grad_outputs, a gradient for each output (None
        for a scalar's 1); create_graph, True to differentiate the result again; allow_unused, None
        instead of an error for an input that no output depends on.
    Returns a tuple of Tensors, one for each input, as torch.autograd.grad does.
    Raises ValueError as `backward` does, AutogradError for an input that is not reached or
    requires no gradient. The gradient of a function is `value_and_grad(f)(x)[1]`.

    >>> x = Tensor(3.0, requires_grad=True)
    >>> (slope,) = grad(x * x * x, x, create_graph=True)
    >>> (curvature,) = grad(slope, x)
    >>> slope.item(), curvature.item()
    (27.0, 18.0)
    """
    if callable(outputs) or inputs is _NOT_GIVEN:
        raise TypeError(
            "grad takes results and what to differentiate them by, grad(y, x), as "
            "torch.autograd.grad; the gradient of a function f at x, which others write "
            "grad(f)(x), is value_and_grad(f)(x)[1]"
        )
    one = isinstance(outputs, Tensor)
    outputs, inputs = _tensors(outputs, "outputs"), _tensors(inputs, "inputs")
    if grad_outputs is None:
        grad_outputs = [None] * len(outputs)
    elif one and not _is_list_of_one(grad_outputs):
        grad_outputs = [grad_outputs]
    if len(grad_outputs) != len(outputs):
        raise ValueError(f"grad: {len(grad_outputs)} grad_outputs for {len(outputs)} outputs")
    for tensor, kind in [*((t, "output") for t in outputs), *((t, "input") for t in inputs)]:
        if not tensor.requires_grad:
            raise AutogradError(
                f"grad: an {kind}, {tensor._title()}, does not require a gradient; create it "
                "with requires_grad=True, or compute it from what does, outside of no_grad()"
            )
    starts = [output_gradient(y, g, "grad") for y, g in zip(outputs, grad_outputs)]
    found = _swept(outputs, starts, inputs, create_graph)
    for position, tensor in enumerate(inputs):
        if tensor not in found and not allow_unused:
            raise AutogradError(
                f"grad: input {position}, {tensor._title()} of shape {tensor.shape}, is not "
                "used by the outputs; pass allow_unused=True to get None for it"
            )
    return tuple(_as_tensor(found[t]) if t in found else None for t in inputs)


def value_and_grad(f: Function, *, create_graph: bool = False) -> Function:
    """A function that returns both f(x), a scalar, and its gradient with respect to x.

    What it is given besides x is handed on to f, as constants. `create_graph=True` records the
    backward pass, so that the gradient can be differentiated again if x requires one; inside a
    function that is being differentiated this is always so.

    >>> value, slope = value_and_grad(lambda x: (x * x).sum())(Tensor([1.0, 2.0]))
    >>> value.item(), slope
    (5.0, Tensor([2., 4.]))
    >>> value_and_grad(np.sin)(0.0)                      # plain for plain
    (np.float64(0.0), np.float64(1.0))
    """

    def both(x: Tensors, *args: Any, **kwargs: Any) -> tuple[Any, Tensors]:
        return _Point("value_and_grad", x, create_graph).pulled_back(f, args, kwargs)

    return both


def vjp(f: Function, x: Tensors, v: Any = None) -> tuple[Any, Tensors]:
    """The value f(x) and vᵀJ, the vector-Jacobian product: one reverse sweep.

    Args: v, of f(x)'s shape (None for a scalar's 1). Returns (value, product of x's shape).

    >>> value, product = vjp(lambda x: x * x, Tensor([1.0, 2.0]), [1.0, 10.0])
    >>> product
    Tensor([ 2., 40.])
    """
    return _Point("vjp", x).pulled_back(f, v=v)


def jvp(f: Function, x: Tensors, v: Tensors) -> tuple[Any, Any]:
    """The value f(x) and J v, the Jacobian-vector product: how f(x) moves when x moves by v.

    Args: v, of x's shape (a tuple for a tuple). Computed by two reverse sweeps: the first is linear
    in its vector u, and its derivative by u in the direction of v is J v.
    Returns (value, product of f(x)'s shape).

    >>> value, product = jvp(lambda x: x * x, Tensor([1.0, 2.0]), [1.0, 10.0])
    >>> product
    Tensor([ 2., 40.])
    """
    at = _Point("jvp", x)
    vs = at.vectors(v)
    value = at.value(f)
    if value._requires_grad:
        u = at.variable(np.zeros(value.shape, value.dtype))
        pulled = at.gradients(value, at.xs, u, True)
        (product,) = at.gradients(_inner(pulled, vs), [u], None, at.again)
    else:  # of integers too, which have no direction to move in
        moves = (
            value.dtype if value.dtype.kind == "f" else np.result_type(*(x.dtype for x in at.xs))
        )
        product = np.zeros(value.shape, moves)
    plain = all(at.plain)
    return at.given_back(value, plain), at.given_back(product, plain)


def hvp(f: Function, x: Tensors, v: Tensors) -> tuple[Any, Tensors]:
    """The value of the scalar f(x) and H v, the Hessian times a vector, without the Hessian.

    Args: v, of x's shape. Returns (value, product of x's shape).

    >>> value, product = hvp(lambda x: (x**3).sum(), Tensor([1.0, 2.0]), [1.0, 1.0])
    >>> product
    Tensor([ 6., 12.])
    """
    at = _Point("hvp", x)
    vs = at.vectors(v)
    value = at.value(f)
    slopes = at.gradients(value, at.xs, None, True)
    product = at.gradients(_inner(slopes, vs), at.xs, None, at.again)
    return at.given_back(value, all(at.plain)), at.like_x(product)


def jacobian(f: Function, x: Tensors = _NOT_GIVEN) -> Tensors:
    """All derivatives of f(x) by x, of shape f(x).shape + x.shape; a tuple for a tuple x.

    One reverse sweep for each element of f(x).

    >>> jacobian(lambda x: x * x, Tensor([1.0, 2.0]))
    Tensor([[2., 0.],
            [0., 4.]])
    """
    at = _Point("jacobian", x)
    return at.like_x(at.rows(at.value(f)))


def hessian(f: Function, x: Tensors = _NOT_GIVEN) -> Tensors:
    """All second derivatives of the scalar f(x), of shape x.shape + x.shape.

    For a tuple x a tuple of tuples: [i][j] has shape x[i].shape + x[j].shape, and is plain if x[i]
    and x[j] both are.

    >>> hessian(lambda x: (x**3).sum(), Tensor([1.0, 2.0]))
    Tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    at = _Point("hessian", x)
    slopes = at.gradients(at.value(f), at.xs, None, True)
    rows = [at.rows(slope) for slope in slopes]
    blocks = [at.like_x(row, only=plain) for row, plain in zip(rows, at.plain)]
    return tuple(blocks) if at.several else blocks[0]


# ---- what they share --------------------------------------------------------------------------

_COPY = declare(np.copy)


class _Point:
    """Where a function is differentiated: x as variables of our own, and the form of results.

    The variables are Tensors of their own: where f uses x itself besides its argument, that is a
    constant. While f is differentiated they are leaves, and no sweep goes beyond them; but each
    counts as the result of a copy, so f may write `x += 1`, and in the end it is one: what is given
    back depends on x through it.
    """

    __slots__ = (
        "again", "attached", "caller", "given", "nested", "owned", "plain", "several", "xs",
    )  # fmt: skip

    def __init__(self, caller: str, x: Tensors, create_graph: bool | None = None) -> None:
        if x is _NOT_GIVEN:
            raise TypeError(f"{caller} takes the function and x together: {caller}(f, x)")
        self.caller, self.several = caller, isinstance(x, tuple)
        self.given = x if self.several else (x,)
        self.plain = [not isinstance(t, Tensor) for t in self.given]
        values = [_values(caller, "x", t) for t in self.given]
        needed = [not p and t._requires_grad for t, p in zip(self.given, self.plain)]
        xs = [t for t, n in zip(self.given, needed) if n]
        self.attached = True in needed
        # `again`: record the backward pass. `nested`: what f took from around it may require a
        # gradient of its own, and results that depend on that stay in its graph.
        self.nested = bool(create_graph) or inside(differentiation) or any(map(_of_outer, xs))
        self.again = self.nested or (create_graph is None and self.attached)
        self.owned: set[Any] = set()  # the variables behind which there is nothing
        self.xs = [self.variable(value, not n) for value, n in zip(values, needed)]

    def variable(self, value: Any, owned: bool = True) -> Tensor:
        """A new variable with these values, in floats."""
        variable = Tensor(value if value.dtype.kind == "f" else value.astype(np.float64), True)
        variable._op, variable._birth = _COPY, next_birth()
        if owned:
            self.owned.add(variable)
        return variable

    def link(self) -> None:
        """Make the variables what they count as, copies of x, where x requires a gradient."""
        for variable, t in zip(self.xs, self.given):
            if variable not in self.owned:
                variable._op, variable._inputs, variable._args = _COPY, (t,), (t._value,)

    def vectors(self, v: Any) -> list[Tensor]:
        """The vectors of a product, one of each variable's shape."""
        entries = v if isinstance(v, tuple) else (v,)
        vs = [t if isinstance(t, Tensor) else Tensor(_values(self.caller, "v", t)) for t in entries]
        if [t.shape for t in vs] != [t.shape for t in self.xs]:
            raise ValueError(
                f"{self.caller}: v must have the shapes of x, {[t.shape for t in self.xs]}, "
                f"got {[t.shape for t in vs]}"
            )
        return vs

    def value(self, f: Function, args: Any = (), kwargs: Any = None) -> Tensor:
        """f at the variables, recorded."""
        if not callable(f):
            raise TypeError(
                f"{self.caller}: f must be a function of x, got {type(f).__name__}; derivatives of "
                "a result are grad(y, x)"
            )
        with differentiation:
            value = f(*self.xs, *args, **(kwargs or {}))
        if not isinstance(value, Tensor):
            raise TypeError(
                f"{self.caller}: f must return one Tensor, got {type(value).__name__}"
                + "; join several by np.stack([...])" * isinstance(value, (list, tuple))
            )
        return value

    def gradients(self, value: Tensor, variables: list[Any], v: Any, again: bool) -> list[Any]:
        """v carried back to the variables: as Tensors if `again`, else as arrays of their own.

        Zeros where something is not used.
        """
        start = output_gradient(value, v, self.caller)
        found = _swept([value], [start], variables, again) if value._requires_grad else {}
        if not again:
            return _unshared(found, variables)
        return [_as_tensor(found[t] if t in found else _zeros(t)) for t in variables]

    def rows(self, value: Tensor) -> list[Any]:
        """All derivatives of a value by the variables, a row for each of its elements."""
        rows = []
        for k in range(value.size if value._requires_grad else 0):
            one = np.zeros(value.size, value.dtype)
            one[k] = 1
            rows.append(self.gradients(value, self.xs, one.reshape(value.shape), self.again))
        if not rows:
            return [np.zeros(value.shape + x.shape, x.dtype) for x in self.xs]
        return [np.stack(c).reshape(value.shape + x.shape) for c, x in zip(zip(*rows), self.xs)]

    def pulled_back(
        self, f: Function, args: Any = (), kwargs: Any = None, v: Any = None
    ) -> tuple[Any, Tensors]:
        """The value f(x), and v carried back through f to x."""
        value = self.value(f, args, kwargs)
        slopes = self.gradients(value, self.xs, v, self.again)
        return self.given_back(value, all(self.plain)), self.like_x(slopes)

    def like_x(self, results: list[Any], only: bool = True) -> Tensors:
        """A result for each variable, in the form of x; plain ones `only` where it allows them."""
        given = [self.given_back(r, only and plain) for r, plain in zip(results, self.plain)]
        return tuple(given) if self.several else given[0]

    def given_back(self, found: Any, plain: bool) -> Any:
        """A result as a Tensor, or plain; without its graph, unless that is wanted."""
        if isinstance(found, Tensor):
            if found._requires_grad and (
                (self.attached and not plain) or (self.nested and self._looks_out(found))
            ):
                self.link()
                return found
            if not plain:
                return found.detach()
            found = found._value if isinstance(found._value, np.generic) else found._value.copy()
        if not plain:
            return Tensor(found)
        return found if found.ndim else found[()]

    def _looks_out(self, found: Tensor) -> bool:
        """Whether a result depends on anything that requires a gradient but our own variables."""
        if found._inputs == ():
            return found not in self.owned
        return any(
            parent is not None and parent._inputs == () and parent not in self.owned
            for node in topological_order([found])
            for parent in node._inputs
        )


def _of_outer(t: Tensor) -> bool:
    """Whether a Tensor comes from the variable of a transform: also where f hands its work to a
    thread, which does not know what is around it."""
    nodes = [t, *(topological_order([t]) if t._inputs != () else ())]
    return any(
        leaf is not None and leaf._op is _COPY and leaf._inputs == ()
        for node in nodes
        for leaf in (node, *node._inputs)
    )


def _swept(outputs: Any, starts: list[Any], inputs: Any, create_graph: bool) -> dict[Any, Any]:
    """The gradients by inputs, from those of the outputs; recorded with `create_graph`."""
    if not create_graph:
        return sweep(outputs, [getattr(g, "_value", g) for g in starts], inputs=inputs)
    with differentiation:  # for rules that differentiate a function themselves
        return sweep(outputs, starts, inputs=inputs, create_graph=True)


def _unshared(found: dict[Any, Any], variables: list[Any]) -> list[Any]:
    """The gradients that were found, as arrays that share memory with nothing else."""
    holders = [Node() for _ in variables]
    commit({h: found.pop(t) if t in found else _zeros(t) for h, t in zip(holders, variables)})
    return [holder._grad for holder in holders]


def _zeros(t: Tensor) -> Any:
    return np.zeros(t.shape, t.dtype)


def _inner(a: list[Tensor], b: list[Tensor]) -> Tensor:
    """The sum of all products, a scalar; connected even where nothing is used."""
    with differentiation:
        total = (a[0] * b[0]).sum()
        for s, t in zip(a[1:], b[1:]):
            total = total + (s * t).sum()
    return total


def _values(caller: str, what: str, value: Any) -> Any:
    """The numbers of x, or of one entry of a tuple x; what holds several variables is refused."""
    if isinstance(value, Tensor):
        return value._value
    if value.__class__ is np.ndarray and value.dtype.kind in "fiub":
        return value
    several = hasattr(value, "__next__") or callable(getattr(value, "parameters", None))
    if several or isinstance(value, (list, tuple, dict)) and _holds_arrays(value):
        raise TypeError(
            f"{caller}: {what} holds several Tensors or arrays in a {type(value).__name__}; give "
            "them as a tuple, and f takes each as an argument of its own: tuple(params) of a list, "
            "tuple(params.values()) of a dict, tuple(model.parameters()) of a model"
        )
    return Tensor(value)._value


def _holds_arrays(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(_holds_arrays(v) for v in value)
    return isinstance(value, (Tensor, np.ndarray, dict))


def _tensors(value: Any, role: str) -> list[Tensor]:
    single = isinstance(value, Tensor) or not hasattr(value, "__iter__")
    tensors = [value] if single else list(value)
    for t in tensors:
        if not isinstance(t, Tensor):
            raise TypeError(
                f"grad: {role} must be a Tensor or a list of them, got {type(t).__name__}"
            )
    return tensors


def _is_list_of_one(grad_outputs: Any) -> bool:
    """Whether these are the gradients of one output in a list, not numbers: [array], not [1.0]."""
    return (
        isinstance(grad_outputs, (list, tuple))
        and len(grad_outputs) == 1
        and (grad_outputs[0] is None or isinstance(grad_outputs[0], (Tensor, np.ndarray)))
    )


def _as_tensor(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else Tensor(value)
