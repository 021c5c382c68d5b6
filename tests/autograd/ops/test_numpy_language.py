"""NumPy as the language: its functions on Tensors, new operations, and the other libraries.

Whether each derivative is right is tested elsewhere; here is what calling NumPy on a Tensor gives,
how an operation is added, and what refuses.
"""

import contextlib
import operator

import numpy as np
import pytest

from autograd import (
    AutogradError,
    Tensor,
    defvjp,
    detect_anomaly,
    grad,
    gradcheck,
    gradgradcheck,
    no_grad,
    nondifferentiable,
    primitive,
    profile,
    scope,
    softmax,
)
from autograd import rules as registry
from autograd.recording import apply
from tests.makers import leaf


@pytest.fixture(autouse=True)
def clean_registry():
    """Takes out what the doctests have registered, and gives the registry back as it was."""
    tables = (registry.operations, registry.compositions, registry.plain)
    before = [dict(table) for table in tables]
    for table in tables:  # what is registered here gets a new entry: the old one is untouched
        for function in (np.spacing, np.modf, np.interp, np.nextafter, getattr(np, "matvec", None)):
            table.pop(function, None)
    yield
    for table, entries in zip(tables, before):
        table.clear()
        table.update(entries)


# ---- adding an operation ------------------------------------------------------------------------


def test_adding_an_operation_is_one_entry():
    defvjp(np.spacing, lambda g, y, x: g * 0)  # the whole entry

    x = leaf([1, 2])
    np.spacing(x).sum().backward()
    assert x.grad.tolist() == [0, 0]


def test_defvjp_on_a_ufunc_serves_every_order():
    defvjp(np.nextafter, lambda g, y, x1, x2: g * np.cos(x1) * x2, lambda g, y, x1, x2: g * x1)
    x, z = leaf([1, 2]), leaf([[3], [4]])
    y = np.nextafter(x, z)
    assert y.shape == (2, 2)
    by_x, by_z = grad(y.sum(), [x, z], create_graph=True)
    assert np.allclose(by_x.data, np.cos([1, 2]) * 7) and by_z.tolist() == [[3], [3]]
    (again,) = grad(by_x.sum(), x)
    assert np.allclose(again.data, -np.sin([1, 2]) * 7)


def test_defvjp_on_an_array_function_with_keywords():
    def rule(g, y, x, xp, fp, left=None, right=None):
        slopes = np.diff(fp) / np.diff(xp)
        inside = (x > xp[0]) & (x < xp[-1])
        return g * np.where(inside, slopes[np.clip(np.searchsorted(xp, x) - 1, 0, 1)], 0)

    defvjp(np.interp, rule)
    x = leaf([0.5, 1.5, 9.0])
    y = np.interp(x, [0.0, 1.0, 2.0], [0.0, 10.0, 30.0], right=-1.0)
    assert y.tolist() == [5, 20, -1]
    y.sum().backward()
    assert x.grad.tolist() == [10, 20, 0]


def test_a_keyword_that_no_rule_knows_is_refused_by_name():
    defvjp(np.interp, lambda g, y, x, xp, fp: g)
    with pytest.raises(TypeError, match="interp: the argument period= is not supported"):
        np.interp(leaf([0.5]), [0.0, 1.0], [0.0, 1.0], period=2)


def test_defvjp_on_a_ufunc_of_two_results():
    defvjp(np.modf, lambda g, y, x: g[0])  # x = fraction + whole; the fraction has slope 1
    x = leaf([1.25, -2.5])
    fraction, whole = np.modf(x)
    assert fraction.tolist() == [0.25, -0.5] and whole.tolist() == [1, -2]
    (fraction * 3 + whole).sum().backward()
    assert x.grad.tolist() == [3, 3]


def test_keywords_of_a_generalised_ufunc_reach_its_rules():
    """A rule with a keyword beside two arrays takes the long way."""
    if not hasattr(np, "matvec"):
        pytest.skip("np.matvec is new in NumPy 2.2")
    seen = []

    def rule(g, y, x1, x2, axes=None):
        seen.append(axes)
        return np.expand_dims(g, -1) * np.expand_dims(x2, -2)

    defvjp(np.matvec, rule)
    x = leaf([[1, 2], [3, 4]])
    axes = [(0, 1), (0,), (0,)]
    np.matvec(x, np.array([1.0, 10.0]), axes=axes).sum().backward()
    assert seen == [axes] and x.grad.tolist() == [[1, 10], [1, 10]]


def test_registering_again_replaces():
    x = leaf(2.0)
    for factor in (3, 5):
        defvjp(np.spacing, lambda g, y, x, factor=factor: g * factor)
        x.zero_grad()
        np.spacing(x).backward()
        assert x.grad == factor


def test_what_was_recorded_before_uses_the_rule_of_today():
    defvjp(np.spacing, lambda g, y, x: g * 3)
    x = leaf(2.0)
    y = np.spacing(x)
    defvjp(np.spacing, lambda g, y, x: g * 5)
    y.backward()
    assert x.grad == 5  # an operation is known by its name, not by its rules


def test_an_argument_without_a_derivative_is_refused():
    defvjp(np.nextafter, None, lambda g, y, x1, x2: g)
    with pytest.raises(TypeError, match="argument 1 has no derivative.*detach"):
        np.nextafter(leaf(1.0), 2.0)
    x2 = leaf(2.0)
    np.nextafter(1.0, x2).backward()
    assert x2.grad == 1


@pytest.mark.parametrize("rules", [(), (None,), (3,), ("g",), (None, None)], ids=str)
def test_rules_must_be_functions(rules):
    with pytest.raises(TypeError, match=r"rules of spacing must be functions rule\(g, y"):
        defvjp(np.spacing, *rules)
    with pytest.raises(TypeError, match=r"must be functions rule\(g, y"):
        primitive(lambda x: x, *rules)
    with pytest.raises(TypeError, match="no derivative registered"):
        np.spacing(leaf(1.0))


def test_defvjp_needs_a_function_first():
    with pytest.raises(TypeError, match="'spacing' is no function"):
        defvjp("spacing", lambda g, y, x: g)


# ---- primitives of one's own --------------------------------------------------------------------


def test_a_primitive_with_its_rule_is_checked_like_any_other():
    swish = primitive(
        lambda x: x / (1 + np.exp(-x)),
        lambda g, y, x: g * (y + (1 - y) / (1 + np.exp(-x))),
        formula="y + s(x) (1 - y)",
    )
    x = leaf([-1.0, 0.5, 2.0])
    assert gradcheck(swish, x) and gradgradcheck(swish, x)


def test_a_primitive_on_plain_arrays_gives_plain_arrays():
    double = primitive(lambda x: x * 2, lambda g, y, x: g * 2)
    assert type(double(np.ones(2))) is np.ndarray and double(3) == 6
    assert double(x=3) == 6 and "multiply" not in repr(double(x=leaf(3.0)))


def test_a_primitive_takes_keywords_by_name_and_by_place():
    scaled = primitive(
        lambda x, scale=1.0, *, shift=0.0: x * scale + shift,
        lambda g, y, x, scale=1.0, *, shift=0.0: g * scale,
        lambda g, y, x, scale=1.0, *, shift=0.0: g * x,
    )
    x, scale = leaf([1, 2]), leaf(3.0)
    for y in (scaled(x, scale, shift=1.0), scaled(x, scale=scale, shift=1.0)):
        assert y.tolist() == [4, 7]
        assert [t.tolist() for t in grad(y.sum(), [x, scale])] == [[3, 3], 3]
    assert scaled(x).tolist() == [1, 2]
    with pytest.raises(TypeError, match="given as shift=, which has no derivative.*detach"):
        scaled(x, shift=scale)
    assert scaled(x, shift=scale.detach()).tolist() == [4, 5]
    with pytest.raises(TypeError, match="the argument factor= is not supported"):
        scaled(x, factor=2)


@pytest.mark.parametrize(
    "operation, count",
    [
        (primitive(lambda x: x * 1, lambda g, y: g), 1),
        (primitive(lambda x: x * 1, lambda g, y, out: g), 1),
        (primitive(lambda x, y, z: x + y + z, *[lambda g, r, x, y: g] * 3), 3),
    ],
    ids=["none of one", "one called out", "two of three"],
)
def test_arguments_that_the_rules_do_not_take_are_refused_at_the_call(operation, count):
    with pytest.raises(TypeError, match="on Tensors it takes at most|out= is not supported"):
        operation(*[leaf(2.0)] * count)


# Operations of one and of three arguments have a short way of their own through the recording.
# Whatever it is called with, it gives and records what `apply` does.


def recorded(call):
    """The error of a call in its words; or each result, and all that it has recorded."""
    try:
        results = call()
    except Exception as error:
        return type(error), str(error)
    return [
        (type(y), y.scope, y.requires_grad, y._op.name, roots(y), *map(described, (y, *y._args)))
        for y in (results if isinstance(results, (tuple, list)) else [results])
    ]


def roots(node):
    """The Tensors that a result was made of, also through hidden nodes for lists and tuples."""
    return [roots(x) if x is not None and type(x._value) is tuple else id(x) for x in node._inputs]


def described(argument):
    return type(argument), getattr(argument, "dtype", None), repr(argument)


def gone(x):
    raise ValueError("no value here")


class Kind(np.ndarray):
    pass


ANSWERS = {
    "array": lambda x: x * 2,
    "number of NumPy": np.sum,
    "number of Python": lambda x: 2.5,
    "array without axes": lambda x: np.array(1.5),
    "integers": lambda x: (x * 2).astype(int),
    "truth": lambda x: np.True_,
    "complex": lambda x: x * 1j,
    "subclass": lambda x: x.view(Kind),
    "several": lambda x: (x * 2, x > 0),
    "nan": lambda x: x * np.nan,
    "None": lambda x: None,
    "error": gone,
}
MODES = {
    "as usual": contextlib.nullcontext,
    "no_grad": no_grad,
    "detect_anomaly": detect_anomaly,
    "profile": lambda: profile(verbose=False),
    "scope": lambda: scope("part"),
}
X, Y, NO = leaf([[1, 2]]), leaf([[3, 4]]), Tensor([[5.0, 6.0]])
INTS, FLOATS = np.array([[7, 8]], np.int8), np.array([[7, 8]], np.float32)
OTHERS = [
    X, Y * 2, NO, FLOATS, INTS, Tensor(INTS), FLOATS.view(Kind), np.float32(3), np.int8(3), 2,
    2.5, True, None, [[1, 2]], ((1, 2),), [X], (X,), [NO, 2.0], "text",
    np.ma.masked_array([[1.0, 2.0]]),
]  # fmt: skip


def of_one(answer):
    return primitive(lambda x, a=None, b=None: answer(x), lambda g, y, x, a=None, b=None: g * 2)


def of_three(answer):
    forward = lambda x, y, z: answer(y * 1)  # noqa: E731
    return primitive(forward, *[lambda g, r, x, y, z: g * 2] * 3)


def agree(f, *args, **kwargs):
    op = registry.operations[f]
    # On one line, for under detect_anomaly an error names it.
    ways = (lambda: f(*args, **kwargs), lambda: apply(op, args, kwargs))
    assert recorded(ways[0]) == recorded(ways[1])


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_the_short_ways_give_what_the_long_one_does(answer, mode):
    with mode():
        for x in (X, X * 2, NO, Tensor(INTS)):
            agree(of_one(answer), x)
            for first in (x, FLOATS):
                agree(of_three(answer), first, X, Y)


@pytest.mark.parametrize("other", OTHERS, ids=lambda other: type(other).__name__)
def test_the_short_ways_take_what_the_long_one_does(other):
    one, three = of_one(ANSWERS["array"]), of_three(ANSWERS["array"])
    agree(one, X, other)
    agree(one, X, 1.0, other)
    agree(one, X, 1.0, 1.0, other)
    agree(one, X, a=other)
    agree(three, X, Y, z=other)
    agree(three, X, Y, X, w=other)
    agree(three, X, X, Y, other)
    for place in range(3):
        agree(three, *[X, Y][:place], other, *[X, Y][place:])


def test_one_of_three_arguments_without_a_derivative():
    rule = lambda g, r, x, y, z: g  # noqa: E731
    f = primitive(lambda x, y, z: x + y + z, rule, None, rule)
    assert f(X, 2.0, Y).tolist() == [[6, 8]]
    with pytest.raises(TypeError, match="argument 2 has no derivative"):
        f(X, Y, X)


@pytest.mark.parametrize("make", [of_one, of_three])
@pytest.mark.parametrize("rules", [(None, lambda g, y, *args: g), [lambda g, y, x: g] * 2], ids=len)
def test_the_short_ways_follow_rules_that_are_given_anew(make, rules):
    f = make(ANSWERS["array"])
    args = [X, X, Y] if make is of_three else [X]
    before = recorded(lambda: f(*args))
    defvjp(f, *rules)
    agree(f, *args)
    assert make is of_one or recorded(lambda: f(*args)) != before


def test_a_primitive_of_several_results():
    polar = primitive(
        lambda x, y: (np.hypot(x, y), np.arctan2(y, x)),
        lambda g, out, x, y: g[0] * x / out[0] - g[1] * y / out[0] ** 2,
        lambda g, out, x, y: g[0] * y / out[0] + g[1] * x / out[0] ** 2,
    )
    x, y = leaf([3.0, 1.0]), leaf([4.0, 2.0])
    radius, angle = polar(x, y)
    assert radius.tolist() == [5, 5**0.5]
    for f in (lambda a, b: polar(a, b)[0], lambda a, b: polar(a, b)[1] * polar(a, b)[0]):
        assert gradcheck(f, (x, y)) and gradgradcheck(f, (x, y))


def test_a_primitive_of_a_list():
    total = primitive(
        lambda xs, weights: sum(w * x for w, x in zip(weights, xs)),
        lambda g, y, xs, weights: [g * w for w in weights],
    )
    a, b = leaf([1, 2]), leaf([[3.0], [4.0]])
    y = total([a, b, np.ones(2)], (2.0, 3.0, 1.0))
    y.sum().backward()
    assert a.grad.tolist() == [4, 4] and b.grad.tolist() == [[6], [6]]


@pytest.mark.parametrize(
    "answer",
    [lambda g: [g], lambda g: g, lambda g: [g, g, g], lambda g: None],
    ids=["1", "g", "3", "None"],
)
def test_a_rule_for_a_list_that_returns_no_such_list(answer):
    bad = primitive(lambda xs: xs[0] + xs[1], lambda g, y, xs: answer(g))
    x = leaf([1, 2])
    with pytest.raises(AutogradError, match="must return a list of 2 gradients"):
        bad([x, x]).sum().backward()
    assert x.grad is None


def test_a_primitive_that_returns_a_python_number():
    first = primitive(lambda x: float(x[0]), lambda g, y, x: g * np.eye(len(x))[0])
    x = leaf([1, 2])
    assert isinstance(first(x), Tensor)
    first(x).backward()
    assert x.grad.tolist() == [1, 0]


def test_a_primitive_keeps_its_name_and_docstring():
    def forward(x):
        """What it is."""
        return x * 1

    f = primitive(forward, lambda g, y, x: g)
    assert f.__name__ == "forward" and f.__doc__ == "What it is."
    assert "made by forward" in repr(f(leaf(1.0)))


# ---- without a gradient -------------------------------------------------------------------------


def test_nondifferentiable_on_numpys_functions():
    with pytest.raises(TypeError, match="np.roots"):
        np.roots(leaf([1, -3, 2]))
    assert nondifferentiable(np.roots) is np.roots
    result = np.roots(leaf([1, -3, 2]))
    assert type(result) is np.ndarray and np.allclose(result, [2, 1])
    assert nondifferentiable(np.spacing) is np.spacing
    assert type(np.spacing(leaf([1.0]))) is np.ndarray


def test_nondifferentiable_on_ones_own():
    @nondifferentiable
    def best(scores, *, names):
        """The name of the best."""
        assert type(scores) is np.ndarray
        return names[scores.argmax()]

    assert best(leaf([1, 3, 2]), names="abc") == "b"
    assert best(scores=np.array([5, 1]), names="ab") == "a"
    assert best.__doc__ == "The name of the best."


PLAIN = {
    "equal": lambda x: np.equal(x, 2),
    "greater": lambda x: np.greater(x, x),
    "logical_and": lambda x: np.logical_and(x, True),
    "isnan": np.isnan,
    "isclose": lambda x: np.isclose(x, x),
    "allclose": lambda x: np.allclose(x, x),
    "array_equal": lambda x: np.array_equal(x, x),
    "all": np.all,
    "any": lambda x: np.any(x, axis=0),
    "argmax": np.argmax,
    "argmin": lambda x: np.argmin(x, axis=1),
    "argsort": np.argsort,
    "searchsorted": lambda x: np.searchsorted([1.0, 2.0], x),
    "shape": np.shape,
    "ndim": np.ndim,
    "size": np.size,
    "nonzero": np.nonzero,
    "where": np.where,
    "bincount": lambda x: np.bincount([0, 2, 0]),
    "result_type": lambda x: np.result_type(x, np.float32),
    "histogram": lambda x: np.histogram(x)[0],
    "x > 2": lambda x: x > 2,
    "2 > x": lambda x: 2 > x,
    "x == x": lambda x: x == x,
    "array < x": lambda x: np.ones((2, 2)) < x,
    "x.argmax()": lambda x: x.argmax(axis=0),
    "array2string": np.array2string,
}


@pytest.mark.parametrize("f", PLAIN.values(), ids=PLAIN)
def test_plain_functions_give_what_numpy_gives(f):
    values = np.array([[1.0, 2.0], [3.0, 0.0]])
    found, expected = f(leaf(values)), f(values)
    assert type(found) is type(expected)
    assert str(found) == str(expected)


# ---- functions without a rule -------------------------------------------------------------------

UNREGISTERED = {
    "np.spacing": np.spacing,
    "np.nextafter": lambda x: np.nextafter(x, 1.0),
    "np.roots": np.roots,
    "np.histogram2d": lambda x: np.histogram2d(x, x),
    "np.fft.fft": np.fft.fft,
    "np.linalg.eig": lambda x: np.linalg.eig(np.stack([x, x])),
}


def skip_if_it_has_a_rule(name):
    function = operator.attrgetter(name.removeprefix("np."))(np)
    operation = registry.operations.get(function)
    if function in registry.compositions or (operation is not None and operation.rules):
        pytest.skip(f"{name} has a rule now: another may take its place in UNREGISTERED")


@pytest.mark.parametrize("name, f", UNREGISTERED.items(), ids=UNREGISTERED)
def test_a_function_without_a_rule_is_named_and_shows_the_three_ways(name, f):
    skip_if_it_has_a_rule(name)
    x = leaf([1, 2])
    with pytest.raises(TypeError) as raised:
        f(x)
    message = str(raised.value)
    assert message.startswith(name)
    for way in (
        f"autograd.defvjp({name}, lambda g, y, ",
        "autograd.primitive(",
        f"autograd.nondifferentiable({name})",
    ):
        assert way in message
    assert x.tolist() == [1, 2] and x.grad is None


@pytest.mark.parametrize("name, f", UNREGISTERED.items(), ids=UNREGISTERED)
def test_it_is_refused_for_a_tensor_without_a_gradient_too(name, f):
    skip_if_it_has_a_rule(name)
    with pytest.raises(TypeError, match="no derivative registered"):
        f(Tensor([1.0, 2.0]))


# ---- methods of ufuncs --------------------------------------------------------------------------

REDUCTIONS = {
    "add": np.add,
    "multiply": np.multiply,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "logical_and": np.logical_and,
    "logical_or": np.logical_or,
}


@pytest.mark.parametrize("ufunc", REDUCTIONS.values(), ids=REDUCTIONS)
@pytest.mark.parametrize(
    "options", [{}, {"axis": 1}, {"axis": None}, {"axis": 0, "keepdims": True}], ids=str
)
def test_reduce(ufunc, options):
    values = np.array([[1.0, 2.0], [3.0, 0.0]])
    assert np.array_equal(
        np.asarray(ufunc.reduce(Tensor(values), **options)), ufunc.reduce(values, **options)
    )


@pytest.mark.parametrize("ufunc", [np.add, np.multiply], ids=["add", "multiply"])
@pytest.mark.parametrize("options", [{}, {"axis": 1}], ids=str)
def test_accumulate(ufunc, options):
    values = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert np.array_equal(
        np.asarray(ufunc.accumulate(Tensor(values), **options)), ufunc.accumulate(values, **options)
    )


def test_methods_of_ufuncs_differentiate():
    x = leaf([[1, 2], [3, 4]])
    (np.add.reduce(x) * [1, 10]).sum().backward()
    assert x.grad.tolist() == [[1, 10], [1, 10]]
    x.zero_grad()
    (np.add.accumulate(x) * [1, 10]).sum().backward()
    assert x.grad.tolist() == [[2, 20], [1, 10]]
    a, b = leaf([1, 2]), leaf([3, 4, 5])
    y = np.multiply.outer(a, b)
    assert y.tolist() == [[3, 4, 5], [6, 8, 10]]
    y.sum().backward()
    assert a.grad.tolist() == [12, 12] and b.grad.tolist() == [3, 3, 3]


@pytest.mark.parametrize(
    "name, f",
    [
        ("np.subtract.reduce", lambda x: np.subtract.reduce(x)),
        ("np.subtract.accumulate", lambda x: np.subtract.accumulate(x)),
        ("np.add.reduceat", lambda x: np.add.reduceat(x, [0])),
        ("np.add.at", lambda x: np.add.at(np.zeros(2), [0], x)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_methods_are_refused_by_name(name, f):
    with pytest.raises(TypeError, match=name):
        f(leaf([1, 2]))


# ---- keywords of NumPy --------------------------------------------------------------------------

MASK = np.array([True, False])
REFUSED = {
    "out": (lambda x: np.add(x, 1, out=np.zeros(2)), "add: the argument out="),
    "out by place": (lambda x: np.sum(x, 0, None, np.zeros(())), "sum: the argument out="),
    "out of a composition": (lambda x: np.mean(x, out=np.zeros(())), "np.mean: the argument out="),
    "out beside where": (lambda x: np.sum(x, where=MASK, out=np.zeros(())), "np.sum: .* out="),
    "out of a running sum": (
        lambda x: np.add.accumulate(x, out=np.zeros(2)),
        "cumsum: the argument out=",
    ),
    "where of a ufunc": (lambda x: np.exp(x, where=MASK), "exp: the argument where="),
    "where False": (lambda x: np.exp(x, where=False), "exp: the argument where="),
    "dtype of a ufunc": (lambda x: np.exp(x, dtype=np.float32), r"dtype=.*\.astype\(dtype\)"),
    "initial": (lambda x: np.logaddexp.reduce(x, initial=3.0), "argument initial="),
    "casting": (lambda x: np.add(x, 1, casting="unsafe"), "add: the argument casting="),
}


@pytest.mark.parametrize("f, message", REFUSED.values(), ids=REFUSED)
def test_keywords_that_are_not_supported_are_refused_by_name(f, message):
    with pytest.raises(TypeError, match=message):
        f(leaf([1, 2]))


UNUSED = {
    "out": lambda x: np.add(x, 1, out=None),
    "where": lambda x: np.sum(x, where=True),
    "where of a ufunc": lambda x: np.exp(x, where=True),
    "casting": lambda x: np.add(x, 1, casting="same_kind"),
    "dtype": lambda x: np.exp(x, dtype=None),
    "order": lambda x: np.copy(x, order="K"),
}


@pytest.mark.parametrize("f", UNUSED.values(), ids=UNUSED)
def test_keywords_with_the_values_that_mean_nothing_are_taken(f):
    assert np.array_equal(f(leaf([1, 2])).data, f(np.array([1.0, 2.0])))


def test_an_array_cannot_be_changed_by_a_tensor():
    array, x = np.zeros(2), leaf([1, 2])
    with pytest.raises(TypeError, match=r"add: .* out= .* new Tensor: .* a = a \+ x"):
        array += x
    assert type(array) is np.ndarray and array.tolist() == [0, 0]
    array = array + x
    assert isinstance(array, Tensor)


# ---- a Tensor as an array -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "convert", [np.array, np.asarray, np.ascontiguousarray, list], ids=lambda f: f.__name__
)
def test_tensors_without_gradients_are_arrays(convert):
    x = Tensor([1.0, 2.0])
    assert np.array_equal(convert(x), [1, 2])
    assert np.array_equal(np.array([x, x]), [[1, 2], [1, 2]])


@pytest.mark.parametrize(
    "convert",
    [
        lambda x: np.array([x, x]),
        lambda x: np.asarray(x),
        lambda x: np.array([x.sum(), x.sum()]),
        lambda x: np.asarray(x * 2, dtype=np.float32),
        lambda x: Tensor([x, x]),
        lambda x: Tensor(x),
        lambda x: np.ones(2) @ np.array(x),
    ],
    ids=["list", "asarray", "list of numbers", "result", "Tensor of a list", "Tensor", "array"],
)
def test_a_gradient_is_never_dropped_without_a_word(convert):
    with pytest.raises(TypeError, match=r"np\.stack.*\.detach\(\)"):
        convert(leaf([1, 2]))


def test_array_copy_and_dtype():
    x = Tensor([1.0, 2.0])
    assert np.asarray(x, dtype=np.float32).dtype == np.float32
    assert np.shares_memory(np.asarray(x), x.data)
    assert not np.shares_memory(np.array(x), x.data)
    assert np.shares_memory(np.array(x, copy=False), x.data)


def test_numpys_testing_functions():
    x = Tensor([1.0, 2.0])
    np.testing.assert_allclose(x, [1, 2])
    np.testing.assert_array_equal(x, x)
    np.testing.assert_array_almost_equal(x * 2, [2, 4])
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(x, [1, 3])
    with pytest.raises(TypeError, match=r"\.detach\(\)"):
        np.testing.assert_allclose(leaf([1, 2]), [1, 2])
    np.testing.assert_allclose(leaf([1, 2]).data, [1, 2])


def test_matplotlib():
    matplotlib = pytest.importorskip("matplotlib", reason="draws with matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots()
    try:
        x, y = Tensor([0.0, 1.0, 2.0]), Tensor([5.0, 6.0, 7.0])
        (line,) = axes.plot(x, y)
        assert line.get_xdata().tolist() == [0, 1, 2] and line.get_ydata().tolist() == [5, 6, 7]
        axes.scatter(x, y)
        image = axes.imshow(Tensor([[0.0, 1.0]]))
        assert image.get_array().tolist() == [[0, 1]]
        with pytest.raises((TypeError, AutogradError), match=r"\.detach\(\)"):
            axes.plot(leaf([1, 2]), [1, 2])
        with pytest.raises(TypeError, match=r"\.detach\(\)"):
            axes.imshow(leaf([[0, 1]]))
    finally:
        pyplot.close(figure)


def test_pandas():
    pandas = pytest.importorskip("pandas", reason="converts to and from pandas")
    x = Tensor(pandas.Series([1.0, 2.0]), requires_grad=True)
    assert type(x.data) is np.ndarray and x.tolist() == [1, 2]
    frame = pandas.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    assert Tensor(frame).tolist() == [[1, 3], [2, 4]]
    assert pandas.Series(x.detach()).tolist() == [1, 2]
    assert pandas.DataFrame(Tensor(frame), columns=["a", "b"]).equals(frame)
    with pytest.raises(TypeError, match=r"\.detach\(\)"):
        np.asarray(x)
    (x * frame["a"]).sum().backward()
    assert x.grad.tolist() == [1, 2]
    with pytest.raises(TypeError, match="object"):
        Tensor(pandas.DataFrame({"a": [1.0], "b": ["text"]}))


# ---- the calling forms of NumPy -----------------------------------------------------------------


def test_positional_and_keyword_arguments_are_one():
    x = leaf([[1, 2], [3, 4]])
    for y in (
        np.sum(x, 1), np.sum(x, axis=1), np.sum(a=x, axis=1), x.sum(1), x.sum(axis=1),
        np.sum(x, (1,)), np.sum(x, -1), np.sum(x, np.int64(1)),
    ):  # fmt: skip
        assert y.tolist() == [3, 7] and y.requires_grad


@pytest.mark.parametrize(
    "other",
    [np.array([1.0, 2.0]), [1.0, 2.0], (1.0, 2.0), np.float64(2.0), np.array(2.0), 2.0, 2, True,
     np.float32(2.0), np.arange(1, 3), Tensor([1.0, 2.0])],
    ids=lambda other: type(other).__name__,
)  # fmt: skip
def test_operands_of_every_kind_on_both_sides(other):
    x, plain = leaf([3, 4]), np.asarray(other)
    values = np.array([3.0, 4.0])
    for found, expected in [
        (x + other, values + plain), (other + x, plain + values), (x - other, values - plain),
        (other - x, plain - values), (other * x, plain * values), (other / x, plain / values),
        (x**other, values**plain), (other // x, plain // values), (other % x, plain % values),
        (np.add(other, x), values + plain), (np.divide(x, other), values / plain),
    ]:  # fmt: skip
        assert type(found) is Tensor and found.requires_grad
        assert np.array_equal(found.data, expected)
    for found, expected in [(x > other, values > plain), (other < x, plain < values)]:
        assert type(found) is np.ndarray and np.array_equal(found, expected)


@pytest.mark.parametrize(
    "other", ["text", None, {}, object()], ids=["text", "None", "dict", "object"]
)
def test_operands_that_are_no_numbers(other):
    x = leaf([1, 2])
    for operate in (lambda: x + other, lambda: other - x, lambda: x @ other):
        with pytest.raises(TypeError, match="unsupported operand type"):
            operate()


def test_another_class_may_take_over():
    class Polite:
        __array_ufunc__ = None

        def __radd__(self, other):
            return "mine"

    assert leaf([1, 2]) + Polite() == "mine"


def test_a_list_of_tensors_is_no_operand_but_says_how():
    x, number = leaf([1, 2]), leaf(1.0)
    with pytest.raises(TypeError, match=r"np\.stack"):
        x + [number, number]
    with pytest.raises(TypeError, match=r"np\.stack"):
        np.add(x, [number, number])


def test_functions_beside_numpys_take_arrays_and_lists():
    for logits in (np.array([0.0, 0.0]), [0.0, 0.0]):
        found = softmax(logits)
        assert type(found) is np.ndarray and found.tolist() == [0.5, 0.5]
