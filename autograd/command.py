"""The command `python -m autograd EXPRESSION name=value ...`: a tree, gradients, explanations.

Here the words of the command line are read, and results printed; what an expression may say stands
in `expression`.

May import: autograd, expression, drawing.
"""

from __future__ import annotations

import keyword
import os
import sys
from typing import Any, NamedTuple

import numpy as np

from autograd import AutogradError, Tensor, draw, explain, grad
from autograd.drawing.numbers import short
from autograd.drawing.writers.files import checked
from autograd.drawing.writers.labels import clean
from autograd.drawing.writers.text import columns, text
from autograd.expression import FUNCTIONS, MOST_VALUE_LETTERS, ExpressionError, evaluate, names_in

__all__: list[str] = []

HELP = """Usage: python -m autograd EXPRESSION name=value ... [options]

Draws the computation graph of an expression, with the derivative by every variable.

  python -m autograd "relu(w*x + b)**2" w=2 x=-1.5 b=4
  python -m autograd "sum(softmax(x) * y)" "x=[1, 2, 3]" "y=[0, 1, 0]" --save graph.html

EXPRESSION  numbers, variables, + - * / ** @ %, comparisons, lists, pi or π, e, functions as below,
            with axis= and keepdims= where NumPy has them; nothing is evaluated as Python
name=value  a number, or an array as nested lists: x=-1.5  x=1e-3  "x=[[1, 2], [3, 4]]"  x=pi/2

Options:
  --save PATH        write a file too: .txt .mmd .dot .svg .html .png .pdf (may be repeated)
  --explain NAME     explain the derivative by this variable only (may be repeated)
  --no-explain       no explanations
  --no-tree          no tree
  --direction LR|TB  of a saved picture: left to right (LR, as it comes) or top to bottom
  --help             this text

Functions:
{functions}
"""

_MARGIN = 2  # columns before an expression in an error
_SHOWN = 76  # of a longer expression only so much is shown in an error

# For consoles that know no Unicode.
_PLAIN: dict[str, str] = {
    "├": "|", "└": "`", "│": "|", "─": "-", "↑": "^", "↓": "v", "…": "~", "⚠": "!", "×": "*",
    "÷": "/", "−": "-", "·": "*", "∂": "d", "Σ": "sum", "Π": "prod", "√": "sqrt", "²": "^2",
    "³": "^3", "≈": "~", "→": "->", "←": "<-", "ᵀ": ".T", "’": "'", "′": "'", "∛": "cbrt",
    "π": "pi", "Φ": "Phi", "⊗": "(x)", "⁻": "^-", "¹": "1",
} | {small: plain for small, plain in zip("₀₁₂₃₄₅₆₇₈₉", "0123456789")}  # fmt: skip


class _Words(NamedTuple):
    """The words of the command line, sorted."""

    expression: str
    values: list[str]
    save: list[str]
    explain: list[str] | None  # None: every variable
    tree: bool
    direction: str


class _UsageError(Exception):
    """A command line that cannot be read, and why."""


def main(arguments: list[str]) -> int:
    """Run the command; returns the exit code: 0, or 2 after an error, which goes to stderr."""
    if not arguments or "--help" in arguments or arguments == ["-h"]:
        return _written(HELP.format(functions=_functions()))
    try:
        with np.errstate(all="ignore"):  # what is infinite is printed so
            return _written(_run(_sorted(arguments)))
    except ExpressionError as error:
        return _failed(f"{error}\n{_pointed(error)}")
    except (_UsageError, AutogradError, ImportError, OSError, ValueError) as error:
        return _failed(str(error))
    except Exception as error:  # a rule that fails is no news for whoever typed the expression
        return _failed(f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}")


def _run(words: _Words) -> str:
    """Everything that is printed, after everything is saved."""
    names_in(words.expression)  # whatever is wrong with its syntax comes first
    for path in words.save:  # all of them, before the first is written
        checked(path)
    variables = _variables(words.values)
    for name in words.explain or ():
        if name not in variables:
            raise _UsageError(f"--explain: there is no variable {clean(name)}")
    output = _differentiable(evaluate(words.expression, variables), words.expression)
    _check_used(variables, words)
    scalar = output if output.size == 1 else np.sum(output)
    graph = draw(scalar, names=variables, direction=words.direction)
    graph = graph._titled(words.expression)
    for path in words.save:
        graph.save(path)
    parts = [] if output.size == 1 else [_summed(output)]
    if words.tree:
        parts.append(text(graph.data, _width()))
    gradients = dict(zip(variables, grad(scalar, list(variables.values()), allow_unused=True)))
    parts.append("".join(_gradient(name, found) for name, found in gradients.items()))
    chosen = dict.fromkeys(gradients if words.explain is None else words.explain)
    parts += [
        f"{explain(scalar, variables[name])}\n" for name in chosen if gradients[name] is not None
    ]
    saved = "".join(f"saved {path}\n" for path in words.save)
    return "\n".join(parts + [saved] * bool(saved))


# ---- words --------------------------------------------------------------------------------------


def _sorted(arguments: list[str]) -> _Words:
    """The words of the command line; _UsageError for an option that there is not."""
    found: dict[str, list[str]] = {"--save": [], "--explain": [], "--direction": []}
    plain: list[str] = []
    flags = set()
    rest = iter(arguments)
    for word in rest:
        option, _, given = word.partition("=")
        if word == "--":  # whatever follows is no option
            plain += rest
        elif option in found:
            value = given if "=" in word else next(rest, None)
            if value is None:
                raise _UsageError(f"{option} wants a value after it; see --help")
            found[option].append(value)
        elif word in ("--no-explain", "--no-tree"):
            flags.add(word)
        elif word.startswith("--") and plain:
            raise _UsageError(f"unknown option {clean(word)}; known: {', '.join(_OPTIONS)}")
        else:
            plain.append(word)
    if not plain:
        raise _UsageError("the expression is missing; see --help")
    directions = found["--direction"] or ["LR"]
    if directions[-1] not in ("LR", "TB"):
        raise _UsageError(f"--direction is LR or TB, got {clean(directions[-1])}")
    explained = [] if "--no-explain" in flags else found["--explain"] or None
    return _Words(plain[0], plain[1:], found["--save"], explained, "--no-tree" not in flags,
                  directions[-1])  # fmt: skip


_OPTIONS = ("--save", "--explain", "--no-explain", "--no-tree", "--direction", "--help")


def _variables(words: list[str]) -> dict[str, Tensor]:
    """The Tensors that are given as name=value."""
    found: dict[str, Tensor] = {}
    for word in words:
        name, sign, value = word.partition("=")
        name = name.strip()
        start = len(word) - len(value)
        if not sign:
            raise ExpressionError("a variable is given as name=value, as in x=1.5", word, 0)
        if not name.isidentifier() or keyword.iskeyword(name) or not names_in(name):
            raise ExpressionError("this is no name for a variable", word, 0, start - 1)
        name = names_in(name).pop()  # of letters that can be written in two ways, the one in `ast`
        if name in FUNCTIONS:
            raise ExpressionError(f"{name} is a function; choose another name", word, 0, start - 1)
        if name in found:
            raise ExpressionError(f"{name} is given twice", word, 0, start - 1)
        try:
            data = np.array(evaluate(value, {}, MOST_VALUE_LETTERS), dtype=float)
        except ExpressionError as error:
            place = error.start + start + len(value) - len(value.lstrip())
            end = place + error.end - error.start
            raise ExpressionError(f"the value of {name}: {error}", word, place, end) from None
        found[name] = Tensor(data, requires_grad=True, name=name)
    return found


def _check_used(variables: dict[str, Tensor], words: _Words) -> None:
    used = names_in(words.expression)
    for name, word in zip(variables, words.values):
        if name not in used:
            raise ExpressionError(f"{name} is not used in the expression", word, 0, len(name))


def _differentiable(output: Any, source: str) -> Tensor:
    """The result as a Tensor that has derivatives; ExpressionError for any other."""
    if isinstance(output, Tensor) and output.requires_grad:
        return output
    if isinstance(output, Tensor) or not names_in(source):
        told = f"there is no variable to differentiate by; the value is {short(output)}"
    else:
        told = "a comparison has no derivative; choose by it: where(x > 0, a, b)"
    raise ExpressionError(told, source, 0, len(source))


# ---- printing -----------------------------------------------------------------------------------


def _summed(output: Tensor) -> str:
    return f"The result has the shape {output.shape}; its sum is differentiated.\n"


def _gradient(name: str, gradient: Tensor | None) -> str:
    """A line about a variable: its derivative, in full."""
    if gradient is None:
        return f"∂/∂{name} : none, for {name} is in comparisons only, which have no derivative\n"
    if gradient.ndim:
        told = np.array2string(np.asarray(gradient.data), precision=6, separator=", ")
    else:
        told = f"{gradient.item():.6g}"
    head = f"∂/∂{name} = "
    return head + told.replace("\n", "\n" + " " * columns(head)) + "\n"


def _functions() -> str:
    import textwrap  # here, for help alone needs it

    return textwrap.fill(
        " ".join(sorted(FUNCTIONS)), 96, initial_indent="  ", subsequent_indent="  "
    )


def _width() -> int:
    """The columns of the terminal; 100 where the text goes to a file or a pipe."""
    import shutil  # here, for this command alone needs it

    wanted = shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else 100
    return min(max(wanted, 60), 140)


def _pointed(error: ExpressionError) -> str:
    """The line in question with carets under the place; of a long line the part around it."""
    source = "".join(c if c.isprintable() else "?" for c in error.source)
    start = min(error.start, len(source))
    first = max(0, min(start - _SHOWN // 2, len(source) - _SHOWN))
    shown = source[first : first + _SHOWN]
    before = columns(shown[: start - first])
    marked = max(1, columns(shown[start - first : error.end - first]))
    return f"{' ' * _MARGIN}{shown}\n{' ' * (_MARGIN + before)}{'^' * marked}"


def _failed(message: str) -> int:
    _print(f"error: {message}\n", sys.stderr)
    return 2


def _written(told: str) -> int:
    """Print to stdout; where the reader has gone (`| head`) end quietly."""
    try:
        _print(told, sys.stdout)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is left in the buffer would be written at exit, and fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _print(told: str, stream: Any) -> None:
    """Write a text; where the console lacks a letter, in letters that every console has."""
    encoding = stream.encoding or "utf-8"
    try:
        told.encode(encoding)
    except UnicodeEncodeError:
        told = "".join(_plain(line) for line in told.splitlines(keepends=True))
        told = told.encode(encoding, "replace").decode(encoding)
    stream.write(told)


def _plain(line: str) -> str:
    """A line in letters that every console has; its columns stay below each other."""
    written, longer = "", 0
    for c, following in zip(line, line[1:] + "\n"):
        letters = _PLAIN.get(c, c)
        if c in "√∛" and following.isalnum():
            letters += " "  # "sqrt x" for "√x"
        longer += len(letters) - 1
        if c == " " and longer > 0 and written.endswith(" "):
            letters, longer = "", longer - 1
        written += letters
    return written
