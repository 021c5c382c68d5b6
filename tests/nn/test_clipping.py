"""Clipping of gradients: PyTorch's values, its norms, and gradients that others hold."""

import math

import numpy as np
import pytest

import nn
from autograd import AutogradError, Tensor

SHAPES = {"a": (3, 4), "b": (4,), "number": (), "empty": (0, 2)}


def parameters(scale=1.0, dtype=np.float64):
    """Tensors with gradients, and one without."""
    made = [
        Tensor(np.zeros(shape, dtype), requires_grad=True, name=n) for n, shape in SHAPES.items()
    ]
    for k, p in enumerate(made):
        p.grad = np.random.default_rng(k).normal(size=p.shape) * scale
    return [*made, Tensor(np.zeros(2), requires_grad=True)]


def torchs(ours):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    made = [torch.tensor(p.data, requires_grad=True) for p in ours]
    for p, q in zip(ours, made):
        q.grad = None if p.grad is None else torch.tensor(p.grad)
    return torch.nn.utils, made


def assert_same_gradients(ours, theirs, rtol=1e-14):
    for p, q in zip(ours, theirs):
        if q.grad is None:
            assert p.grad is None
        else:
            np.testing.assert_allclose(p.grad, q.grad.numpy(), rtol=rtol)
            assert p.grad.dtype == p.dtype


# ---- the norm ---------------------------------------------------------------------------------


@pytest.mark.parametrize("norm_type", [1, 2.0, 3.5, 0.5, math.inf])
@pytest.mark.parametrize("max_norm", [0.0, 0.5, 1e6, math.inf])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_norm_is_clipped_as_pytorch_does(norm_type, max_norm, dtype):
    ours = parameters(dtype=dtype)
    utils, theirs = torchs(ours)
    norm = nn.clip_grad_norm_(ours, max_norm, norm_type)
    rtol = 1e-14 if dtype == np.float64 else 1e-6
    # PyTorch has no inf norm of an empty tensor.
    theirs = [q for q, p in zip(theirs, ours) if p.size]
    expected = utils.clip_grad_norm_(theirs, max_norm, norm_type)
    assert isinstance(norm, float) and norm == pytest.approx(expected.item(), rel=rtol)
    assert_same_gradients([p for p in ours if p.size], theirs, rtol)


def test_by_hand():
    p, q = (Tensor([0.0], requires_grad=True) for _ in range(2))
    p.grad, q.grad = [3.0], [4.0]
    assert nn.clip_grad_norm_([p, q], 1.0) == 5.0
    np.testing.assert_allclose([p.grad[0], q.grad[0]], np.array([3, 4]) / (5 + 1e-6), rtol=1e-15)


def test_small_gradients_stay_what_they_are():
    ours = parameters()
    before = [p.grad for p in ours]
    nn.clip_grad_norm_(ours, 100.0)
    assert all(p.grad is g for p, g in zip(ours, before))


@pytest.mark.parametrize("clip", [nn.clip_grad_norm_, nn.clip_grad_value_])
def test_a_gradient_that_is_held_elsewhere_keeps_its_values(clip):
    ours = parameters()[:3]
    held = [p.grad for p in ours]
    copies = [g.copy() for g in held]
    clip(ours, 0.01)
    for p, g, values in zip(ours, held, copies):
        np.testing.assert_array_equal(g, values)
        assert not np.shares_memory(p.grad, g) and not np.array_equal(p.grad, g)


@pytest.mark.parametrize("norm_type", [1, 2, 3, 30, math.inf])
def test_huge_gradients_overflow_no_norm(norm_type):
    for dtype, huge in ((np.float16, 6e4), (np.float32, 3e38), (np.float64, 1e300)):
        p = Tensor(np.zeros(1000, dtype), requires_grad=True)
        p.grad = np.full(1000, huge)
        norm = nn.clip_grad_norm_([p], 1.0, norm_type)
        assert norm == pytest.approx(huge * 1000 ** (1 / norm_type), rel=1e-3)
        after = np.sum(p.grad.astype(float) ** norm_type) ** (1 / norm_type)
        assert (after if norm_type < math.inf else p.grad.max()) == pytest.approx(1, rel=1e-2)
        assert p.grad.dtype == dtype


@pytest.mark.parametrize("norm_type", [1, 2, 3])
def test_the_norm_of_float32_is_computed_in_float64(norm_type):
    p = Tensor(np.zeros(1000, np.float32), requires_grad=True)
    p.grad = np.random.default_rng(0).normal(size=1000)
    exact = sum(abs(float(g)) ** norm_type for g in p.grad) ** (1 / norm_type)
    assert nn.clip_grad_norm_(p, 1.0, norm_type) == pytest.approx(exact, rel=1e-13)


def test_tiny_gradients_have_a_norm():
    p = Tensor([0.0, 0.0], requires_grad=True)
    p.grad = [3e-200, 4e-200]
    assert nn.clip_grad_norm_(p, 1.0) == pytest.approx(5e-200)


NONFINITE = {"nan": math.nan, "inf": math.inf}


@pytest.mark.parametrize("value", NONFINITE.values(), ids=NONFINITE)
@pytest.mark.parametrize("norm_type", [1, 2, 4, math.inf])
def test_a_norm_that_is_not_finite(value, norm_type):
    ours = parameters()[:2]
    ours[1].grad = [1.0, value, 0.0, 2.0]
    before = [p.grad for p in ours]
    with pytest.raises(
        AutogradError, match=rf"is {value}, .* parameter 2 of 2, b of shape \(4,\);"
    ):
        nn.clip_grad_norm_(ours, 1.0, norm_type, error_if_nonfinite=True)
    assert all(p.grad is g for p, g in zip(ours, before))
    utils, theirs = torchs(ours)
    norm, expected = (clip(ps, 1.0, norm_type) for clip, ps in
                      ((nn.clip_grad_norm_, ours), (utils.clip_grad_norm_, theirs)))  # fmt: skip
    np.testing.assert_equal(norm, expected.item())
    assert_same_gradients(ours, theirs)


# ---- by value ---------------------------------------------------------------------------------


@pytest.mark.parametrize("clip_value", [0.0, 0.3, math.inf])
def test_values_are_clipped_as_pytorch_does(clip_value):
    ours = parameters()
    utils, theirs = torchs(ours)
    assert nn.clip_grad_value_(ours, clip_value) is None
    utils.clip_grad_value_(theirs, clip_value)
    assert_same_gradients(ours, theirs)


# ---- what parameters may be -------------------------------------------------------------------


@pytest.mark.parametrize("clip", [nn.clip_grad_norm_, nn.clip_grad_value_])
def test_a_tensor_a_list_and_a_generator_are_taken(clip):
    for pack in (lambda p: p, lambda p: [p], lambda p: (q for q in [p]), lambda p: [p, p]):
        p = Tensor([0.0, 0.0], requires_grad=True)
        p.grad = [3.0, 4.0]
        if clip is nn.clip_grad_norm_:
            assert clip(pack(p), 0.5) == 5.0
        else:
            clip(pack(p), 0.5)
        assert abs(p.grad).max() <= 0.5


@pytest.mark.parametrize("clip", [nn.clip_grad_norm_, nn.clip_grad_value_])
def test_without_gradients_nothing_happens(clip):
    p = Tensor([1.0], requires_grad=True)
    assert clip([p], 1.0) in (0.0, None)
    assert p.grad is None


WRONG = {
    "a model": ((nn.Linear(2, 2), 1.0), TypeError, r"got Linear; use \.parameters\(\)"),
    "a number": ((3, 1.0), TypeError, "a Tensor or several, got int"),
    "arrays": (([np.zeros(2)], 1.0), TypeError, "must be Tensors, got ndarray"),
    "nothing": ((iter([]), 1.0), ValueError, "a generator that was gone through before is empty"),
    "negative": (([Tensor([1.0])], -1.0), ValueError, "must be >= 0, got -1"),
    "nan": (([Tensor([1.0])], math.nan), ValueError, "must be >= 0, got nan"),
}


@pytest.mark.parametrize("clip", [nn.clip_grad_norm_, nn.clip_grad_value_])
@pytest.mark.parametrize("arguments, kind, message", WRONG.values(), ids=WRONG)
def test_wrong_arguments(clip, arguments, kind, message):
    with pytest.raises(kind, match=f"^{clip.__name__}: .*{message}"):
        clip(*arguments)


@pytest.mark.parametrize("norm_type", [0, -1, -math.inf, math.nan])
def test_a_norm_needs_a_positive_order(norm_type):
    with pytest.raises(ValueError, match=f"norm_type must be above 0, got {norm_type}"):
        nn.clip_grad_norm_(parameters(), 1.0, norm_type)
