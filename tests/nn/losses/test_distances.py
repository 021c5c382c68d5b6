"""MSELoss, L1Loss, HuberLoss and SmoothL1Loss: values, derivatives, joints, and what they refuse.

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

LOSSES = {
    "MSELoss": [{}],
    "L1Loss": [{}],
    "HuberLoss": [{}, {"delta": 0.5}, {"delta": 3.0}],
    "SmoothL1Loss": [{}, {"beta": 0.5}, {"beta": 3.0}, {"beta": 0.0}],
}
VARIANTS = {
    name + "".join(f" {key}={value}" for key, value in options.items()): (name, options)
    for name, several in LOSSES.items()
    for options in several
}
FUNCTIONS = {name: getattr(nn, name)._function for name in LOSSES}

each_variant = pytest.mark.parametrize("name, options", VARIANTS.values(), ids=VARIANTS)
each_loss = pytest.mark.parametrize("name", LOSSES)
each_reduction = pytest.mark.parametrize("reduction", REDUCTIONS)


def loss_of(name, options, reduction="mean"):
    return getattr(nn, name)(**options, reduction=reduction)


# ---- values and derivatives -------------------------------------------------------------------


@each_reduction
@each_variant
@pytest.mark.parametrize("shape", [(), (3,), (4, 2)], ids=str)
def test_agrees_with_pytorch(name, options, shape, reduction):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    arrays = [np.asarray(random(*shape, seed=seed)) for seed in (0, 1)]
    theirs = twin(torch.nn, name)(**options, reduction=reduction)
    assert_equals_pytorch(torch, loss_of(name, options, reduction), theirs, arrays)


@each_reduction
@each_variant
def test_agrees_with_finite_differences(name, options, reduction):
    loss = loss_of(name, options, reduction)
    inputs = [tensor(3, 2), tensor(3, 2, seed=1)]
    assert gradcheck(loss, inputs)
    assert gradgradcheck(lambda p, t: np.square(loss(p, t)), inputs)  # L1's own has no slope


DIFFERENCES = np.array([-5.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 5.0])
BY_HAND = {  # the losses of those differences, and their slopes
    "mse": (functional.mse_loss, {}, DIFFERENCES**2, 2 * DIFFERENCES),
    "l1": (functional.l1_loss, {}, np.abs(DIFFERENCES), np.sign(DIFFERENCES)),
    "huber": (
        functional.huber_loss, {},
        [4.5, 1.5, 0.5, 0.125, 0, 0.125, 0.5, 1.5, 4.5], np.clip(DIFFERENCES, -1, 1),
    ),
    "huber, delta 2": (
        functional.huber_loss, {"delta": 2.0},
        [8, 2, 0.5, 0.125, 0, 0.125, 0.5, 2, 8], np.clip(DIFFERENCES, -2, 2),
    ),
    "smooth l1": (
        functional.smooth_l1_loss, {},
        [4.5, 1.5, 0.5, 0.125, 0, 0.125, 0.5, 1.5, 4.5], np.clip(DIFFERENCES, -1, 1),
    ),
    "smooth l1, beta 2": (
        functional.smooth_l1_loss, {"beta": 2.0},
        [4, 1, 0.25, 0.0625, 0, 0.0625, 0.25, 1, 4], np.clip(DIFFERENCES, -2, 2) / 2,
    ),
    "smooth l1, beta 0": (
        functional.smooth_l1_loss, {"beta": 0}, np.abs(DIFFERENCES), np.sign(DIFFERENCES),
    ),
}  # fmt: skip


@pytest.mark.parametrize("function, options, values, slopes", BY_HAND.values(), ids=BY_HAND)
def test_by_hand(function, options, values, slopes):
    x = Tensor(DIFFERENCES + 3, requires_grad=True)
    target = Tensor(np.full(9, 3.0), requires_grad=True)
    losses = function(x, target, reduction="none", **options)
    losses.backward(np.ones(9))
    assert losses.tolist() == list(values)
    assert x.grad.tolist() == list(slopes)
    np.testing.assert_array_equal(target.grad, -x.grad)
    assert function(x, target, "sum", **options).item() == np.sum(values)
    assert function(x, target, **options).item() == pytest.approx(np.mean(values), rel=1e-15)


@pytest.mark.parametrize("delta", [1.0, 2.0])
def test_the_joint_of_huber_at_second_order_is_pytorchs(delta):
    x = Tensor(delta * np.array([-1.0, 0.0, 0.5, 1.0]), requires_grad=True)
    loss = functional.huber_loss(x, np.zeros(4), "sum", delta)
    (first,) = autograd.grad(loss, x, create_graph=True)
    (second,) = autograd.grad(first.sum(), x)
    assert second.tolist() == [0, 1, 1, 0]


@each_variant
def test_of_nothing(name, options):
    empty = Tensor(np.zeros((0, 2)), requires_grad=True)
    target = np.zeros((0, 2))
    assert np.isnan(loss_of(name, options)(empty, target).item())
    assert loss_of(name, options, "sum")(empty, target).item() == 0
    assert loss_of(name, options, "none")(empty, target).shape == (0, 2)


@each_variant
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_many_large_differences_are_finite_and_silent(name, options, dtype):
    x = Tensor(np.tile(np.array([-100, 0, 100], dtype), 30_000), requires_grad=True)
    with np.errstate(all="raise", under="ignore"):
        loss = loss_of(name, options)(x, np.zeros(90_000))
        loss.backward()
    expected = loss_of(name, options)([-100.0, 0.0, 100.0], np.zeros(3)).item()
    assert loss.item() == pytest.approx(expected, rel=4 * float(np.finfo(dtype).eps))
    assert np.all(np.isfinite(x.grad)) and x.grad[2] > 0


@each_variant
def test_nan_is_not_hidden(name, options):
    loss = loss_of(name, options, "none")([np.nan, 1.0, 1.0], [0.0, np.nan, 0.0])
    assert np.isnan(loss.data).tolist() == [True, True, False]


# ---- dtypes and kinds -------------------------------------------------------------------------

TARGETS = {
    "float64": np.array([0.0, 1.0]),
    "integers": np.array([0, 1]),
    "booleans": np.array([False, True]),
    "list": [0, 1],
    "Tensor": Tensor([0.0, 1.0]),
}


@each_variant
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_the_predictions_dtype_stays(name, options, target, dtype):
    x = Tensor(np.array([0.25, 3.0], dtype), requires_grad=True)
    loss = loss_of(name, options)(x, target)
    (first,) = autograd.grad(np.square(loss), x, create_graph=True)
    (second,) = autograd.grad(first.sum(), x)
    assert loss.dtype == first.dtype == second.dtype == dtype
    expected = loss_of(name, options)([0.25, 3.0], [0.0, 1.0]).item()
    assert loss.item() == pytest.approx(expected, rel=4 * float(np.finfo(dtype).eps))


def test_integer_predictions_become_float64():
    loss = nn.L1Loss()(np.array([1, 200], np.uint8), np.array([2, 100], np.uint8))
    assert loss.item() == 50.5 and loss.dtype == np.float64


# ---- what is refused --------------------------------------------------------------------------

MISFITS = {
    "column and row": ((4, 1), (4,), r"\(4, 1\), the target \(4,\).*target\.reshape\(-1, 1\)"),
    "row and column": ((4,), (4, 1), r"\(4,\), the target \(4, 1\).*target\.reshape\(-1\)"),
    "too few": ((4,), (3,), r"\(4,\), the target \(3,\).*one target for each element"),
    "broadcastable": ((4, 2), (2,), r"\(4, 2\), the target \(2,\)"),
    "number": ((4,), (), r"\(4,\), the target \(\)"),
}


@each_loss
@pytest.mark.parametrize("shape, target, message", MISFITS.values(), ids=MISFITS)
def test_never_broadcasts(name, shape, target, message):
    x = tensor(*shape)
    message = f"{FUNCTIONS[name].__name__}: the prediction has shape " + message
    with pytest.raises(ValueError, match=message):
        getattr(nn, name)()(x, np.zeros(target))
    assert x.grad is None
    getattr(nn, name)()(x, np.zeros(shape)).backward()
    assert x.grad.shape == shape


WRONG = {
    "text": (["a", "b"], TypeError, "cannot take the target: .*text"),
    "nothing": (None, TypeError, "cannot take the target"),
    "ragged": ([1.0, [2.0]], ValueError, "cannot take the target: .*unequal lengths"),
    "complex": ([1j, 0], TypeError, "cannot take the target: .*complex"),
}


@each_loss
@pytest.mark.parametrize("target, kind, message", WRONG.values(), ids=WRONG)
def test_targets_of_the_wrong_kind_raise(name, target, kind, message):
    with pytest.raises(kind, match=f"{FUNCTIONS[name].__name__}: {message}"):
        getattr(nn, name)()(tensor(2), target)


SETTINGS = {
    "reduction": (lambda: nn.MSELoss("avg"), ValueError, r"MSELoss: reduction .*got 'avg'"),
    "reduction of l1": (lambda: nn.L1Loss("max"), ValueError, r"L1Loss: reduction .*got 'max'"),
    "reduction later": (
        lambda: functional.huber_loss([1.0], [1.0], "avg"), ValueError, r"huber_loss: reduction",
    ),
    "delta 0": (lambda: nn.HuberLoss(delta=0), ValueError, r"HuberLoss: delta .*above 0, got 0"),
    "delta nan": (lambda: nn.HuberLoss(delta=np.nan), ValueError, r"got nan"),
    "delta text": (lambda: nn.HuberLoss(delta="1"), TypeError, r"a number, got '1'"),
    "delta of the function": (
        lambda: functional.huber_loss([1.0], [1.0], delta=-1), ValueError, r"huber_loss: .*got -1",
    ),
    "beta": (lambda: nn.SmoothL1Loss(beta=-1), ValueError, r"must be >= 0, got -1"),
    "beta of the function": (
        lambda: functional.smooth_l1_loss([1.0], [1.0], beta=-1), ValueError, r"smooth_l1_loss: ",
    ),
}  # fmt: skip


@pytest.mark.parametrize("make, kind, message", SETTINGS.values(), ids=SETTINGS)
def test_wrong_settings_raise(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


def test_repr_shows_the_options():
    assert repr(nn.MSELoss("sum")) == "MSELoss(reduction='sum')"
    assert repr(nn.HuberLoss(delta=2)) == "HuberLoss(reduction='mean', delta=2.0)"
    assert repr(nn.SmoothL1Loss(beta=0.5)) == "SmoothL1Loss(reduction='mean', beta=0.5)"
