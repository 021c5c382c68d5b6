"""Losses; each file holds a family: operations, functions and Modules.

>>> import nn
>>> loss_function = nn.CrossEntropyLoss(label_smoothing=0.1)
"""

import typing as _typing

from nn.habits import finder as _finder
from nn.habits import later as _later
from nn.losses.binary import BCELoss, BCEWithLogitsLoss
from nn.losses.classes import CrossEntropyLoss, NLLLoss
from nn.losses.distances import HuberLoss, KLDivLoss, L1Loss, MSELoss, SmoothL1Loss

if _typing.TYPE_CHECKING:
    from nn.losses.likelihoods import (
        GaussianNLLLoss,
        PoissonNLLLoss,
    )
    from nn.losses.margins import (
        CosineEmbeddingLoss,
        HingeEmbeddingLoss,
        MarginRankingLoss,
        TripletMarginLoss,
    )
    from nn.losses.sequences import CTCLoss

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CTCLoss",
    "CosineEmbeddingLoss",
    "CrossEntropyLoss",
    "GaussianNLLLoss",
    "HingeEmbeddingLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "MSELoss",
    "MarginRankingLoss",
    "NLLLoss",
    "PoissonNLLLoss",
    "SmoothL1Loss",
    "TripletMarginLoss",
]

# Loaded when they are first asked for.
LATER = {
    "CTCLoss": "nn.losses.sequences",
    "CosineEmbeddingLoss": "nn.losses.margins",
    "GaussianNLLLoss": "nn.losses.likelihoods",
    "HingeEmbeddingLoss": "nn.losses.margins",
    "MarginRankingLoss": "nn.losses.margins",
    "PoissonNLLLoss": "nn.losses.likelihoods",
    "TripletMarginLoss": "nn.losses.margins",
}

if not _typing.TYPE_CHECKING:  # for which a module with __getattr__ would have every name
    __getattr__ = _later(globals(), LATER, _finder("nn.losses", {}, lambda: __all__))


def __dir__() -> list[str]:
    return sorted({*globals(), *LATER})
