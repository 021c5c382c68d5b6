"""Checking derivatives against finite differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd.errors import GradcheckError
from autograd.mode import differentiation
from autograd.tensor import Tensor
from autograd.transforms import grad

__all__ = ["gradcheck", "gradgradcheck"]


def gradcheck(
    f: Callable[..., Any],
    inputs: Tensor | Sequence[Tensor],
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
) -> bool:
    """Compare the gradients of f at `inputs` with central differences; True if all agree.

    Args: f, a function of the inputs that returns a Tensor or several; inputs, float64 Tensors, of
        which those that require a gradient are checked (all elements, so keep them small); eps, the
        step; an error above atol + rtol |numeric| fails.
    Raises GradcheckError naming output, input, element, and both values; it also finds a rule that
    forgets its incoming gradient or changes it in place. TypeError unless float64: in float32
    rounding alone looks like a wrong gradient.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> gradcheck(lambda x: np.sin(x) * x, x)
    True
    """
    inputs, checked = _prepared(inputs, "gradcheck")
    outputs = _outputs(f, inputs)
    for k, output in enumerate(outputs):
        if not output.requires_grad:
            raise GradcheckError(
                f"output {k} does not depend on the inputs through recorded operations; does f "
                "use .data, .numpy() or no_grad inside?"
            )
        # Weights that differ for every element: a rule that forgets g is seen by its result.
        weights = 1 + np.arange(output.size).reshape(output.shape) / (2 + output.size)
        for i, x in checked:
            numeric = _numeric(lambda: _outputs(f, inputs)[k].data, x, eps)  # noqa: B023
            _compare_rows(output, k, i, x, numeric, atol, rtol)
            expected = np.tensordot(weights, numeric, axes=output.ndim)
            _compare(_analytic(output, x, weights), expected, (k, i), "weighted ", atol, rtol)
    return True


def gradgradcheck(
    f: Callable[..., Any],
    inputs: Tensor | Sequence[Tensor],
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
) -> bool:
    """Compare the second derivatives of f at `inputs` with central differences of the first.

    Arguments and errors as for `gradcheck`. The gradients' dependence on the incoming gradient is
    checked too.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> gradgradcheck(lambda x: np.sin(x) * x, x)
    True
    """
    inputs, checked = _prepared(inputs, "gradgradcheck")
    vectors = [
        Tensor(1 + np.arange(y.size).reshape(y.shape) / (2 + y.size), requires_grad=True)
        for y in _outputs(f, inputs)
    ]
    n = len(inputs)

    def first(*arguments: Tensor) -> list[Tensor]:
        outputs = _outputs(f, list(arguments[:n]))
        xs = [arguments[i] for i, _ in checked]
        found = grad(outputs, xs, arguments[n:], create_graph=True, allow_unused=True)
        # A gradient without a graph claims to be constant; tied to a vector, it is checked too.
        tie = 0 * arguments[n].sum()
        return [g if g.requires_grad else g + tie for g in found if g is not None]

    arguments = [*inputs, *vectors]
    return not first(*arguments) or gradcheck(first, arguments, eps=eps, atol=atol, rtol=rtol)


def _prepared(inputs: Any, caller: str) -> tuple[list[Tensor], list[tuple[int, Tensor]]]:
    """The inputs as leaves of their own, so that stepping an element disturbs nobody."""
    given = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    leaves = []
    for i, t in enumerate(given):
        if not isinstance(t, Tensor):
            raise TypeError(f"{caller}: input {i} must be a Tensor, got {type(t).__name__}")
        if t.requires_grad and t.dtype != np.float64:
            raise TypeError(
                f"{caller}: input {i} is {t.dtype}; finite differences need float64, "
                "Tensor(data, requires_grad=True, dtype=np.float64)"
            )
        leaves.append(Tensor(np.array(t.numpy()), t.requires_grad, name=t.name))
    checked = [(i, t) for i, t in enumerate(leaves) if t.requires_grad]
    if not checked:
        raise ValueError(f"{caller}: no input requires a gradient, so there is nothing to check")
    return leaves, checked


def _outputs(f: Callable[..., Any], inputs: Sequence[Tensor]) -> list[Tensor]:
    """What f gives, as a transform calls it: it may write `x += 1`, and transforms in it record."""
    with differentiation:
        outputs = f(*[x.clone() if x.requires_grad else x for x in inputs])
    outputs = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    for output in outputs:
        if not isinstance(output, Tensor):
            raise TypeError(f"f must return Tensors, got {type(output).__name__}")
    return outputs


def _numeric(value: Callable[[], Any], x: Tensor, eps: float) -> Any:
    """The Jacobian by central differences, of shape output.shape + x.shape."""
    original = np.array(x.data)
    columns = []
    try:
        for place in np.ndindex(original.shape):
            ends = []
            for step in (eps, -eps):
                moved = original.copy()
                moved[place] += step
                x.assign_(moved)
                ends.append(np.array(value()))
            columns.append((ends[0] - ends[1]) / (2 * eps))
    finally:
        x.assign_(original)
    shape = columns[0].shape if columns else np.shape(value())
    stacked = np.stack(columns, axis=-1) if columns else np.zeros((*shape, 0))
    return stacked.reshape(shape + original.shape)


def _analytic(output: Tensor, x: Tensor, weights: Any) -> Any:
    before = weights.copy()
    (g,) = grad(output, x, weights, allow_unused=True)
    if not np.array_equal(before, weights):
        raise GradcheckError("a rule changed its incoming gradient in place")
    return np.zeros(x.shape) if g is None else g.data


def _compare_rows(
    output: Tensor, k: int, i: int, x: Tensor, numeric: Any, atol: float, rtol: float
) -> None:
    for place in np.ndindex(output.shape):
        one = np.zeros(output.shape, output.dtype)
        one[place] = 1
        element = f"element {place} of " if output.ndim else ""
        _compare(_analytic(output, x, one), numeric[place], (k, i), element, atol, rtol)


def _compare(
    analytic: Any, numeric: Any, which: tuple[int, int], element: str, atol: float, rtol: float
) -> None:
    agrees = np.isclose(analytic, numeric, rtol=rtol, atol=atol, equal_nan=True)
    if not np.all(agrees):
        place = tuple(int(n) for n in np.argwhere(~np.asarray(agrees))[0])
        k, i = which
        raise GradcheckError(
            f"the derivative of {element}output {k} by element {place} of input {i} is "
            f"{np.asarray(analytic)[place]:.10g} by the rules, but "
            f"{np.asarray(numeric)[place]:.10g} by finite differences"
        )
