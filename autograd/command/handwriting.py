"""Formulas as people write them, in the words of `expression`: 2x is 2*x, x² x**2, |x| abs(x).

`rewritten` cuts a text into words and signs, and walks them by the grammar of written formulas. On
its way it writes pieces, each with the place it comes from, which together are a plain expression.
What can be meant in two ways is refused, with both. Nothing is computed here but n!.
"""

from __future__ import annotations

import itertools
import keyword
import math
import re
import unicodedata
from collections.abc import Collection, Iterator
from typing import NamedTuple

__all__: list[str] = []


class ExpressionError(ValueError):
    """What is wrong with an expression, in one line, and where: from one character to another."""

    def __init__(self, message: str, source: str, start: int = 0, end: int = 0) -> None:
        super().__init__(message)
        self.source, self.start, self.end = source, start, max(end, start + 1)


class NotRead(ExpressionError):
    """What is no formula at all: whoever knows better words for it says them instead."""


class Words(NamedTuple):
    """The words that have a meaning; of the functions, those of a single argument again."""

    variables: Collection[str]
    constants: Collection[str]
    functions: Collection[str]
    single: Collection[str]

    def named(self, name: str) -> bool:
        return name in self.variables or name in self.constants


class Piece(NamedTuple):
    """A part of what is written, and the place in the source that it comes from."""

    text: str
    start: int
    end: int
    doubtful: bool = False  # means another thing where arrays are meant: x·y, |x|, A²


class _Token(NamedTuple):
    kind: str
    text: str  # as it is written in an expression
    start: int
    end: int
    joined: bool = False  # goes on in the word of the token before: the y of xy


# ---- words and signs ----------------------------------------------------------------------------

# Other names of functions, and functions that are one divided by another.
ALIASES = {
    "acos": "arccos", "acosh": "arccosh", "arcosh": "arccosh", "arctg": "arctan",
    "arcsen": "arcsin", "arsinh": "arcsinh", "artanh": "arctanh", "asin": "arcsin",
    "asinh": "arcsinh", "atan": "arctan", "atan2": "arctan2", "atanh": "arctanh", "lb": "log2",
    "lg": "log10", "ln": "log", "log_10": "log10", "log_2": "log2", "log_e": "log",
    "pow": "power", "sen": "sin", "senh": "sinh", "sgn": "sign", "tg": "tan", "tgh": "tanh",
}  # fmt: skip
INVERSES = {
    "cosec": "sin", "cot": "tan", "cotan": "tan", "cotg": "tan", "coth": "tanh", "csc": "sin",
    "csch": "sinh", "ctg": "tan", "sec": "cos", "sech": "cosh",
}  # fmt: skip

_BY_ITSELF = "derivatives are printed by themselves, by every variable: write the expression alone"
_NO_GAMMA = "x! is for whole numbers, as 5!: there is no gamma function here"
_JUMPS = "what is rounded has the slope 0 and jumps: it is not known here"
_SEE = "see --help for what is read"
# Names that are refused with a reason, where no variable is called so.
_NO_NAMES = {
    "arccot": "write arctan(1/x)", "arccotg": "write arctan(1/x)", "arcctg": "write arctan(1/x)",
    "acot": "write arctan(1/x)", "arccsc": "write arcsin(1/x)",
    "acsc": "write arcsin(1/x)", "arcsec": "write arccos(1/x)", "asec": "write arccos(1/x)",
    "ceil": _JUMPS, "floor": _JUMPS, "round": _JUMPS, "factorial": _NO_GAMMA, "gamma": _NO_GAMMA,
    "Gamma": _NO_GAMMA, "deg": "write 30°", "degrees": "write 30°", "mod": "write x % 3",
    "inf": "infinity is no number: write a large one, 1e6",
    "infinity": "infinity is no number: write a large one, 1e6",
    "int": "integrals are not computed here", "integral": "integrals are not computed here",
    "lim": "limits are not computed here", "limit": "limits are not computed here",
    "diff": _BY_ITSELF, "derivative": _BY_ITSELF,
}  # fmt: skip
_NO_SIGNS = {
    "∫∮∬": "integrals are not computed here",
    "∑": "sums over an index are not read: write sum([x, x**2]) or the terms",
    "∏": "products over an index are not read: write the factors",
    "∂∇": _BY_ITSELF, "'’‘′″`´": f"no primes are read: {_BY_ITSELF}",
    "∞": "infinity is no number: write a large one, 1e6",
    "±∓": "± has two values: write + and - in turn",
    "→↦⇒←": "limits and arrows are not read",
    '"“”„«»': "text is not allowed",
    ";": "; is not read: the numbers of a list are parted by commas, as in [1, 2]",
    ":": ": is not read: write / for a quotient, x=1.5 for a value",
    "\\": "no LaTeX is read: write sqrt(x), (x + 1)/2, sin(x)",
    "{}": "{ } are not read: brackets are ( ), an array is written as a list: [1, 2]",
    "∘": "write sin(cos(x)) for a composition", "⌊⌋⌈⌉": _JUMPS,
    ".": "a point stands only in numbers: write sum(x) for x.sum(), * for a product",
    "€$£": "no units are read", "…": "all terms must be written out",
}  # fmt: skip

_SIGNS = {
    "**": ("power", "**"), "^": ("power", "**"), "↑": ("power", "**"),
    "==": ("compare", "=="), "!=": ("compare", "!="), "≠": ("compare", "!="),
    "<=": ("compare", "<="), "≤": ("compare", "<="), "≦": ("compare", "<="), "⩽": ("compare", "<="),
    ">=": ("compare", ">="), "≥": ("compare", ">="), "≧": ("compare", ">="), "⩾": ("compare", ">="),
    "<": ("compare", "<"), ">": ("compare", ">"), "!": ("!", "!"), "=": ("=", "="),
    "∥": ("|", "‖"), "√": ("√", "sqrt("), "∛": ("√", "cbrt("), "∜": ("√", "(("),
} | {
    c: (kind, text or c)
    for kind, text, letters in (
        ("sign", "+", "+"), ("sign", "-", "-−‒–—"), ("times", "*", "*×·\u0387⋅∙•∗✕✖⨯"),
        ("times", "/", "/÷∕⁄"), ("times", "", "@%"), ("°", "°", "°º˚"), ("|", "", "|‖"),
        ("", "", "()[],"),
    )
    for c in letters
}  # fmt: skip
_RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿⁱˣʸᵃᵇᵏᵐᵖᵗ", "0123456789+-nixyabkmpt"))
_LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789"))
_UNSEEN = "\u00ad\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\ufeff"
_NUMBER = re.compile(
    "0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+"
    r"|(?:[0-9](?:_?[0-9])*\.?(?:[0-9](?:_?[0-9])*)?|\.[0-9](?:_?[0-9])*)(?:[eE][+-]?[0-9]+)?"
)
_LONGEST = 16  # letters of a word that may be several: xsin, sin2x
_MOST_WAYS = 100  # of pairing bars that are tried
_PAIRS = {"(": ")", "[": "]", "{": "}"}


def check_commas(source: str, functions: Collection[str]) -> None:
    """Refuse `0,5`: half of the world means 0.5, and a list would be taken in silence."""
    around = [""]  # what has opened the brackets around a place; "f" for those of a function
    for k, c in enumerate(source):
        if c in "([":
            before = re.search(r"(\w+|=)\s*$", source[:k][-50:])
            calls = before and (before[1] == "=" or before[1] in functions)
            around.append("f" if c == "(" and calls else c)
        elif c in ")]":
            around = around[:-1] or [""]
        elif c == "," and around[-1] in ("", "(") and source[k + 1 : k + 2].isdigit():
            if before := re.search(r"(?<![\w.])[0-9.]*[0-9]$", source[max(k - 50, 0) : k]):
                raise _comma(source, k - len(before[0]))
    for found in re.finditer(r"\[([^][()]*)\]", source):  # [1,5, 2,5]
        numbers = re.split(r",\s+", found[1].strip())
        if len(numbers) > 1 and all(re.fullmatch(r"[-+]?[0-9]+(,[0-9]+)?", n) for n in numbers):
            if "," in (tight := " ".join(numbers)):
                points, commas = tight.replace(",", ".").split(), tight.replace(",", " ").split()
                message = (
                    f"can be [{', '.join(points)}] or [{', '.join(commas)}]: write one of them"
                )
                raise ExpressionError(f"{found[0]} {message}", source, *found.span())


def _comma(source: str, start: int) -> ExpressionError:
    number = (re.match(r"[0-9.]+(,[0-9.]+)*([eE][+-]?[0-9]+)?", source[start:]) or [""])[0]
    listed = "[" + number.replace(",", ", ") + "]"
    message = f"{number} can be the list {listed}, or a number: write that with a point alone"
    if re.fullmatch(r"[1-9][0-9]{0,2}(,[0-9]{3})+(\.[0-9]+)?", number):  # parted by thousands
        whole = f"the number {number.replace(',', '')}"
        whole += f", the number {number.replace(',', '.')}" * (
            len(number) < 8 and "." not in number
        )
        message = f"{number} can be {whole} or the list {listed}: write one of them"
    elif number.count(",") == 1 and "." not in number:
        point = number.replace(",", ".")
        message = f"{number} can be the number {point} or the list {listed}: write one of them"
    return ExpressionError(message, source, start, start + len(number))


def _tokens(source: str, words: Words) -> list[_Token]:
    """The words and signs of a formula, and one more, "end"."""
    line = "".join(map(_same, source))
    found: list[_Token] = []
    at = 0
    while at < len(line):
        if line[at] == "#":  # a comment, as in Python
            break
        if line[at].isspace() or line[at] in _UNSEEN:
            at += 1
            continue
        found += _next(source, line, at, found, words)
        at = found[-1].end
    return [*found, _Token("end", "", len(source), len(source))]


def _same(c: str) -> str:
    """The letter of ASCII that another one is: of digits of other scripts, of wide signs."""
    if c.isascii() or c in _SIGNS or c in _RAISED or c in _LOWERED:
        return c
    if c.isdecimal():
        return str(unicodedata.decimal(c))
    same = unicodedata.normalize("NFKC", c)
    return same if len(same) == 1 and same.isascii() and not same.isalnum() else c


def _next(source: str, line: str, at: int, found: list[_Token], words: Words) -> list[_Token]:
    """What begins at a place: a number, a word (which may be several tokens), or a sign."""
    c = line[at]
    if number := _NUMBER.match(line, at):
        return [_number(source, number)]
    if c in _RAISED:
        end = next((k for k in range(at, len(line)) if line[k] not in _RAISED), len(line))
        return [_Token("raised", "".join(_RAISED[c] for c in line[at:end]), at, end)]
    if c.isidentifier() and c not in _SIGNS:
        return _word(source, line, at, bool(found) and found[-1].kind == "number", words)
    if c in "{}" and (c == "}" or found and found[-1].kind == "power"):
        opened = sum((source[t.start] == "{") - (source[t.start] == "}") for t in found)
        if c == "{" or opened:  # x^{2}
            return [_Token("(" if c == "{" else ")", c, at, at + 1)]
    if fraction := re.fullmatch("([0-9]+)⁄([0-9]+)", unicodedata.normalize("NFKC", c)):
        return [_Token("fraction", f"({fraction[1]}/{fraction[2]})", at, at + 1)]
    for size in (2, 1):
        if line[at : at + size] in _SIGNS:
            kind, text = _SIGNS[line[at : at + size]]
            return [_Token(kind or text, text, at, at + size)]
    raise NotRead(_no_sign(c), source, at)


def _no_sign(c: str) -> str:
    for signs, message in _NO_SIGNS.items():
        if c in signs:
            return message
    return f"{c if c.isprintable() else f'the character U+{ord(c):04X}'} is not read here; {_SEE}"


def _number(source: str, found: re.Match[str]) -> _Token:
    text = found[0].replace("_", "")
    if text.isdigit():
        text = text.lstrip("0") or "0"
    if text[:2].lower() not in ("0x", "0o", "0b") and float(text) == math.inf:
        raise ExpressionError("this number is too large for a float", source, *found.span())
    return _Token("number", text, *found.span())


def _word(source: str, line: str, at: int, number: bool, words: Words) -> list[_Token]:
    """A name, a function, or several of them without a space between."""
    end = at + 1
    while end < len(line) and ("a" + line[end]).isidentifier() and line[end] not in _SIGNS:
        end += 1
    name = unicodedata.normalize("NFKC", line[at:end])
    low = re.match(f"[{''.join(_LOWERED)}]*", line[end:])
    if low and low[0]:  # x₁
        digits = "".join(_LOWERED[c] for c in low[0])
        name += f"_{digits}" if words.named(f"{name}_{digits}") else digits
        end += len(low[0])
    raised = next((k for k in range(at + 1, end) if line[k] in _RAISED), None)
    if raised and not words.named(name):  # xⁿ, which could be a name
        return _word(source, line[:raised], at, number, words)
    if number and name in ("j", "J") and not words.named(name):
        raise NotRead("only real numbers are allowed", source, at, end)
    if kind := _kind(name, words):
        return [_Token(kind, name, at, end)]
    if _kind(name.lower(), words) == "function":  # Sin x
        return [_Token("function", name.lower(), at, end)]
    _check_word(name, source, at, end)
    return _several(name, source, at, end, words) or [_Token("name", name, at, end)]


def _kind(name: str, words: Words) -> str:
    if words.named(name):
        return "name"
    if name in words.functions or name in ALIASES or name in INVERSES:
        return "function"
    return "literal" if name in ("True", "False", "None") else ""


def _check_word(name: str, source: str, at: int, end: int) -> None:
    """Refuse words by name: those of Python, those that have a cure."""
    if keyword.iskeyword(name):
        message = f"{name} is not read here: choose with where(x > 0, a, b)"
        raise NotRead(message, source, at, end)
    if "ᵀ" in source[at:end] or name == "T" and source[:at].rstrip()[-1:] == "^":
        raise ExpressionError("no transposes are read: write transpose(x) @ y", source, at, end)
    if name in ("inf", "infinity") or name in _NO_NAMES and re.match(r"\s*[(\w]", source[end:]):
        raise ExpressionError(f"{name}: {_NO_NAMES[name]}", source, at, end)
    if base := re.fullmatch(r"log_?([0-9]+|(?<=_)[a-zA-Z])(\w*)", name):
        message = f"write log({base[2] or 'x'})/log({base[1]}), the logarithm to base {base[1]}"
        message += f", or log({base[1]}*{base[2]})" * bool(base[2])
        raise ExpressionError(f"{name}: {message}", source, at, end)


def _several(name: str, source: str, at: int, end: int, words: Words) -> list[_Token]:
    """The tokens of a word that is several names and functions in a row: xsin, 2xy, sin2x."""
    if len(name) > min(_LONGEST, end - at):
        return []
    ways = _ways(name, words)
    if len(ways) > 1:
        either = " or ".join(" ".join(way) for way in ways[:2])
        raise ExpressionError(f"{name} can be {either}: write one of them", source, at, end)
    found: list[_Token] = []
    for piece in ways[0] if ways else ():
        start = found[-1].end if found else at
        kind = _kind(piece, words) or "number"
        found.append(_Token(kind, piece, start, start + len(piece), bool(found)))
    ends = re.match(r"\s*([-+*/,)\]=<>!%@]|$)", source[end:])
    if ends and found and found[-1].kind == "function":
        return []  # no argument: a name that is not known
    return found


def _ways(name: str, words: Words, called: bool = False) -> list[list[str]]:
    """How a word can be cut into names and functions; behind a function into a number, too."""
    if not name:
        return [[]]
    found = []
    for k in range(1, len(name) + 1):
        piece, rest = name[:k], name[k:]
        number = called and piece.isdigit() and not rest[:1].isdigit()
        kind = _kind(piece, words)
        if number or kind in ("name", "function"):
            found += [[piece, *way] for way in _ways(rest, words, kind == "function")]
    return found


# ---- grammar ------------------------------------------------------------------------------------


def rewritten(source: str, words: Words) -> list[Piece]:
    """A formula as pieces of a plain expression.

    Raises NotRead for what is no formula, and ExpressionError for what can be meant in two ways.
    """
    try:
        first = _Reader(source, words)
        error = first.tried()
        ways = itertools.islice(_others(first, error), _MOST_WAYS)
        others = [other for other in ways if other.tried() is None]
    except RecursionError:
        raise ExpressionError("nested too deeply", source) from None
    if others and (error is None or len(others) > 1):
        message = "which bars belong together cannot be seen: write abs(x)"
        raise first.error(message, first.closed[0][0])
    if error is not None and not others:
        raise error
    return (others or [first])[0].out


def _others(first: _Reader, error: NotRead | None) -> Iterator[_Reader]:
    """The same formula with bars that open where others would close: |x|y|| is |x*|y||.

    Where it can be read already, as |x||y||z|, two bars in a row are the end and the beginning.
    """
    found = [first]
    while found:
        reader = found.pop()
        for token, following in reader.closed:
            double = error is None and following.kind == "|"
            if not double and token.start > max((bar.start for bar in reader.opened), default=-1):
                other = _Reader(first.source, first.words, (*reader.opened, token))
                yield other
                found.append(other)


class _Reader:
    """Walks the tokens; each method reads a part of the grammar, and writes it."""

    def __init__(self, source: str, words: Words, opened: tuple[_Token, ...] = ()) -> None:
        self.source, self.words, self.tokens = source, words, _tokens(source, words)
        self.opened = opened  # bars that open although they could close
        # Those that close although they could open, and what follows.
        self.closed: list[tuple[_Token, _Token]] = []
        self.at = 0
        self.out: list[Piece] = []
        self.bars: list[str] = []  # those that are open
        self.listed = False  # right inside of a list
        # The last thing read was a function without brackets: where it begins and ends in `out`.
        self.bare: tuple[int, int] | None = None
        self.methods = {
            "number": self.number, "name": self.name, "function": self.function,
            "(": self.bracket, "[": self.array, "|": self.bar, "√": self.root,
            "fraction": self.plain,
        }  # fmt: skip

    # ---- tools ----------------------------------------------------------------------------------

    @property
    def next(self) -> _Token:
        return self.tokens[self.at]

    def take(self) -> _Token:
        self.at += 1
        return self.tokens[self.at - 1]

    def plain(self) -> None:
        token = self.take()
        self.write(token.text, token)

    def write(self, text: str, token: _Token, doubtful: bool = False) -> None:
        self.out.append(Piece(text, token.start, token.end, doubtful))

    def between(self, text: str, doubtful: bool = False) -> None:
        """Write what stands nowhere in the source, at the place where reading is."""
        place = self.tokens[self.at - 1].end if self.at else 0
        self.out.append(Piece(text, place, place, doubtful))

    def text(self, start: int, end: int | None = None) -> str:
        return "".join(piece.text for piece in self.out[start:end])

    def spaced(self) -> bool:
        """Whether there is space before the next token."""
        return self.at > 0 and self.tokens[self.at - 1].end < self.next.start

    def error(self, message: str, first: _Token, last: _Token | None = None) -> ExpressionError:
        return ExpressionError(message, self.source, first.start, (last or first).end)

    def wrong(self, message: str, token: _Token) -> NotRead:
        return NotRead(f"wrong syntax: {message}", self.source, token.start, token.end)

    def two_ways(self, first: int, one: str, other: str) -> ExpressionError:
        """What stands from a token on to here can be read in two ways."""
        start, end = self.tokens[first].start, self.tokens[self.at - 1].end
        message = f"{self.source[start:end]} can be {one} or {other}: write one of them"
        return ExpressionError(message, self.source, start, end)

    def constant(self, name: str) -> bool:
        return name in self.words.constants and name not in self.words.variables

    def begins(self) -> bool:
        """Whether the next token begins an operand: behind another one it is multiplied by it."""
        if self.next.kind == "|":
            return self.next.text not in self.bars[-1:] or self.next in self.opened
        return self.next.kind in self.methods

    # ---- a formula ------------------------------------------------------------------------------

    def tried(self) -> NotRead | None:
        """Read; what comes in the way of it is returned."""
        try:
            self.everything()
        except NotRead as error:
            return error
        return None

    def everything(self) -> None:
        self.refuse_derivatives()
        self.skip_definition()
        self.items("end")
        if self.next.kind == "=" and self.tokens[self.at + 1].kind == "end":
            self.take()  # as on a calculator
        if self.next.kind != "end":
            raise self.left_over(self.next)
        self.strip(0)

    def refuse_derivatives(self) -> None:
        """d/dx, dy/dx."""
        for one, sign, other in zip(self.tokens, self.tokens[1:], self.tokens[2:]):
            names = one.kind == other.kind == "name" and sign.text == "/"
            if names and re.fullmatch("d.?/d.?", f"{one.text}/{other.text}"):
                if not self.words.named(one.text) and not self.words.named(other.text):
                    raise self.error(_BY_ITSELF, one, other)

    def skip_definition(self) -> None:
        """Of f(x) = x² only the right side is read."""
        kinds = " ".join(token.kind for token in self.tokens)
        if re.match(r"name \( name( , name)* \) = (?!end)", kinds):
            if not self.words.named(self.next.text):
                self.at = next(k for k, token in enumerate(self.tokens) if token.kind == "=") + 1

    def left_over(self, token: _Token) -> NotRead:
        message = f"{self.source[token.start : token.end]} is not expected here"
        if token.kind == "=":
            message = "give values after the expression; of an equation write the right side alone"
        elif token.kind in (")", "]"):
            message = f"'{token.text}' was never opened"
        return self.wrong(message, token)

    def items(self, close: str) -> None:
        """Expressions with commas between; the closing bracket stays."""
        while True:
            self.expression()
            if self.next.kind != ",":
                return
            self.write(", ", self.take())
            if self.next.kind == close:
                return

    def expression(self) -> None:
        self.total()
        while self.next.kind == "compare":
            self.write(f" {self.next.text} ", self.take())
            self.total()

    def total(self) -> None:
        self.product()
        while self.next.kind == "sign":
            self.write(f" {self.next.text} ", self.take())
            self.product()

    def product(self) -> None:
        begin, first = len(self.out), self.at
        divided = 0  # where the sign of division stands, of which the last factor is the divisor
        self.factor()
        while True:
            sign, last = len(self.out), self.tokens[self.at - 1]
            if self.next.kind == "times":
                self.refuse_after_bare()
                self.times()
                divided = sign if self.out[sign].text in ("/", "%") else 0
            elif self.begins():
                self.refuse_after_bare()
                self.beside(last)
                if divided:
                    raise self.divisor_in_doubt(first, begin, divided, sign)
            else:
                return

    def times(self) -> None:
        """A sign of multiplication or division, and the factor behind."""
        token = self.take()
        typed = self.source[token.start : token.end]
        self.write(token.text, token, doubtful=token.text == "*" != typed)
        self.factor()

    def beside(self, last: _Token) -> None:
        """A factor without a sign before it."""
        token = self.next
        if self.listed and self.spaced():
            raise self.error("the numbers of a list are parted by commas; a product has a *", token)
        known = last.kind != "name" or self.words.named(last.text)
        if known and token.kind in ("number", "fraction"):
            message = "a number stands before what it multiplies: write 2*x, or x**2"
            if last.kind == "number":
                message = "two numbers side by side: write one, or a product, 2*3"
            raise self.wrong(message, token)
        self.between("*", doubtful=True)
        if token.kind != "[":
            self.power()
        elif last.kind == "name":
            raise NotRead("indexing is not allowed", self.source, token.start, token.end)
        else:  # 2[x + 1]
            begin = len(self.out)
            self.power()
            if not self.rounded(begin):
                message = "the product of a list can be meant in several ways: write *, dot or @"
                raise self.error(message, token)

    def rounded(self, begin: int) -> bool:
        """Make round brackets of square ones, if there is one thing between them."""
        close = self.partner(begin)
        if close in (None, begin + 1) or any(p.text == ", " for p in self.out[begin:close]):
            return False
        self.out[begin] = self.out[begin]._replace(text="(")
        self.out[close] = self.out[close]._replace(text=")")
        return True

    def factor(self) -> None:
        while self.next.kind == "sign":
            self.plain()
        self.power()

    def power(self) -> None:
        begin, first = len(self.out), self.at
        self.operand()
        if self.next.kind != "power":
            return
        base = self.text(begin)
        if self.tokens[self.at - 1].kind == "raised":
            raise self.error("two powers in a row: put one of them in brackets", self.next)
        token = self.take()
        typed = self.source[token.start : token.end]
        self.write("**", token, doubtful=typed != "**")
        inner = len(self.out)
        self.factor()
        self.check_exponent(first, base, self.text(inner))

    def check_exponent(self, first: int, base: str, exponent: str) -> None:
        """Refuse what may belong to an exponent or not: e^2x, e^xy, x^1/2."""
        quotient = self.next.text == "/" and exponent in ("1", "-1")
        one_token = self.tokens[first + 1].kind == "power"
        fixed = one_token and (self.tokens[first].kind == "number" or self.constant(base))
        number = exponent.lstrip("-").replace(".", "").isdigit()
        near = self.begins() and not self.spaced()
        if self.bare and (self.begins() or self.next.kind == "times"):
            raise self.error("put the exponent in brackets", self.next)
        if quotient or near and (self.next.joined or fixed and number):
            sign, start = "/" if quotient else "*", len(self.out)
            if quotient:
                self.take()
            self.power()
            rest = self.text(start)
            power, whole = f"{base}**{exponent}{sign}{rest}", f"{exponent}{sign}{rest}"
            raise self.two_ways(first, power, f"{base}**({whole})")

    # ---- operands -------------------------------------------------------------------------------

    def operand(self) -> None:
        self.bare = None
        begin, token = len(self.out), self.next
        if token.kind not in self.methods:
            raise self.missing(token)
        self.methods[token.kind]()
        self.bare = self.bare if token.kind == "function" else None
        while self.next.kind in ("!", "°", "raised"):
            if self.next.kind == "!":
                self.factorial(begin, token)
            elif self.next.kind == "°":
                self.degrees(begin, token)
            else:
                self.raised()

    def missing(self, token: _Token) -> ExpressionError:
        typed = self.source[token.start : token.end]
        if token.kind == "raised" and self.tokens[self.at + 1].kind == "√":
            return self.error("write ∛x or cbrt(x) for a cube root, x^(1/n) for others", token)
        if self.at and self.tokens[self.at - 1].text == "%":
            message = "% is the remainder: write 0.5 for 50%"
            return self.wrong(message, self.tokens[self.at - 1])
        where = f"before {typed}" if token.kind != "end" else "at the end"
        return self.wrong(f"a number or a variable is missing {where}", token)

    def number(self) -> None:
        token = self.take()
        if self.next.kind != "fraction":
            self.write(token.text, token)
        elif token.text.isdigit():  # 2½
            self.write(f"({token.text}+{self.next.text[1:]}", token._replace(end=self.take().end))
        else:
            raise self.wrong("a fraction stands behind a whole number", self.next)

    def name(self) -> None:
        token = self.next
        known = self.words.named(token.text)
        if not known and self.tokens[self.at + 1].kind == "(":
            self.called(f"{token.text}(", ")")  # a function that there is not
        else:
            self.plain()

    def bracket(self) -> None:
        opening, outside = self.take(), (self.bars, self.listed)
        self.bars, self.listed = [], False
        self.write("(", opening)
        self.items(")")
        self.close(opening, ")")
        self.bars, self.listed = outside

    def array(self) -> None:
        opening, outside = self.take(), (self.bars, self.listed)
        self.bars, self.listed = [], True
        self.write("[", opening)
        if self.next.kind != "]":
            self.items("]")
        self.close(opening, "]")
        self.bars, self.listed = outside

    def close(self, opening: _Token, text: str) -> None:
        opened, closed = opening.text, self.next.text
        if self.next.kind == "end":
            raise self.wrong(f"'{opened}' was never closed", opening)
        if self.next.kind not in (")", "]"):
            raise self.left_over(self.next)
        if closed != _PAIRS.get(opened, ")"):
            raise self.wrong(f"'{opened}' is closed by '{closed}'", self.next)
        token = self.take()
        if text:
            self.write(text, token)

    def bar(self) -> None:
        """|x|, and ‖x‖ or ||x||, the norm."""
        opening, begin = self.take(), len(self.out)
        self.bars = [*self.bars, opening.text]
        self.write("abs(" if opening.text == "|" else "norm(", opening, opening.text == "|")
        inner = self.at
        self.expression()
        if self.next.kind == "end":
            raise self.wrong(f"'{opening.text}' was never closed", opening)
        if self.next.kind != "|" or self.next.text != opening.text:
            raise self.left_over(self.next)
        double = self.tokens[inner].text == "|" == self.tokens[self.at - 1].text
        if double and self.partner(begin + 1) == len(self.out) - 1:
            del self.out[begin + 1], self.out[-1]
            self.out[begin] = self.out[begin]._replace(text="norm(", doubtful=False)
        if (following := self.tokens[self.at + 1]).kind in self.methods:
            self.closed.append((self.next, following))
        self.write(")", self.take())
        self.bars = self.bars[:-1]

    def root(self) -> None:
        begin, sign = self.at, self.take()
        self.write(sign.text, sign)
        if self.next.kind == "(":
            self.arguments()
        elif self.next.kind in ("number", "name"):
            self.plain()
            self.refuse_under_root(begin)
        elif self.next.kind in ("|", "√"):
            self.methods[self.next.kind]()
        else:
            raise self.error("put what stands under √ in brackets: √(x + 1)", sign)
        self.between(")**(1/4))" if sign.text == "((" else ")")

    # ---- behind an operand ----------------------------------------------------------------------

    def factorial(self, begin: int, first: _Token) -> None:
        sign = self.take()
        number = self.out[begin].text
        if len(self.out) > begin + 1 or first.kind != "number" or not number.isdigit():
            raise self.error(_NO_GAMMA, first, sign)
        if self.next.kind == "!":
            raise self.error("!! is not read: write the factors", sign, self.next)
        if len(number) > 3 or int(number) > 170:
            raise self.error("this number is too large for a float", first, sign)
        self.out[begin] = Piece(str(math.factorial(int(number))), first.start, sign.end)

    def degrees(self, begin: int, first: _Token) -> None:
        sign = self.take()
        if first.kind not in ("number", "name", "(", "fraction"):
            raise self.error("write an angle in degrees as 30° or (2x)°", sign)
        names = ("pi", "π", str(math.pi))
        circle = next(name for name in names if name not in self.words.variables)
        self.out.insert(begin, Piece("(", first.start, first.start))
        self.write(f"*{circle}/180)", sign)

    def raised(self) -> None:
        token = self.take()
        if not re.fullmatch("[+-]?([0-9]+[a-z]?|[a-z])", token.text):
            raise self.error("write this power with ^ and brackets: x^(2n)", token)
        text = re.sub("([0-9])([a-z])", r"\1*\2", token.text.lstrip("+"))
        self.write(f"**({text})" if "*" in text else f"**{text}", token, doubtful=True)

    # ---- functions ------------------------------------------------------------------------------

    def function(self) -> None:
        token = self.next
        opening, closing = f"{ALIASES.get(token.text, token.text)}(", ")"
        if token.text in INVERSES and token.text not in self.words.functions:
            opening, closing = f"(1/{INVERSES[token.text]}(", "))"
        self.called(opening, closing)

    def called(self, opening: str, closing: str) -> None:
        token, begin = self.take(), len(self.out)
        power = self.function_power(token)
        self.write(opening, token)
        bare = self.next.kind != "("
        if bare:
            self.bare_argument(token)
        else:
            self.arguments()
        self.strip(begin + 1)
        end = len(self.out)
        self.between(closing)
        if power:
            self.out.append(power)
            if self.next.kind in ("raised", "power"):
                raise self.error("two powers of one function: write (sin(x)^2)^3", self.next)
        self.bare = (begin, end) if bare else None

    def function_power(self, token: _Token) -> Piece | None:
        """The 2 of sin²(x) and sin^2 x."""
        name, first = token.text, self.next
        if first.kind == "raised":
            self.raised()
            exponent = self.out.pop().text[2:]
        elif first.kind == "power":
            self.take()
            minus = self.take().text if self.next.kind == "sign" else ""
            if self.next.kind not in ("number", "name") or self.tokens[self.at + 1].joined:
                raise self.error(f"write the power of {name} behind it: ({name}(x))^2", first)
            exponent = minus + self.take().text
        else:
            return None
        if exponent == "-1":
            known = f"arc{ALIASES.get(name, name)}"
            inverse = f"{known}(x)" if known in self.words.functions else "the inverse function"
            raise self.two_ways(self.tokens.index(token), inverse, f"1/{name}(x)")
        return Piece(f"**{exponent}", first.start, self.tokens[self.at - 1].end)

    def arguments(self) -> None:
        """What stands in the brackets of a function, with settings like axis=0."""
        opening, outside = self.take(), (self.bars, self.listed)
        self.bars, self.listed = [], False
        named = False
        while self.next.kind != ")":
            first, before = self.next, named
            named = self.next.kind == "name" and self.tokens[self.at + 1].kind == "="
            if before and not named:
                raise self.wrong("settings come last, as in sum(x, axis=0)", first)
            self.setting() if named else self.expression()
            if self.next.kind != ",":
                break
            self.write(", ", self.take())
        self.close(opening, "")
        self.bars, self.listed = outside

    def setting(self) -> None:
        name, _ = self.take(), self.take()
        self.write(f"{name.text}=", name)
        if self.next.kind == "literal":
            self.plain()
        else:
            self.expression()

    def bare_argument(self, function: _Token) -> None:
        """What a function without brackets is taken of: sin 2x, sin x², ln |x|, sin cos x."""
        name = function.text
        if self.next.kind == "sign" and self.next.text == "-" and self.spaced():
            if self.next.end == self.tokens[self.at + 1].start:  # exp -x
                self.plain()
        single = ALIASES.get(name, name) in self.words.single or name in INVERSES
        if not single or not self.begins():
            raise self.error(f"{name} is a function: write {name}(...)", function)
        if self.next.kind in ("number", "name", "fraction"):
            self.chain()
            return
        begin, listed = len(self.out), self.next.kind == "["
        self.methods[self.next.kind]()
        if listed and self.rounded(begin):  # sin[x]
            self.out[begin : begin + 1], self.out[-1:] = [], []
        if self.next.kind in ("raised", "power", "!", "°") and not listed:
            raise self.error(f"put the argument of {name} in brackets", self.next)

    def chain(self) -> None:
        """2x, 2πx, x²y: factors without signs between."""
        self.power()
        while self.next.kind == "name":
            last = self.tokens[self.at - 1]
            turns = self.constant(last.text) and last.text != "e"
            if self.spaced() and last.kind != "number" and not turns:
                return  # sin x y, but sin 2π x
            self.between("*", doubtful=True)
            self.power()

    # ---- what can be meant in two ways ----------------------------------------------------------

    def refuse_after_bare(self) -> None:
        """Refuse what may belong to the argument of a function, or not: sin x/2, sin x (x + 1)."""
        explicit = self.next.kind == "times"
        following = self.tokens[self.at + 1] if explicit else self.next
        if self.bare is None or following.kind == "function":
            return
        begin, end = self.bare
        place, here = self.out[begin].start, len(self.out)
        first = next(k for k, token in enumerate(self.tokens) if token.start == place)
        sign = self.take().text if explicit else "*"
        self.factor()
        rest = sign + self.text(here)
        inside = self.text(begin, end) + rest + self.text(end, here)
        raise self.two_ways(first, self.text(begin, here) + rest, inside)

    def refuse_under_root(self, first: int) -> None:
        """√2x, √x²."""
        one, here = self.out[-1].text, len(self.out)
        if self.begins() and not self.spaced() and self.next.kind != "√":
            self.between("*")
            self.power()
        elif self.next.kind == "raised":
            self.raised()
        elif self.next.kind == "power":
            self.write("**", self.take())
            self.factor()
        elif self.next.kind in ("!", "°"):
            raise self.error("put what stands under √ in brackets: √(x + 1)", self.next)
        else:
            return
        sign, rest = self.source[self.tokens[first].start], self.text(here)
        raise self.two_ways(first, f"{sign}({one}){rest}", f"{sign}({one}{rest})")

    def divisor_in_doubt(self, first: int, begin: int, sign: int, end: int) -> ExpressionError:
        """1/2x."""
        top, bottom, rest = self.text(begin, sign), self.text(sign + 1, end), self.text(end)
        sign_text = self.out[sign].text
        one = f"({top}{sign_text}{bottom}){rest}"
        return self.two_ways(first, one, f"{top}{sign_text}({bottom}{rest})")

    # ---- brackets in what is written ------------------------------------------------------------

    def partner(self, begin: int) -> int | None:
        """Where the bracket closes with which a piece ends."""
        depth = 0
        for k in range(begin, len(self.out)):
            text = self.out[k].text
            depth += sum((c in "([") - (c in ")]") for c in text)
            if depth <= 0:
                return k
        return None

    def strip(self, begin: int) -> None:
        """Take away brackets around a whole argument that nobody has typed."""
        first, last = self.out[begin : begin + 1], len(self.out) - 1
        if first and first[0].text == "(" and first[0].start == first[0].end:
            if self.partner(begin) == last and self.out[last].text.endswith(")"):
                self.out[last] = self.out[last]._replace(text=self.out[last].text[:-1])
                del self.out[begin]
