"""The command `python -m autograd EXPRESSION name=value ...`: a tree, gradients, explanations.

Here the words of the command line are read, and results printed; what an expression may say stands
in `expression`.
"""

from __future__ import annotations

import keyword
import os
import re
import sys
import unicodedata
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from autograd import AutogradError, Tensor, compile, draw, explain, grad
from autograd.command.expression import FUNCTIONS, MOST_VALUE_LETTERS, Read, evaluate, read
from autograd.command.handwriting import ALIASES, INVERSES, ExpressionError
from autograd.drawing.writers.files import checked
from autograd.drawing.writers.labels import clean
from autograd.drawing.writers.text import columns, text
from autograd.words.numbers import short

__all__: list[str] = []

HELP = """Usage: python -m autograd EXPRESSION name=value ... [options]

Draws the computation graph of an expression, with the derivative by every variable.

  python -m autograd "relu(w*x + b)**2" w=2 x=-1.5 b=4
  python -m autograd "sum(softmax(x) * y)" "x=[1, 2, 3]" "y=[0, 1, 0]" --save graph.html

EXPRESSION  numbers, variables, + - * / ** @ %, comparisons, lists, pi or π, e, functions as below,
            with axis= and keepdims= where NumPy has them; nothing is evaluated as Python.
            Also as it is written by hand: 2x^2  (x+1)(x-1)  sin x  sin²x  |x|  √x  5!  sin 30°
            It is printed how that was read; what can be meant in two ways is refused.
name=value  a number, or an array as nested lists: x=-1.5  x=1e-3  "x=[[1, 2], [3, 4]]"  x=pi/2
            Decimal numbers have a point, and log is the natural logarithm.

Options:
  --save PATH        write a file too: .txt .mmd .dot .svg .html .png .pdf (may be repeated)
  --explain NAME     explain the derivative by this variable only (may be repeated)
  --no-explain       no explanations
  --no-tree          no tree
  --source           instead of both a program, forward and backward in plain NumPy, that runs
  --direction LR|TB  of a saved picture: left to right (LR, as it comes) or top to bottom
  --help             this text

Functions:
{functions}
Other names of functions:
{others}
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
    source: bool


class _UsageError(Exception):
    """A command line that cannot be read, and why."""


def main(arguments: list[str]) -> int:
    """Run the command; returns the exit code: 0, or 2 after an error, which goes to stderr."""
    if not arguments or "--help" in arguments or arguments == ["-h"]:
        others = _listed([*ALIASES, *INVERSES])
        return _written(HELP.format(functions=_listed(FUNCTIONS), others=others))
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
    given = [_name(word.partition("=")[0]) for word in words.values]
    found = read(words.expression, given)  # whatever is wrong with its syntax comes first
    for path in words.save:  # all of them, before the first is written
        checked(path)
    variables, notes = _variables(words.values)
    explained = None if words.explain is None else [_name(name) or name for name in words.explain]
    for name in explained or ():
        if name not in variables:
            raise _UsageError(f"--explain: there is no variable {clean(name)}")
    constants: dict[str, Any] = {}
    output = evaluate(found, variables, constants=constants)
    _check_used(variables, words, found)
    output = _differentiable(output, found, variables)
    scalar = output if output.size == 1 else np.sum(output)
    names = constants | variables
    graph = draw(scalar, names=names, direction=words.direction)
    graph = graph._titled(words.expression)
    for path in words.save:
        graph.save(path)
    notes = list(dict.fromkeys(_notes(found) + notes))
    if words.source:
        notes += [f"saved {path}" for path in words.save]
        return "".join(f"# {note}\n" for note in notes) + _program(found, variables)
    parts = ["".join(f"{note}\n" for note in notes)] if notes else []
    parts += [] if output.size == 1 else [_summed(output)]
    if words.tree:
        parts.append(text(graph.data, _width()))
    gradients = dict(zip(variables, grad(scalar, list(variables.values()), allow_unused=True)))
    parts.append("".join(_gradient(name, found) for name, found in gradients.items()))
    chosen = dict.fromkeys(gradients if explained is None else explained)
    parts += [
        f"{explain(scalar, variables[name], names=names)}\n"
        for name in chosen
        if gradients[name] is not None
    ]
    saved = "".join(f"saved {path}\n" for path in words.save)
    return "\n".join(parts + [saved] * bool(saved))


def _program(found: Read, variables: dict[str, Tensor]) -> str:
    """The result and its derivatives as a program in plain NumPy, with the given values."""

    def f(**given: Any) -> Any:
        leaves = {name: Tensor(value, requires_grad=True) for name, value in given.items()}
        output = _differentiable(evaluate(found, leaves), found, leaves)
        total = output if output.size == 1 else np.sum(output)
        gradients = grad(total, list(leaves.values()), allow_unused=True)
        return total.detach(), [g if g is None else g.detach() for g in gradients]

    compiled = compile(f)
    compiled(**{name: variable.data for name, variable in variables.items()})
    if not compiled.versions:
        raise _UsageError(f"--source: there is no program of this: {compiled.reason}")
    return compiled.source


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
        elif word in ("--no-explain", "--no-tree", "--source"):
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
    values, tree = _rejoined(plain[1:]), "--no-tree" not in flags
    source = "--source" in flags
    return _Words(plain[0], values, found["--save"], explained, tree, directions[-1], source)


_OPTIONS = (
    "--save", "--explain", "--no-explain", "--no-tree", "--source", "--direction", "--help",
)  # fmt: skip


def _rejoined(words: list[str]) -> list[str]:
    """`x = 2` without quotes comes as three words."""
    found: list[str] = []
    for word in words:
        begun = found and found[-1].rstrip().endswith("=") and "=" not in word
        if begun or found and "=" not in found[-1] and word.startswith("="):
            found[-1] += word
        else:
            found.append(word)
    return found


def _name(typed: str) -> str:
    """A name as expressions have it, of letters that can be written in two ways; "" for none."""
    name = unicodedata.normalize("NFKC", typed.strip())
    return name if name.isidentifier() and not keyword.iskeyword(name) else ""


def _variables(words: list[str]) -> tuple[dict[str, Tensor], list[str]]:
    """The Tensors that are given as name=value, and how values were read that say it otherwise."""
    found: dict[str, Tensor] = {}
    notes: list[str] = []
    for word in words:
        typed, sign, value = word.partition("=")
        name, start = _name(typed), len(word) - len(value)
        if value.rstrip()[-1:] in (",", ";"):  # of x=2, a list would be made in silence
            message = "values are parted by spaces alone, as in x=2 y=3"
            raise ExpressionError(message, word, start + len(value.rstrip()) - 1)
        if not sign:
            message = "a variable is given as name=value, as in x=1.5"
            raise ExpressionError(f"{message}; an expression with spaces stands in quotes", word, 0)
        if not name:
            raise ExpressionError("this is no name for a variable", word, 0, start - 1)
        if name in FUNCTIONS:
            raise ExpressionError(f"{name} is a function; choose another name", word, 0, start - 1)
        if name in found:
            raise ExpressionError(f"{name} is given twice", word, 0, start - 1)
        try:
            number = read(value, (), MOST_VALUE_LETTERS)
            data = np.array(evaluate(number, {}), dtype=float)
        except ExpressionError as error:
            place = error.start + start + len(value) - len(value.lstrip())
            end = place + error.end - error.start
            message = f"the value of {name}: {error}"
            near = word[max(start, place - 50) : place + 1]
            if re.search(r"[,;\s]\s*[^\W\d]\w*\s*=$", near):  # x=2,y=3
                message = "variables are words of their own, parted by spaces: x=2 y=3"
            raise ExpressionError(message, word, place, end) from None
        found[name] = Tensor(data, requires_grad=True, name=name)
        notes += [f"read as: {name} = {number.text}"] * number.rewritten + _meanings(number)
    return found, notes


def _check_used(variables: dict[str, Tensor], words: _Words, found: Read) -> None:
    used = found.names()
    for name, word in zip(variables, words.values):
        if name not in used:
            raise ExpressionError(f"{name} is not used in the expression", word, 0, len(name))


def _differentiable(output: Any, found: Read, variables: dict[str, Tensor]) -> Tensor:
    """The result as a Tensor that has derivatives; ExpressionError for any other."""
    if isinstance(output, Tensor) and output.requires_grad:
        return output
    if isinstance(output, Tensor) or not variables:
        message = f"there is no variable to differentiate by; the value is {short(output)}"
    else:
        message = "a comparison has no derivative; choose by it: where(x > 0, a, b)"
    raise ExpressionError(message, found.source, 0, len(found.source))


# ---- printing -----------------------------------------------------------------------------------


def _notes(found: Read) -> list[str]:
    """How an expression was read, where it says it in other words or another meaning is near."""
    return [f"read as: {found.text}"] * found.rewritten + _meanings(found)


def _meanings(found: Read) -> list[str]:
    """What is said of signs and names that mean another thing elsewhere."""
    notes = []
    typed = [found.source[piece.start : piece.end].lower() for piece in found.pieces]
    if "log" in typed or not typed and re.search(r"\blog\b", found.source):
        notes.append("log is the natural logarithm; that to base 10 is log10")
    if percent := re.search(r"(?<![\w.])[0-9.]+(?=\s*%)", found.source):
        notes.append(f"% is the remainder; {percent[0]} percent are {percent[0]}/100")
    if angle := re.search(r"\b(sin|cos|tan)\(([1-9][0-9]+)\)", found.text):
        notes.append(
            f"{angle[0]} is of {angle[2]} radians; of degrees it is {angle[1]}({angle[2]}°)"
        )
    return notes


def _summed(output: Tensor) -> str:
    return f"The result has the shape {output.shape}; its sum is differentiated.\n"


def _gradient(name: str, gradient: Tensor | None) -> str:
    """A line about a variable: its derivative, in full."""
    if gradient is None:
        return f"∂/∂{name} : none, for {name} is in comparisons only, which have no derivative\n"
    if gradient.ndim:
        text = np.array2string(gradient.data + 0.0, precision=6, separator=", ")  # -0 is 0
    else:
        text = f"{gradient.item() + 0.0:.6g}"
    head = f"∂/∂{name} = "
    return head + text.replace("\n", "\n" + " " * columns(head)) + "\n"


def _listed(names: Iterable[str]) -> str:
    import textwrap  # here, for help alone needs it

    return textwrap.fill(" ".join(sorted(names)), 96, initial_indent="  ", subsequent_indent="  ")


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


def _written(text: str) -> int:
    """Print to stdout; where the reader has gone (`| head`) end quietly."""
    try:
        _print(text, sys.stdout)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is left in the buffer would be written at exit, and fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _print(text: str, stream: Any) -> None:
    """Write a text; where the console lacks a letter, in letters that every console has."""
    encoding = stream.encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = "".join(_plain(line) for line in text.splitlines(keepends=True))
        text = text.encode(encoding, "replace").decode(encoding)
    stream.write(text)


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
