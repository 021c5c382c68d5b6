"""How training shows that it goes on: a bar on a terminal or in a notebook, else plain lines."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["Bar", "Lines", "Silent", "reporter"]


class Silent:
    """Shows nothing; the base of those that do."""

    def start(self, epoch: int, epochs: int, batches: int) -> None:
        """An epoch begins, of so many batches; 0 if that is not known."""

    def batch(self, batches: int = 1) -> None:
        """So many batches more are done."""

    def end(self, logs: Mapping[str, float]) -> None:
        """The epoch is over, with these figures."""

    def say(self, text: str) -> None:
        """Something that happened."""

    def close(self) -> None:
        """Training is over, well or not."""


class Lines(Silent):
    """A line for each epoch, or for every k-th, and the last.

    >>> lines = Lines(every=1)
    >>> lines.start(3, 20, 50)
    >>> lines.end({"loss": 0.25, "accuracy": 1.0})  # doctest: +ELLIPSIS
    epoch  3/20  loss 0.2500  accuracy 1.0000  (0.0 s)
    """

    def __init__(self, every: int = 1) -> None:
        self.every = every

    def start(self, epoch: int, epochs: int, batches: int) -> None:
        self.epoch, self.epochs, self.began = epoch, epochs, time.perf_counter()

    def end(self, logs: Mapping[str, float]) -> None:
        if self.epoch % self.every == 0 or self.epoch == self.epochs:
            self.say(self.line(logs))

    def line(self, logs: Mapping[str, float]) -> str:
        """The epoch in one line."""
        figures = "  ".join(f"{name} {_figure(value)}" for name, value in logs.items())
        place = f"{self.epoch:{len(str(self.epochs))}}/{self.epochs}"
        return f"epoch {place}  {figures}  ({time.perf_counter() - self.began:.1f} s)"

    def say(self, text: str) -> None:
        print(text, flush=True)


class Bar(Lines):
    """A bar that fills during each epoch (by tqdm), and a line when it is over."""

    def __init__(self, tqdm: Any) -> None:
        super().__init__()
        self.tqdm = tqdm
        self.bar: Any = None

    def start(self, epoch: int, epochs: int, batches: int) -> None:
        super().start(epoch, epochs, batches)
        self.bar = self.tqdm(
            total=batches or None, desc=f"epoch {epoch}/{epochs}", unit="batch", leave=False
        )

    def batch(self, batches: int = 1) -> None:
        self.bar.update(batches)

    def end(self, logs: Mapping[str, float]) -> None:
        self.close()
        super().end(logs)

    def say(self, text: str) -> None:
        self.tqdm.write(text)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None


def reporter(progress: bool | int | str) -> Silent:
    """What shows the progress.

    Args: progress, False for nothing; True for a bar on a terminal or in a notebook where tqdm is
        installed, and a line for each epoch elsewhere; a whole number k for a line every k epochs;
        "bar" for the bar wherever it is.
    Raises ValueError for anything else, ImportError for "bar" without tqdm.
    """
    if progress is False:
        return Silent()
    if progress is True:
        tqdm = _tqdm() if _watched() else None
        return Bar(tqdm) if tqdm else Lines()
    if progress == "bar":
        if (tqdm := _tqdm()) is None:
            raise ImportError('progress="bar" needs tqdm: pip install "chalkgrad[progress]"')
        return Bar(tqdm)
    if isinstance(progress, (int, np.integer)) and progress > 0:
        return Lines(int(progress))
    raise ValueError(
        f'fit: progress must be True, False, "bar", or a number k >= 1 for a line every k epochs, '
        f"got {progress!r}"
    )


def _watched() -> bool:
    """Whether somebody looks on: a terminal, or a notebook."""
    streams = (sys.stdout, sys.stderr)  # None in a program without a console
    return "ipykernel" in sys.modules or all(hasattr(s, "isatty") and s.isatty() for s in streams)


def _tqdm() -> Any:
    try:
        with warnings.catch_warnings():  # in a notebook without widgets it falls back to text
            warnings.simplefilter("ignore")
            from tqdm.auto import tqdm
    except ImportError:
        return None
    return tqdm


def _figure(value: float) -> str:
    """Four places, or where that would show none of a small number, four digits."""
    return f"{value:.4f}" if value == 0 or abs(value) >= 1e-3 else f"{value:.3e}"
