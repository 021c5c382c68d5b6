"""Programs that are a little faster and give other last digits, for who allows it."""

from __future__ import annotations

import math

import numpy as np

from autograd.compiling.program import Program
from autograd.compiling.rewriting import again
from autograd.compiling.tracing import Const, Line, Var

__all__: list[str] = []

FEW = 1 << 12  # elements; of more, a dot product loses digits that a sum in pairs keeps


def loosen(program: Program) -> None:
    """Rules no longer ask whether a product with zeros is finite; short sums are dot products."""
    made_by = {line.made[0]: line for line in program.lines if len(line.made) == 1}
    program.lines = [
        _as_product(line, program) if _is_short_sum(line) else line
        for line in program.lines
        if not _asks_for_finite(line, made_by)
    ]
    program.drop()


def _asks_for_finite(line: Line, made_by: dict[Var, Line]) -> bool:
    """`if flat.dot(flat) < limit:`, which of elements tells that none is infinite or nan."""
    if line.kind != "bool" or not line.expected or line.origin is None or not line.origin.backward:
        return False
    compared = made_by.get(line.args[0])
    if compared is None or compared.target not in (np.less, "<"):
        return False
    square = made_by.get(compared.args[0])
    return (
        square is not None and square.kind == "method" and square.target == "dot"
        and square.args[0] is square.args[1]
    )  # fmt: skip


def _is_short_sum(line: Line) -> bool:
    if line.kind != "ufunc.method" or line.target != (np.add, "reduce") or line.writes is not None:
        return False
    x = line.args[0]
    return (
        len(line.made) == 1 and line.made[0].shape == () and len(line.args) == 1
        and x.__class__ is Var and len(x.shape) == 1 and x.dtype == line.made[0].dtype
        and x.dtype in (np.float32, np.float64) and math.prod(x.shape) <= FEW
        and set(line.kwargs) <= {"axis", "dtype"}
    )  # fmt: skip


def _as_product(line: Line, program: Program) -> Line:
    ones = Const(program.count, np.ones(line.args[0].shape, line.made[0].dtype))
    program.count += 1
    return again(line, "method", "dot", (line.args[0], ones), {})
