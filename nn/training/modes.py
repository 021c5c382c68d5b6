"""The modes in which a model learns in a run, and in which it is judged for a while."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from autograd import Tensor
from nn.modes import OwnModes
from nn.module import Module
from nn.training.held import judges, modules, resting

__all__ = ["LearningModes", "evaluating"]


class LearningModes(OwnModes):
    """`with LearningModes(model, loss, modules) as modes:` a model and its loss learn, in this
    thread; the Modules are all that they and what is beside them hold."""

    def __init__(self, model: Module, loss: Any, modules: Iterable[Module]) -> None:
        super().__init__(modules)
        self.model, self.loss = model, loss
        self._usual: dict[int, Any] = {}  # the table as it is to train in,
        self._resting: list[Module] = []  # and what evaluates there because it is frozen

    def settle(self, parameters: Iterable[Tensor] | None = None) -> None:
        """The modes to train in, at the begin of each epoch and after what callbacks did to them.

        A whole model, or loss, that is in evaluation is woken: a callback has judged it. Parts stay
        as they are, but what is frozen by now keeps its buffers. Args: parameters, of model and
        loss, if they are known; then all their Modules are, too.
        """
        roots = [part for part in (self.model, self.loss) if isinstance(part, Module)]
        if parameters is None:
            self.include(modules(self.model))  # a layer may have been put in
            parameters = [p for root in roots for p in root.parameters()]
        if not all(root.training for root in roots):
            self.table.update(self._usual)
            for root in roots:
                if not root.training:
                    root.train()
        for module in self._resting:
            module.training = True
        noted = any(module._frozen for module, _ in self.table.values())
        if not noted and all(p.requires_grad for p in parameters):
            self._resting = []  # the usual case, for which not every Module is asked
        else:
            self._resting = [m for root in roots for m in resting(root) if m.training]
        for module in self._resting:
            module.training = False
        self._usual = dict(self.table)

    def changed(self, before: Mapping[str, Any]) -> dict[str, Any]:
        """Those by name that are no longer as before the first fit: a callback set them. After the
        fit there are none."""
        now = self.table if self.model.training else self._usual
        rest = set(map(id, self._resting))  # (that is found out anew)
        modes = {
            name: id(module) in rest or now[id(module)][1]
            for name, module in self.model.named_modules() if self._usual and id(module) in now
        }  # fmt: skip
        return {name: mode for name, mode in modes.items() if mode != before.get(name, mode)}

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._usual, self._resting = {}, []


@contextmanager
def evaluating(
    model: Module, others: Mapping[str, Any], held: Iterable[Module] | None = None
) -> Iterator[None]:
    """The model, and the Modules that others hold, evaluate for a while, in this thread; held, all
    of these, if they are known."""
    with OwnModes(modules(model, *others.values()) if held is None else held):
        for part in (model, *judges(others, model)):
            part.eval()
        yield
