"""The README's examples do what they say, and its first two code blocks are the two commands."""

import contextlib
import doctest
import io
import pathlib
import re

import numpy as np
import pytest

from autograd import Tensor
from autograd.rules import operations

README = pathlib.Path(__file__).parent.parent / "README.md"
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
SCRIPTS = [code for language, code in BLOCKS if language == "python" and "# prints" in code]
SESSIONS = [code for language, code in BLOCKS if language == "python" and ">>>" in code]


def test_the_scripts_print_what_their_comments_say():
    namespace: dict = {}
    for code in SCRIPTS:
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            exec(compile(code, "README.md", "exec"), namespace)
        assert output.getvalue().splitlines() == re.findall(r"# prints (.*)", code)
    assert len(SCRIPTS) == 2


def test_the_sessions_give_what_they_show():
    names = {"np": np, "Tensor": Tensor}
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


def test_the_first_example_has_fifteen_lines():
    assert len(SCRIPTS[0].strip().splitlines()) <= 15


@pytest.mark.parametrize("position, ends_with", [(0, "demos/digits.py"), (1, "-m pytest")])
def test_the_first_two_blocks_are_one_command_each(position, ends_with):
    language, code = BLOCKS[position]
    (line,) = code.strip().splitlines()
    assert language == "sh"
    assert line.startswith("python3 -m venv .venv && ")
    assert line.endswith(ends_with)
