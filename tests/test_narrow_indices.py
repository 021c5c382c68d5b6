"""Where an index has 32 bits, as in a browser's NumPy, what counts and looks up takes int64 labels.

There np.bincount(int64) raises "Cannot cast array data from dtype('int64') to dtype('int32')
according to the rule 'safe'". Here functions stand for that NumPy which take nothing but what fits
into int32, with np.intp being int32.
"""

import ast
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nn
from autograd import Tensor
from nn import functional as F
from nn import splitting
from nn.losses import classes
from tests.test_house import PACKAGES

COUNTING = {"bincount", "ravel_multi_index", "unravel_index"}
bincount = np.bincount  # as it is here, which hands Tensors over
X = np.random.default_rng(0).normal(size=(6, 4))
MANY = np.random.default_rng(1).normal(size=(6, 40))  # classes, laid out in another way
LABELS = np.array([0, 3, 2, 1, 0, 3])


LOOKUPS: dict[str, Callable[[Any], Any]] = {
    "cross entropy": lambda y: F.cross_entropy(Tensor(X, requires_grad=True), y),
    "cross entropy, many": lambda y: F.cross_entropy(Tensor(MANY, requires_grad=True), y),
    "cross entropy, none": lambda y: F.cross_entropy(Tensor(X), y, reduction="none"),
    "cross entropy, weight": lambda y: F.cross_entropy(Tensor(X), y, [1, 2, 3, 4]),
    "cross entropy, ignore": lambda y: F.cross_entropy(Tensor(X), y, ignore_index=3),
    "cross entropy, smooth": lambda y: F.cross_entropy(Tensor(X), y, label_smoothing=0.1),
    "cross entropy, single": lambda y: F.cross_entropy(Tensor(X.astype(np.float16)), y),
    "loss module": lambda y: nn.CrossEntropyLoss()(X, y),
    "nll": lambda y: F.nll_loss(Tensor(-abs(X)), y),
    "nll, none": lambda y: nn.NLLLoss([1, 2, 3, 4], reduction="none")(-abs(X), y),
    "embedding": lambda y: F.embedding(y, Tensor(X, requires_grad=True), padding_idx=3),
    "one hot": lambda y: F.one_hot(y, 4),
    "confusion matrix": lambda y: nn.confusion_matrix(X, y),
    "confusion of labels": lambda y: nn.confusion_matrix(y[::-1], y),
    "accuracy": lambda y: nn.accuracy(X, y),
    "top k": lambda y: nn.top_k_accuracy(X, y, 2),
    "stratified": lambda y: nn.train_test_split(
        X, test_size=0.5, stratify=y // 2, rng=np.random.default_rng(0)
    )[0],
    "loader": lambda y: next(iter(nn.DataLoader(X, y, batch_size=3)))[1],
}
INTEGERS = {
    "take": lambda y: np.take(Tensor(X, requires_grad=True), y, axis=1),
    "lookup": lambda y: Tensor(X, requires_grad=True)[y],
    "two lookups": lambda y: Tensor(X, requires_grad=True)[y, y],
    "along an axis": lambda y: np.take_along_axis(Tensor(X, requires_grad=True), y[:, None], 1),
    "counts": lambda y: bincount(Tensor(y)),
    "weights": lambda y: bincount(y, Tensor(np.arange(6.0), requires_grad=True)),
}


def gradient(result: Any) -> Any:
    """The gradient that comes back, where one goes."""
    if not isinstance(result, Tensor) or not result.requires_grad:
        return None
    leaf = result
    while leaf.made_of:
        leaf = leaf.made_of[0]
    result.sum().backward()
    return leaf.grad


def plain(result: Any) -> Any:
    return result.numpy() if isinstance(result, Tensor) else np.asarray(result)


@pytest.mark.parametrize("name", LOOKUPS)
def test_labels_that_do_not_fit_into_an_index_are_taken(name: str) -> None:
    wide, usual = LOOKUPS[name](LABELS.astype(np.uint64)), LOOKUPS[name](LABELS)
    np.testing.assert_array_equal(plain(wide), plain(usual))
    np.testing.assert_array_equal(gradient(wide), gradient(usual))


def strict(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function of a NumPy whose index has 32 bits: what is given must fit into int32."""

    def narrow(*args: Any, **kwargs: Any) -> Any:
        given = args[0] if isinstance(args[0], tuple) else args[:1]
        for array in map(np.asarray, given):
            if not np.can_cast(array.dtype, np.int32, "safe"):
                raise TypeError(
                    f"Cannot cast array data from {array.dtype!r} to dtype('int32') according to "
                    "the rule 'safe'"
                )
        return function(*args, **kwargs)

    return narrow


@pytest.mark.parametrize("name", LOOKUPS | INTEGERS)
def test_int64_labels_are_taken_where_an_index_has_32_bits(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = (LOOKUPS | INTEGERS)[name]
    usual = call(LABELS)
    expected, slope = plain(usual), gradient(usual)
    for function in COUNTING:
        monkeypatch.setattr(np, function, strict(getattr(np, function)))
    monkeypatch.setattr(np, "intp", np.int32)
    with pytest.raises(TypeError, match="'int64'.* to .*'int32'"):
        np.bincount(LABELS)
    narrow = call(LABELS)
    np.testing.assert_array_equal(plain(narrow), expected)
    np.testing.assert_array_equal(gradient(narrow), slope)


def test_out_of_range_is_still_told_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np, "ravel_multi_index", strict(np.ravel_multi_index))
    monkeypatch.setattr(np, "intp", np.int32)
    for wrong in (4, -1):
        with pytest.raises(ValueError, match=rf"label {wrong} at position 5 is out of range"):
            F.cross_entropy(Tensor(X), np.array([0, 1, 2, 3, 0, wrong]))


def test_the_short_way_is_taken_with_the_labels_that_are_usual() -> None:
    assert classes._INDEX is np.dtype(np.intp)


def test_shares_of_many_rows_do_not_overflow() -> None:
    """50,000 rows of each class times 40,000 to hold out are more than int32 holds."""
    labels = np.repeat(np.arange(2), 50_000)
    parts = nn.train_test_split(labels, test_size=40_000, stratify=labels)
    assert [np.bincount(part).tolist() for part in parts] == [[30_000] * 2, [20_000] * 2]
    source = inspect.getsource(splitting._stratified)
    assert "astype(np.int64)" in source  # which this machine cannot show


def test_whatever_counts_or_lays_out_places_says_intp() -> None:
    """A call of these with an array that nobody has cast is a fault where an index has 32 bits."""
    found = []
    for name, tree in PACKAGES.items():
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef):
                continue
            calls = [
                node for node in ast.walk(function)
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
                and node.func.attr in COUNTING
            ]  # fmt: skip
            source = ast.unparse(function)
            if (
                calls and "intp" not in source and "argsort" not in source
            ):  # which gives such places
                found.append(f"{name}.{function.name}")
    assert found == []
