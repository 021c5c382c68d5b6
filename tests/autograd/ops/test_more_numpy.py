"""NumPy's namespace, walked: what takes Tensors, and what refuses them; and the rarer functions.

Values and derivatives of every registered function are swept in test_registry.py; here are the
gradients that could get lost, subgradients, special values, PyTorch's answers and the messages.
"""

import numpy as np
import pytest

import autograd
from autograd import Tensor, grad, gradcheck, gradgradcheck, jacobian, rules, scatter_add
from tests.cases import REGISTERED, name_of
from tests.makers import leaf, memory_of

rng = np.random.default_rng(3)


def gradients(f, *arrays):
    """The gradients of the sum of f's result, as arrays."""
    xs = [leaf(a) for a in arrays]
    return [g.data for g in grad(np.sum(f(*xs)), xs)]


# ---- the namespace ------------------------------------------------------------------------------

# What dispatches, but does not take Tensors, and why. Everything else is registered.
REFUSED = {
    "writes in place": [
        "copyto", "fill_diagonal", "place", "put", "put_along_axis", "putmask",
    ],
    "complex numbers": ["roots", "sort_complex"],
    "dates": ["busday_count", "busday_offset", "datetime_as_string", "is_busday", "isnat"],
    "bits": ["packbits", "unpackbits"],
    "staircases of rounding": ["nextafter", "spacing"],
    "several axes of bins": ["histogram2d", "histogramdd"],
    "an old name": ["in1d"],
}  # fmt: skip


def dispatched():
    """The public functions that ask our protocols."""
    found = {}
    for name in dir(np):
        function = getattr(np, name) if not name.startswith("_") else None
        if isinstance(function, np.ufunc) or hasattr(function, "_implementation"):
            found[name] = function
    return found


def registered(function):
    operation = rules.operations.get(function)
    known = operation is not None and operation.rules
    return bool(known) or function in rules.compositions or function in rules.plain


def test_every_function_of_numpys_namespace_is_registered_or_listed_with_a_reason():
    refused = {name for names in REFUSED.values() for name in names}
    missing = {name for name, f in dispatched().items() if not registered(f)}
    # (what the doctests register stays registered for the session)
    told = f"give {', '.join(sorted(missing - refused))} a rule, or a reason in REFUSED"
    assert missing <= refused, told
    stale = refused & {name_of(f) for f in REGISTERED}
    assert not stale, f"REFUSED lists what has rules now: {', '.join(stale)}"
    assert len(dispatched()) > 300


CALLS = {
    "copyto": lambda f, x: f(np.zeros(3), x), "fill_diagonal": lambda f, x: f(x, 0.0),
    "place": lambda f, x: f(x, [True, False, True], 0.0), "put": lambda f, x: f(x, 0, 1.0),
    "put_along_axis": lambda f, x: f(x, np.array([0]), 1.0, 0),
    "putmask": lambda f, x: f(x, [True, False, True], 0.0),
    "busday_offset": lambda f, x: f(x, 1), "busday_count": lambda f, x: f(x, x),
    "nextafter": lambda f, x: f(x, 1.0), "in1d": lambda f, x: f(x, x),
    "histogram2d": lambda f, x: f(x, x),
}  # fmt: skip


@pytest.mark.parametrize("name", [n for names in REFUSED.values() for n in names])
def test_what_is_listed_refuses_tensors_by_name(name):
    function = dispatched().get(name)
    if function is None or registered(function):
        pytest.skip("not in this NumPy, or registered by a doctest")
    x = leaf([1, 2, 3])
    with pytest.raises(TypeError, match=name):
        CALLS.get(name, lambda f, x: f(x))(function, x)
    assert x.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    "name", [n for n in dir(np.fft) if hasattr(getattr(np.fft, n), "_implementation")]
)
def test_fourier_transforms_refuse_tensors_by_name(name):
    if registered(getattr(np.fft, name)):
        pytest.skip("it has a rule")
    with pytest.raises(TypeError, match=name):
        getattr(np.fft, name)(leaf([[1, 2], [3, 4]]))


@pytest.mark.parametrize("function", [np.asarray, np.array, np.asanyarray, np.ascontiguousarray,
                                      np.asfortranarray, lambda x: np.full(3, x),
                                      lambda x: np.array([x, x])])  # fmt: skip
def test_functions_that_make_plain_arrays_refuse_a_tensor_with_a_gradient(function):
    with pytest.raises((TypeError, ValueError)):
        function(leaf([1, 2, 3]))


ALIASES = {
    "acos": "arccos", "acosh": "arccosh", "asin": "arcsin", "asinh": "arcsinh", "atan": "arctan",
    "atan2": "arctan2", "atanh": "arctanh", "concat": "concatenate", "permute_dims": "transpose",
    "pow": "power", "abs": "absolute", "bitwise_invert": "invert", "conj": "conjugate",
    "mod": "remainder", "true_divide": "divide",
}  # fmt: skip


@pytest.mark.parametrize("name", ALIASES)
def test_numpys_second_names_are_the_same_objects(name):
    assert getattr(np, name) is getattr(np, ALIASES[name])
    assert registered(getattr(np, name))


# ---- where= and initial= of reductions -----------------------------------------------------------

A = np.array([[0.5, -1.5, 2.0], [3.0, 0.25, -2.0]])
MASK = np.array([[True, False, True], [False, True, True]])
REDUCTIONS = [np.sum, np.prod, np.max, np.min, np.nansum, np.nanprod, np.nanmax, np.nanmin]


@pytest.mark.parametrize("function", REDUCTIONS)
@pytest.mark.parametrize("axes", [{}, {"axis": 0}, {"axis": 1, "keepdims": True}, {"axis": (0, 1)}])
def test_a_tensor_as_the_initial_value_has_its_gradient(function, axes):
    start = 1.25

    def f(x, initial):
        return function(x, initial=initial, where=MASK, **axes)

    assert gradcheck(f, (leaf(A), leaf(start)))
    assert gradgradcheck(f, (leaf(A), leaf(start)))
    np.testing.assert_array_equal(f(leaf(A), leaf(start)).data, f(A, start))


def test_an_initial_value_counts_as_one_more_element():
    by_x, by_initial = gradients(lambda x, i: np.max(x, initial=i), [1, 3, 3], 3)
    np.testing.assert_allclose([*by_x, by_initial], [0, 1 / 3, 1 / 3, 1 / 3])
    (by_x,) = gradients(lambda x: np.min(x, initial=1.0), [1, 3])
    assert by_x.tolist() == [0.5, 0]  # a number gets its share, too
    by_x, by_initial = gradients(lambda x, i: np.prod(x, initial=i), [0, 2, 3], 5)
    assert by_x.tolist() == [30, 0, 0] and by_initial == 0


def test_what_is_left_out_gets_no_gradient_whatever_it_holds():
    values, mask = [1.0, np.nan, np.inf], [True, False, False]
    for f in (np.sum, np.prod, np.mean, np.var):
        (g,) = gradients(lambda x, f=f: f(x, where=mask), values)
        assert np.isfinite(g).all() and g[1:].tolist() == [0, 0]
    (g,) = gradients(lambda x: np.max(x, where=mask, initial=0), values)
    assert g.tolist() == [1, 0, 0]


def test_options_of_reductions_in_other_forms():
    x, mask = leaf(A), [[True], [False]]
    for found, expected in [
        (np.add.reduce(x, where=mask, initial=2.0), np.add.reduce(A, where=mask, initial=2.0)),
        (np.multiply.reduce(x, axis=1, where=mask), np.multiply.reduce(A, axis=1, where=mask)),
        (np.maximum.reduce(x, axis=None, initial=9), np.maximum.reduce(A, axis=None, initial=9)),
        (np.sum(x, where=Tensor(A) > 0), np.sum(A, where=A > 0)),
        (np.sum(x, initial=Tensor(1.5)), np.sum(A, initial=1.5)),
        (np.sum(Tensor(A > 0), initial=1.5), np.sum(A > 0, initial=1.5)),
        (np.sum(Tensor(np.float32(A)), initial=np.float64(0.1)),
         np.sum(np.float32(A), initial=np.float64(0.1))),
        (np.logical_and.reduce(x, where=mask), np.logical_and.reduce(A, where=mask)),
        (np.any(x, axis=0, where=MASK), np.any(A, axis=0, where=MASK)),
        (np.all(x, axis=0, where=MASK), np.all(A, axis=0, where=MASK)),
        (np.sum(leaf(3.0), where=False), np.sum(3.0, where=False)),
        (np.max(Tensor(np.array([1, 2], np.int8)), initial=7),
         np.max(np.array([1, 2], np.int8), initial=7)),
        (np.max(Tensor([True, False]), where=[False, True], initial=False), np.False_),
    ]:  # fmt: skip
        found = found.data if isinstance(found, Tensor) else found
        assert np.asarray(found).dtype == np.asarray(expected).dtype
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_methods_take_the_options_of_arrays_methods():
    x = leaf(A)
    for name, options in {
        "sum": {"initial": 2.0, "where": MASK}, "prod": {"axis": 0, "where": MASK},
        "max": {"initial": 1.0, "where": MASK, "axis": 1}, "min": {"initial": -3},
        "mean": {"axis": 1, "where": MASK}, "std": {"where": MASK, "ddof": 1},
        "var": {"axis": 1, "mean": np.array([[0.5], [1.0]])},
    }.items():  # fmt: skip
        found, expected = getattr(x, name)(**options), getattr(A, name)(**options)
        assert found.shape == np.shape(expected)
        np.testing.assert_allclose(found.data, expected)
        assert gradcheck(lambda x, n=name, o=options: getattr(x, n)(**o), x)


def test_adding_in_place_names_its_function():
    for call in (lambda t: np.add.at(np.zeros(2), [0], t), lambda t: np.add.at(t, [0], 1.0)):
        with pytest.raises(TypeError, match="np.add.at .*scatter_add"):
            call(leaf([1]))


@pytest.mark.parametrize(("call", "kind", "words"), [
    (lambda x: np.sum(x, where=np.ones((2, 2, 3), bool)), ValueError, "sum"),
    (lambda x: np.sum(x, where=np.array([1, 0, 1])), TypeError, "where= must be True and False"),
    (lambda x: np.max(x, where=MASK), ValueError, "needs initial="),
    (lambda x: np.sum(x, axis=0, initial=np.ones(3)), ValueError, "one number"),
])  # fmt: skip
def test_options_that_numpy_refuses(call, kind, words):
    with pytest.raises((TypeError, ValueError)):
        call(A)
    with pytest.raises(kind, match=words):
        call(leaf(A))


# ---- gradients that could get lost ---------------------------------------------------------------


def test_sums_of_weights_keep_the_weights_gradient():
    numbers, w = np.array([0, 2, 0, 1]), np.array([0.5, 1.5, 2.5, 3.5])
    assert jacobian(lambda w: np.bincount(numbers, w), leaf(w)).tolist() == [
        [1, 0, 1, 0], [0, 0, 0, 1], [0, 1, 0, 0],
    ]  # fmt: skip
    x = np.array([0.1, 0.9, 0.45, 1.0])
    found = jacobian(lambda w: np.histogram(x, [0, 0.5, 1], weights=w)[0], leaf(w))
    assert found.tolist() == [[1, 0, 1, 0], [0, 1, 0, 1]]  # the last bin holds its right edge
    assert np.bincount(Tensor(numbers)).__class__ is np.ndarray
    assert np.bincount(numbers, Tensor(np.float32(w))).dtype == np.float64


@pytest.mark.parametrize("bins", [1, 3, 10, 37, [0, 0.2, 0.7, 1.0], np.linspace(-1, 2, 7), "auto"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("options", [{}, {"range": (0.2, 0.8)}, {"density": True}])
def test_histograms_have_numpys_values(bins, dtype, options):
    x = np.concatenate([rng.random(200), np.linspace(0, 1, 11)]).astype(dtype)
    w = np.float64(rng.random(x.size))
    w = None if isinstance(bins, str) else w
    expected, edges = np.histogram(x, bins, weights=w, **options)
    weights = w if w is None else Tensor(w)
    found, ends = np.histogram(Tensor(x), bins, weights=weights, **options)
    found = found.data if isinstance(found, Tensor) else found
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    ends = ends.data if isinstance(ends, Tensor) else ends
    np.testing.assert_array_equal(ends, edges)
    assert (np.asarray(ends).dtype, found.dtype) == (edges.dtype, expected.dtype)


def test_edges_keep_the_gradient_of_the_extreme_elements():
    x = leaf([3, 1, 2, 5])
    counts, edges = np.histogram(x, 4)
    assert counts.__class__ is np.ndarray
    np.testing.assert_allclose(
        jacobian(lambda x: np.histogram(x, 4)[1], x).data,
        [[0, 1, 0, 0], [0, 0.75, 0, 0.25], [0, 0.5, 0, 0.5], [0, 0.25, 0, 0.75], [0, 0, 0, 1]],
    )
    top, x = leaf(4.0), leaf([3.3, 1, 2.2, 5])
    assert gradcheck(lambda x: np.histogram(x[:, None] * [1.0, 1.0], 4, density=True)[1], x)
    assert gradcheck(lambda t: np.histogram(np.append(t, x.data), 4, density=True)[0], leaf(6.5))
    assert gradients(lambda t: np.histogram_bin_edges(Tensor(1.0), 2, (0, t)), 4.0)[0] == 1.5
    assert gradcheck(
        lambda t: np.histogram(x.data, np.stack([t - 4, t, t * 2]), density=True)[0], top
    )


def test_unique_values_keep_their_gradient_where_they_came_first():
    x = [3.0, 1.0, 3.0, 2.0, 1.0]
    assert jacobian(np.unique, leaf(x)).tolist() == [
        [0, 1, 0, 0, 0], [0, 0, 0, 1, 0], [1, 0, 0, 0, 0],
    ]  # fmt: skip
    values, index, inverse, counts = np.unique(leaf(x), True, True, True)
    assert values.tolist() == [1, 2, 3] and counts.tolist() == [2, 1, 2]
    assert {type(index), type(inverse), type(counts)} == {np.ndarray}
    rows = [[1.0, 2.0], [0.0, 5.0], [1.0, 2.0]]
    (g,) = gradients(lambda x: np.unique(x, axis=0) * [[1.0, 10.0], [100.0, 1000.0]], rows)
    assert g.tolist() == [[100, 1000], [1, 10], [0, 0]]
    assert np.unique(Tensor([np.nan, 1.0, np.nan])).shape == (2,)
    assert np.unique(Tensor([np.nan, 1.0, np.nan]), equal_nan=False).shape == (3,)
    np.testing.assert_array_equal(np.unique_values(Tensor(x)).data, np.unique_values(np.array(x)))


SETS = [np.union1d, np.intersect1d, np.setdiff1d, np.setxor1d]


@pytest.mark.parametrize("function", SETS)
def test_sets_are_numpys(function):
    for _ in range(20):
        a, b = rng.integers(0, 9, 7) / 2, rng.integers(0, 9, (2, 3)) / 2
        np.testing.assert_array_equal(function(Tensor(a), Tensor(b)).data, function(a, b))
        np.testing.assert_array_equal(function(a, Tensor(b)).data, function(a, b))


def test_of_two_sets_the_one_with_a_gradient_gets_it():
    for a, b in ((leaf([2, 1]), [1.0, 5.0]), ([1.0, 5.0], leaf([2, 1]))):
        x = a if isinstance(a, Tensor) else b
        np.intersect1d(a, b).sum().backward()
        assert x.grad.tolist() == [0, 1]
    found, i, j = np.intersect1d(leaf([2, 1]), [1.0, 5.0], return_indices=True)
    assert (found.tolist(), i.tolist(), j.tolist()) == ([1], [1], [0])


# How the plain functions are called that do not take one array of numbers.
PLAIN_CALLS = {
    **dict.fromkeys(
        ("array_equal", "array_equiv", "allclose", "isclose", "isin", "can_cast", "shares_memory",
         "may_share_memory", "searchsorted", "common_type", "result_type"),
        lambda f, x: f(x, x.dtype if f is np.can_cast else x),
    ),
    "digitize": lambda f, x: f(x, [0.0, 1.0]),
    "lexsort": lambda f, x: f((x, x)),
    "argpartition": lambda f, x: f(x, 1),
    "einsum_path": lambda f, x: f("i,i", x, x)[1],
}  # fmt: skip
WHOLE = {
    "bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift", "gcd", "lcm", "invert",
    "bitwise_count", "unravel_index", "ravel_multi_index", "ix_",
}  # fmt: skip
FILES = {"save", "savez", "savez_compressed", "savetxt"}


@pytest.mark.parametrize("name", sorted(
    {f.__name__ for f in rules.plain if registered(f) and getattr(np, f.__name__, 0) is f}
    - WHOLE - FILES - {"diag_indices_from", "tril_indices_from", "triu_indices_from"}
))  # fmt: skip
def test_no_plain_function_gives_numbers_that_depend_on_its_input_smoothly(name):
    function, x = getattr(np, name), leaf([3, 1, 2])
    call = PLAIN_CALLS.get(name)
    if call is None and isinstance(function, np.ufunc) and function.nin == 2:
        call = lambda f, x: f(x, x[::-1])  # noqa: E731
    found = call(function, x) if call else function(x)
    for part in found if isinstance(found, tuple) else [found]:
        if name not in ("result_type", "min_scalar_type", "common_type"):
            assert np.asarray(part).dtype.kind in "biuUO"
        assert not isinstance(part, (float, np.floating))


# ---- scatter_add -------------------------------------------------------------------------------


@pytest.mark.parametrize("index", [
    [0, 2, 0], np.array([[1, 1], [0, -1]]), slice(1, None), ([0, 1, 0], [2, 2, 2]), 1,
    np.array([[True, False, True], [True, True, False], [False, False, True]]),
    (slice(None), [0, 0, 2]), Ellipsis, (np.newaxis, 0),
])  # fmt: skip
def test_scatter_add_does_what_add_at_does(index):
    x = rng.random((3, 3))
    values = rng.random(x[index].shape)
    expected = x.copy()
    np.add.at(expected, index, values)
    np.testing.assert_array_equal(scatter_add(x, index, values), expected)
    np.testing.assert_array_equal(scatter_add(leaf(x), index, values).data, expected)
    np.testing.assert_array_equal(scatter_add(x, index, leaf(values)).data, expected)
    assert gradcheck(lambda x, v: scatter_add(x, index, v), (leaf(x), leaf(values)))
    assert gradgradcheck(lambda x, v: scatter_add(x * x, index, v**3), (leaf(x), leaf(values)))
    by_x, by_values = gradients(lambda x, v: scatter_add(x, index, v), x, 2.0)  # broadcast
    assert (by_x == 1).all() and by_values == x[index].size


def test_scatter_add_dtypes_and_messages():
    assert scatter_add(Tensor(np.zeros(2, np.float32)), [0], np.ones(1)).dtype == np.float32
    assert scatter_add(Tensor([1, 2]), [0, 0], [3, 4]).tolist() == [8, 2]
    assert scatter_add(leaf([1, 2]), Tensor([0, 0]), leaf([3, 4])).tolist() == [8, 2]
    with pytest.raises(TypeError, match="float64 values do not fit into an array of int64"):
        scatter_add(Tensor([1, 2]), [0], leaf([1.5]))
    with pytest.raises(IndexError, match="out of bounds"):
        scatter_add(leaf([1, 2]), [5], 1.0)
    with pytest.raises(ValueError, match="broadcast"):
        scatter_add(leaf([1, 2]), [0, 1], [1.0, 2.0, 3.0])


# ---- nested lists of Tensors -------------------------------------------------------------------


def test_nested_lists_of_tensors_are_joined():
    def by_parts(f):
        return gradients(lambda x: f(x[0], x[1]) * np.arange(1.0, 5).reshape(f(1, 2).shape), [7, 8])

    shapes = {
        "append": lambda a, b: np.append([a, b], np.stack([b, a])),
        "block": lambda a, b: np.block([[a, b], [b, a]]),
        "stack": lambda a, b: np.stack([[a, b], np.stack([b, a])]),
        "vstack": lambda a, b: np.vstack([[a, b], np.stack([b, a])]),
    }  # fmt: skip
    for name, f in shapes.items():
        (g,) = by_parts(f)
        assert g.tolist() == [1 + 4, 2 + 3], name
    a, b, m = leaf(2), leaf(3), leaf([[1, 2], [3, 4]])
    for f in (np.dot, np.inner, np.kron):
        np.testing.assert_array_equal(f([a, b], m).data, f([2.0, 3.0], m.data))
    assert np.average(m, axis=1, weights=[a, b]).requires_grad
    with pytest.raises(TypeError, match=r"np.stack\(\[...\]\)"):  # NumPy never asks us here
        np.stack([[a, b], [b, a]])


# ---- one function at a time --------------------------------------------------------------------


def test_where_with_a_condition_alone_is_nonzero():
    for x in (Tensor([0.0, 1.0, 2.0]), leaf([[0, 1], [2, 0]]), Tensor([True, False])):
        found = np.where(x)
        assert [type(places) for places in found] == [np.ndarray] * x.ndim
        for places, expected in zip(found, np.nonzero(x.data), strict=True):
            np.testing.assert_array_equal(places, expected)


def test_no_differences_leave_the_ends_out():
    x = leaf([1, 2])
    assert np.diff(x, 0, prepend=5.0, append=[7.0]).tolist() == [1, 2]
    assert np.diff(x, n=0).tolist() == [1, 2]


def test_running_extrema_give_ties_to_the_last_and_nan_all():
    x = [[2.0, 1, 2, 2, 3], [1.0, np.nan, 4, np.nan, 0]]
    (g,) = gradients(lambda x: np.maximum.accumulate(x, axis=1), x)
    assert g.tolist() == [[2, 0, 1, 1, 1], [1, 2, 0, 2, 0]]
    np.testing.assert_array_equal(
        np.maximum.accumulate(leaf(x), 1).data, np.maximum.accumulate(x, 1)
    )
    (g,) = gradients(lambda x: np.fmax.accumulate(x, axis=1), x)
    assert g.tolist() == [[2, 0, 1, 1, 1], [2, 0, 3, 0, 0]]
    np.testing.assert_array_equal(np.fmax.accumulate(leaf(x), 1).data, np.fmax.accumulate(x, 1))


def test_running_sums_of_exponentials_at_infinities():
    x = leaf([-np.inf, -np.inf, 0.0, 1000.0, np.inf, 2.0])
    y = np.logaddexp.accumulate(x)
    np.testing.assert_array_equal(y.data, np.logaddexp.accumulate(x.data))
    y.backward(np.ones(6))
    np.testing.assert_array_equal(x.grad, [0, 0, 1, 1, 2, 0])
    far = leaf([0.0, 800.0, -800.0, 1.0])
    np.logaddexp.accumulate(far).sum().backward()
    np.testing.assert_allclose(far.grad, [1, 3, 0, 0], atol=1e-300)
    np.testing.assert_allclose(np.logaddexp.reduce(far).data, 800)


def test_interpolation_at_points_and_beyond():
    xp, fp = [0.0, 1.0, 3.0], [1.0, 5.0, 1.0]
    x = [-1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 9.0, np.nan]
    found = np.interp(leaf(x), xp, fp)
    np.testing.assert_array_equal(found.data, np.interp(x, xp, fp))
    (g,) = gradients(lambda x: np.interp(x, xp, fp), x[:-1])
    assert g.tolist() == [0, 4, 4, -2, -2, 0, 0]
    np.testing.assert_array_equal(
        np.interp(x, leaf(xp), fp, left=leaf(7.0), right=8).data, np.interp(x, xp, fp, 7, 8)
    )
    by_left, by_fp = gradients(lambda e, fp: np.interp(x[:-1], xp, fp, left=e), 7.0, fp)
    assert by_left == 1 and by_fp.sum() == 6
    jump = np.interp([0.0, 1.0, 1.5], leaf([0, 1, 1, 2]), [0.0, 1.0, 5.0, 6.0])
    np.testing.assert_array_equal(jump.data, np.interp([0, 1, 1.5], [0, 1, 1, 2], [0, 1, 5, 6]))


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_ranges_are_numpys_to_the_last_bit(dtype):
    for _ in range(200):
        a, b = rng.normal(size=2).astype(dtype)
        n, endpoint = int(rng.integers(0, 12)), bool(rng.random() < 0.5)
        found = np.linspace(Tensor(np.array(a)), Tensor(np.array(b)), n, endpoint)
        expected = np.linspace(a, b, n, endpoint)
        np.testing.assert_array_equal(found.data, expected)
        assert found.dtype == expected.dtype
    assert np.linspace(Tensor(dtype(0)), 1, 3).dtype == np.linspace(dtype(0), 1, 3).dtype
    assert np.linspace(Tensor(1.0), 1.0, 4).tolist() == [1, 1, 1, 1]
    assert np.linspace(Tensor([0, 7]), 5, 3, dtype=int).tolist() == [[0, 7], [2, 6], [5, 5]]


NEW = hasattr(np, "matvec")  # since NumPy 2.2 np.insert takes masks


def test_choice_of_insertions_and_deletions_is_numpys():
    for _ in range(300):
        shape = tuple(rng.integers(1, 4, rng.integers(1, 3)))
        x = rng.random(shape)
        axis = [None, *range(len(shape))][rng.integers(0, len(shape) + 1)]
        n = x.size if axis is None else shape[axis]
        kinds = [
            int(rng.integers(-n, n + 1)), rng.integers(-n, n + 1, rng.integers(0, 3)).tolist(),
            slice(None, None, 2), rng.random(n) < 0.5,
        ]  # fmt: skip
        obj = kinds[rng.integers(0, 4 if NEW else 3)]
        for f in (lambda t, o=obj, a=axis: np.insert(t, o, 0.5, a),
                  lambda t, o=obj, a=axis: np.delete(t, o, a)):  # fmt: skip
            try:
                expected = f(x)
            except IndexError:
                with pytest.raises(IndexError):
                    f(leaf(x))
                continue
            np.testing.assert_array_equal(f(leaf(x)).data, expected)


METHODS = (
    "inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf",
    "hazen", "weibull", "linear", "median_unbiased", "normal_unbiased", "lower", "higher",
    "midpoint", "nearest",
)  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_quantiles_are_numpys(method, dtype):
    for n in (1, 2, 3, 7, 20):
        x = (10 * rng.normal(size=(3, n))).astype(dtype)
        holes = np.where(rng.random((3, n)) < 0.3, np.nan, x).astype(
            np.result_type(dtype, np.float32)
        )
        for q in (0.25, 0.5, [0.0, 0.1, 0.9, 1.0], np.array(rng.random((2, 2)))):
            for function, values in ((np.quantile, x), (np.quantile, holes), (np.nanquantile, x)):
                found = function(Tensor(values), q, axis=1, method=method)
                expected = function(values, q, axis=1, method=method)
                assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
                np.testing.assert_allclose(found.data, expected, rtol=1e-5, atol=1e-5)
            kept = np.where(np.isnan(holes).all(axis=1, keepdims=True), 0, holes)
            np.testing.assert_allclose(
                np.nanquantile(Tensor(kept), q, axis=1, method=method).data,
                np.nanquantile(kept, q, axis=1, method=method), rtol=1e-5, atol=1e-5,
            )  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_quantiles_by_where_they_are_taken(method):
    x, q, step = rng.permutation(11) * 1.0, 0.33, 1e-6
    (found,) = gradients(lambda q: np.quantile(x + 0.0 * q, q, method=method), q)
    above, below = (np.quantile(x, q + s, method=method) for s in (step, -step))
    np.testing.assert_allclose(found, (above - below) / (2 * step), atol=1e-6)
    weights = leaf(np.ones(11))
    with pytest.raises(TypeError, match="moves in steps with the weights"):
        np.quantile(x, 0.5, weights=weights, method="inverted_cdf")


@pytest.mark.parametrize("x", [[1, np.inf], [np.inf, np.inf], [-np.inf, 1, 2], [np.nan, 1]])
def test_quantiles_of_infinities_are_numpys(x):
    with np.errstate(all="ignore"):
        for q in (0.0, 0.2, 0.5, 0.8, 1.0):
            np.testing.assert_array_equal(np.quantile(leaf(x), q).data, np.quantile(x, q))


def test_partition_gives_each_its_gradient_back():
    x = rng.permutation(30).reshape(3, 10) * 1.0
    for axis in (None, 0, 1):
        y = np.partition(x, 1, axis=axis)
        weights = np.arange(30.0).reshape(y.shape)
        np.testing.assert_array_equal(np.partition(leaf(x), 1, axis=axis).data, y)
        (g,) = gradients(lambda x, a=axis, w=weights: np.partition(x, 1, axis=a) * w, x)
        expected = np.empty(30)
        expected[x.astype(int).ravel()] = g.ravel()
        np.testing.assert_array_equal(expected[y.astype(int)], weights)


def test_averages_return_the_weights_they_used():
    x, w = leaf([[1, 2], [3, 5]]), leaf([1, 3])
    mean, total = np.average(x, axis=1, weights=w, returned=True)
    assert total.tolist() == [4, 4]
    assert gradcheck(lambda w: np.average(x.data, axis=1, weights=w, returned=True)[1], w)
    for options in ({}, {"axis": 0}, {"axis": 0, "weights": [1, 2]}, {"axis": 1, "keepdims": True}):
        found = np.average(x, returned=True, **options)
        for a, b in zip(found, np.average(x.data, returned=True, **options), strict=True):
            assert isinstance(a, Tensor) and a.shape == np.shape(b)
            np.testing.assert_allclose(a.data, b)


def test_functions_along_an_axis_record():
    x = leaf(A)
    for f in (lambda t: np.apply_along_axis(lambda row: np.sort(row) * row[0], 1, t),
              lambda t: np.apply_along_axis(lambda row: np.outer(row, row), 0, t),
              lambda t: np.piecewise(t, [t < 0], [np.exp, np.sin])):  # fmt: skip
        assert gradcheck(f, x)
        np.testing.assert_allclose(f(x).data, f(A))
    assert np.apply_along_axis(np.argmax, 1, x).__class__ is np.ndarray
    with pytest.raises(ValueError, match="no row"):
        np.apply_along_axis(np.sum, 0, leaf(np.zeros((3, 0))))


def test_equal_steps_of_a_tensor_have_a_gradient_each():
    f, places = rng.random(5), np.arange(5.0)
    assert gradcheck(lambda p: np.gradient(f, p), leaf(places))
    assert gradcheck(lambda p: np.gradient(f, p, edge_order=2), leaf(places))


# ---- as PyTorch ----------------------------------------------------------------------------------

X = rng.normal(size=(3, 5))
V = rng.normal(size=5)
AS_TORCH = {
    "cov": (np.cov, lambda t, x: t.cov(x), X),
    "corrcoef": (np.corrcoef, lambda t, x: t.corrcoef(x), X),
    "quantile": (lambda x: np.quantile(x, 0.3, axis=1), lambda t, x: t.quantile(x, 0.3, dim=1), X),
    "nanquantile": (lambda x: np.nanquantile(x, 0.3, axis=0),
                    lambda t, x: t.nanquantile(x, 0.3, dim=0), np.where(X > 1, np.nan, X)),
    "cummax": (lambda x: np.maximum.accumulate(x, 1), lambda t, x: t.cummax(x, 1).values,
               np.round(X)),
    "cummin": (lambda x: np.minimum.accumulate(x, 0), lambda t, x: t.cummin(x, 0).values,
               np.round(X)),
    "logcumsumexp": (lambda x: np.logaddexp.accumulate(x, 1), lambda t, x: t.logcumsumexp(x, 1),
                     50 * X),
    "gradient": (lambda x: np.gradient(x, 0.5)[1], lambda t, x: t.gradient(x, spacing=0.5)[1], X),
    "vander": (np.vander, lambda t, x: t.stack([x**4, x**3, x**2, x, x**0], 1), V),
    "unfold": (lambda x: np.lib.stride_tricks.sliding_window_view(x, 3, axis=1),
               lambda t, x: x.unfold(1, 3, 1), X),
    "index_add": (lambda x: scatter_add(np.zeros((2, 5)), [0, 1, 0], x),
                  lambda t, x: (0 * x[:2]).index_add(0, t.tensor([0, 1, 0]), x), X),
    "bincount": (lambda w: np.bincount([0, 2, 0, 1, 2], w),
                 lambda t, w: (0 * w[:3]).index_add(0, t.tensor([0, 2, 0, 1, 2]), w), V),
    "select": (lambda x: np.select([x > 0.5, x > -0.5], [x * x, np.sin(x)], x),
               lambda t, x: t.where(x > 0.5, x * x, t.where(x > -0.5, t.sin(x), x)), X),
    "meshgrid": (lambda v: np.prod(np.stack(np.meshgrid(v, v * v, indexing="ij")), axis=0),
                 lambda t, v: t.stack(t.meshgrid(v, v * v, indexing="ij")).prod(0), V),
}  # fmt: skip


@pytest.mark.parametrize("name", AS_TORCH)
def test_values_and_gradients_as_pytorch(name):
    torch = pytest.importorskip("torch")
    ours, theirs, x = AS_TORCH[name]
    mine, reference = leaf(x), torch.tensor(x, requires_grad=True)
    y, z = ours(mine), theirs(torch, reference)
    weights = rng.normal(size=y.shape)
    np.testing.assert_allclose(y.data, z.detach().numpy(), rtol=1e-9, atol=1e-12)
    first = grad(np.sum(y * y * weights), mine, create_graph=True)[0]
    expected = torch.autograd.grad(
        (z * z * torch.tensor(weights)).sum(), reference, create_graph=True
    )[0]
    np.testing.assert_allclose(first.data, expected.detach().numpy(), rtol=1e-8, atol=1e-10)


def test_scatter_add_is_public():
    assert "scatter_add" in autograd.__all__


# ---- memory of convolutions and windows ---------------------------------------------------------


@pytest.mark.parametrize("function", [np.convolve, np.correlate])
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_convolutions_take_memory_in_proportion_to_their_result(function, mode):
    rng = np.random.default_rng(5)
    a, v = (Tensor(rng.normal(size=n), requires_grad=True) for n in (3000, 2000))

    def twice():
        (first,) = grad((function(a, v, mode) ** 3).sum(), a, create_graph=True)
        (first * first).sum().backward()

    assert memory_of(twice) < 40 * 8 * 5000
    whole = np.array([int(n) for n in rng.integers(-9, 9, 300)])
    other = np.array([int(n) for n in rng.integers(-9, 9, 200)])
    weights = rng.integers(-9, 9, function(whole, other, mode).size)
    x, z = (Tensor(n.astype(float), requires_grad=True) for n in (whole, other))
    (function(x, z, mode) * weights).sum().backward()
    expected = [  # whole numbers, so exact
        [int(function(unit, other, mode) @ weights) for unit in np.eye(300, dtype=int)],
        [int(function(whole, unit, mode) @ weights) for unit in np.eye(200, dtype=int)],
    ]
    assert [x.grad.tolist(), z.grad.tolist()] == expected


def test_windows_are_a_view_and_their_gradient_counts():
    x = Tensor(np.arange(20000.0), requires_grad=True)
    sliding = np.lib.stride_tricks.sliding_window_view
    assert memory_of(lambda: sliding(x, 1000)) < 20000
    assert np.shares_memory(sliding(x, 1000).data, x.numpy())
    for window in (3, 19999):
        x.zero_grad()
        assert memory_of(lambda n=window: sliding(x, n)[0].sum().backward()) < 20000 * 8 * 20
        counts = np.zeros(20000)
        counts[:window] = 1
        np.testing.assert_array_equal(x.grad, counts)
        x.zero_grad()
        sliding(x, window).sum().backward()
        n = np.arange(20000)
        np.testing.assert_array_equal(
            x.grad, np.minimum(np.minimum(n + 1, 20000 - n), min(window, 20001 - window))
        )


# ---- arguments and empty arrays, as NumPy -------------------------------------------------------

AS_NUMPY_REFUSES = {
    "both kinds of bounds": lambda t: np.clip(t([2.0]), 0, 1, min=0, max=1),
    "one of each kind": lambda t: np.clip(t([2.0]), 0, max=1),
    "matvec": lambda t: np.matvec(t([1.0, 2.0]), t([1.0, 2.0])),
    "vecmat": lambda t: np.vecmat(t([1.0, 2.0]), t([1.0, 2.0])),
    "add": lambda t: np.add.accumulate(t(1.0)),
    "multiply": lambda t: np.multiply.accumulate(t(1.0)),
    "maximum": lambda t: np.maximum.accumulate(t(1.0)),
    "logaddexp": lambda t: np.logaddexp.accumulate(t(1.0)),
    "polymul": lambda t: np.polymul(t([[1.0, 2.0]]), t([1.0, 2.0])),
    "polyadd": lambda t: np.polyadd(t([[1.0, 2.0]]), t([1.0, 2.0])),
    "polysub": lambda t: np.polysub(t([[1.0, 2.0], [3.0, 4.0]]), t([1.0, 2.0, 3.0])),
    "polyder": lambda t: np.polyder(t([[1.0, 2.0], [3.0, 4.0]])),
    "polydiv": lambda t: np.polydiv(t([[1.0, 2.0], [3.0, 4.0]]), t([1.0, 2.0])),
    "edges that fall": lambda t: np.histogram(t([1.0, 2.0]), [0, 3, 1]),
    "edges alone that fall": lambda t: np.histogram_bin_edges(t([1.0, 2.0]), (0, 3, 1)),
}


@pytest.mark.parametrize("name", AS_NUMPY_REFUSES)
def test_what_numpy_refuses_is_refused(name):
    if name in ("matvec", "vecmat") and not hasattr(np, name):
        pytest.skip("needs NumPy 2.2")
    for read in (np.array, leaf):
        with pytest.raises((ValueError, TypeError)):
            AS_NUMPY_REFUSES[name](read)


AS_NUMPY_TAKES = {
    "diff of bool": lambda t: np.diff(t([True, False, False])),
    "diff of bool, twice": lambda t: np.diff(t([[True, False, True]]), n=2),
    "diff of bool, with ends": lambda t: np.diff(t([True, False]), prepend=True, append=False),
    "diff of a number, not at all": lambda t: np.diff(t(1.0), n=0),
    "linspace of 1": lambda t: np.linspace(t([1.0, 2.0]), t(2.0), num=1, retstep=True)[1],
    "linspace of 1, with its end": lambda t: np.linspace(t(1.0), 3, 1, False, True)[1],
    "linspace of 2": lambda t: np.linspace(t(1.0), 3, 2, retstep=True)[1],
    "polynomials of one length": lambda t: np.polyadd(t([[1.0, 2.0], [3.0, 4.0]]), t([1.0, 2.0])),
    "polyval of nothing": lambda t: np.polyval(t([]), [2.0, 3.0]),
    "edges": lambda t: np.histogram(t([1.0, 2.0]), [0, 1, 3])[1],
    "edges alone": lambda t: np.histogram_bin_edges(t([1.0, 2.0]), (0.0, 1, 3)),
}
EMPTY = [((0,), {}), ((0,), {"keepdims": True}), ((2, 0), {"axis": 1}), ((2, 0), {"axis": 0}),
         ((0, 3), {"axis": (0, 1)})]  # fmt: skip


def of_nothing(function, shape, options, *q):
    return lambda t: function(t(np.zeros(shape, np.float32)), *q, **options)


for k, (size, options) in enumerate(EMPTY):
    AS_NUMPY_TAKES |= {
        f"nanquantile {k}": of_nothing(np.nanquantile, size, options, 0.5),
        f"nanpercentile {k}": of_nothing(np.nanpercentile, size, options, [50.0, 20.0]),
        f"nanmedian {k}": of_nothing(np.nanmedian, size, options),
    }


@pytest.mark.filterwarnings("ignore:(Mean of empty slice|invalid value):RuntimeWarning")
@pytest.mark.parametrize("name", AS_NUMPY_TAKES)
def test_what_numpy_takes_is_taken(name):
    expected = np.asarray(AS_NUMPY_TAKES[name](np.array))
    found = AS_NUMPY_TAKES[name](lambda values: Tensor(np.array(values)))
    assert isinstance(found, (Tensor, np.ndarray, float))
    found = np.asarray(found)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.filterwarnings("ignore:numpy.fix is deprecated:DeprecationWarning")
def test_fix_rounds_towards_zero():
    x = Tensor([-1.7, 0.3, 2.9], requires_grad=True)
    y = np.fix(x)
    assert y.tolist() == [-1.0, 0.0, 2.0]
    y.backward(np.ones(3))
    assert x.grad.tolist() == [0.0, 0.0, 0.0]
