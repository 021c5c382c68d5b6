"""The program as a person would have written it: plain NumPy, one statement a step."""

from __future__ import annotations

import builtins
import keyword
import re
import textwrap
from typing import Any

import numpy as np

from autograd.compiling.expressions import STAND_INS, Expressions
from autograd.compiling.program import Program, values_in
from autograd.compiling.rewriting import (
    filled,
    once,
    updating,
    with_vectors,
    without_copies,
    without_ones,
)  # fmt: skip
from autograd.compiling.spelling import (
    ATOM,
    IN_PLACE,
    WIDTH,
    Expression,
    broken,
    comment,
    counted,
    example,
    identifier,
    wrapped,
)  # fmt: skip
from autograd.compiling.tracing import Const, Line, Var

__all__: list[str] = []

NARROW = 56  # of an expression that stands within another one
ROOM = WIDTH - 4  # of a statement

LOOKS = (np.transpose, np.broadcast_to, np.expand_dims)


def written(program: Program, name: str) -> str:
    """The text of a program: a function of its inputs, and a call of it that prints."""
    return Writer(program, name).text()


class Writer(Expressions):
    """Writes a program by lines; what is used once, and has no name, stands where it is used."""

    def __init__(self, program: Program, name: str) -> None:
        self.program = program
        self.arguments = set(program.inputs)
        self.function = re.sub(r"\W", "", name).strip("_") or "f"
        if self.function == "lambda" or keyword.iskeyword(self.function):
            self.function = "f"
        lines, self.outputs = without_ones(program.without_branches(), program.outputs)
        lines, self.outputs = without_copies(lines, program.inputs, self.outputs)
        self.lines = filled(updating(with_vectors(once(lines, self.outputs))))
        self.taken = {"np", "rng", self.function, *dir(builtins), *keyword.kwlist}
        self.names: dict[Var, str] = {}
        self.pending: dict[Var, Expression] = {}  # not written yet
        self.constants: dict[int, str] = {}
        self.known: list[tuple[Any, str]] = []
        self.before: list[str] = []  # statements that make the constants
        self.imports: list[str] = []
        self.imported: dict[Any, str] = {}
        self.counts: dict[str, int] = {}
        self.statements: list[tuple[Line, str, tuple[Any, ...]]] = []
        self.uses: dict[Var, int] = {}
        self.user: dict[Var, Line] = {}  # the last line that uses a value,
        self.maker: dict[Var, Line] = {}  # and the one that makes it
        self.given = set(values_in(self.outputs))
        self.fresh: set[Var] = set()  # zeros, until they are written into
        whole: dict[Any, Var] = {}
        for line in self.lines:
            for var in [*values_in(line.args), *values_in(line.kwargs)]:
                self.uses[var] = self.uses.get(var, 0) + 1
                self.user[var] = line
            for var in line.made:
                self.maker[var] = line
                for of in program.gradient_of(var):
                    whole[of, line.sweep] = var
        for var in self.given:
            self.uses[var] = self.uses.get(var, 0) + 1
        # Numbers that are given in an array without axes: np.stack([x]).reshape(()).
        stacked = [line.args[0] for line in self.lines if line.target is np.stack and line.args]
        self.alone = {m[0] for m in stacked if len(m) == 1 and getattr(m[0], "shape", 0) == ()}
        # Gradients with nothing more to come, and what they belong to.
        self.whole = {(of, var) for (of, _), var in whole.items()}
        self.written_roots = {line.writes.root for line in self.lines if line.writes is not None}
        self.first_sweep = min((line.sweep for line in self.lines if line.backward), default=0)
        self.layered = len({_scope(line) for line in self.lines} - {None}) > 1

    def text(self) -> str:
        used = set(self.uses)
        inputs = [
            var for var in self.program.inputs if var in used or var not in self.program.around
        ]
        for var in inputs:
            self.named(var)
        for at, line in enumerate(self.lines):
            self.following = self.lines[at + 1] if at + 1 < len(self.lines) else None
            self.state(line)
        returned = self.returned()
        names = [self.names[v] for v in inputs]
        head = wrapped(f"def {self.function}(", names, "):")
        body = ["    " + line for line in self.body()]
        if any(re.search(r"\bmath\.", line) for line in body) and "import math" not in self.imports:
            self.imports.append("import math")
        pythons = [line for line in self.imports if line.startswith("import ")]
        others = [line for line in self.imports if line not in pythons]
        parts = [*pythons, *([""] if pythons else []), "import numpy as np", *others]
        parts += [*([""] if self.before else []), *self.before]
        calls = self.example(inputs, names)
        return "\n".join([*parts, "", "", *head, *body, *returned, *calls]) + "\n"

    # ---- names ----------------------------------------------------------------------------------

    def named(self, var: Var) -> str:
        if var not in self.names:
            self.names[var] = self.free(self.suggested(var))
        return self.names[var]

    def suggested(self, var: Var) -> str:
        """The name in the function itself, d with the name of what it is the gradient of, or one
        that tells the kind."""
        if (name := self.program.name_of(var)) is not None:
            return identifier(name)
        if var in self.arguments:
            return "x"
        backward = var in self.maker and self.maker[var].backward
        if backward and self.maker[var].sweep <= self.first_sweep:
            known = [v for v in self.program.gradient_of(var) if v in self.names]
            known.sort(key=lambda v: ((v, var) not in self.whole, self._told(v)))
            if known and not (known[0] in self.maker and self.maker[known[0]].backward):
                return f"d{self.names[known[0]]}" + (
                    "" if (known[0], var) in self.whole else "_part"
                )
        if (name := self.program.hint_of(var)) is not None:
            return identifier(name)
        if var.dtype is not None and var.dtype.kind == "b":
            return "mask"
        if (var in self.given or var in self.alone) and (
            not backward or self.maker[var].sweep > self.first_sweep
        ):
            return "y" if var.shape else "value"
        return "g" if backward else "h"

    def _told(self, var: Var) -> int:
        """How little a name tells: one that the function gives to a result, any, an input's."""
        return 2 if var in self.arguments else int(self.program.name_of(var) is None)

    def free(self, name: str) -> str:
        """The name, or with a number behind it if it is taken."""
        count = self.counts.get(name, 0)
        numbered = name in ("g", "h", "mask")
        given = f"{name}1" if numbered else name
        while given in self.taken:
            count = max(count + 1, 1 if numbered else 2)
            given = f"{name}{count}"
        self.counts[name] = max(count, 1)
        self.taken.add(given)
        return given

    # ---- statements -----------------------------------------------------------------------------

    def body(self) -> list[str]:
        """The statements, with headings and comments."""
        texts: list[str] = []
        phase = label = None
        told: set[Any] = set()
        root = self.root()
        last_sweep = max((line.sweep for line, _, _ in self.statements if line.backward), default=0)
        sweeps = 0
        for line, statement, origins in self.statements:
            now = (line.backward, line.sweep if line.backward or line.sweep < last_sweep else -1)
            if now != phase and last_sweep:
                if line.backward:
                    texts.append("# backward" + " again" * bool(sweeps))
                    sweeps += 1
                elif now[1] >= 0 or phase is None:
                    texts.append("# forward" + " again" * (phase is not None))
                else:
                    texts.append("# afterwards")
                label = None
            phase = now
            if self.layered and line.origin is not None:
                here = self.label(line)
                if here != label and here is not None:
                    texts.append(f"# {here.removeprefix(root)}")
                label = here
            rules = [o for o in origins if o.backward and o not in told and line.backward]
            told.update(rules)
            plainly = self.program.plainly
            said = [text for text in dict.fromkeys(comment(o, plainly) for o in rules) if text]
            if len("; ".join(said)) > ROOM - 2:
                said = [text for text in said if not text.endswith((": g", ": -g"))] or said
            remark = "; ".join(said)
            if len(said) > 1 and len(remark) > (1 + (len(said) < 4)) * (ROOM - 2):
                remark = ""  # a rule for nearly each letter says nothing
            if remark and len(statement) + len(remark) + 4 <= ROOM:
                statement = f"{statement}  # {remark}"
            elif remark and not remark.endswith((": g", ": -g")):
                texts += textwrap.wrap(
                    remark, ROOM, initial_indent="# ", subsequent_indent="# ",
                    break_long_words=False, break_on_hyphens=False,
                )  # fmt: skip
            texts += broken(statement, ROOM)
        return texts

    def label(self, line: Line) -> str | None:
        """The layer to which a statement belongs, or the operation outside of layers."""
        path = _scope(line)
        if path is None and line.backward:
            return None  # the comments name the operation
        if path is None:
            operation = line.origin.operation
            ours = getattr(operation.forward, "__module__", None) or "numpy"
            return None if ours.startswith("numpy") else str(operation.name)
        module = getattr(line.origin.scope.name, "module", None)
        module = module() if module is not None else None
        return (
            path
            if module is None or path == type(module).__name__
            else f"{path}: {type(module).__name__}"
        )

    def root(self) -> str:
        """What all layers' names begin with."""
        paths = {path for line in self.lines if "." in (path := _scope(line) or "")}
        roots = {path.partition(".")[0] for path in paths}
        return f"{roots.pop()}." if len(roots) == 1 else ""

    def emit(self, line: Line, text: str, expression: Expression) -> None:
        origins = expression.origins
        if line.origin is not None:
            origins = (*origins, line.origin.told)
        self.statements.append((line, text, tuple(dict.fromkeys(origins))))

    def settle(self, var: Any) -> None:
        """Write down what waits, under a name."""
        waiting = self.pending.get(var) if var.__class__ is Var else None
        if waiting is not None and not waiting.stays:
            del self.pending[var]
            line = self.maker[var]
            if waiting.view is None or waiting.loose is None:
                self.emit(line, f"{self.named(var)} = {waiting.text}", waiting)
                return
            (inner, shape), name = waiting.loose, self.free(self.suggested(var))
            self.emit(line, f"{name} = {inner.text}", inner)
            self.pending[var] = again = Expression(waiting.view.format(name))
            again.loose, again.stays = (Expression(name), shape), True

    def settle_summed(self, var: Var) -> bool:
        """Write down what is summed up, not the sum, which may become a mean; and whether it is
        one that waits."""
        waiting, line = self.pending[var], self.maker[var]
        if waiting.summed is None or not line.args or line.args[0].__class__ is not Var:
            return False
        if not self.may_be_mean(var):
            return False
        inner, options, *rest = waiting.summed
        if inner.text.isidentifier() or inner.turned is not None:
            return False
        name = self.named(line.args[0])
        self.emit(line, f"{name} = {inner.text}", inner)
        named = ", ".join([name, *(f"{k}={v}" for k, v in options.items())])
        self.pending[var] = again = Expression(f"np.sum({named})", of=waiting)
        again.summed = Expression(name), options, *rest
        return True

    def may_be_mean(self, total: Var) -> bool:
        """Whether a sum is divided by a number."""
        user = self.user.get(total)
        if user is None or user.target not in (np.divide, np.multiply, "/", "*"):
            return False
        return any(a.__class__ is not Var for a in user.args)

    def state(self, line: Line) -> None:
        """Write down a line, or let it wait for its only use."""
        made = line.made
        var = made[0] if len(made) == 1 and line.form.__class__ is not tuple else None
        look = (
            var is not None and _only_looks(line) and var not in self.given
            and var.root not in self.written_roots
        )  # fmt: skip
        if look and var is not None and self.uses[var] > 1:
            self.settle(line.args[0])
        before = dict(self.pending)
        text, expression = self.statement(line, var)
        room = ROOM - 8 * (line.kind != "setitem" and line.writes is None)  # for its own name
        while len(text) > room:  # what it has taken in stands before it
            taken = [v for v in before if v not in self.pending and not before[v].stays]
            taken = [v for v in taken if len(before[v].text) > 12]
            if not taken:
                break
            self.pending = before
            longest = max(taken, key=lambda v: len(before[v].text))
            if not self.settle_summed(longest):
                self.settle(longest)
            before = dict(self.pending)
            text, expression = self.statement(line, var)
        if line.origin is not None and line.backward:
            told = line.origin.told
            if told not in expression.origins:
                expression.origins += (told,)
        if var is not None and line.writes is None:
            if look and not expression.stays and not self.waits(var, expression):
                self.pending = before  # what is looked at has the name
                self.settle(line.args[0])
                text, expression = self.statement(line, var)
            line = next((self.maker[v] for v, e in before.items() if e is expression), line)
            expression.stays = look and self.uses[var] > 1
            if expression.stays or self.waits(var, expression):
                self.pending[var] = expression
                return
            text = f"{self.named(var)} = {text}"
        elif made and line.writes is None:
            text = f"{self.pattern(line.form)} = {text}"
        self.emit(line, text, expression)

    following: Line | None = None

    def statement(self, line: Line, var: Var | None) -> tuple[str, Expression]:
        if line.kind == "update":  # whole[index] += value
            whole, index, value = line.args
            target, given = self.expression(whole), self.expression(value, whole)
            text = f"{target.at(ATOM)}[{self.index(index)}] {IN_PLACE[line.target]} {given.text}"
            return text, Expression(text, of=given)
        if line.kind == "setitem":
            whole, index, value = line.args
            target, given = self.expression(whole), self.expression(value)
            self.fresh.discard(whole)
            text = f"{target.at(ATOM)}[{self.index(index)}] = {given.text}"
            return text, Expression(text, of=given)
        if line.writes is not None:
            expression = self.in_place(line)
        else:
            expression = self.expression_of(line)
        return expression.text, expression

    def waits(self, var: Var, expression: Expression) -> bool:
        """Whether an expression stands where it is used, and gets no name."""
        if self.following is not None and self.following.writes is var and self.uses[var] <= 2:
            return var.root is not var  # whole[i] += part
        if var.root in self.written_roots or expression.reads & self.written():
            return False
        known = expression.reads or expression.text in self.constants.values()
        if expression.text in self.taken and known:  # another name for what has one
            expression.stays = True
            return True
        if var in self.given or self.program.name_of(var) is not None or self.of_named(var):
            return False
        shown = expression if expression.loose is None else expression.loose[0]
        most = NARROW
        if expression.summed is not None and self.may_be_mean(var):
            most = ROOM - 12
        if self.uses.get(var, 0) != 1 or len(shown.text) > most or "\n" in shown.text:
            return False
        long = expression.loose is None and len(shown.text) > NARROW // 2
        if long and self.maker[var].sweep <= self.first_sweep:
            told = {comment(o, self.program.plainly) for o in expression.origins} - {""}
            lengths = sorted(map(len, told))
            if len(told) > 2 and sum(lengths[:-1]) > NARROW // 2:
                return False  # one rule more, and there would be too many to tell of each
        maker, user = self.maker[var], self.user.get(var)
        if user is not None and maker.backward and not user.backward and len(shown.text) > 12:
            return False
        if user is None or not self.layered or maker.origin is None or user.origin is None:
            return True
        return _scope(maker) == _scope(user) or maker.backward != user.backward

    def of_named(self, var: Var) -> bool:
        """Whether it is the gradient of a part of what was given that has a name of its own."""
        return any(
            of.root in self.arguments and of not in self.arguments and of in self.names
            and (of, var) in self.whole for of in self.program.gradient_of(var)
        )  # fmt: skip

    def written(self) -> set[Var]:
        return {v for v in self.names if v.root in self.written_roots}

    def in_place(self, line: Line) -> Expression:
        """What writes into an array that is there."""
        target = line.writes
        assert target is not None
        sign = IN_PLACE.get(line.target) if line.kind == "ufunc" else None
        if sign and line.args[0].__class__ is Var and line.args[0] is target:
            given = self.expression(line.args[1], target)
            return Expression(f"{self.expression(target).text} {sign} {given.text}", of=given)
        if line.kind == "ufunc.method" and line.target == (np.add, "at") and not line.kwargs:
            whole, index, value = line.args
            if _each_once(index):
                zeros = whole in self.fresh
                if value.__class__ is Const and (value.array == value.array.flat[0]).all():
                    given = self.constant(value.array.reshape(-1)[0], target)
                else:
                    given = self.expression(value)
                self.fresh.discard(whole)
                text = f"{self.expression(whole).at(ATOM)}[{self.index(index)}]"
                return Expression(f"{text} {'=' if zeros else '+='} {given.text}", of=given)
        self.fresh.discard(target)
        return self.expression_of(line)

    def pattern(self, form: Any) -> str:
        if form.__class__ is tuple:
            return ", ".join(self.pattern(f) for f in form) + "," * (len(form) == 1)
        return "_" if form is None else self.named(form)

    def returned(self) -> list[str]:
        form = self.program.form
        if form is None:
            return ["    return None"]
        text = f"    return {self.output(form)}"
        if len(text) <= WIDTH or form.__class__ not in (tuple, list):
            return [text]
        left, right = "()" if form.__class__ is tuple else "[]"
        return wrapped(f"    return {left}", list(map(self.member, form)), right)

    def output(self, form: Any) -> str:
        kind = form.__class__
        if kind is tuple:
            return ", ".join(map(self.member, form)) + "," * (len(form) == 1) or "()"
        if kind is list:
            return "[" + ", ".join(map(self.member, form)) + "]"
        if kind is dict:
            return "{" + ", ".join(f"{k!r}: {self.member(v)}" for k, v in form.items()) + "}"
        return self.expression(self.outputs[form.place]).text

    def member(self, form: Any) -> str:
        text = self.output(form)
        return f"({text})" if form.__class__ is tuple and text != "()" else text

    # ---- an example -----------------------------------------------------------------------------

    def example(self, inputs: list[Var], names: list[str]) -> list[str]:
        """A call with what was recorded, or with random numbers of that kind, that prints."""
        values = self.program.examples
        if not values.keys() >= set(inputs):
            return []
        lines: list[str] = []
        strict = any(map(_wants_numpy, self.lines))
        if any(isinstance(values[v], str) for v in inputs) and STAND_INS not in self.before:
            lines.append(STAND_INS)
        for var, name in zip(inputs, names):
            value, head = values[var], f"{name} = "
            text = value if isinstance(value, str) else example(head, value)
            if strict and not var.weak and np.ndim(value) == 0 and text[0] in "-.0123456789":
                text = f"np.float64({text})" if "." in text else f"np.int64({text})"
            lines += f"{head}{text}".split("\n")
        return ["", "", *lines, *wrapped(f"print({self.function}(", names, "))")]


def _scope(line: Line) -> str | None:
    """The layer of which a line is."""
    origin = line.origin
    if origin is None or origin.told.scope is None:
        return None
    return str(origin.told.scope)


def _only_looks(line: Line) -> bool:
    """Whether a line only looks at an array in another way, and briefly."""
    return (
        (line.kind == "attribute" and line.target in ("T", "mT"))
        or (line.kind == "method" and line.target in ("transpose", "swapaxes"))
        or (line.kind == "function" and line.target in LOOKS)
    )  # fmt: skip


def _wants_numpy(line: Line) -> bool:
    """Whether a line does with a number what Python's own numbers cannot, or do otherwise."""
    first = line.args[0] if line.args else None
    if line.kind in ("method", "attribute", "getitem") or line.target is np.transpose:
        return first.__class__ is Var and first.shape == () or line.target == "dot"
    if line.kind == "operator" and line.target in ("/", "**"):
        other = line.args[1]
        return other.__class__ is Var or (line.target == "**" and other not in (1, 2, 3, 4))
    return False


def _all_different(places: Any) -> bool:
    signs = np.unique(places < 0).size  # -1 may be the place that 2 is
    return places.dtype.kind == "i" and np.unique(places).size == places.size and signs == 1


def _each_once(index: Any) -> bool:
    """Whether an index meets no element twice, because it counts along an axis."""
    parts = index if index.__class__ is tuple else (index,)
    arrays = [p for p in parts if getattr(p, "shape", ()) != ()]
    return any(
        p.__class__ is Const and p.array.ndim == 1
        and (counted(p.array) is not None or _all_different(p.array))
        and all(a.shape == p.shape for a in arrays)
        for p in arrays
    )  # fmt: skip
