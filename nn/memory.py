"""Freed memory that stays with the process, for the next step, instead of being faulted in again.

A step frees its graph, some tens of megabytes. The C library of most Linux systems (glibc) gives
that back to the system, and the next step takes it again, page by page: a fifth of the time of an
LSTM's step. But when it frees a block of its own that is larger than any before, up to 32 MB, it
takes it that such blocks come again, keeps as large ones, and twice as much of free memory.
"""

from __future__ import annotations

import os

import numpy as np

__all__ = ["keep_freed_memory"]

_LARGEST = 2**25 - 2**13  # 32 MB, less what the library adds


def keep_freed_memory() -> bool:
    """Show glibc such a block, which nobody touches: up to 64 MB of freed memory then stay here.

    It is asked at an optimiser's first step; later times change nothing. CHALKGRAD_KEEP_MEMORY=0 in
    the environment says no. Returns whether it was done: elsewhere than with glibc nothing is.

    >>> keep_freed_memory() in (True, False)
    True
    """
    if os.environ.get("CHALKGRAD_KEEP_MEMORY") == "0":
        return False
    try:
        known = os.confstr("CS_GNU_LIBC_VERSION")  # type: ignore[attr-defined, unused-ignore]
    except (AttributeError, OSError, ValueError):  # Windows, macOS, other libraries
        return False
    if known:
        np.empty(_LARGEST, np.uint8)
    return bool(known)
