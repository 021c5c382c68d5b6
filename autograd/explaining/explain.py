"""Explaining one gradient in words and numbers: every use of a Tensor, and the total.

It reads the recorded graph and changes nothing in it: no `.grad`, no hooks.
"""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

import numpy as np

from autograd.engine import leading_to, topological_order
from autograd.errors import AutogradError
from autograd.explaining.differences import check
from autograd.explaining.explanation import Explanation, Use
from autograd.gradients import locked
from autograd.graph.data import Edge, Node
from autograd.graph.flow import Flow, Returned, seed
from autograd.graph.naming import Names, Scopes, memory
from autograd.graph.steps import Operand, Step, is_hidden, step_of
from autograd.rules import operations
from autograd.tensor import Tensor
from autograd.words.names import brief
from autograd.words.notation import terms_of, title, told_of, written_with
from autograd.words.numbers import short
from autograd.words.symbols import latex, rule

__all__ = ["explain"]

STEPS = 100_000  # operations between the tensor and the output
USES = 50  # that are told one by one
NAMED = 2_000  # operations whose names are looked at
LEVELS, LETTERS = 3, 20  # of what a nameless operand is called by: relu(w·x + b)


class _Found(NamedTuple):
    """A use that hands something back."""

    step: Step
    number: int
    upstream: Any
    flow: Flow


def explain(output: Any, tensor: Any, *, names: Any = None, gradient: Any = None) -> Explanation:
    """Why the gradient of `output` with respect to `tensor` is what it is.

    Tells every use of the tensor: the operation, its rule, upstream × local = contribution; the
    total; and a check by finite differences, which says in words where it does not agree (a kink).

    Args: output, a Tensor (of one with several elements the sum is explained); tensor, a Tensor
        that it depends on; names, a dict of Tensors by name (`locals()`); gradient, of the output's
        shape, to start from instead of ones.
    Raises TypeError for what is no Tensor, ValueError where the output does not depend on it or
    more than 100,000 operations lie between, GraphFreedError if the graph is gone.

    >>> from autograd import Tensor
    >>> w, x = Tensor(2.0, requires_grad=True), Tensor(3.0, requires_grad=True)
    >>> print(explain(w * x, w, names=locals()))
    ∂L/∂w = 3
        at w = 2, where L = 6
    <BLANKLINE>
    w is used once, and its gradient is what comes back from there:
    <BLANKLINE>
      1. multiply: L = w·x
         upstream   g = ∂L/∂L = 1
         rule       ∂(w·x)/∂w = x
         numbers    g × x = 1 × 3 = 3
    <BLANKLINE>
    Check by finite differences, h = 1.2e-05: (L(w+h) - L(w-h)) / 2h = 3. They agree.
    """
    names = Names(names, "explain")
    called = _Called(output, tensor, names)
    _check_kinds(output, tensor)
    steps = _steps(output, tensor, called)
    start = seed(output, gradient, "explain")
    with np.errstate(all="ignore"):  # 0/0 at a kink is no news
        found, count, total = _back(steps, output, tensor, start)
        compared = check(steps, output, tensor, start, total)
    called.look_at(steps)
    uses = tuple(called.use(one) for one in found)
    seen = [one.step.operands[one.number].value for one in found]
    notes = _notes(output, tensor, gradient, steps, seen, called)
    if compared.agrees is not None:
        notes += _kept_conditions(output)
    return Explanation(
        called.output, called.tensor, locked(np.asarray(output._value)),
        locked(np.asarray(seen[0] if seen else tensor._value)), uses, count - len(uses),
        locked(total), compared, notes,
    )  # fmt: skip


def _check_kinds(output: Any, tensor: Any) -> None:
    for what, value in (("the output", output), ("the tensor", tensor)):
        if not isinstance(value, Tensor) or is_hidden(value):
            raise TypeError(
                f"explain(output, tensor): {what} must be a Tensor, got {type(value).__name__}"
            )


def _steps(output: Any, tensor: Any, called: _Called) -> list[Step]:
    """All operations between the tensor and the output, oldest first."""
    if not output._requires_grad:
        raise ValueError(
            f"explain: {called.output} requires no gradient, so no operation was recorded behind "
            "it; make its inputs Tensor(..., requires_grad=True), outside of no_grad()"
        )
    order = topological_order([output])
    between = leading_to([tensor], order) - {tensor}
    nodes = [node for node in order if node in between and not is_hidden(node)]
    if output is not tensor and output not in nodes[-1:]:
        if not tensor._requires_grad:
            cure = "it requires no gradient; make it Tensor(..., requires_grad=True) beforehand"
        else:
            cure = "no recorded operation leads from one to the other"
        raise ValueError(f"explain: {called.output} does not depend on {called.tensor}: {cure}")
    if len(nodes) > STEPS:
        raise ValueError(
            f"explain: {len(nodes):,} operations lie between {called.tensor} and {called.output}, "
            f"more than {STEPS:,}; explain a later result, or an earlier output"
        )
    return [step_of(node) for node in nodes]


def _back(steps: list[Step], output: Any, tensor: Any, start: Any) -> tuple[list[_Found], int, Any]:
    """The first uses of the tensor with what they hand back, how many there are, the total."""
    returned = Returned({output: start}, {tensor} | {step.node for step in steps})
    found: deque[_Found] = deque(maxlen=USES)  # met from the last to the first
    count = 0
    for step, g, flows in returned.back(steps, lambda step: bool(_own(step, tensor))):
        for number in reversed(_own(step, tensor)):
            if (flow := flows[number]) is not None:
                found.append(_Found(step, number, g, flow))
                count += 1
    if returned.errors:
        raise AutogradError(f"explain: {returned.errors[0]}")
    total = np.asarray(returned.of.get(tensor, np.zeros_like(tensor._value)))
    return [*found][::-1], count, total


def _own(step: Step, tensor: Any) -> list[int]:
    """Which uses of a step are those of the tensor."""
    return [number for number, operand in enumerate(step.operands) if operand.source is tensor]


class _Called:
    """What everything is called in one explanation."""

    def __init__(self, output: Any, tensor: Any, names: Names) -> None:
        self._names, self._scopes = names, Scopes()
        self._output, self._tensor = output, tensor
        self.output = brief(self._name(output) or "L")
        self.tensor = brief(self._name(tensor) or "x")
        if tensor is output:
            self.tensor = self.output
        elif self.tensor == self.output:
            self.output = "the output"
        self.taken = False  # whether something is called g

    def look_at(self, steps: list[Step]) -> None:
        """Leave the names that values have to these values."""
        names = {self._name(step.node) for step in steps[:NAMED]}
        for operand in (operand for step in steps[:NAMED] for operand in step.operands):
            names.add(self._name(operand.what))
        self.taken = "g" in names or self.tensor == "g"
        if self.output == "L" and self._name(self._output) is None and "L" in names:
            self.output = "the output"

    def _name(self, node: Any) -> str | None:
        name = getattr(node, "_name", None) if isinstance(node, Tensor) else None
        return name if name is not None else self._names.of(node)

    def _in(self, step: Step, operand: Operand) -> str | None:
        """The name of a value that a step uses."""
        if operand.source is self._tensor:
            return self._of_tensor(step)
        name = self._name(operand.what)
        mine = self._scopes.parameter(step.maker._scope, operand.what)
        if mine is not None and (name is None or mine[0].endswith(f".{name}")):
            return mine[0]
        return self._made_of(operand.source) if name is None else name

    def _made_of(self, node: Any, levels: int = LEVELS) -> str | None:
        """A result without a name, written with its arguments, if that is short: "relu(w·x)".

        Not where the tensor itself is in it: by x, x·x + x has not the slope 1 of this one use.
        """
        if node is None or not node._inputs or not levels:
            return None
        step = step_of(node)
        known = []
        for operand in step.operands:
            of = operand.what
            own = None if of is self._tensor else self._name(of)
            if own is None and of is not self._tensor:
                number = operand.source is None and np.ndim(operand.value) == 0
                own = short(operand.value) if number else self._made_of(operand.source, levels - 1)
            if own is None:
                return None
            known.append(brief(own))
        drawn = Node(
            "", "operation", step.maker._op.name, settings=step.settings, private=step.private,
            traits=step.maker._op.traits,
        )  # fmt: skip
        text = written_with(drawn, known)
        return text if len(text) <= LETTERS else None

    def _of_tensor(self, step: Step) -> str:
        """The tensor's own name; of a parameter its name from the outermost module on."""
        own, mine = (
            self._name(self._tensor),
            self._scopes.parameter(step.maker._scope, self._tensor),
        )
        if mine is not None and (own is None or mine[0].endswith(f".{own}")):
            self.tensor = brief(mine[0])
        return self.tensor

    def use(self, found: _Found) -> Use:
        """One use, told."""
        step, flow = found.step, found.flow
        ids: dict[Any, str] = {}
        inputs = []
        for operand in step.operands:
            key = id(operand.what)
            inputs.append(
                Node(
                    ids.setdefault(key, f"n{len(ids)}"),
                    "constant" if operand.source is None else "input",
                    name=self._in(step, operand), shape=np.shape(operand.value),
                    value=operand.value,
                )
            )  # fmt: skip
        mine = self.output if step.node is self._output else self._name(step.node)
        node, operation = step.node, step.maker._op
        drawn = Node(
            "y", "operation", operation.name, None, np.shape(node._value), value=node._value,
            gradient=found.upstream, settings=step.settings, private=step.private,
            formula=operation.formula,
            traits=operation.traits,
        )  # fmt: skip
        used = step.operands[found.number]
        source = inputs[found.number].id
        edge, shown = told_of(Edge(source, "y", used.position, used.slot, *flow), inputs)
        said = rule(drawn, edge, shown, self.output, self.taken)
        terms = terms_of(drawn, edge, shown, self.taken)
        expression = terms.expression
        return Use(
            operation.name, brief(mine) if mine else expression, expression,
            ".".join(self._scopes.path(step.maker._scope)), said.symbols, said.numbers,
            latex(drawn, edge, shown, self.output, self.taken),
            locked(np.asarray(found.upstream)), flow.local, locked(flow.contribution), flow.summed,
            step.shown(), terms.upstream,
        )  # fmt: skip


def _notes(
    output: Any, tensor: Any, gradient: Any, steps: list[Step], seen: list[Any], called: _Called
) -> tuple[str, ...]:
    notes = []
    if gradient is not None:
        notes.append("the gradient that was given is where it starts, instead of ones")
    elif output._value.size != 1:
        notes.append(
            f"{called.output} has shape {output._value.shape}: what is explained is the gradient "
            "of the sum of its elements"
        )
    if any(value is not tensor._value and _differ(value, tensor._value) for value in seen):
        notes.append(
            f"{called.tensor} was given new values after it was used; the graph, and this "
            "explanation, know those that it had then"
        )
    own = memory(tensor._value)
    cut = (operand.value for step in steps for operand in step.operands if operand.source is None)
    if any(value is tensor._value or (own and memory(value) == own) for value in cut):
        notes.append(
            f"{called.tensor} is used as a constant, too (detached): those uses hand no gradient "
            "back, and this one is without them"
        )
    nodes = [tensor, *(step.node for step in steps)]
    if any(node._hooks is not None and node._hooks.functions for node in nodes):
        notes.append("hooks were not run: the gradients are those without them")
    return tuple(notes)


def _kept_conditions(output: Any) -> tuple[str, ...]:
    """A note on operations that compute with True and False, to which no gradient leads."""
    found = (
        title(node._op.name)
        for node in topological_order([output])
        if node._op is not None
        and (node._op is operations[np.where] or isinstance(node._op.forward, np.ufunc))
        and any(np.asarray(value).dtype.kind == "b" for value in node._args)
    )
    if not (names := " and ".join(dict.fromkeys(found))):
        return ()
    return (
        f"the check keeps the conditions of {names} as they were recorded; it does not see kinks "
        "and jumps that come from their change",
    )


def _differ(seen: Any, now: Any) -> bool:
    return not np.array_equal(seen, now, equal_nan=True)
