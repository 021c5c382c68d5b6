"""CrossEntropyLoss and NLLLoss: every option at first and second order, and what they refuse.

Compared with PyTorch in float64 to 1e-10 where it is installed, with finite differences, and with
formulas written out here.
"""

import numpy as np
import pytest

import autograd
import nn
from autograd import Tensor, gradcheck, gradgradcheck
from nn import functional
from tests.compare import REDUCTIONS, assert_equals_pytorch
from tests.makers import random, tensor
from tests.nn.losses.test_binary import LOSSES as BINARY
from tests.nn.losses.test_distances import LOSSES as DISTANCES
from tests.nn.losses.test_likelihoods import LOSSES as LIKELIHOODS
from tests.nn.losses.test_margins import LOSSES as MARGINS
from tests.twins import assert_cases

WEIGHT = np.array([0.5, 2.0, 1.0, 0.25])  # of the four classes below
SHAPES = {"rows": (5, 4), "one row": (4,), "an axis more": (3, 4, 2), "images": (2, 4, 3, 2)}
OPTIONS = {
    "plain": {},
    "weight": {"weight": WEIGHT},
    "smoothing": {"label_smoothing": 0.1},
    "weight and smoothing": {"weight": WEIGHT, "label_smoothing": 0.3},
    "all smooth": {"label_smoothing": 1.0},
}
LABEL_OPTIONS = {
    **OPTIONS,
    "ignore": {"ignore_index": 1},
    "ignore -100": {"ignore_index": -100},
    "ignore and weight": {"ignore_index": 2, "weight": WEIGHT},
    "ignore, weight and smoothing": {"ignore_index": 2, "weight": WEIGHT, "label_smoothing": 0.2},
}


def outer(shape):
    """The shape without its axis of classes."""
    return shape[:1] * (len(shape) > 1) + shape[2:]


def labels_for(shape, ignore_index=1, seed=1):
    labels = np.random.default_rng(seed).integers(0, 4, outer(shape))
    if labels.size > 1:
        labels.flat[-1] = ignore_index
        labels.flat[0] = 3
    return labels


def probabilities_for(shape, seed=1):
    x = np.exp(random(*shape, seed=seed))
    return x / x.sum(axis=1 if len(shape) > 1 else 0, keepdims=True)


def test_every_loss_has_a_case():
    here = {"CrossEntropyLoss", "NLLLoss"}
    elsewhere = {"CTCLoss", "KLDivLoss", *LIKELIHOODS, *MARGINS}  # in test_sequences, ...
    tables = "LOSSES of tests.nn.losses.test_distances, or of the file of its family"
    assert_cases(nn.losses.__all__, here | elsewhere | set(DISTANCES) | set(BINARY), tables)
    assert set(nn.losses.__all__) <= set(nn.__all__)


# ---- cross-entropy ----------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("options", LABEL_OPTIONS.values(), ids=LABEL_OPTIONS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_cross_entropy_with_labels_agrees_with_pytorch(shape, options, reduction):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    labels = labels_for(shape, options.get("ignore_index", 1))
    theirs = {k: torch.tensor(v) if k == "weight" else v for k, v in options.items()}
    assert_equals_pytorch(
        torch, nn.CrossEntropyLoss(**options, reduction=reduction),
        torch.nn.CrossEntropyLoss(**theirs, reduction=reduction), [random(*shape)], [labels],
    )  # fmt: skip


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_cross_entropy_with_probabilities_agrees_with_pytorch(shape, options, reduction):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    theirs = {k: torch.tensor(v) if k == "weight" else v for k, v in options.items()}
    assert_equals_pytorch(
        torch, nn.CrossEntropyLoss(**options, reduction=reduction),
        torch.nn.CrossEntropyLoss(**theirs, reduction=reduction),
        [random(*shape), probabilities_for(shape)],
    )  # fmt: skip


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("options", LABEL_OPTIONS.values(), ids=LABEL_OPTIONS)
def test_cross_entropy_with_labels_agrees_with_finite_differences(options, reduction):
    loss = nn.CrossEntropyLoss(**options, reduction=reduction)
    labels = labels_for((5, 4), options.get("ignore_index", 1))
    assert gradcheck(lambda x: loss(x, labels), tensor(5, 4))
    assert gradgradcheck(lambda x: loss(x, labels), tensor(5, 4))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_cross_entropy_with_probabilities_agrees_with_finite_differences(options, reduction):
    loss = nn.CrossEntropyLoss(**options, reduction=reduction)
    inputs = [tensor(3, 4), Tensor(probabilities_for((3, 4)), requires_grad=True)]
    assert gradcheck(loss, inputs)
    assert gradgradcheck(loss, inputs)


def test_cross_entropy_by_hand():
    x = Tensor(np.log([[0.2, 0.8], [0.5, 0.5]]), requires_grad=True)
    loss = nn.CrossEntropyLoss()(x, [1, 0])
    loss.backward()
    np.testing.assert_allclose(loss.item(), -(np.log(0.8) + np.log(0.5)) / 2)
    np.testing.assert_allclose(x.grad, [[0.1, -0.1], [-0.25, 0.25]])


def test_the_weighted_mean_divides_by_the_weights_of_the_labels():
    x, weight = random(3, 2), np.array([1.0, 9.0])
    each = functional.cross_entropy(x, [0, 1, 1], reduction="none").data
    mean = functional.cross_entropy(x, [0, 1, 1], weight).item()
    np.testing.assert_allclose(mean, (each * [1, 9, 9]).sum() / 19)


def test_the_weighted_mean_with_probabilities_divides_by_their_number():
    x, target, weight = random(3, 2), probabilities_for((3, 2)), np.array([1.0, 9.0])
    each = -(functional.log_softmax(x) * target * weight).sum(axis=1)
    np.testing.assert_allclose(functional.cross_entropy(x, target, weight).item(), each.sum() / 3)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_all_ignored_gives_nan_for_mean_and_0_for_sum(options):
    x, labels = tensor(3, 4), [-100] * 3
    assert np.isnan(functional.cross_entropy(x, labels, **options).item())
    assert functional.cross_entropy(x, labels, reduction="none", **options).tolist() == [0, 0, 0]
    total = functional.cross_entropy(x, labels, reduction="sum", **options)
    total.backward()
    assert total.item() == 0 and x.grad.tolist() == np.zeros((3, 4)).tolist()


def test_an_ignored_row_counts_for_nothing_even_if_it_is_nan():
    data = random(3, 4)
    data[1] = [np.nan, np.inf, -np.inf, 1e300]
    for reduction in REDUCTIONS:
        x = Tensor(data, requires_grad=True)
        loss = functional.cross_entropy(x, [0, -100, 1], reduction=reduction)
        loss.sum().backward()
        assert np.all(np.isfinite(loss.data)) and np.all(np.isfinite(x.grad))
        assert x.grad[1].tolist() == [0, 0, 0, 0]


def test_a_batch_of_nothing():
    for target in (np.zeros(0, int), [], np.zeros((0, 4))):
        x = tensor(0, 4)
        assert functional.cross_entropy(x, target, reduction="sum").item() == 0
        assert functional.cross_entropy(x, target, reduction="none").shape == (0,)
        assert np.isnan(functional.cross_entropy(x, target).item())


def test_large_logits_give_finite_values_without_a_warning():
    x = Tensor([[1000.0, -1000.0], [-1000.0, 1000.0]], requires_grad=True)
    for target in ([0, 0], [[0.5, 0.5], [0.9, 0.1]]):
        with np.errstate(all="raise", under="ignore"):
            loss = functional.cross_entropy(x, target)
            loss.backward()
        assert np.isfinite(loss.item()) and np.all(np.isfinite(x.grad))
    assert functional.cross_entropy(x, [0, 0]).item() == 1000


@pytest.mark.parametrize("target", [[0], [[1.0, 0.0]]], ids=["label", "probabilities"])
@pytest.mark.parametrize("create_graph", [False, True], ids=["arrays", "recorded"])
def test_the_gradient_of_a_sure_row_keeps_its_digits(target, create_graph):
    logits = Tensor([[40.0, 0.0]], requires_grad=True)
    loss = functional.cross_entropy(logits, np.array(target))
    (found,) = autograd.grad(loss, logits, create_graph=create_graph)
    np.testing.assert_allclose(found.data, np.exp(-40.0) * np.array([[-1, 1]]), rtol=1e-12)


@pytest.mark.parametrize("classes", [1, 2, 31, 32, 33])
def test_any_number_of_classes(classes):
    """Few are laid out in another way than many: see `FEW`."""
    logits, labels = tensor(5, classes), np.arange(5) * 7 % classes
    loss = functional.cross_entropy(logits, labels)
    shares = np.exp(logits.data) / np.exp(logits.data).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(loss.data, -np.log(shares[range(5), labels]).mean(), atol=1e-14)
    loss.backward()
    np.testing.assert_allclose(logits.grad, (shares - np.eye(classes)[labels]) / 5, atol=1e-14)


def test_a_class_of_probability_0_is_no_trouble_elsewhere():
    x = Tensor([[-np.inf, 1.0, 1.0]], requires_grad=True)
    loss = functional.cross_entropy(x, [1])
    loss.backward()
    np.testing.assert_allclose(loss.item(), np.log(2))
    np.testing.assert_allclose(x.grad, [[0, -0.5, 0.5]])


def test_backward_twice_adds_the_same_again():
    x = tensor(5, 4)
    loss = functional.cross_entropy(x, labels_for((5, 4)))
    loss.backward()
    once = x.grad.copy()
    loss.backward()
    assert np.array_equal(x.grad, 2 * once)


def test_values_changed_after_the_forward_do_not_matter():
    x, twin = tensor(5, 4), tensor(5, 4)
    losses = [functional.cross_entropy(t, labels_for((5, 4))) for t in (x, twin)]
    x.data = np.zeros((5, 4))
    for loss in losses:
        loss.backward()
    assert np.array_equal(x.grad, twin.grad)


LABELS = {
    "list": [0, 3, 1],
    "tuple": (0, 3, 1),
    "uint8": np.array([0, 3, 1], np.uint8),
    "int32": np.array([0, 3, 1], np.int32),
    "uint64": np.array([0, 3, 1], np.uint64),
    "big-endian": np.array([0, 3, 1], ">i2"),
    "Tensor": Tensor([0, 3, 1]),
    "not contiguous": np.array([0, 9, 3, 9, 1, 9])[::2],
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_labels_of_every_integer_kind(labels):
    x = random(3, 4)
    expected = functional.cross_entropy(x, np.array([0, 3, 1])).item()
    assert functional.cross_entropy(x, labels).item() == expected


OUT_OF_RANGE = {
    "too large": ([0, 4, 1], {}, r"label 4 at position 1 is out of range: with 4 classes"),
    "negative": ([0, 1, -1], {}, r"label -1 at position 2 .* labels go from 0 to 3"),
    "the first of several": ([9, -7, 5], {}, r"label 9 at position 0"),
    "unsigned": (np.array([0, 255, 1], np.uint8), {}, r"label 255 at position 1"),
    "huge": (np.array([0, 2**64 - 1, 1], np.uint64), {}, r"label 18446744073709551615 at position"),
    "big-endian": (np.array([0, 256, 1], ">i2"), {}, r"label 256 at position 1"),
    "beside an ignored one": ([-1, -2, 0], {"ignore_index": -1}, r"label -2 at position 1"),
    "-100 when another is ignored": ([0, -100, 1], {"ignore_index": 0}, r"label -100 .*0, is pass"),
}


@pytest.mark.parametrize("labels, options, message", OUT_OF_RANGE.values(), ids=OUT_OF_RANGE)
def test_labels_out_of_range_raise(labels, options, message):
    x = tensor(3, 4)
    with pytest.raises(ValueError, match="cross_entropy: " + message):
        nn.CrossEntropyLoss(**options)(x, labels)
    assert x.grad is None
    nn.CrossEntropyLoss()(x, [0, 3, 1]).backward()
    assert x.grad is not None


@pytest.mark.parametrize("dtype", [np.int8, np.int16, ">i2", np.int64])
def test_negative_labels_of_few_bits_among_many_classes(dtype):
    bits = 8 * np.dtype(dtype).itemsize
    x = np.zeros((2, 200 if bits == 8 else 40_000), np.float32)
    labels = np.array([1, -100], dtype)
    assert functional.cross_entropy(x, labels).item() == functional.cross_entropy(x[:1], [1]).item()
    with pytest.raises(ValueError, match=r"label -100 at position 1"):
        functional.cross_entropy(x, labels, ignore_index=-1)


def test_the_position_of_a_label_in_many_axes():
    labels = np.zeros((2, 3), int)
    labels[1, 2] = 7
    with pytest.raises(ValueError, match=r"label 7 at position \(1, 2\)"):
        functional.cross_entropy(random(2, 4, 3), labels)
    with pytest.raises(ValueError, match=r"label 7 is out of range"):
        functional.cross_entropy(random(4), 7)


WRONG = {
    "floats": ([0.0, 1.0, 2.0], TypeError, r"labels must be integers, got float64.*astype"),
    "booleans": ([True, False, True], TypeError, r"labels must be integers, got bool"),
    "text": (["a", "b", "c"], TypeError, r"integer labels or probabilities, got <U1"),
    "too few": ([0, 1], ValueError, r"logits of shape \(3, 4\) need labels of shape \(3,\), or .*"
                                    r"probabilities of shape \(3, 4\), got shape \(2,\)"),
    "a column": ([[0], [1], [2]], ValueError, r"got shape \(3, 1\); use labels\.reshape\(-1\)"),
    "a number": (1, ValueError, r"got shape \(\)"),
    "too few probabilities": (np.ones((3, 3)), ValueError, r"got shape \(3, 3\)"),
    "one-hot integers": (np.eye(4, dtype=int)[:3], TypeError, r"must be floats, got int64.*astype"),
}  # fmt: skip


@pytest.mark.parametrize("target, kind, message", WRONG.values(), ids=WRONG)
def test_targets_of_the_wrong_kind_or_shape_raise(target, kind, message):
    x = tensor(3, 4)
    with pytest.raises(kind, match="(?s)cross_entropy: .*" + message):
        nn.CrossEntropyLoss()(x, target)
    assert x.grad is None
    nn.CrossEntropyLoss()(x, [0, 3, 1]).backward()
    assert x.grad is not None


SETTINGS = {
    "reduction": (lambda: nn.CrossEntropyLoss(reduction="max"), r"one of .*got 'max'"),
    "smoothing": (lambda: nn.CrossEntropyLoss(label_smoothing=1.5), r"must be <= 1, got 1\.5"),
    "weight": (
        lambda: nn.CrossEntropyLoss([1.0, 2.0])(random(3, 4), [0, 1, 2]),
        r"one entry for each of the 4 classes, got shape \(2,\)",
    ),
    "no classes": (lambda: nn.CrossEntropyLoss()(1.0, 0), r"need an axis of classes"),
    "0 classes": (lambda: nn.CrossEntropyLoss()(np.zeros((2, 0)), [0, 1]), r"got \(2, 0\)"),
    "a label to pass over in probabilities": (
        lambda: nn.CrossEntropyLoss(ignore_index=1)(np.zeros((2, 3)), np.full((2, 3), 1 / 3)),
        r"cross_entropy: ignore_index=1 is a label .*target of shape \(2, 3\) holds probabilities",
    ),
    "no classes for nll": (lambda: nn.NLLLoss()(1.0, 0), r"nll_loss: log probabilities need an"),
    "reduction of nll": (lambda: nn.NLLLoss(reduction="max"), r"NLLLoss: .*got 'max'"),
    "weight of nll": (
        lambda: functional.nll_loss(random(3, 4), [0, 1, 2], [1.0, 2.0]),
        r"nll_loss: weight must have one entry for each of the 4 classes, got shape \(2,\)",
    ),
}


@pytest.mark.parametrize("make, message", SETTINGS.values(), ids=SETTINGS)
def test_wrong_settings_raise(make, message):
    with pytest.raises(ValueError, match=message):
        make()


KINDS = {
    "ignore_index": (lambda: nn.CrossEntropyLoss(ignore_index=None), r"integer, got NoneType"),
    "data instead of options": (
        lambda: nn.CrossEntropyLoss([[0.0, 1.0]], [1]),
        r"call: CrossEntropyLoss\(\)\(prediction",
    ),
    "ignore_index of nll": (lambda: nn.NLLLoss(ignore_index=1.0), r"NLLLoss: .*got float"),
    "smoothing": (lambda: nn.CrossEntropyLoss(label_smoothing="0.1"), r"a number, got '0.1'"),
    "weight": (lambda: nn.CrossEntropyLoss(["a"]), r"CrossEntropyLoss: cannot take the weight"),
    "weight to train": (lambda: nn.NLLLoss(tensor(4)), r"weight is a constant.*detach"),
}


@pytest.mark.parametrize("make, message", KINDS.values(), ids=KINDS)
def test_settings_of_the_wrong_kind_raise(make, message):
    with pytest.raises(TypeError, match=message):
        make()


@pytest.mark.parametrize("loss", [nn.CrossEntropyLoss, nn.NLLLoss], ids=lambda c: c.__name__)
def test_the_weight_is_a_buffer(loss):
    given = np.array([1.0, 2.0])
    module = loss(weight=given)
    given[:] = 9
    assert module.state_dict()["weight"].tolist() == [1, 2] and list(module.parameters()) == []
    assert "weight=<shape (2,)>, ignore_index=-100, reduction='mean'" in repr(module)
    assert "weight=None" in repr(loss())


@pytest.mark.parametrize("weight", [None, np.ones(3)], ids=["plain", "weight"])
def test_the_mean_of_many_in_half_a_precision(weight):
    logits = np.tile(np.array([20, 0, 0], np.float16), (70_000, 1))
    with np.errstate(all="raise", under="ignore"):
        assert functional.cross_entropy(logits, np.ones(70_000, int), weight).item() == 20
        assert functional.nll_loss(-logits, np.zeros(70_000, int), weight).item() == 20


# ---- NLLLoss ----------------------------------------------------------------------------------

NLL_OPTIONS = {k: v for k, v in LABEL_OPTIONS.items() if "label_smoothing" not in v}


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("options", NLL_OPTIONS.values(), ids=NLL_OPTIONS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_nll_agrees_with_pytorch(shape, options, reduction):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    labels = labels_for(shape, options.get("ignore_index", 1))
    theirs = {k: torch.tensor(v) if k == "weight" else v for k, v in options.items()}
    assert_equals_pytorch(
        torch, nn.NLLLoss(**options, reduction=reduction),
        torch.nn.NLLLoss(**theirs, reduction=reduction), [random(*shape)], [labels],
    )  # fmt: skip


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("options", NLL_OPTIONS.values(), ids=NLL_OPTIONS)
def test_nll_of_log_softmax_is_cross_entropy(options, reduction):
    x, labels = tensor(5, 4), labels_for((5, 4), options.get("ignore_index", 1))

    def composed(x):
        log_probabilities = functional.log_softmax(x)
        return functional.nll_loss(log_probabilities, labels, **options, reduction=reduction)

    expected = functional.cross_entropy(x, labels, **options, reduction=reduction)
    np.testing.assert_allclose(composed(x).data, expected.data, rtol=1e-13)
    assert gradcheck(composed, x)
    assert gradgradcheck(composed, x)


def test_nll_of_nothing():
    x = tensor(0, 4)
    assert functional.nll_loss(x, [], reduction="sum").item() == 0
    assert functional.nll_loss(x, [], reduction="none").shape == (0,)
    assert np.isnan(functional.nll_loss(x, []).item())
    assert np.isnan(functional.nll_loss(random(2, 4), [-100, -100]).item())


NLL_WRONG = {
    "floats": ([0.0, 1.0], TypeError, r"labels must be integers, got float64"),
    "probabilities": (np.ones((2, 4)) / 4, ValueError, r"need labels of shape \(2,\), got shape"),
    "text": (["a", "b"], TypeError, r"must be integer labels, got <U1; number the classes"),
    "a column": ([[0], [1]], ValueError, r"use labels\.reshape\(-1\)"),
    "out of range": ([0, 4], ValueError, r"label 4 at position 1 is out of range"),
    "negative": ([-1, 0], ValueError, r"label -1 at position 0 is out of range"),
}


@pytest.mark.parametrize("labels, kind, message", NLL_WRONG.values(), ids=NLL_WRONG)
def test_nll_refuses(labels, kind, message):
    with pytest.raises(kind, match="nll_loss: .*" + message):
        nn.NLLLoss()(random(2, 4), labels)


# ---- dtypes -----------------------------------------------------------------------------------

FLOAT32 = {
    "labels": (nn.CrossEntropyLoss(), [0, 1, 2]),
    "labels and weight": (nn.CrossEntropyLoss(weight=WEIGHT), [0, 1, 2]),
    "ignored labels": (nn.CrossEntropyLoss(weight=WEIGHT), [0, -100, 2]),
    "smoothed": (nn.CrossEntropyLoss(weight=WEIGHT, label_smoothing=0.1), [0, 1, 2]),
    "probabilities": (nn.CrossEntropyLoss(), probabilities_for((3, 4))),
    "no reduction": (nn.CrossEntropyLoss(reduction="none"), [0, -100, 2]),
    "nll": (nn.NLLLoss(), [0, 1, 2]),
    "nll, ignored labels": (nn.NLLLoss(weight=WEIGHT), [0, -100, 2]),
}


@pytest.mark.parametrize("loss, target", FLOAT32.values(), ids=FLOAT32)
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_the_predictions_dtype_stays(loss, target, dtype):
    x = Tensor(random(3, 4).astype(dtype), requires_grad=True)
    value = loss(x, target)
    (first,) = autograd.grad(np.square(value).sum(), x, create_graph=True)
    (second,) = autograd.grad((first * first).sum(), x)
    assert value.dtype == first.dtype == second.dtype == dtype


@pytest.mark.parametrize(
    ("target", "kind", "fragment"),
    [
        (["cat", "dog"], TypeError, "number the classes: np.unique"),
        (None, TypeError, "got None"),
        ([1, [0]], ValueError, "unequal lengths"),
        ([1j, 0], TypeError, "complex"),
    ],
    ids=["names", "nothing", "ragged", "complex"],
)
def test_targets_that_are_no_labels(target, kind, fragment):
    with pytest.raises(kind, match=fragment):
        nn.CrossEntropyLoss()(Tensor(np.zeros((2, 3))), target)


def test_labels_find_their_logits_in_any_memory_layout():
    logits, labels = random(5, 4), np.array([3, 0, 2, 1, 3], np.int8)
    layouts = [logits, np.asfortranarray(logits), np.repeat(logits, 2, axis=1)[:, ::2]]
    results = []
    for array in layouts:
        x = Tensor(array, requires_grad=True)
        functional.cross_entropy(x, labels).backward()
        results.append(x.grad)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = (p - np.eye(4)[labels]) / 5
    assert all(np.allclose(g, expected, rtol=0, atol=1e-15) for g in results)


@pytest.mark.parametrize("reduction", [["mean"], np.array("mean"), np.array(["sum"]), None, b"sum"])
def test_a_reduction_that_is_no_str_is_refused_in_the_usual_case(reduction):
    logits = Tensor(np.ones((2, 3)), requires_grad=True)
    with pytest.raises(TypeError, match="cross_entropy: reduction must be a str, got"):
        functional.cross_entropy(logits, np.array([0, 1]), reduction=reduction)


@pytest.mark.parametrize("shape", [(4, 3), (1, 3), (0, 3), (3,), (4, 3, 2)], ids=str)
@pytest.mark.parametrize("labels", [(1,), (4, 1), (2,), (4,), (3,)], ids=str)
def test_labels_are_not_stretched_to_the_rows(shape, labels):
    if shape[:1] + shape[2:] == labels:
        return
    logits = Tensor(np.ones(shape), requires_grad=True)
    with pytest.raises(ValueError, match=r"logits of shape \(.* need labels of shape"):
        functional.cross_entropy(logits, np.zeros(labels, np.int64))


def test_options_of_another_kind_are_refused_in_the_usual_case():
    logits, labels = Tensor(np.ones((2, 3)), requires_grad=True), np.array([0, 1])
    for ignore_index in (-1.0, np.float64(-1), "-1"):
        with pytest.raises(TypeError, match="ignore_index must be an integer"):
            functional.cross_entropy(logits, labels, ignore_index=ignore_index)
    for label_smoothing in ("0", None, np.zeros(2)):
        with pytest.raises(TypeError, match="label_smoothing must be a number"):
            functional.cross_entropy(logits, labels, label_smoothing=label_smoothing)
    with pytest.raises(TypeError, match="labels must be integers"):
        functional.cross_entropy(logits, labels == 1)


def test_logits_of_integers_are_taken_as_floats():
    loss = functional.cross_entropy(Tensor(np.zeros((2, 4), np.int64)), np.array([0, 1]))
    np.testing.assert_allclose(loss.data, np.log(4))
    assert loss.dtype == np.float64
