"""BCELoss and BCEWithLogitsLoss: values, derivatives, clamps, extremes, and what they refuse.

Compared with PyTorch in float64 to 1e-10 where it is installed, with finite differences, and with
formulas written out here.
"""

import numpy as np
import pytest

import autograd
import nn
from autograd import Tensor, gradcheck, gradgradcheck
from nn import functional
from tests.compare import REDUCTIONS, assert_equals_pytorch
from tests.makers import random, tensor
from tests.twins import twin

LOSSES = {"BCELoss": [{}], "BCEWithLogitsLoss": [{}]}


def probabilities(*shape, seed=0):
    return np.random.default_rng(seed).uniform(0.05, 0.95, shape)


WEIGHTS = {
    "plain": None,
    "each": probabilities(4, 3, seed=5),
    "columns": np.array([0.5, 2.0, 1.0]),
    "rows": probabilities(4, 1, seed=6),
    "number": np.array(3.0),
}
each_reduction = pytest.mark.parametrize("reduction", REDUCTIONS)
each_weight = pytest.mark.parametrize("weight", WEIGHTS.values(), ids=WEIGHTS)
each_pos_weight = pytest.mark.parametrize("pos_weight", WEIGHTS.values(), ids=WEIGHTS)
each_loss = pytest.mark.parametrize("name", LOSSES)

FUNCTIONS = {
    "BCELoss": functional.binary_cross_entropy,
    "BCEWithLogitsLoss": functional.binary_cross_entropy_with_logits,
}


def theirs(torch, name, **options):
    weights = {k: v if v is None or k == "reduction" else torch.tensor(v)
               for k, v in options.items()}  # fmt: skip
    return twin(torch.nn, name)(**weights)


# ---- values and derivatives -------------------------------------------------------------------


@each_reduction
@each_weight
def test_probabilities_agree_with_pytorch(weight, reduction):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    if weight is not None:
        weight = np.broadcast_to(weight, (4, 3)).copy()
    options = {"weight": weight, "reduction": reduction}
    assert_equals_pytorch(  # PyTorch's second derivative adds 1e-12 to p (1 - p): 1e-8, then
        torch, nn.BCELoss(**options), theirs(torch, "BCELoss", **options),
        [probabilities(4, 3), probabilities(4, 3, seed=1)], rtol=1e-8,
    )  # fmt: skip


@each_reduction
@each_pos_weight
@each_weight
def test_logits_agree_with_pytorch(weight, pos_weight, reduction):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    options = {"weight": weight, "pos_weight": pos_weight, "reduction": reduction}
    assert_equals_pytorch(
        torch, nn.BCEWithLogitsLoss(**options), theirs(torch, "BCEWithLogitsLoss", **options),
        [3 * random(4, 3), probabilities(4, 3, seed=1)],
    )  # fmt: skip


@each_reduction
@each_weight
def test_probabilities_agree_with_finite_differences(weight, reduction):
    loss = nn.BCELoss(weight, reduction)
    inputs = [Tensor(probabilities(4, 3, seed=s), requires_grad=True) for s in (0, 1)]
    assert gradcheck(loss, inputs)
    assert gradgradcheck(loss, inputs)


@each_reduction
@each_pos_weight
def test_logits_agree_with_finite_differences(pos_weight, reduction):
    loss = nn.BCEWithLogitsLoss(WEIGHTS["each"], reduction, pos_weight)
    inputs = [tensor(4, 3), Tensor(probabilities(4, 3, seed=1), requires_grad=True)]
    assert gradcheck(loss, inputs)
    assert gradgradcheck(loss, inputs)


def test_by_hand():
    p = Tensor([0.2, 0.9, 0.5], requires_grad=True)
    loss = nn.BCELoss()(p, [0, 1, 0.5])
    loss.backward()
    np.testing.assert_allclose(loss.item(), -(np.log(0.8) + np.log(0.9) + np.log(0.5)) / 3)
    np.testing.assert_allclose(p.grad, [1 / 0.8 / 3, -1 / 0.9 / 3, 0], atol=1e-16)


@each_reduction
@each_weight
def test_logits_are_probabilities_before_the_sigmoid(weight, reduction):
    x, target = 5 * random(4, 3), np.arange(12).reshape(4, 3) % 2
    expected = nn.BCELoss(weight, reduction)(functional.sigmoid(x), target)
    actual = nn.BCEWithLogitsLoss(weight, reduction)(x, target)
    np.testing.assert_allclose(actual.data, expected.data, rtol=1e-12)


def test_pos_weight_counts_ones_several_times():
    x = random(4)
    actual = nn.BCEWithLogitsLoss(reduction="sum", pos_weight=3)(x, [1, 0, 1, 0]).item()
    repeated = np.concatenate([x, x[[0, 2]], x[[0, 2]]])
    expected = nn.BCEWithLogitsLoss(reduction="sum")(repeated, [1, 0, 1, 0, 1, 1, 1, 1]).item()
    assert actual == pytest.approx(expected, rel=1e-14)


@each_loss
def test_the_weighted_mean_divides_by_the_number(name):
    p, target, weight = probabilities(4), [0, 1, 1, 0], np.array([1.0, 5.0, 2.0, 0.0])
    each = FUNCTIONS[name](p, target, reduction="none").data
    mean = FUNCTIONS[name](p, target, weight).item()
    assert mean == pytest.approx((each * weight).sum() / 4, rel=1e-14)


@each_loss
def test_of_nothing(name):
    for weight in (None, np.ones((1, 2))):
        empty = Tensor(np.zeros((0, 2)), requires_grad=True)
        loss = getattr(nn, name)
        assert np.isnan(loss(weight)(empty, np.zeros((0, 2))).item())
        assert loss(weight, "sum")(empty, np.zeros((0, 2))).item() == 0
        assert loss(weight, "none")(empty, np.zeros((0, 2))).shape == (0, 2)


# ---- clamps and extremes ----------------------------------------------------------------------


def test_logs_of_probabilities_are_clamped_but_still_have_pytorchs_slope():
    p = Tensor([0.0, 0.0, 1.0, 1.0, 1e-50], requires_grad=True)
    target = Tensor([0.0, 1.0, 0.0, 1.0, 1.0], requires_grad=True)
    with np.errstate(all="raise"):
        losses = functional.binary_cross_entropy(p, target, reduction="none")
        losses.sum().backward()
    assert losses.tolist() == [0, 100, 100, 0, 100]
    assert p.grad.tolist() == [0, -1e12, 1e12, 0, -1e12]
    assert target.grad.tolist() == [100, 100, -100, -100, 100]  # PyTorch: ±inf, and 115


def test_clamped_slopes_against_pytorch():
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    p, target = [0.0, 0.0, 1.0, 1.0, 0.5, 1e-50, 1e-14, 1e-5], [0.0, 1.0, 0.0, 1.0, 0.3, 1, 1, 1]
    a, b = Tensor(p, requires_grad=True), torch.tensor(p, dtype=torch.float64, requires_grad=True)
    functional.binary_cross_entropy(a, target).backward()
    theirs = torch.nn.functional.binary_cross_entropy(b, torch.tensor(target, dtype=b.dtype))
    theirs.backward()
    np.testing.assert_allclose(a.grad, b.grad.numpy(), rtol=1e-8)


def test_second_derivatives_at_the_clamps_are_finite():
    p = Tensor([0.0, 0.0, 1.0, 1.0], requires_grad=True)
    target = Tensor([0.0, 1.0, 0.0, 1.0], requires_grad=True)
    loss = functional.binary_cross_entropy(p, target, reduction="sum")
    first = autograd.grad(loss, (p, target), create_graph=True)
    by_p = autograd.grad(first[0].sum(), (p, target))
    by_target = autograd.grad(first[1].sum(), (p,))
    assert all(np.all(np.isfinite(g.data)) for g in (*first, *by_p, *by_target))
    np.testing.assert_allclose(by_p[1].data, by_target[0].data, rtol=1e-11)  # in either order


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_probabilities_in_every_precision(dtype):
    p = Tensor(np.array([0, 1, 0.5, 0, 1], dtype), requires_grad=True)
    with np.errstate(all="raise", under="ignore"):
        loss = functional.binary_cross_entropy(p, np.array([1, 0, 1, 0, 1]))
        loss.backward()
    assert loss.dtype == p.grad.dtype == dtype
    assert np.all(np.isfinite(p.grad)) and p.grad[0] < -1000 and p.grad[1] > 1000
    assert p.grad[3] == p.grad[4] == 0


EXTREMES = {"plain": None, "pos_weight": 2.5}


@pytest.mark.parametrize("pos_weight", EXTREMES.values(), ids=EXTREMES)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_large_logits_are_finite_and_silent(dtype, pos_weight):
    logits = np.repeat(np.array([-1000, -30, 0, 30, 1000], dtype), 3)
    x = Tensor(logits, requires_grad=True)
    target = Tensor(np.tile(np.array([0, 0.25, 1], dtype), 5), requires_grad=True)
    with np.errstate(all="raise", under="ignore"):
        loss = nn.BCEWithLogitsLoss(pos_weight=pos_weight)(x, target)
        plain = autograd.grad(loss, (x, target))
        first = autograd.grad(loss, (x, target), create_graph=True)
        second = autograd.grad(first[0].sum(), (x, target))
    assert all(np.all(np.isfinite(t.data)) for t in (loss, *plain, *first, *second))
    assert all(t.dtype == dtype for t in (loss, *plain, *first, *second))


@pytest.mark.parametrize("pos_weight", EXTREMES.values(), ids=EXTREMES)
def test_small_losses_keep_their_digits(pos_weight):
    x, target = np.array([-700.0, -30.0, 30.0, 700.0]), [0, 0, 1, 1]
    losses = nn.BCEWithLogitsLoss(reduction="none", pos_weight=pos_weight)(x, target)
    weights = np.array([1, 1, pos_weight or 1, pos_weight or 1])
    np.testing.assert_allclose(losses.data, weights * np.exp(-np.abs(x)), rtol=1e-12)


def test_many_large_losses_in_half_a_precision():
    x = np.full(90_000, 100, np.float16)
    assert nn.BCEWithLogitsLoss()(x, np.zeros(90_000)).item() == 100
    assert nn.BCELoss()(np.ones(90_000, np.float16), np.zeros(90_000)).item() == 100


def test_nan_logits_give_nan():
    assert np.isnan(nn.BCEWithLogitsLoss()([np.nan, 1.0], [0, 1]).item())


# ---- dtypes and kinds -------------------------------------------------------------------------

TARGETS = {
    "float64": np.array([0.0, 1.0]),
    "integers": np.array([0, 1]),
    "unsigned": np.array([0, 1], np.uint8),
    "booleans": np.array([False, True]),
    "list": [0, 1],
    "Tensor": Tensor([0, 1]),
}


@each_loss
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_predictions_dtype_stays(name, target, dtype):
    x = Tensor(np.array([0.25, 0.5], dtype), requires_grad=True)
    loss = getattr(nn, name)(weight=np.array([1.0, 2.0]))(x, target)
    (first,) = autograd.grad(loss, x, create_graph=True)
    (second,) = autograd.grad(first.sum(), x)
    assert loss.dtype == first.dtype == second.dtype == dtype
    expected = FUNCTIONS[name]([0.25, 0.5], [0, 1], [1, 2]).item()
    assert loss.item() == pytest.approx(expected, rel=4 * float(np.finfo(dtype).eps))


# ---- what is refused --------------------------------------------------------------------------

OUTSIDE = {
    "a logit": ([0.5, 1.5], [0, 1], r"the prediction 1\.5 at position 1 .*apply a sigmoid first"),
    "negative": ([-0.5, 1.0], [0, 1], r"the prediction -0\.5 at position 0 is not in \[0, 1\]"),
    "in a matrix": ([[0.5, 0.5], [0.5, 2.0]], [[0, 1], [0, 1]], r".* 2\.0 at position \(1, 1\)"),
    "a number": (1.5, 1, r"the prediction 1\.5 is not in"),
    "nan": ([np.nan, 0.5], [0, 1], r"the prediction nan at position 0 .*look for it in the data"),
}
OUTSIDE_TARGETS = {
    "labels from 1": ([1, 2], r"the target 2\.0 at position 1 .*the two classes are 0 and 1"),
    "signs": ([-1, 1], r"the target -1\.0 at position 0 is not in \[0, 1\]"),
    "nan": ([0.0, np.nan], r"the target nan at position 1 .*look for it in the data"),
}


@pytest.mark.parametrize("p, target, message", OUTSIDE.values(), ids=OUTSIDE)
def test_what_is_no_probability_is_refused(p, target, message):
    with pytest.raises(ValueError, match="binary_cross_entropy: " + message):
        nn.BCELoss()(p, target)


@each_loss
@pytest.mark.parametrize("target, message", OUTSIDE_TARGETS.values(), ids=OUTSIDE_TARGETS)
def test_targets_outside_of_0_to_1_are_refused(name, target, message):
    x = Tensor([0.5, 0.5], requires_grad=True)
    with pytest.raises(ValueError, match=f"{FUNCTIONS[name].__name__}: {message}"):
        getattr(nn, name)()(x, target)
    assert x.grad is None


WRONG = {
    "shapes": ([[1.0], [0.0]], ValueError, r"shape \(2,\), the target \(2, 1\).*target\.reshape"),
    "too few": ([1.0], ValueError, r"shape \(2,\), the target \(1,\)"),
    "text": (["a", "b"], TypeError, r"cannot take the target: .*text"),
    "nothing": (None, TypeError, r"cannot take the target"),
}


@each_loss
@pytest.mark.parametrize("target, kind, message", WRONG.values(), ids=WRONG)
def test_targets_of_the_wrong_kind_or_shape_raise(name, target, kind, message):
    with pytest.raises(kind, match=f"{FUNCTIONS[name].__name__}: .*{message}"):
        getattr(nn, name)()([0.5, 0.5], target)


X = [[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]]
Y = np.zeros((3, 2))
SETTINGS = {
    "reduction": (lambda: nn.BCELoss(reduction="avg"), ValueError, r"BCELoss: .*got 'avg'"),
    "reduction of logits": (
        lambda: functional.binary_cross_entropy_with_logits(X, Y, reduction="avg"),
        ValueError, r"binary_cross_entropy_with_logits: reduction",
    ),
    "weight": (
        lambda: nn.BCELoss(weight=[1.0, 2.0, 3.0])(X, Y), ValueError,
        r"binary_cross_entropy: weight of shape \(3,\) does not broadcast .*\(3, 2\)",
    ),
    "a weight that would broadcast the loss": (
        lambda: nn.BCEWithLogitsLoss(np.ones((4, 3, 2)))(X, Y), ValueError, r"weight of shape \(4",
    ),
    "pos_weight": (
        lambda: nn.BCEWithLogitsLoss(pos_weight=np.ones(3))(X, Y), ValueError,
        r"pos_weight of shape \(3,\) does not broadcast",
    ),
    "weight of text": (lambda: nn.BCELoss(["a"]), TypeError, r"BCELoss: cannot take the weight"),
    "weight to train": (
        lambda: nn.BCEWithLogitsLoss(pos_weight=tensor(2)), TypeError, r"pos_weight is a constant",
    ),
}  # fmt: skip


@pytest.mark.parametrize("make, kind, message", SETTINGS.values(), ids=SETTINGS)
def test_wrong_settings_raise(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


def test_weights_are_buffers_and_shown():
    loss = nn.BCEWithLogitsLoss(weight=[1.0, 2.0], pos_weight=3)
    assert {k: v.tolist() for k, v in loss.state_dict().items()} == {
        "weight": [1, 2], "pos_weight": 3,
    }  # fmt: skip
    assert repr(loss) == (
        "BCEWithLogitsLoss(weight=<shape (2,)>, reduction='mean', pos_weight=<shape ()>)"
    )
    assert repr(nn.BCELoss()) == "BCELoss(weight=None, reduction='mean')"
    loss.load_state_dict({"weight": [4.0, 4.0], "pos_weight": 1.0})
    assert loss([0.0, 0.0], [0, 1]).item() == pytest.approx(4 * np.log(2))
