"""Modes of Modules that hold for the running thread alone: for all others, they are as they were.

Who judges a model, or trains it, sets its mode for a while. Set in the Modules themselves, that
mode would be everybody's: another thread would predict with Dropout, or train without, and two that
put back what they found would leave the wrong one for good. So it is set in a table of the thread
(or asyncio task), that ends with its block, whatever ends that. It is global state, one ContextVar.
Threads that a forward starts itself do not see it, as they do not see `no_grad`, unless they run in
a copy of the context.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any

__all__ = ["OwnModes", "mode_of", "modes_now", "own_modes", "set_mode"]


class OwnModes:
    """`with OwnModes(modules):` gives the thread modes of its own for these Modules: it begins with
    those that they have. Others that it sets inside are set for all, and stay."""

    def __init__(self, modules: Iterable[Any]) -> None:
        self.table: dict[int, tuple[Any, Any]] = {}  # a Module (that must live on), and its mode
        self.changes = 0  # how many times one was set
        self._modules = modules
        self._around: OwnModes | None = None

    def __enter__(self) -> OwnModes:
        self._around = own_modes()
        if self._around is not None:
            self.table.update(self._around.table)
        self.include(self._modules)
        _own_modes.set(self)
        return self

    def __exit__(self, *error: Any) -> None:
        _own_modes.set(self._around)
        self.table, self._around = {}, None  # a copy of the context may go on with this
        self._modules = ()

    def include(self, modules: Iterable[Any]) -> None:
        """More Modules that from now on have a mode of their own here."""
        for module in modules:
            if id(module) not in self.table:
                self.table[id(module)] = module, mode_of(module)


_own_modes: ContextVar[OwnModes | None] = ContextVar("modes of Modules", default=None)
own_modes = _own_modes.get


def mode_of(module: Any) -> Any:
    """Whether a Module trains, in this thread."""
    own = own_modes()
    if own is not None:
        found = own.table.get(id(module))
        if found is not None:
            return found[1]
    own_dict = module.__dict__
    return own_dict["training"] if "training" in own_dict else module._trains


def modes_now() -> Any:
    """What is another one as soon as this thread has other modes of its own."""
    own = own_modes()
    return own if own is None else (own, own.changes)


def set_mode(module: Any, mode: Any) -> None:
    """Let a Module train (True) or evaluate: in this thread if it has a mode of its own here."""
    own = own_modes()
    if own is not None and id(module) in own.table:
        own.table[id(module)] = module, mode
        own.changes += 1
    else:
        module.__dict__["training"] = mode
