"""nn.compile and Trainer(compile=True): the numbers of the explicit loop, whatever happens."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
from autograd import AutogradError, Tensor, profile
from nn.compiled import compile as compiled

rng = np.random.default_rng(11)
X = rng.normal(size=(32, 6)).astype(np.float32)
LABELS = rng.integers(0, 3, 32)
TARGETS = rng.uniform(0.1, 0.9, (32, 3)).astype(np.float32)


def network(*inner: Any, dtype: Any = np.float32) -> Any:
    nn.manual_seed(5)
    return nn.Sequential(nn.Linear(6, 8, dtype=dtype), *inner, nn.Linear(8, 3, dtype=dtype))


def explicit(
    model: Any, loss: Any, optimizer: Any, x: Any, y: Any, clip: float | None = None
) -> float:
    """The loop's body."""
    optimizer.zero_grad()
    value = loss(model(x), y)
    value.backward(retain_graph=False)
    if clip is not None:
        nn.clip_grad_norm_(model.parameters(), clip)
    optimizer.step()
    return float(value.item())


def state(model: Any, optimizer: Any) -> list[Any]:
    """All that a step changes, copied."""
    kept = optimizer.state_dict()["state"]
    found = [entry for entries in kept.values() for entry in entries.values()]
    arrays = [*[p.data for p in model.parameters()], *model.buffers(), *found]
    return [np.array(a, copy=True) for a in arrays]


def same(a: list[Any], b: list[Any]) -> bool:
    return len(a) == len(b) and all(
        x.dtype == y.dtype and np.array_equal(x, y, equal_nan=True) for x, y in zip(a, b)
    )


def pair(build: Callable[[], Any], optimizer: Callable[[Any], Any]) -> Any:
    """Two equal models, each with its optimiser."""
    first, second = build(), build()
    return first, optimizer(first.parameters()), second, optimizer(second.parameters())


OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "SGD": lambda p: nn.optim.SGD(p, lr=0.05),
    "momentum": lambda p: nn.optim.SGD(p, lr=0.05, momentum=0.9, dampening=0.1, weight_decay=0.01),
    "nesterov": lambda p: nn.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
    "Adam": lambda p: nn.optim.Adam(p, lr=0.01),
    "amsgrad": lambda p: nn.optim.Adam(p, lr=0.01, amsgrad=True, weight_decay=0.01),
    "maximize": lambda p: nn.optim.Adam(p, lr=0.001, maximize=True),
    "AdamW": lambda p: nn.optim.AdamW(p, lr=0.01),
    "RMSprop": lambda p: nn.optim.RMSprop(p, lr=0.01, momentum=0.5, centered=True),
    "Adagrad": lambda p: nn.optim.Adagrad(p, lr=0.05),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_takes_the_same_steps(name: str, dtype: Any) -> None:
    build = lambda: network(nn.Tanh(), dtype=dtype)  # noqa: E731
    model, optimizer, twin, other = pair(build, OPTIMIZERS[name])
    loss = nn.CrossEntropyLoss()
    step = compiled(model, loss, optimizer)
    for i in range(60):
        rows = slice(0, 32 if i % 3 else 20)  # a smaller batch now and then
        value = step(X[rows].astype(dtype), LABELS[rows])
        assert value == explicit(twin, loss, other, X[rows].astype(dtype), LABELS[rows])
    assert step.versions == 2 and step.eager_steps == 1
    assert same(state(model, optimizer), state(twin, other))


ACTIVATIONS = [
    nn.ReLU, nn.Sigmoid, nn.Tanh, nn.GELU, nn.SiLU, nn.ELU, nn.SELU, nn.LeakyReLU, nn.Softplus,
    nn.LogSigmoid, nn.Hardtanh,
]  # fmt: skip
LOSSES: dict[str, tuple[Callable[[], Any], Any]] = {
    "cross-entropy": (nn.CrossEntropyLoss, LABELS),
    "smoothed": (lambda: nn.CrossEntropyLoss(label_smoothing=0.1), LABELS),
    "probabilities": (nn.CrossEntropyLoss, TARGETS / TARGETS.sum(1, keepdims=True)),
    "logits": (nn.BCEWithLogitsLoss, TARGETS),
    "two classes": (nn.BCEWithLogitsLoss, (TARGETS > 0.5).astype(np.float32)),
    "weights": (
        lambda: nn.BCEWithLogitsLoss(np.float32([1, 2, 3]), pos_weight=np.float32([2, 1, 5])),
        (TARGETS > 0.5).astype(np.float32),
    ),
    "hinge": (nn.HingeEmbeddingLoss, np.where(TARGETS > 0.5, 1, -1).astype(np.float32)),
    "weighted classes": (lambda: nn.CrossEntropyLoss(np.float32([1, 2, 5])), LABELS),
    "weighted, smoothed": (
        lambda: nn.CrossEntropyLoss(np.float32([1, 2, 5]), label_smoothing=0.1),
        LABELS,
    ),
    "mse": (nn.MSELoss, TARGETS),
    "l1": (nn.L1Loss, TARGETS),
    "huber": (nn.HuberLoss, TARGETS),
    "sum": (lambda: nn.MSELoss(reduction="sum"), TARGETS),
}


@pytest.mark.parametrize("kind", ACTIVATIONS)
@pytest.mark.parametrize("name", LOSSES)
def test_every_activation_and_loss(name: str, kind: Any) -> None:
    make, y = LOSSES[name]
    model, optimizer, twin, other = pair(lambda: network(kind()), OPTIMIZERS["Adam"])
    loss = make()
    step = compiled(model, loss, optimizer)
    for _ in range(15):
        assert step(X, y) == explicit(twin, loss, other, X, y)
    assert step.eager_steps <= 4 and step.versions
    assert same(state(model, optimizer), state(twin, other))


@pytest.mark.parametrize("inner", [
    lambda: (nn.BatchNorm1d(8), nn.ReLU()), lambda: (nn.LayerNorm(8), nn.ReLU()),
    lambda: (nn.BatchNorm1d(8, momentum=None), nn.ReLU()),
    lambda: (nn.Tanh(), nn.Dropout(0.4)), lambda: (nn.ReLU(), nn.Dropout(0.2), nn.BatchNorm1d(8)),
    lambda: (nn.Softmax(1),),
])  # fmt: skip
def test_layers_with_state_and_chance(inner: Callable[[], Any]) -> None:
    model, optimizer, twin, other = pair(lambda: network(*inner()), OPTIMIZERS["AdamW"])
    loss, found = nn.CrossEntropyLoss(), []
    step = compiled(model, loss, optimizer)
    nn.manual_seed(1)
    for _ in range(12):
        found.append(step(X, LABELS))
    nn.manual_seed(1)
    assert found == [explicit(twin, loss, other, X, LABELS) for _ in range(12)]
    assert step.eager_steps <= 4 and step.versions
    assert same(state(model, optimizer), state(twin, other))
    model.eval()
    for _ in range(2):
        twin.eval()
        assert step(X, LABELS) == explicit(twin, loss, other, X, LABELS)
    assert same(state(model, optimizer), state(twin, other))


class Reader(nn.Module):
    """Words through a recurrent layer."""

    def __init__(self, kind: Any) -> None:
        self.words, self.reading = nn.Embedding(20, 6), kind(6, 8, batch_first=True)
        self.last = nn.Linear(8, 3)

    def forward(self, x: Any) -> Any:
        y, _ = self.reading(self.words(x))
        return self.last(y[:, -1])


class Attending(nn.Module):
    def __init__(self) -> None:
        self.inner = nn.TransformerEncoderLayer(6, 2, 16, batch_first=True, dropout=0.1)
        self.last = nn.Linear(6, 3)

    def forward(self, x: Any) -> Any:
        return self.last(self.inner(x).mean(axis=1))


IMAGES = rng.normal(size=(16, 1, 12, 12)).astype(np.float32)
WORDS = rng.integers(0, 20, (16, 7))
NETWORKS: dict[str, tuple[Callable[[], Any], Any]] = {
    "images": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(100, 3),
        ),
        IMAGES,
    ),
    "lstm": (lambda: Reader(nn.LSTM), WORDS),
    "gru": (lambda: Reader(nn.GRU), WORDS),
    "rnn": (lambda: Reader(nn.RNN), WORDS),
    "attention": (Attending, rng.normal(size=(16, 5, 6)).astype(np.float32)),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_layers_beyond_feedforward(name: str) -> None:
    make, x = NETWORKS[name]

    def build() -> Any:
        nn.manual_seed(2)
        return make()

    model, optimizer, twin, other = pair(build, OPTIMIZERS["Adam"])
    loss, y = nn.CrossEntropyLoss(), LABELS[:16]
    step = compiled(model, loss, optimizer)
    nn.manual_seed(4)
    found = [step(x, y) for _ in range(6)]
    nn.manual_seed(4)
    assert found == [explicit(twin, loss, other, x, y) for _ in range(6)]
    assert same(state(model, optimizer), state(twin, other))
    assert step.eager_steps == 1 and step.versions == 1, step.reason


def test_schedules_groups_and_clipping() -> None:
    def groups(model: Any) -> Any:
        first, last = model[0].parameters(), model[2].parameters()
        groups = [{"params": first, "lr": 0.002}, {"params": last, "eps": 1e-6}]
        return nn.optim.Adam(groups, lr=0.02)

    model, twin = network(nn.ReLU()), network(nn.ReLU())
    optimizer, other = groups(model), groups(twin)
    loss = nn.CrossEntropyLoss()
    step = compiled(model, loss, optimizer, clip_norm=0.05)
    one = nn.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20)
    two = nn.optim.lr_scheduler.CosineAnnealingLR(other, 20)
    for _ in range(20):
        assert step(X, LABELS) == explicit(twin, loss, other, X, LABELS, 0.05)
        one.step()
        two.step()
    assert same(state(model, optimizer), state(twin, other))
    assert step.versions == 1 and step.eager_steps == 1
    optimizer.param_groups[0]["weight_decay"] = other.param_groups[0]["weight_decay"] = 0.3
    for _ in range(3):  # another setting: another program
        assert step(X, LABELS) == explicit(twin, loss, other, X, LABELS, 0.05)
    assert same(state(model, optimizer), state(twin, other)) and step.versions == 2


def test_a_norm_below_the_limit_changes_nothing() -> None:
    model, optimizer, twin, other = pair(lambda: network(nn.Tanh()), OPTIMIZERS["SGD"])
    loss = nn.MSELoss()
    step = compiled(model, loss, optimizer, clip_norm=1e6)
    for _ in range(5):
        assert step(X, TARGETS) == explicit(twin, loss, other, X, TARGETS)
    assert same(state(model, optimizer), state(twin, other))


def test_frozen_parts_and_thawing() -> None:
    model, optimizer, twin, other = pair(lambda: network(nn.Tanh()), OPTIMIZERS["Adam"])
    loss = nn.CrossEntropyLoss()
    step = compiled(model, loss, optimizer)
    for frozen in (True, False):
        for m in (model, twin):
            for p in m[0].parameters():
                p.requires_grad = not frozen
        for _ in range(4):
            assert step(X, LABELS) == explicit(twin, loss, other, X, LABELS)
        assert same(state(model, optimizer), state(twin, other))


def test_arrays_that_somebody_holds_keep_their_numbers() -> None:
    model, optimizer = network(nn.Tanh()), None
    optimizer = OPTIMIZERS["Adam"](model.parameters())
    step = compiled(model, nn.CrossEntropyLoss(), optimizer)
    for _ in range(3):
        step(X, LABELS)
    weight = model[0].weight
    held = [weight.data, weight.data[0], memoryview(model[2].bias.data), model[2].weight.numpy().T]
    graph = model(X)  # a graph that goes on with the values it saw
    before = [np.array(a, copy=True) for a in held]
    expected = np.array(graph.data, copy=True)
    moved = weight.data.copy()
    for _ in range(3):
        step(X, LABELS)
    assert all(np.array_equal(np.asarray(a), b) for a, b in zip(held, before))
    assert not np.array_equal(weight.data, moved) and np.array_equal(graph.data, expected)


def test_values_set_from_outside_are_seen() -> None:
    model, optimizer, twin, other = pair(lambda: network(nn.Tanh()), OPTIMIZERS["Adam"])
    loss = nn.CrossEntropyLoss()
    step = compiled(model, loss, optimizer)
    for i in range(12):
        if i == 3:
            for m in (model, twin):
                m[0].weight.data = m[0].weight.data * 0.5
        if i == 5:
            for m in (model, twin):
                m[0].weight.assign_(np.ones((8, 6)))
        if i == 7:  # in place: the model's own array
            for m in (model, twin):
                m[2].bias.data[0] = 0.25
        if i == 9:  # an explicit step in between
            assert explicit(model, loss, optimizer, X, LABELS) == explicit(
                twin, loss, other, X, LABELS
            )
            continue
        assert step(X, LABELS) == explicit(twin, loss, other, X, LABELS)
    assert same(state(model, optimizer), state(twin, other))


def test_states_are_saved_and_loaded_on_the_way(tmp_path: Path) -> None:
    model, optimizer, twin, other = pair(lambda: network(nn.ReLU()), OPTIMIZERS["RMSprop"])
    loss = nn.CrossEntropyLoss()
    step = compiled(model, loss, optimizer)
    for _ in range(4):
        step(X, LABELS)
    nn.save(tmp_path / "model.npz", model.state_dict())
    kept = optimizer.state_dict()
    twin.load_state_dict(nn.load(tmp_path / "model.npz"))
    other.load_state_dict(kept)
    for _ in range(4):
        assert step(X, LABELS) == explicit(twin, loss, other, X, LABELS)
    assert same(state(model, optimizer), state(twin, other))
    copied = copy.deepcopy(model)
    step(X, LABELS)
    assert not np.array_equal(copied[0].weight.data, model[0].weight.data)


def test_what_is_wrong_is_said_and_changes_nothing() -> None:
    model, optimizer, twin, other = pair(lambda: network(nn.ReLU()), OPTIMIZERS["Adam"])
    loss = nn.CrossEntropyLoss()
    step = compiled(model, loss, optimizer)
    for _ in range(3):
        assert step(X, LABELS) == explicit(twin, loss, other, X, LABELS)
    before = state(model, optimizer)
    with pytest.raises((IndexError, ValueError), match="label|class|out of"):
        step(X, np.where(LABELS == 1, 7, LABELS))
    with pytest.raises(FloatingPointError, match="loss is nan; nothing was changed"):
        step(np.full_like(X, np.nan), LABELS)
    with pytest.raises(ValueError, match="expected an input of width 6"):
        step(X[:, :5], LABELS)
    assert same(state(model, optimizer), before)
    for _ in range(3):
        assert step(X, LABELS) == explicit(twin, loss, other, X, LABELS)
    assert same(state(model, optimizer), state(twin, other))


@pytest.mark.parametrize("before", [0, 1, 3])
def test_a_loss_that_is_not_finite_leaves_statistics_and_chance(before: int) -> None:
    build = lambda: network(nn.BatchNorm1d(8), nn.Dropout(0.5))  # noqa: E731
    model, optimizer, twin, other = pair(build, OPTIMIZERS["Adam"])
    loss = nn.CrossEntropyLoss()
    step = compiled(model, loss, optimizer)
    nn.manual_seed(3)
    found = [step(X, LABELS) for _ in range(before)]
    for _ in range(2):
        with pytest.raises(FloatingPointError, match="loss is nan; nothing was changed"):
            step(np.full_like(X, np.nan), LABELS)
    found += [step(X, LABELS) for _ in range(3)]
    nn.manual_seed(3)
    assert found == [explicit(twin, loss, other, X, LABELS) for _ in range(before + 3)]
    assert same(state(model, optimizer), state(twin, other))


def test_an_update_that_overflows_is_no_half_step() -> None:
    model, optimizer, twin, other = pair(lambda: network(nn.Tanh()), OPTIMIZERS["Adam"])
    loss = lambda prediction, t: (prediction * t).sum()  # noqa: E731
    step = compiled(model, loss, optimizer)
    for _ in range(3):
        assert step(X, TARGETS) == explicit(twin, loss, other, X, TARGETS)
    far = TARGETS * np.float32(1e20)  # the squares of the gradients overflow, the loss does not
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value = step(X, far)
    with np.errstate(all="ignore"):
        assert value == explicit(twin, loss, other, X, far)
    assert same(state(model, optimizer), state(twin, other))
    assert any(np.isinf(a).any() for a in state(model, optimizer)) and step.eager_steps == 1


def test_hooks_are_called() -> None:
    model, optimizer, twin, other = pair(lambda: network(nn.Tanh()), OPTIMIZERS["SGD"])
    loss, seen = nn.MSELoss(), []
    step = compiled(model, loss, optimizer)
    for _ in range(3):
        step(X, TARGETS)
        explicit(twin, loss, other, X, TARGETS)
    for m in (model, twin):
        m[0].weight.register_hook(lambda g: seen.append(1) or g * 2)
    for _ in range(3):
        assert step(X, TARGETS) == explicit(twin, loss, other, X, TARGETS)
    assert len(seen) >= 6 and same(state(model, optimizer), state(twin, other))


class Switched(nn.Module):
    """Its forward reads attributes, a list of layers among them."""

    def __init__(self) -> None:
        self.layers = [nn.Linear(6, 6), nn.Tanh()]
        self.last, self.factor, self.doubles, self.calls = nn.Linear(6, 3), 1.0, False, 0
        self.counts = False

    def forward(self, x: Any) -> Any:
        if self.counts:
            self.calls += 1
        for layer in self.layers:
            x = layer(x)
        y = self.last(x) * self.factor
        return y + y if self.doubles else y


def test_attributes_that_change_are_seen() -> None:
    def build() -> Any:
        nn.manual_seed(6)
        return Switched()

    model, optimizer, twin, other = pair(build, OPTIMIZERS["Adam"])
    loss, its = nn.CrossEntropyLoss(), nn.CrossEntropyLoss()
    step = compiled(model, loss, optimizer)

    def both(times: int = 3) -> None:
        for _ in range(times):
            assert step(X, LABELS) == explicit(twin, its, other, X, LABELS)

    both()
    changes: list[Callable[[Any, Any], Any]] = [
        lambda m, f: setattr(m, "factor", 0.5),
        lambda m, f: setattr(m, "doubles", True),
        lambda m, f: m.layers.append(nn.ReLU()),
        lambda m, f: setattr(f, "label_smoothing", 0.2),
        lambda m, f: setattr(f, "reduction", "sum"),
        lambda m, f: setattr(m, "counts", True),
    ]
    for change in changes:
        for m, f in ((model, loss), (twin, its)):
            change(m, f)
        both()
    assert same(state(model, optimizer), state(twin, other)) and model.calls == twin.calls == 3


def test_forward_hooks_are_called() -> None:
    model, optimizer, twin, other = pair(lambda: network(nn.Tanh()), OPTIMIZERS["SGD"])
    loss, seen = nn.MSELoss(), []
    step = compiled(model, loss, optimizer)
    for _ in range(3):
        assert step(X, TARGETS) == explicit(twin, loss, other, X, TARGETS)
    handle = model[0].register_forward_hook(lambda module, inputs, y: seen.append(y.shape))
    for _ in range(4):
        assert step(X, TARGETS) == explicit(twin, loss, other, X, TARGETS)
    assert len(seen) >= 4 and step.reason == "a Module has forward hooks"
    handle.remove()
    counted = step.eager_steps, len(seen)
    for _ in range(3):
        assert step(X, TARGETS) == explicit(twin, loss, other, X, TARGETS)
    assert (step.eager_steps, len(seen)) == counted
    assert same(state(model, optimizer), state(twin, other))


def test_a_model_that_branches_on_data_runs_as_it_is_written() -> None:
    class Branching(nn.Module):
        def __init__(self) -> None:
            self.first = nn.Linear(6, 3)

        def forward(self, x: Any) -> Any:
            y = self.first(x)
            return y * 2 if float(y.data.mean()) > 0 else y

    nn.manual_seed(0)
    model = Branching()
    twin = copy.deepcopy(model)
    optimizer, other = (OPTIMIZERS["SGD"](m.parameters()) for m in (model, twin))
    step = compiled(model, nn.MSELoss(), optimizer)
    for i in range(6):
        x = X if i % 2 else -X
        assert step(x, TARGETS) == explicit(twin, nn.MSELoss(), other, x, TARGETS)
    assert step.eager_steps == 6 and step.reason is not None and "float()" in step.reason
    with pytest.raises(AutogradError, match=r"float\(\)"):
        step.source  # noqa: B018


READ: dict[str, tuple[Callable[[], Any], Any, Callable[[Any], Any], str]] = {
    "Adam": (
        lambda: (nn.ReLU(),), LABELS[:8], lambda p: nn.optim.Adam(p, lr=0.01),
        "def training_step(parameters, step, exp_avg, exp_avg_sq, lr, x, y):",
    ),
    "normalised": (
        lambda: (nn.BatchNorm1d(4), nn.Tanh()), TARGETS[:8],
        lambda p: nn.optim.SGD(p, lr=0.1, momentum=0.9),
        "parameters, momentum_buffer, lr, running_mean1, running_var1, num_batches_tracked1,",
    ),
    "groups": (
        lambda: (nn.Sigmoid(),), LABELS[:8],
        lambda p: nn.optim.RMSprop([{"params": p[:2]}, {"params": p[2:], "lr": 0.1}]),
        "    parameters0, parameters1, step, square_avg, step2, square_avg2, lr0, lr1, x, y,\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_the_source_runs_by_itself(name: str) -> None:
    inner, y, optimizer, head = READ[name]
    nn.manual_seed(2)
    model = nn.Sequential(nn.Linear(6, 4), *inner(), nn.Linear(4, 3))
    loss: Any = nn.CrossEntropyLoss() if y.dtype.kind == "i" else nn.MSELoss()
    step = nn.compile(model, loss, optimizer(list(model.parameters())))
    with pytest.raises(AutogradError, match="take two steps"):
        step.source  # noqa: B018
    values = [step(X[:8], y) for _ in range(2)]
    text = step.source
    assert head in text and step.versions == 1
    for parameter, _ in model.named_parameters():
        layer, kind = parameter.split(".")
        assert f"    {kind}{layer} = parameters" in text and f"    d{kind}{layer} = " in text
    assert "lr = 0." in text or "lr0 = 0." in text  # Python's own, beside which arrays keep theirs
    found: dict[str, Any] = {}
    exec(text.replace("print(training_step(", "result = (training_step("), found)
    given, new = found["result"][:2]
    assert given == pytest.approx(values[1], rel=1e-5) and "nn" not in found
    expected = np.concatenate([p.data for p in model.parameters()], axis=None)
    np.testing.assert_allclose(np.concatenate(new), expected, 1e-4, 1e-5)
    assert all(array.dtype == np.float32 for array in new)
    if name == "normalised":
        mean = found["result"][3]["1.running_mean"]
        np.testing.assert_allclose(mean, list(model.buffers())[0], 1e-5, 1e-6)


def test_a_profile_hears_of_every_line() -> None:
    model = network(nn.Tanh())
    step = compiled(model, nn.MSELoss(), nn.optim.SGD(model.parameters(), lr=0.0))
    losses = [step(X, TARGETS) for _ in range(2)]
    with profile(verbose=False) as measured:
        assert step(X, TARGETS) == losses[1]
    lines = {(phase, scope): text for phase, scope, text in measured.rows}
    assert step.eager_steps == 1 and "tanh(" in lines["forward", "Sequential.1"]
    assert all(calls == 1 and seconds > 0 for calls, seconds, _ in measured.rows.values())
    assert "tanh(v" in measured.table() and ("backward", "Sequential.0") in lines


@pytest.mark.parametrize(("arguments", "error", "message"), [
    ((None, nn.MSELoss()), TypeError, "the model must be"),
    ((nn.Identity(), 3), TypeError, "the loss must be"),
])  # fmt: skip
def test_wrong_arguments(arguments: Any, error: Any, message: str) -> None:
    parameter = Tensor([1.0], requires_grad=True)
    with pytest.raises(error, match=message):
        compiled(*arguments, nn.optim.SGD([parameter]))
    with pytest.raises(TypeError, match="one of nn.optim"):
        compiled(nn.Identity(), nn.MSELoss(), None)
    with pytest.raises(ValueError, match="clip_norm"):
        compiled(nn.Identity(), nn.MSELoss(), nn.optim.SGD([parameter]), clip_norm=-1.0)


# ---- Trainer -----------------------------------------------------------------------------------


def fitted(compile: bool, epochs: int = 4, **options: Any) -> Any:
    model = network(nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2))
    optimizer = nn.optim.Adam(model.parameters(), lr=0.02)
    trainer = nn.Trainer(
        model, optimizer, nn.CrossEntropyLoss(), ["accuracy"], clip_norm=1.0, compile=compile,
        scheduler=nn.optim.lr_scheduler.StepLR(optimizer, 2, 0.5),
    )  # fmt: skip
    x, y = np.concatenate([X, X * 0.9, X * 1.1, X[:10]]), np.tile(LABELS, 4)[:106]
    nn.manual_seed(9)
    history = trainer.fit(
        x, y, epochs=epochs, batch_size=16, validation_split=0.2, progress=False, **options
    )
    return model, optimizer, history


def test_a_trainer_gives_the_same_history() -> None:
    model, optimizer, history = fitted(True)
    twin, other, expected = fitted(False)
    assert history.history == expected.history
    assert same(state(model, optimizer), state(twin, other))


def test_callbacks_end_a_compiled_fit() -> None:
    stop = lambda: [nn.EarlyStopping("loss", patience=1, min_delta=10.0)]  # noqa: E731
    *_, history = fitted(True, callbacks=stop())
    *_, expected = fitted(False, callbacks=stop())
    assert history.history == expected.history and len(history["loss"]) < 4


def test_a_trainer_tells_of_a_loss_that_is_not_finite() -> None:
    model = network(nn.ReLU())
    trainer = nn.Trainer(
        model, nn.optim.SGD(model.parameters(), lr=1e30), nn.MSELoss(), compile=True
    )
    with pytest.raises(FloatingPointError, match="fit: the loss is"):
        trainer.fit(X, TARGETS, epochs=5, batch_size=8, progress=False)
