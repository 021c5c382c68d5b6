"""Products whose elements are of very different sizes: each derivative is a product of the others,
with every element once, whatever their sizes; compared with exact fractions."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import prod
from typing import Any

import numpy as np
import pytest

from autograd import Tensor, grad, hessian

ARRAYS = {
    "nearly zero": [1e-18, 2.0, -3.0, 0.5],
    "two nearly zero": [0.25, 1e-17, -2.0, 3e-16],
    "zero": [0.0, 2.0, -3.0, 0.5],
    "two zeros": [0.0, 2.0, 0.0, 0.5],
    "thousands": [1e3, -2.0, 1e-3, 0.5],
    "a bit apart": [0.1, 3.0, -0.2, 2.9],
    "alike": [1.5, -2.0, 0.75, 0.5],
    "the smallest": [1e-310, 2.0, -3.0, 0.5],
}
WEIGHTS = [3.0, -1.0, 0.5, 2.0]


def weighted_products(a: Any) -> Any:
    return np.sum(np.cumprod(a) * np.array(WEIGHTS, a.dtype))


FUNCTIONS = {
    "prod": lambda a: np.prod(a),
    "prod of rows": lambda a: np.sum(np.prod(a.reshape(1, 4), axis=1, keepdims=True)),
    "prod of all axes": lambda a: np.prod(a.reshape(2, 2), axis=(0, 1)),
    "reduce": lambda a: np.multiply.reduce(a),
    "method": lambda a: a.prod(),
    "cumprod": weighted_products,
    "accumulate": lambda a: np.sum(np.multiply.accumulate(a) * np.array(WEIGHTS, a.dtype)),
}


def exact(name: str, a: list[float], *by: int) -> float:
    """The derivative by elements, which are different or it is 0."""
    if len(set(by)) < len(by):
        return 0.0
    lengths = dict(enumerate(WEIGHTS, 1)) if name in ("cumprod", "accumulate") else {len(a): 1.0}
    terms = [
        Fraction(weight) * prod(Fraction(a[k]) for k in range(length) if k not in by)
        for length, weight in lengths.items()
        if max(by) < length
    ]
    return float(sum(terms))


def largest(name: str, a: list[float], order: int) -> float:
    return max(abs(exact(name, a, *by)) for by in product(range(4), repeat=order))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("array", ARRAYS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_second_derivatives_are_products_of_the_others(name: str, array: str, dtype: Any) -> None:
    x = np.array(ARRAYS[array], dtype)
    a = [float(v) for v in x]
    found = hessian(FUNCTIONS[name], Tensor(x)).numpy()
    expected = [[exact(name, a, i, j) for j in range(4)] for i in range(4)]
    tolerance = 200 * np.finfo(dtype).eps
    np.testing.assert_allclose(found, expected, tolerance, tolerance * largest(name, a, 2))
    np.testing.assert_allclose(found, found.T, tolerance, tolerance * largest(name, a, 2))


@pytest.mark.parametrize("array", ARRAYS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_third_derivatives(name: str, array: str) -> None:
    a = ARRAYS[array]
    x = Tensor(a, requires_grad=True)
    (first,) = grad(FUNCTIONS[name](x), x, create_graph=True)
    for i, j in ((0, 1), (2, 0), (1, 1), (3, 2)):
        (second,) = grad(first[i], x, create_graph=True)
        found = [0.0] * 4
        if second.requires_grad:
            found = grad(second[j], x, allow_unused=True)[0]
            found = [0.0] * 4 if found is None else found.numpy()
        expected = [exact(name, a, i, j, k) for k in range(4)]
        np.testing.assert_allclose(found, expected, 1e-11, 1e-11 * largest(name, a, 3))
