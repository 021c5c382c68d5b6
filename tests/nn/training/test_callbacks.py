"""Early stopping, checkpoints and runs resumed bit for bit, the History and the progress shown."""

import io
import math
import os
import sys

import pytest

import nn
from nn.training import progress
from tests.nn.training.test_trainer import (  # noqa: F401 (a fixture)
    Every,
    assert_same,
    data,
    press_ctrl_c,
    trainer,
    usual_ctrl_c,
    weights,
)

X, Y = data(60)


class Scripted(nn.Callback):
    """Puts made-up figures into the logs of each epoch, before other callbacks see them."""

    def __init__(self, name, values):
        self.name, self.values = name, values

    def on_epoch_end(self, trainer, logs):
        logs[self.name] = self.values[trainer.epoch - 1]


class Weights(nn.Callback):
    """Remembers the weights after each epoch."""

    def __init__(self):
        self.after = {}

    def on_epoch_end(self, trainer, logs):
        self.after[trainer.epoch] = weights(trainer)


# ---- early stopping ---------------------------------------------------------------------------

STOPPED = {  # the figures, the options, the epochs trained, the best epoch
    "falling": ([5, 4, 3, 2, 1], {}, 5, 5),
    "patience": ([5, 4, 4, 4, 4], {"patience": 2}, 4, 2),
    "a worse epoch between": ([5, 4, 6, 3, 6], {"patience": 2}, 5, 4),
    "too little better": ([5, 4.95, 4.91, 4.9, 1], {"patience": 2, "min_delta": 0.1}, 3, 1),
    "in small steps": ([5, 4.95, 4.8, 4.75, 4.6], {"patience": 2, "min_delta": 0.1}, 5, 5),
    "nan is not better": ([5, math.nan, math.nan, 1, 1], {"patience": 2}, 3, 1),
    "nan at first": ([math.nan, 5, 6, 7, 8], {"patience": 4}, 5, 2),
    "higher is better": ([1, 2, 1, 1, 9], {"patience": 2, "mode": "max"}, 4, 2),
}


@pytest.mark.parametrize("figures, options, epochs, best", STOPPED.values(), ids=STOPPED)
def test_early_stopping_ends_and_takes_the_best_weights_back(figures, options, epochs, best):
    t, seen = trainer(), Weights()
    stopping = nn.EarlyStopping("made_up", **{"mode": "min", **options})
    t.fit(X, Y, epochs=5, progress=False, callbacks=[Scripted("made_up", figures), seen, stopping])
    assert (t.epoch, stopping.best_epoch, stopping.best) == (epochs, best, figures[best - 1])
    assert stopping.stopped == (epochs < 5)
    assert_same(weights(t), seen.after[best])


def test_the_best_weights_come_back_after_ctrl_c_in_the_next_epoch(capsys):
    t, seen, stopping = trainer(), Weights(), nn.EarlyStopping("loss")
    t.fit(X, Y, epochs=9, batch_size=20, callbacks=[seen, stopping, press_ctrl_c({5})])
    assert t.epoch == stopping.best_epoch == 1
    assert_same(weights(t), seen.after[1])
    assert "the model has the weights of epoch 1 again" in capsys.readouterr().out


def test_early_stopping_may_keep_the_last_weights():
    t, seen = trainer(), Weights()
    stopping = nn.EarlyStopping("odd", patience=1, mode="min", restore_best=False)
    t.fit(X, Y, epochs=5, progress=False, callbacks=[Scripted("odd", range(5)), seen, stopping])
    assert_same(weights(t), seen.after[2])


def test_early_stopping_says_what_it_did(capsys):
    stopping = nn.EarlyStopping("odd", patience=1, mode="min")
    trainer().fit(X, Y, epochs=5, callbacks=[Scripted("odd", range(5)), stopping])
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "stopped early: odd has not got better for 1 epoch; its best, 0.0000, was in epoch 1",
        "the model has the weights of epoch 1 again",
    ]


def test_early_stopping_begins_anew_with_each_fit():
    stopping = nn.EarlyStopping("loss", patience=1)
    for _ in range(2):
        t = trainer(lr=0.0)
        t.fit(X, Y, epochs=5, progress=False, shuffle=False, callbacks=[stopping])
        assert t.epoch == 2


@pytest.mark.parametrize(
    "monitor, mode",
    [("loss", -1), ("val_loss", -1), ("val_accuracy", 1), ("r2_score", 1), ("top_k_accuracy", 1),
     ("mean_error", -1)],
)  # fmt: skip
def test_which_figures_should_rise_is_known(monitor, mode):
    assert nn.EarlyStopping(monitor)._watch.sign == mode


WRONG = {
    "no validation": (lambda: nn.EarlyStopping(), "watches 'val_loss'.*give fit a validation_spl"),
    "unknown figure": (lambda: nn.EarlyStopping("los", mode="min"), 'only loss; write monitor="l'),
    "unknown direction": (lambda: nn.EarlyStopping("f"), "lower or a higher 'f' better"),
    "unknown mode": (lambda: nn.EarlyStopping("loss", mode="up"), "\"auto\", got 'up'"),
    "no patience": (lambda: nn.EarlyStopping(patience=0), "patience must be >= 1, got 0"),
    "negative delta": (lambda: nn.EarlyStopping(min_delta=-1), "min_delta must be >= 0, got -1"),
    "every 0": (lambda: nn.ModelCheckpoint("a.npz", every=0), "every must be >= 1, got 0"),
    "unknown field": (lambda: nn.ModelCheckpoint("{step}.npz"), "'{step}.npz' asks for .*epoch"),
    "unknown suffix": (lambda: nn.ModelCheckpoint("run.pt"), "must end in .npz"),
    "no folder": (lambda: nn.ModelCheckpoint("runs/a.npz"), "no folder 'runs' for 'runs/a.npz'"),
}


@pytest.mark.parametrize("make, message", WRONG.values(), ids=WRONG)
def test_callbacks_that_cannot_work_are_told(make, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message):
        trainer().fit(X, Y, progress=False, callbacks=[make()])


# ---- callbacks --------------------------------------------------------------------------------


def test_callbacks_are_called_in_order_and_may_be_any_object():
    called = []

    class Odd:
        def __getattr__(self, name):
            if name.startswith("on_"):
                return lambda trainer, *rest: called.append(name)
            raise AttributeError(name)

    class OnlyOne:
        def on_epoch_end(self, trainer, logs):
            called.append(sorted(logs))

    trainer().fit(X, Y, epochs=1, batch_size=30, progress=False, callbacks=[Odd(), OnlyOne()])
    assert [c for c in called if c != "on_batch_end"] == [
        "on_train_begin", "on_epoch_begin", "on_epoch_end", ["loss"], "on_checkpoint",
        "on_train_end",
    ]  # fmt: skip


# ---- checkpoints, and going on ----------------------------------------------------------------


def rich_trainer(seed=2):
    """One with everything that has state: Dropout, BatchNorm, momentum, a schedule, metrics."""
    nn.manual_seed(seed)
    layers = nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 2)
    t = trainer(*layers, seed=seed, metrics=["accuracy"])
    t.scheduler = nn.optim.lr_scheduler.ExponentialLR(t.optimizer, 0.9)
    return t


OPTIONS = {"batch_size": 16, "validation_split": 0.25, "progress": False, "epochs": 6}


def assert_same_run(a, b):
    assert a.history.history == b.history.history
    assert_same(weights(a), weights(b))


def stop_at(batch, path=None):
    """Save in the middle of an epoch and die, as a machine may."""

    def act(count, trainer):
        if count == batch:
            nn.save_checkpoint(path, trainer=trainer)
            raise RuntimeError("the power is off")

    return Every(act)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("batch", [1, 2, 3, 4, 5, 9])
def test_a_run_that_died_anywhere_goes_on_bit_for_bit(batch, suffix, tmp_path):
    if suffix == ".safetensors":
        pytest.importorskip("safetensors", reason="writes .safetensors")
    path = tmp_path / ("run" + suffix)
    whole, whole_end = rich_trainer(), Weights()
    whole.fit(X, Y, **OPTIONS, callbacks=[nn.EarlyStopping(patience=2), whole_end])
    with pytest.raises(RuntimeError, match="power"):
        callbacks = [nn.EarlyStopping(patience=2), stop_at(batch, path)]
        rich_trainer().fit(X, Y, **OPTIONS, callbacks=callbacks)
    again = rich_trainer(seed=99)
    again_end = Weights()
    again.fit(
        X, Y, **OPTIONS, callbacks=[nn.EarlyStopping(patience=2), again_end], resume_from=path
    )
    assert_same_run(again, whole)
    assert_same(again_end.after[again.epoch], whole_end.after[whole.epoch])


def test_a_run_ended_by_ctrl_c_goes_on_in_the_middle_of_its_epoch(tmp_path):
    path = tmp_path / "run.npz"
    whole = rich_trainer()
    whole.fit(X, Y, **OPTIONS)
    part = rich_trainer()
    callbacks = [nn.ModelCheckpoint(path), press_ctrl_c({5})]
    assert part.fit(X, Y, **OPTIONS, callbacks=callbacks).interrupted and part.epoch == 1
    again = rich_trainer(seed=7)
    history = again.fit(X, Y, **OPTIONS, callbacks=[nn.ModelCheckpoint(path)], resume_from=path)
    assert not history.interrupted
    assert_same_run(again, whole)


def test_a_keyboard_interrupt_in_the_middle_of_a_step_leaves_the_last_whole_checkpoint(tmp_path):
    path = tmp_path / "run.npz"
    whole = rich_trainer()
    whole.fit(X, Y, **OPTIONS)
    part = rich_trainer()
    forward, steps = type(part.model).forward, []

    def interrupted(model, x):  # as where another handler of Ctrl-C raises
        steps.append(model.training)
        if sum(steps) == 5:
            raise KeyboardInterrupt
        return forward(model, x)

    part.model.__class__ = type("Torn", (type(part.model),), {"forward": interrupted})
    options = {**OPTIONS, "callbacks": [nn.ModelCheckpoint(path)]}
    assert part.fit(X, Y, **options).interrupted and part.epoch == 1
    again = rich_trainer(seed=7)
    again.fit(X, Y, **options, resume_from=path)
    assert_same_run(again, whole)


def test_the_same_script_started_again_and_again_trains_once(tmp_path):
    path = tmp_path / "run.npz"
    lengths = []
    for _ in range(3):
        t = rich_trainer()
        count = Every(lambda *_: None)
        t.fit(X, Y, **OPTIONS, callbacks=[nn.ModelCheckpoint(path), count], resume_from=path)
        lengths.append((t.epoch, count.batches))
    assert lengths == [(6, 18), (6, 0), (6, 0)]


def test_a_run_that_early_stopping_ended_stays_ended(tmp_path):
    path = tmp_path / "run.npz"
    figures = [3.0, 1.0, 2.0, 2.0, 2.0, 2.0]
    ends = []
    for seed in (2, 3):
        t = rich_trainer(seed)
        stopping = nn.EarlyStopping("odd", patience=2, mode="min")
        callbacks = [nn.ModelCheckpoint(path), Scripted("odd", figures), stopping]
        t.fit(X, Y, **OPTIONS, callbacks=callbacks, resume_from=path)
        ends.append((t.epoch, stopping.best_epoch, weights(t)))
    assert ends[0][:2] == ends[1][:2] == (4, 2)
    assert_same(ends[0][2], ends[1][2])


def test_a_later_fit_is_resumed_up_to_its_own_end(tmp_path):
    path = tmp_path / "second.npz"
    options = {**OPTIONS, "epochs": 2}
    whole = rich_trainer()
    whole.fit(X, Y, **options)
    whole.fit(X, Y, **options)
    part = rich_trainer()
    part.fit(X, Y, **options)
    with pytest.raises(RuntimeError):
        part.fit(X, Y, **options, callbacks=[stop_at(2, path)])
    again = rich_trainer(8)
    again.fit(X, Y, **options, resume_from=path)
    assert again.epoch == 4
    assert_same_run(again, whole)


def test_a_loaded_run_can_be_trained_further(tmp_path):
    path = tmp_path / "run.npz"
    whole = rich_trainer()
    whole.fit(X, Y, **OPTIONS)
    nn.save_checkpoint(path, trainer=whole)
    again = rich_trainer(5)
    nn.load_checkpoint(path, trainer=again)
    assert_same_run(again, whole)
    again.fit(X, Y, **OPTIONS)
    nn.load_checkpoint(path, trainer=whole)
    whole.fit(X, Y, **OPTIONS)
    assert again.epoch == 12
    assert_same_run(again, whole)


def test_other_data_than_the_saved_run_had_change_nothing(tmp_path):
    path = tmp_path / "run.npz"
    with pytest.raises(RuntimeError):
        rich_trainer().fit(X, Y, **OPTIONS, callbacks=[stop_at(2, path)])
    again = rich_trainer(5)
    before, state = weights(again), nn.random.generator().bit_generator.state
    with pytest.raises(ValueError, match="rows was 45 .* is 30 here"):
        again.fit(X[:40], Y[:40], **OPTIONS, resume_from=path)
    assert_same(weights(again), before)
    assert again.epoch == 0 and nn.random.generator().bit_generator.state == state
    again.fit(X[:40], Y[:40], **{**OPTIONS, "epochs": 1})
    assert again.epoch == 1


def test_a_run_of_another_kind_changes_nothing(tmp_path):
    path = tmp_path / "run.npz"
    t = rich_trainer()
    t.fit(X, Y, **OPTIONS)
    nn.save_checkpoint(path, trainer=t)
    plain = trainer()
    before = weights(plain)
    for state in (t.state_dict(), {}, 3):
        with pytest.raises(ValueError):
            plain.load_state_dict(state)
    with pytest.raises(nn.CheckpointError):
        plain.fit(X, Y, **OPTIONS, resume_from=path)
    assert_same(weights(plain), before)
    assert plain.epoch == 0


def test_checkpoints_of_every_epoch_and_of_the_best(tmp_path):
    t, seen = trainer(), Weights()
    figures = [3.0, 1.0, 2.0, 0.5]
    t.fit(X, Y, epochs=4, progress=False, callbacks=[
        Scripted("odd", figures), seen,
        nn.ModelCheckpoint(tmp_path / "all-{epoch:02}-{odd:.1f}.npz"),
        nn.ModelCheckpoint(tmp_path / "second-{epoch}.npz", every=2),
        nn.ModelCheckpoint(tmp_path / "best.npz", "odd", "min"),
        nn.ModelCheckpoint(tmp_path / "best-{epoch}.npz", "odd", "min"),
    ])  # fmt: skip
    assert sorted(os.listdir(tmp_path)) == [
        "all-01-3.0.npz", "all-02-1.0.npz", "all-03-2.0.npz", "all-04-0.5.npz", "best-1.npz",
        "best-2.npz", "best-4.npz", "best.npz", "second-2.npz", "second-4.npz",
    ]  # fmt: skip
    for name, epoch in (("all-03-2.0.npz", 3), ("best-2.npz", 2), ("best.npz", 4)):
        saved = nn.load_checkpoint(tmp_path / name)
        assert saved["trainer"]["epoch"] == epoch
        assert_same(saved["trainer"]["model"], seen.after[epoch])


# ---- history ----------------------------------------------------------------------------------


def test_history_tells_its_last_figures():
    history = nn.History()
    assert repr(history) == "History(0 epochs)"
    history.append({"loss": 1.0})
    history.append({"loss": 0.5, "val_loss": 2.0})
    assert repr(history) == "History(2 epochs: loss 0.5000, val_loss 2.0000)"
    assert math.isnan(history["val_loss"][0]) and len(history) == 2
    with pytest.raises(KeyError, match="no 'accuracy'; it has loss, val_loss"):
        history["accuracy"]
    with pytest.raises(ValueError, match="no epoch to draw yet"):
        nn.History().plot()


def test_history_plots_itself(tmp_path):
    matplotlib = pytest.importorskip("matplotlib", reason="draws with matplotlib")
    matplotlib.use("agg")
    t = trainer(metrics=["accuracy"])
    history = t.fit(X, Y, epochs=3, validation_split=0.2, progress=False)
    figure = history.plot(tmp_path / "curves.png")
    assert [axis.get_title() for axis in figure.axes] == ["loss", "accuracy"]
    lines = {line.get_label(): list(line.get_ydata()) for line in figure.axes[1].lines}
    assert lines == {"training": history["accuracy"], "validation": history["val_accuracy"]}
    assert (tmp_path / "curves.png").read_bytes()[:4] == b"\x89PNG"


def test_pictures_of_many_figures_have_rows():
    pyplot = pytest.importorskip("matplotlib.pyplot", reason="draws")
    history = nn.History()
    history.append(dict.fromkeys(["loss", "val_loss", "a", "b", "c", "lr"], 0.5))
    figure = history.plot()
    assert [axis.get_subplotspec().get_geometry()[:2] for axis in figure.axes] == [(2, 3)] * 5
    low, high = figure.axes[0].get_xlim()
    ticks = figure.axes[0].xaxis.get_majorticklocs()
    assert [t for t in ticks if low <= t <= high] == [1], "the ticks of one epoch"
    pyplot.close(figure)


def test_without_matplotlib_history_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    history = nn.History()
    history.append({"loss": 1.0})
    with pytest.raises(ImportError, match=r'pip install "chalkgrad\[plot\]"'):
        history.plot()


# ---- progress ---------------------------------------------------------------------------------


def lines_of(capsys, value, epochs=4):
    trainer(metrics=["accuracy"]).fit(X, Y, epochs=epochs, progress=value)
    return capsys.readouterr().out.splitlines()


def test_plain_lines_where_nobody_watches(capsys):
    lines = lines_of(capsys, True)
    assert len(lines) == 4
    assert lines[1].startswith("epoch 2/4  loss 0.") and "  accuracy " in lines[1]


@pytest.mark.parametrize("value, epochs", [(False, []), (2, [2, 4]), (3, [3, 4]), (9, [4])])
def test_fewer_lines_or_none(value, epochs, capsys):
    assert [int(line[6]) for line in lines_of(capsys, value)] == epochs


@pytest.mark.parametrize("value", [0, -1, "lines", None, 1.5])
def test_unknown_progress_is_refused(value):
    with pytest.raises(ValueError, match="True, False"):
        progress.reporter(value)


def test_a_bar_where_it_is_asked_for(capsys):
    pytest.importorskip("tqdm", reason="draws its bar with tqdm")
    lines = lines_of(capsys, "bar")
    assert [line[:9] for line in lines] == ["epoch 1/4", "epoch 2/4", "epoch 3/4", "epoch 4/4"]


def test_a_bar_on_a_terminal(monkeypatch):
    pytest.importorskip("tqdm", reason="draws its bar with tqdm")

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert isinstance(progress.reporter(True), progress.Bar)
    trainer().fit(X, Y, epochs=2)
    assert "epoch 2/2" in sys.stderr.getvalue() and "batch" in sys.stderr.getvalue()
    assert sys.stdout.getvalue().count("epoch") == 2


@pytest.mark.parametrize("stream", [None, object()], ids=["none", "no isatty"])
def test_streams_that_are_none(stream, monkeypatch):
    monkeypatch.setattr(sys, "stdout", stream)
    assert type(progress.reporter(True)) is progress.Lines


def test_without_tqdm_a_terminal_gets_lines_and_a_wish_for_a_bar_the_cure(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    monkeypatch.setattr(progress, "_watched", lambda: True)
    assert type(progress.reporter(True)) is progress.Lines
    with pytest.raises(ImportError, match=r'pip install "chalkgrad\[progress\]"'):
        progress.reporter("bar")


def test_the_bar_is_closed_after_an_error(monkeypatch):
    pytest.importorskip("tqdm", reason="draws its bar with tqdm")
    shown = []

    class Bar(progress.Bar):
        def __init__(self, tqdm):
            super().__init__(tqdm)
            shown.append(self)

    def fail(batch, trainer):
        assert shown[0].bar.total == 2
        raise RuntimeError("stop here")

    monkeypatch.setattr(progress, "Bar", Bar)
    with pytest.raises(RuntimeError, match="stop here"):
        trainer().fit(X, Y, progress="bar", callbacks=[Every(fail)])
    assert shown[0].bar is None


def test_nothing_is_said_after_an_error(capsys):
    class Broken(nn.Callback):
        def on_train_begin(self, trainer):
            trainer.say("begun")
            raise RuntimeError("broken")

    t = trainer()
    with pytest.raises(RuntimeError):
        t.fit(X, Y, callbacks=[Broken()])
    t.say("more")
    assert capsys.readouterr().out == "begun\n"


def test_small_figures_keep_their_digits():
    lines = progress.Lines()
    lines.start(1, 1, 1)
    assert "loss 1.234e-05  zero 0.0000" in lines.line({"loss": 1.234e-5, "zero": 0.0})


def test_a_name_made_of_figures_has_nan_for_them_in_the_middle_of_an_epoch(tmp_path):
    checkpoint = nn.ModelCheckpoint(tmp_path / "run-{epoch}-{val_loss:.1f}.npz")
    trainer().fit(X, Y, epochs=3, progress=False, callbacks=[checkpoint, press_ctrl_c({1})])
    assert os.listdir(tmp_path) == ["run-0-nan.npz"]
