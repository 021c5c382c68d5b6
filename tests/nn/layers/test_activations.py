"""Activations, as functions and as Modules: values, derivatives, kinks, extremes, dtypes, options.

Compared with PyTorch in float64 to 1e-12 where it is installed, with finite differences, and with
closed forms.
"""

import copy
import inspect
import math
import pickle

import numpy as np
import pytest

import autograd
import nn
from autograd import Tensor, gradcheck, gradgradcheck
from nn import functional
from nn.layers import activations, rarer
from tests.compare import assert_equals_pytorch
from tests.makers import random
from tests.twins import assert_cases, twin

inf, nan = np.inf, np.nan

# For each Module its function, and the options that it is tested with.
CASES = {
    "ELU": (functional.elu, [{}, {"alpha": 2.0}, {"alpha": 0.0}]),
    "GELU": (functional.gelu, [{}, {"approximate": "tanh"}]),
    "Hardtanh": (
        functional.hardtanh,
        [
            {},
            {"min_val": -0.25, "max_val": 2.0},
            {"min_val": -inf},
            {"min_val": -2.0, "max_val": inf},
        ],
    ),
    "LeakyReLU": (
        functional.leaky_relu,
        [{}, *({"negative_slope": slope} for slope in (0.0, 0.3, 1.0, 3.0, -0.5))],
    ),
    "LogSigmoid": (functional.log_sigmoid, [{}]),
    "LogSoftmax": (functional.log_softmax, [{}, {"axis": 0}]),
    "ReLU": (functional.relu, [{}]),
    "SELU": (functional.selu, [{}]),
    "SiLU": (functional.silu, [{}]),
    "Sigmoid": (functional.sigmoid, [{}]),
    "Softmax": (functional.softmax, [{}, {"axis": 0}]),
    "Softplus": (
        functional.softplus,
        [
            {},
            {"beta": 3.0},
            {"beta": 0.5},
            {"beta": 2.0, "threshold": 1.0},
            {"beta": 0.5, "threshold": -0.2},
        ],
    ),
    "Tanh": (functional.tanh, [{}]),
    "CELU": (functional.celu, [{}, {"alpha": 2.0}, {"alpha": 0.5}]),
    "Hardsigmoid": (functional.hardsigmoid, [{}]),
    "Hardswish": (functional.hardswish, [{}]),
    "Mish": (functional.mish, [{}]),
    "ReLU6": (functional.relu6, [{}]),
    "Softmin": (functional.softmin, [{}, {"axis": 0}]),
    "Softsign": (functional.softsign, [{}]),
}
WITH_AXES = ("Softmax", "LogSoftmax", "Softmin")
OTHERS = {"GLU", "PReLU"}  # that are more than a function of each element: see test_rarer.py
VARIANTS = {
    name + "".join(f" {key}={value}" for key, value in options.items()): (name, options)
    for name, (_, several) in CASES.items()
    for options in several
}
ELEMENTWISE = {key: case for key, case in VARIANTS.items() if case[0] not in WITH_AXES}

each_variant = pytest.mark.parametrize("name, options", VARIANTS.values(), ids=VARIANTS)
each_elementwise = pytest.mark.parametrize("name, options", ELEMENTWISE.values(), ids=ELEMENTWISE)
each_name = pytest.mark.parametrize("name", CASES)


def ours(name, options):
    return getattr(nn, name)(**options)


def pytorchs(torch, name, options):
    options = dict(options)
    if name in WITH_AXES:
        options = {"dim": options.get("axis", -1)}
    if name == "Hardsigmoid":  # whose slope is single, and has no derivative
        return lambda x: torch.nn.functional.relu6(x + 3) / 6
    return twin(torch.nn, name)(**options)


def smooth(*shape):
    """Points away from every kink above."""
    x = random(*shape) * 2
    return x + 0.05 * np.sign(x) + np.where(np.abs(np.abs(x) - 1) < 0.05, 0.1, 0)


def test_every_activation_has_a_case():
    listed = {*activations.__all__, *rarer.__all__} - OTHERS
    classes = {name for name in listed if name[0].isupper()}
    assert_cases(classes, CASES, f"CASES of {__name__}")
    assert set(CASES) <= set(nn.__all__)
    missing = {function.__name__ for function, _ in CASES.values()} - set(functional.__all__)
    assert not missing, f"{', '.join(sorted(missing))}: missing in __all__ of nn.functional"


# ---- values and derivatives -------------------------------------------------------------------


@each_variant
@pytest.mark.parametrize("shape", [(5,), (4, 3), (2, 3, 4)], ids=str)
def test_agrees_with_pytorch(name, options, shape):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    assert_equals_pytorch(
        torch, ours(name, options), pytorchs(torch, name, options), [smooth(*shape)], rtol=1e-12
    )


@each_variant
def test_agrees_with_finite_differences(name, options):
    x = Tensor(smooth(3, 4), requires_grad=True)
    assert gradcheck(ours(name, options), x)
    assert gradgradcheck(ours(name, options), x)


@each_elementwise
@pytest.mark.parametrize("x", [-2.0, -1.0, -0.25, -0.0, 0.0, 1.0, 2.0])
def test_slopes_at_kinks_are_pytorchs(name, options, x):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    a, b = Tensor(x, requires_grad=True), torch.tensor(x, dtype=torch.float64, requires_grad=True)
    ours(name, options)(a).backward()
    pytorchs(torch, name, options)(b).backward()
    np.testing.assert_allclose(a.grad, b.grad.item(), rtol=1e-12, atol=1e-15)


KINKS = {  # the slopes at the point
    "relu at 0": (nn.ReLU(), 0.0, 0.0),
    "relu at nan": (nn.ReLU(), nan, 1.0),
    "leaky at 0": (nn.LeakyReLU(0.3), 0.0, 0.3),
    "leaky at -0": (nn.LeakyReLU(0.3), -0.0, 0.3),
    "elu at 0": (nn.ELU(2.0), 0.0, 2.0),
    "hardtanh at its lower bound": (nn.Hardtanh(), -1.0, 0.0),
    "hardtanh at its upper bound": (nn.Hardtanh(), 1.0, 0.0),
    "hardtanh at nan": (nn.Hardtanh(), nan, 1.0),
    "hardtanh with one value": (nn.Hardtanh(1, 1), 1.0, 0.0),
    "gelu at 0": (nn.GELU(), 0.0, 0.5),
    "silu at 0": (nn.SiLU(), 0.0, 0.5),
    "relu6 at 0": (nn.ReLU6(), 0.0, 0.0),
    "relu6 at 6": (nn.ReLU6(), 6.0, 0.0),
    "hardsigmoid at its lower bound": (nn.Hardsigmoid(), -3.0, 0.0),
    "hardsigmoid at its upper bound": (nn.Hardsigmoid(), 3.0, 0.0),
    "hardsigmoid at nan": (nn.Hardsigmoid(), nan, 0.0),
    "hardswish at -3": (nn.Hardswish(), -3.0, 0.0),
    "hardswish at 3": (nn.Hardswish(), 3.0, 1.0),
    "celu at 0": (nn.CELU(2.0), 0.0, 1.0),
    "mish at 0": (nn.Mish(), 0.0, 0.6),
    "softsign at 0": (nn.Softsign(), 0.0, 1.0),
}


@pytest.mark.parametrize("module, x, slope", KINKS.values(), ids=KINKS)
def test_slopes_at_special_points(module, x, slope):
    x = Tensor(x, requires_grad=True)
    module(x).backward()
    assert x.grad == slope


def test_the_second_derivative_of_elu_at_0_is_pytorchs():
    x = Tensor([-1.0, 0.0, 1.0], requires_grad=True)
    (first,) = autograd.grad(nn.ELU(2.0)(x).sum(), x, create_graph=True)
    (second,) = autograd.grad(first.sum(), x)
    np.testing.assert_allclose(second.data, [2 * np.exp(-1), 0, 0])


def test_an_infinite_gradient_does_not_pass_a_bound():
    x = Tensor([-1.0, 0.25], requires_grad=True)
    np.sqrt(nn.Hardtanh(0.0, 1.0)(x)).sum().backward()
    assert x.grad.tolist() == [0, 1]


# x times the probability that a normal number is below x, computed to 20 digits with mpmath
GELU_VALUES = {
    -12.0: -2.1317785344932147972e-32,
    -8.0: -4.9767684594174272988e-15,
    -5.0: -1.4332578593959695584e-6,
    -2.5: -0.015524163314440337917,
    -1.0: -0.15865525393145705141,
    -0.125: -0.056282721896235888378,
    1e-9: 5.000000003989422804e-10,
    0.5: 0.34573123063700655182,
    1.0: 0.84134474606854294859,
    3.0: 2.9959503059051097164,
}


def test_gelu_to_the_last_digits():
    x, values = map(np.array, zip(*GELU_VALUES.items()))
    np.testing.assert_allclose(functional.gelu(x), values, rtol=1e-14)
    single = functional.gelu(x.astype(np.float32))
    np.testing.assert_allclose(single, values, rtol=3e-6)  # x²/2 = 72 is rounded before exp
    np.testing.assert_allclose(single[3:], values[3:], rtol=6e-7)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_gelu_knows_the_normal_distribution(dtype):
    x = np.linspace(-8, 8, 4001).astype(dtype)
    share = np.array([0.5 * math.erfc(-v / math.sqrt(2)) for v in x.tolist()])
    error = np.abs(functional.gelu(x) - x.astype(np.float64) * share)
    assert error.max() <= 8 * 2 * np.finfo(dtype).eps  # |x| times 2 units in the last place of 1


def test_selu_keeps_mean_and_variance():
    x = np.random.default_rng(0).normal(size=200_000)
    y = functional.selu(x)
    assert abs(y.mean()) < 0.01 and abs(y.std() - 1) < 0.01


# ---- extremes ---------------------------------------------------------------------------------


@each_variant
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_large_inputs_are_finite_and_silent(name, options, dtype):
    x = Tensor(np.array([-1000, -100, -30, 0, 30, 100, 1000], dtype), requires_grad=True)
    with np.errstate(all="raise", under="ignore"):
        y = ours(name, options)(x)
        (plain,) = autograd.grad(y.sum(), x)
        (first,) = autograd.grad((y + y).sum(), x, create_graph=True)
        (second,) = autograd.grad((first + x).sum(), x)
    assert all(np.all(np.isfinite(t.data)) for t in (y, plain, first, second))


LIMITS = {  # the values at -1000 and 1000
    "ELU": (-1, 1000), "GELU": (0, 1000), "Hardtanh": (-1, 1), "LeakyReLU": (-10, 1000),
    "LogSigmoid": (-1000, 0), "ReLU": (0, 1000), "SELU": (-1.7580993408473766, 1050.7009873554805),
    "SiLU": (0, 1000), "Sigmoid": (0, 1), "Softplus": (0, 1000), "Tanh": (-1, 1),
    "CELU": (-1, 1000),
    "Hardsigmoid": (0, 1),
    "Hardswish": (0, 1000),
    "Mish": (0, 1000),
    "ReLU6": (0, 6),
    "Softsign": (-1000 / 1001, 1000 / 1001),
}  # fmt: skip


@pytest.mark.parametrize("name, values", LIMITS.items(), ids=LIMITS)
def test_limits(name, values):
    np.testing.assert_allclose(ours(name, {})([-1000.0, 1000.0]).data, values, rtol=1e-14)


def test_softplus_is_exact_where_pytorch_gives_x():
    x = np.array([20.5, 25.0])
    np.testing.assert_allclose(
        functional.softplus(x) - x, np.log1p(np.exp(-x)), rtol=0, atol=np.spacing(25.0)
    )
    slope = autograd.grad(functional.softplus(t := Tensor(25.0, requires_grad=True)), t)[0]
    assert 1 - slope.item() == pytest.approx(np.exp(-25.0), rel=1e-4)


def test_softplus_with_a_threshold_is_pytorchs():
    torch = pytest.importorskip("torch")
    x = np.linspace(-9, 9, 25) + 0.01
    for threshold in (20.0, 3.0, 0.2, -1.0):
        t, theirs = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        y = functional.softplus(t, 3.0, threshold)
        wanted = torch.nn.functional.softplus(theirs, 3.0, threshold)
        np.testing.assert_allclose(y.data, wanted.detach(), rtol=1e-13)
        (slope,) = autograd.grad(y.sum(), t, create_graph=True)
        (wanted,) = torch.autograd.grad(wanted.sum(), theirs, create_graph=True)
        np.testing.assert_allclose(slope.data, wanted.detach(), rtol=1e-13)
        (bend,) = autograd.grad(slope.sum(), t)
        (wanted,) = torch.autograd.grad(wanted.sum(), theirs)
        np.testing.assert_allclose(bend.data, wanted, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("given", [np.float16, np.float32, np.float64, np.int64])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_softmax_converts_first(name, given, dtype):
    function = getattr(functional, name)
    x = np.array([[1, 3, 2], [0, -2, 5]], given)
    converted, tolerance = x.astype(dtype), 2e-3 if dtype is np.float16 else 1e-6
    exact = np.exp(converted.astype(float))
    exact = exact / exact.sum(1, keepdims=True)
    exact = exact if name == "softmax" else np.log(exact)
    for argument in (x, Tensor(x), x.tolist()):
        y = function(argument, 1, dtype=dtype)
        assert y.dtype == dtype
        np.testing.assert_allclose(np.asarray(y), exact, rtol=tolerance, atol=2e-7)
    if given is not np.int64:
        t = Tensor(x, requires_grad=True)
        gradients = autograd.grad(function(t, 1, dtype=dtype)[0, 0] * 1.0, t)
        share = np.exp([1.0, 3.0, 2.0]) / np.exp([1.0, 3.0, 2.0]).sum()
        wanted = np.eye(3)[0] - share
        wanted = wanted * share[0] if name == "softmax" else wanted
        assert gradients[0].dtype == given
        np.testing.assert_allclose(gradients[0].data[0], wanted, rtol=4e-3, atol=1e-3)
    with pytest.raises(TypeError, match="dtype must be one of floats, as np.float32, got int64"):
        function(Tensor(x), 1, dtype=int)


@pytest.mark.parametrize("function", [functional.softmax, functional.log_softmax])
def test_softmax_with_a_dtype_to_second_order(function):
    x = Tensor([0.5, -1.0, 2.0], requires_grad=True)
    assert autograd.gradgradcheck(lambda t: function(t, dtype=np.float64), x)


@each_elementwise
def test_nan_stays_nan(name, options):
    y = ours(name, options)([nan, 1.0, nan])
    assert np.isnan(y.data).tolist() == [True, False, True]


@each_variant
def test_nothing_in_nothing_out(name, options):
    x = Tensor(np.zeros((0, 3)), requires_grad=True)
    y = ours(name, options)(x)
    y.sum().backward()
    assert y.shape == x.grad.shape == (0, 3)


def test_softmax_rows_sum_to_1():
    x = random(3, 4) * 300
    np.testing.assert_allclose(functional.softmax(x).sum(axis=-1), 1)
    np.testing.assert_allclose(functional.softmax(x, axis=0).sum(axis=0), 1)
    np.testing.assert_allclose(np.exp(functional.log_softmax(x)), functional.softmax(x))


# ---- dtypes and kinds -------------------------------------------------------------------------


@each_elementwise
@pytest.mark.parametrize("shape", [(), (3,), (2, 3)], ids=str)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtypes_and_shapes_stay(name, options, shape, dtype):
    x = Tensor(np.full(shape, 0.7, dtype), requires_grad=True)
    y = ours(name, options)(x)
    (first,) = autograd.grad((y * y).sum(), x, create_graph=True)
    (second,) = autograd.grad(first.sum(), x)
    y.sum().backward()
    assert y.dtype == first.dtype == second.dtype == x.grad.dtype == dtype
    assert y.shape == first.shape == second.shape == x.grad.shape == shape


@each_variant
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_lower_precision_is_near_double(name, options, dtype):
    x, module = smooth(4, 3).astype(dtype), ours(name, options)
    expected = module(x.astype(np.float64)).data
    tolerance = 8 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(module(x).data, expected, rtol=tolerance, atol=tolerance)


@each_variant
@pytest.mark.parametrize(
    "x", [np.array([[1, 2], [0, 3]], np.int8), [[1, 2], [0, 3]], [[True, False], [True, True]]],
    ids=["int8", "list", "booleans"],
)  # fmt: skip
def test_integers_become_float64(name, options, x):
    y = ours(name, options)(x)
    assert y.dtype == np.float64
    np.testing.assert_array_equal(y.data, ours(name, options)(np.array(x, np.float64)).data)


@each_variant
def test_a_tensor_gives_a_tensor_and_an_array_an_array(name, options):
    function = CASES[name][0]
    x = smooth(3, 4)
    expected = ours(name, options)(x)
    assert isinstance(expected, Tensor)
    for given, kind in ((x, np.ndarray), (x.tolist(), np.ndarray), (Tensor(x), Tensor)):
        y = function(given, **options)
        assert isinstance(y, kind)
        np.testing.assert_array_equal(np.asarray(y), expected.data)


def test_what_is_no_number_is_refused():
    with pytest.raises(TypeError, match="GELU: cannot take the input: .*text"):
        nn.GELU()(["a"])
    with pytest.raises(TypeError, match="text"):
        functional.silu(["a"])


@each_elementwise
def test_values_changed_after_the_forward_do_not_matter(name, options):
    x, twin = (Tensor(smooth(5), requires_grad=True) for _ in range(2))
    results = [ours(name, options)(t).sum() for t in (x, twin)]
    x.data = np.full(5, 0.3)
    for result in results:
        result.backward()
    np.testing.assert_array_equal(x.grad, twin.grad)


# ---- options ----------------------------------------------------------------------------------


@each_name
def test_the_options_are_those_of_the_function(name):
    module, (function, _) = getattr(nn, name), CASES[name]
    of_function = list(inspect.signature(function).parameters.values())[1:]
    of_function = [p for p in of_function if p.kind is not p.KEYWORD_ONLY]  # as softmax's dtype
    of_module = list(inspect.signature(module).parameters.values())
    assert [(p.name, p.default) for p in of_module] == [(p.name, p.default) for p in of_function]
    shown = ", ".join(f"{p.name}={p.default!r}" for p in of_function)
    assert repr(module()) == f"{name}({shown})"


@each_variant
def test_options_are_attributes(name, options):
    module = ours(name, options)
    assert {key: getattr(module, key) for key in options} == options
    assert repr(getattr(nn, name)(*options.values())) == repr(module) or name == "Hardtanh"
    assert list(module.parameters()) == list(module.buffers()) == []


def test_an_option_that_is_set_later_counts():
    module = nn.LeakyReLU()
    module.negative_slope = 0.5
    assert module([-2.0]).tolist() == [-1.0]
    assert repr(module) == "LeakyReLU(negative_slope=0.5)"


@each_variant
@pytest.mark.parametrize(
    "twin", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["copy", "pickle"]
)
def test_modules_can_be_copied(name, options, twin):
    module = ours(name, options)
    x = smooth(3, 4)
    again = twin(module)
    assert repr(again) == repr(module) and type(again) is type(module)
    np.testing.assert_array_equal(again(x).data, module(x).data)


WRONG = {
    "slope of text": (lambda: nn.LeakyReLU("a"), TypeError, "LeakyReLU: .*negative_slope must be a "
                      "number, got 'a'"),
    "slope of a Tensor": (
        lambda: nn.LeakyReLU(Tensor(0.1, requires_grad=True)), TypeError, "got Tensor",
    ),
    "slope of nan": (lambda: nn.LeakyReLU(nan), ValueError, "must be a number, got nan"),
    "infinite alpha": (lambda: nn.ELU(inf), ValueError, "alpha must be a finite number, got inf"),
    "beta of 0": (lambda: nn.Softplus(0), ValueError, "beta must be above 0, got 0"),
    "a threshold": (lambda: nn.Softplus(1, inf - inf), ValueError, "threshold must be a .* nan"),
    "negative beta": (lambda: nn.Softplus(-1.0), ValueError, "above 0, got -1.0"),
    "bounds": (lambda: nn.Hardtanh(2, 1), ValueError, "min_val must not be above .* 2.0 and 1.0"),
    "a bound of nan": (lambda: nn.Hardtanh(nan), ValueError, "min_val must be a number, got nan"),
    "gelu": (lambda: nn.GELU("erf"), ValueError, "'none' or 'tanh', got 'erf'"),
    "gelu of a list": (lambda: nn.GELU(["tanh"]), ValueError, r"got \['tanh'\]"),
    "axis of text": (lambda: nn.Softmax("a"), TypeError, "Softmax: .*integer"),
    "axis": (lambda: nn.LogSoftmax(99), ValueError, "LogSoftmax: .*axis 99 is out of bounds"),
    "axis of this input": (lambda: nn.Softmax(2)([1.0]), ValueError, "axis 2 is out of bounds"),
    "dim": (lambda: nn.Softmax(dim=1), TypeError, "Softmax has no argument dim=; it is"),
    "too many": (lambda: nn.ReLU(True), TypeError, "ReLU: too many .* it takes no arguments"),
    "twice": (
        lambda: nn.ELU(1.0, alpha=2.0), TypeError,
        r"ELU: multiple values for argument 'alpha'; it takes \(alpha=1.0\)",
    ),
    "of a function": (lambda: functional.elu([1.0], alpha=[2]), TypeError, "alpha must be a nu"),
}  # fmt: skip


@pytest.mark.parametrize("make, kind, message", WRONG.values(), ids=WRONG)
def test_wrong_options_raise(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


def test_numbers_of_numpy_do_not_change_the_dtype():
    x = np.ones(2, np.float32)
    assert nn.LeakyReLU(np.float64(0.1))(x).dtype == np.float32
    assert functional.elu(x, np.float64(2)).dtype == np.float32
