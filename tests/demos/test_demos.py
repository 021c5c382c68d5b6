"""The demos: each runs as a script, with warnings as errors, and shows what its docstring promises.

They run in processes of their own, as a user starts them, from the folder of the project. Here is
what holds for all of them, and their list; the others hold what each one shows.
"""

import argparse
import functools
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import demos.__main__ as listing
from demos import tools
from tests import ROOT

FILES = {path.stem: path.read_text("utf-8") for path in (ROOT / "demos").glob("[a-z]*.py")}
DEMOS = sorted(name for name, text in FILES.items() if "\nif __name__ ==" in text)
DRAWING = [name for name in DEMOS if "save_picture(" in FILES[name]]
SKETCHING = [name for name in DEMOS if "drawings.save_" in FILES[name]]  # graphs
AT_ONCE = {"feedforward", "scalar", *SKETCHING}  # so short that --quick would change nothing
LONGER = {"gpt": 221}  # where a lesson of one sitting cannot have less

each_demo = pytest.mark.parametrize("name", DEMOS)


def run(*arguments, status=0):
    """What a Python process prints; it must end with this status and warn of nothing. (The time is
    to find one that hangs: compare takes half a minute, on a machine with much else to do four.)"""
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=900,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    assert (done.returncode, done.stderr if status == 0 else "") == (status, ""), done.stderr
    return done.stdout if status == 0 else done.stdout + done.stderr


def percentages(text):
    return [float(number) for number in re.findall(r"([\d.]+)%", text)]


@functools.cache
def plain(name, *options):
    """What a demo prints where matplotlib is missing; run once for all tests that ask."""
    hide = "import runpy, sys; sys.modules['matplotlib'] = None"
    code = f"{hide}; runpy.run_path('demos/{name}.py', run_name='__main__')"
    return run("-c", code, *options)


# ---- what holds for all -----------------------------------------------------------------------


@each_demo
def test_help_names_the_options(name):
    text = run(f"demos/{name}.py", "--help")
    options = ["--seed"] + ["--quick"] * (name not in AT_ONCE)
    options += ["--save"] * (name in DRAWING + SKETCHING)
    assert [option for option in options if option not in text] == []


@each_demo
def test_runs_as_a_module_too(name):
    assert run("-m", f"demos.{name}", "--help").startswith("usage:")


@each_demo
def test_is_a_lesson_of_under_150_lines(name):
    lines = FILES[name].splitlines()
    assert len(lines) < LONGER.get(name, 150) and lines[0].startswith('"""') and len(lines[0]) > 30
    assert f"    python demos/{name}.py" in FILES[name]


@each_demo
def test_refuses_a_seed_below_0(name):
    assert "--seed" in run(f"demos/{name}.py", "--seed", "-1", status=2)


@pytest.mark.parametrize("name", sorted(AT_ONCE))
def test_the_usual_numbers_are_those_of_seed_0(name, tmp_path):
    save = ["--save", tmp_path, "--formats", "svg"] * (name in SKETCHING)
    usual = run(f"demos/{name}.py", *save)
    assert usual == run(f"demos/{name}.py", "--seed", "0", *save)
    assert usual != run(f"demos/{name}.py", "--seed", "1", *save)


@each_demo
def test_is_in_the_readme_with_its_picture(name):
    text = (ROOT / "demos/README.md").read_text(encoding="utf-8")
    section = text.split(f"\n## {name}.py: ")[1].split("\n## ")[0]
    assert f"python demos/{name}.py" in section and "Expected: " in section
    assert (f"(pictures/{name}.png)" in section) == (name in DRAWING)


@pytest.mark.parametrize("name", DRAWING)
def test_the_picture_of_the_readme_is_a_small_png(name):
    picture = (ROOT / f"demos/pictures/{name}.png").read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n" and picture[12:16] == b"IHDR"
    assert 300 <= int.from_bytes(picture[16:20], "big") <= 1200
    assert len(picture) < 60_000


def test_every_data_set_is_attributed():
    text = (ROOT / "demos/data/README.md").read_text(encoding="utf-8")
    files = [path.name for path in (ROOT / "demos/data").glob("*.npz")]
    assert len(files) >= 4 and [name for name in files if f"| {name} |" not in text] == []


# ---- python -m demos --------------------------------------------------------------------------


def test_the_list_has_a_line_for_each_demo():
    lines = run("-m", "demos").splitlines()[: len(DEMOS)]
    assert [line.split()[0] for line in lines] == DEMOS
    for name, line in zip(DEMOS, lines):
        assert f'"""{line.split(maxsplit=1)[1]}\n' in FILES[name]


GRAPH = '''"""A demo that draws graphs."""
import sys
from pathlib import Path

if __name__ == "__main__" and sys.argv[1:] == ["--save", sys.argv[2], "--formats", "svg"]:
    Path(sys.argv[2], "one.svg").write_text("drawings.save_graph(graph, args, name)")
'''
SKETCH = '''"""A demo that draws."""
import sys
from pathlib import Path

if __name__ == "__main__" and sys.argv[1] == "--save":
    Path(sys.argv[2]).write_text("save_picture(a line)")
'''
TALK = '''"""A demo that talks, and does not work."""
if __name__ == 1 / 0:
    pass
'''


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A folder with three demos, of which two draw, and a file that is none."""
    demos = {"graph": GRAPH, "sketch": SKETCH, "talk": TALK, "other": '"Shared."\n'}
    for name, text in demos.items():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(listing, "HERE", tmp_path)
    monkeypatch.setattr(listing, "PICTURES", tmp_path / "pictures")
    return tmp_path


def test_a_new_demo_is_in_the_list_by_itself(house, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["demos"])
    listing.main()
    assert capsys.readouterr().out.startswith(
        "graph   A demo that draws graphs.\nsketch  A demo that draws.\n"
        "talk    A demo that talks, and does not work.\n\n"
    )


@pytest.mark.parametrize(
    "names, made", [([], ["one.svg", "sketch.png"]), (["sketch"], ["sketch.png"])]
)
def test_pictures_are_made_by_the_demos_that_draw(house, monkeypatch, names, made):
    monkeypatch.setattr(sys, "argv", ["demos", "--pictures", *names])
    listing.main()
    assert sorted(path.name for path in (house / "pictures").iterdir()) == made


def test_pictures_of_what_does_not_draw_are_refused(house, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["demos", "--pictures", "talk"])
    with pytest.raises(SystemExit):
        listing.main()
    assert "'talk'" in capsys.readouterr().err


# ---- tools ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind, text, value",
    [
        ("natural", "0", 0),
        ("natural", "-1", None),
        ("natural", "1.5", None),
        ("count", "7", 7),
        ("count", "0", None),
        ("count", "many", None),
        ("positive", "0.5", 0.5),
        ("positive", "0", None),
        ("positive", "-1", None),
        ("positive", "inf", None),
        ("positive", "nan", None),
        ("positive", "x", None),
        ("not_negative", "0", 0.0),
        ("not_negative", "-0.1", None),
        ("not_negative", "nan", None),
        ("target", "a.png", Path("a.png")),
        ("target", "demos/a.SVG", Path("demos/a.SVG")),
        ("target", "a.jpeg", None),
        ("target", "no such folder/a.png", None),
        ("checkpoint", "a.npz", Path("a.npz")),
        ("checkpoint", "demos/a.safetensors", Path("demos/a.safetensors")),
        ("checkpoint", "a.pt", None),
        ("checkpoint", "no such folder/a.npz", None),
        ("share", "0", 0.0),
        ("share", "1", None),
        ("share", "-0.1", None),
        ("share", "nan", None),
    ],
)
def test_options_take_what_makes_sense(kind, text, value, monkeypatch):
    monkeypatch.chdir(ROOT)
    if value is not None:
        assert getattr(tools, kind)(text) == value
        return
    with pytest.raises(argparse.ArgumentTypeError, match="must |no folder"):
        getattr(tools, kind)(text)


@pytest.mark.parametrize(
    "name, shapes",
    [
        ("digits", {"images": (1797, 8, 8), "labels": (1797,)}),
        ("mnist_5k", {"images": (5000, 28, 28), "labels": (5000,)}),
        ("breast_cancer", {"features": (569, 30), "labels": (569,), "feature_names": (30,)}),
        ("diabetes", {"features": (442, 10), "targets": (442,), "feature_names": (10,)}),
        ("spoken_digits", {"logmel": (2730, 40, 24), "digit": (2730,), "voice": (2730,)}),
        ("vowels", {"frames": (4274, 12), "lengths": (270,), "test_speaker": (370,)}),
        ("shakespeare", {"text": (1274068,)}),
    ],
)
def test_data_sets_have_their_shapes(name, shapes):
    data = tools.load(name)
    assert {key: data[key].shape for key in shapes} == shapes
    assert all(np.isfinite(array).all() for array in data.values() if array.dtype.kind in "fu")


@pytest.mark.parametrize(
    "ending, start", [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")]
)
def test_pictures_are_saved_in_three_formats(tmp_path, ending, start, capsys):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    path = tmp_path / f"line.{ending}"
    figure = tools.new_figure(2, 1)
    figure.subplots().plot([1, 2])
    tools.save_picture(figure, path)
    assert capsys.readouterr().out == f"saved {path}\n"
    assert path.read_bytes().startswith(start)
