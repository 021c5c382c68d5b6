"""List the demos, one line each; `--pictures` makes the pictures of demos/README.md anew.

python -m demos                      # the list
python -m demos --pictures           # run all that draw, with their usual settings
python -m demos --pictures moons     # only these
python -m demos --notebook           # run the tutorial's cells, and store what they show
"""

import argparse
import ast
import subprocess
import sys
from pathlib import Path

from demos import notebook

HERE = Path(__file__).resolve().parent
PICTURES = HERE / "pictures"


def demos():
    """The files of the demos by name; a new file that can be run is one more."""
    paths = sorted(HERE.glob("[a-z]*.py"))
    return {path.stem: path for path in paths if "\nif __name__ ==" in path.read_text("utf-8")}


def first_line(path):
    """The first line of a file's docstring; the file is read, not run."""
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n")[0]


def draws(path):
    """Whether a demo saves a picture, by matplotlib."""
    return "save_picture(" in path.read_text(encoding="utf-8")


def draws_graphs(path):
    """Whether a demo saves drawings of graphs, by the library itself."""
    text = path.read_text(encoding="utf-8")
    return "drawings.save_graph(" in text or "drawings.save_panels(" in text


def show_list(found):
    width = max(map(len, found))
    for name, path in found.items():
        print(f"{name:<{width}}  {first_line(path)}")
    print("\nRun one:     python demos/scalar.py       (--help names its options)")
    print("In seconds:  python demos/digits.py --quick")


def make_pictures(paths):
    """Run demos one after another; their pictures go to demos/pictures."""
    PICTURES.mkdir(exist_ok=True)
    for path in paths:
        print(f"--- {path.name}", flush=True)
        where = [PICTURES / f"{path.stem}.png"]
        if draws_graphs(path):
            where = [PICTURES, "--formats", "svg"]
        subprocess.run([sys.executable, path, "--save", *where], check=True)


def main():
    found = demos()
    drawing = [name for name, path in found.items() if draws(path) or draws_graphs(path)]
    parser = argparse.ArgumentParser(prog="python -m demos", description="List the demos.")
    note = "make the pictures of demos/README.md anew, or those of the demos named"
    parser.add_argument("--pictures", nargs="*", choices=drawing, metavar="NAME", help=note)
    note = "run the cells of tutorial.ipynb, and store what they show"
    parser.add_argument("--notebook", action="store_true", help=note)
    args = parser.parse_args()
    if args.notebook:
        notebook.remake()
    elif args.pictures is None:
        show_list(found)
    else:
        make_pictures([found[name] for name in args.pictures or drawing])


if __name__ == "__main__":
    main()
