"""Ctrl-C while something is under way that should not be left half done."""

from __future__ import annotations

# (What `signal` wraps: its own functions take ten times as long, which a small step would feel.)
import _signal  # type: ignore[import-not-found]
import threading
from typing import Any

__all__ = ["Interrupts"]

SIGINT = int(_signal.SIGINT)


class Interrupts:
    """Ctrl-C as a request: `asked` after the first; the second interrupts at once.

    Only where Ctrl-C means KeyboardInterrupt: another handler, and threads, are left alone.
    """

    __slots__ = ("_waiting", "asked")

    def __init__(self) -> None:
        self.asked = self._waiting = False

    def __enter__(self) -> Interrupts:
        if _signal.getsignal(SIGINT) is _signal.default_int_handler and (
            threading.get_ident() == threading.main_thread().ident
        ):
            _signal.signal(SIGINT, self._ask)
            self._waiting = True
        return self

    def __exit__(self, *error: Any) -> None:
        if self._waiting:
            _signal.signal(SIGINT, _signal.default_int_handler)

    def _ask(self, number: int, frame: Any) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
