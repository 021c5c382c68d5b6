"""parameters_to_vector and vector_to_parameters: there and back, derivatives, what is refused."""

import numpy as np
import pytest

import nn
from autograd import InPlaceError, Tensor, hessian, no_grad, value_and_grad
from nn import parameters_to_vector, vector_to_parameters


def two(dtype=np.float64):
    return [
        Tensor(np.arange(6, dtype=dtype).reshape(2, 3), requires_grad=True),
        Tensor(np.array(7, dtype), requires_grad=True),
    ]


def test_a_vector_of_all_parameters_in_their_order():
    vector = parameters_to_vector(two())
    assert vector.tolist() == [0, 1, 2, 3, 4, 5, 7]
    assert parameters_to_vector(p for p in two()).shape == (7,)
    assert parameters_to_vector(two()[0]).shape == (6,)
    assert parameters_to_vector(two(np.float32)).dtype == np.float32


def test_gradients_flow_through_the_vector():
    w, b = two()
    (parameters_to_vector([w, b]) * np.arange(1, 8)).sum().backward()
    assert w.grad.tolist() == [[1, 2, 3], [4, 5, 6]] and b.grad == 7
    w.zero_grad()
    vector = parameters_to_vector([w, w])
    (vector * vector).sum().backward()
    np.testing.assert_array_equal(w.grad, 4 * w.data)


def test_without_gradients_nothing_is_recorded():
    assert not parameters_to_vector([Tensor([1.0]), Tensor(2.0)]).requires_grad
    with no_grad():
        assert not parameters_to_vector(two()).requires_grad


def test_there_and_back():
    model = nn.MLP([3, 4, 2], rng=np.random.default_rng(0))
    before = {k: v.copy() for k, v in model.state_dict().items()}
    vector = parameters_to_vector(model.parameters())
    vector_to_parameters(vector * 2, model.parameters())
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name] * 2)
        assert value.dtype == np.float32
    vector_to_parameters(vector, model.parameters())  # the old values: the vector is a copy
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


@pytest.mark.parametrize("wrap", [list, np.array, Tensor, lambda v: Tensor(v, requires_grad=True)],
                         ids=["list", "array", "Tensor", "requires a gradient"])  # fmt: skip
def test_new_values_of_any_form(wrap):
    w, b = two(np.float32)
    vector_to_parameters(wrap([9.0, 8, 7, 6, 5, 4, 3]), [w, b])
    assert w.tolist() == [[9, 8, 7], [6, 5, 4]] and b.tolist() == 3
    assert w.dtype == b.dtype == np.float32 and w.requires_grad and w.is_leaf


def test_parameters_share_no_memory_with_the_vector():
    w, b = two()
    vector = np.arange(7.0)
    vector_to_parameters(vector, [w, b])
    vector[:] = 0
    assert w.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_graph_recorded_before_keeps_its_values():
    w, b = two()
    loss = (w * w).sum() + b
    vector_to_parameters(np.zeros(7), [w, b])
    loss.backward()
    np.testing.assert_array_equal(w.grad, 2 * np.arange(6.0).reshape(2, 3))


def test_agrees_with_pytorch():
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    utils = torch.nn.utils
    ours, theirs = nn.Linear(3, 2), torch.nn.Linear(3, 2)
    new = np.random.default_rng(0).normal(size=8).astype(np.float32)
    vector_to_parameters(new, ours.parameters())
    utils.vector_to_parameters(torch.tensor(new), theirs.parameters())
    for p, q in zip(ours.parameters(), theirs.parameters()):
        np.testing.assert_array_equal(p.data, q.detach().numpy())
    there = utils.parameters_to_vector(theirs.parameters()).detach().numpy()
    np.testing.assert_array_equal(parameters_to_vector(ours.parameters()).data, there)


def test_derivatives_by_the_vector():
    """The Hessian of a network's loss by all its parameters, symmetric."""
    model = nn.Linear(2, 1, dtype=np.float64, rng=np.random.default_rng(0))
    x = np.array([[1.0, 2.0], [3.0, 5.0]])

    def loss(vector):
        weight, bias = vector[:2].reshape((1, 2)), vector[2:]
        return (nn.functional.linear(x, weight, bias) ** 2).sum()

    start = parameters_to_vector(model.parameters()).numpy()
    rows = np.column_stack([x, np.ones(2)])
    np.testing.assert_allclose(hessian(loss, start), 2 * rows.T @ rows)
    np.testing.assert_allclose(value_and_grad(loss)(start)[1], 2 * rows.T @ rows @ start)


RESULT = Tensor([1.0, 2.0], requires_grad=True) * 2
WRONG = {
    "too short": (np.zeros(6), two, ValueError, r"7 elements in 2 Tensors.*\(7,\), got \(6,\)"),
    "too long": (np.zeros(8), two, ValueError, r"must have shape \(7,\), got \(8,\)"),
    "not flat": (np.zeros((1, 7)), two, ValueError, r"got \(1, 7\)"),
    "a number": (0.0, two, ValueError, r"got \(\)"),
    "complex": (np.zeros(7, complex), two, TypeError, "cannot take the vector.*complex"),
    "text": (["a"] * 7, two, TypeError, "cannot take the vector"),
    "ragged": ([[1.0], [2.0, 3.0]], two, ValueError, "cannot take the vector"),
    "a result": (
        np.zeros(9), lambda: [*two(), RESULT], InPlaceError, "made by multiply.*model",
    ),
    "a parameter of integers": (
        np.zeros(9), lambda: [*two(), Tensor([1, 2])], TypeError, "do not fit into .* int64",
    ),
    "an array": (np.zeros(7), lambda: [np.zeros(7)], TypeError, "must be Tensors, got ndarray"),
    "a model": (np.zeros(3), lambda: nn.Linear(2, 1), TypeError, r"use \.parameters\(\)"),
    "a dict": (np.zeros(3), lambda: {"w": two()[0]}, TypeError, r"use \.values\(\)"),
    "none": (np.zeros(0), list, ValueError, "no parameters"),
}  # fmt: skip


@pytest.mark.parametrize("vector, make, kind, message", WRONG.values(), ids=WRONG)
def test_what_does_not_fit_raises(vector, make, kind, message):
    with pytest.raises(kind, match="vector_to_parameters: .*" + message):
        vector_to_parameters(vector, make())


@pytest.mark.parametrize("case", ["too short", "too long", "a result", "a parameter of integers"])
def test_then_nothing_has_changed(case):
    vector, make, kind, _ = WRONG[case]
    parameters = make()
    with pytest.raises(kind):
        vector_to_parameters(vector, parameters)
    assert parameters[0].tolist() == [[0, 1, 2], [3, 4, 5]] and parameters[1].tolist() == 7


@pytest.mark.parametrize("make", [list, lambda: [3.0], lambda: nn.Linear(2, 1), lambda: None],
                         ids=["none", "a number", "a model", "nothing"])  # fmt: skip
def test_parameters_to_vector_refuses(make):
    with pytest.raises((TypeError, ValueError), match="parameters_to_vector: "):
        parameters_to_vector(make())
