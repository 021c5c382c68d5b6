"""What is measured: tables of cases, each with those who take part in it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from tests.benchmarks.models import LAYERS, NETWORKS
from tests.benchmarks.work import FUNCTIONS

THREADS = (1, 2) if (os.cpu_count() or 1) > 1 else (1,)
MODULES = {
    "ours": "ours", "by hand": "by_hand", "PyTorch": "pytorch", "JAX jit": "jax_jit",
    "HIPS": "hips", "micrograd": "micro",
}  # fmt: skip


@dataclass(frozen=True)
class Entrant:
    """Who takes part: a contender, in one of its settings. Its best setting is what counts."""

    label: str
    contender: str = ""  # where the label is not its name
    threads: int = 1
    variant: str = ""
    arguments: str = "{}"  # JSON, for dataclasses of dicts have no hash
    kind: str = ""  # where it is not that of the case
    checkout: str = ""  # whose packages are measured, where they are not those beside tests/

    @property
    def who(self) -> str:
        return self.contender or self.label

    @property
    def name(self) -> str:
        return ", ".join(part for part in (self.label, self.variant) if part)


@dataclass
class Case:
    """One comparison. `unit` is what `scale` nanoseconds are, `rounds` limits the slow ones, and
    `fresh` names what a new process is asked to do each time."""

    name: str
    kind: str
    arguments: dict[str, Any]
    entrants: list[Entrant]
    unit: str = "ns/op"
    scale: float = 1.0
    rounds: int = 1000
    fresh: str = ""


def plainly(*labels: str) -> list[Entrant]:
    return [Entrant(label) for label in labels]


def threaded(label: str, **arguments: dict[str, Any]) -> list[Entrant]:
    """A contender with 1 and 2 threads, in each of the named settings."""
    settings = arguments or {"": {}}
    return [
        Entrant(
            label, threads=n, arguments=json.dumps(given),
            variant=", ".join(p for p in (f"{n} thread{'s' * (n > 1)}", name) if p),
        )
        for n in THREADS
        for name, given in settings.items()
    ]  # fmt: skip


def ways(*names: str) -> list[Entrant]:
    """PyTorch with each way to compute its optimisers."""
    return threaded("PyTorch", **{name: {"way": name} for name in names})


EVERY_WAY = ways("default", "foreach", "fused")
JAX = threaded("JAX jit", trees={}, **{"one vector": {"flat": True}})

# ---- training -----------------------------------------------------------------------------------

STEPS = {"784-64-64-10": 32, "784-128-10": 32, "2-16-16-2": 100, "784-512-512-10": 128}


def training_steps() -> Iterable[Case]:
    numpy = [*threaded("ours"), *threaded("by hand")]
    for network, batch in STEPS.items():
        arguments = {"network": network, "batch": batch}
        entrants = [*numpy, *EVERY_WAY, *JAX, Entrant("HIPS")]
        yield Case(f"step {network}", "step", arguments, entrants, "µs/step", 1e3, 150)
    fit = Entrant("ours", variant="Trainer.fit", arguments='{"trainer": true}')
    loop = Entrant("explicit loop", contender="ours")
    entrants = [fit, loop, *threaded("by hand"), *EVERY_WAY, *JAX]
    yield Case("epoch of digits 64-100-10", "epoch", {}, entrants, "ms/epoch", 1e6, 60)


def compiled_steps(quick: bool) -> Iterable[Case]:
    """The same steps through `nn.compile`, beside what they are eagerly."""
    compiled = {"": {"compiled": True}, "exact=False": {"compiled": True, "exact": False}}
    torch = [*EVERY_WAY, *([] if quick else ways("compile"))]  # (half a minute to compile)
    for network, batch in list(STEPS.items())[: 1 if quick else None]:
        arguments = {"network": network, "batch": batch}
        eager = [replace(e, label="eager", contender="ours") for e in threaded("ours")]
        entrants = [*threaded("ours", **compiled), *eager, *threaded("by hand"), *torch, *JAX]
        yield Case(f"compiled {network}", "step", arguments, entrants, "µs/step", 1e3, 150)


def compiled_functions() -> Iterable[Case]:
    """Small functions through `autograd.compile`, value and gradient."""
    eager = Entrant("eager", contender="ours")
    for name in FUNCTIONS:
        compiled = Entrant("ours", arguments='{"compiled": true}')
        entrants = [compiled, eager, *plainly("by hand", "PyTorch")]
        yield Case(f"compiled {name}", "function", {"name": name}, entrants, "µs", 1e3, 100)


def layered_steps(quick: bool) -> Iterable[Case]:
    """Steps of convolutions, of recurrent layers and of attention. These are long, and their
    weights part soon, by rounding: the first losses are compared."""
    for name, network in list(NETWORKS.items())[: 1 if quick else None]:
        settings: dict[str, Any] = {way: {"way": way} for way in ("default", "fused")}
        if not network.words:
            settings["fused, channels last"] = {"way": "fused", "channels_last": True}
        arguments = {"network": name, "batch": network.batch, "compare": 5}
        entrants = [*threaded("ours"), *threaded("PyTorch", **settings), *threaded("JAX jit")]
        yield Case(f"step {name}", "step", arguments, entrants, "ms/step", 1e6, 30)


def single_layers(quick: bool) -> Iterable[Case]:
    for name, layer in LAYERS.items():
        settings: dict[str, Any] = {"default": {}}
        if layer.images and len(layer.shapes[0]) == 4:
            settings["channels last"] = {"channels_last": True}
        entrants = [*threaded("ours"), *threaded("PyTorch", **settings), *plainly("by hand")]
        if not quick or "16->32" in name:
            yield Case(f"layer {name}", "layer", {"name": name}, entrants, "µs", 1e3, 40)


def memory(quick: bool) -> Iterable[Case]:
    """Resident memory; where there is no /proc to ask, nothing."""
    entrants = plainly("ours", "by hand", "PyTorch", "JAX jit")
    if not os.path.exists("/proc/self/clear_refs"):
        return
    for network, batch in list(STEPS.items())[: 1 if quick else None]:
        arguments = {"network": network, "batch": batch}
        yield Case(f"memory {network}", "step", arguments, entrants, "MB", 1.0, 3, "memory")
    for name, layered in () if quick else NETWORKS.items():
        arguments = {"network": name, "batch": layered.batch, "steps": 30}
        peers = plainly("ours", "PyTorch")
        yield Case(f"memory {name}", "step", arguments, peers, "MB", 1.0, 1, "memory")


# What the cost does where a size doubles: {size: (values, its power, network, batch)}.
GROWTH: dict[str, tuple[list[int], int, Any]] = {
    "batch": ([16, 32, 64, 128, 256, 512, 1024], 1, lambda n: ("256-256-256-10", n)),
    "width": ([64, 128, 256, 512, 1024], 2, lambda n: (f"{n}-{n}-{n}-10", 64)),
    "depth": ([1, 2, 4, 8, 16, 32, 64], 1, lambda n: ("64" + "-64" * n + "-10", 32)),
}


def growth(quick: bool) -> Iterable[Case]:
    entrants = plainly("ours", "by hand", "PyTorch")
    for size, (values, _, network) in GROWTH.items():
        for n in values[: 2 if quick else None]:
            # Deep networks are chaotic: only the first losses are compared.
            arguments = dict(zip(("network", "batch", "compare"), (*network(n), 2)))
            yield Case(f"growth, {size} {n}", "step", arguments, entrants, "µs/step", 1e3, 30)


# ---- optimisers, activations, losses ------------------------------------------------------------

UNFUSED = ["RMSprop"]  # what PyTorch has no fused form of
OPTIMIZERS = ["SGD", "SGD momentum", "Adam", "AdamW", "RMSprop", "Adagrad"]


def optimizer_steps(quick: bool) -> Iterable[Case]:
    for algorithm in OPTIMIZERS:
        sizes = [10**n for n in range(3, 8)] if algorithm == "Adam" else [10**4, 10**6]
        table = [(arrays, 10**4) for arrays in (1, 100)] + [(10, size) for size in sizes]
        torch = ways("default", "foreach") if algorithm in UNFUSED else EVERY_WAY
        for arrays, elements in table[: 1 if quick else None]:
            arguments = {"algorithm": algorithm, "arrays": arrays, "elements": elements}
            entrants = [*plainly("ours", "by hand"), *torch]
            entrants += plainly("JAX jit") if algorithm == "Adam" else []
            size = f"10^{len(str(elements)) - 1}"
            name = f"{algorithm}, {arrays} array{'s' * (arrays > 1)}, {size} elements"
            yield Case(name, "optimizer", arguments, entrants, "µs/step", 1e3, 40)


SHAPES = [[32, 64], [128, 512]]
ACTIVATIONS = [
    "ReLU", "LeakyReLU", "Hardtanh", "ELU", "SELU", "Tanh", "Sigmoid", "LogSigmoid", "Softplus",
    "SiLU", "GELU", "Softmax", "LogSoftmax",
]  # fmt: skip
LOSSES = {
    "MSELoss": "numbers", "L1Loss": "numbers", "HuberLoss": "numbers", "SmoothL1Loss": "numbers",
    "BCEWithLogitsLoss": "zeros and ones", "CrossEntropyLoss": "labels",
}  # fmt: skip


def elements(quick: bool) -> Iterable[Case]:
    entrants = [*plainly("ours", "by hand"), *threaded("PyTorch"), Entrant("JAX jit")]
    for function in [*ACTIVATIONS, *LOSSES]:
        for shape in SHAPES[: 1 if quick else None]:
            arguments = {"function": function, "shape": shape, "target": LOSSES.get(function, "")}
            name = f"{function} {shape[0]}x{shape[1]}"
            yield Case(name, "element", arguments, entrants, "µs", 1e3, 40)


# ---- single operations --------------------------------------------------------------------------

MULTIPLY = "one multiplication"
KINDS = ["scalar", "size 1", "size 8", "size 1000"]


def small_operations() -> Iterable[Case]:
    yardstick = Entrant(MULTIPLY, contender="by hand", kind="multiply")
    for kind in KINDS:
        peers = plainly("ours", "by hand", "PyTorch", *["micrograd"] * (kind == "scalar"))
        yield Case(f"chain {kind}", "chain", {"kind": kind}, [*peers, yardstick])
    for kind in KINDS:
        yield Case(f"single {kind}", "single", {"kind": kind}, plainly("ours", "PyTorch"))
    for kind in ("scalar", "size 8"):
        peers = plainly("ours", "PyTorch", "HIPS")
        yield Case(f"second order {kind}", "second", {"kind": kind}, peers)
    for graph in ("* two leaves", "* 200 leaves", "mixed"):
        peers = plainly("ours", "PyTorch", "micrograd")
        yield Case(f"200 scalars {graph}", "scalars", {"graph": graph}, peers)


def long_chains(quick: bool) -> Iterable[Case]:
    for exponent in (3, 5) if quick else range(3, 7):
        given = {"operations": 10**exponent, "collect": False, "memory": False}
        collected = Entrant("ours, GC on", contender="ours", arguments='{"collect": true}')
        peers = [Entrant("ours"), collected, Entrant("PyTorch")]
        yield Case(f"long chain 10^{exponent}", "", given, peers, rounds=3, fresh="long_chain")
        yield Case(
            f"long memory 10^{exponent}", "", given | {"memory": True}, plainly("ours"), "bytes/op",
            rounds=1, fresh="long_chain",
        )  # fmt: skip


def imports() -> Iterable[Case]:
    """Milliseconds in fresh processes; what counts is the difference to NumPy alone."""
    statements = {"ours": "autograd, nn", "by hand": "numpy", "PyTorch": "torch"}
    entrants = [
        Entrant(label, arguments=json.dumps({"names": names}))
        for label, names in statements.items()
    ]
    yield Case("import", "", {}, entrants, "ms", 1e6, 21, "import")


def all_cases(quick: bool) -> list[Case]:
    """All of them; `quick` leaves out sizes, and the tries with two threads."""
    cases = [
        *training_steps(), *compiled_steps(quick), *compiled_functions(),
        *layered_steps(quick), *single_layers(quick),
        *memory(quick), *growth(quick), *optimizer_steps(quick), *elements(quick),
        *small_operations(), *long_chains(quick), *imports(),
    ]  # fmt: skip
    for case in cases if quick else ():
        case.entrants = [entrant for entrant in case.entrants if entrant.threads == 1]
    return cases
