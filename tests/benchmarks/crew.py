"""The contenders' processes: who is installed, and a process for each setting that is measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from functools import partial

from tests.benchmarks.cases import MODULES, Case, Entrant
from tests.benchmarks.worker import ROOT, Failed, Worker

DISTRIBUTIONS = {"PyTorch": "torch", "JAX jit": "jax", "HIPS": "autograd", "micrograd": "micrograd"}
OPTIONS = {"HIPS": "--hips PYTHON", "JAX jit": "--jax PYTHON"}
ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


class Crew:
    """Starts a process where one is first needed, and ends them all."""

    def __init__(self, pythons: dict[str, str | None]) -> None:
        self.pythons = {name: pythons.get(name) or sys.executable for name in MODULES}
        self.versions = {name: self._version(name) for name in DISTRIBUTIONS}
        self.workers: dict[tuple[str, int, str], Worker] = {}
        self._turns = 0  # how often all were relieved
        self.one_core = False
        self._imported: set[tuple[str, str]] = set()
        self._cache = tempfile.TemporaryDirectory()

    def _version(self, name: str) -> str:
        """Of a contender's library under its interpreter; "" where that has none."""
        if name == "HIPS" and self.pythons[name] == sys.executable:
            return ""  # two packages of one import name
        code = f"from importlib.metadata import version; print(version({DISTRIBUTIONS[name]!r}))"
        done = subprocess.run([self.pythons[name], "-c", code], capture_output=True, text=True)
        return done.stdout.strip()

    def missing(self) -> list[str]:
        return [
            f"{name} is not installed: skipped"
            + f" (or give {OPTIONS.get(name)})" * (name in OPTIONS)
            for name, version in self.versions.items()
            if not version
        ]

    def takes_part(self, entrant: Entrant) -> bool:
        return self.versions.get(entrant.who, "here") != ""

    def worker(self, entrant: Entrant) -> Worker:
        key = entrant.who, entrant.threads, entrant.checkout
        if key not in self.workers:
            self.workers[key] = self._start(entrant)
        return self.workers[key]

    def _start(self, entrant: Entrant) -> Worker:
        settings = {}
        if entrant.who == "JAX jit":
            settings = {"JAX_PLATFORMS": "cpu"}
            settings |= {"XLA_FLAGS": ONE_THREAD} if entrant.threads == 1 else {}
        python = self.pythons[entrant.who]
        module, checkout = MODULES[entrant.who], entrant.checkout
        worker = Worker(module, python, entrant.threads, settings, checkout)
        if self.one_core and entrant.threads == 1 and hasattr(os, "sched_setaffinity"):
            cores = sorted(os.sched_getaffinity(0))
            os.sched_setaffinity(worker.process.pid, {cores[self._turns % len(cores)]})
        return worker

    def fresh(self, case: Case, entrant: Entrant) -> dict[str, float]:
        """What a process answers that is started for this one question."""
        arguments = case.arguments | json.loads(entrant.arguments)
        if case.fresh == "import":
            return {"both": self._import_time(arguments["names"], entrant.checkout or str(ROOT))}
        worker = self._start(entrant)
        try:
            return worker.ask(**{case.fresh: arguments})
        finally:
            worker.close()

    def _import_time(self, names: str, checkout: str) -> float:
        clock = "time.perf_counter_ns()"
        code = f"import time; start = {clock}; import {names}; print({clock} - start)"
        settings = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        if "torch" not in names:
            # Bytecode is cached, in a folder of its own, as it is after any installation by pip.
            settings["PYTHONPYCACHEPREFIX"] = self._cache.name
        command = [sys.executable, "-c", code]
        run = partial(
            subprocess.run, stdout=subprocess.PIPE, text=True, check=True, env=settings,
            cwd=checkout,
        )  # fmt: skip
        if (names, checkout) not in self._imported:
            self._imported.add((names, checkout))
            run(command)  # once for nothing
        return float(run(command).stdout)

    def forget(self) -> None:
        """Let all processes drop what they prepared."""
        for key, worker in list(self.workers.items()):
            try:
                worker.ask(forget=True)
            except Failed:
                del self.workers[key]

    def relieve(self) -> None:
        """End all processes; new ones start where they are needed, if on one core, on the next."""
        self._turns += 1
        for worker in self.workers.values():
            worker.close()
        self.workers.clear()

    def close(self) -> None:
        self.relieve()
        self._cache.cleanup()


def header_of(crew: Crew) -> list[str]:
    return [f"{name} {version}" for name, version in crew.versions.items() if version]
