"""CTCLoss: values by listing all outputs, derivatives, lengths, edges, and what it refuses.

Compared with PyTorch in float64 to 1e-9 where it is installed, by the logits, for its gradient by
log probabilities is another; second order, which it has not, with finite differences.
"""

import copy
import itertools
import pickle

import numpy as np
import pytest

import nn
from autograd import Tensor, draw, explain, grad, gradcheck, gradgradcheck, log_softmax, no_grad
from nn import functional
from nn.functional import ctc_loss
from tests.compare import REDUCTIONS
from tests.makers import random

inf = np.inf


def case(times, count, classes, length, seed=0, blank=0):
    """Logits (T, N, C), padded targets, lengths of inputs and of targets."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes - 1, (count, length))
    labels += labels >= blank
    return (
        rng.normal(size=(times, count, classes)),
        labels,
        rng.integers(max(times - 3, 0), times + 1, count),
        rng.integers(0, length + 1, count),
    )


def log_probabilities(logits):
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def read(output, blank):
    """What an output reads as: equal neighbours joined, blanks taken out."""
    joined = [label for label, _ in itertools.groupby(output)]
    return tuple(label for label in joined if label != blank)


# ---- values -----------------------------------------------------------------------------------

TARGETS = [(), (1,), (2, 1), (1, 1), (2, 2, 1), (1, 2, 1), (1, 1, 1)]


@pytest.mark.parametrize("blank", [0, 2])
@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_is_the_probability_of_all_outputs_that_read_so(target, blank):
    target = tuple((label + blank) % 3 for label in target)
    p = np.exp(log_probabilities(random(4, 3)))
    total = sum(
        np.prod([p[t, label] for t, label in enumerate(output)])
        for output in itertools.product(range(3), repeat=4)
        if read(output, blank) == target
    )
    found = ctc_loss(np.log(p), np.array(target, int), 4, len(target), blank, "none")
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(found.data, -np.log(total), rtol=1e-13)


SHAPES = {
    "some": (8, 3, 4, 3), "two classes": (6, 2, 2, 2), "one of each": (1, 1, 2, 1),
    "no labels": (3, 2, 3, 0), "long": (30, 4, 6, 12), "nearly too long": (9, 5, 3, 6),
}  # fmt: skip


@pytest.mark.parametrize("zero_infinity", [False, True])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("blank", [0, 1])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_agrees_with_pytorch_by_the_logits(shape, blank, reduction, zero_infinity):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    x, labels, times, lengths = case(*shape, blank=blank)
    ours, theirs = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    loss = nn.CTCLoss(blank, reduction, zero_infinity)(log_softmax(ours, 2), labels, times, lengths)
    wanted = torch.nn.CTCLoss(blank, reduction, zero_infinity)(
        theirs.log_softmax(2), torch.tensor(labels), torch.tensor(times), torch.tensor(lengths)
    )
    np.testing.assert_allclose(loss.data, wanted.detach(), rtol=1e-9, atol=1e-12)
    probe = np.asarray(random(*loss.shape, seed=2))
    (found,) = grad(loss, ours, probe)
    (wanted,) = torch.autograd.grad(wanted, theirs, torch.tensor(probe))
    np.testing.assert_allclose(found.data, wanted, rtol=1e-9, atol=1e-12)


def test_targets_padded_and_end_to_end_and_of_one_sequence():
    x, labels, times, lengths = case(9, 4, 5, 3, seed=3)
    log = log_probabilities(x)
    expected = ctc_loss(log, labels, times, lengths, reduction="none")
    flat = np.concatenate([row[:n] for row, n in zip(labels, lengths)])
    padded = np.concatenate([labels, np.full((4, 2), -7)], axis=1)  # what pads is not looked at
    for targets in (flat, flat.tolist(), padded, Tensor(labels), labels.astype(np.int16)):
        found = ctc_loss(log, targets, times.tolist(), Tensor(lengths), reduction="none")
        assert found.tolist() == expected.tolist()
    for k in range(4):
        alone = ctc_loss(log[:, k], labels[k], times[k], lengths[k], reduction="none")
        assert alone.shape == () and alone.item() == pytest.approx(expected.data[k], rel=1e-14)
        again = ctc_loss(log[:, k : k + 1], labels[k : k + 1], [times[k]], [lengths[k]])
        assert again.item() == pytest.approx(expected.data[k] / max(lengths[k], 1), rel=1e-14)


def test_the_mean_divides_by_the_lengths_first():
    x, labels, times, lengths = case(9, 4, 5, 3, seed=3)
    each = ctc_loss(log_probabilities(x), labels, times, lengths, reduction="none").data
    mean = ctc_loss(log_probabilities(x), labels, times, lengths).item()
    assert mean == pytest.approx(np.mean(each / np.maximum(lengths, 1)), rel=1e-14)


def test_a_target_that_does_not_fit_is_infinite_or_counts_nothing():
    log = log_probabilities(random(3, 2, 4))
    targets, lengths = [[1, 1, 1], [1, 2, 3]], [3, 3]  # 1 1 1 needs five times
    for zero_infinity in (False, True):
        p = Tensor(log, requires_grad=True)
        losses = ctc_loss(p, targets, [3, 3], lengths, 0, "none", zero_infinity)
        losses.sum().backward()
        assert losses.data[0] == (0 if zero_infinity else inf) and np.isfinite(losses.data[1])
        rest = np.zeros((3, 4)) if zero_infinity else np.full((3, 4), np.nan)
        np.testing.assert_array_equal(p.grad[:, 0], rest)
        np.testing.assert_allclose(p.grad[:, 1], -np.eye(4)[[1, 2, 3]], atol=1e-12)


def test_no_times_and_no_labels():
    log = log_probabilities(random(3, 2, 4))
    assert ctc_loss(log, [[], []], [0, 3], [0, 0], reduction="none").data[0] == 0
    assert ctc_loss(log, [[1], [1]], [0, 3], [1, 1], reduction="none").data[0] == inf
    nothing = ctc_loss(np.zeros((3, 0, 4)), np.zeros((0, 2), int), [], [], reduction="none")
    assert nothing.shape == (0,)
    assert np.isnan(ctc_loss(np.zeros((3, 0, 4)), np.zeros((0, 2), int), [], []).item())


# ---- derivatives ------------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_agrees_with_finite_differences(reduction):
    x, labels, times, lengths = case(5, 3, 4, 2, seed=1)
    log = Tensor(log_probabilities(x), requires_grad=True)

    def loss(p):
        return ctc_loss(p, labels, times, lengths, reduction=reduction)

    assert gradcheck(loss, log) and gradgradcheck(loss, log)
    assert gradgradcheck(lambda p: np.square(loss(p)) + p.sum(), log)
    logits = Tensor(x, requires_grad=True)
    assert gradgradcheck(lambda t: loss(log_softmax(t, 2)), logits)


def test_both_sweeps_give_the_same():
    x, labels, times, lengths = case(9, 4, 5, 3, seed=4)
    log = Tensor(log_probabilities(x), requires_grad=True)
    for zero_infinity in (False, True):
        loss = np.square(ctc_loss(log, labels, times, lengths, 0, "sum", zero_infinity))
        (plain,), (recorded,) = grad(loss, log), grad(loss, log, create_graph=True)
        np.testing.assert_allclose(plain.data, recorded.data, rtol=1e-11, atol=1e-13)


def test_the_gradient_is_how_often_each_label_is_read():
    x, labels, times, lengths = case(9, 4, 5, 3, seed=3)
    log = Tensor(log_probabilities(x), requires_grad=True)
    ctc_loss(log, labels, times, lengths, reduction="sum").backward()
    shares = -log.grad.sum(axis=2)  # at each time some label is
    np.testing.assert_allclose(shares, np.arange(9)[:, None] < times, atol=1e-12)


def test_a_class_of_probability_0_is_no_trouble_elsewhere():
    p = np.full((4, 1, 3), 0.5)
    p[:, :, 2] = 0
    with np.errstate(divide="ignore"):
        log = Tensor(np.log(p), requires_grad=True)
    for again in (False, True):
        loss = ctc_loss(log, [[1]], [4], [1])
        (g,) = grad(loss, log, create_graph=again)
        assert loss.item() == pytest.approx(-np.log(10 / 16)) and np.isfinite(g.data).all()
    assert ctc_loss(log, [[2]], [4], [1]).item() == inf


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_dtypes_stay_and_keep_their_digits(dtype):
    x, labels, _, lengths = case(60, 3, 5, 8, seed=1)
    log = log_probabilities(x * 3).astype(dtype)
    p, exact = Tensor(log, requires_grad=True), Tensor(log.astype(float), requires_grad=True)
    times = [60, 55, 40]
    loss, expected = (ctc_loss(t, labels, times, lengths) for t in (p, exact))
    loss.backward(), expected.backward()
    eps = float(np.finfo(dtype).eps)
    assert loss.dtype == p.grad.dtype == dtype
    assert loss.item() == pytest.approx(expected.item(), rel=2 * eps)
    np.testing.assert_allclose(p.grad, exact.grad, atol=100 * max(eps, 1e-6))


def test_improbable_sequences_do_not_vanish():
    log = np.tile(np.log([1 - 1e-12, 1e-12]), (3000, 1, 1))
    labels = np.ones((1, 500), int)
    p = Tensor(log, requires_grad=True)
    with np.errstate(all="raise", under="ignore"):
        loss = ctc_loss(p, labels, [3000], [500], reduction="sum")
        loss.backward()
    assert 500 * 12 * np.log(10) * 0.7 < loss.item() < 500 * 12 * np.log(10)
    assert -p.grad[:, 0, 1].sum() == pytest.approx(500, rel=1e-6)


def test_without_a_gradient_only_one_way_is_gone():
    x, labels, times, lengths = case(9, 4, 5, 3, seed=4)
    log = log_probabilities(x)
    expected = ctc_loss(Tensor(log, requires_grad=True), labels, times, lengths).item()
    with no_grad():
        assert ctc_loss(Tensor(log, requires_grad=True), labels, times, lengths).item() == expected
    assert ctc_loss(log, labels, times, lengths).item() == expected


def test_input_is_left_as_it_is():
    x, labels, times, lengths = case(9, 4, 5, 3, seed=4)
    log = log_probabilities(x)
    before = [a.copy() for a in (log, labels, times, lengths)]
    turned = np.ascontiguousarray(log.transpose(1, 0, 2)).transpose(1, 0, 2)  # not contiguous
    p = Tensor(turned, requires_grad=True)
    ctc_loss(p, labels, times, lengths).backward()
    for a, b in zip((log, labels, times, lengths), before):
        np.testing.assert_array_equal(a, b)
    q = Tensor(log, requires_grad=True)
    ctc_loss(q, labels, times, lengths).backward()
    np.testing.assert_array_equal(p.grad, q.grad)


# ---- with a model -----------------------------------------------------------------------------


class Reader(nn.Module):
    """Log probabilities (n, T, C) of rows (n, T, 2)."""

    def __init__(self):
        self.layer = nn.MLP([2, 16, 3])

    def forward(self, x):
        return functional.log_softmax(self.layer(x))


def test_a_trainer_learns_to_read():
    rng = np.random.default_rng(0)
    labels = rng.integers(1, 3, (60, 2))
    x = rng.normal(size=(60, 8, 2)).astype(np.float32) * 0.1
    for place, at in ((0, 1), (1, 5)):
        x[:, at] += np.where(labels[:, place, None] == 1, [2, 0], [0, 2])
    times, lengths = np.full(60, 8), np.full(60, 2)
    model, loss = Reader(), nn.CTCLoss()

    def reading(outputs, target):
        return loss(outputs.transpose((1, 0, 2)), *target)

    trainer = nn.Trainer(model, nn.optim.Adam(model.parameters(), lr=0.02), reading)
    history = trainer.fit(x, (labels, times, lengths), epochs=25, progress=False, batch_size=25)
    assert history["loss"][-1] < 0.2 * history["loss"][0]
    best = model.eval()(x).data.argmax(axis=2)
    assert np.mean([read(row, 0) == tuple(target) for row, target in zip(best, labels)]) > 0.9
    expected = loss(model(x).data.transpose(1, 0, 2), labels, times, lengths).item()
    found = trainer.evaluate(x, (labels, times, lengths))["loss"]
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "times, cause", [(1, "does not fit into its times"), (3, "weights were so")]
)
def test_a_trainer_tells_why_the_loss_of_a_short_input_is_infinite(times, cause):
    model = nn.Sequential(nn.Linear(2, 3), nn.LogSoftmax())
    if times == 3:
        model[0].bias.assign_([np.inf, 0, 0])
    ctc = nn.CTCLoss()

    def loss(outputs, labels):
        return 1 + 2 * ctc(outputs.transpose(1, 0, 2), labels, [times] * 4, [2] * 4)

    trainer = nn.Trainer(model, nn.optim.SGD(model.parameters(), 0.1), loss)
    x, labels = np.ones((4, times, 2)), np.array([[1, 2]] * 4)
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match=cause) as caught:
        trainer.fit(x, labels, batch_size=4, progress=False)
    assert ("zero_infinity=True" in str(caught.value)) == (times == 1)


def test_the_divisor_counts_sequences():
    x, labels, times, lengths = case(9, 6, 5, 3, seed=4)
    log, total = log_probabilities(x), 0.0
    for part in (slice(0, 4), slice(4, 6)):
        batch = log[:, part], labels[part], times[part], lengths[part]
        total += nn.CTCLoss()(*batch).item() * nn.CTCLoss().divisor(*batch)
    everything = log, labels, times, lengths
    assert total / 6 == pytest.approx(nn.CTCLoss()(*everything).item(), rel=1e-12)
    assert nn.CTCLoss(reduction="sum").divisor(*everything) is None
    assert nn.CTCLoss().divisor(*everything, sample_weight=np.full(6, 0.5)) == 3


def test_repr_copies_and_pictures():
    loss = nn.CTCLoss(1, zero_infinity=True)
    assert repr(loss) == "CTCLoss(blank=1, reduction='mean', zero_infinity=True)"
    assert repr(pickle.loads(pickle.dumps(loss))) == repr(copy.deepcopy(loss)) == repr(loss)
    x, labels, times, lengths = case(4, 2, 3, 1)
    p = Tensor(log_probabilities(x), requires_grad=True)
    y = nn.CTCLoss()(p, labels, times, lengths)
    assert "ctc" in {node.operation for node in draw(y, names={"p": p}).nodes}
    assert "ctc" in str(explain(y, p))


# ---- what is refused --------------------------------------------------------------------------

LOG = log_probabilities(random(6, 2, 4))
WRONG = {
    "logits": (lambda: ctc_loss(nn.Linear(4, 4)(LOG) * 9, [[1], [1]], [6, 6], [1, 1]), ValueError,
               r"ctc_loss: the prediction holds .*: these are logits. End .* in LogSoftmax$"),
    "axes": (lambda: ctc_loss(LOG[0, 0], [1], 1, 1), ValueError,
             r"log_probs must have the shape \(T, N, C\), .* got \(4,\)"),
    "input_lengths": (lambda: ctc_loss(LOG, [[1], [1]], [6], [1, 1]), ValueError,
                      r"input_lengths must have the shape \(2,\), .* got \(1,\); .* times first"),
    "too long": (lambda: ctc_loss(LOG, [[1], [1]], [6, 7], [1, 1]), ValueError,
                 r"input_lengths must be from 0 on up to 6, .* got 7 at position 1"),
    "below 0": (lambda: ctc_loss(LOG, [[1], [1]], [6, 6], [1, -1]), ValueError,
                "target_lengths must be from 0 on, got -1 at position 1"),
    "floats": (lambda: ctc_loss(LOG, [[1], [1]], [6.0, 6.0], [1, 1]), TypeError,
               r"input_lengths must be integers, got float64; use input_lengths\.astype"),
    "float targets": (lambda: ctc_loss(LOG, [[1.0], [1.0]], [6, 6], [1, 1]), TypeError,
                      "targets must be integers, got float64"),
    "ragged": (lambda: ctc_loss(LOG, [[1], [1, 2]], [6, 6], [1, 2]), ValueError,
               "targets are lists of unequal lengths; pad them"),
    "too few": (lambda: ctc_loss(LOG, [[1], [1]], [6, 6], [1, 2]), ValueError,
                r"targets of shape \(2, 1\) do not fit 2 sequences of up to 2 labels, 3 together: "
                r"give \(2, 2\), padded, or \(3,\), end to end"),
    "too few end to end": (lambda: ctc_loss(LOG, [1, 2], [6, 6], [1, 2]), ValueError,
                           r"targets of shape \(2,\) do not fit"),
    "range": (lambda: ctc_loss(LOG, [[1], [4]], [6, 6], [1, 1]), ValueError,
              "label 4 of sequence 1 is out of range: with 4 classes labels go from 0 to 3"),
    "negative": (lambda: ctc_loss(LOG, [[1], [-1]], [6, 6], [1, 1]), ValueError, "label -1 of seq"),
    "the blank": (lambda: ctc_loss(LOG, [[1], [0]], [6, 6], [1, 1]), ValueError,
                  "label 0 of sequence 1 is the blank, 0, which stands in no target"),
    "blank": (lambda: ctc_loss(LOG, [[1], [1]], [6, 6], [1, 1], blank=4), ValueError,
              "ctc_loss: blank must be one of the 4 classes, got 4"),
    "blank of the loss": (lambda: nn.CTCLoss(-1), ValueError, "CTCLoss: blank must be >= 0"),
    "reduction": (lambda: nn.CTCLoss(reduction="avg"), ValueError, "CTCLoss: reduction must be"),
    "zero_infinity": (lambda: nn.CTCLoss(zero_infinity=1.5), TypeError, "zero_infinity must be"),
    "data as options": (lambda: nn.CTCLoss(LOG), TypeError, "blank must be a whole number"),
    "text": (lambda: ctc_loss("a", [[1]], [1], [1]), TypeError, "cannot take the log_probs"),
}  # fmt: skip


@pytest.mark.parametrize("call, kind, message", WRONG.values(), ids=WRONG)
def test_what_is_refused(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
