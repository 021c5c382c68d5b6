"""PyTorch's twins of our classes, the table of those that have none; and who has no case."""

from collections.abc import Iterable
from typing import Any

import pytest

# Our classes that PyTorch has not: tests that compare with its class of that name pass them over.
OURS_ALONE = {"MLP"}
# Losses of more than a prediction and a target: a Trainer takes them inside of a function.
OF_SEVERAL = {
    "CTCLoss",
    "CosineEmbeddingLoss",
    "GaussianNLLLoss",
    "MarginRankingLoss",
    "TripletMarginLoss",
}


def twin(home: Any, name: str) -> Any:
    """PyTorch's class of this name, of torch.nn or torch.optim."""
    if name in OURS_ALONE:
        pytest.skip(f"PyTorch has no {name}")
    found = getattr(home, name, None)
    assert found, f"{home.__name__} has no {name}: name it in OURS_ALONE, in tests/twins.py"
    return found


def assert_cases(names: Iterable[str], with_case: Iterable[str], table: str) -> None:
    """Every name has a case in that table, and every case is of one of the names."""
    missing, unknown = sorted({*names} - {*with_case}), sorted({*with_case} - {*names})
    assert not missing, f"no case of {', '.join(missing)}: add one to {table}"
    assert not unknown, f"{table} has cases of {', '.join(unknown)}, which __all__ does not name"
