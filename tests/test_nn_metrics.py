"""Metrics: closed forms, counting by hand, scikit-learn's documented numbers, and errors."""

import math

import numpy as np
import pytest

import nn
from autograd import Tensor
from nn.metrics import accuracy, by_name, confusion_matrix, r2_score, top_k_accuracy

SCORES = np.array([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2], [0.2, 0.3, 0.5], [0.3, 0.4, 0.3]])
LABELS = [1, 2, 2, 0]  # right, wrong, right, wrong


def random(seed, rows=60, classes=6):
    """Scores with many ties, and labels."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 4, (rows, classes)) / 4, rng.integers(0, classes, rows)


# ---- accuracy -----------------------------------------------------------------------------------

RIGHT = {
    "labels": (SCORES, LABELS, 0.5),
    "lists": (SCORES.tolist(), LABELS, 0.5),
    "Tensors": (Tensor(SCORES, requires_grad=True), Tensor(LABELS), 0.5),
    "whole floats": (SCORES, [1.0, 2.0, 2.0, 0.0], 0.5),
    "uint8": (SCORES.astype("f4"), np.array(LABELS, "u1"), 0.5),
    "one-hot": (SCORES, np.eye(3)[LABELS], 0.5),
    "one-hot, bool": (SCORES, np.eye(3, dtype=bool)[LABELS], 0.5),
    "one-hot, uint8": (SCORES, np.eye(3, dtype="u1")[LABELS], 0.5),
    "smoothed": (SCORES, (0.9 * np.eye(3)[LABELS] + 0.1 / 3).astype("f2"), 0.5),
    "logits": (1000 * SCORES - 700, LABELS, 0.5),
    "infinite": (np.where(SCORES > 0.45, np.inf, SCORES), LABELS, 0.5),
    "binary": ([0.1, 0.6, 0.6, 0.2], [0, 1, 0, 1], 0.5),
    "binary, a column": ([[0.1], [0.6], [0.6], [0.2]], [0, 1, 0, 1], 0.5),
    "binary, two columns": ([[0.1], [0.6], [0.6], [0.2]], [[0], [1.0], [0], [1]], 0.5),
    "binary, target a column": ([0.1, 0.6, 0.6, 0.2], [[0], [1], [0], [1]], 0.5),
    "binary, bool": ([0.1, 0.6, 0.6, 0.2], [False, True, False, True], 0.5),
    "predicted already": ([0, 1, 1, 0], [0, 1, 0, 1], 0.5),
    "at the threshold: class 0": ([0.5, 0.5, 0.6, 0.4], [0, 1, 1, 1], 0.5),
    "threshold": ([0.1, 0.6, 0.8, 0.2], [0, 1, 0, 1], 0.55),
    "binary logits": ([-3.0, 4.0, 5.0, -0.1], [0, 1, 0, 1], 0.0),
}  # fmt: skip


@pytest.mark.parametrize("prediction, target, threshold", RIGHT.values(), ids=RIGHT)
def test_accuracy_of_two_right_in_four(prediction, target, threshold):
    result = accuracy(prediction, target, threshold)
    assert type(result) is float and result == 0.5


@pytest.mark.parametrize("seed", range(5))
def test_accuracy_is_what_counting_gives(seed):
    scores, labels = random(seed)
    right = sum(max(range(6), key=row.__getitem__) == k for row, k in zip(scores.tolist(), labels))
    assert accuracy(scores, labels) == right / 60


ACCURACY_REFUSED = {
    "lengths": (SCORES, [1, 2], ValueError, "prediction has 4 rows .* target 2"),
    "a column of labels": (SCORES, [[k] for k in LABELS], ValueError, r"use target.reshape\(-1\)"),
    "another width": (SCORES, np.eye(4), ValueError, r"rows of shape \(4, 3\), got shape \(4, 4\)"),
    "two axes more": (np.zeros((2, 3, 4)), [0, 1], ValueError, r"has shape \(2, 3, 4\)"),
    "binary with rows": ([0.1, 0.2], np.eye(2), ValueError, r"\(2,\), target \(2, 2\); give"),
    "label too large": (SCORES, [1, 2, 3, 0], ValueError, "label 3 at position 2; with 3 classes"),
    "label too large, float": (SCORES, [1, 2, 1e300, 0], ValueError, "label 1e[+]300 at position"),
    "negative label": (SCORES, [1, -1, 2, 0], ValueError, "label -1 at position 1"),
    "half a label": (SCORES, [1, 0.5, 2, 0], ValueError, "whole numbers, got 0.5"),
    "infinite label": (SCORES, [1, np.inf, 2, 0], ValueError, "whole numbers, got inf"),
    "several yes": (SCORES, np.ones((4, 3)), ValueError, r"accuracy\(prediction.reshape\(-1\)"),
    "negative probability": (SCORES, [[2, -1, 0]] * 4, ValueError, "add up to 1"),
    "names": (SCORES, ["a", "b", "c", "a"], TypeError, "target must hold numbers, got <U1; number"),
    "objects": (SCORES, [None] * 4, TypeError, "target must hold numbers, got object"),
    "complex": (SCORES + 0j, LABELS, TypeError, "prediction must hold numbers, got complex128"),
    "nan": ([[0.1, np.nan]], [0], ValueError, r"prediction is nan at position \(0, 1\)"),
    "nan label": (SCORES, [1, np.nan, 2, 0], ValueError, "target is nan at position 1"),
    "empty": (np.zeros((0, 3)), [], ValueError, r"prediction is empty, its shape is \(0, 3\)"),
    "no classes": (np.zeros((4, 0)), LABELS, ValueError, "prediction is empty"),
    "ragged": ([[1, 2], [3]], [0, 1], ValueError, "prediction holds lists of unequal lengths"),
    "numbers": (0.3, 1, ValueError, "one row a sample, got the number 0.3"),
    "binary labels of 3": ([0.1, 0.2], [0, 2], ValueError, "needs targets 0 or 1, got 2"),
    "labels for labels": ([2, 1], [2, 1], ValueError, r"np.mean\(prediction == target\)"),
    "soft targets": ([0.1, 0.9], [0.1, 0.9], ValueError, "needs targets 0 or 1, got 0.1"),
    "logits": ([-1.5, 3.0], [0, 1], ValueError, "from -1.5 to 3 .* use threshold=0.0, or apply a"),
}  # fmt: skip


@pytest.mark.parametrize("prediction, target, error, text", ACCURACY_REFUSED.values(),
                         ids=ACCURACY_REFUSED)  # fmt: skip
def test_accuracy_refuses(prediction, target, error, text):
    with pytest.raises(error, match="accuracy.*" + text):
        accuracy(prediction, target)


@pytest.mark.parametrize("threshold", ["0.5", None, True, [0.5]])
def test_threshold_is_a_number(threshold):
    with pytest.raises(TypeError, match="threshold must be a number"):
        accuracy([0.1], [0], threshold)


def test_threshold_is_not_nan():
    with pytest.raises(ValueError, match="threshold is nan"):
        accuracy([0.1], [0], math.nan)


# ---- top-k --------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", range(1, 7))
@pytest.mark.parametrize("seed", range(5))
def test_top_k_is_what_sorting_gives(seed, k):
    scores, labels = random(seed)
    first = [sorted(range(6), key=lambda j: (-row[j], j))[:k] for row in scores]
    expected = sum(label in best for label, best in zip(labels, first)) / 60
    assert top_k_accuracy(scores, labels, k) == expected


@pytest.mark.parametrize("seed", range(5))
def test_top_1_is_accuracy(seed):
    scores, labels = random(seed)
    assert top_k_accuracy(scores, labels, 1) == accuracy(scores, labels)


def test_top_k_equals_pytorch_where_nothing_is_tied():
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    scores = np.random.default_rng(0).normal(size=(200, 20))
    labels = np.random.default_rng(1).integers(0, 20, 200)
    best = torch.tensor(scores).topk(5).indices
    expected = (best == torch.tensor(labels)[:, None]).any(dim=1).double().mean().item()
    assert top_k_accuracy(Tensor(scores), labels) == pytest.approx(expected, abs=1e-15)


def test_top_k_of_equal_scores_is_a_guess():
    assert top_k_accuracy(np.zeros((10, 10)), range(10), k=3) == 0.3


def test_top_k_takes_one_hot_rows_and_is_a_float():
    result = top_k_accuracy(SCORES, np.eye(3)[LABELS], 2)
    assert result == 0.75 and type(result) is float


TOP_K_REFUSED = {
    "k 0": (SCORES, LABELS, 0, ValueError, "k must be at least 1, got 0"),
    "k 4": (SCORES, LABELS, 4, ValueError, "k is 4, but there are only 3 classes"),
    "k 1.0": (SCORES, LABELS, 1.0, TypeError, "k must be an int, got 1.0"),
    "k True": (SCORES, LABELS, True, TypeError, "k must be an int, got True"),
    "one axis": ([0.1, 0.2], [0, 1], 1, ValueError, r"must be \(n, C\), got shape \(2,\)"),
    "label": (SCORES, [3, 0, 0, 0], 2, ValueError, "label 3 at position 0"),
    "nan": (np.full((4, 3), np.nan), LABELS, 2, ValueError, "prediction is nan"),
}


@pytest.mark.parametrize("prediction, target, k, error, text", TOP_K_REFUSED.values(),
                         ids=TOP_K_REFUSED)  # fmt: skip
def test_top_k_refuses(prediction, target, k, error, text):
    with pytest.raises(error, match="top_k_accuracy: .*" + text):
        top_k_accuracy(prediction, target, k)


# ---- confusion matrix ---------------------------------------------------------------------------


def test_confusion_matrix_as_scikit_learn_documents_it():
    y_true, y_pred = [2, 0, 2, 2, 0, 1], [0, 0, 2, 2, 0, 2]
    assert confusion_matrix(y_pred, y_true).tolist() == [[2, 0, 0], [0, 0, 1], [1, 0, 2]]


@pytest.mark.parametrize("seed", range(5))
def test_confusion_matrix_is_what_counting_gives(seed):
    scores, labels = random(seed)
    counts = np.zeros((6, 6), int)
    for row, label in zip(scores, labels):
        counts[label, row.argmax()] += 1
    predicted = scores.argmax(axis=1)
    for result in (
        confusion_matrix(scores, labels),
        confusion_matrix(scores, np.eye(6)[labels]),
        confusion_matrix(Tensor(scores), Tensor(labels), num_classes=6),
        confusion_matrix(predicted, labels, num_classes=6),
        confusion_matrix(predicted.astype(float), labels.astype(float), num_classes=6),
    ):
        assert result.dtype == np.int64 and np.array_equal(result, counts)
    assert np.trace(counts) / 60 == accuracy(scores, labels)


@pytest.mark.parametrize("prediction, target, size", [([0, 1], [0, 3], 4), ([5], [0], 6)])
def test_confusion_matrix_goes_up_to_the_largest_label(prediction, target, size):
    assert confusion_matrix(prediction, target).shape == (size, size)


def test_confusion_matrix_with_classes_that_do_not_occur():
    assert confusion_matrix([0, 1], [1, 1], num_classes=3).tolist() == [
        [0, 0, 0], [1, 1, 0], [0, 0, 0],
    ]  # fmt: skip


CONFUSION_REFUSED = {
    "lengths": ([0, 1], [0], {}, ValueError, "prediction has 2 rows"),
    "scores (n, 1)": ([[0.3], [0.6]], [0, 1], {}, ValueError, r"\(2, 1\), target \(2,\)"),
    "column of labels": ([0, 1], [[0], [1]], {}, ValueError, r"\(2,\), target \(2, 1\)"),
    "probabilities": ([0.2, 0.6], [0, 1], {}, ValueError, "take p > 0.5"),
    "half a target": ([0, 1], [0.5, 1], {}, ValueError, "target must hold labels"),
    "negative": ([0, -1], [0, 1], {}, ValueError, "prediction has label -1 at position 1"),
    "all negative": ([-1], [-1], {}, ValueError, "prediction has label -1 at position 0"),
    "too large": ([0, 1], [0, 2], {"num_classes": 2}, ValueError, "target has label 2"),
    "predicted too large": ([3, 1], [0, 1], {"num_classes": 2}, ValueError, "prediction has label"),
    "columns": (SCORES, LABELS, {"num_classes": 4}, ValueError, "4, but the scores have 3 columns"),
    "no classes": ([0], [0], {"num_classes": 0}, ValueError, "num_classes must be at least 1"),
    "half a class": ([0], [0], {"num_classes": 2.5}, TypeError, "num_classes must be an int"),
    "dates": ([20240101], [20240102], {}, ValueError, "20240103 classes are too many; number"),
    "names": (["a"], ["b"], {}, TypeError, "prediction must hold numbers, got <U1"),
    "empty": ([], [], {}, ValueError, "prediction is empty"),
    "nan": ([np.nan], [0], {}, ValueError, "prediction is nan at position 0"),
}


@pytest.mark.parametrize("prediction, target, options, error, text", CONFUSION_REFUSED.values(),
                         ids=CONFUSION_REFUSED)  # fmt: skip
def test_confusion_matrix_refuses(prediction, target, options, error, text):
    with pytest.raises(error, match="confusion_matrix: .*" + text):
        confusion_matrix(prediction, target, **options)


# ---- R² -----------------------------------------------------------------------------------------

R2 = {  # of scikit-learn's documentation, (y_pred, y_true), and closed forms
    "one column": ([2.5, 0.0, 2, 8], [3, -0.5, 2, 7], 0.9486081370449679),
    "two columns": ([[0, 2], [-1, 2], [8, -5]], [[0.5, 1], [-1, 1], [7, -6]], 0.936800526662278),
    "perfect": ([1, 2, 3], [1, 2, 3], 1.0),
    "the mean": ([2, 2, 2], [1, 2, 3], 0.0),
    "backwards": ([3, 2, 1], [1, 2, 3], -3.0),
    "two samples": ([0.0, 0.0], [0.0, 1.0], -1.0),
    "constant, perfect": ([-2, -2, -2], [-2, -2, -2], 1.0),
    "constant, missed": ([-2, -2, -2 + 1e-8], [-2, -2, -2], 0.0),
    "constant 0.1": ([0.1, 0.1, 0.2], [0.1, 0.1, 0.1], 0.0),
    "a mean of columns": ([[1, 5], [2, 5], [3, 5]], [[1, 5], [2, 5], [3, 6]], 0.25),
    "one column constant, missed": ([[1, 5], [2, 5]], [[1, 6], [2, 6]], 0.5),
    "a column": ([[2.5], [0.0], [2], [8]], [[3], [-0.5], [2], [7]], 0.9486081370449679),
    "tiny": ([2.5e-200, 0, 2e-200, 8e-200], [3e-200, -5e-201, 2e-200, 7e-200], 0.9486081370449679),
    "huge": ([2.5e200, 0, 2e200, 8e200], [3e200, -5e199, 2e200, 7e200], 0.9486081370449679),
    "Tensors": (Tensor([2.0, 2, 2], requires_grad=True), Tensor([1, 2, 3]), 0.0),
}


@pytest.mark.parametrize("prediction, target, expected", R2.values(), ids=R2)
def test_r2_score(prediction, target, expected):
    result = r2_score(prediction, target)
    assert type(result) is float and result == pytest.approx(expected, rel=1e-12, abs=1e-14)


def test_r2_of_the_least_squares_line_is_the_squared_correlation():
    x = np.random.default_rng(0).normal(size=100)
    y = 2 * x + np.random.default_rng(1).normal(size=100)
    line = np.polyval(np.polyfit(x, y, 1), x)
    assert r2_score(line, y) == pytest.approx(np.corrcoef(x, y)[0, 1] ** 2, rel=1e-10)


def test_r2_takes_the_prediction_first():
    p, t = [1.0, 2.0, 4.0], [1.0, 2.0, 3.0]
    assert r2_score(p, t) == pytest.approx(0.5) and r2_score(t, p) == pytest.approx(11 / 14)


R2_REFUSED = {
    "column against row": ([[1], [2]], [1, 2], ValueError, r"target.reshape\(\(2, 1\)\)"),
    "row against column": ([1, 2], [[1], [2]], ValueError, r"target.reshape\(\(2,\)\)"),
    "columns": (np.ones((2, 2)), np.ones((2, 3)), ValueError, r"must be the same, \(n,\) or"),
    "three axes": (np.ones((2, 2, 2)), np.ones((2, 2, 2)), ValueError, "must be the same"),
    "lengths": ([1, 2, 3], [1, 2], ValueError, "prediction has 3 rows"),
    "one sample": ([1.0], [1.0], ValueError, "at least 2 samples"),
    "empty": ([], [], ValueError, "prediction is empty"),
    "nan": ([1, np.nan], [1, 2], ValueError, "prediction is nan at position 1"),
    "inf": ([1, 2], [-np.inf, 2], ValueError, "target is -inf at position 0"),
    "names": (["a", "b"], [1, 2], TypeError, "prediction must hold numbers"),
}


@pytest.mark.parametrize("prediction, target, error, text", R2_REFUSED.values(), ids=R2_REFUSED)
def test_r2_refuses(prediction, target, error, text):
    with pytest.raises(error, match="r2_score.*" + text):
        r2_score(prediction, target)


# ---- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["accuracy", "top_k_accuracy", "r2_score"])
def test_metrics_that_give_a_number_have_names(name):
    assert by_name(name) is getattr(nn, name) is getattr(nn.metrics, name)


@pytest.mark.parametrize(
    "name, near", [("acuracy", "accuracy"), ("r2score", "r2_score"), ("Accuracy", "accuracy")]
)
def test_unknown_names_suggest_the_nearest(name, near):
    with pytest.raises(ValueError, match=f"unknown metric '{name}'; did you mean '{near}'"):
        by_name(name)


def test_a_name_is_a_str():
    with pytest.raises(TypeError, match="found by its name, a str, got 3"):
        by_name(3)
