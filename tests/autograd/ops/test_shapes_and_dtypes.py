"""Shapes, dtypes and operands: NumPy itself says what the value, dtype or error must be.

The gradients are compared with dense Jacobians made element by element, which share nothing with
the rules under test.
"""

import operator

import numpy as np
import pytest

import autograd.engine
from autograd import InPlaceError, Tensor, grad, hessian, softmax

rng = np.random.default_rng(11)
START = rng.bit_generator.state


@pytest.fixture(autouse=True)
def the_same_random_numbers_for_every_test():
    rng.bit_generator.state = START


def leaf(a, **kwargs):
    return Tensor(a, requires_grad=True, **kwargs)


def pulled_back(linear, x, v):
    """The gradient of sum(v * linear(x)), for a linear function of arrays, element by element."""
    gradient = np.zeros(x.shape)
    for place in np.ndindex(*x.shape):
        unit = np.zeros(x.shape)
        unit[place] = 1
        gradient[place] = np.sum(v * linear(unit))
    return gradient


# ---- un-broadcasting ----------------------------------------------------------------------------

BROADCASTS = [
    ((3, 1), (1, 4)),
    ((4,), (2, 3, 4)),
    ((), (2, 3)),
    ((2, 3), ()),
    ((), ()),
    ((1,), (3,)),
    ((1, 1, 1), (4,)),
    ((2, 1, 4), (3, 1)),
    ((0,), (1,)),
    ((0, 3), (3,)),
    ((1,), (2, 0)),
    ((), (0,)),
]
OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
SLOPES = {  # by the first and by the second argument
    "+": (lambda a, b: 1 + 0 * (a + b), lambda a, b: 1 + 0 * (a + b)),
    "-": (lambda a, b: 1 + 0 * (a + b), lambda a, b: -1 + 0 * (a + b)),
    "*": (lambda a, b: b + 0 * a, lambda a, b: a + 0 * b),
    "/": (lambda a, b: 1 / b + 0 * a, lambda a, b: -a / b**2),
}


def summed_back(g, shape):
    """What broadcasting stretched, summed again, by walking over all elements."""
    small = np.zeros(shape)
    for place in np.ndindex(*g.shape):
        where = place[g.ndim - len(shape) :]
        small[tuple(0 if n == 1 else i for i, n in zip(where, shape))] += g[place]
    return small


@pytest.mark.parametrize("symbol", OPERATORS)
@pytest.mark.parametrize("shapes", BROADCASTS, ids=str)
def test_gradients_come_back_in_the_shapes_of_the_inputs(shapes, symbol):
    a, b = (rng.uniform(0.5, 2, size=shape) for shape in shapes)
    x, y = leaf(a), leaf(b)
    z = OPERATORS[symbol](x, y)
    g = rng.normal(size=z.shape)
    z.backward(g)
    for tensor, slope in zip((x, y), SLOPES[symbol]):
        assert tensor.grad.shape == tensor.shape
        np.testing.assert_allclose(tensor.grad, summed_back(g * slope(a, b), tensor.shape))


def test_the_same_tensor_twice():
    x = leaf([1.0, 2.0])
    (x + x).sum().backward()
    np.testing.assert_array_equal(x.grad, [2, 2])
    x.zero_grad()
    (x * x).sum().backward()
    np.testing.assert_array_equal(x.grad, [2, 4])


def test_gradients_share_no_memory():
    x, y, g = leaf([1.0, 2.0]), leaf([3.0, 4.0]), np.array([1.0, 1.0])
    (x + y).backward(g)
    assert not np.shares_memory(x.grad, y.grad)
    assert not np.shares_memory(x.grad, g) and not np.shares_memory(y.grad, g)
    x.grad[:] = 7
    np.testing.assert_array_equal(y.grad, [1, 1])
    np.testing.assert_array_equal(g, [1, 1])


# ---- reductions ---------------------------------------------------------------------------------

AXES = [None, 0, 1, -1, -3, (0,), (0, 2), (-1, 0), (0, 1, 2), ()]
REDUCTIONS = [np.sum, np.mean, np.prod, np.max, np.min, np.var, np.std]


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", AXES, ids=str)
@pytest.mark.parametrize("function", REDUCTIONS, ids=lambda f: f.__name__)
def test_reductions_over_every_kind_of_axis(function, axis, keepdims):
    a = rng.uniform(0.5, 2, size=(2, 3, 4))
    x = leaf(a)
    y = function(x, axis=axis, keepdims=keepdims)
    expected = function(a, axis=axis, keepdims=keepdims)
    assert y.shape == np.shape(expected)
    np.testing.assert_allclose(y.data, expected, rtol=1e-14)
    v = rng.normal(size=y.shape)
    y.backward(v)
    step = 1e-6
    numeric = np.zeros(a.shape)
    for place in np.ndindex(*a.shape):
        move = np.zeros(a.shape)
        move[place] = step
        ahead, behind = (function(a + m, axis=axis, keepdims=keepdims) for m in (move, -move))
        numeric[place] = np.sum(v * (ahead - behind)) / (2 * step)
    np.testing.assert_allclose(x.grad, numeric, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("function", REDUCTIONS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("axis, error", [((0, 0), ValueError), ((0, -3), ValueError),
                                         (3, IndexError), ((0, -4), IndexError)])  # fmt: skip
def test_a_repeated_or_wrong_axis_raises(function, axis, error):
    x = leaf(np.ones((2, 3, 4)))
    with pytest.raises((error, ValueError), match="axis"):
        function(x, axis=axis)


def test_empty_reductions():
    x = leaf(np.zeros((0, 3)))
    total, product = np.sum(x), np.prod(x)
    assert (total.item(), product.item()) == (0, 1)
    (total + product).backward()
    assert x.grad.shape == (0, 3)
    np.testing.assert_array_equal(np.sum(x, axis=0).data, [0, 0, 0])
    with pytest.warns(RuntimeWarning):
        assert np.isnan(np.mean(x).item())
    for function in (np.max, np.min):
        with pytest.raises(ValueError, match="zero-size|empty"):
            function(x)


# ---- matrix products ----------------------------------------------------------------------------

MATMULS = [
    ((3,), (3,)), ((3,), (3, 2)), ((2, 3), (3,)), ((2, 3), (3, 4)), ((3,), (5, 3, 2)),
    ((5, 2, 3), (3,)), ((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 4)), ((5, 2, 3), (5, 3, 4)),
    ((1, 2, 3), (5, 3, 4)), ((6, 1, 2, 3), (5, 3, 4)), ((5, 1, 2, 3), (1, 6, 3, 2)),
    ((2, 0), (0, 3)), ((0,), (0,)), ((0, 2), (2, 3)), ((0, 2, 3), (3, 4)), ((3,), (6, 5, 3, 2)),
]  # fmt: skip


@pytest.mark.parametrize("shapes", MATMULS, ids=str)
def test_matmul_of_every_pairing(shapes):
    a, b = (rng.normal(size=shape) for shape in shapes)
    x, y = leaf(a), leaf(b)
    z = x @ y
    np.testing.assert_allclose(z.data, a @ b, rtol=1e-14)
    v = rng.normal(size=z.shape)
    z.backward(v)
    np.testing.assert_allclose(x.grad, pulled_back(lambda u: u @ b, a, v), atol=1e-12)
    np.testing.assert_allclose(y.grad, pulled_back(lambda u: a @ u, b, v), atol=1e-12)


def test_a_contraction_of_size_0_gives_zeros():
    x, y = leaf(np.ones((2, 0))), leaf(np.ones((0, 3)))
    z = x @ y
    np.testing.assert_array_equal(z.data, np.zeros((2, 3)))
    z.sum().backward()
    assert (x.grad.shape, y.grad.shape) == ((2, 0), (0, 3))


UNFIT = [((2, 3), (2, 3)), ((), (3,)), ((3,), ()), ((2, 2, 3), (3, 3, 2))]


@pytest.mark.parametrize("shapes", UNFIT, ids=str)
def test_matmul_of_shapes_that_do_not_fit_raises(shapes):
    a, b = (np.ones(shape) for shape in shapes)
    with pytest.raises(ValueError):
        a @ b
    with pytest.raises(ValueError, match="matmul"):
        leaf(a) @ leaf(b)


# ---- indexing -----------------------------------------------------------------------------------

MASK = np.array([[True, False, True], [False, True, True]])
INDICES = {
    "int": 1,
    "negative int": -2,
    "NumPy int": np.int64(1),
    "ints": (1, 2, 0),
    "slice": slice(0, 1),
    "negative step": slice(None, None, -1),
    "negative step 2": (slice(None), slice(None, None, -2), slice(3, 0, -1)),
    "empty slice": slice(2, 2),
    "ellipsis": (..., 0),
    "ellipsis between": (0, ..., slice(1, 3)),
    "ellipsis alone": ...,
    "newaxis": (None, 0, None, slice(None), 1),
    "nothing": (),
    "mask": MASK,
    "mask of rows": np.array([True, False]),
    "mask of all": rng.normal(size=(2, 3, 4)) > 0,
    "empty mask": np.zeros((2, 3, 4), bool),
    "mask and int": (MASK, 2),
    "mask and slice": (slice(None), np.array([True, False, True])),
    "True": True,
    "False": False,
    "0-d mask": np.array(True),
    "duplicates": np.array([0, 1, 0, 0]),
    "2-d array": np.array([[0, 1], [1, 1]]),
    "0-d array": np.array(1),
    "negative array": np.array([-1, -2, 1]),
    "empty array": np.array([], int),
    "list": [0, 1, 0],
    "nested list": [[0, 1], [1, 1]],
    "empty list": [],
    "list of bools": [True, False],
    "list in a tuple": (slice(None), [0, 2, 0]),
    "arrays": (np.array([0, 1, 0]), np.array([2, 2, 2])),
    "arrays broadcast": (np.array([[0], [1]]), np.array([[0, 0]])),
    "arrays apart": (np.array([0, 1, 0]), slice(None), np.array([1, 1, 1])),
    "arrays beside": (slice(None), np.array([0, 0]), np.array([3, 3])),
    "array, slice, int": (np.array([1, 1]), slice(0, 2), 3),
    "array and newaxis": (None, np.array([1, 1, 0]), None),
    "array and mask": (np.array([0, 0]), np.array([True, False, True])),
    "ellipsis and array": (..., np.array([3, 3, 0])),
}


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES.keys())
def test_indexing_against_a_dense_jacobian(index):
    a = rng.normal(size=(2, 3, 4))
    x = leaf(a)
    y = x[index]
    np.testing.assert_array_equal(y.data, a[index])
    v = rng.normal(size=y.shape)
    y.backward(v)
    np.testing.assert_allclose(x.grad, pulled_back(lambda u: u[index], a, v), atol=1e-14)


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES.keys())
def test_indexing_at_second_order(index):
    a = rng.normal(size=(2, 3, 4))
    x = leaf(a)
    y = x[index]
    v, w = rng.normal(size=y.shape), rng.normal(size=a.shape)
    (g,) = grad((y * y * y * v).sum(), x, create_graph=True)
    (h,) = grad((g * w).sum(), x)
    expected = pulled_back(lambda u: u[index], a, 6 * a[index] * v * w[index])
    np.testing.assert_allclose(h.data, expected, atol=1e-12)


AS_TENSORS = {
    "int": (Tensor(1), 1),
    "0-d in a tuple": ((0, Tensor(2)), (0, 2)),
    "array": (Tensor([0, 1, 0]), [0, 1, 0]),
    "array in a tuple": ((slice(None), Tensor([2, 2])), (slice(None), [2, 2])),
    "mask": (Tensor(MASK), MASK),
    "0-d in a slice": (slice(Tensor(0), Tensor(1)), slice(0, 1)),
}


@pytest.mark.parametrize("index, plain", AS_TENSORS.values(), ids=AS_TENSORS.keys())
def test_indices_given_as_tensors(index, plain):
    a = rng.normal(size=(2, 3, 4))
    x = leaf(a)
    y = x[index]
    np.testing.assert_array_equal(y.data, a[plain])
    y.sum().backward()
    expected = pulled_back(lambda u: u[plain], a, np.ones(a[plain].shape))
    np.testing.assert_array_equal(x.grad, expected)


BAD_INDICES = [
    7, (0, 3), -3, (0, 0, 0, 0), "a", 1.5, (slice(None), 1.0), [0, 5], np.array([0.5]),
    np.ones((3, 3), bool), (..., ...), {}, Tensor(1.0), Tensor([0.5]),
]  # fmt: skip


@pytest.mark.parametrize("index", BAD_INDICES, ids=repr)
def test_what_is_no_index_for_an_ndarray_is_none_for_a_tensor(index):
    a = np.ones((2, 3, 4))
    plain = index.data if isinstance(index, Tensor) else index
    with pytest.raises(Exception) as expected:  # noqa: B017  (the next line says which)
        a[plain]
    with pytest.raises(expected.type):
        leaf(a)[index]


class Counter:
    """Counts the elements that np.zeros allocates, wherever it is called."""

    def __init__(self, monkeypatch):
        self.elements, self.calls, zeros = 0, 0, np.zeros

        def counted(shape, *args, **kwargs):
            array = zeros(shape, *args, **kwargs)
            self.elements += array.size
            self.calls += 1
            return array

        for name in ("zeros", "zeros_like"):
            original = getattr(np, name)
            monkeypatch.setattr(np, name, counted if name == "zeros" else self.like(original))

    def like(self, zeros_like):
        def counted(a, *args, **kwargs):
            self.elements += np.size(a)
            return zeros_like(a, *args, **kwargs)

        return counted


@pytest.mark.parametrize("create_graph", [False, True], ids=["raw", "create_graph"])
def test_reading_every_element_allocates_in_linear_total(monkeypatch, create_graph):
    n = 500
    x = leaf(np.linspace(1.0, 2.0, n))
    total = x[0]
    for i in range(1, n):
        total = total + x[i] * x[i]
    total = total + (x * x).sum()  # a whole gradient beside the parts
    counter = Counter(monkeypatch)
    (g,) = grad(total, x, create_graph=create_graph)
    assert counter.elements <= 8 * n  # a vector for each of n reads would be n * n
    expected = 4 * x.data
    expected[0] = 1 + 2 * x.data[0]
    np.testing.assert_allclose(g.data, expected)


def test_the_parts_are_added_by_one_build(monkeypatch):
    builds = []
    total_of = autograd.gradients.Deferred.total

    def total(self):
        builds.append(len(self.parts))
        return total_of(self)

    monkeypatch.setattr(autograd.gradients.Deferred, "total", total)
    x = leaf(np.arange(100.0))
    sum(x[i] for i in range(100)).backward()
    assert builds == [100]
    np.testing.assert_array_equal(x.grad, np.ones(100))


@pytest.mark.parametrize("n", [40, 80])
def test_second_order_through_every_element_is_linear_too(monkeypatch, n):
    x = leaf(np.linspace(1.0, 2.0, n))
    y = sum(x[i] ** 3 for i in range(n))
    (g,) = grad(y, x, create_graph=True)
    counter = Counter(monkeypatch)
    (h,) = grad(g.sum(), x)
    assert counter.elements <= 40 * n
    np.testing.assert_allclose(h.data, 6 * x.data)


def test_reading_rows_and_slices_joins_with_whole_gradients():
    x = leaf(np.arange(12.0).reshape(3, 4))
    y = (x[0] * 2).sum() + (x * 3).sum() + x[:, 1].sum() + x[[0, 0], [2, 2]].sum()
    y.backward()
    np.testing.assert_array_equal(x.grad, [[5, 6, 7, 5], [3, 4, 3, 3], [3, 4, 3, 3]])


def test_second_derivative_of_a_looked_up_product():
    h = hessian(lambda x: x[0] * x[1] * x[1] + x[2], Tensor([2.0, 3.0, 5.0]))
    np.testing.assert_array_equal(h.data, [[0, 6, 0], [6, 4, 0], [0, 0, 0]])


# ---- integers and comparisons -------------------------------------------------------------------


def test_integer_tensors_stay_tensors_without_gradients():
    x = Tensor([3, 1, 2])
    for y in (x + 1, x * x, x // 2, x[1:], x.reshape(3, 1), -x, np.sum(x), np.stack([x, x]), x.T):
        assert isinstance(y, Tensor) and y.dtype == np.int64 and not y.requires_grad


def test_comparisons_logic_and_index_finding_give_plain_arrays():
    x = leaf([3.0, 1.0, 2.0])
    for y in (x > 0, x == x, np.isnan(x), np.argsort(x), x != 1, np.logical_not(x), np.argmax(x)):
        assert not isinstance(y, Tensor) and isinstance(y, (np.ndarray, np.generic))


# ---- dtypes -------------------------------------------------------------------------------------

PROMOTIONS = [
    (np.float32, 2, np.float32), (np.float32, 2.5, np.float32), (np.float32, True, np.float32),
    (np.float32, np.float64(2), np.float64), (np.float32, np.float32(2), np.float32),
    (np.float32, np.int64(2), np.float64), (np.float32, np.int8(2), np.float32),
    (np.float16, 2.5, np.float16), (np.float16, np.float32(2), np.float32),
    (np.float64, np.float32(2), np.float64), (np.int64, 2, np.int64), (np.int64, 2.5, np.float64),
    (np.int32, 2, np.int32), (np.int32, np.float32(2), np.float64), (np.bool_, 2, np.int64),
    (np.uint8, 3, np.uint8),
]  # fmt: skip


@pytest.mark.parametrize("dtype, number, expected", PROMOTIONS, ids=lambda p: repr(p))
def test_promotion_follows_numpy(dtype, number, expected):
    a = np.ones(3, dtype)
    for x in [Tensor(a), leaf(a)] if a.dtype.kind == "f" else [Tensor(a)]:
        assert (x * number).dtype == (number * x).dtype == (a * number).dtype == expected


@pytest.mark.parametrize("shape", [(3,), ()], ids=str)
def test_each_gradient_comes_back_in_its_own_dtype(shape):
    x, y = leaf(np.full(shape, 2, np.float32)), leaf(np.full(shape, 3, np.float64))
    z = x * y + x**2 / y
    assert z.dtype == np.float64
    z.backward(np.ones(shape))
    assert (x.grad.dtype, y.grad.dtype) == (np.float32, np.float64)
    np.testing.assert_allclose(x.grad, np.full(shape, 3 + 4 / 3), rtol=1e-6)
    np.testing.assert_allclose(y.grad, np.full(shape, 2 - 4 / 9), rtol=1e-12)


FLOAT16 = {
    "arithmetic": lambda x: x * 2 + x / 3 - x**2 + 1 / x,
    "functions": lambda x: np.exp(x) + np.sin(x) * np.tanh(x) + np.sqrt(x),
    "reductions": lambda x: x.sum(axis=0) + x.mean(axis=0) + x.max(axis=0) + np.std(x, axis=0),
    "matmul": lambda x: x @ x,
    "shapes": lambda x: np.concatenate([x.T, x[:, ::-1], np.where(x > 1, x, 0)]),
    "softmax": lambda x: softmax(x) * [1, 2],
    "einsum": lambda x: np.einsum("ij,jk->k", x, x),
}


@pytest.mark.parametrize("function", FLOAT16.values(), ids=FLOAT16.keys())
def test_float16_works_where_numpys_does(function):
    a = np.array([[0.5, 1.25], [1.5, 0.75]])
    x, wide = leaf(a.astype(np.float16)), leaf(a)
    y, expected = function(x), function(wide)
    np.testing.assert_allclose(y.data, expected.data, rtol=5e-3)
    y.backward(np.ones(y.shape, y.dtype))
    expected.backward(np.ones(y.shape))
    assert x.grad.dtype == np.float16
    np.testing.assert_allclose(x.grad, wide.grad, rtol=1e-2, atol=1e-2)


def test_float16_linear_algebra_is_refused_clearly():
    x = leaf(np.eye(2, dtype=np.float16))
    for function in (np.linalg.inv, np.linalg.det):
        with pytest.raises(TypeError, match="float16"):
            function(x)


@pytest.mark.parametrize("data", [np.array([1, 2]), np.array([True]), np.int64(3), [True, False],
                                  True, np.array(3)], ids=repr)  # fmt: skip
def test_requires_grad_on_integers_raises_and_says_which_dtype(data):
    with pytest.raises(TypeError, match=r"float64.*float32"):
        leaf(data)


@pytest.mark.parametrize("data", [3, [1, 2], (1, 2), [[1], [2]]], ids=repr)
def test_pythons_own_ints_become_float64(data):
    assert leaf(data).dtype == np.float64


def test_an_integer_array_takes_a_gradient_when_asked_by_dtype():
    assert leaf(np.array([1, 2]), dtype=np.float32).dtype == np.float32


@pytest.mark.parametrize("data", [1j, [1j], np.zeros(2, complex)], ids=repr)
def test_complex_raises_and_says_so(data):
    with pytest.raises(TypeError, match="complex"):
        Tensor(data)
    with pytest.raises(TypeError, match="complex"):
        Tensor([1.0]) * data
    with pytest.raises(TypeError, match="complex"):
        data * leaf([1.0])


def test_python_numbers_and_lists_are_as_asarray_says():
    for data in (1.5, 2, [1, 2], [1.0, 2], True, [[1.5], [2]]):
        assert Tensor(data).dtype == np.asarray(data).dtype
        assert Tensor(data).shape == np.shape(data)


def test_an_array_keeps_its_dtype_and_is_not_copied():
    a = np.ones(3, np.float32)
    assert Tensor(a).data is a


def test_a_dataframe_or_series_becomes_an_array():
    pandas = pytest.importorskip("pandas", reason="takes its DataFrames")
    frame = pandas.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    x = leaf(frame)
    assert x.shape == (2, 2)
    np.testing.assert_array_equal(x.data, [[1, 3], [2, 4]])
    series = leaf(frame["a"])
    y = series * frame["b"]
    assert isinstance(y, Tensor)
    y.sum().backward()
    np.testing.assert_array_equal(series.grad, [3, 4])


def test_a_series_on_the_left_takes_tensors_as_arrays_and_loses_no_gradient():
    pandas = pytest.importorskip("pandas", reason="multiplies its Series")
    series = pandas.Series([3.0, 4.0])
    assert (series * Tensor([1.0, 2.0])).tolist() == [3, 8]
    with pytest.raises(TypeError, match="gradient"):
        series * leaf([1.0, 2.0])


# ---- operand order ------------------------------------------------------------------------------

OTHERS = {
    "ndarray": np.array([1.5, 2.0, 0.5]),
    "float32 array": np.array([1.5, 2.0, 0.5], np.float32),
    "int array": np.array([1, 2, 3]),
    "2-d array": np.array([[1.5], [2.0]]),
    "np.float64": np.float64(1.5),
    "np.float32": np.float32(1.5),
    "np.int64": np.int64(3),  # not 2: squaring has a way and a dtype of its own in NumPy 2.0
    "np.bool": np.True_,
    "0-d array": np.array(1.5),
    "list": [1.5, 2.0, 0.5],
    "list of ints": [1, 2, 3],
    "tuple": (1.5, 2.0, 0.5),
    "float": 1.5,
    "int": 2,
    "bool": True,
}
TENSORS = {
    "float64": (np.array([0.5, 1.25, 3.0]), False),
    "float64 with gradient": (np.array([0.5, 1.25, 3.0]), True),
    "float32": (np.array([0.5, 1.25, 3.0], np.float32), False),
    "float32 with gradient": (np.array([0.5, 1.25, 3.0], np.float32), True),
    "int64": (np.array([3, 1, 2]), False),
    "0-d with gradient": (np.array(1.25), True),
    "0-d float32 with gradient": (np.array(1.25, np.float32), True),
    "0-d int64": (np.array(3), False),
}
ARITHMETIC = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
    "//": operator.floordiv, "%": operator.mod, "**": operator.pow, "@": operator.matmul,
}  # fmt: skip
COMPARISONS = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq,
    "!=": operator.ne,
}  # fmt: skip
AUGMENTED = {
    "+=": operator.iadd, "-=": operator.isub, "*=": operator.imul, "/=": operator.itruediv,
    "//=": operator.ifloordiv, "%=": operator.imod, "**=": operator.ipow, "@=": operator.imatmul,
}  # fmt: skip
every_tensor = pytest.mark.parametrize("tensor", TENSORS.values(), ids=TENSORS.keys())
every_other = pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
either_side = pytest.mark.parametrize("left", [True, False], ids=["Tensor left", "Tensor right"])


def as_numpy(a, other, function, left):
    """What NumPy says to the plain operands: a result, or the type of its error."""
    if isinstance(other, (list, tuple)):  # a list has operators of its own
        other = np.asarray(other)
    try:
        return function(a, other) if left else function(other, a)
    except (TypeError, ValueError) as error:
        return type(error)


def same_as_numpy(y, expected, kind):
    value = y.data if kind is Tensor else y
    assert isinstance(y, kind)
    assert value.dtype == np.asarray(expected).dtype
    assert value.dtype != object
    assert np.shape(value) == np.shape(expected)
    np.testing.assert_allclose(value, expected, rtol=1e-15)


@either_side
@pytest.mark.parametrize("symbol", ARITHMETIC)
@every_other
@every_tensor
def test_operators_with_every_operand_on_either_side(tensor, other, symbol, left):
    (a, requires_grad), function = tensor, ARITHMETIC[symbol]
    x = Tensor(a, requires_grad)
    expected = as_numpy(a, other, function, left)
    if isinstance(expected, type):
        with pytest.raises(expected):
            function(x, other) if left else function(other, x)
        return
    y = function(x, other) if left else function(other, x)
    same_as_numpy(y, expected, Tensor)
    assert y.requires_grad == requires_grad
    if requires_grad:
        v = rng.normal(size=y.shape).astype(y.dtype)
        y.backward(v)
        assert x.grad.dtype == a.dtype and x.grad.shape == a.shape
        if symbol not in ("//", "%"):
            numeric = numeric_gradient(a, other, function, left, v)
            np.testing.assert_allclose(x.grad, numeric, rtol=2e-5, atol=1e-6)
        else:  # x % b has the slope 1, and a % x the slope -(a // x)
            slope = 0 if symbol == "//" else 1 if left else -np.floor_divide(other, a)
            np.testing.assert_allclose(x.grad, summed_back(v * slope, a.shape), rtol=1e-6)


def numeric_gradient(a, other, function, left, v):
    """Central differences in float64, of NumPy's own operator."""
    wide, other = a.astype(np.float64), np.asarray(other, np.float64)
    numeric = np.zeros(a.shape)
    for place in np.ndindex(*a.shape):
        move = np.zeros(a.shape)
        move[place] = 1e-6
        ends = [as_numpy(wide + m, other, function, left) for m in (move, -move)]
        numeric[place] = np.sum(v * (ends[0] - ends[1])) / 2e-6
    return numeric


@either_side
@pytest.mark.parametrize("symbol", COMPARISONS)
@every_other
@every_tensor
def test_comparisons_give_plain_arrays(tensor, other, symbol, left):
    (a, requires_grad), function = tensor, COMPARISONS[symbol]
    x = Tensor(a, requires_grad)
    expected = as_numpy(a, other, function, left)
    y = function(x, other) if left else function(other, x)
    assert not isinstance(y, Tensor)
    same_as_numpy(np.asarray(y), expected, np.ndarray)


@either_side
@every_other
@every_tensor
def test_divmod(tensor, other, left):
    a, requires_grad = tensor
    x = Tensor(a, requires_grad)
    expected = as_numpy(a, other, divmod, left)
    if isinstance(expected, type):
        with pytest.raises(expected):
            divmod(x, other) if left else divmod(other, x)
        return
    for y, e in zip(divmod(x, other) if left else divmod(other, x), expected):
        same_as_numpy(y, e, Tensor)


@pytest.mark.parametrize("symbol", AUGMENTED)
@every_other
@every_tensor
def test_augmented_operators_make_a_new_tensor(tensor, other, symbol):
    (a, requires_grad), function = tensor, AUGMENTED[symbol]
    x = before = Tensor(a, requires_grad)
    kept = a.copy()
    expected = as_numpy(a, other, ARITHMETIC[symbol[:-1]], True)
    if isinstance(expected, type):
        with pytest.raises(expected):
            function(x, other)
        return
    if requires_grad:  # a leaf that is trained would stay as it is, without a word
        with pytest.raises(InPlaceError, match=r"with no_grad\(\)"):
            function(x, other)
        x = x.clone()
    x = function(x, other)  # as NumPy's x = x + other: the dtype may widen, the shape may grow
    same_as_numpy(x, expected, Tensor)
    assert x is not before
    np.testing.assert_array_equal(before.data, kept)
    np.testing.assert_array_equal(a, kept)


@pytest.mark.parametrize("symbol", AUGMENTED)
def test_an_array_on_the_left_of_an_augmented_operator_is_not_written_to(symbol):
    """NumPy would write into the array, and lose the gradient: refused by name."""
    array, x = np.array([1.5, 2.0, 0.5]), leaf([0.5, 1.25, 3.0])
    kept = array.copy()
    with pytest.raises(TypeError, match="out=|axes="):
        AUGMENTED[symbol](array, x)
    np.testing.assert_array_equal(array, kept)


@pytest.mark.parametrize("other", ["text", None, object(), {}, {1}], ids=lambda o: type(o).__name__)
@pytest.mark.parametrize("symbol", ARITHMETIC)
def test_operands_that_are_no_numbers_raise(symbol, other):
    x = leaf([1.0, 2.0])
    with pytest.raises(TypeError):
        ARITHMETIC[symbol](x, other)
    if (symbol, other) != ("%", "text"):  # "text" % x is Python's formatting of strings
        with pytest.raises(TypeError):
            ARITHMETIC[symbol](other, x)


def test_equality_is_elementwise_and_hashing_by_identity():
    x, y = Tensor([1.0, 2.0]), Tensor([1.0, 3.0])
    np.testing.assert_array_equal(x == y, [True, False])
    assert len({x, y, x}) == 2 and hash(x) != hash(y)
    assert {x: "found"}[x] == "found"


# ---- as a container, and as a number ------------------------------------------------------------

ARRAYS = [
    np.array(2.5), np.array(2), np.array(True), np.array([2.5]), np.array([3]), np.array([[1.5]]),
    np.array([1.0, 2.0]), np.zeros((0,)), np.zeros((2, 0)), np.array([[1, 2], [3, 4]]),
    np.array(0.0), np.array(np.nan), np.array(np.inf), np.array(-7, np.int8),
    np.array(2.5, np.float32),
]  # fmt: skip
PROTOCOLS = {
    "len": len,
    "bool": bool,
    "iter": lambda a: [np.asarray(getattr(row, "data", row)).tolist() for row in a],
    "index": lambda a: operator.index(a),
    "used as an index": lambda a: ["a", "b", "c", "d"][a],
    "range": lambda a: list(range(a)),
    "2 in": lambda a: 2.0 in a,
    "9 in": lambda a: 9 in a,
    "tolist": lambda a: a.tolist(),
    "item": lambda a: a.item(),
}
SCALAR_PROTOCOLS = {  # NumPy 2 still allows some of these on one element with axes; we do not
    "float": float,
    "int": int,
    "format .3f": lambda a: format(a, ".3f"),
    "format >8": lambda a: f"{a:>8}",
    "format e": lambda a: f"{a:.2e}",
    "format d": lambda a: f"{a:d}",
    "complex": lambda a: complex(float(a)),
}


def outcome(function, a):
    try:
        return function(a)
    except Exception as error:  # the kind of error is the answer
        return type(error)


def _is_same(found, expected):
    return found == expected or (found != found and expected != expected)


@pytest.mark.parametrize("array", ARRAYS, ids=lambda a: f"{a.dtype}{a.tolist()}")
@pytest.mark.parametrize("name", PROTOCOLS)
def test_protocols_of_containers_are_ndarrays(name, array):
    expected = outcome(PROTOCOLS[name], array)
    if expected is DeprecationWarning:  # the truth of an empty array, of which NumPy 2.0 warns
        expected = ValueError
    assert _is_same(outcome(PROTOCOLS[name], Tensor(array)), expected)


@pytest.mark.parametrize(
    "array", [a for a in ARRAYS if a.ndim == 0], ids=lambda a: f"{a.dtype}{a.tolist()}"
)
@pytest.mark.parametrize("name", SCALAR_PROTOCOLS)
def test_numbers_convert_and_format_as_ndarrays(name, array):
    function = SCALAR_PROTOCOLS[name]
    assert _is_same(outcome(function, Tensor(array)), outcome(function, array))


@pytest.mark.parametrize("array", [np.array([1.0, 2.0]), np.zeros((2, 2))], ids=["1-d", "2-d"])
@pytest.mark.parametrize("name", ["float", "int", "format .3f"])
def test_many_elements_are_no_number(name, array):
    assert outcome(SCALAR_PROTOCOLS[name], array) is TypeError
    assert outcome(SCALAR_PROTOCOLS[name], leaf(array)) is TypeError


def test_rows_of_an_iteration_carry_gradients():
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    total = sum((i + 1) * row.sum() for i, row in enumerate(x))
    total.backward()
    np.testing.assert_array_equal(x.grad, [[1, 1], [2, 2]])
    a, b = leaf([5.0, 7.0])
    assert (a.item(), b.item()) == (5, 7)
