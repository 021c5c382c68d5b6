"""What stays in memory: nothing. Graphs go by reference counting alone, as soon as they can.

Every test here runs with the garbage collector switched off, so a reference cycle is a leak.
"""

import gc
import threading
import tracemalloc
import weakref

import numpy as np
import pytest

from autograd import (
    Tensor,
    detect_anomaly,
    enable_grad,
    grad,
    hessian,
    hvp,
    is_grad_enabled,
    jacobian,
    jvp,
    no_grad,
    primitive,
    profile,
    scope,
    set_grad_enabled,
    value_and_grad,
    vjp,
)
from tests.makers import leaf


@pytest.fixture(autouse=True, scope="module")
def nothing_but_what_is_new():
    """Going through all the tests that are loaded would take a second each time."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def without_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def living():
    """How many Tensors there are, found through everything the interpreter tracks."""
    return sum(type(o) is Tensor for o in gc.get_objects())


# ---- training steps -----------------------------------------------------------------------------


def steps_of_training(retain_graph):
    rng = np.random.default_rng(0)
    x, labels = Tensor(rng.normal(size=(8, 3))), Tensor(rng.normal(size=(8, 1)))
    w, b = leaf(rng.normal(size=(3, 1))), leaf(np.zeros(1))

    def step():
        loss = ((np.tanh(x @ w + b) - labels) ** 2).mean()
        loss.backward(retain_graph=retain_graph)
        with no_grad():
            for p in (w, b):
                p -= 0.01 * p.grad
                p.zero_grad()
        return loss.item()

    return step


@pytest.mark.parametrize("retain_graph", [True, False])
def test_a_thousand_training_steps_leave_nothing_behind(retain_graph):
    step = steps_of_training(retain_graph)
    first = [step() for _ in range(20)][0]
    objects, tensors = len(gc.get_objects()), living()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(1000):
        last = step()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert living() == tensors
    assert abs(len(gc.get_objects()) - objects) < 20
    assert grown < 60_000  # 1,000 steps that kept one small array each would keep 110,000
    assert last < first  # and it did train


# ---- when a graph goes --------------------------------------------------------------------------


def test_a_graph_goes_at_once_with_its_output():
    x = leaf([1, 2])
    a = x * 2
    b = np.stack([a, a]).sum(axis=0)
    c = np.linalg.norm(b)
    watched = [weakref.ref(t) for t in (a, b, c)]
    del a, b
    assert all(ref() is not None for ref in watched[:1])
    del c
    assert [ref() for ref in watched] == [None] * 3


def test_the_arrays_go_with_the_graph():
    x = leaf([1, 2])
    inner = np.ones(2)
    watched = weakref.ref(inner)
    y = x * inner
    del inner
    assert watched() is not None
    del y
    assert watched() is None


def test_backward_leaves_no_intermediate_behind():
    x = leaf([1, 2])
    y = (x * x).sum()
    tensors = living()
    y.backward()
    assert living() == tensors


def test_a_freed_graph_goes_though_its_output_stays():
    x = leaf([1, 2])
    a = x * 2
    watched = weakref.ref(a)
    y = (a * a).sum()
    del a
    y.backward()
    assert watched() is not None
    y.backward(retain_graph=False)
    assert watched() is None and y.item() == 20


def test_freeing_happens_during_the_sweep():
    """When the rule of the oldest operation runs, the youngest results are gone already."""
    x, alive = leaf([1, 2]), []
    first = primitive(lambda x: x * 1, lambda g, y, x: (alive.append(watched() is not None), g)[1])
    a = first(x)
    b = a * 2
    watched = weakref.ref(b)
    y = (b * 3).sum()
    del a, b
    y.backward()
    y.backward(retain_graph=False)
    assert alive == [True, False]


def test_a_removed_hook_lets_go_of_its_function():
    def hook(g):
        return None

    x = leaf(1.0)
    handle = x.register_hook(hook)
    watched = weakref.ref(hook)
    del hook
    handle.remove()
    assert watched() is None


def test_assigning_lets_go_of_the_old_values():
    x = leaf([1, 2])
    for _ in range(3):
        old = weakref.ref(x.data)
        x.assign_([3, 4])
        assert old() is None


# ---- no cycles ----------------------------------------------------------------------------------

MATRIX = np.array([[2.0, 1.0], [1.0, 3.0]])


def cube(x):
    return (x**3).sum()


def two_blocks():
    with scope("outer"), scope("inner"), no_grad(), enable_grad(), set_grad_enabled(True):
        return (leaf([1, 2]) * 2).sum()


def hooks():
    x = leaf(1.0)
    y = x * 2
    x.register_hook(lambda g: g * 2)
    y.retain_grad()
    y.backward()


WORK = {
    "forward": lambda: cube(leaf([1, 2])),
    "backward": lambda: cube(leaf([1, 2])).backward(),
    "backward, freeing": lambda: cube(leaf([1, 2])).backward(retain_graph=False),
    "grad, create_graph": lambda: (lambda x: grad(cube(x), x, create_graph=True))(leaf([1, 2])),
    "third order": lambda: (
        lambda x: grad(
            grad(grad(cube(x), x, create_graph=True)[0].sum(), x, create_graph=True)[0].sum(), x
        )
    )(leaf([1, 2])),
    "jacobian": lambda: jacobian(lambda x: x * x, leaf([1, 2])),
    "hessian": lambda: hessian(cube, leaf([1, 2])),
    "hvp": lambda: hvp(cube, leaf([1, 2]), [1.0, 1.0]),
    "jvp": lambda: jvp(np.sin, leaf([1, 2]), [1.0, 1.0]),
    "vjp": lambda: vjp(np.sin, leaf([1, 2]), [1.0, 1.0]),
    "value_and_grad": lambda: value_and_grad(cube)(Tensor([1.0, 2.0])),
    "index": lambda: (
        lambda x: grad((x[[0, 0]] ** 2).sum(), x, create_graph=True)
    )(leaf([1, 2])),
    "list": lambda: np.concatenate([leaf([1, 2]), leaf([3, 4])]).sum().backward(),
    "eigh": lambda: np.linalg.eigh(leaf(MATRIX))[0].sum().backward(),
    "svd, create_graph": lambda: (
        lambda x: grad(np.linalg.svd(x)[1].sum(), x, create_graph=True)
    )(leaf(MATRIX)),
    "hooks": hooks,
    "modes": two_blocks,
    "anomaly": lambda: detect_anomaly()(lambda: cube(leaf([1, 2])).backward())(),
    "profile": lambda: profile(verbose=False)(lambda: cube(leaf([1, 2])).backward())(),
}  # fmt: skip


@pytest.mark.parametrize("work", WORK.values(), ids=WORK)
def test_no_reference_cycles(work):
    work()  # once, for what NumPy and Python make at first use
    gc.collect()
    work()
    assert gc.collect() == 0


def _raises(error):
    def function(*args):
        raise error("inside")

    return function


def _silenced(function):
    with np.errstate(all="raise"):
        return function()


def _anomalous(function):
    with detect_anomaly(), np.errstate(all="ignore"):
        return function()


FAILING = {
    "x + y": lambda x: x + np.ones(5),
    "y + x": lambda x: np.ones(5) + x,
    "list + x": lambda x: [1.0] * 5 + x,
    "np.add": lambda x: np.add(x, np.ones(5)),
    "matmul": lambda x: x @ np.ones(5),
    "sum": lambda x: x.sum(axis=3),
    "mean": lambda x: x.mean(axis=3),
    "argmax": lambda x: np.argmax(x, axis=3),
    "comparison": lambda x: x < np.ones(5),
    "index": lambda x: x[7],
    "stack": lambda x: np.stack([x, np.ones(5)]),
    "floating point, unary": lambda x: _silenced(lambda: np.log(x * 0)),
    "non-scalar": lambda x: (x * x).backward(),
    "unregistered": lambda x: np.roots(x * 2),
    "array": lambda x: np.array([x * 2, x]),
    "unused": lambda x: grad((x * x).sum(), leaf(1.0)),
    "forward": lambda x: primitive(_raises(ValueError), lambda g, y, x: g)(x * 2),
    "rule": lambda x: primitive(np.copy, _raises(ValueError))(x * 2).sum().backward(),
    "rule's shape": lambda x: primitive(np.copy, lambda g, y, x: g[:, None])(x).sum().backward(),
    "hook": lambda x: (x.register_hook(_raises(KeyError)), (x * 2).sum().backward()),
    "freed": lambda x: (lambda y: (y.backward(retain_graph=False), y.backward()))((x * x).sum()),
    "anomaly forward": lambda x: _anomalous(lambda: np.log(x - 1)),
    "anomaly backward": lambda x: _anomalous(lambda: np.sqrt(x - 1).sum().backward()),
}  # fmt: skip


@pytest.mark.parametrize("fail", FAILING.values(), ids=FAILING)
def test_an_exception_keeps_no_graph_alive(fail):
    def attempt():
        x = leaf([1, 2])
        with pytest.raises(Exception):  # noqa: B017 (which one is told elsewhere)
            fail(x)
        return weakref.ref(x)

    attempt()
    gc.collect()
    assert attempt()() is None
    assert gc.collect() == 0


def test_a_floating_point_error_of_an_operator_keeps_no_graph_alive():
    def attempt():
        x = leaf([1, 2])
        with pytest.raises(FloatingPointError):
            _silenced(lambda: x / 0.0)
        return weakref.ref(x)

    assert attempt()() is None


# ---- threads ------------------------------------------------------------------------------------


def in_threads(count, work):
    """Run work(i) in `count` threads that start together; errors come out here."""
    start, errors = threading.Barrier(count), []

    def run(i):
        try:
            start.wait()
            work(i)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors


def test_four_threads_onto_one_leaf_lose_nothing():
    x = leaf([1, 2])

    def work(i):
        for _ in range(2000):
            (x * (i + 1)).sum().backward()

    in_threads(4, work)
    assert x.grad.tolist() == [2000 * (1 + 2 + 3 + 4)] * 2


def test_four_threads_onto_one_number_lose_nothing():
    x = Tensor(1.0, requires_grad=True)

    def work(i):
        for _ in range(2000):
            (x * 2.0 + x).backward()

    in_threads(4, work)
    assert x.grad == 4 * 2000 * 3


def test_four_threads_through_one_shared_graph():
    x = leaf([1, 2])
    a = x * x
    y = (a * a).sum()
    in_threads(4, lambda i: [y.backward() for _ in range(500)])
    assert x.grad.tolist() == [2000 * 4, 2000 * 32]


def test_threads_have_modes_of_their_own():
    turns, seen = threading.Barrier(2), {}

    def work(i):
        with no_grad() if i else enable_grad():
            turns.wait()
            seen[i, "inside"] = is_grad_enabled()
            turns.wait()
        seen[i, "after"] = is_grad_enabled()

    with no_grad():
        in_threads(2, work)
        assert not is_grad_enabled()
    assert seen == {
        (0, "inside"): True,
        (1, "inside"): False,
        (0, "after"): True,
        (1, "after"): True,
    }
