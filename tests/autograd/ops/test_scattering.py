"""Sums at places: the short way for whole rows gives what np.add.at gives, bit for bit."""

import numpy as np
import pytest

from autograd import Tensor, grad, gradgradcheck, scatter_add
from autograd.ops import indexing
from autograd.ops.indexing import add_at

RNG = np.random.default_rng(0)


def drawn(limit, *shape):
    return RNG.integers(0, limit, shape)


# Name: (the shape of the whole, the index, whether the short way is open).
CASES = {
    "rows": ((50, 64), drawn(50, 40), True),
    "rows of an odd width": ((50, 33), drawn(50, 40), True),
    "rows from the end": ((50, 64), -1 - drawn(50, 40), True),
    "a batch of rows": ((50, 64), drawn(50, 8, 5), True),
    "narrow numbers": ((50, 64), drawn(50, 40).astype(np.uint8), True),
    "one row alone": ((50, 64), np.zeros(40, np.int64), True),
    "matrices": ((9, 8, 16), drawn(9, 30), True),
    "two axes": ((9, 8, 16), (drawn(9, 70), drawn(8, 70)), True),
    "two axes, stretched": ((9, 8, 16), (drawn(9, 10, 1), drawn(8, 1, 12)), True),
    "two of two axes": ((40, 50), (drawn(40, 2000), drawn(50, 2000)), False),
    "a slice before": ((5, 50, 16), (slice(None), drawn(50, 40)), False),
    "a mask beside": ((30, 50, 16), (np.arange(30) < 20, drawn(50, 20)), False),
    "columns": ((50, 64), (slice(None), drawn(64, 90)), False),
    "one axis": ((5000,), drawn(5000, 3000), False),
    "few": ((50, 4), drawn(50, 6), False),
}


@pytest.mark.parametrize("shape, index, short", CASES.values(), ids=CASES)
@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "i8", ">f4"])
def test_sums_are_those_of_numpy_bit_for_bit(shape, index, short, dtype, monkeypatch):
    whole = (RNG.normal(size=shape) * 9).astype(dtype)
    part = (RNG.normal(size=whole[index].shape) * 9).astype(dtype)
    part.reshape(-1)[0] = -0.0
    expected = whole.copy()
    np.add.at(expected, index, part)
    widths = []
    monkeypatch.setattr(indexing, "_BLOCK", 500)  # several blocks
    rows = indexing._rows
    monkeypatch.setattr(indexing, "_rows", lambda *a: widths.append(rows(*a)) or widths[-1])
    add_at(whole, index, part)
    assert whole.tobytes() == expected.tobytes()
    assert (bool(widths) and widths[0] is not None) == short


@pytest.mark.parametrize("few", [indexing._FEW, 10])
@pytest.mark.parametrize("shape, index", [c[:2] for c in CASES.values()], ids=CASES)
@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "i8", ">f4"])
def test_sums_on_zeros_are_those_of_numpy_bit_for_bit(shape, index, dtype, few, monkeypatch):
    monkeypatch.setattr(indexing, "_FEW", few)  # 10: what comes first is written, not added
    whole, expected = np.zeros(shape, dtype), np.zeros(shape, dtype)
    part = (RNG.normal(size=whole[index].shape) * 9).astype(dtype)
    np.add.at(expected, index, part)
    add_at(whole, index, part, empty=True)
    assert whole.tobytes() == expected.tobytes()


def test_a_long_table_gets_the_sums_of_numpy():
    places = drawn(4000, 3000)
    x = Tensor(RNG.normal(size=(4000, 6)), requires_grad=True)
    parts = RNG.normal(size=(2, 3000, 6))
    (found,) = grad((x[places] * parts[0]).sum() + (x[places] * parts[1]).sum(), [x])
    expected = np.zeros(x.shape)
    np.add.at(expected, np.tile(places, 2), parts.reshape(-1, 6))
    np.testing.assert_allclose(found.data, expected, rtol=1e-13, atol=1e-13)


def test_what_is_not_finite_stays_in_its_place():
    index, part = drawn(20, 60), RNG.normal(size=(60, 32))
    part[3, 4], part[5, 7], part[9, 0] = np.nan, np.inf, -np.inf
    whole, expected = np.zeros((20, 32)), np.zeros((20, 32))
    np.add.at(expected, index, part)
    add_at(whole, index, part)
    np.testing.assert_array_equal(whole, expected)


@pytest.mark.parametrize("bad", [50, -51])
def test_places_that_are_not_there_raise_as_in_numpy(bad):
    index = drawn(50, 40)
    index[7] = bad
    with pytest.raises(IndexError, match=f"index {bad} is out of bounds"):
        scatter_add(np.zeros((50, 64)), index, Tensor(np.ones((40, 64)), requires_grad=True))


def test_a_whole_that_is_not_in_order_and_parts_of_other_kinds():
    for whole, part in (
        (np.zeros((64, 50)).T, RNG.normal(size=(40, 64))),
        (np.zeros((50, 64), np.float32), RNG.normal(size=(40, 64))),
        (np.zeros((50, 64)), np.ones(64)),
    ):
        index, expected = drawn(50, 40), whole.copy()
        np.add.at(expected, index, part)
        add_at(whole, index, part)
        np.testing.assert_array_equal(whole, expected)


def test_derivatives_of_looking_up_many_rows():
    index = drawn(30, 70)
    x = Tensor(RNG.normal(size=(30, 16)), requires_grad=True)
    g = RNG.normal(size=(70, 16))
    expected = np.zeros((30, 16))
    np.add.at(expected, index, g)
    np.testing.assert_array_equal(grad(x[index], x, g)[0].data, expected)
    probe = RNG.normal(size=(30, 16))
    (slope,) = grad((x[index] ** 3 * g).sum(), x, create_graph=True)
    (second,) = grad((slope * probe).sum(), x)
    np.testing.assert_allclose(second.data, 6 * x.data * expected * probe, rtol=1e-10)
    small = Tensor(RNG.normal(size=(3, 16)), requires_grad=True)
    assert gradgradcheck(lambda x: x[drawn(3, 70) * 0 + 1] ** 3, small)


def test_scatter_add_changes_none_of_its_arguments_in_whatever_order_they_lie():
    x, values = np.asfortranarray(RNG.normal(size=(50, 64))), RNG.normal(size=(40, 64))
    before, index = x.copy(), drawn(50, 40)
    expected = x.copy()
    np.add.at(expected, index, values)
    np.testing.assert_array_equal(scatter_add(x, index, values), expected)
    np.testing.assert_array_equal(x, before)
