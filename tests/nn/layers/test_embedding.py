"""Embedding: rows looked up, their gradients, beside PyTorch's and by hand; padding; mistakes."""

import copy
import pickle

import numpy as np
import pytest

import autograd
import nn
from autograd import Tensor, draw, explain, gradcheck, gradgradcheck
from nn import functional

INDICES = {
    "a number": 3,
    "a row": [1, 4, 1],
    "a batch": [[0, 4, 4], [4, 2, 0]],
    "three axes": [[[1], [2]], [[2], [2]]],
}
PADDING = {"none": None, "first": 0, "last": -1, "not there": 3}


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize("indices", INDICES.values(), ids=INDICES)
@pytest.mark.parametrize("padding", PADDING.values(), ids=PADDING)
def test_embedding_agrees_with_pytorch_at_first_and_second_order(indices, padding):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    rows, found = random(5, 3), []
    for lib, leaf, function, places in (
        (autograd, Tensor, functional.embedding, np.array(indices)),
        (torch.autograd, torch.tensor, torch.nn.functional.embedding, torch.tensor(indices)),
    ):
        weight = leaf(rows, requires_grad=True)
        y = function(places, weight, padding)
        (slope,) = lib.grad((y**3).sum(), [weight], create_graph=True)
        found.append([y, slope, *lib.grad((slope**2).sum() + y.sum(), [weight])])
    for a, b in zip(*found):
        np.testing.assert_allclose(a.data, b.detach().numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("padding", PADDING.values(), ids=PADDING)
def test_gradients_add_up_where_the_rows_came_from(padding):
    weight = Tensor(random(5, 3), requires_grad=True)
    indices = np.array([[0, 4, 4], [1, 0, 4]])
    g = random(2, 3, 3, seed=1)
    functional.embedding(indices, weight, padding).backward(g)
    expected = np.zeros((5, 3))
    for place in np.ndindex(2, 3):
        if padding is None or indices[place] != padding % 5:
            expected[indices[place]] += g[place]
    np.testing.assert_allclose(weight.grad, expected, rtol=1e-15)
    if padding is None:
        assert gradcheck(lambda w: functional.embedding(indices, w) ** 3, weight)
        assert gradgradcheck(lambda w: functional.embedding(indices, w) ** 3, weight)


def test_nothing_comes_back_for_the_padding_not_even_nan():
    weight = Tensor(random(3, 2), requires_grad=True)
    g = np.full((2, 2), np.nan)
    g[1] = 1
    functional.embedding([0, 1], weight, padding_idx=0).backward(g)
    np.testing.assert_array_equal(weight.grad, [[0, 0], [1, 1], [0, 0]])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtypes_stay(dtype):
    layer = nn.Embedding(4, 3, padding_idx=1, dtype=dtype)
    y = layer([0, 1, 1, 2])
    y.sum().backward()
    assert y.dtype == layer.weight.dtype == layer.weight.grad.dtype == dtype


def test_half_a_precision_counts_further_than_2048():
    weight = Tensor(np.zeros((2, 1), np.float16), requires_grad=True)
    functional.embedding(np.zeros(5000, np.int64), weight).sum().backward()
    assert weight.grad[0, 0] == 5000


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.int16, np.int32, np.int64, np.uint64])
def test_whole_numbers_of_every_kind_are_taken(kind):
    layer = nn.Embedding(200, 2)
    places = np.array([[0, 100], [127, 3]], kind)
    for given in (places, Tensor(places), places.tolist(), places[:, ::-1][:, ::-1]):
        np.testing.assert_array_equal(layer(given).data, layer.weight.data[places.astype(int)])


def test_no_indices_have_no_rows_and_a_gradient_of_zeros():
    layer = nn.Embedding(3, 2)
    assert layer([]).shape == (0, 2)
    y = layer(np.zeros((0, 4), np.int64))
    y.sum().backward()
    assert y.shape == (0, 4, 2) and not layer.weight.grad.any()


def test_first_values_are_normal_and_the_padding_is_zero():
    layer = nn.Embedding(1000, 50, padding_idx=-1, rng=np.random.default_rng(0))
    rows = layer.weight.data
    assert layer.padding_idx == 999 and not rows[999].any()
    assert abs(rows[:999].mean()) < 0.02 and abs(rows[:999].std() - 1) < 0.02
    assert rows.dtype == np.float32 and layer.weight.requires_grad


def test_states_go_from_and_to_pytorch():
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    ours, theirs = nn.Embedding(5, 3, 2), torch.nn.Embedding(5, 3, 2)
    assert {k: v.shape for k, v in ours.state_dict().items()} == {
        k: tuple(v.shape) for k, v in theirs.state_dict().items()
    }
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    np.testing.assert_array_equal(ours([1, 2]).data, theirs(torch.tensor([1, 2])).detach().numpy())
    theirs.load_state_dict({k: torch.tensor(v) for k, v in ours.state_dict().items()})


def test_from_pretrained_is_frozen_unless_told_otherwise():
    rows = random(4, 3)
    layer = nn.Embedding.from_pretrained(rows)
    rows[:] = 0
    assert layer.weight.data.any() and layer.weight.dtype == np.float64  # a copy
    assert not layer.weight.requires_grad and not layer([1]).requires_grad
    free = nn.Embedding.from_pretrained(Tensor(random(4, 3)), freeze=False, padding_idx=1)
    free([1, 2]).sum().backward()
    np.testing.assert_array_equal(free.weight.grad[1], 0)
    np.testing.assert_array_equal(free.weight.data, random(4, 3))  # the padding keeps its values
    state = nn.random.get_state()
    nn.Embedding.from_pretrained(random(2, 2))
    assert nn.random.get_state() == state


def test_the_padding_stays_while_the_others_are_trained():
    layer = nn.Embedding(4, 2, padding_idx=0)
    before = layer.weight.data
    optimizer = nn.optim.Adam(layer.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        (layer([0, 1, 1]) ** 2).sum().backward()
        optimizer.step()
    same = (layer.weight.data == before).all(axis=1)
    assert same.tolist() == [True, False, True, True]


def test_copies_files_and_repr(tmp_path):
    layer = nn.Embedding(4, 2, padding_idx=-1)
    assert repr(layer) == "Embedding(4, 2, padding_idx=3)" and repr(nn.Embedding(4, 2)) == (
        "Embedding(4, 2)"
    )
    nn.save(tmp_path / "layer.npz", layer)
    other = nn.Embedding(4, 2)
    other.load_state_dict(nn.load(tmp_path / "layer.npz"))
    for copied in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), other):
        np.testing.assert_array_equal(copied([3, 1]).data, layer([3, 1]).data)


def test_summary_gives_it_whole_numbers():
    model = nn.Sequential(nn.Embedding(10, 4), nn.Flatten(), nn.Linear(20, 2))
    summary = model.summary(5)
    assert [row.output_shape for row in summary.rows] == [
        ("n", 2),
        ("n", 5, 4),
        ("n", 20),
        ("n", 2),
    ]


def test_drawings_and_explanations_know_it():
    layer = nn.Embedding(4, 2, padding_idx=0, rng=np.random.default_rng(0))
    loss = (layer([[1, 0], [1, 3]]) ** 2).sum()
    loss.backward()
    text = str(draw(loss, names=layer))
    assert "take" in text and "weight" in text
    assert "g at the places taken" in str(explain(loss, layer.weight))


MISTAKES = {
    "negative": (lambda: nn.Embedding(4, 2)([[0, 1], [-1, 2]]), ValueError,
        r"^Embedding\(4, 2\): its input must be from 0 to 3, for weight has 4 rows, got -1 at "
        r"position \(1, 0\)$"),
    "too large": (lambda: nn.Embedding(4, 2)(4), ValueError, "got 4$"),
    "floats": (lambda: nn.Embedding(4, 2)([0.0, 1.0]), TypeError,
        r"whole numbers, the rows to look up, got float64; convert it: input\.astype\(np\.int64\)"),
    "truth values": (lambda: nn.Embedding(4, 2)([True]), TypeError, "got bool$"),
    "function": (lambda: functional.embedding([3], np.ones((3, 2))), ValueError,
        "^embedding: input must be from 0 to 2, for weight has 3 rows, got 3 at position 0$"),
    "weight": (lambda: functional.embedding([0], np.ones(3)), ValueError, r"\(V, D\).*got \(3,\)"),
    "rows": (lambda: nn.Embedding(0, 2), ValueError, "num_embeddings must be >= 1, got 0"),
    "width": (lambda: nn.Embedding(2, 2.0), TypeError, "embedding_dim must be a whole number"),
    "padding": (lambda: nn.Embedding(4, 2, 4), ValueError,
        "padding_idx must be one of the 4 rows, from -4 to 3, got 4"),
    "padding of a function": (lambda: functional.embedding([0], np.ones((2, 2)), -3), ValueError,
        "embedding: padding_idx must be one of the 2 rows"),
    "pretrained": (lambda: nn.Embedding.from_pretrained([1.0, 2.0]), ValueError,
        r"embeddings must be floats \(V, D\).*got float64 \(2,\)"),
    "pretrained of ints": (lambda: nn.Embedding.from_pretrained([[1, 2]]), ValueError, "got int"),
    "freeze": (lambda: nn.Embedding.from_pretrained([[1.0]], freeze=2), TypeError, "freeze must"),
}  # fmt: skip


@pytest.mark.parametrize("call, kind, message", MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_told(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
