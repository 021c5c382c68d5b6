"""nn.compile(..., exact=False): the numbers of the explicit loop but for the last digits."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd
import nn
from autograd import value_and_grad
from tests.nn.test_compiled import LABELS, OPTIMIZERS, X, explicit, network, pair, state

LOSS = nn.CrossEntropyLoss()


def near(a: list[Any], b: list[Any], dtype: Any = np.float32) -> bool:
    """Whether all arrays are alike but for rounding that sixty steps have made larger."""
    within = 1e-3 if dtype == np.float32 else 1e-10
    return len(a) == len(b) and all(
        x.dtype == y.dtype and np.allclose(x, y, within, within * 1e-2) for x, y in zip(a, b)
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", [*OPTIMIZERS, "decayed"])
def test_every_optimizer_takes_nearly_the_same_steps(name: str, dtype: Any) -> None:
    make = OPTIMIZERS.get(name, lambda p: nn.optim.Adam(p, weight_decay=0.1, betas=(0.5, 0.9)))
    model, optimizer, twin, other = pair(lambda: network(nn.ReLU(), dtype=dtype), make)
    step = nn.compile(model, LOSS, optimizer, clip_norm=0.5, exact=False)
    x = X.astype(dtype)
    for i in range(60):
        rows = slice(0, 32 if i % 3 else 20)
        value = step(x[rows], LABELS[rows])
        expected = explicit(twin, LOSS, other, x[rows], LABELS[rows], 0.5)
        assert value == pytest.approx(expected, rel=1e-3 if dtype == np.float32 else 1e-10)
    assert step.versions == 2 and step.eager_steps == 1
    assert near(state(model, optimizer), state(twin, other), dtype)


def test_the_state_has_its_usual_units_for_everybody_else(tmp_path: Path) -> None:
    model, optimizer, twin, other = pair(lambda: network(nn.Tanh()), OPTIMIZERS["Adam"])
    loosely = nn.compile(model, LOSS, optimizer, exact=False)
    exactly = nn.compile(model, LOSS, optimizer, exact=True)
    takes = [loosely, exactly, lambda x, y: explicit(model, LOSS, optimizer, x, y)]
    for i in range(30):
        takes[i // 2 % 3](X, LABELS)
        explicit(twin, LOSS, other, X, LABELS)
        if i % 7 == 0:
            assert near(state(model, optimizer), state(twin, other))
    for _ in range(2):
        loosely(X, LABELS)
    nn.save_checkpoint(tmp_path / "a.npz", model=model, optimizer=optimizer)
    fresh = network(nn.Tanh())
    again = OPTIMIZERS["Adam"](fresh.parameters())
    nn.load_checkpoint(tmp_path / "a.npz", model=fresh, optimizer=again)
    assert all(np.array_equal(a, b) for a, b in zip(state(model, optimizer), state(fresh, again)))
    for copied in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        moments = [entry["exp_avg_sq"] for entry in copied.state.values()]
        expected = [entry["exp_avg_sq"] for entry in optimizer.state.values()]
        assert all(np.array_equal(a, b) for a, b in zip(moments, expected))


def test_betas_may_change_on_the_way() -> None:
    model, optimizer, twin, other = pair(lambda: network(nn.Tanh()), OPTIMIZERS["AdamW"])
    step = nn.compile(model, LOSS, optimizer, exact=False)
    for i in range(24):
        for group in (optimizer.param_groups[0], other.param_groups[0]):
            group["betas"] = (0.9, 0.999) if i % 8 < 4 else (0.7, 0.99)
            group["amsgrad"] = i >= 16
            group["lr"] = 0.01 / (1 + i)
        step(X, LABELS), explicit(twin, LOSS, other, X, LABELS)
    assert near(state(model, optimizer), state(twin, other))


def test_a_resumed_run_ends_where_the_other_did() -> None:
    def train(steps: int, begin: Any = None) -> Any:
        model = network(nn.ReLU())
        optimizer = nn.optim.Adam(model.parameters(), lr=0.01)
        if begin is not None:
            model.load_state_dict(begin[0]), optimizer.load_state_dict(begin[1])
        step = nn.compile(model, LOSS, optimizer, exact=False)
        for _ in range(steps):
            step(X, LABELS)
        return model.state_dict(), optimizer.state_dict()

    whole, half = train(20), train(10)
    resumed = train(10, half)
    for name, array in whole[0].items():
        np.testing.assert_allclose(resumed[0][name], array, 1e-4, 1e-6)


def test_a_rule_does_not_look_for_infinite_gradients() -> None:
    weights = np.array([1.0, np.inf])
    slope = value_and_grad(lambda x: (nn.functional.relu(x) * weights).sum())
    exactly, loosely = autograd.compile(slope), autograd.compile(slope, exact=False)
    x, finite = np.array([2.0, -1.0]), np.array([2.0, 3.0])
    with np.errstate(invalid="ignore"):
        weights[1] = 5.0
        assert exactly(finite)[1].tolist() == loosely(finite)[1].tolist() == [1.0, 5.0]
        assert exactly(x)[1].tolist() == loosely(x)[1].tolist() == [1.0, 0.0]
        of_any = value_and_grad(lambda x, w: (nn.functional.relu(x) * w).sum())
        exactly, loosely = autograd.compile(of_any), autograd.compile(of_any, exact=False)
        for f in (exactly, loosely):
            f(x, np.array([1.0, 5.0]))
        infinite = np.array([1.0, np.inf])
        assert exactly(x, infinite)[1].tolist() == [1.0, 0.0] and loosely.eager_calls == 0
        assert np.isnan(loosely(x, infinite)[1][1]) and loosely.eager_calls == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("size", [1, 100, 5000])
def test_short_sums_are_products_and_long_ones_are_not(size: int, dtype: Any) -> None:
    x = np.random.default_rng(3).normal(size=size).astype(dtype)
    total = autograd.compile(lambda x: np.add.reduce(x) * 2, exact=False)
    for array in (x, x[::-1].copy()):
        found, expected = total(array), np.add.reduce(array) * dtype(2)
        assert type(found) is type(expected)
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-5)
        assert found == expected or (size == 100 and dtype != np.float16)
    assert total.versions == 1 and total.eager_calls == 0


def test_what_is_no_flag_is_refused_and_copies_keep_it() -> None:
    model = network(nn.Tanh())
    optimizer = OPTIMIZERS["Adam"](model.parameters())
    for wrong in (1, None, "yes"):
        with pytest.raises(TypeError, match="compile: exact must be True or False, got"):
            nn.compile(model, LOSS, optimizer, exact=wrong)
        with pytest.raises(TypeError, match="compile: exact must be True or False, got"):
            autograd.compile(np.sin, exact=wrong)  # type: ignore[arg-type]
    step = nn.compile(model, LOSS, optimizer, exact=False)
    assert copy.deepcopy(step).exact is False and nn.compile(model, LOSS, optimizer).exact is True
    function = autograd.compile(lambda x: x * 2, exact=False, donate_argnums=(0,))
    assert copy.copy(function).exact is False and copy.copy(function).donate_argnums == (0,)
