"""Sequences padded and packed: beside PyTorch's functions, there and back, and mistakes."""

import copy
import pickle

import numpy as np
import pytest

import nn
from autograd import Tensor, draw, gradcheck, gradgradcheck

LENGTHS = {
    "falling": ([4, 3, 3, 1], True),
    "falling, sorted by it": ([4, 3, 3, 1], False),
    "unsorted": ([2, 4, 1, 3], False),
    "equal": ([2, 2, 2, 2], False),
    "shorter than the array": ([2, 1, 1, 1], True),
    "one": ([3], True),
    "none": ([], True),
}
each_lengths = pytest.mark.parametrize("lengths, is_sorted", LENGTHS.values(), ids=LENGTHS)


def random(*shape):
    return np.random.default_rng(0).normal(size=shape)


def same(found, expected):
    if expected is None:
        assert found is None
    else:
        np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))


@each_lengths
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("inner", [(), (2,), (2, 3)], ids=str)
def test_packing_agrees_with_pytorchs(lengths, is_sorted, batch_first, inner):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    if not lengths:
        pytest.skip("PyTorch packs no empty batch")
    rnn = torch.nn.utils.rnn
    x = random(*((len(lengths), 4) if batch_first else (4, len(lengths))), *inner)
    ours = nn.pack_padded_sequence(x, lengths, batch_first, is_sorted)
    theirs = rnn.pack_padded_sequence(torch.tensor(x), lengths, batch_first, is_sorted)
    for found, expected in zip(ours, theirs):
        same(found, expected)
    for options in ({}, {"batch_first": True}, {"padding_value": -1.5, "total_length": 6}):
        mine, other = (
            f(packed, **options)
            for f, packed in (
                (nn.pad_packed_sequence, ours), (rnn.pad_packed_sequence, theirs)
            )
        )  # fmt: skip
        same(mine[0].data, other[0])
        same(mine[1], other[1])


@each_lengths
@pytest.mark.parametrize("batch_first", [False, True])
def test_what_is_packed_comes_back(lengths, is_sorted, batch_first):
    x = np.zeros((4, len(lengths), 2))
    for k, n in enumerate(lengths):
        x[:n, k] = random(n, 2)
    x = x.swapaxes(0, 1) if batch_first else x
    packed = nn.pack_padded_sequence(x, lengths, batch_first, is_sorted)
    assert isinstance(packed.data, Tensor) and packed.data.shape == (sum(lengths), 2)
    assert sum(packed.batch_sizes) == sum(lengths)
    padded, found = nn.pad_packed_sequence(packed, batch_first, total_length=4)
    np.testing.assert_array_equal(padded.data, x)
    assert found.tolist() == lengths


@each_lengths
def test_derivatives_of_packing_and_padding(lengths, is_sorted):
    x = Tensor(random(4, len(lengths), 2), requires_grad=True)

    def there_and_back(x):
        packed = nn.pack_padded_sequence(x, lengths, enforce_sorted=is_sorted)
        padded = nn.pad_packed_sequence(packed._replace(data=packed.data**3), padding_value=2.0)[0]
        return padded * padded

    assert gradcheck(there_and_back, x) and gradgradcheck(there_and_back, x)
    there_and_back(x).sum().backward()
    for k, n in enumerate(lengths):
        assert x.grad[:n, k].all() and not x.grad[n:, k].any()


def test_whole_numbers_stay_whole():
    words = nn.pad_sequence([[1, 2, 3], [4]])
    assert words.dtype.kind == "i" and words.data.tolist() == [[1, 4], [2, 0], [3, 0]]
    packed = nn.pack_padded_sequence(words, Tensor([3, 1]))
    assert packed.data.dtype.kind == "i" and packed.data.data.tolist() == [1, 4, 2, 3]
    padded, lengths = nn.pad_packed_sequence(packed, padding_value=-1)
    assert padded.data.tolist() == [[1, 4], [2, -1], [3, -1]] and lengths.tolist() == [3, 1]


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("value", [0.0, -2.5, np.nan])
def test_pad_sequence_agrees_with_pytorchs_and_has_its_gradient(batch_first, side, value):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    arrays = [random(n, 2) for n in (2, 4, 0, 1)]
    ours = [Tensor(a, requires_grad=True) for a in arrays]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    y = nn.pad_sequence(ours, batch_first, value, side)
    reference = torch.nn.utils.rnn.pad_sequence(theirs, batch_first, value, side)
    np.testing.assert_array_equal(y.data, reference.detach().numpy())
    (y**3).sum().backward()
    (reference**3).sum().backward()
    for a, b in zip(ours, theirs):
        np.testing.assert_allclose(a.grad, b.grad.numpy(), rtol=1e-12)


def test_pad_sequence_without_pytorch():
    y = nn.pad_sequence([np.ones(2, np.float32), [5.0]], batch_first=True, padding_side="left")
    assert y.data.tolist() == [[1, 1], [0, 5]]
    assert gradgradcheck(
        lambda a, b: nn.pad_sequence([a, b]) ** 3,
        [Tensor(random(3, 2), requires_grad=True), Tensor(random(1, 2), requires_grad=True)],
    )


def test_packed_sequences_are_copied_and_drawn():
    x = Tensor(random(3, 2, 4).astype("f4"), requires_grad=True)
    packed = nn.pack_padded_sequence(x.detach(), [1, 3], enforce_sorted=False)
    for other in (copy.deepcopy(packed), pickle.loads(pickle.dumps(packed))):
        for a, b in zip(other, packed):
            np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    y, _ = nn.GRU(4, 2)(nn.pack_padded_sequence(x, [1, 3], enforce_sorted=False))
    text = str(draw(nn.pad_packed_sequence(y)[0].sum(), names={"x": x}))
    assert "gru" in text and "x" in text


x = np.zeros((3, 2, 4))
PACKED = nn.pack_padded_sequence(x, [3, 2])
WHOLE = nn.pack_padded_sequence(np.ones((2, 1), np.int64), [2])
MISTAKES = {
    "unsorted": (lambda: nn.pack_padded_sequence(x, [1, 3]), ValueError,
        r"lengths must fall, got \[1 3\]; pass enforce_sorted=False"),
    "zero": (lambda: nn.pack_padded_sequence(x, [3, 0]), ValueError,
        "from 1 to the 3 steps of the input, got 0 at position 1; leave out sequences without"),
    "beyond": (lambda: nn.pack_padded_sequence(x, [4, 1]), ValueError, "got 4 at position 0$"),
    "negative": (lambda: nn.pack_padded_sequence(x, [3, -1]), ValueError, "got -1 at position 1$"),
    "count": (lambda: nn.pack_padded_sequence(x, [3]), ValueError, "1 lengths for a batch of 2"),
    "floats": (lambda: nn.pack_padded_sequence(x, [3.0, 1.0]), TypeError, "lengths must be whole"),
    "axes": (lambda: nn.pack_padded_sequence([1.0], [1]), ValueError, "an axis of time and one of"),
    "text": (lambda: nn.pack_padded_sequence("a", [1]), TypeError, "cannot take the input"),
    "flag": (lambda: nn.pack_padded_sequence(x, [3, 1], 1), TypeError, "batch_first must be True"),
    "total": (lambda: nn.pad_packed_sequence(PACKED, total_length=2), ValueError,
        "total_length is 2, but the longest sequence has 3 steps"),
    "not packed": (lambda: nn.pad_packed_sequence(x), TypeError,
        "a PackedSequence is needed, as pack_padded_sequence makes it, got ndarray"),
    "none": (lambda: nn.pad_sequence([]), ValueError, "no sequences were given"),
    "shapes": (lambda: nn.pad_sequence([np.ones((2, 3)), np.ones((2, 4))]), ValueError,
        r"the first axis, got the shapes \(2, 3\), \(2, 4\)"),
    "numbers": (lambda: nn.pad_sequence([1.0, 2.0]), ValueError, r"got the shapes \(\), \(\)"),
    "side": (lambda: nn.pad_sequence([[1]], padding_side="top"), ValueError, "'left' or 'right'"),
    "value": (lambda: nn.pad_sequence([[1]], padding_value="a"), TypeError, "must be a number"),
    "value between whole numbers": (lambda: nn.pad_sequence([[1]], padding_value=0.5), ValueError,
        "^pad_sequence: padding_value 0.5 is no int64, as the sequences are; give another number"),
    "value beyond bytes": (lambda: nn.pad_sequence([np.ones(2, np.uint8)], padding_value=-1),
        ValueError, "padding_value -1.0 is no uint8"),
    "nan of whole numbers": (lambda: nn.pad_sequence([np.ones(2, np.int64)], padding_value=np.nan),
        ValueError, "padding_value nan is no int64"),
    "truth values": (lambda: nn.pad_sequence([np.ones(2, bool)], padding_value=2), ValueError,
        "padding_value 2.0 is no bool"),
    "packed whole numbers": (lambda: nn.pad_packed_sequence(WHOLE, padding_value=1.5), ValueError,
        "^pad_packed_sequence: padding_value 1.5 is no int64"),
    "flag of the inverse": (lambda: nn.pad_packed_sequence(PACKED, batch_first="no"), TypeError,
        "^pad_packed_sequence: batch_first must be True or False, got 'no'"),
}  # fmt: skip


@pytest.mark.parametrize("call, kind, message", MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_told(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_whole_numbers_are_padded_with_whole_numbers():
    for padding in (-100, -100.0, 2**40):
        found = nn.pad_sequence([[1, 2], [3]], batch_first=True, padding_value=padding)
        np.testing.assert_array_equal(found.data, [[1, 2], [3, int(padding)]])
    truths = nn.pad_sequence([[True, False], [False]], batch_first=True, padding_value=1)
    np.testing.assert_array_equal(truths.data, [[True, False], [False, True]])
