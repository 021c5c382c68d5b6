"""Processes that are forked: what the parent's threads held, and what nobody has seeded."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import nn
import nn.random
from autograd import Tensor, engine

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork"),
    # Newer Pythons warn of any fork beside threads: which is what is tried here.
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]


def in_a_child(compute: Callable[[], Any], seconds: float = 20.0) -> str:
    """What `compute` gives in a forked child, as text; "hangs" where it does not come back."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            answer = repr(compute())
        except BaseException as error:
            answer = f"{type(error).__name__}: {error}"
        os.write(writing, answer.encode())
        os._exit(0)
    os.close(writing)
    timer = threading.Timer(seconds, os.kill, (child, 9))
    timer.start()
    with os.fdopen(reading) as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    timer.cancel()
    timer.join()
    return told or "hangs"


def slope() -> float:
    x = Tensor(3.0, requires_grad=True)
    (x * x).backward()
    return float(x.grad)


@pytest.fixture
def held() -> Iterator[None]:
    """Another thread holds the lock under which gradients are added to the leaves."""
    taken, done = threading.Event(), threading.Event()

    def hold() -> None:
        with engine._commit_lock:
            taken.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()
    yield
    done.set()
    thread.join()


def test_a_child_forked_while_a_thread_adds_gradients_can_run_backward(held: None) -> None:
    assert in_a_child(slope) == "6.0"


def test_a_child_of_a_child(held: None) -> None:
    assert in_a_child(lambda: in_a_child(slope)) == "'6.0'"


def test_the_parent_goes_on(held: None) -> None:
    before = engine._commit_lock
    in_a_child(slope)
    assert engine._commit_lock is before and before.locked()


def test_children_forked_during_backward_passes_of_threads() -> None:
    stop = threading.Event()
    leaf = Tensor(np.ones(2000), requires_grad=True)

    def run() -> None:
        while not stop.is_set():
            (leaf * leaf).sum().backward()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        assert [in_a_child(slope) for _ in range(20)] == ["6.0"] * 20
    finally:
        stop.set()
        for thread in threads:
            thread.join()


# ---- the library's own random numbers ------------------------------------------------------------


@pytest.fixture
def generator(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library's own generator as it is when a program begins."""
    monkeypatch.setattr(nn.random, "_default", None)
    monkeypatch.setattr(nn.random, "_chosen", False)


def weights() -> list[float]:
    return np.round(nn.Linear(3, 1).weight.data, 6).ravel().tolist()


def test_children_draw_different_weights_where_nobody_has_seeded(generator: None) -> None:
    weights()  # the parent has drawn, too
    drawn = [in_a_child(weights) for _ in range(3)]
    assert len({*drawn, repr(weights())}) == 4
    assert all(told.startswith("[") for told in drawn)


def test_a_seed_keeps_its_meaning(generator: None) -> None:
    nn.manual_seed(5)
    first, second = weights(), weights()
    nn.manual_seed(5)
    assert weights() == first
    assert [in_a_child(weights) for _ in range(2)] == [repr(second)] * 2
    assert weights() == second  # a child takes nothing from the parent's numbers


def test_a_state_that_was_set_counts_as_a_seed(generator: None) -> None:
    state = nn.random.get_state()
    first = weights()
    nn.random.set_state(state)
    assert in_a_child(weights) == repr(first)


def test_a_state_set_to_another_generator_does_not(generator: None) -> None:
    weights()
    rng = np.random.default_rng(1)
    nn.random.set_state(nn.random.get_state(rng), rng)
    assert in_a_child(weights) != in_a_child(weights)


@pytest.mark.parametrize("seed", [None, 5])
def test_a_child_draws_while_a_thread_of_the_parent_is_drawing(seed: Any, generator: None) -> None:
    if seed is not None:
        nn.manual_seed(seed)
    rng = nn.random.generator()
    with rng.bit_generator.lock:  # as NumPy holds it while it draws
        assert in_a_child(weights).startswith("[")


def test_seeding_in_a_child(generator: None) -> None:
    def seeded() -> list[float]:
        nn.manual_seed(7)
        return weights()

    nn.manual_seed(7)
    assert in_a_child(seeded) == repr(weights())
