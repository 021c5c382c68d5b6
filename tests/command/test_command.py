"""`python -m autograd EXPRESSION name=value ...`: what it prints, saves and refuses.

No expression is ever evaluated as Python, makes a traceback, or takes long.
"""

from __future__ import annotations

import math
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from autograd import Tensor
from autograd.command.console import main
from autograd.command.expression import CONSTANTS, FUNCTIONS, ExpressionError, evaluate
from tests import ROOT


def command(*words: str, encoding: str = "utf-8") -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "autograd", *words],
        capture_output=True, encoding=encoding, env=environment, timeout=300, check=False,
    )  # fmt: skip


def gradient(expression: str, **values: float) -> float:
    x = {name: Tensor(float(value), requires_grad=True) for name, value in values.items()}
    np.sum(evaluate(expression, x)).backward()
    return float(x["x"].grad)


# ---- what it prints ---------------------------------------------------------------------------

NEURON = """\
               value  gradient
^              1      1
├─ relu        1      2
│  └─ +        1      2
│     ├─ ×     -3     2
│     │  ├─ w  2      -3
│     │  └─ x  -1.5   4
│     └─ b     4      2
└─ 2           2      constant

∂/∂w = -3
∂/∂x = 4
∂/∂b = 2
"""


def test_tree_gradients_and_explanations():
    run = command("relu(w*x + b)**2", "w=2", "x=-1.5", "b=4")
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith(NEURON + "\n")
    for part in ("∂L/∂w = -3", "∂L/∂x = 4", "∂L/∂b = 2", "They agree."):
        assert part in run.stdout[len(NEURON) :]


def test_parts_can_be_left_out(capsys):
    assert main(["x*x", "x=3", "--no-tree", "--no-explain"]) == 0
    assert capsys.readouterr().out == "∂/∂x = 6\n"


def test_source_is_a_program_that_prints_the_same(capsys):
    assert main(["relu(w*x + b)^2", "w=2", "x=-1.5", "b=4", "--source"]) == 0
    program = capsys.readouterr().out
    assert program.startswith("# read as: relu(w*x + b)**2\nimport numpy as np\n")
    for part in ("# forward", "h1 = w * x + b", "# backward", "dw = dh1 * x", "x = -1.5"):
        assert part in program
    exec(program, {})
    assert (
        capsys.readouterr().out
        == "(np.float64(1.0), [np.float64(-3.0), np.float64(4.0), np.float64(2.0)])\n"
    )


def test_source_of_arrays_sums_what_is_no_single_number(capsys):
    assert main(["where(x > 0, x, y)", "x=[1, -2]", "y=3", "--source"]) == 0
    program = capsys.readouterr().out
    assert (
        "value = np.sum(np.where(mask1, x, y))" in program
        and "x = np.array([1.0, -2.0])" in program
    )


def test_source_goes_with_saved_files(capsys, tmp_path):
    path = tmp_path / "graph.txt"
    assert main(["x*x", "x=3", "--source", "--save", str(path)]) == 0
    program = capsys.readouterr().out
    assert program.startswith(f"# saved {path}\nimport") and path.exists() and "∂" not in program


def test_source_is_refused_as_everything_else(capsys):
    assert main(["x > 0", "x=3", "--source"]) == 2
    assert "a comparison has no derivative" in capsys.readouterr().err


def test_one_variable_is_explained(capsys):
    assert main(["x*y", "x=3", "y=2", "--no-tree", "--explain", "y"]) == 0
    shown = capsys.readouterr().out
    assert "∂L/∂y" in shown and "∂L/∂x" not in shown.replace("∂/∂x", "")


def test_three_numbers_are_written_out(capsys):
    words = ["sum(softmax(x) * y)", "x=[1, 2, 3]", "y=[0, 1, 0]", "--no-explain"]
    assert main(words) == 0
    assert (
        "│  └─ x     [1, 2, 3]             [-0.022, 0.185, -0.163]  (3,)" in capsys.readouterr().out
    )


def test_a_variable_is_explained_once(capsys):
    assert main(["x*y", "x=3", "y=2", "--no-tree", "--explain", "y", "--explain=y"]) == 0
    assert capsys.readouterr().out.count("∂L/∂y = ") == 1


def test_a_variable_in_comparisons_only_has_no_derivative(capsys):
    assert main(["where(x > 0, y, 2*y)", "x=1", "y=2", "--no-tree"]) == 0
    shown = capsys.readouterr().out
    assert "∂/∂x : none, for x is in comparisons only" in shown and "∂/∂y = 1\n" in shown
    assert "∂L/∂x" not in shown and "the check keeps the conditions of where" in shown


def test_an_expression_may_follow_two_dashes(capsys):
    assert main(["--no-explain", "--no-tree", "--", "--x", "x=3"]) == 0
    assert capsys.readouterr().out == "∂/∂x = 1\n"


def test_letters_that_can_be_written_in_two_ways_are_one(capsys):
    assert main(["e\u0301 * \u00e9 * π / pi", "e\u0301=3", "--no-tree", "--no-explain"]) == 0
    assert capsys.readouterr().out == "∂/∂\u00e9 = 6\n"


def test_arrays_and_their_sum(capsys):
    assert main(["x**2", "x = [[1, 2], [3, -4]]", "--no-tree", "--no-explain"]) == 0
    assert capsys.readouterr().out == (
        "The result has the shape (2, 2); its sum is differentiated.\n\n"
        "∂/∂x = [[ 2.,  4.],\n        [ 6., -8.]]\n"
    )


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["x", "--help"]], ids=str)
def test_help(words, capsys):
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Usage: python -m autograd EXPRESSION")
    assert all(name in shown.split() for name in FUNCTIONS)
    assert max(map(len, shown.splitlines())) <= 100


def test_consoles_without_unicode_get_plain_letters():
    run = command("x*x", "x=3", encoding="ascii")
    assert (run.returncode, run.stderr) == (0, "")
    assert "|- x (n0)" in run.stdout and "d/dx = 6\n" in run.stdout and "?" not in run.stdout


def test_columns_and_roots_without_unicode():
    run = command("x + sqrt(x)", "x=4", encoding="cp1252")
    assert run.stdout.startswith(
        "                value  gradient  this use adds\n"
        "+               6      1\n"
        "|- x (n0)       4      1.25      1\n"
        "`- sqrt         2      1\n"
        "   `- ^ x (n0)                   0.25\n"
    )
    assert "d(sqrt x)/dx = 1/(2 sqrt x)" in run.stdout


@pytest.mark.skipif(os.name == "nt", reason="pipes break otherwise on Windows")
def test_a_reader_that_goes_away_is_no_error():
    process = subprocess.Popen(
        [sys.executable, "-m", "autograd", "x" + "*x" * 900, "x=1", "--no-explain"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    assert process.stdout and process.stderr
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(timeout=60) == 0
    process.stderr.close()


# ---- what it saves ----------------------------------------------------------------------------


def test_no_file_is_saved_beside_one_that_cannot_be(tmp_path, capsys):
    assert main(["x*x", "x=3", "--save", str(tmp_path / "a.svg"), "--save", "b.foo"]) == 2
    assert "must end in" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_several_files_are_saved(tmp_path, capsys):
    paths = [str(tmp_path / f"graph{suffix}") for suffix in (".txt", ".mmd", ".svg", ".html")]
    words = ["--save", paths[0], f"--save={paths[1]}", "--save", paths[2], "--save", paths[3]]
    assert main(["x*x", "x=3", "--no-explain", *words]) == 0
    shown = capsys.readouterr().out
    assert shown.endswith("\n\n" + "".join(f"saved {path}\n" for path in paths))
    assert all(Path(path).stat().st_size for path in paths)


def test_the_direction_of_pictures(tmp_path, capsys):
    path = tmp_path / "graph.dot"
    assert main(["x*x", "x=3", "--direction", "TB", "--save", str(path)]) == 0
    assert "rankdir=TB" in path.read_text(encoding="utf-8")
    assert "saved" in capsys.readouterr().out


# ---- what it computes -------------------------------------------------------------------------

SLOPES = {
    "x**3": 12.0, "-x**2": -4.0, "2/x": -0.5, "x % 3": 1.0, "+x - 1_000": 1.0, "0x10 * x": 16.0,
    "x*pi/e": np.pi / np.e, "sin(x)": np.cos(2), "log(x, )": 0.5, "where(x > 1, x*x, 0)": 4.0,
    "sum([x, 2*x, 3])": 3.0, "[x, 1] @ [3, 4]": 3.0, "dot([x, x], [3, 4])": 7.0,
    "max([x, 1], axis=0)": 1.0, "mean([[x, 1]], axis=(0, 1))": 0.5, "clip(x, 0, 1)": 0.0,
    "sum([[x, 1]], axis=-1, keepdims=True)": 1.0, "std([x, 0.0])": 0.5,
    "norm([x, 0])": 1.0, "(x > 1) * x": 1.0, "softplus(1000*x)": 1000.0,
    "sigmoid(-1000*x)": 0.0, "  x   ": 1.0, "x # a comment": 1.0, "logsumexp([x, x])": 1.0,
    "trace([[x, 1], [1, x]])": 2.0, "prod(x - 2, axis=0)": 1.0, "abs(-x)": 1.0,
    "x" + "+x" * 900: 901.0, "exp(-1000*x)": 0.0,
}  # fmt: skip


@pytest.mark.parametrize("expression", SLOPES, ids=lambda e: e[:30])
def test_derivatives_at_two(expression):
    assert gradient(expression, x=2.0) == pytest.approx(SLOPES[expression], rel=1e-12)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_records_a_graph(name):
    x = Tensor([[0.3, 0.6], [0.2, 0.7]], requires_grad=True)
    for call in (f"{name}(x)", f"{name}(x, x)", f"{name}(1 + x)", f"{name}(x, 0.1, 0.5)",
                 f"{name}(x > 0.5, x, x)"):  # fmt: skip
        try:
            output = evaluate(call, {"x": x})
        except ExpressionError:
            continue
        assert isinstance(output, Tensor) and output.requires_grad
        return
    pytest.fail(f"no call of {name} succeeded")


VALUES = {
    "-1.5": -1.5, "1e-3": 0.001, "  7 ": 7.0, "pi/2": np.pi / 2, "sqrt(16)": 4.0, ".5": 0.5,
    "[1, 2]": [1.0, 2.0], "[[1], [2]]": [[1.0], [2.0]], "(1, 2)": [1.0, 2.0], "[]": [],
    "e": math.e, "π": math.pi, "tau": math.tau, "τ": math.tau,
}  # fmt: skip


@pytest.mark.parametrize("value, expected", VALUES.items(), ids=VALUES)
def test_values(value, expected):
    assert np.array_equal(evaluate(value, {}), expected)


def test_variables_may_be_called_like_constants():
    assert evaluate("e + pi", {name: 1.0 for name in CONSTANTS}) == 2.0


# ---- what it refuses --------------------------------------------------------------------------

# The words of the command line; the message; the part of the source under the carets.
ERRORS = {
    "unknown name": (["x + yy", "x=1"], "unknown name yy", "yy"),
    "unknown name that is near": (["speed * t", "sped=1", "t=1"], "did you mean sped?", "speed"),
    "no value given": (["w*x", "x=1"], "a variable needs a value: w=1.5", "w"),
    "unknown function": (["foo(x)", "x=1"], "unknown function foo", "foo"),
    "function that is near": (["rleu(x)", "x=1"], "did you mean relu?", "rleu"),
    "function without a call": (["sin + x", "x=1"], "write sin(...)", "sin"),
    "syntax": (["x + * 2", "x=1"], "wrong syntax", "*"),
    "unclosed": (["sin(x", "x=1"], "'(' was never closed", "("),
    "assignment": (["y = x", "x=1"], "give values after the expression", "="),
    "empty": (["  ", "x=1"], "the expression is empty", ""),
    "zero byte": (["x\0", "x=1"], "", None),
    "division by zero": (["1 + x/0", "x=1"], "division by zero", "x/0"),
    "division of numbers": (["x + 1/0", "x=1"], "division by zero", "1/0"),
    "division of arrays": (["1/x", "x=[1, 0]"], "division by zero", "1/x"),
    "remainder of zero": (["x + 1 % 0", "x=1"], "division by zero", "1 % 0"),
    "huge exponent": (["9**9**9 * x", "x=1"], "too large for a float", "9**9**9"),
    "huge exponent of a Tensor": (["x**9**9", "x=9"], "too large for a float", "x**9**9"),
    "overflow": (["exp(1000*x)", "x=1"], "too large for a float", "exp(1000*x)"),
    "huge integer": (["x * 1" + "0" * 400, "x=1"], "too large for a float", "1" + "0" * 400),
    "huge number": (["x * 1e999", "x=1"], "too large for a float", "1e999"),
    "root of a negative number": (["sqrt(x)", "x=-1"], "would be nan", "sqrt(x)"),
    "complex power": (["(-8)**(1/3) * x", "x=1"], "no real number", "(-8)**(1/3)"),
    "logarithm of zero": (["log(x)", "x=0"], "infinite here", "log(x)"),
    "attribute": (["x.T", "x=1"], "attributes are not allowed", ".T"),
    "method": (["x.sum()", "x=1"], "write sum(x) for x.sum()", ".sum"),
    "classes": (["x.__class__.__bases__", "x=1"], "attributes are not allowed", ".__bases__"),
    "import": (["__import__('os').system('id')", "x=1"], "attributes are not allowed", ".system"),
    "eval": (["eval('1')", "x=1"], "unknown function eval", "eval"),
    "call of a call": (["sin(x)(axis=1)", "x=1"], "only the functions", "sin(x)"),
    "call of nothing known": (["foo(x)(x)", "x=1"], "unknown function foo", "foo"),
    "text": (["x + 'a'", "x=1"], "not a str", "'a'"),
    "imaginary": (["x + 1j", "x=1"], "not a complex", "1j"),
    "bool": (["x + True", "x=1"], "not a bool", "True"),
    "none": (["x + None", "x=1"], "not a NoneType", "None"),
    "dots": (["x + ...", "x=1"], "not a ellipsis", "..."),
    "formatted text": (["f'{x}'", "x=1"], "text is not allowed", "f'{x}'"),
    "lambda": (["lambda: x", "x=1"], "lambda is not allowed", "lambda: x"),
    "loop": (["[x for y in x]", "x=1"], "loops are not allowed", "[x for y in x]"),
    "choice": (["x if x else 1", "x=1"], "where(x > 0, a, b)", "x if x else 1"),
    "and": (["x and x", "x=1"], "and, or are not allowed", "x and x"),
    "not": (["not x", "x=1"], "not is not allowed", "not x"),
    "walrus": (["(y := x)", "x=1"], ":= is not allowed", "y := x"),
    "whole division": (["x // 2", "x=1"], "write /", "x // 2"),
    "index": (["x[0]", "x=1"], "indexing is not allowed", "x[0]"),
    "two comparisons": (["0 < x < 1", "x=1"], "one comparison at a time", "0 < x < 1"),
    "membership": (["x in x", "x=1"], "not allowed in an expression", "x in x"),
    "set": (["{x}", "x=1"], "written as a list", "{x}"),
    "starred": (["sum(*x)", "x=1"], "* before an argument", "*x"),
    "keywords": (["sum(**x)", "x=1"], "** is not allowed", "**x"),
    "out": (["sum(x, out=x)", "x=1"], "unknown setting out=", "out=x"),
    "axis by name": (["sum(x, axis=x)", "x=1"], "takes an integer", "axis=x"),
    "huge axis": (["sum(x, axis=10**9)", "x=1"], "takes an integer", "axis=10**9"),
    "axis that there is not": (["sum(x, axis=1)", "x=[1]"], "axis 1", "sum(x, axis=1)"),
    "no arguments": (["max()", "x=1"], "max takes 1 argument, got 0", "max()"),
    "shapes": (["x + y", "x=[1, 2]", "y=[1, 2, 3]"], "(2,)", "x + y"),
    "ragged": (["sum([1, [2]] * x)", "x=1"], "of one length", "[1, [2]]"),
    "too many numbers": (
        ["sum(outer(x, x))", f"x={[1] * 100}"], "at most 3,000", "outer(x, x)"),
    "too long": (["x" + "+x" * 1000, "x=1"], "at most 2,000", None),
    "no variable": (["1 + 2"], "no variable to differentiate by; the value is 3", "1 + 2"),
    "constants alone": (["2*pi + e"], "no variable to differentiate by; the value", "2*pi + e"),
    "an angle alone": (["sin 30°"], "no variable to differentiate by; the value is 0.5", "sin 30°"),
    "comma behind a value": (["x*y", "x=2,", "y=3"], "parted by spaces", ","),
    "semicolon behind a value": (["x*y", "x=2;", "y=3"], "parted by spaces", ";"),
    "two values in a word": (["x*y", "x=2,y=3"], "words of their own, parted by spaces", "="),
    "inverse of a matrix": (["A⁻¹", "A=[[1, 2], [3, 4]]"], "the inverse, which is not", "A⁻¹"),
    "comparison": (["x > 0", "x=1"], "a comparison has no derivative", "x > 0"),
    "Unicode before it": (["漢 + y", "漢=1"], "unknown name y", "y"),
    "unused": (["x", "x=1", "y=2"], "y is not used", "y"),
    "twice": (["x", "x=1", "x=2"], "x is given twice", "x"),
    "twice in other letters": (["x", "x=1", "ｘ=2"], "x is given twice", None),
    "syntax before values": (["x=2", "x*x"], "give values after the expression", "="),
    "two arguments of max": (["max(x, 0)", "x=1"], "max([a, b]) or maximum(a, b)", "max(x, 0)"),
    "place for a result": (["x + maximum([1], [2], [9])", "x=1"],
                           "maximum takes 2 arguments, got 3", "maximum([1], [2], [9])"),
    "too many arguments": (["sin(x, 1)", "x=1"], "sin takes 1 argument, got 2", "sin(x, 1)"),
    "too few arguments": (["arctan2(x)", "x=1"], "takes 2 arguments, got 1", "arctan2(x)"),
    "axis without its name": (["sum(x, 0)", "x=[1]"], "an axis is given as axis=0", "sum(x, 0)"),
    "minus a comparison": (["-(x > 0) * x", "x=1"], "a comparison is no number", "-(x > 0)"),
    "mean of nothing": (["mean(x)", "x=[]"], "would be nan", "mean(x)"),
    "variance of nothing": (["x + var([])", "x=1"], "Degrees of freedom", "var([])"),
    "no value": (["x", "x"], "given as name=value", "x"),
    "no name": (["x", "1=2"], "no name for a variable", "1"),
    "keyword": (["x", "class=2"], "no name for a variable", "class"),
    "name of a function": (["x", "sin=2"], "sin is a function", "sin"),
    "bad number": (["x", "x=1.2.3"], "the value of x: wrong syntax", ".3"),
    "empty value": (["x", "x="], "the value of x: the expression is empty", ""),
    "unknown value": (["x", "x=  abc"], "the value of x: unknown name abc", "abc"),
    "ragged value": (["x", "x=[1, [2]]"], "the value of x: the rows", "[1, [2]]"),
    "infinite value": (["x", "x=1e999"], "the value of x: this number is too large", "1e999"),
    "huge value": (["x", f"x={[1] * 5000}"], "the value of x: too large: 5,000 numbers", None),
    "value that is not finite": (["x", "x=nan"], "unknown name nan", "nan"),
}  # fmt: skip


@pytest.mark.parametrize("words, message, place", ERRORS.values(), ids=ERRORS)
def test_errors_are_one_line_with_a_caret_under_the_place(words, message, place, capsys):
    assert main(words) == 2
    shown = capsys.readouterr()
    error, source, carets = shown.err.splitlines()
    assert shown.out == "" and error.startswith("error: ") and message in error
    assert len(error) <= 300 and set(carets.strip()) == {"^"}
    if place is not None:
        wide = sum(c == "漢" for c in source)
        under = source[carets.index("^") - wide : len(carets) - wide]
        assert under.strip() == place[: len(under)] and (under.strip() or not place)


@pytest.mark.parametrize("call, told", {
    "sin(0,5)": True, "sin(0, 5)": True, "sin(x, 1)": False, "sin(x, x)": False,
    "arctan2(0,5, x)": False,
}.items())  # fmt: skip
def test_two_numbers_where_one_is_wanted_may_be_a_decimal_comma(call, told, capsys):
    assert main([call + " + x", "x=1"]) == 2
    assert ("decimal numbers have a point" in capsys.readouterr().err) == told


def test_a_rule_that_fails_is_an_error_in_one_line(monkeypatch, capsys):
    def fails(*arguments: object, **settings: object) -> None:
        raise ZeroDivisionError("integer modulo by zero\n(in a rule)")

    monkeypatch.setattr("autograd.command.console.grad", fails)
    assert main(["x*x", "x=3"]) == 2
    assert capsys.readouterr().err == "error: ZeroDivisionError: integer modulo by zero\n"


def test_a_sum_that_is_infinite_gives_no_warning(capsys):
    assert main(["x + 1e308", "x=[1, 2]", "--no-explain"]) == 0
    assert "inf" in capsys.readouterr().out


OPTIONS = {
    "unknown option": (["x", "x=1", "--foo"], "unknown option --foo; known: --save"),
    "option without its value": (["x", "x=1", "--save"], "--save wants a value"),
    "no expression": (["--no-tree"], "the expression is missing"),
    "unknown direction": (["x", "x=1", "--direction", "up"], "LR or TB, got up"),
    "explain what is not there": (["x", "x=1", "--explain", "y"], "there is no variable y"),
    "hostile name": (["x", "x=1", "--explain", "\x1b[31m\n"], r"no variable \x1b[31m"),
    "hostile option": (["x", "x=1", "--\x1b\n\n"], r"unknown option --\x1b;"),
    "hostile direction": (["x", "x=1", "--direction=\x1b\n\n"], r"got \x1b"),
    "unknown suffix": (["x", "x=1", "--save", "a.jpg"], "must end in .txt"),
    "no folder": (["x", "x=1", "--save", "no/such/a.svg"], "there is no folder"),
}


@pytest.mark.parametrize("words, message", OPTIONS.values(), ids=OPTIONS)
def test_options_that_cannot_be(words, message, capsys):
    assert main(words) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.startswith("error: ") and message in shown.err
    assert shown.err.count("\n") == 1


def test_an_error_in_a_process_of_its_own():
    run = command("x.__class__", "x=1")
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.splitlines()[1:] == ["  x.__class__", "   " + "^" * 10]


def test_of_a_long_expression_the_part_around_the_place_is_shown(capsys):
    assert main(["x + " * 300 + "y" + " + x" * 100, "x=1"]) == 2
    _, source, carets = capsys.readouterr().err.splitlines()
    assert len(source) <= 80 and source[carets.index("^")] == "y"


DEEP = {
    "parentheses": "(" * 900 + "x" + ")" * 900, "brackets": "[" * 900 + "x" + "]" * 900,
    "signs": "-" * 1990 + "x", "powers": "x" + "**x" * 600, "nots": "not " * 400 + "x",
    "calls": "sin(" * 400 + "x" + ")" * 400, "lambdas": "lambda:" * 280 + "x",
    "choices": "x if x else " * 150 + "x", "attributes": "x" + ".x" * 900,
    "comparisons": "x" + "<x" * 900, "subscripts": "x" + "[x]" * 600,
}  # fmt: skip


@pytest.mark.parametrize("expression", DEEP.values(), ids=DEEP)
def test_depth_ends_in_a_result_or_in_one_line(expression, capsys):
    code = main([expression, "x=1", "--no-explain"])
    assert code in (0, 2)
    assert (code == 0) == (capsys.readouterr().err == "")


# ---- what anybody may type --------------------------------------------------------------------

PIECES = [
    "x", "y", "1", "0", "9", "1e308", "1e-320", "-", "+", "*", "/", "**", "@", "%", "//", "(", ")",
    "[", "]", ",", "<", "==", "=", ".", ":", "'", '"', "#", "\\", "\n", "\t", "\0", " ", "_", "^",
    "sin(", "log(", "sum(", "outer(x,", "softmax(", "where(", "max(", "clip(", "norm(", "axis=",
    "__import__", "lambda", "if", "else", "for", "in", "not", "await", "yield", "f'", "{", "}",
    "x.__class__", "exec", "open(", "漢", "é", "\u202e", "∂", "ﬁ", "1j", "None", "...", ":=", "!",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_typed_ends_in_a_value_or_in_an_error_with_a_place(seed):
    chance = random.Random(seed)
    x = Tensor([0.5, 2.0], requires_grad=True)
    for _ in range(100):
        source = "".join(chance.choices(PIECES, k=chance.randint(1, 12)))
        try:
            value = evaluate(source, {"x": x, "y": Tensor(3.0, requires_grad=True)})
        except ExpressionError as error:
            assert 0 <= error.start <= len(error.source) < error.end + 2 * len(source) + 2
            assert "\n" not in str(error) and str(error)
        else:
            assert isinstance(value, (Tensor, float, np.ndarray, np.generic))


@pytest.mark.parametrize("seed", range(20))
def test_the_command_prints_a_result_or_an_error(seed, capsys):
    chance = random.Random(1000 + seed)
    source = "".join(chance.choices(PIECES, k=chance.randint(1, 8)))
    code = main([f"x + {source}", "x=2", "--no-explain"])
    shown = capsys.readouterr()
    assert (code, bool(shown.out), bool(shown.err)) in ((0, True, False), (2, False, True))
    assert "Traceback" not in shown.err
