"""Parameters as one vector, for whatever works on vectors: solvers, penalties, plots of a loss."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from autograd import InPlaceError, Tensor
from nn.clipping import given_parameters

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Tensor | Iterable[Tensor]) -> Tensor:
    """All parameters, each flat, one after the other: a Tensor (n,) through which gradients flow.

    Raises ValueError where there are none. Source: PyTorch's parameters_to_vector.

    >>> w, b = Tensor([[1.0, 2.0]], requires_grad=True), Tensor(3.0)
    >>> parameters_to_vector([w, b])
    Tensor([1., 2., 3.], made by concatenate)
    """
    given = given_parameters("parameters_to_vector", parameters)
    return np.concatenate([p.reshape(-1) for p in given])  # type: ignore[return-value]


def vector_to_parameters(vector: Any, parameters: Tensor | Iterable[Tensor]) -> None:
    """Give the parameters new values: each its part of the vector, in the shape and dtype it has.

    Args: vector (n,), a Tensor or an array; parameters, in the order of `parameters_to_vector`.
    Raises ValueError unless n is the number of all their elements, TypeError for values that do
    not convert, InPlaceError for a parameter that an operation made; then nothing has changed.
    Source: PyTorch's vector_to_parameters, which passes over what is left of a longer vector.

    >>> w, b = Tensor([[1.0, 2.0]], requires_grad=True), Tensor(3.0)
    >>> vector_to_parameters([4, 5, 6], [w, b])
    >>> w, b
    (Tensor([[4., 5.]], requires_grad=True), Tensor(6.))
    """
    name = "vector_to_parameters"
    given = given_parameters(name, parameters)
    try:
        values = (vector if isinstance(vector, Tensor) else Tensor(vector)).data
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: cannot take the vector: {error}") from None
    total = sum(p.size for p in given)
    if values.shape != (total,):
        raise ValueError(
            f"{name}: the parameters have {total} elements in {_counted(given)}, so the vector "
            f"must have shape ({total},), got {values.shape}"
        )
    for parameter in given:
        if not parameter.is_leaf:
            raise InPlaceError(
                f"{name}: an operation made {parameter!r}, so it is no parameter and its values "
                "cannot be changed; give it model.parameters()"
            )
        if values.dtype.kind == "f" and parameter.dtype.kind != "f":
            raise TypeError(
                f"{name}: {values.dtype} values do not fit into a parameter of {parameter.dtype}"
            )
    start = 0
    for parameter in given:
        part = values[start : start + parameter.size]
        parameter.assign_(part.reshape(parameter.shape))
        start += parameter.size


def _counted(given: list[Tensor]) -> str:
    return f"{len(given)} Tensor" + "s" * (len(given) != 1)
