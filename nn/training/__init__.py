"""Training: the Trainer, what it tells (History), and what may happen on the way (callbacks).

>>> import nn
>>> model = nn.Linear(4, 3)
>>> trainer = nn.Trainer(model, nn.optim.SGD(model.parameters()), nn.CrossEntropyLoss())
"""

from nn.training.callbacks import Callback, EarlyStopping, ModelCheckpoint
from nn.training.history import History
from nn.training.trainer import Trainer

__all__ = ["Callback", "EarlyStopping", "History", "ModelCheckpoint", "Trainer"]
