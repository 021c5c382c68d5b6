"""Losses of margins: values, derivatives, kinks, what their means divide by, and what they refuse.

Compared with PyTorch in float64 to 1e-10 where it is installed, with finite differences, and with
formulas written out here.
"""

import copy
import inspect
import pickle

import numpy as np
import pytest

import nn
from autograd import Tensor, draw, explain, grad, gradcheck, gradgradcheck
from nn import functional
from tests.compare import REDUCTIONS, assert_equals_pytorch
from tests.makers import random, tensor
from tests.twins import twin

# For each Module its function, its options, and how many of its arguments have a gradient.
LOSSES = {
    "HingeEmbeddingLoss": [{}, {"margin": 0.25}, {"margin": -1.0}],
    "MarginRankingLoss": [{}, {"margin": 0.5}],
    "CosineEmbeddingLoss": [{}, {"margin": 0.3}, {"margin": -0.5}],
    "TripletMarginLoss": [
        {},
        {"margin": 0.5, "p": 1.0},
        {"p": 3.0, "eps": 1e-3},
        {"swap": True},
        {"p": np.inf, "swap": True},
    ],
}
FUNCTIONS = {
    "HingeEmbeddingLoss": (functional.hinge_embedding_loss, 1),
    "MarginRankingLoss": (functional.margin_ranking_loss, 2),
    "CosineEmbeddingLoss": (functional.cosine_embedding_loss, 2),
    "TripletMarginLoss": (functional.triplet_margin_loss, 3),
}
VARIANTS = {
    name + "".join(f" {key}={value}" for key, value in options.items()): (name, options)
    for name, several in LOSSES.items()
    for options in several
}
each_variant = pytest.mark.parametrize("name, options", VARIANTS.values(), ids=VARIANTS)
each_loss = pytest.mark.parametrize("name", LOSSES)
each_reduction = pytest.mark.parametrize("reduction", REDUCTIONS)
OF_VECTORS = ("CosineEmbeddingLoss", "TripletMarginLoss")


def loss_of(name, options, reduction="mean"):
    return getattr(nn, name)(**options, reduction=reduction)


def signs(*shape):
    return np.where(np.arange(np.prod(shape, dtype=int)).reshape(shape) % 3 == 0, 1.0, -1.0)


def arguments_of(name, shape, dtype=float):
    """Arrays with a gradient, and those without."""
    arrays = [np.asarray(random(*shape, seed=seed), dtype) for seed in range(FUNCTIONS[name][1])]
    if name == "TripletMarginLoss":
        return arrays, []
    return arrays, [signs(*(shape[:-1] if name in OF_VECTORS else shape)).astype(dtype)]


# ---- values and derivatives -------------------------------------------------------------------


@each_reduction
@each_variant
@pytest.mark.parametrize("shape", [(4,), (5, 3), (1, 1)], ids=str)
def test_agrees_with_pytorch(name, options, shape, reduction):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    arrays, constants = arguments_of(name, shape)
    theirs = twin(torch.nn, name)(**options, reduction=reduction)
    assert_equals_pytorch(torch, loss_of(name, options, reduction), theirs, arrays, constants)


@each_reduction
@each_variant
def test_agrees_with_finite_differences(name, options, reduction):
    loss = loss_of(name, options, reduction)
    arrays, constants = arguments_of(name, (4, 3))
    inputs = [Tensor(a, requires_grad=True) for a in arrays]
    assert gradcheck(lambda *x: loss(*x, *constants), inputs)
    assert gradgradcheck(lambda *x: np.square(loss(*x, *constants)), inputs)


def test_hinges_by_hand():
    x = Tensor([0.5, 0.5, 1.0, 3.0], requires_grad=True)
    losses = functional.hinge_embedding_loss(x, [1, -1, -1, -1], reduction="none")
    losses.sum().backward()
    assert losses.tolist() == [0.5, 0.5, 0, 0] and x.grad.tolist() == [1, -1, -1, 0]
    a, b = Tensor([1.0, 1.0, 2.0], requires_grad=True), Tensor([1.0, 3.0, 1.0], requires_grad=True)
    losses = functional.margin_ranking_loss(a, b, [1, 1, -1], margin=0.5, reduction="none")
    losses.sum().backward()
    assert losses.tolist() == [0.5, 2.5, 1.5]
    assert a.grad.tolist() == [-1, -1, 1] and b.grad.tolist() == [1, 1, -1]


def test_kinks_are_pytorchs():
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    cases = [
        ("hinge_embedding_loss", [[1.0, 1.0]], [-1.0, 1.0], {}),
        ("margin_ranking_loss", [[1.0, 2.0], [1.0, 1.5]], [1.0, -1.0], {}),
        ("margin_ranking_loss", [[1.5, 1.0], [1.0, 1.5]], [1.0, -1.0], {"margin": 0.5}),
        ("cosine_embedding_loss", [[[1.0, 0.0]], [[0.0, 1.0]]], [-1.0], {}),
        ("triplet_margin_loss", [[[0.0]], [[1.0]], [[2.0]]], None, {"eps": 0.0}),
        ("triplet_margin_loss", [[[0.0]], [[1.0]], [[1.0]]], None, {"eps": 0.0, "swap": True}),
    ]
    for name, arrays, target, options in cases:
        ours = [Tensor(a, requires_grad=True) for a in arrays]
        theirs = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in arrays]
        more = [] if target is None else [np.array(target)]
        a = getattr(functional, name)(*ours, *more, **options)
        b = getattr(torch.nn.functional, name)(*theirs, *map(torch.tensor, more), **options)
        assert a.item() == pytest.approx(b.item(), abs=1e-12)
        for mine, reference in zip(grad(a, ours), torch.autograd.grad(b, theirs)):
            np.testing.assert_allclose(mine.data, reference, rtol=1e-12, atol=1e-12)


def test_triplets_by_hand():
    anchor, positive, negative = [[0.0, 0.0]] * 2, [[3.0, 4.0]] * 2, [[0.0, 2.0], [0.0, 9.0]]
    losses = functional.triplet_margin_loss(anchor, positive, negative, eps=0.0, reduction="none")
    assert losses.tolist() == [4, 0]
    swapped = functional.triplet_margin_loss(
        [[0.0]], [[1.0]], [[1.5]], margin=2.0, eps=0.0, swap=True
    )
    assert swapped.item() == 2.5  # the positive is nearer to the negative: 2 + 1 - 0.5


def test_angles_of_long_and_of_short_vectors():
    x = np.array([[1e30, 1e30], [1e-30, 0]], np.float32)
    losses = functional.cosine_embedding_loss(x * 1e-15, x[::-1] * 0 + 1, [1, 1], reduction="none")
    np.testing.assert_allclose(losses.data, [0, 1], atol=1e-6)


# ---- what means divide by -----------------------------------------------------------------------


@each_variant
def test_of_nothing(name, options):
    arrays, constants = arguments_of(name, (0, 2))
    assert np.isnan(loss_of(name, options)(*arrays, *constants).item())
    assert loss_of(name, options, "sum")(*arrays, *constants).item() == 0
    rows = (0,) if name in OF_VECTORS else (0, 2)
    assert loss_of(name, options, "none")(*arrays, *constants).shape == rows


@each_variant
def test_the_divisor_makes_means_add_up(name, options):
    loss, whole = loss_of(name, options), loss_of(name, options, "sum")
    arrays, constants = arguments_of(name, (6, 3))
    everything = [*arrays, *constants]
    total = 0.0
    for part in (slice(0, 4), slice(4, 6)):
        batch = [a[part] for a in everything]
        total += loss(*batch).item() * loss.divisor(*batch)
    assert total == pytest.approx(whole(*everything).item(), rel=1e-12)
    assert whole.divisor(*everything) is None
    assert FUNCTIONS[name][0].divisor(*everything) == loss.divisor(*everything)
    weights = np.array([1.0, 2.0, 0.0, 1.0, 3.0, 1.0])
    doubled = np.repeat(np.arange(6), weights.astype(int))
    more = [a[doubled] for a in everything]
    assert loss.divisor(*everything, sample_weight=weights) == pytest.approx(loss.divisor(*more))


def test_a_trainer_takes_distances_of_pairs():
    x = random(48, 2).astype(np.float32)
    target = np.where(x[:, 0] > 0, 1, -1)
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1), nn.Softplus(), nn.Flatten(0))
    loss = nn.HingeEmbeddingLoss()
    trainer = nn.Trainer(model, nn.optim.Adam(model.parameters(), lr=0.03), loss)
    history = trainer.fit(x, target, epochs=30, progress=False, batch_size=20)
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    expected = loss(model.eval()(x), target).item()
    assert trainer.evaluate(x, target)["loss"] == pytest.approx(expected, rel=1e-5)


class Embedded(nn.Module):
    """Three inputs through one layer."""

    def __init__(self):
        self.layer = nn.Linear(3, 2)

    def forward(self, anchor, positive, negative):
        return self.layer(anchor), self.layer(positive), self.layer(negative)


def test_a_trainer_takes_triplets():
    rng = np.random.default_rng(0)
    anchor = rng.normal(size=(40, 3)).astype(np.float32)
    positive = anchor + np.float32([0, 0, 1]) * rng.normal(size=(40, 1)).astype(np.float32)
    negative = rng.normal(size=(40, 3)).astype(np.float32)
    model, loss = Embedded(), nn.TripletMarginLoss()
    trainer = nn.Trainer(
        model, nn.optim.Adam(model.parameters(), lr=0.02), lambda outputs, target: loss(*outputs)
    )
    inputs, nothing = (anchor, positive, negative), np.zeros(40)
    history = trainer.fit(inputs, nothing, epochs=40, progress=False, batch_size=16)
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    expected = loss(*model.eval()(*inputs)).item()
    assert trainer.evaluate(inputs, nothing)["loss"] == pytest.approx(expected, rel=1e-5)


# ---- dtypes and kinds -------------------------------------------------------------------------


@each_variant
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_dtypes_stay(name, options, dtype):
    arrays, constants = arguments_of(name, (5, 3), dtype)
    inputs = [Tensor(a, requires_grad=True) for a in arrays]
    loss = loss_of(name, options)(*inputs, *constants)
    first = grad(np.square(loss), inputs, create_graph=True)
    second = grad(sum(np.square(g).sum() for g in first), inputs)
    assert {t.dtype for t in (loss, *first, *second)} == {np.dtype(dtype)}
    exact = loss_of(name, options)(*[a.astype(float) for a in arrays], *constants).item()
    assert loss.item() == pytest.approx(exact, rel=8 * float(np.finfo(dtype).eps))


@each_loss
def test_large_numbers_in_half_a_precision(name):
    arrays, constants = arguments_of(name, (5, 3))
    inputs = [Tensor((a * 900).astype(np.float16), requires_grad=True) for a in arrays]
    with np.errstate(all="raise", under="ignore"):
        loss = loss_of(name, {})(*inputs, *constants)
        loss.backward()
    exact = loss_of(name, {})(*[t.data.astype(float) for t in inputs], *constants).item()
    assert loss.item() == pytest.approx(exact, rel=4e-3)
    assert all(np.isfinite(t.grad).all() for t in inputs)


def test_lists_integers_and_views():
    assert nn.HingeEmbeddingLoss()([1, 2], [1, -1]).item() == 0.5
    assert nn.MarginRankingLoss()(np.array([2, 2], np.uint8), [1, 3], Tensor([1, 1])).item() == 0.5
    a, b = random(8, 6)[::2, ::2], random(8, 6, seed=1)[::2, ::2]
    for loss, more in ((nn.TripletMarginLoss(), [a[::-1]]), (nn.CosineEmbeddingLoss(), [signs(4)])):
        plain = loss(a.copy(), b.copy(), *[m.copy() for m in more]).item()
        assert loss(a, b, *more).item() == plain


def test_nan_is_not_hidden():
    assert np.isnan(nn.HingeEmbeddingLoss()([np.nan], [-1]).item())
    assert np.isnan(nn.MarginRankingLoss()([np.nan], [1.0], [1]).item())
    assert np.isnan(nn.TripletMarginLoss()([[np.nan]], [[1.0]], [[1.0]]).item())
    assert np.isnan(nn.CosineEmbeddingLoss()([[np.nan]], [[1.0]], [-1]).item())


# ---- what is refused --------------------------------------------------------------------------

ONES = np.ones((2, 3))
WRONG = {
    "shapes": (lambda: nn.TripletMarginLoss()(ONES, ONES[:1], ONES), ValueError,
               r"triplet_margin_loss: all inputs must have the same shape, got anchor \(2, 3\), "
               r"positive \(1, 3\), negative \(2, 3\)"),
    "shapes of pairs": (lambda: nn.CosineEmbeddingLoss()(ONES, ONES[0], [1, 1]), ValueError,
                        r"got x1 \(2, 3\), x2 \(3,\)"),
    "shapes to rank": (lambda: nn.MarginRankingLoss()([1.0], [1.0, 2.0], [1]), ValueError,
                       r"margin_ranking_loss: all inputs .* x1 \(1,\), x2 \(2,\)"),
    "numbers": (lambda: nn.TripletMarginLoss()(1.0, 2.0, 3.0), ValueError, "vectors along the"),
    "numbers for angles": (lambda: nn.CosineEmbeddingLoss()(1.0, 2.0, 1), ValueError, "vectors"),
    "targets": (lambda: nn.CosineEmbeddingLoss()(ONES, ONES, [1]), ValueError,
                r"the target must have shape \(2,\), got \(1,\); give a 1 or a -1 for each"),
    "a column": (lambda: nn.CosineEmbeddingLoss()(ONES, ONES, [[1], [1]]), ValueError,
                 r"got \(2, 1\); reshape the target: target\.reshape\(-1\)"),
    "none": (lambda: nn.MarginRankingLoss()([1.0], [1.0], None), ValueError, "got None"),
    "zeros": (lambda: nn.HingeEmbeddingLoss()([1.0, 1.0], [1, 0]), ValueError,
              r"hinge_embedding_loss: the target 0 at position 1 is neither 1 nor -1; of labels 0 "
              r"and 1 make them: 2 \* labels - 1"),
    "two": (lambda: nn.MarginRankingLoss()([1.0], [1.0], [2]), ValueError,
            "target 2 at position 0 is neither 1 nor -1$"),
    "not broadcast": (lambda: nn.HingeEmbeddingLoss()(np.ones((2, 1)), [1, 1]), ValueError,
                      r"prediction has shape \(2, 1\), the target \(2,\)"),
    "trained target": (lambda: nn.HingeEmbeddingLoss()([1.0], tensor(1)), TypeError,
                       "target is a constant, without a gradient"),
    "text": (lambda: nn.TripletMarginLoss()(["a"], ONES, ONES), TypeError,
             "triplet_margin_loss: cannot take the anchor: .*text"),
    "margin": (lambda: nn.TripletMarginLoss(margin=0), ValueError,
               "TripletMarginLoss: margin must be above 0, got 0"),
    "margin of the function": (lambda: functional.triplet_margin_loss(ONES, ONES, ONES, -1),
                               ValueError, "triplet_margin_loss: margin must be above 0"),
    "margin of angles": (lambda: nn.CosineEmbeddingLoss(1.5), ValueError,
                         "CosineEmbeddingLoss: margin must be <= 1, got 1.5"),
    "margin text": (lambda: nn.HingeEmbeddingLoss("1"), TypeError, "margin must be a number"),
    "swap": (lambda: nn.TripletMarginLoss(swap="yes"), TypeError, "swap must be True or False"),
    "reduction": (lambda: nn.MarginRankingLoss(reduction="avg"), ValueError,
                  "MarginRankingLoss: reduction must be one of .*'avg'"),
    "reduction later": (lambda: functional.cosine_embedding_loss(ONES, ONES, [1, 1], 0, "avg"),
                        ValueError, "cosine_embedding_loss: reduction"),
    "data as options": (lambda: nn.MarginRankingLoss([1.0], [1.0]), TypeError, "must be a number"),
}  # fmt: skip


@pytest.mark.parametrize("call, kind, message", WRONG.values(), ids=WRONG)
def test_what_is_refused(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_repr_copies_and_pictures():
    assert repr(nn.TripletMarginLoss(swap=True)) == (
        "TripletMarginLoss(margin=1.0, p=2.0, eps=1e-06, swap=True, reduction='mean')"
    )
    assert repr(nn.HingeEmbeddingLoss(2)) == "HingeEmbeddingLoss(margin=2.0, reduction='mean')"
    for name in LOSSES:
        loss = getattr(nn, name)()
        assert repr(pickle.loads(pickle.dumps(loss))) == repr(copy.deepcopy(loss)) == repr(loss)
        arrays, constants = arguments_of(name, (2, 2))
        x = Tensor(arrays[0], requires_grad=True)
        y = loss(x, *arrays[1:], *constants)
        assert "hinge" in {node.operation for node in draw(y, names={"x": x}).nodes}
        assert "∂L/∂x = " in str(explain(y, x))


@pytest.mark.parametrize("name", [n for n in nn.losses.__all__ if n.endswith("Loss")])
def test_a_loss_takes_its_arguments_by_the_names_of_its_function(name):
    kind = getattr(nn, name)
    given, wanted = (
        [p.name for p in inspect.signature(f).parameters.values() if p.default is p.empty]
        for f in (kind().forward, kind._function)
    )
    generic = {"logits": "prediction", "log_probabilities": "prediction", "labels": "target"}
    assert given == [generic.get(what, what) for what in wanted]
