"""Operations of one's own: rules that nobody would ask are refused, and nothing stays behind."""

from __future__ import annotations

import functools
import gc
import types
import weakref
from collections import OrderedDict, namedtuple
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import autograd
from autograd import (
    AutogradError,
    Tensor,
    defvjp,
    explain,
    grad,
    gradcheck,
    gradgradcheck,
    nondifferentiable,
    primitive,
    rules,
)
from tests.makers import leaf

RULE = lambda g, y, *args: g  # noqa: E731

# ---- defvjp of what NumPy does not hand over ----------------------------------------------------


def cube(x: Any) -> Any:
    return x**3


class Callable_:
    def __call__(self, x: Any) -> Any:
        return x


UNASKED: dict[str, Any] = {
    "one's own": cube, "lambda": lambda x: x, "built-in": abs, "object": Callable_(),
    "vectorize": np.vectorize(abs), "np.array": np.array, "np.asarray": np.asarray,
    "a method": np.ndarray.sum, "np.random": np.random.default_rng().normal, "type": float,
}  # fmt: skip


@pytest.mark.parametrize("function", UNASKED.values(), ids=UNASKED)
def test_rules_that_nobody_would_ask_are_refused(function: Any) -> None:
    before = dict(rules.operations)
    with pytest.raises(TypeError, match=r"= primitive\(\w+, rule\)"):
        defvjp(function, RULE)
    assert dict(rules.operations) == before


def test_scipys_functions_on_arrays_are_refused_and_its_ufuncs_taken() -> None:
    linalg = pytest.importorskip("scipy.linalg", reason="takes its expm")
    special = pytest.importorskip("scipy.special", reason="takes its erfcx")
    with pytest.raises(TypeError, match=r"expm = primitive\(expm, rule\)"):
        defvjp(linalg.expm, RULE)
    try:
        defvjp(special.erfcx, lambda g, y, x: g * (2 * x * y - 2 / np.sqrt(np.pi)))
        assert gradcheck(special.erfcx, leaf([0.3, 1.2]))
    finally:
        rules.operations.pop(special.erfcx, None)
    with pytest.raises(TypeError, match=r"f = primitive\(f, rule\)"):
        linalg.expm(Tensor(np.eye(2), requires_grad=True))


@pytest.mark.parametrize(
    "function", [np.put, np.place, np.putmask, np.copyto, np.fill_diagonal, np.put_along_axis]
)
def test_functions_that_write_in_place_get_no_rule(function: Any) -> None:
    with pytest.raises(TypeError, match=f"np.{function.__name__} writes into its argument"):
        defvjp(function, RULE)


def test_a_wrapper_of_a_primitive_is_another_function() -> None:
    made = primitive(cube, lambda g, y, x: g * 3 * x**2)

    @functools.wraps(made)
    def wrapper(x: Any) -> Any:
        return made(x) + 1

    with pytest.raises(TypeError, match=r"= primitive\("):
        defvjp(wrapper, lambda g, y, x: g * 1000)
    assert gradcheck(made, leaf([1.0, 2.0])) and gradcheck(wrapper, leaf([1.0, 2.0]))


def test_rules_of_power_are_those_of_its_operator() -> None:
    power = rules.operations[np.power]
    before, said = power.rules, power.traits
    try:
        defvjp(np.power, lambda g, y, a, b: g * 777, lambda g, y, a, b: g * 0)
        x = leaf([1.0, 2.0])
        for y in (x**2, np.power(x, 2)):
            assert grad(y, x, [1.0, 1.0])[0].tolist() == [777.0, 777.0]
    finally:
        defvjp(np.power, *before, formula=said.formula, sign=said.sign, pattern=said.pattern)
    assert gradcheck(lambda x: x**3.5, leaf([1.0, 2.0]))


def test_what_can_be_asked_is_taken() -> None:
    ufunc = np.frompyfunc(float, 1, 1)
    made = primitive(cube, lambda g, y, x: g)
    try:
        defvjp(ufunc, RULE)
        defvjp(np.packbits, None, RULE)
        defvjp(made, lambda g, y, x: g * 3 * x**2)
        assert gradcheck(made, leaf([1.0, 2.0]))
    finally:
        rules.operations.pop(ufunc)
        rules.operations.pop(np.packbits)


# ---- Tensors where no rule would see them -------------------------------------------------------

Pair = namedtuple("Pair", "a b")

HIDING: dict[str, Callable[[Any], Any]] = {
    "OrderedDict": lambda t: OrderedDict(a=t),
    "namedtuple": lambda t: Pair(1.0, t),
    "namedtuple in a list": lambda t: [Pair(t, t)],
    "dict": lambda t: {"a": t},
    "nested list": lambda t: [[t]],
    "nested tuple": lambda t: ((1.0, t),),
    "dict in a list": lambda t: [{"a": t}],
    "list in a dict": lambda t: {"a": [1.0, {"b": t}]},
    "beside a Tensor": lambda t: [t, [t]],
}


@pytest.mark.parametrize("hide", HIDING.values(), ids=HIDING)
@pytest.mark.parametrize("requires_grad", [False, True])
@pytest.mark.parametrize("way", ["alone", "beside", "keyword", "keyword beside"])
def test_tensors_in_dicts_and_nested_lists_raise(hide: Any, requires_grad: bool, way: str) -> None:
    f = primitive(lambda x, y=None, **rest: np.ones(2), lambda g, y, x, *a, **k: g)
    hidden, t = hide(Tensor([1.0, 2.0], requires_grad=requires_grad)), leaf([1.0, 2.0])
    calls = {
        "alone": lambda: f(hidden), "beside": lambda: f(t, hidden),
        "keyword": lambda: f(1.0, z=hidden), "keyword beside": lambda: f(t, z=hidden),
    }  # fmt: skip
    with pytest.raises(TypeError, match="nested list|join"):
        calls[way]()


def test_tensors_in_objects_and_from_around_raise_where_the_rule_would_not_be_asked() -> None:
    t = leaf([1.0, 2.0])
    for f, argument in (
        (primitive(lambda o: o.a * 2, lambda g, y, o: g), types.SimpleNamespace(a=t)),
        (primitive(lambda x: x * t, lambda g, y, x: g), np.ones(2)),
    ):
        with pytest.raises(TypeError, match="its rule would not be asked"):
            f(argument)


@pytest.mark.parametrize("options", [[3.0], (3.0,)], ids=["list", "tuple"])
def test_tensors_in_a_list_by_keyword_raise_where_no_rule_is_theirs(options: Any) -> None:
    f = primitive(lambda x, o=None: x * o[0], lambda g, y, x, o=None: g * o[0])
    x, s = leaf([1.0, 2.0]), Tensor(3.0, requires_grad=True)
    with pytest.raises(TypeError, match="given as o=, which has no derivative there"):
        f(x, o=type(options)([s]))
    f(x, o=type(options)([s.detach()])).backward([1.0, 1.0])
    assert x.grad.tolist() == [3.0, 3.0] == f(x, o=options).data.tolist()[:1] * 2


def test_flat_lists_and_plain_structures_are_taken() -> None:
    f = primitive(
        lambda xs, table=None: sum(xs) * table["scale"][0],
        lambda g, y, xs, table=None: [g * table["scale"][0] for _ in xs],
    )
    x = leaf([1.0, 2.0])
    f([x, x, np.ones(2)], table={"scale": [3.0]}).sum().backward()
    assert x.grad.tolist() == [6.0, 6.0]
    assert f([np.ones(2)], {"scale": (2.0,)}).tolist() == [2.0, 2.0]


# ---- keywords -----------------------------------------------------------------------------------

logpdf = primitive(
    lambda x, loc=0.0, scale=1.0: -(((x - loc) / scale) ** 2) / 2 - np.log(scale),
    lambda g, y, x, loc=0.0, scale=1.0: -g * (x - loc) / scale**2,
    lambda g, y, x, loc=0.0, scale=1.0: g * (x - loc) / scale**2,
    lambda g, y, x, loc=0.0, scale=1.0: g * ((x - loc) ** 2 / scale**3 - 1 / scale),
)


def test_a_tensor_by_keyword_behind_arguments_that_are_left_out() -> None:
    x, scale = leaf([0.3, -1.0]), leaf([2.0])
    assert gradcheck(lambda x, scale: logpdf(x, scale=scale), [x, scale])
    assert gradcheck(lambda scale: logpdf(x.data, scale=scale), [scale])
    assert gradcheck(lambda x, loc: logpdf(x, loc=loc, scale=2.0), [x, leaf([0.5])])
    np.testing.assert_array_equal(logpdf(x, scale=scale).data, logpdf(x, 0.0, scale).data)


def test_what_is_left_out_is_what_the_forward_takes() -> None:
    f = primitive(
        lambda x, a=2.0, b=1.0: x * a * b, lambda g, y, x, a, b: g * a * b,
        lambda g, y, x, a, b: g * x * b, lambda g, y, x, a, b: g * x * a,
    )  # fmt: skip
    x, b = leaf([3.0]), leaf([5.0])
    f(x, b=b).sum().backward()
    assert (x.grad.item(), b.grad.item()) == (10.0, 6.0)


def test_one_that_no_rule_differentiates_by_is_named() -> None:
    f = primitive(lambda x, scale=1.0: x * scale, lambda g, y, x, scale=1.0: g * scale)
    with pytest.raises(TypeError, match="scale=, which has no derivative there"):
        f(leaf([1.0]), scale=leaf([2.0]))


SUMS: list[Callable[..., Any]] = [lambda x, y: x + y, lambda x, y, z: x + y + z]


@pytest.mark.parametrize("forward", SUMS, ids=["two", "three"])
def test_arguments_that_are_missing_are_told_as_of_any_function(forward: Any) -> None:
    count = forward.__code__.co_argcount
    function = primitive(forward, *[RULE] * count)
    for given in range(1, count):
        with pytest.raises(TypeError, match=f"missing {count - given} required positional"):
            function(*[leaf([1.0, 2.0])] * given)
    assert function(*[leaf([1.0, 2.0])] * count).requires_grad


# ---- a gradient that would be lost --------------------------------------------------------------


@pytest.mark.parametrize("function", [np.sum, np.max, np.min, np.prod])
def test_a_tensor_as_the_initial_value_of_an_arrays_reduction_raises(function: Any) -> None:
    t = Tensor(2.0, requires_grad=True)
    with pytest.raises((AutogradError, ValueError)) as raised:
        function(np.ones(3), initial=t)
    why = raised.value.__cause__ or raised.value  # NumPy tells it as the cause of an error of its
    assert "initial=t" in str(why) and "t.detach()" in str(why)
    for array in (np.ones(3), np.ones((2, 3))):
        with pytest.raises((AutogradError, ValueError)):  # a method, and a ufunc's
            array.sum(initial=t)
        with pytest.raises((AutogradError, ValueError)):
            np.add.reduce(array, axis=0, initial=t)
    assert function(np.ones(3), initial=t.detach()) == function(np.ones(3), initial=2.0)
    assert float(t) == 2.0  # in one's own program it is what it is everywhere


def test_an_arrays_method_clip_takes_tensors_as_bounds() -> None:
    array, low, high = np.array([-2.0, 0.3, 5.0]), leaf([0.0]), leaf([1.0, 1.0, 2.0])
    y = array.clip(low, high)
    assert y.tolist() == [0.0, 0.3, 2.0]
    assert gradcheck(lambda low, high: array.clip(low, high), [low, high])
    assert gradcheck(lambda high: array.clip(max=high), [high])


def test_np_testing_compares_tensors_with_lists() -> None:
    np.testing.assert_equal(Tensor([1.0, np.nan]), [1.0, np.nan])
    np.testing.assert_equal([1.0, 2.0], Tensor([1.0, 2.0]))
    np.testing.assert_equal(Tensor([1.0, 2.0]), Tensor([1.0, 2.0]))
    np.testing.assert_equal({"a": Tensor([1.0])}, {"a": Tensor([1.0])})
    for wrong in ([1.0, 3.0], [1.0], [[1.0, 2.0]]):
        with pytest.raises(AssertionError):
            np.testing.assert_equal(Tensor([1.0, 2.0]), wrong)
    with pytest.raises(TypeError, match="does not become an array by itself"):
        np.testing.assert_equal(leaf([1.0, 2.0]), [1.0, 2.0])
    assert (Tensor([1.0, 2.0]) == [1.0, 3.0]).tolist() == [True, False]  # elsewhere elementwise


def test_astype_and_pow_as_ndarrays() -> None:
    x = leaf([1.5, 2.5])
    assert x.astype(np.float64, copy=False) is x
    assert x.astype(np.float64) is not x and x.astype(np.float32, copy=False).dtype == np.float32
    assert x.astype(np.int64).tolist() == [1, 2]
    with pytest.raises(TypeError, match="casting='safe' does not allow float64 to become float32"):
        x.astype(np.float32, casting="safe")
    with pytest.raises(TypeError, match=r"pow\(x, y, z\).*x\*\*y % z"):
        pow(x, 2, 5)  # type: ignore[call-overload]
    assert pow(x, 2).tolist() == [2.25, 6.25]


def test_messages_name_ufuncs_by_their_home() -> None:
    special = pytest.importorskip("scipy.special", reason="takes its ufuncs")
    for f, name, rules_ in ((special.gammaln, "scipy.special.gammaln", 1),
                            (lambda x: special.jv(0, x), "scipy.special.jv", 2),
                            (special.i0, "scipy.special.i0", 1)):  # fmt: skip
        with pytest.raises(TypeError) as raised:
            f(leaf([1.0]))
        message = str(raised.value)
        assert message.startswith(f"{name} has no derivative registered")
        assert message.count("lambda g, y, x") == rules_ + 1  # and one for `primitive`


@pytest.mark.parametrize("f", [
    lambda t: np.put(t, 0, 1.0), lambda t: np.copyto(np.zeros(2), t),
    lambda t: np.full_like(np.zeros(2), t[0]), lambda t: np.fill_diagonal(t[:, None] * t, 0.0),
    lambda t: np.place(t, [True, False], 0.0), lambda t: np.putmask(t, [True, False], 0.0),
])  # fmt: skip
def test_functions_that_write_in_place_are_refused_with_what_to_write_instead(f: Any) -> None:
    for t in (leaf([1.0, 2.0]), Tensor([1.0, 2.0])):
        with pytest.raises(TypeError, match="writes into its first argument.*instead: "):
            f(t)


# ---- nothing stays behind -----------------------------------------------------------------------


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def registered() -> int:
    known = [operation for _, operation in rules.known()]
    return len(known) + len(rules.compositions) + len(rules.plain)


def test_a_primitive_goes_when_nobody_holds_it(no_collector: None) -> None:
    before, kept = registered(), []
    for _ in range(200):
        weight = np.ones(1000)
        kept.append(weakref.ref(weight))
        f = primitive(lambda x, w=weight: x * w[0], lambda g, y, x: g)
        f(leaf([1.0])).backward([1.0])
        h = nondifferentiable(lambda x, w=weight: w[0])
        assert h(leaf([1.0])) == 1.0
    del f, h, weight
    assert registered() == before
    assert not any(weight() is not None for weight in kept)


def test_one_whose_rule_calls_itself_goes_with_the_collector(no_collector: None) -> None:
    def make() -> None:
        again = primitive(lambda x, k: x**k, lambda g, y, x, k: g * k * again(x, k - 1))
        x = leaf([2.0])
        (g,) = grad(again(x, 3), x, [1.0], create_graph=True)
        assert grad(g, x, [1.0])[0].item() == 12.0

    before = registered()
    make()
    gc.collect()
    assert registered() == before


def test_a_graph_goes_on_after_its_function_has_gone() -> None:
    def y_of(x: Tensor) -> Tensor:
        return primitive(lambda a: a * 2, lambda g, y, a: g * 2, formula="2 g")(x)

    x = leaf([1.0, 2.0])
    y = y_of(x)
    assert "∂f(x)/∂x = 2" in str(explain(y.sum(), x))
    y.backward([1.0, 1.0])
    assert x.grad.tolist() == [2.0, 2.0]


# ---- what a forward keeps for its rules ---------------------------------------------------------


def _gated(x: Any) -> Any:
    t = np.tanh(x)
    return x * t, t


def _gated_rule(g: Any, y: Any, x: Any, saved: Any) -> Any:
    t = np.tanh(x) if saved is None else saved
    return g * (t + x * (1 - t * t))


gated = primitive(_gated, _gated_rule, saves=True)


def _largest(x: Any, size: int) -> Any:
    """The largest of each run of elements."""
    runs = x.reshape(-1, size)
    places = np.argmax(runs, axis=1)
    return np.max(runs, axis=1), places


def _largest_rule(g: Any, y: Any, x: Any, size: int, saved: Any) -> Any:
    places = np.argmax(np.reshape(x, (-1, size)), axis=1) if saved is None else saved
    return (g[:, None] * (np.arange(size) == places[:, None])).reshape(-1)


largest = primitive(_largest, _largest_rule, saves=True)


def _scaled(x: Any, a: Any, b: Any) -> Any:
    return x * a * b, a * b


scaled = primitive(
    _scaled,
    lambda g, y, x, a, b, saved: g * (a * b if saved is None else saved),
    lambda g, y, x, a, b, saved: g * x * b,
    lambda g, y, x, a, b, *, saved: g * x * a,
    saves=True,
)


@pytest.mark.parametrize("x", [0.7, [0.3, -2.0, 5.0], [[1.0], [-1.0]]], ids=str)
def test_what_a_forward_keeps_serves_every_order(x: Any) -> None:
    tensor = Tensor(x, requires_grad=True)
    assert gradcheck(gated, (tensor,)) and gradgradcheck(gated, (tensor,))
    np.testing.assert_allclose(gated(tensor).data, np.multiply(x, np.tanh(x)))
    assert type(gated(np.asarray(x))) is type(np.multiply(np.asarray(x), 1.0))


def test_what_a_forward_keeps_with_settings_and_with_several_arguments() -> None:
    x = leaf([3.0, 1.0, 2.0, 4.0, 9.0, 8.0])
    np.testing.assert_array_equal(largest(x, 3).data, [3, 9])
    np.testing.assert_array_equal(largest(x, size=2).data, [3, 4, 9])
    largest(x, 3).backward([1.0, 2.0])
    np.testing.assert_array_equal(x.grad, [1, 0, 0, 0, 2, 0])
    assert gradgradcheck(lambda x: largest(x, size=2) ** 3, (x,))
    assert gradgradcheck(scaled, (leaf([1.0, 2.0]), leaf([3.0, 4.0]), leaf([-1.0, 0.5])))
    assert gradgradcheck(lambda b: scaled(np.ones(2), 2.0, b), (leaf([-1.0, 0.5]),))
    with pytest.raises(TypeError, match="saved="):
        largest(x, 3, saved=None)
    with pytest.raises(TypeError, match="largest"):
        largest(x, 3, None)


class Kept_:
    """An object whose end can be seen."""


@pytest.mark.parametrize("requires_grad", [False, True])
def test_what_was_kept_goes_with_the_graph(requires_grad: bool) -> None:
    ends: list[Any] = []

    def forward(x: Any) -> Any:
        kept = Kept_()
        ends.append(weakref.ref(kept))
        return 2 * x, kept

    double = primitive(forward, lambda g, y, x, saved: 2 * g, saves=True)
    y = double(Tensor([1.0], requires_grad=requires_grad))
    assert (ends[0]() is not None) == requires_grad
    if requires_grad:
        y.backward(retain_graph=False)
        assert ends[0]() is None


def test_profile_anomaly_drawing_and_integers_see_the_result_alone() -> None:
    x = leaf([1.0, -2.0])
    with autograd.profile() as found:
        gated(x).sum().backward()
    assert "gated" in str(found)
    with pytest.raises(AutogradError, match="gated"), autograd.detect_anomaly():
        gated(leaf([np.nan]))
    y = gated(x)
    assert "saved" not in autograd.draw(y).to_svg() + autograd.draw(y).to_text()
    told = str(explain(gated(x).sum(), x))  # computes it again, with x moved a little
    assert "saved" not in told and "gated" in told
    rounded = primitive(lambda x: (np.rint(x).astype(int), x), _gated_rule, saves=True)
    assert not rounded(x).requires_grad and rounded(x).dtype.kind == "i"


def test_a_forward_or_a_rule_that_does_not_keep_to_it_is_told() -> None:
    with pytest.raises(TypeError, match=r"cube: with saves=True each rule is handed"):
        primitive(cube, lambda g, y, x: g, saves=True)
    with pytest.raises(TypeError, match=r"cube: with saves=True each rule"):
        primitive(cube, lambda g, y, x, saved: g, lambda g, y, x: g, saves=True)
    with pytest.raises(TypeError, match=r"saved behind all .*; one takes \(x, saved, power\)"):
        primitive(cube, lambda g, y, x, saved, power=2: g, saves=True)
    for rule in (lambda g, y, *args, saved, power: g, lambda g, y, x, power=2, *, saved: g):
        primitive(cube, rule, saves=True)
    wrong = primitive(cube, lambda g, y, x, saved: g, saves=True)
    for argument in (leaf([1.0]), np.ones(1)):
        with pytest.raises(TypeError, match=r"cube: with saves=True the forward returns"):
            wrong(argument)


def test_new_rules_of_a_forward_that_keeps_something_are_handed_it_too() -> None:
    half = primitive(lambda x: (x / 2, x), lambda g, y, x, saved: g, saves=True)
    defvjp(half, lambda g, y, x, saved: g / 2)
    x = Tensor([3.0], requires_grad=True)
    half(x).sum().backward()
    assert half(x).tolist() == [1.5] and x.grad is not None and x.grad.tolist() == [0.5]
    with pytest.raises(TypeError, match="with saves=True each rule is handed"):
        defvjp(half, lambda g, y, x: g / 2)
