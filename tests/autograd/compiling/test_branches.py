"""What depends on values beyond NumPy's sight: guards, refusals by name, no stale answer."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autograd import compile, value_and_grad
from tests.compiled import against_itself

A, B = np.array([1.0, 2.0, 3.0]), np.array([-1.0, 2.0, -5.0])


def branching(x: Any) -> Any:
    return (x * x).sum() if x.sum() > 0 else (x * 3).sum()


def test_a_branch_is_asked_in_each_call() -> None:
    faster = against_itself(value_and_grad(branching), A, B, -A, A, B)
    assert faster.versions == 1 and faster.eager_calls == 3
    assert faster.reason == "a branch went another way than when it was recorded"


def below(x: Any) -> Any:
    """Branches that no call of an array tells of."""
    return x * 2 if np.asarray(x).max() > 10 else x * 3


def copied(x: Any) -> Any:
    return x * 2 if np.array(x).min() < 0 else x * 3


def of_memory(x: Any) -> Any:
    return x * sum(v > 2 for v in memoryview(x))


def table(x: Any) -> Any:
    return x * np.arange(10.0)[x.astype(int) + 5]


@pytest.mark.parametrize("function", [below, copied, of_memory, table])
def test_what_is_read_out_of_sight_is_noticed(function: Callable[..., Any]) -> None:
    faster = against_itself(function, A, B, A * 4 / 3, -A, A)
    assert not faster.versions and faster.eager_calls == 5


def counted(labels: Any) -> Any:
    return float(np.asarray(labels).sum())


def highest(labels: Any) -> Any:
    return float(np.bincount(np.asarray(labels).astype(int)).max())


@pytest.mark.parametrize("of", [counted, highest])
@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.bool_])
def test_counts_of_labels_are_not_the_same_again(of: Callable[..., Any], dtype: Any) -> None:
    def function(x: Any, labels: Any) -> Any:
        if (labels < 0).any() or (labels > 1).any():  # so that other labels are no labels
            raise ValueError("labels are 0 or 1")
        return x * of(labels)

    x = np.arange(6.0)
    rows = [[0, 1, 1, 0, 0, 0], [1, 1, 1, 1, 0, 0], [0, 0, 1, 0, 1, 0], [1, 0, 0, 0, 0, 0]]
    calls = [(x, np.array(row, dtype)) for row in rows]
    faster = compile(function)
    for call in calls:
        assert faster(*call).tolist() == function(*call).tolist()
    assert not faster.versions


@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.bool_])
def test_labels_of_two_classes_need_not_leave_them(dtype: Any) -> None:
    def function(x: Any, labels: Any) -> Any:
        if not ((labels == 0) | (labels == 1)).all():
            raise ValueError("labels are 0 or 1")
        return (x * labels).sum() if x.max() < 100 else x.sum()

    faster, x = compile(value_and_grad(function)), np.arange(6.0)
    for row in ([0, 1, 1, 0, 0, 0], [1, 1, 1, 1, 0, 0], [0, 0, 0, 0, 1, 0]):
        value, slope = faster(x, np.array(row, dtype))
        assert value == x @ row and slope.tolist() == row
    assert faster.versions == 1 and faster.eager_calls == 0
    with pytest.raises(ValueError, match="labels are 0 or 1"):
        faster(x, np.array([0, 1, 1, 0, 0, 2], np.int64 if dtype is np.bool_ else dtype))


ITEMS: list[Callable[..., Any]] = [
    lambda x: x / x.sum().item(),
    lambda x: x.astype(np.float32) * x.sum().item(),
    lambda x: x.astype(np.float32) * (1 - x[:1].item() ** 2),
    lambda x: x.sum().item(),
    lambda x: [abs(-x[1].item()), x * x[1].item()],
    lambda x: (x * x.mean().item()).sum() if x[0].item() > -9 else x,
]


@pytest.mark.parametrize("function", ITEMS)
def test_an_item_is_a_float_of_pythons_own(function: Callable[..., Any]) -> None:
    faster = compile(function)
    for x in (A, B, A * 4 / 3, -A):
        found, expected = faster(x), function(x)
        pairs = zip(found, expected) if isinstance(expected, list) else [(found, expected)]
        for a, b in pairs:
            assert type(a) is type(b) and np.array_equal(a, b)
            assert getattr(a, "dtype", None) == getattr(b, "dtype", None)
    assert faster.versions == 1 and faster.eager_calls == 0
    divided = compile(lambda x: 1 / x[0].item())
    assert divided(A) == 1.0 and divided(A * 2) == 0.5
    with pytest.raises(ZeroDivisionError):
        divided(A * 0)


READS: list[tuple[Callable[..., Any], str]] = [
    (lambda x: x * float(x[0]), "float()"),
    (lambda x: x * int(x[0]), "int()"),
    (lambda x: math.exp(x[0]), "float()"),
    (lambda x: x * x.argmax().item(), ".item()"),
    (lambda x: x * int(x[0].item()), "int()"),
    (lambda x: x * math.exp(x[0].item()), "float()"),
    (lambda x: x * round(x[0].item() / 3, 1), "round()"),
    (lambda x: [x, f"{x[0].item():.0f}"], "its text"),
    (lambda x: x * sum(x.tolist()), ".tolist()"),
    (lambda x: x[x > 0], "x[mask]"),
    (lambda x: np.unique(x), "np.unique"),
    (lambda x: np.nonzero(x > 0)[0], "np.nonzero"),
    (lambda x: [x, x * 2][int(x[1] > 0)], "int()"),
    (lambda x: {1.0: x}.get(float(x[0]), -x), "float()"),
]


@pytest.mark.parametrize(("function", "reason"), READS)
def test_reading_a_value_is_refused_by_name(function: Callable[..., Any], reason: str) -> None:
    faster = against_itself(function, A, B, A)
    assert not faster.versions and reason in faster.reason


def test_iteration_and_comparisons_of_python_are_recorded() -> None:
    assert against_itself(lambda x: sum(v * v for v in x), A, B).eager_calls == 0
    assert against_itself(lambda x: max(x) * x, A, A + 1, B).versions == 1
    assert against_itself(lambda x: x * 2 if np.all(x > 0) else x, A, B, A).versions == 1


def test_an_index_that_is_computed_is_looked_up() -> None:
    assert against_itself(lambda x: x[np.argmax(x)] * x, A, B, A[::-1].copy()).eager_calls == 0


def test_labels_out_of_range_raise_and_the_next_call_is_compiled() -> None:
    x, good = np.arange(9.0).reshape(3, 3), np.array([0, 1, 2])
    picked = value_and_grad(lambda x, y: x[np.arange(3), y].sum())
    faster = against_itself(
        picked, (x, good), (x, good[::-1].copy()), (x, good + 5), (x, good), (x, good - 1)
    )
    assert faster.versions == 1 and faster.eager_calls == 1
    assert faster.reason.startswith("its program raised IndexError")


def inverted(x: Any) -> Any:
    try:
        return np.linalg.inv(x)
    except np.linalg.LinAlgError:
        return x * 0


def checking(x: Any) -> Any:
    assert x.shape == (3,)
    if not np.isfinite(x).all():
        raise ValueError("no number")
    return x + 1


def test_errors_are_those_of_the_function() -> None:
    against_itself(inverted, np.eye(2) * 2, np.zeros((2, 2)), np.eye(2) * 4)
    bad = np.array([1, np.nan, 2])
    assert against_itself(checking, A, bad, A).versions == 1
    assert against_itself(checking, bad, A, bad, A).versions == 1


def test_what_always_raises_raises() -> None:
    faster = compile(lambda x: x @ np.ones(7))
    for _ in range(20):
        with pytest.raises(ValueError, match="matmul"):
            faster(A)
    assert faster.versions == 0 and faster.reason == "it raises an error"
