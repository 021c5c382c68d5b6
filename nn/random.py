"""Where random numbers come from: a numpy.random.Generator that is given, or the library's own."""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from autograd import nondifferentiable

__all__ = [
    "borrowed",
    "generator",
    "get_state",
    "is_source",
    "manual_seed",
    "set_state",
    "source_state",
    "take_source_state",
    "uniform",
]

_default: np.random.Generator | None = None
_chosen = False  # whether somebody has chosen where it stands, by a seed or a state
_borrowed: ContextVar[list[Any] | None] = ContextVar("borrowed generator", default=None)


def _forked() -> None:
    """In a forked child: a generator that nobody has seeded starts anew, or else all children would
    draw the same weights. One that was seeded goes on from where it stood, as a copy: a thread of
    the parent may have held its lock."""
    global _default
    if _default is not None:
        bits = type(_default.bit_generator)()
        if _chosen:
            bits.state = _default.bit_generator.state
        _default = np.random.Generator(bits)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def manual_seed(seed: int) -> np.random.Generator:
    """Start the library's own generator anew; equal seeds give equal weights.

    Args: seed, a non-negative int. Returns the generator. NumPy's generators and Python's `random`
    are not touched.

    >>> import nn
    >>> _ = nn.manual_seed(0); a = nn.Linear(2, 2)
    >>> _ = nn.manual_seed(0); b = nn.Linear(2, 2)
    >>> bool(np.all(a.weight == b.weight))
    True
    """
    global _chosen, _default
    try:
        fresh = np.random.default_rng(seed)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"manual_seed: the seed must be a whole number from 0 on, got {seed!r}"
        ) from None
    own = _borrowed.get()
    if own is not None:
        own[:] = [fresh]
    else:
        _default, _chosen = fresh, True
    return fresh


def generator(rng: np.random.Generator | None = None) -> np.random.Generator:
    """The generator that is given, or the library's own where None is.

    Raises TypeError for anything else: two layers given the same number as a seed would start with
    the same weights.

    >>> rng = np.random.default_rng(1)
    >>> generator(rng) is rng
    True
    """
    global _default
    if rng is None:
        _default = _default or np.random.default_rng()  # here, for importing numpy.random is slow
        own = _borrowed.get()
        if own is None:
            return _default
        if not own:
            own.append(copy.deepcopy(_default))
        return own[0]
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"rng must be a numpy.random.Generator, got {type(rng).__name__}; use "
            "rng=np.random.default_rng(seed), or nn.manual_seed(seed) for all layers"
        )
    return rng


def get_state(rng: np.random.Generator | None = None) -> dict[str, Any]:
    """A copy of the state of a generator, or of the library's own: what `set_state` takes.

    >>> rng = np.random.default_rng(0)
    >>> get_state(rng)["bit_generator"]
    'PCG64'
    """
    bits = generator(rng).bit_generator
    return _own(dict(bits.state), bits)


def set_state(state: Mapping[str, Any], rng: np.random.Generator | None = None) -> None:
    """Put a generator, or the library's own, back to where it was at `get_state`.

    Raises ValueError for the state of another kind of bit generator, or for what is no state; then
    the generator goes on as before.

    >>> rng = np.random.default_rng(0)
    >>> state = get_state(rng); first = rng.random()
    >>> set_state(state, rng); rng.random() == first
    True
    """
    global _chosen
    bits = generator(rng).bit_generator
    kind, before = type(bits).__name__, bits.state
    given = state.get("bit_generator") if isinstance(state, Mapping) else type(state).__name__
    if given != kind:
        raise ValueError(
            f"the state of a {kind} generator is needed, got that of {given!r}; make the generator "
            "as it was made when the state was taken"
        )
    try:
        _check_place(kind, state)
        bits.state = _own(dict(state), bits)
        _chosen = _chosen or rng is None or rng is _default
    except (TypeError, ValueError, KeyError, OverflowError, IndexError) as error:
        bits.state = before
        raise ValueError(f"this is no state of a {kind} generator: {error!r}") from error


def _own(state: dict[str, Any], bits: Any) -> dict[str, Any]:
    """A state that shares nothing: NumPy's own generators make a new one each time, and take over
    no part of one. To copy it all the same takes ten times as long."""
    return state if type(bits).__module__.startswith("numpy.random.") else copy.deepcopy(state)


def _check_place(kind: str, state: Mapping[str, Any]) -> None:
    """Places in a buffer, beyond which NumPy would read without a check."""
    place, length = 0, 0
    if kind == "MT19937":
        place, length = state["state"]["pos"], 624
    elif kind == "Philox":
        place, length = state["buffer_pos"], 4
    if not 0 <= place <= length:
        raise ValueError(f"the place {place} in a buffer of {length}")


def _remember(rng: Any, shape: Any) -> Any:
    """What puts the generator back to where it is now."""
    state = get_state(rng)
    return lambda: set_state(state, rng)


def _uniform(rng: np.random.Generator | None, shape: tuple[int, ...]) -> np.ndarray:
    """np.random.default_rng().random({1}, np.float32)"""  # how it is written where it is read
    return generator(rng).random(shape, dtype=np.float32)


# Evenly from 0 to 1, in single precision: what layers draw, in compiled steps too.
uniform = nondifferentiable(_uniform, remember=_remember)


@contextmanager
def borrowed() -> Iterator[None]:
    """Inside, what this thread draws from the library's own generator comes from a copy of it.

    >>> _ = manual_seed(0)
    >>> with borrowed(): first = generator().random()
    >>> generator().random() == first
    True
    """
    token = _borrowed.set([])  # made when it is asked for, seldom
    try:
        yield
    finally:
        _borrowed.reset(token)


# ---- generators of every kind -----------------------------------------------------------------


def is_source(value: Any) -> bool:
    """Whether random numbers come from it: NumPy's generators, new and legacy, and Python's."""
    kinds = (np.random.Generator, np.random.BitGenerator, np.random.RandomState)
    python = sys.modules.get("random")  # who holds one has loaded it
    return isinstance(value, kinds if python is None else (*kinds, python.Random))


def source_state(source: Any) -> list[Any]:
    """Where a source stands: its kind, and what `take_source_state` takes.

    Raises NotImplementedError for random.SystemRandom, which stands nowhere.
    """
    if isinstance(source, np.random.Generator):
        return ["Generator", get_state(source)]
    if isinstance(source, np.random.BitGenerator):
        return ["BitGenerator", get_state(np.random.Generator(source))]
    if isinstance(source, np.random.RandomState):
        return ["RandomState", source.get_state(legacy=False)]
    return ["Random", source.getstate()]


def take_source_state(state: Any, source: Any) -> None:
    """Put a source where it was at `source_state`; ValueError for a state of another kind.

    >>> rng = np.random.RandomState(0)
    >>> state = source_state(rng); first = rng.rand()
    >>> take_source_state(state, rng); rng.rand() == first
    True
    """
    kind = source_state(source)[0]
    if not isinstance(state, (list, tuple)) or len(state) != 2 or state[0] != kind:
        raise ValueError(f"this is no state of a {kind}: {str(state)[:60]}")
    if kind in ("Generator", "BitGenerator"):
        set_state(state[1], source if kind == "Generator" else np.random.Generator(source))
        return
    before = source_state(source)[1]
    try:
        if kind == "Random":
            source.setstate(state[1])
        else:
            _check_place("MT19937", state[1])
            source.set_state(state[1])
    except (TypeError, ValueError, KeyError, OverflowError, IndexError) as error:
        (source.setstate if kind == "Random" else source.set_state)(before)
        raise ValueError(f"this is no state of a {kind}: {error!r}") from error
