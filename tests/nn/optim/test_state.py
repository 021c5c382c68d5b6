"""Optimisers' state: state_dict and load_state_dict, to and from PyTorch, copies, failing steps."""

import copy
import math
import pickle

import numpy as np
import pytest

import nn
from autograd import Tensor
from nn.optim import Optimizer
from tests.twins import assert_cases, twin

# Every optimiser with the settings that make it keep all the state that it can.
CASES = {
    "SGD": ("SGD", {"lr": 0.01}),
    "momentum": ("SGD", {"lr": 0.01, "momentum": 0.9, "dampening": 0.5}),
    "Adam": ("Adam", {"lr": 0.01}),
    "amsgrad": ("Adam", {"lr": 0.01, "amsgrad": True}),
    "AdamW": ("AdamW", {"lr": 0.01, "amsgrad": True}),
    "RMSprop": ("RMSprop", {"lr": 0.01, "momentum": 0.5, "centered": True}),
    "Adagrad": ("Adagrad", {"lr": 0.01, "lr_decay": 0.1, "initial_accumulator_value": 0.1}),
}
each_case = pytest.mark.parametrize("name, options", CASES.values(), ids=CASES)
X = np.random.default_rng(0).normal(size=(16, 4))
STARTS = [np.random.default_rng(1).normal(size=shape) for shape in ((4, 3), (3,), ())]


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="compares with PyTorch")


def weights(dtype=np.float64):
    return [Tensor(start.astype(dtype), requires_grad=True) for start in STARTS]


def groups(parameters):
    """Two groups: the second has a rate of its own."""
    return [{"params": parameters[:1]}, {"params": parameters[1:], "lr": 0.02}]


def make(name, options, parameters=None):
    return getattr(nn.optim, name)(groups(parameters or weights()), **options)


def parameters_of(optimizer):
    return [p for group in optimizer.param_groups for p in group["params"]]


def run(optimizer, steps, x=X):
    """Steps on a loss that works for Tensors of either library; gives the values at the end."""
    a, b, c = parameters_of(optimizer)
    for _ in range(steps):
        optimizer.zero_grad()
        (((x @ a + b) * c - 1) ** 2).mean().backward()
        optimizer.step()
    return [np.array(p.detach().numpy()) for p in (a, b, c)]


def put(optimizer, values):
    for parameter, value in zip(parameters_of(optimizer), values):
        parameter.assign_(value)


def convert(value, array):
    """A state with all arrays, or PyTorch's Tensors, made anew by this function."""
    if isinstance(value, dict):
        return {key: convert(member, array) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(convert(member, array) for member in value)
    return array(value) if hasattr(value, "shape") else value


def assert_equal_states(a, b):
    assert a["param_groups"] == b["param_groups"]
    assert a["state"].keys() == b["state"].keys()
    for index in a["state"]:
        assert a["state"][index].keys() == b["state"][index].keys()
        for key in a["state"][index]:
            np.testing.assert_array_equal(a["state"][index][key], b["state"][index][key])


def test_every_optimiser_has_a_case():
    members = [getattr(nn.optim, name) for name in nn.optim.__all__]
    classes = [m for m in members if isinstance(m, type) and m is not Optimizer]
    with_case = {name for name, _ in CASES.values()}
    assert_cases([c.__name__ for c in classes], with_case, f"CASES of {__name__}")


# ---- what it looks like -----------------------------------------------------------------------


def test_the_format_is_pytorchs():
    optimizer = make("Adam", {"betas": (np.float64(0.9), 0.99), "lr": Tensor(0.5)})
    run(optimizer, 3)
    state = optimizer.state_dict()
    assert list(state) == ["state", "param_groups"] and list(state["state"]) == [0, 1, 2]
    assert list(state["state"][0]) == ["step", "exp_avg", "exp_avg_sq"]
    assert [state["state"][i]["exp_avg"].shape for i in range(3)] == [(4, 3), (3,), ()]
    assert [group["params"] for group in state["param_groups"]] == [[0], [1, 2]]
    first, second = state["param_groups"]
    assert first["lr"] == 0.5 and second["lr"] == 0.02 and first["betas"] == (0.9, 0.99)
    assert {type(v) for v in (first["lr"], *first["betas"])} == {float}
    assert type(state["state"][0]["step"]) is int and state["state"][0]["step"] == 3


@each_case
def test_the_format_and_the_names_are_pytorchs(name, options, torch):
    ours = make(name, options)
    tensors = [torch.tensor(start, requires_grad=True) for start in STARTS]
    theirs = twin(torch.optim, name)(groups(tensors), **options)
    run(ours, 2)
    run(theirs, 2, torch.tensor(X))
    mine, reference = ours.state_dict(), theirs.state_dict()
    assert mine["state"].keys() == reference["state"].keys()
    for index, kept in mine["state"].items():
        assert kept.keys() == reference["state"][index].keys()
        for key, value in kept.items():
            np.testing.assert_allclose(value, reference["state"][index][key].numpy(), rtol=1e-12)
    for group, like in zip(mine["param_groups"], reference["param_groups"]):
        assert group == {key: like[key] for key in group}


@each_case
def test_a_state_is_a_copy(name, options):
    optimizer, other = make(name, options), make(name, options)
    run(optimizer, 2)
    state = optimizer.state_dict()
    saved = copy.deepcopy(state)
    other.load_state_dict(state)
    spoil(state)
    assert_equal_states(optimizer.state_dict(), saved)
    assert_equal_states(other.state_dict(), saved)
    state = optimizer.state_dict()
    run(optimizer, 1)
    assert_equal_states(state, saved)


def spoil(state):
    """Write into everything that can be written into."""
    for kept in state["state"].values():
        for value in kept.values():
            if isinstance(value, np.ndarray):
                value[...] = 99
    for group in state["param_groups"]:
        group["lr"] = 99
        group["params"].append(99)


def test_before_the_first_step_there_is_no_state():
    assert make("Adam", {}).state_dict()["state"] == {}


def test_a_parameter_without_gradients_has_no_state():
    p, q = Tensor([1.0], requires_grad=True), Tensor([1.0], requires_grad=True)
    optimizer = nn.optim.Adam([p, q])
    q.grad = [1.0]
    optimizer.step()
    assert list(optimizer.state_dict()["state"]) == [1]


# ---- going on ---------------------------------------------------------------------------------


@each_case
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_a_run_resumed_goes_on_bit_for_bit(name, options, dtype):
    unbroken = make(name, options, weights(dtype))
    halfway = run(unbroken, 5)
    state = unbroken.state_dict()
    expected = run(unbroken, 5)
    resumed = make(name, {"lr": 0.7}, weights(dtype))  # its settings come from the state
    put(resumed, halfway)
    resumed.load_state_dict(state)
    assert_equal_states(resumed.state_dict(), state)
    found = run(resumed, 5)
    for mine, reference in zip(found, expected):
        np.testing.assert_array_equal(mine, reference)
        assert mine.dtype == dtype


@each_case
@pytest.mark.parametrize("arrays", [True, False], ids=["arrays", "its Tensors"])
def test_pytorchs_state_is_taken(name, options, torch, arrays):
    tensors = [torch.tensor(start, requires_grad=True) for start in STARTS]
    theirs = twin(torch.optim, name)(groups(tensors), **options)
    halfway = run(theirs, 5, torch.tensor(X))
    state = convert(theirs.state_dict(), lambda value: value.numpy().copy() if arrays else value)
    state = copy.deepcopy(state)
    expected = run(theirs, 20, torch.tensor(X))
    ours = make(name, {})
    put(ours, halfway)
    ours.load_state_dict(state)
    for mine, reference in zip(run(ours, 20), expected):
        np.testing.assert_allclose(mine, reference, rtol=1e-11)


@each_case
def test_pytorch_takes_our_state(name, options, torch):
    ours = make(name, options)
    tensors = [torch.tensor(value, requires_grad=True) for value in run(ours, 5)]
    state = convert(ours.state_dict(), torch.tensor)
    theirs = twin(torch.optim, name)(groups(tensors))
    theirs.load_state_dict(state)
    expected = run(theirs, 20, torch.tensor(X))
    for mine, reference in zip(run(ours, 20), expected):
        np.testing.assert_allclose(mine, reference, rtol=1e-11)


def test_arrays_take_the_dtype_of_the_parameters():
    single, double = make("Adam", {}, weights(np.float32)), make("Adam", {})
    run(double, 2)
    single.load_state_dict(double.state_dict())
    kept = [v for s in single.state.values() for k, v in s.items() if k != "step"]
    assert {v.dtype for v in kept} == {np.dtype(np.float32)}
    assert {v.dtype for v in run(single, 1)} == {np.dtype(np.float32)}


def test_a_fresh_state_clears():
    optimizer = make("Adam", {})
    fresh = optimizer.state_dict()
    run(optimizer, 3)
    put(optimizer, STARTS)
    optimizer.load_state_dict(fresh)
    assert optimizer.state == {}
    for mine, reference in zip(run(optimizer, 3), run(make("Adam", {}), 3)):
        np.testing.assert_array_equal(mine, reference)


def test_lists_for_tuples_are_taken():
    optimizer = make("Adam", {})
    state = optimizer.state_dict()
    state["param_groups"][0]["betas"] = [0.5, 0.6]
    optimizer.load_state_dict(state)
    assert optimizer.param_groups[0]["betas"] == (0.5, 0.6)


def test_what_a_scheduler_notes_is_kept():
    optimizer = make("SGD", {"lr": 1.0})
    nn.optim.lr_scheduler.ExponentialLR(optimizer, 0.5).step()
    state = optimizer.state_dict()
    assert [(g["lr"], g["initial_lr"]) for g in state["param_groups"]] == [(0.5, 1), (0.01, 0.02)]
    again = make("SGD", {})
    again.load_state_dict(state)
    assert again.state_dict() == state


def test_a_new_optimiser_of_ones_own_is_saved_as_well():
    class Heavy(Optimizer):
        def __init__(self, params, lr=0.1):
            super().__init__(params, {"lr": lr})

        def initial(self, value, settings):
            return {"rows": np.zeros(value.shape[:1], value.dtype), "calls": 0}

        def update(self, value, gradient, state, settings):
            state["calls"] += 1
            state["rows"] = state["rows"] + gradient.sum(tuple(range(1, gradient.ndim)))
            state["note"] = ["text", 1.5, None]
            return value - settings["lr"] * gradient

    a, b = Heavy(weights()[:1]), Heavy(weights()[:1])
    a.param_groups[0]["params"][0].grad = np.ones((4, 3))
    a.step()
    b.load_state_dict(a.state_dict())
    assert_equal_states(a.state_dict(), b.state_dict())
    assert b.state_dict()["state"][0]["rows"].tolist() == [3.0] * 4
    state = a.state_dict()
    state["state"][0]["rows"] = np.zeros(3)
    with pytest.raises(ValueError, match=r"rows has shape \(3,\), expected \(4,\)"):
        b.load_state_dict(state)


# ---- copies -----------------------------------------------------------------------------------

COPIES = {"deepcopy": copy.deepcopy, "pickle": lambda pair: pickle.loads(pickle.dumps(pair))}


@each_case
@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_a_model_and_its_optimiser_are_copied_together(name, options, copied):
    def train(model, optimizer):
        for _ in range(5):
            optimizer.zero_grad()
            nn.functional.mse_loss(model(X), np.zeros((16, 3))).backward()
            optimizer.step()
        return model.state_dict()

    model = nn.Linear(4, 3, rng=np.random.default_rng(0), dtype=np.float64)
    optimizer = getattr(nn.optim, name)(model.parameters(), **options)
    train(model, optimizer)
    other, its = copied((model, optimizer))
    assert its.param_groups[0]["params"][0] is other.weight
    assert all(parameter is not other.weight for parameter in optimizer.state)
    before = other.state_dict()
    expected = train(model, optimizer)
    for key, array in other.state_dict().items():  # the copy stays where it was
        np.testing.assert_array_equal(array, before[key])
    for key, array in train(other, its).items():
        np.testing.assert_array_equal(array, expected[key])


# ---- what does not fit ------------------------------------------------------------------------


def entry(**values):
    return lambda s: s["state"][0].update(values)


def setting(**values):
    return lambda s: s["param_groups"][0].update(values)


BAD = {
    "number of groups": (
        lambda s: s["param_groups"].pop(), [r"groups of [1] parameters, expected [1, 2]"],
    ),
    "size of a group": (
        lambda s: s["param_groups"][1]["params"].pop(),
        ["groups of [1, 1] parameters, expected [1, 2]"],
    ),
    "negative lr": (setting(lr=-1.0), ["group 0: Adam: lr must be >= 0, got -1.0"]),
    "lr of text": (setting(lr="fast"), ["group 0: Adam: lr must be a number, got 'fast'"]),
    "lr nan": (setting(lr=math.nan), ["lr must be >= 0, got nan"]),
    "betas": (setting(betas=(0.9, 1.0)), ["betas[1] must be below 1, got 1.0"]),
    "betas of text": (setting(betas=("a", "b")), ["betas[0] must be a number, got 'a'"]),
    "flag": (setting(amsgrad="no"), ["amsgrad must be True or False, got 'no'"]),
    "initial_lr": (setting(initial_lr=-1), ["initial_lr must be >= 0, got -1"]),
    "unknown setting": (
        setting(momentun=0.9), ["group 0: unknown setting 'momentun'. Known: amsgrad, betas"],
    ),
    "missing setting": (
        lambda s: s["param_groups"][1].pop("eps"), ["group 1: missing settings eps"],
    ),
    "shape": (
        entry(exp_avg=np.zeros((3, 4))),
        ["parameter 0: exp_avg has shape (3, 4), expected (4, 3)"],
    ),
    "not numbers": (
        entry(exp_avg=np.full((4, 3), "a")), ["exp_avg holds <U1 values, expected float64"],
    ),
    "complex": (entry(exp_avg=np.zeros((4, 3), complex)), ["exp_avg holds complex128 values"]),
    "no array": (entry(exp_avg=0.5), ["exp_avg must be an array of shape (4, 3), got 0.5"]),
    "step": (entry(step=-1), ["parameter 0: step must be a whole number >= 0, got -1"]),
    "half a step": (entry(step=1.5), ["step must be a whole number >= 0, got 1.5"]),
    "step nan": (entry(step=math.nan), ["step must be a whole number >= 0, got nan"]),
    "step inf": (entry(step=math.inf), ["step must be a whole number >= 0, got inf"]),
    "step of text": (entry(step="3"), ["step must be a whole number >= 0, got '3'"]),
    "steps": (entry(step=np.ones(2)), ["step must be a whole number"]),
    "missing entry": (lambda s: s["state"][2].pop("exp_avg_sq"), ["parameter 2: missing exp_avg_"]),
    "no such parameter": (
        lambda s: s["state"].update({7: {"step": 1}}), ["state of parameter 7, which no group"],
    ),
    "listed twice": (
        lambda s: s["param_groups"][1].update(params=[0, 2]),
        ["parameter 0 is listed twice", "state of parameter 1, which no group lists",
         "parameter 0: exp_avg has shape", "parameter 0: exp_avg_sq has shape"],
    ),
    "all at once": (
        lambda s: (
            setting(lr=-1.0, speed=3)(s), entry(step="3", exp_avg=np.zeros(2))(s),
            s["param_groups"][1].pop("eps"), s["state"][2].pop("exp_avg"),
        ),
        ["lr must be >= 0", "unknown setting 'speed'", "group 1: missing settings eps",
         "parameter 0: step must be", "parameter 0: exp_avg has shape (2,), expected (4, 3)",
         "parameter 2: missing exp_avg"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("change, messages", BAD.values(), ids=BAD)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(change, messages):
    optimizer = make("Adam", {})
    run(optimizer, 2)
    before, values = optimizer.state_dict(), [p.data for p in parameters_of(optimizer)]
    state = optimizer.state_dict()
    change(state)
    with pytest.raises(ValueError, match="does not fit Adam; nothing was changed:\n") as caught:
        optimizer.load_state_dict(state)
    for message in messages:
        assert message in str(caught.value)
    assert str(caught.value).count("\n") == len(messages)
    assert_equal_states(optimizer.state_dict(), before)
    assert all(p.data is value for p, value in zip(parameters_of(optimizer), values))


@pytest.mark.parametrize(
    "state",
    [None, [], {}, {"state": {}}, {"state": [], "param_groups": []}, "state", nn.ReLU(),
     {"state": {0: 5}, "param_groups": []}, {"state": {}, "param_groups": [{"lr": 0.1}]},
     {"state": {}, "param_groups": 3}, {"state": {}, "param_groups": [[0]]},
     {"state": {}, "param_groups": [{"params": [[0]]}]}, {"state": {}, "param_groups": ["params"]}],
    ids=str,
)  # fmt: skip
def test_what_is_no_state_is_refused(state):
    optimizer = make("SGD", {})
    with pytest.raises(TypeError, match="load_state_dict needs the dict that an optimiser's"):
        optimizer.load_state_dict(state)


NAMES = sorted({name for name, _ in CASES.values()})


MIXED = [(a, b) for a in NAMES for b in NAMES if a != b and (a, b) != ("Adam", "AdamW")]


@pytest.mark.parametrize("name, other", MIXED)
def test_the_state_of_another_optimiser_is_refused(name, other):
    source = make(other, {})
    run(source, 1)
    with pytest.raises(ValueError, match=f"the state does not fit {name}"):
        make(name, {}).load_state_dict(source.state_dict())


def test_adam_with_adamws_state_decays_as_adamw():
    a, b = make("AdamW", {"weight_decay": 0.5}), make("Adam", {})
    put(b, run(a, 2))
    b.load_state_dict(a.state_dict())
    for mine, reference in zip(run(b, 3), run(a, 3)):
        np.testing.assert_array_equal(mine, reference)


def test_states_of_older_versions_of_pytorch_are_taken():
    """They do not say that AdamW's decay is decoupled."""
    source, optimizer = make("AdamW", {}), make("AdamW", {})
    state = source.state_dict()
    for group in state["param_groups"]:
        del group["decoupled_weight_decay"]
    optimizer.load_state_dict(state)
    assert optimizer.state_dict() == source.state_dict()


# ---- a step is done wholly or not at all ------------------------------------------------------


def failing(kind, error):
    """This optimiser, whose update of the second parameter fails after changing its state."""

    class Failing(kind):
        fails = False

        def update(self, value, gradient, state, settings):
            new = super().update(value, gradient, state, settings)
            if self.fails and value.shape == (3,):
                return error(new)
            return new

    return Failing


def explode(new):
    raise RuntimeError("no more")


FAILURES = {
    "raises": (explode, RuntimeError, "no more"),
    "nothing": (lambda new: None, TypeError, "is a `return` missing"),
    "shape": (
        lambda new: new[:2], ValueError,
        r"the update of a parameter of shape \(3,\), .* \(3,\), has shape \(2,\); the shape must",
    ),
    "kind": (lambda new: ["a", "b", "c"], ValueError, "could not convert"),
}  # fmt: skip


@each_case
@pytest.mark.parametrize("error, kind, message", FAILURES.values(), ids=FAILURES)
def test_a_step_that_fails_changes_nothing(error, kind, message, name, options):
    optimizer = failing(getattr(nn.optim, name), error)(weights(), **options)
    for fresh in (True, False):
        optimizer.fails = True
        before, values = optimizer.state_dict(), [p.data for p in parameters_of(optimizer)]
        for p in parameters_of(optimizer):
            p.grad = np.ones(p.shape)
        with pytest.raises(kind, match=message):
            optimizer.step()
        assert all(p.data is value for p, value in zip(parameters_of(optimizer), values))
        assert_equal_states(optimizer.state_dict(), before)
        if fresh:
            assert optimizer.state == {}
            optimizer.fails = False
            run(optimizer, 2)


def test_states_taken_before_a_step_keep_their_values():
    optimizer = make("Adam", {})
    run(optimizer, 1)
    kept = {p: dict(state) for p, state in optimizer.state.items()}
    arrays = {p: state["exp_avg"].copy() for p, state in kept.items()}
    run(optimizer, 1)
    for p, state in kept.items():
        np.testing.assert_array_equal(state["exp_avg"], arrays[p])
        assert state["exp_avg"] is not optimizer.state[p]["exp_avg"]


def test_a_parameter_keeps_its_shape():
    """So a gradient always fits: new values of another shape are refused when they are given."""
    p = Tensor(np.zeros((2, 3)), requires_grad=True)
    p.grad = np.ones((2, 3))
    with pytest.raises(ValueError, match=r"new values of shape \(3, 2\).*the shape must stay"):
        p.data = np.zeros((3, 2))
    nn.optim.SGD([p], lr=1.0).step()
    assert p.data.tolist() == [[-1.0] * 3] * 2
