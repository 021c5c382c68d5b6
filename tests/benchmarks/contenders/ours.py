"""This library, as a user writes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import autograd
import nn
from tests.benchmarks import models
from tests.benchmarks.work import (
    COMPARED_STEPS,
    DIGITS_BATCH,
    RATE,
    STILL,
    Compared,
    Phases,
    Work,
    compared,
    digits,
    element_data,
    function_data,
    graph_work,
    network_data,
    now,
    ones,
    polynomial,
    result,
    small_function,
    value,
    vectors,
)

name, version = "ours", ""


def leaf(value: Any) -> Any:
    return autograd.Tensor(value, requires_grad=True)


def second(kind: str, operations: int = 40) -> Work:
    """Gradient with its graph, and gradient of the gradient, per operation of the forward."""
    start, function = value(kind), polynomial(operations)
    x, one = leaf(start), ones(start)

    def once() -> Phases:
        begin = now()
        (slope,) = autograd.grad(function(x), x, one, create_graph=True)
        autograd.grad(slope, x, one)
        return {"both": (now() - begin) / operations}

    return Work(once)


def _network(weights: list[Any]) -> Any:
    layers: list[Any] = []
    for w, b in zip(weights[::2], weights[1::2]):
        linear = nn.Linear(w.shape[1], w.shape[0])
        linear.weight.data, linear.bias.data = w.copy(), b.copy()
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _trained(model: Any) -> tuple[Any, Any]:
    return nn.optim.Adam(model.parameters(), lr=RATE), nn.CrossEntropyLoss()


def step(
    network: str, batch: int, compare: int = COMPARED_STEPS, compiled: bool = False,
    exact: bool = True,
) -> Work:  # fmt: skip
    if network in models.NETWORKS:
        x, labels = models.samples(network, batch)
        model = models.begin(models.NETWORKS[network].build(nn), np.copy)
    else:
        x, labels, weights = network_data(network, batch)
        model = _network(weights)
    optimizer, loss_of = _trained(model)

    def once() -> Any:
        optimizer.zero_grad()
        loss = loss_of(model(x), labels)
        loss.backward(retain_graph=False)
        optimizer.step()
        return loss

    data = lambda: [p.data for p in model.parameters()]  # noqa: E731
    if compiled:
        taken = nn.compile(model, loss_of, optimizer, exact=exact)
        check = compared(lambda: taken(x, labels), data, compare)
        optimizer.param_groups[0]["lr"] = STILL
        return Work(lambda: taken(x, labels) and None, check=check)
    check = compared(lambda: once().item(), data, compare)
    optimizer.param_groups[0]["lr"] = STILL

    def silent() -> None:
        once()

    return Work(silent, check=check)


def epoch(trainer: bool = False) -> Work:
    """An epoch of the digits: through `Trainer.fit`, or the loop that the README shows."""
    x, labels, weights = digits()
    model = _network(weights)
    optimizer, loss_of = _trained(model)
    random = np.random.default_rng(0)
    loader = nn.DataLoader(x, labels, batch_size=DIGITS_BATCH, shuffle=True, rng=random)
    fitted = nn.Trainer(model, optimizer, loss_of)

    def once() -> float:
        if trainer:
            return fitted.fit(loader, progress=False)["loss"][-1]
        total = 0.0
        for x_batch, y_batch in loader:
            optimizer.zero_grad()
            loss = loss_of(model(x_batch), y_batch)
            loss.backward(retain_graph=False)
            optimizer.step()
            total += loss.item() * len(x_batch)
        return total / len(x)

    check = Compared([once() for _ in range(3)])
    optimizer.param_groups[0]["lr"] = STILL

    def silent() -> None:
        once()

    return Work(silent, check=check)


def optimizer(algorithm: str, arrays: int, elements: int) -> Work:
    parameters, gradients = vectors(arrays, elements)
    leaves = [leaf(p) for p in parameters]
    for p, g in zip(leaves, gradients):
        p.grad = g
    kind, _, momentum = algorithm.partition(" ")
    options = {"momentum": 0.9} if momentum else {}
    if kind == "Adagrad":
        options["eps"] = 1e-8
    update = getattr(nn.optim, kind)(leaves, lr=RATE, **options)
    for _ in range(5):
        update.step()
    return Work(update.step, check=result([p.data for p in leaves]))


def element(function: str, shape: list[int], target: str) -> Work:
    """One activation or loss, forward and backward."""
    module = getattr(nn, function)(*([1] if "oftmax" in function else []))
    array, other = element_data(shape, target)
    x = leaf(array)

    def once() -> Any:
        y = module(x, other) if target else module(x)
        y.backward(None if target else other)
        return y

    y = once()
    check = result([y.data, x.grad])

    def silent() -> None:
        x.grad = None
        once()

    return Work(silent, check=check)


def _innermost(array: Any) -> Any:
    """The same array, in memory with the batch innermost, as convolutions hand images on."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(array, 0, -1)), -1, 0)


def layer(name: str) -> Work:
    """One layer of a network, forward and backward; gradients are handed on and not kept."""
    told = models.LAYERS[name]
    module = told.build(nn)
    parameters = []
    if isinstance(module, nn.Module):
        parameters = list(models.begin(module, np.copy).parameters())
    laid = _innermost if told.images else np.asarray
    inputs = [laid(array) for array in models.inputs(name)]
    if told.by_x:
        inputs = [leaf(array) for array in inputs]
        parameters += inputs
    g = laid(models.incoming(models.first(module(*inputs)).shape))

    def once() -> tuple[Any, ...]:
        y = models.first(module(*inputs))
        return y, *autograd.grad(y, parameters, g)

    check = result([a.data if isinstance(a, autograd.Tensor) else a for a in once()])

    def silent() -> None:
        once()

    return Work(silent, check=check)


def function(name: str, compiled: bool = False, exact: bool = True) -> Work:
    """A small function, value and gradient."""
    given = function_data(name)
    slope = autograd.value_and_grad(small_function(name, np, lambda z: np.logaddexp(0, z)))
    if compiled:
        slope = autograd.compile(slope, exact=exact)
    return Work(lambda: slope(*given) and None, check=result([*slope(*given)]))


work: dict[str, Callable[..., Work]] = {
    **graph_work(leaf), "function": function,
    "second": second, "step": step, "epoch": epoch, "optimizer": optimizer, "element": element,
    "layer": layer,
}  # fmt: skip
