"""Formulas as they are registered, "g x2, g x1", read and written: with names, numbers, in LaTeX.

A formula is one line of text: factors side by side are multiplied, commas part the arguments. Its
letters are those of the rules: g comes in, y is the result. Words may follow, "g where x > 0".
"""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__: list[str] = []

_TOKEN = re.compile(
    r"\s+|\d+\.?\d*(?:e[+-]?\d+)?|[²³¹⁻ᵀ]+|[πΦ√∛]|(?![\d²³¹])[^\Wᵀ]+?(?=[\Wᵀ²³¹]|$)'*|<=|>=|.",
    re.DOTALL,
)
FUNCTIONS = {
    "cos", "cosh", "det", "diag", "exp", "floor", "log", "log_softmax", "mean", "normal_density",
    "sigmoid", "sign", "sin", "sinc_derivative", "sinh", "softmax", "sum", "tanh", "trunc", "clip",
    "inv", "Φ", "√", "∛",
}  # fmt: skip
# Words that may follow a product; everything from there on is prose.
_WORDS = {
    "and", "at", "beyond", "each", "elsewhere", "else", "flipped", "for", "from", "half", "in",
    "of", "on", "over", "put", "rolled", "shared", "summed", "symmetrised", "times", "to", "where",
    "with",
}  # fmt: skip
_RAISED = {"²": "2", "³": "3", "¹": "1", "⁻": "-", "ᵀ": r"\top"}


def tokens(formula: str) -> list[str]:
    """Names, numbers, exponents, signs; spaces between them too.

    >>> tokens("-g x1/x2²")
    ['-', 'g', ' ', 'x1', '/', 'x2', '²']
    """
    return _TOKEN.findall(formula)


def split(formula: str, count: int) -> list[str]:
    """The part for each of `count` arguments; what stands behind the last belongs to all.

    >>> split("g x2, g x1", 2), split("g at 1, 0 elsewhere", 1)
    (['g x2', 'g x1'], ['g at 1, 0 elsewhere'])
    >>> split("g n, g, with n = x/2", 2)
    ['g n, with n = x/2', 'g, with n = x/2']
    """
    parts, depth = [""], 0
    for token in tokens(formula):
        depth += (token in "([") - (token in ")]")
        if token == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += token
    parts = [part.strip() for part in parts]
    if count < 2 or len(parts) < count:
        return [formula] * count
    return [", ".join([part, *parts[count:]]) for part in parts[:count]]


def local(part: str) -> str:
    """The derivative alone: the part of a formula without the g that it multiplies.

    >>> local("-g x1/x2²"), local("2 g x"), local("g/x"), local("-g"), local("0")
    ('-x1/x2²', '2 x', '1/x', '-1', '0')
    >>> local("g where x > 0"), local("g where x > 0, g a elsewhere")
    ('1 where x > 0, else 0', '1 where x > 0, a elsewhere')
    """
    found = tokens(part)
    written = ""
    for i, token in enumerate(found):
        if token != "g":
            written += token
        elif _factor_after(found, i):
            found[i + 1] = ""
        elif _factor_before(found, i):
            written = written.rstrip()
        else:
            written += "1"
    if " where " in written and "," not in written:
        written += ", else 0"
    return _bare(written)


def _bare(part: str) -> str:
    """Without parentheses around the whole, or around all before a comma."""
    depth, found = 0, tokens(part)
    for i, token in enumerate(found):
        depth += (token == "(") - (token == ")")
        if depth == 0:
            whole = i > 0 and found[i + 1 : i + 2] in ([], [","])
            return "".join(found[1:i] + found[i + 1 :]) if whole else part
    return part


def _factor_after(found: list[str], i: int) -> bool:
    """Whether something stands behind a space that token i is multiplied with."""
    return len(found) > i + 2 and found[i + 1].isspace() and _begins(found[i + 2])


def _factor_before(found: list[str], i: int) -> bool:
    return i > 1 and found[i - 1].isspace() and _ends(found[i - 2])


def _begins(token: str) -> bool:
    """Whether a factor can begin with this token."""
    return (token.isidentifier() and token not in _WORDS) or token in "(√∛π" or token[0].isdigit()


def _ends(token: str) -> bool:
    """Whether a factor can end with this token."""
    named = token.isidentifier() and token not in _WORDS and token not in FUNCTIONS
    return named or token in ")π" or token[0].isdigit() or token[0] in _RAISED


def is_prose(part: str) -> bool:
    """Whether a part says something in words, so that it is no expression to compute.

    >>> is_prose("g where x > 0"), is_prose("g (1-y²)")
    (True, False)
    """
    found = tokens(part)
    words = {token for token in found if token.isidentifier()}
    depth = 0
    for token in found:
        depth += (token == "(") - (token == ")")
        if token == "," and depth == 0:
            return True
    return bool(words & _WORDS) or "the" in words


def is_slope(part: str) -> bool:
    """Whether a part says the derivative alone, without the gradient that it multiplies.

    >>> is_slope("(x - mean(x))/y"), is_slope("g softmax(x)"), is_slope("")
    (True, False, False)
    """
    incoming = any(name.startswith("g") for name in letters(part))  # g, or gq and gr of qr
    return bool(part) and not incoming and not is_prose(part)


def letters(part: str) -> set[str]:
    """The names in a part that stand for values."""
    return {t for t in tokens(part) if t.isidentifier() and t not in FUNCTIONS and t not in _WORDS}


def written(part: str, names: Mapping[str, str], times: str = " ") -> str:
    """A part with other names, or with numbers; `times` stands between factors.

    >>> written("-x1/x2²", {"x1": "a", "x2": "b"})
    '-a/b²'
    >>> written("x2 x1^(x2-1)", {"x1": "-3", "x2": "2"}, times="·")
    '2·(-3)^(2-1)'
    >>> written("2x²y", {"x": "3", "y": "5"}, times="·")
    '2·3²·5'
    """
    found = tokens(part)
    result = ""
    prose = is_prose(part)
    times = " " if prose else times
    for i, token in enumerate(found):
        if token in names:
            alone = found[i - 1 : i] in ([], ["("]) and found[i + 1 : i + 2] in ([], [")"])
            result += times * _adjoins(found, i) + _in_place(names[token], alone or prose)
        elif token.isspace() and _multiplies(found, i):
            result += times
        else:
            result += token
    return result


def _in_place(name: str, alone: bool) -> str:
    """A name or number for a letter; in parentheses where a sign or an operator would mislead."""
    if alone or not (name[:1] == "-" or any(c in name for c in "+ ·/^@")) or name[:1] in "[(":
        return name
    return name if name[-1:] == ")" and "(" in name and name[:1] != "-" else f"({name})"


def _adjoins(found: list[str], i: int) -> bool:
    """Whether the token at i is multiplied with the one right before it: the x of 2x."""
    return i > 0 and bool(found[i - 1].strip()) and _ends(found[i - 1])


def _multiplies(found: list[str], i: int) -> bool:
    """Whether the space at i stands between two factors, and not in prose."""
    return 0 < i < len(found) - 1 and _ends(found[i - 1]) and _begins(found[i + 1])


def latex(part: str, names: Mapping[str, str]) -> str:
    r"""A part as LaTeX; `names` are LaTeX already.

    >>> latex("g/(2 √x)", {"x": r"\mathrm{area}"})
    'g/(2\\,\\sqrt{\\mathrm{area}})'
    """
    found, prose = tokens(part), is_prose(part)
    result: list[str] = []
    until = -1  # the token at which what stands under a root, or in an exponent, ends
    for i, token in enumerate(found):
        text = names.get(token) or _symbol(token, prose, found[i + 1 : i + 2] == ["("])
        if token in names and _adjoins(found, i):
            text = rf"\,{text}"
        if token.isspace() and _multiplies(found, i) and not prose:
            text = r"\,"
        result.append(text)
        if token in ("√", "∛", "^"):
            result.append("{")
            until = _end(found, i + 1)
            if found[i + 1 : i + 2] == ["("] and found[until] == ")":  # the root spans it anyway
                found[i + 1] = found[until] = ""
        elif i == until:
            result.append("}")
            until = -1
    return "".join(result) + "}" * (until >= 0)


def _end(found: list[str], i: int) -> int:
    """The last token of the factor that begins at i."""
    depth = 0
    for k in range(i, len(found)):
        depth += (found[k] == "(") - (found[k] == ")")
        if depth <= 0 and (k + 1 >= len(found) or found[k + 1][0] not in _RAISED):
            return k
    return len(found) - 1


def _symbol(token: str, prose: bool, called: bool) -> str:
    """One token that is no value's name, as LaTeX."""
    known = {"√": r"\sqrt", "∛": r"\sqrt[3]", "π": r"\pi ", "Φ": r"\Phi ", ">=": r"\ge ",
             "<=": r"\le ", "·": r"\cdot ", "<": r"\lt ", ">": r"\gt ", "⊗": r"\otimes ",
             "…": r"\ldots "}  # fmt: skip
    if not token:
        return ""
    if token in known:
        return known[token]
    if token[0] in _RAISED:
        return "^{" + "".join(_RAISED[c] for c in token) + "}"
    if token.isspace():
        return r"\ " if prose else " "
    if token.rstrip("'").isidentifier() and len(token) > 2 and token[-1] == "'":
        return rf"\text{{{token}}}"
    if len(token) > 1 and token.isidentifier() and token not in ("x1", "x2", "gv", "gu"):
        word = r"\text" if token.isalnum() else r"\mathrm"
        kind = r"\operatorname" if called or token in FUNCTIONS else word
        return kind + "{" + escaped(token) + "}"
    if token in ("x1", "x2"):
        return f"x_{token[1]}"
    return escaped(token)


_SPECIAL = {
    "\\": r"\backslash{}", "{": r"\{", "}": r"\}", "$": "＄", "&": r"\&", "#": r"\#", "%": r"\%",
    "_": r"\_", "^": r"{\wedge}", "~": r"\sim{}", "<": r"\lt{}", ">": r"\gt{}", "`": "'",
    " ": r"\ ",
}  # fmt: skip


def escaped(text: str) -> str:
    """Text that means nothing to LaTeX; "^" of formulas stays a power."""
    return text if text == "^" else "".join(_SPECIAL.get(c, c) for c in text)
