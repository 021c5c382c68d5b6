"""Calls of every operation in the registry, nn's too, for the sweeps over drawings and words.

`CALLS` are some of cases.py for every function, and more for what only nn records. Each is
differentiable by float64 arrays; `total(call, tensors)` is one number that depends on all of its
results.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

import autograd
import nn.functional as F
from autograd import Tensor, rules
from nn.layers import activations, along, attention, convolving, rarer, recurrence, resampling
from nn.layers.windows import Windows
from nn.losses import binary, distances
from tests.cases import CASES, home_of

_rng = np.random.default_rng(5)
_BEGINNING = _rng.bit_generator.state


class Call(NamedTuple):
    """A function of Tensors, and the arrays to call it with."""

    label: str
    function: Callable[[list[Any]], Any]
    arrays: list[Any]


def nonzero(*sizes: int) -> Any:
    return _rng.uniform(0.3, 1.5, sizes) * np.where(_rng.random(sizes) < 0.5, -1, 1)


def between(low: float, high: float, *sizes: int) -> Any:
    return np.asarray(_rng.uniform(low, high, sizes))


def call(label: str, function: Callable[..., Any], arrays: list[Any]) -> Call:
    """A call of function(*arrays); those of the next are drawn from the beginning again."""
    _rng.bit_generator.state = _BEGINNING
    return Call(label, lambda xs: function(*xs), arrays)


def _nns() -> list[Call]:
    labels, weight = np.array([0, 2, 1]), between(0.5, 2, 3)
    targets = np.array([0.0, 1.0, 0.3])
    rows = between(0.1, 1, 3, 3)
    rows /= rows.sum(axis=1, keepdims=True)
    # Whatever activations and distances there are: a new one need not be named here.
    elementwise = [
        *(getattr(F, name) for name in activations.__all__ if name in F.__all__),
        F.celu,
        F.hardsigmoid,
        F.hardswish,
        F.mish,
        F.relu6,
        F.softsign,
        lambda x: F.prelu(x, 0.3),
        lambda x: F.elu(x, alpha=0.7), lambda x: F.gelu(x, approximate="tanh"),
    ]  # fmt: skip
    calls = [
        call(f"activation-{i}-{len(sizes)}", f, [nonzero(*sizes)])
        for i, f in enumerate(elementwise)
        for sizes in ((), (3,))
    ]
    calls += [
        call(f"{f.__name__}-{reduction}", partial(f, reduction=reduction),
             [nonzero(2, 3), nonzero(2, 3) + 4])
        for f in (getattr(F, name) for name in distances.__all__ if name in F.__all__)
        if f is not F.kl_div
        for reduction in ("mean", "sum", "none")
    ]  # fmt: skip
    calls += [
        call(f"kl_div-{reduction}-{logs}", partial(F.kl_div, reduction=reduction, log_target=logs),
             [-between(0.2, 2, 2, 3), between(0.2, 0.8, 2, 3)])
        for reduction in ("batchmean", "none")
        for logs in (False, True)
    ]  # fmt: skip
    calls += [
        call("glu", F.glu, [nonzero(2, 4)]),
        call(
            "gaussian_nll_loss", F.gaussian_nll_loss, [nonzero(3), nonzero(3), between(0.5, 2, 3)]
        ),
        call("poisson_nll_loss", F.poisson_nll_loss, [nonzero(3), between(1.5, 4, 3)]),
        call("ctc_loss", lambda x: F.ctc_loss(x, [1, 2], 4, 2), [-between(0.5, 2, 4, 3)]),
    ]
    return calls + [
        call("cross_entropy", lambda x: F.cross_entropy(x, labels), [nonzero(3, 3)]),
        call("cross_entropy-sum", lambda x: F.cross_entropy(x, labels, reduction="sum"),
             [nonzero(3, 3)]),
        call("cross_entropy-weight", lambda x: F.cross_entropy(x, labels, weight=weight),
             [nonzero(3, 3)]),
        call("cross_entropy-rows", lambda x, t: F.cross_entropy(x, t), [nonzero(3, 3), rows]),
        call("nll_loss", lambda x: F.nll_loss(x, labels), [-np.abs(nonzero(3, 3))]),
        call("bce", lambda p, t: F.binary_cross_entropy(p, t), [between(0.2, 0.8, 3), targets]),
        call("bce-weight", lambda p: F.binary_cross_entropy(p, targets, weight),
             [between(0.2, 0.8, 3)]),
        call("bce-logits", lambda x, t: F.binary_cross_entropy_with_logits(x, t),
             [nonzero(3), between(0.2, 0.8, 3)]),
        call("bce-logits-weights", lambda x: F.binary_cross_entropy_with_logits(
            x, targets, pos_weight=weight), [nonzero(3)]),
        call("linear", F.linear, [nonzero(4, 3), nonzero(2, 3), nonzero(2)]),
        call("linear-vector", F.linear, [nonzero(3), nonzero(2, 3)]),
        call("linear-batches", F.linear, [nonzero(2, 4, 3), nonzero(2, 3)]),
        call("layer_norm", lambda x, w, b: F.layer_norm(x, (3,), w, b),
             [nonzero(4, 3), nonzero(3), nonzero(3)]),
        call("elu_slope", lambda x: activations._fused_elu_slope(x, 0.7), [nonzero(3)]),
        call("celu_slope", lambda x: rarer._fused_celu_slope(x, 0.7), [nonzero(3)]),
        call("mish_share", rarer._mish_share, [nonzero(3)]),
        call("normal_density", autograd.normal_density, [nonzero(3)]),
        call("normal_cdf", autograd.normal_cdf, [nonzero(3)]),
        call("clamped_log", binary._fused_log, [between(0.2, 0.8, 3)]),
        call("clamped_log_rest", binary._fused_log_rest, [between(0.2, 0.8)]),
    ]  # fmt: skip


def _layers() -> list[Call]:
    """Those that take several axes at once, each with the operations that it is by its rule."""
    image, kernels = nonzero(2, 2, 5, 4), nonzero(3, 2, 2, 3)
    windows = Windows((5, 4), (2, 3), (1, 1), ((0, 0), (0, 0)), (1, 1), 1)
    pairs = [along.regular((axis, n, 2, 2, 0, 1), False) for axis, n in ((3, 4), (2, 5))]
    pooled, winners = along._max_pool(image, pairs)
    divisors, lines = np.array(4.0), [resampling._nearest(2, 3, 3, 7, 3 / 7, float)]
    steps = [nonzero(4, 2, 3), nonzero(2, 2)]
    recurrent = {
        kind: [*steps, *[steps[1] * 0.5] * (kind == "lstm"), nonzero(2 * gates, 3),
               nonzero(2 * gates, 2), nonzero(2 * gates), nonzero(2 * gates)]
        for kind, gates in {"tanh": 1, "relu": 1, "lstm": 4, "gru": 3}.items()
    }  # fmt: skip
    return [
        call("conv2d", F.conv2d, [image, kernels, nonzero(3)]),
        call("conv_transpose2d", F.conv_transpose2d, [image, nonzero(2, 3, 2, 2)]),
        call("conv_weight", lambda g, x: convolving.conv_weight(g, x, windows),
             [nonzero(2, 3, 4, 2), image]),
        call("max_pool2d", lambda x: F.max_pool2d(x, 2), [image]),
        call("to_winners", lambda g: along.to_winners(g, winners, pairs), [pooled]),
        call("of_winners", lambda x: along.of_winners(x, winners, pairs), [image]),
        call("avg_pool2d", lambda x: F.avg_pool2d(x, 2), [image]),
        call("spread", lambda g: along.spread_evenly(g, pairs, divisors), [pooled]),
        call("interpolate", lambda x: F.interpolate(x, 7, mode="linear"), [nonzero(1, 2, 3)]),
        call("resample_back", lambda g: resampling.resample_back(g, lines), [nonzero(1, 2, 7)]),
        call("unfold", lambda x: F.unfold(x, 2), [image]),
        call("fold", lambda x: F.fold(x, 3, 2), [nonzero(1, 4, 4)]),
        call("embedding", lambda w: F.embedding([[1, 0], [1, 2]], w), [nonzero(3, 2)]),
        call("attention", F.scaled_dot_product_attention, [nonzero(2, 3, 2) for _ in range(3)]),
        call("attention-mask", lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, m),
             [*(nonzero(2, 3, 2) for _ in range(3)), nonzero(3, 3)]),
        call("self_attention", lambda x: attention._fused_self_attention(
            x, 2, True, attention.causal(3, 3), None, None, 1.0), [nonzero(2, 3, 12)]),
        *(call(kind, lambda *xs, kind=kind: recurrence.OPERATIONS[kind](list(xs)), arrays)
          for kind, arrays in recurrent.items()),
    ]  # fmt: skip


def _cases() -> list[Call]:
    """Of every function in cases.py up to four: one of each number of axes."""
    found: dict[Any, Call] = {}
    for case in CASES:
        if case.connected and all(array.size for array in case.arrays):
            kind = case.function, max((array.ndim for array in case.arrays), default=0)
            found.setdefault(kind, Call(case.label, case, case.arrays))
    return list(found.values())


CALLS = _cases() + _nns() + _layers()

# Taken on import, before other tests and doctests register functions of their own.
OPERATIONS = [
    operation
    for function, operation in rules.known()
    if operation.rules and home_of(function) in ("numpy", "autograd", "_operator", "nn")
]


def leaves(call: Call) -> list[Tensor]:
    return [Tensor(array, requires_grad=True) for array in call.arrays]


def total(call: Call, tensors: list[Tensor]) -> Tensor:
    """The sum of all results, each element with a weight of its own."""
    results = call.function(tensors)
    results = results if isinstance(results, (tuple, list)) else [results]
    rng = np.random.default_rng(len(call.label))
    weighted = [np.sum(y * rng.uniform(0.5, 1.5, y.shape)) for y in results]
    return sum(weighted[1:], start=weighted[0])
