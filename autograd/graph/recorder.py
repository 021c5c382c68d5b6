"""From an output to plain data: every value behind it, every use, and all gradients.

`record_data` walks the recorded graph and changes nothing in it. What a drawing needs beyond that
is in the rooms below: who uses what (`steps`), what flows back (`flow`), who is called what
(`naming`), and, for graphs too large to be written down in full, `digest`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd.gradients import locked
from autograd.graph.calls import grouped
from autograd.graph.data import Edge, GraphData, Node, Path
from autograd.graph.digest import Digest, Run
from autograd.graph.flow import Flow, Returned, seed
from autograd.graph.naming import Names, Scopes, memory
from autograd.graph.steps import Operand, Step, is_hidden, reachable, step_of
from autograd.tensor import Tensor

__all__: list[str] = []

STEPS = 20_000  # operations; of larger graphs only those nearest to the output are drawn one by one
TAIL = 500  # so many of them
BYTES = 1 << 30  # of all contributions together; above, no gradients are kept
LOCALS = 2_000  # operations; in larger graphs no local derivatives are kept


def record_data(
    output: Any,
    names: Any = None,
    grads: bool = True,
    *,
    gradient: Any = None,
    digest: bool = False,
    caller: str = "record",
) -> GraphData:
    """The graph behind an output (or several) as plain data, with the gradients of its sum.

    Args: names, a dict of Tensors and arrays by name; grads, False to leave gradients out;
        gradient, of the output's shape, to start from instead of ones; digest, True to sum up what
        is too large to be written down, instead of refusing.
    Raises TypeError for an output that is no Tensor, ValueError for a graph that is too large.
    """
    outputs = checked_outputs(output, caller)
    order = [node for node in reachable(outputs) if not is_hidden(node)]
    scopes, rest = Scopes(), None
    if len(order) > STEPS:
        if not digest:
            raise ValueError(
                f"{caller}: the graph has {len(order):,} operations, more than {STEPS:,}; "
                "draw(output) sums up a graph of any size"
            )
        rest, order = Digest(order[:-TAIL], order[-TAIL:], scopes), order[-TAIL:]
    steps = [step_of(node) for node in order]
    recording = _Recording(outputs, steps, Names(names, caller), scopes, rest)
    recording.go_back(grads, _seeds(outputs, gradient, caller), gradient is not None)
    return recording.data(grads)


def checked_outputs(output: Any, caller: str) -> list[Any]:
    """The outputs as a list of different Tensors."""
    outputs = list(output) if isinstance(output, (list, tuple)) else [output]
    for one in outputs:
        if not isinstance(one, Tensor):
            cure = "; call .sum() and the like on Tensors, not on arrays" * isinstance(
                one, (np.ndarray, np.generic, float, int)
            )
            raise TypeError(
                f"{caller} needs the Tensor that was computed, or a list of Tensors, got "
                f"{type(one).__name__}{cure}"
            )
    if not outputs:
        raise ValueError(f"{caller}: an empty list has no graph; give a Tensor or several")
    return list(dict.fromkeys(outputs))


def _seeds(outputs: list[Any], gradient: Any, caller: str) -> dict[Any, Any]:
    """The gradient to start from, of each output that has one: ones, or what is given."""
    if gradient is not None and len(outputs) > 1:
        raise ValueError(f"{caller}: gradient= is for one output, got {len(outputs)} outputs")
    seeds = {output: seed(output, gradient, caller) for output in outputs}
    return {output: start for output, start in seeds.items() if output._requires_grad}


class _Recording:
    """The making of one GraphData."""

    def __init__(
        self, outputs: list[Any], steps: list[Step], names: Names, scopes: Scopes,
        rest: Digest | None,
    ) -> None:  # fmt: skip
        self.outputs, self.steps, self.names = dict.fromkeys(outputs), steps, names
        self.scopes, self.rest = scopes, rest
        self.found: Returned | None = None
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []
        self.ids: dict[Any, str] = {}
        self.notes: list[str] = []
        self.strangers: list[Path] = []  # where leaves are used that no known module holds
        self.constants: list[Any] = []  # their values

    # ---- gradients ----------------------------------------------------------------------------

    def go_back(self, grads: bool, seeds: dict[Any, Any], given: bool) -> None:
        if not grads or not seeds:
            return
        sources = [one.source for step in self.steps for one in step.operands]
        sources = [source for source in sources if source is not None]
        needed = sum(source._value.nbytes for source in sources if not is_hidden(source))
        if needed > BYTES:
            self.notes.append(
                f"gradients are not computed: to keep them all would take {needed / 1e9:.1f} GB"
            )
            return
        self.found = Returned(seeds).kept(self.steps, local=len(self.steps) <= LOCALS)
        if self.rest is not None:  # what older operations use gets more than is seen here
            self.found.unknown |= self.rest.leaves
        self._notes(sources, given)

    def _notes(self, sources: list[Any], given: bool) -> None:
        found, outputs = self.found, list(self.outputs)
        assert found is not None
        self.notes += found.errors
        if len(outputs) > 1:
            self.notes.append("the gradients are those of the sum of all outputs")
        elif given:
            self.notes.append(
                "the gradients are those of the sum of the output's elements, each times its "
                "element of the gradient given"
            )
        elif outputs[0]._value.size != 1:
            self.notes.append(
                f"the output has shape {outputs[0]._value.shape}: the gradients are those of the "
                "sum of its elements"
            )
        if found.freed:
            self.notes.append(
                "a part of the graph was freed by backward(retain_graph=False): what was behind it "
                "cannot be drawn, and gradients to which it would have added are not known"
            )
        nodes = [step.node for step in self.steps] + sources
        if any(node._hooks is not None and node._hooks.functions for node in nodes):
            self.notes.append("hooks were not run: the gradients are those without them")

    # ---- nodes --------------------------------------------------------------------------------

    def data(self, grads: bool) -> GraphData:
        """All nodes in forward order, each leaf right before its first use."""
        if self.rest is not None:
            self._add_rest(self.rest)
        for step in self.steps:
            for operand in step.operands:
                if (key := self._key(step, operand)) not in self.ids:
                    self._leaf(key, step, operand)
            self._result(step)
            self._edges(step)
        for output in self.outputs:
            if output not in self.ids:  # nothing was recorded behind it
                self._bare(output)
        lost = [g for g in self.scopes.gone if any(path[: len(g)] == g for path in self.strangers)]
        if lost:
            self.notes.append(
                f"the module {'.'.join(lost[0])} is gone, for graphs do not hold "
                "modules: its parameters are drawn as inputs; keep it in a variable (model = ...)"
            )
        if grads and (cut := self._cut()):
            self.notes.append(
                f"{' and '.join(cut)} {'are' if len(cut) > 1 else 'is'} used as a constant, too "
                "(detached): that use hands no gradient back, and the gradient shown is without it"
            )
        nodes, groups = grouped(self.nodes, self.edges, self.scopes.classes)
        return GraphData(nodes, tuple(self.edges), groups, grads=grads, notes=tuple(self.notes))

    def _key(self, step: Step, operand: Operand) -> Any:
        """What makes two uses uses of the same value: the Tensor, or the array; two equal Python
        numbers are two constants."""
        if operand.source is not None:
            return operand.source
        if isinstance(operand.value, (np.ndarray, np.generic)):
            return id(operand.value)
        return step.node, operand.position, operand.member

    def _cut(self) -> list[str]:
        """What was given, or has a name, and stands elsewhere without its gradient; of a result
        without a name it is a function's own affair."""
        known = {_place(node._value): node for node in self.ids if isinstance(node, Tensor)}
        found = [known[_place(value)] for value in self.constants if _place(value) in known]
        return [
            self._name(node) or f"input ({self.ids[node]})"
            for node in dict.fromkeys(found) if self._name(node) or node._op is None
        ]  # fmt: skip

    def _next(self, key: Any) -> str:
        self.ids[key] = f"n{len(self.nodes)}"
        return self.ids[key]

    def _leaf(self, key: Any, step: Step, operand: Operand) -> None:
        source = operand.source
        if source is None:
            self._constant(key, step, operand)
            return
        mine = self.scopes.parameter(step.maker._scope, source)
        kind, name = "input", self._name(source)
        scope: Path = ()
        if mine is not None:
            own = getattr(source, "_name", None)
            short = own is None or mine[0].endswith(f".{own}")  # a layer's own name for it
            kind, name, scope = "parameter", mine[0] if short else own, mine[1]
        else:
            self.strangers.append(self._path(step))
        self._node(key, kind, operand.value, source, name=name, scope=scope)

    def _constant(self, key: Any, step: Step, operand: Operand) -> None:
        """A value without a gradient. It lies inside of a module if it is the module's own, a plain
        number, or stands beside something computed; the data that come to the weights from
        outside do not."""
        self.constants.append(operand.value)
        mine = self.scopes.parameter(step.maker._scope, operand.value)
        scope = self._path(step)
        name = self.names.of(operand.value) or self.names.of_copy(operand.value)
        if mine is not None:
            name, scope = name or mine[0], mine[1]
        elif np.ndim(operand.value) and (name is not None or not self._computed(step)):
            scope = ()
        self._node(key, "constant", operand.value, None, name=name, scope=scope)

    def _computed(self, step: Step) -> bool:
        """Whether another argument of the step is something else than a parameter."""
        return any(
            operand.source is not None
            and self.scopes.parameter(step.maker._scope, operand.source) is None
            for operand in step.operands
        )  # fmt: skip

    def _result(self, step: Step) -> None:
        node, operation = step.node, step.maker._op
        shown = step.shown().items()  # truth values are places, which explanations tell
        self._node(
            node,
            "output" if node in self.outputs else "operation",
            node._value,
            node,
            operation=operation.name,
            name=self._name(node),
            scope=self._path(step),
            settings=step.settings,
            private=step.private,
            formula=operation.formula,
            traits=operation.traits,
            shown={name: array for name, array in shown if array.dtype.kind != "b"},
            freed=step.freed,
        )

    def _bare(self, output: Any) -> None:
        """An output that nothing was recorded behind: a leaf, or the result of constants."""
        made = output._op.name if output._op is not None else None
        kind = "input" if output._requires_grad else "constant" if made is None else "output"
        if not output._requires_grad:
            self.notes.append("the output requires no gradient, so nothing was recorded behind it")
        source = output if output._requires_grad else None
        traits = output._op.traits if output._op is not None else None
        self._node(
            output, kind, output._value, source, operation=made, name=self._name(output),
            traits=traits,
        )  # fmt: skip

    def _node(
        self, key: Any, kind: str, value: Any, source: Any, freed: bool = False, **more: Any
    ) -> None:
        value = plain(value)
        gradient, state, noise = None, "constant", 0.0
        if source is not None:
            state = "freed" if freed else "not computed"
            if self.found is not None:
                gradient = self.found.gradient(source)
                noise = self.found.noise.get(source, 0.0)
                state = state if freed else self.found.state(source)
        self.nodes.append(
            Node(
                self._next(key), kind, shape=value.shape, dtype=str(value.dtype), value=value,
                gradient=None if gradient is None else plain(gradient), state=state, noise=noise,
                **more,
            )
        )  # fmt: skip

    def _edges(self, step: Step) -> None:
        for number, operand in enumerate(step.operands):
            flow = self.found.flows.get((step.node, number)) if self.found else None
            flow = Flow(None) if flow is None else flow
            self.edges.append(
                Edge(
                    self.ids[self._key(step, operand)], self.ids[step.node], operand.position,
                    operand.slot,
                    None if flow.contribution is None else plain(flow.contribution),
                    None if flow.local is None else plain(flow.local),
                    flow.summed, flow.noise,
                )
            )  # fmt: skip

    def _name(self, node: Any) -> str | None:
        name = getattr(node, "_name", None)
        return name if name is not None else self.names.of(node)

    def _path(self, step: Step) -> Path:
        return self.scopes.path(step.maker._scope)

    def _add_rest(self, rest: Digest) -> None:
        """The boxes that stand for all that is too far from the output, and their inputs."""
        self.notes += rest.notes
        for leaf in rest.inputs:
            self._node(leaf, "input", leaf._value, leaf, name=self._name(leaf))
        boxes = [self._box(box) for box in rest.boxes]
        for leaf, counts in rest.inputs.items():
            for box, count in counts.items():
                self.edges.append(Edge(self.ids[leaf], boxes[box], members=count))
        for (source, target), count in rest.between.items():
            self.edges.append(Edge(boxes[source], boxes[target], members=count))
        self.ids.update((node, boxes[box]) for node, box in rest.box_of.items())

    def _box(self, box: Run) -> str:
        name, value = f"n{len(self.nodes)}", box.last._value
        self.nodes.append(
            Node(
                name, "module", self.scopes.classes.get(box.path), box.name, value.shape,
                str(value.dtype), scope=box.path[:-1], settings=box.counts,
                private={"traits": box.traits}, parameters=box.parameters,
            )
        )  # fmt: skip
        return name


def _place(value: Any) -> Any:
    """What a value and a detached one have in common."""
    return memory(value) or id(value)


def plain(value: Any) -> Any:
    """The values as an array that cannot be written through."""
    if value.__class__ is not np.ndarray:
        value = np.asarray(getattr(value, "_value", value))
    return locked(value)
