"""Build the reference of all public names from their docstrings, as pages, with pdoc.

    python .ci/reference.py [FOLDER]              # build/reference, if none is given

Fails on a warning, and if a public name is not in it.
"""

import importlib
import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import pdoc  # noqa: E402
from pdoc import doc_types  # noqa: E402

MODULES = [
    "autograd", "nn", "nn.functional", "nn.init", "nn.metrics", "nn.optim", "nn.optim.lr_scheduler",
]  # fmt: skip


def prepare():
    """Load what waits until it is asked for, and take away what is no reference."""
    for module in map(importlib.import_module, MODULES):
        for name in module.__all__:
            getattr(module, name)
    ours = [m for name, m in sys.modules.items() if name.split(".")[0] in ("autograd", "nn")]
    names = {name: value for module in ours for name, value in vars(module).items()}
    for kind in {value for value in names.values() if isinstance(value, type)}:
        if kind.__module__.split(".")[0] in ("autograd", "nn"):
            for name in [name for name in vars(kind) if not hasattr(kind, name)]:
                delattr(kind, name)  # a name of another library, which only tells ours
    # Annotations that a decorator has carried elsewhere are read with the names of all files.
    evaluate = doc_types._eval_type
    doc_types._eval_type = lambda t, its, *rest: evaluate(t, {**names, **its}, *rest)


def build(folder):
    prepare()
    version = (ROOT / "pyproject.toml").read_text("utf-8").split('\nversion = "')[1].split('"')[0]
    pdoc.render.configure(docformat="markdown", footer_text=f"chalkgrad {version}")
    warnings.simplefilter("error")
    pdoc.pdoc("autograd", "nn", output_directory=folder)


def missing(folder):
    """Public names that have no place in the pages."""
    for module in MODULES:
        page = (folder / f"{module.replace('.', '/')}.html").read_text("utf-8")
        for name in importlib.import_module(module).__all__:
            if f'id="{name}"' not in page and f"{module}.{name}" not in MODULES:
                yield f"{module}.{name}"


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "reference")
    build(folder)
    if lost := list(missing(folder)):
        sys.exit(f"not in the reference: {', '.join(lost)}")
    print(f"every public name is in {folder / 'index.html'}")
