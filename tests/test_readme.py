"""The README's examples do what they say, and its first two code blocks are the two commands."""

import ast
import contextlib
import doctest
import importlib.util
import io
import pathlib
import re
import shlex
import shutil

import numpy as np
import pytest

import nn
from autograd import Tensor
from autograd.command import console as command
from autograd.rules import operations

ROOT = pathlib.Path(__file__).parent.parent
README = ROOT / "README.md"
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
SCRIPTS = [
    code for language, code in BLOCKS
    if language == "python" and any(part in code for part in ("# prints", "# about", "resume_"))
]  # fmt: skip
SESSIONS = [code for language, code in BLOCKS if language == "python" and ">>>" in code]


def test_the_scripts_print_what_their_comments_say(tmp_path, monkeypatch):
    """One after another in one folder, as a reader would."""
    shutil.copytree(ROOT / "demos" / "data", tmp_path / "demos" / "data")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    namespace: dict = {}
    for code in SCRIPTS:
        if importlib.util.find_spec("matplotlib") is None:
            code = code.replace('history.plot("curves.png")', "")
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            exec(compile(code, "README.md", "exec"), namespace)
        progress = ("epoch", "stopped early", "the model has the weights")
        printed = [s for s in output.getvalue().splitlines() if not s.startswith(progress)]
        for figures in map(ast.literal_eval, re.findall(r"# about (.*)", code)):
            assert ast.literal_eval(printed.pop(0)) == pytest.approx(figures, abs=0.02)
        assert printed == re.findall(r"# prints (.*)", code)
    assert len(SCRIPTS) == 4
    assert sorted(nn.load("digits.npz")) == ["0.bias", "0.weight", "3.bias", "3.weight"]
    assert nn.load_checkpoint("run.npz")["trainer"]["epoch"] == namespace["trainer"].epoch


def test_a_dozen_lines_train_judge_plot_and_save():
    (code,) = [code for code in SCRIPTS if "nn.train_test_split" in code]
    lines = [line for line in code.splitlines() if line and not line.startswith("import")]
    words = ["np.load", "nn.MLP", ".fit(", "validation_split", "EarlyStopping", "evaluate", "plot"]
    assert len(lines) <= 12
    assert [word for word in [*words, "nn.save"] if word not in code] == []


def test_the_sessions_give_what_they_show(tmp_path):
    pretrained = tmp_path / "pretrained.npz"
    nn.save(pretrained, nn.MLP([64, 128, 10]))
    names = {"np": np, "Tensor": Tensor, "pretrained": pretrained}
    known = dict(operations)
    session = doctest.DocTestParser().get_doctest("".join(SESSIONS), names, "README", None, 0)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    try:
        outcome = runner.run(session)
    finally:  # one session registers operations
        operations.clear()
        operations.update(known)
    assert outcome.failed == 0
    assert outcome.attempted > 15


def test_what_stands_below_a_command_or_script_is_what_it_prints(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shown = [i for i, (language, _) in enumerate(BLOCKS) if language == "text"]
    for i in shown:
        language, code = BLOCKS[i - 1]
        if language == "sh":
            words = shlex.split(code)
            assert words[:3] == [".venv/bin/python", "-m", "autograd"]
            assert command.main(words[3:]) == 0
        else:
            exec(compile(code, "README.md", "exec"), {})
        assert capsys.readouterr().out.strip() == BLOCKS[i][1].strip()
    assert len(shown) == 2
    assert (tmp_path / "graph.html").exists()


def test_the_first_example_has_fifteen_lines():
    assert len(SCRIPTS[0].strip().splitlines()) <= 15


@pytest.mark.parametrize("position, ends_with", [(0, "demos/digits.py"), (1, "-m pytest")])
def test_the_first_two_blocks_are_one_command_each(position, ends_with):
    language, code = BLOCKS[position]
    (line,) = code.strip().splitlines()
    assert language == "sh"
    assert line.startswith("python3 -m venv .venv && ")
    assert line.endswith(ends_with)
