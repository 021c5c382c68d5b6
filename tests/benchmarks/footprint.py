"""What is measured once in a fresh process: memory of a training step, and long chains."""

from __future__ import annotations

import gc
import importlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MEGABYTE = 1e6
STEPS = 300


def memory(
    step: Callable[..., Any], network: str, batch: int, steps: int = STEPS
) -> dict[str, float]:
    """Resident megabytes above the import: the peak of three steps, and what so many more add to
    the peak once a third of them have settled how memory is cut up.

    "after a small step" is the same above a step of a tiny network, which loads what a library
    loads when it is first used.
    """
    imported, small = resident(), step("2-2-2", 4, compare=0)
    small.once()
    small.wait()
    begun = resident()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew: not that of the import
    work = step(network, batch, compare=0)
    peak, settled, end = (_after(work, count) for count in (3, steps // 3, steps))
    return {"peak": peak - imported, "after a small step": peak - begun, "growth": end - settled}


def _after(work: Any, steps: int) -> float:
    for _ in range(steps):
        work.once()
        work.wait()
    return resident("VmHWM")


def resident(which: str = "VmRSS") -> float:
    """Megabytes in memory, now or ("VmHWM") at most so far; Linux only."""
    lines = Path("/proc/self/status").read_text().splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith(which))
    return int(kilobytes) * 1024 / MEGABYTE


def long_chain(leaf: Any, operations: int, collect: bool, memory: bool) -> dict[str, float]:
    """A chain of scalars: forward, backward, release; or the peak of memory instead."""
    x, b, a = leaf(0.5), leaf(1.0), leaf(0.1)
    if memory:
        tracemalloc = importlib.import_module("tracemalloc")
        tracemalloc.start()
    gc.collect()  # or the import's own objects, and how far it got in counting, would be measured
    gc.freeze()
    if not collect:
        gc.disable()
    now = time.perf_counter_ns
    begin = now()
    y = x
    for _ in range(operations // 2):
        y = y * b
        y = y + a
    built = now()
    y.backward()
    swept = now()
    del y
    released = now()
    if memory:
        return {"memory": tracemalloc.get_traced_memory()[1] / operations}
    spans = {"forward": built - begin, "backward": swept - built, "release": released - swept}
    spans["both"] = released - begin
    return {phase: span / operations for phase, span in spans.items()}
