"""Several inputs and outputs, weights of rows and classes, and data of other kinds."""

from __future__ import annotations

import collections
import functools

import numpy as np
import pytest

import nn
from autograd import Tensor
from nn.optim.lr_scheduler import ExponentialLR, LRScheduler, ReduceLROnPlateau

ROWS = 40


def data(seed=0, rows=ROWS):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(rows, 3)), rng.normal(size=(rows, 2)).astype(np.float32)
    return a, b, (a[:, 0] + b[:, 0] > 0).astype(np.int64)


class Two(nn.Module):
    """Of two inputs: the classes, and if asked for a number beside."""

    def __init__(self, outputs="one"):
        self._outputs = outputs
        self.a, self.b, self.head = nn.Linear(3, 4), nn.Linear(2, 4), nn.Linear(4, 2)
        self.side = nn.Linear(4, 1)

    def forward(self, a, b):
        hidden = np.tanh(self.a(a) + self.b(b))
        logits, number = self.head(hidden), self.side(hidden)
        kinds = {"tuple": (logits, number), "list": [logits, number],
                 "dict": {"logits": logits, "number": number}}  # fmt: skip
        return kinds.get(self._outputs, logits)


def both(prediction, target):
    if isinstance(prediction, dict):
        prediction, target = list(prediction.values()), list(target.values())
    return nn.functional.cross_entropy(prediction[0], target[0]) + nn.functional.mse_loss(
        prediction[1], target[1]
    )


def trainer(model=None, loss=None, metrics=(), lr=0.05, **options):
    nn.manual_seed(1)
    model = model or Two()
    optimizer = nn.optim.Adam(model.parameters(), lr=lr)
    return nn.Trainer(model, optimizer, loss or nn.CrossEntropyLoss(), metrics, **options)


def weights(t):
    return t.model.state_dict()


def assert_same(a, b):
    assert all(np.array_equal(a[name], b[name]) for name in a)


# ---- several inputs -----------------------------------------------------------------------------

FORMS = {
    "tuple": lambda a, b: (a, b),
    "dict": lambda a, b: {"b": b, "a": a},
    "dict of lists": lambda a, b: {"a": a.tolist(), "b": b.tolist()},
    "named": lambda a, b: collections.namedtuple("Inputs", "a b")(a, b),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_several_inputs_train_as_the_explicit_loop(form):
    a, b, y = data()
    t, u = trainer(), trainer()
    nn.manual_seed(5)
    t.fit(form(a, b), y, epochs=2, batch_size=16, progress=False)
    nn.manual_seed(5)
    for _ in range(2):
        for rows in np.split(nn.random.generator(None).permutation(ROWS), [16, 32]):
            u.optimizer.zero_grad()
            u.loss(u.model(a[rows].astype("f4"), b[rows]), y[rows]).backward()
            u.optimizer.step()
    assert_same(weights(t), weights(u))


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_several_inputs_go_everywhere(form, tmp_path):
    a, b, y = data()
    path, t = tmp_path / "run.npz", trainer(metrics=["accuracy"])
    options = {"batch_size": 7, "progress": False, "validation_split": 0.25}
    checkpoint = nn.ModelCheckpoint(path)
    t.fit(form(a, b), y, epochs=2, callbacks=[checkpoint], **options)
    again = trainer(metrics=["accuracy"])
    again.fit(form(a, b), y, epochs=4, resume_from=path, **options)
    whole = trainer(metrics=["accuracy"])
    history = whole.fit(form(a, b), y, epochs=4, **options)
    assert again.history.history == history.history
    assert_same(weights(again), weights(whole))
    logits = whole.model(a, b).data
    np.testing.assert_allclose(whole.predict(form(a, b), batch_size=9), logits, rtol=1e-5)
    accuracy = np.mean(np.argmax(logits, axis=1) == y)
    assert whole.evaluate(form(a, b), y, batch_size=9)["accuracy"] == accuracy
    assert whole.evaluate(nn.DataLoader(form(a, b), y))["accuracy"] == accuracy
    validated = whole.fit(form(a, b), y, validation_data=(form(a, b), y), progress=False)
    assert validated["val_accuracy"][-1] == whole.evaluate(form(a, b), y)["accuracy"]


def test_a_loader_gives_the_parts_as_they_came():
    a, b, y = data()
    loader = nn.DataLoader((a, b), {"y": y}, 16, shuffle=True, rng=np.random.default_rng(0))
    order = np.random.default_rng(0).permutation(ROWS)
    (xs, ys), *_ = loader
    assert type(xs) is tuple and set(ys) == {"y"} and len(loader) == 3
    assert np.array_equal(xs[0], a[order[:16]]) and np.array_equal(ys["y"], y[order[:16]])
    only = next(iter(nn.DataLoader({"a": a, "b": b}, batch_size=4)))
    assert np.array_equal(only["b"], b[:4]) and not np.shares_memory(only["b"], b)


def test_a_transform_gets_and_gives_all_parts():
    a, b, y = data()
    seen = []

    def swap(x):
        seen.append([part.shape for part in x])
        return x[0] * 2, x[1]

    (xs, _), *_ = nn.DataLoader((a, b), y, 16, transform=swap)
    assert np.array_equal(xs[0], 2 * a[:16]) and seen[0] == [(16, 3), (16, 2)]
    with pytest.raises(ValueError, match="the batch's 16 rows, got shape .15, 2"):
        next(iter(nn.DataLoader((a, b), y, 16, transform=lambda x: (x[0], x[1][1:]))))


def test_split_takes_the_same_rows_of_all_parts():
    a, b, y = data()
    x_train, x_test, y_train, y_test = nn.train_test_split(
        {"a": a, "b": b}, y, stratify=y, rng=np.random.default_rng(0)
    )
    plain = nn.train_test_split(a, b, y, stratify=y, rng=np.random.default_rng(0))
    found = (x_train["a"], x_test["a"], x_train["b"], x_test["b"], y_train, y_test)
    assert all(np.array_equal(ours, theirs) for ours, theirs in zip(found, plain))
    train, test = nn.train_test_split((a, b), rng=np.random.default_rng(0))
    plain = nn.train_test_split(a, rng=np.random.default_rng(0))
    assert type(train) is tuple and len(train[1]) == 30 and np.array_equal(test[0], plain[1])


def test_rows_in_a_tuple_are_one_array():
    x, y = ((0, 0), (0, 1), (1, 0), (1, 1)), (0, 1, 1, 0)
    ((xs, ys),) = nn.DataLoader(x, y)
    assert xs.shape == (4, 2) and ys.tolist() == [0, 1, 1, 0]


# ---- several outputs ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["tuple", "list", "dict"])
def test_several_outputs_and_a_loss_that_takes_them(kind, tmp_path):
    a, b, y = data()
    number = b[:, :1] * 2
    target = {"logits": y, "number": number} if kind == "dict" else (y, number)
    first = "logits" if kind == "dict" else 0
    metrics = {"right": lambda p, t: nn.accuracy(p[first], t[first])}
    t = trainer(Two(kind), both, metrics, lr=0.02)
    path = tmp_path / "run.npz"
    history = t.fit((a, b), target, epochs=20, batch_size=16, validation_split=0.2,
                    callbacks=[nn.ModelCheckpoint(path)], progress=False)  # fmt: skip
    assert history["val_loss"][-1] < history["val_loss"][0] and history["right"][-1] > 0.7
    prediction = t.predict((a, b), batch_size=11)
    assert type(prediction) is (dict if kind == "dict" else tuple)
    parts = list(prediction.values()) if kind == "dict" else prediction
    expected = t.model(a, b)
    expected = list(expected.values()) if kind == "dict" else expected
    for ours, theirs in zip(parts, expected):
        np.testing.assert_allclose(ours, theirs.data, rtol=1e-5, atol=1e-6)
    figures = t.evaluate((a, b), target, batch_size=11)
    tensors = {"logits": Tensor(parts[0]), "number": Tensor(parts[1])}
    given = tensors if kind == "dict" else tuple(tensors.values())
    assert figures["loss"] == pytest.approx(both(given, target).item(), rel=1e-6)
    assert figures["right"] == nn.accuracy(parts[0], y)


def test_what_takes_one_output_is_told_of_several():
    a, b, y = data()
    with pytest.raises(TypeError, match="gives 2 outputs, and the loss CrossEntropyLoss takes one; "
                       r"write a function .*prediction\[0\], target\[0\]"):  # fmt: skip
        trainer(Two("tuple")).fit((a, b), y, progress=False)
    with pytest.raises(TypeError, match="the metric 'accuracy' takes one; .*nn.metrics.accuracy"):
        trainer(Two("dict"), both, "accuracy").evaluate((a, b), {"l": y, "n": b[:, :1]})


SHAPES = {
    "a list of inputs": (lambda a, b: [a, a], ValueError, "x has 2, y has 40 rows; several inputs"),
    "a list of unequal ones": (lambda a, b: [a, b], ValueError, "several inputs are a tuple"),
    "unequal rows": (lambda a, b: (a, b[:-1]), ValueError, r"x\[0\] has 40, x\[1\] has 39, y has"),
    "a dict of numbers": (lambda a, b: {"a": 1}, TypeError, "a dict of arrays.*dict that holds"),
    "a dict with other keys": (lambda a, b: {1: a, 2: b}, TypeError, "must be texts, got .1, 2."),
    "an empty dict": (lambda a, b: {}, TypeError, "empty dict"),
    "nan in one of them": (
        lambda a, b: {"a": np.full_like(a, np.nan), "b": b}, ValueError, r"x\['a'\] holds nan at",
    ),
    "names in one of them": (
        lambda a, b: (a, np.array(["x"] * ROWS)), TypeError, r"x\[1\] must hold numbers",
    ),
}  # fmt: skip


@pytest.mark.parametrize("form, kind, message", SHAPES.values(), ids=SHAPES)
def test_several_inputs_that_do_not_fit_are_refused(form, kind, message):
    a, b, y = data()
    t = trainer()
    before = weights(t)
    with pytest.raises(kind, match=message):
        t.fit(form(a, b), y, progress=False)
    assert t.epoch == 0
    assert_same(before, weights(t))


# ---- weights of rows and classes ----------------------------------------------------------------


def single(loss, outputs=1, seed=2, **options):
    nn.manual_seed(seed)
    model = nn.Linear(3, outputs, dtype=np.float64)
    return nn.Trainer(model, nn.optim.SGD(model.parameters(), lr=0.1), loss, **options)


WEIGHTED = {
    "mse": (nn.MSELoss, 2, lambda a, y: a[:, :2]),
    "mse, sum": (lambda: nn.MSELoss("sum"), 2, lambda a, y: a[:, :2]),
    "huber": (nn.HuberLoss, 1, lambda a, y: a[:, :1]),
    "bce": (lambda: nn.BCEWithLogitsLoss(weight=[2.0]), 1, lambda a, y: y[:, None] * 1.0),
    "cross-entropy": (nn.CrossEntropyLoss, 3, lambda a, y: y),
    "cross-entropy, weight and ignored": (
        lambda: nn.CrossEntropyLoss([1.0, 2, 5], ignore_index=2), 3, lambda a, y: y + (a[:, 1] > 0),
    ),
    "cross-entropy, probabilities": (
        nn.CrossEntropyLoss, 3, lambda a, y: np.abs(a) / np.abs(a).sum(axis=1, keepdims=True),
    ),
    "cross-entropy, sum": (lambda: nn.CrossEntropyLoss(reduction="sum"), 3, lambda a, y: y),
    "function": (lambda: nn.functional.cross_entropy, 3, lambda a, y: y),
}  # fmt: skip


@pytest.mark.parametrize("loss, outputs, target", WEIGHTED.values(), ids=WEIGHTED)
def test_a_row_of_weight_two_counts_as_if_it_were_there_twice(loss, outputs, target):
    a, _, y = data(3)
    target = target(a, y)
    counts = np.random.default_rng(0).integers(0, 4, ROWS)
    rows = np.repeat(np.arange(ROWS), counts)
    t, u = single(loss(), outputs), single(loss(), outputs)
    options = {"epochs": 3, "shuffle": False, "progress": False}
    ours = t.fit(a, target, batch_size=ROWS, sample_weight=counts, **options)
    theirs = u.fit(a[rows], target[rows], batch_size=len(rows), **options)
    np.testing.assert_allclose(ours["loss"], theirs["loss"], rtol=1e-12)
    np.testing.assert_allclose(t.model.weight.data, u.model.weight.data, rtol=1e-10)
    judged = t.evaluate(a, target, sample_weight=counts, batch_size=7)
    assert judged["loss"] == pytest.approx(t.evaluate(a[rows], target[rows])["loss"], rel=1e-12)


def test_a_loss_of_ones_own_with_options_takes_weights_too():
    def loss(prediction, target, power, reduction="mean"):
        losses = np.abs(prediction[:, 0] - target) ** power
        return losses if reduction == "none" else getattr(losses, reduction)()

    a, _, _ = data(3)
    target, weight = a[:, 0] - a[:, 1], np.random.default_rng(0).random(ROWS)
    for reduction in ("mean", "sum"):
        t = single(functools.partial(loss, power=3, reduction=reduction))
        errors = np.abs(t.predict(a)[:, 0] - target) ** 3
        expected = weight @ errors / (weight.sum() if reduction == "mean" else 1)
        options = {"sample_weight": weight, "batch_size": ROWS}
        history = t.fit(a, target, progress=False, **options)
        assert history["loss"] == [pytest.approx(expected, rel=1e-12)]


def test_weights_go_with_their_rows_through_batches_splits_and_validation():
    a, _, y = data(3)
    a[:, 0] = np.arange(ROWS)

    class Own(nn.Module):
        reduction = "mean"

        def forward(self, prediction, target):
            losses = (prediction[:, 0] - target) ** 2
            return losses if self.reduction == "none" else np.mean(losses)

    t = single(Own())
    nn.init.zeros_(t.model.weight), nn.init.zeros_(t.model.bias)
    t.optimizer.param_groups[0]["lr"] = 0.0
    target, weight = np.arange(ROWS) * 1.0, np.random.default_rng(1).random(ROWS)
    history = t.fit(a, target, batch_size=6, sample_weight=weight, validation_split=0.3,
                    progress=False)  # fmt: skip
    held_out = np.sort(np.random.default_rng(ROWS).permutation(ROWS)[:12])
    for name, rows in (("val_loss", held_out), ("loss", np.setdiff1d(range(ROWS), held_out))):
        expected = np.average(target[rows] ** 2, weights=weight[rows])
        assert history[name] == [pytest.approx(expected, rel=1e-12)]
    given = t.fit(a, target, validation_data=(a, target, weight), progress=False)
    expected = np.average(target**2, weights=weight)
    assert given["val_loss"][-1] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("form", [dict, list, np.array], ids=["dict", "list", "array"])
def test_class_weights_are_those_of_the_loss(form):
    a, _, y = data(3)
    weight = {0: 1.0, 1: 6.0}
    given = weight if form is dict else form(list(weight.values()))
    t = single(nn.CrossEntropyLoss(), 2)
    u = single(nn.CrossEntropyLoss(weight=list(weight.values())), 2)
    options = {"epochs": 3, "batch_size": 9, "progress": False}
    nn.manual_seed(0)
    ours = t.fit(a, y, class_weight=given, **options)
    nn.manual_seed(0)
    theirs = u.fit(a, y, **options)
    np.testing.assert_allclose(ours["loss"], theirs["loss"], rtol=1e-12)
    np.testing.assert_allclose(t.model.weight.data, u.model.weight.data, rtol=1e-10)


def test_class_weights_of_two_classes_in_a_column_and_only_in_training():
    a, _, y = data(3)
    column = y[:, None].astype(float)
    t = single(nn.BCEWithLogitsLoss())
    t.optimizer.param_groups[0]["lr"] = 0.0
    history = t.fit(a, column, class_weight={1: 3.0}, validation_data=(a, column), progress=False,
                    batch_size=ROWS)  # fmt: skip
    each = nn.functional.binary_cross_entropy_with_logits(t.predict(a), column, reduction="none")
    expected = np.average(each.data[:, 0], weights=1 + 2 * y)
    assert history["loss"] == [pytest.approx(expected, rel=1e-12)]
    assert history["val_loss"] == [pytest.approx(each.data.mean(), rel=1e-12)]


A, B, Y = data()
WEIGHTS_REFUSED = {
    "too few": (lambda t: t.fit(A, Y, sample_weight=[1.0]), "an array of 40 numbers.*shape .1,"),
    "a column": (lambda t: t.fit(A, Y, sample_weight=np.ones((ROWS, 1))), r"reshape\(-1\)"),
    "negative": (lambda t: t.fit(A, Y, sample_weight=-np.ones(ROWS)), "got -1.0 in row 0"),
    "nan": (lambda t: t.evaluate(A, Y, sample_weight=np.full(ROWS, np.nan)), "got nan in row 0"),
    "zeros": (lambda t: t.fit(A, Y, sample_weight=np.zeros(ROWS)), "got only zeros"),
    "names": (lambda t: t.fit(A, Y, sample_weight=["a"] * ROWS), "40 numbers, .* of <U1"),
    "with a loader": (
        lambda t: t.fit(nn.DataLoader(A, Y), sample_weight=np.ones(ROWS)), "with arrays, x and y",
    ),
    "of a class that is not there": (
        lambda t: t.fit(A, Y, class_weight={7: 1.0}), "names the label 7, which y has not; it has",
    ),
    "too few classes": (
        lambda t: t.fit(A, Y, class_weight=[1.0]), "has 1 weights, and y has the label 1",
    ),
    "classes of numbers": (lambda t: t.fit(A, A, class_weight={1: 2}), "one label for each row"),
}  # fmt: skip


@pytest.mark.parametrize("call, message", WEIGHTS_REFUSED.values(), ids=WEIGHTS_REFUSED)
def test_weights_that_do_not_fit_are_refused(call, message):
    t = single(nn.CrossEntropyLoss(), 2)
    before = weights(t)
    with pytest.raises(ValueError, match=message):
        call(t)
    assert t.epoch == 0
    assert_same(before, weights(t))


def test_balanced_weights_are_told_as_a_formula():
    t = single(nn.CrossEntropyLoss(), 2)
    with pytest.raises(TypeError, match=r"got 'balanced'; balanced weights are len\(y\) / "):
        t.fit(A, Y, class_weight="balanced", progress=False)


def test_weights_need_the_loss_of_each_row():
    t = single(lambda prediction, target: np.mean((prediction - target) ** 2), 3)
    with pytest.raises(ValueError, match="sample_weight needs the loss of each row.*nn.MSELoss"):
        t.fit(A, A, sample_weight=np.ones(ROWS), progress=False)

    class One(nn.Module):
        reduction = "mean"

        def forward(self, prediction, target):
            return np.mean((prediction - target) ** 2)

    with pytest.raises(ValueError, match='with reduction="none" the loss One must give a Tensor'):
        single(One(), 3).fit(A, A, sample_weight=np.ones(ROWS), progress=False)


def test_a_loss_with_weights_keeps_its_own_state_and_mode():
    class Counts(nn.Module):
        def __init__(self):
            self.reduction, self.calls = "mean", 0

        def forward(self, prediction, target):
            self.calls += 1
            modes.append(self.training)
            losses = np.mean((prediction - target) ** 2, axis=1)
            return losses if self.reduction == "none" else np.mean(losses)

    modes = []
    t = single(Counts(), 3)
    weight = np.arange(ROWS) + 1.0
    t.fit(A, A, sample_weight=weight, batch_size=10, progress=False)
    assert t.loss.calls == 4 and t.loss.reduction == "mean" and modes[-4:] == [True] * 4
    t.evaluate(A, A, sample_weight=weight)
    assert t.loss.calls == 5 and modes[-1] is False and t.loss.training


def test_a_batch_whose_weights_are_all_zero_is_named():
    weight = np.ones(ROWS)
    weight[10:20] = 0
    with pytest.raises(FloatingPointError, match="batch 2 of 4 .* have the weight 0"):
        single(nn.MSELoss(), 3).fit(A, A, sample_weight=weight, batch_size=10, shuffle=False,
                                    progress=False)  # fmt: skip


@pytest.mark.parametrize("losses", [{"a": nn.MSELoss()}, [nn.MSELoss()]], ids=["dict", "list"])
def test_losses_of_several_outputs_are_one_function(losses):
    with pytest.raises(TypeError, match="of several outputs write one function, which adds their"):
        single(losses, 2)


# ---- schedules by batch -------------------------------------------------------------------------


class Triangle(LRScheduler):
    """Up and down again in so many batches."""

    interval = "batch"

    def __init__(self, optimizer, total):
        self.total = total
        super().__init__(optimizer)

    def rate(self, epoch, initial_lr):
        return initial_lr * (1 - abs(2 * min(epoch, self.total) / self.total - 1))


def used_rates(t, **options):
    rates = []

    class Spy(nn.Callback):
        def on_batch_end(self, trainer):
            rates.append(trainer._rate)

    t.fit(A, Y, batch_size=10, progress=False, callbacks=[Spy()], **options)
    return rates


@pytest.mark.parametrize("told", [True, False])
def test_a_schedule_by_batch_steps_after_each_batch_and_is_logged(told):
    t = single(nn.CrossEntropyLoss(), 2)
    if told:
        t = nn.Trainer(t.model, t.optimizer, t.loss, scheduler=ExponentialLR(t.optimizer, 0.5),
                       interval="batch")  # fmt: skip
        expected = [0.1 * 0.5**k for k in range(12)]
    else:
        t = nn.Trainer(t.model, t.optimizer, t.loss, scheduler=Triangle(t.optimizer, 8))
        expected = [0, 0.025, 0.05, 0.075, 0.1, 0.075, 0.05, 0.025, 0, 0, 0, 0]
    rates = used_rates(t, epochs=3)
    assert rates == pytest.approx(expected)
    assert t.history["lr"] == rates[3::4], "the rate of each epoch's last step"


def test_a_schedule_by_batch_resumes_in_the_middle_of_an_epoch(tmp_path):
    path = tmp_path / "run.npz"

    class Die(nn.Callback):
        def __init__(self):
            self.left = 6

        def on_batch_end(self, trainer):
            self.left -= 1
            if not self.left:
                nn.save_checkpoint(path, trainer=trainer)
                raise RuntimeError("the power is off")

    def made():
        t = single(nn.CrossEntropyLoss(), 2)
        t.scheduler, t.interval = ExponentialLR(t.optimizer, 0.8), "batch"
        return t

    options = {"epochs": 3, "batch_size": 10, "progress": False}
    with pytest.raises(RuntimeError, match="power"):
        made().fit(A, Y, callbacks=[Die()], **options)
    nn.manual_seed(2)
    whole, again = made(), made()
    nn.manual_seed(9)
    whole.fit(A, Y, shuffle=False, **options)
    again = made()
    with pytest.raises(RuntimeError, match="power"):
        made().fit(A, Y, shuffle=False, callbacks=[Die()], **options)
    again.fit(A, Y, shuffle=False, resume_from=path, **options)
    assert again.history.history == whole.history.history
    assert_same(weights(again), weights(whole))


def test_an_interval_that_cannot_be_is_refused():
    t = single(nn.CrossEntropyLoss(), 2)
    parts = (t.model, t.optimizer, t.loss)
    with pytest.raises(ValueError, match='"epoch" or "batch", got \'step\''):
        nn.Trainer(*parts, scheduler=ExponentialLR(t.optimizer, 0.9), interval="step")
    with pytest.raises(ValueError, match="there is no scheduler"):
        nn.Trainer(*parts, interval="batch")
    with pytest.raises(ValueError, match="it watches the loss of epochs"):
        nn.Trainer(*parts, scheduler=ReduceLROnPlateau(t.optimizer), interval="batch")


def test_a_rate_that_a_callback_moves_is_logged():
    class Halve(nn.Callback):
        def on_batch_end(self, trainer):
            trainer.optimizer.param_groups[0]["lr"] /= 2

    class At(nn.Callback):
        def on_epoch_end(self, trainer, logs):
            trainer.optimizer.param_groups[0]["lr"] = 0.5**trainer.epoch

    t = single(nn.CrossEntropyLoss(), 2)
    options = {"epochs": 3, "batch_size": 20, "progress": False}
    assert t.fit(A, Y, callbacks=[Halve()], **options)["lr"] == [0.05, 0.0125, 0.003125]
    t = single(nn.CrossEntropyLoss(), 2)
    rates = t.fit(A, Y, callbacks=[At()], **options)["lr"]
    assert rates[1:] == [0.5, 0.25] and (np.isnan(rates[0]) or rates[0] == 0.1)
    assert "lr" not in single(nn.CrossEntropyLoss(), 2).fit(A, Y, **options).history


# ---- what callbacks add -------------------------------------------------------------------------


class Adds(nn.Callback):
    def __init__(self, value=None, name="extra"):
        self.value, self.name = value, name

    def on_epoch_end(self, trainer, logs):
        logs[self.name] = 10.0 * trainer.epoch if self.value is None else self.value


def test_what_a_callback_adds_reaches_the_history_the_checkpoint_and_later_callbacks(tmp_path):
    path = tmp_path / "run-{extra:.0f}.npz"
    stopping = nn.EarlyStopping("extra", patience=9, mode="max")
    t = single(nn.CrossEntropyLoss(), 2)
    history = t.fit(A, Y, epochs=3, progress=False,
                    callbacks=[Adds(), stopping, nn.ModelCheckpoint(path)])  # fmt: skip
    assert history["extra"] == [10.0, 20.0, 30.0] and stopping.best == 30.0
    again = single(nn.CrossEntropyLoss(), 2)
    nn.load_checkpoint(tmp_path / "run-20.npz", trainer=again)
    assert again.history["extra"] == [10.0, 20.0]


def test_a_figure_that_comes_late_is_nan_before():
    class Late(nn.Callback):
        def on_epoch_end(self, trainer, logs):
            if trainer.epoch > 1:
                logs["late"] = np.float32(trainer.epoch)

    column = single(nn.CrossEntropyLoss(), 2).fit(
        A, Y, epochs=3, progress=False, callbacks=[Late()]
    )["late"]
    assert np.isnan(column[0]) and column[1:] == [2.0, 3.0] and type(column[1]) is float


@pytest.mark.parametrize("value", ["good", [1.0, 2.0], np.ones(3)])
def test_what_a_callback_adds_is_a_number(value):
    with pytest.raises(TypeError, match="a callback adds to logs must be numbers by name"):
        single(nn.CrossEntropyLoss(), 2).fit(A, Y, progress=False, callbacks=[Adds(value)])
    with pytest.raises(TypeError, match="must be numbers by name"):
        single(nn.CrossEntropyLoss(), 2).fit(A, Y, progress=False, callbacks=[Adds(1.0, 3)])


# ---- data of other kinds ------------------------------------------------------------------------


def test_generators_are_told_what_to_do_and_taken_where_one_pass_will_do():
    def batches():
        for k in range(0, ROWS, 10):
            yield A[k : k + 10], Y[k : k + 10]

    t = single(nn.CrossEntropyLoss(), 2)
    for once in (batches(), zip(*[[A], [Y]]), iter([(A, Y)])):
        with pytest.raises(TypeError, match="can be gone through once.*np.concatenate, zip"):
            t.fit(once, progress=False)
    with pytest.raises(TypeError, match=r"x is a function; give what it returns: batches\(\)"):
        t.fit(batches, progress=False)
    assert t.evaluate(batches()) == pytest.approx(t.evaluate(A, Y))
    np.testing.assert_allclose(t.predict(batches()), t.predict(A), rtol=1e-12)
    np.testing.assert_allclose(t.predict(x for x, _ in batches()), t.predict(A), rtol=1e-12)


class Again:
    """A loader of one's own: batches, anew in every loop."""

    def __init__(self, batches=None):
        self.batches = batches or [(A[k : k + 10], Y[k : k + 10]) for k in range(0, ROWS, 10)]

    def __iter__(self):
        return iter(self.batches)


def test_an_iterable_of_batches_trains_as_the_arrays(tmp_path, capsys):
    t, u = (single(nn.CrossEntropyLoss(), 2, metrics=["accuracy"]) for _ in range(2))
    path = tmp_path / "run.npz"
    ours = t.fit(Again(), epochs=2, validation_data=Again(), callbacks=[nn.ModelCheckpoint(path)])
    assert "epoch 2/2" in capsys.readouterr().out
    theirs = u.fit(A, Y, epochs=2, batch_size=10, shuffle=False, validation_data=(A, Y),
                   progress=False)  # fmt: skip
    assert ours["loss"] == theirs["loss"]
    assert ours["val_loss"] == pytest.approx(theirs["val_loss"], rel=1e-12)
    assert ours["accuracy"] == theirs["accuracy"]
    assert_same(weights(t), weights(u))
    more = single(nn.CrossEntropyLoss(), 2, metrics=["accuracy"])
    more.fit(Again(), epochs=3, resume_from=path, validation_data=Again(), progress=False)
    assert more.epoch == 3 and more.history["loss"][:2] == ours["loss"]


def test_a_loader_of_others_cannot_go_on_in_the_middle_of_an_epoch(tmp_path):
    path = tmp_path / "run.npz"

    class Save(nn.Callback):
        def on_batch_end(self, trainer):
            nn.save_checkpoint(path, trainer=trainer)
            trainer.stop()

    single(nn.CrossEntropyLoss(), 2).fit(Again(), callbacks=[Save()], progress=False)
    t = single(nn.CrossEntropyLoss(), 2)
    before = weights(t)
    with pytest.raises(ValueError, match="in the middle of an epoch.*use nn.DataLoader"):
        t.fit(Again(), epochs=2, resume_from=path, progress=False)
    assert_same(before, weights(t))


ODD_LOADERS = {
    "three parts": ([(A, B, Y)], r"this one has 3 parts; join the inputs: \(\(x1, x2\), y\)"),
    "samples": ([(A[0], Y[0])], "single samples, not batches.*torch.utils.data.DataLoader"),
    "no targets": ([A], r"fit needs targets"),
    "one part": ([(A,)], r"fit needs targets: .*of several inputs \(\(x1, x2\), y\)"),
}


@pytest.mark.parametrize("batches, message", ODD_LOADERS.values(), ids=ODD_LOADERS)
def test_loaders_that_do_not_fit_are_told(batches, message):
    with pytest.raises(ValueError, match=message):
        single(nn.CrossEntropyLoss(), 2).fit(Again(batches), progress=False)


def test_a_batch_of_one_part_is_x():
    """As PyTorch's TensorDataset(x) gives it."""
    t = single(nn.CrossEntropyLoss(), 2)
    batches = [(A[:10],), [A[10:]]]
    np.testing.assert_array_equal(t.predict(Again(batches)), t.predict(A))


def test_validation_data_that_serve_once_are_named():
    with pytest.raises(TypeError, match="fit: validation_data: a generator can be gone through on"):
        once = ((A, Y) for _ in range(2))
        single(nn.CrossEntropyLoss(), 2).fit(A, Y, validation_data=once, progress=False)


def test_a_loader_without_batches_and_one_with_targets_beside_are_refused():
    class Empty:
        def __iter__(self):
            return iter(())

    with pytest.raises(ValueError, match="the loader gives no batch"):
        single(nn.CrossEntropyLoss(), 2).fit(Empty(), progress=False)
    with pytest.raises(ValueError, match="an? Again holds its targets and its batch size itself"):
        single(nn.CrossEntropyLoss(), 2).fit(Again(), Y, progress=False)


def test_lists_of_samples_are_taken_and_lists_of_batches_are_told():
    t, u = single(nn.CrossEntropyLoss(), 2), single(nn.CrossEntropyLoss(), 2)
    options = {"batch_size": 8, "shuffle": False, "progress": False}
    t.fit(list(zip(A, Y)), **options)
    u.fit(A, Y, **options)
    assert_same(weights(t), weights(u))
    assert t.evaluate([(x.tolist(), int(y)) for x, y in zip(A, Y)]) == t.evaluate(A, Y)
    with pytest.raises(TypeError, match="samples or batches; give arrays: .*np.stack.*concatenate"):
        t.fit([(A[:10], Y[:10]), (A[10:], Y[10:])], progress=False)


class Set:
    """A data set of PyTorch's kind, by its protocol alone."""

    def __init__(self, paired=True):
        self.paired, self.asked = paired, []

    def __len__(self):
        return ROWS

    def __getitem__(self, k):
        self.asked.append(k)
        if k >= ROWS:
            raise IndexError
        return (A[k], Y[k]) if self.paired else A[k]


def test_a_data_set_is_asked_for_each_sample_in_each_epoch(tmp_path):
    t, u = single(nn.CrossEntropyLoss(), 2), single(nn.CrossEntropyLoss(), 2)
    options = {"epochs": 2, "batch_size": 8, "progress": False, "validation_split": 0.25}
    samples = Set()
    nn.manual_seed(4)
    ours = t.fit(samples, callbacks=[nn.ModelCheckpoint(tmp_path / "run.npz")], **options)
    nn.manual_seed(4)
    theirs = u.fit(A, Y, **options)
    assert ours["loss"] == theirs["loss"]
    assert_same(weights(t), weights(u))
    assert len(samples.asked) >= 2 * ROWS
    np.testing.assert_array_equal(t.predict(Set(paired=False)), t.predict(A))
    np.testing.assert_array_equal(t.predict(Set()), t.predict(A))
    assert t.evaluate(Set()) == pytest.approx(t.evaluate(A, Y))


def test_batches_by_number_are_not_taken_for_samples():
    class Sequence:  # of Keras' kind
        def __len__(self):
            return 4

        def __getitem__(self, k):
            return A[10 * k : 10 * k + 10], Y[10 * k : 10 * k + 10]

    with pytest.raises(TypeError, match=r"Sequence\[0\] is .x, y. of one sample, or of one batch"):
        single(nn.CrossEntropyLoss(), 2).fit(Sequence(), progress=False)


def test_torchs_datasets_and_loaders_are_taken():
    torch = pytest.importorskip("torch")
    from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset, random_split

    tensors = TensorDataset(torch.tensor(A), torch.tensor(Y))

    class Own(Dataset):
        def __len__(self):
            return ROWS

        def __getitem__(self, k):
            return {"x": torch.tensor(A[k])}, int(Y[k])

    class Named(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(3, 2, dtype=np.float64)

        def forward(self, x):
            return self.layer(x)

    class Stream(IterableDataset):
        def __iter__(self):
            return iter(tensors)

    expected = single(nn.CrossEntropyLoss(), 2)
    options = {"batch_size": 8, "shuffle": False, "progress": False}
    expected.fit(A, Y, **options)
    loader = DataLoader(tensors, batch_size=8)
    for given in (tensors, loader, random_split(tensors, [ROWS])[0], DataLoader(Stream(), 8)):
        t = single(nn.CrossEntropyLoss(), 2)
        whole = isinstance(given, DataLoader)
        t.fit(given, progress=False) if whole else t.fit(given, **options)
        if given in (tensors, loader):
            assert_same(weights(t), weights(expected))
        assert t.evaluate(given) == pytest.approx(t.evaluate(A, Y))
        np.testing.assert_allclose(t.predict(loader), t.predict(A), rtol=1e-12)
    named = Named()
    t = nn.Trainer(named, nn.optim.SGD(named.parameters()), nn.CrossEntropyLoss(), ["accuracy"])
    for given in (Own(), DataLoader(Own(), 8, shuffle=True)):
        t.fit(given, epochs=2, progress=False)
        assert t.evaluate(given) == pytest.approx(t.evaluate({"x": A}, Y))
    with pytest.raises(ValueError, match="single samples, not batches"):
        t.fit(Stream(), progress=False)
    tagged = TensorDataset(torch.tensor(np.ones((6, 3, 3))), torch.tensor(np.ones((6, 3, 2))))
    assert single(nn.MSELoss(), 2).fit(tagged, progress=False)["loss"]  # each a sequence
    ours = single(nn.CrossEntropyLoss(), 2)
    ours.fit(torch.tensor(A), torch.tensor(Y), **options)
    assert_same(weights(ours), weights(expected))


def test_columns_of_objects_that_are_numbers_are_taken():
    objects = A.astype(object)
    objects[0, 0] = 1  # a whole number among the others
    ((x, y),) = nn.DataLoader(objects, Y.astype(object), ROWS)
    assert x.dtype == np.float64 and np.array_equal(x[1:], A[1:]) and x[0, 0] == 1
    assert y.dtype == np.int64 and np.array_equal(y, Y)
    flags = np.array([True, False], dtype=object)
    assert next(iter(nn.DataLoader(flags))).dtype == bool
    assert next(iter(nn.DataLoader(np.array([2**70, 1], dtype=object)))).tolist() == [2.0**70, 1.0]
    assert nn.accuracy(np.eye(2)[[0, 1]], np.array([0, 1], dtype=object)) == 1.0
    with pytest.raises(TypeError, match="must hold numbers, got object: None"):
        nn.DataLoader(np.array([1.0, None], dtype=object))
    with pytest.raises(TypeError, match="must hold numbers, got object: '3'"):
        nn.DataLoader(np.array([1.0, "3"], dtype=object))


def test_pandas_columns_of_objects_train():
    pd = pytest.importorskip("pandas", reason="takes pandas objects")
    frame = pd.DataFrame(A, columns=list("abc")).astype(object)
    frame["d"] = 1
    labels = pd.Series(Y).astype(object)
    t = nn.Trainer(
        model := nn.Linear(4, 2), nn.optim.SGD(model.parameters()), nn.CrossEntropyLoss()
    )
    t.fit(frame, labels, epochs=2, validation_split=0.25, progress=False)
    assert t.epoch == 2 and t.predict(frame).shape == (ROWS, 2)
    frame["e"] = pd.Series([1, pd.NA] * (ROWS // 2), dtype="Int64")
    with pytest.raises(TypeError, match="must hold numbers, got object: <NA>"):
        t.fit(frame, labels, progress=False)


class _Stepwise(nn.Module):
    """A model of two inputs that gives times first."""

    def __init__(self):
        self.layer = nn.GRU(4, 3)

    def forward(self, x, lengths):
        return self.layer(np.swapaxes(x, 0, 1), lengths=lengths)[0]


def test_rows_behind_times_are_told_also_of_several_inputs():
    model, loss = _Stepwise(), nn.MSELoss()
    trainer = nn.Trainer(model, nn.optim.SGD(model.parameters(), lr=0.1), loss)
    x, lengths = np.ones((6, 7, 4)), np.full(6, 7)
    message = (
        r"for 6 rows, shape \(6, 7, 4\), \(6,\), it gave the shape \(7, 6, 3\); .*batch_first=True"
    )
    with pytest.raises(ValueError, match=message):
        trainer.fit((x, lengths), np.zeros((6, 7, 3)), progress=False)


class _Uneven:
    """A data set of PyTorch's kind, whose samples have two inputs: an array and a number."""

    def __len__(self):
        return 12

    def __getitem__(self, i):
        return (np.full((7, 4), i, np.float32), 1 + i % 7), np.ones(3, np.float32)


class _Last(nn.Module):
    def __init__(self):
        self.layer = nn.GRU(4, 3, batch_first=True)

    def forward(self, x, lengths):
        return self.layer(x, lengths=lengths)[1][0]


def test_samples_of_several_inputs_of_different_shapes():
    model = _Last()
    trainer = nn.Trainer(model, nn.optim.SGD(model.parameters(), lr=0.1), nn.MSELoss())
    trainer.fit(_Uneven(), batch_size=4, progress=False)
    assert np.isfinite(trainer.history["loss"]).all()
