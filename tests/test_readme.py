"""The pages' examples do what they say; README's first two code blocks are the two commands."""

import ast
import contextlib
import doctest
import importlib.util
import io
import os
import pathlib
import re
import shlex
import shutil

import pytest

import nn
from autograd.command import console as command
from autograd.rules import operations
from tests import ROOT

PAGES = {
    str(path.relative_to(ROOT).as_posix()): path.read_text(encoding="utf-8")
    for folder in (".", ".github", "autograd", "demos", "demos/data", "nn", "tests/benchmarks")
    for path in sorted((ROOT / folder).glob("*.md"))
}
BLOCKS = {page: re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL) for page, text in PAGES.items()}
TRAINING = next(code for _, code in BLOCKS["README.md"] if "nn.train_test_split" in code)
WITH_CODE = [page for page, blocks in BLOCKS.items() if "python" in dict(blocks)]
TABLE = " ".join((ROOT / "autograd/ops/elementwise.py").read_text("utf-8").split())

each_page = pytest.mark.parametrize("page", PAGES)


@pytest.fixture
def registry():
    """Some examples give rules to operations."""
    known = dict(operations)
    yield
    operations.clear()
    operations.update(known)


def run_session(code, names):
    session = doctest.DocTestParser().get_doctest(code, names, "session", None, 0)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    outcome = runner.run(session, clear_globs=False)
    assert outcome.failed == 0 < outcome.attempted
    names.update(session.globs)


def run_script(code, names):
    """The lines that it prints, without those on how training goes."""
    if importlib.util.find_spec("matplotlib") is None:
        code = code.replace('history.plot("curves.png")', "")
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(code, "a page", "exec"), names)
    progress = ("epoch", "stopped early", "the model has the weights")
    return [s for s in output.getvalue().splitlines() if not s.startswith(progress)]


@pytest.mark.parametrize("page", WITH_CODE)
def test_every_example_does_what_it_shows(page, tmp_path, monkeypatch, registry):
    """One after another in one folder, as a reader would."""
    shutil.copytree(ROOT / "demos" / "data", tmp_path / "demos" / "data")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    names: dict = {}
    blocks = [*BLOCKS[page], ("", "")]
    for (language, code), (below, shown) in zip(blocks, blocks[1:]):
        if language != "python":
            continue
        if "scipy" in code and importlib.util.find_spec("scipy") is None:
            continue
        if code.startswith("defvjp("):
            assert [rule for rule in code.splitlines() if rule[7:-1] not in TABLE] == []
            continue
        if ">>>" in code:
            run_session(code, names)
            continue
        printed = run_script(code, names)
        if below == "text":
            assert "\n".join(printed).strip() == shown.strip()
            continue
        for about in map(ast.literal_eval, re.findall(r"# about (.*)", code)):
            assert ast.literal_eval(printed.pop(0)) == pytest.approx(about, abs=0.02)
        assert printed == re.findall(r"# prints (.*)", code)
    if page == "README.md":
        assert sorted(nn.load("digits.npz")) == ["0.bias", "0.weight", "3.bias", "3.weight"]
        assert (tmp_path / "graph.html").exists()
    if page == "nn/README.md":
        assert nn.load_checkpoint("run.npz")["trainer"]["epoch"] == names["trainer"].epoch


def test_every_page_with_code_is_run():
    assert {"README.md", "autograd/README.md", "nn/README.md"} < set(WITH_CODE)


def test_a_dozen_lines_train_judge_plot_and_save():
    lines = [s for s in TRAINING.splitlines() if s and not s.startswith("import")]
    words = ["np.load", "nn.MLP", ".fit(", "validation_split", "EarlyStopping", "evaluate", "plot"]
    assert len(lines) <= 12
    assert [word for word in [*words, "nn.save"] if word not in TRAINING] == []


@each_page
def test_what_stands_below_a_command_is_what_it_prints(page, capsys):
    for (language, code), (below, shown) in zip(BLOCKS[page], BLOCKS[page][1:]):
        if (language, below) == ("sh", "text"):
            words = shlex.split(code)
            assert words[:3] == [".venv/bin/python", "-m", "autograd"]
            assert command.main(words[3:]) == 0
            assert capsys.readouterr().out.strip() == shown.strip()


def test_the_first_example_has_fifteen_lines():
    first = next(code for language, code in BLOCKS["README.md"] if language == "python")
    assert len(first.strip().splitlines()) <= 15


@pytest.mark.parametrize("position, ends_with", [(0, "demos/digits.py"), (1, "-m pytest")])
def test_the_first_two_blocks_are_one_command_each(position, ends_with):
    language, code = BLOCKS["README.md"][position]
    (line,) = code.strip().splitlines()
    assert language == "sh"
    assert line.startswith("python3 -m venv .venv && ")
    assert line.endswith(ends_with)


# ---- what the pages name ------------------------------------------------------------------------


def anchors(page):
    """The headings of a page as GitHub links to them."""
    headings = re.findall(r"^#+ (.*)", re.sub(r"```.*?```", "", PAGES[page], flags=re.S), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page
def test_every_link_leads_somewhere(page):
    here = (ROOT / page).parent
    for link in re.findall(r"\]\(([^)\s]+)\)", PAGES[page]):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = pathlib.Path(os.path.normpath(here / path)) if path else ROOT / page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.relative_to(ROOT).as_posix()), link


@each_page
def test_the_files_that_a_page_names_are_there(page):
    named = re.findall(r"`(\w[\w./]*(?:/|\.py))`", PAGES[page])
    places = ROOT, (ROOT / page).parent
    assert [n for n in named if not any((place / n).exists() for place in places)] == []


def test_readme_is_short():
    assert len(PAGES["README.md"].encode()) < 11_000


def figures(page):
    """The rows of the page's table of figures by name; the first is what its columns are."""
    lines = [line for line in PAGES[page].splitlines() if line.startswith("| ")]
    first = next(k for k, line in enumerate(lines) if line.startswith("| | ours |"))
    split = ([cell.strip() for cell in line.split("|")[1:-1]] for line in lines[first:])
    return {name: cells for name, *cells in split if name != "---"}


def test_the_figures_of_readme_are_medians_of_the_page_on_speed():
    few, all_of_them = figures("README.md"), figures("tests/benchmarks/README.md")
    assert len(few) == 1 + 6
    for name, cells in few.items():
        medians = [re.sub(r" \(.*\)", "", cell) for cell in all_of_them[name]]
        assert cells == medians[: len(cells)], name


def test_the_changelog_has_this_version():
    version = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text("utf-8"), re.M)
    assert version and f"\n## {version[1]}\n" in PAGES[".github/CHANGELOG.md"]
