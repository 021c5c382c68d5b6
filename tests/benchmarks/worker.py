"""A contender's own process, both ends of its pipe: a JSON request a line, a JSON answer a line.

    {"prepare": key, "kind": ..., "arguments": {...}}   {"check": {...}, "took": ns a turn}
    {"run": key, "times": n}                            {"both": ns, ...} by phase
    {"forget": true}                                    {}

Between requests a process waits at its pipe, and takes no time from the others.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


class Failed(Exception):
    """A contender's process ended, or could not do what it was asked to; holds its last words."""


class Worker:
    """The near end: starts `module` of the contenders under an interpreter, and asks it."""

    def __init__(
        self, module: str, python: str, threads: int, settings: dict[str, str], checkout: str = ""
    ) -> None:
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        self.process = subprocess.Popen(
            [python, "-m", "tests.benchmarks.worker", module, checkout],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
            env={**os.environ, **dict.fromkeys(names, str(threads)), **settings},
        )  # fmt: skip

    def ask(self, **request: Any) -> dict[str, Any]:
        pipes = self.process.stdin, self.process.stdout
        assert pipes[0] is not None and pipes[1] is not None
        try:
            pipes[0].write(json.dumps(request) + "\n")
            pipes[0].flush()
            answer = json.loads(pipes[1].readline())
        except (OSError, ValueError):
            self.close()
            raise Failed(f"its process ended (status {self.process.returncode})") from None
        if "error" in answer:
            raise Failed(answer["error"])
        return answer

    def close(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.close()
        except OSError:
            pass
        self.process.wait()
        self.process.stdout.close()


# ---- the far end ------------------------------------------------------------------------------


def settle() -> None:
    """What all contenders do first, alike, so that none of them pays for the others' sake.

    glibc maps large arrays afresh and gives them back at once, until one as large has been freed
    (up to 32 MiB), and the kernel clears every fresh page. What grows in a long run anyway, the
    size from which on it does that, is made to grow here.
    """
    import numpy as np

    for _ in range(2):
        np.ones(31 * 2**20, np.uint8)
    gc.collect()
    gc.freeze()
    gc.disable()


def quiet() -> None:
    """Wait until this process takes no time: threads that worked together go on waiting for more
    work in a busy loop, for milliseconds (OpenMP's) or tens of them (OpenBLAS's)."""
    before = -1.0
    while time.process_time() - before > 0.0005:
        before = time.process_time()
        time.sleep(0.001)


def contender(name: str, checkout: str) -> Any:
    """The module of a contender. The benchmarks are those beside this file also where the packages
    that they measure come from another checkout."""
    if checkout:
        sys.path.insert(0, checkout)
    module = importlib.import_module(f"tests.benchmarks.contenders.{name}")
    if checkout and Path(module.autograd.__file__).parents[1] != Path(checkout):
        raise ImportError(f"{module.autograd.__file__} was imported, which is not in {checkout}")
    return module


def prepare(work: dict[str, Any], request: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    made = work[request["kind"]](**request["arguments"])
    if made is None:
        return None, {"none": True}
    took = []
    for _ in range(4):  # the first time for nothing: lazy imports
        start = time.perf_counter_ns()
        made.once()
        made.wait()
        took.append(time.perf_counter_ns() - start)
    return made, {"check": vars(made.check), "took": min(took)}


def answer(module: Any, request: dict[str, Any], works: dict[str, Any]) -> dict[str, Any]:
    from tests.benchmarks import footprint
    from tests.benchmarks.work import turn

    if "prepare" in request:
        works[request["prepare"]], told = prepare(module.work, request)
        gc.collect()
        return told
    if "run" in request:
        told = turn(works[request["run"]], request["times"])
        gc.collect()
        quiet()
        return told
    if "memory" in request:
        return footprint.memory(module.work["step"], **request["memory"])
    if "long_chain" in request:
        return footprint.long_chain(module.leaf, **request["long_chain"])
    works.clear()
    gc.collect()
    return {}


def main() -> None:
    pipe = os.fdopen(os.dup(1), "w")  # what libraries print must not get among the answers
    os.dup2(2, 1)
    module, works, settled = None, {}, False
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if module is None:
                module = contender(*sys.argv[1:])
            if "prepare" in request and not settled:
                settle()
                settled = True
            told = answer(module, request, works)
        except Exception as error:
            told = {"error": f"{type(error).__name__}: {error}"}
        pipe.write(json.dumps(told) + "\n")
        pipe.flush()


if __name__ == "__main__":
    main()
