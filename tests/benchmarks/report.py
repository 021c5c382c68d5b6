"""What the figures say: lines of cases, targets with their verdicts, a plot."""

from __future__ import annotations

import os
import platform
from typing import Any

import numpy as np

from tests.benchmarks.cases import GROWTH, MULTIPLY, STEPS, Case
from tests.benchmarks.models import NETWORKS
from tests.benchmarks.work import FUNCTIONS

Samples = dict[str, dict[str, list[float]]]  # {phase: {entrant: one figure a round}}
Results = dict[str, Samples]

ADAM = "Adam, 10 arrays, 10^"
DEFAULT = "PyTorch, default"  # its loop over the parameters, and its usual layout of images
# What the figures should show: (case, phase, ours / whom, at most; None: for information).
TARGETS: list[tuple[str, str, str, float | None]] = [
    ("step 784-64-64-10", "both", "by hand", 1.2),
    ("step 784-64-64-10", "both", "PyTorch", 0.75),
    ("step 784-64-64-10", "both", "JAX jit", 1.0),
    ("step 784-128-10", "both", "by hand", 1.2),
    ("step 784-128-10", "both", "PyTorch", 0.75),
    ("step 784-128-10", "both", "JAX jit", 1.1),
    ("step 2-16-16-2", "both", "by hand", 1.5),
    ("step 2-16-16-2", "both", "PyTorch", 0.45),
    ("step 2-16-16-2", "both", "JAX jit", 1.0),
    ("step 784-512-512-10", "both", "by hand", 1.15),
    ("step 784-512-512-10", "both", "PyTorch", 1.0),
    ("step 784-512-512-10", "both", "JAX jit", None),
    *((f"compiled {network}", "both", whom, limit) for network, limits in {
        "784-64-64-10": (0.95, 0.5, 0.8), "784-128-10": (0.92, 0.65, 0.95),
        "2-16-16-2": (0.9, 0.15, 0.4), "784-512-512-10": (0.9, 1.0, 1.1),
    }.items() for whom, limit in zip(("by hand", "PyTorch", "JAX jit"), limits)),
    *((f"compiled {name}", "both", "eager", 1 / 3) for name in FUNCTIONS),
    ("epoch of digits 64-100-10", "both", "explicit loop", 1.1),
    ("epoch of digits 64-100-10", "both", "by hand", None),
    ("epoch of digits 64-100-10", "both", "PyTorch", None),
    ("200 scalars * two leaves", "both", "micrograd", 1.0),
    ("200 scalars mixed", "both", "micrograd", 0.9),
    *((f"200 scalars {graph}", "both", "PyTorch", 0.4) for graph in ("* two leaves", "mixed")),
    (f"{ADAM}4 elements", "both", "PyTorch, 1 thread, default", 0.5),
    (f"{ADAM}6 elements", "both", "PyTorch, 1 thread, foreach", 1.0),
    (f"{ADAM}6 elements", "both", "PyTorch, 2 threads, foreach", None),
    (f"{ADAM}6 elements", "both", "PyTorch, 2 threads, fused", None),
    *((f"memory {network}", "peak", "PyTorch", 1.0) for network in STEPS),
    ("chain size 8", "both", MULTIPLY, 8.5),
    *((f"chain {kind}", "both", "PyTorch", 0.5) for kind in ("scalar", "size 1", "size 8")),
    *((f"second order {kind}", "both", "HIPS", 1 / 3) for kind in ("scalar", "size 8")),
    *((f"step {name}", "both", DEFAULT, limit) for name, limit in {
        "LeNet": 0.75, "conv 32, 21632-128-10": 0.8, "3 x conv-BN-ReLU-pool": 1.2,
        "Embedding, LSTM, Dense": 1.0, "GPT": 1.15, "GPT, gelu by tanh": 1.0,
    }.items()),
    *((f"memory {name}", "peak", "PyTorch", 1.0) for name in NETWORKS),
    *((f"layer {name}", "both", DEFAULT, limit) for name, limit in {
        "conv 3x3 64->64": 1.37, "conv 1x1 64->64": 0.75, "conv 5x5 1->6": 1.15,
        "conv depthwise": 1.2, "conv 3d 8->16": 0.9, "max pool 2x2": 0.5, "max pool 3x3": 0.8,
        "batch norm of images": 1.2, "LSTM 64->128, 80 steps": 1.0, "LSTM 16->32, 20 steps": 1.6,
        "GRU 64->128, 80 steps": 0.9, "RNN 64->128, 80 steps": 0.76, "softmax 16x4x64x64": 1.2,
        "layer norm 1024x128": 1.6, "gelu 1024x512": 2.0, "gelu by tanh 1024x512": 1.0,
        "Embedding 10,000x64": 1.0, "attention 16x4x64x32": 1.0,
    }.items()),
]  # fmt: skip
ROWS = ("both", "peak")  # the phases that make a row of a table
SLACK = 1.25  # how much more than in proportion the cost may grow where a size doubles


def best(figures: dict[str, list[float]], label: str) -> str | None:
    """The entrant with the least median among the settings of a contender; of those that have what
    the label names after it: "PyTorch, default" with any number of threads."""
    who, *settings = label.split(", ")
    named = ((n, n.split(", ")) for n in figures)
    names = [n for n, parts in named if parts[0] == who and set(settings) <= set(parts)]
    names = [n for n in names if not (label == "ours" and n.endswith("GC on"))]
    return min(names, key=lambda n: float(np.median(figures[n])), default=None)


def ratios(figures: dict[str, list[float]], label: str) -> Any:
    """(low, median, high) of ours / theirs round by round, each at its best; None if missing."""
    ours, theirs = best(figures, "ours"), best(figures, label)
    if ours is None or theirs is None or not np.all(figures[theirs]):
        return None
    return np.percentile(np.divide(figures[ours], figures[theirs]), [25, 50, 75])


def processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":")[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def header(peers: list[str]) -> str:
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    machine = f"{processor()}, {os.cpu_count()} cores, {platform.system()}{load}"
    return "; ".join([machine, f"Python {platform.python_version()}", f"NumPy {np.__version__}",
                      *peers])  # fmt: skip


def labels_of(case: Case) -> list[str]:
    return list(dict.fromkeys(entrant.label for entrant in case.entrants))


def show(case: Case, samples: Samples) -> None:
    """The lines of a case: one for each phase, with each contender at its best."""
    phases = [phase for phase in samples if phase != "cpu"]
    for phase in phases:
        figures = samples[phase]
        cells = [_cell(label, figures, samples.get("cpu"), case.scale) for label in labels_of(case)]
        title = f"{case.name}, {phase}" if len(phases) > 1 else case.name
        print(f"{title:30} {case.unit:8}  " + " | ".join(c for c in cells if c), flush=True)


def _digits(figure: float) -> str:
    """Four digits, without an exponent: "17,580"."""
    return f"{float(f'{figure:.4g}'):,.10g}"


def _cell(label: str, figures: Any, cpu: Any, scale: float) -> str:
    name = best(figures, label)
    if name is None:
        return ""
    low, middle, high = np.percentile(figures[name], [25, 50, 75]) / scale
    cell = f"{name} {_digits(middle)} ({_digits(low)}-{_digits(high)})"
    against = None if label == "ours" else ratios(figures, label)
    if against is not None:
        cell += f" = {against[1]:.2f} ({against[0]:.2f}-{against[2]:.2f})"
    # Process time counts where all of it is one thread's: it knows nothing of other processes.
    single = {n: f for n, f in (cpu or {}).items() if "2 threads" not in n}
    if best(single, label) is None or best(single, "ours") is None:
        return cell
    if label == "ours":
        return cell + f", cpu {np.median(single[best(single, 'ours')]) / scale:,.4g}"
    of_cpu = ratios(single, label)
    return cell if of_cpu is None else cell + f", cpu {of_cpu[1]:.2f}"


PEERS = ("by hand", "explicit loop", "PyTorch", "JAX jit", "micrograd", "HIPS", DEFAULT)


def _present(samples: Samples) -> set[str]:
    return {name.split(", ")[0] for figures in samples.values() for name in figures}


def table(cases: list[Case], results: Results) -> str:
    """In Markdown: our time or memory, and the ratios ours / theirs with their quartiles."""
    measured = [case for case in cases if case.name in results]
    everybody = {label for case in measured for label in _present(results[case.name])}
    peers = [peer for peer in PEERS if peer.split(", ")[0] in everybody]
    rows = ["", "ours", *(f"/ {peer}" for peer in peers)]
    lines = [f"| {' | '.join(rows)} |", "| --- " * len(rows) + "|"]
    for case in measured:
        for phase, figures in results[case.name].items():
            if phase not in ROWS:
                continue
            middle = np.median(figures[best(figures, "ours") or "ours"]) / case.scale
            against = [ratios(figures, peer) for peer in peers]
            cells = ["" if r is None else f"{r[1]:.2f} ({r[0]:.2f} to {r[2]:.2f})" for r in against]
            ours = f"{_digits(middle)} {case.unit.split('/')[0].strip()}"
            lines.append(f"| {case.name} | {ours} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


# ---- verdicts -----------------------------------------------------------------------------------


def verdicts(results: Results) -> list[tuple[str, float, float | None]]:
    """(what, figure, its limit) for whatever was measured."""
    found: list[tuple[str, float, float | None]] = []
    for case, phase, whom, limit in TARGETS:
        against = ratios(results.get(case, {}).get(phase, {}), whom)
        if against is not None:
            found.append((f"{case}: ours / {whom}", float(against[1]), limit))
    return found + _growth_of_memory(results) + _doublings(results) + _others(results)


def _growth_of_memory(results: Results) -> list[tuple[str, float, float | None]]:
    found = []
    for case, samples in results.items():
        if "growth" in samples:
            # The least of some runs: what leaks, leaks in each.
            found.append((f"{case}: MB more after many steps", min(samples["growth"]["ours"]), 0.5))
    return found


def _doublings(results: Results) -> list[tuple[str, float, float | None]]:
    """The most that the cost grows where a size doubles, as a part of what it should."""
    found: list[tuple[str, float, float | None]] = []
    for size, (values, power, _) in GROWTH.items():
        for label, limit in (("ours", SLACK), ("by hand", None), ("PyTorch", None)):
            names = [f"growth, {size} {n}" for n in values]
            costs = [np.median(results[n]["both"][label]) for n in names
                     if label in results.get(n, {}).get("both", {})]  # fmt: skip
            if len(costs) == len(names):
                steps = np.divide(costs[1:], costs[:-1])
                shown = " ".join(f"{s:.2f}" for s in steps)
                title = f"growth by {size}, {label}: {shown}; the most / {2**power}"
                found.append((title, float(steps.max() / 2**power), limit))
    return found


def _others(results: Results) -> list[tuple[str, float, float | None]]:
    found: list[tuple[str, float, float | None]] = []
    if "import" in results:
        times = results["import"]["both"]
        extra = (np.median(times["ours"]) - np.median(times["by hand"])) / 1e6
        found.append(("import autograd, nn: ms more than NumPy", float(extra), 30.0))
    for case, samples in results.items():
        times = samples.get("both", {})
        if "ours, GC on" in times:
            ratio = np.median(np.divide(times["ours, GC on"], times["ours"]))
            found.append((f"{case}: GC on / GC off", float(ratio), 6.0))
    return found


def conclude(results: Results) -> None:
    for what, figure, limit in verdicts(results):
        verdict = "" if limit is None else f"  at most {limit:.2f}"
        verdict += "   <-- above" if limit is not None and figure > limit else ""
        print(f"{what:60} {figure:8.2f}{verdict}")


def plot(results: Results, title: str, path: str) -> None:
    """Bars of ours / theirs, for training and for whatever else was measured against peers."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    peers = ("by hand", "PyTorch", "JAX jit", "micrograd", "HIPS")
    cases = [name for name in results if name.startswith(("step", "epoch", "Adam,", "200"))]
    cases = cases or list(results)
    figure, axes = pyplot.subplots(figsize=(9, 1.5 + 0.6 * len(cases)), layout="constrained")
    for offset, peer in enumerate(peers):
        found = [ratios(results[name].get("both", {}), peer) for name in cases]
        rows = [i for i, r in enumerate(found) if r is not None]
        middles = [found[i][1] for i in rows]
        spread = [
            [found[i][1] - found[i][0] for i in rows],
            [found[i][2] - found[i][1] for i in rows],
        ]
        if rows:
            places = [i + 0.15 * (offset - 2) for i in rows]
            axes.barh(places, middles, 0.14, xerr=spread, label=f"ours / {peer}")
    axes.axvline(1, color="black", linewidth=1)
    axes.set(xlabel="time as a part of theirs (below 1: faster)", xscale="log")
    axes.set_yticks(range(len(cases)), cases)
    axes.invert_yaxis()
    axes.set_title(title, fontsize=7)
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=120)
