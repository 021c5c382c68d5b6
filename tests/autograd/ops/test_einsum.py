"""np.einsum on Tensors: it takes and refuses what NumPy does, and is as exact in every order.

An einsum is linear in each operand, so its derivative along a direction v is the einsum with v in
the operand's place: NumPy's own einsum says what every gradient must be.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from autograd import Tensor, grad, jvp
from autograd.ops import linalg


def leaf(value):
    return Tensor(value, requires_grad=True)


def normal(seed, *shapes, dtype=np.float64):
    random = np.random.default_rng(seed)
    return [random.normal(size=shape).astype(dtype) for shape in shapes]


# ---- what it reads ------------------------------------------------------------------------------

ODD = [
    ("...i->", (2, 3)), ("...i->...", (2, 3)), ("...i->...i", (2, 3)), ("i...->i", (2, 3)),
    ("i...->i", (2,)), ("...->", ()), ("...->", (2,)), ("...ij,...jk->ik", (1, 2, 2), (1, 2, 2)),
    ("...ij,...jk->ik", (2, 2), (2, 2)), ("...ij->ji", (2, 2, 2)), ("...ij->ji", (2, 2)),
    ("ij->ij...", (2, 2)), ("ij->...", (2, 2)), ("ij,jk->...ik", (2, 2), (2, 2)),
    ("ii->ii", (2, 2)), ("ij->ii", (2, 2)), ("ij->jii", (2, 3)), ("ij->k", (2, 2)), ("i->ij", (2,)),
    (" i j -> j i ", (2, 3)), ("i j,jk- >ik", (2, 2), (2, 2)), ("ij->ji ", (2, 3)),
    ("ij->-", (2, 2)), ("ij->>", (2, 2)), ("ij>", (2, 2)), ("ij-", (2, 2)), ("ij->i->j", (2, 2)),
    ("->", ()), ("", ()), ("", (2,)), ("i->", (2,)), ("i,->i", (2,), ()), ("i,", (2,), ()),
    ("i..", (2, 2)), ("i....", (2, 2)), ("...i...", (2, 2)), ("......", (2, 2)), ("i.j", (2, 2)),
    ("i. ..", (2, 2)), (". . .i", (2, 2)), ("i...->... i", (2, 2)), ("...", (2, 3)),
    ("ij,jk", (2, 2)), ("ij", (2, 2), (2, 2)), ("ij,", (2, 2), (2, 2)), ("i", (2, 2)),
    ("ijk", (2, 2)), ("ij;jk", (2, 2), (2, 2)), ("i,j->i,j", (2,), (2,)), ("i1->i", (2, 2)),
    ("i_,_j", (2, 2), (2, 2)), ("iα->i", (2, 2)), ("ij\t->i", (2, 2)), ("ij->\ni", (2, 2)),
    ("iji->j", (2, 3, 2)), ("iij", (2, 2, 3)), ("ii", (2, 3)), ("ii", (1, 3)), ("ii->i", (3, 1)),
    ("ij,jk->ik", (2, 1), (3, 4)), ("ij,jk->ik", (2, 3), (1, 4)), ("i,i->i", (1,), (3,)),
    ("ii,i->i", (1, 1), (3,)), ("i,i", (2,), (3,)), ("i,i,i", (2,), (1,), (3,)),
    ("...i,...i->...", (2, 1, 3), (4, 3)), ("...i,...i->...", (2, 3), (4, 3)),
    ("...,...", (2, 3), (4, 3)), ("...i,i->...", (2, 3, 4), (4,)), ("...,i->...i", (2, 3), (4,)),
    ("ba", (2, 3)), ("Ab", (2, 3)), ("bA", (2, 3)), ("aB...", (2, 3, 4)), ("B...a", (2, 3, 4)),
    ("i...j,j->i...", (2, 5, 3), (3,)), (b"ij->j", (2, 3)), (b"ij->k", (2, 3)),
]  # fmt: skip


def same_as_numpy(call, arrays):
    """Both give the same value of the same dtype, or both refuse; says whether they refused."""
    try:
        wanted = call(*arrays)
    except (TypeError, ValueError):
        with pytest.raises((TypeError, ValueError)):
            call(*map(leaf, arrays))
        return True
    found = call(*map(leaf, arrays))
    assert found.shape == wanted.shape and found.dtype == wanted.dtype
    np.testing.assert_allclose(found.data, wanted, rtol=1e-12, atol=1e-12)
    return False


@pytest.mark.parametrize(("subscripts", "shapes"), [(s, shapes) for s, *shapes in ODD], ids=repr)
def test_subscripts_are_read_and_refused_as_numpy_does(subscripts, shapes):
    same_as_numpy(lambda *a: np.einsum(subscripts, *a), normal(1, *shapes))


def test_the_table_holds_both_what_is_taken_and_what_is_refused():
    refused = [
        same_as_numpy(lambda *a, s=s: np.einsum(s, *a), normal(1, *shapes)) for s, *shapes in ODD
    ]
    assert 20 < sum(refused) < len(refused) - 20


@pytest.mark.parametrize(
    "lists",
    [
        ([0, 1],), ([0, 1], [1]), ([1, 0],), ((0, 1), (1,)), ([-1, 0],), ([0, 52],), ([0, 51],),
        ([0, 1], [1, 1]), ([0, 1], [2]), ([..., 1], [1]), ([..., 1], [...]), ([..., ...],),
        ([0, 1.0],), ([True, False],), ("ij",), (["i", "j"],), ([0, None],), (np.array([0, 1]),),
        ([],), ([0, 1], []), ([np.int8(0), np.int64(1)],), ([0],), ([0, 1, 2],), (3,), ([0, 1], 3),
        ([27, 0],), ([0, 27], [27, 0]), (),
    ],
    ids=repr,
)  # fmt: skip
def test_lists_of_numbers_are_read_and_refused_as_numpy_does(lists):
    same_as_numpy(lambda a: np.einsum(a, *lists), normal(1, (2, 3)))


PATHS = [
    True, False, None, "greedy", "optimal", ("greedy", 100), ["optimal", 5], ("greedy", 1e3),
    ["einsum_path", (0, 1), (0, 1)], ["einsum_path", (0, 1, 2)], ("einsum_path", (1, 2), (0, 1)),
    ["einsum_path", [0, 2], [0, 1]], ["einsum_path", (1,), (0, 1), (0, 1)],
    ["einsum_path", (0, 1)], ["einsum_path", (0, 5), (0, 1)], "wrong", 0, 1, [], (), {}, "",
    [(0, 1), (0, 1)],
]  # fmt: skip


@pytest.mark.parametrize("optimize", PATHS, ids=repr)
def test_optimize_is_taken_and_refused_as_numpy_does(optimize):
    arrays, w = normal(2, (2, 3), (3, 4), (4, 2), (2, 2))[:3], normal(3, (2, 2))[0]
    call = lambda *a: np.einsum("ij,jk,kl->il", *a, optimize=optimize)  # noqa: E731
    try:
        wanted = call(*arrays)
    except (TypeError, ValueError, IndexError, KeyError, RuntimeError) as error:
        with pytest.raises(type(error)):
            call(*map(leaf, arrays))
        return
    leaves = list(map(leaf, arrays))
    y = call(*leaves)
    np.testing.assert_allclose(y.data, wanted, rtol=1e-12)
    for g, expected in zip(grad(y, leaves, w), by_linearity("ij,jk,kl->il", arrays, w)):
        np.testing.assert_allclose(np.asarray(g), expected, rtol=1e-12, atol=1e-14)


def test_an_ellipsis_that_the_result_drops_is_named():
    message = r"einsum: 'i\.\.\.->i': '\.\.\.' stands for 2 axes .* write i\.\.\.->\.\.\.i, or give"
    with pytest.raises(ValueError, match=message):
        np.einsum("i...->i", leaf(np.ones((2, 3, 4))))


def test_a_masked_array_is_refused():
    with pytest.raises(TypeError, match="masked array would lose its mask"):
        np.einsum("i,i", leaf([1.0, 2.0]), np.ma.masked_array([1.0, 2.0], [True, False]))


# ---- what it computes ---------------------------------------------------------------------------


def by_linearity(subscripts, arrays, w):
    """The gradient of sum(w einsum) with respect to each operand, element by element."""
    gradients = []
    for k, a in enumerate(arrays):
        found = np.zeros(a.shape)
        for at in np.ndindex(a.shape):
            unit = np.zeros(a.shape)
            unit[at] = 1
            found[at] = np.sum(w * np.einsum(subscripts, *arrays[:k], unit, *arrays[k + 1 :]))
        gradients.append(found)
    return gradients


LETTERS = "abcdXY"


def program(random):
    """Subscripts and shapes at random: repeated letters, ellipses, lengths 0 and 1, all orders."""
    length = {c: int(n) for c, n in zip(LETTERS, random.choice([0, 1, 2, 3, 4, 5], 6, p=WEIGHTS))}
    hidden = [int(n) for n in random.integers(1, 4, 2)]
    dots = random.random() < 0.3
    terms, shapes = [], []
    for _ in range(random.integers(1, 5)):
        letters = [str(c) for c in random.choice(list(LETTERS), random.integers(0, 4))]
        ones = {c for c in letters if random.random() < 0.08}
        shape = [1 if c in ones else length[c] for c in letters]
        if dots and random.random() < 0.8:
            place, count = random.integers(0, len(letters) + 1), random.integers(0, 3)
            letters.insert(place, "...")
            shape[place:place] = hidden[2 - count :]
        terms.append("".join(letters))
        shapes.append(tuple(shape))
    subscripts = ",".join(terms)
    if random.random() < 0.8:
        used = sorted(set("".join(terms)) - {"."})
        output = [c for c in random.permutation(used) if random.random() < 0.5] if used else []
        if dots:
            output.insert(random.integers(0, len(output) + 1), "...")
        subscripts += "->" + "".join(output)
    return subscripts, shapes


WEIGHTS = [0.02, 0.1, 0.28, 0.3, 0.2, 0.1]


@pytest.mark.parametrize("small", [linalg.SMALL, 1], ids=["by cost", "always in pairs"])
@pytest.mark.parametrize("seed", range(60))
def test_random_programs_have_numpys_values_and_the_gradients_of_linear_maps(
    seed, small, monkeypatch
):
    monkeypatch.setattr(linalg, "SMALL", small)
    linalg._steps.cache_clear()
    linalg._layout.cache_clear()
    random = np.random.default_rng(1000 + seed)
    for _ in range(3):
        subscripts, shapes = program(random)
        arrays = [random.normal(size=shape) for shape in shapes]
        if same_as_numpy(lambda *a, s=subscripts: np.einsum(s, *a), arrays):
            continue
        check_orders(subscripts, arrays, random)
    linalg._steps.cache_clear()
    linalg._layout.cache_clear()


def check_orders(subscripts, arrays, random):
    """First and second derivatives along directions, backward and forward."""
    directions = [random.normal(size=a.shape) for a in arrays]
    leaves = list(map(leaf, arrays))
    y = np.einsum(subscripts, *leaves)
    w = random.normal(size=y.shape)
    gradients = grad(y, leaves, w, create_graph=True)
    steps = []
    for k, (g, v) in enumerate(zip(gradients, directions)):
        along = np.einsum(subscripts, *arrays[:k], v, *arrays[k + 1 :])
        steps.append(along)
        assert g.shape == v.shape
        np.testing.assert_allclose(np.sum(g.data * v), np.sum(w * along), atol=1e-9)
    _, moved = jvp(lambda *a: np.einsum(subscripts, *a), tuple(arrays), tuple(directions))
    np.testing.assert_allclose(np.asarray(moved), sum(steps), atol=1e-9)
    if len(arrays) == 1:
        return
    second = grad(sum(np.sum(g * v) for g, v in zip(gradients, directions)), leaves)
    others = [random.normal(size=a.shape) for a in arrays]
    for k, h in enumerate(second):
        wanted = 0.0
        for m in range(len(arrays)):
            if m != k:
                changed = [*arrays]
                changed[k], changed[m] = others[k], directions[m]
                wanted += np.sum(w * np.einsum(subscripts, *changed))
        np.testing.assert_allclose(np.sum(np.asarray(h) * others[k]), wanted, atol=1e-8)


LARGE = [
    ("ij,jk,kl->il", (9, 12), (12, 11), (11, 10)), ("bi,bj,ijk->bk", (7, 8), (7, 9), (8, 9, 5)),
    ("bhid,bhjd->bhij", (2, 3, 6, 8), (2, 3, 7, 8)),
    ("bthd,bshd->bhts", (2, 6, 3, 8), (2, 7, 3, 8)),
    ("btc,hcd->bhtd", (3, 5, 8), (2, 8, 6)), ("bhtd,hdc->btc", (3, 2, 5, 6), (2, 6, 8)),
    ("abcd,cdab->", (4, 5, 6, 7), (6, 7, 4, 5)), ("iij,jk->ki", (9, 9, 13), (13, 11)),
    ("ij,kjl->k", (9, 13), (11, 13, 8)), ("ij,jk->ik", (12, 1), (12, 11)),
    ("ij,jk,kl,lm,mn->in", (6, 7), (7, 8), (8, 6), (6, 5), (5, 9)),
    ("i,ij,j->", (40,), (40, 41), (41,)), ("ij,ik,il->jkl", (99, 3), (99, 4), (99, 5)),
]  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(("subscripts", "shapes"), [(s, shapes) for s, *shapes in LARGE], ids=repr)
def test_large_operands_by_matrices_are_hardly_lose_a_digit(subscripts, shapes, dtype):
    arrays = normal(5, *shapes, dtype=dtype)
    exact = [a.astype(np.longdouble) for a in arrays]
    size = np.einsum(subscripts, *map(np.abs, exact))
    leaves = list(map(leaf, arrays))
    y = np.einsum(subscripts, *leaves)
    assert y.dtype == dtype
    tolerance = 4 * np.finfo(dtype).eps  # of the sum of sizes; half a precision sums in a whole one
    assert np.all(np.abs(y.data - np.einsum(subscripts, *exact)) <= tolerance * size)
    w = np.random.default_rng(6).normal(size=y.shape).astype(dtype)
    check = zip(grad(y, leaves, w), normal(7, *shapes), range(len(arrays)))
    for g, v, k in check:
        others = [*exact]
        others[k] = v
        wanted = np.sum(w * np.einsum(subscripts, *others))
        others = [*map(np.abs, exact)]
        others[k] = np.abs(v)
        size = np.sum(np.abs(w) * np.einsum(subscripts, *others))
        assert np.asarray(g).dtype == dtype
        assert abs(np.sum(np.asarray(g, np.float64) * v) - wanted) <= 2 * tolerance * size


KINDS = ["?", "i1", "i8", "f2", "f4", "f8"]


@pytest.mark.parametrize("dtypes", list(itertools.product(KINDS, repeat=2)))
@pytest.mark.parametrize("n", [2, 40])
def test_dtypes_are_numpys(dtypes, n):
    a, b = (np.ones((n, n)).astype(dtype) for dtype in dtypes)
    found, wanted = np.einsum("ij,jk->ik", Tensor(a), Tensor(b)), np.einsum("ij,jk->ik", a, b)
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found.data, wanted)
    three = np.einsum("ij,jk,kl->il", Tensor(a), Tensor(b), Tensor(b))
    assert three.dtype == wanted.dtype
    np.testing.assert_array_equal(three.data, np.einsum("ij,jk,kl->il", a, b, b))


def test_every_product_of_mixed_precisions_is_in_that_of_the_result():
    a, b, c = normal(8, (20, 20), (20, 20), (20, 20))
    a, b = a.astype(np.float32), b.astype(np.float32)
    x = [leaf(a), leaf(b), leaf(c)]
    y = np.einsum("ij,jk,kl->il", *x)
    exact = a.astype(np.float64) @ b.astype(np.float64) @ c
    np.testing.assert_allclose(y.data, exact, rtol=0, atol=1e-12)
    y.sum().backward()
    assert [t.grad.dtype for t in x] == [np.float32, np.float32, np.float64]


def test_a_gradient_of_an_integer_operand_is_not_asked_for():
    counts = np.arange(6).reshape(2, 3)
    x = leaf(np.ones((3, 2)))
    np.einsum("ij,jk->ik", counts, x).sum().backward()
    np.testing.assert_array_equal(x.grad, [[3, 3], [5, 5], [7, 7]])


@pytest.mark.parametrize("n", [3, 30])
def test_overflow_is_silent_as_numpys(n):
    a = leaf(np.full((n, n), 1e300))
    np.testing.assert_array_equal(np.einsum("ij,jk->ik", a, a).data, np.full((n, n), np.inf))


def test_no_result_on_the_way_is_much_larger_than_the_operands():
    x = [leaf(np.ones((100_000, 8))) for _ in range(3)]  # a product of two: 51 MB
    y = np.einsum("ij,ik,il->jkl", *x)
    assert [len(node) for node, _, _ in steps("ij,ik,il->jkl", x)] == [3]
    np.testing.assert_array_equal(y.data, np.full((8, 8, 8), 100_000))
    two = [leaf(np.ones((100, 8))) for _ in range(3)]
    assert [len(node) for node, _, _ in steps("ij,ik,il->jkl", two)] == [2, 2]


def steps(subscripts, tensors):
    terms, output = linalg.explicit(subscripts, tuple(t.shape for t in tensors))
    return linalg._steps(terms, output, tuple(t.shape for t in tensors), False)


def test_gradients_are_arrays_of_their_own():
    a, b = leaf(np.ones((2, 3, 4))), leaf(np.ones((4, 3)))
    np.einsum("btc,cd->btd", a, b).sum().backward()
    for g in (a.grad, b.grad):
        assert g.base is None and g.flags.writeable
    np.testing.assert_array_equal(a.grad, np.full((2, 3, 4), 3))
    np.testing.assert_array_equal(b.grad, np.full((4, 3), 6))


def test_the_gradient_beside_a_diagonal_is_zero_even_where_that_on_it_is_infinite():
    x = leaf(np.eye(2))
    np.einsum("ii->i", x).backward(np.array([np.inf, 1.0]))
    np.testing.assert_array_equal(x.grad, [[np.inf, 0], [0, 1]])
