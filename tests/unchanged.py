"""What people see, in this checkout and in another: for a change that moves code and nothing else.

    python -m tests.unchanged PATH          every case of tests/cases.py and every demo (minutes)
    python -m tests.unchanged PATH --cases  the cases alone

Compared byte for byte: public names and signatures; values and gradients of every case, its
drawings (text, Mermaid, DOT, SVG, page) and explanations; what the command and the demos print and
save; saved states and checkpoints. Prints what differs, and ends with 1 if anything does.
"""

from __future__ import annotations

import argparse
import hashlib
import inspect
import json
import os
import pickle
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

COMMANDS = [
    "x*x+sin(x) x=2",
    "(2x²+|sin3x|)/y x=0.5 y=2 --no-explain",
    "relu(x@w) x=[1,2] w=[[1],[3]]",
    "log(x)+1/2x x=3",
    "mean(sigmoid(x)) x=[0,1,2]",
    "unknown(x) x=1",
]
TIMES = re.compile(
    r"\d+(\.\d+)? ?(s|ms|µs|min|seconds|minutes)\b|\d+\.\d+×"
)  # never twice the same


def main(arguments: list[str] | None = None) -> int:
    """Compare, print what differs."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("path", help="the other checkout")
    parser.add_argument("--cases", action="store_true", help="without the demos")
    options = parser.parse_args(arguments)
    here, there = Path(__file__).parent.parent, Path(options.path).resolve()
    with tempfile.TemporaryDirectory() as shared:
        points = str(Path(shared, "points.pickle"))  # of the cases here, for both
        found, before = (seen(folder, points, not options.cases) for folder in (here, there))
    different = [key for key in sorted({*found, *before}) if found.get(key) != before.get(key)]
    for key in different:
        kind = "only here" if key not in before else "only there" if key not in found else "differs"
        print(f"{kind:<10} {key}")
    print(f"{len(found)} things compared, {len(different)} of them differ")
    return 1 if different else 0


def seen(folder: Path, points: str, demos: bool) -> dict[str, str]:
    """What a checkout shows, in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "MPLBACKEND": "Agg", "NO_COLOR": "1"}
    command = [sys.executable, str(Path(__file__).resolve()), "--worker", str(folder), points]
    run = subprocess.run(
        command + ["--demos"] * demos,
        env=environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(run.stdout)  # type: ignore[no-any-return]


def digest(value: Any) -> str:
    data = value if isinstance(value, bytes) else str(value).encode()
    return hashlib.sha256(data).hexdigest()[:16]


def tried(function: Callable[[], Any]) -> str:
    """A digest of what a function gives, or of the error that it raises."""
    try:
        return digest(function())
    except Exception as error:
        return digest(f"{type(error).__name__}: {error}")


def everything(folder: Path, points: str, demos: bool) -> Iterator[tuple[str, str]]:
    """(what, digest) of all that is compared."""
    yield from names()
    yield from cases(points)
    yield from files()
    for text in COMMANDS:
        command = [sys.executable, "-m", "autograd", *text.split(" ")]
        run = subprocess.run(command, capture_output=True, cwd=folder)
        yield f"command {text}", digest(run.stdout + run.stderr)
    if demos:
        for demo in sorted((folder / "demos").glob("[a-z]*.py")):
            if "if __name__ ==" in demo.read_text("utf-8"):
                yield from shown_by(demo)


def names() -> Iterator[tuple[str, str]]:
    import autograd
    import nn

    modules = [autograd, nn, nn.functional, nn.optim, nn.optim.lr_scheduler, nn.init, nn.metrics]
    for module in modules:
        for name in module.__all__:
            value = getattr(module, name)
            try:
                shown = str(inspect.signature(value))
            except (TypeError, ValueError):
                shown = ""
            shown = re.sub(r" at 0x\w+", "", shown)
            yield f"name {module.__name__}.{name}", digest(f"{shown}\n{inspect.getdoc(value)}")
    for name in dir(autograd.Tensor):
        value = getattr(autograd.Tensor, name, None)
        if not name.startswith("_"):
            yield f"name Tensor.{name}", digest(inspect.getdoc(value))


def labelled() -> dict[str, Any]:
    """The cases by label; of several with the same one by the number among them, too."""
    from tests.cases import CASES

    found: dict[str, Any] = {}
    for case in CASES:
        number = sum(label.startswith(f"{case.label} #") for label in found)
        found[f"{case.label} #{number}"] = case
    return found


def cases(points: str) -> Iterator[tuple[str, str]]:
    """Where the first checkout left points, the other's cases are computed there."""
    import autograd

    known = labelled()
    if not os.path.exists(points):
        with open(points, "wb") as file:
            pickle.dump({label: list(case.arrays) for label, case in known.items()}, file)
    with open(points, "rb") as file:
        arrays = pickle.load(file)
    for label, case in known.items():
        if label not in arrays or len(arrays[label]) != len(case.arrays):
            continue
        inputs = [autograd.Tensor(a, requires_grad=True) for a in arrays[label]]
        label = f"case {label}"
        try:
            result = case(inputs)
            parts = result if isinstance(result, (tuple, list)) else [result]
            output = next(part for part in parts if isinstance(part, autograd.Tensor))
        except Exception as error:
            yield label, digest(f"{type(error).__name__}: {error}")
            continue
        yield f"{label}: values", digest([repr(p) for p in parts])

        def gradients(output: Any = output, inputs: Any = inputs) -> Any:  # bound here
            found = autograd.grad(output.sum(), inputs, allow_unused=True)
            return [None if g is None else (str(g.dtype), g.tolist()) for g in found]

        yield f"{label}: gradients", tried(gradients)
        scalar = output if not output.ndim else output.sum()
        if not scalar.requires_grad:
            continue
        try:
            graph = autograd.draw(scalar, names={f"x{i}": x for i, x in enumerate(inputs)})
        except Exception as error:
            yield f"{label}: drawing", digest(f"{type(error).__name__}: {error}")
            continue
        for kind in ("to_text", "to_mermaid", "to_dot", "to_svg", "to_html"):
            if hasattr(graph, kind):
                yield f"{label}: {kind}", tried(getattr(graph, kind))
        yield f"{label}: print", tried(lambda graph=graph: str(graph))
        for x in inputs:
            yield f"{label}: explain", tried(lambda y=scalar, x=x: str(autograd.explain(y, x)))


def files() -> Iterator[tuple[str, str]]:
    import nn

    nn.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.MLP([4, 3, 2]))
    optimizer = nn.optim.Adam(model.parameters())
    nn.MSELoss()(model([[1.0, 2.0, 3.0], [0.0, 1.0, 0.0]]), [[0.0, 1.0], [1.0, 1.0]]).backward()
    optimizer.step()
    with tempfile.TemporaryDirectory() as folder:
        for name in ("state.npz", "state.safetensors"):
            nn.save(os.path.join(folder, name), model.state_dict())
        nn.save_checkpoint(os.path.join(folder, "run.npz"), model=model, optimizer=optimizer)
        for path in sorted(Path(folder).iterdir()):
            yield f"file {path.name}", digest(path.read_bytes())
        again = nn.load(os.path.join(folder, "state.npz"))
        yield "file read", digest({name: array.tolist() for name, array in again.items()})
    yield "summary", tried(lambda: model.summary((2, 3)))


def shown_by(demo: Path) -> Iterator[tuple[str, str]]:
    """What a demo prints and writes, in its quick mode if it has one, but for times."""
    command = [sys.executable, str(demo)]
    text = subprocess.run([*command, "--help"], capture_output=True, text=True).stdout
    with tempfile.TemporaryDirectory() as folder:
        quick = ["--quick"] if "--quick" in text else []
        run = subprocess.run([*command, *quick], cwd=folder, capture_output=True, text=True)
        yield f"demo {demo.name}: prints", digest(TIMES.sub("", run.stdout) + str(run.returncode))
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file():
                yield f"demo {demo.name}: {path.name}", digest(path.read_bytes())


if __name__ == "__main__":
    if "--worker" in sys.argv:
        sys.path.insert(0, sys.argv[2])
        print(json.dumps(dict(everything(Path(sys.argv[2]), sys.argv[3], "--demos" in sys.argv))))
    else:
        raise SystemExit(main())
