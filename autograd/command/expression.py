"""Expressions as text: read with `ast` against a list of what is allowed, and computed by it.

Nothing is ever evaluated as Python: the tree that `ast` makes of the text is walked here, and each
of its parts is an operator, a function or a name of the tables below, or an error that says where.
All numbers are floats, and everything is small, so that no expression takes long or much memory.
What is no expression in these words may be one as people write it: `handwriting` says it in them.
"""

from __future__ import annotations

import ast
import operator
import re
import warnings
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import numpy as np

import autograd
from autograd import Tensor
from autograd.command.handwriting import (
    ExpressionError,
    NotRead,
    Piece,
    Words,
    check_commas,
    rewritten,
)

__all__: list[str] = []

MOST_LETTERS = 2_000  # of an expression
MOST_VALUE_LETTERS = 40_000  # of a value
MOST_NUMBERS = 3_000  # of an array: two of them make at most 9 million, as outer(x, y) does

FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: getattr(np, name)
    for name in (
        "abs", "absolute", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2",
        "arctanh", "cbrt", "clip", "cos", "cosh", "cumsum", "divide", "dot", "exp", "exp2",
        "expm1", "hypot", "inner", "log", "log10", "log1p", "log2", "logaddexp", "matmul", "max",
        "maximum", "mean", "min", "minimum", "multiply", "negative", "outer", "power", "prod",
        "reciprocal", "sign", "sin", "sinc", "sinh", "sqrt", "square", "std", "subtract", "sum",
        "tan", "tanh", "trace", "transpose", "var", "where",
    )
}  # fmt: skip
FUNCTIONS |= {
    name: getattr(autograd, name)
    for name in (
        "log_sigmoid",
        "log_softmax",
        "logsumexp",
        "relu",
        "sigmoid",
        "softmax",
        "softplus",
    )
}
FUNCTIONS |= {"add": np.add, "norm": np.linalg.norm}

# How many arguments a function takes that is no ufunc, and more than one array.
_COUNTS = {"clip": 3, "dot": 2, "inner": 2, "outer": 2, "where": 3}

CONSTANTS = {"pi": np.pi, "π": np.pi, "e": np.e, "tau": 2 * np.pi, "τ": 2 * np.pi}
_LONGEST_NAME = 16  # of what is made of constants, as 2*pi
SETTINGS = ("axis", "ddof", "keepdims", "ord")  # keywords, with a literal each

_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Pow: operator.pow,
    ast.Div: operator.truediv, ast.MatMult: operator.matmul, ast.Mod: operator.mod,
    ast.USub: operator.neg, ast.UAdd: operator.pos,
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip

# What is not allowed, and what to write instead of what people try first.
_LOOPS = "loops are not allowed: functions take whole arrays"
_CHOICES = "choose with where(x > 0, a, b)"
_INSTEAD = {
    "Attribute": "attributes are not allowed: write sum(x) for x.sum(), transpose(x) for x.T",
    "BoolOp": f"and, or are not allowed: {_CHOICES}",
    "Dict": "an array is written as a list: [1, 2]",
    "DictComp": _LOOPS, "GeneratorExp": _LOOPS, "ListComp": _LOOPS, "SetComp": _LOOPS,
    "FloorDiv": "// has no derivative: write /",
    "IfExp": f"if ... else is not allowed: {_CHOICES}",
    "JoinedStr": "text is not allowed",
    "Lambda": "lambda is not allowed: write the expression itself",
    "NamedExpr": ":= is not allowed: write the expression itself",
    "Not": f"not is not allowed: {_CHOICES}",
    "Set": "an array is written as a list: [1, 2]",
    "Starred": "* before an argument is not allowed",
    "Subscript": "indexing is not allowed",
}  # fmt: skip

# The errors of arithmetic and of functions, which become errors with a place.
_REFUSALS = (
    ArithmeticError,
    IndexError,
    MemoryError,
    TypeError,
    ValueError,
    Warning,
    autograd.AutogradError,
)


class Read(NamedTuple):
    """An expression that has been read."""

    source: str  # as it was typed, in one line
    text: str  # in the words of this file
    tree: ast.expr
    pieces: list[Piece]  # of the text, with their places in the source; none where both are one

    @property
    def rewritten(self) -> bool:
        """Whether it was typed in other words."""
        return self.text.replace(" ", "") != self.source.replace(" ", "")

    def names(self) -> set[str]:
        """The names of variables and constants that it speaks of."""
        called = {id(n.func) for n in ast.walk(self.tree) if isinstance(n, ast.Call)}
        nodes = ast.walk(self.tree)
        return {n.id for n in nodes if isinstance(n, ast.Name) and id(n) not in called}

    def part(self, start: int, end: int) -> tuple[int, int]:
        """From where to where in the text, which `ast` counts in bytes."""
        line = self.text.encode()
        return len(line[:start].decode()), len(line[:end].decode())

    def touched(self, start: int, end: int) -> list[Piece]:
        """The pieces that lie in a part of the text."""
        found, at = [], 0
        for piece in self.pieces:
            if at < end and at + len(piece.text) > start:
                found.append(piece)
            at += len(piece.text)
        return found


def read(source: str, variables: Collection[str] = (), most: int = MOST_LETTERS) -> Read:
    """Read an expression, where these variables are known.

    Raises ExpressionError for what is no expression, or can be meant in two ways. What is not
    allowed, or has no value, is refused when it is computed.

    >>> read("2x² + sin 3x", ["x"]).text
    '2*x**2 + sin(3*x)'
    """
    source = _in_one_line(source)
    if len(source) > most:
        raise ExpressionError(
            f"too long: {len(source):,} characters, and at most {most:,} are read", source, most
        )
    if not source:
        raise ExpressionError("the expression is empty", source)
    check_commas(source, FUNCTIONS)
    tree = _tree(source)
    plain = None if tree is None else Read(source, source, tree, [])
    if plain is not None and _is_allowed(plain, variables):
        return plain
    single = [name for name in FUNCTIONS if _count(name) == 1]
    words = Words(set(variables) - set(FUNCTIONS), CONSTANTS, FUNCTIONS, single)
    try:
        pieces = rewritten(source, words)
    except NotRead:
        signs = () if tree is None else {type(getattr(node, "op", None)) for node in ast.walk(tree)}
        if plain is None or not {ast.BitXor, ast.BitOr}.isdisjoint(signs):
            raise
        return plain
    text = "".join(piece.text for piece in pieces).rstrip()
    tree = _tree(text)
    if tree is None:
        raise ExpressionError("nested too deeply", source)
    found = Read(source, text, tree, pieces)
    return found if plain is None or found.rewritten else plain


def evaluate(
    source: str | Read,
    variables: Mapping[str, Any],
    most: int = MOST_LETTERS,
    constants: dict[str, Any] | None = None,
) -> Any:
    """The value of an expression with the given variables: a float, an array or a Tensor.

    A dict `constants` is given what is made of e and π alone by its name, as pi or 2*pi.
    Raises ExpressionError for whatever is not allowed, or cannot be computed, at its place.

    >>> evaluate("2**3 + sqrt(x)", {"x": 4.0})
    np.float64(10.0)
    """
    found = source if isinstance(source, Read) else read(source, variables, most)
    known = {name: np.float64(value) for name, value in CONSTANTS.items()} | dict(variables)
    named = _Constants(found, {n for n in CONSTANTS if n not in variables}, constants)
    done: dict[ast.AST, Any] = {}
    todo = [(found.tree, False)]
    strict = np.errstate(divide="raise", over="raise", invalid="raise", under="ignore")
    with strict, warnings.catch_warnings():
        warnings.simplefilter("error")
        while todo:  # children first, without recursion
            node, ready = todo.pop()
            if ready:
                done[node] = named.noted(node, _computed(node, done, found), _parts(node, found))
            elif isinstance(node, (ast.Name, ast.Constant)):
                done[node] = named.noted(node, _leaf(node, known, found), [])
            else:
                todo.append((node, True))
                todo += [(child, False) for child in reversed(_parts(node, found))]
    return done[found.tree]


class _Constants:
    """Gives values that are made of named constants alone the name that they have in the text."""

    def __init__(self, text: Read, names: set[str], found: dict[str, Any] | None) -> None:
        self.text, self.names = text, names
        self.found: dict[str, Any] = {} if found is None else found
        self.nodes: set[ast.AST] = set()  # those of named values

    def noted(self, node: Any, value: Any, parts: list[ast.expr]) -> Any:
        """The value of a node; of a name, always the same object, by which drawings know it."""
        own = isinstance(node, ast.Name) and node.id in self.names
        if not own and self.nodes.isdisjoint(parts) or not isinstance(value, float):
            return value
        start, end = self.text.part(node.col_offset, node.end_col_offset)
        name = self.text.text[start:end].replace(" ", "")
        if len(name) > _LONGEST_NAME:
            return value
        self.nodes.add(node)
        return self.found.setdefault(name, np.float64(value))


def _tree(text: str) -> ast.expr | None:
    """What `ast` reads; None where it reads nothing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Python would say of its own programs
            return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None


def _is_allowed(text: Read, variables: Collection[str]) -> bool:
    """Whether all parts of an expression are in the tables here, and all names known."""
    todo = [text.tree]
    known = dict.fromkeys([*CONSTANTS, *variables])
    try:
        while todo:
            node = todo.pop()
            if isinstance(node, (ast.Name, ast.Constant)):
                _leaf(node, known, text)
            else:
                todo += _parts(node, text)
    except ExpressionError:
        return False
    return True


def _in_one_line(source: str) -> str:
    return "".join(" " if c.isspace() else c for c in source).strip()


# ---- parts --------------------------------------------------------------------------------------


def _error(message: str, node: Any, source: Read) -> ExpressionError:
    """An error at a node's place in what was typed."""
    first = node.value.end_col_offset if isinstance(node, ast.Attribute) else node.col_offset
    start, end = source.part(first or 0, node.end_col_offset)
    if pieces := source.touched(start, end):
        start, end = min(p.start for p in pieces), max(p.end for p in pieces)
    return ExpressionError(message, source.source, start, end)


def _leaf(node: ast.Name | ast.Constant, known: Mapping[str, Any], source: Read) -> Any:
    """A number or a name."""
    if isinstance(node, ast.Constant):
        return _literal(node, source)
    if node.id in known:
        return known[node.id]
    if node.id in FUNCTIONS:
        raise _error(f"{node.id} is a function: write {node.id}(...)", node, source)
    raise _error(unknown(node.id, known), node, source)


def _literal(node: ast.Constant, source: Read) -> float:
    if isinstance(node.value, bool) or not isinstance(node.value, (int, float)):
        kind = type(node.value).__name__
        raise _error(f"only real numbers are allowed, not a {kind}", node, source)
    try:
        number = float(node.value)
    except OverflowError:
        number = np.inf
    if number == np.inf:
        raise _error("this number is too large for a float", node, source)
    return number


def unknown(name: str, known: Mapping[str, Any]) -> str:
    """What to say of a name that is neither a variable nor a constant."""
    import difflib  # here, for only errors need it

    near = difflib.get_close_matches(name, [*known, *FUNCTIONS], 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    if name == "i":
        hint = "; all numbers are real"
    return f"unknown name {name}{hint} (a variable needs a value: {name}=1.5)"


def _parts(node: ast.expr, source: Read) -> list[ast.expr]:
    """The operands of an operator or a call; ExpressionError for whatever is not allowed."""
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return [node.left, node.right]
    if isinstance(node, ast.UnaryOp) and type(node.op) in _OPERATORS:
        return [node.operand]
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _OPERATORS:
        if len(node.ops) > 1:
            raise _error("one comparison at a time", node, source)
        return [node.left, node.comparators[0]]
    if isinstance(node, ast.Call):
        _check_call(node, source)
        return node.args
    if isinstance(node, (ast.List, ast.Tuple)):
        return node.elts
    kind = type(getattr(node, "op", None) or (getattr(node, "ops", None) or [node])[0]).__name__
    kind = type(node).__name__ if kind in ("And", "Or") else kind
    raise _error(_INSTEAD.get(kind, "this is not allowed in an expression"), node, source)


def _check_call(node: ast.Call, source: Read) -> None:
    if isinstance(node.func, ast.Attribute):
        raise _error(_INSTEAD["Attribute"], node.func, source)
    if not isinstance(node.func, ast.Name):
        raise _error("only the functions by name can be called", node.func, source)
    if node.func.id not in FUNCTIONS:
        import difflib  # here, for only errors need it

        near = difflib.get_close_matches(node.func.id, FUNCTIONS, 1)
        hint = f"did you mean {near[0]}?" if near else "see --help for those that there are"
        raise _error(f"unknown function {node.func.id}; {hint}", node.func, source)
    for keyword in node.keywords:
        if keyword.arg not in SETTINGS:
            message = f"unknown setting {keyword.arg}=" if keyword.arg else "** is not allowed"
            raise _error(f"{message}; known: {', '.join(SETTINGS)}", keyword, source)
    _check_count(node.func.id, node, source)


def _count(name: str) -> int:
    """How many arguments a function takes."""
    return int(getattr(FUNCTIONS[name], "nin", _COUNTS.get(name, 1)))


def _check_count(name: str, node: ast.Call, source: Read) -> None:
    """More arguments would be axes and places for results; those are keywords, or not allowed."""
    wanted, given = _count(name), len(node.args)
    if wanted == given or any(isinstance(argument, ast.Starred) for argument in node.args):
        return
    cure = ""
    if name in ("max", "min") and given > 1:
        cure = f": write {name}([a, b]) or {name}imum(a, b); an axis is given as axis=0"
    elif wanted == 1 and given > 1 and not hasattr(FUNCTIONS[name], "nin"):
        cure = ": an axis is given as axis=0"
    if name == "log" and given == 2:
        cure = ": write log(x)/log(b) for the logarithm to base b"
    start, end = source.part(node.col_offset, node.end_col_offset or 0)
    if wanted == 1 and re.search("[0-9], ?[0-9]", source.text[start:end]):
        cure += ", a decimal number with a point, 0.5" if cure else ": decimal numbers have a point"
    arguments = "1 argument" if wanted == 1 else f"{wanted} arguments"
    raise _error(f"{name} takes {arguments}, got {given}{cure}", node, source)


# ---- computing ----------------------------------------------------------------------------------


def _computed(node: Any, done: dict[ast.AST, Any], source: Read) -> Any:
    """The value of an operator, a call or a list whose parts are done."""
    parts = [done[part] for part in _parts(node, source)]
    if source.pieces:
        _check_arrays(node, parts, source)
    matrices = isinstance(getattr(node, "op", None), ast.MatMult)
    if (matrices or _called(node) == "matmul") and not all(map(np.ndim, parts)):
        raise _error("@ and matmul multiply arrays: write * for numbers", node, source)
    try:
        if isinstance(node, ast.Call):
            settings = {str(word.arg): _setting(word, source) for word in node.keywords}
            value = FUNCTIONS[_called(node)](*parts, **settings)
        elif isinstance(node, (ast.List, ast.Tuple)):
            value = _joined(parts)
        else:
            op = node.ops[0] if isinstance(node, ast.Compare) else node.op
            value = _OPERATORS[type(op)](*parts)
    except ExpressionError:
        raise
    except _REFUSALS as error:
        raise _error(_told(error, node), node, source) from None
    if isinstance(value, complex):
        raise _error("the result is no real number", node, source)
    if np.size(value) > MOST_NUMBERS:
        message = f"{np.size(value):,} numbers, and at most {MOST_NUMBERS:,} are taken here"
        raise _error(f"too large: {message}", node, source)
    return value


def _called(node: ast.AST) -> str:
    """The name of the function that is called; "" where none is."""
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""


def _check_arrays(node: Any, parts: list[Any], source: Read) -> None:
    """Refuse the signs of numbers where they mean another thing for arrays: x·y, |x|, A²."""
    sizes = [np.ndim(part) for part in parts]
    if not any(sizes) or not isinstance(node, (ast.BinOp, ast.Call)):
        return
    if isinstance(node, ast.BinOp):
        place = source.part(node.left.end_col_offset or 0, node.right.col_offset)
    else:
        place = source.part(node.col_offset, node.col_offset + 1)
    if not any(piece.doubtful for piece in source.touched(*place)):
        return
    message = ""
    if isinstance(node, ast.Call):
        message = "|x| of an array can be abs(x), number by number, or norm(x), its length"
    elif isinstance(node.op, ast.Mult) and all(sizes):
        message = "a product of arrays can be x*y, number by number, or x @ y"
    elif isinstance(node.op, ast.Pow) and sizes[0] > 1:
        message = "a power of a matrix can be x**2, number by number, or x @ x"
        if not np.ndim(parts[1]) and float(parts[1]) < 0:
            message = (
                "x^-1 can be 1/x, number by number, or the inverse, which is not computed here"
            )
    if message:
        raise _error(f"{message}: write one of them", node, source)


def _joined(parts: list[Any]) -> Any:
    """A list of numbers as an array; of Tensors as one Tensor."""
    if any(isinstance(part, Tensor) for part in parts):
        return np.stack(parts)
    if len({np.shape(part) for part in parts}) > 1:
        raise ValueError("the rows of an array must be of one length")
    return np.array(parts, dtype=float)


def _setting(keyword: ast.keyword, source: Read) -> Any:
    """The value of a keyword: a literal, as in axis=(0, 1), keepdims=True, axis=None."""
    group = isinstance(keyword.value, ast.Tuple)
    numbers = []
    for item in keyword.value.elts if isinstance(keyword.value, ast.Tuple) else [keyword.value]:
        minus = isinstance(item, ast.UnaryOp) and isinstance(item.op, ast.USub)
        item = item.operand if isinstance(item, ast.UnaryOp) and minus else item
        value = item.value if isinstance(item, ast.Constant) else item
        if not (value is None or isinstance(value, int)) or (value and abs(value) > 1_000):
            raise _error(f"{keyword.arg}= takes an integer, True or None", keyword, source)
        numbers.append(-value if minus and value is not None else value)
    return tuple(numbers) if group else numbers[0]


def _told(error: BaseException, node: Any) -> str:
    """The first line of an error, in the words of arithmetic."""
    if isinstance(error, ZeroDivisionError) or "divide by zero" in str(error):
        return "division by zero" if isinstance(node, ast.BinOp) else "infinite here"
    if isinstance(error, OverflowError) or "overflow" in str(error):
        return "the result is too large for a float"
    if isinstance(error, FloatingPointError):
        return "not defined here: the result would be nan"
    if (foreign := re.search(r"unexpected keyword argument '(\w+)'", str(error))) is not None:
        return f"{_called(node)} takes no {foreign[1]}="
    if "boolean" in str(error) or "BoolDType" in str(error):
        return "a comparison is no number; choose by it: where(x > 0, a, b)"
    first = (str(error).splitlines() or [type(error).__name__])[0]
    return first if len(first) <= 200 else f"{first[:199]}…"
