"""What a compiled function gives: kinds, memory of its own, warnings as the function's."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autograd import Tensor, compile, value_and_grad
from tests.compiled import against_itself, outcome

A, B = np.array([1.0, 2.0, 3.0]), np.array([-1.0, 2.0, 5.0])
outer = np.ones(3)

OUTPUTS: list[Callable[..., Any]] = [
    lambda x: x,
    lambda x: (x[1:], x.T, x[::-1], x[None]),
    lambda x: (None, "a", 3, 2.5, True, x * 2, {"k": x, "j": [x + 1, x + 1]}),
    lambda x: (x.sum(), np.sum(x), x[0], -x[0], abs(x[0]), x.sum() // 2, divmod(x.sum(), 2.0)),
    lambda x: (x > 1, (x > 1).any(), bool((x > 1).any()), np.argmax(x)),
    lambda x: (len(x), x.shape, x.ndim, x.size),
    lambda x: (np.ones(3), outer, x * outer),
    lambda x: (Tensor(x) * 2, Tensor(x).sum(), Tensor(3.0), Tensor(x)),
    lambda x: (x // 2, x % 2, np.modf(x), np.frexp(x)),
    lambda x: [],
]


@pytest.mark.parametrize("function", OUTPUTS)
def test_kinds_of_results(function: Callable[..., Any]) -> None:
    faster = against_itself(function, A, B, A)
    assert faster.versions == 1 and faster.eager_calls == 0


def test_whole_numbers() -> None:
    function = lambda x: (x // 2, x % 2, x << 1, ~x, x / 2, x**2)  # noqa: E731
    assert against_itself(function, np.arange(4), np.arange(4) * 3).eager_calls == 0


def test_what_is_given_belongs_to_the_caller() -> None:
    def function(x: Any) -> Any:
        y = x * 2
        return y, y, y[1:], outer, np.ones(3), np.tanh(x) @ np.ones((3, 3))

    faster = compile(function)
    faster(A)
    x = A.copy()
    first = faster(x)
    kept = [y.copy() for y in first]
    second = faster(B)
    assert all(y.tolist() == z.tolist() for y, z in zip(first, kept))
    for y in (*first, *second):
        y[...] = 99
    assert x.tolist() == A.tolist() and outer.tolist() == [1.0] * 3
    assert [y.tolist() for y in faster(x)] == [y.tolist() for y in kept]
    assert faster.versions == 1 and faster.eager_calls == 0


def test_an_argument_that_is_given_back_is_the_argument() -> None:
    faster = compile(lambda x: (x, x[1:], x * 2))
    faster(A)
    x = B.copy()
    whole, part, _ = faster(x)
    assert whole is x and np.shares_memory(part, x) and faster.eager_calls == 0


def test_tensors_given_are_leaves() -> None:
    faster = compile(lambda x: Tensor(x) * 2)
    faster(A)
    y = faster(A)
    y.requires_grad = True
    (y * y).sum().backward()
    assert y.grad.tolist() == [4.0, 8.0, 12.0] and faster.eager_calls == 0


def test_not_a_number_goes_through() -> None:
    function = value_and_grad(lambda x: np.log(x).sum())
    bad = [np.array([np.nan, 1, 2]), np.array([np.inf, 0.0, 2]), np.array([-np.inf, -0.0, -2])]
    faster = against_itself(function, A, *bad, A)
    assert faster.versions == 1 and faster.eager_calls == 0


def test_forward_warns_and_backward_is_silent() -> None:
    faster = against_itself(lambda x: np.log(x) / x, B, A, B, A * 0)
    assert faster.versions == 1 and faster.eager_calls == 0
    assert outcome(faster, B)[2] == {"invalid value encountered in log"}
    root = value_and_grad(lambda x: np.sqrt(x).sum())
    assert against_itself(root, np.array([0.0, 1.0]), np.array([4.0, 0.0])).versions == 1
    refused = against_itself(lambda x: np.log(x) * float(x[1]), B, A, B)
    assert refused.versions == 0


def test_each_call_warns_once() -> None:
    faster = compile(lambda x: np.log(x) + 1)
    for _ in range(3):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            faster(B)
        assert len(caught) == 1


def silent(x: Any) -> Any:
    y = np.sqrt(x)
    with np.errstate(all="ignore"):
        z = np.log(x)
    return y + z / np.zeros(3)


def strict(x: Any) -> Any:
    with np.errstate(all="raise"):
        return np.log(x)


def test_states_of_errors() -> None:
    assert against_itself(silent, A, B, A).eager_calls == 0
    assert against_itself(strict, A, B, A).eager_calls == 1
    faster = compile(lambda x: np.log(x).sum())
    with np.errstate(all="raise"):
        assert faster(A) == np.log(A).sum() and faster.versions == 0
        assert "np.errstate" in faster.reason
        with pytest.raises(FloatingPointError, match="invalid value encountered in log"):
            faster(B)
    faster = compile(lambda x: np.log(x).sum())
    faster(A)
    with np.errstate(all="raise"), pytest.raises(FloatingPointError, match="in log"):
        faster(B)
    with np.errstate(all="ignore"):
        assert np.isnan(faster(B))


def test_half_precision() -> None:
    x = np.linspace(-3, 3, 8).astype(np.float16)
    function = value_and_grad(lambda x: (np.tanh(x) * x).sum() / np.mean(x * x))
    faster = against_itself(function, x, x * np.float16(2), x * np.float16(300))
    assert faster.eager_calls == 0 and faster(x)[1].dtype == np.float16


def test_large_arrays() -> None:
    x = np.random.default_rng(0).normal(size=(1200, 1000))
    faster = against_itself(value_and_grad(lambda x: np.logaddexp(x, -x).mean()), x, x * 2, -x)
    assert faster.versions == 1 and faster.eager_calls == 0
