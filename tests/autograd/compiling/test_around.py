"""What stands around a function: read anew, or asked whether it is the same; never stale."""

from __future__ import annotations

import dataclasses
import types
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import nn
from autograd import Tensor, compile, grad, no_grad
from tests.compiled import against_itself

A, B = np.array([1.0, 2.0, 3.0]), np.array([-1.0, 2.0, 5.0])


# ---- Tensors ----------------------------------------------------------------------------------


def test_tensors_are_read_anew() -> None:
    w = Tensor(np.array([1.0, 2.0, 3.0]), requires_grad=True)

    def function(x: Any) -> Any:
        y = (x * w * w).sum()
        return y.detach(), grad(y, [w])[0].detach()

    def change(i: int) -> None:
        if i == 1:
            w.data = w.data * 2
        elif i == 2:
            w.assign_([5, 6, 7])
        elif i == 3:
            w.grad = np.ones(3)
            nn.optim.SGD([w], lr=0.1).step()

    faster = against_itself(function, A, A, B, A, step=change)
    assert faster.versions == 1 and faster.eager_calls == 0
    w.data = w.data.astype(np.float32)
    against_itself(function, A, B, faster=faster)
    assert faster.versions == 2 and faster.eager_calls == 0


def test_hooks_are_called_before_and_after() -> None:
    w = Tensor(B, requires_grad=True)
    function = lambda x: grad((x * w).sum(), [w])[0].detach()  # noqa: E731
    faster = compile(function)
    assert faster(A).data.tolist() == [1.0, 2.0, 3.0]
    handle = w.register_hook(lambda g: g * 10)
    assert faster(A).data.tolist() == [10.0, 20.0, 30.0] and "has hooks" in faster.reason
    handle.remove()
    assert faster(A).data.tolist() == [1.0, 2.0, 3.0]


PLAIN: list[Callable[..., Any]] = [
    lambda x, t: x * t.item(),
    lambda x, t: x * t.data,
    lambda x, t: x * float(t),
    lambda x, t: x * t.numpy(),
    lambda x, t: x * t.tolist(),
    lambda x, t: x * 2 if t > 3 else x,
    lambda x, t: x * 2 if 3 < t else x,
    lambda x, t: (Tensor(x) * t).data * t.data,
    lambda x, t: x[: int(t) % 2 + 1],
    lambda x, t: x * np.argmax(np.stack([t, Tensor(3.5)])),
]


@pytest.mark.parametrize("function", PLAIN)
def test_plain_values_of_tensors_are_not_stale(function: Callable[..., Any]) -> None:
    t = Tensor(2.0)

    def change(i: int) -> None:
        t.data = np.array(2.0 + i)

    against_itself(lambda x: function(x, t), A, A, B, A, step=change)


def test_results_without_a_graph_may_be_assigned_to() -> None:
    t = Tensor(A) * 2

    def change(i: int) -> None:
        t.data = np.array([1.0, i, 2.0])

    against_itself(lambda x: (t * x).data, A, A, B, step=change)


# ---- arrays -----------------------------------------------------------------------------------

IN_PLACE: list[Callable[..., Any]] = [
    lambda x, w: x * w,
    lambda x, w: x * np.exp(w),
    lambda x, w: x * 2 if w[0] > 2 else x,
    lambda x, w: x * float(w.sum()),
    lambda x, w: x @ np.outer(w[:3], w[:3]).T,
]


@pytest.mark.parametrize("size", [3, 10_000])
@pytest.mark.parametrize("function", IN_PLACE)
def test_arrays_that_are_written_into(function: Callable[..., Any], size: int) -> None:
    w = np.ones(size)

    def change(i: int) -> None:
        w[:] = i + 1

    against_itself(lambda x: function(x, w if size == 3 else w[:3]), A, A, B, step=change)


# ---- names ------------------------------------------------------------------------------------

SCALE = 2.0
MEMBERS, TREE = [1.0], {"a": {"b": 3.0}}


class Settings:
    rate = 2.0

    def scaled(self, x: Any) -> Any:
        return x * SCALE * self.rate

    @property
    def twice(self) -> float:
        return 2 * self.rate


class Called(Settings):
    def __call__(self, x: Any) -> Any:
        return self.scaled(x)


@dataclasses.dataclass(slots=True)
class Slots:
    rate: float = 2.0


class Network(nn.Module):
    def __init__(self) -> None:
        self.inner = nn.Linear(3, 2, dtype=np.float64)

    def forward(self, x: Any) -> Any:
        return self.inner(x) * SCALE


def helper(x: Any) -> Any:
    return x * SCALE


def of_itself(x: Any) -> Any:
    return x * of_itself.rate


def by_default(x: Any, rates: Any = [2.0]) -> Any:  # noqa: B006
    return x * rates[0]


of_itself.rate = 2.0
module = types.ModuleType("module")
module.rate, module.helper = 2.0, helper  # type: ignore[attr-defined]
slots, instance, called, network = Slots(), Settings(), Called(), Network()
ordered, several, pair = OrderedDict(k=1.0), deque([1.0]), namedtuple("Pair", "a b")([1.0], 2)
missing: Any = defaultdict(float)


def without_graph(x: Any) -> Any:
    with no_grad():
        return network(x)


FOUND: list[Callable[..., Any]] = [
    lambda x: x * SCALE,
    helper,
    lambda x: helper(x),
    partial(lambda s, x: helper(x) * s, 2.0),
    lambda x: x * MEMBERS[0],
    lambda x: x * TREE["a"]["b"],
    lambda x: x * Settings.rate,
    lambda x: x * instance.rate,
    lambda x: instance.scaled(x),
    lambda x: x * instance.twice,
    instance.scaled,
    called,
    lambda x: called(x),
    lambda x: x * slots.rate,
    lambda x: x * module.rate,
    lambda x: module.helper(x),
    lambda x: x * ordered["k"],
    lambda x: x * several[0],
    lambda x: x * pair.a[0],
    lambda x: x * missing["k"],
    of_itself,
    lambda x: of_itself(x),
    by_default,
    lambda x: (lambda y: y * SCALE)(x),
    lambda x: [v * SCALE for v in (x, x)],
    without_graph,
]


@pytest.mark.parametrize("function", FOUND)
def test_what_is_bound_anew(function: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def change(i: int) -> None:
        monkeypatch.setitem(globals(), "SCALE", 2.0 + i)
        MEMBERS[0] = TREE["a"]["b"] = ordered["k"] = several[0] = pair.a[0] = missing["k"] = i + 1.5
        Settings.rate = slots.rate = module.rate = of_itself.rate = i + 2.5  # type: ignore
        by_default.__defaults__[0][0] = i + 3.5  # type: ignore

    faster = against_itself(function, A, A, B, step=change)
    assert faster.eager_calls == 0 and faster.versions == 3
    against_itself(function, A, B, faster=faster)
    assert faster.versions == 3


def test_variables_of_closures() -> None:
    rate = 2.0

    def function(x: Any) -> Any:
        return x * rate

    def change(i: int) -> None:
        nonlocal rate
        rate = 2.0 + i

    assert against_itself(function, A, A, B, step=change).versions == 3


def test_what_never_is_the_same_is_left_to_the_function() -> None:
    count = [0.0]
    faster = compile(lambda x: x * count[0])
    for i in range(30):
        count[0] = float(i)
        assert faster(A).tolist() == (A * i).tolist()
    assert faster.reason == "what it finds around it is never the same"
    assert faster.versions <= 8 and faster.eager_calls >= 20


def test_a_program_is_not_made_with_too_much_around() -> None:
    many = [[i] for i in range(20_000)]
    faster = compile(lambda x: x * many[3][0])
    assert faster(A).tolist() == [3.0, 6.0, 9.0] and faster.versions == 0
    assert faster.reason == "it has more than 10000 objects around it"
