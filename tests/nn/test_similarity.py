"""kl_div, pairwise_distance, cosine_similarity, normalize, logsigmoid: values, derivatives, edges.

Compared with PyTorch in float64, first and second order, where it is installed, with finite
differences, and with numbers written out here.
"""

import math
import pickle
import warnings

import numpy as np
import pytest

import nn
from autograd import Tensor, grad, gradcheck, gradgradcheck, jacobian, jvp
from nn import functional
from nn.functional import cosine_similarity, kl_div, normalize
from tests.compare import assert_equals_pytorch
from tests.makers import random, tensor

INF = math.inf


def torchs(options):
    """The same options in PyTorch's words."""
    return {"dim" if name == "axis" else name: value for name, value in options.items()}


def functions_of(torch):
    return torch.nn.functional


def test_one_function_has_two_names():
    assert functional.logsigmoid is functional.log_sigmoid
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    assert_equals_pytorch(
        torch, functional.logsigmoid, functions_of(torch).logsigmoid, [random(5) * 20]
    )


# ---- normalize --------------------------------------------------------------------------------

NORMALIZED = [
    ((4, 3), {}),
    ((2, 3, 4), {}),
    ((2, 1, 4), {"p": 1.0, "axis": 2}),
    ((2, 3, 4), {"p": 0.5, "axis": 0}),
    ((2, 3, 4), {"p": -1.0, "axis": -2}),
    ((2, 3, 4), {"p": 0.0, "axis": -1}),
    ((2, 3, 4), {"p": 3, "axis": 1, "eps": 1e-4}),
    ((4, 3), {"p": INF}),
    ((4, 3), {"p": -INF}),
    ((2, 3, 4), {"axis": (0, 2)}),
    ((2, 3, 4), {"p": 3.0, "axis": (2, 0)}),
    ((2, 3), {"p": INF, "axis": (0, 1)}),
    ((3,), {"axis": 0, "eps": 9.0}),
    ((), {"p": 1.2, "axis": 0}),
    ((), {"axis": -1}),
]
each_normalized = pytest.mark.parametrize("shape, options", NORMALIZED, ids=str)


@each_normalized
def test_normalize_agrees_with_pytorch(shape, options):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    assert_equals_pytorch(
        torch, lambda x: normalize(x, **options),
        lambda x: functions_of(torch).normalize(x, **torchs(options)),
        [np.asarray(random(*shape))],
    )  # fmt: skip


@each_normalized
def test_normalize_agrees_with_finite_differences(shape, options):
    assert gradcheck(lambda x: normalize(x, **options), tensor(*shape))
    assert gradgradcheck(lambda x: normalize(x, **options), tensor(*shape))


def test_normalize_by_hand():
    x = [[3.0, 4.0], [0.0, -2.0]]
    np.testing.assert_array_equal(normalize(x), [[0.6, 0.8], [0, -1]])
    np.testing.assert_allclose(normalize(x, 1), [[3 / 7, 4 / 7], [0, -1]])
    np.testing.assert_array_equal(normalize(x, INF), [[0.75, 1], [0, -1]])
    np.testing.assert_array_equal(normalize(x, axis=0), [[1, 4 / 20**0.5], [0, -2 / 20**0.5]])
    np.testing.assert_allclose(normalize(x, axis=(0, 1)), np.array(x) / 29**0.5)
    np.testing.assert_array_equal(normalize(x, eps=10.0), np.array(x) / 10)
    assert type(normalize(Tensor(x))) is Tensor and type(normalize(x)) is np.ndarray


@pytest.mark.parametrize("x", [[0.0, 0.0], [3e-13, 4e-13], [-4e-13, 0.0]], ids=str)
@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, INF])
def test_below_eps_normalize_is_x_over_eps(x, p):
    leaf = Tensor(x, requires_grad=True)
    y = normalize(leaf, p, axis=0)
    (first,) = grad(y, leaf, [1.0, 5.0], create_graph=True)
    np.testing.assert_allclose(y.data, np.array(x) * 1e12, rtol=1e-12)
    np.testing.assert_allclose(first.data, [1e12, 5e12], rtol=1e-12)
    (second,) = grad((first * first).sum(), leaf)
    assert second.tolist() == [0, 0]


def test_at_eps_itself_the_slope_is_that_beyond():
    """As of clip, and of PyTorch's clamp: (I - yyᵀ)/5 at (3, 4)."""
    found = jacobian(lambda x: normalize(x, axis=0, eps=5.0), [3.0, 4.0])
    np.testing.assert_allclose(found, [[0.128, -0.096], [-0.096, 0.072]], rtol=1e-14)


# ---- cosine_similarity ------------------------------------------------------------------------

SIMILAR = [
    ((5, 4), (5, 4), {}),
    ((5, 2), (5, 2), {"axis": -1}),
    ((5,), (5,), {"axis": 0, "eps": 0.5}),
    ((2, 3, 4), (2, 3, 4), {"axis": 2}),
    ((2, 3, 4), (2, 3, 4), {"axis": 0}),
    ((5, 4), (4,), {}),
    ((5, 1), (4,), {"axis": 1}),
    ((1, 3), (4, 1), {"axis": 0}),
    ((), (), {"axis": 0}),
]
each_similar = pytest.mark.parametrize("first, second, options", SIMILAR, ids=str)


@each_similar
def test_cosine_similarity_agrees_with_pytorch(first, second, options):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    assert_equals_pytorch(
        torch, lambda x, y: cosine_similarity(x, y, **options),
        lambda x, y: functions_of(torch).cosine_similarity(x, y, **torchs(options)),
        [np.asarray(random(*first)), np.asarray(random(*second, seed=1))],
    )  # fmt: skip


@each_similar
def test_cosine_similarity_agrees_with_finite_differences(first, second, options):
    inputs = [tensor(*first), tensor(*second, seed=1)]
    assert gradcheck(lambda x, y: cosine_similarity(x, y, **options), inputs)
    assert gradgradcheck(lambda x, y: cosine_similarity(x, y, **options), inputs)


def test_cosine_similarity_by_hand():
    found = cosine_similarity([[3.0, 4.0], [1.0, 0.0], [2.0, 2.0]], [[4.0, 3.0], [0, 2], [-1, -1]])
    np.testing.assert_allclose(found, [0.96, 0, -1], rtol=1e-15, atol=1e-16)
    assert cosine_similarity(Tensor([2.0]), [-3.0], axis=0).item() == -1


def test_lengths_are_at_least_eps():
    """(3, 4)·(1, 2) = 11, over 10·10; linear in each, so the slopes are the other over 100."""
    x, y = Tensor([3.0, 4.0], requires_grad=True), Tensor([1.0, 2.0], requires_grad=True)
    cosine = cosine_similarity(x, y, axis=0, eps=10.0)
    assert cosine.item() == pytest.approx(0.11, rel=1e-15)
    by_x, by_y = grad(cosine, [x, y])
    np.testing.assert_allclose(by_x.data, [0.01, 0.02], rtol=1e-14)
    np.testing.assert_allclose(by_y.data, [0.03, 0.04], rtol=1e-14)
    assert gradcheck(lambda x, y: cosine_similarity(x, y, axis=0, eps=4.0), [x, y])


def test_a_vector_of_zeros_has_cosine_0_and_the_slope_of_the_other_over_eps():
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    zero, other = np.zeros((1, 2)), np.array([[1.0, 2.0]])
    x, y = Tensor(zero, requires_grad=True), Tensor(other, requires_grad=True)
    cosine = cosine_similarity(x, y)
    cosine.sum().backward()
    a, b = (torch.tensor(z, requires_grad=True) for z in (zero, other))
    theirs = functions_of(torch).cosine_similarity(a, b)
    theirs.sum().backward()
    assert cosine.tolist() == theirs.tolist() == [0]
    np.testing.assert_allclose(x.grad, a.grad.numpy(), rtol=1e-12)
    np.testing.assert_allclose(x.grad, other / math.sqrt(5) * 1e8, rtol=1e-12)
    assert y.grad.tolist() == b.grad.tolist() == [[0, 0]]
    assert cosine_similarity(zero, zero).tolist() == [0]


# ---- kl_div -----------------------------------------------------------------------------------

DIVERGENT = [
    (shape, reduction, logs)
    for shape in [(2,), (2, 3), (2, 3, 4), ()]
    for reduction in ["mean", "batchmean", "sum", "none"]
    for logs in [False, True]
]
each_divergent = pytest.mark.parametrize("shape, reduction, logs", DIVERGENT, ids=str)


def log_probabilities(shape, seed=0):
    return np.asarray(-np.random.default_rng(seed).exponential(size=shape))


@each_divergent
def test_kl_div_agrees_with_pytorch(shape, reduction, logs):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    target = log_probabilities(shape, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the mean is not the divergence
        assert_equals_pytorch(
            torch, lambda p, t: kl_div(p, t, reduction, logs),
            lambda p, t: functions_of(torch).kl_div(p, t, reduction=reduction, log_target=logs),
            [log_probabilities(shape), target if logs else np.exp(target)],
        )  # fmt: skip


@pytest.mark.parametrize("logs", [False, True])
@pytest.mark.parametrize("reduction", ["batchmean", "none"])
def test_kl_div_agrees_with_finite_differences(reduction, logs):
    target = log_probabilities((2, 3), 1)
    inputs = [
        Tensor(log_probabilities((2, 3)), requires_grad=True),
        Tensor(target if logs else np.exp(target), requires_grad=True),
    ]
    assert gradcheck(lambda p, t: kl_div(p, t, reduction, logs), inputs)
    assert gradgradcheck(lambda p, t: kl_div(p, t, reduction, logs), inputs)


def test_kl_div_by_hand():
    p, q = np.array([[0.5, 0.5], [0.25, 0.75]]), np.array([[0.25, 0.75], [0.25, 0.75]])
    losses = p * np.log(p / q)
    for target, logs in ((p, False), (np.log(p), True)):
        found = kl_div(np.log(q), target, "none", logs)
        np.testing.assert_allclose(found.data, losses, rtol=1e-14)
        for reduction, expected in (
            ("sum", losses.sum()), ("mean", losses.sum() / 4), ("batchmean", losses.sum() / 2),
        ):  # fmt: skip
            found = kl_div(np.log(q), target, reduction=reduction, log_target=logs)
            assert found.item() == pytest.approx(expected, rel=1e-14)
    assert kl_div(np.log(q), p).item() == pytest.approx(losses.mean(), rel=1e-14)  # the default


def test_a_probability_of_0_in_the_target_counts_nothing():
    """lim t log t = 0 at 0, and its slope there is -inf; of its logarithm both are 0."""
    prediction = Tensor(np.log([0.5, 0.25]), requires_grad=True)
    target = Tensor([1.0, 0.0], requires_grad=True)
    losses = kl_div(prediction, target, "none")
    losses.backward([1.0, 1.0])
    np.testing.assert_allclose(losses.data, [np.log(2), 0])
    assert prediction.grad.tolist() == [-1, 0]
    assert target.grad.tolist() == [1 + np.log(2), -INF]
    logs = Tensor([0.0, -INF], requires_grad=True)
    losses = kl_div(prediction, logs, "none", log_target=True)
    losses.backward([1.0, 1.0])
    np.testing.assert_allclose(losses.data, [np.log(2), 0])
    np.testing.assert_allclose(logs.grad, [1 + np.log(2), 0])


def test_kl_div_hides_no_nan():
    assert np.isnan(kl_div([np.nan, -1.0], [0.0, np.nan], "none").data).all()
    assert np.isnan(kl_div([np.nan, -1.0], [-INF, np.nan], "none", log_target=True).data).all()


def test_kl_div_of_nothing():
    empty = np.zeros((0, 3))
    assert np.isnan(kl_div(empty, empty).item())
    assert np.isnan(kl_div(empty, empty, "batchmean").item())
    assert kl_div(empty, empty, "sum").item() == 0
    assert kl_div(empty, empty, "none").shape == (0, 3)


# ---- all of them ------------------------------------------------------------------------------

ALL = {
    "normalize": lambda x: normalize(x),
    "cosine_similarity": lambda x: cosine_similarity(x, x[::-1]),
    "kl_div": lambda x: kl_div(-x, x / 10),
    "kl_div of logs": lambda x: kl_div(-x, x[::-1] * -1, log_target=True),
}


@pytest.mark.parametrize("function", ALL.values(), ids=ALL)
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_the_dtype_stays(function, dtype):
    x = np.abs(random(3, 4)) + 0.5
    leaf = Tensor(x.astype(dtype), requires_grad=True)
    y = function(leaf)
    (first,) = grad(y.sum(), leaf, create_graph=True)
    (second,) = grad((first * first).sum(), leaf)
    assert y.dtype == first.dtype == second.dtype == dtype
    expected = function(Tensor(x))
    rtol = 8 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(y.data, expected.data, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("function", ALL.values(), ids=ALL)
def test_vjp_and_jvp_agree(function):
    x = np.abs(random(3, 4)) + 0.5
    v = random(3, 4, seed=2)
    full = jacobian(function, x)
    np.testing.assert_allclose(jvp(function, x, v)[1], np.tensordot(full, v, 2), atol=1e-14)


def test_half_precision_does_not_overflow_in_squares():
    x = np.full((2, 70), 300, np.float16)
    np.testing.assert_allclose(normalize(x), np.full((2, 70), 70**-0.5), rtol=1e-3)
    np.testing.assert_allclose(cosine_similarity(x, Tensor(x)).data, [1, 1], rtol=1e-3)
    leaf = Tensor(x, requires_grad=True)
    normalize(leaf)[0, 0].backward()
    assert np.all(np.isfinite(leaf.grad)) and leaf.grad[0, 0] > 0


def test_of_empty_arrays():
    assert normalize(np.zeros((0, 3))).shape == (0, 3)
    assert normalize(np.zeros((3, 0))).shape == (3, 0)
    assert cosine_similarity(np.zeros((3, 0)), np.zeros((3, 0))).tolist() == [0, 0, 0]
    assert cosine_similarity(np.zeros((0, 3)), np.zeros((0, 3))).shape == (0,)


REFUSED = {
    "axis of a vector": (
        lambda: normalize([1.0, 2.0]), ValueError,
        r"normalize: axis 1 does not fit .*\(2,\); axis=-1 is the last",
    ),
    "axis twice": (lambda: normalize(random(2, 3), axis=(0, -2)), ValueError, r"axis \(0, -2\)"),
    "no axis": (lambda: normalize(random(2, 3), axis=()), ValueError, "does not fit"),
    "axis no int": (lambda: normalize([[1.0]], axis=1.5), TypeError, "an int or several, got 1.5"),
    "eps": (lambda: normalize([[1.0]], eps=-1), ValueError, "eps must be >= 0, got -1"),
    "p": (lambda: normalize([[1.0]], p="fro"), TypeError, "p must be a number, got 'fro'"),
    "text": (lambda: normalize("one"), TypeError, "text"),
    "shapes": (
        lambda: cosine_similarity([1.0, 2.0], [1.0, 2.0, 3.0]), ValueError,
        r"cosine_similarity: x1 of shape \(2,\) and x2 of shape \(3,\) do not fit",
    ),
    "axis of the cosine": (
        lambda: cosine_similarity([1.0], [2.0]), ValueError, "cosine_similarity: axis 1 does not",
    ),
    "eps of the cosine": (
        lambda: cosine_similarity([1.0], [2.0], 0, -1e-8), ValueError, "eps must be",
    ),
    "reduction": (lambda: kl_div([1.0], [1.0], "avg"), ValueError, "kl_div: .*'batchmean'.*'avg'"),
    "reduction no str": (lambda: kl_div([1.0], [1.0], True), TypeError, "kl_div: reduction must"),
    "batchmean of another loss": (
        lambda: functional.mse_loss([1.0], [1.0], "batchmean"), ValueError,
        r"mse_loss: reduction must be one of \('mean', 'sum', 'none'\)",
    ),
    "shapes of kl_div": (
        lambda: kl_div(random(4, 2), random(2)), ValueError,
        r"kl_div: the prediction has shape \(4, 2\), the target \(2,\)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("wrong, kind, message", REFUSED.values(), ids=REFUSED)
def test_refused(wrong, kind, message):
    with pytest.raises(kind, match=message):
        wrong()


# ---- distances and angles as layers -----------------------------------------------------------

PAIRS = {"rows": ((4, 3), (4, 3)), "one": ((4, 3), (1, 3)), "vectors": ((3,), (3,)),
         "a vector": ((4, 3), (3,)), "more axes": ((2, 4, 3), (4, 3)), "of 1": ((5, 1), (5, 1)),
}  # fmt: skip
DISTANCES = [{}, {"p": 1.0}, {"p": 3.0, "eps": 1e-3}, {"p": INF}, {"p": -1.0}, {"keepdims": True}]


def distance_of(torch, options):
    names = {"keepdims": "keepdim"}
    return torch.nn.PairwiseDistance(**{names.get(k, k): v for k, v in options.items()})


@pytest.mark.parametrize("options", DISTANCES, ids=str)
@pytest.mark.parametrize("shapes", PAIRS.values(), ids=PAIRS)
def test_distances_agree_with_pytorch(shapes, options):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    arrays = [random(*shape, seed=seed) for seed, shape in enumerate(shapes)]
    ours = nn.PairwiseDistance(**options)
    assert_equals_pytorch(torch, ours, distance_of(torch, options), arrays)
    np.testing.assert_array_equal(
        ours(*arrays).data, functional.pairwise_distance(*arrays, **options)
    )


@pytest.mark.parametrize("options", DISTANCES, ids=str)
def test_distances_agree_with_finite_differences(options):
    inputs = [tensor(4, 3), tensor(4, 3, seed=1)]
    assert gradcheck(nn.PairwiseDistance(**options), inputs)
    assert gradgradcheck(nn.PairwiseDistance(**options), inputs)


def test_equal_vectors_have_a_slope():
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    y = functional.pairwise_distance(x, np.ones((2, 3)))
    y.sum().backward()
    np.testing.assert_allclose(y.data, 1e-6 * math.sqrt(3), rtol=1e-9)
    np.testing.assert_allclose(x.grad, 1 / math.sqrt(3), rtol=1e-9)
    x.grad = None
    functional.pairwise_distance(x, np.ones((2, 3)), eps=0.0).sum().backward()
    assert not x.grad.any()


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_distances_keep_the_dtype_and_their_digits(dtype):
    x = Tensor(np.array([[300, 400], [3, 4]], dtype), requires_grad=True)
    y = functional.pairwise_distance(x, np.zeros((2, 2), dtype), eps=0.0)
    y.sum().backward()
    assert y.dtype == x.grad.dtype == dtype and y.tolist() == [500, 5]
    assert functional.pairwise_distance([[1, 2]], [[1, 2]]).dtype == np.float64
    assert isinstance(functional.pairwise_distance([[1]], [[2]]), np.ndarray)


@pytest.mark.parametrize("axis, eps", [(1, 1e-8), (0, 0.5), (-1, 1e-8)])
def test_angles_are_those_of_the_function_and_pytorchs(axis, eps):
    a, b = random(4, 3), random(4, 3, seed=1)
    layer = nn.CosineSimilarity(axis, eps)
    np.testing.assert_array_equal(layer(a, b).data, cosine_similarity(a, b, axis, eps))
    assert isinstance(layer(a, b), Tensor) and isinstance(layer(a.tolist(), b), Tensor)
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    assert_equals_pytorch(torch, layer, torch.nn.CosineSimilarity(axis, eps), [a, b])


def test_they_are_layers_like_others():
    assert repr(nn.CosineSimilarity()) == "CosineSimilarity(axis=1, eps=1e-08)"
    assert repr(nn.PairwiseDistance(1)) == "PairwiseDistance(p=1.0, eps=1e-06, keepdims=False)"
    for layer in (nn.CosineSimilarity(), nn.PairwiseDistance()):
        assert layer.state_dict() == {} and repr(pickle.loads(pickle.dumps(layer))) == repr(layer)


MISFITS = {
    "lengths": (lambda: nn.PairwiseDistance()(random(2, 3), random(2, 4)), ValueError,
                r"pairwise_distance: x1 of shape \(2, 3\) and x2 of shape \(2, 4\) do not fit"),
    "numbers": (lambda: functional.pairwise_distance(1.0, 2.0), ValueError, r"shape \(\) and x2"),
    "p": (lambda: nn.PairwiseDistance("2"), TypeError, "PairwiseDistance: p must be a number"),
    "eps": (lambda: nn.PairwiseDistance(eps=INF), ValueError, "eps must be a finite number"),
    "keepdims": (lambda: nn.PairwiseDistance(keepdims=2), TypeError, "keepdims must be True or"),
    "text": (lambda: nn.PairwiseDistance()("a", "b"), TypeError, "cannot take the first input"),
    "axis": (lambda: nn.CosineSimilarity(1.5), TypeError, "axis must be a whole number, got 1.5"),
    "eps below 0": (lambda: nn.CosineSimilarity(eps=-1), ValueError, "eps must be >= 0, got -1"),
    "angles": (lambda: nn.CosineSimilarity()([[1.0]], ["a"]), TypeError, "the second input"),
}  # fmt: skip


@pytest.mark.parametrize("call, kind, message", MISFITS.values(), ids=MISFITS)
def test_what_the_layers_refuse(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
