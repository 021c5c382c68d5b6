"""PyTorch, eager, each optimiser in its three ways: default (a loop), foreach and fused; steps also
with forward and backward by `torch.compile`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

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

name, version = "PyTorch", torch.__version__
torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


def leaf(value: Any) -> Any:
    return torch.tensor(value, dtype=torch.float64, requires_grad=True)


def second(kind: str, operations: int = 40) -> Work:
    start, function = value(kind), polynomial(operations)
    x, one = leaf(start), ones(start)
    one = None if one is None else torch.from_numpy(one)

    def once() -> Phases:
        begin = now()
        (slope,) = torch.autograd.grad(function(x), x, one, create_graph=True)
        torch.autograd.grad(slope, x, one)
        return {"both": (now() - begin) / operations}

    return Work(once)


def _ways(way: str) -> dict[str, bool]:
    return {} if way == "default" else {"fused" if way == "compile" else way: True}


def _compiles(function: Callable[..., Any], *given: Any) -> bool:
    """Whether `torch.compile` can: it wants a C++ compiler."""
    try:
        function(*given).backward()
    except Exception:
        return False
    return True


def _network(weights: list[Any]) -> Any:
    layers: list[Any] = []
    for w, b in zip(weights[::2], weights[1::2]):
        linear = torch.nn.Linear(w.shape[1], w.shape[0])
        linear.weight.data, linear.bias.data = torch.tensor(w), torch.tensor(b)
        layers += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def _trained(model: Any, way: str) -> tuple[Any, Any]:
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, **_ways(way))
    return optimizer, torch.nn.CrossEntropyLoss()


def _layout(channels_last: bool) -> Any:
    return torch.channels_last if channels_last else torch.preserve_format


def step(
    network: str, batch: int, way: str = "default", channels_last: bool = False,
    compare: int = COMPARED_STEPS,
) -> Work | None:  # fmt: skip
    if network in models.NETWORKS:
        x, labels = map(torch.from_numpy, models.samples(network, batch))
        model = models.begin(models.NETWORKS[network].build(torch.nn), torch.from_numpy)
        model, x = (a.to(memory_format=_layout(channels_last)) for a in (model, x))
    else:
        x, labels, weights = network_data(network, batch)
        x, labels = torch.from_numpy(x), torch.from_numpy(labels)
        model = _network(weights)
    optimizer, loss_of = _trained(model, way)
    judged = lambda x, labels: loss_of(model(x), labels)  # noqa: E731
    if way == "compile":
        judged = torch.compile(judged)
        if not _compiles(judged, x, labels):
            return None

    def once() -> Any:
        optimizer.zero_grad()
        loss = judged(x, labels)
        loss.backward()
        optimizer.step()
        return loss

    data = lambda: [p.detach().numpy() for p in model.parameters()]  # noqa: E731
    check = compared(lambda: once().item(), data, compare)
    optimizer.param_groups[0]["lr"] = STILL

    def silent() -> None:
        once()

    return Work(silent, check=check)


def epoch(way: str = "default") -> Work:
    """The loop, with rows picked out by hand, which is faster than PyTorch's DataLoader."""
    x, labels, weights = digits()
    x, labels = torch.from_numpy(x), torch.from_numpy(labels)
    model = _network(weights)
    optimizer, loss_of = _trained(model, way)
    random = np.random.default_rng(0)

    def once() -> float:
        order, total = torch.from_numpy(random.permutation(len(x))), 0.0
        for start in range(0, len(x), DIGITS_BATCH):
            rows = order[start : start + DIGITS_BATCH]
            optimizer.zero_grad()
            loss = loss_of(model(x[rows]), labels[rows])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        return total / len(x)

    check = Compared([once() for _ in range(3)])
    optimizer.param_groups[0]["lr"] = STILL

    def silent() -> None:
        once()

    return Work(silent, check=check)


def optimizer(algorithm: str, arrays: int, elements: int, way: str = "default") -> Work:
    parameters, gradients = vectors(arrays, elements)
    leaves = [torch.tensor(p, requires_grad=True) for p in parameters]
    for p, g in zip(leaves, gradients):
        p.grad = torch.tensor(g)
    kind, _, momentum = algorithm.partition(" ")
    options: dict[str, Any] = {"momentum": 0.9} if momentum else {}
    if kind == "Adagrad":
        options["eps"] = 1e-8
    update = getattr(torch.optim, kind)(leaves, lr=RATE, **options, **_ways(way))
    for _ in range(5):
        update.step()

    def silent() -> None:
        update.step()

    return Work(silent, check=result([p.detach().numpy() for p in leaves]))


def element(function: str, shape: list[int], target: str) -> Work:
    module = getattr(torch.nn, function)(*([1] if "oftmax" in function else []))
    x, other = (torch.from_numpy(a) for a in element_data(shape, target))
    x.requires_grad_()

    def once() -> Any:
        y = module(x, other) if target else module(x)
        y.backward(None if target else other)
        return y

    check = result([once().detach().numpy(), x.grad.numpy()])

    def silent() -> None:
        x.grad = None
        once()

    return Work(silent, check=check)


def layer(name: str, channels_last: bool = False) -> Work:
    told, laid = models.LAYERS[name], _layout(channels_last)
    module = told.build(torch.nn)
    parameters = []
    if isinstance(module, torch.nn.Module):
        module = models.begin(module, torch.from_numpy).to(memory_format=laid)
        parameters = list(module.parameters())
    inputs = [torch.from_numpy(a).to(memory_format=laid) for a in models.inputs(name)]
    if told.by_x:
        parameters += [array.requires_grad_() for array in inputs]
    g = models.incoming(tuple(models.first(module(*inputs)).shape))
    g = torch.from_numpy(g).to(memory_format=laid)

    def once() -> tuple[Any, ...]:
        y = models.first(module(*inputs))
        return y, *torch.autograd.grad(y, parameters, g)

    check = result([a.detach().numpy() for a in once()])

    def silent() -> None:
        once()

    return Work(silent, check=check)


class _Names:
    """PyTorch's functions under NumPy's names."""

    tanh, sin, sum, mean = torch.tanh, torch.sin, torch.sum, torch.mean


def function(name: str) -> Work:
    """A small function, value and gradient."""
    x, *rest = (torch.tensor(given, dtype=torch.float64) for given in function_data(name))
    of = small_function(name, _Names, torch.nn.functional.softplus)
    x.requires_grad_()

    def once() -> Any:
        value = of(x, *rest)
        return value.detach().numpy(), torch.autograd.grad(value, x)[0].numpy()

    return Work(lambda: once() and None, check=result([*once()]))


work: dict[str, Callable[..., Work | None]] = {
    **graph_work(leaf, torch.from_numpy), "function": function,
    "second": second, "step": step, "epoch": epoch, "optimizer": optimizer, "element": element,
    "layer": layer,
}  # fmt: skip
