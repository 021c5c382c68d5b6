"""GLU, PReLU, Softmin; and the ends of Mish, CELU, Softsign and Hardswish, where digits get lost.

Compared with PyTorch in float64, first and second order, where it is installed, with finite
differences, and with closed forms in extended precision.
"""

import copy
import pickle
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import autograd
import nn
from autograd import Tensor, draw, explain, grad, gradcheck, gradgradcheck
from nn import functional
from tests.compare import assert_equals_pytorch
from tests.makers import random, tensor

inf, nan = np.inf, np.nan
Long = np.longdouble
DTYPES = [np.float16, np.float32, np.float64]
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.__name__)


def first_and_second(function, x):
    """Values, slopes by a plain and by a recorded sweep, and second derivatives."""
    t = Tensor(x, requires_grad=True)
    y = function(t)
    one = np.ones_like(y.data)
    (plain,) = grad(y, t, one)
    (once,) = grad(function(t), t, one, create_graph=True)
    (twice,) = grad(once.sum() + 0 * t[0], t)
    return y.data, plain.data, once.data, twice.data


# ---- ends -------------------------------------------------------------------------------------

ENDS = {  # values, slopes and second derivatives at -inf, inf
    "celu": ((-1, inf), (0, 1), (0, 0)),
    "elu": ((-1, inf), (0, 1), (0, 0)),
    "gelu": ((0, inf), (0, 1), (0, 0)),
    "gelu_tanh": ((0, inf), (0, 1), (0, 0)),
    "hardsigmoid": ((0, 1), (0, 0), (0, 0)),
    "hardswish": ((0, inf), (0, 1), (0, 0)),
    "hardtanh": ((-1, 1), (0, 0), (0, 0)),
    "leaky_relu": ((-inf, inf), (0.25, 1), (0, 0)),
    "log_sigmoid": ((-inf, 0), (1, 0), (0, 0)),
    "mish": ((0, inf), (0, 1), (0, 0)),
    "relu": ((0, inf), (0, 1), (0, 0)),
    "relu6": ((0, 6), (0, 0), (0, 0)),
    "selu": ((-1.7580993, inf), (0, 1.050701), (0, 0)),
    "sigmoid": ((0, 1), (0, 0), (0, 0)),
    "silu": ((0, inf), (0, 1), (0, 0)),
    "softplus": ((0, inf), (0, 1), (0, 0)),
    "softsign": ((-1, 1), (0, 0), (0, 0)),
    "tanh": ((-1, 1), (0, 0), (0, 0)),
}
OPTIONS = {"gelu_tanh": {"approximate": "tanh"}, "leaky_relu": {"negative_slope": 0.25}}


@each_dtype
@pytest.mark.parametrize("name, ends", ENDS.items(), ids=ENDS)
def test_both_ends_have_the_limits_and_nan_stays(name, ends, dtype):
    function = getattr(functional, name.removesuffix("_tanh") if "gelu" in name else name)
    function = partial(function, **OPTIONS.get(name, {}))
    with np.errstate(all="raise", under="ignore"):
        found = first_and_second(function, np.array([0.5, -inf, inf], dtype))
    for array, expected in zip(found, (ends[0], ends[1], ends[1], ends[2])):
        assert array.dtype == dtype
        np.testing.assert_allclose(array[1:], expected, rtol=1e-3 if name == "selu" else 0)
    assert np.isnan(function(Tensor([np.nan], dtype=dtype)).data[0])


def test_every_activation_of_one_number_has_its_ends():
    kinds = [getattr(nn, name) for name in nn.layers.__all__]
    of_one = {k._function.__name__ for k in kinds if hasattr(k, "_defaults")}
    assert of_one - {"softmax", "log_softmax", "softmin"} == {*ENDS} - {"gelu_tanh"}


def everywhere(dtype):
    """Numbers of all sizes and both signs, whose closed forms below stay within the range."""
    if dtype is np.float16:
        x = np.arange(1 << 16).astype(np.uint16).view(np.float16)
        return x[np.isfinite(x)]
    most = 90 if dtype is np.float32 else 720
    rng = np.random.default_rng(3)
    sizes = np.concatenate([rng.uniform(0, most, 2000), rng.uniform(0, 5, 2000),
                            np.exp2(rng.uniform(-60, 3, 500)), [1000, 1e6, 1e30]])  # fmt: skip
    return np.concatenate([sizes, -sizes]).astype(dtype)


def mish_by_hand(x):
    """Mish, its slope, the sum of what that adds up, and its second derivative the same way."""
    e = np.exp(-np.abs(x))
    far = x < 0
    d = np.where(far, e * e + 2 * e + 2, 1 + 2 * e + 2 * e * e)
    share = np.where(far, e * (e + 2), 1 + 2 * e) / d
    bend = 4 * np.where(far, e * (e + 1), e * e * (1 + e)) / d / d
    sigmoid = np.where(far, e, 1) / (1 + e)
    rest = np.where(far, 1, e) / (1 + e)
    # bend' = bend (1 - sigmoid - 2 share sigmoid)
    turn = 2 * bend + x * bend * (rest - 2 * share * sigmoid)
    size = 2 * bend + np.abs(x) * bend * (rest + 2 * share * sigmoid)
    return x * share, share + x * bend, share + np.abs(x) * bend, turn, size


def assert_near(found, expected, size, units):
    """Within so many units in the last place of a size; what is no normal number, of the least."""
    info = np.finfo(found.dtype)
    step = np.maximum(np.abs(size) * Long(info.eps), Long(info.smallest_subnormal))
    worst = np.max(np.abs(found.astype(Long) - expected) / step)
    assert worst <= units


needs_extended = pytest.mark.skipif(
    np.finfo(Long).eps > 2e-19, reason="needs extended precision to compare with"
)


@needs_extended
@each_dtype
def test_mish_keeps_its_digits(dtype):
    x = everywhere(dtype)
    with np.errstate(all="raise", under="ignore"):
        values, plain, once, twice = first_and_second(functional.mish, x)
    with np.errstate(under="ignore"):
        y, slope, size, turn, turns = mish_by_hand(x.astype(Long))
    usual = np.abs(y) > np.finfo(dtype).tiny  # e^x alone may be below that, and y not
    assert_near(values[usual], y[usual], y[usual], 8)
    assert np.all(np.abs(values[~usual]) <= np.finfo(dtype).tiny * 1.01)
    usual = size > np.finfo(dtype).tiny
    assert_near(plain[usual], slope[usual], size[usual], 8)
    # what is recorded is of single operations, which lose e^x where it is not a normal number
    usual = np.exp(np.minimum(x, 0).astype(Long)) > np.finfo(dtype).tiny * 4
    assert_near(once[usual], slope[usual], size[usual], 8)
    usual &= turns > np.finfo(dtype).tiny * 1000
    assert_near(twice[usual], turn[usual], turns[usual], 16)


@needs_extended
@each_dtype
def test_softsign_keeps_its_digits(dtype):
    x = everywhere(dtype)
    with np.errstate(all="raise", under="ignore"):
        values, plain, once, twice = first_and_second(functional.softsign, x)
    wide = x.astype(Long)
    size = 1 + np.abs(wide)
    assert_near(values, wide / size, wide / size, 3)
    for found in (plain, once):
        assert_near(found, 1 / size / size, 1 / size / size, 4)
    assert_near(twice, -2 * np.sign(wide) / size**3, 2 / size**3, 8)


@needs_extended
@each_dtype
@pytest.mark.parametrize("alpha", [1.0, 2.0, 0.25])
def test_celu_keeps_its_digits(alpha, dtype):
    x = everywhere(dtype)
    with np.errstate(all="raise", under="ignore"):
        values, plain, once, twice = first_and_second(lambda x: functional.celu(x, alpha), x)
    wide = x.astype(Long)
    with np.errstate(under="ignore"):
        below = np.minimum(wide, 0)
        slope = np.exp(below / alpha)
    assert_near(values, np.maximum(wide, 0) + alpha * np.expm1(below / alpha), np.abs(values), 6)
    for found in (plain, once):
        assert_near(found, slope, slope, 4)
    assert_near(twice, np.where(wide < 0, slope / alpha, 0), slope / alpha, 4)


@needs_extended
@each_dtype
def test_hardswish_keeps_its_digits(dtype):
    x = everywhere(dtype)
    with np.errstate(all="raise", under="ignore"):
        values, plain, once, twice = first_and_second(functional.hardswish, x)
    wide = x.astype(Long)
    within = np.abs(wide) < 3
    y = np.where(within, wide * (wide + 3) / 6, np.maximum(wide, 0) * (wide >= 3))
    assert_near(values, y, y, 3)
    for found in (plain, once):
        slope = np.where(within, (2 * wide + 3) / 6, wide >= 3)
        assert_near(found, slope, np.abs(wide * within) / 3 + 0.5, 3)
    assert_near(twice, within / Long(3), within / Long(3), 2)


def test_hardswish_of_large_numbers_does_not_overflow():
    most = np.finfo(np.float32).max
    assert functional.hardswish(np.array([most], np.float32))[0] == most


def test_hardsigmoid_is_pytorchs_up_to_single_precision():
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    x = np.linspace(-5, 5, 41)
    a, b = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, theirs = functional.hardsigmoid(a), torch.nn.functional.hardsigmoid(b)
    np.testing.assert_allclose(y.data, theirs.detach(), rtol=1e-15)
    (slope,), (wanted,) = grad(y.sum(), a), torch.autograd.grad(theirs.sum(), b)
    np.testing.assert_allclose(slope.data, wanted, rtol=1e-7)


def test_an_infinite_gradient_does_not_pass_a_bound():
    for function, x in ((functional.hardsigmoid, -3.0), (functional.hardswish, -4.0)):
        t = Tensor([x, 1.0], requires_grad=True)
        np.sqrt(function(t)).sum().backward()
        assert t.grad[0] == 0 and np.isfinite(t.grad[1])


def test_softmin_is_softmax_of_what_is_turned_round():
    x = random(3, 4)
    np.testing.assert_array_equal(functional.softmin(x, 0), functional.softmax(-x, 0))
    assert functional.softmin(x, dtype=np.float32).dtype == np.float32
    assert functional.softmin([0, 1]).dtype == np.float64


def test_celu_wants_an_alpha_above_0():
    for alpha in (0.0, -1.0):
        with pytest.raises(ValueError, match=f"CELU: celu: alpha must be above 0, got {alpha}"):
            nn.CELU(alpha)
    with pytest.raises(ValueError, match="celu: alpha must be a finite number, got inf"):
        functional.celu([1.0], inf)


# ---- GLU --------------------------------------------------------------------------------------

HALVED = {"last": ((3, 8), -1), "first": ((4, 3), 0), "middle": ((2, 6, 3), 1), "one": ((2,), 0),
          "nothing": ((0, 4), -1), "no channels": ((3, 0), 1)}  # fmt: skip


@pytest.mark.parametrize("shape, axis", HALVED.values(), ids=HALVED)
def test_glu_agrees_with_pytorch(shape, axis):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    assert_equals_pytorch(torch, nn.GLU(axis), torch.nn.GLU(axis), [random(*shape) * 3], rtol=1e-12)


@pytest.mark.parametrize("shape, axis", list(HALVED.values())[:3], ids=list(HALVED)[:3])
def test_glu_agrees_with_finite_differences(shape, axis):
    assert gradcheck(nn.GLU(axis), tensor(*shape)) and gradgradcheck(nn.GLU(axis), tensor(*shape))


def test_glu_by_hand():
    x = Tensor([3.0, 5.0, np.log(3), 0.0], requires_grad=True)
    y = functional.glu(x)
    y.sum().backward()
    np.testing.assert_allclose(y.data, [2.25, 2.5])
    np.testing.assert_allclose(x.grad, [0.75, 0.5, 3 * 0.75 * 0.25, 5 * 0.25])


@each_dtype
def test_glu_keeps_the_digits_of_gates_that_are_open(dtype):
    far = {np.float16: 9, np.float32: 80, np.float64: 700}[dtype]
    x = Tensor(np.array([2, 2, far, -far], dtype), requires_grad=True)
    exact = 2 * np.exp(-Long(far)) / (1 + np.exp(-Long(far))) ** 2
    for again in (False, True):
        (g,) = grad(functional.glu(x).sum(), x, create_graph=again)
        assert g.dtype == dtype
        np.testing.assert_allclose(g.data[2:].astype(Long), exact, rtol=4 * np.finfo(dtype).eps)


@each_dtype
def test_glu_of_large_numbers_is_silent(dtype):
    x = Tensor(np.array([1000, -1000, 1000, -1000], dtype), requires_grad=True)
    with np.errstate(all="raise", under="ignore"):
        y = functional.glu(x)
        (g,) = grad(y.sum(), x, create_graph=True)
        grad(g.sum(), x)
    assert y.tolist() == [1000, 0] and np.isfinite(g.data).all()


def test_glu_takes_what_is_no_tensor():
    assert isinstance(functional.glu([1, 2]), np.ndarray)
    assert isinstance(nn.GLU()([1, 2]), Tensor) and nn.GLU()([[1, 2]]).dtype == np.float64
    assert repr(nn.GLU(1)) == "GLU(axis=1)" and not list(nn.GLU().parameters())
    x = random(4, 6)[:, ::2][::2]
    np.testing.assert_array_equal(functional.glu(x, 0), functional.glu(x.copy(), 0))


WRONG_GLU = {
    "odd": (lambda: nn.GLU()(np.ones((2, 3))), ValueError,
            r"glu: axis -1 of an array of shape \(2, 3\) has the odd length 3; .*twice as many"),
    "axis": (lambda: nn.GLU(2)(np.ones((2, 4))), ValueError,
             r"glu: axis 2 does not fit an array of shape \(2, 4\)"),
    "number": (lambda: functional.glu(3.0), ValueError, r"axis -1 does not fit .* shape \(\)"),
    "kind": (lambda: nn.GLU(1.5), TypeError, r"GLU: axis must be a whole number, got 1\.5"),
    "text": (lambda: nn.GLU()("a"), TypeError, "GLU: cannot take the input: .*text"),
}  # fmt: skip


@pytest.mark.parametrize("call, kind, message", WRONG_GLU.values(), ids=WRONG_GLU)
def test_what_glu_refuses(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


# ---- PReLU ------------------------------------------------------------------------------------

WEIGHED = {
    "one": ((4, 3), (1,)), "a number": ((4, 3), ()), "columns": ((4, 3), (3,)),
    "images": ((2, 3, 4, 2), (3,)), "all images": ((2, 3, 4, 2), (1,)), "a vector": ((5,), (1,)),
    "nothing": ((0, 3), (3,)), "single": ((1, 1), (1,)),
}  # fmt: skip


@pytest.mark.parametrize("shape, of_weight", WEIGHED.values(), ids=WEIGHED)
def test_prelu_agrees_with_pytorch(shape, of_weight):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    arrays = [random(*shape), np.asarray(random(*of_weight, seed=1))]
    assert_equals_pytorch(torch, functional.prelu, torch.nn.functional.prelu, arrays)


@pytest.mark.parametrize("shape, of_weight", list(WEIGHED.values())[:5], ids=list(WEIGHED)[:5])
def test_prelu_agrees_with_finite_differences(shape, of_weight):
    weight = Tensor(np.asarray(random(*of_weight, seed=1)), requires_grad=True)
    assert gradcheck(functional.prelu, [tensor(*shape), weight])
    assert gradgradcheck(functional.prelu, [tensor(*shape), weight])


def test_prelu_by_hand():
    x, w = Tensor([-2.0, -0.0, 0.0, 3.0], requires_grad=True), Tensor([0.25], requires_grad=True)
    y = functional.prelu(x, w)
    y.backward([1.0, 10.0, 100.0, 1000.0])
    assert y.tolist() == [-0.5, 0, 0, 3] and x.grad.tolist() == [0.25, 2.5, 25, 1000]
    assert w.grad.tolist() == [-2]


@each_dtype
def test_the_parameters_dtype_stays(dtype):
    layer = nn.PReLU(3, dtype=dtype)
    for x in (np.ones((2, 3)), -np.ones((2, 3), np.float16), [[1, -1, 0]]):
        y = layer(x)
        (y * y).sum().backward()
        assert y.dtype == layer.weight.dtype == layer.weight.grad.dtype == dtype


def test_a_layer_of_prelu_is_as_pytorchs(tmp_path):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    ours, theirs = nn.PReLU(3, 0.1), torch.nn.PReLU(3, 0.1)
    assert {k: v.shape for k, v in ours.state_dict().items()} == {
        k: tuple(v.shape) for k, v in theirs.state_dict().items()
    }
    np.testing.assert_array_equal(ours.weight.data, theirs.weight.detach())
    theirs.weight.data = torch.tensor([0.5, -1.0, 2.0])
    ours.load_state_dict(theirs.state_dict())
    x = random(4, 3, 5).astype(np.float32)
    np.testing.assert_allclose(ours(x).data, theirs(torch.tensor(x)).detach(), rtol=1e-6)
    theirs.load_state_dict({k: torch.tensor(v) for k, v in nn.PReLU(3).state_dict().items()})
    assert theirs.weight.tolist() == [0.25] * 3


def test_prelu_is_a_layer_like_others(tmp_path):
    model = nn.Sequential(nn.Linear(4, 3), nn.PReLU(3, 0.5), nn.Mish(), nn.Linear(3, 6), nn.GLU())
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(twin(np.ones((2, 4))).data, model(np.ones((2, 4))).data)
    nn.save(tmp_path / "a.npz", model)
    model[1].weight.data = np.zeros(3, np.float32)
    model.load_state_dict(nn.load(tmp_path / "a.npz"))
    assert model[1].weight.tolist() == [0.5] * 3
    assert model.summary(4).total == 4 * 3 + 3 + 3 + 3 * 6 + 6
    assert "PReLU" in str(model.summary(4)) and repr(model[1]) == (
        "PReLU(num_parameters=3, init=0.5)"
    )
    model[1].requires_grad_(False)
    model(np.ones((2, 4))).sum().backward()
    assert model[1].weight.grad is None and model[0].weight.grad is not None


def test_prelu_learns_its_slope():
    x = random(64, 2).astype(np.float32)
    layer = nn.PReLU(2)
    trainer = nn.Trainer(layer, nn.optim.Adam(layer.parameters(), lr=0.05), nn.MSELoss())
    trainer.fit(x, np.where(x > 0, x, x * np.float32([0.7, -0.4])), epochs=60, progress=False)
    np.testing.assert_allclose(layer.weight.data, [0.7, -0.4], atol=0.02)


WRONG_PRELU = {
    "channels": (lambda: nn.PReLU(3)(np.ones((2, 4))), ValueError,
                 r"prelu: a weight of shape \(3,\) does not fit an x of shape \(2, 4\): give one"),
    "a vector": (lambda: nn.PReLU(3)(np.ones(3)), ValueError, r"x of shape \(3,\)"),
    "a matrix": (lambda: functional.prelu([[1.0]], [[1.0]]), ValueError, r"shape \(1, 1\)"),
    "none": (lambda: nn.PReLU(0), ValueError, "PReLU: num_parameters must be >= 1, got 0"),
    "count": (lambda: nn.PReLU(1.5), TypeError, "num_parameters must be a whole number, got 1.5"),
    "init": (lambda: nn.PReLU(1, nan), ValueError, "PReLU: init must be a number, got nan"),
}  # fmt: skip


@pytest.mark.parametrize("call, kind, message", WRONG_PRELU.values(), ids=WRONG_PRELU)
def test_what_prelu_refuses(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


# ---- pictures, and when it is loaded ------------------------------------------------------------

SHOWN = {
    "hardsigmoid": (functional.hardsigmoid, [1.0, 2.0]), "mish": (functional.mish, [1.0, 2.0]),
    "hardswish": (functional.hardswish, [1.0, 2.0]), "celu": (functional.celu, [1.0, -2.0]),
    "softsign": (functional.softsign, [1.0, 2.0]), "glu": (functional.glu, [1.0, 2.0]),
    "prelu": (lambda x: functional.prelu(x, 0.25), [1.0, -2.0]),
}  # fmt: skip


@pytest.mark.parametrize("name, case", SHOWN.items(), ids=SHOWN)
def test_they_are_drawn_and_explained_by_their_names(name, case):
    function, x = case
    x = Tensor(x, requires_grad=True)
    y = function(x).sum()
    assert name in {node.operation for node in draw(y, names={"x": x}).nodes}
    assert name in str(explain(y, x)) and name in draw(y).to_html()


LAZY = """
import sys, nn
rooms = ["nn.layers.rarer", "nn.layers.similarity", "nn.losses.margins", "nn.losses.sequences"]
assert not set(rooms) & set(sys.modules), sys.modules
from nn.layers import Mish
from nn.losses import CTCLoss
from nn.functional import pairwise_distance, triplet_margin_loss
assert nn.Mish is Mish and nn.CTCLoss is CTCLoss and set(rooms) <= set(sys.modules)
assert nn.functional.mish and "Mish" in dir(nn)
"""


def test_they_are_loaded_when_they_are_asked_for():
    root = Path(__file__).parents[3]
    run = subprocess.run([sys.executable, "-c", LAZY], cwd=root)
    assert run.returncode == 0


@pytest.mark.parametrize("room", [nn.layers, nn.losses])
def test_rooms_tell_of_names_that_they_have_not(room):
    with pytest.raises(AttributeError, match=f"module '{room.__name__}' has no attribute 'Moosh'"):
        _ = room.Moosh
    assert autograd.Tensor and not hasattr(room, "Softshrink")
