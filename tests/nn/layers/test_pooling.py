"""Pools: values and both orders of derivatives, ties, nan, edges, options, errors.

Compared with PyTorch in float64 where it is installed, with maxima and means written out, and with
finite differences.
"""

import copy
import functools
import itertools
import pickle

import numpy as np
import pytest

import nn
from autograd import Tensor, draw, explain, grad, gradcheck, gradgradcheck
from nn import functional
from tests.makers import random, tensor
from tests.nn.layers.against import assert_as_pytorch

LENGTHS = {1: (9,), 2: (7, 6), 3: (5, 4, 6)}
OPTIONS = [
    {"kernel_size": kernel, "stride": stride, "padding": padding, "ceil_mode": ceil}
    for kernel, stride, padding, ceil in itertools.product(
        (1, 2, 3), (None, 1, 2, 3, 4), (0, 1), (False, True)
    )
    if 2 * padding <= kernel
]


def functions(name):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    return getattr(functional, name), getattr(torch.nn.functional, name)


def ties(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 3, shape).astype(float)


# ---- values and derivatives -------------------------------------------------------------------


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("numbers", [random, ties])
def test_max_pools_are_pytorchs_at_both_orders(axes, options, numbers):
    ours, theirs = functions(f"max_pool{axes}d")
    for dilation in (1, 2):
        if dilation * (options["kernel_size"] - 1) < min(LENGTHS[axes]) + 2 * options["padding"]:
            options = {**options, "dilation": dilation}
            assert_as_pytorch(
                functools.partial(ours, **options), functools.partial(theirs, **options),
                numbers(2, 3, *LENGTHS[axes]),
            )  # fmt: skip


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize("divisor", [None, 5])
def test_average_pools_are_pytorchs_at_both_orders(axes, options, include, divisor):
    ours, theirs = functions(f"avg_pool{axes}d")
    options = {**options, "count_include_pad": include}
    if axes > 1:
        options["divisor_override"] = divisor
    assert_as_pytorch(
        functools.partial(ours, **options), functools.partial(theirs, **options),
        random(2, 3, *LENGTHS[axes]),
    )  # fmt: skip


SIZES = {1: [1, 3, 9, 14], 2: [1, 3, (3, 5), (None, 2), (7, 6), (9, 1)], 3: [1, (3, None, 8)]}


@pytest.mark.parametrize("kind", ["avg", "max"])
@pytest.mark.parametrize("axes, size", [(a, s) for a in SIZES for s in SIZES[a]], ids=str)
@pytest.mark.parametrize("numbers", [random, ties])
def test_adaptive_pools_are_pytorchs_at_both_orders(kind, axes, size, numbers):
    ours, theirs = functions(f"adaptive_{kind}_pool{axes}d")
    assert_as_pytorch(
        functools.partial(ours, output_size=size), functools.partial(theirs, output_size=size),
        numbers(2, 3, *LENGTHS[axes]),
    )  # fmt: skip


@pytest.mark.parametrize("count, length", [(3, 7), (5, 3), (1, 4), (4, 4), (7, 20)])
def test_adaptive_windows_reach_from_the_floor_to_the_ceiling(count, length):
    x = random(length)
    parts = [x[i * length // count : -(-(i + 1) * length // count)] for i in range(count)]
    means = functional.adaptive_avg_pool1d(x[None], count)[0]
    np.testing.assert_allclose(means, [p.mean() for p in parts], rtol=1e-12)
    maxima = functional.adaptive_max_pool1d(x[None], count)[0]
    np.testing.assert_array_equal(maxima, [p.max() for p in parts])


@pytest.mark.parametrize(
    "pool", [functional.max_pool2d, functional.avg_pool2d, functional.adaptive_avg_pool2d,
             functional.adaptive_max_pool2d]
)  # fmt: skip
@pytest.mark.parametrize("size", [2, 3])
def test_pools_agree_with_finite_differences(pool, size):
    x = Tensor(np.random.default_rng(0).permutation(60).reshape(2, 1, 6, 5) / 10.0, True)
    assert gradcheck(lambda x: pool(x, size), [x])
    assert gradgradcheck(lambda x: pool(x, size) ** 2, [x])


def test_max_pool_is_the_maximum_of_each_window():
    x = random(2, 3, 8, 6)
    windows = x.reshape(2, 3, 4, 2, 3, 2)
    np.testing.assert_array_equal(functional.max_pool2d(x, 2), windows.max(axis=(3, 5)))
    np.testing.assert_allclose(
        functional.avg_pool2d(x, 2), windows.mean(axis=(3, 5)), rtol=1e-12, atol=1e-15
    )


def test_a_kernel_of_more_places_than_a_byte_counts():
    x = np.zeros((1, 600))
    x[0, 450] = 1.0
    x = Tensor(x, requires_grad=True)
    (g,) = grad(functional.max_pool1d(x, 600).sum(), [x])
    assert np.flatnonzero(g.data).tolist() == [450]


# ---- ties, nan, edges -------------------------------------------------------------------------


def gradient(x, function, *args, **options):
    x = Tensor(x, requires_grad=True)
    (g,) = grad(function(x, *args, **options).sum(), [x])
    return g.data


def test_of_equal_maxima_the_first_in_the_order_of_rows_takes_the_gradient():
    x = np.array([[[1.0, 1.0], [1.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]], [[0.0, 0.0], [1.0, 1.0]]])
    expected = [[[1, 0], [0, 0]], [[0, 1], [0, 0]], [[0, 0], [1, 0]]]
    np.testing.assert_array_equal(gradient(x, functional.max_pool2d, 2), expected)


NANS = {
    "first": [np.nan, 1, 2, 3], "last": [1, 2, 3, np.nan], "two": [np.nan, 1, np.nan, 5],
    "all": [np.nan] * 4, "beside inf": [np.inf, np.nan, -np.inf, 0], "-inf": [-np.inf] * 4,
    "inf twice": [1, np.inf, np.inf, 0],
}  # fmt: skip
WINNERS = {
    "first": 0, "last": 3, "two": 2, "all": 3, "beside inf": 1, "-inf": 0, "inf twice": 1,
}  # fmt: skip


@pytest.mark.parametrize("name", NANS)
@pytest.mark.parametrize("padding", [0, 1])
def test_the_last_nan_and_the_first_of_minus_infinities_take_the_gradient(name, padding):
    x = np.array(NANS[name]).reshape(1, 2, 2)
    kernel = 2 + 2 * padding
    found = gradient(x, functional.max_pool2d, kernel, padding=padding)
    assert np.flatnonzero(found).tolist() == [WINNERS[name]]
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    t = torch.tensor(x, requires_grad=True)
    torch.nn.functional.max_pool2d(t, kernel, padding=padding).sum().backward()
    np.testing.assert_array_equal(found, t.grad.numpy())


def test_an_infinite_gradient_makes_no_nan_elsewhere():
    x = Tensor(np.array([[1.0, 2.0]]), requires_grad=True)
    y = functional.max_pool1d(x, 2)
    y.backward(np.array([[np.inf]]))
    np.testing.assert_array_equal(x.grad, [[0, np.inf]])


def test_the_last_window_of_ceil_mode_does_not_start_behind_the_image():
    x = np.arange(6.0).reshape(1, 6)
    assert functional.max_pool1d(x, 3, 3, 1, ceil_mode=True).tolist() == [[1, 4, 5]]
    assert functional.max_pool1d(x[:, :2], 2, 3, 1, ceil_mode=True).tolist() == [[0]]


def test_the_divisor_counts_up_to_the_edge_of_the_padding_only():
    x = np.ones((1, 6))
    y = functional.avg_pool1d(x, 3, 2, 1, ceil_mode=True)
    np.testing.assert_allclose(y, [[2 / 3, 1, 1, 1 / 2]], rtol=1e-15)
    y = functional.avg_pool1d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False)
    np.testing.assert_allclose(y, [[1, 1, 1, 1]], rtol=1e-15)


# ---- dtypes, memory, empty batches ------------------------------------------------------------

MODULES = {
    "MaxPool": {"kernel_size": 2, "padding": 1, "stride": 3},
    "AvgPool": {"kernel_size": 2, "padding": 1, "stride": 3},
    "AdaptiveAvgPool": {"output_size": 3}, "AdaptiveMaxPool": {"output_size": 3},
}  # fmt: skip
EACH = [(f"{kind}{axes}d", MODULES[kind], axes) for kind in MODULES for axes in (1, 2, 3)]
each_module = pytest.mark.parametrize("name, options, axes", EACH, ids=[e[0] for e in EACH])


@each_module
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtypes_stay(name, options, axes, dtype):
    layer = getattr(nn, name)(**options)
    x = Tensor(random(2, 2, *(5, 4, 6)[:axes]).astype(dtype), requires_grad=True)
    layer(x).sum().backward()
    assert layer(x).dtype == x.grad.dtype == dtype
    wide = layer(x.data.astype(float)).data
    np.testing.assert_allclose(layer(x).data, wide, rtol=4 * np.finfo(dtype).eps, atol=1e-3)
    assert layer(np.ones((2, 2, *(5, 4, 6)[:axes]), np.int64)).dtype == np.float64


@each_module
def test_empty_batches_and_single_samples(name, options, axes):
    layer, lengths = getattr(nn, name)(**options), (5, 4, 6)[:axes]
    x = random(3, *lengths)
    np.testing.assert_array_equal(layer(x).data, layer(x[None]).data[0])
    empty = Tensor(np.zeros((0, 3, *lengths)), requires_grad=True)
    y = layer(empty)
    assert y.shape == (0, *layer(x).shape)
    y.sum().backward()
    assert empty.grad.shape == empty.shape


@each_module
def test_the_order_of_memory_stays_and_changes_nothing(name, options, axes):
    layer = getattr(nn, name)(**options)
    x = random(4, 3, *(5, 4, 6)[:axes])
    last = np.ascontiguousarray(np.moveaxis(x, 0, -1))
    y = layer(np.moveaxis(last, -1, 0)).data
    np.testing.assert_allclose(y, layer(x).data, rtol=1e-14)
    assert np.moveaxis(y, 0, -1).flags.c_contiguous
    gaps = layer(np.repeat(x, 2, axis=-1)[..., ::2]).data
    np.testing.assert_array_equal(gaps, layer(x).data)


# ---- Modules ----------------------------------------------------------------------------------


@each_module
def test_modules_are_written_and_compute_as_pytorchs(name, options, axes):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    layer, other = getattr(nn, name)(**options), getattr(torch.nn, name)(**options)
    assert_as_pytorch(layer, other, random(2, 2, *(7, 5, 6)[:axes]))
    assert not layer.state_dict() and not list(layer.parameters())
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert repr(twin) == repr(layer)


def test_options_are_shown():
    assert repr(nn.MaxPool2d(2)) == "MaxPool2d(kernel_size=2, stride=2, padding=0)"
    shown = repr(nn.MaxPool2d((3, 2), 2, 1, dilation=2, ceil_mode=True))
    assert shown == (
        "MaxPool2d(kernel_size=(3, 2), stride=2, padding=1, dilation=2, ceil_mode=True)"
    )
    assert repr(nn.AvgPool2d(2, divisor_override=3)).endswith("padding=0, divisor_override=3)")
    assert repr(nn.AdaptiveAvgPool2d((1, None))) == "AdaptiveAvgPool2d(output_size=(1, None))"


def test_drawings_and_explanations_tell_what_is_pooled():
    x = tensor(1, 4, 4)
    y = functional.max_pool2d(x, 2).sum()
    assert "_Along" not in draw(y, names={"x": x}).to_text()
    text = str(explain(y, x, names={"x": x}))
    assert "g at the maximum of each window, 0 elsewhere" in text
    places = np.argwhere(grad(y, x)[0].data).tolist()
    assert len(places) == 4 and f"maxima at  {str(places)[1:-1]}\n" in text
    assert not draw(y).nodes[1].shown and "maxima" not in draw(y).to_svg()  # told, not drawn
    large = tensor(1, 2, 8, 8)
    assert " and 27 more\n" in str(explain(functional.max_pool2d(large, 2).sum(), large))
    y = functional.avg_pool2d(x, 2).sum()
    assert "_Along" not in draw(y, names={"x": x}).to_text()
    assert "over the size of the window" in str(explain(y, x, names={"x": x}))


# ---- errors -----------------------------------------------------------------------------------

CALLS = {
    "padding beyond half": (
        lambda: nn.MaxPool2d(3, padding=2),
        r"^MaxPool2d: padding must be at most half of kernel_size, \(3, 3\), got \(2, 2\)",
    ),
    "no kernel": (lambda: nn.AvgPool1d(0), "^AvgPool1d: kernel_size must be >= 1, got 0"),
    "no stride": (lambda: nn.AvgPool1d(2, 0), "^AvgPool1d: stride must be >= 1, got 0"),
    "indices": (
        lambda: nn.MaxPool1d(2, return_indices=True),
        r"^MaxPool1d: return_indices is not here.*grad\(y\.sum\(\), x\)$",
    ),
    "indices of an adaptive one": (
        lambda: functional.adaptive_max_pool1d(np.ones((1, 4)), 2, True),
        "^adaptive_max_pool1d: return_indices is not here",
    ),
    "a kernel larger than the image": (
        lambda: nn.MaxPool2d(5)(np.ones((1, 1, 4, 9))),
        r"^MaxPool2d\(kernel_size=5, .*windows of \(5, 5\) are larger than an input of \(4, 9\) "
        r"with padding \(0, 0\); give a larger input or a smaller kernel_size$",
    ),
    "another rank": (
        lambda: nn.MaxPool2d(2)(np.ones((4, 9))),
        r"expected an input of shape \(N, C, H, W\) or \(C, H, W\), none of them empty but N, got "
        r"shape \(4, 9\)",
    ),
    "an empty image": (
        lambda: nn.AdaptiveAvgPool1d(2)(np.ones((2, 3, 0))), r"got shape \(2, 3, 0\)",
    ),
    "a size of zero": (
        lambda: nn.AdaptiveAvgPool2d(0), "^AdaptiveAvgPool2d: output_size must be >= 1, got 0",
    ),
    "three sizes for two axes": (
        lambda: nn.AdaptiveMaxPool2d((1, 2, 3)),
        r"^AdaptiveMaxPool2d: output_size must have a length for each of 2 axes, got \(1, 2, 3\)",
    ),
    "a divisor of zero": (
        lambda: nn.AvgPool2d(2, divisor_override=0),
        "^AvgPool2d: divisor_override must be >= 1, got 0",
    ),
}  # fmt: skip


@pytest.mark.parametrize("call, message", CALLS.values(), ids=CALLS)
def test_mistakes_are_told_with_layer_shapes_and_cure(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_wrong_kinds_are_told():
    with pytest.raises(TypeError, match="MaxPool1d: kernel_size must be a whole number, got 2.5"):
        nn.MaxPool1d(2.5)
    with pytest.raises(TypeError, match="AvgPool1d: ceil_mode must be True or False, got 2"):
        nn.AvgPool1d(2, ceil_mode=2)
    with pytest.raises(TypeError, match="MaxPool1d: cannot take the input"):
        nn.MaxPool1d(2)("abc")
