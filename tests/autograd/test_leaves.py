"""Leaves: updated in place, looked at through `.data`, copied and pickled, also of subclasses.

What a graph has recorded, and what the caller has given, stays as it was.
"""

from __future__ import annotations

import base64
import contextlib
import copy
import operator
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nn
import nn.functional as F
from autograd import (
    AutogradError,
    InPlaceError,
    Tensor,
    detect_anomaly,
    grad,
    no_grad,
    profile,
)
from tests.cases import ELEMENTWISE

UPDATES: dict[str, Callable[[Any, Any], Any]] = {
    "+=": operator.iadd, "-=": operator.isub, "*=": operator.imul, "/=": operator.itruediv,
    "//=": operator.ifloordiv, "%=": operator.imod, "**=": operator.ipow,
}  # fmt: skip

# ---- an operator in place, of a leaf that requires a gradient -----------------------------------


@pytest.mark.parametrize("update", UPDATES.values(), ids=UPDATES)
def test_while_recording_it_raises_and_changes_nothing(update: Any) -> None:
    p = Tensor([1.0, 2.0], requires_grad=True, name="w")
    p.grad = [0.5, 0.5]
    with pytest.raises(InPlaceError, match=r"'w'.*with no_grad\(\): p -= step"):
        update(p, 0.1 * p.grad)
    with pytest.raises(InPlaceError):
        update(p, Tensor(2.0, requires_grad=True))
    assert p.tolist() == [1.0, 2.0] and p.grad.tolist() == [0.5, 0.5]


@pytest.mark.parametrize("update", UPDATES.values(), ids=UPDATES)
def test_under_no_grad_the_leaf_takes_the_new_values(update: Any) -> None:
    p = Tensor([1.0, 2.0], requires_grad=True)
    q, expected = p, update(np.array([1.0, 2.0]), 3.0)
    with no_grad():
        q = update(q, 3.0)
    assert q is p and p.requires_grad and p.is_leaf
    np.testing.assert_array_equal(p.data, expected)


@pytest.mark.parametrize("update", UPDATES.values(), ids=UPDATES)
def test_results_and_constants_get_a_new_tensor_under_their_name(update: Any) -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    for before in (x * 1, Tensor([1.0, 2.0]), (x * 1).detach()):
        kept = before.tolist()
        after = update(before, 3.0)
        assert after is not before and before.tolist() == kept
        assert after.requires_grad == before.requires_grad


def test_a_step_written_as_in_pytorch_moves_the_parameters() -> None:
    p = Tensor([1.0, 2.0], requires_grad=True)
    for _ in range(2):
        p.zero_grad()
        (p * p).sum().backward()
        with no_grad():
            p -= 0.25 * p.grad
    assert p.tolist() == [0.25, 0.5]


# ---- .data --------------------------------------------------------------------------------------


def add_to_data(p: Tensor, step: Any) -> None:
    p.data += step


def origins() -> dict[str, tuple[Any, Tensor]]:
    """Leaves that share their memory, each with who shares it."""
    own, base, set_later = np.array([1.0, 2.0]), np.array([9.0, 1.0, 2.0]), np.array([1.0, 2.0])
    later = Tensor([0.0, 0.0], requires_grad=True)
    later.data = set_later
    stepped = Tensor([1.5, 2.5], requires_grad=True)
    other = Tensor([1.0], requires_grad=True)
    optimizer = nn.optim.SGD([other, stepped], lr=1.0)  # it lays the two end to end
    for _ in range(2):
        other.grad, stepped.grad = np.zeros(1), np.full(2, 0.25)
        optimizer.step()
    detached = Tensor([1.0, 2.0], requires_grad=True)
    return {
        "array": (own, Tensor(own, requires_grad=True)),
        "view": (base, Tensor(base[1:], requires_grad=True)),
        ".data =": (set_later, later),
        "optimizer": (stepped.numpy().base, stepped),
        "detached": (detached.detach(), detached),
        "list": (None, Tensor([1.0, 2.0], requires_grad=True)),
    }


@pytest.mark.parametrize("name", origins())
@pytest.mark.parametrize("recorded", [False, True])
def test_adding_to_data_reaches_the_leaf_alone(name: str, recorded: bool) -> None:
    shared, p = origins()[name]
    before = None if shared is None else np.array(shared)
    y = (p**3).sum() if recorded else None
    for _ in range(2):  # the second time the first result is there, and may be held, too
        held = p.data
        values = held.copy()
        p.zero_grad()
        add_to_data(p, 10.0)
        assert p.tolist() == (values + 10).tolist()
        np.testing.assert_array_equal(held, values)
    if shared is not None:
        np.testing.assert_array_equal(np.array(shared), before)
    if y is not None:
        y.backward()
        np.testing.assert_array_equal(p.grad, [3.0, 12.0])


def in_place(statement: str) -> Callable[..., None]:
    """The statement as a function of p and v."""
    names: dict[str, Any] = {"np": np}
    exec(f"def run(p, v):\n    {statement}\n", names)
    return names["run"]  # type: ignore[no-any-return]


STATEMENTS = [
    "p.data += v",
    "p.data -= v",
    "p.data *= v",
    "p.data /= v",
    "p.data //= v",
    "p.data **= v",
    "p.data %= v",
    "p.data += p.data * v",
    "p.data -= v * np.ones(2)[None][0]",
    "p.data += v if v else 0",
    "(q := p).data += v" if False else "q = p; q.data += v",
    "[p][0].data += v",
    "dict(p=p)['p'].data *= v",
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_every_such_statement_reaches_the_leaf_alone(statement: str) -> None:
    own, twin = np.array([1.0, 2.0]), Tensor([1.0, 2.0])
    p = Tensor(own, requires_grad=True)
    y = (p * p).sum()
    in_place(statement)(p, 0.6)
    in_place(statement)(twin, 0.6)
    assert p.tolist() == twin.tolist() != [1.0, 2.0] and own.tolist() == [1.0, 2.0]
    y.backward()
    assert p.grad.tolist() == [2.0, 4.0]


def test_in_a_function_with_hundreds_of_names() -> None:
    """Where the attribute's number takes more than a byte."""
    lines = [f"p_{i} = np.e_{i} if v < 0 else 0" for i in range(400)]
    own = np.array([1.0])
    p = Tensor(own, requires_grad=True)
    in_place("\n    ".join([*lines, "p.data += v"]))(p, 3.0)
    assert p.tolist() == [4.0] and own.tolist() == [1.0]


def test_in_a_module_and_in_a_class() -> None:
    own = np.array([1.0])
    p = Tensor(own, requires_grad=True)
    exec("p.data += 1\nclass C:\n    p.data += 1", {"p": p})
    assert p.tolist() == [3.0] and own.tolist() == [1.0]


def test_a_statement_that_fails_leaves_all_as_it_was() -> None:
    own = np.array([1.0, 2.0])
    p = Tensor(own, requires_grad=True)
    with pytest.raises(ValueError, match="broadcast"):
        p.data += np.ones(3)
    with pytest.raises(ZeroDivisionError):
        p.data += 1 / int(own[0] - 1)
    assert p.data is own and own.tolist() == [1.0, 2.0]


def test_a_number() -> None:
    for p in (Tensor(3.0, requires_grad=True), Tensor(np.array(3.0), requires_grad=True)):
        for _ in range(2):  # a number at first, then an array without axes
            p.zero_grad()
            y, before = p * p, p.item()
            p.data += 1.0
            y.backward()
            assert p.item() == before + 1 and p.grad == 2 * before


def test_a_look_shares_the_memory_as_before() -> None:
    own = np.array([1.0, 2.0])
    p, x = Tensor(own, requires_grad=True), Tensor(own)
    assert p.data is own and p.numpy() is own and getattr(p, "data") is own  # noqa: B009
    p.data[0] = p.data[0] + 6  # into one's own array, which nobody can see
    first = second = p.data
    assert first is second is own and own.tolist() == [7.0, 2.0] == p.tolist()
    add_to_data(x, 1.0)  # without a gradient all is shared
    assert own.tolist() == [8.0, 3.0] and x.data is own


def test_a_result_refuses_it_in_its_own_words() -> None:
    y = Tensor([1.0], requires_grad=True) * 2
    with pytest.raises(InPlaceError, match="result of multiply.*cannot be changed"):
        y.data += 1
    assert y.tolist() == [2.0]


class Wrapped(Tensor):
    """A subclass with a property of its own around `data`."""

    @property
    def data(self) -> Any:
        return Tensor.data.fget(self)  # type: ignore[attr-defined]

    @data.setter
    def data(self, value: Any) -> None:
        Tensor.data.fset(self, value)  # type: ignore[attr-defined]


def test_a_subclass_with_a_property_around_it() -> None:
    own = np.array([1.0, 2.0])
    p = Wrapped(own, requires_grad=True)
    p.data += 1
    assert p.tolist() == [2.0, 3.0] and own.tolist() == [1.0, 2.0]


def test_a_copy_keeps_the_order_of_the_elements_in_memory() -> None:
    p = Tensor(np.arange(6.0).reshape(2, 3).T, requires_grad=True)
    before = p.data.strides
    add_to_data(p, 1.0)
    assert p.data.strides == before == (8, 24)


# ---- looking changes nothing --------------------------------------------------------------------

LOOKED_AT: dict[str, Callable[[Any], Any]] = {
    **{str(getattr(f, "__name__", f)): f for f in ELEMENTWISE},
    "x ** 0.3": lambda x: x**0.3, "x ** 2": lambda x: x**2, "x ** 3.0": lambda x: x**3.0,
    "x ** 0.5": lambda x: x**0.5, "0.3 ** x": lambda x: 0.3**x, "x ** x": lambda x: x**x,
    "np.power": lambda x: np.power(x, 0.3), "x // 0.3": lambda x: x // 0.3,
    "x % 0.3": lambda x: x % 0.3, "0.3 / x": lambda x: 0.3 / x, "std": np.std,
    "norm": np.linalg.norm, "mean": np.mean, "gelu": F.gelu, "silu": F.silu, "elu": F.elu,
}  # fmt: skip
_random = np.random.default_rng(11)
NUMBERS = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, -0.7, *_random.uniform(0.01, 3, 200).tolist()]


def computed(f: Callable[[Any], Any], number: float, look: bool) -> list[Any]:
    """Value, gradient by both ways, and second derivative, of a leaf that was looked at or not."""
    x = Tensor(number, requires_grad=True)
    if look:
        assert float(x.data) == number
    y = f(x)
    (slope,) = grad(y, x, create_graph=True)
    second = grad(slope, x, allow_unused=True)[0] if slope.requires_grad else None
    y.backward()
    return [np.array(a.data if isinstance(a, Tensor) else a) for a in (y, slope, x.grad, second)
            if a is not None]  # fmt: skip


def same_bits(found: list[Any], expected: list[Any]) -> bool:
    return all(
        a.dtype == b.dtype and (a.tobytes() == b.tobytes() or (np.isnan(a) and np.isnan(b)))
        for a, b in zip(found, expected, strict=True)
    )


@pytest.mark.parametrize("name", LOOKED_AT)
def test_a_look_at_data_or_a_watcher_changes_no_bit(name: str) -> None:
    f = LOOKED_AT[name]
    many = "**" in name or "power" in name  # where numbers and arrays are known to differ
    with np.errstate(all="ignore"):
        for number in NUMBERS[: None if many else 16]:
            expected = computed(f, number, False)
            assert same_bits(computed(f, number, True), expected), number
            for watch in (detect_anomaly(), profile()):
                with contextlib.suppress(AutogradError), watch:  # of inf and nan, under anomaly
                    assert same_bits(computed(f, number, True), expected), number
            with no_grad():
                alone = [np.array(f(Tensor(number, requires_grad=True)).data)]
            assert same_bits(alone, expected[:1]), number


# ---- subclasses, copied and pickled -------------------------------------------------------------


class Parameter(Tensor):
    """A subclass with attributes."""

    def __init__(self, data: Any, group: str) -> None:
        super().__init__(data, requires_grad=True, name=f"of {group}")
        self.group, self.history = group, [group]


class Slotted(Parameter):
    __slots__ = ("_Slotted__hidden", "also", "unset")

    def __init__(self, data: Any, group: str) -> None:
        super().__init__(data, group)
        self.also, self._Slotted__hidden = 3, 4


class Cached(Tensor):
    """One that says itself what of it is kept."""

    def __getstate__(self) -> dict[str, Any]:
        return {"group": self.group}

    def __init__(self, data: Any, group: str) -> None:
        super().__init__(data, requires_grad=True)
        self.group, self.cache = group, lambda: None  # nothing that could be pickled

    @property
    def name_of_group(self) -> str:
        return f"group {self.group}"


class Bare(Tensor):
    __slots__ = ()


COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy, "deepcopy": copy.deepcopy,
    **{f"pickle {n}": lambda p, n=n: pickle.loads(pickle.dumps(p, n)) for n in range(6)},
}  # fmt: skip


@pytest.mark.parametrize("kind", [Parameter, Slotted])
@pytest.mark.parametrize("how", COPIES)
def test_a_copy_is_of_the_subclass_with_its_attributes(how: str, kind: Any) -> None:
    p = kind([1.0, 2.0], "a")
    p.grad = [3.0, 4.0]
    twin = COPIES[how](p)
    assert type(twin) is kind and twin is not p
    assert (twin.name, twin.requires_grad, twin.group) == ("of a", True, "a")
    assert twin.tolist() == [1.0, 2.0] and twin.grad.tolist() == [3.0, 4.0]
    assert (twin.history is p.history) == (how == "copy") and twin.history == ["a"]
    if kind is Slotted:
        assert (twin.also, twin._Slotted__hidden) == (3, 4) and not hasattr(twin, "unset")
    (twin * twin).sum().backward()
    assert p.grad.tolist() == [3.0, 4.0]


@pytest.mark.parametrize("how", COPIES)
def test_a_subclass_says_what_of_it_is_kept(how: str) -> None:
    p = Cached([1.0], "a")
    p.__dict__["name_of_group"] = "hides nothing"
    twin = COPIES[how](p)
    assert type(twin) is Cached and twin.name_of_group == "group a" and not hasattr(twin, "cache")
    q = Parameter([1.0], "a")
    q.__dict__["requires_grad"] = 7  # the name of a property
    assert COPIES[how](q).__dict__["requires_grad"] == 7


@pytest.mark.parametrize("how", COPIES)
def test_copies_of_plain_tensors_and_of_subclasses_without_attributes(how: str) -> None:
    for kind in (Tensor, Bare):
        twin = COPIES[how](kind(2.0, requires_grad=True, name="x"))
        assert type(twin) is kind and (twin.item(), twin.name) == (2.0, "x")


def test_a_deepcopy_shares_within_itself_as_the_original_does() -> None:
    p = Parameter([1.0], "a")
    p.partner = p  # type: ignore[attr-defined]
    first, second = copy.deepcopy([p, p])
    assert first is second and first.partner is first


OLD = (  # Tensor([1.0, 2.0], requires_grad=True, name="w"), of version 0.1
    "gASVwAAAAAAAAACMD2F1dG9ncmFkLnRlbnNvcpSMBV9sZWFmlJOUKIwWbnVtcHkuX2NvcmUubXVsdGlhcnJheZSM"
    "DF9yZWNvbnN0cnVjdJSTlIwFbnVtcHmUjAduZGFycmF5lJOUSwCFlEMBYpSHlFKUKEsBSwKFlGgGjAVkdHlwZZST"
    "lIwCZjiUiYiHlFKUKEsDjAE8lE5OTkr/////Sv////9LAHSUYolDEAAAAAAAAPA/AAAAAAAAAECUdJRiiIwBd5RO"
    "dJRSlC4="
)


def test_pickles_of_before_still_load() -> None:
    p = pickle.loads(base64.b64decode(OLD))
    assert (p.tolist(), p.requires_grad, p.name) == ([1.0, 2.0], True, "w")
