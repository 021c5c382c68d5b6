"""Every public class of torch.nn and function of torch.nn.functional: ours, or told how to make it.

What is told as code is run, and compared with PyTorch where it is installed; its gradients are
compared with finite differences.
"""

import inspect
import re

import numpy as np
import pytest

import autograd
import nn
from autograd import Tensor, gradcheck
from nn import functional, left_out
from tests.makers import random

# Rooms that are being furnished: their names need no word until they are there.
COMING = re.compile(
    r"(BatchNorm|Dropout|InstanceNorm)[123]d"
    r"|Embedding|GroupNorm|RMSNorm|(GRU|LSTM|RNN)(Cell)?|MultiheadAttention"
    r"|Transformer(En|De)coder(Layer)?"
    r"|dropout[123]d|embedding|group_norm|instance_norm|rms_norm"
    r"|scaled_dot_product_attention"
)
# Names of its file that PyTorch does not document.
INSIDE = {
    "Optional",
    "assert_int_or_pair",
    "boolean_dispatch",
    "handle_torch_function",
    "has_torch_function",
    "has_torch_function_unary",
    "has_torch_function_variadic",
}


def told(module, name):
    """What is said to who asks for a name that is not there."""
    with pytest.raises(AttributeError) as caught:
        getattr(module, name)
    head, found, rest = str(caught.value).partition("; ")
    assert found and "did you mean" not in head, f"{module.__name__} says nothing of {name}"
    return rest


def test_every_class_of_pytorch_is_ours_or_told_of():
    torch = pytest.importorskip("torch", reason="looks through PyTorch")
    names = [n for n in dir(torch.nn) if inspect.isclass(getattr(torch.nn, n)) and n[0] != "_"]
    assert len(names) > 140
    for name in names:
        if not hasattr(nn, name) and not COMING.fullmatch(name):
            assert len(told(nn, name)) > 10


def test_every_function_of_pytorch_is_ours_or_told_of():
    torch = pytest.importorskip("torch", reason="looks through PyTorch")
    home = torch.nn.functional
    names = {n for n in dir(home) if callable(getattr(home, n)) and n[0].islower()}
    assert len(names) > 120
    for name in names - INSIDE:
        if not hasattr(functional, name) and not COMING.fullmatch(name):
            assert len(told(functional, name)) > 10


@pytest.mark.parametrize("module, names", [(nn, left_out.LAYERS), (functional, left_out.FUNCTIONS)])
def test_what_is_left_out_is_not_here(module, names):
    assert len(names) > 40 and not [name for name in names if hasattr(module, name)]
    for name, text in names.items():
        assert told(module, name) == text


# ---- what is told as code -----------------------------------------------------------------------

X, IMAGES = random(4, 6), random(2, 4, 4, 6, seed=1)
LABELS, SIGNS = np.array([0, 5, 2, 2]), np.sign(random(4, 6, seed=3))
SEQUENCES, VOLUMES = IMAGES[:, :, 0], random(1, 2, 4, 4, 4, seed=2)
FEW = {"p": 3.0, "k": 2}
OF_MANY = np.array(
    [[1, 3, -1, 0, 0, 0], [5, -1, 0, 0, 0, 0], [0, 1, 2, 3, 4, 5], [2, 4, -1, 0, 0, 0]]
)


def mean_distance(a, b):
    return abs(a - b).sum(-1)


def pooled(x, axes, k=2):
    """The maxima of each k elements along the last axes."""
    for axis in range(x.ndim - axes, x.ndim):
        shape = (*x.shape[:axis], x.shape[axis] // k, k, *x.shape[axis + 1 :])
        x = x.reshape(shape).max(axis=axis + 1)
    return x


def unpooled(axes):
    def theirs(F, x, maxima, y, k):
        _, places = getattr(F, f"max_pool{axes}d")(x, k, return_indices=True)
        return getattr(F, f"max_unpool{axes}d")(y, places, k)

    return theirs


def unpooling(x, axes):
    small = pooled(x, axes)
    return {"x": x, "maxima": small, "y": random(*small.shape, seed=5), "k": 2}


def padded(mode, *widths, **more):
    return lambda F, x, **options: F.pad(x, widths, mode, **more)


# For a name of each entry: the values of its words, and the same in PyTorch (None: of chance).
CASES = {
    "alpha_dropout": ({"x": X, "p": 0.3}, None),
    "feature_alpha_dropout": ({"x": IMAGES, "p": 0.3}, None),
    "bilinear": (
        {"x1": X, "x2": random(4, 3), "weight": random(5, 6, 3), "bias": random(5)},
        lambda F, x1, x2, weight, bias: F.bilinear(x1, x2, weight, bias),
    ),
    "channel_shuffle": (
        {"x": IMAGES, "groups": 2}, lambda F, x, groups: F.channel_shuffle(x, groups),
    ),
    "CircularPad1d": ({"x": SEQUENCES}, padded("circular", 1, 1)),
    "CircularPad2d": ({"x": IMAGES}, padded("circular", 2, 2, 1, 1)),
    "CircularPad3d": ({"x": VOLUMES}, padded("circular", 0, 1, 2, 2, 1, 1)),
    "ReflectionPad1d": ({"x": SEQUENCES}, padded("reflect", 1, 1)),
    "ReflectionPad2d": ({"x": IMAGES}, padded("reflect", 2, 2, 1, 1)),
    "ReflectionPad3d": ({"x": VOLUMES}, padded("reflect", 0, 1, 2, 2, 1, 1)),
    "ReplicationPad1d": ({"x": SEQUENCES}, padded("replicate", 1, 1)),
    "ReplicationPad2d": ({"x": IMAGES}, padded("replicate", 2, 2, 1, 1)),
    "ReplicationPad3d": ({"x": VOLUMES}, padded("replicate", 0, 1, 2, 2, 1, 1)),
    "ConstantPad1d": ({"x": SEQUENCES, "value": 2.5}, padded("constant", 1, 1, value=2.5)),
    "ConstantPad2d": ({"x": IMAGES, "value": 2.5}, padded("constant", 2, 2, 1, 1, value=2.5)),
    "ConstantPad3d": (
        {"x": VOLUMES, "value": 2.5}, padded("constant", 0, 1, 2, 2, 1, 1, value=2.5),
    ),
    "ZeroPad1d": ({"x": SEQUENCES}, padded("constant", 1, 1)),
    "ZeroPad2d": ({"x": IMAGES}, padded("constant", 2, 2, 1, 1)),
    "ZeroPad3d": ({"x": VOLUMES}, padded("constant", 0, 1, 2, 2, 1, 1)),
    "embedding_bag": (
        {"weight": random(7, 3), "indices": OF_MANY % 7},
        lambda F, weight, indices: F.embedding_bag(indices, weight),
    ),
    "hardshrink": ({"x": X}, lambda F, x: F.hardshrink(x)),
    "softshrink": ({"x": X}, lambda F, x: F.softshrink(x)),
    "tanhshrink": ({"x": X}, lambda F, x: F.tanhshrink(x)),
    "threshold": (
        {"x": X, "threshold": 0.2, "value": 7.0},
        lambda F, x, threshold, value: F.threshold(x, threshold, value),
    ),
    "rrelu": ({"x": X}, None),
    "lp_pool1d": ({"x": abs(SEQUENCES), **FEW}, lambda F, x, p, k: F.lp_pool1d(x, p, k)),
    "lp_pool2d": ({"x": abs(IMAGES), **FEW}, lambda F, x, p, k: F.lp_pool2d(x, p, k)),
    "lp_pool3d": ({"x": abs(VOLUMES), **FEW}, lambda F, x, p, k: F.lp_pool3d(x, p, k)),
    "local_response_norm": (
        {"x": IMAGES, "size": 4}, lambda F, x, size: F.local_response_norm(x, size),
    ),
    "max_unpool1d": (unpooling(SEQUENCES, 1), unpooled(1)),
    "max_unpool2d": (unpooling(IMAGES, 2), unpooled(2)),
    "max_unpool3d": (unpooling(VOLUMES, 3), unpooled(3)),
    "multilabel_margin_loss": (
        {"x": X, "labels": [[1, 3], [5, 0], [0, 2], [2, 4]]},
        lambda F, x, labels: F.multilabel_margin_loss(x, F.pad(labels, (0, 4), value=-1)),
    ),
    "multi_margin_loss": (
        {"x": X, "labels": LABELS}, lambda F, x, labels: F.multi_margin_loss(x, labels),
    ),
    "soft_margin_loss": (
        {"x": X, "target": SIGNS}, lambda F, x, target: F.soft_margin_loss(x, target),
    ),
    "multilabel_soft_margin_loss": (
        {"x": X, "target": (SIGNS + 1) / 2},
        lambda F, x, target: F.multilabel_soft_margin_loss(x, target),
    ),
    "triplet_margin_with_distance_loss": (
        {"anchor": X, "positive": X + 0.1, "negative": X[::-1] * 0.3, "distance": mean_distance},
        lambda F, anchor, positive, negative, distance: F.triplet_margin_with_distance_loss(
            anchor, positive, negative, distance_function=distance
        ),
    ),
    "linear_cross_entropy": (
        {"x": X, "weight": random(6, 6), "bias": random(6), "labels": LABELS},
        lambda F, x, weight, bias, labels: F.cross_entropy(F.linear(x, weight, bias), labels),
    ),
    "affine_grid": (
        {"theta": random(2, 2, 3), "size": (2, 6, 8, 10)},
        lambda F, theta, size: F.affine_grid(theta, size, align_corners=False),
    ),
    "gumbel_softmax": ({"logits": X, "tau": 0.7}, None),
    "pdist": ({"x": X}, lambda F, x: F.pdist(x)),
    "grouped_mm": ({"a": X, "b": random(6, 3)}, lambda F, a, b: a @ b),
}  # fmt: skip


def run(code, words):
    """The value of the last of several statements."""
    *before, last = code.split("; ")
    space = {"np": np, "nn": nn, "functional": functional, "autograd": autograd, **words}
    space["rng"] = np.random.default_rng(7)
    exec("\n".join(before), space)
    return eval(last, space)


def code_of(name):
    text = {**left_out.LAYERS, **left_out.FUNCTIONS}[name]
    return text.partition("write it: ")[2]


def test_every_code_has_a_case():
    with_case = {code_of(name) for name in CASES}
    table = {**left_out.LAYERS, **left_out.FUNCTIONS}
    codes = {text.partition("write it: ")[2] for text in table.values()} - {""}
    assert with_case == codes and len(CASES) == len(codes)


@pytest.mark.parametrize("name", CASES)
def test_what_is_told_is_what_pytorch_computes(name):
    words, theirs = CASES[name]
    found = np.asarray(run(code_of(name), words))
    assert found.size and np.all(np.isfinite(found))
    if theirs is None:
        return
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    given = {
        key: torch.tensor(np.ascontiguousarray(value))
        if isinstance(value, (np.ndarray, list)) else value
        for key, value in words.items()
    }  # fmt: skip
    wanted = theirs(torch.nn.functional, **given)
    np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_what_is_told_has_gradients(name):
    words, _ = CASES[name]
    key = next(k for k, v in words.items() if isinstance(v, np.ndarray) and v.dtype.kind == "f")
    if "max_unpool" in name:
        key = "y"  # by x it is a choice
    x = Tensor(words[key], requires_grad=True)
    assert gradcheck(lambda x: run(code_of(name), {**words, key: x}), x)


def test_what_chance_gives_keeps_its_mean_and_variance():
    x = random(300, 400)
    for name in ("alpha_dropout", "feature_alpha_dropout"):
        y = run(code_of(name), {"x": x, "p": 0.2})
        assert abs(y.mean()) < 0.01 and abs(y.std() - 1) < 0.01
    y = run(code_of("rrelu"), {"x": x})
    slopes = y[x < 0] / x[x < 0]
    assert abs(slopes.mean() - 11 / 48) < 1e-3 and slopes.min() > 1 / 8 and slopes.max() < 1 / 3
    shares = run(code_of("gumbel_softmax"), {"logits": np.log([[0.2, 0.8]] * 9000), "tau": 0.1})
    assert abs((shares[:, 0] > 0.5).mean() - 0.2) < 0.02
