"""Layers: values, derivatives, running statistics, dtypes, randomness, errors; and Linear's own.

Compared with PyTorch in float64 to 1e-10 where it is installed, and with finite differences. What
all layers share is asked of every entry of a table; a sweep finds layers that have none.
"""

import copy
import functools
import inspect
import math
import pickle

import numpy as np
import pytest

import autograd
import nn
from autograd import (
    AutogradError,
    Tensor,
    detect_anomaly,
    grad,
    gradcheck,
    gradgradcheck,
    no_grad,
)
from nn import functional
from nn.layers import activations, attention, rarer, transformer
from tests.makers import random, tensor
from tests.twins import assert_cases, twin

LEADING = {"one row": (), "batch": (4,), "two axes": (2, 3), "empty": (0,), "empty inside": (2, 0)}


# ---- options ----------------------------------------------------------------------------------

ARGUMENTS = {  # what is not twice the number 2 for the arguments without a default
    "Upsample": (2,),
    "TransformerEncoder": (nn.TransformerEncoderLayer(2, 1), 1),
    "TransformerDecoder": (nn.TransformerDecoderLayer(2, 1), 1),
    "MLP": ([2, 2],),
}


def flags_of(name):
    """The options of a class that are True or False unless told otherwise."""
    parameters = inspect.signature(getattr(nn, name)).parameters.values()
    return [p.name for p in parameters if p.default.__class__ is bool]


CLASSES = [n for n in (*nn.layers.__all__, *nn.losses.__all__) if n[0].isupper()]
FLAGS = [
    (name, option) for name in CLASSES if name != "PackedSequence" for option in flags_of(name)
]


def made(name, **options):
    """A layer of this name, with the number 2 wherever a number must be."""
    kind = getattr(nn, name)
    needed = [
        2 for p in inspect.signature(kind).parameters.values()
        if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD
    ]  # fmt: skip
    return kind(*ARGUMENTS.get(name, needed), **options)


@pytest.mark.parametrize("name, option", FLAGS)
@pytest.mark.parametrize("value", ["False", None, 1, 2, np.ones(2)], ids=str)
def test_what_is_neither_true_nor_false_is_refused(name, option, value):
    with pytest.raises(TypeError, match=rf"^\w+: {option} must be True or False, got "):
        made(name, **{option: value})


TYPED = [n for n in CLASSES if "dtype" in inspect.signature(getattr(nn, n)).parameters]


@pytest.mark.parametrize("name", TYPED)
def test_a_dtype_is_one_of_floats_and_named_where_it_is_not(name):
    assert made(name, dtype="float64").state_dict() or name == "InstanceNorm1d"[:-2] + name[-2:]
    for dtype in ("float33", int, None, np.complex64, "torch.float32", 3):
        with pytest.raises(TypeError, match=f"^{name}: dtype must be np.float16, .*, got "):
            made(name, dtype=dtype)


def test_some_have_flags():
    assert len(FLAGS) > 50 and len(TYPED) > 25


NO_ARRAYS = {
    "None": None, "text": "abc", "ragged": [[1.0, 2.0], [3.0]], "dict": {"a": 1}, "a set": {1.0},
    "texts": ["a", "b"], "complex": np.ones((2, 2)) * 1j, "function": np.sin, "Module": nn.ReLU(),
    "packed": nn.pack_padded_sequence(np.ones((2, 1, 2)), [2]),
}  # fmt: skip
TAKING = [n for n in CLASSES if n not in ("Identity", "Sequential", "PackedSequence")]


@pytest.mark.parametrize("name", TAKING)
@pytest.mark.parametrize("value", NO_ARRAYS.values(), ids=NO_ARRAYS)
def test_what_is_no_array_is_told_by_the_layer(name, value):
    layer = made(name)
    before = layer.state_dict()
    parameters = inspect.signature(layer.forward).parameters.values()
    count = sum(p.default is p.empty for p in parameters)
    if value is NO_ARRAYS["packed"] and name in ("RNN", "LSTM", "GRU"):
        return
    with pytest.raises((TypeError, ValueError), match=r"^[A-Za-z]\w+(\(.*\))?: \w") as caught:
        layer(*[value] * count)
    assert not str(caught.value).startswith("Tensor")
    for key, array in layer.state_dict().items():
        np.testing.assert_array_equal(array, before[key])


@pytest.mark.parametrize("name, option", [
    ("LSTM", "hx"), ("GRU", "hx"), ("RNN", "hx"), ("LSTM", "lengths"), ("LSTMCell", "hx"),
    ("GRUCell", "hx"), ("MultiheadAttention", "attn_mask"), ("MultiheadAttention", "is_causal"),
    ("MultiheadAttention", "key_padding_mask"), ("TransformerEncoder", "mask"),
    ("TransformerDecoder", "memory_mask"), ("ConvTranspose1d", "output_size"),
    ("TransformerEncoder", "is_causal"), ("TransformerDecoder", "tgt_is_causal"),
    ("TransformerDecoder", "memory_is_causal"),
])  # fmt: skip
@pytest.mark.parametrize("value", [*NO_ARRAYS.values(), (None, None), ("a", 1)], ids=str)
def test_options_of_a_call_that_are_no_arrays_are_told_by_the_layer(name, option, value):
    if value is None:
        return
    layer, x = made(name), np.ones((4, 2) if "Cell" in name else (4, 2, 2))
    if name == "MultiheadAttention":
        layer = nn.MultiheadAttention(2, 1)
    count = sum(p.default is p.empty for p in inspect.signature(layer.forward).parameters.values())
    names = f"{name}|{'MultiheadAttention' if 'Transformer' in name else name}"
    with pytest.raises((TypeError, ValueError), match=rf"^({names})(\(.*\))?: .*"):
        layer(*[x] * count, **{option: value})


# ---- Linear -----------------------------------------------------------------------------------


@pytest.mark.parametrize("leading", LEADING.values(), ids=LEADING)
@pytest.mark.parametrize("bias", [True, False])
def test_linear_is_x_wt_plus_b(leading, bias):
    layer = nn.Linear(3, 2, bias=bias, dtype=np.float64)
    x = random(*leading, 3)
    b = layer.bias.data if bias else 0
    np.testing.assert_allclose(layer(x).data, x @ layer.weight.data.T + b, rtol=1e-15)


@pytest.mark.parametrize("leading", LEADING.values(), ids=LEADING)
@pytest.mark.parametrize("bias", [True, False])
def test_linear_agrees_with_finite_differences(leading, bias):
    inputs = [tensor(*leading, 3), tensor(2, 3, seed=1)] + [tensor(2, seed=2)] * bias
    assert gradcheck(functional.linear, inputs)
    assert gradgradcheck(functional.linear, inputs)


@pytest.mark.parametrize("leading", LEADING.values(), ids=LEADING)
def test_linear_agrees_with_pytorch_at_first_and_second_order(leading):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    arrays = [random(*leading, 3), random(2, 3, seed=1), random(2, seed=2)]
    probe = random(2, 3, seed=3)

    def derivatives(lib, inputs, linear, probe):
        loss = (linear(*inputs) ** 3).sum()
        first = lib.grad(loss, inputs, create_graph=True)
        second = lib.grad((first[1] * probe).sum() + (first[0] ** 2).sum(), inputs)
        return [loss, *first, *second]

    ours = derivatives(
        autograd, [Tensor(a, requires_grad=True) for a in arrays], functional.linear, probe
    )
    theirs = derivatives(
        torch.autograd,
        [torch.tensor(a, requires_grad=True) for a in arrays],
        torch.nn.functional.linear,
        torch.tensor(probe),
    )
    for mine, reference in zip(ours, theirs):
        np.testing.assert_allclose(mine.data, reference.detach().numpy(), rtol=1e-10, atol=1e-12)


def test_linear_without_a_graph_changes_none_of_its_arguments():
    x, weight, bias = random(4, 3), random(2, 3), random(2)
    before = [a.copy() for a in (x, weight, bias)]
    functional.linear(x, weight, bias)
    for a, b in zip((x, weight, bias), before):
        np.testing.assert_array_equal(a, b)


def test_linear_promotes_as_numpy_does_where_nothing_is_cast():
    wide = functional.linear(random(2, 3).astype("f4"), random(2, 3).astype("f4"), random(2))
    assert wide.dtype == np.float64


# Few rows are multiplied turned round: on both sides of each limit the same numbers come.
FEW_ROWS = [
    (rows, width, outputs)
    for rows in (1, 2, 5, 16, 17, 32, 64, 65)
    for width in (31, 32, 128, 256)
    for outputs in (79, 80, 128, 640)
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows, width, outputs", FEW_ROWS)
def test_linear_of_few_rows_is_x_wt_plus_b(rows, width, outputs, dtype):
    x = random(rows, width).astype(dtype)
    weight, bias = random(outputs, width, seed=1).astype(dtype), random(outputs).astype(dtype)
    y = functional.linear(Tensor(x), Tensor(weight), Tensor(bias)).data
    size = abs(x) @ abs(weight).T + abs(bias)
    exact = x.astype(np.float64) @ weight.T.astype(np.float64) + bias
    assert np.all(abs(y - exact) <= 8 * np.finfo(dtype).eps * size)
    assert y.dtype == dtype and y.flags.c_contiguous


@pytest.mark.parametrize(
    "order", ["rows", "columns", "every other", "backwards", "read-only", "3d"]
)
def test_linear_of_few_rows_takes_them_however_they_lie_and_changes_none(order):
    x = random(32, 100).astype(np.float32)
    laid = {
        "rows": x, "columns": np.asfortranarray(x), "every other": np.repeat(x, 2, axis=1)[:, ::2],
        "backwards": x[::-1].copy()[::-1], "read-only": x.copy(), "3d": x.reshape(4, 8, 100),
    }[order]  # fmt: skip
    laid.flags.writeable = order != "read-only"
    weight = tensor(128, 100, seed=1).astype(np.float32).data
    for w in (weight, np.asfortranarray(weight)):
        inputs = Tensor(laid, requires_grad=True), Tensor(w, requires_grad=True)
        y = functional.linear(*inputs)
        g = random(*y.shape).astype(np.float32)
        y.backward(g)
        rows = g.reshape(32, 128)
        np.testing.assert_allclose(y.data.reshape(32, 128), x @ weight.T, rtol=1e-4, atol=1e-4)
        by_x, by_weight = inputs[0].grad.reshape(32, 100), inputs[1].grad
        np.testing.assert_allclose(by_x, rows @ weight, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(by_weight, rows.T @ x, rtol=1e-4, atol=1e-4)
        assert inputs[0].data is laid and np.array_equal(laid.reshape(32, 100), x)
        assert inputs[1].data is w and np.array_equal(w, weight)


def test_linear_of_few_rows_hands_on_nan_and_infinity_where_they_are():
    x, weight = np.ones((32, 100), np.float32), np.ones((128, 100), np.float32)
    x[3, 5], x[7, 2], weight[11, 0] = np.nan, np.inf, -np.inf
    with np.errstate(invalid="ignore"):  # inf - inf, of which NumPy tells
        y = functional.linear(Tensor(x), Tensor(weight)).data
    assert np.array_equal(np.unique(np.argwhere(np.isnan(y))[:, 0]), [3, 7])
    assert np.isnan(y[3]).all() and np.isnan(y[7, 11]) and np.isinf(y[7]).sum() == 127
    assert np.isinf(y[:, 11]).sum() == 30


@pytest.mark.parametrize("bias", ["a", 2.0, np.ma.masked_array([1.0, 2.0])], ids=str)
def test_linear_refuses_a_bias_that_does_not_fit_in_its_own_words(bias):
    layer = nn.Linear(3, 2).requires_grad_(False)
    layer.bias = bias
    with pytest.raises((TypeError, ValueError), match="^Tensor: (text|a masked)|^linear: bias has"):
        layer(random(4, 3))


INPUTS = {
    "list": [[1.0, 2.0, 3.0]],
    "integers": np.array([[1, 2, 3]]),
    "bytes of an image": np.array([[1, 2, 3]], np.uint8),
    "booleans": np.array([[True, False, True]]),
    "float64": np.array([[1.0, 2.0, 3.0]]),
    "float16": np.array([[1.0, 2.0, 3.0]], np.float16),
    "Tensor": Tensor([[1.0, 2.0, 3.0]]),
    "Tensor of integers": Tensor([[1, 2, 3]]),
}


@pytest.mark.parametrize("x", INPUTS.values(), ids=INPUTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_inputs_are_cast_to_the_parameters_dtype(x, dtype):
    y = nn.Linear(3, 2, dtype=dtype)(x)
    assert y.dtype == dtype
    y.sum().backward()


def test_an_input_that_needs_a_gradient_keeps_its_dtype():
    x = tensor(4, 3)
    layer = nn.Linear(3, 2)
    layer(x).sum().backward()
    assert (x.grad.dtype, layer.weight.grad.dtype) == (np.float64, np.float32)


WIDTHS = {
    "too wide": ((32, 65), r"width 64 .*got width 65, in an input of shape \(32, 65\)"),
    "transposed": ((64, 32), r"got width 32, in an input of shape \(64, 32\)"),
    "a number": ((), r"got a single number, an input of shape \(\)"),
    "an image": ((32, 8, 8), r"got width 8, .*\(32, 8, 8\); flatten it: x\.reshape\(len\(x\), -1"),
}


@pytest.mark.parametrize("shape, message", WIDTHS.values(), ids=WIDTHS)
def test_an_input_of_the_wrong_width_names_layer_and_shapes(shape, message):
    layer = nn.Linear(64, 10)
    before = layer.state_dict()
    with pytest.raises(ValueError, match=r"Linear\(in_features=64, out_features=10.*" + message):
        layer(np.zeros(shape, np.float32))
    assert all(np.array_equal(v, before[k]) for k, v in layer.state_dict().items())
    assert layer.weight.grad is None
    assert layer(np.zeros((32, 64))).shape == (32, 10)


WRONG_KINDS = {
    "text": (["a", "b", "c"], TypeError),
    "complex": (np.zeros(3, complex), TypeError),
    "objects": (np.array([None, 1, 2]), TypeError),
}


@pytest.mark.parametrize("x, kind", WRONG_KINDS.values(), ids=WRONG_KINDS)
def test_an_input_of_the_wrong_kind(x, kind):
    with pytest.raises(kind):
        nn.Linear(3, 2)(x)


def test_linear_needs_sizes_of_at_least_one():
    with pytest.raises(ValueError, match=r"in_features must be >= 1, got 0"):
        nn.Linear(0, 2)


# ---- first values, randomness -----------------------------------------------------------------


def test_parameters_are_float32_leaves_within_the_bound():
    layer = nn.Linear(100, 50)
    for p in layer.parameters():
        assert p.dtype == np.float32 and p.requires_grad and p.is_leaf
        assert abs(p.data).max() <= 0.1
    assert abs(layer.weight.data).max() > 0.099
    assert abs(layer.weight.data.mean()) < 0.005


def test_kaiming_uniform_with_root_5_is_the_first_value_of_linear():
    weight = nn.Linear(7, 5, dtype=np.float64, rng=np.random.default_rng(3)).weight
    other = nn.init.kaiming_uniform_(
        Tensor(np.zeros((5, 7))), a=math.sqrt(5), rng=np.random.default_rng(3)
    )
    np.testing.assert_allclose(other.data, weight.data, rtol=1e-15)


def test_kaiming_uniform_bound_is_that_of_a_relu():
    weight = nn.init.kaiming_uniform_(Tensor(np.zeros((1000, 6))), rng=np.random.default_rng(0))
    assert 0.995 < abs(weight.data).max() <= 1.0
    with pytest.raises(ValueError, match=r"at least 2 axes.*got shape \(3,\)"):
        nn.init.kaiming_uniform_(Tensor(np.zeros(3)))


def test_manual_seed_fixes_the_weights():
    def weights(seed):
        nn.manual_seed(seed)
        return [nn.Linear(3, 2).weight.data for _ in range(2)]

    (a, b), (again, _), (other, _) = weights(0), weights(0), weights(1)
    assert np.array_equal(a, again)
    assert not np.array_equal(a, b) and not np.array_equal(a, other)


def test_the_same_seed_gives_the_same_numbers_in_every_dtype():
    wide, narrow = (
        nn.Linear(3, 2, dtype=dtype, rng=np.random.default_rng(0)).weight.data
        for dtype in (np.float64, np.float32)
    )
    assert np.array_equal(wide.astype(np.float32), narrow)


def test_a_given_generator_leaves_the_librarys_own_alone():
    nn.manual_seed(0)
    nn.Linear(2, 2, rng=np.random.default_rng(5))
    first = nn.Linear(2, 2).weight.data
    nn.manual_seed(0)
    assert np.array_equal(nn.Linear(2, 2).weight.data, first)


def test_rng_must_be_a_generator():
    with pytest.raises(TypeError, match=r"got int; use rng=np\.random\.default_rng\(seed\)"):
        nn.Linear(2, 2, rng=0)


# ---- activations ------------------------------------------------------------------------------

ACTIVATIONS = {nn.ReLU: functional.relu, nn.Sigmoid: functional.sigmoid, nn.Tanh: functional.tanh}


@pytest.mark.parametrize("kind", ACTIVATIONS)
def test_a_module_is_its_function(kind):
    x = tensor(3, 4)
    assert np.array_equal(kind()(x).data, ACTIVATIONS[kind](x).data)
    assert list(kind().parameters()) == [] and repr(kind()) == f"{kind.__name__}()"
    assert kind.__module__ == "nn.layers.activations" and ACTIVATIONS[kind].__name__ in kind.__doc__


@pytest.mark.parametrize("kind", ACTIVATIONS)
def test_a_module_gives_a_tensor_for_lists_and_arrays(kind):
    for x in ([-1.0, 2.0], np.array([-1.0, 2.0], np.float32), Tensor([-1.0, 2.0])):
        y = kind()(x)
        assert isinstance(y, Tensor) and y.dtype == getattr(x, "dtype", np.float64)


@pytest.mark.parametrize("kind", ACTIVATIONS)
def test_activations_agree_with_pytorch(kind):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    x = np.linspace(-4, 4, 17)  # with the kink of relu at 0
    ours, theirs = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y = kind()(ours)
    reference = twin(torch.nn, kind.__name__)()(theirs)
    y.sum().backward()
    reference.sum().backward()
    np.testing.assert_allclose(y.data, reference.detach().numpy(), rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(ours.grad, theirs.grad.numpy(), rtol=1e-10, atol=1e-14)


# ---- a whole network --------------------------------------------------------------------------


def network(lib, **options):
    return lib.Sequential(
        lib.Linear(5, 6, **options), lib.Tanh(), lib.Linear(6, 4, **options), lib.Sigmoid(),
        lib.Linear(4, 3, **options),
    )  # fmt: skip


def test_weights_go_to_pytorch_and_back():
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    ours, theirs = network(nn, dtype=np.float64), network(torch.nn, dtype=torch.float64)
    theirs.load_state_dict({k: torch.tensor(v) for k, v in ours.state_dict().items()})
    x = random(7, 5)
    y, reference = ours(x), theirs(torch.tensor(x))
    np.testing.assert_allclose(y.data, reference.detach().numpy(), rtol=1e-12)
    y.sum().backward()
    reference.sum().backward()
    for (name, p), q in zip(ours.named_parameters(), theirs.parameters()):
        np.testing.assert_allclose(p.grad, q.grad.numpy(), rtol=1e-10, err_msg=name)
    fresh = network(torch.nn, dtype=torch.float64).state_dict()
    ours.load_state_dict({name: value.numpy() for name, value in fresh.items()})
    assert np.array_equal(ours[0].weight.data, fresh["0.weight"].numpy())


def test_second_derivatives_go_through_a_network():
    model = network(nn, dtype=np.float64)
    assert gradgradcheck(lambda x: model(x), tensor(2, 5), rtol=1e-4)
    x = tensor(2, 5)
    (slope,) = grad(model(x).sum(), x, create_graph=True)
    (slope * slope).sum().backward()  # a gradient penalty reaches the weights
    assert all(p.grad is not None for p in model.parameters() if p is not model[-1].bias)


def test_a_network_of_float32_stays_float32():
    model = network(nn)
    y = model(random(7, 5))
    y.sum().backward()
    assert y.dtype == np.float32
    assert {p.grad.dtype for p in model.parameters()} == {np.dtype(np.float32)}


def test_nothing_is_recorded_without_grad():
    model = network(nn)
    with no_grad():
        assert not model(random(7, 5)).requires_grad


def test_linear_takes_lists_and_names_what_does_not_fit():
    weight, bias = Tensor(np.ones((2, 3)), requires_grad=True), [1.0, 2.0]
    y = nn.functional.linear([[1.0, 2.0, 3.0]], weight, bias)
    y.sum().backward()
    np.testing.assert_array_equal(y.data, [[7, 8]])
    np.testing.assert_array_equal(weight.grad, [[1, 2, 3], [1, 2, 3]])
    for x, b, fragment in (
        (np.ones((1, 4)), bias, r"x of shape \(1, 4\) and weight of shape \(2, 3\)"),
        (np.ones((1, 3)), [1.0], r"bias has shape \(1,\)"),
    ):
        with pytest.raises(ValueError, match=fragment):
            nn.functional.linear(x, weight, b)
    with pytest.raises(ValueError, match=r"and weight of shape \(2, 3, 3\) do not fit"):
        nn.functional.linear(np.ones((1, 3)), np.ones((2, 3, 3)))


@pytest.mark.parametrize(
    "x, message",
    [(np.ma.array([[1.0, 2.0]], mask=[[0, 1]]), "lose its mask"), ("one", "text"), (None, "None")],
    ids=["masked", "text", "None"],
)
def test_linear_refuses_what_is_no_plain_number(x, message):
    weight = Tensor(np.ones((2, 2)), requires_grad=True)
    with pytest.raises(TypeError, match=message):
        nn.functional.linear(x, weight)


# ---- every layer ------------------------------------------------------------------------------


def make(kind, *args, **options):
    """A layer, made when asked, of our library or of PyTorch's."""

    def made(lib=nn, **more):
        found = getattr(nn, kind) if lib is nn else twin(lib, kind)
        return found(*args, **options, **more)

    return made


def torch_flatten(lib, **unused):
    return lib.Flatten(1, 2)


def torch_mlp(lib, **more):
    return lib.Sequential(
        lib.Linear(3, 4, **more), lib.BatchNorm1d(4, **more), lib.Tanh(), lib.Dropout(0.0),
        lib.Linear(4, 2, **more), lib.Sigmoid(),
    )  # fmt: skip


PLAIN = (  # these have no dtype
    "Flatten", "Identity", "Dropout", "GLU", "MaxPool", "AvgPool", "Adaptive", "Unfold", "Fold",
    "Upsample", "Pixel",
)  # fmt: skip
# Name: (ours, PyTorch's, the shape of an input).
LAYERS = {
    "Linear": (make("Linear", 3, 2), None, (5, 3)),
    "Linear without bias": (make("Linear", 3, 2, bias=False), None, (5, 3)),
    "Flatten": (make("Flatten"), None, (5, 3, 2)),
    "Flatten, two of three axes": (make("Flatten", 1, 2), torch_flatten, (5, 3, 2, 2)),
    "Identity": (make("Identity"), None, (5, 3)),
    "Dropout of nothing": (make("Dropout", 0.0), None, (5, 3)),
    "Dropout of all": (make("Dropout", 1.0), None, (5, 3)),
    "BatchNorm1d": (make("BatchNorm1d", 3), None, (5, 3)),
    "BatchNorm1d of sequences": (make("BatchNorm1d", 3), None, (4, 3, 2)),
    "BatchNorm1d of one sequence": (make("BatchNorm1d", 3), None, (1, 3, 4)),
    "BatchNorm1d, large eps and momentum": (make("BatchNorm1d", 3, 0.5, 0.7), None, (5, 3)),
    "BatchNorm1d, plain average": (make("BatchNorm1d", 3, momentum=None), None, (5, 3)),
    "BatchNorm1d, momentum 0": (make("BatchNorm1d", 3, momentum=0.0), None, (5, 3)),
    "BatchNorm1d not affine": (make("BatchNorm1d", 3, affine=False), None, (5, 3)),
    "BatchNorm1d without bias": (make("BatchNorm1d", 3, bias=False), None, (5, 3)),
    "BatchNorm1d without memory": (
        make("BatchNorm1d", 3, track_running_stats=False), None, (5, 3, 2),
    ),
    "LayerNorm": (make("LayerNorm", 3), None, (5, 3)),
    "LayerNorm of one row": (make("LayerNorm", 3), None, (3,)),
    "LayerNorm of two axes": (make("LayerNorm", (3, 2), eps=0.1), None, (4, 3, 2)),
    "LayerNorm of sequences": (make("LayerNorm", 3), None, (2, 4, 3)),
    "LayerNorm without bias": (make("LayerNorm", 3, bias=False), None, (5, 3)),
    "LayerNorm not affine": (make("LayerNorm", 3, elementwise_affine=False), None, (5, 3)),
    "GLU": (make("GLU"), None, (5, 4)),
    "GLU of the first axis": (make("GLU", 0), None, (4, 3)),
    "PReLU": (make("PReLU"), None, (5, 3)),
    "PReLU of each channel": (make("PReLU", 3, 0.5), None, (4, 3, 2)),
    **{
        kind + dims: (make(kind + dims, 3, 2, 2, 2), None, (2, 3, *(5, 4, 3)[: int(dims[0])]))
        for kind in ("Conv", "ConvTranspose") for dims in ("1d", "2d", "3d")
    },
    **{
        kind + dims: (make(kind + dims, 2), None, (2, 3, *(5, 4, 3)[: int(dims[0])]))
        for kind in ("MaxPool", "AvgPool", "AdaptiveAvgPool", "AdaptiveMaxPool")
        for dims in ("1d", "2d", "3d")
    },
    "Unfold": (make("Unfold", 2), None, (2, 3, 3, 4)),
    "Fold": (make("Fold", (3, 4), 2), None, (2, 8, 6)),
    "Upsample": (make("Upsample", scale_factor=2, mode="bilinear"), None, (2, 3, 3, 4)),
    "PixelShuffle": (make("PixelShuffle", 2), None, (2, 4, 3, 2)),
    "PixelUnshuffle": (make("PixelUnshuffle", 2), None, (2, 1, 4, 2)),
    "BatchNorm2d": (make("BatchNorm2d", 3), None, (4, 3, 2, 3)),
    "BatchNorm2d of one image": (make("BatchNorm2d", 3, bias=False), None, (1, 3, 2, 3)),
    "BatchNorm2d, not affine": (make("BatchNorm2d", 3, affine=False), None, (4, 3, 2, 1)),
    "BatchNorm3d": (make("BatchNorm3d", 3, momentum=None), None, (2, 3, 2, 1, 3)),
    "GroupNorm": (make("GroupNorm", 2, 4), None, (3, 4, 2, 3)),
    "GroupNorm of vectors": (make("GroupNorm", 2, 6, 0.1), None, (3, 6)),
    "GroupNorm of one group": (make("GroupNorm", 1, 3), None, (2, 3, 4)),
    "GroupNorm of each channel": (make("GroupNorm", 3, 3, bias=False), None, (2, 3, 4)),
    "GroupNorm not affine": (make("GroupNorm", 2, 4, affine=False), None, (3, 4, 5)),
    "InstanceNorm1d": (make("InstanceNorm1d", 3), None, (2, 3, 4)),
    "InstanceNorm1d of one sample": (make("InstanceNorm1d", 3, affine=True), None, (3, 4)),
    "InstanceNorm2d": (make("InstanceNorm2d", 3, 0.1, affine=True), None, (2, 3, 4, 2)),
    "InstanceNorm2d with memory": (
        make("InstanceNorm2d", 3, momentum=0.3, affine=True, track_running_stats=True), None,
        (2, 3, 4, 2),
    ),
    "InstanceNorm3d": (make("InstanceNorm3d", 3, affine=True, bias=False), None, (2, 3, 2, 2, 3)),
    "RMSNorm": (make("RMSNorm", 3), None, (5, 3)),
    "RMSNorm of two axes": (make("RMSNorm", (3, 2), 0.1), None, (4, 3, 2)),
    "RMSNorm not affine": (make("RMSNorm", 3, elementwise_affine=False), None, (2, 4, 3)),
    "Dropout1d of nothing": (make("Dropout1d", 0.0), None, (5, 3, 2)),
    "Dropout1d of all": (make("Dropout1d", 1.0), None, (3, 2)),
    "Dropout2d of all": (make("Dropout2d", 1.0), None, (5, 3, 2, 2)),
    "Dropout3d of all": (make("Dropout3d", 1.0), None, (5, 3, 2, 2, 1)),
    "MLP": (
        make("MLP", [3, 4, 2], "tanh", output_activation="sigmoid", batch_norm=True, dropout=1e-12),
        torch_mlp, (5, 3),
    ),
}  # fmt: skip
each_layer = pytest.mark.parametrize("case", LAYERS)


def layer_of(case, dtype=np.float64):
    """Ours, with parameters that are no round numbers, and an input."""
    ours, _, shape = LAYERS[case]
    layer = ours() if case.startswith(PLAIN) else ours(dtype=dtype)
    for k, p in enumerate(layer.parameters()):
        p.assign_(random(*p.shape, seed=10 + k))
    return layer, random(*shape).astype(dtype)


def both(case):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    ours, theirs, _ = LAYERS[case]
    layer, x = layer_of(case)
    options = {} if case.startswith(PLAIN) else {"dtype": torch.float64}
    reference = (theirs or ours)(torch.nn, **options)
    reference.load_state_dict({k: torch.tensor(v) for k, v in layer.state_dict().items()})
    return torch, layer, reference, x


def test_every_layer_has_a_case():
    with_case = {name.split()[0].rstrip(",") for name in LAYERS}
    names = set(nn.layers.__all__) - set(activations.__all__) - set(rarer.__all__) | {
        "PReLU",
        "GLU",
    }
    names -= {"CosineSimilarity", "PairwiseDistance"}  # of two inputs: see test_similarity.py
    names -= {*attention.__all__, *transformer.__all__}  # of several: see test_attention.py
    own_files = {"nn.layers.embedding", "nn.layers.packed", "nn.layers.recurrent"}
    names = {n for n in names if getattr(nn.layers, n).__module__ not in own_files}
    assert_cases(names, with_case, f"LAYERS of {__name__}")


def first_and_second(lib, layer, x, probe):
    """The result, the gradients by input and parameters, and the gradients of a sum of those."""
    inputs = [x, *layer.parameters()]
    y = layer(x)
    first = lib.grad((y * y * y).sum(), inputs, create_graph=True, allow_unused=True)
    penalty = (first[0] * first[0] * probe).sum() + sum((g * g).sum() for g in first[1:])
    second = lib.grad(penalty, inputs, allow_unused=True)
    return [y, *first, *(0 * x if g is None else g for g, x in zip(second, inputs))]


@each_layer
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_layers_agree_with_pytorch_at_first_and_second_order(case, training):
    torch, layer, reference, x = both(case)
    probe = random(*x.shape, seed=5)
    mine = first_and_second(
        autograd, layer.train(training), Tensor(x, requires_grad=True), probe
    )  # fmt: skip
    theirs = first_and_second(
        torch.autograd, reference.train(training), torch.tensor(x, requires_grad=True),
        torch.tensor(probe),
    )  # fmt: skip
    for a, b in zip(mine, theirs):
        np.testing.assert_allclose(a.data, b.detach().numpy(), rtol=1e-9, atol=1e-9)


@each_layer
def test_second_derivatives_of_a_gradient_that_is_a_constant(case):
    torch, layer, reference, x = both(case)
    found = []
    for lib, model, leaf, constant in (
        (autograd, layer, Tensor, np.array),
        (torch.autograd, reference, torch.tensor, torch.tensor),
    ):
        inputs = [leaf(x, requires_grad=True)]
        y = model(inputs[0])
        (slope,) = lib.grad(y, inputs, constant(random(*y.shape, seed=5)), create_graph=True)
        found.append(lib.grad((slope * slope).sum() + y.sum(), inputs)[0])
    np.testing.assert_allclose(found[0].data, found[1].numpy(), atol=1e-9)


@each_layer
def test_state_follows_pytorchs_over_many_batches(case):
    torch, layer, reference, x = both(case)
    for step in range(5):
        batch = x * (1 + step) + random(*x.shape, seed=step)
        layer(batch)
        reference(torch.tensor(batch))
    theirs = reference.state_dict()
    for name, value in layer.state_dict().items():
        np.testing.assert_allclose(value, theirs[name].numpy(), rtol=1e-12, err_msg=name)
    np.testing.assert_allclose(
        layer.eval()(x).data, reference.eval()(torch.tensor(x)).detach().numpy(), rtol=1e-10
    )


@each_layer
def test_states_have_pytorchs_names_order_shapes_and_dtypes(case):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    ours, theirs, _ = LAYERS[case]
    mine = {k: (v.shape, str(v.dtype)) for k, v in ours().state_dict().items()}
    reference = (theirs or ours)(torch.nn).state_dict()
    expected = {k: (tuple(v.shape), str(v.numpy().dtype)) for k, v in reference.items()}
    assert list(mine.items()) == list(expected.items())


@each_layer
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_layers_agree_with_finite_differences(case, training):
    layer, x = layer_of(case)
    layer.train(training)
    inputs = [Tensor(x, requires_grad=True), *layer.parameters()]
    names = [name for name, _ in layer.named_parameters()]
    buffers = dict(layer.named_buffers())

    def call(x, *parameters):
        for name, p in zip(names, parameters):
            holder = functools.reduce(
                lambda m, key: m[int(key)] if key.isdigit() else getattr(m, key),
                name.split(".")[:-1], layer,
            )  # fmt: skip
            setattr(holder, name.split(".")[-1], p)
        return layer(x)

    assert gradcheck(call, inputs)
    if "Dropout" not in case:  # constant or linear: nothing to see
        assert gradgradcheck(call, inputs, rtol=1e-4)
    assert training or all(b is buffers[name] for name, b in layer.named_buffers())


@each_layer
def test_float32_stays_float32(case):
    layer, x = layer_of(case, np.float32)
    x = Tensor(x, requires_grad=True)
    for module in (layer, layer.eval()):
        module(x).sum().backward()
        gradients = [p.grad.dtype for p in module.parameters()]
        assert {module(x).dtype, x.grad.dtype, *gradients} == {np.dtype(np.float32)}
        floats = [b.dtype for b in module.buffers() if b.dtype.kind == "f"]
        assert set(floats) <= {np.dtype(np.float32)}


@each_layer
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"]
)
def test_a_copy_computes_the_same_and_is_another(case, training, copied):
    layer, x = layer_of(case)
    layer(x)
    other = copied(layer.train(training))
    before = layer.state_dict()
    np.testing.assert_array_equal(other(x).data, copy.deepcopy(layer)(x).data)
    assert repr(other) == repr(layer) and other.training is training
    for p in other.parameters():
        p.assign_(p.data + 1)
    for name, value in layer.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


@each_layer
def test_layers_take_arrays_lists_and_tensors(case):
    layer, x = layer_of(case)
    layer.eval()
    expected = layer(Tensor(x)).data
    for given in (x, x.tolist()):
        np.testing.assert_array_equal(getattr(layer(given), "data", layer(given)), expected)


# ---- normalisation ----------------------------------------------------------------------------


def test_batch_norm_by_hand():
    layer = nn.BatchNorm1d(2, eps=0.0, momentum=0.25, dtype=np.float64)
    y = layer(np.array([[1.0, 0.0], [3.0, 4.0], [5.0, 8.0]]))
    np.testing.assert_allclose(y.data[:, 0], [-math.sqrt(1.5), 0, math.sqrt(1.5)])
    np.testing.assert_allclose(layer.running_mean, [0.75, 1.0])
    np.testing.assert_allclose(layer.running_var, [0.75 + 0.25 * 4, 0.75 + 0.25 * 16])  # unbiased
    assert layer.num_batches_tracked == 1


def test_after_eval_the_running_statistics_count_and_stay():
    layer = nn.BatchNorm1d(2, dtype=np.float64)
    layer(random(8, 2))
    mean, variance = layer.running_mean.copy(), layer.running_var.copy()
    x = random(4, 2, seed=1) * 10
    y = layer.eval()(x)
    np.testing.assert_allclose(y.data, (x - mean) / np.sqrt(variance + 1e-5), rtol=1e-12)
    assert layer(x[:1]).shape == (1, 2)  # one sample will do
    np.testing.assert_array_equal(layer.running_mean, mean)
    np.testing.assert_array_equal(layer.running_var, variance)
    assert layer.num_batches_tracked == 1


def test_a_frozen_part_in_evaluation_mode_learns_nothing_while_the_rest_trains():
    class Frozen(nn.BatchNorm1d):
        def train(self, mode=True):
            return super().train(False)

    model = nn.Sequential(Frozen(3).requires_grad_(False), nn.Linear(3, 3), nn.BatchNorm1d(3))
    before = {k: v for k, v in model.train().state_dict().items()}
    model(random(5, 3)).sum().backward()
    same = [k for k, v in model.state_dict().items() if np.array_equal(v, before[k])]
    assert [k for k in before if k.startswith("0.")] == [k for k in same if k.startswith("0.")]
    assert "2.running_mean" not in same and model[0].weight.grad is None


def test_buffers_are_replaced_and_never_written_to():
    layer = nn.BatchNorm1d(3)
    held = dict(layer.named_buffers())
    copies = {name: b.copy() for name, b in held.items()}
    layer(random(5, 3))
    for name, buffer in layer.named_buffers():
        assert isinstance(buffer, np.ndarray) and buffer is not held[name]
        np.testing.assert_array_equal(held[name], copies[name])
    assert layer.num_batches_tracked.shape == () and layer.num_batches_tracked.dtype == np.int64


def test_a_graph_recorded_in_evaluation_keeps_its_statistics():
    layer = nn.BatchNorm1d(2, dtype=np.float64).eval()
    x = tensor(4, 2)
    y = layer(x)
    layer.train()(random(6, 2, seed=1) * 5 + 3)
    y.sum().backward()
    np.testing.assert_allclose(x.grad, np.full((4, 2), 1 / math.sqrt(1 + 1e-5)), rtol=1e-12)


def test_pytorchs_statistics_are_loaded_and_gathered_on():
    torch, layer, reference, x = both("BatchNorm1d, plain average")
    for seed in range(3):
        reference(torch.tensor(random(5, 3, seed=seed)))
    layer.load_state_dict({name: value.numpy() for name, value in reference.state_dict().items()})
    assert isinstance(layer.num_batches_tracked, np.ndarray) and layer.num_batches_tracked == 3
    layer(x)
    reference(torch.tensor(x))
    for name, value in reference.state_dict().items():
        np.testing.assert_allclose(layer.state_dict()[name], value.numpy(), rtol=1e-12)


def test_statistics_are_also_gathered_without_a_graph():
    layer = nn.BatchNorm1d(2)
    with no_grad():
        assert not layer(random(5, 2)).requires_grad
    assert layer.num_batches_tracked == 1


@pytest.mark.parametrize("kind", ["anomaly", "width", "one value"])
def test_a_forward_that_fails_leaves_the_statistics(kind):
    layer = nn.BatchNorm1d(2)
    before = layer.state_dict()
    if kind == "anomaly":
        with (
            np.errstate(invalid="ignore"),
            detect_anomaly(),
            pytest.raises(AutogradError, match="normalize: its result holds"),
        ):
            layer(np.array([[1.0, np.inf], [1.0, 2.0]], np.float32))
    else:
        with pytest.raises(ValueError):
            layer(np.zeros((5, 3) if kind == "width" else (1, 2)))
    for name, value in layer.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_one_value_a_channel_has_no_variance_to_learn_from():
    layer = nn.BatchNorm1d(2)
    for shape in [(1, 2), (1, 2, 1)]:
        with pytest.raises(ValueError, match=r"one value a channel.*call eval\(\).*drop_last"):
            layer(np.zeros(shape))
    assert layer(np.zeros((1, 2, 2))).shape == (1, 2, 2)


@pytest.mark.parametrize("shape", [(0, 3), (0, 3, 4), (2, 3, 0)])
def test_an_empty_batch_is_empty_and_teaches_nothing(shape):
    layer = nn.BatchNorm1d(3)
    before = layer.state_dict()
    x = Tensor(np.zeros(shape, np.float32), requires_grad=True)
    y = layer(x)
    y.sum().backward()
    assert y.shape == x.grad.shape == shape
    assert not layer.weight.grad.any()
    assert layer.num_batches_tracked == 1  # though it is counted, as PyTorch does
    for name, value in layer.state_dict().items():
        np.testing.assert_array_equal(value, before[name] + (name == "num_batches_tracked"))


WRONG_SHAPES = {
    "BatchNorm1d, width": (nn.BatchNorm1d(4), (5, 3), r"\(n, 4\) or \(n, 4, L\), got \(5, 3\)$"),
    "BatchNorm1d, one row": (nn.BatchNorm1d(4), (4,), r"got \(4,\)$"),
    "BatchNorm1d, images": (nn.BatchNorm1d(4), (5, 2, 2), r"got \(5, 2, 2\); flatten it: x\.resh"),
    "BatchNorm1d, four axes": (nn.BatchNorm1d(4), (5, 4, 2, 2), r"got \(5, 4, 2, 2\)$"),
    "BatchNorm2d": (nn.BatchNorm2d(4), (5, 4, 2), r"of shape \(n, 4, H, W\), got \(5, 4, 2\)$"),
    "BatchNorm3d": (
        nn.BatchNorm3d(4),
        (5, 3, 2, 2, 2),
        r"\(n, 4, D, H, W\), got \(5, 3, 2, 2, 2\)$",
    ),
    "InstanceNorm1d": (nn.InstanceNorm1d(4), (5, 3), r"\(n, 4, L\) or \(4, L\), got \(5, 3\)$"),
    "InstanceNorm2d": (nn.InstanceNorm2d(4), (5, 4), r"or \(4, H, W\), got \(5, 4\)$"),
    "GroupNorm": (nn.GroupNorm(2, 4), (5, 6), r"of shape \(n, 4, \.\.\.\), got \(5, 6\)$"),
    "GroupNorm, one axis": (nn.GroupNorm(2, 4), (4,), r"got \(4,\)$"),
    "RMSNorm, width": (nn.RMSNorm(4), (5, 3), r"last axes are \(4,\), got shape \(5, 3\)"),
    "LayerNorm, width": (nn.LayerNorm(4), (5, 3), r"last axes are \(4,\), got shape \(5, 3\)"),
    "LayerNorm, too few axes": (nn.LayerNorm((2, 4)), (4,), r"are \(2, 4\), got shape \(4,\)"),
    "Flatten, no such axis": (nn.Flatten(), (5,), r"an input of shape \(5,\) has no such axes"),
    "Flatten, other way round": (nn.Flatten(2, 1), (5, 2, 3), "start_axis=2, end_axis=1.*order"),
}


@pytest.mark.parametrize("layer, shape, message", WRONG_SHAPES.values(), ids=WRONG_SHAPES)
def test_an_input_of_the_wrong_shape_names_layer_and_shapes(layer, shape, message):
    with pytest.raises(ValueError, match=rf"^{type(layer).__name__}\(.*{message}"):
        layer(np.zeros(shape))


WRONG_ARGUMENTS = {
    "GroupNorm of two and three": (
        lambda: nn.GroupNorm(2, 3), ValueError, "must divide num_channels, got 2 and 3",
    ),
    "GroupNorm of none": (lambda: nn.GroupNorm(0, 3), ValueError, "num_groups must be >= 1, got 0"),
    "InstanceNorm1d, momentum": (
        lambda: nn.InstanceNorm1d(3, momentum=None), TypeError, "momentum must be a number, got N",
    ),
    "RMSNorm, eps": (lambda: nn.RMSNorm(3, -1.0), ValueError, "RMSNorm: eps must be >= 0"),
    "RMSNorm of none": (lambda: nn.RMSNorm(()), ValueError, r"RMSNorm: normalized_shape needs"),
    "Dropout2d above 1": (lambda: nn.Dropout2d(1.5), ValueError, r"Dropout2d: p, .*<= 1, got 1"),
    "Linear of a float": (lambda: nn.Linear(2.0, 3), TypeError, r"whole number, got 2\.0"),
    "BatchNorm1d of none": (lambda: nn.BatchNorm1d(0), ValueError, "features must be >= 1, got 0"),
    "LayerNorm of none": (lambda: nn.LayerNorm(()), ValueError, r"an axis at least, got \(\)"),
    "LayerNorm of zero": (lambda: nn.LayerNorm((3, 0)), ValueError, "must be >= 1, got 0"),
    "LayerNorm of text": (lambda: nn.LayerNorm("3"), TypeError, "must be a whole number, got '3'"),
    "Dropout above 1": (lambda: nn.Dropout(1.5), ValueError, r"must be <= 1, got 1\.5"),
    "Dropout below 0": (lambda: nn.Dropout(-0.1), ValueError, r"must be >= 0, got -0\.1"),
    "Dropout of nan": (lambda: nn.Dropout(math.nan), ValueError, r"must be >= 0, got nan"),
    "Dropout of text": (lambda: nn.Dropout("0.5"), TypeError, "must be a number, got '0.5'"),
    "BatchNorm1d, eps": (lambda: nn.BatchNorm1d(3, -1), ValueError, "eps must be >= 0, got -1"),
    "BatchNorm1d, momentum": (
        lambda: nn.BatchNorm1d(3, momentum=2), ValueError, r"momentum must be <= 1, got 2",
    ),
    "BatchNorm1d, kind of momentum": (
        lambda: nn.BatchNorm1d(3, momentum="a"), TypeError, "momentum must be a number, got 'a'",
    ),
    "LayerNorm, eps": (lambda: nn.LayerNorm(3, "a"), TypeError, "eps must be a number, got 'a'"),
    "Dropout with a seed": (
        lambda: nn.Dropout(rng=3), TypeError, "numpy.random.Generator, got int",
    ),
}  # fmt: skip


@pytest.mark.parametrize("call, kind, message", WRONG_ARGUMENTS.values(), ids=WRONG_ARGUMENTS)
def test_wrong_arguments_of_layers(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_half_a_precision_sums_in_a_whole_one():
    x = np.full((200, 2), 60000, np.float16)  # whose sum overflows
    x[::2] -= 10000
    for y in (
        functional.batch_norm(x, None, None, training=True),
        functional.layer_norm(x.T, 200).T,
    ):
        assert y.dtype == np.float16
        np.testing.assert_allclose(y[:2], [[-1, -1], [1, 1]], rtol=1e-3)
    layer, x = nn.BatchNorm1d(2, dtype=np.float16), x / np.float16(100)
    layer(x).sum().backward()
    assert layer.running_mean.dtype == layer.weight.grad.dtype == np.float16
    np.testing.assert_allclose(layer.running_mean, 55, rtol=1e-3)
    assert layer.eval()(x).dtype == np.float16


@pytest.mark.parametrize("name", ["BatchNorm1d", "InstanceNorm1d"])
def test_statistics_beyond_half_a_precision_stay_at_its_end_and_tell(name):
    layer = getattr(nn, name)(2, track_running_stats=True, dtype=np.float16)
    x = (random(8, 2, 6) * [[300], [3]]).astype(np.float16)
    with pytest.warns(
        UserWarning, match=rf"^{name}\(2, .*: running_var is beyond 65504, .*float32"
    ):
        for _ in range(30):
            layer(x)
    assert layer.running_var.dtype == np.float16 and layer.running_var[0] == 65504
    assert 5 < layer.running_var[1] < 12
    assert np.abs(layer.eval()(x).data).max() > 1
    layer.train()(x * 0)
    assert np.isfinite(layer.running_var).all() and layer.running_var[0] < 65504


def test_a_large_offset_costs_no_precision():
    x = (random(1000, 3) + 1e4).astype(np.float32)
    y = functional.batch_norm(x, None, None, training=True)
    exact = functional.batch_norm(x.astype(np.float64), None, None, training=True)
    np.testing.assert_allclose(y, exact, atol=5e-3)  # a mean of 1e4 has an error of 1e-3


def test_normalisation_of_constants_is_zero():
    for y in (functional.layer_norm(np.full((2, 3), 7.0), 3), nn.BatchNorm1d(3)(np.ones((2, 3)))):
        assert not np.any(np.asarray(getattr(y, "data", y)))


FUNCTIONS = {
    "layer_norm, shape": (
        lambda: functional.layer_norm(np.zeros((2, 3)), 4), r"normalized_shape, \(4,\), .*\(2, 3\)",
    ),
    "layer_norm, weight": (
        lambda: functional.layer_norm(np.zeros((2, 3)), 3, np.ones(2)),
        r"layer_norm: weight must have the shape \(3,\), got \(2,\)",
    ),
    "batch_norm, bias": (
        lambda: functional.batch_norm(np.zeros((2, 3)), None, None, None, np.ones(2), True),
        r"batch_norm: bias must have the shape \(3,\), got \(2,\)",
    ),
    "batch_norm, statistics": (
        lambda: functional.batch_norm(np.zeros((2, 3)), np.zeros(1), np.ones(3)),
        r"running_mean must have the shape \(3,\), got \(1,\)",
    ),
    "batch_norm, no statistics": (
        lambda: functional.batch_norm(np.zeros((2, 3)), None, None), "it needs running_mean and",
    ),
    "batch_norm, one axis": (
        lambda: functional.batch_norm(np.zeros(3), None, None, training=True), r"got shape \(3,\)",
    ),
    "group_norm, channels": (
        lambda: functional.group_norm(np.zeros((2, 3)), 2), r"multiple of 2 groups, got .*\(2, 3\)",
    ),
    "group_norm, one value": (
        lambda: functional.group_norm(np.zeros((1, 3)), 3), r"one value a group .*\(1, 3\)",
    ),
    "instance_norm, one value": (
        lambda: functional.instance_norm(np.zeros((2, 3, 1))), r"one value a channel .*\(2, 3, 1\)",
    ),
    "instance_norm, no places": (
        lambda: functional.instance_norm(np.zeros((2, 3))), r"with places, got shape \(2, 3\)",
    ),
    "instance_norm, weight": (
        lambda: functional.instance_norm(np.zeros((2, 3, 4)), weight=np.ones(4)),
        r"instance_norm: weight must have the shape \(3,\), got \(4,\)",
    ),
    "rms_norm, weight": (
        lambda: functional.rms_norm(np.zeros((2, 3)), 3, np.ones(2)),
        r"rms_norm: weight must have the shape \(3,\), got \(2,\)",
    ),
    "dropout1d": (
        lambda: functional.dropout1d(np.zeros(3)), r"\(n, C, L\) or \(C, L\), got shape \(3,\)",
    ),
    "dropout2d": (
        lambda: functional.dropout2d(np.zeros((3, 2))), r"\(C, H, W\), got shape \(3, 2\)",
    ),
    "dropout3d": (
        lambda: functional.dropout3d(np.zeros((3, 2))), r"\(C, D, H, W\), got shape \(3, 2\)",
    ),
    "dropout": (lambda: functional.dropout(np.zeros(3), 2), r"dropout: p, .* must be <= 1, got 2"),
}  # fmt: skip


@pytest.mark.parametrize("call, message", FUNCTIONS.values(), ids=FUNCTIONS)
def test_wrong_arguments_of_functions(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ---- layouts and groups -----------------------------------------------------------------------

NORMS = {
    "batch": lambda x, w: functional.batch_norm(x, None, None, w[:4], w[:4], True),
    "groups": lambda x, w: functional.group_norm(x, 2, w[:4], w[:4]),
    "instances": lambda x, w: functional.instance_norm(x, None, None, w[:4], w[:4]),
    "layers": lambda x, w: functional.layer_norm(x, x.shape[-1], w[: x.shape[-1]]),
    "root mean square": lambda x, w: functional.rms_norm(x, x.shape[-1], w[: x.shape[-1]]),
}


def innermost(x):
    """The same images, with the batch innermost in memory, as convolutions lay it."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 0, -1)), -1, 0)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize(
    "shape", [(5, 4, 3, 2), (3, 4, 40, 3), (40, 4, 9, 2), (2, 4, 41, 30)], ids=str
)
@pytest.mark.parametrize("layouts", ["cc", "ci", "ic", "ii"])
def test_the_layout_of_the_memory_changes_no_number(norm, shape, layouts):
    x, g, w = random(*shape), random(*shape, seed=1), random(40, seed=2)
    found = []
    for layout in ("cc", layouts):
        a, b = (innermost(v) if at == "i" else v for v, at in zip((x, g), layout))
        leaf, weight = Tensor(a, requires_grad=True), Tensor(w, requires_grad=True)
        y = NORMS[norm](leaf, weight)
        y.backward(b)
        found.append([y.data, leaf.grad, weight.grad])
        assert layout[0] == "c" or y.data.strides == a.strides  # nothing was copied on the way
    for mine, plain in zip(found[1], found[0]):
        np.testing.assert_allclose(mine, plain, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("norm", NORMS)
def test_a_bias_alone_a_second_gradient_and_a_strided_one(norm):
    x, g = random(5, 4, 3, 3), random(5, 4, 3, 3, seed=1)
    call = {
        "batch": lambda x, b: functional.batch_norm(x, None, None, None, b, True),
        "groups": lambda x, b: functional.group_norm(x, 2, None, b),
        "instances": lambda x, b: functional.instance_norm(x, None, None, None, b),
        "layers": lambda x, b: functional.layer_norm(x, 3, None, b[:3]),
        "root mean square": lambda x, b: functional.rms_norm(x, 3) + b[:3],
    }[norm]
    leaf, bias = Tensor(x, requires_grad=True), Tensor(np.zeros(4), requires_grad=True)
    y = call(leaf, bias)
    for given in (g, 2 * g, np.broadcast_to(g[:1], g.shape)):
        leaf.grad = bias.grad = None
        y.backward(given)
        alone = Tensor(x, requires_grad=True)
        call(alone, np.zeros(4)).backward(given.copy())
        np.testing.assert_allclose(leaf.grad, alone.grad, atol=1e-12)
        axes = (0, 1, 2) if norm in ("layers", "root mean square") else (0, 2, 3)
        total = given.sum(axis=axes)
        np.testing.assert_allclose(bias.grad[: len(total)], total, atol=1e-12)


def test_sums_of_many_large_numbers_keep_their_digits():
    x = (random(8, 2, 64, 64) + 1e3).astype(np.float32)
    exact = functional.batch_norm(x.astype(np.float64), None, None, training=True)
    for layout in (x, innermost(x)):
        y = functional.batch_norm(layout, None, None, training=True)
        np.testing.assert_allclose(y, exact, atol=1e-3)


def test_instance_norm_of_a_running_mean_and_of_no_samples():
    layer = nn.InstanceNorm1d(2, track_running_stats=True)
    before = layer.state_dict()
    assert layer(np.zeros((0, 2, 3))).shape == (0, 2, 3)
    assert all(np.array_equal(v, before[k]) for k, v in layer.state_dict().items())
    layer(np.array([[[1.0, 3.0], [0.0, 0.0]]]))
    np.testing.assert_allclose(layer.running_mean, [0.2, 0.0])
    np.testing.assert_allclose(layer.running_var, [0.9 + 0.1 * 2, 0.9], rtol=1e-6)
    y = functional.instance_norm(
        np.ones((1, 2, 1)), layer.running_mean, layer.running_var, use_input_stats=False
    )
    np.testing.assert_allclose(y[0, :, 0], [0.8 / 1.1**0.5, 1 / 0.9**0.5], rtol=1e-4)


def test_rms_norm_takes_the_smallest_step_of_its_dtype_for_eps():
    for dtype in (np.float32, np.float64):
        x = np.full((1, 2), 1e-5, dtype)
        expected = 1e-5 / math.sqrt(1e-10 + np.finfo(dtype).eps)
        np.testing.assert_allclose(functional.rms_norm(x, 2), [[expected] * 2], rtol=1e-5)


@pytest.mark.parametrize("name", ["GroupNorm", "InstanceNorm2d", "RMSNorm", "BatchNorm2d"])
def test_new_norms_of_half_a_precision_sum_in_a_whole_one(name):
    x = np.full((4, 2, 20, 20), 60000, np.float16)
    x[..., ::2] -= 10000
    layer = {
        "GroupNorm": lambda: nn.GroupNorm(1, 2, dtype=np.float16),
        "InstanceNorm2d": lambda: nn.InstanceNorm2d(2, affine=True, dtype=np.float16),
        "RMSNorm": lambda: nn.RMSNorm(20, dtype=np.float16),
        "BatchNorm2d": lambda: nn.BatchNorm2d(2, track_running_stats=False, dtype=np.float16),
    }[name]()
    x = Tensor(x, requires_grad=True)
    y = layer(x)
    y.sum().backward()
    assert y.dtype == layer.weight.grad.dtype == x.grad.dtype == np.float16
    low, high = (50 / math.sqrt(3050), 60 / math.sqrt(3050)) if name == "RMSNorm" else (-1, 1)
    np.testing.assert_allclose(y.data[0, 0, 0, :2], [low, high], rtol=2e-3)


# ---- dropout ----------------------------------------------------------------------------------


def test_dropout_keeps_the_mean_and_divides_by_what_is_left():
    y = nn.Dropout(0.3, rng=np.random.default_rng(0))(np.ones(100_000, np.float32))
    values, counts = np.unique(y.data, return_counts=True)
    np.testing.assert_allclose(values, [0, 1 / 0.7], rtol=1e-6)
    assert abs(counts[0] / 100_000 - 0.3) < 4 * math.sqrt(0.3 * 0.7 / 100_000)


def test_flags_of_functions_are_flags():
    with pytest.raises(TypeError, match="^dropout2d: training must be True or False, got 'no'"):
        functional.dropout2d(np.ones((2, 3, 4, 4)), training="no")
    with pytest.raises(TypeError, match="^instance_norm: use_input_stats must be True or False"):
        functional.instance_norm(np.ones((2, 3, 4)), use_input_stats="no")
    with pytest.raises(TypeError, match="^batch_norm: training must be True or False"):
        functional.batch_norm(np.ones((2, 3, 4)), None, None, training=1)


WITH_EPS = {
    "batch_norm": (None, None, None, None, True), "layer_norm": (4,), "rms_norm": (4,),
    "group_norm": (3,), "instance_norm": (), "normalize": (), "cosine_similarity": (1.0,),
}  # fmt: skip


def test_every_function_with_an_eps_asks_what_it_is():
    names = {
        n for n in functional.__all__
        if "eps" in inspect.signature(getattr(functional, n)).parameters
    }  # fmt: skip
    others = {"gaussian_nll_loss", "pairwise_distance", "poisson_nll_loss", "triplet_margin_loss"}
    assert names == {*WITH_EPS} | others  # in others it may be below 0
    for name, more in WITH_EPS.items():
        for eps, kind in ((-1.0, ValueError), ("a", TypeError), ((1, 2), TypeError)):
            with pytest.raises(kind, match=f"^{name}: eps must be "):
                getattr(functional, name)(random(2, 3, 4), *more, eps=eps)


@pytest.mark.parametrize("call, message", [
    (lambda: nn.Flatten(0.5), "Flatten: start_axis"), (lambda: nn.Flatten(1, "a"), "Flatten: end_"),
    (lambda: functional.glu([1.0, 2.0], 0.5), "glu: axis"),
    (lambda: functional.cosine_similarity([1.0], [1.0], (0,)), "cosine_similarity: axis"),
    (lambda: functional.one_hot([1], 2.0), "one_hot: num_classes"),
])  # fmt: skip
def test_axes_and_counts_are_whole_numbers(call, message):
    with pytest.raises(TypeError, match=f"^{message}.* must be a whole number, got"):
        call()


def test_normalising_by_statistics_names_the_function_that_was_called():
    x = np.ones((2, 3, 4))
    for arguments, message in [
        ((x,), "without the statistics of its input it needs running_mean and running_var"),
        ((x, np.ones(4), np.ones(3)), r"running_mean must have the shape \(3,\), got \(4,\)"),
        ((x[0, 0], np.ones(4), np.ones(3)), "x must be"),
    ]:
        with pytest.raises(ValueError, match=f"^instance_norm: {message}"):
            functional.instance_norm(*arguments, use_input_stats=False)


def test_the_gradient_of_dropout_goes_where_the_values_went():
    x = Tensor(np.ones((50, 4)), requires_grad=True)
    y = functional.dropout(x, 0.5, rng=np.random.default_rng(0))
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, y.data)
    assert set(np.unique(x.grad)) == {0.0, 2.0}


def test_dropout_of_all_gives_zeros_also_of_infinities():
    x = Tensor([1.0, np.inf, -np.inf, np.nan], requires_grad=True)
    y = nn.Dropout(1.0)(x)
    y.sum().backward()
    np.testing.assert_array_equal(y.data, np.zeros(4))
    np.testing.assert_array_equal(x.grad, np.zeros(4))
    assert functional.dropout(np.ones(2, np.float32), 1).dtype == np.float32


def test_dropout_of_nothing_and_after_training_gives_x_itself():
    x = tensor(3)
    assert nn.Dropout(0.0)(x) is x
    assert nn.Dropout(0.5).eval()(x) is x
    assert functional.dropout(x, 0.5, False) is x


def test_one_seed_drops_the_same_in_every_dtype():
    masks = [
        functional.dropout(np.ones(100, dtype), rng=np.random.default_rng(1)) > 0
        for dtype in (np.float16, np.float32, np.float64)
    ]
    assert np.array_equal(masks[0], masks[1]) and np.array_equal(masks[1], masks[2])


def test_dropout_draws_anew_each_time_from_its_generator_or_the_librarys():
    x = np.ones(64)
    layer = nn.Dropout(rng=np.random.default_rng(0))
    assert not np.array_equal(layer(x).data, layer(x).data)

    def drawn(seed):
        nn.manual_seed(seed)
        return nn.Dropout()(x).data

    assert np.array_equal(drawn(0), drawn(0)) and not np.array_equal(drawn(0), drawn(1))


@pytest.mark.parametrize("places", [1, 2, 3])
def test_whole_channels_are_dropped_and_the_mean_stays(places):
    drop = getattr(functional, f"dropout{places}d")
    layer = getattr(nn, f"Dropout{places}d")(0.25, rng=np.random.default_rng(0))
    x = Tensor(np.ones((400, 5, *(3, 2, 2)[:places])), requires_grad=True)
    for y in (layer(x), drop(x, 0.25, rng=np.random.default_rng(1)), drop(x[0], 0.25)):
        channels = y.data.reshape(*y.shape[: y.ndim - places], -1)
        assert np.all(channels == channels[..., :1])
        np.testing.assert_allclose(np.unique(channels), np.unique(channels).clip(0, 4 / 3))
    y = layer(x)
    assert abs((y.data == 0).mean() - 0.25) < 0.05
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, y.data)
    assert layer.eval()(x) is x and drop(x, 0.5, False) is x


def test_dropout_keeps_the_layout_of_the_memory():
    x = innermost(np.ones((4, 3, 2, 2), np.float32))
    masks = [
        functional.dropout(v, rng=np.random.default_rng(0)) for v in (x, np.ascontiguousarray(x))
    ]
    np.testing.assert_array_equal(*masks)
    assert masks[0].strides == x.strides


# ---- labels -----------------------------------------------------------------------------------

LABELS = {
    "row": ([2, 0, 1], -1), "matrix": ([[0, 1], [1, 1]], 3), "number": (2, 4), "none": ([], 3),
    "bytes": (np.array([1, 0], np.uint8), 2),
}  # fmt: skip


@pytest.mark.parametrize("labels, classes", LABELS.values(), ids=LABELS)
def test_one_hot_agrees_with_pytorch(labels, classes):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    mine = functional.one_hot(labels, classes)
    reference = torch.nn.functional.one_hot(torch.tensor(np.array(labels, np.int64)), classes)
    assert mine.dtype == np.int64
    np.testing.assert_array_equal(mine, reference.numpy())


def test_one_hot_of_a_tensor_and_into_no_classes():
    assert functional.one_hot(Tensor([1, 0])).tolist() == [[0, 1], [1, 0]]
    assert functional.one_hot([], 0).shape == (0, 0)


WRONG_LABELS = {
    "too large": (
        ([0, 3], 3),
        ValueError,
        r"label 3 at position 1 .*at least 0 and below num_classes, 3",
    ),
    "negative": (([[0, 1], [-1, 0]],), ValueError, r"label -1 at position \(1, 0\) .*from 0 on"),
    "all negative": ((-2,), ValueError, r"label -2 is out of range: labels go from 0 on"),
    "floats": (([0.0, 1.0],), TypeError, r"must be integers, got float64; use labels\.astype"),
    "booleans": (([True],), TypeError, "must be integers, got bool"),
    "nothing to count": (([],), ValueError, r"num_classes must be given.*labels of shape \(0,\)"),
    "classes": (([1], -3), ValueError, "num_classes must be given where .*got -3"),
    "no classes": (([0], 0), ValueError, "label 0 at position 0 .*below num_classes, 0"),
}


@pytest.mark.parametrize("arguments, kind, message", WRONG_LABELS.values(), ids=WRONG_LABELS)
def test_labels_that_are_none(arguments, kind, message):
    with pytest.raises(kind, match=message):
        functional.one_hot(*arguments)


# ---- MLP --------------------------------------------------------------------------------------

STRUCTURES = {
    "plain": ({}, "Linear ReLU Linear ReLU Linear"),
    "output": ({"output_activation": "softmax"}, "Linear ReLU Linear ReLU Linear Softmax"),
    "dropout": ({"dropout": 0.5}, "Linear ReLU Dropout Linear ReLU Dropout Linear"),
    "batch norm": (
        {"batch_norm": True}, "Linear BatchNorm1d ReLU Linear BatchNorm1d ReLU Linear",
    ),
    "all": (
        {"batch_norm": True, "dropout": 0.1, "activation": "tanh", "output_activation": "sigmoid"},
        "Linear BatchNorm1d Tanh Dropout Linear BatchNorm1d Tanh Dropout Linear Sigmoid",
    ),
}  # fmt: skip


@pytest.mark.parametrize("options, kinds", STRUCTURES.values(), ids=STRUCTURES)
def test_what_an_mlp_is_made_of(options, kinds):
    model = nn.MLP([4, 5, 6, 3], **options)
    assert [type(layer).__name__ for layer in model] == kinds.split()
    assert isinstance(model, nn.Sequential) and model(random(7, 4)).shape == (7, 3)
    widths = [(m.in_features, m.out_features) for m in model if isinstance(m, nn.Linear)]
    assert widths == [(4, 5), (5, 6), (6, 3)]
    assert all(m.p == options["dropout"] for m in model if isinstance(m, nn.Dropout))


def test_an_mlp_has_the_state_names_of_the_sequential_that_it_is():
    assert list(nn.MLP([4, 5, 3]).state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert list(nn.MLP([4, 3], bias=False).state_dict()) == ["0.weight"]


def leaky():
    return nn.LeakyReLU(0.3)


ACTIVATION_KINDS = {
    "name": ("leaky_relu", "LeakyReLU(negative_slope=0.01)"),
    "name of the class": ("LeakyReLU", "LeakyReLU(negative_slope=0.01)"),
    "Keras' name": ("swish", "SiLU()"),
    "none": ("identity", "Identity()"),
    "none in Keras": ("linear", "Identity()"),
    "class": (nn.Tanh, "Tanh()"),
    "Module": (nn.LeakyReLU(0.2), "LeakyReLU(negative_slope=0.2)"),
    "factory": (leaky, "LeakyReLU(negative_slope=0.3)"),
    "partial class": (functools.partial(nn.LeakyReLU, 0.4), "LeakyReLU(negative_slope=0.4)"),
    "NumPy function": (np.sin, "_Function(sin)"),
    "function": (functional.silu, "_Function(silu)"),
}


@pytest.mark.parametrize("activation, shown", ACTIVATION_KINDS.values(), ids=ACTIVATION_KINDS)
def test_what_an_activation_may_be(activation, shown):
    model = nn.MLP([2, 3, 3, 1], activation)
    assert repr(model[1]) == repr(model[3]) == shown and model[1] is not model[3]
    model(random(4, 2)).sum().backward()
    assert model[0].weight.grad.shape == (3, 2)


@pytest.mark.parametrize(
    "name", sorted(set(nn.layers.__all__) & {*activations.__all__, *rarer.__all__} - {"GLU"})
)
def test_every_activation_has_its_name(name):
    (words,) = [n for n in functional.__all__ if n.replace("_", "") == name.lower()]
    assert type(nn.MLP([2, 3, 1], words)[1]) is getattr(nn, name)


WRONG_MLPS = {
    "activation": (
        ([2, 3, 1], "rleu"), {}, ValueError, "unknown activation 'rleu'; did you mean 'relu'",
    ),
    "initialiser": (
        ([2, 3, 1],), {"init": "glorot_uniforn"}, ValueError,
        "unknown initialiser 'glorot_uniforn'; did you mean 'glorot_uniform'",
    ),
    "kind of initialiser": (([2, 1],), {"init": 3}, TypeError, "init must be a name or a .*got 3"),
    "kind of activation": (([2, 3, 1], 3), {}, TypeError, "function of x, got int"),
    "makes no Module": (([2, 3, 1], dict), {}, TypeError, "must make a Module, got {}"),
    "too few sizes": (([2],), {}, ValueError, r"input and output at least.*got \[2\]"),
    "one size": ((2,), {}, TypeError, "a list of widths, as .*got 2"),
    "size 0": (([2, 0, 1],), {}, ValueError, r"sizes\[1\] must be >= 1, got 0"),
    "float size": (([2, 3.5, 1],), {}, TypeError, r"sizes\[1\] must be a whole number, got 3\.5"),
    "activation nowhere": (([2, 1], "rleu"), {}, ValueError, "unknown activation 'rleu'"),
    "dropout nowhere": (([2, 1],), {"dropout": 2}, ValueError, r"MLP, dropout: p, .*got 2"),
    "dropout": (([2, 3, 1],), {"dropout": 1.5}, ValueError, r"must be <= 1, got 1\.5"),
}  # fmt: skip


@pytest.mark.parametrize("args, options, kind, message", WRONG_MLPS.values(), ids=WRONG_MLPS)
def test_wrong_arguments_of_an_mlp(args, options, kind, message):
    with pytest.raises(kind, match=message):
        nn.MLP(*args, **options)


def test_one_generator_fixes_an_mlp_and_the_librarys_stays():
    nn.manual_seed(0)
    expected = nn.Linear(2, 2).weight.data
    nn.manual_seed(0)
    a, b = (
        nn.MLP([3, 4, 2], dropout=0.5, init="he_normal", rng=np.random.default_rng(7))
        for _ in range(2)
    )
    x = random(5, 3)
    np.testing.assert_array_equal(a(x).data, b(x).data)
    assert np.array_equal(nn.Linear(2, 2).weight.data, expected)


def test_named_first_values_fill_the_weights_and_biases_are_zero():
    model = nn.MLP([400, 300, 10], init="he_uniform", dtype=np.float64)
    bound = math.sqrt(6 / 400)
    assert 0.99 * bound < abs(model[0].weight.data).max() <= bound
    assert not model[0].bias.data.any() and not model[2].bias.data.any()
    filled = nn.MLP([4, 3, 2], init=lambda w: nn.init.constant_(w, 0.5), bias=False)
    assert all(np.all(p.data == 0.5) for p in filled.parameters())


def test_without_a_name_the_first_values_are_those_of_linear():
    model = nn.MLP([100, 50, 10], rng=np.random.default_rng(3), dtype=np.float64)
    for p, bound in zip(model.parameters(), (0.1, 0.1, 1 / math.sqrt(50), 1 / math.sqrt(50))):
        assert 0.8 * bound < abs(p.data).max() <= bound


def test_batch_norm_takes_the_arguments_of_pytorchs_in_their_order():
    torch = pytest.importorskip("torch")
    random = np.random.default_rng(9)
    x, (mean, weight, bias), variance = (
        random.normal(size=(4, 3)), random.normal(size=(3, 3)), random.random(3) + 0.5,
    )  # fmt: skip
    for training in (True, False):
        arguments = (x, mean.copy(), variance.copy(), weight, bias)
        y = functional.batch_norm(*arguments, training, 0.5, 1e-3)
        theirs = [torch.tensor(a) for a in arguments]
        wanted = torch.nn.functional.batch_norm(*theirs, training, 0.5, 1e-3)
        np.testing.assert_allclose(y, wanted.numpy(), rtol=1e-12, atol=1e-13)
        np.testing.assert_array_equal(arguments[1], mean)  # the running ones are never written to
