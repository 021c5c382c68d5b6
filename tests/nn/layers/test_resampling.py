"""Padding, interpolation, pixels and columns: values, both orders of derivatives, errors.

Compared with PyTorch in float64 where it is installed, with closed forms, and finite differences.
"""

import copy
import functools
import itertools
import pickle

import numpy as np
import pytest

import nn
from autograd import Tensor, draw, explain, gradcheck, gradgradcheck
from nn import functional
from tests.makers import random, tensor
from tests.nn.layers.against import assert_as_pytorch


def functions(name):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    return getattr(functional, name), getattr(torch.nn.functional, name)


# ---- pad --------------------------------------------------------------------------------------

PADS = [(1, 2), (2, 0), (0, 1), (1, 2, 2, 1), (0, 0, 1, 0), (3, 3, 2, 2)]


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("pads", PADS, ids=str)
def test_pad_is_pytorchs_at_both_orders(mode, pads):
    ours, theirs = functions("pad")
    x = random(2, 3, 5, 4) if len(pads) == 4 else random(2, 3, 4)
    assert_as_pytorch(
        functools.partial(ours, pad=pads, mode=mode),
        functools.partial(theirs, pad=pads, mode=mode),
        x,
    )


NUMPYS = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@pytest.mark.parametrize("mode", NUMPYS)
def test_pad_is_numpys_under_another_name(mode):
    x = random(3, 5, 4)
    expected = np.pad(x, [(0, 0), (2, 1), (3, 0)], NUMPYS[mode])
    np.testing.assert_array_equal(functional.pad(x, (3, 0, 2, 1), mode), expected)


def test_pad_cuts_off_where_it_is_negative_and_takes_any_number_of_axes():
    x = random(2, 3, 5)
    np.testing.assert_array_equal(functional.pad(x, (-1, -2)), x[:, :, 1:-2])
    np.testing.assert_array_equal(functional.pad(x, (0, 0, 0, 0, 1, 0))[0], np.zeros((3, 5)))
    found = functional.pad(x, (-1, 1), value=7.0)
    np.testing.assert_array_equal(found, np.concatenate([x[:, :, 1:], np.full((2, 3, 1), 7.0)], 2))
    assert functional.pad(x.astype("f4"), (1, 1), value=2).dtype == np.float32


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("pads", [(-1, 1), (2, -2), (-1, 1, -2, 1)], ids=str)
def test_pads_that_cut_off_at_one_end_are_pytorchs(mode, pads):
    ours, theirs = functions("pad")
    assert_as_pytorch(
        functools.partial(ours, pad=pads, mode=mode),
        functools.partial(theirs, pad=pads, mode=mode),
        random(2, 3, 5, 4) if len(pads) == 4 else random(2, 3, 4),
    )


def test_what_is_left_goes_round():
    x = random(2, 3, 5)
    expected = np.pad(x[:, :, 2:], [(0, 0), (0, 0), (0, 1)], "wrap")
    np.testing.assert_array_equal(functional.pad(x, (-2, 1), "circular"), expected)


@pytest.mark.parametrize("mode", NUMPYS)
def test_pad_agrees_with_finite_differences(mode):
    x = tensor(2, 4)
    assert gradcheck(lambda x: functional.pad(x, (2, 3), mode), [x])
    assert gradgradcheck(lambda x: functional.pad(x, (2, 3), mode) ** 2, [x])


# ---- interpolate ------------------------------------------------------------------------------

SHAPES = {1: (2, 3, 5), 2: (2, 3, 4, 5), 3: (2, 2, 3, 4, 2)}
LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}
SCALES = [{"scale_factor": s} for s in (2, 3, 0.5, 1.7, 1)] + [{"size": n} for n in (1, 2, 5, 9)]


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("scale", SCALES, ids=str)
@pytest.mark.parametrize("mode", ["nearest", False, True])
@pytest.mark.filterwarnings("ignore")  # PyTorch's, of scales that are no whole numbers
def test_interpolate_is_pytorchs_at_both_orders(axes, scale, mode):
    ours, theirs = functions("interpolate")
    options = {"mode": "nearest"} if mode == "nearest" else {
        "mode": LINEAR[axes], "align_corners": mode
    }  # fmt: skip
    options = {**options, **scale}
    assert_as_pytorch(
        functools.partial(ours, **options), functools.partial(theirs, **options),
        random(*SHAPES[axes]),
    )  # fmt: skip


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize("recompute", [True, False, None])
@pytest.mark.parametrize("factor", [1.7, 0.6, (1.7, 2.3)], ids=str)
@pytest.mark.filterwarnings("ignore")  # PyTorch's, of scales that are no whole numbers
def test_factors_computed_again_are_pytorchs(mode, recompute, factor):
    ours, theirs = functions("interpolate")
    options = {"scale_factor": factor, "mode": mode, "recompute_scale_factor": recompute}
    assert_as_pytorch(
        functools.partial(ours, **options), functools.partial(theirs, **options),
        random(2, 3, 4, 5),
    )  # fmt: skip


def test_factors_computed_again_are_the_quotients_of_the_lengths():
    x, options = random(2, 3, 4, 5), {"mode": "bilinear"}
    layer = nn.Upsample(scale_factor=1.7, recompute_scale_factor=True, **options)
    expected = functional.interpolate(x, size=(6, 8), **options)
    np.testing.assert_array_equal(layer(x).data, expected)
    assert not np.array_equal(functional.interpolate(x, scale_factor=1.7, **options), expected)


def test_lengths_of_each_axis():
    x = random(2, 3, 4, 5)
    assert functional.interpolate(x, size=(8, 3)).shape == (2, 3, 8, 3)
    assert functional.interpolate(x, scale_factor=(2, 0.5)).shape == (2, 3, 8, 2)
    assert functional.interpolate(x[:0], scale_factor=2).shape == (0, 3, 8, 10)


def test_nearest_repeats_each_element():
    x = random(2, 3, 4)
    np.testing.assert_array_equal(
        functional.interpolate(x, scale_factor=3), np.repeat(x, 3, axis=2)
    )


@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize("length", range(1, 12))
@pytest.mark.filterwarnings("ignore")  # PyTorch's, of scales that are no whole numbers
def test_factors_of_all_sizes_read_pytorchs_elements(mode, length):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    x = np.arange(length, dtype=np.float32)[None, None]
    for factor in np.arange(1, 40) / 10:
        if int(length * float(factor)):
            options = {"scale_factor": float(factor), "mode": mode}
            expected = torch.nn.functional.interpolate(torch.tensor(x), **options)
            np.testing.assert_allclose(
                functional.interpolate(x, **options), expected.numpy(), atol=1e-5
            )


def test_a_nearest_element_on_the_edge_of_two():
    found = functional.interpolate(np.arange(9.0)[None, None], scale_factor=0.6)
    np.testing.assert_array_equal(found[0, 0], [0, 1, 3, 5, 6])


def test_linear_of_as_many_elements_gives_these():
    x = random(1, 1, 5)
    found = functional.interpolate(x, scale_factor=1.1, mode="linear")
    np.testing.assert_array_equal(found, x)


def test_linear_is_numpys_interp():
    x = random(7)
    found = functional.interpolate(x[None, None], size=25, mode="linear", align_corners=True)
    np.testing.assert_allclose(found[0, 0], np.interp(np.linspace(0, 6, 25), np.arange(7), x))


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64], ids=lambda d: d.__name__)
def test_nearest_elements_are_pytorchs_to_the_last_one(axes, dtype):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    factors = (0.3, 0.6, 0.7, 0.9, 1 / 3, 2 / 3, 1.1, 1.2, 1.3, 1.4, 1.7, 1.9, 2.3, 2.7, 3.1, 3.3)
    for n in (1, 2, 3, 6, 14, 21, 26, 41):
        x = np.broadcast_to(np.arange(n, dtype=dtype)[:, None, None], (1, 1, n, 2, 2))
        x = np.ascontiguousarray(x[(..., 0, 0)[: 4 - axes]])
        calls = [{"size": (m, *(2,) * (axes - 1))} for m in range(1, 92)]
        for factor in factors:
            if int(n * factor):
                for again in (None, True):
                    given = {"scale_factor": (factor, *(1.0,) * (axes - 1))}
                    calls.append({**given, "recompute_scale_factor": again})
        for options in calls:
            wanted = torch.nn.functional.interpolate(torch.tensor(x), **options).numpy()
            found = functional.interpolate(x, **options)
            np.testing.assert_array_equal(found.data, wanted, err_msg=f"{n} {options}")


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_interpolate_agrees_with_finite_differences(mode):
    x = tensor(1, 2, 3, 2)
    assert gradcheck(lambda x: functional.interpolate(x, size=(5, 3), mode=mode), [x])
    assert gradgradcheck(lambda x: functional.interpolate(x, size=(5, 3), mode=mode) ** 2, [x])


def test_far_elements_stay_out_of_it():
    x = np.array([[[1.0, np.nan, 3.0, np.inf]]])
    y = functional.interpolate(x, scale_factor=2)[0, 0]
    np.testing.assert_array_equal(y, [1, 1, np.nan, np.nan, 3, 3, np.inf, np.inf])


# ---- pixels -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(8, 3, 4), (2, 12, 3, 4), (2, 3, 4, 3, 4)], ids=str)
def test_pixel_shuffle_and_its_way_back_are_pytorchs(shape):
    ours, theirs = functions("pixel_shuffle")
    assert_as_pytorch(lambda x: ours(x, 2), lambda x: theirs(x, 2), random(*shape))
    ours, theirs = functions("pixel_unshuffle")
    x = random(*shape[:-2], 4, 6)
    assert_as_pytorch(lambda x: ours(x, 2), lambda x: theirs(x, 2), x)
    np.testing.assert_array_equal(functional.pixel_shuffle(ours(x, 2), 2), x)


# ---- columns ----------------------------------------------------------------------------------

WINDOWS = [
    {"kernel_size": kernel, "dilation": dilation, "padding": padding, "stride": stride}
    for kernel, dilation, padding, stride in itertools.product(
        (1, 2, (3, 2)), (1, 2), (0, (1, 2)), (1, (2, 3))
    )
]


@pytest.mark.parametrize("options", WINDOWS, ids=str)
def test_unfold_and_fold_are_pytorchs_at_both_orders(options):
    ours, theirs = functions("unfold")
    x = random(2, 3, 6, 7)
    assert_as_pytorch(functools.partial(ours, **options), functools.partial(theirs, **options), x)
    columns = ours(random(2, 3, 6, 7, seed=1), **options)
    options = {**options, "output_size": (6, 7)}
    ours, theirs = functions("fold")
    assert_as_pytorch(
        functools.partial(ours, **options), functools.partial(theirs, **options), columns
    )


def test_a_convolution_is_a_product_with_columns():
    x, weight = random(2, 3, 6, 7), random(5, 3, 3, 2, seed=1)
    y = weight.reshape(5, -1) @ functional.unfold(x, (3, 2))
    np.testing.assert_allclose(y.reshape(2, 5, 4, 6), functional.conv2d(x, weight), rtol=1e-12)


def test_fold_is_the_adjoint_of_unfold():
    x, y = random(3, 5, 6), random(12, 20, seed=1)
    there = (functional.unfold(x, 2) * y).sum()
    np.testing.assert_allclose(there, (functional.fold(y, (5, 6), 2) * x).sum(), rtol=1e-12)


def test_columns_agree_with_finite_differences():
    x = tensor(1, 2, 3, 3)
    assert gradcheck(lambda x: functional.unfold(x, 2, padding=1), [x])
    assert gradgradcheck(lambda x: functional.unfold(x, 2, padding=1) ** 2, [x])
    assert gradgradcheck(lambda x: functional.fold(x, (3, 3), 2) ** 2, [tensor(8, 4)])


def test_columns_of_no_samples_and_of_half_a_precision():
    assert functional.unfold(np.zeros((0, 2, 4, 4)), 3).shape == (0, 18, 4)
    assert functional.fold(np.zeros((0, 18, 4)), (4, 4), 3).shape == (0, 2, 4, 4)
    ones = np.ones((1, 9, 1600), np.float16) * 40
    folded = functional.fold(ones, (42, 42), 3)
    assert folded.dtype == np.float16 and folded[0, 0, 20, 20] == 360


# ---- Modules ----------------------------------------------------------------------------------

MODULES = {
    "Upsample": ({"scale_factor": 2, "mode": "bilinear"}, (2, 3, 4, 5)),
    "PixelShuffle": ({"upscale_factor": 2}, (2, 8, 3, 3)),
    "PixelUnshuffle": ({"downscale_factor": 2}, (2, 3, 4, 6)),
    "Unfold": ({"kernel_size": 2, "stride": 2}, (2, 3, 4, 6)),
    "Fold": ({"output_size": (4, 4), "kernel_size": 2}, (2, 8, 9)),
}


@pytest.mark.parametrize("name", MODULES)
def test_modules_compute_as_pytorchs(name):
    options, shape = MODULES[name]
    layer = getattr(nn, name)(**options)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert repr(twin) == repr(layer) and not list(layer.parameters())
    assert layer(np.ones(shape, np.float32)).dtype == np.float32
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    assert_as_pytorch(layer, getattr(torch.nn, name)(**options), random(*shape))


def test_options_are_shown():
    assert repr(nn.Upsample(scale_factor=2)) == "Upsample(scale_factor=2, mode='nearest')"
    assert repr(nn.Upsample(size=(3, 4))) == "Upsample(size=(3, 4), mode='nearest')"
    assert repr(nn.PixelShuffle(3)) == "PixelShuffle(upscale_factor=3)"
    assert repr(nn.PixelUnshuffle(3)) == "PixelUnshuffle(downscale_factor=3)"
    assert repr(nn.Fold(4, 2)).startswith("Fold(output_size=(4, 4), kernel_size=(2, 2), dilation=")


def test_drawings_and_explanations_tell_of_columns():
    x = tensor(1, 1, 4, 4)
    y = functional.unfold(x, 2).sum()
    assert "Windows" not in draw(y, names={"x": x}).to_text()
    assert "fold(g)" in str(explain(y, x, names={"x": x}))


# ---- errors -----------------------------------------------------------------------------------

ONES = np.ones((1, 1, 4, 4))
CALLS = {
    "an odd pad": (lambda: functional.pad(ONES, (1, 2, 3)), r"^pad: pad must be \(ahead, behind\)"),
    "too many pads": (lambda: functional.pad(np.ones(3), (1, 1, 1, 1)), r"of shape \(3,\), got"),
    "another mode": (lambda: functional.pad(ONES, (1, 1), "edge"), "^pad: mode must be 'constant'"),
    "a value of a mode": (
        lambda: functional.pad(ONES, (1, 1), "reflect", 2.0),
        "^pad: value=2.0 is for mode='constant', not for 'reflect'",
    ),
    "a long reflection": (
        lambda: functional.pad(ONES, (4, 0), "reflect"),
        "^pad: mode 'reflect' can put at most 3 elements beside an axis of length 4, got",
    ),
    "a long turn": (
        lambda: functional.pad(ONES, (0, 5), "circular"), "mode 'circular' can put at most 4",
    ),
    "nothing to repeat": (
        lambda: functional.pad(np.ones((2, 0)), (0, 5), "replicate"), "can put at most 0",
    ),
    "cut off more than there is": (
        lambda: functional.pad(ONES, (-3, -2)), r"^pad: \(-3, -2\) cut off more than axis 3 of",
    ),
    "no size": (lambda: functional.interpolate(ONES), "^interpolate: give size or scale_factor"),
    "both": (lambda: nn.Upsample(3, 2), "^Upsample: give size or scale_factor, one of them"),
    "a size computed again": (
        lambda: nn.Upsample(3, recompute_scale_factor=True),
        "^Upsample: recompute_scale_factor is for scale_factor, not for size",
    ),
    "a turn of what is left": (
        lambda: functional.pad(ONES, (-2, 3), "circular"),
        "mode 'circular' can put at most 2 elements beside an axis of length 2, got",
    ),
    "mode of another rank": (
        lambda: functional.interpolate(ONES, 3, mode="linear"),
        r"mode 'linear' does not fit an input of shape \(1, 1, 4, 4\); of 2 axes it is 'bilinear'",
    ),
    "no such mode": (
        lambda: nn.Upsample(3, mode="bicubic"), "^Upsample: mode must be 'nearest', 'linear', ",
    ),
    "corners of nearest": (
        lambda: nn.Upsample(3, align_corners=True), "^Upsample: align_corners is for the linear",
    ),
    "another rank": (
        lambda: nn.Upsample(3)(np.ones((4, 4))),
        r"^Upsample\(size=3, mode='nearest'\): expected an input of shape \(N, C, L\), .* \(4, 4\)",
    ),
    "other axes": (
        lambda: functional.interpolate(ONES, size=(3, 3, 3)),
        r"^interpolate: size \(3, 3, 3\) does not fit an input with 2 axes of space, \(4, 4\)",
    ),
    "nothing left": (
        lambda: functional.interpolate(ONES, scale_factor=0.1),
        r"^interpolate: scale_factor 0.1 leaves nothing of an input of \(4, 4\)",
    ),
    "a size of zero": (lambda: nn.Upsample(0), "^Upsample: size must be >= 1, got 0"),
    "a factor of zero": (
        lambda: nn.Upsample(scale_factor=0), "^Upsample: scale_factor must be above 0, got 0",
    ),
    "channels that do not divide": (
        lambda: functional.pixel_shuffle(ONES, 2),
        r"^pixel_shuffle: expected an input \(\.\.\., C, H, W\) with channels that 2² divides, got "
        r"shape \(1, 1, 4, 4\)",
    ),
    "lengths that do not divide": (
        lambda: functional.pixel_unshuffle(ONES, 3), "with H and W that 3 divides, got shape",
    ),
    "windows larger than the image": (
        lambda: functional.unfold(ONES, 5),
        r"^unfold: windows of \(5, 5\) are larger than an image of \(4, 4\) with padding \(0, 0\)",
    ),
    "no image": (lambda: nn.Unfold(2)(np.ones((4, 4))), r"^Unfold\(.*got shape \(4, 4\)"),
    "another number of windows": (
        lambda: nn.Fold(4, 2)(np.ones((8, 8))),
        r"^Fold\(.*\(N, C · 4, 9\) or \(C · 4, 9\), with 4 numbers in each of 9 windows, got shape "
        r"\(8, 8\)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("call, message", CALLS.values(), ids=CALLS)
def test_mistakes_are_told_with_layer_shapes_and_cure(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_wrong_kinds_are_told():
    with pytest.raises(TypeError, match="pad: pad must be a whole number, got 1.5"):
        functional.pad(Tensor(ONES), (1.5, 1))
    with pytest.raises(TypeError, match="Upsample: align_corners must be True or False"):
        nn.Upsample(3, mode="linear", align_corners="yes")
    with pytest.raises(TypeError, match="PixelShuffle: upscale_factor must be a whole number"):
        nn.PixelShuffle(1.5)
