"""What arguments must be: one behaviour wherever a number, a whole number or a flag is due."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import pytest

import nn
from autograd import Tensor
from nn import optim
from nn.checks import complain, flag, number, one_of, whole

NUMBERS = [
    2,
    2.0,
    np.float32(2),
    np.float64(2),
    np.int64(2),
    np.array(2.0),
    np.array([2]),
    Tensor(2.0),
]
WHOLE = [2, np.int64(2), np.int8(2), np.uint16(2), np.array(2)]
NO_NUMBERS = [True, np.True_, "2", None, [2], np.array([1, 2]), 2j, Tensor([1.0, 2.0])]


@pytest.mark.parametrize("value", NUMBERS, ids=repr)
def test_numbers_of_every_kind_are_numbers(value: Any) -> None:
    found = number("a", value, least=2, most=2)
    assert found == 2 and type(found) in (int, float)


@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
def test_what_is_no_number_is_refused(value: Any) -> None:
    for check in (number, whole, partial(number, finite=False)):
        with pytest.raises(TypeError, match="^a must be a (whole )?number, got "):
            check("a", value)


@pytest.mark.parametrize("value", WHOLE, ids=repr)
def test_whole_numbers_of_every_kind(value: Any) -> None:
    assert whole("a", value, least=2) == 2 and type(whole("a", value)) is int


@pytest.mark.parametrize("value", [2.0, np.float64(2), 1.5, np.array([2]), math.nan], ids=repr)
def test_what_is_no_whole_number_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="a must be a whole number, got"):
        whole("a", value)


BOUNDS: dict[str, Any] = {
    "a must be >= 0, got -1": ({"least": 0}, -1),
    "a must be >= 0, got nan": ({"least": 0}, math.nan),
    "a must be above 0, got 0": ({"above": 0, "most": 1}, 0),
    "a must be <= 1, got 1.5": ({"above": 0, "most": 1}, 1.5),
    "a must be below 1, got 1.0": ({"least": 0, "below": 1}, 1.0),
    "a must be a number, got nan": ({}, math.nan),
    "a must be a finite number, got inf": ({"least": 0}, math.inf),
    "a must be a finite number, got -inf": ({}, -math.inf),
}  # fmt: skip


@pytest.mark.parametrize("message", BOUNDS)
def test_the_bound_that_does_not_hold_is_named(message: str) -> None:
    bounds, value = BOUNDS[message]
    with pytest.raises(ValueError, match=f"^{message}$"):
        number("a", value, **bounds)


def test_infinity_is_taken_where_it_means_something() -> None:
    assert number("a", math.inf, least=0, finite=False) == math.inf
    with pytest.raises(ValueError, match="a must be >= 3, got 2"):
        whole("a", 2, least=3)


def test_flags_words_and_lists_of_complaints() -> None:
    assert [flag("a", v) for v in (True, False, np.True_, np.array(False))] == [True, False] * 2
    assert [flag("a", v, numbers=True) for v in (1, 0, np.int64(1), False)] == [True, False] * 2
    for value in (2, "True", None, 0.5, [True]):
        for numbers in (False, True):
            with pytest.raises(TypeError, match="a must be True or False, got"):
                flag("a", value, numbers=numbers)
    with pytest.raises(TypeError, match="a must be True or False, got 1"):
        flag("a", 1)
    assert one_of("a", "min", ("min", "max")) == "min"
    for value in ("mean", None, ["min"]):
        with pytest.raises(ValueError, match="a must be 'min' or 'max', got"):
            one_of("a", value, ("min", "max"))
    complain("nothing is wrong", [])
    with pytest.raises(ValueError, match=r"^two things:\n    one\n    other$"):
        complain("two things", ["one", "other"])


# ---- optimisers of one's own say what their settings must be ------------------------------------


class Own(optim.Optimizer):
    def __init__(self, params: Any, **settings: Any) -> None:
        super().__init__(params, {"lr": 0.1, "alpha": 0.5, "rho": 0.5, **settings})

    def update(self, value: Any, gradient: Any, state: Any, settings: Any) -> Any:
        return value - settings["lr"] * settings["rho"] * gradient


class Checked(Own):
    checks = {**Own.checks, "rho": partial(number, above=0), "alpha": flag}


def leaf() -> Tensor:
    return Tensor([1.0], requires_grad=True)


def test_the_base_asks_for_nothing_that_only_its_children_know() -> None:
    optimizer = Own([leaf()], alpha=-0.5, rho="x", betas=7, nesterov="perhaps")
    assert optimizer.alpha == -0.5 and optimizer.rho == "x"
    for settings in ({"lr": -1}, {"lr": "x"}, {"rho": math.nan}):
        with pytest.raises((TypeError, ValueError), match="Own: (lr|rho) must be"):
            Own([leaf()], **settings)


def test_what_a_class_says_of_its_settings_is_asked_wherever_they_are_set() -> None:
    for rho in ("x", 0, math.nan):
        with pytest.raises((TypeError, ValueError), match="Checked: rho must be"):
            Checked([leaf()], alpha=True, rho=rho)
    optimizer = Checked([leaf()], alpha=True)
    with pytest.raises(ValueError, match="Checked: rho must be above 0, got -1"):
        optimizer.rho = -1
    with pytest.raises(ValueError, match="Checked: rho must be above 0, got -1"):
        optimizer.add_param_group({"params": [leaf()], "rho": -1})
    state = optimizer.state_dict()
    state["param_groups"][0]["rho"] = -1
    with pytest.raises(ValueError, match="rho must be above 0, got -1"):
        optimizer.load_state_dict(state)
    assert optimizer.param_groups[0]["rho"] == 0.5


def test_every_setting_is_an_attribute_of_all_groups() -> None:
    first, second = leaf(), leaf()
    optimizer = Own([{"params": [first]}, {"params": [second]}])
    optimizer.rho = 2.0
    first.grad = second.grad = [1.0]
    optimizer.step()
    assert [p.item() for p in (first, second)] == [0.8, 0.8]
    assert not hasattr(optim.SGD([leaf()]), "betas") and not hasattr(optim.Adam([leaf()]), "rho")


# ---- wherever a whole number, a number or a flag is asked for -----------------------------------

X, Y = np.zeros((8, 2), np.float32), np.zeros((8, 1), np.float32)


def trainer(**options: Any) -> nn.Trainer:
    model = nn.Linear(2, 1)
    return nn.Trainer(model, optim.SGD(model.parameters()), nn.MSELoss(), **options)


COUNTS: dict[str, Any] = {
    "Linear": lambda n: nn.Linear(n, 2), "Linear's other": lambda n: nn.Linear(2, n),
    "MLP": lambda n: nn.MLP([2, n, 1]), "BatchNorm1d": nn.BatchNorm1d, "LayerNorm": nn.LayerNorm,
    "LayerNorm of several": lambda n: nn.LayerNorm((n, 2)),
    "StepLR": lambda n: optim.lr_scheduler.StepLR(optim.SGD([leaf()]), n),
    "EarlyStopping": lambda n: nn.EarlyStopping(patience=n),
    "ModelCheckpoint": lambda n: nn.ModelCheckpoint("run.npz", every=n),
    "DataLoader": lambda n: nn.DataLoader(X, Y, batch_size=n),
    "fit": lambda n: trainer().fit(X, Y, epochs=n, progress=False),
    "batches of fit": lambda n: trainer().fit(X, Y, batch_size=n, progress=False),
}  # fmt: skip


@pytest.mark.parametrize("name", COUNTS)
def test_whole_numbers_are_the_same_everywhere(name: str) -> None:
    for value in (2, np.int64(2), np.uint8(2)):
        COUNTS[name](value)
    for value in (True, np.True_, 2.0, "2", 2j, np.float32(2)):
        with pytest.raises(TypeError, match="whole number|an int"):
            COUNTS[name](value)
    with pytest.raises(ValueError, match="must be (>= 1|at least 1), got 0"):
        COUNTS[name](0)


NUMBERED: dict[str, Any] = {
    "lr": lambda v: optim.SGD([leaf()], lr=v),
    "betas": lambda v: optim.Adam([leaf()], betas=(v, v)),
    "gamma": lambda v: optim.lr_scheduler.ExponentialLR(optim.SGD([leaf()]), v),
    "eps": lambda v: nn.LayerNorm(2, eps=v), "momentum": lambda v: nn.BatchNorm1d(2, momentum=v),
    "p": nn.Dropout, "slope": nn.LeakyReLU, "alpha": nn.ELU, "beta": nn.Softplus,
    "delta": lambda v: nn.HuberLoss(delta=v), "std": lambda v: nn.init.normal_(leaf(), 0, v),
    "smoothing": lambda v: nn.CrossEntropyLoss(label_smoothing=v),
    "max_norm": lambda v: nn.clip_grad_norm_(leaf(), v),
    "norm_type": lambda v: nn.clip_grad_norm_(leaf(), 1.0, v),
    "clip_value": lambda v: nn.clip_grad_value_(leaf(), v),
    "clip_norm": lambda v: trainer(clip_norm=v),
    "min_delta": lambda v: nn.EarlyStopping(min_delta=v),
    "threshold": lambda v: nn.accuracy(np.zeros(3), np.zeros(3, int), threshold=v),
}  # fmt: skip


@pytest.mark.parametrize("name", NUMBERED)
def test_numbers_are_the_same_everywhere(name: str) -> None:
    for value in (0.5, np.float32(0.5), np.float64(0.5), np.array(0.5)):
        NUMBERED[name](value)
    for value in ("0.5", [0.5], True, 1j, np.array([0.5, 0.5])):
        with pytest.raises(TypeError, match="must be a number, got"):
            NUMBERED[name](value)
    with pytest.raises(ValueError, match="got nan"):
        NUMBERED[name](math.nan)


SET = {
    "CrossEntropyLoss": lambda v: nn.CrossEntropyLoss(label_smoothing=v),
    "LeakyReLU": nn.LeakyReLU, "ELU": nn.ELU, "Softplus": lambda v: nn.Softplus(v, v),
    "Hardtanh": lambda v: nn.Hardtanh(0.0, v), "Dropout": nn.Dropout,
    "HuberLoss": lambda v: nn.HuberLoss(delta=v),
    "flags of LayerNorm": lambda v: nn.LayerNorm(3, 0.1, v == 0.25),
    "flags of BatchNorm1d": lambda v: nn.BatchNorm1d(
        3, affine=v == 0.25, track_running_stats=v == 0.25
    ),
    "LayerNorm": lambda v: nn.LayerNorm(3, eps=v),
    "BatchNorm1d": lambda v: nn.BatchNorm1d(3, v, v),
}  # fmt: skip


@pytest.mark.parametrize("number", [np.float64, np.float32, np.array, Tensor], ids=str)
@pytest.mark.parametrize("make", SET.values(), ids=SET)
def test_settings_are_kept_as_plain_numbers_and_not_as_buffers(make: Any, number: Any) -> None:
    given, plain = make(number(0.25)), make(0.25)
    assert repr(given) == repr(plain) and given.state_dict().keys() == plain.state_dict().keys()


@pytest.mark.parametrize("number", [np.float64, np.array, Tensor], ids=str)
@pytest.mark.parametrize(
    "target", [[1, 0], np.full((2, 3), 1 / 3, np.float32)], ids=["labels", "p"]
)
def test_a_label_smoothing_of_numpys_keeps_the_losss_dtype(number: Any, target: Any) -> None:
    logits = Tensor(np.eye(2, 3, dtype=np.float32))
    loss = nn.functional.cross_entropy(logits, target, label_smoothing=number(0.1))
    expected = nn.functional.cross_entropy(logits, target, label_smoothing=0.1)
    assert loss.dtype == np.float32 and loss.item() == expected.item()
