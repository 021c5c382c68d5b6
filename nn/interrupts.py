"""Ctrl-C while something is under way that should not be left half done."""

from __future__ import annotations

import threading

# (What `signal` wraps: its own functions take ten times as long, which a small step would feel.)
from _signal import SIGINT, default_int_handler, getsignal, signal  # type: ignore[import-not-found]
from collections.abc import Callable
from typing import Any

__all__ = ["Interrupts", "to_its_end"]


class Interrupts:
    """Ctrl-C as a request: `asked` after the first; the second interrupts at once.

    Only where Ctrl-C means KeyboardInterrupt: another handler, and threads, are left alone.
    """

    __slots__ = ("_waiting", "asked")

    def __init__(self) -> None:
        self.asked = self._waiting = False

    def __enter__(self) -> Interrupts:
        if _is_usual():
            signal(SIGINT, self._ask)
            self._waiting = True
        return self

    def __exit__(self, *error: Any) -> None:
        if self._waiting:
            signal(SIGINT, default_int_handler)

    def _ask(self, number: int, frame: Any) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


def to_its_end(function: Callable[..., Any], *args: Any) -> Any:
    """Call a function that Ctrl-C does not interrupt: it is raised when the function has ended.

    >>> to_its_end(divmod, 7, 3)
    (2, 1)
    """
    if not _is_usual():
        return function(*args)
    interrupts = Interrupts()
    signal(SIGINT, interrupts._ask)
    try:
        return function(*args)
    finally:
        signal(SIGINT, default_int_handler)
        if interrupts.asked:
            raise KeyboardInterrupt


def _is_usual() -> bool:
    """Whether Ctrl-C means KeyboardInterrupt, here."""
    return getsignal(SIGINT) is default_int_handler and (
        threading.get_ident() == threading.main_thread().ident
    )
