"""The compiled function as an object: decorator, method, copies, threads, and its messages."""

from __future__ import annotations

import copy
import pickle
import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from autograd import AutogradError, compile, detect_anomaly, profile, value_and_grad
from tests.compiled import alike

A, B = np.array([1.0, 2.0, 3.0]), np.array([-1.0, 2.0, 5.0])


@compile
def decorated(x: Any) -> Any:
    """Twice."""
    return x * 2


def plain(x: Any) -> Any:
    return x * 3


def test_it_looks_like_the_function() -> None:
    assert decorated.__name__ == "decorated" and decorated.__doc__ == "Twice."
    assert repr(compile(plain)) == "<compiled plain, 0 versions>"
    assert repr(compile(np.sin)) == "<compiled sin, 0 versions>"
    assert compile(abs)(B).tolist() == [1.0, 2.0, 5.0]
    with pytest.raises(TypeError, match="compile takes a function, got int"):
        compile(3)  # type: ignore[arg-type]


def test_copies_begin_without_programs() -> None:
    faster = compile(plain)
    faster(A)
    for other in (copy.copy(faster), copy.deepcopy(faster), pickle.loads(pickle.dumps(faster))):
        assert other.versions == 0 and other(A).tolist() == [3.0, 6.0, 9.0]
        assert other.versions == 1
    assert pickle.loads(pickle.dumps(decorated)) is decorated
    assert copy.deepcopy(decorated) is decorated


class Model:
    def __init__(self, rate: float) -> None:
        self.rate = rate

    @compile
    def scaled(self, x: Any) -> Any:
        return x * self.rate

    def bound(self, x: Any) -> Any:
        return x * self.rate


def test_methods() -> None:
    first, second = Model(2.0), Model(3.0)
    for model in (first, second, first):
        assert model.scaled(A).tolist() == (A * model.rate).tolist()
    assert Model.scaled.versions == 0 and "of the kind Model" in Model.scaled.reason
    faster = compile(first.bound)
    assert faster(A).tolist() == faster(A).tolist() == [2.0, 4.0, 6.0] and faster.versions == 1
    first.rate = 5.0
    assert faster(A).tolist() == [5.0, 10.0, 15.0]


def test_generators() -> None:
    @compile
    def twice(x: Any) -> Iterator[Any]:
        yield x
        yield x * 2

    for x in (A, B, A):
        assert [y.tolist() for y in twice(x)] == [x.tolist(), (x * 2).tolist()]
    assert twice.versions == 0 and twice.reason == "it returns a generator"


def test_the_source_needs_a_call() -> None:
    faster = compile(plain)
    with pytest.raises(AutogradError, match="there is no program yet; call the function once"):
        _ = faster.source
    refused = compile(lambda x: float(x[0]))
    refused(A)
    with pytest.raises(AutogradError, match=r"is not compiled: float\(\) takes the value out"):
        _ = refused.source


def test_while_somebody_watches() -> None:
    faster = compile(value_and_grad(lambda x: (x * x).sum()))
    with profile(verbose=False) as seen:
        faster(A)
    assert any(name == "multiply" for _, _, name in seen.rows) and faster.versions == 0
    faster(A)
    with detect_anomaly(), pytest.raises(AutogradError, match="nan"):
        faster(A * np.nan)
    assert faster.versions == 1


def test_while_a_profiler_watches() -> None:
    faster = compile(plain)
    sys.setprofile(lambda frame, event, argument: None)
    try:
        for _ in range(20):
            assert faster(A).tolist() == [3.0, 6.0, 9.0]
    finally:
        sys.setprofile(None)
    assert faster.versions == 0 and "profiler" in faster.reason
    assert faster(A).tolist() == [3.0, 6.0, 9.0] and faster.versions == 1
    assert sys.getprofile() is None


def test_threads() -> None:
    def function(x: Any) -> Any:
        for _ in range(20):
            x = np.tanh(x) * 1.01
        return x.sum(), x

    faster, wrong = compile(function), []

    def call(k: int) -> None:
        for i in range(100):
            x = np.full(50 + k % 2, k + i / 100)
            if not alike(faster(x), function(x)):
                wrong.append((k, i))

    threads = [threading.Thread(target=call, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    for n in (50, 51):
        faster(np.ones(n))
    assert faster.versions == 2


def test_a_second_thread_does_not_wait() -> None:
    inside, leave = threading.Event(), threading.Event()
    waits = [False]

    def function(x: Any) -> Any:
        if waits[0]:
            inside.set()
            leave.wait(20)
        return x * 2

    faster, found = compile(function), []
    waits[0] = True
    thread = threading.Thread(target=lambda: found.append(faster(A)))
    thread.start()
    assert inside.wait(20)
    waits[0] = False
    try:
        assert faster(B).tolist() == (B * 2).tolist()
    finally:
        leave.set()
        thread.join()
    assert found[0].tolist() == (A * 2).tolist()
