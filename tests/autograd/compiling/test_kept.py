"""What a compiled function keeps: programs and their memory; nothing of a recording, no cycles."""

from __future__ import annotations

import gc
import pickle
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import nn
from autograd import Tensor, compile, grad, value_and_grad

BIG = np.linspace(-1, 1, 200_000)


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    compile(value_and_grad(lambda x: np.sum(x * x)))(np.ones(3))  # loads what is loaded later
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_a_thousand_calls_take_no_memory() -> None:
    faster, x = compile(value_and_grad(lambda x: (np.tanh(x) * x).sum())), np.ones(1000)
    for _ in range(20):
        faster(x)
    tracemalloc.start()
    try:
        for _ in range(1000):
            faster(x)
        assert tracemalloc.get_traced_memory()[0] < 20_000
    finally:
        tracemalloc.stop()


def refused(x: Any) -> Any:
    return (np.tanh(x) * x).sum() * float(x[0])


def raising(x: Any) -> Any:
    raise ValueError((np.tanh(x) * x).sum())


@pytest.mark.parametrize(
    ("function", "arrays"),
    [(lambda x: (np.tanh(x) * x).sum(), 1.5), (refused, 0.1), (raising, 0.1)],
)
def test_a_recording_is_not_kept(function: Any, arrays: float) -> None:
    faster = compile(function)
    tracemalloc.start()
    try:
        for _ in range(3):
            try:
                faster(BIG)
            except ValueError as error:
                error.__traceback__ = None
        assert tracemalloc.get_traced_memory()[0] < arrays * BIG.nbytes
        del faster
        assert tracemalloc.get_traced_memory()[0] < 0.1 * BIG.nbytes
    finally:
        tracemalloc.stop()


def test_no_cycles() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    parameters = list(model.parameters())

    def step(x: Any) -> Any:
        loss = (model(x) ** 2).mean()
        return loss.detach(), [g.detach() for g in grad(loss, parameters)]

    x = np.ones((5, 3), np.float32)
    step(x)
    gc.collect()
    functions = [
        step, refused, raising, lambda x: x * 2 if np.asarray(x)[0, 0] > 10 else x,
        lambda x: {"a": [x, (x.sum(), None)]}, value_and_grad(lambda x: np.linalg.det(x[:3]).sum()),
    ]  # fmt: skip
    for function in functions:
        faster = compile(function)
        try:
            faster(x), faster(x[:2]), faster(x)
        except (TypeError, ValueError) as error:
            error.__traceback__ = None
        del faster
        assert gc.collect() == 0, function


def test_arguments_results_and_functions_are_let_go() -> None:
    def make() -> Any:
        w = Tensor(np.ones(3))
        return compile(lambda x: w * x), weakref.ref(w)

    faster, around = make()
    x, y = Tensor(np.ones(3)), np.ones(3)
    results = [faster(x), faster(x), faster(y)]
    watched = [weakref.ref(v) for v in (x, y, *results)]
    del x, y, results
    assert all(ref() is None for ref in watched) and around() is not None
    function = weakref.ref(faster.function)
    del faster
    assert around() is None and function() is None


def test_what_leaks_is_an_array_like_others() -> None:
    found: Any = []
    append = found.append  # a builtin's own list is not searched

    def function(x: Any) -> Any:
        append(x * 2)
        append(Tensor(x) + 1)
        return x * 3

    faster = compile(function)
    x = np.array([1.0, 2.0])
    for _ in range(3):
        assert faster(x).tolist() == [3.0, 6.0]
    for y in found[:-2]:  # of recordings and of eager calls, on these values or on others
        value = y.data if isinstance(y, Tensor) else y
        elements = np.array([float(value[0]), value[1].item()])
        assert type(value * 2) is np.ndarray and (value * 2).tolist() == (elements * 2).tolist()
        assert np.sum(value) == value.sum() == elements.sum() and np.tanh(value).shape == (2,)
        assert value[value > 2].tolist() == elements[elements > 2].tolist()
        assert pickle.loads(pickle.dumps(np.asarray(value))).tolist() == elements.tolist()
    assert [np.asarray(y.data).tolist() for y in found[-1:]] == [[2.0, 3.0]]


def test_functions_and_classes_that_become_others_are_seen() -> None:
    def scaled(x: Any, by: float = 2.0, *, more: float = 1.0) -> Any:
        return x * by * more

    def other(x: Any, by: float = 2.0, *, more: float = 1.0) -> Any:
        return x * by + more

    class Twice:
        def of(self, x: Any) -> Any:
            return x * 2

    class Thrice(Twice):
        def of(self, x: Any) -> Any:
            return x * 3

    thing, x = Twice(), np.array([1.0, -2.0])
    faster = compile(lambda x: thing.of(scaled(x)))
    changes: list[Callable[[], Any]] = [
        lambda: setattr(scaled, "__defaults__", (5.0,)),
        lambda: setattr(scaled, "__kwdefaults__", {"more": 3.0}),
        lambda: scaled.__kwdefaults__.update(more=4.0),  # type: ignore[union-attr]
        lambda: setattr(scaled, "__code__", other.__code__),
        lambda: setattr(thing, "__class__", Thrice),
    ]
    found = [faster(x).tolist()]
    for change in changes:
        change()
        found += [faster(x).tolist() for _ in range(2)]
        assert found[-1] == found[-2] == faster.function(x).tolist()
    assert len({tuple(row) for row in found}) == 6 and faster.eager_calls == 0


def test_a_global_that_is_only_given_a_value_is_an_effect() -> None:
    space: dict[str, Any] = {"__name__": "script", "last": 0}
    exec("def f(x):\n    global last\n    last = 5\n    return x * 2\n", space)
    faster, x = compile(space["f"]), np.array([1.0, -2.0])
    assert faster(x).tolist() == [2.0, -4.0] and space["last"] == 5
    space["last"] = 0
    assert faster(x).tolist() == [2.0, -4.0] and space["last"] == 5
    assert not faster.versions and "last" in str(faster.reason)
