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
    "a regression": ([0.1, 2.9], [0.5, 3.0], ValueError, '0.5; .* no class, use "r2_score", "m'),
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
    with pytest.raises(ValueError, match="threshold must be a number, got nan"):
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


# ---- precision, recall, f1 ----------------------------------------------------------------------


def by_counting(labels, predicted, classes):
    """(right, there, predicted) of each class, one sample at a time."""
    hits = [[0, 0, 0] for _ in range(classes)]
    for label, guess in zip(labels, predicted):
        hits[label][0] += label == guess
        hits[label][1] += 1
        hits[guess][2] += 1
    return hits


def quotient(numerator, denominator):
    return numerator / denominator if denominator else 0.0


SCORES_OF = {
    "precision": lambda right, there, predicted: quotient(right, predicted),
    "recall": lambda right, there, predicted: quotient(right, there),
    "f1": lambda right, there, predicted: quotient(2 * right, there + predicted),
}


@pytest.mark.parametrize("average", [None, "macro", "micro", "weighted"])
@pytest.mark.parametrize("name", SCORES_OF)
@pytest.mark.parametrize("seed", range(4))
def test_precision_recall_and_f1_are_what_counting_gives(seed, name, average):
    scores, labels = random(seed, 30, 5)
    labels = labels % 4 if seed == 1 else labels  # a class that is predicted only
    if seed == 2:
        scores[:, 3] = -1
        labels[labels == 3] = 0  # a class that is neither
    predicted = np.argmax(scores, axis=1)
    hits = by_counting(labels, predicted, 5)
    score = SCORES_OF[name]
    if average == "micro":
        expected = score(*map(sum, zip(*hits)))
    else:
        there = [h for h in hits if any(h)]
        weights = [h[1] if average == "weighted" else 1 for h in there]
        expected = sum(w * score(*h) for w, h in zip(weights, there)) / sum(weights)
    for prediction in (scores, predicted):
        found = by_name(name)(prediction, labels, average=average)
        assert type(found) is float and found == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("name", SCORES_OF)
def test_two_classes_are_judged_by_class_1(name):
    labels = np.array([1, 0, 1, 1, 0, 1])
    p = np.array([0.9, 0.8, 0.7, 0.2, 0.1, 0.4])
    right, there, predicted = 2, 4, 3
    expected = SCORES_OF[name](right, there, predicted)
    function = by_name(name)
    for prediction in (p, p[:, None], np.stack([1 - p, p], axis=1), (p > 0.5).astype(int)):
        assert function(prediction, labels) == expected
    assert function(p[:, None], labels[:, None]) == expected
    assert function(np.log(p / (1 - p)), labels, threshold=0.0) == expected
    macro = function(p, labels, average="macro")
    others = SCORES_OF[name](1, 2, 3)
    assert macro == pytest.approx((expected + others) / 2, rel=1e-14)


def test_nothing_predicted_and_nothing_there_is_0():
    assert nn.metrics.precision_score([0.1, 0.2], [1, 0]) == 0.0
    assert nn.metrics.recall_score([0.9, 0.2], [0, 0]) == 0.0
    assert nn.metrics.f1_score([0.1, 0.2], [0, 0]) == 0.0


def test_averages_are_known():
    with pytest.raises(ValueError, match="one of .*binary.* or None, got 'mean'"):
        nn.metrics.f1_score([0.1], [0], average="mean")
    with pytest.raises(ValueError, match='"binary" is for two classes, and there are 3'):
        nn.metrics.f1_score(SCORES, LABELS, average="binary")
    with pytest.raises(ValueError, match="f1_score: .*look like logits: use threshold=0.0"):
        nn.metrics.f1_score([-3.0, 4.0], [0, 1])


# ---- the area under the curve -------------------------------------------------------------------


def by_pairs(scores, positive):
    """How often a positive sample is above a negative one; ties are halves."""
    pairs = [
        (a, b) for a, p in zip(scores, positive) if p for b, q in zip(scores, positive) if not q
    ]
    return sum(1.0 if a > b else 0.5 * (a == b) for a, b in pairs) / len(pairs)


@pytest.mark.parametrize("seed", range(5))
def test_auc_is_what_comparing_all_pairs_gives(seed):
    rng = np.random.default_rng(seed)
    scores, labels = rng.integers(-5, 6, 40) / 4, rng.integers(0, 2, 40)
    expected = by_pairs(scores, labels == 1)
    two = np.stack([-scores, scores], axis=1)
    for prediction in (scores, scores[:, None], scores.astype("f4"), two):
        assert nn.metrics.roc_auc_score(prediction, labels) == pytest.approx(expected, rel=1e-14)
    assert nn.metrics.roc_auc_score(-scores, labels) == pytest.approx(1 - expected, rel=1e-12)


def test_auc_of_two_columns_of_probabilities_is_that_of_the_second():
    rng = np.random.default_rng(8)
    p, labels = rng.random(200).astype("f4"), rng.integers(0, 2, 200)
    p[50:] = p[:150]  # ties, which 1 - p could break
    columns = np.stack([1 - p, p], axis=1)
    assert nn.metrics.roc_auc_score(columns, labels) == nn.metrics.roc_auc_score(p, labels)


@pytest.mark.parametrize("logits", [False, True])
def test_auc_of_more_classes_is_the_mean_of_each_against_the_rest(logits):
    rng = np.random.default_rng(3)
    scores, labels = rng.normal(size=(50, 4)), rng.integers(0, 4, 50)
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    expected = np.mean([by_pairs(p[:, k], labels == k) for k in range(4)])
    found = nn.metrics.roc_auc_score(scores if logits else p, labels)
    assert found == pytest.approx(expected, rel=1e-12)


def test_auc_wants_two_classes():
    with pytest.raises(ValueError, match="roc_auc_score: the target has only class 1; it compares"):
        nn.metrics.roc_auc_score([0.1, 0.2], [1, 1])
    with pytest.raises(ValueError, match="needs targets 0 or 1, got 2"):
        nn.metrics.roc_auc_score([0.1, 0.2], [0, 2])


# ---- distances ----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(7,), (7, 3), (7, 2, 4)])
def test_mean_errors(shape):
    rng = np.random.default_rng(0)
    p, t = rng.normal(size=shape), rng.normal(size=shape)
    pairs = list(zip(p.ravel().tolist(), t.ravel().tolist()))
    absolute = math.fsum(abs(a - b) for a, b in pairs) / len(pairs)
    square = math.fsum((a - b) ** 2 for a, b in pairs) / len(pairs)
    assert nn.metrics.mean_absolute_error(p, t) == pytest.approx(absolute, rel=1e-14)
    assert nn.metrics.mean_squared_error(p, t) == pytest.approx(square, rel=1e-14)
    assert nn.metrics.mean_absolute_error(np.uint8([0, 3]), np.uint8([2, 2])) == 1.5


@pytest.mark.parametrize("name", ["mae", "mse"])
def test_mean_errors_refuse(name):
    with pytest.raises(ValueError, match=r"\(3, 1\), target \(3,\); reshape the target: target.re"):
        by_name(name)(np.ones((3, 1)), np.ones(3))
    with pytest.raises(ValueError, match="prediction is inf at position 1"):
        by_name(name)([0.0, np.inf], [0.0, 0.0])


# ---- labels to pass over ------------------------------------------------------------------------

PASSING = ["accuracy", "auc", "f1", "precision", "recall"]


@pytest.mark.parametrize("ignored", [-100, 255, 2])
@pytest.mark.parametrize("name", PASSING)
def test_ignored_labels_do_not_count(name, ignored):
    scores, labels = random(5, 40, 4)
    labels[::3] = ignored
    keep = labels != ignored
    found = by_name(name)(scores, labels, ignore_index=ignored)
    assert found == by_name(name)(scores[keep], labels[keep])
    assert found != by_name(name)(scores, np.where(keep, labels, 0))
    one, targets = scores[:, 0], np.where(keep, labels % 2, ignored)
    if ignored != 2 or name != "auc":
        found = by_name(name)(one, targets, ignore_index=ignored)
        assert found == by_name(name)(one[keep], targets[keep])


def test_ignored_labels_of_the_others():
    scores, labels = random(6, 40, 4)
    labels[::3] = -1
    keep = labels >= 0
    top = top_k_accuracy(scores, labels, 2, ignore_index=-1)
    assert top == top_k_accuracy(scores[keep], labels[keep], 2)
    counts = confusion_matrix(scores, labels, ignore_index=-1)
    assert counts.sum() == keep.sum()
    assert np.array_equal(counts, confusion_matrix(scores[keep], labels[keep]))


@pytest.mark.parametrize("metric", [*map(by_name, [*PASSING, "top_k_accuracy"]), confusion_matrix])
def test_nothing_but_ignored_labels_is_refused(metric):
    with pytest.raises(
        ValueError, match="nothing to (judge|count): every label is the ignore_index"
    ):
        metric(np.ones((3, 6)) / 6, [-1, -1, -1], ignore_index=-1)
    with pytest.raises(TypeError, match="ignore_index must be an integer, got 1.5"):
        metric(np.ones((3, 6)) / 6, [0, 1, 2], ignore_index=1.5)


# ---- by name, and added up ----------------------------------------------------------------------


def test_short_names_are_the_long_ones():
    names = {
        "mae": "mean_absolute_error",
        "mse": "mean_squared_error",
        "f1": "f1_score",
        "auc": "roc_auc_score",
        "precision": "precision_score",
        "recall": "recall_score",
    }
    for short, long in names.items():
        assert by_name(short) is by_name(long) is getattr(nn.metrics, long)


@pytest.mark.parametrize("name", ["mae", "mse", "accuracy", "f1", "auc", "precision", "recall",
                                  "r2_score", "mean_absolute_error", "roc_auc_score"])  # fmt: skip
def test_early_stopping_knows_the_direction(name):
    falling = name in ("mae", "mse", "mean_absolute_error")
    for monitor in (name, f"val_{name}"):
        assert nn.EarlyStopping(monitor)._watch.sign == (-1 if falling else 1)


@pytest.mark.parametrize("metric", [accuracy, by_name("f1"), by_name("mse"), top_k_accuracy])
def test_sums_of_blocks_are_those_of_all(metric):
    scores, labels = random(7, 60, 6)
    target = scores[::-1] if metric is by_name("mse") else labels
    sums, figure = nn.metrics.summed(metric)
    total = sum(sums(scores[k : k + 13], target[k : k + 13]) for k in range(0, 60, 13))
    assert figure(total) == pytest.approx(metric(scores, target), rel=1e-14)
    assert nn.metrics.summed(r2_score) is None


def test_each_place_of_images_and_sequences_is_a_sample():
    rng = np.random.default_rng(0)
    scores, labels = rng.normal(size=(5, 3, 4, 2)), rng.integers(0, 3, (5, 4, 2))
    rows, flat = np.moveaxis(scores, 1, -1).reshape(-1, 3), labels.reshape(-1)
    for metric in (nn.accuracy, nn.confusion_matrix, nn.metrics.f1_score, nn.metrics.recall_score):
        options = {} if metric in (nn.accuracy, nn.confusion_matrix) else {"average": "macro"}
        found = metric(scores, labels, **options)
        np.testing.assert_array_equal(found, metric(rows, flat, **options))
    assert nn.top_k_accuracy(scores, labels, k=2) == nn.top_k_accuracy(rows, flat, k=2)
    padded = np.where(labels == 2, -100, labels)
    assert nn.accuracy(scores, padded, ignore_index=-100) == nn.accuracy(
        rows[flat != 2], flat[flat != 2]
    )
    with pytest.raises(ValueError, match=r"accuracy: prediction has shape \(5, 3, 4, 2\)"):
        nn.accuracy(scores, labels[:, :3])


def test_a_trainer_judges_the_places_of_sequences_whose_padding_is_passed_over():
    model = nn.Sequential(nn.Conv1d(2, 3, 1))
    x = np.random.default_rng(0).normal(size=(12, 2, 5)).astype(np.float32)
    labels = np.argmax(model(x).data, axis=1)
    labels[::2, 3:], labels[1::2, 0] = -100, (labels[1::2, 0] + 1) % 3
    optimizer = nn.optim.SGD(model.parameters(), 0.0)
    trainer = nn.Trainer(model, optimizer, nn.CrossEntropyLoss(), metrics=["accuracy"])
    history = trainer.fit(x, labels, epochs=1, batch_size=5, progress=False)
    share = 1 - 6 / (6 * 3 + 6 * 5)
    assert history["accuracy"] == [pytest.approx(share)]
    assert trainer.evaluate(x, labels)["accuracy"] == pytest.approx(share)


def test_a_model_that_gives_a_tuple_in_a_tuple_is_told():
    model = nn.LSTM(4, 3, batch_first=True)
    trainer = nn.Trainer(model, nn.optim.Adam(model.parameters()), nn.MSELoss())
    x, y = np.ones((6, 5, 4)), np.ones((6, 5, 3))
    for call in (trainer.fit, trainer.evaluate):
        with pytest.raises(TypeError, match="but gave one in another; recurrent layers give"):
            call(x, y)
