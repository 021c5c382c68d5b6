"""JAX: whole steps compiled by jit, with donated buffers, on trees of arrays or on one vector."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tests.benchmarks import models
from tests.benchmarks.work import (
    BETA1,
    BETA2,
    COMPARED_STEPS,
    DIGITS_BATCH,
    EPSILON,
    RATE,
    STILL,
    Compared,
    Work,
    compared,
    digits,
    element_data,
    network_data,
    result,
    vectors,
)

name, version = "JAX jit", jax.__version__


def _loss(weights: list[Any], x: Any, labels: Any) -> Any:
    for i in range(0, len(weights), 2):
        x = x @ weights[i].T + weights[i + 1]
        x = jnp.maximum(x, 0) if i + 2 < len(weights) else x
    return _cross_entropy(x, labels)


def _convolved(weights: Any, layer: int, x: Any, padding: int = 0) -> Any:
    y = jax.lax.conv(x, weights[f"{layer}.weight"], (1, 1), [(padding, padding)] * 2)
    return jnp.maximum(y + weights[f"{layer}.bias"][:, None, None], 0)


def _dense(weights: Any, layer: int | str, x: Any) -> Any:
    return x @ weights[f"{layer}.weight"].T + weights[f"{layer}.bias"]


def _halved(x: Any) -> Any:
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")


def _wide(weights: Any, x: Any) -> Any:
    x = _convolved(weights, 0, x)
    return _dense(weights, 5, jnp.maximum(_dense(weights, 3, x.reshape(len(x), -1)), 0))


def _lenet(weights: Any, x: Any) -> Any:
    x = _halved(_convolved(weights, 3, _halved(_convolved(weights, 0, x, 2))))
    x = jnp.maximum(_dense(weights, 7, x.reshape(len(x), -1)), 0)
    return _dense(weights, 11, jnp.maximum(_dense(weights, 9, x), 0))


def _of_words(weights: Any, x: Any) -> Any:
    x = weights["words.weight"][x.T]
    by_x, by_h, *biases = (weights[f"lstm.{name}_l0"] for name in LSTM)
    gates = x @ by_x.T + sum(biases)

    def step(state: Any, gate: Any) -> Any:
        h, c = state
        i, f, g, o = jnp.split(gate + h @ by_h.T, 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

    zeros = jnp.zeros((x.shape[1], by_h.shape[1]), x.dtype)
    (h, _), _ = jax.lax.scan(step, (zeros, zeros), gates)
    return _dense(weights, "head", jnp.maximum(_dense(weights, "dense", h), 0))


LSTM = {"weight_ih": (512, 64), "weight_hh": (512, 128), "bias_ih": (512,), "bias_hh": (512,)}


def _affine(**layers: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """The names and shapes of weights and biases."""
    shapes = {}
    for layer, shape in layers.items():
        shapes |= {f"{layer.strip('_')}.weight": shape, f"{layer.strip('_')}.bias": shape[:1]}
    return shapes


NETWORKS: dict[str, tuple[Any, dict[str, tuple[int, ...]]]] = {
    "conv 32, 21632-128-10": (_wide, _affine(_0=(32, 1, 3, 3), _3=(128, 21632), _5=(10, 128))),
    "LeNet": (_lenet, _affine(
        _0=(6, 1, 5, 5), _3=(16, 6, 5, 5), _7=(120, 400), _9=(84, 120), _11=(10, 84)
    )),
    "Embedding, LSTM, Dense": (_of_words, {
        "words.weight": (10_000, 64), **{f"lstm.{name}_l0": LSTM[name] for name in LSTM},
        **_affine(dense=(128, 128), head=(2, 128)),
    }),
}  # fmt: skip


def _cross_entropy(x: Any, labels: Any) -> Any:
    chosen = jnp.take_along_axis(x, labels[:, None], axis=1)[:, 0]
    return jnp.mean(jax.nn.logsumexp(x, axis=1) - chosen)


def _adam(state: Any, gradients: Any, rate: Any) -> Any:
    weights, firsts, seconds, steps = state
    steps = steps + 1
    tree = jax.tree_util.tree_map
    firsts = tree(lambda m, g: BETA1 * m + (1 - BETA1) * g, firsts, gradients)
    seconds = tree(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, seconds, gradients)
    by1, by2 = 1 - BETA1**steps, 1 - BETA2**steps

    def moved(w: Any, m: Any, v: Any) -> Any:
        return w - rate * (m / by1) / (jnp.sqrt(v / by2) + EPSILON)

    return tree(moved, weights, firsts, seconds), firsts, seconds, steps


def _start(weights: Any) -> Any:
    zeros = lambda: jax.tree_util.tree_map(jnp.zeros_like, weights)  # noqa: E731
    return weights, zeros(), zeros(), jnp.float32(0)


def _split(vector: Any, like: list[Any]) -> list[Any]:
    ends = np.cumsum([w.size for w in like])
    return [vector[e - w.size : e].reshape(w.shape) for e, w in zip(ends, like)]


class _Steps:
    """The state of a network, and one compiled step."""

    def __init__(self, weights: Any, flat: bool, loss_of: Any = _loss) -> None:
        self.like, self.flat, self.rate = weights, flat, jnp.float32(RATE)
        if flat:
            vector = jnp.asarray(np.concatenate([w.ravel() for w in weights]))
            loss_of = lambda v, x, labels: _loss(_split(v, weights), x, labels)  # noqa: E731
        self.state = _start(vector if flat else jax.tree_util.tree_map(jnp.array, weights))

        @partial(jax.jit, donate_argnums=0)
        def step(state: Any, x: Any, labels: Any, rate: Any) -> Any:
            loss, gradients = jax.value_and_grad(loss_of)(state[0], x, labels)
            return loss, _adam(state, gradients, rate)

        self.compiled = step

    def __call__(self, x: Any, labels: Any) -> Any:
        loss, self.state = self.compiled(self.state, x, labels, self.rate)
        return loss

    def weights(self) -> list[Any]:
        found = _split(self.state[0], self.like) if self.flat else self.state[0]
        return [np.asarray(w) for w in jax.tree_util.tree_leaves(found)]


def step(
    network: str, batch: int, flat: bool = False, compare: int = COMPARED_STEPS
) -> Work | None:
    if network in NETWORKS:
        x, labels = models.samples(network, batch)
        run, shapes = NETWORKS[network]
        loss_of = lambda w, x, labels: _cross_entropy(run(w, x), labels)  # noqa: E731
        steps = _Steps(models.values(shapes), flat, loss_of)
    elif network in models.NETWORKS:
        return None
    else:
        x, labels, weights = network_data(network, batch)
        steps = _Steps(weights, flat)
    x, labels = jnp.asarray(x), jnp.asarray(labels)
    check = compared(lambda: float(steps(x, labels)), steps.weights, compare)
    steps.rate = jnp.float32(STILL)

    def once() -> None:
        steps(x, labels)

    return Work(once, wait=lambda: jax.block_until_ready(steps.state), check=check)


def epoch(flat: bool = False) -> Work:
    """Rows are picked by NumPy, which is faster than one more compiled call."""
    x, labels, weights = digits()
    steps, random = _Steps(weights, flat), np.random.default_rng(0)

    def once() -> float:
        order, losses = random.permutation(len(x)), []
        for start in range(0, len(x), DIGITS_BATCH):
            rows = order[start : start + DIGITS_BATCH]
            losses.append((steps(x[rows], labels[rows]), len(rows)))
        return sum(float(loss) * rows for loss, rows in losses) / len(x)

    check = Compared([once() for _ in range(3)])
    steps.rate = jnp.float32(STILL)

    def silent() -> None:
        once()

    return Work(silent, check=check)


def optimizer(algorithm: str, arrays: int, elements: int) -> Work | None:
    if algorithm != "Adam":
        return None
    parameters, gradients = ([jnp.asarray(a) for a in part] for part in vectors(arrays, elements))
    state, rate = _start(parameters), jnp.float32(RATE)
    compiled = jax.jit(_adam, donate_argnums=0)

    def once() -> None:
        nonlocal state
        state = compiled(state, gradients, rate)

    for _ in range(5):
        once()
    check = result([np.asarray(w) for w in state[0]])
    return Work(once, wait=lambda: jax.block_until_ready(state), check=check)


def _mean(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda x, target: jnp.mean(function(x, target))


def _huber(x: Any, target: Any) -> Any:
    distance = jnp.abs(x - target)
    return jnp.where(distance < 1, distance * distance / 2, distance - 0.5)


ACTIVATIONS: dict[str, Any] = {
    "ReLU": jax.nn.relu, "LeakyReLU": jax.nn.leaky_relu, "Tanh": jnp.tanh, "SELU": jax.nn.selu,
    "Sigmoid": jax.nn.sigmoid, "SiLU": jax.nn.silu, "Softplus": jax.nn.softplus,
    "ELU": jax.nn.elu, "GELU": partial(jax.nn.gelu, approximate=False),
    "Hardtanh": jax.nn.hard_tanh, "LogSigmoid": jax.nn.log_sigmoid, "Softmax": jax.nn.softmax,
    "LogSoftmax": jax.nn.log_softmax,
}  # fmt: skip
LOSSES: dict[str, Any] = {
    "MSELoss": _mean(lambda x, target: (x - target) ** 2),
    "L1Loss": _mean(lambda x, target: jnp.abs(x - target)),
    "HuberLoss": _mean(_huber), "SmoothL1Loss": _mean(_huber),
    "BCEWithLogitsLoss": _mean(lambda x, target: jax.nn.softplus(x) - x * target),
    "CrossEntropyLoss": _cross_entropy,
}  # fmt: skip


def element(function: str, shape: list[int], target: str) -> Work | None:
    run = (LOSSES if target else ACTIVATIONS).get(function)
    if run is None:
        return None
    x, other = (jnp.asarray(a) for a in element_data(shape, target))
    if target:
        compiled = jax.jit(jax.value_and_grad(run))
    else:
        compiled = jax.jit(lambda x, g: [(y, back(g)[0]) for y, back in [jax.vjp(run, x)]][0])
    last = compiled(x, other)
    check = result([np.asarray(a) for a in last])

    def once() -> None:
        nonlocal last
        last = compiled(x, other)

    return Work(once, wait=lambda: jax.block_until_ready(last), check=check)


work: dict[str, Callable[..., Work | None]] = {
    "step": step, "epoch": epoch, "optimizer": optimizer, "element": element,
}  # fmt: skip
