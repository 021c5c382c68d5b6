"""Formulas as people type them: `python -m autograd "2x² + sin 3x" x=0,5` and its like.

What is unambiguous is read, and said how; what is not is refused with both readings, under a caret.
"""

from __future__ import annotations

import math
import random
import re
from typing import Any

import numpy as np
import pytest

from autograd import Tensor
from autograd.command.console import main
from autograd.command.expression import FUNCTIONS, ExpressionError, evaluate, read
from autograd.command.handwriting import ALIASES, INVERSES

VALUES = {"x": 0.7, "y": 1.3, "w": 2.0, "t": 0.4, "a": 1.1, "b": 0.6}


def shown(capsys: Any, *words: str) -> tuple[int, str, str]:
    code = main([*words])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


# ---- what is read -----------------------------------------------------------------------------

# As it is typed, and in the words of an expression.
READ = {
    # powers
    "x^2": "x**2", "x²": "x**2", "x³y²": "x**3*y**2", "xⁿ": None, "x⁻¹": "x**-1", "2x²": "2*x**2",
    "x^-2": "x**-2", "x^{2}": "x**(2)", "x^(1/2)": "x**(1/2)", "-x^2": "-x**2", "(-x)²": "(-x)**2",
    "2^-x": "2**-x", "2^3^2": "2**3**2", "x^2^y": "x**2**y", "x²y": "x**2*y", "x^2y": "x**2*y",
    "x^½": "x**(1/2)", "x↑2": "x**2", "e^x": "e**x", "e^(2x)": "e**(2*x)", "x^10": "x**10",
    "e^-x^2": "e**-x**2", "x^2/3": "x**2/3", "x¹⁰": "x**10",
    "xˣ": "x**x", "x²ˣ": "x**(2*x)",
    # products
    "2x": "2*x", "2 x": "2*x", "xy": "x*y", "2xy": "2*x*y", "x y": "x*y", "2(x+1)": "2*(x + 1)",
    "(x+1)(x-1)": "(x + 1)*(x - 1)", "x(x+1)": "x*(x + 1)", "(x+1)x": "(x + 1)*x",
    "w·x": "w*x", "w⋅x": "w*x", "w × x": "w*x", "w∙x": "w*x", "2·3x": "2*3*x", "x·−y": "x*-y",
    "2[x+1]": "2*(x + 1)", "2[(x+1) - 3](x+2)": "2*((x + 1) - 3)*(x + 2)", "0.5x": "0.5*x",
    ".5x": ".5*x", "2.x": "2.*x", "2e x": "2*e*x", "2πx": "2*π*x", "π(x+1)": "π*(x + 1)",
    "2e3x": "2e3*x", "1e-3x": "1e-3*x", "-2x": "-2*x", "xe^x": "x*e**x", "x(-1)": "x*(-1)",
    "e^x sin x": "e**x*sin(x)", "x sin x": "x*sin(x)", "xsin(x)": "x*sin(x)",
    "0x + 1x": "0*x + 1*x",
    "2x - 3y + 4": "2*x - 3*y + 4", "2x(x+1)^2": "2*x*(x + 1)**2", "007x": "7*x",
    # signs
    "x − 1": "x - 1", "x – 1": "x - 1", "−x": "-x", "x ÷ 2": "x/2", "x⁄2": "x/2",
    "x∕2": "x/2", "2x/3": "2*x/3", "where(x ≥ 1, 2x, y)": "where(x >= 1, 2*x, y)",
    "(2x ≤ 3)·x": "(2*x <= 3)*x",
    "where(2x ≠ 1, x, y)": "where(2*x != 1, x, y)",
    "２ｘ＋１": "2*x + 1", "x\u2062y": "x*y", "sin\u2061x": "sin(x)", "2x # twice": "2*x",
    # fractions
    "½x": "(1/2)*x", "¾": None, "2½x": "(2+1/2)*x", "(1/2)x": "(1/2)*x", "⅓x²": "(1/3)*x**2",
    # functions
    "sin x": "sin(x)", "sin 2x": "sin(2*x)", "sin x^2": "sin(x**2)", "sin x²": "sin(x**2)",
    "sin² x": "sin(x)**2", "sin²x": "sin(x)**2", "sin^2 x": "sin(x)**2", "sin^2(x)": "sin(x)**2",
    "sin²(x)cos(x)": "sin(x)**2*cos(x)", "sin x cos x": "sin(x)*cos(x)",
    "sin(x)cos(x)": "sin(x)*cos(x)", "sin(x)(x)": "sin(x)*(x)", "sin(x)^2": "sin(x)**2",
    "sin cos x": "sin(cos(x))", "sin xy": "sin(x*y)", "sin 2πx": "sin(2*π*x)", "sinx": "sin(x)",
    "sin2x": "sin(2*x)", "xcosx": "x*cos(x)", "sin -x": "sin(-x)", "exp -x": "exp(-x)",
    "exp x": "exp(x)", "sin x + 1": "sin(x) + 1", "1/sin x": "1/sin(x)", "sin^-2 x": "sin(x)**-2",
    "sin x / cos x": "sin(x)/cos(x)", "sin x·cos x": "sin(x)*cos(x)", "2 sin x": "2*sin(x)",
    "ln x": "log(x)", "ln(x)": "log(x)", "ln x²": "log(x**2)", "ln|x|": "log(abs(x))",
    "lg x": "log10(x)", "lb(x)": "log2(x)", "log x": "log(x)", "log_2(x)": "log2(x)",
    "log₂x": "log2(x)", "log₁₀ x": "log10(x)", "log10 x": "log10(x)", "asin(x)": "arcsin(x)",
    "arcsin x": "arcsin(x)", "tg x": "tan(x)", "cot x": "(1/tan(x))", "sec²x": "(1/cos(x))**2",
    "csc(x)^2": "(1/sin(x))**2", "sgn x": "sign(x)", "arctan 2x": "arctan(2*x)",
    "tanh²x": "tanh(x)**2", "sin 30°": "sin(30*pi/180)", "sin(30°)": "sin(30*pi/180)",
    "sin x°": "sin(x*pi/180)", "sin(x)²": "sin(x)**2", "sin |x|": "sin(abs(x))",
    "sin^2x + cos^2x": "sin(x)**2 + cos(x)**2", "max [x, 1]": "max([x, 1])", "sin[x]": "sin(x)",
    "sen 2x": "sin(2*x)", "arcsen x": "arcsin(x)", "senh(x)": "sinh(x)", "tgh x": "tanh(x)",
    "cotan x": "(1/tan(x))", "pow(x, 2)": "power(x, 2)", "Sin(x)": "sin(x)", "Ln x": "log(x)",
    "sum([2x, 1], axis=0)": "sum([2*x, 1], axis=0)", "e^sin x": "e**sin(x)",
    # bars and roots
    "|x|": "abs(x)", "|x|^2": "abs(x)**2", "|x|²": "abs(x)**2", "-|x|": "-abs(x)",
    "|x||y|": "abs(x)*abs(y)", "2|x|": "2*abs(x)", "|x - |y||": "abs(x - abs(y))",
    "||x| - |y||": "abs(abs(x) - abs(y))", "|2x|y": "abs(2*x)*y", "|sin x|": "abs(sin(x))",
    "|x||y||w|": "abs(x)*abs(y)*abs(w)", "|x|y||": "abs(x*abs(y))", "||x|y|": "abs(abs(x)*y)",
    "|x|-2|y|": "abs(x) - 2*abs(y)", "2|x| + 3|y|": "2*abs(x) + 3*abs(y)",
    "||x||": "norm(x)", "‖x‖": "norm(x)", "|(x)|": "abs((x))", "|x|·|y|": "abs(x)*abs(y)",
    "|x(|y| + 1)|": "abs(x*(abs(y) + 1))", "|x|/|y|": "abs(x)/abs(y)", "x|y|": "x*abs(y)",
    "√x": "sqrt(x)", "√(x+1)": "sqrt(x + 1)", "2√x": "2*sqrt(x)", "√x√y": "sqrt(x)*sqrt(y)",
    "∛x": "cbrt(x)", "√2 x": "sqrt(2)*x", "√2/2·x": "sqrt(2)/2*x", "√(x)²": "sqrt(x)**2",
    "√|x|": "sqrt(abs(x))", "√√x": "sqrt(sqrt(x))", "x + √x + 1": "x + sqrt(x) + 1",
    "∜x": "((x)**(1/4))", "x√2": "x*sqrt(2)",
    # numbers and names
    "5!x": "120*x", "x + 0!": "x + 1", "x + 3!": "x + 6", "2^3!·x": "2**6*x", "τx": "τ*x",
    "tau x": "tau*x",
    "f(x) = x^2": "x**2", "g(x, y) = xy": "x*y", "2x =": "2*x", "pix": "pi*x", "𝑥²": "x**2",
}  # fmt: skip


@pytest.mark.parametrize("typed", [typed for typed in READ if READ[typed]])
def test_what_is_unambiguous_is_read(typed):
    found = read(typed, VALUES)
    assert found.text == READ[typed] and found.rewritten
    again = read(found.text, VALUES)
    assert (again.text, again.rewritten) == (found.text, False)
    assert evaluate(typed, VALUES) == evaluate(READ[typed], VALUES)


def test_letters_above_are_read_where_there_is_such_a_variable():
    assert read("xⁿ", ["x", "n"]).text == "x**n"
    assert read("xⁿ", ["xn"]).text == "xⁿ"  # which Python reads as xn


def test_how_it_was_read_comes_first(capsys):
    code, out, _ = shown(capsys, "2x", "x=3", "--no-explain", "--no-tree")
    assert (code, out) == (0, "read as: 2*x\n\n∂/∂x = 2\n")


@pytest.mark.parametrize("value, numbers", [
    ("[1,5]", 2), ("[1,2,3, 4]", 4), ("[[1,2],[3,4]]", 4), ("[[1,2], [3,4]]", 4),
    ("[1.5,2, 3]", 3), ("[1, 2]", 2), ("(1,5, 2)", None),
])  # fmt: skip
def test_lists_that_say_how_they_are_meant_are_read(value, numbers):
    if numbers is None:
        with pytest.raises(ExpressionError, match="1,5"):
            read(value)
    else:
        assert np.size(evaluate(value, {})) == numbers


NOTES = {  # signs and names that mean another thing elsewhere
    "Log(x)": (["x=2"], "log is the natural logarithm", 0.5),
    "LOG x": (["x=2"], "log is the natural logarithm", 0.5),
    "x^2": (["x=log(100)"], "log is the natural logarithm", 4 * math.log(10)),
    "50% x": (["x=60"], "% is the remainder; 50 percent are 50/100", 0.0),
    "50%x": (["x=20"], "% is the remainder", -2.0),
    "x sin 90": (["x=1"], "sin(90) is of 90 radians; of degrees it is sin(90°)", math.sin(90)),
    "x*cos(60)": (["x=1"], "cos(60) is of 60 radians", math.cos(60)),
}  # fmt: skip


@pytest.mark.parametrize("typed", NOTES)
def test_another_meaning_that_is_near_is_named(typed, capsys):
    values, told, slope = NOTES[typed]
    out = shown(capsys, typed, *values, "--no-explain", "--no-tree")[1]
    assert out.count(told) == 1 and out.endswith(f"\n\n∂/∂x = {slope:.6g}\n")


def test_no_other_meaning_is_seen_where_there_is_none(capsys):
    for typed in (
        "x % 3",
        "(x + 1)%2",
        "x*sin(1)",
        "x*sin(2.5)",
        "x*log10(90)",
        "sin(90*x)",
        "x1%x",
    ):
        out = shown(capsys, typed, "x=7", *["x1=2"] * ("x1" in typed), "--no-explain", "--no-tree")
        assert "remainder" not in out[1] and "radians" not in out[1], typed


def test_what_is_plain_needs_no_word(capsys):
    for typed in ("2 * x", "x**2+1", " sin( x )", "maximum(x, 0)", "x # note"):
        assert "read as" not in shown(capsys, typed, "x=3")[1]


@pytest.mark.parametrize("typed", ["log(x)", "log x", "2log(x)", "log²x"])
def test_log_is_said_to_be_natural(typed, capsys):
    out = shown(capsys, typed, "x=2")[1]
    assert "log is the natural logarithm; that to base 10 is log10\n" in out


@pytest.mark.parametrize("typed", ["ln x", "log10(x)", "log1p(x)", "logsumexp([x, 1])"])
def test_other_logarithms_need_no_word(typed, capsys):
    assert "natural" not in shown(capsys, typed, "x=2")[1]


# ---- values -----------------------------------------------------------------------------------

NUMBERS = {
    "1/2": 0.5, "½": 0.5, "2½": 2.5, "-1": -1, "−1": -1, "1e-3": 1e-3, "1e3": 1e3, "π": math.pi,
    "30°": math.pi / 6, "2π": 2 * math.pi, "√2": 2**0.5, "2^3": 8, "10^-3": 1e-3, "e²": math.e**2,
    "5·10^-3": 5e-3, "5×10⁻³": 5e-3, "3!": 6, "|-2|": 2, "sin 30°": 0.5, " 2 ": 2, "+2": 2,
    ".5": 0.5,
    "ln 2": math.log(2), "٣": 3,
}  # fmt: skip


@pytest.mark.parametrize("value", NUMBERS)
def test_values_are_read_by_the_same_reader(value, capsys):
    code, out, _ = shown(capsys, "x*x", f"x={value}", "--no-tree", "--no-explain")
    assert code == 0 and float(out.split(" = ")[-1]) == pytest.approx(2 * NUMBERS[value], rel=1e-5)
    assert ("read as: x = " in out) == read(value).rewritten


@pytest.mark.parametrize("words", [["x", "=", "2"], ["x=", "2"], ["x", "=2"], ["x =", " 2"]])
def test_a_value_may_come_in_several_words(words, capsys):
    assert shown(capsys, "x*x", *words, "--no-tree", "--no-explain") == (0, "∂/∂x = 4\n", "")


def test_arrays_are_values_as_before(capsys):
    assert "∂/∂x = [2., 4.]" in shown(capsys, "x²", "x=[1,2]")[1]


@pytest.mark.parametrize("name", ["x₁", "x1", "x_1"])
def test_subscripts_are_part_of_a_name(name, capsys):
    code, out, _ = shown(capsys, "2x₁²", f"{name}=3", "--no-tree", "--no-explain")
    assert code == 0 and out.endswith(" = 12\n")


def test_greek_names(capsys):
    out = shown(capsys, "2αθ + λ", "α=2", "θ=3", "λ=1", "--no-tree", "--no-explain")[1]
    assert out.endswith("∂/∂α = 6\n∂/∂θ = 4\n∂/∂λ = 1\n")


# ---- what is refused --------------------------------------------------------------------------

# As it is typed; words of the message; what the carets are under.
REFUSED = {
    "0,5x": ("0,5 can be the number 0.5 or the list [0, 5]", "0,5"),
    "0,5*x": ("the number 0.5 or the list [0, 5]", "0,5"),
    "2(0,5 + x)": ("the number 0.5 or the list", "0,5"),
    "1,5e3x": ("the number 1.5e3 or the list [1, 5e3]", "1,5e3"),
    "1.234,5x": ("a point alone", "1.234,5"),
    "x + 1,234,567": ("the number 1234567 or the list", "1,234,567"),
    "1,000x": ("the number 1000, the number 1.000 or the list", "1,000"),
    "x + 1,234.5": ("the number 1234.5 or the list", "1,234.5"),
    "x·[1,5, 2]": ("[1.5, 2] or [1, 5, 2]", "[1,5, 2]"),
    "xᵀy": ("write transpose(x) @ y", "xᵀy"),
    "x^T y": ("write transpose(x) @ y", "T"),
    "(x + y)ᵀ": ("write transpose(x) @ y", "ᵀ"),
    "x + 2i": ("unknown name i; all numbers are real", "i"),
    "sin(0,5)": ("decimal numbers have a point", "sin(0,5)"),
    "1/2x": ("(1/2)*x or 1/(2*x)", "1/2x"),
    "1/2(x+1)": ("(1/2)*(x + 1) or 1/(2*(x + 1))", "1/2(x+1)"),
    "a/xy": ("(a/x)*y or a/(x*y)", "a/xy"),
    "x % 2y": ("(x%2)*y or x%(2*y)", "x % 2y"),
    "e^2x": ("e**2*x or e**(2*x)", "e^2x"),
    "e^xy": ("e**x*y or e**(x*y)", "e^xy"),
    "x^1/2": ("x**1/2 or x**(1/2)", "x^1/2"),
    "sin^-1 x": ("arcsin(x) or 1/sin(x)", "sin^-1"),
    "sin⁻¹(x)": ("arcsin(x) or 1/sin(x)", "sin⁻¹"),
    "tan^-1(x)": ("arctan(x) or 1/tan(x)", "tan^-1"),
    "ln^-1 x": ("the inverse function or 1/ln(x)", "ln^-1"),
    "sin x/2": ("sin(x)/2 or sin(x/2)", "sin x/2"),
    "sin 2*x": ("sin(2)*x or sin(2*x)", "sin 2*x"),
    "sin x (x+1)": ("sin(x)*(x + 1) or sin(x*(x + 1))", "sin x (x+1)"),
    "sin x y": ("sin(x)*y or sin(x*y)", "sin x y"),
    "√2x": ("√(2)*x or √(2*x)", "√2x"),
    "√x²": ("√(x)**2 or √(x**2)", "√x²"),
    "∛x²": ("∛(x)**2 or ∛(x**2)", "∛x²"),
    "√x^2": ("√(x)**2 or √(x**2)", "√x^2"),
    "|x|y|x|": ("which bars belong together", "|"),
    "x!": ("x! is for whole numbers, as 5!: there is no gamma function", "x!"),
    "(x+1)!": ("no gamma function", "(x+1)!"),
    "2.5!": ("no gamma function", "2.5!"),
    "gamma(x)": ("no gamma function", "gamma"),
    "x + 5!!": ("!! is not read", "!!"),
    "x + 171!": ("too large", "171!"),
    "log2x": ("log(x)/log(2), the logarithm to base 2, or log(2*x)", "log2x"),
    "log_3(x)": ("log(x)/log(3)", "log_3"),
    "exp2x": ("exp 2 x or exp2 x", "exp2x"),
    "sin + x": ("write sin(...)", "sin"),
    "2 sin": ("write sin(...)", "sin"),
    "maximum x": ("write maximum(...)", "maximum"),
    "x 2": ("a number stands before", "2"),
    "2 3x": ("two numbers side by side", "3"),
    "(x+1)2": ("a number stands before", "2"),
    "x2": ("unknown name x2", "x2"),
    "d/dx x^2": ("derivatives are printed by themselves", "d/dx"),
    "dy/dx": ("derivatives are printed by themselves", "dy/dx"),
    "∂/∂x x²": ("derivatives are printed by themselves", "∂"),
    "f'(x)": ("primes", "'"),
    "x′": ("primes", "′"),
    "∫x": ("integrals", "∫"),
    "∑x": ("sums over an index", "∑"),
    "∏x": ("products over an index", "∏"),
    "lim x": ("limits", "lim"),
    "x + ∞": ("infinity is no number", "∞"),
    "inf x": ("infinity is no number", "inf"),
    "±x": ("two values", "±"),
    "x → 0": ("arrows", "→"),
    "x; 2": ("parted by commas", ";"),
    "\\sin x": ("LaTeX", "\\"),
    "{x+1}2": ("written as a list", "{"),
    "⌊x⌋": ("slope 0", "⌊"),
    "x.T!": ("a point stands only in numbers", "."),
    "2x ? 1": ("? is not read here", "?"),
    "x\u202e2": ("U+202E", None),
    "50%·x": ("write 0.5 for 50%", "%"),
    "2x = 4": ("of an equation write the right side alone", "="),
    "y = 2x": ("of an equation write the right side alone", "="),
    "2(x": ("'(' was never closed", "("),
    "2x)": ("')' was never opened", ")"),
    "2(x]": ("'(' is closed by ']'", "]"),
    "|x": ("'|' was never closed", "|"),
    "2x +": ("missing at the end", None),
    "2x * / 3": ("missing before /", "/"),
    "()x": ("missing before )", ")"),
    "x choose 2": ("unknown name choose", "choose"),
    "[x y]": ("parted by commas", "y"),
    "|x|y + 1|+w|": ("which bars belong together", "|"),
    "x²³^2": ("two powers in a row", "^"),
    "sin²(x)²": ("two powers of one function", "²"),
    "x^sin y x": ("brackets", "x"),
    "³√x": ("cube root", "³"),
    "if 2x": ("where(x > 0, a, b)", "if"),
    "2j": ("only real numbers", None),
    "2x + foo": ("unknown name foo", "foo"),
    "2foo(x)": ("unknown function foo", "foo"),
    "log(x, 10)": ("write log(x)/log(b)", "log(x, 10)"),
    "arccot x": ("arctan(1/x)", "arccot"),
    "x½": ("a number stands before", "½"),
    "2x[0]": ("indexing", "["),
    "2x @ 3": ("@ and matmul multiply arrays", "2x @ 3"),
    "2sum(axis=0, x)": ("settings come last", "x"),
    "2sin(x, axis=0)": ("sin takes no axis=", "sin(x, axis=0)"),
    "2x + 1/0": ("division by zero", "1/0"),
    "2x + ln(0)": ("infinite here", "ln(0)"),
    "x²/0": ("division by zero", "x²/0"),
    "1.2.3x": ("two numbers side by side", ".3"),
    "2**": ("missing at the end", None),
    "x^": ("missing at the end", None),
    "1e999x": ("too large for a float", "1e999"),
}  # fmt: skip


@pytest.mark.parametrize("typed", REFUSED)
def test_what_is_ambiguous_or_not_known_is_refused(typed, capsys):
    told, place = REFUSED[typed]
    words = [f"{name}={value}" for name, value in VALUES.items()]
    code, out, err = shown(capsys, typed, *words)
    error, source, carets = err.splitlines()
    assert (code, out) == (2, "") and told in error
    assert source.strip() == typed.strip().replace("\u202e", "?")
    if place is not None:
        assert source[carets.index("^") : carets.rindex("^") + 1].startswith(place[:1])
        assert place in source[carets.index("^") :] and carets.count("^") <= len(typed)
    assert not PYTHON.search(error)


def test_readings_that_are_offered_are_read():
    for typed, entry in REFUSED.items():
        for reading in re.findall(r"can be (\S.*?) or (.+?)(?::|$)", entry[0]):
            assert all(read(text, VALUES) for text in reading if "the" not in text), typed


# What Python says of its own programs.
PYTHON = re.compile(
    "invalid|expected '|unterminated|unmatched|cannot assign|perhaps you|forgot|leading zeros"
    "|SyntaxError|f-string|token|literal|EOL|EOF|unexpected|does not match|Exceeds"
)  # fmt: skip


@pytest.mark.parametrize("value, told, place", [
    ("0,5", "0,5 can be the number 0.5 or the list [0, 5]", "0,5"),
    ("1,000", "the number 1000, the number 1.000 or the list", "1,000"),
    ("[1,5, 2,5]", "can be [1.5, 2.5] or [1, 5, 2, 5]", "[1,5, 2,5]"),
    ("[[0,5, 1], [2, 3]]", "can be [0.5, 1] or [0, 5, 1]", "[0,5, 1]"),
    ("[-0,5, 1]", "can be [-0.5, 1] or [-0, 5, 1]", "[-0,5, 1]"),
    ("1,5,2", "can be the list [1, 5, 2]", "1,5,2"), ("-0,5", "the number 0.5", "0,5"),
    ("50%", "write 0.5 for 50%", "%"), ("∞", "infinity is no number", "∞"),
    ("1 000", "two numbers side by side", "000"), ("[1 2]", "parted by commas", "2"),
    ("2y", "unknown name y", "y"), ("=2", "missing before =", "="), ("2m", "unknown name m", "m"),
    ("m!", "no gamma function", "m!"),
    ("1/2π", "(1/2)*π or 1/(2*π)", "1/2π"), ("'2'", "not a str", "'2'"),
    ("0x", "unknown name x", "x"),
    ("1_", "unknown name _", "_"), ("9" * 5000, "too large for a float", None),
])  # fmt: skip
def test_values_that_are_refused(value, told, place, capsys):
    code, out, err = shown(capsys, "x*x", f"x={value}")
    error, source, carets = err.splitlines()
    assert (code, out) == (2, "") and error.startswith("error: the value of x: ") and told in error
    if place:
        assert source[carets.index("^") :].startswith(place)
    assert not PYTHON.search(error)


# ---- arrays -----------------------------------------------------------------------------------


@pytest.mark.parametrize("typed, told", [
    ("w·x", "x*y, number by number, or x @ y"), ("wx", "x @ y"), ("w × x", "x @ y"),
    ("|x|w", "abs(x), number by number, or norm(x)"),
])  # fmt: skip
def test_signs_of_numbers_are_refused_where_they_mean_another_thing_for_arrays(typed, told, capsys):
    code, _, err = shown(capsys, typed, "w=[1, 2]", "x=[3, 4]")
    assert code == 2 and told in err and err.splitlines()[2].strip("^ ") == ""


def test_a_power_of_a_matrix_is_refused(capsys):
    code, _, err = shown(capsys, "x²", "x=[[1, 2], [3, 4]]")
    assert code == 2 and "x**2, number by number, or x @ x" in err
    assert shown(capsys, "x**2", "x=[[1, 2], [3, 4]]")[0] == 0


def test_numbers_times_arrays_are_no_matter(capsys):
    out = shown(capsys, "2x·w", "w=3", "x=[1, 2]", "--no-tree", "--no-explain")[1]
    assert out.endswith("∂/∂w = 6\n∂/∂x = [6., 6.]\n")
    assert shown(capsys, "‖x‖", "x=[3, 4]", "--no-tree", "--no-explain")[1].endswith("[0.6, 0.8]\n")


# ---- constants --------------------------------------------------------------------------------


def test_constants_keep_their_names(capsys):
    out = shown(capsys, "e^x + sin 2πx", "x=0.25")[1]
    assert re.search(r"├─ e +2\.72 +constant", out) and re.search(r"2\*π +6\.28 +constant", out)
    rules = re.findall(r"^     rule +(.+)$", out, re.M)
    assert rules == ["∂(e^x)/∂x = (e^x) log(e)", "∂((2*π)·x)/∂x = 2*π"]


def test_constants_keep_their_names_in_files(tmp_path):
    path = tmp_path / "graph.mmd"
    assert main(["pi*x + e*x", "x=2", "--save", str(path)]) == 0
    text = path.read_text(encoding="utf-8")
    assert "pi" in text and re.search(r"\be\b", text)


def test_a_variable_may_be_called_like_a_constant(capsys):
    assert shown(capsys, "sin 30° + pi", "pi=2", "--no-tree", "--no-explain")[1].endswith("= 1\n")
    out = shown(capsys, "ex", "e=2", "x=3", "--no-tree", "--no-explain")[1]
    assert out.endswith("∂/∂e = 3\n∂/∂x = 2\n")


# ---- random formulas --------------------------------------------------------------------------

# A formula is a tuple: its operation, and formulas, numbers or names.
COMPUTED = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b,
    "/": lambda a, b: a / b, "^": lambda a, b: a**b, "neg": lambda a: -a, "abs": abs,
    "sqrt": math.sqrt, "cbrt": lambda a: float(np.cbrt(a)), "sin": math.sin,
    "cos": math.cos, "exp": math.exp, "ln": math.log, "tanh": math.tanh, "arctan": math.atan,
}  # fmt: skip
CALLED = ["sin", "cos", "exp", "ln", "tanh", "arctan"]


def computed(tree):
    if isinstance(tree, float):
        return tree
    if isinstance(tree, str):
        return {"π": math.pi, "e": math.e, **VALUES}[tree]
    return COMPUTED[tree[0]](*map(computed, tree[1:]))


def formula(chance, depth):
    """A random formula."""
    if depth == 0 or chance.random() < 0.2:
        numbers = [2.0, 3.0, 0.5, 5.0, 10.0]
        return chance.choice([*"xyxywt", "π", "e", chance.choice(numbers), chance.choice(numbers)])
    kind = chance.choice("+ - * * * * / ^ ^ neg abs sqrt cbrt call call".split())
    first = formula(chance, depth - 1)
    if kind == "^":
        power = chance.choice([2.0, 3.0, 2.0, -1.0, "x", formula(chance, depth - 1)])
        return ("^", ("abs", first) if not isinstance(first, (str, float)) else first, power)
    if kind == "call":
        name = chance.choice(CALLED)
        return (name, ("abs", first) if name == "ln" else first)
    if kind in ("neg", "abs", "cbrt"):
        return (kind, first)
    if kind == "sqrt":
        return ("sqrt", first if isinstance(first, (str, float)) else ("abs", first))
    return (kind, first, formula(chance, depth - 1))


SUM, PRODUCT, SIGNED, POWER, ATOM = range(5)
RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


class Writer:
    """Writes formulas as people do; `careful` means with a bracket wherever one might ask."""

    def __init__(self, chance, careful):
        self.chance, self.careful = chance, careful

    def write(self, tree, level=SUM):
        text, own = self.parts(tree)
        return text if own >= level else f"({text})"

    def parts(self, tree):
        if isinstance(tree, float):
            return f"{tree:g}", ATOM if tree >= 0 else SIGNED
        if isinstance(tree, str):
            return tree, ATOM
        kind = tree[0]
        if kind in ("+", "-"):
            sign = self.chance.choice({"+": ["+", " + "], "-": ["-", " - ", " − "]}[kind])
            return self.write(tree[1]) + sign + self.write(tree[2], PRODUCT), SUM
        if kind == "neg":
            return self.chance.choice("-−") + self.write(tree[1], POWER), SIGNED
        if kind == "/":
            sign = self.chance.choice(["/", " / ", "÷"])
            return self.write(tree[1], PRODUCT) + sign + self.write(tree[2], POWER), PRODUCT
        return getattr(self, {"*": "times", "^": "power"}.get(kind, "call"))(tree)

    def times(self, tree):
        first, second = self.write(tree[1], PRODUCT), self.write(tree[2], POWER)
        bare = re.search(r"[a-z]{2} [^ ()]+$", first)  # sin x
        if bare and second[:3].rstrip() not in ("sin", "cos", "exp", "tan", "arc", "ln"):
            first = f"({first})"
        if re.match(r"[-−0-9.½]", second) or self.chance.random() < 0.3:
            return first + self.chance.choice(["*", "·", "×", " * ", "⋅"]) + second, PRODUCT
        if self.careful and (bare or "/" in first or "÷" in first or first[-1].isdigit()):
            return f"({first})({self.write(tree[2])})", PRODUCT
        space = self.chance.choice(["", " "])
        if first[-1].isalpha() and second[0].isalpha():
            space = " "
        return first + space + second, PRODUCT

    def power(self, tree):
        base = self.write(tree[1], ATOM)
        if isinstance(tree[2], float) and self.chance.random() < 0.5:
            return base + f"{tree[2]:g}".translate(RAISED), POWER
        if self.careful and not isinstance(tree[2], (float, str)):
            return f"{base}^({self.write(tree[2])})", POWER
        return base + self.chance.choice(["^", "**"]) + self.write(tree[2], SIGNED), POWER

    def call(self, tree):
        kind, inner = tree
        if kind == "abs":
            return f"|{self.write(inner)}|", ATOM
        if kind in ("sqrt", "cbrt") and self.chance.random() < 0.7:
            text = self.write(inner, ATOM)
            simple = isinstance(inner, (str, float)) or text[0] == "("
            level = ATOM if not simple or text[0] == "(" else POWER
            return "√∛"[kind == "cbrt"] + (text if simple else f"({text})"), level
        simple = isinstance(inner, (str, float)) and inner != "π"
        if simple and not self.careful or simple and self.chance.random() < 0.3:
            return f"{kind} {self.write(inner)}", PRODUCT
        return f"{kind}({self.write(inner)})", ATOM


@pytest.mark.parametrize("careful", [True, False])
@pytest.mark.parametrize("seed", range(10))
def test_random_formulas_give_the_right_number_or_are_refused(seed, careful):
    chance = random.Random(100 * careful + seed)
    readings = refusals = 0
    while readings + refusals < 100:
        tree = formula(chance, 4)
        try:
            wanted = computed(tree)
        except (ArithmeticError, ValueError):
            continue
        if isinstance(wanted, complex) or abs(wanted) > 1e100:
            continue
        typed = Writer(chance, careful).write(tree)
        try:
            found = read(typed, VALUES)
        except ExpressionError as error:
            assert not PYTHON.search(str(error)) and "wrong" not in str(error), (typed, str(error))
            refusals += 1
            continue
        readings += 1
        assert evaluate(found, VALUES) == pytest.approx(wanted, rel=1e-6, abs=1e-9), typed
    assert readings > (60 if careful else 20)


@pytest.mark.parametrize("seed", range(10))
def test_plain_expressions_are_taken_as_they_are(seed):
    """What is an expression already means what Python means by it, and is never rewritten."""
    chance = random.Random(seed)
    names = {name: COMPUTED[name] for name in ("sin", "cos", "tanh", "exp")} | {"sqrt": math.sqrt}
    for _ in range(100):
        typed = plain(chance, 4)
        assert read(typed, VALUES).text == typed
        try:
            wanted = eval(
                typed, {"__builtins__": {}}, names | VALUES | {"pi": math.pi, "e": math.e}
            )
        except (ArithmeticError, ValueError):
            continue
        if isinstance(wanted, float):
            assert evaluate(typed, VALUES) == pytest.approx(wanted, rel=1e-12)


def plain(chance, depth):
    if depth == 0 or chance.random() < 0.2:
        return chance.choice(["x", "y", "2", "0.5", "3.", "1e-1", "pi", "e", "1_0", "0x2"])
    first, second = plain(chance, depth - 1), plain(chance, depth - 1)
    forms = ["{} + {}", "{}-{}", "{}*{}", "({}) * ({})", "({})/({})", "-{}", "", "({})**2", "+{}"]
    form = chance.choice(forms)
    if not form:
        return f"{chance.choice(['sin', 'cos', 'tanh', 'exp'])}({first})"
    return form.format(first, second) if form.count("{}") == 2 else form.format(first)


# ---- whatever is typed ------------------------------------------------------------------------

PIECES = [
    *"xy2.5,;:!?()[]{}|^*/+-−×·÷√∛²³⁻¹ⁿ½°πe=<>≤'\"\\_@%&#~$∞∫∑∂′‖₁", "sin", "cos ", "ln", "log",
    "lim", "d/dx", " ", "**", "f(x)", "sin²", "10", "0,5", "max", "where(", "axis=", "if", "x.T",
    "\u200b", "\u202e", "漢", "é", "0x", "1e", "j", "True", "lambda", "||", "arc", "°C", "５", "\t",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
def test_garbage_ends_in_a_result_or_in_one_line_with_a_caret(seed, capsys):
    chance = random.Random(seed)
    for _ in range(60):
        typed = "".join(chance.choices(PIECES, k=chance.randint(1, 9)))
        where = chance.random() < 0.3
        words = ["x*x", f"x={typed}"] if where else [f"x + {typed}", "x=2", "y=3"]
        code, out, err = shown(capsys, *words, "--no-explain", "--no-tree")
        assert code in (0, 2), typed
        if code:
            error, source, carets = err.splitlines()
            assert out == "" and error.startswith("error: ") and set(carets.strip()) == {"^"}, typed
            assert not PYTHON.search(error), (typed, error)
            assert len(error) < 300


@pytest.mark.parametrize("typed", [
    "(" * 900 + "2x" + ")" * 900, "|" * 900 + "2x" + "|" * 900, "√" * 900 + "2x",
    "-" * 1900 + "2x", "sin " * 400 + "x", "2x" + "^x" * 900, "x" * 1999, "2[" * 600 + "x",
    "x²" * 900, "sin(" * 400 + "2x", "|x|" * 600, "|x|y" * 450,
    "(x)" * 600, "x^{" * 500, "½" * 1900,
    "x!" * 900, "xy" * 8,
], ids=lambda text: text[:6])  # fmt: skip
def test_depth_ends_in_a_result_or_in_one_line(typed, capsys):
    code, out, err = shown(capsys, typed, "x=1", "y=1", "--no-explain", "--no-tree")
    assert code in (0, 2) and (code == 0) == (err == "") and not PYTHON.search(err.split("\n")[0])


def test_every_other_name_of_a_function_is_one():
    for name, meant in {**ALIASES, **INVERSES}.items():
        assert meant in FUNCTIONS and name not in FUNCTIONS
        x = Tensor(0.6, requires_grad=True)
        arguments = "x, 2" if meant in ("power", "arctan2") else "x + 1"
        arguments = "x" if meant in ("arcsin", "arccos", "arctanh") else arguments
        assert evaluate(f"{name}({arguments})", {"x": x}).requires_grad
    assert evaluate("cot(0.6)", {}) == pytest.approx(1 / math.tan(0.6), rel=1e-14)
