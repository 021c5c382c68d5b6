"""The rules of the house: who may import whom, what a file shows to the outside, what loads.

Read off the source by `ast`, so a rule holds for code that no test runs, too.
"""

from __future__ import annotations

import ast
import importlib
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import autograd
import nn
from autograd.command import console
from autograd.drawing.writers import files
from tests import ROOT
from tests.twins import OURS_ALONE, assert_cases, twin

# From the ground up: a file imports from floors below, or from its own, never in a circle. A folder
# is a room: all its files stand on one floor.
FLOORS: list[set[str]] = [
    {f"autograd.{part}" for part in ("errors", "frames", "habits", "mode", "traits")},
    {f"autograd.{part}" for part in ("gradients", "rules", "watching")},
    {"autograd.engine"},
    {"autograd.lists", "autograd.values"},
    {"autograd.recording"},
    {"autograd.arraylike", "autograd.primitives"},
    {"autograd.tensor"},
    {"autograd.ops"},
    {"autograd.gradcheck", "autograd.profiling", "autograd.transforms", "autograd.graph"},
    {"autograd.words"},
    {"autograd.compiling", "autograd.drawing", "autograd.explaining"},
    {"autograd"},
    {"autograd.command", "autograd.__main__"},
    # nn: tools and data, the base of Modules, and its rooms
    {"nn.checks", "nn.left_out"},
    {f"nn.{part}" for part in ("habits", "interrupts", "memory", "modes", "names", "orders")},
    {"nn.parts", "nn.random"},
    {"nn.rows"},
    {f"nn.{part}" for part in ("arguments", "clipping", "data", "metrics", "scaling", "summary")},
    {"nn.vectors"},
    {"nn.splitting"},
    {"nn.init", "nn.module"},
    {"nn.files", "nn.layers"},
    {"nn.losses"},
    {"nn.functional"},
    {"nn.optim"},
    {"nn.compiled", "nn.surroundings"},
    {"nn.training"},
    {"nn"},
]

# Extras that may be missing: imported where they are used, and nowhere else.
OPTIONAL = {"PIL", "graphviz", "matplotlib", "safetensors", "tqdm"}  # PIL comes with matplotlib

# Heavy standard modules that only some calls need, and where they may be imported inside functions.
LAZY = {
    "autograd.command.console": {"shutil", "textwrap"},
    "autograd.command.expression": {"difflib"},
    "autograd.drawing.layout.dot": {"json"},
    "autograd.drawing.writers.text": {"textwrap", "unicodedata"},
    "autograd.words.symbols": {"unicodedata"},
    "nn.files.idx": {"gzip"},
    "nn.files.npz": {"io", "zipfile"},
    "nn.files.store": {"hashlib", "json"},
    "nn.files.tensors": {"json"},
    "nn.habits": {"inspect"},
    "nn.names": {"difflib"},
}


# ---- reading the source -----------------------------------------------------------------------


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def sources(*folders: str) -> dict[str, ast.Module]:
    return {
        module_name(path): ast.parse(path.read_text(encoding="utf-8"), str(path))
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
    }


PACKAGES = sources("autograd", "nn")
DEMOS = sources("demos")
EVERYTHING = PACKAGES | DEMOS


def imported(nodes: ast.AST, modules: dict[str, ast.Module]) -> Iterator[tuple[str, str | None]]:
    """(module, name) of every import inside; `from nn import optim` is of the module nn.optim."""
    for node in ast.walk(nodes):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are written out, not relative"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield (inner, None) if inner in modules else (node.module or "", alias.name)


def functions(tree: ast.Module) -> Iterator[ast.AST]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    return (node for node in ast.walk(tree) if isinstance(node, kinds))


def needs(name: str, package: str) -> set[str]:
    """The modules of the package that a module imports."""
    return {
        m
        for m, _ in imported(PACKAGES[name], PACKAGES)
        if m == package or m.startswith(package + ".")
    }


def circle(graph: dict[str, set[str]]) -> list[str]:
    """What remains when modules that need nothing are taken away again and again."""
    left = {name: set(wanted) for name, wanted in graph.items()}
    while free := {name for name, wanted in left.items() if not wanted & set(left)}:
        left = {name: wanted for name, wanted in left.items() if name not in free}
    return sorted(left)


def public_names(package: str) -> set[str]:
    return set(importlib.import_module(package).__all__)


each_module = pytest.mark.parametrize("name", PACKAGES)
each_file = pytest.mark.parametrize("name", EVERYTHING)


# ---- floors -----------------------------------------------------------------------------------


LEVEL = {room: level for level, floor in enumerate(FLOORS) for room in floor}


def room(name: str) -> str:
    """The room of a file: itself or a folder around it, whichever the floors name."""
    place = name
    while place not in LEVEL:
        place, inner, _ = place.rpartition(".")
        assert inner, f"{name} has no floor: name it in FLOORS of {__name__}"
    return place


def test_every_file_has_its_floor_and_every_room_its_files() -> None:
    assert sum(map(len, FLOORS)) == len(LEVEL) and {room(name) for name in PACKAGES} == set(LEVEL)
    tops = {name for name in PACKAGES if name.count(".") < 2}
    assert {name for name in tops if room(name) in ("autograd", "nn")} == {"autograd", "nn"}


@pytest.mark.parametrize("name", PACKAGES)
def test_imports_run_only_downwards(name: str) -> None:
    above = [
        f"{m} (on the floor of {room(m)})"
        for m in needs(name, "autograd") | needs(name, "nn") if LEVEL[room(m)] > LEVEL[room(name)]
    ]  # fmt: skip
    told = f"{name} imports {', '.join(above)} from above; has each its floor in FLOORS?"
    assert not above, told


def test_rooms_stand_in_no_circle() -> None:
    rooms: dict[str, set[str]] = {name: set() for name in LEVEL}
    for name in PACKAGES:
        wanted = {room(m) for m in needs(name, "autograd") | needs(name, "nn")}
        rooms[room(name)] |= wanted - {room(name)}
    assert not circle(rooms), f"a circle, in {', '.join(circle(rooms))}: see FLOORS of {__name__}"


def test_the_ground_floor_imports_nothing_of_this_project() -> None:
    assert all(not needs(name, "autograd") for name in FLOORS[0])


@pytest.mark.parametrize("package", ["autograd", "nn"])
def test_there_are_no_circles(package: str) -> None:
    graph = {n: needs(n, package) for n in PACKAGES if n.split(".")[0] == package}
    assert not circle(graph)


def test_circles_are_seen() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": set(), "d": {"a"}}) == []
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["a", "b", "c"]


def only_public(tree: ast.Module, packages: tuple[str, ...]) -> list[str]:
    """What a file takes from the packages beyond their public names."""
    found = []
    for module, name in imported(tree, {}):
        package = module.split(".")[0]
        if package in packages and (
            name is not None and name not in public_names(module) or module != package and not name
        ):
            found.append(f"{module}.{name}")
    for node in ast.walk(tree):  # autograd.name
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            package = node.value.id
            if package in packages and node.attr not in public_names(package):
                found.append(f"{package}.{node.attr}")
    return found


@pytest.mark.parametrize("name", [n for n in PACKAGES if n.split(".")[0] == "nn"])
def test_nn_uses_only_public_names_of_autograd(name: str) -> None:
    assert not only_public(PACKAGES[name], ("autograd",))
    assert needs(name, "autograd") <= {"autograd"}


@pytest.mark.parametrize("name", DEMOS)
def test_demos_use_only_public_names(name: str) -> None:
    assert not only_public(DEMOS[name], ("autograd", "nn"))


def test_private_names_are_seen() -> None:
    tree = ast.parse(
        "import autograd\nfrom autograd import grad, _x\nautograd.engine, autograd.grad"
    )
    assert only_public(tree, ("autograd",)) == ["autograd._x", "autograd.engine"]


# ---- what is imported, and when ---------------------------------------------------------------


@each_file
def test_imports_stand_at_the_top(name: str) -> None:
    inside = {
        module.split(".")[0]
        for function in functions(EVERYTHING[name])
        for module, _ in imported(function, PACKAGES)
    }
    extra = inside - OPTIONAL - LAZY.get(name, set())
    told = f"{name} imports {', '.join(sorted(extra))} in a function: at the top, or see LAZY"
    assert not extra, told


@each_file
def test_only_numpy_and_the_standard_library_are_needed(name: str) -> None:
    hidden = {id(n) for f in functions(EVERYTHING[name]) for n in ast.walk(f)}
    top = ast.Module(
        [n for n in ast.walk(EVERYTHING[name])
         if isinstance(n, (ast.Import, ast.ImportFrom)) and id(n) not in hidden], []
    )  # fmt: skip
    roots = {module.split(".")[0] for module, _ in imported(top, PACKAGES)}
    own = {"autograd", "nn"} | ({"demos"} if name in DEMOS else set())
    assert roots <= sys.stdlib_module_names | own | {"numpy"}


LOADED = """
import sys, numpy
before = set(sys.modules)
import autograd, nn
print(*sorted(set(sys.modules) - before))
"""
HEAVY = {
    "argparse", "asyncio", "concurrent", "ctypes", "dataclasses", "difflib", "doctest", "email",
    "html", "http", "importlib.metadata", "importlib.resources", "inspect", "json", "logging",
    "matplotlib", "multiprocessing", "pdb", "pydoc", "ssl", "subprocess", "tempfile", "unittest",
    "urllib", "webbrowser", "xml", "zipfile",
}  # fmt: skip


def test_importing_loads_nothing_heavy() -> None:
    run = subprocess.run(
        [sys.executable, "-c", LOADED], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(run.stdout.split())
    assert {"autograd.engine", "nn.optim"} <= loaded
    rooms = {".".join(m.split(".")[:2]) for m in loaded}
    assert not rooms & {
        f"autograd.{room}" for room in ("command", "drawing", "explaining", "graph", "words")
    }
    allowed = sys.stdlib_module_names | {"autograd", "nn"}
    heavy = {m for m in loaded if m in HEAVY or m.split(".")[0] not in allowed}
    assert not heavy, f"importing autograd and nn loads {', '.join(sorted(heavy))} as well"


# ---- what a file shows ------------------------------------------------------------------------


@each_file
def test_opens_with_a_docstring(name: str) -> None:
    text = ast.get_docstring(EVERYTHING[name])
    assert text and text[0].isupper() and text.split("\n")[0].endswith((".", ":", ","))


@pytest.mark.parametrize("name", [n for n in PACKAGES if n != "autograd.ops"])
def test_public_names_are_listed_once_and_exist(name: str) -> None:
    module = importlib.import_module(name)
    listed = module.__all__
    assert len(listed) == len(set(listed))
    missing = [public for public in listed if not hasattr(module, public)]
    assert not missing, f"__all__ of {name} has {', '.join(missing)}, which it does not import"
    assert not any(public.startswith("_") for public in listed)


@pytest.mark.parametrize("package", [autograd, nn], ids=["autograd", "nn"])
def test_packages_show_their_public_names_and_nothing_else(package: object) -> None:
    shown = {n for n in dir(package) if not n.startswith("_")}  # also what is loaded when used
    name = package.__name__  # type: ignore[attr-defined]
    parts = {m[len(name) + 1 :] for m in PACKAGES if m.startswith(name + ".")}
    assert shown - parts <= public_names(name) <= shown


@pytest.mark.parametrize("package", ["autograd", "nn"])
def test_public_names_come_from_the_file_that_lists_them(package: str) -> None:
    files = {
        n: getattr(importlib.import_module(n), "__all__", [])
        for n in PACKAGES if n.startswith(package + ".")
    }  # fmt: skip
    for public in public_names(package):
        if f"{package}.{public}" not in PACKAGES:  # a module, nn.optim
            assert [n for n, listed in files.items() if public in listed], public


@pytest.mark.parametrize("package", ["autograd", "nn"])
def test_public_names_have_docstrings(package: str) -> None:
    module = importlib.import_module(package)
    assert [n for n in module.__all__ if not getattr(module, n).__doc__] == []


@pytest.mark.parametrize("package", ["autograd", "nn"])
def test_packages_are_marked_as_typed(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()


HOMES: dict[type, Any] = {  # where users look for a class
    nn.Module: nn, nn.Callback: nn, nn.optim.Optimizer: nn.optim,
    nn.optim.lr_scheduler.LRScheduler: nn.optim.lr_scheduler,
}  # fmt: skip


def test_what_nn_defines_is_named_where_users_look() -> None:
    """Each in its file and its family; layers, activations, losses and callbacks in nn itself,
    optimisers in nn.optim; and the functions of activations and losses in nn.functional."""
    found = set()
    for module in [importlib.import_module(n) for n in PACKAGES if n.split(".")[0] == "nn"]:
        family = importlib.import_module(module.__package__ or "nn")
        for name, value in vars(module).items():
            if not isinstance(value, type) or value.__module__ != module.__name__:
                continue
            if name.startswith("_") or not issubclass(value, tuple(HOMES)):
                continue
            found.add(name)
            home = next(home for kind, home in HOMES.items() if issubclass(value, kind))
            schedules = home is nn.optim.lr_scheduler  # a file, whose family names it
            for place in (module, home) if schedules else (module, family, home):
                assert name in place.__all__, f"{name} is missing in __all__ of {place.__name__}"
            function = getattr(value, "_function", None)
            if function and function.__module__ == module.__name__ != "nn.layers.mlp":
                assert function.__name__ in nn.functional.__all__, (
                    f"{function.__name__} is missing in __all__ of nn.functional"
                )
    assert {"Linear", "ReLU", "MSELoss", "Sequential", "Adam", "StepLR", "EarlyStopping"} <= found


def test_metrics_are_named_in_their_file() -> None:
    kind = type(words)
    missing = {
        name for name, value in vars(nn.metrics).items()
        if isinstance(value, kind) and value.__module__ == "nn.metrics" and name[0] != "_"
    } - set(nn.metrics.__all__)  # fmt: skip
    assert not missing, f"{', '.join(sorted(missing))}: missing in __all__ of nn.metrics"


def test_public_operations_are_named_where_users_look() -> None:
    for name in [n for n in PACKAGES if n.startswith("autograd.ops.")]:
        missing = set(importlib.import_module(name).__all__) - set(autograd.__all__)
        assert not missing, f"{', '.join(missing)} of {name} is missing in autograd/__init__.py"


# ---- what is written out for speed --------------------------------------------------------------

RESULT = {
    "_value", "_requires_grad", "_inputs", "_args", "_kwargs", "_op", "_birth", "_scope", "_hooks",
}  # fmt: skip
WRITTEN_OUT = {  # besides `result` itself; whoever adds a slot finds here where it is set
    "autograd.engine": ["result"],
    "autograd.recording": ["apply"],
    "autograd.primitives": ["of_one", "of_three"],
    "autograd.tensor": ["forward"],
}


def slots_set(function: ast.AST) -> set[str]:
    """The slots of a `node` that a function sets, but not those that it sets inside of others."""
    inner = {node for f in ast.iter_child_nodes(function) for node in ast.walk(f)
             if isinstance(f, ast.FunctionDef)}  # fmt: skip
    return {
        target.attr
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and node not in inner
        for whole in node.targets
        for target in (whole.elts if isinstance(whole, ast.Tuple) else [whole])
        if isinstance(target, ast.Attribute) and ast.unparse(target.value) == "node"
    }


def test_every_copy_of_result_sets_every_slot() -> None:
    found: dict[str, list[str]] = {}
    for module in WRITTEN_OUT:
        for node in ast.walk(PACKAGES[module]):
            if isinstance(node, ast.FunctionDef) and (slots := slots_set(node)) >= {
                "_op",
                "_value",
            }:
                assert slots == RESULT, node.name
                found.setdefault(module, []).append(node.name)
    assert {module: sorted(names) for module, names in found.items()} == WRITTEN_OUT


# ---- what is asked of a newcomer ----------------------------------------------------------------


def test_what_pytorch_has_not_is_ours_and_has_no_twin() -> None:
    for name in OURS_ALONE:
        assert hasattr(nn, name) or hasattr(nn.optim, name) or hasattr(nn.optim.lr_scheduler, name)
        with pytest.raises(pytest.skip.Exception):
            twin(nn, name)
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    homes = (torch.nn, torch.optim, torch.optim.lr_scheduler)
    assert not [name for name in OURS_ALONE for home in homes if hasattr(home, name)]
    with pytest.raises(AssertionError, match="has no Lion: name it in OURS_ALONE, in tests/twins"):
        twin(torch.optim, "Lion")


def test_what_has_no_case_is_told_with_its_table() -> None:
    assert_cases(["SGD"], ["SGD"], "EXACT")
    with pytest.raises(AssertionError, match="no case of Lion: add one to EXACT"):
        assert_cases(["SGD", "Lion"], ["SGD"], "EXACT")
    with pytest.raises(AssertionError, match="EXACT has cases of Lion, which __all__ does not"):
        assert_cases(["SGD"], ["SGD", "Lion"], "EXACT")


def test_a_commit_is_checked_by_the_versions_that_ci_has() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    pinned = set(re.findall(r'"((?:mypy|ruff)==[^"]+)"', project))
    assert len(pinned) == 2 and set(re.findall(r'"([\w-]+==[^"]+)"', hooks)) == pinned


HELPERS = {"by_name", "rises", "summed"}
TESTED = {
    "nn.metrics": "tests/nn/test_metrics.py",
    "nn.training.callbacks": "tests/nn/training/test_callbacks.py",
}


def words(pattern: str) -> set[str]:
    found = [path.read_text(encoding="utf-8") for path in ROOT.glob(pattern)]
    return set(re.findall(r"[\w.]+", " ".join(found).replace("nn.", "").replace("metrics.", "")))


@pytest.mark.parametrize("name", TESTED)
def test_metrics_and_callbacks_have_a_case(name: str) -> None:
    missing = set(importlib.import_module(name).__all__) - HELPERS - words(TESTED[name])
    assert not missing, f"no case of {', '.join(sorted(missing))}: add one to {TESTED[name]}"


def test_writers_have_a_case() -> None:
    files = {n for n in PACKAGES if n.startswith("autograd.drawing.writers.")}
    by_others = {f"autograd.drawing.writers.{part}" for part in ("marks", "notebook")}
    missing = files - by_others - words("tests/drawing/test_*.py")
    assert not missing, (
        f"no case of {', '.join(sorted(missing))}: no tests/drawing/test_*.py imports it"
    )


def test_the_page_of_nn_names_what_it_has() -> None:
    page = (ROOT / "nn" / "README.md").read_text(encoding="utf-8")
    names = {*nn.__all__, *nn.optim.__all__, *nn.metrics.__all__} - HELPERS
    missing = sorted(n for n in names if not re.search(rf"\b{n}\b", page))
    assert not missing, f"the table of nn/README.md does not name {', '.join(missing)}"


def test_every_way_to_write_a_graph_is_told() -> None:
    ways = {name for name in dir(autograd.Graph) if name.startswith("to_")}
    source = (ROOT / "autograd/drawing/writers/files.py").read_text("utf-8")
    missing = sorted(way for way in ways if f": lambda graph: graph.{way}()" not in source)
    assert not missing, (
        f"{', '.join(missing)}: no suffix in _WRITERS of autograd.drawing.writers.files"
    )
    pages = {
        "autograd/README.md": (ROOT / "autograd/README.md").read_text("utf-8"),
        "Graph.save's docstring": autograd.Graph.save.__doc__ or "",
        "the docstring of save, in writers/files.py": files.save.__doc__ or "",
        "HELP of autograd/command/console.py": console.HELP,
    }
    for page, text in pages.items():
        untold = [suffix for suffix in files._WRITERS if suffix not in text]
        assert not untold, f"{page} does not name {', '.join(untold)}"


@pytest.mark.parametrize("name", PACKAGES)
def test_type_checkers_see_the_names_there_are(name: str) -> None:
    """A module's __getattr__ is hidden from them, under the only name that they know."""
    for node in PACKAGES[name].body:
        assert not (isinstance(node, ast.FunctionDef) and node.name == "__getattr__")
        if isinstance(node, ast.If) and "__getattr__" in ast.unparse(node):
            assert ast.unparse(node.test).removeprefix("not ").removeprefix("_typing.") == (
                "TYPE_CHECKING"
            )


ZIPPED = """
import nn, numpy as np
from autograd import Tensor, draw, explain
x = Tensor(2.0, requires_grad=True)
assert ".zip" in nn.__file__ and "= 4" in str(explain(x * x, x))
assert len(draw(x * x).to_html()) > 10_000
assert nn.Trainer and nn.save and nn.optim.explain_step
"""


def test_a_zip_file_of_the_packages_serves_as_well(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "packages.zip", "w") as archive:
        for package in ("autograd", "nn"):
            for path in (ROOT / package).rglob("*.*"):
                archive.write(path, path.relative_to(ROOT))
    path = {**os.environ, "PYTHONPATH": str(tmp_path / "packages.zip")}
    run = subprocess.run([sys.executable, "-c", ZIPPED], cwd=tmp_path, env=path)
    assert run.returncode == 0
