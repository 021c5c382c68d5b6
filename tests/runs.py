"""A run of every kind of state that checkpoints have held at all times, and files of it.

    python -m tests.runs FOLDER

writes what is in tests/old: it was made so by commit 424c9cc, the last before losses and generators
of layers were saved as well (numpy 2.4; this file beside that checkout). Tests read those files.
"""

import sys
from pathlib import Path

import numpy as np

import nn

EPOCHS, BATCHES, STOP = 5, 3, 8  # the power fails after batch 8, in the third epoch
NAMES = ("run.npz", "run.safetensors", "parts.npz", "model.npz", "end.npz")


def data():
    x = np.random.default_rng(7).normal(size=(24, 3)).astype(np.float32)
    return x, (x.sum(axis=1) > 0).astype(np.int64)


def trainer(seed=3):
    nn.manual_seed(seed)
    first = nn.Linear(3, 5, bias=False)  # one would move by rounding errors alone, before BatchNorm
    layers = first, nn.BatchNorm1d(5), nn.Tanh(), nn.Dropout(0.2), nn.Linear(5, 2)
    model = nn.Sequential(*layers)
    optimizer = nn.optim.Adam(model.parameters(), lr=0.05)
    schedule = nn.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=4)
    loss = nn.CrossEntropyLoss(weight=[1.0, 2.0])
    return nn.Trainer(model, optimizer, loss, ["accuracy"], scheduler=schedule)


def loader(seed=4):
    rng = np.random.default_rng(seed)
    return nn.DataLoader(*data(), batch_size=8, shuffle=True, rng=rng)


rng = np.random.default_rng(0)


def shaken(x):
    """A transform that draws from a generator beside it."""
    return x + 0.1 * rng.normal(size=x.shape)


class PowerFails(nn.Callback):
    """Saves the run, with everything that is part of it, and ends it."""

    def __init__(self, folder):
        self.folder, self.batches = folder, 0

    def on_batch_end(self, trainer):
        self.batches += 1
        if self.batches == STOP:
            for name in NAMES[:2]:
                nn.save_checkpoint(self.folder / name, trainer=trainer)
            parts = {n: getattr(trainer, n) for n in ("model", "optimizer", "scheduler")}
            own = np.random.default_rng(9)
            nn.save_checkpoint(self.folder / NAMES[2], **parts, rng=own, epoch=trainer.epoch)
            nn.save(self.folder / NAMES[3], trainer.model)
            raise RuntimeError("the power fails")


def fit(trainer, *callbacks, **options):
    stopping = nn.EarlyStopping("loss", patience=9)
    trainer.fit(loader(options.pop("seed", 4)), epochs=EPOCHS, progress=False,
                validation_data=data(), callbacks=[stopping, *callbacks], **options)  # fmt: skip
    return stopping


def write(folder):
    folder.mkdir(exist_ok=True)
    try:
        fit(trainer(), PowerFails(folder))
    except RuntimeError:
        pass
    whole = trainer()
    fit(whole)
    history = {name: np.array(column) for name, column in whole.history.history.items()}
    nn.save(folder / NAMES[4], {**whole.model.state_dict(), **history})


if __name__ == "__main__":
    write(Path(sys.argv[1]))
