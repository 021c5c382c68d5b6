"""Functions of functions: gradients, Jacobians, Hessians and their products with vectors.

Each takes f and x, a Tensor or a tuple of Tensors (then f takes as many), calls f, and gives
Tensors. If x requires a gradient, what they return can be differentiated again; otherwise it is
plain values. All of it is the one reverse sweep, run again on its own graph where need be.

May import: tensor and everything below it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd.engine import sweep
from autograd.errors import AutogradError
from autograd.mode import enable_grad
from autograd.tensor import Tensor, output_gradient

__all__ = ["grad", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"]

Function = Callable[..., Any]
Tensors = Any  # a Tensor or a tuple of Tensors


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
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
    requires no gradient.

    >>> x = Tensor(3.0, requires_grad=True)
    >>> (slope,) = grad(x * x * x, x, create_graph=True)
    >>> (curvature,) = grad(slope, x)
    >>> slope.item(), curvature.item()
    (27.0, 18.0)
    """
    return _differentiated("grad", outputs, inputs, grad_outputs, create_graph, allow_unused)


def value_and_grad(f: Function) -> Function:
    """A function that returns both f(x), a scalar, and its gradient with respect to x.

    >>> value, slope = value_and_grad(lambda x: (x * x).sum())(Tensor([1.0, 2.0]))
    >>> value.item(), slope
    (5.0, Tensor([2., 4.]))
    """

    def both(x: Tensors) -> tuple[Tensor, Tensors]:
        return _pulled_back("value_and_grad", f, x, None)

    return both


def vjp(f: Function, x: Tensors, v: Any = None) -> tuple[Tensor, Tensors]:
    """The value f(x) and vᵀJ, the vector-Jacobian product: one reverse sweep.

    Args: v, of f(x)'s shape (None for a scalar's 1). Returns (value, product of x's shape).

    >>> value, product = vjp(lambda x: x * x, Tensor([1.0, 2.0]), [1.0, 10.0])
    >>> product
    Tensor([ 2., 40.])
    """
    return _pulled_back("vjp", f, x, v)


def jvp(f: Function, x: Tensors, v: Tensors) -> tuple[Tensor, Tensor]:
    """The value f(x) and J v, the Jacobian-vector product: how f(x) moves when x moves by v.

    Args: v, of x's shape (a tuple for a tuple). Computed by two reverse sweeps: the first is linear
    in its vector u, and its derivative by u in the direction of v is J v.
    Returns (value, product of f(x)'s shape).

    >>> value, product = jvp(lambda x: x * x, Tensor([1.0, 2.0]), [1.0, 10.0])
    >>> product
    Tensor([ 2., 40.])
    """
    xs, again = _variables(x)
    vs = _vectors(v, xs, "jvp")
    value = _value(f, xs, "jvp")
    u = Tensor(np.zeros(value.shape, value.dtype), requires_grad=True)
    pulled = _gradients("jvp", value, xs, u, True)
    (product,) = _gradients("jvp", _inner(pulled, vs), [u], None, again)
    return _released(value, again), _released(product, again)


def hvp(f: Function, x: Tensors, v: Tensors) -> tuple[Tensor, Tensors]:
    """The value of the scalar f(x) and H v, the Hessian times a vector, without the Hessian.

    Args: v, of x's shape. Returns (value, product of x's shape).

    >>> value, product = hvp(lambda x: (x**3).sum(), Tensor([1.0, 2.0]), [1.0, 1.0])
    >>> product
    Tensor([ 6., 12.])
    """
    xs, again = _variables(x)
    vs = _vectors(v, xs, "hvp")
    value = _value(f, xs, "hvp")
    slopes = _gradients("hvp", value, xs, None, True)
    product = _gradients("hvp", _inner(slopes, vs), xs, None, again)
    return _released(value, again), _like(x, product, again)


def jacobian(f: Function, x: Tensors) -> Tensors:
    """All derivatives of f(x) by x, of shape f(x).shape + x.shape; a tuple for a tuple x.

    One reverse sweep for each element of f(x).

    >>> jacobian(lambda x: x * x, Tensor([1.0, 2.0]))
    Tensor([[2., 0.],
            [0., 4.]])
    """
    xs, again = _variables(x)
    value = _value(f, xs, "jacobian")
    rows = []
    for k in range(value.size):
        one = np.zeros(value.size, value.dtype)
        one[k] = 1
        rows.append(_gradients("jacobian", value, xs, one.reshape(value.shape), again))
    columns = []
    for i, t in enumerate(xs):
        stacked = np.stack([r[i] for r in rows]) if rows else np.zeros((0, *t.shape), t.dtype)
        columns.append(_as_tensor(stacked).reshape(value.shape + t.shape))
    return _like(x, columns, again)


def hessian(f: Function, x: Tensors) -> Tensors:
    """All second derivatives of the scalar f(x), of shape x.shape + x.shape.

    For a tuple x a tuple of tuples: [i][j] has shape x[i].shape + x[j].shape.

    >>> hessian(lambda x: (x**3).sum(), Tensor([1.0, 2.0]))
    Tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    xs, again = _variables(x)

    def slope(i: int) -> Function:
        return lambda *ys: _gradients(
            "hessian", _value(f, list(ys), "hessian"), list(ys), None, True
        )[i]

    if isinstance(x, tuple):
        blocks = tuple(jacobian(slope(i), tuple(xs)) for i in range(len(xs)))
        return tuple(_like(x, list(row), again) for row in blocks)
    return _released(jacobian(slope(0), xs[0]), again)


# ---- what they share --------------------------------------------------------------------------


def _differentiated(
    caller: str, outputs: Any, inputs: Any, grad_outputs: Any, create_graph: bool, unused: bool
) -> tuple[Any, ...]:
    """What `grad` does, under the name by which it was called."""
    one = isinstance(outputs, Tensor)
    outputs, inputs = _tensors(caller, outputs, "outputs"), _tensors(caller, inputs, "inputs")
    if grad_outputs is None:
        grad_outputs = [None] * len(outputs)
    elif one and not _is_list_of_one(grad_outputs):
        grad_outputs = [grad_outputs]
    if len(grad_outputs) != len(outputs):
        raise ValueError(f"{caller}: {len(grad_outputs)} grad_outputs for {len(outputs)} outputs")
    for tensor, kind in [*((t, "output") for t in outputs), *((t, "input") for t in inputs)]:
        if not tensor.requires_grad:
            raise AutogradError(
                f"{caller}: an {kind}, {tensor._title()}, does not require a gradient; create it "
                "with requires_grad=True, or compute it from what does, outside of no_grad()"
            )
    starts = [output_gradient(y, g, caller) for y, g in zip(outputs, grad_outputs)]
    if not create_graph:
        starts = [getattr(g, "_value", g) for g in starts]
    found = sweep(outputs, starts, inputs=inputs, create_graph=create_graph)
    for position, tensor in enumerate(inputs):
        if tensor not in found and not unused:
            raise AutogradError(
                f"{caller}: input {position}, {tensor._title()} of shape {tensor.shape}, is not "
                "used by the outputs; pass allow_unused=True to get None for it"
            )
    return tuple(_as_tensor(found[t]) if t in found else None for t in inputs)


def _tensors(caller: str, value: Any, role: str) -> list[Tensor]:
    single = isinstance(value, Tensor) or not hasattr(value, "__iter__")
    tensors = [value] if single else list(value)
    for t in tensors:
        if not isinstance(t, Tensor):
            raise TypeError(
                f"{caller}: {role} must be a Tensor or a list of them, got {type(t).__name__}"
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


def _variables(x: Tensors) -> tuple[list[Tensor], bool]:
    """x as Tensors that require a gradient, and whether results are to be differentiated again.

    They are Tensors of their own: where f uses x itself besides its argument, that is a constant.
    """
    xs = [_float(_as_tensor(t)) for t in (x if isinstance(x, tuple) else (x,))]
    again = any(t.requires_grad for t in xs)
    with enable_grad():
        own = [t.clone() if t.requires_grad else Tensor(t.data, requires_grad=True) for t in xs]
    return own, again


def _float(t: Tensor) -> Tensor:
    return t if t.dtype.kind == "f" else t.astype(np.float64)


def _value(f: Function, xs: list[Tensor], caller: str) -> Tensor:
    with enable_grad():
        value = f(*xs)
    if not isinstance(value, Tensor):
        raise TypeError(f"{caller}: f must return one Tensor, got {type(value).__name__}")
    return value


def _pulled_back(caller: str, f: Function, x: Tensors, v: Any) -> tuple[Tensor, Tensors]:
    """The value f(x), and v carried back through f to x."""
    xs, again = _variables(x)
    value = _value(f, xs, caller)
    return _released(value, again), _like(x, _gradients(caller, value, xs, v, again), again)


def _gradients(
    caller: str, value: Tensor, xs: list[Tensor], v: Any, create_graph: bool
) -> list[Tensor]:
    """As `grad`, with zeros for what is not used."""
    found: tuple[Any, ...] = (None,) * len(xs)
    if value.requires_grad:
        found = _differentiated(caller, value, xs, v, create_graph, True)
    else:
        output_gradient(value, v, caller)  # the same complaints as where something is used
    return [Tensor(np.zeros(t.shape, t.dtype)) if g is None else g for g, t in zip(found, xs)]


def _vectors(v: Any, xs: list[Tensor], caller: str) -> list[Tensor]:
    vs = [_as_tensor(t) for t in (v if isinstance(v, tuple) else (v,))]
    if [t.shape for t in vs] != [t.shape for t in xs]:
        raise ValueError(
            f"{caller}: v must have the shapes of x, {[t.shape for t in xs]}, "
            f"got {[t.shape for t in vs]}"
        )
    return vs


def _inner(a: list[Tensor], b: list[Tensor]) -> Tensor:
    """The sum of all products, a scalar; connected even where nothing is used."""
    with enable_grad():
        total = (a[0] * b[0]).sum()
        for s, t in zip(a[1:], b[1:]):
            total = total + (s * t).sum()
    return total


def _released(t: Tensor, again: bool) -> Tensor:
    return t if again else t.detach()


def _like(x: Tensors, results: list[Tensor], again: bool) -> Tensors:
    results = [_released(t, again) for t in results]
    return tuple(results) if isinstance(x, tuple) else results[0]
