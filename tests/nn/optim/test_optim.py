"""Optimisers: exact numbers, what a step does and leaves alone, groups, errors, dtypes.

Their training curves are compared with PyTorch's in training/test_trajectories.py.
"""

import copy
import inspect

import numpy as np
import pytest

import nn
from autograd import InPlaceError, Tensor, grad
from nn.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from tests.makers import leaf
from tests.twins import OURS_ALONE, assert_cases, twin

MEMBERS = [getattr(nn.optim, name) for name in nn.optim.__all__]
OPTIMIZERS = [m for m in MEMBERS if isinstance(m, type) and m is not Optimizer]


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="compares with PyTorch")


def taken(optimizer, **settings):
    """Those of the settings that an optimiser has: decay and climbing are not for all."""
    return {k: v for k, v in settings.items() if k in inspect.signature(optimizer).parameters}


def three_steps(optimizer, **settings):
    """Where x = 1 goes under f(x) = x² in three steps with lr 0.1."""
    x = Tensor(1.0, requires_grad=True)
    optimizer = optimizer([x], lr=0.1, **settings)
    for _ in range(3):
        optimizer.zero_grad()
        (x * x).backward()
        optimizer.step()
    return x.item()


SECOND = 0.9 - 0.09 / 1.81**0.5
THIRD = 0.1 * SECOND / (1.81 + SECOND**2) ** 0.5
EXACT = {
    "Adam": (Adam, {}, 0.7015862729),
    "SGD": (SGD, {}, 0.512),
    "SGD, nesterov": (SGD, {"momentum": 0.9, "nesterov": True}, -0.108352),
    "SGD, dampening": (SGD, {"momentum": 0.9, "dampening": 0.5}, 0.252),
    "SGD, weight decay enters the gradient": (SGD, {"weight_decay": 1.0}, 0.7**3),
    "SGD, maximize": (SGD, {"maximize": True}, 1.2**3),
    "AdamW": (AdamW, {"weight_decay": 0.1}, 0.6751012216),
    "AdamW, no decay": (AdamW, {"weight_decay": 0}, 0.7015862729),
    "Adam, decoupled": (Adam, {"weight_decay": 0.1, "decoupled_weight_decay": True}, 0.6751012216),
    "RMSprop, alpha 0": (RMSprop, {"alpha": 0.0, "eps": 0.0}, 0.7),  # the sign of the gradient
    "RMSprop, alpha 1": (RMSprop, {"alpha": 1.0, "eps": 4.0}, 0.95**3),  # its own mean stays 0
    "Adagrad": (Adagrad, {"eps": 0.0}, SECOND - THIRD),
    "Adagrad, much to start from": (
        Adagrad, {"initial_accumulator_value": 1e30, "eps": 0.0}, 1.0,
    ),
}  # fmt: skip


def test_every_optimiser_has_exact_numbers():
    with_case = {optimizer.__name__ for optimizer, _, _ in EXACT.values()}
    assert_cases([o.__name__ for o in OPTIMIZERS], with_case, f"EXACT of {__name__}")


@pytest.mark.parametrize("optimizer, settings, expected", EXACT.values(), ids=EXACT)
def test_three_steps_by_hand(optimizer, settings, expected):
    assert three_steps(optimizer, **settings) == pytest.approx(expected, rel=0, abs=1e-10)


def test_adams_epsilon_is_outside_of_the_root():
    x = Tensor(1.0, requires_grad=True)
    x.grad = 1e-3
    Adam([x], lr=1.0, eps=1e-3).step()
    assert x.item() == pytest.approx(0.5, abs=1e-12)  # 1e-3 / (1e-3 + eps)


POSITIONAL = inspect.Parameter.POSITIONAL_OR_KEYWORD


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_arguments_and_defaults_are_pytorchs(optimizer, torch):
    theirs = twin(torch.optim, optimizer.__name__)
    parameters = inspect.signature(theirs).parameters
    ours = inspect.signature(optimizer).parameters
    by_position = [name for name, argument in ours.items() if argument.kind is POSITIONAL]
    assert by_position == list(parameters)[: len(by_position)]
    assert set(parameters) - set(ours) <= {"foreach", "fused", "capturable", "differentiable"}
    for name, argument in ours.items():
        assert argument.default == parameters[name].default
    defaults = optimizer([leaf([1.0])]).defaults
    assert {k: theirs([torch.zeros(1)]).defaults[k] for k in defaults} == defaults


# ---- what a step does and leaves alone --------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_no_gradient_skips_a_parameter_wholly(optimizer):
    p, q = leaf([1.0]), leaf([1.0])
    p.grad = [1.0]
    o = optimizer([p, q], lr=0.1, **taken(optimizer, weight_decay=0.5))
    o.step()
    assert p.item() != 1.0 and q.item() == 1.0
    assert q not in o.state


@pytest.mark.parametrize("optimizer", [o for o in OPTIMIZERS if taken(o, weight_decay=0.5)])
def test_a_gradient_of_zero_still_decays(optimizer):
    p = leaf([1.0])
    p.grad = [0.0]
    optimizer([p], lr=0.1, weight_decay=0.5).step()
    assert p.item() < 1.0


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_step_keeps_the_gradient_and_gives_a_new_array(optimizer):
    p = leaf([1.0, 2.0])
    array = p.data
    p.grad = [1.0, 1.0]
    optimizer([p], lr=0.1).step()
    assert p.grad.tolist() == [1.0, 1.0]
    assert array.tolist() == [1.0, 2.0] and not np.shares_memory(p.data, array)
    assert not np.shares_memory(p.data, p.grad)


@pytest.mark.parametrize("settings", [{}, {"momentum": 0.9}], ids=str)
def test_state_shares_no_memory_with_gradients(settings):
    p = leaf([1.0])
    optimizer = SGD([p], lr=0.1, **settings)
    results = []
    for spoil in (False, True):
        p.data = np.array([1.0])
        optimizer.state.clear()
        for _ in range(2):
            p.grad = [1.0]
            optimizer.step()
            if spoil:
                p.grad[:] = 99
        results.append(p.item())
    assert results[0] == results[1]


def test_a_graph_recorded_before_a_step_goes_on_with_the_values_it_saw():
    p = leaf([3.0])
    y = (p * p).sum()
    p.grad = [1.0]
    SGD([p], lr=1.0).step()
    p.zero_grad()
    y.backward()
    assert p.item() == 2.0 and p.grad.tolist() == [6.0]
    with pytest.raises(InPlaceError, match="new values"):
        grad(y, p, create_graph=True)


def test_zero_grad_forgets_the_gradients():
    p = leaf([1.0])
    (p * p).sum().backward()
    g = p.grad
    SGD([p]).zero_grad()
    assert p.grad is None and g.tolist() == [2.0]


def test_a_closure_computes_the_loss():
    p = leaf([3.0])
    optimizer = SGD([p], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 9.0
    assert p.item() == pytest.approx(2.4)


# ---- groups -----------------------------------------------------------------------------------


def test_groups_have_settings_of_their_own():
    p, q = leaf([1.0]), leaf([1.0])
    optimizer = SGD([{"params": [p]}, {"params": q, "lr": 0.5}], lr=0.1)
    p.grad = q.grad = [1.0]
    optimizer.step()
    assert (p.item(), q.item()) == (0.9, 0.5)
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.5]


def test_a_setting_changed_later_counts_from_the_next_step():
    p = leaf([1.0])
    optimizer = SGD([p], lr=0.1)
    optimizer.param_groups[0]["lr"] = 0.25
    p.grad = [1.0]
    optimizer.step()
    assert p.item() == 0.75


def test_groups_can_be_added():
    p, q = leaf([1.0]), leaf([1.0])
    optimizer = Adam([p], lr=0.1)
    optimizer.add_param_group({"params": [q], "lr": 0.2})
    p.grad = q.grad = [1.0]
    optimizer.step()
    assert p.item() == pytest.approx(0.9) and q.item() == pytest.approx(0.8)


def test_repr_shows_the_groups():
    text = repr(SGD([{"params": [leaf([1.0])]}, {"params": [leaf([1.0])], "lr": 0.5}]))
    assert text.startswith("SGD(\n  1 parameters: lr=0.001, momentum=0.0") and "lr=0.5" in text


# ---- errors -----------------------------------------------------------------------------------

P, Q = leaf([1.0]), leaf([2.0])
LAYER = nn.Linear(1, 1)
REFUSED = {
    "negative lr": (lambda o: o([P], lr=-0.1), ValueError, r"lr must be >= 0, got -0\.1"),
    "lr nan": (lambda o: o([P], lr=float("nan")), ValueError, r"lr must be >= 0, got nan"),
    "negative lr of a group": (lambda o: o([{"params": [P], "lr": -1}]), ValueError, r"got -1"),
    "empty list": (lambda o: o([]), ValueError, r"got an empty parameter list"),
    "empty group": (lambda o: o([{"params": []}]), ValueError, r"got an empty parameter list"),
    "no parameters": (lambda o: o(nn.ReLU().parameters()), ValueError, r"empty parameter list"),
    "twice": (lambda o: o([P, Q, P]), ValueError, r"parameter 2, of shape \(1,\), is given twice"),
    "twice in two groups": (
        lambda o: o([{"params": [P]}, {"params": [Q, P]}]), ValueError, r"parameter 1, .*twice",
    ),
    "no leaf": (lambda o: o([P, P * 2]), ValueError, r"parameter 1, .*only leaves can be trained"),
    "an array": (lambda o: o([P, np.ones(1)]), TypeError, r"parameter 1 must be a Tensor, got nd"),
    "one Tensor": (lambda o: o(P), TypeError, r"a list of Tensors, got one Tensor; write \w+\(\[p"),
    "the model": (lambda o: o(LAYER), TypeError, r"got Linear; write \w+\(model\.parameters\(\)\)"),
    "a model of layers": (
        lambda o: o(nn.Sequential(LAYER)), TypeError, r"got Sequ.*; write \w+\(model\.parameters",
    ),
    "a set": (lambda o: o({P, Q}), TypeError, "parameters need an order, got a set; give a list"),
    "a set in a group": (lambda o: o([{"params": {P}}]), TypeError, "parameters need an order"),
    "a group of nothing": (lambda o: o([{"lr": 0.1}]), TypeError, r'a group is a dict'),
    "a list as a group": (lambda o: o([P]).add_param_group([Q]), TypeError, "a group is a dict"),
    "mixed": (lambda o: o([P, {"params": [Q]}]), TypeError, "parameter 1 must be a Tensor, got"),
    "unknown setting": (lambda o: o([{"params": [P], "rate": 1}]), ValueError, r"setting 'rate'"),
}  # fmt: skip


SETTINGS_REFUSED = {
    "negative decay": ({"weight_decay": -1}, ValueError, r"weight_decay must be >= 0"),
    "no flag": ({"maximize": "yes"}, TypeError, "maximize must be True or False, got"),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("settings, kind, message", SETTINGS_REFUSED.values(), ids=SETTINGS_REFUSED)
def test_settings_that_make_no_sense(optimizer, settings, kind, message):
    if taken(optimizer, **settings):
        with pytest.raises(kind, match=f"{optimizer.__name__}.*{message}"):
            optimizer([P], **settings)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("make, kind, message", REFUSED.values(), ids=REFUSED)
def test_mistakes_are_refused(make, kind, message, optimizer):
    with pytest.raises(kind, match=f"{optimizer.__name__}.*" + message):
        make(optimizer)
    assert (P.item(), Q.item(), P.grad, Q.grad) == (1.0, 2.0, None, None)
    assert optimizer([P, Q]).step() is None


SPECIAL = {
    "nesterov without momentum": (lambda: SGD([P], nesterov=True), r"nesterov needs a momentum"),
    "nesterov with dampening": (
        lambda: SGD([P], momentum=0.9, dampening=0.1, nesterov=True), r"dampening 0, got .*0\.1",
    ),
    "negative momentum": (lambda: SGD([P], momentum=-1), r"momentum must be >= 0"),
    "beta of 1": (lambda: Adam([P], betas=(0.9, 1.0)), r"betas\[1\] must be .*below 1, got 1\.0"),
    "negative beta": (lambda: Adam([P], betas=(-0.1, 0.9)), r"betas\[0\]"),
    "RMSprop's alpha": (lambda: RMSprop([P], alpha=1.5), r"alpha must be <= 1, got 1\.5"),
    "negative alpha": (lambda: RMSprop([P], alpha=-0.1), r"alpha must be >= 0"),
    "negative lr_decay": (lambda: Adagrad([P], lr_decay=-1), r"lr_decay must be >= 0"),
    "negative start": (
        lambda: Adagrad([P], initial_accumulator_value=-1), r"initial_accumulator_value must be >=",
    ),
    "AdamW that is not": (
        lambda: AdamW([{"params": [P], "decoupled_weight_decay": False}]), "must be True; use Adam",
    ),
    "negative eps": (lambda: Adam([P], eps=-1), r"eps must be >= 0"),
}  # fmt: skip


@pytest.mark.parametrize("make, message", SPECIAL.values(), ids=SPECIAL)
def test_settings_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_refused_group_changes_nothing():
    optimizer = SGD([P])
    with pytest.raises(ValueError, match="twice"):
        optimizer.add_param_group({"params": [Q, P]})
    assert [group["params"] for group in optimizer.param_groups] == [[P]]


def test_an_optimizer_without_update_says_so():
    class Lazy(Optimizer):
        pass

    p = leaf([1.0])
    p.grad = [1.0]
    with pytest.raises(NotImplementedError, match="Lazy has no method `update`"):
        Lazy([p], {"lr": 0.1}).step()
    assert p.item() == 1.0


# ---- dtypes -----------------------------------------------------------------------------------

NUMBERS = {
    "python": {"lr": 0.1, "weight_decay": 0.1},
    "numpy": {"lr": np.float64(0.1), "weight_decay": np.array(0.1)},
    "tensor": {"lr": Tensor(0.1)},
}


@pytest.mark.parametrize("settings", NUMBERS.values(), ids=NUMBERS)
@pytest.mark.parametrize(
    "make",
    [SGD, lambda p, **s: SGD(p, momentum=0.9, nesterov=True, **s), Adam,
     lambda p, **s: Adam(p, amsgrad=True, betas=(np.float64(0.9), np.float64(0.99)), **s), AdamW,
     RMSprop, lambda p, **s: RMSprop(p, alpha=np.float64(0.9), momentum=0.5, centered=True, **s),
     Adagrad, lambda p, **s: Adagrad(p, initial_accumulator_value=np.float64(1.0), **s)],
    ids=["SGD", "nesterov", "Adam", "amsgrad", "AdamW", "RMSprop", "centered", "Adagrad", "start"],
)  # fmt: skip
def test_float32_stays_float32(make, settings):
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
    optimizer = make(model.parameters(), **settings)
    for _ in range(3):
        optimizer.zero_grad()
        nn.MSELoss()(model(np.ones((5, 4))), np.zeros((5, 3))).backward()
        optimizer.step()
    kept = [a for state in optimizer.state.values() for a in state.values() if np.ndim(a)]
    arrays = [p.data for p in model.parameters()] + [p.grad for p in model.parameters()] + kept
    assert {a.dtype for a in arrays} == {np.dtype(np.float32)}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_single_number_can_be_trained(optimizer):
    x = Tensor(np.float32(3.0), requires_grad=True)
    o = optimizer([x], lr=1.0 if optimizer is Adagrad else 0.1)
    for _ in range(200):
        o.zero_grad()
        (x * x).backward()
        o.step()
    # One of our own may step by signs, to and fro around 0.
    assert abs(x.item()) < (0.2 if optimizer.__name__ in OURS_ALONE else 0.05)
    assert x.dtype == np.float32 and x.data.shape == ()


def test_a_step_keeps_the_dtype():
    """NumPy's scalars are strong: float32 / np.sqrt(2) is float64."""

    class Rooted(nn.optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {"lr": 0.1})

        def update(self, value, gradient, state, settings):
            return value - settings["lr"] * gradient / np.sqrt(2)

    for make in (Rooted, nn.optim.Adam, lambda p: nn.optim.SGD(p, momentum=0.9)):
        layer = nn.Linear(2, 2).astype(np.float64)
        optimizer = make(layer.parameters())
        for dtype in (np.float64, np.float32):
            layer.astype(dtype)
            layer(np.ones((1, 2))).sum().backward()
            optimizer.step()
            assert layer.weight.dtype == layer.bias.dtype == dtype


def test_an_update_that_returns_nothing_is_told():
    class Forgetful(nn.optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {"lr": 0.1})

        def update(self, value, gradient, state, settings):
            value - gradient  # noqa: B018

    p = Tensor([1.0], requires_grad=True)
    (p * p).sum().backward()
    with pytest.raises(TypeError, match="is a `return` missing"):
        Forgetful([p]).step()
    assert p.data == [1.0]


@pytest.mark.parametrize(
    ("settings", "kind", "fragment"),
    [
        ({"lr": "0.1"}, TypeError, "lr must be a number, got '0.1'"),
        ({"lr": None}, TypeError, "lr must be a number, got None"),
        ({"lr": np.ones(2)}, TypeError, "lr must be a number"),
        ({"betas": (0.9,)}, ValueError, "betas must be two numbers"),
        ({"betas": 0.9}, ValueError, "betas must be two numbers"),
    ],
    ids=str,
)
def test_settings_that_are_no_numbers(settings, kind, fragment):
    with pytest.raises(kind, match=fragment):
        nn.optim.Adam([Tensor([1.0], requires_grad=True)], **settings)


@pytest.mark.parametrize("gradient", [0.0, 1e-3])
def test_a_small_epsilon_of_adam_holds_in_half_precision(gradient):
    """g² is 0 there, so that epsilon alone divides; sqrt(1 - 0.999) times it would be 0 as well."""
    p = Tensor(np.ones(1, np.float16), requires_grad=True)
    p.grad = [gradient]
    Adam([p], eps=5e-7).step()
    assert p.item() == pytest.approx(1 - 1e-3 * gradient / 5e-7, rel=0.1)


def rates(lr, change, make=SGD, **settings):
    """How far each of three steps went, with this rate, and after each step this change."""
    p = Tensor(np.ones(3), requires_grad=True)
    optimizer = make([p], lr=lr, **settings)
    moves = []
    for _ in range(3):
        before, p.grad = p.data[0], np.ones(3)
        optimizer.step()
        moves.append(before - p.data[0])
        change(optimizer.param_groups[0])
    return moves


def halve(group):
    group["lr"] *= 0.5


@pytest.mark.parametrize(
    "lr", [0.5, np.array(0.5), np.array([0.5]), np.array(0.5, np.float32), np.float16(0.5)], ids=str
)
def test_a_rate_changed_in_place_counts_from_the_next_step(lr):
    assert rates(lr, halve) == [0.5, 0.25, 0.125]


@pytest.mark.parametrize("before", [0.1, np.float16(0.1), np.float32(0.1)], ids=repr)
@pytest.mark.parametrize("after", [0.1, np.float16(0.1), np.array(0.1, np.float32)], ids=repr)
def test_a_rate_that_is_equal_only_when_rounded_is_another_one(before, after):
    moves = rates(before, lambda group: group.update(lr=after))
    np.testing.assert_allclose(moves, [float(before), float(after), float(after)], rtol=1e-12)


@pytest.mark.parametrize("betas", [[0.5, 0.9], (np.array(0.5), 0.9)], ids=["list", "array"])
def test_betas_changed_in_place_count_from_the_next_step(betas):
    def change(group):
        if isinstance(betas, list):
            betas[0] = 0.0
        else:
            betas[0][...] = 0.0

    plain = rates(0.1, lambda group: group.update(betas=(0.0, 0.9)), Adam, betas=(0.5, 0.9))
    assert rates(0.1, change, Adam, betas=betas) == plain


def test_settings_may_change_their_names_between_steps():
    seen = []

    class Noting(nn.optim.Optimizer):
        def update(self, value, gradient, state, settings):
            seen.append(dict(settings))
            settings.clear()  # its own copy
            return value - gradient

    p = Tensor([1.0], requires_grad=True)
    p.grad = [1.0]
    optimizer = Noting([p], {"lr": 0.1, "eps": 0.5})
    optimizer.step()
    optimizer.step()
    group = optimizer.param_groups[0]
    group["other"] = group.pop("eps")
    optimizer.step()
    del group["other"]
    optimizer.step()
    assert seen == [{"lr": 0.1, "eps": 0.5}] * 2 + [{"lr": 0.1, "other": 0.5}, {"lr": 0.1}]


@pytest.mark.parametrize("shape", [(), (3,), (200, 100)], ids=str)
def test_adam_keeps_the_dtype_of_its_state(shape):
    class Louder(Adam):
        def update(self, value, gradient, state, settings):
            return super().update(value, gradient * np.float64(2), state, settings)

    p = Tensor(np.ones(shape, np.float32), requires_grad=True)
    optimizer = Louder([p])
    for dtype in (np.float32, np.float32, np.float64, np.float64, np.float16):
        p.data = p.data.astype(dtype)
        p.grad = np.ones(shape, dtype)
        optimizer.step()
        entries = {name: optimizer.state[p][name].dtype for name in ("exp_avg", "exp_avg_sq")}
        assert p.dtype == dtype and entries == {"exp_avg": dtype, "exp_avg_sq": dtype}


def test_adam_steps_in_the_precision_of_parameters_that_became_wider():
    def run(shape):
        p = Tensor(np.ones(shape, np.float32), requires_grad=True)
        optimizer = Adam([p], lr=0.1)
        for dtype in (np.float32, np.float64, np.float64):
            p.data = p.data.astype(dtype)
            p.grad = np.full(shape, 0.3, dtype)
            optimizer.step()
        return p.data.flat[0]

    assert run((3,)) == run((200, 100)) != np.float32(run((3,)))  # a small one as a large one


@pytest.mark.parametrize("order", ["C", "F"])
def test_adam_steps_a_large_parameter_as_it_steps_its_parts(order):
    rng = np.random.default_rng(0)
    values, *gradients = rng.normal(size=(3, 3, 750_000)).astype(np.float32)
    whole, parts = leaf(np.asarray(values, order=order)), [leaf(row.copy()) for row in values]
    optimizers = [Adam([whole], lr=0.1, weight_decay=0.1), Adam(parts, lr=0.1, weight_decay=0.1)]
    for gradient in gradients:
        whole.grad = np.asarray(gradient, order=order)
        for part, row in zip(parts, gradient):
            part.grad = row.copy()
        for optimizer in optimizers:
            optimizer.step()
    assert np.array_equal(whole.data, [part.data for part in parts])


@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (3,), (200, 100)], ids=str)
def test_adam_gives_the_bits_of_its_formula_with_numbers_of_python(shape, dtype, amsgrad):
    rng = np.random.default_rng(0)
    value, m, v, most = rng.normal(size=shape).astype(dtype), *np.zeros((3, *shape), dtype)
    p = Tensor(np.array(value), requires_grad=True)
    optimizer = Adam([p], amsgrad=amsgrad)
    for step in range(1, 6):
        lr, (beta1, beta2) = 0.1 / step, (0.9 - step / 100, 0.99)  # each may change at any step
        optimizer.lr, optimizer.betas = lr, (beta1, beta2)
        g = rng.uniform(0.5, 2, shape) * rng.choice([-1, 1], shape)
        p.grad = g = g.astype(dtype)
        optimizer.step()
        m = (g - m) * (1 - beta1) + m
        v = g * g * (1 - beta2) + v * beta2
        most = np.maximum(most, v)
        root = (1 - beta2**step) ** 0.5
        below = np.sqrt(most if amsgrad else v)
        if dtype == np.float16:
            below, root = below / root, 1.0
        value = value - m / (below + 1e-8 * root) * (lr * root / (1 - beta1**step))
        assert p.data.dtype == dtype and np.array_equal(p.data, value)


def test_adam_computes_with_the_numbers_of_each_group_and_dtype():
    def stepped(together):
        rng = np.random.default_rng(0)
        leaves = [
            Tensor(rng.normal(size=5).astype(dtype), requires_grad=True)
            for dtype in (np.float32, np.float64, np.float32, np.float16)
        ]
        groups = [{"params": [p], "lr": 0.1 * i} for i, p in enumerate(leaves, 1)]
        optimizers = [Adam(groups)] if together else [Adam([group]) for group in groups]
        for _ in range(4):
            for p in leaves:
                p.grad = rng.normal(size=5).astype(p.dtype)
            for optimizer in optimizers:
                optimizer.step()
            optimizers = copy.deepcopy(optimizers, {id(p): p for p in leaves})
        return [p.data for p in leaves]

    for one, alone in zip(stepped(True), stepped(False)):
        assert one.dtype == alone.dtype and np.array_equal(one, alone)


@pytest.mark.parametrize("entry", [0.0, np.zeros(()), np.zeros(1)], ids=["number", "0-d", "one"])
def test_adam_takes_one_value_for_all_as_its_state(entry):
    def run(entry):
        p = Tensor(np.ones(3), requires_grad=True)
        optimizer = Adam([p])
        for _ in range(2):
            p.grad = np.arange(1.0, 4.0)
            optimizer.step()
            optimizer.state[p]["exp_avg_sq"] = entry
        return p.data.tolist()

    assert run(entry) == run(np.zeros(3))


def test_what_the_lists_of_groups_and_the_gradients_say_counts_at_every_step():
    p, q, r, s = (Tensor([1.0], requires_grad=True) for _ in range(4))
    optimizer = SGD([p, q], lr=1.0)

    def moved(**gradients):
        before = [float(t.data[0]) for t in (p, q, r, s)]
        for name, t in zip("pqrs", (p, q, r, s)):
            t.grad = [1.0] if name in gradients else None
        optimizer.step()
        pairs = zip("pqrs", (p, q, r, s), before)
        return "".join(name for name, t, old in pairs if t.data[0] != old)

    params = optimizer.param_groups[0]["params"]
    assert moved(p=1) == "p"
    assert moved(p=1, q=1) == "pq"  # it had no gradient before
    params.append(r)
    assert moved(p=1, q=1, r=1) == "pqr"
    params.remove(q)
    assert moved(p=1, q=1, r=1) == "pr"
    params[0] = s
    assert moved(p=1, q=1, r=1, s=1) == "rs"
    optimizer.add_param_group({"params": [q]})
    assert moved(p=1, q=1, r=1, s=1) == "qrs"
    del optimizer.param_groups[0]
    assert moved(p=1, q=1, r=1, s=1) == "q"


@pytest.mark.parametrize("make", [SGD, Adam, AdamW, RMSprop, Adagrad])
def test_to_climb_is_to_go_down_the_turned_gradient(make):
    up, down = (Tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
    for p, sign, maximize in ((up, 1, True), (down, -1, False)):
        p.grad = sign * np.array([1.0, -3.0])
        make([p], maximize=maximize).step()
    assert up.data.tolist() == down.data.tolist() != [1.0, 2.0]
