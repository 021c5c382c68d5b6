"""Attention and the layers of transformers, against PyTorch, finite differences and by hand."""

from __future__ import annotations

import copy
import itertools
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd
import nn
from autograd import Tensor, draw, explain, gradcheck, gradgradcheck, no_grad
from nn import functional
from nn.layers import attention as room
from nn.layers import transformer
from tests.makers import random
from tests.twins import assert_cases, twin

sdpa = functional.scaled_dot_product_attention


def leaves(*arrays: Any) -> list[Tensor]:
    return [Tensor(a, requires_grad=True) for a in arrays]


def close(mine: list[Any], theirs: list[Any]) -> None:
    for a, b in zip(mine, theirs):
        if (
            a is None or b is None
        ):  # PyTorch tells of no way where ours is 0, or the other way round
            found = a if b is None else b
            assert found is None or not np.any(getattr(found, "detach", lambda f=found: f)().data)
            continue
        b = b.detach().numpy()
        np.testing.assert_allclose(a.data, b, rtol=1e-9, atol=1e-9 * max(1, np.abs(b).max()))


def derivatives(lib: Any, f: Any, inputs: list[Any]) -> list[Any]:
    """The result, the gradients of a sum of its cubes, and those of a sum of their squares."""
    y = f(*inputs)
    first = lib.grad((y * y * y).sum(), inputs, create_graph=True, allow_unused=True)
    penalty = sum((g * g).sum() for g in first if g is not None)
    return [y, *first, *lib.grad(penalty, inputs, allow_unused=True)]


def pytorch() -> Any:
    """PyTorch, which differentiates attention twice in one of its ways alone."""
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    return torch, torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH)


# ---- as a function ----------------------------------------------------------------------------


def mask_of(kind: str, length: int, keys: int) -> Any:
    """A mask for each way of giving one, in which every query has a key."""
    if kind == "bool":
        mask = np.random.default_rng(5).random((length, keys)) > 0.4
        mask[:, 0] = True
        return mask
    if kind == "numbers":
        return random(length, keys, seed=6)
    if kind == "-inf":
        mask = np.where(mask_of("bool", length, keys), 0.0, -np.inf)
        return mask + random(length, keys, seed=6)
    return np.where(np.tri(length, keys, dtype=bool), 0.0, -np.inf) if kind == "0, -inf" else None


LEADING = {"no axes": (), "heads": (2,), "batch and heads": (2, 3)}
MASKS = ["none", "causal", "bool", "numbers", "-inf", "0, -inf", "learned"]


@pytest.mark.parametrize("leading", LEADING.values(), ids=LEADING)
@pytest.mark.parametrize("keys, width", [(4, 3), (6, 2), (3, 3)])
@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize("scale", [None, 0.3])
def test_attention_agrees_with_pytorch_at_first_and_second_order(
    leading: tuple[int, ...], keys: int, width: int, kind: str, scale: float | None
) -> None:
    torch, plain = pytorch()
    arrays = [
        random(*leading, *shape, seed=k)
        for k, shape in enumerate(((4, 3), (keys, 3), (keys, width)))
    ]
    mask = mask_of(kind, 4, keys)
    if kind == "learned":
        arrays.append(mask_of("-inf", 4, keys))
    options = {"is_causal": kind == "causal", "scale": scale}

    def attend(function: Any, tensor: Any) -> Any:
        given = None if mask is None else tensor(mask)
        return lambda q, k, v, learned=given: function(q, k, v, learned, **options)

    mine = derivatives(autograd, attend(sdpa, Tensor), leaves(*arrays))
    theirs = torch.nn.functional.scaled_dot_product_attention
    with plain:
        expected = derivatives(
            torch.autograd, attend(theirs, torch.tensor),
            [torch.tensor(a, requires_grad=True) for a in arrays],
        )  # fmt: skip
    close(mine, expected)


@pytest.mark.parametrize("heads, fewer", [(4, 2), (4, 1), (3, 3)])
@pytest.mark.parametrize("kind", ["none", "causal", "of all", "of heads"])
def test_several_heads_of_queries_share_one_of_keys(heads: int, fewer: int, kind: str) -> None:
    torch, plain = pytorch()
    arrays = [
        random(2, heads, 4, 3),
        random(2, fewer, 5, 3, seed=1),
        random(2, fewer, 5, 2, seed=2),
    ]
    shapes = {"of all": (4, 5), "of heads": (2, heads, 4, 5)}
    mask = random(*shapes[kind], seed=3) if kind in shapes else None
    options = {"is_causal": kind == "causal", "enable_gqa": True}
    mine = derivatives(autograd, lambda *a: sdpa(*a, mask, **options), leaves(*arrays))
    theirs = torch.nn.functional.scaled_dot_product_attention
    given = None if mask is None else torch.tensor(mask)
    with plain:
        expected = derivatives(
            torch.autograd, lambda *a: theirs(*a, given, **options),
            [torch.tensor(a, requires_grad=True) for a in arrays],
        )  # fmt: skip
    close(mine, expected)


SHAPES_OF_THREE = ((4, 3), (5, 3), (5, 2))
LEADS = {  # of queries, of keys, of values
    "more keys": ((), (2, 3), (2, 3)),
    "more values": ((3,), (3,), (2, 3)),
    "one head of queries": ((2, 1), (1, 3), (3,)),
}


@pytest.mark.parametrize("leads", LEADS.values(), ids=LEADS)
@pytest.mark.parametrize("kind", ["none", "causal", "-inf", "of heads"])
def test_what_stands_ahead_broadcasts_as_pytorchs(leads: Any, kind: str) -> None:
    torch, plain = pytorch()
    arrays = [
        random(*lead, *shape, seed=k) for k, (lead, shape) in enumerate(zip(leads, SHAPES_OF_THREE))
    ]
    mask = random(3, 4, 5, seed=3) if kind == "of heads" else mask_of(kind, 4, 5)
    options = {"is_causal": kind == "causal"}
    mine = derivatives(autograd, lambda *a: sdpa(*a, mask, **options), leaves(*arrays))
    theirs = torch.nn.functional.scaled_dot_product_attention
    given = None if mask is None else torch.tensor(mask)
    with plain:
        expected = derivatives(
            torch.autograd, lambda *a: theirs(*a, given, **options),
            [torch.tensor(a, requires_grad=True) for a in arrays],
        )  # fmt: skip
    close(mine, expected)


@pytest.mark.parametrize("groups", [1, 2])
def test_broadcast_queries_are_those_repeated(groups: int) -> None:
    q, k = random(2 * groups, 4, 3), random(3, 2, 5, 3, seed=1)
    v, options = random(3, 2, 5, 2, seed=2), {"enable_gqa": groups > 1}
    expected = sdpa(np.broadcast_to(q, (3, *q.shape)), k, v, **options)
    np.testing.assert_array_equal(sdpa(q, k, v, **options), expected)
    assert gradcheck(lambda *a: sdpa(*a, **options), leaves(q, k, v))
    assert gradgradcheck(lambda *a: sdpa(*a, **options), leaves(q, k, v))


def softmax_by_hand(scores: Any) -> Any:
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def test_attention_by_hand() -> None:
    q, k, v = random(2, 4, 3), random(2, 5, 3, seed=1), random(2, 5, 2, seed=2)
    expected = softmax_by_hand(q @ k.transpose(0, 2, 1) / np.sqrt(3)) @ v
    np.testing.assert_allclose(sdpa(q, k, v), expected, rtol=1e-12)
    np.testing.assert_allclose(sdpa(*map(Tensor, (q, k, v))).data, expected, rtol=1e-12)


@pytest.mark.parametrize("kind", MASKS)
def test_attention_agrees_with_finite_differences(kind: str) -> None:
    mask = mask_of("numbers" if kind == "learned" else kind, 3, 4)
    inputs = leaves(random(2, 3, 2), random(2, 4, 2, seed=1), random(2, 4, 3, seed=2))
    extra = leaves(mask) if kind == "learned" else []

    def call(q: Any, k: Any, v: Any, *learned: Any) -> Any:
        return sdpa(q, k, v, learned[0] if learned else mask, is_causal=kind == "causal")

    assert gradcheck(call, [*inputs, *extra])
    assert gradgradcheck(call, [*inputs, *extra], rtol=1e-4)


@pytest.mark.parametrize("case", ["broadcast keys", "queries made of keys", "keys alone"])
def test_derivatives_where_arguments_are_of_one_another(case: str) -> None:
    q, k = leaves(random(2, 3, 4, 2), random(1, 4, 2, seed=1))
    call = {
        "broadcast keys": lambda q, k: sdpa(q, k, k * 2),
        "queries made of keys": lambda q, k: sdpa(np.sin(k), k, k * k) + q.sum(),
        "keys alone": lambda q, k: sdpa(random(3, 4, 2), k, random(4, 3)) + q.sum(),
    }[case]
    assert gradcheck(call, [q, k]) and gradgradcheck(call, [q, k], rtol=1e-4)


@pytest.mark.parametrize("size", [1.0, 1e4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_queries_that_no_key_takes_part_in_give_0_with_gradient_0(size: float, dtype: Any) -> None:
    q, k, v = leaves(*(random(2, 3, 4, seed=s).astype(dtype) * dtype(size) for s in range(3)))
    mask = np.array([[True, False, True], [False] * 3, [True] * 3])
    for given in (mask, np.where(mask, 0.0, -np.inf), np.where(mask, 0.5, -np.inf)):
        for x in (q, k, v):
            x.grad = None
        y = sdpa(q, k, v, given)
        (y * y).sum().backward()
        assert y.dtype == dtype and not y.data[:, 1].any() and y.data[:, 0].any()
        assert not q.grad[:, 1].any() and np.isfinite([x.grad for x in (q, k, v)]).all()
        (slope,) = autograd.grad((y * y).sum(), q, create_graph=True)
        near = 1e-5 if size == 1 else 1e-5 * size**4  # of sums of numbers so large
        np.testing.assert_allclose(slope.data, q.grad, rtol=1e-3, atol=near)
        (curve,) = autograd.grad((slope * slope).sum(), q)
        assert np.isfinite(curve.data).all()


def test_large_scores_and_what_is_not_finite() -> None:
    q, k, v = np.array([[1e4], [-1e4]]), np.array([[1.0], [2.0]]), np.array([[1.0], [2.0]])
    x = Tensor(q, requires_grad=True)
    y = sdpa(x, k, v)
    y.sum().backward()
    np.testing.assert_array_equal(y.data, [[2], [1]])
    np.testing.assert_array_equal(x.grad, [[0], [0]])
    q[0] = np.nan  # of one query, and of no other
    found = sdpa(q, k, v)
    assert np.isnan(found[0]) and found[1] == 1
    hidden = np.array([[1.0], [np.nan]])  # of a key that is hidden
    assert np.all(sdpa([[1.0], [2.0]], hidden, v, [[True, False]] * 2) == 1)


def test_nothing_to_attend_to_and_nothing_that_attends() -> None:
    for length, keys, batch in ((0, 3, 2), (3, 0, 2), (3, 3, 0)):
        q, k, v = leaves(np.ones((batch, length, 4)), *[np.ones((batch, keys, 4))] * 2)
        y = sdpa(q, k, v)
        y.sum().backward()
        assert y.shape == (batch, length, 4) and not y.data[:, :, :].any() or keys == 3
        assert q.grad.shape == q.shape and v.grad.shape == v.shape


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtypes_stay_and_half_a_precision_computes_in_a_whole_one(dtype: Any) -> None:
    arrays = [(random(2, 8, 4, seed=s) * 30).astype(dtype) for s in range(3)]
    q, k, v = leaves(*arrays)
    y = sdpa(q, k, v)
    y.sum().backward()
    assert {y.dtype, q.grad.dtype, k.grad.dtype, v.grad.dtype} == {np.dtype(dtype)}
    wide = sdpa(*(a.astype(np.float64) for a in arrays))
    np.testing.assert_allclose(y.data, wide, rtol=1e-2 if dtype == np.float16 else 1e-4, atol=1e-3)
    assert sdpa([[1]], [[2]], [[3]]).dtype == np.float64
    assert sdpa(arrays[0], *[a.astype(np.float64) for a in arrays[1:]]).dtype == np.float64


def test_operands_that_are_not_contiguous() -> None:
    q, k, v = (random(3, 4, 2, 5, seed=s).transpose(0, 2, 3, 1)[..., ::2] for s in range(3))
    np.testing.assert_allclose(sdpa(q, k, v), sdpa(*(a.copy() for a in (q, k, v))), rtol=1e-12)


def test_dropout_leaves_out_shares_and_keeps_their_mean() -> None:
    q, k, v = leaves(random(200, 5, 2), random(200, 5, 2, seed=1), np.ones((200, 5, 1)))
    y = sdpa(q, k, v, dropout_p=0.25, rng=np.random.default_rng(0))
    assert abs(y.data.mean() - 1) < 0.02 and y.data.std() > 0.1
    again = sdpa(q, k, v, dropout_p=0.25, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(y.data, again.data)
    assert not sdpa(q, k, v, dropout_p=1.0).data.any()


def test_derivatives_with_dropout() -> None:
    def call(q: Any, k: Any, v: Any) -> Any:
        return sdpa(q, k, v, dropout_p=0.4, is_causal=True, rng=np.random.default_rng(3))

    inputs = leaves(random(2, 4, 3), random(2, 4, 3, seed=1), random(2, 4, 2, seed=2))
    assert gradcheck(call, inputs) and gradgradcheck(call, inputs, rtol=1e-4)


WRONG = {
    "widths": (
        lambda: sdpa(np.ones((2, 3)), np.ones((2, 4)), np.ones((2, 4))),
        r"one width.*\(2, 4\)",
    ),
    "values": (
        lambda: sdpa(np.ones((2, 3)), np.ones((2, 3)), np.ones((5, 3))),
        "a value for each key",
    ),
    "one axis": (
        lambda: sdpa(np.ones(3), np.ones(3), np.ones(3)),
        r"must be \(\.\.\., length, width",
    ),
    "leading axes": (
        lambda: sdpa(np.ones((4, 2, 3)), *[np.ones((2, 2, 3))] * 2),
        "leading axes.*enable_gqa=True",
    ),
    "more keys": (
        lambda: sdpa(np.ones((2, 3)), np.ones((3, 2, 3)), np.ones((2, 2, 3))),
        r"leading axes of queries, keys and values must broadcast, got query \(2, 3\), key \(3,",
    ),
    "batches of groups": (
        lambda: sdpa(np.ones((3, 4, 2, 3)), *[np.ones((2, 2, 2, 3))] * 2, enable_gqa=True),
        "leading axes of queries, keys and values must broadcast",
    ),
    "mask": (
        lambda: sdpa(*[np.ones((2, 3))] * 3, np.ones((3, 3), bool)),
        r"mask has shape \(3, 3\).*\(2, 2\)",
    ),
    "larger mask": (
        lambda: sdpa(*[np.ones((2, 3))] * 3, np.ones((4, 2, 2), bool)),
        r"mask has shape \(4, 2, 2\)",
    ),
    "two masks": (
        lambda: sdpa(*[np.ones((2, 3))] * 3, np.ones((2, 2), bool), is_causal=True),
        "not both",
    ),
    "groups": (
        lambda: sdpa(np.ones((3, 2, 3)), *[np.ones((2, 2, 3))] * 2, enable_gqa=True),
        "a multiple of",
    ),
    "groups of two axes": (
        lambda: sdpa(*[np.ones((2, 3))] * 3, enable_gqa=True),
        "enable_gqa needs",
    ),
    "dropout": (lambda: sdpa(*[np.ones((2, 3))] * 3, dropout_p=2), "must be <= 1, got 2"),
    "scale": (lambda: sdpa(*[np.ones((2, 3))] * 3, scale=np.inf), "scale must be a finite number"),
    "heads": (lambda: nn.MultiheadAttention(6, 4), "num_heads must divide embed_dim, got 4 and 6"),
    "no width": (lambda: nn.MultiheadAttention(0, 1), "embed_dim must be >= 1, got 0"),
    "nhead": (lambda: nn.TransformerEncoderLayer(6, 4), "nhead must divide d_model, got 4 and 6"),
    "activation": (
        lambda: nn.TransformerEncoderLayer(4, 2, activation="tanh"),
        "must be 'gelu' or 'relu'",
    ),
    "no layers": (
        lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2), 0),
        "num_layers must be >= 1",
    ),
}


@pytest.mark.parametrize("call, message", WRONG.values(), ids=WRONG)
def test_wrong_arguments(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_arguments_of_the_wrong_kind() -> None:
    with pytest.raises(TypeError, match="a mask is bool, or numbers to add, as floats; got int64"):
        sdpa(*[np.ones((2, 3))] * 3, np.ones((2, 2), int))
    with pytest.raises(TypeError, match="batch_first must be True or False, got 1.5"):
        nn.MultiheadAttention(4, 2, batch_first=1.5)
    with pytest.raises(TypeError, match="it stacks copies of a Module, as TransformerDecoderLayer"):
        nn.TransformerDecoder(3, 2)
    with pytest.raises(TypeError, match="add_bias_kv"):
        nn.MultiheadAttention(4, 2, add_bias_kv=True)


# ---- as a Module ------------------------------------------------------------------------------


def pair(kind: str, *args: Any, **options: Any) -> Any:
    """A layer of ours and PyTorch's, with the same weights, which are no round numbers."""
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    ours = getattr(nn, kind)(*args, **options, dtype=np.float64)
    theirs = twin(torch.nn, kind)(*args, **options, dtype=torch.float64)
    share(ours, theirs)
    return ours, theirs


def share(ours: Any, theirs: Any) -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for k, parameter in enumerate(ours.parameters()):
        parameter.assign_(random(*parameter.shape, seed=20 + k) / 2)
    theirs.load_state_dict({k: torch.tensor(v) for k, v in ours.state_dict().items()})
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})


def compare(ours: Any, theirs: Any, f: Any, arrays: list[Any]) -> None:
    """f(module, tensor, *arrays) and its derivatives by the arrays and all parameters."""
    torch, plain = pytorch()
    n, names = len(arrays), [name for name, _ in ours.named_parameters()]
    mine = derivatives(
        autograd, lambda *a: f(ours, np.asarray, *a[:n]), [*leaves(*arrays), *ours.parameters()]
    )
    known = dict(theirs.named_parameters())
    with plain:
        expected = derivatives(
            torch.autograd, lambda *a: f(theirs, torch.tensor, *a[:n]),
            [*(torch.tensor(a, requires_grad=True) for a in arrays), *(known[k] for k in names)],
        )  # fmt: skip
    close(mine, expected)


PADDING = {"none": None, "bool": np.array([[False, False, False], [False, False, True]])}
KEYS = {"one sequence": (None, True), "two": (None, False), "of other widths": (5, False)}


def attention_masks(kind: str, length: int, keys: int) -> Any:
    """In PyTorch's sense for this class: True is ignored."""
    if kind == "causal":
        return np.triu(np.ones((length, keys), bool), 1)
    if kind == "of heads":
        mask = random(4, length, keys, seed=8)
        mask[:, :, 1] = -np.inf
        return mask
    return random(length, keys, seed=8) if kind == "numbers" else None


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("batch_first", [True, False], ids=["batch first", "batch second"])
@pytest.mark.parametrize("kdim, alone", KEYS.values(), ids=KEYS)
@pytest.mark.parametrize("kind", ["none", "causal", "numbers", "of heads"])
@pytest.mark.parametrize("padding", PADDING)
@pytest.mark.parametrize("weights", [True, False], ids=["weights", "no weights"])
def test_multihead_attention_agrees_with_pytorch(
    bias: bool, batch_first: bool, kdim: int | None, alone: bool, kind: str, padding: str,
    weights: bool,
) -> None:  # fmt: skip
    if padding == "bool" and kind not in ("none", "causal"):
        padding = "numbers"
    ours, theirs = pair(
        "MultiheadAttention", 4, 2, bias=bias, kdim=kdim, vdim=kdim and 3, batch_first=batch_first
    )
    length, keys = (3, 3) if alone else (2, 3)
    shapes = [(length, 4), (keys, kdim or 4), (keys, kdim and 3 or 4)][: 1 if alone else 3]
    arrays = [
        random(*((2, n, e) if batch_first else (n, 2, e)), seed=k)
        for k, (n, e) in enumerate(shapes)
    ]
    mask = attention_masks(kind, length, keys)
    padded = random(2, 3, seed=9) if padding == "numbers" else PADDING[padding]

    def call(module: Any, tensor: Any, *given: Any) -> Any:
        query, key, value = given * 3 if alone else given
        y, found = module(
            query, key, value, need_weights=weights, average_attn_weights=batch_first,
            key_padding_mask=None if padded is None else tensor(padded),
            attn_mask=None if mask is None else tensor(mask),
        )  # fmt: skip
        assert (found is None) == (not weights)
        if found is None:
            return y
        assert found.shape == ((2, length, keys) if batch_first else (2, 2, length, keys))
        return y + (found * found).sum()

    compare(ours, theirs, call, arrays)


@pytest.mark.parametrize("weights", [True, False], ids=["weights", "no weights"])
@pytest.mark.parametrize("batch_first", [True, False])
def test_attention_without_a_batch(weights: bool, batch_first: bool) -> None:
    ours, theirs = pair("MultiheadAttention", 4, 2, batch_first=batch_first)

    def call(module: Any, tensor: Any, x: Any, key: Any) -> Any:
        mask = tensor(np.triu(np.ones((3, 3), bool), 1))
        y, found = module(x, x, x, attn_mask=mask, need_weights=weights)
        padding = tensor(np.array([False, True]))
        z, other = module(x, key, key, padding, need_weights=weights)
        if weights:
            assert found.shape == (3, 3) and other.shape == (3, 2)
        return y + 2 * z

    compare(ours, theirs, call, [random(3, 4), random(2, 4, seed=1)])


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("weights", [True, False])
def test_attention_module_agrees_with_finite_differences(alone: bool, weights: bool) -> None:
    layer = nn.MultiheadAttention(4, 2, batch_first=True, dtype=np.float64)
    layer.in_proj_weight.assign_(random(12, 4) / 2)

    def call(x: Any, other: Any) -> Any:
        key = x if alone else other
        y, found = layer(x, key, key, need_weights=weights, is_causal=True)
        return y if found is None else y + (found * found).sum() + other.sum()

    inputs = leaves(random(2, 3, 4), random(2, 3, 4, seed=1))
    call = call if weights or not alone else lambda x, o, f=call: f(x, o) + o.sum()
    assert gradcheck(call, inputs) and gradgradcheck(call, inputs, rtol=1e-4)


@pytest.mark.parametrize("alone", [True, False])
def test_a_learned_mask_of_a_module(alone: bool) -> None:
    layer = nn.MultiheadAttention(4, 2, batch_first=True, dtype=np.float64)

    def call(x: Any, mask: Any) -> Any:
        return layer(x, x if alone else x * 2, x, attn_mask=mask, need_weights=False)[0]

    inputs = leaves(random(2, 3, 4), random(3, 3, seed=1))
    assert gradcheck(call, inputs) and gradgradcheck(call, inputs, rtol=1e-4)


def test_the_ways_to_compute_attention_agree() -> None:
    layer = nn.MultiheadAttention(8, 4, batch_first=True)
    x = random(2, 5, 8).astype(np.float32)
    mask = np.triu(np.ones((5, 5), bool), 1)
    found = [
        layer(x, x, x, need_weights=False, is_causal=True)[0],
        layer(x, x, x, need_weights=False, attn_mask=mask, is_causal=True)[0],
        layer(x, x, x, attn_mask=mask)[0],
        layer(x, x.copy(), x, need_weights=False, attn_mask=np.where(mask, -np.inf, 0.0))[0],
    ]
    for other in found[1:]:
        np.testing.assert_allclose(other.data, found[0].data, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("weights", [True, False])
def test_sequences_of_padding_alone_give_the_bias_alone(alone: bool, weights: bool) -> None:
    layer = nn.MultiheadAttention(4, 2, batch_first=True)
    layer.out_proj.bias.assign_(np.arange(4.0))
    x = Tensor(random(2, 3, 4).astype(np.float32), requires_grad=True)
    key = x if alone else x * 1
    padding = np.array([[False, False, True], [True, True, True]])
    y, found = layer(x, key, key, padding, need_weights=weights)
    (y * y).sum().backward()
    np.testing.assert_array_equal(y.data[1], [np.arange(4.0)] * 3)
    assert not x.grad[1].any() and np.isfinite(x.grad).all() and x.grad[0].any()
    if weights:
        assert not found.data[1].any() and not found.data[0, :, 2].any()


def test_weights_sum_to_1_and_dropout_drops_some_while_training() -> None:
    layer = nn.MultiheadAttention(8, 2, 0.5, batch_first=True, rng=np.random.default_rng(0))
    x = random(4, 6, 8).astype(np.float32)
    _, weights = layer.eval()(x, x, x)
    np.testing.assert_allclose(weights.data.sum(axis=-1), 1, rtol=1e-6)
    _, weights = layer.train()(x, x, x, average_attn_weights=False)
    assert 0.3 < (weights.data == 0).mean() < 0.7
    drawn = [layer(x, x, x, need_weights=False)[0].data for _ in range(2)]
    assert not np.array_equal(*drawn)
    with no_grad():
        assert not layer(x, x, x)[0].requires_grad


def test_first_values_are_pytorchs() -> None:
    layer = nn.MultiheadAttention(64, 4, rng=np.random.default_rng(0))
    bound = np.sqrt(6 / (64 + 3 * 64))
    assert 0.95 * bound < abs(layer.in_proj_weight.data).max() <= bound
    assert abs(layer.out_proj.weight.data).max() <= 1 / 8
    assert not layer.in_proj_bias.data.any() and not layer.out_proj.bias.data.any()
    other = nn.MultiheadAttention(64, 4, rng=np.random.default_rng(0))
    assert np.array_equal(other.in_proj_weight.data, layer.in_proj_weight.data)
    assert {p.dtype for p in layer.parameters()} == {np.dtype(np.float32)}
    assert repr(layer).startswith(
        "MultiheadAttention(\n  64, 4, dropout=0.0, bias=True, batch_first=F"
    )


MISFITS = {
    "width": ([(2, 3, 5)] * 3, {}, r"last axes must be \(4, 4, 4\) long, got query \(2, 3, 5\)"),
    "axes": ([(3,)] * 3, {}, r"must be \(N, L, E\) or \(L, E\), got query \(3,\)"),
    "different axes": ([(2, 3, 4), (3, 4), (3, 4)], {}, r"must be \(N, L, E\) or"),
    "values": ([(2, 3, 4), (2, 5, 4), (2, 3, 4)], {}, "a value for each key"),
    "batch": ([(2, 3, 4), (1, 3, 4), (1, 3, 4)], {}, "of one batch, axis 0"),
    "mask": (
        [(2, 3, 4)] * 3,
        {"attn_mask": np.ones((2, 3), bool)},
        r"\(3, 3\) or \(4, 3, 3\), got",
    ),
    "padding": (
        [(2, 3, 4)] * 3,
        {"key_padding_mask": np.ones((3, 2), bool)},
        r"the shape \(2, 3\), got \(3, 2\)",
    ),
}


@pytest.mark.parametrize("shapes, options, message", MISFITS.values(), ids=MISFITS)
def test_inputs_that_do_not_fit(shapes: Any, options: Any, message: str) -> None:
    layer = nn.MultiheadAttention(4, 2, batch_first=True)
    with pytest.raises(ValueError, match="MultiheadAttention.*" + message):
        layer(*(np.zeros(shape) for shape in shapes), **options)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("weights", [True, False])
def test_modules_keep_their_dtype(dtype: Any, weights: bool) -> None:
    layer = nn.MultiheadAttention(4, 2, batch_first=True, dtype=dtype)
    for x in (np.ones((2, 3, 4), int), random(2, 3, 4).tolist(), Tensor(random(2, 3, 4))):
        y, found = layer(x, x, x, need_weights=weights)
        y.sum().backward()
        assert y.dtype == dtype and (found is None or found.dtype == dtype)
        assert {p.grad.dtype for p in layer.parameters()} == {np.dtype(dtype)}


# ---- transformers -----------------------------------------------------------------------------

OPTIONS = [
    {"norm_first": first, "batch_first": batch, "activation": activation, "bias": bias}
    for first, batch, activation, bias in itertools.product(
        [True, False], [True, False], ["relu", "gelu"], [True, False]
    )
]


def ids(options: Any) -> str:
    return ", ".join(str(value) for value in options.values())


@pytest.mark.parametrize("options", OPTIONS, ids=ids)
@pytest.mark.parametrize("causal", [True, False])
def test_encoder_layers_agree_with_pytorch(options: Any, causal: bool) -> None:
    ours, theirs = pair("TransformerEncoderLayer", 4, 2, 5, dropout=0.0, **options)
    mask, padding = np.triu(np.ones((3, 3), bool), 1), PADDING["bool"]

    def call(module: Any, tensor: Any, x: Any) -> Any:
        return module(x, tensor(mask) if causal else None, tensor(padding), causal)

    compare(ours, theirs, call, [random(*((2, 3) if options["batch_first"] else (3, 2)), 4)])


@pytest.mark.parametrize("options", OPTIONS, ids=ids)
@pytest.mark.parametrize("causal", [True, False])
def test_decoder_layers_agree_with_pytorch(options: Any, causal: bool) -> None:
    ours, theirs = pair("TransformerDecoderLayer", 4, 2, 5, dropout=0.0, **options)
    mask, padding = np.triu(np.ones((2, 2), bool), 1), PADDING["bool"]

    def call(module: Any, tensor: Any, x: Any, memory: Any) -> Any:
        return module(
            x, memory, tgt_mask=tensor(mask) if causal else None,
            memory_mask=tensor(random(2, 3, seed=7)) if causal else None,
            memory_key_padding_mask=None if causal else tensor(padding),
        )  # fmt: skip

    batch = options["batch_first"]
    shapes = ((2, 2, 4), (2, 3, 4)) if batch else ((2, 2, 4), (3, 2, 4))
    compare(ours, theirs, call, [random(*s, seed=k) for k, s in enumerate(shapes)])


@pytest.mark.parametrize("norm", [True, False])
def test_stacks_agree_with_pytorch(norm: bool) -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch")

    def stacks(lib: Any, dtype: Any, **more: Any) -> list[Any]:
        options = {"dropout": 0.0, "batch_first": True, "dtype": dtype}
        last = lambda: lib.LayerNorm(4, dtype=dtype) if norm else None  # noqa: E731
        encoder = lib.TransformerEncoderLayer(4, 2, 5, **options)
        decoder = lib.TransformerDecoderLayer(4, 2, 5, **options)
        return [
            lib.TransformerEncoder(encoder, 2, last(), **more),
            lib.TransformerDecoder(decoder, 2, last()),
        ]

    ours = stacks(nn, np.float64)
    theirs = stacks(torch.nn, torch.float64, enable_nested_tensor=False)
    for mine, reference in zip(ours, theirs):
        share(mine, reference)

    def encode(module: Any, tensor: Any, x: Any) -> Any:
        mask = tensor(np.triu(np.ones((3, 3), bool), 1))
        return module(x, mask, tensor(PADDING["bool"]), True)

    def decode(module: Any, tensor: Any, x: Any, memory: Any) -> Any:
        mask = tensor(np.triu(np.ones((2, 2), bool), 1))
        return module(x, memory, mask, memory_key_padding_mask=tensor(PADDING["bool"]))

    compare(ours[0], theirs[0], encode, [random(2, 3, 4)])
    compare(ours[1], theirs[1], decode, [random(2, 2, 4), random(2, 3, 4, seed=1)])


def small(dropout: float = 0.0, **options: Any) -> Any:
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout, batch_first=True, **options)
    return nn.TransformerEncoder(layer, 2, nn.LayerNorm(8))


def test_a_causal_mask_lets_nothing_through_from_later() -> None:
    model = small().eval()
    x = random(1, 5, 8).astype(np.float32)
    other = x.copy()
    other[:, 3:] += 1
    a, b = (model(v, is_causal=True).data for v in (x, other))
    np.testing.assert_allclose(a[:, :3], b[:, :3], atol=1e-6)
    assert not np.allclose(a[:, 3:], b[:, 3:])


def test_copies_of_a_layer_share_its_generator_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    model = small(0.5, rng=rng)
    assert model.layers[0].dropout.rng is model.layers[1].self_attn.rng is rng
    first, second = (layer.linear1.weight for layer in model.layers)
    assert first is not second and np.array_equal(first.data, second.data)
    x = np.ones((64, 8))
    dropped = [layer.dropout(x).data for layer in model.layers]
    assert not np.array_equal(*dropped)


TWO = np.zeros((2, 3, 4))
FLAGS: dict[str, Any] = {
    "need_weights": lambda: nn.MultiheadAttention(4, 2)(TWO, TWO, TWO, need_weights="no"),
    "average_attn_weights": lambda: nn.MultiheadAttention(4, 2)(
        TWO, TWO, TWO, average_attn_weights="no"
    ),
    "is_causal": lambda: nn.MultiheadAttention(4, 2)(TWO, TWO, TWO, is_causal="no"),
    " is_causal": lambda: sdpa(TWO, TWO, TWO, is_causal="no"),
    "enable_gqa": lambda: sdpa(TWO, TWO, TWO, enable_gqa="no"),
    "  is_causal": lambda: small()(np.zeros((2, 3, 8)), is_causal="no"),
}


@pytest.mark.parametrize("name", FLAGS)
def test_flags_of_a_call_are_flags(name: str) -> None:
    with pytest.raises(TypeError, match=f": {name.strip()} must be True or False, got 'no'"):
        FLAGS[name]()


def test_stacks_take_none_for_no_causal_mask_as_pytorchs() -> None:
    x, encoder = np.ones((2, 3, 8)), small()
    np.testing.assert_array_equal(encoder(x, is_causal=None).data, encoder(x).data)
    decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16, 0.0), 1)
    expected = decoder(x, x).data
    found = decoder(x, x, tgt_is_causal=None, memory_is_causal=None).data
    np.testing.assert_array_equal(found, expected)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "width": ({"dim_feedforward": 0}, "dim_feedforward must be >= 1, got 0"),
    "activation": ({"activation": "x"}, "activation must be 'gelu' or 'relu', got 'x'"),
    "eps": ({"layer_norm_eps": -1}, "layer_norm_eps must be >= 0, got -1"),
    "dropout": ({"dropout": 2}, "probability of a zero, must be <= 1, got 2"),
}


@pytest.mark.parametrize("kind", [nn.TransformerEncoderLayer, nn.TransformerDecoderLayer])
@pytest.mark.parametrize("options, message", WRONG.values(), ids=WRONG)
def test_wrong_arguments_of_a_layer_draw_nothing(kind: Any, options: Any, message: str) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=message):
        kind(8, 2, **options, rng=rng)
    assert rng.random() == np.random.default_rng(0).random()


@pytest.mark.parametrize("kind", ["Encoder", "Decoder"])
def test_the_norm_of_a_stack_is_one(kind: str) -> None:
    layer = getattr(nn, f"Transformer{kind}Layer")(8, 2, 16)
    with pytest.raises(TypeError, match=f"^Transformer{kind}: norm must be a Module, as .* 'x'"):
        getattr(nn, f"Transformer{kind}")(layer, 1, "x")


def test_an_activation_of_ones_own() -> None:
    x = random(2, 3, 8).astype(np.float32)
    for activation in (nn.GELU(), functional.gelu, "gelu"):
        nn.manual_seed(0)
        y = nn.TransformerEncoderLayer(8, 2, 16, 0.0, activation, batch_first=True)(x)
        nn.manual_seed(0)
        layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, "gelu", batch_first=True)
        np.testing.assert_array_equal(y.data, layer(x).data)


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"]
)
def test_copies_compute_the_same(copied: Any) -> None:
    model = small(0.1).eval()
    x = random(2, 3, 8).astype(np.float32)
    other = copied(model)
    np.testing.assert_array_equal(other(x).data, model(x).data)
    assert repr(other) == repr(model)


def test_files_and_freezing(tmp_path: Any) -> None:
    model, other = small(), small()
    nn.save(tmp_path / "model.npz", model)
    other.load_state_dict(nn.load(tmp_path / "model.npz"))
    x = random(2, 3, 8).astype(np.float32)
    np.testing.assert_array_equal(model(x).data, other(x).data)
    model.layers[0].requires_grad_(False)
    model(x).sum().backward()
    assert model.layers[0].self_attn.in_proj_weight.grad is None
    assert model.layers[1].self_attn.in_proj_weight.grad is not None


def test_a_trainer_trains_one_and_a_summary_tells_of_it() -> None:
    class Classifier(nn.Module):
        def __init__(self) -> None:
            self.encoder, self.head = small(0.1), nn.Linear(8, 2)

        def forward(self, x: Any) -> Any:
            return self.head(self.encoder(x).mean(axis=1))

    nn.manual_seed(0)
    x = random(64, 3, 8).astype(np.float32)
    labels = (x[:, :, 0].sum(axis=1) > 0).astype(int)
    model = Classifier()
    trainer = nn.Trainer(model, nn.optim.Adam(model.parameters(), lr=0.01), nn.CrossEntropyLoss())
    history = trainer.fit(x, labels, epochs=8, progress=False)
    assert history["loss"][-1] < 0.6 * history["loss"][0]
    text = str(model.summary((3, 8)))
    assert "MultiheadAttention" in text and "(n, 3, 8)" in text
    assert model.summary((3, 8)).total == sum(p.size for p in model.parameters())


# ---- drawing ----------------------------------------------------------------------------------


def test_the_operation_is_one_node_with_its_formula() -> None:
    layer = nn.MultiheadAttention(4, 2, batch_first=True)
    x = Tensor(random(1, 3, 4).astype(np.float32), requires_grad=True, name="x")
    y = layer(x, x, x, need_weights=False, is_causal=True)[0]
    operations = [node.operation for node in draw(y.sum()).nodes if node.operation]
    assert operations.count("self_attention") == 1 and "softmax" not in operations
    (node,) = [n for n in draw(y.sum()).nodes if n.operation == "self_attention"]
    assert "s = p (g vᵀ - its mean by p)" in node.formula and set(node.settings) == {
        "heads",
        "batch_first",
    }
    q, k, v = leaves(random(3, 2), random(3, 2, seed=1), random(3, 2, seed=2))
    graph = draw(sdpa(q, k, v).sum(), names={"q": q, "k": k, "v": v})
    (node,) = [node for node in graph.nodes if node.operation == "attention"]
    assert len([edge for edge in graph.edges if edge.target == node.id]) == 3
    assert "attention" in str(explain(sdpa(q, k, v).sum(), q))


def test_the_weights_can_be_drawn() -> None:
    layer = nn.MultiheadAttention(4, 1, batch_first=True)
    x = Tensor(random(1, 3, 4).astype(np.float32), requires_grad=True)
    _, weights = layer(x, x, x)
    assert weights.shape == (1, 3, 3) and "softmax" in draw(weights.sum()).to_html()


@pytest.mark.parametrize("options", [{}, {"is_causal": True}, {"enable_gqa": True}], ids=str)
def test_the_fused_operations_show_their_weights(options: dict[str, Any]) -> None:
    heads = 4 if "enable_gqa" in options else 2
    q, k, v = (Tensor(random(2, n, 5, 3), requires_grad=True) for n in (heads, 2, 2))
    node = draw(sdpa(q, k, v, **options).sum(), values=False).nodes
    (weights,) = (n.shown["weights"] for n in node if n.operation == "attention")
    scores = q.data.reshape(2, 2, -1, 5, 3) @ np.swapaxes(k.data, -1, -2)[:, :, None] / 3**0.5
    if options.get("is_causal"):
        scores = np.where(np.tri(5, dtype=bool), scores, -np.inf)
    np.testing.assert_allclose(weights.reshape(scores.shape), nn.functional.softmax(scores, -1))
    assert not weights.flags.writeable


def test_self_attention_shows_what_need_weights_gives() -> None:
    layer = nn.MultiheadAttention(4, 2, batch_first=True)
    x = Tensor(random(2, 3, 4).astype(np.float32), requires_grad=True, name="x")
    y, _ = layer(x, x, x, need_weights=False)
    _, weights = layer(x, x, x, average_attn_weights=False)
    graph = draw(y.sum())
    (shown,) = (n.shown["weights"] for n in graph.nodes if n.operation == "self_attention")
    np.testing.assert_allclose(shown, weights.data, rtol=1e-5)
    assert ">weights<" in graph.to_svg() and ">weights<" not in draw(y.sum(), values=False).to_svg()
    assert "weights" not in graph.to_text() + graph.to_mermaid() + graph.to_dot()


def test_an_explanation_tells_the_rule_of_each_argument() -> None:
    q, k, v, bias = (Tensor(random(*s), requires_grad=True) for s in [(2, 3)] * 3 + [(2, 2)])
    names = {"queries": q, "keys": k, "values": v, "bias": bias}
    y = (sdpa(q, k, v, attn_mask=bias) ** 2).sum()
    found = {name: str(explain(y, one, names=names)) for name, one in names.items()}
    assert "∂L/∂queries = scale s keys, with the weights p" in found["queries"]
    assert "∂L/∂keys = scale sᵀ queries, with" in found["keys"]
    assert "∂L/∂values = pᵀ g, with the weights p\n" in found["values"]
    assert "∂L/∂bias = s, with" in found["bias"]
    for text in found.values():
        assert "they agree" in text and "\n     weights    an array (2, 2), norm" in text


def test_every_name_of_these_rooms_is_tested_here() -> None:
    classes = {n for file in (room, transformer) for n in file.__all__ if n[0].isupper()}
    text = Path(__file__).read_text(encoding="utf-8")
    found = {n for n in classes if f"nn.{n}(" in text or f"lib.{n}(" in text}
    assert_cases(classes, found, __name__)
