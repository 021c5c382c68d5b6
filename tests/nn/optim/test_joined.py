"""Small parameters are stepped together, end to end in flat arrays: nobody can tell from outside.

What a step gives is compared, bit for bit, with steps of one parameter at a time.
"""

import copy
import pickle
import subprocess
import sys
import weakref

import numpy as np
import pytest

import nn
from autograd import Tensor
from nn.optim import Adam, AdamW, joined
from nn.optim.algorithms import __all__ as ALL
from tests.twins import assert_cases

OPTIONS = {
    "SGD": {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
    "Adam": {"lr": 0.01, "amsgrad": True, "weight_decay": 0.01},
    "AdamW": {"lr": 0.01, "maximize": True},
    "RMSprop": {"lr": 0.01, "momentum": 0.5, "centered": True},
    "Adagrad": {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.1},
}
SHAPES = [(3, 4), (4,), (), (0,), (300, 250), (1, 1, 5), (2, 3)]  # one is above joined.LARGE

each = pytest.mark.parametrize("name", OPTIONS)


def parameters(seed=0, dtypes=(np.float32,)):
    rng = np.random.default_rng(seed)
    return [
        Tensor(rng.normal(size=shape).astype(dtypes[i % len(dtypes)]), requires_grad=True)
        for i, shape in enumerate(SHAPES)
    ]


def alone(name):
    """The same optimiser, but one parameter at a time, in its own shape."""
    kind = getattr(nn.optim, name)
    return type(name, (kind,), {"update": lambda self, *args: kind.update(self, *args)})


def give_gradients(params, step, without=()):
    rng = np.random.default_rng(100 + step)
    for i, p in enumerate(params):
        gradient = rng.normal(size=p.shape).astype(p.dtype)
        p.grad = None if i in without else gradient


def bits(params, optimizer):
    states = [optimizer.state.get(p, {}) for p in params]
    flat = [{k: np.asarray(v).tobytes() for k, v in state.items()} for state in states]
    return [p.data.tobytes() for p in params], flat


def test_every_optimizer_is_here_and_says_that_it_is_elementwise():
    elementwise = [name for name in ALL if getattr(nn.optim, name).elementwise]
    assert_cases(elementwise, OPTIONS, f"OPTIONS of {__name__}")
    assert max(np.prod(shape) for shape in SHAPES) > joined.LARGE


SCRIPTS = {  # which gradients miss in each step
    "always all": [(), (), (), ()],
    "one comes later": [(1,), (1,), (), ()],
    "some pause": [(), (0, 4), (), (5,), ()],
    "none at first": [range(7), (), ()],
}


@each
@pytest.mark.parametrize("missing", SCRIPTS.values(), ids=SCRIPTS)
@pytest.mark.parametrize("dtypes", [(np.float32,), (np.float64, np.float32)], ids=["one", "two"])
def test_together_is_one_by_one_bit_for_bit(name, missing, dtypes):
    ours, theirs = parameters(dtypes=dtypes), parameters(dtypes=dtypes)
    together = getattr(nn.optim, name)(ours, **OPTIONS[name])
    one_by_one = alone(name)(theirs, **OPTIONS[name])
    for step, without in enumerate(missing):
        for params, optimizer in ((ours, together), (theirs, one_by_one)):
            give_gradients(params, step, without)
            optimizer.step()
    assert bits(ours, together) == bits(theirs, one_by_one)
    assert [p.shape for p in ours] == SHAPES


@each
def test_groups_keep_their_settings(name):
    results = []
    for kind in (getattr(nn.optim, name), alone(name)):
        params = parameters()
        groups = [{"params": params[:3]}, {"params": params[3:], "lr": 0.5}]
        optimizer = kind(groups, **OPTIONS[name])
        for step in range(3):
            give_gradients(params, step)
            optimizer.param_groups[0]["lr"] = 0.1 / (step + 1)
            optimizer.step()
        results.append(bits(params, optimizer))
    assert results[0] == results[1]


def changed_by(action):
    """Two steps of Adam with something between them, together and one by one."""
    results = []
    for kind in (nn.optim.Adam, alone("Adam")):
        params = parameters()
        optimizer = kind(params, lr=0.1)
        for step in range(3):
            give_gradients(params, step)
            optimizer.step()
            if step == 1:
                params, optimizer = action(params, optimizer) or (params, optimizer)
        results.append(bits(params, optimizer))
    return results


def assign(params, optimizer):
    params[0].assign_(np.ones((3, 4)))


def write(params, optimizer):
    params[1].data[...] = 7.0


def widen(params, optimizer):
    params[0].data = params[0].data.astype(np.float64)


def clear(params, optimizer):
    optimizer.state.clear()


def write_into_state(params, optimizer):
    optimizer.state[params[0]]["exp_avg"][...] = 1.0
    optimizer.state[params[1]] = {**optimizer.state[params[1]], "step": 90}


def look(params, optimizer):
    assert len(optimizer.state) == len(SHAPES) and len(optimizer.state_dict()["state"]) == 7


def reload(params, optimizer):
    optimizer.load_state_dict(optimizer.state_dict())


def deep(params, optimizer):
    return copy.deepcopy((params, optimizer))


def pickled(params, optimizer):
    if type(optimizer) is nn.optim.Adam:  # the other's class is made here
        return pickle.loads(pickle.dumps((params, optimizer)))


def exchange(params, optimizer):
    new = Tensor(np.full((3, 4), 2, np.float32), requires_grad=True)
    new.grad = np.ones((3, 4), np.float32)
    params[0] = optimizer.param_groups[0]["params"][0] = new


ACTIONS = [assign, write, widen, clear, write_into_state, look, reload, deep, pickled, exchange]


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.__name__)
def test_what_happens_between_two_steps_counts(action):
    together, one_by_one = changed_by(action)
    assert together == one_by_one


def test_an_update_written_anew_gets_one_parameter_at_a_time():
    """Nobody has said of it that it is elementwise: this one is not."""

    class Normalized(nn.optim.SGD):
        def update(self, value, gradient, state, settings):
            seen.append(gradient.shape)
            return value - gradient / max(np.linalg.norm(gradient), 1)

    seen = []
    params = parameters()
    optimizer = Normalized(params)
    give_gradients(params, 0)
    optimizer.step()
    assert seen == SHAPES


def test_parameters_share_no_memory_with_each_other_nor_with_what_was():
    params = parameters()
    before = [p.data for p in params]
    kept = [array.copy() for array in before]
    optimizer = nn.optim.SGD(params, lr=0.1, momentum=0.9)
    for step in range(2):
        give_gradients(params, step)
        optimizer.step()
    arrays = [p.data for p in params] + [p.grad for p in params]
    arrays += [state["momentum_buffer"] for state in optimizer.state.values()] + before
    for i, a in enumerate(arrays):
        assert not any(np.shares_memory(a, b) for b in arrays[:i])
    assert all(np.array_equal(a, b) for a, b in zip(before, kept))


def test_a_step_that_fails_leaves_all_states_as_they_were():
    class Failing(nn.optim.Adam):
        elementwise = True

        def update(self, value, gradient, state, settings):
            new = super().update(value, gradient, state, settings)
            if value.size > joined.LARGE and broken:
                raise ArithmeticError("on purpose")
            return new

    broken = False
    params = parameters()
    optimizer = Failing(params)
    give_gradients(params, 0)
    optimizer.step()
    before = bits(params, optimizer)
    broken = True
    with pytest.raises(ArithmeticError, match="on purpose"):
        optimizer.step()
    assert bits(params, optimizer) == before


@pytest.mark.parametrize("kind", [nn.optim.SGD, alone("SGD")], ids=["together", "one by one"])
def test_values_given_between_two_steps_are_stepped_from(kind):
    p, q = Tensor([1.0, 2.0], requires_grad=True), Tensor([3.0], requires_grad=True)
    optimizer = kind([p, q], lr=1.0)
    for values in ([8.0, 9.0], [0.0, 0.0]):
        p.grad, q.grad = [1.0, 1.0], [1.0]
        optimizer.step()
        p.assign_(values)
    p.grad, q.grad = [1.0, 1.0], [1.0]
    optimizer.step()
    assert (p.data.tolist(), q.data.tolist()) == ([-1.0, -1.0], [0.0])


def test_a_state_that_cannot_be_laid_end_to_end_keeps_its_parameter_alone():
    class Listing(nn.optim.Optimizer):
        elementwise = True

        def initial(self, value, settings):
            return {"sizes": []}

        def update(self, value, gradient, state, settings):
            state["sizes"] = [*state["sizes"], value.size]
            return value - gradient

    params = parameters()
    optimizer = Listing(params, {"lr": 0.1})
    for step in range(2):
        give_gradients(params, step)
        optimizer.step()
    assert [optimizer.state[p]["sizes"] for p in params] == [[p.size] * 2 for p in params]


# ---- memory used again --------------------------------------------------------------------------


def stepped(make, sizes, steps, watch=lambda parameters, optimizer: None):
    """The parameters after some steps with gradients that change; `watch` is called after each."""
    rng = np.random.default_rng(0)
    parameters = [Tensor(rng.normal(size=n), requires_grad=True) for n in sizes]
    optimizer = make(parameters)
    for _ in range(steps):
        for parameter in parameters:
            parameter.grad = rng.normal(size=parameter.shape)
        optimizer.step()
        watch(parameters, optimizer)
    return parameters, optimizer


LARGE_SIZES = {"one": [40_000], "joined": [12_000, 9_000], "both": [12_000, 9_000, 70_000]}
LARGE = pytest.mark.parametrize("sizes", LARGE_SIZES.values(), ids=LARGE_SIZES)
ADAMS = {
    "Adam": Adam,
    "amsgrad": lambda p: Adam(p, amsgrad=True, weight_decay=0.1),
    "AdamW": lambda p: AdamW(p, maximize=True),
}
each_adam = pytest.mark.parametrize("make", ADAMS.values(), ids=ADAMS)


@LARGE
@each_adam
def test_memory_used_again_changes_no_number(make, sizes, monkeypatch):
    again, _ = stepped(make, sizes, 6)
    monkeypatch.setattr(joined, "REUSED", 1 << 60)
    fresh, _ = stepped(make, sizes, 6)
    assert all(np.array_equal(a.data, b.data) for a, b in zip(again, fresh))


@LARGE
def test_large_parameters_take_turns_in_the_same_memory(sizes):
    places = []
    stepped(Adam, sizes, 8, lambda ps, _: places.append(ps[-1].data.ctypes.data))
    assert len(set(places[2:])) < len(places[2:])


@LARGE
@each_adam
def test_what_somebody_holds_is_never_written_into(make, sizes):
    held, copies = [], []

    def hold(parameters, optimizer):
        for parameter in parameters:
            found = [parameter.data, parameter.data[3:7], parameter.grad, (parameter * 2)._args[0]]
            held.extend(found)
            copies.extend(array.copy() for array in found)

    def hold_states_too(parameters, optimizer):
        hold(parameters, optimizer)
        for state in optimizer.state.values():
            for entry in state.values():
                if isinstance(entry, np.ndarray):
                    held.append(entry)
                    copies.append(entry.copy())

    stepped(make, sizes, 5, hold)
    stepped(make, sizes, 5, hold_states_too)
    assert len(held) > 40
    assert all(np.array_equal(array, copy) for array, copy in zip(held, copies))


def test_a_graph_recorded_before_steps_keeps_its_values():
    graphs = []
    stepped(Adam, [40_000], 5, lambda ps, _: graphs.append(((ps[0] * ps[0]).sum(), ps[0].data * 2)))
    for graph, slope in graphs:
        (leaf,) = {parent for parent in graph._inputs[0]._inputs}
        leaf.grad = None
        graph.backward()
        assert np.array_equal(leaf.grad, slope)


def test_an_update_by_hand_gets_new_memory():
    _, optimizer = stepped(Adam, [40_000], 3)
    a = optimizer.empty_like(np.zeros(5))
    assert a.shape == (5,) and a.base is None


class Alone(Adam):
    """Adam that is given each parameter in its own shape."""

    def update(self, *arguments):
        return super().update(*arguments)


def test_memory_used_again_keeps_the_layout():
    rng = np.random.default_rng(0)
    parameter = Tensor(np.asfortranarray(rng.normal(size=(200, 300))), requires_grad=True)
    optimizer = Alone([parameter])
    for _ in range(8):
        parameter.grad = rng.normal(size=(200, 300))
        optimizer.step()
        assert parameter.data.flags.f_contiguous


def test_arrays_that_somebody_has_locked_are_not_used_again():
    def lock(parameters, optimizer):
        for parameter in parameters:
            parameter.data.flags.writeable = parameter.grad.flags.writeable = False

    locked, _ = stepped(Alone, [40_000], 6, lock)
    free, _ = stepped(Alone, [40_000], 6)
    assert np.array_equal(locked[0].data, free[0].data)


@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adagrad"])
def test_nothing_is_kept_for_an_update_that_does_not_ask(name):
    kept = []

    def watch(parameters, optimizer):
        kept.append(weakref.ref(parameters[0].grad))
        kept.append(weakref.ref(optimizer._joined[0].value))
        parameters[0].grad = None

    _, optimizer = stepped(getattr(nn.optim, name), [40_000], 3, watch)
    assert [kept.index(found) for found in kept if found() is not None] == [5]
    assert kept[5]() is optimizer._joined[0].value


def test_what_a_debugger_holds_on_import_is_not_counted():
    script = """
import sys, autograd
def look(frame, event, argument):
    frame.f_locals
    return look
sys.settrace(look)
from nn.optim import joined
sys.settrace(None)
assert joined.UNSHARED <= 2
"""
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


def test_what_is_written_into_data_after_a_failed_first_step_counts():
    class Failing(nn.optim.SGD):
        elementwise = True
        broken = True

        def update(self, *arguments):
            if self.broken:
                raise ArithmeticError("on purpose")
            return super().update(*arguments)

    p, q = Tensor([1.0, 2.0], requires_grad=True), Tensor([3.0], requires_grad=True)
    optimizer = Failing([p, q], lr=1.0)
    p.grad, q.grad = [1.0, 1.0], [1.0]
    with pytest.raises(ArithmeticError, match="on purpose"):
        optimizer.step()
    p.data[0] = 100.0
    optimizer.broken = False
    optimizer.step()
    assert (p.data.tolist(), q.data.tolist()) == ([99.0, 1.0], [2.0])


def test_an_update_may_look_at_the_state():
    class Looking(nn.optim.Adam):
        elementwise = True

        def update(self, *arguments):
            seen.append([state["step"] for state in self.state.values()])
            return super().update(*arguments)

    seen: list[list[int]] = []
    theirs, mine = parameters(), parameters()
    looking, plain = Looking(theirs), nn.optim.Adam(mine)
    for step in range(3):
        for params, optimizer in ((theirs, looking), (mine, plain)):
            give_gradients(params, step)
            optimizer.step()
    assert bits(theirs, looking) == bits(mine, plain)
    assert seen[0] == [] and max(seen[-1]) == 2
