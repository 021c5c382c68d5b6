"""Measure: python -m tests.benchmarks [--quick] [--only NAME ...] [--hips PYTHON] [--json FILE].

Contenders take turns, round by round (A B C A B C ...), so that whatever else the machine does
meets all of them. A figure is the median of its rounds with the quartiles; a ratio is the median of
the rounds' own ratios, ours / theirs: below 1 this library is faster.
"""

from __future__ import annotations

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"  # before NumPy is imported

import argparse  # noqa: E402
import gc  # noqa: E402
import json  # noqa: E402
import platform  # noqa: E402
import statistics  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402

from tests.benchmarks.cases import MULTIPLY, RAW, Case, all_cases, chain_for_parent  # noqa: E402
from tests.benchmarks.contenders import available  # noqa: E402

Samples = dict[str, dict[str, list[float]]]  # {phase: {contender: one figure a round}}

TURN = 0.005  # seconds

# What the figures should show: (case, phase, ours / whom, at most).
TARGETS = [
    ("chain size 8", "both", MULTIPLY, 8.5),
    *((f"chain {kind}", "both", "PyTorch", 0.5) for kind in ("scalar", "size 1", "size 8")),
    *((f"200 scalars {graph}", "both", "micrograd", 1.1) for graph in ("* two leaves", "mixed")),
    *((f"200 scalars {graph}", "both", "PyTorch", 0.35) for graph in ("* two leaves", "mixed")),
    *((f"second order {kind}", "both", "HIPS", 1 / 3) for kind in ("scalar", "size 8")),
]


def measure(case: Case, rounds: int) -> Samples:
    samples: Samples = {}
    repeats = {}
    for name, run in case.contenders.items():
        run()  # once for nothing: lazy imports
        start = time.perf_counter()
        run()
        # A turn lasts some milliseconds, so that everybody's code and data are in the caches.
        repeats[name] = max(1, min(50, int(TURN / (time.perf_counter() - start))))
    for _ in range(min(rounds, case.rounds)):
        for name, run in case.contenders.items():
            turn = [run() for _ in range(repeats[name])]
            for phase in turn[0]:
                figure = statistics.median(figures[phase] for figures in turn)
                samples.setdefault(phase, {}).setdefault(name, []).append(figure)
        gc.collect()
    return samples


def ratio(samples: Samples, phase: str, name: str) -> float | None:
    """The median over the rounds of ours / theirs."""
    ours, theirs = samples.get(phase, {}).get("ours"), samples.get(phase, {}).get(name)
    return float(np.median(np.divide(ours, theirs))) if ours and theirs else None


def header(found: dict[str, Any]) -> str:
    peers = [f"{c.name} {c.version}" for c in found.values() if c.version]
    machine = f"{processor()}, {os.cpu_count()} cores, {platform.system()}"
    python = f"Python {platform.python_version()}"
    return "; ".join([machine, python, f"NumPy {np.__version__}", *peers, "1 thread"])


def processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":")[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def show(case: Case, samples: Samples) -> None:
    """The lines of one case: a line for each phase, a column for each contender."""
    for phase, figures in samples.items():
        cells = []
        for name, rounds in figures.items():
            low, median, high = np.percentile(rounds, [25, 50, 75])
            against = None if name == "ours" else ratio(samples, phase, name)
            cell = f"{name} {median:,.4g} ({low:,.4g}-{high:,.4g})"
            cells.append(cell + (f" = {against:.2f}" if against is not None else ""))
        label = f"{case.name}, {phase}" if len(samples) > 1 else case.name
        print(f"{label:30} {case.unit:8}  " + " | ".join(cells), flush=True)


def conclusions(results: dict[str, Samples]) -> list[tuple[str, float, float]]:
    """(what, figure, its limit) for whatever was measured."""
    found = []
    for case, phase, name, limit in TARGETS:
        figure = ratio(results.get(case, {}), phase, name)
        if figure is not None:
            found.append((f"{case}: ours / {name}", figure, limit))
    if "import" in results:
        times = results["import"]["both"]
        extra = float(np.median(times["ours"]) - np.median(times[RAW]))
        found.append(("import autograd, nn, ms more than NumPy", extra, 30.0))
    for case, samples in results.items():
        collected = ratio(samples, "both", "ours, GC on")
        if collected is not None:
            found.append((f"{case}: GC on / GC off", 1 / collected, 6.0))
    return found


def arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds, chains up to 10^5")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="cases whose name has a NAME")
    parser.add_argument("--rounds", type=int, help="at most (default 100, with --quick 15)")
    parser.add_argument("--hips", metavar="PYTHON", help="an interpreter that has HIPS autograd")
    parser.add_argument("--json", metavar="FILE", help="write all figures of all rounds")
    parser.add_argument("--chain", help=argparse.SUPPRESS)  # the fresh process of a long chain
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> None:
    options = arguments(words)
    if options.chain:
        chain_for_parent(options.chain)
        return
    found, missing = available(options.hips)
    rounds = options.rounds or (15 if options.quick else 100)
    print(header(found), *missing, sep="\n")
    print("median (quartiles) = ours / theirs\n", flush=True)
    chosen: Callable[[str], bool] = lambda name: any(part in name for part in options.only or [""])  # noqa: E731
    results: dict[str, Samples] = {}
    cases = all_cases(found, options.quick)
    gc.disable()
    gc.freeze()  # the collections between the rounds need not look at the libraries
    for case in cases:
        if chosen(case.name):
            results[case.name] = measure(case, rounds)
            show(case, results[case.name])
    print()
    for what, figure, limit in conclusions(results):
        verdict = "" if figure <= limit else "   <-- above"
        print(f"{what:45} {figure:8.2f}  at most {limit:.2f}{verdict}")
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"header": header(found), "results": results}, file, indent=1)
    if "HIPS" in found:
        found["HIPS"].close()


if __name__ == "__main__":
    sys.exit(main())
