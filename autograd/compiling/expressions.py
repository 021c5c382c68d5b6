"""How calls are written: with signs, as methods, by the shortest of NumPy's names."""

from __future__ import annotations

import inspect
import re
import sys
from functools import lru_cache
from typing import Any

import numpy as np

from autograd.compiling.program import ALLOCATES
from autograd.compiling.spelling import (
    ATOM,
    BITS,
    COMPARED,
    MULTIPLIED,
    RAISED,
    SIGNED,
    SUMMED,
    Expression,
    complement,
    counted,
    dtype_name,
    held,
    is_ones,
    number,
)  # fmt: skip
from autograd.compiling.tracing import Const, Line, Var

__all__: list[str] = []

STAND_INS = "rng = np.random.default_rng(0)  # in the place of larger arrays"
SHORT = 20  # of an array that stands where it is used
SIGNS = {
    np.add: ("+", SUMMED), np.subtract: ("-", SUMMED), np.multiply: ("*", MULTIPLIED),
    np.divide: ("/", MULTIPLIED), np.matmul: ("@", MULTIPLIED),
    np.floor_divide: ("//", MULTIPLIED), np.remainder: ("%", MULTIPLIED), np.power: ("**", RAISED),
    np.less: ("<", COMPARED), np.less_equal: ("<=", COMPARED), np.greater: (">", COMPARED),
    np.greater_equal: (">=", COMPARED), np.equal: ("==", COMPARED),
    np.not_equal: ("!=", COMPARED), np.bitwise_and: ("&", BITS), np.bitwise_or: ("|", BITS),
    np.logical_and: ("&", BITS), np.logical_or: ("|", BITS),
}  # fmt: skip
NOT = (np.invert, np.logical_not)
TRUTHS = (np.bitwise_and, np.bitwise_or, np.logical_and, np.logical_or)
BY_SIGN = {sign: level for sign, level in SIGNS.values()}
REDUCTIONS = {
    np.add: "sum", np.multiply: "prod", np.maximum: "max", np.minimum: "min",
    np.logical_and: "all", np.logical_or: "any",
}  # fmt: skip
OF_NOTHING = {"sum": 0, "prod": 1, "max": -np.inf, "min": np.inf}
USUAL = [(name, None) for name in ("dtype", "out", "posinf", "neginf", "kind", "order")]


class Expressions:
    """The text of a call, in which what waits for its only use takes its place."""

    pending: dict[Var, Expression]  # not written yet
    constants: dict[int, str]
    known: list[tuple[Any, str]]  # constants that are arrays, and their names
    before: list[str]  # statements that make the constants
    imports: list[str]
    imported: dict[Any, str]
    given: set[Var]
    fresh: set[Var]  # zeros, until they are written into
    written_roots: set[Var]

    def named(self, var: Var) -> str:
        raise NotImplementedError

    def free(self, name: str) -> str:
        raise NotImplementedError

    def expression(self, value: Any, beside: Any = None, made: Any = None) -> Expression:
        """An argument as text."""
        of = value.__class__
        if of is Var:
            waiting = self.pending.get(value)
            if waiting is None:
                plain = Expression(self.named(value))
                plain.reads = frozenset([value])
                return plain
            if not waiting.stays:
                del self.pending[value]
            return waiting
        if of is Const:
            return self.constant(value.array, beside, made)
        if isinstance(value, np.generic):
            return self.constant(np.asarray(value), beside, made)
        if of is tuple:
            parts = [self.expression(v) for v in value]
            inner = ", ".join(p.text for p in parts) + "," * (len(parts) == 1)
            return Expression(f"({inner})", ATOM, parts)
        if of is list:
            parts = [self.expression(v) for v in value]
            return Expression("[" + ", ".join(p.text for p in parts) + "]", ATOM, parts)
        if of is slice:
            if value == slice(None):
                return Expression("slice(None)")
            bounds = [self.expression(p) for p in (value.start, value.stop, value.step)]
            return Expression("slice(" + ", ".join(p.text for p in bounds) + ")", ATOM, bounds)
        if of in (int, float):
            return _plain_number(value, beside)
        if isinstance(value, np.dtype) or (
            isinstance(value, type) and issubclass(value, np.generic)
        ):
            return Expression(f"np.{np.dtype(value).name}".replace("np.bool", "bool"))
        if value is bool or value is float or value is int:
            return Expression(value.__name__)
        if of is str and value.isprintable() and not set(value) & {'"', "\\"}:
            return Expression(f'"{value}"')
        if value is None or value is Ellipsis or isinstance(value, (bool, str, bytes, complex)):
            return Expression(repr(value))
        if id(value) not in self.constants:
            self.constants[id(value)] = name = self.free(re.sub(r"\W", "", of.__name__).lower())
            self.before.append(f"{name} = ...  # {of.__name__}, from around the function")
        return Expression(self.constants[id(value)])

    def constant(self, array: Any, beside: Any, made: Any = None) -> Expression:
        """Numbers as they are; arrays by a name, and written out above."""
        if array.size and beside is not None and array.shape and (array == array.flat[0]).all():
            shape = getattr(beside, "shape", ())
            if made is not None and shape == made.shape:
                array = array.reshape(-1)[0]  # the same everywhere
        if not array.shape:
            value = array[()] if array.__class__ is np.ndarray else array
            kind = getattr(beside, "dtype", None)
            if value.dtype == kind or (value.dtype.kind in "iub" and kind in (None, np.float64)):
                return _plain_number(value, beside)
            if value.dtype in (np.float64, bool) and getattr(kind, "kind", "b") in "biu":
                return _plain_number(value, beside)
            return Expression(f"{dtype_name(value)}({number(value)})")
        if (text := counted(array)) is not None:
            return Expression(text)
        if id(array) not in self.constants:
            for known, name in self.known:
                if known.dtype == array.dtype and np.array_equal(known, array):
                    self.constants[id(array)] = name
                    return Expression(name)
            if len(text := held(array)) <= SHORT and text.startswith("np."):
                return Expression(text)
            self.constants[id(array)] = name = self.free("c")
            self.known.append((array, name))
            self.before += f"{name} = {text}".split("\n")
            if "rng." in text and STAND_INS not in self.before:
                self.before.insert(0, STAND_INS)
        return Expression(self.constants[id(array)])

    def expression_of(self, line: Line) -> Expression:
        kind, target, args, kwargs = line.kind, line.target, line.args, line.kwargs
        made = line.made[0] if len(line.made) == 1 else None
        if kind == "operator" or (
            kind == "ufunc" and target in SIGNS and set(kwargs) <= {"out"} and line.writes is None
        ):
            sign, level = (
                (target, BY_SIGN.get(target, SIGNED)) if kind == "operator" else SIGNS[target]
            )
            kinds = {_kind(a) for a in args}
            if target not in TRUTHS or kinds == {"b"}:
                return self.signed(sign, level, args, made)
        if kind in ("ufunc", "function") and not kwargs and target in NOT and len(args) == 1:
            if _kind(args[0]) == "b" and line.writes is None:
                return self.expression(args[0]).opposite()
        if kind == "ufunc" and not kwargs and target in (np.square, np.negative, np.reciprocal):
            x = self.expression(args[0])
            if target is np.negative:
                return x.negated()
            if target is np.square:
                return Expression(f"{x.at(ATOM)}**2", RAISED, x)
            return Expression(f"1 / {x.at(SIGNED)}", MULTIPLIED, x)
        if kind == "getitem":
            x = self.expression(args[0])
            found = Expression(f"{x.at(ATOM)}[{self.index(args[1], args[0])}]", ATOM, x)
            shape = getattr(args[0], "shape", ())
            if made is not None and _adds_axes(args[1]) and _only_ahead(made.shape, shape):
                found.loose = x, shape
            return found
        if kind == "attribute":
            if target == "T" or (target == "mT" and len(args[0].shape) == 2):
                return self.turned(args[0])
            x = self.expression(args[0])
            return Expression(f"{x.at(ATOM)}.{target}", ATOM, x)
        if kind == "ufunc.method":
            ufunc, method = target
            if method == "reduce" and ufunc in REDUCTIONS and line.writes is None:
                options = {"axis": 0, **kwargs}
                return self.reduction(REDUCTIONS[ufunc], args[0], options)
            if method == "at" and args[1].__class__ is tuple and len(args[1]) == 1:
                args = (args[0], args[1][0], *args[2:])
            return self.called(f"np.{ufunc.__name__}.{method}", args, kwargs)
        if kind == "method":
            return self.method(line)
        if kind == "call":
            return self.whole_call(line)
        if kind == "function" and (shorter := self.function_of(line, made)) is not None:
            return shorter
        if target in ALLOCATES.values() and not kwargs:
            shape, dtype = args
            given = str(shape[0]) if len(shape) == 1 else str(shape)
            given += "" if dtype == np.float64 else f", {self.expression(dtype).text}"
            if made is not None and target is np.zeros:
                self.fresh.add(made)
            return Expression(f"np.{target.__name__}({given})")
        if target is np.float64:
            return self.expression(args[0])
        if target is np.lib.stride_tricks.sliding_window_view:
            return self.called(self.brought("numpy.lib.stride_tricks", target), args, kwargs)
        if hasattr(target, "text"):
            return self.called(self.made_above(target), args, kwargs)
        return self.called(_place(target), args, kwargs, line)

    def function_of(self, line: Line, made: Var | None) -> Expression | None:
        """Some functions have a shorter way to say it."""
        target, kwargs = line.target, line.kwargs
        args = _without_usual(target, line.args)
        if target is np.transpose and len(args) + len(kwargs) < 3 and set(kwargs) <= {"axes"}:
            return self.transposed(args[0], args[1] if len(args) > 1 else kwargs.get("axes"))
        if target is np.expand_dims and made is not None and len(args) == 2 and not kwargs:
            x = self.expression(args[0])
            if (again := _kept_dims(x, made)) is not None:
                return again
            axes = _axes_added(args[1], len(made.shape))
            found = Expression(f"{x.at(ATOM)}[{axes}]", ATOM, x)
            found.view = f"{{}}[{axes}]"
            if _only_ahead(made.shape, args[0].shape):
                found.loose = x, args[0].shape
            return found
        if target in (np.sum, np.max, np.min, np.prod) and len(args) == 1 and line.writes is None:
            return self.reduction(target.__name__.removeprefix("a"), args[0], kwargs)
        if target is np.stack and len(args[0]) == 1 and made is not None:
            x = self.expression(args[0][0])
            found = Expression(f"np.stack([{x.text}])", ATOM, x)
            found.loose = x, getattr(args[0][0], "shape", ())
            return found
        if target is np.broadcast_to and made is not None and len(args) == 2 and not kwargs:
            shape = getattr(args[0], "shape", ())
            x = self.expression(args[0])
            found = Expression(f"np.broadcast_to({x.text}, {args[1]!r})", ATOM, x)
            found.loose, found.view = x.loose or (x, shape), f"np.broadcast_to({{}}, {args[1]!r})"
            return found
        return None

    def signed(self, sign: str, level: int, args: Any, made: Any) -> Expression:
        """What is written with a sign between."""
        if len(args) == 1:
            x = self.expression(args[0])
            if sign == "abs":
                return Expression(f"abs({x.text})", ATOM, x)
            return x.negated() if sign == "-" else Expression(f"{sign}{x.at(SIGNED)}", SIGNED, x)
        if sign == "-" and args[0].__class__ is not Var and _is_zero(args[0]):
            if _alike(args[1], made):
                return self.expression(args[1]).negated()  # 0 - x, which makes no -0 of 0
        if sign == "*" and made is not None:
            for a, b in (args, args[::-1]):
                same = a.__class__ is Var and (
                    a.dtype == made.dtype or (a.dtype == bool and made.dtype == np.float64)
                )
                n = _share(b, made) if same else None
                if n is not None:
                    return self.signed("/", level, (a, int(n)), made)
        if sign == "+" and args[0].__class__ is Var and args[0] is args[1] and _kind(made) == "f":
            return self.signed("*", MULTIPLIED, (2.0, args[0]), made)
        result = None if sign == "@" else made
        left, right = (self.expression(a, b, result) for a, b in (args, args[::-1]))
        if sign == "**":
            return Expression(f"{left.at(ATOM)}**{right.at(ATOM)}", RAISED, (left, right))
        if (whole := _mean(sign, left, right, args)) is not None:
            return whole
        if sign == "*":
            for one, other, value in ((args[0], right, args[1]), (args[1], left, args[0])):
                if _is_one(one) and _alike(value, made):
                    return other
                if _is_one(one) and _kind(value) == "b" and value.shape == made.shape:
                    return _as_numbers(other, made)
            left, right = _bare(left, args[1]), _bare(right, args[0])
        if sign == "/" and left.mask is not None and _kind(args[1]) != "b":
            if made is not None and made.dtype == np.float64:
                left = left.mask
        if sign != "@":
            left, right = _loosely(left, right, args, made)
        if sign in "+-" and right.minus is not None:
            sign, right = "+-"[sign == "+"], right.minus
        firm = right.at(level + 1)  # (a * b) * c is not a * (b * c), to the last bit
        made_of = (left, right)
        found = Expression(f"{left.at(level + (level == COMPARED))} {sign} {firm}", level, made_of)
        if sign == "-":
            turned = f"{right.at(level)} - {left.at(level + 1)}"
            found.swapped = Expression(turned, level, made_of)
        _looks_on(found, sign, left, right, args, made)
        if sign == "@" and all(len(getattr(a, "shape", ())) == 2 for a in args):
            found.factors = left, right
        if sign in "*/@":
            found.product = left.level > MULTIPLIED or left.product
            if left.minus is not None and found.product:
                inner = left.minus
                found.minus = Expression(f"{inner.at(level)} {sign} {firm}", level, made_of)
                found.minus.product = inner.level > MULTIPLIED or inner.product
        return found

    def turned(self, value: Any) -> Expression:
        """x.T"""
        x = self.expression(value)
        if x.turned is not None:
            return x.turned
        if x.factors is not None:  # (a.T @ b).T
            b, a = (f.turned or Expression(f"{f.at(ATOM)}.T", ATOM, f) for f in x.factors)
            if min(f.turned is not None for f in x.factors) or x.factors[0].turned is not None:
                return Expression(f"{a.at(MULTIPLIED)} @ {b.at(MULTIPLIED + 1)}", MULTIPLIED, x)
        found = Expression(f"{x.at(ATOM)}.T", ATOM, x)
        found.turned = x if len(value.shape) == 2 else None
        return found

    def reduction(self, name: str, value: Any, options: dict[str, Any]) -> Expression:
        """np.sum(x, axis=...) and its like, with what matters of the options."""
        shape = getattr(value, "shape", ())
        axis = options.get("axis")
        axis = axis[0] if axis.__class__ is tuple and len(axis) == 1 else axis
        x = self.expression(value)
        axes = tuple(range(len(shape))) if axis is None else np.atleast_1d(axis).tolist()
        count = int(np.prod([shape[i] for i in axes])) if shape else 1
        given: dict[str, Any] = {}
        if axis is not None and (len(shape) != 1 or options.get("keepdims")):
            given["axis"] = axis
        if x.turned is not None and len(axes) == 1 and not options.get("keepdims"):
            x, shape, axes = x.turned, shape[::-1], [1 - axes[0] % 2]
            given["axis"] = axes[0]
        if options.get("keepdims"):
            given["keepdims"] = True
        if options.get("dtype") is not None and options["dtype"] != getattr(value, "dtype", None):
            given["dtype"] = options["dtype"]
        initial = options.get("initial", OF_NOTHING.get(name))
        empty = count == 0 and name in ("max", "min")
        if initial.__class__ is Var or (initial is not None and initial != OF_NOTHING.get(name)):
            given["initial"] = initial
        elif empty and initial is not None:
            given["initial"] = initial
        where = options.get("where", True)
        if where is not True:
            given["where"] = where
        texts = {k: self.expression(v) for k, v in given.items()}
        inner = ", ".join([x.text, *(f"{k}={v.text}" for k, v in texts.items())])
        found = Expression(f"np.{name}({inner})", ATOM, [x, *texts.values()])
        if name == "sum" and set(given) <= {"axis", "keepdims"} and count:
            found.summed = x, given, count, shape, axes
        return found

    def method(self, line: Line) -> Expression:
        target, args, kwargs = line.target, line.args, line.kwargs
        first, rest = args[0], args[1:]
        made = line.made[0] if len(line.made) == 1 else None
        shape = getattr(first, "shape", None) or ()
        if target in ("sum", "prod", "max", "min", "all", "any") and line.writes is None:
            places = "axis dtype out keepdims initial where".split()
            if target not in ("sum", "prod"):
                places.remove("dtype")
            options = {**dict(zip(places, rest)), **kwargs}
            if options.pop("out", None) is None:
                return self.reduction(target, first, options)
        if target == "dot" and not kwargs and len(rest) == 1:
            shapes = [getattr(v, "shape", None) for v in (first, rest[0])]
            if is_ones(rest[0]) and shapes[0] and len(shapes[0]) == 2:
                return self.reduction("sum", first, {"axis": 1})
            if all(s is not None and 1 <= len(s) <= 2 for s in shapes):
                return self.signed("@", MULTIPLIED, (first, rest[0]), made)
        if not kwargs and len(shape) == 2 and target == "swapaxes":
            if {axis % 2 for axis in rest} == {0, 1}:
                return self.turned(first)
        if target == "transpose" and not kwargs:
            axes = rest[0] if len(rest) == 1 else rest or None
            return self.transposed(first, axes)
        if target == "astype" and rest[:1] in ((bool,), (np.dtype(bool),)):
            x = self.expression(first)
            return Expression(f"{x.at(COMPARED + 1)} != 0", COMPARED, x)
        if target == "copy" and made is not None and made not in self.given:
            if not {made.root, first.root} & self.written_roots:
                return self.expression(first)
        if target == "reshape" and made is not None:
            x = self.expression(first)
            if (again := _kept_dims(x, made)) is not None:
                return again
            if x.loose is not None and not made.shape and x.loose[1] == ():
                return x.loose[0]  # of np.stack([number])
            if not kwargs and (len(rest) > 1 or rest[0].__class__ in (tuple, list)):
                x = x.reshaped or x
                rest = rest if len(rest) > 1 else rest[0]
                shown = ", ".join(map(str, rest)) if rest else "()"
                found = Expression(f"{x.at(ATOM)}.reshape({shown})", ATOM, x)
                found.reshaped = x
                if _only_ahead(made.shape, shape):
                    found.loose = x, shape
                return found
        else:
            x = self.expression(first)
        if target == "ravel" or (target == "copy" and len(rest) < 2):
            rest, kwargs = (), {}
        if target == "astype":
            kwargs = {k: v for k, v in kwargs.items() if k != "copy"}
        inner = self.called("", rest, kwargs)
        found = Expression(f"{x.at(ATOM)}.{target}{inner.text}", ATOM, (x, inner))
        if target == "astype" and made is not None and _kind(first) == "b" and len(rest) == 1:
            return _as_numbers(x, made)
        return found

    def transposed(self, value: Any, axes: Any) -> Expression:
        """x.T, x.transpose(...), or x itself."""
        dims = len(value.shape)
        axes = axes.array.tolist() if axes.__class__ is Const else axes
        if axes is None or (dims == 2 and [a % 2 for a in axes] == [1, 0]):
            return self.turned(value)
        x = self.expression(value)
        if [axis % dims for axis in axes] == list(range(dims)):
            return x
        return Expression(f"{x.at(ATOM)}.transpose({', '.join(map(str, axes))})", ATOM, x)

    def whole_call(self, line: Line) -> Expression:
        """A forward or a rule that is too long to stand here: the library's own."""
        function = line.target
        if (getattr(function, "__module__", None) or "").startswith("numpy"):
            return self.called(_place(function), line.args, line.kwargs)
        if line.remember is not None and (said := function.__doc__ or "").startswith("np."):
            return Expression(said.format(*(self.expression(a).text for a in line.args)))
        own = getattr(function, "__name__", "f")
        module = getattr(getattr(function, "rule", function), "__module__", None)
        found = getattr(sys.modules.get(module or ""), own, None) is function
        title = own.strip("_<>") or "f"
        if title == "lambda" and line.origin is not None:
            title = f"{line.origin.operation.name}_rule"
        if found and title in self.imported:
            return self.called(self.imported[title], line.args, line.kwargs)
        name = self.free(title)
        if found:  # it runs where this library is installed
            self.imported[title] = name
            shown = f"from {module} import {own}" + f" as {name}" * (name != own)
            self.imports.append(f"{shown}  # not written out here")
        else:
            self.imports.append(f"# {name}: a part of {module}, not written out here")
        return self.called(name, line.args, line.kwargs)

    def brought(self, module: str, function: Any) -> str:
        """The name of a function that is imported, for it has a long one."""
        if function not in self.imported:
            own = function.__name__
            self.imported[function] = name = self.free(own)
            self.imports.insert(0, f"from {module} import {own}" + f" as {name}" * (name != own))
        return self.imported[function]

    def made_above(self, function: Any) -> str:
        """The name of a function that the text makes itself, above."""
        if function.text not in self.imported:
            text = function.text
            for own in [line.partition(" = ")[0] for line in text.split("\n")]:
                name = self.free(own)
                text = re.sub(rf"\b{own}\b", name, text)
            self.imported[function.text] = name
            self.before += text.split("\n")
            if function.imports is not None and function.imports not in self.imports:
                self.imports.insert(0, function.imports)
        return self.imported[function.text]

    def called(
        self, name: str, args: Any, kwargs: dict[str, Any], line: Line | None = None
    ) -> Expression:
        wide = line is not None and line.kind == "ufunc" and line.target.signature is None
        made = line.made[0] if line is not None and len(line.made) == 1 else None
        arrays = [a for a in args if a.__class__ is Var]
        wide = wide or (line is not None and line.target is np.clip)
        beside = arrays[0] if wide and arrays else None
        if line is not None and line.target is np.where and made is not None:
            if any(a.shape == made.shape for a in arrays) and made.dtype == np.float64:
                settled = any(a.dtype == made.dtype for a in arrays)
                like = made if settled else Var(-1, None)  # else they say what the result is
                parts = [self.expression(a, _Like(a, like), made) for a in args]
                return Expression(f"np.where({', '.join(p.text for p in parts)})", ATOM, parts)
        if line is not None and line.kind == "function":
            args, kwargs = _by_name(line.target, args, kwargs)
        parts = [self.expression(a, beside, made) for a in args]
        named = [(k, self.expression(v)) for k, v in kwargs.items() if (k, v) not in USUAL]
        inner = ", ".join([*(p.text for p in parts), *(f"{k}={v.text}" for k, v in named)])
        return Expression(f"{name}({inner})", ATOM, [*parts, *(v for _, v in named)])

    def index(self, index: Any, of: Any = None) -> str:
        parts = index if index.__class__ is tuple else (index,)
        dims = len(getattr(of, "shape", ()) or ())
        texts = []
        if len(parts) == dims + 1 and any(p.__class__ is slice for p in parts):
            if not any(p is None or p.__class__ in (Var, Const) for p in parts):
                parts = tuple(p for p in parts if p is not Ellipsis)  # it stands for nothing
        for part in parts:
            if part is Ellipsis and dims == 1 and len(parts) == 2 and None in parts:
                texts.append(":")
            elif part is Ellipsis:
                texts.append("...")
            elif part.__class__ is slice:
                bounds = [
                    "" if p is None else self.expression(p).text for p in (part.start, part.stop)
                ]
                step = "" if part.step is None else f":{self.expression(part.step).text}"
                texts.append(":".join(bounds) + step)
            else:
                texts.append(self.expression(part).text)
        return ", ".join(texts) or "()"


def _mean(sign: str, left: Expression, right: Expression, args: Any) -> Expression | None:
    """np.mean for a sum that is divided by how many there were."""
    if left.summed is None or sign not in ("/", "*"):
        return None
    x, options, count, shape, axes = left.summed
    value = args[1].array if args[1].__class__ is Const else args[1]
    if value.__class__ is Var or np.ndim(value) or value.__class__ is str:
        return None
    share = float(value) if sign == "/" else (1 / float(value) if value else 0.0)
    if count < 2 or abs(share - count) > 1e-6 * count:
        return None
    inner = (x if x.minus is None else x.minus).text
    inner = ", ".join([inner, *(f"{k}={v}" for k, v in options.items())])
    found = Expression(f"np.mean({inner})", ATOM, left)
    return found if x.minus is None else found.negated()


def _kept_dims(x: Expression, made: Var) -> Expression | None:
    """np.sum(x, axis=1) with its axis kept, for a sum that is given the axis again."""
    if x.summed is None:
        return None
    array, options, count, shape, axes = x.summed
    axes = {a % len(shape) for a in axes} if shape else set()
    if "keepdims" in options or made.shape != tuple(
        1 if i in axes else n for i, n in enumerate(shape)
    ):
        return None
    options = {**options, "keepdims": True}
    inner = ", ".join([array.text, *(f"{k}={v}" for k, v in options.items())])
    found = Expression(f"np.sum({inner})", ATOM, x)
    found.summed = array, options, count, shape, tuple(axes)
    return found


def _is_zero(value: Any) -> bool:
    array = value.array if value.__class__ is Const else value
    return isinstance(array, (int, float, np.generic, np.ndarray)) and not np.any(array)


def _is_one(value: Any) -> bool:
    if value.__class__ is Const:
        return is_ones(value)
    return value.__class__ is not Var and isinstance(value, (float, np.floating)) and value == 1


def _alike(value: Any, made: Any) -> bool:
    return (
        value.__class__ in (Var, Const) and made is not None
        and (value.shape, value.dtype) == (made.shape, made.dtype) and not value.weak
    )  # fmt: skip


def _as_numbers(x: Expression, made: Any) -> Expression:
    """Truth values as 0 and 1."""
    kind = "float" if made.dtype == np.float64 else f"np.{made.dtype.name}"
    found = Expression(f"{x.at(ATOM)}.astype({kind})", ATOM, x)
    found.mask = x
    return found


def _bare(x: Expression, beside: Any) -> Expression:
    """The truth values themselves, where they are multiplied by floats."""
    kind = _kind(beside)
    return x.mask if x.mask is not None and kind == "f" else x


def _loosely(left: Expression, right: Expression, args: Any, made: Any) -> list[Expression]:
    """Operands without what broadcasting does by itself."""
    sides, shapes = [left, right], [getattr(a, "shape", ()) for a in args]
    for i in (0, 1):
        while made is not None and (found := sides[i].loose) is not None:
            try:
                if np.broadcast_shapes(found[1], shapes[1 - i]) != made.shape:
                    break
            except ValueError:
                break
            sides[i], shapes[i] = found
    return sides


def _looks_on(
    found: Expression, sign: str, left: Expression, right: Expression, args: Any, made: Any
) -> None:
    """A number times something broadcast may be broadcast as that may; and so may what stands
    beside numbers that are the same everywhere."""
    shapes = [getattr(a, "shape", ()) for a in args]
    level = BY_SIGN[sign]
    if made is not None and sign in "+-*/":
        for i, a in enumerate(args):
            uniform = a.__class__ is Const and a.array.size and shapes[i] == made.shape
            uniform = uniform and made.shape != shapes[1 - i]
            if uniform and a.dtype == made.dtype and (a.array == a.array.flat[0]).all():
                if sign == "*" and a.array.flat[0] == 1:
                    other = right if i == 0 else left
                    found.text, found.level = f"np.broadcast_to({other.text}, {made.shape})", ATOM
                    found.loose = other, shapes[1 - i]
                    return
                same = _plain_number(a.array.flat[0], made)
                b, c = (same, right) if i == 0 else (left, same)
                text = f"{b.at(level)} {sign} {c.at(level + 1)}"
                found.loose = Expression(text, level, (b, c)), shapes[1 - i]
                return
    if sign in "*/" and () in shapes:
        loose = left.loose if shapes[1] == () else right.loose
        if loose is not None:
            a, b = (loose[0], right) if shapes[1] == () else (left, loose[0])
            text = f"{a.at(level)} {sign} {b.at(level + 1)}"
            found.loose = Expression(text, level, (a, b)), loose[1]


def _axes_added(axis: Any, dims: int) -> str:
    """The index that adds axes: `:, None`."""
    new = {a % dims for a in np.atleast_1d(axis).tolist()}
    parts = ["None" if i in new else ":" for i in range(dims)]
    while len(parts) > 1 and parts[-1] == ":":
        del parts[-1]
    return ", ".join(parts)


def _adds_axes(index: Any) -> bool:
    """Whether an index only adds axes of length 1."""
    parts = index if index.__class__ is tuple else (index,)
    whole = slice(None), Ellipsis, None
    return all(any(p is w or (p.__class__ is slice and p == w) for w in whole) for p in parts)


@lru_cache(maxsize=256)
def _defaults(function: Any) -> dict[str, Any]:
    """What a function takes where nothing is said."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return {}
    return {p.name: p.default for p in parameters}


IN_FULL = (np.take_along_axis, np.clip)  # older versions of NumPy want to be told
WITH_AXIS = frozenset([
    np.flip, np.cumsum, np.cumprod, np.concatenate, np.stack, np.sort, np.argsort, np.repeat,
    np.take_along_axis, np.argmax, np.argmin, np.diff, np.expand_dims, np.roll,
])  # fmt: skip


def _by_name(function: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """An axis is said by name, and not said what goes without saying."""
    usual = _defaults(function)
    args = _without_usual(function, args)
    if function in WITH_AXIS and args and "axis" in usual:  # (older versions do not always tell)
        place = list(usual).index("axis")
        if len(args) == place + 1:
            args, kwargs = args[:place], {"axis": args[place], **kwargs}
    plain = (bool, int, str, type(None))
    same = {
        k for k, v in kwargs.items()
        if k in usual and v.__class__ in plain and v.__class__ is usual[k].__class__
        and v == usual[k] and function not in IN_FULL
    }  # fmt: skip
    if kwargs.get("keepdims") is False:
        same.add("keepdims")
    return args, {k: v for k, v in kwargs.items() if k not in same}


def _without_usual(function: Any, args: Any) -> Any:
    """The arguments without those at the end that go without saying."""
    usual = list(_defaults(function).values())
    left = len(args)
    while 1 < left <= len(usual) and args[left - 1].__class__ in (bool, int, type(None)):
        given, default = args[left - 1], usual[left - 1]
        missing = repr(default) == "<no value>" and not given
        same = given.__class__ is default.__class__ and given == default
        if not (same or missing) or function in IN_FULL:
            break
        left -= 1
    return args[:left]


def _place(function: Any) -> str:
    """Where NumPy has a function: `np.exp`, `np.linalg.inv`."""
    name = {"absolute": "abs"}.get(function.__name__, function.__name__)
    for place in (np, np.linalg, np.lib.stride_tricks):
        for known in (name, name.strip("_")):
            if hasattr(place, known):
                return f"{place.__name__.replace('numpy', 'np', 1)}.{known}"
    return f"np.{name}"


def _share(value: Any, made: Var) -> float | None:
    """n of 1/n, where that is not what the function says itself: of the mean of n, or 1/3."""
    value = value.array if value.__class__ is Const else value
    if not isinstance(value, (float, np.floating, np.ndarray)) or np.size(value) == 0:
        return None
    value = np.asarray(value)
    first = value.flat[0]
    if value.dtype.kind != "f" or not 0 < first < 1 or (value != first).any():
        return None
    n = float(round(1 / float(first)))
    if n > 1e6 or value.dtype.type(1 / n) != first:
        return None
    return n if n in (*made.shape[:1], np.prod(made.shape)) or len(number(first)) > 6 else None


def _kind(value: Any) -> str | None:
    """Of numbers: "f", "i", "b"; None of what has none."""
    return getattr(getattr(value, "dtype", None), "kind", None)


def _plain_number(value: Any, beside: Any) -> Expression:
    """A number; a whole one without its point, beside floats."""
    kind = _kind(beside)
    if value == 2 * np.pi:
        return Expression("2 * np.pi", MULTIPLIED)
    text = number(value)
    if "np." in text and "(" in text and getattr(beside, "dtype", None) != np.float64:
        # Python's own number, which takes the precision of what stands beside it.
        text = repr(float(value)) if "finfo" in text else text.replace("np.", "math.")
    if (rest := complement(value, text)) is not None:
        return Expression(f"1 - {rest}", SUMMED)
    if kind == "f" and text.endswith(".0") and len(text) < 9 and text != "-0.0":
        text = text[:-2]
    found = Expression(text.removeprefix("-"))
    return found.negated() if text.startswith("-") else found


def _only_ahead(shape: tuple[int, ...], before: tuple[int, ...]) -> bool:
    """Whether a shape is another one with axes of length 1 before it."""
    more = len(shape) - len(before)
    return shape[more:] == before and set(shape[:more]) <= {1}


class _Like:
    """What a constant may be the same everywhere beside of."""

    def __init__(self, value: Any, made: Var) -> None:
        self.shape, self.dtype = getattr(value, "shape", ()), made.dtype
