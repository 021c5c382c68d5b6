"""The demos: each runs as a script, with warnings as errors, and shows what its docstring promises.

They run in processes of their own, as a user starts them, from the folder of the project.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ["demos/digits.py", "demos/scalar.py"]

BROKEN_TANH = """
import numpy as np
from autograd import defvjp
from demos import scalar
defvjp(np.tanh, lambda g, y, x: g * (1 + y * y))
scalar.main()
"""


def run(*arguments, status=0):
    """What a Python process prints; it must end with this status and warn of nothing."""
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=120,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    assert (done.returncode, done.stderr if status == 0 else "") == (status, ""), done.stderr
    return done.stdout if status == 0 else done.stdout + done.stderr


def percentages(text):
    return [float(number) for number in re.findall(r"([\d.]+)%", text)]


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_names_every_option(script):
    text = run(script, "--help")
    options = ["--seed"] + ["--epochs", "--hidden", "--quick"] * ("digits" in script)
    assert [option for option in options if option not in text] == []


@pytest.mark.parametrize("script", SCRIPTS)
def test_runs_as_a_module_too(script):
    assert run("-m", script[:-3].replace("/", "."), "--help").startswith("usage:")


@pytest.mark.parametrize("script", SCRIPTS)
def test_is_a_lesson_of_under_150_lines(script):
    lines = (ROOT / script).read_text(encoding="utf-8").splitlines()
    assert len(lines) < 150 and lines[0].startswith('"""')


def test_digits_learns_in_five_epochs():
    text = run("demos/digits.py", "--quick")
    assert "1347 images to train on, 450 to test" in text
    epochs = [line for line in text.splitlines() if re.match(r" +\d+  \d\.\d{4}", line)]
    losses = [float(line.split()[1]) for line in epochs]
    assert len(losses) == 5 and losses == sorted(losses, reverse=True)
    (test_accuracy,) = percentages(text.split("test accuracy")[1])
    assert test_accuracy > 92
    assert percentages(epochs[-1])[1] == test_accuracy


def test_digits_reads_97_percent_of_what_it_never_saw():
    outputs = [run("demos/digits.py", "--seed", str(seed)) for seed in range(5)]
    reached = [percentages(text.split("test accuracy")[1])[0] for text in outputs]
    assert sum(reached) / 5 >= 97 and min(reached) >= 96


def test_digits_draws_five_digits_with_their_predictions():
    picture = run("demos/digits.py", "--quick").split("test accuracy")[1].splitlines()[2:]
    assert len(picture) == 9
    assert len(re.findall(r"\d, read as \d", picture[-1])) == 5
    assert all(len(row) == 5 * 16 + 4 * 3 for row in picture[:8])
    assert "@@" in "".join(picture[:8])


def test_digits_is_fixed_by_its_seed():
    first, again, other = (
        run("demos/digits.py", "--epochs", "1", "--hidden", "16", "--seed", seed) for seed in "334"
    )
    assert first == again != other


def test_digits_split_is_stratified():
    code = """
import numpy as np
from demos import digits
images, labels = digits.load()
train, test = digits.stratified_split(labels, 450, np.random.default_rng(0))
assert sorted([*train, *test]) == list(range(1797)) and len(test) == 450
print(np.all(np.abs(np.bincount(labels[test]) - np.bincount(labels) * 450 / 1797) <= 1))
"""
    assert run("-c", code).strip() == "True"


@pytest.mark.parametrize("option", ["--epochs", "--hidden", "--batch-size"])
def test_digits_refuses_nothing_to_do(option):
    assert f"{option} must be at least 1" in run("demos/digits.py", option, "0", status=2)


def test_scalar_prints_and_checks_every_number():
    text = run("demos/scalar.py")
    rows = [line.rsplit(maxsplit=3) for line in text.splitlines()[1:13]]
    assert [row[0] for row in rows] == [
        "x1", "x2", "w1", "w2", "b", "target", "w1 x1", "w2 x2", "n", "y", "y - target", "loss",
    ]  # fmt: skip
    assert all(float(gradient) == float(difference) for _, _, gradient, difference in rows)
    assert text.endswith("loss 3.241797 before the step, 1.724069 after; all 17 checks passed\n")


def test_scalar_docstring_tells_what_it_prints():
    last_line = run("demos/scalar.py").splitlines()[-1]
    assert last_line in (ROOT / "demos/scalar.py").read_text(encoding="utf-8")


def test_scalar_fails_where_a_gradient_is_wrong():
    text = run("-c", BROKEN_TANH, status=1)
    assert "differs!" in text and "checks FAILED" in text
