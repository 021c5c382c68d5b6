"""The engine's corner cases: what backward adds, what it leaves alone, and what it refuses.

Gradients of single operations are elsewhere; here is what holds for every graph. The expected
numbers are worked out by hand.
"""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest

from autograd import (
    AutogradError,
    GraphFreedError,
    InPlaceError,
    Tensor,
    grad,
    is_grad_enabled,
    no_grad,
    primitive,
)
from autograd.engine import topological_order
from tests.makers import leaf


def failing():
    """An operation whose rule raises."""

    def rule(g, y, x):
        raise ZeroDivisionError("inside the rule")

    return primitive(lambda x: x * 1.0, rule)


# ---- what backward takes ------------------------------------------------------------------------


def test_backward_of_many_elements_shows_both_cures():
    x = leaf([1, 2, 3])
    with pytest.raises(ValueError, match=r"\(3,\)") as raised:
        (x * x).backward()
    for cure in ("y.sum()", "y.backward(gradient)"):
        assert cure in str(raised.value)
    assert x.grad is None


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)], ids=str)
def test_one_element_of_any_shape_starts_by_itself(shape):
    x = leaf(np.full(shape, 3.0))
    (x * x).backward()
    assert x.grad.shape == shape and x.grad.item() == 6


class Subclass(np.ndarray):
    pass


@pytest.mark.parametrize("shape", [(), (1,)], ids=str)
def test_one_element_in_an_array_of_a_subclass_starts_by_itself(shape):
    operation = primitive(
        lambda x: np.reshape(np.sum(x * x), shape).view(Subclass), lambda g, y, x: g * 2 * x
    )
    x = leaf([1, 2])
    operation(x).backward()
    assert x.grad.tolist() == [2, 4]


SEEDS = {
    "array": np.array([1.0, 10.0]),
    "list": [1.0, 10.0],
    "ints": [1, 10],
    "float32": np.array([1, 10], np.float32),
    "Tensor": Tensor([1.0, 10.0]),
    "Tensor with a gradient": Tensor([1.0, 10.0], requires_grad=True),
}


@pytest.mark.parametrize("seed", SEEDS.values(), ids=SEEDS)
def test_backward_takes_a_vector_in_any_form(seed):
    x = leaf([2, 3])
    (x * x).backward(seed)
    assert type(x.grad) is np.ndarray and x.grad.dtype == np.float64
    assert x.grad.tolist() == [4, 60]


@pytest.mark.parametrize("shape", [(), (1,), (2,), (1, 3), (3, 1)], ids=str)
def test_a_gradient_of_another_shape_is_refused(shape):
    x = leaf([1, 2, 3])
    with pytest.raises(ValueError, match="backward: the gradient has shape"):
        (x * x).backward(np.ones(shape))
    assert x.grad is None


@pytest.mark.parametrize("shape", [(), (1,), (2,), (1, 3)], ids=str)
def test_an_assigned_grad_of_another_shape_is_refused(shape):
    x = leaf([1, 2, 3])
    x.grad = before = np.array([7.0, 8.0, 9.0])
    with pytest.raises(ValueError, match=r"must have its shape \(3,\)"):
        x.grad = np.ones(shape)
    assert x.grad.tolist() == before.tolist()


def test_an_assigned_grad_is_a_copy_in_the_dtype_of_the_data():
    x = Tensor(np.ones(2, np.float32), requires_grad=True)
    given = np.array([1.0, 2.0])
    x.grad = given
    given[0] = 99
    assert x.grad.dtype == np.float32 and x.grad.tolist() == [1, 2]
    x.grad = None
    assert x.grad is None


@pytest.mark.parametrize(
    "make", [lambda: Tensor([1.0]), lambda: Tensor([1.0]) * 2], ids=["leaf", "result"]
)
def test_backward_where_nothing_requires_a_gradient(make):
    with pytest.raises(AutogradError, match="requires_grad=True"):
        make().sum().backward()


def test_backward_of_a_leaf_gives_one():
    x = leaf(5.0)
    x.backward()
    assert x.grad == 1.0


# ---- sums of gradients --------------------------------------------------------------------------


def test_a_second_backward_adds_again():
    x = leaf(3.0)
    y = x * x
    y.backward()
    y.backward()
    assert x.grad == 2 * 2 * 3


def test_a_second_backward_adds_again_through_a_shared_intermediate():
    x = leaf(3.0)
    a = x * x
    y = a * a + a
    for times in (1, 2, 3):
        y.backward()
        assert x.grad == times * (4 * 3**3 + 2 * 3)


def test_two_outputs_of_one_graph_add_up():
    x = leaf(3.0)
    a = x * x
    (a * 2).backward()
    (a * a).backward()
    assert x.grad == 2 * 6 + 2 * 9 * 6


@pytest.mark.parametrize(
    "f, slope",
    [
        (lambda x: x + x, 2),
        (lambda x: x * x, 6),
        (lambda x: x - x, 0),
        (lambda x: x / x, 0),
        (lambda x: np.maximum(x, x), 1),
        (lambda x: (x * x) * (x * x), 4 * 27),
        (lambda x: np.stack([x, x, x]).sum(), 3),
        (lambda x: np.concatenate([x.reshape(1), 2 * x.reshape(1), x.reshape(1)]).sum(), 4),
        (lambda x: np.einsum(",,->", x, x, x), 27),
    ],
    ids=["x+x", "x*x", "x-x", "x/x", "max(x,x)", "(xx)(xx)", "stack", "concatenate", "einsum"],
)
def test_the_same_tensor_several_times(f, slope):
    x = leaf(3.0)
    f(x).backward()
    assert np.isclose(x.grad, slope, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("batch", [(4,), (4, 5)], ids=["rows", "pages"])
def test_the_sum_over_one_more_axis_is_one_operation_of_the_graph(batch):
    bias = leaf(np.ones(batch[1:] + (3,)))
    (g,) = grad(((np.ones((*batch, 3)) + bias) ** 2).sum(), bias, create_graph=True)
    assert "made by sum" in repr(g) and g.data.tolist() == np.full(bias.shape, 16.0).tolist()


def test_the_gradient_of_a_bias_in_another_byte_order_has_its_dtype():
    stretched = primitive(
        lambda x: np.broadcast_to(x, (4, 3)), lambda g, y, x: np.broadcast_to(x, (4, 3))
    )
    x = Tensor(np.array([1, 2, 3], np.dtype(float).newbyteorder()), requires_grad=True)
    stretched(x).backward(np.ones((4, 3)))
    assert x.grad.dtype == x.dtype and x.grad.tolist() == [4, 8, 12]


def test_the_order_is_topological():
    """a reaches y by a short and by a long path; its own rule must wait for both.

    Depth first without order would hand g = 1 from the short path on to x before the long path's
    share has come, and end with 2 x or count twice.
    """
    x = leaf(2.0)
    a = x * x
    long = ((a * 3) * 1 + 0) * 1
    y = a + long
    asked = []
    a.register_hook(lambda g: asked.append(float(g)))
    y.backward()
    assert asked == [4.0]  # once, with the sum of both paths
    assert x.grad == 4 * 2 * 2


def test_each_result_has_one_place_in_the_order():
    y = x = leaf(1.0)
    for _ in range(10):  # by 2^10 ways back to x
        y = y + y
    assert len(topological_order([y])) == 10
    y.backward()
    assert x.grad == 2**10


def test_a_number_of_single_precision_starts_with_one_of_its_own():
    x = Tensor(np.float32([1, 2]), requires_grad=True)
    y = np.sum(x)
    seen = []
    y.register_hook(seen.append)
    y.backward()
    assert type(y._value) is type(seen[0]) is np.float32


def test_the_order_holds_for_inputs_in_either_place():
    x = leaf(2.0)
    a = x * x
    for y in (a + (a * 3) * 1, (a * 3) * 1 + a, np.stack([(a * 2) * 1, a, a]).sum()):
        x.zero_grad()
        y.backward()
        assert x.grad == 4 * 2 * 2


# ---- what is not reached ------------------------------------------------------------------------


def test_a_leaf_that_is_not_reached_keeps_none():
    x, unused = leaf(1.0), leaf(1.0)
    (x * 2).backward()
    assert unused.grad is None


def test_grad_of_an_unreached_input_raises_unless_it_is_allowed():
    x, unused = leaf(3.0), leaf([1, 2], name="unused")
    y = x * x
    with pytest.raises(AutogradError, match=r"'unused' of shape \(2,\).*allow_unused=True"):
        grad(y, [x, unused])
    first, second = grad(y, [x, unused], allow_unused=True)
    assert first.item() == 6 and second is None
    assert x.grad is None  # grad touches no .grad


def test_grad_of_an_intermediate_stops_there():
    x = leaf(3.0)
    a = x * x
    (slope,) = grad(a * a, a)
    assert slope.item() == 18 and x.grad is None


def test_grad_of_an_input_and_of_what_is_made_of_it():
    x = leaf(3.0)
    a = x * x
    by_x, by_a = grad(a * a, [x, a])
    assert (by_x.item(), by_a.item()) == (4 * 27, 18)


def test_integers_carry_no_gradient():
    x = leaf([1.5, 2.5])
    assert not x.astype(int).requires_grad
    assert not np.argmax(x).dtype == float


# ---- hooks --------------------------------------------------------------------------------------


def test_a_hook_sees_the_whole_gradient_once():
    x, seen = leaf([1, 2]), []
    a = x * 2
    a.register_hook(lambda g: seen.append(g.tolist()))
    (a * 3 + a).sum().backward()
    assert seen == [[4, 4]] and x.grad.tolist() == [8, 8]


@pytest.mark.parametrize("on", ["leaf", "result", "output"])
def test_a_hook_may_replace_the_gradient(on):
    x = leaf([1, 2])
    a = x * 2
    y = a.sum()
    {"leaf": x, "result": a, "output": y}[on].register_hook(lambda g: g * 10)
    y.backward()
    assert x.grad.tolist() == [20, 20]


@pytest.mark.parametrize("on", ["leaf", "result"])
def test_hooks_run_in_order_and_each_sees_what_the_one_before_returned(on):
    x, seen = leaf(1.0), []
    a = x * 1
    target = {"leaf": x, "result": a}[on]
    target.register_hook(lambda g: seen.append(float(g)) or g + 1)
    target.register_hook(lambda g: seen.append(float(g)) or g * 10)
    a.backward()
    assert seen == [1, 2] and x.grad == 20


def test_a_hook_cannot_write_into_the_gradient():
    x = leaf([1, 2])

    def write(g):
        g[0] = 99

    x.register_hook(write)
    with pytest.raises(ValueError, match="read-only"):
        (x * 2).sum().backward()
    assert x.grad is None


@pytest.mark.parametrize("on", ["leaf", "result"])
def test_a_hook_that_changes_the_shape_raises(on):
    x, other = leaf([1, 2]), leaf(1.0)
    a = x * 2
    {"leaf": x, "result": a}[on].register_hook(lambda g: g[:1])
    with pytest.raises(ValueError, match=r"shape \(2,\) returned a gradient of shape \(1,\)"):
        (a.sum() * other).backward()
    assert x.grad is None and other.grad is None


def test_a_removed_hook_is_gone_and_removing_twice_is_nothing():
    x = leaf(1.0)
    handle, stays = x.register_hook(lambda g: g * 10), x.register_hook(lambda g: g + 1)
    handle.remove()
    handle.remove()
    (x * 1).backward()
    assert x.grad == 2
    stays.remove()
    x.zero_grad()
    (x * 1).backward()
    assert x.grad == 1


@pytest.mark.parametrize("on", ["leaf", "result"])
@pytest.mark.parametrize(
    "answer",
    [[5, 6], (5.0, 6.0), np.array([5, 6]), Tensor([5.0, 6.0]), leaf([5, 6])],
    ids=["list", "tuple", "integers", "Tensor", "Tensor with a gradient"],
)
def test_a_hook_may_answer_in_any_form(answer, on):
    x = leaf([1, 2])
    a = x * 1
    {"leaf": x, "result": a}[on].register_hook(lambda g: answer)
    for times in (1, 2):
        a.sum().backward()
        assert type(x.grad) is np.ndarray and x.grad.dtype == np.float64
        assert x.grad.tolist() == [5 * times, 6 * times]


@pytest.mark.parametrize("read", [True, False], ids=["read between", "not read"])
def test_a_rule_that_answers_with_a_tensor_leaves_a_plain_gradient(read):
    w, x = leaf([5, 6]), leaf([1, 2])
    y = primitive(np.copy, lambda g, y, a: g * w)(x).sum()
    for times in (1, 2):
        y.backward()
        if read or times == 2:
            assert type(x.grad) is np.ndarray and x.grad.tolist() == [5 * times, 6 * times]
    assert copy.deepcopy(x).grad.tolist() == [10, 12] and w.grad is None


def test_a_hook_may_start_another_backward():
    x, w = leaf(2.0), leaf(3.0)
    x.register_hook(lambda g: (w * w).backward())
    (x * x).backward()
    assert x.grad == 4 and w.grad == 6


def test_a_hook_may_remove_itself():
    x = leaf(1.0)
    handle = x.register_hook(lambda g: handle.remove() or g * 10)
    x.register_hook(lambda g: g + 1)
    (x * 1).backward()
    (x * 1).backward()
    assert x.grad == 11 + 2


@pytest.mark.parametrize("on", ["leaf", "result"])
def test_hooks_under_create_graph_take_part_in_the_second_derivative(on):
    x = leaf(3.0)
    a = x * 1
    {"leaf": x, "result": a}[on].register_hook(lambda g: g * g)
    (slope,) = grad(a * a, x, create_graph=True)  # (2x)²
    assert slope.item() == 36
    x._hooks = a._hooks = None
    (curvature,) = grad(slope, x)
    assert curvature.item() == 8 * 3


def test_hooks_of_results_run_for_grad_too():
    x, seen = leaf(3.0), []
    a = x * 2
    a.register_hook(lambda g: seen.append(float(g)))
    grad(a * a, x)
    assert seen == [12]


def test_retain_grad_keeps_the_gradient_of_a_result_and_adds():
    x = leaf(3.0)
    a = x * 2
    a.retain_grad()
    y = a * a
    y.backward()
    y.backward()
    assert a.grad == 2 * 12 and x.grad == 2 * 24


def test_without_retain_grad_a_result_keeps_none():
    a = leaf(3.0) * 2
    (a * a).backward()
    assert a.grad is None


@pytest.mark.parametrize("first", ["hook", "retain"])
def test_retain_grad_sees_the_value_after_all_hooks(first):
    x = leaf(3.0)
    a = x * 2
    steps = [lambda: a.register_hook(lambda g: g * 10), a.retain_grad]
    for step in steps if first == "hook" else steps[::-1]:
        step()
    (a * 1).backward()
    assert a.grad == 10 and x.grad == 20


def test_retain_grad_of_a_leaf_changes_nothing():
    x = leaf(3.0)
    x.retain_grad()
    (x * x).backward()
    assert x.grad == 6


# ---- freeing ------------------------------------------------------------------------------------


def test_a_graph_may_be_used_again_by_default():
    x = leaf(3.0)
    y = x * x
    for _ in range(3):
        y.backward()
    assert x.grad == 18


def test_a_freed_graph_says_so():
    x = leaf(3.0)
    y = x * x
    y.backward(retain_graph=False)
    assert x.grad == 6
    for again in (y.backward, lambda: grad(y, x), lambda: (y * 2).backward()):
        with pytest.raises(GraphFreedError, match="result of multiply.*retain_graph=False"):
            again()
    assert x.grad == 6 and y.item() == 9  # the values are there as before


def test_a_new_result_on_a_freed_one_says_so_too():
    x, w = leaf(3.0), leaf(2.0)
    a = x * x
    (a * 2).backward(retain_graph=False)
    with pytest.raises(GraphFreedError):
        (a * w).backward()
    assert w.grad is None and x.grad == 12
    (a.detach() * w).backward()
    assert w.grad == 9


def test_freeing_leaves_other_graphs_on_the_same_leaves_alone():
    x = leaf(3.0)
    y, z = x * x, x * 5
    y.backward(retain_graph=False)
    z.backward()
    assert x.grad == 6 + 5


# ---- when something raises ----------------------------------------------------------------------


def test_nothing_is_half_changed_when_a_rule_raises():
    x, w, seen = leaf([1, 2]), leaf([3, 4]), []
    x.grad = [10.0, 20.0]
    handle = x.register_hook(lambda g: seen.append(g.tolist()))
    a = failing()(x)
    a.retain_grad()
    bad = (a * w).sum() + (x * w).sum()
    with pytest.raises(ZeroDivisionError, match="inside the rule"):
        bad.backward()
    assert x.grad.tolist() == [10, 20] and w.grad is None and a.grad is None
    assert is_grad_enabled() and seen == []
    (x * w).sum().backward()  # and the next one is right, hook and all
    assert x.grad.tolist() == [13, 24] and w.grad.tolist() == [1, 2] and seen == [[3, 4]]
    handle.remove()


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("enabled", [False, True])
def test_the_mode_is_back_after_a_rule_raises(create_graph, enabled):
    x = leaf(1.0)
    y = failing()(x)
    if enabled:
        with pytest.raises(ZeroDivisionError):
            grad(y, x, create_graph=create_graph)
        assert is_grad_enabled()
    else:
        with no_grad():
            with pytest.raises(ZeroDivisionError):
                grad(y, x, create_graph=create_graph)
            assert not is_grad_enabled()


def test_an_error_in_a_rule_names_the_operation():
    error = pytest.raises(ZeroDivisionError, failing()(leaf(1.0)).backward).value
    if sys.version_info >= (3, 11):
        assert any("backward pass" in note and "lambda" in note for note in error.__notes__)


def test_a_forward_that_raises_records_nothing():
    x = leaf([1, 2])
    with pytest.raises(ValueError):
        x + np.ones(3)
    (x * x).sum().backward()
    assert x.grad.tolist() == [2, 4]


# ---- whose memory is it -------------------------------------------------------------------------

CONSTANT = np.array([5.0, 6.0])
SHARING = {
    "x + y": lambda x, y: x + y,
    "x - y": lambda x, y: x - y,
    "concatenate": lambda x, y: np.concatenate([x, y])[:2] + np.concatenate([x, y])[2:],
    "stack": lambda x, y: np.stack([x, y]).sum(axis=0),
    "where": lambda x, y: np.where([True, False], x, y),
    "reshape": lambda x, y: x.reshape(2, 1).reshape(2) + y.reshape(2),
    "transpose": lambda x, y: x.T + y.T,
    "broadcast": lambda x, y: np.broadcast_to(x, (1, 2))[0] + y,
    "index": lambda x, y: x[:] + y[::-1][::-1],
    "copy": lambda x, y: x.clone() + y,
    "a rule's own array": lambda x, y: primitive(
        lambda a, b: a + b, lambda g, z, a, b: CONSTANT, lambda g, z, a, b: CONSTANT
    )(x, y),
    "a rule's argument": lambda x, y: primitive(
        lambda a, b: a + b, lambda g, z, a, b: a, lambda g, z, a, b: a
    )(x, y),
    "a rule's result": lambda x, y: primitive(
        lambda a, b: a + b, lambda g, z, a, b: z, lambda g, z, a, b: z
    )(x, y),
    "a rule's view": lambda x, y: primitive(
        lambda a, b: a + b, lambda g, z, a, b: g[:], lambda g, z, a, b: z[::-1]
    )(x, y),
}


@pytest.mark.parametrize("f", SHARING.values(), ids=SHARING)
@pytest.mark.parametrize("as_tensor", [False, True], ids=["array", "Tensor"])
def test_gradients_share_no_memory(f, as_tensor):
    x, y, g = leaf([1, 2]), leaf([3, 4]), np.array([1.0, 10.0])
    z = f(x, y)
    z.backward(Tensor(g) if as_tensor else g)
    places = {"x.grad": x.grad, "y.grad": y.grad, "g": g, "x": x.data, "y": y.data, "z": z.data,
              "constant": CONSTANT}  # fmt: skip
    for own in ("x.grad", "y.grad"):
        assert places[own].flags.writeable
        for name, other in places.items():
            assert name == own or not np.shares_memory(places[own], other), (own, name)


def test_the_gradient_of_a_leaf_that_is_its_own_output_is_a_copy():
    x, g = leaf([1, 2]), np.array([1.0, 10.0])
    x.backward(g)
    assert x.grad.tolist() == [1, 10] and not np.shares_memory(x.grad, g)


def test_a_hook_that_returns_an_array_of_its_own_keeps_it():
    x, own = leaf([1, 2]), np.array([7.0, 8.0])
    x.register_hook(lambda g: own)
    (x * 2).sum().backward()
    x.grad[0] = 99
    assert own.tolist() == [7, 8]


def test_a_hook_that_keeps_what_it_saw_keeps_its_values():
    x, seen = leaf([1, 2]), []
    x.register_hook(seen.append)
    for _ in range(2):
        (x * 2).sum().backward()
    x.grad[:] = 99
    assert [g.tolist() for g in seen] == [[2, 2], [2, 2]]


def test_a_retained_gradient_shares_no_memory():
    x, g = leaf([1, 2]), np.array([1.0, 10.0])
    a = x + 0
    b = a + 0
    a.retain_grad(), b.retain_grad()
    b.backward(g)
    grads = [x.grad, a.grad, b.grad, g]
    for i, one in enumerate(grads):
        assert not any(np.shares_memory(one, other) for other in grads[i + 1 :])


def test_a_gradient_taken_before_keeps_its_values():
    p = leaf([1, 2])
    (p * p).sum().backward()
    g = p.grad
    p.zero_grad()
    assert p.grad is None
    (p * 100).sum().backward()
    assert g.tolist() == [2, 4] and p.grad.tolist() == [100, 100]


def test_a_gradient_taken_before_keeps_its_values_when_more_is_added():
    p = leaf([1, 2])
    (p * p).sum().backward()
    g = p.grad
    (p * 100).sum().backward()
    assert g.tolist() == [2, 4] and p.grad.tolist() == [102, 104]


def test_a_gradient_of_a_number_is_an_array_and_keeps_its_values():
    p = Tensor(3.0, requires_grad=True)
    (p * p).backward()
    g = p.grad
    (p * p).backward()
    assert type(g) is np.ndarray and g == 6 and p.grad == 12


# ---- values that change -------------------------------------------------------------------------


def _assign(p):
    p.assign_([100.0, 200.0])


def _value(p):
    p.data = np.array([100.0, 200.0])


def _data_in_place(p):
    p.data = p.data * 0 + 100


def _no_grad_update(p):
    with no_grad():
        p += 100


def _through_detach(p):
    p.detach().assign_([100.0, 200.0])


def _through_view(p):
    with no_grad():
        p[:].assign_([100.0, 200.0])


def _through_reshape(p):
    with no_grad():
        view = p.reshape(2, 1).reshape(2)
        view += 100


CHANGES = [_assign, _value, _data_in_place, _no_grad_update, _through_detach, _through_view,
           _through_reshape]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda f: f.__name__.strip("_"))
def test_backward_uses_the_values_that_the_forward_used(change):
    p = leaf([1, 2])
    y = (p * p * p).sum()
    change(p)
    y.backward()
    assert p.grad.tolist() == [3, 12]


@pytest.mark.parametrize("change", CHANGES[4:], ids=lambda f: f.__name__.strip("_"))
def test_a_leaf_is_not_changed_through_what_was_made_of_it(change):
    p = leaf([1, 2])
    change(p)
    assert p.tolist() == [1, 2]


@pytest.mark.parametrize("change", CHANGES[:4], ids=lambda f: f.__name__.strip("_"))
def test_a_second_derivative_across_an_update_raises_and_names_the_tensor(change):
    p = leaf([1, 2], name="weight")
    y = (p * p * p).sum()
    change(p)
    with pytest.raises(InPlaceError, match="'weight' was given new values"):
        grad(y, p, create_graph=True)
    (slope,) = grad(y, p)  # the first derivative is at the old values
    assert slope.tolist() == [3, 12]
    (new,) = grad((p * p * p).sum(), p, create_graph=True)  # and the next graph is fine
    assert new.tolist() == (3 * p.data**2).tolist()


def test_a_second_derivative_across_an_update_raises_for_list_arguments_too():
    p = leaf([1, 2], name="weight")
    y = (np.stack([p, p]) ** 2).sum()
    p.assign_([5, 6])
    with pytest.raises(InPlaceError, match="'weight'"):
        grad(y, p, create_graph=True)


def test_no_grad_update_keeps_the_leaf_and_what_was_seen_before():
    w = leaf([1, 2])
    alias, before = w, w.data
    loss = (w * w).sum()
    loss.backward()
    with no_grad():
        w -= 0.5 * w.grad
    assert w is alias and w.is_leaf and w.requires_grad
    assert w.tolist() == [0, 0] and before.tolist() == [1, 2]


def test_augmented_assignment_never_changes_what_an_earlier_result_sees():
    x = leaf([1, 2])
    z = first = x * 1
    y = z * z
    z += 10
    assert z is not first and first.tolist() == [1, 2]
    (y.sum() + z.sum()).backward()
    assert x.grad.tolist() == [2 + 1, 4 + 1]


@pytest.mark.parametrize(
    "make",
    [lambda: leaf([1, 2]), lambda: Tensor([1.0, 2.0]), lambda: leaf([1, 2]) * 1],
    ids=["leaf", "plain", "result"],
)
def test_item_assignment_raises_and_shows_the_cures(make):
    x = make()
    with pytest.raises(InPlaceError, match=r"np\.where.*assign_"):
        x[0] = 5.0
    assert x.tolist() == [1, 2]


def test_assign_checks_before_it_changes():
    p = leaf([1, 2], name="p")
    before = p.data
    with pytest.raises(ValueError, match=r"shape \(3,\) for the Tensor 'p' of shape \(2,\)"):
        p.assign_([1, 2, 3])
    with pytest.raises(TypeError, match="complex"):
        p.assign_([1j, 2])
    with pytest.raises(InPlaceError, match="result of multiply"):
        (p * p).assign_([1, 2])
    with pytest.raises(TypeError, match="int64"):
        p.data = np.array([1, 2])
    assert p.data is before and p.tolist() == [1, 2]


def test_assign_copies_and_data_shares():
    p, given = leaf([1, 2]), np.array([3.0, 4.0])
    p.assign_(given)
    assert not np.shares_memory(p.data, given)
    p.data = given
    assert p.data is given
    assert p.assign_([5, 6]) is p and p.dtype == np.float64


# ---- read-only results, and leaves that stay writable ------------------------------------------

RESULTS = {
    "recorded": lambda: leaf([1, 2]) * 2,
    "unrecorded": lambda: Tensor([1.0, 2.0]) * 2,
    "view": lambda: leaf([[1, 2]])[0],
    "plain view": lambda: Tensor([[1.0, 2.0]]).reshape(2),
    "detached": lambda: (leaf([1, 2]) * 2).detach(),
}


@pytest.mark.parametrize("make", RESULTS.values(), ids=RESULTS)
def test_results_are_read_only(make):
    y = make()
    before = y.tolist()
    for array in (y.data, y.numpy(), np.asarray(y.detach())):
        assert not array.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 99
    assert y.tolist() == before


LOOKS = {
    "atleast_1d": np.atleast_1d,
    "reshape": lambda x: x.reshape(x.shape),
    "index": lambda x: x[...],
    "detach": lambda x: x.detach(),
    "transpose": lambda x: x.T,
    "ravel": np.ravel,
    "numpy": lambda x: x.numpy(),
    "broadcast": lambda x: np.broadcast_to(x, x.shape),
    "data of a view": lambda x: x[:].data,
    "squeeze": np.squeeze,
    "positive": lambda x: +x,
    "asarray": lambda x: np.asarray(x.detach()),
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
@pytest.mark.parametrize("requires_grad", [False, True])
def test_looking_at_a_leaf_never_locks_it(look, requires_grad):
    own = np.array([1.0, 2.0])
    x = Tensor(own, requires_grad=requires_grad)
    getattr(look(x), "data", None)
    assert x.data.flags.writeable and own.flags.writeable
    own[0] = 7.0  # one's own array stays one's own
    assert x.tolist() == [7, 2]


def test_data_of_a_number_is_an_array_of_its_own():
    x = Tensor(3.0)
    assert type(x.data) is np.ndarray and x.data.shape == ()
    x.data[...] = 4.0
    assert x.item() == 4.0


# ---- copies -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, copy.copy, lambda x: pickle.loads(pickle.dumps(x))],
    ids=["deepcopy", "copy", "pickle"],
)
def test_a_leaf_can_be_copied_whole(copied):
    x = leaf([1, 2], name="weight")
    x.grad = [5.0, 6.0]
    twin = copied(x)
    assert twin is not x and twin.is_leaf and twin.requires_grad and twin.name == "weight"
    assert twin.tolist() == [1, 2] and twin.grad.tolist() == [5, 6]
    twin.grad[0] = 99
    assert x.grad.tolist() == [5, 6]


def test_deepcopy_and_pickle_share_no_memory():
    x = leaf([1, 2])
    for twin in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert not np.shares_memory(twin.data, x.data)


def test_deepcopy_keeps_one_tensor_one():
    x = leaf(1.0)
    a, b = copy.deepcopy([x, x])
    assert a is b and a is not x


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, copy.copy, pickle.dumps], ids=lambda f: f.__name__
)
def test_a_result_cannot_be_copied_alone(copied):
    with pytest.raises(AutogradError, match=r"result of multiply.*\.detach\(\)"):
        copied(leaf(1.0) * 2)
    assert copied((leaf(1.0) * 2).detach()) is not None


def test_clone_is_a_copy_inside_the_graph():
    x = leaf([1, 2])
    for y in (x.clone(), x.copy(), np.copy(x)):
        assert not y.is_leaf and not np.shares_memory(y.data, x.data)
        y.sum().backward()
    assert x.grad.tolist() == [3, 3]


def test_detach_shares_the_data_and_leaves_the_graph():
    x = leaf([1, 2])
    d = x.detach()
    assert d.is_leaf and not d.requires_grad and np.shares_memory(d.data, x.data)
    (x * d).sum().backward()
    assert x.grad.tolist() == [1, 2]


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.float64])
def test_astype_gives_each_side_its_own_dtype(dtype):
    x = leaf([1, 2])
    y = x.astype(dtype)
    assert y.dtype == dtype
    (y * 3).sum().backward()
    assert x.grad.dtype == np.float64 and x.grad.tolist() == [3, 3]


# ---- leaves -------------------------------------------------------------------------------------


def test_is_leaf():
    x, plain = leaf(1.0), Tensor(1.0)
    assert x.is_leaf and plain.is_leaf and (plain * 2).is_leaf and x.detach().is_leaf
    assert not (x * 2).is_leaf
    with no_grad():
        assert (x * 2).is_leaf


def test_requires_grad_can_be_switched_on_leaves_of_floats():
    x = Tensor([1.0, 2.0])
    assert x.requires_grad_() is x and x.requires_grad
    x.requires_grad = False
    assert not (x * 2).requires_grad
    with pytest.raises(TypeError, match="int64.*np.float64"):
        Tensor([1, 2]).requires_grad_()
    y = leaf(1.0) * 2
    assert y.requires_grad_() is y
    with pytest.raises(AutogradError, match=r"detach\(\)"):
        y.requires_grad_(False)
    assert y.requires_grad


def test_an_unrecorded_result_can_become_a_leaf_of_its_own():
    x = leaf([1, 2])
    with no_grad():
        y = x[:]
    y.requires_grad_()
    assert y.is_leaf and y.data.flags.writeable and not np.shares_memory(y.data, x.data)
    (y * y).sum().backward()
    assert y.grad.tolist() == [2, 4] and x.grad is None


# ---- several results ----------------------------------------------------------------------------

SQUARE = np.array([[3.0, 1.0], [1.0, 2.0]])


def numeric(f, x, eps=1e-6):
    """Central differences of a scalar function of an array."""
    slope = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[i] = eps
        slope[i] = (f(x + step) - f(x - step)) / (2 * eps)
    return slope


@pytest.mark.parametrize("used", [0, 1, 2], ids=["u", "s", "vh"])
def test_one_of_the_results_of_svd(used):
    def f(a):
        return ((np.linalg.svd(a)[used] ** 2) * [[1.0, 2.0], [3.0, 4.0]][used != 1]).sum()

    x = leaf(SQUARE + [[0, 1], [0, 0]])
    f(x).backward()
    assert np.allclose(x.grad, numeric(f, x.data), atol=1e-7)


@pytest.mark.parametrize("used", [0, 1], ids=["values", "vectors"])
def test_one_of_the_results_of_eigh(used):
    def f(a):
        symmetric = (a + a.T) / 2
        return ((np.linalg.eigh(symmetric)[used] ** 2) * [1.0, 3.0]).sum()

    x = leaf(SQUARE)
    f(x).backward()
    assert np.allclose(x.grad, numeric(f, x.data), atol=1e-7)


def test_one_of_the_results_of_slogdet():
    x = leaf(SQUARE)
    np.linalg.slogdet(x)[1].backward()
    assert np.allclose(x.grad, np.linalg.inv(SQUARE).T, atol=1e-14)
    x.zero_grad()
    np.linalg.slogdet(x).sign.backward()
    assert x.grad is None or not x.grad.any()


def test_all_results_together_and_one_of_them_twice():
    x = leaf(SQUARE)
    values, vectors = np.linalg.eigh(x)
    (values.sum() + values.sum() + (vectors**2).sum()).backward()
    assert np.allclose(x.grad, 2 * np.eye(2), atol=1e-12)  # the trace; the lengths stay 1


def test_several_results_keep_their_names():
    result = np.linalg.eigh(leaf(SQUARE))
    assert result.eigenvalues is result[0] and isinstance(result[1], Tensor)


def test_results_that_are_not_used_cost_zeros():
    both = primitive(lambda x: (x * 2, x * 3), lambda g, y, x: 2 * g[0] + 3 * g[1])
    x = leaf([1, 2])
    first, second = both(x)
    second.sum().backward()
    assert x.grad.tolist() == [3, 3]
    (first * second).sum().backward()
    assert x.grad.tolist() == [3 + 12, 3 + 24]


# ---- list arguments -----------------------------------------------------------------------------


def test_a_list_may_hold_plain_arrays_and_numbers():
    x = leaf([1, 2])
    y = np.concatenate([x, np.ones(2), [5.0], Tensor([6.0])])
    assert y.tolist() == [1, 2, 1, 1, 5, 6]
    (y * np.arange(6)).sum().backward()
    assert x.grad.tolist() == [0, 1]


def test_a_list_of_plain_tensors_records_nothing():
    assert not np.stack([Tensor(1.0), Tensor(2.0)]).requires_grad


def test_changing_the_list_afterwards_changes_nothing():
    x = leaf([1, 2])
    members = [x, x * 3]
    y = np.stack(members)
    members.clear()
    y.sum().backward()
    assert x.grad.tolist() == [4, 4]


def test_a_list_of_ten_thousand():
    xs = [leaf(float(i)) for i in range(10_000)]
    (np.stack(xs) * np.arange(10_000)).sum().backward()
    assert all(x.grad == i for i, x in enumerate(xs))


def test_a_list_under_create_graph():
    x = leaf([1, 2])
    (slope,) = grad((np.stack([x, x * x]) ** 2).sum(), x, create_graph=True)  # 2x + 4x³
    (curvature,) = grad(slope.sum(), x)
    assert slope.tolist() == [6, 36] and curvature.tolist() == [2 + 12, 2 + 48]


# ---- length -------------------------------------------------------------------------------------


def test_a_long_chain_needs_no_recursion():
    limit = sys.getrecursionlimit()
    x = leaf(1.0)
    depth = 0
    frame = sys._getframe()
    while frame is not None:
        frame, depth = frame.f_back, depth + 1
    sys.setrecursionlimit(depth + 60)
    try:
        y = x
        for _ in range(200_000):
            y = y + 1.0
        y.backward()
        value = y.item()
        del y
    finally:
        sys.setrecursionlimit(limit)
    assert value == 200_001 and x.grad == 1


def test_a_long_chain_under_create_graph_needs_no_recursion():
    x = leaf(1.0)
    y = x
    for _ in range(20_000):
        y = y * 1.0
    (slope,) = grad(y * x, x, create_graph=True)
    (curvature,) = grad(slope, x)
    assert (slope.item(), curvature.item()) == (2, 2)


MILLION = """
import gc
from autograd import Tensor
gc.disable()
x = Tensor(1.0, requires_grad=True)
y = x
for _ in range(1_000_000):
    y = y + 1.0
y.backward()
assert y.item() == 1_000_001 and x.grad == 1
del y
print("done")
"""


def test_a_million_operations_forward_backward_and_release():
    run = subprocess.run([sys.executable, "-c", MILLION], capture_output=True, text=True)
    assert run.stdout.strip() == "done", run.stderr[-500:]
