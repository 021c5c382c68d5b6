"""Values in a few characters: what every drawing tells of a number, an array, or a gradient."""

from __future__ import annotations

import math

import numpy as np
import pytest

from autograd.graph.data import Node
from autograd.words.numbers import alarms, rounding, settled, short, statistics, strip, summary

SHORT = {
    "whole": (2.0, "2"),
    "half": (2.5, "2.5"),
    "third": (1 / 3, "0.3333"),
    "minus zero": (-0.0, "0"),
    "tiny": (-0.000012, "-1.2e-05"),
    "huge": (1.5e20, "1.5e+20"),
    "whole part is kept": (12345.678, "12346"),
    "million": (1e6, "1e+06"),
    "just rounded up": (999.96, "1000"),
    "nan": (math.nan, "nan"),
    "infinite": (-math.inf, "-inf"),
    "int": (7, "7"),
    "long int": (10**12, "1e+12"),
    "bool": (True, "True"),
    "float32 shows no noise": (np.float32(0.1), "0.1"),
    "0-d array": (np.array(4.0), "4"),
    "few numbers": (np.array([1.0, -2.0, 3.0]), "[1, -2, 3]"),
    "matrix": (np.eye(2), "[[1, 0], [0, 1]]"),
    "bools": (np.array([True, False]), "[True, False]"),
    "too many letters": (np.full(6, -1.2345e-10), "(6,)"),
    "too many numbers": (np.zeros((32, 10)), "(32, 10)"),
    "no numbers": (np.zeros((0, 3)), "(0, 3)"),
}


@pytest.mark.parametrize("value, expected", SHORT.values(), ids=SHORT)
def test_short(value, expected):
    assert short(value) == expected


def test_digits_and_letters_are_asked_for():
    assert short(math.pi, digits=2) == "3.1"
    assert short(np.zeros(20), letters=80) == "[" + "0, " * 19 + "0]"


def test_statistics_are_of_the_finite_entries():
    known = statistics([0.0, 1.0, math.nan, math.inf, -math.inf, 5.0])
    assert (known.min, known.mean, known.max) == (0.0, 2.0, 5.0)
    assert known.std == pytest.approx(np.std([0.0, 1.0, 5.0]))
    assert (known.zeros, known.nan, known.inf, known.count) == (1, 1, 2, 6)


@pytest.mark.parametrize(
    "array", [[], [math.nan], [math.inf]], ids=["empty", "only nan", "only inf"]
)
def test_without_finite_entries_there_are_no_statistics(array):
    assert all(math.isnan(value) for value in statistics(array)[:4])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_statistics_of_large_numbers_do_not_warn(dtype):
    most = np.finfo(dtype).max
    known = statistics(np.full(10, most, dtype))
    assert known.min == known.mean == known.max == most


NOISE = {
    "cancels but for rounding": ([0.1, 0.2, -0.3], 0.0),
    "single precision": (np.array([0.1, 0.2, -0.3], np.float32), 0.0),
    "small, but no noise": ([1e-20, 3e-20], 2e-20),
    "small beside the others": ([1.0, -1.0, 3e-9], 1e-9),
    "a small part of single precision": (np.array([1.0, -1.0, 3e-5], np.float32), 1e-5),
    "whole numbers": ([10**9, 1 - 10**9], 0.5),
    "beside an infinity": ([0.1, 0.2, -0.3, math.inf], 0.0),
}


@pytest.mark.parametrize("array, mean", NOISE.values(), ids=NOISE)
def test_a_mean_that_is_only_rounding_is_0(array, mean):
    assert statistics(array).mean == pytest.approx(mean, rel=1e-3, abs=0)


@pytest.mark.parametrize("count", [10, 1000, 100_000])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_rounding_of_a_sum_is_within_its_bound(dtype, count):
    numbers = np.random.default_rng(0).normal(size=count).astype(dtype)
    tripled = (numbers * 3).astype(dtype)
    zero = np.concatenate([tripled, -numbers, -numbers, -numbers])
    shuffled = np.random.default_rng(1).permutation(zero)
    assert abs(float(shuffled.sum())) <= rounding(shuffled) < count * 1e-3


def test_settled_numbers_lose_only_what_is_noise():
    assert settled([1.0, -9e-18, 2e-16, math.nan], 1e-16)[:3].tolist() == [1.0, 0.0, 2e-16]
    assert settled(np.float32(3e-9), 1e-8) == 0 and settled(3e-9, 0.0) == 3e-9


SUMMARIES = {
    "range": ([-3.0, 0.5, 2.5], "mean 0, -3 to 2.5"),
    "all equal": (np.ones(9), "all 1"),
    "with nan": ([0.0, math.nan, 1.0], "mean 0.5, 0 to 1, 1 nan"),
    "nan and inf": ([math.nan, math.inf], "1 nan, 1 inf"),
    "empty": ([], "empty"),
}


@pytest.mark.parametrize("array, expected", SUMMARIES.values(), ids=SUMMARIES)
def test_summary(array, expected):
    assert summary(array) == expected


STRIPS = {
    "scaled by the largest": ([1.0, -2.0, 0.0], [0.5, -1.0, 0.0]),
    "all zero": ([0.0, 0.0], [0.0, 0.0]),
    "infinite is the end of the scale": ([math.inf, 1.0, -math.inf], [1.0, 1.0, -1.0]),
    "cut into runs": ([1.0, 3.0, 0.0, 2.0, 0.0, -8.0], [0.25, 0.125, -0.5]),
    "a cell for a column": ([[4.0, 0.0], [2.0, -1.0]], [0.75, -0.125]),
    "what cancels is pale": ([[1.0, 3.0], [-1.0, 4.0]], [0.0, 0.875]),
    "of one column its entries": ([[1.0], [-2.0], [0.0], [2.0]], [-0.25, 0.0, 1.0]),
    "few entries are all there": ([[1.0], [-2.0]], [0.5, -1.0]),
    "nan wins over infinity": ([[math.nan, 1.0], [math.inf, 2.0]], [math.nan, 0.75]),
    "infinite in a column": ([[0.0, -math.inf], [2.0, 2.0]], [0.5, -1.0]),
    "scalar": (5.0, [1.0]),
    "empty": ([], []),
}


@pytest.mark.parametrize("array, expected", STRIPS.values(), ids=STRIPS)
def test_strip(array, expected):
    np.testing.assert_array_equal(strip(array, cells=3), expected)


def test_columns_of_like_size_are_not_all_at_the_end_of_the_scale():
    cells = strip(np.random.default_rng(0).normal(size=(150, 16)))
    assert len(cells) == 16 and max(map(abs, cells)) < 0.2


def test_a_nan_is_seen_in_its_run():
    shown = strip([0.0] * 50 + [math.nan] + [2.0] * 49, cells=4)
    assert [math.isnan(value) for value in shown] == [False, False, True, False]


def test_a_strip_is_never_longer_than_its_cells():
    assert len(strip(np.arange(1000.0))) == 16 and len(strip(np.arange(5.0))) == 5


def node(value=None, gradient=None, operation=None, state="computed"):
    value = None if value is None else np.array(value)
    gradient = None if gradient is None else np.array(gradient)
    return Node("n0", "operation", operation, value=value, gradient=gradient, state=state)


ALARMS = {
    "nothing": (node([1.0], [1.0]), ()),
    "nan in the value": (node([math.nan]), ("nan in the value",)),
    "inf in the gradient": (node(1.0, math.inf), ("inf in the gradient",)),
    "both": (node([math.nan, math.inf]), ("nan in the value", "inf in the value")),
    "gradient vanished": (node([1.0, 1.0], [0.0, 0.0]), ("gradient is all zero",)),
    "one zero is a number like others": (node(1.0, 0.0), ()),
    "not computed is not zero": (node([1.0, 1.0], [0.0, 0.0], state="not computed"), ()),
    "dead unit": (
        node(8 * [[0.0, 1.0]], operation="relu"),
        ("dead: 1 of 2 units give 0 for every row",),
    ),
    "one row proves nothing": (node([[0.0, 1.0]], operation="relu"), ()),
    "two rows prove nothing": (node(2 * [[0.0, 1.0]], operation="relu"), ()),
    "of many units some are 0 in few rows": (node(8 * [200 * [0.0]], operation="relu"), ()),
    "but not in many": (
        node(20 * [200 * [0.0]], operation="relu"),
        ("dead: 200 of 200 units give 0 for every row",),
    ),
    "other operations may give 0": (node([[0.0, 1.0], [0.0, 1.0]], operation="multiply"), ()),
    "whole numbers": (node([1, 2], None), ()),
    "nothing known": (node(), ()),
}


@pytest.mark.parametrize("node, expected", ALARMS.values(), ids=ALARMS)
def test_alarms(node, expected):
    assert alarms(node) == expected
