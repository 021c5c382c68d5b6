"""What a training run was like, epoch by epoch, and its picture."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

__all__ = ["History"]


class History:
    """The figures of each epoch: `history["val_loss"][-1]` is the last validation loss.

    `history.history` is a dict of lists, one entry for each epoch: "loss" and the metrics, the same
    of the validation data with "val_" before the name, "lr" where the rate is moved, and what
    callbacks add to their `logs`.
    `history.interrupted` says whether Ctrl-C ended the run.

    >>> history = History()
    >>> history.append({"loss": 0.5, "val_loss": 0.75})
    >>> history["val_loss"]
    [0.75]
    >>> history
    History(1 epoch: loss 0.5000, val_loss 0.7500)
    """

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.interrupted = False

    def append(self, logs: Mapping[str, float]) -> None:
        """Take in one epoch; a figure that earlier epochs had not is nan there."""
        self._begin_columns(logs)
        for name, column in self.history.items():
            column.append(float(logs.get(name, float("nan"))))

    def amend(self, logs: Mapping[str, float]) -> None:
        """Take in what was added to the figures of the last epoch, or changed in them."""
        self._begin_columns(logs)
        for name, value in logs.items():
            self.history[name][-1] = float(value)

    def _begin_columns(self, names: Iterable[str]) -> None:
        if not self.history.keys() >= set(names):
            epochs = len(self)
            for name in names:
                self.history.setdefault(name, [float("nan")] * epochs)

    def __len__(self) -> int:
        """The number of epochs."""
        return max(map(len, self.history.values()), default=0)

    def __iter__(self) -> Iterator[str]:
        """The names of the figures, as of a dict; `"val_loss" in history` asks these."""
        return iter(self.history)

    def __getitem__(self, name: str) -> list[float]:
        if name not in self.history:
            known = ", ".join(self.history) or "nothing yet"
            raise KeyError(f"the history has no {name!r}; it has {known}")
        return self.history[name]

    def __repr__(self) -> str:
        last = ", ".join(f"{name} {column[-1]:.4f}" for name, column in self.history.items())
        return f"History({len(self)} epoch{'s' * (len(self) != 1)}{': ' * bool(last)}{last})"

    def plot(self, path: str | os.PathLike[str] | None = None) -> Any:
        """Draw the curves, training and validation together, three figures in a row; returns
        matplotlib's Figure.

        Args: path, a file to save the picture in (.png, .svg, .pdf). Without one, a notebook shows
            the Figure, and a script shows it by `matplotlib.pyplot.show()`.
        Raises ImportError without matplotlib, ValueError before the first epoch.
        """
        if not len(self):
            raise ValueError("History.plot: there is no epoch to draw yet; call fit first")
        try:
            from matplotlib import pyplot
        except ImportError:
            raise ImportError(
                'History.plot needs matplotlib: pip install "chalkgrad[plot]"'
            ) from None
        names = [
            n for n in self.history if n.removeprefix("val_") == n or n[4:] not in self.history
        ]
        columns = min(len(names), 3)
        rows = -(-len(names) // columns)
        figure = pyplot.figure(figsize=(4.2 * columns, 3.2 * rows), layout="constrained")
        for place, name in enumerate(names, 1):
            self._draw(figure.add_subplot(rows, columns, place), name)
        if path is not None:
            figure.savefig(path, dpi=120)
            pyplot.close(figure)
        return figure

    def _draw(self, axis: Any, name: str) -> None:
        epochs = range(1, len(self) + 1)
        marker = "o" if len(self) < 3 else ""
        label = "learning rate" if name == "lr" else "training"
        axis.plot(epochs, self.history[name], marker=marker, label=label)
        if f"val_{name}" in self.history:
            axis.plot(epochs, self.history[f"val_{name}"], marker=marker, label="validation")
            axis.legend()
        axis.set(title=name.replace("_", " "), xlabel="epoch")
        axis.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        axis.grid(alpha=0.3)
