"""Training curves: from the same weights and batches, PyTorch's to 1e-9 over 100 steps in float64.

Every optimiser with each of its options x every loss; then schedulers, and layers with statistics.
"""

import functools
import inspect

import numpy as np
import pytest

import nn
from nn import losses
from nn.optim import lr_scheduler
from tests.twins import OF_SEVERAL, OURS_ALONE, assert_cases

torch = pytest.importorskip("torch", reason="compares with PyTorch")

STEPS = 100
OPTIMIZERS = {
    "SGD": ("SGD", {"lr": 0.1}),
    "SGD momentum": ("SGD", {"lr": 0.05, "momentum": 0.9}),
    "SGD dampening": ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.3}),
    "SGD weight decay": ("SGD", {"lr": 0.05, "weight_decay": 0.01}),
    "SGD nesterov": ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    "SGD maximize": ("SGD", {"lr": 1e-3, "maximize": True}),
    "SGD all": (
        "SGD",
        {"lr": 1e-3, "momentum": 0.8, "nesterov": True, "weight_decay": 0.1, "maximize": True},
    ),
    "SGD all, dampening": (
        "SGD",
        {"lr": 1e-3, "momentum": 0.8, "dampening": 0.5, "weight_decay": 0.1, "maximize": True},
    ),
    "Adam": ("Adam", {"lr": 0.01}),
    "Adam betas": ("Adam", {"lr": 0.01, "betas": (0.8, 0.95)}),
    "Adam eps": ("Adam", {"lr": 0.01, "eps": 1e-3}),
    "Adam weight decay": ("Adam", {"lr": 0.01, "weight_decay": 0.1}),
    "Adam amsgrad": ("Adam", {"lr": 0.05, "amsgrad": True}),
    "Adam maximize": ("Adam", {"lr": 1e-3, "maximize": True}),
    "Adam decoupled": (
        "Adam", {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True},
    ),
    "Adam all": (
        "Adam",
        {"lr": 1e-3, "betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.1, "amsgrad": True,
         "maximize": True, "decoupled_weight_decay": True},
    ),
    "AdamW": ("AdamW", {"lr": 0.01}),
    "AdamW betas": ("AdamW", {"lr": 0.01, "betas": (0.8, 0.95)}),
    "AdamW eps": ("AdamW", {"lr": 0.01, "eps": 1e-3}),
    "AdamW weight decay": ("AdamW", {"lr": 0.01, "weight_decay": 0.5}),
    "AdamW amsgrad": ("AdamW", {"lr": 0.05, "amsgrad": True}),
    "AdamW maximize": ("AdamW", {"lr": 1e-3, "maximize": True}),
    "AdamW all": (
        "AdamW",
        {"lr": 1e-3, "betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.1, "amsgrad": True,
         "maximize": True},
    ),
    "RMSprop": ("RMSprop", {"lr": 0.01}),
    "RMSprop alpha": ("RMSprop", {"lr": 0.01, "alpha": 0.9}),
    "RMSprop eps": ("RMSprop", {"lr": 0.01, "eps": 1e-2}),
    "RMSprop weight decay": ("RMSprop", {"lr": 0.01, "weight_decay": 0.1}),
    "RMSprop momentum": ("RMSprop", {"lr": 1e-3, "momentum": 0.9}),
    "RMSprop centered": ("RMSprop", {"lr": 0.01, "centered": True}),
    "RMSprop maximize": ("RMSprop", {"lr": 1e-4, "maximize": True}),
    "RMSprop all": (
        "RMSprop",
        {"lr": 1e-4, "alpha": 0.95, "eps": 1e-4, "weight_decay": 0.1, "momentum": 0.5,
         "centered": True, "maximize": True},
    ),
    "Adagrad": ("Adagrad", {"lr": 0.1}),
    "Adagrad lr decay": ("Adagrad", {"lr": 0.1, "lr_decay": 0.05}),
    "Adagrad weight decay": ("Adagrad", {"lr": 0.1, "weight_decay": 0.1}),
    "Adagrad start": ("Adagrad", {"lr": 0.1, "initial_accumulator_value": 0.1}),
    "Adagrad eps": ("Adagrad", {"lr": 0.1, "eps": 1e-2}),
    "Adagrad maximize": ("Adagrad", {"lr": 1e-3, "maximize": True}),
    "Adagrad all": (
        "Adagrad",
        {"lr": 1e-3, "lr_decay": 0.05, "weight_decay": 0.1, "initial_accumulator_value": 0.1,
         "eps": 1e-4, "maximize": True},
    ),
}  # fmt: skip

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 4))
# Of an odd length: an even number of L1's gradients, +-1, adds up to 0 or to what rounding leaves
# of it, which Adagrad divides by its own size; there PyTorch differs from itself, too.
BATCHES = [RNG.permutation(24)[:7] for _ in range(6)]
LABELS = RNG.integers(0, 3, 24)
NUMBERS = RNG.normal(size=(24, 3))
SHARES = RNG.random((24, 3))

# For each loss: the layer before it, with its arguments, and the targets.
LOSSES = {
    "BCELoss": (("Sigmoid",), SHARES),
    "BCEWithLogitsLoss": ((), SHARES.round()),
    "CrossEntropyLoss": ((), LABELS),
    "HuberLoss": ((), NUMBERS),
    "L1Loss": ((), NUMBERS),
    "MSELoss": ((), NUMBERS),
    "NLLLoss": (("LogSoftmax", -1), LABELS),
    "SmoothL1Loss": ((), NUMBERS),
    "HingeEmbeddingLoss": (("Softplus",), np.where(NUMBERS > 0, 1.0, -1.0)),
    "KLDivLoss": (("LogSoftmax", -1), SHARES / SHARES.sum(axis=1, keepdims=True)),
    "PoissonNLLLoss": ((), (SHARES * 5).round()),
}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """On arrays this small threads only wait for one another."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


# ---- both libraries in the same words ---------------------------------------------------------


def network(lib, dtype, middle=(), last=()):
    # A bias before a norm has no effect, and a gradient of mere rounding, which some optimisers
    # divide by its own size.
    layers = [lib.Linear(4, 6, bias=not middle, dtype=dtype)]
    if middle:
        layers.append(getattr(lib, middle[0])(middle[1], dtype=dtype))
    layers += [lib.Tanh(), lib.Linear(6, 3, dtype=dtype)]
    if last:
        layers.append(getattr(lib, last[0])(*last[1:]))
    return lib.Sequential(*layers)


def pair(middle=(), last=()):
    """Our network and PyTorch's, with the same weights."""
    nn.manual_seed(0)
    ours = network(nn, np.float64, middle, last)
    theirs = network(torch.nn, torch.float64, middle, last)
    theirs.load_state_dict({k: torch.tensor(v) for k, v in ours.state_dict().items()}, strict=False)
    return ours, theirs


def curve(model, optimizer, loss_function, batches, scheduler=None):
    """The losses of 100 steps, and with a scheduler the rates: an epoch is once through batches."""
    found = []
    for step in range(STEPS):
        x, target = batches[step % len(batches)]
        optimizer.zero_grad()
        loss = loss_function(model(x), target)
        loss.backward()
        optimizer.step()
        found.append(loss.item())
        if scheduler and step % len(batches) == len(batches) - 1:
            watches = type(scheduler).__name__ == "ReduceLROnPlateau"
            scheduler.step(loss.item()) if watches else scheduler.step()
    return found


def compare(models, optimizer, loss, target, schedule=None, rtol=1e-9):
    """Train both networks; their curves, and all that they hold at the end, must be the same."""
    curves = []
    for lib, array, model in zip((nn, torch.nn), (np.asarray, torch.tensor), models):
        optim = nn.optim if lib is nn else torch.optim
        batches = [(array(X[rows]), array(target[rows])) for rows in BATCHES]
        stepper = getattr(optim, optimizer[0])(model.parameters(), **optimizer[1])
        scheduler = schedule and getattr(optim.lr_scheduler, schedule[0])(stepper, **schedule[1])
        curves.append(curve(model, stepper, getattr(lib, loss)(), batches, scheduler))
    np.testing.assert_allclose(*curves, rtol=rtol)
    ours, theirs = (model.state_dict() for model in models)
    for name, array in ours.items():
        np.testing.assert_allclose(array, theirs[name].numpy(), rtol=rtol, atol=rtol / 100)
    return curves[0]


OR_ALONE = ", or if PyTorch has none, name it in OURS_ALONE, in tests/twins.py"
PYTORCHS_LOSSES = [name for name in losses.__all__ if name not in OURS_ALONE | OF_SEVERAL]


# ---- optimisers x losses ----------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")  # PyTorch's of its KLDivLoss
@pytest.mark.parametrize("loss", PYTORCHS_LOSSES)
@pytest.mark.parametrize("case", OPTIMIZERS)
def test_training_curves_are_pytorchs(case, loss):
    last, target = LOSSES[loss]
    compare(pair(last=last), OPTIMIZERS[case], loss, target)


OPTIMIZER_NAMES = [n for n in nn.optim.__all__ if isinstance(getattr(nn.optim, n), type)]


@pytest.mark.parametrize(
    "name", [n for n in OPTIMIZER_NAMES if n not in {"Optimizer"} | OURS_ALONE]
)
def test_every_optimiser_has_a_curve_for_each_option_and_one_for_all(name):
    options = set(inspect.signature(getattr(nn.optim, name)).parameters) - {"params"}
    given = [set(settings) for kind, settings in OPTIMIZERS.values() if kind == name]
    assert given, f"no curve of {name}: add one to OPTIMIZERS of {__name__}{OR_ALONE}"
    needs = {"dampening": "momentum", "nesterov": "momentum"}
    needs["decoupled_weight_decay"] = "weight_decay"
    for option in options - {"lr"}:
        assert {"lr", option} | {needs.get(option, option)} in given, option
    assert set().union(*given) == options
    excluded = {"nesterov", "dampening"} & options  # not both at once
    assert options - excluded in [g - excluded for g in given]


def test_every_loss_has_a_curve():
    assert_cases(PYTORCHS_LOSSES, LOSSES, f"LOSSES of {__name__}{OR_ALONE}")


# ---- schedulers -------------------------------------------------------------------------------

SCHEDULES = {
    "StepLR": {"step_size": 4, "gamma": 0.5},
    "MultiStepLR": {"milestones": [3, 9], "gamma": 0.3},
    "ExponentialLR": {"gamma": 0.9},
    "CosineAnnealingLR": {"T_max": 10, "eta_min": 1e-3},
    "LinearLR": {"total_iters": 8},
    "LambdaLR": {"lr_lambda": lambda epoch: 1 / (1 + epoch)},
    "ReduceLROnPlateau": {"patience": 0, "factor": 0.5, "threshold": 0.05},
}


@functools.cache
def plain_curve(case):
    return compare(pair(), OPTIMIZERS[case], "CrossEntropyLoss", LABELS)


@pytest.mark.parametrize("case", ["SGD momentum", "AdamW", "RMSprop centered"])
@pytest.mark.parametrize(
    "name", [n for n in lr_scheduler.__all__ if n not in {"LRScheduler"} | OURS_ALONE]
)
def test_training_curves_under_a_schedule_are_pytorchs(name, case):
    assert name in SCHEDULES, f"no curve of {name}: add one to SCHEDULES of {__name__}{OR_ALONE}"
    schedule = name, SCHEDULES[name]
    found = compare(pair(), OPTIMIZERS[case], "CrossEntropyLoss", LABELS, schedule)
    assert found != plain_curve(case)


# ---- layers with statistics -------------------------------------------------------------------


@pytest.mark.parametrize("case", ["SGD all", "SGD nesterov", "AdamW all", "RMSprop", "Adagrad"])
@pytest.mark.parametrize("middle", ["BatchNorm1d", "LayerNorm"])
def test_training_curves_through_norms_are_pytorchs(middle, case):
    models = pair(middle=(middle, 6))
    compare(models, OPTIMIZERS[case], "CrossEntropyLoss", LABELS)
    ours, theirs = (model.eval() for model in models)
    found, expected = ours(X), theirs(torch.tensor(X))
    np.testing.assert_allclose(found.numpy(), expected.detach().numpy(), rtol=1e-9, atol=1e-11)
