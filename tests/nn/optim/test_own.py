"""Optimisers of one's own, written with the habits of PyTorch: nothing recorded sees their work."""

import pickle

import numpy as np
import pytest

import nn
from autograd import Tensor
from nn.optim import Optimizer
from nn.optim.joined import LARGE

LR = {"lr": 0.1}


def make(update, elementwise=False, initial=None):
    """An optimiser with this update."""
    members = {"update": lambda self, *args: update(*args), "elementwise": elementwise}
    if initial is not None:
        members["initial"] = lambda self, value, settings: initial(value)
    return type("Own", (Optimizer,), members)


def in_place(value, gradient, state, settings):
    value -= settings["lr"] * gradient
    return value


def through_a_view(value, gradient, state, settings):
    value[...] = value - settings["lr"] * gradient
    return value[...]


def by_out(value, gradient, state, settings):
    return np.subtract(value, settings["lr"] * gradient, out=value)


def into_the_gradient(value, gradient, state, settings):
    gradient *= -settings["lr"]
    gradient += value
    return gradient


def keeps_it(value, gradient, state, settings):
    state["last"] = value
    value -= settings["lr"] * gradient
    return value


def returns_its_state(value, gradient, state, settings):
    if "slow" not in state:
        state["slow"] = value.copy()
    state["slow"] -= settings["lr"] * gradient  # into what was returned the last time
    return state["slow"]


def returns_a_view_of_its_state(value, gradient, state, settings):
    returns_its_state(value, gradient, state, settings)
    return state["slow"][...]


def without_a_copy(value, gradient, state, settings):
    state.setdefault("first", value)
    return value - settings["lr"] * gradient


UPDATES = [
    in_place, through_a_view, by_out, into_the_gradient, keeps_it, returns_its_state,
    returns_a_view_of_its_state, without_a_copy,
]  # fmt: skip
SHAPES = {"some": [(3, 2), (4,), (1,)], "one": [(3, 2)], "large": [(LARGE // 2 + 1, 2), (3,)]}


@pytest.mark.parametrize("update", UPDATES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("elementwise", [True, False], ids=["together", "alone"])
@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)
def test_what_an_update_writes_changes_no_graph_and_no_array_of_anybody_else(
    update, elementwise, shapes
):
    rng = np.random.default_rng(0)
    params = [Tensor(rng.normal(size=shape), requires_grad=True) for shape in shapes]
    optimizer = make(update, elementwise)(params, LR)
    seen = []  # (array, a copy of it)
    for _ in range(4):
        optimizer.zero_grad()
        graphs = [np.sum(p**3) for p in params]
        values = [p.data.copy() for p in params]
        for graph in graphs:
            graph.backward()
        gradients = [p.grad.copy() for p in params]
        seen += [(p.data, p.data.copy()) for p in params] + [
            (p.grad, p.grad.copy()) for p in params
        ]
        optimizer.step()
        for p, value, gradient in zip(params, values, gradients):
            np.testing.assert_allclose(p.data, value - 0.1 * gradient, rtol=1e-12)
        assert all(np.array_equal(array, copy) for array, copy in seen)
        optimizer.zero_grad()
        for graph in graphs:  # at the values that it saw
            graph.backward()
        for p, gradient in zip(params, gradients):
            np.testing.assert_array_equal(p.grad, gradient)
    arrays = [p.data for p in params] + [p.grad for p in params]
    for i, a in enumerate(arrays):
        assert not any(np.shares_memory(a, b) for b in arrays[:i])
        for state in optimizer.state.values():
            assert not any(np.shares_memory(a, entry) for entry in state.values())


def test_an_array_that_the_optimiser_keeps_for_itself_is_no_parameter():
    class Keeping(Optimizer):
        def update(self, value, gradient, state, settings):
            self.buffer = getattr(self, "buffer", value)
            self.buffer -= gradient
            return self.buffer

    p = Tensor([5.0], requires_grad=True)
    optimizer = Keeping([p], LR)
    kept = []
    for _ in range(3):
        p.grad = [1.0]
        optimizer.step()
        kept.append(p.data)
    assert [array.tolist() for array in kept] == [[4.0], [3.0], [2.0]]


@pytest.mark.parametrize("order", "CF")
def test_a_copy_keeps_the_layout(order):
    p = Tensor(np.ones((3, 4), order=order), requires_grad=True)
    optimizer = make(in_place)([p], LR)
    p.grad = np.ones((3, 4))
    optimizer.step()
    assert p.data.flags[f"{order}_CONTIGUOUS"]


def test_ours_are_given_no_copies():
    seen = []
    p = Tensor(np.ones(3), requires_grad=True)
    p.grad = np.ones(3)
    optimizer = nn.optim.SGD([p], lr=0.1)
    update = optimizer.update
    optimizer.update = lambda value, *rest: seen.append(value) or update(value, *rest)
    before = p.data
    optimizer.step()
    assert np.shares_memory(seen[0], before)


# ---- a step of one's own -------------------------------------------------------------------------


def test_a_step_as_pytorchs_optimisers_write_it():
    """With all parameters in its own hands, and a state that begins as an empty dict."""

    class Heavy(Optimizer):
        def step(self):
            for group in self.param_groups:
                for p in group["params"]:
                    state = self.state[p]
                    if len(state) == 0:
                        state["buffer"] = np.zeros_like(p.data)
                    state["buffer"] = 0.9 * state["buffer"] + p.grad
                    p.data -= group["lr"] * state["buffer"]

    starts = [np.ones((2, 3)), np.ones(4)]
    mine, theirs, later = ([Tensor(a, requires_grad=True) for a in starts] for _ in range(3))
    heavy, sgd = Heavy(mine, LR), nn.optim.SGD(theirs, **LR, momentum=0.9)
    for step in range(6):
        if step == 3:  # goes on with another, from its state
            state = heavy.state_dict()
            for p, q in zip(later, mine):
                p.data = q.data
            mine, heavy = later, Heavy(later, LR)
            heavy.load_state_dict(state)
        for p, q in zip(mine, theirs):
            p.grad = q.grad = (step + 1) * np.cos(q.data)
        heavy.step()
        sgd.step()
    assert all(map(np.allclose, [p.data for p in mine], [q.data for q in theirs]))
    assert all((a == 1).all() for a in starts)


def test_to_look_at_a_state_begins_none():
    p = Tensor([1.0], requires_grad=True)
    optimizer = nn.optim.Adam([p], lr=0.1)
    assert optimizer.state[p] == {}
    p.grad = [2.0]
    optimizer.step()
    assert optimizer.state[p]["step"] == 1 and p.item() == pytest.approx(0.9)
    optimizer.load_state_dict({"state": {}, **{k: v for k, v in optimizer.state_dict().items()
                                               if k != "state"}})  # fmt: skip
    assert optimizer.state[p] == {}


# ---- elementwise, said falsely -------------------------------------------------------------------


def normalized(value, gradient, state, settings):
    return value - settings["lr"] * gradient / np.linalg.norm(gradient)


def clipped(value, gradient, state, settings):
    return value - settings["lr"] * gradient * min(1, 20 / np.linalg.norm(gradient))


def centred(value, gradient, state, settings):
    return value - settings["lr"] * (gradient - gradient.mean())


def trusting(value, gradient, state, settings):
    rate = settings["lr"] * np.linalg.norm(value) / np.linalg.norm(gradient)
    return value - rate * gradient


def by_rows(value, gradient, state, settings):
    return value - settings["lr"] * gradient / np.sqrt((gradient**2).sum(axis=-1, keepdims=True))


def of_matrices(value, gradient, state, settings):
    return value - settings["lr"] * gradient * (2 if value.ndim == 2 else 1)


def only_matrices(value, gradient, state, settings):
    return value - gradient.reshape(value.shape[0], -1) if value.ndim > 1 else value * 1


def largest_only(value, gradient, state, settings):
    return value - gradient * (abs(gradient) == abs(gradient).max())


def remembers(value, gradient, state, settings):
    state["scale"] = max(state.get("scale", 0.0), float(abs(gradient).max()))
    return value - settings["lr"] * gradient / state["scale"]


def warms_up(value, gradient, state, settings):
    state["step"] = state.get("step", 0) + 1
    return (normalized if state["step"] > 5 else sign)(value, gradient, state, settings)


MIXING = [
    normalized, clipped, centred, trusting, by_rows, of_matrices, only_matrices, largest_only,
    remembers, warms_up,
]  # fmt: skip


@pytest.mark.parametrize("update", MIXING, ids=lambda f: f.__name__)
@pytest.mark.parametrize("lr", [0.1, 0.0])
@pytest.mark.parametrize("shapes", [[(2, 3), (4,)], [(2, 3)]], ids=str)
def test_an_update_that_is_not_elementwise_is_refused(update, lr, shapes):
    params = [Tensor(np.ones(shape), requires_grad=True) for shape in shapes]
    optimizer = make(update, elementwise=True)(params, {"lr": lr})
    for p in params:
        p.grad = np.arange(1.0, p.size + 1).reshape(p.shape)
    with pytest.raises(ValueError, match="Own says elementwise = True, but its update .*Take that"):
        optimizer.step()
    assert all((p.data == 1).all() for p in params) and optimizer.state == {}
    alone = make(update)(params, {"lr": lr})
    alone.step()


def sign(value, gradient, state, settings):
    return value - settings["lr"] * np.sign(gradient)


def adaptive(value, gradient, state, settings):
    state["step"] = state.get("step", 0) + 1
    state["v"] = state.get("v", 0.0) * 0.9 + gradient**2
    return value - settings["lr"] * gradient / (np.sqrt(state["v"]) + 1e-8) / state["step"]


def noisy(value, gradient, state, settings):
    return (
        value - settings["lr"] * gradient + 0.1 * np.random.default_rng().normal(size=value.shape)
    )


def noisy_by_the_library(value, gradient, state, settings):
    noise = nn.functional.dropout(np.ones(value.shape), 0.5)
    return value - settings["lr"] * gradient * noise


@pytest.mark.parametrize(
    "update", [sign, adaptive, noisy, noisy_by_the_library, in_place, returns_its_state],
    ids=lambda f: f.__name__,
)  # fmt: skip
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_an_update_that_is_elementwise_is_taken(update, dtype):
    nn.manual_seed(0)  # else chance may leave all of a parameter as it was
    params = [Tensor(np.ones(shape, dtype), requires_grad=True) for shape in [(2, 3), (4,)]]
    optimizer = make(update, elementwise=True)(params, LR)
    for p in params:
        p.grad = np.full(p.shape, 2.0, dtype)
    optimizer.step()
    assert all((p.data != 1).any() and p.dtype == dtype for p in params)


def test_the_trial_leaves_no_trace():
    class Counting(Optimizer):
        elementwise = True

        def __init__(self, params):
            super().__init__(params, LR)
            self.calls, self.seen, self.rng = 0, [], np.random.default_rng(3)

        def update(self, value, gradient, state, settings):
            self.calls += 1
            self.seen.append(value.size)
            return value - settings["lr"] * gradient * self.rng.uniform(0, 1, value.shape)

    nn.manual_seed(4)
    expected = nn.functional.dropout(np.ones(9)).tolist()
    nn.manual_seed(4)
    params = [Tensor(np.ones(shape), requires_grad=True) for shape in [(2, 3), (4,)]]
    optimizer = Counting(params)
    for p in params:
        p.grad = np.ones(p.shape)
    optimizer.step()
    assert optimizer.calls == 1 and optimizer.seen == [10]
    rate = np.random.default_rng(3).uniform(0, 1, 10)
    np.testing.assert_array_equal(params[0].data, 1 - 0.1 * rate[:6].reshape(2, 3))
    assert nn.functional.dropout(np.ones(9)).tolist() == expected


class Scaled(Optimizer):
    def __init__(self, params, lr=0.1, scale=2.0):
        super().__init__(params, {"lr": lr, "scale": scale})

    def update(self, value, gradient, state, settings):
        return value - settings["lr"] * settings["scale"] * gradient


def test_settings_are_attributes_of_what_another_process_has_pickled():
    saved = pickle.dumps(Scaled([Tensor([1.0], requires_grad=True)]))
    del Scaled.scale  # as where no Scaled was made yet
    found = pickle.loads(saved)
    assert found.scale == 2.0
    found.scale = 3.0
    assert found.param_groups[0]["scale"] == 3.0
