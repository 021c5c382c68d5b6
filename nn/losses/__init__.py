"""Losses; each file holds a family: operations, functions and Modules.

>>> import nn
>>> loss_function = nn.CrossEntropyLoss(label_smoothing=0.1)
"""

from nn.losses.binary import BCELoss, BCEWithLogitsLoss
from nn.losses.classes import CrossEntropyLoss, NLLLoss
from nn.losses.distances import HuberLoss, L1Loss, MSELoss, SmoothL1Loss

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "HuberLoss",
    "L1Loss",
    "MSELoss",
    "NLLLoss",
    "SmoothL1Loss",
]
