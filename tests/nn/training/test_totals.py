"""An epoch's loss and metrics are those of its rows together, however they fall into batches."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest

import nn
from autograd import Tensor
from nn import functional
from nn.training.totals import divides
from tests.twins import OF_SEVERAL, assert_cases

ROWS, CLASSES = 23, 4


def data(seed=0, kind="labels"):
    """x is the prediction itself, for the model passes it on; targets as a loss takes them."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(ROWS, CLASSES))
    labels = rng.integers(0, CLASSES, ROWS)
    labels[-1] = 3  # which counts everywhere: a last batch of it alone does, too
    if kind == "numbers":
        return x, rng.normal(size=x.shape)
    if kind == "logs":
        return x - np.log(np.exp(x).sum(axis=1, keepdims=True)), labels
    if kind == "zeros and ones":
        return x, rng.integers(0, 2, x.shape).astype(float)
    if kind == "in [0, 1]":
        return 1 / (1 + np.exp(-x)), rng.random(x.shape)
    if kind == "probabilities":
        p = rng.random(x.shape)
        return x, p / p.sum(axis=1, keepdims=True)
    if kind == "counts":
        return x, rng.integers(0, 5, x.shape)
    if kind == "signs":
        return x, rng.choice([-1, 1], x.shape)
    if kind == "dense":
        return rng.normal(size=(ROWS, CLASSES, 5)), rng.integers(0, CLASSES, (ROWS, 5))
    return x, labels


class Shift(nn.Module):
    """Gives what it gets, and a parameter that the optimiser may hold."""

    def __init__(self):
        self.shift = Tensor(np.zeros(()), requires_grad=True)

    def forward(self, x):
        return x + self.shift


def trainer(loss, metrics=(), lr=0.0):
    model = Shift()
    return nn.Trainer(model, nn.optim.SGD(model.parameters(), lr=lr), loss, metrics)


WEIGHT = [1.0, 7.0, 0.25, 3.0]
COLUMN = np.random.default_rng(7).random(CLASSES) + 0.1
LOSSES = {
    "mse": ("numbers", nn.MSELoss, {}),
    "l1": ("numbers", nn.L1Loss, {}),
    "huber": ("numbers", nn.HuberLoss, {"delta": 0.7}),
    "smooth l1": ("numbers", nn.SmoothL1Loss, {"beta": 0.3}),
    "bce": ("in [0, 1]", nn.BCELoss, {}),
    "bce, weight": ("in [0, 1]", nn.BCELoss, {"weight": COLUMN}),
    "bce with logits": ("zeros and ones", nn.BCEWithLogitsLoss, {"pos_weight": 3 * COLUMN}),
    "bce with logits, weight": ("zeros and ones", nn.BCEWithLogitsLoss, {"weight": COLUMN}),
    "cross-entropy": ("labels", nn.CrossEntropyLoss, {}),
    "cross-entropy, weight": ("labels", nn.CrossEntropyLoss, {"weight": WEIGHT}),
    "cross-entropy, smoothed": (
        "labels", nn.CrossEntropyLoss, {"weight": WEIGHT, "label_smoothing": 0.2},
    ),
    "cross-entropy, ignored": ("labels", nn.CrossEntropyLoss, {"ignore_index": 2}),
    "cross-entropy, ignored and weight": (
        "labels", nn.CrossEntropyLoss, {"ignore_index": 2, "weight": WEIGHT},
    ),
    "cross-entropy, probabilities": ("probabilities", nn.CrossEntropyLoss, {"weight": WEIGHT}),
    "cross-entropy, dense": (
        "dense", nn.CrossEntropyLoss, {"ignore_index": 1, "weight": WEIGHT},
    ),
    "nll": ("logs", nn.NLLLoss, {"weight": WEIGHT, "ignore_index": 0}),
    "kl": ("probabilities", nn.KLDivLoss, {}),
    "poisson": ("counts", nn.PoissonNLLLoss, {"full": True}),
    "hinges": ("signs", nn.HingeEmbeddingLoss, {"margin": 0.5}),
}  # fmt: skip


def test_no_loss_is_left_out():
    tried = {kind.__name__ for _, kind, _ in LOSSES.values()}
    assert_cases(set(nn.losses.__all__) - OF_SEVERAL, tried, f"LOSSES of {__name__}")


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("batch_size", [4, 7, 22, 23])
@pytest.mark.parametrize("kind, loss, options", LOSSES.values(), ids=LOSSES)
def test_the_epochs_loss_is_that_of_all_rows(kind, loss, options, batch_size, reduction):
    x, y = data(3, kind)
    loss = loss(**options, reduction=reduction)
    t = trainer(loss)
    history = t.fit(x, y, batch_size=batch_size, shuffle=False, validation_data=(x, y),
                    progress=False)  # fmt: skip
    expected = loss(Tensor(x), y).item()
    assert history["loss"] == [pytest.approx(expected, rel=1e-12)]
    assert history["val_loss"] == [pytest.approx(expected, rel=1e-12)]
    assert t.evaluate(x, y, batch_size=batch_size)["loss"] == pytest.approx(expected, rel=1e-12)


FUNCTIONS = {
    "mse": ("numbers", functional.mse_loss, {}),
    "huber": ("numbers", functional.huber_loss, {"delta": 0.5}),
    "kl": ("probabilities", functional.kl_div, {}),
    "kl, batchmean": ("probabilities", functional.kl_div, {"reduction": "batchmean"}),
    "bce": ("in [0, 1]", functional.binary_cross_entropy, {"weight": COLUMN}),
    "bce with logits": ("zeros and ones", functional.binary_cross_entropy_with_logits, {}),
    "cross-entropy": ("labels", functional.cross_entropy, {"weight": WEIGHT, "ignore_index": 3}),
    "nll": ("logs", functional.nll_loss, {"weight": WEIGHT}),
    "sum": ("labels", functional.cross_entropy, {"reduction": "sum", "weight": WEIGHT}),
}  # fmt: skip


@pytest.mark.parametrize("kind, loss, options", FUNCTIONS.values(), ids=FUNCTIONS)
def test_functions_and_partials_say_it_too(kind, loss, options):
    x, y = data(4, kind)
    given = partial(loss, **options) if options else loss
    t = trainer(given)
    expected = loss(Tensor(x), y, **options).item()
    assert t.fit(x, y, batch_size=6, progress=False)["loss"] == [pytest.approx(expected, rel=1e-12)]
    assert t.evaluate(x, y, batch_size=6)["loss"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("kind, loss, options", LOSSES.values(), ids=LOSSES)
def test_value_times_divisor_is_the_sum(kind, loss, options):
    x, y = data(5, kind)
    mean, total = (loss(**options, reduction=reduction) for reduction in ("mean", "sum"))
    product = mean(Tensor(x), y).item() * mean.divisor(Tensor(x), y)
    assert product == pytest.approx(total(Tensor(x), y).item(), rel=1e-12)
    assert total.divisor(Tensor(x), y) is None


# ---- losses of one's own ------------------------------------------------------------------------


class Masked:
    """A mean over the positive targets, which says so."""

    def __call__(self, prediction, target):
        mask = target > 0
        return np.sum(np.square(prediction - target) * mask) / np.sum(mask)

    def divisor(self, prediction, target):
        return np.sum(target > 0)


class ByReduction(nn.Module):
    def __init__(self, reduction):
        self.reduction = reduction

    def forward(self, prediction, target):
        return getattr(np, self.reduction)(np.abs(prediction - target))


class Root(nn.MSELoss):
    """Inherits what MSELoss says, but is something else."""

    def forward(self, prediction, target):
        return np.sqrt(super().forward(prediction, target))


def own(reduction):
    return lambda prediction, target: getattr(np, reduction)(np.abs(prediction - target))


def test_a_loss_of_ones_own_that_says_what_divides():
    x, y = data(6, "numbers")
    t = trainer(Masked())
    expected = Masked()(x, y)
    assert t.fit(x, y, batch_size=5, progress=False)["loss"] == [pytest.approx(expected, rel=1e-12)]
    assert t.evaluate(x, y, batch_size=5)["loss"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_loss_of_ones_own_by_its_reduction(reduction):
    x, y = data(6, "numbers")
    expected = getattr(np, reduction)(np.abs(x - y))
    losses = [ByReduction(reduction)] + [own("mean")] * (reduction == "mean")
    for loss in losses:
        history = trainer(loss).fit(x, y, batch_size=5, progress=False)
        assert history["loss"] == [pytest.approx(expected, rel=1e-12)]


def test_what_computes_anew_does_not_inherit_what_divides():
    x, y = data(6, "numbers")
    t = trainer(Root())
    assert t.evaluate(x, y, batch_size=5)["loss"] == pytest.approx(np.sqrt(np.mean((x - y) ** 2)))
    roots = [np.sqrt(np.mean((x[k : k + 5] - y[k : k + 5]) ** 2)) for k in range(0, ROWS, 5)]
    rows = [5, 5, 5, 5, 3]
    history = t.fit(x, y, batch_size=5, shuffle=False, progress=False)
    assert history["loss"] == [pytest.approx(np.average(roots, weights=rows))]


@pytest.mark.parametrize("wrong", ["four", -1.0, math.nan, [3]])
def test_a_divisor_that_is_none_is_refused(wrong):
    class Odd(Masked):
        def divisor(self, prediction, target):
            return wrong

    t = trainer(Odd())
    with pytest.raises(
        TypeError, match=r"divisor.* of the loss Odd must be a number >= 0.*or None"
    ):
        t.fit(*data(6, "numbers"), progress=False)
    assert t.epoch == 0


# ---- nothing to divide by -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "loss",
    [nn.CrossEntropyLoss(), nn.CrossEntropyLoss(weight=[0.0, 1, 1, 1]),
     functional.cross_entropy, nn.CrossEntropyLoss(label_smoothing=0.1)],
    ids=["ignored", "weight 0", "function", "smoothed"],
)  # fmt: skip
def test_a_batch_without_a_label_that_counts_is_named_as_that(loss):
    x, y = data()
    y[5:10] = 0 if getattr(loss, "weight", None) is not None else -100
    t = trainer(loss, lr=0.1)
    with pytest.raises(FloatingPointError, match="batch 2 of 5 of epoch 1 has no label that counts:"
                       ".* 5 rows .*Leave such rows out, use larger batches"):  # fmt: skip
        t.fit(x, y, batch_size=5, shuffle=False, progress=False)


def test_blocks_without_a_label_that_counts_add_nothing_to_an_evaluation():
    x, y = data()
    y[5:10] = -100
    t = trainer(nn.CrossEntropyLoss(), ["accuracy"])
    figures = t.evaluate(x, y, batch_size=5)
    counts = y >= 0
    assert figures["loss"] == pytest.approx(functional.cross_entropy(x, y).item(), rel=1e-12)
    assert figures["accuracy"] == np.mean(np.argmax(x, axis=1)[counts] == y[counts])
    assert math.isnan(trainer(nn.CrossEntropyLoss()).evaluate(x, np.full(ROWS, -100))["loss"])


def test_a_sum_of_nothing_is_no_error():
    x, y = data()
    y[5:10] = -100
    loss = nn.CrossEntropyLoss(reduction="sum")
    history = trainer(loss).fit(x, y, batch_size=5, shuffle=False, progress=False)
    assert history["loss"] == [pytest.approx(loss(Tensor(x), y).item(), rel=1e-12)]


# ---- metrics ------------------------------------------------------------------------------------


def test_metrics_that_add_up_are_those_of_all_rows():
    rng = np.random.default_rng(1)
    rows = 3000  # more than are kept
    x, y = rng.normal(size=(rows, CLASSES)), rng.integers(0, CLASSES, rows)
    y[::7] = -100
    names = ["accuracy", "f1", "precision", "recall", "top_k_accuracy", "auc"]
    metrics = {name: nn.metrics.by_name(name) for name in names}
    metrics["top_k_accuracy"] = partial(nn.top_k_accuracy, k=2, ignore_index=-100)
    t = trainer(nn.CrossEntropyLoss(), [n for n in names if n != "top_k_accuracy"])
    figures = t.fit(x, y, batch_size=64, progress=False).history
    judged = t.evaluate(x, y, batch_size=100)
    for name in t.metrics:
        expected = metrics[name](x, y, ignore_index=-100)
        assert figures[name] == [pytest.approx(expected, rel=1e-14)], name
        assert judged[name] == pytest.approx(expected, rel=1e-14), name


def test_a_metric_of_ones_own_that_says_what_divides():
    x, y = data(6, "numbers")
    t = trainer(nn.MSELoss(), {"masked": Masked()})
    assert t.evaluate(x, y, batch_size=4)["masked"] == pytest.approx(Masked()(x, y), rel=1e-12)


def test_an_epoch_in_its_middle_goes_on_with_what_it_has_summed(tmp_path):
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2500, 2)), rng.integers(0, 2, 2500)
    path = tmp_path / "run.npz"

    class Die(nn.Callback):
        def __init__(self, at):
            self.at = at

        def on_batch_end(self, trainer):
            self.at -= 1
            if self.at == 0:
                nn.save_checkpoint(path, trainer=trainer)
                raise RuntimeError("the power is off")

    def fit(**options):
        nn.manual_seed(3)
        model = nn.Linear(2, 2)
        t = nn.Trainer(model, nn.optim.Adam(model.parameters()), LOSS, ["accuracy", "f1"])
        return t.fit(x, y, epochs=2, batch_size=100, progress=False, **options).history

    LOSS = nn.CrossEntropyLoss(weight=[1.0, 4.0])
    whole = fit()
    for at in (3, 13, 24, 25, 40):
        with pytest.raises(RuntimeError, match="power"):
            fit(callbacks=[Die(at)])
        assert fit(resume_from=path) == whole
        path.unlink()


def test_what_a_loss_divides_by_costs_next_to_nothing_to_ask():
    """No array is made for it where labels have no weights, but one of flags."""
    x, y = data()
    assert divides(nn.CrossEntropyLoss())(Tensor(x), y) == ROWS
    assert divides(nn.MSELoss())(Tensor(x), x) == ROWS * CLASSES
