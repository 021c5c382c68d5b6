"""The registry sweep: every function that takes Tensors, in every case of cases.py.

Values against NumPy; first derivatives against the complex step, exact to rounding, or against
central differences; second and third ones against central differences of the one before.
"""

from __future__ import annotations

import inspect
import operator
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from autograd import Tensor, grad, rules
from autograd.ops import indexing
from tests.cases import CASES, REGISTERED, Case, home_of, name_of

STEP = 2e-3  # a six-point stencil of this step errs by about 1e-12 at a smooth point
STENCIL = {1: 3 / 4, 2: -3 / 20, 3: 1 / 60}
TINY = 1e-30  # the complex step subtracts nothing, so it may be as small as one likes

each_case = pytest.mark.parametrize("case", CASES, ids=[c.label for c in CASES])


# ---- what the tests share ---------------------------------------------------------------------


def listed(result: Any) -> list[Any]:
    return list(result) if isinstance(result, (tuple, list)) else [result]


def raw(value: Any) -> Any:
    return value.data if isinstance(value, Tensor) else value


def leaves(arrays: list[Any]) -> list[Tensor]:
    return [Tensor(a, requires_grad=True) for a in arrays]


def vectors(case: Case, outputs: list[Any]) -> list[Any]:
    """A vector for each output, the same for every run of a case."""
    rng = np.random.default_rng(len(case.label))
    return [np.asarray(rng.uniform(0.5, 1.5, np.shape(raw(y)))) for y in outputs]


def directions(case: Case, seed: int) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.uniform(-1, 1, a.shape)) for a in case.arrays]


def gradients(
    outputs: list[Any], xs: list[Tensor], vs: list[Any], again: bool = False
) -> list[Any]:
    """The gradients of the sum of v y; zeros where nothing depends on an x."""
    pairs = [(y, v) for y, v in zip(outputs, vs) if y.requires_grad]
    found: tuple[Any, ...] = (None,) * len(xs)
    if pairs:
        ys, seeds = zip(*pairs)
        found = grad(list(ys), xs, list(seeds), create_graph=again, allow_unused=True)
    return [Tensor(np.zeros(x.shape)) if g is None else g for x, g in zip(xs, found)]


def first(case: Case, arrays: list[Any], again: bool = False) -> list[Any]:
    xs = leaves(arrays)
    outputs = listed(case(xs))
    return gradients(outputs, xs, vectors(case, outputs), again)


def stencil(f: Callable[[list[Any]], list[Any]], arrays: list[Any], along: list[Any]) -> list[Any]:
    """The derivatives of f's results in a direction, by central differences of sixth order."""

    def moved(step: float) -> list[Any]:
        return [np.asarray(raw(y)) for y in f([a + step * d for a, d in zip(arrays, along)])]

    total = None
    for k, weight in STENCIL.items():
        ends = zip(moved(k * STEP), moved(-k * STEP))
        terms = [weight / STEP * (ahead - behind) for ahead, behind in ends]
        total = terms if total is None else [t + s for t, s in zip(total, terms)]
    return total or []


def unit_vectors(arrays: list[Any]) -> Any:
    for i, a in enumerate(arrays):
        for place in np.ndindex(a.shape):
            along = [np.zeros(b.shape) for b in arrays]
            along[i][place] = 1
            yield i, place, along


def pulled(vs: list[Any], slopes: list[Any]) -> float:
    return sum(float(np.sum(v * s)) for v, s in zip(vs, slopes))


def numeric_gradient(case: Case, arrays: list[Any]) -> list[Any]:
    """The gradient, element by element, from values of the plain function alone."""
    through = case.exact if callable(case.exact) else None
    vs = vectors(case, listed(case(arrays)))
    result = [np.zeros(a.shape) for a in arrays]

    def values(points: list[Any]) -> list[Any]:
        return listed(case(points, through))

    for i, place, along in unit_vectors(arrays):
        if case.exact is None:
            slopes = stencil(values, arrays, along)
        else:
            stepped = [a + 1j * TINY * d if k == i else a
                       for k, (a, d) in enumerate(zip(arrays, along))]  # fmt: skip
            slopes = [np.imag(y) / TINY for y in values(stepped)]
        result[i][place] = pulled(vs, slopes)
    return result


def assert_close(actual: Any, expected: Any, tolerance: float) -> None:
    assert np.shape(actual) == np.shape(expected)
    scale = max(1.0, np.max(np.abs(expected), initial=0, where=np.isfinite(expected)))
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance * scale)


# ---- completeness -----------------------------------------------------------------------------


def test_every_registered_function_has_a_case() -> None:
    covered = {case.function for case in CASES}
    missing = [f"{name_of(f)} of {f.__module__}" if home_of(f) == "autograd" else name_of(f)
               for f in REGISTERED if f not in covered]  # fmt: skip
    assert not missing, f"add cases to tests/cases.py for {', '.join(missing)}"


def test_every_registered_operation_says_its_formula() -> None:
    missing = [name_of(f) for f, op in rules.known() if f in REGISTERED and op.formula is None]
    assert not missing, f"give formula= to the rules of {', '.join(missing)}"


def test_cases_are_of_registered_functions() -> None:
    unknown = {name_of(case.function) for case in CASES if case.function not in REGISTERED}
    assert not unknown, (
        f"tests/cases.py has cases of {', '.join(sorted(unknown))}, which is no operation: name "
        "what `primitive` has returned, or what has a rule or a composition"
    )


# ---- values -----------------------------------------------------------------------------------

DTYPES = {
    np.float64: 1e-12, np.float32: 1e-5, np.float16: 1e-2, np.int64: 1e-12, np.int32: 1e-12,
    np.bool_: 1e-12,
}  # fmt: skip


def cast(a: Any, dtype: Any) -> Any:
    if np.dtype(dtype).kind == "f":
        return a.astype(dtype)
    whole = np.rint(np.nan_to_num(np.asarray(a), posinf=0, neginf=0) * 4)
    return np.asarray(whole.astype(dtype) if dtype is not np.bool_ else whole > 0)


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.__name__)
@pytest.mark.parametrize("function", REGISTERED, ids=name_of)
def test_value_dtype_and_shape_are_numpys(function: Any, dtype: Any) -> None:
    for case in CASES:
        if case.function is function:
            assert_as_numpy(case, dtype)


def assert_as_numpy(case: Case, dtype: Any) -> None:
    arrays = [cast(a, dtype) for a in case.arrays]
    with np.errstate(all="ignore"):
        try:
            expected = case(arrays)
        except (TypeError, ValueError) as error:
            with pytest.raises(TypeError if isinstance(error, TypeError) else ValueError):
                case([Tensor(a) for a in arrays])
            return
        try:
            found = case([Tensor(a) for a in arrays])
        except TypeError:
            assert dtype is np.bool_  # NumPy takes differences of truth values for !=; we refuse
            return
    if isinstance(expected, (tuple, list)):
        assert type(found) is type(expected)
    assert len(listed(found)) == len(listed(expected))
    for y, z in zip(listed(found), listed(expected)):
        assert isinstance(y, Tensor)
        assert (y.shape, y.dtype) == (np.shape(z), np.asarray(z).dtype)
        tolerance = DTYPES[dtype] if y.dtype.kind == "f" else 0
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(y.data, z, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("case", [c for c in CASES if callable(c.exact)], ids=lambda c: c.label)
def test_value_is_the_formulas(case: Case) -> None:
    found, expected = listed(case(case.arrays)), listed(case(case.arrays, case.exact))
    for y, z in zip(found, expected, strict=True):
        assert_close(y, np.real(z), 1e-12)


# ---- derivatives ------------------------------------------------------------------------------


@each_case
def test_first_derivative(case: Case) -> None:
    found = first(case, case.arrays)
    tolerance = 1e-8 if case.exact is None else 1e-10
    for g, expected in zip(found, numeric_gradient(case, case.arrays), strict=True):
        assert g.dtype == np.float64
        assert_close(g.data, expected, tolerance)


@each_case
def test_result_is_connected(case: Case) -> None:
    # also where the derivative is 0 everywhere
    assert all(y.requires_grad is case.connected for y in listed(case(leaves(case.arrays))))


@each_case
def test_create_graph_gives_the_same_first_derivative(case: Case) -> None:
    for plain, recorded in zip(first(case, case.arrays), first(case, case.arrays, again=True)):
        assert (plain.shape, plain.dtype) == (recorded.shape, recorded.dtype)
        np.testing.assert_allclose(recorded.data, plain.data, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("case", [c for c in CASES if c.connected], ids=lambda c: c.label)
def test_second_derivative(case: Case) -> None:
    # With G the gradient of v y and d a direction: the gradient of G d is H d by x (H is
    # symmetric), and J d by v. Differences of G give H d, and those of y give J d.
    along = directions(case, 1)
    xs = leaves(case.arrays)
    outputs = listed(case(xs))
    vs = leaves(vectors(case, outputs))
    slopes = gradients(outputs, xs, vs, again=True)
    total = sum((np.sum(g * d) for g, d in zip(slopes, along)), start=Tensor(0.0))
    found = gradients([total], [*xs, *vs], [np.ones(())])
    by_x = stencil(lambda points: first(case, points), case.arrays, along)
    by_v = stencil(lambda points: listed(case(points)), case.arrays, along)
    for g, expected in zip(found, [*by_x, *by_v], strict=True):
        assert_close(g.data, expected, 1e-8)


SMOOTH = {
    np.exp, np.sin, np.tanh, np.sinc, np.log1p, np.sqrt, np.arctan, np.multiply, np.divide,
    np.power, np.hypot, np.arctan2, np.logaddexp, np.matmul, np.prod, np.cumprod, np.var, np.std,
    np.einsum, np.linalg.inv, np.linalg.det, np.linalg.solve, np.linalg.norm, np.linalg.cholesky,
    np.linalg.eigh, np.linalg.pinv, operator.getitem, np.concatenate, np.sort,
}  # fmt: skip


@pytest.mark.parametrize("case", [c for c in CASES if c.function in SMOOTH], ids=lambda c: c.label)
def test_third_derivative(case: Case) -> None:
    along = directions(case, 2)

    def derivative(points: list[Any], order: int) -> Tensor:
        """That of v y in the direction, by the rules."""
        xs = leaves(points)
        outputs = listed(case(xs))
        seeds = vectors(case, outputs)
        for _ in range(order):
            slopes = gradients(outputs, xs, seeds, again=True)
            outputs = [sum((np.sum(g * d) for g, d in zip(slopes, along)), start=Tensor(0.0))]
            seeds = [np.ones(())]
        return outputs[0]

    (expected,) = stencil(lambda points: [derivative(points, 2)], case.arrays, along)
    assert_close(derivative(case.arrays, 3).data, expected, 1e-7)


@each_case
def test_float32(case: Case) -> None:
    arrays = [a.astype(np.float32) for a in case.arrays]
    exact = first(case, [a.astype(np.float64) for a in arrays])
    for g, expected in zip(first(case, arrays), exact, strict=True):
        if case.connected:
            assert g.dtype == np.float32
        assert_close(g.data, expected.data, 1e-4)


SEVERAL = [c for c in CASES if len(c.arrays) > 1 and c.function is not indexing.scatter]


@pytest.mark.parametrize("case", SEVERAL, ids=lambda c: c.label)
def test_each_input_has_a_gradient_of_its_own_dtype(case: Case) -> None:
    arrays = [a.astype(np.float32 if i % 2 else a.dtype) for i, a in enumerate(case.arrays)]
    for a, g, exact in zip(arrays, first(case, arrays), first(case, case.arrays), strict=True):
        assert g.dtype == a.dtype
        assert_close(g.data, exact.data, 1e-4)


@pytest.mark.parametrize("case", SEVERAL, ids=lambda c: c.label)
def test_one_tensor_among_plain_arrays(case: Case) -> None:
    everything = first(case, case.arrays)
    for i, expected in enumerate(everything):
        (x,) = leaves([case.arrays[i]])
        outputs = listed(case([x if k == i else a for k, a in enumerate(case.arrays)]))
        used = [y for y in outputs if isinstance(y, Tensor)]
        vs = [v for y, v in zip(outputs, vectors(case, outputs)) if isinstance(y, Tensor)]
        for again in (False, True):
            (g,) = gradients(used, [x], vs, again)
            assert_close(g.data, expected.data, 1e-12)


@pytest.mark.parametrize(
    "case", [c for c in CASES if c.arrays and all(a.ndim == 0 for a in c.arrays)],
    ids=lambda c: c.label,
)  # fmt: skip
def test_numbers_are_as_good_as_arrays_without_axes(case: Case) -> None:
    numbers = [float(a) for a in case.arrays]
    for y, z in zip(listed(case([Tensor(n) for n in numbers])), listed(case(case.arrays))):
        assert (y.shape, y.dtype) == (np.shape(z), np.asarray(z).dtype)
    for again in (False, True):
        pairs = zip(first(case, numbers, again), first(case, case.arrays))
        for g, expected in pairs:
            assert_close(g.data, expected.data, 1e-14)


# ---- calling forms ----------------------------------------------------------------------------


def by_keyword(case: Case) -> dict[str, Any] | None:
    """All arguments under NumPy's names; None where some have to be positional."""
    if isinstance(case.function, np.ufunc) or case.via or case.function is Tensor.astype:
        return None
    try:
        signature = inspect.signature(case.function)
    except ValueError:
        return None
    bound = signature.bind(*case.args, **case.kwargs)
    kinds = {signature.parameters[name].kind for name in bound.arguments}
    allowed = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
    return dict(bound.arguments) if kinds <= allowed else None


NAMED = [
    Case(c.function, (), names, c.exact, None, c.connected, c.label)
    for c in CASES
    if (names := by_keyword(c)) and home_of(c.function) != "_operator"
]


@pytest.mark.parametrize("case", NAMED, ids=lambda c: c.label)
def test_arguments_by_keyword(case: Case) -> None:
    try:
        expected = listed(case(case.arrays))
    except TypeError:
        pytest.skip("NumPy takes these by position only")
    for y, z in zip(listed(case([Tensor(a) for a in case.arrays])), expected, strict=True):
        assert_close(y.data, z, 1e-12)
    for g, expected in zip(first(case, case.arrays), numeric_gradient(case, case.arrays)):
        assert_close(g.data, expected, 1e-8)


OPTIONS: dict[str, Callable[[Any], Any]] = {
    "out": np.empty_like,
    "where": lambda y: np.arange(np.size(y)).reshape(np.shape(y)) % 2 == 0,
    "initial": lambda y: 1.5,
    "casting": lambda y: "unsafe",
    "dtype": lambda y: np.float32,
    "order": lambda y: "F",
    "subok": lambda y: False,
}


def taken_by_numpy() -> list[tuple[Case, str, Any]]:
    """For every function of NumPy, its first case with each of the options that it takes."""
    simple: dict[Any, Case] = {}
    for case in CASES:
        if case.via is None and home_of(case.function) == "numpy":
            if case.arrays[0].size:
                simple.setdefault(case.function, case)
    found = []
    for case in simple.values():
        for key, make in OPTIONS.items():
            if key in case.kwargs:
                continue
            option = make(listed(case(case.arrays))[0])
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    case(case.arrays, partial(case.function, **{key: option}))
            except (TypeError, ValueError):
                continue
            found.append((case, key, option))
    return found


TAKEN = taken_by_numpy()


@pytest.mark.parametrize(
    ("case", "key", "option"), TAKEN, ids=[f"{name_of(c.function)}-{key}" for c, key, _ in TAKEN]
)
def test_options_of_numpy_are_right_or_refused_by_name(case: Case, key: str, option: Any) -> None:
    with_option = partial(case.function, **{key: option})
    try:
        found = listed(case(leaves(case.arrays), with_option))
    except TypeError as error:
        assert f"{key}=" in str(error)
        return
    assert key != "out"
    for y, z in zip(found, listed(case(case.arrays, with_option)), strict=True):
        assert (y.dtype, y.shape) == (np.asarray(z).dtype, np.shape(z))
        np.testing.assert_allclose(y.data, z, rtol=1e-5)


def test_options_are_tried() -> None:
    assert {key for _, key, _ in TAKEN} == set(OPTIONS)
    assert len(TAKEN) > 100
