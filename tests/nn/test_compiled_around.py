"""What stands around a compiled step, and changes: eager's numbers or eager's error, always."""

from __future__ import annotations

import _thread
import copy
import pickle
import random
import threading
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
from autograd import InPlaceError, grad
from nn.compiled import compile as compiled
from nn.random import get_state
from nn.training.fitting import CompiledBatch
from tests.nn.test_compiled import (
    LABELS,
    OPTIMIZERS,
    TARGETS,
    X,
    explicit,
    fitted,
    network,
    pair,
    same,
    state,
)

# ---- what users do between steps, and inside of models -------------------------------------------


class Flexible(nn.Module):
    """A model with all that somebody may change about it."""

    factor = 1.0

    def __init__(self) -> None:
        nn.manual_seed(5)
        self.first, self.last = nn.Linear(6, 8), nn.Linear(8, 3)
        self.double, self.scale, self.more = False, 1.0, []
        self.options: dict[str, Any] = {"gain": 1.0, "other": True}
        self.masks = [np.ones(3, np.float32)]
        self._mask = np.ones(3, np.float32)

    def forward(self, x: Any) -> Any:
        y = np.tanh(self.first(x))
        for layer in self.more:
            y = layer(y)
        y = self.last(y) * self.scale * self.factor * GLOBAL["gain"] * self.options["gain"]
        y = y * self.masks[0] * self._mask
        return y * 2 if self.double or "twice" in self.options else y


GLOBAL = {"gain": 1.0}


def appended(model: Any) -> None:
    nn.manual_seed(1)
    model.more.append(nn.Linear(8, 8))


def added(model: Any, optimizer: Any) -> None:
    appended(model)
    optimizer.add_param_group({"params": list(model.more[0].parameters()), "lr": 0.1})


def masked(model: Any) -> None:
    model.masks[0][0] = model._mask[1] = 3.0


class Doubled(nn.Linear):
    def forward(self, x: Any) -> Any:
        return super().forward(x) * 2


CHANGES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "flag": lambda m, o, f: setattr(m, "double", True),
    "number": lambda m, o, f: setattr(m, "scale", 0.5),
    "kind of a number": lambda m, o, f: setattr(m, "scale", np.float64(1.0)),
    "dict": lambda m, o, f: m.options.update(gain=0.5),
    "global dict": lambda m, o, f: GLOBAL.update(gain=0.5),
    "class": lambda m, o, f: setattr(Flexible, "factor", 0.5),
    "list of layers": lambda m, o, f: appended(m),
    "group": lambda m, o, f: added(m, o),
    "arrays in place": lambda m, o, f: masked(m),
    "array in a list": lambda m, o, f: m.masks.__setitem__(0, np.full(3, 2, np.float32)),
    "new array": lambda m, o, f: setattr(m, "extra", np.ones(3)),
    "smoothing": lambda m, o, f: setattr(f, "label_smoothing", 0.2),
    "reduction": lambda m, o, f: setattr(f, "reduction", "sum"),
    "layer": lambda m, o, f: setattr(m, "first", copy.deepcopy(m.last).__class__(6, 8)),
    "frozen": lambda m, o, f: m.first.requires_grad_(False),
    "fewer": lambda m, o, f: o.param_groups[0].update(params=o.param_groups[0]["params"][:2]),
    "rate": lambda m, o, f: o.param_groups[0].update(lr=np.float32(0.1)),
    "betas": lambda m, o, f: setattr(o, "betas", (0.5, 0.9)),
    "state": lambda m, o, f: o.state[m.last.weight]["exp_avg"].fill(0),
    "dtype": lambda m, o, f: m.astype(np.float64),
    "key of a dict": lambda m, o, f: m.options.update(twice=m.options.pop("other")),
    "class of a layer": lambda m, o, f: setattr(m.last, "__class__", Doubled),
    "array that is a number": lambda m, o, f: setattr(m, "_mask", 2.0),
    "groups anew": lambda m, o, f: setattr(
        o, "param_groups", [{**g, "weight_decay": 0.5} for g in o.param_groups]
    ),
    "betas in a list": lambda m, o, f: o.param_groups[0].update(betas=[0.5, 0.9]),
    "decay": lambda m, o, f: o.param_groups[0].update(weight_decay=np.array(0.1)),
    "gradient left": lambda m, o, f: setattr(m.last.bias, "grad", np.ones(3)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_changes_between_steps_is_seen(name: str) -> None:
    found = []
    for compiling in (False, True):
        model, loss = Flexible(), nn.CrossEntropyLoss()
        optimizer = OPTIMIZERS["Adam"](model.parameters())
        step = compiled(model, loss, optimizer)
        values = []
        try:
            for i in range(8):
                if i == 4:
                    nn.manual_seed(8)
                    CHANGES[name](model, optimizer, loss)
                once = step if compiling else lambda x, y: explicit(model, loss, optimizer, x, y)  # noqa: B023
                values.append(once(X, LABELS))
        finally:
            GLOBAL["gain"] = Flexible.factor = 1.0
        found.append((values, state(model, optimizer)))
        assert not compiling or (step.versions and step.eager_steps <= 3), step.reason
    assert found[0][0] == found[1][0] and same(found[0][1], found[1][1])


def beside(
    build: Callable[[], Any], make: Callable[[Any], Any], change: Callable[[int, Any, Any], Any],
    steps: int = 10, clip: float | None = None, x: Any = X,
) -> Any:  # fmt: skip
    """The losses and all that steps change, compiled and not, with change(i, model, optimizer)
    before each of them; the compiled step."""
    found = []
    for compiling in (False, True):
        model, loss = build(), nn.CrossEntropyLoss()
        optimizer = make(model)
        step, values = compiled(model, loss, optimizer, clip), []
        nn.manual_seed(8)
        for i in range(steps):
            change(i, model, optimizer)
            once = step if compiling else lambda x, y: explicit(model, loss, optimizer, x, y, clip)  # noqa: B023
            values.append(once(x, LABELS))
        found.append((values, state(model, optimizer)))
    assert found[0][0] == found[1][0] and same(found[0][1], found[1][1])
    return step


def of_all(model: Any) -> Any:
    return OPTIMIZERS["Adam"](model.parameters())


def dropping() -> Any:
    nn.manual_seed(5)
    return nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.5), nn.Linear(8, 8), nn.Linear(8, 3))


def test_what_is_unfrozen_is_trained_again() -> None:
    def change(i: int, model: Any, optimizer: Any) -> None:
        if i in (2, 6):
            for parameter in model[0].parameters():
                parameter.requires_grad = i == 6
        if i == 5:
            optimizer.state_dict()

    beside(dropping, of_all, change, 12)


@pytest.mark.parametrize("kind", ["frozen", "without a bias", "unused"])
def test_random_numbers_are_drawn_once_by_a_step_that_is_not_like_the_others(kind: str) -> None:
    def change(i: int, model: Any, optimizer: Any) -> None:
        if kind == "frozen":
            model[2].requires_grad_(i not in (3, 6))
        elif kind == "without a bias" and i == 4:
            model[2].bias = None
        elif kind == "unused" and i in (4, 7):
            model[2].forward = (lambda x: x) if i == 4 else type(model[2]).forward.__get__(model[2])

    beside(dropping, of_all, change, 10)


def test_values_given_right_after_the_first_step_are_seen() -> None:
    def build() -> Any:
        nn.manual_seed(5)
        return nn.Sequential(nn.Linear(6, 300), nn.Linear(300, 300), nn.Linear(300, 3))

    def single(i: int, model: Any, optimizer: Any) -> None:
        if i == 1:
            model[2].astype(np.float64)

    def turned(i: int, model: Any, optimizer: Any) -> None:
        if i == 1:
            model[1].weight.data = np.asfortranarray(model[1].weight.data)

    for change in (single, turned):
        beside(build, of_all, change, 5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_norms_are_added_up_as_the_loop_does(dtype: Any) -> None:
    def build() -> Any:
        nn.manual_seed(5)
        sizes = [(6, 300), (300, 300), (300, 3)]
        return nn.Sequential(*[nn.Linear(*size, dtype=dtype) for size in sizes])

    step = beside(build, of_all, lambda i, m, o: None, 16, 0.3, X.astype(dtype))
    assert step.versions == 1 and step.eager_steps == 1


def test_settings_that_change_in_themselves_are_seen() -> None:
    decay = np.array(0.1)

    def change(i: int, model: Any, optimizer: Any) -> None:
        group = optimizer.param_groups[0]
        if i == 0:
            decay[...] = 0.1
            group["betas"], group["weight_decay"] = [0.9, 0.99], decay
        if i == 4:
            group["betas"][0] = 0.3
        if i == 7:
            decay[...] = 0.5

    beside(dropping, of_all, change)
    single = lambda i, m, o: i == 4 and o.param_groups[0].update(weight_decay=np.float32(0.1))  # noqa: E731
    build = lambda: network(nn.Tanh(), dtype=np.float64)  # noqa: E731
    decayed = lambda m: nn.optim.AdamW(m.parameters(), lr=0.01, weight_decay=0.1)  # noqa: E731
    beside(build, decayed, single, x=X.astype(np.float64))


def test_parameters_that_go_to_another_group_are_stepped_as_there() -> None:
    def make(model: Any) -> Any:
        first, *others = model.parameters()
        return nn.optim.SGD([
            {"params": [first, *others[:2]], "lr": 0.1}, {"params": others[2:], "lr": 0.01},
        ])  # fmt: skip

    def change(i: int, model: Any, optimizer: Any) -> None:
        one, two = optimizer.param_groups
        if i == 4:
            two["params"].insert(0, one["params"].pop())

    beside(dropping, make, change)


def test_methods_of_an_optimizer_that_somebody_has_wrapped_are_called() -> None:
    def change(i: int, model: Any, optimizer: Any) -> None:
        if i == 4:
            before = optimizer.update
            optimizer.update = lambda value, g, state, settings: before(
                value, g * 2, state, settings
            )
        if i == 7:
            step = optimizer.step

            def halved(closure: Any = None) -> None:
                step(closure)
                model[0].bias.data = model[0].bias.data / 2

            optimizer.step = halved

    assert beside(dropping, of_all, change).reason == "the optimiser is of your own"


def test_a_rate_that_is_gone_is_missed() -> None:
    model = network(nn.Tanh())
    optimizer = of_all(model)
    step = compiled(model, nn.CrossEntropyLoss(), optimizer)
    for _ in range(3):
        step(X, LABELS)
    del optimizer.param_groups[0]["lr"]
    with pytest.raises(KeyError, match="lr"):
        step(X, LABELS)


def test_what_a_step_is_made_of_may_change() -> None:
    model, optimizer, twin, other = pair(lambda: network(nn.Tanh()), OPTIMIZERS["Adam"])
    step, loss, clip = (
        compiled(model, nn.CrossEntropyLoss(), optimizer),
        nn.CrossEntropyLoss(),
        None,
    )
    for i in range(12):
        if i == 3:
            step.clip_norm = clip = 0.01
        if i == 6:
            step.loss = loss = nn.CrossEntropyLoss(label_smoothing=0.3)
        if i == 9:
            step.optimizer, other = (nn.optim.SGD(m.parameters(), lr=0.1) for m in (model, twin))
        assert step(X, LABELS) == explicit(twin, loss, other, X, LABELS, clip)
    assert same([p.data for p in model.parameters()], [p.data for p in twin.parameters()])


@pytest.mark.parametrize("before", [0, 3])
def test_an_error_leaves_statistics_and_chance(before: int) -> None:
    nn.manual_seed(5)
    own = np.random.default_rng(4)
    inner = nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Dropout(0.5, rng=own)
    model = network(*inner)
    optimizer = of_all(model)
    step = compiled(model, nn.CrossEntropyLoss(), optimizer)
    for _ in range(before):
        step(X, LABELS)
    kept, drawn = state(model, optimizer), (get_state(), own.bit_generator.state)
    for x, labels, error in (
        (X, LABELS + 3, ValueError), (X * np.nan, LABELS, FloatingPointError),
    ):  # fmt: skip
        with pytest.raises(error):
            step(x, labels)
        assert same(state(model, optimizer), kept)
        assert (get_state(), own.bit_generator.state) == drawn


@pytest.mark.parametrize("kind", ["RandomState", "Random"])
def test_older_sources_of_random_numbers_are_put_back(kind: str) -> None:
    class Drawing(nn.Module):
        def __init__(self) -> None:
            nn.manual_seed(5)
            self.first = nn.Linear(6, 3)
            self.source: Any = (
                np.random.RandomState(3) if kind == "RandomState" else random.Random(3)
            )

        def forward(self, x: Any) -> Any:
            return self.first(x) * (1 + self.source.random())

    beside(Drawing, of_all, lambda i, m, o: None, 8)


def test_a_global_that_only_has_the_name_of_an_attribute_is_nobodys_business() -> None:
    space: dict[str, Any] = {"__name__": "script", "nn": nn}
    exec(
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        self.out = nn.Linear(6, 3)\n"
        "    def forward(self, x):\n"
        "        return self.out(x)\n",
        space,
    )
    model = space["Net"]()
    step = compiled(model, nn.CrossEntropyLoss(), of_all(model))
    for _ in range(6):
        space["out"] = step(X, LABELS)
    assert step.versions == 1 and step.eager_steps == 1


def test_settings_that_make_no_sense_are_refused_as_ever() -> None:
    model = network(nn.Tanh())
    optimizer = OPTIMIZERS["Adam"](model.parameters())
    step = compiled(model, nn.CrossEntropyLoss(), optimizer)
    for _ in range(3):
        step(X, LABELS)
    before = state(model, optimizer)
    for rate in (-1.0, float("nan")):
        optimizer.param_groups[0]["lr"] = rate
        with pytest.raises(ValueError, match="lr must be >= 0"):
            step(X, LABELS)
    assert same(state(model, optimizer), before)


def test_a_switch_back_and_forth_takes_the_programs_that_are_there() -> None:
    model = Flexible()
    step = compiled(model, nn.CrossEntropyLoss(), OPTIMIZERS["Adam"](model.parameters()))
    for i in range(12):
        model.double = i % 2 == 0
        step(X, LABELS)
    assert step.versions == 2 and step.eager_steps == 1


class Counting(Flexible):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def forward(self, x: Any) -> Any:
        self.count += 1
        return super().forward(x) * (1 + 0.1 * self.count)


class Keeping(Flexible):
    def forward(self, x: Any) -> Any:
        self._last = super().forward(x)
        return self._last


class Logging(Flexible):
    def forward(self, x: Any) -> Any:
        self._log = getattr(self, "_log", [])
        self._log.append(x.shape)
        return super().forward(x) * len(self._log)


class Averaging(Flexible):
    """Keeps an array in a list: that is a buffer, and part of the program."""

    def forward(self, x: Any) -> Any:
        y = super().forward(x)
        self.masks[0] = self.masks[0] * 0.9 + y.data.mean(axis=0) * 0.1
        return y


class Depth(Flexible):
    """Goes one way or another by chance, which leaves no mark in what is computed."""

    def __init__(self, draw: Callable[[], float]) -> None:
        super().__init__()
        self.draw = draw

    def forward(self, x: Any) -> Any:
        y = super().forward(x)
        return y + self.last(np.tanh(self.first(x * 0.5))) if self.draw() < 0.5 else y


def by_generator() -> Any:
    own = np.random.default_rng(4)
    return Depth(lambda: own.random())


def of_the_library() -> Any:
    return Depth(lambda: nn.random.generator().random())


def global_draws() -> Any:
    np.random.seed(3)  # noqa: NPY002
    return Depth(lambda: np.random.random())  # noqa: NPY002


def of_python() -> Any:
    random.seed(3)
    return Depth(random.random)


@pytest.mark.parametrize("make", [
    Counting, Keeping, Logging, Averaging, by_generator, of_the_library, global_draws, of_python,
])  # fmt: skip
def test_models_that_change_themselves_or_draw(make: Any) -> None:
    found = []
    for compiling in (False, True):
        model, loss = make(), nn.CrossEntropyLoss()
        optimizer = OPTIMIZERS["Adam"](model.parameters())
        nn.manual_seed(3)
        step = compiled(model, loss, optimizer)
        once = step if compiling else lambda x, y: explicit(model, loss, optimizer, x, y)  # noqa: B023
        found.append(([once(X, LABELS) for _ in range(14)], state(model, optimizer)))
        left = [v for v in vars(model).values() if isinstance(v, (int, list))]
        found[-1] += (left[:1],)
        assert not compiling or not step.versions, step.reason
    assert found[0][0] == found[1][0] and same(found[0][1], found[1][1])
    assert found[0][2] == found[1][2]


def test_a_parameter_that_is_used_now_and_then() -> None:
    class Switching(Flexible):
        def forward(self, x: Any) -> Any:
            y = self.last(self.first(x))
            return self.more[0](x) + y if self.double else y

    def build() -> Any:
        model = Switching()
        model.more = [nn.Linear(6, 3), nn.Dropout(0.5)]
        return model

    model, optimizer, twin, other = pair(build, OPTIMIZERS["Adam"])
    loss = nn.CrossEntropyLoss()
    step = compiled(model, loss, optimizer)
    for i in range(12):
        model.double = twin.double = i in (3, 4, 5, 9)
        assert step(X, LABELS) == explicit(twin, loss, other, X, LABELS)
    assert same(state(model, optimizer), state(twin, other))


class Descent(nn.optim.Optimizer):
    """An optimiser of somebody's own, which writes into what it is given."""

    elementwise = True

    def __init__(self, params: Any) -> None:
        super().__init__(params, {"lr": 0.05})

    def initial(self, value: Any, settings: Any) -> dict[str, Any]:
        return {"steps": 0, "decay": 1.0}

    def update(self, value: Any, gradient: Any, state: Any, settings: Any) -> Any:
        state["steps"] += 1
        state["decay"] *= 0.99
        value -= settings["lr"] * state["decay"] * gradient
        return value


class Chance(Descent):
    elementwise = False

    def update(self, value: Any, gradient: Any, state: Any, settings: Any) -> Any:
        noise = nn.random.generator().normal(size=gradient.shape).astype(gradient.dtype)
        return value - settings["lr"] * (gradient + 0.01 * noise)


class Ticking(Descent):
    elementwise = False

    def __init__(self, params: Any) -> None:
        super().__init__(params)
        self.ticks = 0

    def update(self, value: Any, gradient: Any, state: Any, settings: Any) -> Any:
        self.ticks += 1
        return value - gradient * (0.01 * self.ticks)


class Toggling(Descent):
    elementwise = True

    def initial(self, value: Any, settings: Any) -> dict[str, Any]:
        return {"on": True}

    def update(self, value: Any, gradient: Any, state: Any, settings: Any) -> Any:
        state["on"] = not state["on"]
        return value - settings["lr"] * gradient * (2 if state["on"] else 1)


class Doubling(nn.optim.SGD):
    def step(self, closure: Any = None) -> Any:
        for parameter in self.param_groups[0]["params"]:
            parameter.grad = parameter.grad * 2
        return super().step(closure)


@pytest.mark.parametrize("kind", [Descent, Chance, Ticking, Toggling, Doubling])
def test_optimizers_of_somebodys_own(kind: Any) -> None:
    model, optimizer, twin, other = pair(lambda: network(nn.Tanh()), kind)
    loss, found = nn.CrossEntropyLoss(), []
    step = compiled(model, loss, optimizer)
    nn.manual_seed(6)
    held = model[0].weight.data
    kept = held.copy()
    for _ in range(8):
        found.append(step(X, LABELS))
    nn.manual_seed(6)
    assert found == [explicit(twin, loss, other, X, LABELS) for _ in range(8)]
    assert same(state(model, optimizer), state(twin, other)) and np.array_equal(held, kept)
    assert not step.versions and "your own" in str(step.reason)


def test_losses_that_are_no_single_number() -> None:
    errors = []
    for compiling in (False, True):
        model = network(nn.Tanh())
        optimizer, loss = OPTIMIZERS["Adam"](model.parameters()), nn.CrossEntropyLoss()
        step = compiled(model, loss, optimizer)
        once = step if compiling else lambda x, y: explicit(model, loss, optimizer, x, y)  # noqa: B023
        for _ in range(3):
            once(X, LABELS)
        before = state(model, optimizer)
        loss.reduction = "none"
        with pytest.raises(ValueError, match="only a single number") as raised:
            once(X, LABELS)
        errors.append(str(raised.value))
        assert same(state(model, optimizer), before)
    assert errors[0] == errors[1]
    model = network(nn.Tanh())
    optimizer = OPTIMIZERS["Adam"](model.parameters())
    step = compiled(model, lambda p, y: nn.functional.cross_entropy(p, y).reshape(1), optimizer)
    assert len({step(X, LABELS) for _ in range(4)}) == 4 and step.eager_steps == 1


def test_a_graph_from_before_a_step_goes_on_with_what_it_saw() -> None:
    def gradients(compiling: bool) -> Any:
        model, loss = network(nn.Tanh()), nn.CrossEntropyLoss()
        optimizer = OPTIMIZERS["Adam"](model.parameters())
        step = compiled(model, loss, optimizer)
        once = step if compiling else lambda x, y: explicit(model, loss, optimizer, x, y)
        for _ in range(3):
            once(X, LABELS)
        y = (model(X) ** 2).sum()
        once(X, LABELS)
        first = grad(y, list(model.parameters()))
        y = (model(X) ** 2).sum()
        once(X, LABELS)
        with pytest.raises(InPlaceError, match="was given new values"):
            grad(y, list(model.parameters()), create_graph=True)
        return [g.data for g in first]

    assert same(gradients(True), gradients(False))


def test_a_ctrl_c_inside_leaves_everything() -> None:
    class Interrupted(Flexible):
        def forward(self, x: Any) -> Any:
            y = super().forward(x)
            if GLOBAL.get("stop"):
                raise KeyboardInterrupt
            return y

    model = Interrupted()
    optimizer = OPTIMIZERS["Adam"](model.parameters())
    step = compiled(model, nn.CrossEntropyLoss(), optimizer)
    try:
        for before in (1, 3):
            for _ in range(before):
                step(X, LABELS)
            kept = state(model, optimizer)
            GLOBAL["stop"] = True
            with pytest.raises(KeyboardInterrupt):
                step(X, LABELS)
            del GLOBAL["stop"]
            assert same(state(model, optimizer), kept)
            assert all(type(p.data) is np.ndarray for p in model.parameters())
    finally:
        GLOBAL.pop("stop", None)
    step(X, LABELS)
    assert step.versions == 1


@pytest.mark.parametrize("exact", [True, False])
def test_a_ctrl_c_from_outside_leaves_whole_steps(exact: bool) -> None:
    def build() -> Any:  # whose updates let other threads run, and these interrupt
        nn.manual_seed(5)
        return nn.Sequential(nn.Linear(6, 400), nn.Tanh(), nn.Linear(400, 3))

    model, optimizer, twin, other = pair(build, OPTIMIZERS["AdamW"])
    loss = nn.CrossEntropyLoss()
    step = compiled(model, loss, optimizer, exact=exact)
    go, chance, taken = threading.Event(), np.random.default_rng(0), 0

    def interrupt() -> None:
        for wait in chance.uniform(0.0001, 0.0008, 40):
            go.wait()
            go.clear()
            time.sleep(wait)
            _thread.interrupt_main()

    work = threading.Thread(target=interrupt)
    work.start()
    for _ in range(40):
        with pytest.raises(KeyboardInterrupt):
            step(X, LABELS)
            go.set()
            while True:
                step(X, LABELS)
        kept, before = state(model, optimizer), taken
        taken = int(next(iter(optimizer.state.values()))["step"])
        for _ in range(taken - before):
            explicit(twin, loss, other, X, LABELS)
        if exact:
            assert same(kept, state(twin, other))
        else:
            assert all(np.allclose(a, b, 0.1, 1e-2) for a, b in zip(kept, state(twin, other)))
    work.join()
    assert step.versions and step.eager_steps < taken


def test_threads() -> None:
    model, optimizer, twin, other = pair(lambda: network(nn.Tanh()), OPTIMIZERS["Adam"])
    step = compiled(model, nn.CrossEntropyLoss(), optimizer)
    work = [threading.Thread(target=lambda: [step(X, LABELS) for _ in range(20)]) for _ in range(4)]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    for _ in range(80):
        explicit(twin, nn.CrossEntropyLoss(), other, X, LABELS)
    assert same(state(model, optimizer), state(twin, other)) and step.eager_steps == 1


def test_copies_of_a_step_have_models_of_their_own() -> None:
    model = network(nn.Tanh())
    step = compiled(model, nn.CrossEntropyLoss(), OPTIMIZERS["Adam"](model.parameters()), 1.0)
    for _ in range(3):
        step(X, LABELS)
    for other in (copy.deepcopy(step), pickle.loads(pickle.dumps(step))):
        assert other.model is not model and other.clip_norm == 1.0
        twin = copy.deepcopy(step)
        assert [other(X, LABELS) for _ in range(4)] == [twin(X, LABELS) for _ in range(4)]
        assert same(state(other.model, other.optimizer), state(twin.model, twin.optimizer))


def test_no_memory_grows_and_old_versions_go() -> None:
    model = network(nn.BatchNorm1d(8), nn.Dropout(0.3))
    optimizer = OPTIMIZERS["Adam"](model.parameters())
    step = compiled(model, nn.CrossEntropyLoss(), optimizer, clip_norm=1.0)
    for n in range(2, 22):
        step(X[:n], LABELS[:n])
    assert step.versions == 16
    tracemalloc.start()
    try:
        for _ in range(2200):  # (Python keeps up to 2,000 tuples of each length)
            step(X[:21], LABELS[:21])
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(1000):
            step(X[:21], LABELS[:21])
        assert tracemalloc.get_traced_memory()[0] - before < 20_000
    finally:
        tracemalloc.stop()


# ---- Trainer -----------------------------------------------------------------------------------


class Meddling(nn.Callback):
    """Looks at the model, and changes rates, modes and what is frozen, in the middle of a fit."""

    def on_train_begin(self, trainer: Any) -> None:
        self.batches = 0

    def on_batch_end(self, trainer: Any) -> None:
        self.batches += 1
        if self.batches % 3 == 0:
            trainer.evaluate(X, LABELS)
            trainer.predict(X)
        if self.batches % 7 == 0:
            trainer.optimizer.param_groups[0]["lr"] *= 0.5
        if self.batches in (5, 9):
            trainer.model[0].requires_grad_(self.batches == 9)
        if self.batches in (12, 14):
            trainer.model.train(self.batches == 14)


@pytest.mark.parametrize("options", [
    {}, {"class_weight": {0: 1.0, 1: 2.0, 2: 0.5}}, {"sample_weight": np.linspace(0.1, 2, 106)},
])  # fmt: skip
def test_callbacks_may_do_anything(options: Any) -> None:
    found = [fitted(c, callbacks=[Meddling()], **options) for c in (True, False)]
    (model, optimizer, history), (twin, other, expected) = found
    assert all(
        np.array_equal(v, expected[name], equal_nan=True) for name, v in history.history.items()
    )
    assert same(state(model, optimizer), state(twin, other))


class Replacing(nn.Callback):
    """Gives a Trainer another limit, loss and optimiser, in the middle of a fit and before it."""

    def on_train_begin(self, trainer: Any) -> None:
        self.batches, trainer.clip_norm = 0, 0.5

    def on_batch_end(self, trainer: Any) -> None:
        self.batches += 1
        if self.batches == 3:
            trainer.loss = nn.CrossEntropyLoss(label_smoothing=0.2)
        if self.batches == 6:
            trainer.clip_norm = None
        if self.batches == 9:
            trainer.optimizer = nn.optim.SGD(trainer.model.parameters(), lr=0.01)


def test_callbacks_may_give_a_trainer_other_parts() -> None:
    found = [fitted(c, callbacks=[Replacing()]) for c in (True, False)]
    (model, optimizer, history), (twin, other, expected) = found
    assert history.history == expected.history
    assert same(state(model, optimizer), state(twin, other))


@pytest.mark.parametrize("loss", [nn.CrossEntropyLoss(), nn.MSELoss(), nn.BCEWithLogitsLoss()])
def test_weights_of_rows_are_compiled(loss: Any, monkeypatch: Any) -> None:
    steps: list[Any] = []
    made = CompiledBatch.__init__
    monkeypatch.setattr(
        CompiledBatch, "__init__", lambda self, fit: (steps.append(self), made(self, fit))[1]
    )
    y = LABELS if isinstance(loss, nn.CrossEntropyLoss) else (TARGETS > 0.5).astype(np.float32)
    found = []
    for compiling in (True, False):
        model = network(nn.Tanh())
        trainer = nn.Trainer(model, of_all(model), loss, compile=compiling)
        history = trainer.fit(
            X, y, epochs=4, batch_size=16, sample_weight=np.linspace(0.1, 2, 32), progress=False
        )
        found.append((history["loss"], [p.data for p in model.parameters()]))
    assert found[0][0] == found[1][0] and same(found[0][1], found[1][1])
    assert [(step.versions, step.eager_steps) for step in steps] == [(1, 1)]


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("second", [False, True])
def test_a_run_goes_on_with_or_without(first: bool, second: bool, tmp_path: Path) -> None:
    whole, expected, history = fitted(False, epochs=6)
    path = tmp_path / "run.npz"
    fitted(first, epochs=3, callbacks=[nn.ModelCheckpoint(path)])
    model, optimizer, found = fitted(second, epochs=6, resume_from=path)
    assert found.history == history.history
    assert same(state(model, optimizer), state(whole, expected))


def test_a_trainer_draws_once_for_a_loss_that_is_not_finite() -> None:
    messages, drawn = [], []
    for compiling in (False, True):
        model = network(nn.Dropout(0.5))
        optimizer = nn.optim.SGD(model.parameters(), lr=1e30)
        trainer = nn.Trainer(model, optimizer, nn.MSELoss(), compile=compiling)
        nn.manual_seed(2)
        with pytest.raises(FloatingPointError, match="fit: the loss is") as raised:
            trainer.fit(X, TARGETS, epochs=5, batch_size=8, progress=False)
        messages.append(str(raised.value))
        drawn.append(nn.random.generator().random())
    assert messages[0] == messages[1] and drawn[0] == drawn[1]
