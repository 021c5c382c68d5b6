"""First values: bounds by formula, moments of large samples, gains, seeds, and what is refused.

Samples are of fixed seeds; moments are compared within five standard errors.
"""

import math

import numpy as np
import pytest

import nn
from autograd import InPlaceError, Tensor
from nn import init
from tests.makers import rng


def tensor(*shape, dtype=np.float64):
    return Tensor(np.full(shape, 9.0, dtype), requires_grad=True)


# ---- every initialiser ------------------------------------------------------------------------


def even(bound):
    return -bound, bound, 0.0, bound * bound / 3


def normal(std):
    return -math.inf, math.inf, 0.0, std * std


def truncated(mean, std, a, b):
    """Bounds, mean and variance of the truncated normal distribution, by their formulas."""
    low, high = (a - mean) / std, (b - mean) / std

    def density(z):
        return math.exp(-z * z / 2) / math.sqrt(2 * math.pi) if math.isfinite(z) else 0.0

    def upper(z):
        return math.erfc(z / math.sqrt(2)) / 2

    mass = upper(low) - upper(high) if low > 0 else upper(-high) - upper(-low)
    shift = (density(low) - density(high)) / mass
    edges = [z * density(z) if math.isfinite(z) else 0.0 for z in (low, high)]
    variance = 1 + (edges[0] - edges[1]) / mass - shift * shift
    return a, b, mean + std * shift, std * std * variance


RELU = math.sqrt(2)
# Name: (options, the lowest and highest value, mean, variance) for a weight (600, 40, 5): 40 * 5
# numbers in, 600 * 5 out.
FANS = (200, 3000)
CASES = {
    "zeros_": [({}, (0, 0, 0, 0))],
    "ones_": [({}, (1, 1, 1, 0))],
    "constant_": [({"val": -2.5}, (-2.5, -2.5, -2.5, 0))],
    "uniform_": [({}, (0, 1, 0.5, 1 / 12)), ({"a": -3, "b": 5}, (-3, 5, 1, 64 / 12))],
    "normal_": [({}, normal(1)), ({"std": 0.0}, (0, 0, 0, 0)),
                ({"mean": 3, "std": 0.5}, (-math.inf, math.inf, 3, 0.25))],
    "trunc_normal_": [
        ({}, truncated(0, 1, -2, 2)),
        ({"std": 0.02, "a": -0.04, "b": 0.04}, truncated(0, 0.02, -0.04, 0.04)),
        ({"mean": 1, "std": 2, "a": 0, "b": 1.5}, truncated(1, 2, 0, 1.5)),
        ({"a": 0, "b": math.inf}, truncated(0, 1, 0, math.inf)),
        ({"a": 5, "b": 6}, truncated(0, 1, 5, 6)),
        ({"a": -40, "b": -5}, truncated(0, 1, -40, -5)),
        ({"a": -math.inf, "b": math.inf}, normal(1)),
        ({"a": 0.5, "b": 0.5}, (0.5, 0.5, 0.5, 0)),
    ],
    "xavier_uniform_": [
        ({}, even(math.sqrt(6 / sum(FANS)))),
        ({"gain": 5 / 3}, even(5 / 3 * math.sqrt(6 / sum(FANS)))),
    ],
    "xavier_normal_": [
        ({}, normal(math.sqrt(2 / sum(FANS)))), ({"gain": 2}, normal(math.sqrt(8 / sum(FANS)))),
    ],
    "kaiming_uniform_": [
        ({}, even(RELU * math.sqrt(3 / 200))),
        ({"mode": "fan_out"}, even(RELU * math.sqrt(3 / 3000))),
        ({"a": math.sqrt(5)}, even(1 / math.sqrt(200))),
        ({"nonlinearity": "tanh"}, even(5 / 3 * math.sqrt(3 / 200))),
    ],
    "kaiming_normal_": [
        ({}, normal(RELU / math.sqrt(200))),
        ({"mode": "fan_out", "nonlinearity": "linear"}, normal(1 / math.sqrt(3000))),
        ({"a": 0.2}, normal(math.sqrt(2 / 1.04 / 200))),
    ],
}  # fmt: skip
EACH = [
    pytest.param(name, options, *expected, id=f"{name} {options or ''}")
    for name, cases in CASES.items()
    for options, expected in cases
]
each_case = pytest.mark.parametrize("name, options, low, high, mean, variance", EACH)
DRAWN = [name for name in CASES if name not in ("zeros_", "ones_", "constant_")]


def test_every_initialiser_has_a_case():
    assert set(CASES) == {name for name in init.__all__ if name.endswith("_")}


def filled(name, options, dtype=np.float64, shape=(600, 40, 5), seed=0):
    weight = tensor(*shape, dtype=dtype)
    more = {"rng": rng(seed)} if name in DRAWN else {}
    assert getattr(init, name)(weight, **options, **more) is weight
    return weight


@each_case
def test_bounds_and_moments(name, options, low, high, mean, variance):
    values = filled(name, options).data
    error = 5 * math.sqrt(variance / values.size)
    assert low <= values.min() and values.max() <= high
    assert abs(values.mean() - mean) <= error
    # The variance of a variance is (kurtosis - 1) var² / n; a kurtosis of 9 covers all of these.
    assert abs(values.var() - variance) <= 5 * variance * math.sqrt(8 / values.size)
    if math.isfinite(high) and variance and name != "trunc_normal_":  # it reaches its bounds
        assert values.max() > high - 0.01 * (high - low) and values.min() < low + 0.01 * (
            high - low
        )


@each_case
def test_the_same_seed_gives_the_same_numbers_in_every_dtype(
    name, options, low, high, mean, variance
):
    wide, again, narrow = (filled(name, options, d) for d in (np.float64, np.float64, np.float32))
    np.testing.assert_array_equal(wide.data, again.data)
    np.testing.assert_array_equal(wide.data.astype(np.float32), narrow.data)
    if variance:
        assert not np.array_equal(filled(name, options, seed=1).data, wide.data)


@pytest.mark.parametrize("name", CASES)
def test_a_parameter_stays_one_and_gets_new_values(name):
    weight = tensor(3, 4, dtype=np.float32)
    held = weight.data
    getattr(init, name)(weight, *([2.0] if name == "constant_" else []))
    assert weight.is_leaf and weight.requires_grad and weight.dtype == np.float32
    assert np.all(held == 9)  # who holds the old array keeps the old values


@pytest.mark.parametrize("name", DRAWN)
def test_without_rng_the_librarys_generator_is_used(name):
    nn.manual_seed(4)
    first = getattr(init, name)(tensor(3, 4)).data
    np.testing.assert_array_equal(getattr(init, name)(tensor(3, 4), rng=rng(4)).data, first)


@pytest.mark.parametrize("name", CASES)
def test_nothing_to_fill_is_filled(name):
    for shape in [(0, 3), (3, 0), (0, 0)]:
        weight = getattr(init, name)(tensor(*shape), *([2.0] if name == "constant_" else []))
        assert weight.shape == shape


def test_far_tails_are_drawn_at_once():
    weight = init.trunc_normal_(tensor(1000), 0, 1, 37, 1e9, rng=rng())
    assert 37 <= weight.data.min() and abs(weight.data.mean() - (37 + 1 / 37)) < 0.005


# ---- gains ------------------------------------------------------------------------------------

GAINS = [
    ("linear", None), ("conv1d", None), ("conv2d", None), ("conv3d", None), ("sigmoid", None),
    ("tanh", None), ("relu", None), ("selu", None), ("leaky_relu", None), ("leaky_relu", 0),
    ("leaky_relu", 0.3), ("leaky_relu", 5**0.5),
]  # fmt: skip


@pytest.mark.parametrize("nonlinearity, param", GAINS)
def test_gains_are_pytorchs(nonlinearity, param):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    expected = torch.nn.init.calculate_gain(nonlinearity, param)
    assert init.calculate_gain(nonlinearity, param) == pytest.approx(expected, rel=1e-15)


KNOWN = {"tanh": 5 / 3, "relu": math.sqrt(2), "selu": 0.75, "linear": 1, "sigmoid": 1}


@pytest.mark.parametrize("nonlinearity", KNOWN)
def test_gains_that_everyone_knows(nonlinearity):
    assert init.calculate_gain(nonlinearity) == KNOWN[nonlinearity]


@pytest.mark.parametrize("name", ["xavier_uniform_", "kaiming_uniform_"])
@pytest.mark.parametrize("shape", [(30, 20), (20, 30), (8, 4, 3)])
def test_bounds_are_pytorchs(name, shape):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    torch.manual_seed(0)
    theirs = getattr(torch.nn.init, name)(torch.empty(300, *shape[1:])[: shape[0]].clone())
    bound = theirs.abs().max().item()  # of a sample: a little inside
    ours = filled(name, {}, shape=shape)
    assert abs(ours.data).max() == pytest.approx(bound, rel=0.1)


# ---- by name ----------------------------------------------------------------------------------

ALIASES = {
    "glorot_uniform": "xavier_uniform_", "glorot_normal": "xavier_normal_",
    "he_uniform": "kaiming_uniform_", "he_normal": "kaiming_normal_",
}  # fmt: skip
NAMES = ALIASES | {n.removesuffix("_"): n for n in CASES if n != "constant_"}


@pytest.mark.parametrize("name, function", NAMES.items(), ids=NAMES)
def test_names_and_the_aliases_of_keras(name, function):
    expected = filled(function, {}, shape=(4, 3)).data
    for spelled in (name, name + "_"):
        named = init.named_initializer(spelled, rng())(tensor(4, 3))
        np.testing.assert_array_equal(named.data, expected)


NEAREST = {"he_norml": "he_normal", "glorot_uniforn": "glorot_uniform", "kaimin_normal": "kaiming"}


@pytest.mark.parametrize("name", NEAREST)
def test_an_unknown_name_is_told_the_nearest(name):
    with pytest.raises(ValueError, match=f"unknown initialiser '{name}'; .*'{NEAREST[name]}"):
        init.named_initializer(name)


OTHER_NAMES = {"glorot_uniform_": "xavier_uniform_", "he_normal": "kaiming_normal_"}


@pytest.mark.parametrize("name", OTHER_NAMES)
def test_names_of_glorot_and_he_lead_to_ours(name):
    with pytest.raises(AttributeError, match=f"'{name}'; .* nn.init.{OTHER_NAMES[name]}"):
        getattr(init, name)


def test_a_name_that_nobody_has_is_missing():
    with pytest.raises(AttributeError, match="module 'nn.init' has no attribute 'lecun_normal_'$"):
        _ = init.lecun_normal_


# ---- what is refused --------------------------------------------------------------------------

WRONG = {
    "one axis": (lambda: init.xavier_normal_(tensor(3)), ValueError, r"at least 2 axes.*\(3,\)"),
    "one axis, kaiming": (lambda: init.kaiming_normal_(tensor(3)), ValueError, "at least 2 axes"),
    "mode": (
        lambda: init.kaiming_normal_(tensor(2, 3), mode="fan_inn"), ValueError,
        "kaiming_normal_: unknown mode 'fan_inn'; did you mean 'fan_in'",
    ),
    "nonlinearity": (
        lambda: init.kaiming_uniform_(tensor(2, 3), nonlinearity="rleu"), ValueError,
        "unknown nonlinearity 'rleu'; did you mean 'relu'",
    ),
    "bounds of a wrong kind": (
        lambda: init.uniform_(tensor(3), "a"), TypeError, "uniform_: a must be a number, got 'a'",
    ),
    "an infinite bound": (
        lambda: init.uniform_(tensor(3), 0, np.inf), ValueError, "b must be a finite number",
    ),
    "mean": (
        lambda: init.normal_(tensor(3), None), TypeError, "mean must be a number, got None",
    ),
    "a slope of a wrong kind": (
        lambda: init.calculate_gain("leaky_relu", "a"), TypeError, "param must be a number",
    ),
    "bounds": (lambda: init.uniform_(tensor(3), 2, 1), ValueError, "a <= b, got a=2, b=1"),
    "std": (lambda: init.normal_(tensor(3), 0, -1), ValueError, "std must be >= 0, got -1"),
    "std 0": (lambda: init.trunc_normal_(tensor(3), std=0), ValueError, "std > 0 .*got std=0"),
    "cuts": (lambda: init.trunc_normal_(tensor(3), a=1, b=0), ValueError, "a <= b, .*a=1, b=0"),
    "nan": (lambda: init.uniform_(tensor(3), math.nan), ValueError, "must be a number, got nan"),
    "an array": (lambda: init.zeros_(np.zeros(3)), TypeError, "zeros_ fills a Tensor, got ndarray"),
    "integers": (lambda: init.normal_(Tensor([1, 2])), TypeError, "do not fit into int64"),
    "a seed": (lambda: init.normal_(tensor(3), rng=3), TypeError, "a numpy.random.Generator"),
    "a result": (lambda: init.ones_(tensor(3) * 2), InPlaceError, "cannot be changed"),
}  # fmt: skip


@pytest.mark.parametrize("call, kind, message", WRONG.values(), ids=WRONG)
def test_what_is_refused(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_after_an_error_the_values_are_the_old_ones():
    weight = tensor(3)
    with pytest.raises(ValueError):
        init.kaiming_normal_(weight)
    assert np.all(weight.data == 9)
