"""What a function does beside returning something is done once in each call, and refused."""

from __future__ import annotations

import random
import warnings
from typing import Any

import numpy as np
import pytest

import nn
from autograd import Tensor, compile, grad, no_grad
from tests.compiled import against_itself, alike

A, B = np.array([1.0, 2.0, 3.0]), np.array([-1.0, 2.0, 5.0])


def test_random_numbers() -> None:
    own, legacy = np.random.default_rng(0), np.random.RandomState(0)
    functions = [
        lambda x: x * np.random.rand(3),
        lambda x: x * random.random(),
        lambda x: x * own.normal(size=3),
        lambda x: nn.init.normal_(Tensor(x * 0)),
    ]
    for function in functions:
        found = []
        for run in (function, compile(function)):
            np.random.seed(1), random.seed(1), nn.manual_seed(1)
            own.bit_generator.state = np.random.default_rng(1).bit_generator.state
            found.append([run(A) for _ in range(4)])
            found[-1] += [np.random.rand(), random.random(), own.normal()]
        assert alike(*found)
        assert run.versions == 0 and run.reason == "it draws random numbers"
    assert legacy.rand() < 1
    assert against_itself(lambda x: x * np.random.default_rng(0).normal(size=3), A, B).versions == 1


def test_writing_into_arguments() -> None:
    def function(x: Any) -> Any:
        x += 1
        return x * 2

    faster = compile(function)
    for _ in range(4):
        x = A.copy()
        assert faster(x).tolist() == [4.0, 6.0, 8.0] and x.tolist() == [2.0, 3.0, 4.0]
    assert faster.versions == 0 and faster.reason == "it writes into an array that it was given"


def test_writing_into_arrays_from_around() -> None:
    held = np.zeros(3)

    def by_index(x: Any) -> Any:
        held[:] = x
        return x * 2

    def by_element(x: Any) -> Any:
        held[0] += x[0]
        return x * 2

    def by_out(x: Any) -> Any:
        np.add(held, x, out=held)
        return x * 2

    def by_copy(x: Any) -> Any:
        np.copyto(held, x)
        return x * 2

    for function in (by_index, by_element, by_out, by_copy):
        held[:] = 0
        faster, expected = compile(function), np.zeros(3)
        for x in (A, B, A, B, A):
            faster(x)
            if function in (by_index, by_copy):
                expected[:] = x
            else:
                expected += x * ([1, 0, 0] if function is by_element else 1)
            assert held.tolist() == expected.tolist()
        assert faster.versions == 0
        assert faster.reason == "it writes into an array that stands around it"


def test_writing_into_arrays_of_its_own() -> None:
    def function(x: Any) -> Any:
        y = x.copy()
        y += 1
        y[0] = 5
        y[1:] *= x[1:]
        np.exp(y, out=y)
        z = np.zeros_like(x)
        z[1:] = y[:-1]
        return y, z

    assert against_itself(function, A, B, A).eager_calls == 0

    def hidden(x: Any) -> Any:
        y = np.zeros(3)
        y[:] = x  # NumPy does not tell
        return y * 2

    assert against_itself(hidden, A, B, A).versions == 0


class Counter:
    def __init__(self) -> None:
        self.count, self.last = 0, None


def test_changing_what_stands_around() -> None:
    log: list[Any] = []
    known: dict[str, Any] = {}
    counter = Counter()
    total = 0.0

    def appending(x: Any) -> Any:
        log.append(x * 2)
        return x * 3

    def keeping(x: Any) -> Any:
        known["last"] = x * 2
        return x * 3

    def counting(x: Any) -> Any:
        counter.count += 1
        counter.last = x * 2
        return x * 3

    def summing(x: Any) -> Any:
        nonlocal total
        total = total + x[0]
        return x * 3

    for function in (appending, keeping, counting, summing):
        faster = compile(function)
        for x in (A, B, A, B, A):
            assert faster(x).tolist() == (x * 3).tolist()
        assert faster.versions == 0 and "around it" in faster.reason
    assert [y.tolist() for y in log] == [(x * 2).tolist() for x in (A, B, A, B, A)]
    assert {type(y) for y in (*log, known["last"], counter.last)} == {np.ndarray}
    assert counter.count == 5 and total == 1.0 and known["last"].tolist() == (A * 2).tolist()


def test_telling(capsys: pytest.CaptureFixture[str]) -> None:
    def printing(x: Any) -> Any:
        print("seen")
        return x * 2

    faster = compile(printing)
    faster(A), faster(A), capsys.readouterr()
    faster(A)
    assert capsys.readouterr().out == "seen\n" and "print" in faster.reason

    def warning(x: Any) -> Any:
        warnings.warn("seen", stacklevel=2)
        return x * 2

    assert "warn" in against_itself(warning, A, B, A).reason


def test_a_training_step_as_it_is_written() -> None:
    x = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)

    def make() -> Any:
        nn.manual_seed(0)
        model = nn.Linear(3, 1)
        optimizer = nn.optim.Adam(model.parameters(), lr=0.01)

        def step(x: Any) -> Any:
            optimizer.zero_grad()
            loss = (model(x) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss.detach()

        return model, optimizer, step

    (first, one, step), (second, two, other) = make(), make()
    faster = compile(other)
    assert alike([step(x) for _ in range(6)], [faster(x) for _ in range(6)])
    assert alike(first.state_dict(), second.state_dict())
    assert alike(list(one.state_dict()["state"].values()), list(two.state_dict()["state"].values()))
    assert faster.versions == 0 and "around it" in faster.reason


def test_gradients_left_in_tensors() -> None:
    w = Tensor(B, requires_grad=True)

    def function(x: Any) -> Any:
        (w * x).sum().backward()
        return x * 2

    faster = compile(function)
    for i in range(4):
        faster(A)
        assert w.grad.tolist() == (A * (i + 1)).tolist()
    assert faster.versions == 0


def build(*, drop: float, norm: bool) -> Any:
    nn.manual_seed(0)
    inner = [nn.BatchNorm1d(4)] if norm else [nn.LayerNorm(4)]
    return nn.Sequential(nn.Linear(3, 4), *inner, nn.ReLU(), nn.Dropout(drop), nn.Linear(4, 1))


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("drop", [0.0, 0.3])
def test_modes_of_networks(norm: bool, drop: float) -> None:
    """Two equal networks, one compiled: values, gradients, statistics and generators alike."""
    x = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    models = [build(drop=drop, norm=norm) for _ in range(2)]

    def step_of(model: Any) -> Any:
        parameters = list(model.parameters())

        def step(x: Any) -> Any:
            loss = (model(x) ** 2).mean()
            return loss.detach(), [g.detach() for g in grad(loss, parameters)]

        return step

    steps = [step_of(models[0]), compile(step_of(models[1]))]
    for training in (True, False, True, False, False):
        for model in models:
            model.train(training)
        found = []
        for step in steps:
            nn.manual_seed(3)
            found.append([step(x * k) for k in (1, 2, 1)])
        assert alike(*found)
        assert alike(models[0].state_dict(), models[1].state_dict())
        assert {type(v) for v in models[1].state_dict().values()} == {np.ndarray}
    assert (steps[1].versions >= 2) is not norm


def test_a_module_is_compiled_at_the_first_call() -> None:
    model = build(drop=0.5, norm=True).eval()
    faster, x = compile(model), np.ones((5, 3), np.float32)
    with no_grad():
        assert alike([faster(x), faster(x * 2)], [model(x), model(x * 2)])
    assert faster.versions == 1 and faster.eager_calls == 0
