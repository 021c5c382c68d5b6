"""Schedulers of learning rates: PyTorch's rates to 1e-12 over 60 epochs, state, errors."""

import copy
import inspect
import math
import pickle
import random
from types import SimpleNamespace

import numpy as np
import pytest

import nn
from autograd import Tensor
from nn.optim import SGD, lr_scheduler
from nn.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from tests.twins import assert_cases, twin

CLASSES = [getattr(lr_scheduler, name) for name in lr_scheduler.__all__]
SCHEDULERS = [c for c in CLASSES if c is not LRScheduler]
METRICS = [1.0, 0.8, 0.8, 0.79, 0.9, 0.9, 0.5, 0.6, 0.49995, math.nan, math.nan, 0.4, *[0.4] * 48]

OURS = SimpleNamespace(
    SGD=SGD, lr_scheduler=lr_scheduler, parameter=lambda: Tensor([1.0], requires_grad=True)
)


@pytest.fixture
def theirs():
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    return SimpleNamespace(
        SGD=torch.optim.SGD,
        lr_scheduler=torch.optim.lr_scheduler,
        parameter=lambda: torch.ones(1, requires_grad=True),
    )


class Down:
    """A function of the epoch that can be pickled."""

    def __call__(self, epoch):
        return 0.9**epoch


CASES = {
    "step": ("StepLR", {"step_size": 7}),
    "step, gamma": ("StepLR", {"step_size": 1, "gamma": 0.95}),
    "step, rising": ("StepLR", {"step_size": 20, "gamma": 1.5}),
    "step, gamma 0": ("StepLR", {"step_size": 20, "gamma": 0.0}),
    "milestones": ("MultiStepLR", {"milestones": [3, 30, 50]}),
    "milestones, twice, and 0": ("MultiStepLR", {"milestones": (5, 5, 9), "gamma": 0.5}),
    "no milestones": ("MultiStepLR", {"milestones": []}),
    "exponential": ("ExponentialLR", {"gamma": 0.9}),
    "exponential, rising": ("ExponentialLR", {"gamma": 1.02}),
    "cosine": ("CosineAnnealingLR", {"T_max": 60}),
    "cosine, passed by": ("CosineAnnealingLR", {"T_max": 13}),
    "cosine, of one epoch": ("CosineAnnealingLR", {"T_max": 1}),
    "cosine, eta_min": ("CosineAnnealingLR", {"T_max": 10, "eta_min": 0.01}),
    "cosine, eta_min above": ("CosineAnnealingLR", {"T_max": 10, "eta_min": 0.05}),
    "linear": ("LinearLR", {}),
    "linear, slower": ("LinearLR", {"start_factor": 0.01, "total_iters": 40}),
    "linear, down": ("LinearLR", {"start_factor": 1.0, "end_factor": 0.1, "total_iters": 30}),
    "linear, to 0": ("LinearLR", {"start_factor": 0.5, "end_factor": 0.0, "total_iters": 10}),
    "lambda": ("LambdaLR", {"lr_lambda": Down()}),
    "lambdas": ("LambdaLR", {"lr_lambda": [Down(), lambda epoch: 1 / (1 + epoch)]}),
    "plateau": ("ReduceLROnPlateau", {}),
    "plateau, max": ("ReduceLROnPlateau", {"mode": "max", "patience": 3}),
    "plateau, no patience": ("ReduceLROnPlateau", {"patience": 0, "factor": 0.7}),
    "plateau, abs": (
        "ReduceLROnPlateau", {"threshold": 0.05, "threshold_mode": "abs", "patience": 2},
    ),
    "plateau, max, abs": (
        "ReduceLROnPlateau",
        {"mode": "max", "threshold": 0.05, "threshold_mode": "abs", "patience": 2},
    ),
    "plateau, threshold": ("ReduceLROnPlateau", {"threshold": 0.3, "patience": 4}),
    "plateau, cooldown": ("ReduceLROnPlateau", {"patience": 1, "cooldown": 3, "factor": 0.5}),
    "plateau, min_lr": ("ReduceLROnPlateau", {"patience": 1, "min_lr": 0.02, "factor": 0.5}),
    "plateau, min_lrs": ("ReduceLROnPlateau", {"patience": 1, "min_lr": [0.05, 0.001]}),
    "plateau, eps": ("ReduceLROnPlateau", {"patience": 1, "factor": 0.5, "eps": 0.01}),
}  # fmt: skip
each_case = pytest.mark.parametrize("name, options", CASES.values(), ids=CASES)


def of(lib, name):
    return getattr(lr_scheduler, name) if lib is OURS else twin(lib.lr_scheduler, name)


def optimizer_of(lib):
    return lib.SGD([{"params": [lib.parameter()]}, {"params": [lib.parameter()], "lr": 0.03}], 0.1)


def advance(optimizer, schedulers, epoch):
    """One epoch; gives the rates after it."""
    optimizer.step()  # does nothing, for no parameter has a gradient; PyTorch wants it to be called
    for scheduler in schedulers:
        watches = type(scheduler).__name__ == "ReduceLROnPlateau"
        scheduler.step(METRICS[epoch]) if watches else scheduler.step()
        assert scheduler.last_epoch == epoch + 1
        assert scheduler.get_last_lr() == [group["lr"] for group in optimizer.param_groups]
    return [group["lr"] for group in optimizer.param_groups]


def rates(lib, cases, event=lambda lib, optimizer, epoch: None):
    """The rates of all groups over 60 epochs, by the schedulers of these cases, one after another.

    Before every epoch `event` may do something to the optimiser.
    """
    optimizer = optimizer_of(lib)
    schedulers = [of(lib, name)(optimizer, **options) for name, options in cases]
    found = [[group["lr"] for group in optimizer.param_groups]]
    for epoch in range(60):
        event(lib, optimizer, epoch)
        found.append(advance(optimizer, schedulers, epoch))
    return found


def assert_same(found, expected):
    assert len(found) == len(expected) == 61
    for mine, reference in zip(found, expected):
        np.testing.assert_allclose(mine, reference, rtol=1e-12, atol=1e-14)


# ---- rates ------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_every_scheduler_and_every_option_has_a_case(scheduler):
    wanted = set(inspect.signature(scheduler).parameters) - {"optimizer", "last_epoch"}
    with_case = {name for name, _ in CASES.values()} & {scheduler.__name__}
    assert_cases([scheduler.__name__], with_case, f"CASES of {__name__}")
    given = {option for name, options in CASES.values() if name == scheduler.__name__
             for option in options}  # fmt: skip
    assert given == wanted, f"each option in a case of {scheduler.__name__}, in CASES"


@each_case
def test_rates_are_pytorchs(name, options, theirs):
    found = rates(OURS, [(name, options)])
    assert_same(found, rates(theirs, [(name, options)]))
    assert len({tuple(row) for row in found}) > 1 or options == {"milestones": []}


@each_case
def test_arguments_and_defaults_are_pytorchs(name, options, theirs):
    ours, reference = (inspect.signature(of(lib, name)).parameters for lib in (OURS, theirs))
    assert list(ours) == list(reference)
    assert [p.default for p in ours.values()] == [p.default for p in reference.values()]


def by_hand(lib, optimizer, epoch):
    if epoch in (6, 24):
        optimizer.param_groups[0]["lr"] *= 0.7
        optimizer.param_groups[1]["lr"] = 0.04


# A recursion through the bottom of the wave is ill-conditioned: there PyTorch's own rates drift.
# And with gamma 0 it stays at 0, where ours goes on from what was set.
SMOOTH = {k: v for k, v in CASES.items() if not k.startswith("cosine, ") and k != "step, gamma 0"}


@pytest.mark.parametrize("name, options", SMOOTH.values(), ids=SMOOTH)
def test_a_rate_changed_by_hand_goes_on_as_in_pytorch(name, options, theirs):
    found = rates(OURS, [(name, options)], by_hand)
    assert_same(found, rates(theirs, [(name, options)], by_hand))


def test_a_rate_changed_by_hand_under_a_wave_with_a_floor(theirs):
    case = [("CosineAnnealingLR", {"T_max": 70, "eta_min": 0.01})]
    assert_same(rates(OURS, case, by_hand), rates(theirs, case, by_hand))


def test_a_rate_changed_by_hand_goes_through_the_bottom():
    optimizer = optimizer_of(OURS)
    scheduler = lr_scheduler.CosineAnnealingLR(optimizer, T_max=4)
    optimizer.param_groups[0]["lr"] = 0.2
    found = [advance(optimizer, [scheduler], epoch)[0] for epoch in range(6)]
    wave = [0.2 * (1 + math.cos(math.pi * k / 4)) / 2 for k in (1, 2, 3, 4)]
    assert found[:4] == pytest.approx(wave, abs=1e-15)
    # from the bottom, where nothing is left of the change, the plain wave rises
    assert found[4:] == pytest.approx([scheduler.rate(5, 0.1), scheduler.rate(6, 0.1)])


def test_a_rate_changed_by_hand_at_the_bottom(theirs):
    found = []
    for lib in (OURS, theirs):
        optimizer = optimizer_of(lib)
        scheduler = lib.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10, eta_min=0.01)
        for epoch in range(10):
            advance(optimizer, [scheduler], epoch)
        assert optimizer.param_groups[0]["lr"] == 0.01
        optimizer.param_groups[0]["lr"] = 0.05
        found.append([advance(optimizer, [scheduler], epoch) for epoch in range(10, 18)])
    np.testing.assert_allclose(*found, rtol=1e-12)


@pytest.mark.parametrize(
    "case", ["step, gamma", "milestones", "exponential", "linear", "cosine, eta_min"]
)
def test_a_group_that_starts_at_the_floor_goes_on_from_the_rate_set_by_hand(case, theirs):
    """A frozen part has the rate 0, until it is woken."""
    name, options = CASES[case]
    found = []
    for lib in (OURS, theirs):
        optimizer = optimizer_of(lib)
        optimizer.param_groups[1]["lr"] = options.get("eta_min", 0.0)
        scheduler = of(lib, name)(optimizer, **options)
        start = [advance(optimizer, [scheduler], epoch) for epoch in range(2)]
        assert {row[1] for row in start} == {options.get("eta_min", 0.0)}
        optimizer.param_groups[1]["lr"] = 0.2
        found.append([advance(optimizer, [scheduler], epoch) for epoch in range(2, 6)])
    np.testing.assert_allclose(*found, rtol=1e-12)


def test_a_rate_that_rounding_leaves_below_0_is_0():
    class Hair(lr_scheduler.LRScheduler):
        def rate(self, epoch, initial_lr):
            return -1e-18 if epoch else initial_lr

    optimizer = optimizer_of(OURS)
    scheduler = Hair(optimizer)
    assert advance(optimizer, [scheduler], 0) == [0, 0]


def test_a_rate_that_pytorchs_rounding_left_below_0_is_loaded_as_0():
    """Of its LinearLR from 0.5 to 0, for instance."""
    optimizer = optimizer_of(OURS)
    state = optimizer.state_dict()
    state["param_groups"][1]["lr"] = -2.2e-18
    optimizer.load_state_dict(state)
    assert optimizer.param_groups[1]["lr"] == 0


def test_rates_are_of_the_start_that_the_scheduler_knows(theirs):
    """A state of the optimiser from before the scheduler has no "initial_lr"."""
    found = []
    for lib in (OURS, theirs):
        fresh, optimizer = optimizer_of(lib), optimizer_of(lib)
        fresh.param_groups[0]["lr"] = 0.7
        scheduler = lib.lr_scheduler.LambdaLR(optimizer, Down())
        optimizer.load_state_dict(fresh.state_dict())
        found.append([advance(optimizer, [scheduler], epoch) for epoch in range(5)])
    np.testing.assert_allclose(*found, rtol=1e-12)
    assert found[0][0] == [0.1 * 0.9, 0.03 * 0.9]


def add_a_group(lib, optimizer, epoch):
    if epoch == 11:
        optimizer.add_param_group({"params": [lib.parameter()], "lr": 0.5})


ADDED = ["step", "step, gamma", "milestones", "exponential", "cosine", "linear", "linear, down",
         "plateau", "plateau, cooldown", "plateau, min_lr"]  # fmt: skip


@pytest.mark.parametrize("case", ADDED)
def test_a_group_added_later_has_its_own_rate(case, theirs):
    found = rates(OURS, [CASES[case]], add_a_group)
    assert [len(row) for row in (found[0], found[-1])] == [2, 3]
    assert_same(found, rates(theirs, [CASES[case]], add_a_group))


def test_one_function_serves_groups_added_later():
    found = rates(OURS, [CASES["lambda"]], add_a_group)
    assert found[12][2] == 0.5 * 0.9**12


@pytest.mark.parametrize("case", ["lambdas", "plateau, min_lrs"])
def test_a_list_that_lacks_a_group_added_later_is_told(case):
    with pytest.raises(ValueError, match="for an optimiser of 3 groups; give one for each"):
        rates(OURS, [CASES[case]], add_a_group)


PAIRS = {
    "exponential, milestones": ["exponential", "milestones"],
    "warm-up, step": ["linear", "step"],
    "warm-up, cosine": ["linear, slower", "cosine"],
    "lambda, step": ["lambda", "step"],
    "step, lambda": ["step", "lambda"],
    "step, plateau": ["step, gamma", "plateau"],
    "the same twice": ["exponential", "exponential"],
    "three": ["linear", "milestones", "exponential"],
}


@pytest.mark.parametrize("names", PAIRS.values(), ids=PAIRS)
def test_several_schedulers_of_one_optimiser_are_chained_as_in_pytorch(names, theirs):
    cases = [CASES[name] for name in names]
    assert_same(rates(OURS, cases), rates(theirs, cases))


def test_a_wave_that_is_damped_to_below_its_floor_stays_above_0(theirs):
    """Where PyTorch's rates become negative."""
    cases = [
        ("ExponentialLR", {"gamma": 0.9}),
        ("CosineAnnealingLR", {"T_max": 20, "eta_min": 0.05}),
    ]
    found, expected = (np.array(rates(lib, cases))[:, 0] for lib in (OURS, theirs))
    np.testing.assert_allclose(found[:23], expected[:23], rtol=1e-12)
    assert expected[23] < 0 < found[23:].min() and found[23:].max() < 0.1


@pytest.mark.parametrize("case", [c for c in CASES if not c.startswith("plateau")])
def test_a_second_scheduler_goes_on_from_the_rate_there_is(case, theirs):
    found = []
    for lib in (OURS, theirs):
        optimizer = optimizer_of(lib)
        first = lib.lr_scheduler.ExponentialLR(optimizer, 0.9)
        for epoch in range(5):
            advance(optimizer, [first], epoch)
        name, options = CASES[case]
        second = of(lib, name)(optimizer, **options)
        found.append([advance(optimizer, [second], epoch) for epoch in range(8)])
    np.testing.assert_allclose(*found, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("case", ["exponential", "cosine", "step", "milestones", "lambda"])
def test_last_epoch_starts_in_the_middle(case, theirs):
    name, options = CASES[case]
    found = []
    for lib in (OURS, theirs):
        optimizer = optimizer_of(lib)
        whole = of(lib, name)(optimizer, **options)
        for epoch in range(5):
            advance(optimizer, [whole], epoch)
        again = of(lib, name)(optimizer, **options, last_epoch=4)
        assert again.last_epoch == 5
        found.append([again.get_last_lr(), *(advance(optimizer, [again], e) for e in range(5, 25))])
    np.testing.assert_allclose(*found, rtol=1e-12)


def test_a_new_scheduler_is_one_formula():
    class InverseLR(LRScheduler):
        def rate(self, epoch, initial_lr):
            return initial_lr / (1 + epoch)

    optimizer = optimizer_of(OURS)
    scheduler = InverseLR(optimizer)
    found = [advance(optimizer, [scheduler], epoch) for epoch in range(3)]
    np.testing.assert_allclose(found, [[0.05, 0.015], [0.1 / 3, 0.01], [0.025, 0.0075]])


def test_the_optimiser_steps_by_the_rate_set():
    p = OURS.parameter()
    optimizer = SGD([p], lr=1.0)
    scheduler = lr_scheduler.ExponentialLR(optimizer, 0.5)
    for expected in (0.0, -0.5, -0.75):
        p.grad = [1.0]
        optimizer.step()
        scheduler.step()
        assert p.item() == expected


def test_metrics_may_be_tensors_and_numpys_numbers():
    for metric in (Tensor(1.0), np.float32(1), np.array([1.0]).reshape(()), 1):
        scheduler = ReduceLROnPlateau(optimizer_of(OURS))
        scheduler.step(metric)
        assert scheduler.best == 1.0 and type(scheduler.best) is float


# ---- state ------------------------------------------------------------------------------------


def flat(value):
    """All plain values inside."""
    if isinstance(value, dict):
        value = list(value.values())
    return [v for member in value for v in flat(member)] if isinstance(value, list) else [value]


@each_case
def test_a_run_resumed_goes_on_as_if_unbroken(name, options):
    make = getattr(lr_scheduler, name)
    expected = rates(OURS, [(name, options)])
    optimizer = optimizer_of(OURS)
    scheduler = make(optimizer, **options)
    for epoch in range(25):
        advance(optimizer, [scheduler], epoch)
    saved = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))
    advance(optimizer, [scheduler], 25)  # what was saved does not go on with it
    again = optimizer_of(OURS)
    resumed = make(again, **options)
    resumed.load_state_dict(saved[1])
    again.load_state_dict(saved[0])
    assert resumed.state_dict() == saved[1] and again.state_dict() == saved[0]
    assert [advance(again, [resumed], epoch) for epoch in range(25, 60)] == expected[26:]


@each_case
def test_the_state_is_of_plain_values(name, options):
    numpys = {k: np.float64(v) if isinstance(v, float) else v for k, v in options.items()}
    state = getattr(lr_scheduler, name)(optimizer_of(OURS), **numpys).state_dict()
    assert {type(value) for value in flat(state)} <= {int, float, str}
    assert state["last_epoch"] == 0 and not {"optimizer", "lr_lambdas"} & set(state)


def test_functions_are_not_in_the_state():
    class Shaped(LRScheduler):
        def __init__(self, optimizer, shape):
            self.shape = shape
            super().__init__(optimizer)

        def rate(self, epoch, initial_lr):
            return initial_lr * self.shape(epoch)

    scheduler = Shaped(optimizer_of(OURS), lambda epoch: 0.5)
    assert list(scheduler.state_dict()) == ["last_epoch", "base_lrs", "_last_lr"]


def test_the_state_is_a_copy():
    optimizer = optimizer_of(OURS)
    scheduler = lr_scheduler.MultiStepLR(optimizer, [1, 2])
    state = scheduler.state_dict()
    state["milestones"].append(3)
    scheduler.get_last_lr().append(5.0)
    assert scheduler.milestones == [1, 2] and scheduler.get_last_lr() == [0.1, 0.03]
    scheduler.load_state_dict(state)
    state["milestones"].append(4)
    assert scheduler.milestones == [1, 2, 3]


@each_case
def test_a_pair_can_be_copied_and_pickled(name, options):
    if isinstance(options.get("lr_lambda"), list):
        options = {"lr_lambda": [Down(), Down()]}
    optimizer = optimizer_of(OURS)
    scheduler = getattr(lr_scheduler, name)(optimizer, **options)
    for epoch in range(3):
        advance(optimizer, [scheduler], epoch)
    pair = optimizer, scheduler
    pairs = [copy.deepcopy(pair), pickle.loads(pickle.dumps(pair))]
    expected = [advance(optimizer, [scheduler], epoch) for epoch in range(3, 30)]
    for other, its in pairs:
        assert its.optimizer is other
        assert [advance(other, [its], epoch) for epoch in range(3, 30)] == expected


# ---- loading, in any order ---------------------------------------------------------------------


def orders(count, choose):
    """Makes, loads of the schedulers and the load of the optimiser, in a possible order."""
    left = [["make", "load"] for _ in range(count)] + [["optimizer"]]
    owners = [i for i, steps in enumerate(left) for _ in steps]
    choose.shuffle(owners)
    return [(left[i].pop(0), i) for i in owners]


def saved_run(cases, by_hand):
    """States after 17 epochs, and the rates of all 60."""
    optimizer = optimizer_of(OURS)
    schedulers = [getattr(lr_scheduler, name)(optimizer, **options) for name, options in cases]
    found, saved = [], None
    for epoch in range(60):
        if epoch == 11 and by_hand:
            optimizer.param_groups[0]["lr"] = 0.0123
        found.append(stepped(optimizer, schedulers, epoch))
        if epoch == 16:
            saved = copy.deepcopy(
                (optimizer.state_dict(), [scheduler.state_dict() for scheduler in schedulers])
            )
    return saved, found


def stepped(optimizer, schedulers, epoch):
    for scheduler in schedulers:
        watches = isinstance(scheduler, ReduceLROnPlateau)
        scheduler.step(METRICS[epoch]) if watches else scheduler.step()
    return [group["lr"] for group in optimizer.param_groups]


CHAINS = [[case] for case in CASES.values()] + [
    [CASES["linear"], CASES["exponential"]],
    [CASES["linear, slower"], CASES["cosine"], CASES["milestones"]],
    [CASES["exponential"], CASES["plateau, cooldown"]],
    [CASES["linear"], CASES["linear, down"]],
]


@pytest.mark.parametrize("cases", CHAINS, ids=lambda cases: ", ".join(name for name, _ in cases))
@pytest.mark.parametrize("by_hand", [False, True], ids=["", "changed by hand"])
def test_states_loaded_in_any_order_give_the_saved_rates(cases, by_hand):
    (optimizers, states), expected = saved_run(cases, by_hand)
    choose = random.Random(0)
    for lr in (0.1, 0.5):  # that of the new optimiser is of no account
        for _ in range(12):
            optimizer, schedulers = optimizer_of(OURS), [None] * len(cases)
            optimizer.param_groups[0]["lr"] = lr
            order = orders(len(cases), choose)
            for what, i in order:
                if what == "optimizer":
                    optimizer.load_state_dict(optimizers)
                elif what == "make":
                    name, options = cases[i]
                    schedulers[i] = getattr(lr_scheduler, name)(optimizer, **options)
                else:
                    schedulers[i].load_state_dict(states[i])
            found = [group["lr"] for group in optimizer.param_groups]
            assert found == expected[16], order
            assert [s.state_dict() for s in schedulers] == states, order
            goes_on = [stepped(optimizer, schedulers, epoch) for epoch in range(17, 60)]
            assert goes_on == expected[17:], order


@pytest.mark.parametrize("name, options", CASES.values(), ids=CASES)
def test_the_schedulers_state_alone_brings_its_rate(name, options):
    (_, (state,)), expected = saved_run([(name, options)], False)
    optimizer = optimizer_of(OURS)
    scheduler = getattr(lr_scheduler, name)(optimizer, **options)
    scheduler.load_state_dict(state)
    assert [group["lr"] for group in optimizer.param_groups] == expected[16]
    assert [stepped(optimizer, [scheduler], e) for e in range(17, 60)] == expected[17:]


def test_both_states_taken_back_later_bring_the_rate_of_that_time():
    for first in (0, 1):
        optimizer = optimizer_of(OURS)
        scheduler = lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=30)
        pair = (optimizer, scheduler)
        states = [part.state_dict() for part in pair]
        expected = [stepped(optimizer, [scheduler], epoch) for epoch in range(20)]
        for part, state in sorted(zip(pair, states), key=lambda both: both[0] is pair[first]):
            part.load_state_dict(state)
        assert [stepped(optimizer, [scheduler], epoch) for epoch in range(20)] == expected


def test_a_rate_changed_after_the_optimiser_was_loaded_stays():
    (optimizers, (state,)), _ = saved_run([CASES["exponential"]], False)
    optimizer = optimizer_of(OURS)
    scheduler = lr_scheduler.ExponentialLR(optimizer, gamma=0.9)
    optimizer.load_state_dict(optimizers)
    optimizer.param_groups[0]["lr"] = 0.25
    scheduler.load_state_dict(state)
    assert optimizer.param_groups[0]["lr"] == 0.25
    assert stepped(optimizer, [scheduler], 17)[0] == pytest.approx(0.225)


STEP, PLATEAU = CASES["step"], CASES["plateau"]
BAD_STATES = {
    "missing": (STEP, lambda s: s.pop("gamma"), ["missing: gamma"]),
    "two": (
        STEP, lambda s: (s.pop("gamma"), s.update(T_max=3)), ["missing: gamma", "unexpected: T_max"]
    ),
    "no number": (STEP, lambda s: s.update(gamma="0.1"), ["gamma must be a number, got '0.1'"]),
    "negative": (STEP, lambda s: s.update(gamma=-1.0), ["gamma must be >= 0"]),
    "place": (STEP, lambda s: s.update(last_epoch=-5), ["last_epoch must be >= 0, got -5"]),
    "half an epoch": (STEP, lambda s: s.update(last_epoch=1.5), ["must be a whole number"]),
    "groups": (
        STEP, lambda s: s.update(base_lrs=[0.1] * 3, _last_lr="x"),
        ["base_lrs must be a list of 2 numbers >= 0, got [0.1, 0.1, 0.1]", "_last_lr must be"],
    ),
    "nan": (STEP, lambda s: s.update(base_lrs=[0.1, math.nan]), ["base_lrs must be"]),
    "mode": (PLATEAU, lambda s: s.update(mode="mean"), ["mode must be 'min' or 'max', got 'mean'"]),
    "count": (PLATEAU, lambda s: s.update(num_bad_epochs="3"), ["num_bad_epochs must be a whole"]),
    "best": (PLATEAU, lambda s: s.update(best=None), ["best must be a number, got None"]),
    "least rates": (PLATEAU, lambda s: s.update(min_lr=[0.1]), ["1 values of min_lr"]),
}  # fmt: skip


@pytest.mark.parametrize("case, spoil, messages", BAD_STATES.values(), ids=BAD_STATES)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(case, spoil, messages):
    name, options = case
    optimizer = optimizer_of(OURS)
    scheduler = getattr(lr_scheduler, name)(optimizer, **options)
    before = scheduler.state_dict()
    state = scheduler.state_dict()
    spoil(state)
    with pytest.raises(ValueError, match=f"the state does not fit {name}; nothing was") as caught:
        scheduler.load_state_dict(state)
    assert all(message in str(caught.value) for message in messages)
    assert scheduler.state_dict() == before


def test_what_is_no_state_is_refused():
    scheduler = lr_scheduler.StepLR(optimizer_of(OURS), 2)
    with pytest.raises(TypeError, match="needs the dict that its state_dict"):
        scheduler.load_state_dict([1])


# ---- errors -----------------------------------------------------------------------------------

MISTAKES = {
    "step_size": ("StepLR", {"step_size": 0}, ValueError, "step_size must be >= 1, got 0"),
    "half a step": ("StepLR", {"step_size": 0.5}, TypeError, "must be a whole number, got 0.5"),
    "gamma": ("StepLR", {"step_size": 2, "gamma": -0.1}, ValueError, r"gamma must be >= 0, got -0"),
    "gamma nan": ("ExponentialLR", {"gamma": math.nan}, ValueError, "gamma must be >= 0, got nan"),
    "gamma text": ("ExponentialLR", {"gamma": "0.9"}, TypeError, "gamma must be a number"),
    "falling": ("MultiStepLR", {"milestones": [3, 2]}, ValueError, r"rising, got \[3, 2\]"),
    "milestone": ("MultiStepLR", {"milestones": [1.5]}, TypeError, r"\[0\] must be a whole"),
    "T_max": ("CosineAnnealingLR", {"T_max": 0}, ValueError, "T_max must be above 0, got 0"),
    "eta_min": ("CosineAnnealingLR", {"T_max": 5, "eta_min": -1}, ValueError, "eta_min must be >="),
    "start": ("LinearLR", {"start_factor": 0}, ValueError, "start_factor must be above 0, got 0"),
    "start above": ("LinearLR", {"start_factor": 1.5}, ValueError, "start_factor must be <= 1"),
    "end": ("LinearLR", {"end_factor": 2}, ValueError, "end_factor must be <= 1, got 2"),
    "iterations": ("LinearLR", {"total_iters": 0}, ValueError, "total_iters must be above 0"),
    "one function": ("LambdaLR", {"lr_lambda": [Down()]}, ValueError, "1 functions for .* 2 group"),
    "no function": ("LambdaLR", {"lr_lambda": 0.9}, TypeError, "must be a function, got 0.9"),
    "gives None": ("LambdaLR", {"lr_lambda": lambda e: None}, TypeError, "factor must be a number"),
    "below 0": (
        "LambdaLR", {"lr_lambda": lambda e: -1}, ValueError,
        r"the rate of group 0 would become -0\.1 at epoch 0; a learning rate must be >= 0",
    ),
    "last_epoch": (
        "StepLR", {"step_size": 2, "last_epoch": 3}, ValueError, "an 'initial_lr' in group 0",
    ),
    "last_epoch below": (
        "StepLR", {"step_size": 2, "last_epoch": -2}, ValueError, "last_epoch must be >= -1",
    ),
    "mode": ("ReduceLROnPlateau", {"mode": "mean"}, ValueError, "mode must be 'min' or 'max', got"),
    "threshold mode": (
        "ReduceLROnPlateau", {"threshold_mode": "x"}, ValueError, "must be 'rel' or 'abs', got 'x'",
    ),
    "factor": ("ReduceLROnPlateau", {"factor": 1.0}, ValueError, "factor must be below 1, got 1.0"),
    "patience": ("ReduceLROnPlateau", {"patience": -1}, ValueError, "patience must be >= 0, got -"),
    "cooldown": ("ReduceLROnPlateau", {"cooldown": 1.5}, TypeError, "cooldown must be a whole num"),
    "threshold": ("ReduceLROnPlateau", {"threshold": -1}, ValueError, "threshold must be >= 0"),
    "eps": ("ReduceLROnPlateau", {"eps": -1}, ValueError, "eps must be >= 0, got -1"),
    "min_lr": ("ReduceLROnPlateau", {"min_lr": -1}, ValueError, "min_lr must be >= 0, got -1"),
    "min_lrs": ("ReduceLROnPlateau", {"min_lr": [0.1]}, ValueError, "1 values of min_lr .* 2 gr"),
    "no formula": ("LRScheduler", {}, NotImplementedError, "has no method `rate`; write one"),
}  # fmt: skip


@pytest.mark.parametrize("name, options, kind, message", MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_refused_and_change_nothing(name, options, kind, message):
    optimizer = optimizer_of(OURS)
    before = optimizer.state_dict()
    with pytest.raises(kind, match=f"{name}.*{message}"):
        getattr(lr_scheduler, name)(optimizer, **options)
    assert optimizer.state_dict() == before


@each_case
def test_only_an_optimiser_is_taken(name, options):
    with pytest.raises(TypeError, match=f"{name} needs an optimiser, got ReLU"):
        getattr(lr_scheduler, name)(nn.ReLU(), **options)


def test_a_function_that_fails_changes_nothing():
    def second(epoch):
        if epoch == 3:
            raise RuntimeError("no third epoch")
        return 0.5**epoch

    optimizer = optimizer_of(OURS)
    scheduler = lr_scheduler.LambdaLR(optimizer, [Down(), second])
    for epoch in range(2):
        advance(optimizer, [scheduler], epoch)
    before = optimizer.state_dict(), scheduler.state_dict()
    with pytest.raises(RuntimeError, match="no third epoch"):
        scheduler.step()
    assert (optimizer.state_dict(), scheduler.state_dict()) == before


@pytest.mark.parametrize("metric", [None, "loss", [0.1, 0.2], np.ones(2)], ids=str)
def test_a_metric_that_is_no_number_is_told(metric):
    scheduler = ReduceLROnPlateau(optimizer_of(OURS))
    before = scheduler.state_dict()
    with pytest.raises(TypeError, match="ReduceLROnPlateau.step needs a number"):
        scheduler.step(metric)
    assert scheduler.state_dict() == before


def test_repr_shows_settings_and_place():
    scheduler = lr_scheduler.StepLR(optimizer_of(OURS), 3)
    scheduler.step()
    assert repr(scheduler) == "StepLR(step_size=3, gamma=0.1, last_epoch=1)"


@pytest.mark.parametrize("number", [np.float32, np.asarray, Tensor, lambda x: np.array([x])])
@pytest.mark.parametrize("name, options", [
    ("StepLR", {"step_size": 1, "gamma": 0.9}), ("ExponentialLR", {"gamma": 0.9}),
    ("CosineAnnealingLR", {"T_max": 7.5, "eta_min": 0.01}),
    ("LinearLR", {"start_factor": 0.3, "end_factor": 0.7, "total_iters": 3.5}),
    ("ReduceLROnPlateau", {"patience": 0, "factor": 0.9}),
])  # fmt: skip
def test_a_setting_of_numpys_gives_the_same_rates_when_its_state_is_loaded(name, options, number):
    given = {k: number(v) if isinstance(v, float) else v for k, v in options.items()}
    found = []
    for loaded in (False, True):
        optimizer = optimizer_of(OURS)
        scheduler = getattr(lr_scheduler, name)(optimizer, **given)
        if loaded:
            scheduler.load_state_dict(scheduler.state_dict())
        found.append([advance(optimizer, [scheduler], epoch) for epoch in range(5)])
    assert found[0] == found[1]
