"""The reverse sweep: from an output back to the leaves, by topological sort.

A Tensor that an operation made is a node of the graph, and holds what made it. Nothing points
forward, so there are no reference cycles, and a graph is freed at once when its output goes.

Every result takes the next number at its birth (`_birth`), and an operation is always born after
its inputs: what is reachable, sorted by birth, *is* topologically sorted. Nothing here recurses,
so a chain of a million operations is as good as one of three.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Iterable
from operator import attrgetter
from sys import getrefcount
from typing import Any

import numpy as np

from autograd.errors import AutogradError, GraphFreedError, described
from autograd.gradients import Deferred, of_dtype
from autograd.mode import current_mode, set_mode
from autograd.watching import watcher

__all__: list[str] = []

next_birth = itertools.count(1).__next__  # atomic under the interpreter's lock
by_birth = attrgetter("_birth")

_BLAS = (np.dtype(np.float32), np.dtype(np.float64))  # in the byte order of the machine

# Gradients are gathered privately and then added to the leaves under this lock, all at once: a
# rule that raises leaves every .grad as it was, and threads that share a leaf lose nothing.
_commit_lock = threading.Lock()


def _unlocked() -> None:
    """A lock of its own for a forked child: another thread of the parent may have held this one,
    and in the child nobody would ever release it."""
    global _commit_lock
    _commit_lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlocked)

# Half a precision adds up in a whole one, and comes back at the end: of 1s alone, float16 counts
# no further than 2048. It is known by its letter: of a dtype there may be several objects.
_HALF, _WIDER = "e", np.dtype(np.float32)
_WHOLE = frozenset([np.float64, np.float32])  # numbers, which take long to tell their dtype


class Node:
    """What a Tensor is to the engine: a value, and how it was made.

    `_value` is an array, or the NumPy scalar that NumPy itself makes of 0-d results; a tuple for
    the members of a list argument, and for several results. `_op` is the operation that made it
    (None: a leaf made by hand), `_args` and `_kwargs` its raw arguments, and `_inputs` are its
    inputs: a Tensor where a gradient flows, None elsewhere; () for a leaf, None once freed.
    """

    # In a result the slots of the last line stay unset until somebody needs them.
    __slots__ = (
        "_value", "_requires_grad", "_inputs", "_args", "_kwargs", "_op", "_birth", "_scope",
        "_hooks",
        "_grad", "_line", "_name", "__weakref__",
    )  # fmt: skip

    _value: Any
    _requires_grad: bool
    _inputs: Any
    _args: Any
    _kwargs: Any
    _op: Any
    _birth: int
    _scope: Any
    _hooks: Any
    _grad: Any
    _line: str
    _name: str | None

    def _new(self) -> Any:
        """An empty object of the class that results have."""
        raise NotImplementedError

    def _as_arguments(self) -> tuple[Any, tuple[Any, ...]]:
        """The result and the arguments, for rules that record."""
        raise NotImplementedError

    def _title(self) -> str:
        """How messages call it: its name, or what made it."""
        name = getattr(self, "_name", None)
        if name is not None:
            return f"the Tensor {name!r}"
        made = f"result of {self._op.name}" if self._op is not None else "leaf"
        return f"a Tensor ({made})"


def result(
    like: Node, data: Any, operation: Any, inputs: Any, args: Any, kwargs: Any, mode: Any
) -> Any:
    """A Tensor (what `like` is) that an operation made; `inputs` None: not recorded.

    Written out, to save a call, where a small operation is most of the cost: at the end of
    recording's `apply`, in the short ways of primitives.py, and in Tensor's operators.
    """
    node = like._new()
    node._value = data
    node._op = operation
    node._scope = mode.scope
    node._hooks = None
    node._kwargs = kwargs or None
    if inputs is None:
        node._requires_grad, node._inputs, node._args, node._birth = False, (), (), 0
    else:
        node._requires_grad, node._inputs, node._args = True, inputs, args
        node._birth = next_birth()
    return node


def topological_order(outputs: Iterable[Any]) -> list[Any]:
    """The recorded results that the outputs depend on, oldest first."""
    reached = set(outputs)
    order = [output for output in reached if output._inputs != ()]
    for node in order:  # grows while it is walked: breadth first, without recursion
        if node._inputs is None:
            raise GraphFreedError(_freed(node))
        for parent in node._inputs:
            # A leaf, which most inputs of a network are, is passed over without a look at the set.
            if parent is not None and parent._inputs != () and parent not in reached:
                reached.add(parent)
                order.append(parent)
    order.sort(key=by_birth)
    return order


def leading_to(inputs: Iterable[Any], order: list[Any]) -> set[Any]:
    """Those of the ordered nodes, and of the inputs, through which an input is reached."""
    leading = set(inputs)
    for node in order:
        if not leading.isdisjoint(node._inputs):
            leading.add(node)
    return leading


def _are_all_leaves(inputs: list[Any], order: list[Any]) -> bool:
    """Whether the inputs are leaves, and all that there are: a sweep has nothing to leave out."""
    wanted = set(inputs)
    for tensor in wanted:
        if tensor._inputs != ():
            return False
    for node in order:
        for parent in node._inputs:
            if parent is not None and parent._inputs == () and parent not in wanted:
                return False
    return True


def sweep(
    outputs: list[Any],
    gradients: list[Any],
    *,
    inputs: list[Any] | None = None,
    create_graph: bool = False,
    retain_graph: bool = True,
) -> dict[Any, Any]:
    """Carry gradients from the outputs to the leaves, or to `inputs`; {Tensor: gradient}.

    Rules are handed raw arrays, or Tensors with `create_graph`, which records their work. Results
    that asked for `retain_grad()` are among what comes back; no `.grad` is written here.
    """
    order = topological_order(outputs)
    if inputs is not None and not create_graph and _are_all_leaves(inputs, order):
        inputs = None
    pending: dict[Any, Any] = {}  # what has come so far for each Tensor
    halves: list[Any] = []  # Tensors of half a precision, whose gradients are wider on the way
    for output, gradient in zip(outputs, gradients):
        if gradient.__class__ not in _WHOLE and gradient.dtype.char == _HALF:
            gradient = gradient.astype(_WIDER)
            halves.append(output)
        pending[output] = pending[output] + gradient if output in pending else gradient
    kept: dict[Any, Any] = {}
    mode = current_mode()
    recording = mode.but(grad=True) if create_graph and not mode.grad else None
    if recording is not None:
        set_mode(recording)
    try:
        _walk(order, pending, kept, halves, inputs, mode, create_graph, retain_graph)
        if halves:
            for tensor in kept.keys() & halves:
                kept[tensor] = of_dtype(kept[tensor], tensor._value.dtype)
    finally:
        if recording is not None:
            set_mode(mode)
    return kept


@np.errstate(all="ignore")  # the reverse sweep is silent: 0/0 at a kink is no news
def _walk(
    order: list[Any], pending: dict[Any, Any], kept: dict[Any, Any], halves: list[Any],
    inputs: list[Any] | None, mode: Any, create_graph: bool, retain_graph: bool,
) -> None:  # fmt: skip
    """From the youngest node to the oldest: when its turn comes its gradient is complete, and its
    rules hand it on to its inputs. At the end only leaves are pending, and are kept."""
    wanted = None if inputs is None else leading_to(inputs, order)
    targets = set(inputs or ())
    watch = watcher(mode) if mode.anomaly or mode.profile else None
    usual = inputs is None and watch is None and not create_graph
    take, array, following = pending.pop, np.ndarray, order.pop
    node = None
    try:
        while order:  # a node that is done is dropped at once, for retain_graph=False
            node = following()
            g = take(node, None)
            if g is None:  # none of the wanted inputs lies behind it
                continue
            operation = node._op
            if g.__class__ is Deferred and (
                operation.whole or node._hooks is not None or node in targets
            ):
                g = g.total()
            if node._hooks is not None:
                g = node._hooks.run(node, g)
                if node._hooks.retain:
                    kept[node] = g
            if not usual:
                if node in targets:
                    kept[node] = g
                y, args = node._as_arguments() if create_graph else (node._value, node._args)
                kwargs = node._kwargs or {}
                if create_graph and operation.saves:  # what was kept has no graph
                    kwargs = {**kwargs, "saved": None}
                for parent, rule in zip(node._inputs, operation.rules):
                    if parent is None or (wanted is not None and parent not in wanted):
                        continue
                    if watch is not None:
                        new = watch(node, rule, g, y, args, kwargs)
                    else:
                        new = rule(g, y, *args, **kwargs)
                    new = fitted(new, parent, node, halves)
                    pending[parent] = pending[parent] + new if parent in pending else new
            elif operation.pair:
                # The loop below, written out for the two arguments of an operator: without *args,
                # counting and calls, which take a fifth of the sweep of small operations.
                y = node._value
                x1, x2 = node._args
                left, right = node._inputs
                left_rule, right_rule = operation.rules
                if left is not None:
                    new, value = left_rule(g, y, x1, x2), left._value
                    if new.__class__ is not value.__class__ or (
                        new.__class__ is array
                        and (new.shape != value.shape or new.dtype is not value.dtype)
                    ):
                        new = fitted(new, left, node, halves)
                    pending[left] = pending[left] + new if left in pending else new
                if right is not None:
                    new, value = right_rule(g, y, x1, x2), right._value
                    if new.__class__ is not value.__class__ or (
                        new.__class__ is array
                        and (new.shape != value.shape or new.dtype is not value.dtype)
                    ):
                        new = fitted(new, right, node, halves)
                    pending[right] = pending[right] + new if right in pending else new
            else:
                y, args, kwargs = node._value, node._args, node._kwargs
                for parent, rule in zip(node._inputs, operation.rules):
                    if parent is None:
                        continue
                    new = rule(g, y, *args) if kwargs is None else rule(g, y, *args, **kwargs)
                    value = parent._value
                    if new.__class__ is not value.__class__ or (
                        (new.shape != value.shape or new.dtype is not value.dtype)
                        if new.__class__ is array
                        else new.__class__ is tuple
                    ):
                        new = fitted(new, parent, node, halves)
                    pending[parent] = pending[parent] + new if parent in pending else new
            if not retain_graph:
                node._inputs = node._args = node._kwargs = None
    except Exception as error:
        _note(error, node)
        raise
    for leaf, g in pending.items():
        if g.__class__ is Deferred:
            g = g.total()
        if leaf._hooks is not None:
            g = leaf._hooks.run(leaf, g)
        kept[leaf] = g
    if watch is not None and mode.profile is not None:
        for leaf in pending:
            mode.profile.arrived(leaf, kept[leaf])


def fitted(contribution: Any, parent: Any, node: Any, halves: list[Any]) -> Any:
    """Bring a rule's result to its input's shape and dtype: the one place that un-broadcasts.

    Where the forward stretched an input over an axis, its gradient is the sum over that axis. The
    gradient of a float16 input is float32 until the sweep is done; it is added to `halves`.
    """
    value = parent._value
    raw = contribution._value if isinstance(contribution, Node) else contribution
    kind = raw.__class__
    if kind is value.__class__ and kind is not tuple:  # the usual cases, quickly
        if kind is not np.ndarray:
            return contribution
        if raw.dtype == value.dtype:
            shape, given = value.shape, raw.shape
            if given == shape:
                return contribution
            rows = given[1:] == shape and len(shape) == 1 and contribution is raw
            if rows and raw.dtype in _BLAS:
                # A bias beside a batch: BLAS adds the rows in half the time of np.add.reduce.
                ones = np.empty(given[0], raw.dtype)
                ones.fill(1)  # (np.ones takes three times as long)
                return raw.T.dot(ones)
    if contribution.__class__ is Deferred:
        if value.__class__ is not tuple and value.dtype.char == _HALF:
            halves.append(parent)
        return contribution
    if value.__class__ is tuple:  # the members of a list argument: each is fitted on its way on
        if isinstance(contribution, (list, tuple)) and len(contribution) == len(value):
            return tuple(contribution)
        raise AutogradError(
            f"{node._op.name}: its rule must return a list of {len(value)} gradients, one for "
            f"each member of its list argument, but returned {described(contribution)} (an "
            "operation that takes no list wants its Tensors joined: np.stack([...]))"
        )
    if not hasattr(contribution, "dtype"):
        contribution = _number(contribution, node)
    if contribution.dtype.kind not in "fiub":
        raise AutogradError(
            f"{node._op.name}: its rule must return real numbers, but returned "
            f"{described(contribution)}"
        )
    shape, given, dtype = value.shape, contribution.shape, value.dtype
    if dtype.char == _HALF:
        dtype = _WIDER
        halves.append(parent)
        contribution = of_dtype(contribution, dtype)
    if given != shape:
        extra = len(given) - len(shape)
        fits = extra >= 0 and all(n in (1, m) for n, m in zip(shape, given[extra:]))
        if not fits:
            raise AutogradError(
                f"{node._op.name}: its rule returned a gradient of shape {given} for an input of "
                f"shape {shape}; a rule must return its input's shape, or one to which the input "
                "broadcasts"
            )
        axes = [
            axis for axis, m in enumerate(given)
            if axis < extra or (shape[axis - extra] == 1 and m != 1)
        ]  # fmt: skip
        # While a graph is recorded, an axis as a number takes two thirds of a tuple's time.
        axis = axes[0] if len(axes) == 1 else tuple(axes)
        contribution = np.add.reduce(contribution, axis=axis)
        if contribution.shape != shape:
            contribution = contribution.reshape(shape)
    return of_dtype(contribution, dtype)


def _references(gradients: dict[Any, Any]) -> int:
    """What `commit` counts, at the same place in the same way, for an array that it alone holds."""
    _, g = gradients.popitem()
    return getrefcount(g)


_UNSHARED = min(2, _references({None: np.zeros(1)}))  # a debugger may have held it, too


def commit(gradients: dict[Any, Any]) -> None:
    """Add gradients to their Tensors' `.grad`, which shares memory with nothing else.

    An array that somebody else holds too (a rule returned its incoming gradient, an argument or
    something of its own) or that is a view is copied; one that is fresh is taken as it is.
    """
    array = np.ndarray
    with _commit_lock:
        while gradients:
            tensor, g = gradients.popitem()
            try:
                before = tensor._grad
            except AttributeError:  # of a result: the slot was never set
                before = None
            if before is not None:
                with np.errstate(all="ignore"):
                    g = before + g
            elif g.__class__ is array and (getrefcount(g) > _UNSHARED or g.base is not None):
                g = g.copy()
            tensor._grad = g


def _note(error: Exception, node: Any) -> None:
    """Say on an error from inside a rule which operation it was (Python 3.11 and newer)."""
    if node is not None and node._op is not None and hasattr(error, "add_note"):
        error.add_note(f"(raised in the backward pass, at the operation {node._op.name})")


def _freed(node: Any) -> str:
    return (
        f"the graph behind {node._title()} was freed by an earlier backward(retain_graph=False); "
        "leave out retain_graph=False there to go through it again, or compute the result anew"
    )


def _number(contribution: Any, node: Any) -> Any:
    if isinstance(contribution, (bool, int, float)):
        return np.float64(contribution)
    raise AutogradError(
        f"{node._op.name}: its rule must return an array or a number, but returned "
        f"{described(contribution)}"
    )
