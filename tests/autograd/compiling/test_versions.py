"""One version for each kind of call: shapes, dtypes, memory orders, structures, numbers."""

from __future__ import annotations

import enum
from typing import Any

import numpy as np
import pytest

from autograd import Tensor, compile, no_grad, value_and_grad
from tests.compiled import against_itself

A, B = np.array([1.0, 2.0, 3.0]), np.array([-1.0, 2.0, 5.0])


def test_dtypes_and_shapes() -> None:
    kinds = [
        A, A.astype("f4"), A.astype("f2"), A.astype(int), A > 2, np.array(2.0), 2.0, 2,
        np.float32(2), A.astype(">f8"), A.astype("f4")[::2], A[:0], np.ones((2, 0, 3)),
    ]  # fmt: skip
    faster = against_itself(lambda x: x * 2 + 1, *kinds, *kinds)
    assert faster.eager_calls == 0 and faster.versions == len(kinds)


def test_memory_orders() -> None:
    C = np.arange(6.0).reshape(3, 2)
    orders = [
        C,
        np.asfortranarray(C),
        np.ones((6, 4))[::2, ::2],
        C[::-1],
        np.broadcast_to(A, (2, 3)),
    ]
    orders += [np.arange(6.0).reshape(1, 6)[:, ::3], np.ones((3, 1))[::-1], np.ones((0, 3)).T]
    faster = against_itself(value_and_grad(lambda x: (np.tanh(x.T) @ x).sum()), *orders, *orders)
    assert faster.eager_calls == 0


def test_numbers_and_arrays_without_axes_are_one() -> None:
    numbers = [np.array(1.0), np.float64(2.0), np.array(3.0)]
    assert against_itself(lambda x: (x * 2, x.sum(), np.exp(x)), *numbers).versions == 1


def test_at_most_sixteen_and_the_oldest_goes() -> None:
    faster = compile(lambda x: x * 2)
    for n in range(1, 31):
        assert faster(np.ones(n)).tolist() == [2.0] * n
    assert faster.versions == 16 and faster.eager_calls == 0
    before = [version.text for version in faster._versions]
    faster(np.ones(30))
    assert [version.text for version in faster._versions] == before
    faster(np.ones(1))
    assert faster.versions == 16 and "(1,)" in faster._versions[0].text


def test_python_floats_are_values_and_weak() -> None:
    x = A.astype("f4")
    faster = against_itself(lambda x, s: x * (s * 2 + 1) ** 2 / s, (x, 2.0), (x, 3.0), (x, -0.5))
    assert faster.versions == 1 and faster(x, 4.0).dtype == np.float32
    faster = against_itself(lambda x, s: Tensor(s) * x, (x, 2.0), (x, 3.0))
    assert faster.versions == 1 and faster(x, 4.0).dtype == np.float64
    kinds = [(x, 2.0), (x, np.float64(2)), (x, np.float32(2)), (x, 2), (x, True)]
    assert against_itself(lambda x, s: x * s, *kinds).versions == 5
    # (NumPy 2.0 looks at an exponent, and takes np.square for 2.)
    powers = against_itself(lambda x, s: x**s, (A, 2.0), (A, 0.5), (A, -1.0))
    assert powers.versions in (1, 3) and powers.eager_calls == 0
    assert against_itself(lambda x, s: x * s if s > 0 else x, (A, 2.0), (A, -1.0)).versions == 1
    assert (
        against_itself(lambda x, s: x * s, (A, 2.0), (A, float("nan")), (A, np.inf)).versions == 1
    )


def test_whole_numbers_strings_and_flags_are_fixed() -> None:
    assert against_itself(lambda x, n: x**n, (A, 2), (A, 3), (A, -1), (A, 2)).versions == 3
    total = lambda x, how, keep: getattr(x, how)(keepdims=keep)  # noqa: E731
    assert (
        against_itself(total, (A, "sum", False), (A, "mean", True), (B, "sum", False)).versions == 2
    )
    assert against_itself(lambda x, t: x.astype(t), (A, np.float32), (B, np.float32)).versions == 1


def test_a_counter_is_not_recorded_for_ever() -> None:
    faster = compile(lambda x, step: x * step)
    for step in range(100):
        assert faster(A, step).tolist() == (A * step).tolist()
    assert faster.eager_calls >= 30
    assert faster.reason == "no call is like another; give what changes as float or array"


Key = enum.Enum("Key", "a b")


def test_structures() -> None:
    def nested(batch: Any, *, scale: float = 2.0, **more: Any) -> Any:
        (x, [y]), z = batch["pair"], more.get("z", 0.0)
        return {"y": x * scale + z, "rest": (y, [x.sum(), None]), "name": "n", Key.a: True}

    faster = compile(nested)
    for x, y, kwargs in [(A, B, {}), (B, A, {}), (A, A, {"scale": 3.0}), (A, B, {"z": B})]:
        expected = nested({"pair": (x, [y])}, **kwargs)
        found = faster({"pair": (x, [y])}, **kwargs)
        assert list(found) == list(expected) and found["name"] == "n" and found[Key.a] is True
        assert found["y"].tolist() == expected["y"].tolist()
        assert type(found["rest"]) is tuple and type(found["rest"][1]) is list
        assert found["rest"][0].tolist() == y.tolist() and found["rest"][1][0] == x.sum()
    assert faster.versions == 3 and faster.eager_calls == 0


@pytest.mark.parametrize("key", ["k", 3, (1, 2), Key.a, np.int64(4), None])
def test_keys(key: Any) -> None:
    against_itself(lambda d: {key: d[key] * 2}, {key: A}, {key: B}, {key: A, "more": B})


class Sub(Tensor):
    pass


UNSUITED = [
    (A * 1j, "an argument holds complex128"),
    (A.view(np.recarray), "an argument is of a subclass of ndarray, recarray"),
    (np.ma.array(A), "an argument is of a subclass of ndarray, MaskedArray"),
    (np.array([1, "a"], object), "an argument holds object"),
    (np.array(["a"]), "an argument holds <U1"),
    (Sub(A), "an argument is of a subclass of Tensor"),
    (range(3), "an argument is of the kind range"),
    (Tensor(A, requires_grad=True), "an argument requires a gradient"),
]


@pytest.mark.parametrize(("given", "reason"), UNSUITED)
def test_arguments_that_no_program_takes(given: Any, reason: str) -> None:
    faster = compile(lambda x: x)
    assert faster(given) is given
    assert faster.versions == 0 and faster.eager_calls == 1 and faster.reason.startswith(reason)


def test_gradients_flow_through_a_function_that_is_called_itself() -> None:
    faster = compile(lambda x: (x * x).sum())
    faster(Tensor(A))
    x = Tensor(A, requires_grad=True)
    faster(x).backward()
    assert x.grad.tolist() == [2.0, 4.0, 6.0] and faster.versions == 1
    with no_grad():
        assert not faster(x).requires_grad and not faster(x).requires_grad
    assert faster(x).requires_grad
    assert faster.versions == 2


def test_a_result_with_a_graph_is_refused() -> None:
    w = Tensor(B, requires_grad=True)
    faster = compile(lambda x: (w * x).sum())
    faster(A).backward()
    faster(A).backward()
    assert w.grad.tolist() == [2.0, 4.0, 6.0]
    assert faster.versions == 0 and "requires a gradient" in faster.reason
