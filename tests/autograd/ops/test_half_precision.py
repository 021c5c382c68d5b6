"""Half precision: what the sweep adds up is added in single precision, and comes back at the end.

In float16 a sum of 1s stops at 2048, for 2049 is no float16.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nn
import nn.functional as F
from autograd import Tensor, detect_anomaly, grad, jvp, primitive, profile, vjp

N = 5000
HALF = np.float16
ONES = np.ones(N, HALF)


def leaf(*shape: int) -> Tensor:
    return Tensor(np.ones(shape, HALF), requires_grad=True)


def added(x: Tensor) -> Tensor:
    """x used N times, one after the other."""
    total = x * 0
    for _ in range(N - 1):
        total = total + x
    return total + x * 0


SELECTED = primitive(lambda x: (x * 1, x * 1), lambda g, y, x: g[0] + g[1])

# Each of these has the gradient N (or the number given) for every element of a leaf of that shape.
COUNTED: dict[str, tuple[tuple[int, ...], Callable[[Any], Any], float]] = {
    "a bias beside rows": ((3,), lambda b: np.ones((N, 3), HALF) + b, N),
    "a number beside an array": ((), lambda b: ONES * b, N),
    "a stretched axis": ((3, 1), lambda b: b * np.ones((3, N), HALF), N),
    "broadcast_to": ((1, 2), lambda b: np.broadcast_to(b, (N, 2)), N),
    "looked up": ((2,), lambda x: x[np.zeros(N, int)], N),
    "taken": ((2,), lambda x: np.take(x, np.zeros(N, int)), N),
    "read one by one": ((2,), lambda x: np.stack([x[0] for _ in range(N)]), N),
    "repeated": ((1,), lambda x: np.repeat(x, N), N),
    "tiled": ((1,), lambda x: np.tile(x, N), N),
    "used again and again": ((2,), added, N - 1),
    "joined again and again": ((1,), lambda x: np.concatenate([x] * N), N),
    "padded by its edge": ((1,), lambda x: np.pad(x, (N - 1, 0), mode="edge"), N),
    "cumsum": ((N,), np.cumsum, N),
    "matmul": ((1, 2), lambda w: np.ones((N, 1), HALF) @ w, N),
    "einsum": ((2,), lambda w: np.einsum("i,j->ij", ONES, w), N),
    "linear": ((2, 1), lambda w: F.linear(np.ones((N, 1), HALF), w), N),
}
FIRST = {"looked up", "taken", "read one by one", "cumsum"}  # only the first element has all


@pytest.mark.parametrize("name", COUNTED)
@pytest.mark.parametrize("watch", [None, detect_anomaly, profile], ids=["", "anomaly", "profile"])
def test_the_sum_is_exact(name: str, watch: Any, capsys: Any) -> None:
    shape, f, expected = COUNTED[name]
    x = leaf(*shape)
    if watch is None:
        y = f(x)
        y.backward(np.ones(y.shape, HALF))
    else:
        with watch():
            y = f(x)
            y.backward(np.ones(y.shape, HALF))
    assert x.grad.dtype == HALF and x.grad.shape == x.shape
    assert x.grad.reshape(-1)[0] == HALF(expected)
    if name not in FIRST:
        assert np.all(x.grad == HALF(expected))


@pytest.mark.parametrize("name", COUNTED)
@pytest.mark.parametrize("again", [False, True])
def test_grad_and_its_graph_give_the_same(name: str, again: bool) -> None:
    shape, f, expected = COUNTED[name]
    x = leaf(*shape)
    y = f(x)
    (g,) = grad(y, x, np.ones(y.shape, HALF), create_graph=again)
    assert (g.dtype, g.shape) == (HALF, x.shape)
    assert g.data.reshape(-1)[0] == HALF(expected)


@pytest.mark.parametrize("order", ["<", ">", "unpickled"])
def test_halves_of_other_objects_of_the_dtype(order: str) -> None:
    """What another process has sent has a dtype that is equal, but another object."""
    array = np.ones(2, HALF)
    array = (
        pickle.loads(pickle.dumps(array)) if order == "unpickled" else array.astype(f"{order}f2")
    )
    x = Tensor(array, requires_grad=True)
    y = x[np.zeros(N, int)] * 1 + np.ones((3, N), HALF)
    y.backward(np.ones(y.shape, HALF))
    assert x.grad.dtype == array.dtype and x.grad.tolist() == [3 * N, 0]
    (g,) = grad(x[np.zeros(N, int)] * 1, x, np.ones(N, HALF))
    assert g.dtype == array.dtype and g.tolist() == [N, 0]


def test_second_order_adds_in_single_precision_too() -> None:
    x = leaf(1)
    (g,) = grad(((ONES * x) ** 2 / 2).sum(), x, create_graph=True)
    (second,) = grad(g, x)
    assert (g.dtype, second.dtype) == (HALF, HALF)
    assert (g.item(), second.item()) == (N, N)


def test_vjp_and_jvp_keep_the_dtype() -> None:
    x = Tensor(np.ones(1, HALF))
    value, pulled = vjp(lambda x: ONES * x, x, ONES)
    assert (value.dtype, pulled.dtype, pulled.item()) == (HALF, HALF, N)
    value, pushed = jvp(lambda x: (ONES * x) / 2, x, np.ones(1, HALF))
    assert (pushed.dtype, pushed.shape) == (HALF, (N,)) and np.all(pushed.data == 0.5)


def test_hooks_and_retained_gradients_are_halves() -> None:
    x, seen = leaf(1), []
    y = x * 1
    y.retain_grad()
    y.register_hook(lambda g: seen.append(g))
    x.register_hook(lambda g: g / 2)
    (ONES * y).sum().backward()
    assert seen[0].dtype == y.grad.dtype == x.grad.dtype == HALF
    assert (seen[0].item(), y.grad.item(), x.grad.item()) == (N, N, N / 2)


def test_halves_among_other_precisions() -> None:
    x = leaf(1)
    wide = Tensor(np.ones(N, np.float32), requires_grad=True)
    y = x.astype(np.float32) * wide  # in single precision
    z = (y.astype(HALF) * ONES).sum() + (x * np.ones(N)).sum()  # halves, and doubles
    z.backward()
    assert (x.grad.dtype, wide.grad.dtype) == (HALF, np.float32)
    assert x.grad.item() == 2 * N and np.all(wide.grad == 1)


def test_a_rule_that_answers_in_halves_is_summed_in_single_precision() -> None:
    f = primitive(lambda x: np.broadcast_to(x, (N,)) * 1, lambda g, y, x: g.astype(HALF))
    x = leaf(1)
    f(x).backward(ONES)
    assert x.grad.item() == N


def test_the_middle_may_leave_the_range_of_halves() -> None:
    x = Tensor(np.full(1, 300.0, HALF), requires_grad=True)
    y = (x * HALF(1e-4)) * 300  # its gradient passes through 300 * 300 if asked for by 300
    y.backward(np.full(1, 300.0, HALF))
    np.testing.assert_allclose(float(x.grad[0]), 9.0, rtol=2e-3)


def test_statistics_count_as_far_as_they_must() -> None:
    x = Tensor(np.ones(N, HALF), requires_grad=True)
    assert np.mean(x).item() == 1 and np.var(x).item() == 0 and np.std(x).item() == 0
    np.max(x).backward()  # all of them are tied, each has its share
    np.testing.assert_allclose(x.grad.astype(float), 1 / N, rtol=1e-3)


SPREADS: dict[str, tuple[Any, dict[str, Any]]] = {
    "around 1": (np.tile([0.0, 2.0], N), {}),
    "around 11": (10.0 + np.arange(7001) % 3, {}),
    "columns": (np.tile([[0.0, 3.0], [2.0, 1.0]], (N, 1)), {"axis": 0}),
    "of a sample": (np.tile([300.0, 100.0], N), {"ddof": 1}),
    "some": (np.tile([0.0, 2.0, 50.0], N), {"where": np.tile([True, True, False], N)}),
    "wider than a variance": (np.tile([400.0, -400.0], N), {}),
}


@pytest.mark.parametrize("name", SPREADS)
@pytest.mark.parametrize("skip", [False, True], ids=["", "nan"])
@pytest.mark.parametrize("root", [False, True], ids=["var", "std"])
def test_spreads_and_their_gradients_are_those_of_exact_arithmetic(
    name: str, skip: bool, root: bool
) -> None:
    values, options = SPREADS[name]
    function = {(0, 0): np.var, (0, 1): np.std, (1, 0): np.nanvar, (1, 1): np.nanstd}[skip, root]
    counted = np.broadcast_to(options.get("where", True), values.shape).copy()
    x = values.astype(HALF)
    if skip:
        counted[5], x[5] = False, np.nan
    axis = options.get("axis")
    n = np.sum(counted, axis=axis)
    mean = np.sum(values, axis=axis, where=counted) / n
    freedom = n - options.get("ddof", 0)
    expected = np.sum((values - mean) ** 2, axis=axis, where=counted) / freedom
    slope = np.where(counted, 2 * (values - mean) / freedom, 0)
    if root:
        expected = np.sqrt(expected)
        slope = slope / (2 * expected)
    t = Tensor(x, requires_grad=True)
    with np.errstate(all="ignore"):
        y = function(t, **options)
        y.backward(np.full(y.shape, 256, HALF))
        rounded = expected.astype(HALF)
    assert y.dtype == HALF
    np.testing.assert_allclose(y.data, rounded, rtol=2e-3)
    largest = np.max(np.abs(slope)) * 256
    np.testing.assert_allclose(t.grad, slope * 256, rtol=4e-3, atol=4e-3 * largest)


LAYERS: dict[str, Callable[[], Any]] = {
    "Linear": lambda: nn.Linear(2, 3),
    "BatchNorm1d": lambda: nn.BatchNorm1d(2),
    "LayerNorm": lambda: nn.LayerNorm(2),
    "MLP": lambda: nn.MLP([2, 4, 1], activation="gelu"),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_in_halves_are_near_those_in_single_precision(name: str) -> None:
    """A batch so large that sums in halves would stop."""
    nn.manual_seed(3)
    layer = LAYERS[name]()
    rng = np.random.default_rng(4)
    x = (rng.normal(size=(N, 2)) + 1).astype(HALF)
    gradients = {}
    for dtype in (np.float32, HALF):
        layer.astype(dtype)
        layer.zero_grad()
        out = layer(Tensor(x.astype(dtype)))
        out.backward(np.ones(out.shape, dtype))
        assert all(p.grad.dtype == dtype for p in layer.parameters())
        gradients[dtype] = [p.grad.astype(np.float64) for p in layer.parameters()]
    for narrow, wide in zip(gradients[HALF], gradients[np.float32]):
        scale = max(np.max(np.abs(wide)), 1.0)
        assert np.max(np.abs(narrow - wide)) < 0.03 * scale + 3


LOSSES = {
    "mse_loss": (F.mse_loss, np.zeros((N, 1), HALF)),
    "l1_loss": (F.l1_loss, np.zeros((N, 1), HALF)),
    "huber_loss": (F.huber_loss, np.zeros((N, 1), HALF)),
    "binary_cross_entropy_with_logits": (F.binary_cross_entropy_with_logits, np.zeros((N, 1))),
}


@pytest.mark.parametrize("name", LOSSES)
def test_the_mean_of_a_loss_over_many_rows(name: str) -> None:
    loss, target = LOSSES[name]
    x = leaf(N, 1)
    value = loss(x, target.astype(HALF))
    assert value.dtype == HALF
    single = Tensor(np.ones((N, 1), np.float32), requires_grad=True)
    expected = loss(single, target.astype(np.float32))
    expected.backward()
    value.backward()
    np.testing.assert_allclose(value.item(), expected.item(), rtol=2e-3)
    assert x.grad.dtype == HALF
    # The slopes are below the smallest normal float16, where digits are few.
    np.testing.assert_allclose(x.grad.astype(float), single.grad, rtol=2e-3, atol=3e-8)
