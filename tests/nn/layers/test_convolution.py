"""Convolutions: values and both orders of derivatives, options, shapes, dtypes, layouts, errors.

Compared with PyTorch in float64 to 1e-9 where it is installed, with sums written out, and with
finite differences.
"""

import copy
import functools
import itertools
import pickle

import numpy as np
import pytest

import autograd
import nn
from autograd import Tensor, draw, explain, grad, gradcheck, gradgradcheck, no_grad
from nn import functional
from nn.layers import windows
from tests.makers import random, tensor
from tests.nn.layers.against import assert_as_pytorch

KINDS = [nn.Conv1d, nn.Conv2d, nn.Conv3d]
TRANSPOSED = [nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d]
LENGTHS = {1: (9,), 2: (7, 6), 3: (5, 4, 6)}
OPTIONS = [
    {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    for stride, padding, dilation, groups in itertools.product((1, 2, 3), (0, 1, 2), (1, 2), (1, 2))
]


def functions(name, axes):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    name = f"{name}{axes}d"
    return getattr(functional, name), getattr(torch.nn.functional, name)


def by_hand(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """The sums of a convolution over two axes, written out."""
    x = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    out, each, h, w = weight.shape
    height = (x.shape[2] - dilation * (h - 1) - 1) // stride + 1
    width = (x.shape[3] - dilation * (w - 1) - 1) // stride + 1
    y = np.zeros((len(x), out, height, width))
    for o, i, j in itertools.product(range(out), range(height), range(width)):
        group = o // (out // groups)
        rows = i * stride + dilation * np.arange(h)
        columns = j * stride + dilation * np.arange(w)
        part = x[:, group * each : (group + 1) * each][:, :, rows[:, None], columns]
        y[:, o, i, j] = (part * weight[o]).sum(axis=(1, 2, 3))
    return y if bias is None else y + bias[:, None, None]


# ---- values and derivatives -------------------------------------------------------------------


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_conv2d_is_the_sums_written_out(options):
    x, weight = random(3, 4, 7, 6), random(6, 4 // options["groups"], 3, 2, seed=1)
    bias = random(6, seed=2)
    found = functional.conv2d(x, weight, bias, **options)
    np.testing.assert_allclose(found, by_hand(x, weight, bias, **options), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("options", OPTIONS[::2], ids=str)
def test_depthwise_convolutions_of_many_samples_are_those_of_few(axes, options):
    """Many have a way of their own; few go by columns, as all other convolutions do."""
    conv = functools.partial(getattr(functional, f"conv{axes}d"), **{**options, "groups": 3})
    x, weight = tensor(96, 3, *LENGTHS[axes]), tensor(3, 1, *(2, 1, 3)[:axes], seed=1)
    bias = tensor(3, seed=2)
    y = conv(x, weight, bias)
    g = random(*y.shape, seed=3)
    found = grad((y * g).sum(), [x, weight, bias])
    parts = [slice(n, n + 3) for n in range(0, 96, 3)]
    few = [conv(x[part], weight, bias) for part in parts]
    expected = grad(sum((p * g[part]).sum() for p, part in zip(few, parts)), [x, weight, bias])
    for a, b in zip([y, *found], [np.concatenate(few), *expected]):
        np.testing.assert_allclose(a.data, b.data, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_convolutions_are_pytorchs_at_both_orders(axes, options):
    ours, theirs = functions("conv", axes)
    kernel = (3, 2, 3)[:axes]
    if any(options["dilation"] * (k - 1) >= n + 2 * options["padding"]
           for k, n in zip(kernel, LENGTHS[axes])):  # fmt: skip
        options = {**options, "dilation": 1}
    arrays = random(2, 4, *LENGTHS[axes]), random(6, 4 // options["groups"], *kernel, seed=1)
    assert_as_pytorch(
        functools.partial(ours, **options), functools.partial(theirs, **options),
        *arrays, random(6, seed=2),
    )  # fmt: skip


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("more", [0, 1])
def test_transposed_convolutions_are_pytorchs_at_both_orders(axes, options, more):
    if more >= max(options["stride"], options["dilation"]):
        more = 0
    if options["stride"] == options["dilation"] == 1:  # more padding would leave nothing
        options = {**options, "padding": min(options["padding"], 1)}
    ours, theirs = functions("conv_transpose", axes)
    options = {**options, "output_padding": more}
    lengths = tuple(n - 1 for n in LENGTHS[axes])
    arrays = random(2, 4, *lengths), random(4, 6 // options["groups"], *(3, 2, 3)[:axes], seed=1)
    assert_as_pytorch(
        functools.partial(ours, **options), functools.partial(theirs, **options),
        *arrays, random(6, seed=2),
    )  # fmt: skip


SHAPES = {
    "many out": ((2, 3, 8, 8), (40, 3, 3, 3), {"padding": 1}),
    "few out": ((2, 40, 8, 8), (3, 40, 3, 3), {"padding": 1}),
    "each channel its own": ((3, 6, 8, 8), (6, 1, 3, 3), {"padding": 1, "groups": 6}),
    "each channel its own two": ((3, 6, 8, 8), (12, 1, 3, 3), {"stride": 2, "groups": 6}),
    "one by one": ((3, 6, 8, 8), (5, 6, 1, 1), {}),
    "one by one, far apart": ((3, 6, 8, 8), (5, 6, 1, 1), {"stride": 3}),
    "one channel, one by one": ((3, 1, 4, 4), (1, 1, 1, 1), {}),
    "one number": ((1, 1, 1, 1), (1, 1, 1, 1), {}),
    "as large as the image": ((3, 2, 5, 4), (4, 2, 5, 4), {}),
    "farther apart than the kernel reaches": ((2, 2, 11, 11), (3, 2, 2, 2), {"stride": 4}),
    "more padding than kernel": ((2, 2, 4, 4), (3, 2, 2, 2), {"padding": 3}),
    "one row, two columns": ((2, 2, 6, 9), (3, 2, 1, 2), {"stride": (2, 3), "padding": (0, 1)}),
    "uneven dilation": ((2, 2, 9, 9), (3, 2, 3, 3), {"dilation": (1, 3), "stride": (2, 2)}),
    "a batch that fills rows": ((128, 2, 6, 6), (4, 2, 3, 3), {"padding": 1}),
    "depthwise": ((48, 2, 6, 7), (2, 1, 3, 3), {"padding": 1, "groups": 2}),
    "depthwise, far around": ((48, 2, 3, 6), (2, 1, 2, 3), {"padding": 4, "groups": 2}),
    "depthwise, uneven": (
        (48, 2, 6, 9), (2, 1, 3, 2),
        {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 3), "groups": 2},
    ),
}  # fmt: skip


@pytest.mark.parametrize("shape, kernel, options", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("room", [windows.ROOM, 500, 1])
def test_odd_shapes_are_pytorchs_in_blocks_of_any_size(shape, kernel, options, room, monkeypatch):
    monkeypatch.setattr(windows, "ROOM", room)
    ours, theirs = functions("conv", 2)
    assert_as_pytorch(
        functools.partial(ours, **options), functools.partial(theirs, **options),
        random(*shape), random(*kernel, seed=1), random(kernel[0], seed=2),
    )  # fmt: skip


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("groups", [1, 2])
def test_convolutions_agree_with_finite_differences(axes, groups):
    lengths = (4, 3, 3)[:axes]
    x, weight, bias = tensor(2, 2, *lengths), tensor(2, 2 // groups, *(2,) * axes), tensor(2)
    ours = functools.partial(getattr(functional, f"conv{axes}d"), padding=1, groups=groups)
    assert gradcheck(ours, [x, weight, bias]) and gradgradcheck(ours, [x, weight, bias])


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_transposed_convolutions_agree_with_finite_differences(axes):
    x, weight, bias = tensor(2, 2, *(2,) * axes), tensor(2, 1, *(2,) * axes), tensor(2)
    ours = functools.partial(
        getattr(functional, f"conv_transpose{axes}d"), stride=2, groups=2, padding=1,
        output_padding=1,
    )  # fmt: skip
    assert gradcheck(ours, [x, weight, bias]) and gradgradcheck(ours, [x, weight, bias])


def test_third_derivatives_are_pytorchs():
    torch = pytest.importorskip("torch", reason="compares with PyTorch")

    def third(lib, x, weight, convolve):
        y = convolve(x, weight, stride=2, padding=1)
        (first,) = lib.grad((y * y * y * y).sum(), [x], create_graph=True)
        (second,) = lib.grad((first * first).sum(), [weight], create_graph=True)
        return lib.grad((second * second).sum(), [x, weight])

    a, b = random(2, 2, 5, 5), random(3, 2, 3, 3, seed=1)
    mine = third(
        autograd, Tensor(a, requires_grad=True), Tensor(b, requires_grad=True), functional.conv2d
    )
    theirs = third(
        torch.autograd, torch.tensor(a, requires_grad=True), torch.tensor(b, requires_grad=True),
        torch.nn.functional.conv2d,
    )  # fmt: skip
    for found, reference in zip(mine, theirs):
        np.testing.assert_allclose(found.data, reference.numpy(), rtol=1e-8)


def test_the_transposed_convolution_is_the_adjoint():
    x, y, weight = random(2, 3, 8, 7), random(2, 4, 4, 4, seed=1), random(4, 3, 3, 3, seed=2)
    options = {"stride": 2, "padding": 1}
    there = functional.conv2d(x, weight, **options)
    back = functional.conv_transpose2d(y, weight, output_padding=(1, 0), **options)
    np.testing.assert_allclose((there * y).sum(), (x * back).sum(), rtol=1e-12)


# ---- padding ----------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Using padding='same'")  # PyTorch's, of its copies
@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_same_padding_keeps_the_size_with_one_more_behind(axes, kernel, dilation):
    ours, theirs = functions("conv", axes)
    options = {"padding": "same", "dilation": dilation}
    x, weight = random(2, 2, *LENGTHS[axes]), random(2, 2, *(kernel,) * axes, seed=1)
    assert ours(x, weight, **options).shape == x.shape
    assert_as_pytorch(
        functools.partial(ours, **options), functools.partial(theirs, **options), x, weight
    )


def test_same_padding_of_an_even_kernel_has_one_zero_ahead_and_two_behind():
    y = functional.conv1d(np.ones((1, 1, 5)), np.ones((1, 1, 4)), padding="same")
    np.testing.assert_array_equal(y[0, 0], [3, 4, 4, 3, 2])


def test_valid_padding_is_none():
    x, weight = random(2, 2, 5, 5), random(2, 2, 3, 3)
    np.testing.assert_array_equal(
        functional.conv2d(x, weight, padding="valid"), functional.conv2d(x, weight)
    )


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("padding", [2, (1, 2), "same"], ids=str)
def test_padding_modes_are_pytorchs(mode, padding):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    layer = nn.Conv2d(2, 3, (3, 4), padding=padding, padding_mode=mode, dtype=np.float64)
    other = torch.nn.Conv2d(2, 3, (3, 4), padding=padding, padding_mode=mode, dtype=torch.float64)
    other.load_state_dict({k: torch.tensor(np.asarray(v)) for k, v in layer.state_dict().items()})
    assert_as_pytorch(layer, other, random(2, 2, 6, 7))
    assert layer(random(2, 6, 7)).shape == layer(random(1, 2, 6, 7)).shape[1:]


# ---- shapes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS + TRANSPOSED)
def test_one_sample_without_its_axis_is_a_batch_of_one(kind):
    layer = kind(2, 4, 2, stride=2, dtype=np.float64)
    x = random(2, *(5, 4, 6)[: layer._axes])
    np.testing.assert_array_equal(layer(x).data, layer(x[None]).data[0])


@pytest.mark.parametrize("kind", KINDS + TRANSPOSED)
@pytest.mark.parametrize(
    "options", [{}, {"padding": 1}, {"stride": 2}, {"kernel_size": 1}], ids=str
)
def test_an_empty_batch_gives_an_empty_result_and_gradients_of_zero(kind, options):
    layer = kind(2, 4, **{"kernel_size": 3, **options})
    lengths = (5, 6, 7)[: layer._axes]
    x = Tensor(np.zeros((0, 2, *lengths), np.float32), requires_grad=True)
    y = layer(x)
    assert y.shape == (0, *layer(np.zeros((1, 2, *lengths))).shape[1:])
    y.sum().backward()
    assert x.grad.shape == x.shape
    assert not layer.weight.grad.any() and layer.weight.grad.shape == layer.weight.shape
    assert not layer.bias.grad.any()


SIZES = [((27, 28), (27, 28)), ((2, 3, 28, 27), (28, 27)), (27, (27, 27)), ([28, 28], (28, 28))]


@pytest.mark.parametrize("size, expected", SIZES, ids=str)
def test_output_size_chooses_among_the_lengths(size, expected):
    layer = nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1)
    assert layer(np.zeros((2, 2, 14, 14)), output_size=size).shape == (2, 3, *expected)


def test_output_size_is_pytorchs():
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    layer = nn.ConvTranspose1d(2, 3, 4, stride=3, padding=1, dtype=np.float64)
    other = torch.nn.ConvTranspose1d(2, 3, 4, stride=3, padding=1, dtype=torch.float64)
    other.load_state_dict({k: torch.tensor(np.asarray(v)) for k, v in layer.state_dict().items()})
    for size in (14, 15, 16):
        assert_as_pytorch(
            functools.partial(layer, output_size=size),
            functools.partial(other, output_size=[size]),
            random(2, 2, 5),
        )


def test_output_padding_may_exceed_the_stride_where_the_dilation_is_larger():
    ours, theirs = functions("conv_transpose", 2)
    options = {"stride": 1, "dilation": 3, "output_padding": 2}
    assert_as_pytorch(
        functools.partial(ours, **options), functools.partial(theirs, **options),
        random(2, 2, 4, 4), random(2, 3, 2, 2), random(3),
    )  # fmt: skip


# ---- dtypes and special values ----------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("kind", [nn.Conv2d, nn.ConvTranspose2d])
def test_everything_has_the_dtype_of_the_parameters(kind, dtype):
    layer = kind(2, 3, 3, dtype=dtype)
    x = Tensor(np.ones((2, 2, 5, 5), dtype), requires_grad=True)
    layer(x).sum().backward()
    assert {layer(x).dtype, x.grad.dtype, layer.weight.grad.dtype, layer.bias.grad.dtype} == {
        np.dtype(dtype)
    }
    for given in ([[[1, 2], [3, 4]]] * 2, np.ones((2, 3, 3), np.uint8), np.ones((2, 3, 3))):
        if kind is nn.ConvTranspose2d:
            assert layer(given).dtype == dtype
    assert layer(np.ones((2, 4, 4), np.int64)).dtype == dtype


def test_half_a_precision_is_summed_in_a_whole_one():
    x = np.full((1, 8, 40, 40), 2, np.float16)
    weight = np.full((1, 8, 40, 40), 2, np.float16)
    assert functional.conv2d(x, weight / 2).item() == 25600
    assert functional.conv2d(x[:, :1] * 0 + 1, weight[:, :1] / 2 + np.float16(1e-3)).item() == 1602


def test_functions_promote_as_numpy_does():
    x, weight = np.ones((1, 1, 3), np.float32), np.ones((1, 1, 2))
    assert functional.conv1d(x, weight).dtype == np.float64
    assert functional.conv1d([[[1, 2, 3]]], [[[1, 1]]]).tolist() == [[[3, 5]]]


def test_nan_and_inf_stay_where_the_windows_see_them():
    x = np.zeros((1, 1, 7), np.float32)
    x[0, 0, 0], x[0, 0, 6] = np.nan, np.inf
    y = functional.conv1d(x, np.ones((1, 1, 2), np.float32))[0, 0]
    assert np.isnan(y[0]) and y[5] == np.inf and not y[1:5].any()
    planes = np.zeros((32, 1, 4, 7), np.float32)
    planes[:, 0, 1] = x[0]
    y = functional.conv2d(planes, np.ones((1, 1, 1, 2), np.float32))[:, 0]
    assert np.isnan(y[:, 1, 0]).all() and (y[:, 1, 5] == np.inf).all()
    assert not y[:, 1, 1:5].any() and not y[:, [0, 2, 3]].any()


# ---- memory -----------------------------------------------------------------------------------


def layouts(x):
    """The same numbers in other orders of memory."""
    yield x
    yield np.asfortranarray(x)
    yield np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 0, -1)), -1, 0)
    yield np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
    yield np.repeat(x, 2, axis=3)[:, :, :, ::2]
    yield x[::-1][::-1]
    yield np.flip(np.flip(x, (1, 2, 3)).copy(), (1, 2, 3))


@pytest.mark.parametrize("which", range(7))
def test_the_order_of_memory_changes_nothing(which):
    x, weight, g = random(4, 3, 6, 6), random(5, 3, 3, 3, seed=1), random(4, 5, 6, 6, seed=2)

    def of(x, weight, g):
        inputs = [Tensor(x, requires_grad=True), Tensor(weight, requires_grad=True)]
        y = functional.conv2d(*inputs, padding=1)
        return [y.data, *(h.data for h in grad((y * g).sum(), inputs))]

    arrays = [list(layouts(a))[which] for a in (x, weight, g)]
    for found, reference in zip(of(*arrays), of(x, weight, g)):
        np.testing.assert_allclose(found, reference, rtol=1e-12, atol=1e-13)
    for given, before in zip(arrays, (x, weight, g)):
        np.testing.assert_array_equal(given, before)


def test_results_are_saved_flattened_and_joined_as_any_other(tmp_path):
    y = nn.Conv2d(1, 4, 3)(random(3, 1, 6, 6)).data
    plain = np.ascontiguousarray(y)
    assert y.tobytes() == plain.tobytes() and np.array_equal(y.ravel(), plain.ravel())
    assert np.concatenate([y, y]).tobytes() == np.concatenate([plain, plain]).tobytes()
    np.save(tmp_path / "y.npy", y)
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), plain)


def test_the_batch_lies_innermost_and_flatten_copies_nothing():
    y = nn.Conv2d(1, 4, 3)(random(5, 1, 6, 6))
    assert y.data.transpose(1, 2, 3, 0).flags.c_contiguous
    assert np.shares_memory(nn.Flatten()(y).data, y.data)


def last(x):
    """The same numbers with the batch innermost in memory."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 0, -1)), -1, 0)


KEEPS = {
    "relu": functional.relu, "tanh": functional.tanh, "softplus": functional.softplus,
    "sigmoid": functional.sigmoid,
    "silu": functional.silu, "gelu": functional.gelu, "leaky_relu": functional.leaky_relu,
    "dropout": lambda x: functional.dropout(x, 0.5, rng=np.random.default_rng(0)),
}  # fmt: skip


@pytest.mark.parametrize("name", KEEPS)
def test_activations_and_dropout_keep_the_order_of_memory(name):
    x, g = random(4, 3, 5, 6), random(4, 3, 5, 6, seed=1)
    results = []
    for given, back in ((x, g), (last(x), last(g))):
        given = Tensor(given, requires_grad=True)
        y = KEEPS[name](given)
        results.append((y.data, *(h.data for h in grad(y, [given], back))))
    for plain, found in zip(*results):
        np.testing.assert_array_equal(found, plain)
        assert np.moveaxis(found, 0, -1).flags.c_contiguous


@pytest.mark.parametrize("bias", [True, False])
def test_linear_of_flattened_images_hands_back_a_gradient_in_their_order(bias):
    layer = nn.Linear(90, 4, bias=bias, dtype=np.float64)
    x, g = random(5, 3, 5, 6), random(5, 4, seed=1)
    results = []
    for given in (x, last(x)):
        given = Tensor(given, requires_grad=True)
        y = layer(given.reshape((5, 90)))
        results.append((y.data, *(h.data for h in grad(y, [given, *layer.parameters()], g))))
    for plain, found in zip(*results):
        np.testing.assert_allclose(found, plain, rtol=1e-12, atol=1e-14)
    assert np.moveaxis(results[1][1], 0, -1).flags.c_contiguous
    assert results[1][0].flags.c_contiguous
    message = "bias has shape"
    with pytest.raises(ValueError, match=message):
        functional.linear(last(x).reshape((5, 90)), layer.weight, np.zeros(3))


def test_backward_twice_and_without_a_graph():
    layer = nn.Conv2d(2, 3, 3, dtype=np.float64)
    x = tensor(2, 2, 5, 5)
    y = (layer(x) ** 2).sum()
    y.backward()
    once = layer.weight.grad.copy(), x.grad.copy()
    y.backward()
    np.testing.assert_allclose(layer.weight.grad, 2 * once[0], rtol=1e-15)
    np.testing.assert_allclose(x.grad, 2 * once[1], rtol=1e-15)
    with no_grad():
        assert not layer(x).requires_grad


# ---- Modules ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS + TRANSPOSED)
def test_first_values_names_and_text_are_pytorchs(kind):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    options = {"stride": 2, "padding": 1, "groups": 2}
    layer = kind(4, 6, 3, **options)
    other = getattr(torch.nn, kind.__name__)(4, 6, 3, **options)
    assert repr(layer) == repr(other)
    assert repr(kind(4, 6, 3, bias=False)) == repr(
        getattr(torch.nn, kind.__name__)(4, 6, 3, bias=False)
    )
    state = other.state_dict()
    assert {k: v.shape for k, v in layer.state_dict().items()} == {
        k: tuple(v.shape) for k, v in state.items()
    }
    layer.load_state_dict({k: v.numpy() for k, v in state.items()})
    x = random(2, 4, *(7,) * layer._axes).astype("f4")
    theirs = other(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(layer(x).data, theirs, rtol=1e-4, atol=1e-5)
    fan = (6 if layer._transposed else 4) // 2 * 3**layer._axes
    wide = kind(4, 600, 3, groups=2) if not layer._transposed else kind(600, 6, 3, groups=2)
    assert 0.98 / fan**0.5 < abs(wide.weight.data).max() <= 1 / fan**0.5
    assert abs(wide.bias.data).max() <= 1 / fan**0.5


def test_rng_fixes_the_first_values():
    a, b = (nn.Conv2d(1, 2, 3, rng=np.random.default_rng(3)).weight.data for _ in range(2))
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", KINDS + TRANSPOSED)
def test_copies_pickles_and_files_give_the_same(kind, tmp_path):
    layer = kind(2, 4, 3, padding=1)
    x = random(2, 2, *(5,) * layer._axes)
    nn.save(tmp_path / "layer.npz", layer)
    other = kind(2, 4, 3, padding=1)
    other.load_state_dict(nn.load(tmp_path / "layer.npz"))
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), other):
        np.testing.assert_array_equal(twin(x).data, layer(x).data)


def test_a_frozen_kernel_gets_no_gradient_and_hands_one_on():
    layer = nn.Conv2d(1, 2, 3).requires_grad_(False)
    x = Tensor(np.ones((1, 1, 4, 4), np.float32), requires_grad=True)
    layer(x).sum().backward()
    assert layer.weight.grad is None and x.grad.any()


def network():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding="same"), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(4 * 4 * 4, 2),
    )  # fmt: skip


def test_a_network_learns_where_the_bright_half_is():
    nn.manual_seed(0)
    x = np.random.default_rng(0).normal(size=(64, 1, 8, 8)).astype("f4")
    labels = np.arange(64) % 2
    x[labels == 1, :, :, 4:] += 1
    model = network()
    trainer = nn.Trainer(
        model, nn.optim.Adam(model.parameters(), lr=0.01), nn.CrossEntropyLoss(),
        metrics=["accuracy"],
    )  # fmt: skip
    history = trainer.fit(x, labels, epochs=25, progress=False)
    assert history["accuracy"][-1] == 1.0


def test_the_summary_shows_shapes_and_counts():
    text = str(network().summary((1, 8, 8)))
    assert "(n, 4, 8, 8)" in text and "(n, 4, 4, 4)" in text and "40" in text


def test_drawings_and_explanations_tell_what_is_convolved():
    x, weight = tensor(1, 1, 3, 3), tensor(1, 1, 2, 2, seed=1)
    y = functional.conv2d(x, weight).sum()
    shown = draw(y, names={"x": x, "w": weight}).to_text()
    assert "conv" in shown and "Windows" not in shown
    text = str(explain(y, weight, names={"x": x, "w": weight}))
    assert "x ⋆ g" in text and "they agree" in text
    assert "turned w" in str(explain(y, x, names={"x": x, "w": weight}))


# ---- errors -----------------------------------------------------------------------------------

CALLS = {
    "channels last": (
        lambda: nn.Conv2d(3, 8, 3)(np.zeros((32, 28, 28, 3))),
        r"^Conv2d\(3, 8, kernel_size=\(3, 3\), stride=\(1, 1\)\): expected an input of shape "
        r"\(N, 3, H, W\) or \(3, H, W\), got \(32, 28, 28, 3\); channels come before space: "
        r"np\.moveaxis\(x, -1, -3\)$",
    ),
    "no channels": (
        lambda: nn.Conv2d(1, 8, 3)(np.zeros((32, 28, 28))),
        r"got \(32, 28, 28\); give it its axis of channels: x\[:, None\]$",
    ),
    "rows": (
        lambda: nn.Conv2d(1, 8, 3)(np.zeros((32, 784))),
        r"got \(32, 784\); unfold rows to images: x\.reshape\(len\(x\), 1, \.\.\.\)$",
    ),
    "another number of channels": (
        lambda: nn.Conv1d(3, 8, 3)(np.zeros((32, 4, 10))),
        r"\(N, 3, L\) or \(3, L\), got \(32, 4, 10\)$",
    ),
    "transposed, another number of channels": (
        lambda: nn.ConvTranspose3d(3, 8, 3)(np.zeros((32, 4, 5, 5, 5))),
        r"^ConvTranspose3d\(.*\(N, 3, D, H, W\) or \(3, D, H, W\), got \(32, 4, 5, 5, 5\)$",
    ),
    "a number": (lambda: nn.Conv1d(3, 8, 3)(1.0), r"\(N, 3, L\) or \(3, L\), got \(\)$"),
    "a kernel larger than the image": (
        lambda: nn.Conv2d(1, 8, 5)(np.zeros((1, 1, 4, 9))),
        r"reaches over \(5, 5\) elements, more than an input of \(4, 9\) has with padding "
        r"\(\(0, 0\), \(0, 0\)\); give a larger input, more padding or a smaller kernel$",
    ),
    "same with stride": (
        lambda: nn.Conv2d(1, 8, 3, stride=2, padding="same"),
        r"^Conv2d: padding='same' needs stride 1, got stride \(2, 2\); give the padding in numbers",
    ),
    "another word": (
        lambda: nn.Conv2d(1, 8, 3, padding="full"),
        r"^Conv2d: padding must be 'same' or 'valid', got 'full'",
    ),
    "negative padding": (
        lambda: nn.Conv2d(1, 8, 3, padding=-1), r"^Conv2d: padding must be >= 0, got -1",
    ),
    "no stride": (lambda: nn.Conv2d(1, 8, 3, stride=0), "^Conv2d: stride must be >= 1, got 0"),
    "no dilation": (
        lambda: nn.Conv1d(1, 8, 3, dilation=0), "^Conv1d: dilation must be >= 1, got 0",
    ),
    "no kernel": (
        lambda: nn.Conv1d(1, 8, 0), "^Conv1d: kernel_size must be >= 1, got 0",
    ),
    "three lengths for two axes": (
        lambda: nn.Conv2d(1, 8, (3, 3, 3)),
        r"^Conv2d: kernel_size must be a whole number or 2 of them, one an axis, got \(3, 3, 3\)",
    ),
    "groups that do not divide": (
        lambda: nn.Conv2d(3, 8, 3, groups=2), "^Conv2d: groups=2 must divide in_channels, 3",
    ),
    "groups that do not divide what comes out": (
        lambda: nn.Conv2d(4, 9, 3, groups=2), "^Conv2d: groups=2 must divide out_channels, 9",
    ),
    "another padding_mode": (
        lambda: nn.Conv2d(1, 8, 3, padding_mode="wrap"),
        "^Conv2d: padding_mode must be 'zeros', 'reflect', 'replicate' or 'circular', got 'wrap'",
    ),
    "transposed with a padding_mode": (
        lambda: nn.ConvTranspose2d(1, 8, 3, padding_mode="reflect"),
        "^ConvTranspose2d: padding_mode must be 'zeros', got 'reflect'",
    ),
    "no channels out": (lambda: nn.Conv1d(1, 0, 3), "^Conv1d: out_channels must be >= 1, got 0"),
    "reflection beyond the image": (
        lambda: nn.Conv1d(1, 1, 9, padding=4, padding_mode="reflect")(np.zeros((1, 1, 4))),
        "^pad: mode 'reflect' can put at most 3 elements beside an axis of length 4, got ",
    ),
    "weight of another rank": (
        lambda: functional.conv2d(np.zeros((1, 1, 3, 3)), np.zeros((1, 3, 3))),
        r"^conv2d: weight must be \(out, in / groups, \*kernel\), got shape \(1, 3, 3\)",
    ),
    "groups that do not divide the weight": (
        lambda: functional.conv1d(np.zeros((1, 2, 3)), np.zeros((3, 1, 3)), groups=2),
        r"^conv1d: groups=2 must divide the channels, of which weight \(3, 1, 3\) has 3",
    ),
    "bias of another length": (
        lambda: functional.conv1d(np.zeros((1, 2, 3)), np.zeros((3, 2, 3)), np.zeros(2)),
        r"^conv1d: bias has shape \(2,\), but there are 3 channels out; it must have shape \(3,\)",
    ),
    "output_padding too large": (
        lambda: nn.ConvTranspose2d(1, 1, 3, stride=2, output_padding=2)(np.zeros((1, 4, 4))),
        r"output_padding must be smaller than stride or dilation, got \(2, 2\) with stride \(2, ",
    ),
    "output_size out of reach": (
        lambda: nn.ConvTranspose1d(1, 1, 3, stride=2)(np.zeros((1, 4)), output_size=12),
        r"output_size must be from \(9,\) to \(10,\) for an input of \(4,\), got \(12,\)",
    ),
    "output_size of another number of axes": (
        lambda: nn.ConvTranspose2d(1, 1, 3)(np.zeros((2, 1, 4, 4)), output_size=(1, 6, 6)),
        r"output_size must be a whole number or 2 of them, one an axis, got \(1, 6, 6\)",
    ),
    "nothing left": (
        lambda: nn.ConvTranspose1d(1, 1, 1, padding=1)(np.zeros((1, 2))),
        r"an input of \(2,\) would give an output of \(0,\); give less padding",
    ),
}  # fmt: skip


@pytest.mark.parametrize("call, message", CALLS.values(), ids=CALLS)
def test_mistakes_are_told_with_layer_shapes_and_cure(call, message):
    with pytest.raises(ValueError, match=message):
        call()


KINDS_OF = {
    "text": (lambda: nn.Conv1d(1, 1, 2)("abc"), "text"),
    "objects": (lambda: functional.conv1d(np.array([None]), np.zeros((1, 1, 1))), "object"),
    "a kernel of half": (lambda: nn.Conv1d(1, 1, 2.5), "kernel_size must be a whole number"),
    "a bias that is no flag": (lambda: nn.Conv1d(1, 1, 2, bias="yes"), "bias must be True or"),
    "a transposed one with a word": (
        lambda: nn.ConvTranspose1d(1, 1, 2, padding="same"),
        "padding",
    ),
}


@pytest.mark.parametrize("call, message", KINDS_OF.values(), ids=KINDS_OF)
def test_wrong_kinds_are_told(call, message):
    with pytest.raises(TypeError, match=message):
        call()
