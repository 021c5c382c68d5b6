"""Trainer: the same steps as the explicit loop, judged exactly, refused early, ended cleanly."""

import math
import signal
import threading

import numpy as np
import pytest

import autograd
import nn
from autograd import Tensor
from nn.optim.lr_scheduler import StepLR


def data(rows=40, seed=0):
    """Points in the plane, and on which side of a circle they are."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 2)).astype(np.float32)
    return x, (np.hypot(*x.T) > 1.2).astype(np.int64)


def trainer(*layers, seed=1, lr=0.05, loss=None, **options):
    nn.manual_seed(seed)
    model = nn.Sequential(*(layers or (nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))))
    optimizer = nn.optim.Adam(model.parameters(), lr=lr)
    return nn.Trainer(model, optimizer, loss or nn.CrossEntropyLoss(), **options)


def weights(t):
    return t.model.state_dict()


def assert_same(a, b):
    assert list(a) == list(b)
    assert all(np.array_equal(a[name], b[name]) for name in a)


@pytest.fixture(autouse=True)
def usual_ctrl_c():
    """As in a terminal; a job in the background is born with Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Every(nn.Callback):
    """Calls a function after each batch."""

    def __init__(self, function):
        self.function, self.batches = function, 0

    def on_batch_end(self, trainer):
        self.batches += 1
        self.function(self.batches, trainer)


def press_ctrl_c(at):
    return Every(lambda batch, _: signal.raise_signal(signal.SIGINT) if batch in at else None)


# ---- the loop ---------------------------------------------------------------------------------


def explicit_loop(model, optimizer, x, y, epochs, batch_size):
    loss_function, history = nn.CrossEntropyLoss(), []
    loader = nn.DataLoader(x, y, batch_size, shuffle=True)
    for _ in range(epochs):
        total = 0.0
        for xs, ys in loader:
            optimizer.zero_grad()
            loss = loss_function(model(xs), ys)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(xs)
        history.append(total / len(x))
    return history


def test_fit_is_the_explicit_loop_bit_for_bit():
    x, y = data()
    ours, theirs = trainer(), trainer()
    theirs_history = explicit_loop(theirs.model, theirs.optimizer, x, y, 3, 16)
    nn.manual_seed(1)
    ours.model.load_state_dict(trainer().model.state_dict())
    history = ours.fit(x, y, epochs=3, batch_size=16, progress=False)
    assert history["loss"] == theirs_history
    assert_same(weights(ours), weights(theirs))


def test_fit_learns_and_returns_the_history_of_all_epochs():
    t = trainer(metrics="accuracy")
    x, y = data(200)
    history = t.fit(x, y, epochs=20, validation_split=0.25, progress=False)
    assert list(history.history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert all(len(column) == 20 for column in history.history.values())
    assert history["loss"][-1] < history["loss"][0] and history["val_accuracy"][-1] > 0.85
    assert t.fit(x, y, epochs=2, progress=False) is history
    assert len(history) == t.epoch == 22
    assert math.isnan(history["val_loss"][-1])


def test_a_data_loader_brings_its_own_batches():
    x, y = data()
    t, u = trainer(), trainer()
    nn.manual_seed(5)
    t.fit(x, y, epochs=2, batch_size=8, progress=False)
    nn.manual_seed(5)
    u.fit(nn.DataLoader(x, y, 8, shuffle=True), epochs=2, progress=False)
    assert_same(weights(t), weights(u))


def test_a_transform_sees_each_training_batch_and_nothing_else():
    x, y = data()
    seen = []
    loader = nn.DataLoader(x, y, 20, transform=lambda batch: seen.append(len(batch)) or batch * 2)
    t = trainer()
    t.fit(loader, epochs=1, validation_data=(x, y), progress=False)
    assert seen == [20, 20]


def test_the_validation_rows_are_the_same_in_every_fit_and_never_trained_on():
    x, y = np.arange(50.0)[:, None], np.zeros((50, 1))
    trained = set()

    class Spy(nn.Module):
        def forward(self, prediction, target):
            if autograd.is_grad_enabled():
                trained.update(prediction.data.ravel().tolist())
            return nn.functional.mse_loss(prediction, target)

    layer = nn.Linear(1, 1, dtype=np.float64)
    nn.init.ones_(layer.weight), nn.init.zeros_(layer.bias)
    t = nn.Trainer(layer, nn.optim.SGD(layer.parameters(), lr=0.0), Spy())
    for seed in range(3):
        nn.manual_seed(seed)
        t.fit(x, y, epochs=2, validation_split=0.2, progress=False)
    assert len(trained) == 40
    assert {row for row in trained if row < 40} != set(range(40)), "spread over the rows"


def test_the_loss_of_an_epoch_weighs_rows_not_batches():
    x, y = np.array([[0.0], [0.0], [3.0]]), np.zeros((3, 1))
    layer = nn.Linear(1, 1, dtype=np.float64)
    nn.init.ones_(layer.weight), nn.init.zeros_(layer.bias)
    for reduction, expected in (("mean", 3.0), ("sum", 9.0)):
        loss = nn.MSELoss(reduction=reduction)
        t = nn.Trainer(layer, nn.optim.SGD(layer.parameters(), lr=0.0), loss)
        history = t.fit(x, y, batch_size=2, validation_data=(x, y), progress=False)
        assert history.history == {"loss": [expected], "val_loss": [expected]}


def test_clip_norm_bounds_the_gradient_of_every_step():
    x, y = data()
    norms = []

    class Norms(nn.optim.SGD):
        def step(self, closure=None):
            gradients = [p.grad for g in self.param_groups for p in g["params"]]
            norms.append(math.sqrt(sum(np.sum(np.square(g)) for g in gradients)))
            return super().step(closure)

    nn.manual_seed(0)
    model = nn.Linear(2, 2)
    t = nn.Trainer(model, Norms(model.parameters()), nn.CrossEntropyLoss(), clip_norm=1e-3)
    t.fit(x * 100, y, epochs=2, progress=False)
    assert norms and max(norms) <= 1.0001e-3


def test_a_scheduler_steps_after_each_epoch_and_shows_its_rate():
    x, y = data()
    t = trainer(lr=0.1)
    t.scheduler = nn.optim.lr_scheduler.StepLR(t.optimizer, 2, gamma=0.5)
    assert t.fit(x, y, epochs=5, progress=False)["lr"] == [0.1, 0.1, 0.05, 0.05, 0.025]


def test_a_plateau_scheduler_watches_the_validation_loss():
    x, y = data()
    seen = []

    class Spy(nn.optim.lr_scheduler.ReduceLROnPlateau):
        def step(self, metric):
            seen.append(metric)
            super().step(metric)

    t = trainer(lr=0.5)
    t.scheduler = Spy(t.optimizer, factor=0.5, patience=0, threshold=1e6)  # nothing is good enough
    history = t.fit(x, y, epochs=3, validation_split=0.25, progress=False)
    assert seen == history["val_loss"] and history["lr"] == [0.5, 0.25, 0.125]


# ---- judging and predicting -------------------------------------------------------------------


def test_evaluate_is_of_all_rows_at_once():
    x, y = data(70)
    weight = [1.0, 5.0]
    t = trainer(loss=nn.CrossEntropyLoss(weight=weight), metrics=["accuracy"])
    figures = t.evaluate(x, y, batch_size=32)
    with autograd.no_grad():
        logits = t.model(x)
    assert figures["loss"] == pytest.approx(
        nn.functional.cross_entropy(logits, y, weight).item(), rel=1e-6
    )
    assert figures["accuracy"] == np.mean(np.argmax(logits, axis=1) == y)


def test_metrics_of_several_batches_are_no_means_of_means():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 1))
    y = 3 * x + rng.normal(size=(50, 1))
    nn.manual_seed(0)
    layer = nn.Linear(1, 1)
    t = nn.Trainer(layer, nn.optim.SGD(layer.parameters(), lr=0.0), nn.MSELoss(), "r2_score")
    history = t.fit(x, y, batch_size=8, validation_data=(x, y), progress=False)
    expected = nn.r2_score(t.predict(x), y)
    assert history["r2_score"] == [pytest.approx(expected, rel=1e-5)]
    assert history["val_r2_score"] == [pytest.approx(expected, rel=1e-5)]


def test_predict_gives_a_row_for_each_row_without_dropout():
    x, y = data(70)
    t = trainer(nn.Linear(2, 2), nn.Dropout(0.5))
    assert t.model.training
    prediction = t.predict(x, batch_size=32)
    assert type(prediction) is np.ndarray and prediction.shape == (70, 2)
    np.testing.assert_allclose(prediction, t.model[0](x).data, rtol=1e-6)
    assert all(module.training for module in t.model.modules()), "as before"
    np.testing.assert_array_equal(t.predict(nn.DataLoader(x, y, 70)), t.predict(x))


def test_accuracy_of_logits_with_the_binary_loss_that_takes_them():
    x = np.array([[-2.0], [0.2], [3.0]])
    layer = nn.Linear(1, 1)
    nn.init.ones_(layer.weight), nn.init.zeros_(layer.bias)
    optimizer = nn.optim.SGD(layer.parameters())
    t = nn.Trainer(layer, optimizer, nn.BCEWithLogitsLoss(), ["accuracy"])
    assert t.evaluate(x, np.array([[0], [1], [1]]))["accuracy"] == 1.0


def test_metrics_by_name_function_and_dict():
    def wrong(prediction, target):
        return np.mean(np.argmax(prediction, axis=1) != target)

    x, y = data()
    for metrics in (["accuracy", wrong], {"accuracy": nn.accuracy, "wrong": wrong}):
        figures = trainer(metrics=metrics).evaluate(x, y)
        assert figures["accuracy"] + figures["wrong"] == pytest.approx(1.0)
        assert all(type(value) is float for value in figures.values())


# ---- training and evaluation mode -------------------------------------------------------------


def test_frozen_statistics_run_as_in_evaluation():
    x, y = data()
    t = trainer(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Dropout(0.0), nn.Linear(4, 2))
    t.model[:2].requires_grad_(False)
    before = weights(t)
    seen = []
    check = Every(lambda *_: seen.append([module.training for module in t.model]))
    t.fit(x, y, epochs=2, callbacks=[check], progress=False)
    after = weights(t)
    assert seen[0] == [True, False, True, True]
    assert np.array_equal(before["1.running_mean"], after["1.running_mean"])
    assert np.array_equal(before["0.weight"], after["0.weight"])
    assert not np.array_equal(before["3.weight"], after["3.weight"])


def test_a_part_in_evaluation_stays_so_but_a_whole_model_is_woken():
    x, y = data()
    seen = []
    check = Every(lambda _, t: seen.append([module.training for module in t.model]))
    for part in (slice(1, 2), slice(None)):
        t = trainer(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
        (t.model if part == slice(None) else t.model[1]).eval()
        t.fit(x, y, callbacks=[check], batch_size=40, progress=False)
    assert seen == [[True, False, True], [True, True, True]]


def test_modules_are_left_in_the_mode_they_had():
    x, y = data()
    t = trainer(nn.Linear(2, 4), nn.Dropout(0.5), nn.Linear(4, 2))
    t.model[1].eval()
    t.fit(x, y, validation_split=0.5, progress=False)
    assert [module.training for module in t.model] == [True, False, True]


# ---- Ctrl-C and nan ---------------------------------------------------------------------------


def test_ctrl_c_ends_after_the_batch_under_way_and_keeps_what_was_learned():
    x, y = data()
    t, u = trainer(), trainer()
    nn.manual_seed(3)
    history = t.fit(x, y, epochs=9, batch_size=8, callbacks=[press_ctrl_c({7})], progress=False)
    assert history.interrupted and len(history) == 1
    nn.manual_seed(3)
    stop = Every(lambda batch, trainer: trainer.stop() if batch == 7 else None)
    assert not u.fit(x, y, epochs=9, batch_size=8, callbacks=[stop], progress=False).interrupted
    assert_same(weights(t), weights(u))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_is_told(capsys):
    x, y = data()
    trainer().fit(x, y, epochs=3, batch_size=10, callbacks=[press_ctrl_c({6})])
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "interrupted in epoch 2, after batch 2 of 4; the model keeps what it learned"


def test_a_second_ctrl_c_ends_at_once():
    x, y = data()
    with pytest.raises(KeyboardInterrupt):
        trainer().fit(x, y, epochs=3, callbacks=[press_ctrl_c({1}), press_ctrl_c({1})],
                      progress=False)  # fmt: skip
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_keyboard_interrupt_from_elsewhere_ends_cleanly_too():
    def interrupt(batch, trainer):
        raise KeyboardInterrupt

    x, y = data()
    assert trainer().fit(x, y, callbacks=[Every(interrupt)], progress=False).interrupted


def test_fit_turns_gradients_on_where_they_are_off():
    t, u = trainer(), trainer()
    nn.manual_seed(3)
    with autograd.no_grad():
        t.fit(X, Y, progress=False)
        assert not autograd.is_grad_enabled()
    nn.manual_seed(3)
    u.fit(X, Y, progress=False)
    assert_same(weights(t), weights(u))


def test_no_epoch_begins_after_stop():
    begun = []

    class Stop(nn.Callback):
        def on_epoch_begin(self, trainer):
            begun.append(trainer.epoch)

        def on_epoch_end(self, trainer, logs):
            trainer.stop()

    trainer().fit(X, Y, epochs=3, callbacks=[Stop()], progress=False)
    assert begun == [0]


def test_training_works_outside_of_the_main_thread():
    x, y = data()
    histories = []
    thread = threading.Thread(
        target=lambda: histories.append(trainer().fit(x, y, epochs=2, progress=False))
    )
    thread.start()
    thread.join()
    assert len(histories[0]) == 2


def test_a_loss_that_is_nan_stops_before_its_step():
    x, y = data()
    t = trainer(lr=1e38)
    snapshots = []
    with pytest.raises(FloatingPointError) as error:  # and no warning of NumPy's before
        t.fit(x, y, epochs=5, batch_size=10, progress=False,
              callbacks=[Every(lambda *_: snapshots.append(weights(t)))])  # fmt: skip
    assert f"in epoch 1, batch {len(snapshots) + 1} of 4" in str(error.value)
    assert "try a smaller learning rate" in str(error.value)
    assert "with autograd.detect_anomaly():" in str(error.value)
    assert_same(weights(t), snapshots[-1])


def test_a_loss_that_is_nan_at_finite_weights_blames_the_loss():
    class Log(nn.Module):
        def forward(self, prediction, target):
            return np.mean(np.log(prediction)) if autograd.is_grad_enabled() else np.sum(prediction)

    layer = nn.Linear(1, 1)
    nn.init.zeros_(layer.weight), nn.init.zeros_(layer.bias)
    t = nn.Trainer(layer, nn.optim.SGD(layer.parameters()), Log())
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match="still finite"):
        t.fit(np.zeros((3, 1)), np.zeros((3, 1)), progress=False)


# ---- what is refused --------------------------------------------------------------------------

X, Y = data()
BAD_X = X.copy()
BAD_X[7, 1] = np.nan


def late_label(row):
    """Data with a wrong label late in it."""
    x, y = data(100)
    y[row] = 5
    return x, y


class Misspelled(nn.Callback):
    def on_train_batch_end(self, trainer):
        """As Keras calls it."""


REFUSED = {
    "no epochs": (lambda t: t.fit(X, Y, epochs=0), ValueError, "epochs must be >= 1, got 0"),
    "half an epoch": (lambda t: t.fit(X, Y, epochs=0.5), TypeError, "got 0.5"),
    "no targets": (lambda t: t.fit(X), ValueError, r"fit needs targets: fit\(x, y\)"),
    "unequal lengths": (lambda t: t.fit(X, Y[:-1]), ValueError, "x has 40, y has 39"),
    "no rows": (lambda t: t.fit(X[:0], Y[:0]), ValueError, "empty"),
    "large batches": (lambda t: t.fit(X, Y, batch_size=41), ValueError, "41 is larger than the da"),
    "too wide": (lambda t: t.fit(X[:, :1], Y), ValueError, "width 2.*got width 1"),
    "float labels": (lambda t: t.fit(X, Y / 2), TypeError, "labels must be integers"),
    "unknown label": (lambda t: t.fit(X, Y + 1), ValueError, "out of range"),
    "unknown label in row 90": (
        lambda t: t.fit(*late_label(90)), ValueError, "label 5 .* out of range",
    ),
    "names as labels": (lambda t: t.fit(X, np.where(Y, "a", "b")), TypeError, "np.unique"),
    "nan": (lambda t: t.fit(BAD_X, Y), ValueError, r"x holds nan at \[7, 1\] .*; .* fill them"),
    "inf": (
        lambda t: t.fit(np.where(X > 0, np.inf, X), Y), ValueError, "inf at .* values; .* out$",
    ),
    "a column of labels": (lambda t: t.fit(X, Y[:, None]), ValueError, r"labels.reshape\(-1\)"),
    "a run of another kind": (
        lambda t: t.fit(X, Y, resume_from="run.pt"), ValueError, "resume_from: .* end in .npz",
    ),
    "nan in the validation": (
        lambda t: t.fit(X, Y, validation_data=(BAD_X, Y)), ValueError, "x of the validation data",
    ),
    "all held out": (lambda t: t.fit(X, Y, validation_split=1), ValueError, "below 1 .*, got 1"),
    "none held out": (
        lambda t: t.fit(X, Y, validation_split=0.001), ValueError, "holds out 0 and leaves 40",
    ),
    "negative split": (lambda t: t.fit(X, Y, validation_split=-0.1), ValueError, "at least 0"),
    "two validations": (
        lambda t: t.fit(X, Y, validation_split=0.1, validation_data=(X, Y)), ValueError, "not both",
    ),
    "a validation of x": (
        lambda t: t.fit(X, Y, validation_data=X), TypeError, r"must be \(x, y\) or a DataLoader",
    ),
    "too wide a validation": (
        lambda t: t.fit(X, Y, validation_data=(X[:, :1], Y)), ValueError, "width 2.*got width 1",
    ),
    "a loader and targets": (
        lambda t: t.fit(nn.DataLoader(X, Y), Y), ValueError, "holds its targets",
    ),
    "a loader without targets": (lambda t: t.fit(nn.DataLoader(X)), ValueError, "needs targets"),
    "resumed from no checkpoint": (
        lambda t: t.fit(X, Y, resume_from="run.pt"), ValueError, "must end in .npz",
    ),
    "unknown progress": (lambda t: t.fit(X, Y, progress="loud"), ValueError, "'loud'"),
    "no callback": (lambda t: t.fit(X, Y, callbacks=[print]), TypeError, "on_epoch_end.*print"),
    "a callback's misspelled method": (
        lambda t: t.fit(X, Y, callbacks=[Misspelled()]), TypeError,
        "unknown method of a callback, in Misspelled: 'on_train_batch_end'; did you mean",
    ),
    "a callback's class": (
        lambda t: t.fit(X, Y, callbacks=[nn.EarlyStopping]), TypeError,
        r"the class EarlyStopping; make one of it: EarlyStopping\(\.\.\.\)",
    ),
    "evaluate without targets": (lambda t: t.evaluate(X), ValueError, r"evaluate\(x, y\)"),
    "evaluate no rows at a time": (
        lambda t: t.evaluate(X, Y, batch_size=0), ValueError, "must be >= 1, got 0",
    ),
    "a loader and a batch size": (
        lambda t: t.predict(nn.DataLoader(X), batch_size=3), ValueError, "its batch size itself",
    ),
    "predict too wide": (lambda t: t.predict(X[:, :1]), ValueError, "width 2"),
}  # fmt: skip


@pytest.mark.parametrize("call, kind, message", REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_before_anything_changes(call, kind, message):
    t = trainer(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2))
    before = weights(t)
    nn.manual_seed(4)
    with pytest.raises(kind, match=message):
        call(t)
    assert_same(weights(t), before)
    assert (t.epoch, t.history.history, t.optimizer.state) == (0, {}, {})
    after = nn.init.uniform_(Tensor(np.zeros(3))).data
    nn.manual_seed(4)
    assert np.array_equal(after, nn.init.uniform_(Tensor(np.zeros(3))).data), "generator unused"
    assert all(module.training for module in t.model.modules())


@pytest.mark.parametrize("rows, batch_size", [(33, 32), (33, 1), (9, 4)])
def test_a_batch_of_one_row_that_a_layer_cannot_train_on_is_found_before(rows, batch_size):
    x, y = data(rows)
    t = trainer(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    before = weights(t)
    with pytest.raises(ValueError, match="one value a channel.*drop_last"):
        t.fit(x, y, batch_size=batch_size, progress=False)
    assert_same(weights(t), before)
    t.fit(nn.DataLoader(x, y, 8, drop_last=True), progress=False)
    assert t.epoch == 1


def test_a_run_that_is_done_says_so(tmp_path, capsys):
    path = tmp_path / "run.npz"
    for _ in range(2):
        t = trainer()
        t.fit(X, Y, epochs=2, callbacks=[nn.ModelCheckpoint(path)], resume_from=path)
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "nothing left to train: 2 of 2 epochs are done"


MODEL = nn.Linear(2, 2)
SGD = nn.optim.SGD(MODEL.parameters())
LOSS = nn.CrossEntropyLoss()
MADE_WRONG = {
    "no model": (lambda: nn.Trainer(np.tanh, SGD, LOSS), TypeError, "model must be a Module"),
    "an optimiser's name": (lambda: nn.Trainer(MODEL, "adam", LOSS), TypeError, r"nn\.optim\.Adam"),
    "an optimiser's class": (
        lambda: nn.Trainer(MODEL, nn.optim.SGD, LOSS), TypeError, "got the class SGD",
    ),
    "a loss's class": (lambda: nn.Trainer(MODEL, SGD, nn.MSELoss), TypeError, "the class MSELoss"),
    "a loss's name": (lambda: nn.Trainer(MODEL, SGD, "mse"), TypeError, r"nn\.MSELoss\(\)"),
    "many losses": (
        lambda: nn.Trainer(MODEL, SGD, nn.MSELoss("none")), ValueError, 'reduction="mean"',
    ),
    "unknown metric": (
        lambda: nn.Trainer(MODEL, SGD, LOSS, ["acuracy"]), ValueError, "did you mean 'accuracy'",
    ),
    "two metrics of one name": (
        lambda: nn.Trainer(MODEL, SGD, LOSS, [lambda p, t: 1, lambda p, t: 2]), ValueError,
        "two metrics are called '<lambda>'",
    ),
    "a metric of a taken name": (
        lambda: nn.Trainer(MODEL, SGD, LOSS, {"lr": nn.accuracy}), TypeError, "not called .*'lr'",
    ),
    "a metric without a name": (
        lambda: nn.Trainer(MODEL, SGD, LOSS, {1: nn.accuracy}), TypeError, "called 1$",
    ),
    "a number for metrics": (lambda: nn.Trainer(MODEL, SGD, LOSS, 3), TypeError, "got 3, called"),
    "text as clip_norm": (
        lambda: nn.Trainer(MODEL, SGD, LOSS, clip_norm="1"), TypeError, "a number, got '1'",
    ),
    "a scheduler's class": (
        lambda: nn.Trainer(MODEL, SGD, LOSS, scheduler=StepLR), TypeError, "the class StepLR",
    ),
    "a scheduler of another optimiser": (
        lambda: nn.Trainer(MODEL, SGD, LOSS, scheduler=StepLR(nn.optim.SGD(MODEL.parameters()), 1)),
        ValueError, "of another optimizer.*StepLR",
    ),
    "a number as metric": (lambda: nn.Trainer(MODEL, SGD, LOSS, [3]), TypeError, "3"),
    "a metric called loss": (
        lambda: nn.Trainer(MODEL, SGD, LOSS, {"loss": nn.accuracy}), TypeError, "'loss'",
    ),
    "clip_norm 0": (lambda: nn.Trainer(MODEL, SGD, LOSS, clip_norm=0), ValueError, "clip_norm"),
    "no scheduler": (lambda: nn.Trainer(MODEL, SGD, LOSS, scheduler=3), TypeError, "StepLR"),
}  # fmt: skip


@pytest.mark.parametrize("make, kind, message", MADE_WRONG.values(), ids=MADE_WRONG)
def test_a_trainer_of_the_wrong_parts_is_refused(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


def test_a_frozen_model_is_refused():
    t = trainer()
    t.model.requires_grad_(False)
    with pytest.raises(ValueError, match="all parameters of the model are frozen"):
        t.fit(X, Y, progress=False)


def test_an_optimizer_made_before_the_head_was_replaced_is_refused():
    t = trainer()
    t.model[-1] = nn.Linear(8, 2)
    with pytest.raises(ValueError, match=r"of shape \(2, 8\) that the model has not.*Adam\(model"):
        t.fit(X, Y, progress=False)


@pytest.mark.parametrize(
    "metric, got",
    [(nn.confusion_matrix, "an array of shape"), (lambda p, t: None, "NoneType"),
     (lambda p, t: "good", "str"), (lambda p, t: np.complex128(1), "complex128"),
     (lambda p, t: np.array("good"), "ndarray"), (lambda p, t: [[1], [1, 2]], "list"),
     (lambda p, t: 10**400, "int")],
    ids=["matrix", "none", "text", "complex", "array of text", "ragged", "huge"],
)  # fmt: skip
def test_a_metric_that_gives_no_number_is_refused_before_training(metric, got):
    t = trainer(metrics={"odd": metric})
    before = weights(t)
    with pytest.raises(TypeError, match=f"the metric 'odd' must give one number, got {got}"):
        t.fit(X, Y, progress=False)
    assert_same(weights(t), before)


def test_a_loss_with_many_numbers_is_refused():
    t = trainer(loss=lambda prediction, target: prediction)
    with pytest.raises(ValueError, match="one number"):
        t.fit(X, Y, progress=False)


def test_a_single_sample_is_told_to_be_a_row():
    with pytest.raises(ValueError, match=r"shape \(2,\), .*an axis of rows before it: x\[None\]"):
        trainer(nn.Linear(2, 3)).predict(X[0])


def test_a_model_that_mixes_rows_is_refused():
    class Mean(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(2, 2)

        def forward(self, x):
            return np.mean(self.layer(x), axis=0)

    model = Mean()
    t = nn.Trainer(model, nn.optim.SGD(model.parameters()), LOSS)
    with pytest.raises(ValueError, match=r"a row for each row .* 40 rows, .* the shape \(2,\)"):
        t.predict(X)


def test_a_history_is_asked_for_its_figures_as_a_dict_is():
    history = nn.History()
    assert list(history) == [] and "loss" not in history
    history.append({"loss": 0.5, "val_loss": 0.75})
    assert list(history) == ["loss", "val_loss"] == [*dict(history.history)]
    assert "val_loss" in history and "lr" not in history and 0 not in history


def test_half_a_precision_is_named_where_training_ends_in_no_number():
    model = nn.Sequential(nn.Linear(2, 1), nn.ReLU(), nn.Linear(1, 1)).astype(np.float16)
    trainer = nn.Trainer(model, nn.optim.Adam(model.parameters()), nn.MSELoss())
    x = np.full((8, 2), 1e-4)
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match="eps of 1e-8 is 0: "):
        trainer.fit(x, x[:, :1], batch_size=4, epochs=3, progress=False)
