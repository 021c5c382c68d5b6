"""GaussianNLLLoss, PoissonNLLLoss, KLDivLoss: values, derivatives, edges, and what they refuse.

Compared with PyTorch in float64 to 1e-10 where it is installed, with finite differences, and with
formulas written out here.
"""

import copy
import math
import pickle
import warnings

import numpy as np
import pytest

import nn
from autograd import Tensor, draw, explain, grad, gradcheck, gradgradcheck
from nn import functional
from tests.compare import REDUCTIONS, assert_equals_pytorch
from tests.makers import random, tensor

LOSSES = {
    "GaussianNLLLoss": [{}, {"full": True}, {"eps": 0.5}],
    "PoissonNLLLoss": [
        {},
        {"full": True},
        {"log_input": False},
        {"log_input": False, "full": True, "eps": 1e-3},
    ],
}
FUNCTIONS = {
    "GaussianNLLLoss": functional.gaussian_nll_loss,
    "PoissonNLLLoss": functional.poisson_nll_loss,
}
VARIANTS = {
    name + "".join(f" {key}={value}" for key, value in options.items()): (name, options)
    for name, several in LOSSES.items()
    for options in several
}
each_variant = pytest.mark.parametrize("name, options", VARIANTS.values(), ids=VARIANTS)
each_reduction = pytest.mark.parametrize("reduction", REDUCTIONS)


def positive(*shape, seed=0):
    return np.asarray(np.exp(random(*shape, seed=seed)))


def arguments_of(name, options, shape):
    """A prediction, a target that is no whole number nor near 1, and variances."""
    prediction, target = np.asarray(random(*shape)), np.asarray(random(*shape, seed=1))
    if name == "GaussianNLLLoss":
        return [prediction, target, 0.3 + positive(*shape, seed=2)]
    far = np.where(target > 0, 1.3 + target, np.minimum(np.exp(target), 0.8))
    return [prediction if options.get("log_input", True) else np.exp(prediction), far]


def loss_of(name, options, reduction="mean"):
    return getattr(nn, name)(**options, reduction=reduction)


# ---- values and derivatives -------------------------------------------------------------------


@each_reduction
@each_variant
@pytest.mark.parametrize("shape", [(), (3,), (4, 2), (1, 1)], ids=str)
def test_agrees_with_pytorch(name, options, shape, reduction):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    theirs = getattr(torch.nn, name)(**options, reduction=reduction)
    arrays = arguments_of(name, options, shape)
    assert_equals_pytorch(torch, loss_of(name, options, reduction), theirs, arrays)


@each_reduction
@each_variant
def test_agrees_with_finite_differences(name, options, reduction):
    if options.get("eps") == 0.5:
        pytest.skip("a variance that is raised keeps a gradient, which its value does not have")
    loss = loss_of(name, options, reduction)
    inputs = [Tensor(a, requires_grad=True) for a in arguments_of(name, options, (3, 2))]
    assert gradcheck(loss, inputs) and gradgradcheck(loss, inputs)


OF_VAR = {"rows": (4, 1), "without the axis": (4,), "columns": (1, 3), "each": (4, 3)}


@pytest.mark.parametrize("shape", OF_VAR.values(), ids=OF_VAR)
def test_variances_of_several_shapes_are_pytorchs(shape):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    arrays = [random(4, 3), random(4, 3, seed=1), positive(*shape, seed=2)]
    assert_equals_pytorch(torch, nn.GaussianNLLLoss(), torch.nn.GaussianNLLLoss(), arrays)


def test_one_variance_for_all():
    x, t = random(4, 3), random(4, 3, seed=1)
    expected = functional.gaussian_nll_loss(x, t, np.full((4, 3), 2.0)).item()
    for var in (2.0, [[2.0]], np.float32(2), Tensor(2.0)):
        assert functional.gaussian_nll_loss(x, t, var).item() == pytest.approx(expected, rel=1e-14)
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    theirs = torch.nn.functional.gaussian_nll_loss(torch.tensor(x), torch.tensor(t), 2.0).item()
    assert theirs == pytest.approx(expected, rel=1e-14)


def test_a_normal_density_by_hand():
    x, t, var = 1.5, 0.25, 0.7
    density = math.exp(-((x - t) ** 2) / (2 * var)) / math.sqrt(2 * math.pi * var)
    loss = functional.gaussian_nll_loss([x], [t], [var], full=True)
    assert loss.item() == pytest.approx(-math.log(density), rel=1e-14)


def test_a_variance_below_eps_is_raised_and_may_grow():
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    var = np.array([0.0, 1e-9, 1.0])
    arrays = [random(3), random(3, seed=1), var]
    assert_equals_pytorch(
        torch, nn.GaussianNLLLoss(eps=0.01), torch.nn.GaussianNLLLoss(eps=0.01), arrays
    )
    v = Tensor(var, requires_grad=True)
    functional.gaussian_nll_loss([1.0] * 3, [0.0] * 3, v, eps=0.01).backward()
    assert v.grad[0] < 0 and np.isfinite(v.grad).all()


def test_the_mean_of_a_sample_is_its_likeliest():
    rng = np.random.default_rng(0)
    sample = rng.normal(3, 0.5, 2000)
    mean, log = Tensor(0.0, requires_grad=True), Tensor(0.0, requires_grad=True)
    optimizer = nn.optim.Adam([mean, log], lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        ones = np.ones(2000)
        nn.GaussianNLLLoss()(mean * ones, sample, np.exp(log) * ones).backward()
        optimizer.step()
    assert mean.item() == pytest.approx(sample.mean(), abs=1e-3)
    assert math.exp(log.item()) == pytest.approx(sample.var(), rel=1e-2)


def test_counts_by_hand():
    rate, count = 2.5, 4
    chance = rate**count * math.exp(-rate)
    loss = functional.poisson_nll_loss([math.log(rate)], [count]).item()
    assert loss == pytest.approx(-math.log(chance), rel=1e-14)
    assert functional.poisson_nll_loss([rate], [count], False, eps=0.0).item() == pytest.approx(
        loss
    )
    full = functional.poisson_nll_loss([math.log(rate)], [count], full=True).item()
    assert full - loss == pytest.approx(math.lgamma(count + 1), rel=0.01)


def test_counts_of_0_have_gradients():
    t = Tensor([0.0, 1.0, 2.0], requires_grad=True)
    functional.poisson_nll_loss([0.0, 0.0, 0.0], t, full=True, reduction="sum").backward()
    np.testing.assert_allclose(t.grad, [0, 0, math.log(2) + 0.25])  # PyTorch: nan at 0
    x = Tensor([0.0, 1.0], requires_grad=True)
    loss = functional.poisson_nll_loss(x, [0, 1], log_input=False)
    loss.backward()
    assert np.isfinite(x.grad).all() and loss.item() == pytest.approx(0.5, abs=1e-7)


# ---- sums, dtypes and kinds -------------------------------------------------------------------


@each_variant
def test_of_nothing(name, options):
    arrays = arguments_of(name, options, (0, 2))
    assert np.isnan(loss_of(name, options)(*arrays).item())
    assert loss_of(name, options, "sum")(*arrays).item() == 0
    assert loss_of(name, options, "none")(*arrays).shape == (0, 2)


@each_variant
def test_the_divisor_makes_means_add_up(name, options):
    arrays = arguments_of(name, options, (6, 3))
    loss, total = loss_of(name, options), 0.0
    for part in (slice(0, 4), slice(4, 6)):
        batch = [a[part] for a in arrays]
        total += loss(*batch).item() * loss.divisor(*batch)
    whole = loss_of(name, options, "sum")
    assert total == pytest.approx(whole(*arrays).item(), rel=1e-12)
    assert whole.divisor(*arrays) is None and FUNCTIONS[name].divisor(*arrays) == 18
    assert loss.divisor(*arrays, sample_weight=np.array([2.0, 0, 0, 0, 0, 0])) == 6


@each_variant
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_dtypes_stay(name, options, dtype):
    arrays = [a.astype(dtype) for a in arguments_of(name, options, (4, 3))]
    inputs = [Tensor(a, requires_grad=True) for a in arrays]
    loss = loss_of(name, options)(*inputs)
    first = grad(np.square(loss), inputs, create_graph=True)
    second = grad(sum(np.square(g).sum() for g in first), inputs)
    assert {t.dtype for t in (loss, *first, *second)} == {np.dtype(dtype)}
    exact = loss_of(name, options)(*[a.astype(float) for a in arrays]).item()
    assert loss.item() == pytest.approx(exact, rel=8 * float(np.finfo(dtype).eps))


def test_large_numbers_in_half_a_precision():
    x = Tensor(np.tile(np.array([-300, 0, 300], np.float16), 30_000), requires_grad=True)
    with np.errstate(all="raise", under="ignore"):
        loss = nn.GaussianNLLLoss()(x, np.zeros(90_000), np.float16(50))
        loss.backward()
        counts = nn.PoissonNLLLoss()(np.full(90_000, 9, np.float16), np.zeros(90_000))
    assert loss.item() == pytest.approx((math.log(50) + 2 / 3 * 300**2 / 50) / 2, rel=1e-3)
    assert np.isfinite(x.grad).all() and counts.item() == pytest.approx(math.exp(9), rel=1e-3)


def test_integers_lists_and_views():
    assert nn.GaussianNLLLoss()([1, 3], [1, 1], [1, 1]).item() == 1
    assert nn.PoissonNLLLoss()(np.array([0, 0], np.int8), [0, 1]).dtype == np.float64
    x, t, var = random(6, 4)[::2, ::2], random(6, 4, seed=1)[::2, ::2], positive(6, 4)[::2, ::2]
    expected = nn.GaussianNLLLoss()(x.copy(), t.copy(), var.copy()).item()
    assert nn.GaussianNLLLoss()(x, t, var).item() == pytest.approx(expected, rel=1e-14)


def test_nan_is_not_hidden():
    ones = np.ones(1)
    for x, t, var in (([np.nan], ones, ones), (ones, [np.nan], ones), (ones, ones, [np.nan])):
        assert np.isnan(nn.GaussianNLLLoss()(x, t, var).item())
    assert np.isnan(nn.PoissonNLLLoss()([np.nan], ones).item())
    assert np.isnan(nn.PoissonNLLLoss()(ones, [np.nan]).item())


class TwoHeads(nn.Module):
    """A mean, and a variance."""

    def __init__(self):
        self.mean, self.spread = nn.Linear(1, 1), nn.Linear(1, 1)

    def forward(self, x):
        return self.mean(x), functional.softplus(self.spread(x))


def test_a_trainer_learns_means_and_variances():
    rng = np.random.default_rng(0)
    x = rng.uniform(0.5, 2, (256, 1)).astype(np.float32)
    y = (3 * x + x * rng.normal(size=x.shape)).astype(np.float32)
    model, loss = TwoHeads(), nn.GaussianNLLLoss()

    def outputs_loss(outputs, target):
        return loss(outputs[0], target, outputs[1])

    trainer = nn.Trainer(model, nn.optim.Adam(model.parameters(), lr=0.05), outputs_loss)
    history = trainer.fit(x, y, epochs=40, progress=False, batch_size=60)
    assert history["loss"][-1] < history["loss"][0] - 0.3
    mean, var = model.eval()(x)
    expected = loss(mean, y, var).item()
    assert trainer.evaluate(x, y)["loss"] == pytest.approx(expected, rel=1e-5)


# ---- KLDivLoss --------------------------------------------------------------------------------


@pytest.mark.parametrize("logs", [False, True])
@pytest.mark.parametrize("reduction", [*REDUCTIONS, "batchmean"])
def test_divergence_is_that_of_the_function_and_pytorchs(reduction, logs):
    p, q = (np.exp(random(4, 3, seed=seed)) for seed in (0, 1))
    p, q = np.log(p / p.sum(1, keepdims=True)), q / q.sum(1, keepdims=True)
    q = np.log(q) if logs else q
    loss = nn.KLDivLoss(reduction, logs)
    np.testing.assert_array_equal(loss(p, q).data, functional.kl_div(p, q, reduction, logs).data)
    halves = [(p[:3], q[:3]), (p[3:], q[3:])]
    if reduction in ("mean", "batchmean"):
        total = sum(loss(*h).item() * loss.divisor(*h) for h in halves)
        assert total == pytest.approx(nn.KLDivLoss("sum", logs)(p, q).item(), rel=1e-12)
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    theirs = torch.nn.KLDivLoss(reduction=reduction, log_target=logs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's of its mean
        assert_equals_pytorch(torch, loss, theirs, [p, q])


def test_divergence_refuses_what_it_cannot_do():
    assert repr(nn.KLDivLoss("batchmean")) == "KLDivLoss(reduction='batchmean', log_target=False)"
    with pytest.raises(
        ValueError, match="KLDivLoss: reduction must be one of .*'batchmean'.*'avg'"
    ):
        nn.KLDivLoss("avg")
    with pytest.raises(TypeError, match="KLDivLoss: log_target must be True or False, got 'yes'"):
        nn.KLDivLoss(log_target="yes")
    with pytest.raises(ValueError, match="MSELoss: reduction must be one of .*'batchmean'"):
        nn.MSELoss("batchmean")


# ---- what is refused --------------------------------------------------------------------------

ONES = np.ones((2, 3))
WRONG = {
    "a variance below 0": (lambda: nn.GaussianNLLLoss()([1.0, 1.0], [1.0, 1.0], [1.0, -2.0]),
        ValueError, r"gaussian_nll_loss: the var -2 at position 1 is below 0; end the model in"),
    "shape of var": (lambda: nn.GaussianNLLLoss()(ONES, ONES, np.ones(3)), ValueError,
        r"var of shape \(3,\) does not fit the prediction's shape \(2, 3\); .*\(n, 1\)"),
    "shapes": (lambda: nn.GaussianNLLLoss()(ONES, ONES[0], ONES), ValueError,
        r"gaussian_nll_loss: the prediction has shape \(2, 3\), the target \(3,\)"),
    "text": (lambda: nn.GaussianNLLLoss()(ONES, ONES, "a"), TypeError, "cannot take the var"),
    "eps": (lambda: nn.GaussianNLLLoss(eps=0), ValueError, "GaussianNLLLoss: eps must be above 0"),
    "full": (lambda: nn.GaussianNLLLoss(full=2), TypeError, "full must be True or False, got 2"),
    "reduction": (lambda: nn.GaussianNLLLoss(reduction="avg"), ValueError, "GaussianNLLLoss: red"),
    "positional": (lambda: nn.GaussianNLLLoss(True), TypeError, "positional"),
    "counts below 0": (lambda: nn.PoissonNLLLoss()([0.0], [-1]), ValueError,
        "poisson_nll_loss: the target -1 at position 0 is below 0; it is a count"),
    "rates below 0": (lambda: nn.PoissonNLLLoss(log_input=False)([-0.5], [1]), ValueError,
        "the prediction -0.5 at position 0 is below 0; it is a rate; log_input=True"),
    "shapes of counts": (lambda: nn.PoissonNLLLoss()(ONES, ONES[0]), ValueError, "the target"),
    "log_input": (lambda: nn.PoissonNLLLoss(log_input=None), TypeError, "log_input must be True"),
    "eps of counts": (lambda: functional.poisson_nll_loss([1.0], [1.0], eps=-1), ValueError,
        "poisson_nll_loss: eps must be >= 0, got -1"),
    "reduction of counts": (lambda: nn.PoissonNLLLoss(reduction="avg"), ValueError, "PoissonNLL"),
}  # fmt: skip


@pytest.mark.parametrize("call, kind, message", WRONG.values(), ids=WRONG)
def test_what_is_refused(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_repr_copies_and_pictures():
    assert repr(nn.GaussianNLLLoss()) == "GaussianNLLLoss(full=False, eps=1e-06, reduction='mean')"
    assert repr(nn.PoissonNLLLoss()) == (
        "PoissonNLLLoss(log_input=True, full=False, eps=1e-08, reduction='mean')"
    )
    for name, operation in (("GaussianNLLLoss", "gaussian"), ("PoissonNLLLoss", "poisson")):
        loss = getattr(nn, name)()
        assert repr(pickle.loads(pickle.dumps(loss))) == repr(copy.deepcopy(loss)) == repr(loss)
        x = tensor(2, 2)
        y = loss(x, *arguments_of(name, {}, (2, 2))[1:])
        assert operation in {node.operation for node in draw(y, names={"x": x}).nodes}
        assert operation in str(explain(y, x))
