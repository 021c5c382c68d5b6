"""Linear, the activations, first values and randomness: values, derivatives, dtypes, errors.

Compared with PyTorch in float64 to 1e-10 where it is installed, and with finite differences.
"""

import math

import numpy as np
import pytest

import nn
from autograd import Tensor, grad, gradcheck, gradgradcheck, no_grad
from nn import functional

LEADING = {"one row": (), "batch": (4,), "two axes": (2, 3), "empty": (0,), "empty inside": (2, 0)}


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def tensor(*shape, seed=0):
    return Tensor(random(*shape, seed=seed), requires_grad=True)


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

    import autograd

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
    with pytest.raises(ValueError, match=r"both sizes must be >= 1, got 0, 2"):
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
    assert kind.__module__ == "nn.activations" and ACTIVATIONS[kind].__name__ in kind.__doc__


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
    reference = getattr(torch.nn, kind.__name__)()(theirs)
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


def test_float32_stays_float32():
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
